#include "daemon/cli/cli.h"

#include "base/encode.h"
#include "http_time.h"
#include "sigv4.h"

/* An endpoint, taken apart. */
struct endpoint {
    struct span url;  /* scheme and authority, NUL-terminated */
    struct span host; /* the authority, as the Host header has it */
    const char *unix_socket;
};

static bool endpoint_read(struct arena *arena, const char *text, struct endpoint *ret_endpoint)
{
    struct span rest = span_str(text);
    if (span_starts(rest, SPAN("unix:"))) {
        *ret_endpoint = (struct endpoint){SPAN("http://localhost"), SPAN("localhost"), text + 5};
        return text[5] != '\0';
    }
    struct span scheme = SPAN("http://");
    uint64_t default_port = 80;
    if (span_starts_nocase(rest, SPAN("https://"))) {
        scheme = SPAN("https://");
        default_port = 443;
    }
    if (!span_starts_nocase(rest, scheme))
        return false;
    rest = span_from(rest, scheme.len);
    while (span_ends(rest, SPAN("/")))
        rest.len--;
    if (rest.len == 0 || span_find_char(rest, '/', 0) != SIZE_MAX ||
        span_find_char(rest, '@', 0) != SIZE_MAX)
        return false;
    struct span host = rest;
    struct span suffix = arena_format(arena, ":%u", (unsigned)default_port);
    if (span_ends(host, suffix))
        host.len -= suffix.len;
    struct span url = arena_format(arena, "%.*s%.*s", SPAN_ARG(scheme), SPAN_ARG(rest));
    *ret_endpoint = (struct endpoint){url, host, NULL};
    return span_present(url);
}

/* All that is sent, the signature last. */
static bool sign(struct arena *arena, const struct cli_options *options, struct span host,
    const struct cli_call *call, struct header_list *ret_list)
{
    struct header extra[1 + ARRAY_LEN(call->extra)];
    size_t count = 0;
    if (call->content_type)
        extra[count++] = (struct header){SPAN("content-type"), span_str(call->content_type)};
    for (size_t i = 0; i < ARRAY_LEN(call->extra); i++)
        if (span_present(call->extra[i].name))
            extra[count++] = call->extra[i];
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    sha256_of(span_present(call->body) ? call->body : SPAN(""), digest);
    hex_encode(digest, sizeof(digest), hex);
    struct sigv4_signer signer = {span_str(options->access_key), span_str(options->secret_key),
        span_str(options->session_token), span_str(options->region),
        span_str(call->service ? call->service : "s3")};
    struct header_list more = {extra, count};
    return sigv4_sign_request(arena, &signer, span_str(call->method), span_str(call->path), host,
               &more, arena_copy(arena, span_str(hex)), (int64_t)time(NULL), ret_list) == S3_OK;
}

/* The text between <tag> and </tag> of an error's XML, for people; absent without one. */
static struct span xml_text(struct span body, struct span open, struct span close)
{
    size_t from = span_find(body, open, 0);
    size_t to = from == SIZE_MAX ? SIZE_MAX : span_find(body, close, from);
    if (to == SIZE_MAX)
        return SPAN_ABSENT;
    return span_of(body.ptr + from + open.len, to - from - open.len);
}

static int refused(const char *endpoint_url, const struct http_reply *reply)
{
    struct span body = buf_span(&reply->body);
    struct span code = xml_text(body, SPAN("<Code>"), SPAN("</Code>"));
    struct span message = xml_text(body, SPAN("<Message>"), SPAN("</Message>"));
    if (span_present(code))
        return cli_fail("%s answered %d %.*s: %.*s", endpoint_url, reply->status,
            SPAN_ARG(span_first(code, 100)), SPAN_ARG(span_first(message, 400)));
    return cli_fail("%s answered %d: is that a lakegated?", endpoint_url, reply->status);
}

static int fail_without_keys(const struct cli_options *options)
{
    if (!options->data_dir)
        return cli_fail("no keys: set LAKEGATE_ROOT_ACCESS_KEY and LAKEGATE_ROOT_SECRET_KEY, or "
                        "name the data folder with --data");
    return cli_fail("no keys: %s/root-credentials is not there or cannot be read; set "
                    "LAKEGATE_ROOT_ACCESS_KEY and LAKEGATE_ROOT_SECRET_KEY",
        options->data_dir);
}

int cli_send(struct arena *arena, const struct cli_options *options, const struct cli_call *what,
    struct http_reply *ret_reply)
{
    *ret_reply = (struct http_reply){0};
    struct endpoint endpoint;
    if (!endpoint_read(arena, options->endpoint_url, &endpoint)) {
        cli_fail("'%s' is no endpoint; write http://HOST:PORT, https://HOST:PORT or unix:PATH",
            options->endpoint_url);
        return CLI_USAGE;
    }
    if (!options->access_key || !options->secret_key)
        return fail_without_keys(options);
    struct header_list headers;
    if (!sign(arena, options, endpoint.host, what, &headers))
        return cli_fail("cannot sign a request to %s", options->endpoint_url);
    struct span url = arena_format(arena, "%.*s%s", SPAN_ARG(endpoint.url), what->path);
    if (!span_present(url))
        return cli_fail("out of memory");
    struct http_call call = {
        .method = what->method,
        .url = url.ptr,
        .unix_socket = endpoint.unix_socket,
        .ca_file = options->ca_file,
        .headers = headers,
        .body = what->body,
        .timeout_ms = CLI_TIMEOUT_MS,
    };
    if (!http_client_call(&call, ret_reply))
        return cli_fail("%s: %s", options->endpoint_url, ret_reply->detail);
    if (ret_reply->status / 100 == 2)
        return CLI_OK;
    return what->quiet ? CLI_FAILED : refused(options->endpoint_url, ret_reply);
}

int cli_get(struct arena *arena, const struct cli_options *options, const char *path,
    struct http_reply *ret_reply)
{
    struct cli_call call = {.method = "GET", .path = path};
    return cli_send(arena, options, &call, ret_reply);
}
