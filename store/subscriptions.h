/*
 * subscriptions: which contacts at gw, and gw itself, each user has asked to see the presence of.
 * Inside store work only, on its thread.
 */
#ifndef STORE_SUBSCRIPTIONS_H
#define STORE_SUBSCRIPTIONS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct subscription {
    const char *bare_jid, *contact; /* bare JIDs */
    const char *photo; /* in a page: as faces_get_photo_hash gives it; else not looked at */
};

/* Remembers one; nothing more for a user who has that many. */
enum { SUBSCRIPTIONS_MAX = 10000 };
int subscriptions_put(struct store_txn *txn, const struct subscription *s,
                      struct err *e) MUST_CHECK;
int subscriptions_has(struct store_txn *txn, const char *bare_jid, const char *contact, bool *out,
                      struct err *e) MUST_CHECK;
int subscriptions_drop(struct store_txn *txn, const struct subscription *s,
                       struct err *e) MUST_CHECK;

/* The next of all, in order, after the one given (twice "": from the first), at most max; list has
 * room for them.  gone: only those whose user has left (accounts_remove), else only the others. */
int subscriptions_page(struct store_txn *txn, struct arena *a, bool gone,
                       const struct subscription *after, unsigned max, struct subscription *list,
                       unsigned *count_out, struct err *e) MUST_CHECK;

#endif
