/*
 * imap_watch against servers that break off, lie, attack or refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fixture_imap_watch.h"

static void test_drop_in_a_literal(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    add_filler(x, 50000);
    add_mails(x, 2);
    x->server.drop_at = 20000;
    x->server.drops = 2;
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 6);
    assert_int_equal(x->got[3].len, 50019);
    assert_int_equal(fake_imap_connections(&x->server), 3);
    assert_int_equal(x->down_count, 1);
    assert_true(x->is_ready);
}

/* Broken off after every single byte of a session: nothing is lost, nothing comes twice. */
static void test_drop_at_every_byte(void **state)
{
    struct fixture *x = *state;
    long at;

    fake_imap_start(&x->server);
    for (at = 0; at < 1400; at++) {
        pthread_mutex_lock(&x->server.lock);
        x->server.drop_at = at;
        x->server.drops = 1;
        pthread_mutex_unlock(&x->server.lock);
        x->count = x->cursor_count = 0;
        x->start = (struct imap_cursor){7, x->server.uid_next};
        add_mails(x, 3);
        start(x);
        if (!run_until(x, all_seen, PATIENCE_MS) || x->count != 3)
            fail_msg("dropped at byte %ld: %zu mails", at, x->count);
        stop(x);
        pthread_mutex_lock(&x->server.lock);
        while (x->server.count > 0)
            free(x->server.mails[--x->server.count].data);
        pthread_mutex_unlock(&x->server.lock);
    }
}

static void test_bye(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "UID SEARCH",
                               .reply = "* BYE Server shutting down.\r\n",
                               .then_close = true,
                               .times = 1});
    add_mails(x, 2);
    start(x);
    assert_true(run_until(x, is_down, PATIENCE_MS));
    assert_string_equal(x->reason, "the server said good-bye: Server shutting down.");
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 2);
}

static void test_bye_as_greeting(void **state)
{
    struct fixture *x = *state;

    rule(x,
         (struct fake_rule){
             .on = "", .reply = "* BYE too many connections\r\n", .then_close = true, .times = 1});
    add_mails(x, 2);
    start(x);
    assert_true(run_until(x, is_down, PATIENCE_MS));
    assert_non_null(strstr(x->reason, "too many connections"));
    assert_true(run_until(x, all_seen, PATIENCE_MS));
}

/* What a hostile server sends, on which command, and what is said of it. */
struct attack {
    const char *what;
    struct fake_rule rule;
    const char *reason;
};

static const struct attack attacks[] = {
    {"huge literal announced",
     {.on = "UID FETCH 1:2 (UID BODY",
      .reply = "* 1 FETCH (UID 1 BODY[] {4000000000}\r\n",
      .times = 1},
     "a literal larger than"},
    {"literal whose size wraps round",
     {.on = "UID FETCH 1:2 (UID BODY",
      .reply = "* 1 FETCH (UID 1 BODY[] {4294967297}\r\n",
      .times = 1},
     "a literal larger than"},
    {"literal that overflows 64 bits",
     {.on = "UID FETCH 1:2 (UID BODY",
      .reply = "* 1 FETCH (UID 1 BODY[] {99999999999999999999999}\r\n",
      .times = 1},
     "a literal that is none"},
    {"literal in a response code",
     {.on = "UID SEARCH", .reply = "* OK [BADCHARSET ({5}\r\n", .times = 1},
     "a literal in a response code"},
    {"literal in a place of no use",
     {.on = "UID SEARCH", .reply = "* LIST () \"/\" {30}\r\n", .times = 1},
     "a literal that was not asked for"},
    {"literal without its line end",
     {.on = "UID FETCH 1:2 (UID BODY", .reply = "* 1 FETCH (BODY[] {30}xx\r\n", .times = 1},
     "a literal that is none"},
    {"endless line",
     {.on = "UID SEARCH",
      .reply = "* SEARCH",
      .fill = " 1234567",
      .fill_count = 200000,
      .times = 1},
     "a line too long"},
    {"long line where none is due",
     {.on = "UID FETCH",
      .reply = "* 1 FETCH (FLAGS (",
      .fill = "a ",
      .fill_count = 40000,
      .times = 1},
     "a line too long"},
    {"endless answer",
     {.on = "UID SEARCH", .reply = "", .fill = "* 1 EXPUNGE\r\n", .fill_count = 200000, .times = 1},
     "too long an answer"},
    {"endless greeting",
     {.on = "", .reply = "* OK ", .fill = "hello hello hello ", .fill_count = 9000, .times = 1},
     "a line too long"},
    {"deep parentheses",
     {.on = "UID FETCH 1:2 (UID BODY",
      .reply = "* 1 FETCH (UID 1 BODY ",
      .fill = "(",
      .fill_count = 30000,
      .after = "\r\n",
      .times = 1},
     "parentheses nested too deep"},
    {"a quoted string without end",
     {.on = "UID FETCH 1:2 (UID BODY", .reply = "* 1 FETCH (UID 1 BODY[] \"abc\r\n", .times = 1},
     "a quoted string without end"},
    {"NUL",
     {.on = "UID SEARCH",
      .reply = "",
      .fill = "* OK nothing\n",
      .fill_count = 2,
      .after = "junk\r\n",
      .times = 1},
     "not an IMAP response"},
    {"a mailbox that is HTTP",
     {.on = "", .reply = "HTTP/1.1 400 Bad Request\r\n\r\n", .times = 1},
     "not an IMAP response"},
    {"no UIDs",
     {.on = "UID SEARCH", .reply = "* SEARCH a b\r\n%T OK\r\n", .times = 1},
     "cannot be read"},
    {"a foreign tag", {.on = "UID SEARCH", .reply = "9999 OK done\r\n", .times = 1}, "BAD"},
    {"silence", {.on = "UID SEARCH", .reply = "", .times = 1}, "takes too long"},
};

static void test_attacks(void **state)
{
    struct fixture *x = *state;
    size_t i;

    x->settings.pace.read_ms = 300;
    add_mails(x, 2);
    fake_imap_start(&x->server);
    for (i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        x->count = x->cursor_count = x->down_count = 0;
        x->server.mails[0].is_seen = x->server.mails[1].is_seen = false;
        rule(x, attacks[i].rule);
        start(x);
        if (!run_until(x, is_down, PATIENCE_MS) || !strstr(x->reason, attacks[i].reason))
            fail_msg("%s: %s", attacks[i].what, x->reason);
        if (!run_until(x, all_seen, PATIENCE_MS))
            fail_msg("%s: does not recover: %s", attacks[i].what, x->reason);
        assert_all_once(x, 2);
        stop(x);
        x->server.rule_count = 0;
    }
}

static void test_too_large(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 1);
    add_filler(x, 100001);
    add_mails(x, 1);
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 3);
    assert_true(x->got[1].is_truncated);
    assert_int_equal(x->got[1].size, 100020);
    assert_string_equal(x->got[1].head, "Subject: long\r\n\r\n");
    assert_false(x->got[2].is_truncated);
}

/* A mail whose answer is always wrong: it is set aside, and the others come. */
static void test_mail_that_cannot_be_fetched(void **state)
{
    struct fixture *x = *state;
    size_t i;

    add_mails(x, 5);
    x->server.mails[2].size_told = 5;
    free(x->server.mails[2].data);
    x->server.mails[2].data = calloc(1, 3000001);
    memset(x->server.mails[2].data, 'x', 3000000);
    x->server.mails[2].len = 3000000;
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 5);
    for (i = 0; i < 5; i++)
        assert_int_equal(x->got[i].has_data, i != 2);
}

static bool one_seen(struct fixture *x)
{
    return fake_imap_flagged(&x->server, "seen") > 0;
}

static void test_expunged_before_it_is_fetched(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){
                .on = "UID SEARCH", .reply = "* SEARCH 1 2 3 9\r\n%T OK searched\r\n", .times = 1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, one_seen, PATIENCE_MS));
    run_until(x, never, 50);
    assert_all_once(x, 3);
    assert_int_equal(last_cursor(x).uid_next, 10);
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

struct refusal {
    const char *on, *reply, *reason;
    bool is_final;
};

static void test_refusals(void **state)
{
    static const struct refusal refusals[] = {
        {"AUTHENTICATE", "%T NO [AUTHENTICATIONFAILED] wrong\r\n", "(options user, password)",
         true},
        {"AUTHENTICATE", "%T NO [UNAVAILABLE] later\r\n", "for now", false},
        {"SELECT", "%T NO [NONEXISTENT] Unknown Mailbox\r\n", "(option folder)", true},
        {"SELECT", "* OK [UIDNEXT 5] x\r\n* 0 EXISTS\r\n%T OK selected\r\n", "UIDVALIDITY", true},
        {"CAPABILITY", "* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n%T OK done\r\n", "(option tls)",
         true},
        {"CAPABILITY", "%T OK but nothing\r\n", "user, password", true},
        {"CAPABILITY", "%T NO nothing\r\n", "says NO", true},
    };
    struct fixture *x = *state;
    size_t i;

    add_mails(x, 1);
    fake_imap_start(&x->server);
    for (i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        unsigned before = fake_imap_connections(&x->server);

        x->count = x->cursor_count = x->down_count = 0;
        x->mailbox.server.password = i == 5 ? "wrong" : "secret";
        rule(x, (struct fake_rule){.on = refusals[i].on, .reply = refusals[i].reply, .times = -1});
        start(x);
        if (!run_until(x, is_down, PATIENCE_MS) || !strstr(x->reason, refusals[i].reason))
            fail_msg("%zu: %s", i, x->reason);
        run_until(x, never, 100);
        if (refusals[i].is_final) /* one try, and then a long wait */
            assert_int_equal(fake_imap_connections(&x->server), before + 1);
        else
            assert_true(fake_imap_connections(&x->server) > before + 1);
        stop(x);
        x->server.rule_count = 0;
    }
}

static void test_login_without_plain(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1";
    x->server.caps_after = "IMAP4rev1 IDLE UIDPLUS";
    add_mails(x, 1);
    start(x);
    assert_true(run_until(x, is_idle, PATIENCE_MS)); /* what is offered after log-in counts */
    assert_int_equal(fake_imap_commands(&x->server, "LOGIN bridge secret"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_drop_in_a_literal),
        TEST(test_drop_at_every_byte),
        TEST(test_bye),
        TEST(test_bye_as_greeting),
        TEST(test_attacks),
        TEST(test_too_large),
        TEST(test_mail_that_cannot_be_fetched),
        TEST(test_expunged_before_it_is_fetched),
        TEST(test_refusals),
        TEST(test_login_without_plain),
    };

    return cmocka_run_group_tests_name("imap_watch", tests, NULL, NULL);
}
