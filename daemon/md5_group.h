/* Threads that want the MD5 of large runs at the same time have it computed together, in the lanes of one processor's
 * vector registers (md5.h): only so many compute at once, and each of them takes along those who came meanwhile. Nobody
 * waits for company: who comes when fewer compute begins at once. Thread-safe. */
#ifndef DAEMON_MD5_GROUP_H
#define DAEMON_MD5_GROUP_H

#include "base/md5.h"

struct md5_group;

/* at_once: threads that compute at the same time, at least 1. NULL: no memory */
struct md5_group *md5_group_new(size_t at_once);
/* Nobody is in it any more. Takes NULL. */
void md5_group_free(struct md5_group *group);

/* md5_update; may block while other threads compute. Without a group: computes it here. */
void md5_group_update(struct md5_group *group, struct md5 *md5, struct span bytes);

#endif
