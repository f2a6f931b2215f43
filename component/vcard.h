/*
 * vcard: the cards of the gateway and of its contacts (XEP-0054).  Whole answers to an iq get, made
 * in the arena; NULL when it is exhausted.  Any thread.
 */
#ifndef COMPONENT_VCARD_H
#define COMPONENT_VCARD_H

#include "base/arena.h"
#include "base/xml.h"

#define VCARD_NS "vcard-temp"

/* Of the gateway itself, which the iq was sent to. */
struct xml_node *vcard_gateway(struct arena *a, const struct xml_node *iq);

struct vcard_photo {
    const char *type, *base64;
};

/* Of a contact, which the iq was sent to; name may be NULL, and then the address stands for it; and
 * photo may be NULL. */
struct xml_node *vcard_contact(struct arena *a, const struct xml_node *iq, const char *name,
                               const char *mail, const struct vcard_photo *photo);

#endif
