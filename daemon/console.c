#include "daemon/console.h"

#include "base/clock.h"
#include "daemon/config.h"
#include "daemon/console_files.h"
#include "daemon/daemon.h"
#include "daemon/json.h"
#include "daemon/origin.h"

#define CONSOLE_PATH "/-/console/"

enum { CONFIG_JSON_MAX_BYTES = 16 * 1024 };

/* Nothing but its own files runs, nothing is sent anywhere else, nobody frames it. */
static const struct span content_security_policy =
    SPAN("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
         "frame-src blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
         "frame-ancestors 'none'");

static const struct console_file *find_file(struct span path)
{
    if (!span_present(path))
        return NULL;
    for (size_t i = 0; i < console_file_count; i++)
        if (span_eq(console_files[i].path, path))
            return &console_files[i];
    return NULL;
}

/* ---- a file ---- */

/* Accept-Encoding: one that names gzip, or all, and does not rule it out.
 * src: RFC 9110, section 12.5.3 */
static bool takes_gzip(const struct request *request)
{
    struct span rest = request_header(request, SPAN("accept-encoding")), item;
    bool takes = false;
    while (span_split(&rest, ',', &item)) {
        struct span name = span_trim(span_first(item, span_find_char(item, ';', 0)));
        bool is_gzip = span_eq_nocase(name, SPAN("gzip"));
        if (!is_gzip && !span_eq(name, SPAN("*")))
            continue;
        struct span weight = span_from(item, span_find(item, SPAN("q="), 0));
        bool none = span_present(weight) && weight.len > 2;
        for (size_t i = 2; none && i < weight.len; i++)
            none = (weight.ptr[i] == '0' || weight.ptr[i] == '.' || weight.ptr[i] == ' ');
        if (is_gzip)
            return !none;
        takes = !none;
    }
    return takes;
}

/* src: RFC 9110, section 13.1.2: compared weakly */
static bool is_cached(const struct request *request, struct span etag)
{
    struct span rest = request_header(request, SPAN("if-none-match")), item;
    struct span opaque = span_from(etag, 2); /* without W/ */
    while (span_split(&rest, ',', &item)) {
        item = span_trim(item);
        if (span_starts(item, SPAN("W/")))
            item = span_from(item, 2);
        if ((span_present(opaque) && span_eq(item, opaque)) || span_eq(item, SPAN("*")))
            return true;
    }
    return false;
}

static enum s3_err send_bytes(struct request *request, struct span type, struct span bytes)
{
    struct response *response = &request->response;
    response->status = 200;
    response->kind = RESPONSE_BUFFER;
    buf_init(&response->buffer, bytes.len + 1);
    buf_add(&response->buffer, bytes);
    response_header_borrowed(request, "Content-Type", type);
    return S3_OK;
}

static enum s3_err send_file(struct request *request)
{
    struct span name = span_from(request->target.path, sizeof(CONSOLE_PATH) - 1);
    const struct console_file *file = find_file(name.len > 0 ? name : SPAN("index.html"));
    if (file == NULL)
        return FAIL(request, NO_SUCH_KEY, "The console has no such file.");
    response_header_borrowed(request, "Content-Security-Policy", content_security_policy);
    response_header_borrowed(request, "Referrer-Policy", SPAN("no-referrer"));
    response_header_borrowed(request, "ETag", file->etag);
    response_header_borrowed(request, "Vary", SPAN("Accept-Encoding"));
    response_header_borrowed(request, "Cache-Control",
        file->immutable ? SPAN("public, max-age=31536000, immutable") : SPAN("no-cache"));
    bool packed = span_present(file->gzip) && takes_gzip(request);
    if (is_cached(request, file->etag)) {
        request->response.status = 304;
        request->response.content_length = packed ? file->gzip.len : file->content.len;
        request->response.has_content_length = true;
        return S3_OK;
    }
    if (!packed)
        return send_bytes(request, file->type, file->content);
    response_header_borrowed(request, "Content-Encoding", SPAN("gzip"));
    return send_bytes(request, file->type, file->gzip);
}

/* ---- where it is ---- */

static enum s3_err redirect(struct request *request, int status)
{
    const struct config *config = request->daemon->config;
    struct span prefix = origin_prefix(request);
    /* Without a scheme: the browser keeps the one that it has. */
    struct span host = origin_has_console(request) ? SPAN("") : span_str(config->console_host);
    response_header(request, "Location",
        arena_format(&request->arena, "%s%.*s%.*s" CONSOLE_PATH, host.len > 0 ? "//" : "",
            SPAN_ARG(host), SPAN_ARG(prefix)));
    response_header_borrowed(request, "Vary", SPAN("Accept"));
    response_header_borrowed(request, "Cache-Control", SPAN("no-store"));
    request->response.status = status;
    return S3_OK;
}

static enum s3_err redirect_browser(struct request *request)
{
    return redirect(request, 302);
}

static enum s3_err redirect_to_slash(struct request *request)
{
    return redirect(request, 308);
}

/* ---- what its script asks for ---- */

/* Names of what this daemon can do that an older one, or another build, cannot. */
static const char *const features[] = {"console", "copies", "links", "zones"};

static enum s3_err send_config(struct request *request)
{
    struct span public_url = origin_public_url(request);
    struct json *json = json_new();
    json_text(json, "version", SPAN(LAKEGATE_VERSION));
    json_text(json, "region", request->daemon->region);
    json_u64(json, "time_ms", (uint64_t)request->received_ms);
    json_text(json, "path_prefix", origin_prefix(request));
    json_text(json, "public_url", public_url.len > 0 ? public_url : origin_url(request));
    json_open(json, "features");
    for (size_t i = 0; i < ARRAY_LEN(features); i++)
        json_bool(json, features[i], true);
    json_close(json);
    struct buf text CLEANUP(buf_free);
    buf_init(&text, CONFIG_JSON_MAX_BYTES);
    bool written = json_write(json, &text);
    json_free(json);
    if (!written)
        return FAIL(request, INTERNAL, NULL);
    response_header_borrowed(request, "Content-Security-Policy", content_security_policy);
    response_header_borrowed(request, "Cache-Control", SPAN("no-store"));
    return send_bytes(request, SPAN("application/json"), buf_span(&text));
}

/* ---- routing ---- */

/* No action: anyone may. */
static const struct op file_op = {.name = "console", .run = send_file};
static const struct op config_op = {.name = "console", .run = send_config};
static const struct op slash_op = {.name = "console", .run = redirect_to_slash};
static const struct op browser_op = {.name = "console", .run = redirect_browser};

bool console_has_policy(const struct request *request)
{
    return request->err == S3_OK && (request->op == &file_op || request->op == &config_op);
}

/* A person who typed the address. Who signs, or asks something of the service, is none. */
static bool is_browser(const struct request *request)
{
    return request->method == METHOD_GET && request->target.query.count == 0 &&
           !span_present(request_header(request, SPAN("authorization"))) &&
           span_find(request_header(request, SPAN("accept")), SPAN("text/html"), 0) != SIZE_MAX;
}

const struct op *console_route(const struct request *request)
{
    const struct config *config = request->daemon->config;
    struct span path = request->target.path;
    if (config == NULL || !config->console || console_file_count == 0 ||
        request->target.virtual_host ||
        (request->method != METHOD_GET && request->method != METHOD_HEAD))
        return NULL;
    if (span_eq(path, SPAN("/")))
        return is_browser(request) ? &browser_op : NULL;
    if (!span_starts(path, SPAN("/-/console")) || !origin_has_console(request))
        return NULL;
    if (span_eq(path, SPAN("/-/console")))
        return &slash_op;
    if (span_eq(path, SPAN(CONSOLE_PATH "config.json")))
        return &config_op;
    return span_starts(path, SPAN(CONSOLE_PATH)) ? &file_op : NULL;
}
