/*
 * receipt: a Jabber user's client says that a message of ours was shown.  Loop thread.
 */
#ifndef BRIDGE_REPORTS_RECEIPT_H
#define BRIDGE_REPORTS_RECEIPT_H

#include "bridge/gateway.h"
#include "mapping/letter.h"

/*
 * letter: a notice (STANZA_NOTICE) from bare_jid.  Where the mail's sender asked for it and the
 * user agrees (bridge/people/consent.h), a disposition notification goes back, once; in the mailbox
 * the mail came from it is marked.  Nothing is answered to the Jabber user.  Copies what it needs.
 */
void receipt_arrived(struct gateway *g, const struct letter *letter, const char *bare_jid);
void receipt_close(struct gateway *g); /* forgets what still waits; the store has stopped */

#endif
