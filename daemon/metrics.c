#include "daemon/metrics.h"

#include "daemon/connections.h"
#include "daemon/daemon.h"
#include "daemon/jobs/scrub.h"
#include "daemon/log.h"
#include "daemon/metrics_buckets.h"
#include "daemon/staging.h"
#include "daemon/workers.h"
#include "storage/storage_care.h"

#include <sched.h>
#include <stdatomic.h>

enum { SHARDS = 8, OPS_MAX = 128, STATUS_CLASSES = 6 };

/* Upper ends in microseconds; what is longer goes to the last, endless one. */
static const uint64_t bucket_ends_us[METRICS_LATENCY_BUCKETS - 1] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 500000, 2000000, 10000000};

typedef atomic_uint_fast64_t counter;

struct op_counters {
    counter requests[STATUS_CLASSES];
    counter latency[METRICS_LATENCY_BUCKETS];
    counter latency_ns;
};

struct shard {
    _Alignas(64) struct op_counters ops[OPS_MAX + 1]; /* the last: requests without an operation */
    counter step_ns[STEPS];
    counter bytes_in, bytes_out;
};

struct metrics {
    struct shard shards[SHARDS];
    struct metrics_buckets *buckets; /* NULL: none are counted by themselves */
};

_Static_assert(STEPS == 7, "step_names has a name for each step");
static const char *const step_names[STEPS] = {
    "parse", "route", "authenticate", "authorize", "receive", "run", "respond"};

struct metrics *metrics_new(size_t buckets)
{
    struct metrics *metrics = aligned_alloc(64, sizeof(*metrics));
    if (metrics == NULL)
        return NULL;
    memset(metrics, 0, sizeof(*metrics));
    metrics->buckets = metrics_buckets_new(buckets);
    if (metrics->buckets != NULL || buckets == 0)
        return metrics;
    free(metrics);
    return NULL;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics != NULL)
        metrics_buckets_free(metrics->buckets);
    free(metrics);
}

static void add(counter *to, uint64_t value)
{
    atomic_fetch_add_explicit(to, value, memory_order_relaxed);
}

/* A linked bucket's count as what they are named after. Others that are not in the table, such as health checks,
 * count together. */
static size_t op_index(const struct op *op)
{
    for (size_t i = 0; i < ops_count && i < OPS_MAX; i++)
        if (op == &ops_table[i])
            return i;
    for (size_t i = 0; op != NULL && i < ops_count && i < OPS_MAX; i++)
        if (strcmp(op->name, ops_table[i].name) == 0)
            return i;
    return OPS_MAX;
}

void metrics_request(struct metrics *metrics, const struct request *request, uint64_t bytes_out,
    uint64_t duration_ns)
{
    if (metrics == NULL)
        return;
    int cpu = sched_getcpu();
    struct shard *shard = &metrics->shards[cpu > 0 ? cpu % SHARDS : 0];
    struct op_counters *op = &shard->ops[op_index(request->op)];
    int class = request->response.status / 100;
    add(&op->requests[class > 0 && class < STATUS_CLASSES ? class : 0], 1);
    size_t bucket = 0;
    while (bucket < METRICS_LATENCY_BUCKETS - 1 && duration_ns > bucket_ends_us[bucket] * 1000)
        bucket++;
    add(&op->latency[bucket], 1);
    add(&op->latency_ns, duration_ns);
    for (size_t i = 0; i < STEPS; i++)
        if (request->step_ns[i] > 0)
            add(&shard->step_ns[i], request->step_ns[i]);
    add(&shard->bytes_in, request->bytes_in);
    add(&shard->bytes_out, bytes_out);
    metrics_buckets_request(metrics->buckets, request, bytes_out);
}

/* The sum over the shards of the counter that lies at this offset in each. */
static uint64_t sum_at(struct metrics *metrics, size_t offset)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < SHARDS; i++)
        sum += atomic_load_explicit(
            (counter *)(void *)((char *)&metrics->shards[i] + offset), memory_order_relaxed);
    return sum;
}
#define SUM(metrics, member) sum_at((metrics), offsetof(struct shard, member))

static size_t op_offset(size_t op)
{
    return offsetof(struct shard, ops) + op * sizeof(struct op_counters);
}

void metrics_totals(struct metrics *metrics, uint64_t ret_classes[static 6])
{
    for (size_t class = 0; class < STATUS_CLASSES; class ++) {
        ret_classes[class] = 0;
        for (size_t op = 0; op <= OPS_MAX; op++)
            ret_classes[class] += sum_at(metrics,
                op_offset(op) + offsetof(struct op_counters, requests) + class * sizeof(counter));
    }
}

static enum metrics_group group_of(size_t op)
{
    const struct op *row = op < ops_count ? &ops_table[op] : NULL;
    if (row == NULL || row->scope == TARGET_SERVICE || row->scope == TARGET_CONTROL)
        return GROUP_OTHER;
    if (row->method == METHOD_DELETE ? row->scope == TARGET_OBJECT : row->run == op_delete_objects)
        return GROUP_DELETE;
    if (row->scope == TARGET_OBJECT)
        return row->method == METHOD_GET || row->method == METHOD_HEAD ? GROUP_READ : GROUP_WRITE;
    if (row->run == op_post_object)
        return GROUP_WRITE;
    return row->action != NULL && strncmp(row->action, "s3:ListBucket", 13) == 0 ? GROUP_LIST
                                                                                 : GROUP_OTHER;
}

void metrics_sum(struct metrics *metrics, struct metrics_sums *ret_sums)
{
    struct metrics_sums sums = {.bytes_in = 0};
    for (size_t op = 0; metrics != NULL && op <= OPS_MAX; op++) {
        size_t base = op_offset(op);
        for (size_t class = 0; class < STATUS_CLASSES; class ++) {
            uint64_t count = sum_at(
                metrics, base + offsetof(struct op_counters, requests) + class * sizeof(counter));
            sums.classes[class] += count;
            sums.requests[group_of(op)] += count;
        }
        for (size_t i = 0; i < METRICS_LATENCY_BUCKETS; i++)
            sums.latency[i] +=
                sum_at(metrics, base + offsetof(struct op_counters, latency) + i * sizeof(counter));
    }
    if (metrics != NULL) {
        sums.bytes_in = SUM(metrics, bytes_in);
        sums.bytes_out = SUM(metrics, bytes_out);
    }
    *ret_sums = sums;
}

uint64_t metrics_latency_end_us(size_t bucket)
{
    return bucket < METRICS_LATENCY_BUCKETS - 1 ? bucket_ends_us[bucket] : UINT64_MAX;
}

static void describe(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP lakegate_%s %s\n# TYPE lakegate_%s %s\n", name, help, name, type);
}

static void single(
    struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    describe(out, name, type, help);
    buf_addf(out, "lakegate_%s %llu\n", name, (unsigned long long)value);
}

static const char *op_name(size_t op)
{
    return op < ops_count ? ops_table[op].name : "none";
}

static void write_requests(struct metrics *metrics, struct buf *out)
{
    describe(out, "requests_total", "counter", "Requests by operation and class of status.");
    for (size_t op = 0; op <= OPS_MAX; op++)
        for (size_t class = 0; class < STATUS_CLASSES; class ++) {
            uint64_t count = sum_at(metrics,
                op_offset(op) + offsetof(struct op_counters, requests) + class * sizeof(counter));
            if (count > 0)
                buf_addf(out, "lakegate_requests_total{op=\"%s\",status=\"%zuxx\"} %llu\n",
                    op_name(op), class, (unsigned long long)count);
        }
}

static void write_latency(struct metrics *metrics, struct buf *out, size_t op)
{
    size_t base = op_offset(op) + offsetof(struct op_counters, latency);
    uint64_t counts[METRICS_LATENCY_BUCKETS], total = 0;
    for (size_t i = 0; i < METRICS_LATENCY_BUCKETS; i++)
        total += counts[i] = sum_at(metrics, base + i * sizeof(counter));
    if (total == 0)
        return;
    uint64_t running = 0;
    for (size_t i = 0; i < METRICS_LATENCY_BUCKETS - 1; i++) {
        running += counts[i];
        buf_addf(out, "lakegate_request_seconds_bucket{op=\"%s\",le=\"%g\"} %llu\n", op_name(op),
            (double)bucket_ends_us[i] / 1e6, (unsigned long long)running);
    }
    uint64_t sum_ns = sum_at(metrics, op_offset(op) + offsetof(struct op_counters, latency_ns));
    buf_addf(out, "lakegate_request_seconds_bucket{op=\"%s\",le=\"+Inf\"} %llu\n", op_name(op),
        (unsigned long long)total);
    buf_addf(
        out, "lakegate_request_seconds_sum{op=\"%s\"} %.9f\n", op_name(op), (double)sum_ns / 1e9);
    buf_addf(out, "lakegate_request_seconds_count{op=\"%s\"} %llu\n", op_name(op),
        (unsigned long long)total);
}

static void write_steps(struct metrics *metrics, struct buf *out)
{
    describe(out, "step_seconds_total", "counter", "Time spent in each step of the pipeline.");
    for (size_t i = 0; i < STEPS; i++)
        buf_addf(out, "lakegate_step_seconds_total{step=\"%s\"} %.9f\n", step_names[i],
            (double)sum_at(metrics, offsetof(struct shard, step_ns) + i * sizeof(counter)) / 1e9);
}

static void write_commits(const struct storage_stats *stats, struct buf *out)
{
    single(out, "commits_total", "counter", "Transactions of the index.", stats->commits);
    describe(out, "commit_changes", "histogram", "Changes in one transaction.");
    uint64_t running = 0;
    for (size_t i = 0; i < STORAGE_BATCH_BUCKETS; i++) {
        running += stats->batch_sizes[i];
        if (i + 1 < STORAGE_BATCH_BUCKETS)
            buf_addf(out, "lakegate_commit_changes_bucket{le=\"%llu\"} %llu\n", 1ull << i,
                (unsigned long long)running);
    }
    buf_addf(out,
        "lakegate_commit_changes_bucket{le=\"+Inf\"} %llu\nlakegate_commit_changes_sum %llu\n"
        "lakegate_commit_changes_count %llu\n",
        (unsigned long long)running, (unsigned long long)stats->mutations,
        (unsigned long long)running);
}

static void write_store(struct storage *store, struct buf *out)
{
    struct storage_stats stats = {0};
    storage_stats(store, &stats);
    write_commits(&stats, out);
    const struct {
        const char *name, *help;
        uint64_t value;
    } gauges[] = {
        {"commit_queue", "Changes that wait for the committer.", stats.queue_depth},
        {"index_pages_used", "Pages of the index in use.", stats.index_pages_used},
        {"index_pages_free", "Free pages inside the index.", stats.index_free_pages},
        {"index_page_bytes", "Size of a page.", stats.index_page_bytes},
        {"index_map_bytes", "Size of the index's memory map.", stats.index_map_bytes},
        {"segments", "Segment files.", stats.segments},
        {"segment_bytes", "Bytes in segments, up to their tails.", stats.segment_bytes},
        {"segment_live_bytes", "Bytes in segments that objects refer to.",
            stats.segment_live_bytes},
        {"files", "Blobs with a file of their own.", stats.files},
        {"file_bytes", "Bytes in them.", stats.file_bytes},
        {"freed_pending", "Deleted blobs whose space is not given back yet.", stats.freed_pending},
        {"snapshots", "Snapshots of the index that are kept.", stats.snapshots},
        {"snapshot_timestamp_seconds", "When the newest was made; 0: there is none.",
            (uint64_t)stats.snapshot_ms / 1000},
        {"snapshot_log_bytes", "Log written since the newest snapshot, or since start.",
            stats.snapshot_log_bytes},
        {"snapshot_no_room",
            "1: the disk has no room for one, so log goes that salvage would need.",
            stats.snapshot_no_room},
        {"snapshot_index_damaged", "1: the last one failed, since the index is damaged.",
            stats.snapshot_damage},
        {"disk_free_bytes", "Free space of the data folder's disk.", stats.disk_free_bytes},
        {"disk_total_bytes", "Size of the data folder's disk.", stats.disk_total_bytes},
    };
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
        single(out, gauges[i].name, "gauge", gauges[i].help, gauges[i].value);
    single(out, "compactions_total", "counter", "Segments compacted.", stats.compactions);
    single(out, "reclaimed_bytes_total", "counter", "Bytes given back.", stats.reclaimed_bytes);
    single(out, "snapshot_failures_total", "counter", "Snapshots that could not be made.",
        stats.snapshot_failures);
    single(out, "corrupt_blocks_total", "counter", "Blocks whose CRC did not match when read.",
        stats.corrupt_blocks);
}

static void write_daemon(const struct daemon *daemon, struct buf *out)
{
    struct connections_stats stats;
    connections_stats(daemon->connections, &stats);
    single(out, "connections", "gauge", "Open connections.", stats.open);
    single(out, "connections_accepted_total", "counter", "Connections accepted.", stats.accepted);
    single(
        out, "connections_refused_total", "counter", "Connections over the limit.", stats.refused);
    single(out, "connections_reaped_total", "counter", "Connections closed for being too slow.",
        stats.reaped);
    struct workers_stats workers = {0};
    workers_stats(daemon->workers, &workers);
    single(out, "workers", "gauge", "Threads that run operations.", workers.threads);
    single(out, "workers_busy", "gauge", "Workers with an operation.", workers.busy);
    single(out, "worker_queue", "gauge", "Operations that wait for a worker.", workers.queued);
    single(out, "staging_bytes", "gauge", "Memory taken by bodies on their way in.",
        staging_used_bytes(daemon->staging));
    single(out, "streams", "gauge", "Responses that are made while they are sent.",
        atomic_load(&daemon->streams));
    single(out, "log_dropped_total", "counter", "Log lines dropped.", log_dropped(daemon->log));
}

void metrics_write(
    struct metrics *metrics, const struct daemon *daemon, bool names, struct buf *out)
{
    describe(out, "build_info", "gauge", "The version that runs.");
    buf_add_lit(out, "lakegate_build_info{version=\"" LAKEGATE_VERSION "\"} 1\n");
    write_requests(metrics, out);
    describe(out, "request_seconds", "histogram", "Time from request line to last byte.");
    for (size_t op = 0; op <= OPS_MAX; op++)
        write_latency(metrics, out, op);
    write_steps(metrics, out);
    single(
        out, "bytes_received_total", "counter", "Bytes of request bodies.", SUM(metrics, bytes_in));
    single(
        out, "bytes_sent_total", "counter", "Bytes of response bodies.", SUM(metrics, bytes_out));
    write_daemon(daemon, out);
    write_store(daemon->store, out);
    scrubber_metrics(daemon->scrubber, out);
    if (names)
        metrics_buckets_write(metrics->buckets, daemon->store, out);
}
