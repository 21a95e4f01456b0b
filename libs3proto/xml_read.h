/* Reads XML through libxml2 into a small tree of borrowed text. No network, no DTD, no entities but the
 * five; bounded in depth, elements and size. Namespaces are ignored: elements go by local name. */
#ifndef S3PROTO_XML_READ_H
#define S3PROTO_XML_READ_H

#include "base/arena.h"
#include "s3_err.h"

enum { XML_DEPTH_MAX = 16, XML_ELEMENTS_MAX = 50000 };

struct xml_node {
    struct span name;
    struct span text; /* the element's own text, untrimmed; empty when it has none */
    struct xml_node *first_child;
    struct xml_node *next; /* sibling */
};

/* The whole document. Memory is the arena's.
 * err: MALFORMED_XML for anything that is not well-formed, has a DTD, or is past a bound;
 *      INTERNAL when the arena overflows */
enum s3_err xml_read(
    struct arena *arena, struct span document, struct xml_node **ret_root) MUST_USE;

/* The first child of this name, or NULL. */
struct xml_node *xml_child(const struct xml_node *parent, struct span name);
/* Its text, trimmed of XML white space; absent when there is no such child. */
struct span xml_child_text(const struct xml_node *parent, struct span name);

#endif
