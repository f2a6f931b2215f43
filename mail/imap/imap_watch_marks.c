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
    MARKS_AT = 50,           /* so many are marked without waiting for more */
    MARKS_AT_BACKLOG = 50000 /* and so many while there is more to fetch */
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

bool imap_watch_is_marking_due(const struct imap_watch *w, bool is_quiet)
{
    size_t marks = w->marks.count + w->flagging_count;

    return marks > 0 && (is_quiet || w->marks_due || w->is_marking ||
                         marks >= (w->has_more ? MARKS_AT_BACKLOG : MARKS_AT));
}

static bool may_gather(const struct imap_watch *w, const struct imap_turn *t)
{
    return w->has_more && t->fetch == IMAP_FETCH_NOW && !t->do_close && !w->is_stopping &&
           !w->marks_due && !w->is_marking && w->marks.count < MARKS_AT_BACKLOG &&
           clock_mono_ms(w->clock) - w->gathering_ms < w->settings.pace.gather_ms;
}

void imap_watch_take_marks(struct imap_watch *w, struct imap_turn *t)
{
    if (may_gather(w, t))
        return;
    t->mark_count = imap_marks_take(&w->marks, t->marks, IMAP_MARKS_MAX);
    w->is_marking = w->marks.count > 0; /* and the next turns mark the rest */
    t->do_idle = t->do_idle && !w->is_marking;
}

void imap_watch_put_marks_back(struct imap_watch *w, const struct imap_turn *t)
{
    size_t i;

    for (i = 0; i < t->mark_count; i++)
        (void)!imap_marks_add(&w->marks, t->marks[i]); /* there is room: they were in it */
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
