#include "xml_read.h"

#include "base/buf.h"

#include <libxml/parser.h>
#include <limits.h>
#include <pthread.h>

enum {
    NAMES_SHARED_MAX = 32,
    /* Every attribute is compared with all others of its tag, so tags are bounded: documents of S3
     * have a namespace and at most a type. */
    ATTRIBUTES_MAX = 16,
    SLICE_BYTES = 2048,
    TAG_SLICES_MAX = 4, /* slices in which no tag, comment or text ends */
};

/* An element whose end has not come yet. */
struct open_element {
    struct xml_node *node;
    struct xml_node *last_child;
    struct buf text;
};

struct reader {
    struct arena *arena;
    xmlParserCtxtPtr parser;
    struct xml_node *root;
    struct open_element open[XML_DEPTH_MAX];
    size_t depth;
    size_t elements;
    /* Documents repeat few names, so their copies are shared. */
    struct span names[NAMES_SHARED_MAX];
    size_t name_count;
    size_t idle_slices;
    bool refused;
};

static void refuse(struct reader *reader)
{
    reader->refused = true;
    xmlStopParser(reader->parser);
}

static struct span copy_name(struct reader *reader, const xmlChar *name)
{
    struct span wanted = span_str((const char *)name);
    for (size_t i = 0; i < reader->name_count; i++)
        if (span_eq(reader->names[i], wanted))
            return reader->names[i];
    struct span copy = arena_copy(reader->arena, wanted);
    if (span_present(copy) && reader->name_count < NAMES_SHARED_MAX)
        reader->names[reader->name_count++] = copy;
    return copy;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
    int namespace_count, const xmlChar **namespaces, int attribute_count, int defaulted_count,
    const xmlChar **attributes)
{
    (void)prefix, (void)uri, (void)namespaces, (void)defaulted_count, (void)attributes;
    struct reader *reader = context;
    reader->idle_slices = 0;
    if (reader->refused)
        return;
    if (reader->depth == XML_DEPTH_MAX || reader->elements == XML_ELEMENTS_MAX ||
        namespace_count > ATTRIBUTES_MAX || attribute_count > ATTRIBUTES_MAX) {
        refuse(reader);
        return;
    }
    reader->elements++;
    struct xml_node *node = arena_new(reader->arena, struct xml_node);
    struct span node_name = copy_name(reader, name);
    if (node == NULL || !span_present(node_name)) {
        refuse(reader);
        return;
    }
    node->name = node_name;
    node->text = SPAN("");
    if (reader->depth == 0) {
        reader->root = node;
    } else {
        struct open_element *parent = &reader->open[reader->depth - 1];
        if (parent->last_child == NULL)
            parent->node->first_child = node;
        else
            parent->last_child->next = node;
        parent->last_child = node;
    }
    struct open_element *element = &reader->open[reader->depth++];
    element->node = node;
    element->last_child = NULL;
    buf_clear(&element->text);
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    (void)name, (void)prefix, (void)uri;
    struct reader *reader = context;
    reader->idle_slices = 0;
    if (reader->refused || reader->depth == 0)
        return;
    struct open_element *element = &reader->open[--reader->depth];
    if (element->text.len == 0)
        return;
    element->node->text = arena_copy(reader->arena, buf_span(&element->text));
    if (!span_present(element->node->text))
        refuse(reader);
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct reader *reader = context;
    reader->idle_slices = 0;
    if (reader->refused || reader->depth == 0 || len < 0)
        return;
    struct buf *to = &reader->open[reader->depth - 1].text;
    buf_add(to, span_of(text, (size_t)len));
    if (!buf_ok(to)) {
        reader->arena->overflow = true;
        refuse(reader);
    }
}

static void on_comment(void *context, const xmlChar *text)
{
    (void)text;
    struct reader *reader = context;
    reader->idle_slices = 0;
}

static void on_doctype(
    void *context, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
    (void)name, (void)external_id, (void)system_id;
    refuse(context);
}

/* What libxml2 reads itself. Any other name would choose one of the hundred converters of iconv for
 * a client's bytes. */
static void on_document(void *context)
{
    static const struct span known[] = {SPAN("utf-8"), SPAN("utf-16"), SPAN("utf-16le"),
        SPAN("utf-16be"), SPAN("us-ascii"), SPAN("ascii"), SPAN("iso-8859-1")};
    struct reader *reader = context;
    if (reader->parser->encoding == NULL)
        return;
    struct span encoding = span_str((const char *)reader->parser->encoding);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (span_eq_nocase(encoding, known[i]))
            return;
    refuse(reader);
}

static xmlEntityPtr on_entity(void *context, const xmlChar *name)
{
    (void)context;
    return xmlGetPredefinedEntity(name);
}

/* libxml2 would otherwise print to stderr. */
static void on_error(void *context, xmlErrorPtr error)
{
    (void)context, (void)error;
}

static void init_parser(void)
{
    xmlInitParser();
}

static void feed(struct reader *reader, struct span document)
{
    while (!reader->refused && reader->parser->wellFormed == 1) {
        struct span slice = span_first(document, SLICE_BYTES);
        document = span_from(document, slice.len);
        if (++reader->idle_slices > TAG_SLICES_MAX)
            refuse(reader);
        else
            (void)xmlParseChunk(reader->parser, slice.ptr, (int)slice.len, document.len == 0);
        if (document.len == 0)
            return;
    }
}

static bool parse_document(struct reader *reader, struct span document)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC,
        .startDocument = on_document,
        .internalSubset = on_doctype,
        .externalSubset = on_doctype,
        .getEntity = on_entity,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .comment = on_comment,
        .serror = on_error,
    };
    (void)pthread_once(&once, init_parser);
    reader->parser = xmlCreatePushParserCtxt(&handler, reader, NULL, 0, NULL);
    if (reader->parser == NULL) {
        reader->arena->overflow = true;
        return false;
    }
    (void)xmlCtxtUseOptions(
        reader->parser, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    /* With the parser's context as user data, handlers would not find the reader. */
    reader->parser->userData = reader;
    feed(reader, document);
    bool good = !reader->refused && reader->parser->wellFormed == 1;
    if (reader->parser->myDoc != NULL)
        xmlFreeDoc(reader->parser->myDoc);
    reader->parser->myDoc = NULL;
    xmlFreeParserCtxt(reader->parser);
    return good;
}

enum s3_err xml_read(struct arena *arena, struct span document, struct xml_node **ret_root)
{
    struct reader reader = {.arena = arena};
    if (document.len == 0 || document.len > INT_MAX)
        return S3_ERR_MALFORMED_XML;
    for (size_t i = 0; i < XML_DEPTH_MAX; i++)
        buf_init(&reader.open[i].text, document.len * 4);
    bool good = parse_document(&reader, document);
    for (size_t i = 0; i < XML_DEPTH_MAX; i++)
        buf_free(&reader.open[i].text);
    if (arena->overflow)
        return S3_ERR_INTERNAL;
    if (!good || reader.root == NULL)
        return S3_ERR_MALFORMED_XML;
    *ret_root = reader.root;
    return S3_OK;
}

struct xml_node *xml_child(const struct xml_node *parent, struct span name)
{
    for (struct xml_node *child = parent->first_child; child != NULL; child = child->next)
        if (span_eq(child->name, name))
            return child;
    return NULL;
}

static bool is_xml_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct span xml_child_text(const struct xml_node *parent, struct span name)
{
    const struct xml_node *child = xml_child(parent, name);
    if (child == NULL)
        return SPAN_ABSENT;
    struct span text = child->text;
    while (text.len > 0 && is_xml_space(text.ptr[0]))
        text = span_from(text, 1);
    while (text.len > 0 && is_xml_space(text.ptr[text.len - 1]))
        text.len--;
    return text;
}
