/* A copy job as it goes: on a terminal three lines that are drawn again, elsewhere a line now and then. */
#include "daemon/cli/copy.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    EVERY_MS = 200,
    LINE_EVERY_S = 10, /* where nothing can be drawn again */
    COLUMNS_MIN = 40,
    COLUMNS_MAX = 120,
    PATH_BYTES = 64,
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

struct screen {
    bool terminal, color, utf8;
    unsigned columns;
    unsigned drawn; /* lines that stand there */
};

static bool says_utf8(void)
{
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

static struct screen look_at_screen(void)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    struct winsize size = {0};
    struct screen screen = {.terminal = isatty(STDOUT_FILENO) != 0, .columns = 80};
    screen.terminal = screen.terminal && (term == NULL || strcmp(term, "dumb") != 0);
    screen.color = screen.terminal && (no_color == NULL || *no_color == '\0');
    screen.utf8 = says_utf8();
    if (screen.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        screen.columns = size.ws_col;
    if (screen.columns > COLUMNS_MAX)
        screen.columns = COLUMNS_MAX;
    if (screen.columns < COLUMNS_MIN)
        screen.columns = COLUMNS_MIN;
    return screen;
}

/* ---- figures ---- */

void copy_bytes_text(uint64_t bytes, char ret_text[static COPY_FIGURE_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1024;
        unit++;
    }
    snprintf(ret_text, COPY_FIGURE_BYTES, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s",
        value, units[unit]);
}

void copy_count_text(uint64_t count, char ret_text[static COPY_FIGURE_BYTES])
{
    char digits[COPY_FIGURE_BYTES];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    size_t to = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            ret_text[to++] = ',';
        ret_text[to++] = digits[i];
    }
    ret_text[to] = '\0';
}

static void time_text(uint64_t seconds, char ret_text[static COPY_FIGURE_BYTES])
{
    unsigned long long s = seconds;
    if (s < 100)
        snprintf(ret_text, COPY_FIGURE_BYTES, "%llu s", s);
    else if (s < 3600)
        snprintf(ret_text, COPY_FIGURE_BYTES, "%llu:%02llu min", s / 60, s % 60);
    else
        snprintf(ret_text, COPY_FIGURE_BYTES, "%llu:%02llu h", s / 3600, s / 60 % 60);
}

/* Of a thousand; 1001: not known. */
static unsigned done_of_thousand(const struct json_node *job)
{
    uint64_t objects = copy_number(job, "total", "objects"),
             bytes = copy_number(job, "total", "bytes");
    bool counted =
        json_node_bool(json_node_member(json_node_member(job, "total"), "complete"), false);
    uint64_t settled = copy_number(job, "progress", "copied_objects") +
                       copy_number(job, "progress", "skipped_objects") +
                       copy_number(job, "progress", "duplicate_objects") +
                       copy_number(job, "progress", "failed_objects");
    uint64_t moved = copy_number(job, "progress", "copied_bytes") +
                     copy_number(job, "progress", "skipped_bytes"),
             received = copy_number(job, "progress", "received_bytes") +
                        copy_number(job, "progress", "skipped_bytes");
    if (span_eq(cli_member(job, "state"), SPAN("done")))
        return 1000;
    if (!counted || objects == 0)
        return 1001;
    if (received > moved) /* what is under way counts, too */
        moved = received;
    /* Half by objects, half by bytes: a bar that moves with many small ones and with few large ones. */
    double by_objects = (double)settled / (double)objects;
    double by_bytes = bytes > 0 ? (double)moved / (double)bytes : by_objects;
    double part = (by_objects + (by_bytes < 1 ? by_bytes : 1)) / 2;
    return part >= 0.999 ? 999 : (unsigned)(part * 1000);
}

/* ---- drawing ---- */

static void color(const struct screen *screen, const char *code)
{
    if (screen->color)
        printf("\033[%sm", code);
}

static void draw_bar(const struct screen *screen, unsigned thousand, unsigned width, bool bad)
{
    unsigned cells = thousand <= 1000 ? width * 2 * thousand / 1000 : 0;
    color(screen, bad ? "31" : thousand == 1000 ? "32" : "36");
    for (unsigned i = 0; i < cells / 2; i++)
        fputs(screen->utf8 ? "━" : "#", stdout);
    unsigned used = cells / 2;
    if (cells % 2 == 1) {
        fputs(screen->utf8 ? "╸" : ">", stdout);
        used++;
    }
    color(screen, "0;90");
    for (unsigned i = used; i < width; i++)
        fputs(screen->utf8 ? "━" : "-", stdout);
    color(screen, "0");
}

/* "s3://bucket/prefix", as far as it fits. */
static struct span place_text(
    const struct json_node *job, const char *side, char room[static PATH_BYTES + 1])
{
    const struct json_node *place = json_node_member(job, side);
    struct span bucket = cli_member(place, "bucket"), prefix = cli_member(place, "prefix");
    int len = snprintf(room, PATH_BYTES, "s3://%.*s/%.*s", SPAN_ARG(bucket), SPAN_ARG(prefix));
    return span_of(room, len < PATH_BYTES ? (size_t)len : PATH_BYTES - 1);
}

static void line_end(struct screen *screen)
{
    fputs("\033[K\n", stdout);
    screen->drawn++;
}

static void draw_title(struct screen *screen, const struct json_node *job)
{
    char from[PATH_BYTES + 1], to[PATH_BYTES + 1];
    color(screen, "1");
    cli_print_text(place_text(job, "source", from));
    fputs(screen->utf8 ? " → " : " -> ", stdout);
    cli_print_text(place_text(job, "destination", to));
    color(screen, "0");
    color(screen, "90");
    printf("  ");
    cli_print_text(cli_member(job, "id"));
    color(screen, "0");
    line_end(screen);
}

static void draw_progress(struct screen *screen, const struct json_node *job, bool bad)
{
    char objects[COPY_FIGURE_BYTES], total[COPY_FIGURE_BYTES], bytes[COPY_FIGURE_BYTES],
        total_bytes[COPY_FIGURE_BYTES], text[160];
    unsigned thousand = done_of_thousand(job);
    bool counting = thousand > 1000;
    copy_count_text(copy_number(job, "progress", "copied_objects") +
                        copy_number(job, "progress", "skipped_objects"),
        objects);
    copy_count_text(copy_number(job, "total", "objects"), total);
    copy_bytes_text(copy_number(job, "progress", "copied_bytes") +
                        copy_number(job, "progress", "skipped_bytes"),
        bytes);
    copy_bytes_text(copy_number(job, "total", "bytes"), total_bytes);
    int len = snprintf(text, sizeof(text), " %3u %%  %s of %s%s objects  %s of %s%s",
        counting ? 0 : thousand / 10, objects, total, counting ? "+" : "", bytes, total_bytes,
        counting ? "+" : "");
    unsigned width =
        screen->columns > (unsigned)len + 12 ? screen->columns - (unsigned)len - 1 : 10;
    draw_bar(screen, thousand, width, bad);
    fputs(text, stdout);
    line_end(screen);
}

static void part(bool *first, const char *figure, const char *what)
{
    printf("%s%s%s", *first ? "" : "   ", figure, what);
    *first = false;
}

static void count_part(const struct screen *screen, bool *first, const struct json_node *job,
    const char *name, const char *what, const char *code)
{
    char figure[COPY_FIGURE_BYTES];
    uint64_t count = copy_number(job, "progress", name);
    if (count == 0)
        return;
    copy_count_text(count, figure);
    color(screen, code);
    part(first, figure, what);
    color(screen, "0");
}

static void draw_rates(struct screen *screen, const struct json_node *job)
{
    char figure[COPY_FIGURE_BYTES];
    struct span state = cli_member(job, "state"), reason = cli_member(job, "reason");
    const struct json_node *left =
        json_node_member(json_node_member(job, "progress"), "seconds_left");
    bool first = true;
    if (span_eq(state, SPAN("running"))) {
        copy_bytes_text(copy_number(job, "progress", "bytes_per_second"), figure);
        part(&first, figure, "/s");
        copy_count_text(copy_number(job, "progress", "objects_per_second"), figure);
        part(&first, figure, " objects/s");
        if (json_node_integer(left, -1) >= 0) {
            time_text((uint64_t)json_node_integer(left, 0), figure);
            part(&first, figure, " left");
        }
    } else {
        color(screen, span_eq(state, SPAN("done")) ? "32" : "33");
        cli_print_text(state);
        if (reason.len > 0) {
            printf(": ");
            cli_print_text(reason);
        }
        color(screen, "0");
        first = false;
    }
    count_part(screen, &first, job, "skipped_objects", " skipped", "90");
    count_part(screen, &first, job, "duplicate_objects", " duplicates", "90");
    count_part(screen, &first, job, "filtered_objects", " left out", "90");
    count_part(screen, &first, job, "failed_objects", " failed", "31");
    line_end(screen);
}

static void draw(struct screen *screen, const struct json_node *job)
{
    bool bad = span_eq(cli_member(job, "state"), SPAN("failed")) ||
               span_eq(cli_member(job, "state"), SPAN("canceled"));
    if (screen->drawn > 0)
        printf("\033[%uA", screen->drawn);
    screen->drawn = 0;
    draw_title(screen, job);
    draw_progress(screen, job, bad);
    draw_rates(screen, job);
    fflush(stdout);
}

static void print_line(const struct json_node *job)
{
    char objects[COPY_FIGURE_BYTES], bytes[COPY_FIGURE_BYTES], failed[COPY_FIGURE_BYTES];
    copy_count_text(copy_number(job, "progress", "copied_objects"), objects);
    copy_bytes_text(copy_number(job, "progress", "copied_bytes"), bytes);
    copy_count_text(copy_number(job, "progress", "failed_objects"), failed);
    cli_print_text(cli_member(job, "id"));
    printf("  ");
    cli_print_text(cli_member(job, "state"));
    if (cli_member(job, "reason").len > 0) {
        printf(" (");
        cli_print_text(cli_member(job, "reason"));
        printf(")");
    }
    printf("  %s objects, %s copied, %s failed\n", objects, bytes, failed);
    fflush(stdout);
}

/* ---- Ctrl-C ---- */

enum choice { CHOICE_WATCH, CHOICE_LEAVE, CHOICE_CANCEL };

/* Should the job go on? Asked where somebody can answer; else it does. */
static enum choice ask(struct span id)
{
    char line[64];
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return CHOICE_LEAVE;
    interrupted = 0;
    printf("\rShould the job go on? [Y] yes, without me  [n] no, cancel it  [w] keep watching: ");
    fflush(stdout);
    errno = 0;
    bool answered = fgets(line, sizeof(line), stdin) != NULL;
    if (!answered) {
        clearerr(stdin);
        putchar('\n');
    }
    if (answered && (line[0] == 'w' || line[0] == 'W'))
        return CHOICE_WATCH;
    if (answered && (line[0] == 'n' || line[0] == 'N'))
        return CHOICE_CANCEL;
    printf("It goes on. To look at it again: lakegate copies watch %.*s\n", SPAN_ARG(id));
    return CHOICE_LEAVE;
}

static int interrupt(const struct cli_options *options, struct span id, bool *ret_leave)
{
    char path[64];
    enum choice choice = ask(id);
    *ret_leave = choice != CHOICE_WATCH;
    if (choice != CHOICE_CANCEL)
        return CLI_OK;
    struct json_node *none = NULL;
    snprintf(path, sizeof(path), "/-/copies/%.*s", SPAN_ARG(id));
    int code = copy_call(options, "DELETE", path, SPAN_ABSENT, &none);
    json_text_free(none);
    if (code == CLI_OK)
        printf("It is canceled. What was copied stays.\n");
    return code;
}

/* ---- watching ---- */

static int code_of(const struct json_node *job)
{
    if (!span_eq(cli_member(job, "state"), SPAN("done")))
        return CLI_FAILED;
    return copy_number(job, "progress", "failed_objects") > 0 ? CLI_FOUND : CLI_OK;
}

/* Nothing comes of waiting any longer. */
static bool is_over(const struct json_node *job)
{
    struct span state = cli_member(job, "state"), reason = cli_member(job, "reason");
    if (span_eq(state, SPAN("paused")))
        return !span_eq(reason, SPAN("DiskFull")) && !span_eq(reason, SPAN("SourceUnavailable"));
    return !span_eq(state, SPAN("queued")) && !span_eq(state, SPAN("running"));
}

static void tell_end(const struct json_node *job)
{
    struct span message = cli_member(job, "message"), id = cli_member(job, "id");
    if (message.len > 0)
        cli_fail("%.*s", SPAN_ARG(message));
    if (copy_number(job, "progress", "failed_objects") > 0)
        printf("What failed and why: lakegate copies failures %.*s\n", SPAN_ARG(id));
    if (copy_number(job, "warnings", "tags_left_out") > 0)
        printf("%llu objects have tags that could not be copied.\n",
            (unsigned long long)copy_number(job, "warnings", "tags_left_out"));
}

static int watch(const struct cli_options *options, struct span id)
{
    struct screen screen = look_at_screen();
    struct cli_options quiet = *options;
    char path[64];
    time_t told = 0;
    snprintf(path, sizeof(path), "/-/copies/%.*s", SPAN_ARG(id));
    for (;;) {
        struct json_node *job = NULL;
        quiet.json = false;
        int code = copy_call(&quiet, "GET", path, SPAN_ABSENT, &job);
        if (code != CLI_OK)
            return code;
        bool over = is_over(job);
        if (screen.terminal && !options->json) {
            draw(&screen, job);
        } else if (!options->json && (over || time(NULL) - told >= LINE_EVERY_S)) {
            print_line(job);
            told = time(NULL);
        }
        if (over) {
            code = code_of(job);
            if (!options->json)
                tell_end(job);
            json_text_free(job);
            return options->json && copy_call(options, "GET", path, SPAN_ABSENT, &job) != CLI_OK
                       ? CLI_FAILED
                       : code;
        }
        json_text_free(job);
        usleep(EVERY_MS * 1000);
        bool leave = false;
        if (interrupted) {
            code = interrupt(options, id, &leave);
            interrupted = 0;
            screen.drawn = 0;
        }
        if (leave)
            return code;
    }
}

int copy_watch(const struct cli_options *options, struct span id)
{
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &before);
    int code = watch(options, id);
    sigaction(SIGINT, &before, NULL);
    return code;
}
