/* lately: who was here a short while ago. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/lately.h"

static void quiet_for_a_while(void **state)
{
    struct lately *l = calloc(1, sizeof *l);

    (void)state;
    assert_false(lately_seen(l, "juliet", 1000, 60));
    assert_true(lately_seen(l, "juliet", 1000, 60));
    assert_true(lately_seen(l, "juliet", 1059, 60));
    assert_false(lately_seen(l, "nurse", 1059, 60));
    assert_false(lately_seen(l, "juliet", 1060, 60)); /* being asked did not make it longer */
    assert_true(lately_seen(l, "juliet", 1061, 60));
    assert_false(lately_seen(l, "juliet", 500, 60)); /* the clock was set back */
    assert_true(lately_seen(l, "juliet", 501, 60));
    free(l);
}

/* However many there are, those who came last are known, but for a few who share a place. */
static void many(void **state)
{
    struct lately *l = calloc(1, sizeof *l);
    unsigned i, known = 0;
    char who[32];

    (void)state;
    for (i = 0; i < 100000; i++) {
        snprintf(who, sizeof who, "user%u@example.org", i);
        assert_false(lately_seen(l, who, 1, 60));
    }
    for (i = 99900; i < 100000; i++) {
        snprintf(who, sizeof who, "user%u@example.org", i);
        known += lately_seen(l, who, 1, 60);
    }
    assert_in_range(known, 80, 100);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_for_a_while),
        cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
