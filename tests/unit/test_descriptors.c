/* The limit a process starts with is raised as far as it may be, and never lowered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/resource.h>

#include "base/descriptors.h"

static void test_raise(void **state)
{
    struct rlimit first, limit;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &first), 0);
    assert_true(first.rlim_max > 300);
    limit = (struct rlimit){.rlim_cur = 100, .rlim_max = first.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(descriptors_raise() > 300);
    assert_true(descriptors_limit() > 300);
    getrlimit(RLIMIT_NOFILE, &limit);
    assert_true(limit.rlim_cur > 300);
    assert_int_equal(limit.rlim_max, first.rlim_max);
}

/* Where there is no more to be had, what there is is told. */
static void test_no_more(void **state)
{
    struct rlimit limit = {.rlim_cur = 200, .rlim_max = 300};

    (void)state;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(descriptors_raise(), 300);
    assert_int_equal(descriptors_limit(), 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raise),
        cmocka_unit_test(test_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
