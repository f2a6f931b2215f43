/*
 * choices: a row for each choice that a user has made, or was asked to.  No data but the database;
 * runs inside store work.
 */
#include "store/choices.h"

#include "store/store_inside.h"

int choices_get(struct store_txn *txn, const char *bare_jid, struct choices *out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT what, value FROM chosen WHERE bare_jid = ?", e);
    int r;

    *out = (struct choices){{0}};
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    while ((r = txn_row(txn, s, e)) > 0) {
        int what = sqlite3_column_int(s, 0), value = sqlite3_column_int(s, 1);

        /* What a later version may have written and this one does not know is no choice. */
        if (what > 0 && what < CHOICE_COUNT && value > 0 && value < 256)
            out->of[what] = (unsigned char)value;
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

static int remove_choice(struct store_txn *txn, const char *bare_jid, enum choice_what what,
                         struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM chosen WHERE bare_jid = ? AND what = ?", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, (int)what);
    return txn_step(txn, s, e);
}

int choices_put(struct store_txn *txn, const char *bare_jid, enum choice_what what, unsigned value,
                struct err *e)
{
    sqlite3_stmt *s;

    if (value == CHOICE_NONE)
        return remove_choice(txn, bare_jid, what, e);
    s = txn_statement(txn, "INSERT OR REPLACE INTO chosen(bare_jid, what, value) VALUES(?, ?, ?)",
                      e);
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, (int)what);
    sqlite3_bind_int64(s, 3, value);
    return txn_step(txn, s, e);
}

int choices_each_held(struct store_txn *txn,
                      void (*fn)(const char *bare_jid, unsigned char shown, void *arg), void *arg,
                      struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT bare_jid, max(iif(what = ?3, value, 0)) FROM chosen"
                                    " WHERE what BETWEEN ?1 AND ?2 OR what = ?3 GROUP BY bare_jid"
                                    " HAVING max(iif(what = ?3, 0, value)) > ?4",
                                    e);
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, CHOICE_WHEN_CHAT);
    sqlite3_bind_int(s, 2, CHOICE_WHEN_OFFLINE);
    sqlite3_bind_int(s, 3, CHOICE_SHOWN);
    sqlite3_bind_int(s, 4, CHOICE_DELIVER);
    while ((r = txn_row(txn, s, e)) > 0)
        fn((const char *)sqlite3_column_text(s, 0), (unsigned char)sqlite3_column_int(s, 1), arg);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int choices_forget(struct store_txn *txn, const char *bare_jid, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM chosen WHERE bare_jid = ?", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    return txn_step(txn, s, e);
}
