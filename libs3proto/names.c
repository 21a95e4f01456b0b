#include "names.h"

#include "base/digest.h"
#include "base/encode.h"

/* Four groups of one to three digits: "formatted as an IP address", whether there is one or not. */
static bool looks_like_ipv4(struct span name)
{
    struct span rest = name, group;
    size_t groups = 0;
    while (span_split(&rest, '.', &group)) {
        groups++;
        if (groups > 4 || group.len < 1 || group.len > 3)
            return false;
        for (size_t i = 0; i < group.len; i++)
            if (group.ptr[i] < '0' || group.ptr[i] > '9')
                return false;
    }
    return groups == 4;
}

static bool is_name_edge(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool bucket_name_valid(struct span name)
{
    static const struct span prefixes[] = {SPAN("xn--"), SPAN("sthree-"), SPAN("amzn-s3-demo-")};
    static const struct span suffixes[] = {
        SPAN("-s3alias"), SPAN("--ol-s3"), SPAN(".mrap"), SPAN("--x-s3"), SPAN("--table-s3")};
    if (name.len < BUCKET_NAME_MIN_BYTES || name.len > BUCKET_NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_edge(name.ptr[i]) && name.ptr[i] != '.' && name.ptr[i] != '-')
            return false;
    if (!is_name_edge(name.ptr[0]) || !is_name_edge(name.ptr[name.len - 1]))
        return false;
    if (span_find(name, SPAN(".."), 0) != SIZE_MAX || looks_like_ipv4(name))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (span_starts(name, prefixes[i]))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (span_ends(name, suffixes[i]))
            return false;
    return true;
}

enum s3_err key_check(struct span key)
{
    if (key.len == 0)
        return S3_ERR_INVALID_ARGUMENT;
    if (key.len > KEY_MAX_BYTES)
        return S3_ERR_KEY_TOO_LONG;
    if (span_find_char(key, '\0', 0) != SIZE_MAX || !span_is_utf8(key))
        return S3_ERR_INVALID_URI;
    return S3_OK;
}

/* err: INTERNAL when the arena is full, INVALID_ARGUMENT when the encoding is broken */
static enum s3_err decode(struct arena *arena, struct span text, struct span *ret_text)
{
    struct span decoded = percent_decode(arena, text);
    if (!span_present(decoded))
        return arena->overflow ? S3_ERR_INTERNAL : S3_ERR_INVALID_ARGUMENT;
    *ret_text = decoded;
    return S3_OK;
}

/* Before percent-decoding, so that %2B stays what it is. */
static enum s3_err plus_to_space(struct arena *arena, struct span text, struct span *ret_text)
{
    if (text.ptr == NULL || span_find_char(text, '+', 0) == SIZE_MAX) {
        *ret_text = text;
        return S3_OK;
    }
    char *copy = arena_alloc(arena, text.len);
    if (copy == NULL)
        return S3_ERR_INTERNAL;
    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
    *ret_text = (struct span){copy, text.len};
    return S3_OK;
}

enum s3_err copy_source_parse(struct arena *arena, struct span text, struct copy_source *ret_source)
{
    const struct span version_mark = SPAN("?versionId=");
    struct copy_source source = {.version_id = SPAN_ABSENT};
    size_t mark = span_find(text, version_mark, 0);
    if (mark != SIZE_MAX) {
        TRY(decode(arena, span_from(text, mark + version_mark.len), &source.version_id));
        if (source.version_id.len == 0)
            return S3_ERR_INVALID_ARGUMENT;
        text = span_first(text, mark);
    }
    struct span path;
    TRY(plus_to_space(arena, text, &path));
    TRY(decode(arena, path, &path));
    if (span_starts(path, SPAN("/")))
        path = span_from(path, 1);
    size_t slash = span_find_char(path, '/', 0);
    if (slash == SIZE_MAX || span_starts(path, SPAN("arn:")))
        return S3_ERR_INVALID_ARGUMENT;
    source.bucket = span_first(path, slash);
    source.key = span_from(path, slash + 1);
    /* A name that is merely against the rules is answered with NoSuchBucket by whoever looks it up.
     */
    if (source.bucket.len < BUCKET_NAME_MIN_BYTES || source.bucket.len > BUCKET_NAME_MAX_BYTES ||
        key_check(source.key) != S3_OK)
        return S3_ERR_INVALID_ARGUMENT;
    *ret_source = source;
    return S3_OK;
}

/* A token is base64url of: version byte, marker, CRC32C of both (big-endian). The CRC is no secret:
 * a marker gives no rights, and whatever is in it only says where a listing goes on. */
enum {
    TOKEN_VERSION = 1,
    TOKEN_FRAME_BYTES = 1 + 4,
    TOKEN_MARKER_MAX_BYTES = 8 * 1024,
    TOKEN_TEXT_MAX_BYTES = (TOKEN_MARKER_MAX_BYTES + TOKEN_FRAME_BYTES + 2) / 3 * 4,
};

static void swap_alphabet(char *text, size_t len, const char from[2], const char to[2])
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == from[0])
            text[i] = to[0];
        else if (text[i] == from[1])
            text[i] = to[1];
    }
}

struct span token_encode(struct arena *arena, struct span after)
{
    CLEANUP(buf_free) struct buf text = {0};
    buf_init(&text, TOKEN_TEXT_MAX_BYTES);
    if (after.len > TOKEN_MARKER_MAX_BYTES) {
        arena->overflow = true;
        return SPAN_ABSENT;
    }
    size_t len = after.len + TOKEN_FRAME_BYTES;
    uint8_t *bytes = arena_alloc(arena, len);
    if (bytes == NULL)
        return SPAN_ABSENT;
    bytes[0] = TOKEN_VERSION;
    if (after.len > 0)
        memcpy(bytes + 1, after.ptr, after.len);
    uint32_t crc = crc32c_update(0, span_of(bytes, len - 4));
    for (size_t i = 0; i < 4; i++)
        bytes[len - 4 + i] = (uint8_t)(crc >> (24 - 8 * i));
    base64_encode(&text, span_of(bytes, len));
    if (!buf_ok(&text)) {
        arena->overflow = true;
        return SPAN_ABSENT;
    }
    while (text.len > 0 && text.ptr[text.len - 1] == '=')
        text.len--;
    swap_alphabet(text.ptr, text.len, "+/", "-_");
    return arena_copy(arena, buf_span(&text));
}

enum s3_err token_decode(struct arena *arena, struct span token, struct span *ret_after)
{
    if (token.len == 0 || token.len > TOKEN_TEXT_MAX_BYTES ||
        span_find_char(token, '+', 0) != SIZE_MAX || span_find_char(token, '/', 0) != SIZE_MAX ||
        span_find_char(token, '=', 0) != SIZE_MAX)
        return S3_ERR_INVALID_ARGUMENT;
    size_t padded_len = (token.len + 3) / 4 * 4;
    char *padded = arena_alloc(arena, padded_len);
    uint8_t *bytes = arena_alloc(arena, padded_len);
    if (padded == NULL || bytes == NULL)
        return S3_ERR_INTERNAL;
    memcpy(padded, token.ptr, token.len);
    memset(padded + token.len, '=', padded_len - token.len);
    swap_alphabet(padded, token.len, "-_", "+/");
    size_t len;
    if (!base64_decode(span_of(padded, padded_len), bytes, padded_len, &len) ||
        len < TOKEN_FRAME_BYTES || bytes[0] != TOKEN_VERSION)
        return S3_ERR_INVALID_ARGUMENT;
    uint32_t crc = crc32c_update(0, span_of(bytes, len - 4));
    for (size_t i = 0; i < 4; i++)
        if (bytes[len - 4 + i] != (uint8_t)(crc >> (24 - 8 * i)))
            return S3_ERR_INVALID_ARGUMENT;
    *ret_after = span_of(bytes + 1, len - TOKEN_FRAME_BYTES);
    return S3_OK;
}
