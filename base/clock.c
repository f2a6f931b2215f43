/*
 * clock: the system's time behind struct clock.  No data, any thread.
 */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec ts = {0, 0};

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *arg)
{
    (void)arg;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(void *arg)
{
    (void)arg;
    return read_ms(CLOCK_MONOTONIC);
}

const struct clock clock_system = {system_wall_ms, system_mono_ms, NULL};

int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c->arg);
}

int64_t clock_wall_s(const struct clock *c)
{
    return clock_wall_ms(c) / 1000;
}

int64_t clock_mono_ms(const struct clock *c)
{
    return c->mono_ms(c->arg);
}
