#include "storage/local/space_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* ---- making a segment ---- */

/* Gives the file its size. Where fallocate is unsupported the size alone must do. */
static int segment_allocate(struct space *space, int fd, uint64_t size_bytes, bool *ret_allocated)
{
    *ret_allocated = space->sys->fallocate(fd, 0, 0, (off_t)size_bytes) == 0;
    if (*ret_allocated) {
        atomic_fetch_add(&space->disk_taken, size_bytes);
        return 0;
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
        return errno;
    return space->sys->ftruncate(fd, (off_t)size_bytes) == 0 ? 0 : errno;
}

static enum storage_err segment_create(
    struct space *space, uint64_t size_bytes, struct packed **ret_packed)
{
    struct packed *packed = calloc(1, sizeof *packed);
    uint64_t id = space->next_id(space->next_id_ctx);
    char *path = space_path(space, id, false);
    if (!packed || !path) {
        free(packed);
        free(path);
        return STORAGE_NO_MEMORY;
    }
    enum storage_err err = STORAGE_OK;
    bool allocated = false;
    int fd = space->sys->open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err = errno == EMFILE || errno == ENFILE
                  ? STORAGE_BUSY
                  : space_write_failed(space, "making a segment", errno);
    } else {
        int error_number = segment_allocate(space, fd, size_bytes, &allocated);
        if (error_number != 0)
            err = space_write_failed(space, "allocating a segment", error_number);
    }
    char folder[PATH_MAX];
    if (err == STORAGE_OK) {
        snprintf(folder, sizeof folder, "%s/segments", space->dir);
        err = space_sync_dir(space, folder);
    }
    if (err != STORAGE_OK) {
        if (fd >= 0) {
            space->sys->close(fd);
            space->sys->unlink(path);
        }
        free(packed);
    } else {
        *packed =
            (struct packed){.id = id, .size_bytes = size_bytes, .allocated = allocated, .fd = fd};
        *ret_packed = packed;
    }
    free(path);
    return err;
}

enum storage_err packed_prepare(struct space *space)
{
    if (space->making) {
        pthread_cond_wait(&space->packed_wake, &space->packed_lock);
        return STORAGE_OK;
    }
    space->making = true;
    pthread_mutex_unlock(&space->packed_lock);
    struct packed *made = NULL;
    enum storage_err err;
    uint64_t size = space->segment_bytes;
    /* As much as there is beside the reserve, which is to be left for deletes. */
    while (space_short(space, size) && size / 4 >= LOG_SEGMENT_MIN_BYTES)
        size /= 4;
    while ((err = segment_create(space, size, &made)) == STORAGE_NO_SPACE &&
           size / 4 >= LOG_SEGMENT_MIN_BYTES)
        size /= 4;
    pthread_mutex_lock(&space->packed_lock);
    space->making = false;
    if (err == STORAGE_OK) {
        made->next = space->packed;
        space->packed = made;
        space->prepared = made;
    }
    pthread_cond_broadcast(&space->packed_wake);
    return err;
}

/* ---- reserving ---- */

/* With packed_lock: closes what nobody writes or syncs any more, and cuts it where it ends. */
static void packed_retire(struct space *space, struct packed *packed)
{
    if (!packed->sealed || packed->holds > 0 || packed->log_dirty || packed->fd < 0)
        return;
    int fd = packed->fd;
    uint64_t tail = packed->tail_bytes;
    packed->fd = -1;
    pthread_mutex_unlock(&space->packed_lock);
    (void)!space->sys->ftruncate(fd, (off_t)tail);
    space->sys->close(fd);
    pthread_mutex_lock(&space->packed_lock);
}

static void roll_over(struct space *space)
{
    struct packed *old = space->active;
    space->active = space->prepared;
    space->prepared = NULL;
    pthread_cond_signal(&space->preparer_wake);
    if (old) {
        old->sealed = true;
        packed_retire(space, old);
    }
}

void segment_seal(struct space *space, uint64_t segment_id)
{
    pthread_mutex_lock(&space->packed_lock);
    struct packed *active = space->active;
    bool is = active && active->id == segment_id && active->tail_bytes > 0;
    if (is && !space->prepared)
        (void)!packed_prepare(space); /* leaves the lock */
    if (is && space->prepared && space->active == active)
        roll_over(space);
    pthread_mutex_unlock(&space->packed_lock);
}

enum storage_err packed_reserve(
    struct space *space, uint64_t size_bytes, struct packed_run *ret_run)
{
    uint64_t size = padded(size_bytes);
    if (size > space->segment_bytes || space->read_only)
        return STORAGE_INVALID;
    enum storage_err err = STORAGE_OK;
    pthread_mutex_lock(&space->packed_lock);
    for (;;) {
        struct packed *active = space->active;
        if (active && active->size_bytes - active->tail_bytes >= size) {
            if (active->zeroing_begin < active->tail_bytes + size &&
                active->tail_bytes < active->zeroing_end) {
                pthread_cond_wait(&space->packed_wake, &space->packed_lock);
                continue;
            }
            *ret_run = (struct packed_run){active, active->fd, active->tail_bytes};
            active->tail_bytes += size;
            active->holds++;
            space->reserved_bytes += size;
            break;
        }
        if (!space->prepared && (err = packed_prepare(space)) != STORAGE_OK)
            break;
        if (space->prepared && space->active == active) {
            if (space->prepared->size_bytes < size) {
                err = STORAGE_NO_SPACE;
                break;
            }
            roll_over(space);
        }
    }
    pthread_mutex_unlock(&space->packed_lock);
    return err;
}

void packed_end(struct space *space, struct packed *packed)
{
    pthread_mutex_lock(&space->packed_lock);
    packed->holds--;
    packed_retire(space, packed);
    pthread_mutex_unlock(&space->packed_lock);
}

/* With packed_lock. */
static struct packed *packed_find(struct space *space, uint64_t segment_id)
{
    struct packed *packed = space->packed;
    while (packed && packed->id != segment_id)
        packed = packed->next;
    return packed;
}

bool segment_busy(struct space *space, uint64_t segment_id)
{
    pthread_mutex_lock(&space->packed_lock);
    const struct packed *packed = packed_find(space, segment_id);
    bool busy = packed && (!packed->sealed || packed->holds > 0 || packed->log_dirty);
    pthread_mutex_unlock(&space->packed_lock);
    return busy;
}

uint64_t segment_tail(struct space *space, uint64_t segment_id)
{
    pthread_mutex_lock(&space->packed_lock);
    const struct packed *packed = packed_find(space, segment_id);
    uint64_t tail = packed ? packed->tail_bytes : 0;
    pthread_mutex_unlock(&space->packed_lock);
    return tail;
}

void packed_forget(struct space *space, uint64_t segment_id)
{
    pthread_mutex_lock(&space->packed_lock);
    struct packed **link = &space->packed;
    while (*link && (*link)->id != segment_id)
        link = &(*link)->next;
    struct packed *packed = *link;
    /* One that is still written to keeps its entry: only its name is gone. */
    bool idle = packed && packed->sealed && packed->holds == 0;
    if (idle)
        *link = packed->next;
    pthread_mutex_unlock(&space->packed_lock);
    if (idle && packed->fd >= 0)
        space->sys->close(packed->fd);
    if (idle)
        free(packed);
}

/* ---- the committer's side ---- */

enum storage_err space_log_append(
    struct space *space, struct span frame, uint64_t *ret_segment_id, uint64_t *ret_offset)
{
    struct packed_run run;
    enum storage_err err = packed_reserve(space, frame.len, &run);
    if (err != STORAGE_OK)
        return err;
    struct iovec part = part_of(frame);
    err = space_write(space, run.fd, &part, 1, run.offset_bytes);
    uint64_t segment_id = run.packed->id;
    pthread_mutex_lock(&space->packed_lock);
    if (err == STORAGE_OK)
        run.packed->log_dirty = true;
    run.packed->holds--;
    pthread_mutex_unlock(&space->packed_lock);
    *ret_segment_id = segment_id;
    *ret_offset = run.offset_bytes;
    return err;
}

void space_sync(struct space *space, const uint64_t *segment_ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&space->packed_lock);
        struct packed *packed = packed_find(space, segment_ids[i]);
        if (!packed || packed->fd < 0) { /* nothing was written since it was synced last */
            pthread_mutex_unlock(&space->packed_lock);
            continue;
        }
        packed->holds++;
        packed->log_dirty = false;
        pthread_mutex_unlock(&space->packed_lock);
        if (space->sys->fdatasync(packed->fd) != 0)
            space->fatal(space->fatal_ctx, "syncing a segment", errno);
        packed_end(space, packed);
    }
}

/* ---- closing ---- */

static void packed_close(struct space *space, struct packed *packed)
{
    if (packed->tail_bytes == 0) {
        char *path = space_path(space, packed->id, false);
        if (path)
            space->sys->unlink(path);
        free(path);
    } else if (packed->fd >= 0) {
        (void)!space->sys->ftruncate(packed->fd, (off_t)packed->tail_bytes);
    }
    if (packed->fd >= 0)
        space->sys->close(packed->fd);
    free(packed);
}

void packed_close_all(struct space *space)
{
    while (space->packed) {
        struct packed *packed = space->packed;
        space->packed = packed->next;
        packed_close(space, packed);
    }
}
