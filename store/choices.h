/*
 * choices: what each user has decided for themself.  Inside store work only, on its thread.
 *
 * A new choice is a number here and a row of the table in bridge/people/choice_table.c.  0 is
 * always "not chosen", and then the configuration decides.
 */
#ifndef STORE_CHOICES_H
#define STORE_CHOICES_H

#include <stdbool.h>

#include "base/err.h"
#include "store/store.h"

/* The numbers stand in databases: they are never changed, only added. */
enum choice_what {
    CHOICE_RECEIPTS = 1,          /* may senders of mail be told that it was seen? */
    CHOICE_ASKED_ON_RECEIPTS = 2, /* the question has been put, once */
    CHOICE_TYPE = 3,              /* what kind of message a mail becomes */
    CHOICE_SUBJECT = 4,           /* when the subject leads the body */
    CHOICE_QUOTES = 5,            /* is quoted text kept? */
    CHOICE_STRANGERS = 6,         /* may those write whom the user never wrote to? */
    CHOICE_WHEN_CHAT = 7,         /* what is done with mail, by presence */
    CHOICE_WHEN_ONLINE = 8,
    CHOICE_WHEN_AWAY = 9,
    CHOICE_WHEN_XA = 10,
    CHOICE_WHEN_DND = 11,
    CHOICE_WHEN_OFFLINE = 12,
    CHOICE_LIST_AT = 13,  /* when a list of what is held is sent */
    CHOICE_LANGUAGE = 14, /* the one they chose the above in: that of such lists */
    CHOICE_SHOWN = 15,    /* as what they were seen last; found out, not chosen */
    CHOICE_JABBERID = 16, /* do their mails have a Jabber-ID? */
    CHOICE_SUGGEST = 17,  /* are contacts suggested who write for the first time? */
    CHOICE_COUNT
};

/* The values stand there, too. */
enum { CHOICE_NONE = 0 };
enum { CHOICE_YES = 1, CHOICE_NO = 2 };                       /* of questions */
enum { CHOICE_TYPE_NORMAL = 1, CHOICE_TYPE_CHAT = 2 };        /* of CHOICE_TYPE */
enum { CHOICE_ALWAYS = 1, CHOICE_NEW = 2, CHOICE_NEVER = 3 }; /* of CHOICE_SUBJECT */
enum {                                                        /* of CHOICE_WHEN_... */
       CHOICE_DELIVER = 1,
       CHOICE_NOTIFY = 2,
       CHOICE_HOLD = 3,
       CHOICE_DIGEST = 4
};
enum { /* of CHOICE_LIST_AT: every 1 to 24 hours, or at 0 to 23 o'clock */
       CHOICE_LIST_BACK = 100,
       CHOICE_LIST_HOURS = 0,
       CHOICE_LIST_CLOCK = 101
};

struct choices {
    unsigned char of[CHOICE_COUNT];
};

/* *out is all CHOICE_NONE for a user who never chose. */
int choices_get(struct store_txn *txn, const char *bare_jid, struct choices *out,
                struct err *e) MUST_CHECK;
/* CHOICE_NONE: as if it had never been chosen. */
int choices_put(struct store_txn *txn, const char *bare_jid, enum choice_what what, unsigned value,
                struct err *e) MUST_CHECK;
/* Those whose mail may be held, and as what each was seen last (CHOICE_NONE: never). */
int choices_each_held(struct store_txn *txn,
                      void (*fn)(const char *bare_jid, unsigned char shown, void *arg), void *arg,
                      struct err *e) MUST_CHECK;
/* The user is gone: nothing of what they chose is kept. */
int choices_forget(struct store_txn *txn, const char *bare_jid, struct err *e) MUST_CHECK;

#endif
