/* web: what a client on a raw socket is given, and what it is not. */
#define _GNU_SOURCE /* strcasestr */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "tests/fake/port.h"
#include "web/peers.h"
#include "web/web.h"

enum {
    TEXT_ID = 1,
    PICTURE_ID = 2,
    PAGE_ID = 3,
    LARGE_ID = 4,
    EMPTY_ID = 5,
    HELD_ID = 6,
    LOST_ID = 7,
    NONE_ID = 8,
    OWN_PAGE_ID = 9,
    LARGE_SIZE = 32 << 20
};

static const struct {
    int64_t id;
    const char *name, *media_type, *content;
} stored[] = {
    {TEXT_ID, "r\303\251sum\303\251 \"1\".txt", "Text/Plain; charset=latin1", "0123456789"},
    {PICTURE_ID, "a.png", "image/png", "PNG"},
    {PAGE_ID, "a.html", "text/html", "<script>alert(1)</script>"},
    {EMPTY_ID, "nothing", "application/pdf", ""},
    {OWN_PAGE_ID, "mail.html", WEB_PAGE, "<p>x"},
};

struct scene {
    char folder[64], socket_path[96];
    struct loop *loop;
    struct web *web;
    struct conf_endpoint at;
    struct keyed_key key;
    struct clock clock;
    atomic_llong now_ms, mono_ms; /* added to the time of the system */
    struct web_request *held;
    unsigned asked;
    int64_t per_address;
};

static int64_t wall(void *arg)
{
    struct scene *s = arg;

    return clock_wall_ms(&clock_system) + atomic_load(&s->now_ms);
}

static int64_t mono(void *arg)
{
    struct scene *s = arg;

    return clock_mono_ms(&clock_system) + atomic_load(&s->mono_ms);
}

static void path_of(const struct scene *s, int64_t id, char path[128])
{
    snprintf(path, 128, "%s/%d", s->folder, (int)id);
}

static void find(struct web_request *request, int64_t id, void *arg)
{
    struct scene *s = arg;
    char path[128];
    struct web_file file = {.path = path, .name = "large", .media_type = "video/mp4"};
    size_t i;

    s->asked++;
    path_of(s, id, path);
    if (id == HELD_ID) {
        s->held = request;
        return;
    }
    for (i = 0; i < sizeof stored / sizeof stored[0]; i++) {
        if (stored[i].id == id) {
            file.name = stored[i].name;
            file.media_type = stored[i].media_type;
        }
    }
    web_answer(request, id == NONE_ID ? NULL : &file);
}

static void write_files(struct scene *s)
{
    char path[128], *large = malloc(LARGE_SIZE);
    size_t i;
    FILE *f;

    for (i = 0; i < sizeof stored / sizeof stored[0]; i++) {
        path_of(s, stored[i].id, path);
        f = fopen(path, "w");
        assert_non_null(f);
        fputs(stored[i].content, f);
        fclose(f);
    }
    assert_non_null(large);
    for (i = 0; i < LARGE_SIZE; i++)
        large[i] = (char)(i * 2654435761u >> 13);
    path_of(s, LARGE_ID, path);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(large, 1, LARGE_SIZE, f), LARGE_SIZE);
    fclose(f);
    free(large);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct err e;

    log_set_level(LOG_LEVEL_ERROR);
    strcpy(s->folder, "/tmp/postern-web-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->socket_path, sizeof s->socket_path, "%s/web.sock", s->folder);
    s->at.text = s->at.path = s->socket_path;
    s->clock = (struct clock){wall, mono, s};
    s->per_address = -1;
    assert_int_equal(keyed_random(s->key.bytes, sizeof s->key.bytes, &e), 0);
    write_files(s);
    s->loop = loop_new(&e);
    s->web = web_new(s->loop, &s->clock, &s->at, s->per_address, &s->key, find, s, &e);
    assert_non_null(s->web);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    char command[128];

    web_free(s->web);
    assert_int_not_equal(access(s->socket_path, F_OK), 0);
    loop_free(s->loop);
    snprintf(command, sizeof command, "rm -rf '%s'", s->folder);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

/* The client, on a thread of its own. */

struct client {
    struct scene *scene;
    const char *request; /* all that is sent */
    bool leaves;         /* closes at once, without reading */
    struct buf answer;
    bool was_reset;
};

static int connect_to(const struct scene *s)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(at.sun_path, s->socket_path, strlen(s->socket_path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        abort();
    return fd;
}

static void *be_client(void *arg)
{
    struct client *c = arg;
    int fd = connect_to(c->scene);
    char piece[65536];
    ssize_t n;

    if (send(fd, c->request, strlen(c->request), MSG_NOSIGNAL) < 0)
        c->was_reset = true;
    if (c->leaves)
        usleep(50000); /* until it has been read */
    else
        while ((n = read(fd, piece, sizeof piece)) > 0)
            buf_add(&c->answer, piece, (size_t)n);
    close(fd);
    loop_stop(c->scene->loop);
    return NULL;
}

static void run_client(struct client *c)
{
    pthread_t thread;
    struct err e;

    buf_init(&c->answer, LARGE_SIZE + 65536);
    assert_int_equal(pthread_create(&thread, NULL, be_client, c), 0);
    assert_int_equal(loop_run(c->scene->loop, &e), 0);
    pthread_join(thread, NULL);
}

/* Sends one request and takes all of the answer, which the caller frees. */
static char *ask(struct scene *s, const char *method, const char *path, const char *headers)
{
    char request[2048];
    struct client c = {.scene = s, .request = request};
    char *text;

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n",
             method, path, headers);
    run_client(&c);
    text = buf_detach(&c.answer, NULL);
    assert_non_null(text);
    return text;
}

static const char *path_for(struct scene *s, int64_t id, const char *rest)
{
    static char path[160];
    char token[KEYED_TOKEN_SIZE];

    keyed_token(&s->key, "file", id, clock_wall_s(&clock_system) + 86400, token);
    snprintf(path, sizeof path, "/f/%s%s", token, rest);
    return path;
}

static const char *body_of(const char *answer)
{
    const char *body = strstr(answer, "\r\n\r\n");

    assert_non_null(body);
    return body + 4;
}

static bool has(const char *answer, const char *line)
{
    const char *at = strcasestr(answer, line);

    return at && at < body_of(answer);
}

static void the_file_comes_in_safe_headers(void **state)
{
    static const struct {
        int64_t id;
        const char *type, *disposition;
    } rows[] = {
        {TEXT_ID, "Content-Type: text/plain; charset=utf-8\r\n",
         "Content-Disposition: inline; filename*=UTF-8''r%C3%A9sum%C3%A9%20%221%22.txt\r\n"},
        {PICTURE_ID, "Content-Type: image/png\r\n",
         "Content-Disposition: inline; filename*=UTF-8''a.png\r\n"},
        {PAGE_ID, "Content-Type: application/octet-stream\r\n",
         "Content-Disposition: attachment; filename*=UTF-8''a.html\r\n"},
        {EMPTY_ID, "Content-Type: application/pdf\r\n",
         "Content-Disposition: attachment; filename*=UTF-8''nothing\r\n"},
    };
    static const char *const always[] = {"HTTP/1.1 200 OK\r\n",
                                         "X-Content-Type-Options: nosniff\r\n",
                                         "Content-Security-Policy: sandbox; default-src 'none'\r\n",
                                         "Cache-Control: private",
                                         "Referrer-Policy: no-referrer\r\n",
                                         "Accept-Ranges: bytes\r\n"};
    struct scene *s = *state;
    size_t i, j;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *answer = ask(s, "GET", path_for(s, rows[i].id, "/x"), "");

        for (j = 0; j < sizeof always / sizeof always[0]; j++)
            if (!has(answer, always[j]))
                fail_msg("%d: no %s in %s", (int)i, always[j], answer);
        assert_true(has(answer, rows[i].type));
        assert_true(has(answer, rows[i].disposition));
        assert_false(has(answer, "\r\nServer:"));
        assert_false(has(answer, "\r\nSet-Cookie:"));
        assert_string_equal(body_of(answer), stored[i].content);
        free(answer);
    }
}

/* HTML of strangers is only bytes; the gateway's own page is shown, and may do nothing. */
static void own_pages_are_shown(void **state)
{
    struct scene *s = *state;
    char *answer = ask(s, "GET", path_for(s, OWN_PAGE_ID, "/x"), "");

    assert_true(has(answer, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_true(has(answer, "Content-Security-Policy: sandbox allow-popups "
                            "allow-popups-to-escape-sandbox; default-src 'none'; "));
    assert_false(has(answer, "script"));
    assert_true(has(answer, "X-Content-Type-Options: nosniff\r\n"));
    assert_true(has(answer, "Content-Disposition: inline"));
    free(answer);
}

static void ranges_are_answered(void **state)
{
    static const struct {
        const char *headers, *status, *range, *body;
    } rows[] = {
        {"Range: bytes=2-4\r\n", "206", "Content-Range: bytes 2-4/10\r\n", "234"},
        {"Range: Bytes=8-\r\n", "206", "Content-Range: bytes 8-9/10\r\n", "89"},
        {"Range: bytes=-3\r\n", "206", "Content-Range: bytes 7-9/10\r\n", "789"},
        {"Range: bytes=-99\r\n", "206", "Content-Range: bytes 0-9/10\r\n", "0123456789"},
        {"Range: bytes=5-99999999999999999999999\r\n", "206", "Content-Range: bytes 5-9/10\r\n",
         "56789"},
        {"Range: bytes=10-\r\n", "416", "Content-Range: bytes */10\r\n", ""},
        {"Range: bytes=99999999999999999999999-\r\n", "416", "Content-Range: bytes */10\r\n", ""},
        {"Range: bytes=-0\r\n", "416", "Content-Range: bytes */10\r\n", ""},
        {"Range: bytes=4-2\r\n", "200", NULL, "0123456789"},
        {"Range: bytes=1-2,4-5\r\n", "200", NULL, "0123456789"},
        {"Range: bytes=\r\n", "200", NULL, "0123456789"},
        {"Range: bytes=-\r\n", "200", NULL, "0123456789"},
        {"Range: bytes=1-2x\r\n", "200", NULL, "0123456789"},
        {"Range: bytes=--2\r\n", "200", NULL, "0123456789"},
        {"Range: lines=1-2\r\n", "200", NULL, "0123456789"},
        {"Range: bytes=2-4\r\nIf-Range: \"x\"\r\n", "200", NULL, "0123456789"},
    };
    struct scene *s = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *answer = ask(s, "GET", path_for(s, TEXT_ID, "/x"), rows[i].headers);

        if (strncmp(answer + 9, rows[i].status, 3) != 0 ||
            (rows[i].range ? !has(answer, rows[i].range) : has(answer, "Content-Range")) ||
            strcmp(body_of(answer), rows[i].body) != 0)
            fail_msg("%s: %s", rows[i].headers, answer);
        free(answer);
    }
    {
        char *answer = ask(s, "GET", path_for(s, EMPTY_ID, "/x"), "Range: bytes=0-\r\n");

        assert_true(has(answer, "HTTP/1.1 416"));
        free(answer);
    }
}

static void head_has_headers_alone(void **state)
{
    static const struct {
        int64_t id;
        const char *rest, *status, *length;
    } rows[] = {{TEXT_ID, "/x", "200", "Content-Length: 10\r\n"},
                {LARGE_ID, "/x", "200", "Content-Length: 33554432\r\n"},
                {NONE_ID, "/x", "404", "Content-Length: 23\r\n"},
                {TEXT_ID, "", "404", "Content-Length: 23\r\n"}};
    struct scene *s = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *answer =
            ask(s, "HEAD", path_for(s, rows[i].id, rows[i].rest), "Range: bytes=1-2\r\n");

        assert_memory_equal(answer + 9, rows[i].status, 3);
        assert_true(has(answer, rows[i].length));
        assert_string_equal(body_of(answer), "");
        free(answer);
    }
}

/* An answer without its Date. */
static void blank_date(char *answer)
{
    char *date = strstr(answer, "Date: ");

    for (; date && *date != '\r'; date++)
        *date = '-';
}

/* Whatever is not there: the same answer to the byte, so that nobody learns what might be. */
static void all_else_is_missing_in_the_same_words(void **state)
{
    static const char *const paths[] = {"/",
                                        "/f",
                                        "/f/",
                                        "/f//x",
                                        "/g/x/y",
                                        "/f/00000.0000.000/x",
                                        "/favicon.ico",
                                        "/f/../../../etc/passwd",
                                        "/f/%2e%2e/%2e%2e/x",
                                        "/index.html?x=1"};
    struct scene *s = *state;
    char *first = ask(s, "GET", "/nothing", ""), *answer;
    struct keyed_key other = {{1}};
    char token[KEYED_TOKEN_SIZE], path[160];
    size_t i;

    blank_date(first);
    assert_true(has(first, "HTTP/1.1 404 Not Found\r\n"));
    assert_true(has(first, "X-Content-Type-Options: nosniff\r\n"));
    for (i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        answer = ask(s, "GET", paths[i], "");
        blank_date(answer);
        assert_string_equal(answer, first);
        free(answer);
    }
    for (i = 0; i < 5; i++) {
        keyed_token(i == 0 ? &other : &s->key, i == 1 ? "bounce" : "file",
                    i == 2   ? NONE_ID
                    : i == 3 ? LOST_ID
                             : TEXT_ID,
                    clock_wall_s(&clock_system) + 86400, token);
        snprintf(path, sizeof path, "/f/%s/x", token);
        answer = ask(s, i == 4 ? "POST" : "GET", path, i == 4 ? "Content-Length: 0\r\n" : "");
        blank_date(answer);
        assert_string_equal(answer, first);
        free(answer);
    }
    assert_int_equal(s->asked, 2); /* only what was genuine was looked for */
    for (i = 0; i < 3; i++) {
        answer = ask(s, "GET", path_for(s, TEXT_ID, i == 0 ? "" : i == 1 ? "/" : "/a/b"), "");
        blank_date(answer);
        assert_string_equal(answer, first);
        free(answer);
    }
    free(first);
}

static void an_expired_link_is_gone(void **state)
{
    struct scene *s = *state;
    const char *path = path_for(s, TEXT_ID, "/x");
    char *answer = ask(s, "GET", path, "");

    assert_true(has(answer, "HTTP/1.1 200"));
    free(answer);
    atomic_store(&s->now_ms, 3 * 86400000ll);
    answer = ask(s, "GET", path, "");
    assert_true(has(answer, "HTTP/1.1 410 Gone\r\n"));
    assert_int_equal(s->asked, 1);
    free(answer);
}

static void a_large_file_comes_whole(void **state)
{
    struct scene *s = *state;
    char request[256];
    struct client c = {.scene = s, .request = request};
    const char *body;
    size_t i, wrong = 0;

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
             path_for(s, LARGE_ID, "/x"));
    run_client(&c);
    body = body_of(c.answer.data);
    assert_int_equal(c.answer.len - (size_t)(body - c.answer.data), LARGE_SIZE);
    for (i = 0; i < LARGE_SIZE; i++)
        wrong += body[i] != (char)(i * 2654435761u >> 13);
    assert_int_equal(wrong, 0);
    buf_clear(&c.answer);
}

static void requests_follow_on_one_connection(void **state)
{
    struct scene *s = *state;
    char request[1024], first[256];
    struct client c = {.scene = s, .request = request};

    snprintf(first, sizeof first, "%s", path_for(s, TEXT_ID, "/x"));
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: h\r\n\r\nGET /none HTTP/1.1\r\nHost: h\r\n\r\n"
             "HEAD %s HTTP/1.1\r\nHost: h\r\n\r\n"
             "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
             first, first, path_for(s, PICTURE_ID, "/y"));
    run_client(&c);
    assert_non_null(strstr(c.answer.data, "\r\n\r\n0123456789HTTP/1.1 404"));
    assert_non_null(strstr(c.answer.data, "\r\n\r\nThere is nothing here.\nHTTP/1.1 200"));
    assert_non_null(strstr(c.answer.data, "\r\n\r\nHTTP/1.1 200")); /* HEAD: no body */
    assert_memory_equal(c.answer.data + c.answer.len - 7, "\r\n\r\nPNG", 7);
    buf_clear(&c.answer);
}

/* The client goes before the store has answered; then the store does. */
static void a_client_may_leave_before_the_answer(void **state)
{
    struct scene *s = *state;
    char request[256], path[128];
    struct web_file file = {.path = path, .name = "a", .media_type = "text/plain"};
    struct client c = {.scene = s, .request = request, .leaves = true};
    char *answer;

    path_of(s, TEXT_ID, path);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n",
             path_for(s, HELD_ID, "/x"));
    run_client(&c);
    buf_clear(&c.answer);
    assert_non_null(s->held);
    free(ask(s, "GET", "/", "")); /* the loop turns and sees that the other has gone */
    web_answer(s->held, &file);
    answer = ask(s, "GET", path_for(s, TEXT_ID, "/x"), "");
    assert_true(has(answer, "HTTP/1.1 200"));
    free(answer);
}

/* The gateway ends while a request waits. */
static void the_end_may_come_before_the_answer(void **state)
{
    struct scene *s = *state;
    char request[256];
    struct client c = {.scene = s, .request = request, .leaves = true};
    struct err e;

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n",
             path_for(s, HELD_ID, "/x"));
    run_client(&c);
    buf_clear(&c.answer);
    assert_non_null(s->held);
    web_free(s->web); /* under the sanitizer: touches nothing that is gone */
    s->web = web_new(s->loop, &s->clock, &s->at, s->per_address, &s->key, find, s, &e);
    assert_non_null(s->web);
}

static void too_much_is_refused(void **state)
{
    struct scene *s = *state;
    char *request = malloc(200000);
    struct client c = {.scene = s, .request = request};
    char *answer;

    assert_non_null(request);
    strcpy(request, "GET / HTTP/1.1\r\nX: ");
    memset(request + strlen(request), 'x', 100000);
    strcpy(request + 100000, "\r\n\r\n");
    run_client(&c);
    assert_null(strstr(c.answer.data, "200 OK"));
    buf_clear(&c.answer);
    strcpy(request, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n");
    run_client(&c);
    assert_null(strstr(c.answer.data, "200 OK"));
    buf_clear(&c.answer);
    free(request);
    answer = ask(s, "GET", path_for(s, TEXT_ID, "/x"), "");
    assert_true(has(answer, "HTTP/1.1 200"));
    free(answer);
}

/* More connections than are served at a time; they say nothing, and in the end they are closed and
 * who waited is served. */
struct crowd {
    struct scene *scene;
    int fds[PEERS_MAX];
    bool was_kept_waiting, was_served;
    unsigned closed;
};

static void *be_crowd(void *arg)
{
    struct crowd *c = arg;
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    struct pollfd p = {.events = POLLIN};
    char text[512];
    int i;

    for (i = 0; i < PEERS_MAX; i++) {
        c->fds[i] = connect_to(c->scene);
        if (send(c->fds[i], "GET", 3, MSG_NOSIGNAL) != 3)
            abort();
        if (i % 64 == 63)
            usleep(30000); /* the kernel's queue is shorter than the crowd */
    }
    usleep(100000);
    p.fd = connect_to(c->scene);
    if (send(p.fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        abort();
    c->was_kept_waiting = poll(&p, 1, 300) == 0;
    atomic_store(&c->scene->mono_ms, PEERS_ASK_MS + 1000);
    c->was_served = poll(&p, 1, 10000) == 1 && read(p.fd, text, sizeof text) > 20 &&
                    memcmp(text, "HTTP/1.1 404", 12) == 0;
    close(p.fd);
    for (i = 0; i < PEERS_MAX; i++) {
        struct pollfd one = {.fd = c->fds[i], .events = POLLIN};

        c->closed += poll(&one, 1, 10000) == 1;
        close(c->fds[i]);
    }
    loop_stop(c->scene->loop);
    return NULL;
}

static void a_silent_crowd_is_sent_away(void **state)
{
    struct scene *s = *state;
    struct crowd c = {.scene = s};
    pthread_t thread;
    struct err e;

    assert_int_equal(pthread_create(&thread, NULL, be_crowd, &c), 0);
    assert_int_equal(loop_run(s->loop, &e), 0);
    pthread_join(thread, NULL);
    assert_true(c.was_kept_waiting);
    assert_true(c.was_served);
    assert_int_equal(c.closed, PEERS_MAX);
}

/* One address with more connections than it may have, and another that asks. */
enum { OF_ONE = 4, TOO_MANY = 3 };

struct greed {
    struct scene *scene;
    unsigned port;
    unsigned closed, kept;
    bool was_other_served, was_next_served;
};

static int connect_from(const struct greed *g, const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
        abort();
    at.sin_port = htons((uint16_t)g->port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        abort();
    return fd;
}

static bool is_served_from(const struct greed *g, const char *address)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    struct pollfd p = {.fd = connect_from(g, address), .events = POLLIN};
    char text[512];
    bool is_served = send(p.fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
                     poll(&p, 1, 10000) == 1 && read(p.fd, text, sizeof text) > 20;

    close(p.fd);
    return is_served;
}

static void *be_greedy(void *arg)
{
    struct greed *g = arg;
    struct pollfd all[OF_ONE + TOO_MANY];
    unsigned i;

    for (i = 0; i < OF_ONE + TOO_MANY; i++)
        all[i] = (struct pollfd){.fd = connect_from(g, "127.0.0.1"), .events = POLLIN};
    for (i = OF_ONE; i < OF_ONE + TOO_MANY; i++)
        g->closed += poll(&all[i], 1, 10000) == 1;
    for (i = 0; i < OF_ONE; i++)
        g->kept += poll(&all[i], 1, 0) == 0;
    g->was_other_served = is_served_from(g, "127.0.0.2");
    close(all[0].fd);
    for (i = 0; i < 100 && !g->was_next_served; i++) { /* the end of the first has to be seen */
        usleep(20000);
        g->was_next_served = is_served_from(g, "127.0.0.1");
    }
    for (i = 1; i < OF_ONE + TOO_MANY; i++)
        close(all[i].fd);
    loop_stop(g->scene->loop);
    return NULL;
}

static void one_address_does_not_get_everything(void **state)
{
    struct scene *s = *state;
    struct conf_endpoint tcp = {.text = "127.0.0.1:x", .host = "127.0.0.1"};
    struct greed g = {.scene = s};
    struct web *w;
    struct err e;
    pthread_t thread;

    g.port = tcp.port = fake_port();
    w = web_new(s->loop, &s->clock, &tcp, OF_ONE, &s->key, find, s, &e);
    assert_non_null(w);
    assert_int_equal(pthread_create(&thread, NULL, be_greedy, &g), 0);
    assert_int_equal(loop_run(s->loop, &e), 0);
    pthread_join(thread, NULL);
    web_free(w);
    assert_int_equal(g.closed, TOO_MANY);
    assert_int_equal(g.kept, OF_ONE);
    assert_true(g.was_other_served);
    assert_true(g.was_next_served);
}

static void the_address_must_be_free(void **state)
{
    struct scene *s = *state;
    struct conf_endpoint tcp = {.text = "127.0.0.1:x", .host = "127.0.0.1"};
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)fake_port()),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct conf_endpoint file = {.text = "unix:file"};
    char path[128], *answer;
    struct stat st;
    struct web *w;
    struct err e;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_null(web_new(s->loop, &s->clock, &s->at, s->per_address, &s->key, find, s, &e));
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "in use"));
    answer = ask(s, "GET", path_for(s, TEXT_ID, "/x"), ""); /* the first still serves */
    assert_true(has(answer, "HTTP/1.1 200"));
    free(answer);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    tcp.port = ntohs(at.sin_port);
    assert_null(web_new(s->loop, &s->clock, &tcp, s->per_address, &s->key, find, s, &e));
    assert_non_null(strstr(e.text, "in use"));
    assert_non_null(strstr(e.text, tcp.text));
    close(fd);
    w = web_new(s->loop, &s->clock, &tcp, s->per_address, &s->key, find, s, &e);
    assert_non_null(w);
    web_free(w);
    tcp.host = "192.0.2.1";
    assert_null(web_new(s->loop, &s->clock, &tcp, s->per_address, &s->key, find, s, &e));
    assert_non_null(strstr(e.text, "not an address of this machine"));

    path_of(s, TEXT_ID, path); /* somebody's file is not taken for a socket */
    file.path = path;
    assert_null(web_new(s->loop, &s->clock, &file, s->per_address, &s->key, find, s, &e));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 10);
}

static void a_stale_socket_is_replaced(void **state)
{
    struct scene *s = *state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct conf_endpoint endpoint = {.text = "unix:stale", .path = at.sun_path};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct web *w;
    struct err e;

    snprintf(at.sun_path, sizeof at.sun_path, "%s/stale.sock", s->folder);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd); /* as a killed gateway leaves it */
    assert_int_equal(access(at.sun_path, F_OK), 0);
    w = web_new(s->loop, &s->clock, &endpoint, s->per_address, &s->key, find, s, &e);
    assert_non_null(w);
    web_free(w);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE(the_file_comes_in_safe_headers),
        SCENE(own_pages_are_shown),
        SCENE(ranges_are_answered),
        SCENE(head_has_headers_alone),
        SCENE(all_else_is_missing_in_the_same_words),
        SCENE(an_expired_link_is_gone),
        SCENE(a_large_file_comes_whole),
        SCENE(requests_follow_on_one_connection),
        SCENE(a_client_may_leave_before_the_answer),
        SCENE(the_end_may_come_before_the_answer),
        SCENE(too_much_is_refused),
        SCENE(a_silent_crowd_is_sent_away),
        SCENE(one_address_does_not_get_everything),
        SCENE(the_address_must_be_free),
        SCENE(a_stale_socket_is_replaced),
    };

    signal(SIGPIPE, SIG_IGN); /* as the gateway does */
    return cmocka_run_group_tests_name("web", tests, NULL, NULL);
}
