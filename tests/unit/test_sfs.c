/* sfs and the fallback marks beside it: files told in stanzas, both ways. */
#include "tests/unit/fixture_mapping.h"

#include <stdio.h>
#include <stdlib.h>

#include "mapping/names.h"
#include "mapping/mime/sfs.h"
#include "mapping/stanza/stanza_read.h"
#include "mapping/stanza/stanza_write.h"

static struct letter *new_letter(struct fixture *f, const char *text)
{
    struct letter *l = letter_new(f->arena);
    struct party *p = letter_add_party(l, &l->recipients);

    l->from.jid = (struct jid){"romeo\\40montague.example", "mail.example.org", NULL};
    p->jid = (struct jid){"juliet", "example.org", NULL};
    p->is_jabber = true;
    l->text = text;
    return l;
}

static void add_file(struct letter *l, const char *name, const char *url)
{
    struct attachment *att = letter_add_attachment(l);

    att->filename = name;
    att->url = url;
    att->size = 5;
}

/* The characters of text from start up to end. */
static const char *slice(struct fixture *f, const char *text, long start, long end)
{
    const char *from = NULL;
    long n = 0;

    for (;; text++) {
        if (((unsigned char)*text & 0xc0) != 0x80) {
            if (n == start)
                from = text;
            if (n == end)
                return arena_strndup(f->arena, from, (size_t)(text - from));
            assert_true(*text != '\0');
            n++;
        }
    }
}

static const struct xml_node *fallback_for(const struct xml_node *stanza, const char *ns)
{
    const struct xml_node *node = xml_child(stanza, NS_FALLBACK, "fallback");

    while (node && strcmp(xml_get(node, "for"), ns) != 0)
        node = xml_next(node, NS_FALLBACK, "fallback");
    return node;
}

static const char *marked(struct fixture *f, const struct xml_node *stanza,
                          const struct xml_node *range)
{
    return slice(f, xml_child_text(f->arena, stanza, NULL, "body"), atol(xml_get(range, "start")),
                 atol(xml_get(range, "end")));
}

static void links_are_marked(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f, "Röslein 🌹");
    struct xml_node *stanza;
    const struct xml_node *range;

    add_file(l, "à.txt", "https://x.example/a");
    add_file(l, "b.txt", "https://x.example/b");
    add_file(l, "not served", NULL);
    add_file(l, "c.txt", "https://x.example/c");
    l->notice = "Words behind it";
    stanza = stanza_write(&f->ctx, f->arena, l, l->recipients);
    range = xml_child(fallback_for(stanza, NS_SFS), NULL, "body");
    assert_string_equal(
        marked(f, stanza, range),
        "à.txt (5 bytes): https://x.example/a\nb.txt (5 bytes): https://x.example/b\n");
    range = xml_next(range, NULL, "body");
    assert_string_equal(marked(f, stanza, range), "c.txt (5 bytes): https://x.example/c\n");
    assert_null(xml_next(range, NULL, "body"));
    range = xml_child(fallback_for(stanza, NS_X_OOB), NULL, "body");
    assert_non_null(range);
}

static void no_links_no_marks(void **state)
{
    struct fixture *f = *state;
    struct xml_node *stanza =
        stanza_write(&f->ctx, f->arena, new_letter(f, "Hello"), new_letter(f, "")->recipients);

    assert_null(xml_child(stanza, NS_FALLBACK, "fallback"));
    assert_null(xml_child(stanza, NS_SFS, "file-sharing"));
}

/* What stanza_read makes of a body and what stands beside it. */
static struct letter *read_message(struct fixture *f, const char *rest)
{
    const char *text = arena_printf(f->arena,
                                    "<message from='juliet@example.org/a' "
                                    "to='romeo\\40montague.example@mail.example.org'>%s</message>",
                                    rest);
    struct jabber_error error;
    struct letter *l;

    assert_int_equal(stanza_read(&f->ctx, f->arena, fixture_parse(f, text), &l, &error),
                     STANZA_LETTER);
    return l;
}

#define OOB "<x xmlns='jabber:x:oob'><url>https://x.example/a</url></x>"
#define SHARED(facts, target)                                                                      \
    "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'>" facts           \
    "</file><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='" target        \
    "'/></sources></file-sharing>"
#define FACTS "<name>a.png</name><media-type>image/png</media-type><size>17</size>"

static void one_file_in_two_forms_is_one(void **state)
{
    static const char *const forms[] = {
        OOB SHARED(FACTS, "https://x.example/a"),
        SHARED(FACTS, "https://x.example/a") OOB,
    };
    size_t i;

    for (i = 0; i < 2; i++) {
        struct letter *l = read_message(*state, forms[i]);

        assert_non_null(l->attachments);
        assert_null(l->attachments->next);
        assert_string_equal(l->attachments->url, "https://x.example/a");
        assert_string_equal(l->attachments->filename, "a.png");
        assert_string_equal(l->attachments->media_type, "image/png");
        assert_int_equal(l->attachments->size, 17);
    }
}

static void hostile_facts(void **state)
{
    struct letter *l =
        read_message(*state, SHARED("<name>../../etc/passwd</name><media-type>a/b; x=y</media-type>"
                                    "<size>99999999999999999999999</size>",
                                    "https://x.example/a"));

    assert_string_equal(l->attachments->filename, "passwd");
    assert_null(l->attachments->media_type);
    assert_int_equal(l->attachments->size, 0);
    l = read_message(*state, "<body>x</body>" SHARED(FACTS, "javascript:alert(1)"));
    assert_null(l->attachments);
    l = read_message(*state, "<body>x</body><file-sharing xmlns='urn:xmpp:sfs:0'/>");
    assert_null(l->attachments);
}

#define WHOLE "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:sfs:0'><body/></fallback>"

static void words_that_stand_for_a_file_go(void **state)
{
    struct letter *l =
        read_message(*state, "<body>see a.png</body>" WHOLE SHARED(FACTS, "https://x.example/a"));

    assert_null(l->text);
    /* Without the file the words are all there is. */
    l = read_message(*state, "<body>see a.png</body>" WHOLE SHARED(FACTS, "javascript:alert(1)"));
    assert_string_equal(l->text, "see a.png");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(links_are_marked),
        TEST(no_links_no_marks),
        TEST(one_file_in_two_forms_is_one),
        TEST(hostile_facts),
        TEST(words_that_stand_for_a_file_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
