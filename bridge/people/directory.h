/*
 * directory: what users can find out about their own contacts: who they are (disco#items of the
 * gateway, XEP-0030), search among them (XEP-0055), and when one last wrote (XEP-0012).
 *
 * Nobody learns anything of another's contacts.  Loop thread.
 */
#ifndef BRIDGE_PEOPLE_DIRECTORY_H
#define BRIDGE_PEOPLE_DIRECTORY_H

#include "bridge/gateway.h"

/* A question as the router hands it on; takes the arena over. */
void directory_asked(struct gateway *g, struct xml_node *iq, struct arena *arena);

#endif
