/* A job that runs: a thread that plans, starts and settles objects; one that lists ahead of it; one that counts.
 * Private to daemon/jobs/copy*.c.
 *
 * What is said below to be the job's thread's is touched by no other. Objects are settled in the order in which
 * they were listed, whatever order they end in: so the record needs to know one key up to which all is done, and
 * figures that are written belong to just these keys. What ended early is found again after a crash by its
 * lineage. Large objects would hold the others up: they stand in the record by name instead. */
#ifndef DAEMON_JOBS_COPY_RUN_H
#define DAEMON_JOBS_COPY_RUN_H

#include "daemon/jobs/copy_fetch.h"
#include "daemon/jobs/copy_lineage.h"
#include "daemon/jobs/copy_plan.h"
#include "names.h"

enum {
    COPY_TRIES_MAX = 8,
    COPY_CHANGED_TRIES_MAX = 3,
    COPY_DIGEST_TRIES_MAX = 2,
    COPY_EXHAUSTED_MAX = 3, /* objects that were given up in a row: the source is not there */
    COPY_WINDOW_MAX = 8192, /* objects between the oldest that is not settled and the newest */
    COPY_PENDING_MAX = 100, /* failures for the next commit of the record */
    COPY_PARTS_AT_ONCE = 4, /* of one object */
    COPY_PAGES_MAX = 2,     /* listed ahead */
    COPY_LIST_KEYS = 1000,
    COPY_COUNT_MAX = 1000000, /* objects that are counted for the total */
    COPY_OBJECT_ARENA_BYTES = 64 * 1024,
    COPY_PAGE_ARENA_BYTES = 8 * 1024 * 1024,
};
#define COPY_LARGE_BYTES (UINT64_C(16) << 20)

/* An object as it was listed. */
struct copy_entry {
    struct span key, etag_text;
    struct etag etag;
    uint64_t size_bytes;
    int64_t modified_ms;
    uint64_t failure;       /* that is tried again; 0: none */
    struct version version; /* of a local source */
};

/* ---- copy_listing.c ---- */

struct copy_page {
    struct copy_page *next;
    struct arena arena;
    struct copy_entry *items;
    size_t count, at;
    bool last;               /* there is nothing behind it */
    enum copy_reason reason; /* why, when it is not the end; COPY_NO_REASON otherwise */
    char message[COPY_MESSAGE_BYTES];
};

struct copy_listing {
    struct copy_run *run;
    char after[KEY_MAX_BYTES];
    size_t after_len;
    struct buf token;
    bool over;
};
void copy_listing_init(struct copy_listing *listing, struct copy_run *run, struct span after);
void copy_listing_free(struct copy_listing *listing);
/* The next page, with reason set when it cannot be had. Blocks, tries again, and gives up when the run stops.
 * NULL: memory, or it stops */
struct copy_page *copy_listing_next(struct copy_listing *listing);
void copy_page_free(struct copy_page *page);

/* The threads that list and count. */
bool copy_listers_start(struct copy_run *run);
void copy_listers_stop(struct copy_run *run);
/* The page that is being worked on; NULL: none is there yet. Job's thread */
struct copy_page *copy_listed_page(struct copy_run *run);
/* It is worked off. */
void copy_listed_drop(struct copy_run *run);

/* ---- objects ---- */

enum copy_phase { COPY_WAITS, COPY_ACTIVE, COPY_CLOSING, COPY_SETTLED };
enum copy_then { COPY_SETTLE, COPY_RETRY, COPY_DROP };

struct copy_parts;

/* What only an object under way needs. */
struct copy_task {
    struct copy_fetch fetch;
    struct copy_put put;
    struct copy_parts *parts; /* of a large one */
    struct lineage_end fetched;
};

struct copy_object {
    struct copy_run *run;
    struct copy_object *previous, *next; /* in the order of the listing; of large ones in none */
    struct copy_object *next_ready;      /* run->lock */
    bool ready;                          /* run->lock */
    struct copy_object *next_active, *previous_active;

    struct arena arena;
    struct copy_entry entry; /* texts in the arena */
    struct span key;         /* here */
    struct span before;      /* the key that was listed before it */
    uint64_t before_failure;
    int slot; /* in progress.large; -1: none */
    struct copy_large
        own; /* of one in parts without a slot, since it was none when it was listed */
    unsigned weight;

    enum copy_phase phase;
    enum copy_then then;
    bool (*step)(struct copy_object *object); /* true: `then` says what comes */
    bool needs_head; /* it has changed: asked for anew before it is tried again */
    struct copy_tags {
        bool needed;      /* the source says that it has some: asked for before it is tried again */
        bool known;       /* text is what it gets */
        bool left_out;    /* it has some, and does not get them */
        struct span text; /* as x-amz-tagging has them; absent: none */
    } tags;
    unsigned tries, changed, damaged;
    struct remote_backoff backoff;
    uint64_t due_ns;
    struct copy_task *task;

    struct copy_counters delta;  /* for the record, when it is settled in order */
    struct copy_counters behind; /* what was listed behind it and needed no object */
    struct span reason, message; /* it failed */
};

struct copy_run {
    struct copy_jobs *jobs;
    struct daemon *daemon;
    struct copy_job *job;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* for the job's thread */
    pthread_cond_t room;    /* for the others */
    struct copy_object *first_ready, *last_ready;
    struct copy_page *first_page, *last_page;
    unsigned page_count;
    bool stopping;
    bool poked;
    bool wants_page; /* the job's thread has worked off what was listed; its own */
    pthread_t lister, counter;
    bool lister_started, counter_started;
    struct copy_listing listing; /* the lister's, from here */
    uint64_t retry_after, retry_until;
    bool listed_before;

    struct copy_who who;
    struct buf token; /* of the session that it acts as */
    struct remote_bucket *bucket;
    struct copy_pace pace;

    /* The job's thread's. */
    struct bucket_info destination;   /* id 0: not read in this round */
    struct arena round;               /* of one round of the loop */
    struct copy_object *first, *last; /* in order, not settled in order yet */
    size_t window;
    struct copy_object *active; /* all that are not settled */
    struct copy_object *large[COPY_LARGE_MAX];
    bool large_done[COPY_LARGE_MAX]; /* settled, but the listing's order is not there yet */
    unsigned busy;                   /* weights of those under way */
    unsigned active_count;
    unsigned at_once;      /* as many as the source bears */
    unsigned since_slower; /* that went well since it was made smaller */
    unsigned exhausted;    /* given up in a row */
    bool tagged;  /* the last that was looked at had tags: the next is asked for them first */
    bool resumed; /* this job has run before */
    bool listing_over;
    bool limit_reached;
    bool dirty; /* there is something for the record */
    struct copy_counters now;
    char listed[KEY_MAX_BYTES];
    size_t listed_len;
    uint64_t listed_failure;
    char after[KEY_MAX_BYTES];
    struct record_change pending[COPY_PENDING_MAX + 8];
    size_t pending_count;
    struct arena pending_arena;
    uint64_t saved_ns, published_ns, lines_ns;
    bool dropping;             /* what is under way is broken off */
    enum copy_state end_state; /* COPY_RUNNING: it goes on */
    enum copy_reason end_reason;
    char end_message[COPY_MESSAGE_BYTES];
};

/* ---- copy_run.c ---- */

/* Starts the job's thread. False: it could not; the job is as it was. */
bool copy_run_start(struct copy_jobs *jobs, struct daemon *daemon, struct copy_job *job);
/* All that was listed is settled, or has been given up for now. */
bool copy_run_finished(const struct copy_run *run);
/* Something is wished. Under the table's lock. */
void copy_run_poke(struct copy_run *run);
/* The job is to end so, when what is under way has. Only the first counts. */
void copy_run_end(
    struct copy_run *run, enum copy_state state, enum copy_reason reason, const char *message);

/* ---- copy_launch.c ---- */

/* Starts what may be started now. */
void copy_launch(struct copy_run *run);
/* Tries those again whose time has come. Returns when the next is due; UINT64_MAX: none */
uint64_t copy_launch_due(struct copy_run *run, uint64_t now_ns);
/* Large objects that the record says are under way. */
void copy_launch_large(struct copy_run *run);

/* ---- copy_object.c ---- */

struct copy_object *copy_object_new(struct copy_run *run, const struct copy_entry *entry);
void copy_object_start(struct copy_object *object);
/* ctx is the object: a copy_event_fn. */
void copy_object_event(void *ctx, void (*mark)(void *what), void *what);
static inline void copy_object_wake(struct copy_object *object)
{
    copy_object_event(object, NULL, NULL);
}
/* After an event. */
void copy_object_step(struct copy_object *object);
void copy_object_cancel(struct copy_object *object);
void copy_object_free(struct copy_object *object);

/* How it ended; each returns true, for `return` from a step. */
bool copy_object_copied(struct copy_object *object, enum copy_verified verified);
/* For a fetch of it. */
void copy_object_prepare(struct copy_object *object);
bool copy_object_failed(struct copy_object *object, struct span reason, struct span message);
bool copy_object_retry(struct copy_object *object, uint64_t wait_ms);
bool copy_object_fetch_failed(struct copy_object *object, struct copy_fetch *fetch);
bool copy_object_put_failed(struct copy_object *object, struct copy_put *put);

/* ---- copy_tags.c ---- */

/* Its tags are to be asked for before it is tried again. Returns true, as those above. */
bool copy_tags_wanted(struct copy_object *object);
void copy_tags_start(struct copy_object *object);
/* It gets none, if it would have got some: who may put objects may perhaps not put tags. False: it is not that. */
bool copy_tags_leave_out(struct copy_object *object);
/* What the head of the object said, when it goes on. */
void copy_tags_told(struct copy_object *object, uint64_t tag_count);

/* ---- copy_large.c ---- */

bool copy_large_step(struct copy_object *object);
void copy_large_cancel(struct copy_object *object);
/* False: not yet; an event tells. */
bool copy_large_close(struct copy_object *object);
bool copy_large_in_line(const struct copy_object *object);
/* It will not be gone on with: what was uploaded of it goes. Blocks on the commit */
void copy_large_abandon(struct copy_object *object);
/* The source has another content now, which entry tells already: nothing of the upload is of use, and the job's record names
 * the new one. */
void copy_large_begin_anew(struct copy_object *object);
/* Live bytes of parts that are not settled. */
uint64_t copy_large_bytes(const struct copy_object *object);

/* ---- copy_settle.c ---- */

/* Counts what needs no object. */
void copy_count(struct copy_run *run, const struct copy_counters *delta);
void copy_settle(struct copy_object *object);
/* Writes the record, when it is time or now. */
void copy_save(struct copy_run *run, bool now);
void copy_publish(struct copy_run *run, bool now);

#endif
