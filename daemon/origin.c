#include "daemon/origin.h"

#include "daemon/config.h"
#include "daemon/console_files.h"
#include "daemon/daemon.h"

/* Tests have no configuration. */
struct span origin_prefix(const struct request *request)
{
    const struct config *config = request->daemon->config;
    return config != NULL ? span_str(config->path_prefix) : SPAN("");
}

struct span origin_public_url(const struct request *request)
{
    const struct config *config = request->daemon->config;
    return config != NULL ? span_str(config->public_url) : SPAN("");
}

/* Where the setting has no port, any will do. */
static bool is_host(struct span host, struct span wanted)
{
    bool bracketed = wanted.len > 0 && wanted.ptr[wanted.len - 1] == ']';
    bool any_port = bracketed || span_find_char(wanted, ':', 0) == SIZE_MAX;
    if (any_port && host.len > wanted.len && host.ptr[wanted.len] == ':')
        host = span_first(host, wanted.len);
    return span_eq_nocase(host, wanted);
}

bool origin_has_console_host(const struct request *request)
{
    const struct config *config = request->daemon->config;
    struct span wanted = config != NULL ? span_str(config->console_host) : SPAN("");
    return wanted.len > 0 && is_host(request_header(request, SPAN("host")), wanted);
}

bool origin_has_console(const struct request *request)
{
    const struct config *config = request->daemon->config;
    return config != NULL && config->console && console_file_count > 0 &&
           (config->console_host[0] == '\0' || origin_has_console_host(request));
}

bool origin_is_sandboxed(const struct request *request)
{
    const struct config *config = request->daemon->config;
    return config == NULL || config->object_sandbox || origin_has_console_host(request);
}

struct span origin_url(struct request *request)
{
    struct span public_url = origin_public_url(request), prefix = origin_prefix(request);
    struct span host = request_header(request, SPAN("host"));
    bool secure = public_url.len > 0 ? span_starts(public_url, SPAN("https://")) : request->secure;
    if (public_url.len > 0 && !request->target.virtual_host)
        return public_url;
    if (!span_present(host))
        host = SPAN("localhost");
    return arena_format(&request->arena, "%s://%.*s%.*s", secure ? "https" : "http", SPAN_ARG(host),
        SPAN_ARG(prefix));
}
