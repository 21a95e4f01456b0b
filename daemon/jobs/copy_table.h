/* The table itself. Private to copy_jobs.c and copy_control.c. */
#ifndef DAEMON_JOBS_COPY_TABLE_H
#define DAEMON_JOBS_COPY_TABLE_H

#include "daemon/jobs/copy_job.h"

struct copy_jobs {
    struct daemon *daemon;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool started;
    /* Under the lock. */
    bool stopping, poked;
    size_t running; /* threads of jobs */
    struct copy_job *items[COPY_JOBS_UNFINISHED_MAX + 2 * COPY_JOBS_FINISHED_MAX]; /* by id */
    size_t count;
};

/* Under the lock. Where an id is, or would be. */
size_t copy_table_place(const struct copy_jobs *jobs, uint64_t id);
/* The reference goes over. False: it is full */
bool copy_table_add(struct copy_jobs *jobs, struct copy_job *job) MUST_USE;
/* The reference comes back. False: it is not there */
bool copy_table_remove(struct copy_jobs *jobs, struct copy_job *job) MUST_USE;

#endif
