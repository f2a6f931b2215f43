/*
 * step: dies where the environment says, in the build for crash tests; nothing in any other.
 *
 * Data: how often the awaited step was passed, the one mutable global that such a build has beside
 * the logger.  Any thread.  A crash is its job.
 */
#include "base/step.h"

#ifdef POSTERN_CRASH

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long passed;

static bool is_awaited(const char *wanted, size_t len, const char *name)
{
    return (len == 3 && strncmp(wanted, "any", len) == 0) ||
           (strlen(name) == len && strncmp(wanted, name, len) == 0);
}

void step_reach(const char *name)
{
    const char *wanted = getenv("POSTERN_DIE_AT");
    size_t len;
    long at;

    if (!wanted)
        return;
    len = strcspn(wanted, ":");
    if (!is_awaited(wanted, len, name))
        return;
    at = wanted[len] ? strtol(wanted + len + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&passed, 1) + 1 != at)
        return;
    kill(getpid(), SIGKILL);
    for (;;) /* the other threads die a moment later */
        pause();
}

#endif
