/* The snapshots that are there, and whether they are whole. */
#include "storage/local/child.h"
#include "storage/local/engine.h"
#include "storage/local/id_name.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

bool snapshot_path(const char *dir, uint64_t frame_id, char ret_path[static PATH_MAX])
{
    return snprintf(ret_path, PATH_MAX, "%s/snapshots/%016llx", dir, (unsigned long long)frame_id) <
           PATH_MAX;
}

/* The newest are kept. */
static void add(struct snapshot_list *list, struct snapshot_entry entry)
{
    size_t at = list->count;
    while (at > 0 && list->items[at - 1].frame_id > entry.frame_id)
        at--;
    if (list->count == SNAPSHOTS_MAX) {
        if (at == 0)
            return;
        memmove(list->items, list->items + 1, (at - 1) * sizeof(entry));
        list->items[at - 1] = entry;
        return;
    }
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof(entry));
    list->items[at] = entry;
    list->count++;
}

enum storage_err snapshot_list(const char *dir, struct snapshot_list *ret_list)
{
    char path[PATH_MAX];
    struct snapshot_list list = {.count = 0};
    if (snprintf(path, sizeof(path), "%s/snapshots", dir) >= (int)sizeof(path))
        return STORAGE_UNUSABLE;
    DIR *folder = opendir(path);
    if (!folder && errno != ENOENT)
        return STORAGE_UNUSABLE;
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        struct snapshot_entry found;
        struct stat info;
        char file[PATH_MAX];
        if (!id_name_parse(entry->d_name, "", &found.frame_id) ||
            snprintf(file, sizeof(file), "%s/%s/data.mdb", path, entry->d_name) >=
                (int)sizeof(file))
            continue;
        found.time_ms = stat(file, &info) == 0 ? (int64_t)info.st_mtim.tv_sec * 1000 : 0;
        add(&list, found);
    }
    if (folder)
        closedir(folder);
    *ret_list = list;
    return STORAGE_OK;
}

size_t snapshot_sealed(const char *dir, uint64_t frame_id, uint64_t **ret_ids)
{
    char path[PATH_MAX], file[PATH_MAX];
    struct stat info;
    struct span ids;
    *ret_ids = NULL;
    if (!snapshot_path(dir, frame_id, path) ||
        snprintf(file, sizeof(file), "%s/sealed", path) >= (int)sizeof(file))
        return 0;
    FILE *in = fopen(file, "re");
    char *bytes = NULL;
    size_t count = 0;
    if (in && fstat(fileno(in), &info) == 0 && (bytes = malloc((size_t)info.st_size + 1)) &&
        fread(bytes, 1, (size_t)info.st_size, in) == (size_t)info.st_size &&
        schema_decode_bytes(SPAN("sealed"), span_of(bytes, (size_t)info.st_size), &ids) ==
            STORAGE_OK) {
        count = ids.len / 8;
        uint64_t *list = malloc(ids.len + 8);
        for (size_t i = 0; list && i < count; i++)
            list[i] = key_u64_at(ids, 8 * i);
        *ret_ids = list;
        count = list ? count : 0;
    }
    free(bytes);
    if (in)
        fclose(in);
    return count;
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    rmdir(path);
}

/* Under another name first, so that half of one is never taken for one. */
void snapshot_remove(const char *dir, uint64_t frame_id)
{
    char path[PATH_MAX], part[PATH_MAX];
    if (snprintf(part, sizeof(part), "%s/snapshots/new.part", dir) >= (int)sizeof(part))
        return;
    remove_folder(part);
    if (frame_id == UINT64_MAX || !snapshot_path(dir, frame_id, path))
        return;
    if (rename(path, part) == 0)
        remove_folder(part);
}

void snapshot_set_aside(const char *dir, uint64_t frame_id)
{
    char path[PATH_MAX], aside[PATH_MAX];
    if (!snapshot_path(dir, frame_id, path) ||
        snprintf(aside, sizeof(aside), "%s.damaged", path) >= (int)sizeof(aside))
        return;
    remove_folder(aside); /* of the same name: made again, and damaged again */
    (void)rename(path, aside);
}

/* ---- is it whole? ---- */

_Noreturn static void check_and_exit(const char *path)
{
    struct index *index = NULL;
    struct index_txn *txn = NULL;
    struct span value;
    struct store_record store;
    child_let_faults_end();
    enum storage_err err =
        index_open(&(struct index_options){.dir = path, .read_only = true}, &index);
    if (err == STORAGE_OK)
        err = index_read_begin(index, &txn);
    if (err == STORAGE_OK)
        err = index_get(txn, TABLE_META, SPAN("store"), &value);
    if (err == STORAGE_OK)
        err = schema_decode_store(SPAN("store"), value, &store);
    if (err == STORAGE_OK && store.schema_version > SCHEMA_VERSION)
        err = STORAGE_NEWER_FORMAT;
    index_read_end(txn);
    if (err == STORAGE_OK)
        err = index_check(index);
    _exit(err == STORAGE_OK ? 0 : err == STORAGE_NEWER_FORMAT ? 2 : 1);
}

enum storage_err snapshot_check(const char *path)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        check_and_exit(path);
    if (child < 0)
        return STORAGE_UNUSABLE;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status))
        return STORAGE_CORRUPT;
    return WEXITSTATUS(status) == 0   ? STORAGE_OK
           : WEXITSTATUS(status) == 2 ? STORAGE_NEWER_FORMAT
                                      : STORAGE_CORRUPT;
}
