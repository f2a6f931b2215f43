/*
 * courier: what is in the queue goes on its way.
 *
 * Owns the waiting parcels and the sorted list of ids in memory, which keeps a load from disk from
 * bringing a message twice.  Loop thread; the reading itself runs as store work.  A crash loses
 * only memory: every parcel is still on disk and is loaded again.
 *
 * Why no message is delivered twice within one life: done() calls come in order of submission, so a
 * message committed before a load was submitted is in the list when the load's answer comes, and an
 * id leaves the list only after the commit that removed or deferred its items.
 */
#include "bridge/courier.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { LOAD_COUNT = 500, LOAD_BYTES = 4 << 20, RELOAD_MS = 1000 };

struct parcel_batch {
    struct arena *arena;
    unsigned refs;
};

struct courier {
    struct loop *loop;
    struct store *store;
    const struct clock *clock;
    enum queue_kind kind;
    struct courier_limits limits;
    courier_deliver_fn *deliver;
    void *arg;

    struct parcel *first, **end; /* waiting for delivery */
    int64_t *ids;                /* in memory, ascending */
    size_t id_count, id_cap;
    size_t bytes;

    struct loop_timer *due;                /* when an item on disk falls due */
    int64_t due_at_s;                      /* 0: the timer is not set */
    struct loop_timer *turn;               /* delivers outside of the caller's call */
    bool is_started, is_loading, has_more; /* has_more: the disk may hold what is due now */
    bool is_freed;                         /* free came while a load was under way */
};

struct load {
    struct store_work work;
    struct courier *courier;
    struct arena *arena;
    int64_t now_s;
    int64_t *skip;
    size_t skip_count;
    size_t count_max, bytes_max;
    /* the answer */
    struct queue_message *messages;
    size_t count;
    int64_t next_at_s;
};

/* Parcels. */

static struct parcel *parcel_in_batch(struct parcel_batch *batch)
{
    struct parcel *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->batch = batch;
    batch->refs++;
    return p;
}

static void batch_drop(struct parcel_batch *batch)
{
    if (--batch->refs > 0)
        return;
    arena_free(batch->arena);
    free(batch);
}

static struct parcel_batch *batch_new(struct arena *arena)
{
    struct parcel_batch *batch = calloc(1, sizeof *batch);

    if (!batch)
        return NULL;
    batch->arena = arena;
    batch->refs = 1;
    return batch;
}

struct parcel *parcel_new(size_t arena_max)
{
    struct arena *arena = arena_new(arena_max);
    struct parcel_batch *batch = arena ? batch_new(arena) : NULL;
    struct parcel *p = NULL;

    if (!batch) {
        arena_free(arena);
        return NULL;
    }
    p = parcel_in_batch(batch);
    batch_drop(batch); /* the parcel holds it now, or nobody does */
    return p;
}

struct arena *parcel_arena(struct parcel *p)
{
    return p->batch->arena;
}

void parcel_free(struct parcel *p)
{
    if (!p)
        return;
    batch_drop(p->batch);
    free(p->heap);
    free(p);
}

/* The ids in memory. */

static size_t id_place(const struct courier *c, int64_t id)
{
    size_t low = 0, high = c->id_count;

    if (high > 0 && c->ids[high - 1] < id) /* the usual case: newer than all */
        return high;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (c->ids[mid] < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool id_is_known(const struct courier *c, int64_t id)
{
    size_t at = id_place(c, id);

    return at < c->id_count && c->ids[at] == id;
}

static int id_add(struct courier *c, int64_t id)
{
    size_t at = id_place(c, id);

    if (c->id_count == c->id_cap) {
        size_t cap = c->id_cap ? c->id_cap * 2 : 64;
        int64_t *ids = realloc(c->ids, cap * sizeof *ids);

        if (!ids)
            return -1;
        c->ids = ids;
        c->id_cap = cap;
    }
    memmove(c->ids + at + 1, c->ids + at, (c->id_count - at) * sizeof *c->ids);
    c->ids[at] = id;
    c->id_count++;
    return 0;
}

static void id_remove(struct courier *c, int64_t id)
{
    size_t at = id_place(c, id);

    if (at == c->id_count || c->ids[at] != id)
        return;
    c->id_count--;
    memmove(c->ids + at, c->ids + at + 1, (c->id_count - at) * sizeof *c->ids);
}

/* Delivery. */

static bool has_room(const struct courier *c)
{
    return c->id_count < c->limits.parcels_max && c->bytes < c->limits.bytes_max;
}

/* Takes the parcel into memory at the end of those waiting; -1: it stays on disk. */
static int take(struct courier *c, struct parcel *p)
{
    p->bytes = sizeof *p + p->message.content_len;
    if (id_add(c, p->message.id) < 0)
        return -1;
    c->bytes += p->bytes;
    p->next = NULL;
    *c->end = p;
    c->end = &p->next;
    return 0;
}

static void forget(struct courier *c, struct parcel *p)
{
    id_remove(c, p->message.id);
    c->bytes -= p->bytes;
    parcel_free(p);
}

static void load(struct courier *c);

static void take_turn(void *arg)
{
    struct courier *c = arg;

    if (!c->is_started)
        return;
    while (c->first) {
        struct parcel *p = c->first;

        c->first = p->next;
        if (!c->first)
            c->end = &c->first;
        p->next = NULL;
        if (!c->deliver(p, c->arg)) {
            p->next = c->first;
            if (!c->first)
                c->end = &p->next;
            c->first = p;
            break;
        }
    }
    if (c->has_more && c->id_count <= c->limits.parcels_max / 2 && has_room(c))
        load(c);
}

void courier_poke(struct courier *c)
{
    if (c->is_started && (c->first || c->has_more) && !loop_timer_is_pending(c->turn))
        loop_timer_start(c->turn, 0);
}

void courier_offer(struct courier *c, struct parcel *p)
{
    /* While the disk holds older ones, or memory is full, the new one waits its turn on disk. */
    if (!c->is_started || c->has_more || c->is_loading || !has_room(c) || take(c, p) < 0) {
        c->has_more = true;
        parcel_free(p);
    }
    courier_poke(c);
}

static void set_due(struct courier *c, int64_t at_s)
{
    int64_t wait_s;

    if (at_s == 0 || (c->due_at_s != 0 && c->due_at_s <= at_s))
        return;
    c->due_at_s = at_s;
    wait_s = at_s - clock_wall_s(c->clock);
    /* At most an hour: the wall clock may be set in the meantime. */
    loop_timer_start(c->due, wait_s <= 0 ? 0 : wait_s > 3600 ? 3600000 : wait_s * 1000);
}

static void fall_due(void *arg)
{
    struct courier *c = arg;

    c->due_at_s = 0;
    c->has_more = true;
    courier_poke(c);
}

void courier_finish(struct courier *c, struct parcel *p, int64_t next_at_s)
{
    forget(c, p);
    set_due(c, next_at_s);
    courier_poke(c);
}

/* In order of age, so that what comes back together stays in order. */
void courier_return(struct courier *c, struct parcel *p)
{
    struct parcel **at = &c->first;

    while (*at && (*at)->message.id < p->message.id)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    if (!p->next)
        c->end = &p->next;
}

void courier_rescan(struct courier *c)
{
    c->has_more = true;
    courier_poke(c);
}

/* Loading. */

static int load_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct load *l = (struct load *)work;

    return queue_due(txn, l->arena, l->courier->kind, l->now_s, l->count_max, l->bytes_max, l->skip,
                     l->skip_count, &l->messages, &l->count, &l->next_at_s, e);
}

static void load_free(struct load *l)
{
    if (!l)
        return;
    arena_free(l->arena);
    free(l->skip);
    free(l);
}

/* Puts what was loaded in line.  Whatever does not get in stays on disk: has_more is then left
 * true. */
static void load_take(struct courier *c, struct load *l)
{
    struct parcel_batch *batch = batch_new(l->arena);
    size_t i;

    if (!batch) {
        c->has_more = true;
        return;
    }
    l->arena = NULL;
    if (l->count >= l->count_max || l->bytes_max == 0)
        c->has_more = true; /* the load stopped at a limit */
    for (i = 0; i < l->count; i++) {
        struct parcel *p;

        if (id_is_known(c, l->messages[i].id))
            continue;
        p = parcel_in_batch(batch);
        if (!p || (p->message = l->messages[i], take(c, p) < 0)) {
            parcel_free(p);
            c->has_more = true;
            break;
        }
    }
    batch_drop(batch);
}

static void load_done(struct store_work *work, const struct err *e)
{
    struct load *l = (struct load *)work;
    struct courier *c = l->courier;
    size_t bytes = 0, i;

    c->is_loading = false;
    if (c->is_freed) {
        load_free(l);
        free(c);
        return;
    }
    if (e) {
        log_error("queue", "event=load-failed error=\"%s\"", e->text);
        set_due(c, clock_wall_s(c->clock) + 1);
        load_free(l);
        return;
    }
    for (i = 0; i < l->count; i++)
        bytes += l->messages[i].content_len;
    if (bytes >= l->bytes_max)
        l->bytes_max = 0; /* the limit on bytes cut the load short */
    load_take(c, l);
    set_due(c, l->next_at_s);
    load_free(l);
    courier_poke(c);
}

static void load(struct courier *c)
{
    struct load *l;

    if (c->is_loading)
        return;
    l = calloc(1, sizeof *l);
    if (!l || !(l->arena = arena_new(c->limits.message_max + 2 * (size_t)LOAD_BYTES)))
        goto fail;
    l->skip = calloc(c->id_count + 1, sizeof *l->skip);
    if (!l->skip)
        goto fail;
    if (c->id_count > 0)
        memcpy(l->skip, c->ids, c->id_count * sizeof *l->skip);
    l->skip_count = c->id_count;
    l->courier = c;
    l->now_s = clock_wall_s(c->clock);
    l->count_max = LOAD_COUNT;
    if (l->count_max > c->limits.parcels_max - c->id_count)
        l->count_max = c->limits.parcels_max - c->id_count;
    l->bytes_max = LOAD_BYTES;
    l->work.run = load_run;
    l->work.done = load_done;
    if (store_submit(c->store, &l->work) < 0)
        goto fail;
    c->is_loading = true;
    c->has_more = false; /* what is offered from here on says so anew */
    return;
fail:
    load_free(l);
    if (!loop_timer_is_pending(c->turn))
        loop_timer_start(c->turn, RELOAD_MS);
}

/* Life. */

struct courier *courier_new(struct loop *loop, struct store *store, const struct clock *clock,
                            enum queue_kind kind, const struct courier_limits *limits,
                            courier_deliver_fn *deliver, void *arg)
{
    struct courier *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->loop = loop;
    c->store = store;
    c->clock = clock;
    c->kind = kind;
    c->limits = *limits;
    c->deliver = deliver;
    c->arg = arg;
    c->end = &c->first;
    c->has_more = true;
    c->due = loop_timer_new(loop, fall_due, c);
    c->turn = loop_timer_new(loop, take_turn, c);
    if (!c->due || !c->turn) {
        loop_timer_free(c->due);
        loop_timer_free(c->turn);
        free(c);
        return NULL;
    }
    return c;
}

void courier_free(struct courier *c)
{
    struct parcel *p, *next;

    if (!c)
        return;
    loop_timer_free(c->due);
    loop_timer_free(c->turn);
    for (p = c->first; p; p = next) {
        next = p->next;
        parcel_free(p);
    }
    free(c->ids);
    if (c->is_loading) {
        c->is_freed = true;
        return;
    }
    free(c);
}

void courier_start(struct courier *c)
{
    c->is_started = true;
    courier_poke(c);
}

void courier_stop(struct courier *c)
{
    c->is_started = false;
    loop_timer_stop(c->turn);
    loop_timer_stop(c->due);
    c->due_at_s = 0;
}

size_t courier_in_flight(const struct courier *c)
{
    return c->id_count;
}
