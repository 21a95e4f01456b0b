#include "names.h"

#include "cmocka_span.h"

static void knows_bucket_names(void **state)
{
    (void)state;
    static const char *const good[] = {"abc", "a-b", "1.2.3", "a.b-c.d", "1.2.3.4a", "1.2.3.1234",
        "1.2.3.4.5", "my-bucket-2024", "a--b", "xn-a", "sthree", "bucket-alias",
        "012345678901234567890123456789012345678901234567890123456789012"};
    static const char *const bad[] = {"", "a", "ab", "A-bucket", "a_bucket", "-abc", "abc-", ".abc",
        "abc.", "a..b", "192.168.5.4", "999.999.999.999", "a b", "a/b", "b\xc3\xa4r", "xn--abc",
        "sthree-abc", "sthree-configurator", "amzn-s3-demo-bucket", "abc-s3alias", "abc--ol-s3",
        "abc.mrap", "abc--x-s3", "abc--table-s3", "a:b", "a*b",
        "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!bucket_name_valid(span_str(good[i])))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (bucket_name_valid(span_str(bad[i])))
            fail_msg("%s", bad[i]);
    assert_false(bucket_name_valid(SPAN("abc\0def")));
    assert_false(bucket_name_valid(SPAN_ABSENT));
}

static void knows_keys(void **state)
{
    (void)state;
    char long_key[KEY_MAX_BYTES + 1];
    memset(long_key, 'k', sizeof(long_key));
    assert_int_equal(key_check(span_of(long_key, KEY_MAX_BYTES)), S3_OK);
    assert_int_equal(key_check(span_of(long_key, sizeof(long_key))), S3_ERR_KEY_TOO_LONG);
    static const char *const good[] = {"a", "/", "//", "a//b", ".", "..", "../x", "a/", " ",
        "\x01\r\n", "\xe6\x97\xa5", "a+b%c?d#e"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(key_check(span_str(good[i])), S3_OK);
    assert_int_equal(key_check(SPAN("")), S3_ERR_INVALID_ARGUMENT);
    assert_int_equal(key_check(SPAN_ABSENT), S3_ERR_INVALID_ARGUMENT);
    assert_int_equal(key_check(SPAN("a\0b")), S3_ERR_INVALID_URI);
    assert_int_equal(key_check(SPAN("a\xff")), S3_ERR_INVALID_URI);
}

static void reads_copy_sources(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bucket, *key, *version;
    } cases[] = {
        {"bucket/key", "bucket", "key", NULL},
        {"/bucket/key", "bucket", "key", NULL},
        {"/bucket/a/b//c/", "bucket", "a/b//c/", NULL},
        {"bucket//key", "bucket", "/key", NULL},
        {"bucket/a%20b%2Bc%25d", "bucket", "a b+c%d", NULL},
        {"bucket/a+b", "bucket", "a b", NULL},
        {"bucket%2Fa+b%2Bc%252B", "bucket", "a b+c%2B", NULL},
        {"bucket%2Fa%2Fb", "bucket", "a/b", NULL},
        {"%2Fbucket%2Fa", "bucket", "a", NULL},
        {"bucket/%2541", "bucket", "%41", NULL},
        {"bucket/key?versionId=null", "bucket", "key", "null"},
        {"/bucket/k%3FversionId%3Dx?versionId=abc%2Fd", "bucket", "k?versionId=x", "abc/d"},
        {"bucket/k?other=1", "bucket", "k?other=1", NULL},
        {"bucket/%E6%97%A5", "bucket", "\xe6\x97\xa5", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_free) struct arena arena;
        arena_init(&arena, 10000);
        struct copy_source source;
        assert_int_equal(copy_source_parse(&arena, span_str(cases[i].text), &source), S3_OK);
        assert_span_text(source.bucket, cases[i].bucket);
        assert_span_text(source.key, cases[i].key);
        assert_int_equal(span_present(source.version_id), cases[i].version != NULL);
        assert_span_text(source.version_id, cases[i].version);
    }
}

static void refuses_bad_copy_sources(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "/", "bucket", "/bucket", "bucket/", "/bucket/", "//key",
        "/a/key", "bucket/%", "bucket/%zz", "bucket/a%00b", "bucket/%ff",
        "bucket/key?versionId=", "bucket/key?versionId=%", "?versionId=x",
        "arn:aws:s3:us-east-1:123456789012:accesspoint/my/object/key", "arn:aws:s3:::bucket/key"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(arena_free) struct arena arena;
        arena_init(&arena, 10000);
        struct copy_source source;
        assert_int_equal(
            copy_source_parse(&arena, span_str(bad[i]), &source), S3_ERR_INVALID_ARGUMENT);
    }
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, 10000);
    struct span text = arena_format(&arena, "bucket/%0*d", KEY_MAX_BYTES + 1, 0);
    struct copy_source source;
    assert_int_equal(copy_source_parse(&arena, span_first(text, text.len - 1), &source), S3_OK);
    assert_int_equal(copy_source_parse(&arena, text, &source), S3_ERR_INVALID_ARGUMENT);
    struct arena full;
    arena_init(&full, 1);
    assert_int_equal(copy_source_parse(&full, SPAN("bucket/%41"), &source), S3_ERR_INTERNAL);
    arena_free(&full);
}

static void tokens_there_and_back(void **state)
{
    (void)state;
    char marker[KEY_MAX_BYTES];
    uint64_t random = 9;
    for (size_t len = 0; len <= sizeof(marker); len += 1 + len / 16) {
        CLEANUP(arena_free) struct arena arena;
        arena_init(&arena, 100000);
        for (size_t i = 0; i < len; i++)
            marker[i] = (char)next_random(&random);
        struct span token = token_encode(&arena, span_of(marker, len)), after = SPAN_ABSENT;
        assert_true(span_present(token));
        for (size_t i = 0; i < token.len; i++)
            assert_true(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                            token.ptr[i]) != NULL);
        assert_int_equal(token_decode(&arena, token, &after), S3_OK);
        assert_span(after, span_of(marker, len));
    }
}

static void garbage_is_no_token(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, 1 << 20);
    static const char *const bad[] = {"", "a", "some-key", "AAAAAAAA", "====", "AQ",
        "AQAAAAA=", "photos/2024/", "\xff\xff\xff\xff", "AAAAAAAAAAAAAAAAAAAAAAA"};
    struct span after;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(token_decode(&arena, span_str(bad[i]), &after), S3_ERR_INVALID_ARGUMENT);
    assert_int_equal(token_decode(&arena, SPAN_ABSENT, &after), S3_ERR_INVALID_ARGUMENT);

    /* Any one character changed, and any end cut off. */
    struct span token = token_encode(&arena, SPAN("photos/2024/01/picture.jpg"));
    char changed[100];
    assert_true(token.len < sizeof(changed));
    for (size_t i = 0; i < token.len; i++) {
        memcpy(changed, token.ptr, token.len);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(
            token_decode(&arena, span_of(changed, token.len), &after), S3_ERR_INVALID_ARGUMENT);
        assert_int_equal(
            token_decode(&arena, span_first(token, i), &after), S3_ERR_INVALID_ARGUMENT);
    }
    static char huge[20000];
    memset(huge, 'A', sizeof(huge));
    assert_int_equal(
        token_decode(&arena, span_of(huge, sizeof(huge)), &after), S3_ERR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_bucket_names),
        cmocka_unit_test(knows_keys),
        cmocka_unit_test(reads_copy_sources),
        cmocka_unit_test(refuses_bad_copy_sources),
        cmocka_unit_test(tokens_there_and_back),
        cmocka_unit_test(garbage_is_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
