/*
 * xml: building, asking, copying, writing; nothing forbidden is ever written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "base/xml.h"

static void assert_written(const struct xml_node *node, const char *ns, const char *want)
{
    struct buf b;

    buf_init(&b, 10000);
    xml_write(&b, node, ns);
    assert_false(buf_failed(&b));
    assert_string_equal(b.data, want);
    buf_clear(&b);
}

static void test_write(void **state)
{
    struct arena *a = arena_new(65536);
    struct xml_node *m = xml_new(a, "jabber:client", "message"), *x;

    (void)state;
    assert_written(m, "jabber:client", "<message/>");
    assert_written(m, NULL, "<message xmlns='jabber:client'/>");
    assert_non_null(xml_set(a, m, "to", "a'b\"<>&\t\n\r"));
    assert_non_null(xml_set_lang(a, m, "de"));
    assert_non_null(
        xml_add_with_text(a, m, "jabber:client", "body", "1 < 2 & \"3\" ]]> 'x'\r\n\ttab"));
    x = xml_add(a, m, "jabber:x:oob", "x");
    assert_non_null(xml_add_with_text(a, x, "jabber:x:oob", "url", NULL));
    assert_non_null(xml_add(a, x, "", "plain"));
    assert_written(m, "jabber:client",
                   "<message to='a&apos;b&quot;&lt;&gt;&amp;&#9;&#10;&#13;' xml:lang='de'>"
                   "<body>1 &lt; 2 &amp; &quot;3&quot; ]]&gt; &apos;x&apos;&#13;\n\ttab</body>"
                   "<x xmlns='jabber:x:oob'><url/><plain xmlns=''/></x></message>");
    assert_non_null(xml_set(a, m, "to", "new")); /* replaced, not doubled */
    assert_string_equal(xml_get(m, "to"), "new");
    assert_ptr_equal(m->attrs->next->next, NULL);
    arena_free(a);
}

static void test_write_fails_softly(void **state)
{
    struct arena *a = arena_new(65536);
    struct xml_node *m = xml_new(a, "n", "m");
    struct buf b;
    size_t max;

    (void)state;
    xml_add_text(a, m, "some\rtext & more");
    for (max = 0; max < 40; max++) {
        buf_init(&b, max);
        xml_write(&b, m, "n");
        if (buf_failed(&b))
            assert_true(max < strlen("<m>some&#13;text &amp; more</m>"));
        else
            assert_string_equal(b.data, "<m>some&#13;text &amp; more</m>");
        buf_clear(&b);
    }
    arena_free(a);
}

static void test_ask(void **state)
{
    struct arena *a = arena_new(65536);
    struct xml_node *m = xml_new(a, "c", "message"), *one, *two;

    (void)state;
    xml_set_lang(a, m, "en");
    xml_set(a, m, "lang", "not this");
    xml_add_text(a, m, "a");
    one = xml_add_with_text(a, m, "x", "item", "1");
    xml_add_text(a, m, "b");
    two = xml_add_with_text(a, m, "y", "item", "2");
    assert_ptr_equal(xml_child(m, "x", "item"), one);
    assert_ptr_equal(xml_child(m, "y", "item"), two);
    assert_ptr_equal(xml_child(m, NULL, "item"), one);
    assert_ptr_equal(xml_next(one, NULL, "item"), two);
    assert_null(xml_next(one, "x", "item"));
    assert_null(xml_child(m, "x", "other"));
    assert_string_equal(xml_text(a, m), "ab");
    assert_string_equal(xml_text(a, one), "1");
    assert_string_equal(xml_child_text(a, m, "y", "item"), "2");
    assert_null(xml_child_text(a, m, "z", "item"));
    assert_string_equal(xml_lang(two), "en");
    xml_set_lang(a, two, "de");
    assert_string_equal(xml_lang(two), "de");
    assert_string_equal(xml_lang(one), "en");
    assert_string_equal(xml_get(m, "lang"), "not this");
    assert_null(xml_get(m, "none"));
    assert_null(xml_get(NULL, "x"));
    assert_null(xml_child(NULL, NULL, "x"));
    assert_null(xml_next(NULL, NULL, "x"));
    assert_null(xml_text(a, NULL));
    assert_null(xml_lang(NULL));
    arena_free(a);
}

static void test_chained_failure(void **state)
{
    struct arena *a = arena_new(65536), *none = arena_new(0);
    struct xml_node *m = xml_new(a, "c", "m");

    (void)state;
    assert_null(xml_new(none, "c", "m"));
    assert_null(xml_add(a, NULL, "c", "m"));
    assert_null(xml_add_text(a, NULL, "t"));
    assert_null(xml_add_text(a, m, NULL));
    assert_null(xml_add_with_text(a, NULL, "c", "m", "t"));
    assert_null(xml_set(a, NULL, "n", "v"));
    assert_null(xml_set(a, m, "n", NULL));
    assert_null(xml_set(none, m, "n", "v"));
    assert_null(m->attrs);
    assert_null(xml_add(none, m, "c", "m"));
    assert_null(m->first);
    arena_free(a);
    arena_free(none);
}

static void test_copy(void **state)
{
    struct arena *a = arena_new(65536), *other = arena_new(65536);
    struct xml_node *m = xml_new(a, "c", "m"), *copy;
    size_t max;

    (void)state;
    xml_set(a, m, "id", "7");
    xml_set_lang(a, m, "en");
    xml_add_with_text(a, xml_add(a, m, "d", "e"), "d", "f", "text");
    for (max = 0; max < 400; max += 16) { /* running out anywhere leaves no half */
        struct arena *small = arena_new(max);

        assert_null(xml_copy(small, m));
        arena_free(small);
    }
    copy = xml_copy(other, m);
    arena_free(a);
    assert_written(copy, "c", "<m id='7' xml:lang='en'><e xmlns='d'><f>text</f></e></m>");
    assert_null(copy->parent);
    assert_ptr_equal(copy->first->parent, copy);
    arena_free(other);
}

#define BAD "\xef\xbf\xbd"

static void test_clean(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *clean;
    } rows[] = {
        {"", 0, ""},
        {"plain\t\r\n", 8, "plain\t\r\n"},
        {"a\0b\x01\x1f"
         "c",
         6, "abc"},
        {"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\x80", 1, BAD},
        {"a\xff"
         "b",
         3, "a" BAD "b"},
        {"\xc3", 1, BAD}, /* cut short */
        {"\xe2\x82", 2, BAD BAD},
        {"\xc0\x80", 2, BAD BAD},         /* overlong NUL */
        {"\xe0\x80\xaf", 3, BAD BAD BAD}, /* overlong slash */
        {"\xf0\x80\x80\xaf", 4, BAD BAD BAD BAD},
        {"\xed\xa0\x80", 3, BAD BAD BAD},         /* surrogate */
        {"\xf4\x90\x80\x80", 4, BAD BAD BAD BAD}, /* over U+10FFFF */
        {"\xf5\x80\x80\x80", 4, BAD BAD BAD BAD},
        {"\xef\xbf\xbe\xef\xbf\xbf"
         "x",
         7, "x"}, /* U+FFFE, U+FFFF */
        {"\xf4\x8f\xbf\xbf", 4, "\xf4\x8f\xbf\xbf"},
    };
    struct arena *a = arena_new(65536);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(xml_clean(a, rows[i].text, rows[i].len), rows[i].clean);
    /* what is added is cleaned */
    {
        struct xml_node *m = xml_new(a, "c", "m");

        xml_set(a, m, "x", "\x01\xff");
        xml_add_text(a, m, "\x02\xfe");
        assert_written(m, "c", "<m x='" BAD "'>" BAD "</m>");
    }
    arena_free(a);
}

/* The cleaned form of every pair and triple of telling bytes is well-formed. */
static void test_clean_is_valid(void **state)
{
    static const unsigned char set[] = {0x00, 0x01, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbe,
                                        0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5};
    enum { SET = sizeof set };
    size_t n;

    (void)state;
    for (n = 0; n < (size_t)SET * SET * SET * SET; n += 3) {
        char text[4] = {(char)set[n % SET], (char)set[n / SET % SET],
                        (char)set[n / SET / SET % SET], (char)set[n / SET / SET / SET]};
        struct arena *a = arena_new(4096);
        const char *clean = xml_clean(a, text, sizeof text), *p;
        uint32_t cp;

        for (p = clean; *p; p += utf8_sequence(p, strlen(p), &cp)) {
            assert_true(utf8_sequence(p, strlen(p), &cp) > 0);
            assert_true(utf8_is_xml(cp));
        }
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_fails_softly),
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_chained_failure),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_clean_is_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
