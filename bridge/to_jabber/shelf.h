/*
 * shelf: the files of a mail, and the page that shows the whole of it: kept, named by links, and
 * refused when they are too much.
 */
#ifndef BRIDGE_TO_JABBER_SHELF_H
#define BRIDGE_TO_JABBER_SHELF_H

#include "bridge/to_jabber/shipment.h"
#include "mapping/context.h"

/* Writes the bytes and gives the letter their links.  On a worker. */
int shelf_write(struct shipment *s, struct err *e) MUST_CHECK;
/* Writes the rows; or, over a quota, takes the bytes and the links away again and tells the reader
 * why.  Inside store work. */
int shelf_put(struct store_txn *txn, struct shipment *s, const struct context *ctx,
              struct err *e) MUST_CHECK;

#endif
