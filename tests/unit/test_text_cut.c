/* text_cut: replies as mail programs write them, in several languages; what must stay, stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "mapping/text/text_cut.h"
#include "mapping/text/text_words.h"

struct sample {
    const char *text, *want;
};

static void check(const struct sample *s, size_t count, bool is_reply, bool is_forward)
{
    struct text_hints hints = {.is_reply = is_reply, .is_forward = is_forward};
    struct arena *a = arena_new(1 << 24);
    size_t i;

    for (i = 0; i < count; i++) {
        bool cut = false;
        const char *got = text_cut(a, s[i].text, &hints, &cut);
        const char *want = s[i].want ? s[i].want : s[i].text;

        if (strcmp(got, want) != 0)
            fprintf(stderr, "sample %zu\n", i);
        assert_string_equal(got, want);
        assert_int_equal(cut, s[i].want != NULL);
    }
    arena_free(a);
}

static void cuts_quotes_by_form(void **state)
{
    static const struct sample samples[] = {
        {"Yes.\n\nOn Mon, 2 Apr 2012 at 18:26, Juliet <j@example.org> wrote:\n> Come?\n", "Yes."},
        {"Yes.\n\nOn Mon, 2 Apr 2012 at 18:26, Juliet Capulet of Verona <\nj@example.org> "
         "wrote:\n\n> Come?",
         "Yes."},
        {"Yes.\nOn Mon, 2 Apr 2012\nat 18:26, Juliet wrote:\n> Come?", "Yes."},
        {"Ja.\n\nAm 02.04.2012 um 18:26 schrieb Julia:\n> Kommst du?\n> Bald?", "Ja."},
        {"Oui.\n\nLe lundi 2 avril 2012, 18:26, Juliette <j@example.org> a \xc3\xa9"
         "crit :\n> Viens ?",
         "Oui."},
        {"\xd0\x94\xd0\xb0.\n\n02.04.2012 18:26, \xd0\xae\xd0\xbb\xd0\xb8\xd1\x8f "
         "\xd0\xbf\xd0\xb8\xd1\x88\xd0\xb5\xd1\x82:\n> ?",
         "\xd0\x94\xd0\xb0."},
        {"\xe5\xa5\xbd\xe7\x9a\x84\n\nJ <j@example.org> \xe4\xba\x8e"
         "2012\xe5\xb9\xb4"
         "4\xe6\x9c\x88"
         "2\xe6\x97\xa5\xe5\x91\xa8\xe4\xb8\x80 18:26\xe5\x86\x99\xe9\x81\x93\xef\xbc\x9a\n> x",
         "\xe5\xa5\xbd\xe7\x9a\x84"},
        {"Klingon lines work too.\n\nQapla' 18:26 batlh:\n> ghargh", "Klingon lines work too."},
        {"> Come?\n\nYes.", "Yes."},
        {"On 2 Apr 2012, Juliet wrote:\n> Come?\n\nYes.", "Yes."},
        {"Hello,\n\nJuliet wrote:\n> Come?\n\nYes.", "Hello,\n\nYes."},
        {"Juliet <j@example.org>:\n> Come?\n\nYes.", "Yes."},
        {"2 Apr 2012, j@example.org:\n> Come?\n\nYes.", "Yes."},
        {"Yes.\n> Come?\n> Soon?", "Yes."},
        {"Yes.\n\n> On 2 Apr 2012, Juliet wrote:\n>\n> Come?\n\n\n", "Yes."},
    };

    (void)state;
    check(samples, sizeof samples / sizeof *samples, true, false);
}

static void cuts_what_has_no_marks(void **state)
{
    static const struct sample samples[] = {
        {"Yes.\n\n-----Original Message-----\nFrom: Juliet\nTo: Romeo\nSubject: Come?\n\nCome?",
         "Yes."},
        {"Yes.\n\nFrom: Juliet [mailto:j@example.org]\nSent: Monday, April 2, 2012 6:26 PM\nTo: "
         "Romeo\nSubject: Come?\n\nCome?",
         "Yes."},
        {"Ja.\n\nVon: Julia <j@example.org>\nGesendet: Montag, 2. April 2012 18:26\nAn: "
         "Romeo\nBetreff: Komm\n\nKomm!",
         "Ja."},
        {"Yes.\n\n________________________________\nFrom: Juliet <j@example.org>\nSent: Monday "
         "18:26\nTo: R\nSubject: S\n\nCome?",
         "Yes."},
        {"Yes.\n\n*From:* Juliet <j@example.org>\n*Sent:* Monday, April 2, 2012 6:26 PM\n*To:* "
         "R\n*Subject:* S\n\nCome?",
         "Yes."},
        {"Ken.\n\nFoo: Juliet <j@example.org>\nBar: 2 Apr 2012 18:26\nEmail: "
         "romeo@example.org\nSubject: Come?\nTo: x\n\nCome?",
         "Ken."},
        {"Yes.\n\nOn Monday, 2 April 2012 18:26, Juliet <j@example.org> wrote:\n\nCome?\nSoon?",
         "Yes."},
        {"Yes.\n\n-------- Urspr\xc3\xbcngliche Nachricht --------\nVon: Julia\nDatum: "
         "heute\n\nKomm!",
         "Yes."},
        {"My answer\n\n##- Please type your reply above this line -##\n\nTicket 5", "My answer"},
    };

    (void)state;
    check(samples, sizeof samples / sizeof *samples, true, false);
}

static void cuts_signatures(void **state)
{
    static const struct sample samples[] = {
        {"Yes.\n\n-- \nRomeo Montague\nVerona", "Yes."},
        {"Yes.\n--\nRomeo", "Yes."},
        {"Yes.\n\n-- \nRomeo\n\nOn 2 Apr 2012, Juliet wrote:\n> Come?", "Yes."},
        {"Yes.\n\nSent from my iPhone", "Yes."},
        {"Ja.\n\nVon meinem iPhone gesendet", "Ja."},
        {"Yes.\n\nSent from my iPhone\n\nOn Apr 2, 2012, at 6:26 PM, J <j@example.org> wrote:\n\n> "
         "Come?",
         "Yes."},
        {"Yes.\n\nGet Outlook for iOS<https://aka.ms/o0ukef>", "Yes."},
        {"Sent with the last ship, it will be here soon.", NULL},
        {"Prices:\n--\none\n\ntwo\n\nthree\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15", NULL},
        {"--\nonly a signature", NULL},
    };

    (void)state;
    check(samples, sizeof samples / sizeof *samples, true, false);
}

static void keeps_text(void **state)
{
    static const struct sample samples[] = {
        {"> everything is quoted\n> here", NULL},
        {"On 2 Apr 2012, Juliet wrote:\n> Come?", NULL},
        {"From: the beginning it was clear\nTo: be or not to be", NULL},
        {"Agenda:\n10:30 Start\n12:00 Lunch:\nAll: bring food", NULL},
        {"Kant wrote:\n\nthe starry sky above me", NULL},
        {"Two points:\n> first\nmine\n> second\nmine too", NULL},
        {"Dear all,\n\nName: Romeo\nAge: 17\nTown: Verona", NULL},
        {"line one\n\n\nline two", NULL},
        {"", NULL},
        {"a > b\nand c", NULL},
        {"@juliet I think `a > b` is wrong:\n\n> if (a > b)\n\nshould be `a < b`.", NULL},
        {"The error at 10:30 was:\n> no such file\n\nCan you look?", NULL},
        {"Ask romeo@example.org about this:\n> the sum is 7\n\nIt should be 8.", NULL},
        {"Section 3 of 2012 says:\n\n> all shall be well\n\nI doubt it.", NULL},
    };
    static const struct sample no_reply[] = {
        {"He said it well:\n> citation without an author", NULL},
        {"> a citation first\n\nand my thoughts", NULL},
        {"This came at 10:30:\n> no such file", NULL},
    };
    static const struct sample forward[] = {
        {"FYI\n\nFrom: Juliet <j@example.org>\nSent: Monday, 2 April 2012 18:26\nTo: R\nSubject: "
         "S\n\nCome?",
         NULL},
        {"See below.\n\n> quoted\n> lines", NULL},
    };
    static const struct sample marked[] = {
        {"FYI\n\n---------- Forwarded message ---------\nFrom: Juliet <j@example.org>\nDate: Mon, "
         "2 Apr 2012 at 18:26\nSubject: S\nTo: R\n\nCome?",
         NULL},
        {"Begin forwarded message:\n\n> From: Juliet\n> Come?", NULL},
    };

    (void)state;
    check(samples, sizeof samples / sizeof *samples, true, false);
    check(no_reply, sizeof no_reply / sizeof *no_reply, false, false);
    check(forward, sizeof forward / sizeof *forward, true, true);
    check(marked, sizeof marked / sizeof *marked, true, false);
}

static void obeys_marks(void **state)
{
    static const struct sample samples[] = {
        {"Yes.\n\x1f"
         "Juliet, at some time:\x1e\n> Come?",
         "Yes."},
        {"Yes.\n\x1cOld words\nmore\x1e", "Yes."},
        {"Yes.\n\x1dRomeo\nVerona\x1e", "Yes."},
        {"Yes.\n\x19"
         "From J\x1e\nCome?",
         "Yes."},
    };
    struct arena *a = arena_new(1 << 16);

    (void)state;
    check(samples, sizeof samples / sizeof *samples, true, false);
    assert_string_equal(text_uncut(a, "a\x1c"
                                      "b\n\tc\x1e"),
                        "ab\n\tc");
    arena_free(a);
}

static void bears_any_length(void **state)
{
    struct text_hints hints = {.is_reply = true};
    struct arena *a = arena_new(1 << 26);
    size_t n = 2000000, i;
    char *text = arena_alloc(a, n + 1);
    bool cut;

    (void)state;
    for (i = 0; i < n; i++)
        text[i] = ">\n"[i % 2];
    assert_non_null(text_cut(a, text, &hints, &cut));
    for (i = 0; i < 36000; i++)
        text[i] = "a: 2012\n"[i % 8];
    text[36000] = '\0';
    assert_non_null(text_cut(a, text, &hints, &cut));
    memset(text, '\x1c', 50000);
    text[50000] = '\0';
    assert_string_equal(text_cut(a, text, &hints, &cut), "");
    arena_free(a);
}

static void knows_subjects(void **state)
{
    (void)state;
    assert_true(words_is_reply("Re: x"));
    assert_true(words_is_reply("AW: x"));
    assert_true(words_is_reply("Re[2]: x"));
    assert_true(words_is_reply("\xe5\x9b\x9e\xe5\xa4\x8d\xef\xbc\x9ax"));
    assert_false(words_is_reply("Reality"));
    assert_false(words_is_reply(NULL));
    assert_true(words_is_forward("Fwd: x"));
    assert_true(words_is_forward("TR : x"));
    assert_false(words_is_forward("Forward march"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_quotes_by_form), cmocka_unit_test(cuts_what_has_no_marks),
        cmocka_unit_test(cuts_signatures),     cmocka_unit_test(keeps_text),
        cmocka_unit_test(obeys_marks),         cmocka_unit_test(bears_any_length),
        cmocka_unit_test(knows_subjects),
    };

    return cmocka_run_group_tests_name("text_cut", tests, NULL, NULL);
}
