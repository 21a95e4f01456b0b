/* SimulateCustomPolicy and SimulatePrincipalPolicy: deciding, and telling what decided. */
#include "daemon/query/simulate.h"

#include "daemon/query/statement_place.h"

/* ---- one action on one resource ---- */

struct span simulation_bucket(struct span resource, struct span *ret_key)
{
    struct span head = SPAN("arn:aws:s3:::");
    struct span name = span_from(resource, head.len);
    *ret_key = SPAN_ABSENT;
    if (!span_starts(resource, head))
        return SPAN_ABSENT;
    size_t slash = span_find_char(name, '/', 0);
    if (slash != SIZE_MAX)
        *ret_key = span_from(name, slash + 1);
    return span_first(name, slash);
}

static bool is_role(struct span resource)
{
    struct iam_arn_parts parts;
    return iam_arn_split(resource, &parts) && span_eq(parts.type, SPAN("role"));
}

/* ResourcePolicy as the policy of this resource: a bucket's, or a role's trust policy. */
static enum s3_err compile_resource(struct simulation *simulation, struct span resource)
{
    struct request *request = simulation->request;
    struct span key, bucket = simulation_bucket(resource, &key);
    if (!span_present(simulation->resource_text))
        return S3_OK;
    if (simulation->resource.compiled != NULL && span_present(bucket) &&
        span_eq(bucket, simulation->resource_bucket))
        return S3_OK;
    if (!span_present(bucket) && !is_role(resource))
        return FAIL(request, INVALID_INPUT,
            "ResourcePolicy needs ResourceArns of buckets, objects or roles.");
    const struct policy_options options = {
        .kind = span_present(bucket) ? POLICY_BUCKET : POLICY_TRUST,
        .bucket = bucket,
        .max_bytes = POLICY_BUCKET_MAX_BYTES,
    };
    char detail[POLICY_DETAIL_BYTES] = "";
    struct policy *compiled = NULL;
    if (!policy_compile(simulation->resource_text, &options, &compiled, detail)) {
        struct span words = arena_format(&request->arena, "ResourcePolicy: %s", detail);
        return FAIL(request, INVALID_INPUT, words.ptr);
    }
    policy_free(simulation->resource.compiled);
    simulation->resource = (struct simulated){
        .id = SPAN("ResourcePolicy"), .text = simulation->resource_text, .compiled = compiled};
    simulation->resource_bucket = bucket;
    return S3_OK;
}

/* Whose the resource is: as its ARN says, else ResourceOwner, else the account's. */
static struct span owner_of(const struct simulation *simulation, struct span resource)
{
    struct iam_arn_parts parts;
    if (iam_arn_split(resource, &parts))
        return arena_format(
            &simulation->request->arena, "%012llu", (unsigned long long)parts.account);
    if (span_present(simulation->resource_owner))
        return simulation->resource_owner;
    return arena_format(
        &simulation->request->arena, "%012llu", (unsigned long long)simulation->account);
}

static void fill_access(const struct simulation *simulation, struct span action,
    struct span resource, struct access_request *ret_access)
{
    *ret_access = (struct access_request){
        .ask =
            {
                .principal = &simulation->principal,
                .action = action,
                .resource = resource,
                .context = simulation->context,
                .has_boundary = simulation->boundary.compiled != NULL,
            },
        .resource_account = owner_of(simulation, resource),
        .identity = {simulation->compiled, simulation->policy_count},
        .boundary = simulation->boundary.compiled,
        .resource = simulation->resource.compiled,
        .resource_must_allow =
            simulation->resource.compiled != NULL && !span_present(simulation->resource_bucket),
    };
}

/* ---- the answer's XML ---- */

static void write_position(struct buf *out, struct span name, uint32_t line, uint32_t column)
{
    xml_open(out, name);
    xml_u64(out, SPAN("Line"), line);
    xml_u64(out, SPAN("Column"), column);
    xml_close(out, name);
}

/* The statement of one policy that had this effect. */
static void write_match(struct buf *out, const struct simulated *policy, const char *type,
    const struct access_request *access, enum policy_effect effect)
{
    struct policy_verdict verdict;
    struct statement_place place;
    if (policy->compiled == NULL)
        return;
    policy_evaluate(policy->compiled, &access->ask, &verdict);
    if (verdict.effect != effect)
        return;
    xml_open(out, SPAN("member"));
    xml_text(out, SPAN("SourcePolicyId"), policy->id);
    xml_text(out, SPAN("SourcePolicyType"), span_str(type));
    if (statement_place(policy->text, verdict.statement, &place)) {
        write_position(out, SPAN("StartPosition"), place.start_line, place.start_column);
        write_position(out, SPAN("EndPosition"), place.end_line, place.end_column);
    }
    xml_close(out, SPAN("member"));
}

/* Of what is allowed the statements that allow it, of what is denied those that deny it. */
static void write_matches(struct buf *out, const struct simulation *simulation,
    const struct access_request *access, const struct access_result *result)
{
    xml_open(out, SPAN("MatchedStatements"));
    if (result->allowed || result->explicit_deny) {
        enum policy_effect effect = result->allowed ? POLICY_ALLOW : POLICY_DENY;
        for (size_t i = 0; i < simulation->policy_count; i++)
            write_match(out, &simulation->policies[i], "IAM Policy", access, effect);
        if (!result->allowed || !access->resource_cannot_allow)
            write_match(out, &simulation->resource, "Resource Policy", access, effect);
        if (!result->allowed)
            write_match(out, &simulation->boundary, "Permissions Boundary Policy", access, effect);
    }
    xml_close(out, SPAN("MatchedStatements"));
}

static bool any_uses(const struct simulation *simulation, enum policy_key key)
{
    for (size_t i = 0; i < simulation->policy_count; i++)
        if (policy_uses_key(simulation->policies[i].compiled, key))
            return true;
    return (simulation->boundary.compiled != NULL &&
               policy_uses_key(simulation->boundary.compiled, key)) ||
           (simulation->resource.compiled != NULL &&
               policy_uses_key(simulation->resource.compiled, key));
}

/* Keys that a policy looks at and nobody gave. */
static void write_missing(struct buf *out, const struct simulation *simulation)
{
    xml_open(out, SPAN("MissingContextValues"));
    for (size_t key = 0; key < POLICY_KEYS; key++) {
        bool clock = key == POLICY_KEY_AWS_CURRENT_TIME || key == POLICY_KEY_AWS_EPOCH_TIME;
        if (!clock && simulation->context->keys[key].count == 0 &&
            any_uses(simulation, (enum policy_key)key))
            xml_text(out, SPAN("member"), policy_key_name((enum policy_key)key));
    }
    xml_close(out, SPAN("MissingContextValues"));
}

static void write_boundary(
    struct buf *out, const struct simulation *simulation, const struct access_request *access)
{
    struct policy_verdict verdict;
    if (simulation->boundary.compiled == NULL)
        return;
    policy_evaluate(simulation->boundary.compiled, &access->ask, &verdict);
    xml_open(out, SPAN("PermissionsBoundaryDecisionDetail"));
    xml_bool(out, SPAN("AllowedByPermissionsBoundary"), verdict.effect == POLICY_ALLOW);
    xml_close(out, SPAN("PermissionsBoundaryDecisionDetail"));
}

static void write_result(struct buf *out, const struct simulation *simulation,
    const struct access_request *access, const struct access_result *result)
{
    struct span decision = result->allowed         ? SPAN("allowed")
                           : result->explicit_deny ? SPAN("explicitDeny")
                                                   : SPAN("implicitDeny");
    xml_open(out, SPAN("member"));
    xml_text(out, SPAN("EvalActionName"), access->ask.action);
    xml_text(out, SPAN("EvalResourceName"), access->ask.resource);
    xml_text(out, SPAN("EvalDecision"), decision);
    write_matches(out, simulation, access, result);
    write_missing(out, simulation);
    write_boundary(out, simulation, access);
    simulation_write_state(out, simulation, access, result);
    if (simulation->resources_named) {
        xml_open(out, SPAN("ResourceSpecificResults"));
        xml_open(out, SPAN("member"));
        xml_text(out, SPAN("EvalResourceName"), access->ask.resource);
        xml_text(out, SPAN("EvalResourceDecision"), decision);
        write_matches(out, simulation, access, result);
        write_missing(out, simulation);
        write_boundary(out, simulation, access);
        xml_close(out, SPAN("member"));
        xml_close(out, SPAN("ResourceSpecificResults"));
    }
    xml_close(out, SPAN("member"));
}

/* Beside what AWS answers: SDKs pass over it, `lakegate policy test` shows it. */
static void write_warnings(struct buf *out, const struct simulation *simulation)
{
    if (simulation->warning_count == 0)
        return;
    xml_open(out, SPAN("Warnings"));
    for (size_t i = 0; i < simulation->warning_count; i++)
        xml_text(out, SPAN("member"), simulation->warnings[i]);
    xml_close(out, SPAN("Warnings"));
}

enum s3_err simulation_answer(struct simulation *simulation, const struct iam_query *page)
{
    struct request *request = simulation->request;
    struct query_slice slice;
    TRY(query_slice(request, page, simulation->action_count * simulation->resource_count, &slice));
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("EvaluationResults"));
    for (size_t i = slice.from; i < slice.to; i++) {
        struct span action = simulation->actions[i / simulation->resource_count];
        struct span resource = simulation->resources[i % simulation->resource_count];
        struct access_request access;
        struct access_result result;
        TRY(compile_resource(simulation, resource));
        fill_access(simulation, action, resource, &access);
        TRY(simulation_add_state(simulation, resource, &access));
        access_decide(&access, &result);
        write_result(out, simulation, &access, &result);
    }
    xml_close(out, SPAN("EvaluationResults"));
    write_warnings(out, simulation);
    query_page_end(out, slice.truncated, slice.next);
    return query_end(request);
}

/* ---- the actions ---- */

static enum s3_err simulate_custom(struct simulation *simulation)
{
    struct query_params *params = &simulation->request->query->params;
    struct iam_query page = query_page(simulation->request);
    struct span caller = param_text(params, PARAM_CallerArn);
    TRY(simulation_read(simulation));
    TRY(query_allow(simulation->request, SPAN_ABSENT));
    TRY(simulation_add_inputs(simulation));
    TRY(simulation_set_caller(simulation, caller));
    if (simulation->policy_count == 0 && simulation->principal.kind != POLICY_ANONYMOUS)
        return FAIL(simulation->request, VALIDATION_ERROR, "PolicyInputList must not be empty.");
    if (span_present(simulation->resource_text) && !span_present(caller))
        return FAIL(simulation->request, INVALID_INPUT, "ResourcePolicy needs a CallerArn.");
    TRY(simulation_read_context(simulation));
    return simulation_answer(simulation, &page);
}

static enum s3_err simulate_principal(struct simulation *simulation)
{
    struct query_params *params = &simulation->request->query->params;
    struct iam_query page = query_page(simulation->request);
    struct span source = param_required(params, PARAM_PolicySourceArn);
    struct span caller = param_text(params, PARAM_CallerArn);
    TRY(simulation_read(simulation));
    TRY(query_allow(simulation->request, source));
    TRY(simulation_add_source(simulation, source));
    TRY(simulation_add_inputs(simulation));
    TRY(simulation_set_caller(simulation, span_present(caller) ? caller : source));
    TRY(simulation_read_context(simulation));
    return simulation_answer(simulation, &page);
}

enum s3_err query_simulate_custom_policy(struct request *request)
{
    struct simulation simulation CLEANUP(simulation_free) = {.request = request};
    return simulate_custom(&simulation);
}

enum s3_err query_simulate_principal_policy(struct request *request)
{
    struct simulation simulation CLEANUP(simulation_free) = {.request = request};
    return simulate_principal(&simulation);
}
