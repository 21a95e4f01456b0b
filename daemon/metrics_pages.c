#include "daemon/metrics_pages.h"

#include "daemon/authorize.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/metrics.h"
#include "daemon/metrics_history.h"
#include "daemon/network.h"
#include "daemon/source_ip.h"
#include "daemon/zones.h"

static struct buf *answer(struct request *request, const char *type, size_t max_bytes)
{
    struct response *response = &request->response;
    response->status = 200;
    response->kind = RESPONSE_BUFFER;
    buf_init(&response->buffer, max_bytes);
    response_header_borrowed(request, "Content-Type", span_str(type));
    response_header_borrowed(request, "Cache-Control", SPAN("no-store"));
    return &response->buffer;
}

static enum s3_err write_page(struct request *request, bool names)
{
    struct buf *out = answer(request, "text/plain; version=0.0.4", METRICS_TEXT_MAX_BYTES);
    metrics_write(request->daemon->metrics, request->daemon, names, out);
    if (names)
        zones_metrics(request, out);
    return S3_OK;
}

/* Names of buckets are not for everybody, though the page may be. */
static enum s3_err open_page(struct request *request)
{
    return write_page(request, false);
}

static enum s3_err signed_page(struct request *request)
{
    return write_page(request, true);
}

/* ---- who ---- */

/* src: RFC 6750, section 2.1 */
static struct span bearer_token(const struct request *request)
{
    struct span value = request_header(request, SPAN("authorization"));
    static const struct span scheme = {"Bearer ", 7};
    return span_starts_nocase(value, scheme) ? span_trim(span_from(value, scheme.len))
                                             : SPAN_ABSENT;
}

static enum s3_err token_page(struct request *request)
{
    const struct config *config = request->daemon->config;
    struct span wanted = config != NULL ? span_str(config->metrics_token) : SPAN("");
    struct span token = bearer_token(request);
    if (wanted.len == 0 || !span_eq_constant_time(token, wanted))
        return FAIL(request, ACCESS_DENIED, NULL);
    return write_page(request, true);
}

static bool is_loopback(struct span text)
{
    static const struct network loopbacks[] = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 0}, ADDRESS_V4_BITS + 8},
        {{[15] = 1}, 128},
    };
    uint8_t address[ADDRESS_BYTES];
    bool is_v4;
    if (!address_parse(text, address, &is_v4))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(loopbacks); i++)
        if (network_holds(&loopbacks[i], address))
            return true;
    return false;
}

static bool came_through_proxy(const struct request *request)
{
    static const struct span added[] = {SPAN("forwarded"), SPAN("x-forwarded-for"),
        SPAN("x-forwarded-host"), SPAN("x-forwarded-proto"), SPAN("x-real-ip"), SPAN("via")};
    for (size_t i = 0; i < ARRAY_LEN(added); i++)
        if (span_present(request_header(request, added[i])))
            return true;
    const struct config *config = request->daemon->config;
    return config != NULL && config->trusted_proxies.count == 0 &&
           (config->path_prefix[0] != '\0' || config->public_url[0] != '\0');
}

/* "localhost:9000", "127.0.0.1", "[::1]:9000". */
static bool is_host_of_here(struct span host)
{
    if (span_starts(host, SPAN("[")))
        return is_loopback(span_from(span_first(host, span_find_char(host, ']', 0)), 1));
    struct span name = span_first(host, span_find_char(host, ':', 0));
    return span_eq_nocase(name, SPAN("localhost")) || is_loopback(name);
}

bool metrics_is_local(const struct request *request)
{
    return is_loopback(source_ip(request)) && is_loopback(request->peer) &&
           !came_through_proxy(request) && is_host_of_here(request_header(request, SPAN("host")));
}

/* ---- history ---- */

static enum s3_err history_page(struct request *request)
{
    struct span text = request_query(request, SPAN("since"));
    uint64_t since_s = 0;
    if (span_present(text) && (!span_to_u64(text, &since_s) || since_s > INT64_MAX))
        return FAIL(request, INVALID_ARGUMENT, "since must be a time in Unix seconds");
    if (request->daemon->history == NULL)
        return FAIL(request, INTERNAL, NULL);
    struct buf *out = answer(request, "application/json", HISTORY_TEXT_MAX_BYTES);
    metrics_history_write(request->daemon->history, (int64_t)since_s, out);
    return S3_OK;
}

/* ---- routing ---- */

/* No action: anyone may. */
static const struct op open_op = {.name = "metrics", .run = open_page};
static const struct op token_op = {.name = "metrics", .run = token_page, .own_credentials = true};
static const struct op signed_op = {
    .name = "metrics", .action = "lakegate:GetMetrics", .run = signed_page};
static const struct op history_op = {
    .name = "metrics_history", .action = "lakegate:GetMetrics", .run = history_page};

static bool is_signed(const struct request *request)
{
    return span_present(request_header(request, SPAN("authorization"))) ||
           request_has_query(request, SPAN("X-Amz-Signature"));
}

static const struct op *page_for(const struct request *request)
{
    const struct config *config = request->daemon->config;
    int access = config != NULL ? config->metrics : METRICS_LOCAL;
    if (span_present(bearer_token(request)))
        return &token_op;
    if (is_signed(request))
        return &signed_op;
    bool may = access == METRICS_PUBLIC || (access == METRICS_LOCAL && metrics_is_local(request));
    return may ? &open_op : &signed_op;
}

const struct op *metrics_route(const struct request *request)
{
    struct span path = request->target.path;
    if ((request->method != METHOD_GET && request->method != METHOD_HEAD) ||
        request->target.virtual_host)
        return NULL;
    if (span_eq(path, SPAN("/-/metrics/history")))
        return &history_op;
    return span_eq(path, SPAN("/-/metrics")) ? page_for(request) : NULL;
}
