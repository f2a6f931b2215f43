/*
 * Tests of bridge/status/stats: what was counted in which minute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/status/stats.h"

static void minutes_pass(void **state)
{
    struct stats s;

    (void)state;
    stats_init(&s, 6000);
    stats_add(&s, STAT_MAIL_FAILED, 3, 6000);
    stats_add(&s, STAT_MAIL_FAILED, 4, 6059);
    assert_int_equal(stats_last(&s, STAT_MAIL_FAILED, 1, 6059), 7);
    assert_int_equal(stats_last(&s, STAT_MAIL_FAILED, 1, 6060), 0);
    assert_int_equal(stats_last(&s, STAT_MAIL_FAILED, 2, 6060), 7);
    stats_add(&s, STAT_MAIL_FAILED, 1, 6120);
    assert_int_equal(stats_last(&s, STAT_MAIL_FAILED, 60, 6120), 8);
    assert_int_equal(stats_last(&s, STAT_MAIL_FAILED, 60, 6000 + 3600), 1);
    assert_int_equal(stats_last(&s, STAT_MAIL_FAILED, 60, 6000 + 3720), 0);
    assert_int_equal(stats_last(&s, STAT_MAIL_DELIVERED, 60, 6000 + 3720), 0);
    assert_int_equal(s.total[STAT_MAIL_FAILED], 8);
}

/* After a long silence, and when the clock goes back. */
static void clock_jumps(void **state)
{
    struct stats s;

    (void)state;
    stats_init(&s, 0);
    stats_add(&s, STAT_SET_ASIDE, 1, 0);
    assert_int_equal(stats_last(&s, STAT_SET_ASIDE, 60, 0), 1);
    stats_add(&s, STAT_SET_ASIDE, 2, 1000000);
    assert_int_equal(stats_last(&s, STAT_SET_ASIDE, 60, 1000000), 2);
    stats_add(&s, STAT_SET_ASIDE, 4, 10);
    assert_int_equal(stats_last(&s, STAT_SET_ASIDE, 60, 10), 6);
    assert_int_equal(s.total[STAT_SET_ASIDE], 7);
}

static void states_have_a_since(void **state)
{
    struct stats s;

    (void)state;
    stats_init(&s, 100);
    assert_string_not_equal(s.stream_reason, "");
    stats_stream(&s, NULL, 110);
    assert_int_equal(s.stream_since_s, 110);
    assert_string_equal(s.stream_reason, "");
    stats_stream(&s, "reset", 120);
    stats_stream(&s, "refused", 130);
    assert_int_equal(s.stream_since_s, 120);
    assert_string_equal(s.stream_reason, "refused");
    stats_relay(&s, "no route", 140);
    assert_string_equal(s.relay_trouble, "no route");
    stats_relay(&s, NULL, 150);
    assert_string_equal(s.relay_trouble, "");
    assert_int_equal(s.relay_at_s, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minutes_pass),
        cmocka_unit_test(clock_jumps),
        cmocka_unit_test(states_have_a_since),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
