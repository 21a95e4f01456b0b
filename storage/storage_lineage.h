/* Lineage: which versions a version was made from. Part of the store's contract (storage.h). */
#ifndef STORAGE_STORAGE_LINEAGE_H
#define STORAGE_STORAGE_LINEAGE_H

#include "storage/storage.h"

enum lineage_kind {       /* the numbers are stored: never change them */
    LINEAGE_RECORDED = 1, /* the store has seen the copy */
    LINEAGE_DECLARED = 2, /* the writer says so */
    /* Fetched from elsewhere: end.key is from where, end.etag what it had there, end.version the caller's own
     * numbers, which tell such sources of one version apart. No other version knows of it. */
    LINEAGE_COPIED = 3,
};

/* A version as one end of an edge. */
struct lineage_end {
    uint64_t bucket_id;
    struct span bucket, key, zone; /* zone: absent when it is in none */
    struct version version;
    struct etag etag;
};

struct lineage_source {
    enum lineage_kind kind;
    struct lineage_end end; /* as the caller has read it */
};

/* Sources of one version; what is beyond is left out. Of a multipart upload they add up over its parts. */
enum { STORAGE_LINEAGE_SOURCES_MAX = 1000 };

struct lineage_edge {
    enum lineage_kind kind;
    struct lineage_end end; /* the other version */
    bool gone;              /* which is no more; the edge stays for storage_options.lineage_ms */
    struct span who;        /* wrote the derived one; the caller's text */
    int64_t at_ms;          /* of the derived one's commit */
};

struct lineage_query {
    uint64_t bucket_id;
    struct span key;
    struct version_ref version;
    bool derived;      /* what was made from it, instead of what it was made from */
    struct span after; /* `next` of the page before; absent: from the start */
    size_t max;
};

struct lineage_page {
    struct lineage_edge *items;
    size_t count;
    bool truncated;
    struct span next;
};

/* Edges live as long as either end. err: NO_SUCH_KEY, NO_SUCH_VERSION, INVALID (after), CORRUPT, NO_MEMORY */
enum storage_err storage_lineage(struct storage *storage, const struct lineage_query *query,
    struct arena *arena, struct lineage_page *ret_page) MUST_USE;

#endif
