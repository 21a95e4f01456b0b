/* Users, groups and roles as records, and finding them by name, id and ARN. */
#include "daemon/accounts.h"
#include "daemon/daemon.h"
#include "daemon/iam_records.h"

static enum iam_err no_such_entity(struct iam_call *call, enum iam_kind kind, struct span name)
{
    return iam_fail(call, IAM_NO_SUCH_ENTITY, "The %s with name %.*s cannot be found.",
        iam_kind_text(kind), SPAN_ARG(span_first(name, IAM_NAME_MAX_BYTES)));
}

struct span iam_entity_key(struct iam_call *call, enum iam_kind kind, struct span name)
{
    return iam_record_key(
        call->arena, call->account, iam_kind_text(kind), iam_lower(call->arena, name));
}

struct span iam_id_key(struct arena *arena, struct span id)
{
    return arena_format(arena, "iam/id/%.*s", SPAN_ARG(id));
}

/* ---- records ---- */

static enum iam_err from_record(struct iam_call *call, enum iam_kind kind, uint64_t account,
    const struct iam_record *record, struct iam_entity *ret_entity)
{
    struct arena *arena = call->arena;
    const struct json_node *json = record->json;
    struct iam_entity entity = {.kind = kind,
        .name = iam_member(arena, json, "name"),
        .path = iam_member(arena, json, "path"),
        .id = iam_member(arena, json, "id"),
        .created_ms = json_node_integer(json_node_member(json, "created_ms"), 0),
        .boundary = iam_member(arena, json, "boundary"),
        .generation = record->generation};
    entity.tag_count = iam_member_tags(arena, json, "tags", IAM_TAGS_MAX, &entity.tags);
    entity.attached_count =
        iam_member_texts(arena, json, "attached", IAM_ATTACHED_MAX, &entity.attached);
    entity.group_count =
        iam_member_texts(arena, json, "groups", IAM_GROUPS_PER_USER_MAX, &entity.group_ids);
    entity.key_count = iam_member_texts(arena, json, "keys", IAM_ACCESS_KEYS_MAX, &entity.key_ids);
    if (kind == IAM_ROLE) {
        entity.description = iam_member(arena, json, "description");
        int64_t max_s = json_node_integer(json_node_member(json, "max_session_s"), 0);
        entity.max_session_s = (uint32_t)max_s;
        entity.trusted_count =
            iam_member_tags(arena, json, "trusted", IAM_TRUSTED_MAX, &entity.trusted);
        entity.trust = arena_copy(arena, record->document);
    }
    entity.arn = iam_arn(arena, account, iam_kind_text(kind), entity.path, entity.name);
    if (!span_present(entity.name) || !span_present(entity.path) || !span_present(entity.id) ||
        arena->overflow)
        return iam_no_memory(call);
    *ret_entity = entity;
    return IAM_OK;
}

enum iam_err iam_entity_parse(struct iam_call *call, enum iam_kind kind,
    const struct record_entry *entry, struct span path_prefix, bool *ret_matches,
    struct iam_entity *ret_entity)
{
    struct iam_record record CLEANUP(iam_record_free) = {0};
    IAM_TRY(iam_record_parse(call, entry, &record));
    struct span path = json_node_string(json_node_member(record.json, "path"), SPAN("/"));
    *ret_matches = span_starts(path, path_prefix);
    return *ret_matches ? from_record(call, kind, call->account, &record, ret_entity) : IAM_OK;
}

enum iam_err iam_entity_read(
    struct iam_call *call, enum iam_kind kind, struct span name, struct iam_entity *ret_entity)
{
    struct iam_record record CLEANUP(iam_record_free) = {0};
    if (name.len == 0 || name.len > IAM_NAME_MAX_BYTES)
        return no_such_entity(call, kind, name);
    enum iam_err err = iam_record_read(call, iam_entity_key(call, kind, name), &record);
    if (err == IAM_NO_SUCH_ENTITY)
        return no_such_entity(call, kind, name);
    IAM_TRY(err);
    return from_record(call, kind, call->account, &record, ret_entity);
}

void iam_write_tags(
    struct json *json, const char *name, const struct policy_tag *tags, size_t count)
{
    if (count == 0)
        return;
    json_open(json, name);
    for (size_t i = 0; i < count; i++)
        json_text(json, tags[i].name.ptr, tags[i].value);
    json_close(json);
}

enum iam_err iam_copy_tags(struct iam_call *call, const struct policy_tag **tags, size_t count)
{
    struct policy_tag *copy = arena_array(call->arena, struct policy_tag, count);
    for (size_t i = 0; i < count && copy != NULL; i++) {
        struct span value = (*tags)[i].value;
        copy[i].name = arena_copy(call->arena, (*tags)[i].name);
        copy[i].value = arena_copy(call->arena, span_present(value) ? value : SPAN(""));
    }
    *tags = copy;
    return call->arena->overflow ? iam_no_memory(call) : IAM_OK;
}

static struct span entity_text(struct iam_call *call, const struct iam_entity *entity)
{
    struct json *json = json_new();
    json_text(json, "name", entity->name);
    json_text(json, "path", entity->path);
    json_text(json, "id", entity->id);
    json_u64(json, "created_ms", (uint64_t)entity->created_ms);
    iam_write_tags(json, "tags", entity->tags, entity->tag_count);
    if (span_present(entity->boundary))
        json_text(json, "boundary", entity->boundary);
    if (entity->attached_count > 0)
        json_texts(json, "attached", entity->attached, entity->attached_count);
    if (entity->group_count > 0)
        json_texts(json, "groups", entity->group_ids, entity->group_count);
    if (entity->key_count > 0)
        json_texts(json, "keys", entity->key_ids, entity->key_count);
    if (entity->kind == IAM_ROLE) {
        if (span_present(entity->description))
            json_text(json, "description", entity->description);
        json_u64(json, "max_session_s", entity->max_session_s);
        iam_write_tags(json, "trusted", entity->trusted, entity->trusted_count);
    }
    return iam_record_text(
        call->arena, json, entity->kind == IAM_ROLE ? entity->trust : SPAN_ABSENT);
}

void iam_entity_change(
    struct iam_call *call, struct iam_changes *changes, const struct iam_entity *entity)
{
    struct span key = iam_entity_key(call, entity->kind, entity->name);
    struct span text = entity_text(call, entity);
    if (entity->generation == 0)
        iam_change_add(changes, key, text);
    else
        iam_change_set(changes, key, text, entity->generation);
}

struct span iam_id_text(struct iam_call *call, const struct iam_entity *entity)
{
    struct json *json = json_new();
    json_u64(json, "account", call->account);
    json_u64(json, "kind", entity->kind);
    json_text(json, "name", entity->name);
    return iam_record_text(call->arena, json, SPAN_ABSENT);
}

/* ---- reading ---- */

enum iam_err iam_get(
    struct iam_call *call, enum iam_kind kind, struct span name, struct iam_entity *ret_entity)
{
    return iam_entity_read(call, kind, name, ret_entity);
}

enum iam_err iam_get_by_id(
    struct iam_call *call, struct span id, struct iam_entity *ret_entity, uint64_t *ret_account)
{
    struct iam_record record CLEANUP(iam_record_free) = {0};
    if (id.len != IAM_ID_BYTES)
        return iam_fail(call, IAM_NO_SUCH_ENTITY, "No principal has this id.");
    enum iam_err err = iam_record_read(call, iam_id_key(call->arena, id), &record);
    if (err == IAM_NO_SUCH_ENTITY)
        return iam_fail(call, IAM_NO_SUCH_ENTITY, "No principal has the id %.*s.", SPAN_ARG(id));
    IAM_TRY(err);
    int64_t kind = json_node_integer(json_node_member(record.json, "kind"), -1);
    uint64_t account = (uint64_t)json_node_integer(json_node_member(record.json, "account"), 0);
    if (kind < IAM_USER || kind > IAM_ROLE)
        return iam_fail(call, IAM_FAILED, "The record of %.*s is damaged.", SPAN_ARG(id));
    struct iam_call there = *call;
    there.account = account;
    err = iam_entity_read(
        &there, (enum iam_kind)kind, iam_member(call->arena, record.json, "name"), ret_entity);
    call->detail = there.detail;
    if (err == IAM_OK && ret_account != NULL)
        *ret_account = account;
    return err;
}

/* ---- principals ---- */

static bool account_exists(struct iam_call *call, uint64_t account)
{
    struct span value;
    uint64_t generation;
    struct span key = arena_format(call->arena, "account/%012llu", (unsigned long long)account);
    return account == ROOT_ACCOUNT_ID ||
           (span_present(key) && storage_record_get(call->iam->storage, key, call->arena, &value,
                                     &generation) == STORAGE_OK);
}

/* Canonical ids are made of account numbers, so there is no record of them. */
static bool canonical_exists(struct iam_call *call, struct span canonical_id)
{
    static const struct span prefix = {"account/", 8};
    char text[CANONICAL_ID_BYTES + 1];
    account_canonical_of(ROOT_ACCOUNT_ID, text);
    bool found = span_eq(span_str(text), canonical_id);
    struct iam_walk walk;
    const struct record_entry *entry = NULL;
    uint64_t account;
    iam_walk_begin(&walk, call, prefix, SPAN_ABSENT);
    while (!found && iam_walk_next(&walk, &entry) == IAM_OK && entry != NULL)
        if (account_parse(span_from(entry->key, prefix.len), &account)) {
            account_canonical_of(account, text);
            found = span_eq(span_str(text), canonical_id);
        }
    iam_walk_end(&walk);
    return found;
}

static struct span id_of_arn(struct iam_call *call, struct span arn)
{
    struct iam_arn_parts parts;
    struct iam_entity entity;
    if (!iam_arn_split(arn, &parts))
        return SPAN_ABSENT;
    bool is_user = span_eq(parts.type, SPAN("user"));
    if (!is_user && !span_eq(parts.type, SPAN("role")))
        return SPAN_ABSENT;
    call->account = parts.account;
    if (iam_entity_read(call, is_user ? IAM_USER : IAM_ROLE, parts.name, &entity) != IAM_OK ||
        !span_eq(entity.arn, arn))
        return SPAN_ABSENT;
    return entity.id;
}

struct span iam_principal_id(struct iam *iam, struct span principal, struct arena *arena)
{
    struct iam_call call = {.iam = iam, .arena = arena};
    struct iam_entity entity;
    uint64_t account;
    bool exists = false;
    if (span_starts(principal, SPAN("arn:")))
        return id_of_arn(&call, principal);
    if (account_parse(principal, &account))
        exists = account_exists(&call, account);
    else if (principal.len == CANONICAL_ID_BYTES)
        exists = canonical_exists(&call, principal);
    else if (principal.len == IAM_ID_BYTES)
        exists = iam_get_by_id(&call, principal, &entity, NULL) == IAM_OK;
    return exists ? principal : SPAN_ABSENT;
}

struct span iam_principal_arn(struct iam *iam, struct span id, struct arena *arena)
{
    struct iam_call call = {.iam = iam, .arena = arena};
    struct iam_entity entity;
    return iam_get_by_id(&call, id, &entity, NULL) == IAM_OK ? entity.arn : SPAN_ABSENT;
}
