#include "daemon/accounts.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/encode.h"
#include "daemon/daemon.h"
#include "daemon/iam_records.h"

#include <stdio.h>
#include <stdlib.h>

/* All of them in memory, in order of their numbers; `write` is held while one is added or removed. */
struct accounts {
    struct storage *storage;
    struct iam *iam;
    pthread_mutex_t write;
    pthread_rwlock_t
        held; /* by who makes what belongs to an account; to write by who removes one */
    pthread_rwlock_t lock; /* over items and count */
    struct account *items; /* ACCOUNTS_MAX */
    size_t count;
};

/* SHA-256 of "lakegate:root", or of "lakegate:" and the number: the shape that clients expect. */
void account_canonical_of(uint64_t id, char ret_text[static CANONICAL_ID_BYTES + 1])
{
    char text[32];
    uint8_t hash[SHA256_BYTES];
    if (id == ROOT_ACCOUNT_ID)
        snprintf(text, sizeof(text), "lakegate:root");
    else
        snprintf(text, sizeof(text), "lakegate:%012llu", (unsigned long long)id);
    sha256_of(span_str(text), hash);
    hex_encode(hash, sizeof(hash), ret_text);
}

void account_digits(uint64_t id, char ret_text[static ACCOUNT_ID_DIGITS + 1])
{
    for (size_t i = ACCOUNT_ID_DIGITS; i-- > 0; id /= 10)
        ret_text[i] = (char)('0' + id % 10);
    ret_text[ACCOUNT_ID_DIGITS] = '\0';
}

bool account_parse(struct span text, uint64_t *ret_id)
{
    return text.len == ACCOUNT_ID_DIGITS && span_to_u64(text, ret_id);
}

static void keep_name(struct account *account, struct span name)
{
    name = span_first(name, ACCOUNT_NAME_MAX_BYTES);
    memcpy(account->name, name.ptr, name.len);
    account->name[name.len] = '\0';
}

void account_first(struct account *ret_account)
{
    *ret_account = (struct account){.id = ROOT_ACCOUNT_ID};
    account_canonical_of(ROOT_ACCOUNT_ID, ret_account->canonical_id);
    keep_name(ret_account, SPAN("root"));
}

/* ---- records ---- */

static struct span account_key(struct arena *arena, uint64_t id)
{
    return arena_format(arena, "account/%012llu", (unsigned long long)id);
}

/* The highest number that was ever given away: none is given twice, since buckets carry it. */
static struct span highest_key(struct arena *arena)
{
    return arena_copy(arena, SPAN("accounts/highest"));
}

static enum iam_err read_all(struct accounts *accounts, struct iam_call *call)
{
    static const struct span prefix = {"account/", 8};
    struct iam_walk walk;
    enum iam_err err;
    iam_walk_begin(&walk, call, prefix, SPAN_ABSENT);
    for (;;) {
        const struct record_entry *entry;
        struct iam_record record CLEANUP(iam_record_free) = {0};
        err = iam_walk_next(&walk, &entry);
        if (err != IAM_OK || entry == NULL || accounts->count == ACCOUNTS_MAX)
            break;
        struct account account = {0};
        err = iam_record_parse(call, entry, &record);
        if (err != IAM_OK || !account_parse(span_from(entry->key, prefix.len), &account.id))
            break;
        account_canonical_of(account.id, account.canonical_id);
        keep_name(&account, json_node_string(json_node_member(record.json, "name"), SPAN("")));
        account.created_ms = json_node_integer(json_node_member(record.json, "created_ms"), 0);
        accounts->items[accounts->count++] = account;
    }
    iam_walk_end(&walk);
    return err;
}

/* A removal does not wait for ever while others come. */
static bool init_held(pthread_rwlock_t *held)
{
    pthread_rwlockattr_t writers_first;
    if (pthread_rwlockattr_init(&writers_first) != 0)
        return false;
    bool done = pthread_rwlockattr_setkind_np(
                    &writers_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0 &&
                pthread_rwlock_init(held, &writers_first) == 0;
    pthread_rwlockattr_destroy(&writers_first);
    return done;
}

struct accounts *accounts_open(struct storage *storage, struct iam *iam)
{
    struct accounts *accounts = calloc(1, sizeof(*accounts));
    if (accounts == NULL)
        return NULL;
    accounts->storage = storage;
    accounts->iam = iam;
    accounts->items = calloc(ACCOUNTS_MAX, sizeof(*accounts->items));
    if (accounts->items == NULL || pthread_mutex_init(&accounts->write, NULL) != 0 ||
        pthread_rwlock_init(&accounts->lock, NULL) != 0 || !init_held(&accounts->held)) {
        free(accounts->items);
        free(accounts);
        return NULL;
    }
    account_first(&accounts->items[accounts->count++]);
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    struct iam_call call = {.iam = iam, .account = ROOT_ACCOUNT_ID, .arena = &arena};
    enum iam_err err = read_all(accounts, &call);
    arena_free(&arena);
    if (err == IAM_OK)
        return accounts;
    accounts_free(accounts);
    return NULL;
}

void accounts_free(struct accounts *accounts)
{
    if (accounts == NULL)
        return;
    pthread_rwlock_destroy(&accounts->held);
    pthread_rwlock_destroy(&accounts->lock);
    pthread_mutex_destroy(&accounts->write);
    free(accounts->items);
    free(accounts);
}

/* ---- looking up ---- */

/* Under the lock: the first with a number of at least id. */
static size_t at_least(const struct accounts *accounts, uint64_t id)
{
    size_t from = 0, to = accounts->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (accounts->items[middle].id < id)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

bool accounts_get(struct accounts *accounts, uint64_t id, struct account *ret_account)
{
    pthread_rwlock_rdlock(&accounts->lock);
    size_t at = at_least(accounts, id);
    bool found = at < accounts->count && accounts->items[at].id == id;
    if (found)
        *ret_account = accounts->items[at];
    pthread_rwlock_unlock(&accounts->lock);
    return found;
}

bool accounts_hold(struct accounts *accounts, uint64_t id)
{
    struct account account;
    if (accounts == NULL)
        return true;
    pthread_rwlock_rdlock(&accounts->held);
    if (accounts_get(accounts, id, &account))
        return true;
    pthread_rwlock_unlock(&accounts->held);
    return false;
}

void accounts_release(struct accounts *accounts)
{
    if (accounts != NULL)
        pthread_rwlock_unlock(&accounts->held);
}

bool accounts_find(struct accounts *accounts, struct span canonical_id, struct account *ret_account)
{
    bool found = false;
    pthread_rwlock_rdlock(&accounts->lock);
    for (size_t i = 0; i < accounts->count && !found; i++) {
        found = span_eq(span_str(accounts->items[i].canonical_id), canonical_id);
        if (found)
            *ret_account = accounts->items[i];
    }
    pthread_rwlock_unlock(&accounts->lock);
    return found;
}

size_t accounts_list(
    struct accounts *accounts, uint64_t after, struct account *ret_accounts, size_t max)
{
    pthread_rwlock_rdlock(&accounts->lock);
    size_t at = at_least(accounts, after + 1), count = 0;
    while (at < accounts->count && count < max)
        ret_accounts[count++] = accounts->items[at++];
    pthread_rwlock_unlock(&accounts->lock);
    return count;
}

/* ---- adding ---- */

static bool is_name(struct span name)
{
    if (name.len == 0 || name.len > ACCOUNT_NAME_MAX_BYTES || !span_is_utf8(name))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 127)
            return false;
    return true;
}

static bool has_name(const struct accounts *accounts, struct span name)
{
    for (size_t i = 0; i < accounts->count; i++)
        if (span_eq_nocase(span_str(accounts->items[i].name), name))
            return true;
    return false;
}

/* Commits the record and the highest number. */
static enum iam_err make_records(struct iam_call *call, struct account *account, struct span name)
{
    struct iam_record highest CLEANUP(iam_record_free) = {0};
    struct iam_changes changes = {.count = 0};
    struct span key = highest_key(call->arena);
    enum iam_err err = iam_record_read(call, key, &highest);
    if (err != IAM_OK && err != IAM_NO_SUCH_ENTITY)
        return err;
    int64_t last = json_node_integer(json_node_member(highest.json, "id"), ROOT_ACCOUNT_ID);
    *account = (struct account){.id = (uint64_t)last + 1, .created_ms = clock_unix_ms()};
    if (account->id >= ACCOUNT_ID_END)
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "There are no account numbers left");
    account_canonical_of(account->id, account->canonical_id);
    keep_name(account, name);
    struct json *json = json_new(), *number = json_new();
    json_text(json, "name", name);
    json_u64(json, "created_ms", (uint64_t)account->created_ms);
    json_u64(number, "id", account->id);
    iam_change_add(&changes, account_key(call->arena, account->id),
        iam_record_text(call->arena, json, SPAN_ABSENT));
    struct span text = iam_record_text(call->arena, number, SPAN_ABSENT);
    if (highest.json == NULL)
        iam_change_add(&changes, key, text);
    else
        iam_change_set(&changes, key, text, highest.generation);
    return iam_changes_commit(call, &changes);
}

static enum iam_err add(struct accounts *accounts, struct iam_call *call, struct span name,
    struct account *ret_account, struct span *ret_access_key, struct span *ret_secret)
{
    struct account account;
    struct iam_key key;
    if (accounts->count == ACCOUNTS_MAX)
        return iam_fail(
            call, IAM_LIMIT_EXCEEDED, "There are %d accounts, the maximum", ACCOUNTS_MAX);
    if (has_name(accounts, name))
        return iam_fail(
            call, IAM_ENTITY_EXISTS, "An account named %.*s exists already", SPAN_ARG(name));
    IAM_TRY(make_records(call, &account, name));
    pthread_rwlock_wrlock(&accounts->lock);
    accounts->items[accounts->count++] = account; /* its number is the highest */
    pthread_rwlock_unlock(&accounts->lock);
    call->account = account.id;
    IAM_TRY(iam_key_create(call, SPAN_ABSENT, &key, ret_secret));
    *ret_access_key = key.id;
    *ret_account = account;
    return IAM_OK;
}

enum iam_err accounts_add(struct accounts *accounts, struct span name, struct arena *arena,
    struct account *ret_account, struct span *ret_access_key, struct span *ret_secret,
    struct span *ret_detail)
{
    struct iam_call call = {.iam = accounts->iam, .account = ROOT_ACCOUNT_ID, .arena = arena};
    enum iam_err err = IAM_INVALID_INPUT;
    if (is_name(name)) {
        pthread_mutex_lock(&accounts->write);
        err = add(accounts, &call, name, ret_account, ret_access_key, ret_secret);
        pthread_mutex_unlock(&accounts->write);
    } else {
        iam_fail(&call, err, "An account's name has 1 to %d bytes of printable text",
            ACCOUNT_NAME_MAX_BYTES);
    }
    *ret_detail = call.detail;
    return err;
}

/* ---- removing ---- */

static enum iam_err owns_buckets(
    struct accounts *accounts, struct iam_call *call, uint64_t id, bool *ret_any)
{
    struct bucket_page page;
    enum storage_err err =
        storage_bucket_list(accounts->storage, id, SPAN(""), SPAN(""), 1, call->arena, &page);
    if (err != STORAGE_OK)
        return iam_storage_fail(call, err);
    *ret_any = page.count > 0;
    return IAM_OK;
}

static enum iam_err remove_root_keys(struct iam_call *call)
{
    struct iam_key *keys;
    size_t count;
    IAM_TRY(iam_key_list(call, SPAN_ABSENT, &keys, &count));
    for (size_t i = 0; i < count; i++)
        IAM_TRY(iam_key_delete(call, SPAN_ABSENT, keys[i].id));
    return IAM_OK;
}

static enum iam_err remove_account(struct accounts *accounts, struct iam_call *call, uint64_t id)
{
    struct account account;
    struct iam_summary summary;
    bool buckets = false;
    if (id == ROOT_ACCOUNT_ID)
        return iam_fail(call, IAM_INVALID_INPUT, "The first account cannot be removed");
    if (!accounts_get(accounts, id, &account))
        return iam_fail(
            call, IAM_NO_SUCH_ENTITY, "There is no account %012llu", (unsigned long long)id);
    IAM_TRY(owns_buckets(accounts, call, id, &buckets));
    IAM_TRY(iam_summary(call, &summary));
    if (buckets)
        return iam_fail(call, IAM_DELETE_CONFLICT, "The account still owns buckets");
    if (summary.users + summary.groups + summary.roles + summary.policies > 0)
        return iam_fail(
            call, IAM_DELETE_CONFLICT, "The account still has users, groups, roles or policies");
    struct iam_changes changes = {.count = 0};
    IAM_TRY(remove_root_keys(call));
    iam_change_any(&changes, account_key(call->arena, id), SPAN_ABSENT);
    iam_change_any(&changes, iam_record_key(call->arena, id, "root", SPAN("")), SPAN_ABSENT);
    iam_change_any(&changes, iam_record_key(call->arena, id, "counts", SPAN("")), SPAN_ABSENT);
    IAM_TRY(iam_changes_commit(call, &changes));
    pthread_rwlock_wrlock(&accounts->lock);
    size_t at = at_least(accounts, id);
    memmove(&accounts->items[at], &accounts->items[at + 1],
        (accounts->count - at - 1) * sizeof(*accounts->items));
    accounts->count--;
    pthread_rwlock_unlock(&accounts->lock);
    return IAM_OK;
}

enum iam_err accounts_remove(
    struct accounts *accounts, uint64_t id, struct arena *arena, struct span *ret_detail)
{
    struct iam_call call = {.iam = accounts->iam, .account = id, .arena = arena};
    pthread_mutex_lock(&accounts->write);
    pthread_rwlock_wrlock(&accounts->held); /* what it owns is counted, and no more comes */
    enum iam_err err = remove_account(accounts, &call, id);
    pthread_rwlock_unlock(&accounts->held);
    pthread_mutex_unlock(&accounts->write);
    *ret_detail = call.detail;
    return err;
}
