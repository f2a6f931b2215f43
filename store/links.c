/*
 * links: which message on one side is which on the other.  No data but the database; runs inside
 * store work.
 */
#include "store/links.h"

#include "base/id.h"
#include "store/store_inside.h"

#include <string.h>

/* The JID without its resource, borrowed from jid by length. */
static void bind_bare(sqlite3_stmt *s, int at, const char *jid)
{
    sqlite3_bind_text(s, at, jid, (int)strcspn(jid, "/"), SQLITE_STATIC);
}

/* All links of a mail have the same, and it never changes. */
static int put_header(struct store_txn *txn, const struct link *link, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "INSERT OR IGNORE INTO link_header VALUES(?, ?)", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, link->id);
    txn_bind_text(s, 2, link->mail_header);
    return txn_step(txn, s, e);
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
    txn_bind_text(s, 16, NULL);
    sqlite3_bind_int64(s, 17, link->created_s);
    sqlite3_bind_int64(s, 18, link->asked);
    txn_bind_text(s, 19, link->origin);
    sqlite3_bind_int64(s, 20, link->uidvalidity);
    sqlite3_bind_int64(s, 21, link->uid);
    txn_bind_text(s, 22, link->envelope_id);
    sqlite3_bind_int64(s, 23, link->ret);
    txn_bind_text(s, 24, link->original);
    sqlite3_bind_int64(s, 25, link->notify);
    if (txn_step(txn, s, e) < 0)
        return -1;
    return link->mail_header ? put_header(txn, link, e) : 0;
}

#define COLUMNS                                                                                    \
    "id, n, direction, jid, contact, mail, alias, stanza_id, stanza_to, thread, subject,"          \
    " message_id, refs,"                                                                           \
    " ifnull(mail_header, (SELECT header FROM link_header WHERE link_header.id = link.id)),"       \
    " origin, envelope_id, original, created, asked, uidvalidity, uid, ret, notify"

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

/* Binds the texts (count of them) from parameter `at` on, then reads the first row. */
static int find(struct store_txn *txn, struct arena *a, sqlite3_stmt *s, int at,
                const char *const *texts, int count, struct link **out, struct err *e)
{
    int i;

    *out = NULL;
    if (!s)
        return -1;
    for (i = 0; i < count; i++)
        txn_bind_text(s, at + i, texts[i]);
    return read_link(txn, a, s, out, e);
}

/* Ids that we made begin with the queue id, so they need no index. */

int links_by_message_id(struct store_txn *txn, struct arena *a, const char *message_id,
                        const char *bare_jid, struct link **out, struct err *e)
{
    int64_t id = id_parse(message_id, (unsigned)strcspn(message_id, "@"));
    const char *const texts[] = {message_id, bare_jid};
    sqlite3_stmt *s;

    if (id) {
        s = txn_statement(txn,
                          "SELECT " COLUMNS " FROM link WHERE id = ? AND message_id = ?"
                          " AND bare_jid = ? ORDER BY n DESC LIMIT 1",
                          e);
        if (s)
            sqlite3_bind_int64(s, 1, id);
        if (find(txn, a, s, 2, texts, 2, out, e) < 0 || *out)
            return *out ? 0 : -1;
    }
    s = txn_statement(txn,
                      "SELECT " COLUMNS " FROM link WHERE message_id = ? AND bare_jid = ?"
                      " AND direction = 2 ORDER BY created DESC, id DESC, n DESC LIMIT 1",
                      e);
    return find(txn, a, s, 1, texts, 2, out, e);
}

int links_last(struct store_txn *txn, struct arena *a, const char *bare_jid,
               const char *bare_contact, struct link **out, struct err *e)
{
    const char *const texts[] = {bare_jid, bare_contact};
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT " COLUMNS " FROM link WHERE bare_jid = ? AND bare_contact = ?"
                      " AND (stanza_id IS NOT NULL OR thread IS NOT NULL)"
                      " ORDER BY created DESC, id DESC, n DESC LIMIT 1",
                      e);

    return find(txn, a, s, 1, texts, 2, out, e);
}

/* The newest among the TALK_MAX last messages between the two, in which a column equals a value:
 * what is looked at is one stretch of one index, however long they have been writing.  The outer
 * SELECT takes the rows in the order the inner one gives them. */
#define TALK_MAX "1000"
#define NEWEST_IN_TALK(column)                                                                     \
    "SELECT " COLUMNS " FROM link WHERE (id, n) ="                                                 \
    " (SELECT id, n FROM (SELECT created, id, n, " column " AS value FROM link"                    \
    "   WHERE bare_jid = ? AND bare_contact = ? AND (stanza_id IS NOT NULL OR thread IS NOT NULL)" \
    "   ORDER BY created DESC, id DESC, n DESC LIMIT " TALK_MAX ")"                                \
    " WHERE value = ? LIMIT 1)"

int links_by_stanza_id(struct store_txn *txn, struct arena *a, const char *bare_jid,
                       const char *bare_contact, const char *stanza_id, struct link **out,
                       struct err *e)
{
    const char *const texts[] = {bare_jid, bare_contact, stanza_id};
    int64_t id = id_parse(stanza_id, (unsigned)strcspn(stanza_id, "-"));
    sqlite3_stmt *s;

    if (id) {
        s = txn_statement(txn,
                          "SELECT " COLUMNS " FROM link WHERE id = ? AND bare_jid = ?"
                          " AND bare_contact = ? AND stanza_id = ? ORDER BY n DESC LIMIT 1",
                          e);
        if (s)
            sqlite3_bind_int64(s, 1, id);
        if (find(txn, a, s, 2, texts, 3, out, e) < 0 || *out)
            return *out ? 0 : -1;
    }
    return find(txn, a, txn_statement(txn, NEWEST_IN_TALK("stanza_id"), e), 1, texts, 3, out, e);
}

int links_last_in_thread(struct store_txn *txn, struct arena *a, const char *bare_jid,
                         const char *bare_contact, const char *thread, struct link **out,
                         struct err *e)
{
    const char *const texts[] = {bare_jid, bare_contact, thread};

    return find(txn, a, txn_statement(txn, NEWEST_IN_TALK("thread"), e), 1, texts, 3, out, e);
}

int links_expire(struct store_txn *txn, int64_t before_s, unsigned count_max, unsigned *count_out,
                 struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "DELETE FROM link WHERE (id, n) IN"
                                    " (SELECT id, n FROM link WHERE id < ? ORDER BY id LIMIT ?)",
                                    e);

    *count_out = 0;
    if (txn_forget(txn, s, id_at(before_s), count_max, e) < 0)
        return -1;
    *count_out = (unsigned)txn_changes(txn);
    s = txn_statement(txn,
                      "DELETE FROM link_header WHERE id IN"
                      " (SELECT id FROM link_header WHERE id < ? ORDER BY id LIMIT ?)",
                      e);
    return txn_forget(txn, s, id_at(before_s), count_max, e);
}
