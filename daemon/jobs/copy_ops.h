/* /-/copies: copy jobs by request, as docs/BULK-COPY.md has it. Answers are JSON, errors S3's XML. */
#ifndef DAEMON_JOBS_COPY_OPS_H
#define DAEMON_JOBS_COPY_OPS_H

#include "daemon/jobs/copy_job.h"

#define COPIES_PATH "/-/copies"

/* NULL when the path or the method is none of these. */
const struct op *copy_route(const struct request *request);

/* ---- copy_events.c ---- */

/* Answers with a stream of the job's events. Takes the reference over.
 * err: SLOW_DOWN, INTERNAL */
enum s3_err copy_events_answer(struct request *request, struct copy_job *job) MUST_USE;

#endif
