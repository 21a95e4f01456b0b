/* lakegate account add|list|remove, and lakegate secrets rotate: what the first account's root does to the
 * daemon as a whole (daemon/system.h). */
#include "base/encode.h"
#include "daemon/cli/cli.h"
#include "json_read.h"

enum { NAME_MAX_BYTES = 200 };

static const char account_help[] =
    "usage: lakegate account add NAME       make an account; prints its root keys, once\n"
    "       lakegate account list           all accounts\n"
    "       lakegate account remove NUMBER  an account that owns no buckets, users or policies\n"
    "\n"
    "Accounts own buckets and users. These commands are for the first account; options as of\n"
    "lakegate --help.\n";
static const char secrets_help[] =
    "usage: lakegate secrets rotate         seal all secrets with a new key\n"
    "\n"
    "The key is in the data folder's secrets.key, and a new one is made there. Where the ring of "
    "keys\n"
    "is handed in, hand one in whose last key is the new one, restart, and then rotate.\n";

static bool print_as_it_is(const struct cli_options *options, const struct http_reply *reply)
{
    struct span text = buf_span(&reply->body);
    if (options->json)
        fwrite(text.ptr, 1, text.len, stdout);
    return options->json;
}

static void print_field(const char *title, const struct json_node *node, const char *name)
{
    printf("%-14s", title);
    cli_print_text(cli_member(node, name));
    putchar('\n');
}

static int send(struct arena *arena, const struct cli_options *options, const char *method,
    struct span path, struct http_reply *ret_reply)
{
    if (!span_present(path))
        return cli_fail("out of memory");
    struct cli_call call = {.method = method, .path = path.ptr};
    return cli_send(arena, options, &call, ret_reply);
}

/* ---- account ---- */

static int add(struct arena *arena, const struct cli_options *options, const char *name)
{
    struct http_reply reply = {0};
    struct buf path CLEANUP(buf_free);
    buf_init(&path, 4 * NAME_MAX_BYTES);
    buf_add_lit(&path, "/-/accounts?name=");
    percent_encode(&path, span_first(span_str(name), NAME_MAX_BYTES), false);
    int code = send(arena, options, "POST", arena_copy(arena, buf_span(&path)), &reply);
    if (code == CLI_OK && !print_as_it_is(options, &reply)) {
        struct json_node *root = cli_json(options, &reply);
        if (root != NULL) {
            print_field("account", root, "id");
            print_field("name", root, "name");
            print_field("canonical id", root, "canonical_id");
            print_field("access key", root, "access_key");
            print_field("secret key", root, "secret_key");
        }
        code = root != NULL ? CLI_OK : CLI_FAILED;
        json_text_free(root);
    }
    http_reply_free(&reply);
    return code;
}

static void print_account(const struct json_node *account)
{
    cli_print_members(account, (const char *const[]){"id", "canonical_id", "name", NULL});
}

static const struct cli_pages accounts = {"/-/accounts", "accounts", "id", print_account};

static int remove_one(struct arena *arena, const struct cli_options *options, const char *number)
{
    uint64_t id;
    struct http_reply reply = {0};
    if (strlen(number) != 12 || !span_to_u64(span_str(number), &id)) {
        cli_fail("'%s' is no account: name it by its 12 digits", number);
        return CLI_USAGE;
    }
    int code =
        send(arena, options, "DELETE", arena_format(arena, "/-/accounts/%s", number), &reply);
    http_reply_free(&reply);
    return code;
}

/* ---- secrets ---- */

static int rotate(struct arena *arena, const struct cli_options *options)
{
    struct http_reply reply = {0};
    int code = send(arena, options, "POST", arena_copy(arena, SPAN("/-/secrets/rotate")), &reply);
    if (code == CLI_OK && !print_as_it_is(options, &reply)) {
        struct json_node *root = cli_json(options, &reply);
        if (root != NULL)
            printf("%s%lld secrets sealed anew\n",
                json_node_bool(json_node_member(root, "new_key"), false) ? "new key made, " : "",
                (long long)json_node_integer(json_node_member(root, "sealed"), 0));
        code = root != NULL ? CLI_OK : CLI_FAILED;
        json_text_free(root);
    }
    http_reply_free(&reply);
    return code;
}

/* ---- words ---- */

enum { WORDS_MAX = 2 };

struct words {
    const char *items[WORDS_MAX];
    size_t count;
};

/* The words among the options. */
static bool read_words(struct arena *arena, int count, char **arguments, const char *help,
    struct words *ret_words, struct cli_options *ret_options)
{
    struct cli_options options = {0};
    struct words words = {.count = 0};
    for (int at = 0; at < count;) {
        enum cli_taken taken = cli_option_take(&options, count, arguments, &at);
        if (taken == CLI_WRONG)
            return false;
        if (taken == CLI_TAKEN)
            continue;
        if (words.count == WORDS_MAX || arguments[at][0] == '-') {
            fputs(help, stderr);
            return false;
        }
        words.items[words.count++] = arguments[at++];
    }
    *ret_options = cli_options_fill(arena, options);
    *ret_words = words;
    return true;
}

static bool is(const struct words *words, const char *verb, size_t count)
{
    return words->count == count && strcmp(words->items[0], verb) == 0;
}

static int run_account(
    struct arena *arena, const struct cli_options *options, const struct words *words)
{
    if (is(words, "add", 2))
        return add(arena, options, words->items[1]);
    if (is(words, "list", 1))
        return cli_list(options, &accounts);
    if (is(words, "remove", 2))
        return remove_one(arena, options, words->items[1]);
    fputs(account_help, stderr);
    return CLI_USAGE;
}

static int run_secrets(
    struct arena *arena, const struct cli_options *options, const struct words *words)
{
    if (is(words, "rotate", 1))
        return rotate(arena, options);
    fputs(secrets_help, stderr);
    return CLI_USAGE;
}

static int run(int count, char **arguments, const char *help,
    int (*command)(
        struct arena *arena, const struct cli_options *options, const struct words *words))
{
    struct cli_options options;
    struct words words;
    if (count > 0 && (strcmp(arguments[0], "--help") == 0 || strcmp(arguments[0], "-h") == 0)) {
        fputs(help, stdout);
        return CLI_OK;
    }
    struct arena arena;
    arena_init(&arena, CLI_ARENA_BYTES);
    int code = CLI_USAGE;
    if (read_words(&arena, count, arguments, help, &words, &options)) {
        code = CLI_FAILED;
        if (http_client_init()) {
            code = command(&arena, &options, &words);
            http_client_exit();
        } else {
            cli_fail("cannot start libcurl");
        }
    }
    arena_free(&arena);
    return code;
}

int cli_account(int count, char **arguments)
{
    return run(count, arguments, account_help, run_account);
}

int cli_secrets(int count, char **arguments)
{
    return run(count, arguments, secrets_help, run_secrets);
}
