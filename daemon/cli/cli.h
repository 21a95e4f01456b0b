/* What the commands of `lakegate` share: how they are called, where the daemon is, and who asks. */
#ifndef DAEMON_CLI_CLI_H
#define DAEMON_CLI_CLI_H

#include "base/arena.h"
#include "daemon/http_client.h"

#include <stdio.h>

enum cli_exit {
    CLI_OK = 0,
    CLI_FOUND = 1, /* verify: the store has faults; policy test: not allowed */
    CLI_USAGE = 2,
    CLI_FAILED = 3, /* it could not be done: no daemon there, refused, folder in use … */
};

enum { CLI_ARENA_BYTES = 16 * 1024 * 1024, CLI_TIMEOUT_MS = 30 * 1000 };

/* What was said on the command line, in the environment and in the data folder's credentials file.
 * Texts are NUL-terminated; absent when nobody said anything. */
struct cli_options {
    const char *endpoint_url; /* http://HOST[:PORT], https://…, unix:PATH */
    const char *gateway;      /* another word for it, which no source's is mistaken for */
    const char *access_key, *secret_key;
    const char *session_token; /* of temporary credentials */
    const char *region;
    const char *data_dir;
    const char *ca_file;
    bool json;
};

/* One line on stderr: "lakegate: …". Returns CLI_FAILED. */
int cli_fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* Reads the options of a command that speaks to a daemon; fills in defaults, environment and the
 * data folder's root-credentials file. Credentials may still be absent. in:  arguments   what
 * follows the command's name out: false after a line on stderr */
bool cli_options_read(
    struct arena *arena, int count, char **arguments, struct cli_options *ret_options) MUST_USE;

/* Options by name: those with a value, "--name VALUE" or "--name=VALUE", have a text, switches a flag. Takes the
 * argument at *at, and its value, when it is one of the table's, and moves *at behind it. */
struct cli_named {
    struct span name;
    const char **text;
    bool *flag;
};
enum cli_taken { CLI_TAKEN, CLI_NOT_TAKEN, CLI_WRONG /* a line was printed */ };
enum cli_taken cli_named_take(const struct cli_named *table, size_t table_count, int count,
    char **arguments, int *at) MUST_USE;

/* cli_options_read piece by piece, for commands with words of their own; then fill adds what was not said. */
enum cli_taken cli_option_take(
    struct cli_options *options, int count, char **arguments, int *at) MUST_USE;
struct cli_options cli_options_fill(struct arena *arena, struct cli_options options);

/* A request to be signed. */
struct cli_call {
    const char *method;
    const char *path;         /* with its query, percent-encoded */
    const char *service;      /* "iam", "sts"; NULL: "s3" */
    const char *content_type; /* NULL: none */
    struct header extra[2];   /* names in lower case, of x-amz-…; absent: none */
    struct span body;         /* absent: none */
    bool quiet;               /* a refusal is no news: only its status counts */
};

/* Signs and sends it.
 * out: CLI_OK, and ret_reply has a status of 2xx; else a line was printed. ret_reply is always to be
 * freed */
int cli_send(struct arena *arena, const struct cli_options *options, const struct cli_call *call,
    struct http_reply *ret_reply) MUST_USE;

/* A signed GET of path.
 * out: CLI_OK, and ret_reply has status 200; else a line was printed. ret_reply is always to be
 * freed */
int cli_get(struct arena *arena, const struct cli_options *options, const char *path,
    struct http_reply *ret_reply) MUST_USE;

/* A list that comes page by page. */
struct json_node;
struct cli_pages {
    const char *path;  /* of the first page; a query is added for the others */
    const char *items; /* the member of the answer that holds them */
    const char *after; /* the member of an item, text or number, that the next page begins behind */
    void (*print)(const struct json_node *item);
};

/* Gets all pages and prints their items; with --json the answers as they are. */
int cli_list(const struct cli_options *options, const struct cli_pages *pages) MUST_USE;

/* The daemon's answer as JSON, to be freed with json_text_free; NULL after a line. */
struct json_node *cli_json(
    const struct cli_options *options, const struct http_reply *reply) MUST_USE;

/* A member that is a text; empty when there is none. */
struct span cli_member(const struct json_node *node, const char *name);
/* A line of such members; names end with NULL. */
void cli_print_members(const struct json_node *node, const char *const *names);

/* A daemon's text may hold anything; a terminal gets only what can be read. */
void cli_print_text(struct span text);

/* The short forms of IAM's actions (forms.c): is this their first word? Then they take all arguments. */
bool cli_form_known(const char *word);
int cli_form(int count, char **arguments);
/* One line of usage for each. */
void cli_form_help(FILE *out);

/* Files with secrets of a data folder, which a copy needs to be of use. False after a line on stderr, or with errno. */
bool cli_copy_secrets(const char *from, const char *to) MUST_USE;

/* The commands: what follows their name, to the process's exit code. */
int cli_status(int count, char **arguments);
int cli_verify(int count, char **arguments);
int cli_scrub(int count, char **arguments);
int cli_backup(int count, char **arguments);
int cli_salvage(int count, char **arguments);
int cli_restore(int count, char **arguments);
int cli_account(int count, char **arguments);
int cli_secrets(int count, char **arguments);
int cli_zones(int count, char **arguments);
int cli_copy(int count, char **arguments);
int cli_copies(int count, char **arguments);
int cli_link(int count, char **arguments);

#endif
