/* Pairs of texts: found by either side, one to one, also when there are many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "base/pairs.h"

enum { MANY = 5000 };

static void expect(struct pairs *p, const char *left, const char *right)
{
    struct arena *a = arena_new(4096);
    const char *found;

    assert_int_equal(pairs_right_of(p, a, left, &found), 0);
    assert_string_equal(found, right);
    assert_int_equal(pairs_left_of(p, a, right, &found), 0);
    assert_string_equal(found, left);
    arena_free(a);
}

static void expect_none(struct pairs *p, const char *left, const char *right)
{
    struct arena *a = arena_new(4096);
    const char *found;

    if (left) {
        assert_int_equal(pairs_right_of(p, a, left, &found), 0);
        assert_null(found);
    }
    if (right) {
        assert_int_equal(pairs_left_of(p, a, right, &found), 0);
        assert_null(found);
    }
    arena_free(a);
}

static void test_each_is_found_by_the_other(void **state)
{
    struct pairs *p = pairs_new();

    (void)state;
    assert_int_equal(pairs_put(p, "a", "1"), 0);
    assert_int_equal(pairs_put(p, "b", "2"), 0);
    expect(p, "a", "1");
    expect(p, "b", "2");
    expect_none(p, "1", "a");
    expect_none(NULL, "a", "1");
    pairs_free(p);
    pairs_free(NULL);
}

static void test_a_new_pair_parts_the_old_ones(void **state)
{
    struct pairs *p = pairs_new();

    (void)state;
    assert_int_equal(pairs_put(p, "a", "1"), 0);
    assert_int_equal(pairs_put(p, "b", "2"), 0);
    assert_int_equal(pairs_put(p, "a", "2"), 0);
    expect(p, "a", "2");
    expect_none(p, "b", "1");
    assert_int_equal(pairs_put(p, "a", "2"), 0);
    assert_int_equal(pairs_count(p), 1);
    pairs_drop(p, "2");
    pairs_drop(p, "2");
    expect_none(p, "a", "2");
    assert_int_equal(pairs_count(p), 0);
    pairs_free(p);
}

static void number(char *left, char *right, int i)
{
    snprintf(left, 32, "left-%d", i);
    snprintf(right, 32, "right-%d", i);
}

static void put_many(struct pairs *p)
{
    char left[32], right[32];
    int i;

    for (i = 0; i < MANY; i++) {
        number(left, right, i);
        assert_int_equal(pairs_put(p, left, right), 0);
    }
}

static void test_many(void **state)
{
    struct pairs *p = pairs_new();
    char left[32], right[32];
    int i;

    (void)state;
    put_many(p);
    assert_int_equal(pairs_count(p), MANY);
    for (i = 0; i < MANY; i += 2) {
        number(left, right, i);
        pairs_drop(p, right);
    }
    for (i = 0; i < MANY; i++) {
        number(left, right, i);
        if (i % 2)
            expect(p, left, right);
        else
            expect_none(p, left, right);
    }
    pairs_free(p);
}

static void *ask(void *arg)
{
    char left[32], right[32];
    int i;

    for (i = 0; i < MANY; i++) {
        struct arena *a = arena_new(4096);
        const char *found;

        number(left, right, i);
        assert_int_equal(pairs_right_of(arg, a, left, &found), 0);
        if (found)
            assert_string_equal(found, right);
        arena_free(a);
    }
    return NULL;
}

static void test_asked_while_they_change(void **state)
{
    struct pairs *p = pairs_new();
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, ask, p), 0);
    put_many(p);
    pthread_join(thread, NULL);
    assert_int_equal(pairs_count(p), MANY);
    pairs_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_found_by_the_other),
        cmocka_unit_test(test_a_new_pair_parts_the_old_ones),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_asked_while_they_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
