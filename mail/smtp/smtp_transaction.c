/*
 * smtp_transaction: one mail in the dialogue, from MAIL to the reply to its end.
 *
 * With PIPELINING the envelope goes in one piece and, with CHUNKING, the message as one BDAT once
 * somebody takes it; else behind DATA, whose 354 is awaited (RFC 2920 §3.1).  The message is never
 * sent before a recipient was accepted, so what ends before that may be sent over another
 * connection without a second copy.
 *
 * Data: the session's transactions.  Loop thread.  A crash leaves the job unanswered: it is still
 * in its owner's queue and is sent once more with the same Message-ID.
 */
#include "mail/smtp/smtp_session.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/step.h"
#include "mail/send_guard.h"
#include "mail/smtp/smtp_command.h"

enum {
    PIECE_BYTES = 128 * 1024, /* of a message are given to the connection at once */
    RATE_BYTES_PER_MS = 64,   /* slower than this is not waited for */
    RECIPIENT_SHARE = 20      /* of a reply's time is what each recipient may add */
};

/* What the whole mail may take: two replies may be as slow as they like, all of them together not.
 */
static int64_t limit_of(const struct smtp_session *s, const struct send_job *job)
{
    int64_t reply_ms = smtp_client_settings(s->client)->reply_timeout_s * 1000;

    return reply_ms * 2 + (int64_t)job->recipient_count * (reply_ms / RECIPIENT_SHARE) +
           (int64_t)(job->message_len / RATE_BYTES_PER_MS);
}

static bool is_open(const struct send_recipient *r)
{
    return r->trouble == SEND_ANSWERED && r->code == 0;
}

/* The next one that is to be asked for, from `from` on; recipient_count: there is none. */
static size_t next_recipient(const struct send_job *job, size_t from)
{
    while (from < job->recipient_count && !is_open(&job->recipients[from]))
        from++;
    return from;
}

/* ---- writing ---- */

static void write_command(struct smtp_session *s, const char *line)
{
    smtp_session_write(s, line, strlen(line), 1);
}

static void write_rcpt(struct smtp_session *s, const struct smtp_transaction *t)
{
    struct buf *out = smtp_client_scratch(s->client);

    smtp_command_rcpt(out, &s->offer, t->job, &t->job->recipients[t->rcpt]);
    if (buf_failed(out))
        smtp_session_fail(s, SEND_CONNECT, ERR_RETRY, "out of memory");
    else
        smtp_session_write(s, out->data, out->len, 1);
}

static void write_envelope(struct smtp_session *s, const struct smtp_transaction *t)
{
    struct buf *out = smtp_client_scratch(s->client);
    size_t i = t->rcpt;
    unsigned replies = 1;

    smtp_command_mail(out, &s->offer, t->job, clock_wall_s(&clock_system));
    if (s->offer.has_pipelining) {
        for (; i < t->job->recipient_count; i = next_recipient(t->job, i + 1), replies++)
            smtp_command_rcpt(out, &s->offer, t->job, &t->job->recipients[i]);
        if (!s->offer.has_chunking) {
            buf_adds(out, "DATA\r\n");
            replies++;
        }
    }
    if (buf_failed(out))
        smtp_session_fail(s, SEND_CONNECT, ERR_RETRY, "out of memory");
    else
        smtp_session_write(s, out->data, out->len, replies);
}

void smtp_transaction_start(struct smtp_session *s, struct smtp_transaction *t,
                            struct send_job *job)
{
    memset(t, 0, sizeof *t);
    t->job = job;
    t->number = ++s->mails;
    t->awaits = SMTP_AWAITS_MAIL;
    t->rcpt = next_recipient(job, 0);
    t->limit_ms = limit_of(s, job);
    write_envelope(s, t);
    step("submit.begun");
}

/* RFC 5321 §4.5.2: a dot at the start of a line gets another. */
static void write_stuffed(struct smtp_session *s, const char *message, size_t from, size_t to)
{
    const char *p = message + from, *end = message + to, *dot = p;

    while ((dot = memchr(dot, '.', (size_t)(end - dot)))) {
        dot++;
        if (dot - 1 > message && dot[-2] != '\n')
            continue;
        smtp_session_write(s, p, (size_t)(dot - p), 0);
        p = dot - 1;
    }
    smtp_session_write(s, p, (size_t)(end - p), 0);
}

void smtp_transaction_write_on(struct smtp_session *s)
{
    struct smtp_transaction *t = &s->flight[0];
    size_t len, to;

    if (s->flight_count == 0 || !t->is_writing || !t->job)
        return;
    len = t->job->message_len;
    to = len - t->offset > PIECE_BYTES ? t->offset + PIECE_BYTES : len;
    if (s->offer.has_chunking)
        smtp_session_write(s, t->job->message + t->offset, to - t->offset, 0);
    else
        write_stuffed(s, t->job->message, t->offset, to);
    t->offset = to;
    if (to < len)
        return;
    if (!s->offer.has_chunking)
        smtp_session_write(s, ".\r\n", 3, 1);
    step("submit.whole");
    t->is_writing = false;
    t->is_issued = true;
}

static void write_body(struct smtp_session *s, struct smtp_transaction *t)
{
    struct buf *out;

    t->awaits = SMTP_AWAITS_END;
    t->is_in_body = t->is_writing = true;
    if (s->offer.has_chunking) {
        out = smtp_client_scratch(s->client);
        buf_printf(out, "BDAT %zu LAST\r\n", t->job->message_len);
        if (buf_failed(out)) {
            smtp_session_fail(s, SEND_CONNECT, ERR_RETRY, "out of memory");
            return;
        }
        smtp_session_write(s, out->data, out->len, 1);
    }
    smtp_transaction_write_on(s);
}

/* ---- what a reply means ---- */

static int class_of(const struct smtp_session *s)
{
    return s->lines.code / 100;
}

static void answer(const struct smtp_session *s, struct send_recipient *r)
{
    struct smtp_reply reply;

    smtp_reply_parse(&reply, s->lines.code, s->lines.text);
    send_answer(r, SEND_ANSWERED, reply.code, reply.enhanced, reply.text);
}

static void answer_rest(const struct smtp_session *s, struct send_job *job)
{
    struct smtp_reply reply;

    smtp_reply_parse(&reply, s->lines.code, s->lines.text);
    send_answer_rest(job, SEND_ANSWERED, reply.code, reply.enhanced, reply.text);
}

static void give_back(struct smtp_session *s, struct smtp_transaction *t)
{
    struct send_job *job = t->job;

    t->job = NULL;
    if (!job)
        return;
    job->has_dsn = s->offer.has_dsn;
    smtp_client_done(s->client, job);
}

/* The server owes this one nothing more. */
static void finish(struct smtp_session *s)
{
    give_back(s, &s->flight[0]);
    s->flight_count--;
    if (s->flight_count > 0)
        s->flight[0] = s->flight[1];
    s->limit_ms = INT64_MAX;
    if (s->flight_count > 0)
        s->limit_ms = smtp_client_now_ms(s->client) + s->flight[0].limit_ms;
}

/* Nothing will be sent of it any more; what MAIL has begun is taken back. */
static void abandon(struct smtp_session *s, struct smtp_transaction *t)
{
    give_back(s, t);
    if (!t->is_mail_accepted) {
        finish(s);
        return;
    }
    t->awaits = SMTP_AWAITS_RSET;
    t->is_issued = true;
    write_command(s, "RSET\r\n");
}

/* Every recipient has been asked for. */
static void after_envelope(struct smtp_session *s, struct smtp_transaction *t)
{
    if (s->offer.has_pipelining && !s->offer.has_chunking) {
        t->awaits = SMTP_AWAITS_DATA; /* which is on its way */
    } else if (t->accepted == 0) {
        abandon(s, t);
    } else if (s->offer.has_chunking) {
        write_body(s, t);
    } else {
        t->awaits = SMTP_AWAITS_DATA;
        write_command(s, "DATA\r\n");
    }
}

static void on_mail(struct smtp_session *s, struct smtp_transaction *t)
{
    t->is_mail_accepted = class_of(s) == 2;
    if (class_of(s) == 3) {
        smtp_session_not_understood(s);
        return;
    }
    t->awaits = SMTP_AWAITS_RCPT;
    if (!t->is_mail_accepted)
        answer_rest(s, t->job);
    if (s->offer.has_pipelining)
        return;
    if (t->is_mail_accepted)
        write_rcpt(s, t);
    else
        abandon(s, t);
}

/* A refused MAIL has answered all: next_recipient would not find those whose replies are to come,
 * so they are counted by who was asked for. */
static size_t next_asked(const struct smtp_transaction *t)
{
    const struct send_job *job = t->job;
    size_t i = t->rcpt + 1;

    if (t->is_mail_accepted)
        return next_recipient(job, i);
    while (i < job->recipient_count && job->recipients[i].trouble == SEND_UNSENT)
        i++;
    return i;
}

static void on_rcpt(struct smtp_session *s, struct smtp_transaction *t)
{
    struct send_recipient *r = &t->job->recipients[t->rcpt];
    char text[120];

    if (t->is_mail_accepted && class_of(s) == 2) {
        t->accepted++;
    } else if (t->is_mail_accepted && class_of(s) == 3) {
        snprintf(text, sizeof text, "the relay's answer is not to be understood, at %s",
                 smtp_session_awaited(s));
        send_answer(r, SEND_CONNECT, 0, "", text);
    } else if (t->is_mail_accepted) {
        answer(s, r);
    }
    t->rcpt = next_asked(t);
    if (t->rcpt == t->job->recipient_count)
        after_envelope(s, t);
    else if (!s->offer.has_pipelining)
        write_rcpt(s, t);
}

static void on_data(struct smtp_session *s, struct smtp_transaction *t)
{
    if (class_of(s) == 2 || (class_of(s) == 3 && !t->is_mail_accepted)) {
        smtp_session_not_understood(s);
    } else if (class_of(s) != 3) {
        answer_rest(s, t->job);
        abandon(s, t);
    } else if (t->accepted > 0) {
        write_body(s, t);
    } else { /* RFC 2920 §3.1: nobody takes it, yet the end must come */
        give_back(s, t);
        t->awaits = SMTP_AWAITS_END;
        t->is_issued = true;
        smtp_session_write(s, ".\r\n", 3, 1);
    }
}

static void on_end(struct smtp_session *s, struct smtp_transaction *t)
{
    step("submit.answered");
    if (t->job && class_of(s) >= 4)
        answer_rest(s, t->job);
    if (class_of(s) == 3 || t->is_writing) { /* a refusal in the middle counts, and is the last */
        smtp_session_not_understood(s);
        return;
    }
    if (t->job)
        answer_rest(s, t->job);
    /* RFC 3030 §2: after a refused BDAT only RSET makes sure of what comes next.  Behind an
     * envelope that is on its way it would come too late, and undo that one: it goes by another
     * connection. */
    if (!s->offer.has_chunking || class_of(s) == 2)
        finish(s);
    else if (s->flight_count > 1)
        smtp_session_fail(s, SEND_CONNECT, ERR_RETRY, "the relay refused the mail before");
    else
        abandon(s, t);
}

void smtp_transaction_reply(struct smtp_session *s)
{
    struct smtp_transaction *t = &s->flight[0];

    switch (t->awaits) {
    case SMTP_AWAITS_MAIL:
        on_mail(s, t);
        break;
    case SMTP_AWAITS_RCPT:
        on_rcpt(s, t);
        break;
    case SMTP_AWAITS_DATA:
        on_data(s, t);
        break;
    case SMTP_AWAITS_END:
        on_end(s, t);
        break;
    case SMTP_AWAITS_RSET:
        if (class_of(s) == 2)
            finish(s);
        else
            smtp_session_not_understood(s);
        break;
    }
}
