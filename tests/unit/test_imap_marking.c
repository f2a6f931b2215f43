/*
 * imap_watch against a server in a thread: what is marked and when, what the cursor has to wait
 * for, and servers that cannot mark.
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

/* However long the backlog is, marks do not wait for its end for ever. */
static void test_marks_within_a_backlog(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 390);
    x->settings.unanswered_max = 40;
    x->settings.pace.mark_ms = 2000;
    x->settings.pace.gather_ms = 1;
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 390);
    assert_true(fake_imap_commands(&x->server, "UID STORE") > 1);
    assert_true(x->cursors[1].uid_next < 391);
}

/* Each UID stands alone in the command, which a server must be able to take. */
static void test_scattered_marks(void **state)
{
    struct fixture *x = *state;
    uint32_t i;

    for (i = 0; i < 390; i++) {
        x->server.uid_next = 1000000001U + i * 7000000U;
        add_mails(x, 1);
    }
    x->settings.unanswered_max = 400;
    x->settings.pace.mark_ms = 2000;
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_int_equal(x->count, 390);
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 2);
}

static bool none_left(struct fixture *x)
{
    return x->count == 3 && fake_imap_flagged(&x->server, "") == 0 && last_cursor(x).uid_next == 4;
}

static void test_done_delete(void **state)
{
    struct fixture *x = *state;

    x->mailbox.done = "delete";
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, none_left, PATIENCE_MS));
    assert_int_equal(fake_imap_commands(&x->server, "UID EXPUNGE 1:3"), 1);
    assert_int_equal(fake_imap_commands(&x->server, "EXPUNGE"), 0);
}

static void test_done_delete_without_uidplus(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1 IDLE AUTH=PLAIN";
    x->mailbox.done = "delete";
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, none_left, PATIENCE_MS));
    assert_int_equal(fake_imap_commands(&x->server, "EXPUNGE"), 1);
}

static void test_done_move(void **state)
{
    struct fixture *x = *state;

    x->mailbox.done = "Erledigt/\xc3\x9c \"1\" & mehr";
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, none_left, PATIENCE_MS));
    assert_int_equal(x->server.moved, 3);
    assert_string_equal(x->server.moved_to, "\"Erledigt/&ANw- \\\"1\\\" &- mehr\"");
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 0);
}

static void test_done_move_without_move(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1 IDLE UIDPLUS AUTH=PLAIN";
    x->mailbox.done = "Done";
    rule(x, (struct fake_rule){
                .on = "UID COPY", .reply = "%T NO [TRYCREATE] no such folder\r\n", .times = 1});
    rule(x, (struct fake_rule){.on = "CREATE \"Done\"", .reply = "%T OK created\r\n", .times = 1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, none_left, PATIENCE_MS));
    assert_int_equal(x->server.moved, 3);
    assert_int_equal(fake_imap_commands(&x->server, "CREATE"), 1);
    assert_int_equal(fake_imap_commands(&x->server, "UID EXPUNGE 1:3"), 1);
}

static bool cursor_at_4(struct fixture *x)
{
    return last_cursor(x).uid_next == 4;
}

/* Mails that cannot be marked are taken in all the same. */
static void test_marking_refused(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){
                .on = "UID STORE", .reply = "%T NO [NOPERM] no right\r\n", .times = -1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, cursor_at_4, PATIENCE_MS));
    assert_all_once(x, 3);
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

static void test_read_only(void **state)
{
    struct fixture *x = *state;

    x->server.is_read_only = true;
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, cursor_at_4, PATIENCE_MS));
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 0);
}

/* The connection breaks while marking: they are marked on the next, and not offered again. */
static void test_drop_while_marking(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "UID STORE", .reply = "", .then_close = true, .times = 2});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 3);
    assert_int_equal(fake_imap_connections(&x->server), 3);
}

static bool cursor_behind_all(struct fixture *x)
{
    return last_cursor(x).uid_next == x->server.uid_next;
}

/* A server that takes the command for wrong does so each time: nothing waits for that to end. */
static void test_marking_is_bad(void **state)
{
    static const char *const done[] = {"seen", "delete", "Archive"};
    struct fixture *x = *state;
    size_t i;

    for (i = 0; i < sizeof done / sizeof done[0]; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
            x = *state;
        }
        x->mailbox.done = done[i];
        rule(x, (struct fake_rule){.on = "UID STORE", .reply = "%T BAD what\r\n", .times = -1});
        rule(x, (struct fake_rule){.on = "UID MOVE", .reply = "%T BAD what\r\n", .times = -1});
        add_mails(x, 3);
        start(x);
        assert_true(run_until(x, cursor_behind_all, PATIENCE_MS));
        add_mails(x, 2);
        assert_true(run_until(x, cursor_behind_all, PATIENCE_MS));
        assert_all_once(x, 5);
        assert_int_equal(fake_imap_connections(&x->server), 1);
    }
}

static bool has_five(struct fixture *x)
{
    return x->count == 5;
}

/* The connection is lost over each mark: new mail comes all the same, and in the end the cursor
 * goes on without the marks. */
static void test_marking_always_breaks(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "UID STORE", .reply = "", .then_close = true, .times = -1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, is_down, PATIENCE_MS));
    assert_int_equal(last_cursor(x).uid_next, 1); /* not at the first failure */
    add_mails(x, 2);
    assert_true(run_until(x, has_five, PATIENCE_MS));
    assert_true(run_until(x, cursor_behind_all, PATIENCE_MS));
    assert_all_once(x, 5);
    assert_true(fake_imap_commands(&x->server, "UID STORE") >= 10);
}

static bool all_but_one_seen(struct fixture *x)
{
    return fake_imap_flagged(&x->server, "seen") == 149 && cursor_behind_all(x);
}

/* The server cannot bear to mark one mail: that one is found, and all others are marked. */
static void test_marking_breaks_at_one(void **state)
{
    struct fixture *x = *state;

    x->server.breaks_at = 77;
    add_mails(x, 150);
    start(x);
    assert_true(run_until(x, all_but_one_seen, PATIENCE_MS));
    assert_all_once(x, 150);
    assert_false(x->server.mails[76].is_seen);
}

/* A NO that is about now: marks are kept for later, and the mailbox is watched meanwhile. */
static void test_marking_not_now(void **state)
{
    static const char *const done[] = {"seen", "delete", "Archive"};
    struct fixture *x = *state;
    size_t i;

    for (i = 0; i < sizeof done / sizeof done[0]; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
            x = *state;
        }
        x->mailbox.done = done[i];
        x->settings.pace.retry_first_ms = 30;
        rule(x,
             (struct fake_rule){.on = "UID STORE", .reply = "%T NO [INUSE] busy\r\n", .times = 3});
        rule(x, (struct fake_rule){
                    .on = "UID MOVE", .reply = "%T NO [UNAVAILABLE] later\r\n", .times = 3});
        add_mails(x, 3);
        start(x);
        assert_true(run_until(x, cursor_behind_all, PATIENCE_MS));
        assert_all_once(x, 3);
        assert_int_equal(fake_imap_flagged(&x->server, "seen"), x->server.count);
        assert_int_equal(x->server.count, i == 0 ? 3 : 0);
        assert_int_equal(fake_imap_connections(&x->server), 1);
    }
}

static int64_t next_ms(void *arg)
{
    static int64_t now_ms = 1000000;

    (void)arg;
    return ++now_ms;
}

/* The time for which the marks rest may end between any two looks at the clock. */
static void test_marking_rests_to_the_edge(void **state)
{
    static const struct clock clock = {.mono_ms = next_ms};
    struct fixture *x = *state;
    int64_t rest_ms;

    for (rest_ms = 5; rest_ms < 9; rest_ms++) {
        if (rest_ms > 5) {
            teardown(state);
            setup(state);
            x = *state;
        }
        x->clock = &clock;
        x->settings.pace.retry_first_ms = rest_ms;
        rule(x,
             (struct fake_rule){.on = "UID STORE", .reply = "%T NO [INUSE] busy\r\n", .times = 4});
        add_mails(x, 3);
        start(x);
        assert_true(run_until(x, cursor_behind_all, PATIENCE_MS));
    }
}

/* One that was copied is not copied again because it cannot be removed now. */
static void test_copied_and_not_removed(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1 IDLE AUTH=PLAIN";
    x->mailbox.done = "Archive";
    rule(x, (struct fake_rule){.on = "UID STORE", .reply = "%T NO [INUSE] busy\r\n", .times = -1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, cursor_behind_all, PATIENCE_MS));
    assert_int_equal(x->server.moved, 3);
}

static bool has_some(struct fixture *x)
{
    return x->count >= 100;
}

/* What was gathered is marked, and the cursor goes with it. */
static void test_stop_within_a_backlog(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 390);
    x->settings.unanswered_max = 20;
    x->settings.pace.mark_ms = 2000;
    start(x);
    assert_true(run_until(x, has_some, PATIENCE_MS));
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 0);
    imap_watch_stop(x->watch, note_stopped, x);
    assert_true(run_until(x, is_stopped, PATIENCE_MS));
    assert_in_range(x->count, 100, 389);
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), x->count);
    assert_int_equal(last_cursor(x).uid_next, x->count + 1);
    imap_watch_free(x->watch);
    x->watch = NULL;
}

static bool offered_twice(struct fixture *x)
{
    return x->count == 6;
}

/* The marks were lost with the connection, and the folder was made anew: the same UIDs are other
 * mails, which are not marked before they are safe. */
static void test_marks_of_another_uidvalidity(void **state)
{
    struct fixture *x = *state;

    x->settings.pace.retry_first_ms = 1500;
    rule(x, (struct fake_rule){.on = "UID STORE", .reply = "", .then_close = true, .times = 1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, is_down, PATIENCE_MS));
    pthread_mutex_lock(&x->server.lock);
    x->server.uidvalidity = 8;
    pthread_mutex_unlock(&x->server.lock);
    x->keep_open = true;
    assert_true(run_until(x, offered_twice, PATIENCE_MS));
    run_until(x, never, 100);
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 0);
    assert_int_equal(last_cursor(x).uidvalidity, 8);
    assert_int_equal(last_cursor(x).uid_next, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_marks_within_a_backlog),
        TEST(test_scattered_marks),
        TEST(test_done_delete),
        TEST(test_done_delete_without_uidplus),
        TEST(test_done_move),
        TEST(test_done_move_without_move),
        TEST(test_marking_refused),
        TEST(test_read_only),
        TEST(test_drop_while_marking),
        TEST(test_marks_of_another_uidvalidity),
        TEST(test_marking_is_bad),
        TEST(test_marking_always_breaks),
        TEST(test_marking_breaks_at_one),
        TEST(test_marking_not_now),
        TEST(test_marking_rests_to_the_edge),
        TEST(test_copied_and_not_removed),
        TEST(test_stop_within_a_backlog),
    };

    return cmocka_run_group_tests_name("imap_watch", tests, NULL, NULL);
}
