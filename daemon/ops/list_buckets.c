/* ListBuckets: the buckets of the caller's account, in one page or, when asked for, in several.
 * src: Amazon S3 API Reference, "ListBuckets" */
#include "daemon/ops/listing_xml.h"
#include "names.h"
#include "xml_write.h"

enum { BUCKETS_MAX = 10000 };

struct buckets_arguments {
    int32_t max;
    struct span prefix; /* absent when not sent */
    struct span after;  /* absent: from the first */
    bool paged;         /* any of its parameters was sent: buckets show their region then */
};

static enum s3_err parse_max(struct request *request, struct buckets_arguments *arguments)
{
    TRY(argument_int32(request, "max-buckets", BUCKETS_MAX, &arguments->max));
    if (arguments->max >= 1 && arguments->max <= BUCKETS_MAX)
        return S3_OK;
    struct span text = arena_format(&request->arena, "%d", arguments->max);
    return FAIL_ARGUMENT(request, "max-buckets", text,
        "Argument max-buckets must be an integer between 1 and 10000");
}

/* There is one region here: its name selects every bucket. */
static enum s3_err parse_region(struct request *request)
{
    struct span region = request_query(request, SPAN("bucket-region"));
    if (!span_present(region) || span_eq_nocase(region, request_region(request)))
        return S3_OK;
    return FAIL_ARGUMENT(request, "bucket-region", SPAN_ABSENT,
        "Requests with bucket-region specified must be made to the corresponding regional "
        "endpoint");
}

static enum s3_err parse_token(struct request *request, struct buckets_arguments *arguments)
{
    struct span token = request_query(request, SPAN("continuation-token"));
    if (token.len == 0 || token_decode(&request->arena, token, &arguments->after) == S3_OK)
        return S3_OK;
    return FAIL_ARGUMENT(
        request, "continuation-token", SPAN_ABSENT, "The continuation token provided is incorrect");
}

static enum s3_err parse_arguments(struct request *request, struct buckets_arguments *arguments)
{
    static const struct span parameters[] = {
        SPAN("max-buckets"), SPAN("prefix"), SPAN("continuation-token"), SPAN("bucket-region")};
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++)
        arguments->paged |= request_has_query(request, parameters[i]);
    TRY(parse_max(request, arguments));
    TRY(parse_region(request));
    TRY(argument_text(request, "prefix", &arguments->prefix));
    return parse_token(request, arguments);
}

static void write_bucket(struct listing *listing, const struct bucket_info *bucket, bool paged)
{
    struct buf *out = listing->out;
    xml_open(out, SPAN("Bucket"));
    xml_text(out, SPAN("Name"), bucket->name);
    xml_time(out, SPAN("CreationDate"), bucket->created_ms);
    if (paged)
        xml_text(out, SPAN("BucketRegion"), request_region(listing->request));
    xml_open(out, SPAN("BucketArn"));
    buf_add_lit(out, "arn:aws:s3:::");
    xml_escape(out, bucket->name);
    xml_close(out, SPAN("BucketArn"));
    xml_close(out, SPAN("Bucket"));
}

enum s3_err op_list_buckets(struct request *request)
{
    struct buckets_arguments arguments = {0};
    TRY(parse_arguments(request, &arguments));

    struct bucket_page page = {0};
    struct span prefix = span_present(arguments.prefix) ? arguments.prefix : SPAN("");
    struct span after = span_present(arguments.after) ? arguments.after : SPAN("");
    uint64_t account_id = request->principal.account_id;
    enum storage_err err = storage_bucket_list(request_store(request), account_id, prefix, after,
        (size_t)arguments.max, &request->arena, &page);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);

    struct listing listing = {.request = request};
    struct span root = SPAN("ListAllMyBucketsResult");
    listing_begin(&listing, root, page.count);
    listing_owner(&listing, SPAN("Owner"), account_id);
    xml_open(listing.out, SPAN("Buckets"));
    for (size_t i = 0; i < page.count; i++)
        write_bucket(&listing, &page.items[i], arguments.paged);
    xml_close(listing.out, SPAN("Buckets"));
    if (span_present(arguments.prefix))
        xml_text(listing.out, SPAN("Prefix"), arguments.prefix);
    if (page.truncated && page.count > 0) {
        struct span token = token_encode(&request->arena, page.items[page.count - 1].name);
        if (!span_present(token))
            return FAIL(request, INTERNAL, NULL);
        xml_text(listing.out, SPAN("ContinuationToken"), token);
    }
    return listing_end(&listing, root);
}
