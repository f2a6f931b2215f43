/*
 * http: requests to other web servers: a file is uploaded, or one is downloaded.
 *
 * All transfers run side by side on one thread of their own (libcurl), so a slow server delays
 * nobody but whom it serves: at most HTTP_OWNER_MAX at a time for one owner, HTTP_ACTIVE_MAX in
 * all.  No cookies, no credentials, no proxy, http and https alone, certificates verified.  Calls
 * are made on the loop.
 */
#ifndef WEB_HTTP_H
#define WEB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/network.h"

enum { HTTP_WAITING_MAX = 1024, HTTP_ACTIVE_MAX = 64, HTTP_OWNER_MAX = 4, HTTP_REDIRECTS_MAX = 5 };

struct http_header {
    const char *name, *value; /* without control characters */
};

enum http_reach {
    HTTP_TRUSTED, /* a server of our own side: at any address; in the clear only within the house */
    HTTP_WORLD    /* any server: at public addresses and in the networks of `allow` alone */
};

struct http_job {
    /* The caller's; borrowed until done. */
    const char *url;
    const char *owner; /* NULL: nobody's in particular */
    enum http_reach reach;
    bool may_be_clear; /* HTTP_TRUSTED: http to any address */
    const struct network *allow;
    size_t allow_count;
    const char *ca_file; /* "" or NULL: the system's trust */
    const struct http_header *headers;
    size_t header_count;
    const void *body; /* not NULL: PUT of these bytes; NULL: GET, which follows redirects */
    size_t body_len;
    size_t size_max;                    /* bytes of the answer to a GET */
    int64_t timeout_ms;                 /* for all of it, once it has begun */
    void (*done)(struct http_job *job); /* on the loop; may free the job, after http_clear */
    void *arg;

    /* What came of it: class ERR_NONE for a status of 2xx with the whole body. ERR_PERMANENT: there
     * is no use in trying again.  The text names no URL: it may hold a secret. */
    struct err err;
    struct buf content; /* of a GET */

    struct http_transfer *transfer; /* the module's */
    struct http_job *next;
};

struct http;

struct http *http_new(struct loop *loop, const struct clock *clock, struct err *e);
/* -1: too many wait, or there is no memory or thread for it; the job stays the caller's. */
int http_submit(struct http *h, struct http_job *job) MUST_CHECK;
void http_clear(struct http_job *job); /* frees what came */
/* Ends every transfer with ERR_RETRY; their done()s have run.  Takes NULL; not from a done(). */
void http_free(struct http *h);

#endif
