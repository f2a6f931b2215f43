/*
 * shows: as what a user is there: their resources, and which of them counts.  Pure; any thread.
 */
#ifndef BRIDGE_PEOPLE_SHOWS_H
#define BRIDGE_PEOPLE_SHOWS_H

#include <stdbool.h>

#include "base/xml.h"

/* In the order in which users are likely to read.  The numbers stand in databases. */
enum show {
    SHOW_UNKNOWN = 0, /* the gateway does not see their presence */
    SHOW_CHAT = 1,
    SHOW_ONLINE = 2,
    SHOW_AWAY = 3,
    SHOW_XA = 4,
    SHOW_DND = 5,
    SHOW_OFFLINE = 6,
    SHOW_COUNT
};

enum { SHOWS_MAX = 16 }; /* resources of a user that are looked at */

struct shows { /* zeroed: none */
    struct {
        unsigned long long who; /* a hash of the resource */
        signed char priority;
        unsigned char show;
    } of[SHOWS_MAX];
    unsigned count;
};

/* A presence without type, or "unavailable", from this resource ("": from the user as such). */
void shows_take(struct shows *s, const char *resource, const struct xml_node *presence);

/* That of the highest priority; of several the one that comes first in the list above.  Resources
 * below 0 get no messages (RFC 6121 §8.5.2.1.1), so with those alone a user is offline. */
enum show shows_best(const struct shows *s);

const char *show_name(enum show show);

#endif
