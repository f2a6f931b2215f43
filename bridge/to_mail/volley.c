/*
 * volley: automatic answers that chase each other come to rest.
 *
 * Owns a table of the last exchanges; one that falls on another's place replaces it.  The places
 * are keyed, so that nobody can choose whom they push out.  Loop thread; a crash forgets it.
 */
#include "bridge/to_mail/volley.h"

#include "base/keyed.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLACES = 2048,
    AT_ONCE_MS = 2000, /* no person reads and writes in that time, again and again */
    FREE = 3           /* answers at once in a row that a person may have written */
};

struct exchange {
    uint64_t who; /* 0: free */
    int64_t heard_ms;
    unsigned at_once; /* answers in a row */
    bool is_automatic, is_answered;
};

struct volley {
    struct keyed_key key;
    struct exchange places[PLACES];
};

struct volley *volley_new(struct err *e)
{
    struct volley *v = calloc(1, sizeof *v);

    if (!v) {
        err_memory(e);
    } else if (keyed_random(v->key.bytes, sizeof v->key.bytes, e) < 0) {
        free(v);
        v = NULL;
    }
    return v;
}

void volley_free(struct volley *v)
{
    free(v);
}

/* Two FNV-1a that begin and end with the key: not for secrets, only for places. */
static uint64_t hash(const struct volley *v, const char *user, const char *contact)
{
    const char *parts[] = {user, "\n", contact};
    uint64_t h, last;
    const char *p;
    size_t i;

    memcpy(&h, v->key.bytes, sizeof h);
    memcpy(&last, v->key.bytes + sizeof h, sizeof last);
    for (i = 0; i < 3; i++)
        for (p = parts[i]; *p; p++)
            h = (h ^ (unsigned char)*p) * 1099511628211u;
    h = (h ^ last) * 1099511628211u;
    h ^= h >> 29;
    return h ? h : 1;
}

void volley_heard(struct volley *v, const char *user, const char *contact, bool is_automatic,
                  int64_t now_ms)
{
    uint64_t who = hash(v, user, contact);
    struct exchange *x = &v->places[who % PLACES];

    if (x->who != who)
        *x = (struct exchange){.who = who};
    x->heard_ms = now_ms;
    x->is_automatic = is_automatic;
    x->is_answered = false;
}

enum volley_verdict volley_answered(struct volley *v, const char *user, const char *contact,
                                    int64_t now_ms)
{
    uint64_t who = hash(v, user, contact);
    struct exchange *x = &v->places[who % PLACES];

    if (x->who != who)
        return VOLLEY_PERSON;
    if (x->is_answered || now_ms - x->heard_ms >= AT_ONCE_MS) {
        x->at_once = 0;
        return VOLLEY_PERSON;
    }
    x->is_answered = true;
    if (++x->at_once <= FREE)
        return VOLLEY_PERSON;
    return x->is_automatic ? VOLLEY_ENDLESS : VOLLEY_AUTOMATIC;
}
