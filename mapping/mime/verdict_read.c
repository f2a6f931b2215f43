/*
 * verdict_read: one field is gone through from method to method, comments left out.  No data, no
 * thread of its own, nothing left behind.
 */
#include "mapping/mime/verdict_read.h"

#include <string.h>
#include <strings.h>

enum { WORD_MAX = 256 };

enum method { DMARC, SPF, DKIM, METHODS };

struct verdicts {
    struct {
        bool is_told, passed, failed;
    } by[METHODS];
};

/* Past blanks and comments (RFC 5322 §3.2.2), which may hold others. */
static const char *skip(const char *p)
{
    unsigned depth = 0;

    for (; *p; p++) {
        if (*p == '\\' && depth > 0 && p[1])
            p++;
        else if (*p == '(')
            depth++;
        else if (*p == ')' && depth > 0)
            depth--;
        else if (depth == 0 && *p != ' ' && *p != '\t')
            break;
    }
    return p;
}

/* The word at p without its quotes, cut where it is too long; returns what follows it. */
static const char *word(const char *p, char out[WORD_MAX])
{
    bool quoted = *p == '"';
    size_t n = 0;

    if (quoted)
        p++;
    for (; *p && (quoted ? *p != '"' : !strchr(" \t;=(\"", *p)); p++) {
        if (quoted && *p == '\\' && p[1])
            p++;
        if (n + 1 < WORD_MAX)
            out[n++] = *p;
    }
    out[n] = '\0';
    return quoted && *p ? p + 1 : p;
}

static void judge(struct verdicts *v, const char *method, const char *result)
{
    static const char *const names[METHODS] = {"dmarc", "spf", "dkim"};
    size_t n = strcspn(method, "/"), i; /* a version may follow */

    for (i = 0; i < METHODS; i++)
        if (strlen(names[i]) == n && strncasecmp(method, names[i], n) == 0) {
            v->by[i].is_told = true;
            v->by[i].passed = v->by[i].passed || strcasecmp(result, "pass") == 0;
            v->by[i].failed = v->by[i].failed || strcasecmp(result, "fail") == 0;
        }
}

/* Programs that check one thing each write a field each.  Of what they agree on the topmost counts,
 * but no field below takes a failure back. */
static void merge(struct verdicts *all, const struct verdicts *v)
{
    size_t i;

    for (i = 0; i < METHODS; i++) {
        if (!all->by[i].is_told)
            all->by[i].passed = v->by[i].passed;
        all->by[i].is_told = all->by[i].is_told || v->by[i].is_told;
        all->by[i].failed = all->by[i].failed || v->by[i].failed;
    }
}

/* RFC 8601 §2.2: authserv-id [version] *(";" method "=" result [reason] [properties]) */
static void read_results(const char *p, struct verdicts *v)
{
    char method[WORD_MAX], result[WORD_MAX], rest[WORD_MAX];

    while (*p) {
        while (*p && *p != ';') /* properties, or the rest of what stands before */
            p = *p == '"' ? word(p, rest) : skip(p) > p ? skip(p) : p + 1;
        if (!*p)
            return;
        p = word(skip(p + 1), method);
        p = skip(p);
        if (*p != '=')
            continue;
        p = word(skip(p + 1), result);
        judge(v, method, result);
    }
}

void verdict_read(struct letter *l, const struct mail_header *h, const char *server)
{
    struct verdicts all = {0};
    bool dmarc_failed, dmarc_passed;
    char name[WORD_MAX];
    const char *value;
    size_t at = 0;

    while (*server && (value = header_read_next(h, "Authentication-Results", &at))) {
        const char *p = word(skip(value), name);
        struct verdicts v = {0};

        if (strcasecmp(name, server) != 0)
            continue;
        read_results(p, &v);
        merge(&all, &v);
    }
    dmarc_failed = all.by[DMARC].failed;
    dmarc_passed = all.by[DMARC].passed && !dmarc_failed;
    /* DMARC alone speaks of From.  Where it says nothing, a path that its domain disowns is reason
     * for doubt, unless somebody has signed. */
    l->is_doubtful = dmarc_failed || (!dmarc_passed && all.by[SPF].failed && !all.by[DKIM].passed);
    l->is_path_proven = all.by[SPF].passed && !all.by[SPF].failed;
}
