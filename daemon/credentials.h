/* The root keys: from the configuration, else made once and kept in DIR/root-credentials, readable
 * by the owner alone. There are no default credentials. Read-only after start, so thread-safe. */
#ifndef DAEMON_CREDENTIALS_H
#define DAEMON_CREDENTIALS_H

#include "base/span.h"

struct credentials;

enum {
    ACCESS_KEY_MIN_BYTES = 3,
    ACCESS_KEY_MAX_BYTES = 128,
    SECRET_KEY_MIN_BYTES = 8,
    SECRET_KEY_MAX_BYTES = 128,
};

/* in:  access_key, secret_key   absent: read or make dir's file. One without the other is an error
 * out: ret_credentials          untouched on error
 *      ret_error                a line for the user, in a buffer of error_bytes
 * Blocks on the disk. */
bool credentials_open(const char *dir, struct span access_key, struct span secret_key,
    struct credentials **ret_credentials, char *ret_error, size_t error_bytes) MUST_USE;
/* Wipes them. Takes NULL. */
void credentials_free(struct credentials *credentials);

struct span credentials_access_key(const struct credentials *credentials);
struct span credentials_secret_key(const struct credentials *credentials);
/* Made at this start: the user has not seen them yet. */
bool credentials_are_new(const struct credentials *credentials);
/* The file they are kept in; absent when they came from the configuration. */
struct span credentials_file(const struct credentials *credentials);

/* The secret of an access key, absent when there is none; compares in constant time. */
struct span credentials_find(const struct credentials *credentials, struct span access_key);

#endif
