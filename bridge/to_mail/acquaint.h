/*
 * acquaint: what the gateway learns of people as messages pass, and uses when it writes to them:
 * the spelling of a mail address, whose case a JID folds, and the short alias of a long JID.
 */
#ifndef BRIDGE_TO_MAIL_ACQUAINT_H
#define BRIDGE_TO_MAIL_ACQUAINT_H

#include "mapping/context.h"
#include "mapping/letter.h"
#include "store/store.h"

/* Inside store work, for a letter to mail: gives recipients and parties the spelling their
 * addresses were last seen in.  Repeatable. */
int acquaint_spell(struct store_txn *txn, const struct context *ctx, struct letter *letter,
                   struct err *e) MUST_CHECK;

/* Inside store work, for a letter to mail: keeps the stored aliases that stand in it. */
int acquaint_keep_aliases(struct store_txn *txn, const struct context *ctx,
                          const struct letter *letter, struct err *e) MUST_CHECK;

/* A stored alias as the store has it, from where it begins in an address: MTAs may have folded or
 * raised its case.  NULL: memory. */
const char *acquaint_alias(struct arena *a, const char *text);

/* For a letter from mail: the spelling of its author that should be remembered under their contact
 * JID, NULL where the JID says it all.  -1: memory. */
int acquaint_spelling(const struct context *ctx, const struct letter *letter,
                      const char **out) MUST_CHECK;

/* Inside store work: the Jabber user behind a mail address, by the map, or where a stored alias
 * stands in it by the store, which keeps what is used.  ERR_PERMANENT: nobody. */
int acquaint_user(struct store_txn *txn, const struct context *ctx, struct arena *a,
                  const struct addr *mail, struct jid *out, struct err *e) MUST_CHECK;

#endif
