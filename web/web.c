/*
 * web: attachments over HTTP (libevent's evhttp).
 *
 * Data: the listener, and a struct web_request for each request that waits for web_answer.  Loop
 * thread. A crash leaves nothing behind.  Whatever is asked for and not there is answered in the
 * same words, so that nobody learns what might be.
 *
 * What is no HTTP at all is answered by evhttp itself (400, 413), before there is a request of ours
 * to put headers on, and libevent 2.1 has no hook there.  Those answers are fixed pages without a
 * byte of what was asked, and the connection is closed after them.
 */
#include "web/web.h"

#include "base/place.h"
#include "web/peers.h"
#include "web/url.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADERS_MAX = 16 << 10, BODY_MAX = 1024, TIMEOUT_S = 60 };

struct web {
    struct evhttp *http;
    const struct clock *clock;
    const struct keyed_key *key;
    web_find_fn *find;
    void *arg;
    struct peers *peers;
    struct place place;
    struct web_request *requests;
};

struct web_request {
    struct web *web;
    struct evhttp_request *request; /* NULL: the client went away */
    struct web_request *next, **at;
};

/* The types that are told as they are; any other is bytes.  What is shown is what a browser can
 * show without acting on it; everything else is only downloaded. */
static const struct {
    const char *type;
    bool is_shown;
} safe_types[] = {
    {"image/png", true},        {"image/jpeg", true},        {"image/gif", true},
    {"image/webp", true},       {"text/plain", true},        {"application/pdf", false},
    {"application/zip", false}, {"application/gzip", false}, {"audio/mpeg", false},
    {"audio/ogg", false},       {"video/mp4", false},        {"video/webm", false},
};

static void set_header(struct evhttp_request *request, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

static const char file_policy[] = "sandbox; default-src 'none'";
/* Its own style, pictures inside it, and nothing from anywhere; links open as pages of their own.
 */
static const char page_policy[] =
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'";

static void set_common_headers(struct evhttp_request *request, const char *policy,
                               const char *caching)
{
    set_header(request, "X-Content-Type-Options", "nosniff");
    set_header(request, "Content-Security-Policy", policy);
    set_header(request, "Referrer-Policy", "no-referrer");
    set_header(request, "Cache-Control", caching);
    set_header(request, "X-Robots-Tag", "noindex");
}

static bool is_head(struct evhttp_request *request)
{
    return evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
}

/* evhttp sends no body and no length of its own for HEAD. */
static void reply_text(struct evhttp_request *request, int code, const char *reason,
                       const char *text)
{
    struct evbuffer *body = evbuffer_new();
    char len[24];

    set_common_headers(request, file_policy, "private, no-store");
    set_header(request, "Content-Type", "text/plain; charset=utf-8");
    snprintf(len, sizeof len, "%zu", body ? strlen(text) : 0);
    set_header(request, "Content-Length", len);
    if (body && !is_head(request))
        evbuffer_add(body, text, strlen(text));
    evhttp_send_reply(request, code, reason, body);
    if (body)
        evbuffer_free(body);
}

static void reply_missing(struct evhttp_request *request)
{
    reply_text(request, 404, "Not Found", "There is nothing here.\n");
}

static void reply_busy(struct evhttp_request *request)
{
    reply_text(request, 503, "Service Unavailable", "Try again later.\n");
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
    if (*len_out == 0 || *len_out >= KEYED_TOKEN_SIZE || path[*len_out] != '/')
        return NULL;
    /* The name is for people; the last of the path has to be one. */
    return path[*len_out + 1] && !strchr(path + *len_out + 1, '/') ? path : NULL;
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
    enum evhttp_cmd_type command = evhttp_request_get_command(request);
    const char *token = NULL;
    struct web_request *r;
    int64_t id;

    peers_asked(w->peers, request);
    if (uri && (command == EVHTTP_REQ_GET || command == EVHTTP_REQ_HEAD))
        token = find_token(evhttp_uri_get_path(uri), &len);
    switch (token ? keyed_check(w->key, "file", token, len, clock_wall_s(w->clock), &id)
                  : KEYED_FORGED) {
    case KEYED_FORGED:
        reply_missing(request);
        return;
    case KEYED_EXPIRED:
        reply_text(request, 410, "Gone", "This link has expired.\n");
        return;
    case KEYED_OK:
        break;
    }
    r = request_new(w, request);
    if (!r) {
        reply_busy(request);
        return;
    }
    w->find(r, id, w->arg);
}

/* Answers. */

/* RFC 6266 §4: the name in the extended form of RFC 8187, which every browser of today reads. */
static void set_disposition(struct evhttp_request *request, bool is_shown, const char *file_name)
{
    struct arena *a = arena_new(64 << 10);
    const char *name = a && file_name ? url_segment(a, file_name) : NULL;
    const char *value = NULL;

    if (name)
        value =
            arena_printf(a, "%s; filename*=UTF-8''%s", is_shown ? "inline" : "attachment", name);
    set_header(request, "Content-Disposition", value ? value : "attachment");
    arena_free(a);
}

static void set_file_headers(struct evhttp_request *request, const struct web_file *file)
{
    const char *type = "application/octet-stream";
    size_t i, len = strcspn(file->media_type, "; \t");
    bool is_shown = false;

    for (i = 0; i < sizeof safe_types / sizeof safe_types[0]; i++) {
        if (strlen(safe_types[i].type) == len &&
            strncasecmp(file->media_type, safe_types[i].type, len) == 0) {
            type = safe_types[i].type;
            is_shown = safe_types[i].is_shown;
        }
    }
    if (strcmp(file->media_type, WEB_PAGE) == 0) {
        set_common_headers(request, page_policy, "private, max-age=3600");
        set_header(request, "Content-Type", "text/html; charset=utf-8");
        set_header(request, "Accept-Ranges", "bytes");
        set_disposition(request, true, file->name);
        return;
    }
    set_common_headers(request, file_policy, "private, max-age=3600");
    set_header(request, "Content-Type",
               strcmp(type, "text/plain") == 0 ? "text/plain; charset=utf-8" : type);
    set_header(request, "Accept-Ranges", "bytes");
    set_disposition(request, is_shown, file->name);
}

/* Digits up to *end; -1: none.  What is too large for a number is larger than any file. */
static int64_t read_digits(const char *text, const char **end)
{
    int64_t value = 0;
    size_t n = strspn(text, "0123456789"), i;

    for (i = 0; i < n; i++)
        value = value > INT64_MAX / 10 - 1 ? INT64_MAX / 10 : value * 10 + (text[i] - '0');
    *end = text + n;
    return n > 0 ? value : -1;
}

/* A single range (RFC 9110 §14.1.2): 1 it is one; 0 there is none, or more than one, or it is none
 * by its form, which is as if there were none; -1 it cannot be met. */
static int read_range(const char *text, int64_t size, int64_t *first_out, int64_t *count_out)
{
    int64_t first, last;

    if (!text || strncasecmp(text, "bytes=", 6) != 0)
        return 0;
    first = read_digits(text + 6, &text);
    if (*text++ != '-')
        return 0;
    last = read_digits(text, &text);
    if (*text || (first < 0 && last < 0) || (first >= 0 && last >= 0 && last < first))
        return 0;
    if (first < 0) { /* the last so many bytes */
        if (last == 0 || size == 0)
            return -1;
        first = last < size ? size - last : 0;
        last = size - 1;
    }
    if (first >= size)
        return -1;
    if (last < 0 || last >= size)
        last = size - 1;
    *first_out = first;
    *count_out = last - first + 1;
    return 1;
}

/* Without a validator of ours an If-Range cannot hold (RFC 9110 §13.1.5), and a range is GET's. */
static const char *asked_range(struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);

    if (is_head(request) || evhttp_find_header(headers, "If-Range"))
        return NULL;
    return evhttp_find_header(headers, "Range");
}

/* The part of the file as a body that the kernel sends from the file; takes fd.  NULL: memory. */
static struct evbuffer *file_body(int fd, int64_t first, int64_t count)
{
    struct evbuffer *body = evbuffer_new();
    struct evbuffer_file_segment *segment;
    int r = -1;

    /* sendfile: otherwise the file would be mapped. */
    if (body)
        evbuffer_set_flags(body, EVBUFFER_FLAG_DRAINS_TO_FD);
    segment = body ? evbuffer_file_segment_new(fd, first, count, EVBUF_FS_CLOSE_ON_FREE) : NULL;
    if (!segment) {
        close(fd);
    } else {
        r = evbuffer_add_file_segment(body, segment, 0, count);
        evbuffer_file_segment_free(segment); /* the body keeps it, and fd with it */
    }
    if (r < 0 && body) {
        evbuffer_free(body);
        body = NULL;
    }
    return body;
}

/* Takes fd. */
static void send_bytes(struct evhttp_request *request, const struct web_file *file, int fd,
                       int64_t size)
{
    struct evbuffer *body = NULL;
    int64_t first = 0, count = size;
    int r = read_range(asked_range(request), size, &first, &count);
    char text[96];

    if (r < 0 || count == 0 || is_head(request))
        close(fd);
    else if (!(body = file_body(fd, first, count))) {
        reply_busy(request);
        return;
    }
    set_file_headers(request, file);
    if (r < 0)
        snprintf(text, sizeof text, "bytes */%" PRId64, size);
    else
        snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first,
                 first + count - 1, size);
    if (r != 0)
        set_header(request, "Content-Range", text);
    snprintf(text, sizeof text, "%" PRId64, r < 0 ? 0 : count);
    set_header(request, "Content-Length", text);
    evhttp_send_reply(request,
                      r < 0   ? 416
                      : r > 0 ? 206
                              : 200,
                      r < 0   ? "Range Not Satisfiable"
                      : r > 0 ? "Partial Content"
                              : "OK",
                      body);
    if (body)
        evbuffer_free(body);
}

static void answer(struct evhttp_request *request, const struct web_file *file)
{
    int fd = file ? open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        reply_missing(request);
        return;
    }
    send_bytes(request, file, fd, st.st_size);
}

void web_answer(struct web_request *r, const struct web_file *file)
{
    if (r->request) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(r->request), NULL, NULL);
        answer(r->request, file);
    }
    request_free(r);
}

/* Life. */

static int start_listening(struct web *w, struct loop *loop, const struct conf_endpoint *at,
                           int64_t per_address, struct err *e)
{
    struct evconnlistener *listener;

    if (place_open(&w->place, at, "web", 0, e) < 0)
        return -1;
    listener =
        evconnlistener_new(loop_base(loop), NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, w->place.fd);
    if (!listener || !evhttp_bind_listener(w->http, listener)) {
        if (listener)
            evconnlistener_free(listener);
        return err_memory(e);
    }
    w->peers = peers_new(loop, w->clock, w->http, listener, per_address);
    return w->peers ? 0 : err_memory(e);
}

struct web *web_new(struct loop *loop, const struct clock *clock, const struct conf_endpoint *at,
                    int64_t per_address, const struct keyed_key *key, web_find_fn *find, void *arg,
                    struct err *e)
{
    struct web *w = calloc(1, sizeof *w);

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
    /* All of them, so that the answer is ours and the same. */
    evhttp_set_allowed_methods(w->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
                                            EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(w->http, handle, w);
    if (start_listening(w, loop, at, per_address, e) < 0) {
        web_free(w);
        return NULL;
    }
    return w;
}

void web_free(struct web *w)
{
    struct web_request *r;

    if (!w)
        return;
    while ((r = w->requests)) {
        /* evhttp_free closes the connections, and would tell a request that is gone. */
        if (r->request)
            evhttp_connection_set_closecb(evhttp_request_get_connection(r->request), NULL, NULL);
        request_free(r);
    }
    evhttp_free(w->http);
    peers_free(w->peers);
    place_close(&w->place);
    free(w);
}
