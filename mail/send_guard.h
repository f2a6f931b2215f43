/*
 * send_guard: what must never reach an SMTP engine.
 *
 * libesmtp writes addresses and message bytes as they are: CR LF in an address becomes a command,
 * LF . CRLF in a message ends it early.  Every job passes here first.  Pure; any thread.  Private
 * to mail/.
 */
#ifndef MAIL_SEND_GUARD_H
#define MAIL_SEND_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "mail/send.h"

enum send_needs {                            /* what a job asks of the relay */
                  SEND_NEEDS_8BIT = 1,       /* 8BITMIME: bytes over 127 in the body */
                  SEND_NEEDS_UTF8_HEADER = 2 /* SMTPUTF8: in the header */
};

/*
 * Clears every recipient's answer, then refuses what is not fit as SEND_UNSENT with code, enhanced
 * code and text. Returns how many recipients may be sent to: 0 when the reverse-path or the message
 * is not fit, or every recipient's address.
 *
 * Fit is: addresses of printable ASCII without spaces and angle brackets, at most 254 bytes; a
 * message of 7-bit lines of at most 998 bytes that end in CRLF throughout, without NUL, with a
 * header and an empty line, Date, From and Message-ID once, no other field twice that RFC 5322 §3.6
 * allows once, and none that the library would take out.  is_wide, for the engine that knows what
 * the relay offers: addresses and header may be UTF-8, the body may have any bytes but NUL, and
 * job->needs tells (enum send_needs).
 */
size_t send_guard(struct send_job *job, bool is_wide);

/* For the engine too: the answer of one recipient, and of all that have none (trouble
 * SEND_ANSWERED, code 0). */
void send_answer(struct send_recipient *r, enum send_trouble trouble, int code,
                 const char *enhanced, const char *text);
void send_answer_rest(struct send_job *job, enum send_trouble trouble, int code,
                      const char *enhanced, const char *text);

#endif
