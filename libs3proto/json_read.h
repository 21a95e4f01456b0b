/* JSON texts, read. A tree belongs to who parsed it; nodes are
 * borrowed from it. One thread at a time per tree. */
#ifndef S3PROTO_JSON_READ_H
#define S3PROTO_JSON_READ_H

#include "base/span.h"

enum { JSON_TEXT_MAX_BYTES = 16 * 1024 * 1024, JSON_DEPTH_MAX = 64, JSON_DETAIL_BYTES = 200 };

struct json_node;

enum json_kind {
    JSON_KIND_OBJECT,
    JSON_KIND_ARRAY,
    JSON_KIND_STRING,
    JSON_KIND_INTEGER,
    JSON_KIND_REAL,
    JSON_KIND_BOOL,
    JSON_KIND_NULL,
};

/* A whole text: an object or an array. Refused: duplicate names, invalid UTF-8, NUL in a string, depth over
 * JSON_DEPTH_MAX.
 * out: NULL on error, with a line in ret_detail */
struct json_node *json_text_parse(struct span text, char ret_detail[static JSON_DETAIL_BYTES]);
/* Takes NULL. */
void json_text_free(struct json_node *root);

enum json_kind json_node_kind(const struct json_node *node);
/* Members of an object, items of an array; 0 for the rest. */
size_t json_node_count(const struct json_node *node);
/* The value of an object's member, NULL when there is none or node is no object (NULL too). */
const struct json_node *json_node_member(const struct json_node *node, const char *name);
/* An array's item; NULL past the end. */
const struct json_node *json_node_item(const struct json_node *node, size_t index);
/* Calls back for each member in the order of the text. */
void json_node_each(const struct json_node *node,
    void (*member)(void *ctx, const char *name, const struct json_node *value), void *ctx);

/* The same one by one: begin with *at NULL. False, outputs untouched, after the last, or when node is no
 * object. */
bool json_node_next(const struct json_node *node, void **at, struct span *ret_name,
    const struct json_node **ret_value);

/* The value, or what is given when the node is of another kind or NULL. */
struct span json_node_string(const struct json_node *node, struct span otherwise);
int64_t json_node_integer(const struct json_node *node, int64_t otherwise);
double json_node_number(const struct json_node *node, double otherwise);
bool json_node_bool(const struct json_node *node, bool otherwise);

#endif
