/*
 * addresses: Extended Stanza Addressing (XEP-0033), both ways: `to cc bcc replyto replyroom noreply
 * ofrom`, each with `jid` or `uri`, `desc` and `delivered`.  The younger sister of envelope; a
 * stanza may carry both, and each person in them counts once.  Pure; any thread.
 */
#ifndef MAPPING_ADDRESS_ADDRESSES_H
#define MAPPING_ADDRESS_ADDRESSES_H

#include "base/xml.h"
#include "mapping/context.h"
#include "mapping/letter.h"
#include "mapping/stanza/stanza_read.h"
#include "mapping/report/status.h"

/* Reads the addresses element into letter (whose from is known): parties, no_reply, reply_room,
 * claimed_from.  One address that is none refuses the whole (XEP-0033 §2.2: nobody gets it).
 * STANZA_LETTER: go on. */
enum stanza_verdict addresses_read(const struct context *ctx, struct letter *letter,
                                   const struct xml_node *addresses,
                                   struct jabber_error *error) MUST_CHECK;

/* Adds the element for this recipient, if there is anything to say: everybody named is marked as
 * delivered, blind copies are named to themselves alone, and the author stands in ofrom where the
 * stanza comes from the gateway itself.  -1: the arena is exhausted. */
int addresses_write(const struct context *ctx, struct arena *a, const struct letter *letter,
                    const struct party *recipient, struct xml_node *stanza) MUST_CHECK;

#endif
