/* A request on its way through the pipeline, and its response. HTTP is nowhere in it, so every operation
 * can be run without it: fill a struct request, call op->run, look at request->response.
 *
 * One thread at a time has a request: the I/O thread that received it, or the worker that runs its
 * operation. Memory that lives as long as it comes from request->arena. */
#ifndef DAEMON_REQUEST_H
#define DAEMON_REQUEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "daemon/stream.h"
#include "headers.h"
#include "s3_err.h"
#include "sigv4.h"
#include "storage/storage.h"
#include "target.h"

#include <stdatomic.h>

struct daemon;    /* daemon/daemon.h: configuration, store, key cache, metrics, log */
struct receive;   /* daemon/receive.c: the body on its way in */
struct body_head; /* daemon/body_head.h: its beginning, when that says who asks or what */
struct documents_held;
struct lineage_end; /* storage/storage_lineage.h */
struct link;        /* daemon/links.h */
struct post_form;   /* daemon/post_form.h */
struct query_call;  /* daemon/query.h */
struct tags;        /* tags.h */
struct zones_held;  /* daemon/zones.h */
struct request;

enum method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_PUT,
    METHOD_POST,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER
};
enum body_kind { BODY_NONE, BODY_XML, BODY_BLOB, BODY_FORM, BODY_QUERY };
enum op_class { CLASS_INLINE, CLASS_COMMIT, CLASS_WORKER };

/* A row of ops.def. */
struct op {
    const char *name;
    enum method method;
    enum target_scope scope;
    const char *sub_resource; /* "name" or "name=value"; NULL: not asked */
    const char *header;       /* NULL: not asked */
    const char *action;       /* NULL, outside ops.def: anyone may */
    enum body_kind body;
    enum op_class class;
    enum s3_err (*run)(struct request *request);
    bool own_credentials; /* asks by itself who it is: nothing is authenticated before */
};

#define S3_OP(name, method, scope, sub_resource, header, action, body, class)                      \
    enum s3_err op_##name(struct request *request);
#include "daemon/ops.def"
#undef S3_OP

/* The table, in the order of ops.def (route.c). */
extern const struct op ops_table[];
extern const size_t ops_count;

/* ROOT: the first account's root, bound by no session. IDENTITY: every other that is known. */
enum principal_kind { PRINCIPAL_ANONYMOUS, PRINCIPAL_ROOT, PRINCIPAL_IDENTITY };

struct principal {
    enum principal_kind kind;
    struct span access_key; /* absent for anonymous */
    uint64_t account_id;
};

/* The object whose owner and ACL were looked at to authorize; acl.h. */
struct acl_judged {
    bool set;
    uint64_t bucket_id;
    struct span key;
    uint64_t sequence; /* of the version; 0: there was none */
};

/* An account as owners are shown. */
struct shown_owner {
    uint64_t account_id;
    struct span canonical_id, name;
};

/* What receive made of the body. For BODY_BLOB everything is verified (payload hash, chunk signatures,
 * Content-MD5, checksum) before op->run sees it. */
struct body {
    struct span text;    /* BODY_XML, BODY_QUERY */
    struct stage *stage; /* BODY_BLOB, finished; NULL when empty. An op that hands it to a mutation
                            TAKEs it; what is left is discarded with the request */
    uint64_t size_bytes; /* decoded */
    struct etag etag;    /* MD5, part_count 0 */
    uint64_t crc64nvme;
    /* verified or computed as asked; DIGEST_NONE when the client said nothing */
    struct checksum checksum;
    /* the client named an algorithm (header, trailer or sdk-checksum-algorithm) */
    bool checksum_asked;
};

enum response_kind { RESPONSE_EMPTY, RESPONSE_BUFFER, RESPONSE_BLOB, RESPONSE_STREAM };

enum { RESPONSE_HEADERS_MAX = 256 };

struct response {
    int status;             /* HTTP; 0 until the op or the error sets it */
    struct header *headers; /* in the arena; grows to RESPONSE_HEADERS_MAX */
    size_t header_count, header_capacity;
    enum response_kind kind;
    struct buf buffer;                 /* RESPONSE_BUFFER */
    struct blob_reader *reader;        /* RESPONSE_BLOB; closed with the request */
    uint64_t blob_offset, blob_length; /* the run to send */
    struct stream stream;              /* RESPONSE_STREAM; closed with the request */
    uint64_t content_length; /* what Content-Length says; for HEAD without a body behind it, and for
                                streams. STREAM_LENGTH_UNKNOWN: there is none */
    bool has_content_length; /* HEAD: content_length is the object's */
};

/* The steps of the pipeline, for the share of time that each takes. */
enum step {
    STEP_PARSE,
    STEP_ROUTE,
    STEP_AUTHENTICATE,
    STEP_AUTHORIZE,
    STEP_RECEIVE,
    STEP_RUN,
    STEP_RESPOND,
    STEPS
};

struct request {
    struct daemon *daemon;
    struct arena arena;

    char id[17];          /* x-amz-request-id: 16 hex digits and a NUL */
    int64_t received_ms;  /* Unix milliseconds */
    uint64_t received_ns; /* monotonic, for times in log and metrics */

    enum method method;
    struct span method_text;
    struct span raw_target; /* as sent */
    struct target target;
    struct header_list headers;
    struct span peer;        /* address as text, without a port */
    bool secure;             /* TLS */
    struct span tls_version; /* "1.3"; absent without TLS. A literal */

    const struct op *op; /* NULL until routed */
    struct sigv4_auth auth;
    uint8_t signing_key[SHA256_BYTES];             /* when auth.kind is not anonymous */
    struct span canonical_request, string_to_sign; /* for SignatureDoesNotMatch */
    struct principal principal;
    const struct identity *identity; /* identities.h; a reference. NULL: anonymous */
    struct shown_owner owner;        /* the last that was asked for */
    struct acl_judged judged;
    struct bucket_info bucket; /* the target's bucket as authorize loaded it; id 0: not loaded */
    const struct link *link;   /* a reference, when the bucket is a link; NULL: it is none */
    struct documents_held *documents; /* bucket_documents.h */

    struct {
        uint32_t client; /* an address */
        size_t bytes;
    } head_taken;            /* of daemon->heads */
    struct body_head *head;  /* NULL: no body that begins with who asks, or its head is over */
    struct receive *receive; /* NULL: no body is expected */
    struct post_form *form;  /* NULL: no form */
    struct body body;
    struct query_call *query; /* what is called of IAM or STS; NULL elsewhere */
    struct response response;

    /* A change that is committed after the operation gave its thread back; see request_commit. */
    bool may_defer;
    struct mutation *deferred;
    enum s3_err (*deferred_then)(struct request *request, struct mutation *mutation);
    uint64_t deferred_ns;                          /* when it was handed over */
    enum s3_err (*again)(struct request *request); /* a worker is to run this; see request_again */
    void *again_ctx;                               /* the operation's, between tries */

    struct span source_bucket,
        source_key; /* what it reads, if not its target; for findings of damage */

    const struct tags
        *tags;        /* object_tags.h: what it gives its object; NULL: none, or not read yet */
    bool tags_unread; /* policies look at the tags of a body that is still to come: authorize.c */

    struct zones_held *zones;  /* zones.h: the rules that were read */
    struct span duplicate_key; /* the key that has the same content; absent: none is known */

    /* A request that the daemon makes itself for who set it a task (jobs/copy_put.h): principal and identity were
     * set by who made it, and it has no signature. */
    bool made_here;
    const struct lineage_end
        *fetched; /* where such a one has its content from; NULL: from nowhere */

    uint64_t step_ns[STEPS];
    uint64_t step_began_ns;
    uint64_t bytes_in; /* of the body as sent, framing included */

    /* The error that is answered. */
    enum s3_err err;
    struct span err_detail; /* replaces the table's message when present; client may see it */
    struct span err_fields; /* more XML inside <Error>, ready made */
    const char *err_file;   /* where it was raised, for the log */
    int err_line;
    const char *err_cause; /* what the store said, for the log alone; may be NULL */

    void *http; /* the server's side of it; NULL without HTTP */
};

/* max arena memory a request may take */
enum { REQUEST_ARENA_BYTES = 8 * 1024 * 1024 };

/* Makes a zeroed request ready: arena, id, times. */
void request_init(struct request *request, struct daemon *daemon);
/* Gives back all it has: stage, reader, buffers, arena; wipes the signing key. */
void request_free(struct request *request);

/* Sets the error with where it was raised and, when detail is not NULL, the message for the client (a
 * literal or arena memory). Returns err, so `return FAIL(request, NO_SUCH_KEY, NULL);`. */
enum s3_err request_fail(
    struct request *request, enum s3_err err, const char *detail, const char *file, int line);
#define FAIL(request, NAME, detail)                                                                \
    request_fail((request), S3_ERR_##NAME, (detail), __FILE__, __LINE__)
/* The store's errors as the client's; one switch (storage_map.c). STORAGE_CORRUPT, IO and INTERNAL are
 * logged as they are and answered InternalError. */
enum s3_err request_storage_fail(
    struct request *request, enum storage_err err, const char *file, int line);
#define FAIL_STORAGE(request, err) request_storage_fail((request), (err), __FILE__, __LINE__)

/* The last thing an operation does when it has one change to make: commits it, then `then` looks at
 * mutation->err and answers. The mutation is arena memory. Where the request may be deferred this returns
 * at once and no thread waits for the disk: `then` runs when the change is there. Else it blocks. */
enum s3_err request_commit(struct request *request, struct mutation *mutation,
    enum s3_err (*then)(struct request *request, struct mutation *mutation)) MUST_USE;

/* From the function that request_commit was given, in place of an answer: what was read has changed, and
 * `run` does it anew, on a worker where the request was deferred. The caller bounds how often. */
enum s3_err request_again(
    struct request *request, enum s3_err (*run)(struct request *request)) MUST_USE;

/* Adds <name>text</name>, escaped, to the error's XML. */
void request_error_field(struct request *request, struct span name, struct span text);

/* Request header and query parameter: absent when not sent. Names in lower case for headers. */
struct span request_header(const struct request *request, struct span name);
struct span request_query(const struct request *request, struct span name);
bool request_has_query(const struct request *request, struct span name);

/* Who takes a share of what all live of (shares.h): the access key, or the address of who has none. Nobody can
 * choose to fall together with another. */
uint32_t request_client(const struct request *request);

/* Response headers. The name is a literal in the case in which it is sent; the value is copied into the
 * arena (…_borrowed: not copied, lives as long as the request). CR, LF and NUL never get into one. */
void response_header(struct request *request, const char *name, struct span value);
void response_header_borrowed(struct request *request, const char *name, struct span value);
void response_header_u64(struct request *request, const char *name, uint64_t value);
/* Status and an XML body that the op writes into the returned buffer; Content-Type is set. */
struct buf *response_xml(struct request *request, int status);
/* The bytes [offset, offset+length) of a blob; the reader is taken over. */
void response_blob(struct request *request, int status, struct blob_reader *reader, uint64_t offset,
    uint64_t length);
/* A body that is made while it is sent; stream.h has the contract. The source is taken over whatever comes of
 * it: refused, it is closed before this returns. The last thing that an operation does, so that it can end with
 * `return response_stream(…)`; what can be found wrong is better found before, as an error.
 * in:  length_bytes  of the whole body, or STREAM_LENGTH_UNKNOWN
 * err: SLOW_DOWN     as many as there may be (setting `streams`) are under way */
enum s3_err response_stream(struct request *request, int status, const struct stream_source *source,
    uint64_t length_bytes) MUST_USE;

/* May the principal do this to another resource than the target? For copies' sources and the keys of
 * DeleteObjects. key absent: the bucket itself.
 * err: ACCESS_DENIED */
enum s3_err authorize_also(struct request *request, const char *action,
    const struct bucket_info *bucket, struct span key) MUST_USE;

/* The settings that operations look at. */
struct span request_region(const struct request *request);
/* Canonical user id (64 hex digits) and display name of an account, as owners are shown; the name of one that is
 * gone is empty. */
struct span account_canonical_id(struct request *request, uint64_t account_id);
struct span account_display_name(struct request *request, uint64_t account_id);
struct storage *request_store(const struct request *request);
bool request_verify_reads(const struct request *request);

#endif
