/* What a request says of ACLs: canned ones and grants in headers (of forms in fields, of presigned URLs in
 * the query), or an AccessControlPolicy document; and the owner and ACL that a new object gets by it.
 * One thread at a time has a request. Never blocks. src: Amazon S3 User Guide, "Access control list (ACL)
 * overview"; API Reference, "PutBucketAcl", "PutObjectAcl" */
#ifndef DAEMON_ACL_REQUEST_H
#define DAEMON_ACL_REQUEST_H

#include "daemon/acl.h"

struct acl_subject {
    bool is_bucket;
    uint64_t owner_id;        /* of what gets the ACL */
    uint64_t bucket_owner_id; /* for bucket-owner-read, bucket-owner-full-control */
};

/* x-amz-acl or x-amz-grant-*; *ret_said: there is one of them.
 * err: INVALID_REQUEST (both), INVALID_ARGUMENT, UNRESOLVABLE_GRANT_BY_EMAIL, MALFORMED_ACL (too many) */
enum s3_err acl_from_headers(struct request *request, const struct acl_subject *subject,
    struct acl *ret_acl, bool *ret_said) MUST_USE;

/* err: MALFORMED_ACL, ACCESS_DENIED (another owner), and as above */
enum s3_err acl_from_xml(struct request *request, const struct acl_subject *subject,
    struct span document, struct acl *ret_acl) MUST_USE;

/* Refuses grants to everybody where the public access block says so.
 * err: ACCESS_DENIED that names the switch, and how to lift it */
enum s3_err acl_check_public(
    struct request *request, const struct bucket_info *bucket, const struct acl *acl) MUST_USE;
bool acl_is_public(const struct acl *acl);

/* Is what the request says of ACLs allowed for an object of its bucket? For the headers, before the body.
 * err: ACCESS_CONTROL_LIST_NOT_SUPPORTED, and all of the above */
enum s3_err acl_check_object(struct request *request) MUST_USE;

/* Owner of a new object in the request's bucket, and its metadata run with its ACL in it.
 * err: as acl_check_object, METADATA_TOO_LARGE, INTERNAL */
enum s3_err acl_new_object(struct request *request, struct object_attributes *attributes) MUST_USE;

/* Ownership controls and ACL of a bucket that is being made. ret_acl_text: absent for the default.
 * err: INVALID_ARGUMENT, INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP,
 *      INVALID_BUCKET_ACL_WITH_BLOCK_PUBLIC_ACCESS */
enum s3_err acl_new_bucket(struct request *request, bool blocks_public,
    struct span *ret_ownership_text, struct span *ret_acl_text) MUST_USE;

/* <AccessControlPolicy> … */
enum s3_err acl_respond(struct request *request, const struct acl *acl) MUST_USE;

#endif
