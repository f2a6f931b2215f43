/*
 * release: mails that are held go, and their users are told of them.
 *
 * When a user comes or goes, says so, or its time has come (store/held.h).  Loop thread, the rest
 * as store work.
 */
#ifndef BRIDGE_TO_JABBER_RELEASE_H
#define BRIDGE_TO_JABBER_RELEASE_H

#include "bridge/gateway.h"
#include "bridge/people/shows.h"

enum {
    RELEASE_MAX = 50 /* mails of one user that go in a second */
};

struct release *release_new(struct gateway *g);
void release_free(struct release *r); /* the store has stopped; takes NULL */

/* The user is there as show, or has chosen anew: what goes then goes, what they are to be told is
 * told.  false: not now. */
bool release_settle(struct release *r, const char *bare_jid, enum show show);

/* Something is held, or is to go. */
void release_wake(struct release *r);
void release_tick(struct release *r); /* each second */

#endif
