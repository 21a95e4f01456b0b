#include "daemon/remote_endpoint.h"

#include "base/encode.h"
#include "daemon/remote.h"
#include "names.h"

enum { AWS_REGION_MAX_BYTES = 32, BUCKET_LABEL_MAX_BYTES = 63 };

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* xx-words-N: no more than AWS's names have, so that "s3-accelerate" or "s3.evil" is none. */
static bool is_aws_region(struct span text)
{
    if (text.len < 6 || text.len > AWS_REGION_MAX_BYTES || !is_lower(text.ptr[0]) ||
        !is_lower(text.ptr[1]) || text.ptr[2] != '-')
        return false;
    size_t at = text.len;
    while (at > 0 && is_digit(text.ptr[at - 1]))
        at--;
    if (at == text.len || at < 5 || text.ptr[at - 1] != '-')
        return false;
    for (size_t i = 2; i + 1 < at; i++)
        if (!is_lower(text.ptr[i]) && (text.ptr[i] != '-' || text.ptr[i + 1] == '-'))
            return false;
    return true;
}

bool remote_region_valid(struct span region, bool is_aws)
{
    if (is_aws)
        return is_aws_region(region);
    if (region.len == 0 || region.len >= REMOTE_REGION_BYTES)
        return false;
    for (size_t i = 0; i < region.len; i++) {
        char c = region.ptr[i];
        if (!is_lower(c) && !(c >= 'A' && c <= 'Z') && !is_digit(c) && c != '-' && c != '.' &&
            c != '_')
            return false;
    }
    return true;
}

/* s3.amazonaws.com, s3[.-]REGION.amazonaws.com, s3.dualstack.REGION.amazonaws.com, each with ".cn". */
static bool aws_host(struct span host, struct span *ret_region, bool *ret_dualstack)
{
    if (span_ends(host, SPAN(".cn")))
        host.len -= SPAN(".cn").len;
    *ret_region = SPAN("");
    *ret_dualstack = false;
    if (span_eq(host, SPAN("s3.amazonaws.com")))
        return true;
    if (!span_ends(host, SPAN(".amazonaws.com")))
        return false;
    host.len -= SPAN(".amazonaws.com").len;
    if (span_starts(host, SPAN("s3.dualstack."))) {
        *ret_dualstack = true;
        *ret_region = span_from(host, SPAN("s3.dualstack.").len);
    } else if (span_starts(host, SPAN("s3.")) || span_starts(host, SPAN("s3-"))) {
        *ret_region = span_from(host, SPAN("s3.").len);
    }
    return is_aws_region(*ret_region);
}

/* The name without its port; false when it is no name or address. */
static bool take_host(struct span *authority, struct remote_endpoint *endpoint)
{
    struct span host = *authority;
    bool bracketed = span_starts(host, SPAN("["));
    size_t end = bracketed ? span_find_char(host, ']', 0) : span_find_char(host, ':', 0);
    if (bracketed && end == SIZE_MAX)
        return false;
    if (end != SIZE_MAX)
        host.len = end + bracketed;
    if (host.len == 0 || host.len >= sizeof(endpoint->host))
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        bool inside = bracketed && i > 0 && i + 1 < host.len;
        bool good = is_lower(c) || is_digit(c) || c == '.' || (c == '-' && !bracketed) ||
                    (c == '_' && !bracketed) || (c == ':' && inside) ||
                    (bracketed && !inside && (c == '[' || c == ']'));
        if (!good)
            return false;
        endpoint->host[i] = c;
    }
    endpoint->host[host.len] = '\0';
    *authority = span_from(*authority, host.len);
    return true;
}

static bool take_port(struct span text, struct remote_endpoint *endpoint)
{
    endpoint->port = endpoint->secure ? 443 : 80;
    if (text.len == 0)
        return true;
    uint64_t port;
    if (text.ptr[0] != ':' || !span_to_u64(span_from(text, 1), &port) || port == 0 ||
        port > UINT16_MAX)
        return false;
    endpoint->port = (uint16_t)port;
    return true;
}

bool remote_endpoint_parse(struct span url, struct remote_endpoint *ret_endpoint,
    char ret_region[static REMOTE_REGION_BYTES])
{
    if (!span_present(url) || url.len == 0)
        url = SPAN("https://s3.amazonaws.com");
    struct remote_endpoint endpoint = {.secure = span_starts_nocase(url, SPAN("https://"))};
    if (!endpoint.secure && !span_starts_nocase(url, SPAN("http://")))
        return false;
    size_t scheme_bytes = endpoint.secure ? 8 : 7;
    struct span rest = span_of(url.ptr + scheme_bytes, url.len - scheme_bytes);
    if (span_ends(rest, SPAN("/")))
        rest.len--;
    if (!take_host(&rest, &endpoint) || !take_port(rest, &endpoint))
        return false;
    struct span region;
    if (endpoint.secure && endpoint.port == 443 &&
        aws_host(span_str(endpoint.host), &region, &endpoint.dualstack)) {
        endpoint.is_aws = true;
        memcpy(ret_region, region.ptr, region.len);
        ret_region[region.len] = '\0';
    } else {
        ret_region[0] = '\0';
    }
    *ret_endpoint = endpoint;
    return true;
}

void remote_endpoint_regional(struct remote_endpoint *endpoint, struct span region)
{
    if (!endpoint->is_aws)
        return;
    snprintf(endpoint->host, sizeof(endpoint->host), "s3.%s%.*s.amazonaws.com%s",
        endpoint->dualstack ? "dualstack." : "", SPAN_ARG(region),
        span_starts(region, SPAN("cn-")) ? ".cn" : "");
}

bool remote_bucket_valid(struct span bucket)
{
    if (bucket.len < BUCKET_NAME_MIN_BYTES || bucket.len > REMOTE_BUCKET_MAX_BYTES)
        return false;
    for (size_t i = 0; i < bucket.len; i++) {
        char c = bucket.ptr[i];
        if (!is_lower(c) && !(c >= 'A' && c <= 'Z') && !is_digit(c) && c != '-' && c != '.' &&
            c != '_')
            return false;
    }
    /* Not a step in a path, which something on the way might take. */
    return bucket.ptr[0] != '.';
}

/* A label of a host that a wildcard certificate covers: no dots, nothing that names may not have. */
static bool fits_host(struct span bucket)
{
    if (bucket.len > BUCKET_LABEL_MAX_BYTES || bucket.ptr[0] == '-' ||
        bucket.ptr[bucket.len - 1] == '-')
        return false;
    for (size_t i = 0; i < bucket.len; i++)
        if (!is_lower(bucket.ptr[i]) && !is_digit(bucket.ptr[i]) && bucket.ptr[i] != '-')
            return false;
    return true;
}

bool remote_url_make(struct arena *arena, const struct remote_endpoint *endpoint,
    struct span bucket, struct span key, struct span query, struct remote_url *ret_url)
{
    bool in_host = endpoint->is_aws && fits_host(bucket);
    bool default_port = endpoint->port == (endpoint->secure ? 443 : 80);
    char port[8] = "";
    if (!default_port)
        snprintf(port, sizeof(port), ":%u", (unsigned)endpoint->port);
    struct span host = arena_format(arena, "%.*s%s%s%s", in_host ? (int)bucket.len : 0, bucket.ptr,
        in_host ? "." : "", endpoint->host, port);
    struct buf path;
    buf_init(&path, REMOTE_URL_MAX_BYTES);
    buf_add_char(&path, '/');
    if (!in_host)
        buf_add(&path, bucket);
    if (span_present(key)) {
        if (!in_host)
            buf_add_char(&path, '/');
        percent_encode(&path, key, true);
    }
    if (span_present(query)) {
        buf_add_char(&path, '?');
        buf_add(&path, query);
    }
    struct span target = buf_ok(&path) ? arena_copy(arena, buf_span(&path)) : SPAN_ABSENT;
    buf_free(&path);
    if (!span_present(host) || !span_present(target))
        return false;
    struct span url = arena_format(arena, "%s://%.*s%.*s", endpoint->secure ? "https" : "http",
        SPAN_ARG(host), SPAN_ARG(target));
    *ret_url = (struct remote_url){url, host, target};
    return span_present(url);
}
