/*
 * known: what the tables of subscriptions, names and links say together.  No data but the database;
 * runs inside store work.
 */
#include "store/known.h"

#include "store/link_index.h"
#include "store/links.h"
#include "store/store_inside.h"

/* Whom a user has talked with is found by leaps over the index of what they wrote to each other,
 * not by reading all of it. */
#define TALKED "SELECT min(contact) FROM link_pair WHERE jid = ?3"

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
                         "  SELECT (" TALKED " AND contact > talked.contact) FROM talked"
                         "   WHERE talked.contact IS NOT NULL LIMIT ?2),"
                         " known(contact) AS ("
                         "  SELECT contact FROM subscription WHERE bare_jid = ?1 AND gone = 0"
                         "  UNION SELECT contact FROM face WHERE bare_jid = ?1"
                         "  UNION SELECT bare_contact FROM talked, link WHERE (id, n) ="
                         "   (SELECT id, n FROM link_pair WHERE jid = ?3"
                         "     AND link_pair.contact = talked.contact LIMIT 1))"
                         " SELECT k.contact, f.name FROM known k LEFT JOIN face f"
                         "  ON f.bare_jid = ?1 AND f.contact = k.contact"
                         " WHERE instr(k.contact, '@') > 0 ORDER BY k.contact LIMIT ?2",
                         e);
}

int known_each(struct store_txn *txn, const char *bare_jid, bool listed,
               int (*fn)(const char *contact, const char *name, void *arg), void *arg,
               struct err *e)
{
    sqlite3_stmt *s;
    int r;

    if (!listed && link_index_settle(txn, e) < 0)
        return -1;
    s = ask(txn, listed, e);
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, KNOWN_MAX);
    if (!listed)
        sqlite3_bind_int64(s, 3, link_hash_jid(bare_jid));
    while ((r = txn_row(txn, s, e)) > 0) {
        const char *contact = (const char *)sqlite3_column_text(s, 0);

        if (!contact || fn(contact, (const char *)sqlite3_column_text(s, 1), arg) < 0) {
            sqlite3_reset(s);
            return err_memory(e);
        }
    }
    return r;
}

/* The newest link of what came from the contact, among those that are sorted in: *id stays where it
 * is newer. */
static int find_last(struct store_txn *txn, const struct link_entry *like, int64_t *id, int *n,
                     struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT id, n FROM (SELECT id, n, direction FROM link_pair"
                                    "   WHERE jid = ?1 AND contact = ?2"
                                    "   ORDER BY id DESC, n DESC LIMIT 1000)"
                                    " WHERE direction = ?3 LIMIT 1",
                                    e);
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, like->jid);
    sqlite3_bind_int64(s, 2, like->contact);
    sqlite3_bind_int(s, 3, like->direction);
    r = txn_row(txn, s, e);
    if (r > 0 && sqlite3_column_int64(s, 0) > *id) {
        *id = sqlite3_column_int64(s, 0);
        *n = sqlite3_column_int(s, 1);
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int known_last_mail(struct store_txn *txn, const char *bare_jid, const char *contact, int64_t *out,
                    struct err *e)
{
    const struct link_entry like = {.jid = link_hash_jid(bare_jid),
                                    .contact = link_hash_jid(contact),
                                    .direction = LINK_TO_JABBER};
    const struct link_entry *fresh;
    sqlite3_stmt *s;
    int64_t id = 0;
    int n = 0, r;

    *out = 0;
    if (link_index_newest(txn, &like, NULL, &fresh, e) < 0)
        return -1;
    if (fresh) {
        id = fresh->id;
        n = fresh->n;
    }
    if (find_last(txn, &like, &id, &n, e) < 0)
        return -1;
    s = txn_statement(txn, "SELECT created FROM link WHERE id = ? AND n = ?", e);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int(s, 2, n);
    r = txn_row(txn, s, e);
    if (r > 0)
        *out = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}
