/*
 * announcements: one small table, and a walk over all users.  No data but the database; runs inside
 * store work.
 */
#include "store/announcements.h"

#include "store/store_inside.h"

int announcements_put(struct store_txn *txn, const struct announcement *a, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "INSERT INTO announcement(id, type, subject, body, after, told) VALUES(?, ?, ?, ?, '', 0)",
        e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, a->id);
    txn_bind_text(s, 2, a->type);
    txn_bind_text(s, 3, a->subject);
    txn_bind_text(s, 4, a->body);
    return txn_step(txn, s, e);
}

int announcements_first(struct store_txn *txn, struct arena *arena, struct announcement *out,
                        bool *found_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "SELECT id, type, subject, body, after, told FROM announcement ORDER BY id LIMIT 1",
        e);
    int r;

    *out = (struct announcement){0};
    *found_out = false;
    if (!s)
        return -1;
    r = txn_row(txn, s, e);
    if (r <= 0)
        return r;
    out->id = sqlite3_column_int64(s, 0);
    out->told = sqlite3_column_int64(s, 5);
    r = txn_text(txn, arena, s, 1, &out->type, e) < 0 ||
                txn_text(txn, arena, s, 2, &out->subject, e) < 0 ||
                txn_text(txn, arena, s, 3, &out->body, e) < 0 ||
                txn_text(txn, arena, s, 4, &out->after, e) < 0
            ? -1
            : 0;
    sqlite3_reset(s);
    *found_out = r == 0;
    return r;
}

int announcements_go_on(struct store_txn *txn, int64_t id, const char *after, int64_t told,
                        struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "UPDATE announcement SET after = ?2, told = ?3 WHERE id = ?1", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    txn_bind_text(s, 2, after);
    sqlite3_bind_int64(s, 3, told);
    return txn_step(txn, s, e);
}

int announcements_drop(struct store_txn *txn, int64_t id, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM announcement WHERE id = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return txn_step(txn, s, e);
}

int announcements_next_user(struct store_txn *txn, struct arena *arena, const char *after,
                            const char **out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "SELECT min(x) FROM (SELECT min(bare_jid) AS x FROM account WHERE bare_jid > ?1 UNION ALL"
        " SELECT * FROM (SELECT bare_jid FROM subscription WHERE bare_jid > ?1 AND gone = 0"
        "  ORDER BY bare_jid LIMIT 1))",
        e);
    int r;

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, after);
    r = txn_row(txn, s, e);
    if (r > 0)
        r = txn_text(txn, arena, s, 0, out, e);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}
