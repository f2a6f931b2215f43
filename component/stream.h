/*
 * stream: the connection to the host Jabber server as an external component (XEP-0114).
 *
 * Connects, shakes hands, keeps alive by ping, and reconnects by itself: with jittered back-off
 * after a failure (1 s doubling to 60 s, slower after what was lost over a stanza of ours), with a
 * long one (60 s to 10 min) and a clear log line after what only an administrator can mend
 * (host-unknown, not-authorized, invalid-namespace) and after conflict.  Stanzas have namespace
 * jabber:component:accept on the wire.  Loop thread only.
 */
#ifndef COMPONENT_STREAM_H
#define COMPONENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    const char *ping_to;    /* JID that answers pings for the host: a home domain */
    size_t stanza_size_max; /* taken or sent; 0: 256 KiB */
    size_t waiting_max;     /* bytes written and not yet taken by the host; 0: 4 MiB */
    bool once;              /* one attempt: whatever ends it is told by down, then nothing more */

    struct stream_times {  /* milliseconds; 0: the default */
        int64_t connect;   /* for connecting, all addresses together; 15 s */
        int64_t answer;    /* for each step of the handshake, and for a ping; 30 s */
        int64_t silence;   /* without a byte from the host, then a ping is sent; 60 s */
        int64_t warm;      /* between the first pings, which a host may lose; 2 s */
        int64_t retry_min; /* back-off after an ordinary loss; 1 s */
        int64_t retry_max; /* 60 s */
        int64_t mend_min;  /* back-off after a configuration error or a conflict; 60 s */
        int64_t mend_max;  /* 10 min */
        int64_t stable;    /* up for so long, the back-off starts anew; 30 s */
        int64_t close;     /* for the end in order; 5 s */
    } times;
};

enum stream_loss {
    STREAM_LOSS_NETWORK,  /* could not connect, reset, timed out, closed, any error not below */
    STREAM_LOSS_CONFIG,   /* host-unknown, not-authorized, invalid-namespace */
    STREAM_LOSS_CONFLICT, /* another instance is connected */
    STREAM_LOSS_STANZA    /* not-well-formed, invalid-from, bad-format ...: something we sent */
};

struct stream_handler {
    /* The handshake is done and a first ping has come back: what is sent now is routed. */
    void (*up)(void *arg);
    /* Not called before up, nor for stream_stop; every ping that was waiting has failed before. */
    void (*down)(enum stream_loss loss, const char *reason, void *arg);
    /* A stanza from the host that was not an answer to a ping of this module. The arena is the
     * callee's. */
    void (*stanza)(struct xml_node *stanza, struct arena *arena, void *arg);
    /* stream_send refused before, and there is room again. */
    void (*writable)(void *arg);
};

struct stream;

/* settings and clock are borrowed for the stream's life; pool may be NULL when host is an address.
 * All calls below may be made in any callback, stream_free included. */
struct stream *stream_new(struct loop *loop, struct work_pool *pool, const struct clock *clock,
                          const struct stream_settings *settings,
                          const struct stream_handler *handler, void *arg, struct err *e);
void stream_start(struct stream *s);
/* Writes what waits, closes the stream in order (</stream:stream>), then calls closed (at most 5 s
 * later). */
void stream_stop(struct stream *s, void (*closed)(void *arg), void *arg);
void stream_free(struct stream *s); /* takes NULL */

bool stream_is_up(const struct stream *s);

enum { STREAM_TOO_LARGE = -2 };

/* Queues one serialised stanza. -1: the stream is not up or its buffer is full; STREAM_TOO_LARGE:
 * it is larger than stanza_size_max and never will be taken.  In both cases nothing was taken. */
int stream_send(struct stream *s, const char *xml, size_t len) MUST_CHECK;
/* The same for an answer that need not be safe: taken before up, too, once stanzas come in. */
int stream_send_node(struct stream *s, const struct xml_node *stanza) MUST_CHECK;

/* Back-pressure: takes no more stanzas from the host until told to go on; what has been read
 * already still comes.  A lost connection ends the pause. */
void stream_pause(struct stream *s, bool paused);

/* The barrier: a ping behind everything sent so far.  fn is called once: with answered true when
 * the host has answered it (by result or error), with false when the stream was lost first (before
 * down, and at the end of stream_stop).  Not called by stream_free.  -1: the stream is not up, or
 * too many wait. */
int stream_barrier(struct stream *s, void (*fn)(bool answered, void *arg), void *arg) MUST_CHECK;

/* For `postern check`: one attempt at connecting, shaking hands and having a ping answered, told
 * once, then nothing more.  Where a host lets several instances connect, messages that reach the
 * probe are sent back with an error that asks to try again.  NULL when memory is out.  settings are
 * borrowed. */
struct stream_probe;
struct stream_probe *stream_probe_start(
    struct loop *loop, struct work_pool *pool, const struct stream_settings *settings,
    void (*fn)(const struct err *e /* NULL: ok */, enum stream_loss loss, void *arg), void *arg);
void stream_probe_free(struct stream_probe *p); /* takes NULL */

#endif
