/*
 * test_send: the sender against scripted servers: each rule about what a reply means, what happens
 * when there is none, and what a kept connection may and may not do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "mail/send.h"
#include "tests/fake/smtp_script.h"

enum { RECIPIENTS_MAX = 100, PATIENCE_MS = 60000, RANDOM_SERVERS = 60 };

#define MESSAGE_HEAD                                                                               \
    "Date: Sat, 1 Jan 2022 00:00:00 +0000\r\nFrom: a@b.example\r\nMessage-ID: <1@b.example>\r\n"
#define MESSAGE MESSAGE_HEAD "Subject: x\r\n\r\nHello\r\n"

/* ---- harness ---- */

struct stage {
    struct loop *loop;
    struct fake_smtp *fake;
    struct sender *sender;
    unsigned to_come; /* jobs whose done is awaited before the loop stops */
};

struct letter {
    struct stage *stage;
    struct send_job job;
    struct send_recipient recipients[RECIPIENTS_MAX];
    int done;            /* how often */
    struct letter *then; /* submitted when this one is done */
};

static void too_long(void *arg)
{
    (void)arg;
    fail_msg("the test takes too long");
}

/* Until every awaited job is done. */
static void run_loop(struct stage *s)
{
    struct loop_timer *timer = loop_timer_new(s->loop, too_long, NULL);
    struct err e;

    assert_non_null(timer);
    loop_timer_start(timer, PATIENCE_MS);
    if (s->to_come > 0)
        assert_int_equal(loop_run(s->loop, &e), 0);
    loop_timer_free(timer);
}

static void on_pause_over(void *arg)
{
    loop_stop(arg);
}

static void pause_ms(struct stage *s, int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(s->loop, on_pause_over, s->loop);
    struct err e;

    assert_non_null(timer);
    loop_timer_start(timer, ms);
    assert_int_equal(loop_run(s->loop, &e), 0);
    loop_timer_free(timer);
}

static struct send_settings settings_for(unsigned port, unsigned connections)
{
    return (struct send_settings){
        .server = {.host = "127.0.0.1", .port = port, .user = "", .password = "", .ca_file = ""},
        .connections = connections,
        .helo_name = "gw.example",
        .connect_timeout_s = 1,
        .reply_timeout_s = 1,
        .waiting_max = 10000};
}

static void open_stage(struct stage *s, const struct fake_smtp_rule *rules, const char *extensions,
                       unsigned connections)
{
    struct send_settings settings;
    struct err e = {0};

    memset(s, 0, sizeof *s);
    s->loop = loop_new(&e);
    assert_non_null(s->loop);
    s->fake = fake_smtp_start(rules, extensions);
    settings = settings_for(fake_smtp_port(s->fake), connections);
    s->sender = sender_new(s->loop, &settings, &e);
    if (!s->sender)
        fail_msg("%s", e.text);
}

static void close_stage(struct stage *s)
{
    sender_free(s->sender);
    fake_smtp_free(s->fake);
    loop_free(s->loop);
}

static void submit(struct letter *l)
{
    assert_int_equal(sender_submit(l->stage->sender, &l->job), 0);
}

static void on_done(struct send_job *job)
{
    struct letter *l = job->arg;

    l->done++;
    if (l->then)
        submit(l->then);
    if (--l->stage->to_come == 0)
        loop_stop(l->stage->loop);
}

static struct letter *new_letter(struct stage *s, const char *message, size_t len,
                                 size_t recipients)
{
    struct letter *l = calloc(1, sizeof *l);
    static const char *const names[] = {"one@x.example", "two@x.example", "three@x.example"};
    size_t i;

    assert_non_null(l);
    assert_true(recipients <= RECIPIENTS_MAX);
    l->stage = s;
    for (i = 0; i < recipients; i++)
        l->recipients[i].address = names[i % 3];
    l->job = (struct send_job){.reverse_path = "bounce@gw.example",
                               .recipients = l->recipients,
                               .recipient_count = recipients,
                               .message = message,
                               .message_len = len,
                               .done = on_done,
                               .arg = l};
    s->to_come++;
    return l;
}

static struct letter *simple_letter(struct stage *s)
{
    return new_letter(s, MESSAGE, strlen(MESSAGE), 1);
}

static void assert_delivered(const struct letter *l)
{
    size_t i;

    assert_int_equal(l->done, 1);
    for (i = 0; i < l->job.recipient_count; i++) {
        if (l->recipients[i].trouble != SEND_ANSWERED || l->recipients[i].code != 250)
            fail_msg("recipient %zu: trouble %d, %d %s", i, (int)l->recipients[i].trouble,
                     l->recipients[i].code, l->recipients[i].text);
    }
}

/* ---- what a reply means: one mail to a server for each row, all rows at once ---- */

struct expected {
    enum send_trouble trouble;
    int code;
    const char *enhanced;
    const char *text; /* is part of the text; NULL: any */
};

struct row {
    const char *name;
    const char *extensions;
    size_t recipients;
    struct expected expected[3];
    size_t mails; /* the server has afterwards */
    struct fake_smtp_rule rules[5];
};

/* clang-format off */
#define REPLY(code, enhanced, text) {SEND_ANSWERED, code, enhanced, text}
#define OK                          REPLY(250, "2.0.0", "queued")
#define TROUBLE(text)               {SEND_CONNECT, 0, "", text}
#define LATE(text)                  {SEND_TIMEOUT, 0, "", text}
#define EACH(e)                     {e, e, e}
#define RULE(verb, reply, then)     {verb, NULL, 0, 0, reply, then, 0, 0}

/* clang-format on */

static const struct row rows[] = {
    {"plain", NULL, 1, {OK}, 1, {{0}}},
    {"three recipients", NULL, 3, EACH(OK), 1, {{0}}},
    {"no extensions", "", 3, EACH(OK), 1, {{0}}},
    {"no pipelining", "SIZE 100000\n8BITMIME\n", 3, EACH(OK), 1, {{0}}},
    {"chunking alone", "CHUNKING\n", 1, {OK}, 1, {{0}}},
    {"strange extensions",
     "X-\xff\xc3\n XUSR\nXUSR\nAUTH=LOGIN\nAUTH PLAIN LOGIN\nSTARTTLS\nchunking\nDSN\n",
     1,
     {OK},
     1,
     {{0}}},

    {"greeting 554",
     NULL,
     1,
     {TROUBLE("refuses the session: 554 5.7.1 go away")},
     0,
     {RULE("GREETING", "554 5.7.1 go away\r\n", FAKE_GO_ON)}},
    {"greeting 421",
     NULL,
     1,
     {TROUBLE("refuses the session: 421 busy now")},
     0,
     {RULE("GREETING", "421-busy\r\n421 now\r\n", FAKE_CLOSE)}},
    {"greeting closes",
     NULL,
     1,
     {TROUBLE("closed the connection while we waited for the greeting")},
     0,
     {RULE("GREETING", "", FAKE_CLOSE)}},
    {"greeting resets", NULL, 1, {TROUBLE(NULL)}, 0, {RULE("GREETING", "", FAKE_RESET)}},
    {"greeting hangs", NULL, 1, {LATE("the greeting")}, 0, {RULE("GREETING", "", FAKE_HANG)}},
    {"greeting in half", NULL, 1, {LATE("the greeting")}, 0, {RULE("GREETING", "22", FAKE_HANG)}},
    {"greeting of many lines",
     NULL,
     1,
     {OK},
     1,
     {RULE("GREETING", "220-a\r\n220-b\r\n220 c\r\n", FAKE_GO_ON)}},
    {"greeting of another protocol",
     NULL,
     1,
     {TROUBLE(NULL)},
     0,
     {RULE("GREETING", "SSH-2.0-x\r\n", FAKE_GO_ON)}},

    {"EHLO 550",
     NULL,
     1,
     {TROUBLE("refuses the session: 550 not you")},
     0,
     {RULE("EHLO", "550 not you\r\n", FAKE_GO_ON)}},
    {"EHLO 451",
     NULL,
     1,
     {TROUBLE("refuses the session: 451 later")},
     0,
     {RULE("EHLO", "451 later\r\n", FAKE_GO_ON)}},
    {"EHLO unknown", NULL, 1, {OK}, 1, {RULE("EHLO", "502 what\r\n", FAKE_GO_ON)}},
    {"EHLO and HELO unknown",
     NULL,
     1,
     {TROUBLE("refuses the session: 504 never")},
     0,
     {RULE("EHLO", "500 what\r\n", FAKE_GO_ON), RULE("HELO", "504 never\r\n", FAKE_GO_ON)}},
    {"EHLO closes", NULL, 1, {TROUBLE("the answer to EHLO")}, 0, {RULE("EHLO", "", FAKE_CLOSE)}},
    {"EHLO hangs", NULL, 1, {LATE("the answer to EHLO")}, 0, {RULE("EHLO", "", FAKE_HANG)}},

    {"MAIL 450",
     NULL,
     2,
     EACH(REPLY(450, "4.7.1", "greylisted")),
     0,
     {RULE("MAIL", "450 4.7.1 greylisted\r\n", FAKE_GO_ON)}},
    {"MAIL 550",
     NULL,
     1,
     {REPLY(550, "5.1.8", "bad sender")},
     0,
     {RULE("MAIL", "550 5.1.8 bad sender\r\n", FAKE_GO_ON)}},
    {"MAIL 421",
     NULL,
     1,
     {REPLY(421, "4.3.2", "closing")},
     0,
     {RULE("MAIL", "421 4.3.2 closing\r\n", FAKE_CLOSE)}},
    {"MAIL 354",
     NULL,
     1,
     {TROUBLE("not to be understood")},
     0,
     {RULE("MAIL", "354 go ahead\r\n", FAKE_GO_ON)}},
    {"MAIL closes", NULL, 1, {TROUBLE("the answer to MAIL")}, 0, {RULE("MAIL", "", FAKE_CLOSE)}},
    {"MAIL hangs", NULL, 1, {LATE("the answer to MAIL")}, 0, {RULE("MAIL", "", FAKE_HANG)}},

    {"RCPT mixed",
     NULL,
     3,
     {OK, REPLY(450, "4.2.1", "away"), REPLY(550, "5.1.1", "no such user")},
     1,
     {{"RCPT", "two@", 0, 0, "450 4.2.1 away\r\n", FAKE_GO_ON, 0, 0},
      {"RCPT", "three@", 0, 0, "550 5.1.1 no such user\r\n", FAKE_GO_ON, 0, 0}}},
    {"RCPT mixed, one by one",
     "SIZE\n",
     3,
     {REPLY(550, "", "no"), OK, REPLY(452, "", "full")},
     1,
     {{"RCPT", "one@", 0, 0, "550 no\r\n", FAKE_GO_ON, 0, 0},
      {"RCPT", "three@", 0, 0, "452 full\r\n", FAKE_GO_ON, 0, 0}}},
    {"RCPT all 450, DATA 554",
     NULL,
     2,
     EACH(REPLY(450, "4.2.0", "not now")),
     0,
     {RULE("RCPT", "450 4.2.0 not now\r\n", FAKE_GO_ON)}},
    {"RCPT all 450, DATA 354",
     NULL,
     2,
     EACH(REPLY(450, "4.2.0", "not now")),
     0,
     {RULE("RCPT", "450 4.2.0 not now\r\n", FAKE_GO_ON), RULE("DATA", "354 go\r\n", FAKE_GO_ON)}},
    {"RCPT all 450, empty mail taken",
     NULL,
     1,
     {REPLY(450, "", "not now")},
     1,
     {RULE("RCPT", "450 not now\r\n", FAKE_GO_ON), RULE("DATA", "354 go\r\n", FAKE_GO_ON),
      RULE("END", "250 thanks for nothing\r\n", FAKE_GO_ON)}},
    {"RCPT all 550",
     NULL,
     3,
     EACH(REPLY(550, "5.1.1", "unknown")),
     0,
     {RULE("RCPT", "550 5.1.1 unknown\r\n", FAKE_GO_ON)}},
    {"RCPT 251", NULL, 1, {OK}, 1, {RULE("RCPT", "251 will forward\r\n", FAKE_GO_ON)}},
    {"RCPT 354",
     NULL,
     2,
     {TROUBLE("not to be understood"), OK},
     1,
     {{"RCPT", "one@", 0, 0, "354 go\r\n", FAKE_GO_ON, 0, 0}}},
    {"RCPT of many lines",
     NULL,
     1,
     {REPLY(550, "5.7.1", "not here, see our page")},
     0,
     {RULE("RCPT", "550-5.7.1 not here,\r\n550 5.7.1 see our page\r\n", FAKE_GO_ON)}},
    {"RCPT of lines that disagree",
     NULL,
     2,
     {REPLY(550, "5.7.1", "not here, see our page"), OK},
     1,
     {{"RCPT", "one@", 0, 0, "550-5.7.1 not here,\r\n550 see our page\r\n", FAKE_GO_ON, 0, 0}}},
    {"RCPT with odd bytes",
     NULL,
     1,
     {REPLY(550, "5.1.1", "n\xc3\xa4\xc3\xa4 ? a b")},
     0,
     {RULE("RCPT", "550 5.1.1 n\xc3\xa4\xc3\xa4 \xff a\tb\r\n", FAKE_GO_ON)}},
    {"RCPT answered for one, then closed",
     NULL,
     3,
     {REPLY(550, "5.1.1", "unknown"), TROUBLE("closed"), TROUBLE("closed")},
     0,
     {{"RCPT", "one@", 0, 0, "550 5.1.1 unknown\r\n", FAKE_GO_ON, 0, 0},
      {"RCPT", "two@", 0, 0, "", FAKE_CLOSE, 0, 0}}},
    {"RCPT hangs", NULL, 2, EACH(LATE("RCPT or DATA")), 0, {RULE("RCPT", "", FAKE_HANG)}},

    {"DATA 451",
     NULL,
     2,
     EACH(REPLY(451, "4.3.0", "disk")),
     0,
     {RULE("DATA", "451 4.3.0 disk\r\n", FAKE_GO_ON)}},
    {"DATA 554", NULL, 1, {REPLY(554, "", "no")}, 0, {RULE("DATA", "554 no\r\n", FAKE_GO_ON)}},
    {"DATA 250",
     NULL,
     1,
     {TROUBLE("not to be understood")},
     0,
     {RULE("DATA", "250 fine\r\n", FAKE_GO_ON)}},
    {"DATA closes", NULL, 1, {TROUBLE("closed")}, 0, {RULE("DATA", "", FAKE_CLOSE)}},
    {"DATA hangs", NULL, 1, {LATE("RCPT or DATA")}, 0, {RULE("DATA", "", FAKE_HANG)}},

    {"end 451",
     NULL,
     2,
     EACH(REPLY(451, "4.7.1", "scanner away")),
     0,
     {RULE("END", "451 4.7.1 scanner away\r\n", FAKE_GO_ON)}},
    {"end 552",
     NULL,
     1,
     {REPLY(552, "5.3.4", "too big")},
     0,
     {RULE("END", "552 5.3.4 too big\r\n", FAKE_GO_ON)}},
    {"end 421", NULL, 1, {REPLY(421, "", "down")}, 0, {RULE("END", "421 down\r\n", FAKE_CLOSE)}},
    {"end 354",
     NULL,
     1,
     {TROUBLE("not to be understood")},
     0,
     {RULE("END", "354 more\r\n", FAKE_GO_ON)}},
    {"end 250 without words",
     NULL,
     1,
     {REPLY(250, "", NULL)},
     1,
     {RULE("END", "250\r\n", FAKE_GO_ON)}},
    {"end of lines that disagree",
     NULL,
     1,
     {REPLY(250, "2.0.0", "a b")},
     1,
     {RULE("END", "250-2.0.0 a\r\n250 b\r\n", FAKE_GO_ON)}},
    {"end enhanced code of another class",
     NULL,
     1,
     {REPLY(450, "", "5.1.1 odd")},
     0,
     {RULE("END", "450 5.1.1 odd\r\n", FAKE_GO_ON)}},
    {"end closes",
     NULL,
     1,
     {TROUBLE("closed the connection while we waited for the end of the mail")},
     0,
     {RULE("END", "", FAKE_CLOSE)}},
    {"end closes in half a reply", NULL, 1, {TROUBLE(NULL)}, 1, {RULE("END", "25", FAKE_CLOSE)}},
    {"end hangs", NULL, 1, {LATE("the end of the mail")}, 0, {RULE("END", "", FAKE_HANG)}},
    {"end and no goodbye", NULL, 1, {OK}, 1, {RULE("QUIT", "", FAKE_HANG)}},
    {"one RCPT 550, end closes",
     NULL,
     2,
     {REPLY(550, "", "no"), TROUBLE("closed")},
     0,
     {{"RCPT", "one@", 0, 0, "550 no\r\n", FAKE_GO_ON, 0, 0}, RULE("END", "", FAKE_CLOSE)}},

    {"slow replies",
     NULL,
     2,
     EACH(OK),
     1,
     {{"GREETING", NULL, 0, 0, NULL, FAKE_GO_ON, 200, 0},
      {"RCPT", NULL, 0, 0, NULL, FAKE_GO_ON, 200, 0},
      {"END", NULL, 0, 0, NULL, FAKE_GO_ON, 200, 20}}},
    {"a reply that never ends",
     NULL,
     1,
     {LATE("took too long")},
     0,
     {{"RCPT", NULL, 0, 0,
       "250-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n250 b\r\n",
       FAKE_GO_ON, 0, 100}}},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void check_row(const struct row *row, struct letter *l, struct fake_smtp *fake)
{
    size_t i;

    assert_int_equal(l->done, 1);
    for (i = 0; i < row->recipients; i++) {
        const struct expected *x = &row->expected[i];
        const struct send_recipient *r = &l->recipients[i];

        if (r->trouble != x->trouble || r->code != x->code ||
            strcmp(r->enhanced, x->enhanced) != 0 || (x->text && !strstr(r->text, x->text)))
            fail_msg("%s, recipient %zu: trouble %d, %d \"%s\" \"%s\"", row->name, i,
                     (int)r->trouble, r->code, r->enhanced, r->text);
    }
    if (fake_smtp_mail_count(fake) != row->mails)
        fail_msg("%s: %zu mails", row->name, fake_smtp_mail_count(fake));
    if (fake_smtp_count(fake, "BDAT") + fake_smtp_count(fake, "OTHER") > 0)
        fail_msg("%s: a command that should not be used", row->name);
}

static void test_replies(void **state)
{
    static struct stage stages[ROWS];
    struct letter *letters[ROWS];
    size_t i;

    (void)state;
    for (i = 0; i < ROWS; i++) {
        open_stage(&stages[i], rows[i].rules, rows[i].extensions, 1);
        letters[i] = new_letter(&stages[i], MESSAGE, strlen(MESSAGE), rows[i].recipients);
        submit(letters[i]);
    }
    for (i = 0; i < ROWS; i++) {
        run_loop(&stages[i]);
        sender_free(stages[i].sender);
        stages[i].sender = NULL;
        fake_smtp_stop(stages[i].fake);
        check_row(&rows[i], letters[i], stages[i].fake);
        close_stage(&stages[i]);
        free(letters[i]);
    }
}

/* Whatever comes back, every job is answered once, nothing crashes, and only what was taken is
 * called delivered.  The replies of each server are drawn anew. */
static const char *draw_reply(unsigned *seed)
{
    static char long_line[3000], many_lines[8000];
    static const char *const menu[] = {"250 ok\r\n",
                                       "250-a\r\n250 b\r\n",
                                       "250\r\n",
                                       "250-\r\n250\r\n",
                                       "354 go\r\n",
                                       "421 bye\r\n",
                                       "450 4.1.1 later\r\n",
                                       "550 5.1.1 no\r\n",
                                       "550-a\r\n550 b\r\n",
                                       "\r\n",
                                       "garbage\r\n",
                                       "250-a\r\n350 b\r\n",
                                       "999 odd\r\n",
                                       "-50 odd\r\n",
                                       "2500 odd\r\n",
                                       "250 a\r\n250 b\r\n250 c\r\n354 d\r\n250 e\r\n",
                                       "220 again\r\n",
                                       "250-PIPELINING\r\n250 CHUNKING\r\n",
                                       long_line,
                                       many_lines};
    enum { MENU = sizeof menu / sizeof menu[0] };
    size_t len = 0;

    memset(long_line, 'x', sizeof long_line - 1);
    memcpy(long_line, "250 ", 4);
    memcpy(long_line + sizeof long_line - 3, "\r\n", 2);
    while (len < sizeof many_lines - 40)
        len += (size_t)sprintf(many_lines + len, "550-5.1.1 a line like others\r\n");
    sprintf(many_lines + len, "550 end\r\n");
    *seed = *seed * 1103515245u + 12345u;
    return menu[*seed / 65536 % MENU];
}

static void try_random_server(unsigned seed)
{
    static const char *const verbs[] = {"GREETING", "EHLO", "HELO", "MAIL", "RCPT",
                                        "DATA",     "END",  "RSET", "QUIT"};
    struct fake_smtp_rule rules[4] = {{0}};
    struct letter *letters[6];
    struct stage s;
    size_t i, delivered = 0;

    for (i = 0; i < 3; i++) {
        rules[i].reply = draw_reply(&seed);
        seed = seed * 1103515245u + 12345u;
        rules[i].verb = verbs[seed / 65536 % 9];
        rules[i].mail = seed / 1048576 % 3;
        rules[i].then = seed / 4194304 % 4 == 0 ? FAKE_CLOSE : FAKE_GO_ON;
    }
    open_stage(&s, rules, NULL, 1);
    for (i = 0; i < 6; i++)
        submit(letters[i] = new_letter(&s, MESSAGE, strlen(MESSAGE), i % 3 + 1));
    run_loop(&s);
    sender_free(s.sender);
    s.sender = NULL;
    fake_smtp_stop(s.fake);
    for (i = 0; i < 6; i++) {
        assert_int_equal(letters[i]->done, 1);
        if (letters[i]->recipients[0].trouble == SEND_ANSWERED &&
            letters[i]->recipients[0].code / 100 == 2)
            delivered++;
        free(letters[i]);
    }
    /* Replies sent ahead may claim more than was taken; nothing else may. */
    for (i = 0; i < 3; i++)
        if (strstr(rules[i].reply, "354 d"))
            delivered = 0;
    if (delivered > fake_smtp_mail_count(s.fake))
        fail_msg("%zu delivered, %zu taken", delivered, fake_smtp_mail_count(s.fake));
    close_stage(&s);
}

static void test_random_servers(void **state)
{
    unsigned seed;

    (void)state;
    for (seed = 1; seed <= RANDOM_SERVERS; seed++)
        try_random_server(seed * 7919);
}

/* ---- kept connections ---- */

struct keep_row {
    const char *name;
    int codes[4]; /* of the first recipient of each mail; 0: trouble; all mails are sent one after
                     the other */
    unsigned connections; /* the server has seen afterwards */
    size_t mails;
    struct fake_smtp_rule rules[3];
};

static const struct keep_row keep_rows[] = {
    {"kept", {250, 250, 250, 250}, 1, 4, {{0}}},
    {"421 to MAIL",
     {250, 250, 250, 250},
     2,
     4,
     {{"MAIL", NULL, 1, 2, "421 4.4.2 idle\r\n", FAKE_CLOSE, 0, 0}}},
    {"closed after a mail",
     {250, 250, 250, 250},
     2,
     4,
     {{"END", NULL, 1, 2, NULL, FAKE_CLOSE, 0, 0}}},
    {"421 after a mail",
     {250, 250, 250, 250},
     2,
     4,
     {{"END", NULL, 1, 1, "250 2.0.0 queued\r\n421 4.4.2 idle\r\n", FAKE_HANG_WHEN_READ, 0, 0}}},
    {"closed at MAIL", {250, 250, 250, 250}, 2, 4, {{"MAIL", NULL, 1, 3, "", FAKE_CLOSE, 0, 0}}},
    {"reset at MAIL", {250, 250, 250, 250}, 2, 4, {{"MAIL", NULL, 1, 3, "", FAKE_RESET, 0, 0}}},
    {"silent at MAIL", {250, 250, 250, 250}, 2, 4, {{"MAIL", NULL, 1, 2, "", FAKE_HANG, 0, 0}}},
    {"closed at RCPT", {250, 250, 250, 250}, 2, 4, {{"RCPT", NULL, 1, 2, "", FAKE_CLOSE, 0, 0}}},
    {"closed at DATA", {250, 250, 250, 250}, 2, 4, {{"DATA", NULL, 1, 2, "", FAKE_CLOSE, 0, 0}}},
    {"closed at MAIL on each",
     {250, 0, 250, 250},
     3,
     3,
     {{"MAIL", NULL, 1, 2, "", FAKE_CLOSE, 0, 0}, {"MAIL", NULL, 2, 1, "", FAKE_CLOSE, 0, 0}}},
    /* It may have been accepted: never sent a second time from here. */
    {"closed at the end", {250, 0, 250, 250}, 2, 3, {{"END", NULL, 1, 2, "", FAKE_CLOSE, 0, 0}}},
    {"silent at the end", {250, 0, 250, 250}, 2, 3, {{"END", NULL, 1, 2, "", FAKE_HANG, 0, 0}}},
    {"MAIL refused",
     {250, 550, 450, 250},
     1,
     2,
     {{"MAIL", NULL, 0, 2, "550 no\r\n", FAKE_GO_ON, 0, 0},
      {"MAIL", NULL, 0, 3, "450 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"MAIL refused first",
     {550, 250, 250, 250},
     1,
     3,
     {{"MAIL", NULL, 0, 1, "550 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"RCPT refused",
     {250, 550, 250, 250},
     2,
     3,
     {{"RCPT", NULL, 1, 2, "550 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"DATA refused",
     {250, 451, 250, 250},
     2,
     3,
     {{"DATA", NULL, 1, 2, "451 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"end refused",
     {250, 554, 451, 250},
     1,
     2,
     {{"END", NULL, 0, 2, "554 no\r\n", FAKE_GO_ON, 0, 0},
      {"END", NULL, 0, 3, "451 no\r\n", FAKE_GO_ON, 0, 0}}},
    {"end 421", {250, 421, 250, 250}, 2, 3, {{"END", NULL, 1, 2, "421 no\r\n", FAKE_GO_ON, 0, 0}}},
};

enum { KEEP_ROWS = sizeof keep_rows / sizeof keep_rows[0] };

static void check_keep_row(const struct keep_row *row, struct stage *s,
                           struct letter *const *letters)
{
    size_t i;

    for (i = 0; i < 4; i++) {
        const struct send_recipient *r = &letters[i]->recipients[0];

        assert_int_equal(letters[i]->done, 1);
        if (r->code != row->codes[i] || (r->code == 0) != (r->trouble != SEND_ANSWERED))
            fail_msg("%s, mail %zu: trouble %d, %d %s", row->name, i + 1, (int)r->trouble, r->code,
                     r->text);
    }
    fake_smtp_stop(s->fake);
    if (fake_smtp_connections(s->fake) != row->connections)
        fail_msg("%s: %u connections", row->name, fake_smtp_connections(s->fake));
    if (fake_smtp_mail_count(s->fake) != row->mails)
        fail_msg("%s: %zu mails", row->name, fake_smtp_mail_count(s->fake));
}

static void test_kept_connections(void **state)
{
    struct letter *letters[4];
    struct stage s;
    size_t i, k;

    (void)state;
    for (i = 0; i < KEEP_ROWS; i++) {
        open_stage(&s, keep_rows[i].rules, NULL, 1);
        for (k = 0; k < 4; k++) {
            letters[k] = simple_letter(&s);
            if (k > 0)
                letters[k - 1]->then = letters[k];
        }
        submit(letters[0]);
        run_loop(&s);
        check_keep_row(&keep_rows[i], &s, letters);
        close_stage(&s);
        for (k = 0; k < 4; k++)
            free(letters[k]);
    }
}

static void test_idle_connection_is_closed(void **state)
{
    struct stage s;
    struct letter *l;
    int i;

    (void)state;
    open_stage(&s, NULL, NULL, 2);
    l = simple_letter(&s);
    submit(l);
    run_loop(&s);
    assert_delivered(l);
    assert_int_equal(fake_smtp_open(s.fake), 1);
    for (i = 0; i < 100 && fake_smtp_open(s.fake) > 0; i++)
        pause_ms(&s, 100);
    assert_int_equal(fake_smtp_open(s.fake), 0);
    assert_int_equal(fake_smtp_count(s.fake, "QUIT"), 1);
    close_stage(&s);
    free(l);
}

static void test_session_is_renewed(void **state)
{
    enum { MAILS = 450 };
    static struct letter *letters[MAILS];
    struct stage s;
    size_t i;

    (void)state;
    open_stage(&s, NULL, NULL, 1);
    for (i = 0; i < MAILS; i++)
        submit(letters[i] = simple_letter(&s));
    run_loop(&s);
    for (i = 0; i < MAILS; i++) {
        assert_delivered(letters[i]);
        free(letters[i]);
    }
    fake_smtp_stop(s.fake);
    assert_int_equal(fake_smtp_mail_count(s.fake), MAILS);
    assert_int_equal(fake_smtp_connections(s.fake), 3);
    close_stage(&s);
}

/* ---- the message ---- */

/* A message of about `size` bytes in which many lines start with dots. */
static char *dotty_message(size_t size, size_t *len_out)
{
    static const char *const lines[] = {
        ".\r\n",  "..\r\n", ".a\r\n",   "\r\n",
        "a.\r\n", ". \r\n", "QUIT\r\n", "0123456789012345678901234567890123456789\r\n"};
    char *m = malloc(size + 2048);
    size_t len, i = 0;

    if (!m)
        abort();
    len = (size_t)sprintf(m, "%s.X: dot\r\n Subject: folded\r\n\t.more\r\n\r\n", MESSAGE_HEAD);
    /* One line as long as may be. */
    memset(m + len, 'x', 998);
    len += 998;
    len += (size_t)sprintf(m + len, "\r\n");
    while (len < size)
        len += (size_t)sprintf(m + len, "%s", lines[i++ % 8]);
    *len_out = len;
    return m;
}

static void test_messages_arrive_to_the_byte(void **state)
{
    static const size_t sizes[] = {1000, 2047, 2048, 2049, 3000, 4096, 100000, 5000000};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    static const char *const extensions[] = {NULL, ""};
    struct letter *letters[SIZES];
    const struct fake_smtp_mail *got;
    char *messages[SIZES];
    struct stage s;
    size_t lens[SIZES], i, k;

    (void)state;
    for (k = 0; k < 2; k++) {
        open_stage(&s, NULL, extensions[k], 1);
        for (i = 0; i < SIZES; i++) {
            messages[i] = dotty_message(sizes[i], &lens[i]);
            submit(letters[i] = new_letter(&s, messages[i], lens[i], 1));
        }
        run_loop(&s);
        fake_smtp_stop(s.fake);
        for (i = 0; i < SIZES; i++) {
            assert_delivered(letters[i]);
            got = fake_smtp_mail(s.fake, i);
            assert_non_null(got);
            assert_int_equal(got->len, lens[i]);
            assert_memory_equal(got->data, messages[i], lens[i]);
            free(messages[i]);
            free(letters[i]);
        }
        close_stage(&s);
    }
}

static void test_envelope(void **state)
{
    struct letter *l, *null_path;
    struct stage s;
    char size[40];

    (void)state;
    open_stage(&s, NULL, NULL, 1);
    l = new_letter(&s, MESSAGE, strlen(MESSAGE), RECIPIENTS_MAX);
    l->recipients[99].address = "\"a\\\"b\"%x=y+z/!#$@last.example";
    null_path = simple_letter(&s);
    null_path->job.reverse_path = "";
    submit(l);
    submit(null_path);
    run_loop(&s);
    fake_smtp_stop(s.fake);
    assert_delivered(l);
    assert_delivered(null_path);
    snprintf(size, sizeof size, "<bounce@gw.example> SIZE=%zu", strlen(MESSAGE));
    assert_string_equal(fake_smtp_mail(s.fake, 0)->from + strlen("MAIL FROM:"), size);
    assert_non_null(strstr(fake_smtp_mail(s.fake, 0)->recipients,
                           "RCPT TO:<\"a\\\"b\"%x=y+z/!#$@last.example>\n"));
    assert_int_equal(strncmp(fake_smtp_mail(s.fake, 1)->from, "MAIL FROM:<>", 12), 0);
    assert_int_equal(fake_smtp_count(s.fake, "RCPT"), RECIPIENTS_MAX + 1);
    close_stage(&s);
    free(l);
    free(null_path);
}

static void test_what_is_not_fit_is_not_sent(void **state)
{
    static const char bare[] = MESSAGE_HEAD "\r\na\n.\r\nMAIL FROM:<x@y>\r\n";
    struct letter *l, *whole, *reverse;
    struct stage s;

    (void)state;
    open_stage(&s, NULL, NULL, 1);
    l = new_letter(&s, MESSAGE, strlen(MESSAGE), 3);
    l->recipients[0].address = "a@b>\r\nRCPT TO:<evil@x.example";
    l->recipients[2].address = "j\xc3\xbcrgen@x.example";
    whole = new_letter(&s, bare, sizeof bare - 1, 2);
    reverse = simple_letter(&s);
    reverse->job.reverse_path = "a b@x.example";
    submit(l);
    submit(whole);
    submit(reverse);
    run_loop(&s);
    assert_int_equal(l->recipients[0].trouble, SEND_UNSENT);
    assert_int_equal(l->recipients[0].code, 553);
    assert_string_equal(l->recipients[0].enhanced, "5.1.3");
    assert_int_equal(l->recipients[1].trouble, SEND_ANSWERED);
    assert_int_equal(l->recipients[1].code, 250);
    assert_int_equal(l->recipients[2].trouble, SEND_UNSENT);
    assert_string_equal(l->recipients[2].enhanced, "5.6.7");
    assert_int_equal(whole->recipients[1].trouble, SEND_UNSENT);
    assert_string_equal(whole->recipients[1].enhanced, "5.6.0");
    assert_int_equal(reverse->recipients[0].trouble, SEND_UNSENT);
    assert_string_equal(reverse->recipients[0].enhanced, "5.1.7");
    assert_int_equal(fake_smtp_count(s.fake, "MAIL"), 1);
    assert_int_equal(fake_smtp_count(s.fake, "RCPT"), 1);
    close_stage(&s);
    free(l);
    free(whole);
    free(reverse);
}

/* ---- the socket ---- */

/* Our end of the connection to the port; -1: there is none. */
static int find_descriptor(unsigned port)
{
    struct sockaddr_in peer;
    socklen_t len;
    int fd;

    for (fd = 0; fd < 1024; fd++) {
        len = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port)
            return fd;
    }
    return -1;
}

static unsigned count_descriptors(void)
{
    unsigned n = 0;
    int fd;

    for (fd = 0; fd < 1024; fd++)
        if (lseek(fd, 0, SEEK_CUR) >= 0 || dup2(fd, fd) >= 0)
            n++;
    return n;
}

static void test_socket(void **state)
{
    struct stage s;
    struct letter *l;
    int fd, value = 0;
    socklen_t len = sizeof value;

    (void)state;
    open_stage(&s, NULL, NULL, 1);
    l = simple_letter(&s);
    submit(l);
    run_loop(&s);
    assert_delivered(l);
    fd = find_descriptor(fake_smtp_port(s.fake));
    assert_true(fd >= 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    assert_true(value);
    close_stage(&s);
    free(l);
}

static void test_no_descriptor_is_lost(void **state)
{
    static const struct fake_smtp_rule rules[] = {
        {"MAIL", NULL, 2, 0, "", FAKE_CLOSE, 0, 0},
        {"RCPT", NULL, 4, 0, "550 no\r\n", FAKE_GO_ON, 0, 0},
        {"GREETING", NULL, 5, 0, "421 no\r\n", FAKE_CLOSE, 0, 0},
        {"END", NULL, 6, 0, "", FAKE_RESET, 0, 0},
        {"QUIT", NULL, 0, 0, "", FAKE_CLOSE, 0, 0},
        {0}};
    unsigned before = count_descriptors();
    struct letter *letters[40];
    struct stage s;
    size_t i;

    (void)state;
    open_stage(&s, rules, NULL, 3);
    for (i = 0; i < 40; i++)
        submit(letters[i] = simple_letter(&s));
    run_loop(&s);
    for (i = 0; i < 40; i++) {
        assert_int_equal(letters[i]->done, 1);
        free(letters[i]);
    }
    close_stage(&s);
    assert_int_equal(count_descriptors(), before);
}

static void test_connection_refused(void **state)
{
    struct send_settings settings;
    struct err e = {0};
    struct stage s;
    struct letter *l;

    (void)state;
    open_stage(&s, NULL, NULL, 1);
    sender_free(s.sender);
    settings = settings_for(fake_smtp_port(s.fake), 1);
    fake_smtp_stop(s.fake); /* nobody listens there now */
    s.sender = sender_new(s.loop, &settings, &e);
    assert_non_null(s.sender);
    l = new_letter(&s, MESSAGE, strlen(MESSAGE), 2);
    submit(l);
    run_loop(&s);
    assert_int_equal(l->recipients[0].trouble, SEND_CONNECT);
    assert_int_equal(l->recipients[1].trouble, SEND_CONNECT);
    assert_non_null(strstr(l->recipients[1].text, "refused"));
    close_stage(&s);
    free(l);
}

static void test_connecting_takes_too_long(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), fill[8];
    socklen_t len = sizeof a;
    struct send_settings settings;
    struct err e = {0};
    struct stage s;
    struct letter *l;
    int64_t start_ms;
    size_t i;

    (void)state;
    /* A listener whose queue is full drops what comes. */
    assert_int_equal(bind(listener, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    for (i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fill[i], (const struct sockaddr *)&a, sizeof a);
    }
    open_stage(&s, NULL, NULL, 1);
    sender_free(s.sender);
    settings = settings_for(ntohs(a.sin_port), 1);
    s.sender = sender_new(s.loop, &settings, &e);
    assert_non_null(s.sender);
    l = simple_letter(&s);
    start_ms = clock_mono_ms(&clock_system);
    submit(l);
    run_loop(&s);
    assert_int_equal(l->recipients[0].trouble, SEND_TIMEOUT);
    assert_true(clock_mono_ms(&clock_system) - start_ms >= 900);
    close_stage(&s);
    free(l);
    for (i = 0; i < 8; i++)
        close(fill[i]);
    close(listener);
}

static void test_server_stops_reading(void **state)
{
    static const struct fake_smtp_rule rules[] = {
        {"DATA", NULL, 1, 0, "354 go\r\n", FAKE_HANG, 0, 0}, {0}};
    struct stage s;
    struct letter *l;
    size_t len;
    char *message = dotty_message(20000000, &len);

    (void)state;
    open_stage(&s, rules, NULL, 1);
    l = new_letter(&s, message, len, 1);
    l->then = simple_letter(&s);
    submit(l);
    run_loop(&s);
    assert_int_equal(l->recipients[0].trouble, SEND_TIMEOUT);
    assert_non_null(strstr(l->recipients[0].text, "stopped reading"));
    assert_delivered(l->then);
    close_stage(&s);
    free(l->then);
    free(l);
    free(message);
}

/* ---- the pool ---- */

static void test_many_jobs_on_few_connections(void **state)
{
    enum { MAILS = 600, CONNECTIONS = 3 };
    static struct letter *letters[MAILS];
    static char messages[MAILS][400];
    static const struct fake_smtp_rule rules[] = {{"END", NULL, 0, 0, NULL, FAKE_GO_ON, 1, 0}, {0}};
    static unsigned seen[MAILS];
    const struct fake_smtp_mail *got;
    struct stage s;
    unsigned number;
    size_t i;

    (void)state;
    memset(seen, 0, sizeof seen);
    open_stage(&s, rules, NULL, CONNECTIONS);
    for (i = 0; i < MAILS; i++) {
        snprintf(messages[i], sizeof messages[i], "X-Number: %zu\r\n%s", i, MESSAGE);
        submit(letters[i] = new_letter(&s, messages[i], strlen(messages[i]), 1));
    }
    run_loop(&s);
    fake_smtp_stop(s.fake);
    assert_true(fake_smtp_most_at_once(s.fake) <= CONNECTIONS);
    assert_int_equal(fake_smtp_mail_count(s.fake), MAILS);
    for (i = 0; i < MAILS; i++) {
        got = fake_smtp_mail(s.fake, i);
        assert_int_equal(sscanf(got->data, "X-Number: %u", &number), 1);
        assert_true(number < MAILS);
        assert_int_equal(++seen[number], 1);
        assert_int_equal(got->len, strlen(messages[number]));
        assert_memory_equal(got->data, messages[number], got->len);
        assert_delivered(letters[i]);
    }
    close_stage(&s);
    for (i = 0; i < MAILS; i++)
        free(letters[i]);
}

/* One mail at a time needs one connection, however many there may be. */
static void test_keeper_comes_first(void **state)
{
    struct letter *letters[20];
    struct stage s;
    size_t i;

    (void)state;
    open_stage(&s, NULL, NULL, 8);
    for (i = 0; i < 20; i++) {
        submit(letters[i] = simple_letter(&s));
        run_loop(&s);
        assert_delivered(letters[i]);
        pause_ms(&s, 5); /* the worker goes back to waiting */
    }
    assert_int_equal(fake_smtp_connections(s.fake), 1);
    close_stage(&s);
    for (i = 0; i < 20; i++)
        free(letters[i]);
}

static void test_full_queue_refuses(void **state)
{
    static const struct fake_smtp_rule rules[] = {{"GREETING", NULL, 0, 0, "", FAKE_HANG, 0, 0},
                                                  {0}};
    struct send_settings settings;
    struct letter *letters[8];
    struct err e = {0};
    struct stage s;
    unsigned taken = 0;
    size_t i;

    (void)state;
    open_stage(&s, rules, NULL, 1);
    sender_free(s.sender);
    settings = settings_for(fake_smtp_port(s.fake), 1);
    settings.waiting_max = 3;
    s.sender = sender_new(s.loop, &settings, &e);
    assert_non_null(s.sender);
    for (i = 0; i < 8; i++) {
        letters[i] = simple_letter(&s);
        if (sender_submit(s.sender, &letters[i]->job) == 0)
            taken++;
    }
    /* Three wait, one more may be with the worker already. */
    assert_true(taken == 3 || taken == 4);
    sender_free(s.sender);
    s.sender = NULL;
    for (i = 0; i < 8; i++) {
        assert_int_equal(letters[i]->done, i < taken);
        if (i < taken)
            assert_int_not_equal(letters[i]->recipients[0].trouble, SEND_ANSWERED);
        free(letters[i]);
    }
    close_stage(&s);
}

static void test_stop_while_busy(void **state)
{
    static const struct fake_smtp_rule rules[] = {{"RCPT", "two@", 0, 0, "", FAKE_HANG, 0, 0},
                                                  {"END", NULL, 0, 0, NULL, FAKE_GO_ON, 300, 0},
                                                  {0}};
    struct letter *slow, *hung, *waiting[3];
    struct stage s;
    size_t i;

    (void)state;
    open_stage(&s, rules, NULL, 2);
    submit(slow = simple_letter(&s));
    hung = simple_letter(&s);
    hung->recipients[0].address = "two@x.example";
    submit(hung);
    while (fake_smtp_count(s.fake, "END") == 0 || fake_smtp_count(s.fake, "RCPT") < 2)
        pause_ms(&s, 5);
    for (i = 0; i < 3; i++)
        submit(waiting[i] = simple_letter(&s));
    sender_free(s.sender);
    s.sender = NULL;
    assert_delivered(slow);
    assert_int_equal(hung->done, 1);
    assert_int_equal(hung->recipients[0].trouble, SEND_TIMEOUT);
    for (i = 0; i < 3; i++) {
        assert_int_equal(waiting[i]->done, 1);
        assert_int_equal(waiting[i]->recipients[0].trouble, SEND_CONNECT);
        assert_string_equal(waiting[i]->recipients[0].text, "stopping");
        free(waiting[i]);
    }
    close_stage(&s);
    free(slow);
    free(hung);
}

/* ---- before and beside sending ---- */

static void test_check(void **state)
{
    static const struct {
        struct conf_server server;
        const char *advice; /* NULL: the hop can be served */
    } cases[] = {
        {{.host = "127.0.0.1", .port = 25}, NULL},
        {{.host = "::1", .port = 25, .user = ""}, NULL},
        {{.host = "10.1.2.3", .port = 25}, NULL},
        {{.host = "relay.example", .port = 25}, NULL},
        {{.host = "127.0.0.1", .port = 25, .tls = CONF_TLS_STARTTLS}, "smtp.tls"},
        {{.host = "127.0.0.1", .port = 465, .tls = CONF_TLS_IMPLICIT}, "tls = \"none\""},
        {{.host = "127.0.0.1", .port = 25, .user = "me"}, "smtp.user"},
        {{.host = "192.0.2.1", .port = 25}, "smtp.host"},
        {{.host = "2001:db8::1", .port = 25}, "smtp.host"},
        {{.host = "", .port = 25}, "smtp.host"},
    };
    struct send_settings settings;
    struct loop *loop;
    struct err e;
    size_t i;

    (void)state;
    loop = loop_new(&e);
    assert_non_null(loop);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err_clear(&e);
        if (!cases[i].advice) {
            assert_int_equal(send_check(&cases[i].server, &e), 0);
            continue;
        }
        assert_int_equal(send_check(&cases[i].server, &e), -1);
        assert_int_equal(e.class, ERR_PERMANENT);
        assert_non_null(strstr(e.text, cases[i].advice));
        settings = settings_for(25, 1);
        settings.server = cases[i].server;
        assert_null(sender_new(loop, &settings, &e));
        assert_int_equal(e.class, ERR_PERMANENT);
    }
    loop_free(loop);
}

static void test_probe(void **state)
{
    static const struct {
        int status;
        enum err_class class;
        const char *text; /* part of the greeting, or of the error */
        struct fake_smtp_rule rules[3];
    } cases[] = {
        {0,
         ERR_NONE,
         "mx.example ESMTP here",
         {RULE("GREETING", "220-mx.example\r\n220 ESMTP here\r\n", FAKE_GO_ON)}},
        {0, ERR_NONE, "fake", {RULE("EHLO", "502 what\r\n", FAKE_GO_ON)}},
        {0, ERR_NONE, "fake", {RULE("QUIT", "", FAKE_HANG)}},
        {-1, ERR_PERMANENT, "554 go away", {RULE("GREETING", "554 go away\r\n", FAKE_GO_ON)}},
        {-1, ERR_RETRY, "421 busy", {RULE("GREETING", "421 busy\r\n", FAKE_CLOSE)}},
        {-1, ERR_RETRY, "in time", {RULE("GREETING", "", FAKE_HANG)}},
        {-1, ERR_RETRY, "EHLO", {RULE("EHLO", "", FAKE_CLOSE)}},
        {-1,
         ERR_PERMANENT,
         "HELO",
         {RULE("EHLO", "500 a\r\n", FAKE_GO_ON), RULE("HELO", "550 b\r\n", FAKE_GO_ON)}},
    };
    struct send_settings settings;
    struct fake_smtp *fake;
    char text[200];
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err_clear(&e);
        fake = fake_smtp_start(cases[i].rules, NULL);
        settings = settings_for(fake_smtp_port(fake), 1);
        assert_int_equal(send_probe(&settings, text, sizeof text, &e), cases[i].status);
        assert_int_equal(e.class, cases[i].class);
        assert_non_null(strstr(cases[i].status == 0 ? text : e.text, cases[i].text));
        fake_smtp_free(fake);
    }
    settings.server.host = "relay..example";
    assert_int_equal(send_probe(&settings, text, sizeof text, &e), -1);
    settings.server.tls = CONF_TLS_IMPLICIT;
    assert_int_equal(send_probe(&settings, text, sizeof text, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_random_servers),
        cmocka_unit_test(test_kept_connections),
        cmocka_unit_test(test_idle_connection_is_closed),
        cmocka_unit_test(test_session_is_renewed),
        cmocka_unit_test(test_messages_arrive_to_the_byte),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_what_is_not_fit_is_not_sent),
        cmocka_unit_test(test_socket),
        cmocka_unit_test(test_no_descriptor_is_lost),
        cmocka_unit_test(test_connection_refused),
        cmocka_unit_test(test_connecting_takes_too_long),
        cmocka_unit_test(test_server_stops_reading),
        cmocka_unit_test(test_many_jobs_on_few_connections),
        cmocka_unit_test(test_keeper_comes_first),
        cmocka_unit_test(test_full_queue_refuses),
        cmocka_unit_test(test_stop_while_busy),
        cmocka_unit_test(test_probe),
    };

    signal(SIGPIPE, SIG_IGN); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
