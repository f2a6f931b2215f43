/*
 * quota: sums over the table file, and the table file_use.  No data of its own; a crash leaves what
 * was committed, so nothing is counted for a file that is not kept.
 */
#include "store/quota.h"

#include "store/store_inside.h"

static int read_sum(struct store_txn *txn, sqlite3_stmt *s, int64_t *bytes_out, struct err *e)
{
    int r = txn_row(txn, s, e);

    *bytes_out = r > 0 ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int quota_total(struct store_txn *txn, int64_t *bytes_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT sum(size) FROM file", e);

    return s ? read_sum(txn, s, bytes_out, e) : -1;
}

int quota_used(struct store_txn *txn, const char *user, int64_t day, int64_t *bytes_out,
               struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT bytes FROM file_use WHERE day = ? AND user = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, day);
    txn_bind_text(s, 2, user);
    return read_sum(txn, s, bytes_out, e);
}

static int forget_before(struct store_txn *txn, int64_t day, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM file_use WHERE day < ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, day);
    return txn_step(txn, s, e);
}

int quota_add(struct store_txn *txn, const char *user, int64_t day, int64_t bytes, struct err *e)
{
    sqlite3_stmt *s;

    if (forget_before(txn, day, e) < 0)
        return -1;
    s = txn_statement(txn,
                      "INSERT INTO file_use VALUES(?, ?, ?)"
                      " ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
                      e);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, day);
    txn_bind_text(s, 2, user);
    sqlite3_bind_int64(s, 3, bytes);
    return txn_step(txn, s, e);
}
