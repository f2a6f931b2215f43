/*
 * imap_ledger: the mails between "fetched" and "safe" of one mailbox, by UID; those that wait to be
 * marked then are in mail/imap/imap_marks.h.
 *
 * What is in it holds the cursor back.  No I/O; the loop's thread.
 */
#ifndef MAIL_IMAP_IMAP_LEDGER_H
#define MAIL_IMAP_IMAP_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/imap/imap_session.h"

enum imap_entry_state {
    IMAP_HELD,    /* fetched; the receiver had no room yet */
    IMAP_OFFERED, /* with the receiver */
    IMAP_AGAIN,   /* could not be kept: to be fetched again */
    IMAP_ASKED,   /* being fetched again */
    IMAP_STATES
};

struct imap_entry {
    enum imap_entry_state state;
    struct imap_item item; /* data only while held */
};

struct imap_ledger {
    struct imap_entry *entries; /* ascending by uid; NULL while there is no need of any */
    size_t count, room, max;
    size_t counts[IMAP_STATES];
    int64_t bytes; /* held and offered */
};

void imap_ledger_init(struct imap_ledger *l, size_t max);
/* Makes room for so many more, as far as max allows, so that adding them cannot fail. */
int imap_ledger_reserve(struct imap_ledger *l, size_t more) MUST_CHECK;
/* Gives the memory back when nothing is in it. */
void imap_ledger_trim(struct imap_ledger *l);
void imap_ledger_clear(struct imap_ledger *l); /* frees; nothing may be added after */
void imap_ledger_empty(struct imap_ledger *l);

struct imap_entry *imap_ledger_find(const struct imap_ledger *l, uint32_t uid);
/* Takes item's data; an entry that was asked for again becomes held.  False: no room was reserved,
 * or already there. */
bool imap_ledger_add(struct imap_ledger *l, struct imap_item *item);
void imap_ledger_set(struct imap_ledger *l, struct imap_entry *entry, enum imap_entry_state state);
void imap_ledger_remove(struct imap_ledger *l, uint32_t uid);
/* UIDs of the first entries in a state, ascending; they change to next. */
size_t imap_ledger_take(struct imap_ledger *l, enum imap_entry_state state,
                        enum imap_entry_state next, uint32_t *uids, size_t max);
/* All in a state go over to another. */
void imap_ledger_move(struct imap_ledger *l, enum imap_entry_state from, enum imap_entry_state to);
/* Mails that the receiver has not answered, or that wait for it. */
size_t imap_ledger_unanswered(const struct imap_ledger *l);

#endif
