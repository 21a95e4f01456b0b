#include "daemon/ops/link_fetch.h"

#include "base/encode.h"
#include "checksum.h"
#include "daemon/daemon.h"
#include "daemon/jobs/copy_lineage.h"
#include "daemon/log.h"
#include "daemon/md5_group.h"
#include "daemon/metadata.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/link_ops.h"
#include "daemon/ops/object_common.h"
#include "daemon/remote_pipe.h"
#include "daemon/zones.h"

/* What is computed while the bytes come: S3's ETag, the store's CRC, the checksum that is wanted here, and the one
 * that the source says the object has. */
struct digests {
    struct md5_group *md5_group;
    struct md5 md5;
    uint64_t crc64nvme;
    struct digest wanted, told; /* algo NONE and CRC64NVME: not used */
    enum digest_algo wanted_algo;
    const struct checksum *told_checksum;
};

static bool is_computed(enum digest_algo algo)
{
    return algo != DIGEST_NONE && algo != DIGEST_CRC64NVME;
}

static void digests_free(struct digests *digests)
{
    digest_free(&digests->wanted);
    digest_free(&digests->told);
}

static bool digests_init(struct digests *digests, struct md5_group *md5_group,
    enum digest_algo algo, const struct remote_object *object)
{
    *digests = (struct digests){
        .md5_group = md5_group, .wanted_algo = algo, .told_checksum = &object->checksum};
    bool is_told = is_computed(object->checksum.algo) && object->checksum.part_count == 0;
    md5_init(&digests->md5);
    return (!is_computed(algo) || digest_init(&digests->wanted, algo)) &&
           (!is_told || digest_init(&digests->told, object->checksum.algo));
}

static void digests_add(struct digests *digests, struct span bytes)
{
    md5_group_update(digests->md5_group, &digests->md5, bytes);
    digests->crc64nvme = crc64nvme_update(digests->crc64nvme, bytes);
    if (digests->wanted.algo != DIGEST_NONE)
        digest_update(&digests->wanted, bytes);
    if (digests->told.algo != DIGEST_NONE)
        digest_update(&digests->told, bytes);
}

/* An ETag that is the MD5 of the bytes: not of parts, not of what a key of KMS or of the client encrypts. */
static bool has_md5(const struct remote_object *object)
{
    struct span encryption = header_find(&object->headers, SPAN("x-amz-server-side-encryption"));
    return object->has_etag && object->etag.part_count == 0 &&
           !span_starts(encryption, SPAN("aws:kms")) &&
           !span_present(header_find(
               &object->headers, SPAN("x-amz-server-side-encryption-customer-algorithm")));
}

/* Are they the bytes that the source speaks of? The whole object only. */
static bool are_right(struct digests *digests, const struct remote_object *object,
    const uint8_t md5[static MD5_BYTES])
{
    const struct checksum *told = digests->told_checksum;
    uint8_t value[DIGEST_MAX_BYTES];
    if (digests->told.algo != DIGEST_NONE) {
        digest_final(&digests->told, value);
        return memcmp(value, told->value, digest_size(told->algo)) == 0;
    }
    if (told->algo == DIGEST_CRC64NVME && told->part_count == 0) {
        struct checksum crc = checksum_of_crc64nvme(digests->crc64nvme);
        return memcmp(crc.value, told->value, digest_size(told->algo)) == 0;
    }
    return !has_md5(object) || memcmp(md5, object->etag.md5, MD5_BYTES) == 0;
}

/* err: what the pipe says; STORAGE_OK in *ret_storage unless the store was it */
static enum remote_err pump(struct remote_pipe *pipe, struct stage *stage, struct digests *digests,
    enum storage_err *ret_storage)
{
    *ret_storage = STORAGE_OK;
    char *block = malloc(STAGE_BUFFER_BYTES);
    enum remote_err err = block != NULL ? REMOTE_OK : REMOTE_NO_MEMORY;
    for (size_t filled = 0, got = 1; err == REMOTE_OK && got > 0;) {
        err = remote_pipe_read(pipe, block + filled, STAGE_BUFFER_BYTES - filled, &got);
        if (err != REMOTE_OK)
            break;
        filled += got;
        if (filled == STAGE_BUFFER_BYTES || (got == 0 && filled > 0)) {
            digests_add(digests, span_of(block, filled));
            *ret_storage = stage_write(stage, span_of(block, filled));
            if (*ret_storage != STORAGE_OK)
                break;
            filled = 0;
        }
    }
    free(block);
    return err;
}

static void finish_digests(struct digests *digests, struct range_digest *ret_digest)
{
    ret_digest->crc64nvme = digests->crc64nvme;
    if (digests->wanted_algo == DIGEST_CRC64NVME) {
        ret_digest->checksum = checksum_of_crc64nvme(digests->crc64nvme);
    } else if (digests->wanted.algo != DIGEST_NONE) {
        ret_digest->checksum =
            (struct checksum){.algo = digests->wanted_algo, .type = CHECKSUM_FULL_OBJECT};
        digest_final(&digests->wanted, ret_digest->checksum.value);
    }
}

static enum s3_err open_stage(
    struct request *request, const struct remote_object *object, struct link_fetched *fetched)
{
    bool compress = false;
    if (object->content_length == 0)
        return S3_OK;
    TRY(zones_compress_kept(request, fetched->metadata, &compress));
    enum storage_err err =
        storage_stage_open(request_store(request), object->content_length, &fetched->stage);
    if (err == STORAGE_OK && compress)
        err = stage_compress(fetched->stage);
    return err == STORAGE_OK ? S3_OK : FAIL_STORAGE(request, err);
}

/* The body, all of it. whole: it is the object's, not a range's. */
static enum s3_err take_body(struct request *request, const struct copy_origin *origin,
    struct remote_pipe *pipe, const struct remote_object *object, bool whole,
    struct digests *digests, struct link_fetched *fetched)
{
    uint8_t md5[MD5_BYTES];
    enum storage_err stored = STORAGE_OK;
    TRY(open_stage(request, object, fetched));
    struct remote_failure failure = {.err = pump(pipe, fetched->stage, digests, &stored)};
    if (failure.err == REMOTE_OK && stored == STORAGE_OK && fetched->stage != NULL)
        stored = stage_finish(fetched->stage);
    if (stored != STORAGE_OK)
        return FAIL_STORAGE(request, stored);
    if (failure.err == REMOTE_OK) {
        md5_final(&digests->md5, md5);
        if (whole && !are_right(digests, object, md5))
            failure.err = REMOTE_NONSENSE;
    }
    if (failure.err != REMOTE_OK)
        return link_fail(request, &origin->bucket, origin->key, &failure);
    memcpy(fetched->digest.md5, md5, MD5_BYTES);
    finish_digests(digests, &fetched->digest);
    fetched->size_bytes = object->content_length;
    return S3_OK;
}

/* https://ENDPOINT/BUCKET/KEY, or s3://BUCKET/KEY of AWS's. */
static struct span url_of(struct request *request, const struct link *link, struct span key)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, COPY_URL_MAX_BYTES);
    buf_add(&out, link->endpoint_url.len > 0 ? link->endpoint_url : SPAN("s3:/"));
    if (!span_ends(buf_span(&out), SPAN("/")) || link->endpoint_url.len == 0)
        buf_add_char(&out, '/');
    buf_add(&out, link->bucket);
    buf_add_char(&out, '/');
    percent_encode(&out, key, true);
    return buf_ok(&out) ? arena_copy(&request->arena, buf_span(&out)) : SPAN("?");
}

/* What the head says, before a byte is taken. */
static enum s3_err check_head(
    struct request *request, const struct remote_object *object, const struct byte_range *range)
{
    if (object->content_length > OBJECT_PUT_MAX_BYTES)
        return copy_origin_too_large(request);
    if (range == NULL || object->content_length == range->length)
        return S3_OK;
    struct span message = arena_format(&request->arena,
        "Range specified is not valid for source object of size: %llu",
        (unsigned long long)object->size_bytes);
    return FAIL_ARGUMENT(request, "x-amz-copy-source-range",
        object_amz_header(request, SPAN("x-amz-copy-source-range")), message.ptr);
}

static enum s3_err fetch_open(struct request *request, const struct link *link,
    const struct link_wanted *wanted, struct remote_pipe *pipe, const struct remote_object *object,
    struct link_fetched *fetched)
{
    struct digests digests CLEANUP(digests_free) = {.crc64nvme = 0};
    TRY(check_head(request, object, wanted->range));
    if (!digests_init(&digests, request->daemon->md5_group, wanted->algo, object))
        return FAIL(request, INTERNAL, NULL);
    if (wanted->metadata != NULL)
        fetched->metadata = *wanted->metadata;
    else
        TRY(metadata_read_from(request, &object->headers, &fetched->metadata));
    TRY(take_body(request, wanted->origin, pipe, object, wanted->range == NULL, &digests, fetched));
    struct span key;
    TRY(link_key(request, link, wanted->origin->key, &key));
    struct etag etag = copy_etag_of(object->etag_text);
    fetched->end = copy_lineage_end(0, url_of(request, link, key), &etag);
    fetched->modified_ms = object->modified_ms;
    fetched->tag_count = object->tag_count;
    return S3_OK;
}

static enum s3_err fetch_fail(
    struct request *request, const struct copy_origin *origin, const struct remote_failure *failure)
{
    if (failure->err != REMOTE_CHANGED && failure->err != REMOTE_NOT_MODIFIED)
        return link_fail(request, &origin->bucket, origin->key, failure);
    bool positive = span_present(request_header(request, SPAN("x-amz-copy-source-if-match")));
    return object_condition_fail(
        request, failure->err == REMOTE_NOT_MODIFIED ? SPAN("x-amz-copy-source-If-None-Match")
                 : positive                          ? SPAN("x-amz-copy-source-If-Match")
                            : SPAN("x-amz-copy-source-If-Unmodified-Since"));
}

enum s3_err link_fetch(struct request *request, const struct link *link,
    const struct link_wanted *wanted, struct link_fetched *ret_fetched)
{
    const struct copy_origin *origin = wanted->origin;
    const struct byte_range *range = wanted->range;
    struct remote_get get = {
        .version_id = origin->version_text,
        .if_match = request_header(request, SPAN("x-amz-copy-source-if-match")),
        .if_none_match = request_header(request, SPAN("x-amz-copy-source-if-none-match")),
        .if_modified_since = request_header(request, SPAN("x-amz-copy-source-if-modified-since")),
        .if_unmodified_since =
            request_header(request, SPAN("x-amz-copy-source-if-unmodified-since")),
        .has_range = range != NULL,
        .first = range != NULL ? range->offset : 0,
        .last = range != NULL ? range->offset + range->length - 1 : 0,
    };
    struct remote_object object;
    struct remote_failure failure;
    struct remote_pipe *pipe = NULL;
    TRY(link_key(request, link, origin->key, &get.key));
    TRY(link_enter(request, link));
    enum remote_err err =
        remote_pipe_open(link->remote, &get, &request->arena, &object, &pipe, &failure);
    enum s3_err fetched = err == REMOTE_OK
                              ? fetch_open(request, link, wanted, pipe, &object, ret_fetched)
                              : fetch_fail(request, origin, &failure);
    link_leave(request);
    remote_pipe_close(pipe);
    return fetched;
}
