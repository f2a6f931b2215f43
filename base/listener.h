/*
 * listener: a socket that others connect to, TCP or unix, on the loop.
 *
 * Loop thread only.  It accepts and hands over; limits are the owner's.  When the process has no
 * descriptor left it pauses instead of spinning.
 */
#ifndef BASE_LISTENER_H
#define BASE_LISTENER_H

#include "base/conf.h"
#include "base/err.h"
#include "base/loop.h"

struct listener;

/* fd: non-blocking, the callee's from here.  peer: "127.0.0.1", "::1", or "" for a unix socket;
 * valid during the call.  May not free the listener. */
typedef void listener_fn(int fd, const char *peer, void *arg);

/* Listens at once; connections are told from the loop.  what: for messages ("lmtp").  mode: of the
 * file of a unix socket; one that a dead process has left is replaced, one that is served or that
 * is no socket is not.  NULL: ERR_PERMANENT "... is in use" or what is wrong with the place. */
struct listener *listener_new(struct loop *loop, const struct conf_endpoint *at, const char *what,
                              unsigned mode, listener_fn *fn, void *arg, struct err *e);
/* Stops listening and removes the file of a unix socket; what was accepted goes on.  Takes NULL. */
void listener_free(struct listener *l);

#endif
