#include "daemon/cli/cli.h"

#include <stdarg.h>

static const char help[] =
    "lakegate - the command for a Lakegate store\n"
    "\n"
    "usage: lakegate status [OPTIONS]   what a running lakegated is doing\n"
    "       lakegate verify DIR         check the data folder of a stopped lakegated\n"
    "       lakegate scrub              check all that a running lakegated has on its disk\n"
    "       lakegate backup DIR         copy a store, running or not, into a new folder in DIR\n"
    "       lakegate restore COPY DIR   make a data folder of a copy, and check it\n"
    "       lakegate salvage DIR [--to DIR]\n"
    "                                   make a lost or damaged index anew, of snapshot and log\n"
    "       lakegate whoami             who the keys belong to\n"
    "       lakegate user …             users, their keys, tags and policies (user --help)\n"
    "       lakegate group …            groups and their members (group --help)\n"
    "       lakegate role …             roles (role --help)\n"
    "       lakegate policy …           managed policies, and testing them (policy --help)\n"
    "       lakegate zones …            zones of a bucket: rules, use, duplicates (zones --help)\n"
    "       lakegate copy SRC DST       copy from a bucket elsewhere (copy --help)\n"
    "       lakegate copies …           the copy jobs that there are (copies --help)\n"
    "       lakegate link …             buckets elsewhere under names here (link --help)\n"
    "       lakegate account …          accounts with users and buckets of their own (account "
    "--help)\n"
    "       lakegate secrets rotate     another key for the secrets in the store\n"
    "       lakegate --help | --version\n"
    "\n"
    "options of all but verify, restore and salvage:\n"
    "  --endpoint-url URL, --gateway URL\n"
    "                       http://HOST:PORT, https://HOST:PORT or unix:PATH\n"
    "                       (LAKEGATE_ENDPOINT_URL, AWS_ENDPOINT_URL; http://127.0.0.1:9000)\n"
    "  --access-key KEY     (LAKEGATE_ROOT_ACCESS_KEY, AWS_ACCESS_KEY_ID)\n"
    "  --secret-key SECRET  (LAKEGATE_ROOT_SECRET_KEY, AWS_SECRET_ACCESS_KEY); visible to other\n"
    "                       users of the machine while the command runs: rather use the "
    "environment\n"
    "  --data DIR           take the keys from DIR/root-credentials (LAKEGATE_DATA)\n"
    "  --session-token TEXT of temporary credentials (AWS_SESSION_TOKEN)\n"
    "  --region NAME        (LAKEGATE_REGION, AWS_REGION, AWS_DEFAULT_REGION; us-east-1)\n"
    "  --ca-file FILE       authorities to trust, PEM (AWS_CA_BUNDLE; the system's)\n"
    "  --json               the daemon's answer as it is\n"
    "\n"
    "exit codes: 0 done, 1 verify or scrub found faults, salvage lost something, policy test "
    "denies,\n"
    "            2 wrong usage, 3 it could not be done\n";

int cli_fail(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    /* Some of it may be a server's words: one line stays one line. */
    for (char *c = line; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "lakegate: %s\n", line);
    return CLI_FAILED;
}

void cli_print_text(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == 0x7f)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
}

static const struct {
    const char *name;
    int (*run)(int count, char **arguments);
} commands[] = {
    {"status", cli_status},
    {"verify", cli_verify},
    {"scrub", cli_scrub},
    {"backup", cli_backup},
    {"restore", cli_restore},
    {"salvage", cli_salvage},
    {"account", cli_account},
    {"secrets", cli_secrets},
    {"zones", cli_zones},
    {"copy", cli_copy},
    {"copies", cli_copies},
    {"link", cli_link},
};

static int run(int argc, char **argv)
{
    if (argc < 2) {
        fputs(help, stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("lakegate " LAKEGATE_VERSION);
        return CLI_OK;
    }
    if (cli_form_known(argv[1]))
        return cli_form(argc - 1, argv + 1);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    cli_fail("there is no command '%s'; see lakegate --help", argv[1]);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    int code = run(argc, argv);
    /* A full disk or a closed pipe behind stdout is a failure too. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK)
        code = cli_fail("cannot write to standard output");
    return code;
}
