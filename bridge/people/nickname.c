/*
 * nickname: asks the users' server for their vCards and keeps the names.
 *
 * Data: one struct query per user being asked for, at most QUERIES_MAX, and a table of fixed size
 * that says who was looked after lately, so that a client's many probes at log-in cost one look-up.
 * A query goes through the store (is it due?), to the user's server, and its answer through the
 * store again; one that is not answered in time counts as asked in vain.  A crash loses what was
 * under way, and the user is seen again.
 */
#include "bridge/people/nickname.h"

#include "base/lately.h"
#include "base/log.h"
#include "mapping/address/display_name.h"
#include "mapping/names.h"
#include "store/faces.h"

#include <stdlib.h>
#include <string.h>

enum {
    QUERIES_MAX = 100,
    ARENA_MAX = 64 << 10,
    ANSWER_MS = 30000,
    FRESH_S = 86400,
    AGAIN_S = 3600, /* after what will pass: no answer, an error for now */
    QUIET_S = 600   /* between two look-ups for one user */
};

enum query_state { QUERY_LOOKING, QUERY_ASKED, QUERY_KEEPING };

struct query {
    struct store_work work;
    struct nicknames *all;
    struct arena *arena;
    enum query_state state;
    const char *bare_jid, *id;
    int64_t asked_ms;
    int64_t fetched_s; /* found in the store, or to be kept there */
    const char *name;  /* to be kept; NULL: it is not known */
    struct query *next;
};

struct nicknames {
    struct gateway *gateway;
    struct loop_timer *timer;
    struct query *first;
    unsigned count;
    struct lately looked; /* whose look-up is not long ago */
};

bool nickname_is_due(int64_t fetched_s, int64_t now_s)
{
    return fetched_s == 0 || now_s >= fetched_s + FRESH_S || now_s < fetched_s - FRESH_S;
}

/* ---- queries ---- */

static void query_free(struct query *q)
{
    struct query **place = &q->all->first;

    while (*place != q)
        place = &(*place)->next;
    *place = q->next;
    q->all->count--;
    arena_free(q->arena);
    free(q);
}

static struct query *query_new(struct nicknames *n, const char *jid)
{
    struct query *q = calloc(1, sizeof *q);
    char id[ID_TEXT_SIZE];
    struct jid parsed;

    if (!q)
        return NULL;
    q->all = n;
    q->next = n->first;
    n->first = q;
    n->count++;
    q->arena = arena_new(ARENA_MAX);
    if (!q->arena || jid_parse(q->arena, jid, &parsed, NULL) < 0)
        goto fail;
    q->bare_jid = jid_bare(q->arena, &parsed);
    q->id = arena_printf(q->arena, "vcard-%s", id_format(id_next(&n->gateway->ids), id));
    if (q->bare_jid && q->id &&
        !lately_seen(&n->looked, q->bare_jid, gateway_now_s(n->gateway), QUIET_S))
        return q;
fail:
    query_free(q);
    return NULL;
}

/* ---- keeping ---- */

static int keep_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct query *q = (struct query *)work;

    return faces_put_user(txn, q->bare_jid, q->name, q->fetched_s, e);
}

static void keep_done(struct store_work *work, const struct err *e)
{
    struct query *q = (struct query *)work;

    if (e)
        log_warning("nickname", "event=not-stored class=%s error=\"%s\"", err_class_name(e->class),
                    e->text);
    else
        log_info("nickname", "event=fetched from=%s named=%s", q->bare_jid,
                 q->name && *q->name ? "yes" : "no");
    query_free(q);
}

/* name NULL: asked in vain. */
static void keep(struct query *q, const char *name, bool is_final)
{
    int64_t now_s = gateway_now_s(q->all->gateway);

    q->state = QUERY_KEEPING;
    q->name = name;
    q->fetched_s = is_final ? now_s : now_s - FRESH_S + AGAIN_S;
    q->work.run = keep_run;
    q->work.done = keep_done;
    if (store_submit(q->all->gateway->store, &q->work) < 0)
        query_free(q);
}

/* ---- asking ---- */

static void start_timer(struct nicknames *n)
{
    if (!loop_timer_is_pending(n->timer))
        loop_timer_start(n->timer, ANSWER_MS);
}

static void expire(void *arg)
{
    struct nicknames *n = arg;
    int64_t now_ms = clock_mono_ms(n->gateway->clock);
    struct query *q, *next;

    for (q = n->first; q; q = next) {
        next = q->next;
        if (q->state != QUERY_ASKED)
            continue;
        if (now_ms - q->asked_ms >= ANSWER_MS)
            keep(q, NULL, false);
        else
            start_timer(n);
    }
}

static const struct xml_node *question(const struct query *q)
{
    const char *gw = address_map_gateway(q->all->gateway->settings->map);
    struct xml_node *iq = xml_new(q->arena, STREAM_NS, "iq");

    iq = xml_set(q->arena, xml_set(q->arena, iq, "type", "get"), "id", q->id);
    iq = xml_set(q->arena, xml_set(q->arena, iq, "from", gw), "to", q->bare_jid);
    return xml_add(q->arena, iq, NS_VCARD_TEMP, "vCard") ? iq : NULL;
}

static void ask(struct query *q)
{
    const struct xml_node *iq = question(q);

    if (!iq || window_answer(q->all->gateway->window, iq) < 0) {
        query_free(q);
        return;
    }
    q->state = QUERY_ASKED;
    q->asked_ms = clock_mono_ms(q->all->gateway->clock);
    start_timer(q->all);
}

static int look_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct query *q = (struct query *)work;
    const char *name;

    return faces_get_user(txn, q->arena, q->bare_jid, &name, &q->fetched_s, e);
}

static void look_done(struct store_work *work, const struct err *e)
{
    struct query *q = (struct query *)work;
    const struct gateway *g = q->all->gateway;

    if (e || g->is_stopping || !nickname_is_due(q->fetched_s, gateway_now_s(g)))
        query_free(q);
    else
        ask(q);
}

void nicknames_want(struct nicknames *n, const char *jid)
{
    struct query *q;

    if (n->count >= QUERIES_MAX || n->gateway->is_stopping)
        return;
    q = query_new(n, jid);
    if (!q)
        return;
    q->work.run = look_run;
    q->work.done = look_done;
    if (store_submit(n->gateway->store, &q->work) < 0)
        query_free(q);
}

/* ---- answers ---- */

/* Only the user's own account, for which their server answers, may say it. */
static struct query *find(struct nicknames *n, const struct xml_node *iq)
{
    const char *id = xml_get(iq, "id"), *from = xml_get(iq, "from");
    struct query *q = n->first;
    const char *bare = NULL;
    struct arena *a;
    struct jid jid;

    while (q && (!id || !from || q->state != QUERY_ASKED || strcmp(q->id, id) != 0))
        q = q->next;
    if (!q || strcmp(q->bare_jid, from) == 0)
        return q;
    a = arena_new(ARENA_MAX); /* written in another way, perhaps */
    if (a && jid_parse(a, from, &jid, NULL) == 0 && !jid.resource)
        bare = jid_bare(a, &jid);
    if (!bare || strcmp(q->bare_jid, bare) != 0)
        q = NULL;
    arena_free(a);
    return q;
}

/* Without a vCard there is nothing to be had for a day; what will pass is asked for again sooner.
 */
static bool is_final(const struct xml_node *iq)
{
    const char *type = xml_get(xml_child(iq, NULL, "error"), "type");

    return !type || strcmp(type, "wait") != 0;
}

void nicknames_answered(struct nicknames *n, const struct xml_node *iq)
{
    struct query *q = find(n, iq);
    const char *type = xml_get(iq, "type"), *name;

    if (!q)
        return;
    if (strcmp(type, "result") != 0) {
        bool is_gone = xml_child(xml_child(iq, NULL, "error"), NULL, "item-not-found");

        keep(q, is_gone ? "" : NULL, is_final(iq));
        return;
    }
    name = display_name_of_vcard(q->arena, xml_child(iq, NS_VCARD_TEMP, "vCard"));
    keep(q, name, name != NULL);
}

struct nicknames *nicknames_new(struct gateway *g)
{
    struct nicknames *n = calloc(1, sizeof *n);

    if (!n)
        return NULL;
    n->gateway = g;
    n->timer = loop_timer_new(g->loop, expire, n);
    if (!n->timer) {
        free(n);
        return NULL;
    }
    return n;
}

void nicknames_free(struct nicknames *n)
{
    if (!n)
        return;
    while (n->first)
        query_free(n->first);
    loop_timer_free(n->timer);
    free(n);
}
