/* lakegate scrub: asks a running daemon for a pass over all that lies on its disk, waits, and tells what it has
 * found. */
#include "daemon/cli/cli.h"
#include "json_read.h"

#include <time.h>
#include <unistd.h>

enum { POLL_MS = 200, POLL_MAX_MS = 2000 };

static const char help[] =
    "usage: lakegate scrub [--rate BYTES] [OPTIONS]   read and check all that a running lakegated "
    "has on\n"
    "                                                 its disk; waits for the end\n"
    "       lakegate scrub --start                    the same without waiting\n"
    "       lakegate scrub --show                     where it is, and what was found\n"
    "       lakegate scrub --stop                     give it up\n"
    "\n"
    "--rate: bytes a second, instead of the setting scrub_rate; 0: as fast as it can. Options as "
    "of\n"
    "lakegate --help. Exit code 1: there are findings.\n";

enum what { SCRUB_WAIT, SCRUB_START, SCRUB_SHOW, SCRUB_STOP };

struct scrub_command {
    struct cli_options options;
    enum what what;
    const char *rate; /* NULL: as it is set */
};

/* ---- arguments ---- */

static bool take_word(struct scrub_command *command, int count, char **arguments, int *at)
{
    static const struct {
        const char *word;
        enum what what;
    } words[] = {{"--start", SCRUB_START}, {"--show", SCRUB_SHOW}, {"--stop", SCRUB_STOP}};
    uint64_t rate;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(arguments[*at], words[i].word) == 0) {
            command->what = words[i].what;
            ++*at;
            return true;
        }
    if (strcmp(arguments[*at], "--rate") != 0 || *at + 1 == count ||
        !span_to_u64(span_str(arguments[*at + 1]), &rate))
        return false;
    command->rate = arguments[*at + 1];
    *at += 2;
    return true;
}

static bool read_arguments(
    struct arena *arena, int count, char **arguments, struct scrub_command *command)
{
    for (int at = 0; at < count;) {
        enum cli_taken taken = cli_option_take(&command->options, count, arguments, &at);
        if (taken == CLI_WRONG)
            return false;
        if (taken == CLI_NOT_TAKEN && !take_word(command, count, arguments, &at)) {
            cli_fail("scrub: %s is not understood; see lakegate scrub --help", arguments[at]);
            return false;
        }
    }
    command->options = cli_options_fill(arena, command->options);
    return true;
}

/* ---- telling ---- */

static uint64_t number(const struct json_node *root, const char *name)
{
    return (uint64_t)json_node_integer(json_node_member(root, name), 0);
}

static struct span text(const struct json_node *node, const char *name)
{
    return json_node_string(json_node_member(node, name), SPAN(""));
}

static void print_finding(const struct json_node *finding)
{
    cli_print_text(text(finding, "kind"));
    fputs(": ", stdout);
    cli_print_text(text(finding, "what"));
    if (json_node_member(finding, "bucket")) {
        fputs(": ", stdout);
        cli_print_text(text(finding, "bucket"));
        putchar('/');
        cli_print_text(text(finding, "key"));
    }
    if (json_node_member(finding, "version_id")) {
        fputs(" version ", stdout);
        cli_print_text(text(finding, "version_id"));
    }
    putchar('\n');
}

static int print_result(const struct json_node *root)
{
    const struct json_node *findings = json_node_member(root, "findings");
    uint64_t count = number(root, "finding_count") + number(root, "not_kept");
    for (size_t i = 0; json_node_item(findings, i); i++)
        print_finding(json_node_item(findings, i));
    bool running = json_node_bool(json_node_member(root, "running"), false);
    bool complete = json_node_bool(json_node_member(root, "complete"), false);
    if (running)
        printf("pass %llu is under way (%.*s): %llu of %llu bytes\n",
            (unsigned long long)number(root, "pass"), SPAN_ARG(text(root, "phase")),
            (unsigned long long)number(root, "checked_bytes"),
            (unsigned long long)number(root, "total_bytes"));
    else if (number(root, "pass") == 0)
        puts("there was no pass yet");
    else
        printf("pass %llu %s: %llu records of the index and %llu bytes were checked\n",
            (unsigned long long)number(root, "pass"), complete ? "ended" : "was given up",
            (unsigned long long)number(root, "checked_records"),
            (unsigned long long)number(root, "checked_bytes"));
    printf("%llu finding%s\n", (unsigned long long)count, count == 1 ? "" : "s");
    return count == 0 ? CLI_OK : CLI_FOUND;
}

static void print_progress(const struct json_node *root)
{
    uint64_t total = number(root, "total_bytes");
    double share = total ? (double)number(root, "checked_bytes") * 100 / (double)total : 0;
    fprintf(stderr, "\r%-8.*s %5.1f %%, %llu findings ", SPAN_ARG(text(root, "phase")),
        share > 100 ? 100 : share, (unsigned long long)number(root, "finding_count"));
}

/* ---- asking ---- */

static int ask(struct arena *arena, const struct scrub_command *command, const char *method,
    struct http_reply *reply, struct json_node **ret_root)
{
    char path[96] = "/-/scrub", detail[JSON_DETAIL_BYTES];
    if (command->rate && strcmp(method, "POST") == 0)
        snprintf(path, sizeof(path), "/-/scrub?rate=%.40s", command->rate);
    int code = cli_send(
        arena, &command->options, &(struct cli_call){.method = method, .path = path}, reply);
    *ret_root = code == CLI_OK ? json_text_parse(buf_span(&reply->body), detail) : NULL;
    if (code == CLI_OK && *ret_root == NULL)
        code = cli_fail("%s answered with something that cannot be read: is that a lakegated?",
            command->options.endpoint_url);
    return code;
}

static int run(const struct scrub_command *command)
{
    static const char *const methods[] = {[SCRUB_WAIT] = "POST",
        [SCRUB_START] = "POST",
        [SCRUB_SHOW] = "GET",
        [SCRUB_STOP] = "DELETE"};
    const char *method = methods[command->what];
    long pause_ms = POLL_MS;
    for (;;) {
        struct arena arena;
        struct http_reply reply = {0};
        struct json_node *root = NULL;
        arena_init(&arena, CLI_ARENA_BYTES);
        int code = ask(&arena, command, method, &reply, &root);
        bool running = json_node_bool(json_node_member(root, "running"), false);
        bool waits = code == CLI_OK && command->what == SCRUB_WAIT && running;
        if (waits && isatty(2))
            print_progress(root);
        else if (!waits && code == CLI_OK && command->options.json)
            fwrite(reply.body.ptr, 1, reply.body.len, stdout);
        if (!waits && code == CLI_OK) {
            if (command->what == SCRUB_WAIT && isatty(2))
                fputs("\r\n", stderr);
            bool failed = number(root, "finding_count") + number(root, "not_kept") > 0;
            code = command->options.json ? (failed ? CLI_FOUND : CLI_OK) : print_result(root);
            bool complete = json_node_bool(json_node_member(root, "complete"), false);
            if (command->what == SCRUB_WAIT && code == CLI_OK && !complete)
                code = cli_fail("the pass was given up");
        }
        json_text_free(root);
        http_reply_free(&reply);
        arena_free(&arena);
        if (!waits)
            return code;
        nanosleep(&(struct timespec){pause_ms / 1000, pause_ms % 1000 * 1000000}, NULL);
        pause_ms = pause_ms * 2 < POLL_MAX_MS ? pause_ms * 2 : POLL_MAX_MS;
        method = "GET";
    }
}

int cli_scrub(int count, char **arguments)
{
    struct arena arena;
    struct scrub_command command = {.what = SCRUB_WAIT};
    if (count > 0 && (strcmp(arguments[0], "--help") == 0 || strcmp(arguments[0], "-h") == 0)) {
        fputs(help, stdout);
        return CLI_OK;
    }
    arena_init(&arena, CLI_ARENA_BYTES);
    int code = CLI_USAGE;
    if (read_arguments(&arena, count, arguments, &command)) {
        if (http_client_init()) {
            code = run(&command);
            http_client_exit();
        } else {
            code = cli_fail("cannot start libcurl");
        }
    }
    arena_free(&arena);
    return code;
}
