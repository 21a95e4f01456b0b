#include "base/clock.h"
#include "daemon/jobs/scrub_internal.h"
#include "daemon/version_id.h"

static void fill(struct kept_finding *kept, const struct scrub_finding *finding)
{
    memset(kept, 0, sizeof(*kept));
    kept->kind = finding->kind;
    snprintf(kept->what, sizeof(kept->what), "%.*s", SPAN_ARG(finding->what));
    for (char *c = kept->what; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
            *c = '?';
    struct span bucket = span_first(finding->bucket, sizeof(kept->bucket) - 1);
    struct span key = span_first(finding->key, sizeof(kept->key));
    if (bucket.len > 0)
        memcpy(kept->bucket, bucket.ptr, bucket.len);
    if (key.len > 0)
        memcpy(kept->key, key.ptr, key.len);
    kept->key_len = key.len;
    if (finding->version.sequence != 0)
        version_id_format(&finding->version, kept->version);
}

static bool is_same(const struct kept_finding *left, const struct kept_finding *right)
{
    return left->kind == right->kind && strcmp(left->what, right->what) == 0 &&
           strcmp(left->bucket, right->bucket) == 0 && strcmp(left->version, right->version) == 0 &&
           left->key_len == right->key_len && memcmp(left->key, right->key, left->key_len) == 0;
}

bool findings_add(struct scrubber *scrubber, const struct scrub_finding *finding)
{
    struct kept_finding made, *room = NULL;
    fill(&made, finding);
    scrubber->met++;
    for (size_t i = 0; i < SCRUB_FINDINGS_MAX; i++) {
        struct kept_finding *kept = &scrubber->findings[i];
        if (kept->id == 0 && !room)
            room = kept;
        if (kept->id == 0 || kept->gone || !is_same(kept, &made))
            continue;
        if (kept->pass != scrubber->state.pass)
            kept->dirty = scrubber->dirty = true;
        kept->pass = scrubber->state.pass;
        return false;
    }
    if (!room) /* a table that is nothing but damage shall not fill the log */
        return scrubber->dropped++ < SCRUB_FINDINGS_MAX;
    made.id = scrubber->next_id++;
    made.found_ms = clock_unix_ms();
    made.pass = scrubber->state.pass;
    made.dirty = scrubber->dirty = true;
    *room = made;
    scrubber->finding_count++;
    return true;
}

void findings_end_pass(struct scrubber *scrubber)
{
    for (size_t i = 0; i < SCRUB_FINDINGS_MAX; i++) {
        struct kept_finding *kept = &scrubber->findings[i];
        if (kept->id == 0 || kept->gone || kept->pass >= scrubber->state.pass)
            continue;
        kept->gone = scrubber->dirty = true;
        scrubber->finding_count--;
    }
}
