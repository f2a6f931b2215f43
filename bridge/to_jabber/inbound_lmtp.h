/*
 * inbound_lmtp: mail that arrives by LMTP is accepted for Jabber users.
 *
 * Who is a user here is what `postern map` says and what mail from a mailbox is held to
 * (mapping/address/address_map, bridge/policy).  A mail is answered when its commit is on disk.
 */
#ifndef BRIDGE_TO_JABBER_INBOUND_LMTP_H
#define BRIDGE_TO_JABBER_INBOUND_LMTP_H

#include "bridge/gateway.h"

/* What BY= asked (RFC 2852), as queue_message.expiry of a mail; its time is the deadline. */
enum inbound_by {
    INBOUND_BY_RETURN = 1, /* failed when the time is over */
    INBOUND_BY_NOTIFY = 2, /* delayed when the time is over */
    INBOUND_BY_TRACE = 4   /* the sender hears that it was passed on */
};

/* Listens where lmtp.listen says; does nothing without it. */
int inbound_lmtp_open(struct gateway *g, struct err *e) MUST_CHECK;
/* Takes no more; what has come whole is still answered. */
void inbound_lmtp_stop(struct gateway *g);
bool inbound_lmtp_is_idle(const struct gateway *g);
void inbound_lmtp_close(struct gateway *g); /* after the store's writer has stopped */

#endif
