/*
 * lmtp_session: one client of the LMTP listener.
 *
 * Owns the connection, what it has sent and is not yet understood, and the mail that is being put
 * together.  Loop thread.  One thing at a time waits for the owner (a recipient or a whole mail);
 * what the client sends meanwhile waits in a buffer of bounded size, then in the kernel.  A crash
 * leaves nothing behind: what was not answered the client sends again.
 */
#include "mail/lmtp/lmtp_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/step.h"
#include "base/utf8.h"

enum {
    IN_MAX = 128 << 10,  /* not yet understood: a command and what came with it */
    IN_PAUSE = 64 << 10, /* no more is read for now */
    OUT_PAUSE = 64 << 10 /* a client that does not read its replies is not served */
};

/* ---- lines ---- */

/* Controls are in no command, and what is not ASCII is UTF-8 (RFC 6531 §3.7.1). */
static bool is_clean(const char *line, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            return false;
    return utf8_is_valid(line, len);
}

/* RFC 5321 §4.1.1: white space before the line's end is borne. */
static size_t trimmed(const char *line, size_t len)
{
    while (len > 0 && line[len - 1] == ' ')
        len--;
    return len;
}

/* One line of the n bytes at data; returns its length with the line's end, 0: it is not whole. */
static size_t take_line(struct lmtp_session *s, char *data, size_t n)
{
    char *end = memchr(data, '\n', n < LMTP_COMMAND_MAX ? n : LMTP_COMMAND_MAX);
    size_t len = end ? (size_t)(end - data) : 0;

    if (!end) {
        if (n < LMTP_COMMAND_MAX)
            return 0;
        if (!s->is_skipping)
            lmtp_complain(s, 500, "5.5.2", "the line is too long");
        s->is_skipping = true;
        return LMTP_COMMAND_MAX;
    }
    if (s->is_skipping) {
        s->is_skipping = false;
        return len + 1;
    }
    if (len == 0 || data[len - 1] != '\r') {
        lmtp_complain(s, 500, "5.5.2", "a line ends with CR LF");
    } else if (!is_clean(data, len - 1)) {
        lmtp_complain(s, 500, "5.5.2", "a line has a character that no command has");
    } else {
        data[trimmed(data, len - 1)] = '\0';
        lmtp_command(s, data);
    }
    return len + 1;
}

/* ---- the end of a mail ---- */

static const struct lmtp_reply *trouble_reply(enum lmtp_trouble trouble)
{
    static const struct lmtp_reply replies[] = {
        [LMTP_WHOLE] = {250, "2.0.0", "taken"},
        [LMTP_BARE] = {554, "5.6.0", "a CR or LF stands alone; lines end with CR LF"},
        [LMTP_NUL] = {554, "5.6.0", "a NUL is in the mail"},
        [LMTP_LONG_LINE] = {554, "5.6.0", "a line is too long"},
        [LMTP_LONG_HEADER] = {552, "5.3.4", "the header is too large"},
        [LMTP_TOO_LARGE] = {552, "5.3.4", "the mail is too large"},
        [LMTP_NO_MEMORY] = {452, "4.3.1", "too much mail at once, try again later"},
    };

    return &replies[trouble];
}

/* RFC 2033 §4.2: one for each recipient that was taken. */
static void reply_all(struct lmtp_session *s, const struct lmtp_reply *r, size_t count)
{
    while (count-- > 0)
        lmtp_say(s, r);
}

static void end_mail(struct lmtp_session *s)
{
    struct lmtp_mail *mail = s->mail;
    struct lmtp *l = s->lmtp;
    enum lmtp_trouble trouble = s->data.trouble;

    s->state = LMTP_GREETED;
    if (buf_failed(&mail->content) && trouble == LMTP_WHOLE)
        trouble = LMTP_NO_MEMORY;
    if (trouble != LMTP_WHOLE) {
        log_info("lmtp", "event=refused code=%d reason=\"%s\"", trouble_reply(trouble)->code,
                 trouble_reply(trouble)->text);
        reply_all(s, trouble_reply(trouble), mail->recipient_count);
        lmtp_drop_mail(s);
        if (trouble != LMTP_NO_MEMORY)
            lmtp_count_error(s);
        return;
    }
    mail->held = s->data.held; /* its bytes still count, at the owner */
    s->data.held = 0;
    s->errors = s->idles = 0;
    s->is_waiting = true;
    l->waiting_count++;
    step("lmtp.whole");
    l->handler.arrived(mail, l->arg);
}

/* ---- reading ---- */

static bool can_go_on(const struct lmtp_session *s)
{
    return !s->is_waiting && !s->is_closing && conn_waiting(s->conn) < OUT_PAUSE;
}

/* Understands what it can; returns how many bytes. */
static size_t feed(struct lmtp_session *s, char *data, size_t len)
{
    size_t i = 0, n;

    while (i < len && can_go_on(s)) {
        bool is_end = false;

        if (s->state == LMTP_DATA) {
            i += lmtp_data_take(&s->data, data + i, len - i, &is_end);
            if (is_end)
                end_mail(s);
            continue;
        }
        n = take_line(s, data + i, len - i);
        if (n == 0)
            break;
        i += n;
        s->since_ms = clock_mono_ms(s->lmtp->clock);
    }
    return i;
}

/* Understands what waits, reads again or not, and ends what is to end.  False: the session is gone.
 */
static bool run(struct lmtp_session *s)
{
    if (s->is_running)
        return true; /* an answer from inside of our own call: what called it goes on */
    s->is_running = true;
    if (s->in.len > 0 && !s->lmtp->is_stopping) /* then nothing new begins, and nobody is asked */
        buf_consume(&s->in, feed(s, s->in.data, s->in.len));
    s->is_running = false;
    if (s->lmtp->is_stopping && !s->is_waiting)
        lmtp_close_with(s, 421, "4.3.2", "the gateway is stopping, try again later");
    if (s->is_ended && !s->is_waiting && !s->is_closing && can_go_on(s))
        s->is_closing = true; /* nothing more can come */
    if (s->is_closing && conn_waiting(s->conn) == 0) {
        lmtp_session_free(s);
        return false;
    }
    if (s->is_closing)
        buf_reset(&s->in);
    if (s->is_paused != (s->in.len > IN_PAUSE)) {
        s->is_paused = !s->is_paused;
        conn_pause(s->conn, s->is_paused);
    }
    return true;
}

static void take_data(struct lmtp_session *s, const char *data, size_t len)
{
    if (s->is_closing)
        return;
    loop_timer_start(s->stall, s->lmtp->settings.idle_ms);
    if (clock_mono_ms(s->lmtp->clock) - s->since_ms > s->lmtp->settings.total_ms &&
        (s->in.len > 0 || s->state == LMTP_DATA)) {
        lmtp_close_with(s, 421, "4.4.2", "this takes too long, good bye");
    } else if (buf_add(&s->in, data, len) < 0) {
        lmtp_close_with(s, 421, "4.3.0", "out of memory, try again later");
    }
}

static void stalled(void *arg)
{
    struct lmtp_session *s = arg;

    if (s->is_closing) {
        lmtp_session_free(s);
        return;
    }
    if (s->is_waiting) { /* it waits for us */
        loop_timer_start(s->stall, s->lmtp->settings.idle_ms);
        return;
    }
    lmtp_close_with(s, 421, "4.4.2", "nothing heard for too long, good bye");
    run(s);
}

static void on_event(struct conn *c, enum conn_event event, const char *data, size_t len,
                     const struct err *e, void *arg)
{
    struct lmtp_session *s = arg;

    (void)c;
    (void)e;
    switch (event) {
    case CONN_DATA:
        take_data(s, data, len);
        run(s);
        break;
    case CONN_DRAINED:
        if (!s->is_closing)
            loop_timer_start(s->stall, s->lmtp->settings.idle_ms);
        run(s);
        break;
    case CONN_CLOSED:
        s->is_ended = true;
        run(s);
        break;
    case CONN_FAILED:
        lmtp_session_free(s);
        break;
    case CONN_TIMEOUT:
    case CONN_CONNECTED:
    case CONN_SECURED:
        break;
    }
}

/* ---- answers ---- */

void lmtp_recipient_answer(struct lmtp_mail *mail, const struct lmtp_reply *r)
{
    struct lmtp_session *s = mail->session;

    if (!s) {
        lmtp_mail_free(mail);
        return;
    }
    s->is_waiting = false;
    lmtp_recipient_answered(s, r);
    run(s);
}

void lmtp_mail_answer(struct lmtp_mail *mail, const struct lmtp_reply *replies)
{
    struct lmtp_session *s = mail->session;
    size_t i;

    step("lmtp.answer");
    mail->lmtp->waiting_count--;
    for (i = 0; s && i < mail->recipient_count; i++)
        lmtp_say(s, &replies[i]);
    if (s) {
        s->mail = NULL;
        s->is_waiting = false;
        s->since_ms = clock_mono_ms(s->lmtp->clock);
    }
    lmtp_mail_free(mail);
    if (s)
        run(s);
}

/* ---- life ---- */

void lmtp_session_free(struct lmtp_session *s)
{
    struct lmtp *l = s->lmtp;

    lmtp_drop_mail(s);
    conn_free(s->conn);
    loop_timer_free(s->stall);
    buf_clear(&s->in);
    *s->place = s->next;
    if (s->next)
        s->next->place = s->place;
    l->session_count--;
    free(s);
}

void lmtp_session_stop(struct lmtp_session *s)
{
    run(s);
}

static struct lmtp_session *open_session(struct lmtp *l, int fd, const char *peer, struct err *e)
{
    struct lmtp_session *s = calloc(1, sizeof *s);

    if (!s || !(s->stall = loop_timer_new(l->loop, stalled, s))) {
        close(fd);
        free(s);
        err_memory(e);
        return NULL;
    }
    s->conn = conn_accepted(l->loop, fd, peer, on_event, s, e);
    if (s->conn)
        return s;
    loop_timer_free(s->stall);
    free(s);
    return NULL;
}

struct lmtp_session *lmtp_session_new(struct lmtp *l, int fd, const char *peer, struct err *e)
{
    struct lmtp_session *s = open_session(l, fd, peer, e);
    char text[300];

    if (!s)
        return NULL;
    s->lmtp = l;
    snprintf(s->peer, sizeof s->peer, "%s", peer);
    buf_init(&s->in, IN_MAX);
    s->since_ms = clock_mono_ms(l->clock);
    s->next = l->sessions;
    if (s->next)
        s->next->place = &s->next;
    s->place = &l->sessions;
    l->sessions = s;
    l->session_count++;
    loop_timer_start(s->stall, l->settings.idle_ms);
    snprintf(text, sizeof text, "%.255s LMTP postern", l->settings.hostname);
    lmtp_say(s, &(struct lmtp_reply){220, NULL, text});
    return s;
}
