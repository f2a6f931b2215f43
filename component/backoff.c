/*
 * backoff: delays between attempts.  No data of its own, no thread.
 */
#include "component/backoff.h"

#include "base/keyed.h"

/* Half of it is certain, half is chance, so that gateways that were thrown out together do not come
 * back together. */
static int64_t jittered(int64_t delay)
{
    uint32_t random = 0;
    struct err e;

    if (delay > INT32_MAX)
        delay = INT32_MAX;
    if (keyed_random(&random, sizeof random, &e) < 0)
        return delay;
    return delay / 2 + (int64_t)((uint64_t)delay * random >> 33);
}

static int64_t doubled(int64_t first, int64_t max, unsigned times)
{
    while (times-- > 0 && first < max)
        first *= 2;
    return first < max ? first : max;
}

int64_t backoff_next(struct backoff *b, const struct stream_times *times, enum stream_loss loss)
{
    if (loss == STREAM_LOSS_CONFIG || loss == STREAM_LOSS_CONFLICT)
        return jittered(doubled(times->mend_min, times->mend_max, b->mends++));
    b->mends = 0;
    if (loss == STREAM_LOSS_STANZA)
        return jittered(doubled(times->retry_min, times->retry_max, b->stanzas++ / 3));
    return jittered(doubled(times->retry_min, times->retry_max, b->failures++));
}

void backoff_reset(struct backoff *b)
{
    b->failures = b->mends = b->stanzas = 0;
}
