/* header_write: folding, encoded words, phrases, parameters, dates; and that a field stays one
 * field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "mapping/mime/header_write.h"

static void check_text(const char *text, const char *want)
{
    struct buf out;

    buf_init(&out, 1 << 16);
    header_text(&out, "Subject", text);
    assert_false(buf_failed(&out));
    assert_string_equal(out.data, want);
    buf_clear(&out);
}

static void plain_text(void **state)
{
    (void)state;
    check_text("O Romeo", "Subject: O Romeo\r\n");
    check_text("  two  spaces  ", "Subject: two  spaces\r\n");
    check_text("", "Subject:\r\n");
    check_text(
        "But soft! What light through yonder window breaks? It is the east, and Juliet is the sun",
        "Subject: But soft! What light through yonder window breaks? It is the east,\r\n"
        " and Juliet is the sun\r\n");
}

static void injection_is_text(void **state)
{
    (void)state;
    check_text("a\r\nBcc: all@example.org", "Subject: a  Bcc: all@example.org\r\n");
    check_text("a\nb\tc\x7f\x01"
               "d",
               "Subject: a b c  d\r\n");
}

static void encoded_words(void **state)
{
    (void)state;
    check_text("Gr\xc3\xbc\xc3\x9f"
               "e aus Verona",
               "Subject: =?utf-8?B?R3LDvMOfZQ==?= aus Verona\r\n");
    check_text("Re: \xc3\x9c"
               "ber den Balkon",
               "Subject: Re: =?utf-8?Q?=C3=9Cber?= den Balkon\r\n");
    check_text("=?utf-8?Q?forged?=", "Subject: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fforged=3F=3D?=\r\n");
    check_text("\xd0\xaf \xd0\xb2\xd0\xb0\xd1\x81 \xd0\xbb\xd1\x8e\xd0\xb1\xd0\xb8\xd0\xbb: "
               "\xd0\xbb\xd1\x8e\xd0\xb1\xd0\xbe\xd0\xb2\xd1\x8c \xd0\xb5\xd1\x89\xd0\xb5, "
               "\xd0\xb1\xd1\x8b\xd1\x82\xd1\x8c \xd0\xbc\xd0\xbe\xd0\xb6\xd0\xb5\xd1\x82",
               "Subject: =?utf-8?B?0K8g0LLQsNGBINC70Y7QsdC40Ls6INC70Y7QsdC+0LLRjCDQtdGJ?=\r\n"
               " =?utf-8?B?0LUsINCx0YvRgtGMINC80L7QttC10YI=?=\r\n");
}

/* The lines of out stay within limit, and none but the first starts without a space. */
static void check_lines(const struct buf *out, size_t limit)
{
    size_t i, start = 0;

    for (i = 0; i + 1 < out->len; i++) {
        if (out->data[i] == '\n')
            fail_msg("bare LF at %zu", i);
        if (out->data[i] != '\r')
            continue;
        assert_int_equal(out->data[i + 1], '\n');
        assert_true(i - start <= limit);
        assert_true(start == 0 || out->data[start] == ' ');
        assert_true(out->data[i - 1] != ' ');
        start = i + 2;
        i++;
    }
    assert_int_equal(start, out->len);
}

static void long_values_are_cut_and_folded(void **state)
{
    static const char *const units[] = {"x",    "\xc3\xa4", "\xf0\x9f\x8c\xb9", "word ", "\xff",
                                        "\x80", "= ?"};
    char text[6000];
    size_t u, i;

    (void)state;
    for (u = 0; u < sizeof units / sizeof *units; u++) {
        struct buf out;
        size_t n = strlen(units[u]);

        for (i = 0; i + n < sizeof text; i += n)
            memcpy(text + i, units[u], n);
        text[i] = '\0';
        buf_init(&out, 1 << 16);
        header_text(&out, "Subject", text);
        assert_false(buf_failed(&out));
        check_lines(&out, 78);
        assert_true(out.len > 1000 && out.len < 8000);
        buf_clear(&out);
    }
}

static void long_plain_word(void **state)
{
    char text[500];
    struct buf out;

    (void)state;
    memset(text, 'x', sizeof text);
    text[400] = '\0';
    buf_init(&out, 1 << 16);
    header_text(&out, "Subject", text);
    assert_int_equal(out.len, strlen("Subject: ") + 400 + 2);
    buf_clear(&out);
}

static void check_mailbox(const char *name, const char *local, const char *want)
{
    struct addr mail = {local, "example.org"};
    struct buf out;
    struct header h;

    buf_init(&out, 1 << 16);
    header_begin(&h, &out, "To");
    header_mailbox(&h, name, &mail, false);
    header_end(&h);
    assert_false(buf_failed(&out));
    check_lines(&out, 998);
    assert_string_equal(out.data, want);
    buf_clear(&out);
}

static void mailboxes(void **state)
{
    (void)state;
    check_mailbox(NULL, "romeo", "To: romeo@example.org\r\n");
    check_mailbox("", "romeo", "To: romeo@example.org\r\n");
    check_mailbox("\r\n ", "romeo", "To: romeo@example.org\r\n");
    check_mailbox("Romeo Montague", "romeo", "To: Romeo Montague <romeo@example.org>\r\n");
    check_mailbox("R. Montague", "romeo", "To: \"R. Montague\" <romeo@example.org>\r\n");
    check_mailbox("\"Ro\\meo\"", "romeo", "To: \"\\\"Ro\\\\meo\\\"\" <romeo@example.org>\r\n");
    check_mailbox("Rom\xc3\xa9o, M.", "romeo",
                  "To: =?utf-8?Q?Rom=C3=A9o=2C_M=2E?= <romeo@example.org>\r\n");
    check_mailbox("=?utf-8?Q?x?=", "romeo",
                  "To: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?= <romeo@example.org>\r\n");
    check_mailbox("a <x@y>, b\r\nTo: z", "romeo",
                  "To: \"a <x@y>, b  To: z\" <romeo@example.org>\r\n");
    check_mailbox(NULL, "ro meo", "To: \"ro meo\"@example.org\r\n");
}

static void many_mailboxes(void **state)
{
    struct addr mail = {"romeo", "example.org"};
    struct buf out;
    struct header h;
    int i;

    (void)state;
    buf_init(&out, 1 << 16);
    header_begin(&h, &out, "To");
    for (i = 0; i < 5; i++)
        header_mailbox(&h, i == 2 ? "Romeo" : NULL, &mail, i < 4);
    header_end(&h);
    assert_string_equal(out.data,
                        "To: romeo@example.org, romeo@example.org, Romeo <romeo@example.org>,\r\n"
                        " romeo@example.org, romeo@example.org\r\n");
    buf_clear(&out);
}

static void check_parameter(const char *value, const char *want)
{
    struct buf out;
    struct header h;

    buf_init(&out, 1 << 16);
    header_begin(&h, &out, "X");
    header_word(&h, "attachment");
    header_parameter(&h, "filename", value);
    header_end(&h);
    check_lines(&out, 80);
    assert_string_equal(out.data, want);
    buf_clear(&out);
}

static void parameters(void **state)
{
    (void)state;
    check_parameter("a.txt", "X: attachment; filename=a.txt\r\n");
    check_parameter("a b.txt", "X: attachment; filename=\"a b.txt\"\r\n");
    check_parameter("a\r\n\"b", "X: attachment; filename*=utf-8''a%20%20%22b\r\n");
    check_parameter("r\xc3\xb6sli.png", "X: attachment; filename*=utf-8''r%C3%B6sli.png\r\n");
    check_parameter("\xd0\xbb\xd1\x8e\xd0\xb1\xd0\xbe\xd0\xb2\xd1\x8c \xd0\xb5\xd1\x89\xd0\xb5.png",
                    "X: attachment;\r\n"
                    " filename*0*=utf-8''%D0%BB%D1%8E%D0%B1%D0%BE%D0%B2%D1%8C%20%D0%B5;\r\n"
                    " filename*1*=%D1%89%D0%B5.png\r\n");
}

static void dates(void **state)
{
    static const struct {
        int64_t t;
        const char *want;
    } rows[] = {
        {1790000000, "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"},
        {0, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"},
        {-5, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"},
        {INT64_MAX, "Date: Fri, 31 Dec 9999 23:59:59 +0000\r\n"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out;

        buf_init(&out, 1000);
        header_date(&out, "Date", rows[i].t);
        assert_string_equal(out.data, rows[i].want);
        buf_clear(&out);
    }
}

static void message_ids(void **state)
{
    char long_id[HEADER_ID_MAX + 10];
    struct buf out;
    struct header h;

    (void)state;
    assert_true(header_is_message_id("a@b"));
    assert_false(header_is_message_id(""));
    assert_false(header_is_message_id("a b"));
    assert_false(header_is_message_id("a>b"));
    assert_false(header_is_message_id("a\r\nb"));
    assert_false(header_is_message_id("\xc3\xa4@b"));
    memset(long_id, 'x', sizeof long_id);
    long_id[HEADER_ID_MAX - 2] = '\0';
    assert_true(header_is_message_id(long_id));
    long_id[HEADER_ID_MAX - 2] = 'x';
    long_id[HEADER_ID_MAX - 1] = '\0';
    assert_false(header_is_message_id(long_id));
    buf_init(&out, 1000);
    header_begin(&h, &out, "References");
    header_message_id(&h, "a@b");
    header_message_id(&h, "bad one");
    header_message_id(&h, "c@d");
    header_word(&h, "x\ny");
    header_end(&h);
    assert_string_equal(out.data, "References: <a@b> <c@d>\r\n");
    buf_clear(&out);
}

static void clips_between_characters(void **state)
{
    (void)state;
    assert_int_equal(header_clip("abc", 5), 3);
    assert_int_equal(header_clip("abc", 3), 3);
    assert_int_equal(header_clip("abc", 2), 2);
    assert_int_equal(header_clip("a\xc3\xa4", 2), 1);
    assert_int_equal(header_clip("\xf0\x9f\x8c\xb9", 3), 0);
}

static void a_full_buffer_is_told(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 20);
    header_text(&out, "Subject", "a subject that does not fit");
    assert_true(buf_failed(&out));
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text),
        cmocka_unit_test(injection_is_text),
        cmocka_unit_test(encoded_words),
        cmocka_unit_test(long_values_are_cut_and_folded),
        cmocka_unit_test(long_plain_word),
        cmocka_unit_test(mailboxes),
        cmocka_unit_test(many_mailboxes),
        cmocka_unit_test(parameters),
        cmocka_unit_test(dates),
        cmocka_unit_test(message_ids),
        cmocka_unit_test(clips_between_characters),
        cmocka_unit_test(a_full_buffer_is_told),
    };

    return cmocka_run_group_tests_name("header_write", tests, NULL, NULL);
}
