/* The documents of buckets (policy, public access block, ownership, ACL, CORS, zones, tags) in the form in
 * which requests need them, parsed once and kept until the bucket changes: by bucket id and generation.
 *
 * A request that asks holds what it got until request_free, so the pointer stays good whatever is changed
 * or thrown out meanwhile. A hit takes a lock for a moment at the request's first question about a bucket,
 * none after it, and allocates nothing from the heap. That there is no document is remembered, too.
 * Any thread may ask; never blocks. */
#ifndef DAEMON_BUCKET_DOCUMENTS_H
#define DAEMON_BUCKET_DOCUMENTS_H

#include "daemon/request.h"

enum {
    BUCKET_DOCUMENTS_BUCKETS_MAX = 4096, /* kept at once */
    BUCKET_DOCUMENTS_MAX_BYTES = 64 * 1024 * 1024,
    BUCKET_DOCUMENTS_KINDS = 16, /* above every document_kind */
};

/* How a kind of document is read. One `static const` for each kind, whoever asks. */
struct document_type {
    enum document_kind kind;
    /* Heap memory, NULL when there is not enough or the text is damaged. May be called on two threads
     * at once for the same text; must not look at anything but its arguments. */
    void *(*parse)(const struct bucket_info *bucket, struct span text);
    void (*free)(void *parsed);
    /* Memory that it takes; NULL: about the text's length. */
    size_t (*bytes)(const void *parsed);
};

/* out: *ret_parsed  what parse made; NULL when the bucket has no such document. Good until request_free
 * err: INTERNAL (parse failed, memory), the store's faults; the request's error is set */
enum s3_err bucket_document(struct request *request, const struct bucket_info *bucket,
    const struct document_type *type, const void **ret_parsed) MUST_USE;

/* The text as it was put; absent when there is none. In the request's arena.
 * err: the store's faults */
enum s3_err bucket_document_text(struct request *request, const struct bucket_info *bucket,
    enum document_kind kind, struct span *ret_text) MUST_USE;

struct bucket_documents;
/* NULL: memory ran out. */
struct bucket_documents *bucket_documents_new(void);
/* When no request is left. Takes NULL. */
void bucket_documents_free(struct bucket_documents *documents);
/* request_free calls it. */
void bucket_documents_release(struct request *request);

#endif
