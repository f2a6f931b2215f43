/*
 * imap_scan: a line is judged when it is complete and before its last byte is handed on, so that
 * libetpan never sees a line that was refused.  Owns the unfinished line; the thread is that of the
 * job that reads.  Keeps nothing that a crash could lose.
 */
#include "mail/imap/imap_scan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void imap_scan_init(struct imap_scan *s)
{
    memset(s, 0, sizeof *s);
    buf_init(&s->line, IMAP_LINES_MAX);
    imap_scan_expect(s, 0, 0);
}

void imap_scan_clear(struct imap_scan *s)
{
    buf_clear(&s->line);
}

void imap_scan_expect(struct imap_scan *s, uint64_t literal_max, uint64_t literals_max)
{
    s->lines_left = IMAP_LINES_MAX;
    s->line_max = IMAP_LINE_MAX;
    s->literal_max = literal_max;
    s->literals_left = literals_max;
    s->may_name = false;
}

void imap_scan_expect_long_line(struct imap_scan *s)
{
    s->line_max = IMAP_LINES_MAX;
}

void imap_scan_expect_names(struct imap_scan *s)
{
    s->may_name = true;
    s->literal_max = IMAP_NAME_MAX;
    s->literals_left = IMAP_LINES_MAX;
}

bool imap_scan_is_at_rest(const struct imap_scan *s)
{
    return s->line.len == 0 && s->literal_left == 0 && !s->is_continued && !s->refused;
}

static int refuse(struct imap_scan *s, const char *why)
{
    s->refused = why;
    return -1;
}

/* Is word at p, ended by a space or the line's end? */
static bool is_word(const char *p, const char *end, const char *word)
{
    size_t n = strlen(word);

    return (size_t)(end - p) >= n && strncasecmp(p, word, n) == 0 &&
           ((size_t)(end - p) == n || p[n] == ' ');
}

static bool is_condition(const char *p, const char *end)
{
    static const char *const words[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (is_word(p, end, words[i]))
            return true;
    return false;
}

/* resp-text is free text: quotes and parentheses mean nothing in it, but in a response code in
 * brackets libetpan would accept a literal. No server sends one there. */
static int judge_text(struct imap_scan *s, const char *p, const char *end)
{
    size_t n = (size_t)(end - p);

    if (memchr(p, '[', n) && memchr(p, '{', n))
        return refuse(s, "a literal in a response code");
    return 0;
}

static void note_bye(struct imap_scan *s, const char *p, const char *end)
{
    size_t i;

    p += 3;
    while (p < end && *p == ' ')
        p++;
    s->has_bye = true;
    snprintf(s->bye, sizeof s->bye, "%.*s", (int)(end - p), p);
    for (i = 0; s->bye[i]; i++)
        if ((unsigned char)s->bye[i] < 0x20 || s->bye[i] == 0x7f)
            s->bye[i] = '?';
}

/* p is at '{', which must open a literal that ends the line. */
static int judge_literal(struct imap_scan *s, const char *line, const char *p, const char *end,
                         const char *line_end)
{
    uint64_t n = 0;
    const char *q = p + 1;

    while (q < end && isdigit((unsigned char)*q) && q - p <= 10)
        n = n * 10 + (uint64_t)(*q++ - '0');
    if (q == p + 1 || q + 1 != end || *q != '}' || line_end - end != 2)
        return refuse(s, "a literal that is none");
    if (p - line < 2 || p[-1] != ' ' || (!s->is_list && (p[-2] != ']' || s->depth != 1)) ||
        (s->is_list && (!memchr("\"lL", p[-2], 3) || s->depth != 0))) /* behind "/" or NIL */
        return refuse(s, "a literal that was not asked for");
    if (n > s->literal_max || n > s->literals_left)
        return refuse(s, "a literal larger than was announced or allowed");
    s->literals_left -= n;
    s->literal_left = n;
    s->is_continued = true;
    return 0;
}

/* Data: quoted strings, parentheses, and at the end of the line perhaps a literal. */
static int judge_data(struct imap_scan *s, const char *p, const char *end, const char *line_end,
                      bool may_literal)
{
    const char *line = p;
    bool quoted = false;

    for (; p < end; p++) {
        if (quoted) {
            if (*p == '\\' && p + 1 < end)
                p++;
            else if (*p == '"')
                quoted = false;
        } else if (*p == '"') {
            quoted = true;
        } else if (*p == '(') {
            if (++s->depth > IMAP_DEPTH_MAX)
                return refuse(s, "parentheses nested too deep");
        } else if (*p == ')') {
            s->depth -= s->depth > 0;
        } else if (*p == '{') {
            if (!may_literal)
                return refuse(s, "a literal that was not asked for");
            return judge_literal(s, line, p, end, line_end);
        }
    }
    if (quoted)
        return refuse(s, "a quoted string without end");
    return 0;
}

/* "* " and what follows; p is behind it. */
static int judge_untagged(struct imap_scan *s, const char *p, const char *end, const char *line_end)
{
    const char *q = p;

    if (is_condition(p, end)) {
        if (is_word(p, end, "BYE"))
            note_bye(s, p, end);
        return judge_text(s, p, end);
    }
    while (q < end && isdigit((unsigned char)*q))
        q++;
    if (q > p && q < end && *q == ' ') {
        if (is_word(q + 1, end, "EXISTS"))
            s->has_exists = true;
        return judge_data(s, p, end, line_end, is_word(q + 1, end, "FETCH"));
    }
    s->is_list = s->may_name && is_word(p, end, "LIST");
    return judge_data(s, p, end, line_end, s->is_list);
}

static int judge_line(struct imap_scan *s, const char *line, size_t len)
{
    const char *line_end = line + len, *end = line_end - 1, *p = line;

    if (end > line && end[-1] == '\r')
        end--;
    if (len > s->lines_left)
        return refuse(s, "too long an answer");
    s->lines_left -= len;
    if (memchr(line, '\0', len))
        return refuse(s, "a NUL in a line");
    if (s->is_continued) {
        s->is_continued = false;
        return judge_data(s, line, end, line_end, !s->is_list); /* a folder has one name */
    }
    s->depth = 0;
    s->is_list = false;
    if (end == line)
        return 0; /* some servers send an empty line; libetpan passes over it */
    if (*p == '+')
        return judge_text(s, p, end);
    if (end - p > 2 && p[0] == '*' && p[1] == ' ')
        return judge_untagged(s, p + 2, end, line_end);
    while (p < end && isdigit((unsigned char)*p))
        p++;
    if (p > line && p < end && *p == ' ' && is_condition(p + 1, end)) {
        s->has_tagged = true;
        s->has_bad = is_word(p + 1, end, "BAD");
        return judge_text(s, p, end);
    }
    return refuse(s, "not an IMAP response");
}

/* Takes from data what belongs to the line; returns how much, or 0 when refused. */
static size_t take_line(struct imap_scan *s, const char *data, size_t len)
{
    const char *lf = memchr(data, '\n', len);
    size_t n = lf ? (size_t)(lf - data) + 1 : len;
    int r;

    if (s->line.len > s->line_max || n > s->line_max - s->line.len) {
        refuse(s, "a line too long");
        return 0;
    }
    if (lf && s->line.len == 0)
        return judge_line(s, data, n) < 0 ? 0 : n;
    if (buf_add(&s->line, data, n) < 0) {
        refuse(s, "a line for which there is no memory");
        return 0;
    }
    if (!lf)
        return n;
    r = judge_line(s, s->line.data, s->line.len);
    if (s->line.cap > 4096)
        buf_clear(&s->line);
    else
        buf_reset(&s->line);
    return r < 0 ? 0 : n;
}

int imap_scan_feed(struct imap_scan *s, const char *data, size_t len)
{
    size_t n;

    if (s->refused)
        return -1;
    while (len > 0) {
        if (s->literal_left > 0) {
            n = s->literal_left < len ? (size_t)s->literal_left : len;
            s->literal_left -= n;
        } else {
            n = take_line(s, data, len);
            if (n == 0)
                return -1;
        }
        data += n;
        len -= n;
    }
    return 0;
}
