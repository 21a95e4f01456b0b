/* What redo.c (buckets, documents, records), redo_object.c (bytes, versions) and redo_upload.c share. */
#ifndef STORAGE_LOCAL_REDO_INTERNAL_H
#define STORAGE_LOCAL_REDO_INTERNAL_H

#include "storage/local/apply.h"
#include "storage/local/redo.h"

/* The record's bucket; one that nobody knows is made, without its settings.
 * err: NO_SUCH_BUCKET: another has its name */
enum storage_err redo_bucket(
    struct redo *redo, struct commit *commit, struct bucket_entry **ret_entry) MUST_USE;

bool redo_is_there(struct commit *commit, enum table table, struct span key);
/* The extent, pieces and blob that the record has. */
enum storage_err redo_bytes(struct redo *redo, struct commit *commit) MUST_USE;
/* The object has the blob of another, which may be unknown. */
enum storage_err redo_refer(struct commit *commit, const struct object_record *record) MUST_USE;
/* Has the record a row of this blob? */
bool redo_brings_blob(const struct redo *redo, uint64_t blob_id);
enum storage_err redo_lineage(struct redo *redo, struct commit *commit) MUST_USE;
/* err: CORRUPT: the record has none */
enum storage_err redo_logged_object(
    const struct redo *redo, struct object_record *ret_record) MUST_USE;
/* Writes the version and its lineage. linked: it has the blob of another though bytes were sent. */
enum storage_err redo_place(struct redo *redo, struct commit *commit, struct bucket_entry *bucket,
    struct object_record *record, bool linked) MUST_USE;

/* ---- by kind ---- */

enum storage_err redo_put_object(struct redo *redo, struct commit *commit) MUST_USE;
enum storage_err redo_delete_object(struct redo *redo, struct commit *commit) MUST_USE;
enum storage_err redo_set_metadata(struct redo *redo, struct commit *commit) MUST_USE;
enum storage_err redo_create_upload(struct redo *redo, struct commit *commit) MUST_USE;
enum storage_err redo_put_part(struct redo *redo, struct commit *commit) MUST_USE;
enum storage_err redo_complete_upload(struct redo *redo, struct commit *commit) MUST_USE;
enum storage_err redo_abort_upload(struct redo *redo, struct commit *commit) MUST_USE;

#endif
