#include "daemon/ops/object_common.h"

#include "checksum.h"
#include "conditions.h"
#include "daemon/acl_request.h"
#include "daemon/authorize.h"
#include "daemon/metadata.h"
#include "daemon/object_tags.h"
#include "daemon/storage_class.h"
#include "daemon/version_id.h"
#include "daemon/zones.h"
#include "http_time.h"
#include "xml_write.h"

struct span object_amz_header(const struct request *request, struct span name)
{
    struct span value = request_header(request, name);
    if (span_present(value) || request->auth.kind != SIGV4_PRESIGNED)
        return value;
    for (size_t i = 0; i < request->target.query.count; i++) {
        const struct query_param *param = &request->target.query.params[i];
        if (span_eq_nocase(param->name, name))
            return param->value;
    }
    return SPAN_ABSENT;
}

struct mutation object_mutation(const struct request *request, enum mutation_kind kind)
{
    return (struct mutation){
        .kind = kind,
        .bucket = {.id = request->bucket.id, .name = request->target.bucket},
        .key = request->target.key,
    };
}

enum s3_err object_too_large(struct request *request, uint64_t size_bytes, uint64_t max_bytes)
{
    request_error_field(request, SPAN("ProposedSize"),
        arena_format(&request->arena, "%llu", (unsigned long long)size_bytes));
    request_error_field(request, SPAN("MaxSizeAllowed"),
        arena_format(&request->arena, "%llu", (unsigned long long)max_bytes));
    return FAIL(request, ENTITY_TOO_LARGE, NULL);
}

enum s3_err object_condition_fail(struct request *request, struct span condition)
{
    request_error_field(request, SPAN("Condition"), condition);
    return FAIL(request, PRECONDITION_FAILED, NULL);
}

/* err: NOT_IMPLEMENTED with the header's name, as AWS answers it */
static enum s3_err refuse_condition(
    struct request *request, struct span header, struct span additional)
{
    request_error_field(request, SPAN("Header"), header);
    request_error_field(request, SPAN("additionalMessage"), additional);
    return FAIL(request, NOT_IMPLEMENTED, NULL);
}

enum s3_err object_write_conditions(struct request *request, struct mutation *mutation)
{
    struct conditions conditions;
    enum s3_err err = conditions_parse(&request->arena, &request->headers, SPAN(""), &conditions);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    if (conditions.if_match.present && conditions.if_none_match.present)
        return refuse_condition(request, SPAN("If-Match,If-None-Match"),
            SPAN("Multiple conditional request headers present in the request"));
    if (conditions.if_none_match.present && !conditions.if_none_match.any)
        return refuse_condition(request, SPAN("If-None-Match"),
            SPAN("We don't accept the provided value of If-None-Match header for this API"));
    if (conditions.if_match.any)
        return refuse_condition(request, SPAN("If-Match"),
            SPAN("We don't accept the provided value of If-Match header for this API"));
    mutation->if_match = conditions.if_match;
    mutation->if_none_match = conditions.if_none_match;
    return S3_OK;
}

enum s3_err object_storage_class(struct request *request, uint8_t *ret_class)
{
    struct span name = object_amz_header(request, SPAN("x-amz-storage-class"));
    uint8_t number = STORAGE_CLASS_STANDARD;
    bool known = storage_class_by_name(name, &number);
    if (known && number != STORAGE_CLASS_GLACIER && number != STORAGE_CLASS_DEEP_ARCHIVE &&
        number != STORAGE_CLASS_OUTPOSTS && number != STORAGE_CLASS_SNOW &&
        number != STORAGE_CLASS_EXPRESS_ONEZONE) {
        *ret_class = number;
        return S3_OK;
    }
    request_error_field(request, SPAN("StorageClassRequested"), name);
    return FAIL(request, INVALID_STORAGE_CLASS, NULL);
}

enum s3_err object_new_attributes(struct request *request, struct object_attributes *ret_attributes)
{
    struct object_attributes attributes = {0};
    TRY(object_storage_class(request, &attributes.storage_class));
    TRY(metadata_read(request, &attributes.metadata));
    TRY(acl_new_object(request, &attributes));
    if (request->tags != NULL)
        TRY(object_tags_keep(request, request->tags, &attributes.metadata));
    *ret_attributes = attributes;
    return S3_OK;
}

struct checksum checksum_of_crc64nvme(uint64_t crc)
{
    struct checksum checksum = {.algo = DIGEST_CRC64NVME, .type = CHECKSUM_FULL_OBJECT};
    for (size_t i = 0; i < sizeof(crc); i++)
        checksum.value[i] = (uint8_t)(crc >> (56 - 8 * i));
    return checksum;
}

struct checksum object_checksum(const struct object_attributes *attributes)
{
    return attributes->checksum.algo != DIGEST_NONE ? attributes->checksum
                                                    : checksum_of_crc64nvme(attributes->crc64nvme);
}

struct checksum object_part_checksum(const struct part_info *part)
{
    return part->checksum.algo != DIGEST_NONE ? part->checksum
                                              : checksum_of_crc64nvme(part->crc64nvme);
}

enum s3_err object_checksum_algorithm(struct request *request, enum digest_algo *ret_algo)
{
    struct span name = object_amz_header(request, SPAN("x-amz-checksum-algorithm"));
    enum digest_algo algo = checksum_algo_by_name(name);
    if (span_present(name) && algo == DIGEST_NONE)
        return FAIL(request, INVALID_REQUEST,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid "
            "types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    *ret_algo = algo;
    return S3_OK;
}

void object_checksum_value_header(struct request *request, const struct checksum *checksum)
{
    struct buf text CLEANUP(buf_free);
    buf_init(&text, 128);
    checksum_text(&text, checksum);
    response_header(request, checksum_header_name(checksum->algo).ptr, buf_span(&text));
}

void object_checksum_headers(struct request *request, const struct checksum *checksum)
{
    object_checksum_value_header(request, checksum);
    response_header_borrowed(request, "x-amz-checksum-type", checksum_type_name(checksum->type));
}

void object_checksum_xml(struct buf *out, const struct checksum *checksum, bool with_type)
{
    struct span name = checksum_element_name(checksum->algo);
    xml_open(out, name);
    checksum_text(out, checksum);
    xml_close(out, name);
    if (with_type)
        xml_text(out, SPAN("ChecksumType"), checksum_type_name(checksum->type));
}

struct span object_etag_text(struct request *request, const struct etag *etag)
{
    char *text = arena_alloc(&request->arena, ETAG_TEXT_BYTES);
    return text != NULL ? span_of(text, etag_format(etag, text)) : SPAN_ABSENT;
}

void object_version_header(struct request *request, const struct version *version)
{
    if (request->bucket.versioning == VERSIONING_OFF)
        return;
    char text[VERSION_ID_TEXT_BYTES];
    size_t len = version_id_format(version, text);
    response_header(request, "x-amz-version-id", span_of(text, len));
}

static enum s3_err fail_delete_marker(
    struct request *request, const struct version_ref *ref, const struct object_info *info)
{
    response_header_borrowed(request, "x-amz-delete-marker", SPAN("true"));
    object_version_header(request, &info->version);
    if (ref->select == VERSION_NEWEST) {
        request_error_field(request, SPAN("Key"), request->target.key);
        return FAIL(request, NO_SUCH_KEY, NULL);
    }
    char modified[HTTP_TIME_BYTES];
    http_time_format(info->modified_ms / 1000, modified);
    response_header(request, "Last-Modified", span_of(modified, HTTP_TIME_BYTES - 1));
    response_header_borrowed(request, "Allow", SPAN("DELETE"));
    request_error_field(request, SPAN("Method"), request->method_text);
    request_error_field(request, SPAN("ResourceType"), SPAN("DeleteMarker"));
    return FAIL(request, METHOD_NOT_ALLOWED, NULL);
}

enum s3_err object_read_fail(struct request *request, enum storage_err err,
    const struct version_ref *ref, const struct object_info *info)
{
    bool is_gone = err == STORAGE_DELETE_MARKER && ref->select == VERSION_NEWEST;
    if (is_gone || err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION)
        TRY(authorize_missing(request, &request->bucket));
    if (err == STORAGE_DELETE_MARKER)
        return fail_delete_marker(request, ref, info);
    if (err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION)
        request_error_field(request, SPAN("Key"), request->target.key);
    if (err == STORAGE_NO_SUCH_VERSION)
        request_error_field(request, SPAN("VersionId"), request_query(request, SPAN("versionId")));
    return FAIL_STORAGE(request, err);
}

enum s3_err object_write_fail(
    struct request *request, const struct mutation *mutation, enum storage_err err)
{
    if (zones_refused(err))
        return zones_fail(request, mutation, err);
    if (err == STORAGE_PRECONDITION_FAILED)
        return object_condition_fail(
            request, mutation->if_none_match.present ? SPAN("If-None-Match") : SPAN("If-Match"));
    if (err == STORAGE_NO_SUCH_KEY) {
        TRY(authorize_missing(request, &request->bucket));
        request_error_field(request, SPAN("Key"), request->target.key);
    }
    if (err == STORAGE_NO_SUCH_UPLOAD)
        request_error_field(request, SPAN("UploadId"), request_query(request, SPAN("uploadId")));
    if (err == STORAGE_NO_SUCH_BUCKET)
        request_error_field(request, SPAN("BucketName"), request->target.bucket);
    return FAIL_STORAGE(request, err);
}
