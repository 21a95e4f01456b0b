/* What the actions of users, groups and roles have in common: the same in all but kind and name. Each is a
 * whole action: it reads its parameters, asks and answers. */
#ifndef DAEMON_QUERY_ENTITIES_H
#define DAEMON_QUERY_ENTITIES_H

#include "daemon/query.h"

/* A page of all of a kind, in <list><member>…. */
enum s3_err query_list_entities(
    struct request *request, enum iam_kind kind, struct span list) MUST_USE;
/* The one that the required parameter names. */
enum s3_err query_delete_entity(
    struct request *request, enum iam_kind kind, enum query_param_id name) MUST_USE;

enum s3_err query_tag_entity(
    struct request *request, enum iam_kind kind, enum query_param_id name) MUST_USE;
enum s3_err query_untag_entity(
    struct request *request, enum iam_kind kind, enum query_param_id name) MUST_USE;
enum s3_err query_list_entity_tags(
    struct request *request, enum iam_kind kind, enum query_param_id name) MUST_USE;

/* As query_target, for what changes an entity's rights: the question has iam:PolicyARN (absent: none) and, as
 * iam:PermissionsBoundary, the boundary that the entity has; so who administers users can be held to those that
 * have one. src: Service Authorization Reference, "Actions defined by AWS IAM" */
enum s3_err query_target_rights(struct request *request, enum iam_kind kind, struct span name,
    struct span policy_arn, struct iam_entity *ret_entity) MUST_USE;

/* Inline policies. */
enum s3_err query_put_inline(
    struct request *request, enum iam_kind kind, enum query_param_id name) MUST_USE;
enum s3_err query_get_inline(
    struct request *request, enum iam_kind kind, enum query_param_id name) MUST_USE;
enum s3_err query_delete_inline(
    struct request *request, enum iam_kind kind, enum query_param_id name) MUST_USE;
enum s3_err query_list_inline(
    struct request *request, enum iam_kind kind, enum query_param_id name) MUST_USE;

/* <PermissionsBoundary> of an entity that has one. */
void query_boundary(struct buf *out, const struct iam_entity *entity);
/* Members of a page of entities, without boundary and tags, as AWS's lists are (of roles with trust policy,
 * description and duration), then the page's end. */
void query_entities(struct buf *out, struct span list, const struct iam_page *page);
/* What a role has beside query_entity: AssumeRolePolicyDocument, Description, MaxSessionDuration. */
void query_role_details(struct buf *out, const struct iam_entity *role);

#endif
