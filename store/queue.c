/*
 * queue: messages on their way, on disk.  No data but the database; runs inside store work.
 */
#include "store/queue.h"

#include "store/store_inside.h"

#include <limits.h>
#include <string.h>

enum { SET_ASIDE = -1 }; /* as item.next */

/* Writing. */

static int put_item(struct store_txn *txn, const struct queue_message *m,
                    const struct queue_item *item, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "INSERT INTO item VALUES(?, ?, ?, ?, ?, ?, ?)", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, m->id);
    sqlite3_bind_int64(s, 2, item->n);
    sqlite3_bind_int(s, 3, (int)m->kind);
    txn_bind_text(s, 4, item->recipient);
    sqlite3_bind_int64(s, 5, item->attempts);
    sqlite3_bind_int64(s, 6, item->is_set_aside ? SET_ASIDE : item->next_at_s);
    txn_bind_text(s, 7, item->last_error ? item->last_error : "");
    return txn_step(txn, s, e);
}

int queue_put(struct store_txn *txn, const struct queue_message *m, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "INSERT INTO message VALUES(?, ?, ?, ?, ?, ?, ?)", e);
    size_t i;

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, m->id);
    sqlite3_bind_int(s, 2, (int)m->kind);
    txn_bind_text(s, 3, m->sender);
    txn_bind_text(s, 4, m->origin);
    sqlite3_bind_int64(s, 5, m->created_s);
    sqlite3_bind_int64(s, 6, m->deadline_s);
    sqlite3_bind_blob64(s, 7, m->content, m->content_len, SQLITE_STATIC);
    if (txn_step(txn, s, e) < 0)
        return -1;
    for (i = 0; i < m->item_count; i++)
        if (put_item(txn, m, &m->items[i], e) < 0)
            return -1;
    return 0;
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

int queue_begin(struct store_txn *txn, int64_t id, unsigned n, struct err *e)
{
    sqlite3_stmt *s = for_item(
        txn, "UPDATE item SET attempts = attempts + 1 WHERE message = ?1 AND n = ?2", id, n, e);

    return s ? txn_step(txn, s, e) : -1;
}

int queue_defer(struct store_txn *txn, int64_t id, unsigned n, int64_t next_at_s, const char *error,
                struct err *e)
{
    sqlite3_stmt *s = for_item(txn,
                               "UPDATE item SET attempts = attempts + 1, next = ?3, error = ?4"
                               " WHERE message = ?1 AND n = ?2",
                               id, n, e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 3, next_at_s);
    txn_bind_text(s, 4, error);
    return txn_step(txn, s, e);
}

int queue_set_aside(struct store_txn *txn, int64_t id, unsigned n, const char *error, struct err *e)
{
    sqlite3_stmt *s = for_item(
        txn, "UPDATE item SET next = -1, error = ?3 WHERE message = ?1 AND n = ?2", id, n, e);

    if (!s)
        return -1;
    txn_bind_text(s, 3, error);
    return txn_step(txn, s, e);
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

static int read_message(struct store_txn *txn, struct arena *a, sqlite3_stmt *s, bool has_content,
                        struct queue_message *m, struct err *e)
{
    m->id = sqlite3_column_int64(s, 0);
    m->kind = (enum queue_kind)sqlite3_column_int(s, 1);
    m->created_s = sqlite3_column_int64(s, 4);
    m->deadline_s = sqlite3_column_int64(s, 5);
    if (txn_text(txn, a, s, 2, &m->sender, e) < 0 || txn_text(txn, a, s, 3, &m->origin, e) < 0)
        return -1;
    if (!has_content) {
        m->content_len = (size_t)sqlite3_column_int64(s, 6);
        return 0;
    }
    m->content_len = (size_t)sqlite3_column_bytes(s, 6);
    m->content = arena_strndup(a, m->content_len ? sqlite3_column_blob(s, 6) : "", m->content_len);
    return m->content ? 0 : err_memory(e);
}

static int read_item(struct store_txn *txn, struct arena *a, sqlite3_stmt *s,
                     struct queue_item *item, struct err *e)
{
    item->n = (unsigned)sqlite3_column_int64(s, 0);
    item->attempts = (unsigned)sqlite3_column_int64(s, 2);
    item->next_at_s = sqlite3_column_int64(s, 3);
    item->is_set_aside = item->next_at_s < 0;
    if (txn_text(txn, a, s, 1, &item->recipient, e) < 0 ||
        txn_text(txn, a, s, 4, &item->last_error, e) < 0)
        return -1;
    return 0;
}

/* The items of a message that are due by until_s, or all for INT64_MAX and from INT64_MIN. */
static int read_items(struct store_txn *txn, struct arena *a, int64_t from_s, int64_t until_s,
                      struct queue_message *m, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT n, recipient, attempts, next, error FROM item"
                                    " WHERE message = ?1 AND next BETWEEN ?2 AND ?3 ORDER BY n",
                                    e);
    size_t cap = 0;
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, m->id);
    sqlite3_bind_int64(s, 2, from_s);
    sqlite3_bind_int64(s, 3, until_s);
    m->items = NULL;
    m->item_count = 0;
    while ((r = txn_row(txn, s, e)) > 0) {
        if (m->item_count == cap) {
            struct queue_item *items;

            cap = cap ? cap * 2 : 1;
            items = arena_alloc(a, cap * sizeof *items);
            if (!items)
                return err_memory(e);
            if (m->item_count > 0)
                memcpy(items, m->items, m->item_count * sizeof *items);
            m->items = items;
        }
        if (read_item(txn, a, s, &m->items[m->item_count], e) < 0)
            return -1;
        m->item_count++;
    }
    return r;
}

int queue_get(struct store_txn *txn, struct arena *a, int64_t id, struct queue_message **out,
              struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "SELECT id, kind, sender, origin, created, deadline, content FROM message WHERE id = ?", e);
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
    if (!m)
        return err_memory(e);
    r = read_message(txn, a, s, true, m, e);
    sqlite3_reset(s);
    if (r < 0 || read_items(txn, a, INT64_MIN, INT64_MAX, m, e) < 0)
        return -1;
    *out = m;
    return 0;
}

static bool is_skipped(const int64_t *skip, size_t count, int64_t id)
{
    size_t low = 0;

    while (low < count) {
        size_t mid = low + (count - low) / 2;

        if (skip[mid] == id)
            return true;
        if (skip[mid] < id)
            low = mid + 1;
        else
            count = mid;
    }
    return false;
}

struct due {
    struct queue_message **messages;
    int64_t *ids;
    size_t count, bytes;
};

static bool is_listed(const struct due *d, int64_t id)
{
    size_t i;

    for (i = d->count; i > 0; i--)
        if (d->ids[i - 1] == id)
            return true;
    return false;
}

/* The ids of what is due, oldest due first, each once, until one of the limits is reached. */
static int list_due(struct store_txn *txn, enum queue_kind kind, int64_t now_s, size_t count_max,
                    const int64_t *skip, size_t skip_count, struct due *d, int64_t *next_at_out,
                    struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT message, next FROM item INDEXED BY item_due"
                                    " WHERE kind = ? AND next >= 0 ORDER BY next, message, n",
                                    e);
    int r;

    *next_at_out = 0;
    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, (int)kind);
    while ((r = txn_row(txn, s, e)) > 0) {
        int64_t id = sqlite3_column_int64(s, 0), next = sqlite3_column_int64(s, 1);

        if (next > now_s) {
            *next_at_out = next;
            break;
        }
        if (is_skipped(skip, skip_count, id) || is_listed(d, id))
            continue;
        if (d->count == count_max)
            break;
        d->ids[d->count++] = id;
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

static int fetch_due(struct store_txn *txn, struct arena *a, int64_t id, int64_t now_s,
                     struct queue_message *m, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "SELECT id, kind, sender, origin, created, deadline, content FROM message WHERE id = ?", e);
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    r = txn_row(txn, s, e);
    if (r == 0)
        return err_set(e, ERR_BUG, "an item without its message");
    if (r < 0)
        return -1;
    r = read_message(txn, a, s, true, m, e);
    sqlite3_reset(s);
    return r < 0 ? -1 : read_items(txn, a, 0, now_s, m, e);
}

int queue_due(struct store_txn *txn, struct arena *a, enum queue_kind kind, int64_t now_s,
              size_t count_max, size_t bytes_max, const int64_t *skip, size_t skip_count,
              struct queue_message **out, size_t *count_out, int64_t *next_at_out, struct err *e)
{
    struct due d = {0};
    struct queue_message *messages;
    size_t i;

    *count_out = 0;
    d.ids = arena_alloc(a, (count_max + 1) * sizeof *d.ids);
    if (!d.ids)
        return err_memory(e);
    if (list_due(txn, kind, now_s, count_max, skip, skip_count, &d, next_at_out, e) < 0)
        return -1;
    messages = arena_alloc(a, (d.count + 1) * sizeof *messages);
    if (!messages)
        return err_memory(e);
    for (i = 0; i < d.count && (i == 0 || d.bytes < bytes_max); i++) {
        if (fetch_due(txn, a, d.ids[i], now_s, &messages[i], e) < 0)
            return -1;
        d.bytes += messages[i].content_len;
    }
    *out = messages;
    *count_out = i;
    return 0;
}

/* For the command line. */

int queue_retry(struct store_txn *txn, int64_t id, int64_t now_s, unsigned *count_out,
                struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "UPDATE item SET next = ?1 WHERE ?2 = 0 OR message = ?2", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, now_s);
    sqlite3_bind_int64(s, 2, id);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *count_out = (unsigned)txn_changes(txn);
    return txn_count_foreign(txn, e);
}

int queue_drop(struct store_txn *txn, int64_t id, unsigned *count_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM item WHERE message = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *count_out = (unsigned)txn_changes(txn);
    if (remove_if_done(txn, id, e) < 0)
        return -1;
    return txn_count_foreign(txn, e);
}

int queue_each(struct store_txn *txn, int (*fn)(const struct queue_message *m, void *arg),
               void *arg, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "SELECT id, kind, sender, origin, created, deadline, length(content) FROM message"
        " ORDER BY id",
        e);
    int r;

    if (!s)
        return -1;
    while ((r = txn_row(txn, s, e)) > 0) {
        struct arena *a = arena_new(16 << 20);
        struct queue_message m = {0};
        int stop = 0;

        if (!a)
            return err_memory(e);
        r = read_message(txn, a, s, false, &m, e);
        if (r == 0)
            r = read_items(txn, a, INT64_MIN, INT64_MAX, &m, e);
        if (r == 0)
            stop = fn(&m, arg);
        arena_free(a);
        if (r < 0 || stop < 0)
            break;
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int queue_count(struct store_txn *txn, enum queue_kind kind, int64_t *items_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT count(*) FROM item WHERE kind = ?", e);
    int r;

    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, (int)kind);
    r = txn_row(txn, s, e);
    if (r > 0)
        *items_out = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}
