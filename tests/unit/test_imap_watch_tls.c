/*
 * imap_watch against a server with TLS: by which names and ways it connects, and what it refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/tls.h"
#include "tests/unit/fixture_imap_watch.h"

static const char *ca_file(void)
{
    return "build/test_imap_watch_tls_ca.pem";
}

static void use_tls(struct fixture *x, const char *name, int days, enum conf_tls tls)
{
    struct fake_tls want = {.name = name, .days = days};

    x->server.tls = fake_tls_server(&want, ca_file());
    x->server.implicit = tls == CONF_TLS_IMPLICIT;
    x->server.caps = "IMAP4rev1 STARTTLS LOGINDISABLED";
    x->server.caps_after = "IMAP4rev1 IDLE UIDPLUS";
    if (tls == CONF_TLS_IMPLICIT)
        x->server.caps = "IMAP4rev1 AUTH=PLAIN IDLE";
    x->mailbox.server.tls = tls;
    x->mailbox.server.ca_file = ca_file();
    add_mails(x, 3);
}

static void test_tls_implicit(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_IMPLICIT);
    add_filler(x, 90000);
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 4);
    assert_true(run_until(x, is_idle, PATIENCE_MS));
    add_mails(x, 1);
    assert_true(run_until(x, five_done, PATIENCE_MS));
    assert_int_equal(fake_imap_connections(&x->server), 1);
}

static void test_tls_by_name(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "DNS:localhost", 5, CONF_TLS_IMPLICIT);
    x->mailbox.server.host = "localhost";
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
}

static void test_starttls(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_STARTTLS);
    /* Behind TLS the server offers PLAIN: what it said in the clear does not count. */
    rule(x, (struct fake_rule){.on = "CAPABILITY", .reply = "", .then_serve = true, .times = 1});
    rule(x, (struct fake_rule){.on = "CAPABILITY",
                               .reply =
                                   "* CAPABILITY IMAP4rev1 AUTH=PLAIN IDLE UIDPLUS\r\n%T OK x\r\n",
                               .times = -1});
    start(x);
    assert_true(run_until(x, all_seen, PATIENCE_MS));
    assert_all_once(x, 3);
    assert_int_equal(fake_imap_commands(&x->server, "STARTTLS"), 1);
}

static void test_starttls_is_not_skipped(void **state)
{
    static const struct fake_rule rules[] = {
        {.on = "CAPABILITY",
         .reply = "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n%T OK x\r\n",
         .times = 1},
        {.on = "STARTTLS", .reply = "%T NO not now\r\n", .times = 1},
        {.on = "STARTTLS",
         .reply = "%T OK begin\r\n* OK [CAPABILITY AUTH=PLAIN] injected\r\n",
         .times = 1},
        {.on = "", .reply = "* PREAUTH welcome\r\n", .times = 1},
    };
    static const char *const reasons[] = {"does not offer STARTTLS", "refuses STARTTLS: not now",
                                          "in the clear after STARTTLS", "logs in by itself"};
    struct fixture *x = *state;
    size_t i;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_STARTTLS);
    fake_imap_start(&x->server);
    for (i = 0; i < 4; i++) {
        x->down_count = 0;
        rule(x, rules[i]);
        start(x);
        if (!run_until(x, is_down, PATIENCE_MS) || !strstr(x->reason, reasons[i]))
            fail_msg("%s: %s", reasons[i], x->reason);
        stop(x);
        x->server.rule_count = 0;
    }
    assert_int_equal(fake_imap_commands(&x->server, "LOGIN"), 0);
    assert_int_equal(fake_imap_commands(&x->server, "AUTHENTICATE"), 0);
}

static void refuse_tls(struct fixture *x, const char *reason)
{
    start(x);
    assert_true(run_until(x, is_down, PATIENCE_MS));
    if (!strstr(x->reason, reason))
        fail_msg("%s", x->reason);
    run_until(x, never, 60);
    assert_int_equal(fake_imap_connections(&x->server), 1); /* a long wait follows */
    assert_int_equal(fake_imap_commands(&x->server, ""), 0);
    assert_int_equal(x->count, 0);
}

static void test_tls_wrong_name(void **state)
{
    use_tls(*state, "DNS:imap.example", 5, CONF_TLS_IMPLICIT);
    refuse_tls(*state, "IP address mismatch");
}

static void test_tls_wrong_host(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_IMPLICIT);
    x->mailbox.server.host = "localhost";
    refuse_tls(x, "hostname mismatch");
}

static void test_tls_expired(void **state)
{
    use_tls(*state, "IP:127.0.0.1", -1, CONF_TLS_IMPLICIT);
    refuse_tls(*state, "certificate has expired");
}

static void test_tls_unknown_ca(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_IMPLICIT);
    x->mailbox.server.ca_file = ""; /* the system's trust does not know it */
    refuse_tls(x, "certificate is refused");
}

static void test_tls_old(void **state)
{
    struct fixture *x = *state;

    use_tls(x, "IP:127.0.0.1", 5, CONF_TLS_IMPLICIT);
    SSL_CTX_set_min_proto_version(x->server.tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(x->server.tls, TLS1_1_VERSION);
    SSL_CTX_set_security_level(x->server.tls, 0);
    start(x);
    assert_true(run_until(x, is_down, PATIENCE_MS));
    assert_non_null(strstr(x->reason, "no TLS with the server"));
    assert_int_equal(x->count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tls_implicit),   TEST(test_tls_by_name),
        TEST(test_starttls),       TEST(test_starttls_is_not_skipped),
        TEST(test_tls_wrong_name), TEST(test_tls_wrong_host),
        TEST(test_tls_expired),    TEST(test_tls_unknown_ca),
        TEST(test_tls_old),
    };

    return cmocka_run_group_tests_name("imap_watch", tests, NULL, NULL);
}
