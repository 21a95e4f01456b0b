/* Is the key of the secrets the right one, and changing it. */
#include "base/digest.h"
#include "base/encode.h"
#include "daemon/iam_records.h"
#include "daemon/log.h"
#include "daemon/vault.h"

static const struct span sample = {"Lakegate", 8};

static struct span sample_key(struct arena *arena)
{
    return arena_copy(arena, SPAN("iam/vault"));
}

static enum iam_err write_sample(struct iam_call *call)
{
    struct span sealed = SPAN_ABSENT;
    struct iam_changes changes = {.count = 0};
    struct span key = sample_key(call->arena);
    IAM_TRY(iam_seal(call, key, sample, &sealed));
    struct json *json = json_new();
    json_text(json, "sample", sealed);
    iam_change_any(&changes, key, iam_record_text(call->arena, json, SPAN_ABSENT));
    return iam_changes_commit(call, &changes);
}

bool iam_check_vault(struct iam *iam, bool forget)
{
    struct arena arena CLEANUP(arena_free);
    struct iam_record record CLEANUP(iam_record_free) = {0};
    arena_init(&arena, STORAGE_RECORD_VALUE_MAX_BYTES * 4);
    struct iam_call call = {.iam = iam, .account = 1, .arena = &arena};
    enum iam_err err = iam_record_read(&call, sample_key(&arena), &record);
    if (err == IAM_NO_SUCH_ENTITY)
        return write_sample(&call) == IAM_OK;
    if (err != IAM_OK)
        return false;
    char sealed[VAULT_OVERHEAD_BYTES + 64];
    size_t len;
    struct buf plain CLEANUP(buf_free);
    buf_init(&plain, sizeof(sealed));
    bool opens = base64_decode(json_node_string(json_node_member(record.json, "sample"), SPAN("")),
                     sealed, sizeof(sealed), &len) &&
                 vault_unseal(iam->vault, sample_key(&arena), span_of(sealed, len), &plain) &&
                 span_eq(buf_span(&plain), sample);
    return opens || (forget && write_sample(&call) == IAM_OK);
}

/* Seals one record's secret with the newest key. Its content stays, so the generation needs not rise. */
static enum iam_err reseal_key(struct iam_call *call, struct span id, bool *ret_done)
{
    struct iam_key key = {0};
    struct span sealed = SPAN_ABSENT;
    uint64_t generation = 0;
    char secret[IAM_SECRET_KEY_BYTES];
    bool stale;
    *ret_done = false;
    enum iam_err err = iam_key_read(call, id, &key, &sealed, &generation);
    if (err == IAM_NO_SUCH_ENTITY) /* deleted meanwhile */
        return IAM_OK;
    IAM_TRY(err);
    if (!iam_unseal(call, id, sealed, secret, &stale)) { /* of a key that is lost */
        log_message(call->iam->log, LOG_WARNING,
            "the secret of access key %.*s opens with no key of the ring", SPAN_ARG(id));
        return IAM_OK;
    }
    if (stale)
        err = iam_seal(call, id, span_of(secret, sizeof(secret)), &sealed);
    wipe(secret, sizeof(secret));
    if (!stale || err != IAM_OK)
        return err;
    struct iam_changes changes = {.count = 0};
    iam_change_set(
        &changes, iam_key_key(call->arena, id), iam_key_text(call, &key, sealed), generation);
    *ret_done = true;
    return iam_changes_commit(call, &changes);
}

static enum iam_err reseal_all(struct iam_call *call, size_t *ret_count)
{
    static const struct span prefix = {"iam/key/", 8};
    struct iam_walk walk;
    enum iam_err err = IAM_OK;
    size_t count = 0;
    iam_walk_begin(&walk, call, prefix, SPAN_ABSENT);
    for (;;) {
        const struct record_entry *entry;
        bool done = false;
        err = iam_walk_next(&walk, &entry);
        if (err != IAM_OK || entry == NULL)
            break;
        struct arena arena; /* of one key: there may be ten thousand */
        arena_init(&arena, STORAGE_RECORD_VALUE_MAX_BYTES * 4);
        struct iam_call one = {.iam = call->iam, .account = call->account, .arena = &arena};
        pthread_mutex_lock(&call->iam->lock);
        err = reseal_key(&one, span_from(entry->key, prefix.len), &done);
        pthread_mutex_unlock(&call->iam->lock);
        call->detail = arena_copy(call->arena, one.detail);
        arena_free(&arena);
        if (err != IAM_OK)
            break;
        count += done;
    }
    iam_walk_end(&walk);
    *ret_count = count;
    return err == IAM_OK ? write_sample(call) : err;
}

static enum iam_err rotate(struct iam_call *call, int64_t keep_s, const struct iam_reseal *others,
    size_t other_count, struct iam_rotation *rotation)
{
    struct vault *vault = call->iam->vault;
    char error[VAULT_ERROR_BYTES];
    rotation->new_key = vault_is_file(vault);
    if (rotation->new_key && !vault_add_key(vault, error))
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "%s", error);
    IAM_TRY(reseal_all(call, &rotation->sealed));
    for (size_t i = 0; i < other_count; i++)
        if (!others[i].run(others[i].ctx, &rotation->sealed))
            return iam_fail(call, IAM_FAILED, "Not all secrets could be sealed anew; try again");
    if (!vault_drop_old(vault, keep_s, error))
        return iam_fail(call, IAM_FAILED, "%s", error);
    return IAM_OK;
}

enum iam_err iam_rotate(struct iam_call *call, int64_t keep_s, const struct iam_reseal *others,
    size_t other_count, struct iam_rotation *ret_rotation)
{
    *ret_rotation = (struct iam_rotation){.new_key = false};
    pthread_mutex_lock(&call->iam->rotating);
    enum iam_err err = rotate(call, keep_s, others, other_count, ret_rotation);
    pthread_mutex_unlock(&call->iam->rotating);
    return err;
}
