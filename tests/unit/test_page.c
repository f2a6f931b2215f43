/* page_html and page_write: whatever a mail holds, the page has only what is known to be harmless.
 */
#include "tests/unit/fixture_mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "mapping/mime/mime_read.h"
#include "mapping/text/page_html.h"
#include "mapping/text/page_write.h"

static struct buf out;

static const char *page_of(const struct letter *l, const char *html)
{
    size_t left = 1 << 20;

    buf_clear(&out);
    buf_init(&out, 8 << 20);
    page_html_write(&out, l, html, &left);
    assert_false(buf_failed(&out));
    return out.data;
}

static bool is_one_of(const char *const *list, const char *s, size_t n)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncmp(*list, s, n) == 0)
            return true;
    return false;
}

/* name="value" and nothing else; returns where the tag ends. */
static const char *check_attribute(const char *s)
{
    static const char *const names[] = {"href",  "rel",   "src",   "alt",     "class",
                                        "style", "title", "dir",   "colspan", "rowspan",
                                        "lang",  "start", "value", NULL};
    size_t n = strcspn(s, "=> "), m;

    if (!is_one_of(names, s, n) || strncmp(s + n, "=\"", 2) != 0)
        fail_msg("attribute %.40s", s);
    m = strcspn(s + n + 2, "\"");
    if (strncmp(s, "href", n) == 0 && strncmp(s + 6, "http", 4) != 0 &&
        strncmp(s + 6, "mailto:", 7) != 0)
        fail_msg("link %.40s", s);
    if (strncmp(s, "src", n) == 0)
        assert_int_equal(strncmp(s + 5, "data:image/", 11), 0);
    if (strncmp(s, "style", n) == 0)
        assert_int_equal(strspn(s + 7, "abcdefghijklmnopqrstuvwxyz0689:;-7"), m);
    return s + n + 2 + m + 1;
}

/* Every < begins a tag of the list, every tag but the empty ones is closed in its order, every
 * attribute is harmless. */
static void check_sound(const char *html)
{
    static const char *const tags[] = {"p",     "div", "span",       "b",     "a",  "img",
                                       "table", "tr",  "td",         "br",    "h1", "ul",
                                       "li",    "pre", "blockquote", "tbody", NULL};
    const char *open[400];
    size_t depth = 0, n;
    const char *s;

    for (s = strchr(html, '<'); s; s = strchr(s, '<')) {
        bool is_end = s[1] == '/';

        s += 1 + is_end;
        n = strcspn(s, " >");
        if (!is_one_of(tags, s, n))
            fail_msg("tag %.40s", s);
        if (is_end) {
            assert_true(depth > 0 && strncmp(open[depth - 1], s, n) == 0);
            depth--;
        } else if (!(n == 2 && strncmp(s, "br", 2) == 0) &&
                   !(n == 3 && strncmp(s, "img", 3) == 0)) {
            assert_true(depth < 400);
            open[depth++] = s;
        }
        for (s += n; *s == ' ';)
            s = check_attribute(s + 1);
        assert_int_equal(*s, '>');
    }
    assert_int_equal(depth, 0);
}

static void hostile(void **state)
{
    static const struct {
        const char *html, *never; /* NULL: being sound is enough */
    } cases[] = {
        {"<script>alert(1)</script>", "alert"},
        {"<scr<script>ipt>alert(1)</scr</script>ipt>", "<script"},
        {"<img src=x onerror=alert(1)>", "onerror"},
        {"<img src='https://evil.example/a.png'>", "src="},
        {"<img src='//evil.example/a.png'>", "src="},
        {"<img src='data:image/svg+xml;base64,PHN2Zz4='>", "svg"},
        {"<img src='data:image/png;base64,AAAA\" onload=\"x'>", "onload"},
        {"<img src='data:text/html;base64,AAAA'>", "text/html"},
        {"<img srcset='https://evil.example/a.png 2x' src='cid:none'>", "evil"},
        {"<img width=1 height=1 src='https://evil.example/t.gif' alt=t>", "evil"},
        {"<a href='javascript:alert(1)'>x</a>", "javascript"},
        {"<a href=' \tjava\nscript:alert(1)'>x</a>", "script"},
        {"<a href='https://x.example/\"onclick=\"y'>x</a>", "\"onclick"},
        {"<a href='data:text/html,x'>x</a>", "data:"},
        {"<a href='https://x.example/' target=_top download ping='https://p.example'>x</a>",
         "ping"},
        {"<svg onload=alert(1)><a href=x>y</a></svg>", "y"},
        {"<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", "onerror"},
        {"<iframe srcdoc='<b>x'></iframe><object data=x></object><embed src=x>", "srcdoc"},
        {"<meta http-equiv=refresh content='0;url=https://evil.example'>", "evil"},
        {"<base href='https://evil.example/'><link rel=stylesheet href='https://evil.example'>",
         "evil"},
        {"<style>@import 'https://evil.example'</style>", "import"},
        {"<p style='background:url(https://evil.example)'>x</p>", "evil"},
        {"<p style='text-align:center;position:fixed;top:0'>x</p>", "fixed"},
        {"<p style='text-align:expression(alert(1))'>x</p>", "expression"},
        {"<form action='https://evil.example'><input name=p><button>go</button></form>", "evil"},
        {"<div id=top class=sheet onclick=x()>x</div>", "sheet"},
        {"<body onload=alert(1) background='https://evil.example'>x", "evil"},
        {"<!--[if IE]><script>alert(1)</script><![endif]-->", "alert"},
        {"<!-- --!><img src=x onerror=alert(1)> -->", "onerror"},
        {"<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>", "<img"},
        {"<title></title><textarea></textarea><xmp><img src=x onerror=a></xmp>", "onerror"},
        {"</div></main></body></html><p>after</p>", "main"},
        {"<td colspan='99999999999'><td colspan='2\" x=\"'>x", "9999"},
        {"<table><tr><td><a href='https://a.example'><a href='https://b.example'>x", NULL},
        {"<div style='display:none'>preview</div>", "preview"},
        {"<p title='&quot;&gt;&lt;script&gt;'>&lt;script&gt;alert(1)&lt;/script&gt;", "<script"},
        {"<a href='https://x.example'><b><p></a></b><td></table></blockquote>", NULL},
        {"<p", NULL},
        {"", NULL},
    };
    struct fixture *f = *state;
    struct letter *l = letter_new(f->arena);
    size_t i;

    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *page = page_of(l, cases[i].html);

        check_sound(page);
        if (cases[i].never && strstr(page, cases[i].never))
            fail_msg("%s gives %s", cases[i].html, page);
    }
}

static void deep(void **state)
{
    struct fixture *f = *state;
    struct buf html;
    int i;

    buf_init(&html, 8 << 20);
    for (i = 0; i < 100000; i++)
        buf_adds(&html, i % 2 ? "<div>" : "<table><tr><td>");
    page_of(letter_new(f->arena), html.data);
    buf_clear(&html);
}

static void what_stays(void **state)
{
    static const struct {
        const char *html, *page;
    } cases[] = {
        {"<p>Dear <b>Juliet</b>,<br>a &amp; b</p>", "<p>Dear <b>Juliet</b>,<br>a &amp; b</p>"},
        {"<a href='https://x.example/?a=1&amp;b=2'>x</a>",
         "<a rel=\"noopener noreferrer nofollow\" href=\"https://x.example/?a=1&amp;b=2\">x</a>"},
        {"<p align=right style='color:red;font-weight:bold'>x</p>",
         "<p style=\"text-align:right;font-weight:bold\">x</p>"},
        {"<custom>words</custom>", "words"},
        {"<img src='https://x.example/a.png' alt='A rose'>",
         "<a class=\"picture\" rel=\"noopener noreferrer nofollow\" "
         "href=\"https://x.example/a.png\">A rose</a>"},
        {"<table><tr><td>a</td><td>b</td></tr></table>",
         "<table class=\"grid\"><tr><td>a</td><td>b</td></tr></table>"},
        {"<table><tr><td><h1>a</h1></td></tr></table>",
         "<table class=\"layout\"><tr><td><h1>a</h1></td></tr></table>"},
    };
    struct fixture *f = *state;
    struct letter *l = letter_new(f->arena);
    size_t i;

    for (i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!strstr(page_of(l, cases[i].html), cases[i].page))
            fail_msg("%s gives %s", cases[i].html, out.data);
}

static void pictures_of_the_mail(void **state)
{
    struct fixture *f = *state;
    struct letter *l = letter_new(f->arena);
    struct attachment *att = letter_add_attachment(l);
    size_t left = 3;

    att->content_id = "rose@x";
    att->media_type = "image/png";
    att->content = "rose";
    att->size = 4;
    att->url = "https://mail.example.org/f/rose";
    assert_non_null(strstr(page_of(l, "<img src='cid:rose@x' alt='A rose'>"),
                           "<img src=\"data:image/png;base64,cm9zZQ==\" alt=\"A rose\">"));
    check_sound(out.data);
    buf_reset(&out);
    page_html_write(&out, l, "<img src='cid:rose@x'>", &left); /* no room left for it */
    assert_non_null(strstr(out.data, "href=\"https://mail.example.org/f/rose\""));
    att->media_type = "image/svg+xml";
    assert_null(strstr(page_of(l, "<img src='cid:rose@x'>"), "data:"));
}

static void text_with_links(void **state)
{
    (void)state;
    buf_clear(&out);
    buf_init(&out, 1 << 20);
    page_html_write_text(&out, "See https://x.example/?a=\"<b>&c.\n> quoted\nend");
    assert_string_equal(out.data,
                        "<div class=\"text\">See <a rel=\"noopener noreferrer nofollow\" "
                        "href=\"https://x.example/?a=\">https://x.example/?a=</a>&quot;&lt;b&gt;"
                        "&amp;c.\n<span class=\"quote\">&gt; quoted\n</span>end</div>\n");
}

static void rich_or_not(void **state)
{
    (void)state;
    assert_true(page_html_is_rich("<p><IMG src=x>"));
    assert_true(page_html_is_rich("a<table>"));
    assert_false(page_html_is_rich("<p>words <b>only</b> <img width=\"1\" src=x>"));
    assert_false(page_html_is_rich("<"));
}

static struct letter *read_mail(struct fixture *f, const char *mail)
{
    const struct mail_envelope envelope = {.reverse_path = "romeo@montague.example"};
    struct letter *l = NULL;
    struct err e;

    if (mime_read(&f->ctx, f->arena, mail, strlen(mail), &envelope, &l, &e) < 0)
        fail_msg("%s", e.text);
    return l;
}

#define HEADER "From: \"<b>Romeo\" <romeo@montague.example>\r\nSubject: </title><script>\r\n"

static void a_page_when_something_is_missing(void **state)
{
    struct fixture *f = *state;
    struct letter *l = read_mail(f, HEADER "\r\nHello\r\n");
    struct err e;

    assert_null(l->whole);
    l = read_mail(f, HEADER "Content-Type: text/html\r\n\r\n<p>Hello</p>");
    assert_null(l->whole);
    l = read_mail(f, HEADER "\r\nHello\r\n\r\n-- \r\nRomeo\r\nOrchard\r\n");
    assert_non_null(l->whole);
    assert_non_null(strstr(l->whole->text, "Orchard"));
    l = read_mail(f, HEADER "Content-Type: text/html\r\n\r\n<table><td>x<img src=a></table>");
    assert_non_null(l->whole);
    assert_true(l->whole->is_html);
    buf_clear(&out);
    buf_init(&out, PAGE_MAX);
    assert_int_equal(page_write(l, &out, &e), 0);
    assert_non_null(strstr(out.data, "<h1 dir=\"auto\">&lt;/title&gt;&lt;script&gt;</h1>"));
    assert_non_null(strstr(out.data, "<title>&lt;/title&gt;&lt;script&gt;</title>"));
    assert_non_null(strstr(out.data, "&lt;b&gt;Romeo"));
    assert_null(strstr(out.data, "<script"));
}

static int clear(void **state)
{
    buf_clear(&out);
    return fixture_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hostile),
        TEST(deep),
        TEST(what_stays),
        TEST(pictures_of_the_mail),
        TEST(text_with_links),
        TEST(rich_or_not),
        TEST(a_page_when_something_is_missing),
    };

    buf_init(&out, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
