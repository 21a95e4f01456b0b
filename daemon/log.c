#include "daemon/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/identities.h"
#include "daemon/query.h"
#include "http_time.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

/* How long the writer gathers lines before it writes them together. */
enum { LOG_GATHER_MS = 20 };

struct log {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct buf lines; /* under the lock */
    bool stopping;
    struct buf writing; /* the writer's */
    pthread_t writer;
    pthread_mutex_t file_lock;
    int fd;
    char *path; /* NULL: standard error */
    bool access_log;
    atomic_uint_fast64_t dropped;
};

static void write_out(struct log *log, struct span bytes)
{
    pthread_mutex_lock(&log->file_lock);
    while (bytes.len > 0) {
        ssize_t put = write(log->fd, bytes.ptr, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) { /* a full disk must not stop the daemon */
            atomic_fetch_add(&log->dropped, 1);
            break;
        }
        bytes = span_from(bytes, (size_t)put);
    }
    pthread_mutex_unlock(&log->file_lock);
}

static void *writer_main(void *ctx)
{
    struct log *log = ctx;
    pthread_mutex_lock(&log->lock);
    while (!log->stopping || log->lines.len > 0) {
        if (log->lines.len == 0) {
            pthread_cond_wait(&log->filled, &log->lock);
            continue;
        }
        if (!log->stopping) {
            pthread_mutex_unlock(&log->lock);
            nanosleep(&(struct timespec){.tv_nsec = LOG_GATHER_MS * 1000000L}, NULL);
            pthread_mutex_lock(&log->lock);
        }
        struct buf full = log->lines;
        log->lines = log->writing;
        log->writing = full;
        pthread_mutex_unlock(&log->lock);
        write_out(log, buf_span(&log->writing));
        buf_clear(&log->writing);
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

struct log *log_open(const char *path, bool access_log)
{
    bool has_path = path != NULL && path[0] != '\0';
    int fd = has_path ? open_file(path) : STDERR_FILENO;
    if (fd < 0)
        return NULL;
    struct log *log = calloc(1, sizeof(*log));
    char *copy = has_path ? strdup(path) : NULL;
    if (log == NULL || (has_path && copy == NULL))
        goto failed;
    log->fd = fd;
    log->path = copy;
    log->access_log = access_log;
    buf_init(&log->lines, LOG_BUFFER_BYTES);
    buf_init(&log->writing, LOG_BUFFER_BYTES);
    pthread_mutex_init(&log->lock, NULL);
    pthread_mutex_init(&log->file_lock, NULL);
    pthread_cond_init(&log->filled, NULL);
    if (pthread_create(&log->writer, NULL, writer_main, log) == 0)
        return log;
failed:
    free(copy);
    free(log);
    if (has_path)
        close(fd);
    return NULL;
}

void log_close(struct log *log)
{
    if (log == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_cond_signal(&log->filled);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->writer, NULL);
    buf_free(&log->lines);
    buf_free(&log->writing);
    if (log->path != NULL)
        close(log->fd);
    free(log->path);
    pthread_cond_destroy(&log->filled);
    pthread_mutex_destroy(&log->file_lock);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

bool log_reopen(struct log *log)
{
    if (log->path == NULL)
        return true;
    int fd = open_file(log->path);
    if (fd < 0)
        return false;
    pthread_mutex_lock(&log->file_lock);
    int old = log->fd;
    log->fd = fd;
    pthread_mutex_unlock(&log->file_lock);
    close(old);
    return true;
}

static void append(struct log *log, struct span line)
{
    pthread_mutex_lock(&log->lock);
    if (log->lines.len + line.len > LOG_BUFFER_BYTES) {
        atomic_fetch_add(&log->dropped, 1);
    } else {
        bool wake = log->lines.len == 0;
        buf_add(&log->lines, line);
        if (wake)
            pthread_cond_signal(&log->filled);
    }
    pthread_mutex_unlock(&log->lock);
}

void log_message(struct log *log, enum log_level level, const char *format, ...)
{
    if (log == NULL)
        return;
    static const char *const words[] = {"info", "warning", "error"};
    char text[2048], when[ISO_TIME_BYTES];
    iso_time_format(clock_unix_ms(), when);
    int head = snprintf(text, sizeof(text), "%s %s: ", when, words[level]);
    va_list args;
    va_start(args, format);
    int body = vsnprintf(text + head, sizeof(text) - (size_t)head - 1, format, args);
    va_end(args);
    if (body < 0)
        return;
    size_t len = (size_t)head + (size_t)body;
    if (len > sizeof(text) - 2)
        len = sizeof(text) - 2;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ')
            text[i] = ' '; /* one message, one line, whatever a client put into it */
    text[len++] = '\n';
    append(log, span_of(text, len));
}

/* ---- the access log ---- */

static void add_string(struct buf *out, struct span text)
{
    static const char digits[] = "0123456789abcdef";
    bool utf8 = span_is_utf8(text);
    buf_add_char(out, '"');
    size_t plain = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= ' ' && c != '"' && c != '\\' && c != 127 && (c < 128 || utf8))
            continue;
        buf_add(out, span_of(text.ptr + plain, i - plain));
        plain = i + 1;
        if (c == '"' || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)c);
        } else {
            buf_add_lit(out, "\\u00");
            buf_add_char(out, digits[c >> 4]);
            buf_add_char(out, digits[c & 15]);
        }
    }
    buf_add(out, span_from(text, plain));
    buf_add_char(out, '"');
}

static void add_text(struct buf *out, struct span name, struct span text)
{
    if (!span_present(text))
        return;
    buf_add_lit(out, ",\"");
    buf_add(out, name);
    buf_add_lit(out, "\":");
    add_string(out, text);
}

static void add_number(struct buf *out, struct span name, uint64_t value)
{
    buf_add_lit(out, ",\"");
    buf_add(out, name);
    buf_add_lit(out, "\":");
    buf_add_u64(out, value);
}

static void add_error(struct buf *out, const struct request *request)
{
    const struct s3_err_info *info = s3_err_info(request->err);
    add_text(out, SPAN("error"), span_str(info->code));
    if (info->status < 500 || request->err_file == NULL)
        return;
    add_text(out, SPAN("cause"), span_str(request->err_cause));
    add_text(out, SPAN("raised"), span_str(request->err_file));
    add_number(out, SPAN("line"), (uint64_t)request->err_line);
}

void log_access(struct log *log, const struct request *request, const struct log_access *access)
{
    if (log == NULL || !log->access_log)
        return;
    char when[ISO_TIME_BYTES];
    iso_time_format(request->received_ms, when);
    struct buf out CLEANUP(buf_free);
    buf_init(&out, LOG_LINE_MAX_BYTES);
    buf_add_lit(&out, "{\"time\":\"");
    buf_add(&out, span_str(when));
    buf_add_lit(&out, "\",\"id\":\"");
    buf_add(&out, span_str(request->id));
    buf_add_char(&out, '"');
    add_text(&out, SPAN("peer"), request->peer);
    add_text(&out, SPAN("method"), span_first(request->method_text, 32));
    if (request->op != NULL)
        add_text(&out, SPAN("op"),
            span_str(request->query != NULL ? request->query->action->name : request->op->name));
    add_text(&out, SPAN("principal"),
        request->identity != NULL ? span_first(request->identity->principal.arn, 1024)
                                  : SPAN("anonymous"));
    add_text(&out, SPAN("bucket"), span_first(request->target.bucket, 256));
    add_text(&out, SPAN("key"), span_first(request->target.key, 1024));
    add_number(&out, SPAN("status"), (uint64_t)request->response.status);
    if (request->err != S3_OK)
        add_error(&out, request);
    if (access->aborted)
        buf_add_lit(&out, ",\"aborted\":true");
    add_number(&out, SPAN("bytes_in"), request->bytes_in);
    add_number(&out, SPAN("bytes_out"), access->bytes_out);
    add_number(&out, SPAN("duration_us"), access->duration_ns / 1000);
    add_number(&out, SPAN("run_us"), request->step_ns[STEP_RUN] / 1000);
    buf_add_lit(&out, "}\n");
    if (buf_ok(&out))
        append(log, buf_span(&out));
    else
        atomic_fetch_add(&log->dropped, 1);
}

uint64_t log_dropped(struct log *log)
{
    return log == NULL ? 0 : atomic_load(&log->dropped);
}
