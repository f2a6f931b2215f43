/*
 * waiting: tells a sender who asked to know (jabber:x:event offline) that a message which was
 * accepted is still in the queue two seconds later.  Loop thread only.
 */
#ifndef BRIDGE_TO_MAIL_WAITING_H
#define BRIDGE_TO_MAIL_WAITING_H

#include "bridge/gateway.h"

struct waiting;

struct waiting *waiting_new(struct gateway *g);
void waiting_free(struct waiting *w); /* takes NULL */

/* A mail has just been committed: looks after it where an item asks for it.  When too many are
 * looked after already, the first attempt that fails will tell instead. */
void waiting_add(struct waiting *w, const struct queue_message *m);

#endif
