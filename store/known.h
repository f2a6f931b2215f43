/*
 * known: the contacts that a user has: in their list, with a name from a mail, or talked with.
 * Inside store work only, on its thread.
 */
#ifndef STORE_KNOWN_H
#define STORE_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

enum { KNOWN_MAX = 20000 }; /* of one user; more are not looked at */

/* Each once, in the order of their octets; gw itself is not among them.  listed: only those whose
 * presence the user has asked for.  name is that of their mails, NULL when none is known.  -1 from
 * fn ends it with an error of memory. */
int known_each(struct store_txn *txn, const char *bare_jid, bool listed,
               int (*fn)(const char *contact, const char *name, void *arg), void *arg,
               struct err *e) MUST_CHECK;

/* When a contact (bare) last wrote to the user, as far as is still known; 0: it is not. */
int known_last_mail(struct store_txn *txn, const char *bare_jid, const char *contact, int64_t *out,
                    struct err *e) MUST_CHECK;

#endif
