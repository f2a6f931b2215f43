/*
 * channel: a buffer for each direction; what is larger goes past it.
 *
 * Owns neither the descriptor nor anything else.  The thread of whoever calls.  A crash leaves
 * nothing behind.
 */
#include "base/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void channel_init(struct channel *c, int fd, int (*wait)(void *arg, short events), void *arg)
{
    c->fd = fd;
    c->wait = wait;
    c->arg = arg;
    c->in_at = c->in_len = c->out_len = 0;
}

static bool may_go_on(struct channel *c, short events)
{
    if (errno == EINTR)
        return true;
    return (errno == EAGAIN || errno == EWOULDBLOCK) && c->wait && c->wait(c->arg, events) == 0;
}

/* At least one byte; 0 when there is none any more. */
static size_t read_some(struct channel *c, char *data, size_t max)
{
    ssize_t n;

    do
        n = read(c->fd, data, max);
    while (n < 0 && may_go_on(c, POLLIN));
    return n > 0 ? (size_t)n : 0;
}

int channel_read(struct channel *c, void *data, size_t len)
{
    char *to = data;
    size_t n;

    while (len > 0) {
        if (c->in_at == c->in_len && len >= CHANNEL_BUFFER) {
            n = read_some(c, to, len);
            if (n == 0)
                return -1;
        } else {
            if (c->in_at == c->in_len) {
                c->in_at = 0;
                c->in_len = read_some(c, c->in, sizeof c->in);
                if (c->in_len == 0)
                    return -1;
            }
            n = c->in_len - c->in_at < len ? c->in_len - c->in_at : len;
            memcpy(to, c->in + c->in_at, n);
            c->in_at += n;
        }
        to += n;
        len -= n;
    }
    return 0;
}

static int write_all(struct channel *c, const char *data, size_t len)
{
    ssize_t n;

    while (len > 0) {
        /* write() and not send(): the confined side may call nothing else.  SIGPIPE is ignored. */
        n = write(c->fd, data, len);
        if (n < 0) {
            if (!may_go_on(c, POLLOUT))
                return -1;
            continue;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int channel_flush(struct channel *c)
{
    size_t len = c->out_len;

    c->out_len = 0;
    return write_all(c, c->out, len);
}

int channel_write(struct channel *c, const void *data, size_t len)
{
    if (c->out_len + len > sizeof c->out && channel_flush(c) < 0)
        return -1;
    if (len >= sizeof c->out)
        return write_all(c, data, len);
    if (len > 0)
        memcpy(c->out + c->out_len, data, len);
    c->out_len += len;
    return 0;
}
