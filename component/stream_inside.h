/*
 * stream_inside: what the parts of the stream share; for nobody else.  Loop thread.
 */
#ifndef COMPONENT_STREAM_INSIDE_H
#define COMPONENT_STREAM_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/conn.h"
#include "component/backoff.h"
#include "component/parser.h"
#include "component/pings.h"
#include "component/stream.h"

#define STREAMS_NS "http://etherx.jabber.org/streams"

/* The states and their names. */
#define STREAM_STATES(X)                                                                           \
    X(IDLE)       /* not started, or stopped */                                                    \
    X(WAITING)    /* for the next attempt */                                                       \
    X(CONNECTING) /* TCP */                                                                        \
    X(OPENING)    /* our opening tag is out, the host's is awaited */                              \
    X(HANDSHAKE)  /* the handshake is out, its answer is awaited */                                \
    X(WARMING)    /* stanzas are taken, but the first ping is not answered yet */                  \
    X(UP)                                                                                          \
    X(CLOSING) /* our closing tag is out, the host's is awaited */

#define AS_ENUM(name) STATE_##name,
enum stream_state { STREAM_STATES(AS_ENUM) STATE_COUNT };

struct stream {
    struct loop *loop;
    struct work_pool *pool;
    const struct clock *clock;
    const struct stream_settings *settings;
    struct stream_handler handler;
    void *arg;
    struct stream_times times; /* with the defaults filled in */
    size_t stanza_size_max, waiting_max;

    enum stream_state state;
    struct loop_timer *deadline; /* of the state */
    struct loop_timer *answer;   /* of the oldest ping */
    struct conn *conn;
    struct parser *parser;
    struct buf scratch;
    bool refused;       /* a stanza, and writable has not been told since */
    bool paused;        /* the caller takes no stanzas for now */
    int64_t resumed_ms; /* when it last ended */

    struct pings pings;
    uint64_t queued;        /* bytes, since connecting */
    uint64_t sent_at_check; /* of them, when the answer was last looked for */

    struct backoff backoff;
    int64_t up_since_ms;
    int64_t twin_ms; /* when another instance's answer came here; 0: none did on this connection */
    void (*closed)(void *arg);
    void *closed_arg;

    unsigned calling; /* entries from the loop that are on the stack */
    bool freed;       /* by one of them */
};

/* ---- stream.c ---- */

void stream_set_state(struct stream *s, enum stream_state state);
/* The one way by which a connection ends, but for stream_free.  Called from a callback of the loop
 * only. */
void stream_lose(struct stream *s, enum stream_loss loss, const char *fmt, ...) PRINTF(3, 4);
int stream_write(struct stream *s, const char *data, size_t len) MUST_CHECK;
/* fn may be NULL. */
int stream_ping(struct stream *s, void (*fn)(bool answered, void *arg), void *arg) MUST_CHECK;
void stream_on_pong(struct stream *s, uint64_t number);

/* ---- stream_heard.c: the parser's handler; arg is the stream ---- */

void stream_heard_opening(const struct xml_node *root, void *arg);
void stream_heard_stanza(struct xml_node *stanza, struct arena *arena, void *arg);
void stream_heard_skipped(const struct xml_node *top, const char *why, void *arg);
void stream_heard_end(void *arg);

#endif
