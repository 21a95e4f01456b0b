/* A store in a temporary folder with a vault and what stands on them, for the tests of identities. */
#ifndef TESTS_UNIT_DAEMON_IAM_FIXTURE_H
#define TESTS_UNIT_DAEMON_IAM_FIXTURE_H

#include "daemon/accounts.h"
#include "daemon/credentials.h"
#include "daemon/iam.h"
#include "daemon/identities.h"
#include "daemon/vault.h"
#include "storage/storage_records.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

struct fixture {
    char dir[64];
    struct storage *storage;
    struct vault *vault;
    struct iam *iam;
    struct accounts *accounts;
    struct credentials *credentials;
    struct identities *identities;
    struct arena arena;
    struct iam_call call; /* of the first account */
};

static inline int fixture_remove(
    const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void fixture_open(struct fixture *fixture)
{
    struct storage_options options = {.dir = fixture->dir, .no_background = true};
    char error[VAULT_ERROR_BYTES] = "";
    const char *detail = NULL;
    assert_int_equal(storage_open(&options, &fixture->storage, &detail), STORAGE_OK);
    if (!vault_open(fixture->dir, SPAN_ABSENT, &fixture->vault, error))
        fail_msg("%s", error);
    fixture->iam = iam_new(fixture->storage, fixture->vault, NULL);
    assert_non_null(fixture->iam);
    assert_true(iam_check_vault(fixture->iam, false));
    fixture->accounts = accounts_open(fixture->storage, fixture->iam);
    assert_non_null(fixture->accounts);
    assert_true(credentials_open(fixture->dir, SPAN("rootkey"), SPAN("rootsecret"),
        &fixture->credentials, error, sizeof(error)));
    fixture->identities = identities_new(fixture->iam, fixture->vault, fixture->credentials, NULL);
    assert_non_null(fixture->identities);
    arena_init(&fixture->arena, (size_t)64 * 1024 * 1024);
    fixture->call = (struct iam_call){.iam = fixture->iam, .account = 1, .arena = &fixture->arena};
}

static inline void fixture_close(struct fixture *fixture)
{
    iam_flush(fixture->iam);
    identities_free(fixture->identities);
    credentials_free(fixture->credentials);
    accounts_free(fixture->accounts);
    iam_free(fixture->iam);
    vault_free(fixture->vault);
    storage_close(fixture->storage);
    arena_free(&fixture->arena);
}

static inline void fixture_reopen(struct fixture *fixture)
{
    fixture_close(fixture);
    fixture_open(fixture);
}

static inline int fixture_make(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/lakegate-iam-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

static inline int fixture_drop(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(fixture);
    nftw(fixture->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

/* Fails with the message of the error. */
#define assert_iam(call, expr, expected)                                                           \
    do {                                                                                           \
        enum iam_err err_ = (expr);                                                                \
        if (err_ != (expected))                                                                    \
            fail_msg("%s: %d, not %d: %.*s", #expr, (int)err_, (int)(expected),                    \
                SPAN_ARG(span_present((call)->detail) ? (call)->detail : SPAN("")));               \
    } while (0)

static inline void assert_text(struct span actual, const char *expected)
{
    if (!span_eq(actual, span_str(expected)))
        fail_msg("'%.*s' is not '%s'", SPAN_ARG(actual), expected);
}

static inline void make_entity(struct iam_call *call, enum iam_kind kind, const char *name)
{
    struct iam_new make = {.kind = kind, .name = span_str(name)};
    struct iam_entity entity;
    if (kind == IAM_ROLE)
        make.trust =
            SPAN("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
                 "\"Principal\":{\"AWS\":\"000000000001\"},\"Action\":\"sts:AssumeRole\"}}");
    assert_iam(call, iam_create(call, &make, &entity), IAM_OK);
}

#define READ_ONLY "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
#define ALLOW_GET                                                                                  \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":"                 \
    "\"s3:GetObject\",\"Resource\":\"*\"}]}"
#define DENY_GET                                                                                   \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":"                  \
    "\"s3:GetObject\",\"Resource\":\"*\"}]}"

/* A managed policy of the first account; its ARN in the arena. */
static inline struct span make_policy(struct iam_call *call, const char *name, const char *text)
{
    struct iam_policy_new make = {.name = span_str(name), .text = span_str(text)};
    struct iam_policy policy;
    assert_iam(call, iam_policy_create(call, &make, &policy), IAM_OK);
    return policy.arn;
}

#endif
