/*
 * smtp_esmtp: one libesmtp session, many mails.
 *
 * libesmtp 1.1.0 runs a list of messages over one connection and calls back.  What this file
 * holds to, each point with a test in tests/unit/test_send_replies.c, _kept.c or test_send.c:
 *
 * - The session goes on when a message is added inside the callback that ends the one before, so
 *   the worker waits for its next job in there.  After a refused DATA it is too late for that:
 *   the session ends.
 * - Success of the session means nothing.  A recipient is served when libesmtp calls it complete
 *   and its RCPT and the transfer both got 2xx; otherwise MAIL tells, then RCPT, then the
 *   transfer; 0 and 3xx are temporary.
 * - A refused greeting or EHLO, a reply without a space, a 421 between mails: only the bytes show
 *   it (smtp_reply.h).
 * - Its time limits are for each read, and when one ends in the middle of writing it leaves out
 *   bytes and goes on.  So its limit for writing is set out of reach: the kernel gives up on a
 *   relay that does not read (TCP_USER_TIMEOUT), and the pool's deadline cuts off one that
 *   dawdles.
 * - When the relay goes away while three or more pipelined replies are to come, it jumps through
 *   state -1 of its table and crashes.  With one recipient two are to come (RCPT, DATA); for more
 *   PIPELINING is hidden from it.
 * - It keeps what it has for each message until the session is destroyed: sessions end after
 *   SESSION_MAILS.
 *
 * Owns the session and its connection while smtp_esmtp_run runs, on a worker's thread.  A crash
 * leaves the job unanswered, as in smtp_pool.c.
 */
#include "mail/smtp/smtp_esmtp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libesmtp.h> /* after stddef.h, which it forgets */

#include "base/clock.h"
#include "base/step.h"
#include "mail/send_guard.h"
#include "mail/smtp/smtp_connect.h"
#include "mail/smtp/smtp_reply.h"
#include "mail/smtp/smtp_stub.h"

enum {
    SESSION_MAILS = 200,       /* mails, */
    SESSION_RECIPIENTS = 2000, /* or recipients, before a session is renewed */
    QUIT_MS = 5000,            /* what a relay is given to say goodbye */
    RATE_BYTES_PER_MS = 64,    /* slower than this is not waited for */
    RECIPIENT_SHARE = 20,      /* of a reply's time is what each recipient may add */
    CHUNK_BYTES = 1 << 20,
    XTEXT_MAX = 80, /* bytes that may become three each */
    WRITE_MS = 24 * 3600 * 1000
};

struct session {
    struct smtp_worker *worker;
    const struct send_settings *settings;
    smtp_session_t esmtp;
    struct smtp_stub stub;
    int fd; /* the connection; libesmtp has a duplicate */
    struct smtp_replies replies;
    struct smtp_reply refusal; /* of the greeting or EHLO; code 0: none */
    int64_t active_ms;         /* when the relay or we last sent something */
    struct send_job *job;      /* under way; NULL: none */
    smtp_message_t message;    /* the library's side of it */
    struct send_job *again;    /* not sent here after all */
    size_t offset;             /* of the message, handed to the library so far */
    bool is_in_data;           /* the relay may have got the message */
    bool is_stalled;           /* the relay did not read */
    bool is_broken;            /* the connection could not be put in place */
    unsigned mails;            /* taken on this connection */
    size_t recipients;
};

/* ---- a job's way into the library ---- */

/* Nothing moved for as long as a reply may take; a poll may end a little early. */
static bool is_silent(const struct session *s)
{
    return clock_mono_ms(&clock_system) - s->active_ms >= s->settings->reply_timeout_s * 1000 - 20;
}

static const char *read_message(void **context, int *len, void *arg)
{
    struct session *s = arg;
    const char *data;
    size_t n;

    (void)context;
    if (is_silent(s))
        s->is_stalled = true;
    s->active_ms = clock_mono_ms(&clock_system);
    s->is_in_data = true;
    if (!len) {
        step("smtp.data");
        s->offset = 0;
        return NULL;
    }
    if (!s->job) { /* out of memory in begin: the connection is shut already */
        *len = 0;
        return "";
    }
    data = s->job->message + s->offset;
    n = s->job->message_len - s->offset;
    if (n > CHUNK_BYTES)
        n = CHUNK_BYTES;
    s->offset += n;
    *len = (int)n;
    return data;
}

/* The whole mail's limit: two replies may be as slow as they like, all of them together not. */
static int64_t mail_limit_ms(const struct session *s, const struct send_job *job)
{
    int64_t reply_ms = s->settings->reply_timeout_s * 1000;

    return reply_ms * 2 + (int64_t)job->recipient_count * (reply_ms / RECIPIENT_SHARE) +
           (int64_t)(job->message_len / RATE_BYTES_PER_MS);
}

/* RFC 3461 §4.  The library leaves all of it out where EHLO does not list DSN.  It writes xtext
 * into 256 bytes and looks for their end too late: what could come near it is not given. */
static int request_reports(smtp_message_t m, const struct send_job *job)
{
    if (!job->envelope_id || strlen(job->envelope_id) > XTEXT_MAX)
        return 0;
    return smtp_dsn_set_ret(m, Ret_HDRS) && smtp_dsn_set_envid(m, job->envelope_id) ? 0 : -1;
}

static int add_recipient(smtp_message_t m, const struct send_job *job,
                         const struct send_recipient *r)
{
    static const struct {
        unsigned bit;
        enum notify_flags flag;
    } bits[] = {{SEND_NOTIFY_SUCCESS, Notify_SUCCESS},
                {SEND_NOTIFY_FAILURE, Notify_FAILURE},
                {SEND_NOTIFY_DELAY, Notify_DELAY}};
    smtp_recipient_t recipient = smtp_add_recipient(m, r->address);
    unsigned flags = 0;
    size_t i;

    if (!recipient)
        return -1;
    for (i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (r->notify & bits[i].bit)
            flags |= (unsigned)bits[i].flag;
    if (r->notify & SEND_NOTIFY_NEVER)
        smtp_dsn_set_notify(recipient, Notify_NEVER);
    else if (flags)
        smtp_dsn_set_notify(recipient, (enum notify_flags)flags);
    if (job->envelope_id && strlen(r->address) <= XTEXT_MAX &&
        !smtp_dsn_set_orcpt(recipient, "rfc822", r->address))
        return -1;
    return 0;
}

/* DELIVERBY is not used: the library writes "BY=120R" where RFC 2852 §4 wants "BY=120;R". */
static int add_message(struct session *s, struct send_job *job)
{
    smtp_message_t m = smtp_add_message(s->esmtp);
    size_t i;

    if (!m || !smtp_set_messagecb(m, read_message, s))
        return -1;
    if (job->reverse_path[0] && !smtp_set_reverse_path(m, job->reverse_path))
        return -1;
    if (!smtp_size_set_estimate(m, job->message_len) || request_reports(m, job) < 0)
        return -1;
    for (i = 0; i < job->recipient_count; i++)
        if (job->recipients[i].trouble == SEND_ANSWERED &&
            add_recipient(m, job, &job->recipients[i]) < 0)
            return -1;
    s->message = m;
    return 0;
}

/* -1: out of memory, and the job is still the caller's. */
static int begin(struct session *s, struct send_job *job)
{
    if (add_message(s, job) < 0)
        return -1;
    s->job = job;
    s->offset = 0;
    s->is_in_data = s->is_stalled = s->replies.saw_go_ahead = false;
    step("smtp.begin");
    s->mails++;
    s->recipients += job->recipient_count;
    s->active_ms = clock_mono_ms(&clock_system);
    smtp_worker_deadline(s->worker, mail_limit_ms(s, job));
    return 0;
}

/* ---- what became of it ---- */

static int code_of(const smtp_status_t *status)
{
    return status ? status->code : 0;
}

static bool is_2xx(const smtp_status_t *status)
{
    return code_of(status) / 100 == 2;
}

/* 4xx or 5xx: an answer that decides.  Anything else but 2xx is no answer. */
static bool is_refusal(const smtp_status_t *status)
{
    return code_of(status) / 100 == 4 || code_of(status) / 100 == 5;
}

static void answer_status(struct send_recipient *r, const smtp_status_t *status)
{
    struct smtp_reply reply;

    smtp_reply_parse(&reply, status->code, status->text ? status->text : "");
    send_answer(r, SEND_ANSWERED, reply.code, reply.enhanced, reply.text);
}

struct judging {
    struct session *s;
    size_t next; /* index of the recipient to come */
    bool undecided;
};

/* Leaves a recipient without an answer when the replies do not tell. */
static void judge_recipient(smtp_recipient_t recipient, const char *mailbox, void *arg)
{
    struct judging *j = arg;
    struct send_job *job = j->s->job;
    const smtp_status_t *mail = smtp_reverse_path_status(j->s->message);
    const smtp_status_t *rcpt = smtp_recipient_status(recipient);
    const smtp_status_t *transfer = smtp_message_transfer_status(j->s->message);
    struct send_recipient *r;

    (void)mailbox;
    /* The library has those that passed the guard, in the same order. */
    while (j->next < job->recipient_count && job->recipients[j->next].trouble != SEND_ANSWERED)
        j->next++;
    if (j->next == job->recipient_count)
        return;
    r = &job->recipients[j->next++];
    if (smtp_recipient_check_complete(recipient) && is_2xx(rcpt) && is_2xx(transfer))
        answer_status(r, transfer);
    else if (is_refusal(mail))
        answer_status(r, mail);
    else if (is_2xx(mail) && is_refusal(rcpt))
        answer_status(r, rcpt);
    else if (is_2xx(mail) && is_2xx(rcpt) && is_refusal(transfer))
        answer_status(r, transfer);
    else
        j->undecided = true;
}

static const char *awaited(const struct session *s)
{
    int mail = code_of(smtp_reverse_path_status(s->message));

    if (s->replies.count == 0)
        return "the greeting";
    if (mail == 0)
        return s->replies.is_opening && s->replies.count < 2 ? "the answer to EHLO"
                                                             : "the answer to MAIL";
    return s->is_in_data ? "the end of the mail" : "the answer to RCPT or DATA";
}

/* Is the other side still there?  1 yes, 0 it closed, -1 errno. */
static int peek(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 1 : -1;
    return n > 0;
}

/* For recipients that no reply decided. */
static void tell_trouble(const struct session *s, struct smtp_failure *out)
{
    const char *where = awaited(s);
    int alive = peek(s->fd);

    out->trouble = SEND_CONNECT;
    if (s->is_broken) {
        snprintf(out->text, sizeof out->text, "no connection: out of descriptors or memory");
    } else if (s->refusal.code) {
        snprintf(out->text, sizeof out->text, "the relay refuses the session: %d %s%s%.300s",
                 s->refusal.code, s->refusal.enhanced, s->refusal.enhanced[0] ? " " : "",
                 s->refusal.text);
    } else if (smtp_worker_was_cut(s->worker)) {
        out->trouble = smtp_worker_is_stopping(s->worker) ? SEND_CONNECT : SEND_TIMEOUT;
        snprintf(out->text, sizeof out->text, "given up while waiting for %s: %s", where,
                 out->trouble == SEND_TIMEOUT ? "the mail as a whole took too long" : "stopping");
    } else if (s->is_stalled) {
        out->trouble = SEND_TIMEOUT;
        snprintf(out->text, sizeof out->text, "the relay stopped reading the mail");
    } else if (is_silent(s)) {
        out->trouble = SEND_TIMEOUT;
        snprintf(out->text, sizeof out->text, "no answer within %lld s while waiting for %s",
                 (long long)s->settings->reply_timeout_s, where);
    } else if (alive <= 0) {
        snprintf(out->text, sizeof out->text, "the relay %s the connection while we waited for %s",
                 alive == 0 ? "closed" : "reset", where);
    } else {
        snprintf(out->text, sizeof out->text, "the relay's answer is not to be understood, at %s",
                 where);
    }
}

/* The job is answered, as far as replies decide by them, and given back. */
static void settle(struct session *s)
{
    struct judging judging = {.s = s};
    struct send_job *job = s->job;
    struct smtp_failure trouble;

    smtp_enumerate_recipients(s->message, judge_recipient, &judging);
    if (judging.undecided) {
        tell_trouble(s, &trouble);
        send_answer_rest(job, trouble.trouble, 0, "", trouble.text);
    }
    job->has_dsn = s->replies.has_dsn;
    s->job = NULL;
    s->message = NULL;
    smtp_worker_done(s->worker, job);
}

/* ---- going on ---- */

static void wind_up(struct session *s)
{
    smtp_worker_deadline(s->worker, QUIT_MS);
}

/* Nothing may have come from the relay between two mails: a 421 or its end of the connection. */
static bool is_quiet(const struct session *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};

    return poll(&p, 1, 0) == 0;
}

/* Many recipients need a connection on which PIPELINING was hidden. */
static bool is_fit_for(const struct session *s, const struct send_job *job)
{
    return s->replies.hides_pipelining || job->recipient_count == 1;
}

/* Called where the library looks for another message as soon as the callback returns. */
static void go_on(struct session *s)
{
    struct send_job *job;

    if (s->replies.last.code == 421 || s->mails >= SESSION_MAILS ||
        s->recipients >= SESSION_RECIPIENTS) {
        wind_up(s);
        return;
    }
    job = smtp_worker_next(s->worker);
    if (job && is_fit_for(s, job)) {
        if (is_quiet(s) && begin(s, job) == 0)
            return;
        shutdown(s->fd, SHUT_RDWR); /* libesmtp's QUIT finds the end of the connection at once */
    }
    s->again = job;
    wind_up(s);
}

/* A kept connection may have died while nobody looked; nothing was accepted as long as no message
 * was sent.  Not for the first mail: its connection was fresh. */
static bool may_go_again(const struct session *s)
{
    int mail = code_of(smtp_reverse_path_status(s->message));

    return s->mails > 1 && !s->is_in_data && (mail == 0 || mail == 421 || mail / 100 == 2) &&
           !smtp_worker_is_stopping(s->worker);
}

static void put_back(struct session *s)
{
    s->again = s->job;
    s->job = NULL;
    s->message = NULL;
}

static void on_mail_status(struct session *s, smtp_message_t message)
{
    int code = code_of(smtp_reverse_path_status(message));

    s->replies.is_opening = false;
    if (code / 100 == 2 || !s->job || message != s->message)
        return;
    if (code == 421 && may_go_again(s)) {
        put_back(s);
        wind_up(s);
        return;
    }
    settle(s);
    if (code / 100 == 4 || code / 100 == 5)
        go_on(s);
    else
        wind_up(s);
}

static void on_message_sent(struct session *s, smtp_message_t message)
{
    bool data_was_refused = !s->replies.saw_go_ahead;

    if (!s->job || message != s->message)
        return;
    step("smtp.answered");
    settle(s);
    if (data_was_refused)
        wind_up(s);
    else
        go_on(s);
}

static void on_connect(struct session *s)
{
    s->active_ms = clock_mono_ms(&clock_system);
    s->is_broken = smtp_stub_swap(&s->stub, s->fd) < 0;
}

static void on_event(smtp_session_t esmtp, int event, void *arg, ...)
{
    struct session *s = arg;
    va_list ap;

    (void)esmtp;
    va_start(ap, arg);
    switch (event) {
    case SMTP_EV_CONNECT:
        on_connect(s);
        break;
    case SMTP_EV_MAILSTATUS:
        (void)va_arg(ap, const char *);
        on_mail_status(s, va_arg(ap, smtp_message_t));
        break;
    case SMTP_EV_MESSAGESENT:
        on_message_sent(s, va_arg(ap, smtp_message_t));
        break;
    default:
        break;
    }
    va_end(ap);
}

/* What comes from the relay is in the library's own read buffer, not yet looked at: it may be
 * mended. */
static void on_bytes(const char *data, int len, int writing, void *arg)
{
    struct session *s = arg;
    unsigned before = s->replies.count;
    char *mutable;

    s->active_ms = clock_mono_ms(&clock_system);
    if (writing != SMTP_CB_READING || len <= 0)
        return;
    memcpy(&mutable, &data, sizeof mutable);
    smtp_replies_feed(&s->replies, mutable, (size_t)len);
    if (s->replies.count == before || !s->replies.is_opening)
        return;
    if (s->replies.last.code >= 400)
        s->refusal = s->replies.last;
    else if (s->replies.last.code / 100 == 2 && s->replies.last.code != 221)
        s->refusal.code = 0; /* HELO was taken after EHLO was not */
}

/* ---- a session ---- */

static void init(struct session *s, struct smtp_worker *w, const struct send_settings *settings,
                 int fd)
{
    memset(s, 0, sizeof *s);
    s->worker = w;
    s->settings = settings;
    s->fd = fd;
    s->stub.listener = -1;
    smtp_replies_init(&s->replies);
}

static int set_up(struct session *s, struct err *e)
{
    static const int limits[] = {Timeout_GREETING, Timeout_ENVELOPE, Timeout_DATA, Timeout_DATA2};
    long reply_ms = (long)s->settings->reply_timeout_s * 1000;
    size_t i;

    s->esmtp = smtp_create_session();
    if (!s->esmtp)
        return err_memory(e);
    if (smtp_stub_open(&s->stub, e) < 0)
        return -1;
    if (!smtp_set_server(s->esmtp, s->stub.server) ||
        !smtp_set_hostname(s->esmtp, s->settings->helo_name) ||
        !smtp_set_eventcb(s->esmtp, on_event, s) || !smtp_set_monitorcb(s->esmtp, on_bytes, s, 0))
        return err_memory(e);
    for (i = 0; i < sizeof limits / sizeof limits[0]; i++)
        smtp_set_timeout(s->esmtp, limits[i] | Timeout_OVERRIDE_RFC2822_MINIMUM, reply_ms);
    smtp_set_timeout(s->esmtp, Timeout_TRANSFER | Timeout_OVERRIDE_RFC2822_MINIMUM, WRITE_MS);
    return 0;
}

static void tear_down(struct session *s)
{
    if (s->esmtp)
        smtp_destroy_session(s->esmtp);
    smtp_stub_close(&s->stub);
    if (s->worker)
        smtp_worker_watch(s->worker, -1);
    if (s->fd >= 0)
        close(s->fd);
}

static void run(struct session *s, struct send_job *first)
{
    struct err e = {0};

    s->replies.hides_pipelining = first->recipient_count > 1;
    if (set_up(s, &e) < 0 || begin(s, first) < 0) {
        send_answer_rest(first, SEND_CONNECT, 0, "", e.text[0] ? e.text : "out of memory");
        smtp_worker_done(s->worker, first);
        return;
    }
    smtp_start_session(s->esmtp);
    if (!s->job)
        return;
    if (may_go_again(s))
        put_back(s);
    else
        settle(s);
}

struct send_job *smtp_esmtp_run(struct smtp_worker *w, struct send_job *first)
{
    struct session s;
    struct smtp_failure failure;
    unsigned unread_ms;
    int fd = smtp_worker_connect(w, &failure);

    if (fd < 0) {
        send_answer_rest(first, failure.trouble, 0, "", failure.text);
        smtp_worker_done(w, first);
        return NULL;
    }
    init(&s, w, smtp_worker_settings(w), fd);
    unread_ms = (unsigned)s.settings->reply_timeout_s * 1000;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unread_ms, sizeof unread_ms);
    smtp_worker_watch(w, fd);
    run(&s, first);
    tear_down(&s);
    return s.again;
}

/* ---- before there are threads ---- */

int smtp_esmtp_prime(struct err *e)
{
    /* All that this session hears: EHLO's second line is what fills the table. */
    static const char script[] = "220 a\r\n250-a\r\n250 SIZE\r\n421 b\r\n221 c\r\n";
    static const struct send_settings settings = {.helo_name = "localhost", .reply_timeout_s = 5};
    struct send_recipient recipient = {.address = "a"};
    struct send_job job = {
        .reverse_path = "", .recipients = &recipient, .recipient_count = 1, .message = ""};
    struct session s;
    struct err why = {.text = "its first session failed"};
    int pair[2], status = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return err_set(e, ERR_RETRY, "no socket pair: %s", strerror(errno));
    init(&s, NULL, &settings, pair[0]);
    if (write(pair[1], script, sizeof script - 1) != (ssize_t)sizeof script - 1)
        err_set(&why, ERR_RETRY, "%s", strerror(errno));
    else if (set_up(&s, &why) == 0 && add_message(&s, &job) == 0)
        status = smtp_start_session(s.esmtp);
    tear_down(&s);
    close(pair[1]);
    /* Four replies were heard to the last: all of it has run. */
    if (status == 1 && s.replies.count == 4)
        return 0;
    return err_set(e, ERR_RETRY, "libesmtp does not start: %s", why.text);
}
