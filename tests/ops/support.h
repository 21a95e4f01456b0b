/* Runs operations against a real store in a temporary folder, without HTTP: a request made of text
 * goes through the real target_parse, route, authorize and receive, and the response comes back as
 * text. */
#ifndef TESTS_OPS_SUPPORT_H
#define TESTS_OPS_SUPPORT_H

#include "daemon/daemon.h"
#include "daemon/request.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct staging;

struct world {
    char dir[64];
    struct staging *staging;
    struct daemon daemon;
    struct principal principal;      /* of the requests to come; root at first */
    struct span peer;                /* their address; absent at first */
    const struct identity *identity; /* whose they are, beside principal; NULL at first. Owned */
    struct span session_token;       /* that came with them; absent at first */
};

/* cmocka's setup and teardown: *state is the world. The region is us-east-1. */
int world_make(void **state);
int world_drop(void **state);
/* From now on requests have an identity, as those of the daemon do: at first the root's, whose key this is. Such a
 * world is not reopened. */
#define WORLD_ROOT_KEY "rootkey"
void world_add_identities(struct world *world);
/* The requests to come are whose access key this is, with its token (absent: none), by the clock `at` (Unix
 * seconds). err: as identities_find */
enum s3_err world_become(
    struct world *world, struct span key, struct span token, int64_t at) MUST_USE;
/* Closes the store and opens it again, as a restart does. */
void world_reopen(struct world *world);

struct reply {
    bool broken; /* a stream that was broken off; body is what came before */
    enum s3_err err;
    int status;
    struct span body; /* the response's bytes; of an error <Code>…</Code><Message>…</Message> and
                         its fields */
    struct header_list headers;
    struct request *request; /* what it all lives in */
    struct buf bytes;
};

/* line     "PUT /bucket/key?query", the target percent-encoded
 * headers  "Name: value\nName: value", or NULL
 * body     as sent. Content-Length is added unless it is given */
struct reply world_send(
    struct world *world, const char *line, const char *headers, struct span body);
void reply_free(struct reply *reply);
#define REPLY struct reply __attribute__((cleanup(reply_free)))

/* The same, but of a stream nothing is read: reply_pull does, one piece a call, which it adds to reply->body. It
 * waits for the producer as a connection does. STREAM_DATA, STREAM_END or STREAM_BROKEN. reply_free is then a
 * client that leaves. */
struct reply world_send_open(
    struct world *world, const char *line, const char *headers, struct span body);
enum stream_result reply_pull(struct reply *reply);

/* The same for requests that must succeed (2xx) and whose reply does not matter. */
void world_do(struct world *world, const char *line, const char *headers, const char *body);
/* Puts an object of this content. key as it is, not percent-encoded. */
void world_put(struct world *world, const char *bucket, struct span key, struct span content);
/* Percent-encodes a key (slashes stay) into arena memory, with a NUL. */
const char *encoded(struct arena *arena, struct span key);

/* Header of the response by its name, absent without one. */
struct span reply_header(const struct reply *reply, const char *name);
/* The text of the n-th <element> from 0, unescaped of the five entities; absent when there are
 * fewer. */
struct span reply_element(const struct reply *reply, const char *element, size_t n);
size_t reply_count(const struct reply *reply, const char *element);

/* Fail the test, and show the reply. */
#define assert_status(reply, expected) check_status(&(reply), (expected), __FILE__, __LINE__)
#define assert_has(reply, text) check_has(&(reply), (text), true, __FILE__, __LINE__)
#define assert_lacks(reply, text) check_has(&(reply), (text), false, __FILE__, __LINE__)
#define assert_code(reply, status, code) check_code(&(reply), (status), (code), __FILE__, __LINE__)
void check_status(const struct reply *reply, int expected, const char *file, int line);
void check_has(
    const struct reply *reply, const char *text, bool wanted, const char *file, int line);
void check_code(
    const struct reply *reply, int status, const char *code, const char *file, int line);
void assert_span(struct span actual, const char *expected);

#endif
