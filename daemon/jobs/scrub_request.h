/* The scrub by request; rows of system.c's table. Answers are JSON.
 *
 *     GET    /-/scrub              lakegate:GetScrub     where it is, and what it has found
 *     POST   /-/scrub?rate=BYTES   lakegate:StartScrub   a pass now, or the one under way at another rate
 *     DELETE /-/scrub              lakegate:StartScrub   gives it up */
#ifndef DAEMON_JOBS_SCRUB_REQUEST_H
#define DAEMON_JOBS_SCRUB_REQUEST_H

#include "daemon/request.h"

enum s3_err scrub_get(struct request *request);
enum s3_err scrub_start(struct request *request);
enum s3_err scrub_stop(struct request *request);

#endif
