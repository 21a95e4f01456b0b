#include "daemon/query_params.h"

#include <stdlib.h>

enum kind {
    KIND_NAME,
    KIND_SERIAL,
    KIND_VERSION,
    KIND_WORD,
    KIND_PATH,
    KIND_PREFIX,
    KIND_LATIN,
    KIND_ARN,
    KIND_TAG,
    KIND_NUMBER,
    KIND_BOOL,
    KIND_CHOICE
};

struct row {
    struct span name;
    uint64_t least, most;
    enum kind kind;
    struct span words;
};

#define QUERY_PARAM(name, least, most, kind, words)                                                \
    [PARAM_##name] = {SPAN(#name), least, most, KIND_##kind, SPAN(words)},
static const struct row rows[] = {
#include "daemon/query_params.def"
};
#undef QUERY_PARAM

/* ---- reading ---- */

static int by_name(const void *left, const void *right)
{
    const struct query_param *a = left, *b = right;
    return span_cmp(a->name, b->name);
}

enum s3_err params_read(struct arena *arena, struct span form, struct query_params *ret_params)
{
    struct query query = {0};
    enum s3_err err = query_parse(arena, form, QUERY_FORM_PARAMS_MAX, &query);
    if (err != S3_OK)
        return err == S3_ERR_INVALID_URI ? S3_ERR_MALFORMED_QUERY_STRING : err;
    if (query.count > 0)
        qsort(query.params, query.count, sizeof(*query.params), by_name);
    for (size_t i = 1; i < query.count; i++)
        if (span_eq(query.params[i - 1].name, query.params[i].name))
            return S3_ERR_MALFORMED_QUERY_STRING;
    *ret_params = (struct query_params){.arena = arena, .sorted = query};
    return S3_OK;
}

struct span params_raw(const struct query_params *params, struct span name)
{
    struct query_param key = {.name = name};
    const struct query_param *found =
        params->sorted.count == 0
            ? NULL
            : bsearch(&key, params->sorted.params, params->sorted.count, sizeof(key), by_name);
    if (found == NULL)
        return SPAN_ABSENT;
    return span_present(found->value) ? found->value : SPAN("");
}

/* ---- complaints ---- */

/* "UserName" as AWS's validation calls it: "userName"; "Tags.member.1.Key": "tags.1.member.key". */
static struct span shown(struct query_params *params, struct span name)
{
    struct span copy = arena_copy(params->arena, name);
    if (copy.len > 0 && copy.ptr[0] >= 'A' && copy.ptr[0] <= 'Z')
        ((char *)copy.ptr)[0] = (char)(copy.ptr[0] - 'A' + 'a');
    return span_present(copy) ? copy : SPAN("");
}

static void complain(
    struct query_params *params, struct span name, const char *value, struct span words)
{
    if (params->complaint_count++ >= QUERY_COMPLAINTS_MAX)
        return;
    struct span text =
        arena_format(params->arena, "%.*s%sValue %sat '%.*s' failed to satisfy constraint: %.*s",
            SPAN_ARG(params->complaints), params->complaints.len > 0 ? "; " : "", value,
            SPAN_ARG(shown(params, name)), SPAN_ARG(words));
    if (span_present(text))
        params->complaints = text;
}

void params_complain(struct query_params *params, struct span name, const char *words)
{
    complain(params, name, "", span_str(words));
}

static void fail(struct query_params *params, enum s3_err err, struct span detail)
{
    if (params->fault != S3_OK)
        return;
    params->fault = err;
    params->fault_detail = detail;
}

static void fail_about(
    struct query_params *params, enum s3_err err, struct span name, const char *words)
{
    struct span shown_name = shown(params, name);
    fail(params, err,
        arena_format(params->arena, "The specified value for %.*s is invalid. %s",
            SPAN_ARG(shown_name), words));
}

enum s3_err params_check(const struct query_params *params, struct span *ret_detail)
{
    if (params->arena->overflow)
        return S3_ERR_INTERNAL;
    if (params->complaint_count > 0) {
        *ret_detail = arena_format(params->arena, "%zu validation error%s detected: %.*s",
            params->complaint_count, params->complaint_count == 1 ? "" : "s",
            SPAN_ARG(params->complaints));
        return span_present(*ret_detail) ? S3_ERR_VALIDATION_ERROR : S3_ERR_INTERNAL;
    }
    if (params->fault != S3_OK)
        *ret_detail = params->fault_detail;
    return params->fault;
}

/* ---- what texts may hold ---- */

static bool is_alnum(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool among(unsigned char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* Is this byte of a text right for its kind? Texts are valid UTF-8. */
static bool fits(enum kind kind, unsigned char c)
{
    switch (kind) {
    case KIND_NAME:
        return is_alnum(c) || among(c, "_+=,.@-");
    case KIND_SERIAL:
        return is_alnum(c) || among(c, "_+=,.@-/:");
    case KIND_WORD:
        return is_alnum(c) || c == '_';
    case KIND_VERSION:
        return is_alnum(c) || among(c, ".-");
    case KIND_PATH:
    case KIND_PREFIX:
        return c > 0x20 && c < 0x7f;
    case KIND_LATIN: /* U+0080 to U+00FF begin with C2 and C3 */
        return c >= 0x20 ? c < 0xc4 : among(c, "\t\n\r");
    case KIND_ARN:
        return c >= 0x20 && c != 0x7f;
    case KIND_TAG: /* no table of letters: what is not ASCII passes */
        return c >= 0x80 || is_alnum(c) || among(c, " _.:/=+-@");
    case KIND_NUMBER:
    case KIND_BOOL:
    case KIND_CHOICE:
        break;
    }
    return true;
}

static bool is_well_formed(enum kind kind, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!fits(kind, (unsigned char)text.ptr[i]))
            return false;
    if (kind == KIND_VERSION)
        return text.len > 1 && text.ptr[0] == 'v' && text.ptr[1] >= '1' && text.ptr[1] <= '9';
    bool rooted = kind == KIND_PATH || kind == KIND_PREFIX;
    if (rooted && !span_starts(text, SPAN("/")))
        return false;
    return kind != KIND_PATH || (span_ends(text, SPAN("/")) && text.len != 2);
}

static void complain_of_form(struct query_params *params, enum kind kind, struct span name)
{
    switch (kind) {
    case KIND_NAME:
        fail_about(params, S3_ERR_VALIDATION_ERROR, name,
            "It must contain only alphanumeric characters and/or the following: +=,.@_-");
        return;
    case KIND_PATH:
        fail_about(params, S3_ERR_VALIDATION_ERROR, name,
            "It must begin and end with / and contain only alphanumeric characters and/or / "
            "characters.");
        return;
    case KIND_PREFIX:
        fail_about(params, S3_ERR_VALIDATION_ERROR, name,
            "It must begin with / and contain only alphanumeric characters and/or / characters.");
        return;
    case KIND_SERIAL:
        params_complain(
            params, name, "Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*");
        return;
    case KIND_VERSION:
        params_complain(params, name,
            "Member must satisfy regular expression pattern: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?");
        return;
    case KIND_WORD:
        params_complain(params, name, "Member must satisfy regular expression pattern: [\\w]+");
        return;
    case KIND_LATIN:
        params_complain(params, name,
            "Member must satisfy regular expression pattern: "
            "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+");
        return;
    case KIND_ARN:
        params_complain(params, name,
            "Member must satisfy regular expression pattern: "
            "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u10000-"
            "\\u10FFFF]+");
        return;
    case KIND_TAG:
        params_complain(params, name,
            "Member must satisfy regular expression pattern: "
            "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*");
        return;
    case KIND_NUMBER:
    case KIND_BOOL:
    case KIND_CHOICE:
        break;
    }
}

/* Characters, not bytes. */
static size_t characters(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool is_choice(struct span words, struct span text)
{
    struct span word;
    while (span_split(&words, ',', &word))
        if (span_eq(span_trim(word), text))
            return true;
    return false;
}

/* True: nothing is wrong with it. */
static bool check_text(
    struct query_params *params, const struct row *row, struct span name, struct span text)
{
    if (row->kind == KIND_CHOICE) {
        if (is_choice(row->words, text))
            return true;
        complain(params, name, "",
            arena_format(
                params->arena, "Member must satisfy enum value set: [%.*s]", SPAN_ARG(row->words)));
        return false;
    }
    size_t count = characters(text);
    if (count < row->least || (row->most > 0 && count > row->most)) {
        bool few = count < row->least;
        complain(params, name, "",
            arena_format(params->arena, "Member must have length %s than or equal to %llu",
                few ? "greater" : "less", (unsigned long long)(few ? row->least : row->most)));
        return false;
    }
    if (is_well_formed(row->kind, text))
        return true;
    complain_of_form(params, row->kind, name);
    return false;
}

/* ---- what actions ask for ---- */

struct span param_text(struct query_params *params, enum query_param_id id)
{
    const struct row *row = &rows[id];
    struct span text = params_raw(params, row->name);
    bool good = span_present(text) && check_text(params, row, row->name, text);
    return good ? text : SPAN_ABSENT;
}

static bool came(struct query_params *params, struct span name)
{
    if (span_present(params_raw(params, name)))
        return true;
    complain(params, name, "null ", SPAN("Member must not be null"));
    return false;
}

struct span param_required(struct query_params *params, enum query_param_id id)
{
    return came(params, rows[id].name) ? param_text(params, id) : SPAN_ABSENT;
}

struct span param_new_name(struct query_params *params, enum query_param_id id, size_t most)
{
    struct span text = param_required(params, id);
    if (!span_present(text) || characters(text) <= most)
        return text;
    complain(params, rows[id].name, "",
        arena_format(params->arena, "Member must have length less than or equal to %zu", most));
    return SPAN_ABSENT;
}

uint64_t param_number(struct query_params *params, enum query_param_id id, uint64_t otherwise)
{
    const struct row *row = &rows[id];
    struct span text = params_raw(params, row->name);
    uint64_t number = 0;
    if (!span_present(text))
        return otherwise;
    if (!span_to_u64(text, &number)) {
        params_complain(params, row->name, "Member must be an integer");
        return otherwise;
    }
    bool low = number < row->least;
    if (!low && (row->most == 0 || number <= row->most))
        return number;
    complain(params, row->name, "",
        arena_format(params->arena, "Member must have value %s than or equal to %llu",
            low ? "greater" : "less", (unsigned long long)(low ? row->least : row->most)));
    return otherwise;
}

bool param_bool(struct query_params *params, enum query_param_id id, bool otherwise)
{
    struct span text = params_raw(params, rows[id].name);
    if (!span_present(text))
        return otherwise;
    if (span_eq_nocase(text, SPAN("true")))
        return true;
    if (!span_eq_nocase(text, SPAN("false")))
        params_complain(params, rows[id].name, "Member must be true or false");
    return false;
}

/* "Name.member.N" or "Name.member.N.Field"; absent on overflow. */
static struct span member_name(
    struct query_params *params, struct span name, size_t number, struct span field)
{
    return field.len > 0 ? arena_format(params->arena, "%.*s.member.%zu.%.*s", SPAN_ARG(name),
                               number, SPAN_ARG(field))
                         : arena_format(params->arena, "%.*s.member.%zu", SPAN_ARG(name), number);
}

struct span params_member(
    struct query_params *params, struct span name, size_t number, struct span field)
{
    struct span full = member_name(params, name, number, field);
    return span_present(full) ? params_raw(params, full) : SPAN_ABSENT;
}

/* The first parameter whose name is not before this one. */
static size_t lower_bound(const struct query *sorted, struct span name)
{
    size_t low = 0, high = sorted->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_cmp(sorted->params[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Does "Name.member.N" come, or something that begins with "Name.member.N."? */
static bool has_member(struct query_params *params, struct span name, size_t number)
{
    const struct query *sorted = &params->sorted;
    struct span full = member_name(params, name, number, SPAN(""));
    struct span inner = arena_format(params->arena, "%.*s.", SPAN_ARG(full));
    if (!span_present(full) || !span_present(inner))
        return false;
    size_t at = lower_bound(sorted, inner);
    return span_present(params_raw(params, full)) ||
           (at < sorted->count && span_starts(sorted->params[at].name, inner));
}

/* How many parameters begin with "Name.member.": more than were found in a row are behind a gap. */
static bool has_stray(struct query_params *params, struct span name, size_t found)
{
    const struct query *sorted = &params->sorted;
    struct span prefix = arena_format(params->arena, "%.*s.member.", SPAN_ARG(name));
    if (!span_present(prefix))
        return false;
    for (size_t at = lower_bound(sorted, prefix);
         at < sorted->count && span_starts(sorted->params[at].name, prefix); at++) {
        struct span rest = span_from(sorted->params[at].name, prefix.len);
        struct span digits = span_first(rest, span_find_char(rest, '.', 0));
        uint64_t number = 0;
        if (!span_to_u64(digits, &number) || number == 0 || number > found)
            return true;
    }
    return false;
}

size_t params_members(struct query_params *params, struct span name, size_t most)
{
    size_t count = 0;
    while (count < most && has_member(params, name, count + 1))
        count++;
    if (!has_stray(params, name, count))
        return count;
    if (count == most)
        complain(params, name, "",
            arena_format(params->arena, "Member must have length less than or equal to %zu", most));
    else
        params_complain(params, name, "Members must be numbered from 1 on");
    return 0;
}

size_t param_list(
    struct query_params *params, enum query_param_id id, size_t most, const struct span **ret_items)
{
    const struct row *row = &rows[id];
    size_t count = params_members(params, row->name, most);
    struct span *items = count > 0 ? arena_array(params->arena, struct span, count) : NULL;
    if (items == NULL)
        return 0;
    for (size_t i = 0; i < count; i++) {
        struct span name = member_name(params, row->name, i + 1, SPAN(""));
        items[i] = span_present(name) ? params_raw(params, name) : SPAN_ABSENT;
        if (!span_present(items[i])) {
            params_complain(params, row->name, "Member must be a text");
            return 0;
        }
        if (!check_text(params, row, name, items[i]))
            return 0;
    }
    *ret_items = items;
    return count;
}

static bool read_tag(struct query_params *params, size_t number, struct policy_tag *ret_tag)
{
    struct span key_name = member_name(params, SPAN("Tags"), number, SPAN("Key"));
    struct span value_name = member_name(params, SPAN("Tags"), number, SPAN("Value"));
    if (!span_present(key_name) || !span_present(value_name) || !came(params, key_name) ||
        !came(params, value_name))
        return false;
    *ret_tag = (struct policy_tag){params_raw(params, key_name), params_raw(params, value_name)};
    return check_text(params, &rows[PARAM_TagKeys], key_name, ret_tag->name) &&
           check_text(params, &rows[PARAM_TagValues], value_name, ret_tag->value);
}

size_t param_tags(struct query_params *params, const struct policy_tag **ret_tags)
{
    size_t count = params_members(params, SPAN("Tags"), QUERY_TAGS_MAX);
    struct policy_tag *tags =
        count > 0 ? arena_array(params->arena, struct policy_tag, count) : NULL;
    if (tags == NULL)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (!read_tag(params, i + 1, &tags[i]))
            return 0;
        if (span_starts_nocase(tags[i].name, SPAN("aws:"))) {
            fail(params, S3_ERR_INVALID_INPUT,
                SPAN("User defined tags cannot begin with the prefix aws:"));
            return 0;
        }
        for (size_t before = 0; before < i; before++)
            if (span_eq_nocase(tags[before].name, tags[i].name)) {
                fail(params, S3_ERR_INVALID_INPUT,
                    SPAN("Duplicate tag keys found. Please note that Tag keys are case "
                         "insensitive."));
                return 0;
            }
    }
    *ret_tags = tags;
    return count;
}
