/*
 * own_plan: a mailbox that a user has described and that was found to work, on its way into the
 * store and into memory: from the registration form and from commands.
 */
#ifndef BRIDGE_OWN_OWN_PLAN_H
#define BRIDGE_OWN_OWN_PLAN_H

#include "bridge/own/own_form.h"

struct own_plan {
    struct own_wish wish;
    struct own_box_row row;
    struct imap_cursor from; /* where a new mailbox is read from; uidvalidity 0: its end, later */
    int64_t changed;         /* the mailbox that it is a change of; 0: it is a new one */
    int64_t old;             /* the same where it takes that one's place under another id; else 0 */
    bool is_full;            /* the user has as many as they may have: it was not stored */
    bool is_gone;            /* what was to be changed has been removed since: it was not stored */
};

/* The row for plan->wish; bare_jid and what is in the plan live in the arena.  old: the account
 * that is changed; NULL: a new one.  is_first: of a new one.  Loop thread. */
int own_plan_make(struct gateway *g, struct arena *a, const char *bare_jid,
                  const struct own_account *old, bool is_first, struct own_plan *plan,
                  struct err *e) MUST_CHECK;
/* Inside store work.  The limit is for new ones: who has more than an administrator allows by now
 * may change them all the same. */
int own_plan_store(struct store_txn *txn, struct own_plan *plan, int64_t per_user,
                   struct err *e) MUST_CHECK;
/* It is on disk: now in memory, and watched.  Loop thread. */
void own_plan_settle(struct gateway *g, const struct own_plan *plan);
/* No copy of a password stays; after that the wish is of no use. */
void own_plan_wipe(struct own_plan *plan);

#endif
