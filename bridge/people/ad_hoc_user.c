/*
 * ad_hoc_user: the commands that all users have: their settings, and whose mail they want.
 *
 * No data but that of a step.  A field that is missing leaves things as they are.
 */
#include "bridge/people/ad_hoc_inside.h"

#include "bridge/people/attendance.h"
#include "bridge/to_jabber/hold_rules.h"
#include "bridge/to_jabber/screen.h"

#include <stdio.h>
#include <string.h>

/* ---- settings ---- */

struct chosen {
    struct choices now;
    bool is_given[CHOICE_COUNT];
    bool has_language; /* something of it speaks to them later */
};

static int read_choices(struct ad_hoc_step *s)
{
    struct chosen *c = arena_alloc(s->arena, sizeof *c);
    size_t i;

    s->data = c;
    if (!c)
        return -1;
    for (i = 0; s->call->form && i < choice_table_count; i++) {
        const struct choice_row *row = &choice_table[i];
        const struct xml_node *field = form_find(s->call->form, row->word);
        const char *word = field ? form_value(s->arena, field) : NULL;

        if (!field)
            continue;
        if (!word)
            return ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, row->label), "");
        if (choice_value_of(row, word, &c->now.of[row->what]) < 0)
            return ad_hoc_wrong(s, TEXT_WRONG_VALUE, ad_hoc_text(s, row->label), word);
        c->is_given[row->what] = true;
        c->has_language = c->has_language || choice_has_language(row);
    }
    if (c->has_language) {
        c->now.of[CHOICE_LANGUAGE] = texts_number(s->call->lang);
        c->is_given[CHOICE_LANGUAGE] = true;
    }
    if (hold_has_choice(&c->now) && !attendance_want(s->gateway->attendance, s->call->bare))
        return -1;
    if (c->is_given[CHOICE_STRANGERS])
        screen_add(s->gateway->screen, s->call->bare);
    return 0;
}

static int run_choices(struct store_txn *txn, struct ad_hoc_step *s, struct err *e)
{
    struct chosen *c = s->data;
    unsigned what;

    if (!s->call->form)
        return choices_get(txn, s->call->bare, &c->now, e);
    for (what = 1; what < CHOICE_COUNT; what++)
        if (c->is_given[what] &&
            choices_put(txn, s->call->bare, (enum choice_what)what, c->now.of[what], e) < 0)
            return -1;
    return 0;
}

static struct xml_node *add_choice(struct ad_hoc_step *s, struct xml_node *form,
                                   const struct choice_row *row, unsigned char now)
{
    const struct conf *conf = s->settings->conf;
    const char *lang = s->call->lang;
    struct xml_node *field = form_field(s->arena, form, "list-single", row->word,
                                        texts_get(lang, row->label), choice_word_of(row, now));
    size_t i;

    field = form_option(s->arena, field, choice_label_of(s->arena, row, CHOICE_NONE, conf, lang),
                        "default");
    for (i = 0; i < row->value_count; i++)
        field = form_option(s->arena, field,
                            choice_label_of(s->arena, row, row->values[i].value, conf, lang),
                            row->values[i].word);
    return field;
}

/* What was chosen needs that the gateway sees whether they are there. */
static const char *choices_kept(struct ad_hoc_step *s)
{
    const struct chosen *c = s->data;
    const char *kept = ad_hoc_text(s, TEXT_CHOICES_KEPT), *both = NULL;

    if (hold_has_choice(&c->now) &&
        attendance_of(s->gateway->attendance, s->call->bare) == SHOW_UNKNOWN)
        both = arena_printf(
            s->arena, "%s %s", kept,
            ad_hoc_make(s, TEXT_HELD_UNSEEN, address_map_gateway(s->settings->map), NULL));
    return both ? both : kept;
}

static int say_choices(struct ad_hoc_step *s)
{
    const struct chosen *c = s->data;
    struct xml_node *form;
    size_t i;

    if (s->call->form) {
        attendance_stir(s->gateway->attendance, s->call->bare);
        return ad_hoc_note(s, "info", choices_kept(s));
    }
    form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_CHOICES_NAME),
                    ad_hoc_text(s, TEXT_CHOICES_INTRO));
    for (i = 0; i < choice_table_count; i++)
        if (!add_choice(s, form, &choice_table[i], c->now.of[choice_table[i].what]))
            return -1;
    return ad_hoc_form(s, form, 1, COMMANDS_COMPLETE);
}

const struct ad_hoc_row ad_hoc_choices = {
    .node = COMMANDS_NODE "settings",
    .name = TEXT_CHOICES_NAME,
    .read = read_choices,
    .run = run_choices,
    .say = say_choices,
};

/* ---- senders ---- */

static const struct list_row {
    const char *var;
    enum text label;
    enum sender_verdict verdict;
} lists[] = {
    {"blocked", TEXT_SENDERS_BLOCKED, SENDER_BLOCKED},
    {"allowed", TEXT_SENDERS_ALLOWED, SENDER_ALLOWED},
};

enum { LISTS = sizeof lists / sizeof lists[0] };

struct sender_lists {
    struct {
        const char **senders; /* NULL: not in the form */
        size_t count;
    } of[LISTS];
};

/* "", which clients send for an empty list, is no sender. */
static int read_list(struct ad_hoc_step *s, const struct list_row *row, const char ***out,
                     size_t *count_out)
{
    const struct xml_node *field = form_find(s->call->form, row->var);
    const char **lines = form_values(s->arena, field, count_out);
    struct err e = {ERR_NONE, ""};
    const char *sender;
    size_t i, n = 0;

    if (!lines)
        return -1;
    for (i = 0; i < *count_out; i++) {
        if (!*lines[i])
            continue;
        sender = screen_sender(s->arena, lines[i], &e);
        if (!sender)
            return e.class == ERR_RETRY ? -1 : ad_hoc_wrong(s, TEXT_SENDERS_WRONG, lines[i], NULL);
        lines[n++] = sender;
    }
    *out = field ? lines : NULL;
    *count_out = n;
    return 0;
}

static int read_senders(struct ad_hoc_step *s)
{
    struct sender_lists *l = arena_alloc(s->arena, sizeof *l);
    size_t i, sum = 0;
    char max[16];

    s->data = l;
    if (!l)
        return -1;
    for (i = 0; s->call->form && i < LISTS && !s->answer.wrong; i++) {
        if (read_list(s, &lists[i], &l->of[i].senders, &l->of[i].count) < 0)
            return -1;
        sum += l->of[i].count;
    }
    snprintf(max, sizeof max, "%d", SENDERS_MAX);
    if (sum > SENDERS_MAX)
        return ad_hoc_wrong(s, TEXT_SENDERS_MANY, max, NULL);
    if (s->call->form)
        screen_add(s->gateway->screen, s->call->bare);
    return 0;
}

static int run_senders(struct store_txn *txn, struct ad_hoc_step *s, struct err *e)
{
    struct sender_lists *l = s->data;
    const char *bare = s->call->bare;
    size_t i, k;

    for (i = 0; i < LISTS; i++) {
        enum sender_verdict verdict = lists[i].verdict;

        if (!s->call->form) {
            if (senders_list(txn, s->arena, bare, verdict, &l->of[i].senders, &l->of[i].count, e) <
                0)
                return -1;
            continue;
        }
        if (l->of[i].senders && senders_clear(txn, bare, verdict, e) < 0)
            return -1;
        for (k = 0; k < l->of[i].count; k++)
            if (senders_put(txn, bare, l->of[i].senders[k], verdict, e) < 0)
                return -1;
    }
    return 0;
}

static int say_senders(struct ad_hoc_step *s)
{
    const struct sender_lists *l = s->data;
    struct xml_node *form, *field;
    size_t i, k;

    if (s->call->form)
        return ad_hoc_note(s, "info", ad_hoc_text(s, TEXT_SENDERS_KEPT));
    form = form_new(s->arena, "form", ad_hoc_text(s, TEXT_SENDERS_NAME),
                    ad_hoc_text(s, TEXT_SENDERS_INTRO));
    for (i = 0; i < LISTS; i++) {
        field = form_field(s->arena, form, "text-multi", lists[i].var,
                           ad_hoc_text(s, lists[i].label), NULL);
        for (k = 0; k < l->of[i].count; k++)
            field = form_add_value(s->arena, field, l->of[i].senders[k]);
        if (!field)
            return -1;
    }
    return ad_hoc_form(s, form, 1, COMMANDS_COMPLETE);
}

const struct ad_hoc_row ad_hoc_senders = {
    .node = COMMANDS_NODE "senders",
    .name = TEXT_SENDERS_NAME,
    .read = read_senders,
    .run = run_senders,
    .say = say_senders,
};
