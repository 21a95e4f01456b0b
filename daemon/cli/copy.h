/* What `lakegate copy` and `lakegate copies` share. */
#ifndef DAEMON_CLI_COPY_H
#define DAEMON_CLI_COPY_H

#include "daemon/cli/cli.h"
#include "json_read.h"

enum { COPY_ID_BYTES = 16 };

/* Asks for path and reads the answer. Memory is its own; free the tree with json_text_free.
 * in:  body  absent: none
 * out: *ret_root  NULL when nothing came to be read (204, or --json: it is printed) */
int copy_call(const struct cli_options *options, const char *method, const char *path,
    struct span body, struct json_node **ret_root);

/* A member of a member, as a number. */
uint64_t copy_number(const struct json_node *job, const char *group, const char *name);

/* Watches a job until it ends, with a bar where stdout is a terminal; Ctrl-C asks whether it should go on.
 * Returns CLI_OK when all was copied, CLI_FOUND when some objects failed, CLI_FAILED when the job did. */
int copy_watch(const struct cli_options *options, struct span id);

/* "12.3 MiB"; digits with commas. out: at least 32 bytes */
enum { COPY_FIGURE_BYTES = 32 };
void copy_bytes_text(uint64_t bytes, char ret_text[static COPY_FIGURE_BYTES]);
void copy_count_text(uint64_t count, char ret_text[static COPY_FIGURE_BYTES]);

#endif
