/*
 * test_send_own: what only our own client does: extensions that depend on the mail, mails that
 * follow each other closely, many connections, and relays that are cut off or talk without end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/fake/send_stage.h"

#define WIDE_PERSON "j\xc3\xbcrgen@x.example"
#define UTF8_HEAD   MESSAGE_HEAD "Subject: gr\xc3\xbc\xc3\x9f dich\r\n\r\nHello\r\n"
#define SMALL       "Date: x\r\nFrom: y\r\nMessage-ID: z\r\n\r\n"
#define WIDE_BODY   MESSAGE_HEAD "\r\nGr\xfc\xdf dich\r\n"

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* ---- what the mail needs and the relay has ---- */

struct need {
    const char *name, *offer, *reverse_path, *recipient, *message;
    const char *enhanced; /* of the refusal before anything is sent; NULL: delivered */
    const char *params;   /* behind MAIL FROM:<...>, where delivered */
};

static const struct need needs[] = {
    {"nothing", "SMTPUTF8\n8BITMIME\n", "a@b.example", "c@x.example", MESSAGE, NULL, ""},
    {"recipient", "SMTPUTF8\n8BITMIME\n", "a@b.example", WIDE_PERSON, MESSAGE, NULL, " SMTPUTF8"},
    {"sender", "SMTPUTF8\n8BITMIME\n", WIDE_PERSON, "c@x.example", MESSAGE, NULL, " SMTPUTF8"},
    {"header", "SMTPUTF8\n8BITMIME\n", "a@b.example", "c@x.example", UTF8_HEAD, NULL, " SMTPUTF8"},
    {"body", "SMTPUTF8\n8BITMIME\n", "a@b.example", "c@x.example", WIDE_BODY, NULL,
     " BODY=8BITMIME"},
    {"recipient, not offered", "8BITMIME\n", "a@b.example", WIDE_PERSON, MESSAGE, "5.6.7", NULL},
    {"sender, not offered", "8BITMIME\n", WIDE_PERSON, "c@x.example", MESSAGE, "5.6.7", NULL},
    {"header, not offered", "8BITMIME\n", "a@b.example", "c@x.example", UTF8_HEAD, "5.6.7", NULL},
    {"body, not offered", "SMTPUTF8\n", "a@b.example", "c@x.example", WIDE_BODY, "5.6.3", NULL},
    {"too large", "SIZE 100\n", "a@b.example", "c@x.example", MESSAGE, "5.3.4", NULL},
    {"no limit", "SIZE 0\n", "", "c@x.example", SMALL, NULL, " SIZE=35"},
    {"no address at all", "SMTPUTF8\n", "a@b.example", "\xff@x.example", MESSAGE, "5.1.3", NULL},
    {"no UTF-8 in the header", "SMTPUTF8\n8BITMIME\n", "a@b.example", "c@x.example",
     "X: \xff\r\n" MESSAGE, "5.6.0", NULL},
};

static void try_need(const struct need *n)
{
    char line[200];
    struct mailing *l, *plain;
    struct stage s;

    stage_open(&s, NULL, n->offer, 1);
    l = mailing_new(&s, n->message, strlen(n->message), 1);
    l->job.reverse_path = n->reverse_path;
    l->recipients[0].address = n->recipient;
    plain = mailing_new(&s, SMALL, sizeof SMALL - 1, 1);
    mailing_submit(l);
    mailing_submit(plain);
    stage_run(&s);
    fake_smtp_stop(s.fake);
    mailing_assert_delivered(plain);
    if (n->enhanced) {
        if (l->recipients[0].trouble != SEND_UNSENT ||
            strcmp(l->recipients[0].enhanced, n->enhanced) != 0)
            fail_msg("%s: trouble %d, %s %s", n->name, (int)l->recipients[0].trouble,
                     l->recipients[0].enhanced, l->recipients[0].text);
        assert_int_equal(fake_smtp_count(s.fake, "MAIL"), 1);
    } else {
        mailing_assert_delivered(l);
        snprintf(line, sizeof line, "MAIL FROM:<%s>%s", n->reverse_path, n->params);
        assert_string_equal(fake_smtp_mail(s.fake, 0)->from, line);
        assert_true(has(fake_smtp_mail(s.fake, 0)->recipients, n->recipient));
    }
    stage_close(&s);
    free(l);
    free(plain);
}

static void test_needs(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof needs / sizeof needs[0]; i++)
        try_need(&needs[i]);
}

/* Of several recipients only those go who can. */
static void test_some_recipients_cannot_be_served(void **state)
{
    struct mailing *l;
    struct stage s;

    (void)state;
    stage_open(&s, NULL, "PIPELINING\n", 1);
    l = mailing_new(&s, MESSAGE, strlen(MESSAGE), 3);
    l->recipients[1].address = WIDE_PERSON;
    mailing_submit(l);
    stage_run(&s);
    assert_int_equal(l->recipients[0].code, 250);
    assert_string_equal(l->recipients[1].enhanced, "5.6.7");
    assert_int_equal(l->recipients[2].code, 250);
    assert_int_equal(fake_smtp_count(s.fake, "RCPT"), 2);
    stage_close(&s);
    free(l);
}

/* RFC 2852, RFC 6533. */
static void test_deadline_and_wide_reports(void **state)
{
    static const struct {
        const char *offer;
        int64_t left_s; /* 0: no deadline */
        bool is_asked;
    } cases[] = {
        {"DELIVERBY\n", 500, true},
        {"DELIVERBY 400\n", 500, true},
        {"DELIVERBY 600\n", 500, false},
        {"DSN\n", 500, false},
        {"DELIVERBY\n", 0, false},
        {"DELIVERBY\n", -5, false},
        {"DELIVERBY\n", 1000000000000, false},
    };
    struct mailing *l;
    struct stage s;
    size_t i;
    char *by;
    long n;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stage_open(&s, NULL, cases[i].offer, 1);
        l = mailing_simple(&s);
        if (cases[i].left_s)
            l->job.deadline_s = clock_wall_s(&clock_system) + cases[i].left_s;
        mailing_submit(l);
        stage_run(&s);
        fake_smtp_stop(s.fake);
        mailing_assert_delivered(l);
        by = strstr(fake_smtp_mail(s.fake, 0)->from, " BY=");
        if ((by != NULL) != cases[i].is_asked)
            fail_msg("case %zu: %s", i, fake_smtp_mail(s.fake, 0)->from);
        if (by) {
            n = strtol(by + 4, &by, 10);
            assert_true(n > 400 && n <= 500);
            assert_string_equal(by, ";R");
        }
        stage_close(&s);
        free(l);
    }
    stage_open(&s, NULL, "DSN\nSMTPUTF8\n", 1);
    l = mailing_simple(&s);
    l->job.envelope_id = "id";
    l->recipients[0].address = "j\xc3\xbc+\\@x.example";
    mailing_submit(l);
    stage_run(&s);
    fake_smtp_stop(s.fake);
    assert_string_equal(fake_smtp_mail(s.fake, 0)->recipients,
                        "RCPT TO:<j\xc3\xbc+\\@x.example> "
                        "ORCPT=utf-8;j\xc3\xbc\\x{2B}\\x{5C}@x.example\n");
    stage_close(&s);
    free(l);
}

/* ---- mails that follow each other ---- */

struct burst {
    const char *name, *offer;
    unsigned lost;        /* how many of the mails get no answer */
    unsigned connections; /* at least, and at most one more */
    struct fake_smtp_rule rules[2];
};

static const struct burst bursts[] = {
    {"DATA", STAGE_NO_CHUNKING, 0, 1, {{0}}},
    {"BDAT", NULL, 0, 1, {{0}}},
    {"no pipelining", "SIZE\n", 0, 1, {{0}}},
    {"closed at MAIL", STAGE_NO_CHUNKING, 0, 2, {{"MAIL", NULL, 1, 3, "", FAKE_CLOSE, 0, 0}}},
    {"closed at MAIL, BDAT", NULL, 0, 2, {{"MAIL", NULL, 1, 3, "", FAKE_CLOSE, 0, 0}}},
    {"421 at RCPT", NULL, 0, 2, {{"RCPT", NULL, 1, 4, "421 no more\r\n", FAKE_CLOSE, 0, 0}}},
    {"closed at the end", STAGE_NO_CHUNKING, 1, 2, {{"END", NULL, 1, 2, "", FAKE_CLOSE, 0, 0}}},
    {"closed at the end, BDAT", NULL, 1, 2, {{"END", NULL, 1, 2, "", FAKE_RESET, 0, 0}}},
    {"silent at the end", NULL, 1, 2, {{"END", NULL, 1, 2, "", FAKE_HANG, 0, 0}}},
    {"a mail a connection", NULL, 0, 4, {{"END", NULL, 0, 3, NULL, FAKE_CLOSE, 0, 0}}},
};

static void test_bursts(void **state)
{
    enum { MAILS = 10 };
    struct mailing *letters[MAILS];
    struct stage s;
    unsigned lost;
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof bursts / sizeof bursts[0]; i++) {
        stage_open(&s, bursts[i].rules, bursts[i].offer, 1);
        for (k = 0; k < MAILS; k++)
            mailing_submit(letters[k] = mailing_simple(&s));
        stage_run(&s);
        fake_smtp_stop(s.fake);
        for (k = lost = 0; k < MAILS; k++) {
            assert_int_equal(letters[k]->done, 1);
            lost += letters[k]->recipients[0].code != 250;
            free(letters[k]);
        }
        if (lost != bursts[i].lost || fake_smtp_mail_count(s.fake) != MAILS - lost ||
            fake_smtp_connections(s.fake) < bursts[i].connections ||
            fake_smtp_connections(s.fake) > bursts[i].connections + 1)
            fail_msg("%s: %u lost, %zu taken, %u connections", bursts[i].name, lost,
                     fake_smtp_mail_count(s.fake), fake_smtp_connections(s.fake));
        stage_close(&s);
    }
}

/* A relay that is away is asked a few times, not once for each mail, and all hear of it at once. */
static void test_all_hear_that_the_relay_is_away(void **state)
{
    enum { MAILS = 200 };
    static const struct fake_smtp_rule rules[] = {FAKE_RULE("GREETING", "421 busy\r\n", FAKE_CLOSE),
                                                  {0}};
    static struct mailing *letters[MAILS];
    struct stage s;
    size_t i;

    (void)state;
    stage_open(&s, rules, NULL, 4);
    for (i = 0; i < MAILS; i++)
        mailing_submit(letters[i] = mailing_simple(&s));
    stage_run(&s);
    for (i = 0; i < MAILS; i++) {
        assert_int_equal(letters[i]->recipients[0].trouble, SEND_CONNECT);
        assert_true(has(letters[i]->recipients[0].text, "421 busy"));
        free(letters[i]);
    }
    assert_true(fake_smtp_connections(s.fake) <= 4);
    stage_close(&s);
}

static void test_many_connections(void **state)
{
    enum { CONNECTIONS = 500 };
    static const struct fake_smtp_rule rules[] = {{"END", NULL, 0, 0, NULL, FAKE_GO_ON, 1500, 0},
                                                  {0}};
    static struct mailing *letters[CONNECTIONS];
    struct send_settings settings = stage_settings(0, CONNECTIONS);
    struct stage s;
    size_t i;

    (void)state;
    settings.reply_timeout_s = 30;
    settings.connect_timeout_s = 10;
    stage_open_tls(&s, &s, rules, NULL, NULL, &settings);
    for (i = 0; i < CONNECTIONS; i++)
        mailing_submit(letters[i] = mailing_simple(&s));
    stage_run(&s);
    for (i = 0; i < CONNECTIONS; i++) {
        mailing_assert_delivered(letters[i]);
        free(letters[i]);
    }
    assert_true(fake_smtp_most_at_once(s.fake) > CONNECTIONS / 2);
    stage_close(&s);
}

/* ---- relays that break off or do not end ---- */

/* Cut after each byte of what the relay says: never called delivered when it did not say so, never
 * two at one place, and the next mail goes. */
static void try_cuts(const char *offer, size_t from, size_t to)
{
    enum { BATCH = 50 };
    static struct stage hub, stages[BATCH];
    struct mailing *letters[BATCH];
    size_t i, taken;

    stage_open(&hub, NULL, NULL, 1);
    for (i = 0; i < to - from; i++) {
        stage_open_beside(&stages[i], &hub, NULL, offer, 1);
        fake_smtp_cut(stages[i].fake, from + i);
        letters[i] = mailing_new(&stages[i], MESSAGE, strlen(MESSAGE), 2);
        letters[i]->then = mailing_simple(&stages[i]);
        mailing_submit(letters[i]);
    }
    stage_run(&hub);
    for (i = 0; i < to - from; i++) {
        bool is_delivered = letters[i]->recipients[0].code == 250;
        bool is_next_delivered = letters[i]->then->recipients[0].code == 250;

        sender_free(stages[i].sender);
        stages[i].sender = NULL;
        fake_smtp_stop(stages[i].fake);
        taken = fake_smtp_mail_count(stages[i].fake);
        assert_int_equal(letters[i]->done, 1);
        assert_int_equal(letters[i]->then->done, 1);
        if (is_delivered)
            mailing_assert_delivered(letters[i]);
        else
            assert_int_not_equal(letters[i]->recipients[0].trouble, SEND_ANSWERED);
        assert_true(is_delivered || is_next_delivered); /* the cut is in one of the two */
        /* It may have been taken without our hearing of it; the other way round never. */
        if (taken < 0u + is_delivered + is_next_delivered || taken > 2)
            fail_msg("cut at %zu: %zu taken, delivered %d and %d", from + i, taken, is_delivered,
                     is_next_delivered);
        stage_close(&stages[i]);
        free(letters[i]->then);
        free(letters[i]);
    }
    stage_close(&hub);
}

static void test_cut_at_every_byte(void **state)
{
    static const char *const offers[] = {STAGE_NO_CHUNKING, NULL, "SIZE\n"};
    size_t i, n;

    (void)state;
    for (i = 0; i < 3; i++)
        for (n = 0; n < 300; n += 50)
            try_cuts(offers[i], n, n + 50);
}

static void test_endless_replies(void **state)
{
    enum { LINES = 70000 };
    static const char *const verbs[] = {"GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END", "QUIT"};
    static char lines[LINES], wide[6000];
    static struct stage hub, stages[14];
    static struct fake_smtp_rule rules[14][2];
    struct mailing *letters[14];
    size_t i, n = 0;

    (void)state;
    while (n < LINES - 20)
        n += (size_t)sprintf(lines + n, "250-on and on\r\n");
    memset(wide, '2', sizeof wide - 1);
    memcpy(wide, "250 ", 4);
    stage_open(&hub, NULL, NULL, 1);
    for (i = 0; i < 14; i++) {
        rules[i][0] =
            (struct fake_smtp_rule)FAKE_RULE(verbs[i % 7], i < 7 ? lines : wide, FAKE_GO_ON);
        stage_open_beside(&stages[i], &hub, rules[i], STAGE_NO_CHUNKING, 1);
        mailing_submit(letters[i] = mailing_simple(&stages[i]));
    }
    stage_run(&hub);
    for (i = 0; i < 14; i++) {
        if (i % 7 == 6) /* QUIT comes after the mail */
            mailing_assert_delivered(letters[i]);
        else if (letters[i]->recipients[0].trouble != SEND_CONNECT ||
                 !has(letters[i]->recipients[0].text, "not to be understood"))
            fail_msg("%s: %s", verbs[i % 7], letters[i]->recipients[0].text);
        stage_close(&stages[i]);
        free(letters[i]);
    }
    stage_close(&hub);
}

/* What comes before its command was written is nobody's answer. */
static void test_replies_sent_ahead_are_not_believed(void **state)
{
    static const char *const offers[] = {STAGE_NO_CHUNKING, NULL, "SIZE\n"};
    static const struct fake_smtp_rule rules[] = {
        FAKE_RULE("MAIL", "250 a\r\n250 b\r\n354 c\r\n250 queued\r\n250 d\r\n",
                  FAKE_HANG_WHEN_READ),
        {0}};
    struct mailing *l;
    struct stage s;
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        stage_open(&s, rules, offers[i], 1);
        mailing_submit(l = mailing_simple(&s));
        stage_run(&s);
        assert_int_equal(l->recipients[0].trouble, SEND_CONNECT);
        stage_close(&s);
        free(l);
    }
}

/* A relay need not wait for the end of a mail to refuse it: what it says tells as much as after it,
 * but nothing is taken that did not come whole. */
static void test_refused_in_the_middle(void **state)
{
    static const struct {
        const char *offer, *reply;
        enum send_trouble trouble;
        int code;
    } cases[] = {
        {STAGE_NO_CHUNKING, "552 5.3.4 too large\r\n", SEND_ANSWERED, 552},
        {STAGE_NO_CHUNKING, "421 4.3.2 going down\r\n", SEND_ANSWERED, 421},
        {STAGE_NO_CHUNKING, "250 queued\r\n", SEND_CONNECT, 0},
        {"PIPELINING\nCHUNKING\n", "552 5.3.4 too large\r\n", SEND_ANSWERED, 552},
    };
    size_t head = strlen(MESSAGE), len = head + ((size_t)16 << 20), i;
    char *message = malloc(len);
    struct fake_smtp_rule rules[2] = {{0}, {0}};
    struct mailing *l;
    struct stage s;

    (void)state;
    assert_non_null(message);
    memcpy(message, MESSAGE, head);
    for (i = head; i < len; i += 2)
        memcpy(message + i, "\r\n", 2);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rules[0] = (struct fake_smtp_rule){
            .verb = "MIDDLE", .reply = cases[i].reply, .then = FAKE_HANG, .drip_ms = 5};
        stage_open(&s, rules, cases[i].offer, 1);
        mailing_submit(l = mailing_new(&s, message, len, 1));
        stage_run(&s);
        if (l->recipients[0].trouble != cases[i].trouble || l->recipients[0].code != cases[i].code)
            fail_msg("case %zu: trouble %d, %d %s", i, (int)l->recipients[0].trouble,
                     l->recipients[0].code, l->recipients[0].text);
        stage_close(&s);
        free(l);
    }
    free(message);
}

/* As many recipients as a mail may have, each as long as may be, with all that goes beside it. */
static void test_the_largest_envelope(void **state)
{
    enum { LENGTH = 254 };
    static const char domain[] = "@x.example";
    static char addresses[STAGE_RECIPIENTS_MAX][LENGTH + 1];
    struct mailing *l;
    struct stage s;
    size_t i;

    (void)state;
    stage_open(&s, NULL, "PIPELINING\n8BITMIME\nSMTPUTF8\nDSN\n", 1);
    l = mailing_new(&s, MESSAGE, strlen(MESSAGE), STAGE_RECIPIENTS_MAX);
    l->job.envelope_id = "0123456789";
    for (i = 0; i < STAGE_RECIPIENTS_MAX; i++) {
        memset(addresses[i], '+', LENGTH);
        memcpy(addresses[i], "\xc3\xbc", 2);
        memcpy(addresses[i] + LENGTH - strlen(domain), domain, strlen(domain));
        l->recipients[i].address = addresses[i];
        l->recipients[i].notify = SEND_NOTIFY_SUCCESS | SEND_NOTIFY_FAILURE | SEND_NOTIFY_DELAY;
    }
    mailing_submit(l);
    stage_run(&s);
    mailing_assert_delivered(l);
    stage_close(&s);
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_some_recipients_cannot_be_served),
        cmocka_unit_test(test_deadline_and_wide_reports),
        cmocka_unit_test(test_the_largest_envelope),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_all_hear_that_the_relay_is_away),
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_endless_replies),
        cmocka_unit_test(test_replies_sent_ahead_are_not_believed),
        cmocka_unit_test(test_refused_in_the_middle),
    };

    signal(SIGPIPE, SIG_IGN); /* as main does */
    stage_use(CONF_ENGINE_OWN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
