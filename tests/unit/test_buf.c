/*
 * buf: growth, the maximum, sticky failure, searching.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_grow(void **state)
{
    struct buf b;
    int i;

    (void)state;
    buf_init(&b, 100000);
    assert_string_equal(b.data, "");
    for (i = 0; i < 10000; i++)
        assert_int_equal(buf_printf(&b, "%04d", i), 0);
    assert_int_equal(b.len, 40000);
    assert_memory_equal(b.data + 4 * 1234, "1234", 4);
    assert_int_equal(b.data[b.len], 0);
    buf_clear(&b);
    assert_string_equal(b.data, "");
    assert_int_equal(buf_addc(&b, 'x'), 0); /* usable again */
    assert_string_equal(b.data, "x");
    buf_clear(&b);
}

static void test_max_is_sticky(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    assert_int_equal(buf_adds(&b, "12345"), 0);
    assert_false(buf_failed(&b));
    assert_int_equal(buf_addc(&b, '6'), -1);
    assert_true(buf_failed(&b));
    assert_string_equal(b.data, "12345");
    assert_int_equal(buf_add(&b, "", 0), -1);
    assert_int_equal(buf_printf(&b, "%s", ""), -1);
    assert_null(buf_detach(&b, NULL));
    assert_false(buf_failed(&b)); /* empty and usable after */
    assert_int_equal(buf_printf(&b, "%d", 123456), -1);
    assert_int_equal(b.len, 0);
    buf_reset(&b);
    assert_int_equal(buf_printf(&b, "%d", 12345), 0);
    assert_string_equal(b.data, "12345");
    buf_clear(&b);
    buf_init(&b, 0);
    assert_int_equal(buf_adds(&b, ""), 0);
    assert_int_equal(buf_addc(&b, 'x'), -1);
    buf_clear(&b);
}

static void test_consume_truncate(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_consume(&b, 5); /* of nothing */
    buf_truncate(&b, 5);
    assert_string_equal(b.data, "");
    buf_adds(&b, "hello world");
    buf_consume(&b, 6);
    assert_string_equal(b.data, "world");
    buf_truncate(&b, 10);
    assert_int_equal(b.len, 5);
    buf_truncate(&b, 3);
    assert_string_equal(b.data, "wor");
    buf_consume(&b, 3);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    buf_clear(&b);
}

static void test_detach(void **state)
{
    struct buf b;
    size_t len = 9;
    char *text;

    (void)state;
    buf_init(&b, 100);
    text = buf_detach(&b, &len);
    assert_string_equal(text, "");
    assert_int_equal(len, 0);
    free(text);
    buf_add(&b, "a\0b", 3);
    text = buf_detach(&b, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 4);
    assert_int_equal(b.len, 0);
    buf_adds(&b, "new");
    assert_memory_equal(text, "a\0b", 4);
    free(text);
    buf_clear(&b);
}

static void test_find(void **state)
{
    static const char hay[] = "aab\0aaab";

    (void)state;
    assert_ptr_equal(buf_find(hay, 8, "aab", 3), hay);
    assert_ptr_equal(buf_find(hay, 8, "aaab", 4), hay + 4);
    assert_ptr_equal(buf_find(hay, 8, "\0a", 2), hay + 3);
    assert_ptr_equal(buf_find(hay, 8, "", 0), hay);
    assert_ptr_equal(buf_find(hay, 8, hay, 8), hay);
    assert_null(buf_find(hay, 7, "aaab", 4)); /* never past the end */
    assert_null(buf_find(hay, 2, "aab", 3));
    assert_null(buf_find(hay, 0, "a", 1));
    assert_null(buf_find(hay, 8, "c", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_max_is_sticky),
        cmocka_unit_test(test_consume_truncate),
        cmocka_unit_test(test_detach),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
