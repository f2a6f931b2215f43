/*
 * conn_connect: from a name to a connection that stands.
 *
 * Owns, with the conn, the look-up of a name, a job that outlives the conn if it must.  Loop thread
 * only, but for the look-up itself.  A crash leaves nothing behind.
 */
#include "base/conn_inside.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { ADDRESSES_MAX = 16 /* of one name: what a resolver hands out is bounded too */ };

/* A look-up on a worker.  Its conn may be freed meanwhile: then `conn` is NULL. */
struct lookup {
    struct work_job job;
    struct conn *conn;
    char host[CONN_HOST_SIZE], port[8];
    int result;       /* of getaddrinfo */
    int system_error; /* errno for EAI_SYSTEM */
    struct addrinfo *found;
};

static void attempt_next(struct conn *c);

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
    if (conn_reading_update(c) < 0) {
        conn_fail_errno(c, "cannot read from", ENOMEM);
        return;
    }
    conn_idle_restart(c);
    if (conn_tell(c, CONN_CONNECTED, NULL, 0, NULL) && c->state == OPEN)
        conn_flush(c); /* what was written before */
}

void conn_on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    int code = 0;
    socklen_t size = sizeof code;

    (void)what;
    if (c->state == OPEN) {
        conn_flush(c);
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

    conn_events_free(c);
    c->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return err_set(&c->last, ERR_RETRY, "cannot connect to %s: %s", c->name, strerror(errno));
    if (addr->sa_family != AF_UNIX)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->readable = event_new(loop_base(c->loop), c->fd, EV_READ | EV_PERSIST, conn_on_readable, c);
    c->writable = event_new(loop_base(c->loop), c->fd, EV_WRITE | EV_PERSIST, conn_on_writable, c);
    if (!c->readable || !c->writable || event_add(c->writable, NULL) < 0)
        return err_memory(&c->last);
    /* Connected at once (a unix socket) or later, on_writable finds out. */
    if (connect(c->fd, addr, len) < 0 && errno != EINPROGRESS && errno != EINTR)
        return err_set(&c->last, ERR_RETRY, "cannot connect to %s: %s", c->name, strerror(errno));
    return 0;
}

/* False: *c tells why, unless another address has failed before. */
static bool may_try(struct conn *c, const struct sockaddr *addr)
{
    if (!c->is_fit || c->is_fit(addr))
        return true;
    if (c->last.class == ERR_NONE)
        err_set(&c->last, ERR_RETRY, "not connected to %s: %s", c->name, c->unfit_why);
    return false;
}

/* Tries what is left; each address but the last has its share of the time, so that one that
 * swallows packets does not keep the next from being tried. */
static void attempt_next(struct conn *c)
{
    loop_timer_stop(c->attempt);
    while (c->next) {
        const struct addrinfo *ai = c->next;

        c->next = ai->ai_next;
        if (!may_try(c, ai->ai_addr) || attempt(c, ai->ai_addr, ai->ai_addrlen) < 0)
            continue;
        if (c->next)
            loop_timer_start(c->attempt, c->attempt_ms);
        return;
    }
    conn_end(c, CONN_FAILED);
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
    conn_end(c, CONN_TIMEOUT);
}

void conn_connect_start(struct conn *c)
{
    struct addrinfo *ai;
    unsigned count = 0;

    c->state = CONNECTING;
    if (c->is_unix) {
        const struct sockaddr *addr = (const struct sockaddr *)&c->unix_addr;

        if (!may_try(c, addr) || attempt(c, addr, sizeof c->unix_addr) < 0)
            conn_end(c, CONN_FAILED);
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
        conn_connect_start(c);
        return;
    }
    err_set(&c->last, l->result == EAI_NONAME ? ERR_PERMANENT : ERR_RETRY, "cannot look up %s: %s",
            l->host, l->result == EAI_SYSTEM ? strerror(l->system_error) : gai_strerror(l->result));
    lookup_free(l);
    conn_end(c, CONN_FAILED);
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
    if (host[0] == '\0' || strlen(host) >= CONN_HOST_SIZE)
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

void conn_lookup_forget(struct conn *c)
{
    if (c->lookup)
        c->lookup->conn = NULL;
    c->lookup = NULL;
}

void conn_set_fit(struct conn *c, bool (*is_fit)(const struct sockaddr *address), const char *why)
{
    c->is_fit = is_fit;
    c->unfit_why = why;
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
