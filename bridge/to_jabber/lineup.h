/*
 * lineup: mails that were held leave in the order in which they came.
 *
 * Mails are prepared side by side, and one that is short may be ready before the one that came
 * before it.  What was held goes together, so that this would show: each waits for those before it
 * of its lane.  Loop thread.
 */
#ifndef BRIDGE_TO_JABBER_LINEUP_H
#define BRIDGE_TO_JABBER_LINEUP_H

#include "bridge/to_jabber/shipment.h"

/* Its preparation has begun; lineup_ready follows. */
void lineup_enter(struct shipment *s);
/* It is prepared, or cannot be (e).  go is called for it, and for those that waited for it, at once
 * or when its turn comes; it may free them. */
void lineup_ready(struct shipment *s, const struct err *e,
                  void (*go)(struct shipment *s, const struct err *e));

#endif
