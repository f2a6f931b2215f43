/*
 * queue: messages on their way, on disk.  No data but the database; runs inside store work.
 */
#include "store/queue.h"

#include "base/id.h"
#include "store/queue_read.h"

#include <string.h>

enum {
    ERROR_MAX = 1000,          /* bytes of an error: a peer wrote it */
    EACH_MEMORY_MAX = 64 << 20 /* of one message without its content */
};

/* Writing. */

/* Bytes of text to keep: at most ERROR_MAX, without half a character of UTF-8. */
static size_t error_len(const char *text)
{
    size_t len = strnlen(text, ERROR_MAX + 1);

    if (len <= ERROR_MAX)
        return len;
    for (len = ERROR_MAX; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
        ;
    return len;
}

static void bind_error(sqlite3_stmt *s, int at, const char *text)
{
    text = text ? text : "";
    sqlite3_bind_text(s, at, text, (int)error_len(text), SQLITE_STATIC);
}

/* FNV-1a: spread well enough over the lanes, and the same in every program that shares them. */
unsigned queue_lane(const char *party)
{
    uint32_t h = 2166136261U;

    for (; party && *party; party++) {
        unsigned char c = (unsigned char)*party;

        h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32U : c)) * 16777619U;
    }
    return (h ^ h >> 16) % QUEUE_LANES;
}

/* As item.next: negative, so that it is never due. */
static int64_t aside_since(int64_t now_s)
{
    return now_s > 0 ? -now_s : -1;
}

static int put_item(struct store_txn *txn, const struct queue_message *m,
                    const struct queue_item *item, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "INSERT INTO item(message, n, kind, recipient, attempts, next, error, notify,"
                      " original, lane, owner, crashes, told)"
                      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, m->id);
    sqlite3_bind_int64(s, 2, item->n);
    sqlite3_bind_int(s, 3, (int)m->kind);
    txn_bind_text(s, 4, item->recipient);
    sqlite3_bind_int64(s, 5, item->attempts);
    sqlite3_bind_int64(s, 6, item->is_set_aside ? aside_since(m->created_s) : item->next_at_s);
    bind_error(s, 7, item->last_error);
    sqlite3_bind_int64(s, 8, item->notify);
    txn_bind_text(s, 9, item->original);
    sqlite3_bind_int64(s, 10, m->lane % QUEUE_LANES);
    sqlite3_bind_int64(s, 11, txn->store->life);
    sqlite3_bind_int64(s, 12, item->crashes);
    sqlite3_bind_int(s, 13, item->is_told);
    return txn_step(txn, s, e);
}

int queue_put(struct store_txn *txn, const struct queue_message *m, struct err *e)
{
    sqlite3_stmt *s;
    size_t i;

    /* Without items it would stay for ever. */
    if (m->id <= 0 || m->item_count == 0)
        return err_set(e, ERR_BUG, "a message without id or recipient for the queue");
    s = txn_statement(txn, "INSERT INTO message VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", e);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, m->id);
    sqlite3_bind_int(s, 2, (int)m->kind);
    txn_bind_text(s, 3, m->sender);
    txn_bind_text(s, 4, m->origin);
    sqlite3_bind_int64(s, 5, m->created_s);
    sqlite3_bind_int64(s, 6, m->deadline_s);
    /* SQLite takes a null pointer for NULL; an empty content is none. */
    sqlite3_bind_blob64(s, 7, m->content_len ? m->content : "", m->content_len, SQLITE_STATIC);
    sqlite3_bind_int64(s, 8, m->expiry);
    sqlite3_bind_int64(s, 9, m->uidvalidity);
    sqlite3_bind_int64(s, 10, m->uid);
    txn_bind_text(s, 11, m->envelope_id);
    sqlite3_bind_int64(s, 12, m->ret);
    if (txn_step(txn, s, e) < 0)
        return -1;
    for (i = 0; i < m->item_count; i++)
        if (put_item(txn, m, &m->items[i], e) < 0)
            return -1;
    return 0;
}

int queue_set_content(struct store_txn *txn, int64_t id, const char *content, size_t len,
                      struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "UPDATE message SET content = ? WHERE id = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_blob64(s, 1, len ? content : "", len, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, id);
    return txn_step(txn, s, e);
}

int queue_put_fetched(struct store_txn *txn, const struct queue_message *m, const char *mailbox,
                      uint32_t uidvalidity, uint32_t uid, bool *new_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "INSERT OR IGNORE INTO fetched VALUES(?, ?, ?)", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, mailbox);
    sqlite3_bind_int64(s, 2, uidvalidity);
    sqlite3_bind_int64(s, 3, uid);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *new_out = txn_changes(txn) > 0;
    return *new_out ? queue_put(txn, m, e) : 0;
}

static sqlite3_stmt *for_item(struct store_txn *txn, const char *sql, int64_t id, unsigned n,
                              struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, sql, e);

    if (s) {
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_int64(s, 2, n);
    }
    return s;
}

int queue_defer(struct store_txn *txn, int64_t id, unsigned n, int64_t next_at_s, const char *error,
                struct err *e)
{
    sqlite3_stmt *s =
        for_item(txn,
                 "UPDATE item SET attempts = attempts + 1, next = ?3, error = ?4, crashes = 0"
                 " WHERE message = ?1 AND n = ?2",
                 id, n, e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 3, next_at_s);
    bind_error(s, 4, error);
    return txn_step(txn, s, e);
}

int queue_blame(struct store_txn *txn, int64_t id, unsigned n, const char *error,
                unsigned *crashes_out, struct err *e)
{
    sqlite3_stmt *s = for_item(txn,
                               "UPDATE item SET attempts = attempts + 1, crashes = crashes + 1,"
                               " error = ?3 WHERE message = ?1 AND n = ?2 AND next >= 0"
                               " RETURNING crashes",
                               id, n, e);
    int r;

    *crashes_out = 0;
    if (!s)
        return -1;
    bind_error(s, 3, error);
    r = txn_row(txn, s, e);
    if (r > 0)
        *crashes_out = (unsigned)sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int queue_forget_deadline(struct store_txn *txn, int64_t id, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "UPDATE message SET deadline = 0, expiry = 0 WHERE id = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return txn_step(txn, s, e);
}

int queue_set_aside(struct store_txn *txn, int64_t id, unsigned n, const char *error, bool is_told,
                    int64_t now_s, struct err *e)
{
    sqlite3_stmt *s = for_item(
        txn, "UPDATE item SET next = ?3, error = ?4, told = ?5 WHERE message = ?1 AND n = ?2", id,
        n, e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 3, aside_since(now_s));
    bind_error(s, 4, error);
    sqlite3_bind_int(s, 5, is_told);
    return txn_step(txn, s, e);
}

int queue_hasten(struct store_txn *txn, int64_t beyond_s, int64_t now_s, int64_t first_s,
                 unsigned count_max, unsigned *count_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "UPDATE item SET next = ?1 WHERE (message, n) IN (SELECT i.message, i.n FROM item AS i"
        " INDEXED BY item_due WHERE i.kind IN (1, 2, 3) AND i.next >= 0 AND i.next > ?2 AND NOT"
        " (i.attempts = 0 AND EXISTS (SELECT 1 FROM message AS m WHERE m.id = i.message"
        " AND m.created <= ?1 AND i.next <= m.created + ?4)) LIMIT ?3)",
        e);

    *count_out = 0;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, now_s);
    sqlite3_bind_int64(s, 2, beyond_s < 0 ? 0 : beyond_s);
    sqlite3_bind_int64(s, 3, count_max);
    sqlite3_bind_int64(s, 4, first_s);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *count_out = (unsigned)txn_changes(txn);
    return 0;
}

int queue_oldest_aside(struct store_txn *txn, int64_t before_s, struct queue_aside *out,
                       struct err *e)
{
    /* Of each kind the index ends with the oldest. */
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT message, n, told FROM item INDEXED BY item_aside"
                                    " WHERE kind IN (1, 2, 3) AND next < 0 AND next > ? LIMIT 1",
                                    e);
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, aside_since(before_s));
    r = txn_row(txn, s, e);
    if (r > 0) {
        out->id = sqlite3_column_int64(s, 0);
        out->n = (unsigned)sqlite3_column_int64(s, 1);
        out->is_told = sqlite3_column_int(s, 2) != 0;
    }
    sqlite3_reset(s);
    return r;
}

/* The message goes with its last item. */
static int remove_if_done(struct store_txn *txn, int64_t id, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "DELETE FROM message WHERE id = ?1"
                                    " AND NOT EXISTS(SELECT 1 FROM item WHERE message = ?1)",
                                    e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return txn_step(txn, s, e);
}

int queue_remove(struct store_txn *txn, int64_t id, unsigned n, struct err *e)
{
    sqlite3_stmt *s = for_item(txn, "DELETE FROM item WHERE message = ?1 AND n = ?2", id, n, e);

    if (!s || txn_step(txn, s, e) < 0)
        return -1;
    return remove_if_done(txn, id, e);
}

/* Reading. */

int queue_get(struct store_txn *txn, struct arena *a, int64_t id, struct queue_message **out,
              struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "SELECT id, kind, sender, origin, created, deadline, content, expiry, uidvalidity, uid,"
        " envelope_id, ret FROM message WHERE id = ?",
        e);
    struct queue_message *m;
    int r;

    *out = NULL;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    r = txn_row(txn, s, e);
    if (r <= 0)
        return r;
    m = arena_alloc(a, sizeof *m);
    r = m ? queue_read_message(txn, a, s, true, m, e) : err_memory(e);
    sqlite3_reset(s);
    if (r < 0 || queue_read_items(txn, a, INT64_MIN, INT64_MAX, m, e) < 0)
        return -1;
    *out = m;
    return 0;
}

int queue_has(struct store_txn *txn, int64_t id, unsigned n, bool *out, struct err *e)
{
    sqlite3_stmt *s = for_item(txn, "SELECT 1 FROM item WHERE message = ?1 AND n = ?2", id, n, e);

    *out = false;
    if (!s)
        return -1;
    return txn_has(txn, s, out, e);
}

int queue_old(struct store_txn *txn, enum queue_kind kind, int64_t after_id, int64_t before_id,
              size_t count_max, struct queue_old *out, size_t *count_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT message, n, next, told FROM item WHERE message > ?2"
                                    " AND message < ?3 AND +kind = ?1 ORDER BY message, n LIMIT ?4",
                                    e);
    int r = 0;

    *count_out = 0;
    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, (int)kind);
    sqlite3_bind_int64(s, 2, after_id);
    sqlite3_bind_int64(s, 3, before_id);
    sqlite3_bind_int64(s, 4, (int64_t)count_max);
    while (*count_out < count_max && (r = txn_row(txn, s, e)) > 0)
        out[(*count_out)++] = (struct queue_old){
            .id = sqlite3_column_int64(s, 0),
            .n = (unsigned)sqlite3_column_int64(s, 1),
            .is_waiting = sqlite3_column_int64(s, 2) >= 0,
            .is_told = sqlite3_column_int(s, 3) != 0,
        };
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int queue_tell(struct store_txn *txn, int64_t id, unsigned n, struct err *e)
{
    sqlite3_stmt *s = for_item(
        txn, "UPDATE item SET told = 1 WHERE message = ?1 AND n = ?2 AND next >= 0", id, n, e);

    return s ? txn_step(txn, s, e) : -1;
}

/* For the command line. */

int queue_retry(struct store_txn *txn, int64_t id, int64_t now_s, unsigned *count_out,
                struct err *e)
{
    sqlite3_stmt *s =
        id ? txn_statement(txn,
                           "UPDATE item SET attempts = iif(next < 0, 0, attempts), crashes = 0,"
                           " told = kind = 4, next = ?1, released = iif(kind = 4, ?1, released),"
                           " kind = iif(kind = 4, 2, kind) WHERE message = ?2",
                           e)
           : txn_statement(txn,
                           "UPDATE item SET attempts = iif(next < 0, 0, attempts), crashes = 0,"
                           " told = 0, next = ?1 WHERE kind <> 4",
                           e);

    *count_out = 0;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, now_s);
    if (id)
        sqlite3_bind_int64(s, 2, id);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *count_out = (unsigned)txn_changes(txn);
    return txn_count_foreign(txn, e);
}

static int drop_all(struct store_txn *txn, unsigned *count_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM item", e);

    if (!s || txn_step(txn, s, e) < 0)
        return -1;
    *count_out = (unsigned)txn_changes(txn);
    s = txn_statement(txn, "DELETE FROM message", e);
    return s ? txn_step(txn, s, e) : -1;
}

static int drop_one(struct store_txn *txn, int64_t id, unsigned *count_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM item WHERE message = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *count_out = (unsigned)txn_changes(txn);
    return remove_if_done(txn, id, e);
}

int queue_drop(struct store_txn *txn, int64_t id, unsigned *count_out, struct err *e)
{
    *count_out = 0;
    if ((id ? drop_one(txn, id, count_out, e) : drop_all(txn, count_out, e)) < 0)
        return -1;
    return txn_count_foreign(txn, e);
}

int queue_each(struct store_txn *txn, int64_t after_id,
               int (*fn)(const struct queue_message *m, void *arg), void *arg, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "SELECT id, kind, sender, origin, created, deadline, length(content), expiry, uidvalidity,"
        " uid, envelope_id, ret FROM message WHERE id > ?"
        " ORDER BY id",
        e);
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, after_id);
    while ((r = txn_row(txn, s, e)) > 0) {
        struct arena *a = arena_new(EACH_MEMORY_MAX);
        struct queue_message m = {0};
        int stop = 0;

        if (!a) {
            r = err_memory(e);
            break;
        }
        r = queue_read_message(txn, a, s, false, &m, e);
        if (r == 0)
            r = queue_read_items(txn, a, INT64_MIN, INT64_MAX, &m, e);
        if (r == 0)
            stop = fn(&m, arg);
        arena_free(a);
        if (r < 0 || stop < 0)
            break;
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

static int add_counts(struct store_txn *txn, sqlite3_stmt *s, enum queue_kind kind, int64_t now_s,
                      struct queue_counts *out, struct err *e)
{
    static const int64_t ages_s[QUEUE_AGES - 1] = {3600, 86400, 5 * 86400};
    int i, r;

    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, (int)kind);
    sqlite3_bind_int64(s, 2, now_s);
    for (i = 0; i < QUEUE_AGES - 1; i++)
        sqlite3_bind_int64(s, 3 + i, id_first(now_s - ages_s[i]));
    r = txn_row(txn, s, e);
    if (r > 0) {
        int64_t all = sqlite3_column_int64(s, 0), due = sqlite3_column_int64(s, 1);
        int64_t oldest = sqlite3_column_int64(s, 2), since = 0;

        out->due += due;
        out->later += all - due;
        for (i = 0; i < QUEUE_AGES - 1; i++) {
            int64_t younger = sqlite3_column_int64(s, 3 + i);

            out->ages[i] += younger - since;
            since = younger;
        }
        out->ages[QUEUE_AGES - 1] += all - since;
        if (oldest > 0 && (out->oldest_id == 0 || oldest < out->oldest_id))
            out->oldest_id = oldest;
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int queue_counts(struct store_txn *txn, enum queue_kind kind, int64_t now_s,
                 struct queue_counts *out, struct err *e)
{
    struct queue_counts aside = {0};
    int i;

    memset(out, 0, sizeof *out);
    if (add_counts(txn,
                   txn_statement(txn,
                                 "SELECT count(*), sum(next <= ?2), min(message),"
                                 " sum(message >= ?3), sum(message >= ?4), sum(message >= ?5)"
                                 " FROM item INDEXED BY item_due WHERE kind = ?1 AND next >= 0",
                                 e),
                   kind, now_s, out, e) < 0 ||
        add_counts(txn,
                   txn_statement(txn,
                                 "SELECT count(*), sum(next <= ?2), min(message),"
                                 " sum(message >= ?3), sum(message >= ?4), sum(message >= ?5)"
                                 " FROM item INDEXED BY item_aside WHERE kind = ?1 AND next < 0",
                                 e),
                   kind, now_s, &aside, e) < 0)
        return -1;
    out->aside = aside.due + aside.later;
    for (i = 0; i < QUEUE_AGES; i++)
        out->ages[i] += aside.ages[i];
    if (aside.oldest_id > 0 && (out->oldest_id == 0 || aside.oldest_id < out->oldest_id))
        out->oldest_id = aside.oldest_id;
    return 0;
}

int queue_count(struct store_txn *txn, enum queue_kind kind, int64_t *items_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT (SELECT count(*) FROM item INDEXED BY item_due"
                                    "   WHERE kind = ?1 AND next >= 0) +"
                                    " (SELECT count(*) FROM item INDEXED BY item_aside"
                                    "   WHERE kind = ?1 AND next < 0)",
                                    e);
    int r;

    *items_out = 0;
    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, (int)kind);
    r = txn_row(txn, s, e);
    if (r > 0)
        *items_out = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}
