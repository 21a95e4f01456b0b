/* AWS Signature Version 4, the verifier's side (and the signer's, for clients and tests), in stages
 * that can be tested one by one: parse → canonical request → string to sign → signature.
 * Pure but for the signing key cache, which locks inside; memory comes from the caller's arena.
 * src: AWS IAM User Guide, "Create a signed AWS API request"; Amazon S3 API Reference,
 * "Authenticating Requests (AWS Signature Version 4)" */
#ifndef S3PROTO_SIGV4_H
#define S3PROTO_SIGV4_H

#include "base/digest.h"
#include "headers.h"
#include "target.h"

enum {
    SIGV4_HEX_BYTES = 64,
    SIGV4_SCOPE_PART_MAX_BYTES = 64, /* region; service */
    SIGV4_SKEW_MAX_S = 15 * 60,
    SIGV4_EXPIRES_MAX_S = 7 * 24 * 3600,
};

enum sigv4_kind { SIGV4_ANONYMOUS, SIGV4_HEADER, SIGV4_PRESIGNED };

/* What x-amz-content-sha256 says of the body. */
enum sigv4_payload {
    SIGV4_PAYLOAD_HASH,             /* 64 hex digits, in payload_sha256_hex */
    SIGV4_PAYLOAD_UNSIGNED,         /* UNSIGNED-PAYLOAD, or absent in a presigned request */
    SIGV4_PAYLOAD_UNSIGNED_TRAILER, /* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
    SIGV4_PAYLOAD_CHUNKED,          /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
    SIGV4_PAYLOAD_CHUNKED_TRAILER,  /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER */
};

struct sigv4_auth {
    enum sigv4_kind kind;
    struct span access_key;
    struct span date; /* YYYYMMDD of the scope */
    struct span region;
    struct span service;
    struct span signed_headers; /* as sent: a;b;c */
    struct span signature;      /* as sent; of a verified request 64 lowercase hex digits */
    struct span session_token;  /* absent without one */
    struct span timestamp; /* YYYYMMDDTHHMMSSZ; absent when the Date header gave an HTTP date */
    int64_t time_s;        /* Unix seconds */
    int64_t expires_s;     /* presigned only */
    enum sigv4_payload payload;
    /* The last line of the canonical request, as sent (hex digits in either case). Absent when a
     * service other than S3 was named and the header did not come: the caller sets it to the hash
     * of the body before it verifies, else no signature matches. */
    struct span payload_sha256_hex;
};

/* Reads who signs and how, and checks form, not truth. A request with neither an Authorization
 * header nor X-Amz-* signing parameters is SIGV4_ANONYMOUS. x-amz-content-sha256 is read for
 * anonymous too. in:  method, target, headers   as received out: ret_auth   borrows from target and
 * headers; *ret_detail, a literal, says what is wrong err: UNSUPPORTED_SIGNATURE (SigV2, other
 * algorithms, both ways at once → INVALID_ARGUMENT "Only one auth mechanism allowed"),
 * AUTHORIZATION_HEADER_MALFORMED, AUTHORIZATION_QUERY_PARAMETERS_ERROR (X-Amz-Expires out
 * of 1..604800 among them), INVALID_REQUEST when an anonymous request announces signed chunks,
 * INVALID_ARGUMENT for a bad x-amz-content-sha256 or an unknown scheme, ACCESS_DENIED when there is
 * no usable x-amz-date or Date, host is not signed, or (S3) an x-amz-* header that was sent is not
 * signed */
enum s3_err sigv4_parse(const struct target *target, const struct header_list *headers,
    struct sigv4_auth *ret_auth, const char **ret_detail) MUST_USE;

/* Is the request's time acceptable? now_s: Unix seconds.
 * err: REQUEST_TIME_TOO_SKEWED; presigned: REQUEST_EXPIRED, REQUEST_NOT_YET_VALID;
 *      AUTHORIZATION_HEADER_MALFORMED (presigned: AUTHORIZATION_QUERY_PARAMETERS_ERROR) when the
 *      scope's date is not that of the timestamp */
enum s3_err sigv4_check_time(const struct sigv4_auth *auth, int64_t now_s) MUST_USE;

/* normalize: collapse "//", "." and ".." in the path, as services other than S3 do (and the
 * published vectors expect); S3 never does. Encodes the path once for S3, twice otherwise. */
struct span sigv4_canonical_request(struct arena *arena, struct span method,
    const struct target *target, const struct header_list *headers, const struct sigv4_auth *auth,
    bool normalize);

struct span sigv4_string_to_sign(
    struct arena *arena, const struct sigv4_auth *auth, struct span canonical_request);

/* HMAC chain of secret, date, region, service. */
void sigv4_signing_key(struct span secret, struct span date, struct span region,
    struct span service, uint8_t ret_key[static SHA256_BYTES]);

/* 64 lowercase hex digits and a NUL. */
void sigv4_sign(const uint8_t key[static SHA256_BYTES], struct span string_to_sign,
    char ret_hex[static SIGV4_HEX_BYTES + 1]);

/* The day's signing keys by (access key, secret, date, region, service), bounded; thread-safe. */
struct sigv4_key_cache;
struct sigv4_key_cache *sigv4_key_cache_new(void);
void sigv4_key_cache_free(struct sigv4_key_cache *cache);
void sigv4_key_cache_get(struct sigv4_key_cache *cache, const struct sigv4_auth *auth,
    struct span secret, uint8_t ret_key[static SHA256_BYTES]);

/* Verifies the signature of a request whose form sigv4_parse accepted. For S3 a signature
 * over the path just as it was sent (in a header signature the query too) is accepted as well,
 * since older curls make such. out: ret_key  the signing key, for chunks; ret_canonical and
 * ret_string_to_sign for the error's XML err: SIGNATURE_DOES_NOT_MATCH, INTERNAL when the arena
 * overflows */
enum s3_err sigv4_verify(struct arena *arena, struct sigv4_key_cache *cache, struct span method,
    const struct target *target, const struct header_list *headers, const struct sigv4_auth *auth,
    struct span secret, uint8_t ret_key[static SHA256_BYTES], struct span *ret_canonical,
    struct span *ret_string_to_sign) MUST_USE;

/* For signers: the value of an Authorization header over these headers (host, x-amz-date and
 * x-amz-content-sha256 must be among them). service: "s3", "iam" … NUL-terminated. */
struct span sigv4_authorization(struct arena *arena, struct span method,
    const struct target *target, const struct header_list *headers, struct span access_key,
    struct span secret, struct span region, struct span service);

struct sigv4_signer {
    struct span access_key, secret_key;
    struct span session_token;   /* absent: long-lived keys */
    struct span region, service; /* "us-east-1", "s3" */
};
enum { SIGV4_SIGNED_HEADERS_MAX = 32 };

/* For clients: all headers of a signed request: Host, x-amz-date, x-amz-content-sha256, the session's token,
 * those handed in, and Authorization over them.
 * in:  raw_target    path and query as sent
 *      extra         more headers, signed too
 *      body_sha256   64 hexadecimal digits, or UNSIGNED-PAYLOAD
 *      now_s         Unix seconds
 * out: ret_headers   borrows from what was handed in, and from the arena
 * err: INVALID_URI as target_parse; INVALID_ARGUMENT for too many headers; INTERNAL when the arena overflows */
enum s3_err sigv4_sign_request(struct arena *arena, const struct sigv4_signer *signer,
    struct span method, struct span raw_target, struct span host, const struct header_list *extra,
    struct span body_sha256, int64_t now_s, struct header_list *ret_headers) MUST_USE;

#endif
