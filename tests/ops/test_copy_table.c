/* Copy jobs as they are kept: made, found again after a restart, changed, bounded. None of them runs here. */
#include "daemon/jobs/copy_jobs.h"
#include "daemon/vault.h"
#include "tests/ops/support.h"

static struct copy_jobs *jobs;
static struct world *world;

static const struct copy_actor ann = {.arn = SPAN("arn:aws:iam::000000000001:user/ann"),
    .unique_id = SPAN("AIDAANN"),
    .account_id = 1,
    .peer = SPAN("192.0.2.1"),
    .user_agent = SPAN("cli/1 \"x\"")};

static int setup(void **state)
{
    world_make(state);
    world = *state;
    world_do(world, "PUT /lake", NULL, NULL);
    jobs = copy_jobs_open(&world->daemon);
    assert_non_null(jobs);
    return 0;
}

static int teardown(void **state)
{
    copy_jobs_free(jobs);
    return world_drop(state);
}

/* As after a restart. */
static void reopen(void)
{
    copy_jobs_free(jobs);
    world_reopen(world);
    jobs = copy_jobs_open(&world->daemon);
    assert_non_null(jobs);
}

static struct copy_spec spec_of(const char *bucket)
{
    return (struct copy_spec){.source_bucket = span_str(bucket),
        .source_prefix = SPAN("a/"),
        .endpoint = SPAN("https://s3.example.org"),
        .anonymous = true,
        .bucket = SPAN("lake"),
        .prefix = SPAN("raw/"),
        .filters = {.max_bytes = UINT64_MAX, .modified_since_ms = INT64_MIN},
        .limits = {.objects_at_once = 8}};
}

static struct copy_job *make(const char *bucket, const struct copy_asked *asked)
{
    struct copy_job *job = NULL;
    struct copy_spec spec = spec_of(bucket);
    enum storage_err err;
    assert_int_equal(copy_jobs_create(jobs, &spec, asked, &job, &err), COPY_CONTROL_OK);
    return job;
}

static struct buf shown(struct copy_job *job)
{
    struct buf out;
    buf_init(&out, 65536);
    pthread_mutex_lock(copy_job_lock(job));
    copy_job_write(job, &out);
    pthread_mutex_unlock(copy_job_lock(job));
    assert_true(buf_ok(&out));
    return out;
}

static void a_job_is_the_same_after_a_restart(void **state)
{
    (void)state;
    struct copy_asked asked = {.actor = &ann};
    struct copy_job *job = make("there", &asked);
    uint64_t id = job->id;
    /* As its thread leaves it, with texts that are no UTF-8. */
    job->progress.after = SPAN("a/\xff\"key");
    job->progress.counters.copied_objects = 7;
    job->progress.counters.verified[COPY_BY_NOTHING] = 3;
    job->progress.large[2] = (struct copy_large){.key = SPAN("a/b c%"),
        .etag_text = SPAN("\"x-2\""),
        .size_bytes = 9,
        .upload = {0x1234, 0x5678}};
    assert_int_equal(copy_jobs_pause(job), COPY_CONTROL_OK);
    job->counters = job->progress.counters;
    struct buf before CLEANUP(buf_free) = shown(job);
    copy_job_unref(job);
    reopen();
    job = copy_jobs_find(jobs, id);
    assert_non_null(job);
    struct buf after CLEANUP(buf_free) = shown(job);
    assert_true(span_eq(buf_span(&before), buf_span(&after)));
    assert_true(span_eq(job->progress.after, SPAN("a/\xff\"key")));
    assert_int_equal(job->progress.counters.copied_objects, 7);
    assert_int_equal(job->progress.counters.verified[COPY_BY_NOTHING], 3);
    const struct copy_large *large = &job->progress.large[0];
    assert_true(span_eq(large->key, SPAN("a/b c%")) && span_eq(large->etag_text, SPAN("\"x-2\"")));
    assert_int_equal(large->upload.blob_id, 0x1234);
    assert_int_equal(large->upload.random, 0x5678);
    assert_true(copy_actor_is(&job->actor, &ann));
    assert_true(span_eq(job->actor.user_agent, ann.user_agent));
    copy_job_unref(job);
}

static void one_that_ran_when_the_daemon_died_waits_in_line(void **state)
{
    (void)state;
    struct copy_asked asked = {.actor = &ann};
    struct copy_job *job = make("there", &asked);
    uint64_t id = job->id;
    struct arena arena;
    struct record_change change;
    arena_init(&arena, 65536);
    job->state = COPY_RUNNING;
    assert_int_equal(copy_record_change(job, &arena, &change), STORAGE_OK);
    assert_int_equal(copy_record_commit(world->daemon.store, &change, 1), STORAGE_OK);
    arena_free(&arena);
    copy_job_unref(job);
    reopen();
    job = copy_jobs_find(jobs, id);
    assert_int_equal(job->state, COPY_QUEUED);
    copy_job_unref(job);
}

static void secrets_are_sealed_and_go_with_the_job(void **state)
{
    (void)state;
    struct copy_credentials credentials = {SPAN("AKIAX"), SPAN("very-secret"), {NULL, 0}};
    struct copy_asked asked = {
        .actor = &ann, .token = SPAN("token-of-ann"), .credentials = &credentials};
    struct copy_job *job = make("there", &asked);
    struct arena arena;
    struct record_page page;
    struct buf plain CLEANUP(buf_free);
    arena_init(&arena, 1024 * 1024);
    buf_init(&plain, 1024);
    assert_int_equal(
        storage_record_list(world->daemon.store, SPAN("copy/"), SPAN_ABSENT, 10, &arena, &page),
        STORAGE_OK);
    assert_int_equal(page.count, 3);
    for (size_t i = 0; i < page.count; i++) {
        assert_int_equal(span_find(page.items[i].value, SPAN("very-secret"), 0), SIZE_MAX);
        assert_int_equal(span_find(page.items[i].value, SPAN("token-of-ann"), 0), SIZE_MAX);
    }
    assert_true(copy_secret_read(&world->daemon, job->id, COPY_SECRET_SOURCE, &plain));
    assert_true(span_eq(buf_span(&plain), SPAN("AKIAX\nvery-secret")));
    /* One in the place of the other does not open. */
    buf_clear(&plain);
    assert_false(copy_secret_read(&world->daemon, job->id + 1, COPY_SECRET_SOURCE, &plain));
    char error[VAULT_ERROR_BYTES];
    assert_true(vault_add_key(world->daemon.vault, error));
    assert_true(copy_jobs_reseal(jobs));
    assert_true(copy_secret_read(&world->daemon, job->id, COPY_SECRET_SESSION, &plain));
    assert_true(span_eq(buf_span(&plain), SPAN("token-of-ann")));
    assert_int_equal(copy_jobs_cancel(job), COPY_CONTROL_OK);
    assert_int_equal(copy_jobs_cancel(job), COPY_CONTROL_OK);
    assert_int_equal(
        storage_record_list(world->daemon.store, SPAN("copy/"), SPAN_ABSENT, 10, &arena, &page),
        STORAGE_OK);
    assert_int_equal(page.count, 0);
    assert_null(copy_jobs_find(jobs, job->id));
    arena_free(&arena);
    copy_job_unref(job);
}

static void there_are_only_so_many(void **state)
{
    (void)state;
    struct copy_asked asked = {.actor = &ann};
    struct copy_spec spec = spec_of("there");
    struct copy_job *job = NULL, *first = NULL;
    enum storage_err err;
    uint64_t last = 0;
    for (size_t i = 0; i < COPY_JOBS_UNFINISHED_MAX; i++) {
        job = make("there", &asked);
        assert_true(job->id > last);
        last = job->id;
        if (first == NULL)
            first = job;
        else
            copy_job_unref(job);
    }
    assert_int_equal(copy_jobs_create(jobs, &spec, &asked, &job, &err), COPY_CONTROL_MANY);
    assert_int_equal(copy_jobs_cancel(first), COPY_CONTROL_OK);
    copy_job_unref(make("there", &asked));
    struct copy_job *found[8];
    assert_int_equal(copy_jobs_list(jobs, UINT64_MAX, COPY_CANCELED, found, 8), 1);
    assert_ptr_equal(found[0], first);
    copy_job_unref(found[0]);
    copy_job_unref(first);
}

static void what_a_state_does_not_allow(void **state)
{
    (void)state;
    static const struct copy_actor session = {.arn = SPAN("arn:aws:sts::000000000001:x/y/z"),
        .unique_id = SPAN("AROAX:z"),
        .account_id = 1,
        .session_key = SPAN("ASIAX")};
    struct copy_asked asked = {.actor = &session, .token = SPAN("first")}, other = {.actor = &ann};
    struct copy_job *job = make("there", &asked);
    assert_int_equal(copy_jobs_resume(job, &asked), COPY_CONTROL_STATE); /* it waits */
    assert_int_equal(copy_jobs_retry(job, &asked), COPY_CONTROL_STATE);
    assert_int_equal(copy_jobs_pause(job), COPY_CONTROL_OK);
    assert_int_equal(copy_jobs_resume(job, &other), COPY_CONTROL_OK); /* with what it has */
    assert_int_equal(copy_jobs_pause(job), COPY_CONTROL_OK);
    job->reason = COPY_SESSION_EXPIRED;
    assert_int_equal(copy_jobs_resume(job, &other), COPY_CONTROL_WHO);
    asked.token = SPAN("second");
    assert_int_equal(copy_jobs_resume(job, &asked), COPY_CONTROL_OK);
    struct buf plain CLEANUP(buf_free);
    buf_init(&plain, 1024);
    assert_true(copy_secret_read(&world->daemon, job->id, COPY_SECRET_SESSION, &plain));
    assert_true(span_eq(buf_span(&plain), SPAN("second")));
    /* It failed, and its source wants credentials, which are forgotten. */
    job->state = COPY_FAILED;
    job->spec.anonymous = false;
    assert_int_equal(copy_jobs_retry(job, &asked), COPY_CONTROL_SECRETS);
    struct copy_credentials credentials = {SPAN("A"), SPAN("S"), {NULL, 0}};
    asked.credentials = &credentials;
    assert_int_equal(copy_jobs_retry(job, &asked), COPY_CONTROL_OK);
    assert_int_equal(job->state, COPY_QUEUED);
    copy_job_unref(job);
}

static void failures_are_listed_in_pages(void **state)
{
    (void)state;
    struct arena arena;
    struct copy_failure_page page;
    arena_init(&arena, 1024 * 1024);
    for (uint64_t n = 1; n <= 25; n++) {
        struct copy_failure failure = {.number = n,
            .key = SPAN("k\xfe%"),
            .destination = SPAN_ABSENT,
            .etag_text = SPAN("\"e\""),
            .reason = SPAN("SourceDenied"),
            .message = SPAN("403 \"x\""),
            .tries = n};
        struct record_change change = copy_failure_change(7, &failure, &arena);
        assert_int_equal(copy_record_commit(world->daemon.store, &change, 1), STORAGE_OK);
    }
    assert_int_equal(copy_failure_list(world->daemon.store, 7, 0, 10, &arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 10);
    assert_true(page.truncated);
    assert_true(span_eq(page.items[3].key, SPAN("k\xfe%")));
    assert_true(span_eq(page.items[3].message, SPAN("403 \"x\"")));
    assert_int_equal(page.items[3].tries, 4);
    assert_int_equal(copy_failure_list(world->daemon.store, 7, 20, 10, &arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 5);
    assert_int_equal(page.items[0].number, 21);
    assert_false(page.truncated);
    assert_int_equal(copy_record_drop_failures(world->daemon.store, 7), STORAGE_OK);
    assert_int_equal(copy_failure_list(world->daemon.store, 7, 0, 10, &arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 0);
    arena_free(&arena);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_job_is_the_same_after_a_restart),
        TEST(one_that_ran_when_the_daemon_died_waits_in_line),
        TEST(secrets_are_sealed_and_go_with_the_job),
        TEST(there_are_only_so_many),
        TEST(what_a_state_does_not_allow),
        TEST(failures_are_listed_in_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
