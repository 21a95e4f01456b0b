#include "daemon/identity_make.h"

#include "base/digest.h"
#include "daemon/accounts.h"
#include "daemon/log.h"

#include <stdlib.h>

struct identity_full *identity_full_new(void)
{
    struct identity_full *full = calloc(1, sizeof(*full));
    if (full == NULL)
        return NULL;
    arena_init(&full->arena, IDENTITY_ARENA_BYTES);
    atomic_init(&full->references, 1);
    return full;
}

const struct identity *identity_ref(const struct identity *identity)
{
    struct identity_full *full = (struct identity_full *)identity;
    if (full != NULL)
        atomic_fetch_add_explicit(&full->references, 1, memory_order_relaxed);
    return identity;
}

static void free_policies(const struct access_policies *policies)
{
    for (size_t i = 0; i < policies->count; i++)
        policy_free((struct policy *)policies->items[i]);
}

void identity_unref(const struct identity *identity)
{
    struct identity_full *full = (struct identity_full *)identity;
    if (full == NULL || atomic_fetch_sub_explicit(&full->references, 1, memory_order_acq_rel) != 1)
        return;
    free_policies(&full->is.policies);
    free_policies(&full->is.session_policies);
    policy_free((struct policy *)full->is.boundary);
    wipe(full->secret, sizeof(full->secret));
    arena_free(&full->arena);
    free(full);
}

void identity_finish(struct identity_full *full)
{
    size_t bytes = sizeof(*full) + full->arena.used_bytes;
    for (size_t i = 0; i < full->is.policies.count; i++)
        bytes += policy_bytes(full->is.policies.items[i]);
    for (size_t i = 0; i < full->is.session_policies.count; i++)
        bytes += policy_bytes(full->is.session_policies.items[i]);
    if (full->is.boundary != NULL)
        bytes += policy_bytes(full->is.boundary);
    full->bytes = bytes;
}

/* ---- compiling ---- */

static const struct policy *compile_literal(struct span text)
{
    struct policy_options options = {.kind = POLICY_IDENTITY, .max_bytes = text.len};
    struct policy *policy = NULL;
    char detail[POLICY_DETAIL_BYTES];
    return policy_compile(text, &options, &policy, detail) ? policy : NULL;
}

static const struct policy *deny_all(void)
{
    return compile_literal(SPAN("{\"Version\":\"2012-10-17\",\"Statement\":{\"Sid\":\"Unreadable\","
                                "\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}"));
}

static const struct policy *allow_all(void)
{
    return compile_literal(SPAN("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
                                "\"Action\":\"*\",\"Resource\":\"*\"}}"));
}

/* What cannot be used denies everything; ignoring it might allow what it denied. NULL: no memory. */
static const struct policy *compile(
    struct identity_maker *maker, struct span text, struct span whose, struct span name)
{
    struct policy_options options = {
        .kind = POLICY_IDENTITY, .max_bytes = IAM_POLICY_TEXT_MAX_BYTES};
    struct policy *policy = NULL;
    char detail[POLICY_DETAIL_BYTES] = "it is not there";
    if (span_present(text) && policy_compile(text, &options, &policy, detail))
        return policy;
    log_message(maker->log, LOG_ERROR,
        "policy %.*s of %.*s cannot be used and denies everything: %s", SPAN_ARG(name),
        SPAN_ARG(whose), detail);
    return deny_all();
}

/* ---- gathering ---- */

static enum iam_err failed(struct identity_maker *maker)
{
    log_message(maker->log, LOG_ERROR, "identities: not enough memory");
    return IAM_FAILED;
}

enum { LIST_FIRST = 8 };

/* Room for one more: 8, 16, 32 … */
static bool is_full(size_t count)
{
    return count == 0 || (count >= LIST_FIRST && (count & (count - 1)) == 0);
}

/* Takes the policy over, NULL too: memory has run out then. names may be NULL. */
static enum iam_err add_policy(struct identity_maker *maker, struct access_policies *policies,
    const struct span **names, const struct policy *policy, struct span name)
{
    struct arena *arena = &maker->into->arena;
    size_t count = policies->count;
    if (policy != NULL && is_full(count)) {
        size_t room = count == 0 ? LIST_FIRST : 2 * count;
        const struct policy **items = arena_array(arena, const struct policy *, room);
        struct span *texts = arena_array(arena, struct span, room);
        if (items != NULL && texts != NULL && count > 0)
            memcpy(items, policies->items, count * sizeof(const struct policy *));
        if (items != NULL && texts != NULL && count > 0 && names != NULL)
            memcpy(texts, *names, count * sizeof(*texts));
        if (items != NULL && texts != NULL) {
            policies->items = items;
            if (names != NULL)
                *names = texts;
        }
    }
    struct span kept = arena_copy(arena, name);
    if (policy == NULL || arena->overflow) {
        policy_free((struct policy *)policy);
        return failed(maker);
    }
    ((const struct policy **)policies->items)[count] = policy;
    if (names != NULL)
        ((struct span *)*names)[count] = kept;
    policies->count++;
    return IAM_OK;
}

static enum iam_err add_text(
    struct identity_maker *maker, struct span text, struct span whose, struct span name)
{
    struct identity *is = &maker->into->is;
    return add_policy(
        maker, &is->policies, &is->policy_names, compile(maker, text, whose, name), name);
}

/* The text of a managed policy now; absent when it is gone, which denies everything. */
static enum iam_err managed_text(
    struct identity_maker *maker, struct span arn, struct span *ret_text)
{
    *ret_text = SPAN_ABSENT;
    enum iam_err err = iam_policy_text(&maker->call, arn, ret_text);
    return err == IAM_NO_SUCH_ENTITY ? IAM_OK : err;
}

static enum iam_err add_inline(struct identity_maker *maker, const struct iam_entity *entity)
{
    struct iam_query query = {.max = IAM_PAGE_MAX};
    struct iam_inline_page page;
    do {
        enum iam_err err = iam_inline_list(&maker->call, entity->kind, entity->name, &query, &page);
        if (err != IAM_OK)
            return err;
        for (size_t i = 0; i < page.count && err == IAM_OK; i++)
            err = add_text(maker, page.items[i].text, entity->arn, page.items[i].name);
        if (err != IAM_OK)
            return err;
        query.after = page.next;
    } while (page.truncated);
    return IAM_OK;
}

/* The policies of its own: inline and attached. */
static enum iam_err add_policies_of(struct identity_maker *maker, const struct iam_entity *entity)
{
    enum iam_err err = add_inline(maker, entity);
    for (size_t i = 0; i < entity->attached_count && err == IAM_OK; i++) {
        struct span text;
        err = managed_text(maker, entity->attached[i], &text);
        if (err == IAM_OK)
            err = add_text(maker, text, entity->arn, entity->attached[i]);
    }
    return err;
}

static enum iam_err add_boundary(struct identity_maker *maker, const struct iam_entity *entity)
{
    struct identity *is = &maker->into->is;
    struct span text;
    if (!span_present(entity->boundary))
        return IAM_OK;
    enum iam_err err = managed_text(maker, entity->boundary, &text);
    if (err != IAM_OK)
        return err;
    is->boundary_arn = arena_copy(&maker->into->arena, entity->boundary);
    is->boundary = compile(maker, text, entity->arn, entity->boundary);
    return is->boundary != NULL ? IAM_OK : failed(maker);
}

/* Tags of the entity, then those of a session, which win. */
static enum iam_err add_tags(
    struct identity_maker *maker, const struct policy_tag *tags, size_t count)
{
    struct arena *arena = &maker->into->arena;
    struct identity *is = &maker->into->is;
    struct policy_tag *all = arena_array(arena, struct policy_tag, is->tag_count + count);
    size_t total = 0;
    for (size_t i = 0; i < is->tag_count && all != NULL; i++) {
        bool hidden = false;
        for (size_t j = 0; j < count && !hidden; j++)
            hidden = span_eq_nocase(is->tags[i].name, tags[j].name);
        if (!hidden)
            all[total++] = is->tags[i];
    }
    for (size_t j = 0; j < count && all != NULL; j++)
        all[total++] =
            (struct policy_tag){arena_copy(arena, tags[j].name), arena_copy(arena, tags[j].value)};
    is->tags = all;
    is->tag_count = total;
    return arena->overflow ? failed(maker) : IAM_OK;
}

/* ---- who ---- */

static enum iam_err begin(struct identity_maker *maker, uint64_t account)
{
    struct arena *arena = &maker->into->arena;
    struct identity *is = &maker->into->is;
    char canonical[CANONICAL_ID_BYTES + 1], digits[ACCOUNT_ID_DIGITS + 1];
    account_canonical_of(account, canonical);
    account_digits(account, digits);
    maker->call.account = account;
    is->account_id = account;
    is->principal.account = arena_copy(arena, span_str(digits));
    is->principal.canonical_id = arena_copy(arena, span_str(canonical));
    return arena->overflow ? failed(maker) : IAM_OK;
}

enum iam_err identity_make_root(struct identity_maker *maker, uint64_t account)
{
    struct identity *is = &maker->into->is;
    enum iam_err err = begin(maker, account);
    is->is_root = true;
    is->principal.kind = POLICY_ACCOUNT_ROOT;
    is->principal.arn = iam_arn(&maker->into->arena, account, "root", SPAN_ABSENT, SPAN_ABSENT);
    is->principal.unique_id = is->principal.account;
    is->user_id = is->principal.account;
    return maker->into->arena.overflow ? failed(maker) : err;
}

static void set_names(struct identity_maker *maker, const struct iam_entity *entity)
{
    struct arena *arena = &maker->into->arena;
    struct identity *is = &maker->into->is;
    is->principal.arn = arena_copy(arena, entity->arn);
    is->principal.unique_id = arena_copy(arena, entity->id);
    is->user_id = is->principal.unique_id;
}

enum iam_err identity_make_group(
    struct identity_maker *maker, uint64_t account, const struct iam_entity *group)
{
    enum iam_err err = begin(maker, account);
    maker->into->is.principal.kind = POLICY_USER;
    set_names(maker, group);
    return err == IAM_OK ? add_policies_of(maker, group) : err;
}

static enum iam_err add_groups(struct identity_maker *maker, const struct iam_entity *user)
{
    for (size_t i = 0; i < user->group_count; i++) {
        struct iam_entity group;
        enum iam_err err = iam_get_by_id(&maker->call, user->group_ids[i], &group, NULL);
        if (err == IAM_NO_SUCH_ENTITY) /* deleted between the two reads: resolved anew soon */
            continue;
        if (err == IAM_OK)
            err = add_policies_of(maker, &group);
        if (err != IAM_OK)
            return err;
    }
    return IAM_OK;
}

enum iam_err identity_make_user(
    struct identity_maker *maker, uint64_t account, const struct iam_entity *user)
{
    struct identity *is = &maker->into->is;
    enum iam_err err = begin(maker, account);
    is->principal.kind = POLICY_USER;
    set_names(maker, user);
    is->user_name = arena_copy(&maker->into->arena, user->name);
    if (err == IAM_OK)
        err = add_tags(maker, user->tags, user->tag_count);
    if (err == IAM_OK)
        err = add_policies_of(maker, user);
    if (err == IAM_OK)
        err = add_groups(maker, user);
    return err == IAM_OK ? add_boundary(maker, user) : err;
}

/* arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION, without the role's path.
 * src: IAM User Guide, "IAM identifiers" */
static void name_role_session(
    struct identity_maker *maker, const struct iam_entity *role, struct span session_name)
{
    struct arena *arena = &maker->into->arena;
    struct identity *is = &maker->into->is;
    is->session_name = arena_copy(arena, session_name);
    is->principal.arn = arena_format(arena, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s",
        SPAN_ARG(is->principal.account), SPAN_ARG(role->name), SPAN_ARG(session_name));
    is->principal.unique_id =
        arena_format(arena, "%.*s:%.*s", SPAN_ARG(role->id), SPAN_ARG(session_name));
    is->user_id = is->principal.unique_id;
}

enum iam_err identity_make_role(struct identity_maker *maker, uint64_t account,
    const struct iam_entity *role, const struct session *session)
{
    struct identity *is = &maker->into->is;
    enum iam_err err = begin(maker, account);
    is->principal.kind = POLICY_ROLE_SESSION;
    set_names(maker, role);
    is->principal.role_arn = is->principal.arn;
    is->principal.role_id = is->principal.unique_id;
    is->role_name = arena_copy(&maker->into->arena, role->name);
    if (session != NULL)
        name_role_session(maker, role, session->name);
    if (err == IAM_OK)
        err = add_tags(maker, role->tags, role->tag_count);
    if (err == IAM_OK)
        err = add_policies_of(maker, role);
    return err == IAM_OK ? add_boundary(maker, role) : err;
}

/* ---- sessions ---- */

/* arn:aws:sts::ACCOUNT:federated-user/NAME: no user any more, but with its policies. One that root made has all
 * that its session policies allow. src: STS API Reference, GetFederationToken */
static enum iam_err make_federated(struct identity_maker *maker, const struct session *session)
{
    struct arena *arena = &maker->into->arena;
    struct identity *is = &maker->into->is;
    bool by_root = is->is_root;
    is->is_root = false;
    is->user_name = SPAN_ABSENT;
    if (!by_root) { /* what names the user counts, within the session policy */
        is->principal.role_arn = is->principal.arn;
        is->principal.role_id = is->principal.unique_id;
    }
    is->principal.kind = POLICY_FEDERATED_USER;
    is->session_name = arena_copy(arena, session->name);
    is->principal.arn = arena_format(arena, "arn:aws:sts::%.*s:federated-user/%.*s",
        SPAN_ARG(is->principal.account), SPAN_ARG(session->name));
    is->principal.unique_id =
        arena_format(arena, "%.*s:%.*s", SPAN_ARG(is->principal.account), SPAN_ARG(session->name));
    is->user_id = is->principal.unique_id;
    return by_root ? add_policy(maker, &is->policies, &is->policy_names, allow_all(), SPAN("root"))
                   : IAM_OK;
}

static enum iam_err add_session_policies(
    struct identity_maker *maker, const struct session *session)
{
    struct identity *is = &maker->into->is;
    struct access_policies *list = &is->session_policies;
    struct span whose = is->principal.arn;
    is->has_session = true;
    if (span_present(session->policy)) {
        const struct policy *policy =
            compile(maker, session->policy, whose, SPAN("of the session"));
        enum iam_err err = add_policy(maker, list, NULL, policy, SPAN(""));
        if (err != IAM_OK)
            return err;
    }
    for (size_t i = 0; i < session->policy_arn_count; i++) {
        struct span text;
        enum iam_err err = managed_text(maker, session->policy_arns[i], &text);
        if (err == IAM_OK)
            err = add_policy(
                maker, list, NULL, compile(maker, text, whose, session->policy_arns[i]), SPAN(""));
        if (err != IAM_OK)
            return err;
    }
    return IAM_OK;
}

enum iam_err identity_add_session(struct identity_maker *maker, const struct session *session)
{
    struct arena *arena = &maker->into->arena;
    struct identity *is = &maker->into->is;
    is->is_temporary = true;
    is->issued_s = session->issued_s;
    is->expires_s = session->expires_s;
    is->source_identity = arena_copy(arena, session->source_identity);
    enum iam_err err = session->kind == SESSION_FEDERATED ? make_federated(maker, session) : IAM_OK;
    if (err == IAM_OK)
        err = add_tags(maker, session->tags, session->tag_count);
    if (err == IAM_OK && (session->has_policies || session->kind == SESSION_FEDERATED))
        err = add_session_policies(maker, session);
    return err == IAM_OK && arena->overflow ? failed(maker) : err;
}
