/* One GET (or HEAD) at the source, and what it is written into here: an object, or a part of one. The bytes go from
 * the connection into staging as they come; nothing is kept twice. Or an object's tags, which are kept.
 *
 * Started, stepped and freed by the thread that works on the job; head and body run on the engine's thread
 * (http_engine.h). `event` tells that thread to call copy_fetch_step. */
#ifndef DAEMON_JOBS_COPY_FETCH_H
#define DAEMON_JOBS_COPY_FETCH_H

#include "daemon/jobs/copy_job.h"
#include "daemon/jobs/copy_put.h"
#include "daemon/remote.h"

struct copy_pace;

/* What is to be written, decided when the answer's head is there. */
struct copy_write {
    struct span target;                /* arena of the fetch, or the caller's */
    const struct lineage_end *fetched; /* NULL: none */
    bool with_metadata;                /* the source's headers come along */
    bool if_absent;                    /* If-None-Match: * */
    bool verify;                       /* the whole object comes: by checksum or MD5 */
    bool wants_tags;                   /* where the head says that there are any, it ends */
    struct span tagging;               /* x-amz-tagging; absent: none */
    enum digest_algo algo;             /* that is to be computed of it; DIGEST_NONE: none */
};

enum copy_fetch_end {
    COPY_FETCH_OK,
    COPY_FETCH_SOURCE,   /* failure tells */
    COPY_FETCH_NONSENSE, /* what the head says cannot be */
    COPY_FETCH_PARTS,    /* parts were asked for, and the source knows none */
    COPY_FETCH_TAGS,     /* write.wants_tags */
    COPY_FETCH_PUT,      /* put.request.err, put.actor tell */
};

struct copy_fetch {
    /* Filled in by who starts it; spans live until it is freed. */
    struct copy_who *who;
    struct remote_bucket *bucket;
    struct copy_pace *pace; /* NULL: as fast as it goes */
    struct remote_get get;
    bool of_tags;            /* the tags of get.key are asked for, and nothing is written */
    struct copy_write write; /* not of a HEAD */
    uint64_t expected_bytes; /* UINT64_MAX: whatever comes */
    uint32_t expected_parts; /* the source's parts_count must be this; 0: not looked at */
    copy_event_fn *event;
    void *ctx;

    /* What came of it, when copy_fetch_step says true. */
    enum copy_fetch_end end;
    struct remote_failure failure;
    struct copy_put put;
    enum copy_verified verified;
    atomic_uint_fast64_t body_bytes; /* that came, whatever became of them */
    uint64_t tag_count;
    struct etag etag; /* MD5 of what was written */
    uint64_t content_length;
    /* of a HEAD: what it said, in the arena */
    struct remote_object object;
    struct arena arena;
    struct buf tags; /* the document */

    /* Its own. */
    struct remote_read *read;
    struct copy_fetch *next_paced;
    bool is_paced; /* under the pace's lock */
    size_t taken;  /* of the bytes that are handed in again */
    atomic_bool read_over;
    bool stopped; /* the engine's thread has found out why it ends: `end` */
    enum { COPY_FETCH_IDLE, COPY_FETCH_READING, COPY_FETCH_WRITING, COPY_FETCH_ENDED } state;
};

/* False: it could not be started, and is over: end and failure tell. */
bool copy_fetch_start(struct copy_fetch *fetch) MUST_USE;
/* After an event. True: it is over. */
bool copy_fetch_step(struct copy_fetch *fetch) MUST_USE;
/* It will be over soon. */
void copy_fetch_cancel(struct copy_fetch *fetch);
/* When it is over. False: a worker still has bytes; an event tells when to try again. */
bool copy_fetch_free(struct copy_fetch *fetch) MUST_USE;
/* Waits in the put's line: to be stepped again without an event. */
bool copy_fetch_in_line(const struct copy_fetch *fetch);

/* What S3 keeps of an object's headers. Returns how many, at most max; they borrow from the object. */
size_t copy_metadata_headers(
    const struct remote_object *object, struct header *ret_items, size_t max);
/* ETags that are MD5s: not those of objects encrypted by keys of KMS or of the client. */
bool copy_etag_is_md5(const struct remote_object *object);

/* ---- bytes a second ---- */

struct copy_pace {
    pthread_mutex_t lock;
    uint64_t bytes_per_second; /* 0: no limit */
    int64_t allowance;
    uint64_t filled_ns;
    struct copy_fetch *waiting;
};
void copy_pace_init(struct copy_pace *pace, uint64_t bytes_per_second);
void copy_pace_free(struct copy_pace *pace);
/* Lets those go on who wait, as far as time has passed. */
void copy_pace_tick(struct copy_pace *pace);

#endif
