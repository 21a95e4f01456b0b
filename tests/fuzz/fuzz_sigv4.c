/* Line 1: a request target; then "name:value" lines. Header-signed and presigned, and presigned by version
 * 2. */
#include "fuzz.h"
#include "sigv2.h"

static size_t read_headers(struct span *input, struct header *items)
{
    size_t count = 0;
    while (span_present(*input) && count < HEADERS_MAX) {
        struct span line = fuzz_line(input);
        size_t colon = span_find_char(line, ':', 0);
        if (colon == SIZE_MAX || colon == 0)
            continue;
        items[count++] =
            (struct header){span_first(line, colon), span_trim(span_from(line, colon + 1))};
    }
    return count;
}

static void verify(struct arena *arena, struct sigv4_key_cache *cache, const struct target *target,
    const struct header_list *headers, struct sigv4_auth *auth)
{
    struct span canonical = SPAN_ABSENT, to_sign = SPAN_ABSENT;
    uint8_t key[SHA256_BYTES];
    char signature[SIGV4_HEX_BYTES + 1];
    enum s3_err err = sigv4_verify(arena, cache, SPAN("GET"), target, headers, auth, SPAN("secret"),
        key, &canonical, &to_sign);
    CHECK(err == S3_OK || err == S3_ERR_SIGNATURE_DOES_NOT_MATCH ||
          (err == S3_ERR_INTERNAL && arena->overflow));
    if (err == S3_ERR_INTERNAL)
        return;
    CHECK(span_starts(canonical, SPAN("GET\n/")));
    /* What was computed is what verifies. */
    sigv4_sign(key, to_sign, signature);
    auth->signature = span_of(signature, SIGV4_HEX_BYTES);
    err = sigv4_verify(arena, cache, SPAN("GET"), target, headers, auth, SPAN("secret"), key,
        &canonical, &to_sign);
    CHECK(err == S3_OK || (err == S3_ERR_INTERNAL && arena->overflow));
}

static void verify_version_2(
    struct arena *arena, const struct target *target, const struct header_list *headers)
{
    struct sigv4_auth auth;
    const char *detail = NULL;
    struct span to_sign = SPAN_ABSENT;
    enum s3_err err = sigv2_parse(target, headers, &auth, &detail);
    if (err != S3_OK) {
        CHECK(err == S3_ERR_INVALID_ARGUMENT || err == S3_ERR_ACCESS_DENIED);
        return;
    }
    CHECK(auth.kind == SIGV4_PRESIGNED);
    err = sigv2_verify(arena, SPAN("GET"), target, headers, &auth, SPAN("secret"), 0, &to_sign);
    CHECK(err == S3_OK || err == S3_ERR_SIGNATURE_DOES_NOT_MATCH || err == S3_ERR_REQUEST_EXPIRED ||
          (err == S3_ERR_INTERNAL && arena->overflow));
    if (err == S3_ERR_SIGNATURE_DOES_NOT_MATCH)
        CHECK(span_starts(to_sign, SPAN("GET\n")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct header items[HEADERS_MAX];
    static struct sigv4_key_cache *cache;
    struct span input = span_of(data, size);
    struct span uri = fuzz_line(&input);
    struct header_list headers = {items, read_headers(&input, items)};
    struct target target;
    struct sigv4_auth auth;
    const char *detail = NULL;
    struct arena arena;
    if (cache == NULL)
        cache = sigv4_key_cache_new();
    arena_init(&arena, size % 7 == 0 ? 1024 : FUZZ_ARENA_BYTES);
    if (target_parse(&arena, uri, SPAN_ABSENT, NULL, 0, &target) == S3_OK) {
        if (sigv2_is_presigned(&target.query))
            verify_version_2(&arena, &target, &headers);
        enum s3_err err = sigv4_parse(&target, &headers, &auth, &detail);
        CHECK((err == S3_OK) == (detail == NULL));
        if (err == S3_OK) {
            (void)!sigv4_check_time(&auth, 1369353600);
            (void)!sigv4_check_time(&auth, 0);
        }
        if (err == S3_OK && auth.kind != SIGV4_ANONYMOUS)
            verify(&arena, cache, &target, &headers, &auth);
    }
    arena_free(&arena);
    return 0;
}
