/* http: what is fetched and what is not, from a web server that does as it is told by the path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "web/http.h"

enum { LIMIT = 1000, CLIENTS_MAX = 64 };

struct server {
    int fd;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock;
    int clients[CLIENTS_MAX]; /* of /hang: left open */
    unsigned client_count;
    char request[4096]; /* the last one that had a body */
};

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return;
}

static void redirect(int fd, const char *to)
{
    char text[512];

    snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n",
             to);
    say(fd, text);
}

static void answer(struct server *s, int fd, const char *path)
{
    static const struct {
        const char *path, *text;
    } rows[] = {
        {"/ok ", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
        {"/none ", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
        {"/missing ", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
        {"/busy ", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"},
        {"/cut ", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"},
        {"/huge ", "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"},
        {"/nonsense ", "hello\r\n"},
    };
    char text[256];
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strncmp(path, rows[i].path, strlen(rows[i].path)) == 0)
            say(fd, rows[i].text);
    if (strncmp(path, "/endless ", 9) == 0) {
        say(fd, "HTTP/1.1 200 OK\r\n\r\n");
        for (i = 0; i < 200; i++)
            say(fd, "0123456789");
    }
    if (strncmp(path, "/headers ", 9) == 0) {
        say(fd, "HTTP/1.1 200 OK\r\n");
        for (i = 0; i < 20000; i++)
            say(fd, "X-Filler: 0123456789\r\n");
    }
    snprintf(text, sizeof text, "http://127.0.0.2:%u/ok", s->port);
    if (strncmp(path, "/away ", 6) == 0)
        redirect(fd, text);
    if (strncmp(path, "/file ", 6) == 0)
        redirect(fd, "file:///etc/hostname");
    if (strncmp(path, "/near ", 6) == 0)
        redirect(fd, "/ok");
    if (strncmp(path, "/round ", 7) == 0)
        redirect(fd, "/round");
}

static void serve_client(struct server *s, int fd)
{
    char *space;
    size_t len = 0;
    ssize_t n;
    char text[sizeof s->request];

    /* As much as there is: the test's requests are small, and a body comes with its header. */
    while (len < sizeof text - 1 && (n = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0) {
        len += (size_t)n;
        text[len] = '\0';
        if (strncmp(text, "GET", 3) == 0 ? strstr(text, "\r\n\r\n") : strstr(text, "THE END"))
            break;
    }
    text[len] = '\0';
    space = strchr(text, ' ');
    if (space && strncmp(space + 1, "/hang ", 6) == 0 && s->client_count < CLIENTS_MAX) {
        s->clients[s->client_count++] = fd;
        return;
    }
    if (strncmp(text, "PUT", 3) == 0) {
        pthread_mutex_lock(&s->lock);
        memcpy(s->request, text, len + 1);
        pthread_mutex_unlock(&s->lock);
        say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    } else if (space) {
        answer(s, fd, space + 1);
    }
    close(fd);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd;

    while ((fd = accept(s->fd, NULL, NULL)) >= 0)
        serve_client(s, fd);
    return NULL;
}

struct scene {
    struct server server;
    struct loop *loop;
    struct http *http;
    struct network near;
    unsigned under_way;
};

static int setup(void **state)
{
    static struct scene scene;
    struct scene *s = &scene;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    struct err e;

    memset(s, 0, sizeof *s);
    at.sin_addr.s_addr = htonl(INADDR_ANY);
    s->server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->server.fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(s->server.fd, 64) < 0 ||
        getsockname(s->server.fd, (struct sockaddr *)&at, &len) < 0)
        return -1;
    s->server.port = ntohs(at.sin_port);
    pthread_mutex_init(&s->server.lock, NULL);
    if (pthread_create(&s->server.thread, NULL, serve, &s->server) != 0)
        return -1;
    s->loop = loop_new(&e);
    s->http = http_new(s->loop, &clock_system, &e);
    *state = s;
    return s->http && network_parse("127.0.0.1", &s->near) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    unsigned i;

    http_free(s->http);
    loop_free(s->loop);
    shutdown(s->server.fd, SHUT_RDWR);
    pthread_join(s->server.thread, NULL);
    close(s->server.fd);
    for (i = 0; i < s->server.client_count; i++)
        close(s->server.clients[i]);
    pthread_mutex_destroy(&s->server.lock);
    return 0;
}

static void done(struct http_job *job)
{
    struct scene *s = job->arg;

    if (--s->under_way == 0)
        loop_stop(s->loop);
}

static void submit(struct scene *s, struct http_job *job)
{
    job->done = done;
    job->arg = s;
    job->size_max = LIMIT;
    if (!job->timeout_ms)
        job->timeout_ms = 20000;
    assert_int_equal(http_submit(s->http, job), 0);
    s->under_way++;
}

static void run(struct scene *s)
{
    struct err e;

    assert_int_equal(loop_run(s->loop, &e), 0);
}

static const char *url_of(const struct scene *s, const char *host, const char *path)
{
    static char url[128];

    snprintf(url, sizeof url, "http://%s:%u%s", host, s->server.port, path);
    return url;
}

static void test_get(void **state)
{
    static const struct {
        const char *path;
        enum err_class class;
        const char *content, *why;
    } rows[] = {
        {"/ok", ERR_NONE, "hello", NULL},
        {"/none", ERR_NONE, "", NULL},
        {"/near", ERR_NONE, "hello", NULL},
        {"/missing", ERR_PERMANENT, NULL, "404"},
        {"/busy", ERR_RETRY, NULL, "503"},
        {"/cut", ERR_RETRY, NULL, NULL},
        {"/nonsense", ERR_PERMANENT, NULL, NULL},
        {"/headers", ERR_RETRY, NULL, NULL},
        {"/huge", ERR_PERMANENT, NULL, "larger than 1000 bytes"},
        {"/endless", ERR_PERMANENT, NULL, "larger than 1000 bytes"},
        {"/away", ERR_PERMANENT, NULL, "none that may be asked"},
        {"/file", ERR_PERMANENT, NULL, "no address of a web server"},
        {"/round", ERR_PERMANENT, NULL, "from one place to the next"},
    };
    struct scene *s = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_job job = {.url = url_of(s, "127.0.0.1", rows[i].path),
                               .reach = HTTP_WORLD,
                               .allow = &s->near,
                               .allow_count = 1};

        print_message("%s\n", rows[i].path);
        submit(s, &job);
        run(s);
        if (job.err.class != rows[i].class)
            fail_msg("%d %s", job.err.class, job.err.text);
        if (rows[i].content)
            assert_string_equal(job.content.data, rows[i].content);
        if (rows[i].why && !strstr(job.err.text, rows[i].why))
            fail_msg("%s", job.err.text);
        http_clear(&job);
    }
}

/* No form of an address, and no name, leads to what is not of the open internet. */
static void test_closed(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1", "localhost",          "127.1", "2130706433", "0x7f000001", "0",
        "[::1]",     "[::ffff:127.0.0.1]", "[::]",  "127.0.0.1.",
    };
    struct scene *s = *state;
    size_t i;

    for (i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct http_job job = {.url = url_of(s, hosts[i], "/ok"), .reach = HTTP_WORLD};

        print_message("%s\n", hosts[i]);
        submit(s, &job);
        run(s);
        assert_int_not_equal(job.err.class, ERR_NONE);
        assert_int_equal(job.content.len, 0);
        http_clear(&job);
    }
    for (i = 0; i < 3; i++) {
        static const char *const urls[] = {"file:///etc/hostname", "ftp://127.0.0.1/x",
                                           "http://user:secret@127.0.0.1/"};
        struct http_job job = {
            .url = urls[i], .reach = HTTP_WORLD, .allow = &s->near, .allow_count = 1};

        submit(s, &job);
        run(s);
        assert_int_equal(job.err.class, ERR_PERMANENT);
        assert_null(strstr(job.err.text, "secret"));
        http_clear(&job);
    }
}

static void test_put(void **state)
{
    static const struct http_header headers[] = {{"Content-Type", "text/x-test"},
                                                 {"Authorization", "Basic x"}};
    struct scene *s = *state;
    struct http_job job = {.url = url_of(s, "127.0.0.1", "/put"),
                           .reach = HTTP_TRUSTED,
                           .headers = headers,
                           .header_count = 2,
                           .body = "the bytes THE END",
                           .body_len = 17};

    submit(s, &job);
    run(s);
    assert_int_equal(job.err.class, ERR_NONE);
    http_clear(&job);
    assert_non_null(strstr(s->server.request, "PUT /put HTTP/1.1\r\n"));
    assert_non_null(strstr(s->server.request, "\r\nContent-Type: text/x-test\r\n"));
    assert_non_null(strstr(s->server.request, "\r\nAuthorization: Basic x\r\n"));
    assert_non_null(strstr(s->server.request, "\r\nContent-Length: 17\r\n"));
    assert_non_null(strstr(s->server.request, "\r\n\r\nthe bytes THE END"));
}

/* One owner's servers that never answer leave room for the others, and end. */
static void test_slow(void **state)
{
    enum { HANGING = 2 * HTTP_OWNER_MAX };
    struct scene *s = *state;
    struct http_job hanging[HANGING], quick = {.reach = HTTP_TRUSTED, .owner = "benvolio"};
    char slow_url[128], quick_url[128];
    unsigned i;

    snprintf(slow_url, sizeof slow_url, "%s", url_of(s, "127.0.0.1", "/hang"));
    snprintf(quick_url, sizeof quick_url, "%s", url_of(s, "127.0.0.1", "/ok"));
    for (i = 0; i < HANGING; i++) {
        hanging[i] = (struct http_job){.url = slow_url, .reach = HTTP_TRUSTED, .owner = "tybalt"};
        submit(s, &hanging[i]);
    }
    s->under_way = 0; /* the quick one alone is waited for */
    quick.url = quick_url;
    submit(s, &quick);
    run(s);
    assert_int_equal(quick.err.class, ERR_NONE);
    assert_true(s->server.client_count <= HTTP_OWNER_MAX);
    http_clear(&quick);
    s->under_way = HANGING + 1; /* nobody stops the loop any more */
    http_free(s->http);
    s->http = NULL;
    assert_int_equal(s->under_way, 1);
    for (i = 0; i < HANGING; i++) {
        assert_int_equal(hanging[i].err.class, ERR_RETRY);
        http_clear(&hanging[i]);
    }
}

static void test_timeout(void **state)
{
    struct scene *s = *state;
    struct http_job job = {
        .url = url_of(s, "127.0.0.1", "/hang"), .reach = HTTP_TRUSTED, .timeout_ms = 200};

    submit(s, &job);
    run(s);
    assert_int_equal(job.err.class, ERR_RETRY);
    http_clear(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_put, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
