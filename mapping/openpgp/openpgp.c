/*
 * openpgp: armor on, armor off, and the text of a cleartext signature.
 *
 * Works line by line on borrowed text, results in the caller's arena.  No data, no thread of its
 * own; nothing is left behind.
 */
#include "mapping/openpgp/openpgp.h"

#include <string.h>

enum { WRAP = 64, HEADERS_MAX = 50 };

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char blanks[] = " \t\r";

/* One line of a text, without its end and the blanks before that. */
struct line {
    const char *start;
    size_t len;
};

/* false: no more lines.  *text moves on. */
static bool next_line(const char **text, struct line *line)
{
    const char *p = *text;
    size_t n = strcspn(p, "\n");

    if (*p == '\0')
        return false;
    *text = p + n + (p[n] == '\n');
    while (n > 0 && strchr(blanks, p[n - 1]))
        n--;
    line->start = p;
    line->len = n;
    return true;
}

static bool line_is(const struct line *line, const char *words)
{
    return line->len == strlen(words) && memcmp(line->start, words, line->len) == 0;
}

static const char *skip_blank(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* Passes over a BEGIN line and its headers, up to the empty line.  false: it is not there. */
static bool skip_begin(const char **text, const char *begin)
{
    const char *p = skip_blank(*text);
    struct line line;
    unsigned n;

    if (!next_line(&p, &line) || !line_is(&line, begin))
        return false;
    for (n = 0; n < HEADERS_MAX && next_line(&p, &line); n++) {
        if (line.len == 0) {
            *text = p;
            return true;
        }
        if (!memchr(line.start, ':', line.len))
            return false;
    }
    return false;
}

/* ---- data ---- */

struct data {
    struct buf *out;
    bool is_wrapped; /* lines are made anew */
    size_t column;
    bool has_padding, has_crc, is_bad;
};

static void add_line(struct data *d, const struct line *line)
{
    size_t body = strspn(line->start, base64), pad, i;
    bool is_crc = line->start[0] == '=' && d->out->len > 0;

    if (body > line->len)
        body = line->len;
    pad = line->len - body;
    if (is_crc) { /* RFC 4880 §6.1 */
        d->is_bad =
            d->is_bad || d->has_crc || line->len != 5 || strspn(line->start + 1, base64) < 4;
        d->has_crc = true;
    } else {
        d->is_bad = d->is_bad || d->has_crc || d->has_padding || pad > 2 ||
                    strspn(line->start + body, "=") < pad;
        d->has_padding = pad > 0;
    }
    if (!d->is_wrapped || is_crc) {
        if (d->out->len > 0)
            buf_addc(d->out, '\n');
        buf_add(d->out, line->start, line->len);
        return;
    }
    for (i = 0; i < line->len; i++) {
        if (d->column == WRAP)
            buf_addc(d->out, '\n');
        d->column = d->column == WRAP ? 1 : d->column + 1;
        buf_addc(d->out, line->start[i]);
    }
}

/* The data lines of text up to the line `end` (NULL: all).  *rest_out is what follows that line;
 * NULL: the end was not found, or this is no data. */
static int collect(struct arena *a, const char *text, const char *end, bool is_wrapped,
                   const char **out, const char **rest_out)
{
    struct buf b;
    struct data d = {.out = &b, .is_wrapped = is_wrapped};
    bool is_ended = end == NULL;
    struct line line;

    *out = *rest_out = NULL;
    buf_init(&b, strlen(text) * 2 + 16);
    while (!d.is_bad && next_line(&text, &line)) {
        if (end && line_is(&line, end)) {
            is_ended = true;
            break;
        }
        while (line.len > 0 && strchr(blanks, *line.start)) {
            line.start++;
            line.len--;
        }
        if (line.len > 0)
            add_line(&d, &line);
    }
    if (!buf_failed(&b) && is_ended && !d.is_bad && b.len > 0) {
        *out = arena_strndup(a, b.data, b.len);
        *rest_out = text;
    }
    is_ended = buf_failed(&b) || (*rest_out && !*out);
    buf_clear(&b);
    return is_ended ? -1 : 0;
}

static bool has_long_line(const char *text)
{
    struct line line;

    while (next_line(&text, &line))
        if (line.len > OPENPGP_LINE_MAX)
            return true;
    return false;
}

int openpgp_read_data(struct arena *a, const char *text, const char **out)
{
    const char *rest;

    if (skip_begin(&text, "-----BEGIN PGP MESSAGE-----"))
        return collect(a, text, "-----END PGP MESSAGE-----", has_long_line(text), out, &rest);
    if (skip_begin(&text, "-----BEGIN PGP SIGNATURE-----"))
        return collect(a, text, "-----END PGP SIGNATURE-----", has_long_line(text), out, &rest);
    return collect(a, text, NULL, has_long_line(text), out, &rest);
}

int openpgp_read_message(struct arena *a, const char *text, const char **out)
{
    const char *rest;

    *out = NULL;
    if (!skip_begin(&text, "-----BEGIN PGP MESSAGE-----"))
        return 0;
    if (collect(a, text, "-----END PGP MESSAGE-----", false, out, &rest) < 0)
        return -1;
    if (*out && *skip_blank(rest) != '\0')
        *out = NULL;
    return 0;
}

bool openpgp_is_armor(const char *text)
{
    return strncmp(skip_blank(text), "-----BEGIN PGP ", 15) == 0;
}

void openpgp_write_armor(struct buf *out, const char *kind, const char *data)
{
    buf_printf(out, "-----BEGIN PGP %s-----\n\n", kind);
    buf_adds(out, data);
    buf_printf(out, "\n-----END PGP %s-----\n", kind);
}

/* ---- clear text ---- */

/* The signed text without dash escapes, up to the signature.  false: there is none. */
static bool copy_signed(struct buf *out, const char **text)
{
    struct line line;

    while (next_line(text, &line)) {
        bool is_escaped = line.len >= 2 && memcmp(line.start, "- ", 2) == 0;

        if (line_is(&line, "-----BEGIN PGP SIGNATURE-----"))
            return true;
        buf_add(out, line.start + (is_escaped ? 2 : 0), line.len - (is_escaped ? 2 : 0));
        buf_addc(out, '\n');
    }
    return false;
}

static bool skip_signature(const char **text)
{
    struct line line;

    while (next_line(text, &line))
        if (line_is(&line, "-----END PGP SIGNATURE-----"))
            return true;
    return false;
}

int openpgp_read_cleartext(struct arena *a, const char *text, const char **out)
{
    struct buf b;
    int result = 0;

    *out = NULL;
    if (!skip_begin(&text, "-----BEGIN PGP SIGNED MESSAGE-----"))
        return 0;
    buf_init(&b, strlen(text) + 16);
    if (copy_signed(&b, &text) && skip_signature(&text)) {
        if (*skip_blank(text) != '\0') {
            buf_addc(&b, '\n');
            buf_adds(&b, skip_blank(text));
        }
        *out = buf_failed(&b) ? NULL : arena_strndup(a, b.data, b.len);
        result = *out ? 0 : -1;
    }
    buf_clear(&b);
    return result;
}
