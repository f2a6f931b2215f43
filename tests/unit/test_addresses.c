/* addresses: XEP-0033 in both directions, and what it shares with jabber:x:envelope. */
#include "tests/unit/fixture_mapping.h"

#include <stdio.h>

#include "mapping/address/addresses.h"
#include "mapping/address/envelope.h"
#include "mapping/names.h"
#include "mapping/address/party.h"
#include "mapping/stanza/stanza_read.h"
#include "mapping/stanza/stanza_write.h"

#define FROM "<message from='juliet@example.org/balcony' "
#define GW   FROM "to='mail.example.org'><body>x</body>"
#define ONE  FROM "to='romeo\\40montague.example@mail.example.org'><body>x</body>"
#define ALL(children)                                                                              \
    "<addresses xmlns='http://jabber.org/protocol/address'>" children "</addresses>"
#define END "</message>"

static enum stanza_verdict verdict_of(struct fixture *f, const char *text, struct letter **out,
                                      struct jabber_error *error)
{
    return stanza_read(&f->ctx, f->arena, fixture_parse(f, text), out, error);
}

static struct letter *letter_of(struct fixture *f, const char *text)
{
    struct jabber_error error = {0};
    struct letter *l = NULL;

    if (verdict_of(f, text, &l, &error) != STANZA_LETTER)
        fail_msg("%s: %s", text, error.text ? error.text : "no letter");
    return l;
}

/* Every person of a list as "role name <mail>", a ! for those who are delivered, a J for Jabber
 * users. */
static const char *people(struct fixture *f, const struct party *p)
{
    static const char *const roles[] = {"to", "cc", "bcc", "replyto"};
    const char *text = "";

    for (; p; p = p->next)
        text =
            arena_printf(f->arena, "%s%s%s %s%s%s%s%s", text, *text ? ", " : "", roles[p->role],
                         p->name ? p->name : "", p->name ? " " : "", addr_text(f->arena, &p->mail),
                         p->is_jabber ? " J" : "", p->delivered ? " !" : "");
    return text;
}

static void read_people(void **state)
{
    static const struct {
        const char *stanza, *parties, *recipients;
    } rows[] = {
        {GW ALL(
             "<address type='to' jid='romeo@montague.example' desc=' Romeo M. '/>"
             "<address type='cc' uri='mailto:ben%2Bvolio@montague.example?subject=a&amp;to=b@c'/>"
             "<address type='bcc' jid='nurse@capulet.example'/>") END,
         "to Romeo M. romeo@montague.example, cc ben+volio@montague.example,"
         " bcc angelica@example.org J",
         "to Romeo M. romeo@montague.example, cc ben+volio@montague.example,"
         " bcc angelica@example.org J"},
        /* decoded once */
        {GW ALL("<address type='to' uri='mailto:a%2541@b.example'/>") END, "to a%41@b.example",
         "to a%41@b.example"},
        /* who is named openly is no blind copy, and is written to once */
        {GW ALL("<address type='bcc' jid='a@b.example'/><address type='cc' jid='a@b.example'/>"
                "<address type='to' jid='a\\40b.example@mail.example.org'/>") END,
         "bcc a@b.example, cc a@b.example, to a@b.example", "cc a@b.example"},
        /* somebody else delivers */
        {GW ALL("<address type='to' jid='a@b.example' delivered='true'/>"
                "<address type='cc' jid='a@b.example'/><address type='cc' jid='c@b.example'/>"
                "<address type='to' jid='d@b.example' delivered='false'/>") END,
         "to a@b.example !, cc a@b.example, cc c@b.example, to d@b.example",
         "cc c@b.example, to d@b.example"},
        /* both generations: the mark of one counts for the other, whichever comes first */
        {GW
         "<x xmlns='jabber:x:envelope'><to jid='a@b.example'>A</to><to jid='c@b.example'/></x>" ALL(
             "<address type='to' jid='a@b.example' delivered='1'/>") END,
         "to A a@b.example !, to c@b.example", "to c@b.example"},
        {GW ALL("<address type='to' jid='a@b.example' delivered='true'/>"
                "<address type='to' jid='c@b.example'/>") "<x xmlns='jabber:x:envelope'><to "
                                                          "jid='a@b.example'>A</to></x>" END,
         "to A a@b.example !, to c@b.example", "to c@b.example"},
        /* to one contact they are header text; types and elements of a later time are nothing */
        {ONE ALL("<address type='to' jid='a@b.example'/><address type='x-new' jid='@@'/>"
                 "<other/>") END,
         "to a@b.example", "to romeo@montague.example"},
        {ONE ALL("<address type='bcc' uri='mailto:romeo@montague.example'/>") END,
         "bcc romeo@montague.example", "bcc romeo@montague.example"},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct letter *l = letter_of(f, rows[i].stanza);

        assert_string_equal(people(f, l->parties), rows[i].parties);
        assert_string_equal(people(f, l->recipients), rows[i].recipients);
    }
}

static void read_the_rest(void **state)
{
    struct fixture *f = *state;
    struct letter *l =
        letter_of(f, ONE ALL("<address type='noreply'/>"
                             "<address type='replyto' jid='nurse@capulet.example' desc='N'/>"
                             "<address type='replyroom' jid='Room@conf.example/x' node='n'/>"
                             "<address type='ofrom' jid='other@example.org'/>") END);

    assert_true(l->no_reply);
    assert_string_equal(people(f, l->parties), "replyto N angelica@example.org J");
    assert_string_equal(l->reply_room, "room@conf.example");
    assert_string_equal(people(f, l->claimed_from), "to other@mail.example.org J");
    assert_string_equal(addr_text(f->arena, &l->from.mail), "juliet@mail.example.org");
    l = letter_of(f, ONE ALL("<address type='ofrom' jid='juliet@example.org' desc='J'/>") END);
    assert_null(l->claimed_from);
    assert_string_equal(l->from.name, "J");
    assert_false(l->no_reply);
    assert_false(l->is_reply_all);
    l = letter_of(f, FROM "to='a%b.example@mail.example.org/all'><body>x</body>" END);
    assert_true(l->is_reply_all);
}

static void refusals(void **state)
{
    static const struct {
        const char *stanza, *condition, *text;
    } rows[] = {
        {"<address type='to' jid='a@b.example' uri='mailto:a@b.example'/>", "jid-malformed",
         "exclude each other"},
        {"<address type='to'/>", "jid-malformed", "neither"},
        {"<address type='to' uri='mailto:a@b.example' node='n'/>", "jid-malformed", "node"},
        {"<address type='cc' uri='tel:123'/>", "jid-malformed", "mailto:"},
        {"<address type='cc' uri='mailto:'/>", "jid-malformed", ""},
        {"<address type='cc' uri='mailto:?to=a@b.example'/>", "jid-malformed", ""},
        {"<address type='bcc' uri='mailto:a@b.example,c@d.example'/>", "jid-malformed", ""},
        {"<address type='bcc' uri='mailto:a@b.example/home'/>", "jid-malformed", ""},
        {"<address type='bcc' uri='mailto:a@b.example%0D%0ARCPT%20TO:x@y'/>", "jid-malformed", ""},
        {"<address type='to' uri='mailto:%72%c3%b6meo@b.example'/>", "not-acceptable", "5.6.7"},
        {"<address type='replyto' jid='r\xc3\xb6meo@b.example'/>", "not-acceptable", "5.6.7"},
        {"<address type='to' jid='nobody'/>", "jid-malformed", "nobody"},
        {"<address type='replyto' jid='a@@b'/>", "jid-malformed", "to nobody"},
        {"<address type='replyroom' uri='xmpp:r@c'/>", "jid-malformed", "room"},
        {"<address type='replyroom' jid='@c'/>", "jid-malformed", ""},
        {"<address jid='a@b.example'/>", "bad-request", "type"},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jabber_error error = {0};
        struct letter *l;
        const char *text = arena_printf(
            f->arena, GW ALL("<address type='to' jid='good@b.example'/>%s") END, rows[i].stanza);

        if (verdict_of(f, text, &l, &error) != STANZA_REFUSED)
            fail_msg("not refused: %s", text);
        assert_string_equal(error.condition, rows[i].condition);
        if (!strstr(error.text, rows[i].text))
            fail_msg("%s does not say %s", error.text, rows[i].text);
        assert_null(l);
    }
}

/* count people to each of the two envelopes, those of the first numbered from first. */
static const char *crowd(struct fixture *f, unsigned count, unsigned envelope, const char *mark)
{
    struct buf b;
    const char *text;
    unsigned i;

    buf_init(&b, 1 << 20);
    buf_adds(&b, GW "<addresses xmlns='http://jabber.org/protocol/address'>");
    for (i = 0; i < count; i++)
        buf_printf(&b, "<address type='%s' jid='u%u@b.example'%s/>", i % 2 ? "bcc" : "to", i, mark);
    buf_adds(&b, "</addresses><x xmlns='jabber:x:envelope'>");
    for (i = 0; i < envelope; i++)
        buf_printf(&b, "<to jid='u%u@c.example'/>", i);
    buf_adds(&b, "</x></message>");
    text = arena_strdup(f->arena, b.data);
    buf_clear(&b);
    return text;
}

static void limits(void **state)
{
    static const struct {
        unsigned count, envelope;
        const char *mark;
        enum stanza_verdict verdict;
    } rows[] = {
        {50, 0, "", STANZA_LETTER},
        {51, 0, "", STANZA_REFUSED},
        {25, 25, "", STANZA_LETTER},
        {26, 25, "", STANZA_REFUSED},
        {150, 1, " delivered='true'", STANZA_LETTER},
        {201, 1, " delivered='true'", STANZA_REFUSED},
        {10, 0, " delivered='true'", STANZA_IGNORE}, /* nobody is left */
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jabber_error error = {0};
        struct letter *l;

        assert_int_equal(
            verdict_of(f, crowd(f, rows[i].count, rows[i].envelope, rows[i].mark), &l, &error),
            rows[i].verdict);
        if (rows[i].verdict == STANZA_REFUSED)
            assert_string_equal(error.condition, "not-acceptable");
    }
}

/* ---- writing ---- */

static const char *written(struct fixture *f, const struct letter *l, const struct party *recipient)
{
    struct xml_node *stanza = xml_new(f->arena, FIXTURE_NS, "message");
    const char *text;
    struct buf b;

    assert_int_equal(addresses_write(&f->ctx, f->arena, l, recipient, stanza), 0);
    buf_init(&b, 1 << 20);
    xml_write(&b, stanza, FIXTURE_NS);
    text = arena_strdup(f->arena, b.data);
    buf_clear(&b);
    return text;
}

static struct party *add(struct letter *l, enum party_role role, struct jid jid, struct addr mail)
{
    struct party *p = letter_add_party(l, &l->parties);

    p->role = role;
    p->jid = jid;
    p->mail = mail;
    return p;
}

static void write_people(void **state)
{
    const struct jid gw = {"romeo\\40montague.example", "mail.example.org", NULL};
    const struct jid user = {"juliet", "example.org", "balcony"};
    const struct jid none = {0};
    struct fixture *f = *state;
    struct letter *l = letter_new(f->arena);
    struct party recipient = {.jid = user, .is_jabber = true}, blind = recipient;

    l->from.jid = gw;
    assert_string_equal(written(f, l, &recipient), "<message/>");
    add(l, PARTY_TO, user, (struct addr){"juliet", "mail.example.org"})->name = "J & Co";
    add(l, PARTY_CC, none, (struct addr){"a b%\"", "b.example"});
    add(l, PARTY_BCC, gw, (struct addr){"secret", "b.example"});
    add(l, PARTY_TO, none, (struct addr){0});
    add(l, PARTY_REPLY_TO, gw, (struct addr){"romeo", "montague.example"});
    blind.role = PARTY_BCC;
#define PEOPLE                                                                                     \
    "<address type='to' jid='juliet@example.org' desc='J &amp; Co' delivered='true'/>"             \
    "<address type='cc' uri='mailto:%22a%20b%25%5C%22%22@b.example' delivered='true'/>"
#define BLIND "<address type='bcc' jid='juliet@example.org' delivered='true'/>"
#define REPLY "<address type='replyto' jid='romeo\\40montague.example@mail.example.org'/>"
    assert_string_equal(written(f, l, &recipient), "<message>" ALL(PEOPLE REPLY) "</message>");
    assert_string_equal(written(f, l, &blind), "<message>" ALL(PEOPLE BLIND REPLY) "</message>");
    l->no_reply = true;
    l->reply_room = "room@conf.example";
    l->from.jid = (struct jid){"nurse", "example.org", NULL};
    assert_string_equal(
        written(f, l, &recipient),
        "<message>" ALL(PEOPLE "<address type='replyroom' jid='room@conf.example'/>"
                               "<address type='noreply'/>"
                               "<address type='ofrom' jid='nurse@example.org'/>") "</message>");
}

/* What is written is read back as the same people, none of them to be delivered to. */
static void back_again(void **state)
{
    struct fixture *f = *state;
    struct letter *l = letter_of(f,
                                 GW ALL("<address type='to' jid='romeo@montague.example' desc='R'/>"
                                        "<address type='cc' jid='\"a,b\"@b.example'/>"
                                        "<address type='bcc' jid='tybalt@example.org'/>") END),
                  *again = NULL;
    struct jabber_error error = {0};
    const struct party *blind = l->recipients->next->next;
    struct xml_node *stanza = stanza_write(&f->ctx, f->arena, l, blind);

    assert_non_null(stanza);
    xml_set(f->arena, stanza, "from", "juliet@example.org/x");
    xml_set(f->arena, stanza, "to", "mail.example.org");
    assert_int_equal(stanza_read(&f->ctx, f->arena, stanza, &again, &error), STANZA_IGNORE);
    xml_set(f->arena, stanza, "to", "x\\40y.example@mail.example.org");
    assert_int_equal(stanza_read(&f->ctx, f->arena, stanza, &again, &error), STANZA_LETTER);
    assert_string_equal(people(f, again->parties),
                        "to R romeo@montague.example !, cc \"a,b\"@b.example !,"
                        " bcc tybalt@mail.example.org J !");
}

static void memory_runs_out(void **state)
{
    struct fixture *f = *state;
    struct xml_node *stanza = fixture_parse(f, crowd(f, 40, 5, ""));
    unsigned failed = 0;
    size_t max;

    for (max = 64; max < (1 << 20); max += max / 7) {
        struct arena *a = arena_new(max);
        struct jabber_error error;
        struct letter *l;
        enum stanza_verdict verdict;

        if (!a)
            continue;
        verdict = stanza_read(&f->ctx, a, stanza, &l, &error);
        assert_true(verdict == STANZA_FAILED || verdict == STANZA_LETTER);
        if (verdict == STANZA_LETTER && !stanza_write(&f->ctx, a, l, l->recipients))
            failed++;
        failed += verdict == STANZA_FAILED;
        arena_free(a);
    }
    assert_true(failed > 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(read_people),  TEST(read_the_rest), TEST(refusals),        TEST(limits),
        TEST(write_people), TEST(back_again),    TEST(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
