/*
 * rate: how much somebody may send in an hour.  Bounded memory, whoever asks; loop thread.
 */
#ifndef BRIDGE_RATE_H
#define BRIDGE_RATE_H

#include <stdint.h>

#include "base/err.h"

enum { RATE_AHEAD_S = 86400 }; /* nobody's turn is reserved further ahead */

struct rate;

struct rate *rate_new(struct err *e); /* NULL: memory, or no randomness */
void rate_free(struct rate *r);       /* takes NULL */

/*
 * Takes n messages of what `who` has left under the name `what` ("user", "recipient"): per_hour at
 * once, and as many more in each hour.  0: there was room for all of them, or per_hour is 0 (no
 * limit).  Else nothing is taken, and the result is the number of seconds after which there will be
 * room; more than all of an hour for what never has room.
 */
int64_t rate_take(struct rate *r, const char *what, const char *who, unsigned n, int64_t per_hour,
                  int64_t now_ms);

/* Takes one message, also what there is no room for yet: the result is the number of seconds until
 * its time comes, RATE_AHEAD_S at most; 0: now. */
int64_t rate_reserve(struct rate *r, const char *what, const char *who, int64_t per_hour,
                     int64_t now_ms);

#endif
