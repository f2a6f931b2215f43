/*
 * registration: users tell the gateway about themselves, in a form of their client (XEP-0077): a
 * mail address of their own, and their name in mails.
 *
 * Loop thread.  Who has which address is in the store and, for the address map, in memory.
 */
#ifndef BRIDGE_PEOPLE_REGISTRATION_H
#define BRIDGE_PEOPLE_REGISTRATION_H

#include "base/arena.h"
#include "base/pairs.h"
#include "base/xml.h"
#include "bridge/gateway.h"

/* An iq get or set of jabber:iq:register to gw, of anybody; the arena is taken over.  The answer
 * follows when what was asked is on disk. */
void registration_asked(struct gateway *g, struct xml_node *iq, struct arena *arena);

/* The addresses that are registered, for address_map_register.  While the writer does not run.
 * NULL with *e filled. */
struct pairs *registration_load(struct store *store, struct err *e);
/* The same for the commands that do not serve; NULL: there is no store yet, or it cannot be read,
 * which is said on standard error. */
struct pairs *registration_read(const char *store_url);

#endif
