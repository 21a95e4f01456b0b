/* Objects in a bucket with versioning, which the store is asked for directly: ids in the headers,
 * delete markers, versions that are named. */
#include "tests/ops/support_object.h"

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    return 0;
}

static void set_versioning(struct world *world, enum versioning versioning)
{
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, 4096);
    struct bucket_info bucket;
    assert_int_equal(
        storage_bucket_get(world->daemon.store, SPAN("bkt"), &arena, &bucket), STORAGE_OK);
    struct mutation mutation = {
        .kind = MUTATION_SET_VERSIONING,
        .bucket = {bucket.id, SPAN("bkt")},
        .versioning = versioning,
    };
    assert_int_equal(storage_commit(world->daemon.store, &mutation), STORAGE_OK);
}

struct id {
    char text[64];
};

static struct id id_of(const struct reply *reply, const char *header)
{
    struct id id = {{0}};
    struct span value = reply_header(reply, header);
    assert_true(span_present(value) && value.len > 0 && value.len < sizeof(id.text));
    memcpy(id.text, value.ptr, value.len);
    return id;
}

static struct id put(struct world *world, const char *line, const char *content)
{
    REPLY reply = world_send(world, line, NULL, span_str(content));
    assert_status(reply, 200);
    return id_of(&reply, "x-amz-version-id");
}

static struct reply send_version(
    struct world *world, const char *method, const char *key, const char *id)
{
    char line[256];
    snprintf(line, sizeof(line), "%s /bkt/%s?versionId=%s", method, key, id);
    return world_send(world, line, NULL, SPAN(""));
}

static void test_versions_are_kept(void **state)
{
    world_do(*state, "PUT /bkt/k", NULL, "before");
    set_versioning(*state, VERSIONING_ON);
    struct id one = put(*state, "PUT /bkt/k", "one"), two = put(*state, "PUT /bkt/k", "two");
    assert_string_not_equal(one.text, two.text);
    REPLY newest = world_send(*state, "GET /bkt/k", NULL, SPAN(""));
    assert_span(newest.body, "two");
    assert_header(newest, "x-amz-version-id", two.text);
    const struct {
        const char *id;
        const char *content;
    } cases[] = {{one.text, "one"}, {two.text, "two"}, {"null", "before"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY get = send_version(*state, "GET", "k", cases[i].id);
        assert_status(get, 200);
        assert_span(get.body, cases[i].content);
        assert_header(get, "x-amz-version-id", cases[i].id);
        REPLY head = send_version(*state, "HEAD", "k", cases[i].id);
        assert_header(head, "x-amz-version-id", cases[i].id);
    }
    REPLY other_key = send_version(*state, "GET", "elsewhere", one.text);
    assert_status(other_key, 404);
}

static void test_delete_markers(void **state)
{
    set_versioning(*state, VERSIONING_ON);
    struct id kept = put(*state, "PUT /bkt/marked", "kept");
    REPLY gone = world_send(*state, "DELETE /bkt/marked", NULL, SPAN(""));
    assert_status(gone, 204);
    assert_header(gone, "x-amz-delete-marker", "true");
    struct id marker = id_of(&gone, "x-amz-version-id");

    static const char *const lines[] = {"GET /bkt/marked", "HEAD /bkt/marked"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        REPLY missing = world_send(*state, lines[i], NULL, SPAN(""));
        assert_code(missing, 404, "NoSuchKey");
        assert_header(missing, "x-amz-delete-marker", "true");
        assert_header(missing, "x-amz-version-id", marker.text);
        assert_span(reply_element(&missing, "Key", 0), "marked");
    }
    REPLY named = send_version(*state, "GET", "marked", marker.text);
    assert_code(named, 405, "MethodNotAllowed");
    assert_header(named, "x-amz-delete-marker", "true");
    assert_header(named, "Allow", "DELETE");
    assert_true(span_present(reply_header(&named, "Last-Modified")));
    assert_span(reply_element(&named, "ResourceType", 0), "DeleteMarker");
    REPLY attributes = world_send(
        *state, "GET /bkt/marked?attributes", "x-amz-object-attributes: ObjectSize", SPAN(""));
    assert_code(attributes, 404, "NoSuchKey");
    assert_header(attributes, "x-amz-delete-marker", "true");

    char header[128];
    REPLY copied = world_send(*state, "PUT /bkt/copy", "x-amz-copy-source: bkt/marked", SPAN(""));
    assert_code(copied, 404, "NoSuchKey");
    snprintf(header, sizeof(header), "x-amz-copy-source: bkt/marked?versionId=%s", marker.text);
    REPLY refused = world_send(*state, "PUT /bkt/copy", header, SPAN(""));
    assert_code(refused, 400, "InvalidRequest");
    snprintf(header, sizeof(header), "x-amz-copy-source: bkt/marked?versionId=%s", kept.text);
    REPLY copy = world_send(*state, "PUT /bkt/copy", header, SPAN(""));
    assert_status(copy, 200);
    assert_header(copy, "x-amz-copy-source-version-id", kept.text);
    id_of(&copy, "x-amz-version-id");

    REPLY undone = send_version(*state, "DELETE", "marked", marker.text);
    assert_status(undone, 204);
    assert_header(undone, "x-amz-delete-marker", "true");
    assert_header(undone, "x-amz-version-id", marker.text);
    REPLY back = world_send(*state, "GET /bkt/marked", NULL, SPAN(""));
    assert_span(back.body, "kept");
    REPLY removed = send_version(*state, "DELETE", "marked", kept.text);
    assert_header(removed, "x-amz-version-id", kept.text);
    assert_header(removed, "x-amz-delete-marker", NULL);
    REPLY nothing = world_send(*state, "GET /bkt/marked", NULL, SPAN(""));
    assert_code(nothing, 404, "NoSuchKey");
    assert_header(nothing, "x-amz-delete-marker", NULL);
}

/* A delete marker is no object: to If-None-Match the key is free, to If-Match it is missing. */
static void test_conditions_on_a_delete_marker(void **state)
{
    set_versioning(*state, VERSIONING_ON);
    put(*state, "PUT /bkt/cond", "hello world");
    world_do(*state, "DELETE /bkt/cond", NULL, NULL);
    static const struct {
        const char *line;
        const char *headers;
        int status;
    } cases[] = {
        {"PUT /bkt/cond", "If-Match: \"5eb63bbbe01eeed093cb22bb8f5acdc3\"", 404},
        {"PUT /bkt/cond", "If-None-Match: *", 200},
        {"PUT /bkt/cond", "If-None-Match: *", 412},
        {"DELETE /bkt/cond", "If-Match: \"00000000000000000000000000000000\"", 412},
        {"DELETE /bkt/cond", "If-Match: *", 204},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, cases[i].line, cases[i].headers, SPAN("x"));
        assert_status(reply, cases[i].status);
    }
}

static void test_restore_by_copy_onto_itself(void **state)
{
    set_versioning(*state, VERSIONING_ON);
    struct id old = put(*state, "PUT /bkt/back", "old");
    put(*state, "PUT /bkt/back", "new");
    REPLY newest = world_send(*state, "PUT /bkt/back", "x-amz-copy-source: bkt/back", SPAN(""));
    assert_code(newest, 400, "InvalidRequest");
    char header[128];
    snprintf(header, sizeof(header), "x-amz-copy-source: bkt/back?versionId=%s", old.text);
    REPLY copy = world_send(*state, "PUT /bkt/back", header, SPAN(""));
    assert_status(copy, 200);
    REPLY get = world_send(*state, "GET /bkt/back", NULL, SPAN(""));
    assert_span(get.body, "old");
}

static void test_uploads_make_versions(void **state)
{
    set_versioning(*state, VERSIONING_ON);
    struct id before = put(*state, "PUT /bkt/up", "before");
    struct upload upload = upload_begin(*state, "up", NULL);
    REPLY part = upload_send(*state, &upload, 1, NULL, SPAN("hello world"));
    assert_status(part, 200);
    for (int i = 0; i < 2; i++) {
        REPLY done =
            upload_complete(*state, &upload, NULL, PART(1, "5eb63bbbe01eeed093cb22bb8f5acdc3"));
        assert_status(done, 200);
        struct id made = id_of(&done, "x-amz-version-id");
        REPLY get = send_version(*state, "GET", "up", made.text);
        assert_span(get.body, "hello world");
    }
    REPLY old = send_version(*state, "GET", "up", before.text);
    assert_span(old.body, "before");
}

static void test_suspended(void **state)
{
    set_versioning(*state, VERSIONING_ON);
    struct id kept = put(*state, "PUT /bkt/susp", "kept");
    set_versioning(*state, VERSIONING_SUSPENDED);
    for (int i = 0; i < 2; i++) {
        struct id id = put(*state, "PUT /bkt/susp", i ? "second null" : "first null");
        assert_string_equal(id.text, "null");
    }
    REPLY get = world_send(*state, "GET /bkt/susp", NULL, SPAN(""));
    assert_span(get.body, "second null");
    assert_header(get, "x-amz-version-id", "null");
    REPLY old = send_version(*state, "GET", "susp", kept.text);
    assert_span(old.body, "kept");
    REPLY gone = world_send(*state, "DELETE /bkt/susp", NULL, SPAN(""));
    assert_header(gone, "x-amz-delete-marker", "true");
    assert_header(gone, "x-amz-version-id", "null");
    REPLY again = send_version(*state, "GET", "susp", kept.text);
    assert_span(again.body, "kept");
    set_versioning(*state, VERSIONING_ON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions_are_kept),
        cmocka_unit_test(test_delete_markers),
        cmocka_unit_test(test_conditions_on_a_delete_marker),
        cmocka_unit_test(test_restore_by_copy_onto_itself),
        cmocka_unit_test(test_uploads_make_versions),
        cmocka_unit_test(test_suspended),
    };
    return cmocka_run_group_tests(tests, setup, world_drop);
}
