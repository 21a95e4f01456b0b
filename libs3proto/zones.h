/* A bucket's zones: the JSON document of ?lakegate-zones, and the templates that the tag lakegate:zone names.
 * Bytes in, structs out; a document is taken as a whole or refused with the place of its fault. What the
 * rules do is the store's and the daemon's. Pure; memory is the caller's arena. */
#ifndef LIBS3PROTO_ZONES_H
#define LIBS3PROTO_ZONES_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    ZONES_DOCUMENT_MAX_BYTES = 64 * 1024,
    ZONES_MAX = 64,                /* of a document */
    ZONES_NAME_MAX_BYTES = 64,     /* A-Z a-z 0-9 - _ . */
    ZONES_PREFIX_MAX_BYTES = 1000, /* so that a key fits behind it */
    ZONES_EXCEPT_MAX = 64,
    ZONES_EXCEPT_MAX_BYTES = 256,
    ZONES_EXCEPT_TOTAL_MAX_BYTES = 4096, /* of a zone's patterns together */
    ZONES_PROMOTE_FROM_MAX = 64,
    ZONES_RETENTION_MAX_DAYS = 36500,
    ZONES_DETAIL_BYTES = 320,
};
#define ZONES_VERSION "2026-11-01"

enum zones_duplicates { ZONES_ALLOW, ZONES_FLAG, ZONES_LINK, ZONES_REJECT };

/* A zone that copies may come from. */
struct zones_source {
    struct span bucket; /* absent: this bucket; "*": any bucket of the same account */
    struct span name;
};

struct zones_zone {
    struct span name;
    struct span prefix; /* may be empty: the whole bucket */
    bool write_once;
    enum zones_duplicates duplicates;
    const struct span *except; /* patterns relative to prefix */
    size_t except_count;
    uint64_t min_bytes;
    bool limits_sources; /* PromoteFrom is there, be it empty */
    const struct zones_source *sources;
    size_t source_count;
    uint32_t retention_days; /* 0: none */
    uint64_t max_bytes;      /* 0: no limit */
    uint64_t max_objects;    /* 0: no limit */
    bool compress;
};

struct zones_document {
    struct zones_zone *zones; /* in the order of the text; no prefix begins with another */
    size_t count;
};

/* in:  bucket      whose document it is: "bucket/name" in PromoteFrom is then the same as "name"
 * out: ret_document  spans and arrays in the arena; untouched on error
 *      ret_detail    on error, the place and what is wrong there: "Zones[1].Prefix: …"
 * err: false: malformed, or the arena is full (then the detail says so) */
bool zones_parse(struct arena *arena, struct span text, struct span bucket,
    struct zones_document *ret_document, char ret_detail[static ZONES_DETAIL_BYTES]) MUST_USE;

/* The name of a setting of Duplicates. */
const char *zones_duplicates_name(enum zones_duplicates duplicates);

/* The patterns that a zone has which names none. src: the temporary and marker names that Spark, Hadoop's
 * committers, Hive, Delta Lake, Iceberg and Databricks write */
const struct span *zones_default_except(size_t *ret_count);

/* A template by its name or one of its other names (raw: landing, bronze; trusted: staging, processed,
 * silver; refined: final, aggregated, gold): a zone over the whole bucket, called as it was asked for, that
 * takes copies from any bucket of the account with a zone of the stage before.
 * out: ret_zone  static memory but for name, which is borrowed
 * err: false: there is no such template */
bool zones_template(struct span name, struct zones_zone *ret_zone) MUST_USE;

/* Every name that zones_template knows, stage by stage; SPAN_ABSENT past the last. */
struct span zones_template_name(size_t index);

/* Writes the document, with what is not as by default; zones_parse reads it back to the same.
 * from  "tag": adds the member "From", which zones_parse does not take; NULL: not */
void zones_write(struct buf *out, const struct zones_document *document, const char *from);

#endif
