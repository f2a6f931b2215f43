/*
 * delay: a mail's sender hears once that it still waits, whatever it waits for (RFC 3464, action
 * delayed), unless NOTIFY says otherwise (RFC 3461 §4.1).
 */
#ifndef BRIDGE_REPORTS_DELAY_H
#define BRIDGE_REPORTS_DELAY_H

#include "bridge/gateway.h"

/* Each minute; loop thread.  Looks at what has become old enough since the last call, at the first
 * at all that is old enough, a bounded number at a time. */
void delay_look(struct gateway *g);

#endif
