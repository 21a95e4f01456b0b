/* PostObject: a form's file, put as PutObject puts a body; only the answer is another.
 * src: Amazon S3 API Reference, "POST Object" */
#include "base/encode.h"
#include "daemon/ops/object_common.h"
#include "daemon/origin.h"
#include "daemon/post_form.h"
#include "xml_write.h"

enum { URL_MAX_BYTES = 512 * 1024 };

/* As the answer has it: the object may be an older one of the same content. */
static struct span etag_of(const struct request *request)
{
    const struct response *response = &request->response;
    return header_find(
        &(struct header_list){response->headers, response->header_count}, SPAN("ETag"));
}

/* The object's URL, as the client reached the bucket. */
static void add_location(struct buf *out, struct request *request)
{
    const struct target *target = &request->target;
    buf_add(out, origin_url(request));
    buf_add_char(out, '/');
    if (!target->virtual_host) {
        percent_encode(out, target->bucket, false);
        buf_add_char(out, '/');
    }
    percent_encode(out, target->key, true);
}

/* The page that the form wants to go on to, with what was made as query parameters. */
static void add_redirect(struct buf *out, struct request *request)
{
    struct span url = request->form->redirect;
    struct span fragment = span_from(url, span_find_char(url, '#', 0));
    struct span page = span_first(url, url.len - fragment.len);
    buf_add(out, page);
    buf_add_char(out, span_find_char(page, '?', 0) == SIZE_MAX ? '?' : '&');
    buf_add_lit(out, "bucket=");
    percent_encode(out, request->target.bucket, false);
    buf_add_lit(out, "&key=");
    percent_encode(out, request->target.key, false);
    buf_add_lit(out, "&etag=");
    percent_encode(out, etag_of(request), false);
    buf_add(out, fragment);
}

static enum s3_err answer_created(struct request *request, struct span location)
{
    struct buf *out = response_xml(request, 201);
    xml_begin_document_plain(out, SPAN("PostResponse"));
    xml_text(out, SPAN("Location"), location);
    xml_text(out, SPAN("Bucket"), request->target.bucket);
    xml_text(out, SPAN("Key"), request->target.key);
    xml_text(out, SPAN("ETag"), etag_of(request));
    xml_close(out, SPAN("PostResponse"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err post_object_answer(struct request *request)
{
    const struct post_form *form = request->form;
    bool redirects = span_present(form->redirect);
    struct buf url CLEANUP(buf_free) = {0};
    buf_init(&url, URL_MAX_BYTES);
    if (redirects)
        add_redirect(&url, request);
    else
        add_location(&url, request);
    if (!buf_ok(&url))
        return FAIL(request, INTERNAL, NULL);
    response_header(request, "Location", buf_span(&url));
    if (!redirects && span_eq(form->status, SPAN("201")))
        return answer_created(request, buf_span(&url));
    bool plain = span_eq(form->status, SPAN("200"));
    request->response.status = redirects ? 303 : plain ? 200 : 204;
    return S3_OK;
}

enum s3_err op_post_object(struct request *request)
{
    return op_put_object(request);
}
