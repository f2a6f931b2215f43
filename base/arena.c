/*
 * arena: a chain of blocks, each filled from the front; a large piece gets a block of its own.
 * Owns the blocks.  No thread of its own.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Many arenas stay small, and malloc keeps blocks of up to a kilobyte at hand in each thread. */
enum { FIRST_SIZE = 960, BLOCK_SIZE = 4096, ALIGN = 16 };

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(ALIGN) unsigned char data[];
};

struct arena {
    struct block *head; /* the block being filled */
    size_t used, max;
    bool is_starved;
};

struct arena *arena_new(size_t max)
{
    struct arena *a = calloc(1, sizeof *a);

    if (a)
        a->max = max;
    return a;
}

void arena_free(struct arena *a)
{
    struct block *b, *next;

    if (!a)
        return;
    for (b = a->head; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

bool arena_is_starved(const struct arena *a)
{
    return a->is_starved;
}

void arena_blame(struct arena *a, const struct buf *b)
{
    if (b->is_starved)
        a->is_starved = true;
}

static struct block *block_add(struct arena *a, size_t size)
{
    struct block *b = size > BLOCK_SIZE ? calloc(1, sizeof *b + size) : malloc(sizeof *b + size);

    if (!b) {
        a->is_starved = true;
        return NULL;
    }
    b->size = size;
    b->used = 0;
    if (a->head && size > BLOCK_SIZE) { /* keep filling the head */
        b->next = a->head->next;
        a->head->next = b;
    } else {
        b->next = a->head;
        a->head = b;
    }
    return b;
}

/* Room for a piece; what it holds is not said. */
static void *take(struct arena *a, size_t size)
{
    struct block *b = a->head;
    size_t block = b ? BLOCK_SIZE : FIRST_SIZE;
    void *p;

    if (size > SIZE_MAX / 2 || size > a->max || a->used > a->max - size)
        return NULL;
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!b || b->size - b->used < size) {
        b = block_add(a, size > block ? size : block);
        if (!b)
            return NULL;
    }
    p = b->data + b->used;
    b->used += size;
    a->used += size;
    return p;
}

/* Zeroed piece by piece: of most blocks only a part is ever taken.  A large piece has its block for
 * itself, and its pages of the kernel, which are zero and not there until they are touched. */
void *arena_alloc(struct arena *a, size_t size)
{
    void *p = take(a, size);

    if (p && size <= BLOCK_SIZE)
        memset(p, 0, size);
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = n < SIZE_MAX ? take(a, n + 1) : NULL;

    if (!p)
        return NULL;
    if (n > 0)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return NULL;
    p = arena_alloc(a, (size_t)n + 1);
    if (!p)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}
