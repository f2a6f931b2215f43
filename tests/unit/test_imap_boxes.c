/*
 * imap_boxes against a server in a thread: mailboxes that come and go, what their users' mail looks
 * like afterwards, and what is told when something is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/tls.h"
#include "tests/unit/fixture_imap_boxes.h"

static void note_trial(const struct imap_trial_result *result, void *arg)
{
    struct fixture *x = arg;

    assert_false(x->is_tried);
    x->is_tried = true;
    x->trial = *result;
}

/* ---- tests ---- */

static bool has_two(struct fixture *x)
{
    return x->count == 2 && x->cursor.uid_next == 6;
}

/* What was there before is not the gateway's business, and what came is left as it is. */
static void test_begins_now(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    add(x, never_looked);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    assert_int_equal(x->count, 0);
    assert_int_equal(x->cursor.uidvalidity, 7);
    assert_int_equal(x->cursor.uid_next, 4);
    add_mails(x, 2);
    assert_true(run_until(x, has_two, PATIENCE_MS));
    assert_int_equal(x->uids[0], 4);
    assert_int_equal(x->uids[1], 5);
    assert_int_equal(fake_imap_flagged(&x->server, "seen"), 0);
    assert_int_equal(fake_imap_commands(&x->server, "UID STORE"), 0);
    assert_int_equal(fake_imap_commands(&x->server, "UID MOVE"), 0);
    assert_int_equal(imap_boxes_watching(x->boxes), 1);
}

static void test_goes_on_at_the_cursor(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 5);
    add(x, (struct imap_cursor){7, 4});
    assert_true(run_until(x, has_two, PATIENCE_MS));
    assert_int_equal(x->uids[0], 4);
}

/* A folder that was made anew: years of mail do not come as news. */
static void test_other_uidvalidity(void **state)
{
    struct fixture *x = *state;

    add_mails(x, 3);
    add(x, (struct imap_cursor){6, 2});
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    assert_int_equal(x->count, 0);
    assert_int_equal(x->cursor.uidvalidity, 7);
    assert_int_equal(x->cursor.uid_next, 4);
}

static void test_removed_in_its_callback(void **state)
{
    struct fixture *x = *state;

    x->remove_at_mail = true;
    add_mails(x, 3);
    add(x, (struct imap_cursor){7, 1});
    assert_true(run_until(x, has_one, PATIENCE_MS));
    run_until(x, never, 100);
    assert_int_equal(x->callbacks, 0);
    assert_int_equal(imap_boxes_count(x->boxes), 0);
}

static void test_removed_while_idle(void **state)
{
    struct fixture *x = *state;

    add(x, never_looked);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    x->callbacks = 0;
    imap_box_remove(x->box);
    assert_true(run_until(x, no_connection, PATIENCE_MS));
    add_mails(x, 1);
    run_until(x, never, 50);
    assert_int_equal(x->callbacks, 0);
    assert_int_equal(imap_boxes_watching(x->boxes), 0);
}

static bool is_resting(struct fixture *x)
{
    return x->state.at == IMAP_FAILED && x->state.is_resting;
}

/* Three times, and then rarely: a server that counts does not lock the account. */
static void test_wrong_password(void **state)
{
    struct fixture *x = *state;
    struct err e;

    x->mailbox.server.password = "wrong";
    add(x, never_looked);
    assert_true(run_until(x, is_resting, PATIENCE_MS));
    run_until(x, never, 100);
    assert_int_equal(x->state.fault, IMAP_FAULT_LOGIN);
    assert_int_equal(x->state.e.class, ERR_PERMANENT);
    assert_int_equal(x->state.refusals, 3);
    assert_true(x->state.retry_ms > 10000);
    assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE"), 3);
    assert_null(strstr(x->state.e.text, "wrong"));

    x->mailbox.server.password = "secret"; /* the user has mended it */
    assert_int_equal(imap_box_change(x->box, &x->mailbox, &e), 0);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
}

struct trial_row {
    const char *name;
    const char *host, *password, *folder;
    struct fake_rule rule;
    enum imap_fault fault;
    const char *text; /* part of it */
};

static const struct trial_row trials[] = {
    {"good", NULL, NULL, NULL, {.on = NULL}, IMAP_FAULT_NONE, ""},
    {"wrong password", NULL, "no", NULL, {.on = NULL}, IMAP_FAULT_LOGIN, "is refused"},
    {"no such host",
     "no-such-host.invalid",
     NULL,
     NULL,
     {.on = NULL},
     IMAP_FAULT_NAME,
     "no address"},
    {"no such folder",
     NULL,
     NULL,
     "Verona",
     {.on = "SELECT", .reply = "%T NO [NONEXISTENT] no such folder\r\n", .times = 1},
     IMAP_FAULT_FOLDER,
     "folder Verona cannot be opened"},
    {"out of order",
     NULL,
     NULL,
     NULL,
     {.on = "AUTHENTICATE", .reply = "%T NO [UNAVAILABLE] try later\r\n", .times = 1},
     IMAP_FAULT_AWAY,
     "for now"},
    {"silence",
     NULL,
     NULL,
     NULL,
     {.on = "SELECT", .reply = "", .times = 1},
     IMAP_FAULT_AWAY,
     "the server"},
};

static void test_trials(void **state)
{
    struct fixture *x = *state;
    struct conf_mailbox m;
    struct err e;
    size_t i;

    open_boxes(x);
    for (i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        m = x->mailbox;
        m.server.host = trials[i].host ? trials[i].host : m.server.host;
        m.server.password = trials[i].password ? trials[i].password : m.server.password;
        m.folder = trials[i].folder ? trials[i].folder : m.folder;
        if (trials[i].rule.on)
            fake_imap_rule(&x->server, trials[i].rule);
        x->is_tried = false;
        assert_non_null(imap_trial_start(x->boxes, &m, 700, note_trial, x, &e));
        assert_false(x->is_tried);
        if (!run_until(x, is_tried, PATIENCE_MS) || x->trial.fault != trials[i].fault ||
            !strstr(x->trial.e.text, trials[i].text) || strstr(x->trial.e.text, "option"))
            fail_msg("%s: %s: %s", trials[i].name, imap_fault_name(x->trial.fault),
                     x->trial.e.text);
    }
}

/* ---- TLS and tokens ---- */

struct tls_row {
    const char *name;
    struct fake_tls cert;
    enum conf_tls tls;
    bool is_foreign; /* signed by somebody nobody knows */
    bool is_fit;
};

static const struct tls_row tls_rows[] = {
    {"good", {"IP:127.0.0.1", 5, false}, CONF_TLS_IMPLICIT, false, true},
    {"good, STARTTLS", {"IP:127.0.0.1", 5, false}, CONF_TLS_STARTTLS, false, true},
    {"expired", {"IP:127.0.0.1", -1, false}, CONF_TLS_IMPLICIT, false, false},
    {"expired, STARTTLS", {"IP:127.0.0.1", -1, false}, CONF_TLS_STARTTLS, false, false},
    {"another's name", {"DNS:imap.example", 5, false}, CONF_TLS_IMPLICIT, false, false},
    {"unknown authority", {"IP:127.0.0.1", 5, false}, CONF_TLS_STARTTLS, true, false},
};

static const char *ca_file(void)
{
    return "build/test_imap_boxes_ca.pem";
}

static void run_tls_row(struct fixture *x, const struct tls_row *row)
{
    struct err e;

    fake_imap_init(&x->server);
    x->server.user = "juliet";
    x->server.caps = "IMAP4rev1 STARTTLS IDLE AUTH=PLAIN";
    x->server.implicit = row->tls == CONF_TLS_IMPLICIT;
    x->server.tls = fake_tls_server(&row->cert, ca_file());
    if (row->is_foreign)
        SSL_CTX_free(fake_tls_server(&row->cert, ca_file()));
    x->settings.ca_file = ca_file();
    x->mailbox.server.tls = row->tls;
    open_boxes(x);
    x->is_tried = false;
    assert_non_null(imap_trial_start(x->boxes, &x->mailbox, 0, note_trial, x, &e));
    assert_true(run_until(x, is_tried, PATIENCE_MS));
    if (x->trial.fault != (row->is_fit ? IMAP_FAULT_NONE : IMAP_FAULT_TLS))
        fail_msg("%s: %s: %s", row->name, imap_fault_name(x->trial.fault), x->trial.e.text);
    add(x, never_looked);
    assert_true(run_until(x, row->is_fit ? is_idle : is_failed, PATIENCE_MS));
    if (!row->is_fit) {
        assert_int_equal(x->state.fault, IMAP_FAULT_TLS);
        assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE"), 0);
    }
    imap_boxes_stop(x->boxes, note_stopped, x);
    assert_true(run_until(x, is_stopped, PATIENCE_MS));
    imap_boxes_free(x->boxes);
    fake_imap_stop(&x->server);
    SSL_CTX_free(x->server.tls);
    x->boxes = NULL;
    x->is_stopped = false;
    x->failures = 0;
    x->state = (struct imap_state){0};
    x->server.port = 0;
}

/* With the trust that many mailboxes share. */
static void test_tls(void **state)
{
    size_t i;

    for (i = 0; i < sizeof tls_rows / sizeof tls_rows[0]; i++)
        run_tls_row(*state, &tls_rows[i]);
    unlink(ca_file());
}

static void test_token(void **state)
{
    struct fixture *x = *state;
    struct err e;

    x->server.caps = "IMAP4rev1 IDLE AUTH=PLAIN AUTH=XOAUTH2";
    x->server.token = "ya29.right";
    x->mailbox.server.password = NULL;
    x->mailbox.server.token = "ya29.old";
    add(x, never_looked);
    assert_true(run_until(x, is_resting, PATIENCE_MS));
    assert_int_equal(x->state.fault, IMAP_FAULT_LOGIN);
    assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE XOAUTH2"), 3);
    assert_null(strstr(x->state.e.text, "ya29"));
    x->mailbox.server.token = "ya29.right";
    assert_int_equal(imap_box_change(x->box, &x->mailbox, &e), 0);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE PLAIN"), 0);
}

static bool refuse_all(const struct sockaddr *address)
{
    (void)address;
    return false;
}

/* What users may not have us connect to is not connected to. */
static void test_unfit(void **state)
{
    struct fixture *x = *state;
    struct err e;

    x->settings.may_connect = refuse_all;
    open_boxes(x);
    assert_non_null(imap_trial_start(x->boxes, &x->mailbox, 0, note_trial, x, &e));
    assert_true(run_until(x, is_tried, PATIENCE_MS));
    assert_int_equal(x->trial.fault, IMAP_FAULT_NAME);
    assert_int_equal(fake_imap_connections(&x->server), 0);
}

static void test_trial_cancelled(void **state)
{
    struct fixture *x = *state;
    struct imap_trial *t;
    struct err e;

    open_boxes(x);
    t = imap_trial_start(x->boxes, &x->mailbox, 0, note_trial, x, &e);
    assert_non_null(t);
    imap_trial_cancel(t);
    run_until(x, never, 100);
    assert_false(x->is_tried);
}

/* What a user types may be anything. */
static void test_descriptions(void **state)
{
    struct fixture *x = *state;
    struct err e;
    struct {
        const char *host, *user, *password;
        unsigned port;
        const char *text;
    } rows[] = {{"", "u", "p", 143, "name"},     {"a b", "u", "p", 143, "name"},
                {"h", "", "p", 143, "user"},     {"h", "u\r\nA1 LOGOUT", "p", 143, "user"},
                {"h", "u", "", 143, "password"}, {"h", "u", "p\n", 143, "password"},
                {"h", "u", "p", 0, "port"},      {"h", "u", "p", 70000, "port"}};
    size_t i;

    open_boxes(x);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct conf_mailbox m = {.name = "x",
                                 .server = {.host = rows[i].host,
                                            .user = rows[i].user,
                                            .password = rows[i].password,
                                            .port = rows[i].port}};

        assert_null(imap_boxes_add(x->boxes, &m, never_looked, x, &e));
        assert_int_equal(e.class, ERR_PERMANENT);
        if (!strstr(e.text, rows[i].text))
            fail_msg("%zu: %s", i, e.text);
        assert_null(imap_trial_start(x->boxes, &m, 0, note_trial, x, &e));
    }
}

static void test_too_many(void **state)
{
    struct fixture *x = *state;
    struct err e;

    x->settings.boxes_max = 1;
    add(x, never_looked);
    assert_null(imap_boxes_add(x->boxes, &x->mailbox, never_looked, x, &e));
    assert_int_equal(e.class, ERR_RETRY);
    assert_non_null(strstr(e.text, "no more than 1 mailboxes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_begins_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_goes_on_at_the_cursor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_uidvalidity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_in_its_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_while_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_password, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trials, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_token, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unfit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trial_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
