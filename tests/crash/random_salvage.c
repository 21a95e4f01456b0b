/* The index is lost, and salvaged: everything that was acknowledged must be known again (random_ops --salvage 1). */
#include "random.h"
#include "storage/storage_care.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void step_snapshot(void)
{
    same_err("snapshot", storage_snapshot(store), STORAGE_OK);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* Writes nonsense over part of a file, or over all of it. */
static void wreck(const char *path, bool whole)
{
    static char page[4096];
    struct stat info;
    int fd = open(path, O_WRONLY);
    if (fd < 0 || fstat(fd, &info) != 0)
        fail("%s cannot be damaged", path);
    for (size_t i = 0; i < sizeof page; i++)
        page[i] = (char)mix(dice(1000) + i);
    off_t pages = info.st_size / (off_t)sizeof page;
    for (off_t i = 0; i < pages; i++)
        if ((whole || dice(4) == 0) &&
            pwrite(fd, page, sizeof page, i * (off_t)sizeof page) != (ssize_t)sizeof page)
            fail("%s cannot be damaged", path);
    close(fd);
}

static void lose_index(void)
{
    char path[160];
    snprintf(path, sizeof path, "%s/index/data.mdb", run_dir);
    switch (dice(4)) {
    case 0:
        unlink(path);
        break;
    case 1:
        wreck(path, true);
        break;
    case 2:
        wreck(path, false);
        break;
    default:
        snprintf(path, sizeof path, "%s/index", run_dir);
        nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* The newest one of several: then the one before it must do. */
static void damage_snapshot(void)
{
    struct snapshot_list list;
    char path[PATH_MAX], file[PATH_MAX];
    if (snapshot_list(run_dir, &list) != STORAGE_OK || list.count < 2)
        return;
    if (!snapshot_path(run_dir, list.items[list.count - 1].frame_id, path))
        return;
    snprintf(file, sizeof file, "%.*s/data.mdb", PATH_MAX - 20, path);
    wreck(file, dice(2));
}

static void remember_line(void *ctx, const char *line)
{
    (void)ctx;
    if (show)
        fprintf(stderr, "salvage: %s\n", line);
    size_t at = strlen(shared->salvage_line);
    snprintf(shared->salvage_line + at, sizeof shared->salvage_line - at, "%s; ", line);
}

static enum storage_err salvage(struct storage_salvage_figures *ret_figures)
{
    const char *detail = "";
    shared->salvage_line[0] = '\0';
    struct storage_salvage order = {.dir = run_dir, .report = remember_line};
    enum storage_err err = STORAGE_IN_USE;
    /* A check that a killed salvage had begun may take a moment to end. */
    for (int i = 0; i < 5000 && err == STORAGE_IN_USE; i++) {
        if (i > 0)
            usleep(1000);
        err = storage_salvage(&order, ret_figures, &detail);
    }
    if (err != STORAGE_OK)
        snprintf(shared->salvage_line, sizeof shared->salvage_line, "%s", detail);
    return err;
}

/* One that is cut off must do no harm. */
static void cut_off_salvage(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct storage_salvage_figures figures;
        _exit(salvage(&figures) == STORAGE_OK ? 0 : 1);
    }
    usleep((useconds_t)dice(30000));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

void step_salvage(void)
{
    struct storage_salvage_figures figures = {0};
    /* What the log ends with may be of a process that died before its commit: this one was acknowledged. */
    step_record(0);
    storage_close(TAKE(store));
    if (dice(3) == 0)
        damage_snapshot();
    lose_index();
    if (dice(4) == 0)
        cut_off_salvage();
    same_err("salvage", salvage(&figures), STORAGE_OK);
    if (figures.unknown > 0)
        fail("salvage does not know all: %.400s", shared->salvage_line);
    shared->tried.salvages++;
    open_store();
    check_all();
}
