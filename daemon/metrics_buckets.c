#include "daemon/metrics_buckets.h"

#include <pthread.h>
#include <stdlib.h>

enum { NAME_BYTES = 64, STATUS_CLASSES = 6, BUCKET_ARENA_BYTES = 16 * 1024 };

struct counters {
    uint64_t requests[STATUS_CLASSES];
    uint64_t bytes_in, bytes_out;
};

struct entry {
    char name[NAME_BYTES]; /* empty: free */
    struct counters counted;
};

/* A hash table that is never more than half full, looked through from the name's place. */
struct metrics_buckets {
    pthread_mutex_t lock;
    size_t max, count, places;
    struct counters others;
    struct entry entries[];
};

struct metrics_buckets *metrics_buckets_new(size_t max)
{
    if (max == 0)
        return NULL;
    size_t places = 2 * max;
    struct metrics_buckets *buckets = calloc(1, sizeof(*buckets) + places * sizeof(struct entry));
    if (buckets == NULL)
        return NULL;
    buckets->max = max;
    buckets->places = places;
    pthread_mutex_init(&buckets->lock, NULL);
    return buckets;
}

void metrics_buckets_free(struct metrics_buckets *buckets)
{
    if (buckets == NULL)
        return;
    pthread_mutex_destroy(&buckets->lock);
    free(buckets);
}

/* Under the lock. */
static struct counters *counters_of(struct metrics_buckets *buckets, struct span name)
{
    /* src: FNV-1a */
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * 0x100000001b3u;
    size_t at = (size_t)((hash ^ hash >> 32) % buckets->places);
    while (
        buckets->entries[at].name[0] != '\0' && !span_eq(span_str(buckets->entries[at].name), name))
        at = (at + 1) % buckets->places;
    struct entry *entry = &buckets->entries[at];
    if (entry->name[0] != '\0')
        return &entry->counted;
    if (buckets->count == buckets->max || name.len >= NAME_BYTES)
        return &buckets->others;
    buckets->count++;
    memcpy(entry->name, name.ptr, name.len);
    return &entry->counted;
}

void metrics_buckets_request(
    struct metrics_buckets *buckets, const struct request *request, uint64_t bytes_out)
{
    if (buckets == NULL || request->bucket.id == 0)
        return;
    int class = request->response.status / 100;
    pthread_mutex_lock(&buckets->lock);
    struct counters *counters = counters_of(buckets, request->bucket.name);
    counters->requests[class > 0 && class < STATUS_CLASSES ? class : 0]++;
    counters->bytes_in += request->bytes_in;
    counters->bytes_out += bytes_out;
    pthread_mutex_unlock(&buckets->lock);
}

/* ---- the page ---- */

/* Names of buckets need no escaping. */
typedef void write_one(struct buf *out, const char *name, const struct counters *counters);

static void write_requests(struct buf *out, const char *name, const struct counters *counters)
{
    for (size_t class = 1; class < STATUS_CLASSES; class ++)
        if (counters->requests[class] > 0)
            buf_addf(out, "lakegate_bucket_requests_total{bucket=\"%s\",status=\"%zuxx\"} %llu\n",
                name, class, (unsigned long long)counters->requests[class]);
}

static void write_in(struct buf *out, const char *name, const struct counters *counters)
{
    buf_addf(out, "lakegate_bucket_bytes_received_total{bucket=\"%s\"} %llu\n", name,
        (unsigned long long)counters->bytes_in);
}

static void write_out(struct buf *out, const char *name, const struct counters *counters)
{
    buf_addf(out, "lakegate_bucket_bytes_sent_total{bucket=\"%s\"} %llu\n", name,
        (unsigned long long)counters->bytes_out);
}

static void write_all(const struct metrics_buckets *buckets, struct buf *out, write_one *write)
{
    for (size_t i = 0; i < buckets->places; i++)
        if (buckets->entries[i].name[0] != '\0')
            write(out, buckets->entries[i].name, &buckets->entries[i].counted);
    write(out, "(others)", &buckets->others);
}

/* What is in those that have counters; one that is gone has nothing. */
static void write_sizes(struct metrics_buckets *buckets, struct storage *store, struct buf *out)
{
    struct buf bytes CLEANUP(buf_free);
    buf_init(&bytes, out->max);
    buf_add_lit(out, "# HELP lakegate_bucket_objects Objects, all versions.\n"
                     "# TYPE lakegate_bucket_objects gauge\n");
    buf_add_lit(&bytes, "# HELP lakegate_bucket_bytes Bytes of objects, all versions.\n"
                        "# TYPE lakegate_bucket_bytes gauge\n");
    for (size_t i = 0; i < buckets->places; i++) {
        struct arena arena CLEANUP(arena_free);
        struct bucket_info info;
        arena_init(&arena, BUCKET_ARENA_BYTES);
        const struct entry *entry = &buckets->entries[i];
        if (entry->name[0] == '\0' ||
            storage_bucket_get(store, span_str(entry->name), &arena, &info) != STORAGE_OK)
            continue;
        buf_addf(out, "lakegate_bucket_objects{bucket=\"%s\"} %llu\n", entry->name,
            (unsigned long long)info.object_count);
        buf_addf(&bytes, "lakegate_bucket_bytes{bucket=\"%s\"} %llu\n", entry->name,
            (unsigned long long)info.byte_count);
    }
    buf_add(out, buf_span(&bytes));
}

void metrics_buckets_write(struct metrics_buckets *buckets, struct storage *store, struct buf *out)
{
    if (buckets == NULL)
        return;
    pthread_mutex_lock(&buckets->lock);
    buf_add_lit(out, "# HELP lakegate_bucket_requests_total Requests by bucket.\n"
                     "# TYPE lakegate_bucket_requests_total counter\n");
    write_all(buckets, out, write_requests);
    buf_add_lit(out, "# HELP lakegate_bucket_bytes_received_total Bytes of request bodies.\n"
                     "# TYPE lakegate_bucket_bytes_received_total counter\n");
    write_all(buckets, out, write_in);
    buf_add_lit(out, "# HELP lakegate_bucket_bytes_sent_total Bytes of response bodies.\n"
                     "# TYPE lakegate_bucket_bytes_sent_total counter\n");
    write_all(buckets, out, write_out);
    write_sizes(buckets, store, out);
    pthread_mutex_unlock(&buckets->lock);
}
