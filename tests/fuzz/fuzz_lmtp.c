/*
 * LMTP, the whole session: what a client says in one piece and in pieces has the same replies and
 * brings the same mails.  Every reply is whole lines with a code, and in no mail is there a CR or
 * LF alone, or a NUL.
 */
#include <ctype.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"
#include "mail/lmtp/lmtp_session.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 60000, HEARD_MAX = 4 << 20 };

struct world {
    struct loop *loop;
    struct loop_timer *turn;
    struct lmtp lmtp;
    int fd;
    struct buf heard, mails;
};

static void check_address(const char *text)
{
    HOLDS(utf8_is_valid(text, strlen(text)) && !strpbrk(text, "\r\n"));
}

/* Who begins with n is nobody. */
static enum lmtp_when on_recipient(struct lmtp_mail *mail, struct lmtp_reply *out, void *arg)
{
    const struct lmtp_recipient *r = &mail->recipients[mail->recipient_count - 1];

    (void)arg;
    check_address(r->text);
    HOLDS(!strpbrk(r->addr.local, "%!"));
    if (r->original)
        check_address(r->original);
    *out = r->addr.local[0] == 'n' ? (struct lmtp_reply){550, "5.1.1", "nobody"}
                                   : (struct lmtp_reply){250, "2.1.5", "yes"};
    return LMTP_NOW;
}

static bool on_begin(struct lmtp_mail *mail, struct lmtp_reply *no_out, void *arg)
{
    (void)no_out;
    (void)arg;
    check_address(mail->sender.path);
    if (mail->sender.envelope_id)
        check_address(mail->sender.envelope_id);
    return true;
}

static void on_mail(struct lmtp_mail *mail, void *arg)
{
    static struct lmtp_reply replies[LMTP_RECIPIENTS_MAX];
    struct world *w = arg;
    const char *data = mail->content.data;
    size_t i, len = mail->content.len;

    HOLDS(mail->recipient_count > 0 && mail->recipient_count <= LMTP_RECIPIENTS_MAX);
    HOLDS(!memchr(data, '\0', len) && (len == 0 || data[len - 1] == '\n'));
    for (i = 0; i < len; i++)
        HOLDS(data[i] == '\r' ? data[i + 1] == '\n'
                              : data[i] != '\n' || (i > 0 && data[i - 1] == '\r'));
    buf_printf(&w->mails, "<%s> %zu: ", mail->sender.path, mail->recipient_count);
    buf_add(&w->mails, data, len);
    for (i = 0; i < mail->recipient_count; i++)
        replies[i] = (struct lmtp_reply){250, "2.0.0", "taken"};
    lmtp_mail_answer(mail, replies);
}

static void end_turn(void *arg)
{
    struct world *w = arg;

    loop_stop(w->loop);
}

static void turn(struct world *w)
{
    char text[65536];
    ssize_t n;

    loop_timer_start(w->turn, 0);
    (void)!loop_run(w->loop, NULL);
    while ((n = recv(w->fd, text, sizeof text, MSG_DONTWAIT)) > 0)
        buf_add(&w->heard, text, (size_t)n);
}

static void converse(struct world *w, const char *data, size_t len, size_t piece)
{
    int fds[2];
    struct err e;
    size_t at = 0;
    unsigned idle = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        abort();
    w->fd = fds[1];
    buf_init(&w->heard, HEARD_MAX);
    buf_init(&w->mails, HEARD_MAX);
    HOLDS(lmtp_session_new(&w->lmtp, fds[0], "127.0.0.1", &e));
    while (at < len && w->lmtp.sessions) {
        ssize_t n = send(w->fd, data + at, len - at < piece ? len - at : piece, MSG_NOSIGNAL);

        if (n > 0)
            at += (size_t)n;
        turn(w);
    }
    shutdown(w->fd, SHUT_WR);
    while (w->lmtp.sessions && idle++ < 100000)
        turn(w);
    HOLDS(!w->lmtp.sessions); /* it ends with its client */
    HOLDS(w->lmtp.budget.used == 0 && w->lmtp.waiting_count == 0);
    turn(w);
    close(w->fd);
}

static void check_replies(const struct buf *heard)
{
    const char *line = heard->data, *end;

    for (; *line; line = end + 2) {
        end = strstr(line, "\r\n");
        HOLDS(end && end - line >= 4 && end - line < 512);
        HOLDS(isdigit((unsigned char)line[0]) && isdigit((unsigned char)line[1]) &&
              isdigit((unsigned char)line[2]) && strchr(" -", line[3]));
    }
    HOLDS(strlen(heard->data) == heard->len);
}

static void open_world(struct world *w)
{
    w->lmtp.loop = w->loop;
    w->lmtp.clock = &clock_system;
    w->lmtp.arg = w;
    w->lmtp.handler = (struct lmtp_handler){on_recipient, on_begin, on_mail};
    w->lmtp.settings = (struct lmtp_settings){.hostname = "md.example",
                                              .size_max = 20000,
                                              .goodbye_ms = 60000,
                                              .idle_ms = 600000,
                                              .total_ms = 600000};
    w->lmtp.budget.max = 100000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world whole, pieces;
    const char *text = (const char *)data;
    size_t piece = size > 0 ? 1 + data[size - 1] % 97 : 1;

    if (!whole.loop) {
        struct err e;

        log_set_level(LOG_LEVEL_ERROR);
        whole.loop = pieces.loop = loop_new(&e);
        whole.turn = loop_timer_new(whole.loop, end_turn, &whole);
        pieces.turn = loop_timer_new(pieces.loop, end_turn, &pieces);
        open_world(&whole);
        open_world(&pieces);
    }
    if (size > INPUT_MAX)
        return 0;
    converse(&whole, text, size, INPUT_MAX);
    converse(&pieces, text, size, size / piece > 2000 ? 1000 : piece);
    check_replies(&whole.heard);
    HOLDS(whole.heard.len == pieces.heard.len &&
          memcmp(whole.heard.data, pieces.heard.data, whole.heard.len) == 0);
    HOLDS(whole.mails.len == pieces.mails.len &&
          memcmp(whole.mails.data, pieces.mails.data, whole.mails.len) == 0);
    buf_clear(&whole.heard);
    buf_clear(&whole.mails);
    buf_clear(&pieces.heard);
    buf_clear(&pieces.mails);
    return 0;
}
