/* AWS's policy language: a text is compiled once into an immutable form, which any number of threads
 * evaluate without allocating. access.h combines several policies into one decision.
 *
 * src: IAM User Guide, "IAM JSON policy reference" (elements, grammar, evaluation logic); Service
 * Authorization Reference, "Actions, resources, and condition keys for Amazon S3". */
#ifndef LIBS3PROTO_POLICY_H
#define LIBS3PROTO_POLICY_H

#include "base/buf.h"
#include "base/span.h"

struct policy; /* compiled */

enum policy_kind {
    POLICY_IDENTITY, /* of users, groups, roles; boundaries; session policies: no Principal */
    POLICY_BUCKET,   /* of a bucket: Principal, and strict names; resources lie in the bucket */
    POLICY_TRUST,    /* who may assume a role: Principal, no Resource */
};

enum {
    POLICY_BUCKET_MAX_BYTES = 20 * 1024, /* src: AWS S3 User Guide, "Bucket policies" */
    POLICY_MANAGED_MAX_BYTES = 6 * 1024, /* without white space. src: IAM quotas */
    POLICY_TEXT_MAX_BYTES = 128 * 1024,  /* with it. src: IAM API Reference, PolicyDocument */
    POLICY_COMPILED_MAX_BYTES = 1024 * 1024,
    POLICY_DETAIL_BYTES = 400,
};

/* A principal that a policy names by ARN and that exists: users and roles are kept by their unique id, so
 * that one made anew under an old name is another. */
struct policy_resolver {
    /* principal: the ARN of a user or role, or an id: the 12 digits of an account (its root too), a unique
     * id, a canonical id. Returns the unique id of an ARN, an id itself; absent when there is none. It lives
     * as long as the compile call. NULL: everything exists, and ARNs are compared as text. */
    struct span (*unique_id)(void *ctx, struct span principal);
    void *ctx;
};

struct policy_options {
    enum policy_kind kind;
    struct span bucket; /* POLICY_BUCKET: its name */
    /* POLICY_BUCKET: of the text; else without white space. 0: POLICY_BUCKET_MAX_BYTES */
    size_t max_bytes;
    struct policy_resolver resolver;
    /* Called for what is kept and matches nothing here (other services, keys that AWS documents and
     * Lakegate lacks); the line names the place. May be NULL. */
    void (*warn)(void *ctx, const char *line);
    void *warn_ctx;
};

/* out: *ret_policy  the caller's; policy_free. Untouched on error
 *      ret_detail   on error, AWS's text and the place: "Statement[2].Condition.StringLike"
 * err: false: malformed, or memory ran out (then the detail says so) */
bool policy_compile(struct span text, const struct policy_options *options,
    struct policy **ret_policy, char ret_detail[static POLICY_DETAIL_BYTES]) MUST_USE;
/* Characters but for white space: what IAM's limits count. */
size_t policy_text_bytes(struct span text);
/* Takes NULL. */
void policy_free(struct policy *policy);
/* Memory that it takes, for caches with a bound. */
size_t policy_bytes(const struct policy *policy);
size_t policy_statement_count(const struct policy *policy);
/* A statement's Sid, absent without one; its place is "Statement[index]". */
struct span policy_statement_sid(const struct policy *policy, size_t index);

/* Calls back for each principal of the text that is a user's or role's ARN. */
void policy_each_principal(
    const struct policy *policy, void (*found)(void *ctx, struct span arn), void *ctx);

/* ---- the request as policies see it ---- */

/* Every condition key with one name, by number: POLICY_KEY_AWS_SOURCE_IP … (policy_keys.def) */
#define POLICY_KEY(id, name, type, lacking) POLICY_KEY_##id,
enum policy_key {
#include "policy_keys.def"
    POLICY_KEYS
};
#undef POLICY_KEY

/* Families of keys that end in a tag's name: aws:PrincipalTag/team */
enum policy_tag_family {
    POLICY_TAGS_PRINCIPAL,       /* aws:PrincipalTag/ */
    POLICY_TAGS_REQUEST,         /* aws:RequestTag/ */
    POLICY_TAGS_RESOURCE,        /* aws:ResourceTag/, s3:BucketTag/, iam:ResourceTag/ */
    POLICY_TAGS_EXISTING_OBJECT, /* s3:ExistingObjectTag/ */
    POLICY_TAGS_REQUEST_OBJECT,  /* s3:RequestObjectTag/ */
    POLICY_TAGS_ACCESS_POINT,    /* s3:AccessPointTag/: nothing here has them */
    POLICY_TAG_FAMILIES
};

struct policy_tag {
    struct span name, value;
};

struct policy_values {
    const struct span *items;
    size_t count; /* 0: the key is absent */
};

/* What conditions and policy variables look at. Borrowed; zero what is absent. */
struct policy_context {
    struct policy_values keys[POLICY_KEYS];
    struct {
        const struct policy_tag *items;
        size_t count;
    } tags[POLICY_TAG_FAMILIES];
    int64_t now_s; /* Unix seconds: aws:CurrentTime and aws:EpochTime */
};

/* Does any statement of it look at this key (also through a variable)? Then it is worth filling. */
bool policy_uses_key(const struct policy *policy, enum policy_key key);
bool policy_uses_tags(const struct policy *policy, enum policy_tag_family family);
/* The key of this name, any case; POLICY_KEYS: none. Tag families: *ret_family is set, *ret_tag is the
 * tag's name, and the result POLICY_KEYS. */
enum policy_key policy_key_named(
    struct span name, enum policy_tag_family *ret_family, struct span *ret_tag);

/* "aws:SourceIp". key: not POLICY_KEYS */
struct span policy_key_name(enum policy_key key);

/* What an action works on. */
enum policy_on { POLICY_ON_OBJECT, POLICY_ON_BUCKET, POLICY_ON_SYSTEM };

/* An action of S3 or Lakegate (policy_actions.def). */
struct policy_action {
    struct span name;
    enum policy_on on;
    bool served; /* false: AWS documents it, and nothing here is authorized by it */
};

/* The known actions that a pattern means ("s3:Get*", any case), one after the other: begin with NULL;
 * NULL after the last. */
const struct policy_action *policy_action_next(
    struct span pattern, const struct policy_action *after);

enum policy_principal_kind {
    POLICY_ANONYMOUS,
    POLICY_ACCOUNT_ROOT,
    POLICY_USER,
    POLICY_ROLE_SESSION, /* assumed role */
    POLICY_FEDERATED_USER,
};

struct policy_principal {
    enum policy_principal_kind kind;
    struct span account; /* 12 digits; absent for anonymous */
    /* arn:aws:iam::ACCOUNT:user/path/name, …:root, arn:aws:sts::ACCOUNT:assumed-role/name/session … */
    struct span arn;
    struct span unique_id; /* AIDA…; of a session AROA…:name; of root the account */
    /* POLICY_ROLE_SESSION: of the role; POLICY_FEDERATED_USER: of the user who asked for the token */
    struct span role_arn, role_id;
    struct span canonical_id; /* of the account, 64 hex digits: CanonicalUser */
};

enum policy_effect { POLICY_NO_MATCH, POLICY_ALLOW, POLICY_DENY };

/* How closely a statement's Principal named who asks: it decides what an implicit deny elsewhere
 * means. src: IAM User Guide, "Policy evaluation logic" */
enum policy_named {
    POLICY_NAMED_ACCOUNT = 1, /* the account or its root: delegates only */
    POLICY_NAMED_ROLE = 2,    /* the role of a session */
    POLICY_NAMED_EXACTLY = 4, /* the user, the session; always where policies name nobody */
    POLICY_NAMED_ANYONE = 8,  /* "*" */
};

struct policy_request {
    const struct policy_principal *principal;
    struct span action;   /* "s3:GetObject" */
    struct span resource; /* "arn:aws:s3:::bucket/key" */
    const struct policy_context *context;
    /* NotPrincipal with Deny hits principals that have a boundary, whoever it names. */
    bool has_boundary;
};

struct policy_verdict {
    enum policy_effect effect; /* a Deny wins over any Allow */
    /* index of the deciding one: the Deny, or the first Allow that reaches farthest */
    size_t statement;
    /* POLICY_ALLOW: enum policy_named, by which statements allowed; complete unless it has EXACTLY or
     * ANYONE, to which nothing could be added */
    unsigned named;
};

/* Never allocates, never blocks; takes at most 100,000 steps of matching, after which no Allow applies and
 * every Deny does. */
void policy_evaluate(const struct policy *policy, const struct policy_request *request,
    struct policy_verdict *ret_verdict);

/* Is a bucket policy public, in AWS's sense? Non-public: every Allow names fixed principals or fixes one of
 * the keys that AWS lists. src: S3 User Guide, "The meaning of public" */
bool policy_is_public(const struct policy *policy);

/* ---- pieces of use elsewhere ---- */

/* "*" any run, "?" one character (UTF-8); at worst the product of both lengths. */
bool policy_glob(struct span pattern, struct span text, bool ignore_case) MUST_USE;

#endif
