#include "daemon/connections.h"

#include "base/clock.h"

#include <linux/tcp.h> /* glibc's tcp_info has no byte counts */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Of the kernel's connection states; its name is in a header that the one above excludes. */
enum { STATE_CLOSE_WAIT = 8, PHASE_BITS = 3, PHASE_MASK = (1 << PHASE_BITS) - 1 };

struct connection {
    struct connections *connections;
    struct connection *next, *previous;
    int fd;
    bool over;
    atomic_uint phase; /* low PHASE_BITS the phase, above them a count of changes */

    /* Under the lock. */
    void (*wake)(void *ctx); /* PHASE_WAIT, and not called yet */
    void *wake_ctx;
    bool gone; /* shut down while it waited */

    /* The reaper's. */
    unsigned seen_phase;
    unsigned ticks; /* seconds in this phase, or in this window of it */
    uint64_t mark;  /* bytes at the beginning of it */
    bool marked, head_begun;
};

struct connections {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t reaper;
    bool stopping;
    struct connection *first;
    uint64_t limit, header_timeout_s, min_rate;
    struct connections_stats stats;
};

struct progress {
    uint64_t bytes; /* that the peer sent, or took */
    bool ended;     /* it sends nothing more, and all that it sent was read */
};

/* False for what is not TCP: those are local. */
static bool progress(int fd, enum connection_phase phase, struct progress *ret_progress)
{
    struct tcp_info info;
    memset(&info, 0, sizeof(info));
    socklen_t len = sizeof(info);
    int unread = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false;
    ret_progress->bytes = phase == PHASE_SEND ? info.tcpi_bytes_acked : info.tcpi_bytes_received;
    ret_progress->ended =
        info.tcpi_state == STATE_CLOSE_WAIT && ioctl(fd, FIONREAD, &unread) == 0 && unread == 0;
    return true;
}

static bool head_is_late(
    const struct connections *connections, struct connection *connection, uint64_t bytes)
{
    if (!connection->head_begun) {
        connection->head_begun = bytes != connection->mark;
        connection->ticks = 0;
        return false;
    }
    return connection->ticks > connections->header_timeout_s;
}

static bool body_is_slow(
    const struct connections *connections, struct connection *connection, uint64_t bytes)
{
    if (connection->ticks < REAPER_WINDOW_S)
        return false;
    bool slow = bytes - connection->mark < connections->min_rate * REAPER_WINDOW_S;
    connection->ticks = 0;
    connection->mark = bytes;
    return slow;
}

/* Of any kind of socket, and whatever lies unread in it. */
static bool has_left(int fd)
{
    struct pollfd peer = {.fd = fd, .events = POLLRDHUP};
    return poll(&peer, 1, 0) == 1;
}

static void wake_one(struct connection *connection)
{
    void (*wake)(void *) = TAKE(connection->wake);
    if (wake != NULL)
        wake(connection->wake_ctx);
}

/* Has no reason to live: too slow, or gone. The HTTP library does not see an end that arrives with
 * the last bytes, as its edge-triggered epoll reports both as one, and would wait for its time-out.
 * Once a second for each connection, under the lock. */
static bool is_to_end(const struct connections *connections, struct connection *connection)
{
    unsigned value = atomic_load_explicit(&connection->phase, memory_order_relaxed);
    enum connection_phase phase = (enum connection_phase)(value & PHASE_MASK);
    struct progress now = {0};
    if (phase == PHASE_WAIT)
        return connection->wake != NULL && has_left(connection->fd);
    bool known = phase != PHASE_WORK && progress(connection->fd, phase, &now);
    if (value != connection->seen_phase || !connection->marked) {
        connection->seen_phase = value;
        connection->ticks = 0;
        connection->head_begun = false;
        connection->mark = now.bytes;
        connection->marked = known || phase == PHASE_WORK;
        return false;
    }
    connection->ticks++;
    if (!known)
        return false;
    if (now.ended && phase != PHASE_SEND)
        return true;
    return phase == PHASE_HEAD ? head_is_late(connections, connection, now.bytes)
                               : body_is_slow(connections, connection, now.bytes);
}

/* Closing throws away what waits to be sent: the kernel would keep it for as long as a slow reader
 * likes. */
static void close_hard(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void *reaper_main(void *ctx)
{
    struct connections *connections = ctx;
    pthread_mutex_lock(&connections->lock);
    while (!connections->stopping) {
        clock_wait(&connections->wake, &connections->lock, clock_monotonic_ns() + NS_PER_S);
        for (struct connection *at = connections->first; at != NULL; at = at->next)
            if (is_to_end(connections, at)) {
                close_hard(at->fd);
                shutdown(at->fd, SHUT_RDWR);
                connections->stats.reaped++;
                at->gone = at->wake != NULL;
                wake_one(at);
            }
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

struct connections *connections_new(uint64_t limit, uint64_t header_timeout_s, uint64_t min_rate)
{
    struct connections *connections = calloc(1, sizeof(*connections));
    if (connections == NULL)
        return NULL;
    connections->limit = limit;
    connections->header_timeout_s = header_timeout_s;
    connections->min_rate = min_rate;
    pthread_mutex_init(&connections->lock, NULL);
    pthread_cond_init(&connections->wake, NULL);
    if (pthread_create(&connections->reaper, NULL, reaper_main, connections) == 0)
        return connections;
    free(connections);
    return NULL;
}

void connections_free(struct connections *connections)
{
    if (connections == NULL)
        return;
    pthread_mutex_lock(&connections->lock);
    connections->stopping = true;
    pthread_cond_signal(&connections->wake);
    pthread_mutex_unlock(&connections->lock);
    pthread_join(connections->reaper, NULL);
    pthread_cond_destroy(&connections->wake);
    pthread_mutex_destroy(&connections->lock);
    free(connections);
}

struct connection *connection_opened(struct connections *connections, int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return NULL;
    connection->fd = fd;
    connection->connections = connections;
    pthread_mutex_lock(&connections->lock);
    connection->next = connections->first;
    if (connection->next != NULL)
        connection->next->previous = connection;
    connections->first = connection;
    connection->over = ++connections->stats.open > connections->limit;
    connections->stats.accepted++;
    connections->stats.refused += connection->over;
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void connection_closed(struct connections *connections, struct connection *connection)
{
    if (connection == NULL)
        return;
    pthread_mutex_lock(&connections->lock);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        connections->first = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    connections->stats.open--;
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

bool connection_is_over(const struct connection *connection)
{
    return connection == NULL || connection->over;
}

void connection_enter(struct connection *connection, enum connection_phase phase)
{
    if (connection == NULL)
        return;
    /* One thread writes at a time, so no read-modify-write is needed. */
    unsigned value = atomic_load_explicit(&connection->phase, memory_order_relaxed);
    if ((value & PHASE_MASK) == PHASE_WAIT) {
        pthread_mutex_lock(&connection->connections->lock);
        connection->wake = NULL;
        pthread_mutex_unlock(&connection->connections->lock);
    }
    unsigned changes = value >> PHASE_BITS;
    atomic_store_explicit(
        &connection->phase, (changes + 1) << PHASE_BITS | (unsigned)phase, memory_order_relaxed);
}

void connection_wait(struct connection *connection, void (*wake)(void *ctx), void *ctx)
{
    if (connection == NULL)
        return;
    connection_enter(connection, PHASE_WAIT);
    pthread_mutex_lock(&connection->connections->lock);
    connection->wake = wake;
    connection->wake_ctx = ctx;
    pthread_mutex_unlock(&connection->connections->lock);
}

bool connection_is_gone(struct connection *connection)
{
    if (connection == NULL)
        return false;
    pthread_mutex_lock(&connection->connections->lock);
    bool gone = connection->gone;
    pthread_mutex_unlock(&connection->connections->lock);
    return gone;
}

void connection_give_up(struct connection *connection)
{
    if (connection != NULL)
        close_hard(connection->fd);
}

void connections_shutdown(struct connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    for (struct connection *at = connections->first; at != NULL; at = at->next) {
        shutdown(at->fd, SHUT_RDWR);
        at->gone |= at->wake != NULL;
        wake_one(at);
    }
    pthread_mutex_unlock(&connections->lock);
}

void connections_wake(struct connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    for (struct connection *at = connections->first; at != NULL; at = at->next)
        wake_one(at);
    pthread_mutex_unlock(&connections->lock);
}

void connections_stats(struct connections *connections, struct connections_stats *ret_stats)
{
    *ret_stats = (struct connections_stats){0};
    if (connections == NULL)
        return;
    pthread_mutex_lock(&connections->lock);
    *ret_stats = connections->stats;
    pthread_mutex_unlock(&connections->lock);
}
