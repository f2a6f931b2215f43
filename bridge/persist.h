/*
 * persist: store work that must be done sooner or later.
 *
 * What has already happened in the world (a mail was sent, a stanza was confirmed) has to reach the
 * disk; when the store refuses or fails for now, persist tries again each second until it is done
 * or the program ends.  A crash before that costs one duplicate, never a loss.  Loop thread only.
 */
#ifndef BRIDGE_PERSIST_H
#define BRIDGE_PERSIST_H

#include "base/loop.h"
#include "store/store.h"

struct persist;

struct persist *persist_new(struct loop *loop, struct store *store);
void persist_free(
    struct persist *p); /* work still waiting is given back with an error; takes NULL */

struct persist_work {
    struct store_work work; /* persist's */
    int (*run)(struct store_txn *txn, struct persist_work *w,
               struct err *e); /* on the writer; repeatable */
    void (*done)(struct persist_work *w,
                 const struct err *e); /* on the loop; e: NULL, or why it never can be */
    struct persist *persist;
    struct persist_work *next;
};

bool persist_is_failing(const struct persist *p); /* does what it was last given wait? */

/* run and done are set by the caller. */
void persist_submit(struct persist *p, struct persist_work *w);

#endif
