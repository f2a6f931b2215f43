/*
 * status: what the gateway tells its administrators: a page, metrics, and whether it is well.
 *
 * The queue is counted on a worker, over a connection of its own that only reads, and at most every
 * few seconds: with a long queue that takes time, and it must not hold up the writer.  Loop thread.
 */
#ifndef BRIDGE_STATUS_STATUS_H
#define BRIDGE_STATUS_STATUS_H

#include "base/buf.h"
#include "base/err.h"
#include "bridge/gateway.h"
#include "store/queue.h"
#include "web/admin.h"

enum { STATUS_KINDS = 4 }; /* of the queue: kind - 1 is the place; the last are held */

/* What a page is made from. */
struct status_view {
    struct gateway *gateway;
    int64_t now_s;
    bool has_queue; /* else it could not be counted yet */
    int64_t counted_s;
    struct queue_counts queue[STATUS_KINDS];
    int64_t memory_bytes;
};

/* Listens where admin.listen says; nothing to do without it. */
int status_open(struct gateway *g, struct err *e) MUST_CHECK;
void status_close(struct gateway *g); /* the workers have stopped */

/* The pages, in files of their own; html and text are added to out. */
void status_page(const struct status_view *v, struct buf *out);
void status_metrics(const struct status_view *v, struct buf *out);
/* One line for each thing that does not work now; true when there is none. */
bool status_health(const struct status_view *v, struct buf *out);
/* What an administrator can do about a line of the log; NULL: nothing is known. */
const char *status_advice(const char *line);

#endif
