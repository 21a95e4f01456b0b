#include "rot_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INDEX_PAGE_BYTES = 4096 };

const char *const rot_place_names[PLACES] = {"index", "segments", "files"};

struct rot_file rot_files[ROT_FILES_MAX];
static size_t file_count;
char rot_base[ROT_PATH_BYTES], rot_work[ROT_PATH_BYTES];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void rot_remove_folder(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

_Noreturn void rot_give_up(const char *what)
{
    fprintf(stderr, "rot: %s: %s\n", what, strerror(errno));
    exit(1);
}

void rot_path_in(const char *dir, const char *name, char path[static ROT_PATH_BYTES])
{
    if (snprintf(path, ROT_PATH_BYTES, "%s/%s", dir, name) >= ROT_PATH_BYTES)
        rot_give_up("a path is too long");
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
        rot_give_up(path);
    close(fd);
}

static void read_file(enum place place, const char *name)
{
    char path[ROT_PATH_BYTES];
    struct stat st;
    struct rot_file *file = &rot_files[file_count++];
    rot_path_in(rot_base, name, path);
    int fd = open(path, O_RDONLY);
    if (file_count > ROT_FILES_MAX || fd < 0 || fstat(fd, &st) != 0)
        rot_give_up(path);
    *file = (struct rot_file){.place = place, .len = (size_t)st.st_size};
    snprintf(file->name, sizeof(file->name), "%s", name);
    file->bytes = malloc(file->len + 1);
    if (!file->bytes || read(fd, file->bytes, file->len) != (ssize_t)file->len)
        rot_give_up(path);
    close(fd);
    for (file->used = file->len; file->used > 0 && file->bytes[file->used - 1] == 0;)
        file->used--;
}

static void read_folder(enum place place, const char *folder)
{
    char path[ROT_PATH_BYTES], name[ROT_PATH_BYTES];
    rot_path_in(rot_base, folder, path);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%.40s", folder, entry->d_name);
        if (place == PLACE_FILE && entry->d_type == DT_DIR)
            read_folder(place, name);
        else
            read_file(place, name);
    }
    if (dir)
        closedir(dir);
}

void rot_read_files(void)
{
    read_file(PLACE_INDEX, "index/data.mdb");
    read_folder(PLACE_SEGMENT, "segments");
    read_folder(PLACE_FILE, "files");
}

void rot_lay_out(const struct rot_flip *flip, bool copy)
{
    char path[ROT_PATH_BYTES], from[ROT_PATH_BYTES];
    static const char *const folders[] = {"", "index", "segments", "files"};
    rot_remove_folder(rot_work);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        rot_path_in(rot_work, folders[i], path);
        if (mkdir(path, 0700) != 0)
            rot_give_up(path);
    }
    rot_path_in(rot_work, "lock", path);
    write_file(path, "", 0);
    for (size_t i = 0; i < file_count; i++) {
        struct rot_file *file = &rot_files[i];
        rot_path_in(rot_work, file->name, path);
        if (file->place == PLACE_FILE) {
            char *slash = strrchr(path, '/');
            *slash = '\0';
            mkdir(path, 0700);
            *slash = '/';
        }
        if (i != flip->file && !copy && file->place != PLACE_INDEX) {
            rot_path_in(rot_base, file->name, from);
            if (link(from, path) != 0)
                rot_give_up(path);
            continue;
        }
        if (i == flip->file)
            file->bytes[flip->byte] ^= (char)(1u << flip->bit);
        write_file(path, file->bytes, file->len);
        if (i == flip->file)
            file->bytes[flip->byte] ^= (char)(1u << flip->bit);
    }
}

/* ---- choosing ---- */

static uint64_t dice_state;

static uint64_t dice(uint64_t sides)
{
    dice_state += 0x9e3779b97f4a7c15;
    uint64_t z = dice_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % sides;
}

static size_t any_file(enum place place)
{
    size_t i;
    do
        i = (size_t)dice(file_count);
    while (rot_files[i].place != place);
    return i;
}

/* Uniformly most bits are in the middle of records. Half of the flips are where structure is: meta pages,
 * headers of pages, pages that lead to others. */
static size_t any_index_byte(const struct rot_file *file)
{
    size_t pages = file->used / INDEX_PAGE_BYTES + 1;
    size_t page = (size_t)dice(pages);
    uint64_t kind = dice(8);
    if (kind == 0)
        return (size_t)dice(2) * INDEX_PAGE_BYTES + (size_t)dice(168);
    if (kind == 1 || kind == 2)
        return page * INDEX_PAGE_BYTES + (size_t)dice(48);
    for (unsigned tries = 0; kind == 3 && tries < 1000; tries++, page = (size_t)dice(pages))
        if (page >= 2 && file->bytes[page * INDEX_PAGE_BYTES + 10] == 1)
            return page * INDEX_PAGE_BYTES + (size_t)dice(INDEX_PAGE_BYTES);
    return (size_t)dice(file->used);
}

struct rot_flip rot_any_flip(uint64_t seed, uint64_t number)
{
    dice_state = seed * 0xd1342543de82ef95 + number;
    uint64_t kind = dice(10);
    enum place place = kind < 7 ? PLACE_INDEX : kind < 9 ? PLACE_SEGMENT : PLACE_FILE;
    struct rot_flip flip = {.file = any_file(place), .bit = (unsigned)dice(8)};
    const struct rot_file *file = &rot_files[flip.file];
    flip.byte = place == PLACE_INDEX ? any_index_byte(file) : (size_t)dice(file->used);
    if (flip.byte >= file->len)
        flip.byte = file->len - 1;
    return flip;
}
