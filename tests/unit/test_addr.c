/*
 * addr: what is an address, by table; nothing that passes can break a command or a header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"

#define SIXTY "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"

static void test_parse(void **state)
{
    static const struct {
        const char *text, *local, *domain, *written; /* NULL: as text */
    } rows[] = {
        {"romeo@heaven.org", "romeo", "heaven.org", NULL},
        {"<romeo@heaven.org>", "romeo", "heaven.org", "romeo@heaven.org"},
        {" \tromeo@heaven.org ", "romeo", "heaven.org", "romeo@heaven.org"},
        {"Romeo.M@Heaven.ORG.", "Romeo.M", "heaven.org", "Romeo.M@heaven.org"},
        {"a!#$%&'*+-/=?^_`{|}~z@x", "a!#$%&'*+-/=?^_`{|}~z", "x", NULL},
        {"\"romeo\"@x.org", "romeo", "x.org", "romeo@x.org"},
        {"\"a b\"@x.org", "a b", "x.org", NULL},
        {"\"a\\\"b\\\\c\"@x.org", "a\"b\\c", "x.org", NULL},
        {"\"a\\bc\"@x.org", "abc", "x.org", "abc@x.org"},
        {"\"a@b\"@x.org", "a@b", "x.org", NULL},
        {"\"a..b\"@x.org", "a..b", "x.org", NULL},
        {"\".a\"@x.org", ".a", "x.org", NULL},
        {"\"a>\"@x.org", "a>", "x.org", NULL},
        {"\"(a),;:<>[]\"@x.org", "(a),;:<>[]", "x.org", NULL},
        {"a@[127.0.0.1]", "a", "[127.0.0.1]", NULL},
        {"a@[ipv6:2001:DB8:0::1]", "a", "[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"},
        {"a@under_score.example", "a", "under_score.example", NULL},
        {"a@localhost", "a", "localhost", NULL},
        {"j\xc3\xbcrgen@x.org", "j\xc3\xbcrgen", "x.org", NULL},
        {"a@b\xc3\xbc"
         "cher.example",
         "a", "xn--bcher-kva.example", "a@xn--bcher-kva.example"},
        {"a@B\xc3\x9c"
         "CHER.example",
         "a", "xn--bcher-kva.example", "a@xn--bcher-kva.example"},
        {"a@stra\xc3\x9f"
         "e.example",
         "a", "xn--strae-oqa.example", "a@xn--strae-oqa.example"},
        {"a@XN--bcher-kva.example", "a", "xn--bcher-kva.example", "a@xn--bcher-kva.example"},
        {"a@x\xe3\x80\x82org", "a", "x.org", "a@x.org"},
        /* local parts over 64 octets are others' habit */
        {SIXTY "12345@x.org", SIXTY "12345", "x.org", NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(65536);
        struct addr addr, again;
        struct buf b;
        struct err e;

        if (addr_parse(a, rows[i].text, &addr, &e) < 0)
            fail_msg("%s: %s", rows[i].text, e.text);
        assert_string_equal(addr.local, rows[i].local);
        assert_string_equal(addr.domain, rows[i].domain);
        assert_string_equal(addr_text(a, &addr), rows[i].written ? rows[i].written : rows[i].text);
        buf_init(&b, 1000);
        addr_write(&b, &addr);
        assert_int_equal(addr_parse(a, b.data, &again, &e), 0);
        assert_true(addr_is_same(&addr, &again));
        assert_int_equal(addr_from_parts(a, addr.local, addr.domain, &again, &e), 0);
        assert_true(addr_is_same(&addr, &again));
        buf_clear(&b);
        arena_free(a);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "no address"},
        {"<>", "no address"},
        {"<", "closing >"},
        {"<a@b", "closing >"},
        {"a@b>", "no domain has"},
        {"<<a@b>>", "< may not stand"},
        {"a", "no @"},
        {"a b", "a space"},
        {"@b", "nothing before the @"},
        {"\"\"@b", "nothing before the @"},
        {"a@", "domain is missing"},
        {"a@.", "empty label"},
        {"a@@b", "no domain has"},
        {"a@b@c", "no domain has"},
        {"a b@c", "a space may not"},
        {".a@b", "a dot may not"},
        {"a.@b", "a dot may not"},
        {"a..b@c", "a dot may not"},
        {"a(comment)@b", "( may not stand"},
        {"a@b (comment)", "no domain has"},
        {"a,b@c", ", may not stand"},
        {"a\"b\"@c", "\" may not stand"},
        {"\"a\"b@c", "closing quote"},
        {"\"a@c", "closing quote is missing"},
        {"\"a\\\"@c", "closing quote is missing"},
        {"\"a\\", "closing quote is missing"},
        {"\"a\"", "no @"},
        {"@x,@y:a@b", "source routes"},
        {"<@x:a@b>", "source routes"},
        {"a\r\nRCPT TO:<x@y>@b", "control character"},
        {"a\n@b", "control character"},
        {"\"a\r\nb\"@c", "U+000D"},
        {"\"a\tb\"@c", "U+0009"},
        {"\"a\\\nb\"@c", "U+000A"},
        {"a\x7f@b", "control character"},
        {"a\xc2\x85@b", "U+0085"},
        {"a\xe2\x80\xa8@b", "U+2028"},
        {"a\xef\xbf\xbf@b", "U+FFFF"},
        {"a\xff@b", "not UTF-8"},
        {"a\xc0\x8a@b", "not UTF-8"},
        {"a@b\r\nDATA", "no domain has"},
        {"a@b\n", "no domain has"},
        {"a@b c", "no domain has"},
        {"a@b,c", "no domain has"},
        {"a@\xff.x", "not UTF-8"},
        {"a@\xe2\x99\x9a.x", "internationalized"},
        {"a@b..c", "empty label"},
        {"a@.b", "empty label"},
        {"a@-b.c", "hyphen"},
        {"a@b-.c", "hyphen"},
        {"a@" SIXTY "1234.c", "label of the domain is longer"},
        {"a@[127.0.0.1", "address literal"},
        {"a@[127.0.0.256]", "address literal"},
        {"a@[127.0.0.1]x", "address literal"},
        {"a@[::1]", "address literal"},
        {"a@[IPv6:::g]", "address literal"},
        {"a@[127.0.0.1\r\n]", "address literal"},
        {"a@[tag:text]", "address literal"},
        {"a@[]", "address literal"},
        {"a@" SIXTY "." SIXTY "." SIXTY "." SIXTY "." SIXTY, "longer than 253"},
        {SIXTY SIXTY SIXTY SIXTY "1234567890123@x", "longer than 254"},
        {"\"" SIXTY SIXTY SIXTY SIXTY "1234567890 \"@x", "longer than 254"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(65536);
        struct err e = {ERR_NONE, ""};
        struct addr addr;

        if (addr_parse(a, rows[i].text, &addr, &e) == 0)
            fail_msg("taken: %s", rows[i].text);
        assert_int_equal(e.class, ERR_PERMANENT);
        if (!strstr(e.text, rows[i].why))
            fail_msg("%s: %s", rows[i].text, e.text);
        arena_free(a);
    }
}

static void test_from_parts(void **state)
{
    static const struct {
        const char *local, *domain, *text; /* text NULL: refused */
    } rows[] = {
        {"a b", "X.org", "\"a b\"@x.org"},
        {"a\\b", "x.org", "\"a\\\\b\"@x.org"},
        {"a@b", "x.org", "\"a@b\"@x.org"},
        {"\"a\"", "x.org", "\"\\\"a\\\"\"@x.org"},
        {"a", "[127.0.0.1]", "a@[127.0.0.1]"},
        {"", "x.org", NULL},
        {"a\rb", "x.org", NULL},
        {"a", "x.org>", NULL},
        {"a", "", NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(65536);
        struct err e = {ERR_NONE, ""};
        struct addr addr;
        int rc = addr_from_parts(a, rows[i].local, rows[i].domain, &addr, &e);

        assert_int_equal(rc, rows[i].text ? 0 : -1);
        if (rows[i].text)
            assert_string_equal(addr_text(a, &addr), rows[i].text);
        else
            assert_int_equal(e.class, ERR_PERMANENT);
        arena_free(a);
    }
}

/* No byte that passes, in either form, is a control. */
static void test_no_control_passes(void **state)
{
    int c;

    (void)state;
    for (c = 1; c < 256; c++) {
        char text[32], local[4] = {'a', (char)c, 'b', '\0'};
        struct arena *a = arena_new(65536);
        struct addr addr;
        int bare, quoted, parts;

        snprintf(text, sizeof text, "a%cb@x.org", c);
        bare = addr_parse(a, text, &addr, NULL);
        snprintf(text, sizeof text, "\"a\\%cb\"@x.org", c);
        quoted = addr_parse(a, text, &addr, NULL);
        parts = addr_from_parts(a, local, "x.org", &addr, NULL);
        if (c < 0x20 || c >= 0x7f) {
            assert_int_equal(bare, -1);
            assert_int_equal(quoted, -1);
            assert_int_equal(parts, -1);
        } else {
            assert_int_equal(quoted, 0);
            assert_int_equal(parts, 0);
        }
        arena_free(a);
    }
}

static void test_ascii_and_same(void **state)
{
    struct addr a = {"romeo", "heaven.org"}, b = {"romeo", "HEAVEN.org"},
                c = {"Romeo", "heaven.org"}, d = {"j\xc3\xbcrgen", "heaven.org"};

    (void)state;
    assert_true(addr_is_ascii(&a));
    assert_false(addr_is_ascii(&d));
    assert_true(addr_is_same(&a, &b));
    assert_false(addr_is_same(&a, &c));
    assert_false(addr_is_same(&a, &d));
}

static void test_domain(void **state)
{
    static const struct {
        const char *text, *domain;
    } rows[] = {
        {"Example.ORG", "example.org"},
        {"example.org.", "example.org"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"[127.0.0.1]", NULL},
        {"", NULL},
        {"a b", NULL},
        {"a@b", NULL},
        {"a\n", NULL},
    };
    struct arena *a = arena_new(65536);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *out = NULL;
        int rc = addr_domain(a, rows[i].text, &out, NULL);

        assert_int_equal(rc, rows[i].domain ? 0 : -1);
        if (rows[i].domain)
            assert_string_equal(out, rows[i].domain);
    }
    arena_free(a);
}

static void test_memory(void **state)
{
    size_t max;

    (void)state;
    for (max = 0; max < 200; max++) {
        struct arena *a = arena_new(max);
        struct addr addr;
        struct err e;

        if (addr_parse(a,
                       "romeo@b\xc3\xbc"
                       "cher.example",
                       &addr, &e) < 0)
            assert_int_equal(e.class, ERR_RETRY);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),          cmocka_unit_test(test_refused),
        cmocka_unit_test(test_from_parts),     cmocka_unit_test(test_no_control_passes),
        cmocka_unit_test(test_ascii_and_same), cmocka_unit_test(test_domain),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
