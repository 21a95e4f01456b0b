#include "daemon/public_access.h"

#include "daemon/bucket_documents.h"
#include "daemon/daemon.h"
#include "xml_read.h"
#include "xml_write.h"

#include <stdlib.h>

/* A configuration is kept as four characters, '1' where a switch is on, in this order. */
static const struct {
    struct span name;
    size_t offset;
} switches[] = {
    {SPAN("BlockPublicAcls"), offsetof(struct public_access, block_public_acls)},
    {SPAN("IgnorePublicAcls"), offsetof(struct public_access, ignore_public_acls)},
    {SPAN("BlockPublicPolicy"), offsetof(struct public_access, block_public_policy)},
    {SPAN("RestrictPublicBuckets"), offsetof(struct public_access, restrict_public_buckets)},
};
enum { SWITCHES = ARRAY_LEN(switches) };

static bool *switch_of(struct public_access *access, size_t i)
{
    return (bool *)((char *)access + switches[i].offset);
}

static bool is_on(const struct public_access *access, size_t i)
{
    return *(const bool *)((const char *)access + switches[i].offset);
}

bool public_access_read(struct span text, struct public_access *ret_access)
{
    if (text.len != SWITCHES)
        return false;
    for (size_t i = 0; i < SWITCHES; i++)
        *switch_of(ret_access, i) = text.ptr[i] == '1';
    return true;
}

void public_access_text(
    const struct public_access *access, char ret_text[static PUBLIC_ACCESS_TEXT_BYTES])
{
    for (size_t i = 0; i < SWITCHES; i++)
        ret_text[i] = is_on(access, i) ? '1' : '0';
}

/* ---- XML ---- */

static bool read_bool(struct span text, bool *ret_value)
{
    *ret_value = span_eq_nocase(text, SPAN("true"));
    return *ret_value || span_eq_nocase(text, SPAN("false"));
}

enum s3_err public_access_parse(
    struct arena *arena, struct span document, struct public_access *ret_access)
{
    struct public_access access = {0};
    struct xml_node *root;
    TRY(xml_read(arena, document, &root));
    if (!span_eq(root->name, SPAN("PublicAccessBlockConfiguration")))
        return S3_ERR_MALFORMED_XML;
    for (const struct xml_node *node = root->first_child; node != NULL; node = node->next) {
        bool known = false;
        for (size_t i = 0; i < SWITCHES; i++)
            if (span_eq(node->name, switches[i].name))
                known = read_bool(xml_child_text(root, node->name), switch_of(&access, i));
        if (!known)
            return S3_ERR_MALFORMED_XML;
    }
    *ret_access = access;
    return S3_OK;
}

void public_access_xml(struct buf *out, const struct public_access *access, bool of_account)
{
    if (of_account)
        xml_begin_document_in(out, SPAN("PublicAccessBlockConfiguration"), XML_S3_CONTROL);
    else
        xml_begin_document(out, SPAN("PublicAccessBlockConfiguration"));
    for (size_t i = 0; i < SWITCHES; i++)
        xml_bool(out, switches[i].name, is_on(access, i));
    xml_close(out, SPAN("PublicAccessBlockConfiguration"));
}

/* ---- of a bucket ---- */

static void *parse(const struct bucket_info *bucket, struct span text)
{
    (void)bucket;
    struct public_access *access = calloc(1, sizeof(*access));
    if (access == NULL || !public_access_read(text, access)) {
        free(access);
        return NULL;
    }
    return access;
}

static const struct document_type block_document = {
    .kind = DOCUMENT_PUBLIC_ACCESS_BLOCK,
    .parse = parse,
    .free = free,
};

enum s3_err public_access_of_bucket(struct request *request, const struct bucket_info *bucket,
    const struct public_access **ret_access)
{
    const void *parsed;
    TRY(bucket_document(request, bucket, &block_document, &parsed));
    *ret_access = parsed;
    return S3_OK;
}

enum s3_err public_access_levels(struct request *request, const struct bucket_info *bucket,
    struct public_access *ret_bucket, struct public_access *ret_account)
{
    const struct public_access *own;
    TRY(public_access_of_bucket(request, bucket, &own));
    *ret_bucket = own != NULL ? *own : (struct public_access){0};
    if (!account_blocks_get(request->daemon->account_blocks, bucket->owner_id, ret_account))
        *ret_account = (struct public_access){0};
    return S3_OK;
}

enum s3_err public_access_of(
    struct request *request, const struct bucket_info *bucket, struct public_access *ret_access)
{
    struct public_access own, account;
    TRY(public_access_levels(request, bucket, &own, &account));
    for (size_t i = 0; i < SWITCHES; i++)
        *switch_of(ret_access, i) = is_on(&own, i) || is_on(&account, i);
    return S3_OK;
}
