/* What a bucket may be called, what a key may be, what names a copy's source. Pure. */
#ifndef S3PROTO_NAMES_H
#define S3PROTO_NAMES_H

#include "base/arena.h"
#include "s3_err.h"

enum { KEY_MAX_BYTES = 1024, BUCKET_NAME_MIN_BYTES = 3, BUCKET_NAME_MAX_BYTES = 63 };

/* src: Amazon S3 User Guide, "General purpose bucket naming rules" (reserved prefixes and suffixes too) */
bool bucket_name_valid(struct span name);

/* err: KEY_TOO_LONG over 1024 bytes; INVALID_URI for NUL or invalid UTF-8; INVALID_ARGUMENT when empty */
enum s3_err key_check(struct span key) MUST_USE;

struct copy_source {
    struct span bucket;
    struct span key;
    struct span version_id; /* absent: the newest */
};

/* x-amz-copy-source: URL-encoded "bucket/key", with or without a leading slash and "?versionId=".
 * A '+' is a space, as S3 has it: programs in Java send what URLEncoder makes.
 * err: INVALID_ARGUMENT */
enum s3_err copy_source_parse(
    struct arena *arena, struct span text, struct copy_source *ret_source) MUST_USE;

/* Opaque listing tokens: what a listing goes on after, wrapped so that clients do not read it. */
struct span token_encode(struct arena *arena, struct span after);
/* err: INVALID_ARGUMENT "The continuation token provided is incorrect" */
enum s3_err token_decode(struct arena *arena, struct span token, struct span *ret_after) MUST_USE;

#endif
