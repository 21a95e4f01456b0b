/* The snapshots of a store that is open. Another process makes them, low in priority: the map can grow meanwhile, and
 * damaged pages, which only such a walk would meet, end it alone. */
#include "storage/local/child.h"
#include "storage/local/engine.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOOK_MS = 5000,
    FIRST_AFTER_MS = 60 * 1000,      /* where there is none */
    AGAIN_AFTER_MS = 10 * 60 * 1000, /* one that failed */
    SOON_AFTER_MS = 30 * 1000,       /* at least between two, however much is written */
    SOON_TIMES = 10,                 /* and so many times as long as the last one took */
    DEFAULT_INTERVAL_MS = 6 * 3600 * 1000,
    MUCH_BYTES = 64 << 20,
};

/* ---- the process ---- */

static void be_low(void)
{
    enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_IDLE = 3 << 13 };
    setpriority(PRIO_PROCESS, 0, 19);
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

_Noreturn static void child_main(const char *dir, uint64_t rate, int out)
{
    child_let_faults_end();
    be_low();
    child_keep_only(&out);
    struct snapshot_made made = snapshot_make(dir, rate);
    bool told = write(out, &made, sizeof(made)) == (ssize_t)sizeof(made);
    _exit(told ? 0 : 1);
}

/* For snapshots_stop: may be killed until it is waited for. */
static void note_child(struct snapshots *snapshots, pid_t child)
{
    pthread_mutex_lock(&snapshots->lock);
    snapshots->child = child;
    if (child > 0 && snapshots->stop)
        kill(child, SIGKILL);
    pthread_mutex_unlock(&snapshots->lock);
}

static struct snapshot_made run_child(struct storage *storage, uint64_t rate)
{
    struct snapshot_made made = {.err = STORAGE_UNUSABLE};
    int ends[2], status = 0;
    if (pipe(ends) != 0)
        return made;
    pid_t child = fork();
    if (child == 0)
        child_main(storage->dir, rate, ends[1]);
    close(ends[1]);
    note_child(&storage->snapshots, child);
    size_t len = 0;
    ssize_t got = 1;
    while (child > 0 && len < sizeof(made) && got != 0) {
        got = read(ends[0], (char *)&made + len, sizeof(made) - len);
        if (got < 0 && errno != EINTR)
            break;
        len += got > 0 ? (size_t)got : 0;
    }
    close(ends[0]);
    note_child(&storage->snapshots, 0);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (child < 0)
        made = (struct snapshot_made){.err = STORAGE_NO_MEMORY};
    else if (len < sizeof(made)) /* a fault ended it, or somebody did */
        made = (struct snapshot_made){
            .err = WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM
                       ? STORAGE_CORRUPT
                       : STORAGE_UNUSABLE};
    index_forget_dead(storage->index);
    return made;
}

/* ---- which are kept ---- */

/* Removes all but the newest `keep`, and learns what the oldest of them has. */
static void look(struct storage *storage, uint32_t keep)
{
    struct snapshots *snapshots = &storage->snapshots;
    struct snapshot_list list;
    uint64_t *sealed = NULL;
    size_t count = 0, drop = 0;
    if (snapshot_list(storage->dir, &list) != STORAGE_OK)
        list.count = 0;
    for (; list.count - drop > keep; drop++)
        snapshot_remove(storage->dir, list.items[drop].frame_id);
    list.count -= drop;
    memmove(list.items, list.items + drop, list.count * sizeof(list.items[0]));
    if (list.count > 0)
        count = snapshot_sealed(storage->dir, list.items[0].frame_id, &sealed);
    pthread_mutex_lock(&snapshots->lock);
    uint64_t *old = snapshots->sealed;
    snapshots->list = list;
    snapshots->sealed = sealed;
    snapshots->sealed_count = count;
    pthread_mutex_unlock(&snapshots->lock);
    free(old);
}

bool snapshots_cover(struct storage *storage, uint64_t segment_id)
{
    struct snapshots *snapshots = &storage->snapshots;
    if (storage->options.snapshots == 0)
        return true;
    pthread_mutex_lock(&snapshots->lock);
    size_t low = 0, high = snapshots->sealed_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (snapshots->sealed[middle] < segment_id)
            low = middle + 1;
        else
            high = middle;
    }
    bool covered = snapshots->no_room ||
                   (low < snapshots->sealed_count && snapshots->sealed[low] == segment_id);
    pthread_mutex_unlock(&snapshots->lock);
    return covered;
}

/* ---- making one ---- */

static uint64_t index_bytes(struct storage *storage)
{
    struct index_usage usage;
    if (index_usage(storage->index, &usage) != STORAGE_OK)
        return 0;
    return (usage.pages_used - usage.free_pages) * usage.page_bytes;
}

/* Where there is no room, older ones make some. Else the log must go, or it would fill the disk. */
static bool has_room(struct storage *storage)
{
    if (!space_short(storage->space, index_bytes(storage)))
        return true;
    look(storage, 1);
    return !space_short(storage->space, index_bytes(storage));
}

static enum storage_err make(struct storage *storage, uint64_t rate)
{
    struct snapshots *snapshots = &storage->snapshots;
    struct snapshot_made made = {.err = STORAGE_NO_SPACE};
    pthread_mutex_lock(&snapshots->making);
    uint64_t begun_ms = clock_monotonic_ms();
    uint64_t log_bytes = atomic_load(&snapshots->log_bytes);
    if (has_room(storage))
        made = run_child(storage, rate);
    pthread_mutex_lock(&snapshots->lock);
    snapshots->no_room = made.err == STORAGE_NO_SPACE;
    snapshots->damage = made.err == STORAGE_CORRUPT;
    snapshots->failures += made.err != STORAGE_OK;
    snapshots->tried_ms = clock_monotonic_ms();
    snapshots->took_ms = snapshots->tried_ms - begun_ms;
    if (made.err == STORAGE_OK)
        snapshots->bytes = made.bytes;
    pthread_mutex_unlock(&snapshots->lock);
    if (made.err == STORAGE_OK) {
        atomic_fetch_sub(&snapshots->log_bytes, log_bytes);
        look(storage, storage->options.snapshots);
    }
    pthread_mutex_unlock(&snapshots->making);
    return made.err;
}

enum storage_err storage_snapshot(struct storage *storage)
{
    return storage->options.snapshots == 0 ? STORAGE_INVALID : make(storage, 0);
}

/* ---- when ---- */

static uint64_t last_frame(struct storage *storage)
{
    struct index_txn *txn = NULL;
    struct span value;
    struct state_record state = {0};
    if (index_read_begin(storage->index, &txn) != STORAGE_OK)
        return 0;
    if (index_get(txn, TABLE_META, SPAN("state"), &value) == STORAGE_OK &&
        schema_decode_state(SPAN("state"), value, &state) != STORAGE_OK)
        state.commit_sequence = 0;
    index_read_end(txn);
    return state.commit_sequence;
}

struct latest {
    size_t count;
    struct snapshot_entry newest;
    uint64_t tried_ago_ms, took_ms;
    bool failed;
};

static struct latest latest_of(struct snapshots *snapshots)
{
    struct latest latest = {0};
    pthread_mutex_lock(&snapshots->lock);
    latest.count = snapshots->list.count;
    if (latest.count > 0)
        latest.newest = snapshots->list.items[latest.count - 1];
    latest.tried_ago_ms = clock_monotonic_ms() - snapshots->tried_ms;
    latest.took_ms = snapshots->took_ms;
    latest.failed = snapshots->no_room || snapshots->damage;
    pthread_mutex_unlock(&snapshots->lock);
    return latest;
}

static bool due(struct storage *storage, const struct latest *latest)
{
    uint64_t interval = (uint64_t)storage->options.snapshot_interval_ms;
    uint64_t pause = SOON_TIMES * latest->took_ms;
    if (latest->failed && latest->tried_ago_ms < AGAIN_AFTER_MS)
        return false;
    if (latest->count == 0)
        return latest->tried_ago_ms >= (interval < FIRST_AFTER_MS ? interval : FIRST_AFTER_MS) &&
               last_frame(storage) != 0;
    if (last_frame(storage) == latest->newest.frame_id)
        return false;
    int64_t age_ms = clock_unix_ms() - latest->newest.time_ms;
    if (age_ms >= 0 && (uint64_t)age_ms >= interval && latest->tried_ago_ms >= LOOK_MS)
        return true;
    if (latest->tried_ago_ms < (pause > SOON_AFTER_MS ? pause : SOON_AFTER_MS))
        return false;
    return atomic_load(&storage->snapshots.log_bytes) >= MUCH_BYTES ||
           atomic_load(&storage->snapshots.held_bytes) > 0;
}

static void look_what_is_due(struct storage *storage)
{
    struct latest latest = latest_of(&storage->snapshots);
    if (due(storage, &latest)) {
        (void)make(storage, SNAPSHOT_RATE); /* a failure is counted, and tried again */
        return;
    }
    /* The newest has all that there is, so what the older ones keep from being given back is of no use. */
    if (latest.count > 1 && atomic_load(&storage->snapshots.held_bytes) > 0 &&
        last_frame(storage) == latest.newest.frame_id)
        look(storage, 1);
}

static void *snapshots_main(void *arg)
{
    struct storage *storage = arg;
    struct snapshots *snapshots = &storage->snapshots;
    for (;;) {
        uint64_t until_ns = clock_monotonic_ns() + LOOK_MS * NS_PER_MS;
        pthread_mutex_lock(&snapshots->lock);
        while (!snapshots->stop && clock_wait(&snapshots->wake, &snapshots->lock, until_ns))
            continue;
        bool stop = snapshots->stop;
        pthread_mutex_unlock(&snapshots->lock);
        if (stop)
            return NULL;
        look_what_is_due(storage);
    }
}

/* ---- life ---- */

enum storage_err snapshots_start(struct storage *storage)
{
    struct snapshots *snapshots = &storage->snapshots;
    pthread_mutex_init(&snapshots->making, NULL);
    pthread_mutex_init(&snapshots->lock, NULL);
    pthread_cond_init(&snapshots->wake, NULL);
    if (storage->options.snapshots == 0)
        return STORAGE_OK;
    if (storage->options.snapshots > SNAPSHOTS_MAX)
        storage->options.snapshots = SNAPSHOTS_MAX;
    if (storage->options.snapshot_interval_ms <= 0)
        storage->options.snapshot_interval_ms = DEFAULT_INTERVAL_MS;
    snapshots->tried_ms = clock_monotonic_ms();
    snapshot_remove(storage->dir, UINT64_MAX);
    look(storage, storage->options.snapshots);
#ifdef __SANITIZE_THREAD__
    return STORAGE_OK; /* it lets no thread begin in a child process, and LMDB's copy is two */
#endif
    if (storage->options.no_background)
        return STORAGE_OK;
    if (pthread_create(&snapshots->thread, NULL, snapshots_main, storage) != 0)
        return STORAGE_NO_MEMORY;
    pthread_setname_np(snapshots->thread, "snapshots");
    snapshots->thread_runs = true;
    return STORAGE_OK;
}

void snapshots_stop(struct storage *storage)
{
    struct snapshots *snapshots = &storage->snapshots;
    if (snapshots->thread_runs) {
        pthread_mutex_lock(&snapshots->lock);
        snapshots->stop = true;
        if (snapshots->child > 0)
            kill(snapshots->child, SIGKILL);
        pthread_cond_signal(&snapshots->wake);
        pthread_mutex_unlock(&snapshots->lock);
        pthread_join(snapshots->thread, NULL);
        snapshots->thread_runs = false;
    }
    free(TAKE(snapshots->sealed));
}

void snapshots_figures(struct storage *storage, struct storage_stats *stats)
{
    struct snapshots *snapshots = &storage->snapshots;
    pthread_mutex_lock(&snapshots->lock);
    stats->snapshots = (uint32_t)snapshots->list.count;
    if (snapshots->list.count > 0)
        stats->snapshot_ms = snapshots->list.items[snapshots->list.count - 1].time_ms;
    stats->snapshot_bytes = snapshots->bytes;
    stats->snapshot_failures = snapshots->failures;
    stats->snapshot_no_room = snapshots->no_room;
    stats->snapshot_damage = snapshots->damage;
    pthread_mutex_unlock(&snapshots->lock);
    stats->snapshot_log_bytes = atomic_load(&snapshots->log_bytes);
}
