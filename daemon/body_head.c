#include "daemon/body_head.h"

#include "daemon/daemon.h"
#include "daemon/post_form.h"

struct body_head {
    struct buf bytes; /* of a Query body; a form's decoder has its own */
    size_t counted;   /* of daemon->head_bytes */
};

enum s3_err body_head_begin(struct request *request)
{
    if (request->op->body == BODY_FORM)
        TRY(post_form_begin(request));
    struct body_head *head = arena_new(&request->arena, struct body_head);
    if (head == NULL)
        return FAIL(request, INTERNAL, NULL);
    request->head = head;
    if (request->op->body == BODY_FORM)
        return S3_OK;
    uint64_t length = 0;
    struct span declared = request_header(request, SPAN("content-length"));
    if (span_present(declared) && (!span_to_u64(declared, &length) || length > BODY_HEAD_MAX_BYTES))
        return FAIL(request, MAX_MESSAGE_LENGTH_EXCEEDED, NULL);
    buf_init(&head->bytes, BODY_HEAD_MAX_BYTES);
    return S3_OK;
}

enum s3_err body_head_bytes(struct request *request, struct span *input, bool *ret_over)
{
    if (request->form != NULL) {
        TRY(post_form_head(request, input, ret_over));
        if (*ret_over)
            body_head_free(request);
        return S3_OK;
    }
    struct body_head *head = request->head;
    head->counted += input->len;
    if (atomic_fetch_add(&request->daemon->head_bytes, input->len) + input->len >
        BODY_HEADS_MAX_BYTES)
        return FAIL(request, SLOW_DOWN, NULL);
    buf_add(&head->bytes, *input);
    *input = span_from(*input, input->len);
    *ret_over = false;
    return buf_ok(&head->bytes) ? S3_OK : FAIL(request, MAX_MESSAGE_LENGTH_EXCEEDED, NULL);
}

enum s3_err body_head_end(struct request *request)
{
    if (request->form != NULL) {
        enum s3_err err = form_end(request->form->decoder);
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    }
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
    atomic_fetch_sub(&request->daemon->head_bytes, request->head->counted);
    buf_free(&request->head->bytes);
    request->head = NULL;
}
