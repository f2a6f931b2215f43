/*
 * buf: a growing run of bytes with a maximum.
 *
 * The content is always followed by a NUL that is not counted, so a text can be read as a C string.
 * Failure (memory or the maximum) is sticky: every later call does nothing and returns -1, so a
 * composer may add many pieces and ask buf_failed() once at the end.  Not shared between threads.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct buf {
    char *data; /* never NULL after buf_init: an empty buffer points to "" */
    size_t len;
    size_t cap;
    size_t max; /* bytes that len may reach */
    bool failed;
    bool is_starved; /* memory was out, once since buf_init: something is missing */
    bool is_secret;  /* what it held is wiped wherever it leaves memory: a password */
};

void buf_init(struct buf *b, size_t max);
void buf_clear(struct buf *b); /* frees; the buffer can be used again */
/* From here to buf_clear no copy of what it holds is left in memory that it gives back. */
void buf_set_secret(struct buf *b);
void buf_reset(struct buf *b); /* empties and forgets a failure, keeps the memory */

int buf_add(struct buf *b, const void *data, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);

/* Takes n bytes off the front. */
void buf_consume(struct buf *b, size_t n);
void buf_truncate(struct buf *b, size_t len);

static inline bool buf_failed(const struct buf *b)
{
    return b->failed;
}

/* The content as heap memory of the caller's (free it), NULL after a failure; the buffer is empty
 * after. */
char *buf_detach(struct buf *b, size_t *len_out);

/* First place of needle in the n bytes at hay, or NULL.  needle_len of 0 finds hay. */
const char *buf_find(const char *hay, size_t n, const char *needle, size_t needle_len);

#endif
