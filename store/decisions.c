/*
 * decisions: one small table.  No data but the database; runs inside store work.
 */
#include "store/decisions.h"

#include "store/store_inside.h"

int decisions_put(struct store_txn *txn, enum decision_what what, const char *name,
                  const char *value, struct err *e)
{
    sqlite3_stmt *s =
        value ? txn_statement(txn,
                              "INSERT INTO decision(what, name, value) VALUES(?1, ?2, ?3)"
                              " ON CONFLICT(what, name) DO UPDATE SET value = ?3",
                              e)
              : txn_statement(txn, "DELETE FROM decision WHERE what = ?1 AND name = ?2", e);

    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, (int)what);
    txn_bind_text(s, 2, name);
    if (value)
        txn_bind_text(s, 3, value);
    return txn_step(txn, s, e);
}

int decisions_clear(struct store_txn *txn, enum decision_what what, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM decision WHERE what = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, (int)what);
    return txn_step(txn, s, e);
}

int decisions_each(struct store_txn *txn,
                   int (*fn)(enum decision_what what, const char *name, const char *value,
                             void *arg),
                   void *arg, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT what, name, value FROM decision ORDER BY what, name", e);
    int r;

    if (!s)
        return -1;
    while ((r = txn_row(txn, s, e)) > 0) {
        const char *name = (const char *)sqlite3_column_text(s, 1);
        const char *value = (const char *)sqlite3_column_text(s, 2);

        if (!name || !value ||
            fn((enum decision_what)sqlite3_column_int(s, 0), name, value, arg) < 0) {
            sqlite3_reset(s);
            return err_memory(e);
        }
    }
    return r;
}
