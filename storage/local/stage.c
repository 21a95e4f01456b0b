#include "storage/local/deflate.h"
#include "storage/local/space_internal.h"

#include <assert.h>
#include <unistd.h>

enum {
    RUN_PARTS_MAX = 3, /* bytes, padding, footer */
    GATHERED_MAX = 32, /* with STAGE_LENT_MAX_BYTES: half a MiB in one call */
};

/* ---- opening, giving up ---- */

static struct stage *stage_take(struct space *space)
{
    pthread_mutex_lock(&space->stages_lock);
    struct stage *stage = space->free_stages;
    if (stage) {
        space->free_stages = stage->next_free;
        space->free_stage_count--;
    }
    pthread_mutex_unlock(&space->stages_lock);
    return stage ? stage : malloc(sizeof *stage);
}

static void stage_give(struct stage *stage)
{
    struct space *space = stage->space;
    if (stage->promised_bytes > 0)
        atomic_fetch_sub(&space->disk_promised, stage->promised_bytes);
    if (stage->crcs != stage->extent.block_crcs)
        free(stage->crcs);
    free(stage->buffer);
    deflater_free(stage->deflater);
    pthread_mutex_lock(&space->stages_lock);
    bool keep = space->free_stage_count < STAGES_KEPT;
    if (keep) {
        stage->next_free = space->free_stages;
        space->free_stages = stage;
        space->free_stage_count++;
    }
    pthread_mutex_unlock(&space->stages_lock);
    if (!keep)
        free(stage);
}

enum storage_err space_stage_open(
    struct space *space, uint64_t size_bytes, struct stage **ret_stage)
{
    bool known = size_bytes != STAGE_SIZE_UNKNOWN;
    if (known && size_bytes > (uint64_t)INT64_MAX / 2)
        return STORAGE_INVALID;
    if (space->read_only || space_short(space, known ? size_bytes : STAGE_BUFFER_BYTES))
        return STORAGE_NO_SPACE;
    struct stage *stage = stage_take(space);
    if (!stage)
        return STORAGE_NO_MEMORY;
    /* Not all of it: the small body's bytes need no clearing. */
    memset(stage, 0, offsetof(struct stage, small));
    stage->space = space;
    stage->declared_bytes = size_bytes;
    stage->fd = -1;
    stage->crcs = stage->extent.block_crcs;
    stage->crc_capacity = EXTENT_INLINE_CRCS;
    if (known && size_bytes > PACKED_MAX_BYTES) {
        stage->promised_bytes = size_bytes;
        atomic_fetch_add(&space->disk_promised, size_bytes);
    }
    *ret_stage = stage;
    return STORAGE_OK;
}

enum storage_err space_stage_lend(struct space *space, struct span bytes, struct stage **ret_stage)
{
    if (bytes.len == 0 || bytes.len > STAGE_LENT_MAX_BYTES)
        return STORAGE_INVALID;
    enum storage_err err = space_stage_open(space, bytes.len, ret_stage);
    if (err != STORAGE_OK)
        return err;
    (*ret_stage)->place = STAGE_MEMORY;
    (*ret_stage)->lent = bytes;
    (*ret_stage)->written_bytes = bytes.len;
    (*ret_stage)->finished = true;
    return STORAGE_OK;
}

void stage_discard(struct stage *stage)
{
    if (!stage)
        return;
    assert(!atomic_load(&stage->writing));
    struct space *space = stage->space;
    if (stage->place == STAGE_FILE)
        stage_file_discard(stage);
    if (stage->place == STAGE_PACKED) {
        uint64_t size = stage->extent.length_bytes;
        size = padded(size) + footer_bytes(extent_block_count(size));
        struct segment *segment;
        if (size >= PUNCH_BYTES &&
            segment_acquire(space, stage->run.packed->id, false, &segment) == STORAGE_OK) {
            packed_punch(space, segment, stage->run.offset_bytes, size);
            segment_release(segment);
        }
        packed_end(space, stage->run.packed);
    }
    stage_give(stage);
}

void stage_adopt(struct stage *stage)
{
    if (!stage)
        return;
    if (stage->place == STAGE_PACKED)
        packed_end(stage->space, stage->run.packed);
    stage_give(stage);
}

/* ---- checksums of blocks ---- */

static bool crc_push(struct stage *stage, uint32_t crc)
{
    struct extent *extent = &stage->extent;
    if (extent->block_count == stage->crc_capacity) {
        uint32_t capacity = stage->crc_capacity * 2;
        bool first = stage->crcs == extent->block_crcs;
        uint32_t *crcs = realloc(first ? NULL : stage->crcs, capacity * sizeof *crcs);
        if (!crcs)
            return false;
        if (first)
            memcpy(crcs, extent->block_crcs, sizeof extent->block_crcs);
        stage->crcs = crcs;
        stage->crc_capacity = capacity;
    }
    stage->crcs[extent->block_count++] = crc;
    return true;
}

bool stage_checksum(struct stage *stage, struct span bytes)
{
    uint64_t at = stage->written_bytes;
    while (bytes.len > 0) {
        size_t room = (size_t)(BLOB_BLOCK_BYTES - at % BLOB_BLOCK_BYTES);
        struct span head = span_first(bytes, room);
        stage->block_crc = crc32c_update(stage->block_crc, head);
        at += head.len;
        bytes = span_from(bytes, head.len);
        if (head.len < room)
            break;
        if (!crc_push(stage, stage->block_crc))
            return false;
        stage->block_crc = 0;
    }
    return true;
}

bool stage_checksum_end(struct stage *stage)
{
    return stage->written_bytes % BLOB_BLOCK_BYTES == 0 || crc_push(stage, stage->block_crc);
}

/* ---- packed bodies ---- */

static enum storage_err packed_begin(struct stage *stage, uint64_t size_bytes)
{
    struct space *space = stage->space;
    uint64_t disk_bytes = padded(size_bytes) + footer_bytes(extent_block_count(size_bytes));
    enum storage_err err = packed_reserve(space, disk_bytes, &stage->run);
    if (err != STORAGE_OK)
        return err;
    stage->place = STAGE_PACKED;
    stage->extent.id = space->next_id(space->next_id_ctx);
    stage->extent.segment_id = stage->run.packed->id;
    stage->extent.offset_bytes = stage->run.offset_bytes;
    stage->extent.length_bytes = size_bytes;
    return STORAGE_OK;
}

/* A run of a packed body on its way out; the last one takes padding and footer along. */
struct run_parts {
    struct iovec parts[RUN_PARTS_MAX];
    int count;
    unsigned char footer[FOOTER_SMALL_BYTES];
};

/* The next bytes as they are to be written. false: out of memory */
static bool packed_run(struct stage *stage, struct span bytes, struct run_parts *ret_run)
{
    static const char zeros[EXTENT_ALIGN_BYTES];
    uint64_t length = stage->extent.length_bytes;
    ret_run->parts[0] = part_of(bytes);
    ret_run->count = 1;
    if (!stage_checksum(stage, bytes))
        return false;
    stage->written_bytes += bytes.len;
    if (stage->written_bytes < length)
        return true;
    if (!stage_checksum_end(stage))
        return false;
    footer_encode(&stage->extent, stage->crcs, ret_run->footer);
    ret_run->parts[1] = part_of(span_of(zeros, (size_t)(padded(length) - length)));
    ret_run->parts[2] =
        (struct iovec){ret_run->footer, (size_t)footer_bytes(stage->extent.block_count)};
    ret_run->count = 3;
    return true;
}

static enum storage_err packed_write(struct stage *stage, struct span bytes)
{
    struct run_parts run;
    uint64_t at = stage->run.offset_bytes + stage->written_bytes;
    if (!packed_run(stage, bytes, &run))
        return STORAGE_NO_MEMORY;
    return space_write(stage->space, stage->run.fd, run.parts, run.count, at);
}

/* ---- the stage ---- */

static enum storage_err memory_write(struct stage *stage, struct span bytes)
{
    char *to = stage->small;
    if (stage->declared_bytes == STAGE_SIZE_UNKNOWN) {
        if (!stage->buffer && !(stage->buffer = malloc(STAGE_BUFFER_BYTES)))
            return STORAGE_NO_MEMORY;
        to = stage->buffer;
    }
    memcpy(to + stage->written_bytes, bytes.ptr, bytes.len);
    stage->written_bytes += bytes.len;
    return STORAGE_OK;
}

/* A body of unknown size outgrew its buffer: a file of its own takes over. */
static enum storage_err spill(struct stage *stage)
{
    struct span kept = span_of(stage->buffer, (size_t)stage->written_bytes);
    stage->written_bytes = 0;
    stage->place = STAGE_FILE;
    enum storage_err err = kept.len ? stage_file_write(stage, kept) : STORAGE_OK;
    free(stage->buffer);
    stage->buffer = NULL;
    return err;
}

static enum storage_err write_by_place(struct stage *stage, struct span bytes)
{
    uint64_t declared = stage->declared_bytes;
    bool known = declared != STAGE_SIZE_UNKNOWN;
    enum storage_err err = STORAGE_OK;
    if (known && bytes.len > declared - stage->written_bytes)
        return STORAGE_INVALID;
    if (stage->place == STAGE_EMPTY) {
        if (!known || declared < STAGE_INLINE_BYTES)
            stage->place = STAGE_MEMORY;
        else if (declared > PACKED_MAX_BYTES)
            stage->place = STAGE_FILE;
        else if ((err = packed_begin(stage, declared)) != STORAGE_OK)
            return err;
    }
    if (!known && stage->place == STAGE_MEMORY &&
        bytes.len > STAGE_BUFFER_BYTES - stage->written_bytes && (err = spill(stage)) != STORAGE_OK)
        return err;
    return stage->place == STAGE_MEMORY   ? memory_write(stage, bytes)
           : stage->place == STAGE_PACKED ? packed_write(stage, bytes)
                                          : stage_file_write(stage, bytes);
}

enum storage_err stage_write(struct stage *stage, struct span bytes)
{
    if (stage->failed != STORAGE_OK)
        return stage->failed;
    if (stage->finished)
        return STORAGE_INVALID;
    if (bytes.len == 0)
        return STORAGE_OK;
    if (!stage->deflater)
        stage->failed = write_by_place(stage, bytes);
    else if (bytes.len > stage->content_bytes - deflater_content_bytes(stage->deflater))
        stage->failed = STORAGE_INVALID;
    else
        stage->failed = deflater_add(stage->deflater, bytes);
    return stage->failed;
}

static enum storage_err write_deflated(void *ctx, struct span bytes)
{
    return write_by_place(ctx, bytes);
}

enum storage_err stage_compress(struct stage *stage)
{
    if (stage->place != STAGE_EMPTY || stage->deflater)
        return STORAGE_INVALID;
    if (stage->declared_bytes < DEFLATE_MIN_BYTES)
        return STORAGE_OK;
    stage->deflater = deflater_new(write_deflated, stage);
    if (!stage->deflater)
        return STORAGE_NO_MEMORY;
    stage->content_bytes = stage->declared_bytes;
    stage->declared_bytes = STAGE_SIZE_UNKNOWN; /* of what is kept */
    return STORAGE_OK;
}

/* What was compressed is complete. */
static enum storage_err finish_deflated(struct stage *stage)
{
    uint64_t size = deflater_content_bytes(stage->deflater);
    if (stage->content_bytes != STAGE_SIZE_UNKNOWN && stage->content_bytes != size)
        return STORAGE_INVALID;
    enum storage_err err = deflater_end(stage->deflater);
    deflater_free(TAKE(stage->deflater));
    stage->content_bytes = size;
    return err;
}

enum storage_err stage_write_async(
    struct stage *stage, struct span bytes, storage_done_fn *done, void *ctx)
{
    bool busy = atomic_exchange(&stage->writing, true);
    assert(!busy);
    (void)busy;
    struct write_job job = {stage, bytes, done, ctx};
    enum storage_err err = writers_add(&stage->space->writers, &job);
    if (err != STORAGE_OK)
        atomic_store(&stage->writing, false);
    return err;
}

/* ---- bodies in memory, written together ---- */

/* Neighbours on their way into one segment. */
struct gathered {
    struct stage *stages[GATHERED_MAX];
    struct run_parts runs[GATHERED_MAX];
    size_t count;
    uint64_t end_bytes; /* where the next one would be a neighbour */
};

static void gathered_write(struct gathered *gathered)
{
    struct iovec parts[GATHERED_MAX * RUN_PARTS_MAX];
    int count = 0;
    if (gathered->count == 0)
        return;
    const struct stage *first = gathered->stages[0];
    for (size_t i = 0; i < gathered->count; i++) {
        const struct run_parts *run = &gathered->runs[i];
        memcpy(parts + count, run->parts, (size_t)run->count * sizeof parts[0]);
        count += run->count;
    }
    enum storage_err err =
        space_write(first->space, first->run.fd, parts, count, first->run.offset_bytes);
    for (size_t i = 0; i < gathered->count; i++)
        gathered->stages[i]->failed = err;
    gathered->count = 0;
}

/* err: what becomes of this one alone */
static enum storage_err gathered_add(struct gathered *gathered, struct stage *stage)
{
    struct span bytes = stage_bytes(stage);
    enum storage_err err = packed_begin(stage, bytes.len);
    if (err != STORAGE_OK)
        return err;
    const struct packed_run *run = &stage->run;
    if (gathered->count == GATHERED_MAX ||
        (gathered->count > 0 && (run->packed != gathered->stages[0]->run.packed ||
                                    run->offset_bytes != gathered->end_bytes)))
        gathered_write(gathered);
    stage->written_bytes = 0;
    if (!packed_run(stage, bytes, &gathered->runs[gathered->count]))
        return STORAGE_NO_MEMORY;
    stage->extent.content_bytes = stage->content_bytes;
    gathered->stages[gathered->count++] = stage;
    gathered->end_bytes =
        run->offset_bytes + padded(bytes.len) + footer_bytes(stage->extent.block_count);
    return STORAGE_OK;
}

void stages_place(struct stage *const *stages, size_t count)
{
    struct gathered gathered;
    gathered.count = 0;
    for (size_t i = 0; i < count; i++)
        if (stages[i] && stages[i]->place == STAGE_MEMORY && stages[i]->failed == STORAGE_OK)
            stages[i]->failed = gathered_add(&gathered, stages[i]);
    gathered_write(&gathered);
}

enum storage_err stage_failed(const struct stage *stage)
{
    return stage->failed;
}

enum storage_err stage_finish(struct stage *stage)
{
    if (stage->failed != STORAGE_OK || stage->finished)
        return stage->failed;
    bool compressed = stage->deflater != NULL;
    if (compressed && (stage->failed = finish_deflated(stage)) != STORAGE_OK)
        return stage->failed;
    uint64_t declared = stage->declared_bytes;
    if (declared != STAGE_SIZE_UNKNOWN && stage->written_bytes != declared)
        return stage->failed = STORAGE_INVALID;
    stage->finished = true;
    stage->extent.content_bytes = stage->content_bytes;
    if (stage->place == STAGE_FILE)
        stage->failed = stage_file_finish(stage);
    else if (stage->place == STAGE_MEMORY &&
             (compressed || stage->written_bytes >= STAGE_INLINE_BYTES))
        stages_place(&stage, 1);
    return stage->failed;
}

uint64_t stage_size(const struct stage *stage)
{
    return stage->deflater        ? deflater_content_bytes(stage->deflater)
           : stage->content_bytes ? stage->content_bytes
                                  : stage->written_bytes;
}

struct span stage_bytes(const struct stage *stage)
{
    if (stage->place != STAGE_MEMORY)
        return SPAN_ABSENT;
    return span_present(stage->lent) ? stage->lent
                                     : span_of(stage->buffer ? stage->buffer : stage->small,
                                           (size_t)stage->written_bytes);
}

const struct extent *stage_extent(const struct stage *stage)
{
    bool placed = stage->place == STAGE_PACKED || stage->place == STAGE_FILE;
    return placed && stage->finished && stage->failed == STORAGE_OK ? &stage->extent : NULL;
}
