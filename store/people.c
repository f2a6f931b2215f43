/*
 * people: three small tables.  No data but the database; runs inside store work.
 */
#include "store/people.h"

#include "base/id.h"
#include "store/store_inside.h"

int people_put_spelling(struct store_txn *txn, const char *contact, const char *mail, int64_t now_s,
                        struct err *e)
{
    sqlite3_stmt *s;

    if (!mail)
        s = txn_statement(txn, "DELETE FROM spelling WHERE contact = ?1", e);
    else /* seen is only for forgetting: to the day is enough, and spares a write for each mail */
        s = txn_statement(txn,
                          "INSERT INTO spelling VALUES(?1, ?2, ?3) ON CONFLICT(contact) DO UPDATE"
                          " SET mail = ?2, seen = ?3 WHERE mail <> ?2 OR seen < ?3 - 86400",
                          e);
    if (!s)
        return -1;
    txn_bind_text(s, 1, contact);
    if (mail) {
        txn_bind_text(s, 2, mail);
        sqlite3_bind_int64(s, 3, now_s);
    }
    return txn_step(txn, s, e);
}

int people_get_spelling(struct store_txn *txn, struct arena *a, const char *contact,
                        const char **out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT mail FROM spelling WHERE contact = ?", e);

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, contact);
    return txn_one_text(txn, a, s, out, e);
}

int people_put_alias(struct store_txn *txn, const char *alias, const char *bare_jid, int64_t now_s,
                     struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "INSERT INTO alias VALUES(?1, ?2, ?3) ON CONFLICT(local) DO"
                                    " UPDATE SET seen = ?3 WHERE seen < ?3 - 86400",
                                    e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, alias);
    txn_bind_text(s, 2, bare_jid);
    sqlite3_bind_int64(s, 3, now_s);
    return txn_step(txn, s, e);
}

int people_get_alias(struct store_txn *txn, struct arena *a, const char *alias, const char **out,
                     struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT jid FROM alias WHERE local = ?", e);

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, alias);
    return txn_one_text(txn, a, s, out, e);
}

int people_put_circle(struct store_txn *txn, int64_t id, const char *circle, int64_t now_s,
                      struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "INSERT OR REPLACE INTO circle VALUES(?, ?, ?)", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    txn_bind_text(s, 2, circle);
    sqlite3_bind_int64(s, 3, now_s);
    return txn_step(txn, s, e);
}

int people_get_circle(struct store_txn *txn, struct arena *a, int64_t id, const char **out,
                      struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT people FROM circle WHERE id = ?", e);

    *out = NULL;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return txn_one_text(txn, a, s, out, e);
}

int people_expire(struct store_txn *txn, int64_t spelling_before_s, int64_t alias_before_s,
                  int64_t circle_before_s, unsigned count_max, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "DELETE FROM spelling WHERE contact IN"
                                    " (SELECT contact FROM spelling WHERE seen < ? LIMIT ?)",
                                    e);

    if (txn_forget(txn, s, spelling_before_s, count_max, e) < 0)
        return -1;
    s = txn_statement(txn,
                      "DELETE FROM alias WHERE local IN"
                      " (SELECT local FROM alias WHERE seen < ? LIMIT ?)",
                      e);
    if (txn_forget(txn, s, alias_before_s, count_max, e) < 0)
        return -1;
    s = txn_statement(txn,
                      "DELETE FROM circle WHERE id IN"
                      " (SELECT id FROM circle WHERE id < ? LIMIT ?)",
                      e);
    return txn_forget(txn, s, id_at(circle_before_s), count_max, e);
}
