/*
 * census: counts over what other modules keep.  No data but the database; runs inside store work.
 */
#include "store/census.h"

#include "store/store_inside.h"

int census_count(struct store_txn *txn, int64_t *out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT count(*) FROM account", e);
    int r;

    *out = 0;
    if (!s)
        return -1;
    r = txn_row(txn, s, e);
    if (r > 0)
        *out = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int census_page(struct store_txn *txn, struct arena *a, const char *after, unsigned max,
                const char **list, unsigned *count_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "SELECT bare_jid FROM account WHERE bare_jid > ? ORDER BY bare_jid LIMIT ?", e);
    int r;

    *count_out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, after);
    sqlite3_bind_int64(s, 2, max);
    while ((r = txn_row(txn, s, e)) > 0) {
        if (txn_text(txn, a, s, 0, &list[*count_out], e) < 0) {
            sqlite3_reset(s);
            return -1;
        }
        ++*count_out;
    }
    return r;
}

int census_sums(struct store_txn *txn, const char *bare_jid, struct census_sums *out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT (SELECT count(*) FROM chosen WHERE bare_jid = ?1),"
                      " (SELECT count(*) FROM sender WHERE bare_jid = ?1 AND verdict IN (1, 2)),"
                      " (SELECT count(*) FROM subscription WHERE bare_jid = ?1 AND gone = 0),"
                      " (SELECT count(*) FROM held WHERE bare_jid = ?1)",
                      e);
    int r;

    *out = (struct census_sums){0};
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    r = txn_row(txn, s, e);
    if (r > 0)
        *out = (struct census_sums){sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
                                    sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 3)};
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}
