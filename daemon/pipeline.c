#include "daemon/pipeline.h"

#include "base/clock.h"
#include "daemon/authenticate.h"
#include "daemon/authorize.h"
#include "daemon/body_head.h"
#include "daemon/daemon.h"
#include "daemon/health.h"
#include "daemon/origin.h"
#include "daemon/post_form.h"
#include "daemon/receive.h"
#include "daemon/respond.h"
#include "daemon/route.h"
#include "daemon/zones.h"

static enum s3_err parse_target(struct request *request)
{
    request->method = method_of(request->method_text);
    const struct daemon *daemon = request->daemon;
    /* console_host may lie below a domain, and is no bucket then. */
    size_t domains = origin_has_console_host(request) ? 0 : daemon->domain_count;
    enum s3_err err = target_parse(&request->arena, request->raw_target,
        request_header(request, SPAN("host")), daemon->domains, domains, &request->target);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    target_strip(&request->target, origin_prefix(request));
    return S3_OK;
}

static enum s3_err find_op(struct request *request)
{
    request->op = health_route(request);
    if (request->op != NULL)
        return S3_OK;
    enum s3_err err = route(request->method, &request->target, &request->headers, &request->op);
    return err == S3_OK ? S3_OK : request_fail(request, err, NULL, __FILE__, __LINE__);
}

static enum s3_err run_op(struct request *request)
{
    enum s3_err err = request->op->run(request);
    if (err != S3_OK && request->err == S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    return err;
}

/* A step, and the time it took since step_began_ns. */
static enum s3_err timed(
    struct request *request, enum step step, enum s3_err (*run)(struct request *request))
{
    enum s3_err err = run(request);
    uint64_t now_ns = clock_monotonic_ns();
    request->step_ns[step] += now_ns - request->step_began_ns;
    request->step_began_ns = now_ns; /* the next may follow at once */
    return err;
}

static enum s3_err find_who(struct request *request)
{
    /* A preflight carries no credentials, though perhaps the query of a presigned URL. */
    if (request->method == METHOD_OPTIONS || request->made_here || request->op->own_credentials)
        return S3_OK;
    return request->op->body == BODY_FORM ? post_form_authenticate(request) : authenticate(request);
}

/* Who asks is known from here on, and whether they may. */
static enum s3_err admit(struct request *request)
{
    TRY(timed(request, STEP_AUTHENTICATE, find_who));
    TRY(timed(request, STEP_AUTHORIZE, authorize));
    TRY(zones_announce(request));
    return timed(request, STEP_RECEIVE, receive_begin);
}

/* Bytes of a body that begins with who asks, or what. */
static enum s3_err take_head(struct request *request, struct span *input)
{
    bool over = false;
    enum s3_err err = body_head_bytes(request, input, &over);
    if (err != S3_OK)
        body_head_drop(request);
    return err == S3_OK && over ? admit(request) : err;
}

enum s3_err pipeline_begin(struct request *request)
{
    request->step_began_ns = request->received_ns;
    TRY(timed(request, STEP_PARSE, parse_target));
    TRY(timed(request, STEP_ROUTE, find_op));
    if (request->op->body == BODY_FORM || request->op->body == BODY_QUERY)
        return timed(request, STEP_RECEIVE, body_head_begin);
    return admit(request);
}

enum s3_err pipeline_body(struct request *request, struct span *input, bool *ret_wait)
{
    request->step_began_ns = clock_monotonic_ns();
    *ret_wait = false;
    enum s3_err err = request->head != NULL ? take_head(request, input) : S3_OK;
    if (err == S3_OK && request->head == NULL)
        err = receive_bytes(request, input, ret_wait);
    request->step_ns[STEP_RECEIVE] += clock_monotonic_ns() - request->step_began_ns;
    return err;
}

enum s3_err pipeline_end(struct request *request)
{
    request->step_began_ns = clock_monotonic_ns();
    if (request->head != NULL) {
        TRY(timed(request, STEP_RECEIVE, body_head_end));
        TRY(admit(request));
    }
    return timed(request, STEP_RECEIVE, receive_end);
}

static enum s3_err run_again(struct request *request)
{
    enum s3_err (*run)(struct request *) = TAKE(request->again);
    return run(request);
}

bool pipeline_is_quick(const struct request *request)
{
    switch (request->op->class) {
    case CLASS_INLINE:
        return true;
    case CLASS_COMMIT:
        return receive_is_quick(request);
    case CLASS_WORKER:
        break;
    }
    return false;
}

bool pipeline_run(struct request *request)
{
    if (request->op->class != CLASS_INLINE) /* the way to the worker is nobody's step */
        request->step_began_ns = clock_monotonic_ns();
    if (request->again != NULL)
        (void)(timed(request, STEP_RUN, run_again) == S3_OK);
    else if (timed(request, STEP_RECEIVE, receive_store) == S3_OK)
        (void)(timed(request, STEP_RUN, run_op) == S3_OK); /* the error is in the request */
    return request->deferred == NULL;
}

void pipeline_submit(
    struct request *request, void (*done)(void *ctx, struct mutation *mutation), void *ctx)
{
    request->deferred->done = done;
    request->deferred->done_ctx = ctx;
    request->deferred_ns = clock_monotonic_ns();
    storage_submit(request->daemon->store, request->deferred);
}

static enum s3_err run_rest(struct request *request)
{
    return request->deferred_then(request, TAKE(request->deferred));
}

bool pipeline_resume(struct request *request)
{
    request->step_began_ns = request->deferred_ns;
    (void)(timed(request, STEP_RUN, run_rest) == S3_OK);
    if (request->again == NULL)
        receive_free(request); /* the store has what it was lent */
    return request->again == NULL;
}

void pipeline_respond(struct request *request)
{
    request->step_began_ns = clock_monotonic_ns();
    respond(request);
    request->step_ns[STEP_RESPOND] += clock_monotonic_ns() - request->step_began_ns;
}
