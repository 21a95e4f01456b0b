/* What the parts of `lakegate zones` share. */
#ifndef DAEMON_CLI_ZONES_H
#define DAEMON_CLI_ZONES_H

#include "daemon/cli/cli.h"
#include "json_read.h"

enum { ZONES_WORDS_MAX = 16 };

struct zones_call {
    struct arena arena;
    struct cli_options options;
    struct span words[ZONES_WORDS_MAX]; /* behind the subcommand's name, options left out */
    size_t word_count;
    bool bypass; /* --bypass-retention */
    bool print;  /* --print: nothing is sent */
    bool none;   /* --none: the document is taken away */
    const char *version_id;
};

/* s3://bucket or s3://bucket/key. */
struct zones_place {
    struct span bucket;
    struct span key; /* absent without one */
};

/* False after a line on stderr. */
bool zones_place_read(struct span text, struct zones_place *ret_place) MUST_USE;

/* Path of a request: /bucket[/key]?query, percent-encoded. NULL: no memory. */
const char *zones_path(struct arena *arena, const struct zones_place *place, const char *query);
/* text percent-encoded for a query. */
const char *zones_encoded(struct arena *arena, struct span text);

/* GETs JSON; with --json it is printed, and *ret_root is NULL. The root is freed with json_text_free.
 * out: CLI_OK, or the exit code after a line on stderr */
int zones_get_json(struct zones_call *call, const char *path, struct json_node **ret_root) MUST_USE;

int zones_stat(struct zones_call *call);
int zones_duplicates(struct zones_call *call);
int zones_lineage(struct zones_call *call);
int zones_promote(struct zones_call *call);

#endif
