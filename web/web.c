/*
 * web: attachments over HTTP (libevent's evhttp).
 *
 * Data: the listener, and a struct web_request for each request that waits for web_answer.  Loop
 * thread. A crash leaves nothing behind.  Whatever is asked for and not there is answered in the
 * same words, so that nobody learns what might be.
 */
#include "web/web.h"

#include "base/log.h"
#include "web/url.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEADERS_MAX = 16 << 10, BODY_MAX = 1024, TIMEOUT_S = 60 };

struct web {
    struct evhttp *http;
    const struct clock *clock;
    const struct keyed_key *key;
    web_find_fn *find;
    void *arg;
    char *socket_path; /* removed at the end; NULL for TCP */
    struct web_request *requests;
};

struct web_request {
    struct web *web;
    struct evhttp_request *request; /* NULL: the client went away */
    struct web_request *next, **at;
};

/* What a browser may show by itself; everything else is only downloaded. */
static const char *const shown[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};

static void set_header(struct evhttp_request *request, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

static void set_common_headers(struct evhttp_request *request)
{
    set_header(request, "X-Content-Type-Options", "nosniff");
    set_header(request, "Content-Security-Policy", "sandbox; default-src 'none'");
    set_header(request, "Referrer-Policy", "no-referrer");
    set_header(request, "Cache-Control", "private, max-age=3600");
    set_header(request, "X-Robots-Tag", "noindex");
}

static void reply_text(struct evhttp_request *request, int code, const char *reason,
                       const char *text)
{
    struct evbuffer *body = evbuffer_new();

    set_common_headers(request);
    set_header(request, "Content-Type", "text/plain; charset=utf-8");
    if (body)
        evbuffer_add_printf(body, "%s\n", text);
    evhttp_send_reply(request, code, reason, body);
    if (body)
        evbuffer_free(body);
}

static void reply_missing(struct evhttp_request *request)
{
    reply_text(request, 404, "Not Found", "There is nothing here.");
}

/* Requests. */

static void request_free(struct web_request *r)
{
    *r->at = r->next;
    if (r->next)
        r->next->at = r->at;
    free(r);
}

/* "/f/<token>/<name>": the token, or NULL. */
static const char *find_token(const char *path, size_t *len_out)
{
    static const char prefix[] = "/f/";

    if (!path || strncmp(path, prefix, sizeof prefix - 1) != 0)
        return NULL;
    path += sizeof prefix - 1;
    *len_out = strcspn(path, "/");
    return *len_out > 0 && *len_out < KEYED_TOKEN_SIZE ? path : NULL;
}

static void client_left(struct evhttp_connection *connection, void *arg)
{
    struct web_request *r = arg;

    (void)connection;
    r->request = NULL;
}

static struct web_request *request_new(struct web *w, struct evhttp_request *request)
{
    struct web_request *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->web = w;
    r->request = request;
    r->next = w->requests;
    r->at = &w->requests;
    if (r->next)
        r->next->at = &r->next;
    w->requests = r;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), client_left, r);
    return r;
}

static void handle(struct evhttp_request *request, void *arg)
{
    struct web *w = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    size_t len = 0;
    const char *token = uri ? find_token(evhttp_uri_get_path(uri), &len) : NULL;
    struct web_request *r;
    int64_t id;

    switch (token ? keyed_check(w->key, "file", token, len, clock_wall_s(w->clock), &id)
                  : KEYED_FORGED) {
    case KEYED_FORGED:
        reply_missing(request);
        return;
    case KEYED_EXPIRED:
        reply_text(request, 410, "Gone", "This link has expired.");
        return;
    case KEYED_OK:
        break;
    }
    r = request_new(w, request);
    if (!r) {
        reply_text(request, 503, "Service Unavailable", "Try again later.");
        return;
    }
    w->find(r, id, w->arg);
}

/* Answers. */

static bool is_shown(const char *media_type)
{
    size_t i;

    for (i = 0; i < sizeof shown / sizeof shown[0]; i++)
        if (strcasecmp(media_type, shown[i]) == 0)
            return true;
    return false;
}

/* RFC 6266 §4: the name in the extended form of RFC 8187, which every browser of today reads. */
static void set_file_headers(struct evhttp_request *request, const struct web_file *file)
{
    bool may_show = is_shown(file->media_type);
    struct arena *a = arena_new(64 << 10);
    const char *name = a ? url_segment(a, file->name) : NULL;
    const char *value;

    set_common_headers(request);
    set_header(request, "Content-Type", may_show ? file->media_type : "application/octet-stream");
    set_header(request, "Accept-Ranges", "bytes");
    value =
        name ? arena_printf(a, "%s; filename*=UTF-8''%s", may_show ? "inline" : "attachment", name)
             : NULL;
    set_header(request, "Content-Disposition", value ? value : "attachment");
    arena_free(a);
}

/* A single range (RFC 9110 §14.1.2): 1 it is one, 0 there is none or more than one, -1 it cannot be
 * met. */
static int read_range(const char *text, int64_t size, int64_t *first_out, int64_t *count_out)
{
    int64_t first = -1, last = -1;
    char *end;

    if (!text || strncmp(text, "bytes=", 6) != 0 || strchr(text, ','))
        return 0;
    text += 6;
    if (*text >= '0' && *text <= '9')
        first = strtoll(text, &end, 10);
    else
        end = (char *)(uintptr_t)text;
    if (*end++ != '-')
        return 0;
    if (*end >= '0' && *end <= '9')
        last = strtoll(end, &end, 10);
    if (*end || (first < 0 && last < 0))
        return 0;
    if (first < 0) { /* the last so many bytes */
        first = last < size ? size - last : 0;
        last = size - 1;
    }
    if (last < 0 || last >= size)
        last = size - 1;
    if (first >= size || first > last)
        return -1;
    *first_out = first;
    *count_out = last - first + 1;
    return 1;
}

static void send_bytes(struct evhttp_request *request, int fd, int64_t size)
{
    const char *range = evhttp_find_header(evhttp_request_get_input_headers(request), "Range");
    struct evbuffer *body = evbuffer_new();
    int64_t first = 0, count = size;
    char text[96];
    int r = read_range(range, size, &first, &count);

    if (!body || r < 0) {
        close(fd);
        snprintf(text, sizeof text, "bytes */%" PRId64, size);
        set_header(request, "Content-Range", text);
        evhttp_send_reply(request, body ? 416 : 503, body ? "Range Not Satisfiable" : "Busy", NULL);
        if (body)
            evbuffer_free(body);
        return;
    }
    if (r > 0) {
        snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first,
                 first + count - 1, size);
        set_header(request, "Content-Range", text);
    }
    snprintf(text, sizeof text, "%" PRId64, count);
    set_header(request, "Content-Length", text);
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD || count == 0 ||
        evbuffer_add_file(body, fd, first, count) < 0)
        close(fd);
    evhttp_send_reply(request, r > 0 ? 206 : 200, r > 0 ? "Partial Content" : "OK", body);
    evbuffer_free(body);
}

static void answer(struct evhttp_request *request, const struct web_file *file)
{
    int fd = file ? open(file->path, O_RDONLY | O_CLOEXEC) : -1;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        reply_missing(request);
        return;
    }
    set_file_headers(request, file);
    send_bytes(request, fd, st.st_size);
}

void web_answer(struct web_request *r, const struct web_file *file)
{
    if (r->request) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(r->request), NULL, NULL);
        answer(r->request, file);
    }
    request_free(r);
}

/* Listening. */

static int listen_unix(struct web *w, struct loop *loop, const char *path, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct evconnlistener *listener;
    int fd;

    if (strlen(path) >= sizeof at.sun_path)
        return err_set(e, ERR_PERMANENT, "web.listen: the path %s is too long for a socket", path);
    strcpy(at.sun_path, path);
    unlink(path); /* left by a run that ended badly */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 128) < 0) {
        err_set(e, ERR_PERMANENT, "web.listen: %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    listener = evconnlistener_new(loop_base(loop), NULL, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd);
    if (!listener || !evhttp_bind_listener(w->http, listener)) {
        close(fd);
        return err_memory(e);
    }
    w->socket_path = strdup(path);
    return 0;
}

static int listen_tcp(struct web *w, const struct conf_endpoint *at, struct err *e)
{
    if (evhttp_bind_socket(w->http, at->host, (ev_uint16_t)at->port) == 0)
        return 0;
    return err_set(
        e, ERR_PERMANENT,
        "web.listen: %s cannot be listened on: %s; another program has it, or the address "
        "is not this machine's",
        at->text, strerror(errno));
}

struct web *web_new(struct loop *loop, const struct clock *clock, const struct conf_endpoint *at,
                    const struct keyed_key *key, web_find_fn *find, void *arg, struct err *e)
{
    struct web *w = calloc(1, sizeof *w);
    int r;

    if (!w || !(w->http = evhttp_new(loop_base(loop)))) {
        free(w);
        err_memory(e);
        return NULL;
    }
    w->clock = clock;
    w->key = key;
    w->find = find;
    w->arg = arg;
    evhttp_set_max_headers_size(w->http, HEADERS_MAX);
    evhttp_set_max_body_size(w->http, BODY_MAX);
    evhttp_set_timeout(w->http, TIMEOUT_S);
    evhttp_set_allowed_methods(w->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_gencb(w->http, handle, w);
    r = at->path ? listen_unix(w, loop, at->path, e) : listen_tcp(w, at, e);
    if (r < 0) {
        web_free(w);
        return NULL;
    }
    return w;
}

void web_free(struct web *w)
{
    if (!w)
        return;
    while (w->requests)
        request_free(w->requests);
    evhttp_free(w->http);
    if (w->socket_path)
        unlink(w->socket_path);
    free(w->socket_path);
    free(w);
}
