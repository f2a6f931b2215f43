/*
 * helper: have it copied, watch, kill, reap.
 *
 * Owns the process and our end of the socket.  The thread of whoever calls.  A crash of ours closes
 * the socket, which ends the process as soon as it reads; one that does not is killed with us
 * (confine_limits asks for that).
 */
#define _GNU_SOURCE /* prlimit */
#include "base/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/confine.h"

enum {
    SLICE_MS = 100,
    PIECES = 16,
    /* The program and its libraries.  RLIMIT_DATA does not count the stack, which can be moved to
     * where there is room. */
    OTHER_ADDRESSES = 512 << 20
};

struct helper {
    struct helper_template *origin;
    pid_t pid;
    int fd;
    const atomic_bool *stop;
    struct helper_limits limits;
    int64_t wall_from_ms, cpu_from_ms; /* -1: not looked at yet */
    unsigned pieces;                   /* that came of an answer, each waited for */
    const char *over;                  /* the limit it went over, NULL: none */
    bool is_reaped;
    int status; /* once it is reaped */
    size_t data_max;
    struct channel channel;
};

/* ---- limits ---- */

static int64_t cpu_ms(const struct helper *h)
{
    struct timespec ts;
    clockid_t clock;

    if (clock_getcpuclockid(h->pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
        return 0;
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Most answers come within the first slice and in few pieces: the clocks are asked only after
 * that.  One that comes a byte at a time would never take a slice. */
static bool is_over(struct helper *h)
{
    int64_t now = clock_mono_ms(&clock_system), cpu = cpu_ms(h);

    if (h->wall_from_ms < 0) {
        h->wall_from_ms = now - SLICE_MS;
        h->cpu_from_ms = cpu > SLICE_MS ? cpu - SLICE_MS : 0;
    }
    if (cpu - h->cpu_from_ms > h->limits.cpu_ms)
        h->over = "it took more of the processor than a mail may";
    else if (now - h->wall_from_ms > h->limits.wall_ms)
        h->over = "it did not answer";
    return h->over != NULL;
}

static int wait_for(void *arg, short events)
{
    struct helper *h = arg;
    struct pollfd p = {.fd = h->fd, .events = events};

    while (!atomic_load(h->stop)) {
        int n = poll(&p, 1, SLICE_MS);

        if (n < 0 && errno != EINTR)
            return -1;
        if ((n == 0 || ++h->pieces % PIECES == 0) && is_over(h))
            return -1;
        if (n > 0)
            return 0;
    }
    return -1;
}

void helper_watch(struct helper *h, const struct helper_limits *limits)
{
    h->limits = *limits;
    h->wall_from_ms = h->cpu_from_ms = -1;
    h->pieces = 0;
}

static int limit(const struct helper *h, int resource, rlim_t max)
{
    struct rlimit now, limit = {max, RLIM_INFINITY};

    /* Where all of us have a limit, nobody may raise it: nothing would be set at all. */
    if (prlimit(h->pid, resource, NULL, &now) == 0)
        limit.rlim_max = now.rlim_max;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    return prlimit(h->pid, resource, &limit, NULL);
}

void helper_limit_memory(struct helper *h, size_t data_max)
{
    if (data_max == h->data_max || confine_is_relaxed())
        return;
    if (limit(h, RLIMIT_DATA, data_max) == 0 &&
        limit(h, RLIMIT_AS, (rlim_t)data_max + OTHER_ADDRESSES) == 0)
        h->data_max = data_max;
}

/* ---- life ---- */

struct helper *helper_start(struct helper_template *t, const atomic_bool *stop, struct err *e)
{
    struct helper *h = calloc(1, sizeof *h);
    struct helper_copy copy;

    if (!h) {
        err_memory(e);
        return NULL;
    }
    if (helper_template_copy(t, stop, &copy, e) < 0) {
        free(h);
        return NULL;
    }
    h->origin = t;
    h->pid = copy.pid;
    h->fd = copy.fd;
    h->stop = stop;
    h->wall_from_ms = h->cpu_from_ms = -1;
    fcntl(h->fd, F_SETFL, O_NONBLOCK);
    channel_init(&h->channel, h->fd, wait_for, h);
    return h;
}

struct channel *helper_channel(struct helper *h)
{
    return &h->channel;
}

bool helper_is_dead(struct helper *h)
{
    if (!h->is_reaped && waitpid(h->pid, &h->status, WNOHANG) == h->pid)
        h->is_reaped = true;
    return h->is_reaped;
}

static void reap(struct helper *h)
{
    while (!h->is_reaped) {
        if (waitpid(h->pid, &h->status, 0) == h->pid || errno != EINTR)
            h->is_reaped = true;
    }
}

static void describe(const struct helper *h, const char *why, bool was_dead,
                     struct helper_death *out)
{
    out->fate = HELPER_CRASHED;
    if (h->over || why) {
        snprintf(out->how, sizeof out->how, "%s", h->over ? h->over : why);
    } else if (atomic_load(h->stop)) {
        out->fate = HELPER_STOPPED;
        snprintf(out->how, sizeof out->how, "it was stopped");
    } else if (was_dead && WIFSIGNALED(h->status)) {
        if (WTERMSIG(h->status) == SIGKILL || WTERMSIG(h->status) == SIGTERM)
            out->fate = HELPER_KILLED;
        snprintf(out->how, sizeof out->how, "killed by signal %d (%s)", WTERMSIG(h->status),
                 strsignal(WTERMSIG(h->status)));
    } else if (was_dead && WIFEXITED(h->status)) {
        snprintf(out->how, sizeof out->how, "exit status %d", WEXITSTATUS(h->status));
    } else {
        snprintf(out->how, sizeof out->how, "it closed the connection");
    }
}

/* One whose end of the socket has just been closed is about to be dead. */
static bool dies_soon(struct helper *h)
{
    struct timespec ms = {0, 1000000};
    int i;

    for (i = 0; i < 200 && !helper_is_dead(h); i++)
        nanosleep(&ms, NULL);
    return h->is_reaped;
}

void helper_end(struct helper *h, const char *why, struct helper_death *out)
{
    struct helper_death ignored;
    bool was_dead;

    if (!h)
        return;
    was_dead =
        helper_is_dead(h) || (out && !why && !h->over && !atomic_load(h->stop) && dies_soon(h));
    close(h->fd);
    if (!h->is_reaped) {
        kill(h->pid, SIGKILL);
        reap(h);
    }
    helper_template_forget(h->origin);
    describe(h, why, was_dead, out ? out : &ignored);
    free(h);
}
