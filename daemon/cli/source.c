#include "daemon/cli/source.h"

enum cli_taken cli_source_take(
    struct cli_source *source, struct cli_options *options, int count, char **arguments, int *at)
{
    const struct cli_named table[] = {
        {SPAN("--source-endpoint-url"), &source->endpoint_url, NULL},
        {SPAN("--source-region"), &source->region, NULL},
        {SPAN("--source-access-key"), &source->access_key, NULL},
        {SPAN("--source-secret-key"), &source->secret_key, NULL},
        {SPAN("--source-session-token"), &source->session_token, NULL},
        {SPAN("--no-sign-request"), NULL, &source->anonymous},
    };
    enum cli_taken taken = cli_named_take(table, ARRAY_LEN(table), count, arguments, at);
    return taken != CLI_NOT_TAKEN ? taken : cli_option_take(options, count, arguments, at);
}

/* Whoever names the source with an option of its own has the others for the gateway. Else they are the source's, as
 * --no-sign-request is: that is what one means who knows aws-cli, and a request that is signed for the gateway
 * must not go to a source. */
static void tell_apart(struct cli_source *source, struct cli_options *options)
{
    if (source->endpoint_url != NULL || source->region != NULL)
        return;
    source->endpoint_url = options->endpoint_url;
    source->region = options->region;
    options->endpoint_url = NULL;
    options->region = NULL;
}

static struct span without_slash(const char *url)
{
    struct span text = span_str(url);
    while (span_ends(text, SPAN("/")))
        text.len--;
    return text;
}

void cli_source_fill(struct cli_source *source, struct arena *arena, struct cli_options *options)
{
    tell_apart(source, options);
    *options = cli_options_fill(arena, *options);
    source->is_gateway =
        source->endpoint_url != NULL &&
        (strcmp(source->endpoint_url, "local") == 0 ||
            span_eq(without_slash(source->endpoint_url), without_slash(options->endpoint_url)));
    if (!source->anonymous && source->access_key == NULL && source->secret_key == NULL) {
        source->access_key = getenv("LAKEGATE_SOURCE_ACCESS_KEY");
        source->secret_key = getenv("LAKEGATE_SOURCE_SECRET_KEY");
        if (source->session_token == NULL)
            source->session_token = getenv("LAKEGATE_SOURCE_SESSION_TOKEN");
    }
    if (source->anonymous)
        source->access_key = source->secret_key = source->session_token = NULL;
}
