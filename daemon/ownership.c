#include "daemon/ownership.h"

#include "daemon/bucket_documents.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"

static const struct span names[] = {
    [OWNERSHIP_BUCKET_OWNER_ENFORCED] = SPAN("BucketOwnerEnforced"),
    [OWNERSHIP_BUCKET_OWNER_PREFERRED] = SPAN("BucketOwnerPreferred"),
    [OWNERSHIP_OBJECT_WRITER] = SPAN("ObjectWriter"),
};

struct span ownership_name(enum object_ownership ownership)
{
    return names[ownership];
}

bool ownership_by_name(struct span name, enum object_ownership *ret_ownership)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq(name, names[i])) {
            *ret_ownership = (enum object_ownership)i;
            return true;
        }
    return false;
}

/* What is parsed is one of the table's names, so nothing has to be made or freed. */
static void *parse(const struct bucket_info *bucket, struct span text)
{
    (void)bucket;
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    return ownership_by_name(text, &ownership) ? (void *)&names[ownership] : NULL;
}

static void keep(void *parsed)
{
    (void)parsed;
}

static const struct document_type ownership_type = {
    .kind = DOCUMENT_OWNERSHIP_CONTROLS, .parse = parse, .free = keep};

enum s3_err ownership_controls(struct request *request, const struct bucket_info *bucket,
    bool *ret_there, enum object_ownership *ret_ownership)
{
    const void *parsed = NULL;
    TRY(bucket_document(request, bucket, &ownership_type, &parsed));
    *ret_there = parsed != NULL;
    *ret_ownership = parsed != NULL ? (enum object_ownership)((const struct span *)parsed - names)
                                    : OWNERSHIP_OBJECT_WRITER;
    return S3_OK;
}

enum s3_err ownership_of(
    struct request *request, const struct bucket_info *bucket, enum object_ownership *ret_ownership)
{
    bool there = false;
    return ownership_controls(request, bucket, &there, ret_ownership);
}

enum s3_err ownership_of_new_bucket(struct request *request, enum object_ownership *ret_ownership)
{
    static const char name[] = "x-amz-object-ownership";
    struct span value = object_amz_header(request, span_str(name));
    const struct config *config = request->daemon->config;
    if (span_present(value))
        return ownership_by_name(value, ret_ownership)
                   ? S3_OK
                   : FAIL_ARGUMENT(request, name, value, "Invalid x-amz-object-ownership header");
    bool legacy = config != NULL && config->new_buckets == NEW_BUCKETS_LEGACY;
    *ret_ownership = legacy ? OWNERSHIP_OBJECT_WRITER : OWNERSHIP_BUCKET_OWNER_ENFORCED;
    return S3_OK;
}
