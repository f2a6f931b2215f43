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
    /* A look begins with a whole message, and sees where it ends. */
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

/* Those of one message that wait and whose sender has not been told. */
struct waiters {
    const struct queue_old *old;
    size_t count;
};

static bool is_waiter(const struct waiters *w, const struct queue_item *item)
{
    size_t i;

    for (i = 0; i < w->count; i++)
        if (w->old[i].n == item->n)
            return w->old[i].is_waiting && !w->old[i].is_told;
    return false;
}

static const struct smtp_status waits = {
    .code = 451,
    .enhanced = "4.4.7",
    .text = "the Jabber server could not take it so far; it is tried further"};

/* All in one report. */
static int put_report(struct store_txn *txn, struct look *l, const struct queue_message *m,
                      const struct waiters *w, struct report_also *also, struct err *e)
{
    struct outcome_report report = {.action = REPORT_DELAYED,
                                    .status = waits,
                                    .reverse_path = m->sender,
                                    .arrived_s = m->created_s,
                                    .original = m->content,
                                    .original_len = m->content_len,
                                    .envelope_id = m->envelope_id,
                                    .also = also};
    size_t i;

    for (i = 0; i < m->item_count; i++) {
        const struct queue_item *item = &m->items[i];

        if (!is_waiter(w, item) || !outcome_is_asked(item->notify, REPORT_DELAYED))
            continue;
        if (!report.recipient) {
            report.recipient = item->recipient;
            report.original_recipient = item->original;
            report.notify = item->notify;
        } else if (report.also_count < REPORT_ALSO_MAX) {
            also[report.also_count++] = (struct report_also){.recipient = item->recipient,
                                                             .original_recipient = item->original,
                                                             .status = waits};
        }
    }
    if (!report.recipient)
        return 0;
    return outcome_report(txn, l->settings, &report, l->report_ids[l->told++], l->now_s, e);
}

static int tell_of(struct store_txn *txn, struct look *l, const struct waiters *w, struct err *e)
{
    struct arena *a = arena_new((size_t)l->settings->conf->limit.mail_size_max + ARENA_EXTRA);
    struct report_also *also = calloc(w->count, sizeof *also);
    struct queue_message *m = NULL;
    size_t i;
    int r = a && also ? queue_get(txn, a, w->old[0].id, &m, e) : err_memory(e);

    if (r == 0 && m)
        r = put_report(txn, l, m, w, also, e);
    for (i = 0; r == 0 && i < w->count; i++)
        if (w->old[i].is_waiting && !w->old[i].is_told)
            r = queue_tell(txn, w->old[i].id, w->old[i].n, e);
    free(also);
    arena_free(a);
    return r;
}

/* How many of them, from the first on, are of one message. */
static size_t message_len(const struct queue_old *old, size_t count)
{
    size_t n = 1;

    while (n < count && old[n].id == old[0].id)
        n++;
    return n;
}

static bool has_waiter(const struct queue_old *old, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (old[i].is_waiting && !old[i].is_told)
            return true;
    return false;
}

static int look_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct look *l = (struct look *)w;
    struct queue_old *old = calloc(LOOK_MAX, sizeof *old);
    size_t count = 0, i, n;
    int r = old ? queue_old(txn, QUEUE_MAIL_IN, l->after_id, l->before_id, LOOK_MAX, old, &count, e)
                : err_memory(e);

    l->told = 0; /* of an earlier run */
    l->reached_id = l->after_id;
    for (i = 0; r == 0 && i < count && l->told < TELL_MAX; i += n) {
        n = message_len(old + i, count - i);
        if (i > 0 && i + n == LOOK_MAX)
            break; /* there may be more of it: the next look begins with it */
        if (has_waiter(old + i, n))
            r = tell_of(txn, l, &(struct waiters){old + i, n}, e);
        l->reached_id = old[i].id;
    }
    l->is_all = i == count && count < LOOK_MAX;
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
