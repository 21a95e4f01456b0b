#include "daemon/request.h"

#include "base/clock.h"
#include "base/encode.h"
#include "daemon/accounts.h"
#include "daemon/body_head.h"
#include "daemon/bucket_documents.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "daemon/links.h"
#include "daemon/post_form.h"
#include "daemon/receive.h"
#include "xml_write.h"

/* A page of 1000 keys of 1024 bytes, each byte escaped to six, fits. */
enum { RESPONSE_XML_MAX_BYTES = 16 * 1024 * 1024, ERROR_FIELD_MAX_BYTES = 256 * 1024 };

/* src: splitmix64, public domain, by Sebastiano Vigna: a bijection, so a counter gives no id twice
 */
static uint64_t scramble(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void request_init(struct request *request, struct daemon *daemon)
{
    *request = (struct request){.daemon = daemon};
    arena_init(&request->arena, REQUEST_ARENA_BYTES);
    uint64_t id = scramble(atomic_fetch_add(&daemon->request_counter, 1));
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < 16; i++)
        request->id[i] = digits[(id >> (60 - 4 * i)) & 15];
    request->received_ms = clock_unix_ms();
    request->received_ns = clock_monotonic_ns();
}

uint32_t request_client(const struct request *request)
{
    bool known = request->principal.kind != PRINCIPAL_ANONYMOUS;
    struct span name = known ? request->principal.access_key : request->peer;
    uint64_t number = scramble(request->daemon->client_seed + known);
    for (size_t i = 0; i < name.len; i++)
        number = scramble(number ^ (unsigned char)name.ptr[i]);
    return (uint32_t)(number >> 32) | 1; /* never CLIENT_NOBODY */
}

void request_free(struct request *request)
{
    receive_free(request);
    body_head_drop(request);
    stage_discard(TAKE(request->body.stage));
    blob_close(TAKE(request->response.reader));
    stream_close(&request->response.stream);
    buf_free(&request->response.buffer);
    bucket_documents_release(request);
    link_release(request->link);
    arena_free(&request->arena);
    identity_unref(TAKE(request->identity));
    wipe(request->signing_key, sizeof(request->signing_key));
}

enum s3_err request_fail(
    struct request *request, enum s3_err err, const char *detail, const char *file, int line)
{
    request->err = err;
    request->err_detail = span_str(detail);
    request->err_file = file;
    request->err_line = line;
    return err;
}

enum s3_err request_commit(struct request *request, struct mutation *mutation,
    enum s3_err (*then)(struct request *request, struct mutation *mutation))
{
    if (request->may_defer) {
        request->deferred = mutation;
        request->deferred_then = then;
        return S3_OK;
    }
    enum storage_err err = storage_commit(request_store(request), mutation);
    (void)err; /* the mutation has it */
    return then(request, mutation);
}

enum s3_err request_again(struct request *request, enum s3_err (*run)(struct request *request))
{
    if (!request->may_defer)
        return run(request);
    request->again = run;
    return S3_OK;
}

/* XML carries characters, and a header may hold any byte. */
static struct span as_utf8(struct arena *arena, struct span text)
{
    if (span_is_utf8(text))
        return text;
    struct span copy = arena_copy(arena, text);
    char *bytes = (char *)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if ((unsigned char)bytes[i] >= 0x80)
            bytes[i] = '?';
    return copy;
}

void request_error_field(struct request *request, struct span name, struct span text)
{
    text = span_present(text) ? as_utf8(&request->arena, text) : text;
    if (!span_present(text))
        return;
    struct buf out CLEANUP(buf_free);
    buf_init(&out, ERROR_FIELD_MAX_BYTES);
    buf_add(&out, request->err_fields);
    xml_text(&out, name, text);
    struct span fields = buf_ok(&out) ? arena_copy(&request->arena, buf_span(&out)) : SPAN_ABSENT;
    if (span_present(fields))
        request->err_fields = fields;
}

struct span request_header(const struct request *request, struct span name)
{
    return header_find(&request->headers, name);
}

struct span request_query(const struct request *request, struct span name)
{
    return query_value(&request->target.query, name);
}

bool request_has_query(const struct request *request, struct span name)
{
    return query_find(&request->target.query, name) != NULL;
}

/* One past the last header, or NULL when there is no room: the arena's overflow is then sticky and
 * respond answers InternalError. */
static struct header *add_header(struct request *request)
{
    struct response *response = &request->response;
    if (response->header_count == response->header_capacity) {
        size_t capacity = response->header_capacity ? response->header_capacity * 2 : 16;
        if (capacity > RESPONSE_HEADERS_MAX)
            return NULL;
        struct header *grown = arena_array(&request->arena, struct header, capacity);
        if (grown == NULL)
            return NULL;
        if (response->header_count > 0)
            memcpy(grown, response->headers, response->header_count * sizeof(*grown));
        response->headers = grown;
        response->header_capacity = capacity;
    }
    return &response->headers[response->header_count++];
}

static bool splits_a_header(char c)
{
    return c == '\r' || c == '\n' || c == '\0';
}

void response_header(struct request *request, const char *name, struct span value)
{
    struct span copy = arena_copy(&request->arena, span_present(value) ? value : SPAN(""));
    if (!span_present(copy))
        return;
    char *bytes = (char *)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if (splits_a_header(bytes[i]))
            bytes[i] = ' ';
    struct header *header = add_header(request);
    if (header != NULL)
        *header = (struct header){span_str(name), copy};
}

void response_header_borrowed(struct request *request, const char *name, struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (splits_a_header(value.ptr[i])) {
            response_header(request, name, value);
            return;
        }
    struct header *header = add_header(request);
    if (header != NULL)
        *header = (struct header){span_str(name), span_present(value) ? value : SPAN("")};
}

void response_header_u64(struct request *request, const char *name, uint64_t value)
{
    struct span text = arena_format(&request->arena, "%llu", (unsigned long long)value);
    if (span_present(text))
        response_header_borrowed(request, name, text);
}

struct buf *response_xml(struct request *request, int status)
{
    struct response *response = &request->response;
    response->status = status;
    response->kind = RESPONSE_BUFFER;
    buf_free(&response->buffer);
    buf_init(&response->buffer, RESPONSE_XML_MAX_BYTES);
    response_header_borrowed(request, "Content-Type", SPAN("application/xml"));
    return &response->buffer;
}

void response_blob(struct request *request, int status, struct blob_reader *reader, uint64_t offset,
    uint64_t length)
{
    struct response *response = &request->response;
    blob_close(response->reader);
    response->status = status;
    response->kind = RESPONSE_BLOB;
    response->reader = reader;
    response->blob_offset = offset;
    response->blob_length = length;
}

enum s3_err response_stream(
    struct request *request, int status, const struct stream_source *source, uint64_t length_bytes)
{
    struct response *response = &request->response;
    const struct config *config = request->daemon->config;
    size_t max = config != NULL ? (size_t)config->streams : STREAMS_DEFAULT;
    stream_close(&response->stream);
    if (!stream_open(&response->stream, source, &request->daemon->streams, max)) {
        if (source->close != NULL)
            source->close(source->ctx);
        return FAIL(request, SLOW_DOWN, NULL);
    }
    response->status = status;
    response->kind = RESPONSE_STREAM;
    response->content_length = length_bytes;
    return S3_OK;
}

struct span request_region(const struct request *request)
{
    return request->daemon->region;
}

/* Of a listing nearly all rows have one owner: it is looked up once. */
static const struct shown_owner *owner_of(struct request *request, uint64_t account_id)
{
    struct shown_owner *owner = &request->owner;
    if (owner->account_id == account_id && span_present(owner->canonical_id))
        return owner;
    char text[CANONICAL_ID_BYTES + 1];
    struct account account = {.name = ""};
    account_canonical_of(account_id, text);
    if (account_id == ROOT_ACCOUNT_ID)
        account_first(&account);
    else if (request->daemon->accounts != NULL &&
             !accounts_get(request->daemon->accounts, account_id, &account))
        account.name[0] = '\0';
    *owner = (struct shown_owner){account_id, arena_copy(&request->arena, span_str(text)),
        arena_copy(&request->arena, span_str(account.name))};
    return owner;
}

struct span account_canonical_id(struct request *request, uint64_t account_id)
{
    return owner_of(request, account_id)->canonical_id;
}

struct span account_display_name(struct request *request, uint64_t account_id)
{
    return owner_of(request, account_id)->name;
}

struct storage *request_store(const struct request *request)
{
    return request->daemon->store;
}

bool request_verify_reads(const struct request *request)
{
    return request->daemon->verify_reads;
}
