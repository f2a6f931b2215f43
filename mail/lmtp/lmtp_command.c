/*
 * lmtp_command: the commands of LMTP, a table: in which states each may come, whether something
 * stands behind it, and what it does.
 *
 * No data but the session's.  Loop thread.  A crash leaves nothing behind.
 */
#include "mail/lmtp/lmtp_session.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"

enum { MAIL_ARENA = 512 << 10 };

#define IN(state) (1U << (state))
#define ANY       (IN(LMTP_FRESH) | IN(LMTP_GREETED) | IN(LMTP_MAIL) | IN(LMTP_RCPT))

/* ---- replies ---- */

static void say(struct lmtp_session *s, const char *text, size_t len)
{
    if (s->is_closing)
        return;
    if (conn_write(s->conn, text, len) < 0) { /* it does not read: nothing more is said */
        s->is_closing = true;
        loop_timer_start(s->stall, s->lmtp->settings.goodbye_ms);
    }
}

void lmtp_say(struct lmtp_session *s, const struct lmtp_reply *r)
{
    char line[512];
    int n =
        snprintf(line, sizeof line, "%d %s%s%.400s\r\n", r->code, r->enhanced ? r->enhanced : "",
                 r->enhanced ? " " : "", r->text ? r->text : "no");

    if (r->code >= 400)
        log_debug("lmtp", "event=refused code=%d enhanced=%s peer=\"%s\"", r->code,
                  r->enhanced ? r->enhanced : "-", s->peer);
    say(s, line, (size_t)n);
}

static void say_reply(struct lmtp_session *s, int code, const char *enhanced, const char *text)
{
    const struct lmtp_reply r = {code, enhanced, text};

    lmtp_say(s, &r);
}

/* The last words. */
void lmtp_close_with(struct lmtp_session *s, int code, const char *enhanced, const char *text)
{
    if (s->is_closing)
        return;
    say_reply(s, code, enhanced, text);
    s->is_closing = true;
    loop_timer_start(s->stall, s->lmtp->settings.goodbye_ms);
}

void lmtp_count_error(struct lmtp_session *s)
{
    if (++s->errors > LMTP_ERRORS_MAX)
        lmtp_close_with(s, 421, "4.7.0", "too many errors, good bye");
}

void lmtp_complain(struct lmtp_session *s, int code, const char *enhanced, const char *text)
{
    say_reply(s, code, enhanced, text);
    lmtp_count_error(s);
}

/* ---- the mail ---- */

void lmtp_mail_free(struct lmtp_mail *mail)
{
    if (!mail)
        return;
    mail->lmtp->budget.used -= mail->held;
    buf_clear(&mail->content);
    arena_free(mail->arena); /* it lives there itself */
}

static struct lmtp_mail *mail_new(struct lmtp_session *s)
{
    struct arena *a = arena_new(MAIL_ARENA);
    struct lmtp_mail *mail = a ? arena_alloc(a, sizeof *mail) : NULL;

    if (mail)
        mail->recipients = arena_alloc(a, LMTP_RECIPIENTS_MAX * sizeof *mail->recipients);
    if (!mail || !mail->recipients) {
        arena_free(a);
        return NULL;
    }
    mail->arena = a;
    mail->helo = arena_strdup(a, s->helo);
    mail->peer = arena_strdup(a, s->peer);
    mail->session = s;
    mail->lmtp = s->lmtp;
    buf_init(&mail->content, s->lmtp->settings.size_max + (64 << 10));
    if (mail->helo && mail->peer)
        return mail;
    lmtp_mail_free(mail);
    return NULL;
}

void lmtp_drop_mail(struct lmtp_session *s)
{
    struct lmtp_mail *mail = s->mail;

    s->mail = NULL;
    lmtp_data_clear(&s->data);
    if (s->state > LMTP_GREETED)
        s->state = LMTP_GREETED;
    if (!mail)
        return;
    if (s->is_waiting) { /* its answer will come: to nobody */
        mail->session = NULL;
        return;
    }
    lmtp_mail_free(mail);
}

/* ---- commands ---- */

static void do_lhlo(struct lmtp_session *s, const char *arg)
{
    const struct lmtp_settings *set = &s->lmtp->settings;
    char text[512];
    int n;

    if (strlen(arg) > LMTP_HELO_MAX || strchr(arg, ' ')) {
        lmtp_complain(s, 501, "5.5.4", "LHLO takes one name");
        return;
    }
    lmtp_drop_mail(s);
    strcpy(s->helo, arg);
    s->state = LMTP_GREETED;
    n = snprintf(text, sizeof text,
                 "250-%.255s\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
                 "250-SMTPUTF8\r\n250-SIZE %zu\r\n250-DSN\r\n250 DELIVERBY %d\r\n",
                 set->hostname, set->size_max, LMTP_BY_MIN_S);
    say(s, text, (size_t)n);
}

/* RFC 2033 §4.1: what SMTP calls itself does not go on here. */
static void do_helo(struct lmtp_session *s, const char *arg)
{
    (void)arg;
    lmtp_complain(s, 500, "5.5.1", "this is LMTP: say LHLO, or send by SMTP elsewhere");
}

static bool skip_word(const char **arg, const char *word)
{
    size_t n = strlen(word);

    if (strncasecmp(*arg, word, n) != 0)
        return false;
    *arg += n;
    return true;
}

static void do_mail(struct lmtp_session *s, const char *arg)
{
    struct lmtp_reply no;

    if (!skip_word(&arg, "FROM:")) {
        lmtp_complain(s, 501, "5.5.4", "expected MAIL FROM:<address>");
        return;
    }
    s->mail = mail_new(s);
    if (!s->mail) {
        say_reply(s, 451, "4.3.0", "out of memory, try again later");
        return;
    }
    if (lmtp_path_sender(s->mail->arena, arg, (int64_t)s->lmtp->settings.size_max, &s->mail->sender,
                         &no) < 0) {
        lmtp_say(s, &no);
        lmtp_drop_mail(s);
        if (no.code < 550)
            lmtp_count_error(s);
        return;
    }
    s->state = LMTP_MAIL;
    say_reply(s, 250, "2.1.0", "go on");
}

void lmtp_recipient_answered(struct lmtp_session *s, const struct lmtp_reply *r)
{
    if (r->code / 100 == 2)
        s->state = LMTP_RCPT;
    else
        s->mail->recipient_count--;
    lmtp_say(s, r);
}

static void do_rcpt(struct lmtp_session *s, const char *arg)
{
    struct lmtp_mail *mail = s->mail;
    struct lmtp_reply r;

    if (!skip_word(&arg, "TO:")) {
        lmtp_complain(s, 501, "5.5.4", "expected RCPT TO:<address>");
        return;
    }
    if (mail->recipient_count == LMTP_RECIPIENTS_MAX) {
        say_reply(s, 452, "4.5.3", "too many recipients, send to the rest in another mail");
        return;
    }
    if (lmtp_path_recipient(mail->arena, arg, mail->sender.is_utf8, s->lmtp->settings.hostname,
                            &mail->recipients[mail->recipient_count], &r) < 0) {
        lmtp_say(s, &r);
        if (r.code / 10 == 50)
            lmtp_count_error(s);
        return;
    }
    mail->recipient_count++;
    if (s->lmtp->handler.recipient(mail, &r, s->lmtp->arg) == LMTP_NOW)
        lmtp_recipient_answered(s, &r);
    else
        s->is_waiting = true;
}

static void do_data(struct lmtp_session *s, const char *arg)
{
    struct lmtp_reply no;

    (void)arg;
    if (!s->lmtp->handler.begin(s->mail, &no, s->lmtp->arg)) {
        lmtp_say(s, &no);
        lmtp_drop_mail(s);
        return;
    }
    lmtp_data_init(&s->data, &s->mail->content, &s->lmtp->budget, s->lmtp->settings.size_max);
    s->state = LMTP_DATA;
    s->since_ms = clock_mono_ms(s->lmtp->clock);
    say_reply(s, 354, NULL, "end with a dot on a line of its own");
}

static void count_idle(struct lmtp_session *s)
{
    if (++s->idles > LMTP_IDLE_MAX)
        lmtp_close_with(s, 421, "4.7.0", "too many commands that lead nowhere, good bye");
}

static void do_rset(struct lmtp_session *s, const char *arg)
{
    (void)arg;
    lmtp_drop_mail(s);
    say_reply(s, 250, "2.0.0", "forgotten");
    count_idle(s);
}

static void do_noop(struct lmtp_session *s, const char *arg)
{
    (void)arg;
    say_reply(s, 250, "2.0.0", "ok");
    count_idle(s);
}

static void do_vrfy(struct lmtp_session *s, const char *arg)
{
    (void)arg;
    say_reply(s, 252, "2.5.2", "send a mail to find out");
    count_idle(s);
}

static void do_help(struct lmtp_session *s, const char *arg)
{
    (void)arg;
    say_reply(s, 214, "2.0.0", "LHLO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT: RFC 2033");
    count_idle(s);
}

static void do_quit(struct lmtp_session *s, const char *arg)
{
    (void)arg;
    lmtp_drop_mail(s);
    lmtp_close_with(s, 221, "2.0.0", "good bye");
}

static void do_other(struct lmtp_session *s, const char *arg)
{
    (void)arg;
    lmtp_complain(s, 502, "5.5.1", "not offered here");
}

enum argument { NONE, MAY, MUST };

static const struct command {
    const char *verb;
    unsigned states; /* in which it may come */
    enum argument argument;
    void (*run)(struct lmtp_session *s, const char *arg);
} commands[] = {
    {"LHLO", ANY, MUST, do_lhlo},
    {"MAIL", IN(LMTP_GREETED), MUST, do_mail},
    {"RCPT", IN(LMTP_MAIL) | IN(LMTP_RCPT), MUST, do_rcpt},
    {"DATA", IN(LMTP_RCPT), NONE, do_data},
    {"RSET", ANY, NONE, do_rset},
    {"NOOP", ANY, MAY, do_noop},
    {"VRFY", ANY, MUST, do_vrfy},
    {"HELP", ANY, MAY, do_help},
    {"QUIT", ANY, NONE, do_quit},
    {"HELO", ANY, MAY, do_helo},
    {"EHLO", ANY, MAY, do_helo},
    {"EXPN", ANY, MAY, do_other},
    {"TURN", ANY, MAY, do_other},
    {"AUTH", ANY, MAY, do_other},
    {"BDAT", ANY, MAY, do_other},
    {"STARTTLS", ANY, MAY, do_other},
};

static const char *const out_of_turn[] = {
    [LMTP_FRESH] = "say LHLO first",
    [LMTP_GREETED] = "MAIL comes before this",
    [LMTP_MAIL] = "a mail has begun, and nobody is named yet whom it can be given to",
    [LMTP_RCPT] = "a mail has begun",
};

static const struct command *find_command(const char *line, size_t len)
{
    size_t i;

    for (i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strlen(commands[i].verb) == len && strncasecmp(commands[i].verb, line, len) == 0)
            return &commands[i];
    return NULL;
}

void lmtp_command(struct lmtp_session *s, const char *line)
{
    size_t len = strcspn(line, " ");
    const struct command *c = find_command(line, len);
    const char *arg = line[len] ? line + len + 1 : "";

    if (!c)
        lmtp_complain(s, 500, "5.5.1", "no such command");
    else if (!(c->states & IN(s->state)))
        lmtp_complain(s, 503, "5.5.1", out_of_turn[s->state]);
    else if ((c->argument == NONE && *arg) || (c->argument == MUST && !*arg))
        lmtp_complain(s, 501, "5.5.4", *arg ? "this command stands alone" : "something is missing");
    else
        c->run(s, arg);
}
