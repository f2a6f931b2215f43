/*
 * rate: a table of a fixed size, one time for each who sends.
 *
 * The time is the one at which all of it will be paid back (the generic cell rate algorithm): it
 * lies as far ahead as somebody has sent more than their share, and one that has passed is a free
 * place.  Where a busy table has no place, who owes least is forgotten.  Loop thread; a restart
 * forgets all.
 */
#include "bridge/rate.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/keyed.h"

enum { PLACES = 8192, TRIES = 8, HOUR_MS = 3600 * 1000 };

struct place {
    uint64_t who;   /* a keyed hash: nobody can choose to share another's place */
    int64_t due_ms; /* when all is paid back */
};

struct rate {
    struct keyed_key key;
    struct place places[PLACES];
};

struct rate *rate_new(struct err *e)
{
    struct rate *r = calloc(1, sizeof *r);

    if (!r) {
        err_memory(e);
        return NULL;
    }
    if (keyed_random((unsigned char *)&r->key, sizeof r->key, e) < 0) {
        free(r);
        return NULL;
    }
    return r;
}

void rate_free(struct rate *r)
{
    free(r);
}

static uint64_t hash_of(const struct rate *r, const char *what, const char *who)
{
    char hex[17];

    keyed_hash_hex(&r->key, what, who, strlen(who), 8, hex);
    return strtoull(hex, NULL, 16);
}

static struct place *place_of(struct rate *r, uint64_t who)
{
    struct place *least = NULL;
    size_t i;

    for (i = 0; i < TRIES; i++) {
        struct place *p = &r->places[(who + i) % PLACES];

        if (p->who == who)
            return p;
        if (!least || p->due_ms < least->due_ms)
            least = p;
    }
    *least = (struct place){who, 0};
    return least;
}

int64_t rate_take(struct rate *r, const char *what, const char *who, unsigned n, int64_t per_hour,
                  int64_t now_ms)
{
    struct place *p;
    int64_t due;

    if (per_hour <= 0)
        return 0;
    p = place_of(r, hash_of(r, what, who));
    if (p->due_ms < now_ms)
        p->due_ms = now_ms;
    if (p->due_ms > now_ms + HOUR_MS) /* the clock was set back */
        p->due_ms = now_ms + HOUR_MS;
    due = p->due_ms + (int64_t)n * HOUR_MS / per_hour;
    if (due > now_ms + HOUR_MS)
        return (due - now_ms - HOUR_MS + 999) / 1000;
    p->due_ms = due;
    return 0;
}

int64_t rate_reserve(struct rate *r, const char *what, const char *who, int64_t per_hour,
                     int64_t now_ms)
{
    const int64_t latest_ms = now_ms + HOUR_MS + RATE_AHEAD_S * INT64_C(1000);
    struct place *p;

    if (per_hour <= 0)
        return 0;
    p = place_of(r, hash_of(r, what, who));
    if (p->due_ms < now_ms)
        p->due_ms = now_ms;
    p->due_ms += HOUR_MS / per_hour;
    if (p->due_ms > latest_ms) /* or the clock was set back */
        p->due_ms = latest_ms;
    return p->due_ms > now_ms + HOUR_MS ? (p->due_ms - now_ms - HOUR_MS + 999) / 1000 : 0;
}
