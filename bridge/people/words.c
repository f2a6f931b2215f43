/*
 * words: from a line of chat to a choice in the store, and an answer.
 *
 * Data: one struct talk per message, from the loop through the store's writer and back, at most
 * TALKS_MAX; and who got the help lately.  A crash loses an answer, or a word that was not answered
 * yet: its user says it again.
 */
#include "bridge/people/words.h"

#include "base/lately.h"
#include "base/log.h"
#include "bridge/people/attendance.h"
#include "bridge/people/choice_table.h"
#include "bridge/to_jabber/hold_rules.h"
#include "bridge/to_jabber/hold_say.h"
#include "bridge/to_jabber/release.h"
#include "bridge/to_jabber/screen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TALKS_MAX = 100,
    ARENA_MAX = 256 << 10,
    WORD_MAX = 400,   /* bytes of what can be a word, and an address after it */
    HELP_QUIET_S = 60 /* between two helps for what is no word */
};

struct words {
    struct gateway *gateway;
    struct talk *first;
    unsigned count;
    struct lately helped;
};

struct talk {
    struct store_work work;
    struct words *all;
    struct settings *settings;
    struct arena *arena;
    const char *to, *bare_jid, *thread, *lang;
    enum letter_type type;
    const struct word *word;      /* NULL: none of the table */
    const struct choice_row *row; /* a choice; NULL: none */
    bool chooses;                 /* value is to be kept, else it is only asked for */
    unsigned char value;
    const char *argument;   /* of word: as typed, then as it is kept; "" for none */
    struct choices choices; /* found in the store, then as they are after the word */
    const char **blocked, **allowed;
    size_t blocked_count, allowed_count;
    bool is_full;
    struct held_mail *held; /* HOLD_LIST_MAX of them, held_count filled */
    size_t held_count;
    int64_t held_total; /* what is held, or what is on its way now */
    struct talk *next;
};

/* ---- the words ---- */

struct word {
    const char *text;
    const char *argument; /* what stands for it in the help; NULL: nothing follows the word */
    enum text help;
    int (*run)(struct store_txn *txn, struct talk *t, struct err *e);
    void (*say)(const struct talk *t, struct buf *out);
};

static void say_help(const struct talk *t, struct buf *out);
static void say_settings(const struct talk *t, struct buf *out);
static void say_senders(const struct talk *t, struct buf *out);
static void say_sender(const struct talk *t, struct buf *out);
static int list_senders(struct store_txn *txn, struct talk *t, struct err *e);
static int keep_sender(struct store_txn *txn, struct talk *t, struct err *e);
static void say_held(const struct talk *t, struct buf *out);
static void say_going(const struct talk *t, struct buf *out);
static int list_held(struct store_txn *txn, struct talk *t, struct err *e);
static int send_next(struct store_txn *txn, struct talk *t, struct err *e);
static int send_all(struct store_txn *txn, struct talk *t, struct err *e);

static const struct word table[] = {
    {"help", NULL, TEXT_HELP_HELP, NULL, say_help},
    {"settings", NULL, TEXT_HELP_SETTINGS, NULL, say_settings},
    {"senders", NULL, TEXT_HELP_SENDERS, list_senders, say_senders},
    {"block", "romeo@example.net", TEXT_HELP_BLOCK, keep_sender, say_sender},
    {"allow", "romeo@example.net", TEXT_HELP_ALLOW, keep_sender, say_sender},
    {"forget", "romeo@example.net", TEXT_HELP_FORGET, keep_sender, say_sender},
    {"mail", NULL, TEXT_HELP_MAIL, list_held, say_held},
    {"next", NULL, TEXT_HELP_NEXT, send_next, say_going},
    {"all", NULL, TEXT_HELP_ALL, send_all, say_going},
    {"show", "romeo@example.net", TEXT_HELP_SHOW, send_all, say_going},
};

enum { WORDS = sizeof table / sizeof table[0] };

static const struct {
    const char *word;
    enum sender_verdict verdict;
    enum text said;
} verdicts[] = {
    {"block", SENDER_BLOCKED, TEXT_SENDERS_BLOCKS},
    {"allow", SENDER_ALLOWED, TEXT_SENDERS_ALLOWS},
    {"forget", SENDER_UNKNOWN, TEXT_SENDERS_FORGETS},
};

static size_t verdict_of(const struct talk *t)
{
    size_t i = 0;

    while (strcmp(verdicts[i].word, t->word->text) != 0)
        i++;
    return i;
}

static int keep_sender(struct store_txn *txn, struct talk *t, struct err *e)
{
    enum sender_verdict verdict = verdicts[verdict_of(t)].verdict;
    size_t count;

    if (!*t->argument)
        return 0;
    if (senders_count(txn, t->bare_jid, &count, e) < 0)
        return -1;
    t->is_full = verdict != SENDER_UNKNOWN && count >= SENDERS_MAX;
    return t->is_full ? 0 : senders_put(txn, t->bare_jid, t->argument, verdict, e);
}

static void say_sender(const struct talk *t, struct buf *out)
{
    char max[16];

    snprintf(max, sizeof max, "%d", SENDERS_MAX);
    if (t->is_full)
        texts_write(out, t->lang, TEXT_SENDERS_MANY, max, NULL);
    else
        texts_write(out, t->lang, verdicts[verdict_of(t)].said, t->argument, NULL);
}

static int list_senders(struct store_txn *txn, struct talk *t, struct err *e)
{
    if (senders_list(txn, t->arena, t->bare_jid, SENDER_BLOCKED, &t->blocked, &t->blocked_count,
                     e) < 0)
        return -1;
    return senders_list(txn, t->arena, t->bare_jid, SENDER_ALLOWED, &t->allowed, &t->allowed_count,
                        e);
}

static void add_list(const struct talk *t, struct buf *out, enum text title, const char **senders,
                     size_t count)
{
    size_t i;

    buf_printf(out, "%s:", texts_get(t->lang, title));
    if (count == 0)
        buf_printf(out, " %s", texts_get(t->lang, TEXT_SENDERS_NONE));
    for (i = 0; i < count; i++)
        buf_printf(out, "\n%s", senders[i]);
}

static void say_senders(const struct talk *t, struct buf *out)
{
    add_list(t, out, TEXT_SENDERS_BLOCKED, t->blocked, t->blocked_count);
    buf_adds(out, "\n");
    add_list(t, out, TEXT_SENDERS_ALLOWED, t->allowed, t->allowed_count);
}

/* ---- what is held ---- */

static int list_held(struct store_txn *txn, struct talk *t, struct err *e)
{
    t->held = arena_alloc(t->arena, HOLD_LIST_MAX * sizeof *t->held);
    if (!t->held)
        return err_memory(e);
    if (held_list(txn, t->arena, t->bare_jid, HELD_EVERY, false, HOLD_LIST_MAX, t->held,
                  &t->held_count, &t->held_total, e) < 0)
        return -1;
    return held_tell(txn, t->bare_jid, HELD_EVERY, e);
}

static void say_held(const struct talk *t, struct buf *out)
{
    hold_say_list(out, t->lang, t->held, t->held_count, t->held_total);
}

/* The first of it goes at once, what is more by and by. */
static int send_held(struct store_txn *txn, struct talk *t, int64_t max, struct err *e)
{
    int64_t now_s = gateway_now_s(t->all->gateway), gone;

    if (held_order(txn, t->bare_jid, HELD_EVERY, *t->argument ? t->argument : NULL, max,
                   &t->held_total, e) < 0)
        return -1;
    return held_let_go(txn, t->bare_jid, RELEASE_MAX, now_s, &gone, e);
}

static int send_next(struct store_txn *txn, struct talk *t, struct err *e)
{
    return send_held(txn, t, 1, e);
}

static int send_all(struct store_txn *txn, struct talk *t, struct err *e)
{
    return send_held(txn, t, INT64_MAX, e);
}

static void say_going(const struct talk *t, struct buf *out)
{
    char number[24];

    snprintf(number, sizeof number, "%" PRId64, t->held_total);
    texts_write(out, t->lang, t->held_total > 0 ? TEXT_HELD_GOES : TEXT_HELD_NONE, number, NULL);
}

/* ---- choices ---- */

static bool has_receipts(const struct talk *t)
{
    enum conf_receipts conf = t->settings->conf->receipts;
    unsigned char chosen = t->choices.of[CHOICE_RECEIPTS];

    return conf != CONF_RECEIPTS_NEVER &&
           (chosen == CHOICE_YES || (chosen == CHOICE_NONE && conf == CONF_RECEIPTS_ALWAYS));
}

/* What the administrators have decided counts, too. */
static void say_receipts(const struct talk *t, struct buf *out)
{
    enum text text = has_receipts(t)                                      ? TEXT_RECEIPTS_ON
                     : t->settings->conf->receipts == CONF_RECEIPTS_NEVER ? TEXT_RECEIPTS_NEVER
                                                                          : TEXT_RECEIPTS_OFF;

    texts_write(out, t->lang, text, NULL, NULL);
}

static void say_choice(const struct talk *t, const struct choice_row *row, struct buf *out)
{
    const char *now =
        choice_label_of(t->arena, row, t->choices.of[row->what], t->settings->conf, t->lang);

    texts_write(out, t->lang, TEXT_NOW, texts_get(t->lang, row->label), now ? now : "");
}

static void say_settings(const struct talk *t, struct buf *out)
{
    size_t i;

    for (i = 0; i < choice_table_count; i++) {
        if (i > 0)
            buf_addc(out, '\n');
        say_choice(t, &choice_table[i], out);
    }
}

/* "subject always | new | never - The subject stands above the text" */
static void help_on_choice(const struct talk *t, const struct choice_row *row, struct buf *out)
{
    size_t i;

    buf_printf(out, "\n%s", row->word);
    for (i = 0; i < row->value_count && !row->help; i++)
        buf_printf(out, "%s%s", i == 0 ? " " : " | ", row->values[i].word);
    if (row->help)
        buf_printf(out, " %s", row->help);
    buf_printf(out, " - %s", texts_get(t->lang, row->label));
}

/* An empty line stands between what belongs together. */
static void say_help(const struct talk *t, struct buf *out)
{
    const char *gw = address_map_gateway(t->settings->map);
    size_t i;

    if (!t->word && !t->row)
        buf_printf(out, "%s ", texts_get(t->lang, TEXT_HELP_UNKNOWN));
    texts_write(out, t->lang, TEXT_HELP_INTRO, gw, NULL);
    for (i = 0; i < WORDS; i++) {
        if (table[i].run == list_senders || table[i].run == list_held)
            buf_addc(out, '\n');
        buf_printf(out, "\n%s%s%s - %s", table[i].text, table[i].argument ? " " : "",
                   table[i].argument ? table[i].argument : "", texts_get(t->lang, table[i].help));
    }
    for (i = 0; i < choice_table_count; i++) {
        if (i == 0 || choice_table[i].what == CHOICE_WHEN_CHAT)
            buf_addc(out, '\n');
        help_on_choice(t, &choice_table[i], out);
    }
}

/* In small letters, with single spaces, without the marks round a sentence.  false: too long for
 * a word. */
static bool normalise(const char *text, char *out)
{
    size_t n = 0;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (n + 1 >= WORD_MAX)
            return false;
        if (c == ' ' || c == '\t' || c == '\n') {
            if (n > 0 && out[n - 1] != ' ')
                out[n++] = ' ';
        } else if (n > 0 || c != '"') {
            out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
        }
    }
    while (n > 0 && strchr(" .!?\"", out[n - 1]))
        n--;
    out[n] = '\0';
    return true;
}

/* What follows the word in a line; "": nothing does; NULL: the line begins with something else. */
static const char *behind(const char *line, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(line, word, n) != 0 || (line[n] && line[n] != ' '))
        return NULL;
    return line[n] ? line + n + 1 : line + n;
}

static void find_choice(struct talk *t, const char *line)
{
    const char *value;
    size_t i;

    for (i = 0; i < choice_table_count; i++) {
        value = behind(line, choice_table[i].word);
        if (!value || (*value && choice_value_of(&choice_table[i], value, &t->value) < 0))
            continue;
        t->row = &choice_table[i];
        t->chooses = *value != '\0';
        return;
    }
}

static void find_word(struct talk *t, const char *text)
{
    const char *argument = NULL;
    char line[WORD_MAX];
    struct err ignored;
    size_t i;

    if (!normalise(text, line))
        return;
    for (i = 0; i < WORDS; i++) {
        argument = behind(line, table[i].text);
        if (argument && (*argument != '\0') == (table[i].argument != NULL))
            break;
    }
    if (i == WORDS) {
        find_choice(t, line);
        return;
    }
    t->argument = *argument ? screen_sender(t->arena, argument, &ignored) : "";
    if (t->argument) /* else what follows the word is no sender */
        t->word = &table[i];
}

/* ---- a talk ---- */

static void talk_free(struct talk *t)
{
    struct talk **place = &t->all->first;

    while (*place != t)
        place = &(*place)->next;
    *place = t->next;
    t->all->count--;
    settings_drop(t->settings);
    arena_free(t->arena);
    free(t);
}

static const struct xml_node *answer_stanza(const struct talk *t, const char *text)
{
    struct arena *a = t->arena;
    struct xml_node *m = xml_new(a, STREAM_NS, "message");
    char id[ID_TEXT_SIZE];

    m = xml_set(a, m, "from", address_map_gateway(t->settings->map));
    m = xml_set(a, m, "to", t->to);
    m = xml_set(a, m, "type", t->type == LETTER_CHAT ? "chat" : "normal");
    m = xml_set(a, m, "id", id_format(id_next(&t->all->gateway->ids), id));
    if (!xml_add_with_text(a, m, STREAM_NS, "body", text))
        return NULL;
    if (t->thread && !xml_add_with_text(a, m, STREAM_NS, "thread", t->thread))
        return NULL;
    return m;
}

static void answer(const struct talk *t, const char *text)
{
    const struct xml_node *stanza = text ? answer_stanza(t, text) : NULL;

    if (!stanza || window_answer(t->all->gateway->window, stanza) < 0)
        log_debug("words", "event=answer-dropped");
}

static bool is_on_holding(const struct talk *t)
{
    return t->chooses && choice_is_on_holding(t->row);
}

static bool has_language(const struct talk *t)
{
    return t->chooses && choice_has_language(t->row);
}

static int talk_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct talk *t = (struct talk *)work;

    if (t->word && t->word->run && t->word->run(txn, t, e) < 0)
        return -1;
    if (t->chooses && choices_put(txn, t->bare_jid, t->row->what, t->value, e) < 0)
        return -1;
    if (has_language(t) &&
        choices_put(txn, t->bare_jid, CHOICE_LANGUAGE, texts_number(t->lang), e) < 0)
        return -1;
    return choices_get(txn, t->bare_jid, &t->choices, e);
}

static void say(const struct talk *t, struct buf *out)
{
    if (t->word)
        t->word->say(t, out);
    else if (t->row && t->row->what == CHOICE_RECEIPTS)
        say_receipts(t, out);
    else if (t->row)
        say_choice(t, t->row, out);
    else
        say_help(t, out);
}

/* What was said is on disk, and has its effects. */
static void follow(const struct talk *t, struct buf *out)
{
    struct gateway *g = t->all->gateway;

    if (t->word && t->word->say == say_going && t->held_total > 0) {
        release_wake(g->release);
        courier_rescan(g->mail_in);
    }
    if (!is_on_holding(t))
        return;
    attendance_stir(g->attendance, t->bare_jid);
    if (hold_has_choice(&t->choices) && attendance_of(g->attendance, t->bare_jid) == SHOW_UNKNOWN) {
        buf_addc(out, '\n');
        texts_write(out, t->lang, TEXT_HELD_UNSEEN, address_map_gateway(t->settings->map), NULL);
    }
}

static void talk_done(struct store_work *work, const struct err *e)
{
    struct talk *t = (struct talk *)work;
    struct buf text;

    buf_init(&text, ARENA_MAX / 2);
    if (e) {
        log_error("words", "event=not-stored class=%s error=\"%s\"", err_class_name(e->class),
                  e->text);
        texts_write(&text, t->lang, TEXT_NOT_STORED, NULL, NULL);
    } else {
        if (t->word || t->row)
            log_info("words", "event=said from=%s word=\"%s\"", t->bare_jid,
                     t->word ? t->word->text : t->row->word);
        else
            log_info("words", "event=not-understood from=%s", t->bare_jid);
        say(t, &text);
        follow(t, &text);
    }
    answer(t, buf_failed(&text) ? NULL : text.data);
    buf_clear(&text);
    talk_free(t);
}

/* Of the body, or of the message. */
static const char *lang_of(const struct xml_node *stanza)
{
    const struct xml_node *body = xml_child(stanza, STREAM_NS, "body");

    return xml_lang(body ? body : stanza);
}

static struct talk *talk_new(struct words *w, const struct letter *letter,
                             const struct xml_node *stanza, const char *bare_jid)
{
    struct talk *t = calloc(1, sizeof *t);
    const char *lang = lang_of(stanza);

    if (!t)
        return NULL;
    t->all = w;
    t->next = w->first;
    w->first = t;
    w->count++;
    t->settings = settings_hold(w->gateway->settings);
    t->type = letter->type;
    t->arena = arena_new(ARENA_MAX);
    if (!t->arena)
        goto fail;
    find_word(t, letter->text);
    t->to = arena_strdup(t->arena, xml_get(stanza, "from"));
    t->bare_jid = arena_strdup(t->arena, bare_jid);
    t->thread = arena_strdup(t->arena, letter->thread);
    t->lang = arena_strdup(t->arena, lang);
    if (t->to && t->bare_jid && (t->thread || !letter->thread) && (t->lang || !lang))
        return t;
fail:
    talk_free(t);
    return NULL;
}

void words_arrived(struct words *w, const struct letter *letter, const struct xml_node *stanza,
                   const char *bare_jid)
{
    struct talk *t = w->count < TALKS_MAX ? talk_new(w, letter, stanza, bare_jid) : NULL;

    if (!t) {
        log_warning("words", "event=dropped from=%s reason=\"too busy\"", bare_jid);
        return;
    }
    if (!t->word && !t->row &&
        lately_seen(&w->helped, bare_jid, gateway_now_s(w->gateway), HELP_QUIET_S)) {
        log_debug("words", "event=ignored from=%s", bare_jid);
        talk_free(t);
        return;
    }
    if (t->word ? t->word->run == keep_sender : t->chooses && t->row->what == CHOICE_STRANGERS)
        screen_add(w->gateway->screen, bare_jid);
    if (is_on_holding(t) && t->row->what != CHOICE_LIST_AT && t->value > CHOICE_DELIVER &&
        !attendance_want(w->gateway->attendance, bare_jid)) {
        answer(t, texts_get(t->lang, TEXT_BUSY));
        talk_free(t);
        return;
    }
    t->work.run = talk_run;
    t->work.done = talk_done;
    if (store_submit(w->gateway->store, &t->work) < 0) {
        answer(t, texts_get(t->lang, TEXT_BUSY));
        talk_free(t);
    }
}

struct words *words_new(struct gateway *g)
{
    struct words *w = calloc(1, sizeof *w);

    if (w)
        w->gateway = g;
    return w;
}

void words_free(struct words *w)
{
    if (!w)
        return;
    while (w->first)
        talk_free(w->first);
    free(w);
}
