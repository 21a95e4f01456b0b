/* An object to be tagged, and what its tags are. */
#ifndef TESTS_OPS_SUPPORT_TAGGING_H
#define TESTS_OPS_SUPPORT_TAGGING_H

#include "daemon/accounts.h"
#include "tests/ops/support_object.h"

#define TAGGING(tags) "<Tagging><TagSet>" tags "</TagSet></Tagging>"
#define TAG(key, value) "<Tag><Key>" key "</Key><Value>" value "</Value></Tag>"
#define K16 "kkkkkkkkkkkkkkkk"
#define K128 K16 K16 K16 K16 K16 K16 K16 K16

static const struct principal root = {
    .kind = PRINCIPAL_ROOT, .access_key = SPAN("AKIATEST"), .account_id = ROOT_ACCOUNT_ID};

static inline int tagging_setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    world_do(*state, "PUT /bkt/k", "x-amz-meta-a: 1", "hello");
    return 0;
}

/* "key=value key2=value2", in the order shown. */
static inline void assert_tags(struct world *world, const char *path, const char *expected)
{
    char line[256];
    struct buf text CLEANUP(buf_free) = {0};
    snprintf(line, sizeof(line), "GET %s%ctagging", path, strchr(path, '?') != NULL ? '&' : '?');
    REPLY reply = world_send(world, line, NULL, SPAN(""));
    assert_status(reply, 200);
    buf_init(&text, 64 * 1024);
    for (size_t i = 0; i < reply_count(&reply, "Key"); i++) {
        buf_add(&text, i > 0 ? SPAN(" ") : SPAN(""));
        buf_add(&text, reply_element(&reply, "Key", i));
        buf_add_char(&text, '=');
        buf_add(&text, reply_element(&reply, "Value", i));
    }
    assert_span(buf_span(&text), expected);
}

#endif
