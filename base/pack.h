/*
 * pack: structures as bytes and back, for what two processes of ours tell each other.
 *
 * What a structure holds is said in a table, one row for each member; both directions walk it, so a
 * new member is a new row.  The bytes have no pointers and are of no use to another version of the
 * program.  Reading trusts nothing: every length, count, number and text is looked at, and what
 * remains has the form that the table promises.  Any thread.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum pack_kind {
    PACK_BOOL,    /* bool */
    PACK_NUMBER,  /* int, unsigned or an enum, from 0 to max */
    PACK_INT64,   /* int64_t, from -max to max; 0: any */
    PACK_TEXT,    /* const char *, UTF-8 that may stand in XML (the rest is written as blanks), at
                     most max bytes; or NULL */
    PACK_LINE,    /* PACK_TEXT without control characters */
    PACK_BYTES,   /* const char * and, at second, its size_t; or NULL */
    PACK_LINES,   /* array of const char * and, at second, a size_t; at most max, none NULL */
    PACK_STRUCT,  /* the members of shape, in place */
    PACK_POINTER, /* to one of shape; or NULL */
    PACK_LIST,    /* to the first of a list linked by shape->next, at most max */
    PACK_ARRAY    /* to the first of an array of shape and, at second, a size_t; at most max */
};

struct pack_field {
    const char *name; /* for errors */
    enum pack_kind kind;
    size_t offset, second;
    size_t max;
    const struct pack_shape *shape;
};

struct pack_shape {
    size_t size;
    size_t next; /* where the pointer to the next of a list stands */
    const struct pack_field *fields;
    size_t field_count;
    /* What rows cannot say: do the members, each sound, make a sound whole?  The arena is for what
     * the question needs.  NULL: always. */
    bool (*is_sound)(struct arena *a, const void *object);
};

#define PACK_COUNT(table) (sizeof(table) / sizeof *(table))

/* Adds object to out; a failure is out's (buf_failed). */
void pack_write(struct buf *out, const struct pack_shape *shape, const void *object);

/* Fills object, which is zeroed, from exactly the len bytes at data, writable and living as long as
 * the arena: texts and contents stay where they are in it.  ERR_RETRY when memory is out, ERR_BUG
 * with the name of what is wrong for bytes that pack_write did not make. */
int pack_read(struct arena *a, const struct pack_shape *shape, char *data, size_t len, void *object,
              struct err *e) MUST_CHECK;

#endif
