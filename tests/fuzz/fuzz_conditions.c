/* Lines: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, Range, copy source range.
 */
#include "conditions.h"
#include "fuzz.h"

static void check_ranges(struct span range, struct span copy_range)
{
    static const uint64_t sizes[] = {0, 1, 1000, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct byte_range part;
        bool is_range;
        if (range_parse(range, sizes[i], &is_range, &part) == S3_OK) {
            CHECK(part.offset <= sizes[i] && part.length <= sizes[i] - part.offset);
            CHECK(is_range ? part.length > 0 : part.length == sizes[i]);
        }
        if (copy_range_parse(copy_range, sizes[i], &part) == S3_OK)
            CHECK(part.offset <= sizes[i] && part.length <= sizes[i] - part.offset &&
                  part.length > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct header items[] = {{SPAN("If-Match"), SPAN_ABSENT}, {SPAN("If-None-Match"), SPAN_ABSENT},
        {SPAN("If-Modified-Since"), SPAN_ABSENT}, {SPAN("If-Unmodified-Since"), SPAN_ABSENT}};
    struct header_list headers = {items, ARRAY_LEN(items)};
    struct conditions conditions;
    struct etag etag = {{0}, 0};
    struct arena arena;
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        items[i].value = fuzz_line(&input);
    if (etag_parse(items[0].value, &etag)) {
        char text[ETAG_TEXT_BYTES];
        struct etag again;
        size_t len = etag_format(&etag, text);
        CHECK(len < sizeof(text) && etag_parse(span_of(text, len), &again));
        CHECK(etag_eq(&etag, &again));
    }
    arena_init(&arena, FUZZ_ARENA_BYTES);
    if (conditions_parse(&arena, &headers, SPAN(""), &conditions) == S3_OK) {
        enum s3_err err = conditions_check(&conditions, &etag, 1369353600, false);
        enum s3_err copy_err = conditions_check(&conditions, &etag, 1369353600, true);
        CHECK((err == S3_OK) == (copy_err == S3_OK));
        CHECK(copy_err == S3_OK || copy_err == S3_ERR_PRECONDITION_FAILED);
    }
    struct span range = fuzz_line(&input);
    check_ranges(range, fuzz_line(&input));
    arena_free(&arena);
    return 0;
}
