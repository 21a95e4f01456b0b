#include "daemon/ops/copy_origin.h"

#include "base/clock.h"
#include "checksum.h"
#include "daemon/acl.h"
#include "daemon/authorize.h"
#include "daemon/daemon.h"
#include "daemon/lineage.h"
#include "daemon/md5_group.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"
#include "daemon/version_id.h"
#include "daemon/zones.h"
#include "names.h"

/* x-amz-source-expected-bucket-owner: twelve digits of an account. */
static enum s3_err check_owner(struct request *request, const struct bucket_info *bucket)
{
    struct span text = object_amz_header(request, SPAN("x-amz-source-expected-bucket-owner"));
    uint64_t account;
    if (!span_present(text) || (span_to_u64(text, &account) && account == bucket->owner_id))
        return S3_OK;
    return FAIL(request, ACCESS_DENIED, NULL);
}

static enum s3_err find_bucket(
    struct request *request, struct span name, struct bucket_info *ret_bucket)
{
    if (span_eq(name, request->target.bucket)) {
        *ret_bucket = request->bucket;
        return S3_OK;
    }
    enum storage_err err =
        storage_bucket_get(request_store(request), name, &request->arena, ret_bucket);
    if (err == STORAGE_OK)
        return S3_OK;
    if (err == STORAGE_NO_SUCH_BUCKET)
        request_error_field(request, SPAN("BucketName"), name);
    return FAIL_STORAGE(request, err);
}

enum s3_err copy_origin_find(struct request *request, struct copy_origin *ret_origin)
{
    struct copy_origin origin = {0};
    struct copy_source source;
    struct span text = request_header(request, SPAN("x-amz-copy-source"));
    enum s3_err err = copy_source_parse(&request->arena, text, &source);
    if (err == S3_ERR_INVALID_ARGUMENT)
        return FAIL_ARGUMENT(request, "x-amz-copy-source", text,
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    if (err == S3_OK)
        err = conditions_parse(
            &request->arena, &request->headers, SPAN("x-amz-copy-source-"), &origin.conditions);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    origin.key = source.key;
    origin.version_text = source.version_id;
    const char *detail = NULL;
    if (version_id_parse(source.version_id, &origin.version, &detail) != S3_OK)
        return FAIL_ARGUMENT(request, "versionId", source.version_id, detail);
    TRY(find_bucket(request, source.bucket, &origin.bucket));
    TRY(check_owner(request, &origin.bucket));
    struct access_ask ask = {
        .action = span_present(source.version_id) ? "s3:GetObjectVersion" : "s3:GetObject",
        .bucket = &origin.bucket,
        .key = source.key,
        .version_id = source.version_id};
    TRY(authorize_ask(request, &ask));
    request->source_bucket = origin.bucket.name;
    request->source_key = origin.key;
    *ret_origin = origin;
    return S3_OK;
}

/* Which of the four failed, by the name that AWS gives it. */
static struct span failed_condition(
    const struct conditions *conditions, const struct object_info *info)
{
    if (conditions->if_match.present) {
        if (!etag_list_matches(&conditions->if_match, &info->attributes.etag))
            return SPAN("x-amz-copy-source-If-Match");
    } else if (conditions->has_if_unmodified_since &&
               info->modified_ms / 1000 > conditions->if_unmodified_since_s) {
        return SPAN("x-amz-copy-source-If-Unmodified-Since");
    }
    return conditions->if_none_match.present ? SPAN("x-amz-copy-source-If-None-Match")
                                             : SPAN("x-amz-copy-source-If-Modified-Since");
}

static enum s3_err check_conditions(struct request *request, const struct copy_origin *origin)
{
    struct conditions conditions = origin->conditions;
    /* A date that is still to come is no condition. src: RFC 9110, section 13.1.3 */
    if (conditions.if_modified_since_s > clock_unix_ms() / 1000)
        conditions.has_if_modified_since = false;
    enum s3_err err = conditions_check(
        &conditions, &origin->info.attributes.etag, origin->info.modified_ms / 1000, true);
    return err == S3_OK
               ? S3_OK
               : object_condition_fail(request, failed_condition(&conditions, &origin->info));
}

static enum s3_err load_fail(
    struct request *request, const struct copy_origin *origin, enum storage_err err)
{
    bool marker = err == STORAGE_DELETE_MARKER;
    if (marker || err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION)
        TRY(authorize_missing(request, &origin->bucket));
    if (marker && origin->version.select != VERSION_NEWEST)
        return FAIL(request, INVALID_REQUEST,
            "The source of a copy request may not specifically refer to a delete marker by version "
            "id.");
    if (marker || err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION)
        request_error_field(request, SPAN("Key"), origin->key);
    if (marker)
        return FAIL(request, NO_SUCH_KEY, NULL);
    if (err == STORAGE_NO_SUCH_VERSION)
        request_error_field(request, SPAN("VersionId"), origin->version_text);
    return FAIL_STORAGE(request, err);
}

enum s3_err copy_origin_load(
    struct request *request, struct copy_origin *origin, struct blob_reader **ret_reader)
{
    struct storage *store = request_store(request);
    enum storage_err err = ret_reader != NULL
                               ? storage_object_open(store, origin->bucket.id, origin->key,
                                     origin->version, &request->arena, &origin->info, ret_reader)
                               : storage_object_get(store, origin->bucket.id, origin->key,
                                     origin->version, &request->arena, &origin->info);
    if (err != STORAGE_OK)
        return load_fail(request, origin, err);
    TRY(acl_still_holds(request, origin->bucket.id, origin->key, &origin->info));
    return check_conditions(request, origin);
}

struct copy_from copy_origin_from(const struct copy_origin *origin)
{
    return (struct copy_from){
        .bucket_id = origin->bucket.id,
        .key = origin->key,
        .version = origin->info.version,
        .offset_bytes = 0,
        .length_bytes = origin->info.size_bytes,
    };
}

void copy_origin_header(struct request *request, const struct copy_origin *origin)
{
    if (origin->bucket.versioning == VERSIONING_OFF)
        return;
    char text[VERSION_ID_TEXT_BYTES];
    size_t len = version_id_format(&origin->info.version, text);
    response_header(request, "x-amz-copy-source-version-id", span_of(text, len));
}

enum s3_err copy_origin_lineage(struct request *request, const struct copy_origin *origin,
    struct mutation *mutation, struct span metadata)
{
    struct zone_of zone;
    if (origin->bucket.id == request->bucket.id && span_eq(origin->key, mutation->key))
        return lineage_fill(request, mutation, NULL, metadata, LINEAGE_MISSING_REFUSED);
    TRY(zones_of(request, &origin->bucket, origin->key, &zone));
    struct lineage_end end = {.bucket_id = origin->bucket.id,
        .bucket = origin->bucket.name,
        .key = origin->key,
        .zone = zone.name,
        .version = origin->info.version,
        .etag = origin->info.attributes.etag};
    return lineage_fill(request, mutation, &end, metadata, LINEAGE_MISSING_REFUSED);
}

enum s3_err copy_origin_too_large(struct request *request)
{
    return FAIL(request, INVALID_REQUEST,
        "The specified copy source is larger than the maximum allowable size for a copy source: "
        "5368709120");
}

struct running {
    struct md5 md5;
    struct digest asked; /* MD5 again when nothing is asked for: never updated */
    uint64_t crc64nvme;
    bool has_asked;
    uint8_t *block;
};

static void running_free(struct running *running)
{
    digest_free(&running->asked);
    free(running->block);
}

static bool running_init(struct running *running, enum digest_algo algo)
{
    running->has_asked = algo != DIGEST_NONE && algo != DIGEST_CRC64NVME;
    running->block = malloc(BLOB_BLOCK_BYTES);
    md5_init(&running->md5);
    return running->block != NULL && (!running->has_asked || digest_init(&running->asked, algo));
}

static enum s3_err digest_blocks(struct request *request, struct blob_reader *reader,
    struct byte_range range, struct running *running)
{
    uint64_t at = range.offset, end = range.offset + range.length;
    while (at < end) {
        uint64_t want = end - at < BLOB_BLOCK_BYTES ? end - at : BLOB_BLOCK_BYTES;
        size_t got = 0;
        enum storage_err err = blob_read(reader, at, running->block, (size_t)want, true, &got);
        if (err != STORAGE_OK)
            return FAIL_STORAGE(request, err);
        if (got == 0)
            return FAIL(request, INTERNAL, NULL);
        struct span bytes = span_of(running->block, got);
        md5_group_update(request->daemon->md5_group, &running->md5, bytes);
        if (running->has_asked)
            digest_update(&running->asked, bytes);
        running->crc64nvme = crc64nvme_update(running->crc64nvme, bytes);
        at += got;
    }
    return S3_OK;
}

enum s3_err copy_origin_digest(struct request *request, struct blob_reader *reader,
    struct byte_range range, enum digest_algo algo, struct range_digest *ret_digest)
{
    struct running running CLEANUP(running_free) = {.block = NULL};
    if (!running_init(&running, algo))
        return FAIL(request, INTERNAL, NULL);
    TRY(digest_blocks(request, reader, range, &running));
    struct range_digest digest = {.crc64nvme = running.crc64nvme};
    md5_final(&running.md5, digest.md5);
    if (algo == DIGEST_CRC64NVME) {
        digest.checksum = checksum_of_crc64nvme(running.crc64nvme);
    } else if (running.has_asked) {
        digest.checksum = (struct checksum){.algo = algo, .type = CHECKSUM_FULL_OBJECT};
        digest_final(&running.asked, digest.checksum.value);
    }
    *ret_digest = digest;
    return S3_OK;
}
