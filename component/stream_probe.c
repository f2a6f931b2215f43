/*
 * stream_probe: one connection to the host, to see whether it would work.
 *
 * Owns a stream that tries once.  Loop thread only.  Leaves nothing behind but, on hosts that let a
 * second instance in beside a running one, a moment in which messages come here: they are sent back
 * with an error that asks to try again, never swallowed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "component/reply.h"
#include "component/stream.h"

struct stream_probe {
    struct stream *stream;
    struct stream_settings settings;
    void (*fn)(const struct err *e, enum stream_loss loss, void *arg);
    void *arg;
};

static void on_end(void *arg)
{
    struct stream_probe *p = arg;

    p->fn(NULL, STREAM_LOSS_NETWORK, p->arg);
}

static void on_up(void *arg)
{
    struct stream_probe *p = arg;

    stream_stop(p->stream, on_end, p);
}

static void on_down(enum stream_loss loss, const char *reason, void *arg)
{
    struct stream_probe *p = arg;
    struct err e;

    err_set(&e, loss == STREAM_LOSS_CONFIG ? ERR_PERMANENT : ERR_RETRY, "%s", reason);
    p->fn(&e, loss, p->arg);
}

static void on_stanza(struct xml_node *stanza, struct arena *arena, void *arg)
{
    struct stream_probe *p = arg;
    const char *type = xml_get(stanza, "type");
    struct xml_node *error;

    if (strcmp(stanza->name, "presence") != 0 &&
        (!type || (strcmp(type, "error") != 0 && strcmp(type, "result") != 0))) {
        error = reply_error(arena, stanza, REPLY_UNAVAILABLE_WAIT,
                            "The gateway is being checked. Please try again.");
        if (error && stream_send_node(p->stream, error) < 0)
            log_warning("stream", "what=\"a stanza came to a check and could not be sent back\"");
    }
    arena_free(arena);
}

struct stream_probe *
stream_probe_start(struct loop *loop, struct work_pool *pool,
                   const struct stream_settings *settings,
                   void (*fn)(const struct err *e, enum stream_loss loss, void *arg), void *arg)
{
    static const struct stream_handler handler = {
        .up = on_up, .down = on_down, .stanza = on_stanza};
    struct stream_probe *p = calloc(1, sizeof *p);
    struct err e;

    if (!p)
        return NULL;
    p->settings = *settings;
    p->settings.once = true;
    p->fn = fn;
    p->arg = arg;
    p->stream = stream_new(loop, pool, &clock_system, &p->settings, &handler, p, &e);
    if (!p->stream) {
        free(p);
        return NULL;
    }
    stream_start(p->stream);
    return p;
}

void stream_probe_free(struct stream_probe *p)
{
    if (!p)
        return;
    stream_free(p->stream);
    free(p);
}
