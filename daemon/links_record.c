#include "daemon/links_record.h"

#include "base/digest.h"
#include "base/encode.h"
#include "daemon/json.h"
#include "daemon/vault.h"
#include "json_read.h"

enum { SEALED_MAX_BYTES = LINK_SECRET_MAX_BYTES + VAULT_OVERHEAD_BYTES };

struct span link_record_key(struct arena *arena, struct span name)
{
    return arena_format(arena, "link/%.*s", SPAN_ARG(name));
}

struct span link_record_text(struct arena *arena, const struct link *link, struct span sealed)
{
    struct buf text;
    struct json *json = json_new();
    buf_init(&text, STORAGE_RECORD_VALUE_MAX_BYTES);
    json_u64(json, "bucket_id", link->bucket_id);
    json_text(json, "endpoint_url", link->endpoint_url);
    json_text(json, "bucket", link->bucket);
    json_text(json, "prefix", link->prefix);
    json_text(json, "region", link->region);
    json_text(json, "access_key", link->access_key);
    json_text(json, "sealed", sealed);
    json_u64(json, "created_ms", (uint64_t)link->created_ms);
    json_text(json, "created_by", link->created_by);
    struct span copy = SPAN_ABSENT;
    if (json_write_line(json, &text)) {
        buf_add_char(&text, '\n');
        copy = buf_ok(&text) ? arena_copy(arena, buf_span(&text)) : SPAN_ABSENT;
    }
    json_free(json);
    buf_free(&text);
    return copy;
}

static struct span text_of(struct arena *arena, const struct json_node *root, const char *name)
{
    return arena_copy(arena, json_node_string(json_node_member(root, name), SPAN("")));
}

bool link_record_parse(
    struct arena *arena, struct span text, struct link *ret_link, struct span *ret_sealed)
{
    char detail[JSON_DETAIL_BYTES];
    struct json_node *root = json_text_parse(text, detail);
    if (root == NULL)
        return false;
    ret_link->bucket_id = (uint64_t)json_node_integer(json_node_member(root, "bucket_id"), 0);
    ret_link->endpoint_url = text_of(arena, root, "endpoint_url");
    ret_link->bucket = text_of(arena, root, "bucket");
    ret_link->prefix = text_of(arena, root, "prefix");
    ret_link->region = text_of(arena, root, "region");
    ret_link->access_key = text_of(arena, root, "access_key");
    ret_link->created_by = text_of(arena, root, "created_by");
    ret_link->created_ms = json_node_integer(json_node_member(root, "created_ms"), 0);
    *ret_sealed = text_of(arena, root, "sealed");
    json_text_free(root);
    return !arena->overflow && ret_link->bucket_id != 0 && ret_link->bucket.len > 0;
}

bool link_seal(struct vault *vault, struct arena *arena, struct span name, struct span secret,
    struct span *ret_sealed)
{
    struct buf sealed, text;
    buf_init(&sealed, SEALED_MAX_BYTES);
    buf_init(&text, SEALED_MAX_BYTES * 2);
    bool good = secret.len <= LINK_SECRET_MAX_BYTES &&
                vault_seal(vault, link_record_key(arena, name), secret, &sealed);
    if (good)
        base64_encode(&text, buf_span(&sealed));
    *ret_sealed = good && buf_ok(&text) ? arena_copy(arena, buf_span(&text)) : SPAN_ABSENT;
    buf_free(&sealed);
    buf_free(&text);
    return span_present(*ret_sealed);
}

bool link_unseal(struct vault *vault, struct arena *arena, struct span name, struct span sealed,
    struct span *ret_secret, bool *ret_stale)
{
    char bytes[SEALED_MAX_BYTES];
    size_t len = 0;
    struct buf plain;
    buf_init(&plain, SEALED_MAX_BYTES);
    bool good = base64_decode(sealed, bytes, sizeof(bytes), &len) &&
                vault_unseal(vault, link_record_key(arena, name), span_of(bytes, len), &plain);
    if (good) {
        *ret_stale = vault_is_stale(vault, span_of(bytes, len));
        *ret_secret = arena_copy(arena, buf_span(&plain));
        good = span_present(*ret_secret);
    }
    if (plain.len > 0)
        wipe(plain.ptr, plain.len);
    buf_free(&plain);
    return good;
}
