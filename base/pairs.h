/*
 * pairs: texts that belong together two by two, each found by the other.
 *
 * Any thread may ask while another changes them.  A text stands on each side once.
 */
#ifndef BASE_PAIRS_H
#define BASE_PAIRS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

struct pairs;

struct pairs *pairs_new(void);    /* NULL: memory */
void pairs_free(struct pairs *p); /* takes NULL */

/* Copies both; what either belonged to before is forgotten.  -1: memory, nothing is changed. */
int pairs_put(struct pairs *p, const char *left, const char *right) MUST_CHECK;
/* Forgets the pair with this right side, if there is one. */
void pairs_drop(struct pairs *p, const char *right);

/* The other side, copied into the arena; *out NULL: there is none.  -1: memory.  p may be NULL: no
 * pairs at all. */
int pairs_right_of(struct pairs *p, struct arena *a, const char *left, const char **out) MUST_CHECK;
int pairs_left_of(struct pairs *p, struct arena *a, const char *right, const char **out) MUST_CHECK;

size_t pairs_count(struct pairs *p);

#endif
