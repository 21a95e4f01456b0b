/* Versions of managed policies: a record each, under the policy's id. */
#include "base/clock.h"
#include "daemon/iam_records.h"
#include "daemon/managed_policies.h"

static enum iam_err no_such_version(struct iam_call *call, struct span arn, struct span version)
{
    return iam_fail(call, IAM_NO_SUCH_ENTITY,
        "Policy %.*s version %.*s does not exist or is not attachable.",
        SPAN_ARG(span_first(arn, 300)), SPAN_ARG(span_first(version, 30)));
}

/* "v12" */
static bool parse_version(struct span version, unsigned *ret_number)
{
    uint64_t number;
    if (!span_starts(version, SPAN("v")) || version.len > 7 ||
        !span_to_u64(span_from(version, 1), &number) || version.ptr[1] == '0')
        return false;
    *ret_number = (unsigned)number;
    return true;
}

static enum iam_err version_of_aws(struct iam_call *call, const struct managed_policy *of_aws,
    struct span version, struct iam_version *ret_version)
{
    if (!span_eq(version, of_aws->version_id))
        return no_such_version(call, of_aws->arn, version);
    *ret_version = (struct iam_version){.id = of_aws->version_id,
        .text = of_aws->document,
        .created_ms = of_aws->updated_s * 1000,
        .is_default = true};
    return IAM_OK;
}

static enum iam_err version_record(struct iam_call *call, const struct iam_record *record,
    unsigned number, const struct iam_policy *policy, struct iam_version *ret_version)
{
    struct span id = arena_format(call->arena, "v%u", number);
    if (!span_present(id))
        return iam_no_memory(call);
    *ret_version = (struct iam_version){.id = id,
        .text = record->document,
        .created_ms = json_node_integer(json_node_member(record->json, "created_ms"), 0),
        .is_default = span_eq(id, policy->default_version)};
    return IAM_OK;
}

/* Of a policy of the account's own. */
static enum iam_err read_version(struct iam_call *call, const struct iam_policy *policy,
    struct span version, struct iam_version *ret_version)
{
    unsigned number;
    struct iam_record record CLEANUP(iam_record_free) = {0};
    if (!parse_version(version, &number))
        return no_such_version(call, policy->arn, version);
    enum iam_err err = iam_record_read(call, iam_version_key(call, policy->id, number), &record);
    if (err == IAM_NO_SUCH_ENTITY)
        return no_such_version(call, policy->arn, version);
    IAM_TRY(err);
    return version_record(call, &record, number, policy, ret_version);
}

enum iam_err iam_version_get(
    struct iam_call *call, struct span arn, struct span version, struct iam_version *ret_version)
{
    struct iam_policy policy = {0};
    unsigned latest = 0;
    const struct managed_policy *of_aws = managed_policy_find(arn);
    if (of_aws != NULL)
        return version_of_aws(call, of_aws, version, ret_version);
    if (managed_policy_is_arn(arn))
        return iam_policy_missing(call, arn);
    IAM_TRY(iam_policy_read(call, arn, &policy, &latest));
    return read_version(call, &policy, version, ret_version);
}

enum iam_err iam_policy_text(struct iam_call *call, struct span arn, struct span *ret_text)
{
    struct iam_policy policy = {0};
    struct iam_version version = {0};
    unsigned latest = 0;
    const struct managed_policy *of_aws = managed_policy_find(arn);
    if (of_aws != NULL) {
        *ret_text = of_aws->document;
        return IAM_OK;
    }
    if (managed_policy_is_arn(arn))
        return iam_policy_missing(call, arn);
    IAM_TRY(iam_policy_read(call, arn, &policy, &latest));
    IAM_TRY(read_version(call, &policy, policy.default_version, &version));
    *ret_text = version.text;
    return IAM_OK;
}

static enum iam_err versions_walk(struct iam_call *call, struct iam_walk *walk,
    const struct iam_policy *policy, struct iam_version *versions, size_t *count)
{
    for (;;) {
        const struct record_entry *entry;
        uint64_t number;
        IAM_TRY(iam_walk_next(walk, &entry));
        if (entry == NULL || *count == IAM_POLICY_VERSIONS_MAX)
            return IAM_OK;
        struct iam_record record CLEANUP(iam_record_free) = {0};
        if (!span_to_u64(span_from(entry->key, walk->prefix.len), &number))
            continue;
        IAM_TRY(iam_record_parse(call, entry, &record));
        record.document = arena_copy(call->arena, record.document);
        IAM_TRY(version_record(call, &record, (unsigned)number, policy, &versions[*count]));
        *count += 1;
    }
}

enum iam_err iam_version_list(
    struct iam_call *call, struct span arn, struct iam_version **ret_versions, size_t *ret_count)
{
    struct iam_policy policy = {0};
    unsigned latest = 0;
    const struct managed_policy *of_aws = managed_policy_find(arn);
    struct iam_version *versions =
        arena_array(call->arena, struct iam_version, IAM_POLICY_VERSIONS_MAX);
    if (versions == NULL)
        return iam_no_memory(call);
    if (of_aws != NULL) {
        IAM_TRY(version_of_aws(call, of_aws, of_aws->version_id, &versions[0]));
        *ret_versions = versions;
        *ret_count = 1;
        return IAM_OK;
    }
    if (managed_policy_is_arn(arn))
        return iam_policy_missing(call, arn);
    IAM_TRY(iam_policy_read(call, arn, &policy, &latest));
    struct iam_walk walk;
    size_t count = 0;
    iam_walk_begin(&walk, call,
        iam_child_key(call->arena, call->account, "version", policy.id, SPAN("")), SPAN_ABSENT);
    enum iam_err err = versions_walk(call, &walk, &policy, versions, &count);
    iam_walk_end(&walk);
    IAM_TRY(err);
    for (size_t i = 0; i < count / 2; i++) { /* the newest first */
        struct iam_version other = versions[i];
        versions[i] = versions[count - 1 - i];
        versions[count - 1 - i] = other;
    }
    *ret_versions = versions;
    *ret_count = count;
    return IAM_OK;
}

/* ---- changing ---- */

static enum iam_err create_version(struct iam_call *call, struct span arn, struct span text,
    bool make_default, struct iam_version *ret_version)
{
    struct iam_policy policy = {0};
    unsigned latest = 0;
    size_t versions, counts[IAM_COUNTS];
    uint64_t generation = 0;
    IAM_TRY(iam_policy_read(call, arn, &policy, &latest));
    IAM_TRY(iam_children_count(call, "version", policy.id, &versions));
    if (versions >= IAM_POLICY_VERSIONS_MAX)
        return iam_fail(call, IAM_LIMIT_EXCEEDED,
            "A managed policy can have up to %d versions. Before you create a new version, you "
            "must delete an existing version.",
            IAM_POLICY_VERSIONS_MAX);
    enum { NUMBER_MAX = 999999 };
    if (latest >= NUMBER_MAX)
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "The policy has had too many versions.");
    latest++;
    struct span id = arena_format(call->arena, "v%u", latest);
    policy.updated_ms = clock_unix_ms();
    if (make_default)
        policy.default_version = id;
    IAM_TRY(iam_counts_read(call, counts, &generation));
    counts[IAM_COUNT_VERSIONS]++;
    struct iam_changes changes = {.count = 0};
    iam_policy_change(call, &changes, &policy, latest);
    iam_change_any(
        &changes, iam_version_key(call, policy.id, latest), iam_version_text(call, text));
    iam_counts_change(call, &changes, counts, generation);
    IAM_TRY(iam_changes_commit(call, &changes));
    return read_version(call, &policy, id, ret_version);
}

enum iam_err iam_version_create(struct iam_call *call, struct span arn, struct span text,
    bool make_default, struct iam_version *ret_version)
{
    IAM_TRY(iam_check_managed(call, text));
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = create_version(call, arn, text, make_default, ret_version);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

static enum iam_err delete_version(struct iam_call *call, struct span arn, struct span version)
{
    struct iam_policy policy = {0};
    struct iam_version found = {0};
    unsigned latest = 0, number = 0;
    size_t counts[IAM_COUNTS];
    uint64_t generation = 0;
    IAM_TRY(iam_policy_read(call, arn, &policy, &latest));
    IAM_TRY(read_version(call, &policy, version, &found));
    if (found.is_default || !parse_version(version, &number))
        return iam_fail(
            call, IAM_DELETE_CONFLICT, "Cannot delete the default version of a policy.");
    IAM_TRY(iam_counts_read(call, counts, &generation));
    counts[IAM_COUNT_VERSIONS] -= counts[IAM_COUNT_VERSIONS] > 0;
    struct iam_changes changes = {.count = 0};
    iam_policy_change(call, &changes, &policy, latest);
    iam_change_any(&changes, iam_version_key(call, policy.id, number), SPAN_ABSENT);
    iam_counts_change(call, &changes, counts, generation);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_version_delete(struct iam_call *call, struct span arn, struct span version)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = delete_version(call, arn, version);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

static enum iam_err set_default(struct iam_call *call, struct span arn, struct span version)
{
    struct iam_policy policy = {0};
    struct iam_version found = {0};
    unsigned latest = 0;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_policy_read(call, arn, &policy, &latest));
    IAM_TRY(read_version(call, &policy, version, &found));
    policy.default_version = found.id;
    policy.updated_ms = clock_unix_ms();
    iam_policy_change(call, &changes, &policy, latest);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_version_set_default(struct iam_call *call, struct span arn, struct span version)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = set_default(call, arn, version);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}
