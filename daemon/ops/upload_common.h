/* What the operations on multipart uploads share. */
#ifndef DAEMON_OPS_UPLOAD_COMMON_H
#define DAEMON_OPS_UPLOAD_COMMON_H

#include "daemon/request.h"
#include "storage/storage_uploads.h"

/* The upload that ?uploadId= names, completed ones included, for what puts parts into it or ends it.
 * err: NO_SUCH_UPLOAD; ACCESS_DENIED when another account began it */
enum s3_err request_upload(struct request *request, struct upload_info *ret_upload) MUST_USE;
/* The same for what takes parts.
 * err: NO_SUCH_UPLOAD when it is completed, too */
enum s3_err request_upload_open(struct request *request, struct upload_info *ret_upload) MUST_USE;

/* ?partNumber=.
 * err: INVALID_ARGUMENT unless it is 1 to 10,000 */
enum s3_err upload_part_number(struct request *request, uint32_t *ret_number) MUST_USE;

/* What PutObject and UploadPart refuse before they take a body, which may be 5 GiB: headers that ask
 * for what is not there, and for a part a number out of range or an upload that is not open.
 * err: those of object_refuse_unsupported, upload_part_number and request_upload_open */
enum s3_err upload_admit(struct request *request) MUST_USE;

enum s3_err upload_no_such(struct request *request) MUST_USE;
/* The algorithm of a part is not that of its upload. */
enum s3_err upload_checksum_mismatch(
    struct request *request, enum digest_algo expected, enum digest_algo actual) MUST_USE;

/* "crc32" …, "null" for DIGEST_NONE: as S3's messages name algorithms. */
const char *upload_algo_text(enum digest_algo algo);

#endif
