#include "daemon/metadata.h"

/* An entry is: field (1 byte), length (2 bytes, little-endian), that many bytes. The bytes of
 * METADATA_USER are: length of the name (2 bytes), name, value. An entry of a field that a later
 * release has added is skipped. */
enum { ENTRY_HEAD_BYTES = 3, NAME_HEAD_BYTES = 2, VALUE_MAX_BYTES = 0xffff };

/* Headers of a response that are not user metadata fit in these. */
enum { OTHER_HEADERS_MAX = 32 };

struct system_field {
    const char *response_name;
    struct span request_name;
    struct span override_name;
};

static const struct system_field system_fields[METADATA_FIELDS] = {
    [METADATA_CONTENT_TYPE] = {"Content-Type", SPAN("content-type"), SPAN("response-content-type")},
    [METADATA_CONTENT_ENCODING] = {"Content-Encoding", SPAN("content-encoding"),
        SPAN("response-content-encoding")},
    [METADATA_CONTENT_LANGUAGE] = {"Content-Language", SPAN("content-language"),
        SPAN("response-content-language")},
    [METADATA_CONTENT_DISPOSITION] = {"Content-Disposition", SPAN("content-disposition"),
        SPAN("response-content-disposition")},
    [METADATA_CACHE_CONTROL] = {"Cache-Control", SPAN("cache-control"),
        SPAN("response-cache-control")},
    [METADATA_EXPIRES] = {"Expires", SPAN("expires"), SPAN("response-expires")},
};

static const struct span user_prefix = SPAN("x-amz-meta-");
static const struct span default_content_type = SPAN("binary/octet-stream");

struct user_entry {
    struct span name; /* lower case, without the prefix */
    struct span value;
};

struct user_list {
    struct user_entry *items;
    size_t count;
    size_t bytes;
};

static enum s3_err fail_too_large(struct request *request, size_t size_bytes)
{
    request_error_field(request, SPAN("Size"), arena_format(&request->arena, "%zu", size_bytes));
    request_error_field(request, SPAN("MaxSizeAllowed"),
        arena_format(&request->arena, "%d", METADATA_USER_MAX_BYTES));
    return FAIL(request, METADATA_TOO_LARGE, NULL);
}

/* "a,b"; a field that came twice is one list. src: RFC 9110, section 5.2 */
static struct span join(struct arena *arena, struct span a, struct span b)
{
    char *to = arena_alloc(arena, a.len + 1 + b.len);
    if (to == NULL)
        return SPAN_ABSENT;
    if (a.len > 0)
        memcpy(to, a.ptr, a.len);
    to[a.len] = ',';
    if (b.len > 0)
        memcpy(to + a.len + 1, b.ptr, b.len);
    return span_of(to, a.len + 1 + b.len);
}

static enum s3_err add_user(
    struct request *request, struct user_list *list, struct span full_name, struct span value)
{
    if (!span_starts_nocase(full_name, user_prefix))
        return S3_OK;
    struct span name = span_from(full_name, user_prefix.len);
    if (name.len == 0)
        return FAIL(request, INVALID_ARGUMENT, "The name of user-defined metadata is empty.");
    if (list->items == NULL)
        list->items =
            arena_array(&request->arena, struct user_entry, HEADERS_MAX + QUERY_PARAMS_MAX);
    if (list->items == NULL)
        return FAIL(request, INTERNAL, NULL);
    struct user_entry *entry = NULL;
    for (size_t i = 0; i < list->count && entry == NULL; i++)
        if (span_eq_nocase(list->items[i].name, name))
            entry = &list->items[i];
    if (entry != NULL) {
        entry->value = join(&request->arena, entry->value, value);
        list->bytes += 1 + value.len;
    } else if (list->count < HEADERS_MAX + QUERY_PARAMS_MAX) {
        list->items[list->count++] = (struct user_entry){arena_lower(&request->arena, name), value};
        list->bytes += name.len + value.len;
    } else {
        return fail_too_large(request, list->bytes + name.len + value.len);
    }
    if (request->arena.overflow)
        return FAIL(request, INTERNAL, NULL);
    return list->bytes > METADATA_USER_MAX_BYTES ? fail_too_large(request, list->bytes) : S3_OK;
}

static enum s3_err collect_user(
    struct request *request, const struct header_list *headers, struct user_list *list)
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct header *header = &headers->items[i];
        TRY(add_user(request, list, header->name, header->value));
    }
    if (headers != &request->headers || request->auth.kind != SIGV4_PRESIGNED)
        return S3_OK;
    for (size_t i = 0; i < request->target.query.count; i++) {
        const struct query_param *param = &request->target.query.params[i];
        if (!span_present(request_header(request, param->name)))
            TRY(add_user(request, list, param->name, param->value));
    }
    return S3_OK;
}

/* Content-Encoding without the framing; absent when nothing is left. */
static struct span without_aws_chunked(struct arena *arena, struct span value)
{
    struct span rest = value, item, kept = SPAN_ABSENT;
    bool found = false;
    while (span_split(&rest, ',', &item)) {
        item = span_trim(item);
        if (span_eq_nocase(item, SPAN("aws-chunked")))
            found = true;
        else if (item.len > 0)
            kept = span_present(kept) ? join(arena, kept, item) : item;
    }
    return found ? kept : value;
}

static char *put_u16(char *to, size_t value)
{
    *to++ = (char)(value & 0xff);
    *to++ = (char)(value >> 8);
    return to;
}

static char *put_bytes(char *to, struct span bytes)
{
    if (bytes.len > 0)
        memcpy(to, bytes.ptr, bytes.len);
    return to + bytes.len;
}

static struct span encode(struct arena *arena, const struct span fields[METADATA_FIELDS],
    const struct user_list *list, size_t size_bytes)
{
    char *start = arena_alloc(arena, size_bytes);
    if (start == NULL)
        return SPAN_ABSENT;
    char *to = start;
    for (size_t i = METADATA_USER + 1; i < METADATA_FIELDS; i++) {
        if (fields[i].len == 0)
            continue;
        *to++ = (char)i;
        to = put_u16(to, fields[i].len);
        to = put_bytes(to, fields[i]);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct user_entry *entry = &list->items[i];
        *to++ = METADATA_USER;
        to = put_u16(to, NAME_HEAD_BYTES + entry->name.len + entry->value.len);
        to = put_u16(to, entry->name.len);
        to = put_bytes(to, entry->name);
        to = put_bytes(to, entry->value);
    }
    return span_of(start, (size_t)(to - start));
}

enum s3_err metadata_read(struct request *request, struct span *ret_encoded)
{
    return metadata_read_from(request, &request->headers, ret_encoded);
}

enum s3_err metadata_read_from(
    struct request *request, const struct header_list *headers, struct span *ret_encoded)
{
    struct span fields[METADATA_FIELDS] = {{NULL, 0}};
    size_t size_bytes = 0;
    for (size_t i = METADATA_USER + 1; i < METADATA_FIELDS; i++) {
        fields[i] = header_find(headers, system_fields[i].request_name);
        if (i == METADATA_CONTENT_ENCODING)
            fields[i] = without_aws_chunked(&request->arena, fields[i]);
        if (i == METADATA_CONTENT_TYPE && span_eq(fields[i], default_content_type))
            fields[i] = SPAN_ABSENT;
        if (fields[i].len > VALUE_MAX_BYTES)
            return FAIL(request, METADATA_TOO_LARGE, NULL);
        if (fields[i].len > 0)
            size_bytes += ENTRY_HEAD_BYTES + fields[i].len;
    }
    struct user_list list = {0};
    TRY(collect_user(request, headers, &list));
    size_bytes += list.bytes + list.count * (ENTRY_HEAD_BYTES + NAME_HEAD_BYTES);
    if (size_bytes > STORAGE_METADATA_MAX_BYTES)
        return FAIL(request, METADATA_TOO_LARGE, NULL);
    *ret_encoded = SPAN_ABSENT;
    if (size_bytes > 0)
        *ret_encoded = encode(&request->arena, fields, &list, size_bytes);
    return request->arena.overflow ? FAIL(request, INTERNAL, NULL) : S3_OK;
}

static size_t get_u16(const char *from)
{
    return (size_t)(uint8_t)from[0] | (size_t)(uint8_t)from[1] << 8;
}

/* Takes the next entry off the front; false at the end and where the bytes make no sense. */
static bool next_entry(struct span *rest, unsigned *ret_field, struct span *ret_bytes)
{
    if (rest->len < ENTRY_HEAD_BYTES)
        return false;
    size_t len = get_u16(rest->ptr + 1);
    if (len > rest->len - ENTRY_HEAD_BYTES)
        return false;
    *ret_field = (uint8_t)rest->ptr[0];
    *ret_bytes = span_first(span_from(*rest, ENTRY_HEAD_BYTES), len);
    *rest = span_from(*rest, ENTRY_HEAD_BYTES + len);
    return true;
}

/* False when the response has no room for it. */
static bool respond_user(struct request *request, struct span bytes)
{
    if (bytes.len < NAME_HEAD_BYTES || get_u16(bytes.ptr) > bytes.len - NAME_HEAD_BYTES)
        return false;
    if (request->response.header_count >= RESPONSE_HEADERS_MAX - OTHER_HEADERS_MAX)
        return false;
    size_t name_len = get_u16(bytes.ptr);
    char *name = arena_alloc(&request->arena, user_prefix.len + name_len + 1);
    if (name == NULL)
        return false;
    char *end = put_bytes(name, user_prefix);
    end = put_bytes(end, span_first(span_from(bytes, NAME_HEAD_BYTES), name_len));
    *end = '\0';
    response_header_borrowed(request, name, span_from(bytes, NAME_HEAD_BYTES + name_len));
    return true;
}

void metadata_respond(
    struct request *request, struct span encoded, const struct metadata_overrides *overrides)
{
    struct span fields[METADATA_FIELDS] = {{NULL, 0}};
    fields[METADATA_CONTENT_TYPE] = default_content_type;
    unsigned field;
    struct span bytes;
    uint64_t missing = 0;
    while (next_entry(&encoded, &field, &bytes)) {
        if (field == METADATA_USER)
            missing += !respond_user(request, bytes);
        else if (field < METADATA_FIELDS)
            fields[field] = bytes;
    }
    for (size_t i = METADATA_USER + 1; i < METADATA_FIELDS; i++) {
        struct span value = fields[i];
        if (overrides != NULL && overrides->values[i].len > 0)
            value = overrides->values[i];
        if (span_present(value))
            response_header_borrowed(request, system_fields[i].response_name, value);
    }
    if (missing > 0)
        response_header_u64(request, "x-amz-missing-meta", missing);
}

void metadata_respond_not_modified(struct request *request, struct span encoded)
{
    unsigned field;
    struct span bytes;
    while (next_entry(&encoded, &field, &bytes))
        if (field == METADATA_CACHE_CONTROL || field == METADATA_EXPIRES)
            response_header_borrowed(request, system_fields[field].response_name, bytes);
}

enum s3_err metadata_overrides_read(
    struct request *request, struct metadata_overrides *ret_overrides)
{
    struct metadata_overrides overrides = {0};
    bool any = false;
    if (request->target.query.count > 0)
        for (size_t i = METADATA_USER + 1; i < METADATA_FIELDS; i++) {
            overrides.values[i] = request_query(request, system_fields[i].override_name);
            any = any || span_present(overrides.values[i]);
        }
    if (any && request->auth.kind == SIGV4_ANONYMOUS)
        return FAIL(request, INVALID_REQUEST,
            "Request specific response headers cannot be used for anonymous GET requests.");
    *ret_overrides = overrides;
    return S3_OK;
}

struct span metadata_user(struct span encoded, struct span name)
{
    unsigned field;
    struct span bytes;
    while (next_entry(&encoded, &field, &bytes)) {
        if (field != METADATA_USER || bytes.len < NAME_HEAD_BYTES)
            continue;
        size_t name_len = get_u16(bytes.ptr);
        struct span rest = span_from(bytes, NAME_HEAD_BYTES);
        if (name_len <= rest.len && span_eq(span_first(rest, name_len), name))
            return span_from(rest, name_len);
    }
    return SPAN_ABSENT;
}

static struct span find_entry(struct span encoded, unsigned wanted)
{
    unsigned field;
    struct span bytes;
    while (next_entry(&encoded, &field, &bytes))
        if (field == wanted)
            return bytes;
    return SPAN_ABSENT;
}

struct span metadata_header(struct span encoded, enum metadata_field field)
{
    return find_entry(encoded, field);
}

struct span metadata_entry(struct span encoded, unsigned field)
{
    return find_entry(encoded, field);
}

static char *put_entry(char *to, unsigned field, struct span bytes)
{
    *to++ = (char)field;
    to = put_u16(to, bytes.len);
    return put_bytes(to, bytes);
}

enum s3_err metadata_with_entry(struct request *request, struct span encoded, unsigned field,
    struct span bytes, struct span *ret_encoded)
{
    size_t max_bytes = encoded.len + ENTRY_HEAD_BYTES + bytes.len;
    char *start = arena_alloc(&request->arena, max_bytes);
    unsigned other;
    struct span kept, rest = encoded;
    bool is_put = bytes.len == 0;
    if (start == NULL)
        return FAIL(request, INTERNAL, NULL);
    if (bytes.len > VALUE_MAX_BYTES)
        return FAIL(request, METADATA_TOO_LARGE, NULL);
    char *to = start;
    while (next_entry(&rest, &other, &kept)) {
        if (!is_put && other > field) {
            to = put_entry(to, field, bytes);
            is_put = true;
        }
        if (other != field)
            to = put_entry(to, other, kept);
    }
    if (!is_put)
        to = put_entry(to, field, bytes);
    if ((size_t)(to - start) > STORAGE_METADATA_MAX_BYTES)
        return FAIL(request, METADATA_TOO_LARGE, NULL);
    *ret_encoded = to > start ? span_of(start, (size_t)(to - start)) : SPAN_ABSENT;
    return S3_OK;
}
