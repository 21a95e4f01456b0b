/* What all listings of a bucket share: objects (both forms), versions and uploads. The arguments
 * that they read alike, and the XML that they write alike, straight into the response with no
 * memory per entry. Element order is that of S3's own answers, which is not the order of its
 * reference. One thread at a time has a listing.
 *
 * src: Amazon S3 API Reference, "ListObjects",
 * "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads" */
#ifndef DAEMON_OPS_LISTING_XML_H
#define DAEMON_OPS_LISTING_XML_H

#include "daemon/ops/arguments.h"

enum { LISTING_MAX = 1000, LISTING_RUN_BYTES = 512 };

struct listing_run {
    bool valid;
    uint64_t key; /* of what is in it */
    size_t len;
    char xml[LISTING_RUN_BYTES];
};

struct listing {
    struct request *request;
    struct span prefix;        /* empty when not sent */
    struct span delimiter;     /* absent when not sent */
    struct span encoding_type; /* as sent ("url" in any case); absent when not sent */
    int32_t asked;             /* the page size as asked for, which most listings show */
    size_t max;                /* … and as served: at most LISTING_MAX */
    struct buf *out;           /* the response, once it is begun */

    /* Runs of elements that most entries of a page have alike, as they were last written. */
    struct listing_run owner, checksum, tail;
};

/* Reads the page size from the parameter max_name, encoding-type, prefix and delimiter.
 * err: INVALID_ARGUMENT. A negative page size is left to argument_not_negative, since S3 looks at
 * other parameters first; until then max is 0 */
enum s3_err listing_parse(
    struct request *request, const char *max_name, struct listing *ret_listing) MUST_USE;

/* Where a listing goes on behind a marker: a marker inside a group stands for the whole group,
 * which S3 never shows again. */
struct span listing_after(const struct listing *listing, struct span marker);

/* The page that the query asks the store for; where no entries are wanted, an empty one that is not truncated.
 * err: as the store's */
enum s3_err listing_read(const struct listing *listing, const struct list_query *query,
    struct list_page *ret_page) MUST_USE;

/* Begins the response; room for `entries` entries is made at once. */
void listing_begin(struct listing *listing, struct span root, size_t entries);
/* err: INTERNAL when the response did not fit its buffer */
enum s3_err listing_end(struct listing *listing, struct span root) MUST_USE;

/* <element>name</element>, a key or a part of one: URL-encoded under encoding-type=url. */
void listing_name(struct listing *listing, struct span element, struct span name);
/* <EncodingType> when one was sent. */
void listing_encoding(struct listing *listing);
/* <element><ID/><DisplayName/></element> */
void listing_owner(struct listing *listing, struct span element, uint64_t account_id);
/* LastModified, ETag, ChecksumAlgorithm, ChecksumType, Size, Owner, StorageClass of an object. */
void listing_object(struct listing *listing, const struct object_info *info, bool with_owner);
/* <ETag>&quot;…&quot;</ETag> */
void listing_etag(struct listing *listing, const struct etag *etag);
/* <CommonPrefixes><Prefix>…</Prefix></CommonPrefixes> */
void listing_common_prefix(struct listing *listing, struct span prefix);
/* Every <Contents> of a page, then every <CommonPrefixes>: the order of S3's answers. */
void listing_contents(struct listing *listing, const struct list_page *page, bool with_owner);

#endif
