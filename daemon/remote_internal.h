/* What remote*.c share. */
#ifndef DAEMON_REMOTE_INTERNAL_H
#define DAEMON_REMOTE_INTERNAL_H

#include "daemon/reach.h"
#include "daemon/remote.h"

#include <pthread.h>
#include <stdatomic.h>

struct remote {
    struct http_engine *engine;
    struct log *log;
    struct reach reach; /* read-only once open */
    atomic_bool open;   /* remote_listening was called */
};

/* Who waits for a whole answer (remote_call.c). */
struct remote_wait {
    struct remote_read *read;
    struct remote_wait *next;
};

struct remote_bucket {
    struct remote *remote;
    atomic_uint references; /* who opened it, and each read */
    struct arena arena;
    struct span name, access_key, secret_key, session_token; /* access_key absent: anonymous */
    pthread_mutex_t lock; /* of what follows: a region may be learnt */
    struct remote_endpoint endpoint;
    char region[REMOTE_REGION_BYTES];
    struct remote_wait *waiting;
    bool broken; /* nobody waits any more */
};

/* One request, whatever it asks for. Spans are copied. */
struct remote_ask {
    struct span key;              /* absent: the bucket */
    struct span query;            /* percent-encoded; absent: none */
    struct header_list headers;   /* signed with the rest */
    const struct remote_get *get; /* of an object, whose head is looked at; NULL: 200 and a body */
    long total_ms;
};

struct remote_read *remote_ask_start(struct remote_bucket *bucket, const struct remote_ask *ask,
    const struct remote_read_events *events, void *ctx,
    struct remote_failure *ret_failure) MUST_USE;

/* What a head says of an object. Spans are the head's.
 * err: NONSENSE where it contradicts itself, or what was asked */
enum remote_err remote_object_read(const struct remote_get *get, const struct http_head *head,
    struct remote_object *ret_object) MUST_USE;

/* A page of ListObjectsV2 as it came. Pure.
 * err: NONSENSE, NO_MEMORY */
enum remote_err remote_listing_parse(struct arena *arena, const struct remote_list_query *query,
    struct span document, struct remote_listing *ret_listing) MUST_USE;

/* A failure by its status, and what the head says of when to come again. */
void remote_failure_of(const struct http_head *head, struct remote_failure *ret_failure);

#endif
