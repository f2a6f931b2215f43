/*
 * newcomers: one small table.  No data but the database; runs inside store work.
 */
#include "store/newcomers.h"

#include "store/store_inside.h"

int newcomers_get(struct store_txn *txn, const char *bare_jid, const char *contact,
                  enum newcomer *out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT told FROM newcomer WHERE bare_jid = ? AND contact = ?", e);
    int r;

    *out = NEWCOMER_NONE;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    r = txn_row(txn, s, e);
    if (r > 0)
        *out = sqlite3_column_int(s, 0) ? NEWCOMER_TOLD : NEWCOMER_WAITS;
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int newcomers_put(struct store_txn *txn, const char *bare_jid, const char *contact, int64_t now_s,
                  struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "INSERT INTO newcomer(bare_jid, contact, created, told) VALUES(?, ?, ?, 0)"
                      " ON CONFLICT DO NOTHING",
                      e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    sqlite3_bind_int64(s, 3, now_s);
    return txn_step(txn, s, e);
}

int newcomers_tell(struct store_txn *txn, const char *bare_jid, const char *contact, bool *out,
                   struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "UPDATE newcomer SET told = 1 WHERE bare_jid = ? AND contact = ? AND told = 0", e);

    *out = false;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *out = txn_changes(txn) > 0;
    return 0;
}

int newcomers_forget(struct store_txn *txn, const char *bare_jid, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM newcomer WHERE bare_jid = ?", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    return txn_step(txn, s, e);
}

int newcomers_expire(struct store_txn *txn, int64_t before_s, unsigned count_max, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "DELETE FROM newcomer WHERE (bare_jid, contact) IN"
                                    " (SELECT bare_jid, contact FROM newcomer WHERE created < ?"
                                    "  LIMIT ?)",
                                    e);

    return txn_forget(txn, s, before_s, count_max, e);
}
