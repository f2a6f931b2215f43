/*
 * imap_watch against a server in a thread: what arrives, in what order, once; what is stored as the
 * cursor; how it waits, and how it stops.
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

/* ---- tests ---- */

static void test_fetch(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 3);
    assert_int_equal(x->got[0].uidvalidity, 7);
    assert_string_equal(x->got[0].head, "Subject: mail 0\r\n\r\nbody (0)\r\n");
    assert_int_equal(x->got[0].size, x->got[0].len);
    assert_false(x->got[0].is_truncated);
    assert_int_equal(last_cursor(x).uidvalidity, 7);
    assert_int_equal(last_cursor(x).uid_next, 4);
    assert_true(x->is_ready);
}

static void test_idle_wakes(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    add_mails(x, 1);
    assert_true(run_until(x, five_done, PATIENCE_MS));
    assert_all_once(x, 5);
    assert_int_equal(fake_imap_connections(&x->server), 1);
    assert_int_equal(fake_imap_commands(&x->server, "NOOP"), 0);
}

static void test_server_order_does_not_matter(void **state)
{
    struct fixture *x = *state;

    x->server.reverse = true;
    add_mails(x, 30);
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 30);
    assert_string_equal(x->got[29].head, "Subject: mail 29\r\n\r\nbody (29)\r\n");
}

static void test_ranges(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 390);
    x->settings.unanswered_max = 200;
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 390);
    assert_true(fake_imap_commands(&x->server, "UID FETCH") <= 10);
}

/* Sizes are asked for many at a time, and marks wait for each other while there is more. */
static void test_backlog_in_few_commands(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 390);
    x->settings.unanswered_max = 400;
    x->settings.pace.mark_ms = 2000;
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 390);
    assert_int_equal(fake_imap_commands(&x->server, "UID FETCH"), 5);
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 1);
}

/* Of 149 mails the search told of 150; and the server does not like to be asked for so many. */
static void test_gone_from_a_backlog(void **state)
{
    static const char *const refused[] = {"no such command", "UID FETCH 1:150"};
    struct fixture *x = *state;
    char reply[1000] = "* SEARCH";
    unsigned uid;

    for (uid = 1; uid <= 150; uid++)
        snprintf(reply + strlen(reply), sizeof reply - strlen(reply), " %u", uid);
    snprintf(reply + strlen(reply), sizeof reply - strlen(reply), "\r\n%%T OK searched\r\n");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
            x = *state;
        }
        rule(x, (struct fake_rule){.on = "UID SEARCH", .reply = reply, .times = 1});
        rule(x, (struct fake_rule){.on = refused[i], .reply = "%T NO too many\r\n", .times = 1});
        add_mails(x, 119);
        x->server.uid_next = 121;
        add_mails(x, 30);
        start(x);
        assert_true(run_until(x, all_seen, PATIENCE_MS));
        assert_int_equal(x->count, 149);
        assert_int_equal(x->got[118].uid, 119);
        assert_int_equal(x->got[119].uid, 121);
        assert_true(x->got[119].size > 0);
        assert_int_equal(fake_imap_connections(&x->server), 1);
    }
}

/* The cursor moves when the marks are set, which may be after IDLE has begun. */
static bool is_idle_behind_all(struct fixture *x)
{
    return is_idle(x) && last_cursor(x).uid_next == x->server.uid_next;
}

static void test_starts_at_the_cursor(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 5);
    x->server.mails[3].is_seen = true; /* somebody has read it: new all the same */
    x->start = (struct imap_cursor){7, 4};
    start(x);
    assert_true(run_until(x, is_idle_behind_all, PATIENCE_MS));
    assert_int_equal(x->count, 2);
    assert_int_equal(x->got[0].uid, 4);
    assert_int_equal(x->got[1].uid, 5);
    assert_int_equal(last_cursor(x).uid_next, 6);
}

static void test_other_uidvalidity(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    x->start = (struct imap_cursor){6, 100};
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 3);
    assert_int_equal(x->cursors[0].uidvalidity, 7);
    assert_int_equal(x->cursors[0].uid_next, 1);
    assert_int_equal(last_cursor(x).uid_next, 4);
}

static void test_sparse_uids(void **state)
{
    struct fixture *x = *state;

    x->server.uid_next = 4000000000u;
    add_mails(x, 1);
    x->server.uid_next = 4294967294u;
    add_mails(x, 2); /* the last possible UID is never looked at: no cursor could pass it */
    start(x);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    assert_int_equal(x->count, 2);
    assert_int_equal(x->got[0].uid, 4000000000u);
    assert_int_equal(x->got[1].uid, 4294967294u);
}

static bool polled_five(struct fixture *x)
{
    return five_done(x) && fake_imap_commands(&x->server, "NOOP") > 1;
}

static void test_polls_without_idle(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1 AUTH=PLAIN";
    x->settings.pace.poll_ms = 40;
    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    add_mails(x, 1);
    assert_true(run_until(x, polled_five, PATIENCE_MS));
    assert_all_once(x, 5);
    assert_int_equal(fake_imap_commands(&x->server, "IDLE"), 0);
}

static void test_idle_refused(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "IDLE", .reply = "%T BAD not today\r\n", .times = -1});
    x->settings.pace.poll_ms = 40;
    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    add_mails(x, 1);
    assert_true(run_until(x, polled_five, PATIENCE_MS));
    assert_int_equal(fake_imap_commands(&x->server, "IDLE"), 1);
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

/* Something on the way breaks connections that are silent. */
static void test_idle_dies(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){
                .on = "IDLE", .reply = "+ idling\r\n", .then_close = true, .times = -1});
    x->settings.pace.poll_ms = 40;
    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    add_mails(x, 1);
    assert_true(run_until(x, polled_five, PATIENCE_MS));
    assert_int_equal(fake_imap_commands(&x->server, "IDLE"), 2);
    assert_all_once(x, 5);
}

/* IDLE is accepted and then never tells of anything. */
static void test_idle_is_deaf(void **state)
{
    struct fixture *x = *state;

    x->server.is_mute = true;
    x->settings.pace.idle_ms = 40;
    x->settings.pace.poll_ms = 40;
    rule(x, (struct fake_rule){.on = "NOOP", .reply = "%T OK nothing\r\n", .times = -1});
    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    add_mails(x, 1);
    assert_true(run_until(x, five_done, PATIENCE_MS));
    assert_all_once(x, 5);
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

static bool still_here(struct fixture *x)
{
    return fake_imap_commands(&x->server, "IDLE") > 0 && fake_imap_flagged(&x->server, "seen") == 1;
}

/* What a server says in IDLE to keep firewalls awake is no reason to leave it; a "* n EXISTS"
 * before its
 * "+" is one. */
static void test_idle_talk(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "IDLE",
                               .reply = "* 1 EXISTS\r\n* OK Still here\r\n",
                               .then_serve = true,
                               .times = 1});
    add_mails(x, 1);
    start(x);
    assert_true(run_until(x, still_here, PATIENCE_MS));
    run_until(x, never, 100);
    assert_int_equal(fake_imap_connections(&x->server), 1);
    assert_all_once(x, 1);
}

static void test_idle_is_renewed(void **state)
{
    struct fixture *x = *state;

    x->settings.pace.idle_ms = 30;
    add_mails(x, 1);
    start(x);
    run_until(x, never, 400);
    assert_true(fake_imap_commands(&x->server, "IDLE") > 4);
    assert_true(fake_imap_commands(&x->server, "UID SEARCH") > 4);
    assert_int_equal(fake_imap_connections(&x->server), 1);
    assert_all_once(x, 1);
}

static bool has_four(struct fixture *x)
{
    return x->count == 4;
}

static void test_unanswered_is_bounded(void **state)
{
    struct fixture *x = *state;
    uint32_t uid;

    x->keep_open = true;
    x->settings.unanswered_max = 4;
    add_mails(x, 10);
    start(x);
    assert_true(run_until(x, has_four, PATIENCE_MS));
    run_until(x, never, 100);
    assert_int_equal(x->count, 4);
    assert_int_equal(last_cursor(x).uid_next, 1);
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 0);
    answer(x, 3); /* the first holds the cursor back */
    run_until(x, never, 100);
    assert_int_equal(last_cursor(x).uid_next, 1);
    assert_int_equal(x->count, 5);
    x->keep_open = false;
    for (uid = 1; uid <= 5; uid++)
        if (uid != 3)
            answer(x, uid);
    imap_watch_done(x->watch, 7, 77, true); /* never heard of */
    imap_watch_done(x->watch, 6, 2, true);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 10);
    assert_int_equal(x->open_max, 4);
}

static bool has_eighty(struct fixture *x)
{
    return x->count == 80;
}

static bool some_marked(struct fixture *x)
{
    return fake_imap_flagged(&x->server, "seen") == 5;
}

/* Marks are due while there is too little room to be worth a fetch: what else is in the folder is
 * not forgotten over them. */
static void test_backlog_is_not_forgotten(void **state)
{
    struct fixture *x = *state;
    uint32_t uid;

    x->keep_open = true;
    x->settings.unanswered_max = 80;
    add_mails(x, 120);
    start(x);
    assert_true(run_until(x, has_eighty, PATIENCE_MS));
    for (uid = 1; uid <= 5; uid++)
        answer(x, uid);
    assert_true(run_until(x, some_marked, PATIENCE_MS));
    x->keep_open = false;
    for (; uid <= 80; uid++)
        answer(x, uid);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 120);
}

static void test_no_room_and_not_kept(void **state)
{
    struct fixture *x = *state;

    x->refuse = 3;
    x->unsafe = 2;
    add_mails(x, 5);
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_int_equal(x->count, 7);
    assert_int_equal(x->got[0].uid, 1);
    assert_int_equal(x->got[1].uid, 2);
    assert_int_equal(x->got[5].uid, 1); /* the two that could not be kept come again */
    assert_int_equal(x->got[6].uid, 2);
    assert_string_equal(x->got[5].head, x->got[0].head);
}

/* ---- stopping ---- */

static bool is_stuck(struct fixture *x)
{
    return fake_imap_commands(&x->server, "UID SEARCH") > 0;
}

static void test_stop_breaks_a_blocked_job(void **state)
{
    struct fixture *x = *state;
    int64_t before;

    x->settings.pace.read_ms = 60000;
    x->settings.pace.stop_ms = 50;
    rule(x, (struct fake_rule){.on = "UID SEARCH", .reply = "", .times = -1});
    start(x);
    assert_true(run_until(x, is_stuck, PATIENCE_MS));
    before = clock_mono_ms(&clock_system);
    stop(x);
    assert_true(clock_mono_ms(&clock_system) - before < 2000);
}

static void test_stop_logs_out(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 1);
    start(x);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    stop(x);
    assert_int_equal(fake_imap_commands(&x->server, "LOGOUT"), 1);
}

/* At whatever moment. */
static void test_stop_any_time(void **state)
{
    struct fixture *x = *state;
    int i;

    add_mails(x, 50);
    for (i = 0; i < 40; i++) {
        x->count = x->cursor_count = 0;
        start(x);
        run_until(x, never, i / 4);
        stop(x);
    }
    assert_non_null(x->server.log);
}

static void test_stop_without_start(void **state)
{
    struct fixture *x = *state;
    struct imap_handler handler = {.mail = take, .cursor = note_cursor, .state = note_state};
    struct err e;

    x->watch =
        imap_watch_new(x->loop, x->pool, &clock_system, &x->settings, x->start, &handler, x, &e);
    assert_non_null(x->watch);
    stop(x);
    imap_watch_free(NULL);
}

/* ---- the probe ---- */

static void test_probe(void **state)
{
    struct fixture *x = *state;
    char text[200];
    struct err e;

    add_mails(x, 3);
    fake_imap_start(&x->server);
    x->mailbox.server.port = x->server.port;
    assert_int_equal(imap_probe(&x->mailbox, text, sizeof text, &e), 0);
    assert_string_equal(text, "3 messages in INBOX, IDLE");
    x->mailbox.server.password = "wrong";
    assert_int_equal(imap_probe(&x->mailbox, text, sizeof text, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "options user, password"));
    assert_null(strstr(e.text, "wrong"));
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 0);
}

static void test_nobody_listens(void **state)
{
    struct fixture *x = *state;
    char text[200];
    struct err e;

    x->mailbox.server.port = 1;
    assert_int_equal(imap_probe(&x->mailbox, text, sizeof text, &e), -1);
    assert_int_equal(e.class, ERR_RETRY);
    assert_non_null(strstr(e.text, "127.0.0.1 port 1: Connection refused"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fetch),
        TEST(test_idle_wakes),
        TEST(test_server_order_does_not_matter),
        TEST(test_ranges),
        TEST(test_backlog_in_few_commands),
        TEST(test_gone_from_a_backlog),
        TEST(test_starts_at_the_cursor),
        TEST(test_other_uidvalidity),
        TEST(test_sparse_uids),
        TEST(test_polls_without_idle),
        TEST(test_idle_refused),
        TEST(test_idle_dies),
        TEST(test_idle_is_deaf),
        TEST(test_idle_talk),
        TEST(test_idle_is_renewed),
        TEST(test_unanswered_is_bounded),
        TEST(test_backlog_is_not_forgotten),
        TEST(test_no_room_and_not_kept),
        TEST(test_stop_breaks_a_blocked_job),
        TEST(test_stop_logs_out),
        TEST(test_stop_any_time),
        TEST(test_stop_without_start),
        TEST(test_probe),
        TEST(test_nobody_listens),
    };

    return cmocka_run_group_tests_name("imap_watch", tests, NULL, NULL);
}
