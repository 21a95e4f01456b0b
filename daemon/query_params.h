/* The parameters of a Query API call, read with what they must be like (query_params.def). Complaints are
 * gathered in AWS's words, so that an action reads all it wants and asks once, by params_check, whether it
 * may go on. Pure; memory is the caller's arena. One thread at a time. */
#ifndef DAEMON_QUERY_PARAMS_H
#define DAEMON_QUERY_PARAMS_H

#include "policy.h"
#include "target.h"

enum { QUERY_FORM_PARAMS_MAX = 2048, QUERY_TAGS_MAX = 50, QUERY_COMPLAINTS_MAX = 10 };

#define QUERY_PARAM(name, least, most, kind, words) PARAM_##name,
enum query_param_id {
#include "daemon/query_params.def"
    PARAMS
};
#undef QUERY_PARAM

struct query_params {
    struct arena *arena;
    struct query sorted; /* by name; none twice */
    struct span complaints;
    size_t complaint_count;
    /* the first fault that has words of its own (a name with odd characters, a tag twice …) */
    enum s3_err fault;
    struct span fault_detail;
};

/* form: an application/x-www-form-urlencoded body, or a query; must outlive ret_params
 * err: MALFORMED_QUERY_STRING: bad encoding, invalid UTF-8, too many parameters, or one twice; INTERNAL when
 *      the arena overflows */
enum s3_err params_read(
    struct arena *arena, struct span form, struct query_params *ret_params) MUST_USE;

/* Any parameter's text as it came, for names that are in no table (Action, Version); absent without it. */
struct span params_raw(const struct query_params *params, struct span name);

/* A text that keeps to its row; absent when it did not come, and when it is complained of. */
struct span param_text(struct query_params *params, enum query_param_id id);
/* The same, complained of when it did not come. */
struct span param_required(struct query_params *params, enum query_param_id id);
/* The same for the name of what is about to be made, which may be no longer than most characters. */
struct span param_new_name(struct query_params *params, enum query_param_id id, size_t most);
/* Of kind NUMBER and BOOL; otherwise when it did not come. */
uint64_t param_number(struct query_params *params, enum query_param_id id, uint64_t otherwise);
bool param_bool(struct query_params *params, enum query_param_id id, bool otherwise);

/* Name.member.1, Name.member.2 … without a gap, each by the row of Name; most: how many may come.
 * Returns how many there are; 0 also when they are complained of. */
size_t param_list(struct query_params *params, enum query_param_id id, size_t most,
    const struct span **ret_items);
/* Tags.member.N.Key and .Value: none twice (without regard to case, as AWS has it), none that begins with "aws:". */
size_t param_tags(struct query_params *params, const struct policy_tag **ret_tags);

/* How many items Name.member.N… has that need not be texts (ContextEntries.member.2.ContextKeyName): the
 * highest N, counted without a gap, at most `most`; and the text of such a parameter. */
size_t params_members(struct query_params *params, struct span name, size_t most);
struct span params_member(
    struct query_params *params, struct span name, size_t number, struct span field);

/* Complains in AWS's words that `words` hold not for the parameter: "Member must not be null". */
void params_complain(struct query_params *params, struct span name, const char *words);

/* Nothing is wrong so far. */
static inline bool params_good(const struct query_params *params)
{
    return params->complaint_count == 0 && params->fault == S3_OK;
}

/* err: VALIDATION_ERROR, INVALID_INPUT, INTERNAL; *ret_detail (arena) says what is wrong */
enum s3_err params_check(const struct query_params *params, struct span *ret_detail) MUST_USE;

#endif
