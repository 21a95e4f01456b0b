#include "conditions.h"

#include "base/encode.h"
#include "http_time.h"

enum { MD5_HEX_BYTES = 2 * MD5_BYTES };

size_t etag_format(const struct etag *etag, char ret_text[static ETAG_TEXT_BYTES])
{
    char *to = ret_text;
    *to++ = '"';
    hex_encode(etag->md5, MD5_BYTES, to);
    to += MD5_HEX_BYTES;
    if (etag->part_count > 0) {
        char digits[10];
        size_t count = 0;
        for (uint32_t rest = etag->part_count; rest > 0; rest /= 10)
            digits[count++] = (char)('0' + rest % 10);
        *to++ = '-';
        while (count > 0)
            *to++ = digits[--count];
    }
    *to++ = '"';
    *to = '\0';
    return (size_t)(to - ret_text);
}

bool etag_parse(struct span text, struct etag *ret_etag)
{
    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        text = span_first(span_from(text, 1), text.len - 2);
    struct etag etag = {.part_count = 0};
    if (text.len > MD5_HEX_BYTES) {
        struct span count = span_from(text, MD5_HEX_BYTES + 1);
        uint64_t parts;
        if (text.ptr[MD5_HEX_BYTES] != '-' || !span_to_u64(count, &parts) || parts > UINT32_MAX ||
            count.ptr[0] == '0')
            return false;
        etag.part_count = (uint32_t)parts;
        text = span_first(text, MD5_HEX_BYTES);
    }
    if (!hex_decode(text, etag.md5, MD5_BYTES))
        return false;
    *ret_etag = etag;
    return true;
}

/* Takes the next member off a list of ETags: quoted, in which a comma is a plain character, or not
 * quoted, as many S3 clients send it. False at the end. */
static bool take_etag(struct span *rest, struct span *ret_item)
{
    while (rest->len > 0 && (rest->ptr[0] == ',' || rest->ptr[0] == ' ' || rest->ptr[0] == '\t'))
        *rest = span_from(*rest, 1);
    if (rest->len == 0)
        return false;
    size_t quote = rest->ptr[0] == '"' ? 0 : span_starts(*rest, SPAN("W/\"")) ? 2 : SIZE_MAX;
    size_t end = SIZE_MAX;
    if (quote != SIZE_MAX) {
        size_t closing = span_find_char(*rest, '"', quote + 1);
        end = closing == SIZE_MAX ? rest->len : closing + 1;
    } else {
        end = span_find_char(*rest, ',', 0);
    }
    *ret_item = span_trim(span_first(*rest, end));
    *rest = span_from(*rest, end);
    return true;
}

/* weak: W/"…" compares as "…" (RFC 9110 section 13.1.2), else it matches nothing (section 13.1.1).
 */
static enum s3_err parse_etag_list(
    struct arena *arena, struct span value, bool weak, struct etag_list *ret_list)
{
    struct etag_list list = {.present = span_present(value)};
    struct span rest = value, item;
    struct etag *items = NULL;
    for (size_t seen = 0; take_etag(&rest, &item); seen++) {
        if (seen == ETAG_LIST_MAX)
            return S3_ERR_INVALID_ARGUMENT;
        if (weak && span_starts(item, SPAN("W/")))
            item = span_from(item, 2);
        /* "*" in quotes is what some clients make of it; taken for an ETag, which no object can
         * have, it would let an If-None-Match overwrite. */
        if (span_eq(item, SPAN("*")) || span_eq(item, SPAN("\"*\""))) {
            list.any = true;
            continue;
        }
        if (items == NULL)
            items = arena_array(arena, struct etag, ETAG_LIST_MAX);
        if (items == NULL)
            return S3_ERR_INTERNAL;
        list.count += etag_parse(item, &items[list.count]);
    }
    list.items = items;
    *ret_list = list;
    return S3_OK;
}

/* Finds the header of this prefix and name. A field that came twice with values that differ decides
 * nothing. */
static enum s3_err find_condition(
    const struct header_list *headers, struct span prefix, struct span name, struct span *ret_value)
{
    char full[64];
    if (prefix.len + name.len > sizeof(full))
        return S3_ERR_INTERNAL;
    if (prefix.len > 0)
        memcpy(full, prefix.ptr, prefix.len);
    memcpy(full + prefix.len, name.ptr, name.len);
    struct span wanted = span_of(full, prefix.len + name.len);
    if (header_conflicts(headers, wanted))
        return S3_ERR_INVALID_ARGUMENT;
    *ret_value = header_find(headers, wanted);
    return S3_OK;
}

enum s3_err conditions_parse(struct arena *arena, const struct header_list *headers,
    struct span prefix, struct conditions *ret_conditions)
{
    struct conditions conditions = {0};
    struct span value;
    TRY(find_condition(headers, prefix, SPAN("if-match"), &value));
    TRY(parse_etag_list(arena, value, false, &conditions.if_match));
    TRY(find_condition(headers, prefix, SPAN("if-none-match"), &value));
    TRY(parse_etag_list(arena, value, true, &conditions.if_none_match));
    TRY(find_condition(headers, prefix, SPAN("if-modified-since"), &value));
    conditions.has_if_modified_since = http_time_parse(value, &conditions.if_modified_since_s);
    TRY(find_condition(headers, prefix, SPAN("if-unmodified-since"), &value));
    conditions.has_if_unmodified_since = http_time_parse(value, &conditions.if_unmodified_since_s);
    *ret_conditions = conditions;
    return S3_OK;
}

enum s3_err conditions_check(
    const struct conditions *conditions, const struct etag *etag, int64_t modified_s, bool is_copy)
{
    enum s3_err unchanged = is_copy ? S3_ERR_PRECONDITION_FAILED : S3_ERR_NOT_MODIFIED;
    if (conditions->if_match.present) {
        if (!etag_list_matches(&conditions->if_match, etag))
            return S3_ERR_PRECONDITION_FAILED;
    } else if (conditions->has_if_unmodified_since) {
        if (modified_s > conditions->if_unmodified_since_s)
            return S3_ERR_PRECONDITION_FAILED;
    }
    if (conditions->if_none_match.present) {
        if (etag_list_matches(&conditions->if_none_match, etag))
            return unchanged;
    } else if (conditions->has_if_modified_since) {
        if (modified_s <= conditions->if_modified_since_s)
            return unchanged;
    }
    return S3_OK;
}

/* Decimal digits without a sign; a number too large to hold is past the end of every object. */
static bool read_position(struct span digits, uint64_t *ret_value)
{
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
    if (digits.len == 0)
        return false;
    if (!span_to_u64(digits, ret_value))
        *ret_value = UINT64_MAX;
    return true;
}

/* "bytes=first-last" in two texts, either of which may be empty. */
static bool split_range(struct span text, struct span *ret_first, struct span *ret_last)
{
    const struct span unit = SPAN("bytes=");
    if (!span_starts_nocase(text, unit))
        return false;
    struct span set = span_from(text, unit.len);
    size_t dash = span_find_char(set, '-', 0);
    if (dash == SIZE_MAX)
        return false;
    *ret_first = span_trim(span_first(set, dash));
    *ret_last = span_trim(span_from(set, dash + 1));
    return true;
}

enum s3_err range_parse(
    struct span text, uint64_t size_bytes, bool *ret_is_range, struct byte_range *ret_range)
{
    struct byte_range range = {0, size_bytes};
    struct span first_text, last_text;
    uint64_t first = 0, last = UINT64_MAX;
    bool good = split_range(text, &first_text, &last_text) &&
                (first_text.len > 0 || last_text.len > 0) &&
                (first_text.len == 0 || read_position(first_text, &first)) &&
                (last_text.len == 0 || read_position(last_text, &last));
    if (good && first_text.len == 0) {
        if (last == 0 || size_bytes == 0)
            return S3_ERR_INVALID_RANGE;
        range.length = last < size_bytes ? last : size_bytes;
        range.offset = size_bytes - range.length;
    } else if (good && first <= last) {
        if (first >= size_bytes)
            return S3_ERR_INVALID_RANGE;
        range.offset = first;
        range.length = (last < size_bytes - 1 ? last : size_bytes - 1) - first + 1;
    } else {
        good = false;
    }
    *ret_is_range = good;
    *ret_range = range;
    return S3_OK;
}

enum s3_err copy_range_parse(struct span text, uint64_t size_bytes, struct byte_range *ret_range)
{
    struct span first_text, last_text;
    uint64_t first, last;
    if (!split_range(text, &first_text, &last_text) || !read_position(first_text, &first) ||
        !read_position(last_text, &last) || first > last)
        return S3_ERR_INVALID_ARGUMENT;
    if (last >= size_bytes)
        return S3_ERR_INVALID_RANGE;
    *ret_range = (struct byte_range){first, last - first + 1};
    return S3_OK;
}
