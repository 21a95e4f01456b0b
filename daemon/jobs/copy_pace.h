/* What copy_fetch.c asks of a pace (copy_fetch.h). Takes NULL for none. Any thread. */
#ifndef DAEMON_JOBS_COPY_PACE_H
#define DAEMON_JOBS_COPY_PACE_H

#include "base/span.h"

struct copy_fetch;
struct copy_pace;

/* False: it waits, and its read is resumed when there is something left. */
bool copy_pace_may(struct copy_pace *pace, struct copy_fetch *fetch) MUST_USE;
void copy_pace_took(struct copy_pace *pace, size_t bytes);
/* It waits no more, since it is over. */
void copy_pace_leave(struct copy_pace *pace, struct copy_fetch *fetch);

#endif
