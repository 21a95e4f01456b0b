/* json_read.c: what is read, what is refused, and that a wrong kind gives the answer asked for. */
#include "json_read.h"

#include "cmocka_span.h"

static struct json_node *parse(const char *text)
{
    char detail[JSON_DETAIL_BYTES] = "";
    struct json_node *root = json_text_parse(span_str(text), detail);
    assert_int_equal(root == NULL, detail[0] != '\0');
    return root;
}

static void values_come_back(void **state)
{
    (void)state;
    struct json_node *root = parse("{\"text\":\"a\\u00e9b\",\"count\":-7,\"share\":0.5,\"on\":true,"
                                   "\"none\":null,\"list\":[1,2]}");
    assert_non_null(root);
    struct span text = json_node_string(json_node_member(root, "text"), SPAN_ABSENT);
    assert_true(span_eq(text, SPAN("a\xc3\xa9"
                                   "b")));
    assert_int_equal(json_node_integer(json_node_member(root, "count"), 0), -7);
    assert_true(json_node_number(json_node_member(root, "share"), 0) == 0.5);
    assert_true(json_node_bool(json_node_member(root, "on"), false));
    assert_int_equal(json_node_kind(json_node_member(root, "none")), JSON_KIND_NULL);
    const struct json_node *list = json_node_member(root, "list");
    assert_int_equal(json_node_count(list), 2);
    assert_int_equal(json_node_integer(json_node_item(list, 1), 0), 2);
    assert_null(json_node_item(list, 2));
    assert_int_equal(json_node_count(root), 6);
    json_text_free(root);
}

static void other_kinds_give_the_default(void **state)
{
    (void)state;
    struct json_node *root = parse("{\"text\":\"x\"}");
    const struct json_node *text = json_node_member(root, "text");
    assert_int_equal(json_node_integer(text, 42), 42);
    assert_true(json_node_bool(text, true));
    assert_null(json_node_member(text, "x"));
    assert_null(json_node_member(NULL, "x"));
    assert_int_equal(json_node_integer(NULL, 3), 3);
    assert_false(span_present(json_node_string(NULL, SPAN_ABSENT)));
    json_text_free(root);
}

static void join_name(void *ctx, const char *name, const struct json_node *value)
{
    (void)value;
    char *names = ctx;
    snprintf(names + strlen(names), 16 - strlen(names), "%s", name);
}

static void members_come_in_order(void **state)
{
    (void)state;
    struct json_node *root = parse("{\"c\":1,\"a\":2,\"b\":3}");
    char names[16] = "";
    json_node_each(root, join_name, names);
    assert_string_equal(names, "cab");
    void *at = NULL;
    struct span name;
    const struct json_node *value;
    for (int64_t i = 1; i <= 3; i++) {
        assert_true(json_node_next(root, &at, &name, &value));
        assert_int_equal(name.len, 1);
        assert_int_equal(json_node_integer(value, 0), i);
    }
    assert_false(json_node_next(root, &at, &name, &value));
    at = NULL;
    assert_false(json_node_next(json_node_member(root, "a"), &at, &name, &value));
    json_text_free(root);
}

static void bad_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "{\"a\":1,\"a\":2}", "{\"a\":01}", "[1,]", "{} x",
        "\"\xff\"", "nul", "[\"\\u0000\"]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_null(parse(bad[i]));
    char depth[2 * JSON_DEPTH_MAX + 3];
    memset(depth, '[', JSON_DEPTH_MAX + 1);
    memset(depth + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    depth[2 * JSON_DEPTH_MAX + 2] = '\0';
    assert_null(parse(depth));
    depth[2 * JSON_DEPTH_MAX + 1] = '\0';
    struct json_node *root = parse(depth + 1);
    assert_non_null(root);
    json_text_free(root);
    /* Brackets in strings count for nothing. */
    root = parse(
        "[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]");
    assert_non_null(root);
    json_text_free(root);
    /* Deeper than the parser goes, instead of a stack that overflows. */
    static char deep[100000];
    memset(deep, '[', sizeof(deep) - 1);
    assert_null(parse(deep));
    json_text_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(other_kinds_give_the_default),
        cmocka_unit_test(members_come_in_order),
        cmocka_unit_test(bad_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
