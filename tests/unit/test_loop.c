/* The event loop: posted tasks, timers, watches, signals, and stopping, with one other thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"

struct world {
    struct loop *loop;
    char trace[256]; /* a letter for each thing that happened */
    struct loop_task a, b, c;
    struct loop_timer *timer, *guard;
    struct loop_watch *watch;
    struct loop_signal *sig;
    int fds[2];
    int count;
};

static void note(struct world *w, char what)
{
    size_t n = strlen(w->trace);

    assert_true(n + 1 < sizeof w->trace);
    w->trace[n] = what;
}

static void give_up(void *arg)
{
    struct world *w = arg;

    note(w, '!');
    loop_stop(w->loop);
}

static void world_open(struct world *w)
{
    struct err e;

    memset(w, 0, sizeof *w);
    w->loop = loop_new(&e);
    assert_non_null(w->loop);
    w->guard = loop_timer_new(w->loop, give_up, w);
    assert_non_null(w->guard);
    loop_timer_start(w->guard, 10000);
}

static void world_run(struct world *w)
{
    struct err e;

    assert_int_equal(loop_run(w->loop, &e), 0);
}

static void world_close(struct world *w)
{
    loop_timer_free(w->guard);
    loop_free(w->loop);
}

static void task_a(void *arg)
{
    note(arg, 'a');
}

static void task_b(void *arg)
{
    note(arg, 'b');
}

static void task_stop(void *arg)
{
    struct world *w = arg;

    note(w, 's');
    loop_stop(w->loop);
}

static void test_posted_in_order(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    w.a = (struct loop_task){task_a, &w, NULL};
    w.b = (struct loop_task){task_b, &w, NULL};
    w.c = (struct loop_task){task_stop, &w, NULL};
    loop_post(w.loop, &w.b);
    loop_post(w.loop, &w.a);
    loop_post(w.loop, &w.b); /* queued already: stays first */
    loop_post(w.loop, &w.c);
    loop_post(w.loop, &w.c); /* likewise, as the last of the list */
    assert_string_equal(w.trace, "");
    world_run(&w);
    assert_string_equal(w.trace, "bas");
    world_close(&w);
}

static void repeat(void *arg)
{
    struct world *w = arg;

    note(w, 'r');
    if (++w->count < 3)
        loop_post(w->loop, &w->a);
    else
        loop_stop(w->loop);
}

static void test_task_posts_itself(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    w.a = (struct loop_task){repeat, &w, NULL};
    loop_post(w.loop, &w.a);
    world_run(&w);
    assert_string_equal(w.trace, "rrr");
    world_close(&w);
}

static void cancel_b(void *arg)
{
    struct world *w = arg;

    note(w, 'x');
    loop_cancel(w->loop, &w->b); /* in the turn that is running */
}

static void test_cancel(void **state)
{
    /* Which of three posted tasks is cancelled before the loop runs, and what is then left. */
    static const struct {
        int cancelled;
        const char *trace;
    } rows[] = {{0, "bs"}, {1, "as"}, {2, "ab!"}, {3, "abs"}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        struct loop_task other = {task_a, &w, NULL}, *all[4] = {&w.a, &w.b, &w.c, &other};

        world_open(&w);
        w.a = (struct loop_task){task_a, &w, NULL};
        w.b = (struct loop_task){task_b, &w, NULL};
        w.c = (struct loop_task){task_stop, &w, NULL};
        loop_post(w.loop, &w.a);
        loop_post(w.loop, &w.b);
        loop_post(w.loop, &w.c);
        loop_cancel(w.loop, all[rows[i].cancelled]);
        if (rows[i].cancelled == 2)
            loop_timer_start(w.guard, 20);
        world_run(&w);
        assert_string_equal(w.trace, rows[i].trace);
        world_close(&w);
    }
}

static void test_cancel_in_the_turn(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    w.a = (struct loop_task){cancel_b, &w, NULL};
    w.b = (struct loop_task){task_b, &w, NULL};
    w.c = (struct loop_task){task_stop, &w, NULL};
    loop_post(w.loop, &w.a);
    loop_post(w.loop, &w.b);
    loop_post(w.loop, &w.c);
    world_run(&w);
    assert_string_equal(w.trace, "xs");
    loop_post(w.loop, &w.b); /* cancelled is not spent */
    loop_post(w.loop, &w.c);
    world_run(&w);
    assert_string_equal(w.trace, "xsbs");
    world_close(&w);
}

static bool has_run_b(void *arg)
{
    return strchr(((struct world *)arg)->trace, 'b') != NULL;
}

static void wait_for_b(void *arg)
{
    struct world *w = arg;

    note(w, 'w');
    loop_run_until(w->loop, has_run_b, w, 60000);
    note(w, 'W');
}

/* Refused at once, and nothing of the turn is lost. */
static void test_a_wait_in_a_task(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    w.a = (struct loop_task){wait_for_b, &w, NULL};
    w.b = (struct loop_task){task_b, &w, NULL};
    w.c = (struct loop_task){task_stop, &w, NULL};
    loop_post(w.loop, &w.a);
    loop_post(w.loop, &w.b);
    loop_post(w.loop, &w.c);
    world_run(&w);
    assert_string_equal(w.trace, "wWbs");
    world_close(&w);
}

static void *post_many(void *arg)
{
    struct world *w = arg;
    int i;

    for (i = 0; i < 1000; i++)
        loop_post(w->loop, &w->a);
    loop_post(w->loop, &w->c);
    return NULL;
}

static void count_task(void *arg)
{
    struct world *w = arg;

    w->count++;
}

static void test_posted_from_a_thread(void **state)
{
    struct world w;
    pthread_t thread;

    (void)state;
    world_open(&w);
    w.a = (struct loop_task){count_task, &w, NULL};
    w.c = (struct loop_task){task_stop, &w, NULL};
    assert_int_equal(pthread_create(&thread, NULL, post_many, &w), 0);
    world_run(&w);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(w.trace, "s");
    assert_in_range(w.count, 1, 1000);
    world_close(&w);
}

static void *stop_it(void *arg)
{
    struct world *w = arg;

    loop_stop(w->loop);
    return NULL;
}

static void test_stopped_from_a_thread(void **state)
{
    struct world w;
    pthread_t thread;

    (void)state;
    world_open(&w);
    assert_int_equal(pthread_create(&thread, NULL, stop_it, &w), 0);
    world_run(&w); /* also when the thread was first */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(w.trace, "");
    world_close(&w);
}

static void tick(void *arg)
{
    struct world *w = arg;

    note(w, 't');
    assert_false(loop_timer_is_pending(w->timer));
    if (++w->count < 3) {
        loop_timer_start(w->timer, 1);
        return;
    }
    loop_timer_free(w->timer); /* in its own callback */
    w->timer = NULL;
    loop_stop(w->loop);
}

static void test_timer(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    w.timer = loop_timer_new(w.loop, tick, &w);
    assert_non_null(w.timer);
    assert_false(loop_timer_is_pending(w.timer));
    loop_timer_start(w.timer, 60000);
    assert_true(loop_timer_is_pending(w.timer));
    loop_timer_start(w.timer, 0); /* replaces the delay, and does not fire in here */
    assert_string_equal(w.trace, "");
    world_run(&w);
    assert_string_equal(w.trace, "ttt");
    world_close(&w);
}

static void test_timer_stopped(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    w.timer = loop_timer_new(w.loop, tick, &w);
    loop_timer_start(w.timer, 1);
    loop_timer_stop(w.timer);
    assert_false(loop_timer_is_pending(w.timer));
    loop_timer_start(w.guard, 30);
    world_run(&w);
    assert_string_equal(w.trace, "!");
    loop_timer_free(w.timer);
    loop_timer_free(NULL);
    world_close(&w);
}

static void readable(void *arg)
{
    struct world *w = arg;
    char c = 0;

    if (read(w->fds[0], &c, 1) == 1)
        note(w, c);
    if (c != '2')
        return;
    loop_watch_free(w->watch); /* in its own callback, with a byte left to read */
    w->watch = NULL;
    loop_timer_start(w->guard, 20);
}

static void test_watch(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(pipe(w.fds), 0);
    w.watch = loop_watch_new(w.loop, w.fds[0], readable, &w);
    assert_non_null(w.watch);
    assert_int_equal(write(w.fds[1], "123", 3), 3);
    world_run(&w);
    assert_string_equal(w.trace, "12!");
    close(w.fds[0]);
    close(w.fds[1]);
    loop_watch_free(NULL);
    world_close(&w);
}

static void signalled(int signo, void *arg)
{
    struct world *w = arg;

    note(w, signo == SIGHUP ? 'h' : '?');
    loop_stop(w->loop);
}

static void test_signal(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    w.sig = loop_signal_new(w.loop, SIGHUP, signalled, &w);
    assert_non_null(w.sig);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    world_run(&w);
    assert_string_equal(w.trace, "h");
    loop_signal_free(w.sig);
    loop_signal_free(NULL);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posted_in_order),
        cmocka_unit_test(test_task_posts_itself),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_cancel_in_the_turn),
        cmocka_unit_test(test_a_wait_in_a_task),
        cmocka_unit_test(test_posted_from_a_thread),
        cmocka_unit_test(test_stopped_from_a_thread),
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_timer_stopped),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_signal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
