/*
 * deliver_jabber: a mail in the queue for Jabber users goes to the host server, and what became of
 * it is written down.  Loop thread.
 */
#ifndef BRIDGE_TO_JABBER_DELIVER_JABBER_H
#define BRIDGE_TO_JABBER_DELIVER_JABBER_H

#include "base/arena.h"
#include "base/xml.h"
#include "bridge/courier.h"

struct gateway;

/* courier_deliver_fn for mails that become stanzas; arg is the gateway. */
/* While the stream is down, each second: a mail whose BY= is over (RFC 2852) does not wait for it
 * to be told of. */
void deliver_jabber_overdue(struct gateway *g);

bool deliver_jabber_mail(struct parcel *p, void *arg);

/* A stanza of type error from the host: it belongs to something under way, or came late for
 * something delivered before.  Takes the arena over. */
void deliver_jabber_error(struct gateway *g, struct xml_node *stanza, struct arena *arena);

enum { DELIVER_PREPARING_MAX = 64 };

#endif
