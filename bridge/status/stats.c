/*
 * stats: what the gateway has counted since it started.  The data is the caller's; loop thread; a
 * crash forgets it.
 */
#include "bridge/status/stats.h"

#include <stdio.h>
#include <string.h>

void stats_init(struct stats *s, int64_t now_s)
{
    *s = (struct stats){.started_s = now_s, .minute_now = now_s / 60, .stream_since_s = now_s};
    snprintf(s->stream_reason, sizeof s->stream_reason, "not connected yet");
}

/* Empties the minutes that have passed without a count.  A clock that went back goes on filling the
 * minute it was in. */
static void move_on(struct stats *s, int64_t now_s)
{
    int64_t minute = now_s / 60;

    if (minute - s->minute_now >= STATS_MINUTES) {
        memset(s->minute, 0, sizeof s->minute);
        s->minute_now = minute;
    }
    while (s->minute_now < minute) {
        s->minute_now++;
        memset(s->minute[s->minute_now % STATS_MINUTES], 0, sizeof s->minute[0]);
    }
}

void stats_add(struct stats *s, enum stat what, unsigned count, int64_t now_s)
{
    move_on(s, now_s);
    s->total[what] += count;
    s->minute[s->minute_now % STATS_MINUTES][what] += count;
}

uint64_t stats_all(const struct stats *s)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < STAT_COUNT; i++)
        sum += s->total[i];
    return sum;
}

uint64_t stats_last(struct stats *s, enum stat what, unsigned minutes, int64_t now_s)
{
    uint64_t sum = 0;
    unsigned i;

    move_on(s, now_s);
    for (i = 0; i < minutes && i < STATS_MINUTES && (int64_t)i <= s->minute_now; i++)
        sum += s->minute[(s->minute_now - i) % STATS_MINUTES][what];
    return sum;
}

void stats_stream(struct stats *s, const char *reason, int64_t now_s)
{
    bool was_up = s->stream_reason[0] == '\0', is_up = !reason;

    /* Tries to connect again are one time away. */
    if (was_up != is_up)
        s->stream_since_s = now_s;
    snprintf(s->stream_reason, sizeof s->stream_reason, "%s", reason ? reason : "");
    if (reason && !*reason)
        snprintf(s->stream_reason, sizeof s->stream_reason, "lost");
}

void stats_relay(struct stats *s, const char *trouble, int64_t now_s)
{
    s->relay_at_s = now_s;
    snprintf(s->relay_trouble, sizeof s->relay_trouble, "%s", trouble ? trouble : "");
}
