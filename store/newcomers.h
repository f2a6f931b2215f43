/*
 * newcomers: who has written to a user for the first time, and whether the user has been told.
 * Inside store work only, on its thread.
 */
#ifndef STORE_NEWCOMERS_H
#define STORE_NEWCOMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

enum newcomer { NEWCOMER_NONE, NEWCOMER_WAITS, NEWCOMER_TOLD };

/* Of a contact (bare JID at gw) and a user (bare JID). */
int newcomers_get(struct store_txn *txn, const char *bare_jid, const char *contact,
                  enum newcomer *out, struct err *e) MUST_CHECK;
/* NEWCOMER_WAITS, unless they are known already. */
int newcomers_put(struct store_txn *txn, const char *bare_jid, const char *contact, int64_t now_s,
                  struct err *e) MUST_CHECK;
/* NEWCOMER_TOLD, if they waited: *out is whether they did. */
int newcomers_tell(struct store_txn *txn, const char *bare_jid, const char *contact, bool *out,
                   struct err *e) MUST_CHECK;

/* The user is gone. */
int newcomers_forget(struct store_txn *txn, const char *bare_jid, struct err *e) MUST_CHECK;
/* Forgets those of before that; at most count_max of them. */
int newcomers_expire(struct store_txn *txn, int64_t before_s, unsigned count_max,
                     struct err *e) MUST_CHECK;

#endif
