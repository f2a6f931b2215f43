/*
 * party: the people of a letter as the readers of stanzas gather them: once each, whichever of the
 * two generations of envelopes names them.  Pure; any thread.
 */
#ifndef MAPPING_ADDRESS_PARTY_H
#define MAPPING_ADDRESS_PARTY_H

#include <stdbool.h>

#include "mapping/letter.h"

/* Is it one person, known by either address? */
bool party_is_same(const struct party *a, const struct party *b);

/* Adds a copy of who in this role to one of the letter's lists, unless the same person is there in
 * the same role: then only a name and the mark that somebody else delivers are taken over.  -1: the
 * arena is exhausted. */
int party_keep(struct letter *l, struct party **list, const struct party *who,
               enum party_role role) MUST_CHECK;

/* The author's name for themself, from the envelope: made safe (display_name.h), it takes the place
 * of another; what cannot be made so is left out.  -1: the arena is exhausted. */
int party_name_author(struct letter *l, const char *name) MUST_CHECK;

/* Can a mail be sent to this person, if they live on the mail side?  What needs quotes with a space
 * or an angle bracket in them (RFC 5321 §4.1.2) is legal, but hardly any server takes it, and ways
 * of sending cannot tell it from the end of an address.  ERR_PERMANENT with words for the sender.
 */
int party_check_sendable(const struct party *p, struct err *e) MUST_CHECK;

#endif
