/* html_text: what is shown, how, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "mapping/text/html_text.h"

static void writes_text(void **state)
{
    static const struct {
        const char *html, *want;
    } cases[] = {
        {"plain", "plain"},
        {"<p>One</p><p>Two</p>", "One\n\nTwo"},
        {"<div>One</div><div>Two</div>", "One\nTwo"},
        {"One<br>Two<br><br>Three", "One\nTwo\n\nThree"},
        {"  lots\n of   <b>bl</b>anks  ", "lots of blanks"},
        {"a&nbsp;b &lt;c&gt; &amp;amp; &eacute;", "a b <c> &amp; \xc3\xa9"},
        {"<a href='https://example.org/x'>here</a>.", "here <https://example.org/x>."},
        {"<a href='https://example.org/'>example.org</a>", "example.org"},
        {"<a href='https://www.example.org'>https://example.org/</a>", "https://example.org/"},
        {"<a href='mailto:a@b.c?subject=x'>a@b.c</a>", "a@b.c"},
        {"<a href='javascript:alert(1)'>here</a>", "here"},
        {"<a href='https://x.y/track'><img src=x></a>", ""},
        {"<a href='https://x.y/'><img alt='Logo'></a>", "Logo <https://x.y/>"},
        {"<ul><li>one<li>two<ul><li>deep</ul></ul>",
         "\xe2\x80\xa2 one\n\xe2\x80\xa2 two\n  \xe2\x80\xa2 deep"},
        {"<ol><li>one<li>two</ol>", "1. one\n2. two"},
        {"<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>",
         "A | B\n1 | 2"},
        {"<table><tr><td><p>left</p></td><td><p>right</p></td></tr></table>", "left\n\nright"},
        {"<pre>a\n  b\n</pre>c", "a\n  b\n\nc"},
        {"said:<blockquote>one<p>two</blockquote>end", "said:\n\n> one\n>\n> two\n\nend"},
        {"<blockquote style='margin:0 0 0 40px;border:none'>moved</blockquote>", "moved"},
        {"<script>evil()</script><style>p{}</style><title>t</title>text", "text"},
        {"<div style='display:none'>hidden</div><span hidden>x</span>seen",
         "[hidden: hidden]\n[hidden: x] seen"},
        {"<div hidden>one<p>two <script>no</script><b>three</b></p></div>seen",
         "[hidden: one two three]\nseen"},
        {"<div style='display:none'>&nbsp;&#8203;&#847; &zwnj;</div>seen", "seen"},
        {"<p style='display:none'><img src=t.gif></p>seen", "seen"},
        {"<style>.a, p.c, #b{color:red} /*.d{*/ .p , #q {display : none !important}</style>"
         "<p class='x p'>hidden</p><p id=q>hidden</p><p class=pp>a</p><p class=d>b</p>",
         "[hidden: hidden]\n[hidden: hidden]\n\na\n\nb"},
        {"<style><!-- @media (max-width:9px) {.a {display:none} .b{display:none}} "
         ".c{display:none} .c{display:block} .d .e{display:none} --></style>"
         "<i class=a>a</i><i class=b>b</i><i class=c>c</i><b class=d><b class=e>e</b></b>",
         "abce"},
        {"<style>.a{display:none}body.x,.x{display:none}</style><body class=x>"
         "<p class=a style='display:block'>a</p>b",
         "a\n\nb"},
        {"<style>.a{display:none</style><p class=a>x</p><style>.b{</style><style>@</style>y",
         "[hidden: x]\ny"},
        {"<div style='max-height:0px;font-size: 0'>preview</div>seen", "[hidden: preview]\nseen"},
        {"<div style='font-size:0.9em'>small</div>", "small"},
        {"<img src='http://t.example/p.gif' width=1 height=1 alt=x>", ""},
        {"<img src='cid:a' alt='A rose'>", "A rose"},
        {"a&#8203;b&shy;c", "abc"},
        {"x<hr>y", "x\n\n--------------------\ny"},
        {"unclosed <b><i><p>tags", "unclosed\n\ntags"},
        {"<p>&e; &nbsp;x</p>", "&e; x"},
        {"<q>word</q>", "\"word\""},
        {"<p style='color:#FFF;background:#ffffff'>w</p>seen", "[hidden: w]\nseen"},
        {"<p style='color:#fff;background:#000'>light on dark</p>", "light on dark"},
        {"<div style='height:0;overflow:hidden'>x</div>seen", "[hidden: x]\nseen"},
        {"<div style='text-indent:-9999px'>x</div>seen", "[hidden: x]\nseen"},
        {"<img src=t.gif style='width:1px;height:1px' alt=track>seen", "seen"},
        {"<ol start=3><li>c<li>d</ol>", "3. c\n4. d"},
        {"<![if !mso]>shown<![endif]>", "shown"},
        {"<p><![if !supportLists]>* <![endif]>Item</p>", "* Item"},
        {"<p>One<o:p></o:p></p><p><o:p>&nbsp;</o:p></p><p>Two</p>", "One\n\nTwo"},
        {"<!--[if mso]><p>only Word</p><![endif]-->text", "text"},
        {"1 < 2 and 3 <4", "1 < 2 and 3 <4"},
        {"a ![if not", "a ![if not"},
        {"", ""},
        {"<>x", ">x"},
        {"&#x1c;&#x1e;&#0;x", "x"},
        {"<div class='moz-cite-prefix'>J wrote:</div>x", "\x1fJ wrote:\x1e\nx"},
        {"<div class='gmail_signature'></div>x", "x"},
    };
    struct arena *a = arena_new(1 << 24);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = html_text(a, cases[i].html, strlen(cases[i].html));

        if (strcmp(got, cases[i].want) != 0)
            fprintf(stderr, "case %zu: %s\n", i, cases[i].html);
        assert_string_equal(got, cases[i].want);
    }
    arena_free(a);
}

static void finds_charsets(void **state)
{
    static const char meta[] =
        "<html><meta http-equiv=Content-Type content=\"text/html; charset=koi8-r\">";
    static const char html5[] = "<meta charset=\"Shift_JIS\">";
    struct arena *a = arena_new(1 << 16);

    (void)state;
    assert_string_equal(html_charset(a, meta, sizeof meta - 1), "koi8-r");
    assert_string_equal(html_charset(a, html5, sizeof html5 - 1), "Shift_JIS");
    assert_null(html_charset(a, "<p>", 3));
    assert_null(html_charset(a, "charset=", 8));
    arena_free(a);
}

/* Things made to be slow or deep. */
static void bears_hostile_html(void **state)
{
    static const char *const pieces[] = {
        "<div>",
        "<b>",
        "<table><tr><td>",
        "<ul><li>",
        "<blockquote>",
        "<a href=x>",
        "<p>",
        "&",
        "<",
        "<!--",
        "<li>",
        "<font><b>",
        "<td>x",
        "</p>",
        "<q>",
        "<pre>",
        "<div style='display:none'>x",
    };
    size_t i, j;

    (void)state;
    for (i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct arena *a = arena_new(1 << 26);
        struct buf html;

        buf_init(&html, 1 << 20);
        for (j = 0; j < 20000; j++)
            buf_adds(&html, pieces[i]);
        assert_false(buf_failed(&html));
        assert_non_null(html_text(a, html.data, html.len));
        buf_clear(&html);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_text),
        cmocka_unit_test(finds_charsets),
        cmocka_unit_test(bears_hostile_html),
    };

    return cmocka_run_group_tests_name("html_text", tests, NULL, NULL);
}
