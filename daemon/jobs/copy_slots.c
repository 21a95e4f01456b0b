/* The parts of an object that are under way: a GET into a part of the upload here, several at once. They tell in a line of
 * events that something is to be seen to; copy_slots_step sees to it. */
#include "daemon/jobs/copy_parts.h"

static void start_part(struct copy_object *object, struct copy_part_slot *slot, uint32_t number)
{
    struct copy_parts *parts = object->task->parts;
    struct copy_run *run = object->run;
    struct copy_fetch *fetch = &slot->fetch;
    *slot = (struct copy_part_slot){.number = number};
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
        fetch->expected_bytes = copy_parts_range_bytes(object, number);
        fetch->get.has_range = true;
        fetch->get.first = (number - 1) * parts->part_bytes;
        fetch->get.last = fetch->get.first + fetch->expected_bytes - 1;
    }
    struct span query =
        arena_format(&slot->arena, "?partNumber=%u&uploadId=%s", (unsigned)number, parts->upload);
    fetch->write = (struct copy_write){
        .target = copy_target(&slot->arena, run->job->spec.bucket, object->key, query.ptr),
        .algo = parts->checksum.algo == DIGEST_CRC64NVME ? DIGEST_NONE : parts->checksum.algo};
    parts->parts[number - 1].state = COPY_PART_RUNS;
    if (!copy_fetch_start(fetch))
        copy_object_wake(object);
}

static bool close_slot(struct copy_parts *parts, struct copy_part_slot *slot)
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
    if (!copy_parts_choose(object, false))
        return copy_object_retry(object, 1000);
    /* An upload with other boundaries, or with a checksum that will not fit, is of no use. */
    if ((done > 0 && count != parts->count) ||
        (had_checksum && parts->checksum.type == CHECKSUM_COMPOSITE && !parts->etag_fits)) {
        copy_upload_abort(object, copy_upload_record(object)->upload);
        copy_upload_forget(object);
        parts->checksum = (struct checksum){.algo = DIGEST_NONE};
        return copy_object_retry(object, 0);
    }
    copy_object_wake(object);
    return false;
}

/* One that has ended. True: and so has the object. */
static bool part_over(struct copy_object *object, struct copy_part_slot *slot)
{
    struct copy_parts *parts = object->task->parts;
    struct copy_fetch *fetch = &slot->fetch;
    uint32_t number = slot->number;
    enum copy_fetch_end end = fetch->end;
    if (end == COPY_FETCH_OK) {
        copy_parts_done(parts, number, fetch->etag.md5, fetch->content_length);
        parts->probed = true;
        object->run->exhausted = 0;
    } else if (end != COPY_FETCH_PARTS || parts->probed) {
        if (fetch->put.request.err == S3_ERR_NO_SUCH_UPLOAD)
            copy_upload_forget(object);
        return copy_object_fetch_failed(object, fetch);
    }
    if (!close_slot(parts, slot))
        return copy_object_retry(object, 0); /* a worker has bytes yet: as if interrupted */
    return end == COPY_FETCH_PARTS && go_by_ranges(object);
}

static uint32_t next_part(const struct copy_parts *parts)
{
    for (uint32_t i = 0; i < parts->count; i++)
        if (parts->parts[i].state == COPY_PART_TO_DO)
            return i + 1;
    return 0;
}

bool copy_slots_step(struct copy_object *object, bool *ret_all)
{
    struct copy_parts *parts = object->task->parts;
    unsigned running = 0;
    *ret_all = false;
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++) {
        struct copy_part_slot *slot = &parts->slots[i];
        if (slot->number != 0 && copy_fetch_step(&slot->fetch) && part_over(object, slot))
            return true;
        if (parts->stage != COPY_PARTS_COPY)
            return false;
    }
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++) {
        struct copy_part_slot *slot = &parts->slots[i];
        uint32_t number = 0;
        if (slot->number == 0 && (parts->probed || running == 0) && !object->run->dropping &&
            (number = next_part(parts)) != 0)
            start_part(object, slot, number);
        running += slot->number != 0;
    }
    *ret_all = running == 0 && parts->done == parts->count;
    /* What is broken off begins no part, and where none runs no event would come any more. */
    if (object->run->dropping && running == 0 && !*ret_all) {
        object->then = COPY_DROP;
        return true;
    }
    return false;
}

void copy_slots_cancel(struct copy_parts *parts)
{
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++)
        if (parts->slots[i].number != 0)
            copy_fetch_cancel(&parts->slots[i].fetch);
}

bool copy_slots_in_line(const struct copy_parts *parts)
{
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++)
        if (parts->slots[i].number != 0 && copy_fetch_in_line(&parts->slots[i].fetch))
            return true;
    return false;
}

uint64_t copy_slots_bytes(struct copy_parts *parts)
{
    uint64_t bytes = parts->received_bytes;
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++)
        if (parts->slots[i].number != 0)
            bytes += atomic_load(&parts->slots[i].fetch.body_bytes);
    return bytes;
}

bool copy_slots_close(struct copy_parts *parts)
{
    bool closed = true;
    copy_slots_cancel(parts);
    for (size_t i = 0; i < COPY_PARTS_AT_ONCE; i++) {
        struct copy_part_slot *slot = &parts->slots[i];
        if (slot->number != 0)
            closed &= copy_fetch_step(&slot->fetch) && close_slot(parts, slot);
    }
    return closed;
}
