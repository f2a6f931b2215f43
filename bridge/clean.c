/*
 * clean: forgets what is old, and mends what a clock that was set back has left too far ahead.
 *
 * One piece of store work, a bounded number of rows of each kind at a time.  A crash costs nothing:
 * the next round finds the same rows.
 */
#include "bridge/clean.h"

#include <stdlib.h>

#include "base/log.h"
#include "bridge/rate.h"
#include "bridge/reports/poison.h"
#include "bridge/wiring.h"
#include "store/faces.h"
#include "store/files.h"
#include "store/life.h"
#include "store/links.h"
#include "store/newcomers.h"
#include "store/people.h"
#include "store/uploads.h"

enum {
    CLEAN_COUNT = 1000,
    DAY_S = 86400,
    LINK_KEEP_S = 60 * DAY_S,
    SPELLING_KEEP_S = 400 * DAY_S,
    ALIAS_KEEP_S = 5 * 365 * DAY_S /* mail may come to it after years */
};

struct cleaning {
    struct persist_work work;
    struct settings *settings;
    struct gateway *gateway;
    struct poison_ids ids; /* of the messages to the administrators */
    bool has_told;
    unsigned hastened; /* items */
    int64_t now_s;
};

static int clean_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct cleaning *c = (struct cleaning *)w;
    unsigned count;

    if (life_renew(txn, c->now_s, e) < 0 ||
        queue_hasten(txn, c->now_s + 2 * c->settings->conf->queue.retry_max_s, c->now_s,
                     RATE_AHEAD_S, CLEAN_COUNT, &c->hastened, e) < 0 ||
        poison_expire(txn, c->settings, c->now_s - c->settings->conf->queue.lifetime_s, CLEAN_COUNT,
                      &c->ids, c->now_s, &c->has_told, e) < 0)
        return -1;
    if (links_expire(txn, c->now_s - LINK_KEEP_S, CLEAN_COUNT, &count, e) < 0)
        return -1;
    if (faces_expire(txn, c->now_s - SPELLING_KEEP_S, CLEAN_COUNT, e) < 0)
        return -1;
    if (newcomers_expire(txn, c->now_s - SPELLING_KEEP_S, CLEAN_COUNT, e) < 0)
        return -1;
    if (people_expire(txn, c->now_s - SPELLING_KEEP_S, c->now_s - ALIAS_KEEP_S,
                      c->now_s - LINK_KEEP_S, CLEAN_COUNT, e) < 0)
        return -1;
    /* As long as a mail may wait. */
    if (uploads_expire(txn, c->now_s - c->settings->conf->queue.lifetime_s - DAY_S, CLEAN_COUNT,
                       e) < 0)
        return -1;
    return files_expire(txn, c->now_s, CLEAN_COUNT, &count, e);
}

static void clean_done(struct persist_work *w, const struct err *e)
{
    struct cleaning *c = (struct cleaning *)w;

    if (e)
        log_warning("store", "event=cleaning-failed error=\"%s\"", e->text);
    if (c->has_told)
        courier_rescan(c->gateway->stanza_out);
    if (!e && c->hastened > 0) {
        log_warning("queue", "event=clock-set-back items=%u next=\"they are due now\"",
                    c->hastened);
        gateway_rescan(c->gateway);
    }
    settings_drop(c->settings);
    free(c);
}

void clean_start(struct gateway *g)
{
    struct cleaning *c = calloc(1, sizeof *c);

    if (!c)
        return;
    c->gateway = g;
    c->now_s = gateway_now_s(g);
    c->settings = settings_hold(g->settings);
    poison_make_ids(&g->ids, &c->ids);
    c->work.run = clean_run;
    c->work.done = clean_done;
    persist_submit(g->persist, &c->work);
}
