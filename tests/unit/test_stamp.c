/* stamp: both generations of time stamps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "mapping/stamp.h"

static void reads(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"2002-09-10T23:08:25Z", 1031699305},
        {"2002-09-10T23:08:25.123Z", 1031699305},
        {"2002-09-11T01:08:25+02:00", 1031699305},
        {"2002-09-10T18:38:25-04:30", 1031699305},
        {"20020910T23:08:25", 1031699305},
        {" 2002-09-10T23:08:25Z", 1031699305},
        {"", 0},
        {"yesterday", 0},
        {"2002-09-10", 0},
        {"2002-13-10T23:08:25Z", 0},
        {"2002-09-10T24:08:25Z", 0},
        {"2002-09-10T23:08:25X", 0},
        {"2002-09-10T23:08:25+99:00", 0},
        {"1969-12-31T23:59:59Z", 0},
        {"2002-09-10T23:08:25Zx", 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(stamp_read(rows[i].text), rows[i].want);
}

static void writes(void **state)
{
    char out[STAMP_SIZE];

    (void)state;
    assert_string_equal(stamp_write(1031699305, out), "2002-09-10T23:08:25Z");
    assert_string_equal(stamp_write_old(1031699305, out), "20020910T23:08:25");
    assert_string_equal(stamp_write(INT64_MAX, out), "9999-12-31T23:59:59Z");
    assert_string_equal(stamp_write(-1, out), "1970-01-01T00:00:00Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(writes),
    };

    return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
