/*
 * admin: what the gateway tells its administrators over HTTP (libevent's evhttp).
 *
 * Serves GET and HEAD of a few pages that the caller makes, and changes nothing: whoever may reach
 * the address may read, so it belongs on loopback or behind a proxy that asks who comes.  Nothing
 * on a page acts in a browser: no scripts, nothing loaded from anywhere.  Loop thread only.
 */
#ifndef WEB_ADMIN_H
#define WEB_ADMIN_H

#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/loop.h"

enum admin_page {
    ADMIN_STATUS,  /* "/": for people, text/html */
    ADMIN_METRICS, /* "/metrics": for Prometheus, its text format 0.0.4 */
    ADMIN_HEALTH   /* "/healthz": for a watchdog, text/plain */
};

struct admin;
struct admin_request;

/* Somebody asks for a page; to be answered, once, by admin_answer, now or later. */
typedef void admin_ask_fn(struct admin_request *request, enum admin_page page, void *arg);

struct admin *admin_new(struct loop *loop, const struct clock *clock,
                        const struct conf_endpoint *listen, admin_ask_fn *ask, void *arg,
                        struct err *e);
/* code: 200 or 503.  body is copied; what has failed (base/buf.h) is answered with 503. */
void admin_answer(struct admin_request *request, int code, const struct buf *body);
void admin_free(struct admin *a); /* takes NULL; requests that wait are forgotten, and may not be
                                     answered any more */

#endif
