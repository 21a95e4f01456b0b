/* lakegate backup, lakegate restore. A backup reads the data folder itself; the running daemon only keeps what is
 * being copied from being given back. Each is a folder of its own, named by its time, that shares with the one
 * before it what did not change. */
#include "base/clock.h"
#include "daemon/cli/cli.h"
#include "daemon/private_file.h"
#include "json_read.h"
#include "storage/storage_care.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HOLD_S = 120, RENEW_S = 20, STAMP_LEN = 20 };
#define UNFINISHED ".part"

struct backup {
    struct arena *arena;
    struct cli_options options;
    uint64_t hold;      /* 0: the daemon does not run, and lock_fd keeps it from starting */
    int lock_fd;        /* -1: none */
    uint64_t renewed_s; /* monotonic */
    bool lost;          /* the hold */
    bool tells;         /* shows progress on a terminal */
};

static uint64_t now_s(void)
{
    return clock_monotonic_ns() / NS_PER_S;
}

/* ---- the hold ---- */

/* A stopped daemon's folder: nobody else opens it meanwhile. */
static bool lock_folder(struct backup *backup)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/lock", backup->options.data_dir);
    backup->lock_fd = open(path, O_RDWR | O_CLOEXEC);
    if (backup->lock_fd >= 0 && flock(backup->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (backup->lock_fd >= 0)
        close(backup->lock_fd);
    backup->lock_fd = -1;
    return false;
}

static int take_hold(struct backup *backup)
{
    struct http_reply reply = {0};
    char path[64], detail[JSON_DETAIL_BYTES];
    snprintf(path, sizeof(path), "/-/holds?seconds=%d", HOLD_S);
    int code = cli_send(backup->arena, &backup->options,
        &(struct cli_call){.method = "POST", .path = path}, &reply);
    if (code == CLI_OK) {
        struct json_node *root = json_text_parse(buf_span(&reply.body), detail);
        backup->hold = (uint64_t)json_node_integer(json_node_member(root, "id"), 0);
        json_text_free(root);
        if (backup->hold == 0)
            code = cli_fail("the daemon's answer is not what was expected");
    }
    http_reply_free(&reply);
    backup->renewed_s = now_s();
    return code;
}

static void renew(struct backup *backup)
{
    struct http_reply reply = {0};
    char path[96];
    snprintf(
        path, sizeof(path), "/-/holds/%llu?seconds=%d", (unsigned long long)backup->hold, HOLD_S);
    backup->lost = cli_send(backup->arena, &backup->options,
                       &(struct cli_call){.method = "PUT", .path = path}, &reply) != CLI_OK;
    http_reply_free(&reply);
    backup->renewed_s = now_s();
}

static void release(struct backup *backup)
{
    struct http_reply reply = {0};
    char path[96];
    if (backup->lock_fd >= 0)
        close(backup->lock_fd);
    if (backup->hold == 0)
        return;
    snprintf(path, sizeof(path), "/-/holds/%llu", (unsigned long long)backup->hold);
    (void)(cli_send(backup->arena, &backup->options,
               &(struct cli_call){.method = "DELETE", .path = path, .quiet = true},
               &reply) == CLI_OK); /* else it expires */
    http_reply_free(&reply);
}

static bool progress(void *ctx, const struct storage_backup_figures *figures)
{
    struct backup *backup = ctx;
    if (backup->hold != 0 && now_s() - backup->renewed_s >= RENEW_S)
        renew(backup);
    if (backup->tells && figures->copied_bytes % (64 << 20) == 0)
        fprintf(stderr, "\r%llu MiB copied ", (unsigned long long)figures->copied_bytes >> 20);
    return !backup->lost;
}

/* ---- folders ---- */

bool cli_copy_secrets(const char *from, const char *to)
{
    static const char *const names[] = {"secrets.key", "root-credentials"};
    char text[PRIVATE_FILE_MAX_BYTES], path[PATH_MAX], error[200];
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(names) && ok; i++) {
        size_t len;
        snprintf(path, sizeof(path), "%s/%s", from, names[i]);
        enum private_file read = private_file_read(path, false, text, &len, error, sizeof(error));
        if (read == PRIVATE_FILE_REFUSED)
            (void)cli_fail("%s", error);
        snprintf(path, sizeof(path), "%s/%s", to, names[i]);
        if (read != PRIVATE_FILE_ABSENT)
            ok = read == PRIVATE_FILE_READ && private_file_write(to, path, span_of(text, len));
    }
    explicit_bzero(text, sizeof(text));
    return ok;
}

/* The newest copy that was finished: names are times, so they sort. */
static bool find_last(const char *target, char ret_path[static PATH_MAX])
{
    char name[NAME_MAX + 1] = "";
    DIR *dir = opendir(target);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strlen(entry->d_name) == STAMP_LEN && entry->d_name[STAMP_LEN - 1] == 'Z' &&
            strcmp(entry->d_name, name) > 0)
            snprintf(name, sizeof(name), "%s", entry->d_name);
    if (dir)
        closedir(dir);
    snprintf(ret_path, PATH_MAX, "%s/%s", target, name);
    return name[0] != '\0';
}

static bool sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static int copy_store(struct backup *backup, const char *target)
{
    char stamp[STAMP_LEN + 1], part[PATH_MAX], done[PATH_MAX], before[PATH_MAX];
    struct storage_backup_figures figures;
    const char *detail = "";
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    size_t len = strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", gmtime_r(&now.tv_sec, &utc));
    snprintf(stamp + len, sizeof(stamp) - len, ".%03dZ", (int)(now.tv_nsec / 1000000) % 1000);
    snprintf(done, sizeof(done), "%s/%s", target, stamp);
    if (snprintf(part, sizeof(part), "%s" UNFINISHED, done) >= PATH_MAX)
        return cli_fail("%s: the path is too long", target);
    bool again = find_last(target, before);
    struct storage_backup order = {.from = backup->options.data_dir,
        .to = part,
        .before = again ? before : NULL,
        .progress = progress,
        .ctx = backup};
    enum storage_err err = storage_backup(&order, &figures, &detail);
    if (backup->tells)
        fputs("\r", stderr);
    if (err != STORAGE_OK)
        return cli_fail(
            "%s: %s (%s); what was copied is in %s", target, detail, storage_err_text(err), part);
    if (!cli_copy_secrets(backup->options.data_dir, part) || rename(part, done) != 0 ||
        !sync_dir(target))
        return cli_fail("%s: %s", part, strerror(errno));
    printf(
        "%s: %llu files with %llu bytes; %llu bytes were copied, %llu files are those of the copy "
        "before\n",
        done, (unsigned long long)figures.files, (unsigned long long)figures.bytes,
        (unsigned long long)figures.copied_bytes, (unsigned long long)figures.linked_files);
    return CLI_OK;
}

int cli_backup(int count, char **arguments)
{
    struct arena arena;
    struct backup backup = {.arena = &arena, .lock_fd = -1, .tells = isatty(2)};
    const char *target = NULL;
    int code = CLI_USAGE;
    arena_init(&arena, CLI_ARENA_BYTES);
    for (int at = 0; at < count;) {
        enum cli_taken taken = cli_option_take(&backup.options, count, arguments, &at);
        if (taken == CLI_TAKEN)
            continue;
        bool is_target = taken == CLI_NOT_TAKEN && arguments[at][0] != '-' && target == NULL;
        target = is_target ? arguments[at] : "";
        at++;
    }
    backup.options = cli_options_fill(&arena, backup.options);
    if (target == NULL || target[0] == '\0' || backup.options.data_dir == NULL) {
        (void)cli_fail("usage: lakegate backup --data DIR [OPTIONS] TARGET");
    } else if (mkdir(target, 0700) != 0 && errno != EEXIST) {
        code = cli_fail("%s: %s", target, strerror(errno));
    } else {
        code = lock_folder(&backup) ? CLI_OK : take_hold(&backup);
        if (code == CLI_OK)
            code = copy_store(&backup, target);
        release(&backup);
    }
    arena_free(&arena);
    return code;
}

static void print_finding(void *ctx, const char *line)
{
    (void)ctx;
    puts(line);
}

int cli_restore(int count, char **arguments)
{
    struct storage_backup_figures figures;
    const char *detail = "";
    uint64_t findings = 0;
    if (count != 2 || arguments[0][0] == '-' || arguments[1][0] == '-') {
        (void)cli_fail("usage: lakegate restore COPY DIR");
        return CLI_USAGE;
    }
    const char *copy = arguments[0], *dir = arguments[1];
    struct storage_backup order = {.from = copy, .to = dir};
    enum storage_err err = storage_backup(&order, &figures, &detail);
    if (err != STORAGE_OK)
        return cli_fail("%s: %s (%s)", dir, detail, storage_err_text(err));
    if (!cli_copy_secrets(copy, dir))
        return cli_fail("%s: the secrets could not be copied", dir);
    err = storage_verify(dir, print_finding, NULL, &findings);
    if (err != STORAGE_OK)
        return cli_fail("cannot check %s: %s", dir, storage_err_text(err));
    printf("%s: %llu files with %llu bytes, %llu findings\n", dir,
        (unsigned long long)figures.files, (unsigned long long)figures.bytes,
        (unsigned long long)findings);
    return findings == 0 ? CLI_OK : CLI_FOUND;
}
