#include "daemon/jobs/copy_put.h"

#include "base/encode.h"
#include "daemon/daemon.h"
#include "daemon/pipeline.h"
#include "daemon/receive.h"

enum { TARGET_MAX_BYTES = 8 * 1024 };

struct span copy_target(struct arena *arena, struct span bucket, struct span key, const char *query)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, TARGET_MAX_BYTES);
    buf_add_char(&out, '/');
    buf_add(&out, bucket);
    buf_add_char(&out, '/');
    percent_encode(&out, key, true);
    buf_add(&out, span_str(query));
    return buf_ok(&out) ? arena_copy(arena, buf_span(&out)) : SPAN_ABSENT;
}

static bool copy_headers(struct request *request, const struct copy_ask *ask)
{
    struct arena *arena = &request->arena;
    struct header *items = arena_array(arena, struct header, ask->header_count);
    for (size_t i = 0; items != NULL && i < ask->header_count; i++)
        items[i] = (struct header){
            arena_copy(arena, ask->headers[i].name), arena_copy(arena, ask->headers[i].value)};
    request->headers = (struct header_list){items, ask->header_count};
    request->raw_target = arena_copy(arena, ask->target);
    return span_present(request->raw_target) && !arena->overflow;
}

enum s3_err copy_put_start(struct copy_put *put, struct copy_who *who, const struct copy_ask *ask,
    copy_event_fn *event, void *ctx)
{
    struct request *request = &put->request;
    put->event = event;
    put->ctx = ctx;
    put->state = COPY_PUT_OVER;
    put->actor = copy_who_begin(who, request);
    if (put->actor != COPY_ACTOR_OK)
        return put->actor == COPY_ACTOR_BUSY ? FAIL(request, SLOW_DOWN, NULL)
                                             : FAIL(request, ACCESS_DENIED, NULL);
    request->method_text = span_str(ask->method);
    request->may_defer = true;
    request->fetched = ask->fetched;
    if (!copy_headers(request, ask))
        return FAIL(request, INTERNAL, NULL);
    TRY(pipeline_begin(request));
    put->state = COPY_PUT_BODY;
    return S3_OK;
}

static void mark_room(void *what)
{
    atomic_store(&((struct copy_put *)what)->waits, false);
}

static void on_room(void *ctx)
{
    struct copy_put *put = ctx;
    put->event(put->ctx, mark_room, put);
}

enum s3_err copy_put_body(struct copy_put *put, struct span *input, bool *ret_wait)
{
    TRY(pipeline_body(&put->request, input, ret_wait));
    if (*ret_wait) {
        atomic_store(&put->waits, true);
        receive_wait(&put->request, on_room, put);
    }
    return S3_OK;
}

static void mark_over(void *what)
{
    ((struct copy_put *)what)->state = COPY_PUT_OVER;
}

static void mark_committed(void *what)
{
    ((struct copy_put *)what)->state = COPY_PUT_COMMITTED;
}

static void on_committed(void *ctx, struct mutation *mutation)
{
    struct copy_put *put = ctx;
    (void)mutation; /* the request has it */
    put->event(put->ctx, mark_committed, put);
}

static void work(struct job *job)
{
    struct copy_put *put = (struct copy_put *)job;
    if (pipeline_run(&put->request))
        put->event(put->ctx, mark_over, put);
    else
        pipeline_submit(&put->request, on_committed, put);
}

static void give_to_worker(struct copy_put *put)
{
    put->job.run = work;
    put->state = COPY_PUT_WORK;
    if (!workers_submit(put->request.daemon->workers, &put->job))
        put->state = COPY_PUT_LINE; /* looked at now and then */
}

static void on_drained(void *ctx)
{
    give_to_worker(ctx);
}

void copy_put_finish(struct copy_put *put)
{
    if (pipeline_end(&put->request) != S3_OK) {
        put->event(put->ctx, mark_over, put);
        return;
    }
    if (pipeline_is_quick(&put->request)) {
        put->state = COPY_PUT_WORK;
        work(&put->job);
        return;
    }
    put->state = COPY_PUT_DRAIN;
    if (!receive_busy(&put->request, on_drained, put))
        give_to_worker(put);
}

bool copy_put_settle(struct copy_put *put)
{
    enum copy_put_state state = put->state;
    if (state == COPY_PUT_LINE) {
        give_to_worker(put);
        return false;
    }
    if (state != COPY_PUT_COMMITTED)
        return state == COPY_PUT_OVER;
    if (pipeline_resume(&put->request)) {
        put->state = COPY_PUT_OVER;
        return true;
    }
    give_to_worker(put);
    return false;
}

static void mark_drained(void *what)
{
    atomic_store(&((struct copy_put *)what)->drains, false);
}

static void on_idle(void *ctx)
{
    struct copy_put *put = ctx;
    put->event(put->ctx, mark_drained, put);
}

bool copy_put_free(struct copy_put *put)
{
    if (put->state == COPY_PUT_NONE)
        return true;
    if (atomic_load(&put->waits) || atomic_load(&put->drains))
        return false;
    atomic_store(&put->drains, true);
    if (receive_busy(&put->request, on_idle, put))
        return false;
    atomic_store(&put->drains, false);
    request_free(&put->request);
    put->request.err = S3_OK;
    put->actor = COPY_ACTOR_OK;
    put->state = COPY_PUT_NONE;
    return true;
}
