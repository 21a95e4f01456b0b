/* CORS configurations: what is read, what is refused, which rule fits.
 * src: Amazon S3 User Guide, "Elements of a CORS configuration" */
#include "cors.h"

#include "cmocka_span.h"
#include "xml_write.h"

static struct arena arena;

static int make_arena(void **state)
{
    (void)state;
    arena_init(&arena, 8 * 1024 * 1024);
    return 0;
}

static int drop_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

#define RULE(inside) "<CORSRule>" inside "</CORSRule>"
#define DOC(rules)                                                                                 \
    "<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" rules                  \
    "</CORSConfiguration>"
#define ORIGIN(text) "<AllowedOrigin>" text "</AllowedOrigin>"
#define METHOD(text) "<AllowedMethod>" text "</AllowedMethod>"
#define HEADER(text) "<AllowedHeader>" text "</AllowedHeader>"
#define EXPOSE(text) "<ExposeHeader>" text "</ExposeHeader>"

static struct cors parsed(const char *text)
{
    struct cors cors = {0};
    struct span detail = SPAN_ABSENT;
    assert_int_equal(cors_parse(&arena, span_str(text), &cors, &detail), S3_OK);
    return cors;
}

static void refused_documents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum s3_err err;
        const char *detail;
    } cases[] = {
        {"", S3_ERR_MALFORMED_XML, NULL},
        {"<CORSConfiguration/>", S3_ERR_MALFORMED_XML, NULL},
        {"<Other>" RULE(ORIGIN("*") METHOD("GET")) "</Other>", S3_ERR_MALFORMED_XML, NULL},
        {DOC("<Rule/>"), S3_ERR_MALFORMED_XML, NULL},
        {DOC(RULE(METHOD("GET"))), S3_ERR_MALFORMED_XML, NULL},
        {DOC(RULE(ORIGIN("*"))), S3_ERR_MALFORMED_XML, NULL},
        {DOC(RULE(ORIGIN("") METHOD("GET"))), S3_ERR_MALFORMED_XML, NULL},
        {DOC(RULE(ORIGIN("*") METHOD("GET") "<Other/>")), S3_ERR_MALFORMED_XML, NULL},
        {DOC(RULE(ORIGIN("*") METHOD("GET") "<MaxAgeSeconds>x</MaxAgeSeconds>")),
            S3_ERR_MALFORMED_XML, NULL},
        {DOC(RULE(ORIGIN("*") METHOD("GET") "<MaxAgeSeconds>-1</MaxAgeSeconds>")),
            S3_ERR_MALFORMED_XML, NULL},
        {DOC(RULE(ORIGIN("*") METHOD("PATCH"))), S3_ERR_INVALID_REQUEST,
            "Found unsupported HTTP method in CORS config. Unsupported method is PATCH"},
        {DOC(RULE(ORIGIN("*") METHOD("get"))), S3_ERR_INVALID_REQUEST,
            "Found unsupported HTTP method in CORS config. Unsupported method is get"},
        {DOC(RULE(ORIGIN("http://*.*.com") METHOD("GET"))), S3_ERR_INVALID_REQUEST,
            "AllowedOrigin \"http://*.*.com\" can not have more than one wildcard."},
        {DOC(RULE(ORIGIN("*") METHOD("GET") HEADER("*-*"))), S3_ERR_INVALID_REQUEST,
            "AllowedHeader \"*-*\" can not have more than one wildcard."},
        {DOC(RULE(ORIGIN("*") METHOD("GET") EXPOSE("x-amz-*"))), S3_ERR_INVALID_REQUEST,
            "ExposeHeader \"x-amz-*\" contains wildcard. We currently do not support wildcard for "
            "ExposeHeader."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cors cors;
        struct span detail = SPAN_ABSENT;
        assert_int_equal(cors_parse(&arena, span_str(cases[i].text), &cors, &detail), cases[i].err);
        assert_true(span_present(detail) == (cases[i].detail != NULL));
        if (cases[i].detail != NULL)
            assert_true(span_eq(detail, span_str(cases[i].detail)));
    }
}

static void rules_are_bounded(void **state)
{
    (void)state;
    struct buf text CLEANUP(buf_free);
    for (size_t count = CORS_RULES_MAX; count <= CORS_RULES_MAX + 1; count++) {
        struct cors cors;
        struct span detail = SPAN_ABSENT;
        buf_init(&text, 1024 * 1024);
        buf_add_lit(&text, "<CORSConfiguration>");
        for (size_t i = 0; i < count; i++)
            buf_add_lit(&text, RULE(ORIGIN("http://a.example") METHOD("GET")));
        buf_add_lit(&text, "</CORSConfiguration>");
        enum s3_err err = cors_parse(&arena, buf_span(&text), &cors, &detail);
        assert_int_equal(err, count <= CORS_RULES_MAX ? S3_OK : S3_ERR_INVALID_REQUEST);
        buf_free(&text);
    }
    struct cors cors;
    struct span detail = SPAN_ABSENT;
    struct span id =
        arena_format(&arena, DOC(RULE("<ID>%0256d</ID>" ORIGIN("*") METHOD("GET"))), 1);
    assert_int_equal(cors_parse(&arena, id, &cors, &detail), S3_ERR_INVALID_REQUEST);
}

static void there_and_back(void **state)
{
    (void)state;
    static const char rules[] = RULE("<ID>one &amp; only</ID>" METHOD("GET") METHOD("PUT")
            ORIGIN("https://*.example.com") ORIGIN("http://b") HEADER("x-amz-*") HEADER("*") EXPOSE(
                "ETag") "<MaxAgeSeconds>3000</MaxAgeSeconds>") RULE(METHOD("HEAD") ORIGIN("*"));
    struct buf out CLEANUP(buf_free), again CLEANUP(buf_free);
    struct span doc = arena_format(&arena, DOC("%s"), rules);
    struct cors cors = parsed(doc.ptr);
    assert_int_equal(cors.count, 2);
    buf_init(&out, 64 * 1024);
    cors_xml(&out, &cors);
    assert_true(span_find(buf_span(&out), span_str(rules), 0) != SIZE_MAX);
    buf_add_char(&out, '\0');
    struct cors second = parsed(out.ptr);
    buf_init(&again, 64 * 1024);
    cors_xml(&again, &second);
    assert_true(span_eq(buf_span(&again), span_first(buf_span(&out), out.len - 1)));
}

static void the_first_rule_that_fits(void **state)
{
    (void)state;
    static const char text[] = DOC(RULE("<ID>a</ID>" METHOD("PUT") ORIGIN("http://www.example1.com")
            HEADER("x-amz-*") HEADER("Content-Type"))
            RULE("<ID>b</ID>" METHOD("PUT") METHOD("GET") ORIGIN("https://*.example.com"))
                RULE("<ID>c</ID>" METHOD("GET") ORIGIN("*") ORIGIN("http://named")));
    static const struct {
        const char *origin, *method, *headers, *id; /* id NULL: none fits */
        bool any;
    } cases[] = {
        {"http://www.example1.com", "PUT", NULL, "a", false},
        {"http://www.example1.com", "PUT", "x-amz-date, CONTENT-TYPE", "a", false},
        {"http://www.example1.com", "PUT", "X-Amz-", "a", false},
        {"http://www.example1.com", "PUT", ",,", "a", false},
        {"http://www.example1.com", "PUT", "x-amz-date,authorization", NULL, false},
        {"http://www.example1.com", "GET", NULL, "c", true},
        {"http://www.example1.com", "DELETE", NULL, NULL, false},
        {"HTTP://WWW.EXAMPLE1.COM", "PUT", NULL, NULL, false},
        {"https://a.example.com", "PUT", NULL, "b", false},
        {"https://a.b.example.com", "GET", NULL, "b", false},
        {"https://.example.com", "GET", NULL, "b", false},
        {"https://example.com", "PUT", NULL, NULL, false},
        {"https://a.example.com.evil", "PUT", NULL, NULL, false},
        {"http://a.example.com", "PUT", NULL, NULL, false},
        {"http://named", "GET", NULL, "c", true},
        {"null", "GET", NULL, "c", true},
    };
    struct cors cors = parsed(text);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool any = false;
        struct cors_request ask = {
            span_str(cases[i].origin), span_str(cases[i].method), span_str(cases[i].headers)};
        const struct cors_rule *rule = cors_match(&cors, &ask, &any);
        assert_true((rule != NULL) == (cases[i].id != NULL));
        if (rule == NULL)
            continue;
        assert_true(span_eq(rule->id, span_str(cases[i].id)));
        assert_int_equal(any, cases[i].any);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_documents),
        cmocka_unit_test(rules_are_bounded),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(the_first_rule_that_fits),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
