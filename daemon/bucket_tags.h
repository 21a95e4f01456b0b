/* The tags of a bucket: kept as the XML that GetBucketTagging answers, DOCUMENT_TAGGING. One tag is more than a
 * word: lakegate:zone makes the bucket a zone (zones.h). One thread at a time has a request. */
#ifndef DAEMON_BUCKET_TAGS_H
#define DAEMON_BUCKET_TAGS_H

#include "daemon/request.h"
#include "tags.h"

/* out: *ret_tags  good until request_free; NULL when the bucket has no tags
 * err: INTERNAL, the store's faults */
enum s3_err bucket_tags_of(struct request *request, const struct bucket_info *bucket,
    const struct tags **ret_tags) MUST_USE;

/* The document of tags, in the request's arena.
 * err: INTERNAL */
enum s3_err bucket_tags_text(
    struct request *request, const struct tags *tags, struct span *ret_text) MUST_USE;

/* What becomes of a bucket's tags: new ones out of those that are there (NULL: none), no key twice. May be
 * asked more than once, when somebody else changes them meanwhile. None: they are taken away. */
struct bucket_tags_change {
    enum s3_err (*make)(struct request *request, const struct tags *before, const void *ctx,
        struct tags *ret_after);
    const void *ctx;
};

/* A change of the tag lakegate:zone is one of the bucket's zones, and needs what that needs (zones_rules.c).
 * err: what make says, INVALID_TAG (no such template), ACCESS_DENIED, the store's faults */
enum s3_err bucket_tags_change(
    struct request *request, const struct bucket_tags_change *change) MUST_USE;

/* Says what is wrong with tags, of objects too: message, <TagKey> and <TagValue>. Returns err. */
enum s3_err tags_fail(
    struct request *request, enum s3_err err, const struct tags_fault *fault) MUST_USE;

#endif
