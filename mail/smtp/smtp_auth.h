/*
 * smtp_auth: our side of AUTH (RFC 4954): XOAUTH2, SCRAM-SHA-256, SCRAM-SHA-1 (RFC 7677, RFC 5802),
 * PLAIN (RFC 4616), LOGIN.
 *
 * The caller sees to it that the connection may carry a password.  One owner, one thread.  Private
 * to mail/.
 */
#ifndef MAIL_SMTP_SMTP_AUTH_H
#define MAIL_SMTP_SMTP_AUTH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"

struct smtp_auth;

/* With the best of the mechanisms (enum smtp_mechanism) that what we have is good for; NULL: none
 * is, or the token cannot be read.  A token is read anew each time. */
struct smtp_auth *smtp_auth_new(const struct conf_server *server, unsigned mechanisms,
                                struct err *e);
void smtp_auth_free(struct smtp_auth *a); /* takes NULL; forgets what was secret */

/* The AUTH command, with the first response in it. */
int smtp_auth_begin(struct smtp_auth *a, struct buf *out, struct err *e) MUST_CHECK;
/* The answer to a 334 and its words.  -1: there is none; *e says why, and "*" takes AUTH back. */
int smtp_auth_answer(struct smtp_auth *a, const char *challenge, struct buf *out,
                     struct err *e) MUST_CHECK;
/* 235 has come: has the server shown, too, that it knows the password (SCRAM)? */
bool smtp_auth_is_mutual(const struct smtp_auth *a);
const char *smtp_auth_name(const struct smtp_auth *a); /* "PLAIN" */

#endif
