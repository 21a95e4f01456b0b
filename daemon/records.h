/* Records of the store (storage.h), read all that begin alike: what the daemon keeps in memory of them is read so
 * when it starts. */
#ifndef DAEMON_RECORDS_H
#define DAEMON_RECORDS_H

#include "storage/storage_records.h"

/* Calls take for each record whose key begins with prefix, in the order of the keys, until it returns false. The
 * record's bytes are gone after the call. Records may be changed meanwhile, by take, too. Does not block; memory for one
 * page of records.
 * err: false when one cannot be read, or take said so */
bool records_each(struct storage *storage, struct span prefix,
    bool (*take)(void *ctx, const struct record_entry *record), void *ctx) MUST_USE;

#endif
