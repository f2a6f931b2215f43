/*
 * senders: a row for each sender a user has a word on.  No data but the database; runs inside store
 * work.
 */
#include "store/senders.h"

#include <string.h>

#include "store/choices.h"
#include "store/link_index.h"
#include "store/store_inside.h"

static int remove_one(struct store_txn *txn, const char *bare_jid, const char *who, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM sender WHERE bare_jid = ? AND who = ?", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, who);
    return txn_step(txn, s, e);
}

int senders_put(struct store_txn *txn, const char *bare_jid, const char *who,
                enum sender_verdict verdict, struct err *e)
{
    sqlite3_stmt *s;

    if (verdict == SENDER_UNKNOWN)
        return remove_one(txn, bare_jid, who, e);
    s = txn_statement(txn, "INSERT OR REPLACE INTO sender(bare_jid, who, verdict) VALUES(?, ?, ?)",
                      e);
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, who);
    sqlite3_bind_int(s, 3, (int)verdict);
    return txn_step(txn, s, e);
}

int senders_know(struct store_txn *txn, const char *bare_jid, const char *address, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "INSERT OR IGNORE INTO sender(bare_jid, who, verdict) SELECT ?1, ?2, 3 WHERE"
        " (SELECT count(*) FROM (SELECT 1 FROM sender WHERE bare_jid = ?1 LIMIT ?3)) < ?3",
        e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, address);
    sqlite3_bind_int(s, 3, SENDERS_KNOWN_MAX);
    return txn_step(txn, s, e);
}

static int look_up(struct store_txn *txn, const char *bare_jid, const char *who,
                   enum sender_verdict *out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT verdict FROM sender WHERE bare_jid = ? AND who = ?", e);
    int r;

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, who);
    r = txn_row(txn, s, e);
    if (r > 0) {
        int value = sqlite3_column_int(s, 0);

        *out = value >= SENDER_BLOCKED && value <= SENDER_KNOWN ? (enum sender_verdict)value
                                                                : SENDER_UNKNOWN;
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int senders_judge(struct store_txn *txn, const char *bare_jid, const char *address,
                  enum sender_verdict *out, struct err *e)
{
    const char *at = strrchr(address, '@');

    *out = SENDER_UNKNOWN;
    if (!at)
        return 0;
    if (look_up(txn, bare_jid, address, out, e) < 0)
        return -1;
    for (; at && *out == SENDER_UNKNOWN; at = strchr(at + 1, '.'))
        if (look_up(txn, bare_jid, at + 1, out, e) < 0)
            return -1;
    return 0;
}

int senders_has_link(struct store_txn *txn, const char *bare_jid, const char *contact, bool *out,
                     struct err *e)
{
    const struct link_entry like = {.jid = link_hash_jid(bare_jid),
                                    .contact = link_hash_jid(contact),
                                    .direction = LINK_TO_MAIL};

    return link_index_has(txn, &like, out, e);
}

int senders_list(struct store_txn *txn, struct arena *a, const char *bare_jid,
                 enum sender_verdict verdict, const char ***out, size_t *count_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "SELECT who FROM sender WHERE bare_jid = ? AND verdict = ? ORDER BY who LIMIT ?", e);
    int r;

    *count_out = 0;
    *out = arena_alloc(a, (SENDERS_MAX + 1) * sizeof **out);
    if (!s)
        return -1;
    if (!*out)
        return err_memory(e);
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, (int)verdict);
    sqlite3_bind_int(s, 3, SENDERS_MAX);
    while ((r = txn_row(txn, s, e)) > 0)
        if (txn_text(txn, a, s, 0, &(*out)[(*count_out)++], e) < 0) {
            r = -1;
            break;
        }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int senders_clear(struct store_txn *txn, const char *bare_jid, enum sender_verdict verdict,
                  struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "DELETE FROM sender WHERE bare_jid = ? AND verdict = ?", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, (int)verdict);
    return txn_step(txn, s, e);
}

int senders_count(struct store_txn *txn, const char *bare_jid, size_t *out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "SELECT count(*) FROM sender WHERE bare_jid = ? AND verdict IN (1, 2)", e);
    int r;

    *out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    r = txn_row(txn, s, e);
    if (r > 0)
        *out = (size_t)sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int senders_forget(struct store_txn *txn, const char *bare_jid, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM sender WHERE bare_jid = ?", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    return txn_step(txn, s, e);
}

int senders_each_user(struct store_txn *txn, void (*fn)(const char *bare_jid, void *arg), void *arg,
                      struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "SELECT DISTINCT bare_jid FROM sender UNION SELECT bare_jid FROM chosen WHERE what = ?", e);
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, CHOICE_STRANGERS);
    while ((r = txn_row(txn, s, e)) > 0)
        fn((const char *)sqlite3_column_text(s, 0), arg);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}
