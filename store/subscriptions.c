/*
 * subscriptions: one row for each user and contact.  No data but the database; runs inside store
 * work.
 */
#include "store/subscriptions.h"

#include "store/store_inside.h"

int subscriptions_put(struct store_txn *txn, const struct subscription *s, struct err *e)
{
    /* Looks for the row itself first: a host that says by probes what is known costs next to
     * nothing, however many contacts the user has. */
    sqlite3_stmt *q = txn_statement(txn,
                                    "INSERT INTO subscription SELECT ?1, ?2, 0 WHERE NOT EXISTS"
                                    " (SELECT 1 FROM subscription"
                                    "  WHERE bare_jid = ?1 AND contact = ?2 AND gone = 0)"
                                    " AND NOT EXISTS (SELECT 1 FROM subscription"
                                    "  WHERE bare_jid = ?1 LIMIT 1 OFFSET ?3)"
                                    " ON CONFLICT DO UPDATE SET gone = 0",
                                    e);

    if (!q)
        return -1;
    txn_bind_text(q, 1, s->bare_jid);
    txn_bind_text(q, 2, s->contact);
    sqlite3_bind_int(q, 3, SUBSCRIPTIONS_MAX - 1);
    return txn_step(txn, q, e);
}

int subscriptions_has(struct store_txn *txn, const char *bare_jid, const char *contact, bool *out,
                      struct err *e)
{
    sqlite3_stmt *q = txn_statement(
        txn, "SELECT 1 FROM subscription WHERE bare_jid = ? AND contact = ? AND gone = 0", e);

    *out = false;
    if (!q)
        return -1;
    txn_bind_text(q, 1, bare_jid);
    txn_bind_text(q, 2, contact);
    return txn_has(txn, q, out, e);
}

int subscriptions_drop(struct store_txn *txn, const struct subscription *s, struct err *e)
{
    sqlite3_stmt *q =
        txn_statement(txn, "DELETE FROM subscription WHERE bare_jid = ? AND contact = ?", e);

    if (!q)
        return -1;
    txn_bind_text(q, 1, s->bare_jid);
    txn_bind_text(q, 2, s->contact);
    return txn_step(txn, q, e);
}

int subscriptions_page(struct store_txn *txn, struct arena *a, bool gone,
                       const struct subscription *after, unsigned max, struct subscription *list,
                       unsigned *count_out, struct err *e)
{
    sqlite3_stmt *q =
        gone ? txn_statement(txn,
                             "SELECT bare_jid, contact, '' FROM subscription WHERE gone = 1"
                             " AND (bare_jid, contact) > (?, ?) ORDER BY bare_jid, contact LIMIT ?",
                             e)
             : txn_statement(txn,
                             "SELECT s.bare_jid, s.contact, coalesce(p.sha1, '')"
                             " FROM subscription s LEFT JOIN portrait p"
                             "  ON p.bare_jid = s.bare_jid AND p.contact = s.contact"
                             " WHERE s.gone = 0 AND (s.bare_jid, s.contact) > (?, ?)"
                             " ORDER BY s.bare_jid, s.contact LIMIT ?",
                             e);
    int r;

    *count_out = 0;
    if (!q)
        return -1;
    txn_bind_text(q, 1, after->bare_jid);
    txn_bind_text(q, 2, after->contact);
    sqlite3_bind_int64(q, 3, max);
    while ((r = txn_row(txn, q, e)) > 0) {
        struct subscription *s = &list[*count_out];

        if (txn_text(txn, a, q, 0, &s->bare_jid, e) < 0 ||
            txn_text(txn, a, q, 1, &s->contact, e) < 0 ||
            txn_text(txn, a, q, 2, &s->photo, e) < 0) {
            sqlite3_reset(q);
            return -1;
        }
        ++*count_out;
    }
    return r;
}
