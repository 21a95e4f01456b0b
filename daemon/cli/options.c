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

/* Where an option's value goes; NULL for a name that is no option with a value. */
static const char **option_place(struct cli_options *options, struct span name)
{
    const struct {
        struct span name;
        const char **place;
    } table[] = {
        {SPAN("--endpoint-url"), &options->endpoint_url},
        {SPAN("--access-key"), &options->access_key},
        {SPAN("--secret-key"), &options->secret_key},
        {SPAN("--region"), &options->region},
        {SPAN("--data"), &options->data_dir},
        {SPAN("--ca-file"), &options->ca_file},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (span_eq(table[i].name, name))
            return table[i].place;
    return NULL;
}

static bool read_arguments(int count, char **arguments, struct cli_options *options)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "--json") == 0) {
            options->json = true;
            continue;
        }
        struct span rest = span_str(arguments[i]), name;
        if (!span_split(&rest, '=', &name))
            name = rest;
        const char **place = option_place(options, name);
        if (!place) {
            cli_fail("unknown argument '%s'; see lakegate --help", arguments[i]);
            return false;
        }
        if (span_present(rest)) {
            *place = rest.ptr;
        } else if (i + 1 < count) {
            *place = arguments[++i];
        } else {
            cli_fail("%s needs a value", arguments[i]);
            return false;
        }
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
    bool data_said = options.data_dir != NULL;
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
    if (!options.access_key)
        options.access_key =
            environment((const char *[]){"LAKEGATE_ROOT_ACCESS_KEY", "AWS_ACCESS_KEY_ID", NULL});
    if (!options.secret_key)
        options.secret_key = environment(
            (const char *[]){"LAKEGATE_ROOT_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", NULL});
    if (!options.access_key && !options.secret_key && options.data_dir)
        read_credentials_file(arena, &options);
    *ret_options = options;
    return true;
}
