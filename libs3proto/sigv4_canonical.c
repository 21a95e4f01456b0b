#include "base/encode.h"
#include "http_time.h"
#include "sigv4.h"

/* A canonical request is written straight into one piece of the arena whose size is known to be
 * enough, since this runs for every request. */
enum { ENCODED_BYTE_MAX = 3 };

struct writer {
    char *to;
    char *end;
};

static void put(struct writer *writer, struct span bytes)
{
    if (bytes.len > (size_t)(writer->end - writer->to))
        abort(); /* the size computed before was wrong */
    if (bytes.len > 0)
        memcpy(writer->to, bytes.ptr, bytes.len);
    writer->to += bytes.len;
}

static void put_char(struct writer *writer, char c)
{
    if (writer->to == writer->end)
        abort();
    *writer->to++ = c;
}

static void put_lower(struct writer *writer, struct span text)
{
    char *from = writer->to;
    put(writer, text);
    for (char *c = from; c < writer->to; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
}

/* A-Z a-z 0-9 - . _ ~ stay as they are; src: SigV4, UriEncode() */
static const bool unreserved[256] = {
    ['-'] = true,
    ['.'] = true,
    ['_'] = true,
    ['~'] = true,
    ['0'] = true,
    ['1'] = true,
    ['2'] = true,
    ['3'] = true,
    ['4'] = true,
    ['5'] = true,
    ['6'] = true,
    ['7'] = true,
    ['8'] = true,
    ['9'] = true,
    ['A'] = true,
    ['B'] = true,
    ['C'] = true,
    ['D'] = true,
    ['E'] = true,
    ['F'] = true,
    ['G'] = true,
    ['H'] = true,
    ['I'] = true,
    ['J'] = true,
    ['K'] = true,
    ['L'] = true,
    ['M'] = true,
    ['N'] = true,
    ['O'] = true,
    ['P'] = true,
    ['Q'] = true,
    ['R'] = true,
    ['S'] = true,
    ['T'] = true,
    ['U'] = true,
    ['V'] = true,
    ['W'] = true,
    ['X'] = true,
    ['Y'] = true,
    ['Z'] = true,
    ['a'] = true,
    ['b'] = true,
    ['c'] = true,
    ['d'] = true,
    ['e'] = true,
    ['f'] = true,
    ['g'] = true,
    ['h'] = true,
    ['i'] = true,
    ['j'] = true,
    ['k'] = true,
    ['l'] = true,
    ['m'] = true,
    ['n'] = true,
    ['o'] = true,
    ['p'] = true,
    ['q'] = true,
    ['r'] = true,
    ['s'] = true,
    ['t'] = true,
    ['u'] = true,
    ['v'] = true,
    ['w'] = true,
    ['x'] = true,
    ['y'] = true,
    ['z'] = true,
};

static void put_encoded(struct writer *writer, struct span text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    if (text.len > (size_t)(writer->end - writer->to) / ENCODED_BYTE_MAX)
        abort(); /* the size computed before was wrong */
    char *to = writer->to;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];
        if (unreserved[byte] || (keep_slash && byte == '/')) {
            *to++ = (char)byte;
            continue;
        }
        *to++ = '%';
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
    writer->to = to;
}

/* Without ".", ".." and empty segments; a trailing slash stays. Writes at most path.len bytes. */
static struct span normalize_path(struct arena *arena, struct span path)
{
    char *to = arena_alloc(arena, path.len + 1);
    if (to == NULL)
        return SPAN_ABSENT;
    size_t len = 0;
    struct span rest = path, segment = SPAN("");
    while (span_split(&rest, '/', &segment)) {
        if (segment.len == 0 || span_eq(segment, SPAN(".")))
            continue;
        if (span_eq(segment, SPAN(".."))) {
            while (len > 0 && to[--len] != '/')
                continue;
            continue;
        }
        to[len++] = '/';
        memcpy(to + len, segment.ptr, segment.len);
        len += segment.len;
    }
    bool directory =
        segment.len == 0 || span_eq(segment, SPAN(".")) || span_eq(segment, SPAN(".."));
    if (len == 0 || directory)
        to[len++] = '/';
    return span_of(to, len);
}

/* S3 signs the path as its decoded bytes encoded once. Other services encode what is on the wire,
 * which is encoded already, once more. */
static struct span path_to_encode(
    struct arena *arena, const struct target *target, const struct sigv4_auth *auth, bool normalize)
{
    struct span path = span_eq(auth->service, SPAN("s3")) ? target->signed_path : target->raw_path;
    return normalize ? normalize_path(arena, path) : path;
}

struct encoded_param {
    struct span name;
    struct span value;
};

static int param_cmp(const struct encoded_param *a, const struct encoded_param *b)
{
    int order = span_cmp(a->name, b->name);
    return order != 0 ? order : span_cmp(a->value, b->value);
}

/* Clients send parameters nearly sorted, and there are at most QUERY_PARAMS_MAX. */
static void sort_params(struct encoded_param *params, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct encoded_param moving = params[i];
        size_t at = i;
        for (; at > 0 && param_cmp(&params[at - 1], &moving) > 0; at--)
            params[at] = params[at - 1];
        params[at] = moving;
    }
}

static size_t query_max_bytes(const struct query *query)
{
    size_t bytes = 0;
    for (size_t i = 0; i < query->count; i++)
        bytes += (query->params[i].name.len + query->params[i].value.len) * ENCODED_BYTE_MAX + 2;
    return bytes;
}

static struct span encode_into(struct writer *writer, struct span text)
{
    char *from = writer->to;
    put_encoded(writer, text, false);
    return span_of(from, (size_t)(writer->to - from));
}

static bool put_query(
    struct writer *writer, struct arena *arena, const struct query *query, enum sigv4_kind kind)
{
    if (query->count == 0)
        return true;
    size_t scratch_bytes = query_max_bytes(query);
    struct encoded_param params[QUERY_PARAMS_MAX];
    char *scratch = arena_alloc(arena, scratch_bytes);
    if (scratch == NULL || query->count > QUERY_PARAMS_MAX)
        return false;
    struct writer encoder = {scratch, scratch + scratch_bytes};
    size_t count = 0;
    for (size_t i = 0; i < query->count; i++) {
        const struct query_param *param = &query->params[i];
        if (kind == SIGV4_PRESIGNED && span_eq(param->name, SPAN("X-Amz-Signature")))
            continue;
        params[count].name = encode_into(&encoder, param->name);
        params[count++].value = encode_into(&encoder, param->value);
    }
    sort_params(params, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            put_char(writer, '&');
        put(writer, params[i].name);
        put_char(writer, '=');
        put(writer, params[i].value);
    }
    return true;
}

/* Line breaks are there in folded headers only. */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Trimmed, and inner runs of white space as one space. */
static void put_header_value(struct writer *writer, struct span value)
{
    const char *from = writer->to;
    bool pending_space = false;
    if (value.len > (size_t)(writer->end - writer->to))
        abort();
    char *to = writer->to;
    for (size_t i = 0; i < value.len; i++) {
        if (is_blank(value.ptr[i])) {
            pending_space = to > from;
            continue;
        }
        if (pending_space)
            *to++ = ' ';
        pending_space = false;
        *to++ = value.ptr[i];
    }
    writer->to = to;
}

/* Most names differ in length or in the last letter. */
static bool is_named(const struct header *header, struct span lower_name)
{
    size_t len = lower_name.len;
    if (header->name.len != len)
        return false;
    return len == 0 || (((header->name.ptr[len - 1] ^ lower_name.ptr[len - 1]) & ~0x20) == 0 &&
                           span_eq_nocase(header->name, lower_name));
}

/* A header that is signed and did not come stands as an empty one. */
static void put_header(
    struct writer *writer, const struct header_list *headers, struct span lower_name)
{
    bool found = false;
    put(writer, lower_name);
    put_char(writer, ':');
    for (size_t i = 0; i < headers->count; i++) {
        const struct header *header = &headers->items[i];
        if (!is_named(header, lower_name))
            continue;
        if (found)
            put_char(writer, ',');
        put_header_value(writer, header->value);
        found = true;
    }
    put_char(writer, '\n');
}

struct signed_names {
    struct span items[HEADERS_MAX];
    size_t count;
};

static bool add_signed_name(struct signed_names *names, struct span name)
{
    size_t at = names->count;
    while (at > 0 && span_cmp(names->items[at - 1], name) > 0)
        at--;
    if (at > 0 && span_eq(names->items[at - 1], name))
        return true;
    if (names->count == HEADERS_MAX)
        return false;
    if (at < names->count)
        memmove(&names->items[at + 1], &names->items[at],
            (names->count - at) * sizeof(names->items[0]));
    names->items[at] = name;
    names->count++;
    return true;
}

/* Lower-case, sorted and each once, as the canonical request wants them, however they were sent. */
static bool take_signed_names(struct arena *arena, struct span list, struct signed_names *ret_names)
{
    char *lower = arena_alloc(arena, list.len);
    if (lower == NULL)
        return false;
    struct writer writer = {lower, lower + list.len};
    put_lower(&writer, list);
    struct span rest = span_of(lower, list.len), name;
    ret_names->count = 0;
    while (span_split(&rest, ';', &name))
        if (!add_signed_name(ret_names, name))
            return false;
    return true;
}

static size_t headers_max_bytes(const struct header_list *headers, const struct signed_names *names)
{
    size_t bytes = 0;
    for (size_t i = 0; i < names->count; i++)
        bytes += 2 * (names->items[i].len + 2);
    for (size_t i = 0; i < headers->count; i++)
        bytes += headers->items[i].value.len + 1;
    return bytes;
}

static void put_headers(
    struct writer *writer, const struct header_list *headers, const struct signed_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        put_header(writer, headers, names->items[i]);
    put_char(writer, '\n');
    for (size_t i = 0; i < names->count; i++) {
        if (i > 0)
            put_char(writer, ';');
        put(writer, names->items[i]);
    }
}

struct span sigv4_canonical_request(struct arena *arena, struct span method,
    const struct target *target, const struct header_list *headers, const struct sigv4_auth *auth,
    bool normalize)
{
    struct signed_names names;
    struct span path = path_to_encode(arena, target, auth, normalize);
    if (!span_present(path) || !take_signed_names(arena, auth->signed_headers, &names))
        return SPAN_ABSENT;
    size_t max_bytes = method.len + path.len * ENCODED_BYTE_MAX + query_max_bytes(&target->query) +
                       headers_max_bytes(headers, &names) + auth->payload_sha256_hex.len +
                       sizeof("\n\n\n\n\n");
    char *text = arena_alloc(arena, max_bytes);
    if (text == NULL)
        return SPAN_ABSENT;
    struct writer writer = {text, text + max_bytes};
    put(&writer, method);
    put_char(&writer, '\n');
    put_encoded(&writer, path, true);
    put_char(&writer, '\n');
    if (!put_query(&writer, arena, &target->query, auth->kind))
        return SPAN_ABSENT;
    put_char(&writer, '\n');
    put_headers(&writer, headers, &names);
    put_char(&writer, '\n');
    put(&writer, auth->payload_sha256_hex);
    return span_of(text, (size_t)(writer.to - text));
}

struct span sigv4_string_to_sign(
    struct arena *arena, const struct sigv4_auth *auth, struct span canonical_request)
{
    static const char algorithm[] = "AWS4-HMAC-SHA256\n", terminal[] = "/aws4_request\n";
    uint8_t hash[SHA256_BYTES];
    char hash_hex[SIGV4_HEX_BYTES + 1], formatted[AMZ_TIME_BYTES];
    struct span timestamp = auth->timestamp;
    if (!span_present(timestamp)) {
        amz_time_format(auth->time_s, formatted);
        timestamp = span_of(formatted, AMZ_TIME_BYTES - 1);
    }
    size_t max_bytes = sizeof(algorithm) + timestamp.len + auth->date.len + auth->region.len +
                       auth->service.len + sizeof(terminal) + SIGV4_HEX_BYTES + 3;
    char *text = arena_alloc(arena, max_bytes);
    if (text == NULL || !span_present(canonical_request))
        return SPAN_ABSENT;
    sha256_of(canonical_request, hash);
    hex_encode(hash, sizeof(hash), hash_hex);
    struct writer writer = {text, text + max_bytes};
    put(&writer, span_of(algorithm, sizeof(algorithm) - 1));
    put(&writer, timestamp);
    put_char(&writer, '\n');
    put(&writer, auth->date);
    put_char(&writer, '/');
    put(&writer, auth->region);
    put_char(&writer, '/');
    put(&writer, auth->service);
    put(&writer, span_of(terminal, sizeof(terminal) - 1));
    put(&writer, span_of(hash_hex, SIGV4_HEX_BYTES));
    return span_of(text, (size_t)(writer.to - text));
}
