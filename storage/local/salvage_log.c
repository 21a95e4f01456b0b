/* Which frames of the log were committed, and doing them again. Each frame names the one before it whose commit went
 * well. So the way back from the last one passes exactly those that count, and shows where some are missing. */
#include "storage/local/redo.h"
#include "storage/local/salvage.h"
#include "storage/local/space_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* ---- which ---- */

static int by_id(const void *a, const void *b)
{
    const struct salvage_frame *left = a, *right = b;
    if (left->id != right->id)
        return left->id < right->id ? -1 : 1;
    return (int)left->torn - (int)right->torn;
}

void salvage_choose_store(struct salvage *salvage)
{
    size_t best = 0;
    for (size_t i = 1; i < salvage->store_count; i++)
        if (salvage->store_frames[i] > salvage->store_frames[best])
            best = i;
    if (salvage->store_count > 0)
        memcpy(salvage->store.store_id, salvage->stores[best], 16);
}

/* Those of this store behind the base, in order, each once. */
static void sort_frames(struct salvage *salvage)
{
    size_t kept = 0;
    if (salvage->frame_count > 0)
        qsort(salvage->frames, salvage->frame_count, sizeof(*salvage->frames), by_id);
    for (size_t i = 0; i < salvage->frame_count; i++) {
        const struct salvage_frame *frame = &salvage->frames[i];
        bool ours = memcmp(salvage->stores[frame->store], salvage->store.store_id, 16) == 0;
        bool again = kept > 0 && salvage->frames[kept - 1].id == frame->id;
        if (ours && !again && frame->id > salvage->base_frame)
            salvage->frames[kept++] = *frame;
    }
    salvage->frame_count = kept;
}

/* The last whole frame among frames[0 … count) whose id is not above `id`; count: none. */
static size_t find_last(const struct salvage *salvage, size_t count, uint64_t id)
{
    for (size_t i = count; i > 0; i--)
        if (!salvage->frames[i - 1].torn && salvage->frames[i - 1].id <= id)
            return i - 1;
    return count;
}

static void tell_gap(
    struct salvage *salvage, const struct salvage_frame *before, const struct salvage_frame *after)
{
    char from[SALVAGE_TIME_BYTES], to[SALVAGE_TIME_BYTES];
    salvage->log_incomplete = true;
    int64_t since_ms = before ? before->time_ms : salvage->figures.snapshot_ms;
    salvage_time(after->time_ms, to);
    if (since_ms == 0)
        salvage_lost(salvage,
            "the log begins at %s: of what was there before only what was changed since is known",
            to);
    else
        salvage_lost(salvage, "the log lacks changes between %s and %s: they are not known",
            salvage_time(since_ms, from), to);
}

void salvage_follow(struct salvage *salvage)
{
    char time[SALVAGE_TIME_BYTES];
    sort_frames(salvage);
    size_t count = salvage->frame_count;
    size_t at = find_last(salvage, count, UINT64_MAX);
    if (count > 0 && (at == count || at != count - 1)) {
        salvage->log_incomplete = true;
        salvage_lost(salvage,
            "the log ends with a torn frame of %s: a commit that was not acknowledged, or one that "
            "was damaged since",
            salvage_time(salvage->frames[count - 1].time_ms, time));
    }
    if (at == count)
        return;
    salvage->frames[at].uncertain = true;
    for (;;) {
        struct salvage_frame *frame = &salvage->frames[at];
        frame->committed = true;
        if (frame->previous_id <= salvage->base_frame)
            break;
        size_t before = at > 0 ? find_last(salvage, at, frame->previous_id) : at;
        if (before == at) {
            tell_gap(salvage, NULL, frame);
            break;
        }
        if (salvage->frames[before].id != frame->previous_id) {
            tell_gap(salvage, &salvage->frames[before], frame);
            salvage->frames[before].uncertain = true;
        }
        at = before;
    }
}

/* ---- doing it again ---- */

struct replay {
    struct salvage *salvage;
    struct redo *redos;
    size_t count;
    void *frames[SALVAGE_CHANGES]; /* that the redos borrow from */
    size_t frame_count;
    size_t bytes;
};

static const char *kind_text(enum mutation_kind kind)
{
    static const char *const texts[] = {
        [MUTATION_CREATE_BUCKET] = "making the bucket",
        [MUTATION_DELETE_BUCKET] = "deleting the bucket",
        [MUTATION_SET_VERSIONING] = "the versioning",
        [MUTATION_PUT_DOCUMENT] = "a setting",
        [MUTATION_DELETE_DOCUMENT] = "a setting",
        [MUTATION_PUT_OBJECT] = "writing",
        [MUTATION_COPY_OBJECT] = "copying to",
        [MUTATION_DELETE_OBJECT] = "deleting",
        [MUTATION_CREATE_UPLOAD] = "beginning an upload of",
        [MUTATION_PUT_PART] = "a part of an upload of",
        [MUTATION_COPY_PART] = "a part of an upload of",
        [MUTATION_COMPLETE_UPLOAD] = "completing an upload of",
        [MUTATION_ABORT_UPLOAD] = "aborting an upload of",
        [MUTATION_CHANGE_RECORDS] = "a change of users or policies",
        [MUTATION_SET_METADATA] = "tags or metadata of",
        [MUTATION_PUT_ZONES] = "the zones",
    };
    return (size_t)kind < ARRAY_LEN(texts) && texts[kind] ? texts[kind] : "a change";
}

static void settle(struct salvage *salvage, const struct redo *redo)
{
    char key[SALVAGE_KEY_BYTES], name[SALVAGE_KEY_BYTES], time[SALVAGE_TIME_BYTES];
    const struct log_entry *entry = &redo->entry;
    salvage->figures.changes++;
    if (redo->mutation.err == STORAGE_OK && redo->made_bucket)
        salvage_lost(salvage,
            "bucket %s: what made it is not in the log; its owner, settings and policies are not "
            "known",
            salvage_key(entry->bucket_name, name));
    if (redo->mutation.err != STORAGE_OK)
        salvage_lost(salvage, "%s %s%s%s at %s could not be done again: %s", kind_text(entry->kind),
            salvage_key(entry->bucket_name, name), entry->key.len ? "/" : "",
            salvage_key(entry->key, key), salvage_time(redo->time_ms, time),
            storage_err_text(redo->mutation.err));
}

/* An error that is not the change's own: nothing more can be written. */
static bool ends_it(enum storage_err err)
{
    return err == STORAGE_NO_SPACE || err == STORAGE_NO_MEMORY || err == STORAGE_IO ||
           err == STORAGE_INTERNAL || err == STORAGE_UNUSABLE;
}

static enum storage_err run_all(struct replay *replay)
{
    struct salvage *salvage = replay->salvage;
    struct batch *batch = salvage->batch;
    enum storage_err err = STORAGE_OK;
    for (size_t at = 0; at < replay->count && err == STORAGE_OK;) {
        bool committed;
        batch->count = 0;
        while (batch->count < BATCH_MAX && at + batch->count < replay->count) {
            batch->items[batch->count] = &replay->redos[at + batch->count].mutation;
            batch->count++;
        }
        size_t done = batch_run(batch, &committed);
        for (size_t i = at; i < at + done && err == STORAGE_OK; i++) {
            if (ends_it(replay->redos[i].mutation.err))
                err = salvage_refuse(
                    salvage, "the new index cannot be written", replay->redos[i].mutation.err);
            else
                settle(salvage, &replay->redos[i]);
        }
        at += done;
    }
    for (size_t i = 0; i < replay->frame_count; i++)
        free(replay->frames[i]);
    replay->count = replay->frame_count = replay->bytes = 0;
    return err;
}

static bool read_frame(
    struct salvage *salvage, const struct salvage_frame *frame, char *bytes, struct log_header *ret)
{
    struct segment *segment = NULL;
    size_t len = 0;
    if (segment_acquire(salvage->store.space, frame->segment_id, false, &segment) != STORAGE_OK)
        return false;
    enum storage_err err = space_read(salvage->store.space, segment_fd(segment), bytes,
        frame->size_bytes, frame->offset_bytes, &len);
    segment_release(segment);
    return err == STORAGE_OK && log_frame_open(span_of(bytes, len), ret) == STORAGE_OK;
}

/* Are the bytes there that the frame's changes brought? */
static bool bytes_whole(struct salvage *salvage, struct span records)
{
    struct log_entry entry;
    while (log_next_entry(&records, &entry)) {
        struct log_entry_row row;
        while (log_next_row(&entry.rows, &row)) {
            struct extent_record record;
            struct extent place;
            if (row.tag != LOG_EXTENT)
                continue;
            if (schema_decode_extent(row.key, row.value, &record) != STORAGE_OK)
                return false;
            if (record.extent.own_file ? !salvage_file_whole(salvage, &record.extent)
                                       : !salvage_find_extent(salvage, &record.extent, &place))
                return false;
        }
    }
    return true;
}

static enum storage_err add_frame(
    struct replay *replay, const struct salvage_frame *frame, char *bytes)
{
    struct salvage *salvage = replay->salvage;
    struct log_header header;
    struct log_entry entry;
    char time[SALVAGE_TIME_BYTES];
    if (!read_frame(salvage, frame, bytes, &header)) {
        salvage_lost(salvage, "a frame of the log of %s cannot be read any more",
            salvage_time(frame->time_ms, time));
        return STORAGE_OK;
    }
    struct span records = log_frame_records(span_of(bytes, frame->size_bytes), &header);
    if (frame->uncertain && !bytes_whole(salvage, records)) {
        salvage_lost(salvage,
            "the %u changes of one commit at %s are left out: their bytes are not whole, so it was "
            "not acknowledged, or they were damaged since",
            header.count, salvage_time(frame->time_ms, time));
        return STORAGE_OK;
    }
    enum storage_err err = STORAGE_OK;
    while (err == STORAGE_OK && log_next_entry(&records, &entry)) {
        if (replay->count == SALVAGE_CHANGES)
            return salvage_refuse(
                salvage, "a frame has more changes than any may have", STORAGE_CORRUPT);
        redo_init(&replay->redos[replay->count++], &entry, frame->time_ms);
    }
    salvage->figures.frames++;
    salvage->last_frame = frame->id;
    return err;
}

enum storage_err salvage_replay(struct salvage *salvage)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    enum storage_err err = replay ? STORAGE_OK : STORAGE_NO_MEMORY;
    if (replay) {
        replay->salvage = salvage;
        replay->redos = calloc(SALVAGE_CHANGES, sizeof(*replay->redos));
        err = replay->redos ? STORAGE_OK : STORAGE_NO_MEMORY;
    }
    for (size_t i = 0; i < salvage->frame_count && err == STORAGE_OK; i++) {
        const struct salvage_frame *frame = &salvage->frames[i];
        if (!frame->committed)
            continue;
        char *bytes = malloc(frame->size_bytes);
        if (!bytes) {
            err = STORAGE_NO_MEMORY;
            break;
        }
        replay->frames[replay->frame_count++] = bytes;
        replay->bytes += frame->size_bytes;
        err = add_frame(replay, frame, bytes);
        bool full = replay->bytes > SALVAGE_BYTES || replay->frame_count == SALVAGE_CHANGES ||
                    replay->count + BATCH_MAX > SALVAGE_CHANGES;
        if (err == STORAGE_OK && full)
            err = run_all(replay);
    }
    if (err == STORAGE_OK)
        err = run_all(replay);
    for (size_t i = 0; replay && i < replay->frame_count; i++)
        free(replay->frames[i]);
    if (replay)
        free(replay->redos);
    free(replay);
    return err;
}
