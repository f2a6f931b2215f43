/*
 * introduction: the contacts in a mail follow it in a stanza of their own.  Inside store work.
 */
#ifndef BRIDGE_TO_JABBER_INTRODUCTION_H
#define BRIDGE_TO_JABBER_INTRODUCTION_H

#include "bridge/to_jabber/shipment.h"

bool introduction_is_due(const struct leg *leg); /* the host has taken a mail that has contacts */

/* Queues the stanza under leg->contacts_id, in the transaction that removes the leg's item: it
 * comes once however often the mail was tried. */
int introduction_put(struct store_txn *txn, const struct leg *leg, struct err *e) MUST_CHECK;

#endif
