/*
 * test_smtp_lines: replies out of bytes, however they are cut, and what EHLO's answer offers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/smtp/smtp_ehlo.h"
#include "mail/smtp/smtp_lines.h"

/* What comes of the bytes in pieces of this size: "250[text]", and BAD where it ends. */
static void hear(const char *bytes, size_t len, size_t piece, char *out, size_t size)
{
    static struct smtp_lines lines;
    size_t at = 0, used, n = 0;

    smtp_lines_init(&lines);
    out[0] = '\0';
    while (at < len) {
        switch (smtp_lines_feed(&lines, bytes + at, len - at < piece ? len - at : piece, &used)) {
        case SMTP_LINES_REPLY:
            n += (size_t)snprintf(out + n, size - n, "%d[%s]", lines.code, lines.text);
            break;
        case SMTP_LINES_BAD:
            snprintf(out + n, size - n, "BAD");
            return;
        case SMTP_LINES_MORE:
            break;
        }
        at += used;
    }
}

static void test_replies(void **state)
{
    static const struct {
        const char *bytes, *heard;
    } cases[] = {
        {"250 ok\r\n", "250[ok\n]"},
        {"250 ok\n", "250[ok\n]"},
        {"250\r\n", "250[\n]"},
        {"250 \r\n", "250[\n]"},
        {"250-a\r\n250-\r\n250 b\r\n", "250[a\n\nb\n]"},
        {"250-a\r\n250\r\n354 go\r\n", "250[a\n\n]354[go\n]"},
        {"220 a\r\n250 b\r\n25", "220[a\n]250[b\n]"},
        {"250-a\r\n251 b\r\n", "BAD"},
        {"250-a\r\n\r\n", "BAD"},
        {"199 a\r\n", "BAD"},
        {"600 a\r\n", "BAD"},
        {"2500 a\r\n", "BAD"},
        {"25 a\r\n", "BAD"},
        {"250ok\r\n", "BAD"},
        {"HTTP/1.1 400 Bad Request\r\n", "BAD"},
        {"\r\n", "BAD"},
        {"250 a\r\nx\r\n", "250[a\n]BAD"},
    };
    char out[400];
    size_t i, piece;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (piece = 1; piece <= 60; piece++) {
            hear(cases[i].bytes, strlen(cases[i].bytes), piece, out, sizeof out);
            if (strcmp(out, cases[i].heard) != 0)
                fail_msg("case %zu by %zu: %s", i, piece, out);
        }
    hear("250 a\0b\r\n", 9, 9, out, sizeof out);
    assert_string_equal(out, "250[a?b\n]");
}

/* The longest line and the most lines, and one more. */
static void test_limits(void **state)
{
    static char bytes[SMTP_REPLY_MAX * 2], out[8192];
    size_t n = 0, i;

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, "250 ", 4);
    bytes[SMTP_LINE_MAX] = '\n';
    hear(bytes, SMTP_LINE_MAX + 1, sizeof bytes, out, sizeof out);
    assert_int_equal(strncmp(out, "250[xxx", 7), 0);
    bytes[SMTP_LINE_MAX] = 'x';
    bytes[SMTP_LINE_MAX + 1] = '\n';
    hear(bytes, SMTP_LINE_MAX + 2, sizeof bytes, out, sizeof out);
    assert_string_equal(out, "BAD");
    hear(bytes, SMTP_LINE_MAX + 2, 100, out, sizeof out);
    assert_string_equal(out, "BAD");
    for (i = 1; i < SMTP_REPLY_LINES_MAX; i++)
        n += (size_t)sprintf(bytes + n, "250-\r\n");
    sprintf(bytes + n, "250 x\r\n");
    hear(bytes, n + 7, 1000, out, sizeof out);
    assert_int_equal(strncmp(out, "250[", 4), 0);
    sprintf(bytes + n, "250-\r\n250 x\r\n");
    hear(bytes, n + 13, 1000, out, sizeof out);
    assert_string_equal(out, "BAD");
}

static void test_offer(void **state)
{
    static const char text[] = "SIZE PIPELINING greets you\n8bitmime\nSIZE 1000\nDSN\nAUTH PLAIN "
                               "scram-sha-256 X\nAUTH=LOGIN\nDELIVERBY 60\nXCHUNKING\nSMTPUTF8 \n";
    struct smtp_offer o;

    (void)state;
    smtp_ehlo_read(text, &o);
    assert_false(o.has_pipelining); /* the first line is a greeting */
    assert_false(o.has_chunking);
    assert_false(o.has_starttls);
    assert_true(o.has_8bitmime && o.has_dsn && o.has_smtputf8 && o.has_auth && o.has_deliverby);
    assert_true(o.has_size && o.size_max == 1000 && o.by_min_s == 60);
    assert_int_equal(o.mechanisms, SMTP_MECHANISM_PLAIN | SMTP_MECHANISM_SCRAM_SHA_256);
    smtp_ehlo_read("x\nSIZE 99999999999999999999999\nDELIVERBY soon\n", &o);
    assert_true(o.has_size && o.size_max == 0 && o.by_min_s == 0);
    smtp_ehlo_read("", &o);
    assert_false(o.has_size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_offer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
