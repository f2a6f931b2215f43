/*
 * presence: what a user's presence says beside being there: the OpenPGP key it is signed with.
 * Loop thread.
 */
#ifndef BRIDGE_PEOPLE_PRESENCE_H
#define BRIDGE_PEOPLE_PRESENCE_H

#include "base/xml.h"
#include "bridge/gateway.h"

/* An available presence; borrows the stanza. */
void presence_available(struct gateway *g, const struct xml_node *stanza);

#endif
