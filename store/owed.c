/*
 * owed: reports of success that are still to be written.  No data but the database; runs inside
 * store work, in one transaction with the report that settles a row.
 */
#include "store/owed.h"

#include "store/store_inside.h"

int owed_put(struct store_txn *txn, int64_t id, unsigned n, int64_t due_s, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "INSERT OR REPLACE INTO owed VALUES(?, ?, ?)", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, n);
    sqlite3_bind_int64(s, 3, due_s);
    return txn_step(txn, s, e);
}

int owed_remove(struct store_txn *txn, int64_t id, unsigned n, bool *was_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM owed WHERE id = ? AND n = ?", e);

    *was_out = false;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, n);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *was_out = txn_changes(txn) > 0;
    return 0;
}

int owed_due(struct store_txn *txn, int64_t now_s, struct owed *out, size_t max, size_t *count_out,
             struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT id, n FROM owed WHERE due <= ? ORDER BY due LIMIT ?", e);
    int r = 0;

    *count_out = 0;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, now_s);
    sqlite3_bind_int64(s, 2, (int64_t)max);
    while (*count_out < max && (r = txn_row(txn, s, e)) > 0)
        out[(*count_out)++] =
            (struct owed){sqlite3_column_int64(s, 0), (unsigned)sqlite3_column_int64(s, 1)};
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}
