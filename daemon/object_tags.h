/* The tags of objects: what a request says of them, and what is kept. They stand in the object's run of metadata
 * (metadata.h) as METADATA_TAGS: name, newline, value, newline, for each, in the order of the names' bytes, so that
 * the same tags are the same bytes; neither has a newline in it. One thread at a time has a request. Nothing blocks.
 * src: Amazon S3 User Guide, "Categorizing your objects using tags"; API Reference, "PutObjectTagging" */
#ifndef DAEMON_OBJECT_TAGS_H
#define DAEMON_OBJECT_TAGS_H

#include "daemon/request.h"
#include "tags.h"

/* What the request gives to the object that it makes: x-amz-tagging, in a form the field `tagging`. None for what
 * makes no object, and for a CopyObject that takes its source's. Read once for a request.
 * out: *ret_tags  good as long as the request; count 0: none
 * err: INVALID_ARGUMENT (no form of a query, a name twice, two headers), BAD_REQUEST (too many), INVALID_TAG, of a
 *      form MALFORMED_XML */
enum s3_err object_tags_requested(struct request *request, const struct tags **ret_tags) MUST_USE;
/* Is it a CopyObject that has tags of its own? err: INVALID_ARGUMENT */
enum s3_err object_tags_replaced(struct request *request, bool *ret_replaced) MUST_USE;

/* The body of PutObjectTagging.
 * err: MALFORMED_XML, BAD_REQUEST, INVALID_TAG */
enum s3_err object_tags_of_body(struct request *request, struct tags *ret_tags) MUST_USE;

/* The tags that a run of metadata has; texts are borrowed from it. err: INTERNAL */
enum s3_err object_tags_kept(
    struct request *request, struct span metadata, struct tags *ret_tags) MUST_USE;
/* The run with these tags instead of those that it has.
 * err: METADATA_TOO_LARGE, INTERNAL */
enum s3_err object_tags_keep(
    struct request *request, const struct tags *tags, struct span *metadata) MUST_USE;

/* x-amz-tagging-count, where there are any and who asks may read them. */
void object_tags_count_header(struct request *request, size_t count);
size_t object_tags_count(struct span metadata);

#endif
