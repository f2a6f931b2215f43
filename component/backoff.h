/*
 * backoff: how long to wait before the next attempt at connecting to the host.
 *
 * Doubles with each failure in a row up to a maximum, separately for what mends itself, for what
 * an administrator has to mend, and for what the host closes the stream over: that is found out by
 * trying again, so it starts short however often the host was away, and doubles with each third
 * only.  Any thread; a struct backoff belongs to its caller.
 */
#ifndef COMPONENT_BACKOFF_H
#define COMPONENT_BACKOFF_H

#include <stdint.h>

#include "component/stream.h"

struct backoff {
    unsigned failures, mends, stanzas; /* in a row: ordinary, to be mended, over what was sent */
};

/* Milliseconds, between half of what is due and all of it.  times has its defaults filled in. */
int64_t backoff_next(struct backoff *b, const struct stream_times *times, enum stream_loss loss);
void backoff_reset(struct backoff *b);

#endif
