/*
 * poison: a message that brings down whoever works on it is set aside, and somebody is told.
 *
 * Each crash of the program, or of the helper that reads mail, in the middle of the work on a
 * message counts against it (store/flight.h says which those are).  A message with a crash goes
 * when no other such one is under way (bridge/courier.c), so innocents that were in work at the
 * same time pass and are cleared, and the one at fault is alone the next time.  After three it is
 * set aside: its sender is told, or the administrators (admin.jids) where there is nobody else to
 * tell.  What is set aside goes for good when the queue's lifetime has passed once more.
 */
#ifndef BRIDGE_REPORTS_POISON_H
#define BRIDGE_REPORTS_POISON_H

#include "base/id.h"
#include "bridge/settings.h"
#include "store/flight.h"
#include "store/queue.h"

enum { POISON_CRASHES = 3, POISON_ADMINS = 8, POISON_TELL_S = 600 };

#define WHY_ACCUSED "the Jabber server closed the stream when nothing else was under way"

/* Of the messages that tell of it; made on the loop, before it is known who is told. */
struct poison_ids {
    int64_t report, admins[POISON_ADMINS];
};

void poison_make_ids(struct id_maker *maker, struct poison_ids *out);

/* Inside store work, on its thread: */

/* The item is set aside, and its sender told, or the administrators. */
int poison_set_aside(struct store_txn *txn, const struct settings *s, const struct queue_message *m,
                     const struct queue_item *item, const char *why, const struct poison_ids *ids,
                     int64_t now_s, struct err *e) MUST_CHECK;
/* A crash over it: counted as an attempt, and at the third it is set aside.  *crashes_out: so many
 * by now, 0 when the item is gone. */
int poison_blame(struct store_txn *txn, const struct settings *s, const struct queue_message *m,
                 const struct queue_item *item, const char *why, const struct poison_ids *ids,
                 int64_t now_s, unsigned *crashes_out, struct err *e) MUST_CHECK;
/* Words for the administrators; *told_out: there are some. */
int poison_tell_admins(struct store_txn *txn, const struct settings *s, const char *text,
                       const struct poison_ids *ids, int64_t now_s, bool *told_out,
                       struct err *e) MUST_CHECK;
/* Removes what was set aside before before_s, at most count_max items, with a line in the log for
 * each; the administrators hear of those nobody was told of. */
int poison_expire(struct store_txn *txn, const struct settings *s, int64_t before_s,
                  unsigned count_max, const struct poison_ids *ids, int64_t now_s, bool *told_out,
                  struct err *e) MUST_CHECK;

/* On the loop: an item was set aside, for nobody could be told; the administrators are, though at
 * most once in POISON_TELL_S. */
struct gateway;
void poison_announce(struct gateway *g, int64_t id, unsigned n, const char *why);
/* The same, with a line in the log: what became of the item could not be written down. */
void poison_given_up(struct gateway *g, const struct queue_message *m, unsigned n, const char *why);

/* At the start, before the writer runs: what the last life may have ended over is blamed. */
int poison_take_stock(struct store *store, struct flight *flight, const struct settings *s,
                      struct id_maker *maker, int64_t now_s, struct err *e) MUST_CHECK;

#endif
