/* DeleteObjects: up to 1000 keys in one request and, mostly, one commit. Each key has an outcome of
 * its own; the answer lists them in the order of the request.
 *
 * src: Amazon S3 API Reference,
 * "DeleteObjects" */
#include "bodies.h"
#include "checksum.h"
#include "conditions.h"
#include "daemon/authorize.h"
#include "daemon/ops/object_common.h"
#include "daemon/version_id.h"
#include "daemon/zones.h"
#include "names.h"
#include "xml_write.h"

/* What becomes of one key. The mutation counts while err is S3_OK. */
struct deletion {
    const struct delete_entry *entry;
    struct etag etag; /* of the condition */
    enum s3_err err;
    const char *detail;        /* NULL: the error's own message */
    struct mutation *mutation; /* NULL: refused before */
};

static bool names_checksum(struct span trailer_names)
{
    struct span name;
    while (span_split(&trailer_names, ',', &name))
        if (checksum_algo_by_header(span_trim(name)) != DIGEST_NONE)
            return true;
    return false;
}

/* A list of deletions that was mangled on its way does harm, so S3 insists on a digest of it. That
 * it is right was verified where the body was received; a promised trailer is in by now. */
static enum s3_err require_digest(struct request *request)
{
    for (size_t i = 0; i < request->headers.count; i++) {
        struct span name = request->headers.items[i].name;
        if (span_eq_nocase(name, SPAN("content-md5")) ||
            checksum_algo_by_header(name) != DIGEST_NONE)
            return S3_OK;
    }
    if (names_checksum(request_header(request, SPAN("x-amz-trailer"))))
        return S3_OK;
    return FAIL(request, INVALID_REQUEST,
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
}

/* A failure of one key is not one of the request: moves it from the request to the key. */
static void take_failure(struct request *request, struct deletion *deletion, enum s3_err err)
{
    deletion->err = err;
    deletion->detail = request->err_detail.ptr;
    request->err = S3_OK;
    request->err_detail = SPAN_ABSENT;
    request->err_fields = SPAN_ABSENT;
}

static enum s3_err may_delete(
    struct request *request, const struct delete_entry *entry, bool newest)
{
    struct access_ask ask = {.action = newest ? "s3:DeleteObject" : "s3:DeleteObjectVersion",
        .bucket = &request->bucket,
        .key = entry->key,
        .version_id = newest ? SPAN_ABSENT : entry->version_id,
        .if_match = entry->etag_text};
    TRY(authorize_ask(request, &ask));
    if (span_present(entry->etag_text)) { /* a condition tells what is there */
        ask.action = newest ? "s3:GetObject" : "s3:GetObjectVersion";
        TRY(authorize_ask(request, &ask));
    }
    struct span bypass = object_amz_header(request, SPAN("x-amz-bypass-governance-retention"));
    if (span_eq_nocase(bypass, SPAN("true")))
        TRY(authorize_also(request, "s3:BypassGovernanceRetention", &request->bucket, entry->key));
    return S3_OK;
}

static enum s3_err check_entry(
    struct request *request, struct deletion *deletion, struct version_ref *ret_version)
{
    const struct delete_entry *entry = deletion->entry;
    const char *detail = NULL;
    TRY(key_check(entry->key));
    if (version_id_parse(entry->version_id, ret_version, &detail) != S3_OK) {
        /* Of a batch S3 says that there is no such version, of whatever form its id is. */
        deletion->detail = "The specified version does not exist.";
        return S3_ERR_NO_SUCH_VERSION;
    }
    enum s3_err err = may_delete(request, entry, ret_version->select == VERSION_NEWEST);
    if (err != S3_OK)
        take_failure(request, deletion, err);
    return err;
}

/* An ETag of no form that S3 makes matches nothing: the condition stands and fails. */
static struct etag_list condition(struct deletion *deletion)
{
    struct span text = deletion->entry->etag_text;
    struct etag_list list = {.present = span_present(text)};
    if (!list.present)
        return list;
    list.any = span_eq(text, SPAN("*"));
    if (!list.any && etag_parse(text, &deletion->etag)) {
        list.items = &deletion->etag;
        list.count = 1;
    }
    return list;
}

/* Fills one mutation for each entry that may be tried; returns how many. */
static size_t prepare(struct request *request, const struct delete_objects_body *body,
    struct deletion *deletions, struct mutation *mutations)
{
    size_t count = 0;
    for (size_t i = 0; i < body->count; i++) {
        struct deletion *deletion = &deletions[i];
        struct version_ref version;
        deletion->entry = &body->entries[i];
        deletion->err = check_entry(request, deletion, &version);
        if (deletion->err != S3_OK)
            continue;
        deletion->mutation = &mutations[count++];
        *deletion->mutation = (struct mutation){
            .kind = MUTATION_DELETE_OBJECT,
            .bucket = {.id = request->bucket.id, .name = request->bucket.name},
            .key = deletion->entry->key,
            .remove = {.version = version},
            .if_match = condition(deletion),
            .zone = {.bypass_retention = zones_bypass_retention(request, deletion->entry->key)},
        };
    }
    return count;
}

/* err: NO_SUCH_BUCKET when the bucket went away meanwhile: then no key has an outcome */
static enum s3_err collect(struct request *request, struct deletion *deletions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct deletion *deletion = &deletions[i];
        if (deletion->mutation == NULL || deletion->mutation->err == STORAGE_OK)
            continue;
        enum storage_err refusal = deletion->mutation->err;
        enum s3_err err = zones_refused(refusal) ? zones_fail(request, deletion->mutation, refusal)
                                                 : FAIL_STORAGE(request, refusal);
        if (err == S3_ERR_NO_SUCH_BUCKET)
            return err;
        take_failure(request, deletion, err);
    }
    return S3_OK;
}

static void write_error(struct buf *out, const struct deletion *deletion)
{
    const struct s3_err_info *info = s3_err_info(deletion->err);
    xml_open(out, SPAN("Error"));
    xml_text(out, SPAN("Key"), deletion->entry->key);
    if (span_present(deletion->entry->version_id))
        xml_text(out, SPAN("VersionId"), deletion->entry->version_id);
    xml_text(out, SPAN("Code"), span_str(info->code));
    xml_text(out, SPAN("Message"), span_str(deletion->detail ? deletion->detail : info->message));
    xml_close(out, SPAN("Error"));
}

/* A delete marker that was made, or one that was removed for good. */
static void write_deleted(struct buf *out, const struct deletion *deletion)
{
    const struct object_info *result = &deletion->mutation->result;
    xml_open(out, SPAN("Deleted"));
    xml_text(out, SPAN("Key"), deletion->entry->key);
    if (span_present(deletion->entry->version_id))
        xml_text(out, SPAN("VersionId"), deletion->entry->version_id);
    if (result->version.sequence != 0 && result->is_delete_marker) {
        char text[VERSION_ID_TEXT_BYTES];
        size_t len = version_id_format(&result->version, text);
        xml_bool(out, SPAN("DeleteMarker"), true);
        xml_text(out, SPAN("DeleteMarkerVersionId"), span_of(text, len));
    }
    xml_close(out, SPAN("Deleted"));
}

static enum s3_err answer(
    struct request *request, const struct deletion *deletions, size_t count, bool quiet)
{
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("DeleteResult"));
    for (size_t i = 0; i < count; i++) {
        if (deletions[i].err != S3_OK)
            write_error(out, &deletions[i]);
        else if (!quiet)
            write_deleted(out, &deletions[i]);
    }
    xml_close(out, SPAN("DeleteResult"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err op_delete_objects(struct request *request)
{
    struct delete_objects_body body;
    TRY(require_digest(request));
    enum s3_err err = delete_objects_parse(&request->arena, request->body.text, &body);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);

    struct deletion *deletions = arena_array(&request->arena, struct deletion, body.count);
    struct mutation *mutations = arena_array(&request->arena, struct mutation, body.count);
    if (deletions == NULL || mutations == NULL)
        return FAIL(request, INTERNAL, NULL);
    size_t tried = prepare(request, &body, deletions, mutations);
    if (tried > 0)
        storage_commit_all(request_store(request), mutations, tried);
    TRY(collect(request, deletions, body.count));
    return answer(request, deletions, body.count, body.quiet);
}
