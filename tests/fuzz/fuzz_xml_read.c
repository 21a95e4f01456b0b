/* A document; read as a tree and as each body. */
#include "bodies.h"
#include "fuzz.h"

static size_t check_node(const struct xml_node *node, size_t depth)
{
    size_t count = 1;
    CHECK(depth <= XML_DEPTH_MAX && node->name.len > 0);
    CHECK(span_present(node->text) && span_is_utf8(node->text) && span_is_utf8(node->name));
    for (const struct xml_node *child = node->first_child; child != NULL; child = child->next)
        count += check_node(child, depth + 1);
    return count;
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
    arena_free(&arena);
    return 0;
}
