/*
 * people_read: addresses of a mail's header and envelope become people, known on both sides.
 *
 * The author is always a contact at gw, even when the address is one of md: a component may send
 * from its own domain alone (XEP-0114), and a From is easily forged.  Everybody else is a Jabber
 * user where the map says so.  Works in the letter's arena.  Any thread; a crash loses the one
 * mail.
 */
#include "mapping/address/people_read.h"

#include <string.h>
#include <strings.h>

#include "mapping/mime/header_addr.h"
#include "mapping/address/reverse_path.h"

struct people {
    const struct context *ctx;
    struct letter *letter;
    const struct mail_header *header;
    const struct mail_envelope *envelope;
    size_t parties; /* how many are in letter->parties */
    struct party **party_end;
    struct party **recipient_end;
    size_t recipients;
};

int people_add_notice(struct letter *l, const char *line)
{
    l->notice = l->notice ? arena_printf(l->arena, "%s\n%s", l->notice, line)
                          : arena_strdup(l->arena, line);
    return l->notice ? 0 : -1;
}

/* The contact at gw of a mail address; none when it cannot be one. -1: memory. */
static int set_contact(struct people *p, struct party *party)
{
    struct err e;

    err_clear(&e);
    if (address_map_mail_to_contact(p->ctx->map, p->letter->arena, &party->mail, &party->jid, NULL,
                                    &e) == 0)
        return 0;
    memset(&party->jid, 0, sizeof party->jid);
    return e.class == ERR_RETRY ? -1 : 0;
}

/* Both forms of the person behind a mail address. */
static int set_party(struct people *p, struct party *party, const char *name,
                     const struct addr *mail)
{
    struct err e;

    party->name = name;
    party->mail = *mail;
    if (!mail->domain)
        return 0;
    if (!address_map_owns_address(p->ctx->map, mail))
        return set_contact(p, party);
    err_clear(&e);
    party->is_jabber = true;
    if (address_map_mail_to_jid(p->ctx->map, p->letter->arena, mail, &party->jid, NULL, &e) == 0)
        return 0;
    memset(&party->jid, 0, sizeof party->jid);
    if (e.class == ERR_RETRY)
        return -1;
    return 0; /* an address of ours that is nobody's */
}

/* The first address of a field; found_out tells whether there is one. */
static int first_mailbox(struct people *p, const char *field, struct mailbox *out, bool *found_out)
{
    struct mailbox *list, *m;

    *found_out = false;
    if (header_addr_list(p->letter->arena, header_read_get(p->header, field), 50, &list) < 0)
        return -1;
    for (m = list; m && !m->addr.domain; m = m->next)
        if (m->name && !out->name)
            out->name = m->name; /* words where the address should be */
    if (m) {
        *out = *m;
        *found_out = true;
    }
    return 0;
}

/* ---- the author ---- */

/* reverse_path: what the transport knows, else Return-Path, topmost; "" is the null path. */
static int read_reverse_path(struct people *p)
{
    const char *value = header_read_get(p->header, "Return-Path");
    struct mailbox m = {0};
    bool found;

    if (p->envelope && p->envelope->reverse_path) {
        p->letter->reverse_path = arena_strdup(p->letter->arena, p->envelope->reverse_path);
        return p->letter->reverse_path ? 0 : -1;
    }
    if (!value)
        return 0;
    if (strncmp(value, "<>", 2) == 0) {
        p->letter->reverse_path = "";
        return 0;
    }
    if (first_mailbox(p, "Return-Path", &m, &found) < 0)
        return -1;
    if (!found)
        return 0;
    p->letter->reverse_path = addr_text(p->letter->arena, &m.addr);
    return p->letter->reverse_path ? 0 : -1;
}

static int parse_reverse_path(struct people *p, struct mailbox *out, bool *found_out)
{
    struct err e;

    *found_out = false;
    if (!p->letter->reverse_path || !*p->letter->reverse_path)
        return 0;
    err_clear(&e);
    if (addr_parse(p->letter->arena, p->letter->reverse_path, &out->addr, &e) == 0)
        *found_out = true;
    else if (e.class == ERR_RETRY)
        return -1;
    return 0;
}

/* From, else Sender, else the reverse-path.  A mail that says nothing of the kind is from the mail
 * system itself, as far as anybody can tell: it gets that name at md, so that it is delivered. */
static int read_from(struct people *p)
{
    struct letter *l = p->letter;
    struct mailbox m = {0};
    const char *name = NULL;
    bool found;

    if (first_mailbox(p, "From", &m, &found) < 0)
        return -1;
    name = m.name;
    if (!found && first_mailbox(p, "Sender", &m, &found) < 0)
        return -1;
    if (!found && parse_reverse_path(p, &m, &found) < 0)
        return -1;
    if (!found) {
        m.addr.local = "mailer-daemon";
        m.addr.domain = address_map_mail_domain(p->ctx->map);
        if (people_add_notice(l, "The mail does not say who sent it.") < 0)
            return -1;
    }
    l->from.name = m.name ? m.name : name;
    l->from.mail = m.addr;
    if (set_contact(p, &l->from) < 0)
        return -1;
    if (!l->from.jid.domain) { /* an address that no JID can hold */
        l->from.jid.node = "mailer-daemon";
        l->from.jid.domain = address_map_gateway(p->ctx->map);
    }
    if (!l->reverse_path && header_read_get(p->header, "From") && found) {
        l->reverse_path = addr_text(l->arena, &m.addr);
        return l->reverse_path ? 0 : -1;
    }
    return 0;
}

/* ---- those who are named ---- */

static int add_parties(struct people *p, const char *value, enum party_role role)
{
    struct mailbox *m;

    if (header_addr_list(p->letter->arena, value, PEOPLE_PARTIES_MAX - p->parties, &m) < 0)
        return -1;
    for (; m && p->parties < PEOPLE_PARTIES_MAX; m = m->next) {
        struct party *party;

        if (!m->addr.domain)
            continue;
        party = letter_add_party(p->letter, p->party_end);
        if (!party || set_party(p, party, m->name, &m->addr) < 0)
            return -1;
        party->role = role;
        party->delivered = true; /* XEP-0033: the mail system sees to the others */
        p->party_end = &party->next;
        p->parties++;
    }
    return 0;
}

static int add_fields(struct people *p, const char *field, enum party_role role)
{
    const char *value;
    size_t at = 0;

    while ((value = header_read_next(p->header, field, &at)))
        if (add_parties(p, value, role) < 0)
            return -1;
    return 0;
}

/* Replies that go elsewhere: the user is told (XEP-0033 §10). */
static int tell_reply_to(struct people *p)
{
    struct letter *l = p->letter;
    const struct party *party;
    const char *text;

    for (party = l->parties; party; party = party->next)
        if (party->role == PARTY_REPLY_TO && !addr_is_same(&party->mail, &l->from.mail))
            break;
    if (!party)
        return 0;
    text = addr_text(l->arena, &party->mail);
    text = text ? arena_printf(l->arena, "Replies go to %s", text) : NULL;
    return text ? people_add_notice(l, text) : -1;
}

/* ---- resent ---- */

static int fill_resent(struct people *p, struct resent *r, const char *name, const char *value)
{
    struct arena *a = p->letter->arena;
    struct mailbox *list;
    size_t at = 0;

    if (strcasecmp(name, "Resent-Date") == 0) {
        r->date_s = header_read_date(value);
    } else if (strcasecmp(name, "Resent-Message-ID") == 0) {
        r->message_id = header_read_id(a, value, &at);
    } else if (strcasecmp(name, "Resent-To") == 0) {
        struct party *to = NULL, **end = &to;

        if (header_addr_list(a, value, 50, &list) < 0)
            return -1;
        for (; list; list = list->next) {
            if (!list->addr.domain)
                continue;
            *end = arena_alloc(a, sizeof **end);
            if (!*end || set_party(p, *end, list->name, &list->addr) < 0)
                return -1;
            end = &(*end)->next;
        }
        if (!r->to)
            r->to = to;
    } else if (strcasecmp(name, "Resent-From") == 0 ||
               (strcasecmp(name, "Resent-Sender") == 0 && !r->by.mail.domain)) {
        if (header_addr_list(a, value, 1, &list) < 0)
            return -1;
        if (list && list->addr.domain)
            return set_party(p, &r->by, list->name, &list->addr);
    }
    return 0;
}

/* Blocks of Resent- fields, the newest first (RFC 5322 §3.6.6): one ends where another field stands
 * between, or where a field comes a second time. */
static int read_resent(struct people *p)
{
    struct resent **end = &p->letter->resent, *r = NULL;
    const char *seen[8];
    size_t i, j, seen_count = 0, count = 0;

    for (i = 0; i < p->header->count && count < PEOPLE_RESENT_MAX; i++) {
        const struct mail_header_field *f = &p->header->fields[i];
        bool again = false;

        if (strncasecmp(f->name, "Resent-", 7) != 0) {
            r = NULL;
            continue;
        }
        for (j = 0; j < seen_count; j++)
            again = again || strcasecmp(seen[j], f->name) == 0;
        if (!r || again) {
            seen_count = 0;
            r = *end = arena_alloc(p->letter->arena, sizeof *r);
            if (!r)
                return -1;
            end = &r->next;
            count++;
        }
        if (seen_count < sizeof seen / sizeof *seen)
            seen[seen_count++] = f->name;
        if (fill_resent(p, r, f->name, f->value) < 0)
            return -1;
    }
    for (end = &p->letter->resent; *end;) /* a block that names nobody says nothing */
        if ((*end)->by.mail.domain)
            end = &(*end)->next;
        else
            *end = (*end)->next;
    return 0;
}

/* ---- recipients ---- */

/* Adds the Jabber user behind an address, once; others are not ours to deliver to.  A reverse-path
 * of ours has no user, and one behind a stored alias is not known yet: both are kept.  So is, of
 * what the transport says, an address of ours that is nobody's: its sender shall hear of it. */
static int add_recipient(struct people *p, const struct addr *mail, const char *name, bool is_sure)
{
    struct party party = {0}, *other;

    if (!mail->domain || p->recipients >= PEOPLE_RECIPIENTS_MAX)
        return 0;
    if (set_party(p, &party, name, mail) < 0)
        return -1;
    if (!party.is_jabber)
        return 0;
    if (!party.jid.domain && !is_sure && !address_map_reverse(p->ctx->map, mail) &&
        !address_map_stored_alias(p->ctx->map, mail))
        return 0;
    if (address_map_reverse(p->ctx->map, mail))
        memset(&party.jid, 0, sizeof party.jid);
    for (other = p->letter->recipients; other; other = other->next)
        if (party.jid.domain && other->jid.domain ? jid_is_same_bare(&other->jid, &party.jid)
                                                  : addr_is_same(&other->mail, mail))
            return 0;
    other = letter_add_party(p->letter, p->recipient_end);
    if (!other)
        return -1;
    *other = party;
    other->next = NULL;
    p->recipient_end = &other->next;
    p->recipients++;
    return 0;
}

static int add_recipient_text(struct people *p, const char *text)
{
    struct addr mail = {0};
    struct err e;

    err_clear(&e);
    if (addr_parse(p->letter->arena, text, &mail, &e) < 0)
        return e.class == ERR_RETRY ? -1 : 0;
    return add_recipient(p, &mail, NULL, true);
}

static int add_recipient_list(struct people *p, const char *value, bool is_sure)
{
    struct mailbox *m;

    if (header_addr_list(p->letter->arena, value, PEOPLE_RECIPIENTS_MAX, &m) < 0)
        return -1;
    for (; m; m = m->next)
        if (add_recipient(p, &m->addr, m->name, is_sure) < 0)
            return -1;
    return 0;
}

/* What the last mail server noted.  Of each name only the topmost field counts, since those below
 * may have come with the mail; the first that leads to a user of ours wins, and an address of ours
 * that is nobody's only where none does.  Postfix writes the address as it was to X-Original-To and
 * what an alias made of it to Delivered-To. */
static int read_noted(struct people *p, bool is_sure)
{
    static const char *const names[] = {"Delivered-To", "X-Original-To", "Envelope-To"};
    bool seen[3] = {false, false, false};
    size_t i, j;

    for (i = 0; i < p->header->count && p->recipients == 0; i++)
        for (j = 0; j < 3; j++) {
            if (seen[j] || strcasecmp(p->header->fields[i].name, names[j]) != 0)
                continue;
            seen[j] = true;
            if (add_recipient_list(p, p->header->fields[i].value, is_sure) < 0)
                return -1;
        }
    return 0;
}

static int read_noted_recipients(struct people *p)
{
    if (read_noted(p, false) < 0)
        return -1;
    return p->recipients == 0 ? read_noted(p, true) : 0;
}

static int read_named_recipients(struct people *p)
{
    static const char *const names[] = {"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"};
    const char *value;
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++) {
        size_t at = 0;

        while ((value = header_read_next(p->header, names[i], &at)))
            if (add_recipient_list(p, value, false) < 0)
                return -1;
    }
    return 0;
}

/* An IMAP mailbox's own user may be named by the map though its domain is not ours. */
static int add_mailbox_user(struct people *p)
{
    struct party party = {0}, *added;
    struct err e;

    err_clear(&e);
    if (addr_parse(p->letter->arena, p->envelope->mailbox_address, &party.mail, &e) < 0 ||
        address_map_mail_to_jid(p->ctx->map, p->letter->arena, &party.mail, &party.jid, NULL, &e) <
            0)
        return e.class == ERR_RETRY ? -1 : 0;
    party.is_jabber = true;
    added = letter_add_party(p->letter, p->recipient_end);
    if (!added)
        return -1;
    *added = party;
    added->next = NULL;
    return 0;
}

static int read_recipients(struct people *p)
{
    const struct mail_envelope *envelope = p->envelope;
    size_t i;

    if (envelope && envelope->recipient_count > 0) {
        for (i = 0; i < envelope->recipient_count; i++)
            if (add_recipient_text(p, envelope->recipients[i]) < 0)
                return -1;
        return 0;
    }
    if (read_noted_recipients(p) < 0)
        return -1;
    if (p->recipients == 0 && read_named_recipients(p) < 0)
        return -1;
    if (p->recipients == 0 && envelope && envelope->mailbox_address && *envelope->mailbox_address)
        return add_mailbox_user(p);
    return 0;
}

int people_read(const struct context *ctx, struct letter *l, const struct mail_header *h,
                const struct mail_envelope *envelope, struct err *e)
{
    struct people p = {.ctx = ctx,
                       .letter = l,
                       .header = h,
                       .envelope = envelope,
                       .party_end = &l->parties,
                       .recipient_end = &l->recipients};

    if (read_reverse_path(&p) < 0 || read_from(&p) < 0 || add_fields(&p, "To", PARTY_TO) < 0 ||
        add_fields(&p, "Cc", PARTY_CC) < 0 || add_fields(&p, "Reply-To", PARTY_REPLY_TO) < 0 ||
        tell_reply_to(&p) < 0 || read_resent(&p) < 0 || read_recipients(&p) < 0)
        return err_memory(e);
    return 0;
}

int people_read_envelope(const struct context *ctx, struct letter *l, const struct mail_header *h,
                         const struct mail_envelope *envelope, struct err *e)
{
    struct people p = {.ctx = ctx,
                       .letter = l,
                       .header = h,
                       .envelope = envelope,
                       .recipient_end = &l->recipients};

    if (read_reverse_path(&p) < 0 || (!l->reverse_path && read_from(&p) < 0) ||
        read_recipients(&p) < 0)
        return err_memory(e);
    return 0;
}

static int settle(const struct address_map *map, struct letter *l, struct party *p)
{
    struct jid jid;
    int found = 0;

    if (p->is_jabber && p->mail.domain)
        found = address_map_registered(map, l->arena, &p->mail, &jid);
    if (found > 0)
        p->jid = jid;
    return found < 0 ? -1 : 0;
}

static int settle_list(const struct address_map *map, struct letter *l, struct party *p)
{
    for (; p; p = p->next)
        if (settle(map, l, p) < 0)
            return -1;
    return 0;
}

/* Was the user there before, by another address of theirs? */
static bool is_again(const struct letter *l, const struct party *who)
{
    const struct party *p;

    for (p = l->recipients; p != who; p = p->next)
        if (who->jid.domain && p->jid.domain && jid_is_same_bare(&p->jid, &who->jid))
            return true;
    return false;
}

int people_settle(const struct address_map *map, struct letter *l)
{
    struct party **place;

    if (settle(map, l, &l->from) < 0 || settle_list(map, l, l->parties) < 0 ||
        settle_list(map, l, l->recipients) < 0)
        return -1;
    for (place = &l->recipients; *place;)
        if (is_again(l, *place))
            *place = (*place)->next;
        else
            place = &(*place)->next;
    return 0;
}
