/* The Query API's door: `POST /` with a form whose Action is one of query.def, signed for iam or sts, as
 * aws-cli, SDKs and Terraform send it to --endpoint-url. Also `GET /?Action=…`, for presigned
 * GetCallerIdentity. An action is a function of daemon/query/, run on a worker: it reads its parameters
 * (query_params.h), finds what it is about, asks whether the caller may, and writes its answer:
 *
 *     struct query_params *params = &request->query->params;
 *     struct span name = param_required(params, PARAM_GroupName);
 *     TRY(query_check(request));
 *     TRY(query_target(request, IAM_GROUP, name, &group));
 *     …
 *     struct buf *out = query_begin(request);
 *     xml_text(out, SPAN("GroupName"), group.name);
 *     return query_end(request);
 *
 * src: IAM API Reference, "Making query requests"; "Common errors" */
#ifndef DAEMON_QUERY_H
#define DAEMON_QUERY_H

#include "daemon/authorize.h"
#include "daemon/iam.h"
#include "daemon/query_params.h"
#include "daemon/request.h"
#include "xml_write.h"

enum { QUERY_PAGE_DEFAULT = 100 };

enum query_service { QUERY_IAM, QUERY_STS, QUERY_SERVICES };

struct query_action {
    const char *name; /* "CreateUser" */
    enum query_service service;
    const char *permission; /* "iam:CreateUser" */
    enum s3_err (*run)(struct request *request);
};

#define IAM_ACTION(name, function) enum s3_err query_##function(struct request *request);
#define STS_ACTION(name, function) enum s3_err query_##function(struct request *request);
#include "daemon/query.def"
#undef IAM_ACTION
#undef STS_ACTION

extern const struct query_action query_actions[];
extern const size_t query_action_count;

/* request->query, from the door on. */
struct query_call {
    const struct query_action *action;
    struct query_params params;
};

/* Is it an operation of the door (signed for iam or sts, its errors answered as IAM's)? op may be NULL. */
static inline bool query_is_door(const struct op *op)
{
    return op != NULL && op->body == BODY_QUERY;
}

struct span query_xmlns(enum query_service service);
/* Writes the error of a request to the door: <ErrorResponse>, with IAM's code where S3's is another.
 * Returns the HTTP status. */
int query_write_error(struct request *request, struct buf *out);

/* ---- what actions share ---- */

/* What temporary credentials may not call, whatever policies say (session_limits.c).
 * err: ACCESS_DENIED, INVALID_CLIENT_TOKEN_ID */
enum s3_err query_session_limits(
    struct request *request, const struct query_action *action) MUST_USE;
/* err: what params_check says of the parameters read so far */
enum s3_err query_check(struct request *request) MUST_USE;
/* A call of iam.h for the caller's account. */
struct iam_call query_iam(struct request *request);
/* IAM's errors as the client's; IAM_OK gives S3_OK. */
enum s3_err query_iam_result(struct request *request, const struct iam_call *call, enum iam_err err,
    const char *file, int line);
/* Hands an error of iam.h on: TRY_IAM(request, &call, iam_delete(&call, …)); */
#define TRY_IAM(request, call, expr)                                                               \
    TRY(query_iam_result((request), (call), (expr), __FILE__, __LINE__))

/* The question whether the caller may do this action to the resource (an ARN) of its account. */
struct iam_ask query_ask(const struct request *request, struct span resource);
/* Asks it as it stands. err: ACCESS_DENIED */
enum s3_err query_allow(struct request *request, struct span resource) MUST_USE;
/* Loads an entity of the caller's account and asks whether the caller may do this action to it, its tags
 * included. Of one that is not there the question is asked before that is told.
 * err: ACCESS_DENIED, NO_SUCH_ENTITY */
enum s3_err query_target(struct request *request, enum iam_kind kind, struct span name,
    struct iam_entity *ret_entity) MUST_USE;
/* The same with tags or other keys in the question: its action, account and values are kept, resource and
 * resource tags filled in. */
enum s3_err query_target_ask(struct request *request, enum iam_kind kind, struct span name,
    struct iam_ask *ask, struct iam_entity *ret_entity) MUST_USE;
/* ARN of something of the caller's account: type "user", path absent: "/". */
struct span query_arn(
    struct request *request, const char *type, struct span path, struct span name);

/* The root of the caller's account. */
struct span query_root_arn(struct request *request);

/* UserName, or the caller's own when it did not come. *ret_name is absent for the account's root.
 * err: VALIDATION_ERROR: a role's session has no user name */
enum s3_err query_user_name(struct request *request, struct span *ret_name) MUST_USE;

/* ---- paging ---- */

/* Marker and MaxItems as what iam.h asks for, and PathPrefix. A Marker that is none of ours is a complaint. */
struct iam_query query_page(struct request *request);
/* <IsTruncated> and, with it, <Marker>. */
void query_page_end(struct buf *out, bool truncated, struct span next);

/* The run of a list that is at hand as a whole which a page shows. next: for query_page_end */
struct query_slice {
    size_t from, to;
    bool truncated;
    struct span next;
};
/* err: VALIDATION_ERROR: a marker of another list */
enum s3_err query_slice(struct request *request, const struct iam_query *page, size_t count,
    struct query_slice *ret_slice) MUST_USE;

/* ---- answers ---- */

/* <ActionResponse xmlns="…"><ActionResult>; the action writes what is inside and returns query_end. */
struct buf *query_begin(struct request *request);
enum s3_err query_end(struct request *request);
/* An answer without a result. */
enum s3_err query_done(struct request *request);

/* <name>2026-11-21T05:41:15Z</name> */
void query_time(struct buf *out, struct span name, int64_t time_ms);
/* A policy's text, percent-encoded by RFC 3986 as AWS does. */
void query_document(struct buf *out, struct span name, struct span text);
/* <name><member><Key>…</Key><Value>…</Value></member>…</name> */
void query_tags(struct buf *out, struct span name, const struct policy_tag *tags, size_t count);
/* Path, UserName, UserId, Arn, CreateDate (of its kind): what every list of entities has. */
void query_entity(struct buf *out, const struct iam_entity *entity);

#endif
