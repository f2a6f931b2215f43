/*
 * addresses: one small function for each type of address.  Everything lives in the letter's arena;
 * no thread of its own, and nothing is left behind.
 */
#include "mapping/address/addresses.h"

#include <string.h>
#include <strings.h>

#include "mapping/address/envelope.h"
#include "mapping/mime/header_write.h"
#include "mapping/names.h"
#include "mapping/address/party.h"
#include "mapping/text/text.h"

/* ---- reading ---- */

struct reading {
    const struct context *ctx;
    struct letter *letter;
    struct jabber_error *error;
    unsigned addresses, recipients;
};

static enum stanza_verdict refuse(struct reading *r, const char *condition, const char *text)
{
    if (!text)
        return STANZA_FAILED;
    jabber_error_init(r->error, condition, text);
    return STANZA_REFUSED;
}

static enum stanza_verdict refuse_address(struct reading *r, const struct xml_node *node,
                                          const char *why)
{
    const char *jid = xml_get(node, "jid"), *uri = xml_get(node, "uri");
    const char *address = jid ? jid : uri ? uri : "";

    return refuse(r, "jid-malformed",
                  arena_printf(r->letter->arena,
                               "The address \"%.*s\" of type %s cannot be used: %s. The message "
                               "was sent to nobody.",
                               (int)header_clip(address, 200), address, xml_get(node, "type"),
                               why));
}

static enum stanza_verdict keep(struct reading *r, struct party **list, const struct party *who,
                                enum party_role role)
{
    return party_keep(r->letter, list, who, role) < 0 ? STANZA_FAILED : STANZA_LETTER;
}

static enum stanza_verdict read_recipient(struct reading *r, const struct party *who,
                                          enum party_role role)
{
    if (!who->delivered && ++r->recipients > ENVELOPE_RECIPIENTS_MAX)
        return refuse(r, "not-acceptable",
                      arena_printf(r->letter->arena,
                                   "A message can go to at most %d addresses at once.",
                                   ENVELOPE_RECIPIENTS_MAX));
    return keep(r, &r->letter->parties, who, role);
}

static enum stanza_verdict read_to(struct reading *r, const struct party *who)
{
    return read_recipient(r, who, PARTY_TO);
}

static enum stanza_verdict read_cc(struct reading *r, const struct party *who)
{
    return read_recipient(r, who, PARTY_CC);
}

static enum stanza_verdict read_bcc(struct reading *r, const struct party *who)
{
    return read_recipient(r, who, PARTY_BCC);
}

static enum stanza_verdict read_replyto(struct reading *r, const struct party *who)
{
    return keep(r, &r->letter->parties, who, PARTY_REPLY_TO);
}

/* The server vouches for the sender alone: another name is what the stanza claims, never From. */
static enum stanza_verdict read_ofrom(struct reading *r, const struct party *who)
{
    struct letter *l = r->letter;

    if (!party_is_same(who, &l->from))
        return keep(r, &l->claimed_from, who, PARTY_TO);
    return who->name && party_name_author(l, who->name) < 0 ? STANZA_FAILED : STANZA_LETTER;
}

static const struct kind {
    const char *type;
    enum stanza_verdict (*read)(struct reading *r, const struct party *who);
} kinds[] = {
    {"to", read_to},           {"cc", read_cc},       {"bcc", read_bcc},
    {"replyto", read_replyto}, {"ofrom", read_ofrom},
};

static const struct kind *kind_of(const char *type)
{
    size_t i;

    for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].type, type) == 0)
            return &kinds[i];
    return NULL;
}

/* A room is no person: mail cannot go there, it can only be told of it. */
static enum stanza_verdict read_replyroom(struct reading *r, const struct xml_node *node)
{
    const char *text = xml_get(node, "jid");
    struct arena *a = r->letter->arena;
    struct err e = {0};
    struct jid jid;

    if (!text || xml_get(node, "uri"))
        return refuse_address(r, node, "a room has a jid and no uri");
    if (jid_parse(a, text, &jid, &e) < 0)
        return e.class == ERR_RETRY ? STANZA_FAILED : refuse_address(r, node, e.text);
    r->letter->reply_room = jid_bare(a, &jid);
    return r->letter->reply_room ? STANZA_LETTER : STANZA_FAILED;
}

/* Of jid and uri, the one that stands there; NULL with *why_out when that is no way to address
 * anybody. */
static const char *address_of(const struct xml_node *node, const char **why_out)
{
    const char *jid = xml_get(node, "jid"), *uri = xml_get(node, "uri");

    *why_out = NULL;
    if (jid && uri)
        *why_out = "it has a jid and a uri, which exclude each other";
    else if (!jid && !uri)
        *why_out = "it has neither jid nor uri";
    else if (uri && xml_get(node, "node"))
        *why_out = "it has a uri and a node, which exclude each other";
    else if (uri && strncasecmp(uri, "mailto:", 7) != 0)
        *why_out = "only mailto: is known here";
    return *why_out ? NULL : jid ? jid : uri;
}

static bool is_true(const char *value)
{
    return value && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

static enum stanza_verdict read_person(struct reading *r, const struct xml_node *node,
                                       const struct kind *kind)
{
    struct arena *a = r->letter->arena;
    const char *why, *address = address_of(node, &why), *desc = xml_get(node, "desc");
    struct party who = {0};
    struct err e = {0};

    if (!address)
        return refuse_address(r, node, why);
    if (envelope_address(r->ctx, a, address, &who, &e) < 0)
        return e.class == ERR_RETRY ? STANZA_FAILED : refuse_address(r, node, e.text);
    if (desc) {
        who.name = text_line(a, desc, HEADER_NAME_MAX);
        if (!who.name)
            return STANZA_FAILED;
        if (*who.name == '\0')
            who.name = NULL;
    }
    who.delivered = is_true(xml_get(node, "delivered"));
    return kind->read(r, &who);
}

static enum stanza_verdict read_address(struct reading *r, const struct xml_node *node)
{
    const char *type = xml_get(node, "type");
    const struct kind *kind;

    if (!type)
        return refuse(r, "bad-request", "An <address/> has no type (XEP-0033 §4).");
    if (++r->addresses > ENVELOPE_ADDRESSES_MAX)
        return refuse(r, "not-acceptable", "The message has too many addresses.");
    if (strcmp(type, "noreply") == 0) {
        r->letter->no_reply = true;
        return STANZA_LETTER;
    }
    if (strcmp(type, "replyroom") == 0)
        return read_replyroom(r, node);
    kind = kind_of(type);
    return kind ? read_person(r, node, kind) : STANZA_LETTER; /* a type of a later time */
}

enum stanza_verdict addresses_read(const struct context *ctx, struct letter *letter,
                                   const struct xml_node *addresses, struct jabber_error *error)
{
    struct reading r = {.ctx = ctx, .letter = letter, .error = error};
    const struct xml_node *child;
    enum stanza_verdict verdict = STANZA_LETTER;

    for (child = addresses->first; child && verdict == STANZA_LETTER; child = child->next)
        if (child->name && strcmp(child->name, "address") == 0)
            verdict = read_address(&r, child);
    return verdict;
}

/* ---- writing ---- */

/* RFC 6068 §2: what a mailto: URI may not hold as it is. */
static const char *mailto(struct arena *a, const struct addr *mail)
{
    const char *text = addr_text(a, mail), *p, *uri = NULL;
    struct buf out;

    if (!text)
        return NULL;
    buf_init(&out, 16 + 3 * strlen(text));
    buf_adds(&out, "mailto:");
    for (p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c > ' ' && c < 0x7f && !strchr("\"#%&,/;<=>?[\\]^`{|}", c))
            buf_addc(&out, *p);
        else
            buf_printf(&out, "%%%02X", c);
    }
    if (!buf_failed(&out))
        uri = arena_strndup(a, out.data, out.len);
    buf_clear(&out);
    return uri;
}

struct writing {
    struct arena *a;
    struct xml_node *addresses;
    unsigned count;
};

static struct xml_node *add(struct writing *w, const char *type)
{
    return xml_set(w->a, xml_add(w->a, w->addresses, NS_ADDRESS, "address"), "type", type);
}

static int add_person(struct writing *w, const char *type, const struct party *p, bool delivered)
{
    struct xml_node *node;

    if ((!p->jid.domain && !p->mail.domain) || w->count >= ENVELOPE_ADDRESSES_MAX)
        return 0;
    w->count++;
    node = add(w, type);
    node = p->jid.domain ? xml_set(w->a, node, "jid", jid_bare(w->a, &p->jid))
                         : xml_set(w->a, node, "uri", mailto(w->a, &p->mail));
    if (p->name)
        node = xml_set(w->a, node, "desc", p->name);
    if (delivered)
        node = xml_set(w->a, node, "delivered", "true");
    return node ? 0 : -1;
}

static int add_role(struct writing *w, const struct letter *l, enum party_role role,
                    const char *type)
{
    const struct party *p;

    for (p = l->parties; p; p = p->next)
        if (p->role == role && add_person(w, type, p, role != PARTY_REPLY_TO) < 0)
            return -1;
    return 0;
}

static int add_people(struct writing *w, const struct letter *l, const struct party *recipient)
{
    if (add_role(w, l, PARTY_TO, "to") < 0 || add_role(w, l, PARTY_CC, "cc") < 0)
        return -1;
    if (recipient->role == PARTY_BCC && add_person(w, "bcc", recipient, true) < 0)
        return -1;
    return l->no_reply ? 0 : add_role(w, l, PARTY_REPLY_TO, "replyto");
}

int addresses_write(const struct context *ctx, struct arena *a, const struct letter *l,
                    const struct party *recipient, struct xml_node *stanza)
{
    struct writing w = {a, xml_new(a, NS_ADDRESS, "addresses"), 0};

    if (!w.addresses || add_people(&w, l, recipient) < 0)
        return -1;
    if (l->reply_room && !xml_set(a, add(&w, "replyroom"), "jid", l->reply_room))
        return -1;
    if (l->no_reply && !add(&w, "noreply"))
        return -1;
    /* Where the stanza comes from the gateway, its author would not stand in it. */
    if (l->from.jid.domain && strcmp(l->from.jid.domain, address_map_gateway(ctx->map)) != 0 &&
        add_person(&w, "ofrom", &l->from, false) < 0)
        return -1;
    if (w.addresses->first)
        xml_append(stanza, w.addresses);
    return 0;
}
