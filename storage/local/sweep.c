#include "storage/local/gc.h"
#include "storage/local/id_name.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SWEEP_BATCH = 256 };

struct swept_file {
    uint64_t id;
    uint64_t tail_bytes;
    bool named;
};

static enum storage_err look_up(struct gc *gc, struct swept_file *files, size_t count)
{
    struct index_txn *txn = NULL;
    enum storage_err err = index_read_begin(gc->storage->index, &txn);
    for (size_t i = 0; i < count && err == STORAGE_OK; i++) {
        struct index_key buffer;
        struct span value, key = key_of_u64(&buffer, files[i].id);
        struct segment_record record;
        err = index_get(txn, TABLE_SEGMENTS, key, &value);
        if (err == STORAGE_OK)
            err = schema_decode_segment(key, value, &record);
        files[i].named = err == STORAGE_OK;
        if (files[i].named)
            files[i].tail_bytes = record.tail_bytes;
        if (err == STORAGE_NO_SUCH_KEY)
            err = STORAGE_OK;
    }
    index_read_end(txn);
    return err;
}

/* Cuts what a crash left behind the committed tail. */
static void cut_tail(struct gc *gc, const struct swept_file *file)
{
    struct space *space = gc->storage->space;
    struct segment *segment = NULL;
    struct stat info;
    if (segment_acquire(space, file->id, false, &segment) != STORAGE_OK)
        return;
    if (fstat(segment_fd(segment), &info) == 0 && (uint64_t)info.st_size > file->tail_bytes)
        (void)!space->sys->ftruncate(segment_fd(segment), (off_t)file->tail_bytes);
    segment_release(segment);
}

static void sweep_batch(struct gc *gc, struct swept_file *files, size_t count, bool own_files)
{
    if (look_up(gc, files, count) != STORAGE_OK)
        return; /* nothing is removed on doubtful knowledge */
    for (size_t i = 0; i < count; i++) {
        if (!files[i].named)
            segment_unlink(gc->storage->space, files[i].id, own_files);
        else if (!own_files)
            cut_tail(gc, &files[i]);
    }
}

static void sweep_folder(struct gc *gc, const char *name, const char *suffix, bool own_files)
{
    char path[PATH_MAX];
    struct swept_file files[SWEEP_BATCH];
    size_t count = 0;
    if (snprintf(path, sizeof path, "%s/%s", gc->storage->dir, name) >= (int)sizeof path)
        return;
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)) && !gc_stopping(gc)) {
        uint64_t id;
        /* Files of this boot are being written. */
        if (!id_name_parse(entry->d_name, suffix, &id) || id >> 40 >= gc->storage->boot)
            continue;
        files[count++] = (struct swept_file){.id = id};
        if (count == SWEEP_BATCH) {
            sweep_batch(gc, files, count, own_files);
            count = 0;
            gc_sleep(gc, 5);
        }
    }
    if (folder)
        closedir(folder);
    sweep_batch(gc, files, count, own_files);
}

void sweep(struct gc *gc)
{
    sweep_folder(gc, "segments", ".seg", false);
    for (unsigned i = 0; i < 256 && !gc_stopping(gc); i++) {
        char name[16];
        snprintf(name, sizeof name, "files/%02x", i);
        sweep_folder(gc, name, ".blob", true);
    }
}
