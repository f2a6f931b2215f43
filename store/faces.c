/*
 * faces: three small tables.  No data but the database; runs inside store work.
 */
#include "store/faces.h"

#include "base/keyed.h"
#include "store/store_inside.h"

int faces_put_contact(struct store_txn *txn, const char *bare_jid, const char *contact,
                      const char *name, int64_t now_s, struct err *e)
{
    /* seen is only for forgetting: to the day is enough, and spares a write for each mail */
    sqlite3_stmt *s = txn_statement(
        txn,
        "INSERT INTO face VALUES(?1, ?2, ?3, ?4) ON CONFLICT(bare_jid, contact) DO UPDATE"
        " SET name = ?3, seen = ?4 WHERE name <> ?3 OR seen < ?4 - 86400",
        e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    txn_bind_text(s, 3, name);
    sqlite3_bind_int64(s, 4, now_s);
    return txn_step(txn, s, e);
}

int faces_get_contact(struct store_txn *txn, struct arena *a, const char *bare_jid,
                      const char *contact, const char **out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT name FROM face WHERE bare_jid = ? AND contact = ?", e);

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    return txn_one_text(txn, a, s, out, e);
}

static int drop_oldest(struct store_txn *txn, const char *bare_jid, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "DELETE FROM portrait WHERE id IN (SELECT id FROM portrait"
                                    " WHERE bare_jid = ? ORDER BY seen DESC, id DESC"
                                    " LIMIT -1 OFFSET ?)",
                                    e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, FACES_PORTRAITS_MAX);
    return txn_step(txn, s, e);
}

int faces_get_photo_hash(struct store_txn *txn, struct arena *a, const char *bare_jid,
                         const char *contact, const char **out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT sha1 FROM portrait WHERE bare_jid = ? AND contact = ?", e);

    *out = NULL;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    if (txn_one_text(txn, a, s, out, e) < 0)
        return -1;
    if (!*out)
        *out = "";
    return 0;
}

static int has_portrait(struct store_txn *txn, const char *bare_jid, const char *contact,
                        const char *sha1, bool *out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "SELECT 1 FROM portrait WHERE bare_jid = ? AND contact = ? AND sha1 = ?", e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    txn_bind_text(s, 3, sha1);
    return txn_has(txn, s, out, e);
}

int faces_put_portrait(struct store_txn *txn, const char *bare_jid, const char *contact,
                       const struct face_portrait *portrait, int64_t now_s, bool *is_new_out,
                       struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "INSERT INTO portrait(bare_jid, contact, seen, type, sha1, image)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
        " ON CONFLICT(bare_jid, contact) DO UPDATE SET seen = ?3, type = ?4, sha1 = ?5, image = ?6"
        " WHERE sha1 <> ?5 OR type <> ?4 OR seen < ?3 - 86400",
        e);
    char sha1[KEYED_SHA1_HEX_SIZE];
    bool is_known;

    keyed_sha1_hex(portrait->image, portrait->len, sha1);
    if (!s || has_portrait(txn, bare_jid, contact, sha1, &is_known, e) < 0)
        return -1;
    *is_new_out = !is_known;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    sqlite3_bind_int64(s, 3, now_s);
    txn_bind_text(s, 4, portrait->type);
    txn_bind_text(s, 5, sha1);
    sqlite3_bind_blob64(s, 6, portrait->image, portrait->len, SQLITE_STATIC);
    return txn_step(txn, s, e) < 0 ? -1 : drop_oldest(txn, bare_jid, e);
}

static int read_portrait(struct store_txn *txn, struct arena *a, sqlite3_stmt *s,
                         struct face_portrait *out, struct err *e)
{
    const char *image = sqlite3_column_blob(s, 1);

    if (txn_text(txn, a, s, 0, &out->type, e) < 0)
        return -1;
    out->len = (size_t)sqlite3_column_bytes(s, 1);
    out->image = arena_strndup(a, image ? image : "", image ? out->len : 0);
    return out->image ? 0 : err_memory(e);
}

int faces_get_portrait(struct store_txn *txn, struct arena *a, const char *bare_jid,
                       const char *contact, struct face_portrait *out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "SELECT type, image FROM portrait WHERE bare_jid = ? AND contact = ?", e);
    int r;

    *out = (struct face_portrait){0};
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, contact);
    r = txn_row(txn, s, e);
    if (r > 0)
        r = read_portrait(txn, a, s, out, e);
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int faces_put_user(struct store_txn *txn, const char *bare_jid, const char *name, int64_t fetched_s,
                   struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn,
        "INSERT INTO user_name VALUES(?1, coalesce(?2, ''), ?3)"
        " ON CONFLICT(bare_jid) DO UPDATE SET name = coalesce(?2, name), fetched = ?3",
        e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    txn_bind_text(s, 2, name);
    sqlite3_bind_int64(s, 3, fetched_s);
    return txn_step(txn, s, e);
}

int faces_get_user(struct store_txn *txn, struct arena *a, const char *bare_jid,
                   const char **name_out, int64_t *fetched_s_out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT name, fetched FROM user_name WHERE bare_jid = ?", e);
    int r;

    *name_out = NULL;
    *fetched_s_out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    r = txn_row(txn, s, e);
    if (r > 0) {
        *fetched_s_out = sqlite3_column_int64(s, 1);
        r = txn_text(txn, a, s, 0, name_out, e);
    }
    sqlite3_reset(s);
    if (r == 0 && *name_out && **name_out == '\0')
        *name_out = NULL;
    return r < 0 ? -1 : 0;
}

int faces_expire(struct store_txn *txn, int64_t before_s, unsigned count_max, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "DELETE FROM face WHERE (bare_jid, contact) IN"
                                    " (SELECT bare_jid, contact FROM face WHERE seen < ? LIMIT ?)",
                                    e);

    if (txn_forget(txn, s, before_s, count_max, e) < 0)
        return -1;
    s = txn_statement(txn,
                      "DELETE FROM portrait WHERE id IN"
                      " (SELECT id FROM portrait WHERE seen < ? LIMIT ?)",
                      e);
    return txn_forget(txn, s, before_s, count_max, e);
}
