/* What S3 servers elsewhere answer: a page of a listing, or the head of an object. The first line says what was asked. */
#include "daemon/remote_internal.h"
#include "fuzz.h"

/* A page goes forward: in order, behind the start, within the prefix. */
static void check_listing(const struct remote_list_query *query, const struct remote_listing *page)
{
    CHECK(page->count <= query->max_keys);
    for (size_t i = 0; i < page->count; i++) {
        const struct remote_entry *entry = &page->entries[i];
        CHECK(entry->key.len > 0 && entry->key.len <= 1024 && span_is_utf8(entry->key));
        CHECK(span_starts(entry->key, query->prefix));
        CHECK(i == 0 || span_cmp(page->entries[i - 1].key, entry->key) < 0);
        CHECK(entry->is_prefix || query->start_after.len == 0 ||
              span_cmp(entry->key, query->start_after) > 0);
    }
    if (span_present(page->next_token) && span_present(query->token))
        CHECK(!span_eq(page->next_token, query->token));
}

static void read_listing(struct arena *arena, struct span asked, struct span document)
{
    struct remote_listing page;
    struct remote_list_query query = {.max_keys = 1000};
    (void)span_split(&asked, ' ', &query.prefix);
    (void)span_split(&asked, ' ', &query.delimiter);
    (void)span_split(&asked, ' ', &query.start_after);
    if (asked.len > 0)
        query.token = asked;
    if (remote_listing_parse(arena, &query, document, &page) == REMOTE_OK)
        check_listing(&query, &page);
}

static void check_object(const struct remote_get *get, const struct remote_object *object)
{
    CHECK(object->etag_text.len > 0 && object->etag_text.len <= 256);
    CHECK(object->first <= object->size_bytes);
    CHECK(object->content_length <= object->size_bytes - object->first);
    if (get->has_range)
        CHECK(object->first == get->first && object->content_length > 0);
}

static void read_object(struct span asked, struct span text)
{
    struct header items[HEADERS_MAX];
    struct http_head head = {.status = 200, .headers = {items, 0}};
    struct remote_object object;
    uint64_t first = 0, part = 0;
    struct span word = SPAN("");
    (void)span_split(&asked, ' ', &word);
    struct remote_get get = {
        .has_range = span_to_u64(word, &first), .first = first, .last = UINT64_MAX};
    (void)span_split(&asked, ' ', &word);
    if (span_to_u64(word, &part) && !get.has_range)
        get.part_number = (uint32_t)(part % 10000);
    head.status = asked.len > 0 ? 206 : 200;
    for (struct span line; head.headers.count < HEADERS_MAX && span_split(&text, '\n', &line);) {
        size_t colon = span_find_char(line, ':', 0);
        if (colon == SIZE_MAX)
            continue;
        items[head.headers.count++] =
            (struct header){span_first(line, colon), span_trim(span_from(line, colon + 1))};
    }
    if (remote_object_read(&get, &head, &object) == REMOTE_OK)
        check_object(&get, &object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct span input = span_of(data, size);
    struct span asked = fuzz_line(&input);
    if (!span_present(input))
        return 0;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    if (span_starts(asked, SPAN("O")))
        read_object(span_from(asked, 1), input);
    else
        read_listing(&arena, asked, input);
    arena_free(&arena);
    return 0;
}
