/*
 * disco: what the gateway and its contacts say they are and can do (XEP-0030).
 *
 * The one place where features are listed: announce one when it works, not before.  No data, any
 * thread.
 */
#ifndef COMPONENT_DISCO_H
#define COMPONENT_DISCO_H

#include "base/arena.h"
#include "base/xml.h"

#define DISCO_INFO_NS  "http://jabber.org/protocol/disco#info"
#define DISCO_ITEMS_NS "http://jabber.org/protocol/disco#items"

enum disco_of { DISCO_GATEWAY = 1, DISCO_CONTACT = 2 };

/* Whole answers to an iq get; NULL when the arena is exhausted.  mail: the contact's address, NULL
 * for the gateway itself. */
struct xml_node *disco_info(struct arena *a, const struct xml_node *iq, enum disco_of of,
                            const char *mail);
struct xml_node *disco_items(struct arena *a, const struct xml_node *iq);

#endif
