/* Random operations against the store and against the model (model.h), every answer compared.
 *
 * usage: random_ops [--seed N | --from N] [--steps N] [--minutes N] [--runs N] [--salvage 1] [--break-it 1]
 *
 * A run is a number of steps that a seed decides; now and then a step ends the process in the middle of a
 * change, and another one opens the store and goes on. A run that fails is made shorter, step by step, and
 * printed with the one command that shows it again: random_ops --seed N --steps N --only A,B,C.
 * With --seed there is one run; --from is the seed of the first of many. With --break-it the model forgets deletes of some
 * keys: then the exit code is 0 when that is found, and made short. */
#include "random.h"
#include "storage/storage_care.h"
#include "tests/mortal.h"

#include <ftw.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEPS_MAX = 4000, FAILED = 1, STEPS_DEFAULT = 300, RUNS_DEFAULT = 20, SHORT = 8 };

struct shared *shared;
struct storage *store;
struct arena arena;
bool show, salvaging, breaking;
char run_dir[64];
static uint64_t seed;
static unsigned steps = STEPS_DEFAULT;
static bool enabled[STEPS_MAX];

/* ---- saying what went wrong ---- */

_Noreturn void PRINTF_LIKE(1, 2) fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = snprintf(shared->failure, sizeof shared->failure, "step %u: ", shared->next_step);
    vsnprintf(shared->failure + len, sizeof shared->failure - (size_t)len, format, args);
    va_end(args);
    _exit(FAILED);
}

void same_err(const char *what, enum storage_err got, enum storage_err wanted)
{
    if (got != wanted)
        fail("%s: the store says \"%s\", the model \"%s\"", what, storage_err_text(got),
            storage_err_text(wanted));
}

/* The step's own dice; the same whatever other steps are left out. */
unsigned dice_step, dice_thrown;

uint64_t dice(uint64_t sides)
{
    return mix(seed * 0x9e3779b97f4a7c15 + dice_step * 1000003ull + ++dice_thrown) % sides;
}

/* ---- the process that dies ---- */

void die_after(int calls)
{
    calls_left = calls;
}

void open_store(void)
{
    struct storage_options options = {.dir = run_dir,
        .no_background = true,
        .segment_bytes = 2 * 1024 * 1024,
        .snapshots = salvaging ? 2 : 0};
    const char *detail = "";
    if (engine_open(&options, mortal_sys(), &store, &detail) != STORAGE_OK)
        fail("the store does not open: %s", detail);
}

/* ---- a run ---- */

static void print_finding(void *ctx, const char *line)
{
    (void)ctx;
    if (shared->failure[0] == '\0')
        snprintf(shared->failure, sizeof shared->failure, "verify: %s", line);
}

/* The process before died in a step: it is there whole, or not at all. */
static void take_over(void)
{
    if (!shared->in_step) {
        check_all();
        return;
    }
    const char *why;
    if (!all_same(&shared->model, false)) {
        why = difference;
        if (!all_same(&shared->before, false))
            fail("after a crash the store differs from the step done in %s, and from the step not "
                 "done in %s",
                why, difference);
        shared->model = shared->before;
    }
    (void)all_same(&shared->model, true); /* learns ids */
    /* An upload that nobody was told the id of. */
    for (unsigned b = 0; b < MODEL_BUCKETS; b++)
        for (size_t i = 0; i < MODEL_UPLOADS; i++) {
            struct model_upload *upload = &shared->model.buckets[b].uploads[i];
            if (upload->used && upload->id.blob_id == 0) {
                struct upload_page page;
                struct upload_query query = {.bucket_id = shared->model.buckets[b].id, .max = 100};
                same_err("uploads", storage_upload_list(store, &query, &arena, &page), STORAGE_OK);
                for (size_t k = 0; k < page.count; k++)
                    if (page.items[k].info.id.blob_id > upload->id.blob_id)
                        upload->id = page.items[k].info.id;
            }
        }
    shared->in_step = false;
}

_Noreturn static void child(void)
{
    arena_init(&arena, (size_t)256 * 1024 * 1024);
    open_store();
    if (shared->next_step > 0) {
        take_over();
        shared->next_step++;
    }
    for (; shared->next_step < steps; shared->next_step++) {
        if (!enabled[shared->next_step])
            continue;
        dice_step = shared->next_step;
        dice_thrown = 0;
        shared->before = shared->model;
        shared->in_step = true;
        run_step();
        shared->in_step = false;
        shared->tried.steps++;
        arena_free(&arena);
    }
    calls_left = 0;
    check_all();
    storage_close(store);
    uint64_t findings = 0;
    if (storage_verify(run_dir, print_finding, NULL, &findings) != STORAGE_OK || findings > 0)
        _exit(FAILED);
    _exit(0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* False when it failed; shared->failure tells why. */
static bool run(void)
{
    snprintf(run_dir, sizeof run_dir, "/tmp/lakegate-model-XXXXXX");
    if (!mkdtemp(run_dir)) {
        perror(run_dir);
        exit(2);
    }
    struct tried tried = shared->tried;
    memset(shared, 0, sizeof *shared);
    shared->tried = tried;
    int status = 0;
    for (unsigned processes = 0; processes < steps + 1; processes++) {
        pid_t pid = fork();
        if (pid == 0)
            child();
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            perror("fork");
            exit(2);
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != DIED)
            break;
        shared->tried.deaths++;
    }
    if (WIFSIGNALED(status))
        snprintf(shared->failure, sizeof shared->failure, "step %u: signal %d", shared->next_step,
            WTERMSIG(status));
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!ok && shared->failure[0] == '\0')
        snprintf(shared->failure, sizeof shared->failure, "step %u: exit status %d",
            shared->next_step, status);
    nftw(run_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return ok;
}

/* Leaves out runs of steps, shorter and shorter ones, as long as it still fails. */
static void shrink(void)
{
    bool tried[STEPS_MAX];
    unsigned left = 400; /* runs */
    for (unsigned chunk = steps / 2; chunk > 0 && left > 0; chunk = chunk / 2) {
        for (unsigned from = 0; from < steps && left > 0; from += chunk) {
            bool any = false;
            memcpy(tried, enabled, sizeof tried);
            for (unsigned i = from; i < from + chunk && i < steps; i++) {
                any = any || enabled[i];
                enabled[i] = false;
            }
            if (!any)
                continue;
            left--;
            if (run())
                memcpy(enabled, tried, sizeof tried);
        }
    }
}

/* Returns how many steps are left. */
static unsigned report(const char *program)
{
    unsigned left = 0;
    const char *mode = salvaging ? " --salvage 1" : breaking ? " --break-it 1" : "";
    printf("FAILED %s\n  %s%s --seed %llu --steps %u\n", shared->failure, program, mode,
        (unsigned long long)seed, steps);
    fflush(stdout);
    shrink();
    show = true;
    run();
    printf("the shortest: %s\n  %s%s --seed %llu --steps %u --only ", shared->failure, program,
        mode, (unsigned long long)seed, steps);
    const char *comma = "";
    for (unsigned i = 0; i < steps; i++)
        if (enabled[i]) {
            printf("%s%u", comma, i);
            comma = ",";
            left++;
        }
    printf("\n");
    return left;
}

static void enable_only(const char *list)
{
    memset(enabled, 0, sizeof enabled);
    for (char *end; *list; list = *end == ',' ? end + 1 : end) {
        unsigned long step = strtoul(list, &end, 10);
        if (end == list)
            break;
        if (step < STEPS_MAX)
            enabled[step] = true;
    }
    show = true;
}

static void print_summary(unsigned runs)
{
    const struct tried *tried = &shared->tried;
    printf("%lu random operations in %u runs, %lu of them refused as the model says, %lu pages of "
           "listings, %lu crashes, %lu reopenings",
        tried->steps, runs, tried->refused, tried->listings, tried->deaths, tried->reopenings);
    if (salvaging)
        printf(", %lu salvages of a lost index", tried->salvages);
    printf("\n");
}

int main(int argc, char **argv)
{
    unsigned runs = RUNS_DEFAULT, minutes = 0;
    bool one = false;
    seed = (uint64_t)time(NULL) * 1000003 ^ (uint64_t)getpid();
    memset(enabled, 1, sizeof enabled);
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long long value = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0)
            seed = value, one = true;
        else if (strcmp(argv[i], "--from") == 0)
            seed = value;
        else if (strcmp(argv[i], "--steps") == 0)
            steps = value > STEPS_MAX ? STEPS_MAX : (unsigned)value;
        else if (strcmp(argv[i], "--runs") == 0)
            runs = (unsigned)value;
        else if (strcmp(argv[i], "--minutes") == 0)
            minutes = (unsigned)value, runs = UINT32_MAX;
        else if (strcmp(argv[i], "--salvage") == 0)
            salvaging = value != 0;
        else if (strcmp(argv[i], "--break-it") == 0)
            breaking = value != 0;
        else if (strcmp(argv[i], "--only") == 0)
            enable_only(argv[i + 1]);
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    model_init();
    time_t end = time(NULL) + minutes * 60;
    for (unsigned done = 0; done < (one ? 1 : runs); done++) {
        if (minutes > 0 && time(NULL) >= end) {
            print_summary(done);
            return 0;
        }
        if (!run()) {
            unsigned left = report(argv[0]);
            return breaking && left > 0 && left <= SHORT ? 0 : 1;
        }
        if (!one)
            seed = mix(seed);
    }
    print_summary(one ? 1 : runs);
    return breaking ? 1 : 0;
}
