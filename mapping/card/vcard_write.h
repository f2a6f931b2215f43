/*
 * vcard_write: people as vCards 4.0 (RFC 6350).  Pure; any thread.
 */
#ifndef MAPPING_CARD_VCARD_WRITE_H
#define MAPPING_CARD_VCARD_WRITE_H

#include "base/buf.h"
#include "mapping/letter.h"

/* A card for each of the list, lines folded at 75 bytes and ended by CRLF.  Failure is the
 * buffer's. */
void vcard_write(struct buf *out, const struct contact *contacts);

#endif
