/* stanza_write: what a letter from mail looks like to a Jabber user, and the limits of it. */
#include "tests/unit/fixture_mapping.h"

#include <stdio.h>

#include "mapping/names.h"
#include "mapping/stanza/stanza_read.h"
#include "mapping/stanza/stanza_write.h"

static struct letter *new_letter(struct fixture *f)
{
    struct letter *l = letter_new(f->arena);
    struct party *p = letter_add_party(l, &l->recipients);

    l->stanza_id = "s1";
    l->from.mail = (struct addr){"romeo", "montague.example"};
    l->from.jid = (struct jid){"romeo\\40montague.example", "mail.example.org", NULL};
    p->mail = (struct addr){"juliet", "mail.example.org"};
    p->jid = (struct jid){"juliet", "example.org", NULL};
    p->is_jabber = true;
    l->text = "I take thee at thy word.";
    return l;
}

static struct xml_node *write_node(struct fixture *f, const struct letter *l)
{
    struct xml_node *node = stanza_write(&f->ctx, f->arena, l, l->recipients);

    assert_non_null(node);
    return node;
}

static const char *text_of(struct fixture *f, const struct xml_node *node)
{
    struct buf out;
    const char *text;

    buf_init(&out, 4 << 20);
    xml_write(&out, node, FIXTURE_NS);
    text = arena_strdup(f->arena, out.data);
    assert_false(buf_failed(&out));
    buf_clear(&out);
    return text;
}

static void check(struct fixture *f, const struct letter *l, const char *want)
{
    assert_string_equal(text_of(f, write_node(f, l)), want);
}

static void check_body(struct fixture *f, const struct letter *l, const char *want)
{
    const char *body = xml_child_text(f->arena, write_node(f, l), NULL, "body");

    assert_non_null(body);
    assert_string_equal(body, want);
}

#define START "<message from='romeo\\40montague.example@mail.example.org' to='juliet@example.org' "

/* To another Jabber user the signed text goes as it was, without anything round it. */
static void signed_to_the_byte(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    l->subject = "Vows";
    l->signature = "iQEz\n=abcd";
    l->signed_text = " I take thee \n";
    check_body(f, l, " I take thee \n");
    assert_non_null(
        strstr(text_of(f, write_node(f, l)), "<x xmlns='jabber:x:signed'>iQEz\n=abcd</x>"));
}

static void encrypted(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    l->text = NULL;
    l->encrypted = "hQEM\n=abcd";
    check_body(f, l, "[This message is encrypted with OpenPGP.]");
    assert_non_null(strstr(text_of(f, write_node(f, l)),
                           "<x xmlns='jabber:x:encrypted'>hQEM\n=abcd</x>"
                           "<encryption xmlns='urn:xmpp:eme:0' namespace='jabber:x:encrypted' "
                           "name='Legacy OpenPGP'/>"));
}

static void the_whole(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    check(f, l,
          START "type='normal' id='s1'><body>I take thee at thy word.</body>"
                "<origin-id xmlns='urn:xmpp:sid:0' id='s1'/>"
                "<x xmlns='jabber:x:envelope'><from "
                "jid='romeo\\40montague.example@mail.example.org'/></x>"
                "<unstyled xmlns='urn:xmpp:styling:0'/></message>");
    l->type = LETTER_CHAT;
    l->subject = "Vows";
    l->thread = "t1";
    l->reply_to_id = "r1";
    l->reply_to_jid = "juliet@example.org";
    check(f, l,
          START "type='chat' id='s1'><subject>Vows</subject><body>I take thee at thy word.</body>"
                "<thread>t1</thread><origin-id xmlns='urn:xmpp:sid:0' id='s1'/>"
                "<reply xmlns='urn:xmpp:reply:0' id='r1' to='juliet@example.org'/>"
                "<x xmlns='jabber:x:envelope'><from "
                "jid='romeo\\40montague.example@mail.example.org'/></x>"
                "<unstyled xmlns='urn:xmpp:styling:0'/></message>");
}

static void only_the_gateway_speaks(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    l->from.jid = (struct jid){"tybalt", "example.org", NULL};
    assert_string_equal(xml_get(write_node(f, l), "from"), "mail.example.org");
    memset(&l->from, 0, sizeof l->from);
    assert_string_equal(xml_get(write_node(f, l), "from"), "mail.example.org");
    assert_null(xml_child(write_node(f, l), NS_ENVELOPE, "x"));
}

static void subjects_lead(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    l->subject = "Vows";
    check_body(f, l, "Vows\n\nI take thee at thy word.");
    l->reply_to_id = "r1";
    check_body(f, l, "I take thee at thy word.");
    l->reply_to_id = NULL;
    l->subject = "I take thee";
    check_body(f, l, "I take thee at thy word.");
    l->text = NULL;
    check_body(f, l, "I take thee");
    f->ctx.lead_with_subject = false;
    assert_null(xml_child(write_node(f, l), NULL, "body"));
}

/* The main text first: clients that know no languages show the first body. */
static void languages(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    struct variant german = {
        .lang = "de", .subject = "Schwur", .text = "Ich nehme dich beim Wort."};

    l->lang = "en";
    l->variants = &german;
    check(f, l,
          START "type='normal' id='s1'><body xml:lang='en'>I take thee at thy word.</body>"
                "<body xml:lang='de'>Ich nehme dich beim Wort.</body>"
                "<subject xml:lang='de'>Schwur</subject>"
                "<origin-id xmlns='urn:xmpp:sid:0' id='s1'/>"
                "<x xmlns='jabber:x:envelope'><from "
                "jid='romeo\\40montague.example@mail.example.org'/></x>"
                "<unstyled xmlns='urn:xmpp:styling:0'/>"
                "<headers xmlns='http://jabber.org/protocol/shim'>"
                "<header name='Content-Language'>en</header></headers></message>");
}

static void envelopes(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    struct resent older = {.by = {.mail = {"a", "x.example"}}};
    struct resent newer = {.by = {.mail = {"b", "x.example"}}, .next = &older};
    struct party *p;

    l->from.name = "Romeo <&>";
    p = letter_add_party(l, &l->parties);
    p->role = PARTY_CC;
    p->mail = (struct addr){"c", "x.example"};
    p = letter_add_party(l, &l->parties);
    p->mail = (struct addr){"juliet", "mail.example.org"};
    p->jid = (struct jid){"juliet", "example.org", "balcony"};
    p->name = "Juliet";
    p = letter_add_party(l, &l->parties);
    p->role = PARTY_REPLY_TO;
    p->mail = (struct addr){"d", "x.example"};
    l->resent = &newer;
    assert_string_equal(
        text_of(f, xml_child(write_node(f, l), NS_ENVELOPE, "x")),
        "<x xmlns='jabber:x:envelope'><to jid='juliet@example.org'>Juliet</to>"
        "<cc jid='c@x.example'/><replyto jid='d@x.example'/>"
        "<from jid='romeo\\40montague.example@mail.example.org'>Romeo &lt;&amp;&gt;</from>"
        "<forwardedby jid='a@x.example'/><forwardedby jid='b@x.example'/></x>");
}

static void attachments(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    struct attachment *att = letter_add_attachment(l);

    att->url = "https://x.example/f/1/a.png";
    att->filename = "a.png";
    att->media_type = "image/png";
    att->size = 12345;
    att = letter_add_attachment(l);
    att->url = "https://x.example/f/2/b";
    att->description = "A rose";
    att->filename = "b";
    att->size = 999;
    att = letter_add_attachment(l);
    att->filename = "not kept";
    att->size = 31457280;
    letter_add_attachment(l)->url = "https://x.example/3";
    check_body(f, l,
               "I take thee at thy word.\n\na.png (image/png, 12 kB): https://x.example/f/1/a.png\n"
               "A rose (999 bytes): https://x.example/f/2/b\nnot kept (31.4 MB)\n"
               "https://x.example/3");
    assert_string_equal(text_of(f, xml_child(write_node(f, l), NS_X_OOB, "x")),
                        "<x xmlns='jabber:x:oob'><url>https://x.example/f/1/a.png</url>"
                        "<desc>a.png</desc></x>");
    l->text = "https://x.example/f/1/a.png";
    l->attachments->next = NULL;
    check_body(f, l, "https://x.example/f/1/a.png");
    assert_non_null(xml_child(write_node(f, l), NS_X_OOB, "x"));
}

static void notices(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    l->notice = "Replies go to friar@x.example.\n\nThe sender is not verified.\n";
    check_body(f, l,
               "I take thee at thy word.\n\n[Replies go to friar@x.example.]\n"
               "[The sender is not verified.]");
    l->notice = NULL;
    l->is_automatic = true;
    check_body(f, l, "I take thee at thy word.\n\n[Sent automatically]");
    l->list_id = "verona.example";
    check_body(f, l, "I take thee at thy word.\n\n[From the mailing list verona.example]");
}

static void times(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    l->date_s = f->ctx.now_s - 59;
    l->expires_s = f->ctx.now_s + 90;
    assert_null(xml_child(write_node(f, l), NS_DELAY, "delay"));
    assert_null(xml_child(write_node(f, l), NS_X_DELAY, "x"));
    assert_string_equal(xml_get(xml_child(write_node(f, l), NS_X_EXPIRE, "x"), "seconds"), "90");
    l->date_s = 1789894800;
    l->expires_s = f->ctx.now_s - 1;
    assert_string_equal(text_of(f, xml_child(write_node(f, l), NS_DELAY, "delay")),
                        "<delay xmlns='urn:xmpp:delay' from='mail.example.org' "
                        "stamp='2026-09-20T09:00:00Z'/>");
    assert_string_equal(xml_get(xml_child(write_node(f, l), NS_X_DELAY, "x"), "stamp"),
                        "20260920T09:00:00");
    assert_string_equal(xml_get(xml_child(write_node(f, l), NS_X_EXPIRE, "x"), "seconds"), "0");
    l->expires_s = 0;
    assert_null(xml_child(write_node(f, l), NS_X_EXPIRE, "x"));
}

static void long_texts_are_cut(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    char *text = arena_alloc(f->arena, 300001);
    const char *body;
    size_t i;

    for (i = 0; i < 300000; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    l->text = text;
    body = xml_child_text(f->arena, write_node(f, l), NULL, "body");
    assert_true(strlen(body) < 100200 && strlen(body) > 99000);
    assert_non_null(strstr(body, "\xa4\n\n[The text is cut here: 97 of its 292 KiB are shown.]"));
}

/* Whatever a mail brings, the stanza stays below what closes streams. */
static void stanzas_stay_small(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    char *quotes = arena_alloc(f->arena, 100001), *name = arena_alloc(f->arena, 1001);
    unsigned i;

    memset(quotes, '"', 100000);
    memset(name, '&', 1000);
    l->text = quotes;
    l->subject = name;
    for (i = 0; i < 300; i++) {
        struct attachment *att = letter_add_attachment(l);
        struct party *p = letter_add_party(l, &l->parties);

        att->url = "https://x.example/f/&/&/&";
        att->filename = name;
        p->name = name;
        p->mail = (struct addr){"c", "x.example"};
    }
    assert_true(strlen(text_of(f, write_node(f, l))) < 200000);
    assert_non_null(strstr(text_of(f, write_node(f, l)), "more attachments"));
}

static void out_of_memory(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    struct xml_node *node = NULL;
    size_t max;

    l->subject = "s";
    l->thread = "t";
    l->reply_to_id = "r";
    l->date_s = 1;
    l->expires_s = f->ctx.now_s + 1;
    letter_add_attachment(l)->url = "https://x.example/";
    for (max = 0; max < 1 << 20 && !node; max += 16) {
        struct arena *a = arena_new(max);

        node = stanza_write(&f->ctx, a, l, l->recipients);
        if (node)
            assert_non_null(xml_child(node, NS_DELAY, "delay"));
        arena_free(a);
    }
    assert_non_null(node);
}

/* What is written from a mail is understood when it is sent back as a message. */
static void comes_back(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f), *back = NULL;
    struct jabber_error error;
    struct xml_node *node;
    struct party *p = letter_add_party(l, &l->parties);

    p->role = PARTY_CC;
    p->mail = (struct addr){"c", "x.example"};
    p->name = "C & Co";
    l->subject = "Vows";
    l->date_s = 1789894800;
    l->expires_s = f->ctx.now_s + 90;
    letter_add_attachment(l)->url = "https://x.example/";
    node = write_node(f, l);
    xml_set(f->arena, node, "from", "juliet@example.org");
    xml_set(f->arena, node, "to", "benvolio\\40montague.example@mail.example.org");
    assert_int_equal(stanza_read(&f->ctx, f->arena, node, &back, &error), STANZA_LETTER);
    assert_string_equal(back->subject, "Vows");
    assert_int_equal(back->date_s, l->date_s);
    assert_int_equal(back->expires_s, l->expires_s);
    assert_string_equal(back->attachments->url, "https://x.example/");
    assert_string_equal(back->parties->name, "C & Co");
    assert_int_equal(back->parties->role, PARTY_CC);
    assert_string_equal(back->claimed_from->mail.local, "romeo");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_whole),
        TEST(signed_to_the_byte),
        TEST(encrypted),
        TEST(only_the_gateway_speaks),
        TEST(subjects_lead),
        TEST(languages),
        TEST(envelopes),
        TEST(attachments),
        TEST(notices),
        TEST(times),
        TEST(long_texts_are_cut),
        TEST(stanzas_stay_small),
        TEST(out_of_memory),
        TEST(comes_back),
    };

    return cmocka_run_group_tests_name("stanza_write", tests, NULL, NULL);
}
