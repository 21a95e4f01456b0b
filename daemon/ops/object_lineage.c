/* GetObjectLineage: what a version was made from, and what was made from it, as two lists of edges by level. Id 0
 * is the version itself; "Of" is the id of the version on the near side of an edge. What the caller may not
 * read is shown as hidden, and nothing beyond it. */
#include "daemon/authorize.h"
#include "daemon/jobs/copy_lineage.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/json_answer.h"
#include "daemon/ops/object_common.h"
#include "daemon/version_id.h"
#include "daemon/zones.h"
#include "names.h"

enum {
    LINEAGE_LEVELS_MAX = 10,
    LINEAGE_EDGES_MAX = 1000, /* of an answer */
    LINEAGE_WALK_MAX = 2000,  /* edges looked at, those of pages before included */
    LINEAGE_STORE_PAGE = 200,
    LINEAGE_TABLE_SLOTS = 8192, /* a power of two, over twice the walk */
};

/* A version that was reached. */
struct node {
    struct lineage_end end;
    unsigned level;
};

struct walk {
    struct request *request;
    struct buf *out;
    bool derived;
    struct node *nodes; /* by id, in the order in which they are reached */
    size_t node_count;
    uint16_t *slots;           /* id + 1 by hash of the version; 0: free */
    size_t seen;               /* edges, both directions together */
    size_t skip, max;          /* the page */
    size_t written;            /* of this direction */
    size_t total;              /* of both */
    bool more;                 /* there is a next page */
    bool cut;                  /* the walk ended early */
    struct bucket_info bucket; /* the one that was looked up last */
};

static size_t slot_of(const struct walk *walk, const struct version *version)
{
    uint64_t hash = (version->sequence ^ version->random) * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(hash >> 40) & (LINEAGE_TABLE_SLOTS - 1);
    while (walk->slots[slot] != 0) {
        const struct version *there = &walk->nodes[walk->slots[slot] - 1].end.version;
        if (there->sequence == version->sequence && there->random == version->random)
            break;
        slot = (slot + 1) & (LINEAGE_TABLE_SLOTS - 1);
    }
    return slot;
}

/* The node of this version, made when it is new. */
static size_t reach(struct walk *walk, const struct lineage_end *end, unsigned level)
{
    size_t slot = slot_of(walk, &end->version);
    if (walk->slots[slot] == 0) {
        walk->nodes[walk->node_count] = (struct node){*end, level};
        walk->slots[slot] = (uint16_t)++walk->node_count;
    }
    return (size_t)walk->slots[slot] - 1;
}

/* A bucket that is gone has nobody who could allow it, and the next one of its name is another. */
static bool may_read(struct walk *walk, const struct lineage_end *end)
{
    struct request *request = walk->request;
    if (end->bucket_id == 0) /* elsewhere: no secret of anybody's here */
        return true;
    if (!span_eq(walk->bucket.name, end->bucket) || walk->bucket.name.len == 0) {
        enum storage_err err =
            storage_bucket_get(request_store(request), end->bucket, &request->arena, &walk->bucket);
        if (err != STORAGE_OK)
            walk->bucket = (struct bucket_info){.name = end->bucket};
    }
    if (walk->bucket.id != end->bucket_id)
        return false;
    struct access_ask ask = {.action = "s3:GetObject", .bucket = &walk->bucket, .key = end->key};
    return authorize_allows(request, &ask, NULL);
}

static void write_end(
    struct request *request, struct buf *out, const struct lineage_end *end, bool first)
{
    char version[VERSION_ID_TEXT_BYTES];
    size_t len = version_id_format(&end->version, version);
    json_answer_text(out, first, "Bucket", end->bucket);
    json_answer_text(out, false, "Key", end->key);
    json_answer_text(out, false, "VersionId", span_of(version, len));
    json_answer_text(out, false, "ETag", object_etag_text(request, &end->etag));
    if (end->zone.len > 0)
        json_answer_text(out, false, "Zone", end->zone);
}

static struct span kind_text(enum lineage_kind kind)
{
    switch (kind) {
    case LINEAGE_RECORDED:
        return SPAN("recorded");
    case LINEAGE_DECLARED:
        return SPAN("declared");
    case LINEAGE_COPIED:
        break;
    }
    return SPAN("copied");
}

/* What a copy job fetched (daemon/jobs/copy_lineage.h). */
static void write_elsewhere(
    struct request *request, struct buf *out, const struct lineage_edge *edge)
{
    const struct lineage_end *end = &edge->end;
    json_answer_text(out, false, "Url", end->key);
    if (end->etag.part_count != COPY_ETAG_HASHED)
        json_answer_text(out, false, "ETag", object_etag_text(request, &end->etag));
    json_answer_text(out, false, "CopyJob",
        arena_format(&request->arena, "%016llx", (unsigned long long)end->version.sequence));
    json_answer_text(out, false, "By", edge->who);
}

static void write_edge(struct walk *walk, const struct lineage_edge *edge, size_t of, size_t id,
    unsigned level, bool visible)
{
    struct buf *out = walk->out;
    buf_addf(out, "%s\n{\"Id\":%zu,\"Of\":%zu,\"Level\":%u", walk->written > 0 ? "," : "", id, of,
        level);
    json_answer_text(out, false, "Kind", kind_text(edge->kind));
    json_answer_time(out, "At", edge->at_ms);
    if (edge->kind == LINEAGE_COPIED) {
        write_elsewhere(walk->request, out, edge);
    } else if (visible) {
        buf_add_char(out, ',');
        write_end(walk->request, out, &edge->end, true);
        json_answer_text(out, false, "By", edge->who);
        if (edge->gone)
            json_answer_bool(out, "Gone", true);
    } else {
        json_answer_bool(out, "Hidden", true);
    }
    buf_add_char(out, '}');
    walk->written++;
}

/* False: no more of it. */
static bool take_edge(struct walk *walk, const struct lineage_edge *edge, size_t of)
{
    if (walk->seen == LINEAGE_WALK_MAX) {
        walk->cut = true;
        return false;
    }
    if (walk->total == walk->max) {
        walk->more = true;
        return false;
    }
    bool visible = may_read(walk, &edge->end);
    unsigned level = walk->nodes[of].level + 1;
    size_t id = visible ? reach(walk, &edge->end, level) : walk->seen + LINEAGE_WALK_MAX;
    if (walk->seen++ >= walk->skip) {
        write_edge(walk, edge, of, id, level, visible);
        walk->total++;
    }
    return true;
}

/* Every edge of a node. */
static enum s3_err walk_node(struct walk *walk, size_t id, bool *ret_on)
{
    const struct lineage_end end = walk->nodes[id].end;
    struct lineage_query query = {.bucket_id = end.bucket_id,
        .key = end.key,
        .version = {VERSION_EXACT, end.version.sequence, end.version.random},
        .derived = walk->derived,
        .max = LINEAGE_STORE_PAGE};
    struct lineage_page page;
    do {
        enum storage_err err =
            storage_lineage(request_store(walk->request), &query, &walk->request->arena, &page);
        if (err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION)
            return S3_OK; /* a tombstone: nothing is known beyond it */
        if (err != STORAGE_OK)
            return FAIL_STORAGE(walk->request, err);
        for (size_t i = 0; i < page.count; i++)
            if (!take_edge(walk, &page.items[i], id)) {
                *ret_on = false;
                return S3_OK;
            }
        query.after = page.next;
    } while (page.truncated);
    return S3_OK;
}

static enum s3_err walk_direction(struct walk *walk, const struct lineage_end *start, bool derived)
{
    bool on = true;
    walk->derived = derived;
    walk->node_count = 0;
    walk->written = 0;
    memset(walk->slots, 0, LINEAGE_TABLE_SLOTS * sizeof(*walk->slots));
    (void)reach(walk, start, 0);
    for (size_t id = 0; id < walk->node_count && on; id++)
        if (walk->nodes[id].level < LINEAGE_LEVELS_MAX)
            TRY(walk_node(walk, id, &on));
    return S3_OK;
}

static enum s3_err read_skip(struct request *request, size_t *ret_skip)
{
    struct span token = request_query(request, SPAN("continuation-token")), text;
    uint64_t skip = 0;
    if (span_present(token) && (token_decode(&request->arena, token, &text) != S3_OK ||
                                   !span_to_u64(text, &skip) || skip > LINEAGE_WALK_MAX))
        return FAIL_ARGUMENT(request, "continuation-token", SPAN_ABSENT,
            "The continuation token provided is incorrect");
    *ret_skip = (size_t)skip;
    return S3_OK;
}

static enum s3_err look_up(struct request *request, struct lineage_end *ret_end)
{
    struct version_ref ref;
    struct object_info info;
    struct zone_of zone;
    TRY(argument_version(request, &ref));
    enum storage_err err = storage_object_get(request_store(request), request->bucket.id,
        request->target.key, ref, &request->arena, &info);
    if (err != STORAGE_OK)
        return object_read_fail(request, err, &ref, &info);
    TRY(zones_of(request, &request->bucket, request->target.key, &zone));
    *ret_end = (struct lineage_end){request->bucket.id, request->bucket.name, request->target.key,
        zone.name, info.version, info.attributes.etag};
    return S3_OK;
}

static enum s3_err start_walk(struct request *request, struct walk *walk)
{
    *walk = (struct walk){.request = request};
    TRY(json_answer_limit(request, "max-edges", LINEAGE_EDGES_MAX, &walk->max));
    TRY(read_skip(request, &walk->skip));
    walk->nodes = arena_array(&request->arena, struct node, LINEAGE_WALK_MAX + 1);
    walk->slots = arena_array(&request->arena, uint16_t, LINEAGE_TABLE_SLOTS);
    return walk->nodes != NULL && walk->slots != NULL ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err op_get_object_lineage(struct request *request)
{
    struct walk walk;
    struct lineage_end start = {.bucket_id = 0};
    TRY(look_up(request, &start));
    TRY(start_walk(request, &walk));
    struct buf *out = walk.out = json_answer(request);
    buf_add_char(out, '{');
    write_end(request, out, &start, true);
    buf_add_lit(out, ",\"Sources\":[");
    TRY(walk_direction(&walk, &start, false));
    buf_add_lit(out, "],\"Derived\":[");
    if (!walk.more && !walk.cut)
        TRY(walk_direction(&walk, &start, true));
    buf_add_char(out, ']');
    json_answer_bool(out, "IsTruncated", walk.more || walk.cut);
    if (walk.more) {
        struct span next = arena_format(&request->arena, "%zu", walk.seen);
        json_answer_text(out, false, "NextContinuationToken", token_encode(&request->arena, next));
    }
    buf_add_lit(out, "}\n");
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}
