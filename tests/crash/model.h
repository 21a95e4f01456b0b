/* What storage.h promises about buckets, objects, versions, uploads and listings, in the simplest form that can
 * say it: arrays of fixed size, no index, no files. Each call answers what the store must answer. Keys are
 * numbers of model_key(). Plain data: a model is copied by assignment, and may lie in shared memory. */
#ifndef TESTS_CRASH_MODEL_H
#define TESTS_CRASH_MODEL_H

#include "storage/storage_records.h"
#include "storage/storage_uploads.h"

enum {
    MODEL_BUCKETS = 3,
    MODEL_KEYS = 16,
    MODEL_VERSIONS = 24, /* of one key; a step that would make more is left out */
    MODEL_UPLOADS = 6,   /* of one bucket, completed ones included */
    MODEL_PARTS = 6,
    MODEL_RUNS = 16,
    MODEL_RECORDS = 8,
    MODEL_DOCUMENTS = 4,
};

/* Content is runs of endless streams of bytes, each known by its seed. */
struct model_content {
    struct model_run {
        uint64_t seed, offset, length;
    } runs[MODEL_RUNS];
    size_t run_count;
};
uint64_t content_size(const struct model_content *content);
/* One byte of the content; what the store must give back. */
void content_bytes(
    const struct model_content *content, uint64_t offset, char *ret_bytes, size_t len);
/* False when it would have too many runs. */
bool content_add(
    struct model_content *to, const struct model_content *from, uint64_t offset, uint64_t length);

struct model_version {
    struct version version;
    bool
        unknown; /* written by a step that never came back: the version is whatever the store says */
    bool is_marker;
    struct model_content content;
    uint64_t mark; /* told to the store in ETag and CRC */
    uint64_t
        writer; /* in owner, storage class and metadata: of an upload's result the upload's mark */
    uint32_t etag_parts;
    uint32_t metadata_bytes;
    uint64_t metadata_mark; /* of metadata that was set later; 0: it is the writer's */
    uint32_t part_count;
    uint32_t part_numbers[MODEL_PARTS];
    uint64_t part_sizes[MODEL_PARTS];
};

struct model_upload {
    bool used, completed;
    struct upload_id id;
    unsigned key;
    uint64_t mark;
    uint32_t metadata_bytes;
    struct model_part {
        bool used;
        struct model_content content;
        uint64_t mark;
    } parts[MODEL_PARTS];
    uint8_t parts_hash[MD5_BYTES];
    struct version result;
};

struct model_bucket {
    bool used;
    uint64_t id;
    uint64_t owner_id; /* 0: not looked at */
    enum versioning versioning;
    struct model_version versions[MODEL_KEYS][MODEL_VERSIONS]; /* newest first */
    size_t version_counts[MODEL_KEYS];
    struct model_upload uploads[MODEL_UPLOADS];
    uint64_t documents[MODEL_DOCUMENTS]; /* seed of the text; 0: none */
};

struct model {
    struct model_bucket buckets[MODEL_BUCKETS];
    uint64_t records[MODEL_RECORDS];            /* seed of the value; 0: none */
    uint64_t record_generations[MODEL_RECORDS]; /* 0: not known */
};

struct span model_key(unsigned number);
const char *model_bucket_name(unsigned number);
void model_init(void);
/* Scrambles; the same for the same. */
uint64_t mix(uint64_t x);

/* The text that a seed stands for. */
struct span model_text(uint64_t seed, char *buffer, size_t capacity);

/* ---- preconditions ---- */

enum model_condition {
    MODEL_NONE,
    MODEL_IF_MATCH,
    MODEL_IF_MATCH_WRONG,
    MODEL_IF_MATCH_ANY,
    MODEL_IF_MATCH_ONE_OF,  /* a list: a wrong one, then the right one */
    MODEL_IF_MATCH_NOTHING, /* a list of values that are no ETags */
    MODEL_IF_NONE_MATCH,
    MODEL_IF_NONE_MATCH_WRONG,
    MODEL_IF_NONE_MATCH_ANY,
    MODEL_IF_BOTH, /* If-Match holds, If-None-Match does not */
    MODEL_CONDITIONS,
};
enum storage_err model_check(const struct model_version *current, enum model_condition condition);

/* ---- changes: each returns the store's answer, and makes the change when that is OK ---- */

struct model_version *model_newest(struct model_bucket *bucket, unsigned key);
/* Room for one more version? */
bool model_has_room(const struct model_bucket *bucket, unsigned key);
/* A new newest version, as the versioning wants it; the caller fills what it is. */
struct model_version *model_write(struct model_bucket *bucket, unsigned key);
/* Takes away the version at this place. */
void model_remove(struct model_bucket *bucket, unsigned key, size_t place);
/* Place of the null version, or of a sequence; the count when there is none. */
size_t model_find_null(const struct model_bucket *bucket, unsigned key);
bool model_is_empty(const struct model_bucket *bucket);
void model_count(const struct model_bucket *bucket, uint64_t *ret_objects, uint64_t *ret_bytes,
    uint64_t *ret_uploads);

/* ---- listings ---- */

enum { MODEL_ENTRIES = MODEL_KEYS * MODEL_VERSIONS };
struct model_entry {
    struct span key; /* or the group */
    bool is_prefix;
    const struct model_version *version;
};
struct model_list {
    struct model_entry entries[MODEL_ENTRIES];
    size_t count;
    bool truncated;
};
void model_list(
    const struct model_bucket *bucket, const struct list_query *query, struct model_list *ret_list);

struct model_upload_entry {
    struct span key;                   /* or the group */
    const struct model_upload *upload; /* NULL: a group */
};
struct model_upload_list {
    struct model_upload_entry entries[MODEL_UPLOADS];
    size_t count;
    bool truncated;
};
void model_upload_list(const struct model_bucket *bucket, const struct upload_query *query,
    struct model_upload_list *ret_list);

#endif
