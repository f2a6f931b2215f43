/*
 * send: chooses the engine for a hop and passes the calls on to it.
 *
 * Owns the sender's handle; everything else is the engine's.  Loop thread, but send_check and
 * send_probe, which any thread may call.  A crash leaves the jobs unanswered: their owner has them
 * in its queue and sends them again.
 */
#include "mail/send.h"

#include <stdlib.h>

#include "mail/send_engine.h"
#include "mail/smtp/smtp_client.h"
#include "mail/smtp/smtp_pool.h"

/* The default settings, where the caller left 0. */
enum {
    CONNECTIONS_DEFAULT = 4,
    CONNECT_TIMEOUT_S = 30,
    REPLY_TIMEOUT_S = 300,
    TIMEOUT_MAX_S = 3600,
    WAITING_MAX = 1000
};

struct sender {
    const struct send_engine *engine;
    void *impl;
};

/* The first is for whoever does not choose: it serves every hop that the second does. */
static const struct {
    const struct send_engine *engine;
    enum conf_engine name;
} engines[] = {
    {&smtp_client_engine, CONF_ENGINE_OWN},
    {&smtp_pool_engine, CONF_ENGINE_LIBESMTP},
};

/* NULL: it cannot serve this hop, and *e says why. */
static const struct send_engine *choose(const struct conf_server *server, struct err *e)
{
    const struct send_engine *engine = engines[0].engine;
    size_t i;

    for (i = 0; i < sizeof engines / sizeof engines[0]; i++)
        if (server->engine == engines[i].name)
            engine = engines[i].engine;
    return engine->check(server, e) == 0 ? engine : NULL;
}

void send_fill_in(struct send_settings *s)
{
    if (s->connections == 0)
        s->connections = CONNECTIONS_DEFAULT;
    if (s->connect_timeout_s <= 0)
        s->connect_timeout_s = CONNECT_TIMEOUT_S;
    if (s->reply_timeout_s <= 0)
        s->reply_timeout_s = REPLY_TIMEOUT_S;
    if (s->reply_timeout_s > TIMEOUT_MAX_S)
        s->reply_timeout_s = TIMEOUT_MAX_S; /* the engines count milliseconds in an int */
    if (s->waiting_max == 0)
        s->waiting_max = WAITING_MAX;
    if (!s->helo_name || !s->helo_name[0])
        s->helo_name = "localhost";
}

int send_check(const struct conf_server *server, struct err *e)
{
    return choose(server, e) ? 0 : -1;
}

struct sender *sender_new(struct loop *loop, const struct send_settings *settings, struct err *e)
{
    struct send_settings filled = *settings;
    const struct send_engine *engine = choose(&settings->server, e);
    struct sender *s;

    if (!engine)
        return NULL;
    s = calloc(1, sizeof *s);
    if (!s) {
        err_memory(e);
        return NULL;
    }
    send_fill_in(&filled);
    s->engine = engine;
    s->impl = engine->open(loop, &filled, e);
    if (!s->impl) {
        free(s);
        return NULL;
    }
    return s;
}

int sender_submit(struct sender *s, struct send_job *job)
{
    return s->engine->submit(s->impl, job);
}

void sender_retire(struct sender *s)
{
    if (!s)
        return;
    if (s->engine->retire)
        s->engine->retire(s->impl);
    else
        s->engine->close(s->impl);
    free(s);
}

void sender_free(struct sender *s)
{
    if (!s)
        return;
    s->engine->close(s->impl);
    free(s);
}

int send_probe(const struct send_settings *settings, char *text_out, size_t text_size,
               struct err *e)
{
    struct send_settings filled = *settings;
    const struct send_engine *engine = choose(&settings->server, e);

    if (!engine)
        return -1;
    send_fill_in(&filled);
    return engine->probe(&filled, text_out, text_size, e);
}
