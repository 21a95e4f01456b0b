/* A Query API's form: every parameter is read by its row, as a text, a number, a list and tags. */
#include "daemon/query_params.h"
#include "fuzz.h"

static void check_sorted(const struct query_params *params)
{
    const struct query *sorted = &params->sorted;
    CHECK(sorted->count <= QUERY_FORM_PARAMS_MAX);
    for (size_t i = 0; i < sorted->count; i++) {
        struct span name = sorted->params[i].name;
        CHECK(span_is_utf8(name) && span_is_utf8(sorted->params[i].value));
        CHECK(i == 0 || span_cmp(sorted->params[i - 1].name, name) < 0);
        CHECK(span_present(params_raw(params, name)));
    }
}

/* Nothing is complained of without words, and no complaint leaves the bounds. */
static void check_verdict(const struct query_params *params)
{
    struct span detail = SPAN_ABSENT;
    enum s3_err err = params_check(params, &detail);
    CHECK(err == S3_OK || err == S3_ERR_VALIDATION_ERROR || err == S3_ERR_INVALID_INPUT ||
          (err == S3_ERR_INTERNAL && params->arena->overflow));
    CHECK(err == S3_OK || err == S3_ERR_INTERNAL || (detail.len > 0 && span_is_utf8(detail)));
    CHECK(params->complaint_count == 0 || err != S3_OK);
}

static void read_all(struct query_params *params)
{
    for (enum query_param_id id = 0; id < PARAMS; id++) {
        struct query_params fresh = {.arena = params->arena, .sorted = params->sorted};
        const struct span *items = NULL;
        struct span text = param_text(&fresh, id);
        CHECK(!span_present(text) || fresh.complaint_count == 0);
        CHECK(span_present(param_required(&fresh, id)) == span_present(text));
        size_t count = param_list(&fresh, id, 3, &items);
        CHECK(count <= 3 && (count == 0 || items != NULL));
        for (size_t i = 0; i < count; i++)
            CHECK(span_present(items[i]));
        check_verdict(&fresh);
    }
}

static void read_tags(struct query_params *params)
{
    const struct policy_tag *tags = NULL;
    size_t count = param_tags(params, &tags);
    CHECK(count <= QUERY_TAGS_MAX && (count == 0 || tags != NULL));
    for (size_t i = 0; i < count; i++) {
        CHECK(tags[i].name.len > 0 && span_present(tags[i].value));
        for (size_t other = 0; other < i; other++)
            CHECK(!span_eq_nocase(tags[i].name, tags[other].name));
    }
    check_verdict(params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query_params params;
    struct arena arena;
    arena_init(&arena, size % 7 == 0 ? 2048 : FUZZ_ARENA_BYTES);
    enum s3_err err = params_read(&arena, span_of(data, size), &params);
    if (err == S3_OK) {
        check_sorted(&params);
        read_all(&params);
        read_tags(&params);
        CHECK(params_members(&params, SPAN("ContextEntries"), 100) <= 100);
    } else {
        CHECK(err == S3_ERR_MALFORMED_QUERY_STRING || (err == S3_ERR_INTERNAL && arena.overflow));
    }
    arena_free(&arena);
    return 0;
}
