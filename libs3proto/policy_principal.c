#include "policy_internal.h"

enum {
    ACCOUNT_DIGITS = 12,
    UNIQUE_ID_MIN_BYTES = 16,
    UNIQUE_ID_MAX_BYTES = 128,
    SESSION_NAME_MIN_BYTES = 2,
    SESSION_NAME_MAX_BYTES = 64,
    CANONICAL_ID_BYTES = 64
};

static bool all_of(struct span text, const char *set)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text.ptr[i] || !strchr(set, text.ptr[i]))
            return false;
    return text.len > 0;
}

static bool is_account(struct span text)
{
    return text.len == ACCOUNT_DIGITS && all_of(text, "0123456789");
}

/* AIDA… of a user, AROA… of a role, AROA…:name of a session. src: IAM API Reference, "AssumeRole" */
static bool is_unique_id(struct span text)
{
    static const char in_names[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-";
    size_t colon = span_find_char(text, ':', 0);
    struct span id = span_first(text, colon);
    bool is_role = span_starts(id, SPAN("AROA"));
    if ((!is_role && !span_starts(id, SPAN("AIDA"))) || id.len < UNIQUE_ID_MIN_BYTES ||
        text.len > UNIQUE_ID_MAX_BYTES || !all_of(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
        return false;
    if (colon == SIZE_MAX)
        return true;
    struct span name = span_from(text, colon + 1);
    return is_role && all_of(name, in_names) && name.len >= SESSION_NAME_MIN_BYTES &&
           name.len <= SESSION_NAME_MAX_BYTES;
}

/* The name in "user/path/name"; absent when text does not begin with kind or has odd characters. */
static struct span name_after(struct span text, struct span kind)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_+=,.@-/!\"#$%&'()[]\\^`{|}~;:<>";
    if (!span_starts(text, kind))
        return SPAN_ABSENT;
    struct span name = span_of(text.ptr + kind.len, text.len - kind.len);
    return all_of(name, allowed) && name.ptr[name.len - 1] != '/' ? name : SPAN_ABSENT;
}

/* arn:aws:iam::ACCOUNT:root|user/…|role/…, arn:aws:sts::ACCOUNT:assumed-role/…|federated-user/… */
static bool read_arn(struct span text, struct who_entry *entry)
{
    struct span part[6];
    if (policy_arn_components(text, false, part) < 6 || !span_eq(part[0], SPAN("arn")) ||
        !span_eq(part[1], SPAN("aws")) || part[3].len > 0 || !is_account(part[4]))
        return false;
    entry->who = WHO_ARN;
    entry->id = text;
    if (span_eq(part[2], SPAN("iam"))) {
        if (span_eq(part[5], SPAN("root"))) {
            entry->who = WHO_ACCOUNT;
            entry->id = part[4];
            return true;
        }
        entry->is_entity = true;
        return span_present(name_after(part[5], SPAN("user/"))) ||
               span_present(name_after(part[5], SPAN("role/")));
    }
    if (!span_eq(part[2], SPAN("sts")))
        return false;
    struct span session = name_after(part[5], SPAN("assumed-role/"));
    return span_find_char(session, '/', 0) != SIZE_MAX ||
           span_present(name_after(part[5], SPAN("federated-user/")));
}

/* The unique id of an ARN, an id itself; absent: it does not exist. */
static struct span resolve(const struct compiler *compiler, struct span principal)
{
    const struct policy_resolver *resolver = &compiler->options->resolver;
    return resolver->unique_id ? resolver->unique_id(resolver->ctx, principal) : principal;
}

static bool exists(const struct compiler *compiler, struct span id)
{
    return span_present(resolve(compiler, id));
}

static bool read_aws(struct compiler *compiler, struct span text, struct who_entry *entry)
{
    if (span_eq(text, SPAN("*"))) {
        entry->who = WHO_ANYONE;
        return true;
    }
    if (is_account(text)) {
        entry->who = WHO_ACCOUNT;
        entry->id = text;
        return exists(compiler, text);
    }
    if (is_unique_id(text)) {
        entry->who = WHO_ID;
        entry->id = text;
        return exists(compiler, span_first(text, span_find_char(text, ':', 0)));
    }
    if (!read_arn(text, entry))
        return false;
    if (entry->who == WHO_ACCOUNT)
        return exists(compiler, entry->id);
    if (!entry->is_entity || !compiler->options->resolver.unique_id)
        return true;
    entry->who = WHO_ID;
    entry->id = resolve(compiler, text);
    return span_present(entry->id);
}

static bool is_host_name(struct span text)
{
    return span_find_char(text, '.', 0) != SIZE_MAX &&
           all_of(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-./_:");
}

static bool read_canonical(struct compiler *compiler, struct span text, struct who_entry *entry)
{
    entry->who = WHO_CANONICAL;
    entry->id = text;
    return text.len == CANONICAL_ID_BYTES && all_of(text, "0123456789abcdefABCDEF") &&
           exists(compiler, text);
}

/* Services and identity providers do not ask here: kept, and never matched. */
static bool read_foreign(struct compiler *compiler, struct span text, struct who_entry *entry)
{
    bool provider = span_starts(text, SPAN("arn:aws:iam::"));
    if (!is_host_name(text) && !provider)
        return false;
    entry->who = WHO_NEVER;
    entry->id = text;
    policy_warn(compiler, "a principal that never asks here", text);
    return true;
}

struct principals {
    struct statement *statement;
    struct who_entry *entries;
    size_t count;
    struct span kind; /* "AWS", "Service" … */
};

static bool add_principal(struct compiler *compiler, struct span text, size_t index, void *ctx)
{
    struct principals *principals = ctx;
    struct who_entry *entry = &principals->entries[principals->count++];
    struct arena *arena = &compiler->policy->arena;
    bool trust = compiler->options->kind == POLICY_TRUST, good = false;
    (void)index;
    if (span_eq(principals->kind, SPAN("AWS")))
        good = read_aws(compiler, text, entry);
    else if (span_eq(principals->kind, SPAN("CanonicalUser")))
        good = !trust && read_canonical(compiler, text, entry);
    else if (span_eq(principals->kind, SPAN("Service")) ||
             span_eq(principals->kind, SPAN("Federated")))
        good = read_foreign(compiler, text, entry);
    if (!good)
        return policy_fail(compiler, "Invalid principal in policy");
    entry->text = arena_copy(arena, text);
    entry->id = arena_copy(arena, entry->id);
    return true;
}

static size_t count_principals(const struct json_node *node)
{
    void *at = NULL;
    struct span name;
    const struct json_node *value;
    size_t count = 0;
    while (json_node_next(node, &at, &name, &value))
        count += policy_string_count(value);
    return count;
}

bool policy_compile_principals(
    struct compiler *compiler, const struct json_node *node, struct statement *statement)
{
    struct principals principals = {.statement = statement};
    void *at = NULL;
    const struct json_node *value;
    bool anyone = span_eq(json_node_string(node, SPAN_ABSENT), SPAN("*"));
    size_t count = anyone ? 1 : count_principals(node);
    if (!anyone && json_node_kind(node) != JSON_KIND_OBJECT)
        return policy_fail(compiler, "Invalid principal in policy");
    if (count == 0)
        return policy_fail(compiler, "Missing required field Principal cannot be empty!");
    principals.entries = arena_array(&compiler->policy->arena, struct who_entry, count);
    if (!principals.entries)
        return policy_fail(compiler, "The policy is too large when compiled");
    statement->principals = principals.entries;
    statement->principal_count = count;
    if (anyone)
        principals.entries[0] = (struct who_entry){.who = WHO_ANYONE, .text = SPAN("*")};
    while (json_node_next(node, &at, &principals.kind, &value)) {
        compiler->place.outer = principals.kind;
        if (!policy_each_string(
                compiler, value, "Invalid principal in policy", add_principal, &principals))
            return false;
    }
    compiler->place.outer = SPAN_ABSENT;
    return true;
}

unsigned policy_who_matches(const struct who_entry *entry, const struct policy_principal *principal)
{
    if (entry->who == WHO_ANYONE)
        return POLICY_NAMED_ANYONE;
    if (principal->kind == POLICY_ANONYMOUS)
        return 0;
    switch (entry->who) {
    case WHO_ACCOUNT:
        return span_eq(entry->id, principal->account) ? POLICY_NAMED_ACCOUNT : 0;
    case WHO_CANONICAL:
        return span_eq_nocase(entry->id, principal->canonical_id) ? POLICY_NAMED_ACCOUNT : 0;
    case WHO_ID:
        return span_eq(entry->id, principal->unique_id) ? POLICY_NAMED_EXACTLY
               : span_eq(entry->id, principal->role_id) ? POLICY_NAMED_ROLE
                                                        : 0;
    case WHO_ARN:
        return span_eq(entry->id, principal->arn)        ? POLICY_NAMED_EXACTLY
               : span_eq(entry->id, principal->role_arn) ? POLICY_NAMED_ROLE
                                                         : 0;
    case WHO_ANYONE:
    case WHO_NEVER:
        break;
    }
    return 0;
}

void policy_each_principal(
    const struct policy *policy, void (*found)(void *ctx, struct span arn), void *ctx)
{
    for (size_t i = 0; i < policy->statement_count; i++) {
        const struct statement *statement = &policy->statements[i];
        for (size_t j = 0; j < statement->principal_count; j++) {
            const struct who_entry *entry = &statement->principals[j];
            if (entry->is_entity)
                found(ctx, entry->text);
        }
    }
}
