#include "daemon/remote_internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PAGE(truncated, rest)                                                                      \
    "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"  \
    "<IsTruncated>" truncated "</IsTruncated>" rest "</ListBucketResult>"
#define KEY(key)                                                                                   \
    "<Contents><Key>" key "</Key><Size>1</Size><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e"       \
    "&quot;</ETag><LastModified>1994-11-06T08:49:37.000Z</LastModified></Contents>"
#define DIR(prefix) "<CommonPrefixes><Prefix>" prefix "</Prefix></CommonPrefixes>"
#define NEXT(token) "<NextContinuationToken>" token "</NextContinuationToken>"
#define URL "<EncodingType>url</EncodingType>"

static const struct {
    const char *name, *document;
    const char *prefix, *delimiter, *start_after, *token;
    enum remote_err err;
    const char *keys; /* with spaces between; of REMOTE_OK */
} cases[] = {
    {"empty", PAGE("false", ""), "", "", "", NULL, REMOTE_OK, ""},
    {"keys", PAGE("false", KEY("a") KEY("b")), "", "", "", NULL, REMOTE_OK, "a b"},
    {"more", PAGE("true", KEY("a") NEXT("t")), "", "", "", NULL, REMOTE_OK, "a"},
    {"a page without keys", PAGE("true", NEXT("u")), "", "", "a", "t", REMOTE_OK, ""},
    {"both lists in one order", PAGE("false", KEY("a") KEY("c") DIR("b/") DIR("d/")), "", "/", "",
        NULL, REMOTE_OK, "a b/ c d/"},
    {"encoded", PAGE("false", URL KEY("a%2Bb") KEY("b+c%20d")), "", "", "", NULL, REMOTE_OK,
        "a+b b c d"},
    {"not encoded", PAGE("false", KEY("a%2Bb") KEY("b+c")), "", "", "", NULL, REMOTE_OK,
        "a%2Bb b+c"},
    {"in a prefix", PAGE("false", KEY("p/a") DIR("p/b/")), "p/", "/", "", NULL, REMOTE_OK,
        "p/a p/b/"},
    {"behind the start", PAGE("false", KEY("c")), "", "", "b", NULL, REMOTE_OK, "c"},
    {"a prefix that holds the start", PAGE("false", DIR("b/")), "", "/", "b/x", NULL, REMOTE_OK,
        "b/"},
    {"the same prefix on the next page", PAGE("true", DIR("b/") NEXT("u")), "", "/", "b/", "t",
        REMOTE_NONSENSE, NULL},
    {"the start itself", PAGE("false", KEY("b")), "", "", "b", NULL, REMOTE_NONSENSE, NULL},
    {"before the start", PAGE("false", KEY("a")), "", "", "b", "t", REMOTE_NONSENSE, NULL},
    {"out of order", PAGE("false", KEY("b") KEY("a")), "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"twice", PAGE("false", KEY("a") KEY("a")), "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"prefixes out of order", PAGE("false", DIR("b/") DIR("a/")), "", "/", "", NULL,
        REMOTE_NONSENSE, NULL},
    {"key and prefix the same", PAGE("false", KEY("a/") DIR("a/")), "", "/", "", NULL,
        REMOTE_NONSENSE, NULL},
    {"outside of the prefix", PAGE("false", KEY("q/a")), "p/", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"a prefix unasked", PAGE("false", DIR("a/")), "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"a prefix without the delimiter", PAGE("false", DIR("a")), "", "/", "", NULL, REMOTE_NONSENSE,
        NULL},
    {"the prefix itself as one", PAGE("false", DIR("p/")), "p/", "/", "", NULL, REMOTE_NONSENSE,
        NULL},
    {"over max-keys", PAGE("false", KEY("a") KEY("b") KEY("c") KEY("d")), "", "", "", NULL,
        REMOTE_NONSENSE, NULL},
    {"the same token", PAGE("true", KEY("b") NEXT("t")), "", "", "a", "t", REMOTE_NONSENSE, NULL},
    {"no token", PAGE("true", KEY("b")), "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"empty token", PAGE("true", KEY("b") NEXT("")), "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"perhaps truncated", PAGE("maybe", KEY("b")), "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"no size", PAGE("false", "<Contents><Key>a</Key></Contents>"), "", "", "", NULL,
        REMOTE_NONSENSE, NULL},
    {"size below zero", PAGE("false", "<Contents><Key>a</Key><Size>-1</Size></Contents>"), "", "",
        "", NULL, REMOTE_NONSENSE, NULL},
    {"size over all",
        PAGE("false", "<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>"), "", "",
        "", NULL, REMOTE_NONSENSE, NULL},
    {"no key", PAGE("false", "<Contents><Size>1</Size></Contents>"), "", "", "", NULL,
        REMOTE_NONSENSE, NULL},
    {"empty key", PAGE("false", KEY("")), "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"key with NUL", PAGE("false", URL KEY("a%00b")), "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"key that is no UTF-8", PAGE("false", URL KEY("a%FFb")), "", "", "", NULL, REMOTE_NONSENSE,
        NULL},
    {"bad encoding", PAGE("false", URL KEY("a%zz")), "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"another document", "<Error><Code>x</Code></Error>", "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"no document", "hello", "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"nothing", "", "", "", "", NULL, REMOTE_NONSENSE, NULL},
    {"a document type", "<!DOCTYPE a [<!ENTITY b 'c'>]>" PAGE("false", ""), "", "", "", NULL,
        REMOTE_NONSENSE, NULL},
};

static void pages_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct remote_listing listing;
        struct remote_list_query query = {
            .prefix = span_str(cases[i].prefix),
            .delimiter = span_str(cases[i].delimiter),
            .start_after = span_str(cases[i].start_after),
            .token = span_str(cases[i].token),
            .max_keys = 4,
        };
        if (strcmp(cases[i].name, "over max-keys") == 0)
            query.max_keys = 3;
        arena_init(&arena, 1024 * 1024);
        enum remote_err err =
            remote_listing_parse(&arena, &query, span_str(cases[i].document), &listing);
        if (err != cases[i].err)
            fail_msg("%s: %s", cases[i].name, remote_text(err));
        struct buf keys;
        buf_init(&keys, 1024);
        for (size_t at = 0; err == REMOTE_OK && at < listing.count; at++) {
            if (at > 0)
                buf_add_char(&keys, ' ');
            buf_add(&keys, listing.entries[at].key);
        }
        if (err == REMOTE_OK && !span_eq(buf_span(&keys), span_str(cases[i].keys)))
            fail_msg("%s: %.*s", cases[i].name, SPAN_ARG(buf_span(&keys)));
        buf_free(&keys);
        arena_free(&arena);
    }
}

static void fields_are_read(void **state)
{
    (void)state;
    struct arena arena;
    struct remote_listing listing;
    struct remote_list_query query = {.max_keys = 2};
    arena_init(&arena, 1024 * 1024);
    assert_int_equal(remote_listing_parse(
                         &arena, &query, SPAN(PAGE("true", KEY("a") NEXT("to&amp;ken"))), &listing),
        REMOTE_OK);
    assert_true(span_eq(listing.next_token, SPAN("to&ken")));
    assert_int_equal(listing.entries[0].size_bytes, 1);
    assert_true(listing.entries[0].has_etag);
    assert_int_equal(listing.entries[0].modified_ms, 784111777000);
    arena_free(&arena);
}

static void a_page_that_does_not_fit_is_no_memory(void **state)
{
    (void)state;
    struct arena arena;
    struct remote_listing listing;
    struct remote_list_query query = {.max_keys = 1000};
    arena_init(&arena, 4096);
    assert_int_equal(remote_listing_parse(&arena, &query, SPAN(PAGE("false", KEY("a"))), &listing),
        REMOTE_NO_MEMORY);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_judged),
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(a_page_that_does_not_fit_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
