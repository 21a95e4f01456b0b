#include "daemon/sessions.h"

#include "base/digest.h"
#include "base/encode.h"
#include "daemon/json.h"
#include "daemon/key_text.h"
#include "json_read.h"

#include <stdio.h>

enum {
    /* base64 makes four characters of three bytes */
    SEALED_MAX_BYTES = SESSION_TOKEN_MAX_BYTES / 4 * 3,
    PLAIN_MAX_BYTES = SEALED_MAX_BYTES - VAULT_OVERHEAD_BYTES,
    ACCOUNT_CHARS = 8, /* of five bits: 2^40 is more than 12 digits can say */
    ID_CHARS = 8,
};

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* "ASIA", the account, and random characters. */
static void make_key_id(uint64_t account, char ret_id[static SESSION_ACCESS_KEY_BYTES + 1])
{
    static const char head[4] = {'A', 'S', 'I', 'A'};
    memcpy(ret_id, head, sizeof(head));
    for (size_t i = 0; i < ACCOUNT_CHARS; i++)
        ret_id[4 + i] = base32[(account >> (5 * (ACCOUNT_CHARS - 1 - i))) & 31];
    key_text_id(ret_id + 4 + ACCOUNT_CHARS, ID_CHARS);
}

bool session_key_account(struct span access_key, uint64_t *ret_account)
{
    static const uint64_t account_end = 1000000000000u;
    uint64_t account = 0;
    if (access_key.len != SESSION_ACCESS_KEY_BYTES || !span_starts(access_key, SPAN("ASIA")))
        return false;
    for (size_t i = 4; i < access_key.len; i++) {
        const char *at = access_key.ptr[i] != '\0' ? strchr(base32, access_key.ptr[i]) : NULL;
        if (at == NULL)
            return false;
        if (i < 4 + ACCOUNT_CHARS)
            account = account << 5 | (uint64_t)(at - base32);
    }
    if (account == 0 || account >= account_end)
        return false;
    *ret_account = account;
    return true;
}

/* What of a token is the asker's: the policies and tags. */
static size_t asked_bytes(const struct session *session)
{
    size_t bytes = session->policy.len;
    for (size_t i = 0; i < session->policy_arn_count; i++)
        bytes += session->policy_arns[i].len;
    for (size_t i = 0; i < session->tag_count; i++)
        bytes += session->tags[i].name.len + session->tags[i].value.len;
    return bytes;
}

static bool write_plain(
    const struct session *session, struct arena *arena, struct span secret, struct buf *out)
{
    struct json *json = json_new();
    json_u64(json, "kind", session->kind);
    json_u64(json, "account", session->account);
    json_text(json, "principal", session->principal_id);
    json_text(json, "secret", secret);
    json_u64(json, "issued", (uint64_t)session->issued_s);
    json_u64(json, "expires", (uint64_t)session->expires_s);
    if (span_present(session->name))
        json_text(json, "name", session->name);
    if (span_present(session->made_by))
        json_text(json, "by", session->made_by);
    if (span_present(session->source_identity))
        json_text(json, "source", session->source_identity);
    if (session->has_policies)
        json_bool(json, "bound", true);
    if (span_present(session->policy))
        json_text(json, "policy", session->policy);
    if (session->policy_arn_count > 0)
        json_texts(json, "arns", session->policy_arns, session->policy_arn_count);
    if (session->transitive_count > 0)
        json_u64(json, "transitive", session->transitive_count);
    json_open(json, "tags"); /* kept in their order */
    for (size_t i = 0; i < session->tag_count; i++) {
        struct span name = arena_copy(arena, session->tags[i].name); /* with a NUL */
        if (span_present(name))
            json_text(json, name.ptr, session->tags[i].value);
    }
    json_close(json);
    bool written = json_write_line(json, out) && !arena->overflow;
    json_free(json);
    return written;
}

/* base64 in the alphabet that URLs and headers carry as it is. */
static struct span token_text(struct arena *arena, struct span sealed)
{
    struct buf text CLEANUP(buf_free);
    buf_init(&text, SESSION_TOKEN_MAX_BYTES + 4);
    base64_encode(&text, sealed);
    if (!buf_ok(&text))
        return SPAN_ABSENT;
    while (text.len > 0 && text.ptr[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        text.ptr[i] = text.ptr[i] == '+' ? '-' : text.ptr[i] == '/' ? '_' : text.ptr[i];
    return arena_copy(arena, buf_span(&text));
}

static bool token_bytes(
    struct span token, uint8_t ret_sealed[static SEALED_MAX_BYTES], size_t *ret_len)
{
    char text[SESSION_TOKEN_MAX_BYTES + 4];
    if (token.len == 0 || token.len > SESSION_TOKEN_MAX_BYTES)
        return false;
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (c == '+' || c == '/' || c == '=')
            return false;
        text[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    size_t len = token.len;
    while (len % 4 != 0)
        text[len++] = '=';
    return base64_decode(span_of(text, len), ret_sealed, SEALED_MAX_BYTES, ret_len);
}

enum session_err session_make(struct vault *vault, const struct session *session,
    struct arena *arena, struct session_credentials *ret_credentials)
{
    char id[SESSION_ACCESS_KEY_BYTES + 1], secret[SESSION_SECRET_BYTES + 1];
    struct buf plain CLEANUP(buf_free) = {0}, sealed CLEANUP(buf_free) = {0};
    size_t asked = asked_bytes(session);
    if (asked > PLAIN_MAX_BYTES || session->policy_arn_count > SESSION_POLICY_ARNS_MAX ||
        session->tag_count > SESSION_TAGS_MAX)
        return SESSION_TOO_LARGE;
    make_key_id(session->account, id);
    key_text_secret(secret, SESSION_SECRET_BYTES);
    /* Twice the maximum: what is too large is told from what memory cannot hold. */
    buf_init(&plain, (size_t)12 * PLAIN_MAX_BYTES);
    buf_init(&sealed, SEALED_MAX_BYTES);
    bool written = write_plain(session, arena, span_of(secret, SESSION_SECRET_BYTES), &plain);
    if (written && plain.len > PLAIN_MAX_BYTES) {
        wipe(plain.ptr, plain.len);
        wipe(secret, sizeof(secret));
        return SESSION_TOO_LARGE;
    }
    bool done = written &&
                vault_seal(vault, span_of(id, SESSION_ACCESS_KEY_BYTES), buf_span(&plain), &sealed);
    struct session_credentials credentials = {.expires_s = session->expires_s};
    if (done) {
        credentials.access_key = arena_copy(arena, span_of(id, SESSION_ACCESS_KEY_BYTES));
        credentials.secret = arena_copy(arena, span_of(secret, SESSION_SECRET_BYTES));
        credentials.token = token_text(arena, buf_span(&sealed));
        credentials.packed_percent = (unsigned)(asked * 100 / PLAIN_MAX_BYTES);
    }
    if (plain.ptr != NULL)
        wipe(plain.ptr, plain.len);
    wipe(secret, sizeof(secret));
    if (!done || !span_present(credentials.token) || arena->overflow)
        return SESSION_FAILED;
    *ret_credentials = credentials;
    return SESSION_OK;
}

/* ---- opening ---- */

static struct span member(struct arena *arena, const struct json_node *json, const char *name)
{
    return arena_copy(arena, json_node_string(json_node_member(json, name), SPAN_ABSENT));
}

struct tag_reader {
    struct arena *arena;
    struct policy_tag *items;
    size_t count;
};

static void read_tag(void *ctx, const char *name, const struct json_node *value)
{
    struct tag_reader *reader = ctx;
    if (reader->count < SESSION_TAGS_MAX)
        reader->items[reader->count++] =
            (struct policy_tag){arena_copy(reader->arena, span_str(name)),
                arena_copy(reader->arena, json_node_string(value, SPAN("")))};
}

static void read_lists(const struct json_node *json, struct arena *arena, struct session *session)
{
    const struct json_node *arns = json_node_member(json, "arns");
    const struct json_node *tags = json_node_member(json, "tags");
    size_t count = json_node_count(arns);
    struct span *items = arena_array(arena, struct span, SESSION_POLICY_ARNS_MAX);
    struct tag_reader reader = {arena, arena_array(arena, struct policy_tag, SESSION_TAGS_MAX), 0};
    if (items == NULL || reader.items == NULL)
        return; /* the overflow is seen by who called */
    for (size_t i = 0; i < count && i < SESSION_POLICY_ARNS_MAX; i++)
        items[session->policy_arn_count++] =
            arena_copy(arena, json_node_string(json_node_item(arns, i), SPAN("")));
    json_node_each(tags, read_tag, &reader);
    session->policy_arns = items;
    session->tags = reader.items;
    session->tag_count = reader.count;
    int64_t transitive = json_node_integer(json_node_member(json, "transitive"), 0);
    session->transitive_count =
        transitive > 0 && (size_t)transitive <= reader.count ? (size_t)transitive : 0;
}

static bool read_plain(struct span plain, struct arena *arena, struct session *ret_session,
    char ret_secret[static SESSION_SECRET_BYTES])
{
    char detail[JSON_DETAIL_BYTES];
    struct json_node *json = json_text_parse(plain, detail);
    if (json == NULL)
        return false;
    struct session session = {
        .kind = (enum session_kind)json_node_integer(json_node_member(json, "kind"), 0),
        .account = (uint64_t)json_node_integer(json_node_member(json, "account"), 0),
        .principal_id = member(arena, json, "principal"),
        .name = member(arena, json, "name"),
        .made_by = member(arena, json, "by"),
        .source_identity = member(arena, json, "source"),
        .has_policies = json_node_bool(json_node_member(json, "bound"), false),
        .policy = member(arena, json, "policy"),
        .issued_s = json_node_integer(json_node_member(json, "issued"), 0),
        .expires_s = json_node_integer(json_node_member(json, "expires"), 0)};
    read_lists(json, arena, &session);
    struct span secret = json_node_string(json_node_member(json, "secret"), SPAN(""));
    bool good = session.kind >= SESSION_ASSUMED_ROLE && session.kind <= SESSION_FEDERATED &&
                span_present(session.principal_id) && secret.len == SESSION_SECRET_BYTES;
    if (good) {
        memcpy(ret_secret, secret.ptr, SESSION_SECRET_BYTES);
        *ret_session = session;
    }
    json_text_free(json);
    return good;
}

enum session_err session_open(struct vault *vault, struct span access_key, struct span token,
    int64_t now_s, struct arena *arena, struct session *ret_session,
    char ret_secret[static SESSION_SECRET_BYTES])
{
    uint8_t sealed[SEALED_MAX_BYTES];
    size_t len;
    struct session session;
    struct buf plain CLEANUP(buf_free);
    buf_init(&plain, SEALED_MAX_BYTES);
    if (access_key.len != SESSION_ACCESS_KEY_BYTES || !token_bytes(token, sealed, &len) ||
        !vault_unseal(vault, access_key, span_of(sealed, len), &plain))
        return SESSION_INVALID;
    bool good = read_plain(buf_span(&plain), arena, &session, ret_secret);
    wipe(plain.ptr, plain.len);
    if (!good || arena->overflow)
        return SESSION_FAILED;
    if (session.expires_s <= now_s) {
        wipe(ret_secret, SESSION_SECRET_BYTES);
        return SESSION_EXPIRED;
    }
    *ret_session = session;
    return SESSION_OK;
}
