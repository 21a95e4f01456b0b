/* A link's record, and its secret under the vault; for links.c. Pure but for the vault. */
#ifndef DAEMON_LINKS_RECORD_H
#define DAEMON_LINKS_RECORD_H

#include "daemon/links.h"
#include "storage/storage_records.h"

enum { LINK_SECRET_MAX_BYTES = 256, LINK_ARENA_BYTES = 256 * 1024 };
#define LINK_RECORD_PREFIX SPAN("link/")

/* "link/NAME" */
struct span link_record_key(struct arena *arena, struct span name);

/* sealed: base64 of what the vault made; empty for anonymous. Absent when memory runs out. */
struct span link_record_text(struct arena *arena, const struct link *link, struct span sealed);
/* out: spans are the arena's; remote, name and owner_id are left alone. False: it is no such record. */
bool link_record_parse(
    struct arena *arena, struct span text, struct link *ret_link, struct span *ret_sealed) MUST_USE;

/* False when memory runs out. */
bool link_seal(struct vault *vault, struct arena *arena, struct span name, struct span secret,
    struct span *ret_sealed) MUST_USE;
/* The secret is in the arena, to be wiped. False: it does not open. */
bool link_unseal(struct vault *vault, struct arena *arena, struct span name, struct span sealed,
    struct span *ret_secret, bool *ret_stale) MUST_USE;

#endif
