/*
 * links: which message on one side is which on the other.  No data but the database; runs inside
 * store work.
 */
#include "store/links.h"

#include "base/id.h"
#include "store/link_index.h"
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
    if (txn_step(txn, s, e) < 0 || link_index_add(txn, link, e) < 0)
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

/* The newer of two, in *best. */
static void keep_newer(struct link **best, struct link *link)
{
    if (link &&
        (!*best || link->id > (*best)->id || (link->id == (*best)->id && link->n > (*best)->n)))
        *best = link;
}

static bool is_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static bool is_bare(const char *jid, const char *bare_jid)
{
    size_t n = strcspn(jid, "/");

    return strlen(bare_jid) == n && strncmp(jid, bare_jid, n) == 0;
}

/* What is looked for; NULL: it does not matter. */
struct wanted {
    const char *bare_jid, *bare_contact, *stanza_id, *thread, *message_id;
};

static bool is_wanted(const struct link *l, const struct wanted *w)
{
    return is_bare(l->jid, w->bare_jid) &&
           (!w->bare_contact || is_bare(l->contact, w->bare_contact)) &&
           (!w->stanza_id || is_text(l->stanza_id, w->stanza_id)) &&
           (!w->thread || is_text(l->thread, w->thread)) &&
           (!w->message_id || is_text(l->message_id, w->message_id));
}

static struct link_entry entry_like(const struct wanted *w)
{
    return (struct link_entry){
        .jid = w->message_id ? 0 : link_hash_jid(w->bare_jid),
        .contact = w->bare_contact ? link_hash_jid(w->bare_contact) : 0,
        .message = link_hash_mail(w->message_id, w->bare_jid),
        .stanza = link_tag(w->stanza_id),
        .thread = link_tag(w->thread),
    };
}

/* Among the last ones (store/link_index.h). */
static int find_fresh(struct store_txn *txn, struct arena *a, const struct wanted *w,
                      const struct link_entry *like, struct link **best, struct err *e)
{
    const struct link_entry *entry = NULL;
    struct link *link = NULL;

    do {
        if (link_index_newest(txn, like, entry, &entry, e) < 0)
            return -1;
        if (!entry)
            return 0;
        if (links_by_id(txn, a, entry->id, (unsigned)entry->n, &link, e) < 0)
            return -1;
    } while (!link || !is_wanted(link, w));
    keep_newer(best, link);
    return 0;
}

/* Binds the hashes, then the texts (count of them), and reads the first row. */
static int find_old(struct store_txn *txn, struct arena *a, sqlite3_stmt *s, const int64_t *hashes,
                    const char *const *texts, int count, struct link **best, struct err *e)
{
    struct link *link;
    int i;

    if (!s)
        return -1;
    for (i = 0; i < count; i++) {
        sqlite3_bind_int64(s, i + 1, hashes[i]);
        txn_bind_text(s, count + i + 1, texts[i]);
    }
    if (read_link(txn, a, s, &link, e) < 0)
        return -1;
    keep_newer(best, link);
    return 0;
}

/* Ids that we made begin with the queue id, so they need no index. */

int links_by_message_id(struct store_txn *txn, struct arena *a, const char *message_id,
                        const char *bare_jid, struct link **out, struct err *e)
{
    const struct wanted w = {.message_id = message_id, .bare_jid = bare_jid};
    int64_t id = id_parse(message_id, (unsigned)strcspn(message_id, "@"));
    struct link_entry like;
    sqlite3_stmt *s;

    *out = NULL;
    if (id) {
        s = txn_statement(txn,
                          "SELECT " COLUMNS " FROM link WHERE id = ?1 AND message_id = ?2"
                          " AND bare_jid = ?3 ORDER BY n DESC LIMIT 1",
                          e);
        if (s)
            txn_bind_text(s, 3, bare_jid);
        if (find_old(txn, a, s, &id, &message_id, 1, out, e) < 0 || *out)
            return *out ? 0 : -1;
    }
    like = entry_like(&w);
    if (find_fresh(txn, a, &w, &like, out, e) < 0)
        return -1;
    s = txn_statement(txn,
                      "SELECT " COLUMNS " FROM link WHERE (id, n) ="
                      " (SELECT id, n FROM link_mail WHERE message = ?1"
                      "   ORDER BY id DESC, n DESC LIMIT 1)"
                      " AND message_id = ?2 AND bare_jid = ?3",
                      e);
    if (s)
        txn_bind_text(s, 3, bare_jid);
    return find_old(txn, a, s, &like.message, &message_id, 1, out, e);
}

/* The newest among the TALK_MAX last messages between the two: what is looked at is one stretch of
 * one index, however long they have been writing. */
#define TALK_MAX "1000"

/* Between the two, where the rest of the question is asked of a row of link_pair. */
#define IN_TALK(rest)                                                                              \
    "SELECT " COLUMNS " FROM link WHERE (id, n) ="                                                 \
    " (SELECT id, n FROM (SELECT id, n, stanza, thread FROM link_pair"                             \
    "   WHERE jid = ?1 AND contact = ?2 ORDER BY id DESC, n DESC LIMIT " TALK_MAX ")" rest

static int find_in_talk(struct store_txn *txn, struct arena *a, const struct wanted *w,
                        sqlite3_stmt *s, struct link **out, struct err *e)
{
    struct link_entry like = entry_like(w);
    int64_t hashes[3] = {like.jid, like.contact, like.stanza ? like.stanza : like.thread};
    const char *texts[3] = {w->bare_jid, w->bare_contact, w->stanza_id ? w->stanza_id : w->thread};

    *out = NULL;
    if (find_fresh(txn, a, w, &like, out, e) < 0)
        return -1;
    return find_old(txn, a, s, hashes, texts, texts[2] ? 3 : 2, out, e);
}

int links_last(struct store_txn *txn, struct arena *a, const char *bare_jid,
               const char *bare_contact, struct link **out, struct err *e)
{
    const struct wanted w = {.bare_jid = bare_jid, .bare_contact = bare_contact};

    return find_in_talk(
        txn, a, &w,
        txn_statement(txn, IN_TALK(" LIMIT 1) AND bare_jid = ?3 AND bare_contact = ?4"), e), out,
        e);
}

int links_by_stanza_id(struct store_txn *txn, struct arena *a, const char *bare_jid,
                       const char *bare_contact, const char *stanza_id, struct link **out,
                       struct err *e)
{
    const struct wanted w = {
        .bare_jid = bare_jid, .bare_contact = bare_contact, .stanza_id = stanza_id};
    int64_t id = id_parse(stanza_id, (unsigned)strcspn(stanza_id, "-"));
    sqlite3_stmt *s;

    *out = NULL;
    if (id) {
        s = txn_statement(txn,
                          "SELECT " COLUMNS " FROM link WHERE id = ?1 AND stanza_id = ?2"
                          " AND bare_jid = ?3 AND bare_contact = ?4 ORDER BY n DESC LIMIT 1",
                          e);
        if (s) {
            txn_bind_text(s, 3, bare_jid);
            txn_bind_text(s, 4, bare_contact);
        }
        if (find_old(txn, a, s, &id, &stanza_id, 1, out, e) < 0 || *out)
            return *out ? 0 : -1;
    }
    return find_in_talk(txn, a, &w,
                        txn_statement(txn,
                                      IN_TALK(" WHERE stanza = ?3 LIMIT 1) AND bare_jid = ?4"
                                              " AND bare_contact = ?5 AND stanza_id = ?6"),
                                      e),
                        out, e);
}

int links_last_in_thread(struct store_txn *txn, struct arena *a, const char *bare_jid,
                         const char *bare_contact, const char *thread, struct link **out,
                         struct err *e)
{
    const struct wanted w = {.bare_jid = bare_jid, .bare_contact = bare_contact, .thread = thread};

    return find_in_talk(txn, a, &w,
                        txn_statement(txn,
                                      IN_TALK(" WHERE thread = ?3 LIMIT 1) AND bare_jid = ?4"
                                              " AND bare_contact = ?5 AND thread = ?6"),
                                      e),
                        out, e);
}

/* What the rows to go are found by goes with them. */
static int expire_index(struct store_txn *txn, int64_t before, unsigned count_max, struct err *e)
{
    static const char *const steps[] = {
        "DELETE FROM link_pair WHERE (jid, contact, id, n) IN"
        " (SELECT link_hash_jid(bare_jid), link_hash_jid(bare_contact), id, n FROM link"
        "   WHERE id < ? ORDER BY id LIMIT ?)",
        "DELETE FROM link_mail WHERE (message, id, n) IN"
        " (SELECT link_hash_mail(message_id, bare_jid), id, n FROM link"
        "   WHERE id < ? ORDER BY id LIMIT ?)",
    };
    size_t i;

    if (link_index_settle(txn, e) < 0)
        return -1;
    for (i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (txn_forget(txn, txn_statement(txn, steps[i], e), before, count_max, e) < 0)
            return -1;
    return 0;
}

int links_expire(struct store_txn *txn, int64_t before_s, unsigned count_max, unsigned *count_out,
                 struct err *e)
{
    sqlite3_stmt *s;

    *count_out = 0;
    if (expire_index(txn, id_at(before_s), count_max, e) < 0)
        return -1;
    s = txn_statement(txn,
                      "DELETE FROM link WHERE (id, n) IN"
                      " (SELECT id, n FROM link WHERE id < ? ORDER BY id LIMIT ?)",
                      e);
    if (txn_forget(txn, s, id_at(before_s), count_max, e) < 0)
        return -1;
    *count_out = (unsigned)txn_changes(txn);
    s = txn_statement(txn,
                      "DELETE FROM link_header WHERE id IN"
                      " (SELECT id FROM link_header WHERE id < ? ORDER BY id LIMIT ?)",
                      e);
    return txn_forget(txn, s, id_at(before_s), count_max, e);
}
