#include "daemon/ops/complete_parts.h"

#include "checksum.h"
#include "daemon/ops/object_common.h"
#include "daemon/ops/upload_common.h"

static enum s3_err read_checksum(struct request *request, struct checksum *ret_checksum)
{
    static const enum digest_algo algorithms[] = {
        DIGEST_CRC32, DIGEST_CRC32C, DIGEST_SHA1, DIGEST_SHA256, DIGEST_CRC64NVME};
    struct checksum checksum = {.algo = DIGEST_NONE};
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        struct span name = checksum_header_name(algorithms[i]);
        struct span text = object_amz_header(request, name);
        if (!span_present(text))
            continue;
        if (checksum.algo != DIGEST_NONE)
            return FAIL(request, INVALID_REQUEST,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not "
                "allowed.");
        if (checksum_parse(algorithms[i], text, true, &checksum) != S3_OK) {
            struct span message =
                arena_format(&request->arena, "Value for %.*s header is invalid.", SPAN_ARG(name));
            return FAIL(request, INVALID_REQUEST, message.ptr);
        }
    }
    *ret_checksum = checksum;
    return S3_OK;
}

enum s3_err complete_claims_read(struct request *request, struct complete_claims *ret_claims)
{
    struct complete_claims claims = {.has_type = false};
    TRY(read_checksum(request, &claims.checksum));
    struct span type = object_amz_header(request, SPAN("x-amz-checksum-type"));
    claims.has_type = span_present(type);
    if (claims.has_type && !checksum_type_by_name(type, &claims.type))
        return FAIL(request, INVALID_REQUEST, "Value for x-amz-checksum-type header is invalid.");
    struct span size = object_amz_header(request, SPAN("x-amz-mp-object-size"));
    claims.has_size = span_present(size);
    if (claims.has_size && !span_to_u64(size, &claims.size_bytes))
        return FAIL(request, INVALID_REQUEST, "Value for x-amz-mp-object-size header is invalid.");
    *ret_claims = claims;
    return S3_OK;
}

void complete_parts_hash(const struct complete_body *body, uint8_t ret_hash[static MD5_BYTES])
{
    /* Of each part its number and ETag; SHA-256, of which the first half is kept, cannot fail where
     * a running digest could. */
    uint8_t chain[SHA256_BYTES] = {0};
    for (size_t i = 0; i < body->count; i++) {
        const struct complete_part *part = &body->parts[i];
        uint8_t link[SHA256_BYTES + 4 + 4 + MD5_BYTES];
        memcpy(link, chain, SHA256_BYTES);
        for (size_t k = 0; k < 4; k++) {
            link[SHA256_BYTES + k] = (uint8_t)(part->number >> (8 * k));
            link[SHA256_BYTES + 4 + k] = (uint8_t)(part->etag.part_count >> (8 * k));
        }
        memcpy(link + SHA256_BYTES + 8, part->etag.md5, MD5_BYTES);
        sha256_of(span_of(link, sizeof(link)), chain);
    }
    memcpy(ret_hash, chain, MD5_BYTES);
}

/* The error's fields show ETags without quotes. */
static struct span bare_etag(struct request *request, const struct etag *etag)
{
    struct span quoted = object_etag_text(request, etag);
    return quoted.len > 2 ? span_first(span_from(quoted, 1), quoted.len - 2) : quoted;
}

static void name_part(struct request *request, uint32_t number, const struct etag *etag)
{
    request_error_field(
        request, SPAN("PartNumber"), arena_format(&request->arena, "%u", (unsigned)number));
    if (etag != NULL)
        request_error_field(request, SPAN("ETag"), bare_etag(request, etag));
}

static enum s3_err fail_invalid_part(struct request *request, const struct complete_part *part)
{
    request_error_field(request, SPAN("UploadId"), request_query(request, SPAN("uploadId")));
    name_part(request, part->number, part->etag_valid ? &part->etag : NULL);
    return FAIL(request, INVALID_PART, NULL);
}

static enum s3_err fail_too_small(struct request *request, const struct part_info *part)
{
    request_error_field(request, SPAN("ProposedSize"),
        arena_format(&request->arena, "%llu", (unsigned long long)part->size_bytes));
    request_error_field(request, SPAN("MinSizeAllowed"),
        arena_format(&request->arena, "%llu", (unsigned long long)OBJECT_PART_MIN_BYTES));
    name_part(request, part->number, &part->etag);
    return FAIL(request, ENTITY_TOO_SMALL, NULL);
}

static enum s3_err check_order(struct request *request, const struct complete_body *body)
{
    for (size_t i = 1; i < body->count; i++)
        if (body->parts[i].number <= body->parts[i - 1].number) {
            request_error_field(
                request, SPAN("UploadId"), request_query(request, SPAN("uploadId")));
            return FAIL(request, INVALID_PART_ORDER, NULL);
        }
    return S3_OK;
}

/* A checksum in the list is that of the part: what came with it, or its CRC64NVME. */
static bool checksum_agrees(const struct checksum *said, const struct part_info *part)
{
    if (said->algo == DIGEST_NONE)
        return true;
    struct checksum kept =
        said->algo == DIGEST_CRC64NVME ? checksum_of_crc64nvme(part->crc64nvme) : part->checksum;
    return kept.algo == said->algo && memcmp(kept.value, said->value, digest_size(said->algo)) == 0;
}

/* What grows with each part. */
struct assembly {
    struct digest etag;
    struct checksum_builder checksum;
    bool has_checksum;
    uint64_t crc64nvme;
    uint64_t size_bytes;
};

static void assembly_free(struct assembly *assembly)
{
    digest_free(&assembly->etag);
    checksum_builder_free(&assembly->checksum);
}

static bool assembly_init(struct assembly *assembly, const struct upload_info *upload)
{
    assembly->has_checksum = upload->checksum_algo != DIGEST_NONE;
    return digest_init(&assembly->etag, DIGEST_MD5) &&
           (!assembly->has_checksum || checksum_builder_init(&assembly->checksum,
                                           upload->checksum_algo, upload->checksum_type));
}

static void assembly_add(struct assembly *assembly, const struct part_info *part)
{
    digest_update(&assembly->etag, span_of(part->etag.md5, MD5_BYTES));
    if (assembly->has_checksum)
        checksum_builder_add(&assembly->checksum, &part->checksum, part->size_bytes);
    assembly->crc64nvme = crc64nvme_combine(assembly->crc64nvme, part->crc64nvme, part->size_bytes);
    assembly->size_bytes += part->size_bytes;
}

static void assembly_finish(
    struct assembly *assembly, size_t part_count, struct object_attributes *ret_attributes)
{
    struct object_attributes attributes = {.crc64nvme = assembly->crc64nvme};
    uint8_t md5[DIGEST_MAX_BYTES];
    digest_final(&assembly->etag, md5);
    memcpy(attributes.etag.md5, md5, MD5_BYTES);
    attributes.etag.part_count = (uint32_t)part_count;
    if (assembly->has_checksum)
        checksum_builder_finish(&assembly->checksum, &attributes.checksum);
    *ret_attributes = attributes;
}

/* Both lists go by part number, so one walk finds every part of the one in the other. */
static enum s3_err add_parts(struct request *request, const struct upload_info *upload,
    const struct complete_body *body, const struct part_page *page, struct assembly *assembly)
{
    size_t at = 0;
    for (size_t i = 0; i < body->count; i++) {
        const struct complete_part *said = &body->parts[i];
        while (at < page->count && page->items[at].number < said->number)
            at++;
        if (at == page->count || page->items[at].number != said->number || !said->etag_valid)
            return fail_invalid_part(request, said);
        const struct part_info *part = &page->items[at];
        if (!etag_eq(&said->etag, &part->etag) || !checksum_agrees(&said->checksum, part))
            return fail_invalid_part(request, said);
        if (upload->checksum_algo != DIGEST_NONE && part->checksum.algo != upload->checksum_algo)
            return upload_checksum_mismatch(request, upload->checksum_algo, part->checksum.algo);
        if (part->size_bytes < OBJECT_PART_MIN_BYTES && i + 1 < body->count)
            return fail_too_small(request, part);
        assembly_add(assembly, part);
        if (assembly->size_bytes > OBJECT_MAX_BYTES)
            return object_too_large(request, assembly->size_bytes, OBJECT_MAX_BYTES);
    }
    return S3_OK;
}

static enum s3_err check_size(
    struct request *request, const struct complete_claims *claims, uint64_t size_bytes)
{
    if (!claims->has_size || claims->size_bytes == size_bytes)
        return S3_OK;
    struct span message = arena_format(&request->arena,
        "The provided 'x-amz-mp-object-size' header value %llu does not match what was computed: "
        "%llu",
        (unsigned long long)claims->size_bytes, (unsigned long long)size_bytes);
    return FAIL(request, INVALID_REQUEST, message.ptr);
}

static enum s3_err check_claims(struct request *request, const struct complete_claims *claims,
    const struct object_attributes *attributes, uint64_t size_bytes)
{
    struct checksum made = object_checksum(attributes);
    const struct checksum *said = &claims->checksum;
    if (claims->has_type && claims->type != made.type) {
        struct span message = arena_format(&request->arena,
            "The upload was created using the %.*s checksum mode. The complete request must use "
            "the same checksum mode.",
            SPAN_ARG(checksum_type_name(made.type)));
        return FAIL(request, INVALID_REQUEST, message.ptr);
    }
    TRY(check_size(request, claims, size_bytes));
    if (said->algo == DIGEST_NONE)
        return S3_OK;
    if (said->algo == DIGEST_CRC64NVME)
        made = checksum_of_crc64nvme(attributes->crc64nvme);
    if (said->algo != made.algo)
        return upload_checksum_mismatch(request, made.algo, said->algo);
    bool same_count = said->type != CHECKSUM_COMPOSITE ||
                      (made.type == CHECKSUM_COMPOSITE && said->part_count == made.part_count);
    if (same_count && memcmp(said->value, made.value, digest_size(made.algo)) == 0)
        return S3_OK;
    struct span message =
        arena_format(&request->arena, "The %s you specified did not match the calculated checksum.",
            upload_algo_text(said->algo));
    return FAIL(request, BAD_DIGEST, message.ptr);
}

enum s3_err complete_parts_choose(struct request *request, struct arena *arena,
    const struct upload_info *upload, const struct part_page *page,
    const struct complete_body *body, const struct complete_claims *claims,
    struct mutation *mutation)
{
    TRY(check_order(request, body));
    struct part_choice *choices = arena_array(arena, struct part_choice, body->count);
    struct assembly assembly CLEANUP(assembly_free) = {.size_bytes = 0};
    if (choices == NULL || !assembly_init(&assembly, upload))
        return FAIL(request, INTERNAL, NULL);
    TRY(add_parts(request, upload, body, page, &assembly));
    for (size_t i = 0; i < body->count; i++)
        choices[i].number = body->parts[i].number;
    assembly_finish(&assembly, body->count, &mutation->complete.attributes);
    mutation->complete.parts = choices;
    mutation->complete.part_count = body->count;
    return check_claims(request, claims, &mutation->complete.attributes, assembly.size_bytes);
}
