/*
 * display_name: how a person calls themself, made fit to stand before their address.  Pure; any
 * thread.
 */
#ifndef MAPPING_ADDRESS_DISPLAY_NAME_H
#define MAPPING_ADDRESS_DISPLAY_NAME_H

#include "base/arena.h"
#include "base/xml.h"

/* The name on one line without controls and what is not to be seen, at most DISPLAY_NAME_MAX bytes.
 * "" when nothing is left, or when it would pass for more than a name: an address (many programs
 * show the name alone) or an encoded word.  NULL when the arena is exhausted. */
const char *display_name(struct arena *a, const char *text) MUST_CHECK;

/* Of a vCard (XEP-0054), the element itself: FN, else NICKNAME, else N; as above. */
const char *display_name_of_vcard(struct arena *a, const struct xml_node *vcard) MUST_CHECK;

enum { DISPLAY_NAME_MAX = 120 };

#endif
