/*
 * roster: who has which contact in their list, remembered, so that contacts come back after the
 * gateway or the host has been away, and are gone while it is.
 *
 * Loop thread.
 */
#ifndef BRIDGE_PEOPLE_ROSTER_H
#define BRIDGE_PEOPLE_ROSTER_H

#include <stdbool.h>

#include "bridge/gateway.h"

struct roster *roster_new(struct gateway *g);
void roster_free(struct roster *r); /* the store has stopped; takes NULL */

/* A user subscribes to a contact or to gw (JIDs, with or without resource).  They are answered by
 * router_welcome when it is on disk.  false: too many wait, nobody is answered. */
bool roster_subscribe(struct roster *r, const char *user, const char *contact);
/* They are subscribed already, as their host says by a probe.  They see the contact when that is on
 * disk; false: not from here. */
bool roster_seen(struct roster *r, const char *user, const char *contact);
void roster_unsubscribe(struct roster *r, const char *user, const char *contact);

/* A user who is subscribed to a contact sees what they look like now (router_announce). */
void roster_refresh(struct roster *r, const char *user, const char *contact, const char *photo);

/* The stream is up: everybody sees their contacts again, some at a time. */
void roster_up(struct roster *r);
void roster_down(struct roster *r);
/* Users have removed their registration: their contacts leave their lists. */
void roster_part(struct roster *r);
/* The gateway stops: contacts are unavailable.  roster_is_idle tells when all is said. */
void roster_farewell(struct roster *r);
bool roster_is_idle(const struct roster *r);

#endif
