/* Pages of users, groups and roles; groups and who is in them. */
#include "daemon/iam_records.h"

/* Room for a page and the arena it may take. */
struct page_maker {
    struct iam_page page;
    size_t max, arena_end;
};

static enum iam_err begin_page(
    struct iam_call *call, const struct iam_query *query, struct page_maker *ret_maker)
{
    struct page_maker maker = {
        .max = iam_page_max(query), .arena_end = call->arena->used_bytes + IAM_PAGE_ARENA_BYTES};
    maker.page.items = arena_array(call->arena, struct iam_entity, maker.max);
    *ret_maker = maker;
    return maker.page.items == NULL ? iam_no_memory(call) : IAM_OK;
}

static bool is_full(const struct iam_call *call, const struct page_maker *maker)
{
    return maker->page.count == maker->max ||
           (maker->page.count > 0 && call->arena->used_bytes > maker->arena_end);
}

static void cut_page(struct page_maker *maker, struct span next)
{
    maker->page.truncated = true;
    maker->page.next = next;
}

static enum iam_err list_walk(struct iam_call *call, enum iam_kind kind, struct iam_walk *walk,
    struct span path_prefix, struct page_maker *maker)
{
    for (;;) {
        const struct record_entry *entry;
        struct iam_entity entity;
        bool matches;
        IAM_TRY(iam_walk_next(walk, &entry));
        if (entry == NULL)
            return IAM_OK;
        IAM_TRY(iam_entity_parse(call, kind, entry, path_prefix, &matches, &entity));
        if (!matches)
            continue;
        if (is_full(call, maker)) {
            cut_page(maker, iam_lower(call->arena, maker->page.items[maker->page.count - 1].name));
            return IAM_OK;
        }
        maker->page.items[maker->page.count++] = entity;
    }
}

enum iam_err iam_list(struct iam_call *call, enum iam_kind kind, const struct iam_query *query,
    struct iam_page *ret_page)
{
    struct page_maker maker;
    IAM_TRY(begin_page(call, query, &maker));
    struct span prefix = iam_record_key(call->arena, call->account, iam_kind_text(kind), SPAN(""));
    struct span after = query->after.len > 0 ? iam_record_key(call->arena, call->account,
                                                   iam_kind_text(kind), query->after)
                                             : SPAN_ABSENT;
    struct iam_walk walk;
    iam_walk_begin(&walk, call, prefix, after);
    enum iam_err err = list_walk(call, kind, &walk, query->path_prefix, &maker);
    iam_walk_end(&walk);
    if (err == IAM_OK)
        *ret_page = maker.page;
    return err;
}

/* ---- members ---- */

static enum iam_err members_walk(
    struct iam_call *call, struct iam_walk *walk, struct page_maker *maker)
{
    for (;;) {
        const struct record_entry *entry;
        IAM_TRY(iam_walk_next(walk, &entry));
        if (entry == NULL)
            return IAM_OK;
        if (is_full(call, maker)) {
            cut_page(maker, maker->page.items[maker->page.count - 1].id);
            return IAM_OK;
        }
        struct span id = span_from(entry->key, walk->prefix.len);
        enum iam_err err = iam_get_by_id(call, id, &maker->page.items[maker->page.count], NULL);
        if (err == IAM_OK)
            maker->page.count++;
        else if (err != IAM_NO_SUCH_ENTITY) /* deleted meanwhile */
            return err;
    }
}

enum iam_err iam_group_members(struct iam_call *call, struct span group,
    const struct iam_query *query, struct iam_page *ret_page)
{
    struct iam_entity entity;
    struct page_maker maker;
    IAM_TRY(iam_entity_read(call, IAM_GROUP, group, &entity));
    IAM_TRY(begin_page(call, query, &maker));
    struct span prefix = iam_child_key(call->arena, call->account, "member", entity.id, SPAN(""));
    struct span after = query->after.len > 0 ? iam_child_key(call->arena, call->account, "member",
                                                   entity.id, query->after)
                                             : SPAN_ABSENT;
    struct iam_walk walk;
    iam_walk_begin(&walk, call, prefix, after);
    enum iam_err err = members_walk(call, &walk, &maker);
    iam_walk_end(&walk);
    if (err == IAM_OK)
        *ret_page = maker.page;
    return err;
}

enum iam_err iam_user_groups(struct iam_call *call, struct span user, const struct iam_query *query,
    struct iam_page *ret_page)
{
    struct iam_entity entity;
    struct page_maker maker;
    IAM_TRY(iam_entity_read(call, IAM_USER, user, &entity));
    IAM_TRY(begin_page(call, query, &maker));
    bool behind = query->after.len == 0;
    for (size_t i = 0; i < entity.group_count; i++) {
        struct span id = entity.group_ids[i];
        if (!behind) {
            behind = span_eq(id, query->after);
            continue;
        }
        if (is_full(call, &maker)) {
            cut_page(&maker, maker.page.items[maker.page.count - 1].id);
            break;
        }
        enum iam_err err = iam_get_by_id(call, id, &maker.page.items[maker.page.count], NULL);
        if (err == IAM_OK)
            maker.page.count++;
        else if (err != IAM_NO_SUCH_ENTITY)
            return err;
    }
    *ret_page = maker.page;
    return IAM_OK;
}

/* Index of the group's id among those of the user; group_count: it is not there. */
static size_t group_at(const struct iam_entity *user, struct span group_id)
{
    size_t at = 0;
    while (at < user->group_count && !span_eq(user->group_ids[at], group_id))
        at++;
    return at;
}

static enum iam_err add_member(struct iam_call *call, struct span group, struct span user)
{
    struct iam_entity member, entity;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_entity_read(call, IAM_GROUP, group, &entity));
    IAM_TRY(iam_entity_read(call, IAM_USER, user, &member));
    if (group_at(&member, entity.id) < member.group_count)
        return IAM_OK;
    if (member.group_count == IAM_GROUPS_PER_USER_MAX)
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for GroupsPerUser: %d",
            IAM_GROUPS_PER_USER_MAX);
    struct span *ids = arena_array(call->arena, struct span, member.group_count + 1);
    if (ids == NULL)
        return iam_no_memory(call);
    for (size_t i = 0; i < member.group_count; i++)
        ids[i] = member.group_ids[i];
    ids[member.group_count++] = entity.id;
    member.group_ids = ids;
    iam_entity_change(call, &changes, &member);
    iam_change_any(&changes,
        iam_child_key(call->arena, call->account, "member", entity.id, member.id), IAM_MARK);
    return iam_changes_commit(call, &changes);
}

static enum iam_err remove_member(struct iam_call *call, struct span group, struct span user)
{
    struct iam_entity member, entity;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_entity_read(call, IAM_GROUP, group, &entity));
    IAM_TRY(iam_entity_read(call, IAM_USER, user, &member));
    size_t at = group_at(&member, entity.id);
    if (at == member.group_count)
        return IAM_OK;
    struct span *ids = arena_array(call->arena, struct span, member.group_count);
    if (ids == NULL)
        return iam_no_memory(call);
    size_t left = 0;
    for (size_t i = 0; i < member.group_count; i++)
        if (i != at)
            ids[left++] = member.group_ids[i];
    member.group_ids = ids;
    member.group_count = left;
    iam_entity_change(call, &changes, &member);
    iam_change_any(&changes,
        iam_child_key(call->arena, call->account, "member", entity.id, member.id), SPAN_ABSENT);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_group_add(struct iam_call *call, struct span group, struct span user)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = add_member(call, group, user);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

enum iam_err iam_group_remove(struct iam_call *call, struct span group, struct span user)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = remove_member(call, group, user);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

/* ---- the account ---- */

enum iam_err iam_summary(struct iam_call *call, struct iam_summary *ret_summary)
{
    size_t counts[IAM_COUNTS];
    uint64_t generation;
    IAM_TRY(iam_counts_read(call, counts, &generation));
    *ret_summary = (struct iam_summary){.users = counts[IAM_COUNT_USERS],
        .groups = counts[IAM_COUNT_GROUPS],
        .roles = counts[IAM_COUNT_ROLES],
        .policies = counts[IAM_COUNT_POLICIES],
        .policy_versions = counts[IAM_COUNT_VERSIONS]};
    return IAM_OK;
}
