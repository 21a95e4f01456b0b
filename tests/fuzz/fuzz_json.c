/* A JSON text: walked from end to end; its strings are written, and read again to the same. */
#include "fuzz.h"
#include "json_read.h"
#include "json_write.h"

static void check_string(struct span text)
{
    struct buf out;
    char detail[JSON_DETAIL_BYTES];
    CHECK(span_present(text) && span_is_utf8(text));
    buf_init(&out, FUZZ_ARENA_BYTES);
    buf_add(&out, SPAN("["));
    json_string(&out, text);
    buf_add(&out, SPAN("]"));
    struct json_node *again = json_text_parse(buf_span(&out), detail);
    CHECK(again != NULL && json_node_count(again) == 1);
    CHECK(span_eq(json_node_string(json_node_item(again, 0), SPAN_ABSENT), text));
    json_text_free(again);
    buf_free(&out);
}

static void check_node(const struct json_node *node, unsigned depth)
{
    struct span name;
    const struct json_node *value;
    void *at = NULL;
    size_t count = 0;
    CHECK(depth <= JSON_DEPTH_MAX);
    switch (json_node_kind(node)) {
    case JSON_KIND_OBJECT:
        while (json_node_next(node, &at, &name, &value)) {
            check_string(name);
            check_node(value, depth + 1);
            count++;
        }
        CHECK(count == json_node_count(node));
        break;
    case JSON_KIND_ARRAY:
        for (size_t i = 0; i < json_node_count(node); i++)
            check_node(json_node_item(node, i), depth + 1);
        CHECK(json_node_item(node, json_node_count(node)) == NULL);
        break;
    case JSON_KIND_STRING:
        check_string(json_node_string(node, SPAN_ABSENT));
        break;
    case JSON_KIND_INTEGER:
        CHECK(json_node_integer(node, 1) == json_node_integer(node, 2));
        break;
    case JSON_KIND_REAL:
    case JSON_KIND_BOOL:
    case JSON_KIND_NULL:
        CHECK(json_node_count(node) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char detail[JSON_DETAIL_BYTES] = "";
    struct json_node *root = json_text_parse(span_of(data, size), detail);
    if (root == NULL) {
        CHECK(detail[0] != '\0' && strlen(detail) < JSON_DETAIL_BYTES);
        return 0;
    }
    CHECK(json_node_kind(root) == JSON_KIND_OBJECT || json_node_kind(root) == JSON_KIND_ARRAY);
    check_node(root, 1);
    json_text_free(root);
    return 0;
}
