/* Rot: one bit after the other is flipped in a store's files, and everything that can be asked of it is asked.
 * An answer may be what it was, or an error. Another answer than the right one must be found by the check; bytes of
 * an object that are not its own are never told at all. Nothing hangs, and what ends, ends with a word.
 *
 * usage: rot [--flips N] [--seed N] [--flip I] [--blind 1]
 *        --flip: that one of the run alone, and what comes of it; --blind: as if the check found nothing, which
 *        must be found out */
#include "rot.h"
#include "rot_files.h"
#include "storage/storage_care.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CHILD_MS = 60 * 1000, /* a healthy one takes a fiftieth of a second */
    STOPPED = 70,
    SPREAD_EVERY = 4, /* trying it takes longer than the rest */
    FINDING_BYTES = 300,
};

/* What a child leaves behind. */
struct shared {
    enum storage_err open_err, verify_err;
    bool opened, ended;
    uint64_t findings, scrub_findings;
    char finding[FINDING_BYTES], fatal[FINDING_BYTES];
    struct answer answers[QUESTIONS_MAX];
};

static struct {
    uint64_t flips[PLACES];
    uint64_t changed, by_error, silent, refused, deaths, faults, spreads_tried, failed;
} counts;

static struct question questions[QUESTIONS_MAX];
static size_t question_count;
static struct answer
    truth[QUESTIONS_MAX]; /* zeroed between its members, so that memory can be compared */
static struct shared *shared;
static uint64_t seed = 1;
static bool show, blind, scrubs_errors;

static bool is_error(enum storage_err err)
{
    return err == STORAGE_CORRUPT || err == STORAGE_IO || err == STORAGE_INTERNAL ||
           err == STORAGE_NEWER_FORMAT || err == STORAGE_NO_MEMORY;
}

/* ---- children ---- */

static void on_fatal(void *ctx, const char *what, int error_number)
{
    (void)ctx;
    snprintf(shared->fatal, sizeof(shared->fatal), "%s: %s", what, strerror(error_number));
    _exit(STOPPED);
}

static struct storage *open_work(const char *dir)
{
    struct storage_options options = {
        .dir = dir, .no_background = true, .segment_bytes = 2 * 1024 * 1024, .on_fatal = on_fatal};
    struct storage *store = NULL;
    const char *detail = "";
    shared->open_err = storage_open(&options, &store, &detail);
    if (shared->open_err != STORAGE_OK)
        snprintf(shared->fatal, sizeof(shared->fatal), "%s", detail);
    return store;
}

static void ask_all(struct storage *store, struct answer *ret_answers)
{
    for (size_t i = 0; i < question_count; i++)
        ret_answers[i] = rot_ask(store, &questions[i]);
}

static void take_scrub_finding(void *ctx, const struct scrub_finding *finding)
{
    (void)ctx;
    shared->scrub_findings++;
    if (show)
        printf("  scrub: %.*s %.*s\n", (int)finding->what.len, finding->what.ptr,
            (int)finding->key.len, span_present(finding->key) ? finding->key.ptr : "");
}

static void scrub(struct storage *store)
{
    static struct scrub_position position;
    struct scrub_order order = {.max_bytes = 64 * 1024 * 1024, .report = take_scrub_finding};
    struct storage_stats stats;
    storage_stats(store, &stats);
    shared->scrub_findings += stats.lacks_last; /* as the daemon takes it */
    bool end = false;
    while (!end)
        if (storage_scrub_step(store, &order, &position, &end) != STORAGE_OK)
            return;
}

/* Worth a scrub: other answers always are, errors every second time. */
static bool answers_differ(void)
{
    bool errors = false;
    for (size_t i = 0; i < question_count; i++) {
        if (memcmp(&shared->answers[i], &truth[i], sizeof(truth[i])) == 0)
            continue;
        if (!is_error(shared->answers[i].err))
            return true;
        errors = true;
    }
    return errors && scrubs_errors;
}

static void read_work(void)
{
    struct storage *store = open_work(rot_work);
    if (!store)
        return;
    shared->opened = true;
    ask_all(store, shared->answers);
    if (answers_differ())
        scrub(store);
    storage_close(store);
}

static void change_work(void)
{
    struct storage *store = open_work(rot_work);
    if (!store)
        return;
    rot_change(store);
    storage_close(store);
    read_work();
}

static void take_finding(void *ctx, const char *line)
{
    (void)ctx;
    if (shared->finding[0] == '\0')
        snprintf(shared->finding, sizeof(shared->finding), "%s", line);
    if (show)
        printf("  verify: %s\n", line);
}

static void verify_work(void)
{
    shared->verify_err = storage_verify(rot_work, take_finding, NULL, &shared->findings);
}

/* In a child, with all that it forks. False: it hung. status: as of waitpid */
static bool run_child(void (*run)(void), int *ret_status)
{
    fflush(stdout);
    shared->ended = false;
    shared->fatal[0] = '\0';
    pid_t child = fork();
    if (child < 0)
        rot_give_up("fork");
    if (child == 0) {
        setpgid(0, 0);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        run();
        shared->ended = true;
        fflush(stdout);
        _exit(0);
    }
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN};
    bool in_time = ended.fd < 0 || poll(&ended, 1, CHILD_MS) == 1;
    if (!in_time)
        kill(-child, SIGKILL);
    if (ended.fd >= 0)
        close(ended.fd);
    if (waitpid(child, ret_status, 0) != child)
        rot_give_up("waitpid");
    return in_time;
}

/* ---- one flip ---- */

static void failed(uint64_t number, const struct rot_flip *flip, const char *what, const char *more)
{
    counts.failed++;
    printf("FAILED --seed %llu --flip %llu (%s byte %zu bit %u): %s%s%s\n",
        (unsigned long long)seed, (unsigned long long)number, rot_files[flip->file].name,
        flip->byte, flip->bit, what, more[0] ? ": " : "", more);
}

/* Survives more objects in the buckets. */
static bool stays(const struct question *question)
{
    switch (question->kind) {
    case ASK_OBJECT:
    case ASK_UPLOAD:
    case ASK_DOCUMENT:
    case ASK_RECORD:
    case ASK_LINEAGE:
    case ASK_ZONES:
    case ASK_DUPLICATES:
    case ASK_CONTENT:
        return true;
    case ASK_BUCKETS:
    case ASK_BUCKET:
    case ASK_LIST:
    case ASK_UPLOADS:
    case ASK_RECORDS:
        break;
    }
    return false;
}

struct verdict {
    size_t errors, silent, wrong;
    char first[200];
};

static struct verdict compare(bool all)
{
    struct verdict verdict = {0};
    for (size_t i = 0; i < question_count; i++) {
        const struct answer *got = &shared->answers[i], *right = &truth[i];
        if ((!all && !stays(&questions[i])) ||
            (got->err == right->err && got->told == right->told && got->bytes == right->bytes))
            continue;
        if (is_error(got->err)) {
            verdict.errors++;
            continue;
        }
        bool wrong = got->err == right->err && got->told == right->told;
        verdict.wrong += wrong;
        verdict.silent += !wrong;
        if (verdict.first[0] == '\0' || show)
            rot_describe(&questions[i], verdict.first, sizeof(verdict.first));
        if (show)
            printf("  %s: %s\n", verdict.first, storage_err_text(got->err));
    }
    return verdict;
}

/* Flips that nobody sees: nor does anybody after changes. */
static void try_spreading(uint64_t number, const struct rot_flip *flip)
{
    int status;
    counts.spreads_tried++;
    shared->scrub_findings = 0;
    rot_lay_out(flip, true);
    if (!run_child(change_work, &status) || !shared->ended || !shared->opened) {
        failed(number, flip, "it does not go on after changes", shared->fatal);
        return;
    }
    struct verdict verdict = compare(false);
    if (verdict.errors + verdict.silent + verdict.wrong > 0)
        failed(number, flip, "changes made it worse", verdict.first);
    shared->finding[0] = '\0';
    if (shared->scrub_findings > 0)
        failed(number, flip, "after changes a scrub finds something", "");
    if (!run_child(verify_work, &status) || shared->verify_err != STORAGE_OK ||
        shared->findings > 0)
        failed(number, flip, "after changes there is a finding", shared->finding);
}

static bool check_flip(uint64_t number, const struct rot_flip *flip, bool *ret_found)
{
    int status;
    rot_lay_out(flip, false);
    scrubs_errors = number % 2 == 0;
    shared->findings = 0;
    shared->finding[0] = '\0';
    if (!run_child(verify_work, &status) || !shared->ended) {
        failed(number, flip, "the check hangs, or ends without a word", "");
        return false;
    }
    *ret_found = !blind && (shared->verify_err != STORAGE_OK || shared->findings > 0);
    shared->opened = false;
    shared->scrub_findings = 0;
    if (!run_child(read_work, &status)) {
        failed(number, flip, "reading hangs", "");
        return false;
    }
    /* What the daemon has last words for: its own end, or a fault. */
    bool fault =
        WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS ||
                                   WTERMSIG(status) == SIGFPE || WTERMSIG(status) == SIGILL);
    bool stopped = WIFEXITED(status) && WEXITSTATUS(status) == STOPPED && shared->fatal[0];
    if (!shared->ended && !fault && !stopped)
        failed(number, flip, "reading ends without a word", "");
    counts.faults += fault;
    if (show && !shared->ended)
        printf("  status %x\n", (unsigned)status);
    return true;
}

static void one_flip(uint64_t number, const struct rot_flip *flip)
{
    bool found = false;
    counts.flips[rot_files[flip->file].place]++;
    if (show)
        printf("%s byte %zu bit %u\n", rot_files[flip->file].name, flip->byte, flip->bit);
    if (!check_flip(number, flip, &found))
        return;
    bool refused = shared->ended && !shared->opened, died = !shared->ended;
    struct verdict verdict = {0};
    if (!refused && !died)
        verdict = compare(true);
    counts.refused += refused;
    counts.deaths += died;
    counts.by_error += verdict.errors > 0;
    counts.silent += verdict.silent > 0;
    bool changed = refused || died || verdict.errors + verdict.silent + verdict.wrong > 0;
    counts.changed += changed;
    if (show)
        printf("  %s, %zu errors, %zu silent, %zu wrong %s\n",
            refused ? "refused"
            : died  ? "died"
                    : "read",
            verdict.errors, verdict.silent, verdict.wrong, shared->fatal);
    if (verdict.wrong > 0)
        failed(number, flip, "wrong bytes were told as right ones", verdict.first);
    if (changed && !found)
        failed(number, flip, "the check does not find it",
            refused || died ? shared->fatal : verdict.first);
    bool scrubbed = verdict.silent + verdict.wrong > 0 || (changed && scrubs_errors);
    if (scrubbed && !refused && !died && !blind && shared->scrub_findings == 0)
        failed(number, flip, "a scrub does not find it", verdict.first);
    if (!changed && !found && rot_files[flip->file].place == PLACE_INDEX &&
        number % SPREAD_EVERY == 0)
        try_spreading(number, flip);
}

/* ---- the run ---- */

static void make_base(void)
{
    int status;
    static struct arena arena; /* the questions' */
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    struct storage *store = open_work(rot_base);
    if (!store)
        rot_give_up("the store does not open");
    rot_fill(store);
    question_count = rot_questions(store, &arena, questions);
    ask_all(store, truth);
    storage_close(store);
    rot_read_files();
    /* Unharmed it is all right, and stays so. */
    struct rot_flip none = {.file = SIZE_MAX};
    for (int copy = 0; copy < 2; copy++) {
        rot_lay_out(&none, copy);
        shared->findings = 0;
        if (!run_child(verify_work, &status) || shared->findings != 0)
            rot_give_up(shared->finding);
        if (!run_child(copy ? change_work : read_work, &status) || !shared->opened)
            rot_give_up("an unharmed store is not read");
        struct verdict verdict = compare(!copy);
        if (verdict.errors + verdict.silent + verdict.wrong > 0)
            rot_give_up(verdict.first);
    }
}

static void choose_folder(char ret_dir[static ROT_PATH_BYTES])
{
    const char *at = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(ret_dir, ROT_PATH_BYTES, "%s/lakegate-rot-XXXXXX", at);
    if (!mkdtemp(ret_dir))
        rot_give_up(ret_dir);
}

static void tell_counts(void)
{
    unsigned long long all = counts.flips[0] + counts.flips[1] + counts.flips[2];
    printf("rot: %llu flips (", all);
    for (size_t i = 0; i < PLACES; i++)
        printf("%s%llu %s", i ? ", " : "", (unsigned long long)counts.flips[i], rot_place_names[i]);
    printf("), %llu changed an answer: %llu to an error, %llu silently, %llu refused to open, %llu "
           "ended the process "
           "(%llu by a fault)",
        (unsigned long long)counts.changed, (unsigned long long)counts.by_error,
        (unsigned long long)counts.silent, (unsigned long long)counts.refused,
        (unsigned long long)counts.deaths, (unsigned long long)counts.faults);
    printf("; %llu of the rest were tried with changes; %llu were not found or not borne\n",
        (unsigned long long)counts.spreads_tried, (unsigned long long)counts.failed);
}

int main(int argc, char **argv)
{
    uint64_t flips = 5000, only = UINT64_MAX;
    char dir[ROT_PATH_BYTES];
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--flips") == 0)
            flips = number;
        else if (strcmp(argv[i], "--seed") == 0)
            seed = number;
        else if (strcmp(argv[i], "--flip") == 0)
            only = number;
        else if (strcmp(argv[i], "--blind") == 0)
            blind = number != 0;
    }
    /* Buffers come and go by the thousand: kept, they cost no page faults. */
    mallopt(M_MMAP_THRESHOLD, 256 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 512 * 1024 * 1024);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        rot_give_up("memory");
    choose_folder(dir);
    rot_path_in(dir, "base", rot_base);
    rot_path_in(dir, "work", rot_work);
    make_base();
    show = only != UINT64_MAX;
    for (uint64_t i = show ? only : 0; i < (show ? only + 1 : flips); i++) {
        struct rot_flip flip = rot_any_flip(seed, i);
        one_flip(i, &flip);
    }
    rot_remove_folder(dir);
    tell_counts();
    if (blind) /* then it must look as if nothing were found */
        return counts.failed > 0 ? 0 : 1;
    return counts.failed == 0 ? 0 : 1;
}
