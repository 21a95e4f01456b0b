/* Objects that are copied part by part: HEAD for what comes along, an upload here, a GET for each part, several at
 * once, and Complete. The parts are the source's own, asked for by number; of a source that does not know them,
 * ranges of the size that they probably had. What was uploaded stays when the job is interrupted. */
#include "base/encode.h"
#include "checksum.h"
#include "daemon/daemon.h"
#include "daemon/jobs/copy_object.h"
#include "daemon/upload_id.h"

enum { PARTS_ARENA_BYTES = 8 * 1024 * 1024, COMPLETE_MAX_BYTES = 2 * 1024 * 1024 };
#define OWN_PART_BYTES (UINT64_C(64) << 20)

enum part_state { PART_TO_DO, PART_RUNS, PART_DONE };

struct part {
    uint8_t md5[MD5_BYTES];
    uint64_t size_bytes;
    enum part_state state;
};

struct slot {
    struct copy_fetch fetch;
    struct arena arena;
    uint32_t number; /* 0: free */
};

struct copy_parts {
    enum { PARTS_BEGIN, PARTS_HEAD, PARTS_CREATE, PARTS_COPY, PARTS_COMPLETE } stage;
    struct part *parts;
    uint32_t count, done;
    bool by_number, probed;
    uint64_t part_bytes; /* of ranges */
    struct slot slots[COPY_PARTS_AT_ONCE];
    struct checksum checksum; /* of the whole, as the source says */
    bool etag_fits;           /* the source's ETag can be rebuilt */
    uint64_t tag_count;
    uint64_t received_bytes; /* of parts that have ended */
    struct buf complete;
    size_t complete_at;
    char upload[UPLOAD_ID_TEXT_BYTES];
};

static struct copy_large *record_of(struct copy_object *object)
{
    return object->slot >= 0 ? &object->run->job->progress.large[object->slot] : &object->own;
}

/* ---- which parts ---- */

static bool make_parts(struct copy_parts *parts, uint32_t count)
{
    free(parts->parts);
    parts->parts = calloc(count > 0 ? count : 1, sizeof(*parts->parts));
    parts->count = count;
    parts->done = 0;
    return parts->parts != NULL;
}

/* Boundaries of our own: the ETag will be another. */
static uint64_t own_part_bytes(uint64_t size_bytes)
{
    uint64_t part_bytes = OWN_PART_BYTES;
    while (size_bytes / part_bytes >= STORAGE_PART_MAX)
        part_bytes *= 2;
    return part_bytes;
}

static bool choose(struct copy_object *object, bool by_number)
{
    struct copy_parts *parts = object->task->parts;
    const struct copy_entry *entry = &object->entry;
    uint32_t count = entry->etag.part_count != COPY_ETAG_HASHED ? entry->etag.part_count : 0;
    if (count > STORAGE_PART_MAX)
        count = 0;
    parts->by_number = by_number && count > 1;
    parts->probed = !parts->by_number;
    parts->etag_fits = count > 0 && parts->etag_fits;
    parts->part_bytes =
        count == 1 ? entry->size_bytes : copy_guess_part_bytes(entry->size_bytes, count);
    if (!parts->by_number && parts->part_bytes == 0 && count != 1) {
        parts->part_bytes = own_part_bytes(entry->size_bytes);
        count = (uint32_t)((entry->size_bytes + parts->part_bytes - 1) / parts->part_bytes);
        parts->etag_fits = false;
    }
    return make_parts(parts, count);
}

static uint64_t range_bytes(const struct copy_object *object, uint32_t number)
{
    const struct copy_parts *parts = object->task->parts;
    uint64_t first = (number - 1) * parts->part_bytes, left = object->entry.size_bytes - first;
    return left < parts->part_bytes ? left : parts->part_bytes;
}

static void part_done(
    struct copy_parts *parts, uint32_t number, const uint8_t *md5, uint64_t size_bytes)
{
    struct part *part = &parts->parts[number - 1];
    memcpy(part->md5, md5, MD5_BYTES);
    part->size_bytes = size_bytes;
    part->state = PART_DONE;
    parts->done++;
}

/* ---- the upload ---- */

static struct storage *store_of(const struct copy_object *object)
{
    return object->run->daemon->store;
}

static void abort_upload(struct copy_object *object, struct upload_id id)
{
    struct mutation mutation = {.kind = MUTATION_ABORT_UPLOAD,
        .bucket = {object->run->destination.id, object->run->job->spec.bucket},
        .key = object->key,
        .abort = {id}};
    enum storage_err err = storage_commit(store_of(object), &mutation);
    (void)err; /* it may be gone already */
}

/* A crash may have come between the upload's beginning and the record of it: one without parts, since the job
 * began, of this key. */
static void abort_forgotten(struct copy_object *object)
{
    struct arena arena CLEANUP(arena_free);
    struct upload_page page;
    struct upload_query query = {
        .bucket_id = object->run->destination.id, .prefix = object->key, .max = 10};
    arena_init(&arena, PARTS_ARENA_BYTES);
    if (storage_upload_list(store_of(object), &query, &arena, &page) != STORAGE_OK)
        return;
    for (size_t i = 0; i < page.count; i++) {
        const struct upload_info *info = &page.items[i].info;
        struct part_page parts;
        uint64_t generation;
        if (page.items[i].is_prefix || !span_eq(page.items[i].key, object->key) ||
            info->initiated_ms < object->run->job->created_ms ||
            storage_upload_parts(store_of(object), query.bucket_id, object->key, info->id, 0, 1,
                &arena, &parts, &generation) != STORAGE_OK ||
            parts.count > 0)
            continue;
        abort_upload(object, info->id);
    }
}

/* The parts that are there already. False: the upload is gone */
static bool take_up(struct copy_object *object, bool *ret_complete)
{
    struct arena arena CLEANUP(arena_free);
    struct copy_parts *parts = object->task->parts;
    struct copy_large *record = record_of(object);
    struct upload_info info;
    struct part_page page;
    uint64_t generation;
    uint64_t bucket_id = object->run->destination.id;
    arena_init(&arena, PARTS_ARENA_BYTES);
    if (storage_upload_get(
            store_of(object), bucket_id, object->key, record->upload, &arena, &info) != STORAGE_OK)
        return false;
    *ret_complete = info.completed;
    if (info.completed)
        return true;
    if (storage_upload_parts(store_of(object), bucket_id, object->key, record->upload, 0,
            STORAGE_PART_MAX, &arena, &page, &generation) != STORAGE_OK)
        return false;
    for (size_t i = 0; i < page.count; i++) {
        const struct part_info *part = &page.items[i];
        if (part->number > parts->count ||
            (!parts->by_number && part->size_bytes != range_bytes(object, part->number)))
            continue;
        part_done(parts, part->number, part->etag.md5, part->size_bytes);
    }
    return true;
}

static void forget_upload(struct copy_object *object)
{
    record_of(object)->upload = (struct upload_id){0};
    object->run->dirty = true;
}

static bool start_create(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    struct copy_run *run = object->run;
    struct header headers[HEADERS_MAX];
    const struct remote_object *source = &object->task->fetch.object;
    size_t count = copy_metadata_headers(source, headers, HEADERS_MAX - 4);
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
    parts->stage = PARTS_CREATE;
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
    return upload_id_parse(text, &record_of(object)->upload) == S3_OK;
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
    object->task->parts->stage = PARTS_HEAD;
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
    parts->tag_count = fetch->tag_count;
    parts->etag_fits = copy_etag_is_md5(&fetch->object);
    if (!choose(object, true))
        return copy_object_retry(object, 1000);
    if (usable(&fetch->object.checksum) && parts->etag_fits)
        parts->checksum = fetch->object.checksum;
    bool complete = false;
    if (record_of(object)->upload.blob_id == 0) {
        abort_forgotten(object);
        return start_create(object);
    }
    if (!take_up(object, &complete)) {
        forget_upload(object);
        return start_create(object);
    }
    if (complete)
        return copy_object_copied(object, COPY_BY_ETAG, parts->tag_count);
    upload_id_format(record_of(object)->upload, parts->upload);
    parts->stage = PARTS_COPY;
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
    upload_id_format(record_of(object)->upload, parts->upload);
    copy_save(object->run, true);
    bool freed = copy_put_free(put); /* it has no body */
    (void)freed;
    parts->stage = PARTS_COPY;
    copy_object_wake(object);
    return false;
}

/* ---- parts ---- */

static void start_part(struct copy_object *object, struct slot *slot, uint32_t number)
{
    struct copy_parts *parts = object->task->parts;
    struct copy_run *run = object->run;
    struct copy_fetch *fetch = &slot->fetch;
    *slot = (struct slot){.number = number};
    arena_init(&slot->arena, 16 * 1024);
    fetch->who = &run->who;
    fetch->bucket = run->bucket;
    fetch->pace = &run->pace;
    fetch->event = copy_object_event;
    fetch->ctx = object;
    fetch->get = (struct remote_get){.key = object->entry.key, .if_match = object->entry.etag_text};
    fetch->expected_bytes = UINT64_MAX;
    if (parts->by_number) {
        fetch->get.part_number = number;
        fetch->expected_parts = parts->count;
    } else if (object->entry.size_bytes > 0) {
        fetch->expected_bytes = range_bytes(object, number);
        fetch->get.has_range = true;
        fetch->get.first = (number - 1) * parts->part_bytes;
        fetch->get.last = fetch->get.first + fetch->expected_bytes - 1;
    }
    struct span query =
        arena_format(&slot->arena, "?partNumber=%u&uploadId=%s", (unsigned)number, parts->upload);
    fetch->write = (struct copy_write){
        .target = copy_target(&slot->arena, run->job->spec.bucket, object->key, query.ptr),
        .algo = parts->checksum.algo == DIGEST_CRC64NVME ? DIGEST_NONE : parts->checksum.algo};
    parts->parts[number - 1].state = PART_RUNS;
    if (!copy_fetch_start(fetch))
        copy_object_wake(object);
}

static bool close_slot(struct copy_parts *parts, struct slot *slot)
{
    uint64_t received = atomic_load(&slot->fetch.body_bytes);
    if (!copy_fetch_free(&slot->fetch))
        return false;
    parts->received_bytes += received;
    arena_free(&slot->arena);
    slot->number = 0;
    return true;
}

/* The source knows no parts: from the beginning, by ranges. */
static bool go_by_ranges(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    uint32_t count = parts->count, done = parts->done;
    bool had_checksum = parts->checksum.algo != DIGEST_NONE;
    if (!choose(object, false))
        return copy_object_retry(object, 1000);
    /* An upload with other boundaries, or with a checksum that will not fit, is of no use. */
    if ((done > 0 && count != parts->count) ||
        (had_checksum && parts->checksum.type == CHECKSUM_COMPOSITE && !parts->etag_fits)) {
        abort_upload(object, record_of(object)->upload);
        forget_upload(object);
        parts->checksum = (struct checksum){.algo = DIGEST_NONE};
        return copy_object_retry(object, 0);
    }
    copy_object_wake(object);
    return false;
}

/* One that has ended. True: and so has the object. */
static bool part_over(struct copy_object *object, struct slot *slot)
{
    struct copy_parts *parts = object->task->parts;
    struct copy_fetch *fetch = &slot->fetch;
    uint32_t number = slot->number;
    enum copy_fetch_end end = fetch->end;
    if (end == COPY_FETCH_OK) {
        part_done(parts, number, fetch->etag.md5, fetch->content_length);
        parts->probed = true;
        object->run->exhausted = 0;
    } else if (end != COPY_FETCH_PARTS || parts->probed) {
        if (fetch->put.request.err == S3_ERR_NO_SUCH_UPLOAD)
            forget_upload(object);
        return copy_object_fetch_failed(object, fetch);
    }
    if (!close_slot(parts, slot))
        return copy_object_retry(object, 0); /* a worker has bytes yet: as if interrupted */
    return end == COPY_FETCH_PARTS && go_by_ranges(object);
}

static bool start_complete(struct copy_object *object);

static uint32_t next_part(const struct copy_parts *parts)
{
    for (uint32_t i = 0; i < parts->count; i++)
        if (parts->parts[i].state == PART_TO_DO)
            return i + 1;
    return 0;
}

static bool copy_parts(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    unsigned running = 0;
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++) {
        struct slot *slot = &parts->slots[i];
        if (slot->number != 0 && copy_fetch_step(&slot->fetch) && part_over(object, slot))
            return true;
        if (parts->stage != PARTS_COPY)
            return false;
    }
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++) {
        struct slot *slot = &parts->slots[i];
        uint32_t number = 0;
        if (slot->number == 0 && (parts->probed || running == 0) && !object->run->dropping &&
            (number = next_part(parts)) != 0)
            start_part(object, slot, number);
        running += slot->number != 0;
    }
    if (running > 0 || parts->done < parts->count)
        return false;
    return start_complete(object);
}

/* ---- the end ---- */

static uint64_t rebuilt(const struct copy_parts *parts, struct etag *ret_etag)
{
    struct digest md5 = {0};
    uint8_t result[DIGEST_MAX_BYTES] = {0};
    uint64_t size_bytes = 0;
    if (!digest_init(&md5, DIGEST_MD5))
        return UINT64_MAX;
    for (uint32_t i = 0; i < parts->count; i++) {
        digest_update(&md5, span_of(parts->parts[i].md5, MD5_BYTES));
        size_bytes += parts->parts[i].size_bytes;
    }
    digest_final(&md5, result);
    digest_free(&md5);
    memcpy(ret_etag->md5, result, MD5_BYTES);
    ret_etag->part_count = parts->count;
    return size_bytes;
}

static void write_complete(struct copy_parts *parts)
{
    char hex[2 * MD5_BYTES + 1];
    buf_init(&parts->complete, COMPLETE_MAX_BYTES);
    buf_add_lit(&parts->complete, "<CompleteMultipartUpload>");
    for (uint32_t i = 0; i < parts->count; i++) {
        hex_encode(parts->parts[i].md5, MD5_BYTES, hex);
        buf_addf(&parts->complete,
            "<Part><PartNumber>%u</PartNumber><ETag>&quot;%s&quot;</ETag></Part>",
            (unsigned)(i + 1), hex);
    }
    buf_add_lit(&parts->complete, "</CompleteMultipartUpload>");
}

/* What was put together is what the source has, as far as its ETag tells. */
static bool is_right(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    struct etag etag;
    uint64_t size_bytes = rebuilt(parts, &etag);
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
    write_complete(parts);
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
    parts->stage = PARTS_COMPLETE;
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
        forget_upload(object);
    if (put->request.err != S3_OK)
        return copy_object_put_failed(object, put);
    enum copy_verified verified = parts->checksum.algo != DIGEST_NONE ? COPY_BY_CHECKSUM
                                  : parts->etag_fits                  ? COPY_BY_ETAG
                                                                      : COPY_BY_NOTHING;
    return copy_object_copied(object, verified, parts->tag_count);
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
    case PARTS_BEGIN:
        return start_head(object);
    case PARTS_HEAD:
        return on_head(object);
    case PARTS_CREATE:
        return on_created(object);
    case PARTS_COPY:
        return copy_parts(object);
    case PARTS_COMPLETE:
        break;
    }
    return complete(object);
}

void copy_large_cancel(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    for (size_t i = 0; parts != NULL && i < COPY_PARTS_AT_ONCE; i++)
        if (parts->slots[i].number != 0)
            copy_fetch_cancel(&parts->slots[i].fetch);
}

bool copy_large_in_line(const struct copy_object *object)
{
    const struct copy_parts *parts = object->task->parts;
    for (size_t i = 0; parts != NULL && i < COPY_PARTS_AT_ONCE; i++)
        if (parts->slots[i].number != 0 && copy_fetch_in_line(&parts->slots[i].fetch))
            return true;
    return false;
}

void copy_large_abandon(struct copy_object *object)
{
    if (record_of(object)->upload.blob_id != 0)
        abort_upload(object, record_of(object)->upload);
    forget_upload(object);
}

uint64_t copy_large_bytes(const struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    if (parts == NULL)
        return 0;
    uint64_t bytes = parts->received_bytes;
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++)
        if (parts->slots[i].number != 0)
            bytes += atomic_load(&parts->slots[i].fetch.body_bytes);
    return bytes;
}

bool copy_large_close(struct copy_object *object)
{
    struct copy_parts *parts = object->task->parts;
    bool closed = true;
    if (parts == NULL)
        return true;
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++) {
        struct slot *slot = &parts->slots[i];
        if (slot->number == 0)
            continue;
        copy_fetch_cancel(&slot->fetch);
        closed &= copy_fetch_step(&slot->fetch) && close_slot(parts, slot);
    }
    if (!closed)
        return false;
    /* What failed for good is not gone on with: neither is its upload kept. */
    if (object->then == COPY_SETTLE && record_of(object)->upload.blob_id != 0 &&
        (span_present(object->reason) || object->delta.duplicate_objects > 0)) {
        abort_upload(object, record_of(object)->upload);
        forget_upload(object);
    }
    object->delta.received_bytes += parts->received_bytes;
    buf_free(&parts->complete);
    free(parts->parts);
    free(parts);
    object->task->parts = NULL;
    return true;
}
