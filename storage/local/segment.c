#include "storage/local/space_internal.h"

#include <errno.h>
#include <fcntl.h>

/* Ids of packed segments and of own files come from one counter, so an id alone is a key. */
static struct segment_shard *shard_of(struct space *space, uint64_t segment_id)
{
    return &space->shards[(segment_id * 0x9e3779b97f4a7c15u) >> 60];
}
_Static_assert(SEGMENT_SHARDS == 16, "shard_of takes four bits");

int segment_fd(const struct segment *segment)
{
    return segment->fd;
}

void segment_release(struct segment *segment)
{
    if (!segment || atomic_fetch_sub(&segment->references, 1) != 1)
        return;
    segment->space->sys->close(segment->fd);
    free(segment);
}

static enum storage_err segment_open(
    struct space *space, uint64_t segment_id, bool own_file, struct segment **ret_segment)
{
    char *path = space_path(space, segment_id, own_file);
    struct segment *segment = malloc(sizeof *segment);
    if (!path || !segment) {
        free(path);
        free(segment);
        return STORAGE_NO_MEMORY;
    }
    /* Packed segments are opened for writing too, since punching needs it. */
    int access_mode = own_file || space->read_only ? O_RDONLY : O_RDWR;
    int fd = space->sys->open(path, access_mode | O_CLOEXEC | O_NOFOLLOW, 0);
    int error_number = errno;
    free(path);
    if (fd < 0) {
        free(segment);
        return error_number == ENOENT                             ? STORAGE_CORRUPT
               : error_number == EMFILE || error_number == ENFILE ? STORAGE_BUSY
                                                                  : STORAGE_IO;
    }
    *segment = (struct segment){
        .id = segment_id, .own_file = own_file, .fd = fd, .space = space, .references = 1};
    *ret_segment = segment;
    return STORAGE_OK;
}

static size_t shard_find(const struct segment_shard *shard, uint64_t segment_id)
{
    for (size_t i = 0; i < SEGMENT_SHARD_SLOTS; i++)
        if (shard->keys[i] == segment_id)
            return i;
    return SEGMENT_SHARD_SLOTS;
}

/* A free slot, or that of the least recently used. */
static size_t shard_victim(const struct segment_shard *shard)
{
    size_t oldest = 0;
    for (size_t i = 0; i < SEGMENT_SHARD_SLOTS; i++) {
        if (shard->keys[i] == 0)
            return i;
        if (shard->used[i] < shard->used[oldest])
            oldest = i;
    }
    return oldest;
}

enum storage_err segment_acquire(
    struct space *space, uint64_t segment_id, bool own_file, struct segment **ret_segment)
{
    if (segment_id == 0)
        return STORAGE_CORRUPT;
    struct segment_shard *shard = shard_of(space, segment_id);
    struct segment *evicted = NULL;
    enum storage_err err = STORAGE_OK;
    pthread_mutex_lock(&shard->lock);
    size_t i = shard_find(shard, segment_id);
    if (i == SEGMENT_SHARD_SLOTS) {
        struct segment *segment;
        err = segment_open(space, segment_id, own_file, &segment);
        if (err == STORAGE_OK) {
            i = shard_victim(shard);
            evicted = shard->keys[i] ? shard->segments[i] : NULL;
            shard->keys[i] = segment_id;
            shard->segments[i] = segment;
        }
    }
    if (err == STORAGE_OK) {
        atomic_fetch_add(&shard->segments[i]->references, 1);
        shard->used[i] = ++shard->clock;
        *ret_segment = shard->segments[i];
    }
    pthread_mutex_unlock(&shard->lock);
    segment_release(evicted);
    return err;
}

void segment_unlink(struct space *space, uint64_t segment_id, bool own_file)
{
    char *path = space_path(space, segment_id, own_file);
    if (!path)
        return; /* the file is then litter for the next start's sweep */
    struct segment_shard *shard = shard_of(space, segment_id);
    struct segment *dropped = NULL;
    pthread_mutex_lock(&shard->lock);
    space->sys->unlink(path);
    size_t i = shard_find(shard, segment_id);
    if (i < SEGMENT_SHARD_SLOTS) {
        dropped = shard->segments[i];
        shard->keys[i] = 0;
        shard->segments[i] = NULL;
    }
    pthread_mutex_unlock(&shard->lock);
    segment_release(dropped);
    free(path);
    if (!own_file)
        packed_forget(space, segment_id);
}

void segment_cache_close(struct space *space)
{
    for (size_t s = 0; s < SEGMENT_SHARDS; s++)
        for (size_t i = 0; i < SEGMENT_SHARD_SLOTS; i++)
            if (space->shards[s].keys[i]) {
                segment_release(space->shards[s].segments[i]);
                space->shards[s].keys[i] = 0;
            }
}
