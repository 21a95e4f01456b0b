#include "daemon/route.h"

const struct op ops_table[] = {
#define S3_OP(name, method, scope, sub_resource, header, action, body, class)                      \
    {#name, METHOD_##method, TARGET_##scope, sub_resource, header, action, BODY_##body,            \
        CLASS_##class, op_##name, false},
#include "daemon/ops.def"
#undef S3_OP
};
const size_t ops_count = ARRAY_LEN(ops_table);

/* Query parameters that make a request another operation, on AWS or in what clients send to it. One
 * that no row has must never fall through to a row without: `PUT /bucket/key?restore` would
 * overwrite the object. Parameters that only modify an operation (versionId, partNumber beside
 * uploadId, prefix …) are not here. src: Amazon S3 API Reference, "Actions"; AWS SDK models,
 * service-2.json of s3 */
static const struct span sub_resources[] = {
    SPAN("abac"),
    SPAN("accelerate"),
    SPAN("acl"),
    SPAN("analytics"),
    SPAN("attributes"),
    SPAN("cors"),
    SPAN("delete"),
    SPAN("encryption"),
    SPAN("intelligent-tiering"),
    SPAN("inventory"),
    SPAN("legal-hold"),
    SPAN("lifecycle"),
    SPAN("location"),
    SPAN("logging"),
    SPAN("metadataConfiguration"),
    SPAN("metadataInventoryTable"),
    SPAN("metadataJournalTable"),
    SPAN("metadataTable"),
    SPAN("metrics"),
    SPAN("notification"),
    SPAN("object-lock"),
    SPAN("ownershipControls"),
    SPAN("policy"),
    SPAN("policyStatus"),
    SPAN("publicAccessBlock"),
    SPAN("renameObject"),
    SPAN("replication"),
    SPAN("requestPayment"),
    SPAN("restore"),
    SPAN("retention"),
    SPAN("select"),
    SPAN("session"),
    SPAN("tagging"),
    SPAN("torrent"),
    SPAN("uploadId"),
    SPAN("uploads"),
    SPAN("versioning"),
    SPAN("versions"),
    SPAN("website"),
    /* Lakegate's own. */
    SPAN("lakegate-duplicates"),
    SPAN("lakegate-lineage"),
    SPAN("lakegate-zone-stats"),
    SPAN("lakegate-zip"),
    SPAN("lakegate-zones"),
    /* MinIO's extensions: a listener must not be answered with a listing. */
    SPAN("events"),
    SPAN("replication-metrics"),
    SPAN("replication-reset"),
    /* IAM's and STS's, in a URL. */
    SPAN("Action"),
};

bool route_knows(struct span sub_resource)
{
    for (size_t i = 0; i < ARRAY_LEN(sub_resources); i++)
        if (span_eq(sub_resources[i], sub_resource))
            return true;
    return false;
}

enum method method_of(struct span text)
{
    static const struct {
        struct span text;
        enum method method;
    } methods[] = {
        {SPAN("GET"), METHOD_GET},
        {SPAN("PUT"), METHOD_PUT},
        {SPAN("HEAD"), METHOD_HEAD},
        {SPAN("POST"), METHOD_POST},
        {SPAN("DELETE"), METHOD_DELETE},
        {SPAN("OPTIONS"), METHOD_OPTIONS},
    };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (span_eq(methods[i].text, text))
            return methods[i].method;
    return METHOD_OTHER;
}

/* What the query names of S3's sub-resources, looked up once: most requests have none. */
struct named {
    struct span first;
    bool several; /* different ones */
};

static struct named find_named(const struct query *query)
{
    struct named named = {0};
    for (size_t i = 0; i < query->count; i++) {
        struct span name = query->params[i].name;
        if (!route_knows(name))
            continue;
        if (!span_present(named.first))
            named.first = name;
        named.several |= !span_eq(name, named.first);
    }
    return named;
}

/* "name" asks for the parameter, "name=value" for it with this value. */
static bool has_sub_resource(
    const struct query *query, const struct named *named, const char *wanted)
{
    struct span name = span_str(wanted);
    size_t equals = span_find_char(name, '=', 0);
    if (equals == SIZE_MAX)
        return span_present(named->first) && query_find(query, name) != NULL;
    struct span value = span_from(name, equals + 1);
    return span_eq(query_value(query, span_first(name, equals)), value);
}

/* The row's path, or something below it. */
static bool is_control_path(const struct op *op, const struct target *target)
{
    struct span wanted = span_str(op->sub_resource);
    return span_starts(target->control, wanted) &&
           (target->control.len == wanted.len || target->control.ptr[wanted.len] == '/');
}

static bool fits(const struct op *op, const struct target *target, const struct named *named,
    const struct header_list *headers)
{
    if (op->scope == TARGET_CONTROL)
        return is_control_path(op, target);
    if (op->sub_resource != NULL && !has_sub_resource(&target->query, named, op->sub_resource))
        return false;
    return op->header == NULL || span_present(header_find(headers, span_str(op->header)));
}

/* A part without its upload is no whole object: AWS refuses it, and so must we. */
static bool is_stray_part(const struct op *op, const struct query *query)
{
    return op->method == METHOD_PUT && op->scope == TARGET_OBJECT && op->sub_resource == NULL &&
           query_find(query, SPAN("partNumber")) != NULL;
}

enum s3_err route(enum method method, const struct target *target,
    const struct header_list *headers, const struct op **ret_op)
{
    struct named named = find_named(&target->query);
    bool method_known = false;
    for (size_t i = 0; i < ops_count; i++) {
        const struct op *op = &ops_table[i];
        if (op->method != method || op->scope != target->scope)
            continue;
        method_known = true;
        if (!fits(op, target, &named, headers))
            continue;
        /* A preflight asks about a request to come, whatever its sub-resource. */
        bool asks_for_more = method != METHOD_OPTIONS && span_present(named.first) &&
                             (named.several || !span_eq(named.first, span_str(op->sub_resource)));
        if (asks_for_more)
            return S3_ERR_NOT_IMPLEMENTED;
        if (is_stray_part(op, &target->query))
            return S3_ERR_INVALID_ARGUMENT;
        *ret_op = op;
        return S3_OK;
    }
    return method_known || span_present(named.first) ? S3_ERR_NOT_IMPLEMENTED
                                                     : S3_ERR_METHOD_NOT_ALLOWED;
}
