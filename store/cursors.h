/*
 * cursors: how far each IMAP mailbox has been read.  Inside store work only, on its thread.
 */
#ifndef STORE_CURSORS_H
#define STORE_CURSORS_H

#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

/* 0 and 0 when the mailbox was never read. */
int cursors_get(struct store_txn *txn, const char *mailbox, uint32_t *uidvalidity_out,
                uint32_t *uid_next_out, struct err *e) MUST_CHECK;
/* Also forgets the UIDs below uid_next that queue_put_fetched remembers. */
int cursors_put(struct store_txn *txn, const char *mailbox, uint32_t uidvalidity, uint32_t uid_next,
                struct err *e) MUST_CHECK;

#endif
