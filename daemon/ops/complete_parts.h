/* The list of parts of a CompleteMultipartUpload: whether it is what was uploaded, and what ETag
 * and checksums it makes. */
#ifndef DAEMON_OPS_COMPLETE_PARTS_H
#define DAEMON_OPS_COMPLETE_PARTS_H

#include "bodies.h"
#include "daemon/request.h"
#include "storage/storage_uploads.h"

/* What the headers say the whole object will be. */
struct complete_claims {
    struct checksum checksum; /* DIGEST_NONE: nothing; a COMPOSITE may come without its "-N" */
    bool has_type;
    enum checksum_type type;
    bool has_size;
    uint64_t size_bytes;
};

/* Reads x-amz-checksum-<algo>, x-amz-checksum-type and x-amz-mp-object-size.
 * err: INVALID_REQUEST */
enum s3_err complete_claims_read(
    struct request *request, struct complete_claims *ret_claims) MUST_USE;

/* Stands for the list, so that a repeated Complete is known again. */
void complete_parts_hash(const struct complete_body *body, uint8_t ret_hash[static MD5_BYTES]);

/* Checks the list against the parts that the upload has, and fills parts and attributes of
 * mutation->complete. A part's checksum need not be repeated in the list; one that is must match.
 * in:  page   all parts of the upload
 *      arena  for the choice; what the mutation points to lives in it
 * err: INVALID_PART_ORDER, INVALID_PART, ENTITY_TOO_SMALL, ENTITY_TOO_LARGE, BAD_DIGEST (the
 * object's checksum), INVALID_REQUEST (its algorithm, type or size) */
enum s3_err complete_parts_choose(struct request *request, struct arena *arena,
    const struct upload_info *upload, const struct part_page *page,
    const struct complete_body *body, const struct complete_claims *claims,
    struct mutation *mutation) MUST_USE;

#endif
