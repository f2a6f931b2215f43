/*
 * keys: which OpenPGP key a Jabber user signs with, as their presence says it (XEP-0027).  Inside
 * store work only, on its thread.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

/* Keeps the key id for this user, in place of an earlier one; nothing is written when it is the
 * same. */
int keys_put(struct store_txn *txn, const char *bare_jid, const char *key_id,
             struct err *e) MUST_CHECK;
/* *out NULL when none is known. */
int keys_get(struct store_txn *txn, struct arena *a, const char *bare_jid, const char **out,
             struct err *e) MUST_CHECK;

#endif
