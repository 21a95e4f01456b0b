/* Names, paths, tags and policies as IAM takes them. */
#include "daemon/iam_records.h"

enum {
    TAG_NAME_MAX_CHARS = 128,
    TAG_VALUE_MAX_CHARS = 256,
    UNSIZED_BYTES = IAM_POLICY_TEXT_MAX_BYTES,
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* [\w+=,.@-]+, ASCII. src: IAM API Reference, CreateUser, UserName */
enum iam_err iam_check_name(struct iam_call *call, const char *field, struct span name, size_t max)
{
    if (name.len == 0 || name.len > max)
        return iam_fail(call, IAM_INVALID_INPUT,
            "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must "
            "have length less than or equal to %zu and greater than or equal to 1",
            field, max);
    for (size_t i = 0; i < name.len; i++)
        if (!is_word(name.ptr[i]) && (name.ptr[i] == '\0' || strchr("+=,.@-", name.ptr[i]) == NULL))
            return iam_fail(call, IAM_INVALID_INPUT,
                "The specified value for %s is invalid. It must contain only alphanumeric "
                "characters and/or the following: +=,.@_-",
                field);
    return IAM_OK;
}

/* Begins and ends with a slash, printable ASCII. src: IAM API Reference, CreateUser, Path */
enum iam_err iam_check_path(struct iam_call *call, struct span path)
{
    bool good = path.len > 0 && path.len <= IAM_PATH_MAX_BYTES && path.ptr[0] == '/' &&
                path.ptr[path.len - 1] == '/';
    for (size_t i = 0; i < path.len && good; i++)
        good = path.ptr[i] > ' ' && path.ptr[i] < 127;
    return good ? IAM_OK
                : iam_fail(call, IAM_INVALID_INPUT,
                      "The specified value for path is invalid. It must begin and end with / and "
                      "contain only alphanumeric characters and/or / characters.");
}

static size_t characters(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool is_tag_text(struct span text)
{
    if (!span_is_utf8(text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if ((unsigned char)c < 0x80 && !is_word(c) && (c == '\0' || strchr(" .:/=+-@", c) == NULL))
            return false;
    }
    return true;
}

enum iam_err iam_check_tags(struct iam_call *call, const struct policy_tag *tags, size_t count)
{
    if (count > IAM_TAGS_MAX)
        return iam_fail(call, IAM_LIMIT_EXCEEDED,
            "The number of tags has reached the maximum limit of %d", IAM_TAGS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t name_len = characters(tags[i].name);
        if (name_len == 0 || name_len > TAG_NAME_MAX_CHARS || !is_tag_text(tags[i].name) ||
            characters(tags[i].value) > TAG_VALUE_MAX_CHARS || !is_tag_text(tags[i].value))
            return iam_fail(call, IAM_INVALID_INPUT,
                "1 validation error detected: Value at 'tags.%zu.member' failed to satisfy "
                "constraint: Member must satisfy regular expression pattern: "
                "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*",
                i + 1);
        if (span_starts_nocase(tags[i].name, SPAN("aws:")))
            return iam_fail(call, IAM_INVALID_INPUT,
                "Tag keys cannot start with aws: since it is reserved for AWS");
        for (size_t j = 0; j < i; j++)
            if (span_eq_nocase(tags[i].name, tags[j].name))
                return iam_fail(call, IAM_INVALID_INPUT,
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    }
    return IAM_OK;
}

enum iam_err iam_merge_tags(struct iam_call *call, const struct policy_tag *old, size_t old_count,
    const struct policy_tag *tags, size_t count, const struct policy_tag **ret_tags,
    size_t *ret_count)
{
    IAM_TRY(iam_check_tags(call, tags, count));
    struct policy_tag *merged = arena_array(call->arena, struct policy_tag, old_count + count);
    if (merged == NULL)
        return iam_no_memory(call);
    size_t merged_count = old_count;
    if (old_count > 0)
        memcpy(merged, old, old_count * sizeof(*old));
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < old_count && !span_eq_nocase(merged[at].name, tags[i].name))
            at++;
        merged[at < old_count ? at : merged_count++] = tags[i];
    }
    IAM_TRY(iam_check_tags(call, merged, merged_count));
    *ret_tags = merged;
    *ret_count = merged_count;
    return IAM_OK;
}

void iam_drop_tags(struct arena *arena, const struct policy_tag *old, size_t old_count,
    const struct span *names, size_t count, const struct policy_tag **ret_tags, size_t *ret_count)
{
    struct policy_tag *left = arena_array(arena, struct policy_tag, old_count);
    size_t left_count = 0;
    for (size_t i = 0; i < old_count && left != NULL; i++) {
        bool dropped = false;
        for (size_t j = 0; j < count && !dropped; j++)
            dropped = span_eq_nocase(old[i].name, names[j]);
        if (!dropped)
            left[left_count++] = old[i];
    }
    *ret_tags = left;
    *ret_count = left_count;
}

size_t iam_policy_size(struct span text)
{
    size_t size = 0;
    for (size_t i = 0; i < text.len; i++)
        size += text.ptr[i] == '\0' || strchr(" \t\r\n", text.ptr[i]) == NULL;
    return size;
}

/* What bounds a text before any parser sees it. */
static enum iam_err check_text(struct iam_call *call, struct span text)
{
    if (text.len > IAM_POLICY_TEXT_MAX_BYTES)
        return iam_fail(call, IAM_LIMIT_EXCEEDED,
            "Cannot exceed quota for the length of a policy with its white space: %d",
            IAM_POLICY_TEXT_MAX_BYTES);
    return IAM_OK;
}

enum iam_err iam_check_policy(struct iam_call *call, struct span text)
{
    IAM_TRY(check_text(call, text));
    struct policy_options options = {.kind = POLICY_IDENTITY, .max_bytes = UNSIZED_BYTES};
    struct policy *policy = NULL;
    char detail[POLICY_DETAIL_BYTES];
    if (!policy_compile(text, &options, &policy, detail))
        return iam_fail(call, IAM_MALFORMED_POLICY, "%s", detail);
    policy_free(policy);
    return IAM_OK;
}

/* ---- trust ---- */

struct trust {
    struct iam_call *call;
    struct policy_tag *items;
    size_t count;
    bool full;
};

/* The id of an ARN now, kept for the record. */
static struct span resolve_now(void *ctx, struct span arn)
{
    struct trust *trust = ctx;
    for (size_t i = 0; i < trust->count; i++)
        if (span_eq(trust->items[i].name, arn))
            return trust->items[i].value;
    struct span id = iam_principal_id(trust->call->iam, arn, trust->call->arena);
    if (!span_present(id) || span_eq(id, arn)) /* ids and accounts stay what they are */
        return id;
    trust->full = trust->full || trust->count == IAM_TRUSTED_MAX;
    if (trust->full)
        return SPAN_ABSENT;
    trust->items[trust->count++] = (struct policy_tag){arena_copy(trust->call->arena, arn), id};
    return id;
}

enum iam_err iam_check_trust(struct iam_call *call, struct span text,
    const struct policy_tag **ret_trusted, size_t *ret_count)
{
    IAM_TRY(check_text(call, text));
    if (iam_policy_size(text) > IAM_TRUST_MAX_BYTES)
        return iam_fail(call, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for ACLSizePerRole: %d",
            IAM_TRUST_MAX_BYTES);
    struct trust trust = {
        .call = call, .items = arena_array(call->arena, struct policy_tag, IAM_TRUSTED_MAX)};
    if (trust.items == NULL)
        return iam_no_memory(call);
    struct policy_options options = {.kind = POLICY_TRUST,
        .max_bytes = UNSIZED_BYTES,
        .resolver = {.unique_id = resolve_now, .ctx = &trust}};
    struct policy *policy = NULL;
    char detail[POLICY_DETAIL_BYTES];
    if (!policy_compile(text, &options, &policy, detail))
        return trust.full ? iam_fail(call, IAM_LIMIT_EXCEEDED,
                                "Cannot exceed quota for principals in a trust policy: %d",
                                IAM_TRUSTED_MAX)
                          : iam_fail(call, IAM_MALFORMED_POLICY, "%s", detail);
    policy_free(policy);
    *ret_trusted = trust.items;
    *ret_count = trust.count;
    return IAM_OK;
}

static struct span resolve_then(void *ctx, struct span arn)
{
    const struct iam_entity *role = ctx;
    for (size_t i = 0; i < role->trusted_count; i++)
        if (span_eq(role->trusted[i].name, arn))
            return role->trusted[i].value;
    return span_starts(arn, SPAN("arn:")) ? SPAN_ABSENT : arn;
}

enum iam_err iam_trust_compile(
    struct iam_call *call, const struct iam_entity *role, struct policy **ret_policy)
{
    struct iam_entity known = *role;
    struct policy_options options = {.kind = POLICY_TRUST,
        .max_bytes = UNSIZED_BYTES,
        .resolver = {.unique_id = resolve_then, .ctx = &known}};
    char detail[POLICY_DETAIL_BYTES];
    if (policy_compile(role->trust, &options, ret_policy, detail))
        return IAM_OK;
    return iam_fail(call, IAM_FAILED, "The trust policy of role %.*s cannot be used: %s",
        SPAN_ARG(role->name), detail);
}
