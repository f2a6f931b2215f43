/*
 * backoff: how long to wait before the next attempt at connecting to the host.
 *
 * Doubles with each failure in a row up to a maximum, separately for what mends itself and for what
 * an administrator has to mend.  Any thread; a struct backoff belongs to its caller.
 */
#ifndef COMPONENT_BACKOFF_H
#define COMPONENT_BACKOFF_H

#include <stdint.h>

#include "component/stream.h"

struct backoff {
    unsigned failures, mends; /* in a row: of the ordinary kind, of those to be mended */
};

/* Milliseconds, between half of what is due and all of it.  times has its defaults filled in. */
int64_t backoff_next(struct backoff *b, const struct stream_times *times, enum stream_loss loss);
void backoff_reset(struct backoff *b);

#endif
