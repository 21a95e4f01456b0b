#include "daemon/jobs/copy_lineage.h"

#include "conditions.h"

enum { EDGES_LOOKED_AT = 16 };

struct etag copy_etag_of(struct span text)
{
    struct etag etag;
    if (etag_parse(text, &etag) && etag.part_count != COPY_ETAG_HASHED)
        return etag;
    etag.part_count = COPY_ETAG_HASHED;
    md5_of(text, etag.md5);
    return etag;
}

/* src: FNV-1a. It tells sources of one job apart where lineage is shown */
static uint64_t hash_of(struct span text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
    return hash;
}

struct lineage_end copy_lineage_end(uint64_t job_id, struct span url, const struct etag *etag)
{
    return (struct lineage_end){
        .key = url, .version = {.sequence = job_id, .random = hash_of(url)}, .etag = *etag};
}

static bool is_source(const struct lineage_edge *edge, const struct version *local)
{
    return edge->kind == LINEAGE_RECORDED && local != NULL &&
           edge->end.version.sequence == local->sequence &&
           edge->end.version.random == local->random;
}

static enum storage_err look_at_edges(struct storage *store, const struct lineage_query *query,
    const struct etag *etag, uint64_t job_id, const struct version *local, struct arena *arena,
    struct copy_seen *seen)
{
    struct lineage_page page;
    enum storage_err err = storage_lineage(store, query, arena, &page);
    if (err != STORAGE_OK)
        return err;
    for (size_t i = 0; i < page.count; i++) {
        const struct lineage_edge *edge = &page.items[i];
        if (is_source(edge, local))
            seen->same = seen->by_job = true;
        if (edge->kind != LINEAGE_COPIED || !etag_eq(&edge->end.etag, etag))
            continue;
        seen->same = true;
        seen->by_job |= edge->end.version.sequence == job_id;
    }
    return STORAGE_OK;
}

enum storage_err copy_look(struct storage *store, uint64_t bucket_id, struct span key,
    const struct etag *etag, uint64_t job_id, int64_t since_ms, const struct version *local,
    struct arena *arena, struct copy_seen *ret_seen)
{
    struct copy_seen seen = {.exists = true};
    enum storage_err err = storage_object_get(
        store, bucket_id, key, (struct version_ref){.select = VERSION_NEWEST}, arena, &seen.info);
    if (err == STORAGE_NO_SUCH_KEY || err == STORAGE_DELETE_MARKER) {
        *ret_seen = (struct copy_seen){.exists = false};
        return STORAGE_OK;
    }
    if (err != STORAGE_OK)
        return err;
    bool fresh = seen.info.modified_ms >= since_ms;
    seen.same = etag_eq(&seen.info.attributes.etag, etag);
    struct lineage_query query = {.bucket_id = bucket_id,
        .key = key,
        .version = {VERSION_EXACT, seen.info.version.sequence, seen.info.version.random},
        .max = EDGES_LOOKED_AT};
    if (fresh || !seen.same)
        err = look_at_edges(store, &query, etag, job_id, local, arena, &seen);
    seen.by_job &= fresh;
    if (err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION) { /* it went meanwhile */
        seen = (struct copy_seen){.exists = false};
        err = STORAGE_OK;
    }
    if (err == STORAGE_OK)
        *ret_seen = seen;
    return err;
}
