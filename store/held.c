/*
 * held: mails that their users do not want now.  No data but the database; runs inside store work.
 *
 * The item's kind says that it is held, and two triggers keep the table beside it true: a row goes
 * when its item does, or is of another kind again.
 */
#include "store/held.h"

#include "store/queue.h"
#include "store/store_inside.h"

/* As item.next of what is held: the year 9999. */
#define NEVER_S 253402300799

static int set_kind(struct store_txn *txn, const struct held_mail *m, bool *out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "UPDATE item SET kind = ?3, next = ?4 WHERE message = ?1"
                                    " AND n = ?2 AND next >= 0 AND kind IN (?3, ?5)",
                                    e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, m->id);
    sqlite3_bind_int64(s, 2, m->n);
    sqlite3_bind_int(s, 3, QUEUE_HELD);
    sqlite3_bind_int64(s, 4, NEVER_S);
    sqlite3_bind_int(s, 5, QUEUE_MAIL_IN);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *out = txn_changes(txn) > 0;
    return 0;
}

int held_put(struct store_txn *txn, const struct held_mail *m, struct err *e)
{
    sqlite3_stmt *s;
    bool is_there;

    if (set_kind(txn, m, &is_there, e) < 0)
        return -1;
    if (!is_there) /* dropped meanwhile */
        return 0;
    s = txn_statement(
        txn, "INSERT OR REPLACE INTO held VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", e);
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, m->id);
    sqlite3_bind_int64(s, 2, m->n);
    txn_bind_text(s, 3, m->bare_jid);
    sqlite3_bind_int64(s, 4, m->how);
    sqlite3_bind_int64(s, 5, m->arrived_s);
    sqlite3_bind_int64(s, 6, m->due_s > 0 ? m->due_s : 1);
    sqlite3_bind_int64(s, 7, m->list_at_s);
    sqlite3_bind_int(s, 8, m->is_told);
    sqlite3_bind_int64(s, 9, m->size);
    txn_bind_text(s, 10, m->mail);
    txn_bind_text(s, 11, m->name);
    txn_bind_text(s, 12, m->subject);
    txn_bind_text(s, 13, m->words);
    return txn_step(txn, s, e);
}

/* The one row of a question: its first columns. */
static int read_numbers(struct store_txn *txn, sqlite3_stmt *s, int64_t *first, int64_t *second,
                        struct err *e)
{
    int r = s ? txn_row(txn, s, e) : -1;

    if (r < 0)
        return -1;
    *first = r > 0 ? sqlite3_column_int64(s, 0) : 0;
    if (second)
        *second = r > 0 ? sqlite3_column_int64(s, 1) : 0;
    sqlite3_reset(s);
    return 0;
}

int held_sum(struct store_txn *txn, const char *bare_jid, struct held_sum *out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "SELECT count(*), coalesce(sum(size), 0) FROM held WHERE bare_jid = ?", e);

    if (s)
        txn_bind_text(s, 1, bare_jid);
    return read_numbers(txn, s, &out->count, &out->bytes, e);
}

int held_has(struct store_txn *txn, int64_t id, unsigned n, bool *out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT count(*) FROM item WHERE message = ? AND n = ? AND kind = ?", e);
    int64_t count = 0;

    if (s) {
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_int64(s, 2, n);
        sqlite3_bind_int(s, 3, QUEUE_HELD);
    }
    if (read_numbers(txn, s, &count, NULL, e) < 0)
        return -1;
    *out = count > 0;
    return 0;
}

int held_next_list(struct store_txn *txn, const char *bare_jid, int64_t *out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(
        txn, "SELECT coalesce(min(list), 0) FROM held WHERE bare_jid = ? AND list > 0", e);

    if (s)
        txn_bind_text(s, 1, bare_jid);
    return read_numbers(txn, s, out, NULL, e);
}

static int read_mail(struct store_txn *txn, struct arena *a, sqlite3_stmt *s, struct held_mail *m,
                     struct err *e)
{
    *m = (struct held_mail){
        .id = sqlite3_column_int64(s, 0),
        .n = (unsigned)sqlite3_column_int64(s, 1),
        .how = (unsigned)sqlite3_column_int64(s, 2),
        .arrived_s = sqlite3_column_int64(s, 3),
        .due_s = sqlite3_column_int64(s, 4),
        .list_at_s = sqlite3_column_int64(s, 5),
        .is_told = sqlite3_column_int(s, 6) != 0,
        .size = sqlite3_column_int64(s, 7),
    };
    return txn_text(txn, a, s, 8, &m->mail, e) < 0 || txn_text(txn, a, s, 9, &m->name, e) < 0 ||
                   txn_text(txn, a, s, 10, &m->subject, e) < 0 ||
                   txn_text(txn, a, s, 11, &m->words, e) < 0
               ? -1
               : 0;
}

int held_list(struct store_txn *txn, struct arena *a, const char *bare_jid, int hows,
              bool is_untold, size_t max, struct held_mail *out, size_t *count_out,
              int64_t *total_out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT message, n, how, arrived, due, list, told, size, mail, name, subject,"
                      " words FROM held WHERE bare_jid = ?1 AND (?2 >> how & 1) AND due > 0"
                      " AND told <= ?3 ORDER BY message, n",
                      e);
    int r;

    *count_out = 0;
    *total_out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, hows);
    sqlite3_bind_int(s, 3, is_untold ? 0 : 1);
    while ((r = txn_row(txn, s, e)) > 0) {
        if (*count_out < max) {
            r = read_mail(txn, a, s, &out[*count_out], e);
            if (r < 0)
                break;
            out[(*count_out)++].bare_jid = bare_jid;
        }
        ++*total_out;
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int held_tell(struct store_txn *txn, const char *bare_jid, int hows, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "UPDATE held SET told = 1, list = 0 WHERE bare_jid = ?1"
                                    " AND (?2 >> how & 1) AND told = 0",
                                    e);

    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, hows);
    return txn_step(txn, s, e);
}

int held_order(struct store_txn *txn, const char *bare_jid, int hows, const char *mail, int64_t max,
               int64_t *count_out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "UPDATE held SET due = 0, list = 0 WHERE (message, n) IN (SELECT message, n"
                      " FROM held WHERE bare_jid = ?1 AND (?2 >> how & 1) AND due > 0"
                      " AND (?3 IS NULL OR mail = ?3) ORDER BY message, n LIMIT ?4)",
                      e);

    *count_out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int(s, 2, hows);
    txn_bind_text(s, 3, mail);
    sqlite3_bind_int64(s, 4, max);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *count_out = txn_changes(txn);
    return 0;
}

/* The users that a question finds; its last parameter is how many. */
static int read_users(struct store_txn *txn, struct arena *a, sqlite3_stmt *s, size_t max,
                      const char **out, size_t *count_out, struct err *e)
{
    int r = 0;

    *count_out = 0;
    sqlite3_bind_int64(s, sqlite3_bind_parameter_count(s), (int64_t)max);
    while (*count_out < max && (r = txn_row(txn, s, e)) > 0) {
        r = txn_text(txn, a, s, 0, &out[*count_out], e);
        if (r < 0)
            break;
        ++*count_out;
    }
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int held_ordered(struct store_txn *txn, struct arena *a, size_t max, const char **out,
                 size_t *count_out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn, "SELECT DISTINCT bare_jid FROM held WHERE due = 0 LIMIT ?", e);

    return s ? read_users(txn, a, s, max, out, count_out, e) : -1;
}

/* Asked each second: two ranges, the narrower bound first, as OR reads all that wait for a time. */
int held_listed(struct store_txn *txn, struct arena *a, int64_t now_s, int64_t beyond_s, size_t max,
                const char **out, size_t *count_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT bare_jid FROM held INDEXED BY held_list"
                                    " WHERE list > 0 AND list <= ?1 AND told = 0"
                                    " UNION SELECT bare_jid FROM held INDEXED BY held_list"
                                    " WHERE list > ?2 AND list > 0 AND told = 0 LIMIT ?3",
                                    e);

    *count_out = 0;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, now_s);
    sqlite3_bind_int64(s, 2, beyond_s);
    return read_users(txn, a, s, max, out, count_out, e);
}

/* The row in held goes by the trigger.  Its author is not told that it waited. */
static int let_go(struct store_txn *txn, int64_t id, unsigned n, int64_t now_s, int64_t released_s,
                  struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "UPDATE item SET kind = ?3, next = ?4, released = ?5, told = 1"
                                    " WHERE message = ?1 AND n = ?2 AND kind = ?6",
                                    e);

    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, n);
    sqlite3_bind_int(s, 3, QUEUE_MAIL_IN);
    sqlite3_bind_int64(s, 4, now_s);
    sqlite3_bind_int64(s, 5, released_s);
    sqlite3_bind_int(s, 6, QUEUE_HELD);
    return txn_step(txn, s, e);
}

enum { GO_MAX = 200 };

struct going {
    int64_t id, arrived_s;
    unsigned n;
};

/* What a question for (message, n, arrived) finds, before any of it is changed. */
static int read_going(struct store_txn *txn, sqlite3_stmt *s, struct going list[GO_MAX],
                      size_t *count_out, struct err *e)
{
    int r = 0;

    *count_out = 0;
    while (*count_out < GO_MAX && (r = txn_row(txn, s, e)) > 0)
        list[(*count_out)++] = (struct going){
            .id = sqlite3_column_int64(s, 0),
            .n = (unsigned)sqlite3_column_int64(s, 1),
            .arrived_s = sqlite3_column_int64(s, 2),
        };
    sqlite3_reset(s);
    return r < 0 ? -1 : 0;
}

int held_let_go(struct store_txn *txn, const char *bare_jid, int64_t max, int64_t now_s,
                int64_t *count_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "SELECT message, n, arrived FROM held INDEXED BY held_due"
                                    " WHERE due = 0 AND bare_jid = ? ORDER BY message, n LIMIT ?",
                                    e);
    struct going list[GO_MAX];
    size_t count, i;

    *count_out = 0;
    if (!s)
        return -1;
    txn_bind_text(s, 1, bare_jid);
    sqlite3_bind_int64(s, 2, max);
    if (read_going(txn, s, list, &count, e) < 0)
        return -1;
    for (i = 0; i < count; i++)
        if (let_go(txn, list[i].id, list[i].n, now_s, now_s, e) < 0)
            return -1;
    *count_out = (int64_t)count;
    return 0;
}

/* As held_listed. */
int held_fall_due(struct store_txn *txn, int64_t now_s, int64_t hold_max_s, int64_t max,
                  int64_t *count_out, struct err *e)
{
    sqlite3_stmt *s =
        txn_statement(txn,
                      "SELECT message, n, arrived FROM held INDEXED BY held_due"
                      " WHERE due > 0 AND due <= ?1"
                      " UNION ALL SELECT message, n, arrived FROM held INDEXED BY held_due"
                      " WHERE due > ?2 LIMIT ?3",
                      e);
    struct going list[GO_MAX];
    size_t count, i;

    *count_out = 0;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, now_s);
    sqlite3_bind_int64(s, 2, now_s + 2 * hold_max_s);
    sqlite3_bind_int64(s, 3, max);
    if (read_going(txn, s, list, &count, e) < 0)
        return -1;
    for (i = 0; i < count; i++) {
        bool is_long =
            list[i].arrived_s + hold_max_s <= now_s || list[i].arrived_s > now_s + hold_max_s;

        if (let_go(txn, list[i].id, list[i].n, now_s, is_long ? now_s : 0, e) < 0)
            return -1;
    }
    *count_out = (int64_t)count;
    return 0;
}

int held_any(struct store_txn *txn, bool *out, struct err *e)
{
    int64_t any = 0;

    if (read_numbers(txn, txn_statement(txn, "SELECT EXISTS(SELECT 1 FROM held)", e), &any, NULL,
                     e) < 0)
        return -1;
    *out = any != 0;
    return 0;
}
