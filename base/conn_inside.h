/*
 * conn_inside: what the two parts of conn share: conn.c (a connection that stands) and
 * conn_connect.c (until it stands).  For nobody else.
 */
#ifndef BASE_CONN_INSIDE_H
#define BASE_CONN_INSIDE_H

#include <netdb.h>
#include <sys/un.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/conn.h"

enum { CONN_HOST_SIZE = 256 };

enum conn_state {
    RESOLVING,
    CONNECTING,
    OPEN,
    ENDED /* failed or timed out: no events any more */
};

struct conn {
    struct loop *loop;
    conn_fn *fn;
    void *arg;
    char name[CONN_HOST_SIZE + 16]; /* host and port, for messages */

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

/* conn.c */
struct conn *conn_new(struct loop *loop, conn_fn *fn, void *arg);
void conn_destroy(struct conn *c);
/* Tells the owner.  False: the owner has freed the conn, which must not be touched again. */
bool conn_tell(struct conn *c, enum conn_event event, const char *data, size_t len,
               const struct err *e);
void conn_end(struct conn *c, enum conn_event event); /* the last thing that happens to it */
void conn_fail_errno(struct conn *c, const char *what, int code);
void conn_events_free(struct conn *c);
void conn_idle_restart(struct conn *c);
int conn_reading_update(struct conn *c);
void conn_flush(struct conn *c);
void conn_on_readable(evutil_socket_t fd, short what, void *arg);

/* conn_connect.c */
void conn_connect_start(struct conn *c); /* the addresses are known */
void conn_on_writable(evutil_socket_t fd, short what, void *arg);
/* What the look-up has to know when the conn goes before it. */
void conn_lookup_forget(struct conn *c);

#endif
