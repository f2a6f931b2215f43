/*
 * header_read: one pass over a header, then readers for single values.
 *
 * libetpan gives a field that its grammar does not like back unread, and mail in the wild rarely
 * follows the grammar, so people, subjects and dates are read here.  Everything is linear in the
 * size of the header, which mime_check bounds; no recursion.  Owns nothing.  Any thread; a crash
 * loses the one mail.
 */
#include "mapping/mime/header_read.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "mapping/mime/charset.h"
#include "mapping/mime/transfer_read.h"

enum { WORD_MAX = 2000 }; /* RFC 2047 says 75 */

static const char *line_end(const char *p, const char *end)
{
    const char *nl = memchr(p, '\n', (size_t)(end - p));

    return nl ? nl + 1 : end;
}

static bool is_blank_line(const char *p, const char *next)
{
    return p == next || *p == '\n' || (*p == '\r' && p + 1 < next && p[1] == '\n') ||
           (*p == '\r' && p + 1 == next);
}

/* Length of the field name at p, 0 when the line is no field. */
static size_t name_length(const char *p, const char *next)
{
    const char *q = p;
    size_t n;

    while (q<next && * q> 32 && *q < 127 && *q != ':')
        q++;
    n = (size_t)(q - p);
    while (q < next && (*q == ' ' || *q == '\t')) /* obsolete, RFC 5322 §4.5 */
        q++;
    return q < next && *q == ':' ? n : 0;
}

static const char *skip_mbox_line(const char *p, const char *end)
{
    if (end - p > 6 && (memcmp(p, "From ", 5) == 0 || memcmp(p, ">From ", 6) == 0))
        return line_end(p, end);
    return p;
}

size_t header_read_end(const char *text, size_t len)
{
    const char *end = text + len, *p = skip_mbox_line(text, end);
    bool first = true;

    while (p < end) {
        const char *next = line_end(p, end);

        if (is_blank_line(p, next))
            return (size_t)(next - text);
        if ((first || (*p != ' ' && *p != '\t')) && name_length(p, next) == 0)
            return (size_t)(p - text);
        first = false;
        p = next;
    }
    return len;
}

/* Unfolds (RFC 5322 §2.2.3): a line end before a blank goes, and what could be mistaken for a line
 * end or hide something becomes a blank. */
static const char *unfold(struct arena *a, const char *p, const char *end)
{
    char *out, *o;

    while (p < end && strchr(" \t\r\n", *p) && *p)
        p++;
    while (end > p && (strchr(" \t\r\n", end[-1])))
        end--;
    o = out = arena_alloc(a, (size_t)(end - p) + 1);
    if (!out)
        return NULL;
    for (; p < end; p++) {
        if (*p == '\r' && p + 1 < end && p[1] == '\n')
            continue;
        if (*p == '\n' && p + 1 < end && (p[1] == ' ' || p[1] == '\t'))
            continue;
        *o++ = (unsigned char)*p < 32 && *p != '\x1b' ? ' ' : *p; /* ESC: ISO-2022-JP in the raw */
    }
    return out;
}

static size_t count_fields(const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    size_t n = 0;

    while (p < end && n < HEADER_FIELDS_MAX) {
        n++;
        p = line_end(p, end);
    }
    return n;
}

int header_read(struct arena *a, const char *text, size_t len, struct mail_header *out)
{
    size_t body = header_read_end(text, len);
    const char *end = text + body, *p = skip_mbox_line(text, end);
    size_t max = count_fields(p, (size_t)(end - p));

    memset(out, 0, sizeof *out);
    out->body = body;
    out->fields = arena_alloc(a, (max + 1) * sizeof *out->fields);
    if (!out->fields)
        return -1;
    while (p < end && out->count < max) {
        const char *next = line_end(p, end);
        size_t n = name_length(p, next);
        struct mail_header_field *f = &out->fields[out->count];

        while (next < end && (*next == ' ' || *next == '\t'))
            next = line_end(next, end);
        if (n > 0) {
            const char *colon = memchr(p + n, ':', (size_t)(next - p) - n);

            f->name = arena_strndup(a, p, n);
            f->value = unfold(a, colon + 1, next);
            if (!f->name || !f->value)
                return -1;
            out->count++;
        }
        p = next;
    }
    return 0;
}

const char *header_read_next(const struct mail_header *h, const char *name, size_t *at)
{
    while (*at < h->count) {
        const struct mail_header_field *f = &h->fields[(*at)++];

        if (strcasecmp(f->name, name) == 0)
            return f->value;
    }
    return NULL;
}

const char *header_read_get(const struct mail_header *h, const char *name)
{
    size_t at = 0;

    return header_read_next(h, name, &at);
}

/* The first place where a stands before b, or NULL.  (strstr under a sanitizer looks at the whole
 * string each time.) */
static const char *find_pair(const char *p, char a, char b)
{
    for (p = strchr(p, a); p && p[1] != b; p = strchr(p + 1, a))
        ;
    return p;
}

struct word { /* one encoded word: =?charset?encoding?text?= */
    const char *charset;
    size_t charset_len;
    char encoding; /* 'b' or 'q' */
    const char *text;
    size_t text_len;
};

/* Length of the encoded word at p, 0 when it is none.  Blanks inside the text are borne: many
 * programs forget the underscore.  *close is where the last search for an end came to (start with
 * NULL), so that a value full of beginnings is looked through once. */
static size_t word_parse(const char *p, struct word *w, const char **close)
{
    const char *q;

    if (p[0] != '=' || p[1] != '?')
        return 0;
    w->charset = p + 2;
    w->charset_len = strcspn(w->charset, "? ");
    q = w->charset + w->charset_len;
    if (w->charset_len == 0 || w->charset_len > 60 || q[0] != '?' || !q[1] || q[2] != '?')
        return 0;
    w->encoding = (char)tolower((unsigned char)q[1]);
    if (w->encoding != 'b' && w->encoding != 'q')
        return 0;
    w->text = q + 3;
    if (!*close || *close < w->text) {
        *close = find_pair(w->text, '?', '=');
        if (!*close)
            *close = w->text + strlen(w->text);
    }
    if (!**close || *close - w->text >= WORD_MAX)
        return 0;
    w->text_len = (size_t)(*close - w->text);
    return (size_t)(*close + 2 - p);
}

/* Adds the text of the run of words at p that share a charset (a character may be split between two
 * words); returns how much was read, 0 for a failure. */
static size_t add_words(struct arena *a, struct buf *out, const char *p)
{
    struct word first, w;
    const char *close = NULL, *text;
    size_t n = word_parse(p, &first, &close), used = n, len;
    char *label = arena_strndup(a, first.charset, first.charset_len);
    struct buf raw;

    w = first;
    buf_init(&raw, 1 << 20);
    while (n > 0 && label) {
        const char *decoded = w.encoding == 'b'
                                  ? transfer_read(a, ENCODING_BASE64, w.text, w.text_len, &len)
                                  : transfer_read_q(a, w.text, w.text_len, &len);

        if (!decoded || buf_add(&raw, decoded, len) < 0)
            break;
        used = (size_t)(w.text + w.text_len + 2 - p);
        n = strspn(p + used, " \t");
        if (!word_parse(p + used + n, &w, &close) || w.charset_len != first.charset_len ||
            strncasecmp(w.charset, first.charset, w.charset_len) != 0)
            n = 0;
    }
    text = label ? charset_read(a, label, raw.data, raw.len) : NULL;
    arena_blame(a, &raw);
    buf_clear(&raw);
    return text && buf_adds(out, text) == 0 ? used : 0;
}

/* One line, without the controls that a terminal or a chat window could act on. */
static const char *one_line(struct arena *a, const struct buf *b, size_t max)
{
    size_t n = charset_clip(b->data, b->len, max);
    char *s = arena_strndup(a, b->data, n), *o;
    const char *p;

    if (!s)
        return NULL;
    for (p = o = s; *p; p++) {
        bool blank = (unsigned char)*p <= 32 || *p == 127;

        if (blank && (o == s || o[-1] == ' '))
            continue;
        *o++ = blank ? ' ' : *p;
    }
    while (o > s && o[-1] == ' ')
        o--;
    *o = '\0';
    return s;
}

const char *header_read_text(struct arena *a, const char *value, size_t max)
{
    const char *p = value, *close = NULL, *result = NULL;
    struct word w;
    struct buf out;

    buf_init(&out, 4 << 20);
    while (*p) {
        const char *stop = find_pair(p, '=', '?');
        size_t n = stop ? (size_t)(stop - p) : strlen(p);
        const char *text;

        while (stop && word_parse(stop, &w, &close) == 0) {
            stop = find_pair(stop + 2, '=', '?');
            n = stop ? (size_t)(stop - p) : strlen(p);
        }
        text = charset_read(a, NULL, p, n);
        /* Blanks between two encoded words are no part of the text (RFC 2047 §6.2). */
        if (!text || (!(p > value && stop && strspn(p, " \t") >= n) && buf_adds(&out, text) < 0))
            goto out;
        p += n;
        if (!stop)
            break;
        n = add_words(a, &out, p);
        if (n == 0)
            goto out;
        p += n;
        if (out.len > max * 4) /* long enough for any reader; the rest only costs time */
            break;
    }
    result = one_line(a, &out, max);
out:
    arena_blame(a, &out);
    buf_clear(&out);
    return result;
}

static bool is_id(const char *s, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        if ((unsigned char)s[i] <= 32 || s[i] == 127 || strchr("<>\"", s[i]))
            return false;
    return n > 0 && n <= 500 && charset_is_utf8(s, n, NULL);
}

const char *header_read_id(struct arena *a, const char *value, size_t *at)
{
    const char *p = value + *at, *open;

    while ((open = strchr(p, '<'))) {
        const char *close = strchr(open, '>');
        const char *s = open + 1, *e = close;

        if (!close)
            break;
        p = close + 1;
        *at = (size_t)(p - value);
        s += strspn(s, " \t");
        while (e > s && (e[-1] == ' ' || e[-1] == '\t'))
            e--;
        if (s < e && is_id(s, (size_t)(e - s)))
            return arena_strndup(a, s, (size_t)(e - s));
    }
    if (*at == 0 && !strchr(value, '<') && strchr(value, '@') && is_id(value, strlen(value))) {
        *at = strlen(value);
        return arena_strdup(a, value);
    }
    *at = strlen(value);
    return NULL;
}

void header_read_token(const char *value, char *out, size_t max)
{
    size_t n = 0;
    int depth = 0;

    for (; value && *value && n + 1 < max; value++) {
        if (*value == '(')
            depth++;
        else if (*value == ')' && depth > 0)
            depth--;
        else if (depth == 0 && strchr(" \t;,", *value) && n > 0)
            break;
        else if (depth == 0 && !strchr(" \t\"", *value))
            out[n++] = (char)tolower((unsigned char)*value);
    }
    out[n] = '\0';
}
