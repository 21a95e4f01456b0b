/* What lacks bytes is found, told of, and taken out. */
#include "storage/local/apply.h"
#include "storage/local/cursor.h"
#include "storage/local/salvage.h"

#include <inttypes.h>

/* ---- blobs that lack bytes ---- */

struct bad_parts {
    struct bad_part {
        uint64_t blob_id;
        uint32_t number;
    } * items;
    size_t count, capacity;
};

static enum storage_err add_part(struct bad_parts *parts, uint64_t blob_id, uint32_t number)
{
    if (parts->count > 0 && parts->items[parts->count - 1].blob_id == blob_id &&
        parts->items[parts->count - 1].number == number)
        return STORAGE_OK;
    if (parts->count == parts->capacity) {
        size_t capacity = parts->capacity ? parts->capacity * 2 : 64;
        struct bad_part *items = realloc(parts->items, capacity * sizeof(*items));
        if (!items)
            return STORAGE_NO_MEMORY;
        parts->items = items;
        parts->capacity = capacity;
    }
    parts->items[parts->count++] = (struct bad_part){blob_id, number};
    return STORAGE_OK;
}

/* One blob: its pieces, against what its row and its parts say they are. */
struct blob_look {
    uint64_t length_bytes, part_left_bytes;
    uint32_t parts, part, part_left;
    bool bad;
};

static void look_at_piece(struct blob_look *look, struct index_txn *txn, struct span key,
    const struct piece_record *piece, const struct id_list *bad_extents, bool *ret_bad)
{
    struct index_key buffer;
    struct span value;
    uint32_t number = key_u32_at(key, 8), index = key_u32_at(key, 12);
    *ret_bad = piece->extent_id != 0 &&
               (salvage_lists(bad_extents, piece->extent_id) ||
                   index_get(txn, TABLE_EXTENTS, key_of_u64(&buffer, piece->extent_id), &value) !=
                       STORAGE_OK);
    look->length_bytes += piece->length_bytes;
    if (index == 0) {
        look->bad |= look->part_left > 0 || look->part_left_bytes > 0;
        look->part = number;
        look->parts += number != 0;
        look->part_left = piece->has_part ? piece->part_pieces : 1;
        look->part_left_bytes = piece->has_part ? piece->part_size_bytes : piece->length_bytes;
    } else if (number != look->part) {
        look->bad = true;
        return;
    }
    look->bad |= look->part_left == 0 || look->part_left_bytes < piece->length_bytes;
    if (look->bad)
        return;
    look->part_left--;
    look->part_left_bytes -= piece->length_bytes;
}

static enum storage_err look_at_blob(struct index_txn *txn, struct index_cursor *pieces,
    uint64_t blob_id, const struct blob_record *blob, const struct id_list *bad_extents,
    struct id_list *bad_blobs, struct bad_parts *bad_parts)
{
    struct blob_look look = {0};
    struct index_key buffer;
    struct span key, value;
    bool open = blob->length_bytes == 0 && blob->part_count == 0, bad = false;
    enum storage_err err = index_seek(pieces, key_of_piece(&buffer, blob_id, 0, 0), &key, &value);
    for (; err == STORAGE_OK && key_u64_at(key, 0) == blob_id;
         err = index_next(pieces, &key, &value)) {
        struct piece_record piece;
        bool piece_bad;
        if ((err = schema_decode_piece(key, value, &piece)) != STORAGE_OK)
            break;
        look_at_piece(&look, txn, key, &piece, bad_extents, &piece_bad);
        bad |= piece_bad;
        if (open && (piece_bad || look.bad))
            err = add_part(bad_parts, blob_id, key_u32_at(key, 8));
        if (err != STORAGE_OK)
            break;
    }
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    bad |= look.bad || look.part_left > 0 || look.part_left_bytes > 0 ||
           look.length_bytes != blob->length_bytes || look.parts != blob->part_count;
    return bad && !open ? salvage_add_id(bad_blobs, blob_id) : STORAGE_OK;
}

static enum storage_err find_bad_blobs(struct salvage *salvage, const struct id_list *bad_extents,
    struct id_list *bad_blobs, struct bad_parts *bad_parts)
{
    struct index_txn *txn = NULL;
    struct index_cursor *blobs = NULL, *pieces = NULL;
    struct span key, value;
    enum storage_err err = index_read_begin(salvage->store.index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_BLOBS, &blobs);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_PIECES, &pieces);
    if (err == STORAGE_OK)
        err = index_seek(blobs, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(blobs, &key, &value)) {
        struct blob_record blob;
        err = schema_decode_blob(key, value, &blob);
        if (err == STORAGE_OK)
            err = look_at_blob(
                txn, pieces, key_u64_at(key, 0), &blob, bad_extents, bad_blobs, bad_parts);
        if (err != STORAGE_OK)
            break;
    }
    index_cursor_close(pieces);
    index_cursor_close(blobs);
    index_read_end(txn);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* ---- taking out what has them ---- */

/* A version, or with part > 0 a part of an upload. */
struct loss {
    uint64_t bucket_id;
    uint64_t sequence; /* or the upload's blob id */
    uint64_t random;
    uint32_t part;
    bool is_null;
    size_t name_len, key_len;
    char name[BUCKET_NAME_MAX_BYTES], key[STORAGE_KEY_MAX_BYTES];
};

struct loss_work {
    struct engine_work work;
    struct salvage *salvage;
    struct loss *items; /* all of them */
    size_t count, capacity;
    size_t from, to; /* of this commit */
};

static enum storage_err take_version(struct commit *commit, const struct loss *loss)
{
    struct bucket_entry *bucket = NULL;
    struct key_state state;
    struct span key = span_of(loss->key, loss->key_len);
    enum storage_err err = commit_bucket_of_id(commit, loss->bucket_id, &bucket);
    if (err == STORAGE_OK)
        err = key_state_of(commit, bucket, key, false, &state);
    if (err != STORAGE_OK || !state.exists)
        return err == STORAGE_OK ? STORAGE_CORRUPT : err;
    struct object_record gone = state.newest;
    if (gone.version.sequence != loss->sequence)
        err = object_find_older(commit->txn, state.newest.row_id, loss->sequence, &gone);
    return err == STORAGE_OK ? version_remove(commit, &state, &gone) : err;
}

static enum storage_err take_part(struct commit *commit, const struct loss *loss)
{
    struct upload_state state;
    struct span key = span_of(loss->key, loss->key_len);
    enum storage_err err = commit_bucket_of_id(commit, loss->bucket_id, &state.bucket);
    if (err == STORAGE_OK)
        err = upload_find(commit->txn, loss->bucket_id, key,
            (struct upload_id){loss->sequence, loss->random}, &state.buffer, &state.leaf,
            &state.record);
    return err == STORAGE_OK ? upload_touch(commit, &state, loss->part, 0) : err;
}

static enum storage_err loss_apply(struct engine_work *work, struct commit *commit)
{
    struct loss_work *losses = (struct loss_work *)work;
    enum storage_err err = STORAGE_OK;
    for (size_t i = losses->from; i < losses->to && err == STORAGE_OK; i++)
        err = losses->items[i].part ? take_part(commit, &losses->items[i])
                                    : take_version(commit, &losses->items[i]);
    return err;
}

static void tell_loss(struct salvage *salvage, const struct loss *loss)
{
    char key[SALVAGE_KEY_BYTES], version[64];
    salvage_key(span_of(loss->key, loss->key_len), key);
    snprintf(version, sizeof(version),
        loss->is_null ? "version null" : "version %016" PRIx64 "%016" PRIx64, loss->sequence,
        loss->random);
    if (loss->part)
        salvage_lost(salvage,
            "part %" PRIu32 " of an upload of %.*s/%s is left out: its bytes are not whole",
            loss->part, (int)loss->name_len, loss->name, key);
    else
        salvage_lost(salvage, "object %.*s/%s (%s) is left out: its bytes are not whole",
            (int)loss->name_len, loss->name, key, version);
}

static struct loss *new_loss(
    struct loss_work *losses, uint64_t bucket_id, struct span name, struct span key)
{
    if (losses->count == losses->capacity) {
        size_t capacity = losses->capacity ? losses->capacity * 2 : 16;
        struct loss *items = realloc(losses->items, capacity * sizeof(*items));
        if (!items)
            return NULL;
        losses->items = items;
        losses->capacity = capacity;
    }
    struct loss *loss = &losses->items[losses->count++];
    *loss = (struct loss){.bucket_id = bucket_id,
        .name_len = name.len < sizeof(loss->name) ? name.len : sizeof(loss->name),
        .key_len = key.len < sizeof(loss->key) ? key.len : sizeof(loss->key)};
    memcpy(loss->name, name.ptr, loss->name_len);
    memcpy(loss->key, key.ptr, loss->key_len);
    return loss;
}

struct bucket_look {
    struct index_txn *txn;
    struct loss_work *losses;
    const struct id_list *bad_blobs;
    const struct bad_parts *bad_parts;
    uint64_t id;
    struct span name;
};

static enum storage_err look_at_version(
    struct bucket_look *look, struct span key, const struct object_record *record)
{
    if (record->blob_id == 0 || !salvage_lists(look->bad_blobs, record->blob_id))
        return STORAGE_OK;
    struct loss *loss = new_loss(look->losses, look->id, look->name, key);
    if (!loss)
        return STORAGE_NO_MEMORY;
    loss->sequence = record->version.sequence;
    loss->random = record->version.random;
    loss->is_null = record->version.is_null;
    return STORAGE_OK;
}

static enum storage_err look_at_key(struct bucket_look *look, const struct key_cursor *at)
{
    struct object_record record;
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value, name = key_cursor_key(at);
    enum storage_err err = schema_decode_object(at->leaf, at->value, &record);
    if (err == STORAGE_OK)
        err = look_at_version(look, name, &record);
    if (err != STORAGE_OK || !record.has_older)
        return err;
    uint64_t row_id = record.row_id;
    err = index_cursor_open(look->txn, TABLE_VERSIONS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_u64(&buffer, row_id), &key, &value);
    while (err == STORAGE_OK && key_u64_at(key, 0) == row_id) {
        err = schema_decode_object(key, value, &record);
        if (err == STORAGE_OK)
            err = look_at_version(look, name, &record);
        if (err == STORAGE_OK)
            err = index_next(cursor, &key, &value);
    }
    index_cursor_close(cursor);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

static enum storage_err look_at_upload(struct bucket_look *look, const struct key_cursor *at)
{
    struct upload_record record;
    enum storage_err err = schema_decode_upload(at->leaf, at->value, &record);
    for (size_t i = 0; err == STORAGE_OK && !record.completed && i < look->bad_parts->count; i++) {
        const struct bad_part *part = &look->bad_parts->items[i];
        if (part->blob_id != record.id.blob_id)
            continue;
        struct loss *loss = new_loss(look->losses, look->id, look->name, key_cursor_key(at));
        if (!loss)
            return STORAGE_NO_MEMORY;
        loss->sequence = record.id.blob_id;
        loss->random = record.id.random;
        loss->part = part->number;
    }
    return err;
}

static enum storage_err look_at_bucket(struct bucket_look *look, enum table table)
{
    struct key_cursor at;
    key_cursor_init(&at, look->txn, table, look->id);
    enum storage_err err = key_cursor_seek(&at, SPAN(""), 0);
    while (err == STORAGE_OK && at.valid) {
        err = table == TABLE_OBJECTS ? look_at_key(look, &at) : look_at_upload(look, &at);
        if (err == STORAGE_OK)
            err = key_cursor_next(&at);
    }
    key_cursor_close(&at);
    return err;
}

static enum storage_err find_losses(struct salvage *salvage, struct bucket_look *look)
{
    struct index_cursor *cursor = NULL;
    struct span key, value;
    enum storage_err err = index_read_begin(salvage->store.index, &look->txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(look->txn, TABLE_BUCKETS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct bucket_record record;
        if ((err = schema_decode_bucket(key, value, &record)) != STORAGE_OK)
            break;
        look->id = record.id;
        look->name = key;
        if (look->bad_blobs->count > 0)
            err = look_at_bucket(look, TABLE_OBJECTS);
        if (err == STORAGE_OK && look->bad_parts->count > 0)
            err = look_at_bucket(look, TABLE_UPLOADS);
        if (err != STORAGE_OK)
            break;
    }
    index_cursor_close(cursor);
    index_read_end(look->txn);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

static enum storage_err take_losses(
    struct salvage *salvage, const struct id_list *bad_blobs, const struct bad_parts *bad_parts)
{
    struct loss_work losses = {.work.apply = loss_apply, .salvage = salvage};
    struct bucket_look look = {.losses = &losses, .bad_blobs = bad_blobs, .bad_parts = bad_parts};
    if (bad_blobs->count == 0 && bad_parts->count == 0)
        return STORAGE_OK;
    enum storage_err err = find_losses(salvage, &look);
    for (; err == STORAGE_OK && losses.from < losses.count; losses.from = losses.to) {
        losses.to = losses.from + 256 < losses.count ? losses.from + 256 : losses.count;
        err = salvage_commit(salvage, &losses.work);
    }
    for (size_t i = 0; i < losses.count && err == STORAGE_OK; i++)
        tell_loss(salvage, &losses.items[i]);
    free(losses.items);
    return err;
}

enum storage_err salvage_take_losses(struct salvage *salvage, const struct id_list *bad_extents)
{
    struct id_list bad_blobs = {0};
    struct bad_parts bad_parts = {0};
    enum storage_err err = find_bad_blobs(salvage, bad_extents, &bad_blobs, &bad_parts);
    if (err == STORAGE_OK)
        err = take_losses(salvage, &bad_blobs, &bad_parts);
    free(bad_blobs.ids);
    free(bad_parts.items);
    return err;
}
