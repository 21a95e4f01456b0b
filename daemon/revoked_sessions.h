/* Sessions that ended before their time: log-out. A session is its token and stands nowhere (sessions.h), so what is
 * kept is that it is over, by its access key id, until it would have expired anyway: records of the store, mirrored in
 * memory, since every request of a session asks. Thread-safe; revoking blocks on a commit. */
#ifndef DAEMON_REVOKED_SESSIONS_H
#define DAEMON_REVOKED_SESSIONS_H

#include "storage/storage.h"

/* At once; 4 MiB of memory when all are there. */
enum { REVOKED_SESSIONS_MAX = 100 * 1000 };

struct revoked_sessions;

/* Reads what the store has. NULL when that fails, or memory runs out. */
struct revoked_sessions *revoked_sessions_open(struct storage *storage);
/* Takes NULL. */
void revoked_sessions_free(struct revoked_sessions *revoked);

/* From here on, and after a restart, the session is over. Once more is no error. Drops some that have expired.
 * in:  access_key  a temporary one, SESSION_ACCESS_KEY_BYTES
 * err: NO_MEMORY when there are REVOKED_SESSIONS_MAX; the store's */
enum storage_err revoked_sessions_add(struct revoked_sessions *revoked, struct span access_key,
    int64_t expires_s, int64_t now_s) MUST_USE;

/* Takes NULL. */
bool revoked_sessions_has(struct revoked_sessions *revoked, struct span access_key);
size_t revoked_sessions_count(struct revoked_sessions *revoked);

#endif
