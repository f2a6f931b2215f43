/* flowed: writing soft-broken lines, reading them back, and the one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "mapping/text/flowed.h"

static void check_write(const char *text, const char *want)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    flowed_write(&out, text);
    assert_false(buf_failed(&out));
    assert_string_equal(out.data, want);
    buf_clear(&out);
}

static void check_read(const char *flowed, bool del_sp, const char *want)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    flowed_read(&out, flowed, strlen(flowed), del_sp);
    assert_false(buf_failed(&out));
    assert_string_equal(out.data, want);
    buf_clear(&out);
}

static void writes_short_lines_as_they_are(void **state)
{
    (void)state;
    check_write("", "");
    check_write("O Romeo", "O Romeo\n");
    check_write("a\n\nb\n", "a\n\nb\n");
    check_write("end   \n   \n", "end\n\n");
}

static void writes_soft_breaks(void **state)
{
    (void)state;
    check_write(
        "It was the nightingale, and not the lark, that pierced the fearful hollow of thine ear; "
        "nightly she sings on yon pomegranate tree.",
        "It was the nightingale, and not the lark, that pierced the fearful hollow of \n"
        "thine ear; nightly she sings on yon pomegranate tree.\n");
    check_write(
        "> It was the nightingale, and not the lark, that pierced the fearful hollow of thine",
        "> It was the nightingale, and not the lark, that pierced the fearful hollow \n"
        "> of thine\n");
    /* A word with no space in it stays whole: a link must not be broken. */
    check_write(
        "see https://example.org/a/very/long/path/which/does/not/fit/on/one/line/of/seventy/eight/"
        "characters ok",
        "see \n"
        "https://example.org/a/very/long/path/which/does/not/fit/on/one/line/of/seventy/eight/"
        "characters \nok\n");
}

static void stuffs_what_would_be_misread(void **state)
{
    (void)state;
    check_write("From here", " From here\n");
    check_write("From: here", "From: here\n");
    check_write(" indented", "  indented\n");
    check_write(">:(", " >:(\n");
    check_write(">>>prompt", " >>>prompt\n");
    check_write(".", " .\n");
    check_write(". x", ". x\n");
    check_write("> From you", "> From you\n");
    check_write(">\n", ">\n");
    check_write("> > deep", ">> deep\n");
    check_write(">> deep", ">> deep\n");
    check_write("> >:(", "> >:(\n");
}

static void keeps_the_signature_line(void **state)
{
    char text[256];

    (void)state;
    check_write("bye\n-- \nRomeo", "bye\n-- \nRomeo\n");
    check_write("bye\n--\nRomeo", "bye\n--\nRomeo\n");
    /* Dashes before a long word must not become one. */
    memset(text, 'x', sizeof text);
    memcpy(text, "-- ", 3);
    text[120] = '\0';
    {
        char want[256];

        memcpy(want, text, 120);
        memcpy(want + 120, "\n", 2);
        check_write(text, want);
    }
}

static void lines_stay_short(void **state)
{
    struct buf text, out;
    size_t i, start = 0;

    (void)state;
    buf_init(&text, 1 << 16);
    buf_init(&out, 1 << 20);
    buf_adds(&text, "> > > ");
    for (i = 0; i < 400; i++)
        buf_adds(&text, i % 3 ? "wherefore " : "From ");
    flowed_write(&out, text.data);
    for (i = 0; i < out.len; i++)
        if (out.data[i] == '\n') {
            assert_true(i - start <= 78);
            assert_memory_equal(out.data + start, ">>> ", 4);
            start = i + 1;
        }
    assert_true(start > 2000);
    buf_clear(&text);
    buf_clear(&out);
}

static void many_quote_marks_cost_little(void **state)
{
    struct buf text, out;
    size_t i;

    (void)state;
    buf_init(&text, 1 << 20);
    buf_init(&out, 1 << 20);
    for (i = 0; i < 50000; i++)
        buf_adds(&text, "> ");
    for (i = 0; i < 10000; i++)
        buf_adds(&text, "word ");
    flowed_write(&out, text.data);
    assert_false(buf_failed(&out)); /* 1 MiB is enough for 150 kB */
    buf_clear(&text);
    buf_clear(&out);
}

static void reads(void **state)
{
    (void)state;
    check_read("", false, "");
    check_read("one \r\ntwo\r\nthree\r\n", false, "one two\nthree\n");
    check_read("one \ntwo", false, "one two\n");
    check_read(" From here\n >x\n", false, "From here\n>x\n");
    check_read("> a \n> b\n>> c\nd\n", false, "> a b\n> > c\nd\n");
    /* A flowed line before another depth ends there. */
    check_read("> a \nb \n> c\n", false, "> a\nb\n> c\n");
    check_read("text \n-- \nRomeo\n", false, "text\n-- \nRomeo\n");
    check_read("> text \n> -- \n> Romeo\n", false, "> text\n> -- \n> Romeo\n");
    check_read(">\n", false, ">\n");
    check_read("a \n\nb\n", false, "a\n\nb\n");
    check_read("trailing ", false, "trailing\n");
}

static void reads_delsp(void **state)
{
    (void)state;
    check_read("long \nword\n", true, "longword\n");
    check_read("two  \nwords\n", true, "two words\n");
    check_read("\xe6\x97\xa5 \n\xe6\x9c\xac\n", true, "\xe6\x97\xa5\xe6\x9c\xac\n");
}

static void comes_back(void **state)
{
    static const char *const texts[] = {
        "plain\n",
        "a\n\n\nb\n",
        "> quoted\n> > twice\nanswer\n",
        "From x\n>:(\n.\n  two spaces\n",
        "bye\n-- \nme\n",
        "But soft! What light through yonder window breaks?  It is the east, and Juliet is the "
        "sun.  "
        "Arise, fair sun, and kill the envious moon, who is already sick and pale with grief\n",
        "> But soft! What light through yonder window breaks? It is the east, and Juliet is the "
        "sun. So\n",
        "-- "
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxx\n",
        "\xd0\xaf \xd0\xb2\xd0\xb0\xd1\x81 \xd0\xbb\xd1\x8e\xd0\xb1\xd0\xb8\xd0\xbb\n",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf out;

        buf_init(&out, 1 << 16);
        flowed_write(&out, texts[i]);
        check_read(out.data, false, texts[i]);
        buf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_short_lines_as_they_are),
        cmocka_unit_test(writes_soft_breaks),
        cmocka_unit_test(stuffs_what_would_be_misread),
        cmocka_unit_test(keeps_the_signature_line),
        cmocka_unit_test(lines_stay_short),
        cmocka_unit_test(many_quote_marks_cost_little),
        cmocka_unit_test(reads),
        cmocka_unit_test(reads_delsp),
        cmocka_unit_test(comes_back),
    };

    return cmocka_run_group_tests_name("flowed", tests, NULL, NULL);
}
