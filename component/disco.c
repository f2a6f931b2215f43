/*
 * disco: service discovery.  Owns nothing but the table of features; no thread of its own.
 */
#include "component/disco.h"

#include "component/reply.h"
#include "component/vcard.h"

struct feature {
    const char *var;
    unsigned of; /* enum disco_of, or-ed */
};

static const struct feature features[] = {
    {DISCO_INFO_NS, DISCO_GATEWAY | DISCO_CONTACT},
    {DISCO_ITEMS_NS, DISCO_GATEWAY | DISCO_CONTACT},
    {"urn:xmpp:ping", DISCO_GATEWAY | DISCO_CONTACT}, /* XEP-0199 */
    {"jabber:iq:gateway", DISCO_GATEWAY},             /* XEP-0100 */
    {"jabber:iq:last", DISCO_GATEWAY},                /* XEP-0012 */
    {"jabber:iq:version", DISCO_GATEWAY},             /* XEP-0092 */
    {"urn:xmpp:time", DISCO_GATEWAY},                 /* XEP-0202 */
    {"jid\\20escaping", DISCO_GATEWAY},               /* XEP-0106 */
    {VCARD_NS, DISCO_GATEWAY | DISCO_CONTACT},        /* XEP-0054 */
    {"jabber:x:envelope", DISCO_GATEWAY | DISCO_CONTACT},
    {"http://jabber.org/protocol/address", DISCO_GATEWAY | DISCO_CONTACT}, /* XEP-0033 */
    {"http://jabber.org/protocol/amp", DISCO_GATEWAY | DISCO_CONTACT},     /* XEP-0079 */
    {"jabber:x:event", DISCO_GATEWAY | DISCO_CONTACT},                     /* XEP-0022 */
    {"urn:xmpp:receipts", DISCO_GATEWAY | DISCO_CONTACT},                  /* XEP-0184 */
    {"urn:xmpp:chat-markers:0", DISCO_GATEWAY | DISCO_CONTACT},            /* XEP-0333 */
    {"jabber:x:expire", DISCO_GATEWAY | DISCO_CONTACT},                    /* XEP-0023 */
    {"jabber:x:oob", DISCO_GATEWAY | DISCO_CONTACT},                       /* XEP-0066 */
};

/* A node is part of what is asked for (XEP-0030 §3.2); there are none yet. */
static struct xml_node *no_such_node(struct arena *a, const struct xml_node *iq, const char *ns)
{
    const char *node = xml_get(xml_child(iq, ns, "query"), "node");

    if (!node || node[0] == '\0')
        return NULL;
    return reply_error(a, iq, REPLY_ITEM_NOT_FOUND, "There is no such node here.");
}

static struct xml_node *add_identity(struct arena *a, struct xml_node *query, const char *category,
                                     const char *type, const char *name)
{
    struct xml_node *identity = xml_add(a, query, DISCO_INFO_NS, "identity");

    return xml_set(a, xml_set(a, xml_set(a, identity, "category", category), "type", type), "name",
                   name);
}

struct xml_node *disco_info(struct arena *a, const struct xml_node *iq, enum disco_of of,
                            const char *mail)
{
    struct xml_node *query, *reply = no_such_node(a, iq, DISCO_INFO_NS), *identity;
    size_t i;

    if (reply)
        return reply;
    reply = reply_query(a, iq, DISCO_INFO_NS, "query", &query);
    if (of == DISCO_GATEWAY)
        identity = add_identity(a, query, "gateway", "smtp", "Mail gateway");
    else
        identity = add_identity(a, query, "account", "registered", mail);
    if (!identity)
        return NULL;
    for (i = 0; i < sizeof features / sizeof features[0]; i++)
        if ((features[i].of & of) &&
            !xml_set(a, xml_add(a, query, DISCO_INFO_NS, "feature"), "var", features[i].var))
            return NULL;
    return reply;
}

struct xml_node *disco_items(struct arena *a, const struct xml_node *iq)
{
    struct xml_node *query, *reply = no_such_node(a, iq, DISCO_ITEMS_NS);

    return reply ? reply : reply_query(a, iq, DISCO_ITEMS_NS, "query", &query);
}
