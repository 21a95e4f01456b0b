/* What the files of the scrub share: scrub.c is the thread, scrub_findings.c what was found, scrub_record.c the
 * records, scrub_tell.c what is said of it. */
#ifndef DAEMON_JOBS_SCRUB_INTERNAL_H
#define DAEMON_JOBS_SCRUB_INTERNAL_H

#include "daemon/jobs/scrub.h"
#include "storage/storage_care.h"

#include <pthread.h>

enum { SCRUB_VERSION_BYTES = 40, SCRUB_BUCKET_BYTES = 64 };

struct kept_finding {
    uint64_t id; /* 0: free */
    enum scrub_kind kind;
    int64_t found_ms;
    uint64_t pass; /* that saw it last */
    bool dirty;    /* not on the disk as it is */
    bool gone;     /* on the disk, but to be taken away */
    char what[SCRUB_WHAT_BYTES];
    char version[SCRUB_VERSION_BYTES]; /* as clients name it; "": none */
    char bucket[SCRUB_BUCKET_BYTES];
    size_t key_len;
    char key[STORAGE_KEY_MAX_BYTES];
};

/* What is kept of passes; under lock. */
struct scrub_state {
    bool running;
    uint64_t pass;
    int64_t began_ms, ended_ms; /* of the pass under way, or of the last one; 0: there was none */
    int64_t due_ms;             /* of the next one; 0: only when it is asked for */
    uint64_t rate;              /* bytes a second; 0: no bound */
    bool complete;              /* the last pass went to its end */
    struct scrub_position position;
};

struct scrubber {
    const struct daemon *daemon;
    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, wanted, cancelled; /* under lock, as all that follows */
    uint64_t wanted_rate;
    struct scrub_state state;
    struct kept_finding *findings; /* SCRUB_FINDINGS_MAX */
    size_t finding_count;          /* that are there */
    uint64_t next_id;
    uint64_t met;     /* findings since start, the same ones again too */
    uint64_t dropped; /* that found no room */
    bool dirty;
    /* the thread's own */
    double debt_s;
    int64_t saved_ms;
};

/* ---- findings; with the lock ---- */

/* True: it is a new one, and is to be logged. The same again only moves to this pass. */
bool findings_add(struct scrubber *scrubber, const struct scrub_finding *finding);
/* The pass has come to its end: what it did not see is no more. */
void findings_end_pass(struct scrubber *scrubber);

/* ---- records; without the lock, on the thread or before it runs ---- */

bool scrub_load(struct scrubber *scrubber);
/* What has changed of the findings, and where the pass is. */
void scrub_save(struct scrubber *scrubber);

/* "index", "content", "log" */
struct span scrub_kind_text(enum scrub_kind kind);
/* An object of JSON for a finding, without its braces. */
void finding_write(struct buf *out, const struct kept_finding *finding);

#endif
