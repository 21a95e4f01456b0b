#include "http_time.h"

/* All dates are turned into days with years that begin in March, so that the leap day comes last.
 */

enum { DAY_S = 86400, ERA_DAYS = 146097, ERA_YEARS = 400, DAYS_0000_03_01_TO_1970 = 719468 };

static const int64_t time_min_s = INT64_C(-62167219200); /* 0000-01-01 */
static const int64_t time_max_s = INT64_C(253402300799); /* 9999-12-31T23:59:59 */

static const char month_names[12][4] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char long_day_names[7][10] = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

struct civil {
    unsigned year, month, day, hour, minute, second; /* month and day from 1 */
    unsigned weekday;                                /* 0 is Sunday */
};

static struct civil civil_of(int64_t time_s)
{
    if (time_s < time_min_s)
        time_s = time_min_s;
    if (time_s > time_max_s)
        time_s = time_max_s;
    int64_t days = time_s / DAY_S;
    int64_t second = time_s % DAY_S;
    if (second < 0) {
        second += DAY_S;
        days--;
    }
    /* One era is added and taken off again: no negative numbers from here on. */
    uint64_t march_days = (uint64_t)(days + DAYS_0000_03_01_TO_1970 + ERA_DAYS);
    uint64_t era = march_days / ERA_DAYS;
    uint64_t era_day = march_days % ERA_DAYS;
    uint64_t era_year =
        (era_day - era_day / 1460 + era_day / 36524 - era_day / (ERA_DAYS - 1)) / 365;
    uint64_t year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    uint64_t march_month = (5 * year_day + 2) / 153;
    uint64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    uint64_t year = era * ERA_YEARS + era_year - ERA_YEARS + (month <= 2);
    return (struct civil){
        .year = (unsigned)year,
        .month = (unsigned)month,
        .day = (unsigned)(year_day - (153 * march_month + 2) / 5 + 1),
        .hour = (unsigned)(second / 3600),
        .minute = (unsigned)(second / 60 % 60),
        .second = (unsigned)(second % 60),
        /* 0000-03-01 was a Wednesday, and an era is whole weeks. */
        .weekday = (unsigned)((march_days + 3) % 7),
    };
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* False when there is no such date. Second 60 is a leap second and counts as the next one. */
static bool civil_to_time(const struct civil *civil, int64_t *ret_time_s)
{
    if (civil->month < 1 || civil->month > 12 || civil->day < 1 ||
        civil->day > days_in_month(civil->year, civil->month) || civil->hour > 23 ||
        civil->minute > 59 || civil->second > 60)
        return false;
    int64_t year = (int64_t)civil->year - (civil->month <= 2) + ERA_YEARS;
    int64_t march_month = civil->month > 2 ? civil->month - 3 : civil->month + 9;
    int64_t year_day = (153 * march_month + 2) / 5 + civil->day - 1;
    int64_t era = year / ERA_YEARS, era_year = year % ERA_YEARS;
    int64_t era_day = era_year * 365 + era_year / 4 - era_year / 100 + year_day;
    int64_t days = (era - 1) * ERA_DAYS + era_day - DAYS_0000_03_01_TO_1970;
    unsigned second_of_day = civil->hour * 3600 + civil->minute * 60 + civil->second;
    *ret_time_s = days * DAY_S + (int64_t)second_of_day;
    return true;
}

static char *put_number(char *to, unsigned value, size_t width)
{
    for (size_t i = width; i > 0; i--) {
        to[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + width;
}

static char *put_text(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

void http_time_format(int64_t time_s, char ret_text[static HTTP_TIME_BYTES])
{
    struct civil civil = civil_of(time_s);
    char *to = put_text(ret_text, day_names[civil.weekday], 3);
    to = put_text(to, ", ", 2);
    to = put_number(to, civil.day, 2);
    *to++ = ' ';
    to = put_text(to, month_names[civil.month - 1], 3);
    *to++ = ' ';
    to = put_number(to, civil.year, 4);
    *to++ = ' ';
    to = put_number(to, civil.hour, 2);
    *to++ = ':';
    to = put_number(to, civil.minute, 2);
    *to++ = ':';
    to = put_number(to, civil.second, 2);
    put_text(to, " GMT", 5);
}

void iso_time_format(int64_t time_ms, char ret_text[static ISO_TIME_BYTES])
{
    int64_t time_s = time_ms / 1000, milliseconds = time_ms % 1000;
    if (milliseconds < 0) {
        milliseconds += 1000;
        time_s--;
    }
    struct civil civil = civil_of(time_s);
    char *to = put_number(ret_text, civil.year, 4);
    *to++ = '-';
    to = put_number(to, civil.month, 2);
    *to++ = '-';
    to = put_number(to, civil.day, 2);
    *to++ = 'T';
    to = put_number(to, civil.hour, 2);
    *to++ = ':';
    to = put_number(to, civil.minute, 2);
    *to++ = ':';
    to = put_number(to, civil.second, 2);
    *to++ = '.';
    to = put_number(to, (unsigned)milliseconds, 3);
    put_text(to, "Z", 2);
}

void amz_time_format(int64_t time_s, char ret_text[static AMZ_TIME_BYTES])
{
    struct civil civil = civil_of(time_s);
    char *to = put_number(ret_text, civil.year, 4);
    to = put_number(to, civil.month, 2);
    to = put_number(to, civil.day, 2);
    *to++ = 'T';
    to = put_number(to, civil.hour, 2);
    to = put_number(to, civil.minute, 2);
    to = put_number(to, civil.second, 2);
    put_text(to, "Z", 2);
}

/* Takers: each takes one thing off the front of *rest, false when it is not there. */

static bool take_text(struct span *rest, struct span text)
{
    if (!span_present(*rest) || !span_starts(*rest, text))
        return false;
    *rest = span_from(*rest, text.len);
    return true;
}

static bool take_number(struct span *rest, size_t width, unsigned *ret_value)
{
    uint64_t value;
    if (rest->len < width || !span_to_u64(span_first(*rest, width), &value))
        return false;
    *ret_value = (unsigned)value;
    *rest = span_from(*rest, width);
    return true;
}

static bool take_month(struct span *rest, unsigned *ret_month)
{
    for (unsigned i = 0; i < ARRAY_LEN(month_names); i++) {
        if (take_text(rest, span_str(month_names[i]))) {
            *ret_month = i + 1;
            return true;
        }
    }
    return false;
}

static bool take_clock(struct span *rest, struct civil *civil)
{
    return take_number(rest, 2, &civil->hour) && take_text(rest, SPAN(":")) &&
           take_number(rest, 2, &civil->minute) && take_text(rest, SPAN(":")) &&
           take_number(rest, 2, &civil->second);
}

/* "06 Nov 1994 08:49:37 GMT" */
static bool read_fixdate(struct span rest, struct civil *civil)
{
    return take_number(&rest, 2, &civil->day) && take_text(&rest, SPAN(" ")) &&
           take_month(&rest, &civil->month) && take_text(&rest, SPAN(" ")) &&
           take_number(&rest, 4, &civil->year) && take_text(&rest, SPAN(" ")) &&
           take_clock(&rest, civil) && span_eq(rest, SPAN(" GMT"));
}

/* "06-Nov-94 08:49:37 GMT". Two digits of a year mean 1970 to 2069, as POSIX has it. */
static bool read_rfc850(struct span rest, struct civil *civil)
{
    bool good = take_number(&rest, 2, &civil->day) && take_text(&rest, SPAN("-")) &&
                take_month(&rest, &civil->month) && take_text(&rest, SPAN("-")) &&
                take_number(&rest, 2, &civil->year) && take_text(&rest, SPAN(" ")) &&
                take_clock(&rest, civil) && span_eq(rest, SPAN(" GMT"));
    civil->year += civil->year < 70 ? 2000 : 1900;
    return good;
}

/* "Nov  6 08:49:37 1994" */
static bool read_asctime(struct span rest, struct civil *civil)
{
    if (!take_month(&rest, &civil->month) || !take_text(&rest, SPAN(" ")))
        return false;
    size_t day_digits = take_text(&rest, SPAN(" ")) ? 1 : 2;
    return take_number(&rest, day_digits, &civil->day) && take_text(&rest, SPAN(" ")) &&
           take_clock(&rest, civil) && take_text(&rest, SPAN(" ")) &&
           take_number(&rest, 4, &civil->year) && rest.len == 0;
}

bool http_time_parse(struct span text, int64_t *ret_time_s)
{
    struct civil civil = {0};
    bool read = false;
    /* The day's name need not be that of the date: clients that compute it get it wrong. */
    for (size_t i = 0; i < ARRAY_LEN(day_names) && !read; i++) {
        struct span rest = text;
        if (take_text(&rest, span_str(long_day_names[i])) && take_text(&rest, SPAN(", "))) {
            read = read_rfc850(rest, &civil);
            continue;
        }
        rest = text;
        if (!take_text(&rest, span_str(day_names[i])))
            continue;
        if (take_text(&rest, SPAN(", ")))
            read = read_fixdate(rest, &civil);
        else if (take_text(&rest, SPAN(" ")))
            read = read_asctime(rest, &civil);
    }
    return read && civil_to_time(&civil, ret_time_s);
}

bool iso_time_parse(struct span text, int64_t *ret_time_ms)
{
    struct civil civil = {0};
    unsigned milliseconds = 0;
    struct span rest = text;
    if (!take_number(&rest, 4, &civil.year) || !take_text(&rest, SPAN("-")) ||
        !take_number(&rest, 2, &civil.month) || !take_text(&rest, SPAN("-")) ||
        !take_number(&rest, 2, &civil.day))
        return false;
    if (rest.len > 0) {
        if (!take_text(&rest, SPAN("T")) || !take_clock(&rest, &civil))
            return false;
        if (take_text(&rest, SPAN("."))) {
            size_t digits = 0;
            unsigned digit;
            for (; take_number(&rest, 1, &digit); digits++)
                if (digits < 3)
                    milliseconds = milliseconds * 10 + digit;
            if (digits == 0 || digits > 9)
                return false;
            for (; digits < 3; digits++)
                milliseconds *= 10;
        }
        if (!span_eq(rest, SPAN("Z")))
            return false;
    }
    int64_t time_s;
    if (!civil_to_time(&civil, &time_s))
        return false;
    *ret_time_ms = time_s * 1000 + milliseconds;
    return true;
}

bool amz_time_parse(struct span text, int64_t *ret_time_s)
{
    struct civil civil = {0};
    struct span rest = text;
    return take_number(&rest, 4, &civil.year) && take_number(&rest, 2, &civil.month) &&
           take_number(&rest, 2, &civil.day) && take_text(&rest, SPAN("T")) &&
           take_number(&rest, 2, &civil.hour) && take_number(&rest, 2, &civil.minute) &&
           take_number(&rest, 2, &civil.second) && span_eq(rest, SPAN("Z")) &&
           civil_to_time(&civil, ret_time_s);
}
