/*
 * reply_all: circles, a line "to|cc TAB address TAB name" for each person.  No data of its own; the
 * look-up runs inside store work on its thread, the rest on any.
 */
#include "bridge/to_mail/reply_all.h"

#include "bridge/to_mail/threading.h"
#include "mapping/address/envelope.h"
#include "mapping/address/party.h"
#include "store/links.h"
#include "store/people.h"

#include <string.h>

enum { CIRCLE_MAX = 64 << 10 };

static bool is_open(const struct party *p)
{
    return (p->role == PARTY_TO || p->role == PARTY_CC) && p->mail.domain;
}

static size_t count_open(const struct party *p)
{
    size_t n = 0;

    for (; p; p = p->next)
        n += is_open(p);
    return n;
}

/* A name is for headers only: what would break the line is left out. */
static void write_name(struct buf *out, const char *name)
{
    for (; name && *name; name++)
        if ((unsigned char)*name >= ' ')
            buf_addc(out, *name);
}

const char *reply_all_circle(const struct letter *l)
{
    const struct party *list = count_open(l->parties) > 0 ? l->parties : l->recipients, *p;
    const char *text;
    struct buf out;

    if (count_open(list) == 0)
        return "";
    if (count_open(list) == 1 && l->recipients && !l->recipients->next) {
        for (p = list; !is_open(p);)
            p = p->next;
        if (party_is_same(p, l->recipients))
            return "";
    }
    buf_init(&out, CIRCLE_MAX);
    for (p = list; p && out.len < CIRCLE_MAX / 2; p = p->next) {
        if (!is_open(p))
            continue;
        buf_adds(&out, p->role == PARTY_CC ? "cc\t" : "to\t");
        addr_write(&out, &p->mail);
        buf_addc(&out, '\t');
        write_name(&out, p->name);
        buf_addc(&out, '\n');
    }
    text = buf_failed(&out) ? NULL : arena_strndup(l->arena, out.data, out.len);
    buf_clear(&out);
    return text;
}

int reply_all_find(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                   const char *bare_contact, const char **out, struct err *e)
{
    struct link *parent;

    *out = NULL;
    if (threading_parent(txn, letter, bare_jid, bare_contact, &parent, e) < 0)
        return -1;
    if (!parent)
        return 0;
    if (people_get_circle(txn, letter->arena, parent->id, out, e) < 0)
        return -1;
    *out = *out ? *out : "";
    return 0;
}

/* The author's own addresses are left out; everybody else is written to once. */
static int add_person(struct letter *l, const struct party *who, enum party_role role,
                      struct err *e)
{
    const struct party *p;
    unsigned count = 0;
    struct party *r;

    if (party_is_same(who, &l->from))
        return 0;
    if (!addr_is_ascii(&who->mail))
        return err_set(e, ERR_PERMANENT,
                       "The mail relay cannot take the address %s@%s: it has other than ASCII "
                       "characters before the @ (5.6.7).",
                       who->mail.local, who->mail.domain);
    if (party_check_sendable(who, e) < 0)
        return -1;
    if (party_keep(l, &l->parties, who, role) < 0)
        return err_memory(e);
    for (p = l->recipients; p; p = p->next, count++)
        if (party_is_same(p, who))
            return 0;
    if (count >= ENVELOPE_RECIPIENTS_MAX)
        return err_set(e, ERR_PERMANENT,
                       "The mail went to more people than the %d that a message can go to at once.",
                       ENVELOPE_RECIPIENTS_MAX);
    r = letter_add_party(l, &l->recipients);
    if (!r)
        return err_memory(e);
    *r = *who;
    r->role = role;
    r->next = NULL;
    return 0;
}

/* One line of a circle: an address that can no longer be read is left out. */
static int add_line(const struct context *ctx, struct letter *l, const char *line, size_t len,
                    struct err *e)
{
    char *text = arena_strndup(l->arena, line, len), *address, *name;
    struct party who = {0};
    struct err why = {0};

    if (!text)
        return err_memory(e);
    address = strchr(text, '\t');
    name = address ? strchr(address + 1, '\t') : NULL;
    if (!name)
        return 0;
    *address++ = '\0';
    *name++ = '\0';
    if (envelope_mail(ctx, l->arena, address, &who, &why) < 0)
        return why.class == ERR_RETRY ? err_memory(e) : 0;
    who.name = *name ? name : NULL;
    return add_person(l, &who, strcmp(text, "cc") == 0 ? PARTY_CC : PARTY_TO, e);
}

int reply_all_add(const struct context *ctx, struct letter *l, const char *circle, struct err *e)
{
    struct party contact = *l->recipients;

    contact.next = NULL;
    if (*circle && party_keep(l, &l->parties, &contact, PARTY_TO) < 0)
        return err_memory(e);
    while (*circle) {
        size_t n = strcspn(circle, "\n");

        if (add_line(ctx, l, circle, n, e) < 0)
            return -1;
        circle += n + (circle[n] == '\n');
    }
    return 0;
}
