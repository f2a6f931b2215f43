/*
 * faces: two small tables.  No data but the database; runs inside store work.
 */
#include "store/faces.h"

#include "store/store_inside.h"

int faces_put_contact(struct store_txn *txn, const char *bare_jid, const char *contact,
                      const char *name, int64_t now_s, struct err *e)
{
    /* seen is only for forgetting: to the day is enough, and spares a write for each mail */
    sqlite3_stmt *s = txn_statement(
        txn,
        "INSERT INTO face VALUES(?1, ?2, ?3, ?4) ON CONFLICT(bare_jid, contact) DO UPDATE"
        " SET name = ?3, seen = ?4 WHERE name <> ?3 OR seen < ?4 - 86400",
        e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    txn_bind_text(s, 3, name);
    sqlite3_bind_int64(s, 4, now_s);
    return txn_step(txn, s, e);
}

int faces_get_contact(struct store_txn *txn, struct arena *a, const char *bare_jid,
                      const char *contact, const char **out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT name FROM face WHERE bare_jid = ? AND contact = ?", e);
    int r;

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    r = txn_row(txn, s, e);
    if (r > 0)
        r = txn_text(txn, a, s, 0, out, e);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int faces_put_user(struct store_txn *txn, const char *bare_jid, const char *name, int64_t fetched_s,
                   struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "INSERT INTO user_name VALUES(?1, coalesce(?2, ''), ?3)"
        " ON CONFLICT(bare_jid) DO UPDATE SET name = coalesce(?2, name), fetched = ?3",
        e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, name);
    sqlite3_bind_int64(s, 3, fetched_s);
    return txn_step(txn, s, e);
}

int faces_get_user(struct store_txn *txn, struct arena *a, const char *bare_jid,
                   const char **name_out, int64_t *fetched_s_out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT name, fetched FROM user_name WHERE bare_jid = ?", e);
    int r;

    *name_out = NULL;
    *fetched_s_out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    r = txn_row(txn, s, e);
    if (r > 0) {
        *fetched_s_out = sqlite3_column_int64(s, 1);
        r = txn_text(txn, a, s, 0, name_out, e);
    }
    sqlite3_reset(s);
    if (r == 0 && *name_out && **name_out == '\0')
        *name_out = NULL;
    return r < 0 ? -1 : 0;
}

int faces_expire(struct store_txn *txn, int64_t before_s, unsigned count_max, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "DELETE FROM face WHERE (bare_jid, contact) IN"
                                    " (SELECT bare_jid, contact FROM face WHERE seen < ? LIMIT ?)",
                                    e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, before_s);
    sqlite3_bind_int64(s, 2, count_max);
    return txn_step(txn, s, e);
}
