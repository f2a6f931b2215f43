/*
 * header_param: parameters, with RFC 2231's charsets and continuations, encoded words where they do
 * not belong, blanks without quotes, and missing semicolons borne.  Linear, bounded, no recursion.
 * Owns nothing.  Any thread; a crash loses the one mail.
 */
#include "mapping/mime/header_param.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "mapping/mime/charset.h"
#include "mapping/mime/header_read.h"

enum { PIECES_MAX = 200, VALUE_MAX = 8192 };

struct piece { /* name*3*=value */
    const char *name;
    const char *value;
    size_t value_len;
    int number; /* -1: not a continuation */
    bool is_extended;
};

static const char *lower(struct arena *a, const char *s, size_t n)
{
    char *out = arena_alloc(a, n + 1);
    size_t i, o = 0;

    for (i = 0; out && i < n; i++)
        if (!strchr(" \t\"", s[i]))
            out[o++] = (char)tolower((unsigned char)s[i]);
    return out;
}

/* The end of a comment that opens at p, when one does: in front of a semicolon or at the end. Other
 * parentheses are part of somebody's `my file (1).pdf`. */
static char *comment_end(char *p)
{
    size_t depth = 0;

    for (; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (*p == '(')
            depth++;
        else if (*p == ')' && --depth == 0)
            break;
    }
    if (!*p)
        return NULL;
    p++;
    return p[strspn(p, " \t")] == ';' || !p[strspn(p, " \t")] ? p : NULL;
}

/* Comments may stand between tokens (RFC 2045 §5.1): blanks in their stead. */
static char *without_comments(struct arena *a, const char *value)
{
    char *out = arena_strdup(a, value), *p, *end;
    bool quoted = false;
    size_t tries = 0;

    for (p = out; p && *p; p++) {
        if (*p == '\\' && p[1] && quoted) {
            p++;
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (!quoted && *p == '(' && tries++ < PIECES_MAX && (end = comment_end(p))) {
            memset(p, ' ', (size_t)(end - p));
            p = end - 1;
        }
    }
    return out;
}

/* The value at p; returns what follows. */
static const char *take_value(struct arena *a, const char *p, struct piece *piece)
{
    struct buf text;

    buf_init(&text, VALUE_MAX); /* what is longer is cut */
    p += strspn(p, " \t");
    if (*p == '"') {
        for (p++; *p && *p != '"'; p++) {
            if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
                p++; /* other backslashes are somebody's C:\file */
            buf_addc(&text, *p);
        }
        p += strcspn(p, ";");
    } else {
        for (; *p && *p != ';'; p++)
            buf_addc(&text, *p);
        while (text.len > 0 && strchr(" \t", text.data[text.len - 1]))
            buf_truncate(&text, text.len - 1);
    }
    piece->value = arena_strndup(a, text.data, text.len);
    piece->value_len = text.len;
    arena_blame(a, &text);
    buf_clear(&text);
    return piece->value ? p : NULL;
}

/* name, name*, name*0, name*0* */
static int take_name(struct arena *a, const char *s, size_t n, struct piece *piece)
{
    size_t star = 0;

    while (star < n && s[star] != '*')
        star++;
    piece->number = -1;
    piece->is_extended = star < n && s[n - 1] == '*';
    if (star + 1 < n && isdigit((unsigned char)s[star + 1]))
        piece->number = (int)(strtol(s + star + 1, NULL, 10) % 100000);
    piece->name = lower(a, s, star);
    return piece->name ? 0 : -1;
}

static int hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10
                                        : -1;
}

static void add_percent(struct buf *out, const char *s, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (s[i] == '%' && i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
            buf_addc(out, (char)(hex(s[i + 1]) << 4 | hex(s[i + 2])));
            i += 2;
        } else {
            buf_addc(out, s[i]);
        }
    }
}

/* Adds one piece's bytes; the first extended one begins charset'language'. */
static int join(struct arena *a, struct buf *out, const struct piece *p, const char **charset)
{
    const char *s = p->value;
    size_t n = p->value_len;

    if (p->is_extended && p->number <= 0) {
        const char *first = memchr(s, '\'', n);
        const char *second = first ? memchr(first + 1, '\'', n - (size_t)(first + 1 - s)) : NULL;

        if (second) {
            *charset = arena_strndup(a, s, (size_t)(first - s));
            if (!*charset)
                return -1;
            n -= (size_t)(second + 1 - s);
            s = second + 1;
        }
    }
    if (p->is_extended)
        add_percent(out, s, n);
    else
        buf_add(out, s, n);
    return 0;
}

/* The text of the parameter whose pieces begin with pieces[i]. */
static int assemble(struct arena *a, const struct piece *pieces, size_t count, size_t i,
                    struct param *out)
{
    const char *charset = NULL, *text;
    bool extended = pieces[i].is_extended;
    struct buf raw;
    int want = 0;
    int result = -1;

    buf_init(&raw, VALUE_MAX * 4);
    if (pieces[i].number < 0) {
        result = join(a, &raw, &pieces[i], &charset);
    } else {
        size_t j;

        result = 0;
        for (j = 0; j < count && result == 0; j++) /* in order, mostly as they stand */
            if (pieces[j].number == want && strcmp(pieces[j].name, pieces[i].name) == 0) {
                result = join(a, &raw, &pieces[j], &charset);
                extended = extended || pieces[j].is_extended;
                want++;
                j = (size_t)-1;
            }
    }
    out->name = pieces[i].name;
    text = result < 0 ? NULL
           : extended ? charset_read(a, charset, raw.data, raw.len)
                      : header_read_text(a, raw.data, VALUE_MAX);
    arena_blame(a, &raw);
    buf_clear(&raw);
    out->value = text;
    return text ? 0 : -1;
}

static bool is_first(const struct piece *pieces, size_t i)
{
    size_t j;

    for (j = 0; j < i; j++)
        if (strcmp(pieces[j].name, pieces[i].name) == 0)
            return false;
    return true;
}

/* name* is better than name, whichever comes first (RFC 2231 leaves the plain one to old readers).
 */
static size_t best(const struct piece *pieces, size_t count, size_t i)
{
    size_t j;

    for (j = i; j < count; j++)
        if (strcmp(pieces[j].name, pieces[i].name) == 0 &&
            (pieces[j].is_extended || pieces[j].number >= 0))
            return j;
    return i;
}

static size_t count_equals(const char *s)
{
    size_t n = 0;

    while (n < PIECES_MAX && (s = strchr(s, '='))) {
        n++;
        s++;
    }
    return n;
}

int header_params(struct arena *a, const char *value, struct param_value *out)
{
    size_t n, count = 0, max = count_equals(value ? value : ""), i;
    struct piece *pieces = arena_alloc(a, (max + 1) * sizeof *pieces);
    struct param **end = &out->params;
    const char *p = without_comments(a, value ? value : "");

    memset(out, 0, sizeof *out);
    if (!pieces || !p)
        return -1;
    n = strcspn(p, ";");
    if (memchr(p, '=', n) && !memchr(p, '/', n)) /* only parameters */
        n = 0;
    out->main = lower(a, p, n);
    for (p += n; out->main && *p && count < max;) {
        p += strspn(p, "; \t");
        n = strcspn(p, "=; \t");
        if (p[n + strspn(p + n, " \t")] == '=' && n > 0) {
            if (take_name(a, p, n, &pieces[count]) < 0)
                return -1;
            p += n + strspn(p + n, " \t") + 1;
            p = take_value(a, p, &pieces[count++]);
            if (!p)
                return -1;
        } else {
            p += n + (n == 0 && *p);
        }
    }
    for (i = 0; i < count; i++) {
        if (!is_first(pieces, i))
            continue;
        *end = arena_alloc(a, sizeof **end);
        if (!*end || assemble(a, pieces, count, best(pieces, count, i), *end) < 0)
            return -1;
        end = &(*end)->next;
    }
    return out->main ? 0 : -1;
}

const char *param_get(const struct param_value *v, const char *name)
{
    const struct param *p;

    for (p = v->params; p; p = p->next)
        if (strcmp(p->name, name) == 0)
            return p->value;
    return NULL;
}
