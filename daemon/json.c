#include "daemon/json.h"

#include <jansson.h>

enum { JSON_DEPTH_MAX = 4 };

struct json {
    json_t *levels[JSON_DEPTH_MAX + 1];
    size_t depth;
    bool failed;
};

struct json *json_new(void)
{
    struct json *json = calloc(1, sizeof(*json));
    if (json != NULL)
        json->levels[0] = json_object();
    return json;
}

void json_free(struct json *json)
{
    if (json == NULL)
        return;
    json_decref(json->levels[0]); /* which holds the others */
    free(json);
}

static void set(struct json *json, const char *name, json_t *value)
{
    if (json != NULL && json_object_set_new(json->levels[json->depth], name, value) != 0)
        json->failed = true;
}

void json_text(struct json *json, const char *name, struct span text)
{
    json_t *value = json_stringn(text.ptr != NULL ? text.ptr : "", text.len);
    set(json, name, value != NULL ? value : json_null());
}

void json_u64(struct json *json, const char *name, uint64_t value)
{
    set(json, name, json_integer((json_int_t)value));
}

void json_bool(struct json *json, const char *name, bool value)
{
    set(json, name, json_boolean(value));
}

void json_open(struct json *json, const char *name)
{
    if (json == NULL || json->depth == JSON_DEPTH_MAX) {
        if (json != NULL)
            json->failed = true;
        return;
    }
    json_t *inner = json_object();
    set(json, name, inner);
    json->levels[++json->depth] = inner;
}

void json_close(struct json *json)
{
    if (json != NULL && json->depth > 0)
        json->depth--;
}

bool json_write(const struct json *json, struct buf *out)
{
    if (json == NULL || json->failed)
        return false;
    char *text = json_dumps(json->levels[0], JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (text == NULL)
        return false;
    buf_add(out, span_str(text));
    buf_add_char(out, '\n');
    free(text);
    return buf_ok(out);
}
