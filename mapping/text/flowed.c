/*
 * flowed: paragraphs into soft-broken lines and back (RFC 3676 §4).  No data, no thread of its own.
 */
#include "mapping/text/flowed.h"

#include <string.h>

enum {
    WIDTH = 76, /* characters beside the quote marks, with stuffing and the space of a soft break */
    DEPTH_MAX =
        20 /* more marks than this are text: each level stands on every line it is broken into */
};

static const char signature[] = "-- ";

/* ---- writing ---- */

static size_t char_count(const char *p, size_t n)
{
    size_t i, count = 0;

    for (i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xc0) != 0x80;
    return count;
}

/*
 * The quote depth of a line of text.  Marks count as such only where a space or the end of the line
 * follows, else they are text: people also write ">:(" and ">>>prompt".
 */
static size_t take_quote(const char **line, size_t *n)
{
    size_t depth = 0, i = 0, taken = 0;

    while (i < *n && (*line)[i] == '>') {
        size_t run = i;

        while (run < *n && (*line)[run] == '>')
            run++;
        if ((run < *n && (*line)[run] != ' ') || depth + (run - i) > DEPTH_MAX)
            break;
        depth += run - i;
        taken = run < *n ? run + 1 : run;
        i = taken;
    }
    *line += taken;
    *n -= taken;
    return depth;
}

static void write_line(struct buf *out, size_t depth, const char *p, size_t n)
{
    bool is_from = n >= 5 && memcmp(p, "From ", 5) == 0;
    bool is_dot = n == 1 && p[0] == '.'; /* alone it ends SMTP's DATA where a relay is careless */
    size_t i;

    for (i = 0; i < depth; i++)
        buf_addc(out, '>');
    if (n > 0 && (depth > 0 || p[0] == ' ' || p[0] == '>' || is_from || is_dot))
        buf_addc(out, ' ');
    buf_add(out, p, n);
    buf_addc(out, '\n');
}

/* The bytes of the next output line of a paragraph: as many words, with the spaces behind each, as
 * fit. */
static size_t next_chunk(const char *p, size_t n, size_t width)
{
    size_t end = 0, chars = 0;

    while (end < n) {
        size_t word = end, spaces;
        size_t word_chars;

        while (word < n && p[word] != ' ')
            word++;
        word_chars = char_count(p + end, word - end);
        for (spaces = word; spaces < n && p[spaces] == ' ';)
            spaces++;
        if (end > 0 && chars + word_chars > width)
            break;
        chars += word_chars + (spaces - word);
        end = spaces;
        /* A soft-broken "-- " would read as the signature line (§4.3). */
        if (end == 3 && memcmp(p, signature, 3) == 0)
            chars = 0;
        else if (chars > width)
            break;
    }
    if (end == 3 && n > 3 && memcmp(p, signature, 3) == 0)
        return 3 + next_chunk(p + 3, n - 3, width);
    return end;
}

static void write_paragraph(struct buf *out, const char *p, size_t n)
{
    size_t depth = take_quote(&p, &n);
    size_t width = WIDTH - depth;

    if (n == 3 && memcmp(p, signature, 3) == 0) {
        write_line(out, depth, p, n);
        return;
    }
    while (n > 0 && p[n - 1] == ' ')
        n--;
    do {
        size_t chunk = next_chunk(p, n, width);

        write_line(out, depth, p, chunk);
        p += chunk;
        n -= chunk;
    } while (n > 0);
}

void flowed_write(struct buf *out, const char *text)
{
    while (*text && !buf_failed(out)) {
        size_t n = strcspn(text, "\n");

        write_paragraph(out, text, n);
        text += n;
        if (*text)
            text++;
    }
}

/* ---- reading ---- */

struct flow {
    struct buf *out;
    bool is_open; /* the line before was flowed: the next of the same depth joins it */
    size_t depth; /* of the open paragraph */
};

static void end_paragraph(struct flow *f)
{
    if (!f->is_open)
        return;
    while (f->out->len > 0 && f->out->data[f->out->len - 1] == ' ')
        buf_truncate(f->out, f->out->len - 1);
    buf_addc(f->out, '\n');
    f->is_open = false;
}

static void read_line(struct flow *f, const char *p, size_t n, bool del_sp)
{
    size_t depth = 0, i;
    bool is_signature, is_flowed;

    while (depth < n && p[depth] == '>')
        depth++;
    p += depth;
    n -= depth;
    if (n > 0 && p[0] == ' ') { /* stuffed (§4.4) */
        p++;
        n--;
    }
    is_signature = n == 3 && memcmp(p, signature, 3) == 0;
    is_flowed = !is_signature && n > 0 && p[n - 1] == ' ';
    /* A change of depth ends the paragraph whatever the line before said (§4.5), and so does an
     * empty line, which careless writers put behind a space at the end of a line. */
    if (depth != f->depth || is_signature || n == 0)
        end_paragraph(f);
    if (!f->is_open)
        for (i = 0; i < depth; i++)
            buf_adds(f->out, i + 1 < depth || n > 0 ? "> " : ">");
    if (is_flowed && del_sp)
        n--;
    buf_add(f->out, p, n);
    f->is_open = is_flowed;
    f->depth = depth;
    if (!is_flowed)
        buf_addc(f->out, '\n');
}

void flowed_read(struct buf *out, const char *text, size_t len, bool del_sp)
{
    struct flow f = {.out = out};

    while (len > 0 && !buf_failed(out)) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;
        size_t used = end ? n + 1 : n;

        if (n > 0 && text[n - 1] == '\r')
            n--;
        read_line(&f, text, n, del_sp);
        text += used;
        len -= used;
    }
    end_paragraph(&f);
}
