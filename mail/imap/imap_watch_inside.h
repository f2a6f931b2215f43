/*
 * imap_watch_inside: what imap_watch.c, which decides what is next, imap_watch_marks.c, which keeps
 * what is to be marked, and imap_outcome.c, which takes in what a turn brought, share; nobody else
 * includes it.
 */
#ifndef MAIL_IMAP_IMAP_WATCH_INSIDE_H
#define MAIL_IMAP_IMAP_WATCH_INSIDE_H

#include "mail/imap/imap_gate.h"
#include "mail/imap/imap_ledger.h"
#include "mail/imap/imap_marks.h"
#include "mail/imap/imap_turn.h"
#include "mail/imap/imap_watch.h"

/* A mail that stands in the way: points for each failure at it, and what they lead to.  After the
 * first the next mails are fetched one by one, so that it shows which one it is. */
enum { STUCK_LOST = 1, STUCK_BAD = 4, STUCK_HEADER = 16, STUCK_REFUSE = 24, STUCK_ALONE = 100 };

struct imap_watch {
    struct loop *loop;
    struct work_pool *pool;
    const struct clock *clock;
    struct imap_settings settings;
    struct imap_handler handler;
    void *arg;

    bool is_started, is_stopping, is_stopped, has_state, is_ready, has_detail;
    struct imap_state state;
    struct imap_pass pass; /* with a gate */
    void (*stopped)(void *arg);
    void *stopped_arg;

    struct imap_cancel cancel;
    struct imap_session *session; /* NULL: none, or with the turn */
    struct imap_turn *turn;       /* under way */
    bool is_idle;                 /* the session waits in IDLE */
    bool was_idle;                /* it did when the turn began */
    struct loop_watch *readable;  /* its descriptor */
    int64_t opened_ms;            /* when the session was opened, mono */

    struct imap_ledger ledger; /* mails that are not safe yet */
    struct imap_marks marks;   /* safe, and not marked; without those that the turn marks */
    int64_t gathering_ms;      /* since when there are any, mono */
    bool is_marking;           /* what has been gathered is written, until none is left */
    bool marks_failed;         /* a turn could not, and the watch stops */
    unsigned mark_failures;    /* in a row */
    bool has_marked;           /* since marks were last given up */
    int64_t marks_from_ms;     /* none before, as the server asked for time; mono */
    struct imap_cursor cursor; /* as last passed on */
    uint32_t uid_next;         /* to be fetched next */
    bool has_more;             /* mail waits to be fetched */
    bool has_progress;         /* something was fetched on this connection */
    bool is_blocked;           /* the next mail is too large for what may be unanswered */
    bool look_due, marks_due, again_due;
    bool is_readable;                /* something came in IDLE */
    struct imap_flagging *flaggings; /* NULL: none; for the next turn */
    size_t flagging_count;
    int64_t again_ms;     /* grows while mails cannot be kept */
    struct chain errands; /* for the next turns */
    unsigned errand_count;

    unsigned failures;
    unsigned refusals;    /* of user and password, in a row */
    unsigned idle_deaths; /* in a row */
    unsigned polls_left;  /* without IDLE */
    bool told_marks;      /* that marking is refused */
    uint32_t stuck_uid;
    unsigned stuck_points, alone_left;

    struct loop_timer *retry, *quiet, *soon, *hold;
    struct loop_task kick;
    bool is_kicked;
};

/* ms, less up to half of it by chance, so that many mailboxes do not come back together. */
int64_t imap_watch_jitter(int64_t ms);
bool imap_watch_may_idle(const struct imap_watch *w);

/* Something changed: think about it when the present call has returned. */
void imap_watch_kick(struct imap_watch *w);

/* ---- imap_watch_marks ---- */

/* How many more mails may come to wait for their marks. */
size_t imap_watch_marks_room(const struct imap_watch *w);
/* Nothing else starts a turn: is it time for one that marks?  is_quiet: all mails are safe. */
bool imap_watch_is_marking_due(const struct imap_watch *w, bool is_quiet);
/* Those for this turn: none while they may be gathered. */
void imap_watch_take_marks(struct imap_watch *w, struct imap_turn *t);
/* How long the server is left alone with marks; 0: not any more. */
int64_t imap_watch_marks_rest_ms(const struct imap_watch *w);
void imap_watch_marks_done(struct imap_watch *w);
/* The connection was lost over them, or the server cannot now: they are for later, and when that
 * does not end they are given up, so that neither the cursor nor new mail waits for them. */
void imap_watch_marks_failed(struct imap_watch *w, const struct imap_turn *t);
/* The turn did not mark them. */
void imap_watch_put_marks_back(struct imap_watch *w, const struct imap_turn *t);
/* Flags for one mail are put together. */
void imap_watch_add_flags(struct imap_watch *w, uint32_t uid, unsigned flags);

/* ---- imap_watch_errand ---- */

bool imap_watch_has_errands(const struct imap_watch *w);
/* Those for the next turn. */
struct chain imap_watch_take_errands(struct imap_watch *w);
/* What became of them; those that nothing was done for get the reason.  A list that may be empty.
 */
void imap_watch_answer(struct chain errands, const struct err *why);
/* All that wait get the reason. */
void imap_watch_refuse_errands(struct imap_watch *w, const struct err *why);

/* It is connecting: told where it had not been. */
void imap_outcome_connecting(struct imap_watch *w);
/* What was marked need not be marked again. */
void imap_outcome_marks(struct imap_watch *w, struct imap_turn *t);
/* Everything else: the session's state, the mails, and after a failure when to try again. */
void imap_outcome_take(struct imap_watch *w, struct imap_turn *t);

#endif
