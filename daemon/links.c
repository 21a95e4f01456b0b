#include "daemon/links.h"

#include "base/digest.h"
#include "daemon/links_record.h"
#include "daemon/log.h"
#include "daemon/ownership.h"
#include "daemon/public_access.h"
#include "daemon/records.h"

#include <pthread.h>
#include <stdatomic.h>

struct held {
    struct link link; /* first: a struct link * is a struct held * */
    atomic_uint references;
    struct arena arena;
};

struct links {
    struct storage *storage;
    struct vault *vault;
    struct remote *remote;
    struct log *log;
    size_t calls_max;
    atomic_size_t calls;
    pthread_mutex_t write;         /* while one is added or removed */
    atomic_size_t count;           /* changed under lock */
    pthread_rwlock_t lock;         /* of items */
    struct held *items[LINKS_MAX]; /* in the order of names */
};

static struct held *held_of(const struct link *link)
{
    return (struct held *)link;
}

static const struct link *reference(struct held *held)
{
    atomic_fetch_add(&held->references, 1);
    return &held->link;
}

void link_release(const struct link *link)
{
    if (link == NULL || atomic_fetch_sub(&held_of(link)->references, 1) != 1)
        return;
    struct held *held = held_of(link);
    remote_bucket_close(held->link.remote);
    arena_free(&held->arena);
    free(held);
}

/* A copy of its texts; remote goes over. */
static struct held *held_new(const struct link *link)
{
    struct held *held = calloc(1, sizeof(*held));
    if (held == NULL)
        return NULL;
    arena_init(&held->arena, LINK_ARENA_BYTES);
    atomic_init(&held->references, 1);
    held->link = *link;
    struct span *const texts[] = {&held->link.name, &held->link.endpoint_url, &held->link.bucket,
        &held->link.prefix, &held->link.region, &held->link.access_key, &held->link.created_by};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_copy(&held->arena, *texts[i]);
    if (!held->arena.overflow)
        return held;
    arena_free(&held->arena);
    free(held);
    return NULL;
}

/* ---- the table ---- */

/* Under the lock: the first whose name is not before this. */
static size_t at_least(const struct links *links, struct span name)
{
    size_t at = 0;
    while (at < links->count && span_cmp(links->items[at]->link.name, name) < 0)
        at++;
    return at;
}

static void insert(struct links *links, struct held *held)
{
    pthread_rwlock_wrlock(&links->lock);
    size_t at = at_least(links, held->link.name), count = links->count;
    for (size_t i = count; i > at; i--)
        links->items[i] = links->items[i - 1];
    links->items[at] = held;
    links->count = count + 1;
    pthread_rwlock_unlock(&links->lock);
}

static void take_out(struct links *links, struct held *held)
{
    pthread_rwlock_wrlock(&links->lock);
    size_t at = at_least(links, held->link.name), count = links->count;
    for (size_t i = at; i + 1 < count; i++)
        links->items[i] = links->items[i + 1];
    links->count = count - 1;
    pthread_rwlock_unlock(&links->lock);
    link_release(&held->link);
}

const struct link *links_get(struct links *links, uint64_t bucket_id)
{
    const struct link *found = NULL;
    if (links == NULL || atomic_load(&links->count) == 0)
        return NULL;
    pthread_rwlock_rdlock(&links->lock);
    for (size_t i = 0; i < links->count && found == NULL; i++)
        if (links->items[i]->link.bucket_id == bucket_id)
            found = reference(links->items[i]);
    pthread_rwlock_unlock(&links->lock);
    return found;
}

size_t links_list(struct links *links, uint64_t owner_id, struct span after,
    const struct link **ret_links, size_t max)
{
    size_t count = 0;
    pthread_rwlock_rdlock(&links->lock);
    for (size_t i = at_least(links, after); i < links->count && count < max; i++) {
        const struct link *link = &links->items[i]->link;
        if (link->owner_id == owner_id && span_cmp(link->name, after) > 0)
            ret_links[count++] = reference(links->items[i]);
    }
    pthread_rwlock_unlock(&links->lock);
    return count;
}

bool links_enter(struct links *links)
{
    if (atomic_fetch_add(&links->calls, 1) < links->calls_max)
        return true;
    atomic_fetch_sub(&links->calls, 1);
    return false;
}

void links_leave(struct links *links)
{
    atomic_fetch_sub(&links->calls, 1);
}

/* ---- records ---- */

static enum storage_err change_record(
    struct links *links, struct span key, struct span value, enum record_expectation expect)
{
    struct record_change change = {.key = key, .value = value, .expect = expect};
    struct mutation mutation = {
        .kind = MUTATION_CHANGE_RECORDS, .records = {.changes = &change, .count = 1}};
    return storage_commit(links->storage, &mutation);
}

/* The way to its source, if that can be had. */
static void open_remote(
    struct links *links, struct arena *arena, struct link *link, struct span sealed)
{
    struct span secret = SPAN_ABSENT;
    bool stale;
    if (link->access_key.len > 0 &&
        !link_unseal(links->vault, arena, link->name, sealed, &secret, &stale)) {
        log_message(links->log, LOG_WARNING,
            "the secret of link %.*s opens with no key of the ring", SPAN_ARG(link->name));
        return;
    }
    struct remote_source source = {.endpoint_url = link->endpoint_url,
        .bucket = link->bucket,
        .region = link->region,
        .access_key = link->access_key,
        .secret_key = secret};
    if (remote_bucket_open(links->remote, &source, &link->remote) != REMOTE_OK) {
        link->remote = NULL;
        log_message(links->log, LOG_WARNING, "the source of link %.*s is not allowed any more",
            SPAN_ARG(link->name));
    }
    if (secret.len > 0)
        wipe((char *)secret.ptr, secret.len);
}

static bool load_one(void *ctx, const struct record_entry *entry)
{
    struct links *links = ctx;
    struct arena arena CLEANUP(arena_free);
    struct link link = {.remote = NULL};
    struct span sealed;
    struct bucket_info bucket;
    arena_init(&arena, LINK_ARENA_BYTES);
    if (!link_record_parse(&arena, entry->value, &link, &sealed))
        return false;
    link.name = span_from(entry->key, LINK_RECORD_PREFIX.len);
    enum storage_err err = storage_bucket_get(links->storage, link.name, &arena, &bucket);
    if (err == STORAGE_NO_SUCH_BUCKET || (err == STORAGE_OK && bucket.id != link.bucket_id)) {
        /* a removal that a crash cut in two */
        log_message(links->log, LOG_INFO, "the bucket of link %.*s is gone", SPAN_ARG(link.name));
        return change_record(links, entry->key, SPAN_ABSENT, RECORD_ANY) == STORAGE_OK;
    }
    if (err != STORAGE_OK || links->count == LINKS_MAX)
        return false;
    link.owner_id = bucket.owner_id;
    open_remote(links, &arena, &link, sealed);
    struct held *held = held_new(&link);
    if (held == NULL) {
        remote_bucket_close(link.remote);
        return false;
    }
    insert(links, held);
    return true;
}

struct links *links_open(struct storage *storage, struct vault *vault, struct remote *remote,
    struct log *log, size_t calls_max)
{
    struct links *links = calloc(1, sizeof(*links));
    if (links == NULL)
        return NULL;
    links->storage = storage;
    links->vault = vault;
    links->remote = remote;
    links->log = log;
    links->calls_max = calls_max;
    if (pthread_mutex_init(&links->write, NULL) != 0 ||
        pthread_rwlock_init(&links->lock, NULL) != 0)
        abort(); /* on Linux only attributes can make these fail */
    if (records_each(storage, LINK_RECORD_PREFIX, load_one, links))
        return links;
    links_free(links);
    return NULL;
}

void links_free(struct links *links)
{
    if (links == NULL)
        return;
    for (size_t i = 0; i < links->count; i++)
        link_release(&links->items[i]->link);
    pthread_rwlock_destroy(&links->lock);
    pthread_mutex_destroy(&links->write);
    free(links);
}

/* ---- adding and removing ---- */

/* Its owner's alone: no ACLs, nothing public, whatever new buckets have. */
static enum storage_err make_bucket(
    struct links *links, const struct link *link, struct span region, uint64_t *ret_id)
{
    static const struct public_access all = {true, true, true, true};
    char text[PUBLIC_ACCESS_TEXT_BYTES];
    public_access_text(&all, text);
    const struct bucket_document documents[] = {
        {DOCUMENT_PUBLIC_ACCESS_BLOCK, span_of(text, sizeof(text))},
        {DOCUMENT_OWNERSHIP_CONTROLS, ownership_name(OWNERSHIP_BUCKET_OWNER_ENFORCED)}};
    struct mutation mutation = {
        .kind = MUTATION_CREATE_BUCKET,
        .bucket = {.name = link->name},
        .create_bucket = {.owner_id = link->owner_id,
            .region = region,
            .documents = documents,
            .document_count = ARRAY_LEN(documents)},
    };
    enum storage_err err = storage_commit(links->storage, &mutation);
    if (err == STORAGE_OK)
        *ret_id = mutation.bucket_info.id;
    return err;
}

static enum storage_err drop_bucket(struct links *links, const struct link *link)
{
    struct mutation mutation = {
        .kind = MUTATION_DELETE_BUCKET, .bucket = {.id = link->bucket_id, .name = link->name}};
    return storage_commit(links->storage, &mutation);
}

static enum links_err add(struct links *links, const struct link *link, struct span secret,
    struct span region, struct arena *arena, enum storage_err *ret_storage_err)
{
    struct link made = *link;
    struct span sealed = SPAN("");
    if (links->count == LINKS_MAX)
        return LINKS_TOO_MANY;
    if (made.access_key.len > 0 && !link_seal(links->vault, arena, made.name, secret, &sealed))
        return LINKS_NO_MEMORY;
    *ret_storage_err = make_bucket(links, &made, region, &made.bucket_id);
    if (*ret_storage_err == STORAGE_BUCKET_EXISTS)
        return LINKS_EXISTS;
    if (*ret_storage_err != STORAGE_OK)
        return LINKS_STORAGE;
    /* From here on whoever writes to the bucket is refused. */
    struct held *held = held_new(&made);
    struct span text = link_record_text(arena, &made, sealed);
    if (held != NULL && span_present(text)) {
        insert(links, held);
        *ret_storage_err =
            change_record(links, link_record_key(arena, made.name), text, RECORD_ANY);
        if (*ret_storage_err == STORAGE_OK)
            return LINKS_OK;
        held->link.remote = NULL; /* the caller's still */
        take_out(links, held);
    } else if (held != NULL) {
        held->link.remote = NULL;
        link_release(&held->link);
    }
    (void)(drop_bucket(links, &made) == STORAGE_OK); /* what is left is an empty bucket */
    return *ret_storage_err != STORAGE_OK ? LINKS_STORAGE : LINKS_NO_MEMORY;
}

enum links_err links_add(struct links *links, const struct link *link, struct span secret,
    struct span region, enum storage_err *ret_storage_err)
{
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, LINK_ARENA_BYTES);
    *ret_storage_err = STORAGE_OK;
    pthread_mutex_lock(&links->write);
    enum links_err err = add(links, link, secret, region, &arena, ret_storage_err);
    pthread_mutex_unlock(&links->write);
    return err;
}

static struct held *find(struct links *links, uint64_t owner_id, struct span name)
{
    pthread_rwlock_rdlock(&links->lock);
    size_t at = at_least(links, name);
    struct held *held = at < links->count ? links->items[at] : NULL;
    if (held != NULL && (!span_eq(held->link.name, name) || held->link.owner_id != owner_id))
        held = NULL;
    pthread_rwlock_unlock(&links->lock);
    return held;
}

/* The bucket first: a record without one is dropped at the next start, a bucket without its record would be
 * an ordinary one. It is not empty where a write overtook the making of the link: then it becomes that. */
static enum links_err drop(
    struct links *links, struct held *held, struct arena *arena, enum storage_err *ret_storage_err)
{
    enum storage_err err = drop_bucket(links, &held->link);
    if (err == STORAGE_OK || err == STORAGE_NO_SUCH_BUCKET || err == STORAGE_BUCKET_NOT_EMPTY)
        err =
            change_record(links, link_record_key(arena, held->link.name), SPAN_ABSENT, RECORD_ANY);
    *ret_storage_err = err;
    if (err != STORAGE_OK)
        return LINKS_STORAGE;
    take_out(links, held);
    return LINKS_OK;
}

enum links_err links_remove(
    struct links *links, uint64_t owner_id, struct span name, enum storage_err *ret_storage_err)
{
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, LINK_ARENA_BYTES);
    *ret_storage_err = STORAGE_OK;
    pthread_mutex_lock(&links->write);
    struct held *held = find(links, owner_id, name);
    enum links_err err = held != NULL ? drop(links, held, &arena, ret_storage_err) : LINKS_MISSING;
    pthread_mutex_unlock(&links->write);
    return err;
}

/* ---- another key for the secrets ---- */

struct resealing {
    struct links *links;
    size_t *count;
};

static bool reseal_one(void *ctx, const struct record_entry *entry)
{
    const struct resealing *resealing = ctx;
    struct links *links = resealing->links;
    struct arena arena CLEANUP(arena_free);
    struct link link = {.remote = NULL};
    struct span sealed, secret = SPAN_ABSENT;
    bool stale = false;
    arena_init(&arena, LINK_ARENA_BYTES);
    struct span name = span_from(entry->key, LINK_RECORD_PREFIX.len);
    if (!link_record_parse(&arena, entry->value, &link, &sealed))
        return false;
    if (link.access_key.len == 0 ||
        !link_unseal(links->vault, &arena, name, sealed, &secret, &stale))
        return true; /* one that nothing opens keeps no key */
    bool good = !stale || link_seal(links->vault, &arena, name, secret, &sealed);
    wipe((char *)secret.ptr, secret.len);
    if (!stale || !good)
        return good;
    struct span text = link_record_text(&arena, &link, sealed);
    ++*resealing->count;
    return span_present(text) &&
           change_record(links, entry->key, text, RECORD_PRESENT) == STORAGE_OK;
}

bool links_reseal(struct links *links, size_t *ret_count)
{
    if (links == NULL)
        return true;
    struct resealing resealing = {links, ret_count};
    pthread_mutex_lock(&links->write);
    bool good = records_each(links->storage, LINK_RECORD_PREFIX, reseal_one, &resealing);
    pthread_mutex_unlock(&links->write);
    return good;
}
