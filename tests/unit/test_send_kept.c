/*
 * test_send_kept: what a kept connection is used for, when it ends, and which mail may be sent a
 * second time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/send_stage.h"

struct keep_row {
    const char *name;
    int codes[4]; /* of the first recipient of each mail; 0: trouble; all mails are sent one after
                     the other */
    unsigned connections; /* the server has seen afterwards */
    size_t mails;
    struct fake_smtp_rule rules[3];
};

static const struct keep_row keep_rows[] = {
    {"kept", {250, 250, 250, 250}, 1, 4, {{0}}},
    {"421 to MAIL",
     {250, 250, 250, 250},
     2,
     4,
     {{"MAIL", NULL, 1, 2, "421 4.4.2 idle\r\n", FAKE_CLOSE, 0, 0}}},
    {"closed after a mail",
     {250, 250, 250, 250},
     2,
     4,
     {{"END", NULL, 1, 2, NULL, FAKE_CLOSE, 0, 0}}},
    {"421 after a mail",
     {250, 250, 250, 250},
     2,
     4,
     {{"END", NULL, 1, 1, "250 2.0.0 queued\r\n421 4.4.2 idle\r\n", FAKE_HANG_WHEN_READ, 0, 0}}},
    {"closed at MAIL", {250, 250, 250, 250}, 2, 4, {{"MAIL", NULL, 1, 3, "", FAKE_CLOSE, 0, 0}}},
    {"reset at MAIL", {250, 250, 250, 250}, 2, 4, {{"MAIL", NULL, 1, 3, "", FAKE_RESET, 0, 0}}},
    {"silent at MAIL", {250, 250, 250, 250}, 2, 4, {{"MAIL", NULL, 1, 2, "", FAKE_HANG, 0, 0}}},
    {"closed at RCPT", {250, 250, 250, 250}, 2, 4, {{"RCPT", NULL, 1, 2, "", FAKE_CLOSE, 0, 0}}},
    {"closed at DATA", {250, 250, 250, 250}, 2, 4, {{"DATA", NULL, 1, 2, "", FAKE_CLOSE, 0, 0}}},
    {"closed at MAIL on each",
     {250, 0, 250, 250},
     3,
     3,
     {{"MAIL", NULL, 1, 2, "", FAKE_CLOSE, 0, 0}, {"MAIL", NULL, 2, 1, "", FAKE_CLOSE, 0, 0}}},
    /* It may have been accepted: never sent a second time from here. */
    {"closed at the end", {250, 0, 250, 250}, 2, 3, {{"END", NULL, 1, 2, "", FAKE_CLOSE, 0, 0}}},
    {"silent at the end", {250, 0, 250, 250}, 2, 3, {{"END", NULL, 1, 2, "", FAKE_HANG, 0, 0}}},
    {"MAIL refused",
     {250, 550, 450, 250},
     1,
     2,
     {{"MAIL", NULL, 0, 2, "550 no\r\n", FAKE_GO_ON, 0, 0},
      {"MAIL", NULL, 0, 3, "450 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"MAIL refused first",
     {550, 250, 250, 250},
     1,
     3,
     {{"MAIL", NULL, 0, 1, "550 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"RCPT refused",
     {250, 550, 250, 250},
     2,
     3,
     {{"RCPT", NULL, 1, 2, "550 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"DATA refused",
     {250, 451, 250, 250},
     2,
     3,
     {{"DATA", NULL, 1, 2, "451 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"end refused",
     {250, 554, 451, 250},
     1,
     2,
     {{"END", NULL, 0, 2, "554 no\r\n", FAKE_GO_ON, 0, 0},
      {"END", NULL, 0, 3, "451 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"end 421", {250, 421, 250, 250}, 2, 3, {{"END", NULL, 1, 2, "421 no\r\n", FAKE_GO_ON, 0, 0}}},
};

enum { KEEP_ROWS = sizeof keep_rows / sizeof keep_rows[0] };

static void check_keep_row(const struct keep_row *row, struct stage *s,
                           struct mailing *const *letters)
{
    unsigned connections = row->connections;
    size_t i;

    for (i = 0; i < 4; i++) {
        const struct send_recipient *r = &letters[i]->recipients[0];

        assert_int_equal(letters[i]->done, 1);
        if (r->code != row->codes[i] || (r->code == 0) != (r->trouble != SEND_ANSWERED))
            fail_msg("%s, mail %zu: trouble %d, %d %s", row->name, i + 1, (int)r->trouble, r->code,
                     r->text);
    }
    fake_smtp_stop(s->fake);
    /* Our own client stays where libesmtp has to leave. */
    if (stage_engine() == CONF_ENGINE_OWN &&
        (strcmp(row->name, "RCPT refused") == 0 || strcmp(row->name, "DATA refused") == 0))
        connections = 1;
    if (fake_smtp_connections(s->fake) != connections)
        fail_msg("%s: %u connections", row->name, fake_smtp_connections(s->fake));
    if (fake_smtp_mail_count(s->fake) != row->mails)
        fail_msg("%s: %zu mails", row->name, fake_smtp_mail_count(s->fake));
}

static void try_keep_row(const struct keep_row *row, const char *offer)
{
    struct mailing *letters[4];
    struct stage s;
    size_t k;

    stage_open(&s, row->rules, offer, 1);
    for (k = 0; k < 4; k++) {
        letters[k] = mailing_simple(&s);
        if (k > 0)
            letters[k - 1]->then = letters[k];
    }
    mailing_submit(letters[0]);
    stage_run(&s);
    check_keep_row(row, &s, letters);
    stage_close(&s);
    for (k = 0; k < 4; k++)
        free(letters[k]);
}

static void test_kept_connections(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < KEEP_ROWS; i++)
        try_keep_row(&keep_rows[i], STAGE_NO_CHUNKING);
}

static void test_kept_connections_with_chunks(void **state)
{
    size_t i;

    (void)state;
    if (stage_engine() == CONF_ENGINE_LIBESMTP)
        skip(); /* it has CHUNKING hidden from it */
    for (i = 0; i < KEEP_ROWS; i++)
        if (!strstr(keep_rows[i].name, "DATA"))
            try_keep_row(&keep_rows[i], NULL);
}

/* The next mail's envelope is on its way when the answer to a mail comes, whatever that says. */
static void try_refused_before_others(const char *offer)
{
    static const int codes[] = {250, 554, 250, 250};
    static const struct fake_smtp_rule rules[] = {
        {"END", NULL, 1, 2, "554 5.7.1 no\r\n", FAKE_GO_ON, 50, 0}, {0}};
    struct mailing *letters[4];
    struct stage s;
    size_t i;

    stage_open(&s, rules, offer, 1);
    for (i = 0; i < 4; i++)
        mailing_submit(letters[i] = mailing_simple(&s));
    stage_run(&s);
    for (i = 0; i < 4; i++) {
        const struct send_recipient *r = &letters[i]->recipients[0];

        if (letters[i]->done != 1 || r->trouble != SEND_ANSWERED || r->code != codes[i])
            fail_msg("mail %zu: trouble %d, %d %s", i + 1, (int)r->trouble, r->code, r->text);
    }
    fake_smtp_stop(s.fake);
    assert_int_equal(fake_smtp_mail_count(s.fake), 3);
    stage_close(&s);
    for (i = 0; i < 4; i++)
        free(letters[i]);
}

static void test_refused_before_others(void **state)
{
    (void)state;
    try_refused_before_others(STAGE_NO_CHUNKING);
    try_refused_before_others(NULL);
}

static void test_idle_connection_is_closed(void **state)
{
    struct stage s;
    struct mailing *l;
    int i;

    (void)state;
    stage_open(&s, NULL, NULL, 2);
    l = mailing_simple(&s);
    mailing_submit(l);
    stage_run(&s);
    mailing_assert_delivered(l);
    assert_int_equal(fake_smtp_open(s.fake), 1);
    for (i = 0; i < 100 && fake_smtp_count(s.fake, "QUIT") == 0; i++)
        stage_pause(&s, 100);
    assert_int_equal(fake_smtp_open(s.fake), 0);
    assert_int_equal(fake_smtp_count(s.fake, "QUIT"), 1);
    stage_close(&s);
    free(l);
}

static void test_session_is_renewed(void **state)
{
    enum { MAILS = 450 };
    static struct mailing *letters[MAILS];
    struct stage s;
    size_t i;

    (void)state;
    stage_open(&s, NULL, NULL, 1);
    for (i = 0; i < MAILS; i++)
        mailing_submit(letters[i] = mailing_simple(&s));
    stage_run(&s);
    for (i = 0; i < MAILS; i++) {
        mailing_assert_delivered(letters[i]);
        free(letters[i]);
    }
    fake_smtp_stop(s.fake);
    assert_int_equal(fake_smtp_mail_count(s.fake), MAILS);
    /* libesmtp keeps memory for each mail of a session. */
    assert_int_equal(fake_smtp_connections(s.fake), stage_engine() == CONF_ENGINE_OWN ? 1 : 3);
    stage_close(&s);
}

/* One mail at a time needs one connection, however many there may be. */
static void test_keeper_comes_first(void **state)
{
    struct mailing *letters[20];
    struct stage s;
    size_t i;

    (void)state;
    stage_open(&s, NULL, NULL, 8);
    for (i = 0; i < 20; i++) {
        mailing_submit(letters[i] = mailing_simple(&s));
        stage_run(&s);
        mailing_assert_delivered(letters[i]);
        stage_pause(&s, 5); /* the worker goes back to waiting */
    }
    assert_int_equal(fake_smtp_connections(s.fake), 1);
    stage_close(&s);
    for (i = 0; i < 20; i++)
        free(letters[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_connections),
        cmocka_unit_test(test_kept_connections_with_chunks),
        cmocka_unit_test(test_refused_before_others),
        cmocka_unit_test(test_idle_connection_is_closed),
        cmocka_unit_test(test_session_is_renewed),
        cmocka_unit_test(test_keeper_comes_first),
    };
    int failed;

    signal(SIGPIPE, SIG_IGN); /* as main does */
    stage_run_tests(tests, failed);
    return failed;
}
