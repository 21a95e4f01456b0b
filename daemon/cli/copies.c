/* `lakegate copies`: the jobs that there are. */
#include "daemon/cli/copy.h"

enum { PATH_MAX_BYTES = 128 };

static const char help[] =
    "lakegate copies - the copy jobs of a gateway\n"
    "\n"
    "usage: lakegate copies [list]        all that one may see, newest first\n"
    "       lakegate copies show ID       one, as JSON\n"
    "       lakegate copies watch ID      its progress\n"
    "       lakegate copies failures ID   objects that could not be copied, and why\n"
    "       lakegate copies pause ID | resume ID | retry ID | cancel ID\n"
    "                                     retry: the failed objects alone; cancel of one that has\n"
    "                                     ended takes it off the list\n"
    "\n"
    "and the options of lakegate --help\n";

int copy_call(const struct cli_options *options, const char *method, const char *path,
    struct span body, struct json_node **ret_root)
{
    struct arena arena CLEANUP(arena_free);
    struct http_reply reply;
    arena_init(&arena, CLI_ARENA_BYTES);
    *ret_root = NULL;
    struct cli_call call = {.method = method,
        .path = path,
        .body = body,
        .content_type = span_present(body) ? "application/json" : NULL};
    int code = cli_send(&arena, options, &call, &reply);
    if (code == CLI_OK && options->json) {
        fwrite(reply.body.ptr, 1, reply.body.len, stdout);
    } else if (code == CLI_OK && reply.body.len > 0) {
        *ret_root = cli_json(options, &reply);
        code = *ret_root != NULL ? CLI_OK : CLI_FAILED;
    }
    http_reply_free(&reply);
    return code;
}

uint64_t copy_number(const struct json_node *job, const char *group, const char *name)
{
    int64_t value = json_node_integer(json_node_member(json_node_member(job, group), name), 0);
    return value > 0 ? (uint64_t)value : 0;
}

static void print_job(const struct json_node *job)
{
    char objects[COPY_FIGURE_BYTES], bytes[COPY_FIGURE_BYTES];
    copy_count_text(copy_number(job, "progress", "copied_objects"), objects);
    copy_bytes_text(copy_number(job, "progress", "copied_bytes"), bytes);
    cli_print_text(cli_member(job, "id"));
    printf("  %-8.*s %12s objects %10s  ", SPAN_ARG(cli_member(job, "state")), objects, bytes);
    const struct json_node *from = json_node_member(job, "source"),
                           *to = json_node_member(job, "destination");
    printf("s3://");
    cli_print_text(cli_member(from, "bucket"));
    printf("/");
    cli_print_text(cli_member(from, "prefix"));
    printf(" -> s3://");
    cli_print_text(cli_member(to, "bucket"));
    printf("/");
    cli_print_text(cli_member(to, "prefix"));
    if (cli_member(job, "reason").len > 0) {
        printf("  (");
        cli_print_text(cli_member(job, "reason"));
        printf(")");
    }
    if (copy_number(job, "progress", "failed_objects") > 0)
        printf("  %llu failed", (unsigned long long)copy_number(job, "progress", "failed_objects"));
    putchar('\n');
}

static const struct cli_pages jobs = {"/-/copies", "copies", "id", print_job};

static void print_failure(const struct json_node *failure)
{
    cli_print_members(failure, (const char *const[]){"key", "reason", "message", NULL});
}

static int failures(const struct cli_options *options, const char *id)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof(path), "/-/copies/%s/failures", id);
    struct cli_pages pages = {path, "failures", "n", print_failure};
    return cli_list(options, &pages);
}

static int change(const struct cli_options *options, const char *what, const char *id)
{
    char path[PATH_MAX_BYTES];
    struct json_node *root = NULL;
    bool cancel = strcmp(what, "cancel") == 0;
    snprintf(path, sizeof(path), "/-/copies/%s%s%s", id, cancel ? "" : "?", cancel ? "" : what);
    int code = copy_call(options, cancel ? "DELETE" : "POST", path, SPAN_ABSENT, &root);
    if (root != NULL)
        print_job(root);
    json_text_free(root);
    return code;
}

static bool is_id(const char *text)
{
    return strlen(text) == COPY_ID_BYTES && strspn(text, "0123456789abcdef") == COPY_ID_BYTES;
}

static int run(struct cli_options *options, const char *word, const char *id)
{
    static const char *const changes[] = {"pause", "resume", "retry", "cancel"};
    if (strcmp(word, "list") == 0 && id == NULL)
        return cli_list(options, &jobs);
    if (id == NULL || !is_id(id)) {
        cli_fail("name a job by its id, 16 digits; lakegate copies lists them");
        return CLI_USAGE;
    }
    if (strcmp(word, "watch") == 0)
        return copy_watch(options, span_str(id));
    if (strcmp(word, "failures") == 0)
        return failures(options, id);
    if (strcmp(word, "show") == 0) {
        char path[PATH_MAX_BYTES];
        struct json_node *root = NULL;
        options->json = true;
        snprintf(path, sizeof(path), "/-/copies/%s", id);
        return copy_call(options, "GET", path, SPAN_ABSENT, &root);
    }
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        if (strcmp(word, changes[i]) == 0)
            return change(options, word, id);
    cli_fail("there is no '%s'; see lakegate copies --help", word);
    return CLI_USAGE;
}

int cli_copies(int count, char **arguments)
{
    struct arena arena CLEANUP(arena_free);
    struct cli_options options = {0};
    const char *words[2] = {NULL, NULL};
    size_t word_count = 0;
    arena_init(&arena, CLI_ARENA_BYTES);
    for (int at = 0; at < count;) {
        enum cli_taken taken = cli_option_take(&options, count, arguments, &at);
        if (taken == CLI_WRONG)
            return CLI_USAGE;
        if (taken == CLI_TAKEN)
            continue;
        if (strcmp(arguments[at], "--help") == 0) {
            fputs(help, stdout);
            return CLI_OK;
        }
        if (word_count == ARRAY_LEN(words) || arguments[at][0] == '-') {
            cli_fail("unknown argument '%s'; see lakegate copies --help", arguments[at]);
            return CLI_USAGE;
        }
        words[word_count++] = arguments[at++];
    }
    options = cli_options_fill(&arena, options);
    if (!http_client_init())
        return cli_fail("libcurl cannot start");
    int code = run(&options, words[0] != NULL ? words[0] : "list", words[1]);
    http_client_exit();
    return code;
}
