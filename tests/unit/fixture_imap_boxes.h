/*
 * Mailboxes at a server in a thread, and their receiver, for the tests of imap_boxes.
 */
#ifndef TESTS_UNIT_FIXTURE_IMAP_BOXES_H
#define TESTS_UNIT_FIXTURE_IMAP_BOXES_H

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "mail/imap/imap_boxes.h"
#include "tests/fake/imap_server.h"

enum {
    SEEN_MAX = 64,
    SLICE_MS = 10,
    PATIENCE_MS = 60000 /* for what comes in a moment where nobody else works */
};

struct fixture {
    struct fake_imap server;
    struct loop *loop;
    struct imap_boxes_settings settings;
    struct conf_mailbox mailbox;
    struct imap_boxes *boxes;
    struct imap_box *box;

    uint32_t uids[SEEN_MAX];
    size_t count;
    struct imap_cursor cursor;
    struct imap_state state;
    unsigned callbacks, failures;
    bool remove_at_mail;

    bool is_tried, is_stopped;
    struct imap_trial_result trial;
    struct imap_errand *errand; /* the last one answered */
    unsigned given, answers;

    bool (*until)(struct fixture *x);
};

/* ---- the receiver ---- */

static inline bool take(struct imap_box *box, const struct imap_mail *mail, void *arg)
{
    struct fixture *x = arg;

    x->callbacks++;
    assert_ptr_equal(imap_box_owner(box), x);
    assert_true(x->count < SEEN_MAX);
    x->uids[x->count++] = mail->uid;
    if (x->remove_at_mail) {
        imap_box_remove(box);
        x->box = NULL;
        x->callbacks = 0;
    } else {
        imap_box_done(box, mail->uidvalidity, mail->uid, true);
    }
    return true;
}

static inline void note_cursor(struct imap_box *box, const struct imap_cursor *cursor, void *arg)
{
    struct fixture *x = arg;

    (void)box;
    x->callbacks++;
    x->cursor = *cursor;
}

static inline void note_state(struct imap_box *box, const struct imap_state *state, void *arg)
{
    struct fixture *x = arg;

    assert_ptr_equal(imap_box_state(box), state);
    x->callbacks++;
    x->failures += state->at == IMAP_FAILED;
    x->state = *state;
}

static inline void note_stopped(void *arg)
{
    struct fixture *x = arg;

    x->is_stopped = true;
}

/* ---- running ---- */

static inline bool is_over(void *arg)
{
    struct fixture *x = arg;

    return x->until(x);
}

static inline bool run_until(struct fixture *x, bool (*until)(struct fixture *x), int64_t limit_ms)
{
    x->until = until;
    for (; limit_ms > 0 && !until(x); limit_ms -= SLICE_MS) /* the server tells the loop nothing */
        loop_run_until(x->loop, is_over, x, SLICE_MS);
    return until(x);
}

static inline bool never(struct fixture *x)
{
    (void)x;
    return false;
}

static inline bool is_watching(struct fixture *x)
{
    return x->state.at == IMAP_WATCHING;
}

static inline bool is_idle(struct fixture *x)
{
    return is_watching(x) && fake_imap_commands(&x->server, "IDLE") > 0;
}

static inline bool is_failed(struct fixture *x)
{
    return x->failures > 0;
}

static inline bool is_tried(struct fixture *x)
{
    return x->is_tried;
}

static inline bool is_stopped(struct fixture *x)
{
    return x->is_stopped;
}

static inline int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct err e;

    log_set_level(getenv("TEST_VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    fake_imap_init(&x->server);
    x->server.user = "juliet";
    x->loop = loop_new(&e);
    x->mailbox = (struct conf_mailbox){
        .name = "juliet",
        .server = {.host = "127.0.0.1", .user = "juliet", .password = "secret"},
        .folder = "INBOX"};
    x->settings = (struct imap_boxes_settings){.threads = 4,
                                               .pace = {.connect_ms = 3000,
                                                        .read_ms = 2000,
                                                        .retry_first_ms = 5,
                                                        .retry_max_ms = 20,
                                                        .login_ms = 10,
                                                        .rest_ms = 60000}};
    *state = x;
    return 0;
}

static inline void open_boxes(struct fixture *x)
{
    static const struct imap_boxes_handler handler = {take, note_cursor, note_state};
    struct err e;

    if (!x->server.port)
        fake_imap_start(&x->server);
    x->mailbox.server.port = x->server.port;
    x->boxes = imap_boxes_new(x->loop, &clock_system, &x->settings, &handler, x, &e);
    assert_non_null(x->boxes);
}

static inline void add(struct fixture *x, struct imap_cursor start)
{
    struct err e;

    if (!x->boxes)
        open_boxes(x);
    x->box = imap_boxes_add(x->boxes, &x->mailbox, start, x, &e);
    assert_non_null(x->box);
}

static inline int teardown(void **state)
{
    struct fixture *x = *state;

    if (x->boxes) {
        imap_boxes_stop(x->boxes, note_stopped, x);
        assert_false(x->is_stopped); /* never inside the call */
        assert_true(run_until(x, is_stopped, 5000));
        imap_boxes_free(x->boxes);
    }
    if (x->server.port)
        fake_imap_stop(&x->server);
    loop_free(x->loop);
    free(x);
    return 0;
}

static const struct imap_cursor never_looked;

static inline void add_mails(struct fixture *x, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++)
        fake_imap_add(&x->server, "Subject: mail\r\n\r\nbody\r\n");
}

static inline bool has_one(struct fixture *x)
{
    return x->count == 1;
}

static inline bool no_connection(struct fixture *x)
{
    return !fake_imap_is_connected(&x->server);
}

#endif
