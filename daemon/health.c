#include "daemon/health.h"

#include "base/clock.h"
#include "daemon/connections.h"
#include "daemon/console.h"
#include "daemon/daemon.h"
#include "daemon/jobs/scrub.h"
#include "daemon/json.h"
#include "daemon/metrics.h"
#include "daemon/metrics_pages.h"
#include "daemon/staging.h"
#include "daemon/system.h"
#include "daemon/workers.h"
#include "storage/storage_care.h"

static enum s3_err answer(struct request *request, int status, const char *type, size_t max_bytes)
{
    struct response *response = &request->response;
    response->status = status;
    response->kind = RESPONSE_BUFFER;
    buf_init(&response->buffer, max_bytes);
    response_header_borrowed(request, "Content-Type", span_str(type));
    response_header_borrowed(request, "Cache-Control", SPAN("no-store"));
    return S3_OK;
}

static enum s3_err health_live(struct request *request)
{
    enum s3_err err = answer(request, 200, "text/plain", 64);
    buf_add_lit(&request->response.buffer, "live\n");
    return err;
}

static enum s3_err health_ready(struct request *request)
{
    bool draining = atomic_load(&request->daemon->draining);
    enum s3_err err = answer(request, draining ? 503 : 200, "text/plain", 64);
    buf_add(&request->response.buffer, draining ? SPAN("draining\n") : SPAN("ready\n"));
    return err;
}

/* 0, if the clock was set back. */
static uint64_t snapshot_age_s(const struct storage_stats *stats)
{
    int64_t age_s = (clock_unix_ms() - stats->snapshot_ms) / 1000;
    return age_s > 0 ? (uint64_t)age_s : 0;
}

static void status_store(struct storage *store, struct json *json)
{
    struct storage_stats stats = {0};
    storage_stats(store, &stats);
    json_open(json, "store");
    json_u64(json, "commits", stats.commits);
    json_u64(json, "changes", stats.mutations);
    json_u64(json, "commit_queue", stats.queue_depth);
    json_u64(json, "index_bytes_used", stats.index_pages_used * stats.index_page_bytes);
    json_u64(json, "index_map_bytes", stats.index_map_bytes);
    json_u64(json, "segments", stats.segments);
    json_u64(json, "segment_bytes", stats.segment_bytes);
    json_u64(json, "segment_live_bytes", stats.segment_live_bytes);
    json_u64(json, "files", stats.files);
    json_u64(json, "file_bytes", stats.file_bytes);
    json_u64(json, "freed_pending", stats.freed_pending);
    json_u64(json, "corrupt_blocks", stats.corrupt_blocks);
    json_u64(json, "snapshots", stats.snapshots);
    if (stats.snapshots > 0)
        json_u64(json, "snapshot_age_s", snapshot_age_s(&stats));
    json_u64(json, "snapshot_log_bytes", stats.snapshot_log_bytes);
    json_u64(json, "snapshot_failures", stats.snapshot_failures);
    json_bool(json, "snapshot_no_room", stats.snapshot_no_room);
    json_bool(json, "snapshot_index_damaged", stats.snapshot_damage);
    json_u64(json, "disk_free_bytes", stats.disk_free_bytes);
    json_u64(json, "disk_total_bytes", stats.disk_total_bytes);
    json_close(json);
}

static void status_daemon(const struct daemon *daemon, struct json *json)
{
    struct connections_stats connections;
    connections_stats(daemon->connections, &connections);
    json_open(json, "connections");
    json_u64(json, "open", connections.open);
    json_u64(json, "accepted", connections.accepted);
    json_u64(json, "refused", connections.refused);
    json_u64(json, "reaped", connections.reaped);
    json_close(json);
    struct workers_stats workers;
    workers_stats(daemon->workers, &workers);
    json_open(json, "workers");
    json_u64(json, "threads", workers.threads);
    json_u64(json, "busy", workers.busy);
    json_u64(json, "queued", workers.queued);
    json_close(json);
    json_u64(json, "staging_bytes", staging_used_bytes(daemon->staging));
    static const char *const names[6] = {NULL, NULL, "2xx", "3xx", "4xx", "5xx"};
    uint64_t classes[6] = {0};
    if (daemon->metrics != NULL)
        metrics_totals(daemon->metrics, classes);
    json_open(json, "requests");
    for (size_t i = 2; i < ARRAY_LEN(names); i++)
        json_u64(json, names[i], classes[i]);
    json_close(json);
}

static enum s3_err status_page(struct request *request)
{
    const struct daemon *daemon = request->daemon;
    struct json *json = json_new();
    json_text(json, "version", SPAN(LAKEGATE_VERSION));
    json_text(json, "region", daemon->region);
    json_bool(json, "draining", atomic_load(&daemon->draining));
    json_u64(json, "uptime_s", (clock_monotonic_ns() - daemon->started_ns) / NS_PER_S);
    status_daemon(daemon, json);
    status_store(daemon->store, json);
    scrubber_status(daemon->scrubber, json);
    enum s3_err err = answer(request, 200, "application/json", METRICS_TEXT_MAX_BYTES);
    if (!json_write(json, &request->response.buffer))
        err = FAIL(request, INTERNAL, NULL);
    json_free(json);
    return err;
}

/* No action: anyone may. */
static const struct op live_op = {.name = "health_live", .run = health_live};
static const struct op ready_op = {.name = "health_ready", .run = health_ready};
static const struct op status_op = {
    .name = "status", .action = "lakegate:GetStatus", .run = status_page};

/* `mc admin` speaks MinIO's own interface, in JSON. 426 makes it try the version before this one. */
static enum s3_err refuse_admin(struct request *request)
{
    bool newer = !span_starts(request->target.path, SPAN("/minio/admin/v3/"));
    enum s3_err err = answer(request, newer ? 426 : 501, "application/json", 512);
    struct json *json = json_new();
    json_text(json, "Code", SPAN("NotImplemented"));
    json_text(json, "Message",
        SPAN("This is no MinIO server: 'mc admin' and 'mc quota' do not work with it. Its own "
             "command is lakegate; users and policies are also managed by 'aws iam'."));
    if (!json_write(json, &request->response.buffer))
        err = FAIL(request, INTERNAL, NULL);
    json_free(json);
    return err;
}

static const struct op admin_op = {
    .name = "minio_admin", .own_credentials = true, .run = refuse_admin};

/* A bucket may be called minio: but only `mc admin` signs for no region. */
static bool is_minio_admin(const struct request *request)
{
    return !request->target.virtual_host &&
           span_starts(request->target.path, SPAN("/minio/admin/")) &&
           span_find(request_header(request, SPAN("authorization")), SPAN("//s3/aws4_request"),
               0) != SIZE_MAX;
}

static bool is_signed(const struct request *request)
{
    return span_present(request_header(request, SPAN("authorization"))) ||
           request_has_query(request, SPAN("X-Amz-Signature"));
}

const struct op *health_route(const struct request *request)
{
    const struct target *target = &request->target;
    const struct op *op = system_route(request);
    if (op == NULL)
        op = console_route(request);
    if (op == NULL)
        op = metrics_route(request);
    if (op != NULL)
        return op;
    if (is_minio_admin(request))
        return &admin_op;
    if ((request->method != METHOD_GET && request->method != METHOD_HEAD) || target->virtual_host)
        return NULL;
    bool ours = span_starts(target->path, SPAN("/-/"));
    if (!ours && (!span_starts(target->path, SPAN("/minio/health/")) || is_signed(request)))
        return NULL;
    const struct {
        struct span path;
        const struct op *op;
    } pages[] = {
        {SPAN("/-/health/live"), &live_op},
        {SPAN("/-/health/ready"), &ready_op},
        {SPAN("/-/status"), &status_op},
        {SPAN("/minio/health/live"), &live_op},
        {SPAN("/minio/health/ready"), &ready_op},
        {SPAN("/minio/health/cluster"), &ready_op},
    };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (span_eq(target->path, pages[i].path))
            return pages[i].op;
    return NULL;
}
