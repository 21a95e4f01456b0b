/* Access control lists of buckets and objects: who is granted READ, WRITE, READ_ACP, WRITE_ACP or
 * FULL_CONTROL. They count only where object ownership (ownership.h) is not BucketOwnerEnforced. An object's
 * list travels in its metadata run (METADATA_ACL), a bucket's is DOCUMENT_ACL; where none is kept, the owner
 * has FULL_CONTROL and nobody else anything. Any thread; never blocks.
 * src: Amazon S3 User Guide, "Access control list (ACL) overview" */
#ifndef DAEMON_ACL_H
#define DAEMON_ACL_H

#include "daemon/request.h"

/* src: the same page: "An ACL can have up to 100 grants" */
enum { ACL_GRANTS_MAX = 100 };

/* Who puts an object without saying who they are: AWS's anonymous user owns it then. */
enum { ANONYMOUS_ACCOUNT_ID = 0 };

enum acl_permission {
    ACL_NOTHING = 0,
    ACL_READ = 1, /* bits, so that one grant may be asked for another's */
    ACL_WRITE = 2,
    ACL_READ_ACP = 4,
    ACL_WRITE_ACP = 8,
    ACL_FULL_CONTROL = 15,
};

enum acl_grantee { ACL_ACCOUNT, ACL_ALL_USERS, ACL_AUTHENTICATED_USERS, ACL_LOG_DELIVERY };

struct acl_grant {
    enum acl_grantee grantee;
    uint64_t account_id; /* ACL_ACCOUNT */
    enum acl_permission permission;
};

struct acl {
    uint64_t owner_id;
    const struct acl_grant *grants;
    size_t count;
};

/* "READ" … */
struct span acl_permission_name(enum acl_permission permission);
bool acl_permission_by_name(struct span name, enum acl_permission *ret_permission) MUST_USE;
/* "http://acs.amazonaws.com/groups/global/AllUsers" …; absent for accounts. */
struct span acl_group_uri(enum acl_grantee grantee);
bool acl_group_by_uri(struct span uri, enum acl_grantee *ret_grantee) MUST_USE;

/* As it is kept, in the arena: "1:F *:R". Absent on overflow. */
struct span acl_text(struct arena *arena, const struct acl *acl);
bool acl_read(struct span text, struct acl_grant ret_grants[static ACL_GRANTS_MAX],
    size_t *ret_count) MUST_USE;
/* The owner has FULL_CONTROL, and nobody else anything: nothing is kept then. */
bool acl_is_default(const struct acl *acl);

/* What a bucket or an object has; good as long as the request.
 * err: INTERNAL (also what is kept and makes no sense), the store's faults */
enum s3_err acl_of_bucket(
    struct request *request, const struct bucket_info *bucket, struct acl *ret_acl) MUST_USE;
enum s3_err acl_of_object(
    struct request *request, const struct object_info *info, struct acl *ret_acl) MUST_USE;

/* What ACLs and ownership say of an action on a bucket or an object. */
struct acl_verdict {
    uint64_t owner_id; /* the account that owns the resource: access_request.resource_account */
    /* The object belongs to another account than its bucket: the bucket policy's Allow does not reach it,
     * its Deny does. access_request.resource_cannot_allow */
    bool foreign;
    bool allows; /* a grant allows the action to who asks: access_request.acl_allows */
    /* There is no such object, and a grant lets who asks list: unless a policy denies it, they may know. Nothing is
     * allowed by that, since the object may come about before the operation looks. */
    bool missing;
};

/* who: mostly request->principal. action "s3:GetObject" …; key absent: the bucket itself; version_id absent: the newest. What is not there
 * belongs to the bucket's owner. A grant to everybody counts unless the public access block ignores it. A
 * grant to the asking identity's own account says nothing beyond the owner's: the account's policies decide
 * that. Costs one read of the index where the object's owner matters and ACLs are on, none where they are off.
 * err: INTERNAL, the store's faults */
enum s3_err acl_judge(struct request *request, const struct principal *who,
    const struct bucket_info *bucket, struct span key, struct span version_id, const char *action,
    struct acl_verdict *ret_verdict) MUST_USE;

/* The object that a decision depends on, as it is now, remembered for acl_still_holds.
 * out: *ret_there  false where there is no such object, or a delete marker; then ret_info is not filled
 * err: the store's faults */
enum s3_err acl_look_at(struct request *request, const struct bucket_info *bucket, struct span key,
    struct span version_id, struct object_info *ret_info, bool *ret_there) MUST_USE;

/* Is an action asked for an object that the request is about to make? What is there under its key now says nothing. */
bool acl_is_of_new_object(const struct request *request, const char *action);

/* Is a version that was read the one that acl_judge looked at? Where ACLs are on, or tags count, one that was put
 * meanwhile may be another's matter: every operation that reads an object asks, when it has it.
 * err: SERVICE_UNAVAILABLE: the client tries again */
enum s3_err acl_still_holds(struct request *request, uint64_t bucket_id, struct span key,
    const struct object_info *info) MUST_USE;

#endif
