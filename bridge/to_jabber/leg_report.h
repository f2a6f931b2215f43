/*
 * leg_report: the sender of a mail is told what became of its recipients: of all with whom it went
 * wrong at the same time in one report (RFC 3464 §2.3), not in one for each.
 */
#ifndef BRIDGE_TO_JABBER_LEG_REPORT_H
#define BRIDGE_TO_JABBER_LEG_REPORT_H

#include "bridge/to_jabber/shipment.h"

/* BY=n;N (RFC 2852): the time is over, its sender hears that once, and the mail goes on waiting. */
bool leg_report_is_late(const struct leg *leg);
bool leg_report_late_is_due(const struct leg *leg);

/* On the writer, before the legs themselves are written: reports for those that have failed, and
 * for those that are late, under the report_id of the first of each, as their NOTIFY has it. */
int leg_report_put(struct store_txn *txn, struct shipment *s, struct err *e) MUST_CHECK;

#endif
