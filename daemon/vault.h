/* Secrets at rest, and tokens that others carry: bytes sealed with AES-256-GCM under a keyring. The newest key
 * seals, every key of the ring opens; a sealed run names its key. Thread-safe.
 *
 * The ring comes from the setting secrets_key (LAKEGATE_SECRETS_KEY), else from the systemd credential
 * "secrets.key", else from the file DIR/secrets.key (mode 0600), which is made at first start. It is a list of keys, a line
 * each: 64 hex digits, and the Unix time it was made; the last is the newest. Where it is handed in, commas may stand
 * for line ends. The file ends with a check of what is before it; what does not match is refused. One thread at a time
 * changes it. */
#ifndef DAEMON_VAULT_H
#define DAEMON_VAULT_H

#include "base/buf.h"

struct vault;

enum {
    VAULT_KEY_BYTES = 32,
    VAULT_OVERHEAD_BYTES = 4 + 12 + 16, /* key id, nonce, tag */
    VAULT_KEYS_MAX = 8,
    VAULT_SEALED_MAX_BYTES = 64 * 1024,
    VAULT_ERROR_BYTES = 400,
};

/* in:  dir         the data folder
 *      configured  the ring; absent or empty: the credential, then the file
 * out: ret_vault   untouched on error
 *      ret_error   a line for the user
 * Blocks on the disk. */
bool vault_open(const char *dir, struct span configured, struct vault **ret_vault,
    char ret_error[static VAULT_ERROR_BYTES]) MUST_USE;
/* Wipes the keys. Takes NULL. */
void vault_free(struct vault *vault);

/* Whether the ring was read from DIR/secrets.key, so that it can be rotated there. */
bool vault_is_file(const struct vault *vault);

/* Appends the sealed bytes. what: associated data, the same when opened: a sealed secret is of no use in the place
 * of another. False when memory runs out or plain is over the maximum. */
bool vault_seal(struct vault *vault, struct span what, struct span plain, struct buf *out) MUST_USE;
/* Appends the plain bytes; wipe them. False: unknown key, altered, or sealed as another thing. */
bool vault_unseal(
    struct vault *vault, struct span what, struct span sealed, struct buf *out) MUST_USE;
/* Sealed by another key than the newest. */
bool vault_is_stale(struct vault *vault, struct span sealed);

/* Adds a new key to the ring, in memory and in DIR/secrets.key (synced before it returns). Nothing sealed with it
 * can be on disk before the file has it, so that a crash at any moment leaves a ring that opens everything.
 * err: false: the ring is not from the file, is full, or the file cannot be written */
bool vault_add_key(struct vault *vault, char ret_error[static VAULT_ERROR_BYTES]) MUST_USE;
/* Drops from the file and from memory the keys that sealed nothing in the last keep_s: tokens of theirs are past, and
 * the caller has sealed all records with the newest. A ring that was handed in stays as it is. */
bool vault_drop_old(
    struct vault *vault, int64_t keep_s, char ret_error[static VAULT_ERROR_BYTES]) MUST_USE;

#endif
