/*
 * queue_read: rows of the queue as structures in an arena, for store/ alone.
 */
#ifndef STORE_QUEUE_READ_H
#define STORE_QUEUE_READ_H

#include "store/queue.h"
#include "store/store_inside.h"

/* From a row of id, kind, sender, origin, created, deadline, the content or its length, expiry,
 * uidvalidity, uid, envelope_id and ret. */
int queue_read_message(struct store_txn *txn, struct arena *a, sqlite3_stmt *s, bool has_content,
                       struct queue_message *m, struct err *e) MUST_CHECK;
/* The items of a message that are due from from_s until until_s; all: INT64_MIN and INT64_MAX. */
int queue_read_items(struct store_txn *txn, struct arena *a, int64_t from_s, int64_t until_s,
                     struct queue_message *m, struct err *e) MUST_CHECK;

#endif
