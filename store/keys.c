/*
 * keys: which OpenPGP key a Jabber user signs with.  One row for each user who ever signed their
 * presence.  No data but the database; runs inside store work.
 */
#include "store/keys.h"

#include "store/store_inside.h"

int keys_put(struct store_txn *txn, const char *bare_jid, const char *key_id, struct err *e)
{
    /* Presence comes often and says the same: without a change no page is touched. */
    sqlite3_stmt *s =
        txn_statement(txn,
                      "INSERT INTO pgp_key VALUES(?, ?) ON CONFLICT(bare_jid) DO UPDATE"
                      " SET key_id = excluded.key_id WHERE key_id <> excluded.key_id",
                      e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, key_id);
    return txn_step(txn, s, e);
}

int keys_get(struct store_txn *txn, struct arena *a, const char *bare_jid, const char **out,
             struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT key_id FROM pgp_key WHERE bare_jid = ?", e);
    int r;

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    r = txn_row(txn, s, e);
    if (r > 0)
        r = txn_text(txn, a, s, 0, out, e);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}
