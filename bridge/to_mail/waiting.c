/*
 * waiting: items that asked to be told when they have to wait, oldest first.
 *
 * Owns a ring of what is looked after and one timer for its head.  Whether an item still waits is
 * asked of the store, inside the work that queues the notice, so it cannot be told of one that has
 * just gone.  Loop thread.  A crash forgets the ring: the next attempt that fails tells as well,
 * and the link remembers what was told.
 */
#include "bridge/to_mail/waiting.h"

#include "base/log.h"
#include "bridge/outcome.h"
#include "mapping/report/receipts.h"

#include <stdlib.h>

enum { WAIT_MS = 2000, ITEMS_MAX = 4096, BATCH_MAX = 256 };

struct waiter {
    int64_t id, due_ms;
    unsigned n;
};

struct waiting {
    struct gateway *gateway;
    struct loop_timer *timer;
    struct waiter ring[ITEMS_MAX];
    size_t first, count;
};

struct telling {
    struct persist_work work;
    struct gateway *gateway;
    int64_t now_s;
    size_t count, told;
    struct {
        int64_t id, notice_id;
        unsigned n;
    } items[BATCH_MAX];
};

static int tell_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct telling *t = (struct telling *)w;
    size_t i;

    t->told = 0;
    for (i = 0; i < t->count; i++) {
        bool is_there;
        int r;

        if (queue_has(txn, t->items[i].id, t->items[i].n, &is_there, e) < 0)
            return -1;
        if (!is_there)
            continue;
        r = outcome_item_notice(txn, t->items[i].id, t->items[i].n, NOTICE_OFFLINE,
                                t->items[i].notice_id, t->now_s, e);
        if (r < 0)
            return -1;
        t->told += r > 0;
    }
    return 0;
}

static void tell_done(struct persist_work *w, const struct err *e)
{
    struct telling *t = (struct telling *)w;

    if (e)
        log_warning("waiting", "event=not-told error=\"%s\"", e->text);
    else if (t->told > 0)
        courier_rescan(t->gateway->stanza_out);
    free(t);
}

static void set_timer(struct waiting *w)
{
    int64_t left;

    if (w->count == 0 || loop_timer_is_pending(w->timer))
        return;
    left = w->ring[w->first].due_ms - clock_mono_ms(w->gateway->clock);
    loop_timer_start(w->timer, left > 0 ? left : 0);
}

static void fall_due(void *arg)
{
    struct waiting *w = arg;
    struct gateway *g = w->gateway;
    struct telling *t = calloc(1, sizeof *t);
    int64_t now_ms = clock_mono_ms(g->clock);

    while (w->count > 0 && w->ring[w->first].due_ms <= now_ms && (!t || t->count < BATCH_MAX)) {
        const struct waiter *item = &w->ring[w->first];

        if (t) { /* without memory nobody is told: a remark is lost, not a message */
            t->items[t->count].id = item->id;
            t->items[t->count].n = item->n;
            t->items[t->count++].notice_id = id_next(&g->ids);
        }
        w->first = (w->first + 1) % ITEMS_MAX;
        w->count--;
    }
    set_timer(w);
    if (!t || t->count == 0) {
        free(t);
        return;
    }
    t->gateway = g;
    t->now_s = gateway_now_s(g);
    t->work.run = tell_run;
    t->work.done = tell_done;
    persist_submit(g->persist, &t->work);
}

struct waiting *waiting_new(struct gateway *g)
{
    struct waiting *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->gateway = g;
    w->timer = loop_timer_new(g->loop, fall_due, w);
    if (!w->timer) {
        free(w);
        return NULL;
    }
    return w;
}

void waiting_free(struct waiting *w)
{
    if (!w)
        return;
    loop_timer_free(w->timer);
    free(w);
}

void waiting_add(struct waiting *w, const struct queue_message *m)
{
    int64_t due_ms = clock_mono_ms(w->gateway->clock) + WAIT_MS;
    size_t i;

    for (i = 0; i < m->item_count && w->count < ITEMS_MAX; i++)
        if (m->items[i].notify & NOTIFY_DELAY)
            w->ring[(w->first + w->count++) % ITEMS_MAX] =
                (struct waiter){.id = m->id, .due_ms = due_ms, .n = m->items[i].n};
    set_timer(w);
}
