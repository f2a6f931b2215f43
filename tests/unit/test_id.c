/*
 * id: always larger than the one before, whatever the clock does; text and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"

static int64_t fake_ms(void *arg)
{
    return *(int64_t *)arg;
}

static void test_next(void **state)
{
    static const int64_t times[] = {
        1700000000000, 1700000000000, 1700000000001, 1600000000000, 0, -5, 1800000000000};
    int64_t now, last = 0, id;
    struct clock clock = {fake_ms, fake_ms, &now};
    struct id_maker m;
    size_t i;
    int n;

    (void)state;
    id_maker_init(&m, &clock);
    for (i = 0; i < sizeof times / sizeof times[0]; i++) {
        now = times[i];
        for (n = 0; n < 1000; n++) {
            id = id_next(&m);
            assert_true(id > last);
            last = id;
        }
    }
    assert_true(last >> 20 >= 1800000000000);
    id_maker_init(&m, &clock);
    now = 0;
    assert_true(id_next(&m) > 0);
    /* a clock far ahead still leaves ids to count through */
    now = INT64_MAX;
    last = id_next(&m);
    for (n = 0; n < 1000; n++) {
        id = id_next(&m);
        assert_true(id > last);
        last = id;
    }
}

static void test_text(void **state)
{
    static const int64_t ids[] = {1, 31, 32, 0x1234567890abcdef, INT64_MAX};
    char text[ID_TEXT_SIZE], before[ID_TEXT_SIZE] = "";
    size_t i;

    (void)state;
    for (i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_ptr_equal(id_format(ids[i], text), text);
        assert_int_equal(strlen(text), 13);
        assert_true(id_parse(text, 13) == ids[i]);
        assert_true(strcmp(before, text) < 0); /* sorts like the number */
        memcpy(before, text, sizeof text);
    }
    assert_string_equal(id_format(INT64_MAX, text), "7vvvvvvvvvvvv");
    assert_true(id_parse("7VVVVVVVVVVVV", 13) == INT64_MAX);
}

static void test_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "0000000000000",
                                        "8000000000000",
                                        "000000000000w",
                                        "000000000000",
                                        "00000000000001",
                                        "00000000000 1",
                                        "-000000000001"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_true(id_parse(texts[i], (unsigned)strlen(texts[i])) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
