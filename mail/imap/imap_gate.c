/*
 * imap_gate: passes wait in two lines at their server; those with a connection come first, but
 * after a few of them one that wants a connection.  Servers at which somebody waits stand in a ring
 * and take turns, and while any does nobody passes it by.  A quarter of the places is never for
 * those who connect.
 *
 * Owns the servers; the passes are their owners'.  Loop thread; whoever gets a turn is told from a
 * task of its own, so that nobody is called inside leave.  A crash leaves nothing behind.
 */
#include "mail/imap/imap_gate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BUCKETS = 1024, WORK_FIRST = 4 /* in a row, while somebody wants a connection */ };

struct line {
    struct imap_pass *head, *tail;
};

struct imap_gate_host {
    char *name;
    unsigned port;
    unsigned joined, inside, opening;
    unsigned worked; /* in a row, since somebody wants a connection */
    bool came_back;  /* and nobody has asked yet */
    bool is_down;    /* could not be reached the last time */
    struct line working, wanting;
    struct imap_gate_host *next;                  /* in the bucket */
    struct imap_gate_host *ring_prev, *ring_next; /* NULL: nobody waits here */
};

struct imap_gate {
    struct loop *loop;
    unsigned inside_max, opening_max, down_max, per_host;
    unsigned inside, opening, down;
    struct imap_gate_host *buckets[BUCKETS];
    struct imap_gate_host *ring; /* whose turn is next */
    struct loop_task call;
};

/* ---- lines ---- */

static void line_push(struct line *line, struct imap_pass *pass)
{
    pass->next = NULL;
    pass->prev = line->tail;
    if (line->tail)
        line->tail->next = pass;
    else
        line->head = pass;
    line->tail = pass;
}

static void line_remove(struct line *line, struct imap_pass *pass)
{
    if (pass->prev)
        pass->prev->next = pass->next;
    else
        line->head = pass->next;
    if (pass->next)
        pass->next->prev = pass->prev;
    else
        line->tail = pass->prev;
    pass->prev = pass->next = NULL;
}

static void ring_add(struct imap_gate *g, struct imap_gate_host *h)
{
    if (h->ring_next)
        return;
    if (!g->ring) {
        h->ring_prev = h->ring_next = h;
        g->ring = h;
        return;
    }
    h->ring_next = g->ring;
    h->ring_prev = g->ring->ring_prev;
    h->ring_prev->ring_next = h;
    h->ring_next->ring_prev = h;
}

static void ring_remove(struct imap_gate *g, struct imap_gate_host *h)
{
    if (!h->ring_next)
        return;
    if (g->ring == h)
        g->ring = h->ring_next == h ? NULL : h->ring_next;
    h->ring_prev->ring_next = h->ring_next;
    h->ring_next->ring_prev = h->ring_prev;
    h->ring_prev = h->ring_next = NULL;
}

/* ---- who may ---- */

static bool may_open(const struct imap_gate *g, const struct imap_gate_host *h)
{
    if (g->inside >= g->inside_max || g->opening >= g->opening_max || h->inside >= g->per_host)
        return false;
    return !h->is_down || (h->opening == 0 && g->down < g->down_max);
}

static bool may_work(const struct imap_gate *g, const struct imap_gate_host *h)
{
    return g->inside < g->inside_max && h->inside < g->per_host;
}

static void let_in(struct imap_gate *g, struct imap_pass *pass)
{
    struct imap_gate_host *h = pass->host;

    pass->at = IMAP_PASS_INSIDE;
    pass->is_down = pass->is_opening && h->is_down;
    g->inside++;
    h->inside++;
    g->opening += pass->is_opening;
    h->opening += pass->is_opening;
    g->down += pass->is_down;
    h->worked = pass->is_opening || !h->wanting.head ? 0 : h->worked + 1;
}

/* The next one at this server that may go in; NULL: none. */
static struct imap_pass *next_of(struct imap_gate *g, struct imap_gate_host *h)
{
    bool opens = h->wanting.head && may_open(g, h);
    struct imap_pass *pass = NULL;

    if (h->working.head && may_work(g, h) && !(opens && h->worked >= WORK_FIRST)) {
        pass = h->working.head;
        line_remove(&h->working, pass);
    } else if (opens) {
        pass = h->wanting.head;
        line_remove(&h->wanting, pass);
    }
    if (!h->working.head && !h->wanting.head)
        ring_remove(g, h);
    return pass;
}

/* One pass from the next server in the ring that has one; all servers that cannot have somebody in
 * now are passed over, which are few: each of them holds places or has just failed. */
static struct imap_pass *choose(struct imap_gate *g)
{
    struct imap_gate_host *h = g->ring, *last = h ? h->ring_prev : NULL, *next;
    struct imap_pass *pass;

    while (h && g->inside < g->inside_max) {
        next = h->ring_next;
        pass = next_of(g, h);
        if (pass) {
            if (g->ring && h->ring_next)
                g->ring = h->ring_next;
            return pass;
        }
        if (h == last)
            break;
        h = next;
    }
    return NULL;
}

static void call(void *arg)
{
    struct imap_gate *g = arg;
    struct imap_pass *pass;

    while ((pass = choose(g))) {
        let_in(g, pass);
        pass->go(pass->arg);
    }
}

/* ---- the calls ---- */

bool imap_gate_enter(struct imap_gate *g, struct imap_pass *pass, bool opening)
{
    struct imap_gate_host *h = pass->host;

    if (pass->at != IMAP_PASS_OUT)
        return pass->at == IMAP_PASS_INSIDE;
    pass->is_opening = opening;
    if (g->ring) {
        loop_post(g->loop, &g->call);
    } else if (opening ? may_open(g, h) : may_work(g, h)) {
        let_in(g, pass);
        return true;
    }
    pass->at = IMAP_PASS_WAITS;
    line_push(opening ? &h->wanting : &h->working, pass);
    ring_add(g, h);
    return false;
}

static void step_out(struct imap_gate *g, struct imap_pass *pass)
{
    struct imap_gate_host *h = pass->host;

    if (pass->at == IMAP_PASS_WAITS) {
        line_remove(pass->is_opening ? &h->wanting : &h->working, pass);
        if (!h->working.head && !h->wanting.head)
            ring_remove(g, h);
    } else if (pass->at == IMAP_PASS_INSIDE) {
        g->inside--;
        h->inside--;
        g->opening -= pass->is_opening;
        h->opening -= pass->is_opening;
        g->down -= pass->is_down;
        if (g->ring)
            loop_post(g->loop, &g->call);
    }
    pass->at = IMAP_PASS_OUT;
}

void imap_gate_leave(struct imap_gate *g, struct imap_pass *pass, bool was_reached)
{
    struct imap_gate_host *h = pass->host;

    if (pass->at == IMAP_PASS_INSIDE && pass->is_opening) {
        h->came_back = was_reached && (h->came_back || h->is_down);
        h->is_down = !was_reached;
    }
    step_out(g, pass);
}

bool imap_gate_came_back(struct imap_pass *pass)
{
    bool came_back = pass->host && pass->host->came_back;

    if (came_back)
        pass->host->came_back = false;
    return came_back;
}

/* ---- servers ---- */

static unsigned bucket_of(const char *host, unsigned port)
{
    unsigned h = 2166136261u ^ port;

    for (; *host; host++)
        h = (h ^ ((unsigned char)*host | 0x20u)) * 16777619u;
    return h % BUCKETS;
}

int imap_gate_join(struct imap_gate *g, struct imap_pass *pass, const char *host, unsigned port,
                   struct err *e)
{
    struct imap_gate_host **bucket = &g->buckets[bucket_of(host, port)], *h = *bucket;

    while (h && (h->port != port || strcasecmp(h->name, host) != 0))
        h = h->next;
    if (!h) {
        h = calloc(1, sizeof *h);
        if (h)
            h->name = strdup(host);
        if (!h || !h->name) {
            free(h);
            return err_memory(e);
        }
        h->port = port;
        h->next = *bucket;
        *bucket = h;
    }
    h->joined++;
    pass->host = h;
    pass->at = IMAP_PASS_OUT;
    return 0;
}

void imap_gate_part(struct imap_gate *g, struct imap_pass *pass)
{
    struct imap_gate_host *h = pass->host, **p;

    if (!h)
        return;
    step_out(g, pass);
    pass->host = NULL;
    if (--h->joined > 0)
        return;
    for (p = &g->buckets[bucket_of(h->name, h->port)]; *p != h; p = &(*p)->next)
        ;
    *p = h->next;
    free(h->name);
    free(h);
}

struct imap_gate *imap_gate_new(struct loop *loop, unsigned inside_max, unsigned per_host,
                                struct err *e)
{
    struct imap_gate *g = calloc(1, sizeof *g);

    if (!g) {
        err_memory(e);
        return NULL;
    }
    g->loop = loop;
    g->inside_max = inside_max;
    g->opening_max = inside_max > 1 ? inside_max - inside_max / 4 - (inside_max < 4) : 1;
    g->down_max = inside_max > 4 ? inside_max / 4 : 1;
    g->per_host = per_host;
    g->call = (struct loop_task){.run = call, .arg = g};
    return g;
}

void imap_gate_free(struct imap_gate *g)
{
    if (!g)
        return;
    loop_cancel(g->loop, &g->call);
    free(g);
}
