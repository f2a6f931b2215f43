/*
 * decisions: what administrators have decided while the gateway runs, beside the configuration's
 * file.  Inside store work only, on its thread.
 */
#ifndef STORE_DECISIONS_H
#define STORE_DECISIONS_H

#include "base/err.h"
#include "store/store.h"

/* The numbers stand in databases. */
enum decision_what {
    DECISION_PAIR = 1,  /* name: the Jabber side of a rule; value: the mail side and a direction */
    DECISION_RIGHT = 2, /* name: a domain or bare JID; value: "allow", "deny" */
    DECISION_LIMIT = 3  /* name: an option's; value: its number */
};

enum { DECISIONS_MAX = 10000 }; /* of each kind */

/* value NULL: there is none any more. */
int decisions_put(struct store_txn *txn, enum decision_what what, const char *name,
                  const char *value, struct err *e) MUST_CHECK;
int decisions_clear(struct store_txn *txn, enum decision_what what, struct err *e) MUST_CHECK;
/* In the order of kinds and names; -1 from fn ends it with an error of memory. */
int decisions_each(struct store_txn *txn,
                   int (*fn)(enum decision_what what, const char *name, const char *value,
                             void *arg),
                   void *arg, struct err *e) MUST_CHECK;

#endif
