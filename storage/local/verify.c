#include "storage/local/verify.h"

#include "storage/local/child.h"
#include "storage/local/index_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child says, a line each: "-" and a finding, "=" and the number of findings at its end,
 * or "!" and a storage_err when it could not begin. */
enum { LINE_MAX_BYTES = 1024 };

/* ---- the child ---- */

static void say(struct check *check, const char *line, size_t len)
{
    while (len > 0) {
        ssize_t n = write(check->out, line, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(1);
        line += n;
        len -= (size_t)n;
    }
}

void finding(struct check *check, const char *format, ...)
{
    char line[LINE_MAX_BYTES] = "-";
    va_list args;
    if (check->exact || check->findings++ >= VERIFY_LINES_MAX)
        return;
    va_start(args, format);
    int n = vsnprintf(line + 1, sizeof(line) - 2, format, args);
    va_end(args);
    size_t len = n < 0 ? 1 : 1 + (size_t)n;
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    for (size_t i = 1; i < len; i++)
        if (line[i] == '\n')
            line[i] = ' ';
    line[len] = '\n';
    say(check, line, len + 1);
}

static uint64_t no_id(void *ctx)
{
    (void)ctx;
    return 0;
}

static void child_fatal(void *ctx, const char *what, int error_number)
{
    (void)error_number;
    finding(ctx, "%s failed", what);
    _exit(2);
}

static enum storage_err child_open(struct check *check, const char *dir, const char *index_dir)
{
    struct space_options options = {
        .sys = &sys_posix,
        .dir = dir,
        .read_only = true,
        .next_id = no_id,
        .fatal = child_fatal,
        .fatal_ctx = check,
    };
    struct index_options index_options = {.dir = index_dir, .read_only = true};
    enum storage_err err = index_dir ? index_open(&index_options, &check->index)
                                     : engine_open_index(dir, true, 0, &check->index);
    if (err == STORAGE_OK)
        err = space_open(&options, &check->space);
    if (err == STORAGE_OK)
        err = index_read_begin(check->index, &check->txn);
    struct span value;
    struct store_record store;
    if (err != STORAGE_OK)
        return err;
    if (index_get(check->txn, TABLE_META, SPAN("store"), &value) != STORAGE_OK)
        return STORAGE_OK; /* a finding */
    err = schema_decode_store(SPAN("store"), value, &store);
    bool newer = err == STORAGE_OK && store.schema_version > SCHEMA_VERSION;
    return newer || err == STORAGE_NEWER_FORMAT ? STORAGE_NEWER_FORMAT : STORAGE_OK;
}

static void page_finding(void *ctx, const char *line)
{
    finding(ctx, "index: %s", line);
}

/* First, since it cannot come to harm. False: there is no index to look into. */
static bool verify_pages(struct check *check, const char *dir, const char *index_dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s%s/data.mdb", index_dir ? index_dir : dir,
        index_dir ? "" : "/index");
    struct pages_check pages = {
        .fd = open(path, O_RDONLY | O_CLOEXEC), .report = page_finding, .ctx = check};
    if (pages.fd < 0)
        return false;
    enum storage_err err = index_pages_check(&pages);
    check->out_of_memory |= err == STORAGE_NO_MEMORY;
    if (err == STORAGE_IO)
        finding(check, "index: pages cannot be read");
    close(pages.fd);
    return true;
}

_Noreturn static void child_main(const char *dir, const char *index_dir, int out)
{
    struct check check = {.out = out};
    child_let_faults_end();
    char line[64];
    bool is_there = verify_pages(&check, dir, index_dir);
    enum storage_err err = child_open(&check, dir, index_dir);
    if (is_there && err == STORAGE_CORRUPT) {
        finding(&check, "the index cannot be opened");
        int n = snprintf(line, sizeof(line), "=%llu\n", (unsigned long long)check.findings);
        say(&check, line, (size_t)n);
        _exit(0);
    }
    if (err != STORAGE_OK) {
        int n = snprintf(line, sizeof(line), "!%d\n", (int)err);
        say(&check, line, (size_t)n);
        _exit(0);
    }
    verify_index(&check);
    verify_references(&check);
    verify_segments(&check);
    verify_data(&check);
    verify_logs(&check);
    verify_trees(&check);
    verify_zones(&check);
    if (check.out_of_memory)
        finding(&check, "memory ran out: not everything was checked");
    int n = snprintf(line, sizeof(line), "=%llu\n", (unsigned long long)check.findings);
    say(&check, line, (size_t)n);
    _exit(0); /* everything is given back by the system */
}

/* ---- the parent ---- */

struct reading {
    void (*report)(void *ctx, const char *line);
    void *ctx;
    uint64_t told, total;
    bool ended;
    enum storage_err err;
};

static void take_line(struct reading *reading, const char *line)
{
    if (line[0] == '-') {
        reading->told++;
        reading->report(reading->ctx, line + 1);
    } else if (line[0] == '=') {
        reading->total = strtoull(line + 1, NULL, 10);
        reading->ended = true;
    } else if (line[0] == '!') {
        reading->err = (enum storage_err)strtol(line + 1, NULL, 10);
        reading->ended = true;
    }
}

static void read_lines(struct reading *reading, int fd)
{
    FILE *in = fdopen(fd, "r");
    char line[LINE_MAX_BYTES + 1];
    if (!in) {
        close(fd);
        return;
    }
    while (fgets(line, sizeof(line), in)) {
        line[strcspn(line, "\n")] = '\0';
        take_line(reading, line);
    }
    fclose(in);
}

static enum storage_err run_child(const char *dir, const char *index_dir, struct reading *reading)
{
    int ends[2];
    if (pipe(ends) != 0)
        return STORAGE_UNUSABLE;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        child_main(dir, index_dir, ends[1]);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return STORAGE_NO_MEMORY;
    }
    read_lines(reading, ends[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (reading->ended)
        return reading->err;
    char line[160];
    if (WIFSIGNALED(status))
        snprintf(line, sizeof(line), "the check died of signal %d: pages of the index are damaged",
            WTERMSIG(status));
    else
        snprintf(line, sizeof(line), "the check ended early: the index is damaged");
    reading->report(reading->ctx, line);
    reading->total = reading->told + 1;
    return STORAGE_OK;
}

enum storage_err storage_verify(
    const char *dir, void (*report)(void *ctx, const char *line), void *ctx, uint64_t *ret_findings)
{
    const char *detail = NULL;
    int lock_fd = -1;
    enum storage_err err = engine_lock(dir, false, &lock_fd, &detail);
    if (err != STORAGE_OK)
        return err;
    err = verify_run(dir, NULL, report, ctx, ret_findings);
    close(lock_fd);
    return err;
}

enum storage_err verify_run(const char *dir, const char *index_dir,
    void (*report)(void *ctx, const char *line), void *ctx, uint64_t *ret_findings)
{
    struct reading reading = {.report = report, .ctx = ctx};
    enum storage_err err = run_child(dir, index_dir, &reading);
    if (err != STORAGE_OK)
        return err;
    if (reading.total > VERIFY_LINES_MAX && reading.told == VERIFY_LINES_MAX)
        report(ctx, "there are more findings than are told here");
    *ret_findings = reading.total;
    return STORAGE_OK;
}
