/* header_read, header_addr, header_param: fields as they come, by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "mapping/mime/header_addr.h"
#include "mapping/mime/header_param.h"
#include "mapping/mime/header_read.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1 << 26);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void finds_fields(void **state)
{
    static const char text[] =
        "From juliet Mon Jan  1 00:00:00 2024\r\n"
        "Subject: a\r\n b\r\n\tc\r\nX-Two : 2\nsubject: second\r\n\r\nBody: no\r\n";
    struct mail_header h;
    size_t at = 0;

    (void)state;
    assert_int_equal(header_read(arena, text, sizeof text - 1, &h), 0);
    assert_int_equal(h.count, 3);
    assert_string_equal(header_read_get(&h, "SUBJECT"), "a b c");
    assert_string_equal(header_read_get(&h, "X-Two"), "2");
    header_read_next(&h, "Subject", &at);
    assert_string_equal(header_read_next(&h, "Subject", &at), "second");
    assert_null(header_read_next(&h, "Subject", &at));
    assert_null(header_read_get(&h, "Body"));
    assert_string_equal(text + h.body, "Body: no\r\n");
}

static void bears_broken_headers(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        const char *body;
    } cases[] = {
        {"", 0, ""},
        {"\r\nonly a body", 0, "only a body"},
        {"no header at all\n", 0, "no header at all\n"},
        {"A: 1\nthis is no field\nB: 2\n\n", 1, "this is no field\nB: 2\n\n"},
        {"A: 1", 1, ""},
        {"A:\n\nx", 1, "x"},
        {": nameless\n\nx", 0, ": nameless\n\nx"},
        {" folded before anything\nA: 1\n\nx", 0, " folded before anything\nA: 1\n\nx"},
        {"A: 1\r\n\r", 1, ""},
    };
    struct mail_header h;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(header_read(arena, cases[i].text, strlen(cases[i].text), &h), 0);
        assert_int_equal(h.count, cases[i].count);
        assert_string_equal(cases[i].text + h.body, cases[i].body);
    }
}

static void decodes_words(void **state)
{
    static const struct {
        const char *value, *want;
    } cases[] = {
        {"plain", "plain"},
        {"=?utf-8?q?caf=C3=A9?=", "caf\xc3\xa9"},
        {"=?UTF-8?B?Y2Fmw6k=?= bar", "caf\xc3\xa9 bar"},
        {"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
        {"=?utf-8?q?a?=  x =?utf-8?q?b?=", "a x b"},
        {"=?utf-8?b?ww==?= =?utf-8?b?qQ==?=", "\xc3\xa9"}, /* a character in two halves */
        {"=?iso-8859-1*fr?q?=E9t=E9?=", "\xc3\xa9t\xc3\xa9"},
        {"=?utf-8?q?with blanks inside?=", "with blanks inside"},
        {"=?nonsense?q?caf=E9?=", "caf\xc3\xa9"},
        {"raw \xe9", "raw \xc3\xa9"},
        {"=?utf-8?x?broken?=", "=?utf-8?x?broken?="},
        {"=?utf-8?q?open", "=?utf-8?q?open"},
        {"=?utf-8?q?line=0Abreak=00=1Bx?=", "line breakx"},
        {"  many   blanks  ", "many blanks"},
        {"", ""},
        {"=?utf-8?q?"
         "?=",
         ""},
        {"a=?utf-8?q?b?=c", "abc"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(header_read_text(arena, cases[i].value, 1000), cases[i].want);
    assert_string_equal(header_read_text(arena, "caf\xc3\xa9s", 4), "caf");
}

static void reads_ids(void **state)
{
    static const char value[] = "words <a@b> <  c@d > <bad id@x> <> <e@f";
    size_t at = 0;

    (void)state;
    assert_string_equal(header_read_id(arena, value, &at), "a@b");
    assert_string_equal(header_read_id(arena, value, &at), "c@d");
    assert_null(header_read_id(arena, value, &at));
    at = 0;
    assert_string_equal(header_read_id(arena, "bare@id", &at), "bare@id");
    assert_null(header_read_id(arena, "bare@id", &at));
    at = 0;
    assert_null(header_read_id(arena, "no id at all", &at));
}

static void reads_dates(void **state)
{
    static const struct {
        const char *value;
        int64_t want;
    } cases[] = {
        {"Mon, 2 Apr 2012 20:21:52 +0400", 1333383712},
        {"2 Apr 2012 16:21:52 GMT", 1333383712},
        {"Mon,  2 Apr 12 16:21:52 -0000", 1333383712},
        {"Mon Apr  2 16:21:52 2012", 1333383712},
        {"2012-04-02T16:21:52Z", 1333383712},
        {"2012-04-02T18:21:52.123+02:00", 1333383712},
        {"Mon, 2 Apr 2012 12:21:52 EDT (Eastern)", 1333383712},
        {"Mon, 2 Apr 2012 12:21:52 (a (nested) one) -0400", 1333383712},
        {"Thu, 1 Jan 1970 00:00:01 +0000", 1},
        {"29 Feb 2024 00:00 +0000", 1709164800},
        {"Mon, 32 Apr 2012 20:21:52 +0400", 0},
        {"2 Apr 2012 25:00:00", 0},
        {"2 Apr 9999999999 10:00:00", 0},
        {"2 Foo 2012 10:00:00", 0},
        {"yesterday", 0},
        {"", 0},
        {NULL, 0},
        {"Mon, 2 Apr 1912 20:21:52 +0400", 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(header_read_date(cases[i].value), cases[i].want);
}

static void reads_tokens(void **state)
{
    char out[16];

    (void)state;
    header_read_token(" (x) Auto-Replied; y", out, sizeof out);
    assert_string_equal(out, "auto-replied");
    header_read_token("averyverylongtokenindeed", out, sizeof out);
    assert_string_equal(out, "averyverylongto");
    header_read_token(NULL, out, sizeof out);
    assert_string_equal(out, "");
}

/* "name<local@domain>|..." */
static const char *show(const char *value)
{
    struct mailbox *m;
    struct buf out;
    const char *text;

    buf_init(&out, 1 << 16);
    assert_int_equal(header_addr_list(arena, value, 50, &m), 0);
    for (; m; m = m->next) {
        buf_printf(&out, "%s<", m->name ? m->name : "");
        if (m->addr.domain)
            addr_write(&out, &m->addr);
        buf_adds(&out, m->next ? ">|" : ">");
    }
    text = arena_strdup(arena, out.data);
    buf_clear(&out);
    return text;
}

static void reads_addresses(void **state)
{
    static const struct {
        const char *value, *want;
    } cases[] = {
        {"romeo@example.org", "<romeo@example.org>"},
        {"Romeo <romeo@example.org>", "Romeo<romeo@example.org>"},
        {"\"Montague, Romeo\" <romeo@example.org>, b@c.d",
         "Montague, Romeo<romeo@example.org>|<b@c.d>"},
        {"Montague, Romeo <romeo@example.org>", "Montague, Romeo<romeo@example.org>"},
        {"romeo@example.org (Romeo (the) first)", "Romeo (the) first<romeo@example.org>"},
        {"=?utf-8?q?Rom=C3=A9o?= <r@e.org>", "Rom\xc3\xa9o<r@e.org>"},
        {"\"=?utf-8?q?Rom=C3=A9o?=\" <r@e.org>", "Rom\xc3\xa9o<r@e.org>"},
        {"=?utf-8?q?Romeo_=3Cr=40e.org=3E?=", "Romeo<r@e.org>"},
        {"friends: a@b.c, D <d@e.f>;, g@h.i", "<a@b.c>|D<d@e.f>|<g@h.i>"},
        {"undisclosed-recipients:;", ""},
        {"a@b.c; d@e.f", "<a@b.c>|<d@e.f>"},
        {"<a@b.c>", "<a@b.c>"},
        {"<<a@b.c>>", "<a@b.c>"},
        {"Romeo <romeo@example.org", "Romeo<romeo@example.org>"},
        {"<@relay.org,@other.org:a@b.c>", "<a@b.c>"},
        {"<mailto:a@b.c>", "<a@b.c>"},
        {"\"odd local\"@b.c", "<\"odd local\"@b.c>"},
        {"Nobody in particular", "Nobody in particular<>"},
        {"Name <not an address>", "Name<>"},
        {"'Romeo' <r@e.org>", "Romeo<r@e.org>"},
        {",,,a@b.c,,", "<a@b.c>"},
        {"a@b.c RCPT TO:<evil@x.y>", "a@b.c RCPT TO:<evil@x.y>"},
        {"", ""},
        {"Rom\xe9o <r@e.org>", "Rom\xc3\xa9o<r@e.org>"},
        {"U <u@b\xc3\xbc"
         "cher.example>",
         "U<u@xn--bcher-kva.example>"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(show(cases[i].value), cases[i].want);
}

static void bounds_addresses(void **state)
{
    struct mailbox *m;
    struct buf b;
    size_t i, n = 0;

    (void)state;
    buf_init(&b, 1 << 22);
    for (i = 0; i < 100000; i++)
        buf_printf(&b, "u%zu@example.org,", i);
    assert_int_equal(header_addr_list(arena, b.data, 20, &m), 0);
    for (; m; m = m->next)
        n++;
    assert_int_equal(n, 20);
    buf_clear(&b);
    assert_int_equal(header_addr_list(arena, NULL, 20, &m), 0);
    assert_null(m);
}

static void reads_parameters(void **state)
{
    static const struct {
        const char *value, *main, *name, *want;
    } cases[] = {
        {"text/plain; charset=utf-8", "text/plain", "charset", "utf-8"},
        {"TEXT/Plain ; Charset = \"utf-8\" ; x=y", "text/plain", "charset", "utf-8"},
        {"text/plain (a comment); charset=utf-8 (another)", "text/plain", "charset", "utf-8"},
        {"attachment; filename=my file (1).pdf", "attachment", "filename", "my file (1).pdf"},
        {"attachment; filename=a(1).pdf", "attachment", "filename", "a(1).pdf"},
        {"attachment; filename=\"a \\\"b\\\" \\c.txt\"", "attachment", "filename",
         "a \"b\" \\c.txt"},
        {"attachment; filename*=utf-8''%e2%82%ac%20x", "attachment", "filename", "\xe2\x82\xac x"},
        {"a; filename=plain; filename*=utf-8''better", "a", "filename", "better"},
        {"a; f*0=\"one \"; f*1=two; f*2*=%20three", "a", "f", "one two three"},
        {"a; f*1=second; f*0=first-", "a", "f", "first-second"},
        {"a; f*0*=iso-8859-1'en'%E9; f*1*=%E8", "a", "f", "\xc3\xa9\xc3\xa8"},
        {"a; filename==?utf-8?q?=C3=A9?=", "a", "filename", "\xc3\xa9"},
        {"a; filename=\"=?utf-8?q?=C3=A9?=\"", "a", "filename", "\xc3\xa9"},
        {"charset=utf-8", "", "charset", "utf-8"},
        {"text/plain; charset", "text/plain", "charset", NULL},
        {"text/plain;;; ; charset=x", "text/plain", "charset", "x"},
        {"text/plain; charset=\"open", "text/plain", "charset", "open"},
        {"", "", "charset", NULL},
        {NULL, "", "charset", NULL},
        {"a; f*0*=utf-8'en; f*1=x", "a", "f", "utf-8'enx"},
        {"a; b=%zz; c*=utf-8''%zz%4", "a", "c", "%zz%4"},
    };
    struct param_value v;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(header_params(arena, cases[i].value, &v), 0);
        assert_string_equal(v.main, cases[i].main);
        if (cases[i].want)
            assert_string_equal(param_get(&v, cases[i].name), cases[i].want);
        else
            assert_null(param_get(&v, cases[i].name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_fields),     cmocka_unit_test(bears_broken_headers),
        cmocka_unit_test(decodes_words),    cmocka_unit_test(reads_ids),
        cmocka_unit_test(reads_dates),      cmocka_unit_test(reads_tokens),
        cmocka_unit_test(reads_addresses),  cmocka_unit_test(bounds_addresses),
        cmocka_unit_test(reads_parameters),
    };

    return cmocka_run_group_tests_name("header_read", tests, set_up, tear_down);
}
