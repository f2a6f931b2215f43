/*
 * test_send_trial: a user's account for sending is tried before it is accepted, and a sender that
 * is not wanted any more goes by itself while the loop goes on.
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

#include "mail/send.h"
#include "tests/fake/send_stage.h"
#include "tests/fake/tls.h"

#define OFFER "PIPELINING\nSIZE 35882577\nAUTH PLAIN XOAUTH2\n"

struct row {
    const char *name;
    struct fake_tls cert; /* name NULL: without TLS */
    enum conf_tls tls;
    const char *host, *password, *token;
    struct fake_smtp_rule rules[2];
    bool is_ok;
    enum send_trouble trouble;
    enum err_class class;
    const char *text;
};

/* clang-format off */
#define GOOD {"IP:127.0.0.1", 5, false}

static const struct row rows[] = {
    {"right", GOOD, CONF_TLS_STARTTLS, NULL, "secret", NULL, {{0}}, true, SEND_ANSWERED, ERR_NONE, ""},
    {"right, implicit", GOOD, CONF_TLS_IMPLICIT, NULL, "secret", NULL, {{0}}, true, SEND_ANSWERED, ERR_NONE, ""},
    {"right token", GOOD, CONF_TLS_STARTTLS, NULL, NULL, "secret", {{0}}, true, SEND_ANSWERED, ERR_NONE, ""},
    {"this machine", {0}, CONF_TLS_NONE, NULL, "secret", NULL, {{0}}, true, SEND_ANSWERED, ERR_NONE, ""},
    {"wrong password", GOOD, CONF_TLS_STARTTLS, NULL, "no", NULL, {{0}}, false, SEND_LOGIN, ERR_PERMANENT, "535"},
    {"wrong token", GOOD, CONF_TLS_STARTTLS, NULL, NULL, "no", {{0}}, false, SEND_LOGIN, ERR_PERMANENT, "535"},
    {"out of order", GOOD, CONF_TLS_STARTTLS, NULL, "secret", NULL, {FAKE_RULE("AUTH", "454 4.7.0 later\r\n", FAKE_GO_ON)},
     false, SEND_CONNECT, ERR_RETRY, "454"},
    {"expired", {"IP:127.0.0.1", -1, false}, CONF_TLS_STARTTLS, NULL, "secret", NULL, {{0}},
     false, SEND_CONNECT, ERR_PERMANENT, "certificate"},
    {"another's certificate", {"DNS:mail.example", 5, false}, CONF_TLS_IMPLICIT, NULL, "secret", NULL, {{0}},
     false, SEND_CONNECT, ERR_PERMANENT, "certificate"},
    {"no STARTTLS", {0}, CONF_TLS_STARTTLS, NULL, "secret", NULL, {{0}}, false, SEND_CONNECT, ERR_PERMANENT, "STARTTLS"},
    {"no such host", GOOD, CONF_TLS_STARTTLS, "no-such-host.invalid", "secret", NULL, {{0}},
     false, SEND_NO_NAME, ERR_PERMANENT, "no-such-host"},
    {"silence", GOOD, CONF_TLS_STARTTLS, NULL, "secret", NULL, {FAKE_RULE("GREETING", "", FAKE_HANG)},
     false, SEND_TIMEOUT, ERR_RETRY, "in time"},
};
/* clang-format on */

struct fixture {
    struct loop *loop;
    struct send_common *common;
    char ca_file[64];
    bool is_over;
    struct send_trial_result result;
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct err e;

    signal(SIGPIPE, SIG_IGN);
    x->loop = loop_new(&e);
    x->common = send_common_new(x->loop, &e);
    snprintf(x->ca_file, sizeof x->ca_file, "/tmp/test_send_trial.%d.pem", (int)getpid());
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;

    send_common_free(x->common);
    loop_free(x->loop);
    unlink(x->ca_file);
    free(x);
    return 0;
}

static void note(const struct send_trial_result *result, void *arg)
{
    struct fixture *x = arg;

    assert_false(x->is_over);
    x->is_over = true;
    x->result = *result;
}

static bool is_over(void *arg)
{
    return ((struct fixture *)arg)->is_over;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static struct send_settings settings_for(const struct fixture *x, const struct row *row,
                                         const struct fake_smtp *fake)
{
    struct send_settings s = stage_settings(fake_smtp_port(fake), 1);

    s.server.engine = CONF_ENGINE_AUTO;
    s.server.host = row->host ? row->host : "127.0.0.1";
    s.server.tls = row->tls;
    s.server.user = "me";
    s.server.password = row->password ? row->password : "";
    s.server.token = row->token;
    s.server.ca_file = x->ca_file;
    s.common = x->common;
    s.connect_timeout_s = s.reply_timeout_s = 20;
    return s;
}

static void run_row(struct fixture *x, const struct row *row)
{
    struct fake_smtp_tls tls = {.is_implicit = row->tls == CONF_TLS_IMPLICIT,
                                .extensions = OFFER,
                                .user = "me",
                                .password = "secret"};
    struct send_settings settings;
    struct fake_smtp *fake;
    struct err e;

    if (row->cert.name)
        tls.ctx = fake_tls_server(&row->cert, x->ca_file);
    fake = fake_smtp_start_tls(row->rules, row->cert.name ? "STARTTLS\n" : OFFER, &tls);
    settings = settings_for(x, row, fake);
    x->is_over = false;
    assert_non_null(send_trial_start(&settings, 3000, note, x, &e));
    assert_false(x->is_over);
    loop_run_until(x->loop, is_over, x, 60000);
    if (!x->is_over || x->result.is_ok != row->is_ok || x->result.trouble != row->trouble ||
        x->result.e.class != row->class || !strstr(x->result.e.text, row->text) ||
        strstr(x->result.e.text, "option") || strstr(x->result.e.text, "secret"))
        fail_msg("%s: trouble %d, class %s: %s", row->name, (int)x->result.trouble,
                 err_class_name(x->result.e.class), x->result.e.text);
    if (row->is_ok)
        assert_int_equal(x->result.size_max, 35882577);
    assert_int_equal(fake_smtp_count(fake, "MAIL"), 0);
    send_common_free(x->common); /* the certificates are others with each row */
    x->common = send_common_new(x->loop, &e);
    fake_smtp_free(fake);
    SSL_CTX_free(tls.ctx);
}

static void test_rows(void **state)
{
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run_row(*state, &rows[i]);
}

static void test_cancelled(void **state)
{
    static const struct fake_smtp_rule rules[] = {FAKE_RULE("GREETING", "", FAKE_HANG_WHEN_READ),
                                                  {0}};
    static const struct row row = {.tls = CONF_TLS_NONE, .password = "secret"};
    struct fixture *x = *state;
    struct fake_smtp *fake = fake_smtp_start(rules, OFFER);
    struct send_settings settings = settings_for(x, &row, fake);
    struct send_trial *t;
    struct err e;

    t = send_trial_start(&settings, 300, note, x, &e);
    assert_non_null(t);
    loop_run_until(x->loop, never, x, 50);
    send_trial_cancel(t);
    loop_run_until(x->loop, never, x, 400);
    assert_false(x->is_over);
    fake_smtp_free(fake);
}

static bool refuse_all(const struct sockaddr *address)
{
    (void)address;
    return false;
}

/* What users may not have us connect to is not connected to. */
static void test_unfit(void **state)
{
    static const struct row row = {.tls = CONF_TLS_STARTTLS, .password = "secret"};
    struct fixture *x = *state;
    struct fake_smtp *fake = fake_smtp_start(NULL, OFFER);
    struct send_settings settings = settings_for(x, &row, fake);
    const char *const hosts[] = {settings.server.host, "unix:socket"};
    struct err e;
    size_t i;

    settings.may_connect = refuse_all;
    for (i = 0; i < 2; i++) {
        settings.server.host = hosts[i];
        x->is_over = false;
        assert_non_null(send_trial_start(&settings, 3000, note, x, &e));
        loop_run_until(x->loop, is_over, x, 60000);
        assert_true(x->is_over);
        assert_false(x->result.is_ok);
        if (!strstr(x->result.e.text, "may be connected to"))
            fail_msg("%s: %s", hosts[i], x->result.e.text);
    }
    settings.server.host = hosts[0];
    settings.server.tls = CONF_TLS_NONE;
    assert_null(send_trial_start(&settings, 3000, note, x, &e));
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_int_equal(fake_smtp_connections(fake), 0);
    fake_smtp_free(fake);
}

/* A mail under way is sent to its end, one that waits is given back, and then all is gone. */
static void test_retire(void **state)
{
    static const struct fake_smtp_rule rules[] = {{"END", NULL, 0, 0, NULL, FAKE_GO_ON, 200, 0},
                                                  {0}};
    struct stage stage;
    struct mailing *a, *b;
    struct send_settings settings;
    struct fixture *x = *state;
    struct err e;

    (void)x;
    stage_use(CONF_ENGINE_OWN);
    stage_open(&stage, rules, STAGE_NO_CHUNKING, 1);
    sender_free(stage.sender);
    settings = stage_settings(fake_smtp_port(stage.fake), 1);
    settings.common = send_common_new(stage.loop, &e);
    stage.sender = sender_new(stage.loop, &settings, &e);
    assert_non_null(stage.sender);
    a = mailing_simple(&stage);
    b = mailing_simple(&stage);
    mailing_submit(a);
    stage_pause(&stage, 100);
    mailing_submit(b);
    sender_retire(stage.sender);
    stage.sender = NULL;
    assert_int_equal(b->done, 0);
    stage_run(&stage);
    mailing_assert_delivered(a);
    assert_int_equal(b->done, 1);
    assert_int_equal(b->recipients[0].trouble, SEND_CONNECT);
    assert_string_equal(b->recipients[0].text, "stopping");
    send_common_free(settings.common); /* waits until it is gone */
    stage_close(&stage);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unfit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retire, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
