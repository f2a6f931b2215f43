/*
 * leg_report: what went wrong with a mail's recipients is told to its sender in one report.  No
 * data of its own; runs inside the store work that writes the outcome, so a crash leaves neither.
 */
#include "bridge/to_jabber/leg_report.h"

#include "bridge/outcome.h"
#include "bridge/to_jabber/inbound_lmtp.h"

#include <stdlib.h>

/* Those to be told of in one report. */
struct gathering {
    struct shipment *shipment;
    enum report_action action;
    const struct leg **legs;
    size_t count;
};

bool leg_report_is_late(const struct leg *leg)
{
    const struct queue_message *m = &leg->shipment->parcel->message;

    return (m->expiry & INBOUND_BY_NOTIFY) && m->deadline_s != 0 &&
           m->deadline_s <= leg->shipment->now_s;
}

bool leg_report_late_is_due(const struct leg *leg)
{
    return (leg->fate == LEG_LATER || leg->fate == LEG_HELD) && leg_report_is_late(leg);
}

/* 1: it belongs into this report. */
static int is_about(struct store_txn *txn, const struct leg *leg, enum report_action action,
                    struct err *e)
{
    const struct queue_message *m = &leg->shipment->parcel->message;
    bool is_reported;

    if (!outcome_is_asked(leg->item->notify, action))
        return 0;
    if (action == REPORT_DELAYED)
        return leg_report_late_is_due(leg);
    if (leg->fate != LEG_FAILED || leg->is_answer)
        return 0;
    if (outcome_is_reported(txn, m, leg->item->n, &is_reported, e) < 0)
        return -1;
    return !is_reported;
}

static int gather(struct store_txn *txn, struct gathering *g, struct err *e)
{
    size_t count = g->shipment->parcel->message.item_count, i;

    g->legs = calloc(count, sizeof *g->legs);
    if (!g->legs)
        return err_memory(e);
    for (i = 0; i < count; i++) {
        const struct leg *leg = &g->shipment->legs[i];
        int r = is_about(txn, leg, g->action, e);

        if (r < 0)
            return -1;
        if (r > 0)
            g->legs[g->count++] = leg;
    }
    return 0;
}

static struct smtp_status status_of(const struct leg *leg, enum report_action action)
{
    static const struct smtp_status late = {
        .code = 451, .enhanced = "4.4.7", .text = "the time that was given for it (BY) is over"};

    return action == REPORT_DELAYED ? late : leg->status;
}

static struct report_also also_of(const struct leg *leg, enum report_action action)
{
    return (struct report_also){.recipient = leg->item->recipient,
                                .recipient_jid = leg->jid,
                                .original_recipient = leg->item->original,
                                .jabber_condition = action == REPORT_FAILED ? leg->condition : NULL,
                                .status = status_of(leg, action)};
}

/* Of count legs from the first on. */
static int put(struct store_txn *txn, const struct gathering *g, size_t first, size_t count,
               struct err *e)
{
    const struct shipment *s = g->shipment;
    const struct queue_message *m = &s->parcel->message;
    const struct leg *leg = g->legs[first];
    struct report_also *also = calloc(count, sizeof *also);
    struct outcome_report report = {
        .action = g->action,
        .reverse_path = m->sender,
        .recipient = leg->item->recipient,
        .recipient_jid = leg->jid,
        .jabber_condition = g->action == REPORT_FAILED ? leg->condition : NULL,
        .status = status_of(leg, g->action),
        .arrived_s = m->created_s,
        .original = m->content,
        .original_len = m->content_len,
        .envelope_id = m->envelope_id,
        .original_recipient = leg->item->original,
        .ret = m->ret,
        .notify = leg->item->notify,
        .also = also,
        .also_count = count - 1,
    };
    size_t i;
    int r;

    if (!also)
        return err_memory(e);
    for (i = 1; i < count; i++)
        also[i - 1] = also_of(g->legs[first + i], g->action);
    r = outcome_report(txn, s->settings, &report, leg->report_id, s->now_s, e);
    free(also);
    return r;
}

static int tell(struct store_txn *txn, struct shipment *s, enum report_action action, struct err *e)
{
    enum { AT_ONCE = REPORT_ALSO_MAX + 1 };
    struct gathering g = {.shipment = s, .action = action};
    int r = gather(txn, &g, e);
    size_t i, n;

    for (i = 0; r == 0 && i < g.count; i += n) {
        n = g.count - i < AT_ONCE ? g.count - i : AT_ONCE;
        r = put(txn, &g, i, n, e);
    }
    free(g.legs);
    return r;
}

int leg_report_put(struct store_txn *txn, struct shipment *s, struct err *e)
{
    return tell(txn, s, REPORT_FAILED, e) < 0 || tell(txn, s, REPORT_DELAYED, e) < 0 ? -1 : 0;
}
