/* The policy document of a POST form: when it expires and which conditions the form's fields meet. Pure.
 * src: Amazon S3 API Reference, "POST Policy" */
#ifndef S3PROTO_POST_POLICY_H
#define S3PROTO_POST_POLICY_H

#include "base/arena.h"
#include "form.h"
#include "s3_err.h"

enum {
    POST_POLICY_MAX_BYTES = 64 * 1024, /* decoded */
    POST_POLICY_CONDITIONS_MAX = 512,
};

enum post_match { POST_MATCH_EQ, POST_MATCH_STARTS_WITH };

struct post_condition {
    enum post_match match;
    struct span field; /* without the '$', as written */
    struct span value;
    struct span text; /* as errors show it: ["eq", "$key", "a"] */
};

struct post_policy {
    int64_t expires_ms; /* Unix */
    const struct post_condition *conditions;
    size_t count;
    bool has_range; /* content-length-range */
    uint64_t min_bytes, max_bytes;
};

/* in:  text  base64 of the JSON, as the form has it
 * out: ret_policy  in the arena; *ret_detail  on error what is wrong, in the arena; may stay untouched
 * err: INVALID_POLICY_DOCUMENT, INTERNAL when the arena overflows */
enum s3_err post_policy_parse(struct arena *arena, struct span text, struct post_policy *ret_policy,
    struct span *ret_detail) MUST_USE;

/* Do the fields (the file among them) meet it? bucket stands for the field of that name, which need not be in
 * the form. Every field but those that sign, the file and x-ignore-* must be named by a condition.
 * now_ms: Unix milliseconds
 * err: ACCESS_DENIED, with AWS's text in *ret_detail */
enum s3_err post_policy_check(struct arena *arena, const struct post_policy *policy,
    const struct form_field *fields, size_t count, struct span bucket, int64_t now_ms,
    struct span *ret_detail) MUST_USE;

#endif
