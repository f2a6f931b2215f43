/*
 * peers: how many connections the web listener has, and how long each may take.
 *
 * Data: one struct peer for each connection, with a reference on its bufferevent, so that the
 * descriptor cannot become another's while it is known here.  Loop thread.  A crash leaves nothing
 * behind.
 */
#include "web/peers.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

enum { SWEEP_MS = 500 };

struct peer {
    struct bufferevent *bev;
    int64_t deadline_ms; /* mono */
};

struct peers {
    const struct clock *clock;
    struct loop *loop;
    struct evconnlistener *listener;
    struct loop_timer *sweep;
    unsigned count;
    struct peer all[PEERS_MAX];
};

/* evhttp lets go of a connection by bufferevent_free, which takes the callbacks off. */
static bool has_ended(struct bufferevent *bev)
{
    bufferevent_event_cb event_cb = NULL;

    bufferevent_getcb(bev, NULL, NULL, &event_cb, NULL);
    return !event_cb;
}

static void sweep(void *arg)
{
    struct peers *p = arg;
    int64_t now_ms = clock_mono_ms(p->clock);
    unsigned i = 0;

    while (i < p->count) {
        if (has_ended(p->all[i].bev)) {
            bufferevent_decref(p->all[i].bev); /* closes the descriptor */
            p->all[i] = p->all[--p->count];
            continue;
        }
        /* evhttp sees the end and cleans up. */
        if (now_ms >= p->all[i].deadline_ms)
            shutdown(bufferevent_getfd(p->all[i].bev), SHUT_RDWR);
        i++;
    }
    if (p->count < PEERS_MAX)
        evconnlistener_enable(p->listener); /* does nothing to one that is */
    loop_timer_start(p->sweep, SWEEP_MS);
}

/* Without descriptors or memory for it, who knocks would be told of again and again at once: the
 * listener rests until the next sweep.  The argument is evhttp's own. */
static void rest(struct evconnlistener *listener, void *arg)
{
    (void)arg;
    log_warning("web", "event=not-accepting reason=\"%s\"", strerror(errno));
    evconnlistener_disable(listener);
}

/* evhttp asks for the bufferevent of a connection that it has just accepted. */
static struct bufferevent *welcome(struct event_base *base, void *arg)
{
    struct peers *p = arg;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

    /* NULL makes evhttp take one of its own: not counted, but out of memory anyway. */
    if (!bev || p->count == PEERS_MAX)
        return bev;
    bufferevent_incref(bev);
    p->all[p->count].bev = bev;
    p->all[p->count++].deadline_ms = clock_mono_ms(p->clock) + PEERS_ASK_MS;
    if (p->count == PEERS_MAX)
        evconnlistener_disable(p->listener); /* who comes now waits in the kernel's queue, which has
                                              * an end */
    return bev;
}

static void allow(struct peers *p, struct evhttp_request *request, int64_t time_ms)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct bufferevent *bev = connection ? evhttp_connection_get_bufferevent(connection) : NULL;
    unsigned i;

    for (i = 0; bev && i < p->count; i++)
        if (p->all[i].bev == bev)
            p->all[i].deadline_ms = clock_mono_ms(p->clock) + time_ms;
}

static void answered(struct evhttp_request *request, void *arg)
{
    allow(arg, request, PEERS_ASK_MS);
}

void peers_asked(struct peers *p, struct evhttp_request *request)
{
    allow(p, request, PEERS_ANSWER_MS);
    evhttp_request_set_on_complete_cb(request, answered, p);
}

struct peers *peers_new(struct loop *loop, const struct clock *clock, struct evhttp *http,
                        struct evconnlistener *listener)
{
    struct peers *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->clock = clock;
    p->loop = loop;
    p->listener = listener;
    p->sweep = loop_timer_new(loop, sweep, p);
    if (!p->sweep) {
        free(p);
        return NULL;
    }
    evhttp_set_bevcb(http, welcome, p);
    evconnlistener_set_error_cb(listener, rest);
    loop_timer_start(p->sweep, SWEEP_MS);
    return p;
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    while (p->count > 0)
        bufferevent_decref(p->all[--p->count].bev);
    loop_timer_free(p->sweep);
    free(p);
}
