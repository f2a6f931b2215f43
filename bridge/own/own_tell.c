/*
 * own_tell: how a user's mailbox stands is said to them: by their contacts' presence, and once in
 * words.
 *
 * Data: the state in each account; a walk over a user's contacts for each change.  Loop thread.
 * That the user was told is in the store, so a restart does not say it again; a crash between the
 * message and that says it twice.
 */
#include "bridge/own/own_inside.h"

#include "base/log.h"
#include "bridge/people/texts.h"
#include "component/stream.h"
#include "store/subscriptions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GRACE_MS = 8000, /* a server that restarts is no news */
    PAGE = 100,
    WALK_ARENA = 1 << 20,
    SAY_ARENA = 64 << 10
};

/* ---- presence ---- */

struct walk {
    struct store_work work;
    struct own *own;
    struct arena *arena;
    char *bare_jid, *after;
    struct subscription page[PAGE];
    unsigned count;
};

static void walk_free(struct walk *w)
{
    arena_free(w->arena);
    free(w->bare_jid);
    free(w->after);
    free(w);
}

static int walk_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct walk *w = (struct walk *)work;
    struct subscription after = {.bare_jid = w->bare_jid, .contact = w->after};

    return subscriptions_page(txn, w->arena, false, &after, PAGE, w->page, &w->count, e);
}

static void walk_done(struct store_work *work, const struct err *e);

static void walk_on(struct walk *w)
{
    arena_free(w->arena);
    w->arena = arena_new(WALK_ARENA);
    w->work.run = walk_run;
    w->work.done = walk_done;
    w->count = 0;
    if (!w->arena || !w->after || store_submit(w->own->gateway->store, &w->work) < 0)
        walk_free(w);
}

/* What has no room is said at the next probe. */
static bool say(const struct walk *w, const struct subscription *s)
{
    struct arena *a = arena_new(SAY_ARENA);
    bool said = a && router_announce(w->own->gateway->router, a, s->contact, s->bare_jid, NULL,
                                     s->photo) == 0;

    arena_free(a);
    return said;
}

static void walk_done(struct store_work *work, const struct err *e)
{
    struct walk *w = (struct walk *)work;
    bool is_more = !e && w->count == PAGE && !w->own->is_stopping;
    unsigned i;

    for (i = 0; !e && i < w->count; i++)
        if (strcmp(w->page[i].bare_jid, w->bare_jid) != 0 || !say(w, &w->page[i])) {
            is_more = false;
            break;
        }
    if (!is_more) {
        walk_free(w);
        return;
    }
    free(w->after);
    w->after = strdup(w->page[w->count - 1].contact);
    walk_on(w);
}

void own_announce(struct own *own, const char *bare_jid)
{
    struct walk *w;

    if (own->is_stopping || !stream_is_up(own->gateway->stream))
        return;
    w = calloc(1, sizeof *w);
    if (!w)
        return;
    w->own = own;
    w->bare_jid = strdup(bare_jid);
    w->after = strdup("");
    if (w->bare_jid)
        walk_on(w);
    else
        walk_free(w);
}

const char *own_trouble(const struct gateway *g, const char *jid)
{
    const struct own_account *a = NULL;

    while (g->own && (a = own_next_of(g->own, jid, a)))
        if (a->is_failing)
            return a->reason;
    return NULL;
}

/* ---- words ---- */

struct told_work {
    struct persist_work work;
    int64_t id;
    bool is_told;
};

static int told_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    const struct told_work *t = (const struct told_work *)w;

    return own_boxes_set_told(txn, t->id, t->is_told, e);
}

static void told_done(struct persist_work *w, const struct err *e)
{
    if (e)
        log_warning("own", "event=not-noted error=\"%s\"", e->text);
    free(w);
}

static void note_told(struct own_account *a, bool is_told)
{
    struct told_work *t;

    if (a->is_told == is_told)
        return;
    a->is_told = is_told;
    t = calloc(1, sizeof *t);
    if (!t)
        return;
    t->id = a->id;
    t->is_told = is_told;
    t->work.run = told_run;
    t->work.done = told_done;
    persist_submit(a->own->gateway->persist, &t->work);
}

static int send_words(const struct own_account *a, enum text text, const char *why)
{
    struct gateway *g = a->own->gateway;
    const char *gw = address_map_gateway(g->settings->map);
    struct arena *arena = arena_new(SAY_ARENA);
    struct xml_node *message = NULL;
    const char *words;
    int r = -1;

    words = arena ? texts_make(arena, NULL, text, a->what.address, why) : NULL;
    if (words)
        message = xml_new(arena, STREAM_NS, "message");
    message = xml_set(arena, xml_set(arena, message, "from", gw), "to", a->bare_jid);
    message = xml_set(arena, message, "type", "chat");
    if (message && xml_add_with_text(arena, message, STREAM_NS, "body", words))
        r = window_answer(g->window, message);
    arena_free(arena);
    return r;
}

/* Once, and again only after it was well. */
static void tell(struct own_account *a)
{
    const char *why = a->is_failing ? a->reason : a->refusal;

    if (a->is_told || !*why || !stream_is_up(a->own->gateway->stream))
        return;
    if (send_words(a, TEXT_BOX_FAILS, why) == 0)
        note_told(a, true);
}

static void fail(struct own_account *a)
{
    if (a->is_failing)
        return;
    a->is_failing = true;
    log_warning("own", "event=failing mailbox=%s user=%s reason=\"%s\"", a->name, a->bare_jid,
                a->reason);
    own_announce(a->own, a->bare_jid);
}

static void recover(struct own_account *a)
{
    a->away_since_ms = 0;
    if (a->is_failing) {
        a->is_failing = false;
        log_info("own", "event=well mailbox=%s", a->name);
        own_announce(a->own, a->bare_jid);
    }
    if (a->is_told && !*a->refusal) {
        if (send_words(a, TEXT_BOX_WELL, "") == 0)
            note_told(a, false);
    }
}

/* ---- news ---- */

/* The options of a configuration file, which its words name at the end, mean nothing to a user. */
static void set_reason(struct own_account *a, const char *text)
{
    char *end;

    snprintf(a->reason, sizeof a->reason, "%s: %.200s", a->what.address, text);
    end = strstr(a->reason, " (option");
    if (end)
        *end = '\0';
}

void own_state_changed(struct imap_box *box, const struct imap_state *state, void *arg)
{
    struct own_account *a = imap_box_owner(box);

    (void)arg;
    a->is_watching = state->at == IMAP_WATCHING;
    if (state->at == IMAP_WATCHING) {
        log_info("own", "event=watching mailbox=%s", a->name);
        recover(a);
        own_chores_go_on(a);
        return;
    }
    if (state->at != IMAP_FAILED)
        return;
    log_info("own", "event=away mailbox=%s fault=%s reason=\"%s\"", a->name,
             imap_fault_name(state->fault), state->e.text);
    if (!a->away_since_ms)
        a->away_since_ms = clock_mono_ms(a->own->gateway->clock);
    set_reason(a, state->e.text);
    if (state->fault != IMAP_FAULT_AWAY) {
        fail(a);
        tell(a);
    }
}

void own_login(struct gateway *g, const char *origin, const char *refusal)
{
    struct own_account *a = own_find_name(g->own, origin);

    if (!a)
        return;
    snprintf(a->refusal, sizeof a->refusal, "%.200s", refusal ? refusal : "");
    if (refusal)
        tell(a);
    else if (a->is_watching && !a->is_failing)
        note_told(a, false);
}

void own_look_after(struct own_account *a)
{
    int64_t now_ms = clock_mono_ms(a->own->gateway->clock);

    if (a->is_locked && !a->own->is_on) {
        /* Mail goes by the gateway's own way then, so nobody is to look away. */
        snprintf(a->refusal, sizeof a->refusal, "%s",
                 "mailboxes of their own are switched off at this gateway for now");
    } else if (a->is_locked && !a->is_failing) {
        set_reason(a, "the gateway cannot open what it keeps of this mailbox: its administrators "
                      "must see to that");
        fail(a);
    }
    if (!a->is_locked && !a->box)
        own_watch(a);
    if (a->chores_due_ms && now_ms >= a->chores_due_ms)
        own_chores_go_on(a);
    if (a->away_since_ms && !a->is_failing && now_ms - a->away_since_ms >= GRACE_MS)
        fail(a);
    if (a->is_failing || *a->refusal)
        tell(a);
}
