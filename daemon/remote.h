/* S3 servers elsewhere, as sources: the daemon's only way out. Buckets there are only read: HEAD, GET,
 * ListObjectsV2, GetObjectTagging; anonymous, or signed with credentials that live as long as the bucket's
 * handle. Where it may go is decided by reach.h: by name before a request is made, by address at each
 * connect. Redirects are not followed: the bucket's region is learnt from the refusal, and the request made
 * once more to that region's endpoint, which is checked like any other.
 *
 * All bytes from there are hostile: everything is bounded, listings must move forward.
 * Thread-safe. Handles are the caller's. The true cause of a failure is in the log; a caller learns no
 * more than enum remote_err, so that a refusal, a closed port and a time-out look alike. */
#ifndef DAEMON_REMOTE_H
#define DAEMON_REMOTE_H

#include "base/arena.h"
#include "base/integrity.h"
#include "daemon/http_engine.h"
#include "tags.h"

struct config;
struct log;
struct remote;
struct remote_bucket;
struct remote_read;

enum {
    REMOTE_ERROR_BYTES = 256,
    REMOTE_CODE_BYTES = 64,
    REMOTE_LIST_KEYS_MAX = 1000,
    REMOTE_LIST_MAX_BYTES = 8 * 1024 * 1024, /* of one page of a listing, as XML */
    REMOTE_URL_MAX_BYTES = 16 * 1024,
};

enum remote_err {
    REMOTE_OK,
    REMOTE_NOT_ALLOWED,  /* no endpoint that the settings allow, or none at all: nothing was sent */
    REMOTE_UNREACHABLE,  /* no connection. Worth another try */
    REMOTE_BROKEN,       /* the response broke off, or stalled. Worth another try */
    REMOTE_BUSY,         /* 429, 500, 502, 503, 504. Worth another try; see retry_after_ms */
    REMOTE_NOT_FOUND,    /* 404 */
    REMOTE_DENIED,       /* 401, 403 */
    REMOTE_CHANGED,      /* 412: not what If-Match names any more */
    REMOTE_NOT_MODIFIED, /* 304 */
    REMOTE_RANGE,        /* 416 */
    REMOTE_REFUSED,      /* any other status */
    REMOTE_NONSENSE,     /* an answer that no S3 server gives */
    REMOTE_CANCELLED,
    REMOTE_NO_MEMORY,
};

/* Is the same request worth another try? */
bool remote_retryable(enum remote_err err);
/* A few words for whoever asked, that say nothing of this machine's network: "cannot be reached". A literal. */
const char *remote_text(enum remote_err err);

struct remote_failure {
    enum remote_err err;
    int status;                   /* HTTP; 0: none came */
    uint64_t retry_after_ms;      /* 0: nothing was said; at most REMOTE_RETRY_AFTER_MAX_MS */
    char code[REMOTE_CODE_BYTES]; /* S3's, letters and digits only; "" when there was none (HEAD) */
};

/* When to try again: 0.2 s doubling to 20 s, of it a random half to whole; Retry-After where it is longer.
 * Zeroed before the first failure. */
struct remote_backoff {
    unsigned failures;
};
enum { REMOTE_RETRY_AFTER_MAX_MS = 120 * 1000 };
/* After a failure. out: *ret_wait_ms  untouched when false
 * False: not worth it (remote_retryable), or tries_max requests have been made. */
bool remote_backoff_next(struct remote_backoff *backoff, const struct remote_failure *failure,
    unsigned tries_max, uint64_t *ret_wait_ms) MUST_USE;

/* in:  config  remote_endpoints, remote_addresses, remote_ca_file
 * out: NULL with *ret_error, a line for the user. Until remote_listening nothing can be reached. */
struct remote *remote_new(
    const struct config *config, struct log *log, char ret_error[static REMOTE_ERROR_BYTES]);
/* The daemon's own addresses, as server_address() has them, which are not to be reached. Once. */
void remote_listening(struct remote *remote, const struct span *addresses, size_t count);
/* Breaks off all that is under way and begins nothing more: who waits for an answer gets CANCELLED. Does not block;
 * takes NULL. */
void remote_halt(struct remote *remote);
/* The same, and ends. All buckets and reads have been given back, or are within their
 * on_end. Takes NULL. */
void remote_free(struct remote *remote);

/* What names a bucket elsewhere. All texts are copied. */
struct remote_source {
    struct span
        endpoint_url; /* http[s]://HOST[:PORT]; absent or empty: AWS's endpoint of the region */
    struct span bucket;
    struct span region;     /* absent or empty: learnt; until then us-east-1 */
    struct span access_key; /* absent or empty: anonymous */
    struct span secret_key, session_token;
};

/* err: REMOTE_NOT_ALLOWED (also: the bucket's name is none, the URL is none), REMOTE_NO_MEMORY */
enum remote_err remote_bucket_open(struct remote *remote, const struct remote_source *source,
    struct remote_bucket **ret_bucket) MUST_USE;
/* Reads that are under way keep what they need. The last wipes the credentials. Takes NULL. */
void remote_bucket_close(struct remote_bucket *bucket);
/* Who waits in remote_head and its kind gets REMOTE_CANCELLED, now and whenever they are called after this. */
void remote_bucket_break(struct remote_bucket *bucket);
/* The region as known by now. Copied into the arena. */
struct span remote_bucket_region(struct remote_bucket *bucket, struct arena *arena);

/* What is asked of an object. Spans are copied by the call that takes it. */
struct remote_get {
    struct span key;
    struct span version_id; /* absent: the newest */
    struct span if_match;   /* as ETag was sent; absent: not asked. So are the next three */
    struct span if_none_match, if_modified_since, if_unmodified_since;
    uint32_t part_number; /* 0: not asked */
    bool has_range;       /* bytes first to last, both included */
    uint64_t first, last; /* last UINT64_MAX: to the end */
    bool suffix_range;    /* the last `last` bytes; has_range is false */
    bool head;            /* HEAD: no body */
};

/* What the head of the answer says. Spans are valid as long as who handed it over says. */
struct remote_object {
    int status;              /* 200, 206 */
    uint64_t content_length; /* of this answer's body; HEAD: as it would be */
    uint64_t size_bytes;     /* of the whole object; of a part (part_number) that part's, unless
                                  Content-Range tells the object's */
    uint64_t first;          /* where this body begins in the object */
    struct span
        etag_text;       /* as sent, with its quotes; never absent: an object without is NONSENSE */
    bool has_etag;       /* it is one as S3 makes them: */
    struct etag etag;    /* the caller knows whether it may be an MD5 (SSE-KMS's is not) */
    int64_t modified_ms; /* Unix milliseconds; 0: not said */
    uint32_t parts_count; /* x-amz-mp-parts-count; 0: not said */
    uint64_t tag_count;   /* x-amz-tagging-count */
    struct checksum
        checksum; /* x-amz-checksum-…, of the object (of HEAD with a part_number: that part);
                                  algo DIGEST_NONE: none was sent */
    struct header_list headers; /* all, as sent: for metadata */
};

/* Everything that it points to. False when the arena overflows. */
bool remote_object_copy(struct arena *arena, const struct remote_object *object,
    struct remote_object *ret_object) MUST_USE;

struct remote_read_events {
    /* Before the body. False: it is cancelled. */
    bool (*on_head)(void *ctx, const struct remote_object *object);
    enum http_take (*on_body)(void *ctx, struct span bytes);
    /* Exactly once and last; err REMOTE_OK: all of content_length came, no byte more. */
    void (*on_end)(void *ctx, const struct remote_failure *failure);
};

/* Asks for an object; checksums are asked for with it. Callbacks run on the engine's thread, as
 * http_engine.h has it: short, without blocking, without remote_head and its kind.
 * out: NULL when memory runs out, or the request cannot be made; then no callback comes, and ret_failure says why */
struct remote_read *remote_read_start(struct remote_bucket *bucket, const struct remote_get *get,
    const struct remote_read_events *events, void *ctx,
    struct remote_failure *ret_failure) MUST_USE;
/* http_transfer_resume's, cancel's and free's contracts. */
void remote_read_resume(struct remote_read *read);
void remote_read_cancel(struct remote_read *read);
void remote_read_free(struct remote_read *read);

/* The same for an object's tags: the body is a document, the head says nothing of an object.
 * in:  version_id  absent: the newest */
struct remote_read *remote_tags_start(struct remote_bucket *bucket, struct span key,
    struct span version_id, const struct remote_read_events *events, void *ctx,
    struct remote_failure *ret_failure) MUST_USE;
/* That document, checked as one that is put here. err: NONSENSE, NO_MEMORY */
enum { REMOTE_TAGS_MAX_BYTES = 64 * 1024 };
enum remote_err remote_tags_parse(
    struct arena *arena, struct span document, struct tags *ret_tags) MUST_USE;

/* What follows blocks until the answer is there: for workers and jobs' threads, not for callbacks. One
 * try each (and one more for the region). Memory is the arena's. ret_failure is always filled. */

enum remote_err remote_head(struct remote_bucket *bucket, struct arena *arena,
    const struct remote_get *get, struct remote_object *ret_object,
    struct remote_failure *ret_failure) MUST_USE;

struct remote_list_query {
    struct span prefix;    /* absent or empty: all */
    struct span delimiter; /* absent or empty: none */
    struct span
        start_after; /* absent or empty: from the beginning. With a token it is what the page must lie behind */
    struct span token; /* of the page before; absent: the first */
    uint32_t max_keys; /* 1 to 1000 */
};

struct remote_entry {
    bool is_prefix; /* a common prefix: only key is set, and ends with the delimiter */
    struct span key;
    uint64_t size_bytes;
    struct span etag_text;
    bool has_etag;
    struct etag etag;
    int64_t modified_ms;
    struct span storage_class; /* may be absent */
};

/* Entries in the order of keys, each after start_after and within prefix, none twice. */
struct remote_listing {
    struct remote_entry *entries;
    size_t count;
    struct span next_token; /* absent: this was the last page */
};

/* A page. NONSENSE for one that breaks the order or leaves the prefix, has over max_keys entries, is over
 * REMOTE_LIST_MAX_BYTES, or goes on with a token that it was asked with. For the next page hand in next_token
 * and, as start_after, the last entry's key: then pages together move forward, too. */
enum remote_err remote_list(struct remote_bucket *bucket, struct arena *arena,
    const struct remote_list_query *query, struct remote_listing *ret_listing,
    struct remote_failure *ret_failure) MUST_USE;

/* An object's tags, checked as those that are put here. */
enum remote_err remote_tags(struct remote_bucket *bucket, struct arena *arena, struct span key,
    struct span version_id, struct tags *ret_tags, struct remote_failure *ret_failure) MUST_USE;

#endif
