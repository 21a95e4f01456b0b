/* ACLs and object ownership: what is kept and shown, what is refused, and whom it lets in.
 * src: Amazon S3 User Guide, "Access control list (ACL) overview", "Controlling ownership of objects" */
#include "daemon/acl.h"
#include "daemon/config.h"
#include "daemon/ops/object_exists.h"
#include "tests/ops/support_object.h"

#define ALL_USERS "http://acs.amazonaws.com/groups/global/AllUsers"
#define AUTHENTICATED_USERS "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
#define LOG_DELIVERY "http://acs.amazonaws.com/groups/s3/LogDelivery"
#define ROOT_ID "21b64d07f8c0933ae81b157b61ef7ed828bd4b5d8e664ed60cef4fa5e664b7ce"
#define ANONYMOUS_ID "65a011a29cdf8ec533ec3d1ccaae921c"

static const struct config legacy = {.new_buckets = NEW_BUCKETS_LEGACY};
static const struct config open_ones = {.new_buckets = NEW_BUCKETS_OPEN};

static const struct principal root = {
    .kind = PRINCIPAL_ROOT, .access_key = SPAN("AKIATEST"), .account_id = ROOT_ACCOUNT_ID};
static const struct principal other = {
    .kind = PRINCIPAL_ROOT, .access_key = SPAN("AKIAOTHER"), .account_id = 2};
static const struct principal anonymous = {.kind = PRINCIPAL_ANONYMOUS};

/* Buckets without a public access block, whose objects belong to their writers. */
static int legacy_world(void **state)
{
    int err = world_make(state);
    ((struct world *)*state)->daemon.config = &legacy;
    return err;
}

static int status_as(
    struct world *world, struct principal who, const char *line, const char *headers)
{
    world->principal = who;
    REPLY reply = world_send(world, line, headers, SPAN(""));
    world->principal = root;
    return reply.status;
}

/* "grantee:PERMISSION …", the grantee the owner, another account, or the last word of a group's URI. */
static void assert_grants(struct world *world, const char *line, const char *expected)
{
    struct buf text CLEANUP(buf_free) = {0};
    REPLY reply = world_send(world, line, NULL, SPAN(""));
    assert_status(reply, 200);
    struct span owner = reply_element(&reply, "ID", 0);
    size_t ids = 1, uris = 0;
    buf_init(&text, 4096);
    for (size_t i = 0; i < reply_count(&reply, "Permission"); i++) {
        struct span rest = reply.body;
        for (size_t skip = 0, at = 0; skip <= i; skip++, at++) {
            at = span_find(reply.body, SPAN("<Grantee"), at);
            rest = span_from(reply.body, at);
        }
        buf_add(&text, i > 0 ? SPAN(" ") : SPAN(""));
        if (span_find(span_first(rest, 100), SPAN("\"Group\""), 0) != SIZE_MAX) {
            struct span uri = reply_element(&reply, "URI", uris++);
            size_t last = uri.len;
            while (last > 0 && uri.ptr[last - 1] != '/')
                last--;
            buf_add(&text, span_from(uri, last));
        } else {
            struct span id = reply_element(&reply, "ID", ids++);
            buf_add(&text, span_eq(id, owner) ? SPAN("owner") : SPAN("other"));
        }
        buf_add_char(&text, ':');
        buf_add(&text, reply_element(&reply, "Permission", i));
    }
    buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, expected);
}

static const struct {
    const char *headers;
    const char *bucket, *object; /* grants; NULL: refused with InvalidArgument */
} canned_cases[] = {
    {"x-amz-acl: private", "owner:FULL_CONTROL", "owner:FULL_CONTROL"},
    {"x-amz-acl: public-read", "owner:FULL_CONTROL AllUsers:READ",
        "owner:FULL_CONTROL AllUsers:READ"},
    {"x-amz-acl: public-read-write", "owner:FULL_CONTROL AllUsers:READ AllUsers:WRITE",
        "owner:FULL_CONTROL AllUsers:READ AllUsers:WRITE"},
    {"x-amz-acl: authenticated-read", "owner:FULL_CONTROL AuthenticatedUsers:READ",
        "owner:FULL_CONTROL AuthenticatedUsers:READ"},
    {"x-amz-acl: aws-exec-read", "owner:FULL_CONTROL", "owner:FULL_CONTROL"},
    {"x-amz-acl: bucket-owner-read", "owner:FULL_CONTROL", "owner:FULL_CONTROL"},
    {"x-amz-acl: bucket-owner-full-control", "owner:FULL_CONTROL", "owner:FULL_CONTROL"},
    {"x-amz-acl: log-delivery-write", "owner:FULL_CONTROL LogDelivery:WRITE LogDelivery:READ_ACP",
        NULL},
    {"x-amz-acl: everything", NULL, NULL},
    {"x-amz-acl: ", NULL, NULL},
    {"x-amz-grant-read: uri=\"" ALL_USERS "\"", "AllUsers:READ", "AllUsers:READ"},
    {"x-amz-grant-full-control: id=" ROOT_ID "\nx-amz-grant-read-acp: uri=" AUTHENTICATED_USERS
     " , URI=\"" ALL_USERS "\"",
        "owner:FULL_CONTROL AuthenticatedUsers:READ_ACP AllUsers:READ_ACP",
        "owner:FULL_CONTROL AuthenticatedUsers:READ_ACP AllUsers:READ_ACP"},
    {"x-amz-grant-write-acp: uri=\"" LOG_DELIVERY "\"", "LogDelivery:WRITE_ACP",
        "LogDelivery:WRITE_ACP"},
    {"x-amz-grant-read: id=\"unknown\"", NULL, NULL},
    {"x-amz-grant-read: uri=\"http://acs.amazonaws.com/groups/global/Nobody\"", NULL, NULL},
    {"x-amz-grant-read: everybody", NULL, NULL},
    {"x-amz-grant-read: id=", NULL, NULL},
    {"x-amz-grant-read: ", NULL, NULL},
};

static void test_headers(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bkt", NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(canned_cases); i++) {
        char line[64];
        snprintf(line, sizeof(line), "PUT /bucket-%zu", i);
        REPLY made = world_send(world, line, canned_cases[i].headers, SPAN(""));
        REPLY changed = world_send(world, "PUT /bkt?acl", canned_cases[i].headers, SPAN(""));
        snprintf(line, sizeof(line), "GET /bucket-%zu?acl", i);
        if (canned_cases[i].bucket == NULL) {
            assert_code(made, 400, "InvalidArgument");
            assert_code(changed, 400, "InvalidArgument");
        } else {
            assert_grants(world, line, canned_cases[i].bucket);
            assert_grants(world, "GET /bkt?acl", canned_cases[i].bucket);
        }
        REPLY put = world_send(world, "PUT /bkt/object", canned_cases[i].headers, SPAN("x"));
        if (canned_cases[i].object == NULL) {
            assert_code(put, 400, "InvalidArgument");
            continue;
        }
        assert_grants(world, "GET /bkt/object?acl", canned_cases[i].object);
        world_do(world, "PUT /bkt/object", NULL, "y");
        assert_grants(world, "GET /bkt/object?acl", "owner:FULL_CONTROL");
        world_do(world, "PUT /bkt/object?acl", canned_cases[i].headers, NULL);
        assert_grants(world, "GET /bkt/object?acl", canned_cases[i].object);
        REPLY copied =
            world_send(world, "PUT /bkt/copy", "x-amz-copy-source: bkt/object", SPAN(""));
        assert_status(copied, 200);
        assert_grants(world, "GET /bkt/copy?acl", "owner:FULL_CONTROL");
    }
    world_do(world, "PUT /bkt/kept",
        "x-amz-acl: public-read\nx-amz-meta-a: b\nContent-Type: text/x", "z");
    world_reopen(world);
    assert_grants(world, "GET /bkt/kept?acl", "owner:FULL_CONTROL AllUsers:READ");
    REPLY kept = world_send(world, "GET /bkt/kept", NULL, SPAN(""));
    assert_header(kept, "x-amz-meta-a", "b");
    assert_header(kept, "Content-Type", "text/x");
}

static void test_changing_an_acl_changes_nothing_else(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bkt", NULL, NULL);
    world_do(world, "PUT /bkt/a", "x-amz-meta-a: b\nCache-Control: no-cache", "content");
    REPLY before = world_send(world, "GET /bkt/a", NULL, SPAN(""));
    world_do(world, "PUT /bkt/a?acl", "x-amz-acl: public-read", NULL);
    REPLY after = world_send(world, "GET /bkt/a", NULL, SPAN(""));
    assert_true(span_eq(before.body, after.body));
    static const char *const names[] = {"ETag", "Last-Modified", "x-amz-meta-a", "Cache-Control"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(span_eq(reply_header(&before, names[i]), reply_header(&after, names[i])));
    REPLY missing = world_send(world, "PUT /bkt/nothing?acl", "x-amz-acl: private", SPAN(""));
    assert_code(missing, 404, "NoSuchKey");
}

#define POLICY(owner, grants)                                                                      \
    "<AccessControlPolicy><Owner><ID>" owner "</ID></Owner><AccessControlList>" grants             \
    "</AccessControlList></AccessControlPolicy>"
#define GRANT(grantee, permission)                                                                 \
    "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "                     \
    "xsi:type=\"Group\">" grantee "</Grantee><Permission>" permission "</Permission></Grant>"

static void test_documents(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *headers, *body;
        int status;
        const char *code, *grants;
    } cases[] = {
        {NULL,
            POLICY(ROOT_ID, GRANT("<ID>" ROOT_ID "</ID>", "FULL_CONTROL")
                                GRANT("<URI>" ALL_USERS "</URI>", "READ")),
            200, NULL, "owner:FULL_CONTROL AllUsers:READ"},
        {NULL, POLICY(ROOT_ID, ""), 200, NULL, ""},
        {NULL, POLICY(ROOT_ID, GRANT("<ID>" ANONYMOUS_ID "</ID>", "READ")), 200, NULL,
            "other:READ"},
        {NULL, NULL, 400, "MissingSecurityHeader", NULL},
        {NULL, "x", 400, "MalformedACLError", NULL},
        {NULL, "<AccessControlPolicy/>", 400, "MalformedACLError", NULL},
        {NULL, "<AccessControlPolicy><AccessControlList/></AccessControlPolicy>", 400,
            "MalformedACLError", NULL},
        {NULL, POLICY("", ""), 400, "MalformedACLError", NULL},
        {NULL, POLICY(ANONYMOUS_ID, ""), 403, "AccessDenied", NULL},
        {NULL, POLICY(ROOT_ID, "<Grant/>"), 400, "MalformedACLError", NULL},
        {NULL, POLICY(ROOT_ID, GRANT("<ID>" ROOT_ID "</ID>", "EVERYTHING")), 400,
            "MalformedACLError", NULL},
        {NULL, POLICY(ROOT_ID, GRANT("", "READ")), 400, "MalformedACLError", NULL},
        {NULL, POLICY(ROOT_ID, GRANT("<ID>" ROOT_ID "</ID><URI>" ALL_USERS "</URI>", "READ")), 400,
            "MalformedACLError", NULL},
        {NULL, POLICY(ROOT_ID, GRANT("<ID>nobody</ID>", "READ")), 400, "InvalidArgument", NULL},
        {NULL, POLICY(ROOT_ID, GRANT("<URI>http://x</URI>", "READ")), 400, "InvalidArgument", NULL},
        {NULL, POLICY(ROOT_ID, GRANT("<EmailAddress>a@b.c</EmailAddress>", "READ")), 400,
            "UnresolvableGrantByEmailAddress", NULL},
        {"x-amz-acl: private", POLICY(ROOT_ID, ""), 400, "UnexpectedContent", NULL},
        {"x-amz-acl: private\nx-amz-grant-read: uri=" ALL_USERS, NULL, 400, "InvalidRequest", NULL},
        {"x-amz-grant-read: emailAddress=\"a@b.c\"", NULL, 400, "UnresolvableGrantByEmailAddress",
            NULL},
    };
    world_do(world, "PUT /bkt", NULL, NULL);
    world_do(world, "PUT /bkt/a", NULL, "x");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static const char *const lines[][2] = {
            {"PUT /bkt?acl", "GET /bkt?acl"}, {"PUT /bkt/a?acl", "GET /bkt/a?acl"}};
        for (size_t l = 0; l < ARRAY_LEN(lines); l++) {
            REPLY reply = world_send(world, lines[l][0], cases[i].headers,
                cases[i].body ? span_str(cases[i].body) : SPAN(""));
            if (cases[i].code != NULL)
                assert_code(reply, cases[i].status, cases[i].code);
            else
                assert_grants(world, lines[l][1], cases[i].grants);
        }
    }
}

static void test_grants_are_counted(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bkt", NULL, NULL);
    for (size_t count = ACL_GRANTS_MAX; count <= ACL_GRANTS_MAX + 1; count++) {
        struct buf text CLEANUP(buf_free) = {0};
        buf_init(&text, 1024 * 1024);
        buf_add_lit(
            &text, "<AccessControlPolicy><Owner><ID>" ROOT_ID "</ID></Owner><AccessControlList>");
        for (size_t i = 0; i < count; i++)
            buf_add_lit(&text, GRANT("<ID>" ROOT_ID "</ID>", "READ_ACP"));
        buf_add_lit(&text, "</AccessControlList></AccessControlPolicy>");
        REPLY reply = world_send(world, "PUT /bkt?acl", NULL, buf_span(&text));
        assert_status(reply, count <= ACL_GRANTS_MAX ? 200 : 400);
    }
    REPLY got = world_send(world, "GET /bkt?acl", NULL, SPAN(""));
    assert_int_equal(reply_count(&got, "Permission"), ACL_GRANTS_MAX);
}

static void test_whom_grants_let_in(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bkt", NULL, NULL);
    world_do(world, "PUT /bkt/private", NULL, "x");
    world_do(world, "PUT /bkt/public", "x-amz-acl: public-read", "x");
    world_do(world, "PUT /bkt/known", "x-amz-acl: authenticated-read", "x");
    world_do(world, "PUT /bkt/acp", "x-amz-grant-read-acp: uri=" ALL_USERS, "x");
    world_do(world, "PUT /bkt/wacp", "x-amz-grant-write-acp: uri=" ALL_USERS, "x");
    static const struct {
        const char *line;
        int anonymous, other;
    } cases[] = {
        {"GET /bkt", 403, 403},
        {"GET /bkt?acl", 403, 403},
        {"GET /bkt/private", 403, 403},
        {"GET /bkt/public", 200, 200},
        {"HEAD /bkt/public", 200, 200},
        {"GET /bkt/public?acl", 403, 403},
        {"PUT /bkt/public", 403, 403},
        {"DELETE /bkt/public", 403, 403},
        {"GET /bkt/known", 403, 200},
        {"GET /bkt/acp", 403, 403},
        {"GET /bkt/acp?acl", 200, 200},
        {"GET /bkt/wacp?acl", 403, 403},
        {"GET /bkt/missing", 403, 403},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(status_as(world, anonymous, cases[i].line, NULL), cases[i].anonymous);
        assert_int_equal(status_as(world, other, cases[i].line, NULL), cases[i].other);
        assert_true(status_as(world, root, cases[i].line, NULL) != 403);
        world_do(world, "PUT /bkt/public", "x-amz-acl: public-read", "x");
    }
    assert_int_equal(
        status_as(world, anonymous, "PUT /bkt/wacp?acl", "x-amz-acl: public-read"), 200);
    assert_int_equal(status_as(world, anonymous, "GET /bkt/wacp", NULL), 200);

    world_do(world, "PUT /bkt?acl", "x-amz-acl: public-read", NULL);
    assert_int_equal(status_as(world, anonymous, "GET /bkt", NULL), 200);
    assert_int_equal(status_as(world, anonymous, "GET /bkt?versions", NULL), 200);
    assert_int_equal(status_as(world, anonymous, "GET /bkt/missing", NULL), 404);
    assert_int_equal(status_as(world, anonymous, "GET /bkt/private", NULL), 403);
    assert_int_equal(status_as(world, anonymous, "PUT /bkt/new", NULL), 403);
    assert_int_equal(status_as(world, anonymous, "PUT /bkt?acl", "x-amz-acl: private"), 403);
}

static void test_writers_own_what_they_write(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bkt", "x-amz-acl: public-read-write", NULL);
    world_do(world, "PUT /bkt/mine", NULL, "x");
    assert_int_equal(status_as(world, other, "PUT /bkt/theirs", NULL), 200);
    assert_int_equal(
        status_as(world, other, "PUT /bkt/shared", "x-amz-acl: bucket-owner-read"), 200);
    assert_int_equal(
        status_as(world, other, "PUT /bkt/given", "x-amz-acl: bucket-owner-full-control"), 200);
    assert_int_equal(status_as(world, anonymous, "PUT /bkt/nobodys", NULL), 200);
    assert_int_equal(
        status_as(world, anonymous, "PUT /bkt/nobodys-open", "x-amz-acl: public-read"), 200);
    static const struct {
        const char *line;
        int root, other, anonymous;
    } cases[] = {
        {"GET /bkt/theirs", 403, 200, 403},
        {"GET /bkt/theirs?acl", 403, 200, 403},
        {"GET /bkt/shared", 200, 200, 403},
        {"GET /bkt/shared?acl", 403, 200, 403},
        {"GET /bkt/given", 200, 200, 403},
        {"GET /bkt/given?acl", 200, 200, 403},
        {"GET /bkt/nobodys", 403, 403, 403},
        {"GET /bkt/nobodys-open", 200, 200, 200},
        {"DELETE /bkt/mine", 204, 403, 403},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(status_as(world, anonymous, cases[i].line, NULL), cases[i].anonymous);
        assert_int_equal(status_as(world, other, cases[i].line, NULL), cases[i].other);
        assert_int_equal(status_as(world, root, cases[i].line, NULL), cases[i].root);
    }
    REPLY list =
        world_send(world, "GET /bkt?list-type=2&fetch-owner=true&prefix=nobodys", NULL, SPAN(""));
    assert_span(reply_element(&list, "ID", 0), ANONYMOUS_ID);
    /* What they wrote they may remove, and the bucket's owner may remove anything. */
    assert_int_equal(status_as(world, other, "DELETE /bkt/shared", NULL), 204);
    assert_int_equal(status_as(world, root, "DELETE /bkt/theirs", NULL), 204);
    assert_int_equal(status_as(world, root, "DELETE /bkt/nobodys", NULL), 204);
}

#define CONTROLS(name)                                                                             \
    "<OwnershipControls><Rule><ObjectOwnership>" name                                              \
    "</ObjectOwnership></Rule></OwnershipControls>"

static void test_bucket_owner_preferred(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bkt",
        "x-amz-acl: public-read-write\nx-amz-object-ownership: BucketOwnerPreferred", NULL);
    assert_int_equal(status_as(world, other, "PUT /bkt/theirs", NULL), 200);
    assert_int_equal(
        status_as(world, other, "PUT /bkt/given", "x-amz-acl: bucket-owner-full-control"), 200);
    assert_int_equal(status_as(world, root, "GET /bkt/theirs", NULL), 403);
    assert_int_equal(status_as(world, root, "GET /bkt/given", NULL), 200);
    assert_int_equal(status_as(world, other, "GET /bkt/given", NULL), 403);
    assert_grants(world, "GET /bkt/given?acl", "owner:FULL_CONTROL");
    REPLY reply = world_send(world, "GET /bkt/given?acl", NULL, SPAN(""));
    assert_span(reply_element(&reply, "ID", 0), ROOT_ID);
}

static void test_ownership_controls(void **state)
{
    struct world *world = *state;
    static const char *const bad[] = {"", "x", "<OwnershipControls/>", CONTROLS("Nobody"),
        "<OwnershipControls><Rule/></OwnershipControls>",
        "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule><Rule/></"
        "OwnershipControls>"};
    world->daemon.config = &open_ones;
    world_do(world, "PUT /bkt", NULL, NULL);
    REPLY first = world_send(world, "GET /bkt?ownershipControls", NULL, SPAN(""));
    assert_span(reply_element(&first, "ObjectOwnership", 0), "BucketOwnerEnforced");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        REPLY reply = world_send(world, "PUT /bkt?ownershipControls", NULL, span_str(bad[i]));
        assert_code(reply, 400, "MalformedXML");
    }
    world_do(world, "PUT /bkt?ownershipControls", NULL, CONTROLS("ObjectWriter"));
    world_do(world, "PUT /bkt?acl", "x-amz-acl: public-read", NULL);
    world_do(world, "PUT /bkt/public", "x-amz-acl: public-read", "x");
    REPLY conflict = world_send(
        world, "PUT /bkt?ownershipControls", NULL, SPAN(CONTROLS("BucketOwnerEnforced")));
    assert_code(conflict, 400, "InvalidBucketAclWithObjectOwnership");
    world_do(world, "PUT /bkt?acl", "x-amz-acl: private", NULL);
    assert_int_equal(status_as(world, anonymous, "GET /bkt/public", NULL), 200);
    world_do(world, "PUT /bkt?ownershipControls", NULL, CONTROLS("BucketOwnerEnforced"));
    assert_int_equal(status_as(world, anonymous, "GET /bkt/public", NULL), 403);
    assert_grants(world, "GET /bkt/public?acl", "owner:FULL_CONTROL");
    for (int i = 0; i < 2; i++)
        world_do(world, "DELETE /bkt?ownershipControls", NULL, NULL);
    REPLY gone = world_send(world, "GET /bkt?ownershipControls", NULL, SPAN(""));
    assert_code(gone, 404, "OwnershipControlsNotFoundError");
    assert_int_equal(status_as(world, anonymous, "GET /bkt/public", NULL), 200);
}

static void test_enforced(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *line, *headers, *body;
        int status;
        const char *code;
    } cases[] = {
        {"PUT /bkt?acl", "x-amz-acl: private", NULL, 400, "AccessControlListNotSupported"},
        {"PUT /bkt?acl", "x-amz-acl: public-read", NULL, 400, "AccessControlListNotSupported"},
        {"PUT /bkt/a?acl", "x-amz-acl: public-read", NULL, 400, "AccessControlListNotSupported"},
        {"PUT /bkt/a?acl", "x-amz-acl: bucket-owner-full-control", NULL, 200, NULL},
        {"PUT /bkt/a?acl", NULL, POLICY(ROOT_ID, GRANT("<ID>" ROOT_ID "</ID>", "FULL_CONTROL")),
            200, NULL},
        {"PUT /bkt/a?acl", NULL, POLICY(ROOT_ID, GRANT("<ID>" ROOT_ID "</ID>", "READ")), 400,
            "AccessControlListNotSupported"},
        {"PUT /bkt/a", "x-amz-acl: public-read", NULL, 400, "AccessControlListNotSupported"},
        {"PUT /bkt/a", "x-amz-acl: aws-exec-read", NULL, 400, "AccessControlListNotSupported"},
        {"PUT /bkt/a", "x-amz-grant-read: uri=" AUTHENTICATED_USERS, NULL, 400,
            "AccessControlListNotSupported"},
        {"PUT /bkt/a", "x-amz-grant-full-control: id=" ROOT_ID, NULL, 200, NULL},
        {"PUT /bkt/a", "x-amz-acl: private", NULL, 200, NULL},
        {"PUT /bkt/b", "x-amz-copy-source: bkt/a\nx-amz-acl: public-read", NULL, 400,
            "AccessControlListNotSupported"},
        {"POST /bkt/c?uploads", "x-amz-acl: public-read", NULL, 400,
            "AccessControlListNotSupported"},
        {"PUT /public", "x-amz-acl: public-read", NULL, 400, "InvalidBucketAclWithObjectOwnership"},
        {"PUT /public", "x-amz-object-ownership: ObjectWriter\nx-amz-acl: public-read", NULL, 400,
            "InvalidBucketAclWithBlockPublicAccessError"},
        {"PUT /known", "x-amz-object-ownership: ObjectWriter\nx-amz-acl: log-delivery-write", NULL,
            200, NULL},
    };
    world_do(world, "PUT /bkt", NULL, NULL);
    world_do(world, "PUT /bkt/a", NULL, "x");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(world, cases[i].line, cases[i].headers,
            cases[i].body ? span_str(cases[i].body) : SPAN(""));
        assert_status(reply, cases[i].status);
        if (cases[i].code != NULL)
            assert_code(reply, cases[i].status, cases[i].code);
    }
}

#define BLOCK(name)                                                                                \
    "<PublicAccessBlockConfiguration><" name ">true</" name "></PublicAccessBlockConfiguration>"

static void test_public_access_block(void **state)
{
    struct world *world = *state;
    static const char *const lines[] = {
        "PUT /bkt?acl", "PUT /bkt/a?acl", "PUT /bkt/b", "POST /bkt/c?uploads"};
    world_do(world, "PUT /bkt", "x-amz-acl: public-read", NULL);
    world_do(world, "PUT /bkt/a", "x-amz-acl: public-read", "x");
    world_do(world, "PUT /bkt?publicAccessBlock", NULL, BLOCK("BlockPublicAcls"));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        REPLY reply = world_send(world, lines[i], "x-amz-acl: authenticated-read", SPAN(""));
        assert_code(reply, 403, "AccessDenied");
        assert_has(reply, "BlockPublicAcls");
        assert_has(reply, "delete-public-access-block");
    }
    assert_int_equal(status_as(world, anonymous, "GET /bkt/a", NULL), 200);
    world_do(world, "PUT /bkt?publicAccessBlock", NULL, BLOCK("IgnorePublicAcls"));
    assert_int_equal(status_as(world, anonymous, "GET /bkt/a", NULL), 403);
    assert_int_equal(status_as(world, other, "GET /bkt", NULL), 403);
    world_do(world, "PUT /bkt/a?acl", "x-amz-acl: public-read", NULL);
    assert_int_equal(status_as(world, anonymous, "GET /bkt/a", NULL), 403);
}

static void test_multipart(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bkt", NULL, NULL);
    struct upload upload = upload_begin(world, "big", "x-amz-acl: public-read\nx-amz-meta-a: b");
    REPLY part = upload_send(world, &upload, 1, NULL, SPAN("hello"));
    assert_status(part, 200);
    REPLY complete =
        upload_complete(world, &upload, NULL, PART(1, "5d41402abc4b2a76b9719d911017c592"));
    assert_status(complete, 200);
    assert_grants(world, "GET /bkt/big?acl", "owner:FULL_CONTROL AllUsers:READ");
    assert_int_equal(status_as(world, anonymous, "GET /bkt/big", NULL), 200);
}

/* Another's private object, put between the decision and the look, is not read by what its predecessor granted. */
static void test_an_object_replaced_meanwhile(void **state)
{
    struct world *world = *state;
    struct acl_verdict verdict;
    struct object_info info;
    struct request request;
    world_do(world, "PUT /bkt", NULL, NULL);
    world_do(world, "PUT /bkt/a", "x-amz-acl: public-read", "x");
    request_init(&request, &world->daemon);
    request.principal = anonymous;
    request.target.bucket = SPAN("bkt");
    request.target.key = SPAN("a");
    assert_int_equal(
        storage_bucket_get(world->daemon.store, SPAN("bkt"), &request.arena, &request.bucket),
        STORAGE_OK);
    assert_int_equal(acl_judge(&request, &request.principal, &request.bucket, SPAN("a"),
                         SPAN_ABSENT, "s3:GetObject", &verdict),
        S3_OK);
    assert_true(verdict.allows);
    assert_int_equal(object_exists(&request, &info), S3_OK);
    world_do(world, "PUT /bkt/a", NULL, "secret");
    assert_int_equal(object_exists(&request, &info), S3_ERR_SERVICE_UNAVAILABLE);
    request_free(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_headers, legacy_world, world_drop),
        cmocka_unit_test_setup_teardown(
            test_changing_an_acl_changes_nothing_else, legacy_world, world_drop),
        cmocka_unit_test_setup_teardown(test_documents, legacy_world, world_drop),
        cmocka_unit_test_setup_teardown(test_grants_are_counted, legacy_world, world_drop),
        cmocka_unit_test_setup_teardown(test_whom_grants_let_in, legacy_world, world_drop),
        cmocka_unit_test_setup_teardown(test_writers_own_what_they_write, legacy_world, world_drop),
        cmocka_unit_test_setup_teardown(test_bucket_owner_preferred, legacy_world, world_drop),
        cmocka_unit_test_setup_teardown(test_ownership_controls, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_enforced, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_public_access_block, legacy_world, world_drop),
        cmocka_unit_test_setup_teardown(test_multipart, legacy_world, world_drop),
        cmocka_unit_test_setup_teardown(
            test_an_object_replaced_meanwhile, legacy_world, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
