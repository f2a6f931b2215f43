/*
 * choice_table: what users can choose.  No data but the table; any thread.
 */
#include "bridge/people/choice_table.h"

#include <string.h>

#define ON_OFF {{CHOICE_YES, "on", TEXT_VALUE_YES}, {CHOICE_NO, "off", TEXT_VALUE_NO}}, 2
/* The words stand in the manual, too. */
const struct choice_row choice_table[] = {
    {"receipts", CHOICE_RECEIPTS, TEXT_CHOICE_RECEIPTS, ON_OFF},
    {"type",
     CHOICE_TYPE,
     TEXT_CHOICE_TYPE,
     {{CHOICE_TYPE_CHAT, "chat", TEXT_VALUE_CHAT},
      {CHOICE_TYPE_NORMAL, "normal", TEXT_VALUE_NORMAL}},
     2},
    {"subject",
     CHOICE_SUBJECT,
     TEXT_CHOICE_SUBJECT,
     {{CHOICE_ALWAYS, "always", TEXT_VALUE_ALWAYS},
      {CHOICE_NEW, "new", TEXT_VALUE_NEW},
      {CHOICE_NEVER, "never", TEXT_VALUE_NEVER}},
     3},
    {"quotes", CHOICE_QUOTES, TEXT_CHOICE_QUOTES, ON_OFF},
    {"strangers", CHOICE_STRANGERS, TEXT_CHOICE_STRANGERS, ON_OFF},
};

const size_t choice_table_count = sizeof choice_table / sizeof choice_table[0];

int choice_value_of(const struct choice_row *row, const char *word, unsigned char *out)
{
    size_t i;

    *out = CHOICE_NONE;
    if (strcmp(word, "default") == 0)
        return 0;
    for (i = 0; i < row->value_count; i++)
        if (strcmp(row->values[i].word, word) == 0) {
            *out = row->values[i].value;
            return 0;
        }
    return -1;
}

/* NULL: not chosen, or by a version that knows more. */
static const struct choice_value *find_value(const struct choice_row *row, unsigned char value)
{
    size_t i;

    for (i = 0; i < row->value_count; i++)
        if (row->values[i].value == value)
            return &row->values[i];
    return NULL;
}

const char *choice_word_of(const struct choice_row *row, unsigned char value)
{
    const struct choice_value *v = find_value(row, value);

    return v ? v->word : "default";
}

const char *choice_label_of(const struct choice_row *row, unsigned char value, const char *lang)
{
    const struct choice_value *v = find_value(row, value);

    return texts_get(lang, v ? v->label : TEXT_VALUE_DEFAULT);
}

void choice_apply(const struct choices *choices, struct context *ctx, struct letter *letter)
{
    unsigned char type = choices->of[CHOICE_TYPE], subject = choices->of[CHOICE_SUBJECT];

    if (type != CHOICE_NONE)
        letter->type = type == CHOICE_TYPE_CHAT ? LETTER_CHAT : LETTER_NORMAL;
    if (subject == CHOICE_NEVER)
        ctx->lead_with_subject = false;
    if (subject == CHOICE_ALWAYS)
        ctx->always_subject = true;
    if (choices->of[CHOICE_QUOTES] == CHOICE_YES && letter->uncut)
        letter->text = letter->uncut;
}
