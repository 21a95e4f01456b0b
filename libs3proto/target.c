#include "target.h"

#include "base/encode.h"

static enum s3_err failed_in(const struct arena *arena)
{
    return arena->overflow ? S3_ERR_INTERNAL : S3_ERR_INVALID_URI;
}

/* Absolute-form is what a client sends through a proxy. Its authority is the Host's: who took the one and who took
 * the other would serve two buckets. src: RFC 9112, section 3.2.2 */
static enum s3_err skip_authority(struct span *target, struct span host)
{
    if (target->len > 0 && target->ptr[0] == '/')
        return S3_OK;
    size_t scheme_len;
    if (span_starts_nocase(*target, SPAN("http://")))
        scheme_len = sizeof("http://") - 1;
    else if (span_starts_nocase(*target, SPAN("https://")))
        scheme_len = sizeof("https://") - 1;
    else
        return S3_ERR_INVALID_URI;
    *target = span_from(*target, scheme_len);
    struct span authority = *target;
    while (target->len > 0 && target->ptr[0] != '/' && target->ptr[0] != '?')
        *target = span_from(*target, 1);
    authority = span_first(authority, authority.len - target->len);
    return !span_present(host) || span_eq_nocase(authority, host) ? S3_OK : S3_ERR_INVALID_URI;
}

/* A '+' is a space in a value only. Absent on bad encoding and on overflow. */
static struct span decode_value(struct arena *arena, struct span raw)
{
    if (span_find_char(raw, '+', 0) == SIZE_MAX)
        return percent_decode(arena, raw);
    struct span copy = arena_copy(arena, raw);
    if (!span_present(copy))
        return SPAN_ABSENT;
    char *bytes = (char *)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if (bytes[i] == '+')
            bytes[i] = ' ';
    return percent_decode(arena, copy);
}

static enum s3_err parse_param(struct arena *arena, struct span pair, struct query_param *param)
{
    size_t equals = span_find_char(pair, '=', 0);
    *param = (struct query_param){.raw_name = pair};
    if (equals != SIZE_MAX) {
        param->raw_name = span_first(pair, equals);
        param->raw_value = span_from(pair, equals + 1);
        param->value = decode_value(arena, param->raw_value);
        if (!span_present(param->value) || !span_is_utf8(param->value))
            return failed_in(arena);
    }
    param->name = percent_decode(arena, param->raw_name);
    if (!span_present(param->name) || !span_is_utf8(param->name))
        return failed_in(arena);
    return S3_OK;
}

enum s3_err query_parse(
    struct arena *arena, struct span raw, size_t max_params, struct query *ret_query)
{
    struct span rest = raw, pair;
    size_t count = 0;
    while (span_split(&rest, '&', &pair))
        if (pair.len > 0 && ++count > max_params)
            return S3_ERR_INVALID_URI;
    if (count == 0)
        return S3_OK;
    struct query_param *params = arena_array(arena, struct query_param, count);
    if (params == NULL)
        return S3_ERR_INTERNAL;
    rest = raw;
    size_t filled = 0;
    while (span_split(&rest, '&', &pair))
        if (pair.len > 0)
            TRY(parse_param(arena, pair, &params[filled++]));
    *ret_query = (struct query){params, count};
    return S3_OK;
}

/* Without ":port"; an IPv6 address keeps its brackets, and can name no bucket. */
static struct span host_name(struct span host)
{
    if (host.len > 0 && host.ptr[0] == '[')
        return host;
    return span_first(host, span_find_char(host, ':', 0));
}

/* The label(s) before the longest domain that host ends with; absent when host is a domain itself
 * or ends with none. */
static struct span bucket_in_host(struct span host, const struct span *domains, size_t domain_count)
{
    struct span bucket = SPAN_ABSENT;
    for (size_t i = 0; i < domain_count; i++) {
        struct span domain = domains[i];
        if (span_eq_nocase(host, domain))
            return SPAN_ABSENT;
        if (domain.len == 0 || host.len <= domain.len + 1)
            continue;
        size_t dot = host.len - domain.len - 1;
        if (host.ptr[dot] != '.' || !span_eq_nocase(span_from(host, dot + 1), domain))
            continue;
        if (!span_present(bucket) || dot < bucket.len)
            bucket = span_first(host, dot);
    }
    return bucket;
}

/* Host names have no case, bucket names do. */
static struct span lower_case(struct arena *arena, struct span name)
{
    size_t i = 0;
    while (i < name.len && !(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z'))
        i++;
    if (i == name.len)
        return name;
    struct span copy = arena_copy(arena, name);
    char *bytes = (char *)copy.ptr;
    for (; i < copy.len; i++)
        if (bytes[i] >= 'A' && bytes[i] <= 'Z')
            bytes[i] = (char)(bytes[i] - 'A' + 'a');
    return copy;
}

/* "tags/arn:aws:s3:::bucket" names a bucket. */
static void name_control(struct target *target, struct span path)
{
    static const struct span tags_of_bucket = SPAN("tags/arn:aws:s3:::");
    target->scope = TARGET_CONTROL;
    target->control = path;
    target->virtual_host = false;
    target->bucket = SPAN_ABSENT;
    if (span_starts(path, tags_of_bucket))
        target->bucket = span_from(path, tags_of_bucket.len);
}

/* The split is on the decoded path, as the signature, which covers the decoded path encoded anew,
 * cannot tell "%2F" from '/'. */
static void name_resource(struct target *target)
{
    static const struct span control = SPAN("/v20180820/");
    struct span rest = span_from(target->path, 1);
    if (span_starts(target->path, control)) {
        name_control(target, span_from(target->path, control.len));
        return;
    }
    if (!target->virtual_host) {
        if (rest.len == 0) {
            target->scope = TARGET_SERVICE;
            return;
        }
        size_t slash = span_find_char(rest, '/', 0);
        target->bucket = span_first(rest, slash);
        rest = slash == SIZE_MAX ? SPAN_ABSENT : span_from(rest, slash + 1);
    }
    target->scope = rest.len > 0 ? TARGET_OBJECT : TARGET_BUCKET;
    if (rest.len > 0)
        target->key = rest;
}

enum s3_err target_parse(struct arena *arena, struct span raw_target, struct span host,
    const struct span *domains, size_t domain_count, struct target *ret_target)
{
    struct target target = {0};
    TRY(skip_authority(&raw_target, host));
    size_t mark = span_find_char(raw_target, '?', 0);
    target.raw_path = span_first(raw_target, mark);
    if (mark != SIZE_MAX)
        target.raw_query = span_from(raw_target, mark + 1);
    if (target.raw_path.len == 0)
        target.raw_path = SPAN("/");
    target.path = percent_decode(arena, target.raw_path);
    if (!span_present(target.path))
        return failed_in(arena);
    target.signed_path = target.path;
    if (!span_is_utf8(target.path) || span_find_char(target.path, '\0', 0) != SIZE_MAX)
        return S3_ERR_INVALID_URI;
    TRY(query_parse(arena, target.raw_query, QUERY_PARAMS_MAX, &target.query));
    struct span in_host = bucket_in_host(host_name(host), domains, domain_count);
    if (span_present(in_host)) {
        target.virtual_host = true;
        target.bucket = lower_case(arena, in_host);
        if (!span_present(target.bucket))
            return S3_ERR_INTERNAL;
    }
    name_resource(&target);
    *ret_target = target;
    return S3_OK;
}

void target_strip(struct target *target, struct span prefix)
{
    struct span rest = span_from(target->path, prefix.len);
    if (prefix.len == 0 || !span_starts(target->path, prefix) ||
        (rest.len > 0 && rest.ptr[0] != '/'))
        return;
    target->path = rest.len > 0 ? rest : SPAN("/");
    target->stripped_bytes = prefix.len;
    if (!target->virtual_host)
        target->bucket = SPAN_ABSENT;
    target->key = target->control = SPAN_ABSENT;
    name_resource(target);
}

const struct query_param *query_find(const struct query *query, struct span name)
{
    for (size_t i = 0; i < query->count; i++)
        if (span_eq(query->params[i].name, name))
            return &query->params[i];
    return NULL;
}

struct span query_value(const struct query *query, struct span name)
{
    const struct query_param *param = query_find(query, name);
    if (param == NULL)
        return SPAN_ABSENT;
    return span_present(param->value) ? param->value : SPAN("");
}
