/* Version ids, upload ids and storage classes as text. */
#include "daemon/storage_class.h"
#include "daemon/upload_id.h"
#include "daemon/version_id.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct version versions[] = {
    {1, 0, false},
    {UINT64_MAX, UINT64_MAX, false},
    {0x0123456789abcdef, 0xfedcba9876543210, false},
};

static void test_version_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        char text[VERSION_ID_TEXT_BYTES];
        struct version_ref ref;
        size_t len = version_id_format(&versions[i], text);
        assert_int_equal(len, 32);
        assert_int_equal(strlen(text), len);
        assert_int_equal(version_id_parse(span_of(text, len), &ref, NULL), S3_OK);
        assert_int_equal(ref.select, VERSION_EXACT);
        assert_true(ref.sequence == versions[i].sequence && ref.random == versions[i].random);
    }
    char text[VERSION_ID_TEXT_BYTES];
    assert_int_equal(version_id_format(&versions[2], text), 32);
    assert_string_equal(text, "0123456789abcdeffedcba9876543210");
    struct version null_version = {5, 6, true};
    assert_int_equal(version_id_format(&null_version, text), 4);
    assert_string_equal(text, "null");
}

static void test_version_forms(void **state)
{
    (void)state;
    struct version_ref ref;
    assert_int_equal(version_id_parse(SPAN_ABSENT, &ref, NULL), S3_OK);
    assert_int_equal(ref.select, VERSION_NEWEST);
    assert_int_equal(version_id_parse(SPAN("null"), &ref, NULL), S3_OK);
    assert_int_equal(ref.select, VERSION_NULL);
}

static void test_version_rejected(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        const char *detail;
    } cases[] = {
        {SPAN(""), "Version id cannot be the empty string"},
        {SPAN("NULL"), "Invalid version id specified"},
        {SPAN("0"), "Invalid version id specified"},
        {SPAN("0123456789abcdeffedcba987654321"), "Invalid version id specified"},
        {SPAN("0123456789abcdeffedcba98765432100"), "Invalid version id specified"},
        {SPAN("0123456789ABCDEFFEDCBA9876543210"), "Invalid version id specified"},
        {SPAN("0123456789abcdeffedcba987654321g"), "Invalid version id specified"},
        {SPAN("0123456789abcdef\0edcba9876543210"), "Invalid version id specified"},
        {SPAN("0000000000000000fedcba9876543210"), "Invalid version id specified"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct version_ref ref = {.select = VERSION_EXACT, .sequence = 42};
        const char *detail = NULL;
        assert_int_equal(version_id_parse(cases[i].text, &ref, &detail), S3_ERR_INVALID_ARGUMENT);
        assert_string_equal(detail, cases[i].detail);
        assert_true(ref.select == VERSION_EXACT && ref.sequence == 42);
    }
}

static void test_upload_ids(void **state)
{
    (void)state;
    struct upload_id id = {7, 0xabcdef}, parsed = {0};
    char text[UPLOAD_ID_TEXT_BYTES];
    upload_id_format(id, text);
    assert_string_equal(text, "00000000000000070000000000abcdef");
    assert_int_equal(upload_id_parse(span_str(text), &parsed), S3_OK);
    assert_true(parsed.blob_id == id.blob_id && parsed.random == id.random);
    static const struct span bad[] = {SPAN_ABSENT, SPAN(""), SPAN("x"),
        SPAN("00000000000000000000000000abcdef"), SPAN("00000000000000070000000000ABCDEF"),
        SPAN("00000000000000070000000000abcdef0"), SPAN("../../00000007000000000000abcdef")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(upload_id_parse(bad[i], &parsed), S3_ERR_NO_SUCH_UPLOAD);
        assert_int_equal(parsed.blob_id, 7);
    }
}

static void test_storage_classes(void **state)
{
    (void)state;
    uint8_t number = 99;
    for (uint8_t i = STORAGE_CLASS_STANDARD; i <= STORAGE_CLASS_EXPRESS_ONEZONE; i++) {
        assert_true(storage_class_by_name(storage_class_name(i), &number));
        assert_int_equal(number, i);
    }
    assert_true(storage_class_by_name(SPAN_ABSENT, &number));
    assert_int_equal(number, STORAGE_CLASS_STANDARD);
    number = 99;
    assert_false(storage_class_by_name(SPAN(""), &number));
    assert_false(storage_class_by_name(SPAN("standard"), &number));
    assert_false(storage_class_by_name(SPAN("STANDARD2"), &number));
    assert_int_equal(number, 99);
    assert_true(span_eq(storage_class_name(200), SPAN("STANDARD")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_version_round_trip),
        cmocka_unit_test(test_version_forms), cmocka_unit_test(test_version_rejected),
        cmocka_unit_test(test_upload_ids), cmocka_unit_test(test_storage_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
