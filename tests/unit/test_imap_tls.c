/*
 * test_imap_tls: a mailbox whose server is not to be trusted with TLS: it is refused, nothing goes
 * in the clear but what asks for TLS, and another mailbox on the same workers goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "mail/imap/imap_watch.h"
#include "tests/fake/imap_server.h"
#include "tests/fake/tls.h"

enum { MAILS = 3, READ_MS = 1500 };

struct row {
    const char *name;
    enum conf_tls tls;
    struct fake_tls cert;
    enum fake_handshake handshake;
    struct fake_rule rule; /* on NULL: none */
    const char *reason;    /* part of it */
};

#define GOOD                                                                                       \
    {                                                                                              \
        "IP:127.0.0.1", 5, false                                                                   \
    }

static const struct row rows[] = {
    {"expired",
     CONF_TLS_STARTTLS,
     {"IP:127.0.0.1", -1, false},
     FAKE_SHAKES_HANDS,
     {.on = NULL},
     "certificate has expired"},
    {"expired, implicit",
     CONF_TLS_IMPLICIT,
     {"IP:127.0.0.1", -1, false},
     FAKE_SHAKES_HANDS,
     {.on = NULL},
     "certificate has expired"},
    {"another name",
     CONF_TLS_STARTTLS,
     {"DNS:imap.example", 5, false},
     FAKE_SHAKES_HANDS,
     {.on = NULL},
     "mismatch"},
    {"self-signed",
     CONF_TLS_STARTTLS,
     {"IP:127.0.0.1", 5, true},
     FAKE_SHAKES_HANDS,
     {.on = NULL},
     "certificate is refused"},
    {"self-signed, implicit",
     CONF_TLS_IMPLICIT,
     {"IP:127.0.0.1", 5, true},
     FAKE_SHAKES_HANDS,
     {.on = NULL},
     "certificate is refused"},
    {"STARTTLS taken out",
     CONF_TLS_STARTTLS,
     GOOD,
     FAKE_SHAKES_HANDS,
     {.on = "CAPABILITY", .reply = "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n%T OK x\r\n", .times = -1},
     "does not offer STARTTLS"},
    {"STARTTLS refused",
     CONF_TLS_STARTTLS,
     GOOD,
     FAKE_SHAKES_HANDS,
     {.on = "STARTTLS", .reply = "%T NO not now\r\n", .times = -1},
     "refuses STARTTLS"},
    {"injected with the answer",
     CONF_TLS_STARTTLS,
     GOOD,
     FAKE_SHAKES_HANDS,
     {.on = "STARTTLS", .reply = "%T OK go\r\n* OK [CAPABILITY AUTH=PLAIN] x\r\n", .times = -1},
     "in the clear after STARTTLS"},
    {"injected before the handshake", CONF_TLS_STARTTLS, GOOD, FAKE_TALKS, {.on = NULL}, ""},
    {"injected before the handshake, implicit",
     CONF_TLS_IMPLICIT,
     GOOD,
     FAKE_TALKS,
     {.on = NULL},
     "no TLS with the server"},
    {"handshake stalls", CONF_TLS_STARTTLS, GOOD, FAKE_STALLS, {.on = NULL}, ""},
    {"handshake stalls, implicit", CONF_TLS_IMPLICIT, GOOD, FAKE_STALLS, {.on = NULL}, ""},
    {"handshake closes", CONF_TLS_STARTTLS, GOOD, FAKE_LEAVES, {.on = NULL}, ""},
};

struct box {
    struct fake_imap server;
    struct conf_mailbox conf;
    struct imap_settings settings;
    struct imap_watch *watch;
    char reason[512];
    unsigned down, taken;
    int64_t last_ms; /* when the last mail was taken */
    bool is_stopped;
};

struct pair {
    struct loop *loop;
    struct work_pool *pool;
    struct loop_timer *tick;
    struct box bad, good;
    int64_t until_ms;
    bool is_stopping;
};

static bool take(const struct imap_mail *mail, void *arg)
{
    struct box *b = arg;

    b->taken++;
    b->last_ms = clock_mono_ms(&clock_system);
    imap_watch_done(b->watch, mail->uidvalidity, mail->uid, true);
    return true;
}

static void note_cursor(const struct imap_cursor *cursor, void *arg)
{
    (void)cursor;
    (void)arg;
}

static void note_state(bool ready, const char *reason, void *arg)
{
    struct box *b = arg;

    if (ready || b->down++ > 0)
        return;
    snprintf(b->reason, sizeof b->reason, "%s", reason);
}

static void note_stopped(void *arg)
{
    struct box *b = arg;

    b->is_stopped = true;
}

static void ticked(void *arg)
{
    struct pair *p = arg;
    bool is_over = p->is_stopping ? p->bad.is_stopped && p->good.is_stopped
                                  : p->bad.down > 0 && p->good.taken == MAILS;

    if (is_over || clock_mono_ms(&clock_system) > p->until_ms)
        loop_stop(p->loop);
    else
        loop_timer_start(p->tick, 5);
}

static void run(struct pair *p)
{
    struct err e;

    p->until_ms = clock_mono_ms(&clock_system) + 20000;
    loop_timer_start(p->tick, 1);
    assert_int_equal(loop_run(p->loop, &e), 0);
}

static void open_box(struct pair *p, struct box *b, const char *ca)
{
    static const struct imap_handler handler = {
        .mail = take, .cursor = note_cursor, .state = note_state};
    static const struct imap_cursor none;
    struct err e;
    int i;

    for (i = 0; i < MAILS; i++)
        fake_imap_add(&b->server, "Subject: x\r\n\r\nHello\r\n");
    fake_imap_start(&b->server);
    b->conf.name = "box";
    b->conf.server = (struct conf_server){.host = "127.0.0.1",
                                          .port = b->server.port,
                                          .tls = b->conf.server.tls,
                                          .user = "bridge",
                                          .password = "secret",
                                          .ca_file = ca};
    b->conf.folder = "INBOX";
    b->conf.address = "";
    b->conf.done = "seen";
    b->conf.poll_s = 60;
    b->settings = (struct imap_settings){.mailbox = &b->conf,
                                         .mail_size_max = 100000,
                                         .pace = {.connect_ms = READ_MS,
                                                  .read_ms = READ_MS,
                                                  .retry_first_ms = 5,
                                                  .retry_max_ms = 20,
                                                  .refused_ms = 60000,
                                                  .mark_ms = 10,
                                                  .hold_ms = 20,
                                                  .stop_ms = 100}};
    b->watch = imap_watch_new(p->loop, p->pool, &clock_system, &b->settings, none, &handler, b, &e);
    assert_non_null(b->watch);
    imap_watch_start(b->watch);
}

static void try_row(const struct row *row)
{
    static struct pair pair; /* a fake server is large */
    struct pair *p = &pair;
    char ca[80];
    int64_t start_ms;
    struct err e;

    memset(p, 0, sizeof *p);
    snprintf(ca, sizeof ca, "/tmp/postern-test-imap-tls-%ld.pem", (long)getpid());
    p->loop = loop_new(&e);
    p->pool = work_pool_new(p->loop, "imap", 2, 16, &e);
    p->tick = loop_timer_new(p->loop, ticked, p);
    fake_imap_init(&p->bad.server);
    fake_imap_init(&p->good.server);
    p->bad.server.tls = fake_tls_server(&row->cert, ca);
    p->bad.server.implicit = row->tls == CONF_TLS_IMPLICIT;
    p->bad.server.caps = "IMAP4rev1 STARTTLS AUTH=PLAIN";
    p->bad.server.handshake = row->handshake;
    if (row->rule.on)
        fake_imap_rule(&p->bad.server, row->rule);
    p->bad.conf.server.tls = row->tls;
    start_ms = clock_mono_ms(&clock_system);
    open_box(p, &p->bad, ca);
    open_box(p, &p->good, "");
    run(p);
    if (p->bad.down == 0 || !strstr(p->bad.reason, row->reason))
        fail_msg("%s: %s", row->name, p->bad.down ? p->bad.reason : "it is not refused");
    if (p->bad.taken > 0 || p->good.taken != MAILS)
        fail_msg("%s: %u and %u mails", row->name, p->bad.taken, p->good.taken);
    /* Who stalls does not hold up the other. */
    if (row->handshake == FAKE_STALLS && p->good.last_ms - start_ms >= READ_MS)
        fail_msg("%s: the other mailbox waited", row->name);
    p->is_stopping = true;
    imap_watch_stop(p->bad.watch, note_stopped, &p->bad);
    imap_watch_stop(p->good.watch, note_stopped, &p->good);
    run(p);
    assert_true(p->bad.is_stopped && p->good.is_stopped);
    imap_watch_free(p->bad.watch);
    imap_watch_free(p->good.watch);
    fake_imap_stop(&p->bad.server);
    fake_imap_stop(&p->good.server);
    if (strstr(p->bad.server.clear, "LOGIN") || strstr(p->bad.server.clear, "AUTHENTICATE") ||
        strstr(p->bad.server.clear, "secret"))
        fail_msg("%s: in the clear: %s", row->name, p->bad.server.clear);
    work_pool_free(p->pool);
    loop_timer_free(p->tick);
    loop_free(p->loop);
    SSL_CTX_free(p->bad.server.tls);
    unlink(ca);
}

static void test_rows(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        try_row(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };

    log_set_level(LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
