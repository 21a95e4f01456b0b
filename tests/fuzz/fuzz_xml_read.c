/* A document; read as a tree and as each body. */
#include "bodies.h"
#include "cors.h"
#include "fuzz.h"
#include "tags.h"

static size_t check_node(const struct xml_node *node, size_t depth)
{
    size_t count = 1;
    CHECK(depth <= XML_DEPTH_MAX && node->name.len > 0);
    CHECK(span_present(node->text) && span_is_utf8(node->text) && span_is_utf8(node->name));
    for (const struct xml_node *child = node->first_child; child != NULL; child = child->next)
        count += check_node(child, depth + 1);
    return count;
}

/* What is taken is written, and read again to the same. */
static void check_cors(struct arena *arena, struct span document)
{
    struct cors cors, again;
    struct span detail;
    struct buf once, twice;
    if (cors_parse(arena, document, &cors, &detail) != S3_OK)
        return;
    buf_init(&once, FUZZ_ARENA_BYTES);
    buf_init(&twice, FUZZ_ARENA_BYTES);
    cors_xml(&once, &cors);
    CHECK(buf_ok(&once) && cors.count >= 1 && cors.count <= CORS_RULES_MAX);
    enum s3_err err = cors_parse(arena, buf_span(&once), &again, &detail);
    CHECK(err == S3_OK || arena->overflow || once.len > CORS_DOCUMENT_MAX_BYTES);
    if (err == S3_OK)
        cors_xml(&twice, &again);
    CHECK(err != S3_OK || span_eq(buf_span(&once), buf_span(&twice)));
    buf_free(&once);
    buf_free(&twice);
}

static void check_tags(struct arena *arena, struct span document)
{
    struct tags tags, again;
    struct tags_fault fault;
    struct buf text;
    if (tagging_parse(arena, document, TAGS_BUCKET_MAX, &tags, &fault) != S3_OK)
        return;
    CHECK(tags.count <= TAGS_BUCKET_MAX);
    buf_init(&text, FUZZ_ARENA_BYTES);
    tagging_write(&text, &tags);
    enum s3_err err = tagging_parse(arena, buf_span(&text), TAGS_BUCKET_MAX, &again, &fault);
    CHECK(err == S3_OK || arena->overflow);
    if (err == S3_OK) {
        CHECK(again.count == tags.count);
        for (size_t i = 0; i < tags.count; i++)
            CHECK(span_eq(tags_find(&again, tags.items[i].key), tags.items[i].value));
    }
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span document = span_of(data, size);
    struct xml_node *root;
    struct delete_objects_body delete_body;
    struct complete_body complete_body;
    struct create_bucket_body create_body;
    struct arena arena;
    arena_init(&arena, size % 7 == 0 ? 2048 : FUZZ_ARENA_BYTES);
    enum s3_err err = xml_read(&arena, document, &root);
    if (err == S3_OK) {
        CHECK(check_node(root, 1) <= XML_ELEMENTS_MAX);
        CHECK(root->next == NULL);
        CHECK(!span_starts(document, SPAN("<!DOCTYPE")));
    }
    if (delete_objects_parse(&arena, document, &delete_body) == S3_OK)
        CHECK(delete_body.count >= 1 && delete_body.count <= DELETE_OBJECTS_MAX);
    if (complete_multipart_parse(&arena, document, &complete_body) == S3_OK)
        CHECK(complete_body.count >= 1 && complete_body.count <= PART_NUMBER_MAX);
    (void)!create_bucket_parse(&arena, document, &create_body);
    check_cors(&arena, document);
    check_tags(&arena, document);
    arena_free(&arena);
    return 0;
}
