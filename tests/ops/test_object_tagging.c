/* Tags of objects: what is kept and shown, what is refused, and what does not touch them.
 * src: Amazon S3 API Reference, "PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging", "PutObject",
 * "CopyObject", "CreateMultipartUpload"; User Guide, "Categorizing your objects using tags" */
#include "daemon/object_tags.h"
#include "daemon/ops/object_exists.h"
#include "tests/ops/support_tagging.h"

#define TWO(a, b) TAG(a, "") TAG(b, "")
#define TEN TWO("0", "1") TWO("2", "3") TWO("4", "5") TWO("6", "7") TWO("8", "9")

static void assert_count(struct world *world, const char *path, const char *expected)
{
    static const char *const methods[] = {"GET", "HEAD"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        char line[256];
        snprintf(line, sizeof(line), "%s %s", methods[i], path);
        REPLY reply = world_send(world, line, NULL, SPAN(""));
        assert_status(reply, 200);
        assert_header(reply, "x-amz-tagging-count", expected);
    }
}

static void test_put_get_delete(void **state)
{
    REPLY none = world_send(*state, "GET /bkt/k?tagging", NULL, SPAN(""));
    assert_has(none, "<TagSet></TagSet>");
    REPLY before = world_send(*state, "HEAD /bkt/k", NULL, SPAN(""));
    assert_count(*state, "/bkt/k", NULL);
    REPLY put = world_send(
        *state, "PUT /bkt/k?tagging", NULL, SPAN(TAGGING(TAG("b", "&lt;") TAG("a", "1"))));
    assert_code(put, 400, "InvalidTag");
    REPLY good = world_send(
        *state, "PUT /bkt/k?tagging", NULL, SPAN(TAGGING(TAG("b", "+ =") TAG("a", "1"))));
    assert_status(good, 200);
    assert_int_equal(good.body.len, 0);
    assert_tags(*state, "/bkt/k", "a=1 b=+ =");
    assert_count(*state, "/bkt/k", "2");
    REPLY after = world_send(*state, "HEAD /bkt/k", NULL, SPAN(""));
    static const char *const same[] = {
        "ETag", "Last-Modified", "x-amz-meta-a", "Content-Type", "x-amz-version-id"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        assert_true(span_eq(reply_header(&before, same[i]), reply_header(&after, same[i])));
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(TAG("c", "")));
    assert_tags(*state, "/bkt/k", "c=");
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(""));
    assert_count(*state, "/bkt/k", NULL);
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(TEN));
    assert_count(*state, "/bkt/k", "10");
    for (int i = 0; i < 2; i++) {
        REPLY gone = world_send(*state, "DELETE /bkt/k?tagging", NULL, SPAN(""));
        assert_status(gone, 204);
        assert_tags(*state, "/bkt/k", "");
    }
    REPLY whole = world_send(*state, "GET /bkt/k", NULL, SPAN(""));
    assert_span(whole.body, "hello");
    assert_header(whole, "x-amz-meta-a", "1");
}

static void test_refused_documents(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *code, *text;
    } cases[] = {
        {"", 400, "MalformedXML", NULL},
        {"<Tagging/>", 400, "MalformedXML", NULL},
        {"<X/>", 400, "MalformedXML", NULL},
        {TAGGING("<Tag><Key>a</Key></Tag>"), 400, "MalformedXML", NULL},
        {TAGGING("<Tog/>"), 400, "MalformedXML", NULL},
        {TAGGING(TEN TAG("a", "")), 400, "BadRequest", "Object tags cannot be greater than 10"},
        {TAGGING(TAG("a", "1") TAG("a", "2")), 400, "InvalidTag",
            "Cannot provide multiple Tags with the same key"},
        {TAGGING(TAG("", "1")), 400, "InvalidTag", "TagKey"},
        {TAGGING(TAG("a&#10;b", "1")), 400, "InvalidTag", "TagKey"},
        {TAGGING(TAG("a", "x&#10;y")), 400, "InvalidTag", "TagValue"},
        {TAGGING(TAG("aws:x", "1")), 400, "InvalidTag", "System tags"},
        {TAGGING(TAG("AWS:x", "1")), 400, "InvalidTag", "System tags"},
        {TAGGING(TAG(K128 "k", "1")), 400, "InvalidTag", "TagKey"},
        {TAGGING(TAG("a", K128 K128 "k")), 400, "InvalidTag", "TagValue"},
        {TAGGING(TAG("a", "\xf0\x9f\x98\x80")), 400, "InvalidTag", "TagValue"},
        {TAGGING(TAG("a", "1;2")), 400, "InvalidTag", "TagValue"},
    };
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(TAG("kept", "1")));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, "PUT /bkt/k?tagging", NULL, span_str(cases[i].body));
        assert_code(reply, cases[i].status, cases[i].code);
        if (cases[i].text != NULL)
            assert_has(reply, cases[i].text);
    }
    REPLY digest = world_send(
        *state, "PUT /bkt/k?tagging", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==", SPAN(TAGGING("")));
    assert_code(digest, 400, "BadDigest");
    assert_tags(*state, "/bkt/k", "kept=1");
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(TAG(K128, K128 K128)));
    assert_tags(*state, "/bkt/k", K128 "=" K128 K128);
}

static void set_versioning(struct world *world, enum versioning versioning)
{
    struct arena arena CLEANUP(arena_free);
    struct bucket_info bucket;
    arena_init(&arena, 4096);
    assert_int_equal(
        storage_bucket_get(world->daemon.store, SPAN("bkt"), &arena, &bucket), STORAGE_OK);
    struct mutation on = {.kind = MUTATION_SET_VERSIONING,
        .bucket = {bucket.id, SPAN("bkt")},
        .versioning = versioning};
    assert_int_equal(storage_commit(world->daemon.store, &on), STORAGE_OK);
}

static void test_missing_objects_and_markers(void **state)
{
    static const char *const methods[] = {"GET", "PUT", "DELETE"};
    char line[256], marker[64] = {0};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        snprintf(line, sizeof(line), "%s /bkt/none?tagging", methods[i]);
        struct span body = i == 1 ? SPAN(TAGGING(TAG("a", "1"))) : SPAN("");
        REPLY missing = world_send(*state, line, NULL, body);
        assert_code(missing, 404, "NoSuchKey");
        snprintf(line, sizeof(line),
            "%s /bkt/k?tagging&versionId=3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY", methods[i]);
        REPLY unknown = world_send(*state, line, NULL, body);
        assert_true(unknown.status == 400 || unknown.status == 404);
    }
    set_versioning(*state, VERSIONING_ON);
    REPLY second = world_send(*state, "PUT /bkt/k", "x-amz-tagging: new=1", SPAN("second"));
    REPLY tagged = world_send(
        *state, "PUT /bkt/k?tagging&versionId=null", NULL, SPAN(TAGGING(TAG("old", "1"))));
    assert_status(tagged, 200);
    assert_header(tagged, "x-amz-version-id", "null");
    assert_tags(*state, "/bkt/k?versionId=null", "old=1");
    assert_tags(*state, "/bkt/k", "new=1");
    REPLY newest = world_send(*state, "DELETE /bkt/k?tagging", NULL, SPAN(""));
    assert_true(span_eq(
        reply_header(&newest, "x-amz-version-id"), reply_header(&second, "x-amz-version-id")));
    assert_tags(*state, "/bkt/k", "");
    assert_count(*state, "/bkt/k?versionId=null", "1");
    REPLY gone = world_send(*state, "DELETE /bkt/k", NULL, SPAN(""));
    struct span id = reply_header(&gone, "x-amz-version-id");
    memcpy(marker, id.ptr, id.len);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct span body = i == 1 ? SPAN(TAGGING(TAG("a", "1"))) : SPAN("");
        snprintf(line, sizeof(line), "%s /bkt/k?tagging", methods[i]);
        REPLY newest_marker = world_send(*state, line, NULL, body);
        assert_code(newest_marker, i == 0 ? 404 : 405, i == 0 ? "NoSuchKey" : "MethodNotAllowed");
        assert_header(newest_marker, "x-amz-delete-marker", "true");
        snprintf(line, sizeof(line), "%s /bkt/k?tagging&versionId=%s", methods[i], marker);
        REPLY named = world_send(*state, line, NULL, body);
        assert_code(named, 405, "MethodNotAllowed");
    }
    assert_tags(*state, "/bkt/k?versionId=null", "old=1");
}

static const struct {
    const char *header; /* the value of x-amz-tagging */
    int status;
    const char *code; /* NULL: taken, and these are the tags: */
    const char *tags;
} header_cases[] = {
    {"", 200, NULL, ""},
    {"a=1", 200, NULL, "a=1"},
    {"b=2&a=1", 200, NULL, "a=1 b=2"},
    {"foo=bar&bar", 200, NULL, "bar= foo=bar"},
    {"a=", 200, NULL, "a="},
    {"a=1=2", 200, NULL, "a=1=2"},
    {"a+b=c+d&e%20f=%2B", 200, NULL, "a b=c d e f=+"},
    {"&&a=1&", 200, NULL, "a=1"},
    {"caf%C3%A9=%C3%BC", 200, NULL, "caf\xc3\xa9=\xc3\xbc"},
    {"0&1&2&3&4&5&6&7&8&9", 200, NULL, "0= 1= 2= 3= 4= 5= 6= 7= 8= 9="},
    {"0&1&2&3&4&5&6&7&8&9&a", 400, "BadRequest", NULL},
    {"a=1&a=1", 400, "InvalidArgument", NULL},
    {"a=1&%61=2", 400, "InvalidArgument", NULL},
    {"a=%", 400, "InvalidArgument", NULL},
    {"a=%4", 400, "InvalidArgument", NULL},
    {"a=%zz", 400, "InvalidArgument", NULL},
    {"a=%ff", 400, "InvalidArgument", NULL},
    {"a=%00", 400, "InvalidTag", NULL},
    {"a=%0Ab", 400, "InvalidTag", NULL},
    {"a%0Ab=1", 400, "InvalidTag", NULL},
    {"=1", 400, "InvalidTag", NULL},
    {"=", 400, "InvalidTag", NULL},
    {"aws%3Ax=1", 400, "InvalidTag", NULL},
    {"a=%3C", 400, "InvalidTag", NULL},
    {"a;b=1", 400, "InvalidTag", NULL},
    {"<Tagging/>", 400, "InvalidTag", NULL},
    {K128 "k=1", 400, "InvalidTag", NULL},
    {"a=" K128 K128 "k", 400, "InvalidTag", NULL},
    {"a=%F0%9F%98%80", 400, "InvalidTag", NULL},
};

static void test_the_header(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(header_cases); i++) {
        char headers[1024];
        world_do(*state, "PUT /bkt/h", "x-amz-tagging: before=1", "x");
        snprintf(headers, sizeof(headers), "x-amz-tagging: %s", header_cases[i].header);
        REPLY put = world_send(*state, "PUT /bkt/h", headers, SPAN("x"));
        REPLY begun = world_send(*state, "POST /bkt/h?uploads", headers, SPAN(""));
        snprintf(headers, sizeof(headers),
            "x-amz-copy-source: bkt/k\nx-amz-tagging-directive: REPLACE\nx-amz-tagging: %s",
            header_cases[i].header);
        REPLY copied = world_send(*state, "PUT /bkt/copied", headers, SPAN(""));
        if (header_cases[i].code == NULL) {
            assert_status(put, 200);
            assert_status(begun, 200);
            assert_status(copied, 200);
            assert_tags(*state, "/bkt/h", header_cases[i].tags);
            assert_tags(*state, "/bkt/copied", header_cases[i].tags);
            continue;
        }
        assert_code(put, header_cases[i].status, header_cases[i].code);
        assert_code(begun, header_cases[i].status, header_cases[i].code);
        assert_code(copied, header_cases[i].status, header_cases[i].code);
        assert_tags(*state, "/bkt/h", "before=1");
    }
    REPLY two =
        world_send(*state, "PUT /bkt/two", "x-amz-tagging: a=1\nX-Amz-Tagging: b=1", SPAN("x"));
    assert_code(two, 400, "InvalidArgument");
}

/* Ten tags of as many letters as may be, each of three bytes: in a document, in the header, and back. */
static void test_the_largest(void **state)
{
    struct buf document CLEANUP(buf_free) = {0}, header CLEANUP(buf_free) = {0};
    buf_init(&document, 64 * 1024);
    buf_init(&header, 64 * 1024);
    buf_add_lit(&document, "<Tagging><TagSet>");
    buf_add_lit(&header, "x-amz-tagging: ");
    for (int i = 0; i < 10; i++) {
        buf_addf(&document, "<Tag><Key>\xe4\xb8%c", 0x80 + i);
        buf_addf(&header, "%s%%E4%%B8%%%X", i > 0 ? "&" : "", 0x80 + i);
        for (int k = 1; k < 128 + 256; k++) {
            buf_add(&document, k == 128 ? SPAN("</Key><Value>") : SPAN(""));
            buf_add(&header, k == 128 ? SPAN("=") : SPAN(""));
            buf_add_lit(&document, "\xe2\x82\xac");
            buf_add_lit(&header, "%e2%82%ac");
        }
        buf_add_lit(&document, "</Value></Tag>");
    }
    buf_add_lit(&document, "</TagSet></Tagging>");
    buf_add_char(&header, '\0');
    REPLY put = world_send(*state, "PUT /bkt/k?tagging", NULL, buf_span(&document));
    assert_status(put, 200);
    REPLY by_header = world_send(*state, "PUT /bkt/h", header.ptr, SPAN("x"));
    assert_status(by_header, 200);
    REPLY copied = world_send(*state, "PUT /bkt/copy", "x-amz-copy-source: bkt/h", SPAN(""));
    assert_status(copied, 200);
    static const char *const lines[] = {
        "GET /bkt/k?tagging", "GET /bkt/h?tagging", "GET /bkt/copy?tagging"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        REPLY reply = world_send(*state, lines[i], NULL, SPAN(""));
        assert_true(span_ends(reply.body, span_from(buf_span(&document), sizeof("<Tagging>") - 1)));
    }
}

static void test_copies(void **state)
{
    static const struct {
        const char *headers, *tags, *meta;
    } cases[] = {
        {"", "a=1 b=", "1"},
        {"\nx-amz-tagging-directive: COPY\nx-amz-tagging: ignored=1", "a=1 b=", "1"},
        {"\nx-amz-tagging-directive: REPLACE", "", "1"},
        {"\nx-amz-tagging-directive: REPLACE\nx-amz-tagging: c=3", "c=3", "1"},
        {"\nx-amz-metadata-directive: REPLACE", "a=1 b=", NULL},
        {"\nx-amz-metadata-directive: REPLACE\nx-amz-tagging-directive: REPLACE\nx-amz-tagging: c",
            "c=", NULL},
    };
    world_do(*state, "PUT /bkt/src", "x-amz-tagging: b&a=1\nx-amz-meta-a: 1", "hello");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char headers[256];
        snprintf(headers, sizeof(headers), "x-amz-copy-source: bkt/src%s", cases[i].headers);
        world_do(*state, "PUT /bkt/copy", headers, NULL);
        assert_tags(*state, "/bkt/copy", cases[i].tags);
        REPLY head = world_send(*state, "HEAD /bkt/copy", NULL, SPAN(""));
        assert_header(head, "x-amz-meta-a", cases[i].meta);
        world_do(*state, "PUT /bkt/copy?tagging", NULL, TAGGING(TAG("other", "1")));
        assert_tags(*state, "/bkt/src", "a=1 b=");
    }
    /* Tags are not among what makes a copy onto itself a change. */
    REPLY self = world_send(*state, "PUT /bkt/src",
        "x-amz-copy-source: bkt/src\nx-amz-tagging-directive: REPLACE", SPAN(""));
    assert_code(self, 400, "InvalidRequest");
    world_do(*state, "PUT /bkt/src",
        "x-amz-copy-source: bkt/src\nx-amz-metadata-directive: REPLACE", NULL);
    assert_tags(*state, "/bkt/src", "a=1 b=");
}

static void test_uploads(void **state)
{
    struct upload upload = upload_begin(*state, "up", "x-amz-tagging: a=1&b=2\nx-amz-meta-a: 1");
    REPLY part = upload_send(*state, &upload, 1, "x-amz-tagging: ignored=1", SPAN("hello"));
    assert_status(part, 200);
    char parts[256];
    snprintf(parts, sizeof(parts), "<Part><PartNumber>1</PartNumber><ETag>%.*s</ETag></Part>",
        SPAN_ARG(reply_header(&part, "ETag")));
    REPLY done = upload_complete(*state, &upload, NULL, parts);
    assert_status(done, 200);
    assert_tags(*state, "/bkt/up", "a=1 b=2");
    assert_count(*state, "/bkt/up", "2");
    REPLY head = world_send(*state, "HEAD /bkt/up", NULL, SPAN(""));
    assert_header(head, "x-amz-meta-a", "1");
    world_do(*state, "DELETE /bkt/up?tagging", NULL, NULL);
    assert_count(*state, "/bkt/up", NULL);
}

/* ---- what is done to the object between the look at it and the commit ---- */

struct meanwhile {
    struct world *world;
    const char *line, *body;
    int calls;
};

static enum s3_err make_metadata(struct request *request, const struct object_info *info,
    const void *ctx, struct span *ret_metadata)
{
    struct tag tag = {SPAN("a"), SPAN("1")};
    struct meanwhile *meanwhile = *(struct meanwhile *const *)ctx;
    if (meanwhile->calls++ == 0)
        world_do(meanwhile->world, meanwhile->line, NULL, meanwhile->body);
    *ret_metadata = info->attributes.metadata;
    return object_tags_keep(request, &(struct tags){&tag, 1}, ret_metadata);
}

static enum s3_err change_while(struct world *world, const char *line, const char *body)
{
    struct request request;
    struct meanwhile meanwhile = {world, line, body, 0}, *ctx = &meanwhile;
    request_init(&request, &world->daemon);
    request.method = METHOD_PUT;
    request.principal = root;
    request.target.bucket = SPAN("bkt");
    request.target.key = SPAN("k");
    assert_int_equal(
        storage_bucket_get(world->daemon.store, SPAN("bkt"), &request.arena, &request.bucket),
        STORAGE_OK);
    enum s3_err err =
        object_change_metadata(&request, &(struct object_change){make_metadata, &ctx});
    request_free(&request);
    return err;
}

static void test_what_comes_in_between(void **state)
{
    assert_int_equal(change_while(*state, "PUT /bkt/k", "other"), S3_OK);
    assert_tags(*state, "/bkt/k", "a=1");
    world_do(*state, "DELETE /bkt/k?tagging", NULL, NULL);
    assert_int_equal(change_while(*state, "PUT /bkt/k?tagging", TAGGING(TAG("b", "2"))), S3_OK);
    assert_tags(*state, "/bkt/k", "a=1");
    world_do(*state, "DELETE /bkt/k?tagging", NULL, NULL);
    assert_int_equal(change_while(*state, "DELETE /bkt/k", NULL), S3_ERR_NO_SUCH_KEY);
    set_versioning(*state, VERSIONING_ON);
    world_do(*state, "PUT /bkt/k", NULL, "first");
    set_versioning(*state, VERSIONING_SUSPENDED);
    world_do(*state, "PUT /bkt/k", NULL, "null");
    /* The null version goes: then the newest is the one before, and no version was named that could be missing. */
    assert_int_equal(change_while(*state, "DELETE /bkt/k?versionId=null", NULL), S3_OK);
    assert_tags(*state, "/bkt/k", "a=1");
    world_do(*state, "PUT /bkt/k", NULL, "null");
    assert_int_equal(change_while(*state, "DELETE /bkt/k", NULL), S3_ERR_METHOD_NOT_ALLOWED);
}

/* ---- zones ---- */

static void test_a_zones_bytes_do_not_change_with_tags(void **state)
{
    world_do(*state, "PUT /lake", NULL, NULL);
    world_do(*state, "PUT /lake?lakegate-zones", NULL,
        "{\"Version\":\"2026-11-01\",\"Zones\":[{\"Name\":\"raw\",\"Prefix\":\"a\","
        "\"WriteOnce\":true},{\"Name\":\"kept\",\"Prefix\":\"kept\",\"RetentionDays\":30}]}");
    world_do(*state, "PUT /lake/a", "x-amz-tagging: a=1&b=2\nx-amz-meta-a: 1", "one");
    /* The same again is the same; with other tags it is not. */
    world_do(*state, "PUT /lake/a", "x-amz-tagging: b=2&a=1\nx-amz-meta-a: 1", "one");
    static const char *const others[] = {"x-amz-meta-a: 1", "x-amz-tagging: a=1\nx-amz-meta-a: 1",
        "x-amz-tagging: a=1&b=3\nx-amz-meta-a: 1"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        REPLY reply = world_send(*state, "PUT /lake/a", others[i], SPAN("one"));
        assert_code(reply, 409, "ObjectAlreadyExists");
    }
    world_do(*state, "PUT /lake/a?tagging", NULL, TAGGING(TAG("a", "1")));
    assert_tags(*state, "/lake/a", "a=1");
    world_do(*state, "PUT /lake/a", "x-amz-tagging: a=1\nx-amz-meta-a: 1", "one");
    world_do(*state, "DELETE /lake/a?tagging", NULL, NULL);
    world_do(*state, "PUT /lake/a", "x-amz-meta-a: 1", "one");
    assert_tags(*state, "/lake/a", "");
    world_do(*state, "PUT /lake/kept", NULL, "one");
    world_do(*state, "PUT /lake/kept?tagging", NULL, TAGGING(TAG("a", "1")));
    world_do(*state, "DELETE /lake/kept?tagging", NULL, NULL);
}

static void test_tags_are_there_after_a_restart(void **state)
{
    world_do(*state, "PUT /bkt/long", "x-amz-tagging: a=" K128 K128 "&b=" K128 K128, "x");
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(TAG("a", "1")));
    world_reopen(*state);
    assert_tags(*state, "/bkt/long", "a=" K128 K128 " b=" K128 K128);
    assert_tags(*state, "/bkt/k", "a=1");
    world_do(*state, "DELETE /bkt/long?tagging", NULL, NULL);
    world_reopen(*state);
    assert_tags(*state, "/bkt/long", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_get_delete, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(test_refused_documents, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(
            test_missing_objects_and_markers, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(test_the_header, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(test_the_largest, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(test_copies, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(test_uploads, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(test_what_comes_in_between, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(
            test_a_zones_bytes_do_not_change_with_tags, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(
            test_tags_are_there_after_a_restart, tagging_setup, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
