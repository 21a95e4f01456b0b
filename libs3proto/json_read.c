#include "json_read.h"

#include <jansson.h>

static const json_t *tree_of(const struct json_node *node)
{
    return (const json_t *)(const void *)node;
}

static const struct json_node *node_of(const json_t *tree)
{
    return (const struct json_node *)(const void *)tree;
}

/* The library's own bound is deeper than a worker's stack. */
static bool too_deep(struct span text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"')
            quoted = !quoted;
        else if (quoted && c == '\\')
            i++;
        else if (!quoted && (c == '{' || c == '[') && ++depth > JSON_DEPTH_MAX)
            return true;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return false;
}

struct json_node *json_text_parse(struct span text, char ret_detail[static JSON_DETAIL_BYTES])
{
    if (text.len > JSON_TEXT_MAX_BYTES) {
        snprintf(ret_detail, JSON_DETAIL_BYTES, "the text is over %d MiB",
            JSON_TEXT_MAX_BYTES / (1024 * 1024));
        return NULL;
    }
    if (too_deep(text)) {
        snprintf(ret_detail, JSON_DETAIL_BYTES, "nested over %d deep", JSON_DEPTH_MAX);
        return NULL;
    }
    json_error_t error;
    json_t *tree = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &error);
    if (!tree)
        snprintf(ret_detail, JSON_DETAIL_BYTES, "line %d, column %d: %.150s", error.line,
            error.column, error.text);
    return (struct json_node *)(void *)tree;
}

void json_text_free(struct json_node *root)
{
    json_decref((json_t *)(void *)root);
}

enum json_kind json_node_kind(const struct json_node *node)
{
    switch (json_typeof(tree_of(node))) {
    case JSON_OBJECT:
        return JSON_KIND_OBJECT;
    case JSON_ARRAY:
        return JSON_KIND_ARRAY;
    case JSON_STRING:
        return JSON_KIND_STRING;
    case JSON_INTEGER:
        return JSON_KIND_INTEGER;
    case JSON_REAL:
        return JSON_KIND_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_KIND_BOOL;
    case JSON_NULL:
        break;
    }
    return JSON_KIND_NULL;
}

size_t json_node_count(const struct json_node *node)
{
    const json_t *tree = tree_of(node);
    return json_is_array(tree) ? json_array_size(tree) : json_object_size(tree);
}

const struct json_node *json_node_member(const struct json_node *node, const char *name)
{
    return node_of(json_object_get(tree_of(node), name));
}

const struct json_node *json_node_item(const struct json_node *node, size_t index)
{
    return node_of(json_array_get(tree_of(node), index));
}

void json_node_each(const struct json_node *node,
    void (*member)(void *ctx, const char *name, const struct json_node *value), void *ctx)
{
    /* The const is dropped only because Jansson iterates over trees that may be changed. */
    json_t *tree = json_incref((json_t *)tree_of(node));
    for (void *at = json_object_iter(tree); at; at = json_object_iter_next(tree, at))
        member(ctx, json_object_iter_key(at), node_of(json_object_iter_value(at)));
    json_decref(tree);
}

bool json_node_next(const struct json_node *node, void **at, struct span *ret_name,
    const struct json_node **ret_value)
{
    json_t *tree = (json_t *)tree_of(node);
    *at = *at ? json_object_iter_next(tree, *at) : json_object_iter(tree);
    if (!*at)
        return false;
    *ret_name = span_str(json_object_iter_key(*at));
    *ret_value = node_of(json_object_iter_value(*at));
    return true;
}

struct span json_node_string(const struct json_node *node, struct span otherwise)
{
    const json_t *tree = tree_of(node);
    return json_is_string(tree) ? span_of(json_string_value(tree), json_string_length(tree))
                                : otherwise;
}

int64_t json_node_integer(const struct json_node *node, int64_t otherwise)
{
    const json_t *tree = tree_of(node);
    return json_is_integer(tree) ? (int64_t)json_integer_value(tree) : otherwise;
}

double json_node_number(const struct json_node *node, double otherwise)
{
    const json_t *tree = tree_of(node);
    return json_is_number(tree) ? json_number_value(tree) : otherwise;
}

bool json_node_bool(const struct json_node *node, bool otherwise)
{
    const json_t *tree = tree_of(node);
    return json_is_boolean(tree) ? json_is_true(tree) : otherwise;
}
