/*
 * imap_turn: the steps of a turn, in order.  Owns nothing beyond the turn; runs on a worker of the
 * pool. After a crash in it the mailbox is as it was, or some mails are marked whose safety was
 * already stored.
 */
#include "mail/imap/imap_turn.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/step.h"

/* Leaving IDLE takes a round trip, so it is done only when there is something to do. */
static int leave_idle(struct imap_turn *t)
{
    struct imap_session *s = t->session;
    bool may_fetch = t->fetch != IMAP_FETCH_NOT;

    if (!imap_session_is_idle(s))
        return 0;
    t->at = IMAP_AT_IDLE;
    if (imap_session_idle_peek(s, &t->e) < 0)
        return -1;
    if (t->mark_count == 0 && t->flagging_count == 0 && !t->errands.head &&
        t->fetch != IMAP_FETCH_NOW && !t->do_look && !t->do_close &&
        !(may_fetch && imap_session_has_news(s)))
        return 0;
    return imap_session_idle_end(s, &t->e);
}

/* A folder that was not known: its mails are new, but of a user's own mailbox only those to come.
 */
static int begin_anew(struct imap_turn *t)
{
    t->first_uid = 1;
    if (t->is_personal && imap_session_find_end(t->session, &t->first_uid, &t->e) < 0)
        return -1;
    t->want.from = t->first_uid;
    t->want.uid_count = 0;
    t->want.care = IMAP_CARE_NONE;
    return 0;
}

static int open_session(struct imap_turn *t)
{
    uint32_t uidvalidity;

    if (t->session)
        return 0;
    t->at = IMAP_AT_OPEN;
    t->session = imap_session_open(t->mailbox, t->cancel, &t->terms, &t->fault, &t->e);
    if (!t->session)
        return -1;
    uidvalidity = imap_session_uidvalidity(t->session);
    if (t->uidvalidity && t->uidvalidity != uidvalidity) {
        t->is_changed = true;
        t->mark_count = 0;
        t->flagging_count = 0;
    }
    if (t->uidvalidity != uidvalidity && begin_anew(t) < 0)
        return -1;
    t->was_opened = true;
    t->opened_uidvalidity = uidvalidity;
    return 0;
}

static int mark(struct imap_turn *t)
{
    if (t->mark_count == 0)
        return 0;
    t->marks_tried = true;
    if (imap_session_is_read_only(t->session)) {
        t->marks_settled = true;
        err_set(&t->mark_err, ERR_PERMANENT, "the folder is read-only");
        return 0;
    }
    step("imap.mark");
    if (imap_session_mark(t->session, t->marks, t->mark_count, &t->mark_err) == 0) {
        step("imap.marked");
        t->marks_settled = true;
        err_clear(&t->mark_err); /* it may tell of a first try */
        return 0;
    }
    if (imap_session_is_broken(t->session)) {
        t->e = t->mark_err;
        err_clear(&t->mark_err);
        return -1;
    }
    t->marks_settled = t->mark_err.class == ERR_PERMANENT;
    return 0;
}

/* After the marks: a mail that is moved away is none of ours any more.  What the server refuses (a
 * folder without keywords of users' own) is let be. */
static int flag(struct imap_turn *t)
{
    struct err e;

    while (t->flagging_count > 0) {
        const struct imap_flagging *f = &t->flaggings[t->flagging_count - 1];

        if (!imap_session_is_read_only(t->session) &&
            imap_session_flag(t->session, f->uid, f->flags, &e) < 0) {
            if (imap_session_is_broken(t->session)) {
                t->e = e;
                return -1;
            }
            log_info("imap", "mailbox=%s uid=%u event=flag-refused error=\"%s\"", t->mailbox->name,
                     f->uid, e.text);
        }
        step("imap.flagged");
        t->flagging_count--;
    }
    return 0;
}

/* One after the other; when the connection is lost the rest is for another time, too. */
static int errands(struct imap_turn *t)
{
    struct chain_link *link;
    struct imap_errand *errand;

    for (link = t->errands.head; link; link = link->next) {
        errand = (struct imap_errand *)(void *)link;
        imap_errand_run(t->session, errand);
        if (imap_session_is_broken(t->session)) {
            t->e = errand->e;
            return -1;
        }
    }
    return 0;
}

static int fetch(struct imap_turn *t)
{
    bool has_news = imap_session_has_news(t->session);
    int r;

    if (t->fetch == IMAP_FETCH_NOT ||
        (t->fetch == IMAP_FETCH_NEWS && !has_news && !t->do_look && !t->was_opened))
        return 0;
    if (t->do_look)
        imap_session_look(t->session);
    if (t->awaited &&
        (has_news || (t->was_opened && imap_session_has_new(t->session, t->want.from))))
        t->awaited(t->awaited_arg);
    t->was_fetched = true;
    step("imap.fetch");
    r = imap_session_fetch(t->session, &t->want, &t->batch, &t->e);
    if (t->batch.count > 0)
        step("imap.fetched");
    t->was_deaf = t->do_look && !has_news && t->batch.count > 0;
    return r;
}

/* NOOP lets the server notice what is new: the answer to a search alone may come from before. */
static int look(struct imap_turn *t)
{
    if (!t->do_look || t->was_opened)
        return 0;
    return imap_session_noop(t->session, &t->e);
}

static int idle(struct imap_turn *t)
{
    int r = 0;

    if (t->do_idle && !imap_session_is_idle(t->session) && !t->has_more &&
        imap_session_has_idle(t->session)) {
        t->at = IMAP_AT_IDLE;
        r = imap_session_idle(t->session, &t->e);
        t->idle_refused = r > 0;
    }
    if (r < 0)
        return -1;
    t->is_idle = imap_session_is_idle(t->session);
    t->has_more = t->has_more || imap_session_has_news(t->session);
    return 0;
}

static int run(struct imap_turn *t)
{
    if (open_session(t) < 0 || leave_idle(t) < 0)
        return -1;
    if (imap_session_is_idle(t->session))
        return idle(t);
    t->at = IMAP_AT_WORK;
    if (mark(t) < 0 || flag(t) < 0 || errands(t) < 0 || t->do_close)
        return t->do_close ? 0 : -1;
    if (look(t) < 0 || fetch(t) < 0)
        return -1;
    t->has_more = (t->was_fetched && !t->batch.is_complete) || imap_session_has_news(t->session);
    return idle(t);
}

void imap_turn_run(struct work_job *job)
{
    struct imap_turn *t = (struct imap_turn *)(void *)job;

    imap_batch_init(&t->batch);
    if (run(t) < 0) {
        t->failed = true;
        if (t->fault == IMAP_FAULT_NONE)
            t->fault = IMAP_FAULT_AWAY;
    }
    if (t->session && (t->failed || t->do_close)) {
        imap_session_close(t->session, t->do_close && !t->failed);
        t->session = NULL;
    }
}

void imap_turn_free(struct imap_turn *t)
{
    if (!t)
        return;
    imap_batch_clear(&t->batch);
    free(t);
}
