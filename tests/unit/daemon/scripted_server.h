/* An HTTP server on loopback that answers each connection's request with the next bytes of a script, right
 * or wrong, and closes. What it was asked is kept. */
#ifndef TESTS_UNIT_DAEMON_SCRIPTED_SERVER_H
#define TESTS_UNIT_DAEMON_SCRIPTED_SERVER_H

#include "base/span.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SCRIPT_MAX = 8, SCRIPT_REQUEST_BYTES = 8 * 1024 };

struct scripted_server {
    int fd;
    uint16_t port;
    pthread_t thread;
    struct span answers[SCRIPT_MAX]; /* an empty one: the connection is reset */
    size_t answer_count;
    bool hold; /* after its answer it waits for the client to close */
    atomic_size_t asked;
    char requests[SCRIPT_MAX][SCRIPT_REQUEST_BYTES];
};

static void scripted_answer(int client, struct span answer)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (answer.len == 0)
        (void)setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    while (answer.len > 0) {
        ssize_t sent = send(client, answer.ptr, answer.len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        answer = span_from(answer, (size_t)sent);
    }
}

static void *scripted_run(void *ctx)
{
    struct scripted_server *server = ctx;
    for (;;) {
        int client = accept(server->fd, NULL, NULL);
        if (client < 0)
            return NULL;
        size_t at = atomic_load(&server->asked);
        if (at < SCRIPT_MAX) {
            char *text = server->requests[at];
            size_t len = 0;
            text[0] = '\0';
            while (len + 1 < SCRIPT_REQUEST_BYTES && strstr(text, "\r\n\r\n") == NULL) {
                ssize_t got = recv(client, text + len, SCRIPT_REQUEST_BYTES - 1 - len, 0);
                if (got <= 0)
                    break;
                len += (size_t)got;
                text[len] = '\0';
            }
            atomic_store(&server->asked, at + 1);
            scripted_answer(client, at < server->answer_count ? server->answers[at] : SPAN(""));
            char more;
            while (server->hold && recv(client, &more, 1, 0) > 0)
                continue;
        }
        close(client);
    }
}

static inline void scripted_start(struct scripted_server *server)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    atomic_init(&server->asked, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&in, sizeof(in)) != 0 ||
        listen(server->fd, 16) != 0 || getsockname(server->fd, (struct sockaddr *)&in, &len) != 0 ||
        pthread_create(&server->thread, NULL, scripted_run, server) != 0)
        abort();
    server->port = ntohs(in.sin_port);
}

static inline void scripted_stop(struct scripted_server *server)
{
    (void)shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
}

#endif
