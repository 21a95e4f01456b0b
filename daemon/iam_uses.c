#include "daemon/iam_uses.h"

#include "daemon/iam_records.h"

#include <stdlib.h>

enum { BATCH_ARENA_BYTES = 512 * 1024 };

struct use {
    char key[IAM_ACCESS_KEY_BYTES];
    struct iam_use is;
};

/* A batch on its way to the disk. */
struct batch {
    struct iam_uses *uses;
    struct arena arena;
    struct mutation mutation;
    struct record_change changes[IAM_USES_MAX];
    size_t count;
};

struct iam_uses {
    pthread_mutex_t lock;
    pthread_cond_t written;
    struct use pending[IAM_USES_MAX];
    size_t count;
    int64_t written_ms; /* when the last batch was handed over */
    struct batch *under_way;
};

struct iam_uses *iam_uses_new(void)
{
    struct iam_uses *uses = calloc(1, sizeof(*uses));
    if (uses == NULL)
        return NULL;
    if (pthread_mutex_init(&uses->lock, NULL) != 0) {
        free(uses);
        return NULL;
    }
    if (pthread_cond_init(&uses->written, NULL) != 0) {
        pthread_mutex_destroy(&uses->lock);
        free(uses);
        return NULL;
    }
    return uses;
}

void iam_uses_free(struct iam_uses *uses)
{
    if (uses == NULL)
        return;
    pthread_cond_destroy(&uses->written);
    pthread_mutex_destroy(&uses->lock);
    free(uses);
}

static struct use *find(struct iam_uses *uses, struct span access_key)
{
    for (size_t i = 0; i < uses->count; i++)
        if (span_eq(access_key, span_of(uses->pending[i].key, IAM_ACCESS_KEY_BYTES)))
            return &uses->pending[i];
    return NULL;
}

static void copy_text(char ret_text[static IAM_USE_TEXT_BYTES + 1], struct span text)
{
    text = span_first(text, IAM_USE_TEXT_BYTES);
    if (text.len > 0)
        memcpy(ret_text, text.ptr, text.len);
    ret_text[text.len] = '\0';
}

static void batch_done(void *ctx, struct mutation *mutation)
{
    struct batch *batch = ctx;
    (void)mutation; /* refused: the keys will be used again */
    struct iam_uses *uses = batch->uses;
    arena_free(&batch->arena);
    pthread_mutex_lock(&uses->lock);
    uses->under_way = NULL;
    pthread_cond_broadcast(&uses->written);
    pthread_mutex_unlock(&uses->lock);
    free(batch);
}

/* Under the lock. NULL: nothing to write, one is under way, or memory ran out. */
static struct batch *make_batch(struct iam_uses *uses)
{
    if (uses->count == 0 || uses->under_way != NULL)
        return NULL;
    struct batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return NULL;
    batch->uses = uses;
    arena_init(&batch->arena, BATCH_ARENA_BYTES);
    for (size_t i = 0; i < uses->count; i++) {
        const struct use *use = &uses->pending[i];
        struct json *json = json_new();
        json_u64(json, "used_ms", (uint64_t)use->is.used_ms);
        json_text(json, "service", span_str(use->is.service));
        json_text(json, "region", span_str(use->is.region));
        batch->changes[batch->count++] = (struct record_change){
            .key = arena_format(&batch->arena, "iam/used/%.*s", IAM_ACCESS_KEY_BYTES, use->key),
            .value = iam_record_text(&batch->arena, json, SPAN_ABSENT)};
    }
    if (batch->arena.overflow) {
        arena_free(&batch->arena);
        free(batch);
        return NULL;
    }
    batch->mutation = (struct mutation){.kind = MUTATION_CHANGE_RECORDS,
        .records = {.changes = batch->changes, .count = batch->count},
        .done = batch_done,
        .done_ctx = batch};
    uses->under_way = batch;
    uses->count = 0;
    return batch;
}

void iam_uses_note(struct iam_uses *uses, struct storage *storage, struct span access_key,
    int64_t now_ms, struct span service, struct span region)
{
    if (access_key.len != IAM_ACCESS_KEY_BYTES)
        return;
    struct batch *batch = NULL;
    pthread_mutex_lock(&uses->lock);
    struct use *use = find(uses, access_key);
    if (use == NULL && uses->count < IAM_USES_MAX) {
        use = &uses->pending[uses->count++];
        memcpy(use->key, access_key.ptr, IAM_ACCESS_KEY_BYTES);
    }
    if (use != NULL) {
        use->is.used_ms = now_ms;
        copy_text(use->is.service, service);
        copy_text(use->is.region, region);
    }
    if (uses->count == IAM_USES_MAX || now_ms - uses->written_ms >= IAM_USES_WRITE_MS) {
        batch = make_batch(uses);
        uses->written_ms = batch != NULL ? now_ms : uses->written_ms;
    }
    pthread_mutex_unlock(&uses->lock);
    if (batch != NULL)
        storage_submit(storage, &batch->mutation);
}

bool iam_uses_get(struct iam_uses *uses, struct span access_key, struct iam_use *ret_use)
{
    pthread_mutex_lock(&uses->lock);
    const struct use *use = find(uses, access_key);
    if (use != NULL)
        *ret_use = use->is;
    pthread_mutex_unlock(&uses->lock);
    return use != NULL;
}

void iam_uses_forget(struct iam_uses *uses, struct span access_key)
{
    pthread_mutex_lock(&uses->lock);
    struct use *use = find(uses, access_key);
    if (use != NULL)
        *use = uses->pending[--uses->count];
    pthread_mutex_unlock(&uses->lock);
}

void iam_uses_flush(struct iam_uses *uses, struct storage *storage)
{
    pthread_mutex_lock(&uses->lock);
    while (uses->under_way != NULL)
        pthread_cond_wait(&uses->written, &uses->lock);
    struct batch *batch = make_batch(uses);
    pthread_mutex_unlock(&uses->lock);
    if (batch == NULL)
        return;
    storage_submit(storage, &batch->mutation);
    pthread_mutex_lock(&uses->lock);
    while (uses->under_way != NULL)
        pthread_cond_wait(&uses->written, &uses->lock);
    pthread_mutex_unlock(&uses->lock);
}
