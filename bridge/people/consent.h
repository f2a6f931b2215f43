/*
 * consent: may the sender of a mail be told that a user has seen it (RFC 8098 §2.1)?  Inside store
 * work, but for consent_is_due.
 */
#ifndef BRIDGE_PEOPLE_CONSENT_H
#define BRIDGE_PEOPLE_CONSENT_H

#include "bridge/to_jabber/shipment.h"

/* What this user has said, else what the configuration says for all.  A user's "off" always holds,
 * and so does the administrators' "never". */
int consent_given(struct store_txn *txn, const struct settings *s, const char *bare_jid,
                  bool *given_out, struct err *e) MUST_CHECK;

/* The host has taken a mail whose sender asks, and its reader is to decide. */
bool consent_is_due(const struct leg *leg);
/* Puts the question to a user who has neither decided nor been asked: a message from gw is queued
 * under leg->question_id, in the transaction that removes the leg's item, once and for all. */
int consent_put(struct store_txn *txn, const struct leg *leg, struct err *e) MUST_CHECK;

#endif
