/*
 * address_map, alias and reverse_path: every kind of address, both ways, by table; what is given
 * out leads back to whom it was given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mapping/address/address_map.h"
#include "mapping/address/alias.h"
#include "mapping/address/reverse_path.h"

static const char *homes[] = {"example.org", "example.net"};
static struct conf_mailbox boxes[] = {
    {.name = "bridge", .address = "Box@post.example"},
    {.name = "plain", .address = ""},
};
static struct conf_map_rule rules[] = {
    {"juliet@capulet.example", "juliet.c@example.org", CONF_MAP_BOTH, "postern.conf:12"},
    {"*@montague.example", "*@im.example.org", CONF_MAP_BOTH, "postern.conf:13"},
    {"nurse@capulet.example", "nurse@out.example", CONF_MAP_TO_MAIL, "postern.conf:14"},
    {"peter@capulet.example", "nurse@out.example", CONF_MAP_TO_JABBER, "postern.conf:15"},
    {"*@verona.example", "*@out2.example", CONF_MAP_TO_MAIL, "postern.conf:16"},
    {"other@capulet.example", "taken@mail.example.org", CONF_MAP_BOTH, "postern.conf:17"},
    {"juliet@capulet.example", "late@example.org", CONF_MAP_BOTH, "postern.conf:18"},
    {"*.Sales@im.example", "sales-*@shop.example", CONF_MAP_BOTH, "people:1"},
    {"boss.sales@im.example", "boss@shop.example", CONF_MAP_BOTH, "people:2"},
    {"*@im.example", "Staff.*@shop.example", CONF_MAP_BOTH, "people:3"},
};

static struct conf make_conf(void)
{
    struct conf conf = {.jid = "mail.example.org",
                        .mail_domain = "mail.example.org",
                        .home = homes,
                        .home_count = 2,
                        .mailboxes = boxes,
                        .mailbox_count = 2,
                        .map = rules,
                        .map_count = sizeof rules / sizeof rules[0]};

    return conf;
}

struct fixture {
    struct arena *arena;
    struct address_map *map;
};

static struct fixture fix;

static int set_up(void **state)
{
    struct conf conf = make_conf();

    (void)state;
    fix.arena = arena_new(1 << 24);
    fix.map = address_map_new(&conf, NULL);
    return fix.map ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    address_map_free(fix.map);
    address_map_free(NULL);
    arena_free(fix.arena);
    return 0;
}

static struct jid jid_of(const char *text)
{
    struct err e;
    struct jid jid;

    if (jid_parse(fix.arena, text, &jid, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return jid;
}

static struct addr addr_of(const char *text)
{
    struct err e;
    struct addr addr;

    if (addr_parse(fix.arena, text, &addr, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    return addr;
}

static void test_basics(void **state)
{
    struct addr addr;

    (void)state;
    assert_string_equal(address_map_gateway(fix.map), "mail.example.org");
    assert_string_equal(address_map_mail_domain(fix.map), "mail.example.org");
    assert_true(address_map_is_home(fix.map, "example.net"));
    assert_false(address_map_is_home(fix.map, "mail.example.org"));
    assert_true(address_map_owns(fix.map, "Mail.example.org"));
    assert_true(address_map_owns(fix.map, "im.example.org"));
    assert_false(address_map_owns(fix.map, "example.org"));  /* only one address there */
    assert_false(address_map_owns(fix.map, "out2.example")); /* one direction */
    assert_false(address_map_owns(fix.map, "post.example"));
    addr = addr_of("Juliet.C@example.org");
    assert_true(address_map_owns_address(fix.map, &addr));
    addr = addr_of("romeo@example.org");
    assert_false(address_map_owns_address(fix.map, &addr));
    addr = addr_of("x@im.example.org");
    assert_true(address_map_owns_address(fix.map, &addr));
    addr = addr_of("anything@mail.example.org");
    assert_true(address_map_owns_address(fix.map, &addr));
    addr = addr_of("box@post.example");
    assert_false(address_map_owns_address(fix.map, &addr));
    addr = addr_of("bOX+x@post.example");
    assert_true(address_map_owns_address(fix.map, &addr));
    addr = addr_of("boxer+x@post.example");
    assert_false(address_map_owns_address(fix.map, &addr));
    addr = addr_of("x@out2.example");
    assert_false(address_map_owns_address(fix.map, &addr));
}

#define HOME  "gateway rule: users of example.org"
#define OTHER "gateway rule: users of other domains, node=domain"

/* Rows that hold in both directions. */
static void test_both_ways(void **state)
{
    static const struct {
        const char *jid, *mail, *rule;
    } rows[] = {
        {"juliet@example.org", "juliet@mail.example.org", HOME},
        {"juliet@example.net", "juliet=example.net@mail.example.org", OTHER},
        {"romeo@far.example", "romeo=far.example@mail.example.org", OTHER},
        {"juliet@capulet.example", "juliet.c@example.org", "map rule 1 (postern.conf:12)"},
        {"romeo@montague.example", "romeo@im.example.org", "map rule 2 (postern.conf:13)"},
        {"a=b@montague.example", "a~3db@im.example.org", "map rule 2 (postern.conf:13)"},
        {"other@capulet.example", "taken@mail.example.org", "map rule 6 (postern.conf:17)"},
        {"ann.sales@im.example", "sales-ann@shop.example", "map rule 8 (people:1)"},
        {"j\xc3\xbcrgen.sales@im.example", "sales-j~c3~bcrgen@shop.example",
         "map rule 8 (people:1)"},
        {"boss.sales@im.example", "sales-boss@shop.example", "map rule 8 (people:1)"},
        {".sales@im.example", "Staff.~2esales@shop.example", "map rule 10 (people:3)"},
        {"ann@im.example", "Staff.ann@shop.example", "map rule 10 (people:3)"},
        {"taken@example.org", "taken=example.org@mail.example.org", OTHER},
        {"john_doe-x.y1@example.org", "john_doe-x.y1@mail.example.org", HOME},
        {"a=b@example.org", "a~3db@mail.example.org", HOME},
        {"a=b@far.example", "a~3db=far.example@mail.example.org", OTHER},
        {"a+b@example.org", "a~2bb@mail.example.org", HOME},
        {"b+1@example.org", "b~2b1@mail.example.org", HOME},
        {"b@example.org", "b@mail.example.org", HOME},
        {"a%b@example.org", "a~25b@mail.example.org", HOME},
        {"a~b@example.org", "a~7eb@mail.example.org", HOME},
        {"a~2bb@example.org", "a~7e2bb@mail.example.org", HOME},
        {"a!b@example.org", "a~21b@mail.example.org", HOME},
        {"-a-@example.org", "~2da-@mail.example.org", HOME},
        {".a..b.@example.org", "~2ea.~2eb~2e@mail.example.org", HOME},
        {"d\\27artagnan@example.org", "d~5c27artagnan@mail.example.org", HOME},
        {"a\\2fb@example.org", "a~5c2fb@mail.example.org", HOME},
        {"j\xc3\xbcrgen@example.org", "j~c3~bcrgen@mail.example.org", HOME},
        {"a@b\xc3\xbc"
         "cher.example",
         "a=xn--bcher-kva.example@mail.example.org", OTHER},
        {"a@xn--strae-oqa.example", "a=xn--strae-oqa.example@mail.example.org", OTHER},
        {"a@\xe2\x99\x9a.example", "a=~e2~99~9a.example@mail.example.org", OTHER},
        {"a@[::1]", "a=~5b~3a~3a1~5d@mail.example.org", OTHER},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct jid jid = jid_of(rows[i].jid), back;
        const char *rule = NULL;
        struct addr addr;
        struct err e;

        if (address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, &rule, &e) < 0)
            fail_msg("%s: %s", rows[i].jid, e.text);
        assert_string_equal(addr_text(fix.arena, &addr), rows[i].mail);
        assert_string_equal(rule, rows[i].rule);
        assert_true(addr_is_ascii(&addr));
        rule = NULL;
        addr = addr_of(rows[i].mail);
        if (address_map_mail_to_jid(fix.map, fix.arena, &addr, &back, &rule, &e) < 0)
            fail_msg("%s: %s", rows[i].mail, e.text);
        assert_string_equal(jid_text(fix.arena, &back), rows[i].jid);
        assert_string_equal(rule, rows[i].rule);
        assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, NULL, NULL), 0);
    }
}

static void test_jid_to_mail_only(void **state)
{
    struct jid jid = jid_of("nurse@capulet.example");
    const char *rule;
    struct addr addr;
    struct err e;

    (void)state;
    assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, &rule, &e), 0);
    assert_string_equal(addr_text(fix.arena, &addr), "nurse@out.example");
    assert_string_equal(rule, "map rule 3 (postern.conf:14)");
    jid = jid_of("peter@capulet.example"); /* his rule goes the other way */
    assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, &rule, &e), 0);
    assert_string_equal(addr_text(fix.arena, &addr), "peter=capulet.example@mail.example.org");
    jid = jid_of("juliet@capulet.example/balcony");
    assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, &rule, &e), 0);
    assert_string_equal(addr_text(fix.arena, &addr), "juliet.c@example.org");
    jid = jid_of("friend\\40x.example@mail.example.org");
    assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, &rule, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    jid = jid_of("example.org");
    assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, &rule, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    /* 64 octets before the @, and one more */
    jid = jid_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org");
    assert_int_equal(strlen(jid.node), 64);
    assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, &rule, &e), 0);
    assert_null(address_map_stored_alias(fix.map, &addr));
}

/* Who would have more than 64 octets before the @ has an alias that only the store can read. */
static void test_stored_aliases(void **state)
{
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    static const struct {
        const char *jid, *head, *tail, *rule;
    } rows[] = {
        {A63 "=@example.org", "", "@mail.example.org",
         "gateway rule: stored alias, since the address would be too long"},
        {A63 "@far.example", "", "@mail.example.org",
         "gateway rule: stored alias, since the address would be too long"},
        {A63 "aa@montague.example", "", "@im.example.org", "map rule 2 (postern.conf:13)"},
        {A63 ".sales@im.example", "sales-", "@shop.example", "map rule 8 (people:1)"},
    };
    const char *before = "", *rule;
    struct addr addr, other;
    struct jid jid;
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        jid = jid_of(rows[i].jid);
        assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, &rule, &e), 0);
        assert_string_equal(rule, rows[i].rule);
        assert_int_equal(strlen(addr.local), strlen(rows[i].head) + ALIAS_HASH_LEN);
        assert_int_equal(strncmp(addr.local, rows[i].head, strlen(rows[i].head)), 0);
        assert_string_equal(addr.domain, rows[i].tail + 1);
        assert_ptr_equal(address_map_stored_alias(fix.map, &addr),
                         addr.local + strlen(rows[i].head));
        assert_true(address_map_owns_address(fix.map, &addr));
        assert_string_not_equal(addr.local, before);
        before = addr.local;
        /* always the same one, which says nothing by itself */
        assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &other, &rule, &e), 0);
        assert_true(addr_is_same(&addr, &other));
        assert_int_equal(address_map_mail_to_jid(fix.map, fix.arena, &addr, &jid, &rule, &e), -1);
        assert_int_equal(e.class, ERR_PERMANENT);
    }
    /* in a sub-address, and in the case an MTA left it */
    addr = addr_of("box+H-0123456789ABCDEF01234567@post.example");
    assert_string_equal(address_map_stored_alias(fix.map, &addr), addr.local + 4);
    addr = addr_of("h-0123456789abcdef01234567@elsewhere.example");
    assert_null(address_map_stored_alias(fix.map, &addr));
    addr = addr_of("h-0123456789abcdef0123456@mail.example.org");
    assert_null(address_map_stored_alias(fix.map, &addr));
    /* a user who is called like one */
    jid = jid_of("h-0123456789abcdef01234567@example.org");
    assert_int_equal(address_map_jid_to_mail(fix.map, fix.arena, &jid, &addr, &rule, &e), 0);
    assert_null(address_map_stored_alias(fix.map, &addr));
    assert_int_equal(address_map_mail_to_jid(fix.map, fix.arena, &addr, &jid, &rule, &e), 0);
    assert_string_equal(jid_text(fix.arena, &jid), "h-0123456789abcdef01234567@example.org");
}

/* Spellings that are read though they are not written. */
static void test_mail_to_jid_only(void **state)
{
    static const struct {
        const char *mail, *jid; /* NULL: nobody */
    } rows[] = {
        {"JULIET@mail.example.org", "juliet@example.org"},
        {"juliet=example.org@mail.example.org", "juliet@example.org"},
        {"juliet%far.example@mail.example.org", "juliet@far.example"},
        {"JULIET.C@Example.ORG", "juliet@capulet.example"},
        {"A~3DB@mail.example.org", "a=b@example.org"},
        {"a=b=far.example@mail.example.org", "a=b@far.example"},
        {"a%b=far.example@mail.example.org", "a%b@far.example"},
        {"a~zz@mail.example.org", "a~zz@example.org"},
        {"a~@mail.example.org", "a~@example.org"},
        {"a~2@mail.example.org", "a~2@example.org"},
        {"a+b@mail.example.org", "a+b@example.org"},
        {"j\xc3\xbcrgen@mail.example.org", "j\xc3\xbcrgen@example.org"},
        {"a=b@im.example.org", "a=b@montague.example"},
        {"nurse@out.example", "peter@capulet.example"},
        {"late@example.org", "juliet@capulet.example"},
        {"SALES-Ann@SHOP.example", "ann.sales@im.example"},
        {"boss@shop.example", "boss.sales@im.example"},
        {"sales-@shop.example", NULL},
        {"STAFF.x=y@shop.example", "x=y@im.example"},
        {"staff.a~40b@shop.example", NULL},
        {"other@shop.example", NULL},
        {"box+romeo=far.example@post.example", "romeo@far.example"},
        {"BOX+juliet@Post.Example", "juliet@example.org"},
        {"box+a~2bb@post.example", "a+b@example.org"},
        {"box@post.example", NULL},
        {"box+@post.example", NULL},
        {"box+b+x@post.example", NULL},
        {"other@post.example", NULL},
        {"b+123@mail.example.org", NULL},
        {"B+123@mail.example.org", NULL},
        {"x=mail.example.org@mail.example.org", NULL},
        {"\"x=Mail.Example.Org.\"@mail.example.org", NULL},
        {"a~40b@mail.example.org", NULL},
        {"a~2fb@mail.example.org", NULL},
        {"a~00b~0a@mail.example.org", NULL},
        {"a~0d~0ab@mail.example.org", NULL},
        {"a~ff@mail.example.org", NULL},
        {"\"a b\"@mail.example.org", NULL},
        {"a=@mail.example.org", NULL},
        {"=b@mail.example.org", NULL},
        {"a=b~2fc@mail.example.org", NULL},
        {"a=b~40c@mail.example.org", NULL},
        {"a~2f@im.example.org", NULL},
        {"romeo@heaven.example", NULL},
        {"x@out2.example", NULL},
        {"romeo@example.org", NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct addr addr = addr_of(rows[i].mail);
        struct err e = {ERR_NONE, ""};
        struct jid jid;

        if (address_map_mail_to_jid(fix.map, fix.arena, &addr, &jid, NULL, &e) < 0) {
            if (rows[i].jid)
                fail_msg("%s: %s", rows[i].mail, e.text);
            assert_int_equal(e.class, ERR_PERMANENT);
        } else if (!rows[i].jid) {
            fail_msg("%s is %s", rows[i].mail, jid_text(fix.arena, &jid));
        } else {
            assert_string_equal(jid_text(fix.arena, &jid), rows[i].jid);
        }
    }
}

#define ESCAPED "contact, escaped (XEP-0106)"
#define LEGACY  "contact, legacy %"

static void test_contact_to_mail(void **state)
{
    static const struct {
        const char *node, *mail, *rule; /* mail NULL: none */
    } rows[] = {
        {"friend\\40example.org", "friend@example.org", ESCAPED},
        {"friend%example.org", "friend@example.org", LEGACY},
        {"a%b%example.org", "a%b@example.org", LEGACY},
        {"a%b\\40example.org", "a%b@example.org", ESCAPED},
        {"d\\27artagnan\\40example.org", "d'artagnan@example.org", ESCAPED},
        {"d\\27artagnan%example.org", "d'artagnan@example.org", LEGACY},
        {"\\22a\\20b\\22\\40x.org", "\"a b\"@x.org", ESCAPED},
        {"a\\20b\\40x.org", "\"a b\"@x.org", ESCAPED},
        {"\\22a\\40b\\22\\40x.org", "\"a@b\"@x.org", ESCAPED},
        {"a\\2fb\\40x.org", "a/b@x.org", ESCAPED},
        {"a\\5c40b\\40x.org", NULL, NULL},
        {"j\xc3\xbcrgen\\40b\xc3\xbc"
         "cher.example",
         "j\xc3\xbcrgen@xn--bcher-kva.example", ESCAPED},
        {"a\\40[127.0.0.1]", "a@[127.0.0.1]", ESCAPED},
        /* owned by the map, all the same */
        {"juliet\\40mail.example.org", "juliet@mail.example.org", ESCAPED},
        {"friend", NULL, NULL},
        {"friend\\40", NULL, NULL},
        {"\\40example.org", NULL, NULL},
        {"%example.org", NULL, NULL},
        {"a\\40b\\40x.org", NULL, NULL},
        {"a\\3cb\\40x.org", NULL, NULL},
        {"a\\3eb\\40x.org", NULL, NULL},
        {"a\\40x\\20y", NULL, NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct jid contact;
        struct err e = {ERR_NONE, ""};
        const char *rule = NULL;
        struct addr addr;

        assert_int_equal(
            jid_from_parts(fix.arena, rows[i].node, "mail.example.org", "all", &contact, &e), 0);
        if (address_map_contact_to_mail(fix.map, fix.arena, &contact, &addr, &rule, &e) < 0) {
            if (rows[i].mail)
                fail_msg("%s: %s", rows[i].node, e.text);
            assert_int_equal(e.class, ERR_PERMANENT);
            continue;
        }
        if (!rows[i].mail)
            fail_msg("%s is %s", rows[i].node, addr_text(fix.arena, &addr));
        assert_string_equal(addr_text(fix.arena, &addr), rows[i].mail);
        assert_string_equal(rule, rows[i].rule);
    }
}

static void test_contact_refused(void **state)
{
    static const char *const jids[] = {"mail.example.org", "mail.example.org/x",
                                       "a\\40b.c@example.org"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof jids / sizeof jids[0]; i++) {
        struct jid contact = jid_of(jids[i]);
        struct addr addr;
        struct err e;

        assert_int_equal(address_map_contact_to_mail(fix.map, fix.arena, &contact, &addr, NULL, &e),
                         -1);
        assert_int_equal(e.class, ERR_PERMANENT);
    }
}

static void test_mail_to_contact(void **state)
{
    static const struct {
        const char *mail, *contact, *back; /* back NULL: mail */
    } rows[] = {
        {"friend@example.org", "friend\\40example.org@mail.example.org", NULL},
        {"Friend@Example.org", "friend\\40example.org@mail.example.org", "friend@example.org"},
        {"d'artagnan@x.org", "d\\27artagnan\\40x.org@mail.example.org", NULL},
        {"a/b@x.org", "a\\2fb\\40x.org@mail.example.org", NULL},
        {"a%b@x.org", "a%b\\40x.org@mail.example.org", NULL},
        {"\"a b\"@x.org", "\\22a\\20b\\22\\40x.org@mail.example.org", NULL},
        {"\" a\"@x.org", "\\22\\20a\\22\\40x.org@mail.example.org", NULL},
        {"\"a@b\"@x.org", "\\22a\\40b\\22\\40x.org@mail.example.org", NULL},
        {"\"a\\\\40b\"@x.org", "\\22a\\\\5c40b\\22\\40x.org@mail.example.org", NULL},
        {"\"a:<>&\"@x.org", "\\22a\\3a\\3c\\3e\\26\\22\\40x.org@mail.example.org", NULL},
        {"j\xc3\xbcrgen@x.org", "j\xc3\xbcrgen\\40x.org@mail.example.org", NULL},
        {"a@b\xc3\xbc"
         "cher.example",
         "a\\40b\xc3\xbc"
         "cher.example@mail.example.org",
         "a@xn--bcher-kva.example"},
        /* JIDs fold the sharp s, domains do not any more */
        {"a@xn--strae-oqa.example", "a\\40xn--strae-oqa.example@mail.example.org", NULL},
        {"a@xn--zzzz.example", "a\\40xn--zzzz.example@mail.example.org", NULL},
        {"a@[IPv6:::1]",
         "a\\40[ipv6\\3a\\3a\\3a"
         "1]@mail.example.org",
         NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct addr addr = addr_of(rows[i].mail), back;
        struct err e;
        const char *rule;
        struct jid contact;

        if (address_map_mail_to_contact(fix.map, fix.arena, &addr, &contact, &rule, &e) < 0)
            fail_msg("%s: %s", rows[i].mail, e.text);
        assert_string_equal(jid_text(fix.arena, &contact), rows[i].contact);
        assert_string_equal(rule, ESCAPED);
        assert_int_equal(address_map_contact_to_mail(fix.map, fix.arena, &contact, &back, NULL, &e),
                         0);
        assert_string_equal(addr_text(fix.arena, &back),
                            rows[i].back ? rows[i].back : rows[i].mail);
    }
}

/* Every prepared node over telling characters is written safely and read back. */
static void test_alias_round_trip(void **state)
{
    static const char *const set[] = {"a", "b", "0", "2", "=",  "+",       "~",
                                      "-", ".", "_", "%", "\\", "\xc3\xbc"};
    enum { SET = sizeof set / sizeof set[0] };
    int n;

    (void)state;
    for (n = 0; n < SET * SET * SET * SET; n++) {
        struct arena *a = arena_new(65536);
        char node[16];
        const char *local, *p;
        struct jid jid, back;
        struct addr addr;

        snprintf(node, sizeof node, "%s%s%s%s", set[n % SET], set[n / SET % SET],
                 set[n / SET / SET % SET], set[n / SET / SET / SET]);
        assert_int_equal(jid_from_parts(a, node, "far.example", NULL, &jid, NULL), 0);
        assert_int_equal(alias_write(a, jid.node, n % 2 ? jid.domain : NULL, &local, NULL), 0);
        for (p = local; *p; p++)
            assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.~=", *p));
        assert_int_equal(addr_parse(a, arena_printf(a, "%s@x", local), &addr, NULL), 0);
        assert_string_equal(addr_text(a, &addr),
                            arena_printf(a, "%s@x", local)); /* needs no quotes */
        assert_int_equal(alias_read(a, local, "far.example", &back, NULL), 0);
        assert_true(jid_is_same(&jid, &back));
        arena_free(a);
    }
}

static void test_bad_rules(void **state)
{
    static const struct {
        const char *jabber, *mail, *why;
    } rows[] = {
        {"juliet@", "a@b",
         "postern.conf:9: map: \"juliet@\": the domain of the JID is empty; expected a JID"},
        {"capulet.example", "a@b",
         "postern.conf:9: map: \"capulet.example\" is no user; expected a JID"},
        {"a@b/c", "a@b", "postern.conf:9: map: \"a@b/c\" is no user"},
        {"*@a b", "*@b", "postern.conf:9: map: \"*@a b\": "},
        {"a@b", "*@c",
         "postern.conf:9: map: \"a@b\" and \"*@c\"; expected a * before the @ on both sides or on "
         "none"},
        {"*@b", "a@c", "postern.conf:9: map: \"*@b\" and \"a@c\"; expected a *"},
        {"a*@b", "a@c*.d", "postern.conf:9: map.mail: \"a@c*.d\": "},
        {"a*b*@c", "d*@e",
         "postern.conf:9: map: \"a*b*@c\" and \"d*@e\"; expected one * on each side"},
        {"a*@c", "**@e", "postern.conf:9: map: \"a*@c\" and \"**@e\"; expected one *"},
        {"a*@c", "b+*@mail.example.org",
         "postern.conf:9: map.mail: \"b+*@mail.example.org\": addr"},
        {"a@b", "c", "postern.conf:9: map.mail: \"c\": there is no @; expected an address such as"},
        {"*@b", "*@c d", "postern.conf:9: map.mail: \"*@c d\": "},
        {"a@mail.example.org", "a@b",
         "postern.conf:9: map: \"a@mail.example.org\" is at the gateway itself"},
        {"*@mail.example.org", "*@b",
         "postern.conf:9: map: \"*@mail.example.org\" is at the gateway itself"},
        {"a@b", "b+c@mail.example.org",
         "postern.conf:9: map.mail: \"b+c@mail.example.org\": addresses with b+"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct conf_map_rule rule = {rows[i].jabber, rows[i].mail, CONF_MAP_BOTH, "postern.conf:9"};
        struct conf conf = make_conf();
        struct err e = {ERR_NONE, ""};

        conf.map = &rule;
        conf.map_count = 1;
        assert_null(address_map_new(&conf, &e));
        assert_int_equal(e.class, ERR_PERMANENT);
        if (strncmp(e.text, rows[i].why, strlen(rows[i].why)) != 0)
            fail_msg("\n got: %s\nwant: %s", e.text, rows[i].why);
    }
}

/* For people who own a mailbox and no domain. */
static void test_sub_addresses(void **state)
{
    static struct conf_mailbox own[] = {
        {.name = "mine", .address = "box@post.example", .sub_addresses = true}};
    static const struct {
        const char *jid, *mail; /* mail NULL: a stored alias */
    } rows[] = {
        {"juliet@example.org", "box+juliet=example.org@post.example"},
        {"romeo@far.example", "box+romeo=far.example@post.example"},
        {"juliet@capulet.example", "juliet.c@example.org"}, /* the map comes first */
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org", NULL},
    };
    static const struct keyed_key key = {{1, 2, 3}};
    struct conf conf = make_conf();
    struct context ctx = {.now_s = 1790000000, .key = &key};
    struct address_map *map;
    const char *path, *rule;
    struct jid jid, back;
    struct addr addr;
    struct err e;
    int64_t id;
    size_t i;

    (void)state;
    conf.mailboxes = own;
    conf.mailbox_count = 1;
    ctx.map = map = address_map_new(&conf, &e);
    assert_non_null(map);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        jid = jid_of(rows[i].jid);
        assert_int_equal(address_map_jid_to_mail(map, fix.arena, &jid, &addr, &rule, &e), 0);
        assert_null(address_map_reverse(map, &addr));
        if (!rows[i].mail) {
            assert_non_null(address_map_stored_alias(map, &addr));
            assert_true(strlen(addr.local) <= ADDR_LOCAL_MAX);
            continue;
        }
        assert_string_equal(addr_text(fix.arena, &addr), rows[i].mail);
        assert_int_equal(address_map_mail_to_jid(map, fix.arena, &addr, &back, NULL, &e), 0);
        assert_true(jid_is_same(&jid, &back));
    }
    path = reverse_path_make(&ctx, fix.arena, INT64_MAX);
    assert_int_equal(strncmp(path, "box+b+", 6), 0);
    addr = addr_of(path);
    assert_true(strlen(addr.local) <= ADDR_LOCAL_MAX);
    assert_ptr_equal(address_map_reverse(map, &addr), addr.local + 4);
    assert_int_equal(reverse_path_check(&ctx, address_map_reverse(map, &addr), &id), KEYED_OK);
    assert_true(id == INT64_MAX);
    addr = addr_of("b+x@mail.example.org");
    assert_ptr_equal(address_map_reverse(map, &addr), addr.local);
    addr = addr_of("b+x@post.example");
    assert_null(address_map_reverse(map, &addr));
    address_map_free(map);
}

/* A rule for all of md leaves the gateway's bounces alone. */
static void test_rule_for_md(void **state)
{
    struct conf_map_rule rule = {"*@far.example", "*@mail.example.org", CONF_MAP_BOTH,
                                 "postern.conf:9"};
    struct conf conf = make_conf();
    struct address_map *map;
    struct addr addr = addr_of("b+x@mail.example.org");
    struct jid jid;
    struct err e;

    (void)state;
    conf.map = &rule;
    conf.map_count = 1;
    map = address_map_new(&conf, &e);
    assert_non_null(map);
    assert_int_equal(address_map_mail_to_jid(map, fix.arena, &addr, &jid, NULL, &e), -1);
    addr = addr_of("x@mail.example.org");
    assert_int_equal(address_map_mail_to_jid(map, fix.arena, &addr, &jid, NULL, &e), 0);
    assert_string_equal(jid_text(fix.arena, &jid), "x@far.example");
    address_map_free(map);
}

static void test_memory(void **state)
{
    struct jid jid = jid_of("romeo@far.example"), contact = jid_of("a\\40b.c@mail.example.org"), to;
    struct addr mail = addr_of("romeo=far.example@mail.example.org"), addr;
    size_t max;
    struct err e;

    (void)state;
    for (max = 0; max < 300; max += 4) {
        struct arena *a = arena_new(max);

        if (address_map_jid_to_mail(fix.map, a, &jid, &addr, NULL, &e) < 0)
            assert_int_equal(e.class, ERR_RETRY);
        if (address_map_mail_to_jid(fix.map, a, &mail, &to, NULL, &e) < 0)
            assert_int_equal(e.class, ERR_RETRY);
        if (address_map_contact_to_mail(fix.map, a, &contact, &addr, NULL, &e) < 0)
            assert_int_equal(e.class, ERR_RETRY);
        if (address_map_mail_to_contact(fix.map, a, &mail, &to, NULL, &e) < 0)
            assert_int_equal(e.class, ERR_RETRY);
        arena_free(a);
    }
}

static void test_reverse_path(void **state)
{
    struct keyed_key key = {{1, 2, 3}}, other = {{4}};
    struct context ctx = {.map = fix.map, .now_s = 1700000000, .key = &key};
    const char *path = reverse_path_make(&ctx, fix.arena, 0x123456789abcdef);
    struct arena *none = arena_new(0);
    struct addr addr;
    int64_t id = 0;

    (void)state;
    assert_non_null(path);
    addr = addr_of(path);
    assert_string_equal(addr.domain, "mail.example.org");
    assert_true(strlen(addr.local) <= 64);
    assert_true(reverse_path_is_form(addr.local));
    assert_int_equal(reverse_path_check(&ctx, addr.local, &id), KEYED_OK);
    assert_true(id == 0x123456789abcdef);
    ctx.now_s += 30 * 86400;
    assert_int_equal(reverse_path_check(&ctx, addr.local, &id), KEYED_OK);
    ctx.now_s += 86400;
    id = 0;
    assert_int_equal(reverse_path_check(&ctx, addr.local, &id), KEYED_EXPIRED);
    assert_true(id == 0x123456789abcdef);
    ctx.key = &other;
    assert_int_equal(reverse_path_check(&ctx, addr.local, &id), KEYED_FORGED);
    assert_int_equal(reverse_path_check(&ctx, "b+", &id), KEYED_FORGED);
    assert_int_equal(reverse_path_check(&ctx, "b", &id), KEYED_FORGED);
    assert_int_equal(reverse_path_check(&ctx, "", &id), KEYED_FORGED);
    assert_false(reverse_path_is_form("b"));
    assert_false(reverse_path_is_form("bb+x"));
    assert_false(reverse_path_is_form(""));
    assert_true(reverse_path_is_form("B+x"));
    assert_null(reverse_path_make(&ctx, none, 1));
    arena_free(none);
}

/* ---- what users have registered ---- */

static const struct {
    const char *alias, *bare_jid;
} registrations[] = {
    {"romy", "romeo@example.org"},
    {"ann", "zoe@example.net"},
    {"taken", "mallory@example.org"}, /* the rule was made after it */
    {"jule", "juliet@capulet.example"},
};

static void expect_mail(const struct address_map *map, const char *from, const char *to,
                        const char *rule)
{
    struct jid jid = jid_of(from);
    const char *words = "";
    struct addr mail;

    assert_int_equal(address_map_jid_to_mail(map, fix.arena, &jid, &mail, &words, NULL), 0);
    assert_string_equal(addr_text(fix.arena, &mail), to);
    if (rule)
        assert_string_equal(words, rule);
}

static void expect_jid(const struct address_map *map, const char *from, const char *to,
                       const char *rule)
{
    struct addr mail = addr_of(from);
    const char *words = "";
    struct jid jid;

    assert_int_equal(address_map_mail_to_jid(map, fix.arena, &mail, &jid, &words, NULL), 0);
    assert_string_equal(jid_bare(fix.arena, &jid), to);
    if (rule)
        assert_string_equal(words, rule);
}

static void expect_own(const struct address_map *map, const char *user, const char *local,
                       const char *outcome)
{
    struct err e = {ERR_NONE, ""};
    struct jid jid = jid_of(user);
    const char *what = "free";
    bool is_taken;

    if (address_map_check_own(map, fix.arena, &jid, local, &is_taken, &e) < 0) {
        assert_int_equal(e.class, ERR_PERMANENT);
        what = is_taken ? "taken" : "bad";
    }
    if (strcmp(what, outcome) != 0)
        fail_msg("%s for %s is %s: %s", local, user, what, e.text);
}

static void test_registered(void **state)
{
    struct conf conf = make_conf();
    struct address_map *map = address_map_new(&conf, NULL);
    struct pairs *pairs = pairs_new();
    size_t i;

    (void)state;
    for (i = 0; i < sizeof registrations / sizeof registrations[0]; i++)
        assert_int_equal(pairs_put(pairs, registrations[i].alias, registrations[i].bare_jid), 0);
    expect_mail(map, "romeo@example.org/home", "romeo@mail.example.org", NULL);
    address_map_register(map, pairs);
    expect_mail(map, "romeo@example.org/home", "romy@mail.example.org", "registered");
    expect_mail(map, "zoe@example.net", "ann@mail.example.org", "registered");
    expect_jid(map, "romy@mail.example.org", "romeo@example.org", "registered");
    expect_jid(map, "ROMY@Mail.Example.org", "romeo@example.org", "registered");
    expect_jid(map, "romeo@mail.example.org", "romeo@example.org", NULL);
    expect_jid(map, "ann@mail.example.org", "zoe@example.net", "registered");
    /* who is called so keeps an address that leads to them */
    expect_mail(map, "ann@example.org", "ann=example.org@mail.example.org", NULL);
    expect_jid(map, "ann=example.org@mail.example.org", "ann@example.org", NULL);
    /* the administrators' map comes first */
    expect_mail(map, "mallory@example.org", "mallory@mail.example.org", NULL);
    expect_jid(map, "taken@mail.example.org", "other@capulet.example",
               "map rule 6 (postern.conf:17)");
    expect_mail(map, "juliet@capulet.example", "juliet.c@example.org",
                "map rule 1 (postern.conf:12)");
    address_map_free(map);
    pairs_free(pairs);
}

static void test_what_may_be_registered(void **state)
{
    char long_one[66];

    (void)state;
    memset(long_one, 'x', sizeof long_one);
    long_one[65] = '\0';
    expect_own(fix.map, "romeo@example.org", long_one, "bad");
    expect_own(fix.map, "romeo@example.org", long_one + 1, "free");
    expect_own(fix.map, "romeo@example.org", "romy", "free");
    expect_own(fix.map, "romeo@example.org", "r.o-m_1", "free");
    expect_own(fix.map, "romeo@example.org", "taken", "taken");
    expect_own(fix.map, "other@capulet.example", "taken", "free");
    expect_own(fix.map, "romeo@example.org", "postmaster", "taken");
    expect_own(fix.map, "romeo@example.org", "h-0123456789abcdef01234567", "bad");
    expect_own(fix.map, "romeo@example.org", "b+1.2.3", "bad");
    expect_own(fix.map, "romeo@example.org", "a=example.net", "bad");
    expect_own(fix.map, "romeo@example.org", "a%example.net", "bad");
    expect_own(fix.map, "romeo@example.org", ".a", "bad");
    expect_own(fix.map, "romeo@example.org", "a.", "bad");
    expect_own(fix.map, "romeo@example.org", "a..b", "bad");
    expect_own(fix.map, "romeo@example.org", "-a", "bad");
    expect_own(fix.map, "romeo@example.org", "", "bad");
    expect_own(fix.map, "romeo@example.org", "Romy", "bad");
    expect_own(fix.map, "romeo@example.org", "a\r\nb", "bad");
    expect_own(fix.map, "romeo@example.org", "m\xc3\xbcller", "bad");
}

static void test_registered_sub_addresses(void **state)
{
    struct conf_mailbox own[] = {
        {.name = "own", .address = "box@post.example", .sub_addresses = true}};
    struct conf conf = {.jid = "gw.example",
                        .mail_domain = "gw.example",
                        .home = homes,
                        .home_count = 2,
                        .mailboxes = own,
                        .mailbox_count = 1};
    struct address_map *map = address_map_new(&conf, NULL);
    struct pairs *pairs = pairs_new();

    (void)state;
    assert_int_equal(pairs_put(pairs, "romy", "romeo@example.org"), 0);
    address_map_register(map, pairs);
    expect_mail(map, "romeo@example.org", "box+romy@post.example", "registered");
    expect_jid(map, "box+romy@post.example", "romeo@example.org", "registered");
    expect_jid(map, "Box+Romy@post.example", "romeo@example.org", "registered");
    address_map_free(map);
    pairs_free(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registered),
        cmocka_unit_test(test_what_may_be_registered),
        cmocka_unit_test(test_registered_sub_addresses),
        cmocka_unit_test(test_basics),
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_jid_to_mail_only),
        cmocka_unit_test(test_stored_aliases),
        cmocka_unit_test(test_mail_to_jid_only),
        cmocka_unit_test(test_contact_to_mail),
        cmocka_unit_test(test_contact_refused),
        cmocka_unit_test(test_mail_to_contact),
        cmocka_unit_test(test_alias_round_trip),
        cmocka_unit_test(test_bad_rules),
        cmocka_unit_test(test_sub_addresses),
        cmocka_unit_test(test_rule_for_md),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_reverse_path),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
