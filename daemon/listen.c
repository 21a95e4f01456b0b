#include "daemon/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 1024 };
#define UNIX_PREFIX "unix:"

static bool failed(char *ret_error, const char *text, const char *what)
{
    snprintf(ret_error, LISTEN_ERROR_BYTES, "cannot listen on %s: %s", text, what);
    return false;
}

/* A socket that nobody answers on was left by a process that is gone. */
static bool remove_stale(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return true;
    if (!S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    close(fd);
    return !answered && unlink(address->sun_path) == 0;
}

static bool open_unix(const char *text, int *ret_fd, char *ret_bound, char *ret_error)
{
    const char *path = text + sizeof(UNIX_PREFIX) - 1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path))
        return failed(ret_error, text, "the path of a Unix socket has 1 to 107 bytes");
    memcpy(address.sun_path, path, strlen(path));
    if (!remove_stale(&address))
        return failed(ret_error, text, "the path is in use");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failed(ret_error, text, strerror(errno));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0) {
        failed(ret_error, text, strerror(errno));
        close(fd);
        return false;
    }
    snprintf(ret_bound, LISTEN_TEXT_BYTES, "%s", text);
    *ret_fd = fd;
    return true;
}

/* "host:port" → both, without brackets. */
static bool split_address(
    const char *text, char *ret_host, size_t host_bytes, const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == '\0')
        return false;
    struct span host = span_of(text, (size_t)(colon - text));
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = span_of(host.ptr + 1, host.len - 2);
    else if (span_find_char(host, ':', 0) != SIZE_MAX)
        return false;
    if (host.len >= host_bytes)
        return false;
    memcpy(ret_host, host.ptr, host.len);
    ret_host[host.len] = '\0';
    *ret_port = colon + 1;
    return true;
}

/* getaddrinfo takes 99999 for 34463. */
static bool is_port(const char *text)
{
    uint64_t number;
    return span_to_u64(span_str(text), &number) && number <= UINT16_MAX;
}

static void describe_bound(int fd, char *ret_bound)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
            NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(ret_bound, LISTEN_TEXT_BYTES, "?");
        return;
    }
    bool v6 = address.ss_family == AF_INET6;
    snprintf(
        ret_bound, LISTEN_TEXT_BYTES, "%s%.120s%s:%.8s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static int bind_one(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (info->ai_family == AF_INET6) /* "[::]" takes IPv4 too, as people expect of it */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool open_tcp(const char *text, int *ret_fd, char *ret_bound, char *ret_error)
{
    char host[256];
    const char *port;
    if (!split_address(text, host, sizeof(host), &port) || !is_port(port))
        return failed(ret_error, text, "write ADDRESS:PORT, [IPV6]:PORT or unix:/PATH");
    bool any = host[0] == '\0' || (host[0] == '*' && host[1] == '\0');
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
                    *found = NULL;
    int error = getaddrinfo(any ? NULL : host, port, &hints, &found);
    if (error != 0)
        return failed(ret_error, text, gai_strerror(error));
    /* For all addresses the IPv6 socket serves both families, where there is IPv6. */
    int fd = -1;
    for (const struct addrinfo *at = found; any && at != NULL && fd < 0; at = at->ai_next)
        if (at->ai_family == AF_INET6)
            fd = bind_one(at);
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next)
        fd = bind_one(at);
    int bind_error = errno;
    freeaddrinfo(found);
    if (fd < 0)
        return failed(ret_error, text,
            bind_error == EADDRINUSE ? "the port is in use; choose another with --listen"
                                     : strerror(bind_error));
    describe_bound(fd, ret_bound);
    *ret_fd = fd;
    return true;
}

bool listen_open(const char *text, int *ret_fd, bool *ret_is_unix,
    char ret_bound[static LISTEN_TEXT_BYTES], char ret_error[static LISTEN_ERROR_BYTES])
{
    *ret_is_unix = span_starts(span_str(text), SPAN(UNIX_PREFIX));
    return *ret_is_unix ? open_unix(text, ret_fd, ret_bound, ret_error)
                        : open_tcp(text, ret_fd, ret_bound, ret_error);
}

void listen_forget(const char *text)
{
    if (span_starts(span_str(text), SPAN(UNIX_PREFIX)))
        unlink(text + sizeof(UNIX_PREFIX) - 1);
}

struct span peer_text(const struct sockaddr *address, char ret_text[static PEER_TEXT_BYTES])
{
    const void *bytes = NULL;
    int family = address != NULL ? address->sa_family : AF_UNIX;
    if (family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    } else if (family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        bytes = v6;
        if (IN6_IS_ADDR_V4MAPPED(v6)) {
            bytes = v6->s6_addr + 12;
            family = AF_INET;
        }
    }
    if (bytes == NULL || inet_ntop(family, bytes, ret_text, PEER_TEXT_BYTES) == NULL)
        return SPAN("unix");
    return span_str(ret_text);
}
