/*
 * outbound: a message from Jabber is accepted for mail.
 *
 * Data: one struct acceptance per stanza, from the loop through the store's writer and back.  The
 * stanza is read and judged here, on the loop; outbound_store.c writes it.  A crash before the
 * commit loses a stanza that nobody was told was taken; after it, the courier finds the mail on
 * disk.
 */
#include "bridge/to_mail/outbound.h"

#include "bridge/to_mail/outbound_inside.h"

#include "base/log.h"
#include "base/step.h"
#include "bridge/to_jabber/inbound.h"
#include "bridge/people/nickname.h"
#include "bridge/policy.h"
#include "bridge/rate.h"
#include "bridge/reports/receipt.h"
#include "bridge/to_mail/reply_all.h"
#include "bridge/to_mail/waiting.h"
#include "bridge/people/words.h"
#include "mapping/stanza/amp.h"
#include "mapping/report/receipts.h"
#include "mapping/stanza/stanza_read.h"

#include <stdlib.h>
#include <string.h>

enum { LETTER_ARENA_MAX = 8 << 20 };

static void acceptance_free(struct acceptance *a)
{
    struct parcel *p, *next;
    struct transaction *t;

    if (!a)
        return;
    for (t = a->mails; t; t = t->next)
        parcel_free(t->parcel);
    for (p = a->stanzas; p; p = next) {
        next = p->next;
        parcel_free(p);
    }
    settings_drop(a->settings);
    arena_free(a->letter_arena);
    arena_free(a->arena);
    free(a);
}

/* Tells the sender; an error that cannot be sent now is not owed: the stream it came by is gone. */
static void refuse(struct acceptance *a, const struct jabber_error *error)
{
    struct xml_node *reply = jabber_error_reply(a->arena, a->stanza, error);

    gateway_count(a->gateway, STAT_JABBER_REFUSED);
    log_info("outbound", "event=refused code=%d condition=%s", error->code, error->condition);
    if (!reply || window_answer(a->gateway->window, reply) < 0)
        log_warning("outbound", "event=refusal-not-sent");
}

static void refuse_with(struct acceptance *a, const char *condition, const char *text)
{
    struct jabber_error error;

    jabber_error_init(&error, condition, text);
    refuse(a, &error);
}

static int add_item(struct acceptance *a, struct parcel *p, const struct party *r)
{
    struct queue_message *m = &p->message;
    struct queue_item *item = &m->items[m->item_count];

    item->n = (unsigned)m->item_count++;
    item->recipient = addr_text(parcel_arena(p), &r->mail);
    item->next_at_s = a->now_s;
    item->last_error = "";
    item->notify = receipts_notify(&a->letter->wishes);
    return item->recipient ? 0 : -1;
}

static int fill_parcel(struct acceptance *a, struct transaction *t, size_t count)
{
    struct parcel *p = t->parcel = parcel_new(LETTER_ARENA_MAX);
    const struct party *r;
    struct queue_message *m;

    if (!p)
        return -1;
    m = &p->message;
    m->id = id_next(&a->gateway->ids);
    m->kind = QUEUE_MAIL_OUT;
    m->lane = queue_lane(a->bare_jid);
    m->origin = "jabber";
    m->created_s = a->now_s;
    m->deadline_s = a->letter->expires_s;
    m->expiry = a->letter->expiry_action;
    m->items = arena_alloc(parcel_arena(p), count * sizeof *m->items);
    if (!m->items)
        return -1;
    for (r = a->letter->recipients; r; r = r->next)
        if (outbound_takes(t, r) && add_item(a, p, r) < 0)
            return -1;
    return 0;
}

/* A parcel with an item for each recipient it is for; none when it is for nobody. */
static int add_transaction(struct acceptance *a, const struct party *blind)
{
    struct transaction *t = arena_alloc(a->letter_arena, sizeof *t), **end;
    const struct party *r;
    size_t count = 0;

    if (!t)
        return -1;
    t->blind = blind;
    for (r = a->letter->recipients; r; r = r->next)
        count += outbound_takes(t, r);
    if (count == 0)
        return 0;
    for (end = &a->mails; *end; end = &(*end)->next)
        ;
    *end = t;
    return fill_parcel(a, t, count);
}

/* One transaction for all who may know of each other, and one for each blind copy: what a server
 * notes of its recipients (Received, Delivered-To) then tells of nobody else. */
static int add_mails(struct acceptance *a)
{
    const struct party *r;

    if (add_transaction(a, NULL) < 0)
        return -1;
    for (r = a->letter->recipients; r; r = r->next)
        if (!r->is_jabber && r->role == PARTY_BCC && add_transaction(a, r) < 0)
            return -1;
    return 0;
}

/* A parcel for one recipient who lives on the Jabber side (multicast, XEP-0033 §4). */
static int add_stanza(struct acceptance *a, const struct party *r)
{
    struct parcel *p = parcel_new(LETTER_ARENA_MAX);
    struct queue_message *m;

    if (!p)
        return -1;
    p->next = a->stanzas;
    a->stanzas = p;
    m = &p->message;
    m->id = id_next(&a->gateway->ids);
    m->kind = QUEUE_STANZA_OUT;
    m->lane = queue_lane(a->bare_jid);
    m->origin = "jabber";
    m->sender = arena_strdup(parcel_arena(p), a->bare_jid);
    m->created_s = a->now_s;
    m->deadline_s = a->letter->expires_s;
    m->expiry = a->letter->expiry_action;
    m->items = arena_alloc(parcel_arena(p), sizeof *m->items);
    if (!m->items || !m->sender)
        return -1;
    m->item_count = 1;
    m->items[0].recipient = jid_bare(parcel_arena(p), &r->jid);
    m->items[0].next_at_s = a->now_s;
    m->items[0].last_error = "";
    return m->items[0].recipient ? 0 : -1;
}

/* Back on the loop. */

static void left_one(struct gateway *g)
{
    g->accepting--;
    if (g->accepting <= OUTBOUND_ACCEPTING_MAX / 2)
        stream_pause(g->stream, false);
}

static void log_accepted(const struct acceptance *a, const struct parcel *p)
{
    char id[ID_TEXT_SIZE];

    gateway_count(a->gateway, STAT_JABBER_ACCEPTED);
    log_info("outbound", "event=accepted id=%s from=%s recipients=%zu bytes=%zu",
             id_format(p->message.id, id), a->bare_jid, p->message.item_count,
             p->message.content_len);
}

static void accept_done(struct store_work *work, const struct err *e)
{
    struct acceptance *a = (struct acceptance *)work;
    struct gateway *g = a->gateway;
    struct transaction *t;
    struct parcel *p;

    step("stanza.stored");
    left_one(g);
    if (e) {
        log_error("outbound", "event=not-stored class=%s error=\"%s\"", err_class_name(e->class),
                  e->text);
        if (e->class == ERR_PERMANENT)
            refuse_with(a, "not-acceptable", e->text);
        else
            refuse_with(a, "resource-constraint",
                        "The gateway could not store the message. Try again later.");
        acceptance_free(a);
        return;
    }
    for (t = a->mails; t; t = t->next) {
        log_accepted(a, t->parcel);
        waiting_add(g->waiting, &t->parcel->message);
        courier_offer(g->mail_out, t->parcel);
    }
    a->mails = NULL;
    if (a->is_name_due)
        nicknames_want(g->nicknames, a->bare_jid);
    if (a->answered)
        inbound_flag(g, a->answered->origin, a->answered->uidvalidity, a->answered->uid,
                     IMAP_FLAG_SEEN | IMAP_FLAG_ANSWERED);
    while ((p = a->stanzas)) {
        a->stanzas = p->next;
        log_accepted(a, p);
        courier_offer(g->stanza_out, p);
    }
    acceptance_free(a);
}

/* A contact that is a Jabber user of this very gateway would come back as mail: told, not looped.
 */
static bool is_own_address(struct acceptance *a, const struct party *r)
{
    struct jid jid;
    struct err e;
    const char *bare;

    if (r->is_jabber || !address_map_owns_address(a->settings->map, &r->mail))
        return false;
    if (address_map_mail_to_jid(a->settings->map, a->letter_arena, &r->mail, &jid, NULL, &e) < 0) {
        refuse_with(a, "item-not-found", e.text);
        return true;
    }
    bare = jid_bare(a->letter_arena, &jid);
    refuse_with(a, "not-acceptable",
                arena_printf(a->arena, "This address belongs to a Jabber user: write to %s.",
                             bare ? bare : "them"));
    return true;
}

/* It was over when it came: as XEP-0079 asks, else in words. */
static void tell_expired(struct acceptance *a)
{
    const struct letter *l = a->letter;
    struct xml_node *report;

    gateway_count(a->gateway, STAT_MAIL_EXPIRED);
    log_info("outbound", "event=expired from=%s", a->bare_jid);
    if (l->expiry_action == EXPIRY_DROP)
        return;
    if (!amp_has_report(l->expiry_action)) {
        refuse_with(a, "not-acceptable", "The message had expired before it was sent.");
        return;
    }
    report = amp_report(a->arena, xml_get(a->stanza, "to"), xml_get(a->stanza, "from"),
                        l->stanza_id, l->expiry_action, l->expires_s);
    if (!report || window_answer(a->gateway->window, report) < 0)
        log_warning("outbound", "event=refusal-not-sent");
}

/* Over what may be sent in an hour: for now, so that nothing is lost that the client keeps. */
static bool is_within_rates(struct acceptance *a)
{
    const struct conf *conf = a->settings->conf;
    int64_t now_ms = a->now_s * 1000, wait = 0;
    const struct party *r;
    unsigned count = 0;

    for (r = a->letter->recipients; r; r = r->next)
        count += !r->is_jabber;
    wait = rate_take(a->gateway->rate, "user", a->bare_jid, count, conf->limit.user_rate, now_ms);
    for (r = a->letter->recipients; r && wait == 0 && conf->limit.recipient_rate > 0; r = r->next) {
        const char *address = r->is_jabber ? NULL : addr_text(a->letter_arena, &r->mail);

        if (address)
            wait = rate_take(a->gateway->rate, "recipient", address, 1, conf->limit.recipient_rate,
                             now_ms);
    }
    if (wait > 0)
        refuse_with(
            a, "resource-constraint",
            arena_printf(a->arena,
                         "That is more mail than this gateway sends in an hour. Nothing was "
                         "sent; try again in %lld minutes.",
                         (long long)(wait + 59) / 60));
    return wait == 0;
}

/* Two programs that answer each other's answers would never end. */
static bool is_endless(struct acceptance *a)
{
    const struct party *r;
    const char *contact;

    for (r = a->letter->recipients; r; r = r->next) {
        if (r->is_jabber || !r->jid.domain)
            continue;
        contact = jid_bare(a->letter_arena, &r->jid);
        if (!contact)
            continue; /* memory: the next one will be told apart */
        switch (volley_answered(a->gateway->volley, a->bare_jid, contact,
                                clock_mono_ms(a->gateway->clock))) {
        case VOLLEY_PERSON:
            break;
        case VOLLEY_AUTOMATIC:
            a->letter->is_automatic = true;
            break;
        case VOLLEY_ENDLESS:
            refuse_with(
                a, "not-acceptable",
                "This looks like an automatic answer to an automatic message, so it was not "
                "sent. If you wrote it yourself, send it again.");
            return true;
        }
    }
    return false;
}

/* Judges the letter; false: it was refused. */
static bool admit(struct acceptance *a)
{
    const struct party *r;

    for (r = a->letter->recipients; r; r = r->next)
        if (is_own_address(a, r))
            return false;
    if (a->letter->expires_s != 0 && a->letter->expires_s <= a->now_s) {
        tell_expired(a);
        return false;
    }
    return !is_endless(a) && is_within_rates(a);
}

static int add_parcels(struct acceptance *a)
{
    const struct party *r;

    if (add_mails(a) < 0)
        return -1;
    for (r = a->letter->recipients; r; r = r->next)
        if (r->is_jabber && add_stanza(a, r) < 0)
            return -1;
    return 0;
}

static void submit(struct acceptance *a)
{
    struct gateway *g = a->gateway;

    step("stanza.judged");
    a->work.run = outbound_store;
    a->work.is_patient = true; /* a stream has no acknowledgements */
    a->work.done = accept_done;
    a->exits = own_exits(g, a->letter_arena, a->bare_jid, &a->exit_count);
    if (!a->exits || add_parcels(a) < 0 || store_submit(g->store, &a->work) < 0) {
        refuse_with(a, "resource-constraint", "The gateway is busy. Try again later.");
        acceptance_free(a);
        return;
    }
    if (++g->accepting >= OUTBOUND_ACCEPTING_MAX)
        stream_pause(g->stream, true);
}

/* A reply to all: who they are is looked up first. */

static int circle_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct acceptance *a = (struct acceptance *)work;
    const char *contact = jid_bare(a->letter_arena, &a->letter->recipients->jid);

    if (!contact)
        return err_memory(e);
    return reply_all_find(txn, a->letter, a->bare_jid, contact, &a->circle, e);
}

static bool is_own(const struct acceptance *a, const struct party *p)
{
    const char *address = p->mail.domain ? addr_text(a->letter_arena, &p->mail) : NULL;
    size_t i;

    for (i = 0; address && i < a->exit_count; i++)
        if (strcmp(address, a->exits[i].address) == 0)
            return true;
    return false;
}

/* The mail that is answered may name the sender's own mailbox: they need no copy of their words. */
static void leave_out_own(const struct acceptance *a, struct party **list)
{
    while (*list)
        if (is_own(a, *list))
            *list = (*list)->next;
        else
            list = &(*list)->next;
}

static void circle_found(struct acceptance *a)
{
    struct context ctx;
    struct err e;

    settings_context(a->settings, a->now_s, &ctx);
    if (!a->circle)
        refuse_with(a, "item-not-found",
                    "It is not known which mail this answers, so it was sent to nobody. Use your "
                    "client's reply to one of its messages, or write to the person alone, without "
                    "/all.");
    else if (reply_all_add(&ctx, a->letter, a->circle, &e) < 0)
        refuse_with(a, e.class == ERR_PERMANENT ? "not-acceptable" : "resource-constraint", e.text);
    else {
        a->exits = own_exits(a->gateway, a->letter_arena, a->bare_jid, &a->exit_count);
        leave_out_own(a, &a->letter->recipients->next);
        leave_out_own(a, &a->letter->parties);
        if (admit(a)) {
            submit(a);
            return;
        }
    }
    acceptance_free(a);
}

static void circle_done(struct store_work *work, const struct err *e)
{
    struct acceptance *a = (struct acceptance *)work;

    left_one(a->gateway);
    if (!e) {
        circle_found(a);
        return;
    }
    log_error("outbound", "event=not-looked-up class=%s error=\"%s\"", err_class_name(e->class),
              e->text);
    refuse_with(a, "resource-constraint",
                "The gateway could not look up whom to answer. Try again later.");
    acceptance_free(a);
}

static void look_up_circle(struct acceptance *a)
{
    struct gateway *g = a->gateway;

    a->work.run = circle_run;
    a->work.done = circle_done;
    if (store_submit(g->store, &a->work) < 0) {
        refuse_with(a, "resource-constraint", "The gateway is busy. Try again later.");
        acceptance_free(a);
        return;
    }
    if (++g->accepting >= OUTBOUND_ACCEPTING_MAX)
        stream_pause(g->stream, true);
}

/* The sender's JID, judged; false: refused. */
static bool admit_sender(struct acceptance *a)
{
    struct jid from;
    struct err e;

    if (jid_parse(a->letter_arena, xml_get(a->stanza, "from"), &from, &e) < 0) {
        refuse_with(a, "jid-malformed", e.text);
        return false;
    }
    if (!policy_may_send(a->settings, &from)) {
        refuse_with(a, "forbidden", "Only users of this server may send mail through its gateway.");
        return false;
    }
    a->bare_jid = jid_bare(a->letter_arena, &from);
    if (!a->bare_jid) {
        refuse_with(a, "resource-constraint", "The gateway is out of memory. Try again later.");
        return false;
    }
    return true;
}

static void accept_stanza(struct acceptance *a)
{
    struct jabber_error error;
    struct context ctx;

    if (!xml_get(a->stanza, "to")) {
        xml_set(a->arena, a->stanza, "to", address_map_gateway(a->settings->map));
        refuse_with(a, "bad-request", "The message has no recipient.");
        acceptance_free(a);
        return;
    }
    if (!admit_sender(a)) {
        acceptance_free(a);
        return;
    }
    settings_context(a->settings, a->now_s, &ctx);
    switch (stanza_read(&ctx, a->letter_arena, a->stanza, &a->letter, &error)) {
    case STANZA_LETTER:
        if (a->letter->is_reply_all) {
            look_up_circle(a);
            return;
        }
        if (admit(a)) {
            submit(a);
            return;
        }
        break;
    case STANZA_NOTICE:
        receipt_arrived(a->gateway, a->letter, a->bare_jid);
        break;
    case STANZA_WORDS:
        words_arrived(a->gateway->words, a->letter, a->stanza, a->bare_jid);
        break;
    case STANZA_IGNORE:
        break;
    case STANZA_REFUSED:
        refuse(a, &error);
        break;
    case STANZA_FAILED:
        refuse_with(a, "resource-constraint", "The gateway is out of memory. Try again later.");
        break;
    }
    acceptance_free(a);
}

void outbound_message(struct gateway *g, struct xml_node *stanza, struct arena *arena)
{
    struct acceptance *a;

    /* RFC 6120 §8.1 makes the host stamp both; nobody can be told about a message without from. */
    if (!xml_get(stanza, "from")) {
        log_warning("outbound", "event=dropped reason=\"a message without from\"");
        arena_free(arena);
        return;
    }
    a = calloc(1, sizeof *a);
    if (!a) {
        log_error("outbound", "event=dropped reason=\"out of memory\"");
        arena_free(arena);
        return;
    }
    a->gateway = g;
    a->settings = settings_hold(g->settings);
    a->arena = arena;
    a->stanza = stanza;
    a->now_s = gateway_now_s(g);
    a->letter_arena = arena_new(LETTER_ARENA_MAX);
    if (!a->letter_arena) {
        refuse_with(a, "resource-constraint", "The gateway is out of memory. Try again later.");
        acceptance_free(a);
        return;
    }
    accept_stanza(a);
}
