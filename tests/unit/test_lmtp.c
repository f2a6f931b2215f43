/* Whole sessions with a client: every command in every state, what is said in one piece or byte by
 * byte, clients that are wrong, silent, or gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mail/lmtp/lmtp.h"
#include "tests/fake/port.h"

enum { TALK_MAX = 4 << 20, KEPT = 4, MAILS_MAX = 200 };

struct world {
    struct loop *loop;
    struct lmtp *lmtp;
    struct loop_timer *guard, *poll, *answer;
    struct conf_endpoint at;
    struct lmtp_settings settings;
    char path[64];
    int fd;
    /* what the client says, as much at once as step says, and what it hears */
    const char *say;
    size_t say_len, said, step;
    char *heard;
    size_t heard_len;
    bool hears_end, is_timeout;
    const char *until; /* stops when this was heard; NULL: at the end */
    /* what the owner gets */
    struct lmtp_mail *waiting[MAILS_MAX]; /* not yet answered */
    size_t waiting_count;
    char *mails[KEPT];
    char senders[KEPT][64];
    size_t mail_count;
    size_t begun_count;
    bool answers_late, answers_never, refuses_begin;
    bool is_answer_held; /* about a recipient: until the test starts the timer */
};

/* ---- the owner ---- */

static void answer_mail(struct lmtp_mail *mail)
{
    struct lmtp_reply replies[100];
    char texts[100][32];
    size_t i;

    assert_true(mail->recipient_count <= 100);
    for (i = 0; i < mail->recipient_count; i++) {
        snprintf(texts[i], sizeof texts[i], "%.20s", mail->recipients[i].addr.local);
        replies[i] = strncmp(texts[i], "full", 4) == 0
                         ? (struct lmtp_reply){452, "4.2.2", texts[i]}
                         : (struct lmtp_reply){250, "2.0.0", texts[i]};
    }
    lmtp_mail_answer(mail, replies);
}

/* late-* is asked about later, nobody-* is nobody. */
static enum lmtp_when on_recipient(struct lmtp_mail *mail, struct lmtp_reply *out, void *arg)
{
    struct world *w = arg;
    const char *local = mail->recipients[mail->recipient_count - 1].addr.local;

    if (strncmp(local, "late", 4) == 0) {
        assert_true(w->waiting_count < MAILS_MAX);
        w->waiting[w->waiting_count++] = mail;
        mail->id = 1;
        if (!w->is_answer_held)
            loop_timer_start(w->answer, 0);
        return LMTP_LATER;
    }
    *out = strncmp(local, "nobody", 6) == 0 ? (struct lmtp_reply){550, "5.1.1", "nobody"}
                                            : (struct lmtp_reply){250, "2.1.5", "yes"};
    return LMTP_NOW;
}

static bool on_begin(struct lmtp_mail *mail, struct lmtp_reply *no_out, void *arg)
{
    struct world *w = arg;

    w->begun_count++;
    *no_out = (struct lmtp_reply){452, "4.3.1", "not now"};
    buf_adds(&mail->content, "T: t\r\n");
    return !w->refuses_begin;
}

static void on_mail(struct lmtp_mail *mail, void *arg)
{
    struct world *w = arg;

    if (w->mail_count < KEPT) {
        snprintf(w->senders[w->mail_count], sizeof w->senders[0], "%.60s", mail->sender.path);
        w->mails[w->mail_count] = strdup(mail->content.data);
    }
    w->mail_count++;
    mail->id = 2;
    if (w->answers_late || w->answers_never) {
        assert_true(w->waiting_count < MAILS_MAX);
        w->waiting[w->waiting_count++] = mail;
        if (w->answers_late)
            loop_timer_start(w->answer, 1);
    } else {
        answer_mail(mail);
    }
}

static void give_answers(void *arg)
{
    static const struct lmtp_reply yes = {250, "2.1.5", "yes"};
    static const struct lmtp_reply no = {550, "5.1.1", "nobody"};
    struct world *w = arg;

    while (w->waiting_count > 0) {
        struct lmtp_mail *mail = w->waiting[--w->waiting_count];

        if (mail->id == 2)
            answer_mail(mail);
        else
            lmtp_recipient_answer(
                mail, strstr(mail->recipients[mail->recipient_count - 1].addr.local, "nobody")
                          ? &no
                          : &yes);
    }
}

/* ---- the client ---- */

static void talk(void *arg)
{
    struct world *w = arg;
    char text[65536];
    ssize_t n;

    if (w->said < w->say_len) {
        size_t left = w->say_len - w->said;

        n = send(w->fd, w->say + w->said, left < w->step ? left : w->step,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            w->said += (size_t)n;
        else if (errno == EPIPE || errno == ECONNRESET)
            w->said = w->say_len;
    }
    while ((n = recv(w->fd, text, sizeof text, MSG_DONTWAIT)) > 0) {
        assert_true(w->heard_len + (size_t)n < TALK_MAX);
        memcpy(w->heard + w->heard_len, text, (size_t)n);
        w->heard_len += (size_t)n;
        w->heard[w->heard_len] = '\0';
    }
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        w->hears_end = true;
    if (w->hears_end || (w->until && w->said == w->say_len && strstr(w->heard, w->until)))
        loop_stop(w->loop);
    else
        loop_timer_start(w->poll, w->said < w->say_len ? 0 : 1);
}

static void give_up(void *arg)
{
    struct world *w = arg;

    w->is_timeout = true;
    loop_stop(w->loop);
}

static void world_connect(struct world *w)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (w->fd >= 0)
        close(w->fd);
    strcpy(address.sun_path, w->path);
    w->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(w->fd >= 0);
    assert_int_equal(connect(w->fd, (struct sockaddr *)&address, sizeof address), 0);
    w->heard_len = 0;
    w->heard[0] = '\0';
    w->hears_end = false;
}

static void world_listen(struct world *w)
{
    static const struct lmtp_handler handler = {on_recipient, on_begin, on_mail};
    struct err e;

    w->lmtp = lmtp_new(w->loop, &clock_system, &w->settings, &handler, w, &e);
    if (!w->lmtp)
        fail_msg("%s", e.text);
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct err e;

    assert_non_null(w);
    w->fd = -1;
    w->heard = malloc(TALK_MAX);
    assert_non_null(w->heard);
    snprintf(w->path, sizeof w->path, "/tmp/postern-lmtp-%d.sock", (int)getpid());
    unlink(w->path); /* of a run that failed */
    w->at.text = w->at.path = w->path;
    w->settings = (struct lmtp_settings){
        .at = &w->at, .mode = 0640, .hostname = "md.example", .size_max = 100000};
    w->loop = loop_new(&e);
    assert_non_null(w->loop);
    w->guard = loop_timer_new(w->loop, give_up, w);
    w->poll = loop_timer_new(w->loop, talk, w);
    w->answer = loop_timer_new(w->loop, give_answers, w);
    assert_true(w->guard && w->poll && w->answer);
    world_listen(w);
    world_connect(w);
    return w;
}

static void world_free(struct world *w)
{
    size_t i;

    give_answers(w);
    lmtp_free(w->lmtp);
    assert_int_equal(access(w->path, F_OK), -1); /* the socket's file is gone */
    loop_timer_free(w->guard);
    loop_timer_free(w->poll);
    loop_timer_free(w->answer);
    loop_free(w->loop);
    if (w->fd >= 0)
        close(w->fd);
    for (i = 0; i < KEPT; i++)
        free(w->mails[i]);
    free(w->heard);
    free(w);
}

/* Says text in pieces of step; until NULL: until the other side closes. */
static const char *converse_n(struct world *w, const char *text, size_t len, size_t step,
                              const char *until)
{
    struct err e;

    w->say = text;
    w->say_len = len;
    w->said = 0;
    w->step = step;
    w->until = until;
    w->is_timeout = false;
    loop_timer_start(w->guard, 20000);
    loop_timer_start(w->poll, 0);
    assert_int_equal(loop_run(w->loop, &e), 0);
    loop_timer_stop(w->guard);
    loop_timer_stop(w->poll);
    if (w->is_timeout)
        fail_msg("no end of it: %.2000s", w->heard);
    return w->heard;
}

static const char *converse(struct world *w, const char *text)
{
    return converse_n(w, text, strlen(text), strlen(text), NULL);
}

/* The codes of all replies, one after the other: "220 250 550 ". */
static const char *codes(const char *heard, char *out)
{
    char *p = out;

    *p = '\0';
    while (*heard) {
        if (heard[3] == ' ')
            p += sprintf(p, "%.3s ", heard);
        heard = strstr(heard, "\r\n");
        assert_non_null(heard); /* every line is whole */
        heard += 2;
    }
    return out;
}

/* ---- tests ---- */

#define HI    "LHLO me.example\r\n"
#define FROM  "MAIL FROM:<romeo@montague.example>\r\n"
#define TO    "RCPT TO:<juliet@md.example>\r\n"
#define DATA  "DATA\r\n"
#define TEXT  "Subject: a\r\n\r\n..b\r\n.\r\n"
#define QUIT  "QUIT\r\n"
#define WHOLE HI FROM TO DATA TEXT QUIT

static void test_a_mail(void **state)
{
    struct world *w = world_new();
    const char *heard = converse(w, WHOLE);

    (void)state;
    assert_string_equal(heard, "220 md.example LMTP postern\r\n"
                               "250-md.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n"
                               "250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 100000\r\n250-DSN\r\n"
                               "250 DELIVERBY 10\r\n"
                               "250 2.1.0 go on\r\n250 2.1.5 yes\r\n"
                               "354 end with a dot on a line of its own\r\n"
                               "250 2.0.0 juliet\r\n221 2.0.0 good bye\r\n");
    assert_int_equal(w->mail_count, 1);
    assert_string_equal(w->mails[0], "T: t\r\nSubject: a\r\n\r\n.b\r\n");
    assert_string_equal(w->senders[0], "romeo@montague.example");
    world_free(w);
}

static void test_every_command_in_every_state(void **state)
{
    static const struct {
        const char *said, *heard;
    } samples[] = {
        /* before LHLO */
        {FROM, "503"},
        {TO, "503"},
        {DATA, "503"},
        {"RSET\r\n", "250"},
        {"NOOP\r\n", "250"},
        {"NOOP now\r\n", "250"},
        {"VRFY juliet\r\n", "252"},
        {"VRFY\r\n", "501"},
        {"HELP\r\n", "214"},
        {"HELO me\r\n", "500"},
        {"EHLO me\r\n", "500"},
        {"LHLO\r\n", "501"},
        {"LHLO a b\r\n", "501"},
        {"STARTTLS\r\n", "502"},
        {"AUTH PLAIN\r\n", "502"},
        {"BDAT 5 LAST\r\n", "502"},
        {"EXPN x\r\n", "502"},
        {"XCLIENT ADDR=1\r\n", "500"},
        {"\r\n", "500"},
        {" \r\n", "500"},
        {"NOOP\n", "500"},
        {"NO\rOP\r\n", "500"},
        {"RSET now\r\n", "501"},
        {"RSET \r\n", "250"}, /* RFC 5321 §4.1.1: white space behind a command is borne */
        {"NOOP   \r\n", "250"},
        {"LHLO  \r\n", "501"},
        {"LHLO me \r\n"
         "MAIL FROM:<a@b> \r\nRCPT TO:<c@md.example>  \r\nDATA  \r\n" TEXT,
         "250 250 250 354 250"},
        {"QUIT now\r\n", "501"},
        /* after it; in any case */
        {HI TO, "250 503"},
        {HI DATA, "250 503"},
        {HI HI, "250 250"},
        {HI "mail from:<a@b>\r\nrcpt to:<c@md.example>\r\nRset\r\n", "250 250 250 250"},
        {HI "MAIL TO:<a@b>\r\n", "250 501"},
        {HI "MAIL FROM:a@b\r\n", "250 501"},
        {HI "MAIL\r\n", "250 501"},
        /* in a mail */
        {HI FROM FROM, "250 250 503"},
        {HI FROM DATA, "250 250 503"},
        {HI FROM "RCPT FROM:<a@b>\r\n", "250 250 501"},
        {HI FROM "RCPT TO:<nobody@md.example>\r\n" DATA, "250 250 550 503"},
        {HI FROM "RCPT TO:<nobody@md.example>\r\n" TO "RCPT TO:<nobody@md.example>\r\n" DATA TEXT,
         "250 250 550 250 550 354 250"},
        {HI FROM "RCPT TO:<late@md.example>\r\nRCPT TO:<late-nobody@md.example>\r\n" DATA TEXT,
         "250 250 250 550 354 250"},
        {HI FROM TO FROM, "250 250 250 503"},
        {HI FROM TO "DATA now\r\n", "250 250 250 501"},
        {HI FROM TO "NOOP\r\nVRFY x\r\nHELP\r\n" DATA TEXT, "250 250 250 250 252 214 354 250"},
        {HI FROM TO "RSET\r\n" DATA, "250 250 250 250 503"},
        {HI FROM TO "RSET\r\n" FROM TO DATA TEXT, "250 250 250 250 250 250 354 250"},
        {HI FROM TO HI DATA, "250 250 250 250 503"},
        {HI FROM TO "EHLO me\r\n" DATA TEXT, "250 250 250 500 354 250"},
        /* RFC 2033 §4.2: one for each that was taken, in their order */
        {HI FROM TO "RCPT TO:<nobody@md.example>\r\nRCPT TO:<full@md.example>\r\n"
                    "RCPT TO:<nurse@md.example>\r\n" DATA TEXT,
         "250 250 250 550 250 250 354 250 452 250"},
        /* the next one */
        {HI FROM TO DATA TEXT DATA, "250 250 250 354 250 503"},
        {HI FROM TO DATA TEXT TO, "250 250 250 354 250 503"},
        {HI FROM TO DATA TEXT FROM TO DATA TEXT, "250 250 250 354 250 250 250 354 250"},
        {HI FROM TO TO DATA "a\nb\r\n.\r\n" FROM TO DATA TEXT,
         "250 250 250 250 354 554 554 250 250 354 250"},
        {HI "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<\xd0\xb6@md.example>\r\n", "250 250 250"},
        {HI FROM "RCPT TO:<\xd0\xb6@md.example>\r\n", "250 250 553"},
        {HI FROM "RCPT TO:<\xd0@md.example>\r\n", "250 250 500"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct world *w = world_new();
        char said[1024], want[256], got[256];

        snprintf(said, sizeof said, "%s%s", samples[i].said, QUIT);
        snprintf(want, sizeof want, "220 %s 221 ", samples[i].heard);
        codes(converse(w, said), got);
        if (strcmp(got, want) != 0)
            fail_msg("%s: heard %s, wanted %s", said, got, want);
        world_free(w);
    }
}

static void test_pieces_cut_anywhere(void **state)
{
    static const char said[] =
        HI FROM TO "RCPT TO:<late@md.example>\r\n" DATA TEXT FROM TO DATA ".\r\n" QUIT;
    char first[256], got[256];
    size_t i;

    (void)state;
    for (i = 0; i <= sizeof said - 1; i++) {
        struct world *w = world_new();

        w->answers_late = i % 2; /* with and without a wait for the owner */
        if (i > 0) {             /* one cut; at 0 every byte alone */
            w->heard_len = 0;
            assert_int_equal(send(w->fd, said, i, 0), i);
            converse_n(w, said + i, 0, 1, "220");
            converse_n(w, said + i, sizeof said - 1 - i, sizeof said, NULL);
        } else {
            converse_n(w, said, sizeof said - 1, 1, NULL);
        }
        codes(w->heard, i == 0 ? first : got);
        if (i == 0)
            assert_string_equal(first, "220 250 250 250 250 354 250 250 250 250 354 250 221 ");
        else
            assert_string_equal(got, first);
        assert_int_equal(w->mail_count, 2);
        assert_string_equal(w->mails[0], "T: t\r\nSubject: a\r\n\r\n.b\r\n");
        assert_string_equal(w->mails[1], "T: t\r\n");
        world_free(w);
    }
}

static char *repeat(const char *head, const char *piece, size_t count, const char *end)
{
    size_t n = strlen(piece), i, len = strlen(head);
    char *text = malloc(len + n * count + strlen(end) + 1);

    assert_non_null(text);
    strcpy(text, head);
    for (i = 0; i < count; i++, len += n)
        memcpy(text + len, piece, n);
    strcpy(text + len, end);
    return text;
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static void test_too_much(void **state)
{
    static const struct {
        const char *head, *piece;
        size_t count;
        const char *end, *heard; /* codes */
    } samples[] = {
        {"NOOP ", "a", 4089, "\r\n" QUIT, "220 250 221 "},
        {"NOOP ", "a", 4090, "\r\n" QUIT, "220 500 221 "},
        {"NOOP ", "a", 300000, "\r\nNOOP\r\n" QUIT, "220 500 250 221 "},
        {HI FROM TO DATA, "a line of the header\r\n", 4545, ".\r\n" QUIT,
         "220 250 250 250 354 250 221 "},
        {HI FROM TO DATA, "a line of the header\r\n", 4546, ".\r\n" QUIT,
         "220 250 250 250 354 552 221 "},
        {HI FROM TO DATA, "a", 80000, "\r\n.\r\n" QUIT, "220 250 250 250 354 554 221 "},
        {HI "MAIL FROM:<a@b> SIZE=100001\r\n" TO, "", 0, QUIT, "220 250 552 503 221 "},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct world *w = world_new();
        char *said = repeat(samples[i].head, samples[i].piece, samples[i].count, samples[i].end);
        char got[256];

        codes(converse(w, said), got);
        if (strcmp(got, samples[i].heard) != 0)
            fail_msg("%zu: %s", i, got);
        free(said);
        world_free(w);
    }
}

static void test_more_than_100_recipients(void **state)
{
    struct world *w = world_new();
    char *said = repeat(HI FROM, TO, 103, DATA TEXT QUIT);
    const char *heard = converse(w, said);

    (void)state;
    assert_int_equal(count_of(heard, "250 2.1.5"), 100);
    assert_int_equal(count_of(heard, "452 4.5.3"), 3);
    assert_int_equal(count_of(heard, "250 2.0.0"), 100);
    free(said);
    world_free(w);
}

/* A client that is wrong again and again, or does nothing, is sent away; one that mails is not. */
static void test_patience_ends(void **state)
{
    static const struct {
        const char *piece;
        size_t count;
        bool ends;
    } samples[] = {
        {"FOO\r\n", 20, false},
        {"FOO\r\n", 21, true},
        {"MAIL FROM:a\r\n", 21, true},
        {"NOOP\r\n", 200, false},
        {"NOOP\r\n", 201, true},
        {"RSET\r\n", 201, true},
        {FROM TO DATA TEXT "FOO\r\nNOOP\r\nRSET\r\n", 150, false},
        {FROM "RCPT TO:<nobody@md.example>\r\n" TO DATA TEXT, 100, false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct world *w = world_new();
        char *said = repeat(HI, samples[i].piece, samples[i].count, QUIT);
        const char *heard = converse(w, said);

        if ((strstr(heard, "421 4.7.0") != NULL) != samples[i].ends)
            fail_msg("%zu: %s", i, heard);
        assert_int_equal(strstr(heard, "221 ") != NULL, !samples[i].ends);
        free(said);
        world_free(w);
    }
}

static void test_silence_ends(void **state)
{
    static const char *const starts[] = {"", "LH", HI FROM, HI FROM TO DATA,
                                         HI FROM TO DATA "a\r\n.\r"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct world *w = world_new();

        lmtp_free(w->lmtp);
        w->settings.idle_ms = 60;
        world_listen(w);
        world_connect(w);
        assert_non_null(strstr(converse(w, starts[i]), "421 4.4.2 "));
        assert_int_equal(w->mail_count, 0);
        world_free(w);
    }
}

/* A byte now and then is no silence, but a mail has an end in time. */
static void test_slowness_ends(void **state)
{
    struct world *w = world_new();
    struct err e;
    size_t i;

    (void)state;
    lmtp_free(w->lmtp);
    w->settings.total_ms = 100;
    world_listen(w);
    world_connect(w);
    converse_n(w, HI FROM TO DATA, strlen(HI FROM TO DATA), 1000, "354");
    for (i = 0; i < 1000 && !w->hears_end; i++) {
        w->say = "a";
        w->say_len = w->step = 1;
        w->said = 0;
        w->until = "";
        loop_timer_start(w->poll, 1);
        assert_int_equal(loop_run(w->loop, &e), 0);
    }
    assert_non_null(strstr(w->heard, "421 4.4.2 "));
    world_free(w);
}

/* A wait for us is not the client's silence. */
static void test_our_own_slowness_is_not_theirs(void **state)
{
    static const char said[] = HI FROM TO DATA TEXT;
    struct world *w = world_new();
    const char *done, *silent;

    (void)state;
    lmtp_free(w->lmtp);
    w->settings.idle_ms = 150;
    w->answers_never = true;
    world_listen(w);
    world_connect(w); /* and says all of it before anybody listens */
    assert_int_equal(send(w->fd, said, sizeof said - 1, 0), sizeof said - 1);
    converse_n(w, "", 0, 1, "354");
    loop_timer_start(w->answer, 600);
    converse_n(w, "", 0, 1, NULL);
    done = strstr(w->heard, "250 2.0.0");
    silent = strstr(w->heard, "421 4.4.2 "); /* after that answer it is theirs */
    assert_true(done && silent && done < silent);
    world_free(w);
}

/* The client goes while its mail is being stored, or while one is asked about. */
static void test_client_goes_while_we_work(void **state)
{
    static const char *const lasts[] = {HI FROM TO DATA TEXT,
                                        HI FROM "RCPT TO:<late@md.example>\r\n"};
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct world *w = world_new();
        struct err e;

        w->answers_never = true;
        converse_n(w, lasts[i], strlen(lasts[i]), 1000, i == 0 ? "354" : "2.1.0");
        loop_timer_stop(w->answer);
        close(w->fd);
        w->fd = -1;
        loop_timer_start(w->guard, 30);
        assert_int_equal(loop_run(w->loop, &e), 0);
        assert_int_equal(w->mail_count, i == 0);
        world_free(w); /* answers what waits, to nobody */
    }
}

/* What is sent behind QUIT or behind the end of sending is no matter; what was whole is answered.
 */
static void test_half_closed(void **state)
{
    struct world *w = world_new();
    static const char said[] = HI FROM TO DATA TEXT;
    char got[128];

    (void)state;
    w->answers_late = true;
    assert_int_equal(send(w->fd, said, sizeof said - 1, 0), sizeof said - 1);
    assert_int_equal(shutdown(w->fd, SHUT_WR), 0);
    assert_string_equal(codes(converse(w, ""), got), "220 250 250 250 354 250 ");
    world_connect(w);
    assert_string_equal(codes(converse(w, QUIT WHOLE), got), "220 221 ");
    assert_int_equal(w->mail_count, 1);
    world_free(w);
}

/* A client that never reads is not served beyond a bound, and goes when its time is over. */
static void test_a_client_that_does_not_read(void **state)
{
    struct world *w = world_new();
    char *said = repeat(HI, FROM "RSET\r\n" FROM TO DATA ".\r\n", 20000, "");
    size_t sent = 0, len = strlen(said);
    struct err e;
    unsigned i;

    (void)state;
    for (i = 0; i < 400; i++) {
        ssize_t n = send(w->fd, said + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0)
            sent += (size_t)n;
        loop_timer_start(w->guard, 1);
        assert_int_equal(loop_run(w->loop, &e), 0);
    }
    assert_true(sent < len); /* not all of it was taken in */
    lmtp_free(w->lmtp);
    w->settings.idle_ms = w->settings.goodbye_ms = 40;
    world_listen(w);
    world_connect(w);
    (void)!send(w->fd, said, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    for (i = 0; i < 1000 && (i < 10 || !lmtp_is_idle(w->lmtp)); i++) {
        loop_timer_start(w->guard, 10);
        assert_int_equal(loop_run(w->loop, &e), 0);
    }
    assert_true(lmtp_is_idle(w->lmtp));
    free(said);
    world_free(w);
}

static void test_too_many_connections(void **state)
{
    struct world *w = world_new();
    int first;

    (void)state;
    lmtp_free(w->lmtp);
    w->settings.connections_max = 1;
    world_listen(w);
    world_connect(w);
    converse_n(w, HI, strlen(HI), 100, "DELIVERBY");
    first = w->fd;
    w->fd = -1;
    world_connect(w);
    assert_string_equal(converse(w, ""), "421 4.3.2 too many connections, try again later\r\n");
    close(w->fd);
    w->fd = first;
    w->hears_end = false;
    assert_non_null(strstr(converse(w, QUIT), "221 ")); /* the first one is served on */
    world_connect(w);
    assert_non_null(strstr(converse(w, QUIT), "221 ")); /* and its place is free */
    world_free(w);
}

static void test_too_much_mail_at_once(void **state)
{
    struct world *w = world_new();
    char *said = repeat(HI FROM TO TO DATA, "text\r\n", 15000, ".\r\n" FROM TO DATA TEXT QUIT);
    char got[128];

    (void)state;
    lmtp_free(w->lmtp);
    w->settings.memory_max = 80000;
    world_listen(w);
    world_connect(w);
    assert_string_equal(codes(converse(w, said), got),
                        "220 250 250 250 250 354 452 452 250 250 354 250 221 ");
    assert_int_equal(w->mail_count, 1);
    free(said);
    world_free(w);
}

/* The memory of what waits at the owner counts, too, and comes back. */
static void test_memory_comes_back(void **state)
{
    struct world *w = world_new();
    char *said = repeat(HI FROM TO DATA, "text\r\n", 12000, ".\r\n");
    char *again = repeat(FROM TO DATA, "text\r\n", 12000, ".\r\n" QUIT);

    (void)state;
    lmtp_free(w->lmtp);
    w->settings.memory_max = 150000;
    world_listen(w);
    w->answers_late = true;
    world_connect(w);
    converse_n(w, said, strlen(said), 1 << 20, "250 2.0.0");
    assert_null(strstr(converse(w, again), "452"));
    assert_int_equal(w->mail_count, 2);
    free(said);
    free(again);
    world_free(w);
}

static void test_the_owner_says_not_now(void **state)
{
    struct world *w = world_new();
    char got[128];

    (void)state;
    w->refuses_begin = true;
    assert_string_equal(codes(converse(w, HI FROM TO DATA FROM QUIT), got),
                        "220 250 250 250 452 250 221 ");
    world_free(w);
}

static void test_stopping(void **state)
{
    struct world *w = world_new();

    (void)state;
    w->answers_never = true;
    converse_n(w, HI FROM TO DATA TEXT, strlen(HI FROM TO DATA TEXT), 1000, "354");
    lmtp_stop(w->lmtp);
    assert_false(lmtp_is_idle(w->lmtp));
    assert_int_equal(access(w->path, F_OK), -1);
    loop_timer_start(w->answer, 10);
    /* what came whole has its answer, then it is over */
    assert_non_null(strstr(converse(w, ""), "250 2.0.0 juliet\r\n421 4.3.2 "));
    assert_true(lmtp_is_idle(w->lmtp));
    world_free(w);
}

static void test_stopping_in_the_middle(void **state)
{
    struct world *w = world_new();
    const char *heard;

    (void)state;
    converse_n(w, HI FROM TO DATA "half", strlen(HI FROM TO DATA "half"), 1000, "354");
    lmtp_stop(w->lmtp);
    heard = converse(w, "");
    assert_non_null(strstr(heard, "421 4.3.2 "));
    assert_null(strstr(heard, "250 2.0.0"));
    assert_int_equal(w->mail_count, 0);
    world_free(w);
}

/* Neither does a mail begin any more for which all has been said but a word of the owner's: who is
 * asked about it may be gone soon. */
static void test_stopping_while_a_recipient_is_asked_about(void **state)
{
    static const char said[] = HI FROM TO "RCPT TO:<late@md.example>\r\n" DATA TEXT;
    struct world *w = world_new();
    char got[128];

    (void)state;
    w->is_answer_held = true;
    converse_n(w, said, sizeof said - 1, sizeof said - 1, "2.1.5");
    lmtp_stop(w->lmtp);
    loop_timer_start(w->answer, 10);
    assert_string_equal(codes(converse(w, ""), got), "220 250 250 250 250 421 ");
    assert_int_equal(w->begun_count, 0);
    assert_int_equal(w->mail_count, 0);
    world_free(w);
}

/* The file of the socket has the mode it should have; a dead one is replaced, a living one and one
 * that is no socket are not. */
static void test_the_place(void **state)
{
    struct world *w = world_new();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static const struct lmtp_handler handler = {on_recipient, on_begin, on_mail};
    struct stat st;
    struct err e;
    int fd;

    (void)state;
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_null(lmtp_new(w->loop, &clock_system, &w->settings, &handler, w, &e));
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "lmtp.listen"));
    lmtp_free(w->lmtp);

    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, w->path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd); /* as a killed process leaves it */
    world_listen(w);
    world_connect(w);
    assert_non_null(strstr(converse(w, WHOLE), "250 2.0.0"));
    lmtp_free(w->lmtp);

    fclose(fopen(w->path, "w"));
    assert_null(lmtp_new(w->loop, &clock_system, &w->settings, &handler, w, &e));
    unlink(w->path);
    w->lmtp = NULL;
    world_free(w);
}

static void test_tcp(void **state)
{
    struct world *w = world_new();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)fake_port()),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[32];

    (void)state;
    lmtp_free(w->lmtp);
    snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(address.sin_port));
    w->at =
        (struct conf_endpoint){.text = text, .host = "127.0.0.1", .port = ntohs(address.sin_port)};
    world_listen(w);
    close(w->fd);
    w->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(w->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_non_null(strstr(converse(w, WHOLE), "250 2.0.0 juliet"));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mail),
        cmocka_unit_test(test_every_command_in_every_state),
        cmocka_unit_test(test_pieces_cut_anywhere),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_more_than_100_recipients),
        cmocka_unit_test(test_patience_ends),
        cmocka_unit_test(test_silence_ends),
        cmocka_unit_test(test_slowness_ends),
        cmocka_unit_test(test_our_own_slowness_is_not_theirs),
        cmocka_unit_test(test_client_goes_while_we_work),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_a_client_that_does_not_read),
        cmocka_unit_test(test_too_many_connections),
        cmocka_unit_test(test_too_much_mail_at_once),
        cmocka_unit_test(test_memory_comes_back),
        cmocka_unit_test(test_the_owner_says_not_now),
        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_stopping_in_the_middle),
        cmocka_unit_test(test_stopping_while_a_recipient_is_asked_about),
        cmocka_unit_test(test_the_place),
        cmocka_unit_test(test_tcp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
