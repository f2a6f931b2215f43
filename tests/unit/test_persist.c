/* persist: what must be written is, or what stands in its place; nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "bridge/persist.h"

struct scene {
    char folder[64];
    struct loop *loop;
    struct store *store;
    struct persist *persist;
};

struct piece {
    struct persist_work work;
    struct scene *scene;
    enum err_class fails, instead_fails; /* with which class; ERR_NONE: it succeeds */
    unsigned failures, instead_failures; /* so often */
    unsigned runs, insteads, dones;
    enum err_class done_class;
};

static int fall(enum err_class class, unsigned *left, struct err *e)
{
    if (class == ERR_NONE || *left == 0)
        return 0;
    (*left)--;
    return err_set(e, class, "as the test wants");
}

static int run_piece(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct piece *p = (struct piece *)w;

    (void)txn;
    p->runs++;
    return fall(p->fails, &p->failures, e);
}

static int run_instead(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct piece *p = (struct piece *)w;

    (void)txn;
    p->insteads++;
    return fall(p->instead_fails, &p->instead_failures, e);
}

static void piece_done(struct persist_work *w, const struct err *e)
{
    struct piece *p = (struct piece *)w;

    p->dones++;
    p->done_class = e ? e->class : ERR_NONE;
    loop_stop(p->scene->loop);
}

static const struct {
    const char *name;
    struct piece piece;
    bool has_instead;
    unsigned runs, insteads; /* at least, for the store runs one alone that failed among others */
    enum err_class done_class;
    bool is_given_up;
} rows[] = {
    {"it can be", {.fails = ERR_NONE}, true, 1, 0, ERR_NONE, false},
    {"for now it cannot", {.fails = ERR_RETRY, .failures = 1}, true, 2, 0, ERR_NONE, false},
    {"it never can, and nothing stands for it",
     {.fails = ERR_PERMANENT, .failures = 99},
     false,
     1,
     0,
     ERR_PERMANENT,
     false},
    {"it never can, what stands for it can",
     {.fails = ERR_PERMANENT, .failures = 99},
     true,
     1,
     1,
     ERR_NONE,
     true},
    {"a bug", {.fails = ERR_BUG, .failures = 99}, true, 1, 1, ERR_NONE, true},
    {"what stands for it cannot, for now",
     {.fails = ERR_PERMANENT, .failures = 99, .instead_fails = ERR_RETRY, .instead_failures = 1},
     true,
     1,
     2,
     ERR_NONE,
     true},
    {"nor that, whatever the reason: it is tried until it can",
     {.fails = ERR_BUG, .failures = 99, .instead_fails = ERR_PERMANENT, .instead_failures = 1},
     true,
     1,
     2,
     ERR_NONE,
     true},
};

static void test_each_ends_once(void **state)
{
    struct scene *s = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct piece p = rows[i].piece;

        p.scene = s;
        p.work.run = run_piece;
        p.work.instead = rows[i].has_instead ? run_instead : NULL;
        p.work.done = piece_done;
        persist_submit(s->persist, &p.work);
        alarm(60);
        assert_int_equal(loop_run(s->loop, NULL), 0);
        alarm(0);
        if (p.dones != 1 || p.runs != rows[i].runs || p.insteads != rows[i].insteads ||
            p.done_class != rows[i].done_class ||
            (p.work.why.class != ERR_NONE) != rows[i].is_given_up)
            fail_msg("%s: done %u runs %u instead %u class %d", rows[i].name, p.dones, p.runs,
                     p.insteads, (int)p.done_class);
        assert_false(persist_is_failing(s->persist));
    }
}

static void stop(void *arg)
{
    loop_stop(arg);
}

/* What still waits when the program ends is given back, and not taken for written. */
static void test_the_end(void **state)
{
    struct scene *s = *state;
    struct piece p = {.scene = s,
                      .fails = ERR_BUG,
                      .failures = 99,
                      .instead_fails = ERR_BUG,
                      .instead_failures = 99};

    p.work.run = run_piece;
    p.work.instead = run_instead;
    p.work.done = piece_done;
    persist_submit(s->persist, &p.work);
    alarm(60);
    while (!persist_is_failing(s->persist)) { /* instead has failed once */
        struct loop_timer *t = loop_timer_new(s->loop, stop, s->loop);

        loop_timer_start(t, 1);
        assert_int_equal(loop_run(s->loop, NULL), 0);
        loop_timer_free(t);
    }
    alarm(0);
    assert_int_equal(p.dones, 0);
    store_stop(s->store);
    persist_free(s->persist);
    s->persist = NULL;
    assert_int_equal(p.dones, 1);
    assert_int_not_equal(p.done_class, ERR_NONE);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    char url[160];
    struct err e;

    log_set_level(LOG_LEVEL_ERROR);
    strcpy(s->folder, "/tmp/postern-persist-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(url, sizeof url, "sqlite:%s/q.db", s->folder);
    s->loop = loop_new(&e);
    s->store = store_open(url, STORE_READ_WRITE, &e);
    assert_non_null(s->store);
    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    s->persist = persist_new(s->loop, s->store);
    assert_non_null(s->persist);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    char command[128];

    store_stop(s->store);
    persist_free(s->persist);
    store_close(s->store);
    loop_free(s->loop);
    snprintf(command, sizeof command, "rm -rf '%s'", s->folder);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_ends_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("persist", tests, NULL, NULL);
}
