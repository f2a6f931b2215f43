/* The texts: no language misses one, and each has the places that the English one has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"
#include "bridge/people/choice_table.h"
#include "bridge/people/texts_inside.h"

static unsigned count(const char *text, const char *place)
{
    unsigned n = 0;

    for (; (text = strstr(text, place)) != NULL; text += strlen(place))
        n++;
    return n;
}

static void no_language_misses_a_text(void **state)
{
    static const char *const langs[] = {"en", "de", "zh"};
    size_t i, l;

    (void)state;
    for (l = 0; l < sizeof langs / sizeof langs[0]; l++)
        for (i = 0; i < TEXT_COUNT; i++) {
            const char *text = texts_get(langs[l], (enum text)i);

            if (!text || !*text)
                fail_msg("%s lacks the text %zu (%s)", langs[l], i, texts_en[i]);
            assert_true(utf8_is_valid(text, strlen(text)));
            if (count(text, "%1") != count(texts_en[i], "%1") ||
                count(text, "%2") != count(texts_en[i], "%2") ||
                count(text, "%") != count(text, "%1") + count(text, "%2"))
                fail_msg("%s has other places than English: %s", langs[l], text);
        }
}

static void a_language_is_found_by_its_first_part(void **state)
{
    static const struct {
        const char *lang, *yes;
    } rows[] = {{NULL, "yes"},     {"", "yes"},     {"en", "yes"},  {"de", "ja"}, {"DE-at", "ja"},
                {"zh-Hant", "是"}, {"zh_CN", "是"}, {"den", "yes"}, {"d", "yes"}, {"fr", "yes"}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(texts_get(rows[i].lang, TEXT_VALUE_YES), rows[i].yes);
}

static void values_stand_in_their_places(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    texts_write(&out, NULL, TEXT_NOW, "50 %1 %2", "b%");
    assert_string_equal(out.data, "50 %1 %2: b%.");
    buf_reset(&out);
    texts_write(&out, NULL, TEXT_NOW, NULL, NULL);
    assert_string_equal(out.data, ": .");
    buf_clear(&out);
}

/* What is chosen by a word is shown by it, and no two rows share a word or a number. */
static void choices_are_named_once(void **state)
{
    unsigned char value;
    size_t i, k;

    (void)state;
    for (i = 0; i < choice_table_count; i++) {
        const struct choice_row *row = &choice_table[i];

        for (k = 0; k < i; k++) {
            assert_string_not_equal(row->word, choice_table[k].word);
            assert_int_not_equal(row->what, choice_table[k].what);
        }
        for (k = 0; k < row->value_count; k++) {
            assert_int_equal(choice_value_of(row, row->values[k].word, &value), 0);
            assert_int_equal(value, row->values[k].value);
            assert_int_not_equal(value, CHOICE_NONE);
            assert_string_equal(choice_word_of(row, value), row->values[k].word);
        }
        assert_int_equal(choice_value_of(row, "default", &value), 0);
        assert_int_equal(value, CHOICE_NONE);
        assert_string_equal(choice_word_of(row, CHOICE_NONE), "default");
        assert_string_equal(choice_word_of(row, 200), "default"); /* of a later version */
        assert_int_equal(choice_value_of(row, "perhaps", &value), -1);
    }
}

/* The row of a word, as it is said to who has not chosen. */
static void assert_usual(const char *word, enum conf_receipts receipts, const char *lang,
                         const char *want)
{
    struct arena *a = arena_new(10000);
    const struct conf conf = {.receipts = receipts};
    size_t i = 0;

    while (strcmp(choice_table[i].word, word) != 0)
        i++;
    assert_string_equal(choice_label_of(a, &choice_table[i], CHOICE_NONE, &conf, lang), want);
    arena_free(a);
}

static void what_is_usual_is_said(void **state)
{
    (void)state;
    assert_usual("receipts", CONF_RECEIPTS_ALWAYS, "en", "as usual here (yes)");
    assert_usual("receipts", CONF_RECEIPTS_NEVER, "en", "as usual here (no)");
    assert_usual("receipts", CONF_RECEIPTS_ASK, "en",
                 "as usual here (not unless you say yes when you are asked)");
    assert_usual("receipts", CONF_RECEIPTS_NEVER, "de", "wie hier üblich (nein)");
    assert_usual("receipts", CONF_RECEIPTS_NEVER, "zh", "默认（否）");
    assert_usual("subject", CONF_RECEIPTS_ASK, "en", "as usual here (when a conversation begins)");
    assert_usual("quotes", CONF_RECEIPTS_ASK, "en", "as usual here (no)");
    assert_usual("suggest", CONF_RECEIPTS_ASK, "en", "as usual here (no)");
    assert_usual("strangers", CONF_RECEIPTS_ASK, "en", "as usual here (yes)");
    assert_usual("jabberid", CONF_RECEIPTS_ASK, "en", "as usual here (yes)");
    assert_usual("when dnd", CONF_RECEIPTS_ASK, "en", "as usual here (brought to you)");
    assert_usual("digest", CONF_RECEIPTS_ASK, "de", "wie hier üblich (wenn du wieder da bist)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_language_misses_a_text),
        cmocka_unit_test(a_language_is_found_by_its_first_part),
        cmocka_unit_test(values_stand_in_their_places),
        cmocka_unit_test(choices_are_named_once),
        cmocka_unit_test(what_is_usual_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
