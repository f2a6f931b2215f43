/* network: which addresses are of the open internet, and lists of networks. */
#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static const struct sockaddr *address_of(const char *text)
{
    static struct sockaddr_in v4;
    static struct sockaddr_in6 v6;

    v4.sin_family = AF_INET;
    v6.sin6_family = AF_INET6;
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return (const struct sockaddr *)&v4;
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return (const struct sockaddr *)&v6;
}

static void test_world(void **state)
{
    static const struct {
        const char *address;
        bool is_public, is_local;
    } rows[] = {
        {"9.9.9.9", true, false},
        {"11.0.0.0", true, false},
        {"172.15.255.255", true, false},
        {"172.32.0.0", true, false},
        {"100.63.255.255", true, false},
        {"100.64.0.1", false, false},
        {"223.255.255.255", true, false},
        {"0.0.0.0", false, false},
        {"10.1.2.3", false, true},
        {"127.0.0.1", false, true},
        {"127.255.255.255", false, true},
        {"169.254.169.254", false, true},
        {"172.16.0.1", false, true},
        {"172.31.255.255", false, true},
        {"192.168.1.1", false, true},
        {"192.0.2.1", false, false},
        {"198.19.0.1", false, false},
        {"224.0.0.1", false, false},
        {"255.255.255.255", false, false},
        {"::", false, false},
        {"::1", false, true},
        {"::ffff:127.0.0.1", false, false},
        {"::ffff:9.9.9.9", false, false},
        {"::127.0.0.1", false, false},
        {"64:ff9b::9.9.9.9", true, false},
        {"64:ff9b::10.0.0.1", false, false},
        {"64:ff9b:1::9.9.9.9", false, false},
        {"2001::1", false, false},
        {"2001:db8::1", false, false},
        {"2002:7f00:1::", false, false},
        {"2620:fe::9", true, false},
        {"2a00::1", true, false},
        {"3fff::1", false, false},
        {"4000::1", false, false},
        {"fc00::1", false, true},
        {"fdff::1", false, true},
        {"fe80::1", false, true},
        {"fec0::1", false, false},
        {"ff02::1", false, false},
    };
    const struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].address);
        assert_int_equal(network_is_public(address_of(rows[i].address)), rows[i].is_public);
        assert_int_equal(network_is_local(address_of(rows[i].address)), rows[i].is_local);
    }
    assert_false(network_is_public((const struct sockaddr *)&unix_address));
    assert_false(network_is_local((const struct sockaddr *)&unix_address));
}

static void test_lists(void **state)
{
    static const struct {
        const char *network, *address;
        bool has;
    } rows[] = {
        {"127.0.0.0/8", "127.1.2.3", true},
        {"127.0.0.0/8", "128.0.0.1", false},
        {"10.1.0.0/15", "10.1.255.255", true},
        {"10.0.0.0/15", "10.2.0.0", false},
        {"192.168.7.9", "192.168.7.9", true},
        {"192.168.7.9", "192.168.7.8", false},
        {"0.0.0.0/0", "9.9.9.9", true},
        {"0.0.0.0/0", "2620:fe::9", false},
        {"::/0", "9.9.9.9", true},
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "fe12::1", false},
        {"::1", "::1", true},
        {"127.0.0.0/8", "::ffff:127.0.0.1", true},
    };
    static const char *const wrong[] = {
        "",
        "localhost",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0/8",
        "10.0.0.0/-1",
        "10.0.0.0/8x",
        "::/129",
        "::1/64/64",
        "10.0.0.0/0008",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd"};
    struct network network;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s %s\n", rows[i].network, rows[i].address);
        assert_int_equal(network_parse(rows[i].network, &network), 0);
        assert_int_equal(network_has(&network, 1, address_of(rows[i].address)), rows[i].has);
    }
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        print_message("%s\n", wrong[i]);
        assert_int_equal(network_parse(wrong[i], &network), -1);
    }
    assert_false(network_has(NULL, 0, address_of("127.0.0.1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_world), cmocka_unit_test(test_lists)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
