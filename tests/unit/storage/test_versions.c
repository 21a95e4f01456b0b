/* Versions: what each versioning state makes of puts and deletes, against a model that keeps a
 * plain list. */
#include "engine_support.h"

enum { STEPS = 600, KEYS = 4, MODEL_MAX = 700 };

struct model_version {
    struct version version;
    bool is_marker;
    char content[32];
};

/* Oldest first. */
struct model_key {
    struct span key;
    size_t count;
    struct model_version versions[MODEL_MAX];
};

static struct model_key model[KEYS];

static void model_remove(struct model_key *key, size_t at)
{
    memmove(&key->versions[at], &key->versions[at + 1],
        (key->count - at - 1) * sizeof(key->versions[0]));
    key->count--;
}

static void model_write(struct model_key *key, struct model_version version)
{
    for (size_t i = 0; version.version.is_null && i < key->count; i++)
        if (key->versions[i].version.is_null) {
            model_remove(key, i);
            break;
        }
    key->versions[key->count++] = version;
}

static void check_key(struct bucket_ref bucket, const struct model_key *key)
{
    struct object_info info;
    struct version_ref null_ref = null_version;
    bool any_null = false;
    if (key->count == 0) {
        assert_int_equal(get(bucket, key->key, newest_version, &info), STORAGE_NO_SUCH_KEY);
        return;
    }
    const struct model_version *top = &key->versions[key->count - 1];
    assert_int_equal(get(bucket, key->key, newest_version, &info),
        top->is_marker ? STORAGE_DELETE_MARKER : STORAGE_OK);
    assert_int_equal(info.version.sequence, top->version.sequence);
    for (size_t i = 0; i < key->count; i++) {
        const struct model_version *v = &key->versions[i];
        enum storage_err wanted = v->is_marker ? STORAGE_DELETE_MARKER : STORAGE_OK;
        assert_int_equal(get(bucket, key->key, exactly(v->version), &info), wanted);
        assert_int_equal(info.is_newest, i + 1 == key->count);
        assert_int_equal(info.version.is_null, v->version.is_null);
        struct version_ref guessed = exactly(v->version);
        guessed.random ^= 1;
        assert_int_equal(get(bucket, key->key, guessed, &info), STORAGE_NO_SUCH_VERSION);
        if (v->version.is_null) {
            any_null = true;
            assert_int_equal(get(bucket, key->key, null_ref, &info), wanted);
            assert_int_equal(info.version.sequence, v->version.sequence);
        }
        if (!v->is_marker && i % 7 == 0)
            check_bytes(bucket, key->key, exactly(v->version), span_str(v->content));
    }
    if (!any_null)
        assert_int_equal(get(bucket, key->key, null_ref, &info), STORAGE_NO_SUCH_VERSION);
}

static void check_all(struct bucket_ref bucket)
{
    uint64_t objects = 0, bytes = 0;
    for (size_t k = 0; k < KEYS; k++) {
        check_key(bucket, &model[k]);
        for (size_t i = 0; i < model[k].count; i++) {
            const struct model_version *v = &model[k].versions[i];
            objects += !v->is_marker;
            bytes += v->is_marker ? 0 : strlen(v->content);
        }
    }
    check_counters(bucket, objects, bytes, 0);
    check_tallies();
}

static void step_put(struct bucket_ref bucket, struct model_key *key, int step)
{
    struct model_version version = {0};
    /* some with a blob, some inside the record, some with long metadata */
    static char metadata[600];
    snprintf(version.content, sizeof(version.content), "content %d of it", step);
    struct mutation m = put_of(bucket, key->key, span_str(version.content));
    memset(metadata, 'm', sizeof(metadata));
    m.put.attributes.metadata = span_of(metadata, (size_t)(step % 4) * 200);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    version.version = m.result.version;
    model_write(key, version);
}

static void step_delete(struct bucket_ref bucket, struct model_key *key, enum versioning versioning)
{
    struct object_info info = delete_version(bucket, key->key, newest_version);
    if (versioning != VERSIONING_OFF) {
        assert_true(info.is_delete_marker);
        model_write(key, (struct model_version){.version = info.version, .is_marker = true});
        return;
    }
    assert_int_equal(info.version.sequence != 0, key->count > 0);
    key->count = 0;
}

static void step_delete_version(struct bucket_ref bucket, struct model_key *key, bool null)
{
    size_t at = key->count ? (size_t)rand() % key->count : 0;
    for (size_t i = 0; null && i < key->count; i++)
        if (key->versions[i].version.is_null)
            at = i;
    if (key->count == 0 || (null && !key->versions[at].version.is_null)) {
        assert_int_equal(delete_version(bucket, key->key, null_version).version.sequence, 0);
        return;
    }
    struct object_info info =
        delete_version(bucket, key->key, null ? null_version : exactly(key->versions[at].version));
    assert_int_equal(info.version.sequence, key->versions[at].version.sequence);
    assert_int_equal(info.is_delete_marker, key->versions[at].is_marker);
    model_remove(key, at);
}

static void test_versions_agree_with_a_list(void **state)
{
    (void)state;
    static char long_key[1000];
    memset(long_key, 'l', sizeof(long_key));
    struct bucket_ref bucket = make_bucket("versions");
    enum versioning versioning = VERSIONING_OFF;
    const struct span keys[KEYS] = {
        SPAN("a"), SPAN("a/b"), span_of(long_key, sizeof(long_key)), span_of(long_key, 481)};
    for (size_t k = 0; k < KEYS; k++)
        model[k] = (struct model_key){.key = keys[k]};
    srand(7);
    for (int step = 0; step < STEPS; step++) {
        struct model_key *key = &model[rand() % KEYS];
        if (step >= 60 && step % 40 == 0) {
            versioning = step % 80 == 0 ? VERSIONING_ON : VERSIONING_SUSPENDED;
            assert_int_equal(set_versioning(bucket, versioning), STORAGE_OK);
        }
        int action = rand() % 8;
        if (action < 4)
            step_put(bucket, key, step);
        else if (action < 6)
            step_delete(bucket, key, versioning);
        else
            step_delete_version(bucket, key, action == 6);
        check_key(bucket, key);
        if (step % 50 == 0)
            check_all(bucket);
    }
    store_reopen();
    check_all(bucket);
    for (size_t k = 0; k < KEYS; k++)
        while (model[k].count > 0)
            step_delete_version(bucket, &model[k], false);
    check_all(bucket);
    struct mutation gone = {.kind = MUTATION_DELETE_BUCKET, .bucket = bucket};
    assert_int_equal(storage_commit(store, &gone), STORAGE_OK);
}

static void test_versioning_is_never_off_again(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("switch");
    assert_int_equal(set_versioning(bucket, VERSIONING_OFF), STORAGE_OK);
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    assert_int_equal(bucket_info_of(bucket).versioning, VERSIONING_ON);
    assert_int_equal(set_versioning(bucket, VERSIONING_OFF), STORAGE_INVALID);
    assert_int_equal(set_versioning(bucket, VERSIONING_SUSPENDED), STORAGE_OK);
    assert_int_equal(set_versioning(bucket, (enum versioning)3), STORAGE_INVALID);
}

static void test_a_marker_is_absent_to_conditions(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("marker");
    set_versioning(bucket, VERSIONING_ON);
    put(bucket, SPAN("k"), SPAN("v"));
    delete_version(bucket, SPAN("k"), newest_version);
    struct mutation m = put_of(bucket, SPAN("k"), SPAN("w"));
    m.if_match = (struct etag_list){.present = true, .any = true};
    assert_int_equal(storage_commit(store, &m), STORAGE_NO_SUCH_KEY);
    m = put_of(bucket, SPAN("k"), SPAN("w"));
    m.if_none_match = (struct etag_list){.present = true, .any = true};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    check_bytes(bucket, SPAN("k"), newest_version, SPAN("w"));
    struct mutation gone = {.kind = MUTATION_DELETE_BUCKET, .bucket = bucket};
    assert_int_equal(storage_commit(store, &gone), STORAGE_BUCKET_NOT_EMPTY);
    check_counters(bucket, 2, 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_versions_agree_with_a_list, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_versioning_is_never_off_again, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_marker_is_absent_to_conditions, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
