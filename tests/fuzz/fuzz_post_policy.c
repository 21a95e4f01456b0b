/* First line: field names and values, separated by '&' and '='. The rest is a policy's JSON. */
#include "base/encode.h"
#include "fuzz.h"
#include "post_policy.h"

enum { FIELDS_MAX = 32 };

static size_t read_fields(struct span line, struct form_field fields[static FIELDS_MAX])
{
    struct span item;
    size_t count = 0;
    while (count < FIELDS_MAX && span_split(&line, '&', &item)) {
        size_t equals = span_find_char(item, '=', 0);
        struct span name = span_first(item, equals);
        fields[count++] = (struct form_field){.name = span_present(name) ? name : SPAN(""),
            .value = equals == SIZE_MAX ? SPAN("") : span_from(item, equals + 1)};
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size), detail = SPAN_ABSENT;
    struct form_field fields[FIELDS_MAX];
    struct post_policy policy;
    struct arena arena;
    struct buf text = {0};
    size_t count = read_fields(fuzz_line(&input), fields);
    arena_init(&arena, FUZZ_ARENA_BYTES);
    buf_init(&text, FUZZ_ARENA_BYTES);
    base64_encode(&text, span_present(input) ? input : SPAN(""));
    enum s3_err err = post_policy_parse(&arena, buf_span(&text), &policy, &detail);
    CHECK(err == S3_OK || err == S3_ERR_INVALID_POLICY_DOCUMENT || err == S3_ERR_INTERNAL);
    if (err == S3_OK) {
        CHECK(policy.count <= POST_POLICY_CONDITIONS_MAX);
        enum s3_err checked = post_policy_check(
            &arena, &policy, fields, count, SPAN("bkt"), policy.expires_ms - 1, &detail);
        CHECK(checked == S3_OK ||
              (checked == S3_ERR_ACCESS_DENIED && (span_present(detail) || arena.overflow)));
        CHECK(post_policy_check(&arena, &policy, fields, count, SPAN("bkt"), policy.expires_ms,
                  &detail) == S3_ERR_ACCESS_DENIED);
        /* A field that nothing names is never let through. */
        if (checked == S3_OK && count < FIELDS_MAX) {
            fields[count].name = SPAN("a-name-that-no-policy-has");
            fields[count].value = SPAN("");
            bool named = false;
            for (size_t i = 0; i < policy.count; i++)
                named |= span_eq_nocase(policy.conditions[i].field, fields[count].name);
            checked = post_policy_check(
                &arena, &policy, fields, count + 1, SPAN("bkt"), policy.expires_ms - 1, &detail);
            CHECK(named || checked == S3_ERR_ACCESS_DENIED);
        }
    }
    buf_free(&text);
    arena_free(&arena);
    return 0;
}
