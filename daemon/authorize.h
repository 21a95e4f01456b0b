/* May this principal do this to that? The one place that decides, at the headers, before the body is read:
 * identity policies, boundary, session, bucket policy, ACLs and the public access block, in AWS's order
 * (access.h). One thread at a time has a request. Nothing here blocks or commits.
 *
 * Resources: objects are arn:aws:s3:::BUCKET/KEY, buckets arn:aws:s3:::BUCKET, what has no bucket "*".
 * src: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3" */
#ifndef DAEMON_AUTHORIZE_H
#define DAEMON_AUTHORIZE_H

#include "access.h"
#include "daemon/request.h"

/* The step of the pipeline. Loads the target's bucket into request->bucket, unless the operation makes it:
 * a missing one is NO_SUCH_BUCKET for everybody, as on AWS. Asks for the row's action, or for what the request
 * makes of it (a version's, several).
 * err: ACCESS_DENIED, NO_SUCH_BUCKET, INVALID_BUCKET_NAME (CreateBucket only), what key_check says
 * of the key, and the store's faults */
enum s3_err authorize(struct request *request) MUST_USE;

/* A question about one resource. */
struct access_ask {
    const char *action;               /* "s3:GetObject" */
    const struct bucket_info *bucket; /* NULL: no bucket, resource "*" */
    struct span key;                  /* absent: the bucket itself */
    struct span version_id;           /* s3:VersionId; absent: the newest */
    struct span prefix;               /* s3:prefix; absent: what the request asks for */
    struct span location;             /* s3:LocationConstraint of CreateBucket */
    struct span if_match;             /* s3:if-match of a key that DeleteObjects names */
    /* that an object is to get, NULL: those of the request; that a bucket is to get or to lose, NULL: not read yet */
    const struct tags *tags;
};

/* The answer alone: no error is set. ret_result may be NULL. */
bool authorize_allows(
    struct request *request, const struct access_ask *ask, struct access_result *ret_result);

/* The same, as an error of the request. authorize_also() in request.h is this without a version.
 * err: ACCESS_DENIED */
enum s3_err authorize_ask(struct request *request, const struct access_ask *ask) MUST_USE;

/* What is not there is told only to who may list the bucket: asked before NO_SUCH_KEY and its kind.
 * err: ACCESS_DENIED */
enum s3_err authorize_missing(struct request *request, const struct bucket_info *bucket) MUST_USE;

/* CreateBucket, once its body is read: policies may look at the location and the tags.
 * err: ACCESS_DENIED */
enum s3_err authorize_create_bucket(
    struct request *request, struct span location, const struct tags *tags) MUST_USE;

/* A question of the Query API (IAM, STS). */
struct iam_ask {
    const char *action;                    /* "iam:CreateUser", "sts:AssumeRole" */
    struct span resource;                  /* ARN; absent: "*" */
    uint64_t account_id;                   /* whose the resource is; 0: nobody's */
    const struct policy *resource_policy;  /* a role's trust policy, which must allow; NULL: none */
    const struct policy_tag *request_tags; /* aws:RequestTag/…, aws:TagKeys */
    size_t request_tag_count;
    const struct policy_tag *resource_tags; /* aws:ResourceTag/… */
    size_t resource_tag_count;
    /* keys that only this action has: iam:PolicyARN, iam:PermissionsBoundary …; one that comes several times in
     * a row has several values (sts:TransitiveTagKeys) */
    const struct iam_value {
        enum policy_key key;
        struct span value;
    } * values;
    size_t value_count;
};

/* err: ACCESS_DENIED with AWS's message: "User: ARN is not authorized to perform: ACTION on resource: ARN
 * because no identity-based policy allows the ACTION action" */
enum s3_err authorize_iam(struct request *request, const struct iam_ask *ask) MUST_USE;

/* An action on the daemon itself (metrics, settings, accounts): for the first account's root and for its
 * identities whose policies allow it.
 * err: ACCESS_DENIED */
enum s3_err authorize_system(struct request *request, const char *action) MUST_USE;

/* An action on what the principal's own account has beside buckets: links.
 * err: ACCESS_DENIED */
enum s3_err authorize_own(struct request *request, const char *action) MUST_USE;

#endif
