/* The table of links over a store: what outlives a restart, and what a crash in the middle leaves. */
#include "daemon/links.h"
#include "iam_fixture.h"

#include "daemon/config.h"
#include "daemon/remote.h"
#include "daemon/vault.h"

struct world {
    struct fixture *fixture;
    struct remote *remote;
    struct links *links;
};

static void open_links(struct world *world)
{
    struct config config = {.remote_ca_file = ""};
    char error[REMOTE_ERROR_BYTES];
    config.remote_endpoints = (struct config_list){{"https://source.example"}, 1};
    world->remote = remote_new(&config, NULL, error);
    assert_non_null(world->remote);
    world->links =
        links_open(world->fixture->storage, world->fixture->vault, world->remote, NULL, 2);
    assert_non_null(world->links);
}

static void close_links(struct world *world)
{
    links_free(world->links);
    remote_free(world->remote);
}

static void reopen(struct world *world)
{
    close_links(world);
    open_links(world);
}

static int setup(void **state)
{
    static struct world world;
    void *fixture = NULL;
    assert_int_equal(fixture_make(&fixture), 0);
    world.fixture = fixture;
    open_links(&world);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    void *fixture = world->fixture;
    close_links(world);
    return fixture_drop(&fixture);
}

static enum links_err add(struct world *world, const char *name, uint64_t owner_id, bool with_keys)
{
    struct link link = {.name = span_str(name),
        .owner_id = owner_id,
        .endpoint_url = SPAN("https://source.example"),
        .bucket = SPAN("there"),
        .prefix = SPAN("folder/"),
        .region = SPAN("eu-west-1"),
        .access_key = with_keys ? SPAN("AKID") : SPAN(""),
        .created_by = SPAN("root"),
        .created_ms = 1};
    struct remote_source source = {.endpoint_url = link.endpoint_url, .bucket = link.bucket};
    enum storage_err stored;
    assert_int_equal(remote_bucket_open(world->remote, &source, &link.remote), REMOTE_OK);
    enum links_err err = links_add(
        world->links, &link, with_keys ? SPAN("secret") : SPAN_ABSENT, SPAN("us-east-1"), &stored);
    if (err != LINKS_OK)
        remote_bucket_close(link.remote);
    return err;
}

static uint64_t bucket_id(struct world *world, const char *name)
{
    struct bucket_info bucket;
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    enum storage_err err =
        storage_bucket_get(world->fixture->storage, span_str(name), &arena, &bucket);
    arena_free(&arena);
    return err == STORAGE_OK ? bucket.id : 0;
}

static bool is_link(struct world *world, const char *name)
{
    const struct link *link = links_get(world->links, bucket_id(world, name));
    bool found = link != NULL && span_eq(link->name, span_str(name));
    link_release(link);
    return found;
}

static void links_outlive_restarts(void **state)
{
    struct world *world = *state;
    const struct link *page[4];
    assert_int_equal(add(world, "bbb", 1, true), LINKS_OK);
    assert_int_equal(add(world, "aaa", 1, false), LINKS_OK);
    assert_int_equal(add(world, "ccc", 2, false), LINKS_OK);
    assert_int_equal(add(world, "aaa", 2, false), LINKS_EXISTS);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(links_list(world->links, 1, SPAN(""), page, 4), 2);
        assert_true(span_eq(page[0]->name, SPAN("aaa")) && span_eq(page[1]->name, SPAN("bbb")));
        assert_true(span_eq(page[1]->access_key, SPAN("AKID")));
        assert_true(span_eq(page[1]->prefix, SPAN("folder/")));
        assert_non_null(page[1]->remote);
        link_release(page[0]);
        link_release(page[1]);
        assert_int_equal(links_list(world->links, 1, SPAN("aaa"), page, 4), 1);
        link_release(page[0]);
        reopen(world);
    }
    assert_true(is_link(world, "ccc"));
    assert_null(links_get(world->links, 999999));
    assert_null(links_get(NULL, 1));
}

static void removed_links_are_gone(void **state)
{
    struct world *world = *state;
    enum storage_err stored;
    assert_int_equal(add(world, "aaa", 1, false), LINKS_OK);
    assert_int_equal(links_remove(world->links, 2, SPAN("aaa"), &stored), LINKS_MISSING);
    const struct link *held = links_get(world->links, bucket_id(world, "aaa"));
    assert_non_null(held);
    assert_int_equal(links_remove(world->links, 1, SPAN("aaa"), &stored), LINKS_OK);
    assert_int_equal(links_remove(world->links, 1, SPAN("aaa"), &stored), LINKS_MISSING);
    assert_int_equal(bucket_id(world, "aaa"), 0);
    assert_true(span_eq(held->bucket, SPAN("there"))); /* who reads goes on */
    link_release(held);
    reopen(world);
    assert_int_equal(links_list(world->links, 1, SPAN(""), &held, 1), 0);
}

static void commit(struct world *world, struct mutation mutation)
{
    assert_int_equal(storage_commit(world->fixture->storage, &mutation), STORAGE_OK);
}

/* The bucket goes first: the record alone is no link, nor is another bucket of that name. */
static void a_removal_cut_in_two_is_ended_at_the_start(void **state)
{
    struct world *world = *state;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(add(world, "aaa", 1, false), LINKS_OK);
        commit(world, (struct mutation){.kind = MUTATION_DELETE_BUCKET,
                          .bucket = {.id = bucket_id(world, "aaa"), .name = SPAN("aaa")}});
        if (again)
            commit(world, (struct mutation){.kind = MUTATION_CREATE_BUCKET,
                              .bucket = {.name = SPAN("aaa")},
                              .create_bucket = {.owner_id = 1, .region = SPAN("us-east-1")}});
        reopen(world);
        assert_false(is_link(world, "aaa"));
        reopen(world);
    }
    assert_int_not_equal(bucket_id(world, "aaa"), 0);
    assert_int_equal(add(world, "aaa", 1, false), LINKS_EXISTS);
}

/* A write that overtook the making of the link is not lost with it. */
static void a_bucket_that_is_not_empty_becomes_an_ordinary_one(void **state)
{
    struct world *world = *state;
    enum storage_err stored;
    assert_int_equal(add(world, "aaa", 1, false), LINKS_OK);
    uint64_t id = bucket_id(world, "aaa");
    commit(world, (struct mutation){.kind = MUTATION_PUT_OBJECT,
                      .bucket = {.id = id, .name = SPAN("aaa")},
                      .key = SPAN("k")});
    assert_int_equal(links_remove(world->links, 1, SPAN("aaa"), &stored), LINKS_OK);
    assert_int_equal(bucket_id(world, "aaa"), id);
    assert_false(is_link(world, "aaa"));
    reopen(world);
    assert_false(is_link(world, "aaa"));
}

static void secrets_are_sealed_anew(void **state)
{
    struct world *world = *state;
    char error[VAULT_ERROR_BYTES];
    size_t count = 0;
    assert_int_equal(add(world, "aaa", 1, true), LINKS_OK);
    assert_int_equal(add(world, "bbb", 1, false), LINKS_OK);
    assert_true(vault_add_key(world->fixture->vault, error));
    assert_true(links_reseal(world->links, &count));
    assert_int_equal(count, 1);
    assert_true(links_reseal(world->links, &count));
    assert_int_equal(count, 1);
    assert_true(vault_drop_old(world->fixture->vault, 0, error));
    reopen(world);
    const struct link *link = links_get(world->links, bucket_id(world, "aaa"));
    assert_non_null(link);
    assert_non_null(link->remote);
    link_release(link);
}

static void few_wait_at_once(void **state)
{
    struct world *world = *state;
    assert_true(links_enter(world->links));
    assert_true(links_enter(world->links));
    assert_false(links_enter(world->links));
    links_leave(world->links);
    assert_true(links_enter(world->links));
}

static void there_is_a_most_of_them(void **state)
{
    struct world *world = *state;
    char name[16];
    for (size_t i = 0; i < LINKS_MAX; i++) {
        snprintf(name, sizeof(name), "link-%zu", i);
        assert_int_equal(add(world, name, 1, false), LINKS_OK);
    }
    assert_int_equal(add(world, "one-more", 1, false), LINKS_TOO_MANY);
    assert_int_equal(bucket_id(world, "one-more"), 0);
    reopen(world);
    assert_true(is_link(world, "link-255"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(links_outlive_restarts),
        TEST(removed_links_are_gone),
        TEST(a_removal_cut_in_two_is_ended_at_the_start),
        TEST(a_bucket_that_is_not_empty_becomes_an_ordinary_one),
        TEST(secrets_are_sealed_anew),
        TEST(few_wait_at_once),
        TEST(there_is_a_most_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
