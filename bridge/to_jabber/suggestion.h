/*
 * suggestion: who writes to a user for the first time is offered to their list of contacts
 * (XEP-0144), if the user wants that ("suggest on").  Inside store work.
 */
#ifndef BRIDGE_TO_JABBER_SUGGESTION_H
#define BRIDGE_TO_JABBER_SUGGESTION_H

#include "bridge/to_jabber/shipment.h"
#include "store/choices.h"

/* While the stanza is made, before its link is kept: is the author new to this user, who has not
 * been told yet?  Sets leg->is_first. */
int suggestion_look(struct store_txn *txn, struct leg *leg, const struct choices *choices,
                    struct err *e) MUST_CHECK;

bool suggestion_is_due(const struct leg *leg); /* the host has taken a mail of somebody new */

/* Unless another mail was sooner: queues it under leg->suggestion_id, in the transaction that
 * removes the leg's item. */
int suggestion_put(struct store_txn *txn, const struct leg *leg, struct err *e) MUST_CHECK;

#endif
