#include "daemon/query.h"

#include "base/encode.h"
#include "daemon/accounts.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "http_time.h"

enum { MARKER_MAX_BYTES = 1024 };

const struct query_action query_actions[] = {
#define IAM_ACTION(name, function) {#name, QUERY_IAM, "iam:" #name, query_##function},
#define STS_ACTION(name, function) {#name, QUERY_STS, "sts:" #name, query_##function},
#include "daemon/query.def"
#undef IAM_ACTION
#undef STS_ACTION
};
const size_t query_action_count = ARRAY_LEN(query_actions);

static const struct {
    struct span scope, version;
} services[QUERY_SERVICES] = {
    [QUERY_IAM] = {SPAN("iam"), SPAN("2010-05-08")},
    [QUERY_STS] = {SPAN("sts"), SPAN("2011-06-15")},
};

/* ---- the door ---- */

/* Is it an action of the service that the request is signed for? Unsigned ones may name any. */
static bool offers(const struct request *request, const struct query_action *action)
{
    return request->auth.kind == SIGV4_ANONYMOUS || !span_present(request->auth.service) ||
           span_eq(request->auth.service, services[action->service].scope);
}

static const struct query_action *find_action(
    const struct request *request, struct span name, struct span version)
{
    for (size_t i = 0; i < query_action_count; i++) {
        const struct query_action *action = &query_actions[i];
        if (span_eq(span_str(action->name), name) && offers(request, action) &&
            (!span_present(version) || span_eq(version, services[action->service].version)))
            return action;
    }
    return NULL;
}

/* The words of AWS's answer go to a terminal and a log: only what a name may hold. */
static struct span printable(struct span text, struct span otherwise)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '!' || text.ptr[i] > '~')
            return otherwise;
    return text.len > 0 ? span_first(text, 128) : otherwise;
}

static enum s3_err unknown_action(struct request *request, struct span name, struct span version)
{
    struct span own =
        services[span_eq(request->auth.service, SPAN("sts")) ? QUERY_STS : QUERY_IAM].version;
    struct span words =
        arena_format(&request->arena, "Could not find operation %.*s for version %.*s",
            SPAN_ARG(printable(name, SPAN("?"))), SPAN_ARG(printable(version, own)));
    return FAIL(request, INVALID_ACTION, words.ptr);
}

static enum s3_err run_action(struct request *request, struct span form)
{
    struct query_call *call = arena_new(&request->arena, struct query_call);
    if (call == NULL)
        return FAIL(request, INTERNAL, NULL);
    enum s3_err err = params_read(&request->arena, form, &call->params);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    struct span name = params_raw(&call->params, SPAN("Action"));
    struct span version = params_raw(&call->params, SPAN("Version"));
    if (!span_present(name))
        return FAIL(request, MISSING_ACTION, NULL);
    call->action = find_action(request, name, version);
    if (call->action == NULL)
        return unknown_action(request, name, version);
    if (request->principal.kind == PRINCIPAL_ANONYMOUS)
        return FAIL(request, MISSING_AUTHENTICATION_TOKEN, NULL);
    request->query = call;
    TRY(query_session_limits(request, call->action));
    if (!accounts_hold(request->daemon->accounts, request->principal.account_id))
        return FAIL(
            request, INVALID_CLIENT_TOKEN_ID, NULL); /* removed since it was asked who comes */
    err = call->action->run(request);
    accounts_release(request->daemon->accounts);
    return err;
}

enum s3_err op_query(struct request *request)
{
    return run_action(request, request->body.text);
}

enum s3_err op_query_url(struct request *request)
{
    return run_action(request, request->target.raw_query);
}

/* As SDKs presign by default. Parameters stand in one place: nobody need ask which of two counts. */
enum s3_err op_query_url_posted(struct request *request)
{
    if (request->body.text.len > 0)
        return FAIL(request, MALFORMED_QUERY_STRING, NULL);
    return run_action(request, request->target.raw_query);
}

/* ---- errors ---- */

enum s3_err query_check(struct request *request)
{
    struct span detail = SPAN_ABSENT;
    enum s3_err err = params_check(&request->query->params, &detail);
    return err == S3_OK ? S3_OK : request_fail(request, err, detail.ptr, __FILE__, __LINE__);
}

static enum s3_err s3_of(enum iam_err err)
{
    switch (err) {
    case IAM_OK:
        return S3_OK;
    case IAM_NO_SUCH_ENTITY:
        return S3_ERR_NO_SUCH_ENTITY;
    case IAM_ENTITY_EXISTS:
        return S3_ERR_ENTITY_ALREADY_EXISTS;
    case IAM_DELETE_CONFLICT:
        return S3_ERR_DELETE_CONFLICT;
    case IAM_LIMIT_EXCEEDED:
        return S3_ERR_LIMIT_EXCEEDED;
    case IAM_INVALID_INPUT:
        return S3_ERR_VALIDATION_ERROR;
    case IAM_MALFORMED_POLICY:
        return S3_ERR_MALFORMED_POLICY_DOCUMENT;
    case IAM_NOT_ATTACHABLE:
    case IAM_UNMODIFIABLE:
        return S3_ERR_ACCESS_DENIED;
    case IAM_CONCURRENT_CHANGE:
        return S3_ERR_CONCURRENT_MODIFICATION;
    case IAM_BUSY:
        return S3_ERR_SLOW_DOWN;
    case IAM_NO_SPACE:
        return S3_ERR_INSUFFICIENT_STORAGE;
    case IAM_FAILED:
        break;
    }
    return S3_ERR_INTERNAL;
}

enum s3_err query_iam_result(struct request *request, const struct iam_call *call, enum iam_err err,
    const char *file, int line)
{
    if (err == IAM_OK)
        return S3_OK;
    struct span detail = arena_copy(&request->arena, call->detail); /* with a NUL */
    return request_fail(request, s3_of(err), detail.ptr, file, line);
}

/* ---- who may ---- */

struct iam_call query_iam(struct request *request)
{
    return (struct iam_call){.iam = request->daemon->iam,
        .account = request->principal.account_id,
        .arena = &request->arena};
}

struct iam_ask query_ask(const struct request *request, struct span resource)
{
    return (struct iam_ask){.action = request->query->action->permission,
        .resource = resource,
        .account_id = request->principal.account_id};
}

enum s3_err query_allow(struct request *request, struct span resource)
{
    struct iam_ask ask = query_ask(request, resource);
    return authorize_iam(request, &ask);
}

struct span query_arn(struct request *request, const char *type, struct span path, struct span name)
{
    return iam_arn(&request->arena, request->principal.account_id, type,
        span_present(path) ? path : SPAN("/"), name);
}

struct span query_root_arn(struct request *request)
{
    return arena_format(&request->arena, "arn:aws:iam::%012llu:root",
        (unsigned long long)request->principal.account_id);
}

static const char *kind_name(enum iam_kind kind)
{
    switch (kind) {
    case IAM_GROUP:
        return "group";
    case IAM_ROLE:
        return "role";
    case IAM_USER:
        break;
    }
    return "user";
}

enum s3_err query_target_ask(struct request *request, enum iam_kind kind, struct span name,
    struct iam_ask *ask, struct iam_entity *ret_entity)
{
    struct iam_call call = query_iam(request);
    enum iam_err err = iam_get(&call, kind, name, ret_entity);
    if (err != IAM_OK && err != IAM_NO_SUCH_ENTITY)
        TRY_IAM(request, &call, err);
    ask->resource =
        err == IAM_OK ? ret_entity->arn : query_arn(request, kind_name(kind), SPAN_ABSENT, name);
    if (err == IAM_OK) {
        ask->resource_tags = ret_entity->tags;
        ask->resource_tag_count = ret_entity->tag_count;
    }
    TRY(authorize_iam(request, ask));
    TRY_IAM(request, &call, err);
    return S3_OK;
}

enum s3_err query_target(
    struct request *request, enum iam_kind kind, struct span name, struct iam_entity *ret_entity)
{
    struct iam_ask ask = query_ask(request, SPAN_ABSENT);
    return query_target_ask(request, kind, name, &ask, ret_entity);
}

enum s3_err query_user_name(struct request *request, struct span *ret_name)
{
    struct span name = param_text(&request->query->params, PARAM_UserName);
    TRY(query_check(request));
    const struct identity *identity = request->identity;
    if (!span_present(name) && identity != NULL && !identity->is_root) {
        name = identity->user_name;
        if (!span_present(name))
            return FAIL(request, VALIDATION_ERROR,
                "Must specify userName when calling with non-User credentials");
    }
    *ret_name = name;
    return S3_OK;
}

/* ---- paging ---- */

/* A marker is base64, so that nobody takes it for a name. */
static bool read_marker(struct request *request, struct span text, struct span *ret_after)
{
    char *bytes = arena_alloc(&request->arena, MARKER_MAX_BYTES);
    size_t len = 0;
    if (bytes == NULL || !base64_decode(text, bytes, MARKER_MAX_BYTES, &len) || len == 0)
        return false;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] < ' ' || bytes[i] > '~')
            return false;
    *ret_after = span_of(bytes, len);
    return true;
}

struct iam_query query_page(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct iam_query page = {0};
    struct span marker = param_text(params, PARAM_Marker);
    if (span_present(marker) && !read_marker(request, marker, &page.after))
        params_complain(params, SPAN("Marker"), "Invalid Marker.");
    page.max = (size_t)param_number(params, PARAM_MaxItems, QUERY_PAGE_DEFAULT);
    page.path_prefix = param_text(params, PARAM_PathPrefix);
    return page;
}

void query_page_end(struct buf *out, bool truncated, struct span next)
{
    xml_bool(out, SPAN("IsTruncated"), truncated);
    if (!truncated)
        return;
    xml_open(out, SPAN("Marker"));
    base64_encode(out, next);
    xml_close(out, SPAN("Marker"));
}

enum s3_err query_slice(struct request *request, const struct iam_query *page, size_t count,
    struct query_slice *ret_slice)
{
    uint64_t from = 0;
    if (span_present(page->after) && (!span_to_u64(page->after, &from) || from > count))
        return FAIL(request, VALIDATION_ERROR, "Invalid Marker.");
    size_t left = count - (size_t)from;
    size_t shown = left < page->max ? left : page->max;
    struct query_slice slice = {.from = (size_t)from, .to = (size_t)from + shown};
    slice.truncated = slice.to < count;
    slice.next = arena_format(&request->arena, "%zu", slice.to);
    *ret_slice = slice;
    return span_present(slice.next) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

/* ---- answers ---- */

static struct span with_ending(struct request *request, const char *ending)
{
    struct span name = arena_format(&request->arena, "%s%s", request->query->action->name, ending);
    return span_present(name) ? name : SPAN("Response");
}

static struct buf *begin_response(struct request *request)
{
    struct buf *out = response_xml(request, 200);
    xml_begin_document_in(
        out, with_ending(request, "Response"), query_xmlns(request->query->action->service));
    return out;
}

static enum s3_err end_response(struct request *request)
{
    struct buf *out = &request->response.buffer;
    xml_open(out, SPAN("ResponseMetadata"));
    xml_text(out, SPAN("RequestId"), span_str(request->id));
    xml_close(out, SPAN("ResponseMetadata"));
    xml_close(out, with_ending(request, "Response"));
    return request->arena.overflow || !buf_ok(out) ? FAIL(request, INTERNAL, NULL) : S3_OK;
}

struct buf *query_begin(struct request *request)
{
    struct buf *out = begin_response(request);
    xml_open(out, with_ending(request, "Result"));
    return out;
}

enum s3_err query_end(struct request *request)
{
    xml_close(&request->response.buffer, with_ending(request, "Result"));
    return end_response(request);
}

enum s3_err query_done(struct request *request)
{
    begin_response(request);
    return end_response(request);
}

void query_time(struct buf *out, struct span name, int64_t time_ms)
{
    char text[ISO_TIME_BYTES];
    iso_time_format(time_ms, text);
    xml_open(out, name);
    buf_add(out, span_of(text, sizeof("1994-11-06T08:49:37") - 1));
    buf_add_char(out, 'Z');
    xml_close(out, name);
}

void query_document(struct buf *out, struct span name, struct span text)
{
    xml_open(out, name);
    percent_encode(out, text, false);
    xml_close(out, name);
}

void query_tags(struct buf *out, struct span name, const struct policy_tag *tags, size_t count)
{
    xml_open(out, name);
    for (size_t i = 0; i < count; i++) {
        xml_open(out, SPAN("member"));
        xml_text(out, SPAN("Key"), tags[i].name);
        xml_text(out, SPAN("Value"), tags[i].value);
        xml_close(out, SPAN("member"));
    }
    xml_close(out, name);
}

void query_entity(struct buf *out, const struct iam_entity *entity)
{
    static const struct {
        struct span name, id;
    } elements[] = {
        [IAM_USER] = {SPAN("UserName"), SPAN("UserId")},
        [IAM_GROUP] = {SPAN("GroupName"), SPAN("GroupId")},
        [IAM_ROLE] = {SPAN("RoleName"), SPAN("RoleId")},
    };
    xml_text(out, SPAN("Path"), entity->path);
    xml_text(out, elements[entity->kind].name, entity->name);
    xml_text(out, elements[entity->kind].id, entity->id);
    xml_text(out, SPAN("Arn"), entity->arn);
    query_time(out, SPAN("CreateDate"), entity->created_ms);
}
