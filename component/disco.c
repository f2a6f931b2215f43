/*
 * disco: service discovery.  Owns nothing but the tables of identities and features; no thread of
 * its own.
 */
#include "component/disco.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/keyed.h"
#include "component/commands.h"
#include "component/form.h"
#include "component/paging.h"
#include "component/reply.h"
#include "component/searching.h"
#include "component/vcard.h"

#define NODE         "https://postern.invalid/caps" /* of the software; nothing is to be found there */
#define SERVER_FORM  "http://jabber.org/network/serverinfo"
#define SERVER_FIELD "admin-addresses"

static const struct identity {
    enum disco_of of;
    const char *category, *type, *name;
} identities[] = {
    {DISCO_GATEWAY, "gateway", "smtp", "Mail gateway"},
    /* without a name, so that all contacts have one hash and clients ask only once */
    {DISCO_CONTACT, "account", "registered", NULL},
};

struct feature {
    const char *var;
    unsigned of; /* enum disco_of, or-ed */
};

static const struct feature features[] = {
    {DISCO_INFO_NS, DISCO_GATEWAY | DISCO_CONTACT},
    {DISCO_ITEMS_NS, DISCO_GATEWAY | DISCO_CONTACT},
    {"urn:xmpp:ping", DISCO_GATEWAY | DISCO_CONTACT},  /* XEP-0199 */
    {DISCO_CAPS_NS, DISCO_GATEWAY | DISCO_CONTACT},    /* XEP-0115 */
    {"jabber:iq:gateway", DISCO_GATEWAY},              /* XEP-0100 */
    {"jabber:iq:register", DISCO_GATEWAY},             /* XEP-0077 */
    {"jabber:iq:last", DISCO_GATEWAY | DISCO_CONTACT}, /* XEP-0012 */
    {SEARCHING_NS, DISCO_GATEWAY},                     /* XEP-0055 */
    {PAGING_NS, DISCO_GATEWAY},                        /* XEP-0059 */
    {"jabber:iq:version", DISCO_GATEWAY},              /* XEP-0092 */
    {"urn:xmpp:time", DISCO_GATEWAY},                  /* XEP-0202 */
    {"jid\\20escaping", DISCO_GATEWAY},                /* XEP-0106 */
    {VCARD_NS, DISCO_GATEWAY | DISCO_CONTACT},         /* XEP-0054 */
    {COMMANDS_NS, DISCO_GATEWAY},                      /* XEP-0050 */
    {"jabber:x:envelope", DISCO_GATEWAY | DISCO_CONTACT},
    {"http://jabber.org/protocol/address", DISCO_GATEWAY | DISCO_CONTACT},  /* XEP-0033 */
    {"http://jabber.org/protocol/amp", DISCO_GATEWAY | DISCO_CONTACT},      /* XEP-0079 */
    {"jabber:x:event", DISCO_GATEWAY | DISCO_CONTACT},                      /* XEP-0022 */
    {"urn:xmpp:receipts", DISCO_GATEWAY | DISCO_CONTACT},                   /* XEP-0184 */
    {"urn:xmpp:chat-markers:0", DISCO_GATEWAY | DISCO_CONTACT},             /* XEP-0333 */
    {"jabber:x:expire", DISCO_GATEWAY | DISCO_CONTACT},                     /* XEP-0023 */
    {"jabber:x:oob", DISCO_GATEWAY | DISCO_CONTACT},                        /* XEP-0066 */
    {"jabber:x:encrypted", DISCO_GATEWAY | DISCO_CONTACT},                  /* XEP-0027 */
    {"urn:xmpp:sfs:0", DISCO_GATEWAY | DISCO_CONTACT},                      /* XEP-0447 */
    {"urn:xmpp:reply:0", DISCO_GATEWAY | DISCO_CONTACT},                    /* XEP-0461 */
    {"urn:xmpp:message-correct:0", DISCO_GATEWAY | DISCO_CONTACT},          /* XEP-0308 */
    {"jabber:x:roster", DISCO_GATEWAY | DISCO_CONTACT},                     /* XEP-0093 */
    {"http://jabber.org/protocol/rosterx", DISCO_GATEWAY | DISCO_CONTACT},  /* XEP-0144 */
    {"http://jabber.org/protocol/shim", DISCO_GATEWAY | DISCO_CONTACT},     /* XEP-0131 */
    {"http://jabber.org/protocol/xhtml-im", DISCO_GATEWAY | DISCO_CONTACT}, /* XEP-0071 */
};

enum { FEATURES = sizeof features / sizeof features[0] };

static const struct identity *identity_of(enum disco_of of)
{
    return of == DISCO_GATEWAY ? &identities[0] : &identities[1];
}

/* Only the gateway is somebody's to look after. */
static size_t address_count(const struct disco_settings *settings, enum disco_of of)
{
    return of == DISCO_GATEWAY ? settings->contact_count : 0;
}

/* ---- the hash ---- */

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In octet order, each with its "<". */
static int add_sorted(struct buf *out, const char *const *texts, size_t count)
{
    const char **sorted = calloc(count + 1, sizeof *sorted);
    size_t i;

    if (!sorted)
        return -1;
    if (count > 0)
        memcpy(sorted, texts, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    for (i = 0; i < count; i++)
        buf_printf(out, "%s<", sorted[i]);
    free(sorted);
    return 0;
}

int disco_ver(const struct disco_settings *settings, enum disco_of of, char out[DISCO_VER_SIZE])
{
    const struct identity *identity = identity_of(of);
    const char *vars[FEATURES];
    size_t i, count = 0;
    struct buf b;
    int result;

    buf_init(&b, 1 << 20);
    buf_printf(&b, "%s/%s//%s<", identity->category, identity->type,
               identity->name ? identity->name : "");
    for (i = 0; i < FEATURES; i++)
        if (features[i].of & of)
            vars[count++] = features[i].var;
    result = add_sorted(&b, vars, count);
    if (result == 0 && address_count(settings, of) > 0) {
        buf_adds(&b, SERVER_FORM "<" SERVER_FIELD "<");
        result = add_sorted(&b, settings->contacts, settings->contact_count);
    }
    if (buf_failed(&b))
        result = -1;
    if (result == 0)
        keyed_sha1_base64(b.data, b.len, out);
    buf_clear(&b);
    return result;
}

struct xml_node *disco_caps(struct arena *a, struct xml_node *presence, const char *ver)
{
    struct xml_node *c = xml_add(a, presence, DISCO_CAPS_NS, "c");

    return xml_set(a, xml_set(a, xml_set(a, c, "hash", "sha-1"), "node", NODE), "ver", ver);
}

/* ---- answers ---- */

static const char *asked_node(const struct xml_node *iq, const char *ns)
{
    const char *node = xml_get(xml_child(iq, ns, "query"), "node");

    return node && node[0] != '\0' ? node : NULL;
}

static struct xml_node *no_such_node(struct arena *a, const struct xml_node *iq)
{
    return reply_error(a, iq, REPLY_ITEM_NOT_FOUND, "There is no such node here.");
}

/* What a presence of ours names (XEP-0115 §6.2). */
static bool is_caps_node(const char *node, const char *ver)
{
    size_t n = strlen(NODE "#");

    return strncmp(node, NODE "#", n) == 0 && strcmp(node + n, ver) == 0;
}

static struct xml_node *add_identity(struct arena *a, struct xml_node *query,
                                     const struct identity *identity)
{
    struct xml_node *node = xml_add(a, query, DISCO_INFO_NS, "identity");

    node = xml_set(a, xml_set(a, node, "category", identity->category), "type", identity->type);
    return identity->name ? xml_set(a, node, "name", identity->name) : node;
}

static struct xml_node *add_field(struct arena *a, struct xml_node *form, const char *var)
{
    return xml_set(a, xml_add(a, form, FORM_NS, "field"), "var", var);
}

/* XEP-0157, XEP-0128. */
static int add_addresses(struct arena *a, struct xml_node *query,
                         const struct disco_settings *settings)
{
    struct xml_node *form = xml_set(a, xml_add(a, query, FORM_NS, "x"), "type", "result");
    struct xml_node *field = xml_set(a, add_field(a, form, "FORM_TYPE"), "type", "hidden");
    size_t i;

    if (!xml_add_with_text(a, field, FORM_NS, "value", SERVER_FORM))
        return -1;
    field = xml_set(a, add_field(a, form, SERVER_FIELD), "type", "list-multi");
    for (i = 0; i < settings->contact_count; i++)
        if (!xml_add_with_text(a, field, FORM_NS, "value", settings->contacts[i]))
            return -1;
    return field ? 0 : -1;
}

struct xml_node *disco_info(struct arena *a, const struct xml_node *iq,
                            const struct disco_settings *settings, enum disco_of of,
                            const char *ver)
{
    const char *node = asked_node(iq, DISCO_INFO_NS);
    struct xml_node *query, *reply;
    size_t i;

    if (node && !is_caps_node(node, ver))
        return no_such_node(a, iq);
    reply = reply_query(a, iq, DISCO_INFO_NS, "query", &query);
    if ((node && !xml_set(a, query, "node", node)) || !add_identity(a, query, identity_of(of)))
        return NULL;
    for (i = 0; i < FEATURES; i++)
        if ((features[i].of & of) &&
            !xml_set(a, xml_add(a, query, DISCO_INFO_NS, "feature"), "var", features[i].var))
            return NULL;
    if (address_count(settings, of) > 0 && add_addresses(a, query, settings) < 0)
        return NULL;
    return reply;
}

struct xml_node *disco_items(struct arena *a, const struct xml_node *iq)
{
    struct xml_node *query;

    return disco_items_open(a, iq, &query);
}

struct xml_node *disco_items_open(struct arena *a, const struct xml_node *iq,
                                  struct xml_node **query_out)
{
    *query_out = NULL;
    return asked_node(iq, DISCO_ITEMS_NS) ? no_such_node(a, iq)
                                          : reply_query(a, iq, DISCO_ITEMS_NS, "query", query_out);
}

struct xml_node *disco_item(struct arena *a, struct xml_node *query, const char *jid,
                            const char *node, const char *name)
{
    struct xml_node *item = xml_set(a, xml_add(a, query, DISCO_ITEMS_NS, "item"), "jid", jid);

    if (node)
        item = xml_set(a, item, "node", node);
    return name ? xml_set(a, item, "name", name) : item;
}
