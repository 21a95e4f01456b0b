#include "power.h"
#include "storage/storage_care.h"

#include <sys/wait.h>
#include <unistd.h>

/* ---- while a snapshot is made, or a lost index salvaged ---- */

enum { WAY_BACK_STATES = 300, SUBSETS_AROUND = 4, SUBSETS_AT_THE_END = 24 };

static bool salvaging_index; /* else a snapshot is made */

static void note_line(void *ctx, const char *line)
{
    (void)ctx;
    size_t len = strlen(shared->salvage_line);
    snprintf(shared->salvage_line + len, sizeof shared->salvage_line - len, "%s; ", line);
}

static void lose_index(const char *dir)
{
    char path[160];
    snprintf(path, sizeof path, "%s/index/data.mdb", dir);
    unlink(path);
}

/* from_snapshot: one is there that it must begin with. */
static void salvage(const char *dir, bool from_snapshot)
{
    struct storage_salvage order = {.dir = dir, .report = note_line};
    struct storage_salvage_figures figures;
    const char *detail = "";
    shared->salvage_line[0] = '\0';
    if (storage_salvage(&order, &figures, &detail) != STORAGE_OK)
        fail("salvage: %s", detail);
    if (figures.unknown > 0)
        fail("salvage does not know all: %s", shared->salvage_line);
    if (from_snapshot && figures.snapshot_ms == 0)
        fail("salvage has no snapshot to begin with: %s", shared->salvage_line);
}

/* In a process of its own. What does not open for want of an index is salvaged; then the index is lost once more.
 * done: making the snapshot, or salvaging, had ended with success before the power went: it need not be done again. */
_Noreturn static void check_way_back(bool done)
{
    uint64_t findings = 0;
    struct storage_options options = {.dir = power_state, .no_background = true};
    const char *detail = "";
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    for (int i = 0; i < 2; i++) {
        enum storage_err err = storage_open(&options, &store, &detail);
        if (err == STORAGE_CORRUPT) {
            if (done && salvaging_index && i == 0)
                fail("what was salvaged does not open: %s", detail);
            salvage(power_state, done || salvaging_index);
            err = storage_open(&options, &store, &detail);
        }
        if (err != STORAGE_OK)
            fail("it does not open: %s", detail);
        if (!all_same(&shared->model, false))
            fail("it differs in %s", difference);
        storage_close(TAKE(store));
        if (storage_verify(power_state, print_finding, NULL, &findings) != STORAGE_OK ||
            findings > 0)
            _exit(1);
        lose_index(power_state);
    }
    _exit(0);
}

static bool look_way_back(uint32_t at, uint64_t subset)
{
    static bool kept[DISK_CALLS_MAX];
    int status = 0;
    for (uint32_t call = 0; call <= at; call++)
        kept[call] =
            disk_is_pending(call, at) && (subset == 0      ? false
                                             : subset == 1 ? true
                                                           : (mix(subset + call) & 1) != 0);
    (void)disk_make(power_state, at, kept, DISK_NEVER, DISK_WHOLE, power_seed);
    atomic_fetch_add(&totals->states, 1);
    shared->failure[0] = '\0';
    pid_t pid = fork();
    if (pid == 0)
        check_way_back(disk_calls[at].call == DISK_MARK);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        fail("fork");
    remove_tree(power_state);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    snprintf(totals->failure, sizeof totals->failure,
        "before call %u of %u has returned: %.500s (status %x)", at, disk_call_count,
        shared->failure, (unsigned)status);
    atomic_store(&totals->failed, true);
    return false;
}

/* All around renames and syncs, where much is decided; then wherever the seed says. */
static void look_all_around(void)
{
    for (uint32_t at = 0; at < disk_call_count; at++) {
        bool decides = disk_calls[at].call == DISK_RENAME ||
                       (at > 0 && disk_calls[at - 1].call == DISK_RENAME) ||
                       at + 1 == disk_call_count;
        uint64_t subsets = disk_calls[at].call == DISK_MARK ? SUBSETS_AT_THE_END : SUBSETS_AROUND;
        for (uint64_t subset = 0; decides && subset < subsets; subset++)
            if (!look_way_back(at, subset))
                return;
    }
    while (atomic_load(&totals->states) < states_wanted) {
        uint64_t number = atomic_load(&totals->states);
        if (!look_way_back((uint32_t)(mix(power_seed + number) % disk_call_count), number % 5))
            return;
    }
}

_Noreturn static void way_back_child(bool salvages)
{
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    power_keeps_log = true;
    copy_tree(power_base, power_live);
    open_at(power_live);
    for (size_t i = 0; i < CHANGES && commits < COMMITS_MAX - 2; i++)
        changes[i].run();
    storage_close(TAKE(store));
    if (salvages) {
        if (snapshot_make(power_live, 0).err != STORAGE_OK)
            fail("no snapshot could be made");
        open_at(power_live);
        for (size_t i = 0; i < 5 && commits < COMMITS_MAX - 2; i++)
            changes[i].run();
        storage_close(TAKE(store));
        lose_index(power_live);
    }
    disk_record(power_live);
    if (salvages)
        salvage(power_live, true);
    else if (snapshot_make(power_live, 0).err != STORAGE_OK)
        fail("no snapshot could be made");
    disk_mark(1);
    disk_stop();
    look_all_around();
    atomic_fetch_add(&totals->sequences, 1);
    _exit(0);
}

void run_way_back(bool salvages)
{
    int status;
    shared->model = base_model;
    salvaging_index = salvages;
    if (states_wanted == STATES_DEFAULT)
        states_wanted = WAY_BACK_STATES;
    pid_t pid = fork();
    if (pid == 0)
        way_back_child(salvages);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        snprintf(totals->failure, sizeof totals->failure, "running it: %s", shared->failure);
        atomic_store(&totals->failed, true);
    }
}
