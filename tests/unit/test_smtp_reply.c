/*
 * test_smtp_reply: replies in pieces of every size, what is taken from them and what is changed in
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mail/smtp/smtp_reply.h"

static void test_parse(void **state)
{
    static const struct {
        int code;
        const char *words, *enhanced, *text;
    } cases[] = {
        {550, "5.1.1 No such user\r\n", "5.1.1", "No such user"},
        {550, "5.1.1 No such\r\n5.1.1 user\r\n", "5.1.1", "No such user"},
        {550, "5.1.1 No such\r\nuser\r\n", "5.1.1", "No such user"},
        {550, "No such\n5.1.1 user\n", "5.1.1", "No such user"},
        {250, "", "", ""},
        {250, "\r\n", "", ""},
        {250, "2.0.0", "2.0.0", ""},
        {250, "2.0.0\r\n", "2.0.0", ""},
        {250, "  2.10.115   Ok:  queued  \r\n", "2.10.115", "Ok: queued"},
        {550, "5.123.456 x", "5.123.456", "x"},
        {550, "5.1234.1 x", "", "5.1234.1 x"},
        {550, "5.1. x", "", "5.1. x"},
        {550, "5..1 x", "", "5..1 x"},
        {550, "5.1.1x", "", "5.1.1x"},
        {550, "5.7", "", "5.7"},
        {450, "5.1.1 x", "", "5.1.1 x"},
        {550, "3.1.1 x", "", "3.1.1 x"},
        {550, "a\001b\tc\033[1m\177d", "", "a b c [1m d"},
        {550, "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "",
         "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {550, "\xff \xc3", "", "? ?"},
        {550, "\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80", "", "?? ??? ????"},
    };
    struct smtp_reply reply;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        smtp_reply_parse(&reply, cases[i].code, cases[i].words);
        assert_int_equal(reply.code, cases[i].code);
        assert_string_equal(reply.enhanced, cases[i].enhanced);
        assert_string_equal(reply.text, cases[i].text);
    }
}

/* A long text is cut between characters. */
static void test_long_text(void **state)
{
    struct smtp_reply reply;
    char words[2001];
    size_t shift, i;

    (void)state;
    for (shift = 0; shift < 3; shift++) {
        memset(words, 'a', sizeof words);
        for (i = shift; i + 3 < sizeof words; i += 3)
            memcpy(words + i, "\xe2\x82\xac", 3);
        words[sizeof words - 1] = '\0';
        smtp_reply_parse(&reply, 550, words);
        assert_true(strlen(reply.text) > sizeof reply.text - 5);
        assert_int_equal((strlen(reply.text) - shift) % 3, 0);
    }
}

static void feed(struct smtp_replies *r, char *data, size_t len, size_t piece)
{
    size_t at, n;

    for (at = 0; at < len; at += n) {
        n = len - at < piece ? len - at : piece;
        smtp_replies_feed(r, data + at, n);
    }
}

static void test_opening_is_mended(void **state)
{
    static const char in[] =
        "220 CHUNKING host \xff\r\n"
        "250-CHUNKING-host\r\n250-PIPELINING\r\n250- CHUNKING\r\n250-chunking\r\n"
        "250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN\r\n250-AUTH=PLAIN\r\n250-XUSR\r\n"
        "250-XEXCH50 2\r\n250-X-CHUNKING\r\n250-X\xff\r\n250-SIZE 1\r\n250 CHUNKING\r\n";
    static const char out[] =
        "220 CHUNKING host \xff\r\n"
        "250-CHUNKIN--host\r\n250-PIPELINING\r\n250- CHUNKIN-\r\n250-chunkin-\r\n"
        "250-ENHANCEDSTATUSCODE-\r\n250-AUT- PLAIN\r\n250-AUT-=PLAIN\r\n250-XUS-\r\n"
        "250-XEXCH5- 2\r\n250-X-CHUNKING\r\n250-X?\r\n250-SIZE 1\r\n250 CHUNKIN-\r\n";
    struct smtp_replies r;
    char data[sizeof in];
    size_t piece;

    (void)state;
    for (piece = 1; piece < sizeof in; piece++) {
        memcpy(data, in, sizeof in);
        smtp_replies_init(&r);
        feed(&r, data, sizeof in - 1, piece);
        assert_string_equal(data, out);
        assert_int_equal(r.count, 2);
        assert_int_equal(r.last.code, 250);
    }
    memcpy(data, in, sizeof in);
    smtp_replies_init(&r);
    r.hides_pipelining = true;
    feed(&r, data, sizeof in - 1, sizeof in);
    assert_non_null(strstr(data, "250-PIPELININ-\r\n"));
}

static void test_later_replies(void **state)
{
    static const struct {
        const char *in;
        size_t len; /* 0: strlen */
        const char *out;
        unsigned count; /* whole replies in it */
        int code;
        const char *enhanced, *text;
        bool saw_go_ahead;
    } cases[] = {
        {"250\r\n", 0, "250 \n", 1, 250, "", "", false},
        {"354-\r\n354\r\n", 0, "354-\r\n354 \n", 1, 354, "", "", true},
        {"550-5.1.1 a\0b\r\n550-\r\n550 AUTH\r\n", 31, "550-5.1.1 a?b\r\n550-\r\n550 AUTH\r\n", 1,
         550, "5.1.1", "a?b AUTH", false},
        {"nonsense\r\n42\r\n\r\n421 bye\n", 0, "nonsense\r\n42\r\n\r\n421 bye\n", 1, 421, "", "bye",
         false},
        {"250 ok\r\n421 idle\r\n", 0, "250 ok\r\n421 idle\r\n", 2, 421, "", "idle", false},
        {"250 ok", 0, "250 ok", 0, 0, "", "", false},
        {"250-ok\r\n", 0, "250-ok\r\n", 0, 0, "", "", false},
    };
    struct smtp_replies r;
    char data[100];
    size_t i, piece, len;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        len = cases[i].len ? cases[i].len : strlen(cases[i].in);
        for (piece = 1; piece <= len; piece++) {
            memcpy(data, cases[i].in, len);
            smtp_replies_init(&r);
            r.is_opening = false;
            feed(&r, data, len, piece);
            assert_memory_equal(data, cases[i].out, len);
            assert_int_equal(r.count, cases[i].count);
            assert_int_equal(r.last.code, cases[i].code);
            assert_string_equal(r.last.enhanced, cases[i].enhanced);
            assert_string_equal(r.last.text, cases[i].text);
            assert_int_equal(r.saw_go_ahead, cases[i].saw_go_ahead);
        }
    }
}

/* However much comes, what is kept is bounded and well formed. */
static void test_flood(void **state)
{
    struct smtp_replies r;
    char line[] =
        "250-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    char end[] = "250 end\r\n";
    char *long_line = malloc(100000);
    size_t i;

    (void)state;
    if (!long_line)
        abort();
    smtp_replies_init(&r);
    for (i = 0; i < 1000; i++)
        smtp_replies_feed(&r, line, sizeof line - 1);
    smtp_replies_feed(&r, end, sizeof end - 1);
    assert_int_equal(r.count, 1);
    assert_int_equal(strlen(r.last.text), sizeof r.last.text - 1);
    memset(long_line, '5', 100000);
    smtp_replies_feed(&r, long_line, 100000);
    smtp_replies_feed(&r, end + 7, 2);
    smtp_replies_feed(&r, end, sizeof end - 1);
    assert_string_equal(r.last.text, "end");
    free(long_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_opening_is_mended),
        cmocka_unit_test(test_later_replies),
        cmocka_unit_test(test_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
