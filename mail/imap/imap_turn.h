/*
 * imap_turn: what a watch has done on a worker, in one go: connect if need be, mark, fetch, and
 * wait in IDLE again.  The loop fills in what it wants, submits, and reads the outcome in done();
 * in between it touches neither the turn nor the session in it.
 */
#ifndef MAIL_IMAP_IMAP_TURN_H
#define MAIL_IMAP_IMAP_TURN_H

#include "base/work.h"
#include "mail/imap/imap_errand.h"
#include "mail/imap/imap_session.h"

enum { IMAP_MARKS_MAX = 1000, IMAP_FLAGGINGS_MAX = 64 };

struct imap_flagging {
    uint32_t uid;
    unsigned flags; /* enum imap_flag */
};

struct imap_turn {
    struct work_job job; /* first */
    void *owner;

    /* wanted */
    const struct conf_mailbox *mailbox;
    struct imap_cancel *cancel;
    struct imap_stream_terms terms;
    struct imap_session *session; /* NULL: connect first; after the turn NULL when it was closed */
    bool is_personal;             /* begins with what arrives from now on, and nothing is marked */
    uint32_t uidvalidity;         /* the UIDs below are of this one; 0: none is known yet */
    uint32_t marks[IMAP_MARKS_MAX];
    size_t mark_count;
    struct imap_flagging flaggings[IMAP_FLAGGINGS_MAX];
    size_t flagging_count; /* afterwards: those left to do */
    struct chain errands;  /* in order; afterwards each has its outcome */
    enum imap_fetch { IMAP_FETCH_NOT, IMAP_FETCH_NEWS, IMAP_FETCH_NOW } fetch;
    struct imap_want want;
    uint32_t again[IMAP_RANGE_MAX]; /* want.uids may point here */
    bool do_look;                   /* ask, though the server told of nothing new */
    bool do_idle;                   /* wait in IDLE when nothing is left to do */
    bool do_close;                  /* log out */
    void (*awaited)(void *arg);     /* called when there is something to fetch; may be NULL */
    void *awaited_arg;

    /* outcome */
    bool was_opened;
    uint32_t opened_uidvalidity;
    bool is_changed;     /* another uidvalidity: nothing was marked; fetched from first_uid */
    uint32_t first_uid;  /* the first to be looked at, where is_changed or none was known */
    bool marks_tried;    /* the server was asked for them, or is about to be */
    bool marks_settled;  /* no need to try again... */
    struct err mark_err; /* ...though the server refused, when the class is set */
    bool was_fetched;    /* batch says how it went */
    bool was_deaf;       /* mail was there and IDLE had not told */
    struct imap_batch batch;
    bool has_more; /* fetch again */
    bool is_idle, idle_refused;
    bool failed;                                          /* the session is closed; e says why */
    enum { IMAP_AT_OPEN, IMAP_AT_WORK, IMAP_AT_IDLE } at; /* where it failed */
    enum imap_fault fault;
    struct err e;
};

void imap_turn_run(struct work_job *job); /* on the worker */
void imap_turn_free(struct imap_turn *t); /* with what is left in the batch, not the session */

#endif
