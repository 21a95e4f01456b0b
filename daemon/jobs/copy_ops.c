#include "daemon/jobs/copy_ops.h"

#include "base/encode.h"
#include "daemon/authorize.h"
#include "daemon/daemon.h"
#include "daemon/jobs/copy_jobs.h"
#include "daemon/links.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/json_answer.h"

enum { PAGE_MAX = 100, FAILURES_PAGE_MAX = 1000 };

static void unref(struct copy_job **job)
{
    copy_job_unref(*job);
}

/* ---- who may ---- */

/* On the destination's bucket; when that is gone, as of the daemon. */
static enum s3_err may(struct request *request, const char *action, struct span bucket_name)
{
    struct bucket_info bucket;
    if (request->principal.kind == PRINCIPAL_ANONYMOUS)
        return FAIL(request, ACCESS_DENIED, NULL);
    enum storage_err err =
        storage_bucket_get(request_store(request), bucket_name, &request->arena, &bucket);
    if (err == STORAGE_NO_SUCH_BUCKET)
        return authorize_system(request, action);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    return authorize_also(request, action, &bucket, SPAN_ABSENT);
}

/* ---- which job ---- */

static bool parse_id(struct span text, uint64_t *ret_id)
{
    uint8_t bytes[8];
    if (text.len != 16 || !hex_decode(text, bytes, sizeof(bytes)))
        return false;
    uint64_t id = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        id = id << 8 | bytes[i];
    *ret_id = id;
    return true;
}

/* "/-/copies/ID/rest": the job, for who may do this to it. What is not there is so for everybody. */
static enum s3_err find(struct request *request, const char *action, struct copy_job **ret_job)
{
    struct span text = span_from(request->target.path, sizeof(COPIES_PATH "/") - 1);
    uint64_t id = 0;
    if (request->principal.kind == PRINCIPAL_ANONYMOUS)
        return FAIL(request, ACCESS_DENIED, NULL);
    struct copy_job *job =
        parse_id(span_first(text, 16), &id) ? copy_jobs_find(request->daemon->copies, id) : NULL;
    if (job == NULL)
        return FAIL(request, NO_SUCH_COPY_JOB, NULL);
    enum s3_err err = may(request, action, job->spec.bucket);
    if (err == S3_OK)
        *ret_job = job;
    else
        copy_job_unref(job);
    return err;
}

static enum s3_err answer(struct request *request, int status, struct copy_job *job)
{
    struct buf *out = json_answer(request);
    request->response.status = status;
    pthread_mutex_lock(copy_job_lock(job));
    copy_job_write(job, out);
    pthread_mutex_unlock(copy_job_lock(job));
    buf_add_char(out, '\n');
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err fail_control(
    struct request *request, enum copy_control control, enum storage_err err)
{
    switch (control) {
    case COPY_CONTROL_OK:
        return S3_OK;
    case COPY_CONTROL_MANY:
        return FAIL(request, TOO_MANY_COPY_JOBS, NULL);
    case COPY_CONTROL_STATE:
        return FAIL(request, INVALID_COPY_JOB_STATE, NULL);
    case COPY_CONTROL_WHO:
        return FAIL(request, ACCESS_DENIED,
            "The job acts as a session of another principal, and that session is over.");
    case COPY_CONTROL_SECRETS:
        return FAIL(request, INVALID_ARGUMENT,
            "The credentials for the source were forgotten when the job ended: send them again.");
    case COPY_CONTROL_STORE:
        break;
    }
    return FAIL_STORAGE(request, err);
}

/* ---- making ---- */

static enum s3_err read_body(struct request *request, struct json_node **ret_node)
{
    char detail[JSON_DETAIL_BYTES];
    struct span text = request->body.text;
    struct json_node *node = json_text_parse(span_present(text) ? text : SPAN(""), detail);
    if (node == NULL)
        return FAIL(request, INVALID_ARGUMENT,
            arena_format(&request->arena, "The body is no JSON: %s", detail).ptr);
    *ret_node = node;
    return S3_OK;
}

static enum s3_err may_list(
    struct request *request, const struct bucket_info *bucket, struct span prefix)
{
    struct access_ask ask = {.action = "s3:ListBucket",
        .bucket = bucket,
        .prefix = span_present(prefix) ? prefix : SPAN("")};
    return authorize_ask(request, &ask);
}

/* What a job could tell of that its maker may not ask: what there is here, and at the source when it is here. */
static enum s3_err may_compare(struct request *request, const struct copy_spec *spec)
{
    struct bucket_info bucket;
    TRY(may(request, "lakegate:CreateCopyJob", spec->bucket));
    enum storage_err err =
        storage_bucket_get(request_store(request), spec->bucket, &request->arena, &bucket);
    if (err == STORAGE_OK && spec->exists == COPY_SKIP)
        TRY(may_list(request, &bucket, spec->prefix));
    if (err == STORAGE_OK && spec->local)
        err = storage_bucket_get(
            request_store(request), spec->source_bucket, &request->arena, &bucket);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    const struct link *link = spec->local ? links_get(request->daemon->links, bucket.id) : NULL;
    link_release(link);
    if (link != NULL) /* it has nothing of its own to copy */
        return FAIL(request, INVALID_ARGUMENT,
            "source.bucket is a link: name the bucket that it leads to, and its endpoint");
    return spec->local ? may_list(request, &bucket, spec->source_prefix) : S3_OK;
}

static enum s3_err create(struct request *request)
{
    struct json_node *node = NULL;
    char detail[COPY_SPEC_DETAIL_BYTES];
    struct copy_spec spec;
    struct copy_credentials credentials = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct copy_actor actor;
    struct copy_asked asked = {.actor = &actor, .credentials = &credentials};
    if (request->identity == NULL || request->daemon->copies == NULL)
        return FAIL(request, ACCESS_DENIED, NULL);
    TRY(read_body(request, &node));
    bool good = copy_spec_read(&request->arena, node, &spec, &credentials, detail);
    json_text_free(node);
    if (!good)
        return FAIL(request, INVALID_ARGUMENT, arena_copy(&request->arena, span_str(detail)).ptr);
    if (!spec.local && !spec.anonymous && !span_present(credentials.access_key))
        return FAIL(request, INVALID_ARGUMENT, "source.credentials are missing");
    TRY(may_compare(request, &spec));
    if (!copy_actor_of(request, &request->arena, &actor, &asked.token))
        return FAIL(request, INTERNAL, NULL);
    struct copy_job *job CLEANUP(unref) = NULL;
    enum storage_err err = STORAGE_OK;
    enum copy_control control =
        copy_jobs_create(request->daemon->copies, &spec, &asked, &job, &err);
    if (control != COPY_CONTROL_OK)
        return fail_control(request, control, err);
    return answer(request, 201, job);
}

/* ---- reading ---- */

static enum s3_err list(struct request *request)
{
    struct copy_job *jobs[COPY_JOBS_UNFINISHED_MAX + 2 * COPY_JOBS_FINISHED_MAX];
    struct span after = request_query(request, SPAN("after")),
                text = request_query(request, SPAN("state"));
    uint64_t before = UINT64_MAX;
    enum copy_state state = COPY_STATES;
    size_t max = 0, written = 0;
    bool truncated = false;
    if (request->principal.kind == PRINCIPAL_ANONYMOUS)
        return FAIL(request, ACCESS_DENIED, NULL);
    if (span_present(after) && !parse_id(after, &before))
        return FAIL_ARGUMENT(request, "after", after, "It must be the id of a job");
    if (text.len > 0 && !copy_state_parse(text, &state))
        return FAIL_ARGUMENT(request, "state", text, "There is no such state");
    TRY(json_answer_limit(request, "max", PAGE_MAX, &max));
    size_t count = copy_jobs_list(request->daemon->copies, before, state, jobs, ARRAY_LEN(jobs));
    struct buf *out = json_answer(request);
    buf_add_lit(out, "{\"copies\":[");
    for (size_t i = 0; i < count; i++) {
        bool allowed =
            !truncated && may(request, "lakegate:ListCopyJobs", jobs[i]->spec.bucket) == S3_OK;
        request->err = S3_OK; /* what one may not see is not there */
        request->err_detail = SPAN_ABSENT;
        if (allowed && written == max) {
            truncated = true;
        } else if (allowed) {
            buf_add(out, written++ > 0 ? SPAN(",\n") : SPAN("\n"));
            pthread_mutex_lock(copy_job_lock(jobs[i]));
            copy_job_write(jobs[i], out);
            pthread_mutex_unlock(copy_job_lock(jobs[i]));
        }
        copy_job_unref(jobs[i]);
    }
    buf_add_char(out, ']');
    json_answer_bool(out, "truncated", truncated);
    buf_add_lit(out, "}\n");
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static void write_failure(struct buf *out, const struct copy_failure *failure)
{
    buf_addf(out, "{\"n\":%llu", (unsigned long long)failure->number);
    json_answer_text(out, false, "key", failure->key);
    json_answer_text(out, false, "destination", failure->destination);
    json_answer_u64(out, "bytes", failure->size_bytes);
    json_answer_text(out, false, "reason", failure->reason);
    json_answer_text(out, false, "message", failure->message);
    json_answer_u64(out, "tries", failure->tries);
    json_answer_time(out, "at", failure->at_ms);
    buf_add_char(out, '}');
}

/* JSON carries characters, and a key elsewhere may hold any byte. */
static struct span as_text(struct request *request, struct span text)
{
    if (span_is_utf8(text))
        return text;
    struct buf out CLEANUP(buf_free);
    buf_init(&out, 8 * 1024);
    percent_encode(&out, text, true);
    return arena_copy(&request->arena, buf_span(&out));
}

static enum s3_err failures(struct request *request, struct copy_job *job)
{
    struct span text = request_query(request, SPAN("after"));
    uint64_t after = 0;
    size_t max = 0;
    struct copy_failure_page page;
    if (span_present(text) && !span_to_u64(text, &after))
        return FAIL_ARGUMENT(request, "after", text, "It must be the number of a failure");
    TRY(json_answer_limit(request, "max", FAILURES_PAGE_MAX, &max));
    enum storage_err err =
        copy_failure_list(request_store(request), job->id, after, max, &request->arena, &page);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    struct buf *out = json_answer(request);
    buf_add_lit(out, "{\"failures\":[");
    for (size_t i = 0; i < page.count; i++) {
        page.items[i].key = as_text(request, page.items[i].key);
        page.items[i].destination = as_text(request, page.items[i].destination);
        page.items[i].message = as_text(request, page.items[i].message);
        buf_add(out, i > 0 ? SPAN(",\n") : SPAN("\n"));
        write_failure(out, &page.items[i]);
    }
    buf_add_char(out, ']');
    json_answer_bool(out, "truncated", page.truncated);
    buf_add_lit(out, "}\n");
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err get(struct request *request)
{
    struct copy_job *job CLEANUP(unref) = NULL;
    TRY(find(request, "lakegate:GetCopyJob", &job));
    struct span rest = span_from(request->target.path, sizeof(COPIES_PATH "/") - 1 + 16);
    if (!span_present(rest) || rest.len == 0)
        return answer(request, 200, job);
    if (span_eq(rest, SPAN("/failures")))
        return failures(request, job);
    if (span_eq(rest, SPAN("/events")))
        return copy_events_answer(request, TAKE(job));
    return FAIL(request, NO_SUCH_COPY_JOB, NULL);
}

/* ---- changing ---- */

static enum s3_err go_on(struct request *request, struct copy_job *job, bool retry)
{
    struct copy_actor actor;
    struct copy_credentials credentials = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct copy_asked asked = {.actor = &actor, .credentials = &credentials};
    char detail[COPY_SPEC_DETAIL_BYTES];
    if (request->identity == NULL)
        return FAIL(request, ACCESS_DENIED, NULL);
    if (!copy_actor_of(request, &request->arena, &actor, &asked.token))
        return FAIL(request, INTERNAL, NULL);
    if (retry && request->body.text.len > 0) {
        struct json_node *node = NULL;
        TRY(read_body(request, &node));
        bool good = copy_credentials_read(
            &request->arena, json_node_member(node, "credentials"), &credentials, detail);
        json_text_free(node);
        if (!good)
            return FAIL(
                request, INVALID_ARGUMENT, arena_copy(&request->arena, span_str(detail)).ptr);
    }
    enum copy_control control =
        retry ? copy_jobs_retry(job, &asked) : copy_jobs_resume(job, &asked);
    if (control != COPY_CONTROL_OK)
        return fail_control(request, control, STORAGE_INTERNAL);
    return answer(request, 200, job);
}

static enum s3_err change(struct request *request)
{
    struct copy_job *job CLEANUP(unref) = NULL;
    bool pause = request_has_query(request, SPAN("pause")),
         resume = request_has_query(request, SPAN("resume")),
         retry = request_has_query(request, SPAN("retry"));
    if (pause + resume + retry != 1)
        return FAIL(request, INVALID_ARGUMENT, "One of pause, resume and retry must be asked for");
    TRY(find(request, pause ? "lakegate:CancelCopyJob" : "lakegate:CreateCopyJob", &job));
    if (!pause)
        return go_on(request, job, retry);
    enum copy_control control = copy_jobs_pause(job);
    if (control != COPY_CONTROL_OK)
        return fail_control(request, control, STORAGE_INTERNAL);
    return answer(request, 200, job);
}

static enum s3_err cancel(struct request *request)
{
    struct copy_job *job CLEANUP(unref) = NULL;
    TRY(find(request, "lakegate:CancelCopyJob", &job));
    enum copy_control control = copy_jobs_cancel(job);
    if (control != COPY_CONTROL_OK)
        return fail_control(request, control, STORAGE_INTERNAL);
    request->response.status = 204;
    return S3_OK;
}

/* ---- routing ---- */

/* Who may is asked by each, since it depends on the job. */
static const struct op create_op = {.name = "create_copy_job",
    .method = METHOD_POST,
    .body = BODY_XML,
    .class = CLASS_WORKER,
    .run = create};
static const struct op list_op = {
    .name = "list_copy_jobs", .method = METHOD_GET, .class = CLASS_WORKER, .run = list};
static const struct op get_op = {
    .name = "get_copy_job", .method = METHOD_GET, .class = CLASS_WORKER, .run = get};
static const struct op change_op = {.name = "change_copy_job",
    .method = METHOD_POST,
    .body = BODY_XML,
    .class = CLASS_WORKER,
    .run = change};
static const struct op cancel_op = {
    .name = "cancel_copy_job", .method = METHOD_DELETE, .class = CLASS_WORKER, .run = cancel};

const struct op *copy_route(const struct request *request)
{
    struct span path = request->target.path;
    bool all = span_eq(path, SPAN(COPIES_PATH)), one = span_starts(path, SPAN(COPIES_PATH "/"));
    switch (request->method) {
    case METHOD_GET:
        return all ? &list_op : one ? &get_op : NULL;
    case METHOD_POST:
        return all ? &create_op : one ? &change_op : NULL;
    case METHOD_DELETE:
        return one ? &cancel_op : NULL;
    default:
        return NULL;
    }
}
