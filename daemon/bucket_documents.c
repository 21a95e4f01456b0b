#include "daemon/bucket_documents.h"

#include "daemon/daemon.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    SHARDS = 16, /* so that I/O threads seldom meet at a lock */
    SHARD_BUCKETS_MAX = BUCKET_DOCUMENTS_BUCKETS_MAX / SHARDS,
    SHARD_MAX_BYTES = BUCKET_DOCUMENTS_MAX_BYTES / SHARDS,
    SHARD_SLOTS = SHARD_BUCKETS_MAX,
};

/* What parse made of one document; `parsed` NULL: the bucket has none. */
struct document {
    const struct document_type *type;
    void *parsed;
};

/* A bucket at one generation. Slots are filled once, by whoever asks first. */
struct entry {
    uint64_t bucket_id, generation;
    atomic_uint references; /* of requests, and of the shard while listed */
    atomic_size_t bytes;
    _Atomic(struct document *) documents[BUCKET_DOCUMENTS_KINDS];
    bool used; /* since the hand passed; the shard's, as are the links */
    struct entry *next;
    struct entry *newer, *older; /* in order of listing */
};

struct shard {
    pthread_mutex_t lock;
    struct entry *slots[SHARD_SLOTS];
    struct entry *newest, *oldest;
    size_t count;
    size_t bytes; /* of the documents that are in entries listed now */
};

struct bucket_documents {
    struct shard shards[SHARDS];
};

/* A request's hold on an entry; in its arena. */
struct documents_held {
    struct entry *entry;
    struct documents_held *next;
};

static void document_free(struct document *document)
{
    if (document == NULL)
        return;
    if (document->parsed != NULL)
        document->type->free(document->parsed);
    free(document);
}

static void entry_release(struct entry *entry)
{
    if (atomic_fetch_sub(&entry->references, 1) != 1)
        return;
    for (size_t i = 0; i < BUCKET_DOCUMENTS_KINDS; i++)
        document_free(atomic_load(&entry->documents[i]));
    free(entry);
}

static struct entry *entry_new(const struct bucket_info *bucket)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->bucket_id = bucket->id;
    entry->generation = bucket->generation;
    atomic_init(&entry->references, 1);
    return entry;
}

/* ---- a shard, under its lock ---- */

static struct shard *shard_of(struct bucket_documents *documents, uint64_t bucket_id)
{
    return &documents->shards[bucket_id % SHARDS];
}

static struct entry **slot_of(struct shard *shard, uint64_t bucket_id)
{
    return &shard->slots[bucket_id / SHARDS % SHARD_SLOTS];
}

static void unlist(struct shard *shard, struct entry *entry)
{
    struct entry **at = slot_of(shard, entry->bucket_id);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    *(entry->newer != NULL ? &entry->newer->older : &shard->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &shard->oldest) = entry->newer;
    shard->count--;
    shard->bytes -= atomic_load(&entry->bytes);
}

static void push(struct shard *shard, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = shard->newest;
    *(shard->newest != NULL ? &shard->newest->newer : &shard->oldest) = entry;
    shard->newest = entry;
}

/* Throws out, from the oldest on, what was not used since it was looked at last. */
static void make_room(struct shard *shard)
{
    while (
        shard->count > SHARD_BUCKETS_MAX || (shard->bytes > SHARD_MAX_BYTES && shard->count > 0)) {
        struct entry *entry = shard->oldest;
        if (entry->used && shard->count > 1) {
            entry->used = false;
            shard->oldest = entry->newer;
            shard->oldest->older = NULL;
            push(shard, entry);
            continue;
        }
        unlist(shard, entry);
        entry_release(entry);
    }
}

static void list(struct shard *shard, struct entry *entry)
{
    struct entry **slot = slot_of(shard, entry->bucket_id);
    entry->next = *slot;
    *slot = entry;
    push(shard, entry);
    shard->count++;
    atomic_fetch_add(&entry->references, 1);
    make_room(shard);
}

static struct entry *find(struct shard *shard, uint64_t bucket_id)
{
    struct entry *entry = *slot_of(shard, bucket_id);
    while (entry != NULL && entry->bucket_id != bucket_id)
        entry = entry->next;
    return entry;
}

/* ---- of a request ---- */

/* The bucket's entry with a reference. A bucket that changed gets a new one. */
static struct entry *acquire(struct bucket_documents *documents, const struct bucket_info *bucket)
{
    if (documents == NULL)
        return entry_new(bucket);
    struct shard *shard = shard_of(documents, bucket->id);
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = find(shard, bucket->id);
    if (entry != NULL && entry->generation == bucket->generation) {
        entry->used = true;
        atomic_fetch_add(&entry->references, 1);
    } else {
        if (entry != NULL) {
            unlist(shard, entry);
            entry_release(entry);
        }
        entry = entry_new(bucket);
        if (entry != NULL)
            list(shard, entry);
    }
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

static struct entry *hold(struct request *request, const struct bucket_info *bucket)
{
    for (struct documents_held *held = request->documents; held != NULL; held = held->next)
        if (held->entry->bucket_id == bucket->id && held->entry->generation == bucket->generation)
            return held->entry;
    struct documents_held *held = arena_new(&request->arena, struct documents_held);
    if (held == NULL)
        return NULL;
    held->entry = acquire(request->daemon->documents, bucket);
    if (held->entry == NULL)
        return NULL;
    held->next = request->documents;
    request->documents = held;
    return held->entry;
}

/* Who comes second throws its own away. */
static struct document *install(struct bucket_documents *documents, struct entry *entry,
    struct document *document, size_t bytes)
{
    struct document *there = NULL;
    if (!atomic_compare_exchange_strong(
            &entry->documents[document->type->kind], &there, document)) {
        document_free(document);
        return there;
    }
    if (documents == NULL)
        return document;
    struct shard *shard = shard_of(documents, entry->bucket_id);
    pthread_mutex_lock(&shard->lock);
    atomic_fetch_add(&entry->bytes, bytes);
    if (find(shard, entry->bucket_id) == entry) {
        shard->bytes += bytes;
        make_room(shard);
    }
    pthread_mutex_unlock(&shard->lock);
    return document;
}

/* NULL: the request's error says why. */
static struct document *load(struct request *request, const struct bucket_info *bucket,
    const struct document_type *type, struct entry *entry)
{
    struct span text = SPAN_ABSENT;
    if (bucket_document_text(request, bucket, type->kind, &text) != S3_OK)
        return NULL;
    struct document *document = calloc(1, sizeof(*document));
    if (document == NULL)
        return NULL;
    document->type = type;
    size_t bytes = sizeof(*document) + text.len;
    if (span_present(text)) {
        document->parsed = type->parse(bucket, text);
        if (document->parsed == NULL) {
            free(document);
            return NULL;
        }
        if (type->bytes != NULL)
            bytes = sizeof(*document) + type->bytes(document->parsed);
    }
    return install(request->daemon->documents, entry, document, bytes);
}

enum s3_err bucket_document(struct request *request, const struct bucket_info *bucket,
    const struct document_type *type, const void **ret_parsed)
{
    struct entry *entry = hold(request, bucket);
    if (entry == NULL)
        return FAIL(request, INTERNAL, NULL);
    struct document *document =
        atomic_load_explicit(&entry->documents[type->kind], memory_order_acquire);
    if (document == NULL)
        document = load(request, bucket, type, entry);
    if (document == NULL)
        return request->err != S3_OK ? request->err : FAIL(request, INTERNAL, NULL);
    *ret_parsed = document->parsed;
    return S3_OK;
}

enum s3_err bucket_document_text(struct request *request, const struct bucket_info *bucket,
    enum document_kind kind, struct span *ret_text)
{
    struct span text = SPAN_ABSENT;
    uint64_t generation;
    enum storage_err err = storage_document_get(
        request_store(request), bucket->id, kind, &request->arena, &text, &generation);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_DOCUMENT)
        return FAIL_STORAGE(request, err);
    *ret_text = err == STORAGE_OK ? text : SPAN_ABSENT;
    return S3_OK;
}

void bucket_documents_release(struct request *request)
{
    for (struct documents_held *held = request->documents; held != NULL; held = held->next)
        entry_release(held->entry);
    request->documents = NULL;
}

/* ---- the cache ---- */

struct bucket_documents *bucket_documents_new(void)
{
    struct bucket_documents *documents = calloc(1, sizeof(*documents));
    if (documents == NULL)
        return NULL;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&documents->shards[i].lock, NULL);
    return documents;
}

void bucket_documents_free(struct bucket_documents *documents)
{
    if (documents == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &documents->shards[i];
        while (shard->oldest != NULL) {
            struct entry *entry = shard->oldest;
            unlist(shard, entry);
            entry_release(entry);
        }
        pthread_mutex_destroy(&shard->lock);
    }
    free(documents);
}
