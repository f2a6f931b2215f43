/*
 * announce: a message to all users goes out, a part of them at a time.  Loop thread.
 */
#ifndef BRIDGE_PEOPLE_ANNOUNCE_H
#define BRIDGE_PEOPLE_ANNOUNCE_H

#include "bridge/gateway.h"

struct announce *announce_new(struct gateway *g); /* NULL: memory */
void announce_free(struct announce *a);           /* the store has stopped; takes NULL */

/* There is a new one in the store. */
void announce_wake(struct announce *a);
/* Once a second. */
void announce_tick(struct announce *a);

#endif
