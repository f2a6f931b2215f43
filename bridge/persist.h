/*
 * persist: store work that must be done sooner or later.
 *
 * What has already happened in the world (a mail was sent, a stanza was confirmed) has to reach the
 * disk; when the store refuses or fails for now, persist tries again each second until it is done
 * or the program ends.  A crash before that costs one duplicate, never a loss.  What never can be
 * written has something that is written in its place, so that nothing is left behind that nobody
 * looks at.  Loop thread only.
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
    /* Likewise: written when run() never can be, tried until it is; NULL: nothing is. */
    int (*instead)(struct store_txn *txn, struct persist_work *w, struct err *e);
    void (*done)(struct persist_work *w,
                 const struct err *e); /* on the loop; e: NULL, or why nothing was written */
    struct err why; /* why run() never can be, and instead() is written; class ERR_NONE: it may */
    struct persist *persist;
    struct persist_work *next;
};

bool persist_is_failing(const struct persist *p); /* does what it was last given wait? */

/* run, instead and done are set by the caller. */
void persist_submit(struct persist *p, struct persist_work *w);

#endif
