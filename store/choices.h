/*
 * choices: what each user has decided for themself.  Inside store work only, on its thread.
 *
 * A new choice is a field here and a column (a step of the schema); 0 is always "not chosen", and
 * then the configuration decides.
 */
#ifndef STORE_CHOICES_H
#define STORE_CHOICES_H

#include <stdbool.h>

#include "base/err.h"
#include "store/store.h"

enum choice { CHOICE_NONE, CHOICE_YES, CHOICE_NO };

struct choices {
    enum choice receipts;      /* may senders of mail be told that it was seen? */
    bool is_asked_on_receipts; /* the question has been put, once */
};

/* *out is all empty for a user who never chose. */
int choices_get(struct store_txn *txn, const char *bare_jid, struct choices *out,
                struct err *e) MUST_CHECK;
int choices_put(struct store_txn *txn, const char *bare_jid, const struct choices *choices,
                struct err *e) MUST_CHECK;

#endif
