/*
 * test_send_guard: what is fit for an SMTP engine and what is refused, and why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/send_guard.h"

#define HEAD "Date: d\r\nFrom: f\r\nMessage-ID: <m>\r\n"

static void test_messages(void **state)
{
    static const struct {
        const char *message;
        size_t len;           /* 0: strlen */
        const char *enhanced; /* NULL: fit */
        const char *text;
    } cases[] = {
        {HEAD "\r\n", 0, NULL, NULL},
        {HEAD "\r\nHello\r\n.\r\n..\r\n\r\n", 0, NULL, NULL},
        {HEAD "Subject: a\r\n b\r\n\tc\r\n\r\n", 0, NULL, NULL},
        {"message-id: <m>\r\nfrom:\r\n f\r\nDATE:d\r\nTo: a\r\nCC: b\r\n\r\n", 0, NULL, NULL},
        {HEAD "Received: a\r\nReceived: b\r\nX: 1\r\nX: 2\r\nReturn-Path-Not: a\r\n\r\n", 0, NULL,
         NULL},
        /* a field in the body is none */
        {HEAD "\r\nDate: d\r\nno field\r\n", 0, NULL, NULL},

        {HEAD "\r\na\nb\r\n", 0, "5.6.0", "CRLF"},
        {HEAD "\r\na\rb\r\n", 0, "5.6.0", "CRLF"},
        {HEAD "\r\na\r\r\n", 0, "5.6.0", "CRLF"},
        {HEAD "\r\na\n.\r\n", 0, "5.6.0", "CRLF"},
        {HEAD "\r\na\n\r\n", 0, "5.6.0", "CRLF"},
        {HEAD "\r\na", 0, "5.6.0", "CRLF"},
        {HEAD "\r\na\r", 0, "5.6.0", "CRLF"},
        {HEAD "\r\na\0b\r\n", sizeof HEAD + 7, "5.6.0", "NUL"},
        {HEAD "\r\n\xc3\xa4\r\n", 0, "5.6.3", "8-bit"},
        {HEAD "Subject: \xc3\xa4\r\n\r\n", 0, "5.6.3", "8-bit"},

        {"", 0, "5.6.0", "header"},
        {"\r\n", 0, "5.6.0", "0 Date"},
        {HEAD, 0, "5.6.0", "does not end"},
        {"hello\r\n\r\n", 0, "5.6.0", "no header"},
        {" folded\r\n" HEAD "\r\n", 0, "5.6.0", "no header"},
        {HEAD "no field\r\n\r\n", 0, "5.6.0", "no field"},
        {HEAD "Subject : x\r\n\r\n", 0, "5.6.0", "no field"},
        {HEAD ": x\r\n\r\n", 0, "5.6.0", "no field"},
        {"From: f\r\nMessage-ID: <m>\r\n\r\n", 0, "5.6.0", "0 Date"},
        {"Date: d\r\nMessage-ID: <m>\r\n\r\n", 0, "5.6.0", "0 From"},
        {"Date: d\r\nFrom: f\r\n\r\n", 0, "5.6.0", "0 Message-ID"},
        {HEAD "date: d\r\n\r\n", 0, "5.6.0", "2 Date"},
        {HEAD "Message-Id: <n>\r\n\r\n", 0, "5.6.0", "2 Message-ID"},
        {HEAD "To: a\r\nTO: b\r\n\r\n", 0, "5.6.0", "2 To"},
        {HEAD "Reply-To: a\r\nReply-To: b\r\n\r\n", 0, "5.6.0", "2 Reply-To"},
        {HEAD "Return-Path: <a>\r\n\r\n", 0, "5.6.0", "1 Return-Path"},
        {HEAD "Resent-Reply-To: <a>\r\n\r\n", 0, "5.6.0", "1 Resent-Reply-To"},
    };
    struct send_recipient r[2];
    struct send_job job = {.reverse_path = "", .recipients = r, .recipient_count = 2};
    size_t i, len;
    char *copy;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        len = cases[i].len ? cases[i].len : strlen(cases[i].message);
        /* Exactly as large as it is, so that a read past the end is seen by the sanitizer. */
        copy = malloc(len ? len : 1);
        if (!copy)
            abort();
        memcpy(copy, cases[i].message, len);
        memset(r, 0xff, sizeof r); /* what was there before does not matter */
        r[0].address = r[1].address = "a@b";
        job.message = copy;
        job.message_len = len;
        if (send_guard(&job, false) != (cases[i].enhanced ? 0 : 2))
            fail_msg("message %zu", i);
        free(copy);
        if (!cases[i].enhanced) {
            assert_int_equal(r[1].trouble, SEND_ANSWERED);
            assert_int_equal(r[1].code, 0);
            continue;
        }
        assert_int_equal(r[1].trouble, SEND_UNSENT);
        assert_int_equal(r[1].code, 554);
        assert_string_equal(r[1].enhanced, cases[i].enhanced);
        if (!strstr(r[1].text, cases[i].text))
            fail_msg("message %zu: %s", i, r[1].text);
    }
}

static void test_line_length(void **state)
{
    char message[sizeof HEAD + 1100];
    struct send_recipient r = {.address = "a@b"};
    struct send_job job = {
        .reverse_path = "", .recipients = &r, .recipient_count = 1, .message = message};
    size_t n;

    (void)state;
    for (n = 997; n <= 1000; n++) {
        job.message_len = (size_t)sprintf(message, "%s\r\n%0*d\r\n", HEAD, (int)n, 7);
        assert_int_equal(send_guard(&job, false), n <= 998);
        job.message_len = (size_t)sprintf(message, "X: %0*d\r\n%s\r\n", (int)n - 3, 7, HEAD);
        assert_int_equal(send_guard(&job, false), n <= 998);
    }
    assert_string_equal(r.enhanced, "5.6.0");
}

static void test_addresses(void **state)
{
    static char long_254[255], long_255[256];
    const struct {
        const char *address;
        const char *enhanced; /* as a recipient; NULL: fit */
    } cases[] = {
        {"a@b.example", NULL},
        {"\"a\\\"b\"@b.example", NULL},
        {"a@[127.0.0.1]", NULL},
        {"postmaster", NULL},
        {long_254, NULL},
        {long_255, "5.1.3"},
        {"", "5.1.3"},
        {"a b@c", "5.1.3"},
        {"a@b\r\nRCPT TO:<c@d>", "5.1.3"},
        {"a@b\n", "5.1.3"},
        {"a@b\r", "5.1.3"},
        {"a\t@b", "5.1.3"},
        {"a\x7f@b", "5.1.3"},
        {"a\x01@b", "5.1.3"},
        {"<a@b", "5.1.3"},
        {"a@b>", "5.1.3"},
        {"\xc3\xa4@b", "5.6.7"},
        {"a@\xff", "5.6.7"},
    };
    struct send_recipient r[2];
    struct send_job job = {.recipients = r,
                           .recipient_count = 2,
                           .message = HEAD "\r\n",
                           .message_len = sizeof HEAD + 1};
    size_t i;

    (void)state;
    memset(long_254, 'a', 254);
    memset(long_255, 'a', 255);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        job.reverse_path = "";
        r[0].address = "fit@b.example";
        r[1].address = cases[i].address;
        assert_int_equal(send_guard(&job, false), cases[i].enhanced ? 1 : 2);
        assert_int_equal(r[0].trouble, SEND_ANSWERED);
        assert_int_equal(r[1].trouble, cases[i].enhanced ? SEND_UNSENT : SEND_ANSWERED);
        assert_int_equal(r[1].code, cases[i].enhanced ? 553 : 0);
        assert_string_equal(r[1].enhanced, cases[i].enhanced ? cases[i].enhanced : "");

        job.reverse_path = cases[i].address;
        r[1].address = "fit@b.example";
        if (!cases[i].enhanced || !cases[i].address[0]) {
            assert_int_equal(send_guard(&job, false), 2);
            continue;
        }
        assert_int_equal(send_guard(&job, false), 0);
        assert_int_equal(r[0].trouble, SEND_UNSENT);
        assert_string_equal(r[0].enhanced,
                            strcmp(cases[i].enhanced, "5.6.7") == 0 ? "5.6.7" : "5.1.7");
    }
}

static void test_too_many_recipients(void **state)
{
    static struct send_recipient r[101];
    struct send_job job = {.reverse_path = "",
                           .recipients = r,
                           .recipient_count = 101,
                           .message = HEAD "\r\n",
                           .message_len = sizeof HEAD + 1};
    size_t i;

    (void)state;
    for (i = 0; i < 101; i++)
        r[i].address = "a@b";
    assert_int_equal(send_guard(&job, false), 100);
    assert_int_equal(r[99].trouble, SEND_ANSWERED);
    assert_int_equal(r[100].trouble, SEND_UNSENT);
    assert_int_equal(r[100].code, 452);
}

static void test_answering_the_rest(void **state)
{
    struct send_recipient r[3] = {{.address = "a"}, {.address = "b"}, {.address = "c"}};
    struct send_job job = {.recipients = r, .recipient_count = 3};

    (void)state;
    send_answer(&r[0], SEND_ANSWERED, 250, "2.0.0", "fine");
    send_answer(&r[1], SEND_UNSENT, 0, "", "odd");
    send_answer_rest(&job, SEND_TIMEOUT, 0, "", "late");
    assert_int_equal(r[0].trouble, SEND_ANSWERED);
    assert_string_equal(r[0].text, "fine");
    assert_int_equal(r[1].trouble, SEND_UNSENT);
    assert_int_equal(r[2].trouble, SEND_TIMEOUT);
    assert_string_equal(r[2].text, "late");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),           cmocka_unit_test(test_line_length),
        cmocka_unit_test(test_addresses),          cmocka_unit_test(test_too_many_recipients),
        cmocka_unit_test(test_answering_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
