/* What the operations that answer in JSON share. */
#ifndef DAEMON_OPS_JSON_ANSWER_H
#define DAEMON_OPS_JSON_ANSWER_H

#include "daemon/request.h"
#include "json_write.h"

/* Status 200 and a JSON body that the operation writes into the returned buffer. */
struct buf *json_answer(struct request *request);

/* ,"name":"text" (and its like); first: without the comma. A key that is no UTF-8 cannot be, so text is. */
void json_answer_text(struct buf *out, bool first, const char *name, struct span text);
void json_answer_u64(struct buf *out, const char *name, uint64_t value);
/* ISO 8601; 0: null */
void json_answer_time(struct buf *out, const char *name, int64_t time_ms);
void json_answer_bool(struct buf *out, const char *name, bool value);

/* ?name= as a number of things on a page; absent: max. What is above max is max, as S3 has it.
 * err: INVALID_ARGUMENT unless it is at least 1 */
enum s3_err json_answer_limit(
    struct request *request, const char *name, size_t max, size_t *ret_limit) MUST_USE;

#endif
