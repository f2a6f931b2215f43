/*
 * choices: one row for each user who has chosen, or was asked to.  No data but the database; runs
 * inside store work.
 */
#include "store/choices.h"

#include "store/store_inside.h"

/* What a later version may have written and this one does not know is no choice. */
static enum choice read_choice(sqlite3_stmt *s, int column)
{
    int value = sqlite3_column_int(s, column);

    return value == CHOICE_YES || value == CHOICE_NO ? (enum choice)value : CHOICE_NONE;
}

int choices_get(struct store_txn *txn, const char *bare_jid, struct choices *out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT receipts, asked FROM choice WHERE bare_jid = ?", e);
    int r;

    *out = (struct choices){0};
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    r = txn_row(txn, s, e);
    if (r > 0) {
        out->receipts = read_choice(s, 0);
        out->is_asked_on_receipts = sqlite3_column_int(s, 1) != 0;
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int choices_put(struct store_txn *txn, const char *bare_jid, const struct choices *choices,
                struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "INSERT OR REPLACE INTO choice(bare_jid, receipts, asked) VALUES(?, ?, ?)", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, (int)choices->receipts);
    sqlite3_bind_int(s, 3, choices->is_asked_on_receipts);
    return txn_step(txn, s, e);
}
