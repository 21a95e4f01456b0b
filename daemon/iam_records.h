/* What iam*.c share: the records' keys and texts (docs/FORMAT.md, "Records of identities"), reading and
 * changing them, and errors with AWS's messages. Nothing else includes it. */
#ifndef DAEMON_IAM_RECORDS_H
#define DAEMON_IAM_RECORDS_H

#include "daemon/iam.h"
#include "daemon/json.h"
#include "json_read.h"
#include "storage/storage_records.h"

#include <pthread.h>
#include <stdatomic.h>

struct iam_uses;

struct iam {
    struct storage *storage;
    struct vault *vault;
    struct log *log;
    pthread_mutex_t rotating; /* while the key of the secrets is changed; before lock */
    pthread_mutex_t lock; /* held while something is changed: from the first read to the commit */
    atomic_uint_fast64_t generation;
    struct iam_uses *uses; /* when access keys were used: iam_uses.c */
};

/* ---- errors ---- */

#define IAM_TRY(expr)                                                                              \
    do {                                                                                           \
        enum iam_err iam_try_ = (expr);                                                            \
        if (iam_try_ != IAM_OK)                                                                    \
            return iam_try_;                                                                       \
    } while (0)

/* Sets the message; returns err. */
enum iam_err iam_fail(struct iam_call *call, enum iam_err err, const char *format, ...)
    PRINTF_LIKE(3, 4);
enum iam_err iam_storage_fail(struct iam_call *call, enum storage_err err);
/* Arena memory ran out. */
enum iam_err iam_no_memory(struct iam_call *call);

/* ---- keys of records ---- */

/* "iam/000000000001/KIND/" and rest */
struct span iam_record_key(
    struct arena *arena, uint64_t account, const char *kind, struct span rest);
/* iam_record_key with "ID/rest" behind. */
struct span iam_child_key(
    struct arena *arena, uint64_t account, const char *kind, struct span id, struct span rest);
/* ASCII letters in lower case, in the arena. */
struct span iam_lower(struct arena *arena, struct span name);
const char *iam_kind_text(enum iam_kind kind);  /* "user" … as in keys and ARNs */
const char *iam_kind_title(enum iam_kind kind); /* "User" … as in messages */

/* ---- a record: a line of JSON, and behind it, where there is one, a document as it was given ---- */

struct iam_record {
    struct json_node *json; /* json_text_free; NULL: none */
    struct span document;   /* absent: none */
    uint64_t generation;
};
void iam_record_free(struct iam_record *record);
/* err: NO_SUCH_ENTITY without a message; FAILED when it is no record of this form (then it is logged) */
enum iam_err iam_record_read(
    struct iam_call *call, struct span key, struct iam_record *ret_record) MUST_USE;
enum iam_err iam_record_parse(struct iam_call *call, const struct record_entry *entry,
    struct iam_record *ret_record) MUST_USE;
/* Takes json over. Absent when memory runs out. */
struct span iam_record_text(struct arena *arena, struct json *json, struct span document);

/* Members of a record, in the arena. */
struct span iam_member(struct arena *arena, const struct json_node *node, const char *name);
size_t iam_member_texts(struct arena *arena, const struct json_node *node, const char *name,
    size_t max, const struct span **ret_items);
size_t iam_member_tags(struct arena *arena, const struct json_node *node, const char *name,
    size_t max, const struct policy_tag **ret_tags);

/* Walks records by prefix, a page at a time, in an arena of its own. */
struct iam_walk {
    struct iam_call *call;
    struct arena arena;
    struct span prefix, after; /* full keys */
    struct record_page page;
    size_t at;
};
void iam_walk_begin(
    struct iam_walk *walk, struct iam_call *call, struct span prefix, struct span after);
/* The next record, whose bytes live until the next call; *ret_entry NULL at the end. */
enum iam_err iam_walk_next(struct iam_walk *walk, const struct record_entry **ret_entry) MUST_USE;
void iam_walk_end(struct iam_walk *walk);

/* ---- changing ---- */

enum { IAM_CHANGES_MAX = 32 };

struct iam_changes {
    struct record_change items[IAM_CHANGES_MAX];
    size_t count;
};
/* A new record where there is none; in place of what was read (generation); gone (value absent). */
void iam_change_add(struct iam_changes *changes, struct span key, struct span value);
void iam_change_set(
    struct iam_changes *changes, struct span key, struct span value, uint64_t generation);
void iam_change_any(struct iam_changes *changes, struct span key, struct span value);
/* Commits them and raises the generation. */
enum iam_err iam_changes_commit(struct iam_call *call, struct iam_changes *changes) MUST_USE;

/* ---- entities ---- */

/* name in any case. err: NO_SUCH_ENTITY with AWS's message */
enum iam_err iam_entity_read(struct iam_call *call, enum iam_kind kind, struct span name,
    struct iam_entity *ret_entity) MUST_USE;
/* *ret_matches false: its path does not begin with path_prefix (absent: all do), nothing is filled. */
enum iam_err iam_entity_parse(struct iam_call *call, enum iam_kind kind,
    const struct record_entry *entry, struct span path_prefix, bool *ret_matches,
    struct iam_entity *ret_entity) MUST_USE;
/* Its record; entity->generation 0: a new one. */
void iam_entity_change(
    struct iam_call *call, struct iam_changes *changes, const struct iam_entity *entity);
struct span iam_entity_key(struct iam_call *call, enum iam_kind kind, struct span name);
/* Unique id → account, kind and name: key and text of that record. */
struct span iam_id_key(struct arena *arena, struct span id);
struct span iam_id_text(struct iam_call *call, const struct iam_entity *entity);
/* A copy whose names end in NUL, as the writer wants them. */
enum iam_err iam_copy_tags(
    struct iam_call *call, const struct policy_tag **tags, size_t count) MUST_USE;
void iam_write_tags(
    struct json *json, const char *name, const struct policy_tag *tags, size_t count);

/* Counts of what the account has, for its quotas: adds delta to one of them. */
enum iam_count {
    IAM_COUNT_USERS,
    IAM_COUNT_GROUPS,
    IAM_COUNT_ROLES,
    IAM_COUNT_POLICIES,
    IAM_COUNT_VERSIONS,
    IAM_COUNTS
};
enum iam_err iam_counts_read(
    struct iam_call *call, size_t ret_counts[static IAM_COUNTS], uint64_t *ret_generation) MUST_USE;
void iam_counts_change(struct iam_call *call, struct iam_changes *changes,
    const size_t counts[static IAM_COUNTS], uint64_t generation);

/* "AIDA" and 17 random characters, in the arena. */
struct span iam_make_id(struct arena *arena, const char *prefix);

/* The ids of things that are told by the record of the same name: "member", "attached", "bounds" … under an id. */
enum iam_err iam_children_count(
    struct iam_call *call, const char *kind, struct span id, size_t *ret_count) MUST_USE;
enum iam_err iam_children_any(
    struct iam_call *call, const char *kind, struct span id, bool *ret_any) MUST_USE;

/* How many a page takes, and whether the arena has no room for more on it. */
size_t iam_page_max(const struct iam_query *query);
enum { IAM_PAGE_ARENA_BYTES = 3 * 1024 * 1024 };

/* A line of JSON for records that are there or not, and say no more. */
#define IAM_MARK SPAN("{}\n")

/* ---- access keys ---- */

/* The record of a key, and its secret: base64 of what the vault sealed, with the id as associated data. */
struct span iam_key_key(struct arena *arena, struct span id);
struct span iam_key_text(
    struct iam_call *call, const struct iam_key *key, struct span sealed_base64);
/* Without its user's name and when it was used. err: NO_SUCH_ENTITY */
enum iam_err iam_key_read(struct iam_call *call, struct span id, struct iam_key *ret_key,
    struct span *ret_sealed, uint64_t *ret_generation) MUST_USE;
enum iam_err iam_seal(
    struct iam_call *call, struct span what, struct span secret, struct span *ret_sealed) MUST_USE;
/* A secret of IAM_SECRET_KEY_BYTES; wipe it. False: it does not open. */
bool iam_unseal(struct iam_call *call, struct span what, struct span sealed_base64,
    char ret_secret[static IAM_SECRET_KEY_BYTES], bool *ret_stale) MUST_USE;

/* ---- checks ---- */

enum iam_err iam_check_name(
    struct iam_call *call, const char *field, struct span name, size_t max) MUST_USE;
enum iam_err iam_check_path(struct iam_call *call, struct span path) MUST_USE;
enum iam_err iam_check_tags(
    struct iam_call *call, const struct policy_tag *tags, size_t count) MUST_USE;
/* Replaces and adds; or takes away by name. In the arena. */
enum iam_err iam_merge_tags(struct iam_call *call, const struct policy_tag *old, size_t old_count,
    const struct policy_tag *tags, size_t count, const struct policy_tag **ret_tags,
    size_t *ret_count) MUST_USE;
void iam_drop_tags(struct arena *arena, const struct policy_tag *old, size_t old_count,
    const struct span *names, size_t count, const struct policy_tag **ret_tags, size_t *ret_count);
/* Length without white space, as the quotas count. */
size_t iam_policy_size(struct span text);
/* Compiles it, for nothing but the answer whether that works. err: MALFORMED_POLICY, LIMIT_EXCEEDED */
enum iam_err iam_check_policy(struct iam_call *call, struct span text) MUST_USE;

/* A policy that can be attached or be a boundary: its id. err: NO_SUCH_ENTITY */
enum iam_err iam_policy_id(struct iam_call *call, struct span arn, struct span *ret_id) MUST_USE;
/* A policy of the account's own, without its counts. err: NO_SUCH_ENTITY, UNMODIFIABLE */
enum iam_err iam_policy_read(struct iam_call *call, struct span arn, struct iam_policy *ret_policy,
    unsigned *ret_latest) MUST_USE;
/* Its record; latest: the number of its newest version. */
void iam_policy_change(struct iam_call *call, struct iam_changes *changes,
    const struct iam_policy *policy, unsigned latest);
enum iam_err iam_policy_missing(struct iam_call *call, struct span arn);
/* Key and text of a version's record. */
struct span iam_version_key(struct iam_call *call, struct span policy_id, unsigned number);
struct span iam_version_text(struct iam_call *call, struct span text);
/* Form and size of a managed policy. err: MALFORMED_POLICY, LIMIT_EXCEEDED */
enum iam_err iam_check_managed(struct iam_call *call, struct span text) MUST_USE;

/* trust text → its principals with their unique ids. err: MALFORMED_POLICY, LIMIT_EXCEEDED */
enum iam_err iam_check_trust(struct iam_call *call, struct span text,
    const struct policy_tag **ret_trusted, size_t *ret_count) MUST_USE;

#endif
