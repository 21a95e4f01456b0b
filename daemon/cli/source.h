/* The source of `lakegate copy` and `lakegate link add`: an S3 server that is not the gateway. */
#ifndef DAEMON_CLI_SOURCE_H
#define DAEMON_CLI_SOURCE_H

#include "daemon/cli/cli.h"

#define CLI_SOURCE_HELP                                                                            \
    "  --no-sign-request       the source is public\n"                                             \
    "  --endpoint-url URL      an S3 server other than AWS's; or --source-endpoint-url\n"          \
    "  --region NAME           else learnt from the source; or --source-region\n"                  \
    "  --source-access-key KEY, --source-secret-key SECRET, --source-session-token TEXT\n"         \
    "                          (LAKEGATE_SOURCE_ACCESS_KEY, ..._SECRET_KEY, ..._SESSION_TOKEN):\n" \
    "                          rather use the environment\n"                                       \
    "  --gateway URL           the gateway (LAKEGATE_ENDPOINT_URL; http://127.0.0.1:9000)\n"       \
    "Where one of --source-endpoint-url and --source-region stands, --endpoint-url and --region\n" \
    "are the gateway's, as with other commands.\n"

/* Texts are NUL-terminated; NULL: not said. */
struct cli_source {
    const char *endpoint_url, *region;
    const char *access_key, *secret_key, *session_token; /* NULL when it is anonymous */
    bool anonymous;
    bool is_gateway; /* its endpoint is the gateway's own */
};

/* Takes an argument that says what the source is, or one of the common options. */
enum cli_taken cli_source_take(struct cli_source *source, struct cli_options *options, int count,
    char **arguments, int *at) MUST_USE;

/* What --endpoint-url and --region turned out to mean, the environment, and cli_options_fill. */
void cli_source_fill(struct cli_source *source, struct arena *arena, struct cli_options *options);

#endif
