/*
 * flowed: text/plain; format=flowed (RFC 3676), both ways.
 *
 * Text inside the program has \n line ends and lines of any length; quoted lines start with "> "
 * once for each level ("> > said before"), a signature with the line "-- ".  Pure; any thread.
 */
#ifndef MAPPING_TEXT_FLOWED_H
#define MAPPING_TEXT_FLOWED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* text -> flowed lines, \n line ends, each at most 78 characters where a space allows it.  Leading
 * "From ", space and ">" are space-stuffed; every line but the signature's loses the spaces at its
 * end. The last line is ended too.  out tells failure (buf_failed). */
void flowed_write(struct buf *out, const char *text);

/* Flowed lines (\n or CRLF) -> text.  del_sp: the parameter delsp=yes.  The signature line stays
 * "-- ". out tells failure. */
void flowed_read(struct buf *out, const char *text, size_t len, bool del_sp);

#endif
