/*
 * contacts: roster items and vCards as the contacts of a letter, and back.
 *
 * Addresses are a stranger's: what is no JID and no mail address is left out.  Everything lives in
 * an arena; no data, no thread of its own.
 */
#include "mapping/card/contacts.h"

#include <string.h>
#include <strings.h>

#include "mapping/mime/header_write.h"
#include "mapping/mime/mime_parts.h"
#include "mapping/names.h"
#include "mapping/text/text.h"
#include "mapping/card/vcard_read.h"
#include "mapping/card/vcard_write.h"

enum {
    WEIGHT_MAX = 60000, /* of the contacts in one stanza, see weight() */
    WORDS_MAX = 100000
};

/* ---- adding ---- */

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The contact with this JID in a list, new when there is none.  *out NULL: there are too many. */
static int add(struct arena *a, struct contact **list, const char *jid, bool *is_new_out,
               struct contact **out)
{
    struct contact **end = list;
    size_t count = 0;

    *is_new_out = false;
    for (; *end && !is_same((*end)->jid, jid); end = &(*end)->next)
        count++;
    *out = *end;
    if (*end || count >= CONTACTS_MAX)
        return 0;
    *out = *end = arena_alloc(a, sizeof **end);
    if (!*end)
        return -1;
    (*end)->jid = jid;
    *is_new_out = true;
    return 0;
}

/* -1: memory; 1: the address is none, or one that nobody can write to. */
static int verdict(const struct err *e)
{
    return e->class == ERR_RETRY ? -1 : 1;
}

/* ---- from a stanza ---- */

/* The bare JID of an item and, for a contact at gw, the address behind it. */
static int read_jid(const struct context *ctx, struct letter *l, const char *text, const char **jid,
                    const char **mail)
{
    struct addr addr;
    struct jid parsed;
    struct err e = {0};

    *mail = NULL;
    if (jid_parse(l->arena, text, &parsed, &e) < 0)
        return verdict(&e);
    if (strcmp(parsed.domain, address_map_gateway(ctx->map)) == 0) {
        if (address_map_contact_to_mail(ctx->map, l->arena, &parsed, &addr, NULL, &e) < 0)
            return verdict(&e);
        *mail = addr_text(l->arena, &addr);
        if (!*mail)
            return -1;
    }
    *jid = jid_bare(l->arena, &parsed);
    return *jid ? 0 : -1;
}

static int read_groups(struct letter *l, struct contact *c, const struct xml_node *item)
{
    const struct xml_node *node;

    c->groups = arena_alloc(l->arena, CONTACTS_GROUPS_MAX * sizeof *c->groups);
    if (!c->groups)
        return -1;
    for (node = xml_child(item, item->ns, "group"); node && c->group_count < CONTACTS_GROUPS_MAX;
         node = xml_next(node, item->ns, "group")) {
        const char *text = xml_text(l->arena, node);

        text = text ? text_line(l->arena, text, VCARD_TEXT_MAX) : NULL;
        if (!text)
            return -1;
        if (*text)
            c->groups[c->group_count++] = text;
    }
    return 0;
}

/* XEP-0144 §3: without an action an item is to be added. */
static bool has_action(const struct xml_node *item, const char *action)
{
    const char *text = xml_get(item, "action");

    return text && strcmp(text, action) == 0;
}

static int read_item(const struct context *ctx, struct letter *l, const struct xml_node *item,
                     struct contact **list)
{
    const char *text = xml_get(item, "jid"), *name = xml_get(item, "name"), *jid, *mail;
    struct contact *c;
    bool is_new;
    int result;

    if (!text)
        return 0;
    result = read_jid(ctx, l, text, &jid, &mail);
    if (result != 0)
        return result < 0 ? -1 : 0;
    if (add(l->arena, list, jid, &is_new, &c) < 0)
        return -1;
    if (!c || !is_new) /* the same person in both generations */
        return 0;
    c->mail = mail;
    c->is_removed = has_action(item, "delete");
    if (name) {
        c->name = text_line(l->arena, name, VCARD_TEXT_MAX);
        if (!c->name)
            return -1;
        if (*c->name == '\0')
            c->name = NULL;
    }
    return read_groups(l, c, item);
}

int contacts_read(const struct context *ctx, struct letter *l, const struct xml_node *x,
                  struct contact **changes)
{
    const struct xml_node *item;

    for (item = xml_child(x, x->ns, "item"); item; item = xml_next(item, x->ns, "item")) {
        bool is_change = has_action(item, "delete") || has_action(item, "modify");

        if (!is_change && xml_get(item, "action") && !has_action(item, "add"))
            continue; /* XEP-0144 knows no other */
        if (read_item(ctx, l, item, is_change ? changes : &l->contacts) < 0)
            return -1;
    }
    return 0;
}

/* ---- from a mail ---- */

static int add_card(struct letter *l, const struct vcard *card, const char *jid, const char *mail)
{
    struct contact *c;
    bool is_new;
    size_t i;

    if (add(l->arena, &l->contacts, jid, &is_new, &c) < 0)
        return -1;
    if (!c || !is_new)
        return 0;
    c->name = card->name;
    c->mail = mail;
    c->groups = arena_alloc(l->arena, (card->group_count + 1) * sizeof *c->groups);
    if (!c->groups)
        return -1;
    for (i = 0; i < card->group_count; i++)
        c->groups[c->group_count++] = card->groups[i];
    return 0;
}

/* A mail address as the one that a Jabber user writes to: a contact at gw, or a Jabber user's own.
 */
static int add_mail(const struct context *ctx, struct letter *l, const struct vcard *card,
                    const char *text)
{
    struct addr addr;
    struct jid jid;
    struct err e = {0};
    const char *bare, *mail = NULL;
    bool is_jabber;

    if (addr_parse(l->arena, text, &addr, &e) < 0)
        return verdict(&e) < 0 ? -1 : 0;
    is_jabber = address_map_owns_address(ctx->map, &addr);
    if ((is_jabber ? address_map_mail_to_jid(ctx->map, l->arena, &addr, &jid, NULL, &e)
                   : address_map_mail_to_contact(ctx->map, l->arena, &addr, &jid, NULL, &e)) < 0)
        return verdict(&e) < 0 ? -1 : 0;
    bare = jid_bare(l->arena, &jid);
    if (!is_jabber)
        mail = addr_text(l->arena, &addr);
    if (!bare || (!is_jabber && !mail))
        return -1;
    return add_card(l, card, bare, mail);
}

static int add_jid(const struct context *ctx, struct letter *l, const struct vcard *card,
                   const char *text)
{
    const char *jid, *mail;
    int result = read_jid(ctx, l, text, &jid, &mail);

    if (result != 0)
        return result < 0 ? -1 : 0;
    return add_card(l, card, jid, mail);
}

static bool is_vcard(const struct part *p)
{
    return part_is(p, "text/vcard") || part_is(p, "text/x-vcard") || part_is(p, "text/directory");
}

/* Is it the card of who wrote the mail? */
static bool is_of_author(const struct letter *l, const struct vcard *card)
{
    const struct addr *author = &l->from.mail;
    const char *text = author->domain ? addr_text(l->arena, author) : NULL;
    size_t i;

    for (i = 0; text && i < card->mail_count; i++)
        if (strcasecmp(card->mails[i], text) == 0)
            return true;
    return false;
}

static int read_portrait(struct letter *l, const struct vcard *card)
{
    if (l->portrait || !card->photo || !is_of_author(l, card))
        return 0;
    l->portrait = arena_alloc(l->arena, sizeof *l->portrait);
    if (!l->portrait)
        return -1;
    *l->portrait = (struct portrait){card->photo_type, card->photo, card->photo_len};
    return 0;
}

int contacts_read_mail(const struct context *ctx, struct letter *l, const struct part *p)
{
    const char *content;
    struct vcard *card;
    size_t len, i;

    if (!is_vcard(p))
        return 0;
    content = part_content(l->arena, p, VCARD_SIZE_MAX, &len);
    if (!content || vcard_read(l->arena, param_get(&p->type, "charset"), content, len, &card) < 0)
        return -1;
    for (; card; card = card->next) {
        if (read_portrait(l, card) < 0)
            return -1;
        for (i = 0; i < card->jid_count; i++)
            if (add_jid(ctx, l, card, card->jids[i]) < 0)
                return -1;
        for (i = 0; i < card->mail_count; i++)
            if (add_mail(ctx, l, card, card->mails[i]) < 0)
                return -1;
    }
    return 0;
}

/* ---- to mail ---- */

static void write_line(struct buf *out, const struct contact *c, const char *scheme,
                       const char *address)
{
    size_t i;

    if (c->name)
        buf_printf(out, "%s: ", c->name);
    buf_printf(out, "%s%s", scheme, address);
    for (i = 0; i < c->group_count; i++)
        buf_printf(out, "%s%s", i == 0 ? " (" : ", ", c->groups[i]);
    buf_adds(out, c->group_count > 0 ? ")\n" : "\n");
}

void contacts_write_text(struct buf *out, const struct letter *l)
{
    const struct contact *c;

    if (!l->contacts)
        return;
    buf_adds(out, l->contacts->next ? "Contacts:\n" : "Contact:\n");
    for (c = l->contacts; c; c = c->next) /* a JID looks like an address and is none */
        write_line(out, c, c->mail ? "" : "xmpp:", c->mail ? c->mail : c->jid);
}

static void write_changes(struct buf *out, const struct contact *changes, bool is_removed)
{
    const struct contact *c;
    bool has_title = false;

    for (c = changes; c; c = c->next) {
        if (c->is_removed != is_removed)
            continue;
        if (!has_title)
            buf_printf(out, "To be %s your contacts:\n",
                       is_removed ? "removed from" : "changed among");
        has_title = true;
        write_line(out, c, c->mail ? "" : "xmpp:", c->mail ? c->mail : c->jid);
    }
}

const char *contacts_changes_text(struct arena *a, const struct contact *changes)
{
    const char *text = NULL;
    struct buf b;

    buf_init(&b, WORDS_MAX);
    write_changes(&b, changes, false);
    write_changes(&b, changes, true);
    if (buf_failed(&b)) /* too much to be read by anybody */
        text = "There are more changes to your contacts than can be shown here.";
    else
        text = arena_strndup(a, b.data, b.len > 0 ? b.len - 1 : 0);
    buf_clear(&b);
    return text;
}

void contacts_write_part(struct buf *out, const struct letter *l)
{
    struct buf cards;

    buf_init(&cards, out->max);
    vcard_write(&cards, l->contacts);
    buf_adds(out, "Content-Disposition: attachment; filename=contacts.vcf\r\n");
    mime_text_part(out, "text/vcard; charset=utf-8", cards.data, cards.len);
    out->failed = out->failed || buf_failed(&cards);
    buf_clear(&cards);
}

/* ---- to Jabber ---- */

static struct xml_node *write_item(struct arena *a, struct xml_node *x, const struct contact *c)
{
    struct xml_node *item = xml_add(a, x, x->ns, "item");
    size_t i;

    if (strcmp(x->ns, NS_ROSTERX) == 0)
        item = xml_set(a, item, "action", "add");
    item = xml_set(a, item, "jid", c->jid);
    if (c->name)
        item = xml_set(a, item, "name", c->name);
    for (i = 0; i < c->group_count; i++)
        if (!xml_add_with_text(a, item, x->ns, "group", c->groups[i]))
            return NULL;
    return item;
}

/* Bytes it takes in both generations and in words, before escapes. */
static size_t weight(const struct contact *c)
{
    size_t i, n = strlen(c->jid) + (c->name ? strlen(c->name) : 0) + 40;

    for (i = 0; i < c->group_count; i++)
        n += strlen(c->groups[i]) + 20;
    return 3 * n;
}

/* The first contact that there is no room for in a stanza; NULL: there is for all. */
static const struct contact *first_left_out(const struct letter *l)
{
    const struct contact *c;
    size_t size = 0;

    for (c = l->contacts; c; c = c->next) {
        size += weight(c);
        if (size > WEIGHT_MAX)
            break;
    }
    return c;
}

static int write_x(struct arena *a, struct xml_node *stanza, const struct letter *l, const char *ns)
{
    const struct contact *c, *end = first_left_out(l);
    struct xml_node *x = xml_add(a, stanza, ns, "x");

    if (!x)
        return -1;
    for (c = l->contacts; c != end; c = c->next)
        if (!write_item(a, x, c))
            return -1;
    return 0;
}

int contacts_write_items(struct arena *a, struct xml_node *stanza, const struct letter *l)
{
    if (!l->contacts)
        return 0;
    return write_x(a, stanza, l, NS_X_ROSTER) < 0 || write_x(a, stanza, l, NS_ROSTERX) < 0 ? -1 : 0;
}

static int write_words(struct arena *a, struct xml_node *stanza, const struct letter *l)
{
    const struct contact *c, *end = first_left_out(l);
    struct buf body;
    int result = -1;

    buf_init(&body, WORDS_MAX);
    buf_adds(&body, l->contacts->next ? "Contacts:\n" : "Contact:\n");
    for (c = l->contacts; c != end; c = c->next)
        write_line(&body, c, "", c->mail ? c->mail : c->jid);
    if (end)
        buf_adds(&body, "[There are more contacts than can be shown here.]\n");
    if (!buf_failed(&body)) {
        buf_truncate(&body, body.len - 1);
        result = xml_add_with_text(a, stanza, stanza->ns, "body", body.data) ? 0 : -1;
    }
    buf_clear(&body);
    return result;
}

struct xml_node *contacts_write(const struct context *ctx, struct arena *a, const struct letter *l,
                                const struct party *recipient, const char *id)
{
    const char *gw = address_map_gateway(ctx->map);
    const struct jid *from = &l->from.jid;
    struct xml_node *stanza = xml_new(a, "jabber:component:accept", "message");
    bool is_contact = from->domain && strcmp(from->domain, gw) == 0;

    stanza = xml_set(a, stanza, "from", is_contact ? jid_bare(a, from) : gw);
    stanza = xml_set(a, stanza, "to", jid_text(a, &recipient->jid));
    stanza = xml_set(a, stanza, "type", l->type == LETTER_CHAT ? "chat" : "normal");
    stanza = xml_set(a, stanza, "id", id);
    if (!stanza || write_words(a, stanza, l) < 0)
        return NULL;
    if (l->thread && !xml_add_with_text(a, stanza, stanza->ns, "thread", l->thread))
        return NULL;
    return contacts_write_items(a, stanza, l) < 0 ? NULL : stanza;
}
