/*
 * known: what the tables of subscriptions, names and links say together.  No data but the database;
 * runs inside store work.
 */
#include "store/known.h"

#include "store/links.h"
#include "store/store_inside.h"

/* Whom a user has talked with is found by leaps over the index of what they wrote to each other,
 * not by reading all of it. */
#define TALKED                                                                                     \
    "SELECT min(bare_contact) FROM link WHERE bare_jid = ?1"                                       \
    " AND (stanza_id IS NOT NULL OR thread IS NOT NULL)"

static sqlite3_stmt *ask(struct store_txn *txn, bool listed, struct err *e)
{
    if (listed)
        return txn_statement(txn,
                             "SELECT s.contact, f.name FROM subscription s LEFT JOIN face f"
                             "  ON f.bare_jid = ?1 AND f.contact = s.contact"
                             " WHERE s.bare_jid = ?1 AND s.gone = 0 AND instr(s.contact, '@') > 0"
                             " ORDER BY s.contact LIMIT ?2",
                             e);
    return txn_statement(txn,
                         "WITH RECURSIVE talked(contact) AS (" TALKED " UNION ALL"
                         "  SELECT (" TALKED " AND bare_contact > talked.contact) FROM talked"
                         "   WHERE talked.contact IS NOT NULL LIMIT ?2),"
                         " known(contact) AS ("
                         "  SELECT contact FROM subscription WHERE bare_jid = ?1 AND gone = 0"
                         "  UNION SELECT contact FROM face WHERE bare_jid = ?1"
                         "  UNION SELECT contact FROM talked WHERE contact IS NOT NULL)"
                         " SELECT k.contact, f.name FROM known k LEFT JOIN face f"
                         "  ON f.bare_jid = ?1 AND f.contact = k.contact"
                         " WHERE instr(k.contact, '@') > 0 ORDER BY k.contact LIMIT ?2",
                         e);
}

int known_each(struct store_txn *txn, const char *bare_jid, bool listed,
               int (*fn)(const char *contact, const char *name, void *arg), void *arg,
               struct err *e)
{
    sqlite3_stmt *s = ask(txn, listed, e);
    int r;

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, KNOWN_MAX);
    while ((r = txn_row(txn, s, e)) > 0) {
        const char *contact = (const char *)sqlite3_column_text(s, 0);

        if (!contact || fn(contact, (const char *)sqlite3_column_text(s, 1), arg) < 0) {
            sqlite3_reset(s);
            return err_memory(e);
        }
    }
    return r;
}

int known_last_mail(struct store_txn *txn, const char *bare_jid, const char *contact, int64_t *out,
                    struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "SELECT max(created) FROM (SELECT created, direction FROM link WHERE bare_jid = ?1"
        "  AND bare_contact = ?2 AND (stanza_id IS NOT NULL OR thread IS NOT NULL)"
        "  ORDER BY created DESC LIMIT 1000) WHERE direction = ?3",
        e);
    int r;

    *out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    sqlite3_bind_int(s, 3, LINK_TO_JABBER);
    r = txn_row(txn, s, e);
    if (r > 0)
        *out = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}
