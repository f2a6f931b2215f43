/*
 * deliver_stanza: stanzas that are ready go to the host server: errors, receipts, contacts, and
 * what a Jabber user wrote to other Jabber users by way of the gateway.
 *
 * Data: a posting for each under way.  Loop thread; the outcome is written as store work once the
 * barrier behind the stanza has been answered.  A crash in between sends it once more with the same
 * id.
 */
#include "bridge/to_jabber/deliver_stanza.h"

#include "base/log.h"
#include "base/step.h"
#include "bridge/gateway.h"
#include "bridge/outcome.h"
#include "bridge/policy.h"
#include "bridge/reports/poison.h"
#include "component/parser.h"
#include "component/stream.h"
#include "mapping/names.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { POSTING_MAX = 4 << 20, POSTING_ARENA_MAX = 32 << 20 };

struct posting {
    struct window_entry entry;
    struct persist_work outcome;
    struct gateway *gateway;
    struct parcel *parcel;
    struct arena *arena;
    struct jabber_error error;
    bool is_refused, is_expired;
    struct settings *settings;
    struct poison_ids poison_ids;
    const char *poison; /* what the host says about it, each time; NULL: nothing */
    int64_t report_id, now_s;
    char id[ID_TEXT_SIZE + 2];
};

static void posting_free(struct posting *p)
{
    settings_drop(p->settings);
    arena_free(p->arena);
    free(p);
}

static struct posting *of_posting(struct persist_work *w)
{
    return (struct posting *)((char *)w - offsetof(struct posting, outcome));
}

static int posted_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct posting *p = of_posting(w);

    unsigned crashes;

    step("outcome.stanza");
    if (p->entry.is_accused && !p->is_refused) /* the accusation outlives the window */
        return queue_blame(txn, p->parcel->message.id, p->parcel->message.items[0].n, WHY_ACCUSED,
                           &crashes, e);
    if (p->poison)
        return poison_set_aside(txn, p->settings, &p->parcel->message, &p->parcel->message.items[0],
                                p->poison, &p->poison_ids, p->now_s, e);
    if (p->is_expired)
        return outcome_mail_expired(txn, &p->parcel->message, 0, p->report_id, p->now_s, e);
    if (p->is_refused)
        return outcome_stanza_failed(txn, &p->parcel->message, &p->error, p->report_id, p->now_s,
                                     e);
    return queue_remove(txn, p->parcel->message.id, p->parcel->message.items[0].n, e);
}

/* What cannot be written down so is set aside, with nobody told. */
static bool has_report(const struct posting *p)
{
    return p->is_refused || p->is_expired || p->poison;
}

static int posted_instead(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct posting *p = of_posting(w);
    const struct queue_message *m = &p->parcel->message;

    if (has_report(p))
        return queue_set_aside(txn, m->id, m->items[0].n, w->why.text, false, p->now_s, e);
    return p->entry.is_accused ? 0 : queue_remove(txn, m->id, m->items[0].n, e);
}

static void posted_done(struct persist_work *w, const struct err *e)
{
    struct posting *p = of_posting(w);
    struct courier *courier = p->gateway->stanza_out;
    bool has_answer = has_report(p);

    step("outcome.stanza-stored");
    if (e)
        log_error("outcome", "event=not-written class=%s error=\"%s\"", err_class_name(e->class),
                  e->text);
    else if (w->why.class != ERR_NONE && has_answer)
        poison_given_up(p->gateway, &p->parcel->message, p->parcel->message.items[0].n,
                        w->why.text);
    if (p->entry.is_accused && !p->is_refused) {
        courier_return(courier, p->parcel);
        courier_poke(courier);
    } else {
        courier_finish(courier, p->parcel, 0);
    }
    if (has_answer)
        courier_rescan(courier);
    posting_free(p);
}

static const char *last_text(struct arena *a, const struct xml_node *error)
{
    return xml_child_text(a, error, "urn:ietf:params:xml:ns:xmpp-stanzas", "text");
}

static void submit_outcome(struct posting *p)
{
    p->outcome.run = posted_run;
    p->outcome.instead = posted_instead;
    p->outcome.done = posted_done;
    persist_submit(p->gateway->persist, &p->outcome);
}

static void write_posted(struct posting *p)
{
    const struct queue_message *m = &p->parcel->message;

    p->now_s = gateway_now_s(p->gateway);
    gateway_count(p->gateway, p->poison       ? STAT_SET_ASIDE
                              : p->is_refused ? STAT_JABBER_FAILED
                              : p->is_expired ? STAT_JABBER_DROPPED
                                              : STAT_JABBER_DELIVERED);
    if (p->poison)
        outcome_log_set_aside(m, m->items[0].n, p->entry.to, p->poison);
    else
        log_info("jabber", "event=%s id=%s to=%s",
                 p->is_refused   ? "refused"
                 : p->is_expired ? "expired"
                                 : "delivered",
                 p->id, p->entry.to);
    submit_outcome(p);
    courier_poke(p->gateway->stanza_out);
    courier_poke(p->gateway->mail_in);
}

/* What Jabber users wrote is answered with the error; a report that comes back is not reported. */
static void refuse_posting(struct posting *p, const char *condition, const char *text)
{
    if (strcmp(p->parcel->message.origin, "jabber") != 0)
        return;
    p->is_refused = true;
    p->report_id = id_next(&p->gateway->ids);
    jabber_error_init(&p->error, condition, text);
}

/* Again as soon as the stream is back, but what a user waits for not for ever. */
static void post_lost(struct posting *p)
{
    struct gateway *g = p->gateway;

    if (policy_is_given_up(g->settings, &p->parcel->message, gateway_now_s(g)))
        refuse_posting(p, "remote-server-timeout",
                       "The connection to the Jabber server was lost again and again.");
    if (p->is_refused) {
        write_posted(p);
        return;
    }
    if (p->entry.is_accused) {
        submit_outcome(p);
        return;
    }
    courier_return(g->stanza_out, p->parcel);
    posting_free(p);
}

static void post_done(struct window_entry *entry, enum window_result result,
                      const struct xml_node *error)
{
    struct posting *p = (struct posting *)entry;

    if (result == WINDOW_LOST) {
        post_lost(p);
        return;
    }
    if (result == WINDOW_POISON) {
        poison_make_ids(&p->gateway->ids, &p->poison_ids);
        p->poison = arena_strdup(p->arena, entry->reason);
        if (!p->poison)
            p->poison = "the Jabber server closes the stream over it";
    }
    if (result == WINDOW_ERROR)
        refuse_posting(p, outcome_condition(p->arena, error), last_text(p->arena, error));
    write_posted(p);
}

/* A stanza of a Jabber user's that may still be sent says how long it is good for from now on
 * (XEP-0023 §3), not from when it was written. */
static int set_time_left(struct posting *p, int64_t left_s, const char **text, size_t *len)
{
    const struct queue_message *m = &p->parcel->message;
    const struct parser_limits limits = {
        .stanza_bytes = POSTING_MAX, .depth = 64, .attributes = 64};
    struct xml_node *stanza, *x;
    struct buf b;
    struct err e;

    if (parser_read_one(p->arena, m->content, m->content_len, STREAM_NS, &limits, &stanza, &e) < 0)
        return e.class == ERR_RETRY ? -1 : 0; /* it was written here: sent as it stands */
    for (x = stanza->first; x; x = x->next)
        if (x->name && strcmp(x->name, "x") == 0 && strcmp(x->ns, NS_X_EXPIRE) == 0)
            break;
    if (!x)
        return 0;
    if (!xml_set(p->arena, x, "seconds", arena_printf(p->arena, "%lld", (long long)left_s)))
        return -1;
    buf_init(&b, POSTING_MAX);
    xml_write(&b, stanza, STREAM_NS);
    *len = b.len;
    *text = buf_failed(&b) ? NULL : arena_strndup(p->arena, b.data, b.len);
    buf_clear(&b);
    return *text ? 0 : -1;
}

static bool send_posting(struct posting *p)
{
    const struct queue_message *m = &p->parcel->message;
    int64_t left_s = m->deadline_s - gateway_now_s(p->gateway);
    const char *text = m->content;
    size_t len = m->content_len;

    if (m->deadline_s != 0 && left_s <= 0) {
        p->is_expired = true;
        p->report_id = id_next(&p->gateway->ids);
        write_posted(p);
        return true;
    }
    if (m->deadline_s != 0 && set_time_left(p, left_s, &text, &len) < 0) {
        posting_free(p);
        return false;
    }
    switch (window_send(p->gateway->window, &p->entry, text, len)) {
    case 0:
        return true;
    case STREAM_TOO_LARGE:
        refuse_posting(p, "not-acceptable", "The message is too large for the Jabber server.");
        write_posted(p);
        return true;
    default:
        posting_free(p);
        return false;
    }
}

bool deliver_stanza(struct parcel *parcel, void *arg)
{
    struct gateway *g = arg;
    const struct queue_message *m = &parcel->message;
    struct posting *p;

    if (!stream_is_up(g->stream) || !window_has_room(g->window) ||
        (window_is_careful(g->window) && g->preparing > 0))
        return false;
    p = calloc(1, sizeof *p);
    if (!p || !(p->arena = arena_new(POSTING_ARENA_MAX))) {
        free(p);
        return false;
    }
    p->gateway = g;
    p->settings = settings_hold(g->settings);
    p->parcel = parcel;
    id_format(m->id, p->id);
    memcpy(p->id + ID_TEXT_SIZE - 1, "-0", sizeof "-0");
    p->entry.id = p->id;
    p->entry.to = m->items[0].recipient;
    p->entry.done = post_done;
    p->entry.is_suspect = m->items[0].crashes > 0;
    return send_posting(p);
}
