/* people: spellings, aliases and circles in the store; reply_all: whom an answer to all is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/to_mail/acquaint.h"
#include "bridge/to_mail/reply_all.h"
#include "store/links.h"
#include "store/people.h"
#include "tests/unit/fixture_mapping.h"
#include "tests/unit/fixture_store.h"

struct scene {
    char folder[FOLDER_SIZE];
    struct store *store;
    struct fixture *f;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    void *fixture = NULL;

    s->store = store_make("people", s->folder);
    assert_int_equal(fixture_setup(&fixture), 0);
    s->f = fixture;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    void *fixture = s->f;

    store_remove(s->store, s->folder);
    fixture_teardown(&fixture);
    free(s);
    return 0;
}

static void in_store(struct scene *s, int (*run)(struct store_txn *, void *, struct err *))
{
    store_must(s->store, run, s);
}

static const char *spelling(struct store_txn *txn, struct scene *s, const char *contact)
{
    const char *text = "?";
    struct err e;

    assert_int_equal(people_get_spelling(txn, s->f->arena, contact, &text, &e), 0);
    return text;
}

static int keep_spellings(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;

    assert_null(spelling(txn, s, "a@gw"));
    assert_int_equal(people_put_spelling(txn, "a@gw", NULL, 1000, e), 0);
    assert_null(spelling(txn, s, "a@gw"));
    assert_int_equal(people_put_spelling(txn, "a@gw", "A@x", 1000, e), 0);
    assert_string_equal(spelling(txn, s, "a@gw"), "A@x");
    assert_int_equal(people_put_spelling(txn, "a@gw", "aA@x", 1001, e), 0);
    assert_string_equal(spelling(txn, s, "a@gw"), "aA@x");
    assert_int_equal(people_put_spelling(txn, "b@gw", "B@x", 1000, e), 0);
    /* seen again the day after: it stays when the other goes */
    assert_int_equal(people_put_spelling(txn, "a@gw", "aA@x", 1001 + 86401, e), 0);
    assert_int_equal(people_expire(txn, 2000, 0, 0, 100, e), 0);
    assert_string_equal(spelling(txn, s, "a@gw"), "aA@x");
    assert_null(spelling(txn, s, "b@gw"));
    assert_int_equal(people_put_spelling(txn, "a@gw", NULL, 1000, e), 0);
    assert_null(spelling(txn, s, "a@gw"));
    return 0;
}

static void spellings(void **state)
{
    in_store(*state, keep_spellings);
}

static int keep_aliases(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;
    const char *text = "?";

    assert_int_equal(people_get_alias(txn, s->f->arena, "h-1", &text, e), 0);
    assert_null(text);
    assert_int_equal(people_put_alias(txn, "h-1", "long@example.org", 1000, e), 0);
    assert_int_equal(people_put_alias(txn, "h-1", "thief@example.org", 1000, e), 0);
    assert_int_equal(people_put_alias(txn, "h-2", "silent@example.org", 1000, e), 0);
    assert_int_equal(people_get_alias(txn, s->f->arena, "h-1", &text, e), 0);
    assert_string_equal(text, "long@example.org");
    /* used again the day after: it stays when the other goes */
    assert_int_equal(people_put_alias(txn, "h-1", "thief@example.org", 1001 + 86400, e), 0);
    assert_int_equal(people_expire(txn, 0, 2000, 0, 100, e), 0);
    assert_int_equal(people_get_alias(txn, s->f->arena, "h-1", &text, e), 0);
    assert_string_equal(text, "long@example.org");
    assert_int_equal(people_get_alias(txn, s->f->arena, "h-2", &text, e), 0);
    assert_null(text);
    return 0;
}

static void aliases(void **state)
{
    in_store(*state, keep_aliases);
}

/* ---- spelling in a letter ---- */

static struct party *add(struct letter *l, struct party **list, const char *local,
                         const char *domain, enum party_role role)
{
    struct party *p = letter_add_party(l, list);

    p->mail = (struct addr){local, domain};
    p->role = role;
    return p;
}

static int spell_letter(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;
    struct letter *l = letter_new(s->f->arena);
    const char *text;
    int i;

    l->from.mail = (struct addr){"Friar.John", "cell.example"};
    assert_int_equal(acquaint_spelling(&s->f->ctx, l, &text), 0);
    assert_string_equal(text, "Friar.John@cell.example");
    assert_int_equal(
        people_put_spelling(txn, "friar.john\\40cell.example@mail.example.org", text, 1, e), 0);
    l->from.mail = (struct addr){"john", "cell.example"};
    assert_int_equal(acquaint_spelling(&s->f->ctx, l, &text), 0);
    assert_null(text);
    l->from.mail = (struct addr){0};
    assert_int_equal(acquaint_spelling(&s->f->ctx, l, &text), 0);
    assert_null(text);

    add(l, &l->recipients, "friar.john", "cell.example", PARTY_TO);
    add(l, &l->recipients, "FRIAR.john", "cell.example", PARTY_TO); /* as its writer wanted it */
    add(l, &l->recipients, "other", "cell.example", PARTY_TO);
    add(l, &l->parties, "friar.john", "cell.example", PARTY_CC);
    for (i = 0; i < 2; i++) { /* repeatable */
        assert_int_equal(acquaint_spell(txn, &s->f->ctx, l, e), 0);
        assert_string_equal(l->recipients->mail.local, "Friar.John");
        assert_string_equal(l->recipients->next->mail.local, "FRIAR.john");
        assert_string_equal(l->recipients->next->next->mail.local, "other");
        assert_string_equal(l->parties->mail.local, "Friar.John");
    }
    return 0;
}

static void spelling_of_letters(void **state)
{
    in_store(*state, spell_letter);
}

/* ---- circles ---- */

static struct letter *mail_to(struct scene *s)
{
    struct letter *l = letter_new(s->f->arena);
    struct party *p;

    l->from.mail = (struct addr){"romeo", "montague.example"};
    p = add(l, &l->recipients, "juliet", "mail.example.org", PARTY_TO);
    p->is_jabber = true;
    return l;
}

static void circles(void **state)
{
    struct scene *s = *state;
    struct letter *l = mail_to(s);

    assert_string_equal(reply_all_circle(l), "");
    add(l, &l->parties, "juliet", "mail.example.org", PARTY_TO);
    assert_string_equal(reply_all_circle(l), "");
    add(l, &l->parties, "elsewhere", "x.example", PARTY_REPLY_TO);
    add(l, &l->parties, "hidden", "x.example", PARTY_BCC);
    assert_string_equal(reply_all_circle(l), "");
    add(l, &l->parties, "ben volio", "x.example", PARTY_CC)->name = "Ben\tv\no";
    assert_string_equal(reply_all_circle(l),
                        "to\tjuliet@mail.example.org\t\ncc\t\"ben volio\"@x.example\tBenvo\n");
    l->parties = NULL; /* named nowhere, as from a list */
    add(l, &l->parties, "list", "x.example", PARTY_TO)->name = "L";
    assert_string_equal(reply_all_circle(l), "to\tlist@x.example\tL\n");
}

static struct letter *answer_of(struct scene *s)
{
    struct letter *l = letter_new(s->f->arena);
    struct party *p = add(l, &l->recipients, "romeo", "montague.example", PARTY_TO);

    p->jid = (struct jid){"romeo\\40montague.example", "mail.example.org", NULL};
    l->from.jid = (struct jid){"juliet", "example.org", NULL};
    l->from.mail = (struct addr){"juliet", "mail.example.org"};
    l->from.is_jabber = true;
    return l;
}

static void answers(void **state)
{
    struct scene *s = *state;
    struct letter *l = answer_of(s);
    const struct party *p;
    struct err e;

    assert_int_equal(reply_all_add(&s->f->ctx, l, "", &e), 0);
    assert_null(l->parties);
    assert_null(l->recipients->next);
    assert_int_equal(reply_all_add(&s->f->ctx, l,
                                   "to\tJuliet@mail.example.org\tme\n"
                                   "to\tjuliet=example.org@mail.example.org\tme again\n"
                                   "to\tromeo@montague.example\tthe author too\n"
                                   "cc\tangelica@example.org\tNurse\n"
                                   "to\ta%41@b.example\t\n"
                                   "broken\nto\tno address\t\n"
                                   "cc\ta%41@b.example\ttwice\n",
                                   &e),
                     0);
    p = l->recipients;
    assert_string_equal(p->mail.local, "romeo");
    p = p->next;
    assert_string_equal(p->mail.local, "angelica");
    assert_true(p->is_jabber);
    assert_string_equal(p->name, "Nurse");
    assert_int_equal(p->role, PARTY_CC);
    p = p->next;
    assert_string_equal(p->mail.local, "a%41");
    assert_null(p->next);
    assert_string_equal(l->parties->mail.local, "romeo");
    assert_string_equal(l->parties->name, "the author too");
}

static void refused_answers(void **state)
{
    struct scene *s = *state;
    struct letter *l = answer_of(s);
    struct buf crowd;
    struct err e;
    int i;

    assert_int_equal(reply_all_add(&s->f->ctx, l, "to\tr\xc3\xb6meo@x.example\t\n", &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "5.6.7"));
    buf_init(&crowd, 1 << 16);
    for (i = 0; i < 49; i++)
        buf_printf(&crowd, "to\tu%d@x.example\t\n", i);
    assert_int_equal(reply_all_add(&s->f->ctx, answer_of(s), crowd.data, &e), 0);
    buf_adds(&crowd, "cc\tone-more@x.example\t\n");
    assert_int_equal(reply_all_add(&s->f->ctx, answer_of(s), crowd.data, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    buf_clear(&crowd);
}

static int find(struct store_txn *txn, void *arg, struct err *e)
{
    static const char contact[] = "romeo\\40montague.example@mail.example.org";
    struct scene *s = arg;
    struct letter *l = answer_of(s);
    struct link link = {.id = 7,
                        .direction = LINK_TO_JABBER,
                        .jid = "juliet@example.org",
                        .contact = contact,
                        .mail = "",
                        .alias = "",
                        .stanza_id = "7-0",
                        .thread = "t",
                        .references = "",
                        .created_s = 100};
    const char *text = "?";

    l->thread = "t";
    assert_int_equal(reply_all_find(txn, l, "juliet@example.org", contact, &text, e), 0);
    assert_null(text);
    assert_int_equal(links_put(txn, &link, e), 0);
    assert_int_equal(reply_all_find(txn, l, "juliet@example.org", contact, &text, e), 0);
    assert_string_equal(text, "");
    assert_int_equal(people_put_circle(txn, 7, "to\ta@b\t\n", 100, e), 0);
    assert_int_equal(reply_all_find(txn, l, "juliet@example.org", contact, &text, e), 0);
    assert_string_equal(text, "to\ta@b\t\n");
    assert_int_equal(reply_all_find(txn, l, "nurse@example.org", contact, &text, e), 0);
    assert_null(text); /* another's mail tells nothing */
    l->thread = NULL;
    l->reply_to_id = "7-0";
    assert_int_equal(reply_all_find(txn, l, "juliet@example.org", contact, &text, e), 0);
    assert_string_equal(text, "to\ta@b\t\n");
    assert_int_equal(people_expire(txn, 0, 0, 101, 100, e), 0);
    assert_int_equal(people_get_circle(txn, s->f->arena, 7, &text, e), 0);
    assert_null(text);
    return 0;
}

static void found_by_thread_or_id(void **state)
{
    in_store(*state, find);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spellings), TEST(aliases),         TEST(spelling_of_letters),   TEST(circles),
        TEST(answers),   TEST(refused_answers), TEST(found_by_thread_or_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
