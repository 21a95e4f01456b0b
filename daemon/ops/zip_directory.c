#include "daemon/ops/zip_directory.h"

#include "daemon/workers.h"

#include <fcntl.h>
#include <unistd.h>

enum { RECORD_MAX_BYTES = 4 * 1024 };

struct zip_directory {
    struct job job; /* first: a worker gets this */
    struct workers *workers;
    const char *folder;
    struct stream_waker waker;
    struct buf pending; /* behind what the file has */
    int fd;             /* -1: there is none yet */
    uint64_t file_bytes;

    pthread_mutex_t lock;
    bool writing;  /* a worker has pending, fd and file_bytes */
    bool orphaned; /* nobody wants it any more: the worker frees it */
    bool failed;
};

static void destroy(struct zip_directory *directory)
{
    if (directory->fd >= 0)
        close(directory->fd);
    buf_free(&directory->pending);
    stream_waker_free(&directory->waker);
    pthread_mutex_destroy(&directory->lock);
    free(directory);
}

/* Without a name, so that nothing is left behind whatever happens. */
static int open_unnamed(const char *folder)
{
    int fd = folder != NULL ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    if (fd >= 0)
        return fd;
    char path[] = P_tmpdir "/lakegate-zip-XXXXXX";
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static bool write_pending(struct zip_directory *directory)
{
    struct span rest = buf_span(&directory->pending);
    if (directory->fd < 0)
        directory->fd = open_unnamed(directory->folder);
    while (directory->fd >= 0 && rest.len > 0) {
        ssize_t written = pwrite(directory->fd, rest.ptr, rest.len, (off_t)directory->file_bytes);
        if (written <= 0)
            return false;
        directory->file_bytes += (uint64_t)written;
        rest = span_from(rest, (size_t)written);
    }
    if (directory->fd < 0)
        return false;
    buf_clear(&directory->pending);
    return true;
}

static void run_on_worker(struct job *job)
{
    struct zip_directory *directory = (struct zip_directory *)job;
    bool written = write_pending(directory);
    pthread_mutex_lock(&directory->lock);
    directory->writing = false;
    directory->failed |= !written;
    bool orphaned = directory->orphaned;
    if (!orphaned) /* under the lock: whoever frees it takes that first */
        stream_wake(&directory->waker);
    pthread_mutex_unlock(&directory->lock);
    if (orphaned)
        destroy(directory);
}

struct zip_directory *zip_directory_new(struct workers *workers, const char *folder)
{
    struct zip_directory *directory = calloc(1, sizeof(*directory));
    if (directory == NULL)
        return NULL;
    directory->workers = workers;
    directory->folder = folder;
    directory->fd = -1;
    directory->job.run = run_on_worker;
    buf_init(&directory->pending, ZIP_DIRECTORY_PIECE_BYTES + RECORD_MAX_BYTES);
    stream_waker_init(&directory->waker);
    pthread_mutex_init(&directory->lock, NULL);
    return directory;
}

void zip_directory_free(struct zip_directory *directory)
{
    if (directory == NULL)
        return;
    pthread_mutex_lock(&directory->lock);
    directory->orphaned = true;
    bool writing = directory->writing;
    pthread_mutex_unlock(&directory->lock);
    if (!writing)
        destroy(directory);
}

struct stream_waker *zip_directory_waker(struct zip_directory *directory)
{
    return &directory->waker;
}

enum stream_result zip_directory_ready(struct zip_directory *directory)
{
    pthread_mutex_lock(&directory->lock);
    bool writing = directory->writing, failed = directory->failed;
    bool begins = !writing && !failed && directory->pending.len >= ZIP_DIRECTORY_PIECE_BYTES;
    directory->writing |= begins;
    pthread_mutex_unlock(&directory->lock);
    if (failed || !buf_ok(&directory->pending))
        return STREAM_BROKEN;
    if (writing)
        return STREAM_WAIT;
    if (!begins)
        return STREAM_DATA;
    /* A full queue is no reason to break off: this thread does it, as there is no other. */
    if (directory->workers == NULL || !workers_submit(directory->workers, &directory->job)) {
        directory->writing = false;
        directory->failed = !write_pending(directory);
        return directory->failed ? STREAM_BROKEN : STREAM_DATA;
    }
    return STREAM_WAIT;
}

struct buf *zip_directory_record_room(struct zip_directory *directory)
{
    return &directory->pending;
}

uint64_t zip_directory_bytes(const struct zip_directory *directory)
{
    return directory->file_bytes + directory->pending.len;
}

bool zip_directory_read(struct zip_directory *directory, uint64_t offset, char *ret_bytes,
    size_t max_bytes, size_t *ret_len)
{
    if (offset < directory->file_bytes) {
        uint64_t rest = directory->file_bytes - offset;
        size_t wanted = rest < max_bytes ? (size_t)rest : max_bytes;
        ssize_t got = pread(directory->fd, ret_bytes, wanted, (off_t)offset);
        *ret_len = got > 0 ? (size_t)got : 0;
        return got > 0;
    }
    struct span rest =
        span_from(buf_span(&directory->pending), (size_t)(offset - directory->file_bytes));
    *ret_len = rest.len < max_bytes ? rest.len : max_bytes;
    memcpy(ret_bytes, rest.ptr, *ret_len);
    return true;
}
