/* What a new version was made from: the source of a copy, which the store sees itself, and what the writer
 * declares: x-lakegate-source: /bucket/key?versionId=… (repeatable; a list with commas counts as several), or
 * the user metadata lakegate-source for clients that cannot set headers. Who declares a source must be allowed
 * to read it. One thread at a time has a request. */
#ifndef DAEMON_LINEAGE_H
#define DAEMON_LINEAGE_H

#include "daemon/request.h"
#include "storage/storage_lineage.h"

enum { LINEAGE_DECLARED_MAX = 100 }; /* sources of one request */

/* What is declared is looked at when an upload begins and again when it is complete: a source that went away
 * in between is left out then, since the upload cannot be repeated. */
enum lineage_missing { LINEAGE_MISSING_REFUSED, LINEAGE_MISSING_LEFT_OUT };

/* Fills mutation->lineage, for PUT_OBJECT, COPY_OBJECT, COMPLETE_UPLOAD and COPY_PART.
 * in:  copied    the version that is copied; bucket_id 0: from elsewhere, key is its URL; NULL: none
 *      metadata  of the new version where the request gives it; absent: no sources in it
 * err: INVALID_ARGUMENT (no source, too many, one that is not there), ACCESS_DENIED, the store's faults */
enum s3_err lineage_fill(struct request *request, struct mutation *mutation,
    const struct lineage_end *copied, struct span metadata, enum lineage_missing missing) MUST_USE;

#endif
