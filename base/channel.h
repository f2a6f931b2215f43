/*
 * channel: bytes to and from the process at the other end of a socket, through buffers, so that
 * many small messages are one call to the system.
 *
 * One thread at a time.  What the other side sizes is bounded by whoever reads it.
 */
#ifndef BASE_CHANNEL_H
#define BASE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { CHANNEL_BUFFER = 64 << 10 };

struct channel {
    int fd;
    /* Called when fd would block, with POLLIN or POLLOUT: returns once it may be ready, -1 to give
     * up.  NULL: fd blocks by itself. */
    int (*wait)(void *arg, short events);
    void *arg;
    size_t in_at, in_len, out_len;
    char in[CHANNEL_BUFFER], out[CHANNEL_BUFFER];
};

void channel_init(struct channel *c, int fd, int (*wait)(void *arg, short events), void *arg);

/* Each is 0, or -1 when the other side is gone or wait gave up. */
int channel_read(struct channel *c, void *data, size_t len) MUST_CHECK; /* all of it */
int channel_write(struct channel *c, const void *data, size_t len) MUST_CHECK;
int channel_flush(struct channel *c) MUST_CHECK;

/* Has more been read than was asked for? */
static inline bool channel_has_input(const struct channel *c)
{
    return c->in_at < c->in_len;
}

#endif
