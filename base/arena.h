/*
 * arena: memory that is freed all at once.
 *
 * What is parsed from one message lives in one arena; nothing in it is freed singly.  An arena has
 * a maximum, so that what a stranger sends cannot grow without bound.  Not shared between threads,
 * but may be handed from one to another.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/err.h"

struct arena;

/* max: bytes that may be taken in all.  NULL when memory is out. */
struct arena *arena_new(size_t max);
void arena_free(struct arena *a); /* takes NULL */
size_t arena_used(const struct arena *a);

/* Zeroed memory, aligned for any type; NULL when memory is out or the maximum is reached. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;

/* Copies; NULL like arena_alloc, and for a NULL s. */
char *arena_strdup(struct arena *a, const char *s) MUST_CHECK;
/* All n bytes and a NUL. */
char *arena_strndup(struct arena *a, const char *s, size_t n) MUST_CHECK;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3) MUST_CHECK;

#endif
