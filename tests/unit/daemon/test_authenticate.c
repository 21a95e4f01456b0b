/* Is everyone who signs rightly let in, and everyone else refused with the code that clients expect? */
#include "base/encode.h"
#include "daemon/authenticate.h"
#include "daemon/credentials.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "http_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define ACCESS_KEY "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
enum { NOW_S = 1700000000, FIELDS_MAX = 8 };

static struct daemon gate;

static int open_gate(void **state)
{
    (void)state;
    struct credentials *credentials = NULL;
    char error[256];
    if (!credentials_open("/", SPAN(ACCESS_KEY), SPAN(SECRET), &credentials, error, sizeof(error)))
        return -1;
    gate.credentials = credentials;
    gate.identities = identities_new(NULL, NULL, credentials, NULL);
    gate.key_cache = sigv4_key_cache_new();
    gate.region = SPAN("us-east-1");
    return gate.key_cache != NULL && gate.identities != NULL ? 0 : -1;
}

static int close_gate(void **state)
{
    (void)state;
    identities_free(gate.identities);
    credentials_free((struct credentials *)gate.credentials);
    sigv4_key_cache_free(gate.key_cache);
    return 0;
}

struct signer {
    const char *access_key, *secret, *region;
    int64_t time_s;
    bool with_token;
};
static const struct signer good = {ACCESS_KEY, SECRET, "us-east-1", NOW_S, false};

static void begin(struct request *request, const char *target)
{
    request_init(request, &gate);
    request->received_ms = (int64_t)NOW_S * 1000;
    request->method_text = SPAN("GET");
    request->raw_target = span_str(target);
    assert_int_equal(target_parse(&request->arena, request->raw_target, SPAN("localhost"), NULL, 0,
                         &request->target),
        S3_OK);
}

/* A request signed by header. */
static enum s3_err signed_by(struct request *request, const struct signer *signer)
{
    begin(request, "/bucket/key?versionId=null");
    struct header *fields = arena_array(&request->arena, struct header, FIELDS_MAX);
    char date[AMZ_TIME_BYTES];
    amz_time_format(signer->time_s, date);
    size_t count = 0;
    fields[count++] = (struct header){SPAN("Host"), SPAN("localhost")};
    fields[count++] =
        (struct header){SPAN("x-amz-date"), arena_copy(&request->arena, span_str(date))};
    fields[count++] = (struct header){SPAN("x-amz-content-sha256"), SPAN("UNSIGNED-PAYLOAD")};
    if (signer->with_token)
        fields[count++] = (struct header){SPAN("X-Amz-Security-Token"), SPAN("token")};
    request->headers = (struct header_list){fields, count};
    struct span value = sigv4_authorization(&request->arena, request->method_text, &request->target,
        &request->headers, span_str(signer->access_key), span_str(signer->secret),
        span_str(signer->region), SPAN("s3"));
    assert_true(span_present(value));
    fields[count++] = (struct header){SPAN("Authorization"), value};
    request->headers.count = count;
    return authenticate(request);
}

static bool has_field(const struct request *request, const char *xml)
{
    return span_find(request->err_fields, span_str(xml), 0) != SIZE_MAX;
}

static void test_root_is_let_in(void **state)
{
    (void)state;
    struct request request;
    assert_int_equal(signed_by(&request, &good), S3_OK);
    assert_int_equal(request.principal.kind, PRINCIPAL_ROOT);
    assert_int_equal(request.principal.account_id, ROOT_ACCOUNT_ID);
    request_free(&request);
}

static void test_nobody_is_a_principal(void **state)
{
    (void)state;
    struct request request;
    begin(&request, "/bucket/key");
    assert_int_equal(authenticate(&request), S3_OK);
    assert_int_equal(request.principal.kind, PRINCIPAL_ANONYMOUS);
    request_free(&request);
}

static void test_wrong_secret_is_explained(void **state)
{
    (void)state;
    struct request request;
    struct signer signer = good;
    signer.secret = "another secret";
    assert_int_equal(signed_by(&request, &signer), S3_ERR_SIGNATURE_DOES_NOT_MATCH);
    assert_int_equal(request.principal.kind, PRINCIPAL_ANONYMOUS);
    assert_true(has_field(&request, "<AWSAccessKeyId>" ACCESS_KEY "</AWSAccessKeyId>"));
    assert_true(has_field(&request, "<StringToSign>AWS4-HMAC-SHA256\n"));
    assert_true(has_field(&request, "<StringToSignBytes>41 57 53 34 2d "));
    assert_true(has_field(&request, "<CanonicalRequest>GET\n/bucket/key\nversionId=null\n"));
    assert_true(has_field(&request, "<CanonicalRequestBytes>47 45 54 0a "));
    assert_true(has_field(&request, "<SignatureProvided>"));
    assert_false(has_field(&request, SECRET));
    request_free(&request);
}

static void test_refusals_have_their_codes(void **state)
{
    (void)state;
    struct {
        struct signer signer;
        enum s3_err expected;
        const char *field;
    } cases[] = {
        {good, S3_ERR_INVALID_ACCESS_KEY_ID, "<AWSAccessKeyId>AKIDOTHER</AWSAccessKeyId>"},
        {good, S3_ERR_AUTHORIZATION_HEADER_MALFORMED, "<Region>us-east-1</Region>"},
        {good, S3_ERR_INVALID_TOKEN, ""},
        {good, S3_ERR_REQUEST_TIME_TOO_SKEWED, ""},
        {good, S3_ERR_REQUEST_TIME_TOO_SKEWED, ""},
        {good, S3_OK, ""},
        {good, S3_OK, ""},
    };
    cases[0].signer.access_key = "AKIDOTHER";
    cases[1].signer.region = "eu-west-1";
    cases[2].signer.with_token = true;
    cases[3].signer.time_s = NOW_S - 15 * 60 - 1;
    cases[4].signer.time_s = NOW_S + 15 * 60 + 1;
    cases[5].signer.time_s = NOW_S - 15 * 60;
    cases[6].signer.time_s = NOW_S + 15 * 60;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request request;
        assert_int_equal(signed_by(&request, &cases[i].signer), cases[i].expected);
        assert_int_equal(request.err, cases[i].expected);
        assert_true(cases[i].field[0] == '\0' || has_field(&request, cases[i].field));
        request_free(&request);
    }
}

/* A presigned request, its signature computed with the published stages. */
static enum s3_err presigned(struct request *request, const char *scope, int64_t time_s)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    char date[AMZ_TIME_BYTES], hex[SIGV4_HEX_BYTES + 1] = "";
    amz_time_format(time_s, date);
    for (int round = 0; round < 2; round++) {
        struct arena text;
        arena_init(&text, 64 * 1024);
        struct span target = arena_format(&text,
            "/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" ACCESS_KEY
            "%%2F%.8s%%2F%s%%2Faws4_request&X-Amz-Date=%s&X-Amz-Expires=60"
            "&X-Amz-SignedHeaders=host&X-Amz-Signature=%s",
            date, scope, date, round == 0 ? zeros : hex);
        begin(request, target.ptr);
        struct header *fields = arena_array(&request->arena, struct header, 1);
        fields[0] = (struct header){SPAN("host"), SPAN("localhost")};
        request->headers = (struct header_list){fields, 1};
        enum s3_err err = S3_OK;
        if (round == 0) {
            const char *detail = NULL;
            uint8_t key[SHA256_BYTES];
            assert_int_equal(
                sigv4_parse(&request->target, &request->headers, &request->auth, &detail), S3_OK);
            struct span canonical = sigv4_canonical_request(&request->arena, request->method_text,
                &request->target, &request->headers, &request->auth, false);
            sigv4_signing_key(
                SPAN(SECRET), request->auth.date, request->auth.region, request->auth.service, key);
            sigv4_sign(key, sigv4_string_to_sign(&request->arena, &request->auth, canonical), hex);
            request_free(request);
        } else {
            err = authenticate(request);
        }
        arena_free(&text);
        if (round == 1)
            return err;
    }
    return S3_ERR_INTERNAL;
}

static void test_presigned(void **state)
{
    (void)state;
    static const struct {
        const char *scope;
        int64_t time_s;
        enum s3_err expected;
    } cases[] = {
        {"us-east-1%2Fs3", NOW_S - 30, S3_OK},
        {"us-east-1%2Fs3", NOW_S - 61, S3_ERR_REQUEST_EXPIRED},
        {"eu-west-1%2Fs3", NOW_S - 30, S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
        {"us-east-1%2Fiam", NOW_S - 30, S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request request;
        assert_int_equal(presigned(&request, cases[i].scope, cases[i].time_s), cases[i].expected);
        request_free(&request);
    }
}

static void test_keys_from_outside_are_checked(void **state)
{
    (void)state;
    static const struct {
        struct span access_key, secret;
    } cases[] = {
        {SPAN("AKID"), SPAN("")},
        {SPAN(""), SPAN("long enough")},
        {SPAN("AB"), SPAN("long enough")},
        {SPAN("AKID"), SPAN("short")},
        {SPAN("AK/ID"), SPAN("long enough")},
        {SPAN("AK ID"), SPAN("long enough")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct credentials *credentials = NULL;
        char error[256] = "";
        assert_false(credentials_open(
            "/nowhere", cases[i].access_key, cases[i].secret, &credentials, error, sizeof(error)));
        assert_null(credentials);
        assert_string_not_equal(error, "");
    }
}

static void test_keys_are_made_once_and_kept_private(void **state)
{
    (void)state;
    char dir[] = "/tmp/lakegate-keys-XXXXXX", path[64], error[256];
    assert_non_null(mkdtemp(dir));
    struct credentials *first = NULL, *second = NULL;
    assert_true(credentials_open(dir, SPAN_ABSENT, SPAN_ABSENT, &first, error, sizeof(error)));
    assert_true(credentials_are_new(first));
    assert_true(credentials_open(dir, SPAN_ABSENT, SPAN_ABSENT, &second, error, sizeof(error)));
    assert_false(credentials_are_new(second));
    assert_true(span_eq(credentials_access_key(first), credentials_access_key(second)));
    assert_true(span_eq(credentials_secret_key(first), credentials_secret_key(second)));
    assert_true(span_eq(
        credentials_find(first, credentials_access_key(second)), credentials_secret_key(second)));
    assert_false(span_present(credentials_find(first, SPAN("other"))));
    snprintf(path, sizeof(path), "%s/root-credentials", dir);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    credentials_free(second);
    second = NULL;

    assert_int_equal(chmod(path, 0644), 0);
    assert_false(credentials_open(dir, SPAN_ABSENT, SPAN_ABSENT, &second, error, sizeof(error)));
    assert_non_null(strstr(error, "chmod 600"));
    credentials_free(first);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_is_let_in),
        cmocka_unit_test(test_nobody_is_a_principal),
        cmocka_unit_test(test_wrong_secret_is_explained),
        cmocka_unit_test(test_refusals_have_their_codes),
        cmocka_unit_test(test_presigned),
        cmocka_unit_test(test_keys_from_outside_are_checked),
        cmocka_unit_test(test_keys_are_made_once_and_kept_private),
    };
    return cmocka_run_group_tests(tests, open_gate, close_gate);
}
