/*
 * receipt: from a marker or event to a disposition notification and flags.
 *
 * Data: one struct receipt for each notice on its way through the store.  Loop thread; looking up
 * the link and queueing the notification run on the writer, in one transaction with the link's
 * forgetting that it was asked, so it is sent once.  A client may be faster than the barrier behind
 * which the link is written: then it is looked for again, a little later, a few times.  A crash
 * loses a flag in the mailbox, or a notification nobody was promised.
 */
#include "bridge/reports/receipt.h"

#include "base/log.h"
#include "bridge/people/consent.h"
#include "bridge/to_jabber/inbound.h"
#include "bridge/reports/success.h"
#include "mapping/report/mdn_write.h"
#include "mapping/report/receipts.h"
#include "store/links.h"

#include <stdlib.h>
#include <string.h>

enum {
    ARENA_MAX = 1 << 20,
    MDN_MAX = 1 << 20,
    AGAIN_MS = 700,
    TRIES_MAX = 12,
    UNDER_WAY_MAX = 1000
};

struct receipt {
    struct persist_work work;
    struct gateway *gateway;
    struct settings *settings;
    struct loop_timer *again;
    struct arena *arena;
    const char *jid, *contact, *stanza_id;
    unsigned tries;
    int64_t id, report_id, now_s;
    /* found on the writer */
    struct link *link;
    bool is_displayed; /* else only delivered */
    bool is_sent, is_reported;
    struct receipt *next, **place;
};

static void receipt_free(struct receipt *r)
{
    r->gateway->receipt_count--;
    *r->place = r->next;
    if (r->next)
        r->next->place = r->place;
    loop_timer_free(r->again);
    settings_drop(r->settings);
    arena_free(r->arena);
    free(r);
}

/* ---- on the writer ---- */

static int put_notification(struct store_txn *txn, struct receipt *r, struct err *e)
{
    const struct link *link = r->link;
    struct mdn_input in = {
        .id = r->id,
        .to = link->mail,
        .recipient = link->alias,
        .original_message_id = link->message_id,
        .original_subject = link->subject,
        .original = link->mail_header,
        .original_len = link->mail_header ? strlen(link->mail_header) : 0,
    };
    struct queue_item item = {.recipient = link->mail,
                              .next_at_s = r->now_s,
                              .last_error = "",
                              .notify = NOTIFY_NEVER}; /* RFC 8098 §3 */
    struct queue_message m = {.id = r->id,
                              .kind = QUEUE_MAIL_OUT,
                              .sender = "",
                              .origin = "report",
                              .created_s = r->now_s,
                              .lane = queue_lane(link->mail),
                              .items = &item,
                              .item_count = 1};
    struct context ctx;
    struct buf b;
    int rc;

    settings_context(r->settings, r->now_s, &ctx);
    buf_init(&b, MDN_MAX);
    rc = mdn_write(&ctx, &in, &b, e);
    m.content = b.data;
    m.content_len = b.len;
    if (rc == 0)
        rc = queue_put(txn, &m, e);
    buf_clear(&b);
    return rc;
}

static int find_owed(struct store_txn *txn, const struct receipt *r, bool *owed_out, struct err *e)
{
    *owed_out = false;
    if (!(r->link->asked & LINK_ASKED_DISPLAYED) || r->link->mail[0] == '\0')
        return 0;
    return consent_given(txn, r->settings, r->jid, owed_out, e);
}

static int receipt_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct receipt *r = (struct receipt *)w;
    bool is_owed;

    r->is_sent = r->is_reported = false;
    if (links_by_stanza_id(txn, r->arena, r->jid, r->contact, r->stanza_id, &r->link, e) < 0)
        return -1;
    if (r->link && r->link->direction != LINK_TO_JABBER)
        r->link = NULL;
    if (!r->link)
        return 0;
    if (success_earned(txn, r->settings, r->link, r->report_id, r->now_s, &r->is_reported, e) < 0)
        return -1;
    if (!r->is_displayed)
        return 0;
    if (find_owed(txn, r, &is_owed, e) < 0)
        return -1;
    if (!is_owed)
        return 0;
    if (put_notification(txn, r, e) < 0)
        return -1;
    r->link->asked &= ~(unsigned)LINK_ASKED_DISPLAYED;
    r->is_sent = true;
    return links_put(txn, r->link, e);
}

/* ---- on the loop ---- */

static void submit(void *arg)
{
    struct receipt *r = arg;

    r->tries++;
    persist_submit(r->gateway->persist, &r->work);
}

static void receipt_done(struct persist_work *w, const struct err *e)
{
    struct receipt *r = (struct receipt *)w;
    char id[ID_TEXT_SIZE];

    if (e) {
        log_warning("receipt", "event=not-told error=\"%s\"", e->text);
    } else if (!r->link && r->tries < TRIES_MAX && !r->gateway->is_stopping) {
        loop_timer_start(r->again, AGAIN_MS);
        return;
    } else if (r->link) {
        if (r->is_displayed)
            inbound_flag(r->gateway, r->link->origin, r->link->uidvalidity, r->link->uid,
                         IMAP_FLAG_SEEN | (r->is_sent ? IMAP_FLAG_MDN_SENT : 0U));
        if (r->is_sent || r->is_reported)
            courier_rescan(r->gateway->mail_out);
        log_info("receipt", "event=%s id=%s told=%s", r->is_displayed ? "displayed" : "delivered",
                 id_format(r->link->id, id), r->is_sent || r->is_reported ? "yes" : "no");
    }
    receipt_free(r);
}

static struct receipt *receipt_new(struct gateway *g, const struct letter *letter,
                                   const char *bare_jid)
{
    struct receipt *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->gateway = g;
    g->receipt_count++;
    r->next = g->receipts;
    if (r->next)
        r->next->place = &r->next;
    r->place = &g->receipts;
    g->receipts = r;
    r->settings = settings_hold(g->settings);
    r->arena = arena_new(ARENA_MAX);
    r->again = loop_timer_new(g->loop, submit, r);
    if (!r->arena || !r->again)
        goto fail;
    r->jid = arena_strdup(r->arena, bare_jid);
    r->contact = jid_bare(r->arena, &letter->recipients->jid);
    r->stanza_id = arena_strdup(r->arena, letter->notice_id);
    if (r->jid && r->contact && r->stanza_id)
        return r;
fail:
    receipt_free(r);
    return NULL;
}

void receipt_arrived(struct gateway *g, const struct letter *letter, const char *bare_jid)
{
    struct receipt *r;

    if ((letter->notice_kind != NOTICE_DISPLAYED && letter->notice_kind != NOTICE_DELIVERED) ||
        g->receipt_count >= UNDER_WAY_MAX)
        return;
    r = receipt_new(g, letter, bare_jid);
    if (!r)
        return;
    r->is_displayed = letter->notice_kind == NOTICE_DISPLAYED;
    r->id = id_next(&g->ids);
    r->report_id = id_next(&g->ids);
    r->now_s = gateway_now_s(g);
    r->work.run = receipt_run;
    r->work.done = receipt_done;
    submit(r);
}

void receipt_close(struct gateway *g)
{
    while (g->receipts)
        receipt_free(g->receipts);
}
