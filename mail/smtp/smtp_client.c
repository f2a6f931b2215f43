/*
 * smtp_client: the queue and the connections of our own SMTP engine.
 *
 * A connection that cannot be opened says nothing about a single mail: when no other one is open or
 * being opened, all that wait get the reason, and their owner tries again later.  While others are
 * open, the mails wait for those, and no new one is tried for a moment (a relay may allow only so
 * many).
 *
 * Data: the jobs that wait and those whose done is to be called, the sessions.  Loop thread; names
 * are looked up on a worker.  A crash leaves its jobs unanswered: they are still in their owner's
 * queue, and a mail that was already accepted is sent once more, with the same Message-ID.
 */
#include "mail/smtp/smtp_client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "mail/send_common.h"
#include "mail/send_guard.h"
#include "mail/smtp/smtp_command.h"
#include "mail/smtp/smtp_connect.h"
#include "mail/smtp/smtp_session.h"

enum {
    CONNECTIONS_MAX = 10000,
    COMMANDS_MAX = 256 * 1024, /* bytes of an envelope: 100 recipients with all they may have, a
                                * character of an address taking up to six in ORCPT */
    TRUST_MS = 3600 * 1000,    /* how long certificates of authorities are believed to be as read */
    REFUSED_MS = 30 * 1000,    /* after a refused password: servers lock out who tries it often */
    PAUSE_MS = 3000,           /* before another connection is tried beside those that stand */
    NAME_THREADS = 1,
    STOP_MS = 20 * 1000,   /* what is under way is given when the client stops */
    PROBE_MS = 3600 * 1000 /* a bound on the bounds: a session has deadlines of its own */
};

struct smtp_client {
    struct loop *loop;
    struct send_settings settings;
    struct send_copy *copy; /* of the settings' texts; NULL: they are borrowed */
    struct work_pool
        *names; /* NULL: the host is an address; those of settings.common, or its own */
    struct chain waiting, finished;
    unsigned waiting_count;
    struct smtp_session *sessions, *ended; /* ended: to be freed */
    struct smtp_session *places[SMTP_PLACES];
    unsigned session_count, opening_count;
    int64_t pause_until_ms;
    struct smtp_fault refusal; /* of our user and password, */
    int64_t refused_until_ms;  /* not tried again before */
    bool is_stopping;
    struct loop_task settle;
    struct buf scratch;
    struct tls_client *tls;   /* NULL: not read yet */
    int64_t tls_until_ms;     /* when it is read again */
    struct smtp_probe *probe; /* NULL: it sends */
    bool is_retiring;
    struct loop_timer *hurry; /* while it retires */
    struct loop_task bury;
};

void smtp_client_move(struct smtp_client *c, struct smtp_session *s, enum smtp_place place)
{
    if (s->place == place)
        return;
    if (s->place != SMTP_PLACE_NONE) {
        if (s->place_prev)
            s->place_prev->place_next = s->place_next;
        else
            c->places[s->place] = s->place_next;
        if (s->place_next)
            s->place_next->place_prev = s->place_prev;
    }
    s->place = place;
    s->place_prev = s->place_next = NULL;
    if (place == SMTP_PLACE_NONE)
        return;
    s->place_next = c->places[place];
    if (s->place_next)
        s->place_next->place_prev = s;
    c->places[place] = s;
}

/* ---- for sessions ---- */

const struct send_settings *smtp_client_settings(const struct smtp_client *c)
{
    return &c->settings;
}

struct buf *smtp_client_scratch(struct smtp_client *c)
{
    buf_reset(&c->scratch);
    return &c->scratch;
}

int64_t smtp_client_now_ms(const struct smtp_client *c)
{
    (void)c;
    return clock_mono_ms(&clock_system);
}

bool smtp_client_is_stopping(const struct smtp_client *c)
{
    return c->is_stopping;
}

static bool has_user(const struct conf_server *server)
{
    return server->user && server->user[0];
}

static bool is_loopback(const struct sockaddr *address)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (address->sa_family == AF_INET) {
        memcpy(&in, address, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family != AF_INET6)
        return address->sa_family == AF_UNIX; /* on this machine, too */
    memcpy(&in6, address, sizeof in6);
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

struct conn *smtp_client_connect(struct smtp_client *c, conn_fn *fn, void *arg, struct err *e)
{
    const struct send_settings *s = &c->settings;
    struct conn *conn = conn_connect(c->loop, c->names, s->server.host, s->server.port,
                                     s->connect_timeout_s * 1000, fn, arg, e);

    if (conn && has_user(&s->server) && s->server.tls == CONF_TLS_NONE)
        conn_set_fit(conn, is_loopback,
                     "it has no loopback address, and no password is sent in the clear to another");
    else if (conn && s->server.tls == CONF_TLS_NONE)
        conn_set_fit(conn, smtp_is_private_address,
                     "it has no loopback or private address, and nothing is sent in the clear to "
                     "another");
    else if (conn && s->may_connect)
        conn_set_fit(conn, s->may_connect, "it has no address that may be connected to");
    return conn;
}

struct tls *smtp_client_tls(struct smtp_client *c, struct err *e)
{
    const struct conf_server *server = &c->settings.server;
    struct tls_client *shared;

    if (c->settings.common) {
        shared = send_common_trust(c->settings.common, server->ca_file, e);
        return shared ? tls_new(shared, server->host, e) : NULL;
    }
    if (c->tls && smtp_client_now_ms(c) >= c->tls_until_ms) {
        tls_client_free(c->tls);
        c->tls = NULL;
    }
    if (!c->tls) {
        c->tls = tls_client_new(server->ca_file, e);
        c->tls_until_ms = smtp_client_now_ms(c) + TRUST_MS;
    }
    return c->tls ? tls_new(c->tls, server->host, e) : NULL;
}

struct loop_timer *smtp_client_timer(struct smtp_client *c, void (*fire)(void *arg), void *arg)
{
    return loop_timer_new(c->loop, fire, arg);
}

void smtp_client_done(struct smtp_client *c, struct send_job *job)
{
    chain_push(&c->finished, &job->link);
}

void smtp_client_again(struct smtp_client *c, struct send_job *job)
{
    if (send_guard(job, true) == 0) { /* it was fit before; its answers are cleared */
        chain_push(&c->finished, &job->link);
        return;
    }
    chain_push_first(&c->waiting, &job->link);
    c->waiting_count++;
}

void smtp_client_drop(struct smtp_client *c, struct smtp_session *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        c->sessions = s->next;
    if (s->next)
        s->next->prev = s->prev;
    c->session_count--;
    s->next = c->ended;
    c->ended = s;
    loop_post(c->loop, &c->settle); /* when it did not end in a callback of its own */
}

static void answer_waiting(struct smtp_client *c, const struct smtp_fault *fault)
{
    struct send_job *job;

    while ((job = chain_pop(&c->waiting))) {
        send_answer_rest(job, fault->trouble, 0, "", fault->text);
        chain_push(&c->finished, &job->link);
    }
    c->waiting_count = 0;
}

static void probe_is_over(struct smtp_client *c)
{
    c->probe->is_over = true;
    if (c->probe->task)
        loop_post(c->loop, c->probe->task);
}

void smtp_client_not_opened(struct smtp_client *c, const struct smtp_fault *fault)
{
    c->opening_count--;
    if (!fault)
        return;
    if (c->probe) {
        c->probe->status =
            err_set(c->probe->e, fault->trouble == SEND_NO_NAME ? ERR_PERMANENT : fault->class,
                    "%s", fault->text);
        c->probe->trouble = fault->trouble;
        probe_is_over(c);
    }
    c->pause_until_ms = smtp_client_now_ms(c) + PAUSE_MS;
    if (fault->trouble == SEND_LOGIN) {
        c->refusal = *fault;
        c->refused_until_ms = smtp_client_now_ms(c) + REFUSED_MS;
    }
    if (c->session_count == 0)
        answer_waiting(c, fault);
}

void smtp_client_opened(struct smtp_client *c, struct smtp_session *s)
{
    c->opening_count--;
    if (!c->probe)
        return;
    c->probe->size_max = s->offer.size_max;
    if (c->probe->text)
        snprintf(c->probe->text, c->probe->size, "%s%s%s%s%s", s->greeting.text,
                 conn_tls_version(s->conn) ? ", " : "",
                 conn_tls_version(s->conn) ? conn_tls_version(s->conn) : "",
                 s->is_logged_in ? ", logged in by " : "",
                 s->is_logged_in ? smtp_auth_name(s->auth) : "");
    probe_is_over(c);
}

/* ---- giving out ---- */

static int open_session(struct smtp_client *c)
{
    struct smtp_fault fault = {.trouble = SEND_CONNECT};
    struct err e = {0};
    struct smtp_session *s = smtp_session_new(c, &e);

    if (!s) {
        fault.class = e.class;
        snprintf(fault.text, sizeof fault.text, "%.390s", e.text);
        c->opening_count++; /* as if it had begun */
        smtp_client_not_opened(c, &fault);
        return -1;
    }
    s->next = c->sessions;
    if (s->next)
        s->next->prev = s;
    c->sessions = s;
    c->session_count++;
    c->opening_count++;
    return 0;
}

/* Another connection would be of use, and may be had. */
static bool may_open(const struct smtp_client *c)
{
    return !c->is_stopping && c->opening_count < c->waiting_count &&
           c->session_count < c->settings.connections &&
           (c->session_count == 0 || smtp_client_now_ms(c) >= c->pause_until_ms);
}

static void give(struct smtp_client *c, struct smtp_session *s)
{
    struct send_job *job = chain_pop(&c->waiting);

    c->waiting_count--;
    if (smtp_command_fit(&s->offer, job) == 0)
        chain_push(&c->finished, &job->link);
    else
        smtp_session_start(s, job);
}

/* A mail that follows another waits as long as that one does, so a connection that is being opened
 * is waited for instead. */
static void dispatch(struct smtp_client *c)
{
    if (c->waiting.head && c->session_count == 0 && c->refused_until_ms > 0 &&
        smtp_client_now_ms(c) < c->refused_until_ms)
        answer_waiting(c, &c->refusal);
    while (c->waiting.head) {
        if (c->places[SMTP_PLACE_IDLE])
            give(c, c->places[SMTP_PLACE_IDLE]);
        else if (may_open(c) && open_session(c) == 0)
            continue;
        else if (c->waiting_count > c->opening_count && c->places[SMTP_PLACE_ROOMY])
            give(c, c->places[SMTP_PLACE_ROOMY]);
        else
            break;
    }
}

static bool is_empty(void *arg)
{
    const struct smtp_client *c = arg;

    return !c->sessions && !c->finished.head;
}

void smtp_client_settle(struct smtp_client *c)
{
    struct smtp_session *s;
    struct send_job *job;

    dispatch(c);
    while ((job = chain_pop(&c->finished)))
        job->done(job);
    while ((s = c->ended)) {
        c->ended = s->next;
        smtp_session_free(s);
    }
    if (c->is_retiring && is_empty(c))
        loop_post(c->loop, &c->bury);
}

static void settle(void *arg)
{
    smtp_client_settle(arg);
}

static int submit(void *impl, struct send_job *job)
{
    struct smtp_client *c = impl;

    if (c->is_stopping || c->waiting_count >= c->settings.waiting_max)
        return -1;
    if (send_guard(job, true) == 0) {
        chain_push(&c->finished, &job->link);
        loop_post(c->loop, &c->settle);
        return 0;
    }
    chain_push(&c->waiting, &job->link);
    c->waiting_count++;
    dispatch(c);
    if (c->finished.head) /* not from inside the call */
        loop_post(c->loop, &c->settle);
    return 0;
}

/* ---- beginning and end ---- */

static const struct smtp_fault stopping = {.trouble = SEND_CONNECT, .text = "stopping"};

/* What is under way goes on to its end; the rest is given back and the idle say goodbye. */
static void begin_to_stop(struct smtp_client *c)
{
    struct smtp_session *s, *next;

    c->is_stopping = true;
    answer_waiting(c, &stopping);
    for (s = c->sessions; s; s = next) {
        next = s->next;
        smtp_session_stop(s);
    }
}

static void break_off(struct smtp_client *c)
{
    while (c->sessions)
        smtp_session_end(c->sessions, &stopping);
    smtp_client_settle(c);
}

static void client_free(struct smtp_client *c)
{
    loop_cancel(c->loop, &c->settle);
    loop_cancel(c->loop, &c->bury);
    loop_timer_free(c->hurry);
    if (c->settings.common)
        send_common_drop(c->settings.common);
    else
        work_pool_free(c->names);
    tls_client_free(c->tls);
    buf_clear(&c->scratch);
    send_copy_wipe(c->copy);
    free(c);
}

static void client_close(void *impl)
{
    struct smtp_client *c = impl;

    begin_to_stop(c);
    smtp_client_settle(c);
    loop_run_until(c->loop, is_empty, c, STOP_MS);
    break_off(c);
    client_free(c);
}

/* Nothing is on the stack that knows it. */
static void bury(void *arg)
{
    struct smtp_client *c = arg;

    if (is_empty(c) && !c->ended)
        client_free(c);
}

static void hurry(void *arg)
{
    break_off(arg);
}

void smtp_client_retire(struct smtp_client *c)
{
    c->probe = NULL;
    c->is_retiring = true;
    c->hurry = loop_timer_new(c->loop, hurry, c);
    if (c->hurry)
        loop_timer_start(c->hurry, STOP_MS);
    begin_to_stop(c);
    if (!c->hurry) /* no memory to wait with */
        while (c->sessions)
            smtp_session_end(c->sessions, &stopping);
    loop_post(c->loop, &c->settle);
}

static void client_retire(void *impl)
{
    smtp_client_retire(impl);
}

static bool is_numeric(const char *host)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list;

    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    freeaddrinfo(list);
    return true;
}

/* In the clear only this machine is connected to, if that may be at all. */
static int check_loopback(const struct send_settings *s, struct err *e)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (!s->may_connect || s->server.tls != CONF_TLS_NONE ||
        s->may_connect((const struct sockaddr *)&here))
        return 0;
    return err_set(e, ERR_PERMANENT, "without TLS nothing is sent to %.200s (option tls)",
                   s->server.host);
}

static void *client_open(struct loop *loop, const struct send_settings *settings, struct err *e)
{
    struct smtp_client *c;

    if (check_loopback(settings, e) < 0)
        return NULL;
    c = calloc(1, sizeof *c);
    if (!c) {
        err_memory(e);
        return NULL;
    }
    c->loop = loop;
    c->settings = *settings;
    if (settings->common) {
        send_common_hold(settings->common);
        c->copy = send_copy_new(settings, e);
        if (!c->copy) {
            client_free(c);
            return NULL;
        }
        c->settings = c->copy->settings;
    }
    if (c->settings.connections > CONNECTIONS_MAX)
        c->settings.connections = CONNECTIONS_MAX;
    c->settle = (struct loop_task){.run = settle, .arg = c};
    c->bury = (struct loop_task){.run = bury, .arg = c};
    buf_init(&c->scratch, COMMANDS_MAX);
    if (is_numeric(settings->server.host))
        return c;
    c->names = settings->common
                   ? send_common_names(settings->common, e)
                   : work_pool_new(loop, "smtp", NAME_THREADS, c->settings.connections, e);
    if (c->names)
        return c;
    client_free(c);
    return NULL;
}

/* Never a password in the clear over a wire. */
static int check_user(const struct conf_server *server, struct err *e)
{
    bool has_password = server->password && server->password[0];
    bool has_token =
        (server->token_file && server->token_file[0]) || (server->token && server->token[0]);
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list;
    bool is_near = strcmp(server->host, "localhost") == 0;

    if (!has_user(server)) {
        if (!has_password && !has_token)
            return 0;
        return err_set(e, ERR_PERMANENT,
                       "smtp.user: is missing beside the password or token; name who logs in");
    }
    if (has_password == has_token)
        return err_set(e, ERR_PERMANENT,
                       "smtp.password: user \"%.100s\" needs a password or a token_file, and not "
                       "both",
                       server->user);
    if (server->tls != CONF_TLS_NONE)
        return 0;
    if (getaddrinfo(server->host, NULL, &hints, &list) == 0) {
        is_near = is_loopback(list->ai_addr);
        freeaddrinfo(list);
    }
    if (is_near)
        return 0;
    return err_set(e, ERR_PERMANENT,
                   "smtp.user: a password goes in the clear only to this machine itself; set "
                   "smtp.tls to starttls or implicit");
}

static int client_check(const struct conf_server *server, struct err *e)
{
    if (!server->host || !server->host[0])
        return err_set(e, ERR_PERMANENT, "smtp.host: no relay is named; set it to 127.0.0.1, say");
    if (check_user(server, e) < 0)
        return -1;
    return server->tls == CONF_TLS_NONE ? smtp_check_host(server->host, e) : 0;
}

/* ---- probing ---- */

static bool is_probed(void *arg)
{
    const struct smtp_probe *p = arg;

    return p->is_over;
}

struct smtp_client *smtp_client_probe(struct loop *loop, const struct send_settings *settings,
                                      struct smtp_probe *probe, struct err *e)
{
    struct smtp_client *c = client_open(loop, settings, e);

    if (!c)
        return NULL;
    c->probe = probe;
    (void)open_session(c); /* a failure is told to the probe */
    return c;
}

static int probe(const struct send_settings *settings, char *text_out, size_t text_size,
                 struct err *e)
{
    struct smtp_probe p = {.text = text_out, .size = text_size, .e = e};
    struct loop *loop = loop_new(e);
    struct smtp_client *c = loop ? smtp_client_probe(loop, settings, &p, e) : NULL;

    if (text_size > 0)
        text_out[0] = '\0';
    if (!c) {
        loop_free(loop);
        return -1;
    }
    loop_run_until(loop, is_probed, &p, PROBE_MS);
    c->probe = NULL;
    client_close(c);
    loop_free(loop);
    return p.status;
}

const struct send_engine smtp_client_engine = {
    .name = "own",
    .check = client_check,
    .open = client_open,
    .submit = submit,
    .close = client_close,
    .retire = client_retire,
    .probe = probe,
};
