/* A job as docs/BULK-COPY.md shows it. */
#include "base/clock.h"
#include "daemon/jobs/copy_job.h"
#include "daemon/ops/json_answer.h"

static void text_or_null(struct buf *out, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_answer_text(out, false, name, span_str(text));
    else
        buf_addf(out, ",\"%s\":null", name);
}

/* Objects and bytes a second between the oldest and the newest figure that is kept. */
static void rates(const struct copy_job *job, uint64_t *ret_objects, uint64_t *ret_bytes)
{
    const struct copy_rate *rate = &job->rate;
    *ret_objects = *ret_bytes = 0;
    if (rate->count < 2 || copy_job_state(job) != COPY_RUNNING)
        return;
    size_t newest = (rate->next + COPY_RATE_SLOTS - 1) % COPY_RATE_SLOTS;
    size_t oldest = (rate->next + COPY_RATE_SLOTS - rate->count) % COPY_RATE_SLOTS;
    uint64_t ms = (rate->at_ns[newest] - rate->at_ns[oldest]) / 1000000;
    if (ms == 0)
        return;
    *ret_objects = (rate->objects[newest] - rate->objects[oldest]) * 1000 / ms;
    *ret_bytes = (rate->bytes[newest] - rate->bytes[oldest]) * 1000 / ms;
}

static uint64_t over(uint64_t left, uint64_t per_second)
{
    if (left == 0)
        return 0;
    return per_second > 0 ? (left + per_second - 1) / per_second : UINT64_MAX;
}

/* By bytes or by objects, whichever takes longer: few large or many small ones. UINT64_MAX: not known */
static uint64_t seconds_left(const struct copy_job *job, uint64_t objects_rate, uint64_t bytes_rate)
{
    const struct copy_counters *done = &job->counters;
    uint64_t objects = done->copied_objects + done->skipped_objects + done->duplicate_objects +
                       done->failed_objects;
    uint64_t bytes = done->copied_bytes + done->skipped_bytes;
    if (!job->total.complete || copy_job_state(job) != COPY_RUNNING)
        return UINT64_MAX;
    uint64_t by_objects =
        over(job->total.objects > objects ? job->total.objects - objects : 0, objects_rate);
    uint64_t by_bytes = over(job->total.bytes > bytes ? job->total.bytes - bytes : 0, bytes_rate);
    return by_objects > by_bytes ? by_objects : by_bytes;
}

static void write_progress(const struct copy_job *job, struct buf *out)
{
    struct copy_counters counters = job->counters;
    uint64_t objects_rate, bytes_rate;
    rates(job, &objects_rate, &bytes_rate);
    uint64_t left = seconds_left(job, objects_rate, bytes_rate);
    unsigned long long listed = counters.copied_objects + counters.skipped_objects +
                                counters.filtered_objects + counters.duplicate_objects +
                                counters.failed_objects + job->in_flight;
    buf_addf(out, ",\"progress\":{\"listed_objects\":%llu", listed);
    for (size_t i = 0; i < copy_counter_count; i++) {
        size_t offset = copy_counter_names[i].offset;
        if (offset < offsetof(struct copy_counters, tags_left_out))
            json_answer_u64(out, copy_counter_names[i].name, *copy_counter_at(&counters, i));
    }
    json_answer_u64(out, "in_flight_objects", job->in_flight);
    json_answer_u64(out, "objects_per_second", objects_rate);
    json_answer_u64(out, "bytes_per_second", bytes_rate);
    if (left == UINT64_MAX)
        buf_add_lit(out, ",\"seconds_left\":null");
    else
        json_answer_u64(out, "seconds_left", left);
    buf_addf(out, ",\"verified\":{\"checksum\":%llu",
        (unsigned long long)counters.verified[COPY_BY_CHECKSUM]);
    json_answer_u64(out, "md5", counters.verified[COPY_BY_MD5]);
    json_answer_u64(out, "etag", counters.verified[COPY_BY_ETAG]);
    json_answer_u64(out, "none", counters.verified[COPY_BY_NOTHING]);
    buf_addf(
        out, "}},\"warnings\":{\"tags_left_out\":%llu", (unsigned long long)counters.tags_left_out);
    json_answer_u64(out, "failures_not_listed", counters.failures_not_listed);
    buf_add_char(out, '}');
}

void copy_job_write(const struct copy_job *job, struct buf *out)
{
    struct copy_spec spec = job->spec;
    if (job->region[0] != '\0')
        spec.region = span_str(job->region);
    buf_addf(out, "{\"id\":\"%016llx\"", (unsigned long long)job->id);
    bool runs = copy_job_state(job) == COPY_RUNNING;
    json_answer_text(out, false, "state", span_str(copy_state_text(copy_job_state(job))));
    text_or_null(out, "reason", runs ? NULL : copy_reason_text(job->reason));
    text_or_null(out, "message", runs ? NULL : job->message);
    json_answer_time(out, "created", job->created_ms);
    json_answer_time(out, "started", job->started_ms);
    json_answer_time(out, "finished", runs ? 0 : job->finished_ms);
    json_answer_text(out, false, "created_by", job->actor.arn);
    buf_add_char(out, ',');
    copy_spec_write(&spec, true, out);
    buf_addf(out, ",\"total\":{\"objects\":%llu", (unsigned long long)job->total.objects);
    json_answer_u64(out, "bytes", job->total.bytes);
    json_answer_bool(out, "complete", job->total.complete);
    buf_add_char(out, '}');
    write_progress(job, out);
    json_answer_bool(out, "limit_reached", job->limit_reached);
    buf_add_char(out, '}');
}
