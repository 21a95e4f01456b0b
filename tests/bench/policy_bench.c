/* How long does a decision take?  policy_bench [MILLIONS OF DECISIONS]
 * A bucket policy of 20 statements and three identity policies, as a shared lake has them; several requests,
 * of which some meet the last statement and some none. One line for each. */
#include "access.h"

#include <time.h>

enum { STATEMENTS = 20, IDENTITY_POLICIES = 3, TEXT_BYTES = 32768 };

static double now_s(void)
{
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static const struct policy *compile(enum policy_kind kind, const char *text)
{
    char detail[POLICY_DETAIL_BYTES];
    struct policy *policy = NULL;
    struct policy_options options = {.kind = kind, .bucket = SPAN("lake")};
    if (!policy_compile(span_str(text), &options, &policy, detail)) {
        fprintf(stderr, "%s\n%s\n", detail, text);
        exit(1);
    }
    return policy;
}

/* Teams that read and write their prefixes, each with a condition; the last statement denies without TLS. */
static const struct policy *bucket_policy(void)
{
    static char text[TEXT_BYTES];
    size_t len =
        (size_t)snprintf(text, sizeof(text), "{\"Version\":\"2012-10-17\",\"Statement\":[");
    for (int i = 0; i < STATEMENTS - 1; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
            "{\"Sid\":\"Team%d\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":["
            "\"arn:aws:iam::111111111111:role/team-%d\",\"arn:aws:iam::111111111111:user/"
            "lead-%d\"]},"
            "\"Action\":[\"s3:GetObject\",\"s3:PutObject\",\"s3:DeleteObject\"],"
            "\"Resource\":\"arn:aws:s3:::lake/%s/team-%d/*\","
            "\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":[\"10.0.0.0/8\",\"192.168.0.0/16\"]},"
            "\"StringLike\":{\"aws:PrincipalTag/project\":[\"lake-*\",\"all\"]}}},",
            i, i, i, i % 2 ? "trusted" : "raw", i);
    snprintf(text + len, sizeof(text) - len,
        "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":"
        "[\"arn:aws:s3:::lake\",\"arn:aws:s3:::lake/*\"],"
        "\"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}}]}");
    return compile(POLICY_BUCKET, text);
}

static const char *const identity_texts[IDENTITY_POLICIES] = {
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:"
    "ListBucket\","
    "\"s3:GetBucketLocation\"],\"Resource\":\"arn:aws:s3:::lake\",\"Condition\":{\"StringLike\":"
    "{\"s3:prefix\":[\"\",\"home/${aws:username}/*\",\"shared/"
    "*\"]}}},{\"Effect\":\"Allow\",\"Action\":"
    "\"s3:*Object\",\"Resource\":\"arn:aws:s3:::lake/home/${aws:username}/*\"}]}",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:Get*\","
    "\"Resource\":"
    "[\"arn:aws:s3:::lake/refined/*\",\"arn:aws:s3:::lake/shared/"
    "*.parquet\"]},{\"Effect\":\"Deny\","
    "\"Action\":\"s3:DeleteObject*\",\"Resource\":\"arn:aws:s3:::lake/refined/*\"}]}",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"glue:*\","
    "\"athena:*\"],"
    "\"Resource\":\"*\"},{\"Effect\":\"Deny\",\"Action\":\"s3:PutObject\",\"Resource\":\"*\","
    "\"Condition\":"
    "{\"StringNotEqualsIfExists\":{\"s3:x-amz-server-side-encryption\":\"AES256\"},\"Null\":"
    "{\"s3:x-amz-server-side-encryption\":\"false\"}}}]}",
};

static const struct {
    const char *what, *action, *resource;
    bool allowed;
} asks[] = {
    {"own folder", "s3:GetObject", "arn:aws:s3:::lake/home/lead-18/2026/05/part-0001.parquet",
        true},
    {"team's prefix, last team", "s3:PutObject", "arn:aws:s3:::lake/raw/team-18/2026/05/x.csv",
        true},
    {"another team's prefix", "s3:GetObject", "arn:aws:s3:::lake/raw/team-2/2026/05/x.csv", false},
    {"refined", "s3:GetObject", "arn:aws:s3:::lake/refined/daily/part-0001.parquet", true},
    {"refined, deleting", "s3:DeleteObject", "arn:aws:s3:::lake/refined/daily/part-0001.parquet",
        false},
    {"listing", "s3:ListBucket", "arn:aws:s3:::lake", true},
};

static void set(struct policy_context *context, enum policy_key key, const struct span *value)
{
    context->keys[key] = (struct policy_values){value, 1};
}

int main(int argc, char **argv)
{
    static const struct span ip = {"10.20.30.40", 11}, tls = {"true", 4}, name = {"lead-18", 7},
                             prefix = {"shared/x", 8};
    static const struct policy_tag tag = {{"project", 7}, {"lake-2026", 9}};
    static const struct policy_principal principal = {.kind = POLICY_USER,
        .account = {"111111111111", 12},
        .arn = {"arn:aws:iam::111111111111:user/lead-18", 38},
        .unique_id = {"AIDALEAD18LEAD18LEAD1", 21}};
    static struct policy_context context;
    const struct policy *identity[IDENTITY_POLICIES], *bucket = bucket_policy();
    double millions = argc > 1 ? strtod(argv[1], NULL) : 1;
    uint64_t count = (uint64_t)(millions * 1e6);
    for (size_t i = 0; i < IDENTITY_POLICIES; i++)
        identity[i] = compile(POLICY_IDENTITY, identity_texts[i]);
    set(&context, POLICY_KEY_AWS_SOURCE_IP, &ip);
    set(&context, POLICY_KEY_AWS_SECURE_TRANSPORT, &tls);
    set(&context, POLICY_KEY_AWS_USERNAME, &name);
    set(&context, POLICY_KEY_S3_PREFIX, &prefix);
    context.tags[POLICY_TAGS_PRINCIPAL].items = &tag;
    context.tags[POLICY_TAGS_PRINCIPAL].count = 1;
    printf("bucket policy: %zu statements, %zu bytes compiled\n", policy_statement_count(bucket),
        policy_bytes(bucket));
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        struct access_request request = {.resource_account = SPAN("111111111111"),
            .identity = {identity, IDENTITY_POLICIES},
            .resource = bucket};
        struct access_result result;
        request.ask = (struct policy_request){.principal = &principal,
            .action = span_str(asks[i].action),
            .resource = span_str(asks[i].resource),
            .context = &context};
        double began = now_s();
        for (uint64_t j = 0; j < count; j++)
            access_decide(&request, &result);
        double took = now_s() - began;
        if (result.allowed != asks[i].allowed)
            return fprintf(stderr, "%s: decided wrongly\n", asks[i].what), 1;
        printf("%-26s %7.0f ns\n", asks[i].what, took / (double)count * 1e9);
    }
    return 0;
}
