/*
 * lmtp_data: finding the end of a mail, and nothing else that looks like one.  Owns a share of the
 * budget, no bytes.  Loop thread; a crash leaves nothing behind.
 */
#include "mail/lmtp/lmtp_data.h"

#include <string.h>

enum { SHARE = 64 << 10 };

void lmtp_data_init(struct lmtp_data *d, struct buf *out, struct lmtp_budget *budget,
                    size_t size_max)
{
    memset(d, 0, sizeof *d);
    d->out = out;
    d->budget = budget;
    d->size_max = size_max;
    d->state = DATA_LINE; /* the CRLF of the command counts (RFC 5321 §4.1.1.4) */
}

void lmtp_data_clear(struct lmtp_data *d)
{
    if (d->budget)
        d->budget->used -= d->held;
    d->held = 0;
}

/* What is refused need not be kept: its memory is others' from here. */
static void refuse(struct lmtp_data *d, enum lmtp_trouble trouble)
{
    if (d->trouble != LMTP_WHOLE)
        return;
    d->trouble = trouble;
    buf_clear(d->out);
    lmtp_data_clear(d);
}

static bool hold(struct lmtp_data *d, size_t len)
{
    size_t more;

    if (len <= d->held)
        return true;
    more = len - d->held > SHARE ? len - d->held : SHARE;
    if (more > d->budget->max - d->budget->used)
        return false;
    d->budget->used += more;
    d->held += more;
    return true;
}

static void add(struct lmtp_data *d, const char *data, size_t len)
{
    if (d->trouble != LMTP_WHOLE)
        return;
    d->size += len;
    d->line_len += len;
    if (!d->is_body)
        d->header_len += len;
    if (d->size > d->size_max)
        refuse(d, LMTP_TOO_LARGE);
    else if (d->line_len > LMTP_LINE_MAX)
        refuse(d, LMTP_LONG_LINE);
    else if (!d->is_body && d->header_len > LMTP_HEADER_MAX)
        refuse(d, LMTP_LONG_HEADER);
    else if (!hold(d, d->out->len + len) || buf_add(d->out, data, len) < 0)
        refuse(d, LMTP_NO_MEMORY);
}

static void end_line(struct lmtp_data *d)
{
    add(d, "\r\n", 2);
    if (d->line_len == 2)
        d->is_body = true;
    d->line_len = 0;
    d->state = DATA_LINE;
}

/* Bytes up to the first that is no text. */
static size_t text_len(const char *data, size_t len)
{
    const char *at = memchr(data, '\r', len);

    if (at)
        len = (size_t)(at - data);
    at = memchr(data, '\n', len);
    if (at)
        len = (size_t)(at - data);
    at = memchr(data, '\0', len);
    return at ? (size_t)(at - data) : len;
}

/* Bytes up to the first that may begin the end.  Of what is refused nothing else matters, and to
 * look for more at each bare LF or NUL would take time with the square of their number. */
static size_t end_len(const char *data, size_t len)
{
    const char *at = memchr(data, '\r', len);

    return at ? (size_t)(at - data) : len;
}

static size_t take_text(struct lmtp_data *d, const char *data, size_t len)
{
    size_t n = d->trouble == LMTP_WHOLE ? text_len(data, len) : end_len(data, len);

    add(d, data, n);
    if (n == len)
        return n;
    if (data[n] == '\r')
        d->state = DATA_CR;
    else
        refuse(d, data[n] == '\n' ? LMTP_BARE : LMTP_NUL);
    return n + 1;
}

size_t lmtp_data_take(struct lmtp_data *d, const char *data, size_t len, bool *end_out)
{
    size_t i = 0;

    *end_out = false;
    while (i < len) {
        switch (d->state) {
        case DATA_LINE:
            d->state = data[i] == '.' ? DATA_DOT : DATA_TEXT;
            i += data[i] == '.';
            break;
        case DATA_DOT: /* its dot is not the mail's, whatever follows */
            d->state = data[i] == '\r' ? DATA_DOT_CR : DATA_TEXT;
            i += data[i] == '\r';
            break;
        case DATA_DOT_CR:
            if (data[i] == '\n') {
                *end_out = true;
                return i + 1;
            }
            refuse(d, LMTP_BARE);
            d->state = DATA_TEXT;
            break;
        case DATA_TEXT:
            i += take_text(d, data + i, len - i);
            break;
        case DATA_CR:
            if (data[i] == '\n') {
                end_line(d);
                i++;
                break;
            }
            refuse(d, LMTP_BARE);
            d->state = DATA_TEXT;
            break;
        }
    }
    return len;
}
