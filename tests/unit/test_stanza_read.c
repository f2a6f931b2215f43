/* stanza_read: messages, envelopes, links, expiry, and what is refused with which words. */
#include "tests/unit/fixture_mapping.h"

#include <stdio.h>

#include "mapping/stanza/stanza_read.h"

#define CONTACT "romeo\\40montague.example@mail.example.org"
#define FROM_TO " from='juliet@example.org/balcony' to='" CONTACT "'"
#define FROM_GW " from='juliet@example.org/balcony' to='mail.example.org'"

static enum stanza_verdict read_stanza(struct fixture *f, const char *text, struct letter **out,
                                       struct jabber_error *error)
{
    memset(error, 0, sizeof *error);
    return stanza_read(&f->ctx, f->arena, fixture_parse(f, text), out, error);
}

static struct letter *read_letter(struct fixture *f, const char *text)
{
    struct jabber_error error;
    struct letter *l = NULL;

    if (read_stanza(f, text, &l, &error) != STANZA_LETTER)
        fail_msg("%s: %s", error.text ? error.text : "no letter", text);
    assert_non_null(l);
    return l;
}

static void refused(struct fixture *f, const char *text, const char *condition, const char *word)
{
    struct jabber_error error;
    struct letter *l = NULL;

    assert_int_equal(read_stanza(f, text, &l, &error), STANZA_REFUSED);
    assert_null(l);
    assert_string_equal(error.condition, condition);
    assert_true(error.code >= 400);
    if (!strstr(error.text, word))
        fail_msg("no \"%s\" in \"%s\"", word, error.text);
}

static void ignored(struct fixture *f, const char *text)
{
    struct jabber_error error;
    struct letter *l = NULL;

    assert_int_equal(read_stanza(f, text, &l, &error), STANZA_IGNORE);
    assert_null(l);
}

static void is_mail(const struct party *p, const char *local, const char *domain)
{
    assert_non_null(p);
    assert_string_equal(p->mail.local, local);
    assert_string_equal(p->mail.domain, domain);
}

static unsigned count(const struct party *p)
{
    unsigned n = 0;

    for (; p; p = p->next)
        n++;
    return n;
}

static void a_plain_message(void **state)
{
    struct letter *l = read_letter(
        *state,
        "<message" FROM_TO " id='m1' type='chat'><subject> Tonight\nthen </subject>"
        "<body>\n\nO gentle Romeo,\r\n  if thou dost love\rpronounce it faithfully. \n</body>"
        "<thread>t1</thread></message>");

    assert_int_equal(l->type, LETTER_CHAT);
    assert_string_equal(l->stanza_id, "m1");
    assert_string_equal(l->thread, "t1");
    assert_string_equal(l->subject, "Tonight then");
    assert_string_equal(l->text, "O gentle Romeo,\n  if thou dost love\npronounce it faithfully.");
    is_mail(&l->from, "juliet", "mail.example.org");
    assert_true(l->from.is_jabber);
    assert_null(l->from.jid.resource);
    assert_int_equal(count(l->recipients), 1);
    is_mail(l->recipients, "romeo", "montague.example");
    assert_string_equal(l->recipients->jid.node, "romeo\\40montague.example");
    assert_false(l->is_multicast);
    assert_false(l->is_automatic);
    assert_null(l->lang);
    assert_int_equal(l->date_s, 0);
}

static void strings_are_the_letters_own(void **state)
{
    struct fixture *f = *state;
    struct arena *other = arena_new(1 << 20);
    struct xml_node *stanza =
        fixture_parse(f, "<message" FROM_TO " id='m1'><body xml:lang='en'>x</body>"
                         "<reply xmlns='urn:xmpp:reply:0' id='r1' to='" CONTACT "'/></message>");
    struct xml_node *copy = xml_copy(other, stanza);
    struct jabber_error error;
    struct letter *l;

    assert_int_equal(stanza_read(&f->ctx, f->arena, copy, &l, &error), STANZA_LETTER);
    arena_free(other);
    assert_string_equal(l->stanza_id, "m1");
    assert_string_equal(l->reply_to_id, "r1");
    assert_string_equal(l->reply_to_jid, CONTACT);
    assert_string_equal(l->lang, "en");
    is_mail(l->recipients, "romeo", "montague.example");
}

static void types(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_letter(f, "<message" FROM_TO "><body>x</body></message>")->type,
                     LETTER_NORMAL);
    assert_int_equal(
        read_letter(f, "<message" FROM_TO " type='odd'><body>x</body></message>")->type,
        LETTER_NORMAL);
    assert_true(read_letter(f, "<message" FROM_TO " type='headline'><body>x</body></message>")
                    ->is_automatic);
    ignored(f, "<message" FROM_TO " type='error'><body>x</body></message>");
    refused(f, "<message" FROM_TO " type='groupchat'><body>x</body></message>", "not-acceptable",
            "chat room");
}

static void several_bodies(void **state)
{
    struct fixture *f = *state;
    struct letter *l;

    l = read_letter(f, "<message" FROM_TO "><body xml:lang='de'>ja</body><body>yes</body>"
                       "<body xml:lang='it'>si</body></message>");
    assert_string_equal(l->text, "yes");
    assert_null(l->lang);
    l = read_letter(f, "<message" FROM_TO "><body xml:lang='de'>ja</body>"
                       "<body xml:lang='it'>si</body></message>");
    assert_string_equal(l->text, "ja");
    assert_string_equal(l->lang, "de");
}

static void addressees(void **state)
{
    struct fixture *f = *state;

    is_mail(read_letter(f, "<message from='juliet@example.org' "
                           "to='romeo%montague.example@mail.example.org'><body>x</body></message>")
                ->recipients,
            "romeo", "montague.example");
    is_mail(read_letter(f, "<message from='juliet@example.org' to='" CONTACT "/all'>"
                           "<body>x</body></message>")
                ->recipients,
            "romeo", "montague.example");
    refused(
        f,
        "<message from='juliet@example.org' to='romeo@mail.example.org'><body>x</body></message>",
        "jid-malformed", "romeo@mail.example.org");
    refused(f, "<message from='juliet@example.org' to='a@b@c'><body>x</body></message>",
            "jid-malformed", "a@b@c");
    refused(f,
            "<message from='juliet@example.org' to='x@elsewhere.example'><body>x</body></message>",
            "item-not-found", "gateway");
    refused(f, "<message from='juliet@example.org'><body>x</body></message>", "jid-malformed",
            "no address");
    refused(f, "<message to='" CONTACT "'><body>x</body></message>", "jid-malformed", "no sender");
    refused(f, "<message from='example.org' to='" CONTACT "'><body>x</body></message>",
            "not-allowed", "sender");
}

static void words_for_the_gateway(void **state)
{
    static const struct {
        const char *inside;
        enum stanza_verdict verdict;
    } rows[] = {
        {" type='chat'><body>help \n</body><thread>t</thread>", STANZA_WORDS},
        {"><body>help</body><active xmlns='http://jabber.org/protocol/chatstates'/>", STANZA_WORDS},
        {" type='headline'><body>help</body>", STANZA_IGNORE},
        {" type='error'><body>help</body>", STANZA_IGNORE},
        {" type='groupchat'><body>help</body>", STANZA_REFUSED},
        {"><body/>", STANZA_REFUSED},
        {"><body>help</body><x xmlns='jabber:x:envelope'><to jid='a@b.example'/></x>",
         STANZA_LETTER},
        {"><body>help</body><x xmlns='jabber:x:envelope'/>", STANZA_REFUSED},
        {"><body>help</body><addresses xmlns='http://jabber.org/protocol/address'/>",
         STANZA_REFUSED},
        {"><body>help</body><x xmlns='jabber:x:oob'><url>https://a.example/</url></x>",
         STANZA_REFUSED},
        {"><body>your client cannot read this</body><encrypted xmlns='urn:xmpp:omemo:2'>"
         "<payload>x</payload></encrypted>",
         STANZA_REFUSED},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text =
            arena_printf(f->arena, "<message" FROM_GW "%s</message>", rows[i].inside);
        struct jabber_error error;
        struct letter *l;

        if (stanza_read(&f->ctx, f->arena, fixture_parse(f, text), &l, &error) != rows[i].verdict)
            fail_msg("%s", text);
        if (rows[i].verdict == STANZA_WORDS)
            assert_string_equal(l->text, "help");
    }
}

static void nothing_to_send(void **state)
{
    struct fixture *f = *state;

    refused(f, "<message" FROM_TO "/>", "bad-request", "neither text");
    refused(f,
            "<message" FROM_TO "><reactions xmlns='urn:xmpp:reactions:0' id='a'>"
            "<reaction>\xf0\x9f\x91\x8d</reaction></reactions></message>",
            "feature-not-implemented", "no reactions");
    ignored(f, "<message" FROM_TO "><reactions xmlns='urn:xmpp:reactions:0' id='a'/></message>");
    refused(f,
            "<message" FROM_TO "><retract xmlns='urn:xmpp:message-retract:1' id='a'/>"
            "<body>/me retracted a previous message</body></message>",
            "feature-not-implemented", "cannot be taken back");
    refused(f, "<message" FROM_TO "><body> \n </body></message>", "bad-request", "neither text");
    refused(f, "<message" FROM_TO "><thread>t</thread></message>", "bad-request", "neither text");
    refused(f, "<message" FROM_TO "><x xmlns='urn:example'>y</x></message>", "bad-request", "text");
    ignored(f, "<message" FROM_TO "><composing xmlns='http://jabber.org/protocol/chatstates'/>"
               "</message>");
    ignored(f, "<message" FROM_GW "><received xmlns='urn:xmpp:receipts' id='1'/></message>");
    ignored(f, "<message" FROM_TO "><displayed xmlns='urn:xmpp:chat-markers:0'/></message>");
    ignored(f, "<message" FROM_TO "><x xmlns='jabber:x:event'><id>1</id></x></message>");
    ignored(f,
            "<message" FROM_TO "><x xmlns='jabber:x:event'><composing/><id>1</id></x></message>");
    ignored(f, "<message" FROM_GW
               "><active xmlns='http://jabber.org/protocol/chatstates'/></message>");
    assert_string_equal(read_letter(f, "<message" FROM_TO "><active xmlns='http://jabber.org/"
                                       "protocol/chatstates'/><body>x</body></message>")
                            ->text,
                        "x");
    assert_null(read_letter(f, "<message" FROM_TO "><subject>s</subject></message>")->text);
}

static void ciphers(void **state)
{
    static const struct {
        const char *xml, *name;
    } rows[] = {
        {"<encrypted "
         "xmlns='eu.siacs.conversations.axolotl'><header/><payload>x</payload></encrypted>"
         "<body>I sent you an OMEMO message</body>",
         "OMEMO"},
        {"<encrypted xmlns='urn:xmpp:omemo:2'><header/><payload>x</payload></encrypted>", "OMEMO"},
        {"<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp><body>y</body>", "XEP-0373"},
        {"<encryption xmlns='urn:xmpp:eme:0' namespace='jabber:x:encrypted'/><body>y</body>",
         "jabber:x:encrypted"},
        {"<x xmlns='jabber:x:encrypted'>eA==</x>"
         "<encrypted xmlns='urn:xmpp:omemo:2'><payload>x</payload></encrypted><body>y</body>",
         "OMEMO"},
        {"<x xmlns='jabber:x:encrypted'>not base64!</x><body>y</body>", "no OpenPGP message"},
        {"<encryption xmlns='urn:xmpp:eme:0' namespace='urn:example' name='Enigma'/><body>y</body>",
         "Enigma"},
        {"<body>?OTR:AAED</body>", "OTR"},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1000];

        snprintf(text, sizeof text, "<message" FROM_TO ">%s</message>", rows[i].xml);
        refused(f, text, "not-acceptable", rows[i].name);
    }
    /* Keys for a session come without a text, and ask nothing of mail. */
    ignored(f, "<message" FROM_TO "><encrypted xmlns='eu.siacs.conversations.axolotl'><header/>"
               "</encrypted><encryption xmlns='urn:xmpp:eme:0' "
               "namespace='eu.siacs.conversations.axolotl'/></message>");
}

/* XEP-0027: the apology beside an encrypted message is not the message. */
static void encrypted(void **state)
{
    struct letter *l = read_letter(
        *state,
        "<message" FROM_TO "><body>This is encrypted.</body><body xml:lang='de'>Chiffre</body>"
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body "
        "xmlns='http://www.w3.org/1999/xhtml'><p>This is encrypted.</p></body></html>"
        "<encryption xmlns='urn:xmpp:eme:0' namespace='jabber:x:encrypted'/>"
        "<x xmlns='jabber:x:encrypted'>\nhQEM\r\n=abcd\n</x>"
        "<x xmlns='jabber:x:signed'>iQEz</x></message>");

    assert_string_equal(l->encrypted, "hQEM\n=abcd");
    assert_null(l->text);
    assert_null(l->html);
    assert_null(l->variants);
    assert_null(l->signature);
}

static void signed_text(void **state)
{
    struct letter *l =
        read_letter(*state, "<message" FROM_TO "><x xmlns='jabber:x:signed'>iQEz\n=abcd</x>"
                            "<body> two \n\nlines \n</body></message>");

    assert_string_equal(l->signature, "iQEz\n=abcd");
    assert_string_equal(l->signed_text, " two \n\nlines \n");
    l = read_letter(*state, "<message" FROM_TO "><x xmlns='jabber:x:signed'>not base64!</x>"
                            "<body>text</body></message>");
    assert_null(l->signature);
    assert_string_equal(l->text, "text");
}

static void links(void **state)
{
    struct fixture *f = *state;
    struct letter *l = read_letter(
        f, "<message" FROM_TO "><body>see</body>"
           "<x xmlns='jabber:x:oob'><url>https://example.org/a b.png</url><desc>a\nrose</desc></x>"
           "<x xmlns='jabber:x:oob'><url>javascript:alert(1)</url><desc>click</desc></x>"
           "<x xmlns='jabber:x:oob'><url> ftp://example.org/x </url></x>"
           "<x xmlns='jabber:x:oob'><url>FILE:///etc/passwd</url></x>"
           "<x xmlns='jabber:x:oob'><desc>nothing</desc></x></message>");

    assert_string_equal(l->attachments->url, "https://example.org/a%20b.png");
    assert_string_equal(l->attachments->description, "a rose");
    assert_string_equal(l->attachments->next->url, "ftp://example.org/x");
    assert_null(l->attachments->next->description);
    assert_null(l->attachments->next->next);
    assert_string_equal(l->text,
                        "see\n\nclick: [a javascript: link, left out]\nFILE:///etc/passwd");
    assert_null(l->notice);
    assert_null(read_letter(f, "<message" FROM_TO "><x xmlns='jabber:x:oob'>"
                               "<url>http://example.org/</url></x></message>")
                    ->text);
}

static void too_many_links(void **state)
{
    struct fixture *f = *state;
    struct buf text;
    int i;

    buf_init(&text, 1 << 20);
    buf_adds(&text, "<message" FROM_TO ">");
    for (i = 0; i < 101; i++)
        buf_adds(&text, "<x xmlns='jabber:x:oob'><url>http://example.org/</url></x>");
    buf_adds(&text, "</message>");
    refused(f, text.data, "not-acceptable", "too many links");
    buf_clear(&text);
}

static void expiry(void **state)
{
    static const struct {
        const char *attributes;
        int64_t want; /* 0: refused as over */
    } rows[] = {
        {"seconds='1800'", 1790001800},
        {"seconds='1'", 1790000001},
        {"seconds='0'", 0},
        {"seconds='-5'", 0},
        {"seconds='99999999999999999999999'", 1790000000 + 10 * 365 * INT64_C(86400)},
        {"seconds='-99999999999999999999999'", 0},
        {"seconds='1800' stored='1789999000'", 1790000800},
        {"seconds='1800' stored='1789990000'", 0},
        {"seconds='1800' stored='1999999999'", 1790001800},
        {"seconds='1800' stored='x'", 1790001800},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[500];

        snprintf(text, sizeof text,
                 "<message" FROM_TO "><body>x</body><x xmlns='jabber:x:expire' %s/></message>",
                 rows[i].attributes);
        if (rows[i].want > 0)
            assert_int_equal(read_letter(f, text)->expires_s, rows[i].want);
        else
            refused(f, text, "not-acceptable", "was over");
    }
    refused(f, "<message" FROM_TO "><body>x</body><x xmlns='jabber:x:expire'/></message>",
            "bad-request", "seconds");
    refused(f,
            "<message" FROM_TO "><body>x</body><x xmlns='jabber:x:expire' seconds='1h'/></message>",
            "bad-request", "seconds");
}

static void delays(void **state)
{
    struct fixture *f = *state;
    struct letter *l;

    l = read_letter(f, "<message" FROM_TO "><body>x</body>"
                       "<delay xmlns='urn:xmpp:delay' stamp='2026-09-20T10:00:00Z'/>"
                       "<x xmlns='jabber:x:delay' stamp='20260920T09:00:00'/></message>");
    assert_int_equal(l->date_s, 1789894800);
    l = read_letter(f, "<message" FROM_TO "><body>x</body>"
                       "<delay xmlns='urn:xmpp:delay' stamp='2030-01-01T00:00:00Z'/></message>");
    assert_int_equal(l->date_s, 0);
    l = read_letter(f, "<message" FROM_TO "><body>x</body>"
                       "<delay xmlns='urn:xmpp:delay' stamp='soon'/></message>");
    assert_int_equal(l->date_s, 0);
}

#define REPLY "<reply xmlns='urn:xmpp:reply:0' id='r1'/>"
#define RANGE(from, to)                                                                            \
    "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>"                                \
    "<body start='" from "' end='" to "'/></fallback>"

static void fallback_quotes(void **state)
{
    static const struct {
        const char *xml, *want;
    } rows[] = {
        {"<body>&gt; said\nyes</body>" REPLY RANGE("0", "7"), "yes"},
        /* Characters are counted, not bytes. */
        {"<body>&gt; \xc3\xa4\xf0\x9f\x8c\xb9\nyes</body>" REPLY RANGE("0", "5"), "yes"},
        {"<body>&gt; said\nyes</body>" RANGE("0", "7"), "> said\nyes"}, /* no reply: a quote */
        {"<body>yes</body>" REPLY RANGE("0", "3"), "yes"},              /* nothing would be left */
        {"<body>yes</body>" REPLY RANGE("2", "999"), "ye"},
        {"<body>yes</body>" REPLY RANGE("7", "999"), "yes"},
        {"<body>yes</body>" REPLY RANGE("2", "1"), "yes"},
        {"<body>yes</body>" REPLY RANGE("-1", "2"), "yes"},
        {"<body>abcdef</body>" REPLY RANGE("0", "1") RANGE("2", "3"), "bdef"},
        {"<body>yes no</body>" REPLY "<fallback xmlns='urn:xmpp:feature-fallback:0' "
         "for='urn:xmpp:reply:0'><body start='0' end='4'/></fallback>",
         "no"},
        {"<body>yes no</body>" REPLY "<fallback xmlns='urn:xmpp:fallback:0' for='urn:example'>"
         "<body start='0' end='4'/></fallback>",
         "yes no"},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1000];

        snprintf(text, sizeof text, "<message" FROM_TO ">%s</message>", rows[i].xml);
        assert_string_equal(read_letter(f, text)->text, rows[i].want);
    }
}

static void names_of_the_sender(void **state)
{
    struct fixture *f = *state;
    const char *nick = "<nick xmlns='http://jabber.org/protocol/nick'> Juliet\n</nick>";
    char text[1000];

    snprintf(text, sizeof text, "<message" FROM_TO "><body>x</body>%s</message>", nick);
    assert_string_equal(read_letter(f, text)->from.name, "Juliet");
    snprintf(text, sizeof text,
             "<message" FROM_TO "><body>x</body>%s<x xmlns='jabber:x:envelope'>"
             "<from jid='juliet@example.org/x'>Juliet C.</from></x></message>",
             nick);
    assert_string_equal(read_letter(f, text)->from.name, "Juliet C.");
    assert_null(read_letter(f, text)->claimed_from);
}

static void no_origin_id_over_the_id(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(read_letter(f, "<message" FROM_TO " id='a'><body>x</body>"
                                       "<origin-id xmlns='urn:xmpp:sid:0' id='b'/></message>")
                            ->stanza_id,
                        "a");
    assert_string_equal(read_letter(f, "<message" FROM_TO "><body>x</body>"
                                       "<origin-id xmlns='urn:xmpp:sid:0' id='b'/></message>")
                            ->stanza_id,
                        "b");
}

/* ---- envelopes ---- */

#define ENVELOPE(children) "<body>x</body><x xmlns='jabber:x:envelope'>" children "</x></message>"

static void multicast(void **state)
{
    struct fixture *f = *state;
    struct letter *l =
        read_letter(f, "<message" FROM_GW ">" ENVELOPE(
                           "<to jid='romeo@montague.example'>Romeo</to>"
                           "<to jid='benvolio\\40montague.example@mail.example.org/phone'/>"
                           "<cc jid='tybalt@example.org/sword'>Tybalt</cc>"
                           "<cc jid='nurse@capulet.example'/>"
                           "<to jid='romeo@montague.example'>again</to>"
                           "<replyto jid='juliet@example.org'/>"));
    const struct party *p = l->recipients;

    assert_true(l->is_multicast);
    assert_int_equal(count(l->parties), 5); /* Romeo once */
    assert_int_equal(count(p), 4);
    is_mail(p, "romeo", "montague.example");
    assert_string_equal(p->name, "Romeo");
    assert_false(p->is_jabber);
    p = p->next;
    is_mail(p, "benvolio", "montague.example");
    assert_string_equal(p->jid.node, "benvolio\\40montague.example");
    assert_null(p->jid.resource);
    p = p->next;
    is_mail(p, "tybalt", "mail.example.org");
    assert_true(p->is_jabber);
    assert_int_equal(p->role, PARTY_CC);
    assert_string_equal(p->jid.node, "tybalt");
    assert_null(p->jid.resource);
    p = p->next;
    is_mail(p, "angelica", "example.org");
    assert_true(p->is_jabber);
    assert_string_equal(p->jid.domain, "capulet.example");
}

static void header_text_only(void **state)
{
    struct letter *l =
        read_letter(*state, "<message" FROM_TO ">" ENVELOPE("<to jid='benvolio@montague.example'/>"
                                                            "<cc jid='tybalt@example.org'/>"));

    assert_int_equal(count(l->recipients), 1);
    is_mail(l->recipients, "romeo", "montague.example");
    assert_int_equal(count(l->parties), 2);
}

static void forms_of_an_address(void **state)
{
    static const struct {
        const char *text, *local, *domain;
        bool is_jabber;
    } rows[] = {
        {"romeo@heaven.example", "romeo", "heaven.example", false},
        {" Romeo@Heaven.example\n", "Romeo", "heaven.example", false},
        {"romeo@heaven.example/home", "romeo", "heaven.example", false},
        {"mailto:ro%6Deo@heaven.example?subject=x", "romeo", "heaven.example", false},
        {"MAILTO:romeo%2540x@heaven.example", "romeo%40x", "heaven.example", false},
        {"xmpp:juliet@example.org?message", "juliet", "mail.example.org", true},
        {"juliet@mail.example.org", "juliet", "mail.example.org", true},
        {"romeo%heaven.example@mail.example.org", "romeo", "heaven.example", false},
        {"\"ro,meo\"@heaven.example", "ro,meo", "heaven.example", false},
        /* The map comes before the rule that home domains are Jabber's. */
        {"angelica@example.org", "angelica", "example.org", true},
        {"nurse@capulet.example", "angelica", "example.org", true},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1000];
        struct letter *l;

        snprintf(text, sizeof text, "<message" FROM_GW ">" ENVELOPE("<to jid='%s'/>"),
                 rows[i].text);
        l = read_letter(f, text);
        is_mail(l->recipients, rows[i].local, rows[i].domain);
        assert_int_equal(l->recipients->is_jabber, rows[i].is_jabber);
    }
    /* Written by hand: uri instead of jid, or the address where the name should be. */
    is_mail(read_letter(f, "<message" FROM_GW ">" ENVELOPE("<to uri='mailto:a@b.example'/>"))
                ->recipients,
            "a", "b.example");
    is_mail(read_letter(f, "<message" FROM_GW ">" ENVELOPE("<to>a@b.example</to>"))->recipients,
            "a", "b.example");
}

static void bad_envelopes(void **state)
{
    struct fixture *f = *state;
    struct buf text;
    int i;

    refused(f, "<message" FROM_GW "><body>x</body><x xmlns='jabber:x:envelope'/></message>",
            "bad-request", "jabber:x:envelope");
    refused(f, "<message" FROM_GW "><subject>x</subject></message>", "bad-request",
            "jabber:x:envelope");
    refused(f, "<message" FROM_GW ">" ENVELOPE("<replyto jid='a@b.example'/>"), "bad-request",
            "name\\40domain@mail.example.org");
    refused(f, "<message" FROM_GW ">" ENVELOPE("<cc jid='no address'/>"), "jid-malformed", "<cc/>");
    refused(f, "<message" FROM_GW ">" ENVELOPE("<cc jid='no address'/>"), "jid-malformed",
            "no address");
    refused(f, "<message" FROM_GW ">" ENVELOPE("<to jid=''/>"), "jid-malformed", "empty");
    refused(f, "<message" FROM_GW ">" ENVELOPE("<to/>"), "jid-malformed", "empty");
    refused(f, "<message" FROM_GW ">" ENVELOPE("<to jid='mail.example.org'/>"), "jid-malformed",
            "gateway itself");
    refused(f, "<message" FROM_GW ">" ENVELOPE("<to jid='mailto:a%0d%0aRCPT@b.example'/>"),
            "jid-malformed", "<to/>");
    buf_init(&text, 1 << 20);
    buf_adds(&text, "<message" FROM_GW "><body>x</body><x xmlns='jabber:x:envelope'>");
    for (i = 0; i < 50; i++)
        buf_printf(&text, "<to jid='a%d@b.example'/>", i);
    i = (int)text.len;
    buf_adds(&text, "</x></message>");
    assert_int_equal(count(read_letter(f, text.data)->recipients), 50);
    buf_truncate(&text, (size_t)i);
    buf_adds(&text, "<cc jid='one@more.example'/></x></message>");
    refused(f, text.data, "not-acceptable", "50");
    buf_clear(&text);
}

static void claims_of_from(void **state)
{
    struct fixture *f = *state;
    struct letter *l = read_letter(
        f, "<message" FROM_TO ">" ENVELOPE("<from jid='prince@verona.example'>Escalus</from>"));

    is_mail(&l->from, "juliet", "mail.example.org");
    assert_null(l->from.name);
    is_mail(l->claimed_from, "prince", "verona.example");
    assert_string_equal(l->claimed_from->name, "Escalus");
    /* The alias is an address of the sender's too. */
    l = read_letter(f, "<message" FROM_TO
                       ">" ENVELOPE("<from jid='juliet@mail.example.org'>J</from>"));
    assert_null(l->claimed_from);
    assert_string_equal(l->from.name, "J");
}

static void forwards(void **state)
{
    struct fixture *f = *state;
    struct letter *l = read_letter(f, "<message" FROM_TO ">" ENVELOPE(
                                          "<forwardedby jid='nurse@capulet.example'/>"
                                          "<forwardedby jid='juliet@example.org'>J</forwardedby>"));

    is_mail(&l->resent->by, "juliet", "mail.example.org");
    assert_string_equal(l->resent->by.name, "J");
    is_mail(l->resent->to, "romeo", "montague.example");
    is_mail(&l->resent->next->by, "angelica", "example.org");
    is_mail(l->resent->next->to, "juliet", "mail.example.org");
    assert_null(l->resent->next->to->next);
    assert_null(l->resent->next->next);
    refused(f, "<message" FROM_TO ">" ENVELOPE("<forwardedby jid='romeo@montague.example'/>"),
            "not-acceptable", "loop");
    refused(f,
            "<message" FROM_TO ">" ENVELOPE("<forwardedby jid='juliet@example.org'/>"
                                            "<forwardedby jid='nurse@capulet.example'/>"
                                            "<forwardedby jid='juliet@example.org'/>"),
            "not-acceptable", "loop");
    refused(f, "<message" FROM_TO ">" ENVELOPE("<forwardedby jid='mail.example.org'/>"),
            "not-acceptable", "loop");
}

/* Wherever memory ends, the answer is "try again", never a half letter. */
static void out_of_memory(void **state)
{
    struct fixture *f = *state;
    struct xml_node *stanza = fixture_parse(
        f, "<message" FROM_GW " id='m'><subject>s</subject><thread>t</thread>"
           "<x xmlns='jabber:x:oob'><url>data:x</url></x>"
           "<x xmlns='jabber:x:oob'><url>http://x.example/</url><desc>d</desc></x>"
           "<reply xmlns='urn:xmpp:reply:0' id='r1' to='x'/>" ENVELOPE(
               "<to jid='romeo@montague.example'>Romeo</to><cc jid='tybalt@example.org'/>"
               "<from jid='prince@verona.example'/><forwardedby jid='juliet@example.org'/>"));
    enum stanza_verdict verdict = STANZA_FAILED;
    size_t max;

    for (max = 0; max < 1 << 20 && verdict == STANZA_FAILED; max += 16) {
        struct arena *a = arena_new(max);
        struct jabber_error error;
        struct letter *l;

        verdict = stanza_read(&f->ctx, a, stanza, &l, &error);
        assert_int_equal(verdict == STANZA_LETTER, l != NULL);
        arena_free(a);
    }
    assert_int_equal(verdict, STANZA_LETTER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plain_message),
        TEST(strings_are_the_letters_own),
        TEST(types),
        TEST(several_bodies),
        TEST(addressees),
        TEST(nothing_to_send),
        TEST(words_for_the_gateway),
        TEST(ciphers),
        TEST(encrypted),
        TEST(signed_text),
        TEST(links),
        TEST(too_many_links),
        TEST(expiry),
        TEST(delays),
        TEST(fallback_quotes),
        TEST(names_of_the_sender),
        TEST(no_origin_id_over_the_id),
        TEST(multicast),
        TEST(header_text_only),
        TEST(forms_of_an_address),
        TEST(bad_envelopes),
        TEST(claims_of_from),
        TEST(forwards),
        TEST(out_of_memory),
    };

    return cmocka_run_group_tests_name("stanza_read", tests, NULL, NULL);
}
