/* Accounts own buckets and users. The first exists from the start, has the configured root keys, and alone
 * holds system actions. Others have a 12-digit number, a display name, and root keys of their own, which are access keys
 * as a user's (iam.h). All are kept in memory, from the store's records; thread-safe. */
#ifndef DAEMON_ACCOUNTS_H
#define DAEMON_ACCOUNTS_H

#include "base/arena.h"
#include "daemon/iam.h"

struct accounts;

enum {
    ACCOUNTS_MAX = 1000,
    ACCOUNT_NAME_MAX_BYTES = 50, /* src: AWS Organizations, CreateAccount */
    ACCOUNT_ID_DIGITS = 12,
    CANONICAL_ID_BYTES = 64,
};
#define ACCOUNT_ID_END 1000000000000u /* the first number with 13 digits */

struct account {
    uint64_t id;
    char canonical_id[CANONICAL_ID_BYTES + 1];
    char name[ACCOUNT_NAME_MAX_BYTES + 1];
    int64_t created_ms; /* 0 for the first */
};

/* The first account, "root". */
void account_first(struct account *ret_account);

/* Reads what accounts there are. in: storage, iam outlive it. NULL: the store cannot be read, or memory ran out */
struct accounts *accounts_open(struct storage *storage, struct iam *iam);
/* Takes NULL. */
void accounts_free(struct accounts *accounts);

bool accounts_get(struct accounts *accounts, uint64_t id, struct account *ret_account) MUST_USE;
/* By canonical user id, for grants. */
bool accounts_find(
    struct accounts *accounts, struct span canonical_id, struct account *ret_account) MUST_USE;
/* While it is held no account is removed: held from this look at the account to the commit of what will belong to it (a
 * bucket, a user …), which a removal then counts. Waits for a removal that is under way; not to be held twice by a thread.
 * False, and nothing is held: there is no such account any more. accounts NULL: there is the first alone. */
bool accounts_hold(struct accounts *accounts, uint64_t id) MUST_USE;
void accounts_release(struct accounts *accounts);
/* In order of their numbers, those after `after`. Returns how many, at most max. */
size_t accounts_list(
    struct accounts *accounts, uint64_t after, struct account *ret_accounts, size_t max);

/* Makes an account with a pair of root keys. Blocks on the commit.
 * err: ENTITY_EXISTS (the name), LIMIT_EXCEEDED, INVALID_INPUT, and what the store says */
enum iam_err accounts_add(struct accounts *accounts, struct span name, struct arena *arena,
    struct account *ret_account, struct span *ret_access_key, struct span *ret_secret,
    struct span *ret_detail) MUST_USE;
/* err: NO_SUCH_ENTITY; DELETE_CONFLICT while it owns buckets or entities; INVALID_INPUT for the first */
enum iam_err accounts_remove(
    struct accounts *accounts, uint64_t id, struct arena *arena, struct span *ret_detail) MUST_USE;

/* 64 hex digits and a NUL: the same in every installation. */
void account_canonical_of(uint64_t id, char ret_text[static CANONICAL_ID_BYTES + 1]);
/* 12 digits and a NUL. */
void account_digits(uint64_t id, char ret_text[static ACCOUNT_ID_DIGITS + 1]);
/* Exactly 12 digits. */
bool account_parse(struct span text, uint64_t *ret_id) MUST_USE;

#endif
