/* Line 1: Host; the rest: a request target. */
#include "fuzz.h"
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
    arena_free(&arena);
    return 0;
}
