#include "policy_internal.h"

enum key_type {
    TYPE_STRING,
    TYPE_ARN,
    TYPE_IP,
    TYPE_BOOL,
    TYPE_NUMBER,
    TYPE_DATE,
    TYPE_BINARY,
    TYPE_LIST,
};

static const struct {
    struct span name;
    enum key_type type;
    bool lacking;
} keys[] = {
#define POLICY_KEY(id, name, type, lacking) {{(name), sizeof(name) - 1}, TYPE_##type, lacking},
#include "policy_keys.def"
#undef POLICY_KEY
};

static const struct {
    struct span prefix;
    enum policy_tag_family family;
} families[] = {
    {{"aws:PrincipalTag/", 17}, POLICY_TAGS_PRINCIPAL},
    {{"aws:RequestTag/", 15}, POLICY_TAGS_REQUEST},
    {{"aws:ResourceTag/", 16}, POLICY_TAGS_RESOURCE},
    {{"iam:ResourceTag/", 16}, POLICY_TAGS_RESOURCE},
    {{"s3:BucketTag/", 13}, POLICY_TAGS_RESOURCE},
    {{"s3:ExistingObjectTag/", 21}, POLICY_TAGS_EXISTING_OBJECT},
    {{"s3:RequestObjectTag/", 20}, POLICY_TAGS_REQUEST_OBJECT},
    {{"s3:AccessPointTag/", 18}, POLICY_TAGS_ACCESS_POINT},
};

static const struct policy_action actions[] = {
#define POLICY_ACTION(name, resource, served)                                                      \
    {{(name), sizeof(name) - 1}, POLICY_ON_##resource, served},
#include "policy_actions.def"
#undef POLICY_ACTION
};

enum policy_key policy_key_named(
    struct span name, enum policy_tag_family *ret_family, struct span *ret_tag)
{
    *ret_family = POLICY_TAG_FAMILIES;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (span_eq_nocase(keys[i].name, name))
            return (enum policy_key)i;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        if (name.len > families[i].prefix.len && span_starts_nocase(name, families[i].prefix)) {
            *ret_family = families[i].family;
            *ret_tag = span_from(name, families[i].prefix.len);
            break;
        }
    }
    return POLICY_KEYS;
}

struct span policy_key_name(enum policy_key key)
{
    return keys[key].name;
}

bool policy_key_is_list(const struct key_ref *key)
{
    return key->key != POLICY_KEYS && keys[key->key].type == TYPE_LIST;
}

bool policy_key_suits(const struct key_ref *key, enum test test)
{
    if (key->key == POLICY_KEYS)
        return true;
    enum key_type type = keys[key->key].type;
    switch (test) {
    case TEST_STRING:
        return type != TYPE_IP;
    case TEST_NUMBER:
        return type == TYPE_NUMBER || type == TYPE_STRING || key->key == POLICY_KEY_AWS_EPOCH_TIME;
    case TEST_DATE:
        return type == TYPE_DATE;
    case TEST_BOOL:
        return type == TYPE_BOOL;
    case TEST_IP:
        return type == TYPE_IP;
    case TEST_ARN:
        return type == TYPE_ARN || type == TYPE_LIST;
    case TEST_BINARY:
    case TEST_NULL:
        break;
    }
    return true;
}

const struct policy_action *policy_action_next(
    struct span pattern, const struct policy_action *after)
{
    const struct policy_action *end = actions + ARRAY_LEN(actions);
    for (const struct policy_action *at = after ? after + 1 : actions; at < end; at++)
        if (policy_glob(pattern, at->name, true))
            return at;
    return NULL;
}

static bool is_ours(struct span name)
{
    return span_starts_nocase(name, SPAN("aws:")) || span_starts_nocase(name, SPAN("s3:")) ||
           span_starts_nocase(name, SPAN("lakegate:"));
}

/* "service:name", the service of letters, digits, "-" and "." */
static bool is_key_name(struct span name)
{
    size_t colon = span_find_char(name, ':', 0);
    if (colon == SIZE_MAX || colon == 0 || colon + 1 == name.len)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '*' || c == '$' || c == '{' || c == '}' || c == '"')
            return false;
    }
    return true;
}

bool policy_compile_key(struct compiler *compiler, struct span name, struct key_ref *ret_key)
{
    ret_key->tag = SPAN_ABSENT;
    ret_key->key = policy_key_named(name, &ret_key->family, &ret_key->tag);
    if (ret_key->key != POLICY_KEYS) {
        compiler->policy->uses_key[ret_key->key] = true;
        if (keys[ret_key->key].lacking)
            policy_warn(compiler, "a condition key that is never present here", name);
        return true;
    }
    if (ret_key->family != POLICY_TAG_FAMILIES) {
        compiler->policy->uses_tags[ret_key->family] = true;
        ret_key->tag = arena_copy(&compiler->policy->arena, ret_key->tag);
        return true;
    }
    if (compiler->options->kind == POLICY_BUCKET || is_ours(name) || !is_key_name(name))
        return policy_fail(compiler, "Policy has an invalid condition key");
    policy_warn(compiler, "a condition key of another service, never present here", name);
    return true;
}
