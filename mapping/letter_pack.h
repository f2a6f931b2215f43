/*
 * letter_pack: a letter as bytes and back, between the process that reads strangers' mail and the
 * one that acts on it.  Any thread.
 *
 * What mime_read fills in is in the table, all but `whole`, which never leaves the reader: the page
 * is made there.  A new field of the letter that mime_read sets is a new row.
 */
#ifndef MAPPING_LETTER_PACK_H
#define MAPPING_LETTER_PACK_H

#include "base/buf.h"
#include "mapping/letter.h"

/* A failure is out's (buf_failed). */
void letter_pack(struct buf *out, const struct letter *l);

/* Believes nothing: persons are checked as addr and jid check them, numbers and texts as the table
 * says.  The letter borrows its texts from the len bytes at data, which are writable and live as
 * long as the arena.  ERR_BUG when letter_pack did not make them, ERR_RETRY when memory is out. */
int letter_unpack(struct arena *a, char *data, size_t len, struct letter **out,
                  struct err *e) MUST_CHECK;

#endif
