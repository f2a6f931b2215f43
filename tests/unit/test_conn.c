/* A connection on the loop, against a socket that the test itself holds at the other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/conn.h"
#include "tests/unit/fixture_secret.h"

struct world {
    struct loop *loop;
    struct work_pool *pool;
    struct loop_timer *guard;
    struct conn *conn;
    int listener, peer; /* peer: the accepted end, blocking */
    unsigned port;
    char trace[128]; /* a letter for each event: C d D T F E(nd) */
    char data[256];  /* what arrived, its beginning */
    size_t len;
    struct err err;
    char free_at, stop_at; /* the event that frees the conn, that stops the loop */
};

static void on_event(struct conn *c, enum conn_event event, const char *data, size_t len,
                     const struct err *e, void *arg)
{
    static const char letters[] = "CdDTFE";
    struct world *w = arg;
    size_t n = strlen(w->trace), i;

    assert_ptr_equal(c, w->conn);
    assert_true(n + 1 < sizeof w->trace);
    w->trace[n] = letters[event];
    for (i = 0; i < len; i++, w->len++)
        if (w->len < sizeof w->data - 1)
            w->data[w->len] = data[i];
    if (e)
        w->err = *e;
    if (letters[event] == w->free_at) {
        conn_free(c);
        w->conn = NULL;
    }
    if (letters[event] == w->stop_at)
        loop_stop(w->loop);
}

static void give_up(void *arg)
{
    struct world *w = arg;

    loop_stop(w->loop);
}

static void listen_on(struct world *w, int backlog)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof addr;

    w->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(w->listener >= 0);
    assert_int_equal(bind(w->listener, (struct sockaddr *)&addr, size), 0);
    assert_int_equal(listen(w->listener, backlog), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&addr, &size), 0);
    w->port = ntohs(addr.sin_port);
}

static void world_open(struct world *w)
{
    struct err e;

    memset(w, 0, sizeof *w);
    w->peer = -1;
    w->loop = loop_new(&e);
    assert_non_null(w->loop);
    w->pool = work_pool_new(w->loop, "names", 1, 4, &e);
    assert_non_null(w->pool);
    w->guard = loop_timer_new(w->loop, give_up, w);
    assert_non_null(w->guard);
    listen_on(w, 5);
}

static void world_connect(struct world *w, const char *host)
{
    struct err e;

    w->conn = conn_connect(w->loop, w->pool, host, w->port, 5000, on_event, w, &e);
    assert_non_null(w->conn);
    assert_string_equal(w->trace, ""); /* nothing inside the call */
}

/* Runs until the event, or for so long. */
static void world_run(struct world *w, char stop_at, int64_t ms)
{
    struct err e;

    w->stop_at = stop_at;
    loop_timer_start(w->guard, ms);
    assert_int_equal(loop_run(w->loop, &e), 0);
}

static void world_accept(struct world *w)
{
    w->peer = accept(w->listener, NULL, NULL);
    assert_true(w->peer >= 0);
}

static void world_established(struct world *w)
{
    world_open(w);
    world_connect(w, "127.0.0.1");
    world_run(w, 'C', 5000);
    assert_string_equal(w->trace, "C");
    world_accept(w);
}

static void world_close(struct world *w)
{
    conn_free(w->conn);
    work_pool_free(w->pool);
    loop_timer_free(w->guard);
    loop_free(w->loop);
    close(w->listener);
    if (w->peer >= 0)
        close(w->peer);
}

static void test_both_ways_and_half_closed(void **state)
{
    struct world w;
    char got[16] = "";

    (void)state;
    world_established(&w);
    assert_int_equal(send(w.peer, "hello", 5, 0), 5);
    world_run(&w, 'd', 5000);
    assert_string_equal(w.data, "hello");
    assert_int_equal(shutdown(w.peer, SHUT_WR), 0);
    world_run(&w, 'E', 5000);
    assert_int_equal(conn_write(w.conn, "la", 2), 0);
    assert_int_equal(conn_write(w.conn, "ter", 3), 0);
    assert_int_equal(conn_waiting(w.conn), 5); /* not before the loop goes on */
    world_run(&w, 'D', 5000);
    assert_int_equal(conn_waiting(w.conn), 0);
    assert_int_equal(recv(w.peer, got, sizeof got, MSG_WAITALL | MSG_DONTWAIT), 5);
    assert_string_equal(got, "later");
    assert_string_equal(w.trace, "CdED");
    world_close(&w);
}

static void test_written_before_connected(void **state)
{
    struct world w;
    char got[16] = "";

    (void)state;
    world_open(&w);
    world_connect(&w, "127.0.0.1");
    assert_int_equal(conn_write(w.conn, "early", 5), 0);
    world_run(&w, 'D', 5000);
    assert_string_equal(w.trace, "CD");
    world_accept(&w);
    assert_int_equal(recv(w.peer, got, sizeof got, 0), 5);
    assert_string_equal(got, "early");
    world_close(&w);
}

static void test_names(void **state)
{
    static const struct {
        const char *host, *trace;
    } rows[] = {{"localhost", "C"}, {"127.0.0.1", "C"}, {"no-such-host.invalid", "F"}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;

        world_open(&w);
        world_connect(&w, rows[i].host);
        world_run(&w, rows[i].trace[0], 5000);
        assert_string_equal(w.trace, rows[i].trace);
        if (rows[i].trace[0] == 'F')
            assert_non_null(strstr(w.err.text, rows[i].host));
        world_close(&w);
    }
}

static void test_freed_while_looked_up(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    world_connect(&w, "localhost");
    conn_free(w.conn);
    w.conn = NULL;
    world_run(&w, 0, 50);
    assert_string_equal(w.trace, "");
    world_close(&w);
}

static void test_not_started(void **state)
{
    static const struct {
        const char *host;
        unsigned port;
        bool pool;
        enum err_class class;
    } rows[] = {{"localhost", 80, false, ERR_BUG},
                {"127.0.0.1", 0, true, ERR_PERMANENT},
                {"127.0.0.1", 65536, true, ERR_PERMANENT},
                {"", 80, true, ERR_PERMANENT},
                {"unix:", 0, true, ERR_PERMANENT}};
    struct world w;
    struct err e;
    size_t i;
    char path[300];

    (void)state;
    world_open(&w);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        err_clear(&e);
        assert_null(conn_connect(w.loop, rows[i].pool ? w.pool : NULL, rows[i].host, rows[i].port,
                                 1000, on_event, &w, &e));
        assert_int_equal(e.class, rows[i].class);
    }
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_null(conn_connect(w.loop, w.pool, path, 80, 1000, on_event, &w, &e));
    memcpy(path, "unix:", 5);
    assert_null(conn_connect(w.loop, w.pool, path, 80, 1000, on_event, &w, &e));
    world_close(&w);
}

static void test_refused(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    close(w.listener);
    world_connect(&w, "127.0.0.1");
    world_run(&w, 'F', 5000);
    assert_string_equal(w.trace, "F");
    assert_int_equal(w.err.class, ERR_RETRY);
    assert_non_null(strstr(w.err.text, "refused"));
    assert_int_equal(conn_write(w.conn, "x", 1), -1);
    w.listener = open("/dev/null", O_RDONLY);
    world_close(&w);
}

static void test_connecting_times_out(void **state)
{
    struct world w;
    struct err e;
    struct sockaddr_in addr;
    socklen_t size = sizeof addr;
    int fill[4];
    size_t i;

    (void)state;
    world_open(&w);
    /* A listener whose queue is full lets the next SYN go unanswered. */
    close(w.listener);
    listen_on(&w, 0);
    assert_int_equal(getsockname(w.listener, (struct sockaddr *)&addr, &size), 0);
    for (i = 0; i < 4; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(connect(fill[i], (struct sockaddr *)&addr, size) < 0);
    }
    w.conn = conn_connect(w.loop, w.pool, "127.0.0.1", w.port, 60, on_event, &w, &e);
    assert_non_null(w.conn);
    world_run(&w, 'T', 5000);
    assert_string_equal(w.trace, "T");
    assert_non_null(strstr(w.err.text, "no answer"));
    world_run(&w, 0, 30);
    assert_string_equal(w.trace, "T"); /* the end of it */
    for (i = 0; i < 4; i++)
        close(fill[i]);
    world_close(&w);
}

static void test_silence(void **state)
{
    struct world w;

    (void)state;
    world_established(&w);
    conn_set_timeout(w.conn, 20);
    world_run(&w, 0, 80);
    assert_string_equal(w.trace, "CT"); /* once */
    assert_int_equal(send(w.peer, "x", 1, 0), 1);
    world_run(&w, 0, 80);
    assert_string_equal(w.trace, "CTdT"); /* and once more for the next silence */
    conn_pause(w.conn, true);
    assert_int_equal(send(w.peer, "y", 1, 0), 1);
    world_run(&w, 0, 80);
    assert_string_equal(w.trace, "CTdT"); /* paused: neither data nor silence */
    conn_pause(w.conn, false);
    world_run(&w, 'T', 5000);
    assert_string_equal(w.trace, "CTdTdT");
    conn_set_timeout(w.conn, 0);
    assert_int_equal(send(w.peer, "z", 1, 0), 1);
    world_run(&w, 0, 60);
    assert_string_equal(w.trace, "CTdTdTd");
    world_close(&w);
}

/* A password is gone from memory when it has left, however it leaves. */
static void test_a_secret_leaves_no_copy(void **state)
{
    static const char password[] = "the nightingale, and not the lark";
    char more[2000], got[sizeof password];
    struct world w;
    int i;

    (void)state;
    memset(more, 'x', sizeof more);
    for (i = 0; i < 3; i++) { /* sent, sent with much behind it, not sent */
        world_established(&w);
        secret = password;
        secrets_left = 0;
        assert_int_equal(conn_write_secret(w.conn, password, sizeof password), 0);
        if (i == 1)
            assert_int_equal(conn_write(w.conn, more, sizeof more), 0);
        if (i < 2) {
            world_run(&w, 'D', 5000);
            assert_int_equal(recv(w.peer, got, sizeof got, MSG_WAITALL), (ssize_t)sizeof got);
            assert_string_equal(got, password);
        }
        conn_free(w.conn);
        w.conn = NULL;
        assert_int_equal(secrets_left, 0);
        secret = NULL;
        world_close(&w);
    }
}

static void test_write_limit(void **state)
{
    enum { SIZE = 1000000 };
    struct world w;
    char *data = malloc(SIZE), *got = malloc(SIZE + 1);
    size_t have = 0, i;

    (void)state;
    assert_non_null(data);
    assert_non_null(got);
    for (i = 0; i < SIZE; i++)
        data[i] = (char)('a' + i % 23);
    world_established(&w);
    conn_set_write_max(w.conn, SIZE - 1);
    assert_int_equal(conn_write(w.conn, data, SIZE), -1);
    assert_int_equal(conn_waiting(w.conn), 0); /* nothing was taken */
    conn_set_write_max(w.conn, SIZE);
    for (i = 0; i < SIZE; i += 1000)
        assert_int_equal(conn_write(w.conn, data + i, 1000), 0);
    assert_int_equal(conn_write(w.conn, "x", 1), -1);
    assert_int_equal(conn_waiting(w.conn), SIZE);
    for (i = 0; have < SIZE && i < 10000; i++) {
        ssize_t n;

        world_run(&w, 'D', 2);
        n = recv(w.peer, got + have, SIZE + 1 - have, MSG_DONTWAIT);
        if (n > 0)
            have += (size_t)n;
    }
    assert_int_equal(have, SIZE);
    assert_memory_equal(got, data, SIZE);
    world_run(&w, 0, 10);
    assert_string_equal(w.trace, "CD");
    free(data);
    free(got);
    world_close(&w);
}

static void test_reset(void **state)
{
    struct world w;
    struct linger now = {1, 0};

    (void)state;
    world_established(&w);
    assert_int_equal(setsockopt(w.peer, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(w.peer);
    w.peer = -1;
    world_run(&w, 'F', 5000);
    assert_string_equal(w.trace, "CF");
    assert_int_equal(w.err.class, ERR_RETRY);
    world_run(&w, 0, 20);
    assert_string_equal(w.trace, "CF");
    world_close(&w);
}

static void test_written_to_the_gone(void **state)
{
    struct world w;
    int i;

    (void)state;
    world_established(&w);
    close(w.peer);
    w.peer = -1;
    world_run(&w, 'E', 5000);
    for (i = 0; i < 20 && !strchr(w.trace, 'F'); i++) { /* SIGPIPE would end the test */
        assert_int_equal(conn_write(w.conn, "x", 1), 0);
        world_run(&w, 'F', 10);
    }
    assert_non_null(strchr(w.trace, 'F'));
    world_close(&w);
}

static void test_last_words_are_read(void **state)
{
    struct world w;
    struct linger now = {1, 0};
    char *much = calloc(1, 8 << 20);

    (void)state;
    assert_non_null(much);
    world_established(&w);
    conn_set_write_max(w.conn, 8 << 20);
    assert_int_equal(conn_write(w.conn, much, 8 << 20), 0);
    conn_pause(w.conn, true);
    world_run(&w, 'D', 50); /* the peer reads nothing: the write is stuck */
    assert_string_equal(w.trace, "C");
    assert_int_equal(send(w.peer, "because", 7, 0), 7);
    assert_int_equal(setsockopt(w.peer, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(w.peer);
    w.peer = -1;
    conn_pause(w.conn, false);
    world_run(&w, 'F', 5000);
    assert_string_equal(w.trace, "CdF");
    assert_string_equal(w.data, "because");
    assert_int_equal(conn_write(w.conn, "x", 1), -1);
    free(much);
    world_close(&w);
}

static void test_freed_in_callbacks(void **state)
{
    static const char events[] = "CdDTE";
    const char *p;

    (void)state;
    for (p = events; *p; p++) {
        struct world w;

        world_open(&w);
        w.free_at = *p;
        world_connect(&w, "127.0.0.1");
        assert_int_equal(conn_write(w.conn, "x", 1), 0);
        if (*p == 'T')
            conn_set_timeout(w.conn, 5);
        world_run(&w, *p == 'C' ? 'C' : *p == 'T' ? 'T' : 'D', 5000);
        world_accept(&w);
        if (*p == 'd' || *p == 'E') {
            assert_int_equal(send(w.peer, "y", 1, 0), 1);
            assert_int_equal(shutdown(w.peer, SHUT_WR), 0);
            world_run(&w, *p, 5000);
        }
        assert_null(w.conn);
        assert_int_equal(w.trace[strlen(w.trace) - 1], *p);
        world_run(&w, 0, 10);
        assert_int_equal(w.trace[strlen(w.trace) - 1], *p); /* silent from there on */
        world_close(&w);
    }
}

static void test_unix_socket(void **state)
{
    struct world w;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/test_conn.XXXXXX", host[64];

    (void)state;
    assert_non_null(mkdtemp(dir));
    world_open(&w);
    close(w.listener);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/s", dir);
    snprintf(host, sizeof host, "unix:%s/s", dir);
    w.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(w.listener, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(w.listener, 5), 0);
    world_connect(&w, host);
    world_run(&w, 'C', 5000);
    assert_string_equal(w.trace, "C");
    world_accept(&w);
    assert_int_equal(send(w.peer, "hello", 5, 0), 5);
    world_run(&w, 'd', 5000);
    assert_string_equal(w.data, "hello");
    unlink(addr.sun_path);
    rmdir(dir);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways_and_half_closed),
        cmocka_unit_test(test_written_before_connected),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_freed_while_looked_up),
        cmocka_unit_test(test_not_started),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_connecting_times_out),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_a_secret_leaves_no_copy),
        cmocka_unit_test(test_write_limit),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_written_to_the_gone),
        cmocka_unit_test(test_last_words_are_read),
        cmocka_unit_test(test_freed_in_callbacks),
        cmocka_unit_test(test_unix_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
