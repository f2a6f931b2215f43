/*
 * persist: tries store work again until it is done.  Owns the list of work that waits for its next
 * try; loop thread.  A crash leaves the items of unfinished work in the queue, where they are found
 * again.
 */
#include "bridge/persist.h"

#include "base/log.h"

#include <stdlib.h>

enum { RETRY_MS = 1000 };

struct persist {
    struct loop *loop;
    struct store *store;
    struct loop_timer *timer;
    struct persist_work *first, **end;
    bool is_failing; /* already said in the log */
};

static void put_off(struct persist *p, struct persist_work *w)
{
    w->next = NULL;
    *p->end = w;
    p->end = &w->next;
    if (!loop_timer_is_pending(p->timer))
        loop_timer_start(p->timer, RETRY_MS);
}

static int run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct persist_work *w = (struct persist_work *)work; /* its first member */

    return w->why.class == ERR_NONE ? w->run(txn, w, e) : w->instead(txn, w, e);
}

static void submit(struct persist *p, struct persist_work *w)
{
    if (store_submit(p->store, &w->work) < 0)
        put_off(p, w);
}

static void done(struct store_work *work, const struct err *e)
{
    struct persist_work *w = (struct persist_work *)work;
    struct persist *p = w->persist;

    if (e && e->class != ERR_RETRY && w->instead && w->why.class == ERR_NONE) {
        log_error("store",
                  "event=never-written error=\"%s\" next=\"what cannot be told is set aside\"",
                  e->text);
        w->why = *e;
        submit(p, w);
        return;
    }
    if (e && (e->class == ERR_RETRY || w->why.class != ERR_NONE)) {
        if (!p->is_failing)
            log_error("store", "event=write-failed error=\"%s\" next=\"trying again each second\"",
                      e->text);
        p->is_failing = true;
        put_off(p, w);
        return;
    }
    if (p->is_failing && !e) {
        p->is_failing = false;
        log_info("store", "event=write-recovered");
    }
    w->done(w, e);
}

bool persist_is_failing(const struct persist *p)
{
    return p->is_failing;
}

static void fire(void *arg)
{
    struct persist *p = arg;
    struct persist_work *w = p->first, *next;

    p->first = NULL;
    p->end = &p->first;
    for (; w; w = next) {
        next = w->next;
        submit(p, w);
    }
}

struct persist *persist_new(struct loop *loop, struct store *store)
{
    struct persist *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->loop = loop;
    p->store = store;
    p->end = &p->first;
    p->timer = loop_timer_new(loop, fire, p);
    if (!p->timer) {
        free(p);
        return NULL;
    }
    return p;
}

void persist_free(struct persist *p)
{
    struct persist_work *w, *next;
    struct err e;

    if (!p)
        return;
    loop_timer_free(p->timer);
    err_set(&e, ERR_PERMANENT, "the gateway is stopping");
    for (w = p->first; w; w = next) {
        next = w->next;
        w->done(w, &e);
    }
    free(p);
}

void persist_submit(struct persist *p, struct persist_work *w)
{
    w->persist = p;
    err_clear(&w->why);
    w->work.run = run;
    w->work.is_patient = true;
    w->work.done = done;
    submit(p, w);
}
