/*
 * success: reports of success that the envelope of a mail asked for.
 *
 * Data: one sweep at a time through what is due, on its way through the store.  Loop thread; the
 * rest runs inside store work.  A crash leaves what is owed in the store, where the next sweep
 * finds it.
 */
#include "bridge/reports/success.h"

#include "base/log.h"
#include "base/step.h"
#include "bridge/to_jabber/inbound_lmtp.h"
#include "bridge/outcome.h"
#include "bridge/to_jabber/shipment.h"
#include "mapping/report/receipts.h"
#include "store/owed.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEP_MAX = 50, ARENA_MAX = 4 << 20 };

struct sweep {
    struct persist_work work;
    struct gateway *gateway;
    struct settings *settings;
    int64_t now_s, ids[SWEEP_MAX];
    unsigned told;
};

/* ---- what is owed ---- */

static bool is_traced(const struct leg *leg)
{
    return (leg->shipment->parcel->message.expiry & INBOUND_BY_TRACE) &&
           !(leg->item->notify & NOTIFY_NEVER);
}

unsigned success_notify(const struct leg *leg)
{
    return leg->item->notify | (is_traced(leg) ? NOTIFY_SUCCESS : 0U);
}

static bool is_wanted(const struct leg *leg)
{
    return leg->shipment->parcel->message.sender[0] != '\0';
}

int success_owe(struct store_txn *txn, const struct leg *leg, struct err *e)
{
    const struct shipment *s = leg->shipment;

    if (!is_wanted(leg) || !(leg->item->notify & NOTIFY_SUCCESS))
        return 0;
    return owed_put(txn, s->parcel->message.id, leg->item->n,
                    s->now_s + s->settings->conf->lmtp_receipt_wait_s, e);
}

int success_trace(struct store_txn *txn, const struct leg *leg, struct err *e)
{
    if (!is_wanted(leg) || !is_traced(leg) || leg->is_answer)
        return 0;
    return owed_put(txn, leg->shipment->parcel->message.id, leg->item->n, leg->shipment->now_s, e);
}

int success_forget(struct store_txn *txn, int64_t id, unsigned n, struct err *e)
{
    bool was;

    return owed_remove(txn, id, n, &was, e);
}

/* ---- reports ---- */

static int put_report(struct store_txn *txn, const struct settings *s, const struct link *link,
                      enum report_action action, int64_t report_id, int64_t now_s, struct err *e)
{
    const struct outcome_report report = {
        .action = action,
        .reverse_path = link->mail,
        .recipient = link->alias,
        .recipient_jid = link->jid,
        .arrived_s = link->created_s,
        .original = link->mail_header ? link->mail_header : "",
        .original_len = link->mail_header ? strlen(link->mail_header) : 0,
        .envelope_id = link->envelope_id,
        .original_recipient = link->original,
        .notify = link->notify,
    };

    step("success.report");
    return outcome_report(txn, s, &report, report_id, now_s, e);
}

int success_earned(struct store_txn *txn, const struct settings *s, const struct link *link,
                   int64_t report_id, int64_t now_s, bool *told_out, struct err *e)
{
    *told_out = false;
    if (!(link->notify & NOTIFY_SUCCESS))
        return 0;
    if (owed_remove(txn, link->id, link->n, told_out, e) < 0)
        return -1;
    return *told_out ? put_report(txn, s, link, REPORT_DELIVERED, report_id, now_s, e) : 0;
}

struct debt {
    struct sweep *sweep;
    struct owed owed;
    int64_t report_id;
};

static int settle(struct store_txn *txn, void *arg, struct err *e)
{
    const struct debt *d = arg;
    const struct owed *owed = &d->owed;
    struct sweep *w = d->sweep;
    struct arena *a = arena_new(ARENA_MAX);
    struct link *link;
    bool was;
    int r;

    if (!a)
        return err_memory(e);
    r = owed_remove(txn, owed->id, owed->n, &was, e);
    if (r == 0)
        r = links_by_id(txn, a, owed->id, owed->n, &link, e);
    if (r == 0 && link) {
        r = put_report(txn, w->settings, link, REPORT_RELAYED, d->report_id, w->now_s, e);
        w->told += r == 0;
    }
    arena_free(a);
    return r;
}

/* The mail was delivered, only its report can never be written: the others go on without it. */
static int give_up(struct store_txn *txn, const struct owed *owed, const struct err *why,
                   struct err *e)
{
    char id[ID_TEXT_SIZE];
    bool was;

    log_error(
        "receipt",
        "event=never-told id=%s n=%u error=\"%s\" next=\"its sender does not hear that it was "
        "delivered\"",
        id_format(owed->id, id), owed->n, why->text);
    return owed_remove(txn, owed->id, owed->n, &was, e);
}

static int sweep_run(struct store_txn *txn, struct persist_work *work, struct err *e)
{
    struct sweep *w = (struct sweep *)work;
    struct owed due[SWEEP_MAX];
    size_t count, i;

    w->told = 0;
    if (owed_due(txn, w->now_s, due, SWEEP_MAX, &count, e) < 0)
        return -1;
    for (i = 0; i < count; i++) {
        struct debt debt = {.sweep = w, .owed = due[i], .report_id = w->ids[i]};
        struct err why;

        if (store_try(txn, settle, &debt, e) == 0)
            continue;
        why = *e;
        if (why.class == ERR_RETRY || give_up(txn, &due[i], &why, e) < 0)
            return -1;
    }
    return 0;
}

static void sweep_done(struct persist_work *work, const struct err *e)
{
    struct sweep *w = (struct sweep *)work;
    struct gateway *g = w->gateway;

    g->is_sweeping = false;
    if (e)
        log_warning("receipt", "event=not-told error=\"%s\"", e->text);
    else if (w->told > 0)
        log_info("receipt", "event=relayed reports=%u", w->told);
    if (!e && w->told > 0)
        courier_rescan(g->mail_out);
    settings_drop(w->settings);
    free(w);
}

void success_tick(struct gateway *g)
{
    struct sweep *w;
    size_t i;

    if (!g->lmtp || g->is_sweeping || g->is_stopping)
        return;
    w = calloc(1, sizeof *w);
    if (!w)
        return;
    w->gateway = g;
    w->settings = settings_hold(g->settings);
    w->now_s = gateway_now_s(g);
    for (i = 0; i < SWEEP_MAX; i++)
        w->ids[i] = id_next(&g->ids);
    w->work.run = sweep_run;
    w->work.done = sweep_done;
    g->is_sweeping = true;
    persist_submit(g->persist, &w->work);
}
