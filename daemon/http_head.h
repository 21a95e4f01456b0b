/* What must not be let through in the head of a request: what two servers in a row could read
 * differently (request smuggling), and fields that came twice with different values. Pure. src: RFC
 * 9112, sections 3.2 and 6.3, "Request smuggling" */
#ifndef DAEMON_HTTP_HEAD_H
#define DAEMON_HTTP_HEAD_H

#include "headers.h"
#include "s3_err.h"

struct http_body {
    bool expected; /* a body comes */
    bool length_known;
    uint64_t length; /* Content-Length */
    bool expects_continue;
};

/* Where the library's words of a head lie: libmicrohttpd before 0.9.77 takes it apart in place. */
struct http_head_place {
    struct span method, version;
    size_t target_bytes; /* as it was told to us */
    size_t bytes;        /* of the whole head, with the empty line */
};

/* Is there nothing between the words but a space, a colon, the end of a line? Lines that end in a bare LF, folded
 * ones, ones without a name (which the library takes for the end of the head), and NULs (where it ends a word) leave
 * gaps of other lengths.
 * in: headers  values not trimmed, in the order in which they came */
bool http_head_is_whole(const struct http_head_place *place, const struct header_list *headers);

/* headers: values not trimmed, since what the library makes of a length is made of all of it
 * version: "HTTP/1.1" …
 * out: ret_body    how the body is framed
 *      ret_detail  a literal, what is wrong
 * err: BAD_REQUEST, INVALID_ARGUMENT (a field twice): answer and close, nothing behind this head
 * can be trusted */
enum s3_err http_head_check(const struct header_list *headers, struct span version,
    struct http_body *ret_body, const char **ret_detail) MUST_USE;

#endif
