/* Which keys a copy job takes, what they become, and in which parts. Pure. */
#ifndef DAEMON_JOBS_COPY_PLAN_H
#define DAEMON_JOBS_COPY_PLAN_H

#include "daemon/jobs/copy_spec.h"

/* Does a glob match the whole text? '*' is any run of bytes, '?' one character (UTF-8), "[a-z]", "[!a-z]" one of
 * some bytes; a '[' without its ']' is itself. Time is bounded by the product of the lengths. */
bool copy_glob_matches(struct span glob, struct span text) MUST_USE;

/* What a prefix has up to its last '/': it is taken off the keys. */
size_t copy_taken_off(struct span source_prefix);

/* Is an object to be copied? key begins with the source's prefix. */
bool copy_wanted(const struct copy_spec *spec, struct span key, uint64_t size_bytes,
    int64_t modified_ms) MUST_USE;

/* The key here; absent when it would be none (over 1024 bytes, empty, no UTF-8) or memory runs out. */
struct span copy_key(struct arena *arena, const struct copy_spec *spec, struct span key);

/* The part size that an object of this size was likely put with, when that is not told: the whole number of MiB that
 * gives so many parts, as clients choose; 0 when there is none. All parts but the last are of that size. */
uint64_t copy_guess_part_bytes(uint64_t size_bytes, uint32_t part_count);
/* Are parts of this size, the last one shorter, so many? */
bool copy_parts_fit(uint64_t size_bytes, uint64_t part_bytes, uint32_t part_count) MUST_USE;

#endif
