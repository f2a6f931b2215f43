/*
 * http: requests to other web servers (libcurl's multi interface).
 *
 * Owns one thread.  The lists `waiting` and `finished` and the flag are shared with the loop under
 * a mutex; everything of libcurl and the list `active` are the thread's alone.  A crash leaves
 * nothing behind here: who asked keeps the message in the queue.
 *
 * Where a transfer may go is decided for each address that is really connected to, at the moment
 * the socket is made, so neither a name that changes its address nor a redirect gets around it.
 */
#include "web/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include "base/thread.h"

enum {
    CONNECT_MS = 15000,
    HEADERS_MAX = 64 << 10, /* bytes of an answer's header */
    ANSWER_MAX = 64 << 10,  /* bytes of the answer to a PUT, which nobody reads */
    POLL_MS = 10000
};

struct job_list {
    struct http_job *first, **end;
};

struct http {
    struct loop *loop;
    const struct clock *clock;
    struct loop_task finish;
    CURLM *multi;
    pthread_t thread;
    bool is_global, has_thread; /* is_global: the library is initialised */

    pthread_mutex_t lock;
    struct job_list waiting, finished;
    unsigned waiting_count;
    bool is_stopping;

    struct job_list active; /* the thread's */
    unsigned active_count;
};

struct http_transfer {
    CURL *curl;
    struct curl_slist *headers;
    const struct clock *clock;
    int64_t deadline_ms;
    size_t sent;    /* bytes of the body */
    size_t seen;    /* bytes of headers, or of a PUT's answer */
    unsigned hops;  /* redirects followed */
    bool is_closed; /* an address was refused */
    bool is_too_large;
};

static void list_init(struct job_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_push(struct job_list *list, struct http_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

/* *at is a job of the list. */
static struct http_job *list_take(struct job_list *list, struct http_job **at)
{
    struct http_job *job = *at;

    *at = job->next;
    if (list->end == &job->next)
        list->end = at;
    return job;
}

/* ---- what libcurl asks; on the thread ---- */

static bool is_clear(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0;
}

static bool may_connect(const struct http_job *job, const struct sockaddr *address)
{
    char *url = NULL;

    if (job->reach == HTTP_WORLD)
        return network_is_public(address) || network_has(job->allow, job->allow_count, address);
    if (job->may_be_clear || network_is_local(address))
        return true;
    return curl_easy_getinfo(job->transfer->curl, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK &&
           url && !is_clear(url);
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_job *job = arg;

    if (purpose != CURLSOCKTYPE_IPCXN || !may_connect(job, &address->addr)) {
        job->transfer->is_closed = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_bytes(char *data, size_t size, size_t count, void *arg)
{
    struct http_job *job = arg;
    struct http_transfer *t = job->transfer;

    size *= count;
    if (!job->body) {
        if (buf_add(&job->content, data, size) == 0)
            return size;
        t->is_too_large = job->content.len + size > job->size_max;
        return 0;
    }
    t->seen += size;
    return t->seen > ANSWER_MAX ? 0 : size;
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
    struct http_job *job = arg;

    (void)data;
    job->transfer->seen += size * count;
    return job->transfer->seen > HEADERS_MAX ? 0 : size * count;
}

static size_t give_bytes(char *out, size_t size, size_t count, void *arg)
{
    struct http_job *job = arg;
    struct http_transfer *t = job->transfer;
    size_t left = job->body_len - t->sent;

    size *= count;
    if (size > left)
        size = left;
    memcpy(out, (const char *)job->body + t->sent, size);
    t->sent += size;
    return size;
}

static int go_back(void *arg, curl_off_t offset, int origin)
{
    struct http_job *job = arg;

    if (origin != SEEK_SET || offset < 0 || (size_t)offset > job->body_len)
        return CURL_SEEKFUNC_FAIL;
    job->transfer->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- one transfer ---- */

static void transfer_free(struct http_transfer *t)
{
    if (!t)
        return;
    curl_easy_cleanup(t->curl);
    curl_slist_free_all(t->headers);
    free(t);
}

static int add_header(struct http_transfer *t, const char *line)
{
    struct curl_slist *more = curl_slist_append(t->headers, line);

    if (!more)
        return -1;
    t->headers = more;
    return 0;
}

static int add_headers(const struct http_job *job)
{
    struct http_transfer *t = job->transfer;
    struct buf line;
    size_t i;
    int r = add_header(t, "Expect:"); /* no round trip before the bytes */

    buf_init(&line, HEADERS_MAX);
    for (i = 0; i < job->header_count && r == 0; i++) {
        buf_reset(&line);
        /* curl writes a header without a value only when a semicolon stands for the colon. */
        buf_printf(&line, "%s%s%s", job->headers[i].name, *job->headers[i].value ? ": " : ";",
                   job->headers[i].value);
        r = buf_failed(&line) ? -1 : add_header(t, line.data);
    }
    buf_clear(&line);
    return r;
}

#define SET(option, value) (curl_easy_setopt(curl, option, value) == CURLE_OK)

static bool set_guards(CURL *curl, struct http_job *job)
{
    return SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(CURLOPT_PROXY, "") && SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
           SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) && SET(CURLOPT_NOSIGNAL, 1L) &&
           SET(CURLOPT_QUICK_EXIT, 1L) && SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
           SET(CURLOPT_OPENSOCKETDATA, job) && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
           SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           /* A connection that one was let make is not another's. */
           SET(CURLOPT_FRESH_CONNECT, 1L) && SET(CURLOPT_FORBID_REUSE, 1L) &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           (!job->ca_file || !*job->ca_file || SET(CURLOPT_CAINFO, job->ca_file));
}

static bool set_body(CURL *curl, struct http_job *job)
{
    if (!job->body)
        return SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)job->size_max);
    return SET(CURLOPT_UPLOAD, 1L) && SET(CURLOPT_READFUNCTION, give_bytes) &&
           SET(CURLOPT_READDATA, job) && SET(CURLOPT_SEEKFUNCTION, go_back) &&
           SET(CURLOPT_SEEKDATA, job) && SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->body_len);
}

static bool set_target(struct http_job *job, const char *url)
{
    struct http_transfer *t = job->transfer;
    CURL *curl = t->curl;
    int64_t left = t->deadline_ms - clock_mono_ms(t->clock);

    return left > 0 && SET(CURLOPT_URL, url) && SET(CURLOPT_TIMEOUT_MS, (long)left);
}

static int transfer_new(struct http *h, struct http_job *job)
{
    struct http_transfer *t = job->transfer = calloc(1, sizeof *t);
    CURL *curl;

    if (!t)
        return -1;
    t->clock = h->clock;
    t->deadline_ms = clock_mono_ms(h->clock) + job->timeout_ms;
    curl = t->curl = curl_easy_init();
    if (curl && set_guards(curl, job) && set_body(curl, job) && add_headers(job) == 0 &&
        SET(CURLOPT_PRIVATE, job) && SET(CURLOPT_WRITEFUNCTION, take_bytes) &&
        SET(CURLOPT_WRITEDATA, job) && SET(CURLOPT_HEADERFUNCTION, take_header) &&
        SET(CURLOPT_HEADERDATA, job) && SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) &&
        SET(CURLOPT_USERAGENT, "postern/" POSTERN_VERSION) && SET(CURLOPT_HTTPHEADER, t->headers) &&
        set_target(job, job->url))
        return 0;
    return -1;
}

/* ---- the end of one ---- */

static void judge_status(struct http_job *job, long status)
{
    enum err_class class =
        status / 100 == 4 && status != 408 && status != 429 ? ERR_PERMANENT : ERR_RETRY;

    if (status / 100 != 2)
        err_set(&job->err, class, "the web server answered %ld", status);
}

static void judge_failure(struct http_job *job, CURLcode code)
{
    const struct http_transfer *t = job->transfer;

    if (t->is_too_large || code == CURLE_FILESIZE_EXCEEDED)
        err_set(&job->err, ERR_PERMANENT, "the file is larger than %zu bytes", job->size_max);
    else if (code == CURLE_COULDNT_CONNECT && t->is_closed)
        err_set(&job->err, ERR_PERMANENT, "its address is none that may be asked");
    else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
             code == CURLE_LOGIN_DENIED)
        err_set(&job->err, ERR_PERMANENT, "it is no address of a web server");
    else
        err_set(&job->err, ERR_RETRY, "%s", curl_easy_strerror(code));
}

/* true: the transfer goes on, to where it was sent. */
static bool follow(struct http *h, struct http_job *job, long status)
{
    struct http_transfer *t = job->transfer;
    char *url = NULL;

    if (job->body || status / 100 != 3 ||
        curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_URL, &url) != CURLE_OK || !url)
        return false;
    if (t->hops++ >= HTTP_REDIRECTS_MAX) {
        err_set(&job->err, ERR_PERMANENT, "the web server sends from one place to the next");
        return false;
    }
    buf_reset(&job->content);
    t->seen = 0;
    t->is_closed = false;
    return set_target(job, url) && curl_multi_add_handle(h->multi, t->curl) == CURLM_OK;
}

static void finish(struct http *h, struct http_job *job)
{
    transfer_free(job->transfer);
    job->transfer = NULL;
    pthread_mutex_lock(&h->lock);
    list_push(&h->finished, job);
    loop_post(h->loop, &h->finish);
    pthread_mutex_unlock(&h->lock);
}

static void leave(struct http *h, struct http_job *job)
{
    struct http_job **at = &h->active.first;

    while (*at && *at != job)
        at = &(*at)->next;
    if (*at) {
        list_take(&h->active, at);
        h->active_count--;
    }
}

static void ended(struct http *h, struct http_job *job, CURLcode code)
{
    long status = 0;

    curl_multi_remove_handle(h->multi, job->transfer->curl);
    curl_easy_getinfo(job->transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && follow(h, job, status))
        return;
    if (code != CURLE_OK)
        judge_failure(job, code);
    else if (job->err.class == ERR_NONE)
        judge_status(job, status);
    leave(h, job);
    finish(h, job);
}

/* ---- the thread ---- */

static unsigned active_of(const struct http *h, const char *owner)
{
    const struct http_job *job;
    unsigned n = 0;

    for (job = h->active.first; job; job = job->next)
        n += job->owner && strcmp(job->owner, owner) == 0;
    return n;
}

/* The oldest whose owner has not got a full share; NULL: none. */
static struct http_job *take_waiting(struct http *h)
{
    struct http_job **at, *job = NULL;

    if (h->active_count >= HTTP_ACTIVE_MAX)
        return NULL;
    pthread_mutex_lock(&h->lock);
    for (at = &h->waiting.first; *at && !job;) {
        if ((*at)->owner && active_of(h, (*at)->owner) >= HTTP_OWNER_MAX) {
            at = &(*at)->next;
            continue;
        }
        job = list_take(&h->waiting, at);
        h->waiting_count--;
    }
    pthread_mutex_unlock(&h->lock);
    return job;
}

static void begin(struct http *h)
{
    struct http_job *job;

    while ((job = take_waiting(h))) {
        if (transfer_new(h, job) < 0 ||
            curl_multi_add_handle(h->multi, job->transfer->curl) != CURLM_OK) {
            err_memory(&job->err);
            finish(h, job);
            continue;
        }
        list_push(&h->active, job);
        h->active_count++;
    }
}

static void collect(struct http *h)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(h->multi, &left))) {
        CURLcode code = message->data.result;
        char *job = NULL;

        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job) == CURLE_OK && job)
            ended(h, (struct http_job *)(void *)job, code);
    }
}

static bool has_to_stop(struct http *h)
{
    bool stop;

    pthread_mutex_lock(&h->lock);
    stop = h->is_stopping;
    pthread_mutex_unlock(&h->lock);
    return stop;
}

static void *serve(void *arg)
{
    struct http *h = arg;
    int running;

    prctl(PR_SET_NAME, "http");
    while (!has_to_stop(h)) {
        begin(h);
        curl_multi_perform(h->multi, &running);
        collect(h);
        begin(h); /* in the places that have become free */
        curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL);
    }
    while (h->active.first) {
        struct http_job *job = list_take(&h->active, &h->active.first);

        curl_multi_remove_handle(h->multi, job->transfer->curl);
        err_set(&job->err, ERR_RETRY, "the gateway stops");
        finish(h, job);
    }
    return NULL;
}

/* ---- the loop's side ---- */

static void tell(void *arg)
{
    struct http *h = arg;
    struct http_job *job, *next;

    pthread_mutex_lock(&h->lock);
    job = h->finished.first;
    list_init(&h->finished);
    pthread_mutex_unlock(&h->lock);
    for (; job; job = next) {
        next = job->next;
        job->done(job);
    }
}

/* The library, its thread and what they take are there from the first transfer on.  With the lock.
 */
static int start_thread(struct http *h)
{
    struct err told;

    if (h->has_thread)
        return 0;
    if (!h->is_global && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -1;
    h->is_global = true;
    if (!h->multi)
        h->multi = curl_multi_init();
    if (!h->multi)
        return -1;
    h->has_thread = thread_start(&h->thread, serve, h, &told) == 0;
    return h->has_thread ? 0 : -1;
}

struct http *http_new(struct loop *loop, const struct clock *clock, struct err *e)
{
    struct http *h = calloc(1, sizeof *h);

    if (!h) {
        err_memory(e);
        return NULL;
    }
    h->loop = loop;
    h->clock = clock;
    h->finish.run = tell;
    h->finish.arg = h;
    list_init(&h->waiting);
    list_init(&h->finished);
    list_init(&h->active);
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

int http_submit(struct http *h, struct http_job *job)
{
    int r = -1;

    err_clear(&job->err);
    buf_init(&job->content, job->size_max);
    pthread_mutex_lock(&h->lock);
    if (!h->is_stopping && h->waiting_count < HTTP_WAITING_MAX && start_thread(h) == 0) {
        list_push(&h->waiting, job);
        h->waiting_count++;
        r = 0;
    }
    pthread_mutex_unlock(&h->lock);
    if (r == 0)
        curl_multi_wakeup(h->multi);
    return r;
}

void http_clear(struct http_job *job)
{
    buf_clear(&job->content);
}

static void end_waiting(struct http *h)
{
    struct http_job *job;

    while (h->waiting.first) {
        job = list_take(&h->waiting, &h->waiting.first);
        err_set(&job->err, ERR_RETRY, "the gateway stops");
        list_push(&h->finished, job);
    }
    tell(h);
}

void http_free(struct http *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->is_stopping = true;
    pthread_mutex_unlock(&h->lock);
    if (h->has_thread) {
        curl_multi_wakeup(h->multi);
        pthread_join(h->thread, NULL);
    }
    end_waiting(h);
    loop_cancel(h->loop, &h->finish);
    curl_multi_cleanup(h->multi);
    if (h->is_global)
        curl_global_cleanup();
    pthread_mutex_destroy(&h->lock);
    free(h);
}
