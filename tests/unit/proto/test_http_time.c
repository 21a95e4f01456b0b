#include "http_time.h"

#include "cmocka_span.h"

static const struct {
    int64_t time_s;
    const char *http, *iso, *amz;
} times[] = {
    {784111777, "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37.000Z", "19941106T084937Z"},
    {0, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00.000Z", "19700101T000000Z"},
    {-1, "Wed, 31 Dec 1969 23:59:59 GMT", "1969-12-31T23:59:59.000Z", "19691231T235959Z"},
    {951782400, "Tue, 29 Feb 2000 00:00:00 GMT", "2000-02-29T00:00:00.000Z", "20000229T000000Z"},
    {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT", "2100-03-01T00:00:00.000Z", "21000301T000000Z"},
    {-62167219200, "Sat, 01 Jan 0000 00:00:00 GMT", "0000-01-01T00:00:00.000Z", "00000101T000000Z"},
    {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59.000Z", "99991231T235959Z"},
};

static void formats_and_parses_known_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        char http[HTTP_TIME_BYTES], iso[ISO_TIME_BYTES], amz[AMZ_TIME_BYTES];
        http_time_format(times[i].time_s, http);
        iso_time_format(times[i].time_s * 1000, iso);
        amz_time_format(times[i].time_s, amz);
        assert_string_equal(http, times[i].http);
        assert_string_equal(iso, times[i].iso);
        assert_string_equal(amz, times[i].amz);
        int64_t time = 1;
        assert_true(http_time_parse(span_str(http), &time));
        assert_true(time == times[i].time_s);
        assert_true(iso_time_parse(span_str(iso), &time));
        assert_true(time == times[i].time_s * 1000);
        assert_true(amz_time_parse(span_str(amz), &time));
        assert_true(time == times[i].time_s);
    }
}

/* A day at a time over all years, and random seconds, against the C library. */
static void agrees_with_the_c_library(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int64_t day = -719528; day < 2932897; day += 1 + (int64_t)(next_random(&random) % 5)) {
        time_t time = (time_t)(day * 86400 + (int64_t)(next_random(&random) % 86400));
        struct tm tm;
        assert_non_null(gmtime_r(&time, &tm));
        char wanted[64], http[HTTP_TIME_BYTES];
        assert_true(strftime(wanted, sizeof(wanted), "%a, %d %b ", &tm) > 0);
        size_t len = strlen(wanted);
        (void)snprintf(wanted + len, sizeof(wanted) - len, "%04d %02d:%02d:%02d GMT",
            tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        http_time_format(time, http);
        assert_string_equal(http, wanted);
        int64_t back;
        assert_true(http_time_parse(span_str(http), &back));
        assert_true(back == time);
    }
}

static void times_out_of_range_stay_inside_the_text(void **state)
{
    (void)state;
    static const int64_t out[] = {
        INT64_MIN, INT64_MIN / 1000, -62167219201, 253402300800, INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        char http[HTTP_TIME_BYTES], iso[ISO_TIME_BYTES], amz[AMZ_TIME_BYTES];
        http_time_format(out[i], http);
        iso_time_format(out[i], iso);
        amz_time_format(out[i], amz);
        assert_int_equal(strlen(http), HTTP_TIME_BYTES - 1);
        assert_int_equal(strlen(iso), ISO_TIME_BYTES - 1);
        assert_int_equal(strlen(amz), AMZ_TIME_BYTES - 1);
    }
}

static void keeps_milliseconds(void **state)
{
    (void)state;
    char iso[ISO_TIME_BYTES];
    iso_time_format(1234567890123, iso);
    assert_string_equal(iso, "2009-02-13T23:31:30.123Z");
    iso_time_format(-1, iso);
    assert_string_equal(iso, "1969-12-31T23:59:59.999Z");
}

static void reads_all_forms_of_http(void **state)
{
    (void)state;
    static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "Mon, 06 Nov 1994 08:49:37 GMT" /* the wrong day's name */};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t time = 0;
        assert_true(http_time_parse(span_str(good[i]), &time));
        assert_true(time == 784111777);
    }
    int64_t time;
    assert_true(http_time_parse(SPAN("Tue Nov 15 08:12:31 1994"), &time));
    assert_true(time == 784887151);
    assert_true(http_time_parse(SPAN("Wednesday, 09-Nov-69 23:12:40 GMT"), &time));
    char http[HTTP_TIME_BYTES];
    http_time_format(time, http);
    assert_string_equal(http, "Sat, 09 Nov 2069 23:12:40 GMT");
    assert_true(http_time_parse(SPAN("Sat, 31 Dec 2016 23:59:60 GMT"), &time));
    assert_true(time == 1483228800);
}

static void refuses_everything_else(void **state)
{
    (void)state;
    static const char *const bad_http[] = {"", "Sun", "Sun,", "0", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 06  08:49:37 1994",
        "Sun Nov  6 08:49:37 19945", "Sun Nov  6 08:49:37", "1994-11-06T08:49:37Z",
        "Xxx, 06 Nov 1994 08:49:37 GMT"};
    static const char *const bad_iso[] = {"", "1994", "1994-11", "1994-11-6", "1994-13-01",
        "1994-02-29", "1994-11-06T", "1994-11-06T08:49Z", "1994-11-06T08:49:37",
        "1994-11-06T08:49:37+00:00", "1994-11-06T08:49:37.Z", "1994-11-06T08:49:37.1234567890Z",
        "1994-11-06 08:49:37Z", "19941106T084937Z", "1994-11-06Z", "1994-11-06T08:49:37ZZ"};
    static const char *const bad_amz[] = {"", "19941106", "19941106T084937", "19941106T084937ZZ",
        "19941106t084937Z", "19941306T084937Z", "1994-11-06T08:49:37Z", "19941106T0849 7Z"};
    int64_t time = 42;
    for (size_t i = 0; i < ARRAY_LEN(bad_http); i++)
        assert_false(http_time_parse(span_str(bad_http[i]), &time));
    for (size_t i = 0; i < ARRAY_LEN(bad_iso); i++)
        assert_false(iso_time_parse(span_str(bad_iso[i]), &time));
    for (size_t i = 0; i < ARRAY_LEN(bad_amz); i++)
        assert_false(amz_time_parse(span_str(bad_amz[i]), &time));
    assert_false(http_time_parse(SPAN_ABSENT, &time));
    assert_int_equal(time, 42);
}

static void reads_iso_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_ms;
    } cases[] = {{"1994-11-06T08:49:37Z", 784111777000}, {"1994-11-06T08:49:37.5Z", 784111777500},
        {"1994-11-06T08:49:37.123456789Z", 784111777123}, {"1994-11-06T08:49:37.01Z", 784111777010},
        {"1994-11-06", 784080000000}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t time_ms;
        assert_true(iso_time_parse(span_str(cases[i].text), &time_ms));
        assert_true(time_ms == cases[i].time_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_and_parses_known_times),
        cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(times_out_of_range_stay_inside_the_text),
        cmocka_unit_test(keeps_milliseconds),
        cmocka_unit_test(reads_all_forms_of_http),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(reads_iso_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
