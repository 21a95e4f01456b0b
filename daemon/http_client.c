#include "daemon/http_client.h"

#include "base/arena.h"
#include "daemon/http_curl.h"

#include <curl/curl.h>

bool http_client_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void http_client_exit(void)
{
    curl_global_cleanup();
}

static void easy_cleanup(CURL **easy)
{
    if (*easy)
        curl_easy_cleanup(*easy);
}

static void slist_cleanup(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct buf *body = ctx;
    buf_add(body, span_of(bytes, size * count));
    return buf_ok(body) ? size * count : 0;
}

static bool add_header(struct curl_slist **list, const struct header *header)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    /* "Name;" is how libcurl is asked to send a field without a value. */
    struct span line =
        header->value.len == 0
            ? arena_format(&arena, "%.*s;", SPAN_ARG(header->name))
            : arena_format(&arena, "%.*s: %.*s", SPAN_ARG(header->name), SPAN_ARG(header->value));
    struct curl_slist *longer = line.ptr ? curl_slist_append(*list, line.ptr) : NULL;
    arena_free(&arena);
    if (!longer)
        return false;
    *list = longer;
    return true;
}

bool http_curl_headers(const struct header_list *headers, struct curl_slist **list)
{
    for (size_t i = 0; i < headers->count; i++)
        if (!add_header(list, &headers->items[i]))
            return false;
    return true;
}

int http_curl_limit_protocols(void *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static CURLcode prepare(
    CURL *easy, const struct http_call *call, struct curl_slist *headers, struct http_reply *reply)
{
    CURLcode code = (CURLcode)http_curl_limit_protocols(easy);
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (code == CURLE_OK)                                                                      \
            code = curl_easy_setopt(easy, option, value);                                          \
    } while (0)
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, call->timeout_ms);
    SET(CURLOPT_ERRORBUFFER, reply->detail);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, &reply->body);
    if (call->unix_socket)
        SET(CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
    if (call->ca_file)
        SET(CURLOPT_CAINFO, call->ca_file);
    if (span_present(call->body)) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        SET(CURLOPT_POSTFIELDS, call->body.ptr);
    }
    if (strcmp(call->method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else
        SET(CURLOPT_CUSTOMREQUEST, call->method);
#undef SET
    return code;
}

bool http_client_call(const struct http_call *call, struct http_reply *ret_reply)
{
    *ret_reply = (struct http_reply){0};
    buf_init(&ret_reply->body, HTTP_CLIENT_REPLY_MAX_BYTES);
    CLEANUP(easy_cleanup) CURL *easy = curl_easy_init();
    CLEANUP(slist_cleanup) struct curl_slist *headers = NULL;
    if (easy == NULL || !http_curl_headers(&call->headers, &headers)) {
        snprintf(ret_reply->detail, sizeof(ret_reply->detail), "out of memory");
        return false;
    }
    CURLcode code = prepare(easy, call, headers, ret_reply);
    if (code == CURLE_OK)
        code = curl_easy_perform(easy);
    if (code != CURLE_OK) {
        if (!buf_ok(&ret_reply->body))
            snprintf(ret_reply->detail, sizeof(ret_reply->detail), "the reply is over %d MiB",
                HTTP_CLIENT_REPLY_MAX_BYTES / (1024 * 1024));
        else if (ret_reply->detail[0] == '\0')
            snprintf(ret_reply->detail, sizeof(ret_reply->detail), "%s", curl_easy_strerror(code));
        return false;
    }
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    ret_reply->status = (int)status;
    return true;
}

void http_reply_free(struct http_reply *reply)
{
    buf_free(&reply->body);
}
