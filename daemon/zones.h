/* Zones: the rules that a bucket's document (libs3proto/zones.h) or its tag lakegate:zone sets for the keys
 * under a prefix. The store holds the rules and decides them in the commit; here is what the daemon does
 * about them: which zone a key lies in, whether a copy may come from where it comes from, whether the same
 * content is there already (the bytes are compared before the commit), and what a refusal says.
 *
 * One thread at a time has a request. Nothing here tells a client anything before authorize has allowed
 * the request; what names another key asks for it first. */
#ifndef DAEMON_ZONES_H
#define DAEMON_ZONES_H

#include "daemon/request.h"
#include "libs3proto/zones.h"
#include "storage/storage_zones.h"
#include "storage/zone.h"

/* What may be read to compare one request's bytes with those of candidates, where no setting says. */
#define ZONES_COMPARE_DEFAULT_BYTES (UINT64_C(1) << 30)
enum {
    ZONES_CANDIDATES_MAX = 8,
    ZONES_METRICS_MAX = 256, /* zones on the metrics page */
    ZONES_METRICS_BUCKETS_MAX = 1000,
};

/* ---- which zone ---- */

/* A key's zone. Memory is the request's. */
struct zone_of {
    struct span name;             /* absent: the key lies in no zone */
    const struct zone_rule *rule; /* NULL: in no zone */
};

/* The zone that a key of a bucket lies in: for the condition keys lakegate:zone and lakegate:sourceZone.
 * Never blocks. A store that cannot tell fails the request: a policy may deny by the zone.
 * out: *ret_zone  {absent, NULL} when the key is in no zone; untouched on error
 * err: INTERNAL */
enum s3_err zones_of(struct request *request, const struct bucket_info *bucket, struct span key,
    struct zone_of *ret_zone) MUST_USE;

/* All rules of a bucket, as the store has them for this zones_generation; an empty set when it has none.
 * err: the store's faults */
enum s3_err zones_rules_of(struct request *request, const struct bucket_info *bucket,
    const struct zone_set **ret_set) MUST_USE;

/* x-lakegate-zone, when the request's key lies in a zone. After authorize; whatever comes of the request, the
 * header stays with its answer.
 * err: INTERNAL */
enum s3_err zones_announce(struct request *request) MUST_USE;

/* ---- the document ---- */

/* What holds for a bucket: its document, else what its tag stands for.
 * out: *ret_document  NULL: it has no zones. Good until request_free
 *      *ret_by_tag    may be NULL
 * err: INTERNAL, the store's faults */
enum s3_err zones_document_of(struct request *request, const struct bucket_info *bucket,
    const struct zones_document **ret_document, bool *ret_by_tag) MUST_USE;

/* A document's rules as the store takes them, in the request's arena.
 * err: INTERNAL */
enum s3_err zones_make_rules(struct request *request, const struct zones_document *document,
    const struct zone_rule **ret_rules, size_t *ret_count) MUST_USE;

/* Puts a document in place of the bucket's zones; absent: takes it away, and the tag counts again.
 * err: MALFORMED_ZONES with the place, ACCESS_DENIED (less would be retained), the store's faults */
enum s3_err zones_put(struct request *request, struct span text) MUST_USE;

/* The document that a value of the tag lakegate:zone stands for; absent: NULL.
 * err: INVALID_TAG: there is no such template */
enum s3_err zones_of_tag(struct request *request, struct span value,
    const struct zones_document **ret_document) MUST_USE;
#define ZONES_TAG SPAN("lakegate:zone")

/* ---- writing ---- */

/* Commits an object that a body makes (PUT_OBJECT: PutObject, POST forms), as request_commit does: `then`
 * looks at mutation->err and answers. Before it, bytes that the zone has already are looked for and
 * compared; when the commit says that this has changed meanwhile it is done again on a worker, so that no
 * thread waits. On error the stage is the request's again.
 * in:  size_bytes  of the content */
enum s3_err zones_commit(struct request *request, struct mutation *mutation, uint64_t size_bytes,
    enum s3_err (*then)(struct request *request, struct mutation *mutation)) MUST_USE;

/* Fills mutation->zone for PUT_OBJECT, COPY_OBJECT and COMPLETE_UPLOAD: what is there already, compared byte
 * by byte. To be called before every commit of it; again: the one before said CHANGED, so the bucket is read
 * anew. Blocks on the disk where there is something to compare.
 * err: INTERNAL, the store's faults */
enum s3_err zones_prepare(
    struct request *request, struct mutation *mutation, uint64_t size_bytes, bool again) MUST_USE;

/* May this key be copied from there? Also sets *ret_promotes: it comes out of another zone.
 * err: ACCESS_DENIED, naming zone and rule */
enum s3_err zones_check_source(struct request *request, const struct bucket_info *source_bucket,
    struct span source_key, bool *ret_promotes) MUST_USE;

/* Is the body that is about to come to be kept compressed? Text in a zone with Compress; what says that it is
 * encoded already is left alone.
 * err: INTERNAL, the store's faults */
enum s3_err zones_compress(struct request *request, bool *ret_compress) MUST_USE;
/* The same of a body that comes from elsewhere, by the metadata that will be kept with it. */
enum s3_err zones_compress_kept(
    struct request *request, struct span metadata, bool *ret_compress) MUST_USE;

/* Does the request ask to pass over a zone's retention, and may it?
 * key  absent: of the bucket's rules */
bool zones_bypass_retention(struct request *request, struct span key);

/* Is this the refusal of a zone? */
bool zones_refused(enum storage_err err);
/* Answers it: code, what was refused, zone and rule. */
enum s3_err zones_fail(
    struct request *request, const struct mutation *mutation, enum storage_err err) MUST_USE;

/* x-lakegate-duplicate-of: percent-encoded, and only for who may list or read that key. */
void zones_duplicate_header(struct request *request, struct span key);

/* ---- to see ---- */

/* lakegate_zone_… gauges, for who may see the names of buckets. */
void zones_metrics(struct request *request, struct buf *out);

#endif
