/*
 * nickname: the name a user has given themself in their vCard (XEP-0054), for the From of their
 * mails.  Loop thread, but for nickname_is_due.
 *
 * A name is asked for behind the user's back when they are first seen (they add a contact, log in,
 * or write), and again when what is known is a day old; no mail waits for it.
 */
#ifndef BRIDGE_PEOPLE_NICKNAME_H
#define BRIDGE_PEOPLE_NICKNAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/xml.h"
#include "bridge/gateway.h"

/* Is it time to ask again, fetched_s (0: never) being when it was last done?  Any thread. */
bool nickname_is_due(int64_t fetched_s, int64_t now_s);

struct nicknames *nicknames_new(struct gateway *g);
void nicknames_free(struct nicknames *n); /* the store has stopped; takes NULL */

/* This user (any JID of theirs) may use the gateway and was seen: asks for their name if that is
 * due.  More than a hundred at once are not asked for; they will be seen again. */
void nicknames_want(struct nicknames *n, const char *jid);
/* An iq of type result or error from anybody. */
void nicknames_answered(struct nicknames *n, const struct xml_node *iq);

#endif
