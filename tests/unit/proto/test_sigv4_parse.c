/* What is read of a signature, in headers or query; what is none; and the canonical form of what was signed. */
#include "sigv4_support.h"

#define REQUEST(uri, headers) "GET " uri " HTTP/1.1\nHost: h\n" headers
#define SIGNED "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=ab"
#define PRESIGNED(credential, date, expires, names)                                                \
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" credential "&X-Amz-Date=" date            \
    "&X-Amz-Expires=" expires "&X-Amz-SignedHeaders=" names "&X-Amz-Signature=ab"
#define GOOD_PRESIGNED PRESIGNED(SCOPE, "20130524T000000Z", "60", "host")

static const struct refusal {
    const char *text;
    enum s3_err err;
} refusals[] = {
    {REQUEST("/", ""), S3_OK},
    {REQUEST("/", "Authorization: AWS AKIA:c2ln\n"), S3_ERR_UNSUPPORTED_SIGNATURE},
    {REQUEST("/?AWSAccessKeyId=A&Signature=b&Expires=1", ""), S3_ERR_UNSUPPORTED_SIGNATURE},
    {REQUEST("/", "Authorization: AWS4-ECDSA-P256-SHA256 Credential=a\n"),
        S3_ERR_UNSUPPORTED_SIGNATURE},
    {REQUEST("/", "Authorization: Basic dXNlcjpwdw==\n"), S3_ERR_INVALID_ARGUMENT},
    {REQUEST("/", "Authorization: \n"), S3_ERR_INVALID_ARGUMENT},
    {REQUEST("/", AMZ "Authorization: " CREDENTIAL SIGNED "\nAuthorization: Basic a\n"),
        S3_ERR_INVALID_ARGUMENT},
    {REQUEST("/?" GOOD_PRESIGNED, AMZ "Authorization: " CREDENTIAL SIGNED "\n"),
        S3_ERR_INVALID_ARGUMENT},
    {REQUEST("/", "Authorization: AWS4-HMAC-SHA256\n" AMZ), S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: " CREDENTIAL "Signature=ab\n"),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: " CREDENTIAL "SignedHeaders=host\n"),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: " CREDENTIAL SIGNED ",Signature=ab\n"),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: " CREDENTIAL SIGNED ",Extra=ab\n"),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: " CREDENTIAL SIGNED ",,\n"),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST(
         "/", AMZ "Authorization: AWS4-HMAC-SHA256 Credential=AK/20130524/us-east-1/s3," SIGNED),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: AWS4-HMAC-SHA256 Credential="
                      "/20130524/us-east-1/s3/aws4_request," SIGNED),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: AWS4-HMAC-SHA256 Credential="
                      "AK/2013052/us-east-1/s3/aws4_request," SIGNED),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: AWS4-HMAC-SHA256 Credential="
                      "AK/2013052x/us-east-1/s3/aws4_request," SIGNED),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: AWS4-HMAC-SHA256 Credential="
                      "AK/20130524/us-east-1/s3/aws4_other," SIGNED),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: AWS4-HMAC-SHA256 Credential="
                      "AK/20130523/us-east-1/s3/aws4_request," SIGNED),
        S3_ERR_AUTHORIZATION_HEADER_MALFORMED},
    {REQUEST("/", AMZ "Authorization: " CREDENTIAL "SignedHeaders=x-amz-content-sha256;x-amz-date,"
                      "Signature=ab\n"),
        S3_ERR_ACCESS_DENIED},
    {REQUEST("/", AMZ "x-amz-acl: public-read\nAuthorization: " CREDENTIAL SIGNED "\n"),
        S3_ERR_ACCESS_DENIED},
    {REQUEST("/", AMZ "x-amzn-trace-id: 1\nAuthorization: " CREDENTIAL SIGNED "\n"),
        S3_ERR_SIGNATURE_DOES_NOT_MATCH},
    {REQUEST("/", "x-amz-content-sha256: UNSIGNED-PAYLOAD\nAuthorization: " CREDENTIAL SIGNED "\n"),
        S3_ERR_ACCESS_DENIED},
    {REQUEST("/", "x-amz-date: yesterday\nDate: Fri, 24 May 2013 00:00:00 GMT\n"
                  "x-amz-content-sha256: UNSIGNED-PAYLOAD\nAuthorization: " CREDENTIAL SIGNED "\n"),
        S3_ERR_ACCESS_DENIED},
    {REQUEST("/", "x-amz-date: 20130524T000000Z\nAuthorization: " CREDENTIAL SIGNED "\n"),
        S3_ERR_SIGNATURE_DOES_NOT_MATCH}, /* the header is optional, but it was named as signed */
    {REQUEST("/",
         "x-amz-date: 20130524T000000Z\nx-amz-content-sha256: abc\nAuthorization: " CREDENTIAL
             SIGNED "\n"),
        S3_ERR_INVALID_ARGUMENT},
    {REQUEST("/", "x-amz-content-sha256: STREAMING\n"), S3_ERR_INVALID_ARGUMENT},
    {REQUEST("/", "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\n"),
        S3_ERR_INVALID_REQUEST},
    {REQUEST("/", "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\n"), S3_OK},
    {REQUEST("/?" GOOD_PRESIGNED, ""), S3_ERR_SIGNATURE_DOES_NOT_MATCH},
    {REQUEST("/?" GOOD_PRESIGNED, "x-amz-meta-a: b\n"), S3_ERR_ACCESS_DENIED},
    {REQUEST("/?" GOOD_PRESIGNED "&X-Amz-Content-Sha256=" EMPTY_HASH,
         "x-amz-content-sha256: UNSIGNED-PAYLOAD\n"),
        S3_ERR_INVALID_ARGUMENT},
    {REQUEST("/?X-Amz-Algorithm=AWS4-HMAC-SHA256", ""),
        S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?X-Amz-Signature=ab", ""), S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?" PRESIGNED("AK", "20130524T000000Z", "60", "host"), ""),
        S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?" PRESIGNED(SCOPE, "2013-05-24", "60", "host"), ""),
        S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?" PRESIGNED(SCOPE, "20130525T000000Z", "60", "host"), ""),
        S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?" PRESIGNED(SCOPE, "20130524T000000Z", "604800", "host"), ""),
        S3_ERR_SIGNATURE_DOES_NOT_MATCH},
    {REQUEST("/?" PRESIGNED(SCOPE, "20130524T000000Z", "604801", "host"), ""),
        S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?" PRESIGNED(SCOPE, "20130524T000000Z", "99999999999999999999", "host"), ""),
        S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?" PRESIGNED(SCOPE, "20130524T000000Z", "0", "host"), ""),
        S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?" PRESIGNED(SCOPE, "20130524T000000Z", "-1", "host"), ""),
        S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?" PRESIGNED(SCOPE, "20130524T000000Z", "1h", "host"), ""),
        S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR},
    {REQUEST("/?" PRESIGNED(SCOPE, "20130524T000000Z", "60", "range"), ""), S3_ERR_ACCESS_DENIED},
};

static void refusals_have_their_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        enum s3_err err = judge_now(refusals[i].text);
        if (err != refusals[i].err)
            fail_msg("%s\nexpected %s (%d), got %s (%d)", refusals[i].text,
                s3_err_info(refusals[i].err)->code, (int)refusals[i].err, s3_err_info(err)->code,
                (int)err);
    }
}

static struct sigv4_auth parse_auth(struct arena *arena, const char *text)
{
    struct text_request request;
    struct sigv4_auth auth;
    const char *detail = NULL;
    assert_true(text_request_parse(arena, span_str(text), &request));
    enum s3_err err = sigv4_parse(&request.target, &request.headers, &auth, &detail);
    if (err != S3_OK)
        fail_msg("%s: %s", text, detail);
    return auth;
}

static void fields_are_read(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct sigv4_auth auth = parse_auth(&arena,
        REQUEST("/", "Date: Fri, 24 May 2013 00:00:00 GMT\nX-Amz-Security-Token: tok\n"
                     "Authorization: AWS4-HMAC-SHA256  Signature=ab , Credential=a/b/20130524/r/s3/"
                     "aws4_request ,SignedHeaders=Host;X-Amz-Security-Token;x-amz-content-sha256\n"
                     "X-Amz-Content-SHA256: " EMPTY_HASH "\n"));
    assert_int_equal(auth.kind, SIGV4_HEADER);
    assert_true(span_eq(auth.access_key, SPAN("a/b")));
    assert_true(span_eq(auth.region, SPAN("r")));
    assert_true(span_eq(auth.session_token, SPAN("tok")));
    assert_false(span_present(auth.timestamp));
    assert_int_equal(auth.time_s, EXAMPLE_TIME_S);
    assert_int_equal(auth.payload, SIGV4_PAYLOAD_HASH);
    assert_int_equal(sigv4_check_time(&auth, EXAMPLE_TIME_S), S3_OK);
    struct span to_sign = sigv4_string_to_sign(&arena, &auth, SPAN("x"));
    assert_true(span_starts(to_sign, SPAN("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/r/s3/")));

    auth = parse_auth(&arena,
        REQUEST("/?" GOOD_PRESIGNED "&X-Amz-Security-Token=t%2Fk&X-Amz-Content-Sha256=" EMPTY_HASH,
            ""));
    assert_int_equal(auth.kind, SIGV4_PRESIGNED);
    assert_true(span_eq(auth.session_token, SPAN("t/k")));
    assert_int_equal(auth.payload, SIGV4_PAYLOAD_HASH);
    assert_int_equal(auth.expires_s, 60);
    assert_int_equal(
        parse_auth(&arena, REQUEST("/?" GOOD_PRESIGNED, "")).payload, SIGV4_PAYLOAD_UNSIGNED);

    auth = parse_auth(&arena,
        REQUEST("/", "x-amz-date: 20130524T000000Z\nx-amz-security-token: t\n"
                     "Authorization: AWS4-HMAC-SHA256 Credential=AK/20130524/r/sts/aws4_request,"
                     "SignedHeaders=host;x-amz-date,Signature=ab\n"));
    assert_int_equal(auth.payload, SIGV4_PAYLOAD_HASH);
    assert_false(span_present(auth.payload_sha256_hex));
    arena_free(&arena);
}

/* However a client writes the same path and query, what is signed is the same. */
static void canonical_forms(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *path, *query;
    } cases[] = {
        {"/b/a=b!(c)*'d", "/b/a%3Db%21%28c%29%2A%27d", ""},
        {"/b/a%3db%21%28c%29%2a%27d", "/b/a%3Db%21%28c%29%2A%27d", ""},
        {"/b//x/./../y/", "/b//x/./../y/", ""},
        {"/b/%7E~%2D-", "/b/~~--", ""},
        {"/b/a+b", "/b/a%2Bb", ""},
        {"/b?b=2&a=2&a=1&a", "/b", "a=&a=1&a=2&b=2"},
        {"/b?prefix=a+b%2B&x=%7e", "/b", "prefix=a%20b%2B&x=~"},
        {"/b?a%2Fb=/&a-=1&a=0", "/b", "a=0&a%2Fb=%2F&a-=1"},
        {"/b?X-Amz-Signature=q&acl", "/b", "X-Amz-Signature=q&acl="},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct target target;
        arena_init(&arena, 1 << 20);
        struct sigv4_auth auth = {.kind = SIGV4_HEADER,
            .service = SPAN("s3"),
            .signed_headers = SPAN("host"),
            .payload_sha256_hex = SPAN("P")};
        struct header host = {SPAN("HOST"), SPAN("h:90")};
        struct header_list headers = {&host, 1};
        assert_int_equal(
            target_parse(&arena, span_str(cases[i].uri), SPAN_ABSENT, NULL, 0, &target), S3_OK);
        struct span canonical =
            sigv4_canonical_request(&arena, SPAN("GET"), &target, &headers, &auth, false);
        struct span expected = arena_format(
            &arena, "GET\n%s\n%s\nhost:h:90\n\nhost\nP", cases[i].path, cases[i].query);
        if (!span_eq(canonical, expected))
            fail_msg("%s:\n%.*s", cases[i].uri, SPAN_ARG(canonical));
        arena_free(&arena);
    }
}

static void canonical_headers(void **state)
{
    (void)state;
    struct arena arena;
    struct target target;
    arena_init(&arena, 1 << 20);
    struct sigv4_auth auth = {.service = SPAN("s3"),
        .signed_headers = SPAN("x-b;Host;x-a;missing;x-a"),
        .payload_sha256_hex = SPAN("P")};
    const struct header items[] = {{SPAN("X-A"), SPAN(" 1 \t 2  3 ")}, {SPAN("host"), SPAN("h")},
        {SPAN("x-a"), SPAN("")}, {SPAN("x-A"), SPAN("4")}, {SPAN("X-B"), SPAN("\"a  b\"")}};
    struct header_list headers = {items, ARRAY_LEN(items)};
    assert_int_equal(target_parse(&arena, SPAN("/"), SPAN_ABSENT, NULL, 0, &target), S3_OK);
    struct span canonical =
        sigv4_canonical_request(&arena, SPAN("GET"), &target, &headers, &auth, false);
    struct span expected =
        SPAN("GET\n/\n\nhost:h\nmissing:\nx-a:1 2 3,,4\nx-b:\"a b\"\n\nhost;missing;x-a;x-b\nP");
    if (!span_eq(canonical, expected))
        fail_msg("%.*s", SPAN_ARG(canonical));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_have_their_codes),
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(canonical_forms),
        cmocka_unit_test(canonical_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
