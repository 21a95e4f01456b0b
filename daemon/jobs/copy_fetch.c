#include "daemon/jobs/copy_fetch.h"

#include "base/encode.h"
#include "checksum.h"
#include "daemon/jobs/copy_pace.h"

enum {
    FETCH_ARENA_BYTES = 512 * 1024,
    HEAD_ARENA_BYTES = 256 * 1024,
};

bool copy_etag_is_md5(const struct remote_object *object)
{
    struct span encrypted = header_find(&object->headers, SPAN("x-amz-server-side-encryption"));
    struct span customer =
        header_find(&object->headers, SPAN("x-amz-server-side-encryption-customer-algorithm"));
    return object->has_etag && !span_present(customer) &&
           (!span_present(encrypted) || span_eq(encrypted, SPAN("AES256")));
}

/* ---- the head ---- */

struct headers {
    struct arena *arena;
    struct header items[HEADERS_MAX];
    size_t count;
};

static void add(struct headers *headers, struct span name, struct span value)
{
    if (span_present(value) && headers->count < HEADERS_MAX)
        headers->items[headers->count++] = (struct header){name, value};
}

size_t copy_metadata_headers(
    const struct remote_object *object, struct header *ret_items, size_t max)
{
    static const struct span kept[] = {SPAN("content-type"), SPAN("content-encoding"),
        SPAN("content-language"), SPAN("content-disposition"), SPAN("cache-control"),
        SPAN("expires")};
    size_t count = 0;
    for (size_t i = 0; i < object->headers.count && count < max; i++) {
        const struct header *header = &object->headers.items[i];
        bool comes = span_starts_nocase(header->name, SPAN("x-amz-meta-"));
        for (size_t k = 0; k < ARRAY_LEN(kept) && !comes; k++)
            comes = span_eq_nocase(header->name, kept[k]);
        if (comes)
            ret_items[count++] = *header;
    }
    return count;
}

static struct span base64_in(struct arena *arena, const struct checksum *checksum)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, 256);
    checksum_text(&out, checksum);
    return arena_copy(arena, buf_span(&out));
}

/* The value that the body is compared with: a checksum, else the ETag where that is an MD5. */
static void add_verification(
    struct copy_fetch *fetch, struct headers *headers, const struct remote_object *object)
{
    const struct checksum *checksum = &object->checksum;
    fetch->verified = COPY_BY_NOTHING;
    if (!fetch->write.verify)
        return;
    if (checksum->algo != DIGEST_NONE && checksum->type == CHECKSUM_FULL_OBJECT) {
        add(headers, checksum_header_name(checksum->algo), base64_in(headers->arena, checksum));
        fetch->verified = COPY_BY_CHECKSUM;
    } else if (object->etag.part_count == 0 && copy_etag_is_md5(object)) {
        struct buf out CLEANUP(buf_free);
        buf_init(&out, 64);
        base64_encode(&out, span_of(object->etag.md5, MD5_BYTES));
        add(headers, SPAN("content-md5"), arena_copy(headers->arena, buf_span(&out)));
        fetch->verified = COPY_BY_MD5;
    }
}

static bool start_put(struct copy_fetch *fetch, const struct remote_object *object)
{
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, HEAD_ARENA_BYTES);
    struct headers *headers = arena_new(&arena, struct headers);
    if (headers == NULL)
        return false;
    headers->arena = &arena;
    add(headers, SPAN("content-length"),
        arena_format(&arena, "%llu", (unsigned long long)object->content_length));
    add(headers, SPAN("user-agent"), fetch->who->actor->user_agent);
    if (fetch->write.if_absent)
        add(headers, SPAN("if-none-match"), SPAN("*"));
    if (fetch->write.algo != DIGEST_NONE)
        add(headers, SPAN("x-amz-sdk-checksum-algorithm"), checksum_algo_name(fetch->write.algo));
    add_verification(fetch, headers, object);
    if (span_present(fetch->write.tagging))
        add(headers, SPAN("x-amz-tagging"), fetch->write.tagging);
    if (fetch->write.with_metadata)
        headers->count += copy_metadata_headers(
            object, headers->items + headers->count, HEADERS_MAX - headers->count);
    struct copy_ask ask = {.method = "PUT",
        .target = fetch->write.target,
        .headers = headers->items,
        .header_count = headers->count,
        .fetched = fetch->write.fetched};
    return copy_put_start(&fetch->put, fetch->who, &ask, fetch->event, fetch->ctx) == S3_OK;
}

/* A HEAD's answer outlives the call in the fetch's arena. */
static bool keep_object(struct copy_fetch *fetch, const struct remote_object *object)
{
    struct arena *arena = &fetch->arena;
    fetch->object = *object;
    fetch->object.etag_text = arena_copy(arena, object->etag_text);
    struct header *items = arena_array(arena, struct header, object->headers.count);
    for (size_t i = 0; items != NULL && i < object->headers.count; i++)
        items[i] = (struct header){arena_copy(arena, object->headers.items[i].name),
            arena_copy(arena, object->headers.items[i].value)};
    fetch->object.headers.items = items;
    return !arena->overflow;
}

static enum copy_fetch_end look_at_head(
    struct copy_fetch *fetch, const struct remote_object *object)
{
    fetch->tag_count = object->tag_count;
    fetch->content_length = object->content_length;
    if (fetch->expected_parts != 0 &&
        (object->parts_count != fetch->expected_parts || object->status != 206))
        return COPY_FETCH_PARTS;
    if (span_present(fetch->get.if_match) &&
        !span_eq(object->etag_text, fetch->get.if_match)) { /* If-Match was passed over */
        fetch->failure.err = REMOTE_CHANGED;
        return COPY_FETCH_SOURCE;
    }
    if (fetch->expected_bytes != UINT64_MAX && object->content_length != fetch->expected_bytes)
        return COPY_FETCH_NONSENSE;
    if (fetch->get.head)
        return keep_object(fetch, object) ? COPY_FETCH_OK : COPY_FETCH_NONSENSE;
    if (fetch->write.wants_tags && object->tag_count > 0)
        return COPY_FETCH_TAGS;
    return start_put(fetch, object) ? COPY_FETCH_OK : COPY_FETCH_PUT;
}

static bool on_head(void *ctx, const struct remote_object *object)
{
    struct copy_fetch *fetch = ctx;
    fetch->end = fetch->of_tags ? COPY_FETCH_OK : look_at_head(fetch, object);
    fetch->stopped = fetch->end != COPY_FETCH_OK;
    return !fetch->stopped;
}

/* ---- the body ---- */

static enum http_take on_body(void *ctx, struct span bytes)
{
    struct copy_fetch *fetch = ctx;
    bool wait = false;
    if (fetch->of_tags) {
        buf_add(&fetch->tags, bytes);
        return buf_ok(&fetch->tags) ? HTTP_TAKEN : HTTP_STOP;
    }
    if (!copy_pace_may(fetch->pace, fetch))
        return HTTP_PAUSE;
    struct span input = span_from(bytes, fetch->taken);
    if (copy_put_body(&fetch->put, &input, &wait) != S3_OK) {
        fetch->end = COPY_FETCH_PUT;
        fetch->stopped = true;
        return HTTP_STOP;
    }
    size_t taken = bytes.len - input.len;
    copy_pace_took(fetch->pace, taken - fetch->taken);
    atomic_fetch_add(&fetch->body_bytes, taken - fetch->taken);
    fetch->taken = wait ? taken : 0;
    return wait ? HTTP_PAUSE : HTTP_TAKEN;
}

static void mark_over(void *what)
{
    atomic_store(&((struct copy_fetch *)what)->read_over, true);
}

static void on_end(void *ctx, const struct remote_failure *failure)
{
    struct copy_fetch *fetch = ctx;
    if (!fetch->stopped) {
        fetch->failure = *failure;
        fetch->end = failure->err == REMOTE_OK ? COPY_FETCH_OK : COPY_FETCH_SOURCE;
    }
    fetch->event(fetch->ctx, mark_over, fetch);
}

/* ---- the job's thread ---- */

bool copy_fetch_start(struct copy_fetch *fetch)
{
    static const struct remote_read_events events = {on_head, on_body, on_end};
    arena_init(&fetch->arena, FETCH_ARENA_BYTES);
    fetch->end = COPY_FETCH_OK;
    fetch->failure = (struct remote_failure){.err = REMOTE_OK};
    fetch->state = COPY_FETCH_READING;
    /* The read may end before this returns: what it says of its failure is not to be written over. */
    struct remote_failure unstarted;
    buf_init(&fetch->tags, REMOTE_TAGS_MAX_BYTES);
    fetch->read = fetch->of_tags
                      ? remote_tags_start(
                            fetch->bucket, fetch->get.key, SPAN_ABSENT, &events, fetch, &unstarted)
                      : remote_read_start(fetch->bucket, &fetch->get, &events, fetch, &unstarted);
    if (fetch->read != NULL)
        return true;
    fetch->failure = unstarted;
    fetch->end = COPY_FETCH_SOURCE;
    fetch->state = COPY_FETCH_ENDED;
    return false;
}

static bool ended(struct copy_fetch *fetch)
{
    fetch->state = COPY_FETCH_ENDED;
    if (fetch->end == COPY_FETCH_OK && fetch->put.request.err != S3_OK)
        fetch->end = COPY_FETCH_PUT;
    if (fetch->end == COPY_FETCH_OK)
        fetch->etag = fetch->put.request.body.etag;
    return true;
}

bool copy_fetch_step(struct copy_fetch *fetch)
{
    if (fetch->state == COPY_FETCH_READING) {
        if (!atomic_load(&fetch->read_over)) { /* room for what waits */
            remote_read_resume(fetch->read);
            return false;
        }
        copy_pace_leave(fetch->pace, fetch);
        if (fetch->end != COPY_FETCH_OK || fetch->get.head || fetch->of_tags)
            return ended(fetch);
        fetch->state = COPY_FETCH_WRITING;
        copy_put_finish(&fetch->put);
    }
    if (fetch->state == COPY_FETCH_WRITING)
        return copy_put_settle(&fetch->put) && ended(fetch);
    return fetch->state == COPY_FETCH_ENDED;
}

void copy_fetch_cancel(struct copy_fetch *fetch)
{
    if (fetch->state == COPY_FETCH_READING)
        remote_read_cancel(fetch->read);
}

bool copy_fetch_in_line(const struct copy_fetch *fetch)
{
    return fetch->state == COPY_FETCH_WRITING && fetch->put.state == COPY_PUT_LINE;
}

bool copy_fetch_free(struct copy_fetch *fetch)
{
    if (!copy_put_free(&fetch->put))
        return false;
    remote_read_free(TAKE(fetch->read));
    arena_free(&fetch->arena);
    buf_free(&fetch->tags);
    fetch->state = COPY_FETCH_IDLE;
    return true;
}
