/*
 * own_boxes: a row for each mailbox, and one for each chore.  No data but the database; runs inside
 * store work.
 */
#include "store/own_boxes.h"

#include "store/store_inside.h"

#include <string.h>

static const char prefix[] = "own:";

char *own_box_name(int64_t id, char *out)
{
    memcpy(out, prefix, sizeof prefix - 1);
    id_format(id, out + sizeof prefix - 1);
    return out;
}

int64_t own_box_id(const char *name)
{
    if (!name || strncmp(name, prefix, sizeof prefix - 1) != 0)
        return 0;
    name += sizeof prefix - 1;
    return strlen(name) == ID_TEXT_SIZE - 1 ? id_parse(name, ID_TEXT_SIZE - 1) : 0;
}

int own_boxes_each(struct store_txn *txn,
                   int (*fn)(const struct own_box_row *row, void *arg, struct err *e), void *arg,
                   struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT id, bare_jid, address, first, copies, told, created, sealed"
                      " FROM own_box ORDER BY id",
                      e);
    int r;

    if (!s)
        return -1;
    while ((r = txn_row(txn, s, e)) > 0) {
        struct own_box_row row = {
            .id = sqlite3_column_int64(s, 0),
            .bare_jid = (const char *)sqlite3_column_text(s, 1),
            .address = (const char *)sqlite3_column_text(s, 2),
            .is_first = sqlite3_column_int(s, 3) != 0,
            .copies = sqlite3_column_int(s, 4) != 0,
            .is_told = sqlite3_column_int(s, 5) != 0,
            .created_s = sqlite3_column_int64(s, 6),
            .sealed = sqlite3_column_blob(s, 7),
            .sealed_len = (size_t)sqlite3_column_bytes(s, 7),
        };

        r = row.bare_jid && row.address ? fn(&row, arg, e) : err_memory(e);
        if (r < 0) {
            sqlite3_reset(s);
            return -1;
        }
    }
    return r;
}

/* One statement with the user, and perhaps an id behind it. */
static int run_for(struct store_txn *txn, sqlite3_stmt *s, const char *bare_jid, int64_t id,
                   struct err *e)
{
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    if (sqlite3_bind_parameter_count(s) > 1)
        sqlite3_bind_int64(s, 2, id);
    return txn_step(txn, s, e);
}

/* Does the user have max mailboxes beside this one? */
static int is_full(struct store_txn *txn, const struct own_box_row *row, unsigned max, bool *out,
                   struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT count(*) FROM own_box WHERE bare_jid = ? AND id <> ?", e);
    int r;

    if (!s)
        return -1;
    txn_bind_text(s, 1, row->bare_jid);
    sqlite3_bind_int64(s, 2, row->id);
    r = txn_row(txn, s, e);
    if (r > 0)
        *out = sqlite3_column_int64(s, 0) >= (int64_t)max;
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

/* A user with mailboxes has one that is the first. */
static int settle_first(struct store_txn *txn, const char *bare_jid, struct err *e)
{
    return run_for(txn,
                   txn_statement(txn,
                                 "UPDATE own_box SET first = 1 WHERE id ="
                                 " (SELECT min(id) FROM own_box WHERE bare_jid = ?1)"
                                 " AND NOT EXISTS (SELECT 1 FROM own_box"
                                 "  WHERE bare_jid = ?1 AND first = 1)",
                                 e),
                   bare_jid, 0, e);
}

int own_boxes_put(struct store_txn *txn, const struct own_box_row *row, unsigned max,
                  bool *is_full_out, struct err *e)
{
    sqlite3_stmt *s;

    *is_full_out = false;
    if (is_full(txn, row, max, is_full_out, e) < 0)
        return -1;
    if (*is_full_out)
        return 0;
    if (row->is_first &&
        run_for(txn, txn_statement(txn, "UPDATE own_box SET first = 0 WHERE bare_jid = ?", e),
                row->bare_jid, 0, e) < 0)
        return -1;
    s = txn_statement(txn, "INSERT OR REPLACE INTO own_box VALUES(?, ?, ?, ?, ?, ?, ?, ?)", e);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, row->id);
    txn_bind_text(s, 2, row->bare_jid);
    txn_bind_text(s, 3, row->address);
    sqlite3_bind_int(s, 4, row->is_first);
    sqlite3_bind_int(s, 5, row->copies);
    sqlite3_bind_int(s, 6, row->is_told);
    sqlite3_bind_int64(s, 7, row->created_s);
    sqlite3_bind_blob64(s, 8, row->sealed, row->sealed_len, SQLITE_STATIC);
    if (txn_step(txn, s, e) < 0)
        return -1;
    return settle_first(txn, row->bare_jid, e);
}

int own_boxes_set_sealed(struct store_txn *txn, int64_t id, const char *sealed, size_t len,
                         struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "UPDATE own_box SET sealed = ? WHERE id = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_blob64(s, 1, sealed, len, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, id);
    return txn_step(txn, s, e);
}

int own_boxes_set_told(struct store_txn *txn, int64_t id, bool is_told, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "UPDATE own_box SET told = ? WHERE id = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int(s, 1, is_told);
    sqlite3_bind_int64(s, 2, id);
    return txn_step(txn, s, e);
}

int own_boxes_set_first(struct store_txn *txn, const char *bare_jid, int64_t id, struct err *e)
{
    return run_for(txn,
                   txn_statement(txn,
                                 "UPDATE own_box SET first = (id = ?2) WHERE bare_jid = ?1"
                                 " AND EXISTS (SELECT 1 FROM own_box WHERE id = ?2"
                                 "  AND bare_jid = ?1)",
                                 e),
                   bare_jid, id, e);
}

int own_boxes_has(struct store_txn *txn, int64_t id, bool *out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT 1 FROM own_box WHERE id = ?", e);

    *out = false;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return txn_has(txn, s, out, e);
}

int own_boxes_is_of(struct store_txn *txn, const char *bare_jid, int64_t id, bool *out,
                    struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT 1 FROM own_box WHERE bare_jid = ? AND id = ?", e);

    *out = false;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int64(s, 2, id);
    return txn_has(txn, s, out, e);
}

/* What stands elsewhere under its name or number. */
static int forget(struct store_txn *txn, int64_t id, struct err *e)
{
    char name[OWN_BOX_NAME_SIZE];
    sqlite3_stmt *s;

    own_box_name(id, name);
    if (run_for(txn, txn_statement(txn, "DELETE FROM cursor WHERE mailbox = ?", e), name, 0, e) <
            0 ||
        run_for(txn, txn_statement(txn, "DELETE FROM fetched WHERE mailbox = ?", e), name, 0, e) <
            0)
        return -1;
    s = txn_statement(txn, "DELETE FROM chore WHERE box = ?", e);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return txn_step(txn, s, e);
}

int own_boxes_remove(struct store_txn *txn, const char *bare_jid, int64_t id, struct err *e)
{
    if (run_for(txn, txn_statement(txn, "DELETE FROM own_box WHERE bare_jid = ? AND id = ?", e),
                bare_jid, id, e) < 0)
        return -1;
    if (txn_changes(txn) == 0)
        return 0;
    return forget(txn, id, e) < 0 ? -1 : settle_first(txn, bare_jid, e);
}

/* *id_out 0: the user has none. */
static int find_one(struct store_txn *txn, const char *bare_jid, int64_t *id_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "SELECT id FROM own_box WHERE bare_jid = ? LIMIT 1", e);
    int r;

    *id_out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    r = txn_row(txn, s, e);
    if (r > 0)
        *id_out = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int own_boxes_remove_all(struct store_txn *txn, const char *bare_jid, struct err *e)
{
    int64_t id;

    do {
        if (find_one(txn, bare_jid, &id, e) < 0 ||
            (id != 0 && own_boxes_remove(txn, bare_jid, id, e) < 0))
            return -1;
    } while (id != 0);
    return 0;
}

int own_chores_put(struct store_txn *txn, const struct own_chore *c, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "INSERT OR REPLACE INTO chore SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
                      " WHERE EXISTS (SELECT 1 FROM own_box WHERE id = ?2)",
                      e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, c->id);
    sqlite3_bind_int64(s, 2, c->box);
    sqlite3_bind_int64(s, 3, c->kind);
    sqlite3_bind_int64(s, 4, c->flags);
    sqlite3_bind_int64(s, 5, c->uidvalidity);
    sqlite3_bind_int64(s, 6, c->uid);
    txn_bind_text(s, 7, c->message_id);
    sqlite3_bind_int64(s, 8, c->created_s);
    if (c->content)
        sqlite3_bind_blob64(s, 9, c->content, c->content_len, SQLITE_STATIC);
    return txn_step(txn, s, e);
}

static int read_chore(struct store_txn *txn, struct arena *a, sqlite3_stmt *s,
                      struct own_chore *out, struct err *e)
{
    const void *content = sqlite3_column_blob(s, 8);

    out->id = sqlite3_column_int64(s, 0);
    out->box = sqlite3_column_int64(s, 1);
    out->kind = (unsigned)sqlite3_column_int64(s, 2);
    out->flags = (unsigned)sqlite3_column_int64(s, 3);
    out->uidvalidity = (uint32_t)sqlite3_column_int64(s, 4);
    out->uid = (uint32_t)sqlite3_column_int64(s, 5);
    out->created_s = sqlite3_column_int64(s, 7);
    if (txn_text(txn, a, s, 6, &out->message_id, e) < 0)
        return -1;
    if (!content)
        return 0;
    out->content_len = (size_t)sqlite3_column_bytes(s, 8);
    out->content = arena_strndup(a, content, out->content_len);
    return out->content ? 0 : err_memory(e);
}

int own_chores_next(struct store_txn *txn, struct arena *a, int64_t box, struct own_chore **out,
                    struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT id, box, kind, flags, uidvalidity, uid, message_id, created, content"
                      " FROM chore WHERE box = ? ORDER BY id LIMIT 1",
                      e);
    int r;

    *out = NULL;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, box);
    r = txn_row(txn, s, e);
    if (r <= 0)
        return r;
    *out = arena_alloc(a, sizeof **out);
    r = *out ? read_chore(txn, a, s, *out, e) : err_memory(e);
    sqlite3_reset(s);
    return r;
}

int own_chores_drop(struct store_txn *txn, int64_t id, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn, "DELETE FROM chore WHERE id = ?", e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    return txn_step(txn, s, e);
}
