/*
 * A watch on a mailbox at a server in a thread, and its receiver, for the tests of imap_watch.
 */
#ifndef TESTS_UNIT_FIXTURE_IMAP_WATCH_H
#define TESTS_UNIT_FIXTURE_IMAP_WATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "mail/imap/imap_watch.h"
#include "tests/fake/imap_server.h"

enum {
    SEEN_MAX = 400,
    PATIENCE_MS = 60000 /* for what comes in a moment where nobody else works */
};

struct got {
    uint32_t uidvalidity, uid;
    size_t len;
    int64_t size;
    bool is_truncated, has_data;
    char head[64];
};

struct fixture {
    struct fake_imap server;
    struct loop *loop;
    struct work_pool *pool;
    struct conf_mailbox mailbox;
    struct imap_settings settings;
    const struct clock *clock;
    struct imap_cursor start;
    struct imap_watch *watch;

    struct got got[SEEN_MAX];
    size_t count;
    struct imap_cursor cursors[SEEN_MAX];
    size_t cursor_count;
    bool is_ready;
    unsigned ready_count, down_count;
    char reason[512];
    bool is_stopped;

    bool keep_open;  /* do not answer */
    unsigned refuse; /* say "no room" so many times */
    unsigned unsafe; /* "could not be kept" so many times */
    size_t open_max, open_count;

    bool (*until)(struct fixture *x);
    struct loop_timer *tick, *limit;
    bool timed_out;
};

/* ---- the receiver ---- */

static inline bool take(const struct imap_mail *mail, void *arg)
{
    struct fixture *x = arg;
    struct got *g;

    if (x->refuse > 0) {
        x->refuse--;
        return false;
    }
    assert_true(x->count < SEEN_MAX);
    g = &x->got[x->count++];
    g->uidvalidity = mail->uidvalidity;
    g->uid = mail->uid;
    g->len = mail->len;
    g->size = mail->size;
    g->is_truncated = mail->is_truncated;
    g->has_data = mail->data != NULL;
    snprintf(g->head, sizeof g->head, "%.*s", (int)(mail->len < 60 ? mail->len : 60),
             mail->data ? mail->data : "");
    x->open_count++;
    if (x->open_count > x->open_max)
        x->open_max = x->open_count;
    if (x->keep_open)
        return true;
    x->open_count--;
    if (x->unsafe > 0) {
        x->unsafe--;
        imap_watch_done(x->watch, mail->uidvalidity, mail->uid, false);
    } else {
        imap_watch_done(x->watch, mail->uidvalidity, mail->uid, true);
    }
    return true;
}

static inline void note_cursor(const struct imap_cursor *cursor, void *arg)
{
    struct fixture *x = arg;

    assert_true(x->cursor_count < SEEN_MAX);
    x->cursors[x->cursor_count++] = *cursor;
}

static inline void note_state(bool ready, const char *reason, void *arg)
{
    struct fixture *x = arg;

    x->is_ready = ready;
    x->ready_count += ready;
    x->down_count += !ready;
    if (!ready) /* the last one is looked at when all may be well again */
        snprintf(x->reason, sizeof x->reason, "%s", reason);
}

static inline void note_stopped(void *arg)
{
    struct fixture *x = arg;

    x->is_stopped = true;
}

static inline struct imap_cursor last_cursor(const struct fixture *x)
{
    struct imap_cursor none = {0, 0};

    return x->cursor_count > 0 ? x->cursors[x->cursor_count - 1] : none;
}

/* ---- running ---- */

static inline void ticked(void *arg)
{
    struct fixture *x = arg;

    if (x->until(x))
        loop_stop(x->loop);
    else
        loop_timer_start(x->tick, 2);
}

static inline void limit_reached(void *arg)
{
    struct fixture *x = arg;

    x->timed_out = true;
    loop_stop(x->loop);
}

/* Runs the loop until the condition holds; false when it took too long. */
static inline bool run_until(struct fixture *x, bool (*until)(struct fixture *x), int64_t limit_ms)
{
    struct err e;

    x->until = until;
    x->timed_out = false;
    loop_timer_start(x->tick, 1);
    loop_timer_start(x->limit, limit_ms);
    assert_int_equal(loop_run(x->loop, &e), 0);
    loop_timer_stop(x->tick);
    loop_timer_stop(x->limit);
    if (x->timed_out && limit_ms > 1000)
        fprintf(stderr, "timed out; reason: %s; commands:\n%.1500s", x->reason, x->server.log);
    return !x->timed_out;
}

static inline bool is_idle(struct fixture *x)
{
    return x->is_ready && fake_imap_commands(&x->server, "IDLE") > 0;
}

static inline bool is_stopped(struct fixture *x)
{
    return x->is_stopped;
}

static inline bool never(struct fixture *x)
{
    (void)x;
    return false;
}

static inline bool is_down(struct fixture *x)
{
    return x->down_count > 0;
}

static inline bool all_seen(struct fixture *x)
{
    return x->server.count > 0 && fake_imap_flagged(&x->server, "seen") == x->server.count &&
           last_cursor(x).uid_next == x->server.uid_next;
}

static inline int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct err e;

    log_set_level(getenv("TEST_VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    fake_imap_init(&x->server);
    x->loop = loop_new(&e);
    x->pool = work_pool_new(x->loop, "imap", 2, 16, &e);
    x->tick = loop_timer_new(x->loop, ticked, x);
    x->limit = loop_timer_new(x->loop, limit_reached, x);
    x->mailbox = (struct conf_mailbox){
        .name = "bridge",
        .server = {.host = "127.0.0.1", .user = "bridge", .password = "secret", .ca_file = ""},
        .folder = "INBOX",
        .address = "",
        .done = "seen",
        .poll_s = 60};
    x->clock = &clock_system;
    x->settings.mailbox = &x->mailbox;
    x->settings.mail_size_max = 100000;
    x->settings.pace = (struct imap_pace){.connect_ms = 3000,
                                          .read_ms = 2000,
                                          .retry_first_ms = 5,
                                          .retry_max_ms = 20,
                                          .refused_ms = 60000,
                                          .mark_ms = 10,
                                          .hold_ms = 20,
                                          .stop_ms = 1000};
    *state = x;
    return 0;
}

static inline void start(struct fixture *x)
{
    static const struct imap_handler handler = {
        .mail = take, .cursor = note_cursor, .state = note_state};
    struct err e;

    if (!x->server.port)
        fake_imap_start(&x->server);
    x->mailbox.server.port = x->server.port;
    x->watch = imap_watch_new(x->loop, x->pool, x->clock, &x->settings, x->start, &handler, x, &e);
    assert_non_null(x->watch);
    imap_watch_start(x->watch);
}

static inline void stop(struct fixture *x)
{
    if (!x->watch)
        return;
    x->is_stopped = false;
    imap_watch_stop(x->watch, note_stopped, x);
    assert_false(x->is_stopped); /* never inside the call */
    assert_true(run_until(x, is_stopped, 4000));
    imap_watch_free(x->watch);
    x->watch = NULL;
}

static inline int teardown(void **state)
{
    struct fixture *x = *state;

    stop(x);
    if (x->server.port)
        fake_imap_stop(&x->server);
    work_pool_free(x->pool);
    loop_timer_free(x->tick);
    loop_timer_free(x->limit);
    loop_free(x->loop);
    SSL_CTX_free(x->server.tls);
    free(x);
    return 0;
}

static inline void add_mails(struct fixture *x, unsigned n)
{
    char text[128];
    unsigned i;

    for (i = 0; i < n; i++) {
        snprintf(text, sizeof text, "Subject: mail %u\r\n\r\nbody (%u)\r\n", i, i);
        fake_imap_add(&x->server, text);
    }
}

/* Every mail of the server, once each, in order. */
static inline void assert_all_once(const struct fixture *x, unsigned n)
{
    unsigned i;

    assert_int_equal(x->count, n);
    for (i = 0; i < n; i++)
        assert_int_equal(x->got[i].uid, i + 1);
}

static inline bool five_done(struct fixture *x)
{
    return last_cursor(x).uid_next == 6 && fake_imap_flagged(&x->server, "seen") == 5;
}

static inline void add_filler(struct fixture *x, size_t body)
{
    struct buf text;
    size_t i;

    buf_init(&text, body + 64);
    buf_adds(&text, "Subject: long\r\n\r\n");
    for (i = 0; i < body; i++)
        buf_addc(&text, 'x');
    buf_adds(&text, "\r\n");
    assert_false(buf_failed(&text));
    fake_imap_add(&x->server, text.data);
    buf_clear(&text);
}

static inline void rule(struct fixture *x, struct fake_rule r)
{
    fake_imap_rule(&x->server, r);
}

static inline void answer(struct fixture *x, uint32_t uid)
{
    x->open_count--;
    imap_watch_done(x->watch, 7, uid, true);
}

#endif
