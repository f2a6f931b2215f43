/* flight: a process that ends leaves what it was working on, and how it ended decides whom it
 * accuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "store/flight.h"
#include "store/store.h"
#include "tests/unit/fixture_store.h"

struct scene {
    char folder[FOLDER_SIZE], url[STORE_URL_SIZE];
};

static struct store *open_store(const struct scene *s)
{
    struct err e;
    struct store *store = store_open(s->url, STORE_READ_WRITE, &e);

    assert_non_null(store);
    assert_int_equal(store_lock(store, &e), 0);
    return store;
}

/* How a life ends, besides by a signal that it sends itself; 0: in order. */
enum { END_IN_THREAD = 1000, END_BY_STACK };

static void *touch(void *page)
{
    *(volatile char *)page = 1;
    return NULL;
}

static void fault_in_thread(void)
{
    void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_t thread;
    struct err e;

    if (thread_start(&thread, touch, page, &e) == 0)
        pthread_join(thread, NULL);
}

/* Of no end that a compiler could see. */
static unsigned fill_stack(unsigned depth)
{
    volatile char block[4096];

    block[0] = (char)depth;
    return depth == UINT_MAX ? 0 : fill_stack(depth + 1) + (unsigned)block[0];
}

static void end_by(int how)
{
    if (how == END_IN_THREAD)
        fault_in_thread();
    else if (how == END_BY_STACK)
        _exit(fill_stack(0) == 7);
    else if (how)
        raise(how);
}

/* A life that works on some messages and ends by a signal. */
static void live(const struct scene *s, int how)
{
    int status, signo = how < END_IN_THREAD ? how : SIGSEGV;
    pid_t pid = fork();

    if (pid == 0) {
        struct store *store = open_store(s);
        struct rlimit none = {0, 0};
        struct flight *f;
        struct err e;
        unsigned gone;

        setrlimit(RLIMIT_CORE, &none);
        /* As a build without sanitizers has it: the signal ends the process. */
        signal(signo ? signo : SIGSEGV, SIG_DFL);
        f = flight_open(store, &e);
        if (!f || flight_start(f, &e) < 0)
            _exit(1);
        flight_begin(f, 1);
        gone = flight_begin(f, 2);
        flight_begin(f, 3);
        flight_end(f, gone);
        flight_begin(f, 4);
        end_by(how);
        flight_close(f);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (signo)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signo);
    else
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int note(struct store_txn *txn, void *arg, struct err *e)
{
    bool is_new;

    if (flight_note(arg, txn, &is_new, e) < 0)
        return -1;
    return is_new ? 0 : err_set(e, ERR_PERMANENT, "known");
}

static void expect(const struct scene *s, size_t count, const int64_t *expected)
{
    struct store *store = open_store(s);
    struct err e;
    struct flight *f = flight_open(store, &e);
    const int64_t *ids;
    size_t i;

    assert_non_null(f);
    assert_int_equal(flight_suspects(f, &ids), count);
    for (i = 0; i < count; i++)
        assert_int_equal(ids[i], expected[i]);
    /* They are blamed once, also when the start itself ends here and is made again. */
    assert_int_equal(store_now(store, note, f, &e), count > 0 ? 0 : -1);
    assert_int_equal(store_now(store, note, f, &e), -1);
    flight_close(f);
    f = flight_open(store, &e);
    assert_non_null(f);
    assert_int_equal(store_now(store, note, f, &e), -1);
    assert_int_equal(flight_start(f, &e), 0);
    flight_close(f);
    store_close(store);
}

static void the_end_decides(void **state)
{
    static const int64_t all[] = {1, 4, 3};
    struct scene *s = *state;

    live(s, SIGSEGV);
    expect(s, 3, all);
    live(s, SIGABRT);
    expect(s, 3, all);
    live(s, END_IN_THREAD);
    expect(s, 3, all);
    live(s, END_BY_STACK);
    expect(s, 3, all);
    live(s, SIGKILL); /* whoever did that, no message did */
    expect(s, 0, NULL);
    live(s, 0);
    expect(s, 0, NULL);
    expect(s, 0, NULL);
}

/* A file of something else, or one cut short, accuses nobody and stops nobody. */
static void nonsense_accuses_nobody(void **state)
{
    struct scene *s = *state;
    char path[128];
    FILE *f;
    int i;

    snprintf(path, sizeof path, "%s/q.db.flight", s->folder);
    live(s, SIGSEGV);
    assert_int_equal(truncate(path, 20), 0);
    expect(s, 0, NULL);
    f = fopen(path, "w");
    for (i = 0; i < 30000; i++)
        fputc(i * 7 % 251, f);
    fclose(f);
    expect(s, 0, NULL);
}

static void more_than_there_are_marks(void **state)
{
    struct store *store = open_store(*state);
    struct err e;
    struct flight *f = flight_open(store, &e);
    unsigned marks[FLIGHT_MAX], i;

    assert_int_equal(flight_start(f, &e), 0);
    for (i = 0; i < FLIGHT_MAX; i++)
        assert_int_not_equal(marks[i] = flight_begin(f, i + 1), 0);
    assert_int_equal(flight_begin(f, 9999), 0);
    flight_end(f, 0);
    flight_end(f, marks[7]);
    assert_int_equal(flight_begin(f, 10000), marks[7]);
    flight_close(f);
    store_close(store);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    folder_make("flight", s->folder, s->url);
    store_close(open_store(s)); /* makes the tables */
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    folder_remove(s->folder);
    free(s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_end_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_accuses_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_there_are_marks, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("flight", tests, NULL, NULL);
}
