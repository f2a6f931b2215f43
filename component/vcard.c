/*
 * vcard: cards in the form of 2001, which every client reads.  Owns nothing, no thread of its own.
 */
#include "component/vcard.h"

#include <string.h>

#include "component/reply.h"

/* The JID that was asked, as somebody would add it. */
static const char *bare_jid(struct arena *a, const struct xml_node *iq)
{
    const char *to = xml_get(iq, "to");

    return to ? arena_strndup(a, to, strcspn(to, "/")) : NULL;
}

static struct xml_node *add(struct arena *a, struct xml_node *parent, const char *name,
                            const char *text)
{
    return text ? xml_add_with_text(a, parent, VCARD_NS, name, text) : NULL;
}

struct xml_node *vcard_gateway(struct arena *a, const struct xml_node *iq)
{
    struct xml_node *card, *reply = reply_query(a, iq, VCARD_NS, "vCard", &card);
    const char *jid = bare_jid(a, iq);
    const char *desc = jid ? arena_printf(a,
                                          "This gateway carries messages between Jabber and mail. "
                                          "To write to name@example.org, add the contact "
                                          "name\\40example.org@%s.",
                                          jid)
                           : NULL;

    if (!add(a, card, "FN", "Mail gateway") || !add(a, card, "JABBERID", jid) ||
        !add(a, card, "DESC", desc))
        return NULL;
    return reply;
}

static int add_photo(struct arena *a, struct xml_node *card, const struct vcard_photo *photo)
{
    struct xml_node *node = xml_add(a, card, VCARD_NS, "PHOTO");

    return add(a, node, "TYPE", photo->type) && add(a, node, "BINVAL", photo->base64) ? 0 : -1;
}

struct xml_node *vcard_contact(struct arena *a, const struct xml_node *iq, const char *name,
                               const char *mail, const struct vcard_photo *photo)
{
    struct xml_node *card, *reply = reply_query(a, iq, VCARD_NS, "vCard", &card), *email;

    if (!add(a, card, "FN", name ? name : mail))
        return NULL;
    email = xml_add(a, card, VCARD_NS, "EMAIL");
    if (!xml_add(a, email, VCARD_NS, "INTERNET") || !add(a, email, "USERID", mail) ||
        !add(a, card, "JABBERID", bare_jid(a, iq)) || (photo && add_photo(a, card, photo) < 0))
        return NULL;
    return reply;
}
