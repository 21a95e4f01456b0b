#include "tests/ops/support.h"

#include "base/digest.h"
#include "base/encode.h"
#include "daemon/accounts.h"
#include "daemon/authorize.h"
#include "daemon/body_head.h"
#include "daemon/bucket_documents.h"
#include "daemon/credentials.h"
#include "daemon/iam.h"
#include "daemon/identities.h"
#include "daemon/public_access.h"
#include "daemon/query.h"
#include "daemon/receive.h"
#include "daemon/route.h"
#include "daemon/staging.h"
#include "daemon/vault.h"
#include "daemon/zones.h"
#include "xml_write.h"

#include <ftw.h>
#include <pthread.h>
#include <unistd.h>

enum {
    STAGING_BUDGET_BYTES = 16 * 1024 * 1024,
    REPLY_MAX_BYTES = 256 * 1024 * 1024,
    STREAM_PIECE_BYTES = 16 * 1024
};

static void open_store(struct world *world)
{
    struct storage_options options = {.dir = world->dir, .segment_bytes = 16 * 1024 * 1024};
    const char *detail = NULL;
    enum storage_err err = storage_open(&options, &world->daemon.store, &detail);
    if (err != STORAGE_OK)
        fail_msg("the store does not open: %s (%s)", storage_err_text(err), detail ? detail : "");
    world->daemon.documents = bucket_documents_new();
    world->daemon.account_blocks = account_blocks_open(world->daemon.store);
    assert_true(world->daemon.documents != NULL && world->daemon.account_blocks != NULL);
    char error[VAULT_ERROR_BYTES];
    if (!vault_open(world->dir, SPAN_ABSENT, &world->daemon.vault, error))
        fail_msg("%s", error);
    world->daemon.iam = iam_new(world->daemon.store, world->daemon.vault, NULL);
    assert_non_null(world->daemon.iam);
}

int world_make(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    /* In memory where there is such a place: what is asked is not whether a disk keeps it. */
    snprintf(world->dir, sizeof(world->dir), "%s/lakegate-ops-XXXXXX",
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(world->dir));
    world->staging = staging_new(STAGING_BUDGET_BYTES);
    world->daemon.staging = world->staging;
    world->daemon.heads = body_heads_new();
    assert_non_null(world->daemon.heads);
    world->daemon.region = SPAN("us-east-1");
    uint64_t counter;
    random_bytes(&counter, sizeof(counter));
    atomic_init(&world->daemon.request_counter, counter);
    world->daemon.verify_reads = true;
    world->principal = (struct principal){
        .kind = PRINCIPAL_ROOT, .access_key = SPAN("AKIATEST"), .account_id = ROOT_ACCOUNT_ID};
    open_store(world);
    *state = world;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static void close_store(struct world *world)
{
    bucket_documents_free(TAKE(world->daemon.documents));
    account_blocks_free(TAKE(world->daemon.account_blocks));
    iam_free(TAKE(world->daemon.iam));
    vault_free(TAKE(world->daemon.vault));
    storage_close(TAKE(world->daemon.store));
}

int world_drop(void **state)
{
    struct world *world = *state;
    identity_unref(world->identity);
    identities_free(world->daemon.identities);
    accounts_free(world->daemon.accounts);
    credentials_free((struct credentials *)world->daemon.credentials);
    close_store(world);
    body_heads_free(world->daemon.heads);
    staging_free(world->staging);
    nftw(world->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(world);
    return 0;
}

void world_reopen(struct world *world)
{
    close_store(world);
    open_store(world);
}

/* ---- who asks ---- */

enum s3_err world_become(struct world *world, struct span key, struct span token, int64_t at)
{
    struct span secret;
    const struct identity *identity = NULL;
    TRY(identities_find(world->daemon.identities, key, token, at, &identity, &secret));
    identity_unref(world->identity);
    world->identity = identity;
    world->session_token = token;
    world->principal = (struct principal){
        .kind = identity->is_root ? PRINCIPAL_ROOT : PRINCIPAL_IDENTITY,
        .access_key = identity->access_key,
        .account_id = identity->account_id,
    };
    return S3_OK;
}

void world_add_identities(struct world *world)
{
    char error[256] = "";
    struct daemon *daemon = &world->daemon;
    struct credentials *credentials = NULL;
    assert_true(credentials_open(
        world->dir, SPAN(WORLD_ROOT_KEY), SPAN("rootsecret"), &credentials, error, sizeof(error)));
    daemon->credentials = credentials;
    daemon->accounts = accounts_open(daemon->store, daemon->iam);
    daemon->identities = identities_new(daemon->iam, daemon->vault, credentials, NULL);
    assert_true(daemon->accounts != NULL && daemon->identities != NULL);
    assert_int_equal(
        world_become(world, SPAN(WORLD_ROOT_KEY), SPAN_ABSENT, (int64_t)time(NULL)), S3_OK);
}

/* ---- a request out of text ---- */

static void read_headers(struct request *request, const char *text, size_t body_len)
{
    struct header *items = arena_array(&request->arena, struct header, HEADERS_MAX);
    struct span rest = text != NULL ? arena_copy(&request->arena, span_str(text)) : SPAN_ABSENT;
    struct span line;
    size_t count = 0;
    while (span_split(&rest, '\n', &line)) {
        size_t colon = span_find_char(line, ':', 0);
        if (line.len == 0)
            continue;
        assert_true(colon != SIZE_MAX && count < HEADERS_MAX - 1);
        items[count++] =
            (struct header){span_first(line, colon), span_trim(span_from(line, colon + 1))};
    }
    request->headers = (struct header_list){items, count};
    if (!span_present(request_header(request, SPAN("content-length")))) {
        struct span length = arena_format(&request->arena, "%zu", body_len);
        items[request->headers.count++] = (struct header){SPAN("Content-Length"), length};
    }
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken;
};

static void wake(void *ctx)
{
    struct waiter *waiter = ctx;
    pthread_mutex_lock(&waiter->lock);
    waiter->woken = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

static void wait_until_woken(struct waiter *waiter)
{
    pthread_mutex_lock(&waiter->lock);
    while (!waiter->woken)
        pthread_cond_wait(&waiter->changed, &waiter->lock);
    pthread_mutex_unlock(&waiter->lock);
}

static enum s3_err receive_all(struct request *request, struct span body)
{
    TRY(receive_begin(request));
    while (body.len > 0) {
        bool wait = false;
        TRY(receive_bytes(request, &body, &wait));
        if (request->receive == NULL)
            break;
        if (!wait)
            continue;
        struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
        receive_wait(request, wake, &waiter);
        wait_until_woken(&waiter);
    }
    TRY(receive_end(request));
    return receive_store(request);
}

/* What of the body comes before who asks is known. */
static enum s3_err receive_head(struct request *request, struct span *body)
{
    if (request->op->body != BODY_QUERY && request->op->body != BODY_FORM)
        return S3_OK;
    bool over = false;
    TRY(body_head_begin(request));
    while (body->len > 0 && !over)
        TRY(body_head_bytes(request, body, &over));
    return over ? S3_OK : body_head_end(request);
}

static enum s3_err run(struct request *request, struct world *world, const char *line,
    const char *headers, struct span body)
{
    struct span target = arena_copy(&request->arena, span_str(line));
    assert_true(span_split(&target, ' ', &request->method_text));
    request->method = method_of(request->method_text);
    request->principal = world->principal;
    request->identity = identity_ref(world->identity);
    request->auth.session_token = world->session_token;
    request->peer = world->peer;
    request->auth.kind =
        world->principal.kind == PRINCIPAL_ANONYMOUS ? SIGV4_ANONYMOUS : SIGV4_HEADER;
    request->auth.payload = SIGV4_PAYLOAD_UNSIGNED;
    read_headers(request, headers, body.len);
    TRY(target_parse(
        &request->arena, target, request_header(request, SPAN("host")), NULL, 0, &request->target));
    TRY(route(request->method, &request->target, &request->headers, &request->op));
    TRY(receive_head(request, &body));
    TRY(authorize(request));
    TRY(zones_announce(request));
    TRY(receive_all(request, body));
    return request->op->run(request);
}

/* ---- the reply ---- */

static void read_blob(struct reply *reply)
{
    struct response *response = &reply->request->response;
    uint64_t offset = response->blob_offset, end = offset + response->blob_length;
    while (offset < end) {
        size_t want = end - offset < BLOB_BLOCK_BYTES ? (size_t)(end - offset) : BLOB_BLOCK_BYTES;
        char *to = buf_reserve(&reply->bytes, want);
        size_t got = 0;
        assert_non_null(to);
        assert_int_equal(blob_read(response->reader, offset, to, want, true, &got), STORAGE_OK);
        assert_true(got > 0);
        buf_commit(&reply->bytes, got);
        offset += got;
    }
}

static void write_error(struct reply *reply)
{
    const struct request *request = reply->request;
    const struct s3_err_info *info = s3_err_info(reply->err);
    struct span message =
        span_present(request->err_detail) ? request->err_detail : span_str(info->message);
    reply->status = info->status;
    xml_text(&reply->bytes, SPAN("Code"), span_str(info->code));
    xml_text(&reply->bytes, SPAN("Message"), message);
    buf_add(&reply->bytes, request->err_fields);
}

/* With LAKEGATE_SHAPES=DIR every XML response is written there as OPERATION-REQUESTID.xml, of IAM and STS as
 * iam:ACTION-REQUESTID.xml, for tests/ops/check_shapes.py. */
static void keep_for_shapes(const struct reply *reply)
{
    const char *dir = getenv("LAKEGATE_SHAPES");
    const struct request *request = reply->request;
    if (dir == NULL || reply->err != S3_OK || request->response.kind != RESPONSE_BUFFER)
        return;
    char path[512];
    const char *name =
        request->query != NULL ? request->query->action->permission : request->op->name;
    snprintf(path, sizeof(path), "%s/%s-%s.xml", dir, name, request->id);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(reply->body.ptr, 1, reply->body.len, file), reply->body.len);
    assert_int_equal(fclose(file), 0);
}

enum stream_result reply_pull(struct reply *reply)
{
    struct stream *stream = &reply->request->response.stream;
    for (;;) {
        size_t len = 0;
        char *to = buf_reserve(&reply->bytes, STREAM_PIECE_BYTES);
        assert_non_null(to);
        enum stream_result result = stream_next(stream, to, STREAM_PIECE_BYTES, &len);
        buf_commit(&reply->bytes, len);
        reply->body = buf_span(&reply->bytes);
        reply->broken = result == STREAM_BROKEN;
        if (result != STREAM_WAIT)
            return result;
        struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
        stream_wait(stream, wake, &waiter);
        wait_until_woken(&waiter);
    }
}

struct reply world_send_open(
    struct world *world, const char *line, const char *headers, struct span body)
{
    struct reply reply = {.request = calloc(1, sizeof(*reply.request))};
    assert_non_null(reply.request);
    request_init(reply.request, &world->daemon);
    buf_init(&reply.bytes, REPLY_MAX_BYTES);
    reply.err = run(reply.request, world, line, headers, body);
    struct response *response = &reply.request->response;
    reply.status = response->status;
    reply.headers = (struct header_list){response->headers, response->header_count};
    if (reply.err != S3_OK)
        write_error(&reply);
    else if (response->kind == RESPONSE_BUFFER)
        buf_add(&reply.bytes, buf_span(&response->buffer));
    else if (response->kind == RESPONSE_BLOB)
        read_blob(&reply);
    assert_true(buf_ok(&reply.bytes));
    assert_false(reply.request->arena.overflow);
    reply.body = buf_span(&reply.bytes);
    keep_for_shapes(&reply);
    return reply;
}

struct reply world_send(
    struct world *world, const char *line, const char *headers, struct span body)
{
    struct reply reply = world_send_open(world, line, headers, body);
    if (reply.err == S3_OK && reply.request->response.kind == RESPONSE_STREAM)
        while (reply_pull(&reply) == STREAM_DATA)
            continue;
    return reply;
}

void reply_free(struct reply *reply)
{
    if (reply->request != NULL) {
        receive_free(reply->request);
        request_free(reply->request);
        free(reply->request);
    }
    buf_free(&reply->bytes);
    *reply = (struct reply){0};
}

void world_do(struct world *world, const char *line, const char *headers, const char *body)
{
    REPLY reply = world_send(world, line, headers, body ? span_str(body) : SPAN(""));
    if (reply.status / 100 != 2)
        fail_msg("%s: %d %.*s", line, reply.status, SPAN_ARG(reply.body));
}

const char *encoded(struct arena *arena, struct span key)
{
    struct buf text CLEANUP(buf_free);
    buf_init(&text, 16 * 1024);
    percent_encode(&text, key, true);
    return arena_copy(arena, buf_span(&text)).ptr;
}

void world_put(struct world *world, const char *bucket, struct span key, struct span content)
{
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, 64 * 1024);
    struct span line = arena_format(&arena, "PUT /%s/%s", bucket, encoded(&arena, key));
    REPLY reply = world_send(world, line.ptr, NULL, content);
    assert_status(reply, 200);
}

struct span reply_header(const struct reply *reply, const char *name)
{
    return header_find(&reply->headers, span_str(name));
}

/* Where the n-th <element> begins, behind its tag; SIZE_MAX without one. */
static size_t find_element(const struct reply *reply, const char *element, size_t n)
{
    struct span open = arena_format(&reply->request->arena, "<%s>", element);
    size_t at = 0;
    for (size_t i = 0; i <= n; i++) {
        at = span_find(reply->body, open, at);
        if (at == SIZE_MAX)
            return SIZE_MAX;
        at += open.len;
    }
    return at;
}

static struct span unescape(struct arena *arena, struct span text)
{
    static const struct {
        struct span from;
        char to;
    } entities[] = {
        {SPAN("&amp;"), '&'}, {SPAN("&lt;"), '<'}, {SPAN("&gt;"), '>'}, {SPAN("&quot;"), '"'}};
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    while (text.len > 0) {
        size_t taken = 1;
        out[len] = text.ptr[0];
        for (size_t i = 0; i < ARRAY_LEN(entities); i++)
            if (span_starts(text, entities[i].from)) {
                out[len] = entities[i].to;
                taken = entities[i].from.len;
            }
        len++;
        text = span_from(text, taken);
    }
    return span_of(out, len);
}

struct span reply_element(const struct reply *reply, const char *element, size_t n)
{
    struct arena *arena = &reply->request->arena;
    size_t from = find_element(reply, element, n);
    if (from == SIZE_MAX)
        return SPAN_ABSENT;
    size_t to = span_find(reply->body, arena_format(arena, "</%s>", element), from);
    assert_true(to != SIZE_MAX);
    return unescape(arena, span_of(reply->body.ptr + from, to - from));
}

size_t reply_count(const struct reply *reply, const char *element)
{
    struct span open = arena_format(&reply->request->arena, "<%s>", element);
    size_t count = 0;
    for (size_t at = span_find(reply->body, open, 0); at != SIZE_MAX;
         at = span_find(reply->body, open, at + open.len))
        count++;
    return count;
}

void check_status(const struct reply *reply, int expected, const char *file, int line)
{
    if (reply->status == expected)
        return;
    print_error("expected status %d, got %d: %.*s\n", expected, reply->status,
        SPAN_ARG(span_first(reply->body, 4000)));
    _fail(file, line);
}

void check_has(const struct reply *reply, const char *text, bool wanted, const char *file, int line)
{
    if ((span_find(reply->body, span_str(text), 0) != SIZE_MAX) == wanted)
        return;
    print_error("%s expected to be %s in: %.*s\n", text, wanted ? "" : "absent",
        SPAN_ARG(span_first(reply->body, 4000)));
    _fail(file, line);
}

void check_code(const struct reply *reply, int status, const char *code, const char *file, int line)
{
    check_status(reply, status, file, line);
    struct span element = arena_format(&reply->request->arena, "<Code>%s</Code>", code);
    check_has(reply, element.ptr, true, file, line);
}

void assert_span(struct span actual, const char *expected)
{
    if (!span_eq(actual, span_str(expected)) || !span_present(actual))
        fail_msg("expected \"%s\", got \"%.*s\"", expected, SPAN_ARG(actual));
}
