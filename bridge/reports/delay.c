/*
 * delay: a mail's sender hears once that it still waits.
 *
 * Data: how far the queue has been looked through, in the gateway; a notice and the mark that it
 * was written are one transaction.  Loop thread, the rest as store work.  A crash begins the look
 * anew, and the mark keeps anybody from hearing twice.
 */
#include "bridge/reports/delay.h"

#include "base/log.h"
#include "bridge/outcome.h"
#include "mapping/address/people_read.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* A look begins with a whole message and has to get past it. */
    LOOK_MAX = PEOPLE_RECIPIENTS_MAX + 1,
    TELL_MAX = 50,
    ARENA_EXTRA = 1 << 20
};

struct look {
    struct persist_work work;
    struct gateway *gateway;
    struct settings *settings;
    int64_t after_id, before_id, now_s;
    int64_t report_ids[TELL_MAX];
    unsigned told;
    int64_t reached_id;
    bool is_all;
};

static int tell_one(struct store_txn *txn, struct look *l, const struct queue_old *old,
                    struct err *e)
{
    struct arena *a = arena_new((size_t)l->settings->conf->limit.mail_size_max + ARENA_EXTRA);
    struct outcome_report report = {
        .action = REPORT_DELAYED,
        .status = {.code = 451,
                   .enhanced = "4.4.7",
                   .text = "the Jabber server could not take it so far; it is tried further"},
    };
    struct queue_message *m = NULL;
    size_t i;
    int r = a ? queue_get(txn, a, old->id, &m, e) : err_memory(e);

    for (i = 0; r == 0 && m && i < m->item_count; i++) {
        if (m->items[i].n != old->n || !outcome_is_asked(m->items[i].notify, REPORT_DELAYED))
            continue;
        report.reverse_path = m->sender;
        report.recipient = m->items[i].recipient;
        report.arrived_s = m->created_s;
        report.original = m->content;
        report.original_len = m->content_len;
        report.envelope_id = m->envelope_id;
        report.original_recipient = m->items[i].original;
        report.notify = m->items[i].notify;
        r = outcome_report(txn, l->settings, &report, l->report_ids[l->told], l->now_s, e);
        l->told++;
    }
    arena_free(a);
    return r < 0 ? -1 : queue_tell(txn, old->id, old->n, e);
}

static int look_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct look *l = (struct look *)w;
    struct queue_old *old = calloc(LOOK_MAX, sizeof *old);
    size_t count = 0, i;
    int r = old ? queue_old(txn, QUEUE_MAIL_IN, l->after_id, l->before_id, LOOK_MAX, old, &count, e)
                : err_memory(e);

    l->told = 0; /* of an earlier run */
    l->reached_id = l->after_id;
    for (i = 0; r == 0 && i < count && l->told < TELL_MAX; i++) {
        if (old[i].is_waiting && !old[i].is_told)
            r = tell_one(txn, l, &old[i], e);
        l->reached_id = old[i].id;
    }
    /* Other recipients of the last message may not have been looked at. */
    l->is_all = i == count && count < LOOK_MAX;
    if (!l->is_all && l->reached_id > l->after_id)
        l->reached_id--;
    free(old);
    return r;
}

static void look_done(struct persist_work *w, const struct err *e)
{
    struct look *l = (struct look *)w;
    struct gateway *g = l->gateway;

    if (e)
        log_warning("queue", "event=delay-not-told error=\"%s\"", e->text);
    else
        g->delay_seen_id = l->is_all ? l->before_id : l->reached_id;
    if (!e && l->told > 0) {
        log_info("queue", "event=delay-told count=%u", l->told);
        courier_rescan(g->mail_out);
    }
    g->is_delay_looking = false;
    if (!e && !l->is_all && !g->is_stopping)
        delay_look(g);
    settings_drop(l->settings);
    free(l);
}

void delay_look(struct gateway *g)
{
    int64_t after_s = g->settings->conf->queue.delay_notice_s;
    struct look *l;
    size_t i;

    if (after_s == 0 || g->is_delay_looking || !(l = calloc(1, sizeof *l)))
        return;
    l->gateway = g;
    l->settings = settings_hold(g->settings);
    l->now_s = gateway_now_s(g);
    l->after_id = g->delay_seen_id;
    l->before_id = id_first(l->now_s - after_s);
    for (i = 0; i < TELL_MAX; i++)
        l->report_ids[i] = id_next(&g->ids);
    l->work.run = look_run;
    l->work.done = look_done;
    g->is_delay_looking = true;
    persist_submit(g->persist, &l->work);
}
