#include "daemon/receive.h"

#include "aws_chunked.h"
#include "base/encode.h"
#include "checksum.h"
#include "daemon/daemon.h"
#include "daemon/intake.h"
#include "daemon/md5_group.h"
#include "daemon/ops/upload_common.h"
#include "daemon/post_form.h"
#include "daemon/zones.h"

/* The digests go over a run that is still in the first-level cache from the one before. */
enum { DIGEST_RUN_BYTES = 16 * 1024 };
#define LENGTH_UNKNOWN UINT64_MAX

struct receive {
    enum body_kind kind;
    uint64_t length; /* decoded bytes declared; LENGTH_UNKNOWN for a chunked body kept in memory */
    uint64_t max_bytes;
    uint64_t received;           /* decoded */
    struct aws_chunked *chunked; /* NULL: as it comes */
    struct intake *intake;       /* NULL: nothing to keep */

    struct md5_group *md5_group;
    struct md5 md5;
    uint64_t crc64nvme;
    struct digest sha256;   /* of a signed payload */
    struct digest checksum; /* of the client's algorithm, unless md5, sha256 or crc64nvme has it */
    struct checksum expected;
    bool has_expected; /* a value came in a header */
    bool has_md5;
    uint8_t expected_md5[MD5_BYTES];
    bool has_sha256;
    uint8_t expected_sha256[SHA256_BYTES];
};

static bool is_streaming(enum sigv4_payload payload)
{
    return payload != SIGV4_PAYLOAD_HASH && payload != SIGV4_PAYLOAD_UNSIGNED;
}

/* The declared length in decoded bytes. Transfer-Encoding: chunked is HTTP's framing: what S3 wants
 * to know is then in x-amz-decoded-content-length. */
static enum s3_err declared_length(struct request *request, uint64_t *ret_length)
{
    bool streaming = is_streaming(request->auth.payload);
    struct span text = request_header(
        request, streaming ? SPAN("x-amz-decoded-content-length") : SPAN("content-length"));
    if (!span_present(text)) {
        bool http_chunked = span_present(request_header(request, SPAN("transfer-encoding")));
        if (!streaming && !http_chunked && request->op->body == BODY_XML) {
            *ret_length = 0;
            return S3_OK;
        }
        if (request->op->body == BODY_BLOB || streaming)
            return FAIL(request, MISSING_CONTENT_LENGTH, NULL);
        *ret_length = LENGTH_UNKNOWN;
        return S3_OK;
    }
    if (!span_to_u64(text, ret_length) || *ret_length == LENGTH_UNKNOWN)
        return FAIL(request, INVALID_ARGUMENT,
            streaming ? "The value of x-amz-decoded-content-length is not valid."
                      : "The value of Content-Length is not valid.");
    return S3_OK;
}

static bool is_staged(enum body_kind kind)
{
    return kind == BODY_BLOB || kind == BODY_FORM;
}

static enum s3_err check_length(struct request *request, struct receive *receive)
{
    if (receive->kind == BODY_FORM) { /* where its file ends only the boundary tells */
        receive->length = LENGTH_UNKNOWN;
        receive->max_bytes = RECEIVE_BLOB_MAX_BYTES;
        return S3_OK;
    }
    TRY(declared_length(request, &receive->length));
    if (request->op->body == BODY_BLOB) {
        receive->max_bytes = RECEIVE_BLOB_MAX_BYTES;
        if (receive->length > receive->max_bytes) {
            request_error_field(request, SPAN("ProposedSize"),
                arena_format(&request->arena, "%llu", (unsigned long long)receive->length));
            request_error_field(request, SPAN("MaxSizeAllowed"), SPAN("5368709120"));
            return FAIL(request, ENTITY_TOO_LARGE, NULL);
        }
        return S3_OK;
    }
    bool is_long =
        request->op->run == op_delete_objects || request->op->run == op_complete_multipart_upload;
    receive->max_bytes = is_long ? RECEIVE_LONG_XML_MAX_BYTES : RECEIVE_XML_MAX_BYTES;
    if (receive->length != LENGTH_UNKNOWN && receive->length > receive->max_bytes)
        return FAIL(request, MAX_MESSAGE_LENGTH_EXCEEDED, NULL);
    return S3_OK;
}

static enum s3_err read_digests(struct request *request, struct receive *receive)
{
    struct span md5 = request_header(request, SPAN("content-md5"));
    if (span_present(md5)) {
        size_t len = 0;
        if (!base64_decode(md5, receive->expected_md5, MD5_BYTES, &len) || len != MD5_BYTES)
            return FAIL(request, INVALID_DIGEST, "The Content-MD5 you specified was invalid.");
        receive->has_md5 = true;
    }
    if (request->auth.payload == SIGV4_PAYLOAD_HASH &&
        span_present(request->auth.payload_sha256_hex)) {
        if (!hex_decode(request->auth.payload_sha256_hex, receive->expected_sha256, SHA256_BYTES))
            return FAIL(
                request, INVALID_ARGUMENT, "The value of x-amz-content-sha256 is not valid.");
        receive->has_sha256 = true;
    }
    /* There they speak of the object that comes about, not of this body. */
    if (request->op->run == op_complete_multipart_upload)
        return S3_OK;
    enum s3_err err =
        checksum_from_headers(&request->headers, &receive->expected, &receive->has_expected);
    if (err != S3_OK)
        return request_fail(request, err,
            "The checksum headers are malformed, contradict each other, or name another algorithm "
            "than CRC32, CRC32C, CRC64NVME, SHA1 and SHA256.",
            __FILE__, __LINE__);
    return S3_OK;
}

/* Which algorithms run beside MD5 and CRC64NVME. */
static bool start_digests(struct receive *receive)
{
    enum digest_algo algo = receive->expected.algo;
    bool needs_sha256 = receive->has_sha256 || algo == DIGEST_SHA256;
    bool needs_other = algo == DIGEST_CRC32 || algo == DIGEST_CRC32C || algo == DIGEST_SHA1;
    md5_init(&receive->md5);
    return (!needs_sha256 || digest_init(&receive->sha256, DIGEST_SHA256)) &&
           (!needs_other || digest_init(&receive->checksum, algo));
}

static enum s3_err start_decoder(struct request *request, struct receive *receive)
{
    enum sigv4_payload payload = request->auth.payload;
    if (!is_streaming(payload))
        return S3_OK;
    bool is_signed = payload != SIGV4_PAYLOAD_UNSIGNED_TRAILER;
    receive->chunked = aws_chunked_new(payload, is_signed ? &request->auth : NULL,
        is_signed ? request->signing_key : NULL, receive->length,
        request_header(request, SPAN("x-amz-trailer")));
    return receive->chunked != NULL ? S3_OK : FAIL(request, INTERNAL, NULL);
}

/* All but MD5. */
static void digest_others(struct receive *receive, struct span part)
{
    receive->crc64nvme = crc64nvme_update(receive->crc64nvme, part);
    if (receive->sha256.algo != DIGEST_NONE)
        digest_update(&receive->sha256, part);
    if (receive->checksum.algo != DIGEST_NONE)
        digest_update(&receive->checksum, part);
}

/* One pass: each part is in the cache from the digest before. */
static void digest_here(struct receive *receive, struct span run)
{
    while (run.len > 0) {
        struct span part = span_first(run, DIGEST_RUN_BYTES);
        md5_update(&receive->md5, part);
        digest_others(receive, part);
        run = span_from(run, part.len);
    }
}

/* On a worker, which may wait for others: MD5 costs most, and less for several bodies together. */
static void digest_on_worker(void *ctx, struct span run)
{
    struct receive *receive = ctx;
    md5_group_update(receive->md5_group, &receive->md5, run);
    digest_others(receive, run);
}

/* By the worker that stores it, not as it comes: a body that is lent needs no worker. */
static bool is_digested_late(const struct receive *receive)
{
    bool is_gathered_blob = receive->kind == BODY_BLOB && receive->length > STAGE_LENT_MAX_BYTES;
    return receive->intake != NULL && (is_gathered_blob || intake_is_streamed(receive->intake));
}

enum s3_err receive_begin(struct request *request)
{
    /* A Query body is all head. */
    if (request->op->body == BODY_NONE || request->op->body == BODY_QUERY)
        return S3_OK;
    struct receive *receive = arena_new(&request->arena, struct receive);
    if (receive == NULL)
        return FAIL(request, INTERNAL, NULL);
    receive->kind = request->op->body;
    receive->md5_group = request->daemon->md5_group;
    request->receive = receive;
    TRY(check_length(request, receive));
    TRY(read_digests(request, receive));
    if (is_staged(receive->kind))
        TRY(upload_admit(request));
    if (!start_digests(receive))
        return FAIL(request, INTERNAL, NULL);
    TRY(start_decoder(request, receive));
    if (receive->length == 0)
        return S3_OK;
    uint64_t room = receive->length != LENGTH_UNKNOWN ? receive->length : receive->max_bytes;
    if (receive->kind == BODY_FORM)
        room = post_form_room(request);
    struct intake_options options = {
        .store = request->daemon->store,
        .staging = request->daemon->staging,
        .workers = request->daemon->workers,
        .client = request_client(request),
        .size_bytes = room,
        .at_most = receive->kind == BODY_FORM,
        .in_memory = receive->kind == BODY_XML,
        .digest = digest_on_worker,
        .digest_ctx = receive,
    };
    if (is_staged(receive->kind))
        TRY(zones_compress(request, &options.compress));
    enum storage_err err = intake_open(&request->arena, &options, &receive->intake);
    return err == STORAGE_OK ? S3_OK : FAIL_STORAGE(request, err);
}

static enum s3_err keep(struct request *request, struct receive *receive, struct span run)
{
    if (run.len == 0)
        return S3_OK;
    if (receive->kind == BODY_FORM)
        TRY(post_form_check_size(request, receive->received + run.len, true));
    uint64_t limit = receive->length != LENGTH_UNKNOWN ? receive->length : receive->max_bytes;
    if (run.len > limit - receive->received)
        return receive->length != LENGTH_UNKNOWN ? FAIL(request, INCOMPLETE_BODY, NULL)
                                                 : FAIL(request, MAX_MESSAGE_LENGTH_EXCEEDED, NULL);
    receive->received += run.len;
    if (!is_digested_late(receive))
        digest_here(receive, run);
    intake_add(receive->intake, run);
    return S3_OK;
}

static enum s3_err room_for(
    struct request *request, struct receive *receive, struct span *bytes, bool *ret_wait)
{
    /* Past the last declared byte comes framing, or an error: neither needs room. */
    if (receive->intake == NULL || receive->received == receive->length ||
        (receive->kind == BODY_FORM && form_file_over(request->form->decoder)))
        return S3_OK;
    size_t room = 0;
    enum storage_err err = intake_room(receive->intake, &room);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    if (room == 0 && receive->length == LENGTH_UNKNOWN && receive->received == receive->max_bytes)
        return FAIL(request, MAX_MESSAGE_LENGTH_EXCEEDED, NULL);
    *ret_wait = room == 0;
    *bytes = span_first(*bytes, room);
    return S3_OK;
}

enum s3_err receive_bytes(struct request *request, struct span *input, bool *ret_wait)
{
    struct receive *receive = request->receive;
    *ret_wait = false;
    if (receive == NULL)
        return S3_OK;
    while (input->len > 0) {
        struct span bytes = *input, run;
        TRY(room_for(request, receive, &bytes, ret_wait));
        if (*ret_wait)
            return S3_OK;
        size_t given = bytes.len;
        if (receive->chunked != NULL) {
            enum s3_err err = aws_chunked_next(receive->chunked, &bytes, &run);
            if (err != S3_OK)
                return request_fail(request, err, NULL, __FILE__, __LINE__);
        } else if (receive->kind == BODY_FORM) {
            form_file(request->form->decoder, &bytes, bytes.len, &run);
        } else {
            run = bytes;
            bytes = span_from(bytes, bytes.len);
        }
        *input = span_from(*input, given - bytes.len);
        TRY(keep(request, receive, run));
    }
    return S3_OK;
}

void receive_wait(struct request *request, void (*wake)(void *ctx), void *ctx)
{
    intake_wait(request->receive->intake, wake, ctx);
}

/* The value that the client promised in a trailer. */
static enum s3_err read_trailer(struct request *request, struct receive *receive)
{
    if (receive->chunked == NULL || receive->has_expected || receive->expected.algo == DIGEST_NONE)
        return S3_OK;
    struct span text = header_find(
        aws_chunked_trailers(receive->chunked), checksum_header_name(receive->expected.algo));
    if (!span_present(text))
        return S3_OK;
    enum s3_err err = checksum_parse(receive->expected.algo, text, false, &receive->expected);
    if (err != S3_OK)
        return request_fail(
            request, err, "The checksum in the trailer is malformed.", __FILE__, __LINE__);
    receive->has_expected = true;
    return S3_OK;
}

static void crc64nvme_bytes(uint64_t crc, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < 8; i++)
        ret_bytes[i] = (uint8_t)(crc >> (56 - 8 * i));
}

/* The checksum with the client's algorithm over what came. */
static void computed_checksum(struct receive *receive, const uint8_t sha256[static SHA256_BYTES],
    struct checksum *ret_checksum)
{
    *ret_checksum = (struct checksum){.algo = receive->expected.algo, .type = CHECKSUM_FULL_OBJECT};
    switch (receive->expected.algo) {
    case DIGEST_NONE:
    case DIGEST_MD5:
        break;
    case DIGEST_SHA256:
        memcpy(ret_checksum->value, sha256, SHA256_BYTES);
        break;
    case DIGEST_CRC64NVME:
        crc64nvme_bytes(receive->crc64nvme, ret_checksum->value);
        break;
    case DIGEST_CRC32:
    case DIGEST_CRC32C:
    case DIGEST_SHA1:
        digest_final(&receive->checksum, ret_checksum->value);
        break;
    }
}

static enum s3_err compare(struct request *request, struct receive *receive)
{
    struct body *body = &request->body;
    uint8_t sha256[DIGEST_MAX_BYTES] = {0};
    body->crc64nvme = receive->crc64nvme;
    md5_final(&receive->md5, body->etag.md5);
    if (receive->sha256.algo != DIGEST_NONE)
        digest_final(&receive->sha256, sha256);
    if (receive->has_sha256 && memcmp(sha256, receive->expected_sha256, SHA256_BYTES) != 0) {
        char hex[2 * SHA256_BYTES + 1];
        request_error_field(
            request, SPAN("ClientComputedContentSHA256"), request->auth.payload_sha256_hex);
        hex_encode(sha256, SHA256_BYTES, hex);
        request_error_field(request, SPAN("S3ComputedContentSHA256"), span_str(hex));
        return FAIL(request, X_AMZ_CONTENT_SHA256_MISMATCH, NULL);
    }
    if (receive->has_md5 && memcmp(body->etag.md5, receive->expected_md5, MD5_BYTES) != 0)
        return FAIL(
            request, BAD_DIGEST, "The Content-MD5 you specified did not match what we received.");
    computed_checksum(receive, sha256, &body->checksum);
    body->checksum_asked = receive->expected.algo != DIGEST_NONE;
    if (receive->has_expected && memcmp(body->checksum.value, receive->expected.value,
                                     digest_size(receive->expected.algo)) != 0) {
        struct span name = checksum_algo_name(receive->expected.algo);
        struct span detail = arena_format(&request->arena,
            "The %.*s you specified did not match the calculated checksum.", SPAN_ARG(name));
        return FAIL(request, BAD_DIGEST, detail.ptr);
    }
    return S3_OK;
}

enum s3_err receive_end(struct request *request)
{
    struct receive *receive = request->receive;
    if (receive == NULL)
        return S3_OK;
    if (receive->chunked != NULL) {
        enum s3_err err = aws_chunked_finish(receive->chunked);
        if (err != S3_OK)
            return request_fail(request, err, NULL, __FILE__, __LINE__);
        TRY(read_trailer(request, receive));
    }
    if (receive->length != LENGTH_UNKNOWN && receive->received != receive->length)
        return FAIL(request, INCOMPLETE_BODY, NULL);
    if (receive->kind == BODY_FORM) {
        enum s3_err err = form_end(request->form->decoder);
        if (err != S3_OK)
            return request_fail(request, err, NULL, __FILE__, __LINE__);
        TRY(post_form_check_size(request, receive->received, false));
    }
    request->body.size_bytes = receive->received;
    if (receive->kind == BODY_XML)
        request->body.text = receive->intake != NULL ? intake_gathered(receive->intake) : SPAN("");
    return is_digested_late(receive) ? S3_OK : compare(request, receive);
}

enum s3_err receive_store(struct request *request)
{
    struct receive *receive = request->receive;
    if (receive == NULL || !is_staged(receive->kind) || receive->intake == NULL)
        return S3_OK;
    if (is_digested_late(receive)) {
        enum storage_err drained = intake_drain(receive->intake);
        if (drained != STORAGE_OK)
            return FAIL_STORAGE(request, drained);
        TRY(compare(request, receive));
    }
    enum storage_err err = intake_finish(receive->intake, &request->body.stage);
    return err == STORAGE_OK ? S3_OK : FAIL_STORAGE(request, err);
}

bool receive_is_quick(const struct request *request)
{
    const struct receive *receive = request->receive;
    return receive == NULL || !is_staged(receive->kind) || receive->intake == NULL ||
           intake_lends(receive->intake);
}

bool receive_busy(struct request *request, void (*over)(void *ctx), void *ctx)
{
    struct receive *receive = request->receive;
    return receive != NULL && receive->intake != NULL && intake_busy(receive->intake, over, ctx);
}

void receive_free(struct request *request)
{
    struct receive *receive = request->receive;
    if (receive == NULL)
        return;
    request->receive = NULL;
    intake_close(receive->intake);
    aws_chunked_free(receive->chunked);
    digest_free(&receive->sha256);
    digest_free(&receive->checksum);
}
