/*
 * choice_table: what users can choose.  No data but the table; any thread.
 */
#include "bridge/people/choice_table.h"

#include <string.h>

#define ON_OFF {{CHOICE_YES, "on", TEXT_VALUE_YES}, {CHOICE_NO, "off", TEXT_VALUE_NO}}, 2
#define WHEN                                                                                       \
    {{CHOICE_DELIVER, "deliver", TEXT_VALUE_DELIVER},                                              \
     {CHOICE_NOTIFY, "notify", TEXT_VALUE_NOTIFY},                                                 \
     {CHOICE_DIGEST, "digest", TEXT_VALUE_DIGEST},                                                 \
     {CHOICE_HOLD, "hold", TEXT_VALUE_HOLD}},                                                      \
        4
/* The words stand in the manual, too. */
const struct choice_row choice_table[] = {
    {"receipts", CHOICE_RECEIPTS, TEXT_CHOICE_RECEIPTS, ON_OFF, NULL},
    {"type",
     CHOICE_TYPE,
     TEXT_CHOICE_TYPE,
     {{CHOICE_TYPE_CHAT, "chat", TEXT_VALUE_CHAT},
      {CHOICE_TYPE_NORMAL, "normal", TEXT_VALUE_NORMAL}},
     2,
     NULL},
    {"subject",
     CHOICE_SUBJECT,
     TEXT_CHOICE_SUBJECT,
     {{CHOICE_ALWAYS, "always", TEXT_VALUE_ALWAYS},
      {CHOICE_NEW, "new", TEXT_VALUE_NEW},
      {CHOICE_NEVER, "never", TEXT_VALUE_NEVER}},
     3,
     NULL},
    {"quotes", CHOICE_QUOTES, TEXT_CHOICE_QUOTES, ON_OFF, NULL},
    {"strangers", CHOICE_STRANGERS, TEXT_CHOICE_STRANGERS, ON_OFF, NULL},
    {"suggest", CHOICE_SUGGEST, TEXT_CHOICE_SUGGEST, ON_OFF, NULL},
    {"jabberid", CHOICE_JABBERID, TEXT_CHOICE_JABBERID, ON_OFF, NULL},
    {"when chat", CHOICE_WHEN_CHAT, TEXT_CHOICE_WHEN_CHAT, WHEN, NULL},
    {"when online", CHOICE_WHEN_ONLINE, TEXT_CHOICE_WHEN_ONLINE, WHEN, NULL},
    {"when away", CHOICE_WHEN_AWAY, TEXT_CHOICE_WHEN_AWAY, WHEN, NULL},
    {"when xa", CHOICE_WHEN_XA, TEXT_CHOICE_WHEN_XA, WHEN, NULL},
    {"when dnd", CHOICE_WHEN_DND, TEXT_CHOICE_WHEN_DND, WHEN, NULL},
    {"when offline", CHOICE_WHEN_OFFLINE, TEXT_CHOICE_WHEN_OFFLINE, WHEN, NULL},
    {"digest",
     CHOICE_LIST_AT,
     TEXT_CHOICE_DIGEST,
     {
         {CHOICE_LIST_BACK, "back", TEXT_VALUE_BACK},
         {CHOICE_LIST_HOURS + 1, "1h", TEXT_COUNT},
         {CHOICE_LIST_HOURS + 3, "3h", TEXT_COUNT},
         {CHOICE_LIST_HOURS + 6, "6h", TEXT_COUNT},
         {CHOICE_LIST_HOURS + 12, "12h", TEXT_COUNT},
         {CHOICE_LIST_HOURS + 24, "24h", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 0, "00:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 1, "01:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 2, "02:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 3, "03:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 4, "04:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 5, "05:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 6, "06:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 7, "07:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 8, "08:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 9, "09:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 10, "10:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 11, "11:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 12, "12:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 13, "13:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 14, "14:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 15, "15:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 16, "16:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 17, "17:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 18, "18:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 19, "19:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 20, "20:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 21, "21:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 22, "22:00", TEXT_COUNT},
         {CHOICE_LIST_CLOCK + 23, "23:00", TEXT_COUNT},
     },
     30,
     "back | 1h | 3h | 6h | 12h | 24h | 00:00 ... 23:00"},
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

/* What those do who act on a choice that was not made. */
static enum text usual(const struct choice_row *row, const struct conf *conf)
{
    switch (row->what) {
    case CHOICE_RECEIPTS:
        return conf->receipts == CONF_RECEIPTS_ALWAYS  ? TEXT_VALUE_YES
               : conf->receipts == CONF_RECEIPTS_NEVER ? TEXT_VALUE_NO
                                                       : TEXT_VALUE_ASKED;
    case CHOICE_TYPE:
        return TEXT_VALUE_LIKE_CHAT;
    case CHOICE_SUBJECT:
        return TEXT_VALUE_NEW;
    case CHOICE_STRANGERS:
    case CHOICE_JABBERID:
        return TEXT_VALUE_YES;
    case CHOICE_LIST_AT:
        return TEXT_VALUE_BACK;
    default:
        return choice_is_on_holding(row) ? TEXT_VALUE_DELIVER : TEXT_VALUE_NO;
    }
}

const char *choice_label_of(struct arena *a, const struct choice_row *row, unsigned char value,
                            const struct conf *conf, const char *lang)
{
    const struct choice_value *v = find_value(row, value);

    if (!v)
        return texts_make(a, lang, TEXT_VALUE_DEFAULT, texts_get(lang, usual(row, conf)), NULL);
    return v->label == TEXT_COUNT ? v->word : texts_get(lang, v->label);
}

bool choice_has_language(const struct choice_row *row)
{
    return row->what == CHOICE_SUGGEST || choice_is_on_holding(row);
}

bool choice_is_on_holding(const struct choice_row *row)
{
    return row->what >= CHOICE_WHEN_CHAT && row->what <= CHOICE_LIST_AT;
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
