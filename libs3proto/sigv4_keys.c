#include "base/encode.h"
#include "sigv4.h"

#include <pthread.h>

enum {
    SECRET_MAX_BYTES = 256,
    IDENTITY_MAX_BYTES = 1024,
    CACHE_SHARDS = 16,
    CACHE_SETS = 16, /* in a shard */
    CACHE_WAYS = 4,  /* in a set */
};

void sigv4_signing_key(struct span secret, struct span date, struct span region,
    struct span service, uint8_t ret_key[static SHA256_BYTES])
{
    static const char prefix[] = "AWS4";
    enum { PREFIX_BYTES = sizeof(prefix) - 1 };
    char first[PREFIX_BYTES + SECRET_MAX_BYTES];
    if (secret.len == 0 || secret.len > SECRET_MAX_BYTES) {
        random_bytes(ret_key, SHA256_BYTES); /* no such secret is issued: nothing may verify */
        return;
    }
    memcpy(first, prefix, PREFIX_BYTES);
    memcpy(first + PREFIX_BYTES, secret.ptr, secret.len);
    const struct span steps[] = {date, region, service, SPAN("aws4_request")};
    struct span key = span_of(first, PREFIX_BYTES + secret.len);
    uint8_t mac[SHA256_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        hmac_sha256(key, steps[i], mac);
        memcpy(ret_key, mac, sizeof(mac));
        key = span_of(ret_key, SHA256_BYTES);
    }
    wipe(first, sizeof(first));
    wipe(mac, sizeof(mac));
}

void sigv4_sign(const uint8_t key[static SHA256_BYTES], struct span string_to_sign,
    char ret_hex[static SIGV4_HEX_BYTES + 1])
{
    uint8_t mac[SHA256_BYTES];
    hmac_sha256(span_of(key, SHA256_BYTES), string_to_sign, mac);
    hex_encode(mac, sizeof(mac), ret_hex);
}

struct cached_key {
    uint8_t identity[SHA256_BYTES]; /* all zero: empty */
    uint8_t key[SHA256_BYTES];
};

struct cache_shard {
    pthread_mutex_t lock;
    unsigned next_way; /* the one to be replaced next */
    struct cached_key keys[CACHE_SETS][CACHE_WAYS];
};

struct sigv4_key_cache {
    struct cache_shard shards[CACHE_SHARDS];
};

struct sigv4_key_cache *sigv4_key_cache_new(void)
{
    struct sigv4_key_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return NULL;
    for (size_t i = 0; i < CACHE_SHARDS; i++)
        if (pthread_mutex_init(&cache->shards[i].lock, NULL) != 0)
            abort(); /* on Linux only attributes can make this fail */
    return cache;
}

void sigv4_key_cache_free(struct sigv4_key_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < CACHE_SHARDS; i++)
        (void)pthread_mutex_destroy(&cache->shards[i].lock);
    wipe(cache, sizeof(*cache));
    free(cache);
}

static bool append_field(uint8_t *identity, size_t *len, struct span field)
{
    if (field.len > UINT8_MAX || *len + 1 + field.len > IDENTITY_MAX_BYTES)
        return false;
    identity[(*len)++] = (uint8_t)field.len;
    if (field.len > 0)
        memcpy(identity + *len, field.ptr, field.len);
    *len += field.len;
    return true;
}

/* Everything that a key depends on, as a digest, so that the cache holds no secret longer than a
 * day's key. The lengths keep fields apart. */
static bool identity_of(
    const struct sigv4_auth *auth, struct span secret, uint8_t ret_identity[static SHA256_BYTES])
{
    uint8_t fields[IDENTITY_MAX_BYTES];
    size_t len = 0;
    bool fits = append_field(fields, &len, auth->access_key) &&
                append_field(fields, &len, secret) && append_field(fields, &len, auth->date) &&
                append_field(fields, &len, auth->region) &&
                append_field(fields, &len, auth->service);
    if (fits)
        sha256_of(span_of(fields, len), ret_identity);
    wipe(fields, len);
    return fits;
}

static struct cached_key *find_key(
    struct cached_key *set, const uint8_t identity[static SHA256_BYTES])
{
    for (size_t i = 0; i < CACHE_WAYS; i++)
        if (memcmp(set[i].identity, identity, SHA256_BYTES) == 0)
            return &set[i];
    return NULL;
}

void sigv4_key_cache_get(struct sigv4_key_cache *cache, const struct sigv4_auth *auth,
    struct span secret, uint8_t ret_key[static SHA256_BYTES])
{
    struct cached_key made;
    if (cache == NULL || !identity_of(auth, secret, made.identity)) {
        sigv4_signing_key(secret, auth->date, auth->region, auth->service, ret_key);
        return;
    }
    struct cache_shard *shard = &cache->shards[made.identity[0] % CACHE_SHARDS];
    struct cached_key *set = shard->keys[made.identity[1] % CACHE_SETS];
    (void)pthread_mutex_lock(&shard->lock);
    const struct cached_key *found = find_key(set, made.identity);
    if (found != NULL)
        memcpy(ret_key, found->key, SHA256_BYTES);
    (void)pthread_mutex_unlock(&shard->lock);
    if (found != NULL)
        return;
    sigv4_signing_key(secret, auth->date, auth->region, auth->service, made.key);
    memcpy(ret_key, made.key, SHA256_BYTES);
    (void)pthread_mutex_lock(&shard->lock);
    if (find_key(set, made.identity) == NULL)
        set[shard->next_way++ % CACHE_WAYS] = made;
    (void)pthread_mutex_unlock(&shard->lock);
    wipe(&made, sizeof(made));
}
