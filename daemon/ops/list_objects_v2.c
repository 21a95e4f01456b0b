/* ListObjectsV2: pages by opaque token.
 * src: Amazon S3 API Reference, "ListObjectsV2" */
#include "daemon/ops/listing_xml.h"
#include "names.h"
#include "xml_write.h"

struct v2_arguments {
    struct span token;       /* as sent; absent when not sent */
    struct span start_after; /* absent when not sent */
    struct span after;       /* what the two come to; the token wins */
};

static enum s3_err parse_token(struct request *request, struct v2_arguments *arguments)
{
    arguments->token = request_query(request, SPAN("continuation-token"));
    if (!span_present(arguments->token))
        return S3_OK;
    if (arguments->token.len == 0 ||
        token_decode(&request->arena, arguments->token, &arguments->after) != S3_OK)
        return FAIL_ARGUMENT(request, "continuation-token", SPAN_ABSENT,
            "The continuation token provided is incorrect");
    return S3_OK;
}

static void write_head(struct listing *listing, const struct v2_arguments *arguments,
    const struct list_page *page, struct span next_token)
{
    struct buf *out = listing->out;
    xml_text(out, SPAN("Name"), listing->request->bucket.name);
    listing_name(listing, SPAN("Prefix"), listing->prefix);
    if (span_present(arguments->start_after))
        listing_name(listing, SPAN("StartAfter"), arguments->start_after);
    if (span_present(arguments->token))
        xml_text(out, SPAN("ContinuationToken"), arguments->token);
    if (page->truncated)
        xml_text(out, SPAN("NextContinuationToken"), next_token);
    xml_u64(out, SPAN("KeyCount"), page->count);
    xml_u64(out, SPAN("MaxKeys"), (uint64_t)listing->asked);
    if (listing->delimiter.len > 0)
        listing_name(listing, SPAN("Delimiter"), listing->delimiter);
    listing_encoding(listing);
    xml_bool(out, SPAN("IsTruncated"), page->truncated);
}

enum s3_err op_list_objects_v2(struct request *request)
{
    struct listing listing;
    struct v2_arguments arguments = {0};
    if (request_has_query(request, SPAN("marker")))
        return FAIL_ARGUMENT(request, "marker", SPAN_ABSENT,
            "Marker unsupported with REST.GET.BUCKET in list-type=2");
    TRY(listing_parse(request, "max-keys", &listing));
    TRY(argument_text(request, "start-after", &arguments.start_after));
    arguments.after = arguments.start_after;
    TRY(parse_token(request, &arguments));
    TRY(argument_not_negative(request, "maxKeys", listing.asked));

    struct list_query query = {
        .bucket_id = request->bucket.id,
        .prefix = listing.prefix,
        .delimiter = listing.delimiter,
        .after = arguments.after,
        .after_is_key = !span_present(arguments.token),
        .max = listing.max,
    };
    struct list_page page;
    TRY(listing_read(&listing, &query, &page));

    struct span next_token = SPAN_ABSENT;
    if (page.truncated && page.count > 0)
        next_token = token_encode(&request->arena, page.items[page.count - 1].key);
    if (page.truncated && !span_present(next_token))
        return FAIL(request, INTERNAL, NULL); /* a truncated page without a token loses keys */
    bool fetch_owner = span_eq(request_query(request, SPAN("fetch-owner")), SPAN("true"));
    listing_begin(&listing, SPAN("ListBucketResult"), page.count);
    write_head(&listing, &arguments, &page, next_token);
    listing_contents(&listing, &page, fetch_owner);
    return listing_end(&listing, SPAN("ListBucketResult"));
}
