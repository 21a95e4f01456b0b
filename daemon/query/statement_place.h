/* Where in a policy's text a statement stands, as Simulate's answers say it. Pure. */
#ifndef DAEMON_QUERY_STATEMENT_PLACE_H
#define DAEMON_QUERY_STATEMENT_PLACE_H

#include "base/span.h"

/* From just behind what stands before the statement ('[', ',' or ':') to just behind its '}', counted from 1,
 * columns in characters, as AWS counts them. */
struct statement_place {
    uint32_t start_line, start_column, end_line, end_column;
};

/* text: a policy that compiles. False: it is written in a way that hides the place (escapes in the member's
 * name), or has fewer statements. */
bool statement_place(struct span text, size_t index, struct statement_place *ret_place) MUST_USE;

#endif
