#include "storage/local/lineage.h"

#include "storage/local/objects.h"
#include "storage/local/page.h"

enum { RECLAIM_EDGES = 128 /* rows in one commit, so at most as many more under the other ends */ };

/* ---- writing ---- */

static enum storage_err put_edge(struct commit *commit, struct lineage_node at, uint8_t direction,
    struct lineage_node other, const struct lineage_edge *edge)
{
    struct index_key buffer;
    struct span key = key_of_lineage(&buffer, at, direction, other);
    schema_encode_lineage(key, &(struct lineage_record){*edge}, &commit->value);
    enum storage_err err = commit_put(commit, TABLE_LINEAGE, key);
    if (err == STORAGE_OK)
        log_row(&commit->log, LOG_LINEAGE, key, buf_span(&commit->value));
    return err;
}

/* The row id of a version that still is. err: NO_SUCH_KEY, NO_SUCH_VERSION … */
static enum storage_err find_node(
    struct commit *commit, const struct lineage_end *end, struct lineage_node *ret_node)
{
    struct found_object found;
    struct version_ref version = {VERSION_EXACT, end->version.sequence, end->version.random};
    enum storage_err err = object_find(commit->txn, end->bucket_id, end->key, version, &found);
    if (err == STORAGE_OK)
        *ret_node = (struct lineage_node){found.record.row_id, found.record.version.sequence};
    return err;
}

static bool is_gone(enum storage_err err)
{
    return err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION;
}

static struct lineage_end end_of(const struct mutation *m, const struct object_info *written)
{
    return (struct lineage_end){
        .bucket_id = m->bucket.id,
        .bucket = m->bucket.name,
        .key = m->key,
        .zone = m->lineage.zone,
        .version = written->version,
        .etag = written->attributes.etag,
    };
}

/* Row ids begin at 1, so an end under row 0 is nobody's. */
static enum storage_err add_elsewhere(struct commit *commit, const struct mutation *m,
    struct lineage_node node, const struct lineage_source *source)
{
    struct lineage_edge edge = {.kind = LINEAGE_COPIED,
        .end = {.key = source->end.key, .version = source->end.version, .etag = source->end.etag},
        .who = m->lineage.who,
        .at_ms = commit->now_ms};
    return put_edge(commit, node, LINEAGE_SOURCES,
        (struct lineage_node){0, source->end.version.sequence}, &edge);
}

static enum storage_err add_source(struct commit *commit, const struct mutation *m,
    struct lineage_node node, const struct lineage_source *source,
    const struct lineage_end *derived)
{
    struct lineage_node other = {0};
    if (source->kind == LINEAGE_COPIED)
        return add_elsewhere(commit, m, node, source);
    enum storage_err err = find_node(commit, &source->end, &other);
    if (is_gone(err)) /* deleted since it was read: there is nothing to hang the edge on */
        return STORAGE_OK;
    if (err != STORAGE_OK || (other.row_id == node.row_id && other.sequence == node.sequence))
        return err;
    struct lineage_edge edge = {
        .kind = source->kind, .end = source->end, .who = m->lineage.who, .at_ms = commit->now_ms};
    err = put_edge(commit, node, LINEAGE_SOURCES, other, &edge);
    if (err == STORAGE_OK && derived) {
        edge.end = *derived;
        err = put_edge(commit, other, LINEAGE_DERIVED, node, &edge);
    }
    return err;
}

enum storage_err lineage_write(struct commit *commit, const struct mutation *m, uint64_t row_id,
    const struct object_info *written)
{
    struct lineage_node node = {row_id, written->version.sequence};
    struct lineage_end derived = end_of(m, written);
    enum storage_err err = STORAGE_OK;
    for (size_t i = 0; i < m->lineage.count && i < STORAGE_LINEAGE_SOURCES_MAX; i++)
        if ((err = add_source(commit, m, node, &m->lineage.sources[i], &derived)) != STORAGE_OK)
            break;
    return err;
}

/* ---- uploads ---- */

/* The first row under a node, of any direction. err: NO_SUCH_KEY */
static enum storage_err first_under(struct index_txn *txn, struct lineage_node node,
    struct index_key *ret_key, struct span *ret_key_span, struct span *ret_value)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    enum storage_err err = index_cursor_open(txn, TABLE_LINEAGE, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(
            cursor, key_of_lineage(&buffer, node, 0, (struct lineage_node){0}), &key, &value);
    index_cursor_close(cursor);
    if (err != STORAGE_OK)
        return err;
    struct lineage_node at = lineage_at(key);
    if (key.len != LINEAGE_KEY_BYTES || at.row_id != node.row_id || at.sequence != node.sequence)
        return STORAGE_NO_SUCH_KEY;
    memcpy(ret_key->bytes, key.ptr, key.len);
    *ret_key_span = span_of(ret_key->bytes, key.len);
    *ret_value = value;
    return STORAGE_OK;
}

static size_t count_under(struct index_txn *txn, struct lineage_node node, size_t max)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    size_t count = 0;
    enum storage_err err = index_cursor_open(txn, TABLE_LINEAGE, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(
            cursor, key_of_lineage(&buffer, node, 0, (struct lineage_node){0}), &key, &value);
    for (; err == STORAGE_OK && count < max && lineage_at(key).row_id == node.row_id &&
           lineage_at(key).sequence == node.sequence;
         err = index_next(cursor, &key, &value))
        count++;
    index_cursor_close(cursor);
    return count;
}

enum storage_err lineage_write_part(struct commit *commit, const struct mutation *m)
{
    struct lineage_node node = {m->part.upload.blob_id, 0};
    enum storage_err err = STORAGE_OK;
    if (m->lineage.count == 0)
        return STORAGE_OK;
    size_t have = count_under(commit->txn, node, STORAGE_LINEAGE_SOURCES_MAX);
    for (size_t i = 0; i < m->lineage.count && have + i < STORAGE_LINEAGE_SOURCES_MAX; i++)
        if ((err = add_source(commit, m, node, &m->lineage.sources[i], NULL)) != STORAGE_OK)
            break;
    return err;
}

/* The row's edge with its texts in commit->moved, so that it outlives the row. */
static enum storage_err copy_edge(
    struct commit *commit, struct span key, struct span value, struct lineage_record *ret_record)
{
    buf_clear(&commit->moved);
    buf_add(&commit->moved, value);
    if (!buf_ok(&commit->moved))
        return STORAGE_NO_MEMORY;
    return schema_decode_lineage(key, buf_span(&commit->moved), ret_record);
}

enum storage_err lineage_complete(
    struct commit *commit, struct mutation *m, uint64_t row_id, struct span zone)
{
    struct lineage_node upload = {m->complete.upload.blob_id, 0}, other;
    struct lineage_node node = {row_id, m->result.version.sequence};
    struct lineage_end derived = end_of(m, &m->result);
    struct index_key buffer;
    struct span key, value;
    struct lineage_record record;
    if (index_tally(commit->txn, TABLE_LINEAGE).count == 0)
        return STORAGE_OK;
    derived.zone = zone;
    enum storage_err err;
    while ((err = first_under(commit->txn, upload, &buffer, &key, &value)) == STORAGE_OK) {
        err = copy_edge(commit, key, value, &record);
        if (err == STORAGE_OK)
            err = index_delete(commit->txn, TABLE_LINEAGE, key);
        if (err != STORAGE_OK)
            return err;
        const struct lineage_end *end = &record.edge.end;
        if (record.edge.kind == LINEAGE_RECORDED && span_present(end->zone) &&
            (end->bucket_id != m->bucket.id || !span_present(zone) || !span_eq(end->zone, zone)))
            m->zone.promotes = true;
        err = find_node(commit, end, &other);
        if (err != STORAGE_OK && !is_gone(err))
            return err;
        if (is_gone(err) || (other.row_id == node.row_id && other.sequence == node.sequence))
            continue;
        err = put_edge(commit, node, LINEAGE_SOURCES, other, &record.edge);
        record.edge.end = derived;
        if (err == STORAGE_OK)
            err = put_edge(commit, other, LINEAGE_DERIVED, node, &record.edge);
        if (err != STORAGE_OK)
            return err;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

enum storage_err lineage_forget_upload(struct commit *commit, uint64_t blob_id)
{
    struct lineage_node upload = {blob_id, 0};
    struct index_key buffer;
    struct span key, value;
    enum storage_err err;
    while ((err = first_under(commit->txn, upload, &buffer, &key, &value)) == STORAGE_OK)
        if ((err = index_delete(commit->txn, TABLE_LINEAGE, key)) != STORAGE_OK)
            return err;
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* ---- ends that go ---- */

enum storage_err lineage_gone(struct commit *commit, struct lineage_node node)
{
    struct index_key buffer;
    struct span key, value;
    if (index_tally(commit->txn, TABLE_LINEAGE).count == 0)
        return STORAGE_OK;
    enum storage_err err = first_under(commit->txn, node, &buffer, &key, &value);
    if (err != STORAGE_OK)
        return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
    return commit_freed_add(commit, FREED_LINEAGE,
        &(struct freed_record){.id = node.row_id, .bucket_id = node.sequence});
}

/* Takes a row under a version that went away; the other end keeps what it knows as a tombstone. */
static enum storage_err end_edge(struct commit *commit, struct span key)
{
    struct index_key buffer;
    struct span value;
    struct lineage_record record;
    struct lineage_node at = lineage_at(key), other = lineage_other(key);
    uint8_t direction = (uint8_t)key.ptr[16] == LINEAGE_SOURCES ? LINEAGE_DERIVED : LINEAGE_SOURCES;
    enum storage_err err = index_delete(commit->txn, TABLE_LINEAGE, key);
    if (err != STORAGE_OK)
        return err;
    struct span mirror = key_of_lineage(&buffer, other, direction, at);
    err = index_get(commit->txn, TABLE_LINEAGE, mirror, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_OK; /* an upload's, or the other went first */
    if (err == STORAGE_OK)
        err = copy_edge(commit, mirror, value, &record);
    if (err != STORAGE_OK)
        return err;
    record.edge.gone = true;
    schema_encode_lineage(mirror, &record, &commit->value);
    if ((err = commit_put(commit, TABLE_LINEAGE, mirror)) != STORAGE_OK)
        return err;
    return commit_freed_add(commit, FREED_TOMBSTONE,
        &(struct freed_record){
            .key = mirror, .due_ms = commit->now_ms + commit->storage->options.lineage_ms});
}

static enum storage_err first_freed(struct index_txn *txn, enum freed_kind kind,
    uint64_t *ret_sequence, struct freed_record *ret_record, struct index_key *ret_text)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    enum storage_err err = index_cursor_open(txn, TABLE_FREED, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_freed(&buffer, kind, 0), &key, &value);
    index_cursor_close(cursor);
    if (err != STORAGE_OK)
        return err;
    if (key.len == 0 || (uint8_t)key.ptr[0] != kind)
        return STORAGE_NO_SUCH_KEY;
    *ret_sequence = key_u64_at(key, 1);
    err = schema_decode_freed(key, value, ret_record);
    if (err == STORAGE_OK && ret_record->key.len > 0) {
        if (ret_record->key.len > sizeof ret_text->bytes)
            return STORAGE_CORRUPT;
        memcpy(ret_text->bytes, ret_record->key.ptr, ret_record->key.len);
        ret_record->key = span_of(ret_text->bytes, ret_record->key.len);
    }
    return err;
}

static enum storage_err reclaim_ended(struct commit *commit, size_t *left)
{
    struct freed_record freed;
    struct index_key text, buffer;
    struct span key, value;
    uint64_t sequence;
    enum storage_err err = first_freed(commit->txn, FREED_LINEAGE, &sequence, &freed, &text);
    while (err == STORAGE_OK && *left > 0) {
        struct lineage_node node = {freed.id, freed.bucket_id};
        err = first_under(commit->txn, node, &buffer, &key, &value);
        if (err == STORAGE_OK)
            err = end_edge(commit, key);
        else if (err == STORAGE_NO_SUCH_KEY &&
                 (err = commit_freed_remove(commit, FREED_LINEAGE, sequence)) == STORAGE_OK)
            err = first_freed(commit->txn, FREED_LINEAGE, &sequence, &freed, &text);
        --*left;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

static enum storage_err reclaim_tombstones(struct commit *commit, size_t *left)
{
    struct freed_record freed;
    struct index_key text;
    struct span value;
    struct lineage_record record;
    uint64_t sequence;
    enum storage_err err = STORAGE_OK;
    while (*left > 0 && (err = first_freed(commit->txn, FREED_TOMBSTONE, &sequence, &freed,
                             &text)) == STORAGE_OK) {
        if (freed.due_ms > commit->now_ms)
            return STORAGE_OK;
        err = index_get(commit->txn, TABLE_LINEAGE, freed.key, &value);
        if (err == STORAGE_OK)
            err = schema_decode_lineage(freed.key, value, &record);
        if (err == STORAGE_OK && record.edge.gone)
            err = index_delete(commit->txn, TABLE_LINEAGE, freed.key);
        if (err == STORAGE_OK || err == STORAGE_NO_SUCH_KEY)
            err = commit_freed_remove(commit, FREED_TOMBSTONE, sequence);
        if (err != STORAGE_OK)
            return err;
        --*left;
    }
    return *left == 0 || err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

enum storage_err lineage_reclaim(struct commit *commit, bool *ret_more)
{
    size_t left = RECLAIM_EDGES;
    enum storage_err err = reclaim_ended(commit, &left);
    if (err == STORAGE_OK)
        err = reclaim_tombstones(commit, &left);
    *ret_more = left == 0;
    return err;
}

bool lineage_pending(struct index_txn *txn)
{
    struct freed_record freed;
    struct index_key text;
    uint64_t sequence;
    if (first_freed(txn, FREED_LINEAGE, &sequence, &freed, &text) == STORAGE_OK)
        return true;
    return first_freed(txn, FREED_TOMBSTONE, &sequence, &freed, &text) == STORAGE_OK &&
           freed.due_ms <= clock_unix_ms();
}

/* ---- reading ---- */

static void copy_end(struct arena *arena, struct lineage_end *end)
{
    end->bucket = arena_copy(arena, end->bucket);
    end->key = arena_copy(arena, end->key);
    if (span_present(end->zone))
        end->zone = arena_copy(arena, end->zone);
}

static enum storage_err read_edges(struct index_txn *txn, const struct lineage_query *query,
    struct lineage_node node, struct arena *arena, struct lineage_page *page)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    uint8_t direction = query->derived ? LINEAGE_DERIVED : LINEAGE_SOURCES;
    size_t capacity = 0;
    struct span from = key_of_lineage(&buffer, node, direction, (struct lineage_node){0});
    if (query->after.len == 16)
        memcpy(buffer.bytes + 17, query->after.ptr, 16);
    enum storage_err err = index_cursor_open(txn, TABLE_LINEAGE, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, from, &key, &value);
    if (err == STORAGE_OK && query->after.len == 16 && span_eq(key, from))
        err = index_next(cursor, &key, &value);
    struct span last = SPAN_ABSENT;
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct lineage_record record;
        if (key.len != LINEAGE_KEY_BYTES || memcmp(key.ptr, from.ptr, 17) != 0)
            break;
        if (page->count == query->max) {
            page->truncated = true;
            page->next = arena_copy(arena, last);
            break;
        }
        if ((err = schema_decode_lineage(key, value, &record)) != STORAGE_OK)
            break;
        copy_end(arena, &record.edge.end);
        record.edge.who = arena_copy(arena, record.edge.who);
        page->items =
            page_grow(arena, page->items, sizeof *page->items, page->count, &capacity, query->max);
        if (arena->overflow) {
            err = STORAGE_NO_MEMORY;
            break;
        }
        page->items[page->count++] = record.edge;
        last = arena_copy(arena, span_from(key, 17));
    }
    index_cursor_close(cursor);
    if (err == STORAGE_NO_SUCH_KEY)
        err = STORAGE_OK;
    return err == STORAGE_OK && arena->overflow ? STORAGE_NO_MEMORY : err;
}

enum storage_err storage_lineage(struct storage *storage, const struct lineage_query *query,
    struct arena *arena, struct lineage_page *ret_page)
{
    struct index_txn *txn = NULL;
    struct found_object found;
    struct lineage_page page = {0};
    if (span_present(query->after) && query->after.len != 16)
        return STORAGE_INVALID;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = object_find(txn, query->bucket_id, query->key, query->version, &found);
    if (err == STORAGE_OK) {
        struct lineage_node node = {found.record.row_id, found.record.version.sequence};
        err = read_edges(txn, query, node, arena, &page);
    }
    index_read_end(txn);
    if (err == STORAGE_OK)
        *ret_page = page;
    return err;
}
