/*
 * pairs: two hash tables over the same entries, one for each side.
 *
 * Owns its entries; a lock lets many read and one write.  What can fail is done before anything is
 * changed.  In memory alone: a crash leaves nothing, and who fills it does so again.
 */
#include "base/pairs.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyed.h"

enum { LEFT, RIGHT, SIDES };
enum { BUCKETS_MIN = 64 }; /* a power of two */

struct pair {
    const char *text[SIDES]; /* behind the structure, in the same block */
    uint64_t hash[SIDES];
    struct pair *next[SIDES];
};

struct pairs {
    pthread_rwlock_t lock;
    uint64_t seed; /* nobody outside can tell which texts meet in a bucket */
    struct pair **buckets[SIDES];
    size_t bucket_count, count;
};

static uint64_t hash_of(const struct pairs *p, const char *text)
{
    uint64_t h = p->seed ^ 14695981039346656037u; /* FNV-1a */

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h ^ (h >> 32);
}

static struct pair **place_of(struct pairs *p, int side, const char *text)
{
    uint64_t hash = hash_of(p, text);
    struct pair **at = &p->buckets[side][hash & (p->bucket_count - 1)];

    while (*at && ((*at)->hash[side] != hash || strcmp((*at)->text[side], text) != 0))
        at = &(*at)->next[side];
    return at;
}

struct pairs *pairs_new(void)
{
    struct pairs *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->bucket_count = BUCKETS_MIN;
    p->buckets[LEFT] = calloc(BUCKETS_MIN, sizeof *p->buckets[LEFT]);
    p->buckets[RIGHT] = calloc(BUCKETS_MIN, sizeof *p->buckets[RIGHT]);
    if (keyed_random((unsigned char *)&p->seed, sizeof p->seed, NULL) < 0)
        p->seed = 0;
    if (p->buckets[LEFT] && p->buckets[RIGHT] && pthread_rwlock_init(&p->lock, NULL) == 0)
        return p;
    free(p->buckets[LEFT]);
    free(p->buckets[RIGHT]);
    free(p);
    return NULL;
}

void pairs_free(struct pairs *p)
{
    struct pair *pair, *next;
    size_t i;

    if (!p)
        return;
    for (i = 0; i < p->bucket_count; i++)
        for (pair = p->buckets[LEFT][i]; pair; pair = next) {
            next = pair->next[LEFT];
            free(pair);
        }
    free(p->buckets[LEFT]);
    free(p->buckets[RIGHT]);
    pthread_rwlock_destroy(&p->lock);
    free(p);
}

static void link_pair(struct pairs *p, struct pair *pair)
{
    int side;

    for (side = LEFT; side < SIDES; side++) {
        struct pair **bucket = &p->buckets[side][pair->hash[side] & (p->bucket_count - 1)];

        pair->next[side] = *bucket;
        *bucket = pair;
    }
}

static void drop(struct pairs *p, int side, const char *text)
{
    struct pair *pair = *place_of(p, side, text);

    if (!pair)
        return;
    for (side = LEFT; side < SIDES; side++)
        *place_of(p, side, pair->text[side]) = pair->next[side];
    p->count--;
    free(pair);
}

/* Twice as many buckets when they are full; without memory for them it is only slower. */
static void grow(struct pairs *p)
{
    size_t old_count = p->bucket_count, i;
    struct pair **left, **right, **old;
    struct pair *pair, *next;

    if (p->count < old_count)
        return;
    left = calloc(old_count * 2, sizeof *left);
    right = calloc(old_count * 2, sizeof *right);
    if (!left || !right) {
        free(left);
        free(right);
        return;
    }
    old = p->buckets[LEFT];
    free(p->buckets[RIGHT]);
    p->buckets[LEFT] = left;
    p->buckets[RIGHT] = right;
    p->bucket_count = old_count * 2;
    for (i = 0; i < old_count; i++)
        for (pair = old[i]; pair; pair = next) {
            next = pair->next[LEFT];
            link_pair(p, pair);
        }
    free(old);
}

int pairs_put(struct pairs *p, const char *left, const char *right)
{
    size_t left_size = strlen(left) + 1, right_size = strlen(right) + 1;
    struct pair *pair = calloc(1, sizeof *pair + left_size + right_size);
    char *text;

    if (!pair)
        return -1;
    text = (char *)(pair + 1);
    pair->text[LEFT] = memcpy(text, left, left_size);
    pair->text[RIGHT] = memcpy(text + left_size, right, right_size);
    pair->hash[LEFT] = hash_of(p, left);
    pair->hash[RIGHT] = hash_of(p, right);
    pthread_rwlock_wrlock(&p->lock);
    drop(p, LEFT, left);
    drop(p, RIGHT, right);
    grow(p);
    link_pair(p, pair);
    p->count++;
    pthread_rwlock_unlock(&p->lock);
    return 0;
}

void pairs_drop(struct pairs *p, const char *right)
{
    pthread_rwlock_wrlock(&p->lock);
    drop(p, RIGHT, right);
    pthread_rwlock_unlock(&p->lock);
}

static int other_side(struct pairs *p, struct arena *a, int side, const char *text,
                      const char **out)
{
    const struct pair *pair;
    int result = 0;

    *out = NULL;
    if (!p)
        return 0;
    pthread_rwlock_rdlock(&p->lock);
    pair = *place_of(p, side, text);
    if (pair) {
        *out = arena_strdup(a, pair->text[side == LEFT ? RIGHT : LEFT]);
        result = *out ? 0 : -1;
    }
    pthread_rwlock_unlock(&p->lock);
    return result;
}

int pairs_right_of(struct pairs *p, struct arena *a, const char *left, const char **out)
{
    return other_side(p, a, LEFT, left, out);
}

int pairs_left_of(struct pairs *p, struct arena *a, const char *right, const char **out)
{
    return other_side(p, a, RIGHT, right, out);
}

size_t pairs_count(struct pairs *p)
{
    size_t count;

    pthread_rwlock_rdlock(&p->lock);
    count = p->count;
    pthread_rwlock_unlock(&p->lock);
    return count;
}
