/*
 * courier: what is in the queue goes on its way.
 *
 * One courier serves one kind of queue message.  It holds a bounded number of parcels in memory:
 * those just accepted, handed over without reading them back, and those that fell due on disk. What
 * does not fit stays on disk and is loaded when there is room, so memory does not depend on the
 * queue's length.  The lanes of the queue take turns, and no lane fills the memory: whoever writes
 * a hundred thousand messages waits for them, and hardly anybody else does.  Loop thread only.
 */
#ifndef BRIDGE_COURIER_H
#define BRIDGE_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/loop.h"
#include "store/flight.h"
#include "store/queue.h"
#include "store/store.h"

/* A message of the queue in memory, with its due items. */
struct parcel {
    struct queue_message message; /* in the batch's arena */
    struct parcel_batch *batch;   /* what was loaded together shares an arena */
    char *heap; /* freed with the parcel: content composed elsewhere; NULL: none */
    struct parcel *next;
    size_t bytes;
    unsigned mark; /* in the list of what is in work; 0: none */
    bool is_new;   /* just accepted and never prepared: nothing can have become of it yet */
};

/* A parcel with an arena of its own, for a new message; NULL: memory.  arena_max bounds what it may
 * hold. */
struct parcel *parcel_new(size_t arena_max);
struct arena *parcel_arena(struct parcel *p);
void parcel_free(struct parcel *p); /* takes NULL */

/* Starts the work on a parcel, which is the callee's until courier_finish.  false: no room now,
 * offered again after courier_poke. */
typedef bool courier_deliver_fn(struct parcel *p, void *arg);

struct courier;

struct courier_limits {
    size_t parcels_max; /* in memory */
    size_t bytes_max;
    size_t message_max; /* bytes of the largest message that may come back from disk */
};

struct courier *courier_new(struct loop *loop, struct store *store, const struct clock *clock,
                            enum queue_kind kind, const struct courier_limits *limits,
                            courier_deliver_fn *deliver, void *arg);
void courier_free(struct courier *c); /* parcels not in delivery are freed; takes NULL */

/* Nothing is delivered or loaded before start. */
void courier_start(struct courier *c);
void courier_stop(struct courier *c);

/* A parcel whose message has just been committed; the courier takes it, and may leave it to the
 * disk. */
void courier_offer(struct courier *c, struct parcel *p);
/* The outcome of a parcel is on disk.  next_at_s: when one of its items is due again, 0: none is.
 */
void courier_finish(struct courier *c, struct parcel *p, int64_t next_at_s);
/* The parcel was not delivered and nothing is to be written: it waits among the others by age. */
void courier_return(struct courier *c, struct parcel *p);
/* The first parcel in memory that waits and is wanted, to be delivered out of turn (courier_finish
 * or courier_return ends that); NULL: none. */
struct parcel *courier_take_waiting(struct courier *c,
                                    bool (*wanted)(const struct parcel *p, void *arg), void *arg);
/* There is room to deliver again. */
void courier_poke(struct courier *c);
/* The disk may hold more than was known (another process changed it). */
void courier_rescan(struct courier *c);

/* Where courier_mark notes what is in work; borrowed, NULL: nowhere. */
void courier_set_flight(struct courier *c, struct flight *flight);
/* Work begins on the parcel that might bring the program down (store/flight.h); it ends with
 * courier_unmark, courier_finish or courier_return. */
void courier_mark(struct courier *c, struct parcel *p);
void courier_unmark(struct courier *c, struct parcel *p);

size_t courier_in_flight(const struct courier *c); /* parcels in memory, waiting or in delivery */

#endif
