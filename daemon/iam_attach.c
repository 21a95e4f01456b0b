/* Managed policies attached to users, groups and roles, permissions boundaries, and who has a policy. */
#include "daemon/iam_records.h"
#include "daemon/managed_policies.h"

static struct span use_key(
    struct iam_call *call, const char *use, struct span policy_id, struct span entity_id)
{
    return iam_child_key(call->arena, call->account, use, policy_id, entity_id);
}

/* The policy is still there when it is attached. AWS's own always are. */
static enum iam_err expect_policy(
    struct iam_call *call, struct iam_changes *changes, struct span arn, struct span *ret_id)
{
    struct iam_policy policy;
    unsigned latest = 0;
    IAM_TRY(iam_policy_id(call, arn, ret_id));
    if (managed_policy_is_arn(arn))
        return IAM_OK;
    IAM_TRY(iam_policy_read(call, arn, &policy, &latest));
    changes->items[changes->count++] =
        (struct record_change){.key = iam_record_key(call->arena, call->account, "policy",
                                   iam_lower(call->arena, policy.name)),
            .keep = true,
            .expect = RECORD_UNCHANGED,
            .generation = policy.generation};
    return IAM_OK;
}

static size_t attached_at(const struct iam_entity *entity, struct span arn)
{
    size_t at = 0;
    while (at < entity->attached_count && !span_eq_nocase(entity->attached[at], arn))
        at++;
    return at;
}

static enum iam_err attach(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span arn)
{
    static const char *const quotas[] = {"PoliciesPerUser", "PoliciesPerGroup", "PoliciesPerRole"};
    struct iam_entity entity;
    struct span id;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    IAM_TRY(expect_policy(call, &changes, arn, &id));
    if (attached_at(&entity, arn) < entity.attached_count)
        return IAM_OK;
    if (entity.attached_count == IAM_ATTACHED_MAX)
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for %s: %d", quotas[kind],
            IAM_ATTACHED_MAX);
    struct span *arns = arena_array(call->arena, struct span, entity.attached_count + 1);
    if (arns == NULL)
        return iam_no_memory(call);
    for (size_t i = 0; i < entity.attached_count; i++)
        arns[i] = entity.attached[i];
    arns[entity.attached_count++] = arn;
    entity.attached = arns;
    iam_entity_change(call, &changes, &entity);
    iam_change_any(&changes, use_key(call, "attached", id, entity.id), IAM_MARK);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_attach(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span arn)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = attach(call, kind, name, arn);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

static enum iam_err detach(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span arn)
{
    struct iam_entity entity;
    struct span id;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    size_t at = attached_at(&entity, arn);
    if (at == entity.attached_count)
        return iam_fail(
            call, IAM_NO_SUCH_ENTITY, "Policy %.*s was not found.", SPAN_ARG(span_first(arn, 300)));
    IAM_TRY(iam_policy_id(call, arn, &id));
    struct span *arns = arena_array(call->arena, struct span, entity.attached_count);
    if (arns == NULL)
        return iam_no_memory(call);
    size_t left = 0;
    for (size_t i = 0; i < entity.attached_count; i++)
        if (i != at)
            arns[left++] = entity.attached[i];
    entity.attached = arns;
    entity.attached_count = left;
    iam_entity_change(call, &changes, &entity);
    iam_change_any(&changes, use_key(call, "attached", id, entity.id), SPAN_ABSENT);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_detach(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span arn)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = detach(call, kind, name, arn);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

enum iam_err iam_attached_list(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct iam_query *query, struct iam_policy_page *ret_page)
{
    struct iam_entity entity;
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    struct iam_policy_page page = {
        .items = arena_array(call->arena, struct iam_policy, IAM_ATTACHED_MAX)};
    if (page.items == NULL)
        return iam_no_memory(call);
    size_t max = iam_page_max(query);
    bool behind = query->after.len == 0;
    for (size_t i = 0; i < entity.attached_count; i++) {
        struct span arn = entity.attached[i];
        if (!behind) {
            behind = span_eq(arn, query->after);
            continue;
        }
        struct iam_arn_parts parts = {0};
        const struct managed_policy *of_aws = managed_policy_find(arn);
        if (of_aws != NULL) {
            parts.path = SPAN("/");
            parts.name = of_aws->name;
        } else if (!iam_arn_split(arn, &parts)) {
            continue;
        }
        if (!span_starts(parts.path, query->path_prefix))
            continue;
        if (page.count == max) {
            page.truncated = true;
            page.next = page.items[page.count - 1].arn;
            break;
        }
        page.items[page.count++] = (struct iam_policy){
            .name = parts.name, .path = parts.path, .arn = arn, .of_aws = of_aws != NULL};
    }
    *ret_page = page;
    return IAM_OK;
}

/* ---- boundaries ---- */

static enum iam_err put_boundary(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span arn)
{
    struct iam_entity entity;
    struct span id, old_id;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    bool had_one = span_present(entity.boundary);
    if (!span_present(arn) && !had_one)
        return iam_fail(call, IAM_NO_SUCH_ENTITY,
            "The %s %.*s does not have a permissions boundary.", iam_kind_text(kind),
            SPAN_ARG(entity.name));
    if (span_present(arn))
        IAM_TRY(expect_policy(call, &changes, arn, &id));
    if (had_one && span_eq(arn, entity.boundary))
        return IAM_OK;
    if (had_one && iam_policy_id(call, entity.boundary, &old_id) == IAM_OK)
        iam_change_any(&changes, use_key(call, "bounds", old_id, entity.id), SPAN_ABSENT);
    if (span_present(arn))
        iam_change_any(&changes, use_key(call, "bounds", id, entity.id), IAM_MARK);
    entity.boundary = arn;
    iam_entity_change(call, &changes, &entity);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_boundary_put(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span arn)
{
    if (kind == IAM_GROUP)
        return iam_fail(call, IAM_INVALID_INPUT, "A group has no permissions boundary.");
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = put_boundary(call, kind, name, arn);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

/* ---- who has a policy ---- */

struct holders {
    const struct iam_users_of_policy *query;
    struct span policy_id;
    struct iam_page page;
    size_t max, arena_end;
    bool full;
};

/* Groups, users and roles in this order, as their ids are. The marker is "attached/ID" or "bounds/ID". */
static enum iam_err holders_walk(
    struct iam_call *call, struct iam_walk *walk, const char *use, struct holders *holders)
{
    const bool *kinds = holders->query->kinds;
    bool any_kind = !kinds[IAM_USER] && !kinds[IAM_GROUP] && !kinds[IAM_ROLE];
    struct iam_page *page = &holders->page;
    for (;;) {
        const struct record_entry *entry;
        struct iam_entity entity;
        IAM_TRY(iam_walk_next(walk, &entry));
        if (entry == NULL)
            return IAM_OK;
        enum iam_err err =
            iam_get_by_id(call, span_from(entry->key, walk->prefix.len), &entity, NULL);
        if (err == IAM_NO_SUCH_ENTITY)
            continue;
        IAM_TRY(err);
        if ((!any_kind && !kinds[entity.kind]) ||
            !span_starts(entity.path, holders->query->page.path_prefix))
            continue;
        if (page->count == holders->max ||
            (page->count > 0 && call->arena->used_bytes > holders->arena_end)) {
            holders->full = page->truncated = true;
            return IAM_OK;
        }
        page->items[page->count++] = entity;
        page->next = arena_format(call->arena, "%s/%.*s", use, SPAN_ARG(entity.id));
    }
}

static enum iam_err list_holders(struct iam_call *call, const char *use, struct holders *holders)
{
    struct span after = holders->query->page.after;
    struct span head = arena_format(call->arena, "%s/", use);
    struct iam_walk walk;
    iam_walk_begin(&walk, call, use_key(call, use, holders->policy_id, SPAN("")),
        span_starts(after, head)
            ? use_key(call, use, holders->policy_id, span_from(after, head.len))
            : SPAN_ABSENT);
    enum iam_err err = holders_walk(call, &walk, use, holders);
    iam_walk_end(&walk);
    return err;
}

enum iam_err iam_policy_entities(struct iam_call *call, struct span arn,
    const struct iam_users_of_policy *query, struct iam_page *ret_page)
{
    struct holders holders = {.query = query,
        .max = iam_page_max(&query->page),
        .arena_end = call->arena->used_bytes + IAM_PAGE_ARENA_BYTES};
    IAM_TRY(iam_policy_id(call, arn, &holders.policy_id));
    holders.page.items = arena_array(call->arena, struct iam_entity, holders.max);
    if (holders.page.items == NULL)
        return iam_no_memory(call);
    bool in_bounds = span_starts(query->page.after, SPAN("bounds/"));
    if (query->usage != IAM_USED_AS_BOUNDARY && !in_bounds)
        IAM_TRY(list_holders(call, "attached", &holders));
    if (query->usage != IAM_USED_AS_POLICY && !holders.full)
        IAM_TRY(list_holders(call, "bounds", &holders));
    *ret_page = holders.page;
    return IAM_OK;
}
