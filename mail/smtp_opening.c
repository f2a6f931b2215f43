/*
 * smtp_opening: from the connection to the first mail: greeting, EHLO (or HELO).
 *
 * Data: the session's.  Loop thread.  A crash leaves nothing behind.
 */
#include "mail/smtp_session.h"

#include <string.h>

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

void smtp_opening_start(struct smtp_session *s)
{
    s->outstanding = 1;
    enter(s, SMTP_GREETING);
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
        smtp_session_is_ready(s);
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
        smtp_session_is_ready(s);
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
    default: /* nothing is asked in another state */
        smtp_session_not_understood(s);
        break;
    }
}
