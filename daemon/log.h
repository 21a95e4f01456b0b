/* The daemon's words: messages, and the access log, one line of JSON a request. Lines go to a
 * bounded buffer that a thread of its own writes out, so that a slow disk or pipe never holds a
 * request up; what does not fit is dropped and counted. No secret, signature or presigned query
 * ever gets into a line. Thread-safe. */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include "base/span.h"

struct log;
struct request;

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

enum { LOG_BUFFER_BYTES = 1024 * 1024, LOG_LINE_MAX_BYTES = 16 * 1024 };

/* in:  path  appended to; NULL or "": standard error
 * out: NULL when it cannot be opened (errno tells) or memory runs out */
struct log *log_open(const char *path, bool access_log);
/* Writes what is left. Takes NULL. */
void log_close(struct log *log);
/* Opens the path again, as log rotation wants it. False, and the old file stays, when that fails.
 */
bool log_reopen(struct log *log);

/* Takes a NULL log: then nothing is said. */
void log_message(struct log *log, enum log_level level, const char *format, ...) PRINTF_LIKE(3, 4);

/* What HTTP adds to a request's line. */
struct log_access {
    uint64_t bytes_out;   /* of the body */
    uint64_t duration_ns; /* from the request line to the last byte */
    bool aborted;         /* the connection ended before the response did */
};
void log_access(struct log *log, const struct request *request, const struct log_access *access);

/* Lines dropped since start. */
uint64_t log_dropped(struct log *log);

#endif
