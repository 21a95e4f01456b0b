/* A zones document. What is taken is written, and read again to the same. */
#include "fuzz.h"
#include "zones.h"

static bool prefixes_apart(const struct zones_document *document)
{
    for (size_t i = 0; i < document->count; i++)
        for (size_t k = 0; k < i; k++) {
            struct span a = document->zones[i].prefix, b = document->zones[k].prefix;
            if (span_starts(a, b) || span_starts(b, a))
                return false;
        }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct zones_document document, again;
    char detail[ZONES_DETAIL_BYTES];
    arena_init(&arena, FUZZ_ARENA_BYTES);
    if (!zones_parse(&arena, span_of(data, size), SPAN("lake"), &document, detail)) {
        CHECK(detail[0] != '\0' && span_is_utf8(span_str(detail)));
        arena_free(&arena);
        return 0;
    }
    CHECK(document.count <= ZONES_MAX && prefixes_apart(&document));
    struct buf text, second;
    buf_init(&text, 1024 * 1024);
    buf_init(&second, 1024 * 1024);
    zones_write(&text, &document, NULL);
    CHECK(buf_ok(&text));
    /* Escapes may make it longer than a document may be. */
    if (text.len <= ZONES_DOCUMENT_MAX_BYTES) {
        CHECK(zones_parse(&arena, buf_span(&text), SPAN("lake"), &again, detail));
        zones_write(&second, &again, NULL);
        CHECK(span_eq(buf_span(&text), buf_span(&second)));
    }
    buf_free(&text);
    buf_free(&second);
    arena_free(&arena);
    return 0;
}
