#include "daemon/cli/cli.h"

#include <errno.h>

/* The first of these variables that is set and not empty, or NULL. */
static const char *environment(const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && *value)
            return value;
    }
    return NULL;
}

enum cli_taken cli_named_take(
    const struct cli_named *table, size_t table_count, int count, char **arguments, int *at)
{
    struct span rest = span_str(arguments[*at]), name;
    const struct cli_named *found = NULL;
    if (!span_split(&rest, '=', &name))
        name = rest;
    for (size_t i = 0; found == NULL && i < table_count; i++)
        if (span_eq(table[i].name, name) && (table[i].text != NULL || !span_present(rest)))
            found = &table[i];
    if (found == NULL)
        return CLI_NOT_TAKEN;
    if (found->text == NULL) {
        *found->flag = true;
    } else if (span_present(rest)) {
        *found->text = rest.ptr;
    } else if (*at + 1 < count) {
        *found->text = arguments[++*at];
    } else {
        cli_fail("%s needs a value", arguments[*at]);
        return CLI_WRONG;
    }
    ++*at;
    return CLI_TAKEN;
}

enum cli_taken cli_option_take(struct cli_options *options, int count, char **arguments, int *at)
{
    const struct cli_named table[] = {
        {SPAN("--endpoint-url"), &options->endpoint_url, NULL},
        {SPAN("--gateway"), &options->gateway, NULL},
        {SPAN("--access-key"), &options->access_key, NULL},
        {SPAN("--secret-key"), &options->secret_key, NULL},
        {SPAN("--session-token"), &options->session_token, NULL},
        {SPAN("--region"), &options->region, NULL},
        {SPAN("--data"), &options->data_dir, NULL},
        {SPAN("--ca-file"), &options->ca_file, NULL},
        {SPAN("--json"), NULL, &options->json},
    };
    return cli_named_take(table, ARRAY_LEN(table), count, arguments, at);
}

static bool read_arguments(int count, char **arguments, struct cli_options *options)
{
    for (int at = 0; at < count;) {
        enum cli_taken taken = cli_option_take(options, count, arguments, &at);
        if (taken == CLI_NOT_TAKEN)
            cli_fail("unknown argument '%s'; see lakegate --help", arguments[at]);
        if (taken != CLI_TAKEN)
            return false;
    }
    return true;
}

static void file_close(FILE **file)
{
    if (*file)
        fclose(*file);
}

/* Takes the keys out of a credentials file as lakegated writes it: lines of "name = value". */
static void read_credentials_file(struct arena *arena, struct cli_options *options)
{
    struct span path = arena_format(arena, "%s/root-credentials", options->data_dir);
    CLEANUP(file_close) FILE *file = path.ptr ? fopen(path.ptr, "re") : NULL;
    if (!file)
        return;
    char line[1024];
    for (int lines = 0; lines < 100 && fgets(line, sizeof(line), file); lines++) {
        struct span value = span_str(line), name;
        if (!span_split(&value, '=', &name) || !span_present(value))
            continue;
        name = span_trim(name);
        while (
            value.len > 0 && (value.ptr[value.len - 1] == '\n' || value.ptr[value.len - 1] == '\r'))
            value.len--;
        value = arena_copy(arena, span_trim(value));
        if (span_eq(name, SPAN("access_key")))
            options->access_key = value.ptr;
        else if (span_eq(name, SPAN("secret_key")))
            options->secret_key = value.ptr;
    }
}

bool cli_options_read(
    struct arena *arena, int count, char **arguments, struct cli_options *ret_options)
{
    struct cli_options options = {0};
    if (!read_arguments(count, arguments, &options))
        return false;
    *ret_options = cli_options_fill(arena, options);
    return true;
}

struct cli_options cli_options_fill(struct arena *arena, struct cli_options options)
{
    bool data_said = options.data_dir != NULL;
    if (options.gateway)
        options.endpoint_url = options.gateway;
    if (!options.data_dir)
        options.data_dir = environment((const char *[]){"LAKEGATE_DATA", NULL});
    if (!options.endpoint_url)
        options.endpoint_url =
            environment((const char *[]){"LAKEGATE_ENDPOINT_URL", "AWS_ENDPOINT_URL", NULL});
    if (!options.endpoint_url)
        options.endpoint_url = "http://127.0.0.1:9000";
    if (!options.region)
        options.region = environment(
            (const char *[]){"LAKEGATE_REGION", "AWS_REGION", "AWS_DEFAULT_REGION", NULL});
    if (!options.region)
        options.region = "us-east-1";
    if (!options.ca_file)
        options.ca_file = environment((const char *[]){"AWS_CA_BUNDLE", NULL});
    /* Keys come in pairs, from the first place that has one: what is said outright, --data, the
     * environment, the data folder of the environment. */
    if (!options.access_key && !options.secret_key && data_said)
        read_credentials_file(arena, &options);
    bool from_environment = !options.access_key && !options.secret_key;
    if (!options.access_key)
        options.access_key =
            environment((const char *[]){"LAKEGATE_ROOT_ACCESS_KEY", "AWS_ACCESS_KEY_ID", NULL});
    if (!options.secret_key)
        options.secret_key = environment(
            (const char *[]){"LAKEGATE_ROOT_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", NULL});
    /* A session's token belongs to AWS_ACCESS_KEY_ID, never to other keys. */
    bool roots = environment((const char *[]){"LAKEGATE_ROOT_ACCESS_KEY", NULL}) != NULL;
    if (!options.session_token && from_environment && options.access_key && !roots)
        options.session_token = environment((const char *[]){"AWS_SESSION_TOKEN", NULL});
    if (!options.access_key && !options.secret_key && options.data_dir)
        read_credentials_file(arena, &options);
    return options;
}
