/*
 * smtp_esmtp: libesmtp 1.1.0, behind a fence.
 *
 * One session is one connection with as many mails as come while it is open.  Blocking; a worker's
 * thread.  Private to mail/.
 */
#ifndef MAIL_SMTP_SMTP_ESMTP_H
#define MAIL_SMTP_SMTP_ESMTP_H

#include "base/err.h"
#include "mail/send.h"
#include "mail/smtp/smtp_pool.h"

/* Runs a session that goes nowhere, so that the library's table of character classes is filled
 * before there are threads. */
int smtp_esmtp_prime(struct err *e) MUST_CHECK;

/*
 * Connects, sends `first` and whatever smtp_worker_next gives, disconnects.  Every job is answered
 * by smtp_worker_done but one at most, which is returned: its connection turned out to be dead
 * before any of it can have been accepted, so it is to be sent on a fresh one.  `first` itself is
 * never returned.
 */
struct send_job *smtp_esmtp_run(struct smtp_worker *w, struct send_job *first);

/* Blocking, for send_probe. */
int smtp_probe(const struct send_settings *settings, char *text_out, size_t text_size,
               struct err *e) MUST_CHECK;

#endif
