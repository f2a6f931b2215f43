/*
 * conn: one stream socket on the loop.
 *
 * Owns the descriptor, what waits to be written, and while a name is looked up a job that outlives
 * the conn if it must.  Loop thread only, but for the look-up itself.  Every callback is made from
 * the loop, never from inside a call of the owner's, and the owner may free the conn in it. SIGPIPE
 * is never raised.  A crash leaves nothing behind.
 */
#include "base/conn_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/tls.h"

enum {
    READ_SIZE = 32 * 1024,
    WRITE_MAX_DEFAULT = 1024 * 1024,
    KEEP_SIZE = 64 * 1024 /* memory kept for writing while nothing waits */
};

void conn_events_free(struct conn *c)
{
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    c->readable = c->writable = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    tls_free(c->tls);
    c->tls = NULL;
}

/* A close_notify, if the kernel takes it at once. */
static void say_bye(struct conn *c)
{
    const char *data;
    size_t len;

    if (!c->tls || c->securing || c->fd < 0)
        return;
    tls_bye(c->tls);
    data = tls_pending(c->tls, &len);
    if (len > 0)
        (void)!send(c->fd, data, len, MSG_NOSIGNAL);
}

void conn_destroy(struct conn *c)
{
    conn_events_free(c);
    if (c->soon)
        event_free(c->soon);
    loop_timer_free(c->total);
    loop_timer_free(c->attempt);
    loop_timer_free(c->idle);
    conn_lookup_forget(c);
    if (c->found)
        freeaddrinfo(c->found);
    buf_clear(&c->out);
    free(c);
}

void conn_free(struct conn *c)
{
    if (!c)
        return;
    if (!c->freed)
        say_bye(c);
    c->freed = true;
    if (c->calling == 0)
        conn_destroy(c);
}

bool conn_tell(struct conn *c, enum conn_event event, const char *data, size_t len,
               const struct err *e)
{
    c->calling++;
    c->fn(c, event, data, len, e, c->arg);
    c->calling--;
    if (!c->freed)
        return true;
    if (c->calling == 0)
        conn_destroy(c);
    return false;
}

void conn_end(struct conn *c, enum conn_event event)
{
    c->state = ENDED;
    conn_lookup_forget(c);
    conn_events_free(c);
    event_del(c->soon);
    if (c->total) /* else it was accepted */
        loop_timer_stop(c->total);
    if (c->attempt)
        loop_timer_stop(c->attempt);
    loop_timer_stop(c->idle);
    conn_tell(c, event, NULL, 0, &c->last);
}

void conn_fail_errno(struct conn *c, const char *what, int code)
{
    err_set(&c->last, ERR_RETRY, "%s %s: %s", what, c->name, strerror(code));
    conn_end(c, CONN_FAILED);
}

void conn_idle_restart(struct conn *c)
{
    if (c->idle_ms > 0 && c->state == OPEN && !c->paused && !c->ended_by_peer && !c->securing)
        loop_timer_start(c->idle, c->idle_ms);
    else
        loop_timer_stop(c->idle);
}

/* ---- writing ---- */

static void drained(struct conn *c)
{
    if (c->out.cap > KEEP_SIZE || c->out.is_secret)
        buf_clear(&c->out);
    else
        buf_reset(&c->out);
    c->sent = 0;
    c->writing = false;
    event_del(c->writable);
    conn_tell(c, CONN_DRAINED, NULL, 0, NULL);
}

/* The peer is gone, but why may stand in what it sent before: reading goes on to its end. */
static void write_failed(struct conn *c, int code)
{
    if (c->paused || c->ended_by_peer) {
        conn_fail_errno(c, "lost the connection to", code);
        return;
    }
    c->broken = true;
    event_del(c->writable);
    buf_clear(&c->out);
    c->sent = 0;
    err_set(&c->last, ERR_RETRY, "lost the connection to %s: %s", c->name, strerror(code));
}

/* What may leave now, in *data_out; -1: TLS is broken. */
static int next_bytes(struct conn *c, const char **data_out, size_t *len_out)
{
    size_t n;

    *data_out = c->out.data + c->sent;
    *len_out = c->out.len - c->sent;
    if (!c->tls)
        return 0;
    while (!c->securing && c->sent < c->out.len) {
        tls_pending(c->tls, &n);
        if (n >= KEEP_SIZE)
            break;
        n = c->out.len - c->sent;
        n = n > TLS_RECORD_MAX ? TLS_RECORD_MAX : n;
        if (tls_write(c->tls, c->out.data + c->sent, n, &c->last) < 0)
            return -1;
        c->sent += n;
    }
    *data_out = tls_pending(c->tls, len_out);
    return 0;
}

void conn_flush(struct conn *c)
{
    const char *data;
    size_t len;
    ssize_t n;

    if ((!c->writing && !c->tls) || c->broken)
        return;
    for (;;) {
        if (next_bytes(c, &data, &len) < 0) {
            conn_end(c, CONN_FAILED);
            return;
        }
        if (len == 0)
            break;
        n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (event_add(c->writable, NULL) < 0)
                conn_fail_errno(c, "cannot wait for", ENOMEM);
            return;
        }
        if (n < 0) {
            write_failed(c, errno);
            return;
        }
        if (c->tls)
            tls_sent(c->tls, (size_t)n);
        else
            c->sent += (size_t)n;
    }
    if (c->writing && c->sent == c->out.len)
        drained(c);
    else
        event_del(c->writable); /* the rest waits for the handshake */
}

int conn_write(struct conn *c, const void *data, size_t len)
{
    size_t waiting = conn_waiting(c);

    if (c->state == ENDED || c->broken || waiting > c->write_max || len > c->write_max - waiting)
        return -1;
    if (len == 0)
        return 0;
    if (c->sent > KEEP_SIZE && c->sent > c->out.len / 2) {
        buf_consume(&c->out, c->sent);
        c->sent = 0;
    }
    if (buf_add(&c->out, data, len) < 0) {
        c->out.failed = false; /* nothing was taken, what waits is whole */
        return -1;
    }
    /* Sent when the events of this turn are through: what they all write leaves together. */
    if (!c->writing && c->state == OPEN)
        event_active(c->soon, EV_WRITE, 1);
    c->writing = true;
    return 0;
}

int conn_write_secret(struct conn *c, const void *data, size_t len)
{
    buf_set_secret(&c->out);
    return conn_write(c, data, len);
}

size_t conn_waiting(const struct conn *c)
{
    size_t in_tls = 0;

    if (c->tls)
        tls_pending(c->tls, &in_tls);
    return c->out.len - c->sent + in_tls;
}

void conn_set_write_max(struct conn *c, size_t max)
{
    c->write_max = max;
}

/* The peer will send no more; what we have to say may still be wanted. */
static void peer_ended(struct conn *c)
{
    if (c->securing) {
        err_set(&c->last, ERR_RETRY, "%s closed the connection in the TLS handshake", c->name);
        conn_end(c, CONN_FAILED);
        return;
    }
    if (c->ended_by_peer)
        return;
    c->ended_by_peer = true;
    event_del(c->readable);
    conn_idle_restart(c);
    conn_tell(c, CONN_CLOSED, NULL, 0, NULL);
}

/* ---- TLS ---- */

void conn_start_tls(struct conn *c, struct tls **t, int64_t timeout_ms)
{
    c->tls = *t;
    *t = NULL;
    c->securing = true;
    c->timeout_ms = timeout_ms;
    loop_timer_start(c->total, timeout_ms);
    event_active(c->soon, EV_WRITE, 1);
}

const char *conn_tls_version(const struct conn *c)
{
    return c->tls && !c->securing ? tls_version(c->tls) : NULL;
}

/* False: the conn has ended, and may have been freed. */
static bool flush_held(struct conn *c)
{
    c->calling++;
    conn_flush(c);
    c->calling--;
    if (!c->freed)
        return c->state == OPEN;
    if (c->calling == 0)
        conn_destroy(c);
    return false;
}

/* One step of the handshake.  False: it is not over, or the conn has ended and may have been freed.
 */
static bool shake_hands(struct conn *c)
{
    switch (tls_handshake(c->tls, &c->last)) {
    case TLS_WANTS_MORE:
        conn_flush(c);
        return false;
    case TLS_DONE:
        c->securing = false;
        loop_timer_stop(c->total);
        conn_idle_restart(c);
        event_active(c->soon, EV_WRITE, 1);
        return conn_tell(c, CONN_SECURED, NULL, 0, NULL) && c->state == OPEN;
    default:
        if (flush_held(c)) /* the alert tells the peer why */
            conn_end(c, CONN_FAILED);
        return false;
    }
}

/* What TLS makes of the bytes it has. */
static void read_secured(struct conn *c)
{
    char data[READ_SIZE];
    enum tls_result result;
    size_t len, wanted;

    if (c->securing && !shake_hands(c))
        return;
    c->held = true; /* when paused before all is read */
    while (!c->paused) {
        result = tls_read(c->tls, data, sizeof data, &len, &c->last);
        if (result == TLS_DONE) {
            if (!conn_tell(c, CONN_DATA, data, len, NULL) || c->state != OPEN)
                return;
            continue;
        }
        c->held = false;
        tls_pending(c->tls, &wanted);
        if (wanted > 0) /* TLS has something to say of its own */
            event_active(c->soon, EV_WRITE, 1);
        if (result == TLS_FAILED)
            conn_end(c, CONN_FAILED);
        else if (result == TLS_CLOSED)
            peer_ended(c);
        return;
    }
}

/* ---- reading ---- */

void conn_on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    char data[READ_SIZE];
    ssize_t n;

    (void)what;
    n = recv(fd, data, sizeof data, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0 && c->broken) {
        conn_end(c, CONN_FAILED);
        return;
    }
    if (n < 0) {
        conn_fail_errno(c, "lost the connection to", errno);
        return;
    }
    if (n == 0) {
        peer_ended(c);
        return;
    }
    conn_idle_restart(c);
    if (!c->tls)
        conn_tell(c, CONN_DATA, data, (size_t)n, NULL);
    else if (tls_take(c->tls, data, (size_t)n) < 0)
        conn_fail_errno(c, "cannot read from", ENOMEM);
    else
        read_secured(c);
}

static void on_idle(void *arg)
{
    conn_tell(arg, CONN_TIMEOUT, NULL, 0, NULL);
}

int conn_reading_update(struct conn *c)
{
    if (c->state != OPEN || c->ended_by_peer)
        return 0;
    if (!c->paused)
        return event_add(c->readable, NULL);
    event_del(c->readable);
    return 0;
}

void conn_set_timeout(struct conn *c, int64_t idle_ms)
{
    c->idle_ms = idle_ms;
    conn_idle_restart(c);
}

void conn_pause(struct conn *c, bool paused)
{
    if (c->paused == paused)
        return;
    c->paused = paused;
    conn_idle_restart(c);
    if (c->held && !paused)
        event_active(c->soon, EV_WRITE, 1);
    if (conn_reading_update(c) == 0)
        return;
    /* No memory to go on reading: told from the loop, as any other failure. */
    err_set(&c->last, ERR_RETRY, "cannot read from %s: out of memory", c->name);
    c->state = ENDED;
    conn_events_free(c);
    event_active(c->soon, EV_WRITE, 1);
}

/* ---- beginning ---- */

/* What has to wait until the owner's call has returned. */
static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;

    (void)fd;
    (void)what;
    if (c->state == RESOLVING)
        conn_connect_start(c);
    else if (c->state == OPEN && c->securing)
        (void)shake_hands(c); /* our side speaks first */
    else if (c->state == OPEN && c->held && !c->paused && flush_held(c))
        read_secured(c);
    else if (c->state == OPEN)
        conn_flush(c);
    else if (c->state == ENDED)
        conn_end(c, CONN_FAILED);
}

/* What every conn has. */
struct conn *conn_new(struct loop *loop, conn_fn *fn, void *arg)
{
    struct conn *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->loop = loop;
    c->fn = fn;
    c->arg = arg;
    c->state = RESOLVING;
    c->fd = -1;
    c->write_max = WRITE_MAX_DEFAULT;
    buf_init(&c->out, SIZE_MAX / 8); /* write_max is the limit */
    c->soon = event_new(loop_base(loop), -1, 0, on_soon, c);
    c->idle = loop_timer_new(loop, on_idle, c);
    if (c->soon && c->idle)
        return c;
    conn_destroy(c);
    return NULL;
}

struct conn *conn_accepted(struct loop *loop, int fd, const char *peer, conn_fn *fn, void *arg,
                           struct err *e)
{
    struct conn *c = conn_new(loop, fn, arg);

    if (!c) {
        close(fd);
        err_memory(e);
        return NULL;
    }
    c->fd = fd;
    c->state = OPEN;
    snprintf(c->name, sizeof c->name, "%s", peer);
    c->readable = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, conn_on_readable, c);
    c->writable = event_new(loop_base(loop), fd, EV_WRITE | EV_PERSIST, conn_on_writable, c);
    if (c->readable && c->writable && event_add(c->readable, NULL) == 0)
        return c;
    conn_destroy(c);
    err_memory(e);
    return NULL;
}
