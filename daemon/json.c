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

void json_texts(struct json *json, const char *name, const struct span *items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count && array != NULL; i++) {
        json_t *value = json_stringn(items[i].ptr != NULL ? items[i].ptr : "", items[i].len);
        if (json_array_append_new(array, value != NULL ? value : json_null()) != 0 && json != NULL)
            json->failed = true;
    }
    set(json, name, array);
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

static bool write_as(const struct json *json, size_t flags, struct buf *out)
{
    if (json == NULL || json->failed)
        return false;
    char *text = json_dumps(json->levels[0], flags | JSON_PRESERVE_ORDER);
    if (text == NULL)
        return false;
    buf_add(out, span_str(text));
    free(text);
    return buf_ok(out);
}

bool json_write(const struct json *json, struct buf *out)
{
    bool written = write_as(json, JSON_INDENT(2), out);
    buf_add_char(out, '\n');
    return written && buf_ok(out);
}

bool json_write_line(const struct json *json, struct buf *out)
{
    return write_as(json, JSON_COMPACT, out);
}
