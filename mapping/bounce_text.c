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
#include "mapping/bounce_text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "mapping/header_addr.h"
#include "mapping/report_read.h"
#include "mapping/text_words.h"

enum {
    LOOK_MAX = 64 << 10,  /* bytes of text that are looked at */
    CANDIDATES_MAX = 300, /* addresses that are weighed */
    STATUS_LINES = 8,     /* lines behind an address that can say why */
    WORDS_MAX = 400,
    SCORE_ENOUGH = 3
};

static bool any(const char *const *list, const char *s, size_t n)
{
    for (; *list; list++)
        if (text_has(s, n, *list))
            return true;
    return false;
}

static const char *const bounce_words[] = {
    "could not be delivered",
    "couldn't be delivered",
    "cannot be delivered",
    "can not be delivered",
    "was not delivered",
    "not been delivered",
    "were not delivered",
    "unable to deliver",
    "undeliverable",
    "undelivered",
    "delivery failed",
    "delivery to the following",
    "failed to deliver",
    "did not reach",
    "did not receive your message",
    "returned mail",
    "returned to sender",
    "delivery failure",
    "permanent error",
    "permanent fatal error",
    "delivery notification",
    "delivery status",
    "user unknown",
    "unknown user",
    "no such user",
    "mailbox unavailable",
    "invalid mailbox",
    "unknown recipient",
    "recipient unknown",
    "does not exist",
    "not accepting mail",
    "message not delivered",
    "mail delivery",
    "non-delivery",
    "unable to be delivered",
    "cannot deliver",
    "can't be delivered",
    "been rejected",
    "was rejected",
    "had permanent",
    "still undelivered",
    "delivery attempt",
    "delivery error",
    "over quota",
    "no mailbox here",
    "no longer valid",
    "not exactly match",
    "account has been disabled",
    "mailbox is full",
    "could not deliver",
    "not deliver",
    "delayed",
    "will be retried",
    "no valid recipients",
    "invalid final",
    "not able to deliver",
    "delivery problems",
    "postponed",
    "nicht zugestellt",
    "nicht zustellbar",
    "konnte nicht",
    "unzustellbar",
    "non remis",
    "pas pu etre",
    "n'a pas pu",
    "no se pudo entregar",
    "no ha podido",
    "non recapitabile",
    "impossibile consegnare",
    "n\xc3\xa3o p\xc3\xb4"
    "de ser entregue",
    "kan inte levereras",
    "kunne ikke leveres",
    "niet worden bezorgd",
    "\xd0\xbd\xd0\xb5 \xd0\xbc\xd0\xbe\xd0\xb6\xd0\xb5\xd1\x82 \xd0\xb1\xd1\x8b\xd1\x82\xd1\x8c "
    "\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2",
    "\xe6\x97\xa0\xe6\xb3\x95\xe6\x8a\x95\xe9\x80\x92",
    "\xe6\x97\xa0\xe6\xb3\x95\xe9\x80\x81\xe8\xbe\xbe",
    "\xe9\x80\x80\xe4\xbf\xa1",
    "\xe9\x85\x8d\xe4\xbf\xa1\xe3\x81\xa7\xe3\x81\x8d\xe3\x81\xbe\xe3\x81\x9b\xe3\x82\x93",
    NULL,
};

static const char *const subjects[] = {
    "undeliver",
    "returned mail",
    "failure notice",
    "delivery failure",
    "delivery status",
    "delivery notif",
    "mail delivery",
    "delivery has failed",
    "delivery report",
    "delivery error",
    "non-delivery",
    "nondelivery",
    "returned to sender",
    "message status",
    "undelivered",
    "not delivered",
    "could not be delivered",
    "cannot be delivered",
    "unable to deliver",
    "delivery problem",
    "mail system error",
    "mail failure",
    "failed mail",
    "permanent",
    "bounce",
    "message delayed",
    "delayed mail",
    "warning: message",
    "warning: could not",
    "delayed",
    "unknown user",
    "user unknown",
    "unzustellbar",
    "nicht zugestellt",
    "nicht zustellbar",
    "non remis",
    "non distribu",
    "no entregado",
    "mancata consegna",
    "n\xc3\xa3o entregue",
    "onbestelbaar",
    "kan ikke leveres",
    "\xe9\x80\x80\xe4\xbf\xa1",
    "\xe7\xb3\xbb\xe7\xbb\x9f\xe9\x80\x80\xe4\xbf\xa1",
    NULL,
};

/* A line that announces addresses, or says why one failed. */
static const char *const reasons[] = {
    "unknown",
    "fail",
    "undeliver",
    "not deliver",
    "reject",
    "invalid",
    "disabled",
    "discontinued",
    "unavailable",
    "exist",
    "quota",
    "is full",
    "refused",
    "unable",
    "could not",
    "couldn't",
    "cannot",
    "can not",
    "can't",
    "no such",
    "not found",
    "not reach",
    "did not",
    "didn't",
    "not accept",
    "following",
    "recipient",
    "doesn't have",
    "not have",
    "not known",
    "no mailbox",
    "denied",
    "error",
    "originally addressed",
    "permanent",
    "deliver",
    "undeliverable",
    "no longer",
    "not listed",
    "not a valid",
    "inactive",
    "nicht",
    "pas pu",
    "no se",
    "\xd0\xbd\xd0\xb5",
    "\xe6\x97\xa0\xe6\xb3\x95",
    "\xe9\x80\x81",
    NULL,
};

/* A line on which an address is somebody to ask, or the message's own. */
static const char *const asides[] = {
    "contact",           "assistance",  "reply to",   "questions",  "e-mail to",  "email to",
    "send mail to",      "mailto:",     "help",       "message-id", "message id", "received:",
    "envelope-from",     "return-path", "mail from:", "from:<",     "from: <",    "reporting-mta",
    "your message from", "sender:",     "subject:",   "cc:",        "write to",   "complain",
    "report to",         NULL,
};

static const char *const warnings[] = {
    "warning",
    "delayed",
    "will be retried",
    "will retry",
    "still being",
    "still undelivered",
    "not yet been delivered",
    "not yet delivered",
    "do not need to resend",
    "no need to resend",
    "continue to try",
    "continue trying",
    "keep trying",
    "attempts will be made",
    "will continue",
    "will be attempted",
    "postponed",
    "no action is required",
    NULL,
};
static const char *const final_words[] = {
    "permanent",
    "giving up",
    "given up",
    "has failed",
    "delivery failed",
    "address(es) failed",
    "could not be delivered to one or more",
    "returned below",
    "this is a permanent",
    "fatal error",
    NULL,
};

static const struct {
    const char *words, *enhanced;
} meanings[] = {
    {"user unknown", "5.1.1"},
    {"unknown user", "5.1.1"},
    {"no such user", "5.1.1"},
    {"no mailbox here", "5.1.1"},
    {"addressee unknown", "5.1.1"},
    {"unknown recipient", "5.1.1"},
    {"recipient unknown", "5.1.1"},
    {"not recognized", "5.1.1"},
    {"does not exist", "5.1.1"},
    {"doesn't exist", "5.1.1"},
    {"doesn't have a", "5.1.1"},
    {"invalid mailbox", "5.1.1"},
    {"invalid recipient", "5.1.1"},
    {"user not found", "5.1.1"},
    {"no such mailbox", "5.1.1"},
    {"unknown address", "5.1.1"},
    {"unrouteable address", "5.1.1"},
    {"mailbox not found", "5.1.1"},
    {"not a valid user", "5.1.1"},
    {"mailbox unavailable", "5.1.1"},
    {"unknown or illegal", "5.1.1"},
    {"disabled", "5.2.1"},
    {"discontinued", "5.2.1"},
    {"inactive", "5.2.1"},
    {"quota", "5.2.2"},
    {"mailbox is full", "5.2.2"},
    {"mailbox full", "5.2.2"},
    {"host unknown", "5.1.2"},
    {"host not found", "5.1.2"},
    {"unknown host", "5.1.2"},
    {"domain not found", "5.1.2"},
    {"no such host", "5.1.2"},
    {"too large", "5.3.4"},
    {"too big", "5.3.4"},
    {"too many hops", "5.4.6"},
    {"loop", "5.4.6"},
    {"spam", "5.7.1"},
    {"relay", "5.7.1"},
    {"access denied", "5.7.1"},
    {"policy", "5.7.1"},
    {"timed out", "4.4.7"},
    {"timeout", "4.4.7"},
    {"not responding", "4.4.7"},
    {"queue too long", "4.4.7"},
    {"retry time", "4.4.7"},
    {"connection refused", "4.4.1"},
};

bool bounce_text_is_bounce(const char *text)
{
    size_t n = strlen(text);

    return any(bounce_words, text, n < LOOK_MAX ? n : LOOK_MAX);
}

bool bounce_text_is_subject(const char *subject)
{
    return subject && any(subjects, subject, strlen(subject));
}

/* ---- the returned message ---- */

static bool starts_with(const char *s, size_t n, const char *word)
{
    return n >= strlen(word) && strncasecmp(s, word, strlen(word)) == 0;
}

static bool begins_header(const char *s, size_t n)
{
    while (n > 0 && (*s == '>' || *s == ' ' || *s == '|')) {
        s++;
        n--;
    }
    return starts_with(s, n, "received: ") || starts_with(s, n, "return-path: ") ||
           starts_with(s, n, "message-id: <") || starts_with(s, n, "x-envelope-from: ");
}

static bool announces_message(const char *s, size_t n)
{
    static const char *const words[] = {"original message follow",
                                        "original message as received",
                                        "is a copy of",
                                        "copy of the original message",
                                        "unsent message below",
                                        "message header follow",
                                        "header of the original",
                                        "headers of the original",
                                        "headers follow",
                                        "your message follows",
                                        "text of your message",
                                        "original message text",
                                        "original message header",
                                        "message is included",
                                        "original text follows",
                                        "message reads (in part)",
                                        NULL};

    return any(words, s, n) ||
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

/* The address round the @ at p; false when it is none. */
static bool address_at(const struct search *s, const char *line, const char *p,
                       struct candidate *out)
{
    const char *from = p, *to = p + 1, *eq;

    while (from > line && is_local_char(from[-1]))
        from--;
    while (to < s->end && is_domain_char(*to))
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

static bool is_mail_of(const struct addr *addr, const char *s, size_t n)
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
        if (is_mail_of(&party->mail, c->s, c->n))
            return true;
    return is_mail_of(&l->from.mail, c->s, c->n);
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

/* Only the address on its line, or first there and followed by a colon? */
static bool leads_line(const struct candidate *c)
{
    const char *p = c->line, *end = c->line + c->line_len, *after = c->s + c->n;

    while (p < c->s && strchr(" \t<>*-\"'(", *p))
        p++;
    while (after < end && strchr(">)\"'", *after))
        after++;
    if (p != c->s)
        return false;
    while (after < end && strchr(" \t", *after))
        after++;
    return after == end || *after == ':' || *after == ';' || *after == ',' || *after == '(' ||
           *after == '.' || (after + 1 < end && strncmp(after, "on ", 3) == 0) || c->s[-1] == '<';
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
    if (any(reasons, c->line, c->line_len))
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
    if (any(reasons, before, n) || has_code(before, n))
        c->score += 1;
    if (any(asides, c->line, c->line_len))
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

            c->line = line;
            c->line_len = (size_t)(stop - line);
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

/* Words in one line, trimmed of what stands in front. */
static const char *one_line(struct arena *a, const char *s, size_t n)
{
    char *out, *o;
    size_t i;

    n = n < WORDS_MAX ? n : WORDS_MAX;
    while (n > 0 && n < WORDS_MAX && ((unsigned char)s[n] & 0xc0) == 0x80)
        n--;
    o = out = arena_alloc(a, n + 1);
    for (i = 0; out && i < n; i++)
        if (!isspace((unsigned char)s[i]))
            *o++ = s[i];
        else if (o > out && o[-1] != ' ')
            *o++ = ' ';
    while (out && o > out && o[-1] == ' ')
        *--o = '\0';
    return out;
}

int bounce_text_status(struct arena *a, const char *words, size_t len, struct smtp_status *out)
{
    const char *p, *end = words + len, *text = words;
    size_t i, n;

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
    for (i = 0; !out->enhanced && i < sizeof meanings / sizeof *meanings; i++)
        if (text_has(words, len, meanings[i].words))
            out->enhanced = meanings[i].enhanced;
    while (text < end && strchr(" \t-:#>)]\n", *text))
        text++;
    if (!out->text && text < end)
        out->text = one_line(a, text, (size_t)(end - text));
    return out->text || text >= end ? 0 : -1;
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

static struct report_recipient *add(struct arena *a, struct report *report, const char *s, size_t n,
                                    enum report_action action)
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
        any(warnings, text, n) || (in->subject && any(warnings, in->subject, strlen(in->subject)));
    bool final = any(final_words, text, n) ||
                 (in->subject && any(final_words, in->subject, strlen(in->subject)));
    size_t i;

    for (i = 0; i < sizeof meanings / sizeof *meanings && !final; i++)
        final = strcmp(meanings[i].enhanced, "5.1.1") == 0 && text_has(text, n, meanings[i].words);

    return warns && !final ? REPORT_DELAYED : REPORT_FAILED;
}

/* "screenname" below a line that announces it, at a provider that writes no domains. */
static int add_bare_name(struct arena *a, const struct search *s, struct report *report,
                         enum report_action action)
{
    const char *line = s->text, *domain = s->in->letter->from.mail.domain;

    while (domain && line < s->end) {
        const char *nl = memchr(line, '\n', (size_t)(s->end - line)), *stop = nl ? nl : s->end,
                   *p = line, *before, *name;
        size_t n = 0;

        while (p < stop && (*p == ' ' || *p == '\t'))
            p++;
        before = line_before(s, line, &n);
        if (p > line && p < stop && n > 0 && before[n - 1] == ':' && any(reasons, before, n)) {
            for (name = p; p < stop && (isalnum((unsigned char)*p) || strchr("._-", *p)); p++)
                ;
            if (p - name > 1 && p == stop) {
                const char *full = arena_printf(a, "%.*s@%s", (int)(p - name), name, domain);

                return full && add(a, report, full, strlen(full), action) ? 0 : -1;
            }
        }
        line = nl ? nl + 1 : s->end;
    }
    return 0;
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
        r = text ? add(a, report, text, strlen(text), action) : NULL;
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

int bounce_text_read(struct arena *a, const struct bounce_hints *in, struct report *report)
{
    size_t n = bounce_text_end(in->text), i;
    struct search s = {.in = in, .text = in->text};
    enum report_action action;
    int least = 1;

    n = n < LOOK_MAX ? n : LOOK_MAX;
    s.end = in->text + n;
    s.found = arena_alloc(a, CANDIDATES_MAX * sizeof *s.found);
    if (!s.found)
        return -1;
    action = action_of(in, in->text, n);
    find_candidates(&s);
    if (in->sure)
        return add_sure(a, in, &s, report, action);
    for (i = 0; i < s.count; i++)
        if (s.found[i].score >= SCORE_ENOUGH)
            least = SCORE_ENOUGH;
    for (i = 0; i < s.count; i++) {
        const struct candidate *c = &s.found[i];
        struct report_recipient *r;

        if (c->score < least || is_known(report, c->s, c->n))
            continue;
        r = add(a, report, c->s, c->n, action);
        if (!r || bounce_text_status(a, c->line, reason_length(&s, i, least), &r->status) < 0)
            return -1;
    }
    return report->recipients ? 0 : add_bare_name(a, &s, report, action);
}
