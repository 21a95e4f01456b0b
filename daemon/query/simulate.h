/* A simulation: what would be decided about actions on resources, and by which statements, with policies that
 * need not act anywhere. SimulateCustomPolicy brings them, SimulatePrincipalPolicy looks them up.
 * src: IAM API Reference, SimulateCustomPolicy, SimulatePrincipalPolicy, EvaluationResult */
#ifndef DAEMON_QUERY_SIMULATE_H
#define DAEMON_QUERY_SIMULATE_H

#include "access.h"
#include "daemon/identities.h"
#include "daemon/query.h"

enum {
    SIMULATED_POLICIES_MAX = 512,
    SIMULATED_ACTIONS_MAX = 500,
    SIMULATED_RESOURCES_MAX = 500,
    SIMULATED_ENTRIES_MAX = 200, /* ContextEntries */
    SIMULATED_WARNINGS_MAX = 100,
};

/* A policy of it. `id`: PolicyInputList.1, a managed policy's name, user_NAME_POLICY … */
struct simulated {
    struct span id, text;
    struct policy *compiled;
};

struct simulation {
    struct request *request;
    struct simulated *policies;     /* those of who asks */
    const struct policy **compiled; /* the same, as access.h takes them */
    size_t policy_count;
    struct simulated boundary, resource; /* compiled NULL: none */
    struct span resource_text;           /* ResourcePolicy; compiled for the bucket of a resource */
    struct span resource_bucket;
    struct span *warnings; /* what of the policies can match nothing here */
    size_t warning_count;

    const struct identity *identity; /* whose principal it is; NULL: nobody in particular */
    struct policy_principal principal;
    uint64_t account;
    struct span resource_owner; /* 12 digits; absent: the account */
    struct policy_context *context;
    bool with_state;           /* LakegateResourceState */
    struct bucket_info bucket; /* whose state was looked at; id 0: none */
    bool tags_of_state;        /* context has the tags of the object that was simulated last */

    const struct span *actions, *resources;
    size_t action_count, resource_count;
    bool resources_named; /* ResourceArns came */
};

/* The bucket of arn:aws:s3:::BUCKET and arn:aws:s3:::BUCKET/KEY; absent for others. key: absent for buckets */
struct span simulation_bucket(struct span resource, struct span *ret_key);

/* ACLs and public access block of the resource's bucket, and the object's tags, where they were asked for.
 * err: ACCESS_DENIED: who asks may not read them */
enum s3_err simulation_add_state(
    struct simulation *simulation, struct span resource, struct access_request *access) MUST_USE;
void simulation_write_state(struct buf *out, const struct simulation *simulation,
    const struct access_request *access, const struct access_result *result);

/* Takes what simulation_… gave. */
void simulation_free(struct simulation *simulation);

/* Reads what both actions share: ActionNames, ResourceArns, boundary, ResourcePolicy, ResourceOwner.
 * err: VALIDATION_ERROR, INVALID_INPUT */
enum s3_err simulation_read(struct simulation *simulation) MUST_USE;
/* Adds PolicyInputList. err: INVALID_INPUT: one does not compile, or there are too many */
enum s3_err simulation_add_inputs(struct simulation *simulation) MUST_USE;
/* Adds what a user, group or role has: inline and attached policies, of a user those of its groups, and the
 * boundary. err: NO_SUCH_ENTITY, INVALID_INPUT */
enum s3_err simulation_add_source(struct simulation *simulation, struct span arn) MUST_USE;
/* The principal by ARN; absent: a user without name; "anonymous": who does not sign, which AWS's simulator does not know.
 * err: INVALID_INPUT */
enum s3_err simulation_set_caller(struct simulation *simulation, struct span arn) MUST_USE;
/* ContextEntries, and before them what is known of the principal. err: VALIDATION_ERROR, INVALID_INPUT */
enum s3_err simulation_read_context(struct simulation *simulation) MUST_USE;
/* Decides all that the page shows, and answers. err: INVALID_INPUT: ResourcePolicy fits no resource */
enum s3_err simulation_answer(struct simulation *simulation, const struct iam_query *page) MUST_USE;

#endif
