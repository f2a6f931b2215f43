/*
 * choice_table: what users can choose, for the words they say and the form they fill in.
 *
 * A new choice is a row in choice_table.c, its number in store/choices.h, and the place that acts
 * on it.  Read only; any thread.
 */
#ifndef BRIDGE_PEOPLE_CHOICE_TABLE_H
#define BRIDGE_PEOPLE_CHOICE_TABLE_H

#include "bridge/settings.h"
#include "bridge/people/texts.h"
#include "mapping/letter.h"
#include "store/choices.h"

enum { CHOICE_VALUES_MAX = 30 };

struct choice_value {
    unsigned char value;
    const char *word;
    enum text label; /* TEXT_COUNT: the word says it in all languages */
};

struct choice_row {
    const char *word; /* "receipts": said alone it asks, with the word of a value it chooses */
    enum choice_what what;
    enum text label;
    struct choice_value values[CHOICE_VALUES_MAX];
    size_t value_count;
    const char *help; /* the values in short; NULL: as they are */
};

extern const struct choice_row choice_table[];
extern const size_t choice_table_count;

/* "default" is CHOICE_NONE for every choice.  -1: it has no such value. */
int choice_value_of(const struct choice_row *row, const char *word, unsigned char *out);
/* The word for a value. */
const char *choice_word_of(const struct choice_row *row, unsigned char value);
/* What is said for a value; for one that was not chosen: what is usual here, by this configuration.
 * NULL: the arena is exhausted. */
const char *choice_label_of(struct arena *a, const struct choice_row *row, unsigned char value,
                            const struct conf *conf, const char *lang);

/* Does what follows from it speak to the user, some time later? */
bool choice_has_language(const struct choice_row *row);
/* Does it say what is held, and when? */
bool choice_is_on_holding(const struct choice_row *row);

/* A mail as this user wants it: changes ctx and letter. */
void choice_apply(const struct choices *choices, struct context *ctx, struct letter *letter);

#endif
