/* Copy jobs: the table of all, from the store's records, and the thread that starts those that wait.
 * docs/BULK-COPY.md says what they do. Thread-safe. */
#ifndef DAEMON_JOBS_COPY_JOBS_H
#define DAEMON_JOBS_COPY_JOBS_H

#include "daemon/jobs/copy_job.h"

/* Reads what jobs there are. NULL: the store cannot be read, or memory ran out. What cannot be read of a single job
 * is logged, and that job left out. */
struct copy_jobs *copy_jobs_open(struct daemon *daemon);
/* From here on they run. False: no thread */
bool copy_jobs_start(struct copy_jobs *jobs) MUST_USE;
/* Interrupts them where they are; does not wait. Takes NULL. */
void copy_jobs_halt(struct copy_jobs *jobs);
/* The same, and waits. Before workers, remote and store go, and after the last request. Takes NULL. */
void copy_jobs_free(struct copy_jobs *jobs);

enum copy_control {
    COPY_CONTROL_OK,
    COPY_CONTROL_MANY,
    COPY_CONTROL_STATE,
    COPY_CONTROL_WHO,
    COPY_CONTROL_SECRETS,
    COPY_CONTROL_STORE
};

/* What a request brings along. */
struct copy_asked {
    const struct copy_actor *actor;
    struct span token;                          /* of the actor's session; absent: none */
    const struct copy_credentials *credentials; /* for the source; NULL: none came */
};

/* Makes a job and keeps it. Blocks on the commit.
 * out: *ret_job  a reference
 * err: MANY, STORE (*ret_err) */
enum copy_control copy_jobs_create(struct copy_jobs *jobs, const struct copy_spec *spec,
    const struct copy_asked *asked, struct copy_job **ret_job, enum storage_err *ret_err) MUST_USE;

/* A reference; NULL: there is none. */
struct copy_job *copy_jobs_find(struct copy_jobs *jobs, uint64_t id);
/* References to those before this id (UINT64_MAX: all), newest first; state COPY_STATES: any. Returns how many */
size_t copy_jobs_list(struct copy_jobs *jobs, uint64_t before, enum copy_state state,
    struct copy_job **ret_jobs, size_t max);

/* err: STATE. They block on the commit where the job has no thread. */
enum copy_control copy_jobs_pause(struct copy_job *job) MUST_USE;
/* Its own actor may come with another session. err: STATE, WHO: it is another's session that it needs */
enum copy_control copy_jobs_resume(struct copy_job *job, const struct copy_asked *asked) MUST_USE;
/* err: STATE, WHO, SECRETS: the source's credentials are needed again */
enum copy_control copy_jobs_retry(struct copy_job *job, const struct copy_asked *asked) MUST_USE;
/* Cancels it; one that has ended goes, with all that is kept of it. */
enum copy_control copy_jobs_cancel(struct copy_job *job) MUST_USE;

/* All secrets are sealed anew, since the key is another. Blocks. False: not all could be */
bool copy_jobs_reseal(struct copy_jobs *jobs) MUST_USE;

/* Of copy_run.c: a job's thread has ended but for its own memory. */
void copy_jobs_run_over(struct copy_jobs *jobs, struct copy_job *job);

/* ---- copy_events.c ---- */

/* Wakes who watches. Under the lock */
void copy_watch_wake(struct copy_job *job);

#endif
