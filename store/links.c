/*
 * links: which message on one side is which on the other.  No data but the database; runs inside
 * store work.
 */
#include "store/links.h"

#include "store/store_inside.h"

#include <string.h>

/* The JID without its resource, borrowed from jid by length. */
static void bind_bare(sqlite3_stmt *s, int at, const char *jid)
{
    sqlite3_bind_text(s, at, jid, (int)strcspn(jid, "/"), SQLITE_STATIC);
}

int links_put(struct store_txn *txn, const struct link *link, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "INSERT OR REPLACE INTO link VALUES"
                      "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, link->id);
    sqlite3_bind_int64(s, 2, link->n);
    sqlite3_bind_int(s, 3, (int)link->direction);
    txn_bind_text(s, 4, link->jid);
    bind_bare(s, 5, link->jid);
    txn_bind_text(s, 6, link->contact);
    bind_bare(s, 7, link->contact);
    txn_bind_text(s, 8, link->mail);
    txn_bind_text(s, 9, link->alias);
    txn_bind_text(s, 10, link->stanza_id);
    txn_bind_text(s, 11, link->stanza_to);
    txn_bind_text(s, 12, link->thread);
    txn_bind_text(s, 13, link->subject);
    txn_bind_text(s, 14, link->message_id);
    txn_bind_text(s, 15, link->references ? link->references : "");
    txn_bind_text(s, 16, link->mail_header);
    sqlite3_bind_int64(s, 17, link->created_s);
    sqlite3_bind_int64(s, 18, link->asked);
    txn_bind_text(s, 19, link->origin);
    sqlite3_bind_int64(s, 20, link->uidvalidity);
    sqlite3_bind_int64(s, 21, link->uid);
    txn_bind_text(s, 22, link->envelope_id);
    sqlite3_bind_int64(s, 23, link->ret);
    txn_bind_text(s, 24, link->original);
    sqlite3_bind_int64(s, 25, link->notify);
    return txn_step(txn, s, e);
}

#define COLUMNS                                                                                    \
    "id, n, direction, jid, contact, mail, alias, stanza_id, stanza_to, thread, subject,"          \
    " message_id, refs, mail_header, origin, envelope_id, original, created, asked, uidvalidity,"  \
    " uid, ret, notify"

/* The first row as a link; none: *out stays NULL. */
static int read_link(struct store_txn *txn, struct arena *a, sqlite3_stmt *s, struct link **out,
                     struct err *e)
{
    enum { TEXTS = 14 };
    struct link *l;
    const char **texts[TEXTS];
    size_t i;
    int r = txn_row(txn, s, e);

    *out = NULL;
    if (r <= 0)
        return r;
    l = arena_alloc(a, sizeof *l);
    if (!l) {
        sqlite3_reset(s);
        return err_memory(e);
    }
    l->id = sqlite3_column_int64(s, 0);
    l->n = (unsigned)sqlite3_column_int64(s, 1);
    l->direction = (enum link_direction)sqlite3_column_int(s, 2);
    l->created_s = sqlite3_column_int64(s, 17);
    l->asked = (unsigned)sqlite3_column_int64(s, 18);
    l->uidvalidity = (uint32_t)sqlite3_column_int64(s, 19);
    l->uid = (uint32_t)sqlite3_column_int64(s, 20);
    l->ret = (unsigned)sqlite3_column_int64(s, 21);
    l->notify = (unsigned)sqlite3_column_int64(s, 22);
    memcpy(texts,
           (const char **[]){&l->jid, &l->contact, &l->mail, &l->alias, &l->stanza_id,
                             &l->stanza_to, &l->thread, &l->subject, &l->message_id, &l->references,
                             &l->mail_header, &l->origin, &l->envelope_id, &l->original},
           sizeof texts);
    r = 0;
    for (i = 0; i < TEXTS && r == 0; i++)
        r = txn_text(txn, a, s, (int)i + 3, texts[i], e);
    sqlite3_reset(s);
    if (r == 0)
        *out = l;
    return r;
}

int links_by_id(struct store_txn *txn, struct arena *a, int64_t id, unsigned n, struct link **out,
                struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT " COLUMNS " FROM link WHERE id = ? AND n = ?", e);

    *out = NULL;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, n);
    return read_link(txn, a, s, out, e);
}

int links_by_message_id(struct store_txn *txn, struct arena *a, const char *message_id,
                        const char *bare_jid, struct link **out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT " COLUMNS " FROM link WHERE message_id = ?"
                      " AND bare_jid = ? ORDER BY created DESC, id DESC, n DESC LIMIT 1",
                      e);

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, message_id);
    txn_bind_text(s, 2, bare_jid);
    return read_link(txn, a, s, out, e);
}

int links_by_stanza_id(struct store_txn *txn, struct arena *a, const char *bare_jid,
                       const char *bare_contact, const char *stanza_id, struct link **out,
                       struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT " COLUMNS " FROM link WHERE stanza_id = ? AND bare_jid = ?"
                      " AND bare_contact = ? ORDER BY created DESC, id DESC, n DESC LIMIT 1",
                      e);

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, stanza_id);
    txn_bind_text(s, 2, bare_jid);
    txn_bind_text(s, 3, bare_contact);
    return read_link(txn, a, s, out, e);
}

int links_last_in_thread(struct store_txn *txn, struct arena *a, const char *bare_jid,
                         const char *bare_contact, const char *thread, struct link **out,
                         struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT " COLUMNS " FROM link WHERE bare_jid = ? AND thread = ?"
                      " AND bare_contact = ? ORDER BY created DESC, id DESC, n DESC LIMIT 1",
                      e);

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, thread);
    txn_bind_text(s, 3, bare_contact);
    return read_link(txn, a, s, out, e);
}

int links_expire(struct store_txn *txn, int64_t before_s, unsigned count_max, unsigned *count_out,
                 struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "DELETE FROM link WHERE (id, n) IN"
                      " (SELECT id, n FROM link WHERE created < ? ORDER BY created LIMIT ?)",
                      e);

    *count_out = 0;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, before_s);
    sqlite3_bind_int64(s, 2, count_max);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *count_out = (unsigned)txn_changes(txn);
    return 0;
}
