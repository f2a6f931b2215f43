/*
 * link_index: how links are found without their id.  Data: the copy of link_fresh that belongs to
 * a connection; runs inside store work.  A crash loses the copy, which is read again from the
 * table.
 */
#include "store/link_index.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/* Hashes. */

/* Nobody can make one that equals another's: so much of SHA-256 is left.  SQLite's integers have a
 * sign. */
static int64_t shortened(const unsigned char digest[SHA256_DIGEST_LENGTH])
{
    uint64_t out;

    memcpy(&out, digest, sizeof out);
    out >>= 1;
    return out > 0 ? (int64_t)out : 1;
}

static void digest_bare(const char *jid, unsigned char out[SHA256_DIGEST_LENGTH])
{
    SHA256((const unsigned char *)jid, strcspn(jid, "/"), out);
}

int64_t link_hash_jid(const char *jid)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    digest_bare(jid, digest);
    return shortened(digest);
}

int64_t link_hash_mail(const char *message_id, const char *jid)
{
    unsigned char both[2 * SHA256_DIGEST_LENGTH], digest[SHA256_DIGEST_LENGTH];

    if (!message_id)
        return 0;
    SHA256((const unsigned char *)message_id, strlen(message_id), both);
    digest_bare(jid, both + SHA256_DIGEST_LENGTH);
    SHA256(both, sizeof both, digest);
    return shortened(digest);
}

/* Within what two people wrote to each other; six bytes in a row. */
int64_t link_tag(const char *text)
{
    uint64_t h = 14695981039346656037U;

    if (!text)
        return 0;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211U;
    h >>= 17;
    return h > 0 ? (int64_t)h : 1;
}

static const char *value_text(sqlite3_value *value)
{
    return (const char *)sqlite3_value_text(value);
}

static void hash_jid(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *jid = value_text(values[0]);

    (void)count;
    sqlite3_result_int64(context, jid ? link_hash_jid(jid) : 0);
}

static void hash_mail(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *message_id = value_text(values[0]), *jid = value_text(values[1]);

    (void)count;
    sqlite3_result_int64(context, jid ? link_hash_mail(message_id, jid) : 0);
}

static void tag(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sqlite3_result_int64(context, link_tag(value_text(values[0])));
}

int link_index_functions(sqlite3 *db)
{
    static const struct {
        const char *name;
        int count;
        void (*fn)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"link_hash_jid", 1, hash_jid}, {"link_hash_mail", 2, hash_mail}, {"link_tag", 1, tag}};
    const int how = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    size_t i;

    for (i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (sqlite3_create_function(db, functions[i].name, functions[i].count, how, NULL,
                                    functions[i].fn, NULL, NULL) != SQLITE_OK)
            return -1;
    return 0;
}

/* The copy in memory. */

void link_index_forget(struct store_txn *txn)
{
    txn->fresh.count = 0;
    txn->fresh.is_loaded = false;
}

void link_index_free(struct store_txn *txn)
{
    free(txn->fresh.entries);
    memset(&txn->fresh, 0, sizeof txn->fresh);
}

/* More than fit, which another program has left: the newest of them. */
static int load(struct store_txn *txn, struct err *e)
{
    struct link_fresh *f = &txn->fresh;
    sqlite3_stmt *s;
    int r;

    if (f->is_loaded)
        return 0;
    if (!f->entries && !(f->entries = malloc(INDEX_FRESH * sizeof *f->entries)))
        return err_memory(e);
    f->count = 0;
    s = txn_statement(txn,
                      "SELECT jid, contact, message, id, n, direction, stanza, thread"
                      " FROM link_fresh ORDER BY rowid DESC LIMIT ?",
                      e);
    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, INDEX_FRESH);
    while ((r = txn_row(txn, s, e)) > 0)
        f->entries[f->count++] = (struct link_entry){
            .jid = sqlite3_column_int64(s, 0),
            .contact = sqlite3_column_int64(s, 1),
            .message = sqlite3_column_int64(s, 2),
            .id = sqlite3_column_int64(s, 3),
            .n = sqlite3_column_int(s, 4),
            .direction = sqlite3_column_int(s, 5),
            .stanza = sqlite3_column_int64(s, 6),
            .thread = sqlite3_column_int64(s, 7),
        };
    f->is_loaded = r == 0;
    return r;
}

static bool is_older(const struct link_entry *a, const struct link_entry *b)
{
    return a->id < b->id || (a->id == b->id && a->n < b->n);
}

static bool is_like(const struct link_entry *entry, const struct link_entry *like)
{
    return (like->jid == 0 || like->jid == entry->jid) &&
           (like->contact == 0 || like->contact == entry->contact) &&
           (like->message == 0 || like->message == entry->message) &&
           (like->direction == 0 || like->direction == entry->direction) &&
           (like->stanza == 0 || like->stanza == entry->stanza) &&
           (like->thread == 0 || like->thread == entry->thread);
}

int link_index_newest(struct store_txn *txn, const struct link_entry *like,
                      const struct link_entry *before, const struct link_entry **out, struct err *e)
{
    const struct link_fresh *f = &txn->fresh;
    size_t i;

    *out = NULL;
    if (load(txn, e) < 0)
        return -1;
    for (i = 0; i < f->count; i++) {
        const struct link_entry *entry = &f->entries[i];

        if (is_like(entry, like) && (!before || is_older(entry, before)) &&
            (!*out || is_older(*out, entry)))
            *out = entry;
    }
    return 0;
}

int link_index_has(struct store_txn *txn, const struct link_entry *like, bool *out, struct err *e)
{
    const struct link_entry *fresh;
    sqlite3_stmt *s;

    if (link_index_newest(txn, like, NULL, &fresh, e) < 0)
        return -1;
    *out = fresh != NULL;
    if (*out)
        return 0;
    s = like->contact ? txn_statement(txn,
                                      "SELECT 1 FROM link_pair WHERE jid = ?1 AND contact = ?3"
                                      " AND (?2 = 0 OR direction = ?2) LIMIT 1",
                                      e)
                      : txn_statement(txn,
                                      "SELECT 1 FROM link_pair WHERE jid = ?1"
                                      " AND (?2 = 0 OR direction = ?2) LIMIT 1",
                                      e);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, like->jid);
    sqlite3_bind_int(s, 2, like->direction);
    if (like->contact)
        sqlite3_bind_int64(s, 3, like->contact);
    return txn_has(txn, s, out, e);
}

/* Adding. */

int link_index_settle(struct store_txn *txn, struct err *e)
{
    /* Of one that was put again the last counts. */
    static const char *const steps[] = {
        "INSERT OR REPLACE INTO link_pair SELECT jid, contact, id, n, direction, stanza, thread"
        " FROM link_fresh WHERE jid <> 0 ORDER BY 1, 2, 3, 4, rowid",
        "INSERT OR IGNORE INTO link_mail SELECT message, id, n"
        " FROM link_fresh WHERE message <> 0 ORDER BY 1, 2, 3",
        "DELETE FROM link_fresh",
    };
    size_t i;

    if (load(txn, e) < 0)
        return -1;
    if (txn->fresh.count == 0 || txn->store->is_read_only)
        return 0;
    for (i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        sqlite3_stmt *s = txn_statement(txn, steps[i], e);

        if (!s || txn_step(txn, s, e) < 0)
            return -1;
    }
    txn->fresh.count = 0;
    return 0;
}

static struct link_entry entry_of(const struct link *link)
{
    struct link_entry entry = {
        .id = link->id,
        .n = (int32_t)link->n,
        .direction = (int32_t)link->direction,
        .stanza = link_tag(link->stanza_id),
        .thread = link_tag(link->thread),
    };

    if (link->stanza_id || link->thread) {
        entry.jid = link_hash_jid(link->jid);
        entry.contact = link_hash_jid(link->contact);
    }
    /* That of a mail of ours begins with the id of its link. */
    if (link->direction == LINK_TO_JABBER)
        entry.message = link_hash_mail(link->message_id, link->jid);
    return entry;
}

static int write_entry(struct store_txn *txn, const struct link_entry *entry, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "INSERT INTO link_fresh(jid, contact, message, id, n,"
                                    " direction, stanza, thread) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                                    e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, entry->jid);
    sqlite3_bind_int64(s, 2, entry->contact);
    sqlite3_bind_int64(s, 3, entry->message);
    sqlite3_bind_int64(s, 4, entry->id);
    sqlite3_bind_int(s, 5, entry->n);
    sqlite3_bind_int(s, 6, entry->direction);
    sqlite3_bind_int64(s, 7, entry->stanza);
    sqlite3_bind_int64(s, 8, entry->thread);
    return txn_step(txn, s, e);
}

int link_index_add(struct store_txn *txn, const struct link *link, struct err *e)
{
    struct link_fresh *f = &txn->fresh;
    struct link_entry entry = entry_of(link);

    if (entry.jid == 0 && entry.message == 0)
        return 0;
    if (load(txn, e) < 0)
        return -1;
    if (f->count == INDEX_FRESH && link_index_settle(txn, e) < 0)
        return -1;
    if (write_entry(txn, &entry, e) < 0)
        return -1;
    f->entries[f->count++] = entry;
    return 0;
}
