#include "daemon/jobs/scrub_internal.h"
#include "daemon/json.h"
#include "daemon/ops/json_answer.h"

/* Content is read once, segments once more for the log. */
static uint64_t total_bytes(struct scrubber *scrubber)
{
    struct storage_stats stats = {0};
    storage_stats(scrubber->daemon->store, &stats);
    return stats.segment_live_bytes + stats.file_bytes + stats.segment_bytes;
}

static const char *phase_of(const struct scrubber *scrubber)
{
    return scrubber->state.running ? storage_scrub_phase(&scrubber->state.position) : "none";
}

/* Asked for and not begun yet counts as running, so that who asks for a pass sees its end. */
static bool is_running(const struct scrubber *scrubber)
{
    return scrubber->state.running || scrubber->wanted;
}

static void write_findings(const struct scrubber *scrubber, struct buf *out)
{
    bool first = true;
    buf_add_lit(out, ",\"findings\":[");
    for (size_t i = 0; i < SCRUB_FINDINGS_MAX; i++) {
        const struct kept_finding *finding = &scrubber->findings[i];
        if (finding->id == 0 || finding->gone)
            continue;
        buf_add(out, first ? SPAN("{") : SPAN(",{"));
        finding_write(out, finding);
        buf_add_char(out, '}');
        first = false;
    }
    buf_add_char(out, ']');
}

void scrubber_write(struct scrubber *scrubber, struct buf *out)
{
    uint64_t total = total_bytes(scrubber);
    pthread_mutex_lock(&scrubber->lock);
    const struct scrub_state *state = &scrubber->state;
    bool running = is_running(scrubber);
    buf_addf(out, "{\"running\":%s", running ? "true" : "false");
    json_answer_u64(out, "pass", state->pass);
    json_answer_text(out, false, "phase", span_str(phase_of(scrubber)));
    json_answer_bool(out, "complete", state->complete && !running);
    json_answer_time(out, "began", state->began_ms);
    json_answer_time(out, "ended", state->ended_ms);
    json_answer_time(out, "next", running ? 0 : state->due_ms);
    json_answer_u64(out, "rate_bytes", state->rate);
    json_answer_u64(out, "checked_records", state->position.checked_records);
    json_answer_u64(out, "checked_bytes", state->position.checked_bytes);
    json_answer_u64(out, "total_bytes", total);
    json_answer_u64(out, "finding_count", scrubber->finding_count);
    json_answer_u64(out, "not_kept", scrubber->dropped);
    write_findings(scrubber, out);
    pthread_mutex_unlock(&scrubber->lock);
    buf_add_lit(out, "}\n");
}

void scrubber_status(struct scrubber *scrubber, struct json *json)
{
    if (scrubber == NULL)
        return;
    uint64_t total = total_bytes(scrubber);
    pthread_mutex_lock(&scrubber->lock);
    json_open(json, "scrub");
    json_bool(json, "running", is_running(scrubber));
    json_u64(json, "pass", scrubber->state.pass);
    json_text(json, "phase", span_str(phase_of(scrubber)));
    json_u64(json, "checked_bytes", scrubber->state.position.checked_bytes);
    json_u64(json, "total_bytes", total);
    json_u64(json, "findings", scrubber->finding_count);
    json_close(json);
    pthread_mutex_unlock(&scrubber->lock);
}

static void single(
    struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    buf_addf(out, "# HELP lakegate_%s %s\n# TYPE lakegate_%s %s\nlakegate_%s %llu\n", name, help,
        name, type, name, (unsigned long long)value);
}

void scrubber_metrics(struct scrubber *scrubber, struct buf *out)
{
    if (scrubber == NULL)
        return;
    uint64_t total = total_bytes(scrubber);
    pthread_mutex_lock(&scrubber->lock);
    const struct scrub_state *state = &scrubber->state;
    single(out, "scrub_running", "gauge", "1 while a pass is under way.", is_running(scrubber));
    single(out, "scrub_passes_total", "counter", "Passes begun since the store is there.",
        state->pass);
    single(out, "scrub_checked_bytes", "gauge", "Bytes that this pass, or the last one, has read.",
        state->position.checked_bytes);
    single(out, "scrub_total_bytes", "gauge", "Bytes that there are to be read.", total);
    single(out, "scrub_ended_seconds", "gauge",
        "Unix time at which the last pass ended; 0 while one is under way.",
        (uint64_t)state->ended_ms / 1000);
    single(
        out, "scrub_findings", "gauge", "Damaged things that are known.", scrubber->finding_count);
    single(out, "scrub_findings_total", "counter", "Times that damage was met since start.",
        scrubber->met);
    pthread_mutex_unlock(&scrubber->lock);
}
