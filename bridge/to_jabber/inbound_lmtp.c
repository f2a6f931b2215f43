/*
 * inbound_lmtp: mail that arrives by LMTP is accepted for Jabber users.
 *
 * Data: an inquiry for each recipient whose alias only the store knows, an intake for each mail on
 * its way into the store.  Loop thread; both run on the store's writer.  The envelope says all that
 * the queue needs, so the mail itself is not looked into here.  A crash before the commit leaves
 * the mail with the client, which has no answer and sends it again; after it, in the queue.
 */
#include "bridge/to_jabber/inbound_lmtp.h"

#include "base/log.h"
#include "base/step.h"
#include "bridge/to_mail/acquaint.h"
#include "bridge/policy.h"
#include "bridge/rate.h"
#include "bridge/to_jabber/screen.h"
#include "mail/lmtp/lmtp.h"
#include "mapping/mime/header_write.h"
#include "mapping/address/reverse_path.h"
#include "store/queue.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { PARCEL_ARENA = 1 << 20 };

static const struct lmtp_reply try_later = {451, "4.3.0", "out of memory, try again later"};

/* Recipients. */

static const struct lmtp_reply *judge_user(struct gateway *g, const struct settings *s,
                                           struct arena *a, const struct jid *jid)
{
    static const struct lmtp_reply yes = {250, "2.1.5", "a user here"};
    static const struct lmtp_reply no = {550, "5.7.1",
                                         "mail is delivered to users of this server only"};
    static const struct lmtp_reply much = {450, "4.2.1", "too much mail for this user, try later"};
    const char *who;

    if (!policy_may_receive(s, jid))
        return &no;
    who = jid_bare(a, jid);
    if (!who)
        return &try_later;
    return rate_take(g->rate, "lmtp", who, 1, s->conf->lmtp_rate, clock_wall_ms(g->clock)) == 0
               ? &yes
               : &much;
}

static const struct lmtp_reply *judge_trouble(const struct err *e)
{
    static const struct lmtp_reply nobody = {550, "5.1.1", "no such Jabber user here"};
    static const struct lmtp_reply busy = {451, "4.3.0", "try again later"};

    return e->class == ERR_PERMANENT ? &nobody : &busy;
}

/* An address that reports come to has to prove itself: nobody fills the queue by guessing. */
static const struct lmtp_reply *judge_reverse(const struct context *ctx, const char *local)
{
    static const struct lmtp_reply yes = {250, "2.1.5", "reports are welcome"};
    static const struct lmtp_reply expired = {550, "5.1.1", "this address has expired"};
    static const struct lmtp_reply forged = {550, "5.1.1", "no such address for reports"};
    int64_t id;

    switch (reverse_path_check(ctx, local, &id)) {
    case KEYED_OK:
        return &yes;
    case KEYED_EXPIRED:
        return &expired;
    case KEYED_FORGED:
        break;
    }
    return &forged;
}

struct inquiry {
    struct store_work work;
    struct gateway *gateway;
    struct settings *settings;
    struct lmtp_mail *mail;
    struct jid jid;
    bool is_blocked;
    struct err trouble; /* that there is nobody: no failure of the store, to be undone for */
};

static const struct lmtp_reply blocked = {550, "5.7.1", "the recipient has blocked this sender"};

/* What the user does not want is refused while its client is here to be told. */
static int ask_screen(struct store_txn *txn, struct inquiry *q, struct err *e)
{
    struct arena *a = q->mail->arena;
    const char *bare_jid = jid_bare(a, &q->jid), *path = q->mail->sender.path;

    q->is_blocked = false;
    if (!bare_jid)
        return err_memory(e);
    if (!*path || !screen_has(q->gateway->screen, bare_jid))
        return 0;
    return screen_is_blocked(txn, a, bare_jid, path, &q->is_blocked, e);
}

static int inquiry_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct inquiry *q = (struct inquiry *)work;
    const struct lmtp_mail *mail = q->mail;
    struct context ctx;

    settings_context(q->settings, clock_wall_s(q->gateway->clock), &ctx);
    err_clear(&q->trouble);
    if (acquaint_user(txn, &ctx, mail->arena, &mail->recipients[mail->recipient_count - 1].addr,
                      &q->jid, &q->trouble) == 0)
        return ask_screen(txn, q, e);
    if (q->trouble.class == ERR_PERMANENT)
        return 0;
    *e = q->trouble;
    return -1;
}

static void inquiry_done(struct store_work *work, const struct err *e)
{
    struct inquiry *q = (struct inquiry *)work;

    q->gateway->accepting--;
    if (!e && q->trouble.class != ERR_NONE)
        e = &q->trouble;
    lmtp_recipient_answer(
        q->mail, e               ? judge_trouble(e)
                 : q->is_blocked ? &blocked
                                 : judge_user(q->gateway, q->settings, q->mail->arena, &q->jid));
    settings_drop(q->settings);
    free(q);
}

static enum lmtp_when inquire(struct gateway *g, struct lmtp_mail *mail, struct lmtp_reply *out)
{
    struct inquiry *q = calloc(1, sizeof *q);

    *out = try_later;
    if (!q)
        return LMTP_NOW;
    q->gateway = g;
    q->settings = settings_hold(g->settings);
    q->mail = mail;
    q->work.run = inquiry_run;
    q->work.done = inquiry_done;
    if (store_submit(g->store, &q->work) == 0) {
        g->accepting++;
        return LMTP_LATER;
    }
    *out = (struct lmtp_reply){451, "4.3.2", "too much is under way, try again later"};
    settings_drop(q->settings);
    free(q);
    return LMTP_NOW;
}

/* Is there somebody whose rules on senders have to be looked at? */
static bool has_rules(const struct gateway *g, const struct lmtp_mail *mail, const struct jid *jid)
{
    const char *bare_jid = *mail->sender.path ? jid_bare(mail->arena, jid) : NULL;

    return bare_jid && screen_has(g->screen, bare_jid);
}

static enum lmtp_when recipient_named(struct lmtp_mail *mail, struct lmtp_reply *out, void *arg)
{
    struct gateway *g = arg;
    const struct addr *addr = &mail->recipients[mail->recipient_count - 1].addr;
    const struct address_map *map = g->settings->map;
    const char *reverse;
    struct context ctx;
    struct jid jid;
    struct err e;

    if (!address_map_owns_address(map, addr)) {
        *out = (struct lmtp_reply){550, "5.7.1", "not a mail domain of this gateway: no relay"};
        return LMTP_NOW;
    }
    reverse = address_map_reverse(map, addr);
    if (reverse) {
        settings_context(g->settings, gateway_now_s(g), &ctx);
        *out = *judge_reverse(&ctx, reverse);
        return LMTP_NOW;
    }
    if (address_map_stored_alias(map, addr))
        return inquire(g, mail, out);
    if (address_map_mail_to_jid(map, mail->arena, addr, &jid, NULL, &e) < 0)
        *out = *judge_trouble(&e);
    else if (has_rules(g, mail, &jid))
        return inquire(g, mail, out);
    else
        *out = *judge_user(g, g->settings, mail->arena, &jid);
    return LMTP_NOW;
}

/* Trace. */

/* What the client calls itself stands in a field of ours: as a name, or not at all. */
static const char *shown_helo(const struct lmtp_mail *mail)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._:[]";
    const char *helo = mail->helo;

    return *helo && strspn(helo, allowed) == strlen(helo) ? helo : "unknown";
}

/* RFC 5321 §4.4; the protocol's names are those of RFC 3848 and RFC 6531 §4.3.  Whom it is for is
 * said only when there is one: the others need not know. */
static void write_received(const struct gateway *g, const struct lmtp_mail *mail, struct buf *out)
{
    char id[ID_TEXT_SIZE];
    struct buf date;

    buf_printf(out, "Received: from %s", shown_helo(mail));
    if (*mail->peer)
        buf_printf(out, " ([%s%s])", strchr(mail->peer, ':') ? "IPv6:" : "", mail->peer);
    buf_printf(out, "\r\n\tby %s (postern) with %s id %s", g->settings->conf->mail_domain,
               mail->sender.is_utf8 ? "UTF8LMTP" : "LMTP", id_format(mail->id, id));
    if (mail->recipient_count == 1)
        buf_printf(out, "\r\n\tfor <%s>", mail->recipients[0].text);
    buf_init(&date, 200);
    header_date(&date, "Date", gateway_now_s(g));
    if (!buf_failed(&date))
        buf_printf(out, ";\r\n\t%s", date.data + sizeof "Date: " - 1);
    else
        out->failed = true;
    buf_clear(&date);
}

static bool mail_begins(struct lmtp_mail *mail, struct lmtp_reply *no_out, void *arg)
{
    struct gateway *g = arg;

    readers_prepare(g->readers);
    mail->id = id_next(&g->ids);
    buf_printf(&mail->content, "Return-Path: <%s>\r\n", mail->sender.path);
    write_received(g, mail, &mail->content);
    if (!buf_failed(&mail->content))
        return true;
    *no_out = try_later;
    return false;
}

/* Mails. */

struct intake {
    struct store_work work;
    struct gateway *gateway;
    struct lmtp_mail *mail;
    struct parcel *parcel;
};

/* A recipient named twice gets one. */
static bool is_repeated(const struct lmtp_mail *mail, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (addr_is_same(&mail->recipients[i].addr, &mail->recipients[n].addr))
            return true;
    return false;
}

static int add_item(struct arena *a, struct queue_message *m, const struct lmtp_recipient *r)
{
    struct queue_item *item = &m->items[m->item_count];

    item->n = (unsigned)m->item_count++;
    item->recipient = arena_strdup(a, r->text);
    item->next_at_s = m->created_s;
    item->last_error = "";
    item->notify = r->notify;
    if (r->original && !(item->original = arena_strdup(a, r->original)))
        return -1;
    return item->recipient ? 0 : -1;
}

static void set_deadline(struct queue_message *m, const struct lmtp_sender *sender)
{
    if (sender->by == LMTP_BY_NONE)
        return;
    m->expiry = (sender->by == LMTP_BY_RETURN ? INBOUND_BY_RETURN : INBOUND_BY_NOTIFY) |
                (sender->by_trace ? INBOUND_BY_TRACE : 0U);
    m->deadline_s = m->created_s + (sender->by_s > 0 ? sender->by_s : 1);
}

/* The parcel takes the content; all else is copied. */
static int fill_parcel(struct parcel *p, struct lmtp_mail *mail, int64_t now_s)
{
    struct arena *a = parcel_arena(p);
    struct queue_message *m = &p->message;
    size_t i;

    m->id = mail->id;
    m->kind = QUEUE_MAIL_IN;
    m->origin = "lmtp";
    m->created_s = now_s;
    m->ret = mail->sender.ret;
    set_deadline(m, &mail->sender);
    m->sender = arena_strdup(a, mail->sender.path);
    m->items = arena_alloc(a, mail->recipient_count * sizeof *m->items);
    if (!m->sender || !m->items ||
        (mail->sender.envelope_id && !(m->envelope_id = arena_strdup(a, mail->sender.envelope_id))))
        return -1;
    for (i = 0; i < mail->recipient_count; i++)
        if (!is_repeated(mail, i) && add_item(a, m, &mail->recipients[i]) < 0)
            return -1;
    m->lane = queue_lane(m->items[0].recipient);
    p->heap = buf_detach(&mail->content, &m->content_len);
    m->content = p->heap;
    return p->heap ? 0 : -1;
}

static void answer(struct lmtp_mail *mail, const struct lmtp_reply *reply)
{
    struct lmtp_reply replies[100];
    size_t i, count = mail->recipient_count;

    for (i = 0; i < count && i < sizeof replies / sizeof replies[0]; i++)
        replies[i] = *reply;
    lmtp_mail_answer(mail, replies);
}

static int intake_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct intake *in = (struct intake *)work;

    step("lmtp.put");
    return queue_put(txn, &in->parcel->message, e);
}

static void intake_done(struct store_work *work, const struct err *e)
{
    static const struct lmtp_reply taken = {250, "2.0.0", "taken, and safe on disk"};
    static const struct lmtp_reply failed = {451, "4.3.0", "it cannot be stored, try again later"};
    struct intake *in = (struct intake *)work;
    struct gateway *g = in->gateway;
    const struct queue_message *m = &in->parcel->message;
    char id[ID_TEXT_SIZE];

    step("lmtp.stored");
    g->accepting--;
    if (!e)
        gateway_count(g, STAT_MAIL_ACCEPTED);
    if (e)
        log_error("inbound", "event=not-stored origin=lmtp class=%s error=\"%s\"",
                  err_class_name(e->class), e->text);
    else
        log_info("inbound", "event=accepted id=%s origin=lmtp recipients=%zu bytes=%zu",
                 id_format(m->id, id), m->item_count, m->content_len);
    answer(in->mail, e ? &failed : &taken);
    if (e)
        parcel_free(in->parcel);
    else
        courier_offer(g->mail_in, in->parcel);
    free(in);
}

static void mail_arrived(struct lmtp_mail *mail, void *arg)
{
    static const struct lmtp_reply busy = {451, "4.3.2", "too much is under way, try again later"};
    struct gateway *g = arg;
    struct intake *in = calloc(1, sizeof *in);

    if (!in || !(in->parcel = parcel_new(PARCEL_ARENA)) ||
        fill_parcel(in->parcel, mail, gateway_now_s(g)) < 0) {
        answer(mail, &try_later);
        goto drop;
    }
    in->gateway = g;
    in->mail = mail;
    in->work.run = intake_run;
    in->work.done = intake_done;
    if (store_submit(g->store, &in->work) == 0) {
        g->accepting++;
        return;
    }
    answer(mail, &busy);
drop:
    if (in)
        parcel_free(in->parcel);
    free(in);
}

/* Life. */

int inbound_lmtp_open(struct gateway *g, struct err *e)
{
    static const struct lmtp_handler handler = {recipient_named, mail_begins, mail_arrived};
    const struct conf *conf = g->started->conf;
    const struct lmtp_settings settings = {
        .at = &conf->lmtp,
        .mode = conf->lmtp_mode,
        .hostname = conf->mail_domain,
        .size_max = (size_t)conf->limit.mail_size_max,
        .connections_max = conf->lmtp_connections,
    };

    if (!conf->lmtp.text)
        return 0;
    g->lmtp = lmtp_new(g->loop, g->clock, &settings, &handler, g, e);
    if (!g->lmtp)
        return -1;
    log_info("inbound", "event=listening at=\"%s\"", conf->lmtp.text);
    return 0;
}

void inbound_lmtp_stop(struct gateway *g)
{
    if (g->lmtp)
        lmtp_stop(g->lmtp);
}

bool inbound_lmtp_is_idle(const struct gateway *g)
{
    return !g->lmtp || lmtp_is_idle(g->lmtp);
}

void inbound_lmtp_close(struct gateway *g)
{
    lmtp_free(g->lmtp);
    g->lmtp = NULL;
}
