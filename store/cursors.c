/*
 * cursors: how far each mailbox has been read.  No data but the database; runs inside store work.
 */
#include "store/cursors.h"

#include "store/store_inside.h"

int cursors_get(struct store_txn *txn, const char *mailbox, uint32_t *uidvalidity_out,
                uint32_t *uid_next_out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT uidvalidity, uid_next FROM cursor WHERE mailbox = ?", e);
    int r;

    *uidvalidity_out = *uid_next_out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, mailbox);
    r = txn_row(txn, s, e);
    if (r > 0) {
        *uidvalidity_out = (uint32_t)sqlite3_column_int64(s, 0);
        *uid_next_out = (uint32_t)sqlite3_column_int64(s, 1);
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

static int forget(struct store_txn *txn, const char *sql, const char *mailbox, uint32_t uidvalidity,
                  struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, sql, e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, mailbox);
    sqlite3_bind_int64(s, 2, uidvalidity);
    return txn_step(txn, s, e);
}

int cursors_put(struct store_txn *txn, const char *mailbox, uint32_t uidvalidity, uint32_t uid_next,
                struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "INSERT OR REPLACE INTO cursor VALUES(?, ?, ?)", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, mailbox);
    sqlite3_bind_int64(s, 2, uidvalidity);
    sqlite3_bind_int64(s, 3, uid_next);
    if (txn_step(txn, s, e) < 0)
        return -1;
    /* The three ranges of the primary key that the cursor leaves behind.  Under another UIDVALIDITY
     * UIDs of before mean nothing (RFC 3501 §2.3.1.1). */
    if (forget(txn, "DELETE FROM fetched WHERE mailbox = ? AND uidvalidity < ?", mailbox,
               uidvalidity, e) < 0 ||
        forget(txn, "DELETE FROM fetched WHERE mailbox = ? AND uidvalidity > ?", mailbox,
               uidvalidity, e) < 0)
        return -1;
    s = txn_statement(txn, "DELETE FROM fetched WHERE mailbox = ? AND uidvalidity = ? AND uid < ?",
                      e);
    if (!s)
        return -1;
    txn_bind_text(s, 1, mailbox);
    sqlite3_bind_int64(s, 2, uidvalidity);
    sqlite3_bind_int64(s, 3, uid_next);
    return txn_step(txn, s, e);
}
