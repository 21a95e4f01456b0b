/* What zones tell: statistics, groups of duplicates, lineage. */
#include "tests/ops/support_object.h"

#define DOCUMENT(zones) "{\"Version\":\"2026-11-01\",\"Zones\":[" zones "]}"
#define STAGES                                                                                     \
    "{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"Duplicates\":\"flag\"},"                              \
    "{\"Name\":\"trusted\",\"Prefix\":\"trusted/\",\"PromoteFrom\":[\"raw\"]},"                    \
    "{\"Name\":\"refined\",\"Prefix\":\"refined/"                                                  \
    "\",\"PromoteFrom\":[\"trusted\"],\"MaxObjects\":9}"

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    world_do(*state, "PUT /bkt?lakegate-zones", NULL, DOCUMENT(STAGES));
    return 0;
}

static void copy(void **state, const char *from, const char *to)
{
    char line[128], header[128];
    snprintf(line, sizeof(line), "PUT /bkt/%s", to);
    snprintf(header, sizeof(header), "x-amz-copy-source: bkt/%s", from);
    world_do(*state, line, header, NULL);
}

static void test_statistics(void **state)
{
    world_put(*state, "bkt", SPAN("raw/a"), SPAN("12345"));
    world_put(*state, "bkt", SPAN("raw/b"), SPAN("12345"));
    copy(state, "raw/a", "trusted/a");
    REPLY reply = world_send(*state, "GET /bkt?lakegate-zone-stats", NULL, SPAN(""));
    assert_status(reply, 200);
    assert_header(reply, "Content-Type", "application/json");
    assert_has(reply, "{\"Bucket\":\"bkt\",\"Zones\":[{\"Name\":\"raw\",\"Prefix\":\"raw/\","
                      "\"Objects\":2,\"Bytes\":10,\"MaxObjects\":0,\"MaxBytes\":0,"
                      "\"DuplicatesFound\":1,\"BytesSaved\":0,\"Promotions\":0,");
    assert_has(reply, "{\"Name\":\"refined\",\"Prefix\":\"refined/\",\"Objects\":0,\"Bytes\":0,"
                      "\"MaxObjects\":9,");
    assert_has(reply, "{\"Name\":\"trusted\",\"Prefix\":\"trusted/\",\"Objects\":1,\"Bytes\":5,"
                      "\"MaxObjects\":0,\"MaxBytes\":0,\"DuplicatesFound\":0,\"BytesSaved\":0,"
                      "\"Promotions\":1,");
    world_do(*state, "DELETE /bkt?lakegate-zones", NULL, NULL);
    REPLY none = world_send(*state, "GET /bkt?lakegate-zone-stats", NULL, SPAN(""));
    assert_span(none.body, "{\"Bucket\":\"bkt\",\"Zones\":[]}\n");
}

static void test_duplicates(void **state)
{
    static const char *const contents[] = {"one", "three", "seven.."};
    char key[32], line[160];
    for (size_t i = 0; i < ARRAY_LEN(contents); i++)
        for (int k = 0; k < 3; k++) {
            snprintf(key, sizeof(key), "raw/%zu-%d", i, k);
            world_put(*state, "bkt", span_str(key), span_str(contents[i]));
        }
    world_put(*state, "bkt", SPAN("raw/alone"), SPAN("alone?"));
    REPLY all = world_send(*state, "GET /bkt?lakegate-duplicates&zone=raw", NULL, SPAN(""));
    assert_status(all, 200);
    assert_has(all, "\"Groups\":[{\"SizeBytes\":7,");
    assert_has(all, "\"Count\":3,\"Keys\":[\"raw/2-0\",\"raw/2-1\",\"raw/2-2\"]}");
    assert_has(all, "\"IsTruncated\":false}");
    assert_lacks(all, "alone");
    /* By pages. */
    REPLY first = world_send(
        *state, "GET /bkt?lakegate-duplicates&zone=raw&max-groups=2&max-keys=1", NULL, SPAN(""));
    assert_has(first, "\"Count\":3,\"Keys\":[\"raw/2-0\"]}");
    assert_has(first, "\"raw/1-0\"");
    assert_lacks(first, "\"raw/0-0\"");
    static const char mark[] = "\"NextContinuationToken\":\"";
    size_t at = span_find(first.body, span_str(mark), 0);
    assert_true(at != SIZE_MAX);
    struct span token = span_from(first.body, at + strlen(mark));
    token = span_first(token, span_find_char(token, '"', 0));
    snprintf(line, sizeof(line), "GET /bkt?lakegate-duplicates&zone=raw&continuation-token=%.*s",
        SPAN_ARG(token));
    REPLY second = world_send(*state, line, NULL, SPAN(""));
    assert_has(second, "\"raw/0-0\"");
    assert_lacks(second, "\"raw/1-0\"");
    assert_has(second, "\"IsTruncated\":false}");
}

static void test_duplicates_refuses(void **state)
{
    static const struct {
        const char *line, *code;
        int status;
    } cases[] = {
        {"GET /bkt?lakegate-duplicates", "InvalidArgument", 400},
        {"GET /bkt?lakegate-duplicates&zone=none", "NoSuchZone", 404},
        {"GET /bkt?lakegate-duplicates&zone=raw&max-groups=0", "InvalidArgument", 400},
        {"GET /bkt?lakegate-duplicates&zone=raw&max-keys=x", "InvalidArgument", 400},
        {"GET /bkt?lakegate-duplicates&zone=raw&continuation-token=x", "InvalidArgument", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, cases[i].line, NULL, SPAN(""));
        assert_code(reply, cases[i].status, cases[i].code);
    }
}

static void test_lineage_of_copies(void **state)
{
    world_put(*state, "bkt", SPAN("raw/a"), SPAN("12345"));
    copy(state, "raw/a", "trusted/a");
    copy(state, "trusted/a", "refined/a");
    copy(state, "trusted/a", "refined/b");
    REPLY middle = world_send(*state, "GET /bkt/trusted/a?lakegate-lineage", NULL, SPAN(""));
    assert_status(middle, 200);
    assert_has(middle, "{\"Bucket\":\"bkt\",\"Key\":\"trusted/a\",\"VersionId\":\"null\",");
    assert_has(middle, "\"Zone\":\"trusted\",\"Sources\":[\n{\"Id\":1,\"Of\":0,\"Level\":1,"
                       "\"Kind\":\"recorded\",\"At\":\"20");
    assert_has(middle, "\"Key\":\"raw/a\"");
    assert_has(middle, "\"Zone\":\"raw\",\"By\":\"");
    assert_has(middle, "\"Derived\":[\n{\"Id\":1,\"Of\":0,\"Level\":1,");
    assert_has(middle, "\"Key\":\"refined/a\"");
    assert_has(middle, "\"Key\":\"refined/b\"");
    REPLY end = world_send(*state, "GET /bkt/refined/a?lakegate-lineage", NULL, SPAN(""));
    assert_has(end, "{\"Id\":2,\"Of\":1,\"Level\":2,");
    assert_has(end, "\"Key\":\"raw/a\"");
    assert_has(end, "\"Derived\":[],\"IsTruncated\":false}");
    /* A tombstone stays when the source goes. */
    world_do(*state, "DELETE /bkt/raw/a", NULL, NULL);
    REPLY gone = world_send(*state, "GET /bkt/trusted/a?lakegate-lineage", NULL, SPAN(""));
    assert_has(gone, "\"Key\":\"raw/a\"");
    REPLY missing = world_send(*state, "GET /bkt/raw/a?lakegate-lineage", NULL, SPAN(""));
    assert_code(missing, 404, "NoSuchKey");
    /* A copy onto itself is made from nothing. */
    world_do(*state, "PUT /bkt/refined/b",
        "x-amz-copy-source: bkt/refined/b\nx-amz-metadata-directive: REPLACE\nx-amz-meta-a: 1",
        NULL);
    REPLY self = world_send(*state, "GET /bkt/refined/b?lakegate-lineage", NULL, SPAN(""));
    assert_has(self, "\"Sources\":[]");
}

static void test_lineage_of_part_copies(void **state)
{
    char *content = content_new(3, 6000);
    REPLY put = world_send(*state, "PUT /bkt/raw/a", NULL, span_of(content, 6000));
    assert_status(put, 200);
    struct upload upload = upload_begin(*state, "trusted/whole", NULL);
    REPLY part = upload_copy(*state, &upload, 1, "x-amz-copy-source: bkt/raw/a");
    assert_status(part, 200);
    char parts[160];
    snprintf(parts, sizeof(parts), "<Part><PartNumber>1</PartNumber><ETag>%.*s</ETag></Part>",
        SPAN_ARG(reply_element(&part, "ETag", 0)));
    REPLY complete = upload_complete(*state, &upload, NULL, parts);
    assert_status(complete, 200);
    REPLY lineage = world_send(*state, "GET /bkt/trusted/whole?lakegate-lineage", NULL, SPAN(""));
    assert_has(lineage, "\"Kind\":\"recorded\"");
    assert_has(lineage, "\"Key\":\"raw/a\"");
    /* The other end knows its zone, and the zone has counted a promotion. */
    REPLY derived = world_send(*state, "GET /bkt/raw/a?lakegate-lineage", NULL, SPAN(""));
    assert_has(derived, "\"Key\":\"trusted/whole\"");
    assert_has(derived, "\"Zone\":\"trusted\"");
    REPLY stats = world_send(*state, "GET /bkt?lakegate-zone-stats", NULL, SPAN(""));
    assert_has(stats, "{\"Name\":\"trusted\",\"Prefix\":\"trusted/\",\"Objects\":1,\"Bytes\":6000,"
                      "\"MaxObjects\":0,\"MaxBytes\":0,\"DuplicatesFound\":0,\"BytesSaved\":0,"
                      "\"Promotions\":1,");
    free(content);
}

static void test_declared_lineage(void **state)
{
    world_put(*state, "bkt", SPAN("raw/a b"), SPAN("1"));
    world_put(*state, "bkt", SPAN("raw/c"), SPAN("2"));
    world_put(*state, "bkt", SPAN("raw/d"), SPAN("3"));
    world_do(*state, "PUT /bkt/trusted/x",
        "x-lakegate-source: /bkt/raw/a%20b\nx-lakegate-source: bkt/raw/c?versionId=null", "made");
    REPLY headers = world_send(*state, "GET /bkt/trusted/x?lakegate-lineage", NULL, SPAN(""));
    assert_has(headers, "\"Kind\":\"declared\"");
    assert_has(headers, "\"Key\":\"raw/a b\"");
    assert_has(headers, "\"Key\":\"raw/c\"");
    world_do(*state, "PUT /bkt/trusted/y", "x-amz-meta-lakegate-source: bkt/raw/c, /bkt/raw/d",
        "made too");
    REPLY metadata = world_send(*state, "GET /bkt/trusted/y?lakegate-lineage", NULL, SPAN(""));
    assert_has(metadata, "\"Key\":\"raw/c\"");
    assert_has(metadata, "\"Key\":\"raw/d\"");
    REPLY derived = world_send(*state, "GET /bkt/raw/c?lakegate-lineage", NULL, SPAN(""));
    assert_has(derived, "\"Key\":\"trusted/x\"");
    assert_has(derived, "\"Key\":\"trusted/y\"");
}

static void test_a_copy_is_recorded_though_declared(void **state)
{
    world_put(*state, "bkt", SPAN("s"), SPAN("1"));
    world_do(*state, "PUT /bkt/t", "x-amz-copy-source: bkt/s\nx-lakegate-source: bkt/s", NULL);
    REPLY lineage = world_send(*state, "GET /bkt/t?lakegate-lineage", NULL, SPAN(""));
    assert_has(lineage, "\"Kind\":\"recorded\"");
    assert_lacks(lineage, "declared");
}

static void test_lineage_of_an_upload_whose_source_goes(void **state)
{
    REPLY refused =
        world_send(*state, "POST /bkt/w?uploads", "x-amz-meta-lakegate-source: bkt/none", SPAN(""));
    assert_code(refused, 400, "InvalidArgument");
    world_put(*state, "bkt", SPAN("s"), SPAN("1"));
    world_put(*state, "bkt", SPAN("t"), SPAN("2"));
    struct upload upload = upload_begin(*state, "w", "x-amz-meta-lakegate-source: bkt/s,bkt/t");
    REPLY part = upload_send(*state, &upload, 1, NULL, SPAN("part"));
    assert_status(part, 200);
    world_do(*state, "DELETE /bkt/s", NULL, NULL);
    char parts[160];
    snprintf(parts, sizeof(parts), "<Part><PartNumber>1</PartNumber><ETag>%.*s</ETag></Part>",
        SPAN_ARG(reply_header(&part, "ETag")));
    REPLY complete = upload_complete(*state, &upload, NULL, parts);
    assert_status(complete, 200);
    REPLY lineage = world_send(*state, "GET /bkt/w?lakegate-lineage", NULL, SPAN(""));
    assert_has(lineage, "\"Key\":\"t\"");
    assert_lacks(lineage, "\"Key\":\"s\"");
}

static void test_declared_lineage_refuses(void **state)
{
    static const struct {
        const char *header, *code;
        int status;
    } cases[] = {
        {"x-lakegate-source: nonsense", "InvalidArgument", 400},
        {"x-lakegate-source: /bkt/not-there", "InvalidArgument", 400},
        {"x-lakegate-source: /no-such-bucket/a", "NoSuchBucket", 404},
        {"x-amz-meta-lakegate-source: bkt/", "InvalidArgument", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, "PUT /bkt/trusted/x", cases[i].header, SPAN("x"));
        assert_code(reply, cases[i].status, cases[i].code);
    }
    world_put(*state, "bkt", SPAN("s"), SPAN("1"));
    struct buf many CLEANUP(buf_free);
    buf_init(&many, 16 * 1024);
    for (int i = 0; i <= 100; i++)
        buf_addf(&many, "%sx-lakegate-source: bkt/s", i ? "\n" : "");
    buf_add_char(&many, '\0');
    REPLY over = world_send(*state, "PUT /bkt/trusted/x", many.ptr, SPAN("x"));
    assert_code(over, 400, "InvalidArgument");
    REPLY missing = world_send(*state, "GET /bkt/trusted/x", NULL, SPAN(""));
    assert_code(missing, 404, "NoSuchKey");
}

static void test_lineage_pages_and_levels(void **state)
{
    char from[32], to[32];
    world_put(*state, "bkt", SPAN("v0"), SPAN("1"));
    for (int i = 0; i < 12; i++) {
        snprintf(from, sizeof(from), "v%d", i);
        snprintf(to, sizeof(to), "v%d", i + 1);
        copy(state, from, to);
    }
    REPLY all = world_send(*state, "GET /bkt/v12?lakegate-lineage", NULL, SPAN(""));
    assert_has(all, "\"Level\":10,");
    assert_lacks(all, "\"Level\":11,");
    assert_lacks(all, "\"Key\":\"v1\"");
    REPLY page = world_send(*state, "GET /bkt/v6?lakegate-lineage&max-edges=4", NULL, SPAN(""));
    assert_has(page, "\"Key\":\"v2\"");
    assert_lacks(page, "\"Key\":\"v1\"");
    assert_has(page, "\"Derived\":[],\"IsTruncated\":true,");
    static const char mark[] = "\"NextContinuationToken\":\"";
    size_t at = span_find(page.body, span_str(mark), 0);
    struct span token = span_from(page.body, at + strlen(mark));
    token = span_first(token, span_find_char(token, '"', 0));
    char line[160];
    snprintf(line, sizeof(line), "GET /bkt/v6?lakegate-lineage&continuation-token=%.*s",
        SPAN_ARG(token));
    REPLY next = world_send(*state, line, NULL, SPAN(""));
    assert_has(next, "\"Key\":\"v1\"");
    assert_has(next, "\"Key\":\"v0\"");
    assert_lacks(next, "\"Key\":\"v2\"");
    assert_has(next, "\"Key\":\"v12\"");
    assert_has(next, "\"IsTruncated\":false}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_drop)
    const struct CMUnitTest tests[] = {
        TEST(test_statistics),
        TEST(test_duplicates),
        TEST(test_duplicates_refuses),
        TEST(test_lineage_of_copies),
        TEST(test_lineage_of_part_copies),
        TEST(test_declared_lineage),
        TEST(test_a_copy_is_recorded_though_declared),
        TEST(test_lineage_of_an_upload_whose_source_goes),
        TEST(test_declared_lineage_refuses),
        TEST(test_lineage_pages_and_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
