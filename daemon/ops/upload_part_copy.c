/* UploadPartCopy: a part that points into another object's bytes. Bytes are written only where the
 * store has nothing to point to: sources so small that they lie in the index, ranges of too many
 * pieces. They are read only when the range is no piece whose digests are kept, or an algorithm is
 * asked for that the piece does not have. src: Amazon S3 API Reference, "UploadPartCopy" */
#include "checksum.h"
#include "daemon/daemon.h"
#include "daemon/lineage.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/copy_origin.h"
#include "daemon/ops/link_fetch.h"
#include "daemon/ops/object_common.h"
#include "daemon/ops/upload_common.h"
#include "daemon/zones.h"
#include "xml_write.h"

enum { PIECE_PAGE = 500, PIECE_ARENA_BYTES = 1024 * 1024 };

struct part_copy {
    struct copy_origin origin;
    struct upload_info upload;
    struct mutation template; /* what every try begins with */
    struct mutation mutation;
};

static void discard_stage(struct stage **stage)
{
    stage_discard(*stage);
}

static void release_link(const struct link **link)
{
    link_release(*link);
}

static enum s3_err choose_range(
    struct request *request, uint64_t size_bytes, struct byte_range *ret_range)
{
    const char *name = "x-amz-copy-source-range";
    struct span text = object_amz_header(request, span_str(name));
    struct byte_range range = {0, size_bytes};
    enum s3_err err = span_present(text) ? copy_range_parse(text, size_bytes, &range) : S3_OK;
    if (err == S3_ERR_INVALID_RANGE) {
        struct span message = arena_format(&request->arena,
            "Range specified is not valid for source object of size: %llu",
            (unsigned long long)size_bytes);
        return FAIL_ARGUMENT(request, name, text, message.ptr);
    }
    if (err != S3_OK)
        return FAIL_ARGUMENT(request, name, text,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy");
    if (range.length > OBJECT_PUT_MAX_BYTES)
        return copy_origin_too_large(request);
    *ret_range = range;
    return S3_OK;
}

/* The piece of a multipart object that is exactly this range.
 * err: STORAGE_NO_SUCH_PART when there is none */
static enum storage_err find_piece(
    struct blob_reader *reader, struct byte_range range, struct part_info *ret_piece)
{
    uint32_t after = 0;
    for (;;) {
        struct arena arena CLEANUP(arena_free);
        arena_init(&arena, PIECE_ARENA_BYTES);
        struct part_page page;
        enum storage_err err = blob_parts(reader, after, PIECE_PAGE, &arena, &page);
        if (err != STORAGE_OK)
            return err;
        for (size_t i = 0; i < page.count; i++) {
            const struct part_info *piece = &page.items[i];
            if (piece->offset_bytes == range.offset && piece->size_bytes == range.length) {
                *ret_piece = *piece;
                return STORAGE_OK;
            }
            if (piece->offset_bytes > range.offset)
                return STORAGE_NO_SUCH_PART;
        }
        if (!page.truncated || page.count == 0)
            return STORAGE_NO_SUCH_PART;
        after = page.items[page.count - 1].number;
    }
}

/* The digests of the range, as far as the store keeps them.
 * out: *ret_known false: they have to be computed */
static enum s3_err known_digest(struct request *request, const struct part_copy *copy,
    struct blob_reader *reader, struct byte_range range, struct range_digest *ret_digest,
    bool *ret_known)
{
    const struct object_info *info = &copy->origin.info;
    struct part_info piece = {
        .size_bytes = info->size_bytes,
        .etag = info->attributes.etag,
        .crc64nvme = info->attributes.crc64nvme,
        .checksum = info->attributes.checksum,
    };
    *ret_known = false;
    if (info->attributes.etag.part_count > 0) {
        enum storage_err err = find_piece(reader, range, &piece);
        if (err == STORAGE_NO_SUCH_PART)
            return S3_OK;
        if (err != STORAGE_OK)
            return FAIL_STORAGE(request, err);
    }
    if (piece.size_bytes != range.length)
        return S3_OK;
    struct range_digest digest = {.crc64nvme = piece.crc64nvme};
    memcpy(digest.md5, piece.etag.md5, sizeof(digest.md5));
    enum digest_algo algo = copy->upload.checksum_algo;
    if (algo == DIGEST_CRC64NVME)
        digest.checksum = checksum_of_crc64nvme(piece.crc64nvme);
    else if (algo == piece.checksum.algo && piece.checksum.type == CHECKSUM_FULL_OBJECT)
        digest.checksum = piece.checksum;
    *ret_known = digest.checksum.algo == algo;
    *ret_digest = digest;
    return S3_OK;
}

/* Writes the range anew; checked whatever verify_reads says, or damaged bytes would get a good checksum.
 * err: STORAGE_IO when the source ends early, and what reading and staging say */
static enum storage_err stage_range(struct storage *store, struct blob_reader *reader,
    struct byte_range range, struct stage **ret_stage)
{
    struct stage *stage CLEANUP(discard_stage) = NULL;
    uint8_t *block = malloc(BLOB_BLOCK_BYTES);
    enum storage_err err =
        block != NULL ? storage_stage_open(store, range.length, &stage) : STORAGE_NO_MEMORY;
    for (uint64_t done = 0; err == STORAGE_OK && done < range.length;) {
        uint64_t left = range.length - done;
        size_t got = 0;
        err = blob_read(reader, range.offset + done, block,
            left < BLOB_BLOCK_BYTES ? (size_t)left : BLOB_BLOCK_BYTES, true, &got);
        if (err == STORAGE_OK)
            err = got > 0 ? stage_write(stage, span_of(block, got)) : STORAGE_IO;
        done += got;
    }
    free(block);
    if (err == STORAGE_OK)
        err = stage_finish(stage);
    if (err == STORAGE_OK)
        *ret_stage = TAKE(stage);
    return err;
}

static enum storage_err commit_written(struct request *request, struct part_copy *copy,
    struct blob_reader *reader, struct byte_range range)
{
    const struct mutation tried = copy->mutation;
    copy->mutation = copy->template;
    copy->mutation.kind = MUTATION_PUT_PART;
    copy->mutation.part.attributes = tried.part.attributes;
    copy->mutation.lineage = tried.lineage;
    enum storage_err err = STORAGE_OK;
    if (range.length > 0)
        err = stage_range(request_store(request), reader, range, &copy->mutation.part.stage);
    return err == STORAGE_OK ? storage_commit(request_store(request), &copy->mutation) : err;
}

static enum storage_err commit_pointer(
    struct request *request, struct part_copy *copy, struct byte_range range)
{
    if (copy->origin.info.size_bytes < STORAGE_COPY_PART_MIN_BYTES)
        return STORAGE_INVALID;
    copy->mutation.part.from = copy_origin_from(&copy->origin);
    copy->mutation.part.from.offset_bytes = range.offset;
    copy->mutation.part.from.length_bytes = range.length;
    return storage_commit(request_store(request), &copy->mutation);
}

/* One try, with the source as it is now. */
static enum s3_err attempt(
    struct request *request, struct part_copy *copy, enum storage_err *ret_err)
{
    struct blob_reader *reader CLEANUP(copy_origin_close) = NULL;
    struct byte_range range = {0, 0};
    struct range_digest digest = {.crc64nvme = 0};
    bool known = false;
    TRY(copy_origin_load(request, &copy->origin, &reader));
    TRY(choose_range(request, copy->origin.info.size_bytes, &range));
    TRY(known_digest(request, copy, reader, range, &digest, &known));
    if (!known)
        TRY(copy_origin_digest(request, reader, range, copy->upload.checksum_algo, &digest));
    copy->mutation = copy->template;
    struct object_attributes *attributes = &copy->mutation.part.attributes;
    attributes->crc64nvme = digest.crc64nvme;
    attributes->checksum = digest.checksum;
    memcpy(attributes->etag.md5, digest.md5, sizeof(digest.md5));
    TRY(copy_origin_lineage(request, &copy->origin, &copy->mutation, SPAN_ABSENT));
    *ret_err = commit_pointer(request, copy, range);
    if (*ret_err == STORAGE_INVALID)
        *ret_err = commit_written(request, copy, reader, range);
    return S3_OK;
}

static enum s3_err respond(struct request *request, const struct part_copy *copy)
{
    const struct object_attributes *attributes = &copy->mutation.part.attributes;
    struct checksum checksum = object_checksum(attributes);
    copy_origin_header(request, &copy->origin);
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("CopyPartResult"));
    xml_time(out, SPAN("LastModified"), copy->mutation.result.modified_ms);
    xml_text(out, SPAN("ETag"), object_etag_text(request, &attributes->etag));
    object_checksum_xml(out, &checksum, false);
    xml_close(out, SPAN("CopyPartResult"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

/* The bytes come from elsewhere, and are put as a part. Whether the range is inside of the object its answer tells. */
static enum s3_err attempt_link(struct request *request, struct part_copy *copy,
    const struct link *link, enum storage_err *ret_err)
{
    struct link_fetched fetched CLEANUP(link_fetched_free) = {.stage = NULL};
    struct byte_range range = {0, 0};
    bool ranged = span_present(object_amz_header(request, SPAN("x-amz-copy-source-range")));
    if (ranged)
        TRY(choose_range(request, OBJECT_MAX_BYTES, &range));
    const struct link_wanted wanted = {.origin = &copy->origin,
        .range = ranged ? &range : NULL,
        .algo = copy->upload.checksum_algo,
        .metadata = &copy->upload.attributes.metadata};
    TRY(link_fetch(request, link, &wanted, &fetched));
    copy->mutation = copy->template;
    copy->mutation.kind = MUTATION_PUT_PART;
    struct object_attributes *attributes = &copy->mutation.part.attributes;
    attributes->crc64nvme = fetched.digest.crc64nvme;
    attributes->checksum = fetched.digest.checksum;
    memcpy(attributes->etag.md5, fetched.digest.md5, MD5_BYTES);
    TRY(lineage_fill(request, &copy->mutation, &fetched.end, SPAN_ABSENT, LINEAGE_MISSING_REFUSED));
    copy->mutation.part.stage = TAKE(fetched.stage);
    *ret_err = storage_commit(request_store(request), &copy->mutation);
    return S3_OK;
}

enum s3_err op_upload_part_copy(struct request *request)
{
    struct part_copy copy = {.template = object_mutation(request, MUTATION_COPY_PART)};
    TRY(object_refuse_unsupported(request, OBJECT_WRITE));
    TRY(upload_part_number(request, &copy.template.part.number));
    TRY(request_upload_open(request, &copy.upload));
    TRY(copy_origin_find(request, &copy.origin));
    bool promotes; /* the commit of the whole counts it */
    TRY(zones_check_source(request, &copy.origin.bucket, copy.origin.key, &promotes));
    copy.template.part.upload = copy.upload.id;
    const struct link *link CLEANUP(release_link) =
        links_get(request->daemon->links, copy.origin.bucket.id);
    enum storage_err err = STORAGE_CHANGED;
    if (link != NULL)
        TRY(attempt_link(request, &copy, link, &err));
    for (int tries = 0; link == NULL && tries < OBJECT_CHANGED_TRIES && err == STORAGE_CHANGED;
         tries++)
        TRY(attempt(request, &copy, &err));
    if (err != STORAGE_OK)
        return object_write_fail(request, &copy.mutation, err);
    return respond(request, &copy);
}
