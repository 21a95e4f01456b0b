#include "cors.h"

#include "xml_read.h"
#include "xml_write.h"

static const struct span methods[] = {
    SPAN("GET"), SPAN("PUT"), SPAN("POST"), SPAN("DELETE"), SPAN("HEAD")};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trimmed(struct span text)
{
    while (text.len > 0 && is_space(text.ptr[0]))
        text = span_from(text, 1);
    while (text.len > 0 && is_space(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

/* The texts of all children of this name. */
static enum s3_err read_list(
    struct arena *arena, const struct xml_node *rule, struct span name, struct cors_list *ret_list)
{
    size_t count = 0, filled = 0;
    for (const struct xml_node *child = rule->first_child; child != NULL; child = child->next)
        count += span_eq(child->name, name);
    struct span *items = arena_array(arena, struct span, count);
    if (items == NULL)
        return S3_ERR_INTERNAL;
    for (const struct xml_node *child = rule->first_child; child != NULL; child = child->next) {
        if (!span_eq(child->name, name))
            continue;
        struct span text = trimmed(child->text);
        if (text.len == 0 || child->first_child != NULL)
            return S3_ERR_MALFORMED_XML;
        items[filled++] = text;
    }
    *ret_list = (struct cors_list){items, count};
    return S3_OK;
}

static size_t count_stars(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '*';
    return count;
}

static enum s3_err check_stars(
    struct arena *arena, const struct cors_list *list, const char *element, struct span *ret_detail)
{
    for (size_t i = 0; i < list->count; i++)
        if (count_stars(list->items[i]) > 1) {
            *ret_detail = arena_format(arena, "%s \"%.*s\" can not have more than one wildcard.",
                element, SPAN_ARG(list->items[i]));
            return S3_ERR_INVALID_REQUEST;
        }
    return S3_OK;
}

static enum s3_err check_methods(
    struct arena *arena, const struct cors_list *list, struct span *ret_detail)
{
    for (size_t i = 0; i < list->count; i++) {
        bool known = false;
        for (size_t m = 0; m < ARRAY_LEN(methods); m++)
            known |= span_eq(list->items[i], methods[m]);
        if (known)
            continue;
        *ret_detail = arena_format(arena,
            "Found unsupported HTTP method in CORS config. Unsupported method is %.*s",
            SPAN_ARG(list->items[i]));
        return S3_ERR_INVALID_REQUEST;
    }
    return S3_OK;
}

static enum s3_err check_exposed(
    struct arena *arena, const struct cors_list *list, struct span *ret_detail)
{
    for (size_t i = 0; i < list->count; i++)
        if (count_stars(list->items[i]) > 0) {
            *ret_detail = arena_format(arena,
                "ExposeHeader \"%.*s\" contains wildcard. We currently do not support wildcard "
                "for ExposeHeader.",
                SPAN_ARG(list->items[i]));
            return S3_ERR_INVALID_REQUEST;
        }
    return S3_OK;
}

static enum s3_err read_once(
    const struct xml_node *node, struct cors_rule *rule, struct span *ret_detail)
{
    struct span id = xml_child_text(node, SPAN("ID"));
    struct span age = xml_child_text(node, SPAN("MaxAgeSeconds"));
    uint64_t seconds = 0;
    if (span_present(age) && (!span_to_u64(age, &seconds) || seconds > INT32_MAX))
        return S3_ERR_MALFORMED_XML;
    if (id.len > CORS_ID_MAX_BYTES) {
        *ret_detail = SPAN("ID length should not exceed allowed limit of 255");
        return S3_ERR_INVALID_REQUEST;
    }
    rule->id = id;
    rule->has_max_age = span_present(age);
    rule->max_age_s = (uint32_t)seconds;
    return S3_OK;
}

static bool knows_children(const struct xml_node *node)
{
    static const struct span names[] = {SPAN("ID"), SPAN("AllowedOrigin"), SPAN("AllowedMethod"),
        SPAN("AllowedHeader"), SPAN("ExposeHeader"), SPAN("MaxAgeSeconds")};
    for (const struct xml_node *child = node->first_child; child != NULL; child = child->next) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            known |= span_eq(child->name, names[i]);
        if (!known)
            return false;
    }
    return true;
}

static enum s3_err read_rule(struct arena *arena, const struct xml_node *node,
    struct cors_rule *ret_rule, struct span *ret_detail)
{
    struct cors_rule rule = {0};
    if (!knows_children(node))
        return S3_ERR_MALFORMED_XML;
    TRY(read_list(arena, node, SPAN("AllowedOrigin"), &rule.origins));
    TRY(read_list(arena, node, SPAN("AllowedMethod"), &rule.methods));
    TRY(read_list(arena, node, SPAN("AllowedHeader"), &rule.headers));
    TRY(read_list(arena, node, SPAN("ExposeHeader"), &rule.exposed));
    TRY(read_once(node, &rule, ret_detail));
    if (rule.origins.count == 0 || rule.methods.count == 0)
        return S3_ERR_MALFORMED_XML;
    TRY(check_methods(arena, &rule.methods, ret_detail));
    TRY(check_stars(arena, &rule.origins, "AllowedOrigin", ret_detail));
    TRY(check_stars(arena, &rule.headers, "AllowedHeader", ret_detail));
    TRY(check_exposed(arena, &rule.exposed, ret_detail));
    *ret_rule = rule;
    return S3_OK;
}

enum s3_err cors_parse(
    struct arena *arena, struct span document, struct cors *ret_cors, struct span *ret_detail)
{
    struct xml_node *root;
    if (document.len > CORS_DOCUMENT_MAX_BYTES)
        return S3_ERR_MALFORMED_XML;
    TRY(xml_read(arena, document, &root));
    size_t count = 0, filled = 0;
    for (const struct xml_node *child = root->first_child; child != NULL; child = child->next) {
        if (!span_eq(child->name, SPAN("CORSRule")))
            return S3_ERR_MALFORMED_XML;
        count++;
    }
    if (!span_eq(root->name, SPAN("CORSConfiguration")) || count == 0)
        return S3_ERR_MALFORMED_XML;
    if (count > CORS_RULES_MAX) {
        *ret_detail =
            SPAN("The number of CORS rules should not exceed allowed limit of 100 rules.");
        return S3_ERR_INVALID_REQUEST;
    }
    struct cors_rule *rules = arena_array(arena, struct cors_rule, count);
    if (rules == NULL)
        return S3_ERR_INTERNAL;
    for (const struct xml_node *child = root->first_child; child != NULL; child = child->next)
        TRY(read_rule(arena, child, &rules[filled++], ret_detail));
    *ret_cors = (struct cors){rules, count};
    return S3_OK;
}

static void list_xml(struct buf *out, struct span name, const struct cors_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        xml_text(out, name, list->items[i]);
}

void cors_xml(struct buf *out, const struct cors *cors)
{
    xml_begin_document(out, SPAN("CORSConfiguration"));
    for (size_t i = 0; i < cors->count; i++) {
        const struct cors_rule *rule = &cors->rules[i];
        xml_open(out, SPAN("CORSRule"));
        if (span_present(rule->id))
            xml_text(out, SPAN("ID"), rule->id);
        list_xml(out, SPAN("AllowedMethod"), &rule->methods);
        list_xml(out, SPAN("AllowedOrigin"), &rule->origins);
        list_xml(out, SPAN("AllowedHeader"), &rule->headers);
        list_xml(out, SPAN("ExposeHeader"), &rule->exposed);
        if (rule->has_max_age)
            xml_u64(out, SPAN("MaxAgeSeconds"), rule->max_age_s);
        xml_close(out, SPAN("CORSRule"));
    }
    xml_close(out, SPAN("CORSConfiguration"));
}

/* A pattern with at most one '*'. */
static bool fits(struct span pattern, struct span text, bool ignore_case)
{
    size_t star = span_find_char(pattern, '*', 0);
    if (star == SIZE_MAX || !span_present(pattern))
        return ignore_case ? span_eq_nocase(pattern, text) : span_eq(pattern, text);
    struct span before = span_first(pattern, star), after = span_from(pattern, star + 1);
    if (text.len < before.len + after.len)
        return false;
    if (!ignore_case)
        return span_starts(text, before) && span_ends(text, after);
    return span_starts_nocase(text, before) &&
           span_eq_nocase(span_from(text, text.len - after.len), after);
}

static bool list_fits(const struct cors_list *list, struct span text, bool ignore_case)
{
    for (size_t i = 0; i < list->count; i++)
        if (fits(list->items[i], text, ignore_case))
            return true;
    return false;
}

/* Every header that the script wants to send is allowed. */
static bool headers_fit(const struct cors_rule *rule, struct span headers)
{
    struct span rest = headers, name;
    size_t count = 0;
    while (span_split(&rest, ',', &name)) {
        name = span_trim(name);
        if (name.len == 0)
            continue;
        if (++count > CORS_REQUEST_HEADERS_MAX || !list_fits(&rule->headers, name, true))
            return false;
    }
    return true;
}

const struct cors_rule *cors_match(
    const struct cors *cors, const struct cors_request *request, bool *ret_any_origin)
{
    for (size_t i = 0; i < cors->count; i++) {
        const struct cors_rule *rule = &cors->rules[i];
        if (!list_fits(&rule->methods, request->method, false) ||
            !list_fits(&rule->origins, request->origin, false) ||
            !headers_fit(rule, request->headers))
            continue;
        *ret_any_origin = false;
        for (size_t o = 0; o < rule->origins.count; o++)
            *ret_any_origin |= span_eq(rule->origins.items[o], SPAN("*"));
        return rule;
    }
    return NULL;
}
