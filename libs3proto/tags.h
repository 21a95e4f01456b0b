/* Tags: names and values that a user puts on a bucket or an object. Read from XML or from a header, checked by
 * AWS's rules, and written back. Pure; memory is the caller's arena.
 *
 * src: Amazon S3 API Reference, "PutBucketTagging", "PutObjectTagging", "TagResource"; User Guide, "Categorizing
 * your objects using tags"; AWS Billing User Guide, "User-defined tag restrictions" */
#ifndef LIBS3PROTO_TAGS_H
#define LIBS3PROTO_TAGS_H

#include "xml_read.h"
#include "xml_write.h"

enum {
    TAGS_BUCKET_MAX = 50,
    TAGS_OBJECT_MAX = 10,
    TAG_KEY_MAX_UNITS = 128, /* UTF-16 units, as AWS counts */
    TAG_VALUE_MAX_UNITS = 256,
};

struct tag {
    struct span key; /* never empty; case matters */
    struct span value;
};

struct tags {
    struct tag *items; /* in the order given; no key twice */
    size_t count;
};

/* What is wrong with a tag. */
struct tags_fault {
    const char *message; /* a literal */
    struct span key;     /* <TagKey>; absent: none is shown */
    struct span value;   /* <TagValue>; absent: none is shown */
};

/* The <Tag> children of an element.
 * in:  max  TAGS_BUCKET_MAX or TAGS_OBJECT_MAX
 * out: ret_tags untouched on error; ret_fault filled on INVALID_TAG and BAD_REQUEST
 * err: MALFORMED_XML (no Key or Value, another element), BAD_REQUEST (too many), INVALID_TAG, INTERNAL */
enum s3_err tags_read(struct arena *arena, const struct xml_node *parent, size_t max,
    struct tags *ret_tags, struct tags_fault *ret_fault) MUST_USE;

/* <Tagging><TagSet><Tag>… err: as tags_read */
enum s3_err tagging_parse(struct arena *arena, struct span document, size_t max,
    struct tags *ret_tags, struct tags_fault *ret_fault) MUST_USE;

/* The value of x-amz-tagging: "key=value&key2=value2", percent-encoded, '+' is a space; without '=' the value is
 * empty. At most TAGS_OBJECT_MAX.
 * out: ret_tags untouched on error; ret_fault filled on error
 * err: INVALID_ARGUMENT (wrongly encoded, no UTF-8, a key twice), BAD_REQUEST (too many), INVALID_TAG, INTERNAL */
enum s3_err tags_from_query(struct arena *arena, struct span text, struct tags *ret_tags,
    struct tags_fault *ret_fault) MUST_USE;

/* <Tag><Key>…</Key><Value>…</Value></Tag> for each. */
void tags_write(struct buf *out, const struct tags *tags);
/* The whole <Tagging> document. */
void tagging_write(struct buf *out, const struct tags *tags);

/* What tags_from_query reads back as these. */
void tags_write_query(struct buf *out, const struct tags *tags);

/* The value of a key; absent when there is no such tag. */
struct span tags_find(const struct tags *tags, struct span key);

#endif
