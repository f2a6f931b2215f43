/*
 * smtp_probe: greets the relay and says goodbye, for `postern check`.
 *
 * libesmtp does nothing without a message, so this one speaks for itself.  Owns its connection
 * while it runs; blocking, any thread.  A crash leaves nothing behind.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "mail/smtp/smtp_connect.h"
#include "mail/smtp/smtp_esmtp.h"
#include "mail/smtp/smtp_reply.h"

struct probe {
    int fd;
    int64_t deadline_ms;
    struct smtp_replies replies;
};

/* 1 ready, 0 too late, -1 errno. */
static int wait_for(const struct probe *p, short events)
{
    struct pollfd pollfd = {.fd = p->fd, .events = events};
    int64_t left;
    int n;

    do {
        left = p->deadline_ms - clock_mono_ms(&clock_system);
        n = left <= 0 ? 0 : poll(&pollfd, 1, left > 60000 ? 60000 : (int)left);
    } while ((n < 0 && errno == EINTR) || (n == 0 && left > 0));
    return n;
}

static int await_reply(struct probe *p, const char *what, struct err *e)
{
    unsigned before = p->replies.count;
    char data[512];
    ssize_t n;

    while (p->replies.count == before) {
        if (wait_for(p, POLLIN) == 0)
            return err_set(e, ERR_RETRY, "no answer to %s in time", what);
        n = recv(p->fd, data, sizeof data, 0);
        if (n == 0)
            return err_set(e, ERR_RETRY, "the relay closed the connection instead of answering %s",
                           what);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return err_set(e, ERR_RETRY, "no answer to %s: %s", what, strerror(errno));
        if (n > 0)
            smtp_replies_feed(&p->replies, data, (size_t)n);
    }
    if (p->replies.last.code / 100 == 2)
        return 0;
    return err_set(e, p->replies.last.code / 100 == 5 ? ERR_PERMANENT : ERR_RETRY,
                   "the relay answers %s with %d %s", what, p->replies.last.code,
                   p->replies.last.text);
}

static int say(const struct probe *p, const char *verb, const char *name, struct err *e)
{
    char line[300];
    int n = snprintf(line, sizeof line, name ? "%s %s\r\n" : "%s%s\r\n", verb, name ? name : "");

    if (n < 0 || (size_t)n >= sizeof line)
        return err_set(e, ERR_PERMANENT, "the name to greet with is too long");
    if (send(p->fd, line, (size_t)n, MSG_NOSIGNAL) != n)
        return err_set(e, ERR_RETRY, "cannot send %s: %s", verb, strerror(errno));
    return 0;
}

static int converse(struct probe *p, const char *name, char *text_out, size_t text_size,
                    struct err *e)
{
    if (await_reply(p, "our connection", e) < 0)
        return -1;
    snprintf(text_out, text_size, "%s", p->replies.last.text);
    if (say(p, "EHLO", name, e) < 0)
        return -1;
    if (await_reply(p, "EHLO", e) < 0) {
        if (e->class != ERR_PERMANENT || say(p, "HELO", name, e) < 0 ||
            await_reply(p, "HELO", e) < 0)
            return -1;
        err_clear(e);
    }
    return say(p, "QUIT", NULL, e);
}

int smtp_probe(const struct send_settings *settings, char *text_out, size_t text_size,
               struct err *e)
{
    struct smtp_hop hop = {.host = settings->server.host,
                           .port = settings->server.port,
                           .timeout_ms = settings->connect_timeout_s * 1000};
    struct smtp_failure failure;
    struct err why = {0}, ignored;
    struct probe p;
    int status;

    if (text_size > 0)
        text_out[0] = '\0';
    p.fd = smtp_connect(&hop, &failure);
    if (p.fd < 0)
        return err_set(e, failure.trouble == SEND_NO_NAME ? ERR_PERMANENT : ERR_RETRY, "%s",
                       failure.text);
    p.deadline_ms = clock_mono_ms(&clock_system) + settings->reply_timeout_s * 1000;
    smtp_replies_init(&p.replies);
    p.replies.is_opening = false;
    status = converse(&p, settings->helo_name, text_out, text_size, &why);
    if (status == 0)
        (void)!await_reply(&p, "QUIT", &ignored);
    close(p.fd);
    return status == 0 ? 0 : err_set(e, why.class, "%s", why.text);
}
