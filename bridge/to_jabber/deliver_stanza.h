/*
 * deliver_stanza: a stanza that is ready in the queue goes to the host server, and what became of
 * it is written down.  Loop thread.
 */
#ifndef BRIDGE_TO_JABBER_DELIVER_STANZA_H
#define BRIDGE_TO_JABBER_DELIVER_STANZA_H

#include <stdbool.h>

#include "bridge/courier.h"

/* courier_deliver_fn; arg is the gateway. */
bool deliver_stanza(struct parcel *p, void *arg);

#endif
