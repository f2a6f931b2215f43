/*
 * life: claims on what is in the queue, with a lease.  No data but the database and the number of
 * the present life; runs inside store work.  A crash leaves a life that is over when its time is,
 * or when the next holder of the lock begins.
 */
#include "store/life.h"

#include "store/store_inside.h"

static int put(struct store_txn *txn, int64_t id, int64_t now_s, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "INSERT OR REPLACE INTO life VALUES(?, ?)", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, now_s + LIFE_LEASE_S);
    return txn_step(txn, s, e);
}

int life_begin(struct store_txn *txn, int64_t now_s, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM life", e);
    int64_t id = 0;

    if (!s || txn_step(txn, s, e) < 0)
        return -1;
    while (id == 0) {
        if (keyed_random((unsigned char *)&id, sizeof id, e) < 0)
            return -1;
        id &= INT64_MAX;
    }
    txn->store->life = id;
    return put(txn, id, now_s, e);
}

int life_renew(struct store_txn *txn, int64_t now_s, struct err *e)
{
    return put(txn, txn->store->life, now_s, e);
}
