/*
 * queue_due: what is to be tried now.  No data but the database; runs inside store work.
 *
 * One walk along the index item_due, which is in the order wanted and holds nothing else, so its
 * cost is that of the items passed over (in flight, some thousands) and of those taken, whatever
 * the length of the queue.
 */
#include <stdlib.h>
#include <string.h>

#include "store/queue_read.h"

enum { DUE_MAX = 4096 }; /* messages in one call */

/* Ids that were taken: a message with several due items is met several times.  Open addressing,
 * twice as many slots as ids, 0 for free. */
struct id_set {
    int64_t *slots;
    size_t mask;
};

struct scan {
    struct store_txn *txn;
    struct arena *arena;
    int64_t now_s;
    size_t count_max, bytes_max, bytes;
    const int64_t *skip;
    size_t skip_count;
    struct id_set taken;
    struct queue_message *messages;
    size_t count;
};

static int id_set_init(struct id_set *set, struct arena *a, size_t count_max)
{
    size_t size = 16;

    while (size < count_max * 2)
        size *= 2;
    set->mask = size - 1;
    set->slots = arena_alloc(a, size * sizeof *set->slots);
    return set->slots ? 0 : -1;
}

static int64_t *id_set_slot(const struct id_set *set, int64_t id)
{
    size_t at = (size_t)((uint64_t)id * 0x9e3779b97f4a7c15u >> 32) & set->mask;

    while (set->slots[at] != 0 && set->slots[at] != id)
        at = (at + 1) & set->mask;
    return &set->slots[at];
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* A message that was taken came with all that is due of it, so what is met of it again is only of
 * interest when it is due later. */
static bool is_passed_over(const struct scan *s, int64_t id, int64_t at_s)
{
    if (at_s <= s->now_s && *id_set_slot(&s->taken, id) == id)
        return true;
    return s->skip_count > 0 &&
           bsearch(&id, s->skip, s->skip_count, sizeof *s->skip, compare_ids) != NULL;
}

/* How much content, which decides whether it is read at all; -1 in *len_out: no such message. */
static int read_size(struct scan *s, int64_t id, int64_t *len_out, struct err *e)
{
    sqlite3_stmt *q = txn_statement(s->txn, "SELECT length(content) FROM message WHERE id = ?", e);
    int r;

    *len_out = -1;
    if (!q)
        return -1;
    sqlite3_bind_int64(q, 1, id);
    r = txn_row(s->txn, q, e);
    if (r > 0)
        *len_out = sqlite3_column_int64(q, 0);
    sqlite3_reset(q);
    return r < 0 ? -1 : 0;
}

static int read_due(struct scan *s, int64_t id, struct queue_message *m, struct err *e)
{
    sqlite3_stmt *q = txn_statement(
        s->txn,
        "SELECT id, kind, sender, origin, created, deadline, content, expiry, uidvalidity, uid,"
        " envelope_id, ret FROM message WHERE id = ?",
        e);
    int r;

    if (!q)
        return -1;
    sqlite3_bind_int64(q, 1, id);
    r = txn_row(s->txn, q, e);
    if (r == 0)
        return err_set(e, ERR_BUG, "an item without its message");
    if (r < 0)
        return -1;
    memset(m, 0, sizeof *m);
    r = queue_read_message(s->txn, s->arena, q, true, m, e);
    sqlite3_reset(q);
    return r < 0 ? -1 : queue_read_items(s->txn, s->arena, 0, s->now_s, m, e);
}

/* 1: taken, or there is nothing to take; 0: over a limit; -1 */
static int take(struct scan *s, int64_t id, struct err *e)
{
    int64_t len;

    if (s->count == s->count_max)
        return 0;
    if (read_size(s, id, &len, e) < 0)
        return -1;
    *id_set_slot(&s->taken, id) = id;
    if (len < 0)
        return 1; /* an item without its message: nothing that could be sent */
    if (s->count > 0 && (uint64_t)len > s->bytes_max - s->bytes)
        return 0;
    if (read_due(s, id, &s->messages[s->count], e) < 0)
        /* An arena that is full is a limit like the others, once there is something to give. */
        return s->count > 0 && e->class == ERR_RETRY ? 0 : -1;
    s->bytes += (uint64_t)len < s->bytes_max - s->bytes ? (size_t)len : s->bytes_max - s->bytes;
    s->count++;
    return 1;
}

static int walk(struct scan *s, enum queue_kind kind, int64_t *next_at_out, struct err *e)
{
    sqlite3_stmt *q = txn_statement(s->txn,
                                    "SELECT message, next FROM item INDEXED BY item_due"
                                    " WHERE kind = ? AND next >= 0 ORDER BY next, message, n",
                                    e);
    int r;

    if (!q)
        return -1;
    sqlite3_bind_int(q, 1, (int)kind);
    while ((r = txn_row(s->txn, q, e)) > 0) {
        int64_t id = sqlite3_column_int64(q, 0), at_s = sqlite3_column_int64(q, 1);

        if (is_passed_over(s, id, at_s))
            continue;
        r = at_s <= s->now_s ? take(s, id, e) : 0;
        if (r == 0)
            *next_at_out = at_s;
        if (r <= 0)
            break;
    }
    sqlite3_reset(q);
    return r;
}

int queue_due(struct store_txn *txn, struct arena *a, enum queue_kind kind, int64_t now_s,
              size_t count_max, size_t bytes_max, const int64_t *skip, size_t skip_count,
              struct queue_message **out, size_t *count_out, int64_t *next_at_out, struct err *e)
{
    struct scan s = {.txn = txn,
                     .arena = a,
                     .now_s = now_s,
                     .count_max = count_max < DUE_MAX ? count_max : DUE_MAX,
                     .bytes_max = bytes_max,
                     .skip = skip,
                     .skip_count = skip_count};
    struct err ignored;

    *out = NULL;
    *count_out = 0;
    *next_at_out = 0;
    s.messages = arena_alloc(a, (s.count_max + 1) * sizeof *s.messages);
    if (!s.messages || id_set_init(&s.taken, a, s.count_max + 1) < 0)
        return err_memory(e);
    if (walk(&s, kind, next_at_out, e ? e : &ignored) < 0)
        return -1;
    *out = s.messages;
    *count_out = s.count;
    return 0;
}
