/* vCards of people, of programs and of strangers; contacts of letters. */
#include "fixture_mapping.h"

#include <stdio.h>
#include <stdlib.h>

#include "mapping/card/contacts.h"
#include "mapping/mime/mime_read.h"
#include "mapping/card/vcard_read.h"
#include "mapping/card/vcard_write.h"

#define CARD(lines) "BEGIN:VCARD\r\n" lines "END:VCARD\r\n"

/* "name|mails|jids|groups;" for each card */
static void describe(const struct vcard *c, struct buf *out)
{
    size_t i;

    for (; c; c = c->next) {
        buf_adds(out, c->name ? c->name : "-");
        for (i = 0; i < c->mail_count; i++)
            buf_printf(out, "|m %s", c->mails[i]);
        for (i = 0; i < c->jid_count; i++)
            buf_printf(out, "|j %s", c->jids[i]);
        for (i = 0; i < c->group_count; i++)
            buf_printf(out, "|g %s", c->groups[i]);
        buf_addc(out, '\n');
    }
}

static void check(struct fixture *f, const char *charset, const char *text, size_t len,
                  const char *want)
{
    /* On the heap and no byte more: the sanitizers see what reads beyond. */
    char *copy = malloc(len > 0 ? len : 1);
    struct vcard *card = NULL;
    struct buf got;

    assert_non_null(copy);
    memcpy(copy, text, len);
    buf_init(&got, 1 << 20);
    assert_int_equal(vcard_read(f->arena, charset, copy, len, &card), 0);
    describe(card, &got);
    if (strcmp(got.data, want) != 0)
        fail_msg("%.*s\n gave %s\n want %s", (int)len, text, got.data, want);
    buf_clear(&got);
    free(copy);
}

static void cards(void **state)
{
    static const struct {
        const char *charset, *text, *want;
    } rows[] = {
        {NULL, CARD("FN:Romeo\r\nEMAIL:r@m.example\r\n"), "Romeo|m r@m.example\n"},
        {NULL, "begin:vcard\nversion:4.0\nfn:Romeo\nend:vcard\n", "Romeo\n"},
        {NULL, "\xef\xbb\xbf" CARD("FN:Romeo\r\n"), "Romeo\n"},
        {NULL, "BEGIN:VCARD\r\nFN:Romeo\r\nEND:VCARD", "Romeo\n"},
        {NULL, CARD("FN:A\r\n") "\r\n\r\n" CARD("FN:B\r\n") "rubbish\n" CARD("FN:C\r\n"),
         "A\nB\nC\n"},
        /* folding */
        {NULL, CARD("FN:Ro\r\n meo\r\n\t M\r\nEMA\r\n IL:r@m.example\r\n"),
         "Romeo M|m r@m.example\n"},
        {NULL, CARD("FN:Romeo\r\n \r\n"), "Romeo\n"},
        /* groups and parameters */
        {NULL, CARD("item1.EMAIL;TYPE=work,pref;X=\"a:b;c\":r@m.example\r\nitem1.X-ABLabel:x\r\n"),
         "-|m r@m.example\n"},
        /* escapes */
        {NULL, CARD("FN:a\\, b\\; c\\\\d\\ne\\\r\n"), "a, b; c\\d e\\\n"},
        {NULL, CARD("CATEGORIES:a,b\\,c,,d \r\n"), "-|g a|g b,c|g d\n"},
        {NULL, CARD("N:Mon\\;tague;Romeo;;;\r\n"), "Romeo Mon;tague\n"},
        {NULL, CARD("N:Montague\r\nNICKNAME:x\r\n"), "Montague\n"},
        {NULL, CARD("N:;;;;\r\nORG:House of Montague;Youth\r\n"), "House of Montague\n"},
        {NULL, CARD("FN:\r\nN:Montague;Romeo\r\n"), "Romeo Montague\n"},
        /* 2.1 */
        {NULL,
         CARD("FN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:R=C3=B6m=\r\n=C3=A9o=\r\n!\r\nEMAIL;"
              "INTERNET:r@m.example\r\n"),
         "R\xc3\xb6m\xc3\xa9o!|m r@m.example\n"},
        {NULL, CARD("FN;QUOTED-PRINTABLE:R=F6meo\r\n"), "R\xc3\xb6meo\n"},
        {"iso-8859-2", CARD("FN:Ji\xf8\xed\r\n"), "Ji\xc5\x99\xc3\xad\n"},
        {NULL, CARD("FN;CHARSET=ISO-8859-1:R\xf6meo\r\n"), "R\xc3\xb6meo\n"},
        /* the end is swallowed, and a card without one is none */
        {NULL, CARD("FN;QUOTED-PRINTABLE:Romeo=\r\n"), ""},
        {NULL, CARD("FN:A=\r\n"), "A=\n"},
        {NULL, CARD("AGENT:\r\nBEGIN:VCARD\r\nFN:Agent\r\nEND:VCARD\r\nFN:Principal\r\n"),
         "Principal\n"},
        /* addresses */
        {NULL,
         CARD("IMPP:xmpp:r@j.example\r\nIMPP;X-SERVICE-TYPE=Jabber:xmpp:r%20o@j.example?"
              "message\r\n"),
         "-|j r@j.example|j r%20o@j.example\n"},
        {NULL,
         CARD("IMPP:xmpp://me@x.example/"
              "r@j.example\r\nIMPP:sip:r@s.example\r\nX-JABBER:r2@j.example/res\r\n"),
         "-|j r@j.example|j r2@j.example/res\n"},
        {NULL, CARD("EMAIL:mailto:r@m.example\r\nEMAIL:\r\nEMAIL: \r\n"), "-|m r@m.example\n"},
        {NULL, CARD("IMPP:xmpp:%0d%0a%00%zz%\r\n"), "-|j %0d%0a%00%zz%\n"},
        /* no cards */
        {NULL, "", ""},
        {NULL, "FN:Romeo\r\n", ""},
        {NULL, "BEGIN:VCARD\r\nFN:Romeo\r\n", ""},
        {NULL, "END:VCARD\r\n", ""},
        {NULL, "BEGIN:VCALENDAR\r\nFN:x\r\nEND:VCALENDAR\r\n", ""},
        {NULL, ":\r\n;\r\n.:\r\n \r\n=\r\n", ""},
        {NULL, CARD(":\r\n;:\r\n.:x\r\nFN\r\nFN;\r\n\"\r\nN;=:;\r\nEMAIL;CHARSET=\":x\r\n"), "-\n"},
    };
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        check(*state, rows[i].charset, rows[i].text, strlen(rows[i].text), rows[i].want);
    }
}

static void controls_and_nul(void **state)
{
    static const char nul[] = CARD("FN:Ro\0meo\r\nEMAIL:r@m.example\r\n");
    static const char control[] = CARD("FN:Ro\x01meo\x1b[2J\\nx\r\n");

    check(*state, NULL, nul, sizeof nul - 1, "-|m r@m.example\n");
    check(*state, NULL, control, sizeof control - 1, "Romeo[2J x\n");
}

/* Every beginning of a file, and every byte of it changed. */
static void cut_and_changed(void **state)
{
    static const char text[] =
        "BEGIN:VCARD\r\nitem1.FN;CHARSET=\"x\";QUOTED-PRINTABLE:R=C3=\r\n=B6\r\n"
        "IMPP:xmpp://a/b%40c?d\r\nCATEGORIES:a\\,b,c\r\n d\r\nN:a;b\r\nEND:VCARD\r\n";
    static const char bytes[] = "\n\r =;:.,\\\"%\x80\xff";
    struct fixture *f = *state;
    size_t at, i;

    for (at = 0; at <= sizeof text - 1; at++) {
        char *copy = malloc(at + 1);
        struct vcard *card;

        assert_non_null(copy);
        memcpy(copy, text, at);
        assert_int_equal(vcard_read(f->arena, NULL, copy, at, &card), 0);
        for (i = 0; at > 0 && i < sizeof bytes; i++) {
            char old = copy[at - 1];

            copy[at - 1] = bytes[i];
            assert_int_equal(vcard_read(f->arena, NULL, copy, at, &card), 0);
            copy[at - 1] = old;
        }
        free(copy);
    }
}

static size_t count_cards(const struct vcard *card)
{
    size_t n = 0;

    for (; card; card = card->next)
        n++;
    return n;
}

/* A megabyte of each kind of nuisance: bounded in time and in what comes out. */
static void huge(void **state)
{
    static const struct {
        const char *before, *again, *after;
        size_t cards;
    } rows[] = {
        {"", CARD("FN:x\r\n"), "", VCARD_CARDS_MAX},
        {"BEGIN:VCARD\r\n", "EMAIL:r@m.example\r\n", "END:VCARD\r\n", 1},
        {"BEGIN:VCARD\r\n", "CATEGORIES:a,b,c,d,e,f,g\r\n", "END:VCARD\r\n", 1},
        {"BEGIN:VCARD\r\nFN:", "x", "\r\nEND:VCARD\r\n", 1},
        {"BEGIN:VCARD\r\nFN:x", "\r\n y", "\r\nEND:VCARD\r\n", 1},
        {"BEGIN:VCARD\r\nFN;QUOTED-PRINTABLE:x", "=\r\n", "y\r\nEND:VCARD\r\n", 1},
        {"BEGIN:VCARD\r\nFN;", "QUOTED-PRINTABLE;", ":x\r\nEND:VCARD\r\n", 1},
        {"", "BEGIN:VCARD\r\n", "", 0},
        {"", "\n", CARD("FN:x\r\n"), 1},
        {"BEGIN:VCARD\r\nPHOTO;BASE64:\r\n", " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
         "\r\nFN:x\r\nEND:VCARD\r\n", 1},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vcard *card;
        struct buf b;

        buf_init(&b, 2 << 20);
        buf_adds(&b, rows[i].before);
        while (b.len < 1000000)
            buf_adds(&b, rows[i].again);
        buf_adds(&b, rows[i].after);
        assert_int_equal(vcard_read(f->arena, NULL, b.data, b.len, &card), 0);
        assert_int_equal(count_cards(card), rows[i].cards);
        if (card) {
            assert_true(card->mail_count <= VCARD_ADDRESSES_MAX);
            assert_true(card->group_count <= VCARD_GROUPS_MAX);
            assert_true(!card->name || strlen(card->name) <= VCARD_TEXT_MAX);
        }
        buf_clear(&b);
    }
}

/* ---- letters ---- */

static struct letter *with_items(struct fixture *f, const char *xml)
{
    struct letter *l = letter_new(f->arena);
    struct contact *changes = NULL;

    assert_non_null(l);
    assert_int_equal(contacts_read(&f->ctx, l, fixture_parse(f, xml), &changes), 0);
    return l;
}

static void changes_are_words(void **state)
{
    static const struct {
        const char *items, *added, *want;
    } rows[] = {
        {"<item jid='a@j.example' action='delete' name='A'/>"
         "<item jid='b\\40m.example@mail.example.org' action='modify'><group>x</group></item>"
         "<item jid='c@j.example' action='add'/><item jid='d@j.example' action='delete'/>"
         "<item jid='d@j.example' action='delete'/><item jid='e@j.example' action='burn'/>"
         "<item jid='@@' action='delete'/>",
         "c@j.example",
         "To be changed among your contacts:\nb@m.example (x)\n"
         "To be removed from your contacts:\nA: xmpp:a@j.example\nxmpp:d@j.example"},
        {"<item jid='a@j.example' action='delete'/><item jid='a@j.example'/>", "a@j.example",
         "To be removed from your contacts:\nxmpp:a@j.example"},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct letter *l = letter_new(f->arena);
        struct contact *changes = NULL;
        const char *xml = arena_printf(
            f->arena, "<x xmlns='http://jabber.org/protocol/rosterx'>%s</x>", rows[i].items);

        assert_int_equal(contacts_read(&f->ctx, l, fixture_parse(f, xml), &changes), 0);
        assert_string_equal(contacts_changes_text(f->arena, changes), rows[i].want);
        assert_string_equal(l->contacts->jid, rows[i].added);
        assert_null(l->contacts->next);
    }
}

static void describe_contacts(const struct contact *c, struct buf *out)
{
    size_t i;

    for (; c; c = c->next) {
        buf_printf(out, "%s %s %s", c->name ? c->name : "-", c->jid, c->mail ? c->mail : "-");
        for (i = 0; i < c->group_count; i++)
            buf_printf(out, " (%s)", c->groups[i]);
        buf_addc(out, '\n');
    }
}

static void items(void **state)
{
    static const struct {
        const char *items, *want;
    } rows[] = {
        {"<item jid='a@j.example/r' name=' A  '/>", "A a@j.example -\n"},
        {"<item "
         "jid='a\\40m.example@mail.example.org'><group>x</group><group/><group>y</group></item>",
         "- a\\40m.example@mail.example.org a@m.example (x) (y)\n"},
        {"<item jid='a@j.example'/><item jid='A@J.example' name='later'/>", "- a@j.example -\n"},
        {"<item jid='a@j.example' action='delete'/><item jid='b@j.example' action='modify'/>", ""},
        {"<item jid='c@j.example' action='add'/>", "- c@j.example -\n"},
        {"<item jid='@@'/><item jid=''/><item/><item name='x'/>", ""},
        {"<item jid='nobody@mail.example.org'/>", ""},
        {"<item jid='a@j.example' name='two&#10;lines'/>", "two lines a@j.example -\n"},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        char xml[1000];
        struct buf got;

        snprintf(xml, sizeof xml, "<x xmlns='jabber:x:roster'>%s</x>", rows[i].items);
        buf_init(&got, 10000);
        describe_contacts(with_items(f, xml)->contacts, &got);
        if (strcmp(got.data, rows[i].want) != 0)
            fail_msg("%s\n gave %s\n want %s", xml, got.data, rows[i].want);
        buf_clear(&got);
    }
}

static void too_many_items(void **state)
{
    struct fixture *f = *state;
    const struct contact *c;
    struct xml_node *stanza;
    struct letter *l;
    struct party to = {.is_jabber = true};
    struct buf xml, text;
    struct err e;
    size_t n = 0, i;

    buf_init(&xml, 1 << 20);
    buf_adds(&xml, "<x xmlns='jabber:x:roster'>");
    for (i = 0; i < 1000; i++)
        buf_printf(&xml, "<item jid='user%zu@j.example' name='%0*d&quot;'/>", i, 190, 0);
    buf_adds(&xml, "</x>");
    l = with_items(f, xml.data);
    for (c = l->contacts; c; c = c->next)
        n++;
    assert_int_equal(n, CONTACTS_MAX);
    assert_int_equal(jid_parse(f->arena, "juliet@example.org", &to.jid, &e), 0);
    stanza = contacts_write(&f->ctx, f->arena, l, &to, "id-0");
    assert_non_null(stanza);
    buf_init(&text, 1 << 20);
    xml_write(&text, stanza, FIXTURE_NS);
    assert_true(text.len > 20000 && text.len < 200000);
    assert_non_null(strstr(text.data, "more contacts than can be shown"));
    buf_clear(&text);
    buf_clear(&xml);
}

/* What is written is read again as it was: escapes, folds, groups. */
static void round_trip(void **state)
{
    struct fixture *f = *state;
    const char *groups[] = {"a,b", "c;d\\", "\xc3\xa4"};
    struct contact second = {.jid = "r o&m#%\xc3\xb6@j.example"};
    struct contact first = {
        .name = "N\xc3\xa4me, with; all\\ of it that is longer than one line can hold, and folds "
                "\xe2\x80\x93\xe2\x80\x93\xe2\x80\x93\xe2\x80\x93",
        .jid = "x",
        .mail = "\"a,b\"@m.example",
        .groups = groups,
        .group_count = 3,
        .next = &second,
    };
    struct vcard *card;
    struct buf b;
    const char *p;

    buf_init(&b, 10000);
    vcard_write(&b, &first);
    for (p = b.data; *p; p += strcspn(p, "\n") + 1)
        assert_true(strcspn(p, "\r\n") <= 75);
    assert_int_equal(vcard_read(f->arena, "utf-8", b.data, b.len, &card), 0);
    assert_int_equal(count_cards(card), 2);
    assert_string_equal(card->name, first.name);
    assert_string_equal(card->mails[0], first.mail);
    assert_int_equal(card->group_count, 3);
    assert_string_equal(card->groups[0], groups[0]);
    assert_string_equal(card->groups[1], groups[1]);
    assert_string_equal(card->groups[2], groups[2]);
    assert_string_equal(card->next->name, second.jid);
    assert_int_equal(card->next->jid_count, 1);
    buf_clear(&b);
}

static void mail_with_cards(void **state)
{
    static const char mail[] =
        "From: r@m.example\r\nTo: juliet@mail.example.org\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/x-vcard; charset=utf-8\r\n\r\n" CARD(
            "FN:R\r\nEMAIL:R@M.example\r\nEMAIL:bad\r\nEMAIL:juliet@mail.example.org\r\n"
            "EMAIL:angelica@example.org\r\nIMPP:xmpp:a@b@c\r\nIMPP:xmpp:x@j.example/r\r\n");
    struct fixture *f = *state;
    struct mail_envelope envelope = {0};
    struct letter *l;
    struct buf got;
    struct err e;

    assert_int_equal(mime_read(&f->ctx, f->arena, mail, sizeof mail - 1, &envelope, &l, &e), 0);
    assert_non_null(l->attachments); /* the whole card is still there */
    buf_init(&got, 10000);
    describe_contacts(l->contacts, &got);
    assert_string_equal(got.data, "R x@j.example -\n"
                                  "R r\\40m.example@mail.example.org R@m.example\n"
                                  "R juliet@example.org -\n"
                                  "R nurse@capulet.example -\n");
    buf_clear(&got);
}

/* An 8-byte PNG head, and a GIF head, in base64. */
#define PNG "iVBORw0KGgo="
#define GIF "R0lGODlhAQABAA=="

static void photos(void **state)
{
    static const struct {
        const char *text, *type;
        size_t len;
    } rows[] = {
        {CARD("PHOTO;ENCODING=b;TYPE=PNG:" PNG "\r\n"), "image/png", 8},
        {CARD("PHOTO;TYPE=PNG;ENCODING=BASE64:\r\n iVBORw\r\n 0KGgo=\r\n\r\n"), "image/png", 8},
        {CARD("item1.photo;encoding=b:" GIF "\r\n"), "image/gif", 10},
        {CARD("PHOTO:data:image/png;base64," PNG "\r\n"), "image/png", 8},
        {CARD("PHOTO:data:image/png\\;base64\\," GIF "\r\n"), "image/gif", 10}, /* what it is */
        {CARD("PHOTO;ENCODING=b:" PNG "\r\nPHOTO;ENCODING=b:" GIF "\r\n"), "image/png", 8},
        /* no picture, not here, not whole */
        {CARD("PHOTO;ENCODING=b;TYPE=PNG:PHNjcmlwdD4=\r\n"), NULL, 0},
        {CARD("PHOTO;VALUE=uri:https://spy.example/pixel.png\r\n"), NULL, 0},
        {CARD("PHOTO:data:image/png;base64\r\n"), NULL, 0},
        {CARD("PHOTO:\r\n"), NULL, 0},
        {CARD("LOGO;ENCODING=b:" PNG "\r\n"), NULL, 0},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vcard *card;

        assert_int_equal(vcard_read(f->arena, NULL, rows[i].text, strlen(rows[i].text), &card), 0);
        if (!card || (card->photo_type == NULL) != (rows[i].type == NULL))
            fail_msg("%s", rows[i].text);
        if (rows[i].type)
            assert_string_equal(card->photo_type, rows[i].type);
        assert_int_equal(card->photo_len, rows[i].len);
    }
}

/* As large as is kept, folded as programs do; a little more is none at all, and not half of one. */
static void large_photos(void **state)
{
    struct fixture *f = *state;
    const size_t sizes[] = {VCARD_PHOTO_MAX / 3 * 4, VCARD_PHOTO_MAX / 3 * 4 + 8, 200000};
    size_t i, n;

    for (i = 0; i < 3; i++) {
        struct vcard *card;
        struct buf b;

        buf_init(&b, 1 << 20);
        buf_adds(&b, "BEGIN:VCARD\r\nPHOTO;ENCODING=b:iVBORw0KGgoA");
        for (n = 12; n < sizes[i]; n++)
            buf_adds(&b, n % 74 == 0 ? "\r\n A" : "A");
        buf_adds(&b, "\r\nFN:Romeo\r\nEND:VCARD\r\n");
        assert_int_equal(vcard_read(f->arena, NULL, b.data, b.len, &card), 0);
        assert_string_equal(card->name, "Romeo");
        assert_int_equal(card->photo_len, i == 0 ? VCARD_PHOTO_MAX / 3 * 3 : 0);
        buf_clear(&b);
    }
}

/* Only the author's own card shows the author. */
static void portraits(void **state)
{
    static const struct {
        const char *email;
        bool is_author;
    } rows[] = {{"R@M.example", true}, {"other@m.example", false}, {"x", false}};
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *mail =
            arena_printf(f->arena,
                         "From: r@m.example\r\nTo: juliet@mail.example.org\r\nMIME-Version: 1.0\r\n"
                         "Content-Type: text/vcard\r\n\r\nBEGIN:VCARD\r\nEMAIL:%s\r\n"
                         "PHOTO;ENCODING=b:" PNG "\r\nEND:VCARD\r\n",
                         rows[i].email);
        struct mail_envelope envelope = {0};
        struct letter *l;
        struct err e;

        assert_int_equal(mime_read(&f->ctx, f->arena, mail, strlen(mail), &envelope, &l, &e), 0);
        assert_int_equal(l->portrait != NULL, rows[i].is_author);
    }
}

static void memory(void **state)
{
    static const char text[] = CARD("FN:Romeo\r\nEMAIL:r@m.example\r\nCATEGORIES:a\r\nN:a;b\r\n"
                                    "PHOTO;ENCODING=b:iVBORw0KGgo=\r\n");
    struct vcard *card;
    size_t room;
    bool is_whole = false;

    (void)state;
    for (room = 0; room < 4000 && !is_whole; room += 16) {
        struct arena *a = arena_new(room + 1);

        is_whole = vcard_read(a, NULL, text, sizeof text - 1, &card) == 0;
        if (is_whole)
            assert_int_equal(card->mail_count, 1);
        arena_free(a);
    }
    assert_true(is_whole && room > 16);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(cards),           T(controls_and_nul),
        T(cut_and_changed), T(huge),
        T(items),           T(changes_are_words),
        T(too_many_items),  T(round_trip),
        T(mail_with_cards), T(photos),
        T(large_photos),    T(portraits),
        T(memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
