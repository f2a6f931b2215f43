/*
 * reply_all: a message to user@gw/all is for everybody of the mail that it answers.
 *
 * Who that was is kept beside the links (a circle, one text for each message) and looked up by the
 * reply's id or its thread.
 */
#ifndef BRIDGE_TO_MAIL_REPLY_ALL_H
#define BRIDGE_TO_MAIL_REPLY_ALL_H

#include "mapping/context.h"
#include "mapping/letter.h"
#include "store/store.h"

/* The circle of a letter: whom it names openly.  "" when that is nobody beside its one reader, and
 * nothing need be kept; NULL: memory. */
const char *reply_all_circle(const struct letter *letter);

/* Inside store work: the circle of the mail that letter answers, "" when it named nobody else;
 * *out NULL when no mail is known that it could answer. */
int reply_all_find(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                   const char *bare_contact, const char **out, struct err *e) MUST_CHECK;

/* Adds the people of a circle to the letter's parties and recipients, except its author.
 * ERR_PERMANENT when there are too many, or one whom the relay cannot take. */
int reply_all_add(const struct context *ctx, struct letter *letter, const char *circle,
                  struct err *e) MUST_CHECK;

#endif
