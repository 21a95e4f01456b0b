/* The log that disk.h speaks of, between those who write it (disk_calls.c), and who makes states of it (disk_states.c).
 * Functions that change it are called with disk_log_lock held, or before there is a second thread. */
#ifndef TESTS_CRASH_DISK_LOG_H
#define TESTS_CRASH_DISK_LOG_H

#include "disk.h"

#include <pthread.h>
#include <stdio.h>

enum { DISK_PATH_BYTES = 300 };

/* What was there at the start, or was made since. */
struct disk_file {
    bool is_folder;
    char path[DISK_PATH_BYTES]; /* below the folder; as it is now */
    char first_path[DISK_PATH_BYTES];
    char *base;                     /* what was durable from the start */
    uint64_t base_bytes, base_used; /* behind used there are zeros */
    bool in_base;
};
extern struct disk_file disk_files[DISK_FILES_MAX];
extern uint32_t disk_file_count;

extern bool disk_recording;
extern pthread_mutex_t disk_log_lock;

/* The test itself cannot go on. */
_Noreturn void disk_give_up(const char *what);

/* The path below the folder that is recorded; NULL: it lies elsewhere. */
const char *disk_below(const char *path);
/* DISK_NEVER: none has this name now. */
uint32_t disk_file_named(const char *name);
uint32_t disk_file_new(const char *name, bool is_folder);
/* Another name for what has this one or lies below it. */
void disk_move_path(char *path, const char *from, const char *to);

struct disk_entry *disk_log_add(enum disk_call call, uint32_t file);
/* dsync: it is durable when it returns. */
void disk_log_write(uint32_t file, const void *bytes, size_t len, uint64_t offset, bool dsync);
void disk_log_sync(uint32_t file);

#endif
