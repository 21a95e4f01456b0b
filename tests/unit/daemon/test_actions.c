/* Does the policy language know every action that an operation is authorized by? A policy could not name it. */
#include "daemon/route.h"
#include "policy.h"

#include <setjmp.h>
#include <stdarg.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void operations_are_known_to_policies(void **state)
{
    (void)state;
    assert_true(ops_count > 40);
    for (size_t i = 0; i < ops_count; i++) {
        const char *name = ops_table[i].action;
        if (name == NULL)
            continue;
        const struct policy_action *action = policy_action_next(span_str(name), NULL);
        if (action == NULL || !span_eq(action->name, span_str(name)) || !action->served)
            fail_msg("%s: %s", ops_table[i].name, name);
        /* Its resource is of the scope of the operation, where the operation has one. */
        if (ops_table[i].scope == TARGET_OBJECT)
            assert_int_equal(action->on, POLICY_ON_OBJECT);
        if (ops_table[i].scope == TARGET_BUCKET && action->on == POLICY_ON_SYSTEM)
            fail_msg("%s: %s is not of a bucket", ops_table[i].name, name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operations_are_known_to_policies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
