/* The pool of workers: where run() and done() are called, when it refuses, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>

#include "base/work.h"

enum { JOBS = 200 };

struct world;

struct test_job {
    struct work_job job;
    struct world *world;
    pthread_t ran_on;
    int runs, dones; /* each written by one thread at a time, ordered by the pool */
    int again;       /* done() submits it this many times more */
};

struct world {
    struct loop *loop;
    struct work_pool *pool;
    struct test_job jobs[JOBS];
    sem_t go, started;
    int finished, expected;
    int signal_blocked;
};

static void run_plain(struct work_job *job)
{
    struct test_job *t = (struct test_job *)job;

    t->ran_on = pthread_self();
    t->runs++;
}

static void done_plain(struct work_job *job)
{
    struct test_job *t = (struct test_job *)job;
    struct world *w = t->world;

    t->dones++;
    assert_false(pthread_equal(t->ran_on, pthread_self()));
    if (t->again > 0) {
        t->again--;
        assert_int_equal(work_submit(w->pool, job), 0);
        return;
    }
    if (++w->finished == w->expected)
        loop_stop(w->loop);
}

static void world_open(struct world *w, unsigned threads, unsigned waiting_max)
{
    struct err e;
    int i;

    memset(w, 0, sizeof *w);
    sem_init(&w->go, 0, 0);
    sem_init(&w->started, 0, 0);
    w->loop = loop_new(&e);
    assert_non_null(w->loop);
    w->pool = work_pool_new(w->loop, "test-workers-with-a-long-name", threads, waiting_max, &e);
    assert_non_null(w->pool);
    for (i = 0; i < JOBS; i++) {
        w->jobs[i].job.run = run_plain;
        w->jobs[i].job.done = done_plain;
        w->jobs[i].world = w;
    }
}

static void world_close(struct world *w)
{
    work_pool_free(w->pool);
    loop_free(w->loop);
    sem_destroy(&w->go);
    sem_destroy(&w->started);
}

static void test_each_once(void **state)
{
    struct world w;
    struct err e;
    int i;

    (void)state;
    world_open(&w, 4, JOBS);
    w.expected = JOBS;
    for (i = 0; i < JOBS; i++) {
        w.jobs[i].again = i % 3;
        assert_int_equal(work_submit(w.pool, &w.jobs[i].job), 0);
    }
    for (i = 0; i < JOBS; i++)
        assert_int_equal(w.jobs[i].dones, 0); /* not inside work_submit, nor before the loop runs */
    assert_int_equal(loop_run(w.loop, &e), 0);
    for (i = 0; i < JOBS; i++) {
        assert_int_equal(w.jobs[i].runs, 1 + i % 3);
        assert_int_equal(w.jobs[i].dones, 1 + i % 3);
    }
    world_close(&w);
}

static void run_blocked(struct work_job *job)
{
    struct test_job *t = (struct test_job *)job;

    t->ran_on = pthread_self();
    sem_post(&t->world->started);
    sem_wait(&t->world->go);
    t->runs++;
}

static void test_full_pool_refuses(void **state)
{
    static const struct {
        unsigned threads, waiting_max, accepted;
    } rows[] = {{1, 0, 1}, {1, 2, 3}, {3, 0, 3}, {2, 5, 7}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        unsigned j, accepted = 0;

        world_open(&w, rows[i].threads, rows[i].waiting_max);
        for (j = 0; j < 20; j++) {
            w.jobs[j].job.run = run_blocked;
            if (work_submit(w.pool, &w.jobs[j].job) == 0)
                accepted++;
        }
        assert_int_equal(accepted, rows[i].accepted);
        for (j = 0; j < rows[i].threads; j++)
            sem_wait(&w.started);
        for (j = 0; j < accepted; j++)
            sem_post(&w.go);
        work_pool_free(w.pool); /* waits for all it accepted, and calls their done() */
        w.pool = NULL;
        assert_int_equal(w.finished, accepted);
        for (j = 0; j < accepted; j++)
            assert_int_equal(w.jobs[j].dones, 1);
        world_close(&w);
    }
}

static void done_refused(struct work_job *job)
{
    struct test_job *t = (struct test_job *)job;

    t->dones++;
    assert_int_equal(work_submit(t->world->pool, job), -1);
}

static void test_stopping_refuses(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 2, 10);
    w.jobs[0].job.done = done_refused;
    assert_int_equal(work_submit(w.pool, &w.jobs[0].job), 0);
    work_pool_free(w.pool);
    w.pool = NULL;
    assert_int_equal(w.jobs[0].runs, 1);
    assert_int_equal(w.jobs[0].dones, 1);
    world_close(&w);
    work_pool_free(NULL);
}

static void run_mask(struct work_job *job)
{
    struct test_job *t = (struct test_job *)job;
    sigset_t set;

    t->ran_on = pthread_self();
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    t->world->signal_blocked = sigismember(&set, SIGTERM) && sigismember(&set, SIGHUP);
}

static void test_signals_are_the_loops(void **state)
{
    struct world w;
    sigset_t set;

    (void)state;
    world_open(&w, 1, 0);
    w.jobs[0].job.run = run_mask;
    assert_int_equal(work_submit(w.pool, &w.jobs[0].job), 0);
    world_close(&w);
    assert_true(w.signal_blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    assert_false(sigismember(&set, SIGTERM)); /* and still ours */
}

static unsigned count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned n = 0;

    assert_non_null(tasks);
    while (readdir(tasks))
        n++;
    closedir(tasks);
    return n - 2; /* "." and ".." */
}

/* A pool that nobody needs has no thread, and jobs one after the other need one. */
static void test_threads_as_needed(void **state)
{
    unsigned before = count_threads();
    struct world w;
    struct err e;
    int i;

    (void)state;
    world_open(&w, 4, JOBS);
    assert_int_equal(count_threads(), before);
    w.expected = 1;
    w.jobs[0].again = 5;
    assert_int_equal(work_submit(w.pool, &w.jobs[0].job), 0);
    assert_int_equal(loop_run(w.loop, &e), 0);
    assert_int_equal(w.jobs[0].runs, 6);
    assert_true(count_threads() <= before + 2); /* the one may not yet be back when it is asked */
    for (i = 1; i <= 4; i++) {
        w.jobs[i].job.run = run_blocked;
        assert_int_equal(work_submit(w.pool, &w.jobs[i].job), 0);
    }
    for (i = 1; i <= 4; i++)
        sem_wait(&w.started); /* all at once */
    assert_int_equal(count_threads(), before + 4);
    for (i = 1; i <= 4; i++)
        sem_post(&w.go);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),         cmocka_unit_test(test_full_pool_refuses),
        cmocka_unit_test(test_stopping_refuses),  cmocka_unit_test(test_signals_are_the_loops),
        cmocka_unit_test(test_threads_as_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
