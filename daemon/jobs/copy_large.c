/* Objects that are copied part by part: HEAD for what comes along, an upload here, a GET for each part, several at
 * once, and Complete. The parts are the source's own, asked for by number; of a source that does not know them,
 * ranges of the size that they probably had. What was uploaded stays when the job is interrupted. */
#include "checksum.h"
#include "daemon/jobs/copy_parts.h"

static bool start_create(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    struct copy_run *run = object->run;
    struct header headers[HEADERS_MAX];
    const struct remote_object *source = &object->task->fetch.object;
    size_t count = copy_metadata_headers(source, headers, HEADERS_MAX - 5);
    if (span_present(object->tags.text))
        headers[count++] = (struct header){SPAN("x-amz-tagging"), object->tags.text};
    if (span_present(run->job->actor.user_agent))
        headers[count++] = (struct header){SPAN("user-agent"), run->job->actor.user_agent};
    if (parts->checksum.algo != DIGEST_NONE) {
        headers[count++] = (struct header){
            SPAN("x-amz-checksum-algorithm"), checksum_algo_name(parts->checksum.algo)};
        headers[count++] =
            (struct header){SPAN("x-amz-checksum-type"), checksum_type_name(parts->checksum.type)};
    }
    struct copy_ask ask = {.method = "POST",
        .target = copy_target(&object->arena, run->job->spec.bucket, object->key, "?uploads"),
        .headers = headers,
        .header_count = count};
    parts->stage = COPY_PARTS_CREATE;
    struct copy_put *put = &object->task->put;
    if (copy_put_start(put, &run->who, &ask, copy_object_event, object) != S3_OK)
        return copy_object_put_failed(object, put);
    copy_put_finish(put);
    return false;
}

/* The id out of the answer. */
static bool read_upload(struct copy_object *object)
{
    struct span text = buf_span(&object->task->put.request.response.buffer);
    size_t from = span_find(text, SPAN("<UploadId>"), 0);
    if (from == SIZE_MAX)
        return false;
    text = span_first(span_from(text, from + sizeof("<UploadId>") - 1), UPLOAD_ID_TEXT_BYTES - 1);
    return upload_id_parse(text, &copy_upload_record(object)->upload) == S3_OK;
}

/* ---- stages ---- */

static bool start_head(struct copy_object *object)
{
    struct copy_fetch *fetch = &object->task->fetch;
    fetch->who = &object->run->who;
    fetch->bucket = object->run->bucket;
    fetch->event = copy_object_event;
    fetch->ctx = object;
    fetch->get = (struct remote_get){
        .key = object->entry.key, .if_match = object->entry.etag_text, .head = true};
    fetch->expected_bytes = object->entry.size_bytes;
    object->task->parts->stage = COPY_PARTS_HEAD;
    return copy_fetch_start(fetch) ? false : copy_object_fetch_failed(object, fetch);
}

/* A checksum of S3's pairs, which Complete can be made to compare. */
static bool usable(const struct checksum *checksum)
{
    return checksum->algo != DIGEST_NONE && checksum_pair_valid(checksum->algo, checksum->type);
}

static bool on_head(struct copy_object *object)
{
    struct copy_fetch *fetch = &object->task->fetch;
    struct copy_parts *parts = object->task->parts;
    if (!copy_fetch_step(fetch))
        return false;
    if (fetch->end != COPY_FETCH_OK)
        return copy_object_fetch_failed(object, fetch);
    if (fetch->tag_count > 0 && !object->tags.known)
        return copy_tags_wanted(object);
    copy_tags_told(object, fetch->tag_count);
    parts->etag_fits = copy_etag_is_md5(&fetch->object);
    if (!copy_parts_choose(object, true))
        return copy_object_retry(object, 1000);
    if (usable(&fetch->object.checksum) && parts->etag_fits)
        parts->checksum = fetch->object.checksum;
    bool complete = false;
    if (copy_upload_record(object)->upload.blob_id == 0) {
        copy_upload_abort_forgotten(object);
        return start_create(object);
    }
    if (!copy_upload_take_up(object, &complete)) {
        copy_upload_forget(object);
        return start_create(object);
    }
    if (complete)
        return copy_object_copied(object, COPY_BY_ETAG);
    upload_id_format(copy_upload_record(object)->upload, parts->upload);
    parts->stage = COPY_PARTS_COPY;
    copy_object_wake(object);
    return false;
}

static bool on_created(struct copy_object *object)
{
    struct copy_put *put = &object->task->put;
    struct copy_parts *parts = object->task->parts;
    if (!copy_put_settle(put))
        return false;
    if (put->request.err != S3_OK)
        return copy_object_put_failed(object, put);
    if (!read_upload(object))
        return copy_object_failed(object, SPAN("Internal"), SPAN("no upload"));
    upload_id_format(copy_upload_record(object)->upload, parts->upload);
    copy_save(object->run, true);
    bool freed = copy_put_free(put); /* it has no body */
    (void)freed;
    parts->stage = COPY_PARTS_COPY;
    copy_object_wake(object);
    return false;
}

/* ---- the end ---- */

/* What was put together is what the source has, as far as its ETag tells. */
static bool is_right(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    struct etag etag;
    uint64_t size_bytes = copy_parts_rebuilt(parts, &etag);
    if (size_bytes != object->entry.size_bytes)
        return false;
    if (etag_eq(&etag, &object->entry.etag))
        return true;
    if (parts->by_number && parts->etag_fits)
        return false;
    /* Other boundaries than the source's: a checksum of these parts says nothing either. */
    parts->etag_fits = false;
    return parts->checksum.algo == DIGEST_NONE || parts->checksum.type == CHECKSUM_FULL_OBJECT;
}

static bool start_complete(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    struct copy_run *run = object->run;
    struct copy_put *put = &object->task->put;
    struct arena *arena = &object->arena;
    struct header headers[4];
    size_t count = 0;
    if (!is_right(object))
        return copy_object_failed(object, SPAN("ChecksumMismatch"),
            SPAN("The parts do not make what the source's ETag stands for."));
    buf_free(&parts->complete);
    copy_parts_write(parts);
    parts->complete_at = 0;
    headers[count++] =
        (struct header){SPAN("content-length"), arena_format(arena, "%zu", parts->complete.len)};
    if (run->job->spec.exists == COPY_FAIL)
        headers[count++] = (struct header){SPAN("if-none-match"), SPAN("*")};
    if (parts->checksum.algo != DIGEST_NONE) {
        struct buf value CLEANUP(buf_free);
        buf_init(&value, 128);
        checksum_text(&value, &parts->checksum);
        headers[count++] = (struct header){
            checksum_header_name(parts->checksum.algo), arena_copy(arena, buf_span(&value))};
    }
    struct span query = arena_format(arena, "?uploadId=%s", parts->upload);
    struct copy_ask ask = {.method = "POST",
        .target = copy_target(arena, run->job->spec.bucket, object->key, query.ptr),
        .headers = headers,
        .header_count = count,
        .fetched = &object->task->fetched};
    if (!buf_ok(&parts->complete) || arena->overflow)
        return copy_object_failed(object, SPAN("Internal"), SPAN("not enough memory"));
    parts->stage = COPY_PARTS_COMPLETE;
    if (copy_put_start(put, &run->who, &ask, copy_object_event, object) != S3_OK)
        return copy_object_put_failed(object, put);
    copy_object_wake(object);
    return false;
}

static bool complete(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    struct copy_put *put = &object->task->put;
    if (put->state == COPY_PUT_BODY) {
        bool wait = false;
        struct span input = span_from(buf_span(&parts->complete), parts->complete_at);
        if (atomic_load(&put->waits))
            return false;
        if (input.len > 0 && copy_put_body(put, &input, &wait) != S3_OK)
            return copy_object_put_failed(object, put);
        parts->complete_at = parts->complete.len - input.len;
        if (wait)
            return false;
        copy_put_finish(put);
    }
    if (!copy_put_settle(put))
        return false;
    if (put->request.err == S3_ERR_NO_SUCH_UPLOAD)
        copy_upload_forget(object);
    if (put->request.err != S3_OK)
        return copy_object_put_failed(object, put);
    enum copy_verified verified = parts->checksum.algo != DIGEST_NONE ? COPY_BY_CHECKSUM
                                  : parts->etag_fits                  ? COPY_BY_ETAG
                                                                      : COPY_BY_NOTHING;
    return copy_object_copied(object, verified);
}

static bool on_parts(struct copy_object *object)
{
    bool all = false;
    return copy_slots_step(object, &all) || (all && start_complete(object));
}

bool copy_large_step(struct copy_object *object)
{
    struct copy_task *task = object->task;
    if (task->parts == NULL) {
        task->parts = calloc(1, sizeof(*task->parts));
        if (task->parts == NULL)
            return copy_object_retry(object, 1000);
    }
    switch (task->parts->stage) {
    case COPY_PARTS_BEGIN:
        return start_head(object);
    case COPY_PARTS_HEAD:
        return on_head(object);
    case COPY_PARTS_CREATE:
        return on_created(object);
    case COPY_PARTS_COPY:
        return on_parts(object);
    case COPY_PARTS_COMPLETE:
        break;
    }
    return complete(object);
}

void copy_large_cancel(struct copy_object *object)
{
    if (object->task->parts != NULL)
        copy_slots_cancel(object->task->parts);
}

bool copy_large_in_line(const struct copy_object *object)
{
    return object->task->parts != NULL && copy_slots_in_line(object->task->parts);
}

void copy_large_abandon(struct copy_object *object)
{
    if (copy_upload_record(object)->upload.blob_id != 0)
        copy_upload_abort(object, copy_upload_record(object)->upload);
    copy_upload_forget(object);
}

void copy_large_begin_anew(struct copy_object *object)
{
    struct copy_large *record = copy_upload_record(object);
    copy_large_abandon(object);
    record->etag_text = object->entry.etag_text;
    record->size_bytes = object->entry.size_bytes;
    record->modified_ms = object->entry.modified_ms;
}

uint64_t copy_large_bytes(const struct copy_object *object)
{
    return object->task->parts != NULL ? copy_slots_bytes(object->task->parts) : 0;
}

bool copy_large_close(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    if (parts == NULL)
        return true;
    if (!copy_slots_close(parts))
        return false;
    /* What failed for good is not gone on with: neither is its upload kept. */
    if (object->then == COPY_SETTLE && copy_upload_record(object)->upload.blob_id != 0 &&
        (span_present(object->reason) || object->delta.duplicate_objects > 0)) {
        copy_upload_abort(object, copy_upload_record(object)->upload);
        copy_upload_forget(object);
    }
    object->delta.received_bytes += parts->received_bytes;
    buf_free(&parts->complete);
    free(parts->parts);
    free(parts);
    object->task->parts = NULL;
    return true;
}
