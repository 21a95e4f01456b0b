/* GetAccountAuthorizationDetails: all users, groups, roles and policies of the account with their policies'
 * texts, page after page through one list after the other.
 * src: IAM API Reference, GetAccountAuthorizationDetails */
#include "daemon/query/entities.h"
#include "daemon/query/shapes.h"

enum section { OF_USERS, OF_GROUPS, OF_ROLES, OF_POLICIES, OF_AWS, SECTIONS };

/* A page ends early past these, so that long texts do not fill the request's memory. */
enum { CHUNK_ITEMS = 20, PAGE_ARENA_BYTES = 3 * 1024 * 1024, PAGE_TEXT_BYTES = 3 * 1024 * 1024 };

static const char *const filters[SECTIONS] = {
    [OF_USERS] = "User",
    [OF_GROUPS] = "Group",
    [OF_ROLES] = "Role",
    [OF_POLICIES] = "LocalManagedPolicy",
    [OF_AWS] = "AWSManagedPolicy",
};

struct walk {
    struct request *request;
    struct iam_call call;
    struct buf *out;
    bool wanted[SECTIONS];
    enum section section; /* where the page begins, and then how far it has come */
    struct span after;
    size_t left;
    bool stopped; /* the page is full, and goes on at section and after */
};

static bool is_full(const struct walk *walk)
{
    return walk->left == 0 || walk->request->arena.used_bytes > PAGE_ARENA_BYTES ||
           walk->out->len > PAGE_TEXT_BYTES;
}

/* ---- one item each ---- */

static enum s3_err write_inline(
    struct walk *walk, const struct iam_entity *entity, struct span list)
{
    struct iam_query all = {.max = IAM_PAGE_MAX};
    struct iam_inline_page page;
    TRY_IAM(walk->request, &walk->call,
        iam_inline_list(&walk->call, entity->kind, entity->name, &all, &page));
    xml_open(walk->out, list);
    for (size_t i = 0; i < page.count; i++) {
        xml_open(walk->out, SPAN("member"));
        xml_text(walk->out, SPAN("PolicyName"), page.items[i].name);
        query_document(walk->out, SPAN("PolicyDocument"), page.items[i].text);
        xml_close(walk->out, SPAN("member"));
    }
    xml_close(walk->out, list);
    return S3_OK;
}

static enum s3_err write_attached(struct walk *walk, const struct iam_entity *entity)
{
    struct iam_query all = {.max = IAM_PAGE_MAX};
    struct iam_policy_page page;
    TRY_IAM(walk->request, &walk->call,
        iam_attached_list(&walk->call, entity->kind, entity->name, &all, &page));
    shape_attached(walk->out, SPAN("AttachedManagedPolicies"), page.items, page.count);
    return S3_OK;
}

static enum s3_err write_groups(struct walk *walk, const struct iam_entity *user)
{
    struct iam_query all = {.max = IAM_PAGE_MAX};
    struct iam_page page;
    TRY_IAM(walk->request, &walk->call, iam_user_groups(&walk->call, user->name, &all, &page));
    xml_open(walk->out, SPAN("GroupList"));
    for (size_t i = 0; i < page.count; i++)
        xml_text(walk->out, SPAN("member"), page.items[i].name);
    xml_close(walk->out, SPAN("GroupList"));
    return S3_OK;
}

static enum s3_err write_entity(struct walk *walk, const struct iam_entity *entity)
{
    static const struct span inline_lists[] = {[IAM_USER] = SPAN("UserPolicyList"),
        [IAM_GROUP] = SPAN("GroupPolicyList"),
        [IAM_ROLE] = SPAN("RolePolicyList")};
    struct buf *out = walk->out;
    query_entity(out, entity);
    TRY(write_inline(walk, entity, inline_lists[entity->kind]));
    TRY(write_attached(walk, entity));
    if (entity->kind == IAM_GROUP)
        return S3_OK;
    if (entity->kind == IAM_USER)
        TRY(write_groups(walk, entity));
    if (entity->kind == IAM_ROLE) {
        query_document(out, SPAN("AssumeRolePolicyDocument"), entity->trust);
        xml_text(out, SPAN("InstanceProfileList"), SPAN(""));
        xml_text(out, SPAN("RoleLastUsed"), SPAN(""));
    }
    query_boundary(out, entity);
    query_tags(out, SPAN("Tags"), entity->tags, entity->tag_count);
    return S3_OK;
}

static enum s3_err write_policy(struct walk *walk, const struct iam_policy *policy)
{
    struct iam_version *versions = NULL;
    size_t count = 0;
    TRY_IAM(
        walk->request, &walk->call, iam_version_list(&walk->call, policy->arn, &versions, &count));
    shape_policy(walk->out, policy, false);
    if (span_present(policy->description))
        xml_text(walk->out, SPAN("Description"), policy->description);
    xml_open(walk->out, SPAN("PolicyVersionList"));
    for (size_t i = 0; i < count; i++) {
        xml_open(walk->out, SPAN("member"));
        shape_version(walk->out, &versions[i], true);
        xml_close(walk->out, SPAN("member"));
    }
    xml_close(walk->out, SPAN("PolicyVersionList"));
    return S3_OK;
}

/* ---- a chunk of a list ---- */

/* out: ret_count, ret_truncated and walk->after, where the next chunk begins */
static enum s3_err write_entities(
    struct walk *walk, enum iam_kind kind, size_t most, size_t *ret_count, bool *ret_truncated)
{
    struct iam_query query = {.after = walk->after, .max = most};
    struct iam_page page;
    TRY_IAM(walk->request, &walk->call, iam_list(&walk->call, kind, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        xml_open(walk->out, SPAN("member"));
        TRY(write_entity(walk, &page.items[i]));
        xml_close(walk->out, SPAN("member"));
    }
    *ret_count = page.count;
    *ret_truncated = page.truncated;
    walk->after = page.next;
    return S3_OK;
}

static enum s3_err write_policies(
    struct walk *walk, enum iam_whose whose, size_t most, size_t *ret_count, bool *ret_truncated)
{
    struct iam_policy_query query = {
        .page = {.after = walk->after, .max = most},
        .whose = whose,
        .only_attached = whose == IAM_AWS_POLICIES, /* of AWS's own those in use, as there */
    };
    struct iam_policy_page page;
    TRY_IAM(walk->request, &walk->call, iam_policy_list(&walk->call, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        xml_open(walk->out, SPAN("member"));
        TRY(write_policy(walk, &page.items[i]));
        xml_close(walk->out, SPAN("member"));
    }
    *ret_count = page.count;
    *ret_truncated = page.truncated;
    walk->after = page.next;
    return S3_OK;
}

static enum s3_err write_chunk(
    struct walk *walk, enum section section, size_t *ret_count, bool *ret_truncated)
{
    size_t most = walk->left < CHUNK_ITEMS ? walk->left : CHUNK_ITEMS;
    switch (section) {
    case OF_USERS:
        return write_entities(walk, IAM_USER, most, ret_count, ret_truncated);
    case OF_GROUPS:
        return write_entities(walk, IAM_GROUP, most, ret_count, ret_truncated);
    case OF_ROLES:
        return write_entities(walk, IAM_ROLE, most, ret_count, ret_truncated);
    case OF_POLICIES:
        return write_policies(walk, IAM_LOCAL_POLICIES, most, ret_count, ret_truncated);
    case OF_AWS:
    case SECTIONS:
        break;
    }
    return write_policies(walk, IAM_AWS_POLICIES, most, ret_count, ret_truncated);
}

static enum s3_err write_section(struct walk *walk, enum section section)
{
    if (walk->stopped || section < walk->section || !walk->wanted[section])
        return S3_OK;
    if (section > walk->section)
        walk->after = SPAN_ABSENT;
    walk->section = section;
    bool more = true;
    while (more) {
        if (is_full(walk)) {
            walk->stopped = true;
            return S3_OK;
        }
        size_t count = 0;
        TRY(write_chunk(walk, section, &count, &more));
        walk->left -= count < walk->left ? count : walk->left;
    }
    return S3_OK;
}

/* ---- the page ---- */

static void read_filter(struct query_params *params, struct walk *walk)
{
    const struct span *items = NULL;
    size_t count = param_list(params, PARAM_Filter, SECTIONS, &items);
    for (size_t section = 0; section < SECTIONS; section++) {
        walk->wanted[section] = count == 0;
        for (size_t i = 0; i < count; i++)
            if (span_eq(items[i], span_str(filters[section])))
                walk->wanted[section] = true;
    }
}

/* A marker is the list's number and where in that list it goes on. */
static bool read_place(struct walk *walk, struct span after)
{
    if (!span_present(after))
        return true;
    if (after.len < 1 || after.ptr[0] < '0' || after.ptr[0] >= '0' + SECTIONS)
        return false;
    walk->section = (enum section)(after.ptr[0] - '0');
    walk->after = after.len > 1 ? span_from(after, 1) : SPAN_ABSENT;
    return true;
}

static enum s3_err write_lists(struct walk *walk)
{
    static const struct {
        struct span name;
        enum section first, last;
    } lists[] = {
        {SPAN("UserDetailList"), OF_USERS, OF_USERS},
        {SPAN("GroupDetailList"), OF_GROUPS, OF_GROUPS},
        {SPAN("RoleDetailList"), OF_ROLES, OF_ROLES},
        {SPAN("Policies"), OF_POLICIES, OF_AWS},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        xml_open(walk->out, lists[i].name);
        for (enum section section = lists[i].first; section <= lists[i].last; section++)
            TRY(write_section(walk, section));
        xml_close(walk->out, lists[i].name);
    }
    return S3_OK;
}

enum s3_err query_get_account_authorization_details(struct request *request)
{
    struct walk walk = {.request = request, .call = query_iam(request)};
    struct iam_query page = query_page(request);
    read_filter(&request->query->params, &walk);
    if (!read_place(&walk, page.after))
        params_complain(&request->query->params, SPAN("Marker"), "Invalid Marker.");
    TRY(query_check(request));
    TRY(query_allow(request, SPAN_ABSENT));
    walk.left = page.max;
    walk.out = query_begin(request);
    TRY(write_lists(&walk));
    struct span next = SPAN_ABSENT;
    if (walk.stopped)
        next =
            arena_format(&request->arena, "%u%.*s", (unsigned)walk.section, SPAN_ARG(walk.after));
    query_page_end(walk.out, walk.stopped, next);
    return query_end(request);
}
