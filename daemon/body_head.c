#include "daemon/body_head.h"

struct body_head {
    struct buf bytes;
};

enum s3_err body_head_begin(struct request *request)
{
    struct body_head *head = arena_new(&request->arena, struct body_head);
    if (head == NULL)
        return FAIL(request, INTERNAL, NULL);
    uint64_t length = 0;
    struct span declared = request_header(request, SPAN("content-length"));
    if (span_present(declared) && (!span_to_u64(declared, &length) || length > BODY_HEAD_MAX_BYTES))
        return FAIL(request, MAX_MESSAGE_LENGTH_EXCEEDED, NULL);
    buf_init(&head->bytes, BODY_HEAD_MAX_BYTES);
    request->head = head;
    return S3_OK;
}

enum s3_err body_head_bytes(struct request *request, struct span *input, bool *ret_over)
{
    buf_add(&request->head->bytes, *input);
    *input = span_from(*input, input->len);
    *ret_over = false;
    return buf_ok(&request->head->bytes) ? S3_OK : FAIL(request, MAX_MESSAGE_LENGTH_EXCEEDED, NULL);
}

enum s3_err body_head_end(struct request *request)
{
    struct span text = arena_copy(&request->arena, buf_span(&request->head->bytes));
    if (!span_present(text))
        return FAIL(request, INTERNAL, NULL);
    request->body.text = text;
    request->body.size_bytes = text.len;
    body_head_free(request);
    return S3_OK;
}

void body_head_free(struct request *request)
{
    if (request->head == NULL)
        return;
    buf_free(&request->head->bytes);
    request->head = NULL;
}
