/* rate: so many at once, as many more in an hour, for each by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "bridge/rate.h"

static struct rate *rate;
static int64_t now = 1790000000000;

static int64_t take(const char *who, unsigned n, int64_t per_hour)
{
    return rate_take(rate, "user", who, n, per_hour, now);
}

static int set_up(void **state)
{
    struct err e;

    (void)state;
    rate = rate_new(&e);
    return rate ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rate_free(rate);
    return 0;
}

static void so_many_and_no_more(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 60; i++)
        assert_int_equal(take("juliet", 1, 60), 0);
    assert_int_equal(take("juliet", 1, 60), 60);
    assert_int_equal(take("juliet", 3, 60), 180);
    assert_int_equal(take("romeo", 60, 60), 0); /* another's is their own */
    assert_int_equal(rate_take(rate, "recipient", "juliet", 60, 60, now), 0);
    now += 59999;
    assert_int_equal(take("juliet", 1, 60), 1);
    now += 1;
    assert_int_equal(take("juliet", 1, 60), 0);
    assert_int_equal(take("juliet", 1, 60), 60);
    now += 3600 * 1000;
    assert_int_equal(take("juliet", 60, 60), 0);
}

static void edges(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 1000; i++)
        assert_int_equal(take("juliet", 1, 0), 0); /* no limit */
    assert_true(take("juliet", 61, 60) > 0);       /* never */
    assert_int_equal(take("juliet", 60, 60), 0);   /* and nothing was taken */
    now -= 86400 * 1000;                           /* the clock is set back */
    assert_int_equal(take("juliet", 1, 60), 60);
}

/* What is ahead of its time has each a time of its own, and none waits for ever. */
static void each_has_its_time(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 60; i++)
        assert_int_equal(rate_reserve(rate, "mailbox", "nurse", 60, now), 0);
    for (i = 1; i <= 24 * 60; i++)
        assert_int_equal(rate_reserve(rate, "mailbox", "nurse", 60, now), i * 60);
    for (i = 0; i < 100; i++)
        assert_int_equal(rate_reserve(rate, "mailbox", "nurse", 60, now), 86400);
    assert_int_equal(rate_reserve(rate, "mailbox", "peter", 60, now), 0);
    assert_int_equal(rate_reserve(rate, "mailbox", "nurse", 0, now), 0);
    now -= 86400 * 1000; /* the clock is set back */
    assert_int_equal(rate_reserve(rate, "mailbox", "nurse", 60, now), 86400);
    now += 2 * 86400 * 1000;
    assert_int_equal(rate_reserve(rate, "mailbox", "nurse", 60, now), 0);
}

/* More people than places: those who owe most are not forgotten. */
static void a_crowd(void **state)
{
    char name[20];
    int i;

    (void)state;
    assert_int_equal(take("mercutio", 60, 60), 0);
    for (i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "guest%d", i);
        assert_int_equal(take(name, 1, 60), 0);
    }
    assert_true(take("mercutio", 1, 60) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(so_many_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(edges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_has_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crowd, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
