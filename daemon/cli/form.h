/* Short forms of IAM's and STS's actions, as a table (forms.c): the words of a command, where its arguments go
 * among the action's parameters, and what is shown of the answer. */
#ifndef DAEMON_CLI_FORM_H
#define DAEMON_CLI_FORM_H

#include "daemon/cli/cli.h"
#include "xml_read.h"

enum {
    FORM_VALUES_MAX = 8,
    FORM_STEPS_MAX = 5,
    FORM_PAGES_MAX = 1000,
    FORM_BODY_MAX_BYTES = 256 * 1024
};

enum form_kind {
    FORM_TEXT,
    FORM_FILE,   /* a file's content; "-": standard input */
    FORM_POLICY, /* a managed policy by ARN or name */
    FORM_TAG,    /* KEY=VALUE, may come again */
    FORM_ITEM,   /* an item of a list, may come again */
    FORM_FLAG,   /* no value: true */
};

struct form_value {
    const char *word;  /* "NAME", or an option: "--path" */
    const char *param; /* "UserName" */
    enum form_kind kind;
    bool required; /* of an option; arguments without "--" always are, but those in [] */
};

/* A call, and what is shown of its answer. */
struct form_step {
    const char *action;
    const char
        *list; /* element of a list, read page by page and shown as a table; NULL: all as it is */
    const char *columns; /* "UserName UserId"; NULL: the members are texts */
    const char *text;    /* this element alone, a document */
};

struct cli_form {
    const char *words; /* "user key add" */
    const char *says;  /* one line of help */
    struct form_value values[FORM_VALUES_MAX];
    struct form_step steps[FORM_STEPS_MAX];
    const char *fixed; /* "Status=Inactive", or NULL */
};

extern const struct cli_form cli_forms[];
extern const size_t cli_form_count;

/* A call's parameters, percent-encoded one after the other. */
void form_param(struct buf *body, struct span name, struct span value);
/* Sends the parameters as an action of iam (or sts) and reads the answer.
 * out: *ret_result  the <…Result>, or the root when there is none; in the arena
 * Returns an exit code after a line on stderr when it is not CLI_OK. */
int form_call(struct arena *arena, const struct cli_options *options, const char *action,
    struct span params, struct xml_node **ret_result) MUST_USE;
/* The same page by page: the members of `list` of all pages, gathered in the first answer. */
int form_call_all(struct arena *arena, const struct cli_options *options, const char *action,
    struct span params, const char *list, struct xml_node **ret_result) MUST_USE;
/* ARN of a managed policy by ARN or name. */
int form_policy_arn(struct arena *arena, const struct cli_options *options, struct span given,
    struct span *ret_arn) MUST_USE;
/* A file's content in the arena, at most FORM_BODY_MAX_BYTES; absent after a line on stderr. */
struct span form_file(struct arena *arena, const char *path);

/* `lakegate policy test`, which has more words than the table knows. */
int cli_policy_test(int count, char **arguments);

/* ---- what is shown ---- */

/* Columns of a list's members, with a line of their names. */
void form_print_table(const struct xml_node *list, const char *columns);
/* Names and values of an answer, nested ones as outer.inner. */
void form_print_all(struct arena *arena, const struct xml_node *result);
/* A percent-encoded policy, as its author wrote it. */
void form_print_document(struct arena *arena, struct span encoded);
/* The children of these answers as one JSON object; what is no list or object is a text. */
void form_print_json(struct arena *arena, struct xml_node *const *results, size_t count);

#endif
