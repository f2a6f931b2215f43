/*
 * screen: whose mail a user does not want.
 *
 * Most users want all of it: a bit for each user who has rules on senders, by a hash of their JID,
 * spares them the look-up.  A bit may stand for somebody who has none, and costs one.
 */
#ifndef BRIDGE_TO_JABBER_SCREEN_H
#define BRIDGE_TO_JABBER_SCREEN_H

#include "bridge/to_jabber/shipment.h"
#include "mail/lmtp/lmtp.h"
#include "store/choices.h"
#include "store/senders.h"

enum { SCREEN_BITS = 1 << 16 };

/* Before the store's writer starts; NULL with *e filled. */
struct screen *screen_open(struct store *store, struct err *e);
void screen_close(struct screen *s); /* the writer has stopped; takes NULL */
/* The user is about to have a rule.  Any thread, as screen_has. */
void screen_add(struct screen *s, const char *bare_jid);
bool screen_has(struct screen *s, const char *bare_jid);

/* A sender as it is kept: lower case, a domain as A-labels; NULL with *e: it is none. */
const char *screen_sender(struct arena *a, const char *text, struct err *e);

/* Inside store work. */
/* A user writes to this address: they are no stranger any more. */
int screen_know(struct store_txn *txn, struct screen *s, struct arena *a, const char *bare_jid,
                const char *mail, struct err *e) MUST_CHECK;
/* Does the user want no mail with this reverse-path?  Who they only do not know is not judged: the
 * author stands in the mail. */
int screen_is_blocked(struct store_txn *txn, struct arena *a, const char *bare_jid,
                      const char *reverse_path, bool *out, struct err *e) MUST_CHECK;
/* The same for the author of a mail that is here already, and for leg->jid; where they do not want
 * it, the leg is failed or dropped. */
int screen_leg(struct store_txn *txn, struct leg *leg, struct err *e) MUST_CHECK;

#endif
