/*
 * people: what is remembered of those who write: how their address is spelled, which short alias
 * stands for a long JID, and who else a message was addressed to.  Inside store work only, on its
 * thread.
 */
#ifndef STORE_PEOPLE_H
#define STORE_PEOPLE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

/* A JID folds the case of a mail address: the spelling that a contact (bare JID at gw) was last
 * seen in.  mail NULL: it is what the JID says anyway, nothing need be kept. */
int people_put_spelling(struct store_txn *txn, const char *contact, const char *mail, int64_t now_s,
                        struct err *e) MUST_CHECK;
/* *out NULL when there is none. */
int people_get_spelling(struct store_txn *txn, struct arena *a, const char *contact,
                        const char **out, struct err *e) MUST_CHECK;

/* The user (bare JID) behind an alias that does not spell them out, from now on as young as any.
 * The first one stays. */
int people_put_alias(struct store_txn *txn, const char *alias, const char *bare_jid, int64_t now_s,
                     struct err *e) MUST_CHECK;
int people_get_alias(struct store_txn *txn, struct arena *a, const char *alias, const char **out,
                     struct err *e) MUST_CHECK;

/* Who a message (its queue id, as in its links) was addressed to beside its reader. */
int people_put_circle(struct store_txn *txn, int64_t id, const char *circle, int64_t now_s,
                      struct err *e) MUST_CHECK;
int people_get_circle(struct store_txn *txn, struct arena *a, int64_t id, const char **out,
                      struct err *e) MUST_CHECK;

/* Forgets spellings not seen, aliases not used and circles made before; at most count_max rows of
 * each. */
int people_expire(struct store_txn *txn, int64_t spelling_before_s, int64_t alias_before_s,
                  int64_t circle_before_s, unsigned count_max, struct err *e) MUST_CHECK;

#endif
