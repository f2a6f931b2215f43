/*
 * imap_watch against a server in a thread: what arrives, in what order, once; what is marked; what
 * is stored as the cursor; and what happens with servers that break off, lie or attack.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "mail/imap/imap_watch.h"
#include "tests/fake/imap_server.h"
#include "tests/fake/tls.h"

enum { SEEN_MAX = 400 };

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

static bool take(const struct imap_mail *mail, void *arg)
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

static void note_cursor(const struct imap_cursor *cursor, void *arg)
{
    struct fixture *x = arg;

    assert_true(x->cursor_count < SEEN_MAX);
    x->cursors[x->cursor_count++] = *cursor;
}

static void note_state(bool ready, const char *reason, void *arg)
{
    struct fixture *x = arg;

    x->is_ready = ready;
    x->ready_count += ready;
    x->down_count += !ready;
    if (!ready) /* the last one is looked at when all may be well again */
        snprintf(x->reason, sizeof x->reason, "%s", reason);
}

static void note_stopped(void *arg)
{
    struct fixture *x = arg;

    x->is_stopped = true;
}

static struct imap_cursor last_cursor(const struct fixture *x)
{
    struct imap_cursor none = {0, 0};

    return x->cursor_count > 0 ? x->cursors[x->cursor_count - 1] : none;
}

/* ---- running ---- */

static void ticked(void *arg)
{
    struct fixture *x = arg;

    if (x->until(x))
        loop_stop(x->loop);
    else
        loop_timer_start(x->tick, 2);
}

static void limit_reached(void *arg)
{
    struct fixture *x = arg;

    x->timed_out = true;
    loop_stop(x->loop);
}

/* Runs the loop until the condition holds; false when it took too long. */
static bool run_until(struct fixture *x, bool (*until)(struct fixture *x), int64_t limit_ms)
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

static bool is_idle(struct fixture *x)
{
    return x->is_ready && fake_imap_commands(&x->server, "IDLE") > 0;
}

static bool is_stopped(struct fixture *x)
{
    return x->is_stopped;
}

static bool never(struct fixture *x)
{
    (void)x;
    return false;
}

static bool is_down(struct fixture *x)
{
    return x->down_count > 0;
}

static bool all_seen(struct fixture *x)
{
    return x->server.count > 0 && fake_imap_flagged(&x->server, "seen") == x->server.count &&
           last_cursor(x).uid_next == x->server.uid_next;
}

static int setup(void **state)
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

static void start(struct fixture *x)
{
    static const struct imap_handler handler = {
        .mail = take, .cursor = note_cursor, .state = note_state};
    struct err e;

    if (!x->server.port)
        fake_imap_start(&x->server);
    x->mailbox.server.port = x->server.port;
    x->watch =
        imap_watch_new(x->loop, x->pool, &clock_system, &x->settings, x->start, &handler, x, &e);
    assert_non_null(x->watch);
    imap_watch_start(x->watch);
}

static void stop(struct fixture *x)
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

static int teardown(void **state)
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

static void add_mails(struct fixture *x, unsigned n)
{
    char text[128];
    unsigned i;

    for (i = 0; i < n; i++) {
        snprintf(text, sizeof text, "Subject: mail %u\r\n\r\nbody (%u)\r\n", i, i);
        fake_imap_add(&x->server, text);
    }
}

/* Every mail of the server, once each, in order. */
static void assert_all_once(const struct fixture *x, unsigned n)
{
    unsigned i;

    assert_int_equal(x->count, n);
    for (i = 0; i < n; i++)
        assert_int_equal(x->got[i].uid, i + 1);
}

/* ---- tests ---- */

static void test_fetch(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, all_seen, 3000));
    assert_all_once(x, 3);
    assert_int_equal(x->got[0].uidvalidity, 7);
    assert_string_equal(x->got[0].head, "Subject: mail 0\r\n\r\nbody (0)\r\n");
    assert_int_equal(x->got[0].size, x->got[0].len);
    assert_false(x->got[0].is_truncated);
    assert_int_equal(last_cursor(x).uidvalidity, 7);
    assert_int_equal(last_cursor(x).uid_next, 4);
    assert_true(x->is_ready);
}

static bool five_done(struct fixture *x)
{
    return last_cursor(x).uid_next == 6 && fake_imap_flagged(&x->server, "seen") == 5;
}

static void test_idle_wakes(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, is_idle, 3000));
    add_mails(x, 1);
    assert_true(run_until(x, five_done, 3000));
    assert_all_once(x, 5);
    assert_int_equal(fake_imap_connections(&x->server), 1);
    assert_int_equal(fake_imap_commands(&x->server, "NOOP"), 0);
}

static void add_filler(struct fixture *x, size_t body)
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

static void rule(struct fixture *x, struct fake_rule r)
{
    fake_imap_rule(&x->server, r);
}

static void test_server_order_does_not_matter(void **state)
{
    struct fixture *x = *state;

    x->server.reverse = true;
    add_mails(x, 30);
    start(x);
    assert_true(run_until(x, all_seen, 3000));
    assert_all_once(x, 30);
    assert_string_equal(x->got[29].head, "Subject: mail 29\r\n\r\nbody (29)\r\n");
}

static void test_ranges(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 390);
    x->settings.unanswered_max = 200;
    start(x);
    assert_true(run_until(x, all_seen, 5000));
    assert_all_once(x, 390);
    assert_true(fake_imap_commands(&x->server, "UID FETCH") <= 10);
}

/* Sizes are asked for many at a time, and marks wait for each other while there is more. */
static void test_backlog_in_few_commands(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 390);
    x->settings.unanswered_max = 400;
    x->settings.pace.mark_ms = 2000;
    start(x);
    assert_true(run_until(x, all_seen, 5000));
    assert_all_once(x, 390);
    assert_int_equal(fake_imap_commands(&x->server, "UID FETCH"), 5);
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 1);
}

/* However long the backlog is, marks do not wait for its end for ever. */
static void test_marks_within_a_backlog(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 390);
    x->settings.unanswered_max = 40;
    x->settings.pace.mark_ms = 2000;
    x->settings.pace.gather_ms = 1;
    start(x);
    assert_true(run_until(x, all_seen, 5000));
    assert_all_once(x, 390);
    assert_true(fake_imap_commands(&x->server, "UID STORE") > 1);
    assert_true(x->cursors[1].uid_next < 391);
}

/* Each UID stands alone in the command, which a server must be able to take. */
static void test_scattered_marks(void **state)
{
    struct fixture *x = *state;
    uint32_t i;

    for (i = 0; i < 390; i++) {
        x->server.uid_next = 1000000001U + i * 7000000U;
        add_mails(x, 1);
    }
    x->settings.unanswered_max = 400;
    x->settings.pace.mark_ms = 2000;
    start(x);
    assert_true(run_until(x, all_seen, 5000));
    assert_int_equal(x->count, 390);
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 2);
}

/* Of 149 mails the search told of 150; and the server does not like to be asked for so many. */
static void test_gone_from_a_backlog(void **state)
{
    static const char *const refused[] = {"no such command", "UID FETCH 1:150"};
    struct fixture *x = *state;
    char reply[1000] = "* SEARCH";
    unsigned uid;

    for (uid = 1; uid <= 150; uid++)
        snprintf(reply + strlen(reply), sizeof reply - strlen(reply), " %u", uid);
    snprintf(reply + strlen(reply), sizeof reply - strlen(reply), "\r\n%%T OK searched\r\n");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
            x = *state;
        }
        rule(x, (struct fake_rule){.on = "UID SEARCH", .reply = reply, .times = 1});
        rule(x, (struct fake_rule){.on = refused[i], .reply = "%T NO too many\r\n", .times = 1});
        add_mails(x, 119);
        x->server.uid_next = 121;
        add_mails(x, 30);
        start(x);
        assert_true(run_until(x, all_seen, 5000));
        assert_int_equal(x->count, 149);
        assert_int_equal(x->got[118].uid, 119);
        assert_int_equal(x->got[119].uid, 121);
        assert_true(x->got[119].size > 0);
        assert_int_equal(fake_imap_connections(&x->server), 1);
    }
}

/* The cursor moves when the marks are set, which may be after IDLE has begun. */
static bool is_idle_behind_all(struct fixture *x)
{
    return is_idle(x) && last_cursor(x).uid_next == x->server.uid_next;
}

static void test_starts_at_the_cursor(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 5);
    x->server.mails[3].is_seen = true; /* somebody has read it: new all the same */
    x->start = (struct imap_cursor){7, 4};
    start(x);
    assert_true(run_until(x, is_idle_behind_all, 3000));
    assert_int_equal(x->count, 2);
    assert_int_equal(x->got[0].uid, 4);
    assert_int_equal(x->got[1].uid, 5);
    assert_int_equal(last_cursor(x).uid_next, 6);
}

static void test_other_uidvalidity(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    x->start = (struct imap_cursor){6, 100};
    start(x);
    assert_true(run_until(x, all_seen, 3000));
    assert_all_once(x, 3);
    assert_int_equal(x->cursors[0].uidvalidity, 7);
    assert_int_equal(x->cursors[0].uid_next, 1);
    assert_int_equal(last_cursor(x).uid_next, 4);
}

static void test_sparse_uids(void **state)
{
    struct fixture *x = *state;

    x->server.uid_next = 4000000000u;
    add_mails(x, 1);
    x->server.uid_next = 4294967294u;
    add_mails(x, 2); /* the last possible UID is never looked at: no cursor could pass it */
    start(x);
    assert_true(run_until(x, is_idle, 3000));
    assert_int_equal(x->count, 2);
    assert_int_equal(x->got[0].uid, 4000000000u);
    assert_int_equal(x->got[1].uid, 4294967294u);
}

static bool polled_five(struct fixture *x)
{
    return five_done(x) && fake_imap_commands(&x->server, "NOOP") > 1;
}

static void test_polls_without_idle(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1 AUTH=PLAIN";
    x->settings.pace.poll_ms = 40;
    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, all_seen, 3000));
    add_mails(x, 1);
    assert_true(run_until(x, polled_five, 3000));
    assert_all_once(x, 5);
    assert_int_equal(fake_imap_commands(&x->server, "IDLE"), 0);
}

static void test_idle_refused(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "IDLE", .reply = "%T BAD not today\r\n", .times = -1});
    x->settings.pace.poll_ms = 40;
    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, all_seen, 3000));
    add_mails(x, 1);
    assert_true(run_until(x, polled_five, 3000));
    assert_int_equal(fake_imap_commands(&x->server, "IDLE"), 1);
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

/* Something on the way breaks connections that are silent. */
static void test_idle_dies(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){
                .on = "IDLE", .reply = "+ idling\r\n", .then_close = true, .times = -1});
    x->settings.pace.poll_ms = 40;
    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, all_seen, 3000));
    add_mails(x, 1);
    assert_true(run_until(x, polled_five, 3000));
    assert_int_equal(fake_imap_commands(&x->server, "IDLE"), 2);
    assert_all_once(x, 5);
}

/* IDLE is accepted and then never tells of anything. */
static void test_idle_is_deaf(void **state)
{
    struct fixture *x = *state;

    x->server.is_mute = true;
    x->settings.pace.idle_ms = 40;
    x->settings.pace.poll_ms = 40;
    rule(x, (struct fake_rule){.on = "NOOP", .reply = "%T OK nothing\r\n", .times = -1});
    add_mails(x, 4);
    start(x);
    assert_true(run_until(x, is_idle, 3000));
    add_mails(x, 1);
    assert_true(run_until(x, five_done, 3000));
    assert_all_once(x, 5);
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

static bool still_here(struct fixture *x)
{
    return fake_imap_commands(&x->server, "IDLE") > 0 && fake_imap_flagged(&x->server, "seen") == 1;
}

/* What a server says in IDLE to keep firewalls awake is no reason to leave it; a "* n EXISTS"
 * before its
 * "+" is one. */
static void test_idle_talk(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "IDLE",
                               .reply = "* 1 EXISTS\r\n* OK Still here\r\n",
                               .then_serve = true,
                               .times = 1});
    add_mails(x, 1);
    start(x);
    assert_true(run_until(x, still_here, 3000));
    run_until(x, never, 100);
    assert_int_equal(fake_imap_connections(&x->server), 1);
    assert_all_once(x, 1);
}

static void test_idle_is_renewed(void **state)
{
    struct fixture *x = *state;

    x->settings.pace.idle_ms = 30;
    add_mails(x, 1);
    start(x);
    run_until(x, never, 400);
    assert_true(fake_imap_commands(&x->server, "IDLE") > 4);
    assert_true(fake_imap_commands(&x->server, "UID SEARCH") > 4);
    assert_int_equal(fake_imap_connections(&x->server), 1);
    assert_all_once(x, 1);
}

static void test_drop_in_a_literal(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    add_filler(x, 50000);
    add_mails(x, 2);
    x->server.drop_at = 20000;
    x->server.drops = 2;
    start(x);
    assert_true(run_until(x, all_seen, 5000));
    assert_all_once(x, 6);
    assert_int_equal(x->got[3].len, 50019);
    assert_int_equal(fake_imap_connections(&x->server), 3);
    assert_int_equal(x->down_count, 1);
    assert_true(x->is_ready);
}

/* Broken off after every single byte of a session: nothing is lost, nothing comes twice. */
static void test_drop_at_every_byte(void **state)
{
    struct fixture *x = *state;
    long at;

    fake_imap_start(&x->server);
    for (at = 0; at < 1400; at++) {
        pthread_mutex_lock(&x->server.lock);
        x->server.drop_at = at;
        x->server.drops = 1;
        pthread_mutex_unlock(&x->server.lock);
        x->count = x->cursor_count = 0;
        x->start = (struct imap_cursor){7, x->server.uid_next};
        add_mails(x, 3);
        start(x);
        if (!run_until(x, all_seen, 5000) || x->count != 3)
            fail_msg("dropped at byte %ld: %zu mails", at, x->count);
        stop(x);
        pthread_mutex_lock(&x->server.lock);
        while (x->server.count > 0)
            free(x->server.mails[--x->server.count].data);
        pthread_mutex_unlock(&x->server.lock);
    }
}

static void test_bye(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "UID SEARCH",
                               .reply = "* BYE Server shutting down.\r\n",
                               .then_close = true,
                               .times = 1});
    add_mails(x, 2);
    start(x);
    assert_true(run_until(x, is_down, 3000));
    assert_string_equal(x->reason, "the server said good-bye: Server shutting down.");
    assert_true(run_until(x, all_seen, 3000));
    assert_all_once(x, 2);
}

static void test_bye_as_greeting(void **state)
{
    struct fixture *x = *state;

    rule(x,
         (struct fake_rule){
             .on = "", .reply = "* BYE too many connections\r\n", .then_close = true, .times = 1});
    add_mails(x, 2);
    start(x);
    assert_true(run_until(x, is_down, 3000));
    assert_non_null(strstr(x->reason, "too many connections"));
    assert_true(run_until(x, all_seen, 3000));
}

/* What a hostile server sends, on which command, and what is said of it. */
struct attack {
    const char *what;
    struct fake_rule rule;
    const char *reason;
};

static const struct attack attacks[] = {
    {"huge literal announced",
     {.on = "UID FETCH 1:2 (UID BODY",
      .reply = "* 1 FETCH (UID 1 BODY[] {4000000000}\r\n",
      .times = 1},
     "a literal larger than"},
    {"literal whose size wraps round",
     {.on = "UID FETCH 1:2 (UID BODY",
      .reply = "* 1 FETCH (UID 1 BODY[] {4294967297}\r\n",
      .times = 1},
     "a literal larger than"},
    {"literal that overflows 64 bits",
     {.on = "UID FETCH 1:2 (UID BODY",
      .reply = "* 1 FETCH (UID 1 BODY[] {99999999999999999999999}\r\n",
      .times = 1},
     "a literal that is none"},
    {"literal in a response code",
     {.on = "UID SEARCH", .reply = "* OK [BADCHARSET ({5}\r\n", .times = 1},
     "a literal in a response code"},
    {"literal in a place of no use",
     {.on = "UID SEARCH", .reply = "* LIST () \"/\" {30}\r\n", .times = 1},
     "a literal that was not asked for"},
    {"literal without its line end",
     {.on = "UID FETCH 1:2 (UID BODY", .reply = "* 1 FETCH (BODY[] {30}xx\r\n", .times = 1},
     "a literal that is none"},
    {"endless line",
     {.on = "UID SEARCH",
      .reply = "* SEARCH",
      .fill = " 1234567",
      .fill_count = 200000,
      .times = 1},
     "a line too long"},
    {"long line where none is due",
     {.on = "UID FETCH",
      .reply = "* 1 FETCH (FLAGS (",
      .fill = "a ",
      .fill_count = 40000,
      .times = 1},
     "a line too long"},
    {"endless answer",
     {.on = "UID SEARCH", .reply = "", .fill = "* 1 EXPUNGE\r\n", .fill_count = 200000, .times = 1},
     "too long an answer"},
    {"endless greeting",
     {.on = "", .reply = "* OK ", .fill = "hello hello hello ", .fill_count = 9000, .times = 1},
     "a line too long"},
    {"deep parentheses",
     {.on = "UID FETCH 1:2 (UID BODY",
      .reply = "* 1 FETCH (UID 1 BODY ",
      .fill = "(",
      .fill_count = 30000,
      .after = "\r\n",
      .times = 1},
     "parentheses nested too deep"},
    {"a quoted string without end",
     {.on = "UID FETCH 1:2 (UID BODY", .reply = "* 1 FETCH (UID 1 BODY[] \"abc\r\n", .times = 1},
     "a quoted string without end"},
    {"NUL",
     {.on = "UID SEARCH",
      .reply = "",
      .fill = "* OK nothing\n",
      .fill_count = 2,
      .after = "junk\r\n",
      .times = 1},
     "not an IMAP response"},
    {"a mailbox that is HTTP",
     {.on = "", .reply = "HTTP/1.1 400 Bad Request\r\n\r\n", .times = 1},
     "not an IMAP response"},
    {"no UIDs",
     {.on = "UID SEARCH", .reply = "* SEARCH a b\r\n%T OK\r\n", .times = 1},
     "cannot be read"},
    {"a foreign tag", {.on = "UID SEARCH", .reply = "9999 OK done\r\n", .times = 1}, "BAD"},
    {"silence", {.on = "UID SEARCH", .reply = "", .times = 1}, "takes too long"},
};

static void test_attacks(void **state)
{
    struct fixture *x = *state;
    size_t i;

    x->settings.pace.read_ms = 300;
    add_mails(x, 2);
    fake_imap_start(&x->server);
    for (i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        x->count = x->cursor_count = x->down_count = 0;
        x->server.mails[0].is_seen = x->server.mails[1].is_seen = false;
        rule(x, attacks[i].rule);
        start(x);
        if (!run_until(x, is_down, 5000) || !strstr(x->reason, attacks[i].reason))
            fail_msg("%s: %s", attacks[i].what, x->reason);
        if (!run_until(x, all_seen, 5000))
            fail_msg("%s: does not recover: %s", attacks[i].what, x->reason);
        assert_all_once(x, 2);
        stop(x);
        x->server.rule_count = 0;
    }
}

static void test_too_large(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 1);
    add_filler(x, 100001);
    add_mails(x, 1);
    start(x);
    assert_true(run_until(x, all_seen, 3000));
    assert_all_once(x, 3);
    assert_true(x->got[1].is_truncated);
    assert_int_equal(x->got[1].size, 100020);
    assert_string_equal(x->got[1].head, "Subject: long\r\n\r\n");
    assert_false(x->got[2].is_truncated);
}

/* A mail whose answer is always wrong: it is set aside, and the others come. */
static void test_mail_that_cannot_be_fetched(void **state)
{
    struct fixture *x = *state;
    size_t i;

    add_mails(x, 5);
    x->server.mails[2].size_told = 5;
    free(x->server.mails[2].data);
    x->server.mails[2].data = calloc(1, 3000001);
    memset(x->server.mails[2].data, 'x', 3000000);
    x->server.mails[2].len = 3000000;
    start(x);
    assert_true(run_until(x, all_seen, 10000));
    assert_all_once(x, 5);
    for (i = 0; i < 5; i++)
        assert_int_equal(x->got[i].has_data, i != 2);
}

static bool one_seen(struct fixture *x)
{
    return fake_imap_flagged(&x->server, "seen") > 0;
}

static void test_expunged_before_it_is_fetched(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){
                .on = "UID SEARCH", .reply = "* SEARCH 1 2 3 9\r\n%T OK searched\r\n", .times = 1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, one_seen, 3000));
    run_until(x, never, 50);
    assert_all_once(x, 3);
    assert_int_equal(last_cursor(x).uid_next, 10);
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

struct refusal {
    const char *on, *reply, *reason;
    bool is_final;
};

static void test_refusals(void **state)
{
    static const struct refusal refusals[] = {
        {"AUTHENTICATE", "%T NO [AUTHENTICATIONFAILED] wrong\r\n", "(options user, password)",
         true},
        {"AUTHENTICATE", "%T NO [UNAVAILABLE] later\r\n", "for now", false},
        {"SELECT", "%T NO [NONEXISTENT] Unknown Mailbox\r\n", "(option folder)", true},
        {"SELECT", "* OK [UIDNEXT 5] x\r\n* 0 EXISTS\r\n%T OK selected\r\n", "UIDVALIDITY", true},
        {"CAPABILITY", "* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n%T OK done\r\n", "(option tls)",
         true},
        {"CAPABILITY", "%T OK but nothing\r\n", "user, password", true},
        {"CAPABILITY", "%T NO nothing\r\n", "says NO", true},
    };
    struct fixture *x = *state;
    size_t i;

    add_mails(x, 1);
    fake_imap_start(&x->server);
    for (i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        unsigned before = fake_imap_connections(&x->server);

        x->count = x->cursor_count = x->down_count = 0;
        x->mailbox.server.password = i == 5 ? "wrong" : "secret";
        rule(x, (struct fake_rule){.on = refusals[i].on, .reply = refusals[i].reply, .times = -1});
        start(x);
        if (!run_until(x, is_down, 3000) || !strstr(x->reason, refusals[i].reason))
            fail_msg("%zu: %s", i, x->reason);
        run_until(x, never, 100);
        if (refusals[i].is_final) /* one try, and then a long wait */
            assert_int_equal(fake_imap_connections(&x->server), before + 1);
        else
            assert_true(fake_imap_connections(&x->server) > before + 1);
        stop(x);
        x->server.rule_count = 0;
    }
}

static void test_login_without_plain(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1";
    x->server.caps_after = "IMAP4rev1 IDLE UIDPLUS";
    add_mails(x, 1);
    start(x);
    assert_true(run_until(x, is_idle, 3000)); /* what is offered after log-in counts */
    assert_int_equal(fake_imap_commands(&x->server, "LOGIN bridge secret"), 1);
}

static bool none_left(struct fixture *x)
{
    return x->count == 3 && fake_imap_flagged(&x->server, "") == 0 && last_cursor(x).uid_next == 4;
}

static void test_done_delete(void **state)
{
    struct fixture *x = *state;

    x->mailbox.done = "delete";
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, none_left, 3000));
    assert_int_equal(fake_imap_commands(&x->server, "UID EXPUNGE 1:3"), 1);
    assert_int_equal(fake_imap_commands(&x->server, "EXPUNGE"), 0);
}

static void test_done_delete_without_uidplus(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1 IDLE AUTH=PLAIN";
    x->mailbox.done = "delete";
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, none_left, 3000));
    assert_int_equal(fake_imap_commands(&x->server, "EXPUNGE"), 1);
}

static void test_done_move(void **state)
{
    struct fixture *x = *state;

    x->mailbox.done = "Erledigt/\xc3\x9c \"1\" & mehr";
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, none_left, 3000));
    assert_int_equal(x->server.moved, 3);
    assert_string_equal(x->server.moved_to, "\"Erledigt/&ANw- \\\"1\\\" &- mehr\"");
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 0);
}

static void test_done_move_without_move(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1 IDLE UIDPLUS AUTH=PLAIN";
    x->mailbox.done = "Done";
    rule(x, (struct fake_rule){
                .on = "UID COPY", .reply = "%T NO [TRYCREATE] no such folder\r\n", .times = 1});
    rule(x, (struct fake_rule){.on = "CREATE \"Done\"", .reply = "%T OK created\r\n", .times = 1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, none_left, 3000));
    assert_int_equal(x->server.moved, 3);
    assert_int_equal(fake_imap_commands(&x->server, "CREATE"), 1);
    assert_int_equal(fake_imap_commands(&x->server, "UID EXPUNGE 1:3"), 1);
}

static bool cursor_at_4(struct fixture *x)
{
    return last_cursor(x).uid_next == 4;
}

/* Mails that cannot be marked are taken in all the same. */
static void test_marking_refused(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){
                .on = "UID STORE", .reply = "%T NO [NOPERM] no right\r\n", .times = -1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, cursor_at_4, 3000));
    assert_all_once(x, 3);
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

static void test_read_only(void **state)
{
    struct fixture *x = *state;

    x->server.is_read_only = true;
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, cursor_at_4, 3000));
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 0);
}

/* The connection breaks while marking: they are marked on the next, and not offered again. */
static void test_drop_while_marking(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "UID STORE", .reply = "", .then_close = true, .times = 2});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, all_seen, 3000));
    assert_all_once(x, 3);
    assert_int_equal(fake_imap_connections(&x->server), 3);
}

static bool cursor_behind_all(struct fixture *x)
{
    return last_cursor(x).uid_next == x->server.uid_next;
}

/* A server that takes the command for wrong does so each time: nothing waits for that to end. */
static void test_marking_is_bad(void **state)
{
    static const char *const done[] = {"seen", "delete", "Archive"};
    struct fixture *x = *state;
    size_t i;

    for (i = 0; i < sizeof done / sizeof done[0]; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
            x = *state;
        }
        x->mailbox.done = done[i];
        rule(x, (struct fake_rule){.on = "UID STORE", .reply = "%T BAD what\r\n", .times = -1});
        rule(x, (struct fake_rule){.on = "UID MOVE", .reply = "%T BAD what\r\n", .times = -1});
        add_mails(x, 3);
        start(x);
        assert_true(run_until(x, cursor_behind_all, 3000));
        add_mails(x, 2);
        assert_true(run_until(x, cursor_behind_all, 3000));
        assert_all_once(x, 5);
        assert_int_equal(fake_imap_connections(&x->server), 1);
    }
}

static bool has_five(struct fixture *x)
{
    return x->count == 5;
}

/* The connection is lost over each mark: new mail comes all the same, and in the end the cursor
 * goes on without the marks. */
static void test_marking_always_breaks(void **state)
{
    struct fixture *x = *state;

    rule(x, (struct fake_rule){.on = "UID STORE", .reply = "", .then_close = true, .times = -1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, is_down, 3000));
    assert_int_equal(last_cursor(x).uid_next, 1); /* not at the first failure */
    add_mails(x, 2);
    assert_true(run_until(x, has_five, 3000));
    assert_true(run_until(x, cursor_behind_all, 5000));
    assert_all_once(x, 5);
    assert_true(fake_imap_commands(&x->server, "UID STORE") >= 10);
}

static bool all_but_one_seen(struct fixture *x)
{
    return fake_imap_flagged(&x->server, "seen") == 149 && cursor_behind_all(x);
}

/* The server cannot bear to mark one mail: that one is found, and all others are marked. */
static void test_marking_breaks_at_one(void **state)
{
    struct fixture *x = *state;

    x->server.breaks_at = 77;
    add_mails(x, 150);
    start(x);
    assert_true(run_until(x, all_but_one_seen, 8000));
    assert_all_once(x, 150);
    assert_false(x->server.mails[76].is_seen);
}

/* A NO that is about now: marks are kept for later, and the mailbox is watched meanwhile. */
static void test_marking_not_now(void **state)
{
    static const char *const done[] = {"seen", "delete", "Archive"};
    struct fixture *x = *state;
    size_t i;

    for (i = 0; i < sizeof done / sizeof done[0]; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
            x = *state;
        }
        x->mailbox.done = done[i];
        x->settings.pace.retry_first_ms = 30;
        rule(x,
             (struct fake_rule){.on = "UID STORE", .reply = "%T NO [INUSE] busy\r\n", .times = 3});
        rule(x, (struct fake_rule){
                    .on = "UID MOVE", .reply = "%T NO [UNAVAILABLE] later\r\n", .times = 3});
        add_mails(x, 3);
        start(x);
        assert_true(run_until(x, cursor_behind_all, 5000));
        assert_all_once(x, 3);
        assert_int_equal(fake_imap_flagged(&x->server, "seen"), x->server.count);
        assert_int_equal(x->server.count, i == 0 ? 3 : 0);
        assert_int_equal(fake_imap_connections(&x->server), 1);
    }
}

/* One that was copied is not copied again because it cannot be removed now. */
static void test_copied_and_not_removed(void **state)
{
    struct fixture *x = *state;

    x->server.caps = "IMAP4rev1 IDLE AUTH=PLAIN";
    x->mailbox.done = "Archive";
    rule(x, (struct fake_rule){.on = "UID STORE", .reply = "%T NO [INUSE] busy\r\n", .times = -1});
    add_mails(x, 3);
    start(x);
    assert_true(run_until(x, cursor_behind_all, 3000));
    assert_int_equal(x->server.moved, 3);
}

static bool has_four(struct fixture *x)
{
    return x->count == 4;
}

static void answer(struct fixture *x, uint32_t uid)
{
    x->open_count--;
    imap_watch_done(x->watch, 7, uid, true);
}

static void test_unanswered_is_bounded(void **state)
{
    struct fixture *x = *state;
    uint32_t uid;

    x->keep_open = true;
    x->settings.unanswered_max = 4;
    add_mails(x, 10);
    start(x);
    assert_true(run_until(x, has_four, 3000));
    run_until(x, never, 100);
    assert_int_equal(x->count, 4);
    assert_int_equal(last_cursor(x).uid_next, 1);
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 0);
    answer(x, 3); /* the first holds the cursor back */
    run_until(x, never, 100);
    assert_int_equal(last_cursor(x).uid_next, 1);
    assert_int_equal(x->count, 5);
    x->keep_open = false;
    for (uid = 1; uid <= 5; uid++)
        if (uid != 3)
            answer(x, uid);
    imap_watch_done(x->watch, 7, 77, true); /* never heard of */
    imap_watch_done(x->watch, 6, 2, true);
    assert_true(run_until(x, all_seen, 3000));
    assert_all_once(x, 10);
    assert_int_equal(x->open_max, 4);
}

static bool has_eighty(struct fixture *x)
{
    return x->count == 80;
}

static bool some_marked(struct fixture *x)
{
    return fake_imap_flagged(&x->server, "seen") == 5;
}

/* Marks are due while there is too little room to be worth a fetch: what else is in the folder is
 * not forgotten over them. */
static void test_backlog_is_not_forgotten(void **state)
{
    struct fixture *x = *state;
    uint32_t uid;

    x->keep_open = true;
    x->settings.unanswered_max = 80;
    add_mails(x, 120);
    start(x);
    assert_true(run_until(x, has_eighty, 3000));
    for (uid = 1; uid <= 5; uid++)
        answer(x, uid);
    assert_true(run_until(x, some_marked, 3000));
    x->keep_open = false;
    for (; uid <= 80; uid++)
        answer(x, uid);
    assert_true(run_until(x, all_seen, 3000));
    assert_all_once(x, 120);
}

static void test_no_room_and_not_kept(void **state)
{
    struct fixture *x = *state;

    x->refuse = 3;
    x->unsafe = 2;
    add_mails(x, 5);
    start(x);
    assert_true(run_until(x, all_seen, 5000));
    assert_int_equal(x->count, 7);
    assert_int_equal(x->got[0].uid, 1);
    assert_int_equal(x->got[1].uid, 2);
    assert_int_equal(x->got[5].uid, 1); /* the two that could not be kept come again */
    assert_int_equal(x->got[6].uid, 2);
    assert_string_equal(x->got[5].head, x->got[0].head);
}

/* ---- stopping ---- */

static bool is_stuck(struct fixture *x)
{
    return fake_imap_commands(&x->server, "UID SEARCH") > 0;
}

static void test_stop_breaks_a_blocked_job(void **state)
{
    struct fixture *x = *state;
    int64_t before;

    x->settings.pace.read_ms = 60000;
    x->settings.pace.stop_ms = 50;
    rule(x, (struct fake_rule){.on = "UID SEARCH", .reply = "", .times = -1});
    start(x);
    assert_true(run_until(x, is_stuck, 3000));
    before = clock_mono_ms(&clock_system);
    stop(x);
    assert_true(clock_mono_ms(&clock_system) - before < 2000);
}

static void test_stop_logs_out(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 1);
    start(x);
    assert_true(run_until(x, is_idle, 3000));
    stop(x);
    assert_int_equal(fake_imap_commands(&x->server, "LOGOUT"), 1);
}

static bool has_some(struct fixture *x)
{
    return x->count >= 100;
}

/* What was gathered is marked, and the cursor goes with it. */
static void test_stop_within_a_backlog(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 390);
    x->settings.unanswered_max = 20;
    x->settings.pace.mark_ms = 2000;
    start(x);
    assert_true(run_until(x, has_some, 3000));
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 0);
    imap_watch_stop(x->watch, note_stopped, x);
    assert_true(run_until(x, is_stopped, 3000));
    assert_in_range(x->count, 100, 389);
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), x->count);
    assert_int_equal(last_cursor(x).uid_next, x->count + 1);
    imap_watch_free(x->watch);
    x->watch = NULL;
}

/* At whatever moment. */
static void test_stop_any_time(void **state)
{
    struct fixture *x = *state;
    int i;

    add_mails(x, 50);
    for (i = 0; i < 40; i++) {
        x->count = x->cursor_count = 0;
        start(x);
        run_until(x, never, i / 4);
        stop(x);
    }
    assert_non_null(x->server.log);
}

static void test_stop_without_start(void **state)
{
    struct fixture *x = *state;
    struct imap_handler handler = {.mail = take, .cursor = note_cursor, .state = note_state};
    struct err e;

    x->watch =
        imap_watch_new(x->loop, x->pool, &clock_system, &x->settings, x->start, &handler, x, &e);
    assert_non_null(x->watch);
    stop(x);
    imap_watch_free(NULL);
}

/* ---- TLS ---- */

static const char *ca_file(void)
{
    return "build/test_imap_watch_ca.pem";
}

static void use_tls(struct fixture *x, const char *name, int days, enum conf_tls tls)
{
    struct fake_tls want = {.name = name, .days = days};

    x->server.tls = fake_tls_server(&want, ca_file());
    x->server.implicit = tls == CONF_TLS_IMPLICIT;
    x->server.caps = "IMAP4rev1 STARTTLS LOGINDISABLED";
    x->server.caps_after = "IMAP4rev1 IDLE UIDPLUS";
    if (tls == CONF_TLS_IMPLICIT)
        x->server.caps = "IMAP4rev1 AUTH=PLAIN IDLE";
    x->mailbox.server.tls = tls;
    x->mailbox.server.ca_file = ca_file();
    add_mails(x, 3);
}

static void test_tls_implicit(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_IMPLICIT);
    add_filler(x, 90000);
    start(x);
    assert_true(run_until(x, all_seen, 5000));
    assert_all_once(x, 4);
    assert_true(run_until(x, is_idle, 3000));
    add_mails(x, 1);
    assert_true(run_until(x, five_done, 3000));
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

static void test_tls_by_name(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "DNS:localhost", 5, CONF_TLS_IMPLICIT);
    x->mailbox.server.host = "localhost";
    start(x);
    assert_true(run_until(x, all_seen, 5000));
}

static void test_starttls(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_STARTTLS);
    /* Behind TLS the server offers PLAIN: what it said in the clear does not count. */
    rule(x, (struct fake_rule){.on = "CAPABILITY", .reply = "", .then_serve = true, .times = 1});
    rule(x, (struct fake_rule){.on = "CAPABILITY",
                               .reply =
                                   "* CAPABILITY IMAP4rev1 AUTH=PLAIN IDLE UIDPLUS\r\n%T OK x\r\n",
                               .times = -1});
    start(x);
    assert_true(run_until(x, all_seen, 5000));
    assert_all_once(x, 3);
    assert_int_equal(fake_imap_commands(&x->server, "STARTTLS"), 1);
}

static void test_starttls_is_not_skipped(void **state)
{
    static const struct fake_rule rules[] = {
        {.on = "CAPABILITY",
         .reply = "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n%T OK x\r\n",
         .times = 1},
        {.on = "STARTTLS", .reply = "%T NO not now\r\n", .times = 1},
        {.on = "STARTTLS",
         .reply = "%T OK begin\r\n* OK [CAPABILITY AUTH=PLAIN] injected\r\n",
         .times = 1},
        {.on = "", .reply = "* PREAUTH welcome\r\n", .times = 1},
    };
    static const char *const reasons[] = {"does not offer STARTTLS", "refuses STARTTLS: not now",
                                          "in the clear after STARTTLS", "logs in by itself"};
    struct fixture *x = *state;
    size_t i;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_STARTTLS);
    fake_imap_start(&x->server);
    for (i = 0; i < 4; i++) {
        x->down_count = 0;
        rule(x, rules[i]);
        start(x);
        if (!run_until(x, is_down, 3000) || !strstr(x->reason, reasons[i]))
            fail_msg("%s: %s", reasons[i], x->reason);
        stop(x);
        x->server.rule_count = 0;
    }
    assert_int_equal(fake_imap_commands(&x->server, "LOGIN"), 0);
    assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE"), 0);
}

static void refuse_tls(struct fixture *x, const char *reason)
{
    start(x);
    assert_true(run_until(x, is_down, 3000));
    if (!strstr(x->reason, reason))
        fail_msg("%s", x->reason);
    run_until(x, never, 60);
    assert_int_equal(fake_imap_connections(&x->server), 1); /* a long wait follows */
    assert_int_equal(fake_imap_commands(&x->server, ""), 0);
    assert_int_equal(x->count, 0);
}

static void test_tls_wrong_name(void **state)
{
    use_tls(*state, "DNS:imap.example", 5, CONF_TLS_IMPLICIT);
    refuse_tls(*state, "IP address mismatch");
}

static void test_tls_wrong_host(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_IMPLICIT);
    x->mailbox.server.host = "localhost";
    refuse_tls(x, "hostname mismatch");
}

static void test_tls_expired(void **state)
{
    use_tls(*state, "IP:127.0.0.1", -1, CONF_TLS_IMPLICIT);
    refuse_tls(*state, "certificate has expired");
}

static void test_tls_unknown_ca(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_IMPLICIT);
    x->mailbox.server.ca_file = ""; /* the system's trust does not know it */
    refuse_tls(x, "certificate is refused");
}

static void test_tls_old(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_IMPLICIT);
    SSL_CTX_set_min_proto_version(x->server.tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(x->server.tls, TLS1_1_VERSION);
    SSL_CTX_set_security_level(x->server.tls, 0);
    start(x);
    assert_true(run_until(x, is_down, 3000));
    assert_non_null(strstr(x->reason, "no TLS with the server"));
    assert_int_equal(x->count, 0);
}

/* ---- the probe ---- */

static void test_probe(void **state)
{
    struct fixture *x = *state;
    char text[200];
    struct err e;

    add_mails(x, 3);
    fake_imap_start(&x->server);
    x->mailbox.server.port = x->server.port;
    assert_int_equal(imap_probe(&x->mailbox, text, sizeof text, &e), 0);
    assert_string_equal(text, "3 messages in INBOX, IDLE");
    x->mailbox.server.password = "wrong";
    assert_int_equal(imap_probe(&x->mailbox, text, sizeof text, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "options user, password"));
    assert_null(strstr(e.text, "wrong"));
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 0);
}

static void test_nobody_listens(void **state)
{
    struct fixture *x = *state;
    char text[200];
    struct err e;

    x->mailbox.server.port = 1;
    assert_int_equal(imap_probe(&x->mailbox, text, sizeof text, &e), -1);
    assert_int_equal(e.class, ERR_RETRY);
    assert_non_null(strstr(e.text, "127.0.0.1 port 1: Connection refused"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fetch),
        TEST(test_idle_wakes),
        TEST(test_server_order_does_not_matter),
        TEST(test_ranges),
        TEST(test_backlog_in_few_commands),
        TEST(test_marks_within_a_backlog),
        TEST(test_scattered_marks),
        TEST(test_gone_from_a_backlog),
        TEST(test_starts_at_the_cursor),
        TEST(test_other_uidvalidity),
        TEST(test_sparse_uids),
        TEST(test_polls_without_idle),
        TEST(test_idle_refused),
        TEST(test_idle_dies),
        TEST(test_idle_is_deaf),
        TEST(test_idle_talk),
        TEST(test_idle_is_renewed),
        TEST(test_drop_in_a_literal),
        TEST(test_drop_at_every_byte),
        TEST(test_bye),
        TEST(test_bye_as_greeting),
        TEST(test_attacks),
        TEST(test_too_large),
        TEST(test_mail_that_cannot_be_fetched),
        TEST(test_expunged_before_it_is_fetched),
        TEST(test_refusals),
        TEST(test_login_without_plain),
        TEST(test_done_delete),
        TEST(test_done_delete_without_uidplus),
        TEST(test_done_move),
        TEST(test_done_move_without_move),
        TEST(test_marking_refused),
        TEST(test_read_only),
        TEST(test_drop_while_marking),
        TEST(test_marking_is_bad),
        TEST(test_marking_always_breaks),
        TEST(test_marking_breaks_at_one),
        TEST(test_marking_not_now),
        TEST(test_copied_and_not_removed),
        TEST(test_unanswered_is_bounded),
        TEST(test_backlog_is_not_forgotten),
        TEST(test_no_room_and_not_kept),
        TEST(test_stop_breaks_a_blocked_job),
        TEST(test_stop_logs_out),
        TEST(test_stop_within_a_backlog),
        TEST(test_stop_any_time),
        TEST(test_stop_without_start),
        TEST(test_tls_implicit),
        TEST(test_tls_by_name),
        TEST(test_starttls),
        TEST(test_starttls_is_not_skipped),
        TEST(test_tls_wrong_name),
        TEST(test_tls_wrong_host),
        TEST(test_tls_expired),
        TEST(test_tls_unknown_ca),
        TEST(test_tls_old),
        TEST(test_probe),
        TEST(test_nobody_listens),
    };

    return cmocka_run_group_tests_name("imap_watch", tests, NULL, NULL);
}
