/*
 * bounce_names: names and the header of the returned message.
 *
 * Old directory servers and some providers write "juliet" where they mean juliet@example.org.  The
 * returned message knows the rest.  Works in the caller's arena.  Any thread; a crash loses the one
 * mail.
 */
#include "mapping/report/bounce_names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "mapping/report/bounce_text.h"
#include "mapping/report/bounce_words.h"

enum { ADDRESSEES_MAX = 50, NAME_MIN = 2 };

static bool is_there(const struct mailbox *list, const struct addr *addr)
{
    for (; list; list = list->next)
        if (strcasecmp(list->addr.local, addr->local) == 0 &&
            strcasecmp(list->addr.domain, addr->domain) == 0)
            return true;
    return false;
}

/* The addresses of value, those that are new; "rfc822;" may stand in front. */
static int add_value(struct arena *a, const char *value, struct mailbox **out)
{
    struct mailbox *m, *next, **end;
    size_t count = 0;

    if (strncasecmp(value, "rfc822;", 7) == 0)
        value += 7;
    if (header_addr_list(a, value, ADDRESSEES_MAX, &m) < 0)
        return -1;
    for (; m; m = next) {
        next = m->next;
        if (!m->addr.local || !m->addr.domain || is_there(*out, &m->addr))
            continue;
        for (end = out, count = 0; *end; end = &(*end)->next)
            count++;
        if (count >= ADDRESSEES_MAX)
            return 0;
        m->next = NULL;
        *end = m;
    }
    return 0;
}

/* RFC 5321 §4.4: "for <juliet@example.org>;" */
static int add_received(struct arena *a, const char *value, struct mailbox **out)
{
    const char *p, *text;
    size_t n;

    for (p = value; *p; p++) {
        if (strncasecmp(p, " for ", 5) != 0)
            continue;
        p += 5;
        p += strspn(p, " <");
        n = strcspn(p, " <>;,()");
        if (!memchr(p, '@', n))
            return 0;
        text = arena_strndup(a, p, n);
        return text ? add_value(a, text, out) : -1;
    }
    return 0;
}

int bounce_names_addressees(struct arena *a, const struct mail_header *h, struct mailbox **out)
{
    static const char *const fields[] = {
        "X-Original-To",       "Original-Recipient", "Delivered-To", "Envelope-To",
        "X-Failed-Recipients", "Resent-To",          "To",           "Cc"};
    const char *value;
    size_t at = 0, i;

    *out = NULL;
    while ((value = header_read_next(h, "Received", &at)))
        if (add_received(a, value, out) < 0)
            return -1;
    for (i = 0; i < sizeof fields / sizeof *fields; i++) {
        value = header_read_get(h, fields[i]);
        if (value && add_value(a, value, out) < 0)
            return -1;
    }
    return 0;
}

const struct mailbox *bounce_names_find(const struct mailbox *addressees, const char *name,
                                        size_t n)
{
    for (; addressees; addressees = addressees->next)
        if (strlen(addressees->addr.local) == n &&
            strncasecmp(addressees->addr.local, name, n) == 0)
            return addressees;
    return NULL;
}

int bounce_names_complete(struct arena *a, const struct mailbox *addressees, struct report *report)
{
    struct report_recipient *r;

    for (r = report->recipients; r; r = r->next) {
        const struct mailbox *m;

        if (!r->address || !*r->address || strchr(r->address, '@'))
            continue;
        m = bounce_names_find(addressees, r->address, strlen(r->address));
        if (!m && addressees && !addressees->next && !report->recipients->next)
            m = addressees;
        if (m && !(r->address = addr_text(a, &m->addr)))
            return -1;
    }
    return 0;
}

/* ---- names in free text ---- */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("._-+", c));
}

static bool says_why(const char *s, size_t n)
{
    return bounce_words_has(BOUNCE_WORDS_REASON, s, n);
}

struct line {
    const char *s;
    size_t n;
};

/* The address that the name at the start of the line stands for; NULL: none, or memory is out (then
 * *failed). */
static const char *full_address(struct arena *a, const struct mailbox *addressees,
                                const char *in_domain, struct line line, struct line above,
                                bool *failed)
{
    const char *name = line.s, *end = line.s + line.n, *stop, *full = NULL;
    bool announced = above.n > 0 && says_why(above.s, above.n);
    const struct mailbox *m;

    while (name < end && strchr(" \t<\"'*-", *name))
        name++;
    for (stop = name; stop < end && is_name_char(*stop); stop++)
        ;
    if (stop - name < NAME_MIN || (stop < end && *stop == '@'))
        return NULL;
    m = bounce_names_find(addressees, name, (size_t)(stop - name));
    if (m && (announced || says_why(stop, (size_t)(end - stop)))) {
        full = addr_text(a, &m->addr);
        *failed = !full;
    } else if (in_domain && stop == end && name > line.s && announced &&
               above.s[above.n - 1] == ':') {
        full = arena_printf(a, "%.*s@%s", (int)(stop - name), name, in_domain);
        *failed = !full;
    }
    return full;
}

int bounce_names_read(struct arena *a, const struct mailbox *addressees, const char *in_domain,
                      const char *text, size_t n, enum report_action action, struct report *report)
{
    const char *p = text, *end = text + n;
    struct line above = {NULL, 0};
    int count = 0;

    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *full;
        struct line line = {p, (size_t)((nl ? nl : end) - p)};
        struct report_recipient *r;
        bool failed = false;

        while (line.n > 0 && isspace((unsigned char)line.s[line.n - 1]))
            line.n--;
        full = full_address(a, addressees, in_domain, line, above, &failed);
        if (failed)
            return -1;
        if (full) {
            const char *from = above.n > 0 && says_why(above.s, above.n) ? above.s : p;
            size_t rest = (size_t)(end - from) < 400 ? (size_t)(end - from) : 400;

            r = bounce_text_add(a, report, full, strlen(full), action);
            if (!r || bounce_text_status(a, from, rest, &r->status) < 0)
                return -1;
            count++;
        }
        if (line.n > 0)
            above = line;
        p = nl ? nl + 1 : end;
    }
    return count;
}
