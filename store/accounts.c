/*
 * accounts: one row for each user who has registered.  No data but the database; runs inside store
 * work.
 */
#include "store/accounts.h"

#include "store/choices.h"
#include "store/held.h"
#include "store/newcomers.h"
#include "store/own_boxes.h"
#include "store/senders.h"
#include "store/link_index.h"
#include "store/store_inside.h"

int accounts_get(struct store_txn *txn, struct arena *a, const char *bare_jid, struct account *out,
                 bool *found_out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT alias, name, created FROM account WHERE bare_jid = ?", e);
    int r;

    *out = (struct account){.name = ""};
    *found_out = false;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    r = txn_row(txn, s, e);
    if (r <= 0)
        return r;
    out->created_s = sqlite3_column_int64(s, 2);
    r = txn_text(txn, a, s, 0, &out->alias, e) < 0 || txn_text(txn, a, s, 1, &out->name, e) < 0 ? -1
                                                                                                : 0;
    sqlite3_reset(s);
    *found_out = r == 0;
    return r;
}

int accounts_put(struct store_txn *txn, const char *bare_jid, const struct account *account,
                 struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "INSERT INTO account(bare_jid, alias, name, created)"
                                    " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(bare_jid) DO UPDATE"
                                    " SET alias = ?2, name = ?3",
                                    e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, account->alias);
    txn_bind_text(s, 3, account->name);
    sqlite3_bind_int64(s, 4, account->created_s);
    return txn_step(txn, s, e);
}

int accounts_owner(struct store_txn *txn, struct arena *a, const char *alias, const char **out,
                   struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT bare_jid FROM account WHERE alias = ?", e);
    int r;

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, alias);
    r = txn_row(txn, s, e);
    if (r <= 0)
        return r;
    r = txn_text(txn, a, s, 0, out, e);
    sqlite3_reset(s);
    return r;
}

static int run_for(struct store_txn *txn, sqlite3_stmt *s, const char *bare_jid, struct err *e)
{
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    return txn_step(txn, s, e);
}

/* What is held for them is on its way from here on. */
int accounts_remove(struct store_txn *txn, const char *bare_jid, struct err *e)
{
    int64_t going;

    if (run_for(txn, txn_statement(txn, "DELETE FROM account WHERE bare_jid = ?", e), bare_jid, e) <
            0 ||
        held_order(txn, bare_jid, HELD_EVERY, NULL, INT64_MAX, &going, e) < 0 ||
        choices_forget(txn, bare_jid, e) < 0 || own_boxes_remove_all(txn, bare_jid, e) < 0 ||
        senders_forget(txn, bare_jid, e) < 0 || newcomers_forget(txn, bare_jid, e) < 0 ||
        run_for(txn, txn_statement(txn, "DELETE FROM user_name WHERE bare_jid = ?", e), bare_jid,
                e) < 0 ||
        run_for(txn, txn_statement(txn, "DELETE FROM face WHERE bare_jid = ?", e), bare_jid, e) <
            0 ||
        run_for(txn, txn_statement(txn, "DELETE FROM portrait WHERE bare_jid = ?", e), bare_jid,
                e) < 0 ||
        run_for(txn, txn_statement(txn, "DELETE FROM pgp_key WHERE bare_jid = ?", e), bare_jid, e) <
            0)
        return -1;
    return run_for(txn,
                   txn_statement(txn, "UPDATE subscription SET gone = 1 WHERE bare_jid = ?", e),
                   bare_jid, e);
}

int accounts_is_known(struct store_txn *txn, const char *bare_jid, bool *out, struct err *e)
{
    const struct link_entry like = {.jid = link_hash_jid(bare_jid)};
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT 1 WHERE EXISTS"
                                    " (SELECT 1 FROM account WHERE bare_jid = ?1) OR EXISTS"
                                    " (SELECT 1 FROM chosen WHERE bare_jid = ?1) OR EXISTS"
                                    " (SELECT 1 FROM user_name WHERE bare_jid = ?1) OR EXISTS"
                                    " (SELECT 1 FROM subscription WHERE bare_jid = ?1) OR EXISTS"
                                    " (SELECT 1 FROM face WHERE bare_jid = ?1) OR EXISTS"
                                    " (SELECT 1 FROM pgp_key WHERE bare_jid = ?1)",
                                    e);
    int r;

    *out = false;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    r = txn_row(txn, s, e);
    *out = r > 0;
    sqlite3_reset(s);
    return r < 0 ? -1 : *out ? 0 : link_index_has(txn, &like, out, e);
}

int accounts_each_alias(struct store_txn *txn,
                        int (*fn)(const char *alias, const char *bare_jid, void *arg), void *arg,
                        struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT alias, bare_jid FROM account WHERE alias IS NOT NULL", e);
    int r;

    if (!s)
        return -1;
    while ((r = txn_row(txn, s, e)) > 0) {
        const char *alias = (const char *)sqlite3_column_text(s, 0);
        const char *bare_jid = (const char *)sqlite3_column_text(s, 1);

        if (!alias || !bare_jid || fn(alias, bare_jid, arg) < 0) {
            sqlite3_reset(s);
            return err_memory(e);
        }
    }
    return r;
}
