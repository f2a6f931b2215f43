/*
 * poison: a message that brings down whoever works on it is set aside.  No data of its own; runs
 * inside store work, so a crash leaves either the item as it was, or set aside and told of.
 */
#include "bridge/reports/poison.h"

#include "base/log.h"
#include "bridge/gateway.h"
#include "bridge/outcome.h"
#include "component/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_MAX = 1 << 20, LISTED_MAX = 20 };

void poison_make_ids(struct id_maker *maker, struct poison_ids *out)
{
    size_t i;

    out->report = id_next(maker);
    for (i = 0; i < POISON_ADMINS; i++)
        out->admins[i] = id_next(maker);
}

/* Telling. */

static const char *admin_stanza(struct arena *a, const struct settings *s, const char *to,
                                int64_t id, const char *text)
{
    struct xml_node *stanza = xml_new(a, STREAM_NS, "message");
    const char *out = NULL;
    char number[ID_TEXT_SIZE];
    struct buf b;

    if (!stanza)
        return NULL;
    xml_set(a, stanza, "from", address_map_gateway(s->map));
    xml_set(a, stanza, "to", to);
    xml_set(a, stanza, "id", arena_printf(a, "%s-0", id_format(id, number)));
    xml_add_with_text(a, stanza, STREAM_NS, "subject", "The mail gateway needs you");
    if (!xml_add_with_text(a, stanza, STREAM_NS, "body", text))
        return NULL;
    buf_init(&b, ARENA_MAX);
    xml_write(&b, stanza, STREAM_NS);
    if (!buf_failed(&b))
        out = arena_strndup(a, b.data, b.len);
    buf_clear(&b);
    return out;
}

static int tell_admin(struct store_txn *txn, struct arena *a, const struct settings *s,
                      const char *to, int64_t id, const char *text, int64_t now_s, struct err *e)
{
    struct queue_item item = {.recipient = to, .next_at_s = now_s, .last_error = ""};
    struct queue_message m = {
        .id = id,
        .kind = QUEUE_STANZA_OUT,
        .sender = address_map_gateway(s->map),
        .origin = "notice",
        .created_s = now_s,
        .content = admin_stanza(a, s, to, id, text),
        .lane = queue_lane(to),
        .items = &item,
        .item_count = 1,
    };

    if (!m.content)
        return err_memory(e);
    m.content_len = strlen(m.content);
    return queue_put(txn, &m, e);
}

int poison_tell_admins(struct store_txn *txn, const struct settings *s, const char *text,
                       const struct poison_ids *ids, int64_t now_s, bool *told_out, struct err *e)
{
    size_t count = s->conf->admin_jid_count, i;
    struct arena *a = arena_new(ARENA_MAX);
    int r = 0;

    *told_out = false;
    if (!a)
        return err_memory(e);
    for (i = 0; i < count && i < POISON_ADMINS && r == 0; i++)
        r = tell_admin(txn, a, s, s->conf->admin_jids[i], ids->admins[i], text, now_s, e);
    *told_out = r == 0 && count > 0;
    arena_free(a);
    return r;
}

/* A mail's sender, by a delivery report. */
static int report_to_mail(struct store_txn *txn, const struct settings *s,
                          const struct queue_message *m, const struct queue_item *item,
                          const struct poison_ids *ids, int64_t now_s, struct err *e)
{
    struct outcome_report report = {
        .reverse_path = m->sender,
        .recipient = item->recipient,
        .status = {.code = 554,
                   .enhanced = "5.3.0",
                   .text = "the gateway failed at this message and has set it aside"},
        .arrived_s = m->created_s,
        .original = m->content,
        .original_len = m->content_len,
        .envelope_id = m->envelope_id,
        .original_recipient = item->original,
        .ret = m->ret,
        .notify = item->notify,
    };

    return outcome_report(txn, s, &report, ids->report, now_s, e);
}

/* A Jabber user, by an error for their message. */
static int report_to_jabber(struct store_txn *txn, const struct queue_message *m, unsigned n,
                            const struct poison_ids *ids, int64_t now_s, bool *told_out,
                            struct err *e)
{
    struct arena *a = arena_new(ARENA_MAX);
    struct jabber_error error;
    struct link *link;
    int r = -1;

    if (!a)
        return err_memory(e);
    jabber_error_init(&error, "internal-server-error",
                      "The gateway failed at this message and has set it aside. Its administrators "
                      "can see it.");
    error.type = "cancel"; /* it is not tried again by itself */
    if (links_by_id(txn, a, m->id, n, &link, e) == 0)
        r = link ? outcome_error(txn, a, link, &error, ids->report, now_s, e) : 0;
    *told_out = r == 0 && link;
    arena_free(a);
    return r;
}

static int tell_of(struct store_txn *txn, const struct settings *s, const struct queue_message *m,
                   const struct queue_item *item, const char *why, const struct poison_ids *ids,
                   int64_t now_s, bool *told_out, struct err *e)
{
    char id[ID_TEXT_SIZE], text[2048];

    *told_out = false;
    if (m->kind == QUEUE_MAIL_IN && m->sender[0]) {
        *told_out = true;
        return report_to_mail(txn, s, m, item, ids, now_s, e);
    }
    if (m->kind != QUEUE_MAIL_IN && strcmp(m->origin, "jabber") == 0 &&
        report_to_jabber(txn, m, item->n, ids, now_s, told_out, e) < 0)
        return -1;
    if (*told_out)
        return 0;
    id_format(m->id, id);
    snprintf(text, sizeof text,
             "The message %s for %.200s cannot be handled and has been set aside. Nobody else has "
             "been told of it.\n%.500s\nSee it with `postern queue show %s`, try it again with "
             "`postern queue retry %s`, remove it with `postern queue drop %s`.",
             id, item->recipient[0] ? item->recipient : "nobody", why, id, id, id);
    return poison_tell_admins(txn, s, text, ids, now_s, told_out, e);
}

int poison_set_aside(struct store_txn *txn, const struct settings *s, const struct queue_message *m,
                     const struct queue_item *item, const char *why, const struct poison_ids *ids,
                     int64_t now_s, struct err *e)
{
    bool is_told, is_there;

    if (queue_has(txn, m->id, item->n, &is_there, e) < 0)
        return -1;
    if (!is_there)
        return 0;
    if (tell_of(txn, s, m, item, why, ids, now_s, &is_told, e) < 0)
        return -1;
    return queue_set_aside(txn, m->id, item->n, why, is_told, now_s, e);
}

int poison_blame(struct store_txn *txn, const struct settings *s, const struct queue_message *m,
                 const struct queue_item *item, const char *why, const struct poison_ids *ids,
                 int64_t now_s, unsigned *crashes_out, struct err *e)
{
    if (queue_blame(txn, m->id, item->n, why, crashes_out, e) < 0)
        return -1;
    if (*crashes_out < POISON_CRASHES)
        return 0;
    return poison_set_aside(txn, s, m, item, why, ids, now_s, e);
}

/* The end of what was set aside. */

int poison_expire(struct store_txn *txn, const struct settings *s, int64_t before_s,
                  unsigned count_max, const struct poison_ids *ids, int64_t now_s, bool *told_out,
                  struct err *e)
{
    struct queue_aside aside;
    unsigned untold = 0, i;
    char id[ID_TEXT_SIZE];
    struct buf b;
    int r = 1;

    *told_out = false;
    buf_init(&b, 4096);
    buf_adds(&b,
             "Nobody was told of these messages that were set aside; their time in the queue is "
             "over, and they have been removed:");
    for (i = 0; i < count_max && r > 0; i++) {
        r = queue_oldest_aside(txn, before_s, &aside, e);
        if (r <= 0)
            break;
        log_warning("queue", "event=removed id=%s n=%u reason=\"set aside for too long\"",
                    id_format(aside.id, id), aside.n);
        if (!aside.is_told && untold++ < LISTED_MAX)
            buf_printf(&b, " %s", id);
        if (queue_remove(txn, aside.id, aside.n, e) < 0)
            r = -1;
    }
    if (untold > LISTED_MAX)
        buf_printf(&b, " and %u more", untold - LISTED_MAX);
    if (r >= 0 && untold > 0)
        r = buf_failed(&b) ? err_memory(e)
                           : poison_tell_admins(txn, s, b.data, ids, now_s, told_out, e);
    buf_clear(&b);
    return r < 0 ? -1 : 0;
}

/* What was set aside and nobody was told of. */

struct announcement {
    struct persist_work work;
    struct gateway *gateway;
    struct settings *settings;
    struct poison_ids ids;
    int64_t id, now_s;
    unsigned n;
    char why[200];
    bool is_told;
};

static int announce_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct announcement *a = (struct announcement *)w;
    char id[ID_TEXT_SIZE], text[1024];

    id_format(a->id, id);
    snprintf(
        text, sizeof text,
        "A message has been set aside: %s. Nobody else has been told of it. See it with `postern "
        "queue show %s`; there may be more of them in `postern queue list`.",
        a->why, id);
    if (poison_tell_admins(txn, a->settings, text, &a->ids, a->now_s, &a->is_told, e) < 0)
        return -1;
    return a->is_told ? queue_set_aside(txn, a->id, a->n, a->why, true, a->now_s, e) : 0;
}

static void announce_done(struct persist_work *w, const struct err *e)
{
    struct announcement *a = (struct announcement *)w;

    if (e)
        log_warning("queue", "event=administrators-not-told error=\"%s\"", e->text);
    else if (a->is_told)
        courier_rescan(a->gateway->stanza_out);
    settings_drop(a->settings);
    free(a);
}

void poison_announce(struct gateway *g, int64_t id, unsigned n, const char *why)
{
    int64_t now_s = gateway_now_s(g);
    struct announcement *a;

    if (g->settings->conf->admin_jid_count == 0 ||
        (g->admins_told_s <= now_s && now_s < g->admins_told_s + POISON_TELL_S))
        return;
    a = calloc(1, sizeof *a);
    if (!a)
        return; /* it stands in the log, and they hear of it when its time is over */
    g->admins_told_s = now_s;
    a->gateway = g;
    a->settings = settings_hold(g->settings);
    a->id = id;
    a->n = n;
    a->now_s = now_s;
    snprintf(a->why, sizeof a->why, "%s", why);
    poison_make_ids(&g->ids, &a->ids);
    a->work.run = announce_run;
    a->work.done = announce_done;
    persist_submit(g->persist, &a->work);
}

void poison_given_up(struct gateway *g, const struct queue_message *m, unsigned n, const char *why)
{
    const char *to = "";
    size_t i;

    for (i = 0; i < m->item_count; i++)
        if (m->items[i].n == n)
            to = m->items[i].recipient;
    gateway_count(g, STAT_SET_ASIDE);
    outcome_log_set_aside(m, n, to, why);
    poison_announce(g, m->id, n, why);
}

/* The start. */

struct stock {
    struct flight *flight;
    const struct settings *settings;
    struct id_maker *maker;
    int64_t now_s;
};

static int blame_message(struct store_txn *txn, const struct stock *k,
                         const struct queue_message *m, struct err *e)
{
    char id[ID_TEXT_SIZE];
    unsigned crashes;
    size_t i;

    for (i = 0; i < m->item_count; i++) {
        const struct queue_item *item = &m->items[i];
        struct poison_ids ids;

        if (item->is_set_aside || item->next_at_s > k->now_s)
            continue; /* it was not in work */
        poison_make_ids(k->maker, &ids);
        if (poison_blame(txn, k->settings, m, item,
                         "the gateway ended in the middle of the work on it", &ids, k->now_s,
                         &crashes, e) < 0)
            return -1;
        log_warning("queue", "event=%s id=%s n=%u crashes=%u%s",
                    crashes < POISON_CRASHES ? "suspected" : "set-aside", id_format(m->id, id),
                    item->n, crashes, crashes < POISON_CRASHES ? "" : " see=\"postern queue\"");
    }
    return 0;
}

static int take_stock(struct store_txn *txn, void *arg, struct err *e)
{
    const struct stock *k = arg;
    const int64_t *ids;
    size_t count = flight_suspects(k->flight, &ids), i;
    bool is_new;
    int r = 0;

    if (flight_note(k->flight, txn, &is_new, e) < 0)
        return -1;
    for (i = 0; is_new && i < count && r == 0; i++) {
        struct arena *a = arena_new((size_t)k->settings->conf->limit.mail_size_max + ARENA_MAX);
        struct queue_message *m;

        r = a ? queue_get(txn, a, ids[i], &m, e) : err_memory(e);
        if (r == 0 && m)
            r = blame_message(txn, k, m, e);
        arena_free(a);
    }
    return r;
}

int poison_take_stock(struct store *store, struct flight *flight, const struct settings *s,
                      struct id_maker *maker, int64_t now_s, struct err *e)
{
    struct stock k = {flight, s, maker, now_s};

    return store_now(store, take_stock, &k, e);
}
