/* The published SigV4 test suite, a folder a case. It is not part of this repository: its place is
 * given by LAKEGATE_SIGV4_VECTORS, else ../shared/vectors/sigv4 is tried. */
#include "base/encode.h"
#include "request_text.h"

#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { FILE_MAX_BYTES = 65536, CASES_MAX = 256 };

static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

static const char *vectors_folder(void)
{
    const char *given = getenv("LAKEGATE_SIGV4_VECTORS");
    return given ? given : "../shared/vectors/sigv4";
}

static struct span read_text(
    struct arena *arena, const char *folder, const char *prefix, const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s%s", folder, prefix, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    char *text = arena_alloc(arena, FILE_MAX_BYTES);
    size_t len = fread(text, 1, FILE_MAX_BYTES, file);
    (void)fclose(file);
    assert_true(len < FILE_MAX_BYTES);
    return span_of(text, len);
}

/* The suite's signer added the token after it had signed; that is no part of the signed query. */
static void drop_token(struct query *query)
{
    size_t kept = 0;
    for (size_t i = 0; i < query->count; i++)
        if (!span_eq(query->params[i].name, SPAN("X-Amz-Security-Token")))
            query->params[kept++] = query->params[i];
    query->count = kept;
}

static void assert_same(
    const char *folder, const char *what, struct span actual, struct span expected)
{
    if (!span_eq(actual, expected))
        fail_msg("%s: %s\nexpected:\n%.*s\ngot:\n%.*s", folder, what, SPAN_ARG(expected),
            SPAN_ARG(actual));
}

static void check_case(const char *folder, const char *prefix)
{
    struct arena arena;
    struct text_request request;
    struct sigv4_auth auth;
    const char *detail = "";
    uint8_t key[SHA256_BYTES], hash[SHA256_BYTES];
    char signature[SIGV4_HEX_BYTES + 1], hash_hex[SIGV4_HEX_BYTES + 1];
    arena_init(&arena, 1 << 20);
    struct span context = read_text(&arena, folder, "", "context.json");
    bool normalize = span_find(context, SPAN("\"normalize\": true"), 0) != SIZE_MAX;
    if (!text_request_parse(
            &arena, read_text(&arena, folder, prefix, "signed-request.txt"), &request))
        fail_msg("%s: no request", folder);
    if (span_find(context, SPAN("\"omit_session_token\": true"), 0) != SIZE_MAX)
        drop_token(&request.target.query);
    if (sigv4_parse(&request.target, &request.headers, &auth, &detail) != S3_OK)
        fail_msg("%s: %s", folder, detail);
    assert_int_equal(auth.kind, prefix[0] == 'h' ? SIGV4_HEADER : SIGV4_PRESIGNED);
    assert_int_equal(sigv4_check_time(&auth, auth.time_s + 5), S3_OK);
    sha256_of(request.body, hash);
    hex_encode(hash, sizeof(hash), hash_hex);
    if (!span_present(auth.payload_sha256_hex))
        auth.payload_sha256_hex = span_str(hash_hex);
    struct span canonical = sigv4_canonical_request(
        &arena, request.method, &request.target, &request.headers, &auth, normalize);
    assert_same(folder, "canonical request", canonical,
        read_text(&arena, folder, prefix, "canonical-request.txt"));
    struct span to_sign = sigv4_string_to_sign(&arena, &auth, canonical);
    assert_same(
        folder, "string to sign", to_sign, read_text(&arena, folder, prefix, "string-to-sign.txt"));
    sigv4_signing_key(span_str(secret), auth.date, auth.region, auth.service, key);
    sigv4_sign(key, to_sign, signature);
    assert_same(folder, "signature", span_str(signature),
        read_text(&arena, folder, prefix, "signature.txt"));
    assert_same(folder, "signature as sent", auth.signature, span_str(signature));
    arena_free(&arena);
}

static void published_vectors(void **state)
{
    (void)state;
    struct dirent *entry;
    size_t checked = 0;
    DIR *folder = opendir(vectors_folder());
    if (folder == NULL) {
        print_message("no folder %s: the published vectors were not checked\n", vectors_folder());
        return;
    }
    while ((entry = readdir(folder)) != NULL && checked < CASES_MAX) {
        char path[PATH_MAX];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", vectors_folder(), entry->d_name);
        check_case(path, "header-");
        check_case(path, "query-");
        checked++;
    }
    (void)closedir(folder);
    print_message("%zu published vectors checked, each in header and query form\n", checked);
    assert_true(checked > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
