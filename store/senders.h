/*
 * senders: whose mail each user wants, and whose not.  Inside store work only, on its thread.
 *
 * A sender is a mail address or a domain, in lower case ("romeo@example.net", "example.net"); a
 * domain stands for those below it, too.
 */
#ifndef STORE_SENDERS_H
#define STORE_SENDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

/* The numbers stand in databases. */
enum sender_verdict {
    SENDER_UNKNOWN = 0,
    SENDER_BLOCKED = 1,
    SENDER_ALLOWED = 2,
    SENDER_KNOWN = 3 /* the user has written to them */
};

enum { SENDERS_MAX = 1000, SENDERS_KNOWN_MAX = 20000 }; /* of one user */

/* SENDER_UNKNOWN: forgets what was said of this one. */
int senders_put(struct store_txn *txn, const char *bare_jid, const char *who,
                enum sender_verdict verdict, struct err *e) MUST_CHECK;
/* The user writes to this address; what is blocked or allowed stays so. */
int senders_know(struct store_txn *txn, const char *bare_jid, const char *address,
                 struct err *e) MUST_CHECK;
/* The verdict on an address: its own, else that of its domain, else of the next domain above. */
int senders_judge(struct store_txn *txn, const char *bare_jid, const char *address,
                  enum sender_verdict *out, struct err *e) MUST_CHECK;
/* Has the user written to this contact (bare JID at gw) of late? */
int senders_has_link(struct store_txn *txn, const char *bare_jid, const char *contact, bool *out,
                     struct err *e) MUST_CHECK;
/* All of one verdict, sorted; *out holds *count_out texts of the arena. */
int senders_list(struct store_txn *txn, struct arena *a, const char *bare_jid,
                 enum sender_verdict verdict, const char ***out, size_t *count_out,
                 struct err *e) MUST_CHECK;
int senders_clear(struct store_txn *txn, const char *bare_jid, enum sender_verdict verdict,
                  struct err *e) MUST_CHECK;
/* How many are blocked or allowed. */
int senders_count(struct store_txn *txn, const char *bare_jid, size_t *out,
                  struct err *e) MUST_CHECK;
/* The user is gone. */
int senders_forget(struct store_txn *txn, const char *bare_jid, struct err *e) MUST_CHECK;
/* Each user (bare JID) who has rules on senders, once. */
int senders_each_user(struct store_txn *txn, void (*fn)(const char *bare_jid, void *arg), void *arg,
                      struct err *e) MUST_CHECK;

#endif
