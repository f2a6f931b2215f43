/*
 * buf: a growing run of bytes with a maximum.  Owns its memory, no thread of its own.
 */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[1]; /* never written: what an empty buffer points to */

void buf_init(struct buf *b, size_t max)
{
    b->data = empty;
    b->len = 0;
    b->cap = 0;
    b->max = max;
    b->failed = false;
    b->is_starved = false;
    b->is_secret = false;
}

void buf_clear(struct buf *b)
{
    if (b->is_secret)
        explicit_bzero(b->data, b->cap);
    if (b->cap > 0)
        free(b->data);
    buf_init(b, b->max);
}

void buf_set_secret(struct buf *b)
{
    b->is_secret = true;
}

void buf_reset(struct buf *b)
{
    buf_truncate(b, 0);
    b->failed = false;
}

static int fail(struct buf *b)
{
    b->failed = true;
    return -1;
}

/* realloc would leave a copy behind. */
static char *grow_secret(const struct buf *b, size_t cap)
{
    char *data = malloc(cap);

    if (!data || b->cap == 0)
        return data;
    memcpy(data, b->data, b->len);
    explicit_bzero(b->data, b->cap);
    free(b->data);
    return data;
}

/* Makes room for n more bytes and the NUL. */
static int reserve(struct buf *b, size_t n)
{
    size_t need, cap;
    char *data;

    if (b->failed)
        return -1;
    if (b->len > b->max || n > b->max - b->len || b->max > SIZE_MAX / 4)
        return fail(b);
    need = b->len + n + 1;
    if (need <= b->cap)
        return 0;
    cap = b->cap > 0 ? b->cap : 64;
    while (cap < need)
        cap += cap / 2 + 64;
    data = b->is_secret ? grow_secret(b, cap) : realloc(b->cap > 0 ? b->data : NULL, cap);
    if (!data) {
        b->is_starved = true;
        return fail(b);
    }
    b->data = data;
    b->cap = cap;
    b->data[b->len] = '\0';
    return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
    if (reserve(b, len) < 0)
        return -1;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_adds(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        return fail(b);
    if (reserve(b, (size_t)n) < 0)
        return -1;
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
    return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return r;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        buf_truncate(b, 0);
        return;
    }
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

void buf_truncate(struct buf *b, size_t len)
{
    if (len >= b->len)
        return;
    b->len = len;
    b->data[len] = '\0';
}

char *buf_detach(struct buf *b, size_t *len_out)
{
    char *data = NULL;

    if (reserve(b, 0) == 0) {
        data = b->data;
        if (len_out)
            *len_out = b->len;
        b->cap = 0;
    }
    buf_clear(b);
    return data;
}

const char *buf_find(const char *hay, size_t n, const char *needle, size_t needle_len)
{
    if (needle_len == 0)
        return hay;
    while (n >= needle_len) {
        const char *p = memchr(hay, needle[0], n - needle_len + 1);

        if (!p)
            return NULL;
        if (memcmp(p, needle, needle_len) == 0)
            return p;
        n -= (size_t)(p - hay) + 1;
        hay = p + 1;
    }
    return NULL;
}
