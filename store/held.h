/*
 * held: mails that are in the queue and that their users do not want now (store/queue.h,
 * QUEUE_HELD).
 *
 * Such an item is not due.  It is let go when its user says so, or when its time has come, and goes
 * as any other mail then; what is done with it otherwise (dropped, removed) ends it here, too.  All
 * calls run inside store work, on its thread.  Texts that come out live in the caller's arena.
 */
#ifndef STORE_HELD_H
#define STORE_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

struct held_mail {
    int64_t id; /* of the message, and n of its item */
    unsigned n;
    const char *bare_jid; /* whose it is */
    unsigned how;         /* the caller's number, below 32: why it is held */
    int64_t arrived_s;    /* when it came */
    int64_t due_s;        /* falls due then, above 0 */
    int64_t list_at_s;    /* its user is sent a list with it then; 0: not at a time */
    bool is_told;         /* its user knows of it */
    int64_t size;         /* bytes */
    const char *mail;     /* its author's address; "": none */
    const char *name;     /* and name; "": none */
    const char *subject;  /* "": none */
    const char *words;    /* the first of the text; "": none */
};

enum { HELD_EVERY = -1 }; /* as a set of numbers (1 << how): all of them */

/* The item is held from now on, as it says; it may have been before. */
int held_put(struct store_txn *txn, const struct held_mail *m, struct err *e) MUST_CHECK;

struct held_sum {
    int64_t count, bytes;
};
/* Of one user. */
int held_sum(struct store_txn *txn, const char *bare_jid, struct held_sum *out,
             struct err *e) MUST_CHECK;
/* Does this item belong to what is held? */
int held_has(struct store_txn *txn, int64_t id, unsigned n, bool *out, struct err *e) MUST_CHECK;
/* When the next list with one of the user's mails is sent; 0: none is. */
int held_next_list(struct store_txn *txn, const char *bare_jid, int64_t *out,
                   struct err *e) MUST_CHECK;

/* What of one user's is held in one of the ways of a set, oldest first, without what is to be let
 * go.  is_untold: only what its user does not know of.  At most max; *total_out: of all. */
int held_list(struct store_txn *txn, struct arena *a, const char *bare_jid, int hows,
              bool is_untold, size_t max, struct held_mail *out, size_t *count_out,
              int64_t *total_out, struct err *e) MUST_CHECK;
/* Its user knows of it now; no list at a time. */
int held_tell(struct store_txn *txn, const char *bare_jid, int hows, struct err *e) MUST_CHECK;

/* Is to be let go: at most max, the oldest first, of those of the ways of a set and, unless it is
 * NULL, of this author (lower case).  held_let_go does it, a part at a time. */
int held_order(struct store_txn *txn, const char *bare_jid, int hows, const char *mail, int64_t max,
               int64_t *count_out, struct err *e) MUST_CHECK;
/* Users who have something to be let go; out has room for max, each in the arena. */
int held_ordered(struct store_txn *txn, struct arena *a, size_t max, const char **out,
                 size_t *count_out, struct err *e) MUST_CHECK;
/* At most max of it goes on its way, the oldest first. */
int held_let_go(struct store_txn *txn, const char *bare_jid, int64_t max, int64_t now_s,
                int64_t *count_out, struct err *e) MUST_CHECK;
/* What has fallen due goes on its way, at most max; what was held for hold_max_s is not held again,
 * and what is due only long after that, since the clock was set back, is due as well. */
int held_fall_due(struct store_txn *txn, int64_t now_s, int64_t hold_max_s, int64_t max,
                  int64_t *count_out, struct err *e) MUST_CHECK;
/* Users who are to be sent a list by now, or only after beyond_s, as held_ordered. */
int held_listed(struct store_txn *txn, struct arena *a, int64_t now_s, int64_t beyond_s, size_t max,
                const char **out, size_t *count_out, struct err *e) MUST_CHECK;

/* Is anything held at all? */
int held_any(struct store_txn *txn, bool *out, struct err *e) MUST_CHECK;

#endif
