/*
 * text_cut: which lines of a reply are quoted.
 *
 * Mostly by form, so that it works in any language: a line with a date or an address that ends in a
 * colon above lines with ">", a run of "Word: value" lines with an address and a date, a rule with
 * words in it above such a run, the marks that HTML left.  When in doubt a line stays: the user
 * rather reads a line twice than never.  Owns an array of lines during one call.  Any thread; a
 * crash loses the one mail.
 */
#include "mapping/text/text_cut.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "mapping/text/html_text.h"
#include "mapping/text/text_words.h"

enum {
    LINES_MAX = 20000,     /* longer texts are not looked at */
    ATTRIBUTION_LINES = 3, /* "On ... wrote:" over so many lines */
    ATTRIBUTION_LEN = 300, /* bytes of one of its lines */
    SIGNATURE_LINES = 12,  /* behind "--" */
    FOOTER_LINES = 12,     /* of a mailing list */
    SIGNATURE_LONG = 40    /* behind "-- ", which nothing else looks like */
};

struct line {
    const char *s; /* without marks, blanks at the end and the line end */
    size_t n;
    bool is_blank;
    bool is_quoted;      /* ">" or marked */
    bool is_attribution; /* marked */
    bool is_signature;   /* marked */
    bool is_rest;        /* marked: from here on all is quoted */
    bool has_tail;       /* a blank stood at the end: "-- " */
    bool is_dropped;
};

struct text {
    struct line *lines;
    size_t count;
};

const char *text_uncut(struct arena *a, const char *text)
{
    char *out = arena_strdup(a, text), *o = out;
    const char *p;

    for (p = out; p && *p; p++)
        if ((unsigned char)*p >= 32 || *p == '\n' || *p == '\t')
            *o++ = *p;
    if (out)
        *o = '\0';
    return out;
}

/* ---- lines ---- */

struct mark_state {
    unsigned char open[16];
    size_t depth;
};

static bool has_open(const struct mark_state *m, enum html_mark mark)
{
    size_t i;

    for (i = 0; i < m->depth && i < sizeof m->open; i++)
        if (m->open[i] == mark)
            return true;
    return false;
}

/* Takes a mark; false when c is none. */
static bool take_mark(struct mark_state *m, unsigned char c, struct line *line)
{
    if (c == HTML_MARK_END) {
        m->depth -= m->depth > 0;
        return true;
    }
    if (c != HTML_MARK_QUOTE && c != HTML_MARK_SIGNATURE && c != HTML_MARK_ATTRIBUTION &&
        c != HTML_MARK_REST)
        return false;
    if (m->depth < sizeof m->open)
        m->open[m->depth] = c;
    m->depth++;
    if (c == HTML_MARK_REST)
        line->is_rest = true;
    return true;
}

/* One line from p to end, into line, its bytes without marks to *o. */
static void read_line(struct mark_state *m, const char *p, const char *end, char **o,
                      struct line *line)
{
    char *start = *o;

    line->is_blank = true;
    for (; p < end; p++) {
        if (take_mark(m, (unsigned char)*p, line))
            continue;
        if (line->is_blank && *p != ' ' &&
            *p != '\t') { /* what counts is what is open at the first word */
            line->is_blank = false;
            line->is_quoted = *p == '>' || has_open(m, HTML_MARK_QUOTE);
            line->is_attribution = has_open(m, HTML_MARK_ATTRIBUTION);
            line->is_signature = has_open(m, HTML_MARK_SIGNATURE);
        }
        *(*o)++ = *p;
    }
    line->s = start;
    line->n = (size_t)(*o - start);
    while (line->n > 0 && strchr(" \t", line->s[line->n - 1])) {
        line->n--;
        line->has_tail = true;
    }
    if (line->is_blank)
        line->n = 0;
}

/* copy holds strlen(text) + 1 bytes. */
static int read_lines(struct text *t, const char *text, char *copy)
{
    struct mark_state marks = {.depth = 0};
    const char *p = text;
    size_t max = 1;

    for (p = text; *p; p++)
        max += *p == '\n';
    if (max > LINES_MAX)
        max = 0;
    t->count = 0;
    t->lines = calloc(max + 1, sizeof *t->lines);
    if (!t->lines)
        return -1;
    for (p = text; max > 0;) {
        const char *end = p + strcspn(p, "\n");

        read_line(&marks, p, end, &copy, &t->lines[t->count++]);
        if (!*end)
            break;
        p = end + 1;
    }
    return 0;
}

/* ---- forms ---- */

/* A time of day, a year, or a date in figures. */
static bool has_date(const char *s, size_t n)
{
    size_t i;

    for (i = 0; i + 3 < n; i++) {
        if (!isdigit((unsigned char)s[i]))
            continue;
        if ((s[i + 1] == ':' || s[i + 1] == '.') && isdigit((unsigned char)s[i + 2]) &&
            isdigit((unsigned char)s[i + 3]))
            return true;
        if (i + 4 <= n && (memcmp(s + i, "19", 2) == 0 || memcmp(s + i, "20", 2) == 0) &&
            isdigit((unsigned char)s[i + 2]) && isdigit((unsigned char)s[i + 3]))
            return true;
        if ((s[i + 1] == '/' || s[i + 1] == '-') && isdigit((unsigned char)s[i + 2]))
            return true;
    }
    return false;
}

static bool ends_in_colon(const struct line *l)
{
    return l->n > 0 && (l->s[l->n - 1] == ':' ||
                        (l->n >= 3 && memcmp(l->s + l->n - 3, "\xef\xbc\x9a", 3) == 0));
}

/* "Word: value", "*Word:* value", a full-width colon: the word's length, 0 when it is none. */
static size_t label_of(const struct line *l, const char **label)
{
    const char *s = l->s, *end = l->s + l->n, *p;
    size_t n;

    while (s < end && (*s == '*' || *s == ' ' || *s == '\t' || *s == '>'))
        s++;
    for (p = s; p < end && p - s < 40; p++)
        if (*p == ':' || (end - p >= 3 && memcmp(p, "\xef\xbc\x9a", 3) == 0))
            break;
    if (p >= end || p - s >= 40 || p == s || (end - p > 2 && p[1] == '/' && p[2] == '/'))
        return 0;
    *label = s;
    n = (size_t)(p - s);
    while (n > 0 && strchr(" *\t", s[n - 1]))
        n--;
    while (n > 2 && memcmp(s + n - 2, "\xc2\xa0", 2) == 0)
        n -= 2;
    return n;
}

/* The quoted header that Outlook and others write above an unquoted text: at least three labels in
 * a row; known ones, or unknown ones with an address and a date among them. */
static bool is_header_block(const struct text *t, size_t i, size_t end)
{
    size_t known = 0, labels = 0, blanks = 0;
    bool address = false, date = false, from = false;

    for (; i < end && labels < 8; i++) {
        const struct line *l = &t->lines[i];
        const char *label;
        size_t n = label_of(l, &label);

        if (l->is_blank && labels > 0 && blanks == 0) {
            blanks++; /* some HTML puts a blank line between them */
            continue;
        }
        if (n == 0 || l->is_quoted) {
            if (labels > 0 && !l->is_blank && blanks == 0 && l->n > 0 && labels < 3 &&
                memchr(l->s, '@', l->n) && !l->is_quoted)
                continue; /* a long To: goes on */
            break;
        }
        blanks = 0;
        from = from || (labels == 0 && words_from(label, n));
        known += words_label(label, n);
        address = address || memchr(l->s, '@', l->n);
        date = date || has_date(label + n, l->n - (size_t)(label + n - l->s));
        labels++;
    }
    if (known >= 3 && (from || address))
        return address || date;
    return labels >= 3 && known >= 2 && address && date;
}

/* Is it dashes, words, dashes ("----- Original Message -----")? */
static bool is_rule(const struct line *l, bool *has_words)
{
    const char *s = l->s, *end = l->s + l->n;
    size_t lead = 0, tail = 0;

    while (s < end && strchr("-_=*", *s)) {
        s++;
        lead++;
    }
    while (end > s && strchr("-_=*", end[-1])) {
        end--;
        tail++;
    }
    *has_words = s < end;
    return s < end ? lead >= 2 && tail >= 2 && end - s < 80 : lead >= 10;
}

static size_t next_text(const struct text *t, size_t i)
{
    while (i < t->count && t->lines[i].is_blank)
        i++;
    return i;
}

static bool is_forward_heading(const struct line *l)
{
    bool words;

    if (l->is_quoted || l->n > 120)
        return false;
    /* The form first: it is quickly seen, the lists of words are long. */
    return ((is_rule(l, &words) && words) || ends_in_colon(l)) && words_forwarded(l->s, l->n);
}

/* "  On Mon, 2 Apr 2012 at 18:26, Juliet<j@x> wrote:   Come?": a program for phones goes on in the
 * same line, with blanks round it that people do not write. */
static bool is_yahoo(const struct line *l)
{
    const char *end = l->s + l->n, *p = end;

    if (l->n < 20 || strncmp(l->s, "  ", 2) != 0 || l->s[2] == ' ')
        return false;
    for (p = l->s; p + 3 < end; p++)
        if (*p == ':' && strncmp(p + 1, "   ", 3) == 0)
            break;
    return p + 3 < end && memchr(l->s, '@', (size_t)(p - l->s)) &&
           has_date(l->s, (size_t)(p - l->s)) && words_wrote(l->s, (size_t)(p - l->s));
}

/* Does all from here on belong to what is answered? */
static bool is_splitter(const struct text *t, size_t i)
{
    const struct line *l = &t->lines[i];
    size_t next;
    bool words;

    if (l->is_rest)
        return true;
    if (l->is_quoted || l->is_blank || l->n > ATTRIBUTION_LEN)
        return false;
    next = next_text(t, i + 1);
    if (words_above(l->s, l->n))
        return true;
    if (is_rule(l, &words)) {
        if (words &&
            (words_original(l->s, l->n) || (has_date(l->s, l->n) && words_wrote(l->s, l->n))))
            return true;
        return next < t->count && is_header_block(t, next, t->count);
    }
    if (l->n < 60 && ends_in_colon(l) && words_original(l->s, l->n))
        return true;
    if (is_header_block(t, i, t->count))
        return true;
    if (is_yahoo(l))
        return true;
    /* "On ... wrote:" above a text that has no ">". */
    return ends_in_colon(l) && has_date(l->s, l->n) && words_wrote(l->s, l->n) &&
           (next == t->count || !t->lines[next].is_quoted);
}

/* ---- quotes ---- */

struct block {          /* a run of quoted lines, blank lines between them, and the words above */
    size_t first, last; /* lines of the quote */
    size_t attribution; /* first line of the words above, first when there are none */
    bool has_attribution;
    bool is_sure; /* the words above say that somebody wrote, whatever comes below */
};

static bool is_complete(const struct text *t, size_t from, size_t last)
{
    size_t i;

    for (i = from; i <= last; i++)
        if (has_date(t->lines[i].s, t->lines[i].n))
            return true;
    return false;
}

static bool is_start_of_date(const struct line *l)
{
    return !l->is_blank && !l->is_quoted && l->n > 6 && l->n < 100 && has_date(l->s, l->n) &&
           !strchr(".!?:", l->s[l->n - 1]);
}

/* "romeo@montague.example", not "@romeo" or "at @". */
static bool has_address(const struct line *l)
{
    const char *at = l->s, *end = l->s + l->n;

    for (; (at = memchr(at, '@', (size_t)(end - at))); at++)
        if (at > l->s && at + 1 < end && isalnum((unsigned char)at[-1]) &&
            isalnum((unsigned char)at[1]))
            return true;
    return false;
}

/* A line with a date and a colon may be the author's own ("The error at 10:30 was:"): it says who
 * wrote only with a word for it, with an address beside the date, or with nothing but a person. */
static bool says_who(const struct text *t, size_t from, size_t last)
{
    bool date = is_complete(t, from, last), address = false;

    for (; from <= last; from++) {
        const struct line *l = &t->lines[from];

        if (l->is_attribution || words_wrote(l->s, l->n))
            return true;
        address = address || (has_address(l) && (date || memchr(l->s, '<', l->n)));
    }
    return address;
}

/* The lines above a quote that say who wrote it when, in whatever language. */
static void find_attribution(const struct text *t, size_t floor, struct block *b)
{
    size_t last = b->first, from;
    const struct line *l;

    b->attribution = b->first;
    while (last > floor && t->lines[last - 1].is_blank && b->first - last < 2)
        last--;
    if (last == floor)
        return;
    l = &t->lines[--last];
    if (l->is_blank || l->is_quoted || l->n > ATTRIBUTION_LEN)
        return;
    for (from = last; l->is_attribution && from > floor && t->lines[from - 1].is_attribution;)
        from--;
    if (!l->is_attribution) {
        if (!ends_in_colon(l) && !(has_date(l->s, l->n) && memchr(l->s, '@', l->n)) &&
            l->s[l->n - 1] != '>')
            return;
        while (!is_complete(t, from, last) && from > floor && last - from + 1 < ATTRIBUTION_LINES &&
               !t->lines[from - 1].is_blank && !t->lines[from - 1].is_quoted)
            from--;
        if (is_complete(t, from, last)) {
            if (from > floor && is_start_of_date(&t->lines[from - 1]) &&
                last - from + 1 < ATTRIBUTION_LINES)
                from--;
        } else {
            from = last;
            if (!words_wrote(l->s, l->n) && !has_address(l))
                return;
        }
    }
    b->attribution = from;
    b->has_attribution = true;
    b->is_sure = says_who(t, from, last);
}

static bool is_author_text(const struct line *l)
{
    return !l->is_blank && !l->is_quoted && !l->is_dropped && !l->is_attribution;
}

static bool any_text(const struct text *t, size_t from, size_t to)
{
    for (; from < to; from++)
        if (is_author_text(&t->lines[from]))
            return true;
    return false;
}

/* Finds the next block from line i on; false when there is none before end. */
static bool next_block(const struct text *t, size_t i, size_t floor, size_t end, struct block *b)
{
    while (i < end && !t->lines[i].is_quoted)
        i++;
    if (i == end)
        return false;
    memset(b, 0, sizeof *b);
    b->first = b->last = i;
    for (; i < end && (t->lines[i].is_quoted || t->lines[i].is_blank); i++)
        if (t->lines[i].is_quoted)
            b->last = i;
    find_attribution(t, floor, b);
    return true;
}

static void drop(struct text *t, size_t from, size_t to)
{
    for (; from < to; from++)
        t->lines[from].is_dropped = true;
}

/* Text behind a block, up to the words above the next block or the end. */
static bool is_followed(const struct text *t, const struct block *b, size_t end)
{
    struct block next;
    size_t stop = end;

    if (next_block(t, b->last + 1, b->last + 1, end, &next))
        stop = next.attribution;
    return any_text(t, b->last + 1, stop);
}

static size_t count_followed(const struct text *t, size_t end)
{
    struct block b;
    size_t i = 0, floor = 0, count = 0;

    while (next_block(t, i, floor, end, &b)) {
        count += is_followed(t, &b, end);
        i = floor = b.last + 1;
    }
    return count;
}

static void cut_quotes(struct text *t, size_t end, const struct text_hints *hints)
{
    bool interleaved = count_followed(t, end) > 1;
    struct block b;
    size_t i = 0, floor = 0;

    while (next_block(t, i, floor, end, &b)) {
        bool followed = is_followed(t, &b, end), leads;

        if (b.has_attribution && !b.is_sure && (followed || !hints->is_reply)) {
            b.has_attribution = false;
            b.attribution = b.first;
        }
        leads = !any_text(t, 0, b.attribution);
        if (followed ? !interleaved && (b.has_attribution || (leads && hints->is_reply))
                     : b.has_attribution || hints->is_reply)
            drop(t, b.attribution, b.last + 1);
        i = floor = b.last + 1;
    }
}

/* ---- signatures ---- */

/* The line behind the signature that starts at i: a quote, the words above one, or end. */
static size_t signature_end(const struct text *t, size_t i, size_t end)
{
    for (; i < end; i++)
        if (t->lines[i].is_quoted || t->lines[i].is_dropped)
            return i;
    return end;
}

static bool is_dashes(const struct line *l)
{
    return !l->is_quoted && l->n == 2 && memcmp(l->s, "--", 2) == 0;
}

/* Several lines of "--" without the blank part a text. */
static bool are_parts(const struct text *t, size_t end)
{
    size_t i, count = 0;

    for (i = 0; i < end; i++)
        count += is_dashes(&t->lines[i]) && !t->lines[i].has_tail;
    return count > 1;
}

static void cut_signatures(struct text *t, size_t end)
{
    bool parts = are_parts(t, end);
    size_t i, last;

    for (i = 0; i < end; i++) {
        const struct line *l = &t->lines[i];

        if (l->is_signature)
            t->lines[i].is_dropped = true;
        if (l->is_dropped || !is_dashes(l) || (parts && !l->has_tail))
            continue;
        last = signature_end(t, i, end);
        if (last - i <= (l->has_tail ? SIGNATURE_LONG : SIGNATURE_LINES) && any_text(t, 0, i) &&
            (l->has_tail || last == end || !any_text(t, last, end)))
            drop(t, i, last);
    }
    /* "Sent from my ...", alone at the end of what is left. */
    for (i = end; i > 0; i--) {
        const struct line *l = &t->lines[i - 1];

        if (l->is_blank || l->is_dropped)
            continue;
        if (!l->is_quoted && l->n < 100 && words_mobile(l->s, l->n))
            t->lines[i - 1].is_dropped = true;
        break;
    }
}

/* What list programs add below a rule, as the last lines of all. */
static void cut_footer(struct text *t, size_t end)
{
    size_t i, seen = 0;
    bool words = false, says = false;

    for (i = end; i > 0 && seen < FOOTER_LINES; i--) {
        const struct line *l = &t->lines[i - 1];

        if (l->is_blank || l->is_dropped)
            continue;
        if ((is_rule(l, &words) && !words) || is_dashes(l)) {
            if (says && any_text(t, 0, i - 1))
                drop(t, i - 1, end);
            return;
        }
        says = says || words_list(l->s, l->n);
        seen++;
    }
}

/* ---- putting together ---- */

/* Lines without long runs of blank ones; true when anything but blank lines was dropped. */
static bool write_lines(struct buf *out, const struct text *t, bool cut)
{
    size_t i, blanks = 0, blanks_max = 2;
    bool dropped = false;

    for (i = 0; i < t->count; i++) {
        const struct line *l = &t->lines[i];

        if (l->is_blank || (cut && l->is_dropped)) {
            if (!l->is_blank) {
                dropped = true;
                blanks_max = 1; /* one blank line stands for what was here */
            }
            blanks++;
            continue;
        }
        blanks = blanks < blanks_max ? blanks : blanks_max;
        for (; out->len > 0 && blanks > 0; blanks--)
            buf_addc(out, '\n');
        blanks = 0;
        blanks_max = 2;
        buf_add(out, l->s, l->n);
        buf_addc(out, '\n');
    }
    while (out->len > 0 && out->data[out->len - 1] == '\n')
        buf_truncate(out, out->len - 1);
    return dropped;
}

static void mark_cuts(struct text *t, const struct text_hints *hints)
{
    size_t end = t->count, i;

    for (i = 0; i < t->count && end == t->count; i++) {
        if (is_forward_heading(&t->lines[i])) { /* what follows is what the mail is about */
            cut_signatures(t, i);
            return;
        }
        if (!hints->is_forward && is_splitter(t, i))
            end = i;
    }
    /* A rule or a lone blank line above what was found goes too. */
    if (end < t->count)
        drop(t, end, t->count);
    if (!hints->is_forward)
        cut_quotes(t, end, hints);
    cut_signatures(t, end);
    if (hints->is_list)
        cut_footer(t, end);
}

const char *text_cut(struct arena *a, const char *text, const struct text_hints *hints,
                     bool *is_cut_out)
{
    char *copy = malloc(strlen(text) + 1);
    const char *result = NULL;
    struct text t = {0};
    struct buf out;

    *is_cut_out = false;
    buf_init(&out, strlen(text) + 1);
    if (!copy || read_lines(&t, text, copy) < 0)
        goto out;
    if (t.count == 0) { /* too long to be looked at */
        result = text_uncut(a, text);
        goto out;
    }
    mark_cuts(&t, hints);
    *is_cut_out = write_lines(&out, &t, true);
    if (out.len == 0 && *is_cut_out) { /* never everything */
        *is_cut_out = false;
        write_lines(&out, &t, false);
    }
    if (!buf_failed(&out))
        result = arena_strndup(a, out.data, out.len);
out:
    arena_blame(a, &out);
    buf_clear(&out);
    free(t.lines);
    free(copy);
    return result;
}
