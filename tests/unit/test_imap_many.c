/*
 * Many mailboxes at one server: none of it harms an account or the server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/imap_hall.h"
#include "tests/unit/fixture_imap_boxes.h"

/* ---- many ---- */

enum { MANY = 300, THREADS = 4, PER_HOST = 2 };

struct crowd {
    struct loop *loop;
    struct imap_hall *hall;
    struct imap_boxes *boxes;
    struct imap_box *box[MANY];
    unsigned mails[MANY];
    unsigned failures;
    bool is_stopped;
};

static bool crowd_take(struct imap_box *box, const struct imap_mail *mail, void *arg)
{
    (void)arg;
    ++*(unsigned *)imap_box_owner(box);
    imap_box_done(box, mail->uidvalidity, mail->uid, true);
    return true;
}

static void crowd_cursor(struct imap_box *box, const struct imap_cursor *cursor, void *arg)
{
    (void)box;
    (void)cursor;
    (void)arg;
}

static void crowd_state(struct imap_box *box, const struct imap_state *state, void *arg)
{
    struct crowd *c = arg;

    (void)box;
    c->failures += state->at == IMAP_FAILED;
}

static void crowd_stopped(void *arg)
{
    ((struct crowd *)arg)->is_stopped = true;
}

static bool crowd_is_stopped(void *arg)
{
    return ((struct crowd *)arg)->is_stopped;
}

static bool all_idle(void *arg)
{
    const struct crowd *c = arg;

    return imap_boxes_watching(c->boxes) == MANY && imap_hall_counts(c->hall).idle == MANY;
}

static bool all_watch(void *arg)
{
    return imap_boxes_watching(((struct crowd *)arg)->boxes) == MANY;
}

static bool all_have(const struct crowd *c, unsigned n)
{
    unsigned i;

    for (i = 0; i < MANY; i++)
        if (c->mails[i] != n)
            return false;
    return true;
}

static bool all_have_one(void *arg)
{
    return all_have(arg, 1);
}

static bool all_have_two(void *arg)
{
    return all_have(arg, 2);
}

static bool nobody_watches(void *arg)
{
    const struct crowd *c = arg;

    return imap_boxes_watching(c->boxes) == 0 && c->failures >= MANY;
}

static bool none_left(void *arg)
{
    return imap_hall_counts(((struct crowd *)arg)->hall).now == 0;
}

static bool crowd_never(void *arg)
{
    (void)arg;
    return false;
}

static void crowd_run(struct crowd *c, bool (*until)(void *arg), int64_t limit_ms)
{
    for (; limit_ms > 0 && !until(c); limit_ms -= SLICE_MS)
        loop_run_until(c->loop, until, c, SLICE_MS);
}

static void crowd_open(struct crowd *c, bool without_idle, int64_t retry_ms)
{
    static const struct imap_boxes_handler handler = {crowd_take, crowd_cursor, crowd_state};
    struct imap_boxes_settings settings = {.threads = THREADS,
                                           .per_host = PER_HOST,
                                           .pace = {.connect_ms = 3000,
                                                    .read_ms = 300,
                                                    .retry_first_ms = retry_ms,
                                                    .retry_max_ms = 10 * retry_ms,
                                                    .hurry_ms = 100,
                                                    .poll_ms = 100}};
    struct conf_mailbox m = {.server = {.host = "127.0.0.1", .password = "secret"}};
    char name[32];
    struct err e;
    unsigned i;

    memset(c, 0, sizeof *c);
    log_set_level(LOG_LEVEL_ERROR);
    c->loop = loop_new(&e);
    c->hall = imap_hall_open(NULL, without_idle);
    imap_hall_start(c->hall);
    m.server.port = imap_hall_port(c->hall);
    c->boxes = imap_boxes_new(c->loop, &clock_system, &settings, &handler, c, &e);
    assert_non_null(c->boxes);
    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "user%u", i);
        m.name = m.server.user = name;
        c->box[i] = imap_boxes_add(c->boxes, &m, never_looked, &c->mails[i], &e);
        assert_non_null(c->box[i]);
    }
}

static void crowd_close(struct crowd *c)
{
    imap_boxes_stop(c->boxes, crowd_stopped, c);
    crowd_run(c, crowd_is_stopped, PATIENCE_MS);
    assert_true(c->is_stopped);
    imap_boxes_free(c->boxes);
    imap_hall_close(c->hall);
    loop_free(c->loop);
}

/* All wait, all hear of a mail once, and a server that comes back is not run over. */
static void test_many(void **state)
{
    struct crowd c;
    unsigned i;

    (void)state;
    crowd_open(&c, false, 5);
    crowd_run(&c, all_idle, PATIENCE_MS);
    assert_true(all_idle(&c));
    assert_int_equal(imap_hall_counts(c.hall).connections, MANY);
    /* one more may be counted before the last one has been answered */
    assert_true(imap_hall_counts(c.hall).opening_most <= PER_HOST + 1);

    imap_hall_deliver(c.hall);
    crowd_run(&c, all_have_one, PATIENCE_MS);
    assert_true(all_have_one(&c));

    imap_hall_forget_most(c.hall);
    imap_hall_drop(c.hall);
    imap_hall_deliver(c.hall); /* while nobody listens */
    crowd_run(&c, all_have_two, PATIENCE_MS);
    assert_true(all_have_two(&c));
    assert_true(imap_hall_counts(c.hall).opening_most <= PER_HOST + 1);

    crowd_run(&c, all_watch, PATIENCE_MS);
    for (i = 0; i < MANY; i++)
        imap_box_remove(c.box[i]);
    assert_int_equal(imap_boxes_count(c.boxes), 0);
    crowd_run(&c, none_left, PATIENCE_MS);
    assert_int_equal(imap_hall_counts(c.hall).now, 0);
    assert_true(all_have_two(&c));
    crowd_close(&c);
}

/* A server that takes connections and says nothing is tried by one at a time. */
static void test_many_at_a_silent_server(void **state)
{
    struct crowd c;

    (void)state;
    crowd_open(&c, false, 5);
    crowd_run(&c, all_idle, PATIENCE_MS);
    imap_hall_hush(c.hall, true);
    imap_hall_drop(c.hall);
    crowd_run(&c, nobody_watches, PATIENCE_MS);
    assert_true(nobody_watches(&c));
    crowd_run(&c, crowd_never, 700); /* those that began before have given up */
    imap_hall_forget_most(c.hall);
    crowd_run(&c, crowd_never, 1000);
    assert_true(imap_hall_counts(c.hall).opening_most <= 2);
    imap_hall_hush(c.hall, false);
    crowd_run(&c, all_idle, PATIENCE_MS);
    assert_true(all_idle(&c));
    crowd_close(&c);
}

static bool one_failed_again(void *arg)
{
    return ((struct crowd *)arg)->failures > MANY;
}

/* When one of them reaches a server that was away, the others do not wait out their back-off. */
static void test_many_hurry(void **state)
{
    struct conf_mailbox m = {.name = "user0",
                             .server = {.host = "127.0.0.1", .user = "u", .password = "secret"}};
    struct crowd c;
    struct err e;

    (void)state;
    crowd_open(&c, false, 600000);
    m.server.port = imap_hall_port(c.hall);
    crowd_run(&c, all_idle, PATIENCE_MS);
    assert_true(all_idle(&c));
    imap_hall_hush(c.hall, true);
    imap_hall_drop(c.hall);
    crowd_run(&c, nobody_watches, PATIENCE_MS);
    assert_int_equal(imap_box_change(c.box[0], &m, &e), 0);
    crowd_run(&c, one_failed_again, PATIENCE_MS);
    assert_true(one_failed_again(&c));
    imap_hall_hush(c.hall, false);
    assert_int_equal(imap_box_change(c.box[0], &m, &e), 0);
    crowd_run(&c, all_watch, PATIENCE_MS);
    assert_true(all_watch(&c));
    crowd_close(&c);
}

static void test_many_without_idle(void **state)
{
    struct crowd c;

    (void)state;
    crowd_open(&c, true, 5);
    crowd_run(&c, all_watch, PATIENCE_MS);
    assert_true(imap_box_state(c.box[0])->is_polling);
    imap_hall_deliver(c.hall);
    crowd_run(&c, all_have_one, PATIENCE_MS);
    assert_true(all_have_one(&c));
    assert_int_equal(imap_hall_counts(c.hall).connections, MANY);
    assert_true(imap_hall_counts(c.hall).noops >= MANY);
    crowd_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_many_at_a_silent_server),
        cmocka_unit_test(test_many_hurry),
        cmocka_unit_test(test_many_without_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
