/* Access keys: of users, and of accounts' roots. The secret is sealed with the key's id as associated data. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/encode.h"
#include "daemon/iam_records.h"
#include "daemon/iam_uses.h"
#include "daemon/key_text.h"
#include "daemon/log.h"
#include "daemon/vault.h"

enum { SEALED_BYTES = IAM_SECRET_KEY_BYTES + VAULT_OVERHEAD_BYTES };

static enum iam_err no_such_key(struct iam_call *call, struct span id)
{
    return iam_fail(call, IAM_NO_SUCH_ENTITY, "The Access Key with id %.*s cannot be found.",
        SPAN_ARG(span_first(id, IAM_NAME_MAX_BYTES)));
}

struct span iam_key_key(struct arena *arena, struct span id)
{
    return arena_format(arena, "iam/key/%.*s", SPAN_ARG(id));
}

static struct span used_key(struct arena *arena, struct span id)
{
    return arena_format(arena, "iam/used/%.*s", SPAN_ARG(id));
}

static struct span account_text(struct arena *arena, uint64_t account)
{
    return arena_format(arena, "%012llu", (unsigned long long)account);
}

/* ---- the keys that a user, or an account's root, has ---- */

struct owner {
    bool is_root;
    struct iam_entity user;  /* when it is not */
    const struct span *keys; /* ids */
    size_t count;
    uint64_t generation; /* of root's record; 0: there is none yet */
};

static enum iam_err read_owner(struct iam_call *call, struct span user, struct owner *ret_owner)
{
    struct owner owner = {.is_root = !span_present(user)};
    if (!owner.is_root) {
        IAM_TRY(iam_entity_read(call, IAM_USER, user, &owner.user));
        owner.keys = owner.user.key_ids;
        owner.count = owner.user.key_count;
        *ret_owner = owner;
        return IAM_OK;
    }
    struct iam_record record CLEANUP(iam_record_free) = {0};
    enum iam_err err = iam_record_read(
        call, iam_record_key(call->arena, call->account, "root", SPAN("")), &record);
    if (err == IAM_OK) {
        owner.count =
            iam_member_texts(call->arena, record.json, "keys", IAM_ACCESS_KEYS_MAX, &owner.keys);
        owner.generation = record.generation;
    } else if (err != IAM_NO_SUCH_ENTITY) {
        return err;
    }
    *ret_owner = owner;
    return IAM_OK;
}

static void change_owner(struct iam_call *call, struct iam_changes *changes, struct owner *owner,
    const struct span *keys, size_t count)
{
    if (!owner->is_root) {
        owner->user.key_ids = keys;
        owner->user.key_count = count;
        iam_entity_change(call, changes, &owner->user);
        return;
    }
    struct json *json = json_new();
    json_texts(json, "keys", keys, count);
    struct span key = iam_record_key(call->arena, call->account, "root", SPAN(""));
    struct span text = iam_record_text(call->arena, json, SPAN_ABSENT);
    if (owner->generation == 0)
        iam_change_add(changes, key, text);
    else
        iam_change_set(changes, key, text, owner->generation);
}

/* ---- the record of a key ---- */

struct span iam_key_text(
    struct iam_call *call, const struct iam_key *key, struct span sealed_base64)
{
    struct json *json = json_new();
    json_u64(json, "account", key->account);
    if (!key->is_root)
        json_text(json, "user", key->user_id);
    json_bool(json, "active", key->active);
    json_u64(json, "created_ms", (uint64_t)key->created_ms);
    json_text(json, "secret", sealed_base64);
    return iam_record_text(call->arena, json, SPAN_ABSENT);
}

enum iam_err iam_key_read(struct iam_call *call, struct span id, struct iam_key *ret_key,
    struct span *ret_sealed, uint64_t *ret_generation)
{
    struct iam_record record CLEANUP(iam_record_free) = {0};
    if (id.len != IAM_ACCESS_KEY_BYTES)
        return no_such_key(call, id);
    enum iam_err err = iam_record_read(call, iam_key_key(call->arena, id), &record);
    if (err == IAM_NO_SUCH_ENTITY)
        return no_such_key(call, id);
    IAM_TRY(err);
    struct iam_key key = {.id = arena_copy(call->arena, id),
        .user_id = iam_member(call->arena, record.json, "user"),
        .account = (uint64_t)json_node_integer(json_node_member(record.json, "account"), 0),
        .active = json_node_bool(json_node_member(record.json, "active"), false),
        .created_ms = json_node_integer(json_node_member(record.json, "created_ms"), 0)};
    key.is_root = !span_present(key.user_id);
    if (key.is_root)
        key.user_id = account_text(call->arena, key.account);
    *ret_sealed = iam_member(call->arena, record.json, "secret");
    *ret_generation = record.generation;
    if (call->arena->overflow)
        return iam_no_memory(call);
    *ret_key = key;
    return IAM_OK;
}

static enum iam_err fill_used(struct iam_call *call, struct iam_key *key)
{
    struct iam_use use;
    if (iam_uses_get(call->iam->uses, key->id, &use)) {
        key->used_ms = use.used_ms;
        key->used_service = arena_copy(call->arena, span_str(use.service));
        key->used_region = arena_copy(call->arena, span_str(use.region));
        return IAM_OK;
    }
    struct iam_record record CLEANUP(iam_record_free) = {0};
    enum iam_err err = iam_record_read(call, used_key(call->arena, key->id), &record);
    if (err == IAM_NO_SUCH_ENTITY)
        return IAM_OK;
    IAM_TRY(err);
    key->used_ms = json_node_integer(json_node_member(record.json, "used_ms"), 0);
    key->used_service = iam_member(call->arena, record.json, "service");
    key->used_region = iam_member(call->arena, record.json, "region");
    return IAM_OK;
}

enum iam_err iam_key_get(struct iam_call *call, struct span id, struct iam_key *ret_key)
{
    struct iam_key key = {0};
    struct span sealed = SPAN_ABSENT;
    uint64_t generation = 0;
    IAM_TRY(iam_key_read(call, id, &key, &sealed, &generation));
    if (!key.is_root) {
        struct iam_entity user;
        enum iam_err err = iam_get_by_id(call, key.user_id, &user, NULL);
        if (err == IAM_NO_SUCH_ENTITY)
            return no_such_key(call, id);
        IAM_TRY(err);
        key.user_name = user.name;
    }
    IAM_TRY(fill_used(call, &key));
    *ret_key = key;
    return IAM_OK;
}

enum iam_err iam_key_list(
    struct iam_call *call, struct span user, struct iam_key **ret_keys, size_t *ret_count)
{
    struct owner owner = {0};
    IAM_TRY(read_owner(call, user, &owner));
    struct iam_key *keys = arena_array(call->arena, struct iam_key, IAM_ACCESS_KEYS_MAX);
    if (keys == NULL)
        return iam_no_memory(call);
    size_t count = 0;
    for (size_t i = 0; i < owner.count; i++) {
        enum iam_err err = iam_key_get(call, owner.keys[i], &keys[count]);
        if (err == IAM_OK)
            count++;
        else if (err != IAM_NO_SUCH_ENTITY)
            return err;
    }
    *ret_keys = keys;
    *ret_count = count;
    return IAM_OK;
}

/* ---- sealing ---- */

/* base64 of the sealed secret, in the arena. */
enum iam_err iam_seal(
    struct iam_call *call, struct span id, struct span secret, struct span *ret_sealed)
{
    struct buf sealed CLEANUP(buf_free), text CLEANUP(buf_free);
    buf_init(&sealed, VAULT_SEALED_MAX_BYTES);
    buf_init(&text, VAULT_SEALED_MAX_BYTES);
    if (!vault_seal(call->iam->vault, id, secret, &sealed))
        return iam_no_memory(call);
    base64_encode(&text, buf_span(&sealed));
    *ret_sealed = buf_ok(&text) ? arena_copy(call->arena, buf_span(&text)) : SPAN_ABSENT;
    return span_present(*ret_sealed) ? IAM_OK : iam_no_memory(call);
}

bool iam_unseal(struct iam_call *call, struct span id, struct span sealed_base64,
    char ret_secret[static IAM_SECRET_KEY_BYTES], bool *ret_stale)
{
    char sealed[SEALED_BYTES];
    size_t len;
    struct buf plain CLEANUP(buf_free);
    buf_init(&plain, SEALED_BYTES);
    if (!base64_decode(sealed_base64, sealed, sizeof(sealed), &len) ||
        !vault_unseal(call->iam->vault, id, span_of(sealed, len), &plain) ||
        plain.len != IAM_SECRET_KEY_BYTES)
        return false;
    memcpy(ret_secret, plain.ptr, IAM_SECRET_KEY_BYTES);
    wipe(plain.ptr, plain.len);
    *ret_stale = vault_is_stale(call->iam->vault, span_of(sealed, len));
    return true;
}

enum iam_err iam_key_secret(struct iam_call *call, struct span id, struct iam_key *ret_key,
    char ret_secret[static IAM_SECRET_KEY_BYTES])
{
    struct span sealed = SPAN_ABSENT;
    uint64_t generation = 0;
    bool stale;
    IAM_TRY(iam_key_read(call, id, ret_key, &sealed, &generation));
    if (iam_unseal(call, id, sealed, ret_secret, &stale))
        return IAM_OK;
    log_message(call->iam->log, LOG_ERROR,
        "the secret of access key %.*s does not open with the secrets key", SPAN_ARG(id));
    return no_such_key(call, id);
}

/* ---- changing ---- */

static enum iam_err create_key(
    struct iam_call *call, struct span user, struct iam_key *ret_key, struct span *ret_secret)
{
    struct owner owner = {0};
    struct iam_changes changes = {.count = 0};
    char secret[IAM_SECRET_KEY_BYTES + 1];
    IAM_TRY(read_owner(call, user, &owner));
    if (owner.count >= IAM_ACCESS_KEYS_MAX)
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for AccessKeysPerUser: %d",
            IAM_ACCESS_KEYS_MAX);
    struct iam_key key = {.id = iam_make_id(call->arena, "AKIA"),
        .user_id = owner.is_root ? account_text(call->arena, call->account) : owner.user.id,
        .user_name = owner.user.name,
        .account = call->account,
        .active = true,
        .is_root = owner.is_root,
        .created_ms = clock_unix_ms()};
    struct span *keys = arena_array(call->arena, struct span, owner.count + 1);
    struct span sealed = SPAN_ABSENT;
    if (keys == NULL)
        return iam_no_memory(call);
    for (size_t i = 0; i < owner.count; i++)
        keys[i] = owner.keys[i];
    keys[owner.count] = key.id;
    key_text_secret(secret, IAM_SECRET_KEY_BYTES);
    struct span copy = arena_copy(call->arena, span_of(secret, IAM_SECRET_KEY_BYTES));
    wipe(secret, sizeof(secret));
    IAM_TRY(iam_seal(call, key.id, copy, &sealed));
    change_owner(call, &changes, &owner, keys, owner.count + 1);
    iam_change_add(&changes, iam_key_key(call->arena, key.id), iam_key_text(call, &key, sealed));
    IAM_TRY(iam_changes_commit(call, &changes));
    *ret_key = key;
    *ret_secret = copy;
    return IAM_OK;
}

enum iam_err iam_key_create(
    struct iam_call *call, struct span user, struct iam_key *ret_key, struct span *ret_secret)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = create_key(call, user, ret_key, ret_secret);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

/* The owner's key with this id, and where it stands among the others. */
static enum iam_err find_key(struct iam_call *call, struct span user, struct span id,
    struct owner *ret_owner, size_t *ret_at)
{
    IAM_TRY(read_owner(call, user, ret_owner));
    for (size_t i = 0; i < ret_owner->count; i++)
        if (span_eq(ret_owner->keys[i], id)) {
            *ret_at = i;
            return IAM_OK;
        }
    return no_such_key(call, id);
}

static enum iam_err set_active(struct iam_call *call, struct span user, struct span id, bool active)
{
    struct owner owner = {0};
    struct iam_key key = {0};
    struct span sealed = SPAN_ABSENT;
    size_t at = 0;
    uint64_t generation = 0;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(find_key(call, user, id, &owner, &at));
    IAM_TRY(iam_key_read(call, id, &key, &sealed, &generation));
    key.active = active;
    iam_change_set(
        &changes, iam_key_key(call->arena, id), iam_key_text(call, &key, sealed), generation);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_key_set_active(
    struct iam_call *call, struct span user, struct span id, bool active)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = set_active(call, user, id, active);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

static enum iam_err delete_key(struct iam_call *call, struct span user, struct span id)
{
    struct owner owner = {0};
    size_t at = 0, left = 0;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(find_key(call, user, id, &owner, &at));
    struct span keys[IAM_ACCESS_KEYS_MAX];
    for (size_t i = 0; i < owner.count; i++)
        if (i != at)
            keys[left++] = owner.keys[i];
    change_owner(call, &changes, &owner, keys, left);
    iam_change_any(&changes, iam_key_key(call->arena, id), SPAN_ABSENT);
    iam_change_any(&changes, used_key(call->arena, id), SPAN_ABSENT);
    iam_uses_forget(call->iam->uses, id);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_key_delete(struct iam_call *call, struct span user, struct span id)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = delete_key(call, user, id);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

void iam_key_used(
    struct iam *iam, struct span id, int64_t now_ms, struct span service, struct span region)
{
    iam_uses_note(iam->uses, iam->storage, id, now_ms, service, region);
}

void iam_flush(struct iam *iam)
{
    iam_uses_flush(iam->uses, iam->storage);
}
