/*
 * mime_read: a mail becomes a letter (libetpan's MIME parser behind checks of our own).
 * Pure; any thread.  The parser is known to crash on hostile mail: mime_check refuses what it
 * cannot bear.
 */
#ifndef MAPPING_MIME_MIME_READ_H
#define MAPPING_MIME_MIME_READ_H

#include "mapping/context.h"
#include "mapping/letter.h"

/* What the mail's transport knows; the headers only serve where it knows nothing. */
struct mail_envelope {
    const char
        *reverse_path; /* addr-spec, "" for the null path; NULL: read Return-Path, else From */
    const char *const
        *recipients; /* addr-specs; count 0: read Delivered-To, X-Original-To or Envelope-To
                        (topmost), else the addresses at md in To, Cc, Bcc, Resent-* */
    size_t recipient_count;
    const char *mailbox_address; /* where nobody else is named; NULL: none */
};

/* A best reading is made of a bad mail; ERR_PERMANENT only for what cannot be read at all (over the
 * limits of mime_check).  letter->recipients may come out empty: then nobody here was addressed.
 * Recipients that are reverse-paths (b+...) or stored aliases (h-...) are in the list with
 * jid.domain NULL. */
int mime_read(const struct context *ctx, struct arena *a, const char *mail, size_t len,
              const struct mail_envelope *envelope, struct letter **out, struct err *e) MUST_CHECK;

/* Who is addressed, and where what cannot be delivered goes: recipients and reverse_path as
 * mime_read has them.  mail need not go on behind its header. */
int mime_read_head(const struct context *ctx, struct arena *a, const char *mail, size_t len,
                   const struct mail_envelope *envelope, struct letter **out,
                   struct err *e) MUST_CHECK;

/* An arena of this maximum holds the letter of a mail that is so long. */
size_t mime_read_arena_max(size_t mail_len);

/* Does now what the first mails would bring about: the tables of charsets and of the time are
 * loaded.  For a process that may open no file later; what could not be loaded is done without. */
void mime_read_prepare(void);

#endif
