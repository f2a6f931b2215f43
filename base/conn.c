/*
 * conn: one stream socket on the loop.
 *
 * Owns the descriptor, what waits to be written, and while a name is looked up a job that outlives
 * the conn if it must.  Loop thread only, but for the look-up itself.  Every callback is made from
 * the loop, never from inside a call of the owner's, and the owner may free the conn in it. SIGPIPE
 * is never raised.  A crash leaves nothing behind.
 */
#include "base/conn.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/tls.h"

enum {
    READ_SIZE = 32 * 1024,
    WRITE_MAX_DEFAULT = 1024 * 1024,
    KEEP_SIZE = 64 * 1024, /* memory kept for writing while nothing waits */
    HOST_SIZE = 256,
    ADDRESSES_MAX = 16 /* of one name: what a resolver hands out is bounded too */
};

enum conn_state {
    RESOLVING,
    CONNECTING,
    OPEN,
    ENDED /* failed or timed out: no events any more */
};

/* A look-up on a worker.  Its conn may be freed meanwhile: then `conn` is NULL. */
struct lookup {
    struct work_job job;
    struct conn *conn;
    char host[HOST_SIZE], port[8];
    int result;       /* of getaddrinfo */
    int system_error; /* errno for EAI_SYSTEM */
    struct addrinfo *found;
};

struct conn {
    struct loop *loop;
    conn_fn *fn;
    void *arg;
    char name[HOST_SIZE + 16]; /* host and port, for messages */

    enum conn_state state;
    struct lookup *lookup;
    struct addrinfo *found, *next; /* addresses: all, and the next to try */
    int64_t timeout_ms, attempt_ms;
    bool (*is_fit)(const struct sockaddr *address); /* NULL: every one is */
    const char *unfit_why;
    bool is_unix;
    struct sockaddr_un unix_addr;
    struct err last; /* why the address before failed */

    int fd;
    struct event *readable, *writable;
    struct event *soon; /* made active by us: goes on from the loop */
    struct loop_timer *total, *attempt, *idle;
    int64_t idle_ms;
    bool paused, ended_by_peer;
    bool broken; /* writing has failed: what the peer said before is still read */

    struct tls *tls; /* NULL: in the clear */
    bool securing;   /* in the handshake */
    bool held;       /* there may be more in it to read */

    struct buf out;
    size_t sent; /* of out, already with the kernel, or with tls */
    size_t write_max;
    bool writing; /* something was written since CONN_DRAINED was last told */

    unsigned calling; /* callbacks that are on the stack */
    bool freed;       /* by one of them */
};

static void attempt_next(struct conn *c);

static void events_free(struct conn *c)
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

static void conn_destroy(struct conn *c)
{
    events_free(c);
    if (c->soon)
        event_free(c->soon);
    loop_timer_free(c->total);
    loop_timer_free(c->attempt);
    loop_timer_free(c->idle);
    if (c->lookup)
        c->lookup->conn = NULL;
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

/* Tells the owner.  False: the owner has freed the conn, which must not be touched again. */
static bool tell(struct conn *c, enum conn_event event, const char *data, size_t len,
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

/* The last thing that happens to a conn. */
static void end(struct conn *c, enum conn_event event)
{
    c->state = ENDED;
    if (c->lookup)
        c->lookup->conn = NULL;
    c->lookup = NULL;
    events_free(c);
    event_del(c->soon);
    if (c->total) /* else it was accepted */
        loop_timer_stop(c->total);
    if (c->attempt)
        loop_timer_stop(c->attempt);
    loop_timer_stop(c->idle);
    tell(c, event, NULL, 0, &c->last);
}

static void fail_errno(struct conn *c, const char *what, int code)
{
    err_set(&c->last, ERR_RETRY, "%s %s: %s", what, c->name, strerror(code));
    end(c, CONN_FAILED);
}

static void idle_restart(struct conn *c)
{
    if (c->idle_ms > 0 && c->state == OPEN && !c->paused && !c->ended_by_peer && !c->securing)
        loop_timer_start(c->idle, c->idle_ms);
    else
        loop_timer_stop(c->idle);
}

/* ---- writing ---- */

static void drained(struct conn *c)
{
    if (c->out.cap > KEEP_SIZE)
        buf_clear(&c->out);
    else
        buf_reset(&c->out);
    c->sent = 0;
    c->writing = false;
    event_del(c->writable);
    tell(c, CONN_DRAINED, NULL, 0, NULL);
}

/* The peer is gone, but why may stand in what it sent before: reading goes on to its end. */
static void write_failed(struct conn *c, int code)
{
    if (c->paused || c->ended_by_peer) {
        fail_errno(c, "lost the connection to", code);
        return;
    }
    c->broken = true;
    event_del(c->writable);
    buf_clear(&c->out);
    c->sent = 0;
    err_set(&c->last, ERR_RETRY, "lost the connection to %s: %s", c->name, strerror(code));
}

/* What may leave now, in *data_out; -1: TLS is broken and the connection over. */
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
        if (tls_write(c->tls, c->out.data + c->sent, n, &c->last) < 0) {
            end(c, CONN_FAILED);
            return -1;
        }
        c->sent += n;
    }
    *data_out = tls_pending(c->tls, len_out);
    return 0;
}

static void flush(struct conn *c)
{
    const char *data;
    size_t len;
    ssize_t n;

    if ((!c->writing && !c->tls) || c->broken)
        return;
    while (next_bytes(c, &data, &len) == 0 && len > 0) {
        n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (event_add(c->writable, NULL) < 0)
                fail_errno(c, "cannot wait for", ENOMEM);
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
    if (c->state != OPEN)
        return;
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

void conn_set_fit(struct conn *c, bool (*is_fit)(const struct sockaddr *address), const char *why)
{
    c->is_fit = is_fit;
    c->unfit_why = why;
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
        end(c, CONN_FAILED);
        return;
    }
    if (c->ended_by_peer)
        return;
    c->ended_by_peer = true;
    event_del(c->readable);
    idle_restart(c);
    tell(c, CONN_CLOSED, NULL, 0, NULL);
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
    flush(c);
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
        flush(c);
        return false;
    case TLS_DONE:
        c->securing = false;
        loop_timer_stop(c->total);
        idle_restart(c);
        event_active(c->soon, EV_WRITE, 1);
        return tell(c, CONN_SECURED, NULL, 0, NULL) && c->state == OPEN;
    default:
        if (flush_held(c)) /* the alert tells the peer why */
            end(c, CONN_FAILED);
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
            if (!tell(c, CONN_DATA, data, len, NULL) || c->state != OPEN)
                return;
            continue;
        }
        c->held = false;
        tls_pending(c->tls, &wanted);
        if (wanted > 0) /* TLS has something to say of its own */
            event_active(c->soon, EV_WRITE, 1);
        if (result == TLS_FAILED)
            end(c, CONN_FAILED);
        else if (result == TLS_CLOSED)
            peer_ended(c);
        return;
    }
}

/* ---- reading ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    char data[READ_SIZE];
    ssize_t n;

    (void)what;
    n = recv(fd, data, sizeof data, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0 && c->broken) {
        end(c, CONN_FAILED);
        return;
    }
    if (n < 0) {
        fail_errno(c, "lost the connection to", errno);
        return;
    }
    if (n == 0) {
        peer_ended(c);
        return;
    }
    idle_restart(c);
    if (!c->tls)
        tell(c, CONN_DATA, data, (size_t)n, NULL);
    else if (tls_take(c->tls, data, (size_t)n) < 0)
        fail_errno(c, "cannot read from", ENOMEM);
    else
        read_secured(c);
}

static void on_idle(void *arg)
{
    tell(arg, CONN_TIMEOUT, NULL, 0, NULL);
}

static int reading_update(struct conn *c)
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
    idle_restart(c);
}

void conn_pause(struct conn *c, bool paused)
{
    if (c->paused == paused)
        return;
    c->paused = paused;
    idle_restart(c);
    if (c->held && !paused)
        event_active(c->soon, EV_WRITE, 1);
    if (reading_update(c) == 0)
        return;
    /* No memory to go on reading: told from the loop, as any other failure. */
    err_set(&c->last, ERR_RETRY, "cannot read from %s: out of memory", c->name);
    c->state = ENDED;
    events_free(c);
    event_active(c->soon, EV_WRITE, 1);
}

/* ---- connecting ---- */

/* A local port that nobody listens on can be connected to itself (TCP's simultaneous open). */
static bool is_self(int fd)
{
    struct sockaddr_storage near = {0}, far = {0};
    socklen_t near_len = sizeof near, far_len = sizeof far;

    if (getsockname(fd, (struct sockaddr *)&near, &near_len) < 0 ||
        getpeername(fd, (struct sockaddr *)&far, &far_len) < 0)
        return false;
    return near.ss_family != AF_UNIX && near_len == far_len && memcmp(&near, &far, near_len) == 0;
}

static void opened(struct conn *c)
{
    loop_timer_stop(c->total);
    loop_timer_stop(c->attempt);
    event_del(c->writable);
    c->state = OPEN;
    if (c->found)
        freeaddrinfo(c->found);
    c->found = c->next = NULL;
    if (reading_update(c) < 0) {
        fail_errno(c, "cannot read from", ENOMEM);
        return;
    }
    idle_restart(c);
    if (tell(c, CONN_CONNECTED, NULL, 0, NULL) && c->state == OPEN)
        flush(c); /* what was written before */
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    int code = 0;
    socklen_t size = sizeof code;

    (void)what;
    if (c->state == OPEN) {
        flush(c);
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
        code = errno;
    if (code == 0 && is_self(fd))
        code = ECONNREFUSED;
    if (code == 0) {
        opened(c);
        return;
    }
    err_set(&c->last, ERR_RETRY, "cannot connect to %s: %s", c->name, strerror(code));
    attempt_next(c);
}

/* One address.  0: under way or connected. */
static int attempt(struct conn *c, const struct sockaddr *addr, socklen_t len)
{
    int one = 1;

    events_free(c);
    c->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return err_set(&c->last, ERR_RETRY, "cannot connect to %s: %s", c->name, strerror(errno));
    if (addr->sa_family != AF_UNIX)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->readable = event_new(loop_base(c->loop), c->fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(loop_base(c->loop), c->fd, EV_WRITE | EV_PERSIST, on_writable, c);
    if (!c->readable || !c->writable || event_add(c->writable, NULL) < 0)
        return err_memory(&c->last);
    /* Connected at once (a unix socket) or later, on_writable finds out. */
    if (connect(c->fd, addr, len) < 0 && errno != EINPROGRESS && errno != EINTR)
        return err_set(&c->last, ERR_RETRY, "cannot connect to %s: %s", c->name, strerror(errno));
    return 0;
}

/* Tries what is left; each address but the last has its share of the time, so that one that
 * swallows packets does not keep the next from being tried. */
static void attempt_next(struct conn *c)
{
    loop_timer_stop(c->attempt);
    while (c->next) {
        const struct addrinfo *ai = c->next;

        c->next = ai->ai_next;
        if (c->is_fit && !c->is_fit(ai->ai_addr)) {
            if (c->last.class == ERR_NONE)
                err_set(&c->last, ERR_RETRY, "not connected to %s: %s", c->name, c->unfit_why);
            continue;
        }
        if (attempt(c, ai->ai_addr, ai->ai_addrlen) < 0)
            continue;
        if (c->next)
            loop_timer_start(c->attempt, c->attempt_ms);
        return;
    }
    end(c, CONN_FAILED);
}

static void on_attempt_timeout(void *arg)
{
    struct conn *c = arg;

    err_set(&c->last, ERR_RETRY, "cannot connect to %s: no answer", c->name);
    attempt_next(c);
}

static void on_total_timeout(void *arg)
{
    struct conn *c = arg;

    if (c->securing)
        err_set(&c->last, ERR_RETRY, "no TLS with %s: no answer within %lld ms", c->name,
                (long long)c->timeout_ms);
    else
        err_set(&c->last, ERR_RETRY, "cannot connect to %s: no answer within %lld ms%s", c->name,
                (long long)c->timeout_ms, c->state == RESOLVING ? " from the name service" : "");
    end(c, CONN_TIMEOUT);
}

static void connect_start(struct conn *c)
{
    struct addrinfo *ai;
    unsigned count = 0;

    c->state = CONNECTING;
    if (c->is_unix) {
        if (attempt(c, (const struct sockaddr *)&c->unix_addr, sizeof c->unix_addr) < 0)
            end(c, CONN_FAILED);
        return;
    }
    for (ai = c->found; ai && count < ADDRESSES_MAX; ai = ai->ai_next)
        count++;
    if (ai) { /* a resolver may hand out any number */
        struct addrinfo *last = c->found;

        while (--count > 0)
            last = last->ai_next;
        freeaddrinfo(last->ai_next);
        last->ai_next = NULL;
        count = ADDRESSES_MAX;
    }
    c->next = c->found;
    c->attempt_ms = c->timeout_ms / (count > 0 ? count : 1);
    attempt_next(c);
}

/* What has to wait until the owner's call has returned. */
static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;

    (void)fd;
    (void)what;
    if (c->state == RESOLVING)
        connect_start(c);
    else if (c->state == OPEN && c->securing)
        (void)shake_hands(c); /* our side speaks first */
    else if (c->state == OPEN && c->held && !c->paused && flush_held(c))
        read_secured(c);
    else if (c->state == OPEN)
        flush(c);
    else if (c->state == ENDED)
        end(c, CONN_FAILED);
}

/* ---- names ---- */

static void lookup_run(struct work_job *job)
{
    struct lookup *l = (struct lookup *)job;
    /* Without AI_ADDRCONFIG: it finds nothing on a host that has only its loopback. */
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    l->result = getaddrinfo(l->host, l->port, &hints, &l->found);
    l->system_error = errno;
}

static void lookup_free(struct lookup *l)
{
    if (l->found)
        freeaddrinfo(l->found);
    free(l);
}

static void lookup_done(struct work_job *job)
{
    struct lookup *l = (struct lookup *)job;
    struct conn *c = l->conn;

    if (!c) {
        lookup_free(l);
        return;
    }
    c->lookup = NULL;
    if (l->result == 0) {
        c->found = l->found;
        l->found = NULL;
        lookup_free(l);
        connect_start(c);
        return;
    }
    err_set(&c->last, l->result == EAI_NONAME ? ERR_PERMANENT : ERR_RETRY, "cannot look up %s: %s",
            l->host, l->result == EAI_SYSTEM ? strerror(l->system_error) : gai_strerror(l->result));
    lookup_free(l);
    end(c, CONN_FAILED);
}

static int lookup_start(struct conn *c, struct work_pool *pool, const char *host, unsigned port,
                        struct err *e)
{
    struct lookup *l;

    if (!pool)
        return err_set(e, ERR_BUG, "cannot look up %s: no worker for it", host);
    l = calloc(1, sizeof *l);
    if (!l)
        return err_memory(e);
    l->job.run = lookup_run;
    l->job.done = lookup_done;
    l->conn = c;
    snprintf(l->host, sizeof l->host, "%s", host);
    snprintf(l->port, sizeof l->port, "%u", port);
    if (work_submit(pool, &l->job) < 0) {
        free(l);
        return err_set(e, ERR_RETRY, "cannot look up %s: all workers are busy", host);
    }
    c->lookup = l;
    return 0;
}

/* Where to: a path, an address as it stands, or a name that a worker looks up. */
static int target_start(struct conn *c, struct work_pool *pool, const char *host, unsigned port,
                        struct err *e)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    char service[8];
    size_t path_len;
    int r;

    if (strncmp(host, "unix:", 5) == 0) {
        path_len = strlen(host + 5);
        if (path_len == 0 || path_len >= sizeof c->unix_addr.sun_path)
            return err_set(e, ERR_PERMANENT, "the path of %s is empty or too long", host);
        c->is_unix = true;
        c->unix_addr.sun_family = AF_UNIX;
        memcpy(c->unix_addr.sun_path, host + 5, path_len + 1);
        snprintf(c->name, sizeof c->name, "%s", host);
        event_active(c->soon, EV_WRITE, 1);
        return 0;
    }
    if (port == 0 || port > 65535)
        return err_set(e, ERR_PERMANENT, "%u is no port", port);
    if (host[0] == '\0' || strlen(host) >= HOST_SIZE)
        return err_set(e, ERR_PERMANENT, "the host to connect to is empty or too long");
    snprintf(c->name, sizeof c->name, "%s port %u", host, port);
    snprintf(service, sizeof service, "%u", port);
    r = getaddrinfo(host, service, &hints, &c->found);
    if (r == EAI_NONAME)
        return lookup_start(c, pool, host, port, e);
    if (r != 0)
        return err_set(e, ERR_RETRY, "cannot connect to %s: %s", c->name, gai_strerror(r));
    event_active(c->soon, EV_WRITE, 1);
    return 0;
}

/* What every conn has. */
static struct conn *conn_new(struct loop *loop, conn_fn *fn, void *arg)
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
    c->readable = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(loop_base(loop), fd, EV_WRITE | EV_PERSIST, on_writable, c);
    if (c->readable && c->writable && event_add(c->readable, NULL) == 0)
        return c;
    conn_destroy(c);
    err_memory(e);
    return NULL;
}

struct conn *conn_connect(struct loop *loop, struct work_pool *pool, const char *host,
                          unsigned port, int64_t timeout_ms, conn_fn *fn, void *arg, struct err *e)
{
    struct conn *c = conn_new(loop, fn, arg);

    if (!c) {
        err_memory(e);
        return NULL;
    }
    c->timeout_ms = timeout_ms;
    c->total = loop_timer_new(loop, on_total_timeout, c);
    c->attempt = loop_timer_new(loop, on_attempt_timeout, c);
    if (!c->total || !c->attempt) {
        err_memory(e);
        goto fail;
    }
    if (target_start(c, pool, host, port, e) < 0)
        goto fail;
    loop_timer_start(c->total, timeout_ms);
    return c;
fail:
    conn_destroy(c);
    return NULL;
}
