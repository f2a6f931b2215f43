/*
 * imap_gate: who may go in and who waits, among servers that answer and servers that do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "mail/imap/imap_gate.h"

enum { INSIDE = 8, PER_HOST = 3, PASSES = 40 };

struct fixture {
    struct loop *loop;
    struct imap_gate *gate;
    struct imap_pass passes[PASSES];
    unsigned called;
};

static void called(void *arg)
{
    ((struct fixture *)arg)->called++;
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *x = &fixture;
    struct err e;
    size_t i;

    *x = (struct fixture){0};
    x->loop = loop_new(&e);
    x->gate = imap_gate_new(x->loop, INSIDE, PER_HOST, &e);
    for (i = 0; i < PASSES; i++)
        x->passes[i] = (struct imap_pass){.go = called, .arg = x};
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    size_t i;

    for (i = 0; i < PASSES; i++)
        imap_gate_part(x->gate, &x->passes[i]);
    imap_gate_free(x->gate);
    loop_free(x->loop);
    return 0;
}

static void join(struct fixture *x, size_t first, size_t count, const char *host)
{
    struct err e;
    size_t i;

    for (i = first; i < first + count; i++)
        assert_int_equal(imap_gate_join(x->gate, &x->passes[i], host, 143, &e), 0);
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void enter(struct fixture *x, size_t first, size_t count, bool opening)
{
    size_t i;

    for (i = first; i < first + count; i++)
        (void)imap_gate_enter(x->gate, &x->passes[i], opening);
    loop_run_until(x->loop, never, x, 5);
}

static unsigned inside(const struct fixture *x, size_t first, size_t count)
{
    unsigned n = 0;
    size_t i;

    for (i = first; i < first + count; i++)
        n += x->passes[i].at == IMAP_PASS_INSIDE;
    return n;
}

/* Those who are inside leave, and the next ones have been let in. */
static void leave(struct fixture *x, size_t first, size_t count, bool was_reached)
{
    size_t i;

    for (i = first; i < first + count; i++)
        if (x->passes[i].at == IMAP_PASS_INSIDE)
            imap_gate_leave(x->gate, &x->passes[i], was_reached);
    loop_run_until(x->loop, never, x, 5);
}

static void test_per_host(void **state)
{
    struct fixture *x = *state;

    join(x, 0, 10, "a.example");
    enter(x, 0, 10, true);
    assert_int_equal(inside(x, 0, 10), PER_HOST);
    join(x, 10, 2, "A.Example"); /* names fold case */
    enter(x, 10, 2, true);
    assert_int_equal(inside(x, 0, 12), PER_HOST);
    join(x, 12, 2, "b.example");
    enter(x, 12, 2, true);
    assert_int_equal(inside(x, 12, 2), 2);
    x->called = 0;
    leave(x, 0, 1, true);
    assert_int_equal(inside(x, 0, 12), PER_HOST);
    assert_int_equal(x->called, 1);
}

/* Connecting leaves places for those who have a connection. */
static void test_open_connections_are_served(void **state)
{
    struct fixture *x = *state;
    char host[16];
    size_t i;

    for (i = 0; i < 10; i++) {
        snprintf(host, sizeof host, "h%zu", i);
        join(x, i, 1, host);
    }
    enter(x, 0, 10, true);
    assert_int_equal(inside(x, 0, 10), 6);
    join(x, 10, 4, "busy.example");
    enter(x, 10, 4, false);
    assert_int_equal(inside(x, 10, 4), 2);
    leave(x, 10, 2, true); /* servers take turns: one that connects never gets these places */
    assert_int_equal(inside(x, 0, 10), 6);
    assert_int_equal(inside(x, 12, 2), 2);
}

/* Those who have a connection come first, but however much they have to do, who wants one gets it:
 * among as many as take all places of a server, or of all servers. */
static void test_who_connects_is_not_passed_by_for_ever(void **state)
{
    static const struct {
        size_t hosts, newcomer_at;
    } rows[] = {{1, 0}, {4, 0}, {4, 9}};
    struct fixture *x = *state;
    char host[16];
    size_t row, i, turns;

    for (row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        for (i = 0; i < 32; i++) {
            snprintf(host, sizeof host, "r%zuh%zu", row, i % rows[row].hosts);
            join(x, i, 1, host);
        }
        snprintf(host, sizeof host, "r%zuh%zu", row, rows[row].newcomer_at);
        join(x, 32, 1, host);
        enter(x, 0, 32, false);
        enter(x, 32, 1, true);
        for (turns = 0; x->passes[32].at != IMAP_PASS_INSIDE && turns < 100; turns++)
            for (i = 0; i < 32; i++)
                if (x->passes[i].at == IMAP_PASS_INSIDE) {
                    imap_gate_leave(x->gate, &x->passes[i], true);
                    (void)imap_gate_enter(x->gate, &x->passes[i], false); /* at once, again */
                    loop_run_until(x->loop, never, x, 1);
                    break;
                }
        assert_in_range(turns, 0, 30);
        for (i = 0; i < PASSES; i++)
            imap_gate_part(x->gate, &x->passes[i]);
    }
}

/* A thousand mailboxes of a server that is away hold one place, and when it is back they come a
 * few at a time. */
static void test_down(void **state)
{
    struct fixture *x = *state;

    join(x, 0, 20, "away.example");
    enter(x, 0, 20, true);
    leave(x, 0, 20, false);
    assert_int_equal(inside(x, 0, 20), 1);
    leave(x, 0, 20, false);
    assert_int_equal(inside(x, 0, 20), 1);
    leave(x, 0, 20, true);
    assert_int_equal(inside(x, 0, 20), PER_HOST);
}

/* Many such servers do not take all places from the others. */
static void test_many_down(void **state)
{
    struct fixture *x = *state;
    char host[16];
    size_t i;

    for (i = 0; i < 30; i++) {
        snprintf(host, sizeof host, "h%zu", i / 2);
        join(x, i, 1, host);
    }
    for (i = 0; i < 30; i++) { /* all fail once */
        enter(x, i, 1, true);
        leave(x, i, 1, false);
    }
    enter(x, 0, 30, true);
    assert_int_equal(inside(x, 0, 30), INSIDE / 4);
    join(x, 30, 3, "well.example");
    enter(x, 30, 3, true);
    assert_int_equal(inside(x, 30, 3), 3);
}

/* Whoever parts, inside or waiting, leaves nothing behind. */
static void test_part(void **state)
{
    struct fixture *x = *state;
    size_t i;

    join(x, 0, 10, "a.example");
    enter(x, 0, 10, true);
    for (i = 0; i < 9; i++)
        imap_gate_part(x->gate, &x->passes[i]);
    loop_run_until(x->loop, never, x, 5);
    assert_int_equal(inside(x, 9, 1), 1);
    imap_gate_part(x->gate, &x->passes[9]);
    join(x, 0, 10, "a.example");
    enter(x, 0, 10, true);
    assert_int_equal(inside(x, 0, 10), PER_HOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_per_host, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_connections_are_served, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_connects_is_not_passed_by_for_ever, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_down, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_down, setup, teardown),
        cmocka_unit_test_setup_teardown(test_part, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
