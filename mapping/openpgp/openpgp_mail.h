/*
 * openpgp_mail: what is signed or encrypted with OpenPGP in a mail (RFC 3156, and inline).  The
 * gateway verifies nothing: what is signed goes on as files that a person can verify.  Pure; any
 * thread.
 */
#ifndef MAPPING_OPENPGP_OPENPGP_MAIL_H
#define MAPPING_OPENPGP_OPENPGP_MAIL_H

#include "base/buf.h"
#include "mapping/letter.h"
#include "mapping/mime/part_walk.h"

/* The signature of a multipart/signed made with OpenPGP; NULL: it is no such thing. */
const struct part *openpgp_mail_signature(const struct part *p);

/* Adds the signed part as it was signed, header and all, and its signature: signed.txt and
 * signed.txt.asc.  -1 only when the arena is exhausted, as below. */
int openpgp_mail_add_signed(struct letter *l, const struct part *p) MUST_CHECK;

/* The encrypted part of a PGP/MIME mail that was just added as l's last attachment, gets a name if
 * it had none. */
void openpgp_mail_name(struct letter *l, const struct part *p);

/* The encrypted part of a PGP/MIME mail as l->encrypted, when it can be: armored, not too large,
 * and the only one; *done_out tells. */
int openpgp_mail_read_inline(struct letter *l, const struct part *p, bool *done_out) MUST_CHECK;

/* Text of the part that begins with a cleartext signature: *text becomes what people read, and the
 * part as it came is added as signed.txt.asc. */
int openpgp_mail_read_signed(struct letter *l, const struct part *p, const char **text) MUST_CHECK;

/* The whole text of a mail, when it is one encrypted message: l->encrypted, or a file when it is
 * too large for a stanza, and *text becomes "". */
int openpgp_mail_read_encrypted(struct letter *l, const char **text) MUST_CHECK;

/* The pieces of a mail that is written.  Failure is the buffer's. */
void openpgp_mail_write_key(struct buf *out, const struct letter *l); /* the field OpenPGP: id= */
void openpgp_mail_write_encrypted(struct buf *out, const struct letter *l);
void openpgp_mail_write_signed_text(struct buf *out, const struct letter *l); /* body.txt */
void openpgp_mail_write_signature(struct buf *out, const struct letter *l);   /* body.txt.asc */

#endif
