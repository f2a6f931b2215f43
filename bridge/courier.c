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

enum { LOAD_COUNT = 500, LOAD_BYTES = 4 << 20, RELOAD_S = 1 };

/* Of the memory that is left, how much more one lane may hold than is left: one lane alone gets
 * three quarters, two that compete three sevenths each, and there is always room for a newcomer. */
enum { LANE_SHARE = 3 };

struct parcel_batch {
    struct arena *arena;
    unsigned refs;
};

struct lane {
    struct parcel *first, **end; /* waiting for delivery */
    size_t count, bytes;         /* in memory, waiting or in delivery */
    bool has_more;               /* the disk holds older ones that are due: a new one joins them */
    bool has_joined;             /* one did, since the last load began */
};

struct courier {
    struct loop *loop;
    struct store *store;
    const struct clock *clock;
    enum queue_kind kind;
    struct courier_limits limits;
    courier_deliver_fn *deliver;
    void *arg;

    struct lane lanes[QUEUE_LANES];
    uint64_t busy[QUEUE_LANES / 64]; /* a bit for each lane with something that waits */
    unsigned turn_lane, load_lane;   /* whose turn it is to be delivered, to be loaded */
    int64_t *ids;                    /* in memory, ascending */
    size_t id_count, id_cap;
    size_t bytes;
    size_t load_below; /* so few in memory, and loading is worth it */
    struct flight *flight;
    size_t suspects; /* in delivery */

    struct loop_timer *due;                /* when an item on disk falls due */
    int64_t due_at_s;                      /* 0: the timer is not set */
    struct loop_timer *turn;               /* delivers outside of the caller's call */
    bool is_started, is_loading, has_more; /* has_more: the disk may hold what is due now */
    bool is_resting;                       /* nothing is loaded before the timer `due` has fired */
    bool is_freed;                         /* free came while a load was under way */
};

struct load {
    struct store_work work;
    struct courier *courier;
    struct arena *arena;
    int64_t *skip;
    struct queue_wish wish;
    size_t lane_max[QUEUE_LANES];
    struct queue_found found; /* the answer */
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
    if (p)
        p->is_new = true;
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

/* Lanes. */

static struct lane *lane_of(struct courier *c, const struct parcel *p)
{
    return &c->lanes[p->message.lane % QUEUE_LANES];
}

static void set_busy(struct courier *c, unsigned lane)
{
    uint64_t bit = (uint64_t)1 << lane % 64;

    if (c->lanes[lane].first)
        c->busy[lane / 64] |= bit;
    else
        c->busy[lane / 64] &= ~bit;
}

/* The next lane from this one on with something that waits; QUEUE_LANES: none up to the last. */
static unsigned busy_lane(const struct courier *c, unsigned from)
{
    while (from < QUEUE_LANES) {
        uint64_t bits = c->busy[from / 64] >> from % 64;

        if (bits)
            return from + (unsigned)__builtin_ctzll(bits);
        from += 64 - from % 64;
    }
    return QUEUE_LANES;
}

static bool has_waiting(const struct courier *c)
{
    return busy_lane(c, 0) < QUEUE_LANES;
}

static bool has_room(const struct courier *c)
{
    return c->id_count < c->limits.parcels_max && c->bytes < c->limits.bytes_max;
}

/* How many more of a lane memory may take. */
static size_t lane_room(const struct courier *c, const struct lane *lane)
{
    size_t count, bytes;

    if (!has_room(c))
        return 0;
    count = LANE_SHARE * (c->limits.parcels_max - c->id_count);
    bytes = LANE_SHARE * (c->limits.bytes_max - c->bytes);
    if (lane->count == 0)
        return count; /* one at least, whatever its size */
    return lane->count < count && lane->bytes < bytes ? count - lane->count : 0;
}

/* Takes the parcel into memory at the end of its lane; -1: it stays on disk. */
static int take(struct courier *c, struct parcel *p)
{
    struct lane *lane = lane_of(c, p);

    p->bytes = sizeof *p + p->message.content_len;
    if (id_add(c, p->message.id) < 0)
        return -1;
    c->bytes += p->bytes;
    lane->bytes += p->bytes;
    lane->count++;
    p->next = NULL;
    *lane->end = p;
    lane->end = &p->next;
    set_busy(c, p->message.lane % QUEUE_LANES);
    return 0;
}

static void forget(struct courier *c, struct parcel *p)
{
    struct lane *lane = lane_of(c, p);

    id_remove(c, p->message.id);
    c->bytes -= p->bytes;
    lane->bytes -= p->bytes;
    lane->count--;
    parcel_free(p);
}

/* Work under way. */

/* The program ended over it before: it goes when no other such one is under way, so that the one at
 * fault is found out (bridge/reports/poison.h). */
static bool is_suspect(const struct parcel *p)
{
    size_t i;

    for (i = 0; i < p->message.item_count; i++)
        if (p->message.items[i].crashes > 0)
            return true;
    return false;
}

void courier_set_flight(struct courier *c, struct flight *flight)
{
    c->flight = flight;
}

void courier_mark(struct courier *c, struct parcel *p)
{
    if (c->flight && p->mark == 0)
        p->mark = flight_begin(c->flight, p->message.id);
}

void courier_unmark(struct courier *c, struct parcel *p)
{
    if (c->flight)
        flight_end(c->flight, p->mark);
    p->mark = 0;
}

static void came_back(struct courier *c, struct parcel *p)
{
    courier_unmark(c, p);
    c->suspects -= is_suspect(p);
}

/* Delivery. */

static void load(struct courier *c);

/* The first of the lane.  false: not now. */
static bool deliver_one(struct courier *c, unsigned number)
{
    struct lane *lane = &c->lanes[number];
    struct parcel *p = lane->first;
    bool suspect = is_suspect(p);

    lane->first = p->next;
    if (!lane->first)
        lane->end = &lane->first;
    p->next = NULL;
    c->suspects += suspect; /* before: its outcome may come before deliver returns */
    if (c->deliver(p, c->arg)) {
        set_busy(c, number);
        return true;
    }
    came_back(c, p);
    p->next = lane->first;
    if (!lane->first)
        lane->end = &p->next;
    lane->first = p;
    return false;
}

static bool is_held(const struct courier *c, unsigned lane)
{
    return c->suspects > 0 && is_suspect(c->lanes[lane].first);
}

/* One of each lane in turn, until nothing is left or nothing goes any more. */
static void deliver_all(struct courier *c)
{
    unsigned lane, held = 0;

    while (held <= QUEUE_LANES) {
        lane = busy_lane(c, c->turn_lane);
        if (lane == QUEUE_LANES)
            lane = busy_lane(c, 0);
        if (lane == QUEUE_LANES)
            return;
        c->turn_lane = lane;
        if (is_held(c, lane)) {
            held++;
        } else {
            held = 0;
            if (!deliver_one(c, lane))
                return;
        }
        c->turn_lane = (lane + 1) % QUEUE_LANES;
    }
}

static void take_turn(void *arg)
{
    struct courier *c = arg;

    if (!c->is_started)
        return;
    deliver_all(c);
    if (c->has_more && !c->is_resting && c->id_count <= c->load_below && has_room(c))
        load(c);
}

void courier_poke(struct courier *c)
{
    if (c->is_started && (c->has_more || has_waiting(c)) && !loop_timer_is_pending(c->turn))
        loop_timer_start(c->turn, 0);
}

void courier_offer(struct courier *c, struct parcel *p)
{
    struct lane *lane = lane_of(c, p);

    /* While the disk holds older ones of its lane, or memory is full, it waits its turn on disk. */
    if (!c->is_started || lane->has_more || lane_room(c, lane) == 0 || take(c, p) < 0) {
        lane->has_more = lane->has_joined = true;
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
    c->is_resting = false;
    courier_poke(c);
}

/* Loading is tried again in a while: memory is out, or the store's line is full.  What is here goes
 * on. */
static void rest(struct courier *c)
{
    c->has_more = c->is_resting = true;
    set_due(c, clock_wall_s(c->clock) + RELOAD_S);
}

void courier_finish(struct courier *c, struct parcel *p, int64_t next_at_s)
{
    came_back(c, p);
    /* No load took the rest of its items while it was here, even if they fell due. */
    c->has_more = c->has_more || p->message.has_others;
    forget(c, p);
    set_due(c, next_at_s);
    courier_poke(c);
}

/* In order of age, so that what comes back together stays in order. */
void courier_return(struct courier *c, struct parcel *p)
{
    struct lane *lane = lane_of(c, p);
    struct parcel **at = &lane->first;

    came_back(c, p);
    while (*at && (*at)->message.id < p->message.id)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    if (!p->next)
        lane->end = &p->next;
    set_busy(c, p->message.lane % QUEUE_LANES);
}

struct parcel *courier_take_waiting(struct courier *c,
                                    bool (*wanted)(const struct parcel *p, void *arg), void *arg)
{
    unsigned number;

    for (number = busy_lane(c, 0); number < QUEUE_LANES; number = busy_lane(c, number + 1)) {
        struct lane *lane = &c->lanes[number];
        struct parcel **at = &lane->first, *p;

        while (*at && !wanted(*at, arg))
            at = &(*at)->next;
        p = *at;
        if (!p)
            continue;
        *at = p->next;
        if (!*at)
            lane->end = at;
        p->next = NULL;
        c->suspects += is_suspect(p);
        set_busy(c, number);
        return p;
    }
    return NULL;
}

void courier_rescan(struct courier *c)
{
    c->has_more = true;
    c->load_below = c->limits.parcels_max / 2;
    courier_poke(c);
}

/* Loading. */

static int load_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct load *l = (struct load *)work;

    return queue_due(txn, l->arena, &l->wish, &l->found, e);
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
        rest(c);
        return;
    }
    l->arena = NULL;
    for (i = 0; i < l->found.count; i++) {
        const struct queue_message *m = &l->found.messages[i];
        /* New ones may have taken the room meanwhile. */
        bool is_full = !has_room(c);
        struct parcel *p;

        if (id_is_known(c, m->id))
            continue;
        p = is_full ? NULL : parcel_in_batch(batch);
        if (!p || (p->message = *m, take(c, p) < 0)) {
            parcel_free(p);
            c->lanes[m->lane % QUEUE_LANES].has_joined = true;
            c->has_more = true;
            if (!is_full)
                rest(c);
        }
    }
    batch_drop(batch);
}

/* What stayed on disk is fetched when a quarter of what is here has gone: sooner, the lane that
 * left it would have no room yet. */
static void note_left(struct courier *c, const struct load *l)
{
    bool is_left = false;
    unsigned i;

    for (i = 0; i < QUEUE_LANES; i++) {
        c->lanes[i].has_more = l->found.left[i] || c->lanes[i].has_joined;
        is_left = is_left || l->found.left[i];
    }
    c->load_lane = l->found.next_lane;
    c->load_below = c->limits.parcels_max / 2;
    if (is_left) {
        c->has_more = true;
        if (c->load_below > c->id_count * 3 / 4)
            c->load_below = c->id_count * 3 / 4;
    }
    if (l->found.next_at_s > l->wish.now_s)
        set_due(c, l->found.next_at_s);
}

static void load_done(struct store_work *work, const struct err *e)
{
    struct load *l = (struct load *)work;
    struct courier *c = l->courier;

    c->is_loading = false;
    if (c->is_freed) {
        load_free(l);
        free(c);
        return;
    }
    if (e) {
        log_error("queue", "event=load-failed error=\"%s\"", e->text);
        rest(c);
        load_free(l);
        return;
    }
    load_take(c, l);
    note_left(c, l);
    load_free(l);
    courier_poke(c);
}

/* What is wanted: room decides, for each lane. */
static int make_wish(struct courier *c, struct load *l)
{
    size_t i;

    l->skip = calloc(c->id_count + 1, sizeof *l->skip);
    if (!l->skip)
        return -1;
    if (c->id_count > 0)
        memcpy(l->skip, c->ids, c->id_count * sizeof *l->skip);
    for (i = 0; i < QUEUE_LANES; i++)
        l->lane_max[i] = lane_room(c, &c->lanes[i]);
    l->wish = (struct queue_wish){
        .kind = c->kind,
        .now_s = clock_wall_s(c->clock),
        .count_max = c->limits.parcels_max - c->id_count,
        .bytes_max = LOAD_BYTES,
        .skip = l->skip,
        .skip_count = c->id_count,
        .first_lane = c->load_lane,
        .lane_max = l->lane_max,
    };
    if (l->wish.count_max > LOAD_COUNT)
        l->wish.count_max = LOAD_COUNT;
    return 0;
}

static void load(struct courier *c)
{
    struct load *l;
    size_t i;

    if (c->is_loading)
        return;
    l = calloc(1, sizeof *l);
    if (!l || !(l->arena = arena_new(c->limits.message_max + 2 * (size_t)LOAD_BYTES)) ||
        make_wish(c, l) < 0)
        goto fail;
    l->courier = c;
    l->work.run = load_run;
    l->work.done = load_done;
    if (store_submit(c->store, &l->work) < 0)
        goto fail;
    for (i = 0; i < QUEUE_LANES; i++)
        c->lanes[i].has_joined = false;
    c->is_loading = true;
    c->has_more = false; /* what is offered from here on says so anew */
    return;
fail:
    load_free(l);
    rest(c);
}

/* Life. */

struct courier *courier_new(struct loop *loop, struct store *store, const struct clock *clock,
                            enum queue_kind kind, const struct courier_limits *limits,
                            courier_deliver_fn *deliver, void *arg)
{
    struct courier *c = calloc(1, sizeof *c);
    size_t i;

    if (!c)
        return NULL;
    c->loop = loop;
    c->store = store;
    c->clock = clock;
    c->kind = kind;
    c->limits = *limits;
    c->deliver = deliver;
    c->arg = arg;
    c->load_below = limits->parcels_max / 2;
    for (i = 0; i < QUEUE_LANES; i++) {
        c->lanes[i].end = &c->lanes[i].first;
        c->lanes[i].has_more = true; /* it is not known what the disk holds */
    }
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
    size_t i;

    if (!c)
        return;
    loop_timer_free(c->due);
    loop_timer_free(c->turn);
    for (i = 0; i < QUEUE_LANES; i++)
        for (p = c->lanes[i].first; p; p = next) {
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
    c->is_resting = false;
}

size_t courier_in_flight(const struct courier *c)
{
    return c->id_count;
}
