/* report_read, bounce_text: delivery reports by the book and in many words; mail that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/conf.h"
#include "mapping/report/bounce_text.h"
#include "mapping/mime/mime_read.h"

static struct conf *conf;
static struct address_map *map;
static struct context ctx;
static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    conf = conf_sample(NULL);
    map = address_map_new(conf, NULL);
    ctx.map = map;
    ctx.cut_quotes = true;
    arena = arena_new((size_t)1 << 26);
    return map && arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    address_map_free(map);
    conf_free(conf);
    return 0;
}

static const struct report *read_report(const char *mail)
{
    char *exact = malloc(strlen(mail));
    struct letter *l = NULL;
    struct err e = {0};

    assert_non_null(exact);
    memcpy(exact, mail, strlen(mail));
    assert_int_equal(mime_read(&ctx, arena, exact, strlen(mail), NULL, &l, &e), 0);
    free(exact);
    return l->report;
}

static const char dsn_head[] =
    "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.com\r\nTo: b+1@mail.example.org\r\n"
    "Subject: Undelivered Mail\r\nContent-Type: multipart/report; report-type=delivery-status; "
    "boundary=r\r\n\r\n"
    "--r\r\n\r\nSorry.\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\n";
static const char dsn_tail[] = "\r\n--r\r\nContent-Type: message/rfc822\r\n\r\n"
                               "From: Juliet <juliet@mail.example.org>\r\nTo: x@y.z\r\n"
                               "Message-ID: <m1@mail.example.org>\r\n\r\nhi\r\n--r--\r\n";

static const struct report *read_status(const char *status)
{
    return read_report(arena_printf(arena, "%s%s%s", dsn_head, status, dsn_tail));
}

static void reads_delivery_status(void **state)
{
    const struct report *r =
        read_status("Reporting-MTA: dns; mx.example.com\r\nOriginal-Envelope-Id: tok+1\r\n\r\n"
                    "Final-Recipient: rfc822; <x@y.z>\r\nAction: failed\r\nStatus: 5.1.1 (bad)\r\n"
                    "Diagnostic-Code: smtp; 550 5.1.1 <x@y.z>:\r\n User unknown\r\n\r\n"
                    "Original-Recipient: rfc822;o@y.z\r\nFinal-Recipient: rfc822;f@y.z\r\n"
                    "Action: Delayed\r\nStatus: 4.4.1\r\nDiagnostic-Code: X-unix; timeout\r\n\r\n"
                    "Final-Recipient: rfc822;x@y.z\r\nAction: failed\r\nStatus: 5.1.1\r\n");
    const struct report_recipient *p = r->recipients;

    (void)state;
    assert_string_equal(r->reporting_mta, "mx.example.com");
    assert_string_equal(r->envelope_id, "tok+1");
    assert_string_equal(r->original_message_id, "m1@mail.example.org");
    assert_string_equal(r->original_from, "juliet@mail.example.org");
    assert_string_equal(p->address, "x@y.z");
    assert_int_equal(p->action, REPORT_FAILED);
    assert_int_equal(p->status.code, 550);
    assert_string_equal(p->status.enhanced, "5.1.1");
    assert_string_equal(p->status.text, "<x@y.z>: User unknown");
    p = p->next;
    assert_string_equal(p->address, "o@y.z");
    assert_int_equal(p->action, REPORT_DELAYED);
    assert_int_equal(p->status.code, 0);
    assert_string_equal(p->status.enhanced, "4.4.1");
    assert_string_equal(p->status.text, "timeout");
    assert_null(p->next); /* the same recipient is told of once */
}

static void reads_every_action(void **state)
{
    static const struct {
        const char *fields;
        enum report_action action;
    } cases[] = {
        {"Action: delivered\r\nStatus: 2.0.0", REPORT_DELIVERED},
        {"Action: relayed\r\nStatus: 2.0.0", REPORT_RELAYED},
        {"Action: expanded", REPORT_EXPANDED},
        {"Action: FAILED (really)", REPORT_FAILED},
        {"Status: 4.2.2", REPORT_DELAYED},
        {"Status: 2.1.5", REPORT_DELIVERED},
        {"Action: nonsense", REPORT_FAILED},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct report *r = read_status(arena_printf(
            arena, "X: y\r\n\r\nFinal-Recipient: rfc822; x@y.z\r\n%s\r\n", cases[i].fields));

        assert_int_equal(r->recipients->action, cases[i].action);
        assert_null(r->recipients->next);
    }
}

static void bears_bad_status(void **state)
{
    const struct report *r;

    (void)state;
    assert_null(read_status("")); /* nobody is named anywhere */
    assert_null(read_status("no fields here\r\nat all\r\n\r\n\r\n"));
    r = read_status("Final-Recipient: rfc822;\r\nStatus: 5\r\nDiagnostic-Code:\r\n");
    assert_string_equal(r->recipients->address, "");
    assert_null(r->recipients->status.enhanced);
    r = read_status("junk\r\nFinal-Recipient: x@y.z\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp;552 "
                    "5.2.2 full\r\n");
    assert_string_equal(r->recipients->address, "x@y.z");
    assert_string_equal(r->recipients->status.enhanced, "5.2.2"); /* the server knows better */
}

static const char original[] =
    "Return-Path: <juliet@mail.example.org>\r\nReceived: from a by b; today\r\n"
    "Message-ID: <m2@mail.example.org>\r\nFrom: juliet@mail.example.org\r\n"
    "To: somebody@else.example\r\n\r\nhello other@else.example\r\n";

static void reads_free_words(void **state)
{
    static const struct {
        const char *header, *text;
        const char *address;
        enum report_action action;
        int code;
        const char *enhanced;
    } cases[] = {
        {"Subject: failure notice", /* qmail */
         "Hi. This is the qmail-send program at mx.example.com.\r\nI'm afraid I wasn't able to "
         "deliver your message.\r\n\r\n"
         "<x@y.example>:\r\n192.0.2.1 does not like recipient.\r\nRemote host said: 550 5.1.1 User "
         "unknown\r\n\r\n"
         "--- Below this line is a copy of the message.\r\n\r\n",
         "x@y.example", REPORT_FAILED, 550, "5.1.1"},
        {"Subject: Mail delivery failed: returning message to sender", /* Exim */
         "This message was created automatically by mail delivery software.\r\n\r\nA message that "
         "you sent could not be "
         "delivered to one or more of its\r\nrecipients. This is a permanent error. The following "
         "address(es) failed:\r\n\r\n"
         "  x@y.example\r\n    SMTP error from remote mail server after RCPT TO:<x@y.example>:\r\n"
         "    host mx.y.example [192.0.2.1]: 554 5.7.1 spam\r\n\r\n"
         "------ This is a copy of the message, including all the headers. ------\r\n\r\n",
         "x@y.example", REPORT_FAILED, 554, "5.7.1"},
        {"Subject: Undelivered Mail Returned to Sender", /* Postfix, the text alone */
         "This is the mail system at host mx.example.com.\r\n\r\nYour message could not be "
         "delivered.\r\n\r\n"
         "For further assistance, please send mail to postmaster@mx.example.com\r\n\r\n"
         "<x@y.example>: host mx.y.example[192.0.2.1] said: 452 4.2.2 Mailbox full\r\n    (in "
         "reply to RCPT TO)\r\n\r\n",
         "x@y.example", REPORT_FAILED, 452, "4.2.2"},
        {"Subject: Warning: message 1abc delayed 24 hours",
         "A message that you sent has not yet been delivered to one or more of its "
         "recipients\r\nafter 24 hours.\r\n\r\n"
         "  x@y.example\r\n\r\nNo action is required on your part. Delivery attempts will continue "
         "for some time.\r\n",
         "x@y.example", REPORT_DELAYED, 0, NULL},
        {"Subject: Undeliverable: hello", /* Exchange */
         "Your message did not reach some or all of the intended recipients.\r\n\r\n      "
         "Subject:\thello\r\n\r\n"
         "The following recipient(s) could not be reached:\r\n\r\n      x@y.example on 4/2/2012 "
         "6:26 PM\r\n"
         "            The e-mail account does not exist at the organization.\r\n",
         "x@y.example", REPORT_FAILED, 0, "5.1.1"},
        {"Subject: Delivery Status Notification (Failure)",
         "Delivery to the following recipient failed permanently:\r\n\r\n     x@y.example\r\n\r\n"
         "Technical details of permanent failure:\r\nThe error was: 550 5.2.1 disabled.\r\n",
         "x@y.example", REPORT_FAILED, 550, "5.2.1"},
        {"Subject: Whatever\r\nX-Failed-Recipients: x@y.example", "Nothing to see here.\r\n",
         "x@y.example", REPORT_FAILED, 0, NULL},
        {"Subject: Undeliverable Mail",
         "Unknown user: x@y.example\r\n\r\nRCPT TO generated following response:\r\n550 "
         "<x@y.example>... no\r\n",
         "x@y.example", REPORT_FAILED, 550, "5.1.1"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct report *r =
            read_report(arena_printf(arena,
                                     "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.com\r\nTo: "
                                     "juliet@mail.example.org\r\n%s\r\n\r\n%s%s",
                                     cases[i].header, cases[i].text, original));

        assert_non_null(r);
        if (!r->recipients || r->recipients->next ||
            strcmp(r->recipients->address, cases[i].address) != 0)
            fprintf(stderr, "case %zu\n", i);
        assert_string_equal(r->recipients->address, cases[i].address);
        assert_null(r->recipients->next);
        assert_int_equal(r->recipients->action, cases[i].action);
        assert_int_equal(r->recipients->status.code, cases[i].code);
        if (cases[i].enhanced)
            assert_string_equal(r->recipients->status.enhanced, cases[i].enhanced);
        else
            assert_null(r->recipients->status.enhanced);
        assert_string_equal(r->original_message_id, "m2@mail.example.org");
        assert_string_equal(r->original_from, "juliet@mail.example.org");
    }
}

static void leaves_other_mail_alone(void **state)
{
    static const char *const mails[] = {
        "From: a@b.c\r\nSubject: hello\r\n\r\nuser unknown x@y.example 550 5.1.1\r\n",
        "From: a@b.c\r\nIn-Reply-To: <x@y>\r\nSubject: Re: failure notice\r\n\r\n"
        "Did x@y.example say why? It could not be delivered to me:\r\nz@y.example\r\n",
        "Return-Path: <>\r\nFrom: a@b.c\r\nSubject: Out of office\r\nAuto-Submitted: "
        "auto-replied\r\n\r\n"
        "I am away. Write to x@y.example.\r\n",
        "From: postmaster@b.c\r\nSubject: meeting\r\n\r\nWrite to x@y.example.\r\n",
        "From: a@b.c\r\nContent-Type: multipart/report; report-type=disposition-notification; "
        "boundary=b\r\n\r\n--b\r\n\r\nread\r\n"
        "--b\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: "
        "rfc822;x@y.z\r\n--b--\r\n",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof mails / sizeof *mails; i++)
        assert_null(read_report(mails[i]));
}

static void reads_status_words(void **state)
{
    static const struct {
        const char *words;
        int code;
        const char *enhanced, *text;
    } cases[] = {
        {"550 5.1.1 no such user", 550, "5.1.1", "no such user"},
        {"550-5.7.26 blocked", 550, "5.7.26", "blocked"},
        {"(#5.1.1)", 0, "5.1.1", NULL},
        {"host 192.5.5.1 said: 451 later", 451, NULL, "later"},
        {"call 1-800-555-1234", 0, NULL, "call 1-800-555-1234"},
        {"mailbox is full", 0, "5.2.2", "mailbox is full"},
        {"", 0, NULL, NULL},
        {"5.1.1.1", 0, NULL, "5.1.1.1"},
        {"599999", 0, NULL, "599999"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct smtp_status s = {0};

        assert_int_equal(bounce_text_status(arena, cases[i].words, strlen(cases[i].words), &s), 0);
        assert_int_equal(s.code, cases[i].code);
        if (cases[i].enhanced)
            assert_string_equal(s.enhanced, cases[i].enhanced);
        else
            assert_null(s.enhanced);
        if (cases[i].text)
            assert_string_equal(s.text, cases[i].text);
        else
            assert_null(s.text);
    }
}

static void bounds_recipients(void **state)
{
    const struct report_recipient *p;
    const struct report *r;
    struct buf mail;
    size_t i, n = 0;

    (void)state;
    buf_init(&mail, 1 << 22);
    buf_adds(&mail,
             "Return-Path: <>\r\nFrom: MAILER-DAEMON@b.c\r\nSubject: failure notice\r\n\r\n");
    for (i = 0; i < 20000; i++)
        buf_printf(&mail, "<u%zu@y.example>: user unknown\r\n", i);
    r = read_report(mail.data);
    for (p = r->recipients; p; p = p->next)
        n++;
    assert_int_equal(n, 100);
    buf_clear(&mail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_delivery_status),   cmocka_unit_test(reads_every_action),
        cmocka_unit_test(bears_bad_status),        cmocka_unit_test(reads_free_words),
        cmocka_unit_test(leaves_other_mail_alone), cmocka_unit_test(reads_status_words),
        cmocka_unit_test(bounds_recipients),
    };

    return cmocka_run_group_tests_name("report_read", tests, set_up, tear_down);
}
