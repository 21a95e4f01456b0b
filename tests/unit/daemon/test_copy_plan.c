/* Which keys a copy job takes, what they become, in which parts, and how its description is read. */
#include "daemon/jobs/copy_plan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static bool read_spec(const char *text, struct copy_spec *spec, char *detail)
{
    char json_detail[JSON_DETAIL_BYTES];
    struct copy_credentials credentials;
    struct json_node *node = json_text_parse(span_str(text), json_detail);
    assert_non_null(node);
    bool good = copy_spec_read(&arena, node, spec, &credentials, detail);
    json_text_free(node);
    return good;
}

static void globs_match_whole_names(void **state)
{
    (void)state;
    static const struct {
        const char *glob, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "a/b/c", true},
        {"*.csv", "2024/01/x.csv", true},
        {"*.csv", "x.csv.gz", false},
        {"2024/*/x.csv", "2024/01/02/x.csv", true},
        {"?.csv", "x.csv", true},
        {"?.csv", "\xc3\xa4.csv", true}, /* one character of two bytes */
        {"??.csv", "\xc3\xa4.csv", false},
        {"part-[0-9].csv", "part-7.csv", true},
        {"part-[0-9].csv", "part-a.csv", false},
        {"part-[!0-9].csv", "part-a.csv", true},
        {"part-[^0-9].csv", "part-7.csv", false},
        {"[]]", "]", true},
        {"[a-]", "-", true},
        {"[", "[", true}, /* no set: itself */
        {"[ab", "[ab", true},
        {"[ab", "a", false},
        {"*a*b*c", "xxaxxbxxc", true},
        {"*a*b*c", "xxaxxcxxb", false},
        {"a**b", "ab", true},
        {"\\*", "\\x", true},
        {"A*", "abc", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (copy_glob_matches(span_str(cases[i].glob), span_str(cases[i].text)) != cases[i].matches)
            fail_msg("%s and %s", cases[i].glob, cases[i].text);
}

/* What backtracks takes 2^n steps here, which no test would end in. */
static void a_hostile_glob_takes_no_time(void **state)
{
    (void)state;
    char glob[COPY_GLOB_MAX_BYTES], text[1024];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(glob); i++)
        glob[i] = i % 2 == 0 ? '*' : 'a';
    glob[sizeof(glob) - 1] = 'b';
    assert_false(copy_glob_matches(span_of(glob, sizeof(glob)), span_of(text, sizeof(text))));
}

static void a_key_loses_the_folder_and_gets_the_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *key, *made; /* NULL: no key */
    } cases[] = {
        {"2024/", "raw/", "2024/01/x.csv", "raw/01/x.csv"},
        {"2024", "raw/", "2024/01/x.csv", "raw/2024/01/x.csv"},
        {"2024/01/x.csv", "raw/", "2024/01/x.csv", "raw/x.csv"},
        {"", "", "a/b", "a/b"},
        {"", "raw-", "a/b", "raw-a/b"},
        {"a//", "b/", "a///c", "b//c"},
        {"a/", "", "a/", NULL}, /* the folder's own marker, and nowhere to put it */
        {"a/", "b/", "a/", "b/"},
        {"", "", "\xff", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct copy_spec spec = {
            .source_prefix = span_str(cases[i].from), .prefix = span_str(cases[i].to)};
        struct span made = copy_key(&arena, &spec, span_str(cases[i].key));
        assert_int_equal(span_present(made), cases[i].made != NULL);
        if (cases[i].made != NULL)
            assert_true(span_eq(made, span_str(cases[i].made)));
    }
    char longest[1024];
    memset(longest, 'k', sizeof(longest));
    struct copy_spec spec = {.source_prefix = SPAN(""), .prefix = SPAN("p")};
    assert_false(span_present(copy_key(&arena, &spec, span_of(longest, 1024))));
    assert_true(span_present(copy_key(&arena, &spec, span_of(longest, 1023))));
}

static void filters_are_all_to_hold(void **state)
{
    (void)state;
    struct copy_spec spec;
    char detail[COPY_SPEC_DETAIL_BYTES];
    assert_true(read_spec(
        "{\"source\":{\"bucket\":\"there\",\"prefix\":\"d/"
        "\"},\"destination\":{\"bucket\":\"here\"},"
        "\"filters\":{\"include\":[\"*.csv\",\"*.json\"],\"exclude\":[\"tmp/*\"],\"min_bytes\":10,"
        "\"max_bytes\":20,\"modified_since\":\"2026-01-01T00:00:00Z\"}}",
        &spec, detail));
    int64_t new_year = 1767225600000;
    assert_true(copy_wanted(&spec, SPAN("d/a.csv"), 10, new_year));
    assert_true(copy_wanted(&spec, SPAN("d/x/a.json"), 20, new_year));
    assert_false(copy_wanted(&spec, SPAN("d/a.txt"), 10, new_year));
    assert_false(copy_wanted(&spec, SPAN("d/tmp/a.csv"), 10, new_year));
    assert_true(copy_wanted(&spec, SPAN("d/d/tmp/a.csv"), 10, new_year));
    assert_false(copy_wanted(&spec, SPAN("d/a.csv"), 9, new_year));
    assert_false(copy_wanted(&spec, SPAN("d/a.csv"), 21, new_year));
    assert_false(copy_wanted(&spec, SPAN("d/a.csv"), 10, new_year - 1));
}

static void parts_are_guessed_as_clients_choose_them(void **state)
{
    (void)state;
    const uint64_t mib = 1 << 20;
    assert_int_equal(copy_guess_part_bytes(100 * mib, 13), 8 * mib);
    assert_int_equal(copy_guess_part_bytes(100 * mib, 20), 5 * mib);
    assert_int_equal(copy_guess_part_bytes(16 * mib, 2), 8 * mib);
    assert_int_equal(copy_guess_part_bytes(10 * 1024 * mib, 640), 16 * mib);
    assert_int_equal(copy_guess_part_bytes(100, 1), 5 * mib);
    assert_int_equal(copy_guess_part_bytes(10 * mib, 3), 0); /* no whole number of at least 5 */
    assert_int_equal(copy_guess_part_bytes(1, 0), 0);
    assert_true(copy_parts_fit(10 * mib + 1, 5 * mib, 3));
    assert_false(copy_parts_fit(10 * mib, 5 * mib, 3));
    assert_true(copy_parts_fit(0, 5 * mib, 1));
}

static void a_description_is_checked_member_by_member(void **state)
{
    (void)state;
#define JOB(rest)                                                                                  \
    "{\"source\":{\"bucket\":\"there\"},\"destination\":{\"bucket\":\"here\"}" rest "}"
    static const struct {
        const char *text, *detail; /* NULL: good */
    } cases[] = {
        {JOB(""), NULL},
        {JOB(",\"exists\":null,\"filters\":null,\"limits\":{}"), NULL},
        {JOB(",\"exists\":\"keep\""), "exists must be"},
        {JOB(",\"color\":1"), "a job has an unknown member: color"},
        {JOB(",\"limits\":{\"objects_at_once\":0}"), "limits.objects_at_once"},
        {JOB(",\"limits\":{\"objects_at_once\":257}"), "limits.objects_at_once"},
        {JOB(",\"limits\":{\"bytes_per_second\":-1}"), "limits.bytes_per_second"},
        {JOB(",\"limits\":{\"total_bytes\":\"9\"}"), "limits.total_bytes"},
        {JOB(",\"filters\":{\"include\":\"*\"}"), "filters.include"},
        {JOB(",\"filters\":{\"include\":[1]}"), "filters.include"},
        {JOB(",\"filters\":{\"include\":[\"\"]}"), "filters.include"},
        {JOB(",\"filters\":{\"modified_since\":\"yesterday\"}"), "filters.modified_since"},
        {JOB(",\"dry_run\":1"), "dry_run"},
        {"{\"destination\":{\"bucket\":\"here\"}}", "source.bucket is missing"},
        {"{\"source\":{\"bucket\":\"there\"}}", "destination.bucket"},
        {"{\"source\":{\"bucket\":\"there\",\"credentials\":{\"access_key\":\"A\"}},"
         "\"destination\":{\"bucket\":\"here\"}}",
            "credentials must have"},
        {"{\"source\":{\"bucket\":\"here\",\"prefix\":\"a/\",\"endpoint\":\"local\"},"
         "\"destination\":{\"bucket\":\"here\",\"prefix\":\"a/b/\"}}",
            "destination lies within the source"},
        {"{\"source\":{\"bucket\":\"here\",\"prefix\":\"a/\",\"endpoint\":\"local\"},"
         "\"destination\":{\"bucket\":\"here\",\"prefix\":\"b/\"}}",
            NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct copy_spec spec;
        char detail[COPY_SPEC_DETAIL_BYTES] = "";
        bool good = read_spec(cases[i].text, &spec, detail);
        if (good != (cases[i].detail == NULL) ||
            (!good && strncmp(detail, cases[i].detail, strlen(cases[i].detail)) != 0))
            fail_msg("%s: %s", cases[i].text, detail);
    }
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct copy_spec spec, again;
    char detail[COPY_SPEC_DETAIL_BYTES];
    assert_true(read_spec(
        "{\"source\":{\"bucket\":\"there\",\"prefix\":\"a\\\"b/\",\"endpoint\":\"https://"
        "x.example\","
        "\"region\":\"eu-west-1\"},\"destination\":{\"bucket\":\"here\",\"prefix\":\"raw/\"},"
        "\"filters\":{\"include\":[\"*\"],\"min_bytes\":1,\"max_bytes\":9,"
        "\"modified_since\":\"2026-01-01T00:00:00Z\"},\"exists\":\"fail\","
        "\"limits\":{\"objects_at_once\":3,\"total_objects\":7},\"dry_run\":true}",
        &spec, detail));
    struct buf text CLEANUP(buf_free), second CLEANUP(buf_free);
    buf_init(&text, 65536);
    buf_init(&second, 65536);
    buf_add_char(&text, '{');
    copy_spec_write(&spec, true, &text);
    buf_add_lit(&text, "}");
    buf_add_char(&text, '\0');
    assert_true(read_spec(text.ptr, &again, detail));
    buf_add_char(&second, '{');
    copy_spec_write(&again, true, &second);
    buf_add_lit(&second, "}");
    assert_true(span_eq(buf_span(&second), span_of(text.ptr, text.len - 1)));
    assert_int_equal(again.exists, COPY_FAIL);
    assert_int_equal(again.limits.total_objects, 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(globs_match_whole_names),
        TEST(a_hostile_glob_takes_no_time),
        TEST(a_key_loses_the_folder_and_gets_the_prefix),
        TEST(filters_are_all_to_hold),
        TEST(parts_are_guessed_as_clients_choose_them),
        TEST(a_description_is_checked_member_by_member),
        TEST(what_is_written_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
