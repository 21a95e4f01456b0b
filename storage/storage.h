/* The store's contract. It speaks of buckets, objects, versions, uploads, listings, staged blobs and
 * documents, not of pages or files, so that another engine can stand behind it.
 *
 * - Every change is a struct mutation: plain data, decided and applied at commit, acknowledged only when
 *   data and index are on disk. Preconditions travel in it as data, never as callbacks.
 * - The atomic unit is one key with all its versions.
 * - A listing is one stateless call; no cursor outlives it.
 * - Results that need memory take it from the caller's arena; spans in them live as long as it.
 * - Any thread may call anything, but one struct stage, mutation or blob_reader belongs to one thread at
 *   a time. Reads never block on writers. What may block on the disk says so.
 * - The library never logs and never exits, but for one case: a failed sync or EIO ends the process
 *   through options.on_fatal, since nothing may be acknowledged after it.
 *
 * What it knows of zones, and of what versions were made from, is in storage_zones.h and storage_lineage.h, of open
 * uploads in storage_uploads.h; records of the caller's own are in storage_records.h; its care (figures, backup, scrubbing,
 * salvage) is in storage_care.h. */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include "base/arena.h"
#include "base/integrity.h"
#include "storage/zone.h"

struct lineage_source; /* storage_lineage.h */
struct part_choice;    /* storage_uploads.h */
struct record_change;  /* storage_records.h */
struct storage;

enum storage_err {
    STORAGE_OK = 0,
    STORAGE_NO_SUCH_BUCKET,
    STORAGE_BUCKET_EXISTS, /* the row's owner is in mutation.bucket_info */
    STORAGE_BUCKET_NOT_EMPTY,
    STORAGE_TOO_MANY_BUCKETS,
    STORAGE_NO_SUCH_KEY,
    STORAGE_NO_SUCH_VERSION,
    STORAGE_DELETE_MARKER, /* the version asked for is one; the info is filled */
    STORAGE_NO_SUCH_UPLOAD,
    STORAGE_NO_SUCH_PART,
    STORAGE_NO_SUCH_DOCUMENT,
    STORAGE_NO_SUCH_RECORD,
    STORAGE_RECORD_EXISTS,
    STORAGE_NO_SUCH_ZONE,
    STORAGE_PRECONDITION_FAILED,
    STORAGE_RETAINED,      /* a zone's retention: mutation.zone_outcome tells until when */
    STORAGE_OBJECT_EXISTS, /* a zone's write-once */
    STORAGE_DUPLICATE,     /* a zone has these bytes under another key: mutation.zone_outcome */
    STORAGE_QUOTA,         /* a zone's limits: mutation.zone_outcome has the use */
    STORAGE_CHANGED,       /* what the caller had read is no longer so: read again and try again */
    STORAGE_INVALID,       /* an argument out of its bounds: key, part number … */
    STORAGE_NO_SPACE,      /* ENOSPC, EDQUOT, or the reserve would be touched */
    STORAGE_BUSY,          /* a queue is at its limit: the client is asked to slow down */
    STORAGE_CORRUPT,       /* a checksum of the store's own does not match */
    STORAGE_IO,            /* a read failed */
    STORAGE_NO_MEMORY,     /* or the caller's arena is full */
    STORAGE_IN_USE,        /* another process has the folder */
    STORAGE_NEWER_FORMAT,  /* written by a newer release */
    STORAGE_UNUSABLE,      /* the folder cannot be made, read or written; errno tells */
    STORAGE_INTERNAL
};

const char *storage_err_text(enum storage_err err);

/* ---- opening ---- */

struct storage_options {
    const char *dir;        /* made if missing */
    uint64_t map_bytes;     /* first size of the index map; grows by itself. 0: the default */
    uint64_t reserve_bytes; /* free disk space that writes leave untouched, so that deletes fit */
    uint64_t segment_bytes; /* 0: the default, 256 MiB */
    int64_t lineage_ms; /* how long an edge of lineage stays when one end is gone. 0: 365 days */
    uint32_t writer_threads; /* of stage_write_async. 0: the default */
    bool
        no_background; /* no GC, compaction, sweep or snapshot threads: tests call storage_gc_step */
    uint32_t
        snapshots; /* of the index that are kept, for storage_salvage, and the log behind them; 0: none */
    int64_t
        snapshot_interval_ms; /* from one to the next; sooner when much is written. 0: 6 hours */
    /* Called once, on any thread, when nothing may be acknowledged any more; must not return.
     * error_number EUCLEAN: the index is damaged. NULL: a line on stderr and _exit(70). */
    void (*on_fatal)(void *ctx, const char *what, int error_number);
    void *on_fatal_ctx;
};

/* Takes milliseconds whatever the store holds. Blocks on the disk.
 * out: ret_storage untouched on error; *ret_detail (may be NULL) a literal for the user
 * err: IN_USE, NEWER_FORMAT, UNUSABLE, NO_SPACE, CORRUPT, NO_MEMORY */
enum storage_err storage_open(const struct storage_options *options, struct storage **ret_storage,
    const char **ret_detail) MUST_USE;
/* Waits for what is queued, then closes. No other call may be under way or come after. Takes NULL. */
void storage_close(struct storage *storage);

struct storage_caps {
    bool reads_nonblocking; /* bucket, object, document reads and listings may run on I/O threads */
    bool counters_exact;
};
struct storage_caps storage_caps(const struct storage *storage);

/* ---- names of things ---- */

enum { STORAGE_KEY_MAX_BYTES = 1024, STORAGE_PART_MAX = 10000 };

/* A bucket as it was read. The id is never used again, so a bucket deleted and made anew is another. */
struct bucket_ref {
    uint64_t id;
    struct span name;
};

/* A version of an object. The sequence orders versions; it is never used again. */
struct version {
    uint64_t sequence; /* never 0 for what exists */
    uint64_t random;   /* so that ids cannot be guessed */
    bool is_null;      /* written while versioning was not on: its id is "null" */
};

enum version_select { VERSION_NEWEST, VERSION_NULL, VERSION_EXACT };

struct version_ref {
    enum version_select select;
    uint64_t sequence, random; /* VERSION_EXACT */
};

struct upload_id {
    uint64_t blob_id;
    uint64_t random;
};

/* ---- what is kept of an object ---- */

/* What the writer says; kept as it is. */
struct object_attributes {
    struct etag etag;
    uint64_t crc64nvme;       /* of the whole content; always computed */
    struct checksum checksum; /* what the client asked for; algo DIGEST_NONE without one */
    uint8_t storage_class;    /* the caller's numbering */
    uint64_t owner_id;        /* account */
    struct span metadata;     /* opaque to the store; at most STORAGE_METADATA_MAX_BYTES */
};
enum { STORAGE_METADATA_MAX_BYTES = 64 * 1024 };

struct object_info {
    uint64_t size_bytes;
    int64_t modified_ms; /* Unix milliseconds, of the commit */
    struct version version;
    bool is_newest;
    bool is_delete_marker;
    /* Key of the version that had the same bytes when this was written, while that stands; else absent.
     * Filled by storage_object_get and storage_object_open. */
    struct span duplicate_of;
    struct object_attributes attributes; /* metadata is absent where the call did not ask for it */
};

struct bucket_info {
    uint64_t id;
    struct span name;
    int64_t created_ms;
    uint64_t owner_id;
    struct span region;
    uint8_t versioning;        /* enum versioning */
    uint64_t generation;       /* changes with the bucket's settings and documents */
    uint64_t zones_generation; /* 0: it has no zones */
    uint64_t object_count;     /* all versions, without delete markers */
    uint64_t byte_count;
    uint64_t upload_count; /* open multipart uploads */
};

enum versioning { VERSIONING_OFF = 0, VERSIONING_ON = 1, VERSIONING_SUSPENDED = 2 };

/* ---- reading ---- */

/* err: NO_SUCH_BUCKET */
enum storage_err storage_bucket_get(struct storage *storage, struct span name, struct arena *arena,
    struct bucket_info *ret_info) MUST_USE;

struct bucket_page {
    struct bucket_info *items; /* in name order */
    size_t count;
    bool truncated;
};
/* Buckets whose names begin with prefix and come after `after` (both may be empty). owner_id: only this
 * account's; UINT64_MAX for all. */
enum storage_err storage_bucket_list(struct storage *storage, uint64_t owner_id, struct span prefix,
    struct span after, size_t max, struct arena *arena, struct bucket_page *ret_page) MUST_USE;

/* A version with its metadata.
 * err: NO_SUCH_KEY, NO_SUCH_VERSION, DELETE_MARKER (ret_info is filled), CORRUPT, NO_MEMORY */
enum storage_err storage_object_get(struct storage *storage, uint64_t bucket_id, struct span key,
    struct version_ref version, struct arena *arena, struct object_info *ret_info) MUST_USE;

struct blob_reader;

/* The same, with a reader over its bytes, which stay readable until the reader is closed whatever is
 * deleted or moved meanwhile. Close it with blob_close. */
enum storage_err storage_object_open(struct storage *storage, uint64_t bucket_id, struct span key,
    struct version_ref version, struct arena *arena, struct object_info *ret_info,
    struct blob_reader **ret_reader) MUST_USE;

enum { BLOB_BLOCK_BYTES = 256 * 1024 };

/* Reads up to len bytes at offset; checks the blocks' CRCs where verify is set. May block on the disk.
 * Returns at least 1 byte unless offset is at the end, and less than len where that spares reading a block twice:
 * who reads in order reads each once where len is BLOB_BLOCK_BYTES or more, and twice where it is less.
 * err: CORRUPT, IO */
enum storage_err blob_read(struct blob_reader *reader, uint64_t offset, void *ret_bytes, size_t len,
    bool verify, size_t *ret_len) MUST_USE;
uint64_t blob_size(const struct blob_reader *reader);
/* Two readers over the same stored bytes, as a copy and its source are: nothing needs to be compared. */
bool blob_is_same(const struct blob_reader *left, const struct blob_reader *right);
/* Takes NULL. */
void blob_close(struct blob_reader *reader);

struct part_info {
    uint32_t number;       /* 1 to STORAGE_PART_MAX */
    uint64_t offset_bytes; /* in the object; 0 in an upload's listing */
    uint64_t size_bytes;
    int64_t modified_ms;
    struct etag etag;
    uint64_t crc64nvme;
    struct checksum checksum;
};

struct part_page {
    struct part_info *items; /* in number order */
    size_t count;
    bool truncated;
    uint32_t total; /* parts of the object; 0 in an upload's listing */
};

/* The parts of a completed multipart object after `after` (a part number). Empty for other objects. */
enum storage_err blob_parts(struct blob_reader *reader, uint32_t after, size_t max,
    struct arena *arena, struct part_page *ret_page) MUST_USE;
/* err: NO_SUCH_PART */
enum storage_err blob_part(
    struct blob_reader *reader, uint32_t number, struct part_info *ret_part) MUST_USE;

/* ---- listing ---- */

struct list_query {
    uint64_t bucket_id;
    struct span prefix;
    struct span delimiter; /* any string; absent or empty: none */
    /* Begin behind this key, and behind the whole group that it lies in or equals: AWS's markers, and what
     * a page's last item is for the next. With after_is_key a group that `after` lies in, without being equal to
     * it, is left in when a key of it is behind `after`: start-after of ListObjectsV2. */
    struct span after;
    bool after_is_key;
    size_t max;    /* entries and common prefixes together; may be 0 */
    bool versions; /* all versions and delete markers, newest first, instead of current objects */
    /* versions only: with after, go on behind this version; 0: behind the key */
    uint64_t after_sequence;
};

struct list_entry {
    struct span key; /* or the common prefix */
    bool is_prefix;
    struct object_info info; /* without metadata; of an object or version */
};

struct list_page {
    struct list_entry *items; /* in key order */
    size_t count;
    bool truncated; /* then the next page's `after` (and after_sequence) is the last item */
};

/* A group under a common prefix is skipped with one seek.
 * err: NO_SUCH_BUCKET (the id is gone), CORRUPT, NO_MEMORY */
enum storage_err storage_list(struct storage *storage, const struct list_query *query,
    struct arena *arena, struct list_page *ret_page) MUST_USE;

/* ---- documents ---- */

enum document_kind {
    DOCUMENT_POLICY = 1, /* the numbers are stored in the index: never change them */
    DOCUMENT_CORS = 2,
    DOCUMENT_LIFECYCLE = 3,
    DOCUMENT_TAGGING = 4,
    DOCUMENT_ZONES = 5,
    DOCUMENT_PUBLIC_ACCESS_BLOCK = 6,
    DOCUMENT_OWNERSHIP_CONTROLS = 7,
    DOCUMENT_ACL = 8,
};
enum { STORAGE_DOCUMENT_MAX_BYTES = 1024 * 1024 };

struct bucket_document {
    enum document_kind kind;
    struct span text; /* at most STORAGE_DOCUMENT_MAX_BYTES */
};

/* err: NO_SUCH_DOCUMENT */
enum storage_err storage_document_get(struct storage *storage, uint64_t bucket_id,
    enum document_kind kind, struct arena *arena, struct span *ret_text,
    uint64_t *ret_generation) MUST_USE;

/* ---- staging: bytes on their way in ---- */

struct stage;

enum { STAGE_BUFFER_BYTES = 256 * 1024 };
#define STAGE_SIZE_UNKNOWN UINT64_MAX

/* A body that nobody sees until a mutation takes it. size_bytes as declared, or STAGE_SIZE_UNKNOWN: it
 * decides the place (packed into a segment to 1 MiB, else a file of its own). Allocates no disk space yet.
 * err: NO_MEMORY, NO_SPACE (the reserve would be touched) */
enum storage_err storage_stage_open(
    struct storage *storage, uint64_t size_bytes, struct stage **ret_stage) MUST_USE;

/* Before the first byte: what comes is kept compressed. Whoever reads it sees what was written, by any range.
 * Bodies declared under 4 KiB stay as they are. Costs up to 450 KiB of memory until the body is finished.
 * err: NO_MEMORY */
enum storage_err stage_compress(struct stage *stage) MUST_USE;

/* Appends. Blocks on the disk. Fewer or more bytes than declared are the caller's fault: INVALID at
 * finish or here. Writes of STAGE_BUFFER_BYTES are cheapest.
 * err: NO_SPACE, BUSY, INVALID */
enum storage_err stage_write(struct stage *stage, struct span bytes) MUST_USE;

/* Appends on a writer thread. bytes stay the caller's and untouched until done is called, once, on the
 * writer thread. One at a time per stage. err (then done is not called): BUSY */
typedef void storage_done_fn(void *ctx, enum storage_err err);
enum storage_err stage_write_async(
    struct stage *stage, struct span bytes, storage_done_fn *done, void *ctx) MUST_USE;

/* The whole of a short body, finished, which stays the caller's and is left untouched until the stage is gone: it is
 * written by the commit that takes it, in one call with those beside it. Does not block. 1 to STAGE_LENT_MAX_BYTES.
 * err: NO_MEMORY, NO_SPACE, INVALID */
enum { STAGE_LENT_MAX_BYTES = 16 * 1024 };
enum storage_err storage_stage_lend(
    struct storage *storage, struct span bytes, struct stage **ret_stage) MUST_USE;

/* No more bytes. A large body is made durable here. Blocks on the disk. */
enum storage_err stage_finish(struct stage *stage) MUST_USE;
uint64_t stage_size(const struct stage *stage);
/* A reader over a finished stage, to be closed before the stage goes. err: INVALID, NO_MEMORY, IO */
enum storage_err storage_stage_reader(
    struct storage *storage, struct stage *stage, struct blob_reader **ret_reader) MUST_USE;
/* Gives the space back. Takes NULL. */
void stage_discard(struct stage *stage);

/* ---- changing ---- */

enum mutation_kind { /* the numbers are in the log: never change them */
    MUTATION_CREATE_BUCKET,
    MUTATION_DELETE_BUCKET,
    MUTATION_SET_VERSIONING,
    MUTATION_PUT_DOCUMENT,
    MUTATION_DELETE_DOCUMENT,
    MUTATION_PUT_OBJECT,
    MUTATION_COPY_OBJECT,
    MUTATION_DELETE_OBJECT,
    MUTATION_CREATE_UPLOAD,
    MUTATION_PUT_PART,
    MUTATION_COPY_PART,
    MUTATION_COMPLETE_UPLOAD,
    MUTATION_ABORT_UPLOAD,
    MUTATION_ENGINE, /* the engine's own work (GC, compaction); not for callers */
    MUTATION_CHANGE_RECORDS,
    MUTATION_SET_METADATA,
    MUTATION_PUT_ZONES,
};

/* The source of a copy, as the caller has read it; CHANGED when it is no longer so at commit. */
struct copy_from {
    uint64_t bucket_id;
    struct span key;
    struct version version;
    uint64_t offset_bytes, length_bytes; /* MUTATION_COPY_PART: the range */
};

/* MUTATION_COPY_PART moves no bytes, so it takes sources of at least this size alone; of smaller ones, whose
 * bytes may lie in the index, the caller stages the bytes and uses MUTATION_PUT_PART: INVALID otherwise.
 * INVALID also when the range has so many pieces that it has to be written anew. */
enum { STORAGE_COPY_PART_MIN_BYTES = 512 };

/* A current version in the index of contents. */
struct content_ref {
    uint64_t row_id, sequence; /* sequence 0: none */
};

/* What the writer of an object says about its zone's rules: PUT_OBJECT, COPY_OBJECT, COMPLETE_UPLOAD, and of
 * DELETE_OBJECT bypass_retention. Zeroed: it has looked at nothing. On CHANGED it reads rules and contents
 * again. */
struct zone_claims {
    bool bypass_retention;
    bool promotes; /* a copy out of another zone, which the zone counts */
    /* The key's own current version was compared with what is written, byte by byte: they are the same. Without
     * it the same size, CRC64NVME and ETag count as the same. */
    uint64_t same_sequence;
    /* What storage_content_find had, compared byte by byte: one that is the same, and those that differ. */
    struct content_ref duplicate;
    const struct content_ref *others;
    size_t other_count;
    /* There was too much to compare: a version that was not compared counts as the same, but is only marked. */
    bool undecided;
};

struct zone_outcome {
    uint64_t zone_id; /* 0: the key lies in no zone */
    bool unchanged;   /* the same bytes again: result is the version that was there */
    bool linked;      /* it shares the first one's bytes */
    struct content_ref duplicate_of; /* DUPLICATE, or what the new version is marked with */
    int64_t retained_until_ms;       /* RETAINED */
    uint64_t objects, bytes;         /* QUOTA: what is used */
    uint64_t max_objects, max_bytes; /* QUOTA: the limits */
};

/* One change. Filled by the caller, zeroed where it says nothing; everything it points to stays untouched
 * until it is done. `stage` is taken over by submit and NULL when it is done, but for PUT_OBJECT with CHANGED: then it
 * is the caller's again, to be submitted once more or discarded. */
struct mutation {
    enum mutation_kind kind;
    struct bucket_ref bucket; /* CREATE_BUCKET: the name alone */
    struct span key;

    union {
        struct {
            uint64_t owner_id;
            struct span region;
            const struct bucket_document *documents; /* that it has from the start */
            size_t document_count;
            const struct zone_rule *rules; /* that go with a document of them */
            size_t rule_count;
        } create_bucket;
        enum versioning versioning;
        struct {
            enum document_kind kind;
            struct span text;
        } document;
        struct {
            struct stage *stage; /* finished; NULL for an empty object */
            struct object_attributes attributes;
        } put; /* PUT_OBJECT */
        struct {
            struct copy_from from;
            struct object_attributes attributes;
        } copy; /* COPY_OBJECT: no bytes move */
        struct {
            struct version_ref version; /* VERSION_NEWEST: a plain delete */
        } remove;                       /* DELETE_OBJECT; what does not exist is no error */
        struct {
            enum digest_algo checksum_algo;
            enum checksum_type checksum_type;
            struct object_attributes attributes;
        } create_upload;
        struct {
            struct upload_id upload;
            uint32_t number;
            struct stage *stage;                 /* PUT_PART; NULL for an empty part */
            struct copy_from from;               /* COPY_PART */
            struct object_attributes attributes; /* etag, crc64nvme, checksum of the part */
        } part;
        struct {
            struct upload_id upload;
            uint64_t generation; /* of the parts that the caller checked; CHANGED otherwise */
            const struct part_choice *parts; /* ascending; parts not named are dropped */
            size_t part_count;
            uint8_t parts_hash[MD5_BYTES]; /* for a repeated Complete */
            /* etag, crc64nvme, checksum; the rest is the upload's */
            struct object_attributes attributes;
        } complete;
        struct {
            struct upload_id upload;
        } abort;
        struct {
            const struct record_change *changes; /* all or none; of one key at most one */
            size_t count;                        /* 1 to STORAGE_RECORD_CHANGES_MAX */
        } records;                               /* CHANGE_RECORDS: no bucket, no key */
        struct {
            struct version_ref version; /* DELETE_MARKER where it is one */
            uint64_t sequence; /* CHANGED when the version found is another; 0: whichever */
            struct span
                expected; /* its metadata as read; CHANGED when it is not so; may be empty */
            struct span metadata; /* in place of it: nothing else of the version changes */
        } set_metadata;           /* SET_METADATA */
        struct {
            enum document_kind
                kind;            /* where the rules come from: DOCUMENT_ZONES, DOCUMENT_TAGGING */
            struct span text;    /* absent: that document goes, if there is one */
            uint64_t generation; /* of the bucket as read; CHANGED otherwise; 0: whichever */
            bool keep_rules;     /* the document alone */
            const struct zone_rule
                *rules; /* in place of all that are there; INVALID: zone_rules_valid */
            size_t count;
            bool bypass_retention; /* else RETAINED when less would be retained than is now */
        } zones;                   /* PUT_ZONES */
    };

    /* Preconditions on the key's current version, decided in the commit: PUT_OBJECT, COPY_OBJECT,
     * COMPLETE_UPLOAD, DELETE_OBJECT (on the version that would go). If-Match on a missing key is
     * NO_SUCH_KEY; a failed one is PRECONDITION_FAILED. */
    struct etag_list if_match;
    struct etag_list if_none_match;

    /* What it was made from: PUT_OBJECT, COPY_OBJECT, COMPLETE_UPLOAD, and PUT_PART and COPY_PART, whose
     * sources are those of what the upload becomes. Sources that are gone by then are left out. */
    struct {
        const struct lineage_source *sources;
        size_t count;
        struct span who;  /* at most 2048 bytes */
        struct span zone; /* of the key */
    } lineage;

    /* After these come the zone's rules: retention before them, then write-once, duplicates, limits. */
    struct zone_claims zone;

    /* Results, valid when done. */
    enum storage_err err;
    struct zone_outcome zone_outcome;
    /* written or removed version, without metadata; version.sequence 0: nothing */
    struct object_info result;
    struct bucket_info bucket_info; /* CREATE_BUCKET: the new row, or the one that stands in the way
                                       (spans of it are absent) */
    struct upload_id upload;        /* CREATE_UPLOAD */
    uint64_t record_generation;     /* CHANGE_RECORDS: of every record written */
    size_t failed_record; /* CHANGE_RECORDS: index of the change whose expectation failed */

    /* Called once when err is known, on the committer's thread (or in submit, when it is refused there):
     * short, and never into the store. */
    void (*done)(void *ctx, struct mutation *mutation);
    void *done_ctx;

    struct mutation *engine_next; /* the engine's */
    void *engine_data;
};

/* Queues a change. done is called when it is on disk or refused; also when the queue is full (BUSY). */
void storage_submit(struct storage *storage, struct mutation *mutation);

/* Blocking forms: submit all, wait for all. done and done_ctx are the wrapper's. */
enum storage_err storage_commit(struct storage *storage, struct mutation *mutation) MUST_USE;
void storage_commit_all(struct storage *storage, struct mutation *mutations, size_t count);

#endif
