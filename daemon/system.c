#include "daemon/system.h"

#include "daemon/accounts.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "daemon/jobs/copy_jobs.h"
#include "daemon/jobs/copy_ops.h"
#include "daemon/jobs/scrub_request.h"
#include "daemon/link_api.h"
#include "daemon/links.h"
#include "daemon/log.h"
#include "daemon/ops/json_answer.h"
#include "daemon/query.h"
#include "daemon/revoked_sessions.h"
#include "storage/storage_care.h"

enum {
    PAGE_MAX = 100,
    /* The longest life of a token: GetSessionToken's 36 hours, and one for clocks. */
    TOKENS_LIVE_S = 37 * 3600,
};

#define ACCOUNTS_PATH "/-/accounts"

static enum s3_err fail_with(
    struct request *request, enum iam_err err, struct span detail, const char *file, int line)
{
    struct iam_call call = {
        .iam = request->daemon->iam, .arena = &request->arena, .detail = detail};
    return query_iam_result(request, &call, err, file, line);
}

/* ---- accounts ---- */

static void write_account(struct buf *out, const struct account *account, bool first)
{
    char digits[ACCOUNT_ID_DIGITS + 1];
    account_digits(account->id, digits);
    buf_add(out, first ? SPAN("{") : SPAN(",{"));
    json_answer_text(out, true, "id", span_str(digits));
    json_answer_text(out, false, "name", span_str(account->name));
    json_answer_text(out, false, "canonical_id", span_str(account->canonical_id));
    json_answer_time(out, "created", account->created_ms);
}

static enum s3_err list_accounts(struct request *request)
{
    uint64_t after = 0;
    size_t max;
    struct span text = request_query(request, SPAN("after"));
    if (span_present(text) && !account_parse(text, &after))
        return FAIL(request, INVALID_ARGUMENT, "after must be an account's 12 digits");
    TRY(json_answer_limit(request, "max", PAGE_MAX, &max));
    struct account *page = arena_array(&request->arena, struct account, max + 1);
    if (page == NULL)
        return FAIL(request, INTERNAL, NULL);
    size_t count = accounts_list(request->daemon->accounts, after, page, max + 1);
    struct buf *out = json_answer(request);
    buf_add_lit(out, "{\"accounts\":[");
    for (size_t i = 0; i < count && i < max; i++) {
        write_account(out, &page[i], i == 0);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
    json_answer_bool(out, "truncated", count > max);
    buf_add_lit(out, "}\n");
    return S3_OK;
}

static enum s3_err create_account(struct request *request)
{
    struct account account;
    struct span access_key, secret, detail = SPAN_ABSENT,
                                    name = request_query(request, SPAN("name"));
    enum iam_err err = accounts_add(request->daemon->accounts, span_present(name) ? name : SPAN(""),
        &request->arena, &account, &access_key, &secret, &detail);
    if (err != IAM_OK)
        return fail_with(request, err, detail, __FILE__, __LINE__);
    struct buf *out = json_answer(request);
    write_account(out, &account, true);
    json_answer_text(out, false, "access_key", access_key);
    json_answer_text(out, false, "secret_key", secret);
    buf_add_lit(out, "}\n");
    return S3_OK;
}

static enum s3_err delete_account(struct request *request)
{
    uint64_t id;
    struct span detail = SPAN_ABSENT;
    struct span digits = span_from(request->target.path, sizeof(ACCOUNTS_PATH "/") - 1);
    if (!account_parse(digits, &id))
        return FAIL(request, INVALID_ARGUMENT, "An account is named by its 12 digits");
    enum iam_err err = accounts_remove(request->daemon->accounts, id, &request->arena, &detail);
    if (err != IAM_OK)
        return fail_with(request, err, detail, __FILE__, __LINE__);
    request->response.status = 204;
    return S3_OK;
}

/* ---- the key of the secrets ---- */

static bool reseal_links(void *ctx, size_t *count)
{
    return links_reseal(ctx, count);
}

static bool reseal_copies(void *ctx, size_t *count)
{
    (void)count;
    return ctx == NULL || copy_jobs_reseal(ctx);
}

static enum s3_err rotate(struct request *request)
{
    const struct daemon *daemon = request->daemon;
    struct iam_call call = {
        .iam = daemon->iam, .account = ROOT_ACCOUNT_ID, .arena = &request->arena};
    struct iam_rotation rotation;
    const struct iam_reseal others[] = {
        {reseal_links, daemon->links}, {reseal_copies, daemon->copies}};
    TRY_IAM(request, &call, iam_rotate(&call, TOKENS_LIVE_S, others, ARRAY_LEN(others), &rotation));
    log_message(daemon->log, LOG_INFO, "%zu secrets were sealed with another key", rotation.sealed);
    struct buf *out = json_answer(request);
    buf_addf(out, "{\"new_key\":%s", rotation.new_key ? "true" : "false");
    json_answer_u64(out, "sealed", rotation.sealed);
    buf_add_lit(out, "}\n");
    return S3_OK;
}

/* ---- holds, for backups ---- */

#define HOLDS_PATH "/-/holds"

/* ?seconds=: how long; absent: a minute. */
static enum s3_err hold_ms(struct request *request, uint64_t *ret_ms)
{
    struct span text = request_query(request, SPAN("seconds"));
    uint64_t seconds = 60;
    if (span_present(text) && (!span_to_u64(text, &seconds) || seconds == 0 || seconds > 600))
        return FAIL(request, INVALID_ARGUMENT, "seconds must be from 1 to 600");
    *ret_ms = seconds * 1000;
    return S3_OK;
}

static enum s3_err hold_id(struct request *request, uint64_t *ret_id)
{
    struct span text = span_from(request->target.path, sizeof(HOLDS_PATH "/") - 1);
    return span_to_u64(text, ret_id) ? S3_OK
                                     : FAIL(request, INVALID_ARGUMENT, "A hold has a number");
}

static enum s3_err create_hold(struct request *request)
{
    uint64_t ms = 0, id = 0;
    TRY(hold_ms(request, &ms));
    enum storage_err err = storage_hold(request_store(request), ms, &id);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    struct buf *out = json_answer(request);
    buf_addf(out, "{\"id\":%llu,\"seconds\":%llu}\n", (unsigned long long)id,
        (unsigned long long)ms / 1000);
    return S3_OK;
}

static enum s3_err renew_hold(struct request *request)
{
    uint64_t ms = 0, id = 0;
    TRY(hold_ms(request, &ms));
    TRY(hold_id(request, &id));
    if (!storage_hold_renew(request_store(request), id, ms))
        return FAIL(request, INVALID_ARGUMENT, "There is no such hold, or it has expired");
    request->response.status = 204;
    return S3_OK;
}

static enum s3_err release_hold(struct request *request)
{
    uint64_t id = 0;
    TRY(hold_id(request, &id));
    storage_hold_release(request_store(request), id);
    request->response.status = 204;
    return S3_OK;
}

/* ---- log-out ---- */

/* Whoever has the session's keys may end it, whatever policies say, and more than once. */
static enum s3_err end_session(struct request *request)
{
    const struct identity *identity = request->identity;
    if (identity == NULL)
        return FAIL(request, ACCESS_DENIED, NULL);
    if (!identity->is_temporary)
        return FAIL(request, INVALID_REQUEST,
            "This request is signed with a key that is no session's: there is nothing to end");
    enum storage_err err = revoked_sessions_add(request->daemon->revoked_sessions,
        identity->access_key, identity->expires_s, request->received_ms / 1000);
    if (err == STORAGE_NO_MEMORY)
        return FAIL(request, SLOW_DOWN, NULL);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    request->response.status = 204;
    return S3_OK;
}

static const struct op end_session_op = {
    .name = "end_session", .class = CLASS_WORKER, .run = end_session};

bool system_ends_session(const struct op *op)
{
    return op == &end_session_op;
}

/* ---- routing ---- */

static const struct {
    enum method method;
    struct span path; /* ends in '/': a name follows */
    struct op op;
} resources[] = {
    {METHOD_GET, SPAN(ACCOUNTS_PATH),
        {.name = "list_accounts", .action = "lakegate:ListAccounts", .run = list_accounts}},
    {METHOD_POST, SPAN(ACCOUNTS_PATH),
        {.name = "create_account",
            .action = "lakegate:CreateAccount",
            .class = CLASS_WORKER,
            .run = create_account}},
    {METHOD_DELETE, SPAN(ACCOUNTS_PATH "/"),
        {.name = "delete_account",
            .action = "lakegate:DeleteAccount",
            .class = CLASS_WORKER,
            .run = delete_account}},
    {METHOD_POST, SPAN(HOLDS_PATH),
        {.name = "create_hold",
            .action = "lakegate:CreateBackup",
            .class = CLASS_WORKER,
            .run = create_hold}},
    {METHOD_PUT, SPAN(HOLDS_PATH "/"),
        {.name = "renew_hold", .action = "lakegate:CreateBackup", .run = renew_hold}},
    {METHOD_DELETE, SPAN(HOLDS_PATH "/"),
        {.name = "release_hold", .action = "lakegate:CreateBackup", .run = release_hold}},
    {METHOD_GET, SPAN("/-/scrub"),
        {.name = "get_scrub", .action = "lakegate:GetScrub", .run = scrub_get}},
    {METHOD_POST, SPAN("/-/scrub"),
        {.name = "start_scrub", .action = "lakegate:StartScrub", .run = scrub_start}},
    {METHOD_DELETE, SPAN("/-/scrub"),
        {.name = "stop_scrub", .action = "lakegate:StartScrub", .run = scrub_stop}},
    {METHOD_POST, SPAN("/-/secrets/rotate"),
        {.name = "rotate_secrets_key",
            .action = "lakegate:RotateSecretsKey",
            .class = CLASS_WORKER,
            .run = rotate}},
};

const struct op *system_route(const struct request *request)
{
    struct span path = request->target.path;
    if (!span_starts(path, SPAN("/-/")) || request->target.virtual_host)
        return NULL;
    const struct op *op = copy_route(request);
    if (op != NULL)
        return op;
    if (request->method == METHOD_DELETE && span_eq(path, SPAN("/-/session")))
        return &end_session_op;
    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        bool named = span_ends(resources[i].path, SPAN("/"));
        if (resources[i].method == request->method &&
            (named ? span_starts(path, resources[i].path) : span_eq(path, resources[i].path)))
            return &resources[i].op;
    }
    return link_route(request);
}
