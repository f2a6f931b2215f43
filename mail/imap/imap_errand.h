/*
 * imap_errand: something to be done in a mailbox once: set flags on a mail, lay a copy in Sent.
 *
 * The errand and all it points at are the caller's, and stay as they are until done is called: on
 * the loop, once, never inside the call that gave the errand, also when the mailbox is removed
 * meanwhile.  Nothing is kept over a restart and nothing is tried twice here: that is for the
 * caller's queue to decide, by the outcome.
 */
#ifndef MAIL_IMAP_IMAP_ERRAND_H
#define MAIL_IMAP_IMAP_ERRAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chain.h"
#include "base/err.h"
#include "mail/imap/imap_fault.h"

enum imap_flag {
    IMAP_FLAG_SEEN = 1,
    IMAP_FLAG_ANSWERED = 2,
    IMAP_FLAG_MDN_SENT = 4 /* $MDNSent (RFC 3503); left out where the folder takes no keywords */
};

enum imap_errand_kind {
    IMAP_ERRAND_FLAG,  /* add flags to a mail */
    IMAP_ERRAND_APPEND /* lay a mail into the folder of sent mails */
};

enum imap_errand_outcome {
    IMAP_ERRAND_DONE,
    IMAP_ERRAND_RETRY,  /* later: the mailbox is away, or the connection was lost */
    IMAP_ERRAND_GONE,   /* no such mail any more: moved, deleted, or its folder was made anew */
    IMAP_ERRAND_REFUSED /* the server will not: read-only, too large, over quota */
};

struct imap_errand {
    struct chain_link link; /* first; the watch's */
    enum imap_errand_kind kind;
    unsigned flags; /* enum imap_flag, or-ed; of what is laid into Sent, too (usually SEEN) */

    /* FLAG: which mail of the mailbox's folder.  By UIDVALIDITY and UID, or, where they are 0 or do
     * not hold any more, by Message-ID, in angle brackets. */
    uint32_t uidvalidity, uid;
    const char *message_id; /* NULL: is not known */

    /* APPEND: the folder marked \Sent (RFC 6154), else one of the usual names, else one is made. */
    const char *message; /* CRLF throughout */
    size_t message_len;
    int64_t date_s; /* INTERNALDATE; 0: when it is appended */
    /* An earlier try, of this life or another, may have got it there: looked for by message_id
     * first, so that a crash or a lost connection costs no second copy. */
    bool may_exist;

    /* The answer. */
    enum imap_errand_outcome outcome;
    struct err e;     /* unless done */
    char folder[128]; /* the one it was laid into, as the server writes it */

    void (*done)(struct imap_errand *errand); /* may free it */
    void *arg;
};

#endif
