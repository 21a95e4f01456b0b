/* Where a simulation's policies, principal and context come from. */
#include "daemon/daemon.h"
#include "daemon/query/simulate.h"
#include "http_time.h"

void simulation_free(struct simulation *simulation)
{
    for (size_t i = 0; i < simulation->policy_count; i++)
        policy_free(simulation->policies[i].compiled);
    policy_free(simulation->boundary.compiled);
    policy_free(simulation->resource.compiled);
    identity_unref(simulation->identity);
    *simulation = (struct simulation){0};
}

/* Which policy is being compiled, for what is said about it. */
struct compiling {
    struct simulation *simulation;
    struct span id;
};

/* What a policy says and nothing here can match; past the maximum nothing new is said. */
static void note(void *ctx, const char *line)
{
    const struct compiling *compiling = ctx;
    struct simulation *simulation = compiling->simulation;
    struct arena *arena = &simulation->request->arena;
    if (simulation->warnings == NULL)
        simulation->warnings = arena_array(arena, struct span, SIMULATED_WARNINGS_MAX);
    if (simulation->warnings == NULL || simulation->warning_count == SIMULATED_WARNINGS_MAX)
        return;
    struct span words = arena_format(arena, "%.*s: %s", SPAN_ARG(compiling->id), line);
    if (span_present(words))
        simulation->warnings[simulation->warning_count++] = words;
}

static enum s3_err compile(struct simulation *simulation, struct simulated *policy)
{
    struct request *request = simulation->request;
    struct compiling compiling = {simulation, policy->id};
    const struct policy_options options = {.kind = POLICY_IDENTITY,
        .max_bytes = IAM_POLICY_TEXT_MAX_BYTES,
        .warn = note,
        .warn_ctx = &compiling};
    char detail[POLICY_DETAIL_BYTES] = "";
    if (policy_compile(policy->text, &options, &policy->compiled, detail))
        return S3_OK;
    struct span words = arena_format(&request->arena, "%.*s: %s", SPAN_ARG(policy->id), detail);
    return FAIL(request, INVALID_INPUT, words.ptr);
}

static enum s3_err add(struct simulation *simulation, struct span id, struct span text)
{
    struct request *request = simulation->request;
    if (simulation->policies == NULL) {
        simulation->policies =
            arena_array(&request->arena, struct simulated, SIMULATED_POLICIES_MAX);
        simulation->compiled =
            arena_array(&request->arena, const struct policy *, SIMULATED_POLICIES_MAX);
    }
    if (simulation->policies == NULL || simulation->compiled == NULL || !span_present(id))
        return FAIL(request, INTERNAL, NULL);
    if (simulation->policy_count == SIMULATED_POLICIES_MAX)
        return FAIL(request, INVALID_INPUT, "There are more policies than can be simulated.");
    struct simulated policy = {.id = id, .text = text};
    TRY(compile(simulation, &policy));
    simulation->compiled[simulation->policy_count] = policy.compiled;
    simulation->policies[simulation->policy_count++] = policy;
    return S3_OK;
}

/* ---- policies that come with the request ---- */

enum s3_err simulation_add_inputs(struct simulation *simulation)
{
    struct request *request = simulation->request;
    const struct span *texts = NULL;
    size_t count =
        param_list(&request->query->params, PARAM_PolicyInputList, SIMULATED_POLICIES_MAX, &texts);
    TRY(query_check(request));
    for (size_t i = 0; i < count; i++)
        TRY(add(simulation, arena_format(&request->arena, "PolicyInputList.%zu", i + 1), texts[i]));
    return S3_OK;
}

static enum s3_err read_boundary(struct simulation *simulation)
{
    struct request *request = simulation->request;
    const struct span *texts = NULL;
    size_t count =
        param_list(&request->query->params, PARAM_PermissionsBoundaryPolicyInputList, 1, &texts);
    TRY(query_check(request));
    if (count == 0)
        return S3_OK;
    simulation->boundary =
        (struct simulated){.id = SPAN("PermissionsBoundaryPolicyInputList.1"), .text = texts[0]};
    return compile(simulation, &simulation->boundary);
}

/* "arn:aws:iam::ACCOUNT:root", or the account alone. */
static enum s3_err read_owner(struct simulation *simulation, struct span owner)
{
    struct iam_arn_parts parts = {0};
    uint64_t number = 0;
    if (!span_present(owner))
        return S3_OK;
    bool good = (owner.len == 12 && span_to_u64(owner, &number) && number > 0) ||
                iam_arn_split(owner, &parts);
    if (!good)
        return FAIL(
            simulation->request, INVALID_INPUT, "ResourceOwner must be the ARN of an account.");
    simulation->resource_owner = number != 0 ? owner
                                             : arena_format(&simulation->request->arena, "%012llu",
                                                   (unsigned long long)parts.account);
    return S3_OK;
}

enum s3_err simulation_read(struct simulation *simulation)
{
    static const struct span anything[] = {SPAN("*")};
    struct request *request = simulation->request;
    struct query_params *params = &request->query->params;
    simulation->account = request->principal.account_id;
    simulation->action_count =
        param_list(params, PARAM_ActionNames, SIMULATED_ACTIONS_MAX, &simulation->actions);
    if (simulation->action_count == 0)
        params_complain(params, SPAN("ActionNames"), "Member must not be null");
    simulation->resource_count =
        param_list(params, PARAM_ResourceArns, SIMULATED_RESOURCES_MAX, &simulation->resources);
    simulation->resources_named = simulation->resource_count > 0;
    if (!simulation->resources_named) {
        simulation->resources = anything;
        simulation->resource_count = 1;
    }
    simulation->resource_text = param_text(params, PARAM_ResourcePolicy);
    struct span owner = param_text(params, PARAM_ResourceOwner);
    (void)param_text(params, PARAM_ResourceHandlingOption); /* of EC2 alone */
    simulation->with_state = param_bool(params, PARAM_LakegateResourceState, false);
    TRY(query_check(request));
    for (size_t i = 0; i < simulation->action_count; i++)
        if (span_find_char(simulation->actions[i], ':', 0) == SIZE_MAX)
            return FAIL(request, INVALID_INPUT, "ActionNames must be of the form service:Action.");
    TRY(read_owner(simulation, owner));
    return read_boundary(simulation);
}

/* ---- policies of a user, group or role ---- */

static const char *const kind_names[] = {
    [IAM_USER] = "user", [IAM_GROUP] = "group", [IAM_ROLE] = "role"};

static enum s3_err add_managed(
    struct simulation *simulation, struct iam_call *call, const struct iam_policy *policy)
{
    struct iam_policy whole; /* a listing does not say the default version */
    struct iam_version version = {0};
    TRY_IAM(simulation->request, call, iam_policy_get(call, policy->arn, &whole));
    TRY_IAM(simulation->request, call,
        iam_version_get(call, policy->arn, whole.default_version, &version));
    return add(simulation, whole.name, version.text);
}

static enum s3_err add_entity(
    struct simulation *simulation, struct iam_call *call, enum iam_kind kind, struct span name)
{
    struct request *request = simulation->request;
    struct iam_query all = {.max = IAM_PAGE_MAX};
    struct iam_inline_page inlined = {0};
    struct iam_policy_page attached = {0};
    TRY_IAM(request, call, iam_inline_list(call, kind, name, &all, &inlined));
    for (size_t i = 0; i < inlined.count; i++)
        TRY(add(simulation,
            arena_format(&request->arena, "%s_%.*s_%.*s", kind_names[kind], SPAN_ARG(name),
                SPAN_ARG(inlined.items[i].name)),
            inlined.items[i].text));
    TRY_IAM(request, call, iam_attached_list(call, kind, name, &all, &attached));
    for (size_t i = 0; i < attached.count; i++)
        TRY(add_managed(simulation, call, &attached.items[i]));
    return S3_OK;
}

static enum s3_err add_groups(
    struct simulation *simulation, struct iam_call *call, struct span user)
{
    struct iam_query all = {.max = IAM_PAGE_MAX};
    struct iam_page groups = {0};
    TRY_IAM(simulation->request, call, iam_user_groups(call, user, &all, &groups));
    for (size_t i = 0; i < groups.count; i++)
        TRY(add_entity(simulation, call, IAM_GROUP, groups.items[i].name));
    return S3_OK;
}

static enum s3_err add_boundary(
    struct simulation *simulation, struct iam_call *call, struct span arn)
{
    struct iam_policy policy = {0};
    struct iam_version version = {0};
    if (!span_present(arn) || simulation->boundary.compiled != NULL)
        return S3_OK;
    TRY_IAM(simulation->request, call, iam_policy_get(call, arn, &policy));
    TRY_IAM(
        simulation->request, call, iam_version_get(call, arn, policy.default_version, &version));
    simulation->boundary = (struct simulated){.id = policy.name, .text = version.text};
    return compile(simulation, &simulation->boundary);
}

/* The user, group or role of an ARN of the caller's account. */
static enum s3_err find_source(struct simulation *simulation, struct iam_call *call,
    struct span arn, struct iam_entity *ret_entity)
{
    struct request *request = simulation->request;
    struct iam_arn_parts parts;
    if (!iam_arn_split(arn, &parts))
        return FAIL(
            request, INVALID_INPUT, "PolicySourceArn must be the ARN of a user, group or role.");
    for (size_t kind = 0; kind < ARRAY_LEN(kind_names); kind++) {
        if (!span_eq(parts.type, span_str(kind_names[kind])))
            continue;
        enum iam_err err = iam_get(call, (enum iam_kind)kind, parts.name, ret_entity);
        if (err == IAM_OK && !span_eq(ret_entity->arn, arn))
            break;
        TRY_IAM(request, call, err);
        return S3_OK;
    }
    struct span words =
        arena_format(&request->arena, "The source %.*s cannot be found.", SPAN_ARG(arn));
    return FAIL(request, NO_SUCH_ENTITY, words.ptr);
}

enum s3_err simulation_add_source(struct simulation *simulation, struct span arn)
{
    struct iam_call call = query_iam(simulation->request);
    struct iam_entity entity = {0};
    TRY(find_source(simulation, &call, arn, &entity));
    TRY(add_entity(simulation, &call, entity.kind, entity.name));
    if (entity.kind == IAM_USER)
        TRY(add_groups(simulation, &call, entity.name));
    return add_boundary(simulation, &call, entity.boundary);
}

/* ---- the principal ---- */

enum s3_err simulation_set_caller(struct simulation *simulation, struct span arn)
{
    struct request *request = simulation->request;
    struct iam_arn_parts parts = {0};
    struct span account =
        arena_format(&request->arena, "%012llu", (unsigned long long)simulation->account);
    simulation->principal = (struct policy_principal){.kind = POLICY_USER, .account = account};
    bool split = iam_arn_split(arn, &parts);
    if (span_eq(arn, SPAN("anonymous")))
        simulation->principal = (struct policy_principal){.kind = POLICY_ANONYMOUS};
    if (simulation->principal.kind == POLICY_ANONYMOUS || !span_present(arn) ||
        (split && span_eq(parts.type, SPAN("group"))))
        return S3_OK;
    /* What others' users are like is nobody's business, not even by the decisions about them. */
    bool own = split && parts.account == simulation->account;
    enum s3_err err =
        own ? identities_by_arn(request->daemon->identities, arn, &simulation->identity)
            : S3_ERR_INVALID_ACCESS_KEY_ID;
    if (err == S3_ERR_INVALID_ACCESS_KEY_ID) {
        struct span words =
            arena_format(&request->arena, "CallerArn %.*s cannot be found.", SPAN_ARG(arn));
        return FAIL(request, INVALID_INPUT, words.ptr);
    }
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    simulation->principal = simulation->identity->principal;
    return S3_OK;
}

/* ---- the context ---- */

static void set(struct simulation *simulation, enum policy_key key, struct span value)
{
    struct span *item = arena_new(&simulation->request->arena, struct span);
    if (item == NULL || !span_present(value))
        return;
    *item = value;
    simulation->context->keys[key] = (struct policy_values){item, 1};
}

/* What is known of the principal, as every request of it has it. */
static void fill_principal(struct simulation *simulation)
{
    static const char *const types[] = {
        [POLICY_ANONYMOUS] = "Anonymous",
        [POLICY_ACCOUNT_ROOT] = "Account",
        [POLICY_USER] = "User",
        [POLICY_ROLE_SESSION] = "AssumedRole",
        [POLICY_FEDERATED_USER] = "FederatedUser",
    };
    const struct identity *identity = simulation->identity;
    const struct policy_principal *principal = &simulation->principal;
    set(simulation, POLICY_KEY_AWS_PRINCIPAL_ACCOUNT, principal->account);
    if (principal->kind == POLICY_ANONYMOUS) {
        set(simulation, POLICY_KEY_AWS_PRINCIPAL_ACCOUNT, SPAN("anonymous"));
        set(simulation, POLICY_KEY_AWS_PRINCIPAL_TYPE, span_str(types[POLICY_ANONYMOUS]));
        set(simulation, POLICY_KEY_AWS_USERID, SPAN("anonymous"));
    }
    if (identity == NULL)
        return;
    bool role = principal->kind == POLICY_ROLE_SESSION;
    set(simulation, POLICY_KEY_AWS_PRINCIPAL_ARN, role ? principal->role_arn : principal->arn);
    set(simulation, POLICY_KEY_AWS_PRINCIPAL_TYPE, span_str(types[principal->kind]));
    set(simulation, POLICY_KEY_AWS_USERNAME, identity->user_name);
    set(simulation, POLICY_KEY_AWS_USERID, identity->user_id);
    simulation->context->tags[POLICY_TAGS_PRINCIPAL].items = identity->tags;
    simulation->context->tags[POLICY_TAGS_PRINCIPAL].count = identity->tag_count;
}

/* ContextEntries.member.N.ContextKeyValues.member.1 … */
static enum s3_err read_values(struct request *request, size_t number, struct policy_values *ret)
{
    struct query_params *params = &request->query->params;
    struct span list =
        arena_format(&request->arena, "ContextEntries.member.%zu.ContextKeyValues", number);
    if (!span_present(list))
        return FAIL(request, INTERNAL, NULL);
    size_t count = params_members(params, list, SIMULATED_ENTRIES_MAX);
    struct span *items = arena_array(&request->arena, struct span, count);
    if (items == NULL)
        return FAIL(request, INTERNAL, NULL);
    for (size_t i = 0; i < count; i++) {
        items[i] = params_member(params, list, i + 1, SPAN(""));
        if (!span_present(items[i]))
            params_complain(params, list, "Member must be a text");
    }
    *ret = (struct policy_values){items, count};
    return query_check(request);
}

static enum s3_err set_time(struct simulation *simulation, struct policy_values values)
{
    int64_t time_ms = 0;
    uint64_t seconds = 0;
    struct span text = values.count == 1 ? values.items[0] : SPAN("");
    if (span_to_u64(text, &seconds) && seconds < INT64_MAX / 1000)
        time_ms = (int64_t)seconds * 1000;
    else if (!iso_time_parse(text, &time_ms))
        return FAIL(simulation->request, INVALID_INPUT, "A time in ContextEntries cannot be read.");
    simulation->context->now_s = time_ms / 1000;
    return S3_OK;
}

/* Tags that the entries name, beside those of the principal, whose like they replace. */
static enum s3_err set_tag(struct simulation *simulation, enum policy_tag_family family,
    struct span name, struct policy_values values)
{
    size_t count = simulation->context->tags[family].count;
    const struct policy_tag *old = simulation->context->tags[family].items;
    struct policy_tag *tags =
        arena_array(&simulation->request->arena, struct policy_tag, count + 1);
    if (tags == NULL)
        return FAIL(simulation->request, INTERNAL, NULL);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!span_eq_nocase(old[i].name, name))
            tags[kept++] = old[i];
    if (values.count > 0)
        tags[kept++] = (struct policy_tag){name, values.items[0]};
    simulation->context->tags[family].items = tags;
    simulation->context->tags[family].count = kept;
    return S3_OK;
}

static enum s3_err read_entry(struct simulation *simulation, size_t number)
{
    struct request *request = simulation->request;
    struct policy_values values = {0};
    struct span name = params_member(
        &request->query->params, SPAN("ContextEntries"), number, SPAN("ContextKeyName"));
    if (!span_present(name))
        return FAIL(request, VALIDATION_ERROR, "ContextEntries need a ContextKeyName.");
    TRY(read_values(request, number, &values));
    enum policy_tag_family family = POLICY_TAG_FAMILIES;
    struct span tag = SPAN_ABSENT;
    enum policy_key key = policy_key_named(name, &family, &tag);
    if (key == POLICY_KEY_AWS_CURRENT_TIME || key == POLICY_KEY_AWS_EPOCH_TIME)
        return set_time(simulation, values);
    if (key != POLICY_KEYS)
        simulation->context->keys[key] = values;
    else if (family != POLICY_TAG_FAMILIES)
        return set_tag(simulation, family, tag, values);
    /* Keys of other services: no policy here can look at them. */
    return S3_OK;
}

enum s3_err simulation_read_context(struct simulation *simulation)
{
    struct request *request = simulation->request;
    simulation->context = arena_new(&request->arena, struct policy_context);
    if (simulation->context == NULL)
        return FAIL(request, INTERNAL, NULL);
    simulation->context->now_s = request->received_ms / 1000;
    fill_principal(simulation);
    size_t count =
        params_members(&request->query->params, SPAN("ContextEntries"), SIMULATED_ENTRIES_MAX);
    TRY(query_check(request));
    for (size_t i = 0; i < count; i++)
        TRY(read_entry(simulation, i + 1));
    return S3_OK;
}
