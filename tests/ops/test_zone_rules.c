/* What the rules of zones refuse and let pass, for every way by which an object comes to be or goes. */
#include "tests/ops/support_object.h"

#include <pthread.h>
#include <time.h>

#define DOCUMENT(zones) "{\"Version\":\"2026-11-01\",\"Zones\":[" zones "]}"
#define WRITE_ONCE "{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"WriteOnce\":true}"
#define REJECT "{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"Duplicates\":\"reject\"}"
#define RAW "{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"WriteOnce\":true,\"Duplicates\":\"reject\"}"

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    return 0;
}

static void zones(void **state, const char *document)
{
    world_do(*state, "PUT /bkt?lakegate-zones", NULL, document);
}

static void set_versioning(void **state, enum versioning versioning)
{
    struct world *world = *state;
    struct arena arena CLEANUP(arena_free);
    struct bucket_info bucket;
    arena_init(&arena, 4096);
    assert_int_equal(
        storage_bucket_get(world->daemon.store, SPAN("bkt"), &arena, &bucket), STORAGE_OK);
    struct mutation mutation = {.kind = MUTATION_SET_VERSIONING,
        .bucket = {bucket.id, bucket.name},
        .versioning = versioning};
    assert_int_equal(storage_commit(world->daemon.store, &mutation), STORAGE_OK);
}

#define SEND(line, headers, content) world_send(*state, line, headers, SPAN(content))
#define PASSES(line, headers, content)                                                             \
    do {                                                                                           \
        REPLY passes_ = SEND(line, headers, content);                                              \
        assert_status(passes_, 200);                                                               \
    } while (0)
#define REFUSED(line, headers, content, status, code)                                              \
    do {                                                                                           \
        REPLY refused_ = SEND(line, headers, content);                                             \
        assert_code(refused_, status, code);                                                       \
    } while (0)

/* ---- WriteOnce ---- */

static void test_write_once(void **state)
{
    zones(state, DOCUMENT(WRITE_ONCE));
    PASSES("PUT /bkt/raw/a", NULL, "one");
    REPLY again = SEND("PUT /bkt/raw/a", NULL, "two");
    assert_code(again, 409, "ObjectAlreadyExists");
    assert_has(again, "raw");
    REPLY get = SEND("GET /bkt/raw/a", NULL, "");
    assert_span(get.body, "one");
    REFUSED("PUT /bkt/raw/a",
        "x-amz-copy-source: bkt/raw/a\nx-amz-metadata-directive: REPLACE\nx-amz-meta-a: 1", "", 409,
        "ObjectAlreadyExists");
    /* Outside of the zone nothing changes. */
    PASSES("PUT /bkt/rawer", NULL, "one");
    PASSES("PUT /bkt/rawer", NULL, "two");
    REFUSED("PUT /bkt/raw/a", "x-amz-copy-source: bkt/rawer", "", 409, "ObjectAlreadyExists");
    /* Deleting is not forbidden, and the key is free again. */
    world_do(*state, "DELETE /bkt/raw/a", NULL, NULL);
    PASSES("PUT /bkt/raw/a", NULL, "two");
}

static void test_write_once_with_versions(void **state)
{
    set_versioning(state, VERSIONING_ON);
    zones(state, DOCUMENT(WRITE_ONCE));
    PASSES("PUT /bkt/raw/a", NULL, "one");
    REFUSED("PUT /bkt/raw/a", NULL, "two", 409, "ObjectAlreadyExists");
    world_do(*state, "DELETE /bkt/raw/a", NULL, NULL);
    PASSES("PUT /bkt/raw/a", NULL, "two"); /* a delete marker counts as absent */
}

static void test_write_once_of_uploads(void **state)
{
    zones(state, DOCUMENT(WRITE_ONCE));
    struct upload upload = upload_begin(*state, "raw/a", NULL);
    REPLY part = upload_send(*state, &upload, 1, NULL, SPAN("part"));
    assert_status(part, 200);
    PASSES("PUT /bkt/raw/a", NULL, "one");
    char parts[256];
    snprintf(parts, sizeof(parts), "<Part><PartNumber>1</PartNumber><ETag>%.*s</ETag></Part>",
        SPAN_ARG(reply_header(&part, "ETag")));
    REPLY complete = upload_complete(*state, &upload, NULL, parts);
    assert_code(complete, 409, "ObjectAlreadyExists");
    world_do(*state, "DELETE /bkt/raw/a", NULL, NULL);
    REPLY later = upload_complete(*state, &upload, NULL, parts);
    assert_status(later, 200);
    REPLY repeated = upload_complete(*state, &upload, NULL, parts);
    assert_status(repeated, 200);
}

static void test_the_same_again_changes_nothing(void **state)
{
    set_versioning(state, VERSIONING_ON);
    zones(state, DOCUMENT(WRITE_ONCE));
    static const char headers[] = "Content-Type: text/csv\nx-amz-meta-job: 7";
    REPLY first = SEND("PUT /bkt/raw/a", headers, "one");
    assert_status(first, 200);
    REPLY again = SEND("PUT /bkt/raw/a", headers, "one");
    assert_status(again, 200);
    assert_true(span_eq(reply_header(&first, "ETag"), reply_header(&again, "ETag")));
    assert_true(span_eq(
        reply_header(&first, "x-amz-version-id"), reply_header(&again, "x-amz-version-id")));
    REPLY versions = SEND("GET /bkt?versions", NULL, "");
    assert_int_equal(reply_count(&versions, "Version"), 1);
    REFUSED("PUT /bkt/raw/a", "Content-Type: text/csv\nx-amz-meta-job: 8", "one", 409,
        "ObjectAlreadyExists");
    REFUSED("PUT /bkt/raw/a", NULL, "one", 409, "ObjectAlreadyExists");
    /* A condition is decided first, even when the bytes are equal. */
    REFUSED("PUT /bkt/raw/a", "Content-Type: text/csv\nx-amz-meta-job: 7\nIf-None-Match: *", "one",
        412, "PreconditionFailed");
    REFUSED("PUT /bkt/raw/a", "If-None-Match: *", "two", 412, "PreconditionFailed");
}

static void test_except(void **state)
{
    zones(state, DOCUMENT(RAW));
    static const char *const free_names[] = {"raw/day=1/", "raw/t/_SUCCESS",
        "raw/_temporary/0/task/part-0", "raw/t/.spark-staging-1/part-0", "raw/.hive-staging_x/0",
        "raw/__magic_job-1/a", "raw/t/_delta_log/00000.json", "raw/t/metadata/v1.json",
        "raw/day_$folder$", "raw/t/_committed_12", "raw/t/_started_12",
        "raw/t/.part-0.parquet.crc"};
    static const char *const held_names[] = {"raw/_SUCCESSES", "raw/x_temporary", "raw/t/metadatas",
        "raw/t/part_committed_1", "raw/t/a.crc", "raw/delta_log/0.json"};
    char line[128];
    for (size_t i = 0; i < ARRAY_LEN(free_names); i++) {
        snprintf(line, sizeof(line), "PUT /bkt/%s", free_names[i]);
        PASSES(line, NULL, "one");
        PASSES(line, NULL, "two");
    }
    for (size_t i = 0; i < ARRAY_LEN(held_names); i++) {
        snprintf(line, sizeof(line), "PUT /bkt/%s", held_names[i]);
        REPLY first = world_send(*state, line, NULL, span_str(held_names[i]));
        assert_status(first, 200);
        REFUSED(line, NULL, "two", 409, "ObjectAlreadyExists");
    }
}

/* ---- Duplicates ---- */

static void test_reject(void **state)
{
    zones(state, DOCUMENT(REJECT));
    PASSES("PUT /bkt/raw/a%20b", NULL, "content");
    REPLY other = SEND("PUT /bkt/raw/c", NULL, "content");
    assert_code(other, 409, "DuplicateObject");
    assert_header(other, "x-lakegate-duplicate-of", "raw/a%20b");
    REPLY missing = SEND("GET /bkt/raw/c", NULL, "");
    assert_code(missing, 404, "NoSuchKey");
    /* Never a duplicate of itself; other bytes pass; other places are no concern of the zone. */
    PASSES("PUT /bkt/raw/a%20b", "x-amz-meta-a: 1", "content");
    PASSES("PUT /bkt/raw/d", NULL, "contenu");
    PASSES("PUT /bkt/elsewhere", NULL, "content");
    REFUSED("PUT /bkt/raw/e", "x-amz-copy-source: bkt/elsewhere", "", 409, "DuplicateObject");
    /* Empty objects and folder markers never collide. */
    PASSES("PUT /bkt/raw/x/", NULL, "");
    PASSES("PUT /bkt/raw/y/", NULL, "");
    PASSES("PUT /bkt/raw/z", NULL, "");
    PASSES("PUT /bkt/raw/zz", NULL, "");
    /* What goes makes room. */
    PASSES("PUT /bkt/raw/a%20b", NULL, "other now");
    PASSES("PUT /bkt/raw/c", NULL, "content");
    world_do(*state, "DELETE /bkt/raw/c", NULL, NULL);
    PASSES("PUT /bkt/raw/e", NULL, "content");
    world_reopen(*state);
    REFUSED("PUT /bkt/raw/f", NULL, "content", 409, "DuplicateObject");
}

static void test_reject_with_versions(void **state)
{
    set_versioning(state, VERSIONING_ON);
    zones(state, DOCUMENT(REJECT));
    PASSES("PUT /bkt/raw/a", NULL, "content");
    REFUSED("PUT /bkt/raw/b", NULL, "content", 409, "DuplicateObject");
    PASSES("PUT /bkt/raw/a", NULL, "newer"); /* current versions alone count */
    PASSES("PUT /bkt/raw/b", NULL, "content");
    world_do(*state, "DELETE /bkt/raw/b", NULL, NULL); /* a delete marker */
    PASSES("PUT /bkt/raw/c", NULL, "content");
}

static void test_reject_of_uploads(void **state)
{
    struct sample sample;
    sample_make(&sample);
    zones(state, DOCUMENT(REJECT));
    REPLY whole = world_send(*state, "PUT /bkt/raw/whole", NULL, sample.whole);
    assert_status(whole, 200);
    struct upload upload = upload_begin(*state, "raw/parts", NULL);
    struct buf parts CLEANUP(buf_free);
    buf_init(&parts, 4096);
    for (unsigned i = 0; i < SAMPLE_PARTS; i++) {
        REPLY part = upload_send(*state, &upload, i + 1, NULL, sample.parts[i]);
        assert_status(part, 200);
        buf_addf(&parts, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i + 1,
            sample_parts[i].etag);
    }
    buf_add_char(&parts, '\0');
    REPLY complete = upload_complete(*state, &upload, NULL, parts.ptr);
    assert_code(complete, 409, "DuplicateObject");
    assert_header(complete, "x-lakegate-duplicate-of", "raw/whole");
    /* The upload is still there, and completes when the other is gone. */
    world_do(*state, "DELETE /bkt/raw/whole", NULL, NULL);
    REPLY now = upload_complete(*state, &upload, NULL, parts.ptr);
    assert_status(now, 200);
    REPLY again = world_send(*state, "PUT /bkt/raw/whole", NULL, sample.whole);
    assert_code(again, 409, "DuplicateObject");
    assert_header(again, "x-lakegate-duplicate-of", "raw/parts");
    sample_free(&sample);
}

static void test_min_bytes(void **state)
{
    zones(state,
        DOCUMENT("{\"Name\":\"z\",\"Prefix\":\"z/\",\"Duplicates\":\"reject\",\"MinBytes\":5}"));
    PASSES("PUT /bkt/z/a", NULL, "1234");
    PASSES("PUT /bkt/z/b", NULL, "1234");
    PASSES("PUT /bkt/z/c", NULL, "12345");
    REFUSED("PUT /bkt/z/d", NULL, "12345", 409, "DuplicateObject");
    zones(state,
        DOCUMENT("{\"Name\":\"z\",\"Prefix\":\"z/\",\"Duplicates\":\"reject\",\"MinBytes\":0}"));
    PASSES("PUT /bkt/z/e", NULL, "");
    REFUSED("PUT /bkt/z/f", NULL, "", 409, "DuplicateObject");
}

static void test_flag(void **state)
{
    zones(state, DOCUMENT("{\"Name\":\"z\",\"Prefix\":\"z/\",\"Duplicates\":\"flag\"}"));
    PASSES("PUT /bkt/z/a", NULL, "content");
    PASSES("PUT /bkt/z/b", NULL, "content");
    REPLY first = SEND("GET /bkt/z/a", NULL, "");
    assert_header(first, "x-lakegate-duplicate-of", NULL);
    REPLY second = SEND("GET /bkt/z/b", NULL, "");
    assert_header(second, "x-lakegate-duplicate-of", "z/a");
    assert_span(second.body, "content");
    REPLY head = SEND("HEAD /bkt/z/b", NULL, "");
    assert_header(head, "x-lakegate-duplicate-of", "z/a");
    /* If the first goes, the other stands on its own. */
    world_do(*state, "DELETE /bkt/z/a", NULL, NULL);
    REPLY alone = SEND("GET /bkt/z/b", NULL, "");
    assert_status(alone, 200);
    assert_header(alone, "x-lakegate-duplicate-of", NULL);
    REPLY mark = SEND("PUT /bkt/z/c", NULL, "content");
    assert_status(mark, 200);
    REPLY third = SEND("GET /bkt/z/c", NULL, "");
    assert_header(third, "x-lakegate-duplicate-of", "z/b");
}

static void test_link(void **state)
{
    zones(state, DOCUMENT("{\"Name\":\"z\",\"Prefix\":\"z/\",\"Duplicates\":\"link\"}"));
    char *content = content_new(9, 300000);
    REPLY first = world_send(*state, "PUT /bkt/z/a", NULL, span_of(content, 300000));
    assert_status(first, 200);
    REPLY second =
        world_send(*state, "PUT /bkt/z/b", "x-amz-meta-own: yes", span_of(content, 300000));
    assert_status(second, 200);
    assert_true(span_eq(reply_header(&first, "ETag"), reply_header(&second, "ETag")));
    world_do(*state, "DELETE /bkt/z/a", NULL, NULL);
    REPLY get = SEND("GET /bkt/z/b", NULL, "");
    assert_status(get, 200);
    assert_header(get, "x-amz-meta-own", "yes");
    assert_true(span_eq(get.body, span_of(content, 300000)));
    free(content);
}

enum { WRITERS = 8, ROUNDS = 10 };

struct writer {
    struct world *world;
    pthread_barrier_t *barrier;
    char line[64];
    const char *content;
    int status;
};

static void *write_once(void *ctx)
{
    struct writer *writer = ctx;
    pthread_barrier_wait(writer->barrier);
    REPLY reply = world_send(writer->world, writer->line, NULL, span_str(writer->content));
    writer->status = reply.status;
    return NULL;
}

static void test_of_racing_duplicates_one_wins(void **state)
{
    zones(state, DOCUMENT(RAW));
    for (int round = 0; round < ROUNDS; round++) {
        struct writer writers[WRITERS] = {0};
        pthread_t threads[WRITERS];
        pthread_barrier_t barrier;
        char content[32];
        int winners = 0;
        snprintf(content, sizeof(content), "round %d", round);
        pthread_barrier_init(&barrier, NULL, WRITERS);
        for (int i = 0; i < WRITERS; i++) {
            writers[i] = (struct writer){*state, &barrier, "", content, 0};
            snprintf(writers[i].line, sizeof(writers[i].line), "PUT /bkt/raw/%d-%d", round, i);
            assert_int_equal(pthread_create(&threads[i], NULL, write_once, &writers[i]), 0);
        }
        for (int i = 0; i < WRITERS; i++) {
            pthread_join(threads[i], NULL);
            winners += writers[i].status == 200;
            assert_true(writers[i].status == 200 || writers[i].status == 409);
        }
        pthread_barrier_destroy(&barrier);
        assert_int_equal(winners, 1);
    }
}

#define ALLOW(action)                                                                              \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","        \
    "\"Action\":" action ",\"Resource\":[\"arn:aws:s3:::bkt\",\"arn:aws:s3:::bkt/*\"]}]}"

/* The bucket's policy, by root; then everybody is anonymous. */
static void everybody_may(void **state, const char *policy)
{
    struct world *world = *state;
    world->principal = (struct principal){.kind = PRINCIPAL_ROOT, .account_id = ROOT_ACCOUNT_ID};
    world_do(world, "DELETE /bkt?publicAccessBlock", NULL, NULL);
    world_do(world, "PUT /bkt?policy", NULL, policy);
    world->principal = (struct principal){.kind = PRINCIPAL_ANONYMOUS};
}

static void test_the_other_key_is_told_to_who_may_know_it(void **state)
{
    static const struct {
        const char *policy, *header;
    } cases[] = {
        {ALLOW("\"s3:PutObject\""), NULL},
        {ALLOW("[\"s3:PutObject\",\"s3:GetObject\"]"), "raw/a"},
        {ALLOW("[\"s3:PutObject\",\"s3:ListBucket\"]"), "raw/a"},
    };
    zones(state, DOCUMENT(REJECT));
    PASSES("PUT /bkt/raw/a", NULL, "content");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        everybody_may(state, cases[i].policy);
        REPLY reply = SEND("PUT /bkt/raw/b", NULL, "content");
        assert_code(reply, 409, "DuplicateObject");
        assert_lacks(reply, "raw/a");
        assert_header(reply, "x-lakegate-duplicate-of", cases[i].header);
    }
}

static void test_a_flag_is_told_to_who_may_know_it(void **state)
{
    zones(state, DOCUMENT("{\"Name\":\"z\",\"Prefix\":\"z/\",\"Duplicates\":\"flag\"}"));
    PASSES("PUT /bkt/z/a", NULL, "content");
    PASSES("PUT /bkt/z/b", NULL, "content");
    everybody_may(state,
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","
        "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bkt/z/b\"}]}");
    REPLY get = SEND("GET /bkt/z/b", NULL, "");
    assert_status(get, 200);
    assert_header(get, "x-lakegate-zone", "z");
    assert_header(get, "x-lakegate-duplicate-of", NULL);
    REFUSED("GET /bkt/z/a", NULL, "", 403, "AccessDenied");
}

/* ---- PromoteFrom ---- */

#define STAGES                                                                                     \
    "{\"Name\":\"raw\",\"Prefix\":\"raw/\"},"                                                      \
    "{\"Name\":\"trusted\",\"Prefix\":\"trusted/\",\"PromoteFrom\":[\"raw\"]},"                    \
    "{\"Name\":\"refined\",\"Prefix\":\"refined/\",\"PromoteFrom\":[\"trusted\",\"other/"          \
    "clean\"]},"                                                                                   \
    "{\"Name\":\"closed\",\"Prefix\":\"closed/\",\"PromoteFrom\":[]}"

static void test_promotion(void **state)
{
    zones(state, DOCUMENT(STAGES));
    world_do(*state, "PUT /other", NULL, NULL);
    world_do(*state, "PUT /other?lakegate-zones", NULL,
        DOCUMENT(
            "{\"Name\":\"clean\",\"Prefix\":\"clean/\"},{\"Name\":\"raw\",\"Prefix\":\"raw/\"}"));
    static const char *const sources[] = {"bkt/raw/a", "bkt/trusted/a", "bkt/refined/a",
        "bkt/closed/a", "bkt/free", "other/clean/a", "other/raw/a", "other/free"};
    static const char *const to[] = {"raw", "trusted", "refined", "closed", "free"};
    static const bool allowed[ARRAY_LEN(to)][ARRAY_LEN(sources)] = {
        {1, 1, 1, 1, 1, 1, 1, 1},
        {1, 1, 0, 0, 1, 0, 0, 1},
        {0, 1, 1, 0, 1, 1, 0, 1},
        {0, 0, 0, 1, 1, 0, 0, 1},
        {1, 1, 1, 1, 1, 1, 1, 1},
    };
    char line[64], header[96], key[64];
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        snprintf(line, sizeof(line), "PUT /%s", sources[i]);
        PASSES(line, NULL, "content");
    }
    for (size_t t = 0; t < ARRAY_LEN(to); t++) {
        snprintf(key, sizeof(key), "%s/copy", to[t]);
        struct upload upload = upload_begin(*state, key, NULL);
        for (size_t s = 0; s < ARRAY_LEN(sources); s++) {
            snprintf(line, sizeof(line), "PUT /bkt/%s/copy", to[t]);
            snprintf(header, sizeof(header), "x-amz-copy-source: %s", sources[s]);
            REPLY copy = world_send(*state, line, header, SPAN(""));
            REPLY part = upload_copy(*state, &upload, (unsigned)s + 1, header);
            if (copy.status != (allowed[t][s] ? 200 : 403) || part.status != copy.status)
                fail_msg("%s to %s: %d, %d", sources[s], to[t], copy.status, part.status);
            if (allowed[t][s])
                continue;
            assert_code(copy, 403, "AccessDenied");
            assert_has(copy, to[t]);
            assert_has(copy, "PromoteFrom");
            assert_has(part, "PromoteFrom");
        }
    }
}

/* ---- RetentionDays ---- */

#define RETAINED "{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"RetentionDays\":30}"
#define BYPASS "x-amz-bypass-governance-retention: true"

static void test_retention(void **state)
{
    zones(state, DOCUMENT(RETAINED));
    PASSES("PUT /bkt/raw/a", NULL, "one");
    PASSES("PUT /bkt/raw/day/", NULL, "");
    char date[32];
    time_t until = time(NULL) + 30 * 86400;
    struct tm tm;
    gmtime_r(&until, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    REPLY gone = SEND("DELETE /bkt/raw/a", NULL, "");
    assert_code(gone, 403, "AccessDenied");
    assert_has(gone, date);
    assert_has(gone, "raw");
    REFUSED("DELETE /bkt/raw/a?versionId=null", NULL, "", 403, "AccessDenied");
    REPLY over = SEND("PUT /bkt/raw/a", NULL, "two");
    assert_code(over, 403, "AccessDenied");
    assert_has(over, date);
    world_do(*state, "DELETE /bkt/raw/day/", NULL, NULL); /* excepted */
    REPLY many = SEND("POST /bkt?delete", "Content-MD5: RKnCcbz1Hu1nPq2+RSBTkw==",
        "<Delete><Object><Key>raw/a</Key></Object><Object><Key>b</Key></Object></Delete>");
    assert_status(many, 200);
    assert_int_equal(reply_count(&many, "Error"), 1);
    assert_int_equal(reply_count(&many, "Deleted"), 1);
    assert_has(many, "<Code>AccessDenied</Code>");
    assert_has(many, date);
    world_do(*state, "DELETE /bkt/raw/a", BYPASS, NULL);
    REPLY get = SEND("GET /bkt/raw/a", NULL, "");
    assert_code(get, 404, "NoSuchKey");
}

static void test_the_bypass_needs_its_action(void **state)
{
    zones(state, DOCUMENT(RETAINED));
    PASSES("PUT /bkt/raw/a", NULL, "one");
    everybody_may(state, ALLOW("[\"s3:DeleteObject\",\"s3:PutObject\"]"));
    REFUSED("DELETE /bkt/raw/a", BYPASS, "", 403, "AccessDenied");
    REFUSED("PUT /bkt/raw/a", BYPASS, "two", 403, "AccessDenied");
    everybody_may(
        state, ALLOW("[\"s3:DeleteObject\",\"s3:PutObject\",\"s3:BypassGovernanceRetention\"]"));
    PASSES("PUT /bkt/raw/a", BYPASS, "two");
    world_do(*state, "DELETE /bkt/raw/a", BYPASS, NULL);
}

static void test_retention_with_versions(void **state)
{
    set_versioning(state, VERSIONING_ON);
    zones(state, DOCUMENT(RETAINED));
    REPLY put = SEND("PUT /bkt/raw/a", NULL, "one");
    char line[128];
    snprintf(line, sizeof(line), "DELETE /bkt/raw/a?versionId=%.*s",
        SPAN_ARG(reply_header(&put, "x-amz-version-id")));
    world_do(*state, "DELETE /bkt/raw/a", NULL, NULL); /* a delete marker may be set */
    REPLY version = world_send(*state, line, NULL, SPAN(""));
    assert_code(version, 403, "AccessDenied");
    world_do(*state, line, BYPASS, NULL);
}

static void test_lowering_retention_needs_the_bypass(void **state)
{
    zones(state, DOCUMENT(RETAINED));
    PASSES("PUT /bkt/raw/a", NULL, "one");
    static const char lower[] =
        DOCUMENT("{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"RetentionDays\":29}");
    REFUSED("PUT /bkt?lakegate-zones", NULL,
        DOCUMENT("{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"RetentionDays\":29}"), 403,
        "AccessDenied");
    REFUSED("DELETE /bkt?lakegate-zones", NULL, "", 403, "AccessDenied");
    zones(state, DOCUMENT("{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"RetentionDays\":31}"));
    zones(state, DOCUMENT("{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"RetentionDays\":31,"
                          "\"WriteOnce\":true}"));
    world_do(*state, "PUT /bkt?lakegate-zones", BYPASS, lower);
    world_do(*state, "DELETE /bkt?lakegate-zones", BYPASS, NULL);
    world_do(*state, "DELETE /bkt/raw/a", NULL, NULL);
    /* Nothing is protected: nothing is needed. */
    zones(state, DOCUMENT(RETAINED));
    world_do(*state, "DELETE /bkt?lakegate-zones", NULL, NULL);
}

/* ---- quotas ---- */

static void test_quotas(void **state)
{
    zones(state, DOCUMENT("{\"Name\":\"n\",\"Prefix\":\"n/\",\"MaxObjects\":2},"
                          "{\"Name\":\"b\",\"Prefix\":\"b/\",\"MaxBytes\":10}"));
    PASSES("PUT /bkt/n/1", NULL, "x");
    PASSES("PUT /bkt/n/2", NULL, "x");
    REPLY third = SEND("PUT /bkt/n/3", NULL, "x");
    assert_code(third, 403, "QuotaExceeded");
    assert_has(third, "zone n");
    assert_has(third, "2");
    PASSES("PUT /bkt/n/2", NULL, "overwritten");
    world_do(*state, "DELETE /bkt/n/1", NULL, NULL);
    PASSES("PUT /bkt/n/3", NULL, "x");
    PASSES("PUT /bkt/b/1", NULL, "123456");
    REFUSED("PUT /bkt/b/2", NULL, "12345", 403, "QuotaExceeded");
    PASSES("PUT /bkt/b/2", NULL, "1234");
    PASSES("PUT /bkt/b/1", NULL, "654321");
    PASSES("PUT /bkt/free", NULL, "x");
    REFUSED("PUT /bkt/n/4", "x-amz-copy-source: bkt/free", "", 403, "QuotaExceeded");
    world_reopen(*state);
    REFUSED("PUT /bkt/b/3", NULL, "1", 403, "QuotaExceeded");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_drop)
    const struct CMUnitTest tests[] = {
        TEST(test_write_once),
        TEST(test_write_once_with_versions),
        TEST(test_write_once_of_uploads),
        TEST(test_the_same_again_changes_nothing),
        TEST(test_except),
        TEST(test_reject),
        TEST(test_reject_with_versions),
        TEST(test_reject_of_uploads),
        TEST(test_min_bytes),
        TEST(test_flag),
        TEST(test_link),
        TEST(test_of_racing_duplicates_one_wins),
        TEST(test_the_other_key_is_told_to_who_may_know_it),
        TEST(test_a_flag_is_told_to_who_may_know_it),
        TEST(test_promotion),
        TEST(test_retention),
        TEST(test_the_bypass_needs_its_action),
        TEST(test_retention_with_versions),
        TEST(test_lowering_retention_needs_the_bypass),
        TEST(test_quotas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
