/*
 * registration: a form is shown, or what comes back in it is judged, stored and answered.
 *
 * Data: one struct form_work per question, from the loop through the store's writer and back, at
 * most WORKS_MAX.  What the form says alone is judged on the loop, what others have in the store:
 * the writer runs one piece of work after the other, so an address cannot be given away twice.  The
 * address map's copy is changed after the commit.  A crash loses an answer: the form, when it is
 * opened again, shows what holds.
 */
#include "bridge/people/registration.h"

#include "base/log.h"
#include "bridge/own/own_plan.h"
#include "bridge/people/attendance.h"
#include "bridge/people/roster.h"
#include "bridge/people/texts.h"
#include "bridge/to_jabber/release.h"
#include "component/form.h"
#include "component/registering.h"
#include "mapping/address/display_name.h"
#include "store/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKS_MAX = 100 };

struct form_work {
    struct store_work work;
    struct gateway *gateway;
    struct settings *settings;
    struct arena *arena; /* of the iq */
    const struct xml_node *iq;
    struct jid user;
    const char *bare_jid;
    struct registering_request request;
    int64_t now_s;
    /* found on the writer, then as it is after */
    struct account account;
    bool was_registered;
    bool is_refused;
    enum reply_error error;
    const char *why;
    /* their own mailbox */
    enum { BOX_STAYS, BOX_PUT, BOX_REMOVE } box;
    struct own_plan plan;
    int64_t removed; /* the mailbox that goes */
};

/* ---- answers ---- */

static void tell(struct gateway *g, const struct xml_node *stanza)
{
    if (!stanza || window_answer(g->window, stanza) < 0)
        log_debug("registration", "event=answer-dropped");
}

/* The passwords as they came. */
static void wipe_given(struct form_work *w)
{
    static const enum own_field passwords[] = {OWN_IMAP_PASSWORD, OWN_SMTP_PASSWORD};
    size_t i;

    for (i = 0; i < 2; i++) {
        const char *text = w->request.extra[passwords[i]];

        if (text && *text)
            sealed_wipe((char *)(uintptr_t)text, strlen(text));
    }
}

static void work_free(struct form_work *w)
{
    wipe_given(w);
    own_plan_wipe(&w->plan);
    settings_drop(w->settings);
    arena_free(w->arena);
    free(w);
}

/* From the gateway to the user, wherever they are. */
static void send_presence(const struct form_work *w, const char *type)
{
    struct xml_node *p = xml_new(w->arena, STREAM_NS, "presence");

    p = xml_set(w->arena, p, "from", address_map_gateway(w->settings->map));
    p = xml_set(w->arena, xml_set(w->arena, p, "to", w->bare_jid), "type", type);
    tell(w->gateway, p);
}

/* Words between the fields, a field for each line: clients give one of them little room. */
static int add_words(struct arena *a, struct xml_node *form, const char *text)
{
    size_t n;

    for (; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        if (!form_field(a, form, "fixed", NULL, NULL, arena_strndup(a, text, n)))
            return -1;
    }
    return 0;
}

static int put_words(const struct form_work *w, const char *lang, const char *address,
                     struct registering_state *s)
{
    s->title = texts_get(lang, TEXT_REGISTER_NAME);
    s->instructions =
        texts_make(w->arena, lang, s->may_choose ? TEXT_REGISTER_INTRO : TEXT_REGISTER_INTRO_NAME,
                   address, NULL);
    s->alias_label = texts_make(w->arena, lang, TEXT_REGISTER_ALIAS,
                                address_map_mail_domain(w->settings->map), NULL);
    s->name_label = texts_get(lang, TEXT_REGISTER_OWN_NAME);
    return s->instructions && s->alias_label ? 0 : -1;
}

static const struct xml_node *make_form(const struct form_work *w)
{
    const char *lang = xml_lang(w->iq), *address;
    struct registering_state state = {
        .is_registered = w->was_registered,
        .may_choose = w->settings->conf->registration.own_address || w->account.alias,
        .alias = w->account.alias,
        .name = w->account.name,
    };
    struct xml_node *reply, *form;
    struct addr mail;
    struct err e;

    if (address_map_jid_to_mail(w->settings->map, w->arena, &w->user, &mail, NULL, &e) < 0)
        return reply_error(w->arena, w->iq,
                           e.class == ERR_PERMANENT ? REPLY_NOT_ACCEPTABLE : REPLY_UNAVAILABLE_WAIT,
                           e.text);
    address = addr_text(w->arena, &mail);
    if (!address || put_words(w, lang, address, &state) < 0)
        return NULL;
    reply = registering_form(w->arena, w->iq, &state, &form);
    if (!reply || !own_is_on(w->gateway))
        return reply;
    if (add_words(w->arena, form, texts_get(lang, TEXT_BOX_INTRO)) < 0 ||
        own_form_add(w->arena, form, lang, own_first_of(w->gateway->own, w->bare_jid)) < 0)
        return NULL;
    return reply;
}

/* It is on disk: and now in memory, and watched. */
static void settle_box(const struct form_work *w)
{
    if (w->box == BOX_PUT)
        own_plan_settle(w->gateway, &w->plan);
    if (w->box != BOX_REMOVE)
        return;
    own_drop(w->gateway->own, w->removed);
    own_announce(w->gateway->own, w->bare_jid);
}

/* A registered user sees the gateway, and it sees them (XEP-0100 §4.1). */
static void settle_set(const struct form_work *w)
{
    struct gateway *g = w->gateway;

    settle_box(w);
    if (!w->account.alias)
        pairs_drop(g->registered, w->bare_jid);
    else if (pairs_put(g->registered, w->account.alias, w->bare_jid) < 0)
        log_error("registration", "event=not-in-force from=%s next=\"it will be after a restart\"",
                  w->bare_jid);
    log_info("registration", "event=%s from=%s alias=%s named=%s",
             w->was_registered ? "changed" : "registered", w->bare_jid,
             w->account.alias ? w->account.alias : "", *w->account.name ? "yes" : "no");
    tell(g, reply_result(w->arena, w->iq));
    if (!w->was_registered)
        send_presence(w, "subscribe");
}

static void settle_remove(const struct form_work *w)
{
    pairs_drop(w->gateway->registered, w->bare_jid);
    own_drop_all(w->gateway->own, w->bare_jid);
    log_info("registration", "event=removed from=%s", w->bare_jid);
    tell(w->gateway, reply_result(w->arena, w->iq));
    send_presence(w, "unsubscribe");
    send_presence(w, "unsubscribed");
    send_presence(w, "unavailable");
    roster_part(w->gateway->roster);
}

static void settle(const struct form_work *w)
{
    if (w->is_refused) {
        log_info("registration", "event=refused from=%s reason=\"%s\"", w->bare_jid, w->why);
        tell(w->gateway, reply_error(w->arena, w->iq, w->error, w->why));
    } else if (w->request.what == REGISTERING_LOOK) {
        tell(w->gateway, make_form(w));
    } else if (w->request.what == REGISTERING_REMOVE) {
        settle_remove(w);
    } else {
        settle_set(w);
    }
}

/* ---- on the writer ---- */

static int refuse(struct form_work *w, enum reply_error error, const char *why)
{
    w->is_refused = true;
    w->error = error;
    w->why = why;
    return 0;
}

/* Another user has it, or is called so and would lose their mail: as far as is known, for a host
 * does not say who its users are. */
static int find_other(struct store_txn *txn, const struct form_work *w, bool *out, struct err *e)
{
    const struct conf *conf = w->settings->conf;
    const char *owner, *bare;
    struct jid other;

    if (accounts_owner(txn, w->arena, w->request.alias, &owner, e) < 0)
        return -1;
    *out = owner && strcmp(owner, w->bare_jid) != 0;
    if (owner || conf->home_count == 0)
        return 0;
    if (jid_from_parts(w->arena, w->request.alias, conf->home[0], NULL, &other, e) < 0)
        return e->class == ERR_PERMANENT ? 0 : -1;
    bare = jid_bare(w->arena, &other);
    if (!bare)
        return err_memory(e);
    return strcmp(bare, w->bare_jid) == 0 ? 0 : accounts_is_known(txn, bare, out, e);
}

static int put_box(struct store_txn *txn, struct form_work *w, struct err *e)
{
    if (w->box == BOX_STAYS)
        return 0;
    if (w->box == BOX_REMOVE)
        return own_boxes_remove(txn, w->bare_jid, w->removed, e);
    return own_plan_store(txn, &w->plan, w->settings->conf->accounts.per_user, e);
}

static int put(struct store_txn *txn, struct form_work *w, struct err *e)
{
    const char *alias = w->request.alias;
    bool is_others;

    if (alias && *alias) {
        if (find_other(txn, w, &is_others, e) < 0)
            return -1;
        if (is_others)
            return refuse(w, REPLY_CONFLICT, "This address belongs to somebody else.");
    }
    if (put_box(txn, w, e) < 0)
        return -1;
    if (w->box == BOX_PUT && w->plan.is_full)
        return refuse(w, REPLY_NOT_ALLOWED, texts_get(NULL, TEXT_BOX_FULL));
    if (w->box == BOX_PUT && w->plan.is_gone)
        return refuse(w, REPLY_CONFLICT, texts_get(NULL, TEXT_BOX_GONE));
    if (alias)
        w->account.alias = *alias ? alias : NULL;
    if (w->request.name)
        w->account.name = w->request.name;
    if (!w->was_registered)
        w->account.created_s = w->now_s;
    return accounts_put(txn, w->bare_jid, &w->account, e);
}

static int form_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct form_work *w = (struct form_work *)work;

    w->is_refused = false;
    if (accounts_get(txn, w->arena, w->bare_jid, &w->account, &w->was_registered, e) < 0)
        return -1;
    if (w->request.what == REGISTERING_SET)
        return put(txn, w, e);
    if (w->request.what != REGISTERING_REMOVE)
        return 0;
    if (!w->was_registered)
        return refuse(w, REPLY_NOT_REGISTERED, "You have not registered with this gateway.");
    return accounts_remove(txn, w->bare_jid, e);
}

static void form_done(struct store_work *work, const struct err *e)
{
    struct form_work *w = (struct form_work *)work;

    if (e) {
        log_error("registration", "event=not-stored class=%s error=\"%s\"",
                  err_class_name(e->class), e->text);
        refuse(w, REPLY_UNAVAILABLE_WAIT,
               "The gateway could not look this up or store it. Try again later.");
    }
    w->gateway->registering--;
    if (!e && w->request.what == REGISTERING_REMOVE) { /* what was held for them is on its way */
        attendance_stir(w->gateway->attendance, w->bare_jid);
        release_wake(w->gateway->release);
    }
    settle(w);
    work_free(w);
}

/* ---- what can be said at once ---- */

/* In small letters, and without the mail domain that some add. */
static const char *read_alias(const struct form_work *w, const char *text)
{
    const char *at = strchr(text, '@'), *md = address_map_mail_domain(w->settings->map);
    size_t n = at && strcmp(at + 1, md) == 0 ? (size_t)(at - text) : strlen(text);
    char *alias = arena_strndup(w->arena, text, n), *p;

    for (p = alias; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
    return alias;
}

static void judge_alias(struct form_work *w)
{
    const char *alias = read_alias(w, w->request.alias);
    bool is_taken = false;
    struct err e = {ERR_RETRY, "The gateway is out of memory. Try again later."};

    w->request.alias = alias;
    if (alias && !*alias)
        return;
    if (alias && !w->settings->conf->registration.own_address)
        refuse(w, REPLY_NOT_ALLOWED, "Addresses are given by the administrators here.");
    else if (!alias ||
             address_map_check_own(w->settings->map, w->arena, &w->user, alias, &is_taken, &e) < 0)
        refuse(w,
               e.class == ERR_RETRY ? REPLY_UNAVAILABLE_WAIT
               : is_taken           ? REPLY_CONFLICT
                                    : REPLY_NOT_ACCEPTABLE,
               arena_strdup(w->arena, e.text));
}

static void judge_name(struct form_work *w)
{
    const char *name = display_name(w->arena, w->request.name);

    if (!name)
        refuse(w, REPLY_UNAVAILABLE_WAIT, "The gateway is out of memory. Try again later.");
    else if (!*name && *w->request.name)
        refuse(w, REPLY_NOT_ACCEPTABLE,
               "This cannot stand as a name before an address: take a name in plain words.");
    w->request.name = name;
}

/* ---- their own mailbox ---- */

static bool says_mailbox(const struct own_answers *answers)
{
    size_t i;

    for (i = 0; i < OWN_FIELD_COUNT; i++)
        if (answers->of[i])
            return true;
    return false;
}

/* A form without a mailbox comes with all of its fields empty or as they were. */
static bool wants_none(const struct own_answers *answers)
{
    return answers->of[OWN_EMAIL] && !*answers->of[OWN_EMAIL];
}

static void judge_box(struct form_work *w)
{
    struct own_answers answers;
    struct own_account *old = own_first_of(w->gateway->own, w->bare_jid);
    const char *why = NULL;
    struct err e;

    memcpy(answers.of, w->request.extra, sizeof answers.of);
    if (!says_mailbox(&answers))
        return;
    if (wants_none(&answers)) {
        if (old) {
            w->box = BOX_REMOVE;
            w->removed = old->id;
        }
        return;
    }
    w->box = BOX_PUT;
    if (own_form_read(w->settings, w->arena, old, &answers, &w->plan.wish, &why) < 0)
        refuse(w, REPLY_NOT_ACCEPTABLE, why);
    else if (w->plan.wish.is_tried && old->copies == w->plan.wish.copies)
        w->box = BOX_STAYS;
    else if (own_plan_make(w->gateway, w->arena, w->bare_jid, old, true, &w->plan, &e) < 0)
        refuse(w, REPLY_UNAVAILABLE_WAIT, "The gateway is out of memory. Try again later.");
}

static void judge(struct form_work *w)
{
    const struct registering_extra extra = {own_form_vars,
                                            own_is_on(w->gateway) ? OWN_FIELD_COUNT : 0};

    if (!w->user.node || !conf_is_home(w->settings->conf, w->user.domain)) {
        refuse(w, REPLY_FORBIDDEN, "Only users of this server can register with this gateway.");
        return;
    }
    if (registering_read(w->arena, w->iq, &extra, &w->request, &w->error, &w->why) < 0) {
        w->is_refused = true;
        return;
    }
    if (w->request.alias)
        judge_alias(w);
    if (w->request.name && !w->is_refused)
        judge_name(w);
    if (!w->is_refused)
        judge_box(w);
}

static struct form_work *work_new(struct gateway *g, const struct xml_node *iq, struct arena *arena)
{
    struct form_work *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->gateway = g;
    w->settings = settings_hold(g->settings);
    w->iq = iq;
    w->now_s = gateway_now_s(g);
    if (jid_parse(arena, xml_get(iq, "from"), &w->user, NULL) == 0)
        w->bare_jid = jid_bare(arena, &w->user);
    if (!w->bare_jid) {
        work_free(w);
        return NULL;
    }
    w->arena = arena;
    return w;
}

static void end(struct form_work *w)
{
    settle(w);
    work_free(w);
}

static void submit(struct form_work *w)
{
    struct gateway *g = w->gateway;

    w->work.run = form_run;
    w->work.done = form_done;
    if (store_submit(g->store, &w->work) < 0) {
        refuse(w, REPLY_UNAVAILABLE_WAIT, "The gateway is busy. Try again later.");
        end(w);
        return;
    }
    g->registering++;
}

static void tried(const struct own_verdict *verdict, void *arg)
{
    struct form_work *w = arg;

    w->gateway->registering--;
    if (verdict->is_ok) {
        w->plan.from = verdict->end;
        submit(w);
        return;
    }
    refuse(w, verdict->error, arena_strdup(w->arena, verdict->text));
    end(w);
}

/* Both servers let the gateway in, or nothing is kept. */
static void try(struct form_work *w)
{
    struct own_verdict refused;

    w->gateway->registering++;
    if (own_try(w->gateway->own, w->bare_jid, &w->plan.wish.what, tried, w, &refused) == 0)
        return;
    w->gateway->registering--;
    refuse(w, refused.error, refused.text);
    end(w);
}

void registration_asked(struct gateway *g, struct xml_node *iq, struct arena *arena)
{
    struct form_work *w = work_new(g, iq, arena);

    if (!w) {
        arena_free(arena);
        return;
    }
    judge(w);
    if (w->is_refused) {
        settle(w);
        work_free(w);
        return;
    }
    if (w->request.what == REGISTERING_CANCEL) {
        tell(g, reply_result(arena, iq));
        work_free(w);
        return;
    }
    if (g->registering >= WORKS_MAX) {
        refuse(w, REPLY_UNAVAILABLE_WAIT, "The gateway is busy. Try again later.");
        end(w);
        return;
    }
    if (w->box == BOX_PUT && !w->plan.wish.is_tried)
        try(w);
    else
        submit(w);
}

/* ---- for the address map ---- */

static int add_pair(const char *alias, const char *bare_jid, void *arg)
{
    return pairs_put(arg, alias, bare_jid);
}

static int load(struct store_txn *txn, void *arg, struct err *e)
{
    return accounts_each_alias(txn, add_pair, arg, e);
}

struct pairs *registration_load(struct store *store, struct err *e)
{
    struct pairs *pairs = pairs_new();

    if (!pairs) {
        err_memory(e);
        return NULL;
    }
    if (store_now(store, load, pairs, e) == 0)
        return pairs;
    pairs_free(pairs);
    return NULL;
}

struct pairs *registration_read(const char *store_url)
{
    const char *path = strchr(store_url, ':');
    struct pairs *pairs = NULL;
    struct store *store;
    struct err e;

    if (!path || access(path + 1, F_OK) < 0)
        return NULL;
    store = store_open(store_url, STORE_READ_ONLY, &e);
    if (store)
        pairs = registration_load(store, &e);
    store_close(store);
    if (!pairs)
        fprintf(stderr, "postern: addresses that users have registered are left out: %s\n", e.text);
    return pairs;
}
