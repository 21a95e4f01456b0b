#include "daemon/metrics_history.h"

#include "base/clock.h"
#include "daemon/connections.h"
#include "daemon/daemon.h"
#include "daemon/metrics.h"
#include "storage/storage_care.h"

#include <pthread.h>
#include <unistd.h>

/* In the order in which they are written. */
enum column {
    COLUMN_READS, /* of each group of metrics.h, in its order */
    COLUMN_WRITES,
    COLUMN_DELETES,
    COLUMN_LISTS,
    COLUMN_OTHERS,
    COLUMN_ERRORS_4XX,
    COLUMN_ERRORS_5XX,
    COLUMN_BYTES_IN,
    COLUMN_BYTES_OUT,
    COLUMN_P50_US,
    COLUMN_P99_US,
    COLUMN_COMMITS,
    COLUMN_CHANGES,
    COLUMN_CONNECTIONS,
    COLUMN_DISK_FREE,
    COLUMN_RSS,
    COLUMNS
};
static const char *const column_names[COLUMNS] = {"reads", "writes", "deletes", "lists", "others",
    "errors_4xx", "errors_5xx", "bytes_in", "bytes_out", "p50_us", "p99_us", "commits", "changes",
    "connections", "disk_free_bytes", "rss_bytes"};
_Static_assert((int)COLUMN_ERRORS_4XX == (int)METRICS_GROUPS, "a column for each group");

struct sample {
    int64_t time_s; /* its end */
    uint64_t values[COLUMNS];
};

struct metrics_history {
    const struct daemon *daemon;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started, stopping;
    struct metrics_sums last; /* what was counted when the last sample was taken */
    uint64_t last_commits, last_changes;
    size_t next, count;
    struct sample samples[HISTORY_SAMPLES];
};

/* src: proc(5), /proc/pid/statm: the second number is in pages */
static uint64_t rss_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long all = 0, resident = 0;
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &all, &resident) != 2)
        resident = 0;
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t metrics_history_quantile_us(const uint64_t *counts, unsigned per_mille)
{
    uint64_t total = 0, below = 0, begin_us = 0;
    for (size_t i = 0; i < METRICS_LATENCY_BUCKETS; i++)
        total += counts[i];
    if (total == 0)
        return 0;
    uint64_t wanted = (total * per_mille + 999) / 1000;
    for (size_t i = 0; i < METRICS_LATENCY_BUCKETS; i++) {
        uint64_t end_us = metrics_latency_end_us(i);
        if (end_us == UINT64_MAX) /* the last has no end */
            return begin_us;
        if (counts[i] > 0 && below + counts[i] >= wanted)
            return begin_us + (end_us - begin_us) * (wanted - below) / counts[i];
        below += counts[i];
        begin_us = end_us;
    }
    return begin_us;
}

static void fill_counted(
    struct sample *sample, const struct metrics_sums *now, const struct metrics_sums *last)
{
    uint64_t latency[METRICS_LATENCY_BUCKETS];
    for (size_t i = 0; i < METRICS_GROUPS; i++)
        sample->values[COLUMN_READS + i] = now->requests[i] - last->requests[i];
    for (size_t i = 0; i < METRICS_LATENCY_BUCKETS; i++)
        latency[i] = now->latency[i] - last->latency[i];
    sample->values[COLUMN_ERRORS_4XX] = now->classes[4] - last->classes[4];
    sample->values[COLUMN_ERRORS_5XX] = now->classes[5] - last->classes[5];
    sample->values[COLUMN_BYTES_IN] = now->bytes_in - last->bytes_in;
    sample->values[COLUMN_BYTES_OUT] = now->bytes_out - last->bytes_out;
    sample->values[COLUMN_P50_US] = metrics_history_quantile_us(latency, 500);
    sample->values[COLUMN_P99_US] = metrics_history_quantile_us(latency, 990);
}

void metrics_history_sample(struct metrics_history *history, int64_t now_s)
{
    struct metrics_sums sums = {0};
    struct storage_stats store = {0};
    struct connections_stats connections = {0};
    metrics_sum(history->daemon->metrics, &sums);
    storage_stats(history->daemon->store, &store);
    connections_stats(history->daemon->connections, &connections);
    uint64_t rss = rss_bytes();
    pthread_mutex_lock(&history->lock);
    struct sample *sample = &history->samples[history->next];
    sample->time_s = now_s;
    fill_counted(sample, &sums, &history->last);
    sample->values[COLUMN_COMMITS] = store.commits - history->last_commits;
    sample->values[COLUMN_CHANGES] = store.mutations - history->last_changes;
    sample->values[COLUMN_CONNECTIONS] = connections.open;
    sample->values[COLUMN_DISK_FREE] = store.disk_free_bytes;
    sample->values[COLUMN_RSS] = rss;
    history->last = sums;
    history->last_commits = store.commits;
    history->last_changes = store.mutations;
    history->next = (history->next + 1) % HISTORY_SAMPLES;
    history->count += history->count < HISTORY_SAMPLES;
    pthread_mutex_unlock(&history->lock);
}

/* At whole intervals of the clock, so that samples of several daemons lie beside one another. */
static void *sampler_main(void *ctx)
{
    struct metrics_history *history = ctx;
    pthread_mutex_lock(&history->lock);
    while (!history->stopping) {
        int64_t now_s = clock_unix_ms() / 1000;
        struct timespec until = {
            .tv_sec = (time_t)((now_s / HISTORY_INTERVAL_S + 1) * HISTORY_INTERVAL_S)};
        int waited = pthread_cond_timedwait(&history->wake, &history->lock, &until);
        if (history->stopping || waited == 0)
            continue;
        pthread_mutex_unlock(&history->lock);
        metrics_history_sample(history, (int64_t)until.tv_sec);
        pthread_mutex_lock(&history->lock);
    }
    pthread_mutex_unlock(&history->lock);
    return NULL;
}

struct metrics_history *metrics_history_new(const struct daemon *daemon)
{
    struct metrics_history *history = calloc(1, sizeof(*history));
    if (history == NULL)
        return NULL;
    history->daemon = daemon;
    struct storage_stats store = {0};
    storage_stats(daemon->store, &store);
    history->last_commits = store.commits;
    history->last_changes = store.mutations;
    pthread_mutex_init(&history->lock, NULL);
    pthread_cond_init(&history->wake, NULL);
    return history;
}

bool metrics_history_start(struct metrics_history *history)
{
    history->started = pthread_create(&history->thread, NULL, sampler_main, history) == 0;
    return history->started;
}

void metrics_history_free(struct metrics_history *history)
{
    if (history == NULL)
        return;
    pthread_mutex_lock(&history->lock);
    history->stopping = true;
    pthread_cond_signal(&history->wake);
    pthread_mutex_unlock(&history->lock);
    if (history->started)
        pthread_join(history->thread, NULL);
    pthread_cond_destroy(&history->wake);
    pthread_mutex_destroy(&history->lock);
    free(history);
}

void metrics_history_write(struct metrics_history *history, int64_t since_s, struct buf *out)
{
    buf_addf(out, "{\"interval_s\":%d,\"columns\":[\"time_s\"", HISTORY_INTERVAL_S);
    for (size_t i = 0; i < COLUMNS; i++)
        buf_addf(out, ",\"%s\"", column_names[i]);
    buf_add_lit(out, "],\"rows\":[");
    pthread_mutex_lock(&history->lock);
    size_t first = (history->next + HISTORY_SAMPLES - history->count) % HISTORY_SAMPLES;
    bool begun = false;
    for (size_t i = 0; i < history->count; i++) {
        const struct sample *sample = &history->samples[(first + i) % HISTORY_SAMPLES];
        if (sample->time_s <= since_s)
            continue;
        buf_addf(out, "%s\n[%lld", begun ? "," : "", (long long)sample->time_s);
        begun = true;
        for (size_t k = 0; k < COLUMNS; k++) {
            buf_add_char(out, ',');
            buf_add_u64(out, sample->values[k]);
        }
        buf_add_char(out, ']');
    }
    pthread_mutex_unlock(&history->lock);
    buf_add_lit(out, "]}\n");
}
