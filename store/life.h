/*
 * life: claims on what is in the queue, with a lease.
 *
 * A gateway that serves a store has a life: a number and the time until which it may be taken for
 * alive, which it puts off as long as it runs.  An item belongs to the life that put or loaded it;
 * when that life is over, another may take the item.  The lease is the life's and not the item's:
 * renewing it is one row, however much is claimed, and a message that is put and sent at once costs
 * nothing more.  With SQLite one gateway holds the lock of the store, so at its start every other
 * life is over, at once.  Inside store work only, on its thread.
 */
#ifndef STORE_LIFE_H
#define STORE_LIFE_H

#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

enum { LIFE_LEASE_S = 600 };

/* The holder of the store's lock starts a life; earlier ones end. */
int life_begin(struct store_txn *txn, int64_t now_s, struct err *e) MUST_CHECK;
int life_renew(struct store_txn *txn, int64_t now_s, struct err *e) MUST_CHECK;

#endif
