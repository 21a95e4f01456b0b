/* Bodies that get a file of their own. */
#include "storage/local/space_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static void file_folder(const struct stage *stage, char *ret_path, size_t capacity)
{
    snprintf(ret_path, capacity, "%s/files/%02x", stage->space->dir,
        (unsigned)(stage->extent.segment_id & 0xff));
}

/* files/xx, which must be durable before anything in it is. Whoever made it may not have synced
 * yet, so each start syncs once. */
static enum storage_err ensure_folder(struct stage *stage)
{
    struct space *space = stage->space;
    atomic_bool *known = &space->file_dirs[stage->extent.segment_id & 0xff];
    if (atomic_load(known))
        return STORAGE_OK;
    char path[PATH_MAX];
    file_folder(stage, path, sizeof path);
    enum storage_err err = STORAGE_OK;
    pthread_mutex_lock(&space->files_lock);
    if (!atomic_load(known)) {
        if (space->sys->mkdir(path, 0700) != 0 && errno != EEXIST)
            err = space_write_failed(space, "making a folder of the store", errno);
        if (err == STORAGE_OK) {
            snprintf(path, sizeof path, "%s/files", space->dir);
            err = space_sync_dir(space, path);
        }
        if (err == STORAGE_OK)
            atomic_store(known, true);
    }
    pthread_mutex_unlock(&space->files_lock);
    return err;
}

static enum storage_err file_open(struct stage *stage)
{
    struct space *space = stage->space;
    stage->extent.own_file = true;
    stage->extent.segment_id = space->next_id(space->next_id_ctx);
    stage->extent.id = stage->extent.segment_id;
    enum storage_err err = ensure_folder(stage);
    if (err != STORAGE_OK)
        return err;
    char *path = space_path(space, stage->extent.segment_id, true);
    if (!path)
        return STORAGE_NO_MEMORY;
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    stage->fd = space->sys->open(path, flags, 0600);
    int error_number = errno;
    free(path);
    if (stage->fd < 0)
        return error_number == EMFILE || error_number == ENFILE
                   ? STORAGE_BUSY
                   : space_write_failed(space, "making a file", error_number);
    if (stage->declared_bytes == STAGE_SIZE_UNKNOWN)
        return STORAGE_OK;
    off_t size = (off_t)stage->declared_bytes;
    if (space->sys->fallocate(stage->fd, FALLOC_FL_KEEP_SIZE, 0, size) != 0)
        return errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL
                   ? STORAGE_OK
                   : space_write_failed(space, "allocating a file", errno);
    stage->allocated = true;
    atomic_fetch_add(&space->disk_taken, stage->promised_bytes);
    atomic_fetch_sub(&space->disk_promised, stage->promised_bytes);
    stage->promised_bytes = 0;
    return STORAGE_OK;
}

/* Bytes of a file without preallocation have been taken from the disk. */
static void count_taken(struct stage *stage, uint64_t size_bytes)
{
    struct space *space = stage->space;
    if (stage->allocated)
        return;
    uint64_t kept = stage->promised_bytes < size_bytes ? stage->promised_bytes : size_bytes;
    atomic_fetch_add(&space->disk_taken, size_bytes);
    atomic_fetch_sub(&space->disk_promised, kept);
    stage->promised_bytes -= kept;
}

/* Starts writeback early, so that the sync at the end finds little to do. */
static enum storage_err push_out(struct stage *stage)
{
    struct space *space = stage->space;
    if (stage->written_bytes - stage->pushed_bytes < PUSH_BYTES)
        return STORAGE_OK;
    uint64_t size = (stage->written_bytes - stage->pushed_bytes) / PUSH_BYTES * PUSH_BYTES;
    off_t from = (off_t)stage->pushed_bytes;
    stage->pushed_bytes += size;
    if (space->sys->sync_file_range(stage->fd, from, (off_t)size, SYNC_FILE_RANGE_WRITE) == 0 ||
        errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL || errno == ESPIPE)
        return STORAGE_OK;
    return space_write_failed(space, "writing a file back", errno);
}

enum storage_err stage_file_write(struct stage *stage, struct span bytes)
{
    enum storage_err err = STORAGE_OK;
    if (stage->fd < 0 && (err = file_open(stage)) != STORAGE_OK)
        return err;
    if (!stage->allocated && stage->declared_bytes == STAGE_SIZE_UNKNOWN &&
        space_short(stage->space, bytes.len))
        return STORAGE_NO_SPACE;
    if (!stage_checksum(stage, bytes))
        return STORAGE_NO_MEMORY;
    struct iovec part = part_of(bytes);
    err = space_write(stage->space, stage->fd, &part, 1, stage->written_bytes);
    if (err != STORAGE_OK)
        return err;
    stage->written_bytes += bytes.len;
    count_taken(stage, bytes.len);
    return push_out(stage);
}

static enum storage_err write_footer(struct stage *stage)
{
    static const char zeros[EXTENT_ALIGN_BYTES];
    struct extent *extent = &stage->extent;
    uint64_t length = stage->written_bytes;
    extent->length_bytes = length;
    if (!stage_checksum_end(stage))
        return STORAGE_NO_MEMORY;
    size_t size = (size_t)footer_bytes(extent->block_count);
    unsigned char *footer = malloc(size);
    if (!footer)
        return STORAGE_NO_MEMORY;
    footer_encode(extent, stage->crcs, footer);
    struct iovec parts[] = {
        part_of(span_of(zeros, (size_t)(padded(length) - length))), {footer, size}};
    enum storage_err err = space_write(stage->space, stage->fd, parts, 2, length);
    free(footer);
    return err;
}

enum storage_err stage_file_finish(struct stage *stage)
{
    struct space *space = stage->space;
    enum storage_err err = write_footer(stage);
    if (err != STORAGE_OK)
        return err;
    if (space->sys->fsync(stage->fd) != 0)
        space->fatal(space->fatal_ctx, "syncing a file", errno);
    space->sys->close(stage->fd);
    stage->fd = -1;
    char path[PATH_MAX];
    file_folder(stage, path, sizeof path);
    return space_sync_dir(space, path);
}

void stage_file_discard(struct stage *stage)
{
    if (stage->fd >= 0)
        stage->space->sys->close(stage->fd);
    stage->fd = -1;
    if (stage->extent.segment_id != 0)
        segment_unlink(stage->space, stage->extent.segment_id, true);
}
