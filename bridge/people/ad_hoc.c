/*
 * ad_hoc: commands, from the protocol to the store and back.
 *
 * Data: the sessions (component/commands), and a step for each call under way, at most STEPS_MAX.
 * Loop thread; what a step does in the store is one transaction, so a crash leaves it done or not
 * begun, and whoever asked hears nothing and looks again.
 */
#include "bridge/people/ad_hoc.h"

#include "base/log.h"
#include "bridge/own/own.h"
#include "bridge/people/ad_hoc_inside.h"
#include "bridge/policy.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 100, JID_ARENA = 16 << 10, SAID_BACK_MAX = 400 };

struct ad_hoc {
    struct gateway *gateway;
    struct commands *commands;
    struct ad_hoc_step *first;
    unsigned count;
};

static const struct ad_hoc_row *const rows[] = {
    &ad_hoc_choices, &ad_hoc_senders, &ad_hoc_mailbox_add, &ad_hoc_mailboxes, &ad_hoc_status,
    &ad_hoc_queue,   &ad_hoc_map,     &ad_hoc_pairs,       &ad_hoc_rights,    &ad_hoc_limits,
    &ad_hoc_users,   &ad_hoc_count,   &ad_hoc_announce,    &ad_hoc_reload,
};

/* ---- for the commands ---- */

const char *ad_hoc_text(const struct ad_hoc_step *s, enum text text)
{
    return texts_get(s->call->lang, text);
}

const char *ad_hoc_make(const struct ad_hoc_step *s, enum text text, const char *a, const char *b)
{
    const char *made = texts_make(s->arena, s->call->lang, text, a, b);

    return made ? made : "";
}

/* What was submitted is said back, but not all of it whatever its length. */
static const char *brief(const struct ad_hoc_step *s, const char *text)
{
    return text && strlen(text) > SAID_BACK_MAX ? xml_clean(s->arena, text, SAID_BACK_MAX) : text;
}

int ad_hoc_wrong(struct ad_hoc_step *s, enum text text, const char *a, const char *b)
{
    s->answer.wrong = ad_hoc_make(s, text, brief(s, a), brief(s, b));
    return 0;
}

int ad_hoc_note(struct ad_hoc_step *s, const char *type, const char *text)
{
    s->answer.note = text;
    s->answer.note_type = type;
    s->answer.actions = 0;
    return 0;
}

int ad_hoc_form(struct ad_hoc_step *s, struct xml_node *form, unsigned stage, unsigned actions)
{
    s->answer.form = form;
    s->answer.stage = stage;
    s->answer.actions = actions;
    return form ? 0 : -1;
}

/* ---- steps ---- */

static void step_free(struct ad_hoc_step *s)
{
    struct ad_hoc_step **at = &s->all->first;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    s->all->count--;
    settings_drop(s->settings);
    free(s);
}

static void refuse(struct ad_hoc_step *s, enum text text)
{
    commands_refuse(s->all->commands, s->call, ad_hoc_text(s, text));
    step_free(s);
}

static void finish(struct ad_hoc_step *s)
{
    if (!s->answer.wrong && s->row->say && s->row->say(s) < 0) {
        refuse(s, TEXT_BUSY);
        return;
    }
    log_info("command", "event=step from=%s command=%s stage=%u%s", s->call->bare, s->row->node,
             s->call->stage, s->answer.wrong ? " wrong=yes" : "");
    commands_answer(s->all->commands, s->call, &s->answer);
    step_free(s);
}

static int step_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct ad_hoc_step *s = (struct ad_hoc_step *)work;

    return s->row->run(txn, s, e);
}

static void step_done(struct store_work *work, const struct err *e)
{
    struct ad_hoc_step *s = (struct ad_hoc_step *)work;

    if (!e) {
        finish(s);
        return;
    }
    log_error("command", "event=not-stored class=%s error=\"%s\"", err_class_name(e->class),
              e->text);
    refuse(s, TEXT_NOT_STORED);
}

void ad_hoc_go_on(struct ad_hoc_step *s)
{
    if (s->answer.wrong || !s->row->run) {
        finish(s);
        return;
    }
    s->work.run = step_run;
    s->work.done = step_done;
    if (store_submit(s->gateway->store, &s->work) < 0)
        refuse(s, TEXT_BUSY);
}

static void start(struct ad_hoc_step *s)
{
    if (s->row->read && s->row->read(s) < 0) {
        refuse(s, TEXT_BUSY);
        return;
    }
    if (!s->answer.wrong && s->row->wait && s->row->wait(s))
        return;
    ad_hoc_go_on(s);
}

static void on_step(struct commands_call *call, void *arg)
{
    struct ad_hoc *all = arg;
    struct ad_hoc_step *s = all->count < STEPS_MAX ? calloc(1, sizeof *s) : NULL;

    if (!s) {
        commands_refuse(all->commands, call, texts_get(call->lang, TEXT_BUSY));
        return;
    }
    s->all = all;
    s->gateway = all->gateway;
    s->settings = settings_hold(all->gateway->settings);
    s->call = call;
    s->arena = call->arena;
    s->row = rows[call->command];
    s->now_s = gateway_now_s(all->gateway);
    s->next = all->first;
    all->first = s;
    all->count++;
    start(s);
}

/* ---- who may ---- */

static bool is_admin(const struct conf *conf, const char *bare)
{
    size_t i;

    for (i = 0; i < conf->admin_jid_count; i++)
        if (strcmp(conf->admin_jids[i], bare) == 0)
            return true;
    return false;
}

static bool may(size_t command, const char *text, void *arg)
{
    const struct ad_hoc *all = arg;
    const struct settings *settings = all->gateway->settings;
    struct arena *a = arena_new(JID_ARENA);
    struct jid jid;
    const char *bare;
    bool yes = false;

    if (a && jid_parse(a, text, &jid, NULL) == 0 && (bare = jid_bare(a, &jid)) != NULL)
        yes = rows[command]->is_for_admins ? is_admin(settings->conf, bare)
                                           : policy_may_send(settings, &jid);
    if (yes && rows[command]->is_for_mailboxes)
        yes = own_is_on(all->gateway) && jid.node && conf_is_home(settings->conf, jid.domain);
    arena_free(a);
    return yes;
}

static const char *node_of(size_t command, void *arg)
{
    (void)arg;
    return rows[command]->node;
}

static const char *name_of(size_t command, const char *lang, void *arg)
{
    (void)arg;
    return texts_get(lang, rows[command]->name);
}

static void send_answer(const struct xml_node *stanza, void *arg)
{
    const struct ad_hoc *all = arg;

    if (window_answer(all->gateway->window, stanza) < 0)
        log_debug("command", "event=answer-dropped");
}

void ad_hoc_arrived(struct ad_hoc *a, struct xml_node *iq, struct arena *arena)
{
    commands_arrived(a->commands, iq, arena);
}

struct ad_hoc *ad_hoc_new(struct gateway *g)
{
    static const struct commands_handler handler = {
        .count = sizeof rows / sizeof rows[0],
        .node = node_of,
        .name = name_of,
        .may = may,
        .step = on_step,
        .send = send_answer,
    };
    struct ad_hoc *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->gateway = g;
    a->commands = commands_new(g->clock, &handler, a);
    if (a->commands)
        return a;
    free(a);
    return NULL;
}

void ad_hoc_free(struct ad_hoc *a)
{
    if (!a)
        return;
    while (a->first) {
        struct ad_hoc_step *s = a->first;

        arena_free(s->arena);
        step_free(s);
    }
    commands_free(a->commands);
    free(a);
}
