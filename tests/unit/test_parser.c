/* The stream parser: what it hands over however the bytes are split, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "component/parser.h"

#define OPEN                                                                                       \
    "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' "         \
    "xmlns='jabber:component:accept' id='i1' from='gw'>"
#define CLOSE "</stream:stream>"

struct seen {
    struct buf text; /* "[root id]", each stanza as written again, "[end]" */
    struct parser *parser;
    int free_at; /* the how-manieth call frees the parser; 0: none */
    int calls;
};

static void called(struct seen *s)
{
    if (++s->calls != s->free_at)
        return;
    parser_free(s->parser);
    s->parser = NULL;
}

static void on_opened(const struct xml_node *root, void *arg)
{
    struct seen *s = arg;

    buf_printf(&s->text, "[%s %s]", root->name, xml_get(root, "id") ? xml_get(root, "id") : "-");
    called(s);
}

static void on_stanza(struct xml_node *stanza, struct arena *arena, void *arg)
{
    struct seen *s = arg;

    assert_null(stanza->parent);
    xml_write(&s->text, stanza, "jabber:component:accept");
    arena_free(arena);
    called(s);
}

static void on_closed(void *arg)
{
    struct seen *s = arg;

    buf_adds(&s->text, "[end]");
    called(s);
}

static const struct parser_handler handler = {on_opened, on_stanza, on_closed, NULL};

static void seen_open(struct seen *s, const struct parser_limits *limits)
{
    memset(s, 0, sizeof *s);
    buf_init(&s->text, 1 << 20);
    s->parser = parser_new(limits, &handler, s);
    assert_non_null(s->parser);
}

static void seen_close(struct seen *s)
{
    parser_free(s->parser);
    buf_clear(&s->text);
}

/* Feeds text in two pieces, or (split 0) byte by byte. */
static int feed_split(struct seen *s, const char *text, size_t len, size_t split,
                      const char **condition, struct err *e)
{
    size_t i;

    if (split > 0) {
        if (parser_feed(s->parser, text, split, condition, e) < 0)
            return -1;
        return parser_feed(s->parser, text + split, len - split, condition, e);
    }
    for (i = 0; i < len; i++)
        if (parser_feed(s->parser, text + i, 1, condition, e) < 0)
            return -1;
    return 0;
}

static const struct {
    const char *in, *out;
} good[] = {
    {OPEN CLOSE, "[stream i1][end]"},
    {OPEN "<message to='a' from='b'><body>hi</body></message>",
     "[stream i1]<message to='a' from='b'><body>hi</body></message>"},
    /* entities, character references, CDATA and UTF-8 join to one run of text */
    {OPEN "<message><body>a&lt;&#233;<![CDATA[<b>]]>\xc3\xa9&amp;</body></message>",
     "[stream i1]<message><body>a&lt;\xc3\xa9&lt;b&gt;\xc3\xa9&amp;</body></message>"},
    /* prefixes of their own, and the parent's namespace again */
    {OPEN "<iq type='get'><p:query xmlns:p='urn:p'><p:a/><b xmlns=''/></p:query></iq>",
     "[stream i1]<iq type='get'><query xmlns='urn:p'><a/><b xmlns=''/></query></iq>"},
    {OPEN "<message xml:lang='de'><body xml:lang=\"en\">x</body></message>",
     "[stream i1]<message xml:lang='de'><body xml:lang='en'>x</body></message>"},
    /* text between elements stays, white space between stanzas does not */
    {OPEN " \n <a>x<b/>y<b/>z</a> \t <c/>" CLOSE "\n", "[stream i1]<a>x<b/>y<b/>z</a><c/>[end]"},
    {OPEN "lost<a/>", "[stream i1]<a/>"},
    {OPEN "<stream:error><conflict xmlns='urn:x'/></stream:error>",
     "[stream i1]<error xmlns='http://etherx.jabber.org/streams'><conflict "
     "xmlns='urn:x'/></error>"},
    /* a declared encoding is not believed */
    {"<?xml version='1.0' encoding='ISO-8859-1'?><r>"
     "<a>\xc3\xa9</a>",
     "[r -]<a xmlns=''>\xc3\xa9</a>"},
    {"<r xmlns='x'/>", "[r -][end]"},
};

static void test_good_split_anywhere(void **state)
{
    size_t i, split;

    (void)state;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        size_t len = strlen(good[i].in);

        for (split = 0; split <= len; split++) {
            struct seen s;
            struct err e;

            seen_open(&s, NULL);
            assert_int_equal(feed_split(&s, good[i].in, len, split, NULL, &e), 0);
            assert_string_equal(s.text.data, good[i].out);
            seen_close(&s);
        }
    }
}

static const struct {
    const char *in, *condition, *before; /* before: what is handed over all the same */
} bad[] = {
    {"<!DOCTYPE r><r>", "restricted-xml", ""},
    {"<!DOCTYPE r [<!ENTITY a 'b'>]><r>", "restricted-xml", ""},
    {"<!DOCTYPE r SYSTEM 'file:///etc/passwd'><r>", "restricted-xml", ""},
    {OPEN "<a/><!-- x --><b/>", "restricted-xml", "[stream i1]<a/>"},
    {OPEN "<a><!-- x --></a>", "restricted-xml", "[stream i1]"},
    {OPEN "<?php x?><b/>", "restricted-xml", "[stream i1]"},
    {OPEN "<a>&nbsp;</a>", "restricted-xml", "[stream i1]"},
    {OPEN "<a><b></a>", "not-well-formed", "[stream i1]"},
    {OPEN "<a x='1' x='2'/>", "not-well-formed", "[stream i1]"},
    {OPEN "<a x=1/>", "not-well-formed", "[stream i1]"},
    {OPEN "<a>\x01</a>", "not-well-formed", "[stream i1]"},
    {OPEN "<a>&#0;</a>", "not-well-formed", "[stream i1]"},
    {OPEN "<a>\xff</a>", "not-well-formed", "[stream i1]"},
    {OPEN "<a>\xed\xa0\x80</a>", "not-well-formed", "[stream i1]"},
    {OPEN "<p:a/>", "bad-namespace-prefix", "[stream i1]"},
    {OPEN CLOSE "<a/>", "not-well-formed", "[stream i1][end]"},
    {OPEN "<a/><?xml version='1.0'?><b/>", "not-well-formed", "[stream i1]<a/>"},
    {"text<", "not-well-formed", ""},
};

static void test_bad_split_anywhere(void **state)
{
    size_t i, split;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t len = strlen(bad[i].in);

        for (split = 0; split <= len; split++) {
            struct seen s;
            struct err e = {ERR_NONE, ""};
            const char *condition = "";

            seen_open(&s, NULL);
            if (feed_split(&s, bad[i].in, len, split, &condition, &e) == 0)
                fail_msg("accepted: %s", bad[i].in);
            assert_string_equal(condition, bad[i].condition);
            assert_string_equal(s.text.data, bad[i].before);
            assert_int_equal(e.class, ERR_PERMANENT);
            assert_true(e.text[0] != '\0');
            /* and nothing more is taken */
            condition = "";
            assert_int_equal(parser_feed(s.parser, "<a/>", 4, &condition, &e), -1);
            assert_string_equal(condition, bad[i].condition);
            assert_string_equal(s.text.data, bad[i].before);
            seen_close(&s);
        }
    }
}

/* head, then piece times over, then tail. */
static void make(struct buf *out, const char *head, const char *piece, unsigned times,
                 const char *tail)
{
    unsigned i;

    buf_init(out, 64 << 20);
    buf_adds(out, head);
    for (i = 0; i < times; i++)
        buf_adds(out, piece);
    buf_adds(out, tail);
    assert_false(buf_failed(out));
}

static void test_limits(void **state)
{
    static const struct {
        const char *head, *piece, *tail;
        unsigned fits, too_many; /* pieces; without the tail it is too much already */
    } rows[] = {
        {OPEN "<a>", "<b>", "", 9, 10},         /* depth 10 */
        {OPEN "<a>", "x", "</a>", 993, 994},    /* bytes 1000 */
        {OPEN "<a>", "<b/>", "</a>", 248, 249}, /* bytes */
        {OPEN "<a x='", "y", "'/>", 991, 992},  /* bytes, in one tag */
        {OPEN, "<a>x</a>", "", 10000, 0},       /* for each stanza, not in all */
        {OPEN, " ", "", 100000, 0},             /* white space is free */
        {OPEN, "lost", "", 100000, 0},
        {"", " ", "<r>", 990, 20000},
        {"<r>", "", "</r>", 1, 0},
    };
    const struct parser_limits limits = {.stanza_bytes = 1000, .depth = 10, .attributes = 5};
    size_t i, whole;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (whole = 0; whole < 4; whole++) {
            unsigned times = whole & 1 ? rows[i].fits : rows[i].too_many;
            const char *condition = "";
            struct seen s;
            struct err e;
            struct buf in;
            int r;

            if (times == 0)
                continue;
            seen_open(&s, &limits);
            make(&in, rows[i].head, rows[i].piece, times, rows[i].tail);
            if (whole & 2)
                r = parser_feed(s.parser, in.data, in.len, &condition, &e);
            else
                r = feed_split(&s, in.data, in.len, 0, &condition, &e);
            if (r != (whole & 1 ? 0 : -1))
                fail_msg("row %zu, %zu: %d", i, whole, r);
            if (r < 0)
                assert_string_equal(condition, "policy-violation");
            buf_clear(&in);
            seen_close(&s);
        }
    }
}

static void test_attributes_limited(void **state)
{
    static const struct {
        const char *in;
        int r;
    } rows[] = {
        {OPEN "<a b='' c='' d='' e='' f=''/>", 0},
        {OPEN "<a b='' c='' d='' e='' f='' g=''/>", -1},
        {OPEN "<a xmlns:b='b' xmlns:c='c' xmlns:d='d' xmlns:e='e' xmlns:f='f'/><b f=''/>", 0},
        {OPEN "<a xmlns:b='b' xmlns:c='c' xmlns:d='d' xmlns:e='e' xmlns:f='f' g=''/>", -1},
        {OPEN "<a xmlns:b='b' xmlns:c='c' xmlns:d='d' xmlns:e='e' xmlns:f='f' xmlns:g='g'/>", -1},
    };
    const struct parser_limits limits = {.attributes = 5};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *condition = "";
        struct seen s;
        struct err e;

        seen_open(&s, &limits);
        assert_int_equal(parser_feed(s.parser, rows[i].in, strlen(rows[i].in), &condition, &e),
                         rows[i].r);
        assert_string_equal(condition, rows[i].r < 0 ? "policy-violation" : "");
        seen_close(&s);
    }
}

static void on_skipped(const struct xml_node *top, const char *why, void *arg)
{
    struct seen *s = arg;

    assert_true(strlen(why) > 0);
    buf_printf(&s->text, "(%s %s)", top->name, xml_get(top, "id") ? xml_get(top, "id") : "-");
    called(s);
}

static const struct parser_handler skipping = {on_opened, on_stanza, on_closed, on_skipped};

/* With a handler for it, a stanza over a limit is passed over and the next is read. */
static void test_over_limits_passed_over(void **state)
{
    static const struct {
        const char *head, *piece, *tail;
        unsigned times;
        const char *out; /* NULL: the stream ends */
    } rows[] = {
        {"<a id='1' b='' c='' d='' e='' f=''/>", "", "<z/>", 0, "(a 1)<z/>"},
        {"<a id='1'><b a='' b='' c='' d='' e='' f=''><c/>x</b>y</a>", "", "<z/>", 0, "(a 1)<z/>"},
        {"<a id='1' xmlns:b='b' xmlns:c='c' xmlns:d='d' xmlns:e='e' xmlns:f='f' xmlns:g='g'/>", "",
         "<z/>", 0, "(a 1)<z/>"},
        {"<a id='1'>", "<b>", "</b></b></b></b></b></b></b></b></b></b></a><z/>", 10, "(a 1)<z/>"},
        {"<a id='1'>", "x", "</a><z/>", 3000, "(a 1)<z/>"},
        {"<a id='1'>", "<b/>", "</a><z/>", 700, "(a 1)<z/>"},
        {"<a id='1' x='", "y", "'/><z/>", 3000, "(a 1)<z/>"},
        {"<a id='1'/><b id='2'><c x='", "y", "'/></b><z/>", 3000, "<a id='1'/>(b 2)<z/>"},
        {"<a id='1'>", "x", "", 5000, NULL},
        {"<a x='", "y", "", 5000, NULL},
    };
    const struct parser_limits limits = {.stanza_bytes = 1000, .depth = 10, .attributes = 5};
    size_t i, way;
    unsigned n;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (way = 0; way < 4; way++) {
            const char *condition = "";
            struct seen s = {.free_at = way >= 2 ? 3 : 0};
            struct err e;
            struct buf in;
            int r;

            buf_init(&s.text, 1 << 20);
            s.parser = parser_new(&limits, &skipping, &s);
            assert_non_null(s.parser);
            buf_init(&in, 1 << 20);
            buf_printf(&in, "<r xmlns='jabber:component:accept'>%s", rows[i].head);
            for (n = 0; n < rows[i].times; n++)
                buf_adds(&in, rows[i].piece);
            buf_adds(&in, rows[i].tail);
            assert_false(buf_failed(&in));
            if (way == 1)
                r = feed_split(&s, in.data, in.len, 0, &condition, &e);
            else
                r = parser_feed(s.parser, in.data, in.len, &condition, &e);
            assert_int_equal(r, rows[i].out ? 0 : -1);
            if (rows[i].out && way < 2)
                assert_string_equal(s.text.data + strlen("[r -]"), rows[i].out);
            if (!rows[i].out)
                assert_string_equal(condition, "policy-violation");
            buf_clear(&in);
            seen_close(&s);
        }
    }
}

static void test_defaults(void **state)
{
    const char *condition = "";
    struct seen s;
    struct err e;
    struct buf in;

    (void)state;
    seen_open(&s, NULL);
    make(&in, OPEN "<a>", "<b/>", 60000, "</a>"); /* 240 kB, and a tree of many nodes */
    assert_int_equal(parser_feed(s.parser, in.data, in.len, &condition, &e), 0);
    buf_clear(&in);
    make(&in, "<a>", "<b/>", 66000, "</a>");
    assert_int_equal(parser_feed(s.parser, in.data, in.len, &condition, &e), -1);
    assert_string_equal(condition, "policy-violation");
    buf_clear(&in);
    seen_close(&s);
}

static void test_freed_by_a_handler(void **state)
{
    static const char in[] = OPEN "<a/><b>x</b><c/>" CLOSE;
    static const char *const seen_then[] = {
        "[stream i1]", "[stream i1]<a/>", "[stream i1]<a/><b>x</b>", "[stream i1]<a/><b>x</b><c/>",
        "[stream i1]<a/><b>x</b><c/>[end]"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof seen_then / sizeof seen_then[0]; i++) {
        struct seen s;
        struct err e;

        seen_open(&s, NULL);
        s.free_at = (int)i + 1;
        assert_int_equal(parser_feed(s.parser, in, sizeof in - 1, NULL, &e), 0);
        assert_null(s.parser);
        assert_string_equal(s.text.data, seen_then[i]);
        seen_close(&s);
    }
}

static void test_read_one(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } rows[] = {
        {"<message to='a'><body>x</body></message>", "<message to='a'><body>x</body></message>"},
        {"\xef\xbb\xbf\r\n<?xml version='1.0' encoding='UTF-8'?>\n<message/>\n", "<message/>"},
        {"<message xmlns='jabber:client'><x/></message>",
         "<message xmlns='jabber:client'><x/></message>"},
        {"<m:message xmlns:m='urn:m'><m:x/><y/></m:message>",
         "<message xmlns='urn:m'><x/><y xmlns='jabber:component:accept'/></message>"},
        {"<message xml:lang='fr'/>", "<message xml:lang='fr'/>"},
        {"<stream:error/>", "<error xmlns='http://etherx.jabber.org/streams'/>"},
        {"", NULL},
        {"  \n ", NULL},
        {"hello", NULL},
        {"<a/>hello", NULL},
        {"<a/><b/>", NULL},
        {"<a>", NULL},
        {"</stream:stream>", NULL},
        {"<a/></stream:stream><stream:stream>", NULL},
        {"<!DOCTYPE a><a/>", NULL},
        {"<?xml version='1.0'", NULL},
        {"<a><!-- --></a>", NULL},
        {"<a>\n\n<b>\n</a>", NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(1 << 20);
        struct xml_node *node = NULL;
        struct err e = {ERR_NONE, ""};
        struct buf out;
        int r;

        buf_init(&out, 4096);
        r = parser_read_one(a, rows[i].in, strlen(rows[i].in), "jabber:component:accept", NULL,
                            &node, &e);
        assert_int_equal(r, rows[i].out ? 0 : -1);
        if (r == 0) {
            xml_write(&out, node, "jabber:component:accept");
            assert_string_equal(out.data, rows[i].out);
        } else {
            assert_int_equal(e.class, ERR_PERMANENT);
            assert_true(e.text[0] != '\0');
        }
        buf_clear(&out);
        arena_free(a);
    }
}

static void test_read_one_says_where(void **state)
{
    static const char in[] = "<a>\n\n<b>\n</a>";
    struct arena *a = arena_new(1 << 20), *small = arena_new(40);
    struct xml_node *node;
    struct err e;

    (void)state;
    assert_int_equal(parser_read_one(a, in, sizeof in - 1, "", NULL, &node, &e), -1);
    assert_non_null(strstr(e.text, "line 4"));
    assert_int_equal(parser_read_one(small, "<a/>", 4, "", NULL, &node, &e), -1);
    assert_int_equal(e.class, ERR_RETRY); /* the caller's arena is too small */
    arena_free(a);
    arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_split_anywhere),
        cmocka_unit_test(test_bad_split_anywhere),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_attributes_limited),
        cmocka_unit_test(test_over_limits_passed_over),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_freed_by_a_handler),
        cmocka_unit_test(test_read_one),
        cmocka_unit_test(test_read_one_says_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
