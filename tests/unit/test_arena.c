/*
 * arena: alignment, zeroing, pieces that do not overlap, and the maximum.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_pieces(void **state)
{
    enum { N = 600 };
    static unsigned char *pieces[N];
    struct arena *a = arena_new(1 << 24);
    size_t i, j;

    (void)state;
    for (i = 0; i < N; i++) { /* from nothing to several blocks each, large and small in turn */
        size_t size = i % 2 ? i : i * 40;

        pieces[i] = arena_alloc(a, size);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (j = 0; j < size; j++)
            assert_int_equal(pieces[i][j], 0);
        memset(pieces[i], (int)(i & 255), size);
    }
    for (i = 0; i < N; i++)
        for (j = 0; j < (i % 2 ? i : i * 40); j++)
            assert_int_equal(pieces[i][j], i & 255);
    arena_free(a);
    arena_free(NULL);
}

static void test_max(void **state)
{
    struct arena *a = arena_new(1000);
    size_t before;

    (void)state;
    assert_int_equal(arena_used(a), 0);
    assert_null(arena_alloc(a, 1001));
    assert_non_null(arena_alloc(a, 900));
    before = arena_used(a);
    assert_in_range(before, 900, 915);
    assert_null(arena_alloc(a, 200));
    assert_int_equal(arena_used(a), before); /* what was refused takes nothing */
    assert_non_null(arena_alloc(a, 50));
    assert_null(arena_alloc(a, SIZE_MAX));
    arena_free(a);
    a = arena_new(SIZE_MAX);
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 8));
    assert_null(arena_strndup(a, "", SIZE_MAX));
    assert_null(arena_strndup(a, "", SIZE_MAX - 1));
    arena_free(a);
}

static void test_text(void **state)
{
    struct arena *a = arena_new(10000);
    char *p;

    (void)state;
    assert_string_equal(arena_strdup(a, "text"), "text");
    assert_null(arena_strdup(a, NULL));
    p = arena_strndup(a, "a\0bc", 3);
    assert_memory_equal(p, "a\0b", 4);
    assert_string_equal(arena_strndup(a, NULL, 0), "");
    assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    assert_null(arena_printf(a, "%20000d", 1));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_max),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
