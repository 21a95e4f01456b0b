/* access.c: which policy and which statement a decision is laid to. What is decided is in tests/vectors/policy. */
#include "access.h"

#include "cmocka_span.h"

static const struct policy_context nothing = {.now_s = 0};
static const struct policy_principal alice = {.kind = POLICY_USER,
    .account = {"111111111111", 12},
    .arn = {"arn:aws:iam::111111111111:user/alice", 36},
    .unique_id = {"AIDAALICEALICEALICE11", 21}};

static struct policy *compile(enum policy_kind kind, const char *text)
{
    struct policy_options options = {.kind = kind, .bucket = SPAN("lake")};
    char detail[POLICY_DETAIL_BYTES];
    struct policy *policy = NULL;
    if (!policy_compile(span_str(text), &options, &policy, detail))
        fail_msg("%s", detail);
    return policy;
}

static struct access_request asking(const char *action)
{
    return (struct access_request){
        .ask = {&alice, span_str(action), SPAN("arn:aws:s3:::lake/a"), &nothing, false},
        .resource_account = SPAN("111111111111")};
}

static void expect(const struct access_request *request, enum access_reason reason,
    const struct policy *by, size_t statement, bool allowed, bool explicit_deny)
{
    struct access_result result;
    memset(&result, 0x55, sizeof(result)); /* whatever was there */
    access_decide(request, &result);
    assert_int_equal(result.reason, reason);
    assert_ptr_equal(result.by, by);
    assert_int_equal(result.statement, statement);
    assert_int_equal(result.allowed, allowed);
    assert_int_equal(result.explicit_deny, explicit_deny);
}

static void names_what_decided(void **state)
{
    (void)state;
    struct policy *write = compile(POLICY_IDENTITY,
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:PutObject\",\"Resource\":\"*\"}]}");
    struct policy *read = compile(POLICY_IDENTITY,
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:List*\",\"Resource\":\"*\"},"
        "{\"Effect\":\"Allow\",\"Action\":\"s3:Get*\",\"Resource\":\"*\"},"
        "{\"Effect\":\"Deny\",\"Action\":\"s3:GetObjectAcl\",\"Resource\":\"*\"}]}");
    struct policy *bucket = compile(POLICY_BUCKET,
        "{\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:DeleteObject\","
        "\"Resource\":"
        "\"arn:aws:s3:::lake/*\"},{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"
        "\"arn:aws:iam::111111111111:user/alice\"},\"Action\":\"s3:PutObjectAcl\",\"Resource\":"
        "\"arn:aws:s3:::lake/*\"}]}");
    const struct policy *identity[] = {write, read};
    struct access_request request = asking("s3:GetObject");
    expect(&request, ACCESS_BY_NOTHING, NULL, 0, false, false);
    request.identity = (struct access_policies){identity, 2};
    request.resource = bucket;
    expect(&request, ACCESS_BY_IDENTITY, read, 1, true, false);
    request.ask.action = SPAN("s3:GetObjectAcl");
    expect(&request, ACCESS_BY_IDENTITY, read, 2, false, true);
    request.ask.action = SPAN("s3:DeleteObject");
    expect(&request, ACCESS_BY_RESOURCE, bucket, 0, false, true);
    request.ask.action = SPAN("s3:PutObjectAcl");
    expect(&request, ACCESS_BY_RESOURCE, bucket, 1, true, false);
    request.ask.action = SPAN("s3:GetObject");
    request.boundary = write;
    expect(&request, ACCESS_BY_BOUNDARY, write, 0, false, false);
    request.boundary = NULL;
    request.has_session = true;
    expect(&request, ACCESS_BY_SESSION, NULL, 0, false, false);
    request.session = (struct access_policies){&identity[1], 1};
    request.ask.action = SPAN("s3:GetObjectAcl");
    request.identity = (struct access_policies){identity, 1};
    expect(&request, ACCESS_BY_SESSION, read, 2, false, true);
    policy_free(write);
    policy_free(read);
    policy_free(bucket);
}

/* Every combination of what the sides can say, without explicit denies: the rules once more, as formulas. */
static void combines_as_the_rules_say(void **state)
{
    (void)state;
    static const char *const named[] = {"\"*\"",
        "{\"AWS\":\"arn:aws:iam::111111111111:user/alice\"}", "{\"AWS\":\"111111111111\"}",
        "{\"AWS\":\"222222222222\"}"};
    struct policy *allow = compile(POLICY_IDENTITY,
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:Get*\",\"Resource\":\"*\"}]}");
    struct policy *other = compile(POLICY_IDENTITY,
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:Put*\",\"Resource\":\"*\"}]}");
    const struct policy *yes = allow, *no = other;
    for (unsigned bits = 0; bits < 64; bits++) {
        bool identity = bits & 1, boundary = bits & 2, limited = bits & 4, session = bits & 8;
        bool has_session = bits & 16, cross = bits & 32;
        for (size_t i = 0; i <= ARRAY_LEN(named); i++) {
            char text[300];
            struct policy *bucket = NULL;
            struct access_request request = asking("s3:GetObject");
            struct access_result result;
            if (i < ARRAY_LEN(named)) {
                snprintf(text, sizeof(text),
                    "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":%s,\"Action\":\"s3:"
                    "GetObject\","
                    "\"Resource\":\"arn:aws:s3:::lake/*\"}}",
                    named[i]);
                bucket = compile(POLICY_BUCKET, text);
            }
            request.identity = (struct access_policies){identity ? &yes : &no, 1};
            request.boundary = limited ? (boundary ? yes : no) : NULL;
            request.session = (struct access_policies){session ? &yes : &no, 1};
            request.has_session = has_session;
            request.session.count = has_session;
            request.resource = bucket;
            request.resource_account = cross ? SPAN("333333333333") : SPAN("111111111111");
            bool within = (!limited || boundary) && (!has_session || session);
            bool direct = i == 0 || i == 1, delegated = i == 2;
            bool expected = cross ? identity && within && (direct || delegated)
                                  : direct || (identity && within);
            access_decide(&request, &result);
            if (result.allowed != expected || result.explicit_deny)
                fail_msg("bits %u, principal %zu", bits, i);
            policy_free(bucket);
        }
    }
    policy_free(allow);
    policy_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_decided),
        cmocka_unit_test(combines_as_the_rules_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
