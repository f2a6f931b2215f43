/*
 * test_smtp_connect: where mail may be sent in the clear, and what is said of a relay that cannot
 * be reached.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "mail/smtp/smtp_connect.h"
#include "tests/fake/smtp_script.h"

static void test_private_addresses(void **state)
{
    static const struct {
        const char *host;
        bool is_private;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.255.255.255", true},
        {"128.0.0.1", false},
        {"10.0.0.1", true},
        {"10.255.255.255", true},
        {"11.0.0.1", false},
        {"9.255.255.255", false},
        {"172.16.0.1", true},
        {"172.31.255.255", true},
        {"172.15.255.255", false},
        {"172.32.0.0", false},
        {"192.168.0.1", true},
        {"192.169.0.1", false},
        {"192.167.255.255", false},
        {"169.254.1.1", true},
        {"169.255.0.1", false},
        {"100.64.0.1", true},
        {"100.127.255.255", true},
        {"100.63.255.255", false},
        {"100.128.0.0", false},
        {"0.0.0.0", false},
        {"8.8.8.8", false},
        {"::1", true},
        {"::2", false},
        {"fc00::1", true},
        {"fdff::1", true},
        {"fe00::1", false},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", false},
        {"2001:db8::1", false},
        {"::ffff:10.1.1.1", true},
        {"::ffff:8.8.8.8", false},
        {"::10.1.1.1", false},
    };
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list;
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(getaddrinfo(cases[i].host, NULL, &hints, &list), 0);
        if (smtp_is_private_address(list->ai_addr) != cases[i].is_private)
            fail_msg("%s", cases[i].host);
        freeaddrinfo(list);
        err_clear(&e);
        assert_int_equal(smtp_check_host(cases[i].host, &e), cases[i].is_private ? 0 : -1);
        assert_int_equal(e.class, cases[i].is_private ? ERR_NONE : ERR_PERMANENT);
    }
    assert_int_equal(smtp_check_host("relay.example", &e), 0);
}

static void test_connected(void **state)
{
    struct fake_smtp *fake = fake_smtp_start(NULL, NULL);
    struct smtp_hop hop = {.host = "localhost", .port = fake_smtp_port(fake), .timeout_ms = 5000};
    struct smtp_failure failure;
    int fd = smtp_connect(&hop, &failure);

    (void)state;
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    fake_smtp_free(fake);
}

static void test_failures(void **state)
{
    struct smtp_hop hop = {.host = "192.0.2.1", .port = 25, .timeout_ms = 200};
    struct smtp_failure failure;

    (void)state;
    assert_int_equal(smtp_connect(&hop, &failure), -1);
    assert_int_equal(failure.trouble, SEND_CONNECT);
    assert_non_null(strstr(failure.text, "in the clear"));

    hop.host = "a..b";
    assert_int_equal(smtp_connect(&hop, &failure), -1);
    assert_int_equal(failure.trouble, SEND_NO_NAME);
}

/* A listener whose queue is full drops what comes: connecting to it takes for ever. */
static void test_time_limit_and_stop(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), fill[8];
    struct smtp_hop hop = {.host = "127.0.0.1", .timeout_ms = 300};
    socklen_t len = sizeof a;
    struct smtp_failure failure;
    atomic_bool stop = true;
    int64_t start_ms;
    size_t i;

    (void)state;
    assert_int_equal(bind(listener, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    hop.port = ntohs(a.sin_port);
    for (i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fill[i], (const struct sockaddr *)&a, sizeof a);
    }
    start_ms = clock_mono_ms(&clock_system);
    assert_int_equal(smtp_connect(&hop, &failure), -1);
    assert_int_equal(failure.trouble, SEND_TIMEOUT);
    assert_true(clock_mono_ms(&clock_system) - start_ms >= 300);

    hop.timeout_ms = 60000;
    hop.stop = &stop;
    assert_int_equal(smtp_connect(&hop, &failure), -1);
    assert_int_equal(failure.trouble, SEND_CONNECT);
    assert_non_null(strstr(failure.text, "stopping"));
    for (i = 0; i < 8; i++)
        close(fill[i]);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_addresses),
        cmocka_unit_test(test_connected),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_time_limit_and_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
