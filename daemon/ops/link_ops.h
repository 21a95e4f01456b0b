/* What operations do on a linked bucket: reads go to the source, writes are none. Whoever calls one of these has
 * the request to itself. */
#ifndef DAEMON_OPS_LINK_OPS_H
#define DAEMON_OPS_LINK_OPS_H

#include "daemon/links.h"
#include "daemon/request.h"
#include "tags.h"

/* After authorize has allowed it: when the request's bucket is a link, request->link is set, and request->op becomes
 * what serves it. What a bucket says of itself stays as it is: an empty bucket's.
 * err: METHOD_NOT_ALLOWED for all that writes, NOT_IMPLEMENTED */
enum s3_err link_take_over(struct request *request) MUST_USE;

enum s3_err link_get_object(struct request *request);
enum s3_err link_head_object(struct request *request);
enum s3_err link_list_objects(struct request *request);
enum s3_err link_list_objects_v2(struct request *request);
enum s3_err link_object_tagging(struct request *request);

/* The key at the source, in the arena.
 * err: NO_SUCH_KEY when it would be too long */
enum s3_err link_key(struct request *request, const struct link *link, struct span key,
    struct span *ret_key) MUST_USE;

/* An object's tags, of a key here; versions are the source's. Where the source keeps its tags from who may read its
 * objects, as public buckets do, there are none: copies of large objects ask for them first.
 * err: as link_fail, SLOW_DOWN */
enum s3_err link_tags(struct request *request, const struct link *link,
    const struct bucket_info *bucket, struct span key, struct span version_id,
    struct tags *ret_tags) MUST_USE;

/* Answers what the source said, or that nothing came. key: what was asked for; absent: the bucket */
enum s3_err link_fail(struct request *request, const struct bucket_info *bucket, struct span key,
    const struct remote_failure *failure) MUST_USE;

/* Begins a call that waits for the source; then link_leave. err: SLOW_DOWN; SERVICE_UNAVAILABLE when the link has no
 * way to its source any more */
enum s3_err link_enter(struct request *request, const struct link *link) MUST_USE;
void link_leave(struct request *request);

#endif
