#include "daemon/query.h"

struct span query_xmlns(enum query_service service)
{
    return service == QUERY_STS ? SPAN("https://sts.amazonaws.com/doc/2011-06-15/")
                                : SPAN("https://iam.amazonaws.com/doc/2010-05-08/");
}

struct error_words {
    enum s3_err err;
    const char *code;
    int status;
    const char *message; /* NULL: S3's */
};

/* Where S3 and the Query APIs have different names for the same fault.
 * src: IAM API Reference, "Common errors" */
static const struct error_words other_words[] = {
    {S3_ERR_INVALID_ACCESS_KEY_ID, "InvalidClientTokenId", 403,
        "The security token included in the request is invalid."},
    {S3_ERR_INVALID_TOKEN, "InvalidClientTokenId", 403,
        "The security token included in the request is invalid."},
    {S3_ERR_REQUEST_TIME_TOO_SKEWED, "SignatureDoesNotMatch", 403,
        "Signature expired or not yet current: the difference between the request time and the "
        "current time is too large."},
    {S3_ERR_AUTHORIZATION_HEADER_MALFORMED, "IncompleteSignature", 400, NULL},
    {S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR, "IncompleteSignature", 400, NULL},
    {S3_ERR_UNSUPPORTED_SIGNATURE, "IncompleteSignature", 400, NULL},
    {S3_ERR_SLOW_DOWN, "Throttling", 400, "Rate exceeded"},
    {S3_ERR_INTERNAL, "ServiceFailure", 500,
        "The request processing has failed because of an unknown error, exception or failure."},
};

int query_write_error(struct request *request, struct buf *out)
{
    const struct s3_err_info *info = s3_err_info(request->err);
    struct error_words words = {request->err, info->code, info->status, NULL};
    for (size_t i = 0; i < ARRAY_LEN(other_words); i++)
        if (other_words[i].err == request->err)
            words = other_words[i];
    struct span message = span_str(words.message != NULL ? words.message : info->message);
    bool detailed = span_present(request->err_detail) && words.message == NULL;
    bool sts = request->query != NULL ? request->query->action->service == QUERY_STS
                                      : span_eq(request->auth.service, SPAN("sts"));
    xml_begin_document_in(out, SPAN("ErrorResponse"), query_xmlns(sts ? QUERY_STS : QUERY_IAM));
    xml_open(out, SPAN("Error"));
    xml_text(out, SPAN("Type"), words.status < 500 ? SPAN("Sender") : SPAN("Receiver"));
    xml_text(out, SPAN("Code"), span_str(words.code));
    xml_text(out, SPAN("Message"), detailed ? request->err_detail : message);
    xml_close(out, SPAN("Error"));
    xml_text(out, SPAN("RequestId"), span_str(request->id));
    xml_close(out, SPAN("ErrorResponse"));
    return words.status;
}
