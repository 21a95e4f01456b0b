/* Line 1: Host; the rest: a request target, and tags as x-amz-tagging has them, which are such a query. */
#include "fuzz.h"
#include "tags.h"
#include "target.h"

static void check_target(const struct target *target)
{
    CHECK(span_present(target->path) && target->path.len > 0 && span_is_utf8(target->path));
    CHECK(target->scope == TARGET_CONTROL ||
          span_present(target->bucket) == (target->scope != TARGET_SERVICE));
    CHECK(span_present(target->control) == (target->scope == TARGET_CONTROL));
    CHECK(span_present(target->key) == (target->scope == TARGET_OBJECT));
    CHECK(target->scope != TARGET_OBJECT || target->key.len > 0);
    CHECK(span_find_char(target->path, '\0', 0) == SIZE_MAX);
    CHECK(target->query.count <= QUERY_PARAMS_MAX);
    for (size_t i = 0; i < target->query.count; i++) {
        const struct query_param *param = &target->query.params[i];
        CHECK(span_present(param->name) && span_is_utf8(param->name) && span_is_utf8(param->value));
        CHECK(span_present(param->value) == span_present(param->raw_value));
        CHECK(query_find(&target->query, param->name) != NULL);
    }
}

static void check_tags(struct arena *arena, struct span text)
{
    struct tags tags = {NULL, 77}, again;
    struct tags_fault fault;
    struct buf written;
    enum s3_err err = tags_from_query(arena, text, &tags, &fault);
    if (err != S3_OK) {
        CHECK(tags.count == 77 && (fault.message != NULL) == (err != S3_ERR_INTERNAL));
        CHECK(err != S3_ERR_INTERNAL || arena->overflow);
        return;
    }
    CHECK(tags.count <= TAGS_OBJECT_MAX);
    for (size_t i = 0; i < tags.count; i++) {
        CHECK(span_is_utf8(tags.items[i].key) && span_is_utf8(tags.items[i].value));
        CHECK(tags.items[i].key.len > 0 && span_present(tags.items[i].value));
        CHECK(span_find_char(tags.items[i].key, '\n', 0) == SIZE_MAX &&
              span_find_char(tags.items[i].value, '\n', 0) == SIZE_MAX);
    }
    buf_init(&written, FUZZ_ARENA_BYTES);
    tags_write_query(&written, &tags);
    err = tags_from_query(arena, buf_span(&written), &again, &fault);
    CHECK(err == S3_OK || arena->overflow);
    CHECK(err != S3_OK || again.count == tags.count);
    for (size_t i = 0; err == S3_OK && i < tags.count; i++)
        CHECK(span_eq(again.items[i].key, tags.items[i].key) &&
              span_eq(again.items[i].value, tags.items[i].value));
    buf_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span domains[] = {SPAN("s3.local"), SPAN("local")};
    struct span input = span_of(data, size);
    struct span host = fuzz_line(&input);
    struct target target;
    struct arena arena;
    arena_init(&arena, size % 7 == 0 ? 512 : FUZZ_ARENA_BYTES);
    enum s3_err err = target_parse(&arena, input, host, domains, ARRAY_LEN(domains), &target);
    if (err == S3_OK)
        check_target(&target);
    else
        CHECK(err == S3_ERR_INVALID_URI || (err == S3_ERR_INTERNAL && arena.overflow));
    check_tags(&arena, input);
    arena_free(&arena);
    return 0;
}
