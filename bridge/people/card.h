/*
 * card: a contact's vCard (XEP-0054), with the name that the asker knows them by.  Loop thread.
 */
#ifndef BRIDGE_PEOPLE_CARD_H
#define BRIDGE_PEOPLE_CARD_H

#include "base/xml.h"
#include "bridge/gateway.h"

/* An iq get to a contact whose mail address is mail; takes the arena over, in which both are. */
void card_answer(struct gateway *g, struct xml_node *iq, const char *mail, struct arena *arena);

#endif
