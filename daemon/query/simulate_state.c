/* What policies do not say: ACLs, ownership and the public access block of the bucket, tags of the object, as they are
 * now. AWS's simulator does not look at them; LakegateResourceState asks for it. */
#include "daemon/accounts.h"
#include "daemon/authorize.h"
#include "daemon/authorize_decide.h"
#include "daemon/context.h"
#include "daemon/query/simulate.h"

/* To be told what they do one may as well read them. */
static enum s3_err may_know(struct request *request, const struct bucket_info *bucket)
{
    static const char *const actions[] = {
        "s3:GetBucketAcl", "s3:GetBucketOwnershipControls", "s3:GetBucketPublicAccessBlock"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        TRY(authorize_also(request, actions[i], bucket, SPAN_ABSENT));
    return S3_OK;
}

/* The one that was simulated last is the next one's, too, nearly always. */
static enum s3_err find_bucket(struct simulation *simulation, struct span name, bool *ret_there)
{
    struct request *request = simulation->request;
    *ret_there = simulation->bucket.id != 0 && span_eq(simulation->bucket.name, name);
    if (*ret_there)
        return S3_OK;
    enum storage_err err =
        storage_bucket_get(request_store(request), name, &request->arena, &simulation->bucket);
    if (err == STORAGE_NO_SUCH_BUCKET)
        return S3_OK;
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    *ret_there = true;
    return may_know(request, &simulation->bucket);
}

/* As the principal of a request of who is simulated would be. */
static struct principal principal_of(const struct simulation *simulation)
{
    if (simulation->principal.kind == POLICY_ANONYMOUS)
        return (struct principal){.kind = PRINCIPAL_ANONYMOUS};
    return (struct principal){.kind = PRINCIPAL_IDENTITY, .account_id = simulation->account};
}

/* The object's tags, where the entries name none, for who may read them. */
static enum s3_err add_tags(struct simulation *simulation, const struct access_ask *ask,
    const struct access_request *access)
{
    struct request *request = simulation->request;
    struct access_ask read = {
        .action = "s3:GetObjectTagging", .bucket = ask->bucket, .key = ask->key};
    if (simulation->context->tags[POLICY_TAGS_EXISTING_OBJECT].count > 0 ||
        !context_uses_tags(access, POLICY_TAGS_EXISTING_OBJECT) || !span_present(ask->key) ||
        !authorize_allows(request, &read, NULL))
        return S3_OK;
    simulation->tags_of_state = true;
    return context_fill_existing_tags(request, ask, access, simulation->context);
}

enum s3_err simulation_add_state(
    struct simulation *simulation, struct span resource, struct access_request *access)
{
    struct request *request = simulation->request;
    struct span key, bucket = simulation_bucket(resource, &key);
    bool there = false;
    if (simulation->tags_of_state)
        simulation->context->tags[POLICY_TAGS_EXISTING_OBJECT].count = 0;
    if (!simulation->with_state || !span_present(bucket))
        return S3_OK;
    TRY(find_bucket(simulation, bucket, &there));
    if (!there)
        return S3_OK;
    struct span action = arena_copy(&request->arena, access->ask.action);
    struct access_ask ask = {.action = action.ptr, .bucket = &simulation->bucket, .key = key};
    struct principal who = principal_of(simulation);
    if (!span_present(action))
        return FAIL(request, INTERNAL, NULL);
    access->resource_account =
        arena_format(&request->arena, "%012llu", (unsigned long long)simulation->bucket.owner_id);
    TRY(decide_state(request, &who, &ask, access));
    return add_tags(simulation, &ask, access);
}

void simulation_write_state(struct buf *out, const struct simulation *simulation,
    const struct access_request *access, const struct access_result *result)
{
    if (!simulation->with_state)
        return;
    xml_open(out, SPAN("LakegateResourceState"));
    xml_bool(out, SPAN("AllowedByAcl"), result->allowed && result->reason == ACCESS_BY_ACL);
    xml_bool(out, SPAN("ResourcePolicyRestricted"), access->resource_cannot_allow);
    xml_close(out, SPAN("LakegateResourceState"));
}
