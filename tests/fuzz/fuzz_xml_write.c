/* Any valid UTF-8: what xml_escape writes is read back by libxml2's parser as the same text, or,
 * when XML 1.0 cannot carry it, is refused as bad references and never as bad markup. */
#include "fuzz.h"
#include "xml_read.h"
#include "xml_write.h"

static bool xml_can_carry(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
            return false;
    }
    return span_find(text, SPAN("\xef\xbf\xbe"), 0) == SIZE_MAX &&
           span_find(text, SPAN("\xef\xbf\xbf"), 0) == SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct xml_node *root;
    struct arena arena;
    struct buf out;
    if (!span_is_utf8(text))
        return 0;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    buf_init(&out, FUZZ_ARENA_BYTES);
    xml_begin_document(&out, SPAN("Root"));
    xml_text(&out, SPAN("Key"), text);
    xml_text(&out, SPAN("Next"), SPAN("n"));
    xml_close(&out, SPAN("Root"));
    CHECK(buf_ok(&out));
    enum s3_err err = xml_read(&arena, buf_span(&out), &root);
    CHECK((err == S3_OK) == xml_can_carry(text));
    if (err == S3_OK) {
        CHECK(span_eq(xml_child(root, SPAN("Key"))->text, text));
        CHECK(span_eq(xml_child_text(root, SPAN("Next")), SPAN("n")));
        CHECK(xml_child(root, SPAN("Key"))->first_child == NULL);
    }
    buf_free(&out);
    arena_free(&arena);
    return 0;
}
