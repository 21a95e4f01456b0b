#include "policy_internal.h"

/* What S3 calls public: a policy is, unless each Allow fixes who asks, or where from. Denies change nothing. AWS takes
 * a KMS key for such, too; here it is only what a header says.
 * src: S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of public" */

enum { PUBLIC_V4_BITS = 8, PUBLIC_V6_BITS = 32, ACCOUNT_DIGITS = 12 };

static bool is_fixed(const struct pattern *pattern)
{
    if (pattern->components)
        return false;
    for (size_t i = 0; i < pattern->count; i++)
        if (pattern->parts[i].kind != PART_TEXT)
            return false;
    return true;
}

/* What keys about who asks say of requests without a signature. src: IAM User Guide, "AWS global condition context
 * keys", aws:PrincipalAccount and aws:userid */
static bool is_nobody(const struct pattern *pattern)
{
    return pattern->count == 1 && span_eq_nocase(pattern->parts[0].text, SPAN("anonymous"));
}

/* "AROAEXAMPLE:*": any session of one role */
static bool is_role_sessions(const struct pattern *pattern)
{
    if (pattern->components || pattern->count != 2 || pattern->parts[0].kind != PART_TEXT ||
        pattern->parts[1].kind != PART_ANY || pattern->parts[1].count != 1)
        return false;
    struct span text = pattern->parts[0].text;
    return span_starts(text, SPAN("AROA")) && span_find_char(text, ':', 0) == text.len - 1;
}

/* Access points of one account: the name may have wildcards. */
static bool is_account_fixed(const struct pattern *pattern)
{
    struct span components[6];
    return !pattern->components && pattern->count > 0 && pattern->parts[0].kind == PART_TEXT &&
           policy_arn_components(pattern->parts[0].text, false, components) == 6 &&
           components[4].len == ACCOUNT_DIGITS;
}

static bool value_limits(const struct condition *condition, const union condition_value *value)
{
    if (condition->op->test == TEST_IP)
        return value->net.bits >= (value->net.family_bytes == 4 ? PUBLIC_V4_BITS : PUBLIC_V6_BITS);
    if (is_fixed(&value->pattern))
        return !is_nobody(&value->pattern);
    if (condition->key.key == POLICY_KEY_AWS_USERID)
        return is_role_sessions(&value->pattern);
    return condition->key.key == POLICY_KEY_S3_DATA_ACCESS_POINT_ARN &&
           is_account_fixed(&value->pattern);
}

static bool key_limits(const struct condition *condition)
{
    static const enum policy_key keys[] = {POLICY_KEY_AWS_PRINCIPAL_ACCOUNT,
        POLICY_KEY_AWS_PRINCIPAL_ARN, POLICY_KEY_AWS_PRINCIPAL_ORG_ID,
        POLICY_KEY_AWS_SOURCE_ACCOUNT, POLICY_KEY_AWS_SOURCE_ARN, POLICY_KEY_AWS_SOURCE_OWNER,
        POLICY_KEY_AWS_SOURCE_VPC, POLICY_KEY_AWS_SOURCE_VPCE, POLICY_KEY_AWS_USERID,
        POLICY_KEY_S3_DATA_ACCESS_POINT_ACCOUNT, POLICY_KEY_S3_DATA_ACCESS_POINT_ARN};
    if (condition->key.family != POLICY_TAG_FAMILIES)
        return false;
    if (condition->op->test == TEST_IP)
        return condition->key.key == POLICY_KEY_AWS_SOURCE_IP;
    if (condition->op->test != TEST_STRING && condition->op->test != TEST_ARN)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (condition->key.key == keys[i])
            return true;
    return false;
}

/* Does it hold only for requests with one of a few values, all of which are known? */
static bool limits(const struct condition *condition)
{
    if (condition->op->negated || condition->if_exists || condition->quantifier == QUANTIFIER_ALL ||
        !key_limits(condition))
        return false;
    for (size_t i = 0; i < condition->count; i++)
        if (!value_limits(condition, &condition->values[i]))
            return false;
    return true;
}

static bool is_open(const struct statement *statement)
{
    bool anyone = statement->not_principal;
    if (!statement->allow)
        return false;
    for (size_t i = 0; i < statement->principal_count; i++)
        anyone = anyone || statement->principals[i].who == WHO_ANYONE;
    for (size_t i = 0; i < statement->condition_count; i++)
        anyone = anyone && !limits(&statement->conditions[i]);
    return anyone;
}

bool policy_is_public(const struct policy *policy)
{
    for (size_t i = 0; i < policy->statement_count; i++)
        if (is_open(&policy->statements[i]))
            return true;
    return false;
}
