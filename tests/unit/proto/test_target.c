#include "target.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct span domains[] = {{"s3.example.com", 14}, {"example.com", 11}};

struct target_case {
    const char *raw, *host;
    enum s3_err err;
    enum target_scope scope;
    const char *bucket, *key; /* NULL: absent */
};

static const struct target_case cases[] = {
    {"/", "localhost:9000", S3_OK, TARGET_SERVICE, NULL, NULL},
    {"/?x-id=ListBuckets", NULL, S3_OK, TARGET_SERVICE, NULL, NULL},
    {"/bucket", NULL, S3_OK, TARGET_BUCKET, "bucket", NULL},
    {"/bucket/", NULL, S3_OK, TARGET_BUCKET, "bucket", NULL},
    {"/bucket//", NULL, S3_OK, TARGET_OBJECT, "bucket", "/"},
    {"/bucket/a//b/../c/.", NULL, S3_OK, TARGET_OBJECT, "bucket", "a//b/../c/."},
    {"/bucket/a%2Fb%20c+d", NULL, S3_OK, TARGET_OBJECT, "bucket", "a/b c+d"},
    {"/bucket/dir/", NULL, S3_OK, TARGET_OBJECT, "bucket", "dir/"},
    {"/bucket/%E1%88%B4", NULL, S3_OK, TARGET_OBJECT, "bucket", "\xe1\x88\xb4"},
    {"//key", NULL, S3_OK, TARGET_OBJECT, "", "key"},
    {"http://other:1/bucket/key", NULL, S3_OK, TARGET_OBJECT, "bucket", "key"},
    {"HTTPS://other", NULL, S3_OK, TARGET_SERVICE, NULL, NULL},
    {"http://other?acl", NULL, S3_OK, TARGET_SERVICE, NULL, NULL},
    {"http://Other:1/bucket/key", "other:1", S3_OK, TARGET_OBJECT, "bucket", "key"},
    {"http://other:1/bucket/key", "other", S3_ERR_INVALID_URI, 0, NULL, NULL},
    {"http://b.s3.local/key", "c.s3.local", S3_ERR_INVALID_URI, 0, NULL, NULL},
    {"/key", "photos.s3.example.com:9000", S3_OK, TARGET_OBJECT, "photos", "key"},
    {"/", "photos.s3.example.com", S3_OK, TARGET_BUCKET, "photos", NULL},
    {"/", "a.b.s3.example.com", S3_OK, TARGET_BUCKET, "a.b", NULL},
    {"/", "Photos.S3.Example.Com", S3_OK, TARGET_BUCKET, "photos", NULL},
    {"/", "photos.example.com", S3_OK, TARGET_BUCKET, "photos", NULL},
    {"/b/k", "s3.example.com:80", S3_OK, TARGET_OBJECT, "b", "k"},
    {"/b/k", "example.com", S3_OK, TARGET_OBJECT, "b", "k"},
    {"/b/k", ".example.com", S3_OK, TARGET_OBJECT, "b", "k"},
    {"/b/k", "notexample.com", S3_OK, TARGET_OBJECT, "b", "k"},
    {"/b/k", "[::1]:9000", S3_OK, TARGET_OBJECT, "b", "k"},
    {"/b/k", "", S3_OK, TARGET_OBJECT, "b", "k"},
    {"/v20180820", NULL, S3_OK, TARGET_BUCKET, "v20180820", NULL},
    {"/v20180820/", NULL, S3_OK, TARGET_CONTROL, NULL, NULL},
    {"/v20180820/tags/arn:aws:s3:::lake", NULL, S3_OK, TARGET_CONTROL, "lake", NULL},
    {"/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Alake?tagKeys=a", "000000000001.s3.example.com", S3_OK,
        TARGET_CONTROL, "lake", NULL},
    {"/v20180820/tags/arn%3Aaws%3As3%3A%3A1%3Astorage-lens-group%2Fx", NULL, S3_OK, TARGET_CONTROL,
        NULL, NULL},
    {"/v20180820/x", "photos.s3.example.com", S3_OK, TARGET_CONTROL, NULL, NULL},
    {"/x/v20180820/y", NULL, S3_OK, TARGET_OBJECT, "x", "v20180820/y"},
    {"", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"*", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"bucket/key", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"ftp://host/bucket", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"/b/%", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"/b/%4", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"/b/%zz", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"/b/%00", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"/b/%ff", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"/b/%ed%a0%80", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"/b?prefix=%f", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"/b?prefix=%ff", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
    {"/b?%fe=1", NULL, S3_ERR_INVALID_URI, TARGET_SERVICE, NULL, NULL},
};

static void assert_span(struct span actual, const char *expected, const char *what)
{
    if (!span_eq(actual, span_str(expected)) || span_present(actual) != (expected != NULL))
        fail_msg("%s: expected '%s', got '%.*s'", what, expected ? expected : "(absent)",
            SPAN_ARG(actual));
}

static void targets_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct target_case *c = &cases[i];
        struct arena arena;
        struct target target;
        arena_init(&arena, 65536);
        enum s3_err err = target_parse(
            &arena, span_str(c->raw), span_str(c->host), domains, ARRAY_LEN(domains), &target);
        if (err != c->err)
            fail_msg("%s: error %d, expected %d", c->raw, (int)err, (int)c->err);
        if (err == S3_OK) {
            assert_int_equal(target.scope, c->scope);
            assert_span(target.bucket, c->bucket, c->raw);
            assert_span(target.key, c->key, c->raw);
        }
        arena_free(&arena);
    }
}

static void query_is_decoded_and_found(void **state)
{
    (void)state;
    struct arena arena;
    struct target target;
    arena_init(&arena, 65536);
    struct span raw = SPAN("/b?list-type=2&&prefix=a%2Fb+c%2b&delimiter=&acl&x+y=1&prefix=z&=v&");
    assert_int_equal(target_parse(&arena, raw, SPAN_ABSENT, NULL, 0, &target), S3_OK);
    assert_span(target.raw_query,
        "list-type=2&&prefix=a%2Fb+c%2b&delimiter=&acl&x+y=1&prefix=z&=v&", "raw");
    assert_int_equal(target.query.count, 7);
    assert_span(query_value(&target.query, SPAN("prefix")), "a/b c+", "prefix");
    assert_span(query_value(&target.query, SPAN("delimiter")), "", "delimiter");
    assert_span(query_value(&target.query, SPAN("acl")), "", "acl");
    assert_span(query_find(&target.query, SPAN("acl"))->value, NULL, "acl itself");
    assert_span(query_find(&target.query, SPAN("acl"))->raw_value, NULL, "acl raw");
    assert_span(query_value(&target.query, SPAN("x+y")), "1", "plus in a name stays");
    assert_span(query_value(&target.query, SPAN("")), "v", "no name");
    assert_span(query_value(&target.query, SPAN("Prefix")), NULL, "names have case");
    assert_null(query_find(&target.query, SPAN("none")));
    assert_span(target.query.params[1].raw_value, "a%2Fb+c%2b", "raw value");
    arena_free(&arena);
}

static void query_without_parameters(void **state)
{
    (void)state;
    struct arena arena;
    struct target target;
    arena_init(&arena, 65536);
    assert_int_equal(target_parse(&arena, SPAN("/b"), SPAN_ABSENT, NULL, 0, &target), S3_OK);
    assert_false(span_present(target.raw_query));
    assert_int_equal(target_parse(&arena, SPAN("/b?"), SPAN_ABSENT, NULL, 0, &target), S3_OK);
    assert_true(span_present(target.raw_query));
    assert_int_equal(target.query.count, 0);
    arena_free(&arena);
}

static void parameters_are_bounded(void **state)
{
    (void)state;
    for (size_t count = QUERY_PARAMS_MAX; count <= QUERY_PARAMS_MAX + 1; count++) {
        struct arena arena;
        struct target target;
        struct buf raw;
        arena_init(&arena, 65536);
        buf_init(&raw, 65536);
        buf_add_lit(&raw, "/b?");
        for (size_t i = 0; i < count; i++)
            buf_add_lit(&raw, "a=1&");
        enum s3_err err = target_parse(&arena, buf_span(&raw), SPAN_ABSENT, NULL, 0, &target);
        assert_int_equal(err, count <= QUERY_PARAMS_MAX ? S3_OK : S3_ERR_INVALID_URI);
        buf_free(&raw);
        arena_free(&arena);
    }
}

static void full_arena_is_internal(void **state)
{
    (void)state;
    struct arena arena;
    struct target target;
    arena_init(&arena, 16);
    assert_int_equal(
        target_parse(&arena, SPAN("/bucket/%41%42%43%44%45%46%47"), SPAN_ABSENT, NULL, 0, &target),
        S3_ERR_INTERNAL);
    arena_free(&arena);
}

static void test_a_prefix_is_no_part_of_names(void **state)
{
    static const struct {
        const char *raw, *host;
        enum target_scope scope;
        const char *bucket, *key, *path;
    } stripped[] = {
        {"/lake/s3", NULL, TARGET_SERVICE, NULL, NULL, "/"},
        {"/lake/s3/", NULL, TARGET_SERVICE, NULL, NULL, "/"},
        {"/lake/s3/b", NULL, TARGET_BUCKET, "b", NULL, "/b"},
        {"/lake/s3/b/k%2Fl", NULL, TARGET_OBJECT, "b", "k/l", "/b/k/l"},
        {"/lake%2Fs3/b/k", NULL, TARGET_OBJECT, "b", "k", "/b/k"},
        {"/lake/s3/lake/s3", NULL, TARGET_OBJECT, "lake", "s3", "/lake/s3"},
        {"/lake/s3x/k", NULL, TARGET_OBJECT, "lake", "s3x/k", "/lake/s3x/k"},
        {"/lake/s", NULL, TARGET_OBJECT, "lake", "s", "/lake/s"},
        {"/b/lake/s3", NULL, TARGET_OBJECT, "b", "lake/s3", "/b/lake/s3"},
        {"/lake/s3/k", "b.example.com", TARGET_OBJECT, "b", "k", "/k"},
        {"/lake/s3", "b.example.com", TARGET_BUCKET, "b", NULL, "/"},
        {"/lake/s3/v20180820/x", "b.example.com", TARGET_CONTROL, NULL, NULL, "/v20180820/x"},
    };
    (void)state;
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, 64 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(stripped); i++) {
        struct target target;
        assert_int_equal(target_parse(&arena, span_str(stripped[i].raw), span_str(stripped[i].host),
                             domains, ARRAY_LEN(domains), &target),
            S3_OK);
        struct span signed_path = target.signed_path;
        target_strip(&target, SPAN("/lake/s3"));
        assert_int_equal(target.scope, stripped[i].scope);
        assert_true(span_eq(target.bucket, span_str(stripped[i].bucket)));
        assert_int_equal(span_present(target.bucket), stripped[i].bucket != NULL);
        assert_true(span_eq(target.key, span_str(stripped[i].key)));
        assert_true(span_eq(target.path, span_str(stripped[i].path)));
        assert_true(span_eq(target.signed_path, signed_path));
        assert_true(span_eq(target.raw_path, span_str(stripped[i].raw)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_prefix_is_no_part_of_names),
        cmocka_unit_test(targets_are_taken_apart),
        cmocka_unit_test(query_is_decoded_and_found),
        cmocka_unit_test(query_without_parameters),
        cmocka_unit_test(parameters_are_bounded),
        cmocka_unit_test(full_arena_is_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
