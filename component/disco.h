/*
 * disco: what the gateway and its contacts say they are and can do (XEP-0030, XEP-0115), and whom
 * to write to about the gateway (XEP-0157).
 *
 * The one place where features are listed: announce one when it works, not before.  Any thread.
 */
#ifndef COMPONENT_DISCO_H
#define COMPONENT_DISCO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/xml.h"

#define DISCO_INFO_NS  "http://jabber.org/protocol/disco#info"
#define DISCO_ITEMS_NS "http://jabber.org/protocol/disco#items"
#define DISCO_CAPS_NS  "http://jabber.org/protocol/caps"

enum disco_of { DISCO_GATEWAY = 1, DISCO_CONTACT = 2 };

/* What is not the same for every gateway. */
struct disco_settings {
    const char *const *contacts; /* URIs of the administrators */
    size_t contact_count;
};

enum { DISCO_VER_SIZE = 29 };

/* The hash that stands for what disco_info says (XEP-0115 §5.1); -1: memory. */
int disco_ver(const struct disco_settings *settings, enum disco_of of,
              char out[DISCO_VER_SIZE]) MUST_CHECK;

/* Whole answers to an iq get; NULL when the arena is exhausted.  ver is what disco_ver gave. */
struct xml_node *disco_info(struct arena *a, const struct xml_node *iq,
                            const struct disco_settings *settings, enum disco_of of,
                            const char *ver);
struct xml_node *disco_items(struct arena *a, const struct xml_node *iq);
/* The same of gw: *query_out is for what is there; NULL: an error, as no node of ours was asked. */
struct xml_node *disco_items_open(struct arena *a, const struct xml_node *iq,
                                  struct xml_node **query_out);
/* An item; node and name may be NULL. */
struct xml_node *disco_item(struct arena *a, struct xml_node *query, const char *jid,
                            const char *node, const char *name);

/* The element that tells it in a presence; NULL when the arena is exhausted. */
struct xml_node *disco_caps(struct arena *a, struct xml_node *presence, const char *ver);

#endif
