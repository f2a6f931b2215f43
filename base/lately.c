/*
 * lately: a table of hashes, each with one place it can be in.  No data of its own, no thread; a
 * crash empties it.
 */
#include "base/lately.h"

/* FNV-1a; never 0, which is an empty slot. */
static uint64_t hash(const char *text)
{
    uint64_t h = 14695981039346656037U;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211U;
    return h | 1U;
}

bool lately_seen(struct lately *l, const char *who, int64_t now_s, int64_t quiet_s)
{
    uint64_t h = hash(who);
    size_t at = h / 2 % LATELY_SLOTS;

    if (l->slots[at].who == h && now_s < l->slots[at].until_s &&
        l->slots[at].until_s <= now_s + quiet_s)
        return true;
    l->slots[at].who = h;
    l->slots[at].until_s = now_s + quiet_s;
    return false;
}
