/*
 * deliver_jabber: mails in the queue for Jabber users go to the host server as stanzas.
 *
 * Data: a shipment for each mail under way (bridge/to_jabber/shipment.h).  Loop thread; outcomes
 * are written as store work once the barrier behind the stanza has been answered.  A crash in
 * between sends the stanza once more with the same id.
 */
#include "bridge/to_jabber/deliver_jabber.h"

#include "base/log.h"
#include "base/step.h"
#include "bridge/people/consent.h"
#include "bridge/gateway.h"
#include "bridge/to_jabber/inbound_lmtp.h"
#include "bridge/to_jabber/introduction.h"
#include "bridge/to_jabber/suggestion.h"
#include "bridge/to_jabber/leg_report.h"
#include "bridge/to_jabber/lineup.h"
#include "bridge/to_jabber/release.h"
#include "bridge/outcome.h"
#include "bridge/reports/poison.h"
#include "bridge/policy.h"
#include "bridge/to_jabber/shipment.h"
#include "bridge/reports/success.h"
#include "store/held.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Mails: the outcome, on the writer. */

/* Its sender has been told (leg_report_put). */
static int write_failure(struct store_txn *txn, const struct leg *leg, struct err *e)
{
    const struct queue_message *m = &leg->shipment->parcel->message;
    struct link link = leg->link;

    if (success_forget(txn, m->id, leg->item->n, e) < 0)
        return -1;
    link.mail = ""; /* told once: what comes later is not told again */
    if (link.jid && links_put(txn, &link, e) < 0)
        return -1;
    return queue_remove(txn, m->id, leg->item->n, e);
}

static int write_later(struct store_txn *txn, const struct leg *leg, struct err *e)
{
    const struct queue_message *m = &leg->shipment->parcel->message;

    if (leg_report_late_is_due(leg) && queue_forget_deadline(txn, m->id, e) < 0)
        return -1;
    return queue_defer(txn, m->id, leg->item->n, leg->next_at_s,
                       leg->status.text ? leg->status.text : "", e);
}

/* It is held already.  Its user may have come since: then it is due, and nobody has looked for it,
 * as it was in memory. */
static int look_after(struct store_txn *txn, struct leg *leg, struct err *e)
{
    int64_t id = leg->shipment->parcel->message.id;
    bool is_held;

    if (leg_report_late_is_due(leg) && queue_forget_deadline(txn, id, e) < 0)
        return -1;
    if (held_has(txn, id, leg->item->n, &is_held, e) < 0)
        return -1;
    leg->next_at_s = is_held ? 0 : leg->shipment->now_s;
    return 0;
}

static int write_leg(struct store_txn *txn, struct leg *leg, struct err *e)
{
    const struct queue_message *m = &leg->shipment->parcel->message;

    switch (leg->fate) {
    case LEG_TAKEN:
        if (introduction_is_due(leg) && introduction_put(txn, leg, e) < 0)
            return -1;
        if (consent_is_due(leg) && consent_put(txn, leg, e) < 0)
            return -1;
        if (suggestion_is_due(leg) && suggestion_put(txn, leg, e) < 0)
            return -1;
        if (success_trace(txn, leg, e) < 0)
            return -1;
        return queue_remove(txn, m->id, leg->item->n, e);
    case LEG_DROPPED:
        return queue_remove(txn, m->id, leg->item->n, e);
    case LEG_HELD:
        return look_after(txn, leg, e);
    case LEG_LATER:
        return write_later(txn, leg, e);
    case LEG_FAILED:
        return write_failure(txn, leg, e);
    case LEG_ANSWERED:
        return 0;
    case LEG_POISON:
        if (success_forget(txn, m->id, leg->item->n, e) < 0)
            return -1;
        return poison_set_aside(txn, leg->shipment->settings, m, leg->item, leg->why,
                                leg->poison_ids, leg->shipment->now_s, e);
    case LEG_BLAMED: /* nothing of it has been sent: no success is owed */
        return poison_blame(txn, leg->shipment->settings, m, leg->item, leg->why, leg->poison_ids,
                            leg->shipment->now_s, &leg->crashes, e);
    case LEG_LOST: /* still in the queue and due; the accusation outlives the window */
        return leg->entry.is_accused
                   ? queue_blame(txn, m->id, leg->item->n, WHY_ACCUSED, &leg->crashes, e)
                   : 0;
    case LEG_SEND:
        return 0;
    }
    return err_set(e, ERR_BUG, "no such fate");
}

static struct shipment *of_outcome(struct persist_work *w)
{
    return (struct shipment *)((char *)w - offsetof(struct shipment, outcome));
}

static int outcome_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct shipment *s = of_outcome(w);
    size_t i;

    if (leg_report_put(txn, s, e) < 0)
        return -1;
    for (i = 0; i < s->parcel->message.item_count; i++)
        if (write_leg(txn, &s->legs[i], e) < 0)
            return -1;
    step("outcome.mail-in");
    return 0;
}

/* Its failure cannot be told, or written down otherwise: it is set aside. */
static bool is_given_up(const struct leg *leg)
{
    return leg->shipment->outcome.why.class != ERR_NONE &&
           (leg->fate == LEG_FAILED || leg->fate == LEG_POISON || leg->fate == LEG_BLAMED);
}

static int write_leg_instead(struct store_txn *txn, struct leg *leg, struct err *e)
{
    const struct shipment *s = leg->shipment;
    int64_t id = s->parcel->message.id;
    const char *why = s->outcome.why.text;

    if (is_given_up(leg))
        return queue_set_aside(txn, id, leg->item->n, why, false, s->now_s, e);
    if (leg->fate == LEG_LATER)
        return queue_defer(txn, id, leg->item->n, leg->next_at_s, why, e);
    if (leg->fate == LEG_TAKEN || leg->fate == LEG_DROPPED)
        return queue_remove(txn, id, leg->item->n, e);
    return 0;
}

static int outcome_instead(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct shipment *s = of_outcome(w);
    size_t i;

    for (i = 0; i < s->parcel->message.item_count; i++)
        if (write_leg_instead(txn, &s->legs[i], e) < 0)
            return -1;
    return 0;
}

static void outcome_done(struct persist_work *w, const struct err *e)
{
    struct shipment *s = of_outcome(w);
    struct gateway *g = s->gateway;
    bool has_report = false, has_answer = false, is_back, is_aside;
    size_t lost = 0;
    int64_t next = 0;
    size_t i;

    step("outcome.mail-in-stored");
    if (e)
        log_error("outcome", "event=not-written class=%s error=\"%s\"", err_class_name(e->class),
                  e->text);
    for (i = 0; i < s->parcel->message.item_count; i++) {
        const struct leg *leg = &s->legs[i];

        if ((leg->fate == LEG_LATER || (leg->fate == LEG_HELD && leg->next_at_s != 0)) &&
            (next == 0 || leg->next_at_s < next))
            next = leg->next_at_s;
        if (leg->fate == LEG_BLAMED && leg->crashes < POISON_CRASHES)
            next = s->now_s;
        is_aside = leg->fate == LEG_POISON || leg->crashes >= POISON_CRASHES;
        if (is_given_up(leg)) {
            if (!e)
                poison_given_up(g, &s->parcel->message, leg->item->n, w->why.text);
        } else if (is_aside) {
            gateway_count(g, STAT_SET_ASIDE);
            outcome_log_set_aside(&s->parcel->message, leg->item->n, leg->to, leg->why);
        }
        if (leg->fate == LEG_HELD)
            release_wake(g->release);
        has_report = has_report || leg->report_id != 0 || is_aside;
        lost += leg->fate == LEG_LOST;
        has_answer = has_answer || (leg->fate == LEG_ANSWERED && leg->answers > 0) ||
                     leg->contacts_id != 0 || leg->question_id != 0 || leg->suggestion_id != 0 ||
                     leg->has_notice || is_aside;
    }
    is_back = lost == s->parcel->message.item_count;
    if (is_back)
        courier_return(g->mail_in, s->parcel); /* before what is younger, as it was */
    else
        courier_finish(g->mail_in, s->parcel, next);
    if (has_report)
        courier_rescan(g->mail_out);
    if (has_answer)
        courier_rescan(g->stanza_out);
    if (is_back)
        courier_poke(g->mail_in);
    else if (lost > 0)
        courier_rescan(g->mail_in);
    shipment_free(s);
}

static void log_leg(const struct leg *leg)
{
    static const char *const words[] = {"send",  "delivered", "answered", "dropped", "held",
                                        "later", "failed",    "lost",     "poison",  "blamed"};
    static const enum stat stats[] = {
        [LEG_SEND] = STAT_JABBER_LATER,       [LEG_TAKEN] = STAT_JABBER_DELIVERED,
        [LEG_ANSWERED] = STAT_JABBER_DROPPED, [LEG_DROPPED] = STAT_JABBER_DROPPED,
        [LEG_HELD] = STAT_JABBER_HELD,        [LEG_LATER] = STAT_JABBER_LATER,
        [LEG_FAILED] = STAT_JABBER_FAILED,    [LEG_LOST] = STAT_JABBER_LATER,
        [LEG_POISON] = STAT_SET_ASIDE,        [LEG_BLAMED] = STAT_JABBER_LATER};
    char id[ID_TEXT_SIZE];

    if (leg->fate == LEG_POISON) /* told, and counted, once it is */
        return;
    gateway_count(leg->shipment->gateway, stats[leg->fate]);
    log_info("jabber", "event=%s id=%s n=%u to=%s reason=\"%s\"", words[leg->fate],
             id_format(leg->shipment->parcel->message.id, id), leg->item->n,
             leg->to ? leg->to : leg->item->recipient,
             leg->why           ? leg->why
             : leg->status.text ? leg->status.text
                                : "");
}

/* The queue's lifetime is over.  What only found no room in the window has its turn yet. */
static void give_up(struct leg *leg)
{
    if (leg->fate == LEG_LOST && !stream_is_up(leg->shipment->gateway->stream)) {
        leg->status.code = 451;
        leg->status.enhanced = "4.4.2";
        leg->status.text = "the connection to the Jabber server was lost again and again";
        leg->fate = LEG_FAILED;
    } else if (leg->fate == LEG_LATER) {
        leg->fate = LEG_FAILED;
    }
}

/* What was held has the queue's whole lifetime from then on. */
static struct queue_message since_release(const struct leg *leg)
{
    struct queue_message m = leg->shipment->parcel->message;

    if (leg->item->released_s > m.created_s)
        m.created_s = leg->item->released_s;
    return m;
}

static void write_outcome(struct shipment *s)
{
    size_t i;

    s->now_s = gateway_now_s(s->gateway);
    for (i = 0; i < s->parcel->message.item_count; i++) {
        struct leg *leg = &s->legs[i];
        struct queue_message since = since_release(leg);

        if (policy_is_given_up(s->settings, &since, s->now_s))
            give_up(leg);
        else if (leg->fate == LEG_LOST && leg_report_is_late(leg))
            leg->fate = LEG_LATER; /* which is told, once */
        if (leg_report_late_is_due(leg))
            since.deadline_s = 0; /* it goes on without one */
        if (leg->fate == LEG_LATER)
            leg->next_at_s = policy_next_try(s->settings, &since, leg->item->attempts, s->now_s);
        if (leg->fate == LEG_FAILED || leg_report_late_is_due(leg))
            leg->report_id = id_next(&s->gateway->ids);
        if (introduction_is_due(leg))
            leg->contacts_id = id_next(&s->gateway->ids);
        if (consent_is_due(leg))
            leg->question_id = id_next(&s->gateway->ids);
        if (suggestion_is_due(leg))
            leg->suggestion_id = id_next(&s->gateway->ids);
        log_leg(leg);
    }
    s->outcome.run = outcome_run;
    s->outcome.instead = outcome_instead;
    s->outcome.done = outcome_done;
    persist_submit(s->gateway->persist, &s->outcome);
}

/* Mails: sending. */

static void judge_error(struct leg *leg, const struct xml_node *error)
{
    struct shipment *s = leg->shipment;

    leg->status.code = 554;
    if (status_from_jabber(s->arena, error, &leg->status) < 0) {
        leg->fate = LEG_LATER; /* memory */
        return;
    }
    switch (status_class(&leg->status)) {
    case SMTP_DELIVERED: /* type continue: only a remark (RFC 6120 §8.3.2) */
        leg->fate = LEG_TAKEN;
        return;
    case SMTP_LATER:
        leg->fate = LEG_LATER;
        break;
    case SMTP_FAILED:
        leg->fate = LEG_FAILED;
        break;
    }
    leg->condition = outcome_condition(s->arena, error);
}

static bool has_poison_ids(struct leg *leg)
{
    leg->poison_ids = arena_alloc(leg->shipment->arena, sizeof *leg->poison_ids);
    if (leg->poison_ids)
        poison_make_ids(&leg->shipment->gateway->ids, leg->poison_ids);
    return leg->poison_ids != NULL;
}

static void leg_done(struct window_entry *entry, enum window_result result,
                     const struct xml_node *error)
{
    struct leg *leg = (struct leg *)entry;
    struct shipment *s = leg->shipment;

    switch (result) {
    case WINDOW_TAKEN:
        leg->fate = LEG_TAKEN;
        break;
    case WINDOW_ERROR:
        if (leg->is_answer)
            leg->fate = LEG_TAKEN; /* never an error for an error */
        else
            judge_error(leg, error);
        break;
    case WINDOW_LOST:
        leg->fate = LEG_LOST;
        break;
    case WINDOW_POISON:
        leg->why = arena_strdup(s->arena, entry->reason);
        if (!leg->why)
            leg->why = "the Jabber server closes the stream over it";
        leg->fate = has_poison_ids(leg) ? LEG_POISON : LEG_LOST;
        break;
    }
    if (--s->under_way == 0)
        write_outcome(s);
    courier_poke(s->gateway->mail_in);
    courier_poke(s->gateway->stanza_out); /* the window is shared */
}

static void send_leg(struct shipment *s, struct leg *leg)
{
    switch (window_send(s->gateway->window, &leg->entry, leg->text, leg->len)) {
    case 0:
        s->under_way++;
        if (leg->link.jid && leg->link.contact && s->letter)
            volley_heard(s->gateway->volley, leg->to, leg->link.contact, s->letter->is_automatic,
                         clock_mono_ms(s->gateway->clock));
        break;
    case STREAM_TOO_LARGE:
        leg->fate = leg->is_answer ? LEG_DROPPED : LEG_FAILED;
        leg->status.code = 552;
        leg->status.enhanced = "5.3.4";
        leg->status.text = leg->why = "the message is too large for the Jabber server";
        break;
    default:
        leg->fate = LEG_LOST;
    }
}

static void send_legs(struct shipment *s)
{
    size_t i;

    s->under_way = 1; /* this function itself */
    for (i = 0; i < s->parcel->message.item_count; i++) {
        struct leg *leg = &s->legs[i];

        if (leg->fate != LEG_SEND)
            continue;
        leg->entry.id = leg->id;
        leg->entry.to = leg->to;
        leg->entry.done = leg_done;
        leg->entry.is_suspect = leg->item->crashes > 0;
        send_leg(s, leg);
    }
    if (--s->under_way == 0)
        write_outcome(s);
}

/* The mail could not be read or prepared: told to its sender, or tried again. */
static void fail_all(struct shipment *s, const struct err *e)
{
    size_t i;

    for (i = 0; i < s->parcel->message.item_count; i++) {
        struct leg *leg = &s->legs[i];

        leg->why = arena_strdup(s->arena, e->text);
        /* What the loss of the stream has cut short is not the mail's fault. */
        if (s->read.is_blamed && leg->why && has_poison_ids(leg))
            leg->fate = LEG_BLAMED;
        else if (e->class == ERR_RETRY && !stream_is_up(s->gateway->stream))
            leg->fate = LEG_LOST;
        else
            leg->fate = e->class == ERR_RETRY ? LEG_LATER : LEG_FAILED;
        leg->status.code = e->class == ERR_RETRY ? 451 : 554;
        leg->status.enhanced = e->class == ERR_RETRY ? "4.3.0" : "5.6.0";
        leg->status.text = arena_strdup(s->arena, e->text);
    }
    write_outcome(s);
}

static void go(struct shipment *s, const struct err *e)
{
    if (e)
        fail_all(s, e);
    else
        send_legs(s);
}

static void ready(struct shipment *s, const struct err *e)
{
    struct gateway *g = s->gateway;

    g->preparing--;
    s->parcel->is_new = false; /* it may be sent from here on, and an error may come back */
    courier_unmark(g->mail_in, s->parcel); /* it has been read, and nothing broke */
    lineup_ready(s, e, go);
    courier_poke(g->mail_in);
    courier_poke(g->stanza_out); /* when careful they wait for each other */
}

/* When one entry at a time is sent, what else was prepared would be given up. */
static unsigned preparing_max(const struct gateway *g)
{
    return window_is_careful(g->window) ? 1 : DELIVER_PREPARING_MAX;
}

static bool begin(struct gateway *g, struct parcel *p)
{
    struct shipment *s = shipment_new(g, p);

    if (!s)
        return false;
    s->ready = ready;
    courier_mark(g->mail_in, p);
    if (shipment_start(s) < 0) {
        shipment_free(s);
        return false;
    }
    g->preparing++;
    lineup_enter(s);
    return true;
}

bool deliver_jabber_mail(struct parcel *p, void *arg)
{
    struct gateway *g = arg;

    /* Without room, what was prepared would have to be given up, and prepared again. */
    if (!stream_is_up(g->stream) || g->preparing >= preparing_max(g) || g->is_stopping ||
        !window_has_room(g->window))
        return false;
    return begin(g, p);
}

static bool is_overdue(const struct parcel *p, void *arg)
{
    const struct gateway *g = arg;
    const struct queue_message *m = &p->message;

    return (m->expiry & (INBOUND_BY_RETURN | INBOUND_BY_NOTIFY)) && m->deadline_s != 0 &&
           m->deadline_s <= gateway_now_s(g);
}

void deliver_jabber_overdue(struct gateway *g)
{
    while (!stream_is_up(g->stream) && !g->is_stopping && g->preparing < preparing_max(g)) {
        struct parcel *p = courier_take_waiting(g->mail_in, is_overdue, g);

        if (!p)
            return;
        if (!begin(g, p)) {
            courier_return(g->mail_in, p);
            return;
        }
    }
}

/* Errors that come after the barrier: the recipient's server, or theirs, took its time. */

struct late {
    struct persist_work work;
    struct gateway *gateway;
    struct settings *settings;
    struct arena *arena;
    const struct xml_node *error;
    struct jid from;
    int64_t id, report_id, now_s;
    unsigned n;
    bool is_reported;
};

static int late_report(struct store_txn *txn, struct late *l, struct link *link, struct err *e)
{
    struct outcome_report report = {
        .reverse_path = link->mail,
        .recipient = link->alias,
        .recipient_jid = link->jid,
        .jabber_condition = outcome_condition(l->arena, l->error),
        .arrived_s = link->created_s,
        .original = link->mail_header ? link->mail_header : "",
        .original_len = link->mail_header ? strlen(link->mail_header) : 0,
        .envelope_id = link->envelope_id,
        .original_recipient = link->original,
        .notify = link->notify,
    };

    if (status_from_jabber(l->arena, l->error, &report.status) < 0)
        return err_memory(e);
    if (outcome_report(txn, l->settings, &report, l->report_id, l->now_s, e) < 0)
        return -1;
    l->is_reported = link->mail[0] != '\0';
    link->mail = ""; /* told once */
    if (success_forget(txn, link->id, link->n, e) < 0)
        return -1;
    return links_put(txn, link, e);
}

static int late_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct late *l = (struct late *)w;
    struct link *link;
    struct jid jid;
    struct err ignored;

    step("late.found");
    if (links_by_id(txn, l->arena, l->id, l->n, &link, e) < 0)
        return -1;
    if (!link || link->direction != LINK_TO_JABBER ||
        jid_parse(l->arena, link->jid, &jid, &ignored) < 0 || !jid_is_same_bare(&jid, &l->from))
        return 0;
    return late_report(txn, l, link, e);
}

static void late_done(struct persist_work *w, const struct err *e)
{
    struct late *l = (struct late *)w;
    char id[ID_TEXT_SIZE];

    log_info("jabber", "event=late-error id=%s n=%u reported=%s", id_format(l->id, id), l->n,
             e                ? "failed"
             : l->is_reported ? "yes"
                              : "no");
    if (l->is_reported)
        courier_rescan(l->gateway->mail_out);
    settings_drop(l->settings);
    arena_free(l->arena);
    free(l);
}

/* "<id>-<n>" as this program writes stanza ids; 0: it is none. */
static int64_t parse_stanza_id(const char *text, unsigned *n_out)
{
    char *end;
    unsigned long n;

    if (!text || strlen(text) < ID_TEXT_SIZE + 1 || text[ID_TEXT_SIZE - 1] != '-')
        return 0;
    n = strtoul(text + ID_TEXT_SIZE, &end, 10);
    if (*end || n > 10000)
        return 0;
    *n_out = (unsigned)n;
    return id_parse(text, ID_TEXT_SIZE - 1);
}

void deliver_jabber_error(struct gateway *g, struct xml_node *stanza, struct arena *arena)
{
    struct late *l;
    struct err e;

    if (window_error(g->window, stanza, arena))
        return;
    l = calloc(1, sizeof *l);
    if (!l)
        goto drop;
    l->id = parse_stanza_id(xml_get(stanza, "id"), &l->n);
    l->error = xml_child(stanza, NULL, "error");
    if (l->id == 0 || !l->error || !xml_get(stanza, "from") ||
        jid_parse(arena, xml_get(stanza, "from"), &l->from, &e) < 0)
        goto drop;
    l->gateway = g;
    l->settings = settings_hold(g->settings);
    l->arena = arena;
    l->now_s = gateway_now_s(g);
    l->report_id = id_next(&g->ids);
    l->work.run = late_run;
    l->work.done = late_done;
    persist_submit(g->persist, &l->work);
    return;
drop:
    free(l);
    arena_free(arena);
}
