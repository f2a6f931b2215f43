/*
 * queue_due: what is to be tried now.  No data but the database; runs inside store work.
 *
 * The index item_due is in the order wanted, lane by lane, and holds nothing else.  The lanes that
 * hold anything are found by one seek each (at most QUEUE_LANES), so the cost is that of the lanes,
 * of the items passed over (in flight, some thousands) and of those taken, whatever the length of
 * the queue, and whosever it is.
 */
#include <stdlib.h>
#include <string.h>

#include "store/queue_read.h"

enum {
    DUE_MAX = 4096, /* messages in one call */
    QUANTUM = 8     /* of each lane, before any gets more */
};

/* Ids that were taken: a message with several due items is met several times.  Open addressing,
 * twice as many slots as ids, 0 for free. */
struct id_set {
    int64_t *slots;
    size_t mask;
};

struct scan {
    struct store_txn *txn;
    struct arena *arena;
    const struct queue_wish *wish;
    size_t count_max, bytes;
    struct id_set taken;
    size_t lane_taken[QUEUE_LANES];
    int64_t left_at_s[QUEUE_LANES]; /* since when what a limit left is due */
    unsigned lanes[QUEUE_LANES];    /* that hold anything, from the one whose turn it is */
    size_t lane_count;
    bool is_full;
    struct queue_found *out;
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
    const struct queue_wish *w = s->wish;

    if (at_s <= w->now_s && *id_set_slot(&s->taken, id) == id)
        return true;
    return w->skip_count > 0 &&
           bsearch(&id, w->skip, w->skip_count, sizeof *w->skip, compare_ids) != NULL;
}

/* Another living gateway has it. */
static int is_held_by_other(struct scan *s, int64_t id, bool *out, struct err *e)
{
    sqlite3_stmt *q = txn_statement(s->txn,
                                    "SELECT 1 FROM item WHERE message = ?1"
                                    " AND owner NOT IN (0, ?2)"
                                    " AND owner IN (SELECT id FROM life WHERE until > ?3) LIMIT 1",
                                    e);

    if (!q)
        return -1;
    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, s->txn->store->life);
    sqlite3_bind_int64(q, 3, s->wish->now_s);
    return txn_has(s->txn, q, out, e);
}

/* What this life did not put itself was another's: nothing is written otherwise. */
static int claim(struct scan *s, int64_t id, struct err *e)
{
    sqlite3_stmt *q = txn_statement(s->txn,
                                    "UPDATE item SET owner = ?2 WHERE message = ?1 AND owner <> ?2"
                                    " AND +next BETWEEN 0 AND ?3",
                                    e);

    if (!q)
        return -1;
    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, s->txn->store->life);
    sqlite3_bind_int64(q, 3, s->wish->now_s);
    return txn_step(s->txn, q, e);
}

/* The message without its items, with its content unless that is longer than left. */
static sqlite3_stmt *find_message(struct scan *s, int64_t id, size_t left, struct err *e)
{
    sqlite3_stmt *q =
        txn_statement(s->txn,
                      "SELECT id, kind, sender, origin, created, deadline,"
                      " iif(length(content) <= ?2, content, NULL), expiry, uidvalidity, uid,"
                      " envelope_id, ret, length(content) > ?2,"
                      " EXISTS(SELECT 1 FROM item WHERE message = ?1 AND owner <> ?3),"
                      " EXISTS(SELECT 1 FROM item WHERE message = ?1 AND +next NOT BETWEEN 0"
                      " AND ?4)"
                      " FROM message WHERE id = ?1",
                      e);

    if (!q)
        return NULL;
    sqlite3_bind_int64(q, 1, id);
    sqlite3_bind_int64(q, 2, left < INT64_MAX ? (int64_t)left : INT64_MAX);
    sqlite3_bind_int64(q, 3, s->txn->store->life);
    sqlite3_bind_int64(q, 4, s->wish->now_s);
    return q;
}

enum read { READ_FAILED = -1, READ_OVER_LIMIT, READ_NOTHING, READ_OWN, READ_OF_OTHERS };

/* READ_NOTHING: nothing that could be sent. */
static enum read read_message(struct scan *s, int64_t id, struct queue_message *m, struct err *e)
{
    /* The first comes, however large it is. */
    size_t left = s->out->count > 0 ? s->wish->bytes_max - s->bytes : SIZE_MAX;
    sqlite3_stmt *q = find_message(s, id, left, e);
    enum read read = READ_NOTHING;
    int r;

    if (!q || (r = txn_row(s->txn, q, e)) < 0)
        return READ_FAILED;
    if (r > 0 && sqlite3_column_int(q, 12) != 0)
        read = READ_OVER_LIMIT;
    else if (r > 0)
        read = sqlite3_column_int(q, 13) != 0 ? READ_OF_OTHERS : READ_OWN;
    memset(m, 0, sizeof *m);
    m->has_others = r > 0 && sqlite3_column_int(q, 14) != 0;
    if (read >= READ_OWN && queue_read_message(s->txn, s->arena, q, true, m, e) < 0)
        read = READ_FAILED;
    sqlite3_reset(q);
    return read;
}

/* As read_message, with the items. */
static enum read read_due(struct scan *s, int64_t id, struct queue_message *m, struct err *e)
{
    enum read read = read_message(s, id, m, e);
    bool is_held = false;

    if (read == READ_OF_OTHERS && is_held_by_other(s, id, &is_held, e) < 0)
        return READ_FAILED;
    if (is_held)
        return READ_NOTHING;
    if (read >= READ_OWN && queue_read_items(s->txn, s->arena, 0, s->wish->now_s, m, e) < 0)
        return READ_FAILED;
    return read;
}

/* 1: taken, or there is nothing to take; 0: over a limit; -1 */
static int take(struct scan *s, int64_t id, unsigned lane, struct err *e)
{
    struct queue_found *out = s->out;
    struct queue_message *m = &out->messages[out->count];
    size_t left = s->wish->bytes_max - s->bytes;

    if (out->count == s->count_max)
        return 0;
    *id_set_slot(&s->taken, id) = id;
    switch (read_due(s, id, m, e)) {
    case READ_FAILED:
        /* An arena that is full is a limit like the others, once there is something to give. */
        return out->count > 0 && e->class == ERR_RETRY ? 0 : -1;
    case READ_OVER_LIMIT:
        return 0;
    case READ_NOTHING:
        return 1;
    case READ_OF_OTHERS:
        if (claim(s, id, e) < 0)
            return -1;
        break;
    case READ_OWN:
        break;
    }
    s->bytes += m->content_len < left ? m->content_len : left;
    out->count++;
    s->lane_taken[lane]++;
    return 1;
}

static void due_at(struct scan *s, int64_t at_s)
{
    if (s->out->next_at_s == 0 || at_s < s->out->next_at_s)
        s->out->next_at_s = at_s;
}

/* Up to count_max of one lane.  1: go on; 0: no more of any; -1 */
static int walk_lane(struct scan *s, unsigned lane, size_t count_max, struct err *e)
{
    sqlite3_stmt *q = txn_statement(s->txn,
                                    "SELECT message, next FROM item INDEXED BY item_due"
                                    " WHERE kind = ? AND lane = ? AND next >= 0"
                                    " ORDER BY next, message, n",
                                    e);
    size_t first = s->lane_taken[lane];
    int r;

    if (!q)
        return -1;
    sqlite3_bind_int(q, 1, (int)s->wish->kind);
    sqlite3_bind_int(q, 2, (int)lane);
    s->out->left[lane] = false;
    while ((r = txn_row(s->txn, q, e)) > 0) {
        int64_t id = sqlite3_column_int64(q, 0), at_s = sqlite3_column_int64(q, 1);

        if (is_passed_over(s, id, at_s))
            continue;
        if (at_s > s->wish->now_s) {
            due_at(s, at_s);
            break;
        }
        if (s->lane_taken[lane] - first < count_max) {
            r = take(s, id, lane, e);
            if (r > 0)
                continue;
            s->is_full = r == 0;
        }
        s->out->left[lane] = true;
        s->left_at_s[lane] = at_s;
        break;
    }
    sqlite3_reset(q);
    return r < 0 ? -1 : s->is_full ? 0 : 1;
}

static size_t lane_room(const struct scan *s, unsigned lane)
{
    size_t max = s->wish->lane_max ? s->wish->lane_max[lane] : SIZE_MAX;

    return max > s->lane_taken[lane] ? max - s->lane_taken[lane] : 0;
}

/* The lanes that hold anything, in the order of their turns. */
static int find_lanes(struct scan *s, struct err *e)
{
    unsigned found[QUEUE_LANES], lane = 0;
    size_t count = 0, first = 0, i;
    int r;

    for (; lane < QUEUE_LANES; lane++) {
        sqlite3_stmt *q = txn_statement(s->txn,
                                        "SELECT lane FROM item INDEXED BY item_due WHERE kind = ?"
                                        " AND lane >= ? AND next >= 0 ORDER BY lane LIMIT 1",
                                        e);

        if (!q)
            return -1;
        sqlite3_bind_int(q, 1, (int)s->wish->kind);
        sqlite3_bind_int(q, 2, (int)lane);
        r = txn_row(s->txn, q, e);
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        lane = (unsigned)sqlite3_column_int(q, 0);
        sqlite3_reset(q);
        if (lane < s->wish->first_lane)
            first = count + 1;
        if (lane < QUEUE_LANES)
            found[count++] = lane;
    }
    for (i = 0; i < count; i++)
        s->lanes[i] = found[(first + i) % count];
    s->lane_count = count;
    return 0;
}

/* A few of each, then of each what there is room for. */
static int walk(struct scan *s, struct err *e)
{
    unsigned round;
    size_t i = 0;
    int r = 1;

    for (i = 0; i < s->lane_count; i++)
        s->out->left[s->lanes[i]] = true; /* until it has been looked at */
    for (round = 0; round < 2; round++)
        for (i = 0; i < s->lane_count && r > 0; i++) {
            unsigned lane = s->lanes[i];
            size_t room = lane_room(s, lane);

            if (!s->out->left[lane])
                continue;
            r = walk_lane(s, lane, round == 0 && room > QUANTUM ? QUANTUM : room, e);
            if (r == 0)
                s->out->next_lane = lane;
        }
    for (i = 0; i < s->lane_count; i++)
        if (s->out->left[s->lanes[i]])
            due_at(s, s->left_at_s[s->lanes[i]] ? s->left_at_s[s->lanes[i]] : s->wish->now_s);
    return r;
}

int queue_due(struct store_txn *txn, struct arena *a, const struct queue_wish *wish,
              struct queue_found *out, struct err *e)
{
    struct scan s = {.txn = txn, .arena = a, .wish = wish, .out = out};
    struct err ignored;

    memset(out, 0, sizeof *out);
    out->next_lane = (wish->first_lane + 1) % QUEUE_LANES;
    s.count_max = wish->count_max < DUE_MAX ? wish->count_max : DUE_MAX;
    out->messages = arena_alloc(a, (s.count_max + 1) * sizeof *out->messages);
    if (!out->messages || id_set_init(&s.taken, a, s.count_max + 1) < 0)
        return err_memory(e);
    e = e ? e : &ignored;
    return find_lanes(&s, e) < 0 || walk(&s, e) < 0 ? -1 : 0;
}
