/* Signature Version 2 in presigned URLs, the verifier's side. boto3 and aws-cli 1 still make them
 * for us-east-1 and for endpoints of one's own unless they are told signature_version = s3v4. The
 * header form and signed bodies of that version are not spoken. Pure; memory comes from the
 * caller's arena. src: Amazon S3 User Guide, "Signing and authenticating REST requests (AWS
 * signature version 2)" */
#ifndef S3PROTO_SIGV2_H
#define S3PROTO_SIGV2_H

#include "sigv4.h"

/* Has the query AWSAccessKeyId and Signature? */
bool sigv2_is_presigned(const struct query *query);

/* Is the query parameter signed, when it is there? x-amz-* are, besides. */
bool sigv2_signs(struct span parameter);

/* Reads who signs. Checks form, not truth.
 * out: ret_auth  kind SIGV4_PRESIGNED; time_s is when the URL expires, signature is Base64; the
 * rest of what version 4 has is absent. Borrows from target and headers err: INVALID_ARGUMENT
 * (another mechanism besides, a payload that only version 4 can sign), ACCESS_DENIED (a parameter
 * is missing or is no number) */
enum s3_err sigv2_parse(const struct target *target, const struct header_list *headers,
    struct sigv4_auth *ret_auth, const char **ret_detail) MUST_USE;

/* What is signed. x-amz-* and Content-Type come from the headers, and from the query where a header
 * does not say them: signers move them there. bucket_slash: with
 * a slash behind the path. Absent when the arena overflows. */
struct span sigv2_string_to_sign(struct arena *arena, struct span method,
    const struct target *target, const struct header_list *headers, bool bucket_slash);

/* err: REQUEST_EXPIRED, SIGNATURE_DOES_NOT_MATCH, INTERNAL when the arena overflows
 * out: ret_string_to_sign for the error's XML */
enum s3_err sigv2_verify(struct arena *arena, struct span method, const struct target *target,
    const struct header_list *headers, const struct sigv4_auth *auth, struct span secret,
    int64_t now_s, struct span *ret_string_to_sign) MUST_USE;

#endif
