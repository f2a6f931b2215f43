/*
 * census: who has registered, and how much is kept of each, for administrators.  Inside store work
 * only, on its thread.
 */
#ifndef STORE_CENSUS_H
#define STORE_CENSUS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

int census_count(struct store_txn *txn, int64_t *out, struct err *e) MUST_CHECK;
/* The bare JIDs above `after`, in order, at most max; list has room for them. */
int census_page(struct store_txn *txn, struct arena *a, const char *after, unsigned max,
                const char **list, unsigned *count_out, struct err *e) MUST_CHECK;

struct census_sums {
    int64_t choices, senders, contacts, held;
};
int census_sums(struct store_txn *txn, const char *bare_jid, struct census_sums *out,
                struct err *e) MUST_CHECK;

#endif
