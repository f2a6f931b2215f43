/*
 * owed: reports of success that were asked for (RFC 3461) and that a Jabber user may still earn by
 * a receipt; when the time is over, only "relayed" can be said.  One row for each link that waits.
 * Inside store work only, on its thread.
 */
#ifndef STORE_OWED_H
#define STORE_OWED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

struct owed { /* the id and n of the link */
    int64_t id;
    unsigned n;
};

/* due_s: when it can wait no longer; one that is there is replaced. */
int owed_put(struct store_txn *txn, int64_t id, unsigned n, int64_t due_s,
             struct err *e) MUST_CHECK;
/* *was_out: it was there. */
int owed_remove(struct store_txn *txn, int64_t id, unsigned n, bool *was_out,
                struct err *e) MUST_CHECK;
/* Those due by now_s, oldest first, at most max. */
int owed_due(struct store_txn *txn, int64_t now_s, struct owed *out, size_t max, size_t *count_out,
             struct err *e) MUST_CHECK;

#endif
