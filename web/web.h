/*
 * web: attachments over HTTP (libevent's evhttp), for a reverse proxy in front of it.
 *
 * Serves GET and HEAD of /f/<token>/<name> and nothing else.  A token is keyed and expires
 * (base/keyed.h, purpose "file").  What it serves cannot act in a browser: attachment disposition,
 * nosniff, a CSP sandbox, no cookies.  Loop thread only.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/keyed.h"
#include "base/loop.h"

/* The stored type of a page that the gateway made itself: the only HTML that a browser is let show.
 * No media type, so that no stranger's file can have it. */
#define WEB_PAGE "own page"

struct web_file {
    const char *path; /* of the bytes */
    const char *name;
    const char *media_type;
};

struct web;

/* find: what is stored under id; it answers later, once, by web_answer (file NULL: none there). */
struct web_request;
typedef void web_find_fn(struct web_request *request, int64_t id, void *arg);

/* per_address: connections that one may have (web/peers.h, of_one_max). */
struct web *web_new(struct loop *loop, const struct clock *clock,
                    const struct conf_endpoint *listen, int64_t per_address,
                    const struct keyed_key *key, web_find_fn *find, void *arg, struct err *e);
void web_answer(struct web_request *request, const struct web_file *file);
void web_free(struct web *w); /* takes NULL; every request has been answered */

#endif
