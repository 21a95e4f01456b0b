/* How much of something that all clients live of each of them has, so that none takes all. A client is a number
 * (request_client); numbers are folded, and those that fall together share. Under the lock of whoever has it. */
#ifndef DAEMON_SHARES_H
#define DAEMON_SHARES_H

#include <stdbool.h>
#include <stdint.h>

enum { SHARES = 1024 };
enum { CLIENT_NOBODY = 0 /* the daemon's own: it has no limit */ };

struct shares {
    uint64_t used[SHARES];
};

/* Three quarters: a client alone is hardly slower for it, and there is always something for others. */
static inline uint64_t shares_limit(uint64_t all)
{
    return all - all / 4;
}

/* What is larger than the limit by itself is let through when the client has nothing else. */
static inline bool shares_has_room(
    const struct shares *shares, uint32_t client, uint64_t more, uint64_t all)
{
    uint64_t used = shares->used[client % SHARES];
    return client == CLIENT_NOBODY || used == 0 || used + more <= shares_limit(all);
}

static inline void shares_take(struct shares *shares, uint32_t client, uint64_t more)
{
    shares->used[client % SHARES] += more;
}

static inline void shares_give(struct shares *shares, uint32_t client, uint64_t less)
{
    shares->used[client % SHARES] -= less;
}

#endif
