/* Which actions a request needs, beyond the one of its row: of a version, of headers that ask for more, of
 * uploads that another began. One thread at a time has a request.
 * src: Amazon S3 User Guide, "Required permissions for Amazon S3 API operations"; "Multipart upload API and
 * permissions" */
#ifndef DAEMON_AUTHORIZE_RULES_H
#define DAEMON_AUTHORIZE_RULES_H

#include "daemon/authorize.h"

/* The row's action, or that of the version which ?versionId= names. */
struct access_ask authorize_main_ask(const struct request *request);

/* Another action on what the request names, or on the version of it. */
struct access_ask authorize_ask_of(const struct request *request, const char *action);

/* What headers ask for besides: ACLs, tags, conditions, bypassing retention.
 * err: ACCESS_DENIED */
enum s3_err authorize_rules(struct request *request, const struct bucket_info *bucket) MUST_USE;

/* What anonymous requests may not, whatever a policy says.
 * err: ACCESS_DENIED with AWS's message */
enum s3_err authorize_anonymous(struct request *request) MUST_USE;

/* The bucket policy is for the owner's account alone, also where it allows others.
 * err: METHOD_NOT_ALLOWED */
enum s3_err authorize_owner_only(struct request *request) MUST_USE;

/* May the request go on because its principal began the upload? For AbortMultipartUpload and ListParts. */
bool authorize_as_initiator(struct request *request);

/* Is this header (lower case) a condition key of the action, and does the operation read it? Elsewhere it says
 * nothing, to the operation and so to the policy. */
bool authorize_believes(const struct request *request, const char *action, struct span header);

#endif
