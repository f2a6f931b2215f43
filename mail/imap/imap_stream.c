/*
 * imap_stream: the socket under libetpan.
 *
 * Owns the socket, the TLS on it, the mailstream made for libetpan, and the scanner that every byte
 * passes.  All waiting is done in wait_for(), in short steps, so that a cancelled stream never
 * waits long even where shutdown() does not wake it.  The thread is that of the job that works.  A
 * crash leaves nothing behind.
 */
#include "mail/imap/imap_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/network.h"
#include "mail/imap/imap_tls.h"

enum { BUFFER_LARGE = 16 * 1024, BUFFER_SMALL = 512, STEP_MS = 500 };

struct imap_stream {
    const struct conf_server *server;
    struct imap_cancel *cancel;
    struct imap_stream_terms terms;
    int fd;
    struct imap_tls *tls;         /* NULL: in the clear */
    mailstream_low_driver driver; /* libetpan wants a table that is not const */
    mailstream *ms;
    bool ms_closed; /* by libetpan */
    struct imap_scan scan;
    int64_t deadline_ms; /* of the command under way, mono */
    bool no_wait;        /* read only what is there */
    bool is_failed;
    struct err e; /* the first failure */
};

int imap_cancel_init(struct imap_cancel *c, struct err *e)
{
    c->fd = -1;
    c->is_cancelled = false;
    if (pthread_mutex_init(&c->lock, NULL) != 0)
        return err_memory(e);
    return 0;
}

void imap_cancel_clear(struct imap_cancel *c)
{
    pthread_mutex_destroy(&c->lock);
}

void imap_cancel(struct imap_cancel *c)
{
    pthread_mutex_lock(&c->lock);
    c->is_cancelled = true;
    if (c->fd >= 0)
        shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_unlock(&c->lock);
}

bool imap_cancel_is_set(struct imap_cancel *c)
{
    bool is_set;

    pthread_mutex_lock(&c->lock);
    is_set = c->is_cancelled;
    pthread_mutex_unlock(&c->lock);
    return is_set;
}

/* The descriptor changes hands only under the lock, so that imap_cancel never shuts down another's.
 */
static void set_fd(struct imap_stream *st, int fd)
{
    pthread_mutex_lock(&st->cancel->lock);
    if (st->fd >= 0)
        close(st->fd);
    st->fd = fd;
    st->cancel->fd = fd;
    pthread_mutex_unlock(&st->cancel->lock);
}

static int fail(struct imap_stream *st, enum err_class class, const char *text)
{
    if (!st->is_failed) {
        st->is_failed = true;
        err_set(&st->e, class, "%s", text);
    }
    return -1;
}

int imap_stream_error(const struct imap_stream *st, struct err *e)
{
    if (st->is_failed)
        return err_set(e, st->e.class, "%s", st->e.text);
    return err_set(e, ERR_RETRY, "the connection failed");
}

bool imap_stream_is_failed(const struct imap_stream *st)
{
    return st->is_failed;
}

static int64_t now_ms(void)
{
    return clock_mono_ms(&clock_system);
}

/* Waits until the socket is ready, the next-byte limit or the command's deadline is over. */
static int wait_for(struct imap_stream *st, short events, int64_t limit_ms)
{
    int64_t until = now_ms() + limit_ms, left;
    struct pollfd p = {.fd = st->fd, .events = events};
    int r;

    if (until > st->deadline_ms)
        until = st->deadline_ms;
    for (;;) {
        if (imap_cancel_is_set(st->cancel))
            return fail(st, ERR_RETRY, "stopped");
        left = until - now_ms();
        if (left <= 0)
            return fail(st, ERR_RETRY, "the server takes too long to answer");
        r = poll(&p, 1, left < STEP_MS ? (int)left : STEP_MS);
        if (r > 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return fail(st, ERR_RETRY, strerror(errno));
    }
}

/* ---- libetpan's driver ---- */

/* Bytes; IMAP_TLS_WANT_READ or _WRITE; or -1 after fail(). */
static ssize_t read_some(struct imap_stream *st, void *out, size_t size)
{
    ssize_t n;

    if (st->tls) {
        n = imap_tls_read(st->tls, out, size);
        if (n == IMAP_TLS_END)
            return fail(st, ERR_RETRY, "the server closed the connection");
        if (n == IMAP_TLS_FAILED)
            return fail(st, ERR_RETRY, "the server broke the TLS connection");
        return n;
    }
    n = recv(st->fd, out, size, 0);
    if (n > 0)
        return n;
    if (n == 0)
        return fail(st, ERR_RETRY, "the server closed the connection");
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return IMAP_TLS_WANT_READ;
    return fail(st, ERR_RETRY, strerror(errno));
}

static int scan_refused(struct imap_stream *st)
{
    char text[128];

    snprintf(text, sizeof text, "the server sent %s", st->scan.refused);
    return fail(st, ERR_RETRY, text);
}

static ssize_t driver_read(mailstream_low *low, void *out, size_t size)
{
    struct imap_stream *st = low->data;
    ssize_t n;

    if (st->is_failed)
        return -1;
    for (;;) {
        n = read_some(st, out, size);
        if (n == -1)
            return -1;
        if (n > 0)
            break;
        if (st->no_wait)
            return -1; /* not a failure: imap_stream_peek knows */
        if (wait_for(st, n == IMAP_TLS_WANT_WRITE ? POLLOUT : POLLIN, st->terms.read_ms) < 0)
            return -1;
    }
    if (imap_scan_feed(&st->scan, out, (size_t)n) < 0)
        return scan_refused(st);
    return n;
}

static ssize_t write_some(struct imap_stream *st, const void *data, size_t len)
{
    ssize_t n;

    if (st->tls) {
        n = imap_tls_write(st->tls, data, len);
        if (n == IMAP_TLS_END || n == IMAP_TLS_FAILED)
            return fail(st, ERR_RETRY, "the server broke the TLS connection");
        return n;
    }
    n = send(st->fd, data, len, MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return IMAP_TLS_WANT_WRITE;
    return fail(st, ERR_RETRY, strerror(errno));
}

static ssize_t driver_write(mailstream_low *low, const void *data, size_t len)
{
    struct imap_stream *st = low->data;
    ssize_t n;

    if (st->is_failed)
        return -1;
    for (;;) {
        n = write_some(st, data, len);
        if (n == -1 || n >= 0)
            return n;
        if (wait_for(st, n == IMAP_TLS_WANT_READ ? POLLIN : POLLOUT, st->terms.read_ms) < 0)
            return -1;
    }
}

static int driver_close(mailstream_low *low)
{
    struct imap_stream *st = low->data;

    if (st->tls)
        imap_tls_bye(st->tls);
    return 0;
}

static int driver_get_fd(mailstream_low *low)
{
    return ((struct imap_stream *)low->data)->fd;
}

static void driver_free(mailstream_low *low)
{
    ((struct imap_stream *)low->data)->ms_closed = true;
    free(low);
}

static void driver_cancel(mailstream_low *low)
{
    (void)low;
}

/* ---- connecting ---- */

static void set_options(int fd)
{
    int on = 1, idle_s = 120, interval_s = 30, count = 4;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* A peer that vanished while nobody writes (IDLE) is noticed within minutes. */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

/* Connects to one address; -1 with errno, or 0. */
static int connect_one(struct imap_stream *st, const struct addrinfo *ai, int64_t limit_ms)
{
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
    int error = 0;
    socklen_t len = sizeof error;

    if (fd < 0)
        return -1;
    set_options(fd);
    set_fd(st, fd);
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -1;
    if (wait_for(st, POLLOUT, limit_ms) < 0) {
        st->is_failed = false; /* the next address may do */
        errno = ETIMEDOUT;
        return -1;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -1;
    errno = error;
    return error == 0 ? 0 : -1;
}

static bool is_fit(const struct imap_stream *st, const struct sockaddr *address)
{
    if (st->server->tls == CONF_TLS_NONE && st->terms.is_clear_local && !network_is_local(address))
        return false;
    return !st->terms.may_connect || st->terms.may_connect(address);
}

static int connect_any(struct imap_stream *st, const struct addrinfo *list, enum imap_fault *fault,
                       struct err *e)
{
    const struct addrinfo *ai;
    int64_t left_count = 0, left_ms;
    int why = ECONNREFUSED;

    for (ai = list; ai; ai = ai->ai_next)
        left_count += is_fit(st, ai->ai_addr);
    if (left_count == 0) {
        *fault = IMAP_FAULT_NAME;
        return err_set(e, ERR_PERMANENT, "%s has no address that may be connected to%s",
                       st->server->host,
                       st->server->tls == CONF_TLS_NONE ? " without TLS (option tls)" : "");
    }
    for (ai = list; ai; ai = ai->ai_next) {
        if (!is_fit(st, ai->ai_addr))
            continue;
        if (imap_cancel_is_set(st->cancel))
            return err_set(e, ERR_RETRY, "stopped");
        left_ms = st->deadline_ms - now_ms();
        if (connect_one(st, ai, left_ms / left_count--) == 0)
            return 0;
        why = errno;
    }
    return err_set(e, ERR_RETRY, "cannot connect to %s port %u: %s", st->server->host,
                   st->server->port, strerror(why));
}

static int resolve_and_connect(struct imap_stream *st, enum imap_fault *fault, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;
    char port[16];
    int r;

    snprintf(port, sizeof port, "%u", st->server->port);
    r = getaddrinfo(st->server->host, port, &hints, &list);
    if (r != 0) {
        *fault = r == EAI_NONAME ? IMAP_FAULT_NAME : IMAP_FAULT_AWAY;
        return err_set(e, r == EAI_NONAME ? ERR_PERMANENT : ERR_RETRY,
                       "no address for %s (option host): %s", st->server->host, gai_strerror(r));
    }
    r = connect_any(st, list, fault, e);
    freeaddrinfo(list);
    return r;
}

static int handshake(struct imap_stream *st, struct err *e)
{
    int r;

    st->tls = imap_tls_new(st->fd, st->server, st->terms.trust, e);
    if (!st->tls)
        return -1;
    for (;;) {
        r = imap_tls_handshake(st->tls, e);
        if (r == 0)
            return 0;
        if (r != IMAP_TLS_WANT_READ && r != IMAP_TLS_WANT_WRITE)
            return -1;
        if (wait_for(st, r == IMAP_TLS_WANT_READ ? POLLIN : POLLOUT, st->terms.connect_ms) < 0)
            return imap_stream_error(st, e);
    }
}

static int make_mailstream(struct imap_stream *st, struct err *e)
{
    mailstream_low *low;

    st->driver = (mailstream_low_driver){
        .mailstream_read = driver_read,
        .mailstream_write = driver_write,
        .mailstream_close = driver_close,
        .mailstream_get_fd = driver_get_fd,
        .mailstream_free = driver_free,
        .mailstream_cancel = driver_cancel,
    };
    low = mailstream_low_new(st, &st->driver);
    if (!low)
        return err_memory(e);
    st->ms = mailstream_new(low, BUFFER_LARGE);
    if (!st->ms) {
        free(low);
        return err_memory(e);
    }
    return 0;
}

struct imap_stream *imap_stream_open(const struct conf_server *server, struct imap_cancel *cancel,
                                     const struct imap_stream_terms *terms,
                                     enum imap_fault *fault_out, struct err *e)
{
    struct imap_stream *st = calloc(1, sizeof *st);

    *fault_out = IMAP_FAULT_AWAY;
    if (!st) {
        err_memory(e);
        return NULL;
    }
    st->server = server;
    st->cancel = cancel;
    st->terms = *terms;
    st->fd = -1;
    st->deadline_ms = now_ms() + terms->connect_ms;
    imap_scan_init(&st->scan);
    if (resolve_and_connect(st, fault_out, e) < 0)
        goto failed;
    if (server->tls == CONF_TLS_IMPLICIT && handshake(st, e) < 0) {
        if (e->class == ERR_PERMANENT)
            *fault_out = IMAP_FAULT_TLS;
        goto failed;
    }
    if (make_mailstream(st, e) < 0)
        goto failed;
    return st;
failed:
    imap_stream_free(st);
    return NULL;
}

void imap_stream_free(struct imap_stream *st)
{
    if (!st)
        return;
    if (st->ms && !st->ms_closed)
        mailstream_close(st->ms);
    imap_tls_free(st->tls);
    set_fd(st, -1);
    imap_scan_clear(&st->scan);
    free(st);
}

mailstream *imap_stream_mailstream(struct imap_stream *st)
{
    return st->ms;
}

/* What is read before the handshake may come from anyone on the way, so none of it may be left to
 * be taken for an answer from behind it (the command injection of RFC 9051 §11.3). */
int imap_stream_start_tls(struct imap_stream *st, struct err *e)
{
    char byte;

    if (st->ms->read_buffer_len > 0 || !imap_scan_is_at_rest(&st->scan) ||
        recv(st->fd, &byte, 1, MSG_PEEK) > 0)
        return err_set(e, ERR_RETRY, "the server sent something in the clear after STARTTLS");
    st->deadline_ms = now_ms() + st->terms.connect_ms;
    st->scan.has_exists = false;
    return handshake(st, e);
}

bool imap_stream_is_tls(const struct imap_stream *st)
{
    return st->tls != NULL;
}

void imap_stream_expect(struct imap_stream *st, int64_t total_ms, uint64_t literal_max,
                        uint64_t literals_max)
{
    st->deadline_ms = now_ms() + total_ms;
    imap_scan_expect(&st->scan, literal_max, literals_max);
}

struct imap_scan *imap_stream_scan(struct imap_stream *st)
{
    return &st->scan;
}

int imap_stream_peek(struct imap_stream *st)
{
    ssize_t n;

    st->no_wait = true;
    n = mailstream_feed_read_buffer(st->ms);
    st->no_wait = false;
    if (n < 0)
        return st->is_failed ? -1 : 0;
    return (int)n;
}

bool imap_stream_has_unread(const struct imap_stream *st)
{
    return st->ms->read_buffer_len > 0 || (st->tls && imap_tls_has_unread(st->tls));
}

int imap_stream_fd(const struct imap_stream *st)
{
    return st->fd;
}

static void resize(char **buffer, size_t size)
{
    char *p = realloc(*buffer, size);

    if (p)
        *buffer = p;
}

void imap_stream_wipe(struct imap_stream *st)
{
    if (st->ms->write_buffer_len == 0)
        explicit_bzero(st->ms->write_buffer, st->ms->buffer_max_size);
}

void imap_stream_set_small(struct imap_stream *st, bool small)
{
    size_t size = small ? BUFFER_SMALL : BUFFER_LARGE;
    char *r, *w;

    if (st->ms->buffer_max_size == size || st->ms->read_buffer_len > 0 ||
        st->ms->write_buffer_len > 0)
        return;
    if (small) {
        resize(&st->ms->read_buffer, size);
        resize(&st->ms->write_buffer, size);
        st->ms->buffer_max_size = size;
        return;
    }
    r = malloc(size);
    w = malloc(size);
    if (!r || !w) { /* the small ones do, only slower */
        free(r);
        free(w);
        return;
    }
    free(st->ms->read_buffer);
    free(st->ms->write_buffer);
    st->ms->read_buffer = r;
    st->ms->write_buffer = w;
    st->ms->buffer_max_size = size;
}
