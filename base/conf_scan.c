/*
 * conf_scan: strings, comments and tokens of libconfuse 3.3 as its scanner cuts them, no more. Owns
 * no data, leaves nothing behind.
 *
 * Its scanner keeps its state from one file to the next, even after an error: a reload of a
 * corrected file would be read as the inside of the string that had no end.  So such a file never
 * reaches it.
 */
#include "base/conf_scan.h"

#include <stdbool.h>
#include <string.h>

struct scan {
    char *p;
    int line;
    const char *path;
    struct err *e;
};

static int fail(const struct scan *s, int line, const char *what)
{
    return err_set(s->e, ERR_PERMANENT, "%s:%d: %s", s->path, line, what);
}

static void blank(struct scan *s, size_t n)
{
    for (; n > 0; n--, s->p++) {
        if (*s->p == '\n')
            s->line++;
        else
            *s->p = ' ';
    }
}

/* "${NAME}" is the environment's, and ends at the first brace, whatever stands in between. */
static bool skip_variable(struct scan *s)
{
    const char *end = s->p[0] == '$' && s->p[1] == '{' ? strchr(s->p, '}') : NULL;

    if (!end)
        return false;
    for (; s->p <= end; s->p++)
        if (*s->p == '\n')
            s->line++;
    return true;
}

static int check_escape(const struct scan *s)
{
    if (s->p[1] >= '0' && s->p[1] <= '9')
        return fail(s, s->line,
                    "a backslash before a digit; expected two backslashes, or the text in "
                    "single quotes");
    if (s->p[1] == 'x' && s->p[2] == '0' &&
        !strchr("123456789abcdefABCDEF", s->p[3] ? s->p[3] : '0'))
        return fail(s, s->line, "a NUL in a string; expected text");
    return 0;
}

static int skip_string(struct scan *s)
{
    char quote = *s->p++;
    int first = s->line;

    while (*s->p != quote) {
        /* Without the second of a pair of quotes, all that follow change sides: the line where that
         * comes to an end is far away.  No option has text of two lines. */
        if (*s->p == '\0' || *s->p == '\n')
            return fail(s, first,
                        "a string begins here and has no end in this line; expected a closing "
                        "quote");
        if (quote == '"' && skip_variable(s))
            continue;
        if (*s->p == '\\' && s->p[1]) {
            if (quote == '"' && check_escape(s) < 0)
                return -1;
            s->p++;
        }
        if (*s->p == '\n')
            s->line++;
        s->p++;
    }
    s->p++;
    return 0;
}

static int blank_comment(struct scan *s)
{
    const char *end;

    if (s->p[0] != '/' || s->p[1] != '*') {
        blank(s, strcspn(s->p, "\n"));
        return 0;
    }
    end = strstr(s->p + 2, "*/");
    if (!end)
        return fail(s, s->line, "a comment begins here and has no end; expected */");
    blank(s, (size_t)(end + 2 - s->p));
    return 0;
}

static bool is_comment(const char *p, bool in_token)
{
    return *p == '#' || (!in_token && p[0] == '/' && (p[1] == '/' || p[1] == '*'));
}

int conf_scan(char *text, const char *path, struct err *e)
{
    struct scan s = {text, 1, path, e};
    bool in_token = false; /* http://host is one token, // before it were a comment */

    while (*s.p) {
        if (is_comment(s.p, in_token)) {
            if (blank_comment(&s) < 0)
                return -1;
            in_token = false;
        } else if (*s.p == '"' || *s.p == '\'') {
            if (skip_string(&s) < 0)
                return -1;
            in_token = false;
        } else if (in_token || !skip_variable(&s)) {
            in_token = !strchr(" \t\r\n={}()+,*", *s.p);
            if (*s.p++ == '\n')
                s.line++;
        }
    }
    return 0;
}
