#include "daemon/ops/json_answer.h"

#include "daemon/ops/arguments.h"
#include "http_time.h"

enum { JSON_ANSWER_MAX_BYTES = 16 * 1024 * 1024 };

struct buf *json_answer(struct request *request)
{
    struct response *response = &request->response;
    response->status = 200;
    response->kind = RESPONSE_BUFFER;
    buf_free(&response->buffer);
    buf_init(&response->buffer, JSON_ANSWER_MAX_BYTES);
    response_header_borrowed(request, "Content-Type", SPAN("application/json"));
    return &response->buffer;
}

void json_answer_text(struct buf *out, bool first, const char *name, struct span text)
{
    buf_addf(out, "%s\"%s\":", first ? "" : ",", name);
    json_string(out, text);
}

void json_answer_u64(struct buf *out, const char *name, uint64_t value)
{
    buf_addf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

void json_answer_time(struct buf *out, const char *name, int64_t time_ms)
{
    char text[ISO_TIME_BYTES];
    iso_time_format(time_ms, text);
    if (time_ms == 0)
        buf_addf(out, ",\"%s\":null", name);
    else
        buf_addf(out, ",\"%s\":\"%s\"", name, text);
}

void json_answer_bool(struct buf *out, const char *name, bool value)
{
    buf_addf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

enum s3_err json_answer_limit(
    struct request *request, const char *name, size_t max, size_t *ret_limit)
{
    int32_t limit;
    TRY(argument_int32(request, name, (int32_t)max, &limit));
    if (limit < 1)
        return FAIL_ARGUMENT(
            request, name, request_query(request, span_str(name)), "It must be at least 1");
    *ret_limit = (size_t)limit < max ? (size_t)limit : max;
    return S3_OK;
}
