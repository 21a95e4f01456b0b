/* Managed policies: those of the account, and AWS's, which are a table (managed_policies.h). */
#include "base/clock.h"
#include "daemon/iam_records.h"
#include "daemon/managed_policies.h"

#include <stdio.h>

enum { DESCRIPTION_MAX_BYTES = 1000 };

enum iam_err iam_policy_missing(struct iam_call *call, struct span arn)
{
    return iam_fail(call, IAM_NO_SUCH_ENTITY, "Policy %.*s does not exist or is not attachable.",
        SPAN_ARG(span_first(arn, 300)));
}

static struct span policy_key(struct iam_call *call, struct span name)
{
    return iam_record_key(call->arena, call->account, "policy", iam_lower(call->arena, name));
}

struct span iam_version_key(struct iam_call *call, struct span policy_id, unsigned number)
{
    char digits[16];
    int len = snprintf(digits, sizeof(digits), "%06u", number);
    return iam_child_key(
        call->arena, call->account, "version", policy_id, span_of(digits, (size_t)len));
}

struct span iam_version_text(struct iam_call *call, struct span text)
{
    struct json *json = json_new();
    json_u64(json, "created_ms", (uint64_t)clock_unix_ms());
    return iam_record_text(call->arena, json, text);
}

enum iam_err iam_check_managed(struct iam_call *call, struct span text)
{
    if (iam_policy_size(text) > POLICY_MANAGED_MAX_BYTES)
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for PolicySize: %d",
            POLICY_MANAGED_MAX_BYTES);
    return iam_check_policy(call, text);
}

/* ---- records ---- */

static enum iam_err from_record(struct iam_call *call, const struct iam_record *record,
    struct iam_policy *ret_policy, unsigned *ret_latest)
{
    struct arena *arena = call->arena;
    const struct json_node *json = record->json;
    struct iam_policy policy = {.name = iam_member(arena, json, "name"),
        .path = iam_member(arena, json, "path"),
        .id = iam_member(arena, json, "id"),
        .description = iam_member(arena, json, "description"),
        .created_ms = json_node_integer(json_node_member(json, "created_ms"), 0),
        .updated_ms = json_node_integer(json_node_member(json, "updated_ms"), 0),
        .generation = record->generation};
    policy.tag_count = iam_member_tags(arena, json, "tags", IAM_TAGS_MAX, &policy.tags);
    policy.default_version = iam_member(arena, json, "default");
    policy.arn = iam_arn(arena, call->account, "policy", policy.path, policy.name);
    if (!span_present(policy.id) || !span_present(policy.default_version) || arena->overflow)
        return iam_no_memory(call);
    *ret_policy = policy;
    *ret_latest = (unsigned)json_node_integer(json_node_member(json, "latest"), 1);
    return IAM_OK;
}

void iam_policy_change(struct iam_call *call, struct iam_changes *changes,
    const struct iam_policy *policy, unsigned latest)
{
    struct json *json = json_new();
    json_text(json, "name", policy->name);
    json_text(json, "path", policy->path);
    json_text(json, "id", policy->id);
    json_u64(json, "created_ms", (uint64_t)policy->created_ms);
    json_u64(json, "updated_ms", (uint64_t)policy->updated_ms);
    if (span_present(policy->description))
        json_text(json, "description", policy->description);
    json_text(json, "default", policy->default_version);
    json_u64(json, "latest", latest);
    iam_write_tags(json, "tags", policy->tags, policy->tag_count);
    struct span text = iam_record_text(call->arena, json, SPAN_ABSENT);
    if (policy->generation == 0)
        iam_change_add(changes, policy_key(call, policy->name), text);
    else
        iam_change_set(changes, policy_key(call, policy->name), text, policy->generation);
}

/* The account's own policy with this ARN. */
static enum iam_err read_policy(
    struct iam_call *call, struct span arn, struct iam_policy *ret_policy, unsigned *ret_latest)
{
    struct iam_arn_parts parts;
    struct iam_record record CLEANUP(iam_record_free) = {0};
    if (!iam_arn_split(arn, &parts) || !span_eq(parts.type, SPAN("policy")) ||
        parts.account != call->account || parts.name.len > IAM_NAME_MAX_BYTES)
        return iam_policy_missing(call, arn);
    enum iam_err err = iam_record_read(call, policy_key(call, parts.name), &record);
    if (err == IAM_NO_SUCH_ENTITY)
        return iam_policy_missing(call, arn);
    IAM_TRY(err);
    IAM_TRY(from_record(call, &record, ret_policy, ret_latest));
    /* In just this case: policies compare ARNs so, and a Deny must not be met by another spelling. */
    return span_eq(ret_policy->arn, arn) ? IAM_OK : iam_policy_missing(call, arn);
}

enum iam_err iam_policy_read(
    struct iam_call *call, struct span arn, struct iam_policy *ret_policy, unsigned *ret_latest)
{
    if (managed_policy_is_arn(arn))
        return iam_fail(call, IAM_UNMODIFIABLE,
            "The policy %.*s is managed by AWS and cannot be changed.",
            SPAN_ARG(span_first(arn, 300)));
    return read_policy(call, arn, ret_policy, ret_latest);
}

enum iam_err iam_policy_id(struct iam_call *call, struct span arn, struct span *ret_id)
{
    struct iam_policy policy = {0};
    unsigned latest = 0;
    const struct managed_policy *of_aws = managed_policy_find(arn);
    if (of_aws != NULL) {
        *ret_id = of_aws->policy_id;
        return IAM_OK;
    }
    IAM_TRY(read_policy(call, arn, &policy, &latest));
    *ret_id = policy.id;
    return IAM_OK;
}

static struct iam_policy policy_of_aws(const struct managed_policy *of_aws)
{
    return (struct iam_policy){.name = of_aws->name,
        .path = SPAN("/"),
        .id = of_aws->policy_id,
        .arn = of_aws->arn,
        .description = of_aws->description,
        .default_version = of_aws->version_id,
        .created_ms = of_aws->created_s * 1000,
        .updated_ms = of_aws->updated_s * 1000,
        .of_aws = true};
}

static enum iam_err count_uses(struct iam_call *call, struct iam_policy *policy)
{
    IAM_TRY(iam_children_count(call, "attached", policy->id, &policy->attachment_count));
    return iam_children_count(call, "bounds", policy->id, &policy->boundary_count);
}

enum iam_err iam_policy_get(struct iam_call *call, struct span arn, struct iam_policy *ret_policy)
{
    struct iam_policy policy = {0};
    unsigned latest = 0;
    const struct managed_policy *of_aws = managed_policy_find(arn);
    if (of_aws != NULL)
        policy = policy_of_aws(of_aws);
    else
        IAM_TRY(read_policy(call, arn, &policy, &latest));
    IAM_TRY(count_uses(call, &policy));
    *ret_policy = policy;
    return IAM_OK;
}

/* ---- changing ---- */

static enum iam_err create_policy(
    struct iam_call *call, const struct iam_policy_new *make, struct iam_policy *ret_policy)
{
    struct iam_record record CLEANUP(iam_record_free) = {0};
    enum iam_err err = iam_record_read(call, policy_key(call, make->name), &record);
    if (err == IAM_OK)
        return iam_fail(call, IAM_ENTITY_EXISTS,
            "A policy called %.*s already exists. Duplicate names are not allowed.",
            SPAN_ARG(make->name));
    if (err != IAM_NO_SUCH_ENTITY)
        return err;
    size_t counts[IAM_COUNTS];
    uint64_t generation = 0;
    IAM_TRY(iam_counts_read(call, counts, &generation));
    if (counts[IAM_COUNT_POLICIES] >= IAM_POLICIES_MAX)
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for PoliciesPerAccount: %d",
            IAM_POLICIES_MAX);
    counts[IAM_COUNT_POLICIES]++;
    counts[IAM_COUNT_VERSIONS]++;
    struct iam_policy policy = {.name = make->name,
        .path = span_present(make->path) ? make->path : SPAN("/"),
        .id = iam_make_id(call->arena, "ANPA"),
        .description = make->description.len > 0 ? make->description : SPAN_ABSENT,
        .default_version = SPAN("v1"),
        .created_ms = clock_unix_ms(),
        .tags = make->tags,
        .tag_count = make->tag_count};
    policy.updated_ms = policy.created_ms;
    IAM_TRY(iam_copy_tags(call, &policy.tags, policy.tag_count));
    struct iam_changes changes = {.count = 0};
    iam_policy_change(call, &changes, &policy, 1);
    iam_change_any(
        &changes, iam_version_key(call, policy.id, 1), iam_version_text(call, make->text));
    iam_counts_change(call, &changes, counts, generation);
    IAM_TRY(iam_changes_commit(call, &changes));
    return iam_policy_get(
        call, iam_arn(call->arena, call->account, "policy", policy.path, policy.name), ret_policy);
}

enum iam_err iam_policy_create(
    struct iam_call *call, const struct iam_policy_new *make, struct iam_policy *ret_policy)
{
    IAM_TRY(iam_check_name(call, "policyName", make->name, IAM_NAME_MAX_BYTES));
    if (span_present(make->path))
        IAM_TRY(iam_check_path(call, make->path));
    if (make->description.len > DESCRIPTION_MAX_BYTES)
        return iam_fail(call, IAM_INVALID_INPUT, "The description is too long");
    IAM_TRY(iam_check_tags(call, make->tags, make->tag_count));
    IAM_TRY(iam_check_managed(call, make->text));
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = create_policy(call, make, ret_policy);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

static enum iam_err delete_policy(struct iam_call *call, struct span arn)
{
    struct iam_policy policy = {0};
    unsigned latest = 0;
    size_t versions, counts[IAM_COUNTS];
    uint64_t generation = 0;
    IAM_TRY(iam_policy_read(call, arn, &policy, &latest));
    IAM_TRY(count_uses(call, &policy));
    if (policy.attachment_count > 0 || policy.boundary_count > 0)
        return iam_fail(call, IAM_DELETE_CONFLICT, "Cannot delete a policy attached to entities.");
    IAM_TRY(iam_children_count(call, "version", policy.id, &versions));
    if (versions > 1)
        return iam_fail(call, IAM_DELETE_CONFLICT,
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy.");
    uint64_t number;
    if (!span_to_u64(span_from(policy.default_version, 1), &number))
        return iam_policy_missing(call, arn);
    IAM_TRY(iam_counts_read(call, counts, &generation));
    counts[IAM_COUNT_POLICIES] -= counts[IAM_COUNT_POLICIES] > 0;
    counts[IAM_COUNT_VERSIONS] -= counts[IAM_COUNT_VERSIONS] > 0;
    struct iam_changes changes = {.count = 0};
    iam_change_set(&changes, policy_key(call, policy.name), SPAN_ABSENT, policy.generation);
    iam_change_any(&changes, iam_version_key(call, policy.id, (unsigned)number), SPAN_ABSENT);
    iam_counts_change(call, &changes, counts, generation);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_policy_delete(struct iam_call *call, struct span arn)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = delete_policy(call, arn);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

static enum iam_err tag_policy(struct iam_call *call, struct span arn,
    const struct policy_tag *tags, const struct span *dropped, size_t count)
{
    struct iam_policy policy = {0};
    unsigned latest = 0;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_policy_read(call, arn, &policy, &latest));
    if (tags == NULL)
        iam_drop_tags(call->arena, policy.tags, policy.tag_count, dropped, count, &policy.tags,
            &policy.tag_count);
    else
        IAM_TRY(iam_merge_tags(
            call, policy.tags, policy.tag_count, tags, count, &policy.tags, &policy.tag_count));
    IAM_TRY(iam_copy_tags(call, &policy.tags, policy.tag_count));
    iam_policy_change(call, &changes, &policy, latest);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_policy_tag(
    struct iam_call *call, struct span arn, const struct policy_tag *tags, size_t count)
{
    static const struct policy_tag none = {{"", 0}, {"", 0}};
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = tag_policy(call, arn, count > 0 ? tags : &none, NULL, count);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

enum iam_err iam_policy_untag(
    struct iam_call *call, struct span arn, const struct span *names, size_t count)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = tag_policy(call, arn, NULL, names, count);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

/* ---- listing ---- */

struct listing {
    const struct iam_policy_query *query;
    struct iam_policy_page page;
    size_t max, arena_end;
};

/* Where a page ends: "aws/NAME" or "own/name". */
static struct span marker_of(struct iam_call *call, const struct iam_policy *policy)
{
    return arena_format(call->arena, "%s/%.*s", policy->of_aws ? "aws" : "own",
        SPAN_ARG(policy->of_aws ? policy->name : iam_lower(call->arena, policy->name)));
}

static bool is_wanted(const struct listing *listing, const struct iam_policy *policy)
{
    const struct iam_policy_query *query = listing->query;
    size_t as_policy = policy->attachment_count, as_boundary = policy->boundary_count;
    if (query->usage == IAM_USED_AS_POLICY)
        as_boundary = 0;
    if (query->usage == IAM_USED_AS_BOUNDARY)
        as_policy = 0;
    bool used = as_policy + as_boundary > 0;
    /* src: IAM API Reference, ListPolicies: the filter lists what is used for that */
    return used || (!query->only_attached && query->usage == IAM_USED_ANY);
}

/* *ret_full: it is one more than fits. */
static enum iam_err take_policy(
    struct iam_call *call, struct listing *listing, struct iam_policy *policy, bool *ret_full)
{
    *ret_full = false;
    if (!span_starts(policy->path, listing->query->page.path_prefix))
        return IAM_OK;
    IAM_TRY(count_uses(call, policy));
    if (!is_wanted(listing, policy))
        return IAM_OK;
    struct iam_policy_page *page = &listing->page;
    if (page->count == listing->max ||
        (page->count > 0 && call->arena->used_bytes > listing->arena_end)) {
        page->truncated = true;
        page->next = marker_of(call, &page->items[page->count - 1]);
        *ret_full = true;
        return IAM_OK;
    }
    page->items[page->count++] = *policy;
    return IAM_OK;
}

static enum iam_err list_of_aws(struct iam_call *call, struct listing *listing, bool *ret_full)
{
    struct span after = listing->query->page.after;
    bool behind = !span_starts(after, SPAN("aws/"));
    for (size_t i = 0; i < managed_policies_count; i++) {
        struct iam_policy policy = policy_of_aws(&managed_policies[i]);
        if (!behind) {
            behind = span_eq(span_from(after, 4), policy.name);
            continue;
        }
        IAM_TRY(take_policy(call, listing, &policy, ret_full));
        if (*ret_full)
            return IAM_OK;
    }
    return IAM_OK;
}

static enum iam_err list_walk(
    struct iam_call *call, struct iam_walk *walk, struct listing *listing, bool *ret_full)
{
    for (;;) {
        const struct record_entry *entry;
        struct iam_policy policy = {0};
        unsigned latest = 0;
        IAM_TRY(iam_walk_next(walk, &entry));
        if (entry == NULL)
            return IAM_OK;
        struct iam_record record CLEANUP(iam_record_free) = {0};
        IAM_TRY(iam_record_parse(call, entry, &record));
        IAM_TRY(from_record(call, &record, &policy, &latest));
        IAM_TRY(take_policy(call, listing, &policy, ret_full));
        if (*ret_full)
            return IAM_OK;
    }
}

enum iam_err iam_policy_list(
    struct iam_call *call, const struct iam_policy_query *query, struct iam_policy_page *ret_page)
{
    struct listing listing = {.query = query,
        .max = iam_page_max(&query->page),
        .arena_end = call->arena->used_bytes + IAM_PAGE_ARENA_BYTES};
    listing.page.items = arena_array(call->arena, struct iam_policy, listing.max);
    if (listing.page.items == NULL)
        return iam_no_memory(call);
    bool full = false, in_own = span_starts(query->page.after, SPAN("own/"));
    if (query->whose != IAM_LOCAL_POLICIES && !in_own)
        IAM_TRY(list_of_aws(call, &listing, &full));
    if (query->whose != IAM_AWS_POLICIES && !full) {
        struct iam_walk walk;
        struct span after =
            in_own ? policy_key(call, span_from(query->page.after, 4)) : SPAN_ABSENT;
        iam_walk_begin(
            &walk, call, iam_record_key(call->arena, call->account, "policy", SPAN("")), after);
        enum iam_err err = list_walk(call, &walk, &listing, &full);
        iam_walk_end(&walk);
        IAM_TRY(err);
    }
    *ret_page = listing.page;
    return IAM_OK;
}
