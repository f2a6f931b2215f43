/*
 * hold: a mail whose user does not want it now stays in the queue (store/held.h).
 */
#ifndef BRIDGE_TO_JABBER_HOLD_H
#define BRIDGE_TO_JABBER_HOLD_H

#include "bridge/to_jabber/shipment.h"

enum {
    HOLD_COUNT_MAX = 1000,         /* of one user; */
    HOLD_BYTES_MAX = 100 * 1048576 /* what comes beyond is delivered */
};

/* Inside store work, before the stanza is made: the mail for leg->to is held when they are there as
 * what they want mail held for; leg->fate is LEG_HELD then.  What they are told of it is queued
 * under leg->notice_id. */
int hold_leg(struct store_txn *txn, struct leg *leg, struct err *e) MUST_CHECK;

#endif
