#include "tags.h"

#include "base/encode.h"
#include "target.h"

/* UTF-16 units of valid UTF-8. */
static size_t units(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        count += (c & 0xc0) != 0x80;
        count += c >= 0xf0; /* a pair */
    }
    return count;
}

/* Letters, digits, spaces and _ . : / = + - @. What is not ASCII is taken for a letter, but for what UTF-16
 * writes as a pair (emoji and their like). */
static bool has_valid_characters(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && c < 0x80 && span_find_char(SPAN(" _.:/=+-@"), (char)c, 0) == SIZE_MAX)
            return false;
        if (c >= 0xf0)
            return false;
    }
    return true;
}

static enum s3_err invalid(struct tags_fault *fault, const char *message, struct tag tag)
{
    *fault = (struct tags_fault){.message = message, .key = tag.key, .value = tag.value};
    return S3_ERR_INVALID_TAG;
}

static enum s3_err check_tag(struct tag tag, const struct tags *before, struct tags_fault *fault)
{
    struct tag only_key = {.key = tag.key, .value = SPAN_ABSENT};
    if (tag.key.len == 0 || units(tag.key) > TAG_KEY_MAX_UNITS || !has_valid_characters(tag.key))
        return invalid(fault, "The TagKey you have provided is invalid", only_key);
    if (units(tag.value) > TAG_VALUE_MAX_UNITS || !has_valid_characters(tag.value))
        return invalid(fault, "The TagValue you have provided is invalid", tag);
    if (span_starts_nocase(tag.key, SPAN("aws:")))
        return invalid(fault, "System tags cannot be added/updated by requester", only_key);
    if (span_present(tags_find(before, tag.key)))
        return invalid(fault, "Cannot provide multiple Tags with the same key", only_key);
    return S3_OK;
}

static enum s3_err read_tag(const struct xml_node *node, struct tag *ret_tag)
{
    const struct xml_node *key = xml_child(node, SPAN("Key"));
    const struct xml_node *value = xml_child(node, SPAN("Value"));
    if (!span_eq(node->name, SPAN("Tag")) || key == NULL || value == NULL)
        return S3_ERR_MALFORMED_XML;
    for (const struct xml_node *child = node->first_child; child != NULL; child = child->next)
        if (child != key && child != value)
            return S3_ERR_MALFORMED_XML;
    *ret_tag = (struct tag){key->text, value->text};
    return S3_OK;
}

static enum s3_err too_many(struct tags_fault *fault, size_t max)
{
    fault->message = max == TAGS_OBJECT_MAX ? "Object tags cannot be greater than 10"
                                            : "Bucket tag count cannot be greater than 50";
    return S3_ERR_BAD_REQUEST;
}

enum s3_err tags_read(struct arena *arena, const struct xml_node *parent, size_t max,
    struct tags *ret_tags, struct tags_fault *ret_fault)
{
    size_t count = 0;
    for (const struct xml_node *child = parent->first_child; child != NULL; child = child->next)
        count++;
    *ret_fault = (struct tags_fault){.message = NULL};
    if (count > max)
        return too_many(ret_fault, max);
    struct tags tags = {.items = arena_array(arena, struct tag, count)};
    if (tags.items == NULL)
        return S3_ERR_INTERNAL;
    for (const struct xml_node *child = parent->first_child; child != NULL; child = child->next) {
        struct tag tag;
        TRY(read_tag(child, &tag));
        TRY(check_tag(tag, &tags, ret_fault));
        tags.items[tags.count++] = tag;
    }
    *ret_tags = tags;
    return S3_OK;
}

enum s3_err tagging_parse(struct arena *arena, struct span document, size_t max,
    struct tags *ret_tags, struct tags_fault *ret_fault)
{
    struct xml_node *root;
    *ret_fault = (struct tags_fault){.message = NULL};
    TRY(xml_read(arena, document, &root));
    const struct xml_node *set = xml_child(root, SPAN("TagSet"));
    if (!span_eq(root->name, SPAN("Tagging")) || set == NULL || set != root->first_child ||
        set->next != NULL)
        return S3_ERR_MALFORMED_XML;
    return tags_read(arena, set, max, ret_tags, ret_fault);
}

static enum s3_err bad_query(struct tags_fault *fault)
{
    *fault = (struct tags_fault){
        .message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
                   "parameters without tag name duplicates."};
    return S3_ERR_INVALID_ARGUMENT;
}

/* '+' is a space in names, too. */
static struct span with_spaces(struct arena *arena, struct span text)
{
    struct span copy = arena_copy(arena, text);
    char *bytes = (char *)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if (bytes[i] == '+')
            bytes[i] = ' ';
    return copy;
}

enum s3_err tags_from_query(
    struct arena *arena, struct span text, struct tags *ret_tags, struct tags_fault *ret_fault)
{
    struct query query = {NULL, 0};
    struct tags tags = {NULL, 0};
    struct span copy = with_spaces(arena, text);
    *ret_fault = (struct tags_fault){.message = NULL};
    enum s3_err err = query_parse(arena, copy, copy.len, &query);
    if (err == S3_OK)
        tags.items = arena_array(arena, struct tag, query.count);
    if (arena->overflow)
        return S3_ERR_INTERNAL;
    if (err != S3_OK)
        return bad_query(ret_fault);
    if (query.count > TAGS_OBJECT_MAX)
        return too_many(ret_fault, TAGS_OBJECT_MAX);
    for (size_t i = 0; i < query.count; i++) {
        const struct query_param *param = &query.params[i];
        struct tag tag = {param->name, span_present(param->value) ? param->value : SPAN("")};
        if (span_present(tags_find(&tags, tag.key)))
            return bad_query(ret_fault);
        TRY(check_tag(tag, &tags, ret_fault));
        tags.items[tags.count++] = tag;
    }
    *ret_tags = tags;
    return S3_OK;
}

void tags_write(struct buf *out, const struct tags *tags)
{
    for (size_t i = 0; i < tags->count; i++) {
        xml_open(out, SPAN("Tag"));
        xml_text(out, SPAN("Key"), tags->items[i].key);
        xml_text(out, SPAN("Value"), tags->items[i].value);
        xml_close(out, SPAN("Tag"));
    }
}

void tagging_write(struct buf *out, const struct tags *tags)
{
    xml_begin_document(out, SPAN("Tagging"));
    xml_open(out, SPAN("TagSet"));
    tags_write(out, tags);
    xml_close(out, SPAN("TagSet"));
    xml_close(out, SPAN("Tagging"));
}

void tags_write_query(struct buf *out, const struct tags *tags)
{
    for (size_t i = 0; i < tags->count; i++) {
        buf_add(out, i > 0 ? SPAN("&") : SPAN(""));
        percent_encode(out, tags->items[i].key, false);
        buf_add_char(out, '=');
        percent_encode(out, tags->items[i].value, false);
    }
}

struct span tags_find(const struct tags *tags, struct span key)
{
    for (size_t i = 0; i < tags->count; i++)
        if (span_eq(tags->items[i].key, key))
            return tags->items[i].value;
    return SPAN_ABSENT;
}
