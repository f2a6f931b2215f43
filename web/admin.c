/*
 * admin: what the gateway tells its administrators over HTTP.
 *
 * Data: the listener, and a struct admin_request for each page that is being made.  Loop thread.  A
 * crash leaves nothing behind.
 */
#include "web/admin.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/place.h"
#include "web/peers.h"

enum { HEADERS_MAX = 16 << 10, BODY_MAX = 1024, TIMEOUT_S = 30 };

struct admin {
    struct evhttp *http;
    struct peers *peers;
    admin_ask_fn *ask;
    void *arg;
    struct place place;
    struct admin_request *requests;
};

struct admin_request {
    struct evhttp_request *request; /* NULL: the client went away */
    const struct page *page;
    struct admin_request *next, **at;
};

static const struct page {
    const char *path;
    enum admin_page page;
    const char *type;
} pages[] = {
    {"/", ADMIN_STATUS, "text/html; charset=utf-8"},
    {"/metrics", ADMIN_METRICS, "text/plain; version=0.0.4; charset=utf-8"},
    {"/healthz", ADMIN_HEALTH, "text/plain; charset=utf-8"},
};

/* The style is the page's own; forms, scripts and frames have no place here. */
static const char policy[] = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; "
                             "base-uri 'none'; frame-ancestors 'none'";

static bool is_head(struct evhttp_request *request)
{
    return evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
}

/* evhttp sends no body and no length of its own for HEAD. */
static void reply(struct evhttp_request *request, int code, const char *reason, const char *type,
                  const char *text, size_t len)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();
    char number[24];

    if (!body || (!is_head(request) && evbuffer_add(body, text, len) < 0)) {
        code = 503;
        reason = "Service Unavailable";
        len = 0;
    }
    snprintf(number, sizeof number, "%zu", len);
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Content-Length", number);
    evhttp_add_header(headers, "Content-Security-Policy", policy);
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_send_reply(request, code, reason, body);
    if (body)
        evbuffer_free(body);
}

static void reply_text(struct evhttp_request *request, int code, const char *reason,
                       const char *text)
{
    reply(request, code, reason, "text/plain; charset=utf-8", text, strlen(text));
}

static void request_free(struct admin_request *r)
{
    *r->at = r->next;
    if (r->next)
        r->next->at = r->at;
    free(r);
}

static void client_left(struct evhttp_connection *connection, void *arg)
{
    struct admin_request *r = arg;

    (void)connection;
    r->request = NULL;
}

static struct admin_request *request_new(struct admin *a, struct evhttp_request *request,
                                         const struct page *page)
{
    struct admin_request *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->request = request;
    r->page = page;
    r->next = a->requests;
    r->at = &a->requests;
    if (r->next)
        r->next->at = &r->next;
    a->requests = r;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), client_left, r);
    return r;
}

static const struct page *find_page(struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    size_t i;

    for (i = 0; path && i < sizeof pages / sizeof pages[0]; i++)
        if (strcmp(path, pages[i].path) == 0)
            return &pages[i];
    return NULL;
}

static void handle(struct evhttp_request *request, void *arg)
{
    struct admin *a = arg;
    enum evhttp_cmd_type command = evhttp_request_get_command(request);
    const struct page *page = find_page(request);
    struct admin_request *r;

    peers_asked(a->peers, request);
    if (command != EVHTTP_REQ_GET && command != EVHTTP_REQ_HEAD) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
        reply_text(request, 405, "Method Not Allowed", "These pages are only to be read.\n");
        return;
    }
    if (!page) {
        reply_text(request, 404, "Not Found", "There are /, /metrics and /healthz here.\n");
        return;
    }
    r = request_new(a, request, page);
    if (r)
        a->ask(r, page->page, a->arg);
    else
        reply_text(request, 503, "Service Unavailable", "Try again later.\n");
}

void admin_answer(struct admin_request *r, int code, const struct buf *body)
{
    if (r->request) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(r->request), NULL, NULL);
        if (buf_failed(body))
            reply_text(r->request, 503, "Service Unavailable", "Out of memory.\n");
        else
            reply(r->request, code, code == 200 ? "OK" : "Service Unavailable", r->page->type,
                  body->data, body->len);
    }
    request_free(r);
}

static int start_listening(struct admin *a, struct loop *loop, const struct clock *clock,
                           const struct conf_endpoint *at, struct err *e)
{
    struct evconnlistener *listener;

    if (place_open(&a->place, at, "admin", 0, e) < 0)
        return -1;
    listener =
        evconnlistener_new(loop_base(loop), NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, a->place.fd);
    if (!listener || !evhttp_bind_listener(a->http, listener)) {
        if (listener)
            evconnlistener_free(listener);
        return err_memory(e);
    }
    a->peers = peers_new(loop, clock, a->http, listener, -1);
    return a->peers ? 0 : err_memory(e);
}

struct admin *admin_new(struct loop *loop, const struct clock *clock,
                        const struct conf_endpoint *at, admin_ask_fn *ask, void *arg, struct err *e)
{
    struct admin *a = calloc(1, sizeof *a);

    if (!a || !(a->http = evhttp_new(loop_base(loop)))) {
        free(a);
        err_memory(e);
        return NULL;
    }
    a->ask = ask;
    a->arg = arg;
    evhttp_set_max_headers_size(a->http, HEADERS_MAX);
    evhttp_set_max_body_size(a->http, BODY_MAX);
    evhttp_set_timeout(a->http, TIMEOUT_S);
    /* All of them, so that the answer is ours. */
    evhttp_set_allowed_methods(a->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
                                            EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(a->http, handle, a);
    if (start_listening(a, loop, clock, at, e) < 0) {
        admin_free(a);
        return NULL;
    }
    return a;
}

void admin_free(struct admin *a)
{
    struct admin_request *r;

    if (!a)
        return;
    while ((r = a->requests)) {
        /* evhttp_free closes the connections, and would tell a request that is gone. */
        if (r->request)
            evhttp_connection_set_closecb(evhttp_request_get_connection(r->request), NULL, NULL);
        request_free(r);
    }
    evhttp_free(a->http);
    peers_free(a->peers);
    place_close(&a->place);
    free(a);
}
