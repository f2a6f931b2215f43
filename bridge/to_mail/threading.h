/*
 * threading: which mail a message answers, from what the links remember.  Inside store work.
 */
#ifndef BRIDGE_TO_MAIL_THREADING_H
#define BRIDGE_TO_MAIL_THREADING_H

#include "mapping/context.h"
#include "mapping/letter.h"
#include "store/store.h"

struct link;

/* The message that a letter to mail answers: the one it replies to (XEP-0461), or else the last of
 * its thread; *out NULL: none is known. */
int threading_parent(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                     const char *bare_contact, struct link **out, struct err *e) MUST_CHECK;

/* A letter to mail: in_reply_to, references and, where it has none, the subject, from the message
 * that it replies to (XEP-0461) or else the last of its thread. */
int threading_to_mail(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                      const char *bare_contact, struct err *e) MUST_CHECK;

/* A letter that corrects an earlier one (XEP-0308).  Where that still waits in the queue and none
 * of its recipients is being tried, it is taken out and the letter takes its place; else the letter
 * answers it, and says in its subject that it is a correction.  *found_out: is the earlier one
 * known? */
int threading_correction(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                         const char *bare_contact, int64_t now_s, bool *found_out,
                         struct err *e) MUST_CHECK;

/* A letter to a Jabber user: thread and reply from the newest mail it refers to that the user
 * knows, else a thread made from its root; and the type, which is that of what it answers.  Sets
 * the letter's fields for this one user. */
int threading_to_jabber(struct store_txn *txn, const struct context *ctx, struct letter *letter,
                        const char *bare_jid, struct err *e) MUST_CHECK;

/* The thread of a conversation nobody here knows yet: a keyed hash of its root's Message-ID. NULL:
 * memory, or no id at all. */
const char *threading_root(const struct context *ctx, const struct letter *letter);

#endif
