#include "post_policy.h"

#include "base/encode.h"
#include "http_time.h"
#include "json_read.h"

static enum s3_err invalid(struct arena *arena, struct span *ret_detail, const char *what)
{
    *ret_detail = arena_format(arena, "Invalid Policy: %s", what);
    return S3_ERR_INVALID_POLICY_DOCUMENT;
}

/* ---- reading ---- */

static enum s3_err read_expiration(struct arena *arena, const struct json_node *root,
    struct post_policy *policy, struct span *ret_detail)
{
    struct span text = json_node_string(json_node_member(root, "expiration"), SPAN_ABSENT);
    if (!span_present(text))
        return invalid(arena, ret_detail, "Policy missing expiration.");
    if (!span_ends(text, SPAN("Z")) || !iso_time_parse(text, &policy->expires_ms))
        return invalid(arena, ret_detail, "Invalid 'expiration' value.");
    return S3_OK;
}

/* The value of an exact match and of eq and starts-with: a string, or what a form writes as one. */
static bool read_text(struct arena *arena, const struct json_node *node, struct span *ret_text)
{
    struct span text = SPAN_ABSENT;
    if (json_node_kind(node) == JSON_KIND_STRING)
        text = arena_copy(arena, json_node_string(node, SPAN("")));
    else if (json_node_kind(node) == JSON_KIND_INTEGER)
        text = arena_format(arena, "%lld", (long long)json_node_integer(node, 0));
    if (!span_present(text))
        return false;
    *ret_text = text;
    return true;
}

static enum s3_err add(struct arena *arena, struct post_policy *policy,
    struct post_condition *conditions, struct post_condition condition, struct span *ret_detail)
{
    static const char *const words[] = {"eq", "starts-with"};
    if (policy->count == POST_POLICY_CONDITIONS_MAX)
        return invalid(arena, ret_detail, "Too many conditions.");
    condition.text = arena_format(arena, "[\"%s\", \"$%.*s\", \"%.*s\"]", words[condition.match],
        SPAN_ARG(condition.field), SPAN_ARG(condition.value));
    conditions[policy->count++] = condition;
    return S3_OK;
}

/* {"acl": "public-read"}: any number of members, one at least. */
static enum s3_err read_object(struct arena *arena, const struct json_node *node,
    struct post_policy *policy, struct post_condition *conditions, struct span *ret_detail)
{
    void *at = NULL;
    struct span name;
    const struct json_node *value;
    if (json_node_count(node) == 0)
        return invalid(arena, ret_detail, "Invalid JSON: a condition is empty.");
    while (json_node_next(node, &at, &name, &value)) {
        struct post_condition condition = {.match = POST_MATCH_EQ};
        condition.field = arena_copy(arena, name);
        if (!read_text(arena, value, &condition.value))
            return invalid(arena, ret_detail, "Invalid Simple-Condition: value must be a string.");
        TRY(add(arena, policy, conditions, condition, ret_detail));
    }
    return S3_OK;
}

static bool read_size(const struct json_node *node, uint64_t *ret_bytes)
{
    if (json_node_kind(node) == JSON_KIND_STRING)
        return span_to_u64(json_node_string(node, SPAN("")), ret_bytes);
    int64_t value = json_node_integer(node, -1);
    if (json_node_kind(node) != JSON_KIND_INTEGER || value < 0)
        return false;
    *ret_bytes = (uint64_t)value;
    return true;
}

/* ["content-length-range", 0, 1024]: of several all hold. */
static enum s3_err read_range(struct arena *arena, const struct json_node *node,
    struct post_policy *policy, struct span *ret_detail)
{
    uint64_t least, most;
    if (json_node_count(node) != 3)
        return invalid(arena, ret_detail,
            "Invalid Policy-Condition: content-length-range takes two arguments.");
    if (!read_size(json_node_item(node, 1), &least) || !read_size(json_node_item(node, 2), &most))
        return invalid(arena, ret_detail,
            "Invalid Policy-Condition: content-length-range takes numbers that are not negative.");
    if (!policy->has_range || least > policy->min_bytes)
        policy->min_bytes = least;
    if (!policy->has_range || most < policy->max_bytes)
        policy->max_bytes = most;
    policy->has_range = true;
    return S3_OK;
}

/* ["starts-with", "$key", "user/"] */
static enum s3_err read_array(struct arena *arena, const struct json_node *node,
    struct post_policy *policy, struct post_condition *conditions, struct span *ret_detail)
{
    struct post_condition condition = {.match = POST_MATCH_EQ};
    struct span word = json_node_string(json_node_item(node, 0), SPAN_ABSENT);
    if (span_eq_nocase(word, SPAN("content-length-range")))
        return read_range(arena, node, policy, ret_detail);
    if (span_eq_nocase(word, SPAN("starts-with")))
        condition.match = POST_MATCH_STARTS_WITH;
    else if (!span_eq_nocase(word, SPAN("eq")))
        return invalid(arena, ret_detail, "Invalid Policy-Condition: unknown operation.");
    if (json_node_count(node) != 3)
        return invalid(
            arena, ret_detail, "Invalid Policy-Condition: the operation takes two arguments.");
    struct span field = json_node_string(json_node_item(node, 1), SPAN_ABSENT);
    if (field.len < 2 || field.ptr[0] != '$')
        return invalid(
            arena, ret_detail, "Invalid Policy-Condition: the field's name must begin with $.");
    condition.field = arena_copy(arena, span_from(field, 1));
    if (!read_text(arena, json_node_item(node, 2), &condition.value))
        return invalid(arena, ret_detail, "Invalid Policy-Condition: value must be a string.");
    return add(arena, policy, conditions, condition, ret_detail);
}

static enum s3_err read_conditions(struct arena *arena, const struct json_node *root,
    struct post_policy *policy, struct span *ret_detail)
{
    const struct json_node *list = json_node_member(root, "conditions");
    if (list == NULL || json_node_kind(list) != JSON_KIND_ARRAY)
        return invalid(arena, ret_detail, "Policy missing conditions.");
    struct post_condition *conditions =
        arena_array(arena, struct post_condition, POST_POLICY_CONDITIONS_MAX);
    if (conditions == NULL)
        return S3_ERR_INTERNAL;
    policy->conditions = conditions;
    for (size_t i = 0; i < json_node_count(list); i++) {
        const struct json_node *item = json_node_item(list, i);
        if (json_node_kind(item) == JSON_KIND_OBJECT)
            TRY(read_object(arena, item, policy, conditions, ret_detail));
        else if (json_node_kind(item) == JSON_KIND_ARRAY)
            TRY(read_array(arena, item, policy, conditions, ret_detail));
        else
            return invalid(arena, ret_detail, "Invalid JSON: a condition is an object or a list.");
    }
    return S3_OK;
}

static enum s3_err check_members(
    struct arena *arena, const struct json_node *root, struct span *ret_detail)
{
    void *at = NULL;
    struct span name;
    const struct json_node *value;
    while (json_node_next(root, &at, &name, &value))
        if (!span_eq(name, SPAN("expiration")) && !span_eq(name, SPAN("conditions")))
            return invalid(arena, ret_detail, "Unexpected member.");
    return S3_OK;
}

static enum s3_err read_document(struct arena *arena, const struct json_node *root,
    struct post_policy *ret_policy, struct span *ret_detail)
{
    struct post_policy policy = {0};
    if (json_node_kind(root) != JSON_KIND_OBJECT)
        return invalid(arena, ret_detail, "Invalid JSON.");
    TRY(check_members(arena, root, ret_detail));
    TRY(read_expiration(arena, root, &policy, ret_detail));
    TRY(read_conditions(arena, root, &policy, ret_detail));
    if (arena->overflow)
        return S3_ERR_INTERNAL;
    *ret_policy = policy;
    return S3_OK;
}

enum s3_err post_policy_parse(
    struct arena *arena, struct span text, struct post_policy *ret_policy, struct span *ret_detail)
{
    char detail[JSON_DETAIL_BYTES];
    size_t len = 0;
    if (text.len > POST_POLICY_MAX_BYTES / 3 * 4)
        return invalid(arena, ret_detail, "The document is too long.");
    char *json = arena_alloc(arena, POST_POLICY_MAX_BYTES + 1);
    if (json == NULL)
        return S3_ERR_INTERNAL;
    if (!base64_decode(text, json, POST_POLICY_MAX_BYTES, &len))
        return invalid(arena, ret_detail, "It is not base64.");
    struct json_node *root = json_text_parse(span_of(json, len), detail);
    if (root == NULL)
        return invalid(arena, ret_detail, "Invalid JSON.");
    enum s3_err err = read_document(arena, root, ret_policy, ret_detail);
    json_text_free(root);
    return err;
}

/* ---- checking ---- */

/* src: S3 API Reference, "POST Policy", "Conditions": all fields but these must be named */
static bool needs_no_condition(struct span name)
{
    static const struct span exempt[] = {SPAN("policy"), SPAN("file"), SPAN("x-amz-signature"),
        SPAN("signature"), SPAN("AWSAccessKeyId")};
    for (size_t i = 0; i < ARRAY_LEN(exempt); i++)
        if (span_eq_nocase(name, exempt[i]))
            return true;
    return span_starts_nocase(name, SPAN("x-ignore-"));
}

static const struct form_field *find_field(
    const struct form_field *fields, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(fields[i].name, name))
            return &fields[i];
    return NULL;
}

/* Each of a Content-Type's comma separated values begins with the prefix. src: the same page */
static bool each_starts(struct span list, struct span prefix)
{
    struct span item;
    while (span_split(&list, ',', &item))
        if (!span_starts(span_trim(item), prefix))
            return false;
    return true;
}

static bool is_met(const struct post_condition *condition, struct span value)
{
    if (condition->match == POST_MATCH_EQ)
        return span_eq(value, condition->value);
    if (span_eq_nocase(condition->field, SPAN("Content-Type")))
        return each_starts(value, condition->value);
    return span_starts(value, condition->value);
}

static enum s3_err denied(struct arena *arena, struct span *ret_detail, struct span detail)
{
    (void)arena;
    *ret_detail = detail;
    return S3_ERR_ACCESS_DENIED;
}

/* Is every field named by a condition? */
static enum s3_err check_covered(struct arena *arena, const struct post_policy *policy,
    const struct form_field *fields, size_t count, struct span *ret_detail)
{
    for (size_t i = 0; i < count; i++) {
        bool named = needs_no_condition(fields[i].name);
        for (size_t c = 0; c < policy->count && !named; c++)
            named = span_eq_nocase(policy->conditions[c].field, fields[i].name);
        if (named)
            continue;
        struct span shown =
            span_is_utf8(fields[i].name) ? span_first(fields[i].name, 256) : SPAN("?");
        return denied(arena, ret_detail,
            arena_format(arena, "Invalid according to Policy: Extra input fields: %.*s",
                SPAN_ARG(span_is_utf8(shown) ? shown : SPAN("?"))));
    }
    return S3_OK;
}

static bool names_bucket(const struct post_policy *policy)
{
    for (size_t i = 0; i < policy->count; i++)
        if (span_eq_nocase(policy->conditions[i].field, SPAN("bucket")))
            return true;
    return false;
}

enum s3_err post_policy_check(struct arena *arena, const struct post_policy *policy,
    const struct form_field *fields, size_t count, struct span bucket, int64_t now_ms,
    struct span *ret_detail)
{
    if (now_ms >= policy->expires_ms)
        return denied(arena, ret_detail, SPAN("Invalid according to Policy: Policy expired."));
    for (size_t i = 0; i < policy->count; i++) {
        const struct post_condition *condition = &policy->conditions[i];
        const struct form_field *field = find_field(fields, count, condition->field);
        struct span value = field != NULL ? field->value : SPAN("");
        /* The bucket is the one that is written to, whatever a field of that name says. */
        if (span_eq_nocase(condition->field, SPAN("bucket")))
            value = bucket;
        if (!is_met(condition, value))
            return denied(arena, ret_detail,
                arena_format(arena, "Invalid according to Policy: Policy Condition failed: %.*s",
                    SPAN_ARG(condition->text)));
    }
    if (!names_bucket(policy))
        return denied(arena, ret_detail,
            SPAN("Invalid according to Policy: Bucket is not named by any condition: bucket"));
    return check_covered(arena, policy, fields, count, ret_detail);
}
