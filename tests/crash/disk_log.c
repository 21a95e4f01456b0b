#include "disk_log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct disk_entry disk_calls[DISK_CALLS_MAX];
uint32_t disk_call_count;
enum disk_fault disk_fault;
uint32_t disk_skipped_sync;
static uint32_t syncs, skipped_file = DISK_NEVER;

struct disk_file disk_files[DISK_FILES_MAX];
uint32_t disk_file_count;

static char root[DISK_PATH_BYTES];
bool disk_recording;
pthread_mutex_t disk_log_lock = PTHREAD_MUTEX_INITIALIZER;

_Noreturn void disk_give_up(const char *what)
{
    fprintf(stderr, "disk: %s\n", what);
    _exit(3);
}

struct disk_entry *disk_log_add(enum disk_call call, uint32_t file)
{
    if (disk_call_count == DISK_CALLS_MAX)
        disk_give_up("too many calls");
    struct disk_entry *entry = &disk_calls[disk_call_count++];
    *entry = (struct disk_entry){.call = call, .file = file, .synced_by = DISK_NEVER};
    return entry;
}

const char *disk_below(const char *path)
{
    size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0')
               ? path + len + (path[len] == '/')
               : NULL;
}

uint32_t disk_file_named(const char *name)
{
    for (uint32_t i = 0; i < disk_file_count; i++)
        if (strcmp(disk_files[i].path, name) == 0)
            return i;
    return DISK_NEVER;
}

uint32_t disk_file_new(const char *name, bool is_folder)
{
    if (disk_file_count == DISK_FILES_MAX || strlen(name) >= DISK_PATH_BYTES)
        disk_give_up("too many files");
    disk_files[disk_file_count] = (struct disk_file){.is_folder = is_folder};
    snprintf(disk_files[disk_file_count].path, DISK_PATH_BYTES, "%s", name);
    snprintf(disk_files[disk_file_count].first_path, DISK_PATH_BYTES, "%s", name);
    return disk_file_count++;
}

void disk_move_path(char *path, const char *from, const char *to)
{
    char moved[DISK_PATH_BYTES];
    size_t len = strlen(from);
    if (strncmp(path, from, len) != 0 || (path[len] != '\0' && path[len] != '/'))
        return;
    if (snprintf(moved, sizeof moved, "%s%s", to, path + len) >= DISK_PATH_BYTES)
        disk_give_up("a path is too long");
    memcpy(path, moved, DISK_PATH_BYTES);
}

void disk_log_write(uint32_t file, const void *bytes, size_t len, uint64_t offset, bool dsync)
{
    struct disk_entry *entry = disk_log_add(DISK_WRITE, file);
    entry->offset = offset;
    entry->length = len;
    entry->data = malloc(len + 1);
    if (!entry->data)
        disk_give_up("out of memory");
    memcpy(entry->data, bytes, len);
    if (dsync)
        entry->synced_by = disk_call_count - 1;
}

static bool ends_with(const char *path, const char *tail)
{
    size_t len = strlen(path), tail_len = strlen(tail);
    return len >= tail_len && strcmp(path + len - tail_len, tail) == 0;
}

static bool is_left_out(const struct disk_file *file)
{
    switch (disk_fault) {
    case DISK_NO_SEGMENT_SYNC:
        return ends_with(file->path, ".seg");
    case DISK_NO_FILE_SYNC:
        return ends_with(file->path, ".blob");
    case DISK_NO_FOLDER_SYNC:
        return file->is_folder;
    case DISK_NO_INDEX_SYNC:
        return ends_with(file->path, ".mdb");
    case DISK_HONEST:
        break;
    }
    return false;
}

/* Is the call a change of what this folder names? */
static bool names_in(const struct disk_entry *entry, const struct disk_file *folder)
{
    if (entry->call != DISK_MAKE && entry->call != DISK_UNLINK && entry->call != DISK_RENAME)
        return false;
    const char *path =
        entry->call == DISK_RENAME ? entry->data : disk_files[entry->file].first_path;
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    return strlen(folder->path) == len && strncmp(folder->path, path, len) == 0;
}

/* Does a sync of this file make durable what the call did? */
static bool is_covered(const struct disk_entry *entry, uint32_t file)
{
    bool names =
        entry->call == DISK_MAKE || entry->call == DISK_UNLINK || entry->call == DISK_RENAME;
    return entry->synced_by == DISK_NEVER && entry->call != DISK_SYNC &&
           (disk_files[file].is_folder ? names_in(entry, &disk_files[file])
                                       : entry->file == file && !names);
}

void disk_log_sync(uint32_t file)
{
    uint32_t number = disk_call_count, covered = 0;
    disk_log_add(DISK_SYNC, file);
    for (uint32_t i = 0; i < number; i++)
        covered += is_covered(&disk_calls[i], file) && disk_calls[i].call != DISK_PUNCH;
    if (covered > 0 && ++syncs == disk_skipped_sync) {
        skipped_file = file;
        return;
    }
    if (is_left_out(&disk_files[file]))
        return;
    for (uint32_t i = 0; i < number; i++)
        if (is_covered(&disk_calls[i], file))
            disk_calls[i].synced_by = number;
}

const char *disk_skipped_path(void)
{
    return skipped_file == DISK_NEVER ? NULL : disk_files[skipped_file].first_path;
}

static void load(const char *path, const char *name)
{
    struct stat info;
    if (stat(path, &info) != 0)
        disk_give_up("cannot read what is there");
    struct disk_file *file = &disk_files[disk_file_new(name, S_ISDIR(info.st_mode))];
    file->in_base = true;
    if (!file->is_folder) {
        int fd = open(path, O_RDONLY);
        file->base_bytes = (uint64_t)info.st_size;
        file->base = malloc((size_t)info.st_size + 1);
        if (fd < 0 || !file->base || read(fd, file->base, (size_t)info.st_size) != info.st_size)
            disk_give_up("cannot read what is there");
        close(fd);
        file->base_used = file->base_bytes;
        while (file->base_used > 0 && file->base[file->base_used - 1] == 0)
            file->base_used--;
        return;
    }
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char child[DISK_PATH_BYTES + 256], child_name[DISK_PATH_BYTES];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        snprintf(
            child_name, sizeof child_name, "%s%s%.200s", name, name[0] ? "/" : "", entry->d_name);
        load(child, child_name);
    }
    if (folder)
        closedir(folder);
}

void disk_record(const char *folder)
{
    snprintf(root, sizeof root, "%s", folder);
    disk_file_count = 0;
    disk_call_count = 0;
    syncs = 0;
    skipped_file = DISK_NEVER;
    load(folder, "");
    disk_recording = true;
}

void disk_stop(void)
{
    disk_recording = false;
}

void disk_mark(uint32_t mark)
{
    pthread_mutex_lock(&disk_log_lock);
    disk_log_add(DISK_MARK, DISK_NEVER)->mark = mark;
    pthread_mutex_unlock(&disk_log_lock);
}
