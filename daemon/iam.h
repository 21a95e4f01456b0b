/* Who there is: users, groups, roles, managed and inline policies, access keys, kept as records of the store
 * (docs/FORMAT.md). Everything that IAM's and STS's actions need, without their XML: checks of names and
 * sizes, AWS's quotas, what stands in the way of a delete, and the compiling of every policy before it is kept.
 *
 * A call takes a struct iam_call: account, the caller's arena, and room for the message of an error. Results
 * live as long as the arena. Reads do not block and may run on I/O threads; changes commit and block. Thread-safe:
 * changes run one after the other under one lock, and carry expectations on what they have read. Each change
 * raises the generation, so that resolved identities of before it are resolved anew (identities.h).
 *
 * src: IAM API Reference; IAM User Guide, "IAM and AWS STS quotas" */
#ifndef DAEMON_IAM_H
#define DAEMON_IAM_H

#include "base/arena.h"
#include "policy.h"
#include "storage/storage.h"

struct iam;
struct log;
struct vault;

enum {
    IAM_NAME_MAX_BYTES = 128, /* user, group, policy; users and roles by AWS's rule 64 */
    IAM_PATH_MAX_BYTES = 512,
    IAM_ARN_MAX_BYTES = 2048,
    IAM_ID_BYTES = 21,         /* AIDA… AGPA… AROA… ANPA… */
    IAM_ACCESS_KEY_BYTES = 20, /* AKIA… ASIA… */
    IAM_SECRET_KEY_BYTES = 40,
    IAM_POLICY_TEXT_MAX_BYTES = 48 * 1024, /* white space included; the quotas leave it out */
    /* src: IAM quotas */
    IAM_USERS_MAX = 5000,
    IAM_GROUPS_MAX = 300,
    IAM_ROLES_MAX = 1000,
    IAM_POLICIES_MAX = 1500,
    IAM_POLICY_VERSIONS_MAX = 5,
    IAM_GROUPS_PER_USER_MAX = 10,
    IAM_ATTACHED_MAX = 10, /* managed policies of a user, group or role */
    IAM_ACCESS_KEYS_MAX = 2,
    IAM_TAGS_MAX = 50,
    IAM_USER_INLINE_MAX_BYTES = 2048, /* all of an entity, white space left out */
    IAM_GROUP_INLINE_MAX_BYTES = 5120,
    IAM_ROLE_INLINE_MAX_BYTES = 10240,
    IAM_TRUST_MAX_BYTES = 2048,
    IAM_TRUSTED_MAX = 100,    /* users and roles that one trust policy names */
    IAM_SESSION_MIN_S = 3600, /* a role's MaxSessionDuration */
    IAM_SESSION_MAX_S = 43200,
    IAM_PAGE_MAX = 1000,
};

enum iam_err {
    IAM_OK = 0,
    IAM_NO_SUCH_ENTITY,
    IAM_ENTITY_EXISTS,
    IAM_DELETE_CONFLICT,
    IAM_LIMIT_EXCEEDED,
    IAM_INVALID_INPUT,     /* ValidationError: a name, path, tag or number out of its form */
    IAM_MALFORMED_POLICY,  /* MalformedPolicyDocument */
    IAM_NOT_ATTACHABLE,    /* reserved for policies that may not be attached */
    IAM_UNMODIFIABLE,      /* AccessDenied: a policy of AWS's own */
    IAM_CONCURRENT_CHANGE, /* ConcurrentModification: read and try again */
    IAM_BUSY,              /* the store asks to slow down */
    IAM_NO_SPACE,          /* the disk is full */
    IAM_FAILED, /* a fault of the store, of memory or of the vault; logged where it happened */
};

/* in: storage, vault, log (may be NULL) outlive it. NULL when memory runs out. */
struct iam *iam_new(struct storage *storage, struct vault *vault, struct log *log);
/* Takes NULL. */
void iam_free(struct iam *iam);
/* Does the vault open what this store's secrets are sealed with? The first time it is asked, that is written down; so it
 * is with `forget`, when the old key is lost: keys that do not open are then of no use. Blocks. False also when
 * the store fails, which is logged. */
bool iam_check_vault(struct iam *iam, bool forget) MUST_USE;
/* Rises with each change; never 0. */
uint64_t iam_generation(const struct iam *iam);

struct iam_call {
    struct iam *iam;
    uint64_t account;
    struct arena *arena;
    struct span detail; /* out: on an error AWS's message, ready for the client */
};

/* ---- users, groups, roles ---- */

enum iam_kind { IAM_USER, IAM_GROUP, IAM_ROLE };

struct iam_entity {
    enum iam_kind kind;
    struct span name, path, id, arn;
    int64_t created_ms;
    const struct policy_tag *tags; /* users and roles */
    size_t tag_count;
    struct span boundary;        /* a managed policy's ARN; absent: none */
    const struct span *attached; /* ARNs of managed policies, in the order of their attaching */
    size_t attached_count;

    const struct span *group_ids; /* IAM_USER */
    size_t group_count;
    const struct span *key_ids; /* IAM_USER: access keys */
    size_t key_count;

    struct span description; /* IAM_ROLE; absent: none */
    struct span trust;       /* IAM_ROLE: AssumeRolePolicyDocument, byte for byte */
    const struct policy_tag
        *trusted; /* IAM_ROLE: ARNs in it and the unique ids they stood for when it was put */
    size_t trusted_count;
    uint32_t max_session_s; /* IAM_ROLE */
    uint64_t generation;    /* of the record */
};

struct iam_new {
    enum iam_kind kind;
    struct span name;
    struct span path; /* absent: "/" */
    const struct policy_tag *tags;
    size_t tag_count;
    struct span boundary;    /* ARN of a managed policy that exists */
    struct span description; /* IAM_ROLE, as are the following */
    struct span trust;       /* must compile, and its principals exist */
    uint32_t max_session_s;  /* 0: 3600 */
};

/* Of names that differ in case alone there may be one.
 * err: INVALID_INPUT, ENTITY_EXISTS, LIMIT_EXCEEDED, MALFORMED_POLICY, NO_SUCH_ENTITY (the boundary) */
enum iam_err iam_create(
    struct iam_call *call, const struct iam_new *make, struct iam_entity *ret_entity) MUST_USE;
/* The name in any case. err: NO_SUCH_ENTITY */
enum iam_err iam_get(struct iam_call *call, enum iam_kind kind, struct span name,
    struct iam_entity *ret_entity) MUST_USE;
/* By unique id, whatever the account (call->account is not looked at); *ret_account may be NULL. */
enum iam_err iam_get_by_id(struct iam_call *call, struct span id, struct iam_entity *ret_entity,
    uint64_t *ret_account) MUST_USE;

struct iam_update {
    struct span new_name; /* absent: stays. Users and groups */
    struct span new_path;
    struct span description; /* roles; present and empty: taken away */
    uint32_t max_session_s;  /* roles; 0: stays */
};
/* A user or group keeps its id, policies and keys under its new name.
 * err: NO_SUCH_ENTITY, ENTITY_EXISTS, INVALID_INPUT */
enum iam_err iam_update(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct iam_update *update) MUST_USE;
/* err: NO_SUCH_ENTITY; DELETE_CONFLICT while it has keys, inline or attached policies, groups, members */
enum iam_err iam_delete(struct iam_call *call, enum iam_kind kind, struct span name) MUST_USE;

/* A page: items behind `after` (what `next` of the page before was; absent: from the start), at most max
 * (0: 100; never more than IAM_PAGE_MAX, and fewer when they are large: look at truncated). Entities and
 * policies come in order of their lower-case names, members of a group in order of their ids. */
struct iam_query {
    struct span path_prefix; /* absent or "/": all */
    struct span after;
    size_t max;
};
struct iam_page {
    struct iam_entity *items;
    size_t count;
    bool truncated;
    struct span next; /* when truncated */
};
enum iam_err iam_list(struct iam_call *call, enum iam_kind kind, const struct iam_query *query,
    struct iam_page *ret_page) MUST_USE;

/* A role's AssumeRolePolicyDocument. err: NO_SUCH_ENTITY, MALFORMED_POLICY */
enum iam_err iam_trust_put(struct iam_call *call, struct span role, struct span text) MUST_USE;
/* Compiled, for AssumeRole: principals are the ones that were there when it was put. The caller's;
 * policy_free. A text that does not compile any more is FAILED. */
enum iam_err iam_trust_compile(
    struct iam_call *call, const struct iam_entity *role, struct policy **ret_policy) MUST_USE;

/* ---- groups and their members ---- */

/* Adding a member, or taking away who is none: OK, NO_SUCH_ENTITY as on AWS. */
enum iam_err iam_group_add(struct iam_call *call, struct span group, struct span user) MUST_USE;
enum iam_err iam_group_remove(struct iam_call *call, struct span group, struct span user) MUST_USE;
enum iam_err iam_group_members(struct iam_call *call, struct span group,
    const struct iam_query *query, struct iam_page *ret_page) MUST_USE;
/* At most IAM_GROUPS_PER_USER_MAX. */
enum iam_err iam_user_groups(struct iam_call *call, struct span user, const struct iam_query *query,
    struct iam_page *ret_page) MUST_USE;

/* ---- tags ---- */

/* What of a call can be tagged, and has policies: an entity, by kind and name. Tags added replace those of the
 * same name (in any case). err: NO_SUCH_ENTITY, INVALID_INPUT, LIMIT_EXCEEDED */
enum iam_err iam_tag(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct policy_tag *tags, size_t count) MUST_USE;
enum iam_err iam_untag(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct span *names, size_t count) MUST_USE;

/* ---- inline policies ---- */

enum iam_err iam_inline_put(struct iam_call *call, enum iam_kind kind, struct span name,
    struct span policy, struct span text) MUST_USE;
enum iam_err iam_inline_get(struct iam_call *call, enum iam_kind kind, struct span name,
    struct span policy, struct span *ret_text) MUST_USE;
enum iam_err iam_inline_delete(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span policy) MUST_USE;

struct iam_inline {
    struct span name, text;
};
struct iam_inline_page {
    struct iam_inline *items; /* by name */
    size_t count;
    bool truncated;
    struct span next;
};
enum iam_err iam_inline_list(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct iam_query *query, struct iam_inline_page *ret_page) MUST_USE;

/* ---- managed policies ---- */

struct iam_policy {
    struct span name, path, id, arn;
    struct span description;     /* absent: none */
    struct span default_version; /* "v1" */
    int64_t created_ms, updated_ms;
    size_t attachment_count; /* users, groups, roles that it is attached to */
    size_t boundary_count;   /* PermissionsBoundaryUsageCount */
    const struct policy_tag *tags;
    size_t tag_count;
    bool of_aws; /* managed_policies.h: no account's, unmodifiable */
    uint64_t generation;
};

struct iam_policy_new {
    struct span name, path, description, text;
    const struct policy_tag *tags;
    size_t tag_count;
};
enum iam_err iam_policy_create(struct iam_call *call, const struct iam_policy_new *make,
    struct iam_policy *ret_policy) MUST_USE;
/* The text of its default version, AWS's own too; without counting who has it. err: NO_SUCH_ENTITY */
enum iam_err iam_policy_text(
    struct iam_call *call, struct span arn, struct span *ret_text) MUST_USE;
/* AWS's own too. err: NO_SUCH_ENTITY, also for another account's ARN */
enum iam_err iam_policy_get(
    struct iam_call *call, struct span arn, struct iam_policy *ret_policy) MUST_USE;
/* err: DELETE_CONFLICT while it is attached, a boundary, or has more versions than the default one;
 * UNMODIFIABLE */
enum iam_err iam_policy_delete(struct iam_call *call, struct span arn) MUST_USE;
enum iam_err iam_policy_tag(
    struct iam_call *call, struct span arn, const struct policy_tag *tags, size_t count) MUST_USE;
enum iam_err iam_policy_untag(
    struct iam_call *call, struct span arn, const struct span *names, size_t count) MUST_USE;

enum iam_usage { IAM_USED_ANY, IAM_USED_AS_POLICY, IAM_USED_AS_BOUNDARY };
enum iam_whose { IAM_ALL_POLICIES, IAM_LOCAL_POLICIES, IAM_AWS_POLICIES };

struct iam_policy_query {
    struct iam_query page; /* path_prefix, after, max */
    enum iam_whose whose;
    bool only_attached;
    enum iam_usage usage;
};
struct iam_policy_page {
    struct iam_policy *items;
    size_t count;
    bool truncated;
    struct span next;
};
enum iam_err iam_policy_list(struct iam_call *call, const struct iam_policy_query *query,
    struct iam_policy_page *ret_page) MUST_USE;

struct iam_version {
    struct span id; /* "v3" */
    struct span text;
    int64_t created_ms;
    bool is_default;
};
/* err: LIMIT_EXCEEDED at five, MALFORMED_POLICY */
enum iam_err iam_version_create(struct iam_call *call, struct span arn, struct span text,
    bool make_default, struct iam_version *ret_version) MUST_USE;
enum iam_err iam_version_get(struct iam_call *call, struct span arn, struct span version,
    struct iam_version *ret_version) MUST_USE;
/* The newest first, at most five, with their texts. */
enum iam_err iam_version_list(struct iam_call *call, struct span arn,
    struct iam_version **ret_versions, size_t *ret_count) MUST_USE;
/* err: DELETE_CONFLICT for the default one */
enum iam_err iam_version_delete(
    struct iam_call *call, struct span arn, struct span version) MUST_USE;
enum iam_err iam_version_set_default(
    struct iam_call *call, struct span arn, struct span version) MUST_USE;

/* Attaching what is attached is no error; detaching what is not is NO_SUCH_ENTITY. */
enum iam_err iam_attach(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span arn) MUST_USE;
enum iam_err iam_detach(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span arn) MUST_USE;
/* The policies attached to an entity, of the path prefix; iam_policy counts are not filled. */
enum iam_err iam_attached_list(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct iam_query *query, struct iam_policy_page *ret_page) MUST_USE;

/* Users and roles. arn absent: takes it away (NO_SUCH_ENTITY when there is none). */
enum iam_err iam_boundary_put(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span arn) MUST_USE;

/* Who has a policy, attached or as a boundary (ListEntitiesForPolicy): users, groups, then roles. */
struct iam_users_of_policy {
    bool kinds[3]; /* by enum iam_kind; none set: all */
    enum iam_usage usage;
    struct iam_query page;
};
enum iam_err iam_policy_entities(struct iam_call *call, struct span arn,
    const struct iam_users_of_policy *query, struct iam_page *ret_page) MUST_USE;

/* ---- access keys ---- */

struct iam_key {
    struct span id;
    struct span user_id;   /* AIDA…; of an account's root the account's 12 digits */
    struct span user_name; /* of the user as it is now; of root absent */
    uint64_t account;
    bool active;
    bool is_root;
    int64_t created_ms;
    int64_t used_ms; /* 0: never. Kept in memory and written now and then */
    struct span used_service, used_region;
};
/* user absent: the account's root.
 * out: *ret_secret  40 characters, in the arena; nothing gives it a second time */
enum iam_err iam_key_create(struct iam_call *call, struct span user, struct iam_key *ret_key,
    struct span *ret_secret) MUST_USE;
/* At most IAM_ACCESS_KEYS_MAX. */
enum iam_err iam_key_list(
    struct iam_call *call, struct span user, struct iam_key **ret_keys, size_t *ret_count) MUST_USE;
/* Whatever the account: GetAccessKeyLastUsed and GetAccessKeyInfo. */
enum iam_err iam_key_get(struct iam_call *call, struct span id, struct iam_key *ret_key) MUST_USE;
/* err: NO_SUCH_ENTITY when the key is not that user's */
enum iam_err iam_key_set_active(
    struct iam_call *call, struct span user, struct span id, bool active) MUST_USE;
enum iam_err iam_key_delete(struct iam_call *call, struct span user, struct span id) MUST_USE;
/* The secret of a key, opened by the vault, for identities.c alone; wipe it. One that does not open is logged, and
 * NO_SUCH_ENTITY. */
enum iam_err iam_key_secret(struct iam_call *call, struct span id, struct iam_key *ret_key,
    char ret_secret[static IAM_SECRET_KEY_BYTES]) MUST_USE;

/* It was used: kept in memory, and written now and then. Does not block; any thread. */
void iam_key_used(
    struct iam *iam, struct span id, int64_t now_ms, struct span service, struct span region);
/* Writes what is only in memory, before the store closes. Blocks. */
void iam_flush(struct iam *iam);
struct iam_rotation {
    bool
        new_key; /* one was made; not where the ring is handed in: then its last key is the new one */
    size_t sealed; /* secrets that were sealed with another key before */
};
/* Others whose records the vault seals: theirs are sealed anew, too, before an old key goes.
 * run: raises *count by how many; false: one could not be */
struct iam_reseal {
    bool (*run)(void *ctx, size_t *count);
    void *ctx;
};
/* Changes the key of the secrets. A new one goes to the file before anything is sealed with it, and old ones leave
 * the file after all is sealed anew, those last that tokens of the last keep_s are sealed with. So a crash
 * anywhere leaves a ring that opens everything, and the next call goes on. Blocks; one at a time.
 * err: LIMIT_EXCEEDED (the ring is full), FAILED, and what a commit says */
enum iam_err iam_rotate(struct iam_call *call, int64_t keep_s, const struct iam_reseal *others,
    size_t other_count, struct iam_rotation *ret_rotation) MUST_USE;

/* ---- the account ---- */

struct iam_summary {
    size_t users, groups, roles, policies, policy_versions;
};
enum iam_err iam_summary(struct iam_call *call, struct iam_summary *ret_summary) MUST_USE;

/* ---- principals that policies name ---- */

/* What a principal of a policy stands for, of any account: arn:aws:iam::ACCOUNT:user/… or role/… (with its path,
 * as it is shown) is its unique id; a unique id, an account's 12 digits and a canonical id are themselves. Absent when there is
 * none. For policy_resolver at the time when a policy is put. */
struct span iam_principal_id(struct iam *iam, struct span principal, struct arena *arena);
/* The ARN of a user or role now, by unique id; absent when it is gone. */
struct span iam_principal_arn(struct iam *iam, struct span id, struct arena *arena);

/* ARNs, in the arena: arn:aws:iam::000000000001:user/path/name */
struct span iam_arn(
    struct arena *arena, uint64_t account, const char *type, struct span path, struct span name);
/* Splits arn:aws:iam::ACCOUNT:TYPE/path/name; "root" has type "root" and no name. False: of another form. */
struct iam_arn_parts {
    uint64_t account;
    struct span type, path, name; /* path with both slashes; borrowed from the ARN */
};
bool iam_arn_split(struct span arn, struct iam_arn_parts *ret_parts) MUST_USE;

#endif
