/*
 * peers: how many connections the web listener has, and how long each may take.  For web/ alone.
 *
 * No address may have all of them: at most of_one_max connections of one IPv4 address or one IPv6
 * /64.
 *
 * evhttp accepts without a limit and only counts the time in which nothing comes, so that one who
 * sends a byte now and then would be served for ever.  Loop thread only.
 */
#ifndef WEB_PEERS_H
#define WEB_PEERS_H

#include <event2/http.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"

enum {
    PEERS_MAX = 256,
    PEERS_OF_ONE_MAX = 32,    /* of one public address */
    PEERS_ASK_MS = 30000,     /* to send a whole request, the next one too */
    PEERS_ANSWER_MS = 3600000 /* to take an answer */
};

struct peers;

/* Counts the connections of http, which come through listener.  of_one_max: for every address, 0:
 * no limit; -1: PEERS_OF_ONE_MAX for all but loopback, private and link-local ones, where a proxy
 * has many clients behind it.  NULL: memory. */
struct peers *peers_new(struct loop *loop, const struct clock *clock, struct evhttp *http,
                        struct evconnlistener *listener, int64_t of_one_max);
void peers_free(struct peers *p); /* after evhttp_free; takes NULL */
/* A whole request has come: time to answer begins, and ends by itself. */
void peers_asked(struct peers *p, struct evhttp_request *request);

#endif
