/*
 * release: mails that are held go, and their users are told of them.
 *
 * Data: one piece of store work for what falls due, and one for each user who came or went, at most
 * ERRANDS_MAX.  What is to go is marked so on disk at once, and goes a part each second: a crash in
 * between leaves the marks, and the rest goes after the start.
 */
#include "bridge/to_jabber/release.h"

#include "base/log.h"
#include "base/step.h"
#include "bridge/people/attendance.h"
#include "bridge/to_jabber/hold_rules.h"
#include "bridge/to_jabber/hold_say.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    ERRANDS_MAX = 200,
    USERS_MAX = 20, /* in one sweep */
    DUE_MAX = 200,
    ARENA_MAX = 4 << 20,
    DAY_S = 86400
};

struct sweep {
    struct store_work work;
    struct settings *settings;
    struct arena *arena;
    int64_t ids[USERS_MAX], now_s;
    int64_t released;
    size_t told;
    bool is_over; /* nothing is held */
};

struct release {
    struct gateway *gateway;
    struct errand *first;
    unsigned count;
    struct sweep sweep;
    bool is_sweeping, has_any;
};

struct errand {
    struct store_work work;
    struct release *all;
    struct settings *settings;
    struct arena *arena;
    const char *bare_jid;
    enum show show;
    int64_t id, now_s;
    int64_t released;
    uint64_t choices; /* how many had been made by anybody when this was submitted */
    bool is_told, has_choice;
    struct errand *next;
};

/* ---- a user comes, goes, or chooses ---- */

static int keep_show(struct store_txn *txn, const struct errand *t, const struct choices *choices,
                     struct err *e)
{
    unsigned show = t->has_choice ? (unsigned)t->show : CHOICE_NONE;

    if (choices->of[CHOICE_SHOWN] == show)
        return 0;
    return choices_put(txn, t->bare_jid, CHOICE_SHOWN, show, e);
}

static int errand_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct errand *t = (struct errand *)work;
    const struct hold_telling telling = {t->settings, t->arena, t->bare_jid, t->id, t->now_s};
    struct hold_turn turn;
    struct choices choices;
    int64_t ordered;

    t->released = 0;
    t->is_told = false;
    if (choices_get(txn, t->bare_jid, &choices, e) < 0)
        return -1;
    t->has_choice = hold_has_choice(&choices);
    turn = hold_turn(&choices, t->show);
    if (keep_show(txn, t, &choices, e) < 0 ||
        held_order(txn, t->bare_jid, turn.released, NULL, INT64_MAX, &ordered, e) < 0 ||
        held_let_go(txn, t->bare_jid, RELEASE_MAX, t->now_s, &t->released, e) < 0)
        return -1;
    step("release.ordered");
    return turn.listed ? hold_tell_list(txn, &telling, &choices, turn.listed, &t->is_told, e) : 0;
}

static void errand_free(struct errand *t)
{
    struct errand **at = &t->all->first;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->all->count--;
    settings_drop(t->settings);
    arena_free(t->arena);
    free(t);
}

static void errand_done(struct store_work *work, const struct err *e)
{
    struct errand *t = (struct errand *)work;
    struct gateway *g = t->all->gateway;

    step("release.stored");
    if (e) {
        log_warning("hold", "event=not-settled user=%s class=%s error=\"%s\"", t->bare_jid,
                    err_class_name(e->class), e->text);
        if (e->class == ERR_RETRY)
            attendance_stir(g->attendance, t->bare_jid);
    } else {
        log_info("hold", "event=settled user=%s show=%s released=%" PRId64 " told=%s", t->bare_jid,
                 show_name(t->show), t->released, t->is_told ? "yes" : "no");
        if (!t->has_choice)
            attendance_leave(g->attendance, t->bare_jid, t->choices);
        if (t->released > 0)
            courier_rescan(g->mail_in);
        if (t->released == RELEASE_MAX)
            release_wake(t->all);
        if (t->is_told)
            courier_rescan(g->stanza_out);
    }
    errand_free(t);
}

bool release_settle(struct release *r, const char *bare_jid, enum show show)
{
    struct errand *t = r->count < ERRANDS_MAX ? calloc(1, sizeof *t) : NULL;

    if (!t)
        return false;
    t->all = r;
    t->next = r->first;
    r->first = t;
    r->count++;
    t->settings = settings_hold(r->gateway->settings);
    t->show = show;
    t->choices = attendance_choices(r->gateway->attendance);
    t->id = id_next(&r->gateway->ids);
    t->now_s = gateway_now_s(r->gateway);
    t->arena = arena_new(ARENA_MAX);
    t->bare_jid = t->arena ? arena_strdup(t->arena, bare_jid) : NULL;
    t->work.run = errand_run;
    t->work.done = errand_done;
    if (t->bare_jid && store_submit(r->gateway->store, &t->work) == 0)
        return true;
    errand_free(t);
    return false;
}

/* ---- what is due ---- */

static int let_go(struct store_txn *txn, struct sweep *s, struct err *e)
{
    const char *users[USERS_MAX];
    int64_t count;
    size_t n, i;

    if (held_ordered(txn, s->arena, USERS_MAX, users, &n, e) < 0)
        return -1;
    for (i = 0; i < n; i++) {
        if (held_let_go(txn, users[i], RELEASE_MAX, s->now_s, &count, e) < 0)
            return -1;
        s->released += count;
    }
    if (held_fall_due(txn, s->now_s, s->settings->conf->queue.hold_max_s, DUE_MAX, &count, e) < 0)
        return -1;
    s->released += count;
    return 0;
}

static int send_lists(struct store_txn *txn, struct sweep *s, struct err *e)
{
    const char *users[USERS_MAX];
    struct choices choices;
    bool is_told;
    size_t n, i;

    if (held_listed(txn, s->arena, s->now_s, s->now_s + 2 * DAY_S, USERS_MAX, users, &n, e) < 0)
        return -1;
    for (i = 0; i < n; i++) {
        const struct hold_telling t = {s->settings, s->arena, users[i], s->ids[i], s->now_s};

        if (choices_get(txn, users[i], &choices, e) < 0 ||
            hold_tell_list(txn, &t, &choices, 1 << CHOICE_DIGEST, &is_told, e) < 0)
            return -1;
        s->told += is_told;
    }
    return 0;
}

static int sweep_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct sweep *s = (struct sweep *)work;
    bool has_any;

    s->released = 0;
    s->told = 0;
    if (let_go(txn, s, e) < 0 || send_lists(txn, s, e) < 0 || held_any(txn, &has_any, e) < 0)
        return -1;
    s->is_over = !has_any;
    step("release.swept");
    return 0;
}

static void sweep_done(struct store_work *work, const struct err *e)
{
    struct sweep *s = (struct sweep *)work;
    struct release *r = (struct release *)(void *)((char *)s - offsetof(struct release, sweep));
    struct gateway *g = r->gateway;

    r->is_sweeping = false;
    arena_free(s->arena);
    settings_drop(s->settings);
    if (e) {
        log_warning("hold", "event=not-swept class=%s error=\"%s\"", err_class_name(e->class),
                    e->text);
        return;
    }
    if (s->is_over)
        r->has_any = false;
    if (s->released > 0 || s->told > 0)
        log_info("hold", "event=swept released=%" PRId64 " told=%zu", s->released, s->told);
    if (s->released > 0)
        courier_rescan(g->mail_in);
    if (s->told > 0)
        courier_rescan(g->stanza_out);
}

static void sweep(struct release *r)
{
    struct sweep *s = &r->sweep;
    size_t i;

    s->arena = arena_new(ARENA_MAX);
    if (!s->arena)
        return;
    s->settings = settings_hold(r->gateway->settings);
    s->now_s = gateway_now_s(r->gateway);
    for (i = 0; i < USERS_MAX; i++)
        s->ids[i] = id_next(&r->gateway->ids);
    s->work.run = sweep_run;
    s->work.done = sweep_done;
    if (store_submit(r->gateway->store, &s->work) == 0) {
        r->is_sweeping = true;
        return;
    }
    settings_drop(s->settings);
    arena_free(s->arena);
}

void release_wake(struct release *r)
{
    r->has_any = true;
}

/* Also while the host is away: a time that was promised (BY=n;R) is over then as well. */
void release_tick(struct release *r)
{
    if (r->has_any && !r->is_sweeping)
        sweep(r);
}

struct release *release_new(struct gateway *g)
{
    struct release *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->gateway = g;
    r->has_any = true; /* until it is known */
    return r;
}

void release_free(struct release *r)
{
    if (!r)
        return;
    while (r->first)
        errand_free(r->first);
    if (r->is_sweeping) {
        arena_free(r->sweep.arena);
        settings_drop(r->sweep.settings);
    }
    free(r);
}
