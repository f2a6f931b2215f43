/*
 * queue_read: reading messages and items.  No data but the database; runs inside store work.
 */
#include "store/queue_read.h"

#include <string.h>

int queue_read_message(struct store_txn *txn, struct arena *a, sqlite3_stmt *s, bool has_content,
                       struct queue_message *m, struct err *e)
{
    m->id = sqlite3_column_int64(s, 0);
    m->kind = (enum queue_kind)sqlite3_column_int(s, 1);
    m->created_s = sqlite3_column_int64(s, 4);
    m->deadline_s = sqlite3_column_int64(s, 5);
    m->expiry = (unsigned)sqlite3_column_int64(s, 7);
    m->uidvalidity = (uint32_t)sqlite3_column_int64(s, 8);
    m->uid = (uint32_t)sqlite3_column_int64(s, 9);
    m->ret = (unsigned)sqlite3_column_int64(s, 11);
    if (txn_text(txn, a, s, 2, &m->sender, e) < 0 || txn_text(txn, a, s, 3, &m->origin, e) < 0 ||
        txn_text(txn, a, s, 10, &m->envelope_id, e) < 0)
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
    item->is_held = sqlite3_column_int(s, 10) == QUEUE_HELD;
    item->released_s = sqlite3_column_int64(s, 11);
    item->notify = (unsigned)sqlite3_column_int64(s, 5);
    item->crashes = (unsigned)sqlite3_column_int64(s, 8);
    item->is_told = sqlite3_column_int(s, 9) != 0;
    if (txn_text(txn, a, s, 1, &item->recipient, e) < 0 ||
        txn_text(txn, a, s, 4, &item->last_error, e) < 0 ||
        txn_text(txn, a, s, 6, &item->original, e) < 0)
        return -1;
    return 0;
}

int queue_read_items(struct store_txn *txn, struct arena *a, int64_t from_s, int64_t until_s,
                     struct queue_message *m, struct err *e)
{
    /* The + keeps SQLite from holding the bound against the condition of item_due, for which it
     * would prepare the statement again each time. */
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT n, recipient, attempts, next, error, notify, original, lane, crashes,"
                      " told, kind, released FROM item WHERE message = ?1"
                      " AND +next BETWEEN ?2 AND ?3 ORDER BY n",
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
            if (!items) {
                r = err_memory(e);
                break;
            }
            if (m->item_count > 0)
                memcpy(items, m->items, m->item_count * sizeof *items);
            m->items = items;
        }
        m->lane = (unsigned)sqlite3_column_int64(s, 7);
        r = read_item(txn, a, s, &m->items[m->item_count], e);
        if (r < 0)
            break;
        m->item_count++;
    }
    sqlite3_reset(s);
    return r;
}
