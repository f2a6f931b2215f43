/*
 * imap_ledger: an array in the order of the UIDs; it is short (a few hundred at most), so it is
 * searched by halves and moved up by memmove.  Owns the data of mails that are held.  Loop thread.
 * After a crash the cursor, which is only what the ledger let pass, brings everything back.
 */
#include "mail/imap/imap_ledger.h"

#include <stdlib.h>
#include <string.h>

void imap_ledger_init(struct imap_ledger *l, size_t max)
{
    memset(l, 0, sizeof *l);
    l->max = max;
}

int imap_ledger_reserve(struct imap_ledger *l, size_t more)
{
    size_t want = more < l->max - l->count ? l->count + more : l->max;
    struct imap_entry *entries;

    if (want <= l->room)
        return 0;
    entries = realloc(l->entries, want * sizeof *entries);
    if (!entries)
        return -1;
    l->entries = entries;
    l->room = want;
    return 0;
}

void imap_ledger_trim(struct imap_ledger *l)
{
    if (l->count > 0)
        return;
    free(l->entries);
    l->entries = NULL;
    l->room = 0;
}

void imap_ledger_empty(struct imap_ledger *l)
{
    size_t i;

    for (i = 0; i < l->count; i++)
        free(l->entries[i].item.data);
    l->count = 0;
    l->bytes = 0;
    memset(l->counts, 0, sizeof l->counts);
}

void imap_ledger_clear(struct imap_ledger *l)
{
    imap_ledger_empty(l);
    free(l->entries);
    memset(l, 0, sizeof *l);
}

/* The place of uid, or where it would stand. */
static size_t place_of(const struct imap_ledger *l, uint32_t uid)
{
    size_t low = 0, high = l->count, mid;

    while (low < high) {
        mid = low + (high - low) / 2;
        if (l->entries[mid].item.uid < uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct imap_entry *imap_ledger_find(const struct imap_ledger *l, uint32_t uid)
{
    size_t i = place_of(l, uid);

    return i < l->count && l->entries[i].item.uid == uid ? &l->entries[i] : NULL;
}

static bool has_bytes(enum imap_entry_state state)
{
    return state == IMAP_HELD || state == IMAP_OFFERED;
}

/* A truncated mail weighs what was fetched of it. */
static int64_t weight(const struct imap_item *item)
{
    return (int64_t)item->len;
}

static void count_in(struct imap_ledger *l, const struct imap_entry *entry)
{
    l->counts[entry->state]++;
    if (has_bytes(entry->state))
        l->bytes += weight(&entry->item);
}

static void count_out(struct imap_ledger *l, const struct imap_entry *entry)
{
    l->counts[entry->state]--;
    if (has_bytes(entry->state))
        l->bytes -= weight(&entry->item);
}

bool imap_ledger_add(struct imap_ledger *l, struct imap_item *item)
{
    size_t i = place_of(l, item->uid);
    struct imap_entry *entry;

    if (!l->entries)
        return false;
    entry = &l->entries[i];
    if (i < l->count && entry->item.uid == item->uid) {
        if (entry->state != IMAP_ASKED)
            return false;
        count_out(l, entry);
    } else {
        if (l->count == l->room)
            return false;
        memmove(entry + 1, entry, (l->count - i) * sizeof *entry);
        l->count++;
    }
    entry->state = IMAP_HELD;
    entry->item = *item;
    item->data = NULL;
    count_in(l, entry);
    return true;
}

void imap_ledger_set(struct imap_ledger *l, struct imap_entry *entry, enum imap_entry_state state)
{
    count_out(l, entry);
    entry->state = state;
    count_in(l, entry);
}

static void remove_at(struct imap_ledger *l, size_t i)
{
    count_out(l, &l->entries[i]);
    free(l->entries[i].item.data);
    l->count--;
    memmove(&l->entries[i], &l->entries[i + 1], (l->count - i) * sizeof l->entries[0]);
}

void imap_ledger_remove(struct imap_ledger *l, uint32_t uid)
{
    size_t i = place_of(l, uid);

    if (i < l->count && l->entries[i].item.uid == uid)
        remove_at(l, i);
}

size_t imap_ledger_take(struct imap_ledger *l, enum imap_entry_state state,
                        enum imap_entry_state next, uint32_t *uids, size_t max)
{
    size_t i, n = 0;

    for (i = 0; i < l->count && n < max; i++)
        if (l->entries[i].state == state) {
            uids[n++] = l->entries[i].item.uid;
            imap_ledger_set(l, &l->entries[i], next);
        }
    return n;
}

void imap_ledger_move(struct imap_ledger *l, enum imap_entry_state from, enum imap_entry_state to)
{
    size_t i = 0;

    while (i < l->count && l->counts[from] > 0) {
        if (l->entries[i].state != from)
            i++;
        else
            imap_ledger_set(l, &l->entries[i++], to);
    }
}

size_t imap_ledger_unanswered(const struct imap_ledger *l)
{
    return l->counts[IMAP_HELD] + l->counts[IMAP_OFFERED] + l->counts[IMAP_AGAIN] +
           l->counts[IMAP_ASKED];
}
