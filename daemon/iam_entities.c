/* Making, changing and deleting users, groups and roles. */
#include "daemon/iam_records.h"

#include "base/clock.h"

enum { USER_NAME_MAX_BYTES = 64, ROLE_NAME_MAX_BYTES = 64, DESCRIPTION_MAX_BYTES = 1000 };

/* What the kinds differ in. */
static const struct {
    const char *field, *id_prefix, *quota;
    size_t name_max, count_max;
    enum iam_count count;
} kinds[] = {
    [IAM_USER] = {"userName", "AIDA", "UsersPerAccount", USER_NAME_MAX_BYTES, IAM_USERS_MAX,
        IAM_COUNT_USERS},
    [IAM_GROUP] = {"groupName", "AGPA", "GroupsPerAccount", IAM_NAME_MAX_BYTES, IAM_GROUPS_MAX,
        IAM_COUNT_GROUPS},
    [IAM_ROLE] = {"roleName", "AROA", "RolesPerAccount", ROLE_NAME_MAX_BYTES, IAM_ROLES_MAX,
        IAM_COUNT_ROLES},
};

static enum iam_err entity_exists(struct iam_call *call, enum iam_kind kind, struct span name)
{
    return iam_fail(call, IAM_ENTITY_EXISTS, "%s with name %.*s already exists.",
        iam_kind_title(kind), SPAN_ARG(name));
}

/* ---- making ---- */

static enum iam_err check_new(struct iam_call *call, const struct iam_new *make)
{
    IAM_TRY(iam_check_name(call, kinds[make->kind].field, make->name, kinds[make->kind].name_max));
    if (span_present(make->path))
        IAM_TRY(iam_check_path(call, make->path));
    IAM_TRY(iam_check_tags(call, make->tags, make->tag_count));
    if (make->description.len > DESCRIPTION_MAX_BYTES)
        return iam_fail(call, IAM_INVALID_INPUT,
            "1 validation error detected: Value at 'description' failed to satisfy constraint: "
            "Member must have length less than or equal to %d",
            DESCRIPTION_MAX_BYTES);
    return IAM_OK;
}

static enum iam_err check_duration(struct iam_call *call, uint32_t max_session_s)
{
    if (max_session_s != 0 &&
        (max_session_s < IAM_SESSION_MIN_S || max_session_s > IAM_SESSION_MAX_S))
        return iam_fail(call, IAM_INVALID_INPUT,
            "1 validation error detected: Value '%u' at 'maxSessionDuration' failed to satisfy "
            "constraint: Member must have value between %d and %d",
            max_session_s, IAM_SESSION_MIN_S, IAM_SESSION_MAX_S);
    return IAM_OK;
}

/* The records of a new one beside its own. */
static enum iam_err add_beside(struct iam_call *call, struct iam_changes *changes,
    const struct iam_entity *entity, struct span boundary_id)
{
    size_t counts[IAM_COUNTS];
    uint64_t generation;
    IAM_TRY(iam_counts_read(call, counts, &generation));
    size_t *count = &counts[kinds[entity->kind].count];
    if (*count >= kinds[entity->kind].count_max)
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for %s: %zu",
            kinds[entity->kind].quota, kinds[entity->kind].count_max);
    *count += 1;
    iam_counts_change(call, changes, counts, generation);
    iam_change_add(changes, iam_id_key(call->arena, entity->id), iam_id_text(call, entity));
    if (span_present(boundary_id))
        iam_change_add(changes,
            iam_child_key(call->arena, call->account, "bounds", boundary_id, entity->id), IAM_MARK);
    return IAM_OK;
}

static enum iam_err create(
    struct iam_call *call, const struct iam_new *make, struct iam_entity *ret_entity)
{
    struct iam_entity entity;
    enum iam_err err = iam_entity_read(call, make->kind, make->name, &entity);
    if (err == IAM_OK)
        return entity_exists(call, make->kind, make->name);
    if (err != IAM_NO_SUCH_ENTITY)
        return err;
    entity = (struct iam_entity){.kind = make->kind,
        .name = arena_copy(call->arena, make->name),
        .path = arena_copy(call->arena, span_present(make->path) ? make->path : SPAN("/")),
        .id = iam_make_id(call->arena, kinds[make->kind].id_prefix),
        .created_ms = clock_unix_ms(),
        .tags = make->tags,
        .tag_count = make->tag_count,
        .boundary = make->boundary};
    IAM_TRY(iam_copy_tags(call, &entity.tags, entity.tag_count));
    struct span boundary_id = SPAN_ABSENT;
    if (span_present(make->boundary))
        IAM_TRY(iam_policy_id(call, make->boundary, &boundary_id));
    if (make->kind == IAM_ROLE) {
        entity.description = make->description.len > 0 ? make->description : SPAN_ABSENT;
        entity.max_session_s = make->max_session_s != 0 ? make->max_session_s : IAM_SESSION_MIN_S;
        entity.trust = make->trust;
        IAM_TRY(check_duration(call, make->max_session_s));
        IAM_TRY(iam_check_trust(call, make->trust, &entity.trusted, &entity.trusted_count));
    }
    struct iam_changes changes = {.count = 0};
    iam_entity_change(call, &changes, &entity);
    IAM_TRY(add_beside(call, &changes, &entity, boundary_id));
    IAM_TRY(iam_changes_commit(call, &changes));
    return iam_entity_read(call, make->kind, make->name, ret_entity);
}

enum iam_err iam_create(
    struct iam_call *call, const struct iam_new *make, struct iam_entity *ret_entity)
{
    IAM_TRY(check_new(call, make));
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = create(call, make, ret_entity);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

/* ---- changing ---- */

/* Under another name the record has another key; the id and all that hangs on it stays. */
static enum iam_err rename_to(struct iam_call *call, struct iam_changes *changes,
    struct iam_entity *entity, struct span new_name)
{
    IAM_TRY(
        iam_check_name(call, kinds[entity->kind].field, new_name, kinds[entity->kind].name_max));
    bool same_key = span_eq_nocase(entity->name, new_name);
    struct span old_key = iam_entity_key(call, entity->kind, entity->name);
    uint64_t old_generation = entity->generation;
    if (!same_key) {
        struct iam_entity other;
        enum iam_err err = iam_entity_read(call, entity->kind, new_name, &other);
        if (err == IAM_OK)
            return entity_exists(call, entity->kind, new_name);
        if (err != IAM_NO_SUCH_ENTITY)
            return err;
        iam_change_set(changes, old_key, SPAN_ABSENT, old_generation);
        entity->generation = 0;
    }
    entity->name = arena_copy(call->arena, new_name);
    iam_change_any(changes, iam_id_key(call->arena, entity->id), iam_id_text(call, entity));
    return IAM_OK;
}

static enum iam_err update_entity(
    struct iam_call *call, enum iam_kind kind, struct span name, const struct iam_update *update)
{
    struct iam_entity entity;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    if (span_present(update->new_path)) {
        IAM_TRY(iam_check_path(call, update->new_path));
        entity.path = update->new_path;
    }
    if (span_present(update->description))
        entity.description = update->description.len > 0 ? update->description : SPAN_ABSENT;
    if (update->max_session_s != 0)
        entity.max_session_s = update->max_session_s;
    if (span_present(update->new_name))
        IAM_TRY(rename_to(call, &changes, &entity, update->new_name));
    iam_entity_change(call, &changes, &entity);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_update(
    struct iam_call *call, enum iam_kind kind, struct span name, const struct iam_update *update)
{
    IAM_TRY(check_duration(call, update->max_session_s));
    if (update->description.len > DESCRIPTION_MAX_BYTES)
        return iam_fail(call, IAM_INVALID_INPUT, "The description is too long");
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = update_entity(call, kind, name, update);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

static enum iam_err tag_entity(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct policy_tag *tags, const struct span *dropped, size_t count)
{
    struct iam_entity entity;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    if (dropped != NULL)
        iam_drop_tags(call->arena, entity.tags, entity.tag_count, dropped, count, &entity.tags,
            &entity.tag_count);
    else
        IAM_TRY(iam_merge_tags(
            call, entity.tags, entity.tag_count, tags, count, &entity.tags, &entity.tag_count));
    IAM_TRY(iam_copy_tags(call, &entity.tags, entity.tag_count));
    iam_entity_change(call, &changes, &entity);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_tag(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct policy_tag *tags, size_t count)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = tag_entity(call, kind, name, tags, NULL, count);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

enum iam_err iam_untag(struct iam_call *call, enum iam_kind kind, struct span name,
    const struct span *names, size_t count)
{
    static const struct span none = {"", 0};
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = tag_entity(call, kind, name, NULL, count > 0 ? names : &none, count);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

static enum iam_err put_trust(struct iam_call *call, struct span name, struct span text)
{
    struct iam_entity role;
    struct iam_changes changes = {.count = 0};
    IAM_TRY(iam_entity_read(call, IAM_ROLE, name, &role));
    role.trust = text;
    IAM_TRY(iam_check_trust(call, text, &role.trusted, &role.trusted_count));
    iam_entity_change(call, &changes, &role);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_trust_put(struct iam_call *call, struct span role, struct span text)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = put_trust(call, role, text);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}

/* ---- deleting ---- */

static enum iam_err check_unused(struct iam_call *call, const struct iam_entity *entity)
{
    bool inline_policies, members;
    IAM_TRY(iam_children_any(call, "inline", entity->id, &inline_policies));
    IAM_TRY(iam_children_any(call, "member", entity->id, &members));
    const struct {
        bool is;
        const char *what;
    } reasons[] = {
        {entity->key_count > 0, "delete access keys"},
        {entity->attached_count > 0, "detach all policies"},
        {inline_policies, "delete policies"},
        {members || entity->group_count > 0, "remove users from group"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].is)
            return iam_fail(
                call, IAM_DELETE_CONFLICT, "Cannot delete entity, must %s first.", reasons[i].what);
    return IAM_OK;
}

static enum iam_err delete_entity(struct iam_call *call, enum iam_kind kind, struct span name)
{
    struct iam_entity entity;
    struct iam_changes changes = {.count = 0};
    size_t counts[IAM_COUNTS];
    uint64_t generation;
    IAM_TRY(iam_entity_read(call, kind, name, &entity));
    IAM_TRY(check_unused(call, &entity));
    IAM_TRY(iam_counts_read(call, counts, &generation));
    if (counts[kinds[kind].count] > 0)
        counts[kinds[kind].count]--;
    iam_counts_change(call, &changes, counts, generation);
    iam_change_set(&changes, iam_entity_key(call, kind, name), SPAN_ABSENT, entity.generation);
    iam_change_any(&changes, iam_id_key(call->arena, entity.id), SPAN_ABSENT);
    struct span boundary_id;
    if (span_present(entity.boundary) &&
        iam_policy_id(call, entity.boundary, &boundary_id) == IAM_OK)
        iam_change_any(&changes,
            iam_child_key(call->arena, call->account, "bounds", boundary_id, entity.id),
            SPAN_ABSENT);
    return iam_changes_commit(call, &changes);
}

enum iam_err iam_delete(struct iam_call *call, enum iam_kind kind, struct span name)
{
    pthread_mutex_lock(&call->iam->lock);
    enum iam_err err = delete_entity(call, kind, name);
    pthread_mutex_unlock(&call->iam->lock);
    return err;
}
