/* Every state that a power cut could leave of the store's disk: each opens, verifies, and has what was
 * acknowledged, byte for byte; what was under way is there whole or not at all.
 *
 * usage: power_states [--states N] [--seed N] [--fault segment|file|folder|index] [--sequence A,B,C] [--fresh 1]
 *                     [--way-back snapshot|salvage] [--each-sync 1] [--skip-sync N]
 *
 * Sequences of up to three changes on a small store are run while all calls on files are recorded (disk.h). For
 * each point between or within two calls the store is made anew as the disk could have left it: every subset of
 * what was pending where that is at most 6 calls, else seeded ones, and torn writes. Sequences come in an
 * order that the seed decides until N states were looked at (0: all of them).
 *
 * With --way-back snapshot or salvage the power goes while a snapshot of the index is made, or a lost index is salvaged:
 * each state opens or is salvaged, nothing is missing, and the check is clean; and when it had ended with success, it
 * need not be done again.
 *
 * With --fault the disk lies, and the program is to find it: then its exit code is 0 when it does. With --each-sync it
 * leaves out one sync alone, each of some sequences in its turn, and every one must be found. */
#include "power.h"
#include "storage/storage_care.h"

#include <sys/stat.h>

#include <ftw.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SEQUENCE_MAX = 3,
    SUBSETS_EXHAUSTIVE = 6, /* pending calls */
    SUBSETS_SAMPLED = 24,
    SEEN_BITS = 20,
};

struct shared *shared;
struct storage *store;
struct arena arena;
bool show;

struct totals *totals;
char power_base[POWER_PATH_BYTES], power_live[POWER_PATH_BYTES], power_state[POWER_PATH_BYTES];
uint64_t power_seed = 1;
unsigned long states_wanted = STATES_DEFAULT;
bool power_fresh, power_keeps_log;
uint32_t commits;
static char work[POWER_PATH_BYTES - 16];
struct model base_model;
static struct model models[COMMITS_MAX + 1]; /* [n]: after n commits */

_Noreturn void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(shared->failure, sizeof shared->failure, format, args);
    va_end(args);
    _exit(1);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void open_at(const char *dir)
{
    struct storage_options options = {.dir = dir,
        .no_background = true,
        .segment_bytes = 2 * 1024 * 1024,
        .snapshots = power_keeps_log ? 2 : 0};
    const char *detail = "";
    enum storage_err err = storage_open(&options, &store, &detail);
    if (err != STORAGE_OK)
        fail("it does not open: %s", detail);
}

/* ---- commits, as changes.h asks for them ---- */

bool commit_change(struct mutation *m)
{
    if (commits == COMMITS_MAX)
        fail("too many commits");
    models[++commits] = shared->model; /* so it is from now on, or was before */
    if (storage_commit(store, m) != STORAGE_OK)
        fail("a change was refused: %s", storage_err_text(m->err));
    disk_mark(commits);
    return true;
}

void change_learnt(void)
{
    models[commits] = shared->model;
}

_Noreturn void change_failed(const char *what)
{
    fail("%s failed", what);
}

void change_reopen(void)
{
    storage_close(TAKE(store));
    open_at(power_live);
}

/* ---- looking at one state ---- */

void print_finding(void *ctx, const char *line)
{
    (void)ctx;
    if (shared->failure[0] == '\0')
        snprintf(shared->failure, sizeof shared->failure, "verify: %s", line);
}

/* In a process of its own. done: commits that were acknowledged; one more may be there. */
_Noreturn static void check_state(uint32_t done)
{
    uint64_t findings = 0;
    const char *why;
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    open_at(power_state);
    if (!all_same(&models[done], false)) {
        why = difference;
        if (done == commits || !all_same(&models[done + 1], false))
            fail("after %u commits it differs in %s%s%s", done, why,
                done == commits ? "" : "; with the next one in ",
                done == commits ? "" : difference);
    }
    storage_close(store);
    if (storage_verify(power_state, print_finding, NULL, &findings) != STORAGE_OK || findings > 0)
        _exit(1);
    _exit(0);
}

static bool is_new(uint64_t hash)
{
    static uint64_t seen[1 << SEEN_BITS];
    uint64_t *slot = &seen[hash & ((1 << SEEN_BITS) - 1)];
    bool is = *slot != hash;
    *slot = hash;
    return is;
}

static bool look_at(
    uint32_t at, const bool *kept, uint32_t torn, enum disk_tear tear, uint32_t done)
{
    int status = 0;
    uint64_t hash = disk_make(power_state, at, kept, torn, tear, power_seed + at) + done;
    if (!is_new(hash)) {
        atomic_fetch_add(&totals->same, 1);
        remove_tree(power_state);
        return true;
    }
    atomic_fetch_add(&totals->states, 1);
    atomic_fetch_add(&totals->torn, tear != DISK_WHOLE);
    shared->failure[0] = '\0';
    pid_t pid = fork();
    if (pid == 0)
        check_state(done);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        fail("fork");
    remove_tree(power_state);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (shared->failure[0] == '\0')
        snprintf(
            shared->failure, sizeof shared->failure, "it ended with status %x", (unsigned)status);
    return false;
}

/* The subset by number, of those that are pending. */
static void choose(bool *kept, const uint32_t *pending, size_t count, uint64_t subset)
{
    for (size_t i = 0; i < count; i++)
        kept[pending[i]] = (subset >> (i % 64) & 1) != 0;
}

static bool look_at_point(uint32_t at, uint32_t done)
{
    static bool kept[DISK_CALLS_MAX];
    static uint32_t pending[DISK_CALLS_MAX];
    size_t count = 0;
    for (uint32_t call = 0; call <= at; call++) {
        kept[call] = false;
        if (disk_is_pending(call, at))
            pending[count++] = call;
    }
    bool all = count <= SUBSETS_EXHAUSTIVE;
    uint64_t subsets = all ? 1ull << count : SUBSETS_SAMPLED;
    for (uint64_t i = 0; i < subsets; i++) {
        uint64_t subset = all || i == 0 ? i
                          : i == 1      ? UINT64_MAX
                                        : mix(power_seed * 31 + at * 1009 + i);
        choose(kept, pending, count, subset);
        if (!look_at(at, kept, DISK_NEVER, DISK_WHOLE, done))
            return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (disk_calls[pending[i]].call != DISK_WRITE || disk_calls[pending[i]].length <= 512)
            continue;
        choose(kept, pending, count, mix(power_seed + i) | 1ull << (i % 64));
        kept[pending[i]] = true;
        for (enum disk_tear tear = DISK_TORN_512; tear <= DISK_TORN_4096; tear++)
            if (!look_at(at, kept, pending[i], tear, done))
                return false;
    }
    return true;
}

/* ---- a sequence ---- */

static void run_changes(const unsigned *sequence, size_t length)
{
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    models[0] = shared->model;
    commits = 0;
    open_at(power_live);
    if (power_fresh)
        change_begin();
    for (size_t i = 0; i < length; i++)
        changes[sequence[i]].run();
    disk_stop();
    const char *skipped = disk_skipped_path();
    snprintf(totals->skipped, sizeof totals->skipped, "%s", skipped ? skipped : "none");
}

bool power_enough(void)
{
    return states_wanted > 0 && atomic_load(&totals->states) >= states_wanted;
}

static void describe(const unsigned *sequence, size_t length, uint32_t at)
{
    char names[200] = "";
    for (size_t i = 0; i < length; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? "," : "",
            changes[sequence[i]].name);
    snprintf(totals->failure, sizeof totals->failure,
        "--sequence %s --seed %llu, before call %u has returned: %.500s", names,
        (unsigned long long)power_seed, at, shared->failure);
    atomic_store(&totals->failed, true);
}

void copy_tree(const char *from, const char *to)
{
    char command[300];
    snprintf(command, sizeof command, "cp -a '%s' '%s'", from, to);
    if (system(command) != 0)
        fail("cp");
}

/* In a process of its own: the store is left as it is, with its threads. */
_Noreturn static void child(const unsigned *sequence, size_t length)
{
    uint32_t done = 0;
    if (!power_fresh)
        copy_tree(power_base, power_live);
    else if (mkdir(power_live, 0700) != 0)
        fail("mkdir");
    disk_record(power_live);
    run_changes(sequence, length);
    for (uint32_t at = 0; at < disk_call_count && !power_enough(); at++) {
        if (disk_calls[at].call == DISK_MARK)
            done = disk_calls[at].mark;
        bool last = at + 1 == disk_call_count;
        if (disk_calls[at].call == DISK_SYNC && !last)
            continue; /* the same as before the next call */
        if (!look_at_point(at, done)) {
            describe(sequence, length, at);
            break;
        }
    }
    atomic_fetch_add(&totals->sequences, 1);
    _exit(0);
}

void run_sequence(const unsigned *sequence, size_t length)
{
    int status;
    shared->model = power_fresh ? (struct model){0} : base_model;
    pid_t pid = fork();
    if (pid == 0)
        child(sequence, length);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        snprintf(
            totals->failure, sizeof totals->failure, "running a sequence: %s", shared->failure);
        atomic_store(&totals->failed, true);
    }
    remove_tree(power_live);
    remove_tree(power_state);
}

/* What all sequences begin with: a store with a bucket and some objects, closed well. */
static void make_base(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        arena_init(&arena, (size_t)64 * 1024 * 1024);
        open_at(power_base);
        change_begin();
        storage_close(store);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "the store to begin with: %s\n", shared->failure);
        exit(2);
    }
    base_model = shared->model;
}

/* All sequences up to the longest, in an order that the seed decides. */
static void run_all(void)
{
    enum { COUNT = CHANGES + CHANGES * CHANGES + CHANGES * CHANGES * CHANGES };
    static uint32_t order[COUNT];
    for (uint32_t i = 0; i < COUNT; i++)
        order[i] = i;
    for (uint32_t i = COUNT - 1; i > CHANGES; i--) { /* the shortest stay in front */
        uint32_t k = CHANGES + (uint32_t)(mix(power_seed + i) % (i - CHANGES + 1));
        uint32_t other = order[k];
        order[k] = order[i];
        order[i] = other;
    }
    power_fresh = true; /* the very first opening, and the first objects */
    run_sequence((const unsigned[]){0}, 1);
    power_fresh = false;
    for (uint32_t i = 0; i < COUNT && !power_enough() && !atomic_load(&totals->failed); i++) {
        unsigned sequence[SEQUENCE_MAX], number = order[i];
        size_t length = number < CHANGES ? 1 : number < CHANGES + CHANGES * CHANGES ? 2 : 3;
        number -= length == 1 ? 0 : length == 2 ? CHANGES : CHANGES + CHANGES * CHANGES;
        for (size_t k = 0; k < length; k++, number /= CHANGES)
            sequence[k] = number % CHANGES;
        run_sequence(sequence, length);
    }
}

size_t read_sequence(const char *list, unsigned ret_sequence[static SEQUENCE_MAX])
{
    size_t length = 0;
    struct span rest = span_str(list), name;
    while (length < SEQUENCE_MAX && span_split(&rest, ',', &name)) {
        unsigned i = 0;
        while (i < CHANGES && !span_eq(name, span_str(changes[i].name)))
            i++;
        if (i == CHANGES)
            return 0;
        ret_sequence[length++] = i;
    }
    return length;
}

static void run_named(const char *list)
{
    unsigned sequence[SEQUENCE_MAX];
    size_t length = read_sequence(list, sequence);
    if (length == 0) {
        fprintf(stderr, "there is no such sequence: %s\n", list);
        exit(2);
    }
    run_sequence(sequence, length);
}

static void *share(size_t len)
{
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return memory;
}

static enum disk_fault fault_named(const char *name)
{
    static const char *const names[] = {"", "segment", "file", "folder", "index"};
    for (size_t i = 1; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum disk_fault)i;
    fprintf(stderr, "there is no fault %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    const char *sequence = NULL, *way_back = NULL;
    bool each_sync = false;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--states") == 0)
            states_wanted = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            power_seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--fault") == 0)
            disk_fault = fault_named(argv[i + 1]);
        else if (strcmp(argv[i], "--fresh") == 0)
            power_fresh = true;
        else if (strcmp(argv[i], "--each-sync") == 0)
            each_sync = true;
        else if (strcmp(argv[i], "--skip-sync") == 0)
            disk_skipped_sync = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--sequence") == 0)
            sequence = argv[i + 1];
        else if (strcmp(argv[i], "--way-back") == 0)
            way_back = argv[i + 1];
    }
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(work, sizeof work, "%s/lakegate-power-XXXXXX", memory);
    if (!mkdtemp(work)) {
        perror(work);
        return 2;
    }
    snprintf(power_base, sizeof power_base, "%s/base", work);
    snprintf(power_live, sizeof power_live, "%s/live", work);
    snprintf(power_state, sizeof power_state, "%s/state", work);
    shared = share(sizeof *shared);
    totals = share(sizeof *totals);
    model_init();
    make_base();
    if (each_sync) {
        bool found = run_each_sync();
        remove_tree(work);
        return found ? 0 : 1;
    }
    if (way_back)
        run_way_back(strcmp(way_back, "salvage") == 0);
    else if (!sequence)
        run_all();
    else
        run_named(sequence);
    remove_tree(work);
    bool failed = atomic_load(&totals->failed);
    printf("%lu states of %lu sequences, %lu with a torn write (%lu more were the same as "
           "others)%s%s\n",
        atomic_load(&totals->states), atomic_load(&totals->sequences), atomic_load(&totals->torn),
        atomic_load(&totals->same), failed ? ": FAILED " : "", failed ? totals->failure : "");
    return failed == (disk_fault != DISK_HONEST || disk_skipped_sync != 0) ? 0 : 1;
}
