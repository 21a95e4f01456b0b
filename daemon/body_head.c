#include "daemon/body_head.h"

#include "daemon/daemon.h"
#include "daemon/post_form.h"
#include "daemon/shares.h"

#include <pthread.h>
#include <stdlib.h>

struct body_head {
    struct buf bytes; /* of a Query body; a form's decoder has its own */
};

struct body_heads {
    pthread_mutex_t lock;
    uint64_t used;
    struct shares shares;
};

struct body_heads *body_heads_new(void)
{
    struct body_heads *heads = calloc(1, sizeof(*heads));
    if (heads != NULL && pthread_mutex_init(&heads->lock, NULL) != 0)
        free(TAKE(heads));
    return heads;
}

void body_heads_free(struct body_heads *heads)
{
    if (heads == NULL)
        return;
    pthread_mutex_destroy(&heads->lock);
    free(heads);
}

bool body_heads_take(struct body_heads *heads, uint32_t client, size_t bytes)
{
    pthread_mutex_lock(&heads->lock);
    bool room = heads->used + bytes <= BODY_HEADS_MAX_BYTES &&
                shares_has_room(&heads->shares, client, bytes, BODY_HEADS_MAX_BYTES);
    if (room) {
        heads->used += bytes;
        shares_take(&heads->shares, client, bytes);
    }
    pthread_mutex_unlock(&heads->lock);
    return room;
}

void body_heads_give(struct body_heads *heads, uint32_t client, size_t bytes)
{
    pthread_mutex_lock(&heads->lock);
    heads->used -= bytes;
    shares_give(&heads->shares, client, bytes);
    pthread_mutex_unlock(&heads->lock);
}

uint64_t body_heads_used(struct body_heads *heads)
{
    pthread_mutex_lock(&heads->lock);
    uint64_t used = heads->used;
    pthread_mutex_unlock(&heads->lock);
    return used;
}

static bool take(struct request *request, size_t bytes)
{
    if (!body_heads_take(request->daemon->heads, request->head_taken.client, bytes))
        return false;
    request->head_taken.bytes += bytes;
    return true;
}

static void give(struct request *request, size_t bytes)
{
    if (bytes == 0)
        return;
    body_heads_give(request->daemon->heads, request->head_taken.client, bytes);
    request->head_taken.bytes -= bytes;
}

static void free_head(struct request *request)
{
    if (request->head == NULL)
        return;
    buf_free(&request->head->bytes);
    request->head = NULL;
}

enum s3_err body_head_begin(struct request *request)
{
    if (request->op->body == BODY_FORM)
        TRY(post_form_begin(request));
    struct body_head *head = arena_new(&request->arena, struct body_head);
    if (head == NULL)
        return FAIL(request, INTERNAL, NULL);
    request->head = head;
    request->head_taken.client = request_client(request);
    if (request->op->body == BODY_FORM)
        return S3_OK;
    uint64_t length = 0;
    struct span declared = request_header(request, SPAN("content-length"));
    if (span_present(declared) && (!span_to_u64(declared, &length) || length > BODY_HEAD_MAX_BYTES))
        return FAIL(request, MAX_MESSAGE_LENGTH_EXCEEDED, NULL);
    buf_init(&head->bytes, BODY_HEAD_MAX_BYTES);
    return S3_OK;
}

/* What is the file's is not kept. */
static enum s3_err form_bytes(struct request *request, struct span *input, bool *ret_over)
{
    size_t before = input->len;
    size_t most = before < BODY_HEAD_MAX_BYTES ? before : BODY_HEAD_MAX_BYTES;
    if (!take(request, most))
        return FAIL(request, SLOW_DOWN, NULL);
    TRY(post_form_head(request, input, ret_over));
    size_t kept = before - input->len;
    give(request, kept < most ? most - kept : 0);
    if (*ret_over)
        free_head(request);
    return S3_OK;
}

enum s3_err body_head_bytes(struct request *request, struct span *input, bool *ret_over)
{
    if (request->form != NULL)
        return form_bytes(request, input, ret_over);
    struct body_head *head = request->head;
    if (!take(request, input->len))
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
    free_head(request);
    return S3_OK;
}

void body_head_drop(struct request *request)
{
    free_head(request);
    post_form_free(request);
    give(request, request->head_taken.bytes);
}
