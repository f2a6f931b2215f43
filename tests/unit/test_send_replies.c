/*
 * test_send_replies: what each reply means for each recipient, and what is said when there is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "tests/fake/send_stage.h"

enum { RANDOM_SERVERS = 60 };

/* One mail to a server for each row, all rows at once. */
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
     {FAKE_RULE("GREETING", "554 5.7.1 go away\r\n", FAKE_GO_ON)}},
    {"greeting 421",
     NULL,
     1,
     {TROUBLE("refuses the session: 421 busy now")},
     0,
     {FAKE_RULE("GREETING", "421-busy\r\n421 now\r\n", FAKE_CLOSE)}},
    {"greeting closes",
     NULL,
     1,
     {TROUBLE("closed the connection while we waited for the greeting")},
     0,
     {FAKE_RULE("GREETING", "", FAKE_CLOSE)}},
    {"greeting resets", NULL, 1, {TROUBLE(NULL)}, 0, {FAKE_RULE("GREETING", "", FAKE_RESET)}},
    {"greeting hangs", NULL, 1, {LATE("the greeting")}, 0, {FAKE_RULE("GREETING", "", FAKE_HANG)}},
    {"greeting in half",
     NULL,
     1,
     {LATE("the greeting")},
     0,
     {FAKE_RULE("GREETING", "22", FAKE_HANG)}},
    {"greeting of many lines",
     NULL,
     1,
     {OK},
     1,
     {FAKE_RULE("GREETING", "220-a\r\n220-b\r\n220 c\r\n", FAKE_GO_ON)}},
    {"greeting of another protocol",
     NULL,
     1,
     {TROUBLE(NULL)},
     0,
     {FAKE_RULE("GREETING", "SSH-2.0-x\r\n", FAKE_GO_ON)}},

    {"EHLO 550",
     NULL,
     1,
     {TROUBLE("refuses the session: 550 not you")},
     0,
     {FAKE_RULE("EHLO", "550 not you\r\n", FAKE_GO_ON)}},
    {"EHLO 451",
     NULL,
     1,
     {TROUBLE("refuses the session: 451 later")},
     0,
     {FAKE_RULE("EHLO", "451 later\r\n", FAKE_GO_ON)}},
    {"EHLO unknown", NULL, 1, {OK}, 1, {FAKE_RULE("EHLO", "502 what\r\n", FAKE_GO_ON)}},
    {"EHLO and HELO unknown",
     NULL,
     1,
     {TROUBLE("refuses the session: 504 never")},
     0,
     {FAKE_RULE("EHLO", "500 what\r\n", FAKE_GO_ON),
      FAKE_RULE("HELO", "504 never\r\n", FAKE_GO_ON)}},
    {"EHLO closes",
     NULL,
     1,
     {TROUBLE("the answer to EHLO")},
     0,
     {FAKE_RULE("EHLO", "", FAKE_CLOSE)}},
    {"EHLO hangs", NULL, 1, {LATE("the answer to EHLO")}, 0, {FAKE_RULE("EHLO", "", FAKE_HANG)}},

    {"MAIL 450",
     NULL,
     2,
     EACH(REPLY(450, "4.7.1", "greylisted")),
     0,
     {FAKE_RULE("MAIL", "450 4.7.1 greylisted\r\n", FAKE_GO_ON)}},
    {"MAIL 550",
     NULL,
     1,
     {REPLY(550, "5.1.8", "bad sender")},
     0,
     {FAKE_RULE("MAIL", "550 5.1.8 bad sender\r\n", FAKE_GO_ON)}},
    {"MAIL 421",
     NULL,
     1,
     {REPLY(421, "4.3.2", "closing")},
     0,
     {FAKE_RULE("MAIL", "421 4.3.2 closing\r\n", FAKE_CLOSE)}},
    {"MAIL 354",
     NULL,
     1,
     {TROUBLE("not to be understood")},
     0,
     {FAKE_RULE("MAIL", "354 go ahead\r\n", FAKE_GO_ON)}},
    {"MAIL closes",
     NULL,
     1,
     {TROUBLE("the answer to MAIL")},
     0,
     {FAKE_RULE("MAIL", "", FAKE_CLOSE)}},
    {"MAIL hangs", NULL, 1, {LATE("the answer to MAIL")}, 0, {FAKE_RULE("MAIL", "", FAKE_HANG)}},

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
     {FAKE_RULE("RCPT", "450 4.2.0 not now\r\n", FAKE_GO_ON)}},
    {"RCPT all 450, DATA 354",
     NULL,
     2,
     EACH(REPLY(450, "4.2.0", "not now")),
     0,
     {FAKE_RULE("RCPT", "450 4.2.0 not now\r\n", FAKE_GO_ON),
      FAKE_RULE("DATA", "354 go\r\n", FAKE_GO_ON)}},
    {"RCPT all 450, empty mail taken",
     NULL,
     1,
     {REPLY(450, "", "not now")},
     1,
     {FAKE_RULE("RCPT", "450 not now\r\n", FAKE_GO_ON), FAKE_RULE("DATA", "354 go\r\n", FAKE_GO_ON),
      FAKE_RULE("END", "250 thanks for nothing\r\n", FAKE_GO_ON)}},
    {"RCPT all 550",
     NULL,
     3,
     EACH(REPLY(550, "5.1.1", "unknown")),
     0,
     {FAKE_RULE("RCPT", "550 5.1.1 unknown\r\n", FAKE_GO_ON)}},
    {"RCPT 251", NULL, 1, {OK}, 1, {FAKE_RULE("RCPT", "251 will forward\r\n", FAKE_GO_ON)}},
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
     {FAKE_RULE("RCPT", "550-5.7.1 not here,\r\n550 5.7.1 see our page\r\n", FAKE_GO_ON)}},
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
     {FAKE_RULE("RCPT", "550 5.1.1 n\xc3\xa4\xc3\xa4 \xff a\tb\r\n", FAKE_GO_ON)}},
    {"RCPT answered for one, then closed",
     NULL,
     3,
     {REPLY(550, "5.1.1", "unknown"), TROUBLE("closed"), TROUBLE("closed")},
     0,
     {{"RCPT", "one@", 0, 0, "550 5.1.1 unknown\r\n", FAKE_GO_ON, 0, 0},
      {"RCPT", "two@", 0, 0, "", FAKE_CLOSE, 0, 0}}},
    {"RCPT hangs", NULL, 2, EACH(LATE("RCPT or DATA")), 0, {FAKE_RULE("RCPT", "", FAKE_HANG)}},

    {"DATA 451",
     NULL,
     2,
     EACH(REPLY(451, "4.3.0", "disk")),
     0,
     {FAKE_RULE("DATA", "451 4.3.0 disk\r\n", FAKE_GO_ON)}},
    {"DATA 554", NULL, 1, {REPLY(554, "", "no")}, 0, {FAKE_RULE("DATA", "554 no\r\n", FAKE_GO_ON)}},
    {"DATA 250",
     NULL,
     1,
     {TROUBLE("not to be understood")},
     0,
     {FAKE_RULE("DATA", "250 fine\r\n", FAKE_GO_ON)}},
    {"DATA closes", NULL, 1, {TROUBLE("closed")}, 0, {FAKE_RULE("DATA", "", FAKE_CLOSE)}},
    {"DATA hangs", NULL, 1, {LATE("RCPT or DATA")}, 0, {FAKE_RULE("DATA", "", FAKE_HANG)}},

    {"end 451",
     NULL,
     2,
     EACH(REPLY(451, "4.7.1", "scanner away")),
     0,
     {FAKE_RULE("END", "451 4.7.1 scanner away\r\n", FAKE_GO_ON)}},
    {"end 552",
     NULL,
     1,
     {REPLY(552, "5.3.4", "too big")},
     0,
     {FAKE_RULE("END", "552 5.3.4 too big\r\n", FAKE_GO_ON)}},
    {"end 421",
     NULL,
     1,
     {REPLY(421, "", "down")},
     0,
     {FAKE_RULE("END", "421 down\r\n", FAKE_CLOSE)}},
    {"end 354",
     NULL,
     1,
     {TROUBLE("not to be understood")},
     0,
     {FAKE_RULE("END", "354 more\r\n", FAKE_GO_ON)}},
    {"end 250 without words",
     NULL,
     1,
     {REPLY(250, "", NULL)},
     1,
     {FAKE_RULE("END", "250\r\n", FAKE_GO_ON)}},
    {"end of lines that disagree",
     NULL,
     1,
     {REPLY(250, "2.0.0", "a b")},
     1,
     {FAKE_RULE("END", "250-2.0.0 a\r\n250 b\r\n", FAKE_GO_ON)}},
    {"end enhanced code of another class",
     NULL,
     1,
     {REPLY(450, "", "5.1.1 odd")},
     0,
     {FAKE_RULE("END", "450 5.1.1 odd\r\n", FAKE_GO_ON)}},
    {"end closes",
     NULL,
     1,
     {TROUBLE("closed the connection while we waited for the end of the mail")},
     0,
     {FAKE_RULE("END", "", FAKE_CLOSE)}},
    {"end closes in half a reply",
     NULL,
     1,
     {TROUBLE(NULL)},
     1,
     {FAKE_RULE("END", "25", FAKE_CLOSE)}},
    {"end hangs", NULL, 1, {LATE("the end of the mail")}, 0, {FAKE_RULE("END", "", FAKE_HANG)}},
    {"end and no goodbye", NULL, 1, {OK}, 1, {FAKE_RULE("QUIT", "", FAKE_HANG)}},
    {"one RCPT 550, end closes",
     NULL,
     2,
     {REPLY(550, "", "no"), TROUBLE("closed")},
     0,
     {{"RCPT", "one@", 0, 0, "550 no\r\n", FAKE_GO_ON, 0, 0}, FAKE_RULE("END", "", FAKE_CLOSE)}},

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

static void check_row(const struct row *row, struct mailing *l, struct fake_smtp *fake)
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
    if (fake_smtp_count(fake, "NESTED") + fake_smtp_count(fake, "OTHER") > 0 ||
        (stage_engine() == CONF_ENGINE_LIBESMTP && fake_smtp_count(fake, "BDAT") > 0))
        fail_msg("%s: a command that should not be used", row->name);
}

static bool has_data_rule(const struct row *row)
{
    const struct fake_smtp_rule *r;

    for (r = row->rules; r->verb; r++)
        if (strcmp(r->verb, "DATA") == 0)
            return true;
    return false;
}

/* All rows at once; offer: where the row has none of its own. */
static void run_rows(const char *offer, bool has_chunking)
{
    static struct stage hub, stages[ROWS];
    struct mailing *letters[ROWS];
    size_t i;

    stage_open(&hub, NULL, NULL, 1);
    for (i = 0; i < ROWS; i++) {
        letters[i] = NULL;
        if (has_chunking && has_data_rule(&rows[i]))
            continue;
        stage_open_beside(&stages[i], &hub, rows[i].rules,
                          rows[i].extensions ? rows[i].extensions : offer, 1);
        letters[i] = mailing_new(&stages[i], MESSAGE, strlen(MESSAGE), rows[i].recipients);
        mailing_submit(letters[i]);
    }
    stage_run(&hub);
    for (i = 0; i < ROWS; i++) {
        if (!letters[i])
            continue;
        sender_free(stages[i].sender);
        stages[i].sender = NULL;
        fake_smtp_stop(stages[i].fake);
        check_row(&rows[i], letters[i], stages[i].fake);
        stage_close(&stages[i]);
        free(letters[i]);
    }
    stage_close(&hub);
}

static void test_replies(void **state)
{
    (void)state;
    run_rows(STAGE_NO_CHUNKING, false);
}

static void test_replies_to_chunks(void **state)
{
    (void)state;
    run_rows(NULL, true); /* libesmtp has it hidden from it */
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
    struct mailing *letters[6];
    struct stage s;
    size_t i, delivered = 0;

    for (i = 0; i < 3; i++) {
        rules[i].reply = draw_reply(&seed);
        seed = seed * 1103515245u + 12345u;
        rules[i].verb = verbs[seed / 65536 % 9];
        rules[i].mail = seed / 1048576 % 3;
        rules[i].then = seed / 4194304 % 4 == 0 ? FAKE_CLOSE : FAKE_GO_ON;
    }
    stage_open(&s, rules, NULL, 1);
    for (i = 0; i < 6; i++)
        mailing_submit(letters[i] = mailing_new(&s, MESSAGE, strlen(MESSAGE), i % 3 + 1));
    stage_run(&s);
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
    stage_close(&s);
}

static void test_random_servers(void **state)
{
    unsigned seed;

    (void)state;
    for (seed = 1; seed <= RANDOM_SERVERS; seed++)
        try_random_server(seed * 7919);
}

/* What a relay says at length is cut, but not in the middle of a character. */
static void test_long_words_are_cut_at_a_character(void **state)
{
    enum { WORDS = 500 };
    char reply[WORDS + 20];
    struct fake_smtp_rule rules[] = {FAKE_RULE("GREETING", reply, FAKE_CLOSE), {0}};
    struct mailing *l;
    struct stage s;
    size_t n, i;

    (void)state;
    for (n = 0; n < 3; n++) {
        strcpy(reply, "554 ");
        memset(reply + 4, 'a', n);
        for (i = 4 + n; i < WORDS; i += 3)
            memcpy(reply + i, "\xe2\x82\xac", 3);
        strcpy(reply + i, "\r\n");
        stage_open(&s, rules, NULL, 1);
        mailing_submit(l = mailing_simple(&s));
        stage_run(&s);
        assert_int_equal(l->recipients[0].trouble, SEND_CONNECT);
        assert_non_null(strstr(l->recipients[0].text, "\xe2\x82\xac"));
        if (!utf8_is_valid(l->recipients[0].text, strlen(l->recipients[0].text)))
            fail_msg("no UTF-8 with %zu before: %s", n, l->recipients[0].text);
        stage_close(&s);
        free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_replies_to_chunks),
        cmocka_unit_test(test_long_words_are_cut_at_a_character),
        cmocka_unit_test(test_random_servers),
    };
    int failed;

    signal(SIGPIPE, SIG_IGN); /* as main does */
    stage_run_tests(tests, failed);
    return failed;
}
