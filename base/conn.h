/*
 * conn: one TCP or unix stream socket on the loop, reduced to a few events.
 *
 * Loop thread only.  A conn may be freed in any of its own callbacks.  Nothing is read while the
 * reader has said no, and nothing waits to be written without bound.
 */
#ifndef BASE_CONN_H
#define BASE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/loop.h"
#include "base/work.h"

enum conn_event {
    CONN_CONNECTED, /* the connection stands */
    CONN_DATA,      /* data, len: what arrived, valid during the call */
    CONN_DRAINED,   /* all that was written has left */
    CONN_TIMEOUT,   /* the timeout of conn_set_timeout, of connecting or of the handshake passed */
    CONN_FAILED,    /* could not connect, or reset: e says why */
    CONN_CLOSED,    /* the peer closed its side in order; writing is still possible */
    CONN_SECURED    /* TLS stands, and the peer is who it should be (conn_start_tls) */
};

struct conn;
typedef void conn_fn(struct conn *c, enum conn_event event, const char *data, size_t len,
                     const struct err *e, void *arg);

/* Starts connecting; the host is looked up on a worker of pool unless it is a numeric address or
 * "unix:/path".  All addresses are tried in order within timeout_ms, each with its share of it.
 * NULL when nothing could be started (e says why).  After CONN_FAILED, or CONN_TIMEOUT before
 * CONN_CONNECTED (e is given there too), nothing more happens. */
struct conn *conn_connect(struct loop *loop, struct work_pool *pool, const char *host,
                          unsigned port, int64_t timeout_ms, conn_fn *fn, void *arg, struct err *e);
/* Only addresses that is_fit likes are tried; when there is none, CONN_FAILED with `why` (borrowed)
 * is told.  To be called right after conn_connect. */
void conn_set_fit(struct conn *c, bool (*is_fit)(const struct sockaddr *address), const char *why);
/* The server's side: a socket that was accepted, which is the conn's from here, also when this
 * fails. peer: its name in messages.  It stands at once: there is no CONN_CONNECTED. */
struct conn *conn_accepted(struct loop *loop, int fd, const char *peer, conn_fn *fn, void *arg,
                           struct err *e);
/* From here on the connection, which stands, is TLS; *t is the conn's and NULL after.  Whatever has
 * come and was not given to the owner yet is the handshake's, so nothing said in the clear is taken
 * for what is said in TLS.  CONN_SECURED when the handshake is over; CONN_FAILED (class
 * ERR_PERMANENT: the certificate is refused) or, after timeout_ms, CONN_TIMEOUT (with e) end the
 * connection.  What is written meanwhile goes after the handshake. */
struct tls;
void conn_start_tls(struct conn *c, struct tls **t, int64_t timeout_ms);
const char *conn_tls_version(const struct conn *c); /* NULL: in the clear */
void conn_free(struct conn *c); /* closes at once; takes NULL; no callback after it */

/* Queues bytes, before CONN_CONNECTED too. -1 when more than write_max would be waiting, or the
 * connection has failed: nothing was taken. */
int conn_write(struct conn *c, const void *data, size_t len) MUST_CHECK;
/* A password: no copy of it is left in the connection's memory once it has gone to the kernel. */
int conn_write_secret(struct conn *c, const void *data, size_t len) MUST_CHECK;
size_t conn_waiting(const struct conn *c);           /* bytes not yet given to the kernel */
void conn_set_write_max(struct conn *c, size_t max); /* default 1 MiB */
/* CONN_TIMEOUT after this long without anything read, once for each silence; 0: never.  The time
 * does not run before CONN_CONNECTED nor while paused. */
void conn_set_timeout(struct conn *c, int64_t idle_ms);
void conn_pause(struct conn *c, bool paused); /* stop or go on reading */

#endif
