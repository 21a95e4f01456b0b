#include "daemon/vault.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/digest.h"
#include "base/encode.h"
#include "daemon/private_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ID_BYTES = 4, LINE_MAX_BYTES = 2 * VAULT_KEY_BYTES + 24 };

struct key {
    uint8_t bytes[VAULT_KEY_BYTES];
    uint8_t id[ID_BYTES]; /* of its digest, so that two keys are never taken for one */
    uint64_t created_s;   /* Unix; 0: not said */
};

struct vault {
    pthread_rwlock_t lock; /* over keys and count: rotation changes them */
    struct key keys[VAULT_KEYS_MAX];
    size_t count; /* at least 1: the last seals */
    char dir[PRIVATE_FILE_PATH_BYTES];
    char path[PRIVATE_FILE_PATH_BYTES]; /* "": not from the file */
};

static void set_id(struct key *key)
{
    struct digest digest;
    uint8_t hash[DIGEST_MAX_BYTES];
    if (!digest_init(&digest, DIGEST_SHA256))
        abort();
    digest_update(&digest, SPAN("lakegate secrets key"));
    digest_update(&digest, span_of(key->bytes, sizeof(key->bytes)));
    digest_final(&digest, hash);
    digest_free(&digest);
    memcpy(key->id, hash, ID_BYTES);
}

/* "HEX", "HEX CREATED" */
static bool parse_key(struct span line, struct key *ret_key)
{
    struct key key = {.created_s = 0};
    struct span rest = span_from(line, (size_t)2 * VAULT_KEY_BYTES);
    struct span created = span_trim(rest);
    bool good =
        (rest.len == 0 || rest.ptr[0] == ' ') &&
        hex_decode(span_first(line, (size_t)2 * VAULT_KEY_BYTES), key.bytes, sizeof(key.bytes)) &&
        (created.len == 0 || span_to_u64(created, &key.created_s));
    if (good) {
        set_id(&key);
        *ret_key = key;
    }
    wipe(&key, sizeof(key));
    return good;
}

/* CRC32C of all before the last line. A flipped bit could make another key, or a comment of one that older secrets and
 * tokens are sealed with. */
#define CHECK_LINE "# check = "
enum { CHECK_BYTES = 8 + 1 };

static void check_text(struct span text, char ret_text[static CHECK_BYTES])
{
    snprintf(ret_text, CHECK_BYTES, "%08x", crc32c_update(0, text));
}

/* A ring that somebody has written may have no such line. */
static bool check_holds(struct span text)
{
    char expected[CHECK_BYTES];
    struct span rest = text, line, last = SPAN_ABSENT;
    while (span_split(&rest, '\n', &line))
        if (line.len > 0)
            last = line;
    if (!span_starts(last, SPAN(CHECK_LINE)))
        return true;
    check_text(span_first(text, (size_t)(last.ptr - text.ptr)), expected);
    return span_eq(span_from(last, strlen(CHECK_LINE)), span_str(expected));
}

/* Lines, or a list with commas, as an environment variable has it. */
static const char *parse_ring(struct vault *vault, struct span text)
{
    struct span line, part;
    if (!check_holds(text))
        return "it does not match its check: it is damaged, or was edited; if it is right, remove "
               "the line \"# check\"";
    while (span_split(&text, '\n', &line)) {
        if (span_starts(span_trim(line), SPAN("#")))
            continue;
        while (span_split(&line, ',', &part)) {
            part = span_trim(part);
            if (span_ends(part, SPAN("\r")))
                part.len--;
            if (part.len == 0)
                continue;
            if (vault->count == VAULT_KEYS_MAX)
                return "there are more than 8 keys";
            if (!parse_key(part, &vault->keys[vault->count]))
                return "a key is 64 hexadecimal digits (openssl rand -hex 32)";
            vault->count++;
        }
    }
    return vault->count == 0 ? "there is no key in it" : NULL;
}

static bool write_ring(const struct vault *vault, const struct key *keys, size_t count)
{
    char text[256 + VAULT_KEYS_MAX * LINE_MAX_BYTES];
    int len = snprintf(text, sizeof(text),
        "# What secrets in this store are sealed with: hex, time made; the last is in use.\n"
        "# Without it no access key opens any more. Keep it secret, and keep a copy elsewhere.\n");
    for (size_t i = 0; i < count; i++) {
        char hex[2 * VAULT_KEY_BYTES + 1];
        hex_encode(keys[i].bytes, VAULT_KEY_BYTES, hex);
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s %llu\n", hex,
            (unsigned long long)keys[i].created_s);
        wipe(hex, sizeof(hex));
    }
    char check[CHECK_BYTES];
    check_text(span_of(text, (size_t)len), check);
    len += snprintf(text + len, sizeof(text) - (size_t)len, CHECK_LINE "%s\n", check);
    bool done = private_file_write(vault->dir, vault->path, span_of(text, (size_t)len));
    wipe(text, sizeof(text));
    return done;
}

static void make_key(struct key *ret_key)
{
    random_bytes(ret_key->bytes, sizeof(ret_key->bytes));
    ret_key->created_s = (uint64_t)(clock_unix_ms() / 1000);
    set_id(ret_key);
}

static bool from_text(struct vault *vault, const char *where, struct span text,
    char ret_error[static VAULT_ERROR_BYTES])
{
    const char *wrong = parse_ring(vault, text);
    if (wrong != NULL)
        snprintf(ret_error, VAULT_ERROR_BYTES, "the secrets key in %.200s: %s", where, wrong);
    return wrong == NULL;
}

static bool from_file(struct vault *vault, char ret_error[static VAULT_ERROR_BYTES])
{
    char text[PRIVATE_FILE_MAX_BYTES];
    size_t len = 0;
    switch (private_file_read(vault->path, true, text, &len, ret_error, VAULT_ERROR_BYTES)) {
    case PRIVATE_FILE_REFUSED:
        return false;
    case PRIVATE_FILE_READ: {
        bool good = from_text(vault, vault->path, span_of(text, len), ret_error);
        wipe(text, sizeof(text));
        return good;
    }
    case PRIVATE_FILE_ABSENT:
        break;
    }
    make_key(&vault->keys[0]);
    vault->count = 1;
    if (write_ring(vault, vault->keys, 1))
        return true;
    snprintf(
        ret_error, VAULT_ERROR_BYTES, "%.200s cannot be written: %s", vault->path, strerror(errno));
    return false;
}

/* The credential that systemd hands in (LoadCredential=secrets.key:…).
 * src: systemd.exec(5), "CREDENTIALS_DIRECTORY" */
static bool from_credential(
    struct vault *vault, bool *ret_found, char ret_error[static VAULT_ERROR_BYTES])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    *ret_found = false;
    if (folder == NULL || folder[0] == '\0')
        return true;
    char path[PRIVATE_FILE_PATH_BYTES], text[PRIVATE_FILE_MAX_BYTES];
    size_t len = 0;
    snprintf(path, sizeof(path), "%s/secrets.key", folder);
    enum private_file found =
        private_file_read(path, false, text, &len, ret_error, VAULT_ERROR_BYTES);
    if (found == PRIVATE_FILE_ABSENT)
        return true;
    *ret_found = true;
    bool good = found == PRIVATE_FILE_READ && from_text(vault, path, span_of(text, len), ret_error);
    wipe(text, sizeof(text));
    return good;
}

bool vault_open(const char *dir, struct span configured, struct vault **ret_vault,
    char ret_error[static VAULT_ERROR_BYTES])
{
    struct vault *vault = calloc(1, sizeof(*vault));
    if (vault == NULL || pthread_rwlock_init(&vault->lock, NULL) != 0) {
        free(vault);
        snprintf(ret_error, VAULT_ERROR_BYTES, "out of memory");
        return false;
    }
    bool done, found = false;
    if (configured.len > 0) {
        done = from_text(vault, "the configuration", configured, ret_error);
    } else {
        done = from_credential(vault, &found, ret_error);
        if (done && !found) {
            snprintf(vault->dir, sizeof(vault->dir), "%s", dir);
            int len = snprintf(vault->path, sizeof(vault->path), "%s/secrets.key", dir);
            done = len > 0 && (size_t)len < sizeof(vault->path);
            if (!done)
                snprintf(ret_error, VAULT_ERROR_BYTES, "the data folder's path is too long");
            done = done && from_file(vault, ret_error);
        }
    }
    if (done)
        *ret_vault = vault;
    else
        vault_free(vault);
    return done;
}

void vault_free(struct vault *vault)
{
    if (vault == NULL)
        return;
    pthread_rwlock_destroy(&vault->lock);
    wipe(vault, sizeof(*vault));
    free(vault);
}

bool vault_is_file(const struct vault *vault)
{
    return vault->path[0] != '\0';
}

/* A copy, so that no lock is held while sealing; wipe it. */
static void newest_key(struct vault *vault, struct key *ret_key)
{
    pthread_rwlock_rdlock(&vault->lock);
    *ret_key = vault->keys[vault->count - 1];
    pthread_rwlock_unlock(&vault->lock);
}

static bool find_key(struct vault *vault, struct span id, struct key *ret_key)
{
    bool found = false;
    pthread_rwlock_rdlock(&vault->lock);
    for (size_t i = vault->count; i-- > 0 && !found;) {
        found = span_eq(id, span_of(vault->keys[i].id, ID_BYTES));
        if (found)
            *ret_key = vault->keys[i];
    }
    pthread_rwlock_unlock(&vault->lock);
    return found;
}

bool vault_seal(struct vault *vault, struct span what, struct span plain, struct buf *out)
{
    if (plain.len > VAULT_SEALED_MAX_BYTES - VAULT_OVERHEAD_BYTES)
        return false;
    char *room = buf_reserve(out, plain.len + VAULT_OVERHEAD_BYTES);
    if (room == NULL)
        return false;
    struct key key;
    newest_key(vault, &key);
    uint8_t nonce[GCM_NONCE_BYTES];
    random_bytes(nonce, sizeof(nonce));
    memcpy(room, key.id, ID_BYTES);
    memcpy(room + ID_BYTES, nonce, sizeof(nonce));
    bool sealed =
        gcm_seal(key.bytes, nonce, what, plain, (uint8_t *)room + ID_BYTES + sizeof(nonce));
    wipe(&key, sizeof(key));
    if (sealed)
        buf_commit(out, plain.len + VAULT_OVERHEAD_BYTES);
    return sealed;
}

bool vault_unseal(struct vault *vault, struct span what, struct span sealed, struct buf *out)
{
    if (sealed.len < VAULT_OVERHEAD_BYTES || sealed.len > VAULT_SEALED_MAX_BYTES)
        return false;
    size_t plain_len = sealed.len - VAULT_OVERHEAD_BYTES;
    struct key key;
    char *room = buf_reserve(out, plain_len + 1); /* never nothing */
    if (room == NULL || !find_key(vault, span_first(sealed, ID_BYTES), &key))
        return false;
    uint8_t nonce[GCM_NONCE_BYTES];
    memcpy(nonce, sealed.ptr + ID_BYTES, sizeof(nonce));
    bool opened = gcm_open(
        key.bytes, nonce, what, span_from(sealed, ID_BYTES + sizeof(nonce)), (uint8_t *)room);
    wipe(&key, sizeof(key));
    if (opened)
        buf_commit(out, plain_len);
    return opened;
}

bool vault_is_stale(struct vault *vault, struct span sealed)
{
    struct key key;
    newest_key(vault, &key);
    bool stale = !span_eq(span_first(sealed, ID_BYTES), span_of(key.id, ID_BYTES));
    wipe(&key, sizeof(key));
    return stale;
}

/* Writes the ring as it will be, then has it so: what is sealed with a key, the file has already. */
static bool replace_ring(struct vault *vault, const struct key *keys, size_t count,
    char ret_error[static VAULT_ERROR_BYTES])
{
    if (!write_ring(vault, keys, count)) {
        snprintf(ret_error, VAULT_ERROR_BYTES, "%.200s cannot be written: %s", vault->path,
            strerror(errno));
        return false;
    }
    pthread_rwlock_wrlock(&vault->lock);
    memcpy(vault->keys, keys, count * sizeof(*keys));
    vault->count = count;
    pthread_rwlock_unlock(&vault->lock);
    return true;
}

bool vault_add_key(struct vault *vault, char ret_error[static VAULT_ERROR_BYTES])
{
    if (!vault_is_file(vault)) {
        snprintf(
            ret_error, VAULT_ERROR_BYTES, "the key was handed in: hand in a new one behind it");
        return false;
    }
    struct key keys[VAULT_KEYS_MAX];
    size_t count = vault->count;
    if (count == VAULT_KEYS_MAX) {
        snprintf(ret_error, VAULT_ERROR_BYTES,
            "there are %d keys already: sessions of the older ones are still valid",
            VAULT_KEYS_MAX);
        return false;
    }
    memcpy(keys, vault->keys, count * sizeof(*keys));
    make_key(&keys[count]);
    bool done = replace_ring(vault, keys, count + 1, ret_error);
    wipe(keys, sizeof(keys));
    return done;
}

bool vault_drop_old(struct vault *vault, int64_t keep_s, char ret_error[static VAULT_ERROR_BYTES])
{
    if (!vault_is_file(vault))
        return true;
    struct key keys[VAULT_KEYS_MAX];
    size_t count = 0;
    int64_t now_s = clock_unix_ms() / 1000;
    for (size_t i = 0; i < vault->count; i++) {
        /* It sealed until the next was made. */
        bool last = i + 1 == vault->count;
        if (last || (int64_t)vault->keys[i + 1].created_s + keep_s > now_s)
            keys[count++] = vault->keys[i];
    }
    bool done = count == vault->count || replace_ring(vault, keys, count, ret_error);
    wipe(keys, sizeof(keys));
    return done;
}
