#include "daemon/bucket_policy.h"

#include "daemon/accounts.h"
#include "daemon/bucket_documents.h"
#include "daemon/daemon.h"
#include "daemon/iam.h"

#include <stdlib.h>

/* The lines are bounded by the text: each ARN stands in it. */
enum { SHOWN_MAX_BYTES = 4 * POLICY_BUCKET_MAX_BYTES, DOCUMENT_MAX_BYTES = 128 * 1024 };

/* Takes the lines off a document: what is left is the text. */
static bool take_principal(struct span *document, struct span *ret_arn, struct span *ret_id)
{
    if (!span_present(*document))
        return false;
    size_t end = span_find_char(*document, '\n', 0);
    struct span line = span_first(*document, end);
    size_t space = span_find_char(line, ' ', 0);
    if (end == SIZE_MAX)
        return false;
    *document = span_from(*document, end + 1);
    if (space == SIZE_MAX)
        return false;
    *ret_arn = span_first(line, space);
    *ret_id = span_from(line, space + 1);
    return true;
}

/* ---- compiled, from the store ---- */

static struct span id_in_document(void *ctx, struct span arn)
{
    struct span rest = *(const struct span *)ctx, name, id;
    while (take_principal(&rest, &name, &id))
        if (span_eq(name, arn))
            return id;
    return span_starts(arn, SPAN("arn:")) ? SPAN_ABSENT : arn; /* accounts, ids */
}

static void *compile_stored(const struct bucket_info *bucket, struct span document)
{
    struct span text = document, arn, id;
    char detail[POLICY_DETAIL_BYTES];
    struct bucket_policy *made = calloc(1, sizeof(*made));
    while (take_principal(&text, &arn, &id))
        continue;
    struct policy_options options = {.kind = POLICY_BUCKET,
        .bucket = bucket->name,
        .max_bytes = POLICY_BUCKET_MAX_BYTES,
        .resolver = {id_in_document, &document}};
    if (made == NULL || !policy_compile(text, &options, &made->policy, detail)) {
        free(made);
        return NULL;
    }
    made->is_public = policy_is_public(made->policy);
    return made;
}

static void free_stored(void *parsed)
{
    struct bucket_policy *policy = parsed;
    policy_free(policy->policy);
    free(policy);
}

static size_t stored_bytes(const void *parsed)
{
    const struct bucket_policy *policy = parsed;
    return sizeof(*policy) + policy_bytes(policy->policy);
}

static const struct document_type policy_document = {
    .kind = DOCUMENT_POLICY,
    .parse = compile_stored,
    .free = free_stored,
    .bytes = stored_bytes,
};

enum s3_err bucket_policy_of(struct request *request, const struct bucket_info *bucket,
    const struct bucket_policy **ret_policy)
{
    const void *parsed;
    TRY(bucket_document(request, bucket, &policy_document, &parsed));
    *ret_policy = parsed;
    return S3_OK;
}

/* ---- put ---- */

static struct span id_now(void *ctx, struct span arn)
{
    struct request *request = ctx;
    struct iam *iam = request->daemon->iam;
    struct account account;
    if (arn.len == CANONICAL_ID_BYTES && request->daemon->accounts != NULL)
        return accounts_find(request->daemon->accounts, arn, &account) ? arn : SPAN_ABSENT;
    return iam != NULL ? iam_principal_id(iam, arn, &request->arena) : SPAN_ABSENT;
}

struct lines {
    struct request *request;
    struct buf out;
};

static void add_line(void *ctx, struct span arn)
{
    struct lines *lines = ctx;
    struct span id = id_now(lines->request, arn);
    if (!span_present(id))
        return;
    buf_add(&lines->out, arn);
    buf_add_char(&lines->out, ' ');
    buf_add(&lines->out, id);
    buf_add_char(&lines->out, '\n');
}

static enum s3_err malformed(struct request *request, const char *detail)
{
    struct span copy = arena_copy(&request->arena, span_str(detail));
    return FAIL(request, MALFORMED_POLICY, copy.ptr);
}

enum s3_err bucket_policy_read(struct request *request, struct span text, struct span *ret_document,
    struct policy **ret_policy)
{
    char detail[POLICY_DETAIL_BYTES];
    struct policy *policy = NULL;
    struct policy_options options = {.kind = POLICY_BUCKET,
        .bucket = request->bucket.name,
        .max_bytes = POLICY_BUCKET_MAX_BYTES,
        .resolver = {id_now, request}};
    if (!policy_compile(text, &options, &policy, detail))
        return malformed(request, detail);
    struct lines lines = {.request = request};
    buf_init(&lines.out, DOCUMENT_MAX_BYTES);
    policy_each_principal(policy, add_line, &lines);
    buf_add_char(&lines.out, '\n');
    buf_add(&lines.out, text);
    struct span document =
        buf_ok(&lines.out) ? arena_copy(&request->arena, buf_span(&lines.out)) : SPAN_ABSENT;
    buf_free(&lines.out);
    if (!span_present(document)) {
        policy_free(policy);
        return FAIL(request, INTERNAL, NULL);
    }
    *ret_document = document;
    *ret_policy = policy;
    return S3_OK;
}

/* ---- shown ---- */

/* The text is JSON that compiled: a walk over its strings and braces tells where a Principal is. */
struct walk {
    struct span text;
    size_t at;
    struct span names; /* the document's lines */
    struct request *request;
    struct buf out;
};

/* Where the string that begins at `from` ends, behind its quote. */
static size_t string_end(struct span text, size_t from)
{
    for (size_t i = from + 1; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '"')
            return i + 1;
    }
    return text.len;
}

static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a' + 10);
}

/* Is the string literal (without quotes) this ASCII text, once its escapes are undone? */
static bool literal_is(struct span literal, struct span text)
{
    size_t i = 0, k = 0;
    while (i < literal.len && k < text.len) {
        unsigned c = (unsigned char)literal.ptr[i++];
        if (c == '\\' && i < literal.len) {
            c = (unsigned char)literal.ptr[i++];
            if (c == 'u' && literal.len - i >= 4) {
                c = 0;
                for (size_t digit = 0; digit < 4; digit++)
                    c = c * 16 + hex_value(literal.ptr[i++]);
            }
        }
        if (c != (unsigned char)text.ptr[k++])
            return false;
    }
    return i == literal.len && k == text.len;
}

/* What a principal's ARN became: absent when it is what it was. */
static struct span name_now(struct walk *walk, struct span literal)
{
    struct span rest = walk->names, arn, id;
    while (take_principal(&rest, &arn, &id)) {
        if (!literal_is(literal, arn))
            continue;
        struct iam *iam = walk->request->daemon->iam;
        struct span now =
            iam != NULL ? iam_principal_arn(iam, id, &walk->request->arena) : SPAN_ABSENT;
        if (!span_present(now))
            return id;
        return span_eq(now, arn) ? SPAN_ABSENT : now;
    }
    return SPAN_ABSENT;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(const struct walk *walk, size_t behind)
{
    while (behind < walk->text.len && is_space(walk->text.ptr[behind]))
        behind++;
    return behind < walk->text.len && walk->text.ptr[behind] == ':';
}

static void copy_string(struct walk *walk, size_t end, bool in_principal)
{
    struct span whole = span_of(walk->text.ptr + walk->at, end - walk->at);
    struct span literal = span_of(whole.ptr + 1, whole.len >= 2 ? whole.len - 2 : 0);
    struct span now = in_principal ? name_now(walk, literal) : SPAN_ABSENT;
    if (span_present(now)) {
        buf_add_char(&walk->out, '"');
        buf_add(&walk->out, now);
        buf_add_char(&walk->out, '"');
    } else {
        buf_add(&walk->out, whole);
    }
    walk->at = end;
}

static void copy_text(struct walk *walk)
{
    size_t depth = 0, principal_depth = 0;
    bool waits = false; /* a Principal's value comes next */
    while (walk->at < walk->text.len) {
        char c = walk->text.ptr[walk->at];
        if (c == '"') {
            size_t end = string_end(walk->text, walk->at);
            struct span name = span_of(walk->text.ptr + walk->at + 1, end - walk->at - 2);
            bool named = is_name(walk, end);
            if (named && principal_depth == 0)
                waits =
                    literal_is(name, SPAN("Principal")) || literal_is(name, SPAN("NotPrincipal"));
            copy_string(walk, end, !named && principal_depth > 0);
            continue;
        }
        if (c == '{' || c == '[') {
            depth++;
            if (waits && principal_depth == 0)
                principal_depth = depth;
            waits = false;
        } else if (c == '}' || c == ']') {
            if (depth == principal_depth)
                principal_depth = 0;
            depth--;
        }
        buf_add_char(&walk->out, c);
        walk->at++;
    }
}

struct span bucket_policy_shown(struct request *request, struct span document)
{
    struct span text = document, arn, id;
    size_t count = 0;
    while (take_principal(&text, &arn, &id))
        count++;
    if (count == 0)
        return text;
    struct walk walk = {.text = text, .names = document, .request = request};
    buf_init(&walk.out, SHOWN_MAX_BYTES);
    copy_text(&walk);
    struct span shown =
        buf_ok(&walk.out) ? arena_copy(&request->arena, buf_span(&walk.out)) : SPAN_ABSENT;
    buf_free(&walk.out);
    return shown;
}
