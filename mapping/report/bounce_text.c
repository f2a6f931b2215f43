/*
 * bounce_text: addresses and reasons out of prose.
 *
 * Every address in front of the returned message is weighed by where it stands: alone on its line,
 * in front of a colon, beside a reply code, below a line that announces failed recipients, on a
 * line that says why.  So a program that nobody has heard of is read as well, as long as it writes
 * for people.  What a stranger writes here moves nothing by itself: the message that a bounce
 * belongs to is found by the keyed reverse-path, not by this text.  Owns nothing.  Any thread; a
 * crash loses the one mail.
 */
#include "mapping/report/bounce_text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "base/xml.h"
#include "mapping/report/bounce_names.h"
#include "mapping/report/bounce_words.h"
#include "mapping/mime/charset.h"
#include "mapping/mime/header_addr.h"
#include "mapping/report/report_read.h"
#include "mapping/text/text_words.h"

enum {
    LOOK_MAX = 64 << 10,  /* bytes of text that are looked at */
    CANDIDATES_MAX = 300, /* addresses that are weighed */
    LINE_LOOK = 600,      /* of a line, before and behind an address */
    STATUS_LINES = 8,     /* lines behind an address that can say why */
    WORDS_MAX = 400,
    SCORE_ENOUGH = 3
};

bool bounce_text_is_bounce(const char *text)
{
    size_t n = strlen(text);

    return bounce_words_has(BOUNCE_WORDS_FAILURE, text, n < LOOK_MAX ? n : LOOK_MAX);
}

bool bounce_text_is_subject(const char *subject)
{
    return subject && bounce_words_has(BOUNCE_WORDS_SUBJECT, subject, strlen(subject));
}

/* ---- the returned message ---- */

static bool starts_with(const char *s, size_t n, const char *word)
{
    return n >= strlen(word) && strncasecmp(s, word, strlen(word)) == 0;
}

static bool begins_header(const char *s, size_t n)
{
    bool is_indented =
        n > 0 && *s == ' '; /* some name the message before they say what became of it */

    while (n > 0 && (*s == '>' || *s == ' ' || *s == '|')) {
        s++;
        n--;
    }
    return starts_with(s, n, "received: ") || starts_with(s, n, "return-path: ") ||
           (starts_with(s, n, "message-id: <") && !is_indented) ||
           starts_with(s, n, "x-envelope-from: ");
}

static bool announces_message(const char *s, size_t n)
{
    return bounce_words_has(BOUNCE_WORDS_RETURNED, s, n) ||
           (n > 8 && (s[0] == '-' || s[0] == '*' || s[0] == '=') && text_has(s, n, "original"));
}

size_t bounce_text_end(const char *text)
{
    const char *p = text;

    while (*p && p - text < 4 * LOOK_MAX) {
        size_t n = strcspn(p, "\n");

        if (begins_header(p, n) || (p > text && n < 200 && announces_message(p, n)))
            return (size_t)(p - text);
        p += n + (p[n] == '\n');
    }
    return (size_t)(p - text);
}

/* ---- addresses ---- */

struct candidate {
    const char *s; /* the address in the text */
    size_t n;
    const char *line; /* the line it stands on */
    size_t line_len;
    int score;
};

struct search {
    const struct bounce_hints *in;
    struct candidate *found;
    size_t count;
    const char *text, *end;
};

static bool is_local_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c)) ||
           (unsigned char)c >= 0x80;
}

static bool is_domain_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '.' || (unsigned char)c >= 0x80;
}

/* Scripts without blanks put words and marks of their own right before an address: what ends before
 * from is such a one when it is a mark, or a character from U+2000 on beside an ASCII one. */
static bool is_edge(const char *line, const char *from, const char *p)
{
    const unsigned char *u = (const unsigned char *)from;

    if (u[-1] < 0x80)
        return false;
    if (from - line >= 2 && u[-2] == 0xc2) /* no-break space, quotation marks */
        return true;
    if (from - line < 3 || u[-3] < 0xe2 || u[-3] > 0xef)
        return false;
    return u[-3] == 0xe2 || (u[-3] == 0xe3 && u[-2] == 0x80) || (u[-3] == 0xef && u[-2] == 0xbc) ||
           (from < p && *u < 0x80);
}

/* The address round the @ at p; false when it is none. */
static bool address_at(const struct search *s, const char *line, const char *p,
                       struct candidate *out)
{
    const char *from = p, *to = p + 1, *eq;

    while (from > line && is_local_char(from[-1]) && !is_edge(line, from, p))
        from--;
    while (to < s->end && is_domain_char(*to) &&
           !((unsigned char)*to >= 0xe2 && isalnum((unsigned char)to[-1])))
        to++;
    while (to > p + 1 && (to[-1] == '.' || to[-1] == '-'))
        to--;
    while (from < p && strchr(".'`*", *from))
        from++;
    for (eq = p; eq > from && eq[-1] != '='; eq--)
        ;
    if (eq - from == 5 && strncasecmp(from, "smtp=", 5) == 0) /* X.400 */
        from = eq;
    if (from == p || to - p < 4 || !memchr(p, '.', (size_t)(to - p)) || to - from > 320)
        return false;
    out->s = from;
    out->n = (size_t)(to - from);
    return true;
}

static bool is_same_text(const char *a, const char *s, size_t n)
{
    return a && strlen(a) == n && strncasecmp(a, s, n) == 0;
}

bool bounce_text_is_mail(const struct addr *addr, const char *s, size_t n)
{
    size_t local = addr->local ? strlen(addr->local) : 0;

    return addr->domain && n == local + 1 + strlen(addr->domain) && s[local] == '@' &&
           strncasecmp(s, addr->local, local) == 0 &&
           strncasecmp(s + local + 1, addr->domain, n - local - 1) == 0;
}

/* Somebody who cannot be the one that failed: the system, its keeper, the one it is reported to. */
static bool is_excluded(const struct search *s, const struct candidate *c)
{
    static const char *const roles[] = {"postmaster@", "mailer-daemon@", "abuse@",
                                        "hostmaster@", "mdaemon@",       "root@"};
    const struct letter *l = s->in->letter;
    const struct party *party;
    size_t i;

    for (i = 0; i < sizeof roles / sizeof *roles; i++)
        if (starts_with(c->s, c->n, roles[i]))
            return true;
    for (party = l->parties; party; party = party->next)
        if (bounce_text_is_mail(&party->mail, c->s, c->n))
            return true;
    return bounce_text_is_mail(&l->from.mail, c->s, c->n);
}

static bool has_code(const char *s, size_t n)
{
    size_t i;

    for (i = 0; i + 3 <= n; i++)
        if ((s[i] == '4' || s[i] == '5') && isdigit((unsigned char)s[i + 1]) &&
            isdigit((unsigned char)s[i + 2]) &&
            (i == 0 || !(isalnum((unsigned char)s[i - 1]) || strchr("-+.", s[i - 1]))) &&
            (i + 3 == n || strchr(" -#.\t", s[i + 3])) && s[i + 1] < '6')
            return true;
    return false;
}

/* "#5.1.1" */
static bool has_enhanced(const char *s, size_t n)
{
    size_t i;

    for (i = 1; i + 5 <= n; i++)
        if ((s[i - 1] == '#' || s[i - 1] == ' ' || s[i - 1] == '(') &&
            (s[i] == '4' || s[i] == '5') && s[i + 1] == '.' && isdigit((unsigned char)s[i + 2]) &&
            s[i + 3] == '.' && isdigit((unsigned char)s[i + 4]))
            return true;
    return false;
}

/* Only the address on its line, or first there and followed by a colon? */
static bool leads_line(const struct candidate *c)
{
    const char *p = c->line, *end = c->line + c->line_len, *after = c->s + c->n;

    if (p > c->s) /* a very long word */
        return false;
    while (p < c->s && strchr(" \t<>*-\"'(", *p))
        p++;
    while (after < end && strchr(">)\"'", *after))
        after++;
    if (p != c->s)
        return false;
    while (after < end && strchr(" \t", *after))
        after++;
    return after == end || *after == ':' || *after == ';' || *after == ',' || *after == '(' ||
           *after == '.' || (after + 1 < end && strncmp(after, "on ", 3) == 0) ||
           (c->s > c->line && c->s[-1] == '<');
}

/* The last line with words on it before line, within three. */
static const char *line_before(const struct search *s, const char *line, size_t *n_out)
{
    int tries;

    for (tries = 0; tries < 4 && line > s->text; tries++) {
        const char *end = line - 1, *p = end;

        while (p > s->text && p[-1] != '\n')
            p--;
        line = p;
        while (p < end && isspace((unsigned char)*p))
            p++;
        if (p < end) {
            if (end - p > LINE_LOOK)
                p = end - LINE_LOOK;
            *n_out = (size_t)(end - p);
            return p;
        }
    }
    *n_out = 0;
    return line;
}

static bool is_behind(const struct candidate *c, const char *word)
{
    const char *p = c->s;
    size_t n = strlen(word);

    while (p > c->line && strchr(" \t<\"'", p[-1]))
        p--;
    return (size_t)(p - c->line) >= n && strncasecmp(p - n, word, n) == 0;
}

/* "delivery to x", "user x", "Unknown user: x" */
static bool is_object(const struct candidate *c)
{
    static const char *const words[] = {" to",     "to:",     "user",    "recipient", " for",
                                        "address", "mailbox", "account", ":"};
    size_t i;

    for (i = 0; i < sizeof words / sizeof *words; i++)
        if (is_behind(c, words[i]))
            return true;
    return false;
}

static void weigh(const struct search *s, struct candidate *c)
{
    size_t n = 0;
    const char *before = line_before(s, c->line, &n);
    const struct candidate *last = s->count > 0 ? c - 1 : NULL;

    c->score = 0;
    if (is_excluded(s, c)) {
        c->score = -10;
        return;
    }
    if (leads_line(c))
        c->score += 2;
    if (has_code(c->line, c->line_len))
        c->score += 2;
    if (bounce_words_has(BOUNCE_WORDS_REASON, c->line, c->line_len))
        c->score += is_object(c) ? 3 : 2;
    if (is_behind(c, " from"))
        c->score -= 3;
    if (is_same_text(s->in->original_from, c->s, c->n)) /* unless they wrote to themselves */
        c->score -= 1;
    if (leads_line(c) && last && before >= last->line && before < last->line + last->line_len &&
        last->score >= SCORE_ENOUGH)
        c->score += 1; /* one more of a list */
    if (text_has(c->line, c->line_len, "expanded from") ||
        text_has(c->line, c->line_len, "generated from"))
        c->score = SCORE_ENOUGH; /* the address as it was written to */
    if (bounce_words_has(BOUNCE_WORDS_REASON, before, n) || has_code(before, n) ||
        has_enhanced(before, n))
        c->score += 1;
    if (bounce_words_has(BOUNCE_WORDS_ASIDE, c->line, c->line_len))
        c->score -= 3;
}

static void find_candidates(struct search *s)
{
    const char *line = s->text;

    while (line < s->end && s->count < CANDIDATES_MAX) {
        const char *nl = memchr(line, '\n', (size_t)(s->end - line));
        const char *stop = nl ? nl : s->end, *p = line;

        while (s->count < CANDIDATES_MAX && (p = memchr(p, '@', (size_t)(stop - p)))) {
            struct candidate *c = &s->found[s->count];

            c->line = p - line > LINE_LOOK ? p - LINE_LOOK : line;
            c->line_len = (size_t)((stop - p > LINE_LOOK ? p + LINE_LOOK : stop) - c->line);
            if (address_at(s, line, p, c)) {
                weigh(s, c);
                if (s->count > 0 && is_behind(c, " from:") && c->score == SCORE_ENOUGH &&
                    text_has(line, (size_t)(p - line), "expanded from"))
                    c[-1].score = 0; /* what an alias made of it */
                s->count++;
            }
            p++;
        }
        line = nl ? nl + 1 : s->end;
    }
}

bool bounce_text_lists(const char *text)
{
    struct search s = {.text = text, .end = text + strnlen(text, LOOK_MAX)};
    const char *line = text;

    while (line < s.end) {
        const char *nl = memchr(line, '\n', (size_t)(s.end - line)), *stop = nl ? nl : s.end;
        const char *at = stop, *before, *p;
        struct candidate c;
        size_t n = 0;

        while (at > line && *at != '@')
            at--;
        if (at > line && address_at(&s, line, at, &c)) {
            for (p = c.s + c.n; p < stop && strchr(" \t\r>'\"", *p); p++)
                ;
            before = line_before(&s, line, &n);
            c.line = line;
            c.line_len = (size_t)(stop - line);
            if (p == stop && (leads_line(&c) || *line == '"') &&
                bounce_words_has(BOUNCE_WORDS_FAILURE, before, n))
                return true;
        }
        line = nl ? nl + 1 : s.end;
    }
    return false;
}

/* ---- status ---- */

/* "5.1.1" at p: its length, or 0. */
static size_t enhanced_at(const char *p, const char *end)
{
    const char *q = p + 1;
    int part;

    if ((*p != '2' && *p != '4' && *p != '5'))
        return 0;
    for (part = 0; part < 2; part++) {
        const char *digits = q + 1;

        if (q >= end || *q != '.')
            return 0;
        for (q = digits; q < end && isdigit((unsigned char)*q) && q - digits < 3; q++)
            ;
        if (q == digits)
            return 0;
    }
    return q < end && (*q == '.' || isdigit((unsigned char)*q)) ? 0 : (size_t)(q - p);
}

/* Words in one line, trimmed of what stands in front.  The text may have been cut inside of a
 * character, too. */
static const char *one_line(struct arena *a, const char *s, size_t n)
{
    char *out, *o;
    size_t i;

    n = charset_clip(s, n, WORDS_MAX);
    o = out = arena_alloc(a, n + 1);
    for (i = 0; out && i < n; i++)
        if (!isspace((unsigned char)s[i]))
            *o++ = s[i];
        else if (o > out && o[-1] != ' ')
            *o++ = ' ';
    while (out && o > out && o[-1] == ' ')
        *--o = '\0';
    return out ? xml_clean(a, out, (size_t)(o - out)) : NULL;
}

int bounce_text_status(struct arena *a, const char *words, size_t len, struct smtp_status *out)
{
    const char *p, *end = words + len, *text = words;
    size_t n;

    for (p = words; p < end; p++) {
        if (p > words && isalnum((unsigned char)p[-1]))
            continue;
        if (p > words && p[-1] == '.' && p - 1 > words &&
            isdigit((unsigned char)p[-2])) /* an IP address */
            continue;
        n = enhanced_at(p, end);
        if (n > 0 && !out->enhanced) {
            out->enhanced = arena_strndup(a, p, n);
            if (!out->enhanced)
                return -1;
            text = p + n;
        } else if (n == 0 && out->code == 0 && end - p >= 3 && has_code(p, 3) &&
                   (p == words || !strchr("-+.", p[-1])) &&
                   (end - p == 3 || strchr(" -#\t\n", p[3]))) {
            out->code = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
            text = p + 3;
        }
        p += n > 0 ? n - 1 : 0;
    }
    if (!out->enhanced)
        out->enhanced = bounce_words_code(words, len);
    while (text < end && strchr(" \t-:#>)]\n", *text))
        text++;
    if (!out->text && text < end)
        out->text = one_line(a, text, (size_t)(end - text));
    return out->text || text >= end ? 0 : -1;
}

/* Is there anything that tells one failure from another? */
static bool is_told(const struct smtp_status *s)
{
    return s->enhanced || s->code != 0;
}

/* ---- results ---- */

static bool is_known(const struct report *report, const char *s, size_t n)
{
    const struct report_recipient *r;

    for (r = report->recipients; r; r = r->next)
        if (is_same_text(r->address, s, n))
            return true;
    return false;
}

struct report_recipient *bounce_text_add(struct arena *a, struct report *report, const char *s,
                                         size_t n, enum report_action action)
{
    struct report_recipient **end = &report->recipients, *r = arena_alloc(a, sizeof *r);
    size_t count = 0;

    for (; *end; end = &(*end)->next)
        count++;
    if (!r || count >= REPORT_RECIPIENTS_MAX)
        return r;
    r->address = arena_strndup(a, s, n);
    if (!r->address)
        return NULL;
    r->action = action;
    *end = r;
    return r;
}

/* From the address on to the next chosen one, or some lines. */
static size_t reason_length(const struct search *s, size_t i, int least)
{
    const char *from = s->found[i].line, *p = from;
    int lines;

    for (lines = 0; p < s->end && lines < STATUS_LINES; lines++) {
        const char *nl = memchr(p, '\n', (size_t)(s->end - p));

        p = nl ? nl + 1 : s->end;
        for (size_t j = i + 1; j < s->count; j++)
            if (s->found[j].line == p && s->found[j].score >= least &&
                !(s->found[j].n == s->found[i].n &&
                  strncasecmp(s->found[j].s, s->found[i].s, s->found[i].n) == 0))
                return (size_t)(p - from);
    }
    return (size_t)(p - from);
}

static enum report_action action_of(const struct bounce_hints *in, const char *text, size_t n)
{
    bool warns =
        bounce_words_has(BOUNCE_WORDS_WARNING, text, n) ||
        (in->subject && bounce_words_has(BOUNCE_WORDS_WARNING, in->subject, strlen(in->subject)));
    bool final =
        bounce_words_has(BOUNCE_WORDS_FINAL, text, n) ||
        (in->subject && bounce_words_has(BOUNCE_WORDS_FINAL, in->subject, strlen(in->subject)));

    return warns && !final && !bounce_words_is_unknown_user(text, n) ? REPORT_DELAYED
                                                                     : REPORT_FAILED;
}

static int add_sure(struct arena *a, const struct bounce_hints *in, const struct search *s,
                    struct report *report, enum report_action action)
{
    struct mailbox *m;

    if (header_addr_list(a, in->sure, REPORT_RECIPIENTS_MAX, &m) < 0)
        return -1;
    for (; m; m = m->next) {
        const char *text = m->addr.domain ? addr_text(a, &m->addr) : NULL;
        struct report_recipient *r;
        size_t i;

        if (!m->addr.domain)
            continue;
        r = text ? bounce_text_add(a, report, text, strlen(text), action) : NULL;
        if (!r)
            return -1;
        for (i = 0; i < s->count; i++)
            if (is_same_text(text, s->found[i].s, s->found[i].n))
                break;
        if (i < s->count && bounce_text_status(a, s->found[i].line,
                                               reason_length(s, i, SCORE_ENOUGH), &r->status) < 0)
            return -1;
    }
    return 0;
}

/* The words round an address may be of a language that nobody here knows: where it is the only one
 * that can be meant, or the only one of those whom the returned message was for, it is. */
static const struct candidate *only_candidate(const struct search *s, bool known)
{
    const struct candidate *found = NULL;
    const struct mailbox *m;
    size_t i;

    for (i = 0; i < s->count; i++) {
        const struct candidate *c = &s->found[i];

        for (m = s->in->addressees; known && m; m = m->next)
            if (bounce_text_is_mail(&m->addr, c->s, c->n))
                break;
        if (c->score < 0 || (known && !m))
            continue;
        if (found && (found->n != c->n || strncasecmp(found->s, c->s, c->n) != 0))
            return NULL;
        found = found ? found : c;
    }
    return found;
}

static int add_only_candidate(struct arena *a, const struct search *s, struct report *report,
                              enum report_action action)
{
    const struct candidate *c = only_candidate(s, true);

    if (!c)
        c = only_candidate(s, false);
    return !c || bounce_text_add(a, report, c->s, c->n, action) ? 0 : -1;
}

/* What nothing behind the address explained, the line before it may, or of a single one the whole
 * text and the subject. */
static int explain(struct arena *a, const struct search *s, struct report *report)
{
    struct report_recipient *r;
    size_t i, n;

    for (r = report->recipients; r; r = r->next) {
        const char *before = NULL;

        for (i = 0; i < s->count && !before && !is_told(&r->status); i++)
            if (is_same_text(r->address, s->found[i].s, s->found[i].n))
                before = line_before(s, s->found[i].line, &n);
        if (before && bounce_text_status(a, before, n, &r->status) < 0)
            return -1;
    }
    r = report->recipients;
    if (!r || r->next || is_told(&r->status))
        return 0;
    if (bounce_text_status(a, s->text, (size_t)(s->end - s->text), &r->status) < 0)
        return -1;
    return is_told(&r->status) || !s->in->subject
               ? 0
               : bounce_text_status(a, s->in->subject, strlen(s->in->subject), &r->status);
}

/* A bounce that names nobody, of a message that was for one person. */
static int add_only_addressee(struct arena *a, const struct search *s, struct report *report,
                              enum report_action action)
{
    const struct mailbox *m = s->in->addressees;
    struct report_recipient *r;
    const char *full;

    if (!m || m->next || !bounce_text_is_bounce(s->text))
        return 0;
    full = addr_text(a, &m->addr);
    r = full ? bounce_text_add(a, report, full, strlen(full), action) : NULL;
    return r && bounce_text_status(a, s->text, (size_t)(s->end - s->text), &r->status) == 0 ? 0
                                                                                            : -1;
}

int bounce_text_read(struct arena *a, const struct bounce_hints *in, struct report *report)
{
    size_t n = bounce_text_end(in->text), i;
    struct search s = {.in = in, .text = in->text};
    enum report_action action;
    int least = 1, named;

    n = n < LOOK_MAX ? n : LOOK_MAX;
    s.end = in->text + n;
    s.found = arena_alloc(a, CANDIDATES_MAX * sizeof *s.found);
    if (!s.found)
        return -1;
    action = action_of(in, in->text, n);
    find_candidates(&s);
    if (in->sure)
        return add_sure(a, in, &s, report, action);
    named = bounce_names_read(a, in->addressees, NULL, in->text, n, action, report);
    if (named < 0)
        return -1;
    for (i = 0; i < s.count; i++)
        if (s.found[i].score >= SCORE_ENOUGH || named > 0)
            least = SCORE_ENOUGH;
    for (i = 0; i < s.count; i++) {
        const struct candidate *c = &s.found[i];
        struct report_recipient *r;

        if (c->score < least || is_known(report, c->s, c->n))
            continue;
        r = bounce_text_add(a, report, c->s, c->n, action);
        if (!r || bounce_text_status(a, c->line, reason_length(&s, i, least), &r->status) < 0)
            return -1;
    }
    if (!report->recipients && bounce_names_read(a, in->addressees, in->letter->from.mail.domain,
                                                 in->text, n, action, report) < 0)
        return -1;
    if (!report->recipients &&
        (add_only_candidate(a, &s, report, action) < 0 ||
         (!report->recipients && add_only_addressee(a, &s, report, action) < 0)))
        return -1;
    return explain(a, &s, report);
}
