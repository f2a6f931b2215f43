/*
 * imap_watch_marks: what a watch writes back into its mailbox, marks and flags, and when.
 *
 * Marking takes a server longer than handing the mail out, and nobody waits for it: while there is
 * more to fetch marks are gathered, so that mail is safe first.  Works on the watch's own data, on
 * the loop.  A crash forgets what was gathered, and the cursor, which has not passed it, brings it
 * back: the receiver knows those mails, and they are marked then.
 */
#include <stdlib.h>

#include "base/log.h"
#include "mail/imap/imap_watch_inside.h"

enum {
    MARKS_AT = 50,            /* so many are marked without waiting for more */
    MARKS_AT_BACKLOG = 50000, /* and so many while there is more to fetch */
    MARKS_ALONE_AFTER = 3,    /* failures in a row: then one by one, to find the mail to blame */
    MARKS_GIVE_UP = 10        /* and so many are enough */
};

/* ---- marks ---- */

/* In its place for the cursor is the mark, if the mailbox gets any. */
static bool is_kept(struct imap_watch *w, uint32_t uid)
{
    if (w->settings.is_personal) /* nothing in it is changed: what is safe is done */
        return true;
    if (w->marks.count == 0)
        w->gathering_ms = clock_mono_ms(w->clock);
    return imap_marks_add(&w->marks, uid);
}

void imap_watch_done(struct imap_watch *w, uint32_t uidvalidity, uint32_t uid, bool safe)
{
    struct imap_entry *entry;

    if (uidvalidity != w->cursor.uidvalidity)
        return;
    entry = imap_ledger_find(&w->ledger, uid);
    if (!entry || entry->state != IMAP_OFFERED)
        return;
    if (safe && is_kept(w, uid)) {
        imap_ledger_remove(&w->ledger, uid);
        w->again_ms = 0;
    } else {
        imap_ledger_set(&w->ledger, entry, IMAP_AGAIN);
    }
    w->is_blocked = false;
    imap_watch_kick(w);
}

size_t imap_watch_marks_room(const struct imap_watch *w)
{
    size_t max = MARKS_AT_BACKLOG + 2 * (size_t)w->settings.unanswered_max;
    size_t taken = w->marks.count + w->ledger.count;

    return taken < max ? max - taken : 0;
}

int64_t imap_watch_marks_rest_ms(const struct imap_watch *w)
{
    int64_t rest = w->marks.count > 0 ? w->marks_from_ms - clock_mono_ms(w->clock) : 0;

    return rest > 0 ? rest : 0;
}

bool imap_watch_is_marking_due(const struct imap_watch *w, bool is_quiet)
{
    size_t marks = w->flagging_count;

    if (imap_watch_marks_rest_ms(w) == 0)
        marks += w->marks.count;

    return marks > 0 && (is_quiet || w->marks_due || w->is_marking ||
                         marks >= (w->has_more ? MARKS_AT_BACKLOG : MARKS_AT));
}

static bool may_gather(const struct imap_watch *w, const struct imap_turn *t)
{
    return w->has_more && t->fetch == IMAP_FETCH_NOW && !t->do_close && !w->is_stopping &&
           !w->marks_due && !w->is_marking && w->marks.count < MARKS_AT_BACKLOG &&
           clock_mono_ms(w->clock) - w->gathering_ms < w->settings.pace.gather_ms;
}

/* After failures fewer at a time: one mail that the server cannot bear is found out so. */
static size_t marks_max(const struct imap_watch *w)
{
    static const size_t max[] = {IMAP_MARKS_MAX, 100, 10, 1};

    return max[w->mark_failures < MARKS_ALONE_AFTER ? w->mark_failures : MARKS_ALONE_AFTER];
}

void imap_watch_take_marks(struct imap_watch *w, struct imap_turn *t)
{
    if (may_gather(w, t) || (imap_watch_marks_rest_ms(w) > 0 && !w->is_stopping))
        return;
    t->mark_count = imap_marks_take(&w->marks, t->marks, marks_max(w));
    w->is_marking = w->marks.count > 0; /* and the next turns mark the rest */
    t->do_idle = t->do_idle && !w->is_marking;
}

void imap_watch_put_marks_back(struct imap_watch *w, const struct imap_turn *t)
{
    size_t i;

    /* There is room, as they were in it; from behind, so that a range that was taken in part is
     * never two. */
    for (i = t->mark_count; i-- > 0;)
        (void)!imap_marks_add(&w->marks, t->marks[i]);
}

void imap_watch_marks_done(struct imap_watch *w)
{
    w->has_marked = true;
    if (w->marks.count == 0)
        w->mark_failures = 0;
    else if (w->mark_failures > MARKS_ALONE_AFTER)
        w->mark_failures = MARKS_ALONE_AFTER;
}

/* Without a mark the mails are as safe as with it. */
static void give_up(struct imap_watch *w, const struct imap_turn *t)
{
    size_t count = t->mark_count;

    if (w->has_marked) { /* it is this mail's fault */
        w->mark_failures = MARKS_ALONE_AFTER;
    } else {
        count += w->marks.count;
        imap_marks_empty(&w->marks);
        w->mark_failures = MARKS_GIVE_UP - 1;
    }
    w->has_marked = false;
    log_warning("imap",
                "mailbox=%s event=not-marked done=\"%s\" mails=%zu uid=%u error=\"%s\", mails are "
                "taken in all the same (option done)",
                w->settings.mailbox->name, w->settings.mailbox->done, count, t->marks[0],
                t->failed ? t->e.text : t->mark_err.text);
}

void imap_watch_marks_failed(struct imap_watch *w, const struct imap_turn *t)
{
    const struct imap_pace *pace = &w->settings.pace;
    int64_t now = clock_mono_ms(w->clock), rest = pace->retry_first_ms << w->mark_failures;

    w->is_marking = false;
    w->gathering_ms = now; /* the next connection fetches first: mail goes on coming */
    if (!t->failed)
        w->marks_from_ms = now + (rest < pace->retry_max_ms ? rest : pace->retry_max_ms);
    if (++w->mark_failures >= MARKS_GIVE_UP)
        give_up(w, t);
    else
        imap_watch_put_marks_back(w, t);
}

/* ---- flags ---- */

void imap_watch_add_flags(struct imap_watch *w, uint32_t uid, unsigned flags)
{
    size_t i;

    for (i = 0; i < w->flagging_count; i++)
        if (w->flaggings[i].uid == uid) {
            w->flaggings[i].flags |= flags;
            return;
        }
    if (!w->flaggings)
        w->flaggings = calloc(IMAP_FLAGGINGS_MAX, sizeof *w->flaggings);
    if (w->flaggings && w->flagging_count < IMAP_FLAGGINGS_MAX)
        w->flaggings[w->flagging_count++] = (struct imap_flagging){uid, flags};
    else
        log_info("imap", "mailbox=%s uid=%u event=flag-dropped, too many wait",
                 w->settings.mailbox->name, uid);
}

void imap_watch_flag(struct imap_watch *w, uint32_t uidvalidity, uint32_t uid, unsigned flags)
{
    if (uid == 0 || flags == 0 || uidvalidity != w->cursor.uidvalidity || w->is_stopping)
        return;
    imap_watch_add_flags(w, uid, flags);
    imap_watch_kick(w);
}
