/* Multipart uploads: reading open ones, and their parts. They are made and changed by mutations. Part of the store's
 * contract (storage.h). */
#ifndef STORAGE_STORAGE_UPLOADS_H
#define STORAGE_STORAGE_UPLOADS_H

#include "storage/storage.h"

struct upload_info {
    struct upload_id id;
    struct span key;
    int64_t initiated_ms;
    uint64_t generation;            /* changes with every part put */
    enum digest_algo checksum_algo; /* DIGEST_NONE: none was asked for */
    enum checksum_type checksum_type;
    /* storage class, owner, metadata; no ETag or checksum yet */
    struct object_attributes attributes;
    bool completed; /* then what follows is what it became, kept for 24 hours */
    uint8_t parts_hash[MD5_BYTES];
    struct object_info result;
};

/* err: NO_SUCH_UPLOAD */
enum storage_err storage_upload_get(struct storage *storage, uint64_t bucket_id, struct span key,
    struct upload_id id, struct arena *arena, struct upload_info *ret_info) MUST_USE;

/* Parts uploaded so far, after part number `after`. *ret_generation is that of the same instant. */
enum storage_err storage_upload_parts(struct storage *storage, uint64_t bucket_id, struct span key,
    struct upload_id id, uint32_t after, size_t max, struct arena *arena,
    struct part_page *ret_page, uint64_t *ret_generation) MUST_USE;

/* A part that CompleteMultipartUpload names. */
struct part_choice {
    uint32_t number;
};

/* A reader over an open upload's parts, in the order of these (ascending), as the object would be. Close it with
 * blob_close. What it reads belongs together: when the upload has changed since, reading says CHANGED.
 * err: NO_SUCH_UPLOAD, NO_SUCH_PART, CHANGED (another generation), NO_MEMORY */
enum storage_err storage_upload_open(struct storage *storage, uint64_t bucket_id, struct span key,
    struct upload_id id, uint64_t generation, const struct part_choice *parts, size_t part_count,
    struct blob_reader **ret_reader) MUST_USE;

struct upload_query {
    uint64_t bucket_id;
    struct span prefix;
    struct span delimiter;
    struct span after_key; /* as list_query.after */
    /* with after_key: go on behind this upload of it; {0}: behind the key */
    struct upload_id after_upload;
    size_t max;
};

struct upload_entry {
    struct span key; /* or the common prefix */
    bool is_prefix;
    struct upload_info info; /* without metadata */
};

struct upload_page {
    struct upload_entry *items; /* in key order, then in order of initiation */
    size_t count;
    bool truncated;
};

/* Open uploads only. */
enum storage_err storage_upload_list(struct storage *storage, const struct upload_query *query,
    struct arena *arena, struct upload_page *ret_page) MUST_USE;

#endif
