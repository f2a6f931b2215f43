/*
 * stream: the connection to the host Jabber server as an external component (XEP-0114).
 *
 * Connects, shakes hands, keeps alive by ping, and reconnects by itself: with jittered back-off after a
 * failure (1 s doubling to 60 s), with a long one (60 s to 10 min) and a clear log line after what only an administrator can mend
 * (host-unknown, not-authorized, invalid-namespace) and after conflict.  Stanzas have namespace
 * jabber:component:accept on the wire.  Loop thread only.
 */
#ifndef COMPONENT_STREAM_H
#define COMPONENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/work.h"
#include "base/xml.h"

#define STREAM_NS "jabber:component:accept"

struct stream_settings {
    const char *jid; /* the component's domain */
    const char *host;
    unsigned port;
    const char *secret;
    const char *ping_to; /* JID that answers pings for the host: a home domain */
    size_t stanza_size_max;
    size_t waiting_max;   /* bytes written and not yet taken by the host; default 4 MiB */
};

enum stream_loss {
    STREAM_LOSS_NETWORK,  /* could not connect, reset, timed out, closed, or an error not named below */
    STREAM_LOSS_CONFIG,   /* host-unknown, not-authorized, invalid-namespace */
    STREAM_LOSS_CONFLICT, /* another instance is connected */
    STREAM_LOSS_STANZA    /* not-well-formed, invalid-from, bad-format ...: something we sent */
};

struct stream_handler {
    /* The handshake is done and a first ping has come back: what is sent now is routed. */
    void (*up)(void *arg);
    /* Not called before up, nor for stream_stop; every ping that was waiting has failed before. */
    void (*down)(enum stream_loss loss, const char *reason, void *arg);
    /* A stanza from the host that was not an answer to a ping of this module. The arena is the callee's. */
    void (*stanza)(struct xml_node *stanza, struct arena *arena, void *arg);
    /* stream_send refused before, and there is room again. */
    void (*writable)(void *arg);
};

struct stream;

/* settings and clock are borrowed for the stream's life. */
struct stream *stream_new(struct loop *loop, struct work_pool *pool, const struct clock *clock,
                          const struct stream_settings *settings, const struct stream_handler *handler,
                          void *arg, struct err *e);
void stream_start(struct stream *s);
/* Writes what waits, closes the stream in order (</stream:stream>), then calls closed (at most 5 s later). */
void stream_stop(struct stream *s, void (*closed)(void *arg), void *arg);
void stream_free(struct stream *s); /* takes NULL */

bool stream_is_up(const struct stream *s);

/* Queues one serialised stanza. -1: the stream is down or its buffer is full; nothing was taken. */
int stream_send(struct stream *s, const char *xml, size_t len) MUST_CHECK;
int stream_send_node(struct stream *s, const struct xml_node *stanza) MUST_CHECK;

/* The barrier: a ping behind everything sent so far.  fn is called once: with answered true when the
 * host has answered it (by result or error), with false when the stream was lost first. */
int stream_barrier(struct stream *s, void (*fn)(bool answered, void *arg), void *arg) MUST_CHECK;

/* For `postern check`: one attempt at connecting and shaking hands, told once, then nothing more. */
struct stream_probe;
struct stream_probe *stream_probe_start(struct loop *loop, struct work_pool *pool,
                                        const struct stream_settings *settings,
                                        void (*fn)(const struct err *e /* NULL: ok */,
                                                   enum stream_loss loss, void *arg),
                                        void *arg);
void stream_probe_free(struct stream_probe *p); /* takes NULL */

#endif
