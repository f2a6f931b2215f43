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
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/network.h"

enum { SWEEP_MS = 500, SWEEP_SOON_MS = 20, KEY_SIZE = 16 };

struct peer {
    struct bufferevent *bev;
    unsigned char key[KEY_SIZE]; /* of its address; all zero: of none that counts */
    bool is_looked_at, is_refused;
    int64_t deadline_ms; /* mono */
};

struct peers {
    const struct clock *clock;
    struct loop *loop;
    struct evconnlistener *listener;
    struct loop_timer *sweep, *arrival;
    int64_t of_one_max;
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

/* What counts as one: an IPv4 address, or the /64 that one IPv6 host may be all of.  Zero stays for
 * who is not limited. */
static void read_key(const struct peers *p, int fd, unsigned char *key)
{
    struct sockaddr_storage storage;
    const struct sockaddr *address = (const struct sockaddr *)&storage;
    socklen_t len = sizeof storage;

    memset(key, 0, KEY_SIZE);
    if (fd < 0 || getpeername(fd, (struct sockaddr *)&storage, &len) < 0 ||
        (p->of_one_max < 0 && network_is_local(address)))
        return;
    if (address->sa_family == AF_INET) {
        key[0] = 4;
        memcpy(key + 1, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

        key[0] = 6;
        if (IN6_IS_ADDR_V4MAPPED(v6))
            memcpy(key + 1, v6->s6_addr + 8, 8);
        else
            memcpy(key + 1, v6->s6_addr, 8);
    }
}

static bool is_one_too_many(const struct peers *p, const struct peer *peer)
{
    int64_t max = p->of_one_max < 0 ? PEERS_OF_ONE_MAX : p->of_one_max, n = 0;
    unsigned i;

    if (max == 0 || peer->key[0] == 0)
        return false;
    for (i = 0; i < p->count; i++)
        n += p->all[i].is_looked_at && !p->all[i].is_refused &&
             memcmp(p->all[i].key, peer->key, KEY_SIZE) == 0;
    return n >= max;
}

/* evhttp has given the newcomers their sockets meanwhile. */
static void look_at_newcomers(void *arg)
{
    struct peers *p = arg;
    unsigned i;

    for (i = 0; i < p->count; i++) {
        struct peer *peer = &p->all[i];

        if (peer->is_looked_at || has_ended(peer->bev))
            continue;
        read_key(p, bufferevent_getfd(peer->bev), peer->key);
        peer->is_refused = is_one_too_many(p, peer);
        peer->is_looked_at = true;
        if (peer->is_refused) {
            shutdown(bufferevent_getfd(peer->bev), SHUT_RDWR);
            loop_timer_start(p->sweep, SWEEP_SOON_MS);
        }
    }
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
    p->all[p->count++] =
        (struct peer){.bev = bev, .deadline_ms = clock_mono_ms(p->clock) + PEERS_ASK_MS};
    loop_timer_start(p->arrival, 0);
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
                        struct evconnlistener *listener, int64_t of_one_max)
{
    struct peers *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->clock = clock;
    p->loop = loop;
    p->listener = listener;
    p->of_one_max = of_one_max;
    p->sweep = loop_timer_new(loop, sweep, p);
    p->arrival = loop_timer_new(loop, look_at_newcomers, p);
    if (!p->sweep || !p->arrival) {
        peers_free(p);
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
    loop_timer_free(p->arrival);
    free(p);
}
