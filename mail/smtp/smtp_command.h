/*
 * smtp_command: the commands of a mail's envelope, as the server's offer allows.
 *
 * Pure; any thread.  The job has passed the guard, so nothing in it can end a command.  Private to
 * mail/.
 */
#ifndef MAIL_SMTP_SMTP_COMMAND_H
#define MAIL_SMTP_SMTP_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "mail/send.h"
#include "mail/smtp/smtp_ehlo.h"

/* Answers those recipients that this server cannot serve (SEND_UNSENT): the mail is over its SIZE,
 * or it wants 8BITMIME or SMTPUTF8.  Returns how many are left. */
size_t smtp_command_fit(const struct smtp_offer *offer, struct send_job *job);

/* Appended to out, whose failure is sticky.  DSN (RFC 3461), SIZE, BODY, SMTPUTF8 and DELIVERBY
 * (RFC 2852; now_s is the wall clock's) stand where the server offers them and the mail has use for
 * them. */
void smtp_command_mail(struct buf *out, const struct smtp_offer *offer, const struct send_job *job,
                       int64_t now_s);
void smtp_command_rcpt(struct buf *out, const struct smtp_offer *offer, const struct send_job *job,
                       const struct send_recipient *r);

#endif
