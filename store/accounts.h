/*
 * accounts: the users who have registered with the gateway, and what they have told it about
 * themselves.  Inside store work only, on its thread.
 *
 * What else a user tells at registration is a column more and a field here.
 */
#ifndef STORE_ACCOUNTS_H
#define STORE_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct account {
    const char *alias; /* local part of their own mail address; NULL: none */
    const char *name;  /* how they want to be called in mails; "": as their vCard says */
    int64_t created_s;
};

/* *found_out false: they have not registered, and *out is empty. */
int accounts_get(struct store_txn *txn, struct arena *a, const char *bare_jid, struct account *out,
                 bool *found_out, struct err *e) MUST_CHECK;
/* In place of what there is.  The alias must not be another's: ERR_BUG then. */
int accounts_put(struct store_txn *txn, const char *bare_jid, const struct account *account,
                 struct err *e) MUST_CHECK;
/* Who has this alias; *out NULL: nobody. */
int accounts_owner(struct store_txn *txn, struct arena *a, const char *alias, const char **out,
                   struct err *e) MUST_CHECK;
/* All that is kept of a user goes: the account, choices, own mailboxes, names, pictures, keys;
 * subscriptions are marked as gone (store/subscriptions.h).  Their messages in the queue and what
 * leads answers and reports back to them stay until they are old. */
int accounts_remove(struct store_txn *txn, const char *bare_jid, struct err *e) MUST_CHECK;

/* Has this user ever been here, as far as is still known? */
int accounts_is_known(struct store_txn *txn, const char *bare_jid, bool *out,
                      struct err *e) MUST_CHECK;

/* Calls back for everybody who has an alias, in no order; -1 from fn ends it with an error of
 * memory. */
int accounts_each_alias(struct store_txn *txn,
                        int (*fn)(const char *alias, const char *bare_jid, void *arg), void *arg,
                        struct err *e) MUST_CHECK;

#endif
