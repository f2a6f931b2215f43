/*
 * words: from a line of chat to a choice in the store, and an answer.
 *
 * Data: one struct talk per message, from the loop through the store's writer and back, at most
 * TALKS_MAX; and who got the help lately.  A crash loses an answer, or a word that was not answered
 * yet: its user says it again.
 */
#include "bridge/words.h"

#include "base/lately.h"
#include "base/log.h"
#include "store/choices.h"

#include <stdlib.h>
#include <string.h>

enum {
    TALKS_MAX = 100,
    ARENA_MAX = 64 << 10,
    WORD_MAX = 80,    /* bytes of what can be a word */
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
    const char *to, *bare_jid, *thread;
    enum letter_type type;
    const struct word *word;
    struct choices choices; /* found in the store, then as they are after the word */
    struct talk *next;
};

/* ---- the words ---- */

struct word {
    const char *text;
    const char *help;
    void (*choose)(struct choices *choices); /* NULL: it changes nothing */
    void (*say)(const struct talk *t, struct buf *out);
};

static void allow_receipts(struct choices *c)
{
    c->receipts = CHOICE_YES;
}

static void refuse_receipts(struct choices *c)
{
    c->receipts = CHOICE_NO;
}

static bool has_receipts(const struct talk *t)
{
    enum conf_receipts conf = t->settings->conf->receipts;

    return conf != CONF_RECEIPTS_NEVER &&
           (t->choices.receipts == CHOICE_YES ||
            (t->choices.receipts == CHOICE_NONE && conf == CONF_RECEIPTS_ALWAYS));
}

static void say_receipts(const struct talk *t, struct buf *out)
{
    if (has_receipts(t))
        buf_adds(out, "Read receipts are on: who asks for it is told when you have seen their "
                      "mail. \"receipts off\" ends that.");
    else if (t->settings->conf->receipts == CONF_RECEIPTS_NEVER)
        buf_adds(out, "Read receipts are off for everybody here: the administrators want it so. "
                      "What you choose is kept, in case that changes.");
    else
        buf_adds(out, "Read receipts are off: nobody is told whether you have seen their mail. "
                      "\"receipts on\" changes that.");
}

static void say_help(const struct talk *t, struct buf *out);

static const struct word table[] = {
    {"help", "shows this list", NULL, say_help},
    {"receipts", "says whether senders who ask are told that you have seen their mail", NULL,
     say_receipts},
    {"receipts on", "lets senders who ask be told that you have seen their mail", allow_receipts,
     say_receipts},
    {"receipts off", "lets nobody be told", refuse_receipts, say_receipts},
};

static void say_help(const struct talk *t, struct buf *out)
{
    const char *gw = address_map_gateway(t->settings->map);
    size_t i;

    if (!t->word)
        buf_adds(out, "That is none of the words I know. ");
    buf_printf(out,
               "I am the mail gateway. To write a mail to name@example.org, write to the contact "
               "name\\40example.org@%s. To me you can say:",
               gw);
    for (i = 0; i < sizeof table / sizeof table[0]; i++)
        buf_printf(out, "\n%s - %s", table[i].text, table[i].help);
}

/* In small letters, with single spaces, without the marks that end a sentence.  false: too long for
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
        } else {
            out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
        }
    }
    while (n > 0 && strchr(" .!?\"", out[n - 1]))
        n--;
    out[n] = '\0';
    return true;
}

static const struct word *find_word(const char *text)
{
    char word[WORD_MAX];
    size_t i;

    if (!normalise(text, word))
        return NULL;
    for (i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].text, word[0] == '"' ? word + 1 : word) == 0)
            return &table[i];
    return NULL;
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

static int talk_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct talk *t = (struct talk *)work;

    if (choices_get(txn, t->bare_jid, &t->choices, e) < 0)
        return -1;
    if (!t->word || !t->word->choose)
        return 0;
    t->word->choose(&t->choices);
    return choices_put(txn, t->bare_jid, &t->choices, e);
}

static void talk_done(struct store_work *work, const struct err *e)
{
    struct talk *t = (struct talk *)work;
    struct buf text;

    buf_init(&text, ARENA_MAX / 2);
    if (e) {
        log_error("words", "event=not-stored class=%s error=\"%s\"", err_class_name(e->class),
                  e->text);
        buf_adds(&text, "The gateway could not store this. Try again later.");
    } else if (t->word) {
        log_info("words", "event=said from=%s word=\"%s\"", t->bare_jid, t->word->text);
        t->word->say(t, &text);
    } else {
        log_info("words", "event=not-understood from=%s", t->bare_jid);
        say_help(t, &text);
    }
    answer(t, buf_failed(&text) ? NULL : text.data);
    buf_clear(&text);
    talk_free(t);
}

static struct talk *talk_new(struct words *w, const struct letter *letter, const char *from,
                             const char *bare_jid)
{
    struct talk *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->all = w;
    t->next = w->first;
    w->first = t;
    w->count++;
    t->settings = settings_hold(w->gateway->settings);
    t->type = letter->type;
    t->word = find_word(letter->text);
    t->arena = arena_new(ARENA_MAX);
    if (!t->arena)
        goto fail;
    t->to = arena_strdup(t->arena, from);
    t->bare_jid = arena_strdup(t->arena, bare_jid);
    t->thread = arena_strdup(t->arena, letter->thread);
    if (t->to && t->bare_jid && (t->thread || !letter->thread))
        return t;
fail:
    talk_free(t);
    return NULL;
}

void words_arrived(struct words *w, const struct letter *letter, const char *from,
                   const char *bare_jid)
{
    struct talk *t = w->count < TALKS_MAX ? talk_new(w, letter, from, bare_jid) : NULL;

    if (!t) {
        log_warning("words", "event=dropped from=%s reason=\"too busy\"", bare_jid);
        return;
    }
    if (!t->word && lately_seen(&w->helped, bare_jid, gateway_now_s(w->gateway), HELP_QUIET_S)) {
        log_debug("words", "event=ignored from=%s", bare_jid);
        talk_free(t);
        return;
    }
    t->work.run = talk_run;
    t->work.done = talk_done;
    if (store_submit(w->gateway->store, &t->work) < 0) {
        answer(t, "The gateway is busy. Try again later.");
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
