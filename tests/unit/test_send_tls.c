/*
 * test_send_tls: our own client on a hop with TLS: what is refused, and that nothing is said in the
 * clear then.
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
#include <unistd.h>

#include "tests/fake/send_stage.h"
#include "tests/fake/tls.h"

#define BEFORE "PIPELINING\nSIZE 1000000\nSTARTTLS\n"
#define AFTER  "PIPELINING\nCHUNKING\nDSN\n"

enum { GREETED = 1, ASKED = 2 }; /* what may be said in the clear: EHLO, and STARTTLS */

struct row {
    const char *name;
    enum conf_tls tls;
    struct fake_tls cert;
    int max_version; /* of the server; 0: any */
    const char *before;
    struct fake_smtp_rule rules[3];
    enum send_trouble trouble; /* SEND_ANSWERED: delivered */
    const char *text;          /* part of it */
    int clear;
};

#define GOOD                                                                                       \
    {                                                                                              \
        "DNS:localhost", 30, false                                                                 \
    }
#define STARTTLS_OK CONF_TLS_STARTTLS, GOOD, 0, BEFORE

static const struct row rows[] = {
    {"STARTTLS, TLS 1.3", STARTTLS_OK, {{0}}, SEND_ANSWERED, "queued", ASKED},
    {"STARTTLS, TLS 1.2",
     CONF_TLS_STARTTLS,
     GOOD,
     TLS1_2_VERSION,
     BEFORE,
     {{0}},
     SEND_ANSWERED,
     "queued",
     ASKED},
    {"implicit, TLS 1.3", CONF_TLS_IMPLICIT, GOOD, 0, BEFORE, {{0}}, SEND_ANSWERED, "queued", 0},
    {"implicit, TLS 1.2",
     CONF_TLS_IMPLICIT,
     GOOD,
     TLS1_2_VERSION,
     BEFORE,
     {{0}},
     SEND_ANSWERED,
     "queued",
     0},

    {"expired",
     CONF_TLS_STARTTLS,
     {"DNS:localhost", -1, false},
     0,
     BEFORE,
     {{0}},
     SEND_CONNECT,
     "certificate has expired",
     ASKED},
    {"another name",
     CONF_TLS_STARTTLS,
     {"DNS:other.example", 30, false},
     0,
     BEFORE,
     {{0}},
     SEND_CONNECT,
     "hostname mismatch",
     ASKED},
    {"another name, implicit",
     CONF_TLS_IMPLICIT,
     {"DNS:*.localhost", 30, false},
     0,
     BEFORE,
     {{0}},
     SEND_CONNECT,
     "hostname mismatch",
     0},
    {"an address for a name",
     CONF_TLS_STARTTLS,
     {"IP:127.0.0.1", 30, false},
     0,
     BEFORE,
     {{0}},
     SEND_CONNECT,
     "hostname mismatch",
     ASKED},
    {"self-signed",
     CONF_TLS_STARTTLS,
     {"DNS:localhost", 30, true},
     0,
     BEFORE,
     {{0}},
     SEND_CONNECT,
     "certificate is refused",
     ASKED},
    {"self-signed, implicit",
     CONF_TLS_IMPLICIT,
     {"DNS:localhost", 30, true},
     0,
     BEFORE,
     {{0}},
     SEND_CONNECT,
     "certificate is refused",
     0},
    {"TLS 1.1",
     CONF_TLS_STARTTLS,
     GOOD,
     TLS1_1_VERSION,
     BEFORE,
     {{0}},
     SEND_CONNECT,
     "no TLS",
     ASKED},
    {"TLS 1.1, implicit",
     CONF_TLS_IMPLICIT,
     GOOD,
     TLS1_1_VERSION,
     BEFORE,
     {{0}},
     SEND_CONNECT,
     "no TLS",
     0},

    {"STARTTLS taken out",
     CONF_TLS_STARTTLS,
     GOOD,
     0,
     "PIPELINING\nXXXXXXXX\n",
     {{0}},
     SEND_CONNECT,
     "does not offer STARTTLS",
     GREETED},
    {"EHLO not known",
     STARTTLS_OK,
     {FAKE_RULE("EHLO", "502 what\r\n", FAKE_GO_ON)},
     SEND_CONNECT,
     "does not offer STARTTLS",
     GREETED},
    {"STARTTLS 454",
     STARTTLS_OK,
     {FAKE_RULE("STARTTLS", "454 4.7.0 not now\r\n", FAKE_GO_ON)},
     SEND_CONNECT,
     "refuses STARTTLS, and nothing is sent in the clear: 454 4.7.0 not now",
     ASKED},
    {"STARTTLS 502",
     STARTTLS_OK,
     {FAKE_RULE("STARTTLS", "502 no\r\n", FAKE_GO_ON)},
     SEND_CONNECT,
     "refuses STARTTLS",
     ASKED},
    {"STARTTLS closes",
     STARTTLS_OK,
     {FAKE_RULE("STARTTLS", "", FAKE_CLOSE)},
     SEND_CONNECT,
     "the answer to STARTTLS",
     ASKED},
    {"STARTTLS hangs",
     STARTTLS_OK,
     {FAKE_RULE("STARTTLS", "", FAKE_HANG)},
     SEND_TIMEOUT,
     "the answer to STARTTLS",
     ASKED},
    {"injected with the answer",
     STARTTLS_OK,
     {FAKE_RULE("STARTTLS", "220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n", FAKE_GO_ON)},
     SEND_CONNECT,
     "sent in the clear after the answer to STARTTLS",
     ASKED},
    {"injected in part",
     STARTTLS_OK,
     {FAKE_RULE("STARTTLS", "220 go\r\n2", FAKE_GO_ON)},
     SEND_CONNECT,
     "sent in the clear after the answer to STARTTLS",
     ASKED},
    {"injected before the handshake",
     STARTTLS_OK,
     {FAKE_RULE("HANDSHAKE", "250 injected\r\n250 again\r\n", FAKE_GO_ON)},
     SEND_CONNECT,
     NULL,
     ASKED},
    {"injected late",
     STARTTLS_OK,
     {{"HANDSHAKE", NULL, 0, 0, "250 injected\r\n250 again\r\n", FAKE_GO_ON, 1000, 0}},
     SEND_CONNECT,
     "no TLS",
     ASKED},
    {"no TLS behind the port",
     CONF_TLS_IMPLICIT,
     GOOD,
     0,
     BEFORE,
     {FAKE_RULE("HANDSHAKE", "220 fake ESMTP\r\n", FAKE_HANG)},
     SEND_CONNECT,
     "no TLS",
     0},
    {"handshake stalls",
     STARTTLS_OK,
     {FAKE_RULE("HANDSHAKE", "", FAKE_HANG)},
     SEND_TIMEOUT,
     "no TLS with localhost",
     ASKED},
    {"handshake stalls, implicit",
     CONF_TLS_IMPLICIT,
     GOOD,
     0,
     BEFORE,
     {FAKE_RULE("HANDSHAKE", "", FAKE_HANG)},
     SEND_TIMEOUT,
     "no TLS with localhost",
     0},
    {"handshake closes",
     STARTTLS_OK,
     {FAKE_RULE("HANDSHAKE", "", FAKE_CLOSE)},
     SEND_CONNECT,
     NULL,
     ASKED},
    {"handshake resets",
     STARTTLS_OK,
     {FAKE_RULE("HANDSHAKE", "", FAKE_RESET)},
     SEND_CONNECT,
     NULL,
     ASKED},
    {"handshake ends in a record",
     STARTTLS_OK,
     {FAKE_RULE("HANDSHAKE", "\x16\x03\x03\x01", FAKE_CLOSE)},
     SEND_CONNECT,
     NULL,
     ASKED},
    {"closed after the handshake",
     STARTTLS_OK,
     {{"EHLO", NULL, 0, 0, "", FAKE_CLOSE, 0, 0}},
     SEND_CONNECT,
     NULL,
     GREETED},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void make_path(char *path, size_t size, size_t i)
{
    snprintf(path, size, "/tmp/postern-test-tls-%ld-%zu.pem", (long)getpid(), i);
}

static SSL_CTX *make_server(const struct row *row, const char *ca)
{
    SSL_CTX *ctx = fake_tls_server(&row->cert, ca);

    if (row->max_version && row->max_version < TLS1_2_VERSION) { /* Debian's own limit is 1.2 */
        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    }
    SSL_CTX_set_max_proto_version(ctx, row->max_version);
    return ctx;
}

static void check_row(const struct row *row, const struct mailing *l, struct fake_smtp *fake)
{
    static const char *const clear[] = {
        [0] = "", [GREETED] = "EHLO gw.example\r\n", [ASKED] = "EHLO gw.example\r\nSTARTTLS\r\n"};
    const struct send_recipient *r = &l->recipients[0];
    const char *said = fake_smtp_clear(fake);

    assert_int_equal(l->done, 1);
    if (r->trouble != row->trouble || (row->text && !strstr(r->text, row->text)))
        fail_msg("%s: trouble %d, %d \"%s\"", row->name, (int)r->trouble, r->code, r->text);
    if (fake_smtp_mail_count(fake) != (row->trouble == SEND_ANSWERED))
        fail_msg("%s: %zu mails", row->name, fake_smtp_mail_count(fake));
    /* What follows the name of EHLO in the clear would be HELO after a refusal of EHLO. */
    if (strncmp(said, clear[row->clear], strlen(clear[row->clear])) != 0 || strstr(said, "MAIL") ||
        strstr(said, "example>") || strstr(said, "Hello"))
        fail_msg("%s: in the clear: %s", row->name, said);
    if (row->clear != GREETED && strcmp(said, clear[row->clear]) != 0 &&
        !strchr(said, '\x16')) /* our ClientHello, where the fake takes no TLS */
        fail_msg("%s: in the clear: %s", row->name, said);
}

static void test_rows(void **state)
{
    static struct stage hub, stages[ROWS];
    struct mailing *letters[ROWS];
    SSL_CTX *contexts[ROWS];
    char paths[ROWS][80];
    size_t i;

    (void)state;
    stage_open(&hub, NULL, NULL, 1);
    for (i = 0; i < ROWS; i++) {
        struct send_settings settings = stage_settings(0, 1);
        struct fake_smtp_tls tls = {.is_implicit = rows[i].tls == CONF_TLS_IMPLICIT,
                                    .extensions = AFTER};

        make_path(paths[i], sizeof paths[i], i);
        tls.ctx = contexts[i] = make_server(&rows[i], paths[i]);
        settings.connect_timeout_s = 5; /* they all shake hands at once */
        settings.reply_timeout_s = 7;
        settings.server.host = "localhost";
        settings.server.tls = rows[i].tls;
        settings.server.ca_file = paths[i];
        stage_open_tls(&stages[i], &hub, rows[i].rules, rows[i].before, &tls, &settings);
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
        unlink(paths[i]);
    }
    stage_close(&hub);
}

/* The certificate of the last row's like, without its authority: the system does not know it. */
static void test_unknown_authority(void **state)
{
    struct fake_tls want = {"DNS:localhost", 30, false};
    struct send_settings settings = stage_settings(0, 1);
    struct fake_smtp_tls tls = {.is_implicit = true};
    struct stage s;
    struct mailing *l;
    char path[80];

    (void)state;
    make_path(path, sizeof path, ROWS);
    tls.ctx = fake_tls_server(&want, path);
    settings.server.host = "localhost";
    settings.server.tls = CONF_TLS_IMPLICIT;
    stage_open_tls(&s, &s, NULL, NULL, &tls, &settings);
    mailing_submit(l = mailing_simple(&s));
    stage_run(&s);
    assert_int_equal(l->recipients[0].trouble, SEND_CONNECT);
    assert_non_null(strstr(l->recipients[0].text, "certificate is refused"));
    stage_close(&s);
    SSL_CTX_free(tls.ctx);
    free(l);
    unlink(path);
}

/* A large mail both ways through TLS, on kept connections. */
static void test_many_mails(void **state)
{
    enum { MAILS = 300, BIG = 3000000 };
    static struct mailing *letters[MAILS];
    struct fake_tls want = {"IP:127.0.0.1", 30, false};
    struct send_settings settings = stage_settings(0, 3);
    struct fake_smtp_tls tls = {0};
    const struct fake_smtp_mail *got;
    char *big = malloc(BIG + 1000), path[80];
    struct stage s;
    size_t i, len, found = 0;

    (void)state;
    assert_non_null(big);
    len = (size_t)sprintf(big, "%s", MESSAGE);
    while (len < BIG)
        len += (size_t)sprintf(big + len, ".line %zu of a mail that takes many records\r\n", len);
    make_path(path, sizeof path, ROWS);
    tls.ctx = fake_tls_server(&want, path);
    settings.server.tls = CONF_TLS_STARTTLS;
    settings.server.ca_file = path;
    stage_open_tls(&s, &s, NULL, "PIPELINING\nSTARTTLS\n", &tls, &settings);
    for (i = 0; i < MAILS; i++)
        mailing_submit(letters[i] = i == 100 ? mailing_new(&s, big, len, 1) : mailing_simple(&s));
    stage_run(&s);
    fake_smtp_stop(s.fake);
    for (i = 0; i < MAILS; i++)
        mailing_assert_delivered(letters[i]);
    assert_int_equal(fake_smtp_mail_count(s.fake), MAILS);
    assert_true(fake_smtp_connections(s.fake) <= 3);
    for (i = 0; i < MAILS; i++) {
        got = fake_smtp_mail(s.fake, i);
        if (got->len == len && memcmp(got->data, big, len) == 0)
            found++;
        free(letters[i]);
    }
    assert_int_equal(found, 1);
    stage_close(&s);
    SSL_CTX_free(tls.ctx);
    free(big);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_unknown_authority),
        cmocka_unit_test(test_many_mails),
    };

    signal(SIGPIPE, SIG_IGN); /* as main does */
    stage_use(CONF_ENGINE_AUTO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
