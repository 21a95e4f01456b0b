/* Inline policies: a record each, under the id of who has them. */
#include "daemon/iam_records.h"

static const size_t inline_max_bytes[] = {
    [IAM_USER] = IAM_USER_INLINE_MAX_BYTES,
    [IAM_GROUP] = IAM_GROUP_INLINE_MAX_BYTES,
    [IAM_ROLE] = IAM_ROLE_INLINE_MAX_BYTES,
};

static struct span inline_key(struct iam_call *call, struct span id, struct span policy)
{
    return iam_child_key(call->arena, call->account, "inline", id, iam_lower(call->arena, policy));
}

static enum iam_err no_such_policy(struct iam_call *call, enum iam_kind kind, struct span policy)
{
    return iam_fail(call, IAM_NO_SUCH_ENTITY, "The %s policy with name %.*s cannot be found.",
        iam_kind_text(kind), SPAN_ARG(span_first(policy, IAM_NAME_MAX_BYTES)));
}

/* Sizes of all of them but the one under this key, white space left out. */
static enum iam_err sum_others(
    struct iam_call *call, struct span id, struct span but, size_t *ret_bytes)
{
    struct iam_walk walk;
    const struct record_entry *entry = NULL;
    size_t sum = 0;
    iam_walk_begin(&walk, call, iam_child_key(call->arena, call->account, "inline", id, SPAN("")),
        SPAN_ABSENT);
    enum iam_err err = iam_walk_next(&walk, &entry);
    while (err == IAM_OK && entry != NULL) {
        size_t line = span_find_char(entry->value, '\n', 0);
        if (line != SIZE_MAX && !span_eq(entry->key, but))
            sum += iam_policy_size(span_from(entry->value, line + 1));
        err = iam_walk_next(&walk, &entry);
    }
    iam_walk_end(&walk);
    *ret_bytes = sum;
    return err;
}

static enum iam_err put_inline(struct iam_call *call, enum iam_kind kind, struct span name,
    struct span policy, struct span text)
{
    struct iam_entity entity;
    struct iam_changes changes = {.count = 0};
    size_t others;
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    struct span key = inline_key(call, entity.id, policy);
    IAM_TRY(sum_others(call, entity.id, key, &others));
    if (others + iam_policy_size(text) > inline_max_bytes[kind])
        return iam_fail(call, IAM_LIMIT_EXCEEDED,
            "Maximum policy size of %zu bytes exceeded for %s %.*s", inline_max_bytes[kind],
            iam_kind_text(kind), SPAN_ARG(entity.name));
    struct json *json = json_new();
    json_text(json, "name", policy);
    iam_change_any(&changes, key, iam_record_text(call->arena, json, text));
    /* Who has it is still there when it comes: nothing is left behind of a deleted one. */
    changes.items[changes.count++] =
        (struct record_change){.key = iam_entity_key(call, kind, entity.name),
            .keep = true,
            .expect = RECORD_UNCHANGED,
            .generation = entity.generation};
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_inline_put(struct iam_call *call, enum iam_kind kind, struct span name,
    struct span policy, struct span text)
{
    IAM_TRY(iam_check_name(call, "policyName", policy, IAM_NAME_MAX_BYTES));
    IAM_TRY(iam_check_policy(call, text));
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = put_inline(call, kind, name, policy, text);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

enum iam_err iam_inline_get(struct iam_call *call, enum iam_kind kind, struct span name,
    struct span policy, struct span *ret_text)
{
    struct iam_entity entity;
    struct iam_record record CLEANUP(iam_record_free) = {0};
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    if (policy.len == 0 || policy.len > IAM_NAME_MAX_BYTES)
        return no_such_policy(call, kind, policy);
    enum iam_err err = iam_record_read(call, inline_key(call, entity.id, policy), &record);
    if (err == IAM_NO_SUCH_ENTITY)
        return no_such_policy(call, kind, policy);
    IAM_TRY(err);
    *ret_text = record.document; /* arena memory: the store read it there */
    return IAM_OK;
}

static enum iam_err delete_inline(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span policy)
{
    struct iam_entity entity;
    struct span found;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_inline_get(call, kind, name, policy, &found));
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    iam_change_any(&changes, inline_key(call, entity.id, policy), SPAN_ABSENT);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_inline_delete(
    struct iam_call *call, enum iam_kind kind, struct span name, struct span policy)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = delete_inline(call, kind, name, policy);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

static enum iam_err inline_walk(
    struct iam_call *call, struct iam_walk *walk, size_t max, struct iam_inline_page *page)
{
    size_t arena_end = call->arena->used_bytes + IAM_PAGE_ARENA_BYTES;
    for (;;) {
        const struct record_entry *entry;
        IAM_TRY(iam_walk_next(walk, &entry));
        if (entry == NULL)
            return IAM_OK;
        if (page->count == max || (page->count > 0 && call->arena->used_bytes > arena_end)) {
            page->truncated = true;
            page->next = iam_lower(call->arena, page->items[page->count - 1].name);
            return IAM_OK;
        }
        struct iam_record record CLEANUP(iam_record_free) = {0};
        IAM_TRY(iam_record_parse(call, entry, &record));
        page->items[page->count++] = (struct iam_inline){
            iam_member(call->arena, record.json, "name"), arena_copy(call->arena, record.document)};
    }
}

enum iam_err iam_inline_list(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct iam_query *query, struct iam_inline_page *ret_page)
{
    struct iam_entity entity;
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    size_t max = iam_page_max(query);
    struct iam_inline_page page = {.items = arena_array(call->arena, struct iam_inline, max)};
    if (page.items == NULL)
        return iam_no_memory(call);
    struct iam_walk walk;
    iam_walk_begin(&walk, call,
        iam_child_key(call->arena, call->account, "inline", entity.id, SPAN("")),
        query->after.len > 0 ? inline_key(call, entity.id, query->after) : SPAN_ABSENT);
    enum iam_err err = inline_walk(call, &walk, max, &page);
    iam_walk_end(&walk);
    if (err == IAM_OK && call->arena->overflow)
        err = iam_no_memory(call);
    if (err == IAM_OK)
        *ret_page = page;
    return err;
}
