#include "bodies.h"

static size_t count_children(const struct xml_node *parent, struct span name)
{
    size_t count = 0;
    for (const struct xml_node *child = parent->first_child; child != NULL; child = child->next)
        count += span_eq(child->name, name);
    return count;
}

/* A name that stands empty counts as absent, as SDKs write both. */
static struct span text_or_absent(const struct xml_node *parent, struct span name)
{
    struct span text = xml_child_text(parent, name);
    return text.len > 0 ? text : SPAN_ABSENT;
}

static enum s3_err read_delete_entry(const struct xml_node *object, struct delete_entry *ret_entry)
{
    /* A key may begin or end with spaces, so its text is not trimmed. */
    const struct xml_node *key = xml_child(object, SPAN("Key"));
    if (key == NULL || key->text.len == 0)
        return S3_ERR_MALFORMED_XML;
    /* Conditions of directory buckets. To ignore a condition would delete what should stay. */
    if (xml_child(object, SPAN("LastModifiedTime")) != NULL ||
        xml_child(object, SPAN("Size")) != NULL)
        return S3_ERR_NOT_IMPLEMENTED;
    *ret_entry = (struct delete_entry){
        .key = key->text,
        .version_id = text_or_absent(object, SPAN("VersionId")),
        .etag_text = text_or_absent(object, SPAN("ETag")),
    };
    return S3_OK;
}

enum s3_err delete_objects_parse(
    struct arena *arena, struct span document, struct delete_objects_body *ret_body)
{
    struct xml_node *root;
    TRY(xml_read(arena, document, &root));
    if (!span_eq(root->name, SPAN("Delete")))
        return S3_ERR_MALFORMED_XML;
    size_t count = count_children(root, SPAN("Object"));
    if (count == 0 || count > DELETE_OBJECTS_MAX)
        return S3_ERR_MALFORMED_XML;
    struct delete_entry *entries = arena_array(arena, struct delete_entry, count);
    if (entries == NULL)
        return S3_ERR_INTERNAL;
    size_t filled = 0;
    for (const struct xml_node *child = root->first_child; child != NULL; child = child->next)
        if (span_eq(child->name, SPAN("Object")))
            TRY(read_delete_entry(child, &entries[filled++]));
    *ret_body = (struct delete_objects_body){
        .quiet = span_eq_nocase(xml_child_text(root, SPAN("Quiet")), SPAN("true")),
        .entries = entries,
        .count = count,
    };
    return S3_OK;
}

static enum s3_err read_part_checksum(const struct xml_node *part, struct checksum *ret_checksum)
{
    static const enum digest_algo algorithms[] = {
        DIGEST_CRC32, DIGEST_CRC32C, DIGEST_SHA1, DIGEST_SHA256, DIGEST_CRC64NVME};
    struct checksum checksum = {.algo = DIGEST_NONE};
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        struct span text = text_or_absent(part, checksum_element_name(algorithms[i]));
        if (!span_present(text))
            continue;
        if (checksum.algo != DIGEST_NONE)
            return S3_ERR_INVALID_REQUEST;
        TRY(checksum_parse(algorithms[i], text, false, &checksum));
    }
    *ret_checksum = checksum;
    return S3_OK;
}

static enum s3_err read_part(const struct xml_node *node, struct complete_part *ret_part)
{
    struct complete_part part = {0};
    uint64_t number;
    if (!span_to_u64(xml_child_text(node, SPAN("PartNumber")), &number) || number < 1 ||
        number > PART_NUMBER_MAX)
        return S3_ERR_MALFORMED_XML;
    struct span etag = text_or_absent(node, SPAN("ETag"));
    if (!span_present(etag))
        return S3_ERR_MALFORMED_XML;
    part.number = (uint32_t)number;
    part.etag_valid = etag_parse(etag, &part.etag);
    TRY(read_part_checksum(node, &part.checksum));
    *ret_part = part;
    return S3_OK;
}

enum s3_err complete_multipart_parse(
    struct arena *arena, struct span document, struct complete_body *ret_body)
{
    struct xml_node *root;
    TRY(xml_read(arena, document, &root));
    if (!span_eq(root->name, SPAN("CompleteMultipartUpload")))
        return S3_ERR_MALFORMED_XML;
    size_t count = count_children(root, SPAN("Part"));
    if (count == 0 || count > PART_NUMBER_MAX)
        return S3_ERR_MALFORMED_XML;
    struct complete_part *parts = arena_array(arena, struct complete_part, count);
    if (parts == NULL)
        return S3_ERR_INTERNAL;
    size_t filled = 0;
    for (const struct xml_node *child = root->first_child; child != NULL; child = child->next)
        if (span_eq(child->name, SPAN("Part")))
            TRY(read_part(child, &parts[filled++]));
    *ret_body = (struct complete_body){parts, count};
    return S3_OK;
}

enum s3_err create_bucket_parse(
    struct arena *arena, struct span document, struct create_bucket_body *ret_body)
{
    struct create_bucket_body body = {0};
    if (document.len > 0) {
        TRY(xml_read(arena, document, &body.root));
        if (!span_eq(body.root->name, SPAN("CreateBucketConfiguration")))
            return S3_ERR_MALFORMED_XML;
        body.location_constraint = text_or_absent(body.root, SPAN("LocationConstraint"));
    }
    *ret_body = body;
    return S3_OK;
}
