/*
 * mime_write: a letter becomes an RFC 5322 message with MIME, CRLF throughout, ready for SMTP's
 * DATA (not dot-stuffed).  Pure; any thread.
 */
#ifndef MAPPING_MIME_MIME_WRITE_H
#define MAPPING_MIME_MIME_WRITE_H

#include "base/buf.h"
#include "mapping/context.h"
#include "mapping/letter.h"

/* Date, From and Message-ID stand once each; no line is over 998 bytes; nothing of the letter can
 * start a header of its own.  Bcc is never written. */
int mime_write(const struct context *ctx, const struct letter *letter, struct buf *out,
               struct err *e) MUST_CHECK;

/* The subject that the mail gets: the letter's own, else the first words of its text, else the name
 * of its first attachment.  NULL when the arena is exhausted. */
const char *mime_subject(struct arena *a, const struct letter *letter);

#endif
