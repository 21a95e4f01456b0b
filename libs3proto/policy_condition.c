#include "policy_internal.h"

#include "base/encode.h"

/* src: IAM User Guide, "IAM JSON policy elements: Condition operators" */
static const struct operator_info operators[] = {
    /* name, test, order, negated, wildcards, ignore case */
    {"StringEquals", TEST_STRING, ORDER_EQUAL, false, false, false},
    {"StringNotEquals", TEST_STRING, ORDER_EQUAL, true, false, false},
    {"StringEqualsIgnoreCase", TEST_STRING, ORDER_EQUAL, false, false, true},
    {"StringNotEqualsIgnoreCase", TEST_STRING, ORDER_EQUAL, true, false, true},
    {"StringLike", TEST_STRING, ORDER_EQUAL, false, true, false},
    {"StringNotLike", TEST_STRING, ORDER_EQUAL, true, true, false},
    {"NumericEquals", TEST_NUMBER, ORDER_EQUAL, false, false, false},
    {"NumericNotEquals", TEST_NUMBER, ORDER_EQUAL, true, false, false},
    {"NumericLessThan", TEST_NUMBER, ORDER_LESS, false, false, false},
    {"NumericLessThanEquals", TEST_NUMBER, ORDER_LESS_EQUAL, false, false, false},
    {"NumericGreaterThan", TEST_NUMBER, ORDER_GREATER, false, false, false},
    {"NumericGreaterThanEquals", TEST_NUMBER, ORDER_GREATER_EQUAL, false, false, false},
    {"DateEquals", TEST_DATE, ORDER_EQUAL, false, false, false},
    {"DateNotEquals", TEST_DATE, ORDER_EQUAL, true, false, false},
    {"DateLessThan", TEST_DATE, ORDER_LESS, false, false, false},
    {"DateLessThanEquals", TEST_DATE, ORDER_LESS_EQUAL, false, false, false},
    {"DateGreaterThan", TEST_DATE, ORDER_GREATER, false, false, false},
    {"DateGreaterThanEquals", TEST_DATE, ORDER_GREATER_EQUAL, false, false, false},
    {"Bool", TEST_BOOL, ORDER_EQUAL, false, false, false},
    {"BinaryEquals", TEST_BINARY, ORDER_EQUAL, false, false, false},
    {"IpAddress", TEST_IP, ORDER_EQUAL, false, false, false},
    {"NotIpAddress", TEST_IP, ORDER_EQUAL, true, false, false},
    {"ArnEquals", TEST_ARN, ORDER_EQUAL, false, true, false},
    {"ArnNotEquals", TEST_ARN, ORDER_EQUAL, true, true, false},
    {"ArnLike", TEST_ARN, ORDER_EQUAL, false, true, false},
    {"ArnNotLike", TEST_ARN, ORDER_EQUAL, true, true, false},
    {"Null", TEST_NULL, ORDER_EQUAL, false, false, false},
};

/* "ForAnyValue:StringLikeIfExists" */
static bool read_operator(struct span name, struct condition *condition)
{
    static const struct span suffix = {"IfExists", 8};
    condition->quantifier = QUANTIFIER_NONE;
    if (span_starts(name, SPAN("ForAllValues:")))
        condition->quantifier = QUANTIFIER_ALL;
    else if (span_starts(name, SPAN("ForAnyValue:")))
        condition->quantifier = QUANTIFIER_ANY;
    if (condition->quantifier != QUANTIFIER_NONE)
        name = span_from(name, span_find_char(name, ':', 0) + 1);
    condition->if_exists = span_ends(name, suffix);
    if (condition->if_exists)
        name = span_first(name, name.len - suffix.len);
    condition->op = NULL;
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (span_eq(span_str(operators[i].name), name))
            condition->op = &operators[i];
    if (!condition->op)
        return false;
    bool plain = condition->quantifier == QUANTIFIER_NONE && !condition->if_exists;
    return plain || condition->op->test != TEST_NULL;
}

static bool read_binary(struct compiler *compiler, struct span text, struct span *ret_bytes)
{
    size_t len = 0;
    char *bytes = arena_alloc(&compiler->policy->arena, text.len);
    if (!bytes || !base64_decode(text, bytes, text.len, &len))
        return false;
    *ret_bytes = span_of(bytes, len);
    return true;
}

/* An ARN that no ARN can be like is refused in bucket policies, else kept: it matches nothing. */
static bool read_arn(struct compiler *compiler, struct span text, struct pattern *ret_pattern)
{
    bool is_arn = false;
    if (policy_compile_arn(compiler, text, ret_pattern, &is_arn))
        return true;
    if (is_arn || compiler->options->kind == POLICY_BUCKET)
        return is_arn ? false : policy_fail(compiler, "Invalid ARN in a condition");
    policy_warn(compiler, "a value that is like no ARN", text);
    return policy_compile_pattern(compiler, text, false, ret_pattern);
}

struct values {
    const struct operator_info *op;
    union condition_value *items;
};

static bool add_value(struct compiler *compiler, struct span text, size_t index, void *ctx)
{
    struct values *values = ctx;
    union condition_value *value = &values->items[index];
    bool good = false;
    switch (values->op->test) {
    case TEST_STRING:
        return policy_compile_pattern(compiler, text, values->op->wildcards, &value->pattern);
    case TEST_ARN:
        return read_arn(compiler, text, &value->pattern);
    case TEST_NUMBER:
        good = policy_parse_number(text, &value->number);
        break;
    case TEST_DATE:
        good = policy_parse_time(text, &value->time_ms);
        break;
    case TEST_BOOL:
    case TEST_NULL:
        good = policy_parse_bool(text, &value->boolean);
        break;
    case TEST_BINARY:
        good = read_binary(compiler, text, &value->bytes);
        break;
    case TEST_IP:
        good = policy_parse_ip(text, &value->net);
        break;
    }
    return good || policy_fail(compiler, "Invalid value for the condition's type");
}

static bool compile_condition(struct compiler *compiler, struct span key,
    const struct json_node *node, struct condition *condition)
{
    struct values values = {.op = condition->op};
    compiler->place.inner = key;
    if (!policy_compile_key(compiler, key, &condition->key))
        return false;
    if (!policy_key_suits(&condition->key, condition->op->test))
        policy_warn(compiler, "a key of another type than the operator", key);
    condition->count = policy_string_count(node);
    values.items = arena_array(&compiler->policy->arena, union condition_value, condition->count);
    if (!values.items)
        return policy_fail(compiler, "The policy is too large when compiled");
    condition->values = values.items;
    bool good = policy_each_string(compiler, node, "Invalid condition value", add_value, &values);
    compiler->place.inner = SPAN_ABSENT;
    return good;
}

static bool compile_operator(struct compiler *compiler, struct span name,
    const struct json_node *node, struct condition *conditions, size_t *count)
{
    struct condition condition = {0};
    struct span key;
    const struct json_node *value;
    void *at = NULL;
    compiler->place.outer = name;
    if (!read_operator(name, &condition))
        return policy_fail(compiler, "Invalid Condition type");
    if (json_node_kind(node) != JSON_KIND_OBJECT)
        return policy_fail(compiler, "Invalid Condition: an object is needed");
    while (json_node_next(node, &at, &key, &value)) {
        conditions[*count] = condition;
        if (!compile_condition(compiler, key, value, &conditions[(*count)++]))
            return false;
    }
    compiler->place.outer = SPAN_ABSENT;
    return true;
}

bool policy_compile_conditions(
    struct compiler *compiler, const struct json_node *node, struct statement *statement)
{
    struct span name;
    const struct json_node *value;
    size_t max = 0;
    void *at = NULL;
    compiler->place.element = "Condition";
    if (json_node_kind(node) != JSON_KIND_OBJECT)
        return policy_fail(compiler, "Invalid Condition: an object is needed");
    while (json_node_next(node, &at, &name, &value))
        max += json_node_count(value);
    struct condition *conditions = arena_array(&compiler->policy->arena, struct condition, max);
    if (!conditions)
        return policy_fail(compiler, "The policy is too large when compiled");
    statement->conditions = conditions;
    at = NULL;
    while (json_node_next(node, &at, &name, &value))
        if (!compile_operator(compiler, name, value, conditions, &statement->condition_count))
            return false;
    return true;
}

/* ---- evaluating ---- */

static const struct policy_tag *find_tag(
    const struct policy_context *context, const struct key_ref *key)
{
    const struct policy_tag *found = NULL, *tags = context->tags[key->family].items;
    for (size_t i = 0; i < context->tags[key->family].count; i++) {
        if (span_eq(tags[i].name, key->tag))
            return &tags[i];
        if (!found && span_eq_nocase(tags[i].name, key->tag))
            found = &tags[i];
    }
    return found;
}

struct policy_values policy_lookup(
    const struct policy_context *context, const struct key_ref *key, struct policy_scratch *scratch)
{
    struct policy_values none = {NULL, 0};
    if (key->family != POLICY_TAG_FAMILIES) {
        const struct policy_tag *tag = find_tag(context, key);
        return tag ? (struct policy_values){&tag->value, 1} : none;
    }
    if (key->key == POLICY_KEYS)
        return none;
    if (context->keys[key->key].count > 0)
        return context->keys[key->key];
    if (key->key == POLICY_KEY_AWS_CURRENT_TIME) {
        iso_time_format(context->now_s * 1000, scratch->time);
        memcpy(scratch->time + sizeof("2026-01-01T00:00:00") - 1, "Z", 2);
    } else if (key->key == POLICY_KEY_AWS_EPOCH_TIME)
        snprintf(scratch->time, sizeof(scratch->time), "%lld", (long long)context->now_s);
    else
        return none;
    scratch->item = span_str(scratch->time);
    return (struct policy_values){&scratch->item, 1};
}

/* Where order is that of left to right: less, equal or greater. */
static bool in_order(enum order order, int comparison)
{
    switch (order) {
    case ORDER_EQUAL:
        return comparison == 0;
    case ORDER_LESS:
        return comparison < 0;
    case ORDER_LESS_EQUAL:
        return comparison <= 0;
    case ORDER_GREATER:
        return comparison > 0;
    case ORDER_GREATER_EQUAL:
        return comparison >= 0;
    }
    return false;
}

/* A value of the request, read once for all values of the policy. */
struct asked {
    struct span text;
    double number;
    int64_t time_ms;
    bool boolean;
    struct ip_net net;
};

/* False: a value that is not of the operator's type matches nothing. */
static bool read_asked(enum test test, struct span text, struct asked *asked)
{
    asked->text = text;
    switch (test) {
    case TEST_NUMBER:
        return policy_parse_number(text, &asked->number);
    case TEST_DATE:
        return policy_parse_time(text, &asked->time_ms);
    case TEST_BOOL:
        return policy_parse_bool(text, &asked->boolean);
    case TEST_IP:
        return policy_parse_ip(text, &asked->net);
    case TEST_STRING:
    case TEST_BINARY:
    case TEST_ARN:
    case TEST_NULL:
        break;
    }
    return true;
}

static bool value_matches(const struct operator_info *op, const union condition_value *value,
    const struct asked *asked, struct evaluation *evaluation)
{
    switch (op->test) {
    case TEST_STRING:
    case TEST_ARN:
        return policy_match(&value->pattern, asked->text, evaluation, op->ignore_case);
    case TEST_NUMBER:
        return in_order(
            op->order, (asked->number > value->number) - (asked->number < value->number));
    case TEST_DATE:
        return in_order(
            op->order, (asked->time_ms > value->time_ms) - (asked->time_ms < value->time_ms));
    case TEST_BOOL:
        return asked->boolean == value->boolean;
    case TEST_BINARY:
        return span_eq(asked->text, value->bytes);
    case TEST_IP:
        return policy_ip_within(&asked->net, &value->net);
    case TEST_NULL:
        break;
    }
    return false;
}

static bool any_value_matches(
    const struct condition *condition, struct span text, struct evaluation *evaluation)
{
    struct asked asked;
    if (!read_asked(condition->op->test, text, &asked))
        return false;
    bool unresolved = evaluation->unresolved;
    for (size_t i = 0; i < condition->count; i++) {
        if (value_matches(condition->op, &condition->values[i], &asked, evaluation)) {
            evaluation->unresolved = unresolved;
            return true;
        }
    }
    return false;
}

static bool is_null(const struct condition *condition, bool absent)
{
    for (size_t i = 0; i < condition->count; i++)
        if (condition->values[i].boolean == absent)
            return true;
    return false;
}

/* src: IAM User Guide, "Condition operators", "Multivalued context keys" */
static bool holds(const struct condition *condition, struct evaluation *evaluation)
{
    const struct operator_info *op = condition->op;
    struct policy_scratch scratch;
    struct policy_values values = policy_lookup(evaluation->context, &condition->key, &scratch);
    if (op->test == TEST_NULL)
        return is_null(condition, values.count == 0);
    if (values.count == 0)
        return condition->if_exists || condition->quantifier == QUANTIFIER_ALL ||
               (condition->quantifier == QUANTIFIER_NONE && op->negated);
    bool any = false, all = true;
    for (size_t i = 0; i < values.count; i++) {
        bool matches = any_value_matches(condition, values.items[i], evaluation);
        bool good = condition->quantifier == QUANTIFIER_NONE ? matches : matches != op->negated;
        any = any || good;
        all = all && good;
    }
    if (condition->quantifier == QUANTIFIER_NONE)
        return any != op->negated;
    return condition->quantifier == QUANTIFIER_ALL ? all : any;
}

bool policy_conditions_hold(const struct statement *statement, struct evaluation *evaluation)
{
    for (size_t i = 0; i < statement->condition_count; i++)
        if (!holds(&statement->conditions[i], evaluation))
            return false;
    return true;
}
