/*
 * uploads: the table upload.  No data of its own; the writer's thread.  A row is written after the
 * service has the file: a crash before that uploads it once more.
 */
#include "store/uploads.h"

#include "store/store_inside.h"

int uploads_put(struct store_txn *txn, int64_t message_id, unsigned part, const char *url,
                int64_t now_s, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "INSERT OR REPLACE INTO upload VALUES(?, ?, ?, ?)", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, message_id);
    sqlite3_bind_int64(s, 2, part);
    txn_bind_text(s, 3, url);
    sqlite3_bind_int64(s, 4, now_s);
    return txn_step(txn, s, e);
}

int uploads_get(struct store_txn *txn, struct arena *a, int64_t message_id, struct upload_row **out,
                struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT part, url FROM upload WHERE message = ? ORDER BY part", e);
    int r;

    *out = NULL;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, message_id);
    while ((r = txn_row(txn, s, e)) > 0) {
        struct upload_row *row = *out = arena_alloc(a, sizeof *row);

        if (!row || txn_text(txn, a, s, 1, &row->url, e) < 0) {
            r = row ? -1 : err_memory(e);
            break;
        }
        row->part = (unsigned)sqlite3_column_int64(s, 0);
        out = &row->next;
    }
    sqlite3_reset(s);
    return r;
}

int uploads_expire(struct store_txn *txn, int64_t before_s, unsigned count_max, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "DELETE FROM upload WHERE (message, part) IN (SELECT message,"
                                    " part FROM upload WHERE created < ? ORDER BY created LIMIT ?)",
                                    e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, before_s);
    sqlite3_bind_int64(s, 2, count_max);
    return txn_step(txn, s, e);
}
