/*
 * outbound: a message from Jabber is accepted for mail.
 *
 * Policy, reading, threading and composing; the mail is in the queue, on disk, before anything else
 * happens to it.  What is refused is answered with an error at once.  Loop thread.
 */
#ifndef BRIDGE_TO_MAIL_OUTBOUND_H
#define BRIDGE_TO_MAIL_OUTBOUND_H

#include "base/arena.h"
#include "base/xml.h"
#include "bridge/gateway.h"

/* A message stanza from the host, not of type error; takes the arena over. */
void outbound_message(struct gateway *g, struct xml_node *stanza, struct arena *arena);

/* Accepts more again after a pause of the stream, when enough has reached the disk. */
enum { OUTBOUND_ACCEPTING_MAX = 500 };

#endif
