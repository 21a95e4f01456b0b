/* What http_client.c and http_engine.c, the two files that know libcurl, share. */
#ifndef DAEMON_HTTP_CURL_H
#define DAEMON_HTTP_CURL_H

#include "headers.h"

struct curl_slist;

/* The headers as libcurl takes them. On failure *list keeps what was added; it is freed either way. */
bool http_curl_headers(const struct header_list *headers, struct curl_slist **list) MUST_USE;
/* Only http and https, on a CURL *. Returns a CURLcode. */
int http_curl_limit_protocols(void *easy) MUST_USE;

#endif
