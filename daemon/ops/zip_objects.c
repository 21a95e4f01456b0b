/* GET /bucket?lakegate-zip&prefix=…: the objects below a prefix as one ZIP, made while it is sent. Nothing is
 * compressed, nothing grows with their number or size. Each key is authorized as a GetObject of it; what may not be
 * read, or is gone when its turn comes, is left out and listed in a last entry. An object that turns out to be damaged
 * breaks the archive off. Lakegate's own; needs s3:ListBucket of the prefix. */
#include "base/digest.h"
#include "base/encode.h"
#include "daemon/acl.h"
#include "daemon/authorize.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "daemon/log.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/zip_directory.h"
#include "daemon/zip_format.h"
#include "daemon/zip_names.h"

enum {
    PAGE_KEYS = 64,
    PAGE_MEMORY_BYTES = 2 * 1024 * 1024, /* then a page ends early, and its memory is given back */
    STEPS_MAX = 64,                      /* before other connections get their turn */
    HEAD_MAX_BYTES = 80 * 1024,
    LEFT_OUT_MAX_BYTES = 64 * 1024,
    ENTRIES_MAX = 10 * 1000 * 1000,
};

enum zip_state {
    ZIP_NEXT_KEY,
    ZIP_BYTES,    /* of an object */
    ZIP_RECORD,   /* an entry is whole: its descriptor, its record */
    ZIP_LEFT_OUT, /* the last entry */
    ZIP_DIRECTORY,
    ZIP_END,
};

struct zip {
    struct request *request; /* whose answer this is; it is there as long as the stream */
    struct zip_directory *directory;
    struct span prefix;
    size_t base_bytes; /* of each key, that are no part of its name */

    /* The page of keys that is being gone through, with the memory of all that is asked for them. */
    struct request page; /* the same who and where */
    bool page_open;
    struct list_page keys;
    size_t next_key;
    struct buf after; /* the last key that was dealt with */
    bool listed;      /* there are no more */

    enum zip_state state;
    struct buf head; /* bytes that go out before anything else */
    size_t head_sent;
    uint64_t sent_bytes, entries;

    struct zip_names names;
    struct buf name;
    struct zip_entry entry;
    struct blob_reader *reader;
    uint64_t read_bytes; /* of the object, into the block */
    char block[BLOB_BLOCK_BYTES];
    size_t block_len, block_sent;

    uint64_t left_out;
    struct buf left_out_text;
};

static void end_page(struct zip *zip)
{
    if (!zip->page_open)
        return;
    /* Borrowed of the request. */
    zip->page.identity = NULL;
    request_free(&zip->page);
    zip->page_open = false;
}

static void close_zip(void *ctx)
{
    struct zip *zip = ctx;
    blob_close(zip->reader);
    end_page(zip);
    zip_directory_free(zip->directory);
    buf_free(&zip->after);
    buf_free(&zip->head);
    buf_free(&zip->name);
    buf_free(&zip->left_out_text);
    free(zip);
}

/* ---- keys ---- */

/* Asks with the policies of now; what the answers take is freed with the page. */
static enum storage_err begin_page(struct zip *zip)
{
    const struct request *request = zip->request;
    struct request *page = &zip->page;
    end_page(zip);
    request_init(page, request->daemon);
    zip->page_open = true;
    page->method = request->method;
    page->op = request->op;
    page->target = request->target;
    page->headers = request->headers;
    page->peer = request->peer;
    page->secure = request->secure;
    page->tls_version = request->tls_version;
    page->auth = request->auth;
    page->principal = request->principal;
    page->identity = request->identity;
    enum storage_err err =
        storage_bucket_get(request_store(page), request->bucket.name, &page->arena, &page->bucket);
    if (err == STORAGE_OK && page->bucket.id != request->bucket.id)
        err = STORAGE_NO_SUCH_BUCKET;
    if (err != STORAGE_OK)
        return err;
    struct list_query query = {.bucket_id = page->bucket.id,
        .prefix = zip->prefix,
        .after = zip->after.len > 0 ? buf_span(&zip->after) : SPAN_ABSENT,
        .max = PAGE_KEYS};
    zip->next_key = 0;
    err = storage_list(request_store(page), &query, &page->arena, &zip->keys);
    zip->listed = err == STORAGE_OK && !zip->keys.truncated && zip->keys.count == 0;
    return err;
}

static void leave_out(struct zip *zip, struct span key, const char *why)
{
    struct buf *text = &zip->left_out_text;
    zip->left_out++;
    if (text->len + key.len + 64 < LEFT_OUT_MAX_BYTES)
        buf_addf(text, "%.*s: %s\n", SPAN_ARG(key), why);
}

/* Another entry has, or may have, this name. */
static bool is_taken(void *ctx, struct span name)
{
    struct zip *zip = ctx;
    struct span base = span_first(zip->prefix, zip->base_bytes);
    struct span key = arena_format(&zip->page.arena, "%.*s%.*s", SPAN_ARG(base), SPAN_ARG(name));
    struct object_info info;
    return !span_present(key) || storage_object_get(request_store(&zip->page), zip->page.bucket.id,
                                     key, (struct version_ref){.select = VERSION_NEWEST},
                                     &zip->page.arena, &info) != STORAGE_NO_SUCH_KEY;
}

/* "a" beside "a/b": what unpacks it cannot make both a file and a folder. */
static bool is_folder_too(struct zip *zip, struct span key)
{
    struct list_page below = {0};
    struct list_query query = {.bucket_id = zip->page.bucket.id,
        .prefix = arena_format(&zip->page.arena, "%.*s/", SPAN_ARG(key)),
        .max = 1};
    return storage_list(request_store(&zip->page), &query, &zip->page.arena, &below) !=
               STORAGE_OK ||
           below.count > 0;
}

static void choose_name(struct zip *zip, struct span key, const struct object_info *info)
{
    struct span name = span_from(key, zip->base_bytes);
    bool ends_with_slash = span_ends(key, SPAN("/"));
    zip->entry.is_folder = ends_with_slash && info->size_bytes == 0;
    if (ends_with_slash && info->size_bytes > 0) /* a file, whatever its name is */
        zip_name_marked(key, span_first(name, name.len - 1), &zip->name);
    else if (!ends_with_slash && is_folder_too(zip, key))
        zip_name_marked(key, name, &zip->name);
    else
        zip_name_of(&zip->names, key, name, is_taken, zip, &zip->name);
    zip->entry.name = buf_span(&zip->name);
}

static bool may_read(struct zip *zip, struct span key)
{
    struct access_ask ask = {.action = "s3:GetObject", .bucket = &zip->page.bucket, .key = key};
    return authorize_allows(&zip->page, &ask, NULL);
}

/* out: the reader, or NULL where the key is left out
 * err: the store's faults */
static enum storage_err open_key(struct zip *zip, struct span key, struct object_info *ret_info)
{
    struct request *page = &zip->page;
    if (!may_read(zip, key)) {
        leave_out(zip, key, "access denied");
        return STORAGE_OK;
    }
    enum storage_err err = storage_object_open(request_store(page), page->bucket.id, key,
        (struct version_ref){.select = VERSION_NEWEST}, &page->arena, ret_info, &zip->reader);
    if (err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION ||
        err == STORAGE_DELETE_MARKER) {
        leave_out(zip, key, "deleted meanwhile");
        return STORAGE_OK;
    }
    if (err == STORAGE_OK && acl_still_holds(page, page->bucket.id, key, ret_info) != S3_OK) {
        leave_out(zip, key, "replaced meanwhile");
        blob_close(TAKE(zip->reader));
    }
    return err;
}

/* ---- bytes ---- */

static bool fail(struct zip *zip, enum storage_err err, struct span key)
{
    struct request *request = zip->request;
    request->source_bucket = request->target.bucket; /* whose bytes are damaged, if they are */
    request->source_key = key;
    (void)FAIL_STORAGE(request, err);
    log_message(request->daemon->log, LOG_ERROR, "request %s: reading %.*s/%.*s failed: %s",
        request->id, SPAN_ARG(request->target.bucket), SPAN_ARG(key), storage_err_text(err));
    return false;
}

/* The next block of the object, as the store gives it; all of one that is small. */
static bool read_block(struct zip *zip)
{
    uint64_t at = zip->read_bytes, left = zip->entry.size_bytes - at;
    size_t wanted = (size_t)(left < BLOB_BLOCK_BYTES ? left : BLOB_BLOCK_BYTES);
    zip->block_len = zip->block_sent = 0;
    while (zip->block_len == 0 || (zip->block_len < wanted && !zip->entry.crc_follows)) {
        size_t got = 0;
        enum storage_err err =
            blob_read(zip->reader, at + zip->block_len, zip->block + zip->block_len,
                wanted - zip->block_len, request_verify_reads(zip->request), &got);
        if (err != STORAGE_OK || got == 0)
            return fail(zip, err != STORAGE_OK ? err : STORAGE_CORRUPT, buf_span(&zip->after));
        zip->block_len += got;
    }
    zip->read_bytes += zip->block_len;
    zip->entry.crc32 = crc32_update(zip->entry.crc32, span_of(zip->block, zip->block_len));
    return true;
}

/* Of what is small the CRC stands in front of it. */
static bool begin_entry(struct zip *zip, struct span key, const struct object_info *info)
{
    zip->entry = (struct zip_entry){.size_bytes = info->size_bytes,
        .modified_ms = info->modified_ms,
        .offset_bytes = zip->sent_bytes,
        .crc_follows = info->size_bytes > BLOB_BLOCK_BYTES};
    zip->read_bytes = zip->block_len = zip->block_sent = 0;
    choose_name(zip, key, info);
    if (info->size_bytes > 0 && !zip->entry.crc_follows && !read_block(zip))
        return false;
    zip_local_header(&zip->head, &zip->entry);
    zip->state = ZIP_BYTES;
    return true;
}

static bool next_key(struct zip *zip)
{
    bool over = zip->page_open && zip->page.arena.used_bytes > PAGE_MEMORY_BYTES;
    if (!zip->page_open || over || zip->next_key == zip->keys.count) {
        enum storage_err err = begin_page(zip);
        if (err != STORAGE_OK)
            return fail(zip, err, zip->prefix);
    }
    if (zip->listed) {
        zip->state = ZIP_LEFT_OUT;
        return true;
    }
    const struct list_entry *item = &zip->keys.items[zip->next_key++];
    struct span key = item->key;
    struct object_info info = {.size_bytes = 0};
    buf_clear(&zip->after);
    buf_add(&zip->after, key);
    if (key.len == zip->base_bytes && item->info.size_bytes == 0) /* the folder itself */
        return true;
    if (zip->entries >= ENTRIES_MAX) {
        leave_out(zip, key, "too many entries");
        return true;
    }
    enum storage_err err = open_key(zip, key, &info);
    if (err != STORAGE_OK)
        return fail(zip, err, key);
    return zip->reader == NULL || begin_entry(zip, key, &info);
}

static bool add_record(struct zip *zip)
{
    zip_directory_record(zip_directory_record_room(zip->directory), &zip->entry);
    zip->entries++;
    return true;
}

static bool end_entry(struct zip *zip)
{
    if (zip->entry.crc_follows)
        zip_descriptor(&zip->head, &zip->entry);
    blob_close(TAKE(zip->reader));
    zip->state = ZIP_NEXT_KEY;
    return add_record(zip);
}

/* What is missing is said in the archive, where whoever unpacks it looks. */
static bool add_left_out(struct zip *zip)
{
    zip->state = ZIP_DIRECTORY;
    if (zip->left_out == 0)
        return true;
    struct buf text CLEANUP(buf_free);
    buf_init(&text, LEFT_OUT_MAX_BYTES + 1024);
    buf_addf(&text, "%llu objects below %.*s/%.*s were left out of this archive:\n\n",
        (unsigned long long)zip->left_out, SPAN_ARG(zip->request->target.bucket),
        SPAN_ARG(zip->prefix));
    buf_add(&text, buf_span(&zip->left_out_text));
    if (zip->left_out_text.len + 2048 > LEFT_OUT_MAX_BYTES)
        buf_add_lit(&text, "…\n");
    struct span key = SPAN("LEFT-OUT.txt");
    if (is_taken(zip, key))
        zip_name_marked(key, key, &zip->name);
    else
        zip_name_safe(key, &zip->name);
    zip->entry = (struct zip_entry){.name = buf_span(&zip->name),
        .size_bytes = text.len,
        .crc32 = crc32_update(0, buf_span(&text)),
        .modified_ms = zip->request->received_ms,
        .offset_bytes = zip->sent_bytes};
    zip_local_header(&zip->head, &zip->entry);
    buf_add(&zip->head, buf_span(&text));
    return add_record(zip);
}

/* ---- the stream ---- */

static size_t take(struct zip *zip, char *to, struct span from, size_t max)
{
    size_t len = from.len < max ? from.len : max;
    memcpy(to, from.ptr, len);
    zip->sent_bytes += len;
    return len;
}

static size_t send_head(struct zip *zip, char *to, size_t max)
{
    size_t len = take(zip, to, span_from(buf_span(&zip->head), zip->head_sent), max);
    zip->head_sent += len;
    if (zip->head_sent == zip->head.len) {
        buf_clear(&zip->head);
        zip->head_sent = 0;
    }
    return len;
}

static bool send_bytes(struct zip *zip, char *to, size_t max, size_t *ret_len)
{
    if (zip->block_sent == zip->block_len) {
        if (zip->read_bytes == zip->entry.size_bytes) {
            zip->state = ZIP_RECORD;
            return true;
        }
        if (!read_block(zip))
            return false;
    }
    *ret_len =
        take(zip, to, span_of(zip->block + zip->block_sent, zip->block_len - zip->block_sent), max);
    zip->block_sent += *ret_len;
    return true;
}

static bool send_directory(struct zip *zip, char *to, size_t max, size_t *ret_len)
{
    /* The name of the last entry is of no more use: its place counts what is sent. */
    uint64_t total = zip_directory_bytes(zip->directory);
    if (zip->read_bytes < total) {
        if (!zip_directory_read(zip->directory, zip->read_bytes, to, max, ret_len))
            return fail(zip, STORAGE_INTERNAL, SPAN("the directory of a ZIP"));
        zip->read_bytes += *ret_len;
        zip->sent_bytes += *ret_len;
        return true;
    }
    zip_end(&zip->head, zip->entries, zip->sent_bytes - total, total);
    zip->state = ZIP_END;
    return true;
}

/* One step; it may bring bytes, or none. False: broken. */
static bool step(struct zip *zip, char *to, size_t max, size_t *ret_len)
{
    switch (zip->state) {
    case ZIP_NEXT_KEY:
        return next_key(zip);
    case ZIP_BYTES:
        return send_bytes(zip, to, max, ret_len);
    case ZIP_RECORD:
        return end_entry(zip);
    case ZIP_LEFT_OUT:
        zip->read_bytes = 0;
        return add_left_out(zip);
    case ZIP_DIRECTORY:
        return send_directory(zip, to, max, ret_len);
    case ZIP_END:
        break;
    }
    return true;
}

/* What the next steps bring, together: an entry of a small object is three pieces, and each call is sent by itself. */
static enum stream_result next(void *ctx, char *ret_bytes, size_t max_bytes, size_t *ret_len)
{
    struct zip *zip = ctx;
    size_t len = 0;
    for (size_t steps = 0; steps < STEPS_MAX && len < max_bytes; steps++) {
        size_t got = 0;
        enum stream_result room = STREAM_DATA;
        if (zip->head.len > 0)
            got = send_head(zip, ret_bytes + len, max_bytes - len);
        else if (zip->state == ZIP_END)
            room = STREAM_END;
        else
            room = zip_directory_ready(zip->directory);
        if (room == STREAM_BROKEN || (room != STREAM_DATA && len == 0))
            return room;
        if (room != STREAM_DATA)
            break;
        if (got == 0 && (!step(zip, ret_bytes + len, max_bytes - len, &got) ||
                            !buf_ok(&zip->head) || (zip->page_open && zip->page.arena.overflow)))
            return STREAM_BROKEN;
        len += got;
    }
    *ret_len = len;
    if (len > 0)
        return STREAM_DATA;
    stream_wake(zip_directory_waker(zip->directory));
    return STREAM_WAIT;
}

/* ---- the operation ---- */

/* After the last folder of the prefix, or the bucket: "raw/2024/" is "2024.zip". */
static void name_header(struct request *request, struct span prefix)
{
    struct span folder = span_ends(prefix, SPAN("/")) ? span_first(prefix, prefix.len - 1) : prefix;
    for (size_t i = folder.len; i-- > 0;)
        if (folder.ptr[i] == '/') {
            folder = span_from(folder, i + 1);
            break;
        }
    struct buf plain CLEANUP(buf_free), value CLEANUP(buf_free);
    buf_init(&plain, 2 * ZIP_NAME_BYTES);
    buf_init(&value, 8 * ZIP_NAME_BYTES);
    struct span name = folder.len > 0 ? folder : request->target.bucket;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        buf_add_char(&plain, c < 0x20 || c >= 0x7f || c == '"' || c == '\\' ? '_' : (char)c);
    }
    buf_addf(
        &value, "attachment; filename=\"%.*s.zip\"; filename*=UTF-8''", SPAN_ARG(buf_span(&plain)));
    percent_encode(&value, name, false);
    buf_add_lit(&value, ".zip");
    response_header(request, "Content-Disposition", buf_span(&value));
}

static struct zip *new_zip(struct request *request, struct span prefix)
{
    const struct daemon *daemon = request->daemon;
    struct zip *zip = calloc(1, sizeof(*zip));
    if (zip == NULL)
        return NULL;
    zip->request = request;
    zip->prefix = prefix;
    for (size_t i = 0; i < prefix.len; i++)
        if (prefix.ptr[i] == '/')
            zip->base_bytes = i + 1;
    zip->directory =
        zip_directory_new(daemon->workers, daemon->config != NULL ? daemon->config->data : NULL);
    buf_init(&zip->after, STORAGE_KEY_MAX_BYTES);
    buf_init(&zip->head, HEAD_MAX_BYTES);
    buf_init(&zip->name, ZIP_NAME_BYTES);
    buf_init(&zip->left_out_text, LEFT_OUT_MAX_BYTES);
    if (zip->directory == NULL) {
        close_zip(zip);
        return NULL;
    }
    return zip;
}

enum s3_err op_zip_objects(struct request *request)
{
    struct span prefix;
    TRY(argument_text(request, "prefix", &prefix));
    struct zip *zip = new_zip(request, span_present(prefix) ? prefix : SPAN(""));
    if (zip == NULL)
        return FAIL(request, INTERNAL, NULL);
    response_header_borrowed(request, "Content-Type", SPAN("application/zip"));
    response_header_borrowed(request, "Cache-Control", SPAN("no-store"));
    name_header(request, zip->prefix);
    struct stream_source source = {
        .next = next, .close = close_zip, .ctx = zip, .waker = zip_directory_waker(zip->directory)};
    return response_stream(request, 200, &source, STREAM_LENGTH_UNKNOWN);
}
