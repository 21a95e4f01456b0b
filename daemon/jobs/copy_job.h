/* A copy job in memory, and the table of all. Private to daemon/jobs/copy*.c.
 *
 * A job's spec, actor and times of birth never change. The rest is under the table's lock; the thread that runs a
 * job keeps figures of its own and hands them over now and then (copy_job_publish). A job is freed when nobody
 * holds it any more: the table, its thread, an event stream. */
#ifndef DAEMON_JOBS_COPY_JOB_H
#define DAEMON_JOBS_COPY_JOB_H

#include "daemon/jobs/copy_actor.h"
#include "daemon/jobs/copy_spec.h"
#include "daemon/stream.h"
#include "storage/storage_records.h"

#include <pthread.h>

struct daemon;
struct copy_jobs;
struct copy_run;

enum {
    COPY_JOBS_UNFINISHED_MAX = 100,
    COPY_JOBS_FINISHED_MAX = 200, /* the oldest go */
    COPY_JOBS_RUNNING_MAX = 4,
    COPY_FAILURES_MAX = 10000, /* listed of a job */
    COPY_LARGE_MAX = 4,        /* objects in parts, or over COPY_LARGE_BYTES, at once */
    COPY_MESSAGE_BYTES = 160,
    COPY_JOB_ARENA_BYTES = 256 * 1024,
};

enum copy_state {
    COPY_QUEUED,
    COPY_RUNNING,
    COPY_PAUSED,
    COPY_DONE,
    COPY_FAILED,
    COPY_CANCELED,
    COPY_STATES
};
const char *copy_state_text(enum copy_state state);
/* False: there is no such state. */
bool copy_state_parse(struct span text, enum copy_state *ret_state) MUST_USE;
static inline bool copy_state_ended(enum copy_state state)
{
    return state >= COPY_DONE;
}

/* Why a job is paused or has failed; COPY_NO_REASON otherwise. Texts are those of docs/BULK-COPY.md. */
enum copy_reason {
    COPY_NO_REASON,
    COPY_REQUESTED,
    COPY_PRINCIPAL_GONE,
    COPY_SESSION_EXPIRED,
    COPY_DISK_FULL,
    COPY_SOURCE_UNAVAILABLE,
    COPY_SOURCE_NOT_ALLOWED,
    COPY_SOURCE_NOT_FOUND,
    COPY_SOURCE_DENIED,
    COPY_SOURCE_NONSENSE,
    COPY_DESTINATION_GONE,
    COPY_SECRETS_GONE,
    COPY_INTERNAL,
    COPY_REASONS
};
const char *copy_reason_text(enum copy_reason reason);
/* Is a job that is paused for this tried again by itself? */
bool copy_reason_passes(enum copy_reason reason);

enum copy_verified { COPY_BY_CHECKSUM, COPY_BY_MD5, COPY_BY_ETAG, COPY_BY_NOTHING, COPY_VERIFIED };

struct copy_counters {
    uint64_t copied_objects, copied_bytes;
    uint64_t skipped_objects, skipped_bytes;
    uint64_t filtered_objects;
    uint64_t duplicate_objects;
    uint64_t failed_objects;
    uint64_t received_bytes;
    uint64_t retries;
    uint64_t tags_left_out;
    uint64_t failures_not_listed;
    uint64_t verified[COPY_VERIFIED];
};
void copy_counters_add(struct copy_counters *counters, const struct copy_counters *more);
/* Every one of them by its name, in an order of its own; records and answers are made of it. */
extern const struct copy_counter_name {
    const char *name;
    size_t offset; /* of a uint64_t */
} copy_counter_names[];
extern const size_t copy_counter_count;
static inline uint64_t *copy_counter_at(struct copy_counters *counters, size_t i)
{
    return (uint64_t *)(void *)((char *)counters + copy_counter_names[i].offset);
}

/* A large object under way. */
struct copy_large {
    struct span key; /* at the source; absent: this place is free */
    struct span etag_text;
    uint64_t size_bytes;
    int64_t modified_ms;
    uint64_t failure;        /* that is tried again; 0: none */
    struct upload_id upload; /* blob_id 0: none yet */
};

/* Where a job is: what its record has, beside what never changes. */
struct copy_progress {
    struct span after;     /* all keys up to this one are settled, but for the large ones below */
    bool listed;           /* and there are no more */
    uint64_t retry_after;  /* failures up to this number were tried again */
    uint64_t retry_until;  /* 0: none are to be */
    uint64_t next_failure; /* the number that the next one gets; from 1 */
    struct copy_counters counters;
    struct copy_large large[COPY_LARGE_MAX];
};

struct copy_total {
    uint64_t objects, bytes;
    bool complete;
};

/* What is shown of the last seconds. */
enum { COPY_RATE_SLOTS = 11 };
struct copy_rate {
    uint64_t at_ns[COPY_RATE_SLOTS], objects[COPY_RATE_SLOTS], bytes[COPY_RATE_SLOTS];
    size_t next, count;
};

enum copy_wish {
    COPY_GO_ON,
    COPY_WISH_PAUSE,
    COPY_WISH_CANCEL,
    COPY_WISH_STOP /* the daemon ends */
};

struct copy_job {
    uint64_t id; /* 16 hex digits as text: grows with time */
    struct arena arena;
    struct copy_spec spec;
    struct copy_actor actor;
    int64_t created_ms;

    /* Under the table's lock. */
    struct copy_jobs *jobs;
    unsigned references;
    enum copy_state state;
    enum copy_reason reason;
    char message[COPY_MESSAGE_BYTES];
    int64_t started_ms, finished_ms;
    char region[COPY_REGION_MAX_BYTES + 1]; /* learnt; "": not yet */
    struct copy_counters counters;          /* now, what is not settled in order included */
    uint64_t in_flight;
    struct copy_total total;
    struct copy_rate rate;
    bool limit_reached;
    bool busy; /* a request changes it, and has let the lock go to write */
    enum copy_wish wish;
    struct copy_run *run; /* its thread's, while there is one */
    uint64_t changes;     /* counts up whenever something that is shown changes */
    int64_t tried_ms;     /* paused for what passes: when it was last tried */
    struct copy_watch *watches;

    /* Of the thread that runs it; of whoever changes its state when there is none. */
    struct arena progress_arena; /* of the texts in progress */
    struct copy_progress progress;
};

/* ---- copy_record.c: jobs in the index ---- */

/* A change of the job's record, and the record's text, in the arena. */
enum storage_err copy_record_change(
    struct copy_job *job, struct arena *arena, struct record_change *ret_change) MUST_USE;
/* Blocks. */
enum storage_err copy_record_commit(
    struct storage *store, const struct record_change *changes, size_t count) MUST_USE;
/* Removes all that is kept of a job. Blocks. */
enum storage_err copy_record_remove(struct storage *store, uint64_t id) MUST_USE;
/* Its failures, at most 100 of them in a commit. */
enum storage_err copy_record_drop_failures(struct storage *store, uint64_t id) MUST_USE;
/* A job out of its record; NULL: it cannot be read. */
struct copy_job *copy_record_read(const struct record_entry *entry);
#define COPY_RECORD_PREFIX SPAN("copy/job/")

enum copy_secret { COPY_SECRET_SOURCE, COPY_SECRET_SESSION };
/* Seals a secret for a job. out: ret_change  that keeps it; arena memory. False: memory, or the vault */
bool copy_secret_change(struct daemon *daemon, uint64_t id, enum copy_secret what,
    struct span plain, struct arena *arena, struct record_change *ret_change) MUST_USE;
/* A change that drops it. */
struct record_change copy_secret_drop(uint64_t id, enum copy_secret what, struct arena *arena);
/* out: ret_plain  wipe it. False: there is none, or it does not open */
bool copy_secret_read(
    struct daemon *daemon, uint64_t id, enum copy_secret what, struct buf *ret_plain) MUST_USE;

/* ---- copy_failure.c ---- */

struct copy_failure {
    uint64_t number;
    struct span key, destination;
    struct span etag_text;
    uint64_t size_bytes;
    int64_t modified_ms;
    struct span reason, message;
    uint64_t tries;
    int64_t at_ms;
};
/* NULL value in the change: it is dropped. */
struct record_change copy_failure_change(
    uint64_t id, const struct copy_failure *failure, struct arena *arena);
struct record_change copy_failure_drop(uint64_t id, uint64_t number, struct arena *arena);
struct copy_failure_page {
    struct copy_failure *items;
    size_t count;
    bool truncated;
};
/* Those after a number. err: the store's */
enum storage_err copy_failure_list(struct storage *store, uint64_t id, uint64_t after, size_t max,
    struct arena *arena, struct copy_failure_page *ret_page) MUST_USE;

/* ---- copy_json.c ---- */

/* The job as it is shown. Under the lock. */
void copy_job_write(const struct copy_job *job, struct buf *out);

/* ---- copy_jobs.c: the table ---- */

/* A new one with a reference, not in the table yet. NULL: memory */
struct copy_job *copy_job_new(void);
void copy_job_unref(struct copy_job *job);
/* Under the lock: what is shown has changed. */
void copy_job_changed(struct copy_job *job);
/* Its thread's figures, as of now. */
void copy_job_publish(
    struct copy_job *job, const struct copy_counters *counters, uint64_t in_flight);
void copy_job_set_region(struct copy_job *job, struct span region);
void copy_job_set_total(struct copy_job *job, const struct copy_total *total);
enum copy_wish copy_job_wish(struct copy_job *job);
pthread_mutex_t *copy_job_lock(struct copy_job *job);
/* Its thread will end: what the record is to say. It is shown when the thread has. */
void copy_job_end(struct copy_job *job, enum copy_state state, enum copy_reason reason,
    const char *message, bool limit_reached);
/* As it is shown: a job whose thread has not ended runs. Under the lock */
static inline enum copy_state copy_job_state(const struct copy_job *job)
{
    return job->run != NULL ? COPY_RUNNING : job->state;
}

#endif
