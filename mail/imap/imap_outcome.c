/*
 * imap_outcome: takes in what a turn brought: a session opened or lost, mails, marks; and keeps
 * count of what fails, so that no mail, no broken IDLE and no server that is away stops the rest.
 * Works on the watch's own data, on the loop.  After a crash all counts begin anew.
 */
#include <stdlib.h>

#include <openssl/rand.h>

#include "base/log.h"
#include "mail/imap/imap_watch_inside.h"

enum {
    POLLS_MAX = 60,    /* after so many polls IDLE is tried again */
    STEADY_MS = 60000, /* a connection that lived so long was no failure */
    REFUSALS_MAX = 3   /* of user and password; then they are tried rarely */
};

static const char *name_of(const struct imap_watch *w)
{
    return w->settings.mailbox->name;
}

int64_t imap_watch_jitter(int64_t ms)
{
    uint32_t r = 0;

    if (RAND_bytes((unsigned char *)&r, sizeof r) != 1)
        return ms;
    return ms - (int64_t)(r % 1024) * ms / 2048;
}

bool imap_watch_may_idle(const struct imap_watch *w)
{
    return w->polls_left == 0;
}

static void set_ready(struct imap_watch *w, bool ready, const char *reason)
{
    if (w->has_state && w->is_ready == ready)
        return;
    w->has_state = true;
    w->is_ready = ready;
    if (w->handler.state && !w->is_stopping)
        w->handler.state(ready, reason, w->arg);
}

static void tell(struct imap_watch *w)
{
    if (w->handler.detail && !w->is_stopping)
        w->handler.detail(&w->state, w->arg);
}

void imap_outcome_connecting(struct imap_watch *w)
{
    if (w->state.at == IMAP_CONNECTING && w->has_detail)
        return;
    w->has_detail = true;
    w->state.at = IMAP_CONNECTING;
    tell(w);
}

static void note_watching(struct imap_watch *w)
{
    bool is_polling = !imap_watch_may_idle(w);

    if (w->state.at == IMAP_WATCHING && w->state.is_polling == is_polling)
        return;
    w->refusals = 0;
    w->state = (struct imap_state){.at = IMAP_WATCHING, .is_polling = is_polling};
    tell(w);
}

static void note_failed(struct imap_watch *w, const struct imap_turn *t, int64_t delay)
{
    w->state = (struct imap_state){.at = IMAP_FAILED,
                                   .fault = t->fault,
                                   .e = t->e,
                                   .refusals = w->refusals,
                                   .is_resting = w->refusals >= REFUSALS_MAX,
                                   .retry_ms = delay};
    tell(w);
}

static void note_opened(struct imap_watch *w, const struct imap_turn *t, uint32_t uidvalidity)
{
    w->opened_ms = clock_mono_ms(w->clock);
    w->has_progress = false;
    if (w->cursor.uidvalidity == uidvalidity)
        return;
    if (t->is_changed) {
        log_warning("imap", "mailbox=%s uidvalidity=%u event=changed, %s", name_of(w), uidvalidity,
                    t->is_personal ? "it begins with what arrives from now on"
                                   : "all its mails are read again");
        imap_ledger_empty(&w->ledger);
        imap_marks_empty(&w->marks);
        w->is_blocked = false; /* by mails whose answers are not waited for any more */
        w->flagging_count = 0;
    }
    w->cursor.uidvalidity = uidvalidity;
    w->cursor.uid_next = t->first_uid;
    w->uid_next = t->first_uid;
    w->stuck_points = 0;
    w->handler.cursor(&w->cursor, w->arg);
}

void imap_outcome_marks(struct imap_watch *w, struct imap_turn *t)
{
    size_t i;

    for (i = 0; i < t->flagging_count; i++) /* the connection was lost first */
        imap_watch_add_flags(w, t->flaggings[i].uid, t->flaggings[i].flags);
    if (t->mark_count == 0)
        return;
    w->marks_failed = !t->marks_settled;
    if (!t->marks_settled) {
        if (t->marks_tried)
            imap_watch_marks_failed(w, t);
        else
            imap_watch_put_marks_back(w, t);
        return;
    }
    imap_watch_marks_done(w);
    if (t->mark_err.class != ERR_NONE && !w->told_marks)
        log_warning("imap",
                    "mailbox=%s event=not-marked done=\"%s\" error=\"%s\", mails are "
                    "taken in all the same (option done)",
                    name_of(w), w->settings.mailbox->done, t->mark_err.text);
    w->told_marks = t->mark_err.class != ERR_NONE;
}

/* A failure while fetching counts against the first mail that is missing; an answer that cannot be
 * right more than a connection that was lost. */
static void note_stuck(struct imap_watch *w, const struct imap_batch *b)
{
    if (b->trouble == IMAP_TROUBLE_NONE) {
        if (w->alone_left > 0 && b->count > 0)
            w->alone_left--;
        return;
    }
    if (b->uid_next != w->stuck_uid)
        w->stuck_points = 0;
    w->stuck_uid = b->uid_next;
    w->stuck_points += b->trouble == IMAP_TROUBLE_BAD ? STUCK_BAD : STUCK_LOST;
    w->alone_left = STUCK_ALONE;
}

static void take_batch(struct imap_watch *w, struct imap_turn *t)
{
    struct imap_batch *b = &t->batch;
    size_t i;

    if (!t->was_fetched)
        return;
    w->has_progress = w->has_progress || b->count > 0;
    for (i = 0; i < b->count; i++) {
        if (t->want.care >= IMAP_CARE_HEADER)
            log_warning("imap", "mailbox=%s uid=%u event=%s, it failed to be fetched too often",
                        name_of(w), b->items[i].uid,
                        t->want.care == IMAP_CARE_REFUSE ? "refused" : "header-only");
        if (!imap_ledger_add(&w->ledger, &b->items[i])) {
            free(b->items[i].data);
            b->items[i].data = NULL;
        }
    }
    for (i = 0; i < t->want.uid_count; i++) /* gone from the folder meanwhile */
        if (t->again[i] < b->uid_next && imap_ledger_find(&w->ledger, t->again[i]) &&
            imap_ledger_find(&w->ledger, t->again[i])->state == IMAP_ASKED)
            imap_ledger_remove(&w->ledger, t->again[i]);
    imap_ledger_move(&w->ledger, IMAP_ASKED, IMAP_AGAIN);
    if (w->ledger.counts[IMAP_AGAIN] > 0 && t->want.uid_count > 0)
        w->again_due = true;
    if (t->want.uid_count == 0 && b->uid_next > w->uid_next)
        w->uid_next = b->uid_next;
    w->is_blocked = b->is_blocked && w->ledger.bytes > 0;
    note_stuck(w, b);
}

/* How long to wait before the next try. */
static int64_t delay_after(struct imap_watch *w, const struct imap_turn *t)
{
    const struct imap_pace *pace = &w->settings.pace;
    int64_t delay = pace->retry_first_ms;
    unsigned i;

    for (i = 0; i < w->failures && delay < pace->retry_max_ms; i++)
        delay *= 2;
    if (delay > pace->retry_max_ms)
        delay = pace->retry_max_ms;
    w->failures++;
    if (t->at != IMAP_AT_OPEN || t->e.class != ERR_PERMANENT)
        return delay;
    if (t->fault != IMAP_FAULT_LOGIN || !t->is_personal)
        return pace->refused_ms;
    return ++w->refusals < REFUSALS_MAX ? pace->login_ms : pace->rest_ms;
}

static void fail(struct imap_watch *w, const struct imap_turn *t)
{
    bool was_steady = t->at != IMAP_AT_OPEN &&
                      (w->has_progress || clock_mono_ms(w->clock) - w->opened_ms >= STEADY_MS);
    int64_t delay;

    if (was_steady)
        w->failures = 0;
    delay = imap_watch_jitter(delay_after(w, t));
    log_warning("imap", "mailbox=%s error=\"%s\" retry_s=%lld", name_of(w), t->e.text,
                (long long)((delay + 999) / 1000));
    set_ready(w, false, t->e.text);
    note_failed(w, t, delay);
    imap_watch_refuse_errands(w, &t->e);
    w->has_more = true;
    w->look_due = false;
    loop_timer_start(w->retry, delay);
}

/* IDLE that is refused, or broke soon twice, or did not tell of mail twice, is given up for a
 * while. */
static void judge_idle(struct imap_watch *w, const struct imap_turn *t)
{
    bool was_short = clock_mono_ms(w->clock) - w->opened_ms < STEADY_MS;

    if (t->failed && t->at == IMAP_AT_IDLE)
        w->idle_deaths = was_short ? w->idle_deaths + 1 : 0;
    else if (w->was_idle && t->was_deaf)
        w->idle_deaths++;
    else if (w->was_idle && t->batch.count > 0)
        w->idle_deaths = 0;
    if (t->idle_refused)
        w->idle_deaths = 2;
    if (w->idle_deaths >= 2 && w->polls_left == 0) {
        log_info("imap", "mailbox=%s event=polling poll_s=%lld, IDLE does not work here",
                 name_of(w), (long long)(w->settings.pace.poll_ms / 1000));
        w->polls_left = POLLS_MAX;
    }
}

static void note_session(struct imap_watch *w, const struct imap_turn *t)
{
    const struct imap_session *s = t->session;

    if (!t->was_opened || !s)
        return;
    if (!imap_session_has_idle(s))
        w->polls_left = UINT32_MAX;
    else if (w->polls_left > POLLS_MAX)
        w->polls_left = 0;
    log_info("imap", "mailbox=%s event=ready messages=%u %s", name_of(w), imap_session_exists(s),
             imap_watch_may_idle(w) ? "idle" : "polling");
}

void imap_outcome_take(struct imap_watch *w, struct imap_turn *t)
{
    if (t->was_opened)
        note_opened(w, t, t->opened_uidvalidity);
    note_session(w, t);
    take_batch(w, t);
    w->is_idle = t->is_idle;
    if (t->failed) {
        imap_ledger_move(&w->ledger, IMAP_ASKED, IMAP_AGAIN);
        fail(w, t);
    } else {
        /* What was not looked at is still there. */
        w->has_more = t->has_more || (!t->was_fetched && (w->has_more || t->do_look));
        set_ready(w, true, "");
        note_watching(w);
        if (!w->has_more && clock_mono_ms(w->clock) - w->opened_ms >= STEADY_MS)
            w->failures = 0;
    }
    judge_idle(w, t);
}
