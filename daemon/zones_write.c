/* Before an object is written into a zone: is its content there already? Candidates have its size and
 * CRC64NVME, and are compared byte by byte here, on a worker; the commit only looks whether what was compared
 * is still what is there. */
#include "daemon/zones.h"

#include "daemon/daemon.h"
#include "daemon/jobs/scrub.h"
#include "daemon/ops/object_common.h"
#include "storage/storage_uploads.h"

static void close_reader(struct blob_reader **reader)
{
    blob_close(*reader);
}

/* ---- the same bytes? ---- */

enum likeness {
    LIKE_SAME,
    LIKE_OTHER,
    LIKE_GONE,    /* it is no more, or no longer current: the commit knows better */
    LIKE_UNKNOWN, /* too much to read, or not readable */
};

/* What is written, opened when it is first needed. */
struct content {
    const struct mutation *mutation;
    uint64_t size_bytes;
    uint64_t budget_bytes; /* what may still be read of it */
    struct blob_reader *reader;
};

static void content_close(struct content *content)
{
    blob_close(content->reader);
}

static enum storage_err open_content(struct request *request, struct content *content)
{
    const struct mutation *mutation = content->mutation;
    struct storage *store = request_store(request);
    struct object_info info;
    if (content->reader != NULL)
        return STORAGE_OK;
    if (mutation->kind == MUTATION_PUT_OBJECT)
        return storage_stage_reader(store, mutation->put.stage, &content->reader);
    if (mutation->kind == MUTATION_COMPLETE_UPLOAD)
        return storage_upload_open(store, mutation->bucket.id, mutation->key,
            mutation->complete.upload, mutation->complete.generation, mutation->complete.parts,
            mutation->complete.part_count, &content->reader);
    const struct copy_from *from = &mutation->copy.from;
    struct version_ref version = {VERSION_EXACT, from->version.sequence, from->version.random};
    return storage_object_open(
        store, from->bucket_id, from->key, version, &request->arena, &info, &content->reader);
}

static bool read_run(struct blob_reader *reader, uint64_t at, char *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        size_t got = 0;
        enum storage_err err = blob_read(reader, at + done, bytes + done, len - done, true, &got);
        if (err != STORAGE_OK || got == 0)
            return false;
        done += got;
    }
    return true;
}

/* b: of the version that is there */
static enum likeness compare(
    struct blob_reader *a, struct blob_reader *b, uint64_t size_bytes, bool *ret_damaged)
{
    enum likeness likeness = LIKE_SAME;
    char *bytes = malloc((size_t)2 * BLOB_BLOCK_BYTES);
    if (bytes == NULL)
        return LIKE_UNKNOWN;
    for (uint64_t at = 0; at < size_bytes && likeness == LIKE_SAME; at += BLOB_BLOCK_BYTES) {
        uint64_t left = size_bytes - at;
        size_t len = left < BLOB_BLOCK_BYTES ? (size_t)left : BLOB_BLOCK_BYTES;
        *ret_damaged = !read_run(b, at, bytes + BLOB_BLOCK_BYTES, len);
        if (*ret_damaged || !read_run(a, at, bytes, len))
            likeness = LIKE_UNKNOWN;
        else if (memcmp(bytes, bytes + BLOB_BLOCK_BYTES, len) != 0)
            likeness = LIKE_OTHER;
    }
    free(bytes);
    return likeness;
}

/* Compares with a current version. */
static enum likeness compare_with(
    struct request *request, struct content *content, struct span key, uint64_t sequence)
{
    struct blob_reader *reader CLEANUP(close_reader) = NULL;
    struct object_info info;
    if (content->size_bytes == 0)
        return LIKE_SAME;
    if (content->size_bytes > content->budget_bytes)
        return LIKE_UNKNOWN;
    content->budget_bytes -= content->size_bytes;
    enum storage_err err = storage_object_open(request_store(request), request->bucket.id, key,
        (struct version_ref){.select = VERSION_NEWEST}, &request->arena, &info, &reader);
    if (err == STORAGE_NO_SUCH_KEY || err == STORAGE_DELETE_MARKER ||
        (err == STORAGE_OK && info.version.sequence != sequence))
        return LIKE_GONE;
    if (err != STORAGE_OK || open_content(request, content) != STORAGE_OK)
        return LIKE_UNKNOWN;
    bool damaged = false;
    enum likeness likeness = compare(content->reader, reader, content->size_bytes, &damaged);
    if (damaged)
        scrubber_note(request->daemon->scrubber, request->bucket.name, key,
            SPAN("a request that compares with it has met damage"));
    return likeness;
}

/* ---- what is there ---- */

static const struct object_attributes *attributes_of(const struct mutation *mutation)
{
    switch (mutation->kind) {
    case MUTATION_PUT_OBJECT:
        return &mutation->put.attributes;
    case MUTATION_COPY_OBJECT:
        return &mutation->copy.attributes;
    default:
        return &mutation->complete.attributes;
    }
}

/* The same bytes may have come in other parts, and then under another ETag. */
static void compare_own(struct request *request, struct mutation *mutation, struct content *content)
{
    const struct object_attributes *attributes = attributes_of(mutation);
    struct object_info own;
    enum storage_err err = storage_object_get(request_store(request), mutation->bucket.id,
        mutation->key, (struct version_ref){.select = VERSION_NEWEST}, &request->arena, &own);
    if (err != STORAGE_OK || own.size_bytes != content->size_bytes ||
        own.attributes.crc64nvme != attributes->crc64nvme ||
        etag_eq(&own.attributes.etag, &attributes->etag))
        return;
    if (compare_with(request, content, mutation->key, own.version.sequence) == LIKE_SAME)
        mutation->zone.same_sequence = own.version.sequence;
}

static enum s3_err compare_candidates(struct request *request, const struct zone_rule *rule,
    struct mutation *mutation, struct content *content)
{
    struct content_page page;
    enum storage_err err = storage_content_find(request_store(request), mutation->bucket.id, rule,
        mutation->key, content->size_bytes, attributes_of(mutation)->crc64nvme,
        ZONES_CANDIDATES_MAX, &request->arena, &page);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    if (page.count == 0)
        return S3_OK;
    struct content_ref *others = arena_array(&request->arena, struct content_ref, page.count);
    if (others == NULL)
        return FAIL(request, INTERNAL, NULL);
    mutation->zone.others = others;
    mutation->zone.undecided = page.truncated;
    for (size_t i = 0; i < page.count; i++) {
        const struct content_match *match = &page.items[i];
        enum likeness likeness =
            compare_with(request, content, match->key, match->version.sequence);
        if (likeness == LIKE_SAME) {
            mutation->zone.duplicate = match->ref;
            mutation->zone.undecided = false;
            request->duplicate_key = match->key;
            return S3_OK;
        }
        if (likeness == LIKE_OTHER)
            others[mutation->zone.other_count++] = match->ref;
        else if (likeness == LIKE_UNKNOWN)
            mutation->zone.undecided = true;
    }
    return S3_OK;
}

static enum s3_err read_bucket_again(struct request *request)
{
    struct bucket_info bucket;
    enum storage_err err =
        storage_bucket_get(request_store(request), request->bucket.name, &request->arena, &bucket);
    if (err == STORAGE_OK && bucket.id == request->bucket.id)
        request->bucket = bucket;
    else if (err == STORAGE_OK)
        err = STORAGE_NO_SUCH_BUCKET;
    return err == STORAGE_OK ? S3_OK : FAIL_STORAGE(request, err);
}

enum s3_err zones_prepare(
    struct request *request, struct mutation *mutation, uint64_t size_bytes, bool again)
{
    struct zone_of zone;
    mutation->zone = (struct zone_claims){.promotes = mutation->zone.promotes};
    request->duplicate_key = SPAN_ABSENT;
    if (again)
        TRY(read_bucket_again(request));
    TRY(zones_of(request, &request->bucket, mutation->key, &zone));
    if (zone.rule == NULL || zone_excepts(zone.rule, mutation->key))
        return S3_OK;
    uint64_t budget_bytes = request->daemon->compare_bytes;
    struct content content CLEANUP(content_close) = {.mutation = mutation,
        .size_bytes = size_bytes,
        .budget_bytes = budget_bytes != 0 ? budget_bytes : ZONES_COMPARE_DEFAULT_BYTES};
    if (zone.rule->retention_ms > 0)
        mutation->zone.bypass_retention = zones_bypass_retention(request, mutation->key);
    if (!mutation->if_match.present && !mutation->if_none_match.present)
        compare_own(request, mutation, &content);
    if (zone.rule->duplicates != DUPLICATES_ALLOW && size_bytes >= zone.rule->min_bytes)
        return compare_candidates(request, zone.rule, mutation, &content);
    return S3_OK;
}

/* ---- PUT_OBJECT ---- */

/* request->again_ctx between the tries. */
struct put {
    struct mutation *mutation;
    uint64_t size_bytes;
    int tries;
    enum s3_err (*then)(struct request *request, struct mutation *mutation);
};

static enum s3_err try_put(struct request *request);

static enum s3_err put_done(struct request *request, struct mutation *mutation)
{
    struct put *put = request->again_ctx;
    request->body.stage = TAKE(mutation->put.stage); /* NULL but for CHANGED */
    if (mutation->err == STORAGE_CHANGED && put->tries < OBJECT_CHANGED_TRIES)
        return request_again(request, try_put);
    return put->then(request, mutation);
}

static enum s3_err try_put(struct request *request)
{
    struct put *put = request->again_ctx;
    put->mutation->put.stage = TAKE(request->body.stage);
    enum s3_err err = zones_prepare(request, put->mutation, put->size_bytes, put->tries++ > 0);
    if (err != S3_OK) {
        request->body.stage = TAKE(put->mutation->put.stage);
        return err;
    }
    return request_commit(request, put->mutation, put_done);
}

enum s3_err zones_commit(struct request *request, struct mutation *mutation, uint64_t size_bytes,
    enum s3_err (*then)(struct request *request, struct mutation *mutation))
{
    struct put *put = arena_new(&request->arena, struct put);
    request->body.stage = TAKE(mutation->put.stage);
    if (put == NULL)
        return FAIL(request, INTERNAL, NULL);
    *put = (struct put){mutation, size_bytes, 0, then};
    request->again_ctx = put;
    return try_put(request);
}
