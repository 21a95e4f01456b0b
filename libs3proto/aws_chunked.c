#include "aws_chunked.h"

#include "base/encode.h"
#include "http_time.h"

enum {
    CHUNK_SIGNED_MIN_BYTES = 8192, /* of every signed chunk but the last */
    PREFIX_MAX_BYTES = 512,
    CHUNK_ARENA_MAX_BYTES = 64 * 1024,
};

enum chunk_state {
    CHUNK_AT_SIZE, /* reading "hex[;chunk-signature=…]\r\n" */
    CHUNK_IN_DATA,
    CHUNK_AT_DATA_END, /* the "\r\n" after the data */
    CHUNK_IN_TRAILERS, /* all that follows the chunk of size 0 */
    CHUNK_DONE,
    CHUNK_FAILED,
};

struct aws_chunked {
    enum chunk_state state;
    enum s3_err failure;
    bool is_signed;
    bool has_trailers;
    uint64_t expected; /* decoded bytes still to come */
    uint64_t chunk_left;
    uint64_t last_size; /* of the chunk before */
    bool any_chunk;
    uint8_t line_end_seen; /* bytes of "\r\n" */

    char line[CHUNK_LINE_MAX_BYTES];
    size_t line_len;

    uint8_t key[SHA256_BYTES];
    char previous[SIGV4_HEX_BYTES];  /* signature */
    char announced[SIGV4_HEX_BYTES]; /* the current chunk's */
    char prefix[PREFIX_MAX_BYTES];   /* "\nTIMESTAMP\nSCOPE\n" of every string to sign */
    size_t prefix_len;
    struct digest digest; /* of the current chunk */

    struct arena arena;
    struct span promised; /* names by x-amz-trailer */
    struct buf trailer_text;
    struct header trailers[CHUNK_TRAILERS_MAX];
    struct header_list list;
};

static bool set_prefix(struct aws_chunked *decoder, const struct sigv4_auth *auth)
{
    char formatted[AMZ_TIME_BYTES];
    struct span timestamp = auth->timestamp;
    if (!span_present(timestamp)) {
        amz_time_format(auth->time_s, formatted);
        timestamp = span_of(formatted, AMZ_TIME_BYTES - 1);
    }
    int len = snprintf(decoder->prefix, sizeof(decoder->prefix),
        "\n%.*s\n%.*s/%.*s/%.*s/aws4_request\n", SPAN_ARG(timestamp), SPAN_ARG(auth->date),
        SPAN_ARG(auth->region), SPAN_ARG(auth->service));
    if (len < 0 || (size_t)len >= sizeof(decoder->prefix))
        return false;
    decoder->prefix_len = (size_t)len;
    return true;
}

static bool set_signing(
    struct aws_chunked *decoder, const struct sigv4_auth *auth, const uint8_t *key)
{
    if (auth == NULL || key == NULL || auth->signature.len != SIGV4_HEX_BYTES)
        return false;
    memcpy(decoder->key, key, SHA256_BYTES);
    memcpy(decoder->previous, auth->signature.ptr, SIGV4_HEX_BYTES);
    return set_prefix(decoder, auth);
}

struct aws_chunked *aws_chunked_new(enum sigv4_payload payload, const struct sigv4_auth *auth,
    const uint8_t *key, uint64_t decoded_length, struct span trailer_names)
{
    struct aws_chunked *decoder = calloc(1, sizeof(*decoder));
    if (decoder == NULL)
        return NULL;
    decoder->is_signed =
        payload == SIGV4_PAYLOAD_CHUNKED || payload == SIGV4_PAYLOAD_CHUNKED_TRAILER;
    decoder->has_trailers = payload != SIGV4_PAYLOAD_CHUNKED;
    decoder->expected = decoded_length;
    arena_init(&decoder->arena, CHUNK_ARENA_MAX_BYTES);
    buf_init(&decoder->trailer_text, CHUNK_TRAILERS_MAX_BYTES);
    if (span_trim(trailer_names).len > 0)
        decoder->promised = arena_copy(&decoder->arena, trailer_names);
    if (decoder->arena.overflow || (decoder->is_signed && !set_signing(decoder, auth, key))) {
        aws_chunked_free(decoder);
        return NULL;
    }
    return decoder;
}

void aws_chunked_free(struct aws_chunked *decoder)
{
    if (decoder == NULL)
        return;
    digest_free(&decoder->digest);
    buf_free(&decoder->trailer_text);
    arena_free(&decoder->arena);
    wipe(decoder, sizeof(*decoder));
    free(decoder);
}

static void add_text(char *text, size_t *len, struct span bytes)
{
    memcpy(text + *len, bytes.ptr, bytes.len);
    *len += bytes.len;
}

/* The signature over kind, the scope, the previous signature and then hashes; on a match it becomes
 * the previous one. */
static enum s3_err check_signature(
    struct aws_chunked *decoder, struct span kind, struct span hashes, const char *announced)
{
    char text[64 + PREFIX_MAX_BYTES + 4 * SIGV4_HEX_BYTES];
    char computed[SIGV4_HEX_BYTES + 1];
    size_t len = 0;
    add_text(text, &len, kind);
    add_text(text, &len, span_of(decoder->prefix, decoder->prefix_len));
    add_text(text, &len, span_of(decoder->previous, SIGV4_HEX_BYTES));
    add_text(text, &len, hashes);
    sigv4_sign(decoder->key, span_of(text, len), computed);
    if (!span_eq_constant_time(
            span_of(computed, SIGV4_HEX_BYTES), span_of(announced, SIGV4_HEX_BYTES)))
        return S3_ERR_SIGNATURE_DOES_NOT_MATCH;
    memcpy(decoder->previous, computed, SIGV4_HEX_BYTES);
    return S3_OK;
}

static enum s3_err check_chunk(struct aws_chunked *decoder)
{
    static const char empty_hash[] =
        "\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
    enum { EMPTY_BYTES = sizeof(empty_hash) - 1 };
    char hashes[EMPTY_BYTES + SIGV4_HEX_BYTES + 1];
    uint8_t hash[DIGEST_MAX_BYTES];
    digest_final(&decoder->digest, hash);
    digest_free(&decoder->digest);
    memcpy(hashes, empty_hash, EMPTY_BYTES);
    hex_encode(hash, SHA256_BYTES, hashes + EMPTY_BYTES);
    return check_signature(decoder, SPAN("AWS4-HMAC-SHA256-PAYLOAD"),
        span_of(hashes, sizeof(hashes) - 1), decoder->announced);
}

static int size_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Hexadecimal without sign or prefix; false on overflow too. */
static bool parse_size(struct span text, uint64_t *ret_size)
{
    uint64_t size = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = size_digit(text.ptr[i]);
        if (digit < 0 || size > UINT64_MAX >> 4)
            return false;
        size = size << 4 | (uint64_t)digit;
    }
    *ret_size = size;
    return text.len > 0;
}

static enum s3_err begin_chunk(struct aws_chunked *decoder, uint64_t size)
{
    if (size > decoder->expected || (size == 0 && decoder->expected > 0))
        return S3_ERR_INCOMPLETE_BODY;
    /* Unsigned chunks are as clients' streams make them. */
    if (decoder->is_signed && decoder->any_chunk && size > 0 &&
        decoder->last_size < CHUNK_SIGNED_MIN_BYTES)
        return S3_ERR_INVALID_CHUNK_SIZE;
    decoder->any_chunk = true;
    decoder->last_size = size;
    decoder->chunk_left = size;
    decoder->expected -= size;
    if (decoder->is_signed && !digest_init(&decoder->digest, DIGEST_SHA256))
        return S3_ERR_INTERNAL;
    if (size > 0) {
        decoder->state = CHUNK_IN_DATA;
        return S3_OK;
    }
    decoder->state = CHUNK_IN_TRAILERS;
    return decoder->is_signed ? check_chunk(decoder) : S3_OK;
}

/* line: without its end */
static enum s3_err parse_size_line(struct aws_chunked *decoder, struct span line)
{
    static const char extension[] = ";chunk-signature=";
    enum { EXTENSION_BYTES = sizeof(extension) - 1 };
    uint64_t size;
    if (decoder->is_signed) {
        size_t at = line.len - EXTENSION_BYTES - SIGV4_HEX_BYTES;
        if (line.len < EXTENSION_BYTES + SIGV4_HEX_BYTES ||
            memcmp(line.ptr + at, extension, EXTENSION_BYTES) != 0)
            return S3_ERR_INVALID_ARGUMENT;
        memcpy(decoder->announced, line.ptr + at + EXTENSION_BYTES, SIGV4_HEX_BYTES);
        line.len = at;
    }
    if (!parse_size(line, &size))
        return S3_ERR_INVALID_ARGUMENT;
    return begin_chunk(decoder, size);
}

static enum s3_err take_size_line(struct aws_chunked *decoder, struct span *input)
{
    size_t feed = span_find_char(*input, '\n', 0);
    struct span piece = span_first(*input, feed == SIZE_MAX ? SIZE_MAX : feed + 1);
    if (piece.len > sizeof(decoder->line) - decoder->line_len)
        return S3_ERR_INVALID_ARGUMENT;
    memcpy(decoder->line + decoder->line_len, piece.ptr, piece.len);
    decoder->line_len += piece.len;
    *input = span_from(*input, piece.len);
    if (feed == SIZE_MAX)
        return S3_OK;
    struct span line = span_of(decoder->line, decoder->line_len);
    decoder->line_len = 0;
    if (!span_ends(line, SPAN("\r\n")))
        return S3_ERR_INVALID_ARGUMENT;
    return parse_size_line(decoder, span_first(line, line.len - 2));
}

static enum s3_err take_data(
    struct aws_chunked *decoder, struct span *input, struct span *ret_decoded)
{
    size_t len = input->len < decoder->chunk_left ? input->len : (size_t)decoder->chunk_left;
    struct span data = span_first(*input, len);
    if (decoder->is_signed)
        digest_update(&decoder->digest, data);
    decoder->chunk_left -= len;
    if (decoder->chunk_left == 0) {
        if (decoder->is_signed)
            TRY(check_chunk(decoder));
        decoder->state = CHUNK_AT_DATA_END;
        decoder->line_end_seen = 0;
    }
    *input = span_from(*input, len);
    *ret_decoded = data;
    return S3_OK;
}

static enum s3_err take_data_end(struct aws_chunked *decoder, struct span *input)
{
    if (input->ptr[0] != "\r\n"[decoder->line_end_seen])
        return S3_ERR_INVALID_ARGUMENT;
    *input = span_from(*input, 1);
    if (++decoder->line_end_seen == 2)
        decoder->state = CHUNK_AT_SIZE;
    return S3_OK;
}

static enum s3_err take_step(
    struct aws_chunked *decoder, struct span *input, struct span *ret_decoded)
{
    switch (decoder->state) {
    case CHUNK_AT_SIZE:
        return take_size_line(decoder, input);
    case CHUNK_IN_DATA:
        return take_data(decoder, input, ret_decoded);
    case CHUNK_AT_DATA_END:
        return take_data_end(decoder, input);
    case CHUNK_IN_TRAILERS:
        buf_add(&decoder->trailer_text, *input);
        *input = span_from(*input, input->len);
        return buf_ok(&decoder->trailer_text) ? S3_OK : S3_ERR_MALFORMED_TRAILER;
    case CHUNK_DONE:
        return S3_ERR_INVALID_ARGUMENT;
    case CHUNK_FAILED:
        break;
    }
    return decoder->failure;
}

static enum s3_err fail_with(struct aws_chunked *decoder, enum s3_err err)
{
    if (err != S3_OK) {
        decoder->state = CHUNK_FAILED;
        decoder->failure = err;
    }
    return err;
}

enum s3_err aws_chunked_next(
    struct aws_chunked *decoder, struct span *input, struct span *ret_decoded)
{
    struct span decoded = SPAN("");
    while (input->len > 0 && decoded.len == 0)
        TRY(fail_with(decoder, take_step(decoder, input, &decoded)));
    *ret_decoded = decoded;
    return S3_OK;
}

static bool is_promised(const struct aws_chunked *decoder, struct span name)
{
    struct span rest = decoder->promised, item;
    while (span_split(&rest, ',', &item))
        if (span_eq_nocase(span_trim(item), name))
            return true;
    return false;
}

/* Adds "name: value" in the order of names, in which it is signed. */
static enum s3_err add_trailer(struct aws_chunked *decoder, struct span line)
{
    size_t colon = span_find_char(line, ':', 0);
    if (colon == SIZE_MAX || colon == 0 || decoder->list.count == CHUNK_TRAILERS_MAX)
        return S3_ERR_MALFORMED_TRAILER;
    struct span name = arena_copy(&decoder->arena, span_first(line, colon));
    if (!span_present(name))
        return S3_ERR_INTERNAL;
    char *lower = (char *)name.ptr;
    for (size_t i = 0; i < name.len; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] - 'A' + 'a');
    if (!is_promised(decoder, name))
        return S3_ERR_MALFORMED_TRAILER;
    size_t at = decoder->list.count;
    while (at > 0 && span_cmp(decoder->trailers[at - 1].name, name) > 0)
        at--;
    if (at > 0 && span_eq(decoder->trailers[at - 1].name, name))
        return S3_ERR_MALFORMED_TRAILER;
    memmove(&decoder->trailers[at + 1], &decoder->trailers[at],
        (decoder->list.count - at) * sizeof(decoder->trailers[0]));
    decoder->trailers[at] = (struct header){name, span_trim(span_from(line, colon + 1))};
    decoder->list.count++;
    return S3_OK;
}

/* Clients end lines with "\r\n" or "\n", put empty lines before, between and after, and leave the
 * last line's end out; so the section goes to the end of the body and empty lines mean nothing. */
static enum s3_err parse_trailers(struct aws_chunked *decoder, struct span *ret_signature)
{
    static const struct span signature_name = {"x-amz-trailer-signature", 23};
    struct span rest = buf_span(&decoder->trailer_text), line;
    while (span_split(&rest, '\n', &line)) {
        if (span_ends(line, SPAN("\r")))
            line.len--;
        if (line.len == 0)
            continue;
        if (!decoder->has_trailers)
            return S3_ERR_INVALID_ARGUMENT;
        if (decoder->is_signed && line.len > signature_name.len &&
            span_starts_nocase(line, signature_name) && line.ptr[signature_name.len] == ':') {
            if (span_present(*ret_signature))
                return S3_ERR_MALFORMED_TRAILER;
            *ret_signature = span_trim(span_from(line, signature_name.len + 1));
            continue;
        }
        TRY(add_trailer(decoder, line));
    }
    return S3_OK;
}

static enum s3_err check_promises(const struct aws_chunked *decoder, const struct header_list *list)
{
    struct span rest = decoder->promised, item;
    while (span_split(&rest, ',', &item)) {
        item = span_trim(item);
        if (item.len > 0 && !span_present(header_find(list, item)))
            return S3_ERR_MALFORMED_TRAILER;
    }
    return S3_OK;
}

static enum s3_err check_trailer_signature(
    struct aws_chunked *decoder, const struct header_list *list, struct span signature)
{
    struct digest digest;
    uint8_t hash[DIGEST_MAX_BYTES];
    char hashes[1 + SIGV4_HEX_BYTES + 1] = "\n";
    if (signature.len != SIGV4_HEX_BYTES)
        return S3_ERR_MALFORMED_TRAILER;
    if (!digest_init(&digest, DIGEST_SHA256))
        return S3_ERR_INTERNAL;
    for (size_t i = 0; i < list->count; i++) {
        digest_update(&digest, list->items[i].name);
        digest_update(&digest, SPAN(":"));
        digest_update(&digest, list->items[i].value);
        digest_update(&digest, SPAN("\n"));
    }
    digest_final(&digest, hash);
    digest_free(&digest);
    hex_encode(hash, SHA256_BYTES, hashes + 1);
    return check_signature(decoder, SPAN("AWS4-HMAC-SHA256-TRAILER"),
        span_of(hashes, 1 + SIGV4_HEX_BYTES), signature.ptr);
}

static enum s3_err finish(struct aws_chunked *decoder)
{
    struct span signature = SPAN_ABSENT;
    if (decoder->state == CHUNK_FAILED)
        return decoder->failure;
    if (decoder->state == CHUNK_DONE)
        return S3_OK;
    if (decoder->state != CHUNK_IN_TRAILERS)
        return S3_ERR_INCOMPLETE_BODY;
    TRY(parse_trailers(decoder, &signature));
    struct header_list list = {decoder->trailers, decoder->list.count};
    TRY(check_promises(decoder, &list));
    if (decoder->is_signed && decoder->has_trailers)
        TRY(check_trailer_signature(decoder, &list, signature));
    decoder->list.items = decoder->trailers;
    decoder->state = CHUNK_DONE;
    return S3_OK;
}

enum s3_err aws_chunked_finish(struct aws_chunked *decoder)
{
    return fail_with(decoder, finish(decoder));
}

const struct header_list *aws_chunked_trailers(const struct aws_chunked *decoder)
{
    static const struct header_list none = {NULL, 0};
    return decoder->state == CHUNK_DONE ? &decoder->list : &none;
}
