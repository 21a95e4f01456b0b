/* GetBucketCors, PutBucketCors, DeleteBucketCors, and the preflight of browsers.
 * src: Amazon S3 API Reference, "PutBucketCors"; "OPTIONS object" */
#include "daemon/cors_respond.h"

enum s3_err op_get_bucket_cors(struct request *request)
{
    const struct cors *cors = NULL;
    TRY(cors_of(request, &request->bucket, &cors));
    if (cors == NULL) {
        request_error_field(request, SPAN("BucketName"), request->bucket.name);
        return FAIL(request, NO_SUCH_CORS_CONFIGURATION, NULL);
    }
    struct buf *out = response_xml(request, 200);
    cors_xml(out, cors);
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err change(struct request *request, struct mutation *mutation, int status)
{
    mutation->bucket = (struct bucket_ref){request->bucket.id, request->bucket.name};
    mutation->document.kind = DOCUMENT_CORS;
    enum storage_err err = storage_commit(request_store(request), mutation);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_DOCUMENT)
        return FAIL_STORAGE(request, err);
    request->response.status = status;
    return S3_OK;
}

enum s3_err op_put_bucket_cors(struct request *request)
{
    struct cors cors;
    struct span detail = SPAN_ABSENT;
    struct buf text CLEANUP(buf_free) = {0};
    buf_init(&text, STORAGE_DOCUMENT_MAX_BYTES);
    enum s3_err err = cors_parse(&request->arena, request->body.text, &cors, &detail);
    if (err != S3_OK)
        return request_fail(request, err, detail.ptr, __FILE__, __LINE__);
    cors_xml(&text, &cors);
    if (!buf_ok(&text))
        return FAIL(request, INTERNAL, NULL);
    struct mutation mutation = {.kind = MUTATION_PUT_DOCUMENT, .document.text = buf_span(&text)};
    return change(request, &mutation, 200);
}

enum s3_err op_delete_bucket_cors(struct request *request)
{
    struct mutation mutation = {.kind = MUTATION_DELETE_DOCUMENT};
    return change(request, &mutation, 204);
}

static enum s3_err forbidden(struct request *request, struct span method, const char *detail)
{
    request_error_field(request, SPAN("Method"), method);
    request_error_field(request, SPAN("ResourceType"),
        request->target.scope == TARGET_OBJECT ? SPAN("OBJECT") : SPAN("BUCKET"));
    return FAIL(request, ACCESS_FORBIDDEN, detail);
}

static enum s3_err preflight(struct request *request)
{
    static const char not_allowed[] =
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of "
        "Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers "
        "are not whitelisted by the resource's CORS spec.";
    const struct cors *cors = NULL;
    struct cors_request ask = {
        .origin = request_header(request, SPAN("origin")),
        .method = request_header(request, SPAN("access-control-request-method")),
        .headers = request_header(request, SPAN("access-control-request-headers")),
    };
    if (ask.origin.len == 0)
        return FAIL(
            request, BAD_REQUEST, "Insufficient information. Origin request header needed.");
    static const struct span methods[] = {
        SPAN("GET"), SPAN("PUT"), SPAN("HEAD"), SPAN("POST"), SPAN("DELETE")};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        known |= span_eq(ask.method, methods[i]);
    if (!known) {
        struct span shown = span_present(ask.method) && span_is_utf8(ask.method)
                                ? span_first(ask.method, 64)
                                : SPAN("null");
        return FAIL(request, BAD_REQUEST,
            arena_format(
                &request->arena, "Invalid Access-Control-Request-Method: %.*s", SPAN_ARG(shown))
                .ptr);
    }
    TRY(cors_of(request, &request->bucket, &cors));
    if (cors == NULL)
        return forbidden(request, ask.method, "CORSResponse: CORS is not enabled for this bucket.");
    bool any_origin = false;
    const struct cors_rule *rule = cors_match(cors, &ask, &any_origin);
    if (rule == NULL)
        return forbidden(request, ask.method, not_allowed);
    cors_rule_headers(request, rule, any_origin, ask.headers);
    request->response.status = 200;
    return S3_OK;
}

enum s3_err op_preflight_bucket(struct request *request)
{
    return preflight(request);
}

enum s3_err op_preflight_object(struct request *request)
{
    return preflight(request);
}
