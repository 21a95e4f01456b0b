#include "base/encode.h"
#include "daemon/remote_internal.h"
#include "xml_read.h"

enum {
    CALL_MS = 60 * 1000, /* an answer that is waited for as a whole */
    GET_HEADERS_MAX = 7,
    QUERY_MAX_BYTES = REMOTE_URL_MAX_BYTES,
};

/* What get asks for, as headers and a query in the arena. */
static void ask_of(struct arena *arena, const struct remote_get *get, struct remote_ask *ret_ask)
{
    struct header *headers = arena_array(arena, struct header, GET_HEADERS_MAX);
    size_t count = 0;
    if (headers == NULL)
        return;
    const struct header conditions[] = {
        {SPAN("if-match"), get->if_match},
        {SPAN("if-none-match"), get->if_none_match},
        {SPAN("if-modified-since"), get->if_modified_since},
        {SPAN("if-unmodified-since"), get->if_unmodified_since},
    };
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        if (span_present(conditions[i].value))
            headers[count++] = conditions[i];
    headers[count++] = (struct header){SPAN("x-amz-checksum-mode"), SPAN("ENABLED")};
    if (get->has_range && get->last == UINT64_MAX)
        headers[count++] = (struct header){
            SPAN("range"), arena_format(arena, "bytes=%llu-", (unsigned long long)get->first)};
    else if (get->has_range)
        headers[count++] = (struct header){
            SPAN("range"), arena_format(arena, "bytes=%llu-%llu", (unsigned long long)get->first,
                               (unsigned long long)get->last)};
    else if (get->suffix_range)
        headers[count++] = (struct header){
            SPAN("range"), arena_format(arena, "bytes=-%llu", (unsigned long long)get->last)};
    struct buf query;
    buf_init(&query, QUERY_MAX_BYTES);
    if (get->part_number != 0)
        buf_addf(&query, "partNumber=%u", (unsigned)get->part_number);
    if (span_present(get->version_id)) {
        buf_addf(&query, "%sversionId=", query.len > 0 ? "&" : "");
        percent_encode(&query, get->version_id, false);
    }
    *ret_ask = (struct remote_ask){
        .key = get->key,
        .query = query.len > 0 ? arena_copy(arena, buf_span(&query)) : SPAN_ABSENT,
        .headers = {headers, count},
        .get = get,
    };
    arena->overflow = arena->overflow || !buf_ok(&query);
    buf_free(&query);
}

struct remote_read *remote_read_start(struct remote_bucket *bucket, const struct remote_get *get,
    const struct remote_read_events *events, void *ctx, struct remote_failure *ret_failure)
{
    struct arena arena;
    struct remote_ask ask = {0};
    struct remote_read *read = NULL;
    arena_init(&arena, 2 * QUERY_MAX_BYTES);
    ask_of(&arena, get, &ask);
    *ret_failure = (struct remote_failure){.err = REMOTE_NO_MEMORY};
    if (!arena.overflow)
        read = remote_ask_start(bucket, &ask, events, ctx, ret_failure);
    arena_free(&arena);
    return read;
}

/* Who waits for a whole answer. */
struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended;
    struct arena *arena;          /* of the object */
    struct remote_object *object; /* NULL: only the body counts */
    struct buf body;
    struct remote_failure failure;
};

static bool on_head(void *ctx, const struct remote_object *object)
{
    struct waiter *waiter = ctx;
    return waiter->object == NULL || remote_object_copy(waiter->arena, object, waiter->object);
}

static enum http_take on_body(void *ctx, struct span bytes)
{
    struct waiter *waiter = ctx;
    buf_add(&waiter->body, bytes);
    return buf_ok(&waiter->body) ? HTTP_TAKEN : HTTP_STOP;
}

static void on_end(void *ctx, const struct remote_failure *failure)
{
    struct waiter *waiter = ctx;
    pthread_mutex_lock(&waiter->lock);
    waiter->failure = *failure;
    waiter->ended = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

/* From here on remote_bucket_break ends the wait. */
static void begin_wait(struct remote_bucket *bucket, struct remote_wait *wait)
{
    pthread_mutex_lock(&bucket->lock);
    wait->next = bucket->waiting;
    bucket->waiting = wait;
    if (bucket->broken)
        remote_read_cancel(wait->read);
    pthread_mutex_unlock(&bucket->lock);
}

static void end_wait(struct remote_bucket *bucket, struct remote_wait *wait)
{
    pthread_mutex_lock(&bucket->lock);
    struct remote_wait **at = &bucket->waiting;
    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
    pthread_mutex_unlock(&bucket->lock);
}

void remote_bucket_break(struct remote_bucket *bucket)
{
    pthread_mutex_lock(&bucket->lock);
    bucket->broken = true;
    for (struct remote_wait *wait = bucket->waiting; wait != NULL; wait = wait->next)
        remote_read_cancel(wait->read);
    pthread_mutex_unlock(&bucket->lock);
}

/* Asks and waits. The body is in waiter->body, to be freed in any case. */
static enum remote_err wait_for(
    struct remote_bucket *bucket, const struct remote_ask *ask, struct waiter *waiter)
{
    static const struct remote_read_events events = {on_head, on_body, on_end};
    if (pthread_mutex_init(&waiter->lock, NULL) != 0 ||
        pthread_cond_init(&waiter->changed, NULL) != 0)
        abort(); /* on Linux only attributes can make these fail */
    struct remote_failure unstarted;
    struct remote_read *read = remote_ask_start(bucket, ask, &events, waiter, &unstarted);
    if (read == NULL) {
        waiter->failure = unstarted;
    } else {
        struct remote_wait wait = {.read = read};
        begin_wait(bucket, &wait);
        pthread_mutex_lock(&waiter->lock);
        while (!waiter->ended)
            pthread_cond_wait(&waiter->changed, &waiter->lock);
        pthread_mutex_unlock(&waiter->lock);
        end_wait(bucket, &wait);
        remote_read_free(read);
    }
    pthread_cond_destroy(&waiter->changed);
    pthread_mutex_destroy(&waiter->lock);
    if (waiter->arena != NULL && waiter->arena->overflow)
        waiter->failure.err = REMOTE_NO_MEMORY;
    else if (!buf_ok(&waiter->body))
        waiter->failure.err = REMOTE_NONSENSE; /* longer than any that makes sense */
    return waiter->failure.err;
}

enum remote_err remote_head(struct remote_bucket *bucket, struct arena *arena,
    const struct remote_get *get, struct remote_object *ret_object,
    struct remote_failure *ret_failure)
{
    struct remote_get head = *get;
    struct remote_ask ask = {0};
    struct remote_object object;
    struct waiter waiter = {.arena = arena, .object = &object};
    head.head = true;
    buf_init(&waiter.body, 0);
    ask_of(arena, &head, &ask);
    ask.total_ms = CALL_MS;
    *ret_failure = (struct remote_failure){.err = REMOTE_NO_MEMORY};
    if (arena->overflow)
        return REMOTE_NO_MEMORY;
    enum remote_err err = wait_for(bucket, &ask, &waiter);
    *ret_failure = waiter.failure;
    buf_free(&waiter.body);
    if (err == REMOTE_OK)
        *ret_object = object;
    return err;
}

static void add_param(struct buf *query, const char *name, struct span value)
{
    if (value.len == 0)
        return;
    buf_addf(query, "&%s=", name);
    percent_encode(query, value, false);
}

enum remote_err remote_list(struct remote_bucket *bucket, struct arena *arena,
    const struct remote_list_query *query, struct remote_listing *ret_listing,
    struct remote_failure *ret_failure)
{
    struct buf text;
    struct waiter waiter = {0};
    buf_init(&text, QUERY_MAX_BYTES);
    buf_init(&waiter.body, REMOTE_LIST_MAX_BYTES);
    buf_addf(&text, "list-type=2&encoding-type=url&max-keys=%u", (unsigned)query->max_keys);
    add_param(&text, "delimiter", query->delimiter);
    add_param(&text, "prefix", query->prefix);
    if (span_present(query->token))
        add_param(&text, "continuation-token", query->token);
    else
        add_param(&text, "start-after", query->start_after);
    struct remote_ask ask = {.query = buf_span(&text), .total_ms = CALL_MS};
    *ret_failure = (struct remote_failure){.err = REMOTE_REFUSED};
    enum remote_err err = buf_ok(&text) ? wait_for(bucket, &ask, &waiter) : REMOTE_REFUSED;
    if (buf_ok(&text))
        *ret_failure = waiter.failure;
    if (err == REMOTE_OK)
        err = remote_listing_parse(arena, query, buf_span(&waiter.body), ret_listing);
    ret_failure->err = err;
    buf_free(&waiter.body);
    buf_free(&text);
    return err;
}

/* ---- tags ---- */

enum remote_err remote_tags_parse(struct arena *arena, struct span document, struct tags *ret_tags)
{
    struct tags_fault fault;
    if (tagging_parse(arena, document, TAGS_OBJECT_MAX, ret_tags, &fault) == S3_OK)
        return REMOTE_OK;
    return arena->overflow ? REMOTE_NO_MEMORY : REMOTE_NONSENSE;
}

/* False: it is too long. */
static bool ask_for_tags(
    struct buf *query, struct span key, struct span version_id, struct remote_ask *ret_ask)
{
    buf_init(query, QUERY_MAX_BYTES);
    buf_add_lit(query, "tagging");
    add_param(query, "versionId", version_id);
    *ret_ask = (struct remote_ask){.key = key, .query = buf_span(query), .total_ms = CALL_MS};
    return buf_ok(query);
}

struct remote_read *remote_tags_start(struct remote_bucket *bucket, struct span key,
    struct span version_id, const struct remote_read_events *events, void *ctx,
    struct remote_failure *ret_failure)
{
    struct buf query CLEANUP(buf_free);
    struct remote_ask ask;
    *ret_failure = (struct remote_failure){.err = REMOTE_REFUSED};
    if (!ask_for_tags(&query, key, version_id, &ask))
        return NULL;
    return remote_ask_start(bucket, &ask, events, ctx, ret_failure);
}

enum remote_err remote_tags(struct remote_bucket *bucket, struct arena *arena, struct span key,
    struct span version_id, struct tags *ret_tags, struct remote_failure *ret_failure)
{
    struct buf query CLEANUP(buf_free);
    struct remote_ask ask;
    struct waiter waiter = {0};
    *ret_failure = (struct remote_failure){.err = REMOTE_REFUSED};
    if (!ask_for_tags(&query, key, version_id, &ask))
        return REMOTE_REFUSED;
    buf_init(&waiter.body, REMOTE_TAGS_MAX_BYTES);
    enum remote_err err = wait_for(bucket, &ask, &waiter);
    *ret_failure = waiter.failure;
    if (err == REMOTE_OK)
        err = remote_tags_parse(arena, buf_span(&waiter.body), ret_tags);
    ret_failure->err = err;
    buf_free(&waiter.body);
    return err;
}
