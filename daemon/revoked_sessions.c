#include "daemon/revoked_sessions.h"

#include "daemon/records.h"
#include "daemon/sessions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PREFIX "revoked-session/"

enum {
    RECORD_KEY_BYTES = sizeof(PREFIX) - 1 + SESSION_ACCESS_KEY_BYTES,
    DROP_MAX = 64, /* expired ones that a change takes with it */
};

struct revoked {
    char access_key[SESSION_ACCESS_KEY_BYTES];
    int64_t expires_s;
};

struct revoked_sessions {
    struct storage *storage;
    pthread_mutex_t changing; /* held over a commit */
    pthread_rwlock_t lock;
    struct revoked *items; /* in byte order */
    size_t count, capacity;
    atomic_size_t published; /* count: mostly there are none, and nobody looks further */
    size_t swept;            /* where looking for expired ones goes on; under `changing` */
};

/* Where the session is, or would be. */
static size_t place_of(
    const struct revoked_sessions *revoked, const char *access_key, bool *ret_there)
{
    size_t low = 0, high = revoked->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(revoked->items[middle].access_key, access_key, SESSION_ACCESS_KEY_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = low < revoked->count &&
                 memcmp(revoked->items[low].access_key, access_key, SESSION_ACCESS_KEY_BYTES) == 0;
    return low;
}

static bool make_room(struct revoked_sessions *revoked)
{
    if (revoked->count < revoked->capacity)
        return true;
    size_t capacity = revoked->capacity ? revoked->capacity * 2 : 64;
    struct revoked *grown = realloc(revoked->items, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    revoked->items = grown;
    revoked->capacity = capacity;
    return true;
}

/* Under the lock, with room made. */
static void insert(struct revoked_sessions *revoked, const char *access_key, int64_t expires_s)
{
    bool there;
    size_t at = place_of(revoked, access_key, &there);
    struct revoked *item = &revoked->items[at];
    if (!there) {
        memmove(item + 1, item, (revoked->count - at) * sizeof(*item));
        memcpy(item->access_key, access_key, SESSION_ACCESS_KEY_BYTES);
        revoked->count++;
    }
    item->expires_s = expires_s;
    atomic_store(&revoked->published, revoked->count);
}

static void take_out(struct revoked_sessions *revoked, const char *access_key)
{
    bool there;
    size_t at = place_of(revoked, access_key, &there);
    if (!there)
        return;
    revoked->count--;
    memmove(&revoked->items[at], &revoked->items[at + 1],
        (revoked->count - at) * sizeof(*revoked->items));
    atomic_store(&revoked->published, revoked->count);
}

/* ---- what the store has ---- */

/* Expired ones, too: they go with the next changes. */
static bool read_record(void *ctx, const struct record_entry *record)
{
    struct revoked_sessions *revoked = ctx;
    uint64_t expires_s;
    struct span access_key = span_from(record->key, sizeof(PREFIX) - 1);
    if (!span_present(access_key) || access_key.len != SESSION_ACCESS_KEY_BYTES ||
        !span_to_u64(record->value, &expires_s) || !make_room(revoked))
        return false;
    insert(revoked, access_key.ptr, (int64_t)expires_s);
    return true;
}

struct revoked_sessions *revoked_sessions_open(struct storage *storage)
{
    struct revoked_sessions *revoked = calloc(1, sizeof(*revoked));
    if (revoked == NULL)
        return NULL;
    revoked->storage = storage;
    pthread_mutex_init(&revoked->changing, NULL);
    pthread_rwlock_init(&revoked->lock, NULL);
    if (records_each(storage, SPAN(PREFIX), read_record, revoked))
        return revoked;
    revoked_sessions_free(revoked);
    return NULL;
}

void revoked_sessions_free(struct revoked_sessions *revoked)
{
    if (revoked == NULL)
        return;
    pthread_rwlock_destroy(&revoked->lock);
    pthread_mutex_destroy(&revoked->changing);
    free(revoked->items);
    free(revoked);
}

bool revoked_sessions_has(struct revoked_sessions *revoked, struct span access_key)
{
    bool there = false;
    if (revoked == NULL || atomic_load(&revoked->published) == 0 ||
        access_key.len != SESSION_ACCESS_KEY_BYTES)
        return false;
    pthread_rwlock_rdlock(&revoked->lock);
    (void)place_of(revoked, access_key.ptr, &there);
    pthread_rwlock_unlock(&revoked->lock);
    return there;
}

size_t revoked_sessions_count(struct revoked_sessions *revoked)
{
    return revoked != NULL ? atomic_load(&revoked->published) : 0;
}

/* ---- changing ---- */

struct change {
    struct record_change items[1 + DROP_MAX];
    char keys[1 + DROP_MAX][RECORD_KEY_BYTES];
    size_t count;
};

static void add_change(struct change *change, const char *access_key, struct span value)
{
    char *key = change->keys[change->count];
    memcpy(key, PREFIX, sizeof(PREFIX) - 1);
    memcpy(key + sizeof(PREFIX) - 1, access_key, SESSION_ACCESS_KEY_BYTES);
    change->items[change->count++] = (struct record_change){
        .key = span_of(key, RECORD_KEY_BYTES), .value = value, .expect = RECORD_ANY};
}

/* A few more than come, so that they do not pile up. */
static void add_expired(struct revoked_sessions *revoked, struct change *change, int64_t now_s)
{
    for (size_t i = 0; i < (size_t)8 * DROP_MAX && i < revoked->count && change->count <= DROP_MAX;
         i++) {
        if (revoked->swept >= revoked->count)
            revoked->swept = 0;
        const struct revoked *item = &revoked->items[revoked->swept++];
        if (item->expires_s <= now_s)
            add_change(change, item->access_key, SPAN_ABSENT);
    }
}

static enum storage_err change_all(
    struct revoked_sessions *revoked, struct change *change, int64_t expires_s)
{
    struct mutation mutation = {.kind = MUTATION_CHANGE_RECORDS,
        .records = {.changes = change->items, .count = change->count}};
    enum storage_err err = storage_commit(revoked->storage, &mutation);
    if (err != STORAGE_OK)
        return err;
    pthread_rwlock_wrlock(&revoked->lock);
    insert(revoked, change->keys[0] + sizeof(PREFIX) - 1, expires_s);
    for (size_t i = 1; i < change->count; i++)
        take_out(revoked, change->keys[i] + sizeof(PREFIX) - 1);
    pthread_rwlock_unlock(&revoked->lock);
    return STORAGE_OK;
}

enum storage_err revoked_sessions_add(
    struct revoked_sessions *revoked, struct span access_key, int64_t expires_s, int64_t now_s)
{
    char text[24];
    struct change change = {.count = 0};
    int len = snprintf(text, sizeof(text), "%lld", (long long)expires_s);
    if (access_key.len != SESSION_ACCESS_KEY_BYTES)
        return STORAGE_INVALID;
    pthread_mutex_lock(&revoked->changing);
    enum storage_err err = STORAGE_OK;
    if (!revoked_sessions_has(revoked, access_key)) {
        pthread_rwlock_wrlock(&revoked->lock);
        bool room = make_room(revoked);
        pthread_rwlock_unlock(&revoked->lock);
        add_change(&change, access_key.ptr, span_of(text, (size_t)len));
        add_expired(revoked, &change, now_s);
        bool full = revoked->count >= REVOKED_SESSIONS_MAX && change.count == 1;
        err = room && !full ? change_all(revoked, &change, expires_s) : STORAGE_NO_MEMORY;
    }
    pthread_mutex_unlock(&revoked->changing);
    return err;
}
