/* Line 1: a listing token; the rest: a copy source, a key and a bucket name. */
#include "fuzz.h"
#include "names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct span token = fuzz_line(&input), after;
    struct copy_source source;
    struct arena arena;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    if (token_decode(&arena, token, &after) == S3_OK)
        CHECK(span_present(after));
    struct span made = token_encode(&arena, token);
    if (span_present(made))
        CHECK(token_decode(&arena, made, &after) == S3_OK && span_eq(after, token));
    if (copy_source_parse(&arena, input, &source) == S3_OK) {
        CHECK(source.bucket.len > 0 && source.key.len > 0);
        CHECK(span_find_char(source.bucket, '/', 0) == SIZE_MAX);
    }
    if (key_check(input) == S3_OK)
        CHECK(input.len > 0 && input.len <= KEY_MAX_BYTES && span_is_utf8(input));
    if (bucket_name_valid(input))
        CHECK(input.len >= BUCKET_NAME_MIN_BYTES && input.len <= BUCKET_NAME_MAX_BYTES);
    arena_free(&arena);
    return 0;
}
