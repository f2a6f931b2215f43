/*
 * imap_watch: decides, on the loop, what is to be done next for one mailbox, and has it done in
 * turns (mail/imap/imap_turn.h) on the pool.
 *
 * At most one turn is under way; the session belongs to it then, and to the watch in between.
 * advance() is the only place that starts a turn, and is called after anything that may matter.
 * Owns the session, the ledger of mails that are not safe, those to be marked, the timers and the
 * watch on the descriptor in IDLE.  Loop thread. After a crash the stored cursor brings back every
 * mail that was not marked; one that was safe is offered a second time, which the receiver tells by
 * its UID.
 */
#include "mail/imap/imap_watch.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#include "mail/imap/imap_watch_inside.h"

enum {
    BYTES_MAX = 32 * 1024 * 1024, /* fetched and unanswered; one larger mail alone may exceed it */
    AGAIN_MAX_MS = 60000
};

static void advance(struct imap_watch *w);

/* ---- waiting ---- */

/* Something changed: think about it when the present call has returned. */
void imap_watch_kick(struct imap_watch *w)
{
    if (w->is_kicked)
        return;
    w->is_kicked = true;
    loop_post(w->loop, &w->kick);
}

static void kicked(void *arg)
{
    struct imap_watch *w = arg;

    w->is_kicked = false;
    advance(w);
}

static void retry_fired(void *arg)
{
    advance(arg);
}

static void quiet_fired(void *arg)
{
    struct imap_watch *w = arg;

    if (w->is_stopping)
        imap_cancel(&w->cancel);
    w->look_due = true;
    if (w->polls_left > 0 && --w->polls_left == 0)
        w->idle_deaths = 1; /* one more and it is polling again */
    advance(w);
}

static void soon_fired(void *arg)
{
    struct imap_watch *w = arg;

    w->marks_due = true;
    advance(w);
}

static void hold_fired(void *arg)
{
    struct imap_watch *w = arg;

    w->again_due = true;
    advance(w);
}

static void became_readable(void *arg)
{
    struct imap_watch *w = arg;

    w->is_readable = true;
    advance(w);
}

/* ---- mails ---- */

static void pass_cursor(struct imap_watch *w)
{
    uint32_t low = w->ledger.count > 0 ? w->ledger.entries[0].item.uid : w->uid_next;

    if (w->marks.count > 0 && imap_marks_first(&w->marks) < low)
        low = imap_marks_first(&w->marks);
    if (low <= w->cursor.uid_next || w->cursor.uidvalidity == 0)
        return;
    w->cursor.uid_next = low;
    w->handler.cursor(&w->cursor, w->arg);
}

/* It may be answered in the call, and its place in the ledger be another's then. */
static bool offer_one(struct imap_watch *w, struct imap_entry *entry)
{
    struct imap_item item = entry->item;
    struct imap_mail mail = {.uidvalidity = w->cursor.uidvalidity,
                             .uid = item.uid,
                             .data = item.data,
                             .len = item.len,
                             .size = item.size,
                             .is_truncated = item.is_truncated};
    bool taken;

    imap_ledger_set(&w->ledger, entry, IMAP_OFFERED);
    entry->item.data = NULL;
    taken = w->handler.mail(&mail, w->arg);
    entry = taken ? NULL : imap_ledger_find(&w->ledger, item.uid);
    if (entry && entry->state == IMAP_OFFERED) {
        imap_ledger_set(&w->ledger, entry, IMAP_HELD);
        entry->item.data = item.data;
        return false;
    }
    free(item.data);
    return true;
}

/* Offers what is held, in order, until the receiver has no more room. */
static void offer(struct imap_watch *w)
{
    size_t i = 0;
    uint32_t uid;

    while (i < w->ledger.count && w->ledger.counts[IMAP_HELD] > 0 && !w->is_stopping) {
        uid = w->ledger.entries[i].item.uid;
        if (w->ledger.entries[i].state == IMAP_HELD && !offer_one(w, &w->ledger.entries[i]))
            return;
        i += i < w->ledger.count && w->ledger.entries[i].item.uid == uid;
    }
}

/* ---- starting a turn ---- */

static size_t room(const struct imap_watch *w)
{
    size_t unanswered = imap_ledger_unanswered(&w->ledger);
    size_t max = w->settings.unanswered_max;
    size_t left = unanswered < max ? max - unanswered : 0;
    size_t free_places = w->ledger.max - w->ledger.count;
    size_t unmarked = imap_watch_marks_room(w);

    if (w->is_blocked || w->ledger.counts[IMAP_HELD] > 0)
        return 0;
    if (left > free_places)
        left = free_places;
    if (left > unmarked)
        left = unmarked;
    return left < IMAP_RANGE_MAX ? left : IMAP_RANGE_MAX;
}

/* Answers come one by one; with a fetch for each, every mail would be a round trip. */
static bool is_worth_fetching(const struct imap_watch *w)
{
    size_t least = w->settings.unanswered_max / 8, places = room(w);

    return places > 0 && (places >= least || places >= IMAP_RANGE_MAX / 2);
}

static struct imap_turn *new_turn(struct imap_watch *w)
{
    struct imap_turn *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->owner = w;
    t->mailbox = w->settings.mailbox;
    t->cancel = &w->cancel;
    t->terms.connect_ms = w->settings.pace.connect_ms;
    t->terms.read_ms = w->settings.pace.read_ms;
    t->uidvalidity = w->cursor.uidvalidity;
    t->terms.trust = w->settings.trust;
    t->terms.may_connect = w->settings.may_connect;
    t->terms.is_clear_local = w->settings.is_personal;
    t->is_personal = w->settings.is_personal;
    t->awaited = w->handler.awaited;
    t->awaited_arg = w->arg;
    return t;
}

static enum imap_care care_for(const struct imap_watch *w, uint32_t from)
{
    if (w->stuck_uid == from && w->stuck_points >= STUCK_REFUSE)
        return IMAP_CARE_REFUSE;
    if (w->stuck_uid == from && w->stuck_points >= STUCK_HEADER)
        return IMAP_CARE_HEADER;
    return w->alone_left > 0 ? IMAP_CARE_ALONE : IMAP_CARE_NONE;
}

static bool is_again_due(const struct imap_watch *w)
{
    return w->again_due && !w->is_blocked && w->ledger.counts[IMAP_AGAIN] > 0 &&
           w->ledger.counts[IMAP_HELD] == 0;
}

static void want_mail(struct imap_watch *w, struct imap_turn *t, enum imap_fetch fetch)
{
    size_t places = room(w);

    t->want.from = w->uid_next;
    t->want.size_max = w->settings.mail_size_max;
    t->want.bytes_max = BYTES_MAX - w->ledger.bytes;
    t->want.may_exceed = w->ledger.bytes == 0;
    t->want.mails_max = places;
    t->fetch = places > 0 ? fetch : IMAP_FETCH_NOT;
    if (is_again_due(w)) {
        t->want.uid_count =
            imap_ledger_take(&w->ledger, IMAP_AGAIN, IMAP_ASKED, t->again, IMAP_RANGE_MAX);
        t->want.uids = t->again;
        t->want.mails_max = t->want.uid_count;
        t->want.from = t->again[0];
        t->fetch = IMAP_FETCH_NOW;
        w->again_due = false;
    }
    t->want.care = care_for(w, t->want.from);
}

static void turn_done(struct work_job *job);

/* ---- the gate ---- */

static bool enter_gate(struct imap_watch *w)
{
    return !w->settings.gate || imap_gate_enter(w->settings.gate, &w->pass, !w->session);
}

static void leave_gate(struct imap_watch *w, bool was_reached)
{
    if (w->settings.gate)
        imap_gate_leave(w->settings.gate, &w->pass, was_reached);
}

static void gate_opens(void *arg)
{
    struct imap_watch *w = arg;

    if (w->is_stopping) { /* which a kick sees to, and may free w */
        leave_gate(w, true);
        return;
    }
    advance(w);
    if (!w->turn) /* there is nothing to do any more */
        leave_gate(w, true);
}

static bool was_reached(const struct imap_turn *t)
{
    return t->was_opened || (t->fault != IMAP_FAULT_AWAY && t->fault != IMAP_FAULT_NAME);
}

static void submit(struct imap_watch *w, struct imap_turn *t)
{
    t->job.run = imap_turn_run;
    t->job.done = turn_done;
    t->session = w->session;
    imap_watch_take_marks(w, t);
    loop_watch_free(w->readable);
    w->readable = NULL;
    if (w->flagging_count > 0)
        memcpy(t->flaggings, w->flaggings, w->flagging_count * sizeof *w->flaggings);
    t->flagging_count = w->flagging_count;
    t->errands = imap_watch_take_errands(w);
    if (!w->session)
        imap_outcome_connecting(w);
    if (work_submit(w->pool, &t->job) < 0) {
        imap_watch_put_marks_back(w, t);
        imap_ledger_move(&w->ledger, IMAP_ASKED, IMAP_AGAIN);
        leave_gate(w, true);
        err_set(&t->e, ERR_RETRY, "too much is to be done at once");
        imap_watch_answer(t->errands, &t->e);
        imap_turn_free(t);
        loop_timer_start(w->retry, imap_watch_jitter(1000)); /* the pool is full: it never sleeps */
        return;
    }
    w->turn = t;
    w->flagging_count = 0;
    free(w->flaggings);
    w->flaggings = NULL;
    w->session = NULL;
    w->was_idle = w->is_idle;
    w->is_idle = false;
    w->is_readable = false;
    w->marks_due = false;
    loop_timer_stop(w->soon);
    if (!w->is_stopping)
        loop_timer_stop(w->quiet);
}

/* Works, and afterwards waits in IDLE when `idle` and nothing is left. */
static void start_turn(struct imap_watch *w, enum imap_fetch fetch, bool idle)
{
    struct imap_turn *t;

    if (!enter_gate(w))
        return;
    t = new_turn(w);
    /* What is fetched must have its place: no cursor may pass a mail that is not in the ledger. */
    if (!t || imap_ledger_reserve(&w->ledger, room(w)) < 0 ||
        imap_marks_reserve(&w->marks, w->ledger.count + room(w)) < 0) {
        imap_turn_free(t);
        leave_gate(w, true);
        loop_timer_start(w->retry, imap_watch_jitter(w->settings.pace.retry_first_ms));
        return;
    }
    want_mail(w, t, fetch);
    t->do_look = w->look_due;
    t->do_idle = idle && imap_watch_may_idle(w);
    submit(w, t);
    if (w->turn)
        w->look_due = false;
}

/* ---- the end ---- */

static void finish(struct imap_watch *w)
{
    static const struct err over = {ERR_RETRY, "the mailbox is not watched any more"};
    struct imap_turn *t;

    if (w->session && !imap_cancel_is_set(&w->cancel)) {
        t = new_turn(w);
        if (t) {
            t->do_close = w->marks.count <= IMAP_MARKS_MAX || w->marks_failed;
            submit(w, t);
        }
        if (w->turn)
            return;
    }
    loop_watch_free(w->readable);
    w->readable = NULL;
    imap_session_close(w->session, false);
    w->session = NULL;
    loop_timer_stop(w->retry);
    loop_timer_stop(w->quiet);
    loop_timer_stop(w->soon);
    loop_timer_stop(w->hold);
    if (w->settings.gate)
        imap_gate_part(w->settings.gate, &w->pass);
    w->is_stopped = true;
    imap_watch_refuse_errands(w, &over);
    w->stopped(w->stopped_arg); /* may free w */
}

void imap_watch_stop(struct imap_watch *w, void (*stopped)(void *arg), void *arg)
{
    if (w->is_stopping)
        return;
    w->is_stopping = true;
    w->stopped = stopped;
    w->stopped_arg = arg;
    loop_timer_stop(w->retry);
    loop_timer_start(w->quiet, w->settings.pace.stop_ms); /* then what still runs is cancelled */
    imap_watch_kick(w);
}

static bool take_no_mail(const struct imap_mail *mail, void *arg)
{
    (void)mail;
    (void)arg;
    return false;
}

static void take_no_cursor(const struct imap_cursor *cursor, void *arg)
{
    (void)cursor;
    (void)arg;
}

void imap_watch_abandon(struct imap_watch *w, void (*stopped)(void *arg), void *arg)
{
    if (w->is_stopping)
        return;
    w->handler = (struct imap_handler){.mail = take_no_mail, .cursor = take_no_cursor};
    imap_cancel(&w->cancel);
    imap_watch_stop(w, stopped, arg);
}

/* ---- what next ---- */

static void arm(struct imap_watch *w)
{
    const struct imap_pace *pace = &w->settings.pace;
    bool has_marks = w->marks.count > 0 || w->flagging_count > 0;
    int64_t rest_ms = w->flagging_count > 0 ? 0 : imap_watch_marks_rest_ms(w);

    if (w->is_idle) {
        imap_ledger_trim(&w->ledger);
        if (w->ledger.count == 0)
            imap_marks_trim(&w->marks);
    }
    if (w->is_idle && !w->readable) {
        w->readable = loop_watch_new(w->loop, imap_session_fd(w->session), became_readable, w);
        if (!w->readable || imap_session_has_unread(w->session)) {
            w->is_readable = true;
            imap_watch_kick(w);
        }
    }
    if (!loop_timer_is_pending(w->quiet))
        loop_timer_start(w->quiet, imap_watch_jitter(w->is_idle ? pace->idle_ms : pace->poll_ms));
    /* They were not due a moment ago, or this would not be reached: they rest, though that may be
     * over by now. */
    if (has_marks)
        w->marks_due = false;
    if ((has_marks || !w->is_idle) && !w->marks_due && !loop_timer_is_pending(w->soon))
        loop_timer_start(w->soon, rest_ms > pace->mark_ms ? rest_ms : pace->mark_ms);
}

static void arm_hold(struct imap_watch *w)
{
    const struct imap_pace *pace = &w->settings.pace;

    if (loop_timer_is_pending(w->hold))
        return;
    if (w->ledger.counts[IMAP_HELD] > 0) {
        loop_timer_start(w->hold, pace->hold_ms);
    } else if (w->ledger.counts[IMAP_AGAIN] > 0 && !w->again_due) {
        w->again_ms = w->again_ms ? w->again_ms * 2 : pace->hold_ms;
        if (w->again_ms > AGAIN_MAX_MS)
            w->again_ms = AGAIN_MAX_MS;
        loop_timer_start(w->hold, w->again_ms);
    }
}

/* With a session and no turn under way. */
static void advance_session(struct imap_watch *w)
{
    bool is_quiet = imap_ledger_unanswered(&w->ledger) == 0;
    bool may_fetch = is_worth_fetching(w);

    if (is_again_due(w))
        start_turn(w, IMAP_FETCH_NOW, false);
    else if (w->is_readable || (may_fetch && w->has_more))
        start_turn(w, w->is_idle && !w->has_more ? IMAP_FETCH_NEWS : IMAP_FETCH_NOW, is_quiet);
    else if (w->look_due || imap_watch_has_errands(w))
        start_turn(w, IMAP_FETCH_NEWS, is_quiet);
    else if (imap_watch_is_marking_due(w, is_quiet))
        start_turn(w, IMAP_FETCH_NEWS, is_quiet);
    else if (!w->is_idle && imap_watch_may_idle(w) && !w->has_more && (is_quiet || w->marks_due))
        start_turn(w, IMAP_FETCH_NEWS, true);
    else
        arm(w);
}

/* Nobody can tell when the mailbox is back, and what is asked of it is better kept elsewhere. */
static bool is_away(const struct imap_watch *w)
{
    return !w->session && w->state.at == IMAP_FAILED;
}

static void advance(struct imap_watch *w)
{
    if (w->turn || w->is_stopped)
        return;
    if (w->is_stopping) {
        finish(w);
        return;
    }
    if (!w->is_started)
        return;
    if (imap_watch_has_errands(w) && is_away(w))
        imap_watch_refuse_errands(w, &w->state.e);
    offer(w);
    pass_cursor(w);
    if (w->is_stopping || w->turn) {
        imap_watch_kick(w);
        return;
    }
    if (!loop_timer_is_pending(w->retry)) {
        if (w->session)
            advance_session(w);
        else
            start_turn(w, IMAP_FETCH_NOW, false);
    }
    arm_hold(w);
}

static void turn_done(struct work_job *job)
{
    struct imap_turn *t = (struct imap_turn *)(void *)job;
    struct imap_watch *w = t->owner;

    w->turn = NULL;
    w->session = t->session;
    leave_gate(w, was_reached(t));
    imap_watch_answer(t->errands, &t->e);
    imap_outcome_marks(w, t);
    if (t->do_close || w->is_stopping) {
        pass_cursor(w);
        imap_turn_free(t);
        finish(w);
        return;
    }
    imap_outcome_take(w, t);
    imap_turn_free(t);
    advance(w);
}

/* ---- life ---- */

static void fill(int64_t *value, int64_t usual)
{
    if (*value <= 0)
        *value = usual;
}

static void fill_settings(struct imap_settings *s)
{
    if (s->unanswered_max == 0)
        s->unanswered_max = 64;
    if (s->mail_size_max <= 0)
        s->mail_size_max = 50 * 1024 * 1024;
    fill(&s->pace.connect_ms, 30000);
    fill(&s->pace.read_ms, 60000);
    fill(&s->pace.retry_first_ms, 1000);
    fill(&s->pace.retry_max_ms, 300000);
    fill(&s->pace.refused_ms, 900000);
    fill(&s->pace.idle_ms, 600000);
    fill(&s->pace.poll_ms, s->mailbox->poll_s * 1000);
    fill(&s->pace.poll_ms, 60000);
    fill(&s->pace.mark_ms, 100);
    fill(&s->pace.gather_ms, 5000);
    fill(&s->pace.hold_ms, 500);
    fill(&s->pace.stop_ms, 2000);
    fill(&s->pace.login_ms, 60000);
    fill(&s->pace.rest_ms, 3600000);
    fill(&s->pace.hurry_ms, 20000);
}

struct imap_watch *imap_watch_new(struct loop *loop, struct work_pool *pool,
                                  const struct clock *clock, const struct imap_settings *settings,
                                  struct imap_cursor start, const struct imap_handler *handler,
                                  void *arg, struct err *e)
{
    struct imap_watch *w = calloc(1, sizeof *w);

    if (!w) {
        err_memory(e);
        return NULL;
    }
    w->loop = loop;
    w->pool = pool;
    w->clock = clock;
    w->settings = *settings;
    fill_settings(&w->settings);
    w->handler = *handler;
    w->arg = arg;
    w->cursor = start;
    if (w->cursor.uid_next == 0 || w->cursor.uidvalidity == 0)
        w->cursor.uid_next = 1;
    w->uid_next = w->cursor.uid_next;
    w->has_more = true;
    w->kick.run = kicked;
    w->kick.arg = w;
    w->pass = (struct imap_pass){.go = gate_opens, .arg = w};
    if (imap_cancel_init(&w->cancel, e) < 0) {
        free(w);
        return NULL;
    }
    w->retry = loop_timer_new(loop, retry_fired, w);
    w->quiet = loop_timer_new(loop, quiet_fired, w);
    w->soon = loop_timer_new(loop, soon_fired, w);
    w->hold = loop_timer_new(loop, hold_fired, w);
    imap_ledger_init(&w->ledger, 2 * (size_t)w->settings.unanswered_max + IMAP_RANGE_MAX);
    if (!w->retry || !w->quiet || !w->soon || !w->hold) {
        imap_watch_free(w);
        err_memory(e);
        return NULL;
    }
    if (w->settings.gate &&
        imap_gate_join(w->settings.gate, &w->pass, settings->mailbox->server.host,
                       settings->mailbox->server.port, e) < 0) {
        imap_watch_free(w);
        return NULL;
    }
    return w;
}

void imap_watch_start(struct imap_watch *w)
{
    w->is_started = true;
    imap_watch_kick(w);
}

bool imap_watch_came_back(struct imap_watch *w)
{
    return imap_gate_came_back(&w->pass);
}

void imap_watch_hurry(struct imap_watch *w)
{
    if (w->state.at == IMAP_FAILED && w->state.fault == IMAP_FAULT_AWAY && !w->is_stopping &&
        loop_timer_is_pending(w->retry))
        loop_timer_start(w->retry, imap_watch_jitter(w->settings.pace.hurry_ms));
}

const struct imap_state *imap_watch_state(const struct imap_watch *w)
{
    return &w->state;
}

void imap_watch_free(struct imap_watch *w)
{
    if (!w)
        return;
    loop_cancel(w->loop, &w->kick);
    if (w->settings.gate)
        imap_gate_part(w->settings.gate, &w->pass);
    loop_watch_free(w->readable);
    imap_session_close(w->session, false);
    loop_timer_free(w->retry);
    loop_timer_free(w->quiet);
    loop_timer_free(w->soon);
    loop_timer_free(w->hold);
    imap_ledger_clear(&w->ledger);
    imap_marks_clear(&w->marks);
    free(w->flaggings);
    imap_cancel_clear(&w->cancel);
    free(w);
}
