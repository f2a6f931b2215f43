/*
 * test_send_auth: our own client logs in: by the best that is offered, never in the clear over a
 * wire, and after a refusal nothing is sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gsasl.h>

#include "mail/smtp/smtp_auth.h"
#include "mail/smtp/smtp_ehlo.h"
#include "tests/fake/send_stage.h"
#include "tests/fake/tls.h"

#define ALL                                                                                        \
    "PIPELINING\nAUTH GSSAPI LOGIN PLAIN XOAUTH2 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-PLUS\n"
#define SECRET "w\xc3\xbcrzig und geheim"
#define TOKEN  "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"

struct row {
    const char *name;
    const char *offer; /* after the handshake */
    const char *password;
    bool has_token;
    const char *auth; /* how the first AUTH begins; NULL: there is none */
    enum send_trouble trouble;
    const char *text;
    struct fake_smtp_rule rules[2];
};

static const struct row rows[] = {
    {"the best of all", ALL, SECRET, false, "AUTH SCRAM-SHA-256 ", SEND_ANSWERED, "queued", {{0}}},
    {"SCRAM-SHA-1",
     "AUTH PLAIN SCRAM-SHA-1\n",
     SECRET,
     false,
     "AUTH SCRAM-SHA-1 ",
     SEND_ANSWERED,
     "queued",
     {{0}}},
    {"PLAIN",
     "AUTH login plain\n",
     SECRET,
     false,
     "AUTH PLAIN AG1lAHfDvHJ6aWcgdW5kIGdlaGVpbQ==\n",
     SEND_ANSWERED,
     "queued",
     {{0}}},
    {"LOGIN",
     "AUTH LOGIN\n",
     SECRET,
     false,
     "AUTH LOGIN\nbWU=\nd8O8cnppZyB1bmQgZ2VoZWlt\n",
     SEND_ANSWERED,
     "queued",
     {{0}}},
    {"XOAUTH2",
     ALL,
     TOKEN,
     true,
     "AUTH XOAUTH2 dXNlcj1tZQFhdXRoPUJlYXJlciB5YTI5LnZG",
     SEND_ANSWERED,
     "queued",
     {{0}}},
    {"nothing we have",
     "AUTH GSSAPI\n",
     SECRET,
     false,
     NULL,
     SEND_LOGIN,
     "no way of logging in",
     {{0}}},
    {"no AUTH", "PIPELINING\n", SECRET, false, NULL, SEND_LOGIN, "no way of logging in", {{0}}},
    {"no XOAUTH2 for the token",
     "AUTH PLAIN LOGIN\n",
     TOKEN,
     true,
     NULL,
     SEND_LOGIN,
     "XOAUTH2",
     {{0}}},

    {"wrong, SCRAM", ALL, "wrong", false, "AUTH SCRAM-SHA-256 ", SEND_LOGIN, "535 5.7.8", {{0}}},
    {"wrong, PLAIN",
     "AUTH PLAIN\n",
     "wrong",
     false,
     "AUTH PLAIN ",
     SEND_LOGIN,
     "refuses to let us log in by PLAIN: 535 5.7.8 wrong user or password",
     {{0}}},
    {"wrong, LOGIN", "AUTH LOGIN\n", "wrong", false, "AUTH LOGIN", SEND_LOGIN, "535 5.7.8", {{0}}},
    {"wrong, XOAUTH2", ALL, "old", true, "AUTH XOAUTH2 ", SEND_LOGIN, "535 5.7.8", {{0}}},
    {"454",
     "AUTH PLAIN\n",
     SECRET,
     false,
     "AUTH PLAIN ",
     SEND_CONNECT,
     "454 4.7.0 later",
     {FAKE_RULE("AUTH", "454 4.7.0 later\r\n", FAKE_GO_ON)}},
    {"421",
     "AUTH PLAIN\n",
     SECRET,
     false,
     "AUTH PLAIN ",
     SEND_CONNECT,
     "421",
     {FAKE_RULE("AUTH", "421 bye\r\n", FAKE_CLOSE)}},
    {"hangs",
     "AUTH PLAIN\n",
     SECRET,
     false,
     "AUTH PLAIN ",
     SEND_TIMEOUT,
     "the answer to AUTH",
     {FAKE_RULE("AUTH", "", FAKE_HANG)}},
    {"closes",
     "AUTH PLAIN\n",
     SECRET,
     false,
     "AUTH PLAIN ",
     SEND_CONNECT,
     "the answer to AUTH",
     {FAKE_RULE("AUTH", "", FAKE_CLOSE)}},
    {"asks on and on",
     "AUTH LOGIN\n",
     SECRET,
     false,
     "AUTH LOGIN",
     SEND_CONNECT,
     NULL,
     {FAKE_RULE("AUTH", "334 VXNlcm5hbWU6\r\n334 a\r\n334 b\r\n334 c\r\n", FAKE_GO_ON)}},
    {"asks PLAIN for more",
     "AUTH PLAIN\n",
     SECRET,
     false,
     "AUTH PLAIN ",
     SEND_CONNECT,
     "asks too much",
     {FAKE_RULE("AUTH", "334 \r\n", FAKE_GO_ON)}},
    {"250 is no 235",
     "AUTH PLAIN\n",
     SECRET,
     false,
     "AUTH PLAIN ",
     SEND_CONNECT,
     "not to be understood",
     {FAKE_RULE("AUTH", "250 fine\r\n", FAKE_GO_ON)}},
    {"SCRAM without proof",
     ALL,
     SECRET,
     false,
     "AUTH SCRAM-SHA-256 ",
     SEND_LOGIN,
     "has not shown that it knows",
     {FAKE_RULE("AUTH", "235 fine\r\n", FAKE_GO_ON)}},
    {"SCRAM nonsense",
     ALL,
     SECRET,
     false,
     "AUTH SCRAM-SHA-256 ",
     SEND_LOGIN,
     "SCRAM-SHA-256",
     {FAKE_RULE("AUTH", "334 cj1hLHM9YixpPTQwOTY=\r\n", FAKE_GO_ON)}},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void make_path(char *path, size_t size, const char *what, size_t i)
{
    snprintf(path, size, "/tmp/postern-test-auth-%s-%ld-%zu", what, (long)getpid(), i);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void check_row(const struct row *row, const struct mailing *l, struct fake_smtp *fake)
{
    const struct send_recipient *r = &l->recipients[0];
    const char *auths = fake_smtp_auths(fake);

    assert_int_equal(l->done, 1);
    if (r->trouble != row->trouble || (row->text && !strstr(r->text, row->text)))
        fail_msg("%s: trouble %d, %d \"%s\"", row->name, (int)r->trouble, r->code, r->text);
    if (fake_smtp_mail_count(fake) != (row->trouble == SEND_ANSWERED))
        fail_msg("%s: %zu mails", row->name, fake_smtp_mail_count(fake));
    if (row->auth ? strncmp(auths, row->auth, strlen(row->auth)) != 0 : auths[0] != '\0')
        fail_msg("%s: it said %s", row->name, auths);
    if (row->trouble != SEND_ANSWERED && fake_smtp_count(fake, "MAIL") > 0)
        fail_msg("%s: MAIL was said", row->name);
    assert_string_equal(fake_smtp_clear(fake), "EHLO gw.example\r\nSTARTTLS\r\n");
}

static void test_rows(void **state)
{
    static struct stage hub, stages[ROWS];
    struct mailing *letters[ROWS];
    SSL_CTX *contexts[ROWS];
    char cas[ROWS][80], tokens[ROWS][80];
    size_t i;

    (void)state;
    stage_open(&hub, NULL, NULL, 1);
    for (i = 0; i < ROWS; i++) {
        struct send_settings settings = stage_settings(0, 1);
        struct fake_tls want = {"DNS:localhost", 30, false};
        struct fake_smtp_tls tls = {.extensions = rows[i].offer,
                                    .user = "me",
                                    .password = rows[i].has_token ? TOKEN : SECRET};

        make_path(cas[i], sizeof cas[i], "ca", i);
        make_path(tokens[i], sizeof tokens[i], "token", i);
        tls.ctx = contexts[i] = fake_tls_server(&want, cas[i]);
        settings.server.host = "localhost";
        settings.server.tls = CONF_TLS_STARTTLS;
        settings.server.ca_file = cas[i];
        settings.server.user = "me";
        if (rows[i].has_token) {
            write_file(tokens[i], rows[i].password, 0600);
            settings.server.token_file = tokens[i];
        } else {
            settings.server.password = rows[i].password;
        }
        stage_open_tls(&stages[i], &hub, rows[i].rules, "AUTH PLAIN\nSTARTTLS\n", &tls, &settings);
        mailing_submit(letters[i] = mailing_simple(&stages[i]));
    }
    stage_run(&hub);
    for (i = 0; i < ROWS; i++) {
        sender_free(stages[i].sender);
        stages[i].sender = NULL;
        fake_smtp_stop(stages[i].fake);
        check_row(&rows[i], letters[i], stages[i].fake);
        stage_close(&stages[i]);
        SSL_CTX_free(contexts[i]);
        free(letters[i]);
        unlink(cas[i]);
        unlink(tokens[i]);
    }
    stage_close(&hub);
}

/* A wrong password is not tried again for each mail that waits: servers lock out who does. */
static void test_a_refused_password_is_not_hammered(void **state)
{
    enum { MAILS = 20 };
    struct send_settings settings = stage_settings(0, 1);
    struct fake_smtp_tls tls = {.user = "me", .password = SECRET};
    struct mailing *letters[MAILS], *late;
    struct stage s;
    size_t i;

    (void)state;
    settings.server.user = "me";
    settings.server.password = "wrong";
    stage_open_tls(&s, &s, NULL, "AUTH PLAIN\n", &tls, &settings);
    for (i = 0; i < MAILS; i++)
        mailing_submit(letters[i] = mailing_simple(&s));
    stage_run(&s);
    mailing_submit(late = mailing_simple(&s));
    assert_int_equal(late->done, 0); /* not before the call has returned */
    stage_run(&s);
    for (i = 0; i < MAILS; i++) {
        assert_int_equal(letters[i]->recipients[0].trouble, SEND_LOGIN);
        free(letters[i]);
    }
    assert_int_equal(late->recipients[0].trouble, SEND_LOGIN);
    assert_int_equal(fake_smtp_count(s.fake, "AUTH"), 1);
    stage_close(&s);
    free(late);
}

static void test_settings(void **state)
{
    static const struct {
        struct conf_server server;
        const char *advice; /* NULL: served */
    } cases[] = {
        {{.host = "127.0.0.1", .user = "me", .password = "x"}, NULL},
        {{.host = "::1", .user = "me", .password = "x"}, NULL},
        {{.host = "localhost", .user = "me", .password = "x"}, NULL},
        {{.host = "10.0.0.1", .user = "me", .password = "x"}, "smtp.tls"},
        {{.host = "relay", .user = "me", .password = "x"}, "smtp.tls"},
        {{.host = "relay", .user = "me", .password = "x", .tls = CONF_TLS_IMPLICIT}, NULL},
        {{.host = "relay", .user = "me", .token_file = "x", .tls = CONF_TLS_STARTTLS}, NULL},
        {{.host = "relay", .user = "me", .tls = CONF_TLS_STARTTLS}, "smtp.password"},
        {{.host = "relay",
          .user = "me",
          .password = "x",
          .token_file = "x",
          .tls = CONF_TLS_STARTTLS},
         "not both"},
        {{.host = "relay", .password = "x", .tls = CONF_TLS_STARTTLS}, "smtp.user"},
        {{.host = "127.0.0.1", .user = "me", .password = "x", .engine = CONF_ENGINE_LIBESMTP},
         "smtp.user"},
    };
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int r = send_check(&cases[i].server, &e);

        if (r != (cases[i].advice ? -1 : 0) || (r < 0 && !strstr(e.text, cases[i].advice)))
            fail_msg("case %zu: %d %s", i, r, r < 0 ? e.text : "");
    }
}

/* The token is read at each log-in, and a file that others can read is not used. */
static void test_token_file(void **state)
{
    struct conf_server server = {.user = "me"};
    char path[80];
    struct err e = {0};

    (void)state;
    make_path(path, sizeof path, "token", ROWS);
    server.token_file = path;
    unlink(path);
    assert_null(smtp_auth_new(&server, SMTP_MECHANISM_XOAUTH2, &e));
    assert_int_equal(e.class, ERR_RETRY);
    write_file(path, "a\n", 0644);
    chmod(path, 0644);
    assert_null(smtp_auth_new(&server, SMTP_MECHANISM_XOAUTH2, &e));
    assert_non_null(strstr(e.text, "chmod"));
    unlink(path);
}

/* RFC 5802 lets the server choose how much work a log-in is. */
static void test_scram_work_is_bounded(void **state)
{
    static const struct conf_server server = {.user = "me", .password = "x"};
    /* r=abc,s=QUJD,i=100001 and r=abc,s=QUJD,i=99999999999999999999 */
    static const char *const challenges[] = {
        "cj1hYmMscz1RVUpELGk9MTAwMDAx",
        "cj1hYmMscz1RVUpELGk9OTk5OTk5OTk5OTk5OTk5OTk5OTk=",
    };
    struct smtp_auth *a;
    struct err e = {0};
    struct buf out;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        buf_init(&out, 10000);
        a = smtp_auth_new(&server, SMTP_MECHANISM_SCRAM_SHA_1, &e);
        assert_non_null(a);
        assert_int_equal(smtp_auth_begin(a, &out, &e), 0);
        assert_int_equal(smtp_auth_answer(a, challenges[i], &out, &e), -1);
        assert_non_null(strstr(e.text, "hashed more than"));
        smtp_auth_free(a);
        buf_clear(&out);
    }
}

/* Nor is a NUL a place to hide it: libgsasl reads on behind one. */
static void test_scram_work_is_not_hidden(void **state)
{
    static const struct conf_server server = {.user = "me", .password = "x"};
    static const char rest[] = "x\0,s=QUJD,i=100001";
    char *hello, *challenge, first[200];
    struct smtp_auth *a;
    struct err e = {0};
    struct buf out;
    size_t len;

    (void)state;
    buf_init(&out, 10000);
    a = smtp_auth_new(&server, SMTP_MECHANISM_SCRAM_SHA_1, &e);
    assert_non_null(a);
    assert_int_equal(smtp_auth_begin(a, &out, &e), 0);
    assert_int_equal(gsasl_base64_from(out.data + strlen("AUTH SCRAM-SHA-1 "),
                                       out.len - strlen("AUTH SCRAM-SHA-1 \r\n"), &hello, &len),
                     GSASL_OK);
    len = (size_t)snprintf(first, sizeof first, "%.*s", (int)(len - strlen("n,,n=me,")),
                           hello + strlen("n,,n=me,"));
    memcpy(first + len, rest, sizeof rest - 1);
    assert_int_equal(gsasl_base64_to(first, len + sizeof rest - 1, &challenge, &len), GSASL_OK);
    assert_int_equal(smtp_auth_answer(a, challenge, &out, &e), -1);
    smtp_auth_free(a);
    buf_clear(&out);
    gsasl_free(challenge);
    gsasl_free(hello);
}

static void test_probe(void **state)
{
    struct send_settings settings = stage_settings(0, 1);
    struct fake_tls want = {"DNS:localhost", 30, false};
    struct fake_smtp_tls tls = {.user = "me", .password = SECRET, .extensions = ALL};
    struct fake_smtp *fake;
    char ca[80], text[200];
    struct err e;

    (void)state;
    make_path(ca, sizeof ca, "ca", ROWS);
    tls.ctx = fake_tls_server(&want, ca);
    fake = fake_smtp_start_tls(NULL, "STARTTLS\n", &tls);
    settings.server.host = "localhost";
    settings.server.port = fake_smtp_port(fake);
    settings.server.tls = CONF_TLS_STARTTLS;
    settings.server.user = "me";
    settings.server.password = SECRET;
    settings.server.ca_file = ca;
    assert_int_equal(send_probe(&settings, text, sizeof text, &e), 0);
    assert_string_equal(text, "fake ESMTP, TLSv1.3, logged in by SCRAM-SHA-256");
    settings.server.password = "wrong";
    assert_int_equal(send_probe(&settings, text, sizeof text, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "refuses to let us log in"));
    settings.server.ca_file = "";
    assert_int_equal(send_probe(&settings, text, sizeof text, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "certificate is refused"));
    fake_smtp_free(fake);
    SSL_CTX_free(tls.ctx);
    unlink(ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_a_refused_password_is_not_hammered),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_token_file),
        cmocka_unit_test(test_scram_work_is_bounded),
        cmocka_unit_test(test_scram_work_is_not_hidden),
        cmocka_unit_test(test_probe),
    };

    signal(SIGPIPE, SIG_IGN); /* as main does */
    stage_use(CONF_ENGINE_AUTO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
