/*
 * smtp_opening: from the connection to the first mail: greeting, EHLO (or HELO), STARTTLS, AUTH.
 *
 * A hop with TLS is never weakened: a server that does not offer STARTTLS, or refuses it, is sent
 * nothing more, and what it offered before the handshake is forgotten after it (RFC 3207 §4.2).
 *
 * Data: the session's.  Loop thread.  A crash leaves nothing behind.
 */
#include "mail/smtp/smtp_session.h"

#include <string.h>

enum { SLACK_MS = 1000 };

static void enter(struct smtp_session *s, enum smtp_state state)
{
    s->state = state;
    smtp_session_set_deadline(s, smtp_client_settings(s->client)->reply_timeout_s * 1000);
}

static void say(struct smtp_session *s, enum smtp_state state, const char *verb)
{
    struct buf *out = smtp_client_scratch(s->client);

    buf_printf(out, "%s %s\r\n", verb, smtp_client_settings(s->client)->helo_name);
    if (buf_failed(out)) {
        smtp_session_fail(s, SEND_CONNECT, ERR_RETRY, "out of memory");
        return;
    }
    smtp_session_write(s, out->data, out->len, 1);
    enter(s, state);
}

static void is_refused(struct smtp_session *s)
{
    struct smtp_reply reply;

    smtp_reply_parse(&reply, s->lines.code, s->lines.text);
    smtp_session_fail(s, SEND_CONNECT, reply.code / 100 == 5 ? ERR_PERMANENT : ERR_RETRY,
                      "the relay refuses the session: %d %s%s%.300s", reply.code, reply.enhanced,
                      reply.enhanced[0] ? " " : "", reply.text);
}

static enum conf_tls tls_of(const struct smtp_session *s)
{
    return smtp_client_settings(s->client)->server.tls;
}

static void await_greeting(struct smtp_session *s)
{
    s->outstanding = 1;
    enter(s, SMTP_GREETING);
}

static void shake_hands(struct smtp_session *s)
{
    const struct send_settings *settings = smtp_client_settings(s->client);
    struct err e = {0};
    struct tls *tls = smtp_client_tls(s->client, &e);

    if (!tls) {
        smtp_session_fail(s, SEND_CONNECT, e.class, "%s", e.text);
        return;
    }
    s->state = SMTP_HANDSHAKE; /* whose time the connection watches */
    smtp_session_set_deadline(s, settings->connect_timeout_s * 1000 + SLACK_MS);
    s->outstanding = 0;
    conn_start_tls(s->conn, &tls, settings->connect_timeout_s * 1000);
}

void smtp_opening_start(struct smtp_session *s)
{
    if (tls_of(s) == CONF_TLS_IMPLICIT)
        shake_hands(s);
    else
        await_greeting(s);
}

void smtp_opening_secured(struct smtp_session *s)
{
    memset(&s->offer, 0, sizeof s->offer);
    if (tls_of(s) == CONF_TLS_IMPLICIT)
        await_greeting(s);
    else
        say(s, SMTP_EHLO, "EHLO");
}

/* ---- logging in ---- */

/* What was written for AUTH, or *e, after which nothing is sent. */
static void say_auth(struct smtp_session *s, struct buf *out, int r, const struct err *e)
{
    if (r < 0) {
        buf_clear(out);
        smtp_session_write(s, "*\r\n", 3, 1); /* RFC 4954 §4; harmless where none is under way */
        smtp_session_fail(s, e->class == ERR_PERMANENT ? SEND_LOGIN : SEND_CONNECT, e->class, "%s",
                          e->text);
        return;
    }
    smtp_session_write_secret(s, out->data, out->len, 1);
    buf_clear(out);
    enter(s, SMTP_AUTH);
}

static void log_in(struct smtp_session *s)
{
    const struct conf_server *server = &smtp_client_settings(s->client)->server;
    struct buf *out = smtp_client_scratch(s->client);
    struct err e = {0};

    buf_set_secret(out);
    s->auth = smtp_auth_new(server, s->offer.mechanisms, &e);
    if (s->auth)
        say_auth(s, out, smtp_auth_begin(s->auth, out, &e), &e);
    else
        smtp_session_fail(s, e.class == ERR_PERMANENT ? SEND_LOGIN : SEND_CONNECT, e.class, "%s",
                          e.text);
}

static void is_not_logged_in(struct smtp_session *s)
{
    bool is_final = s->lines.code / 100 == 5;
    struct smtp_reply reply;

    smtp_reply_parse(&reply, s->lines.code, s->lines.text);
    smtp_session_fail(s, is_final ? SEND_LOGIN : SEND_CONNECT, is_final ? ERR_PERMANENT : ERR_RETRY,
                      "the relay refuses to let us log in by %s: %d %s%s%.250s",
                      smtp_auth_name(s->auth), reply.code, reply.enhanced,
                      reply.enhanced[0] ? " " : "", reply.text);
}

static void on_auth(struct smtp_session *s)
{
    struct buf *out = smtp_client_scratch(s->client);
    struct err e = {0};

    if (s->lines.code == 334) {
        buf_set_secret(out);
        say_auth(s, out, smtp_auth_answer(s->auth, s->lines.text, out, &e), &e);
    } else if (s->lines.code / 100 >= 4) {
        is_not_logged_in(s);
    } else if (s->lines.code != 235) {
        smtp_session_not_understood(s);
    } else if (!smtp_auth_is_mutual(s->auth)) {
        smtp_session_fail(s, SEND_LOGIN, ERR_PERMANENT,
                          "the relay has not shown that it knows the password (%s)",
                          smtp_auth_name(s->auth));
    } else {
        s->is_logged_in = true;
        smtp_session_is_ready(s);
    }
}

/* ---- what is offered ---- */

/* The server's offer is known: TLS, if it is to come, then logging in, then mails. */
static void go_on(struct smtp_session *s)
{
    const struct conf_server *server = &smtp_client_settings(s->client)->server;

    if (tls_of(s) != CONF_TLS_STARTTLS || conn_tls_version(s->conn)) {
        if (server->user && server->user[0])
            log_in(s);
        else
            smtp_session_is_ready(s);
    } else if (!s->offer.has_starttls) {
        smtp_session_fail(s, SEND_CONNECT, ERR_PERMANENT,
                          "the relay does not offer STARTTLS, and nothing is sent in the clear "
                          "(option tls)");
    } else {
        smtp_session_write(s, "STARTTLS\r\n", 10, 1);
        enter(s, SMTP_STARTTLS);
    }
}

static void on_starttls(struct smtp_session *s)
{
    struct smtp_reply reply;

    if (s->lines.code == 220) {
        shake_hands(s);
        return;
    }
    smtp_reply_parse(&reply, s->lines.code, s->lines.text);
    smtp_session_fail(s, SEND_CONNECT, reply.code / 100 == 5 ? ERR_PERMANENT : ERR_RETRY,
                      "the relay refuses STARTTLS, and nothing is sent in the clear: %d %s%s%.250s",
                      reply.code, reply.enhanced, reply.enhanced[0] ? " " : "", reply.text);
}

static void on_greeting(struct smtp_session *s)
{
    smtp_reply_parse(&s->greeting, s->lines.code, s->lines.text);
    if (s->lines.code / 100 >= 4)
        is_refused(s);
    else if (s->lines.code != 220)
        smtp_session_not_understood(s);
    else
        say(s, SMTP_EHLO, "EHLO");
}

static void on_ehlo(struct smtp_session *s)
{
    int code = s->lines.code;

    if (code == 500 || code == 501 || code == 502 || code == 504) {
        say(s, SMTP_HELO, "HELO"); /* RFC 5321 §3.2: an old one */
    } else if (code / 100 >= 4) {
        is_refused(s);
    } else if (code != 250) {
        smtp_session_not_understood(s);
    } else {
        smtp_ehlo_read(s->lines.text, &s->offer);
        go_on(s);
    }
}

static void on_helo(struct smtp_session *s)
{
    if (s->lines.code / 100 >= 4) {
        is_refused(s);
    } else if (s->lines.code != 250) {
        smtp_session_not_understood(s);
    } else {
        memset(&s->offer, 0, sizeof s->offer);
        go_on(s);
    }
}

void smtp_opening_reply(struct smtp_session *s)
{
    switch (s->state) {
    case SMTP_GREETING:
        on_greeting(s);
        break;
    case SMTP_EHLO:
        on_ehlo(s);
        break;
    case SMTP_HELO:
        on_helo(s);
        break;
    case SMTP_STARTTLS:
        on_starttls(s);
        break;
    case SMTP_AUTH:
        on_auth(s);
        break;
    default: /* nothing is asked in another state */
        smtp_session_not_understood(s);
        break;
    }
}
