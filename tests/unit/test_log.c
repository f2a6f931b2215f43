/*
 * Tests of base/log: lines that are held back keep their order and are not lost, and what is wrong
 * is said at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct fixture {
    int saved, pipe[2];
    char text[65536];
    size_t len;
};

static struct fixture fixture;

static int set_up(void **state)
{
    struct fixture *x = &fixture;

    *state = x;
    memset(x, 0, sizeof *x);
    if (pipe(x->pipe) < 0 || fcntl(x->pipe[0], F_SETFL, O_NONBLOCK) < 0)
        return -1;
    x->saved = dup(STDERR_FILENO);
    log_set_level(LOG_LEVEL_INFO);
    return dup2(x->pipe[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;

    log_hold(false);
    log_set_level(LOG_LEVEL_INFO);
    dup2(x->saved, STDERR_FILENO);
    close(x->saved);
    close(x->pipe[0]);
    close(x->pipe[1]);
    return 0;
}

/* All that was written so far. */
static const char *written(struct fixture *x)
{
    ssize_t n;

    while ((n = read(x->pipe[0], x->text + x->len, sizeof x->text - 1 - x->len)) > 0)
        x->len += (size_t)n;
    x->text[x->len] = '\0';
    return x->text;
}

static void test_lines_go_out_at_once(void **state)
{
    struct fixture *x = *state;

    log_info("test", "n=1 text=\"%s\"", "a\nb");
    assert_non_null(strstr(written(x), " info test n=1 text=\"a?b\"\n"));
}

static void test_held_lines_wait(void **state)
{
    struct fixture *x = *state;

    log_hold(true);
    log_info("test", "n=1");
    log_info("test", "n=2");
    assert_string_equal(written(x), "");
    log_release();
    assert_non_null(strstr(written(x), "n=1\n"));
    assert_true(strstr(x->text, "n=1\n") < strstr(x->text, "n=2\n"));
    log_info("test", "n=3");
    assert_null(strstr(written(x), "n=3\n"));
    log_hold(false);
    assert_non_null(strstr(written(x), "n=3\n"));
    log_info("test", "n=4");
    assert_non_null(strstr(written(x), "n=4\n"));
}

static void test_trouble_does_not_wait(void **state)
{
    struct fixture *x = *state;

    log_hold(true);
    log_info("test", "n=1");
    log_warning("test", "n=2");
    assert_non_null(strstr(written(x), "n=2\n"));
    assert_true(strstr(x->text, "n=1\n") < strstr(x->text, "n=2\n"));
    log_set_level(LOG_LEVEL_DEBUG); /* somebody looks for a fault */
    log_info("test", "n=3");
    assert_non_null(strstr(written(x), "n=3\n"));
}

static void test_what_is_held_is_bounded(void **state)
{
    struct fixture *x = *state;
    char number[32];
    const char *at;
    int i;

    log_hold(true);
    for (i = 0; i < 500; i++)
        log_info("test", "n=%d.", i);
    assert_true(strlen(written(x)) > 8192);
    log_release();
    at = written(x);
    for (i = 0; i < 500; i++) {
        snprintf(number, sizeof number, "n=%d.\n", i);
        at = strstr(at, number);
        assert_non_null(at);
    }
}

struct troubles {
    char text[LOG_RECENT + 1][64];
    unsigned times[LOG_RECENT + 1], count;
};

static void take_trouble(int64_t at_s, enum log_level level, unsigned times, const char *text,
                         void *arg)
{
    struct troubles *t = arg;

    assert_true(at_s > 0 && t->count < LOG_RECENT);
    assert_true(level <= LOG_LEVEL_WARNING);
    snprintf(t->text[t->count], sizeof t->text[0], "%s", text);
    t->times[t->count++] = times;
}

/* The last ones are kept, newest first; what is said again moves up and is counted. */
static void trouble_is_remembered(void **state)
{
    struct troubles t = {.count = 0};
    unsigned i;

    (void)state;
    for (i = 0; i < 3 * LOG_RECENT; i++)
        log_warning("test", "event=filler-%c%c", 'a' + i % 26, 'a' + i / 26);
    log_error("test", "event=lost retry_ms=%d", 100);
    log_info("test", "event=fine");
    log_warning("test", "event=other");
    log_error("test", "event=lost retry_ms=%d", 25);
    log_each_recent(take_trouble, &t);
    assert_int_equal(t.count, LOG_RECENT);
    assert_string_equal(t.text[0], "test event=lost retry_ms=25");
    assert_int_equal(t.times[0], 2);
    assert_string_equal(t.text[1], "test event=other");
    assert_int_equal(t.times[1], 1);
    assert_string_equal(t.text[2], "test event=filler-hc");
    assert_string_equal(t.text[LOG_RECENT - 1], "test event=filler-qb");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_lines_go_out_at_once),  TEST(test_held_lines_wait),
        TEST(test_trouble_does_not_wait), TEST(test_what_is_held_is_bounded),
        TEST(trouble_is_remembered),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
