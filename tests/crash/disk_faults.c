/* A disk that fails: each call of a scenario that could change a file, one after the other, with each kind of
 * failure, once and from then on for ever. Nothing is acknowledged that is not there, the process ends only on
 * purpose (a failed sync, EIO), and what is opened afterwards is whole and clean.
 *
 * usage: disk_faults [--every N] [--call N --error NAME [--forever 1]]     every N-th call; 1: each */
#include "changes.h"
#include "disk.h"
#include "storage/storage_care.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOPPED_ON_PURPOSE = 70, FAILED = 1 };

struct shared *shared;
struct storage *store;
struct arena arena;
bool show;

static char work[96], live[112];
static unsigned stops, refusals,
    unread; /* runs that ended on purpose; that refused a change; with a read that failed */
static struct model base_model;

/* After each the process may have ended on purpose: any failed sync ends it, and LMDB takes a short write of its
 * own for EIO. */
static const struct failure {
    const char *name;
    int error_number;
} failures[] = {
    {"EIO", EIO},
    {"ENOSPC", ENOSPC},
    {"EDQUOT", EDQUOT},
    {"short", 0},
};

_Noreturn void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(shared->failure, sizeof shared->failure, format, args);
    va_end(args);
    _exit(FAILED);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static enum storage_err try_open(const char **detail)
{
    struct storage_options options = {
        .dir = live, .no_background = true, .segment_bytes = 2 * 1024 * 1024};
    return storage_open(&options, &store, detail);
}

/* ---- commits, as changes.h asks for them ---- */

bool commit_change(struct mutation *m)
{
    shared->in_step = true;
    enum storage_err err = storage_commit(store, m);
    if (err == STORAGE_OK) {
        shared->before = shared->model;
    } else {
        if (err != STORAGE_NO_SPACE)
            fail("a change was answered \"%s\"", storage_err_text(err));
        shared->model = shared->before;
        shared->next_step = 1; /* tells that one was refused */
    }
    shared->in_step = false;
    return err == STORAGE_OK;
}

void change_learnt(void)
{
    shared->before = shared->model;
}

void change_failed(const char *what)
{
    (void)what; /* nothing was acknowledged */
}

/* A store that cannot be opened now can be later. */
void change_reopen(void)
{
    const char *detail = "";
    storage_close(TAKE(store));
    if (try_open(&detail) == STORAGE_OK)
        return;
    disk_fail(0, 0, false);
    if (try_open(&detail) != STORAGE_OK)
        fail("it does not open after an opening that failed: %s", detail);
}

/* What is read is right, or an error that says so: never other bytes. */
static void read_all(void)
{
    static char got[400000], wanted[sizeof got];
    struct model_bucket *bucket = &shared->model.buckets[0];
    for (unsigned key = 0; key < MODEL_KEYS; key++) {
        const struct model_version *version = model_newest(bucket, key);
        struct object_info info;
        struct blob_reader *reader = NULL;
        if (!version || version->is_marker || version->unknown)
            continue;
        enum storage_err err = storage_object_open(
            store, bucket->id, model_key(key), ref_of(version), &arena, &info, &reader);
        if (err != STORAGE_OK)
            fail("an object cannot be opened: %s", storage_err_text(err));
        for (uint64_t at = 0, size = blob_size(reader); at < size;) {
            size_t len = 0;
            err = blob_read(reader, at, got, sizeof got, true, &len);
            if (err == STORAGE_IO && disk_has_failed()) {
                shared->reads_failed++;
                break;
            }
            content_bytes(&version->content, at, wanted, len);
            if (err != STORAGE_OK || len == 0 || memcmp(got, wanted, len) != 0)
                fail("an object is read with \"%s\", and %zu bytes", storage_err_text(err), len);
            at += len;
        }
        blob_close(reader);
    }
}

/* ---- one run ---- */

static uint32_t scenario(void)
{
    const char *detail = "";
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    if (try_open(&detail) != STORAGE_OK) {
        if (!disk_has_failed())
            fail("it does not open: %s", detail);
        return disk_calls_tried();
    }
    for (size_t i = 0; i < CHANGES; i++) {
        changes[i].run();
        if (i % 4 == 3)
            read_all();
    }
    /* A disk that was full is not: writes go on. */
    uint32_t tried = disk_calls_tried();
    disk_fail(0, 0, false);
    changes[1].run();
    if (!all_same(&shared->model, false))
        fail("while it is open it differs in %s", difference);
    storage_close(store);
    return tried;
}

static void print_finding(void *ctx, const char *line)
{
    (void)ctx;
    if (shared->failure[0] == '\0')
        snprintf(shared->failure, sizeof shared->failure, "verify: %s", line);
}

/* Afterwards, on a disk that is well again. */
_Noreturn static void check(bool stopped)
{
    const char *detail = "", *why;
    uint64_t findings = 0;
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    if (try_open(&detail) != STORAGE_OK)
        fail("it does not open again: %s", detail);
    if (!all_same(&shared->before, false)) {
        why = difference;
        if (!stopped || !shared->in_step || !all_same(&shared->model, false))
            fail("opened again it differs in %s", why);
    }
    storage_close(store);
    if (storage_verify(live, print_finding, NULL, &findings) != STORAGE_OK || findings > 0)
        _exit(FAILED);
    _exit(0);
}

static int in_child(void (*run)(uint32_t call, const struct failure *failure, bool forever),
    uint32_t call, const struct failure *failure, bool forever)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        run(call, failure, forever);
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static void child_run(uint32_t call, const struct failure *failure, bool forever)
{
    FILE *quiet = freopen("/dev/null", "w", stderr); /* the line that it stops with */
    (void)quiet;
    disk_record(live);
    disk_fail(call, failure->error_number, forever);
    uint32_t tried = scenario();
    if (failure->error_number == 0 && call == 0)
        shared->next_step = tried;
}

static void child_check(uint32_t call, const struct failure *failure, bool forever)
{
    (void)call, (void)forever;
    check(failure != NULL);
}

static void copy_tree(const char *from, const char *to)
{
    char command[300];
    snprintf(command, sizeof command, "cp -a '%s' '%s'", from, to);
    if (system(command) != 0)
        fail("cp");
}

static bool run(uint32_t call, const struct failure *failure, bool forever)
{
    char base[112];
    snprintf(base, sizeof base, "%s/base", work);
    copy_tree(base, live);
    shared->model = shared->before = base_model;
    shared->in_step = false;
    shared->next_step = 0;
    shared->reads_failed = 0;
    shared->failure[0] = '\0';
    int status = in_child(child_run, call, failure, forever);
    bool stopped = WIFEXITED(status) && WEXITSTATUS(status) == STOPPED_ON_PURPOSE;
    stops += stopped;
    refusals += call != 0 && shared->next_step != 0;
    unread += shared->reads_failed != 0;
    bool ok = (WIFEXITED(status) && WEXITSTATUS(status) == 0) || stopped;
    if (ok) {
        status = in_child(child_check, call, stopped ? failure : NULL, forever);
        ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    nftw(live, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (!ok)
        printf("FAILED --call %u --error %s%s: %s (status %x)\n", call, failure->name,
            forever ? " --forever 1" : "", shared->failure, (unsigned)status);
    fflush(stdout);
    return ok;
}

static void base_run(uint32_t call, const struct failure *failure, bool forever)
{
    const char *detail = "";
    (void)call, (void)failure, (void)forever;
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    if (try_open(&detail) != STORAGE_OK)
        fail("it does not open: %s", detail);
    change_begin();
    storage_close(store);
}

static bool make_base(void)
{
    char to[112];
    if (in_child(base_run, 0, NULL, false) != 0)
        return false;
    snprintf(to, sizeof to, "%s/base", work);
    base_model = shared->model;
    return rename(live, to) == 0;
}

int main(int argc, char **argv)
{
    unsigned every = 1, runs = 0, failed = 0;
    uint32_t only = 0;
    const char *error = NULL;
    bool forever_only = false;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--every") == 0)
            every = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--call") == 0)
            only = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--error") == 0)
            error = argv[i + 1];
        else if (strcmp(argv[i], "--forever") == 0)
            forever_only = true;
    }
    snprintf(work, sizeof work, "%s/lakegate-faults-XXXXXX",
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || !mkdtemp(work)) {
        perror(work);
        return 2;
    }
    snprintf(live, sizeof live, "%s/live", work);
    model_init();
    if (!make_base() || !run(0, &failures[3], false)) {
        fprintf(stderr, "without a failure: %s\n", shared->failure);
        failed = 1;
    }
    uint32_t calls = shared->next_step;
    for (uint32_t call = only ? only : 1; failed == 0 && call <= (only ? only : calls);
         call += every ? every : 1)
        for (size_t i = 0; i < ARRAY_LEN(failures); i++)
            for (int forever = 0; forever < 2; forever++) {
                if ((error && strcmp(error, failures[i].name) != 0) ||
                    (only && forever != forever_only))
                    continue;
                runs++;
                failed += !run(call, &failures[i], forever);
            }
    nftw(work, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    printf("%u calls, %u failures made: %u ended the process on purpose, %u had changes refused, "
           "%u reads that failed; %u were not borne\n",
        calls, runs, stops, refusals, unread, failed);
    /* Failures that nobody notices would prove nothing. */
    return failed || (!only && (stops == 0 || refusals == 0 || unread == 0)) ? 1 : 0;
}
