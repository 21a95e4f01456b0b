/* A world (tests/ops/support.h) for targets whose input is a request. It is made anew after some inputs, so that what
 * one of them left does not grow; an input that breaks something is to do so in a new one. */
#ifndef TESTS_FUZZ_WORLD_H
#define TESTS_FUZZ_WORLD_H

#include "fuzz.h"
#include "tests/ops/support.h"

/* Bucket "lake" with "key" of 26 bytes, "many/" with some more, and an upload of "parts" with one part. */
struct world *fuzz_world(void);
/* The upload's id; borrowed from the world. */
const char *fuzz_upload(void);

/* Sends it and looks at the answer: a status, a code where it is an error, XML that can be read.
 * in: headers  "Name: value" lines; only what could be such is sent, and no Content-Length */
void fuzz_send(const char *line, struct span headers, struct span body);

#endif
