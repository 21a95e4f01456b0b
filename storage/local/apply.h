/* What each kind of mutation checks and changes. */
#ifndef STORAGE_LOCAL_APPLY_H
#define STORAGE_LOCAL_APPLY_H

#include "storage/local/commit.h"
#include "storage/local/objects.h"
#include "storage/local/uploads.h"

/* In the submitting thread: checks the arguments, refuses what grows the store when the reserve
 * would be touched, and writes a small body out unless it goes into the index. May block on the
 * disk. err: INVALID, NO_SPACE, … */
enum storage_err mutation_prepare(struct storage *storage, struct mutation *mutation) MUST_USE;
/* Its body, where that lies in memory still and belongs into a segment; else NULL. */
struct stage *mutation_stage_to_place(struct mutation *mutation);
/* Once mutation->err is known: the stage's bytes are the index's now, or given back. */
void mutation_release_stage(struct mutation *mutation);
/* In the commit. */
enum storage_err mutation_apply(struct commit *commit, struct mutation *mutation) MUST_USE;

/* ---- by kind ---- */

enum storage_err apply_create_bucket(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_delete_bucket(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_set_versioning(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_put_document(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_delete_document(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_put_object(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_copy_object(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_delete_object(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_create_upload(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_put_part(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_copy_part(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_complete_upload(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_abort_upload(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_change_records(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_set_metadata(struct commit *commit, struct mutation *m) MUST_USE;
enum storage_err apply_put_zones(struct commit *commit, struct mutation *m) MUST_USE;

/* CHANGE_RECORDS: are its arguments within their bounds; does it write any record? */
bool records_are_valid(const struct mutation *m);
bool records_grow(const struct mutation *m);

/* ---- what they share ---- */

/* A key as the commit found it. newest borrows from the index: its spans are good until the first
 * change. Where a write will move it to the older versions, commit->moved has it encoded for that.
 */
struct key_state {
    struct bucket_entry *bucket;
    struct span key;
    bool writes_null; /* a version that is written is the null version */
    bool exists;
    struct object_record newest;
    struct zone_entry *zone; /* NULL: it lies in none */
    bool excepted;
};

/* err: NO_SUCH_BUCKET */
enum storage_err key_state_read(struct commit *commit, const struct bucket_ref *bucket,
    struct span key, struct key_state *ret_state) MUST_USE;

/* The same for a version that is known: replaying the log. */
enum storage_err key_state_of(struct commit *commit, struct bucket_entry *bucket, struct span key,
    bool writes_null, struct key_state *ret_state) MUST_USE;

/* current: NULL or a delete marker is "absent". err: PRECONDITION_FAILED, NO_SUCH_KEY */
enum storage_err check_conditions(
    const struct mutation *m, const struct object_record *current) MUST_USE;

/* ---- zones (zone_rules.c) ---- */

/* What is written, before the first change. */
struct zone_content {
    uint64_t size_bytes;
    const struct object_attributes *attributes; /* etag, crc64nvme */
    struct span metadata;
    uint32_t part_count; /* of the blob that it would have */
    bool brings_bytes;   /* not a copy: bytes are saved by not storing them */
};

struct zone_verdict {
    bool unchanged; /* nothing is to be written: m->result is what was there */
    struct content_ref duplicate_of;
    uint64_t linked_blob_id; /* to be had in place of its own; 0: not */
};

/* Retention, preconditions and the zone's other rules for a write.
 * err: RETAINED, PRECONDITION_FAILED, NO_SUCH_KEY, OBJECT_EXISTS, DUPLICATE, QUOTA; CHANGED when there is
 * content that the caller has to compare with first */
enum storage_err zone_check_write(struct commit *commit, const struct key_state *state,
    const struct zone_content *content, struct mutation *m,
    struct zone_verdict *ret_verdict) MUST_USE;
/* Retention alone, for a version that goes, or for the one that a write would replace (gone: NULL). */
enum storage_err zone_check_remove(struct commit *commit, const struct key_state *state,
    const struct object_record *gone, struct mutation *m) MUST_USE;
/* Counts what was found, after the version was written. */
void zone_written(struct commit *commit, const struct key_state *state,
    const struct zone_content *content, const struct zone_verdict *verdict, struct mutation *m);
/* A version came or goes. */
void zone_count(struct commit *commit, const struct key_state *state,
    const struct object_record *record, bool more);
/* A version becomes the key's current one, or ceases to be it. Uses commit->value. */
enum storage_err zone_current_changes(struct commit *commit, const struct key_state *state,
    const struct object_record *record, bool comes) MUST_USE;

/* Writes a new newest version, as the bucket's versioning wants it. record: content and attributes;
 * this fills version, row, flags and time. metadata is not from the index. Between log_record and
 * log_record_end. out: ret_info */
enum storage_err version_write(struct commit *commit, struct key_state *state,
    struct object_record *record, struct object_info *ret_info) MUST_USE;
/* The same for a record that has its version, time and row id (0: a new one), but no flags yet. */
enum storage_err version_place(
    struct commit *commit, struct key_state *state, struct object_record *record) MUST_USE;
/* Other metadata for a version, where it is. */
enum storage_err version_set_metadata(struct commit *commit, const struct bucket_entry *bucket,
    struct span key, const struct found_object *found, struct span metadata) MUST_USE;
/* Takes a version away; the next older one becomes the newest. */
enum storage_err version_remove(
    struct commit *commit, struct key_state *state, const struct object_record *gone) MUST_USE;

/* A blob of one piece, of the stage's extent. */
enum storage_err blob_of_stage(
    struct commit *commit, const struct extent *extent, uint64_t *ret_blob_id) MUST_USE;

/* An open upload's row. err: NO_SUCH_UPLOAD */
struct upload_state {
    struct bucket_entry *bucket;
    struct index_key buffer;
    struct span leaf;            /* borrows from buffer */
    struct upload_record record; /* metadata borrows from the index */
};
enum storage_err upload_state_read(struct commit *commit, const struct mutation *m,
    struct upload_id id, struct upload_state *ret_state) MUST_USE;
/* Writes the row; its metadata must still be good: before other changes, or copied. */
enum storage_err upload_state_write(
    struct commit *commit, const struct upload_state *state) MUST_USE;

/* A part is about to be written: what stands at its number is freed, the row counts its pieces. Uses commit->moved. */
enum storage_err upload_touch(struct commit *commit, struct upload_state *state, uint32_t number,
    uint32_t new_pieces) MUST_USE;
/* Frees parts of a blob. numbers: u32 each, as the processor has them. */
enum storage_err parts_drop(struct commit *commit, uint64_t blob_id, struct span numbers) MUST_USE;

/* Moves a part's piece rows to another blob id (which is then freed). *ret_pieces: how many. */
enum storage_err part_move(struct commit *commit, uint64_t blob_id, uint32_t number,
    uint64_t to_blob_id, uint32_t *ret_pieces) MUST_USE;

/* The source as the caller read it. err: CHANGED */
enum storage_err copy_source_find(
    struct commit *commit, const struct copy_from *from, struct found_object *ret_found) MUST_USE;
void copy_source_log(struct commit *commit, const struct copy_from *from);

void log_begin(struct commit *commit, const struct mutation *m, const struct bucket_entry *bucket);
/* The bucket's row as it will be: the index gets it at the end of the batch. */
void log_bucket_row(struct commit *commit, const struct bucket_entry *bucket);
/* Takes an empty bucket away; GC aborts its uploads. */
enum storage_err bucket_drop(struct commit *commit, struct bucket_entry *entry) MUST_USE;
/* Another generation, told to the caller. */
void bucket_settings_changed(struct commit *commit, struct bucket_entry *entry, struct mutation *m);

#endif
