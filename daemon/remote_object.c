#include "checksum.h"
#include "conditions.h"
#include "daemon/remote_internal.h"
#include "http_time.h"

enum { ETAG_MAX_BYTES = 256 };

static bool read_u64(const struct header_list *headers, struct span name, uint64_t *ret_value)
{
    struct span text = header_find(headers, name);
    return span_present(text) && span_to_u64(text, ret_value);
}

/* "bytes FIRST-LAST/SIZE". src: RFC 9110, section 14.4 */
static bool read_content_range(
    struct span text, uint64_t *ret_first, uint64_t *ret_last, uint64_t *ret_size)
{
    struct span first, last;
    if (!span_starts(text, SPAN("bytes ")))
        return false;
    text = span_from(text, 6);
    return span_split(&text, '-', &first) && span_split(&text, '/', &last) &&
           span_to_u64(first, ret_first) && span_to_u64(last, ret_last) &&
           span_to_u64(text, ret_size) && *ret_first <= *ret_last && *ret_last < *ret_size;
}

/* Is that what was asked for? */
static bool fits_range(const struct remote_get *get, const struct remote_object *object)
{
    uint64_t last = object->first + object->content_length - 1, end = object->size_bytes - 1;
    if (get->has_range)
        return object->first == get->first && last == (get->last < end ? get->last : end);
    if (get->suffix_range)
        return last == end && object->content_length ==
                                  (get->last < object->size_bytes ? get->last : object->size_bytes);
    return get->part_number != 0;
}

static bool read_sizes(
    const struct remote_get *get, const struct http_head *head, struct remote_object *object)
{
    const struct header_list *headers = &head->headers;
    if (header_conflicts(headers, SPAN("content-length")) ||
        !read_u64(headers, SPAN("content-length"), &object->content_length))
        return false;
    object->size_bytes = object->content_length;
    struct span range = header_find(headers, SPAN("content-range"));
    bool partial = head->status == 206;
    if (!partial || !span_present(range))
        /* A part that is the whole object may be told as 200; HEAD of a part without a range. */
        return !get->has_range && !get->suffix_range && (!partial || get->part_number != 0);
    uint64_t last;
    return read_content_range(range, &object->first, &last, &object->size_bytes) &&
           last - object->first + 1 == object->content_length && fits_range(get, object);
}

static bool is_visible(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || (unsigned char)text.ptr[i] >= 0x7f)
            return false;
    return true;
}

/* The first that is understood; one that is not is as none. */
static struct checksum read_checksum(const struct header_list *headers, bool of_part)
{
    struct checksum none = {.algo = DIGEST_NONE};
    for (size_t i = 0; i < headers->count; i++) {
        struct checksum found;
        enum digest_algo algo = checksum_algo_by_header(headers->items[i].name);
        if (algo != DIGEST_NONE &&
            checksum_parse(algo, headers->items[i].value, !of_part, &found) == S3_OK) {
            enum checksum_type type;
            struct span named = header_find(headers, SPAN("x-amz-checksum-type"));
            if (!of_part && found.part_count == 0 && span_present(named) &&
                (!checksum_type_by_name(named, &type) || type != CHECKSUM_FULL_OBJECT))
                return none; /* of what, it does not say */
            return found;
        }
    }
    return none;
}

enum remote_err remote_object_read(
    const struct remote_get *get, const struct http_head *head, struct remote_object *ret_object)
{
    const struct header_list *headers = &head->headers;
    struct remote_object object = {.status = head->status, .headers = *headers};
    if ((head->status != 200 && head->status != 206) || !read_sizes(get, head, &object))
        return REMOTE_NONSENSE;
    object.etag_text = header_find(headers, SPAN("etag"));
    if (object.etag_text.len == 0 || object.etag_text.len > ETAG_MAX_BYTES ||
        !is_visible(object.etag_text))
        return REMOTE_NONSENSE;
    object.has_etag = etag_parse(object.etag_text, &object.etag);
    int64_t modified_s = 0;
    struct span modified = header_find(headers, SPAN("last-modified"));
    if (span_present(modified) && http_time_parse(modified, &modified_s))
        object.modified_ms = modified_s * 1000;
    uint64_t parts = 0;
    if (read_u64(headers, SPAN("x-amz-mp-parts-count"), &parts) && parts <= 10000)
        object.parts_count = (uint32_t)parts;
    if (!read_u64(headers, SPAN("x-amz-tagging-count"), &object.tag_count))
        object.tag_count = 0;
    if (!get->has_range && !get->suffix_range)
        object.checksum = read_checksum(headers, get->part_number != 0);
    *ret_object = object;
    return REMOTE_OK;
}

bool remote_object_copy(
    struct arena *arena, const struct remote_object *object, struct remote_object *ret_object)
{
    struct header *items = arena_array(arena, struct header, object->headers.count);
    *ret_object = *object;
    ret_object->etag_text = arena_copy(arena, object->etag_text);
    for (size_t i = 0; items != NULL && i < object->headers.count; i++)
        items[i] = (struct header){arena_copy(arena, object->headers.items[i].name),
            arena_copy(arena, object->headers.items[i].value)};
    ret_object->headers.items = items;
    return !arena->overflow;
}
