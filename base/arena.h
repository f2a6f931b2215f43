/*
 * arena: memory that is freed all at once.
 *
 * What is parsed from one message lives in one arena; nothing in it is freed singly.  An arena has
 * a maximum, so that what a stranger sends cannot grow without bound.  Not shared between threads,
 * but may be handed from one to another.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct arena;

/* max: bytes that may be taken in all.  NULL when memory is out. */
struct arena *arena_new(size_t max);
void arena_free(struct arena *a); /* takes NULL */
size_t arena_used(const struct arena *a);

/* A reader that makes the best of everything takes what is missing for want of memory for what is
 * not there.  So the arena remembers that memory was out (not that its maximum was reached), and
 * whoever began can ask in the end.  arena_blame: b, a buffer that the reading went through, had to
 * leave something out. */
bool arena_is_starved(const struct arena *a);
void arena_blame(struct arena *a, const struct buf *b);

/* Zeroed memory, aligned for any type; NULL when memory is out or the maximum is reached. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;

/* Copies; NULL like arena_alloc, and for a NULL s. */
char *arena_strdup(struct arena *a, const char *s) MUST_CHECK;
/* All n bytes and a NUL. */
char *arena_strndup(struct arena *a, const char *s, size_t n) MUST_CHECK;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3) MUST_CHECK;

#endif
