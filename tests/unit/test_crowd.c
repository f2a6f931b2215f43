/* Thousands of connections at once, all in the middle of a mail: what each of them costs, and that
 * every one comes to its end.  CROWD=5000 says how many; a few hundred else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "mail/lmtp/lmtp.h"
#include "mail/send.h"
#include "tests/fake/port.h"

enum { USUAL = 300, SPARE = 100, BACKLOG = 4096, WAIT_S = 60, KB_MOST = 48 };

struct crowd {
    struct loop *loop;
    int *fds;
    unsigned count, port;
    int listener;
    long kb_before, kb_at_most; /* resident, of the whole process: both ends */
    bool is_late_refused;
    unsigned finished; /* by the thread at the other end */
    unsigned arrived;  /* here */
};

/* Each connection has both its ends here. */
static unsigned crowd_size(void)
{
    const char *asked = getenv("CROWD");
    unsigned n = asked ? (unsigned)atoi(asked) : USUAL;
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < 2 * (rlim_t)n + SPARE)
        fail_msg("%u connections need %u descriptors", n, 2 * n + SPARE);
    return n;
}

static long resident_kb(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (f && fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void give_time(int fd)
{
    const struct timeval wait = {.tv_sec = WAIT_S};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
}

static bool say(int fd, const char *text)
{
    return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* Reads until what came ends with a line that has the words in it; they are kept in text. */
static bool hear(int fd, const char *words, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;

    text[0] = '\0';
    while (!strstr(text, words) || text[len - 1] != '\n') {
        n = len + 1 < size ? recv(fd, text + len, size - len - 1, 0) : -1;
        if (n <= 0)
            return false;
        len += (size_t)n;
        text[len] = '\0';
    }
    return true;
}

static void crowd_open(struct crowd *c)
{
    struct err e;

    memset(c, 0, sizeof *c);
    c->count = crowd_size();
    c->fds = calloc(c->count, sizeof *c->fds);
    c->loop = loop_new(&e);
    c->listener = -1;
    assert_non_null(c->fds);
    assert_non_null(c->loop);
    malloc_trim(0); /* what the test before this one had is not to be used again unseen */
    c->kb_before = resident_kb();
    for (unsigned i = 0; i < c->count; i++)
        c->fds[i] = -1;
}

static void crowd_close(struct crowd *c)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->fds[i] >= 0)
            close(c->fds[i]);
    if (c->listener >= 0)
        close(c->listener);
    loop_free(c->loop);
    free(c->fds);
}

static void run(struct crowd *c, void *(*other_end)(void *))
{
    pthread_t thread;
    struct err e;

    assert_int_equal(pthread_create(&thread, NULL, other_end, c), 0);
    assert_int_equal(loop_run(c->loop, &e), 0);
    pthread_join(thread, NULL);
}

static void assert_cheap(const struct crowd *c, const char *what)
{
    long kb = c->kb_at_most - c->kb_before;

    printf("%s: %u at once, %ld kB in all, %.1f kB each\n", what, c->count, kb,
           (double)kb / c->count);
    assert_true(c->kb_at_most > 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(kb / (long)c->count <= KB_MOST);
#endif
}

/* ---- LMTP: clients that stop in the middle of a mail ---- */

static int connect_to(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0)
        give_time(fd);
    return fd;
}

static bool begin_mail(int fd)
{
    char text[2000];

    return hear(fd, "220 ", text, sizeof text) && say(fd, "LHLO crowd.example\r\n") &&
           hear(fd, "250 ", text, sizeof text) &&
           say(fd, "MAIL FROM:<a@crowd.example>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n") &&
           hear(fd, "354 ", text, sizeof text) && say(fd, "Subject: half\r\n\r\nhalf a ma");
}

static void *be_clients(void *arg)
{
    struct crowd *c = arg;
    char text[2000];
    unsigned i;
    int late;

    for (i = 0; i < c->count; i++) {
        c->fds[i] = connect_to(c->port);
        if (c->fds[i] < 0 || !begin_mail(c->fds[i]))
            break;
    }
    c->kb_at_most = resident_kb();
    late = connect_to(c->port);
    c->is_late_refused = late >= 0 && hear(late, "421 ", text, sizeof text);
    if (late >= 0)
        close(late);
    for (i = 0; i < c->count && c->fds[i] >= 0; i++)
        if (say(c->fds[i], "il\r\n.\r\n") && hear(c->fds[i], "250 2.", text, sizeof text))
            c->finished++;
    loop_stop(c->loop);
    return NULL;
}

static enum lmtp_when on_recipient(struct lmtp_mail *mail, struct lmtp_reply *out, void *arg)
{
    (void)mail;
    (void)arg;
    *out = (struct lmtp_reply){250, "2.1.5", "yes"};
    return LMTP_NOW;
}

static bool on_begin(struct lmtp_mail *mail, struct lmtp_reply *no_out, void *arg)
{
    (void)mail;
    (void)no_out;
    (void)arg;
    return true;
}

static void on_mail(struct lmtp_mail *mail, void *arg)
{
    static const struct lmtp_reply yes = {250, "2.0.0", "taken"};
    struct crowd *c = arg;

    c->arrived += strstr(mail->content.data, "half a mail\r\n") != NULL;
    lmtp_mail_answer(mail, &yes);
}

static void test_lmtp_clients(void **state)
{
    static const struct lmtp_handler handler = {on_recipient, on_begin, on_mail};
    struct conf_endpoint at = {.text = "127.0.0.1", .host = "127.0.0.1"};
    struct lmtp_settings settings = {.at = &at, .hostname = "here.example", .size_max = 1 << 20};
    struct lmtp *lmtp;
    struct crowd c;
    struct err e;

    (void)state;
    crowd_open(&c);
    c.port = at.port = fake_port();
    settings.connections_max = c.count;
    settings.memory_max = 512 << 20;
    lmtp = lmtp_new(c.loop, &clock_system, &settings, &handler, &c, &e);
    assert_non_null(lmtp);
    run(&c, be_clients);
    assert_cheap(&c, "LMTP clients in the middle of a mail");
    assert_true(c.is_late_refused);
    assert_int_equal(c.finished, c.count);
    assert_int_equal(c.arrived, c.count);
    lmtp_free(lmtp);
    crowd_close(&c);
}

/* ---- SMTP: servers that do not answer the message ---- */

/* Up to the end of the message. */
static bool take_mail(int fd)
{
    char text[4000];

    return say(fd, "220 slow.example\r\n") && hear(fd, "EHLO ", text, sizeof text) &&
           say(fd, "250-slow.example\r\n250 PIPELINING\r\n") &&
           hear(fd, "DATA\r\n", text, sizeof text) &&
           say(fd, "250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go on\r\n") &&
           hear(fd, "\r\n.\r\n", text, sizeof text);
}

/* None is answered before all are there, so there are as many sessions at once. */
static void *be_servers(void *arg)
{
    struct crowd *c = arg;
    unsigned i;

    for (i = 0; i < c->count; i++) {
        c->fds[i] = accept(c->listener, NULL, NULL);
        if (c->fds[i] < 0)
            break;
        give_time(c->fds[i]);
        if (!take_mail(c->fds[i]))
            break;
    }
    c->kb_at_most = resident_kb();
    for (i = 0; i < c->count && c->fds[i] >= 0; i++)
        if (say(c->fds[i], "250 2.0.0 taken\r\n"))
            c->finished++;
    if (c->finished < c->count)
        loop_stop(c->loop);
    return NULL;
}

struct parcel {
    struct crowd *crowd;
    struct send_job job;
    struct send_recipient recipient;
};

static void on_done(struct send_job *job)
{
    struct parcel *p = job->arg;
    struct crowd *c = p->crowd;

    if (p->recipient.trouble == SEND_ANSWERED && p->recipient.code / 100 == 2)
        c->arrived++;
    if (--c->port == 0) /* here: how many are under way */
        loop_stop(c->loop);
}

static unsigned listen_for(struct crowd *c)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    c->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(c->listener >= 0);
    give_time(c->listener);
    assert_int_equal(bind(c->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(c->listener, BACKLOG), 0);
    assert_int_equal(getsockname(c->listener, (struct sockaddr *)&at, &len), 0);
    return ntohs(at.sin_port);
}

static void test_smtp_servers(void **state)
{
    static const char message[] = "Date: Sat, 1 Jan 2022 00:00:00 +0000\r\n"
                                  "From: a@crowd.example\r\nMessage-ID: <1@crowd.example>\r\n"
                                  "Subject: slow\r\n\r\nto slow servers\r\n";
    struct send_settings settings = {
        .server = {.host = "127.0.0.1", .user = "", .engine = CONF_ENGINE_OWN},
        .helo_name = "crowd.example"};
    struct sender *sender;
    struct parcel *parcels;
    struct crowd c;
    struct err e;

    (void)state;
    crowd_open(&c);
    settings.server.port = listen_for(&c);
    settings.connections = settings.waiting_max = c.count;
    parcels = calloc(c.count, sizeof *parcels);
    assert_non_null(parcels);
    sender = sender_new(c.loop, &settings, &e);
    assert_non_null(sender);
    c.port = c.count;
    for (unsigned i = 0; i < c.count; i++) {
        parcels[i] = (struct parcel){.crowd = &c, .recipient.address = "b@slow.example"};
        parcels[i].job = (struct send_job){.reverse_path = "a@crowd.example",
                                           .recipients = &parcels[i].recipient,
                                           .recipient_count = 1,
                                           .message = message,
                                           .message_len = sizeof message - 1,
                                           .done = on_done,
                                           .arg = &parcels[i]};
        assert_int_equal(sender_submit(sender, &parcels[i].job), 0);
    }
    run(&c, be_servers);
    assert_cheap(&c, "SMTP sessions with servers that do not answer");
    assert_int_equal(c.finished, c.count);
    assert_int_equal(c.arrived, c.count);
    for (unsigned i = 0; i < c.count; i++) {
        close(c.fds[i]); /* nobody waits for their word about QUIT */
        c.fds[i] = -1;
    }
    sender_free(sender);
    free(parcels);
    crowd_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lmtp_clients),
        cmocka_unit_test(test_smtp_servers),
    };

    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
