/*
 * smtp_session: one connection: its socket, its deadlines, and which part of it a reply is for.
 *
 * Nothing is believed that came before its command was written: such a peer is cut off.  Whatever
 * ends a connection, a mail whose message was not sent goes back to be sent over another (but not
 * the first mail of a connection, or a relay that always hangs up would be called for ever); the
 * others are answered, for the server may have taken them.
 *
 * Data: the session, until the client frees it.  Loop thread.  A crash leaves nothing behind but
 * jobs without an answer.
 */
#include "mail/smtp/smtp_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/send_guard.h"

enum {
    KEEP_MS = 2000,     /* how long a connection is kept without a mail */
    QUIT_MS = 5000,     /* what a relay is given to say goodbye */
    STOP_MS = 20000,    /* what is under way is given when the client stops */
    OPENING_REPLIES = 3 /* as long as so many replies may take, all of the opening may */
};

static void on_timer(void *arg);
static void on_event(struct conn *c, enum conn_event event, const char *data, size_t len,
                     const struct err *e, void *arg);

/* ---- deadlines ---- */

static int64_t reply_ms(const struct smtp_session *s)
{
    return smtp_client_settings(s->client)->reply_timeout_s * 1000;
}

/* The timer is not moved when a deadline goes further away: on_timer looks again. */
static void arm(struct smtp_session *s, int64_t now_ms)
{
    int64_t at_ms = s->deadline_ms < s->limit_ms ? s->deadline_ms : s->limit_ms;

    if (s->timer_ms <= at_ms && loop_timer_is_pending(s->timer))
        return;
    s->timer_ms = at_ms;
    loop_timer_start(s->timer, at_ms - now_ms);
}

void smtp_session_set_deadline(struct smtp_session *s, int64_t delay_ms)
{
    int64_t now_ms = smtp_client_now_ms(s->client);

    if (smtp_client_is_stopping(s->client) && delay_ms > STOP_MS)
        delay_ms = STOP_MS;
    s->deadline_ms = now_ms + delay_ms;
    arm(s, now_ms);
}

static void set_limit(struct smtp_session *s, int64_t delay_ms)
{
    s->limit_ms = smtp_client_now_ms(s->client) + delay_ms;
}

const char *smtp_session_awaited(const struct smtp_session *s)
{
    static const char *const states[] = {
#define X(name, what) what,
        SMTP_STATES(X)
#undef X
    };

    if (s->state != SMTP_READY || s->flight_count == 0)
        return states[s->state];
    switch (s->flight[0].awaits) {
    case SMTP_AWAITS_MAIL:
        return "the answer to MAIL";
    case SMTP_AWAITS_RCPT:
    case SMTP_AWAITS_DATA:
        return "the answer to RCPT or DATA";
    case SMTP_AWAITS_END:
        return "the end of the mail";
    case SMTP_AWAITS_RSET:
        return "the answer to RSET";
    }
    return "";
}

/* Nothing, or not enough, came in time. */
static void is_late(struct smtp_session *s, int64_t now_ms)
{
    const char *where = smtp_session_awaited(s);

    if (now_ms >= s->limit_ms && s->state == SMTP_READY)
        smtp_session_fail(s, SEND_TIMEOUT, ERR_RETRY,
                          "given up while waiting for %s: the mail as a whole took too long",
                          where);
    else if (s->waiting > 0)
        smtp_session_fail(s, SEND_TIMEOUT, ERR_RETRY, "the relay stopped reading the mail");
    else if (s->has_answered || now_ms >= s->limit_ms)
        smtp_session_fail(s, SEND_TIMEOUT, ERR_RETRY,
                          "given up while waiting for %s: it took too long", where);
    else
        smtp_session_fail(s, SEND_TIMEOUT, ERR_RETRY,
                          "no answer within %lld s while waiting for %s",
                          (long long)(reply_ms(s) / 1000), where);
}

static void on_timer(void *arg)
{
    struct smtp_session *s = arg;
    struct smtp_client *client = s->client;
    int64_t now_ms = smtp_client_now_ms(client);
    size_t waiting = s->conn ? conn_waiting(s->conn) : 0;
    bool has_moved = waiting < s->waiting;

    s->waiting = waiting;
    if (now_ms < s->deadline_ms && now_ms < s->limit_ms)
        arm(s, now_ms);
    else if (has_moved && now_ms < s->limit_ms) /* slow, but it reads */
        smtp_session_set_deadline(s, reply_ms(s));
    else if (s->state == SMTP_READY && s->flight_count == 0)
        smtp_session_quit(s);
    else if (s->state == SMTP_QUITTING)
        smtp_session_end(s, NULL);
    else
        is_late(s, now_ms);
    smtp_client_settle(client);
}

/* ---- from birth to death ---- */

struct smtp_session *smtp_session_new(struct smtp_client *client, struct err *e)
{
    struct smtp_session *s = calloc(1, sizeof *s);

    if (!s) {
        err_memory(e);
        return NULL;
    }
    s->client = client;
    s->state = SMTP_CONNECTING;
    s->deadline_ms = s->limit_ms = INT64_MAX;
    smtp_lines_init(&s->lines);
    s->timer = smtp_client_timer(client, on_timer, s);
    if (!s->timer)
        err_memory(e);
    else
        s->conn = smtp_client_connect(client, on_event, s, e);
    if (s->conn)
        return s;
    loop_timer_free(s->timer);
    free(s);
    return NULL;
}

void smtp_session_free(struct smtp_session *s)
{
    smtp_auth_free(s->auth);
    conn_free(s->conn);
    loop_timer_free(s->timer);
    free(s);
}

/* Nothing was accepted as long as no message was sent.  Not for the first mail: its connection was
 * fresh. */
static bool may_go_again(const struct smtp_session *s, const struct smtp_transaction *t)
{
    return t->job && t->number > 1 && !t->is_in_body && !smtp_client_is_stopping(s->client);
}

static void clear_flight(struct smtp_session *s, const struct smtp_fault *fault)
{
    unsigned i = s->flight_count;

    s->flight_count = 0;
    while (i-- > 0) { /* the last first: what goes back goes to the head of the queue */
        struct smtp_transaction *t = &s->flight[i];
        struct send_job *job = t->job;
        bool is_again = may_go_again(s, t);

        t->job = NULL;
        if (!job)
            continue;
        if (is_again) {
            smtp_client_again(s->client, job);
            continue;
        }
        send_answer_rest(job, fault ? fault->trouble : SEND_CONNECT, 0, "",
                         fault ? fault->text : "stopping");
        job->has_dsn = s->offer.has_dsn;
        smtp_client_done(s->client, job);
    }
}

void smtp_session_end(struct smtp_session *s, const struct smtp_fault *fault)
{
    bool was_opening = s->state < SMTP_READY;

    if (s->state == SMTP_ENDED)
        return;
    clear_flight(s, fault);
    s->state = SMTP_ENDED;
    smtp_client_move(s->client, s, SMTP_PLACE_NONE);
    conn_free(s->conn);
    s->conn = NULL;
    loop_timer_stop(s->timer);
    smtp_client_drop(s->client, s);
    if (was_opening)
        smtp_client_not_opened(s->client, fault);
}

void smtp_session_fail(struct smtp_session *s, enum send_trouble trouble, enum err_class class,
                       const char *fmt, ...)
{
    struct smtp_fault fault = {.trouble = trouble, .class = class};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(fault.text, sizeof fault.text, fmt, ap);
    va_end(ap);
    smtp_session_end(s, &fault);
}

void smtp_session_not_understood(struct smtp_session *s)
{
    struct smtp_fault fault = {.trouble = SEND_CONNECT, .class = ERR_RETRY};
    struct smtp_transaction *t = &s->flight[0];

    snprintf(fault.text, sizeof fault.text, "the relay's answer is not to be understood, at %s",
             smtp_session_awaited(s));
    /* Who talks nonsense about a mail is not asked about it again at once. */
    if (s->flight_count > 0 && t->job)
        send_answer_rest(t->job, fault.trouble, 0, "", fault.text);
    if (s->flight_count > 0)
        t->is_in_body = true;
    smtp_session_end(s, &fault);
}

void smtp_session_quit(struct smtp_session *s)
{
    if (s->state != SMTP_READY) {
        smtp_session_end(s, NULL);
        return;
    }
    s->state = SMTP_QUITTING;
    smtp_client_move(s->client, s, SMTP_PLACE_NONE);
    smtp_session_write(s, "QUIT\r\n", 6, 1);
    s->limit_ms = INT64_MAX;
    smtp_session_set_deadline(s, reply_ms(s) < QUIT_MS ? reply_ms(s) : QUIT_MS);
}

static void write_by(struct smtp_session *s,
                     int (*write)(struct conn *c, const void *data, size_t len), const char *data,
                     size_t len, unsigned replies)
{
    s->outstanding += replies;
    if (s->is_mute)
        return;
    /* It may be broken or memory out.  What the peer said last is still read, or the time runs out;
     * but nothing may follow, or a mail would lack its middle. */
    if (!s->conn || write(s->conn, data, len) < 0)
        s->is_mute = true;
    else
        s->waiting = conn_waiting(s->conn);
}

void smtp_session_write(struct smtp_session *s, const char *data, size_t len, unsigned replies)
{
    write_by(s, conn_write, data, len, replies);
}

void smtp_session_write_secret(struct smtp_session *s, const char *data, size_t len,
                               unsigned replies)
{
    write_by(s, conn_write_secret, data, len, replies);
}

/* ---- mails ---- */

void smtp_session_stop(struct smtp_session *s)
{
    struct smtp_transaction *next = &s->flight[1];

    s->is_winding_up = true;
    if (s->state < SMTP_READY) {
        smtp_session_end(s, NULL);
        return;
    }
    if (s->flight_count == 2 && next->job) {
        send_answer_rest(next->job, SEND_CONNECT, 0, "", "stopping");
        smtp_client_done(s->client, next->job);
        s->flight_count =
            1; /* its replies are not waited for: the connection ends after the first */
        s->is_cut_short = true;
    }
    if (s->state == SMTP_READY && s->flight_count == 0)
        smtp_session_quit(s);
    else if (s->deadline_ms > smtp_client_now_ms(s->client) + STOP_MS)
        smtp_session_set_deadline(s, STOP_MS);
}

bool smtp_session_has_room(const struct smtp_session *s)
{
    if (s->state != SMTP_READY || s->is_winding_up || s->is_mute)
        return false;
    return s->flight_count == 0 ||
           (s->flight_count == 1 && s->flight[0].is_issued && s->offer.has_pipelining);
}

void smtp_session_settle(struct smtp_session *s)
{
    if (s->state != SMTP_READY)
        return;
    if (s->flight_count == 0 && s->is_winding_up) {
        if (s->is_cut_short)
            smtp_session_end(s, NULL);
        else
            smtp_session_quit(s);
        return;
    }
    smtp_client_move(s->client, s,
                     !smtp_session_has_room(s) ? SMTP_PLACE_NONE
                     : s->flight_count == 0    ? SMTP_PLACE_IDLE
                                               : SMTP_PLACE_ROOMY);
}

void smtp_session_is_ready(struct smtp_session *s)
{
    s->state = SMTP_READY;
    s->limit_ms = INT64_MAX;
    smtp_session_set_deadline(s, KEEP_MS);
    smtp_client_opened(s->client, s);
}

void smtp_session_start(struct smtp_session *s, struct send_job *job)
{
    struct smtp_transaction *t = &s->flight[s->flight_count++];

    smtp_transaction_start(s, t, job);
    if (s->flight_count == 1) {
        set_limit(s, t->limit_ms);
        smtp_session_set_deadline(s, reply_ms(s));
    }
    smtp_session_settle(s);
}

/* ---- what comes ---- */

/* §4.2.2: the service closes, or says what nobody asked for.  A mail on a kept connection may go by
 * another. */
static void is_closing(struct smtp_session *s)
{
    struct smtp_fault fault = {.trouble = SEND_CONNECT, .class = ERR_RETRY};
    struct smtp_transaction *t = &s->flight[0];
    struct smtp_reply reply;

    smtp_reply_parse(&reply, s->lines.code, s->lines.text);
    if (s->flight_count > 0 && t->job && !may_go_again(s, t))
        send_answer_rest(t->job, SEND_ANSWERED, reply.code, reply.enhanced, reply.text);
    snprintf(fault.text, sizeof fault.text, "the relay closes: %d %.300s", reply.code, reply.text);
    smtp_session_end(s, &fault);
}

static void on_reply(struct smtp_session *s)
{
    s->has_answered = false;
    if (s->outstanding > 0)
        s->outstanding--;
    if (s->state == SMTP_QUITTING)
        smtp_session_end(s, NULL);
    else if (s->state < SMTP_READY)
        smtp_opening_reply(s);
    else if (s->lines.code == 421 || s->flight_count == 0)
        is_closing(s);
    else
        smtp_transaction_reply(s);
    if (s->state == SMTP_READY)
        smtp_session_set_deadline(s, s->flight_count > 0 ? reply_ms(s) : KEEP_MS);
}

/* It answers what it was not asked.  Before the handshake that may be somebody on the way who wants
 * their words taken for the server's (CVE-2011-0411 and its kind). */
static void is_ahead(struct smtp_session *s)
{
    if (s->state == SMTP_HANDSHAKE)
        smtp_session_fail(s, SEND_CONNECT, ERR_RETRY,
                          "something was sent in the clear after the answer to STARTTLS: the "
                          "connection is not trusted");
    else
        smtp_session_not_understood(s);
}

/* Behind DATA the end that is answered is not written yet, but a relay that has enough of the mail
 * need not wait for it to refuse.  first: the first byte of what came. */
static bool is_early_refusal(const struct smtp_session *s, char first)
{
    bool has_begun = s->lines.count > 0 || s->lines.line_len > 0;

    return s->outstanding == 0 && s->state == SMTP_READY && s->flight_count > 0 &&
           s->flight[0].is_writing && (has_begun || first == '4' || first == '5');
}

/* Replies are taken only to what had been written when they came: the rest of these bytes cannot
 * be meant for what is written because of their beginning. */
static void feed(struct smtp_session *s, const char *data, size_t len)
{
    unsigned due = s->outstanding + (len > 0 && is_early_refusal(s, data[0]));
    enum smtp_lines_result result;
    size_t used;

    while (len > 0 && s->state != SMTP_ENDED) {
        if (due == 0) {
            is_ahead(s);
            return;
        }
        result = smtp_lines_feed(&s->lines, data, len, &used);
        data += used;
        len -= used;
        s->has_answered = true;
        if (result == SMTP_LINES_BAD) {
            smtp_session_not_understood(s);
            return;
        }
        if (result == SMTP_LINES_REPLY) {
            due--;
            on_reply(s);
        }
    }
}

static void is_lost(struct smtp_session *s, const char *why)
{
    if (s->state == SMTP_QUITTING || (s->state == SMTP_READY && s->flight_count == 0))
        smtp_session_end(s, NULL);
    else if (why)
        smtp_session_fail(s, SEND_CONNECT, ERR_RETRY, "%.250s, while we waited for %s", why,
                          smtp_session_awaited(s));
    else
        smtp_session_fail(s, SEND_CONNECT, ERR_RETRY,
                          "the relay closed the connection while we waited for %s",
                          smtp_session_awaited(s));
}

static void is_not_connected(struct smtp_session *s, enum conn_event event, const struct err *e)
{
    enum send_trouble trouble = event == CONN_TIMEOUT       ? SEND_TIMEOUT
                                : e->class == ERR_PERMANENT ? SEND_NO_NAME
                                                            : SEND_CONNECT;

    smtp_session_fail(s, trouble, e->class, "%s", e->text);
}

static void is_not_secured(struct smtp_session *s, enum conn_event event, const struct err *e)
{
    smtp_session_fail(s, event == CONN_TIMEOUT ? SEND_TIMEOUT : SEND_CONNECT, e->class, "%s",
                      e->text);
}

static void on_event(struct conn *c, enum conn_event event, const char *data, size_t len,
                     const struct err *e, void *arg)
{
    struct smtp_session *s = arg;
    struct smtp_client *client = s->client;

    (void)c;
    if (s->state == SMTP_CONNECTING && (event == CONN_FAILED || event == CONN_TIMEOUT)) {
        is_not_connected(s, event, e);
    } else if (s->state == SMTP_HANDSHAKE && (event == CONN_FAILED || event == CONN_TIMEOUT)) {
        is_not_secured(s, event, e);
    } else {
        switch (event) {
        case CONN_CONNECTED:
            set_limit(s, reply_ms(s) * OPENING_REPLIES);
            smtp_opening_start(s);
            break;
        case CONN_SECURED:
            smtp_opening_secured(s);
            break;
        case CONN_DATA:
            feed(s, data, len);
            break;
        case CONN_DRAINED:
            s->waiting = 0;
            if (s->flight_count > 0)
                smtp_session_set_deadline(s, reply_ms(s));
            smtp_transaction_write_on(s);
            break;
        case CONN_FAILED:
            is_lost(s, e->text);
            break;
        case CONN_CLOSED:
            is_lost(s, NULL);
            break;
        case CONN_TIMEOUT:
            break;
        }
    }
    smtp_session_settle(s);
    smtp_client_settle(client);
}
