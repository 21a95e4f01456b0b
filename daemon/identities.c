#include "daemon/identities.h"

#include "base/digest.h"
#include "daemon/accounts.h"
#include "daemon/credentials.h"
#include "daemon/daemon.h"
#include "daemon/identity_make.h"
#include "daemon/log.h"
#include "daemon/revoked_sessions.h"

#include <pthread.h>
#include <stdlib.h>

/* The cache: shards with a lock each, of sets with four places each; in a set the one that was not used for the
 * longest time goes. So looking up is bounded, and takes no memory. */
enum {
    SHARDS = 16,
    WAYS = 4,
    SETS = IDENTITIES_MAX / SHARDS / WAYS,
    SHARD_MAX_BYTES = IDENTITIES_MAX_BYTES / SHARDS,
    SCRATCH_BYTES = 8 * 1024 * 1024,
    NOTE_EVERY_MS = 30 * 1000, /* uses of a key are told to iam.h so often */
};

struct place {
    struct identity_full *identity; /* NULL: free */
    uint64_t used;                  /* the shard's clock when it was last */
};

struct shard {
    pthread_mutex_t lock;
    struct place places[SETS][WAYS];
    uint64_t clock, hits, misses;
    size_t entries, bytes;
};

struct identities {
    struct iam *iam;
    struct vault *vault;
    const struct credentials *credentials;
    struct log *log;
    struct revoked_sessions *revoked; /* NULL: none is */
    struct identity_full *root;       /* of the configured keys */
    struct shard shards[SHARDS];
};

static struct identity_full *make_root(struct identities *identities)
{
    struct identity_full *full = identity_full_new();
    if (full == NULL)
        return NULL;
    struct identity_maker maker = {.log = identities->log, .into = full};
    if (identity_make_root(&maker, ROOT_ACCOUNT_ID) != IAM_OK) {
        identity_unref(&full->is);
        return NULL;
    }
    full->is.is_key = true;
    full->is.access_key = credentials_access_key(identities->credentials);
    return full;
}

struct identities *identities_new(
    struct iam *iam, struct vault *vault, const struct credentials *credentials, struct log *log)
{
    struct identities *identities = calloc(1, sizeof(*identities));
    if (identities == NULL)
        return NULL;
    *identities =
        (struct identities){.iam = iam, .vault = vault, .credentials = credentials, .log = log};
    for (size_t i = 0; i < SHARDS; i++)
        if (pthread_mutex_init(&identities->shards[i].lock, NULL) != 0)
            abort();
    identities->root = make_root(identities);
    if (identities->root == NULL) {
        identities_free(identities);
        return NULL;
    }
    return identities;
}

void identities_set_revoked(struct identities *identities, struct revoked_sessions *revoked)
{
    identities->revoked = revoked;
}

void identities_free(struct identities *identities)
{
    if (identities == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &identities->shards[i];
        for (size_t j = 0; j < (size_t)SETS * WAYS; j++)
            if (shard->places[j / WAYS][j % WAYS].identity != NULL)
                identity_unref(&shard->places[j / WAYS][j % WAYS].identity->is);
        pthread_mutex_destroy(&shard->lock);
    }
    if (identities->root != NULL)
        identity_unref(&identities->root->is);
    free(identities);
}

/* ---- the cache ---- */

/* src: FNV-1a. Ids are random, or do not exist */
static uint64_t hash_of(struct span text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
    return hash ^ (hash >> 32);
}

static struct place *set_of(
    struct identities *identities, struct span access_key, struct shard **ret_shard)
{
    uint64_t hash = hash_of(access_key);
    *ret_shard = &identities->shards[hash % SHARDS];
    return (*ret_shard)->places[hash / SHARDS % SETS];
}

static void drop(struct shard *shard, struct place *place)
{
    shard->entries--;
    shard->bytes -= place->identity->bytes;
    identity_unref(&TAKE(place->identity)->is);
}

/* A reference, or NULL. What is older than the generation goes. */
static struct identity_full *look_up(
    struct identities *identities, struct span access_key, uint64_t generation)
{
    struct shard *shard;
    struct place *set = set_of(identities, access_key, &shard);
    struct identity_full *found = NULL;
    pthread_mutex_lock(&shard->lock);
    for (size_t i = 0; i < WAYS && found == NULL; i++) {
        struct identity_full *here = set[i].identity;
        if (here == NULL || !span_eq(here->is.access_key, access_key))
            continue;
        if (here->generation != generation) {
            drop(shard, &set[i]);
            break;
        }
        set[i].used = ++shard->clock;
        found = here;
        identity_ref(&found->is);
    }
    if (found != NULL)
        shard->hits++;
    else
        shard->misses++;
    pthread_mutex_unlock(&shard->lock);
    return found;
}

/* The one that was not used for the longest time, of so many places; one that is free first. */
static struct place *oldest(struct place *places, size_t count)
{
    struct place *oldest = &places[0];
    for (size_t i = 0; i < count; i++) {
        if (places[i].identity == NULL)
            return &places[i];
        if (places[i].used < oldest->used)
            oldest = &places[i];
    }
    return oldest;
}

/* As oldest, of those that are taken. */
static struct place *oldest_taken(struct shard *shard)
{
    struct place *oldest = NULL, *places = &shard->places[0][0];
    for (size_t i = 0; i < (size_t)SETS * WAYS; i++)
        if (places[i].identity != NULL && (oldest == NULL || places[i].used < oldest->used))
            oldest = &places[i];
    return oldest;
}

static void keep(struct identities *identities, struct identity_full *full)
{
    struct shard *shard;
    struct place *set = set_of(identities, full->is.access_key, &shard);
    if (full->bytes > SHARD_MAX_BYTES)
        return;
    pthread_mutex_lock(&shard->lock);
    struct place *place = NULL;
    for (size_t i = 0; i < WAYS && place == NULL; i++) /* another thread was as quick */
        if (set[i].identity != NULL && span_eq(set[i].identity->is.access_key, full->is.access_key))
            place = &set[i];
    place = place != NULL ? place : oldest(set, WAYS);
    if (place->identity != NULL)
        drop(shard, place);
    while (shard->bytes + full->bytes > SHARD_MAX_BYTES)
        drop(shard, oldest_taken(shard));
    *place = (struct place){full, ++shard->clock};
    identity_ref(&full->is);
    shard->entries++;
    shard->bytes += full->bytes;
    pthread_mutex_unlock(&shard->lock);
}

void identities_stats(struct identities *identities, struct identities_stats *ret_stats)
{
    *ret_stats = (struct identities_stats){0};
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &identities->shards[i];
        pthread_mutex_lock(&shard->lock);
        ret_stats->hits += shard->hits;
        ret_stats->misses += shard->misses;
        ret_stats->entries += shard->entries;
        ret_stats->bytes += shard->bytes;
        pthread_mutex_unlock(&shard->lock);
    }
}

/* ---- resolving ---- */

static enum s3_err answer_of(enum iam_err err)
{
    switch (err) {
    case IAM_OK:
        return S3_OK;
    case IAM_NO_SUCH_ENTITY:
        return S3_ERR_INVALID_ACCESS_KEY_ID;
    case IAM_BUSY:
        return S3_ERR_SLOW_DOWN;
    case IAM_ENTITY_EXISTS:
    case IAM_DELETE_CONFLICT:
    case IAM_LIMIT_EXCEEDED:
    case IAM_INVALID_INPUT:
    case IAM_MALFORMED_POLICY:
    case IAM_NOT_ATTACHABLE:
    case IAM_UNMODIFIABLE:
    case IAM_CONCURRENT_CHANGE:
    case IAM_NO_SPACE:
    case IAM_FAILED:
        break;
    }
    return S3_ERR_INTERNAL;
}

/* The key of a user, or of an account's root. */
static enum iam_err make_by_key(struct identity_maker *maker, struct span access_key)
{
    struct identity_full *full = maker->into;
    struct iam_key key;
    struct iam_entity user;
    uint64_t account;
    enum iam_err err = iam_key_secret(&maker->call, access_key, &key, full->secret);
    if (err != IAM_OK)
        return err;
    full->secret_len = IAM_SECRET_KEY_BYTES;
    full->is_kept_key = true;
    if (!key.active)
        return IAM_NO_SUCH_ENTITY;
    if (key.is_root)
        return identity_make_root(maker, key.account);
    err = iam_get_by_id(&maker->call, key.user_id, &user, &account);
    return err == IAM_OK ? identity_make_user(maker, account, &user) : err;
}

/* Is the key that a user asked for the session with still active, and that user's? The first account's root
 * has its keys from the configuration, where they may be others after a restart. */
static enum iam_err check_maker_key(struct identity_maker *maker,
    const struct credentials *credentials, struct span access_key, struct span user_id)
{
    struct iam_key key;
    uint64_t account;
    if (account_parse(user_id, &account) && account == ROOT_ACCOUNT_ID &&
        span_present(credentials_find(credentials, access_key)))
        return IAM_OK;
    enum iam_err err = iam_key_get(&maker->call, access_key, &key);
    if (err == IAM_OK && (!key.active || !span_eq(key.user_id, user_id)))
        err = IAM_NO_SUCH_ENTITY;
    return err;
}

static enum iam_err make_by_session(struct identity_maker *maker,
    const struct credentials *credentials, const struct session *session)
{
    struct iam_entity entity;
    uint64_t account, of_root;
    enum iam_err err;
    bool is_root = session->kind != SESSION_ASSUMED_ROLE &&
                   account_parse(session->principal_id, &of_root) && of_root == session->account;
    if (span_present(session->made_by)) {
        err = check_maker_key(maker, credentials, session->made_by, session->principal_id);
        if (err != IAM_OK)
            return err;
    }
    if (is_root) {
        err = identity_make_root(maker, session->account);
    } else {
        err = iam_get_by_id(&maker->call, session->principal_id, &entity, &account);
        if (err != IAM_OK)
            return err;
        enum iam_kind wanted = session->kind == SESSION_ASSUMED_ROLE ? IAM_ROLE : IAM_USER;
        if (entity.kind != wanted || account != session->account)
            return IAM_NO_SUCH_ENTITY;
        err = wanted == IAM_ROLE ? identity_make_role(maker, account, &entity, session)
                                 : identity_make_user(maker, account, &entity);
    }
    return err == IAM_OK ? identity_add_session(maker, session) : err;
}

static enum s3_err make_temporary(struct identities *identities, struct identity_maker *maker,
    struct span access_key, struct span token, int64_t now_s)
{
    struct identity_full *full = maker->into;
    struct session session;
    switch (session_open(
        identities->vault, access_key, token, now_s, maker->call.arena, &session, full->secret)) {
    case SESSION_OK:
        break;
    case SESSION_EXPIRED:
        return S3_ERR_EXPIRED_TOKEN;
    case SESSION_INVALID:
        return S3_ERR_INVALID_TOKEN;
    case SESSION_TOO_LARGE:
    case SESSION_FAILED:
        return S3_ERR_INTERNAL;
    }
    full->secret_len = SESSION_SECRET_BYTES;
    full->token = arena_copy(&full->arena, token);
    return answer_of(make_by_session(maker, identities->credentials, &session));
}

/* Resolves it from the store, and keeps it. */
static enum s3_err resolve(struct identities *identities, struct span access_key, struct span token,
    int64_t now_s, uint64_t generation, struct identity_full **ret_full)
{
    struct arena scratch;
    struct identity_full *full = identity_full_new();
    if (full == NULL)
        return S3_ERR_INTERNAL;
    arena_init(&scratch, SCRATCH_BYTES);
    struct identity_maker maker = {
        .log = identities->log, .call = {.iam = identities->iam, .arena = &scratch}, .into = full};
    full->generation = generation;
    full->is.is_key = true;
    full->is.access_key = arena_copy(&full->arena, access_key);
    enum s3_err err = span_starts(access_key, SPAN("ASIA"))
                          ? make_temporary(identities, &maker, access_key, token, now_s)
                          : answer_of(make_by_key(&maker, access_key));
    arena_free(&scratch);
    if (err == S3_OK && full->arena.overflow)
        err = S3_ERR_INTERNAL;
    if (err != S3_OK) {
        identity_unref(&full->is);
        return err;
    }
    identity_finish(full);
    keep(identities, full);
    *ret_full = full;
    return S3_OK;
}

/* What an access key can look like: who guesses others costs no look into the store. */
static bool is_kept_form(struct span access_key)
{
    return access_key.len == IAM_ACCESS_KEY_BYTES &&
           (span_starts(access_key, SPAN("AKIA")) || span_starts(access_key, SPAN("ASIA")));
}

/* A cached one may be used with this token now. */
static enum s3_err check_token(const struct identity_full *full, struct span token, int64_t now_s)
{
    if (!full->is.is_temporary)
        return span_present(token) ? S3_ERR_INVALID_TOKEN : S3_OK;
    if (!span_eq_constant_time(full->token, token))
        return S3_ERR_INVALID_TOKEN;
    return full->is.expires_s <= now_s ? S3_ERR_EXPIRED_TOKEN : S3_OK;
}

enum s3_err identities_find(struct identities *identities, struct span access_key,
    struct span token, int64_t now_s, const struct identity **ret_identity, struct span *ret_secret)
{
    if (revoked_sessions_has(identities->revoked, access_key))
        return S3_ERR_EXPIRED_TOKEN;
    return identities_find_revoked(identities, access_key, token, now_s, ret_identity, ret_secret);
}

enum s3_err identities_find_revoked(struct identities *identities, struct span access_key,
    struct span token, int64_t now_s, const struct identity **ret_identity, struct span *ret_secret)
{
    struct span secret = credentials_find(identities->credentials, access_key);
    if (span_present(secret)) {
        if (span_present(token))
            return S3_ERR_INVALID_TOKEN;
        *ret_identity = identity_ref(&identities->root->is);
        *ret_secret = secret;
        return S3_OK;
    }
    if (identities->iam == NULL || !is_kept_form(access_key) ||
        (span_starts(access_key, SPAN("ASIA")) && !span_present(token)))
        return S3_ERR_INVALID_ACCESS_KEY_ID;
    /* Read before the records are: what changes while it is resolved makes it old at once. */
    uint64_t generation = iam_generation(identities->iam);
    struct identity_full *full = look_up(identities, access_key, generation);
    if (full == NULL)
        TRY(resolve(identities, access_key, token, now_s, generation, &full));
    enum s3_err err = check_token(full, token, now_s);
    if (err != S3_OK) {
        identity_unref(&full->is);
        return err;
    }
    *ret_identity = &full->is;
    *ret_secret = span_of(full->secret, full->secret_len);
    return S3_OK;
}

void identities_used(struct identities *identities, const struct identity *identity, int64_t now_ms,
    struct span service, struct span region)
{
    struct identity_full *full = (struct identity_full *)identity;
    if (!full->is_kept_key || full->is.is_temporary)
        return;
    long long noted_ms = atomic_load_explicit(&full->noted_ms, memory_order_relaxed);
    if (now_ms - noted_ms < NOTE_EVERY_MS ||
        !atomic_compare_exchange_strong(&full->noted_ms, &noted_ms, now_ms))
        return;
    iam_key_used(identities->iam, identity->access_key, now_ms, service, region);
}

/* ---- by ARN ---- */

static enum iam_err make_by_arn(
    struct identity_maker *maker, const struct iam_arn_parts *parts, struct span arn)
{
    static const struct {
        const char *type;
        enum iam_kind kind;
    } kinds[] = {{"user", IAM_USER}, {"group", IAM_GROUP}, {"role", IAM_ROLE}};
    struct iam_entity entity;
    maker->call.account = parts->account;
    if (span_eq(parts->type, SPAN("root")))
        return identity_make_root(maker, parts->account);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!span_eq(parts->type, span_str(kinds[i].type)))
            continue;
        enum iam_err err = iam_get(&maker->call, kinds[i].kind, parts->name, &entity);
        if (err != IAM_OK)
            return err;
        if (!span_eq(entity.arn, arn))
            return IAM_NO_SUCH_ENTITY;
        if (entity.kind == IAM_USER)
            return identity_make_user(maker, parts->account, &entity);
        return entity.kind == IAM_GROUP ? identity_make_group(maker, parts->account, &entity)
                                        : identity_make_role(maker, parts->account, &entity, NULL);
    }
    return IAM_NO_SUCH_ENTITY;
}

enum s3_err identities_by_arn(
    struct identities *identities, struct span arn, const struct identity **ret_identity)
{
    struct iam_arn_parts parts;
    struct arena scratch;
    if (identities->iam == NULL || !iam_arn_split(arn, &parts))
        return S3_ERR_INVALID_ACCESS_KEY_ID;
    struct identity_full *full = identity_full_new();
    if (full == NULL)
        return S3_ERR_INTERNAL;
    arena_init(&scratch, SCRATCH_BYTES);
    struct identity_maker maker = {
        .log = identities->log, .call = {.iam = identities->iam, .arena = &scratch}, .into = full};
    enum s3_err err = answer_of(make_by_arn(&maker, &parts, arn));
    arena_free(&scratch);
    if (err == S3_OK && full->arena.overflow)
        err = S3_ERR_INTERNAL;
    if (err != S3_OK) {
        identity_unref(&full->is);
        return err;
    }
    *ret_identity = &full->is;
    return S3_OK;
}
