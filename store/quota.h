/*
 * quota: how many bytes of files are kept, in all and for each user and day.  Inside store work
 * only, on its thread.
 */
#ifndef STORE_QUOTA_H
#define STORE_QUOTA_H

#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

int quota_total(struct store_txn *txn, int64_t *bytes_out, struct err *e) MUST_CHECK;
/* day: since 1970.  Only the latest day is remembered. */
int quota_used(struct store_txn *txn, const char *user, int64_t day, int64_t *bytes_out,
               struct err *e) MUST_CHECK;
int quota_add(struct store_txn *txn, const char *user, int64_t day, int64_t bytes,
              struct err *e) MUST_CHECK;

#endif
