/* Writes XML into a buffer: elements nest, text is escaped by one function. DuckDB and others read
 * listings by literal strings: no prefixes, no attributes but xmlns on the root. One thread at a time. */
#ifndef S3PROTO_XML_WRITE_H
#define S3PROTO_XML_WRITE_H

#include "base/buf.h"

/* <?xml version="1.0" encoding="UTF-8"?>\n<name xmlns="http://s3.amazonaws.com/doc/2006-03-01/"> */
void xml_begin_document(struct buf *out, struct span root);
/* The same in another namespace, without the declaration: as AWS's Query APIs answer. */
void xml_begin_document_in(struct buf *out, struct span root, struct span xmlns);
#define XML_S3_CONTROL SPAN("http://awss3control.amazonaws.com/doc/2018-08-20/")
/* The same without a namespace, as error documents have it. */
void xml_begin_document_plain(struct buf *out, struct span root);
void xml_open(struct buf *out, struct span name);
void xml_close(struct buf *out, struct span name);

/* <name>escaped text</name> */
void xml_text(struct buf *out, struct span name, struct span text);
void xml_u64(struct buf *out, struct span name, uint64_t value);
void xml_bool(struct buf *out, struct span name, bool value);
/* time_ms: Unix milliseconds; ISO 8601 */
void xml_time(struct buf *out, struct span name, int64_t time_ms);

/* Escapes & < > " and writes control characters (which XML 1.0 cannot carry) and CR as numeric
 * references, as AWS does. The text is valid UTF-8. */
void xml_escape(struct buf *out, struct span text);

#endif
