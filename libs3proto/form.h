/* Decoder of multipart/form-data bodies with one file in them, as browsers post them to S3. It streams:
 * first the head (all fields before the file, and the file's own part head), gathered in bounded memory, then
 * the file's bytes as they come. What follows the file is read and ignored, as S3 does.
 *
 *     form_head   until it says that the head is over
 *     form_file   until the input is used up, again and again
 *     form_end    after the last byte: is the form whole?
 *
 * Pure. One thread at a time. src: RFC 7578; RFC 2046, section 5.1; WHATWG HTML, "Multipart form data";
 * Amazon S3 API Reference, "POST Object" */
#ifndef S3PROTO_FORM_H
#define S3PROTO_FORM_H

#include "base/arena.h"
#include "base/buf.h"
#include "s3_err.h"

enum {
    FORM_HEAD_MAX_BYTES = 256 * 1024,
    FORM_FIELDS_MAX = 256,
    FORM_BOUNDARY_MAX_BYTES = 70,         /* src: RFC 2046 */
    FORM_PART_HEAD_MAX_BYTES = 16 * 1024, /* header lines of one part */
};

struct form_field {
    struct span name;     /* as sent, quotes undone */
    struct span value;    /* any bytes; of the file empty */
    struct span filename; /* absent without one */
};

struct form;

/* The boundary of "multipart/form-data; boundary=…". False: it is no such content type. */
bool form_boundary(struct span content_type, struct span *ret_boundary) MUST_USE;

/* file_field: the name (any case) of the field that is the file. Memory is the heap's. NULL: none left. */
struct form *form_new(struct span boundary, struct span file_field);
/* Takes NULL. Fields are gone with it. */
void form_free(struct form *form);

/* Takes bytes off the front of *input; *ret_over: the rest of it is the file's.
 * err: MALFORMED_POST_REQUEST; MAX_POST_PRE_DATA_LENGTH_EXCEEDED past the bounds above;
 *      INCORRECT_NUMBER_OF_FILES when the form ends without a file; INTERNAL (memory) */
enum s3_err form_head(struct form *form, struct span *input, bool *ret_over) MUST_USE;

/* When the head is over: the fields in the order sent, the file last. */
const struct form_field *form_fields(const struct form *form, size_t *ret_count);

/* Takes bytes off the front of *input. ret_run: at most max_bytes of the file, in *input or the form's own;
 * empty when all of *input was none. Good until the next call. */
void form_file(struct form *form, struct span *input, size_t max_bytes, struct span *ret_run);
/* Has the file's last byte come? */
bool form_file_over(const struct form *form);

/* err: MALFORMED_POST_REQUEST when the file was cut off; INCORRECT_NUMBER_OF_FILES when none began */
enum s3_err form_end(const struct form *form) MUST_USE;

#endif
