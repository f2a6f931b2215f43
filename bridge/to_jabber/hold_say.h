/*
 * hold_say: what users are told of mails that are held for them.  No data; inside store work where
 * it has a transaction.
 */
#ifndef BRIDGE_TO_JABBER_HOLD_SAY_H
#define BRIDGE_TO_JABBER_HOLD_SAY_H

#include "base/buf.h"
#include "bridge/settings.h"
#include "store/choices.h"
#include "store/held.h"

enum { HOLD_LIST_MAX = 30, HOLD_SUBJECT_MAX = 120, HOLD_WORDS_MAX = 100 };

/* On one line, with single spaces, at most so many bytes; NULL: memory. */
const char *hold_line(struct arena *a, const char *text, size_t max);

/* The list of what is held, and how to get it. */
void hold_say_list(struct buf *out, const char *lang, const struct held_mail *list, size_t count,
                   int64_t total);

/* Queues a message from gw under this id: of one mail that came, or the list of what the user does
 * not know of, of some ways (a set).  *put_out: false when there is none. */
struct hold_telling {
    const struct settings *settings;
    struct arena *arena;
    const char *bare_jid;
    int64_t id, now_s;
};
int hold_tell_new(struct store_txn *txn, const struct hold_telling *t,
                  const struct choices *choices, const struct held_mail *mail,
                  struct err *e) MUST_CHECK;
int hold_tell_list(struct store_txn *txn, const struct hold_telling *t,
                   const struct choices *choices, int hows, bool *put_out,
                   struct err *e) MUST_CHECK;

#endif
