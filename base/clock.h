/*
 * clock: where the time comes from.
 *
 * Whoever needs the time is given a struct clock, so that a test can hold it still or move it.
 * Wall time is seconds since 1970 UTC and may jump; mono time never goes back and has no meaning
 * across a restart.  Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *arg);
    int64_t (*mono_ms)(void *arg);
    void *arg;
};

/* The system's own. */
extern const struct clock clock_system;

int64_t clock_wall_s(const struct clock *c);
int64_t clock_wall_ms(const struct clock *c);
int64_t clock_mono_ms(const struct clock *c);

#endif
