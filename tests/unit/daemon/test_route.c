/* Does every row of ops.def get its requests, and nothing that S3 means otherwise? */
#include "daemon/route.h"

#include <setjmp.h>
#include <stdarg.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct arena arena;

static struct target target_of(const char *text)
{
    struct target target;
    assert_int_equal(
        target_parse(&arena, span_str(text), SPAN("localhost"), NULL, 0, &target), S3_OK);
    return target;
}

static const char *path_of(enum target_scope scope)
{
    switch (scope) {
    case TARGET_SERVICE:
        return "/";
    case TARGET_BUCKET:
        return "/bucket";
    case TARGET_OBJECT:
        return "/bucket/a/key";
    case TARGET_CONTROL:
        return "/v20180820";
    }
    return "";
}

static const struct op *routed(
    enum method method, const char *text, const char *header, enum s3_err expected)
{
    struct target target = target_of(text);
    struct header field = {span_str(header), SPAN("/bucket/source")};
    struct header_list headers = {&field, header != NULL ? 1 : 0};
    const struct op *op = NULL;
    assert_int_equal(route(method, &target, &headers, &op), expected);
    return op;
}

static void test_every_row_gets_its_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < ops_count; i++) {
        const struct op *op = &ops_table[i];
        if (op->scope == TARGET_CONTROL)
            continue; /* goes by path: below */
        struct span text = arena_format(&arena, "%s%s%s", path_of(op->scope),
            op->sub_resource ? "?" : "", op->sub_resource ? op->sub_resource : "");
        const struct op *found = routed(op->method, text.ptr, op->header, S3_OK);
        assert_string_equal(found->name, op->name);
        /* Beside parameters that mean nothing, before and behind. */
        text = arena_format(&arena, "%s?x-id=Any&%s&prefix=a", path_of(op->scope),
            op->sub_resource ? op->sub_resource : "x=y");
        found = routed(op->method, text.ptr, op->header, S3_OK);
        assert_string_equal(found->name, op->name);
    }
}

static void test_s3_control_goes_by_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < ops_count; i++) {
        const struct op *op = &ops_table[i];
        if (op->scope != TARGET_CONTROL)
            continue;
        struct span text = arena_format(&arena, "/v20180820/%s/arn%%3Aaws?x=y", op->sub_resource);
        assert_string_equal(routed(op->method, text.ptr, NULL, S3_OK)->name, op->name);
        text = arena_format(&arena, "/v20180820/%s", op->sub_resource);
        assert_string_equal(routed(op->method, text.ptr, NULL, S3_OK)->name, op->name);
        text = arena_format(&arena, "/v20180820/%sX/a", op->sub_resource);
        assert_null(routed(op->method, text.ptr, NULL, S3_ERR_NOT_IMPLEMENTED));
        text = arena_format(&arena, "/v20180820/?%s", op->sub_resource);
        assert_null(routed(op->method, text.ptr, NULL, S3_ERR_NOT_IMPLEMENTED));
    }
}

static void test_names_of_rows_are_known_sub_resources(void **state)
{
    (void)state;
    for (size_t i = 0; i < ops_count; i++) {
        struct span name = span_str(ops_table[i].sub_resource);
        if (ops_table[i].scope != TARGET_CONTROL && span_present(name) &&
            span_find_char(name, '=', 0) == SIZE_MAX)
            assert_true(route_knows(name));
    }
}

static void test_sub_resources_without_a_row_are_not_implemented(void **state)
{
    (void)state;
    static const char *const names[] = {"accelerate", "acl", "analytics", "attributes", "cors",
        "delete", "encryption", "intelligent-tiering", "inventory", "legal-hold", "lifecycle",
        "location", "logging", "metadataTable", "metrics", "notification", "object-lock",
        "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "renameObject",
        "replication", "requestPayment", "restore", "retention", "select", "session", "tagging",
        "torrent", "uploadId", "uploads", "versioning", "versions", "website"};
    static const enum method methods[] = {
        METHOD_GET, METHOD_HEAD, METHOD_PUT, METHOD_POST, METHOD_DELETE};
    static const enum target_scope scopes[] = {TARGET_BUCKET, TARGET_OBJECT};
    size_t refused = 0;
    for (size_t n = 0; n < ARRAY_LEN(names); n++)
        for (size_t m = 0; m < ARRAY_LEN(methods); m++)
            for (size_t s = 0; s < ARRAY_LEN(scopes); s++) {
                bool has_row = false;
                for (size_t i = 0; i < ops_count; i++)
                    has_row |= ops_table[i].method == methods[m] &&
                               ops_table[i].scope == scopes[s] &&
                               span_eq(span_str(ops_table[i].sub_resource), span_str(names[n]));
                if (has_row)
                    continue;
                struct span text = arena_format(&arena, "%s?%s", path_of(scopes[s]), names[n]);
                assert_null(routed(methods[m], text.ptr, NULL, S3_ERR_NOT_IMPLEMENTED));
                text = arena_format(&arena, "%s?%s=1&x-id=Any", path_of(scopes[s]), names[n]);
                assert_null(
                    routed(methods[m], text.ptr, "x-amz-copy-source", S3_ERR_NOT_IMPLEMENTED));
                refused++;
            }
    assert_true(refused > 200);
}

static void test_restore_never_overwrites(void **state)
{
    (void)state;
    assert_null(routed(METHOD_PUT, "/bucket/key?restore", NULL, S3_ERR_NOT_IMPLEMENTED));
    assert_null(routed(METHOD_PUT, "/bucket/key?retention", NULL, S3_ERR_NOT_IMPLEMENTED));
    assert_null(routed(METHOD_DELETE, "/bucket/key?legal-hold", NULL, S3_ERR_NOT_IMPLEMENTED));
    assert_null(routed(METHOD_PUT, "/bucket?website", NULL, S3_ERR_NOT_IMPLEMENTED));
    assert_null(routed(METHOD_DELETE, "/bucket?logging", NULL, S3_ERR_NOT_IMPLEMENTED));
    assert_null(routed(METHOD_PUT, "/bucket/key?partNumber=1", NULL, S3_ERR_INVALID_ARGUMENT));
}

static void test_unknown_parameters_never_route(void **state)
{
    (void)state;
    const struct op *op = routed(METHOD_PUT, "/bucket/key?x-id=PutObject&uploadsX", NULL, S3_OK);
    assert_string_equal(op->name, "put_object");
    op = routed(METHOD_GET, "/bucket/key?versionId=null", NULL, S3_OK);
    assert_string_equal(op->name, "get_object");
    op = routed(METHOD_GET, "/bucket?list-type=1", NULL, S3_OK);
    assert_string_equal(op->name, "list_objects");
    op = routed(METHOD_GET, "/bucket?UPLOADS", NULL, S3_OK);
    assert_string_equal(op->name, "list_objects");
    op = routed(METHOD_GET, "/bucket?%75ploads", NULL, S3_OK);
    assert_string_equal(op->name, "list_multipart_uploads");
}

static void test_methods_that_do_not_exist_are_not_allowed(void **state)
{
    (void)state;
    assert_null(routed(METHOD_DELETE, "/", NULL, S3_ERR_METHOD_NOT_ALLOWED));
    assert_null(routed(METHOD_OTHER, "/bucket/key", NULL, S3_ERR_METHOD_NOT_ALLOWED));
    assert_null(routed(METHOD_PUT, "/", NULL, S3_ERR_METHOD_NOT_ALLOWED));
}

static void test_methods_go_by_case(void **state)
{
    (void)state;
    assert_int_equal(method_of(SPAN("GET")), METHOD_GET);
    assert_int_equal(method_of(SPAN("DELETE")), METHOD_DELETE);
    assert_int_equal(method_of(SPAN("get")), METHOD_OTHER);
    assert_int_equal(method_of(SPAN("PATCH")), METHOD_OTHER);
    assert_int_equal(method_of(SPAN_ABSENT), METHOD_OTHER);
}

int main(void)
{
    arena_init(&arena, 8 * 1024 * 1024);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_gets_its_request),
        cmocka_unit_test(test_s3_control_goes_by_path),
        cmocka_unit_test(test_names_of_rows_are_known_sub_resources),
        cmocka_unit_test(test_sub_resources_without_a_row_are_not_implemented),
        cmocka_unit_test(test_restore_never_overwrites),
        cmocka_unit_test(test_unknown_parameters_never_route),
        cmocka_unit_test(test_methods_that_do_not_exist_are_not_allowed),
        cmocka_unit_test(test_methods_go_by_case),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
