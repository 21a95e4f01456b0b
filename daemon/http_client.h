/* HTTP calls that the project makes itself and waits for: the command's to a daemon (the daemon's own go
 * through http_engine.h). Every call is bounded in time and in the size of its reply; redirects are not followed;
 * only http and https are spoken. Thread-safe after http_client_init. */
#ifndef DAEMON_HTTP_CLIENT_H
#define DAEMON_HTTP_CLIENT_H

#include "base/buf.h"
#include "headers.h"

enum { HTTP_CLIENT_REPLY_MAX_BYTES = 16 * 1024 * 1024, HTTP_CLIENT_DETAIL_BYTES = 256 };

struct http_call {
    const char *method;
    const char *url;
    const char *unix_socket;    /* path of a socket to speak through; NULL: by the URL's host */
    const char *ca_file;        /* PEM; NULL: the system's authorities */
    struct header_list headers; /* sent as they are; a Host among them replaces the URL's */
    struct span body;           /* absent: none */
    long timeout_ms;            /* for the whole call */
};

struct http_reply {
    int status;
    struct buf body;                       /* freed by http_reply_free */
    char detail[HTTP_CLIENT_DETAIL_BYTES]; /* why the call failed, one line */
};

/* Once, before threads are started, and once at the end.
 * err: false when the library cannot start */
bool http_client_init(void) MUST_USE;
void http_client_exit(void);

/* Makes the call and waits for it.
 * out: *ret_reply  always valid for http_reply_free; status and body when true, detail when false
 */
bool http_client_call(const struct http_call *call, struct http_reply *ret_reply) MUST_USE;
void http_reply_free(struct http_reply *reply);

#endif
