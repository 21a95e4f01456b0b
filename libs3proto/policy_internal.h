/* The compiled form of a policy, shared by the files policy*.c. All of it lies in the policy's arena and is
 * never changed after compiling. */
#ifndef S3PROTO_POLICY_INTERNAL_H
#define S3PROTO_POLICY_INTERNAL_H

#include "base/arena.h"
#include "http_time.h"
#include "json_read.h"
#include "policy.h"

/* A condition key, by number or as a tag of a family; neither: a key that nothing here ever fills. */
struct key_ref {
    enum policy_key key;           /* POLICY_KEYS: see family */
    enum policy_tag_family family; /* POLICY_TAG_FAMILIES: none */
    struct span tag;
};

enum part_kind {
    PART_TEXT,
    PART_ONE, /* "?": count characters */
    PART_ANY, /* "*" */
    PART_KEY, /* "${aws:username, 'default'}" */
};

struct part {
    enum part_kind kind;
    size_t count;
    struct span text; /* PART_TEXT; the default of PART_KEY, or absent */
    struct key_ref key;
};

struct pattern {
    const struct part *parts;
    size_t count;
    size_t min_bytes;
    /* Six patterns when an ARN's first five components are not all literal: then a wildcard stays within
     * its component. Else NULL, and parts match the whole. */
    const struct pattern *components;
};

struct patterns {
    const struct pattern *items;
    size_t count;
};

enum who { WHO_ANYONE, WHO_ACCOUNT, WHO_ID, WHO_ARN, WHO_CANONICAL, WHO_NEVER };

struct who_entry {
    enum who who;
    struct span id;   /* account number, unique id, ARN, canonical id */
    struct span text; /* as in the policy */
    bool is_entity;   /* text is the ARN of a user or role that may ask here */
};

struct ip_net {
    uint8_t bytes[16];
    unsigned family_bytes; /* 4 or 16 */
    unsigned bits;
};

enum test {
    TEST_STRING,
    TEST_NUMBER,
    TEST_DATE,
    TEST_BOOL,
    TEST_BINARY,
    TEST_IP,
    TEST_ARN,
    TEST_NULL,
};

enum order { ORDER_EQUAL, ORDER_LESS, ORDER_LESS_EQUAL, ORDER_GREATER, ORDER_GREATER_EQUAL };

enum quantifier { QUANTIFIER_NONE, QUANTIFIER_ALL, QUANTIFIER_ANY };

struct operator_info {
    const char *name;
    enum test test;
    enum order order;
    bool negated;
    bool wildcards;
    bool ignore_case;
};

union condition_value {
    struct pattern pattern; /* TEST_STRING, TEST_ARN */
    double number;
    int64_t time_ms;
    bool boolean; /* TEST_BOOL, TEST_NULL */
    struct span bytes;
    struct ip_net net;
};

struct condition {
    const struct operator_info *op;
    enum quantifier quantifier;
    bool if_exists;
    struct key_ref key;
    const union condition_value *values;
    size_t count;
};

struct statement {
    struct span sid;
    bool allow;
    bool not_principal, not_action, not_resource;
    const struct who_entry *principals; /* NULL: the kind of policy has none */
    size_t principal_count;
    struct patterns actions, resources;
    const struct condition *conditions;
    size_t condition_count;
};

struct policy {
    struct arena arena;
    const struct statement *statements;
    size_t statement_count;
    bool uses_key[POLICY_KEYS];
    bool uses_tags[POLICY_TAG_FAMILIES];
};

enum { POLICY_STEPS_MAX = 100000 };

/* ---- compiling ---- */

/* Where in the text the compiler is, for messages. */
struct policy_place {
    bool in_statement;
    size_t statement;
    const char *element; /* NULL: the statement itself, or the document */
    struct span outer;   /* operator, kind of principal; absent: none */
    struct span inner;   /* condition key */
    bool in_list;
    size_t item;
};

struct compiler {
    struct policy *policy;
    const struct policy_options *options;
    bool variables; /* Version 2012-10-17 */
    struct policy_place place;
    char *detail;
};

/* Writes message and place into the detail; always false. */
bool policy_fail(struct compiler *compiler, const char *message);
void policy_warn(struct compiler *compiler, const char *what, struct span name);

/* One string, or a list of at least one: each is handed on, with place.item set. Of a condition's key
 * (place.inner) numbers and truth values too. */
bool policy_each_string(struct compiler *compiler, const struct json_node *node,
    const char *otherwise,
    bool (*each)(struct compiler *compiler, struct span text, size_t index, void *ctx), void *ctx);
/* How many strings policy_each_string will hand on. */
size_t policy_string_count(const struct json_node *node);

bool policy_compile_principals(
    struct compiler *compiler, const struct json_node *node, struct statement *statement);
bool policy_compile_names(
    struct compiler *compiler, const struct json_node *members, struct statement *statement);
bool policy_compile_conditions(
    struct compiler *compiler, const struct json_node *node, struct statement *statement);

/* wildcards: "*" and "?" mean any; variables are resolved where the policy's version has them. */
bool policy_compile_pattern(
    struct compiler *compiler, struct span text, bool wildcards, struct pattern *ret_pattern);
/* A pattern for ARNs; false without a message when text has fewer than six components. */
bool policy_compile_arn(
    struct compiler *compiler, struct span text, struct pattern *ret_pattern, bool *ret_is_arn);
/* Splits at the first five colons that are not inside of a variable; how many components there are. */
size_t policy_arn_components(struct span arn, bool variables, struct span ret_components[static 6]);

/* Notes that the policy looks at the key. False, with a message, for a name that this kind of policy may not
 * have; ret_key of POLICY_KEYS and POLICY_TAG_FAMILIES for one that is kept and never filled. */
bool policy_compile_key(struct compiler *compiler, struct span name, struct key_ref *ret_key);

bool policy_key_is_list(const struct key_ref *key);
/* False where an operator of this kind never meets a value of the key's type, or not as meant. */
bool policy_key_suits(const struct key_ref *key, enum test test);

bool policy_parse_number(struct span text, double *ret_number) MUST_USE;
/* The W3C forms of ISO 8601, or Unix seconds. */
bool policy_parse_time(struct span text, int64_t *ret_time_ms) MUST_USE;
bool policy_parse_bool(struct span text, bool *ret_value) MUST_USE;
/* An address, or with a prefix length; IPv4-mapped IPv6 becomes IPv4. */
bool policy_parse_ip(struct span text, struct ip_net *ret_net) MUST_USE;
bool policy_ip_within(const struct ip_net *address, const struct ip_net *net);

/* ---- evaluating ---- */

/* Room for values that are made when they are asked for. */
struct policy_scratch {
    struct span item;
    char time[ISO_TIME_BYTES];
};

struct policy_values policy_lookup(const struct policy_context *context, const struct key_ref *key,
    struct policy_scratch *scratch);
/* Of one statement. Patterns made to be slow ("?a?a?a…") cost their length times that of the text: steps bound
 * that for the whole policy. Past them nothing matches. */
struct evaluation {
    const struct policy_context *context;
    size_t steps;    /* left */
    bool unresolved; /* a variable had no value where a match depended on it */
};

bool policy_match(const struct pattern *pattern, struct span text, struct evaluation *evaluation,
    bool ignore_case);
bool policy_conditions_hold(const struct statement *statement, struct evaluation *evaluation);
/* enum policy_named bits of who asks; 0: not named. */
unsigned policy_who_matches(
    const struct who_entry *entry, const struct policy_principal *principal);

#endif
