/* What the tests of objects and uploads share: content that can be told apart, its digests as
 * another program computed them, and the steps of a multipart upload. */
#ifndef TESTS_OPS_SUPPORT_OBJECT_H
#define TESTS_OPS_SUPPORT_OBJECT_H

#include "tests/ops/support.h"

/* expected NULL: the header is not there. */
#define assert_header(reply, name, expected)                                                       \
    check_header(&(reply), (name), (expected), __FILE__, __LINE__)
void check_header(
    const struct reply *reply, const char *name, const char *expected, const char *file, int line);

/* Byte i of the content with this seed is (i * 2654435761 + seed * 40503) mod 2^32, bits 13 to 20.
 * The caller frees it. */
char *content_new(unsigned seed, size_t len);

/* Three parts: seed 1, 5 MiB; seed 2, 5 MiB and 17 bytes; seed 3, 12,345 bytes. */
enum { SAMPLE_PARTS = 3 };
struct sample_part {
    size_t len;
    const char *etag; /* quoted MD5 */
};
extern const struct sample_part sample_parts[SAMPLE_PARTS];
#define SAMPLE_SIZE_BYTES (2 * 5242880 + 17 + 12345)
#define SAMPLE_ETAG "\"8420f162fd8b328d6aad880c68205f21-3\""
#define SAMPLE_CRC64NVME "+T8MoRc2b6E="

struct sample_checksums {
    const char *algo;   /* "CRC32" */
    const char *header; /* "x-amz-checksum-crc32" */
    const char *parts[SAMPLE_PARTS];
    const char *full;      /* of the whole content */
    const char *composite; /* of the parts' */
};
/* CRC32, CRC32C, SHA1, SHA256, CRC64NVME */
extern const struct sample_checksums sample_checksums[5];

/* The bytes of the sample, made once; parts are runs of it. Freed by sample_free. */
struct sample {
    char *bytes;
    struct span parts[SAMPLE_PARTS];
    struct span whole;
};
void sample_make(struct sample *sample);
void sample_free(struct sample *sample);

struct upload {
    const char *key; /* percent-encoded */
    char id[64];
};

/* CreateMultipartUpload in bucket "bkt". */
struct upload upload_begin(struct world *world, const char *key, const char *headers);
struct reply upload_send(struct world *world, const struct upload *upload, unsigned number,
    const char *headers, struct span content);
/* headers name the source. */
struct reply upload_copy(
    struct world *world, const struct upload *upload, unsigned number, const char *headers);
/* parts: what goes into <CompleteMultipartUpload>. */
struct reply upload_complete(
    struct world *world, const struct upload *upload, const char *headers, const char *parts);
struct reply upload_abort(struct world *world, const struct upload *upload);

#define PART(number, etag) "<Part><PartNumber>" #number "</PartNumber><ETag>" etag "</ETag></Part>"

#endif
