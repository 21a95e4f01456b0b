#include "disk_log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 64 << 20 };

bool disk_is_pending(uint32_t call, uint32_t at)
{
    const struct disk_entry *entry = &disk_calls[call];
    if (entry->call == DISK_SYNC || entry->call == DISK_MARK || call > at)
        return false;
    return call == at || entry->synced_by >= at;
}

struct image {
    bool exists;
    char path[DISK_PATH_BYTES];
    char *bytes;
    uint64_t size, used, capacity; /* behind used there are zeros */
};
static struct image images[DISK_FILES_MAX];

static void grow(struct image *image, uint64_t size)
{
    if (size > FILE_BYTES_MAX)
        disk_give_up("a file is too long");
    if (size > image->capacity) {
        char *bytes = realloc(image->bytes, (size_t)size + 4096);
        if (!bytes)
            disk_give_up("out of memory");
        memset(bytes + image->capacity, 0, (size_t)(size + 4096 - image->capacity));
        image->bytes = bytes;
        image->capacity = size + 4096;
    }
    if (size > image->size)
        image->size = size;
}

static uint64_t scramble(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* Sectors of a torn write are there or not, by the seed. */
static void apply_write(
    struct image *image, const struct disk_entry *entry, enum disk_tear tear, uint64_t seed)
{
    uint64_t step = tear == DISK_TORN_512 ? 512 : 4096;
    grow(image, entry->offset + entry->length);
    if (image->used < entry->offset + entry->length)
        image->used = entry->offset + entry->length;
    if (tear == DISK_WHOLE) {
        memcpy(image->bytes + entry->offset, entry->data, (size_t)entry->length);
        return;
    }
    for (uint64_t at = entry->offset; at < entry->offset + entry->length;) {
        uint64_t end = (at / step + 1) * step;
        if (end > entry->offset + entry->length)
            end = entry->offset + entry->length;
        if (scramble(seed + at / step) & 1)
            memcpy(image->bytes + at, entry->data + (at - entry->offset), (size_t)(end - at));
        at = end;
    }
}

static void apply_rename(const struct image *image, const char *to)
{
    char from[DISK_PATH_BYTES];
    memcpy(from, image->path, DISK_PATH_BYTES);
    for (uint32_t i = 0; i < disk_file_count && image->exists; i++)
        if (images[i].exists)
            disk_move_path(images[i].path, from, to);
}

static void apply(
    struct image *image, const struct disk_entry *entry, enum disk_tear tear, uint64_t seed)
{
    switch (entry->call) {
    case DISK_MAKE:
        image->exists = true;
        memcpy(image->path, disk_files[entry->file].first_path, DISK_PATH_BYTES);
        break;
    case DISK_RENAME:
        apply_rename(image, entry->data);
        break;
    case DISK_UNLINK:
        image->exists = false;
        break;
    case DISK_WRITE:
        apply_write(image, entry, tear, seed);
        break;
    case DISK_SIZE:
        grow(image, entry->length);
        if (image->size > entry->length)
            memset(image->bytes + entry->length, 0, (size_t)(image->size - entry->length));
        image->size = entry->length;
        if (image->used > image->size)
            image->used = image->size;
        break;
    case DISK_PUNCH:
        for (uint64_t at = entry->offset; at < entry->offset + entry->length && at < image->size;
             at++)
            image->bytes[at] = 0;
        break;
    default:
        break;
    }
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
    for (; len >= 8; bytes += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 32;
    }
    for (; len > 0; bytes++, len--)
        hash = (hash ^ (uint8_t)*bytes) * 0x100000001b3;
    return hash;
}

static void write_out(const char *path, const struct image *image)
{
    static const char zeros[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return; /* its folder is not there: nobody can find it */
    bool ok = ftruncate(fd, (off_t)image->size) == 0;
    for (uint64_t at = 0; ok && at < image->used; at += 4096) {
        size_t len = image->used - at < 4096 ? (size_t)(image->used - at) : 4096;
        if (memcmp(image->bytes + at, zeros, len) != 0)
            ok = pwrite(fd, image->bytes + at, len, (off_t)at) == (ssize_t)len;
    }
    close(fd);
    if (!ok)
        disk_give_up("cannot make a state");
}

uint64_t disk_make(const char *folder, uint32_t at, const bool *kept, uint32_t torn,
    enum disk_tear tear, uint64_t seed)
{
    uint64_t hash = 1;
    for (uint32_t i = 0; i < disk_file_count; i++) {
        struct image *image = &images[i];
        image->exists = disk_files[i].in_base;
        memcpy(image->path, disk_files[i].first_path, DISK_PATH_BYTES);
        if (image->used > 0)
            memset(image->bytes, 0, (size_t)image->used);
        image->size = 0;
        grow(image, disk_files[i].base_bytes);
        if (disk_files[i].base_used > 0)
            memcpy(image->bytes, disk_files[i].base, (size_t)disk_files[i].base_used);
        image->used = disk_files[i].base_used;
    }
    for (uint32_t call = 0; call <= at && call < disk_call_count; call++) {
        const struct disk_entry *entry = &disk_calls[call];
        if (entry->file == DISK_NEVER || (disk_is_pending(call, at) && !kept[call]))
            continue;
        apply(&images[entry->file], entry, call == torn ? tear : DISK_WHOLE, seed);
    }
    /* Folders first: a file may have been renamed into one that was made after it. */
    for (uint32_t i = 0; i < 2 * disk_file_count; i++) {
        const struct image *image = &images[i % disk_file_count];
        char path[2 * DISK_PATH_BYTES];
        if (!image->exists || disk_files[i % disk_file_count].is_folder != (i < disk_file_count))
            continue;
        snprintf(path, sizeof path, "%s%s%s", folder, image->path[0] ? "/" : "", image->path);
        hash = hash_bytes(hash, path + strlen(folder), strlen(path) - strlen(folder));
        hash =
            hash_bytes(hash ^ image->size, image->bytes ? image->bytes : "", (size_t)image->used);
        if (i < disk_file_count)
            mkdir(path, 0700);
        else
            write_out(path, image);
    }
    return hash;
}
