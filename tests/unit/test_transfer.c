/* transfer: the choice of an encoding, and what each writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "mapping/mime/transfer.h"

static void check(enum transfer t, const char *text, const char *want)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    transfer_write_text(&out, t, text, strlen(text));
    assert_false(buf_failed(&out));
    assert_string_equal(out.data, want);
    buf_clear(&out);
}

static void chooses(void **state)
{
    static const struct {
        const char *text;
        enum transfer want;
    } rows[] = {
        {"", TRANSFER_7BIT},
        {"plain\ntext\n", TRANSFER_7BIT},
        {"tab\there\r\n", TRANSFER_7BIT},
        {"bell \a\n", TRANSFER_QUOTED_PRINTABLE},
        {"Art thou not Romeo, and a Montague? \xc3\xa4\n", TRANSFER_QUOTED_PRINTABLE},
        {"\xd0\xaf \xd0\xb2\xd0\xb0\xd1\x81\n", TRANSFER_BASE64},
        {"From here\n", TRANSFER_QUOTED_PRINTABLE},
        {"a\r\n.\r\nb\n", TRANSFER_QUOTED_PRINTABLE},
        {"a\n.b\n", TRANSFER_7BIT},
        {"a\r.\rb", TRANSFER_QUOTED_PRINTABLE},
    };
    char line[1200];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(transfer_choose(rows[i].text, strlen(rows[i].text)), rows[i].want);
    memset(line, 'x', sizeof line);
    assert_int_equal(transfer_choose(line, 900), TRANSFER_7BIT);
    assert_int_equal(transfer_choose(line, 901), TRANSFER_QUOTED_PRINTABLE);
    assert_string_equal(transfer_name(TRANSFER_BASE64), "base64");
}

static void ends_every_line_with_crlf(void **state)
{
    (void)state;
    check(TRANSFER_7BIT, "a\nb\rc\r\nd", "a\r\nb\r\nc\r\nd\r\n");
    check(TRANSFER_QUOTED_PRINTABLE, "a\nb\rc\r\n\nd", "a\r\nb\r\nc\r\n\r\nd\r\n");
    check(TRANSFER_BASE64, "a\nb", "YQ0KYg0K\r\n");
    check(TRANSFER_7BIT, "", "");
}

static void writes_quoted_printable(void **state)
{
    (void)state;
    check(TRANSFER_QUOTED_PRINTABLE, "a=b\xc3\xa4 \n", "a=3Db=C3=A4=20\r\n");
    check(TRANSFER_QUOTED_PRINTABLE, "tab\t\n\tx", "tab=09\r\n\tx\r\n");
    check(TRANSFER_QUOTED_PRINTABLE, "From Verona\n.\n..", "=46rom Verona\r\n=2E\r\n..\r\n");
    check(TRANSFER_QUOTED_PRINTABLE, "bell\a nul", "bell=07 nul\r\n");
}

static void breaks_long_lines_softly(void **state)
{
    char text[400], back[400];
    struct buf out;
    size_t i, n = 0, column = 0;

    (void)state;
    for (i = 0; i < sizeof text - 1; i++)
        text[i] = "x=y "[i % 4];
    text[sizeof text - 1] = '\0';
    buf_init(&out, 1 << 16);
    transfer_write_text(&out, TRANSFER_QUOTED_PRINTABLE, text, strlen(text));
    for (i = 0; i < out.len; i++) {
        if (out.data[i] == '\r') {
            assert_true(column <= 76);
            column = 0;
            i++;
            continue;
        }
        column++;
        if (out.data[i] != '=') {
            back[n++] = out.data[i];
        } else if (out.data[i + 1] == '3') {
            back[n++] = '=';
            i += 2;
            column += 2;
        }
    }
    assert_int_equal(n, strlen(text));
    assert_memory_equal(back, text, n);
    buf_clear(&out);
}

/* "From " and a lone dot that a soft break moves to the start of a line are no different. */
static void soft_breaks_make_no_risky_line(void **state)
{
    char text[200];
    size_t at;

    (void)state;
    for (at = 60; at < 90; at++) {
        struct buf out;

        memset(text, 'x', sizeof text);
        memcpy(text + at, "From y", 7);
        buf_init(&out, 1 << 16);
        transfer_write_text(&out, TRANSFER_QUOTED_PRINTABLE, text, strlen(text));
        assert_null(strstr(out.data, "\nFrom "));
        buf_reset(&out);
        memcpy(text + at, ".", 2);
        transfer_write_text(&out, TRANSFER_QUOTED_PRINTABLE, text, strlen(text));
        assert_null(strstr(out.data, "\n.\r\n"));
        buf_clear(&out);
    }
}

static void writes_base64(void **state)
{
    char data[60] = "Romeo, Romeo! wherefore art thou Romeo? Deny thy father and";
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 16);
    transfer_write_bytes(&out, data, 58);
    assert_string_equal(
        out.data,
        "Um9tZW8sIFJvbWVvISB3aGVyZWZvcmUgYXJ0IHRob3UgUm9tZW8/IERlbnkgdGh5IGZhdGhlciBh\r\nbg==\r\n");
    buf_reset(&out);
    transfer_write_bytes(&out, "\0\xff", 2);
    assert_string_equal(out.data, "AP8=\r\n");
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses),
        cmocka_unit_test(ends_every_line_with_crlf),
        cmocka_unit_test(writes_quoted_printable),
        cmocka_unit_test(breaks_long_lines_softly),
        cmocka_unit_test(soft_breaks_make_no_risky_line),
        cmocka_unit_test(writes_base64),
    };

    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
