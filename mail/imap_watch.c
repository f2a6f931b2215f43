/*
 * imap_watch: decides, on the loop, what is to be done next for one mailbox, and has it done in
 * turns (mail/imap_turn.h) on the pool.
 *
 * At most one turn is under way; the session belongs to it then, and to the watch in between.
 * advance() is the only place that starts a turn, and is called after anything that may matter.
 * Owns the session, the ledger of mails that are not done, the timers and the watch on the
 * descriptor in IDLE.  Loop thread. After a crash the stored cursor brings back every mail that was
 * not done; one that was done and not yet marked is offered a second time, which the receiver tells
 * by its UID.
 */
#include "mail/imap_watch.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/log.h"
#include "mail/imap_ledger.h"
#include "mail/imap_turn.h"

enum {
    BYTES_MAX = 32 * 1024 * 1024, /* fetched and unanswered; one larger mail alone may exceed it */
    MARKS_AT = 50,                /* so many are marked without waiting for more */
    POLLS_MAX = 60,               /* after so many polls IDLE is tried again */
    STEADY_MS = 60000,            /* a connection that lived so long was no failure */
    AGAIN_MAX_MS = 60000
};

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

    bool is_started, is_stopping, is_stopped, has_state, is_ready;
    void (*stopped)(void *arg);
    void *stopped_arg;

    struct imap_cancel cancel;
    struct imap_session *session; /* NULL: none, or with the turn */
    struct imap_turn *turn;       /* under way */
    bool is_idle;                 /* the session waits in IDLE */
    bool was_idle;                /* it did when the turn began */
    struct loop_watch *readable;  /* its descriptor */
    int64_t opened_ms;            /* when the session was opened, mono */

    struct imap_ledger ledger;
    struct imap_cursor cursor; /* as last passed on */
    uint32_t uid_next;         /* to be fetched next */
    bool has_more;             /* mail waits to be fetched */
    bool has_progress;         /* something was fetched on this connection */
    bool is_blocked;           /* the next mail is too large for what may be unanswered */
    bool look_due, marks_due, again_due;
    bool is_readable; /* something came in IDLE */
    int64_t again_ms; /* grows while mails cannot be kept */

    unsigned failures;
    unsigned idle_deaths; /* in a row */
    unsigned polls_left;  /* without IDLE */
    bool told_marks;      /* that marking is refused */
    uint32_t stuck_uid;
    unsigned stuck_points, alone_left;

    struct loop_timer *retry, *quiet, *soon, *hold;
    struct loop_task kick;
    bool is_kicked;
};

static void advance(struct imap_watch *w);

static const char *name_of(const struct imap_watch *w)
{
    return w->settings.mailbox->name;
}

/* ---- waiting ---- */

/* Something changed: think about it when the present call has returned. */
static void kick(struct imap_watch *w)
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

/* ms, less up to half of it by chance, so that many mailboxes do not come back together. */
static int64_t jitter(int64_t ms)
{
    uint32_t r = 0;

    if (RAND_bytes((unsigned char *)&r, sizeof r) != 1)
        return ms;
    return ms - (int64_t)(r % 1024) * ms / 2048;
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

static void set_ready(struct imap_watch *w, bool ready, const char *reason)
{
    if (w->has_state && w->is_ready == ready)
        return;
    w->has_state = true;
    w->is_ready = ready;
    if (w->handler.state && !w->is_stopping)
        w->handler.state(ready, reason, w->arg);
}

/* ---- mails ---- */

static void pass_cursor(struct imap_watch *w)
{
    uint32_t low = w->ledger.count > 0 ? w->ledger.entries[0].item.uid : w->uid_next;

    if (low <= w->cursor.uid_next || w->cursor.uidvalidity == 0)
        return;
    w->cursor.uid_next = low;
    w->handler.cursor(&w->cursor, w->arg);
}

static bool offer_one(struct imap_watch *w, struct imap_entry *entry)
{
    struct imap_item item = entry->item;
    struct imap_mail mail = {.uidvalidity = w->cursor.uidvalidity,
                             .uid = item.uid,
                             .data = item.data,
                             .len = item.len,
                             .size = item.size,
                             .is_truncated = item.is_truncated,
                             .internal_date_s = item.date_s};
    bool taken;

    imap_ledger_set(&w->ledger, entry, IMAP_OFFERED); /* first: it may be answered in the call */
    taken = w->handler.mail(&mail, w->arg);
    if (!taken && entry->state == IMAP_OFFERED) {
        imap_ledger_set(&w->ledger, entry, IMAP_HELD);
        return false;
    }
    free(entry->item.data);
    entry->item.data = NULL;
    return true;
}

/* Offers what is held, in order, until the receiver has no more room. */
static void offer(struct imap_watch *w)
{
    size_t i;

    for (i = 0; i < w->ledger.count && w->ledger.counts[IMAP_HELD] > 0; i++) {
        if (w->is_stopping)
            return;
        if (w->ledger.entries[i].state == IMAP_HELD && !offer_one(w, &w->ledger.entries[i]))
            return;
    }
}

void imap_watch_done(struct imap_watch *w, uint32_t uidvalidity, uint32_t uid, bool safe)
{
    struct imap_entry *entry;

    if (uidvalidity != w->cursor.uidvalidity)
        return;
    entry = imap_ledger_find(&w->ledger, uid);
    if (!entry || entry->state != IMAP_OFFERED)
        return;
    imap_ledger_set(&w->ledger, entry, safe ? IMAP_SAFE : IMAP_AGAIN);
    w->is_blocked = false;
    if (safe)
        w->again_ms = 0;
    kick(w);
}

/* ---- starting a turn ---- */

static size_t room(const struct imap_watch *w)
{
    size_t unanswered = imap_ledger_unanswered(&w->ledger);
    size_t max = w->settings.unanswered_max;
    size_t left = unanswered < max ? max - unanswered : 0;
    size_t free_places = w->ledger.max - w->ledger.count;

    if (w->is_blocked || w->ledger.counts[IMAP_HELD] > 0)
        return 0;
    if (left > free_places)
        left = free_places;
    return left < IMAP_RANGE_MAX ? left : IMAP_RANGE_MAX;
}

static bool may_idle(const struct imap_watch *w)
{
    return w->polls_left == 0;
}

static struct imap_turn *new_turn(struct imap_watch *w)
{
    struct imap_turn *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->owner = w;
    t->mailbox = w->settings.mailbox;
    t->cancel = &w->cancel;
    t->times.connect_ms = w->settings.pace.connect_ms;
    t->times.read_ms = w->settings.pace.read_ms;
    t->uidvalidity = w->cursor.uidvalidity;
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

static void submit(struct imap_watch *w, struct imap_turn *t)
{
    t->job.run = imap_turn_run;
    t->job.done = turn_done;
    t->session = w->session;
    t->mark_count = imap_ledger_take(&w->ledger, IMAP_SAFE, IMAP_MARKING, t->marks, IMAP_MARKS_MAX);
    loop_watch_free(w->readable);
    w->readable = NULL;
    if (work_submit(w->pool, &t->job) < 0) {
        imap_ledger_move(&w->ledger, IMAP_MARKING, IMAP_SAFE);
        imap_ledger_move(&w->ledger, IMAP_ASKED, IMAP_AGAIN);
        imap_turn_free(t);
        loop_timer_start(w->retry, jitter(1000)); /* the pool is full: it never sleeps */
        return;
    }
    w->turn = t;
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
    struct imap_turn *t = new_turn(w);

    if (!t) {
        loop_timer_start(w->retry, jitter(w->settings.pace.retry_first_ms));
        return;
    }
    want_mail(w, t, fetch);
    t->do_look = w->look_due;
    t->do_idle = idle && may_idle(w);
    submit(w, t);
    if (w->turn)
        w->look_due = false;
}

/* ---- the end ---- */

static void finish(struct imap_watch *w)
{
    struct imap_turn *t;

    if (w->session && !imap_cancel_is_set(&w->cancel)) {
        t = new_turn(w);
        if (t) {
            t->do_close = true;
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
    w->is_stopped = true;
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
    kick(w);
}

/* ---- what next ---- */

static void arm(struct imap_watch *w)
{
    const struct imap_pace *pace = &w->settings.pace;
    bool has_marks = w->ledger.counts[IMAP_SAFE] > 0;

    if (w->is_idle && !w->readable) {
        w->readable = loop_watch_new(w->loop, imap_session_fd(w->session), became_readable, w);
        if (!w->readable || imap_session_has_unread(w->session)) {
            w->is_readable = true;
            kick(w);
        }
    }
    if (!loop_timer_is_pending(w->quiet))
        loop_timer_start(w->quiet, jitter(w->is_idle ? pace->idle_ms : pace->poll_ms));
    if ((has_marks || !w->is_idle) && !w->marks_due && !loop_timer_is_pending(w->soon))
        loop_timer_start(w->soon, pace->mark_ms);
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
    size_t marks = w->ledger.counts[IMAP_SAFE];
    bool is_quiet = imap_ledger_unanswered(&w->ledger) == 0;
    bool may_fetch = room(w) > 0;

    if (is_again_due(w))
        start_turn(w, IMAP_FETCH_NOW, false);
    else if (w->is_readable || (may_fetch && w->has_more))
        start_turn(w, w->is_idle ? IMAP_FETCH_NEWS : IMAP_FETCH_NOW, is_quiet);
    else if (w->look_due)
        start_turn(w, IMAP_FETCH_NEWS, is_quiet);
    else if (marks > 0 && (is_quiet || marks >= MARKS_AT || w->marks_due))
        start_turn(w, IMAP_FETCH_NEWS, is_quiet);
    else if (!w->is_idle && may_idle(w) && !w->has_more && (is_quiet || w->marks_due))
        start_turn(w, IMAP_FETCH_NEWS, true);
    else
        arm(w);
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
    offer(w);
    pass_cursor(w);
    if (w->is_stopping || w->turn) {
        kick(w);
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

/* ---- what a turn brought ---- */

static void note_opened(struct imap_watch *w, const struct imap_turn *t, uint32_t uidvalidity)
{
    w->opened_ms = clock_mono_ms(w->clock);
    w->has_progress = false;
    if (w->cursor.uidvalidity == uidvalidity)
        return;
    if (t->is_changed) {
        log_warning("imap", "mailbox=%s uidvalidity=%u event=changed, all its mails are read again",
                    name_of(w), uidvalidity);
        imap_ledger_empty(&w->ledger);
    }
    w->cursor.uidvalidity = uidvalidity;
    w->cursor.uid_next = 1;
    w->uid_next = 1;
    w->stuck_points = 0;
    w->handler.cursor(&w->cursor, w->arg);
}

static void settle_marks(struct imap_watch *w, struct imap_turn *t)
{
    size_t i;

    if (t->mark_count > 0 && t->marks_settled) {
        for (i = 0; i < t->mark_count; i++)
            imap_ledger_remove(&w->ledger, t->marks[i]);
        if (t->mark_err.class != ERR_NONE && !w->told_marks)
            log_warning("imap",
                        "mailbox=%s event=not-marked done=\"%s\" error=\"%s\", mails are "
                        "taken in all the same (option done)",
                        name_of(w), w->settings.mailbox->done, t->mark_err.text);
        w->told_marks = t->mark_err.class != ERR_NONE;
    }
    imap_ledger_move(&w->ledger, IMAP_MARKING, IMAP_SAFE);
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

static void fail(struct imap_watch *w, const struct imap_turn *t)
{
    const struct imap_pace *pace = &w->settings.pace;
    int64_t delay = pace->retry_first_ms;
    bool was_steady = t->at != IMAP_AT_OPEN &&
                      (w->has_progress || clock_mono_ms(w->clock) - w->opened_ms >= STEADY_MS);
    unsigned i;

    if (was_steady)
        w->failures = 0;
    for (i = 0; i < w->failures && delay < pace->retry_max_ms; i++)
        delay *= 2;
    if (delay > pace->retry_max_ms)
        delay = pace->retry_max_ms;
    w->failures++;
    if (t->at == IMAP_AT_OPEN && t->e.class == ERR_PERMANENT)
        delay = pace->refused_ms;
    delay = jitter(delay);
    log_warning("imap", "mailbox=%s error=\"%s\" retry_s=%lld", name_of(w), t->e.text,
                (long long)((delay + 999) / 1000));
    set_ready(w, false, t->e.text);
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
             may_idle(w) ? "idle" : "polling");
}

static void turn_done(struct work_job *job)
{
    struct imap_turn *t = (struct imap_turn *)(void *)job;
    struct imap_watch *w = t->owner;

    w->turn = NULL;
    w->session = t->session;
    settle_marks(w, t);
    if (t->do_close || w->is_stopping) {
        pass_cursor(w);
        imap_turn_free(t);
        finish(w);
        return;
    }
    if (t->was_opened)
        note_opened(w, t, t->opened_uidvalidity);
    note_session(w, t);
    take_batch(w, t);
    w->is_idle = t->is_idle;
    if (t->failed) {
        imap_ledger_move(&w->ledger, IMAP_ASKED, IMAP_AGAIN);
        fail(w, t);
    } else {
        w->has_more = t->has_more || (t->fetch == IMAP_FETCH_NOT && (w->has_more || t->do_look));
        set_ready(w, true, "");
        if (!w->has_more && clock_mono_ms(w->clock) - w->opened_ms >= STEADY_MS)
            w->failures = 0;
    }
    judge_idle(w, t);
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
    fill(&s->pace.hold_ms, 500);
    fill(&s->pace.stop_ms, 2000);
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
    if (imap_cancel_init(&w->cancel, e) < 0) {
        free(w);
        return NULL;
    }
    w->retry = loop_timer_new(loop, retry_fired, w);
    w->quiet = loop_timer_new(loop, quiet_fired, w);
    w->soon = loop_timer_new(loop, soon_fired, w);
    w->hold = loop_timer_new(loop, hold_fired, w);
    if (imap_ledger_init(&w->ledger, 2 * (size_t)w->settings.unanswered_max + IMAP_MARKS_MAX, e) <
        0) {
        imap_watch_free(w);
        return NULL;
    }
    if (!w->retry || !w->quiet || !w->soon || !w->hold) {
        imap_watch_free(w);
        err_memory(e);
        return NULL;
    }
    return w;
}

void imap_watch_start(struct imap_watch *w)
{
    w->is_started = true;
    kick(w);
}

void imap_watch_free(struct imap_watch *w)
{
    if (!w)
        return;
    loop_cancel(w->loop, &w->kick);
    loop_watch_free(w->readable);
    imap_session_close(w->session, false);
    loop_timer_free(w->retry);
    loop_timer_free(w->quiet);
    loop_timer_free(w->soon);
    loop_timer_free(w->hold);
    imap_ledger_clear(&w->ledger);
    imap_cancel_clear(&w->cancel);
    free(w);
}
