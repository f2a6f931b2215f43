/*
 * imap_trial: tries a mailbox once for somebody who waits for the answer: on a worker, with a limit
 * on the loop.
 *
 * When the limit comes first, whoever asked is told, and the worker is cancelled and ends in its
 * own time (a look-up of a name cannot be broken off); what runs is counted until then, so that no
 * more run than there should be.  Owns the trials.  Loop thread, but run().  A crash leaves
 * nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/imap/imap_boxes_inside.h"
#include "mail/imap/imap_session.h"

enum { RUNNING_MAX = 4, WAITING_MAX = 32, LIMIT_MS = 30000, READ_MS = 20000 };

struct imap_trial {
    struct work_job job; /* first */
    struct imap_boxes *boxes;
    struct imap_description *description;
    struct imap_stream_terms terms;
    struct imap_cancel cancel;
    struct loop_timer *limit;
    void (*done)(const struct imap_trial_result *result, void *arg); /* NULL: nobody waits */
    void *arg;
    bool is_running;
    struct imap_trial_result result; /* the worker's until it has ended */
    struct imap_trial *prev, *next;  /* of all */
    struct imap_trial *next_waiting;
};

static void unlink_trial(struct imap_trial *t)
{
    struct imap_boxes *b = t->boxes;

    if (t->prev)
        t->prev->next = t->next;
    else
        b->trials = t->next;
    if (t->next)
        t->next->prev = t->prev;
}

static void free_trial(struct imap_trial *t)
{
    loop_timer_free(t->limit);
    imap_description_wipe(t->description);
    imap_cancel_clear(&t->cancel);
    free(t);
}

/* What a user reads has no use for the names of our options. */
static void drop_options(char *text)
{
    char *at = strstr(text, " (option");

    if (at)
        *at = '\0';
}

static void tell(struct imap_trial *t, const struct imap_trial_result *result)
{
    void (*done)(const struct imap_trial_result *, void *) = t->done;

    t->done = NULL;
    loop_timer_stop(t->limit);
    if (done)
        done(result, t->arg);
}

/* ---- on the worker ---- */

static void note_end(struct imap_session *s, struct imap_cursor *out)
{
    struct err e;

    if (imap_session_find_end(s, &out->uid_next, &e) == 0)
        out->uidvalidity = imap_session_uidvalidity(s);
}

static void run(struct work_job *job)
{
    struct imap_trial *t = (struct imap_trial *)(void *)job;
    struct imap_trial_result *r = &t->result;
    struct imap_session *s;

    s = imap_session_open(&t->description->mailbox, &t->cancel, &t->terms, &r->fault, &r->e);
    if (s) {
        r->fault = IMAP_FAULT_NONE;
        err_clear(&r->e);
        r->messages = imap_session_exists(s);
        r->has_idle = imap_session_has_idle(s);
        r->is_read_only = imap_session_is_read_only(s);
        note_end(s, &r->end);
    }
    imap_session_close(s, true);
}

/* ---- on the loop ---- */

static void start_next(struct imap_boxes *b);

static void ended(struct work_job *job)
{
    struct imap_trial *t = (struct imap_trial *)(void *)job;
    struct imap_boxes *b = t->boxes;

    b->trials_running--;
    unlink_trial(t);
    drop_options(t->result.e.text);
    tell(t, &t->result);
    free_trial(t);
    start_next(b);
    imap_boxes_settle(b);
}

static void start_next(struct imap_boxes *b)
{
    struct imap_trial *t;

    while (!b->is_stopping && b->trials_running < RUNNING_MAX && (t = b->first_waiting)) {
        t->job.run = run;
        t->job.done = ended;
        if (work_submit(b->pool, &t->job) < 0)
            return; /* the pool has no place: when a trial or its limit ends, it is tried again */
        b->first_waiting = t->next_waiting;
        b->trials_waiting--;
        b->trials_running++;
        t->is_running = true;
    }
}

static void take_from_line(struct imap_trial *t)
{
    struct imap_boxes *b = t->boxes;
    struct imap_trial **p = &b->first_waiting, *before = NULL;

    while (*p != t) {
        before = *p;
        p = &before->next_waiting;
    }
    *p = t->next_waiting;
    if (b->last_waiting == t)
        b->last_waiting = before;
    b->trials_waiting--;
}

/* Nobody waits for it any more. */
static void give_up(struct imap_trial *t)
{
    if (t->is_running) {
        imap_cancel(&t->cancel);
        return;
    }
    take_from_line(t);
    unlink_trial(t);
    free_trial(t);
}

static void limit_reached(void *arg)
{
    static const struct imap_trial_result late = {
        .fault = IMAP_FAULT_AWAY,
        .e = {ERR_RETRY, "the server did not answer in time"},
        .is_late = true,
    };
    struct imap_trial *t = arg;
    struct imap_boxes *b = t->boxes;

    tell(t, &late);
    give_up(t);
    start_next(b);
}

void imap_trial_cancel(struct imap_trial *t)
{
    t->done = NULL;
    loop_timer_stop(t->limit);
    give_up(t);
}

void imap_trials_stop(struct imap_boxes *b)
{
    struct imap_trial *t, *next;

    for (t = b->trials; t; t = next) {
        next = t->next;
        imap_trial_cancel(t);
    }
}

/* ---- starting ---- */

static struct imap_trial *new_trial(struct imap_boxes *b, const struct conf_mailbox *mailbox,
                                    struct err *e)
{
    struct imap_trial *t = calloc(1, sizeof *t);

    if (!t) {
        err_memory(e);
        return NULL;
    }
    if (imap_cancel_init(&t->cancel, e) < 0) {
        free(t);
        return NULL;
    }
    t->boxes = b;
    t->description = imap_description_copy(mailbox, b->settings.ca_file, e);
    t->limit = t->description ? loop_timer_new(b->loop, limit_reached, t) : NULL;
    if (t->limit)
        return t;
    if (t->description)
        err_memory(e);
    free_trial(t);
    return NULL;
}

struct imap_trial *imap_trial_start(struct imap_boxes *b, const struct conf_mailbox *mailbox,
                                    int64_t limit_ms,
                                    void (*done)(const struct imap_trial_result *result, void *arg),
                                    void *arg, struct err *e)
{
    struct imap_trial *t;

    if (b->is_stopping || b->trials_waiting >= WAITING_MAX) {
        err_set(e, ERR_RETRY, "too many accounts are being tried at once");
        return NULL;
    }
    if (imap_boxes_start(b, e) < 0)
        return NULL;
    t = new_trial(b, mailbox, e);
    if (!t)
        return NULL;
    limit_ms = limit_ms > 0 ? limit_ms : LIMIT_MS;
    t->done = done;
    t->arg = arg;
    t->terms = (struct imap_stream_terms){.connect_ms = limit_ms,
                                          .read_ms = limit_ms < READ_MS ? limit_ms : READ_MS,
                                          .trust = b->trust,
                                          .may_connect = b->settings.may_connect,
                                          .is_clear_local = true};
    t->next = b->trials;
    if (t->next)
        t->next->prev = t;
    b->trials = t;
    if (b->first_waiting)
        b->last_waiting->next_waiting = t;
    else
        b->first_waiting = t;
    b->last_waiting = t;
    b->trials_waiting++;
    loop_timer_start(t->limit, limit_ms);
    start_next(b);
    return t;
}
