/*
 * transfer: content transfer encodings for writing (RFC 2045 §6).  Every line that comes out ends
 * in CRLF, holds no control but tab, and stays under 998 bytes; no line starts with "From " or is a
 * lone dot where the encoding can say it otherwise.  Pure; any thread.
 */
#ifndef MAPPING_MIME_TRANSFER_H
#define MAPPING_MIME_TRANSFER_H

#include <stddef.h>

#include "base/buf.h"

enum transfer { TRANSFER_7BIT, TRANSFER_QUOTED_PRINTABLE, TRANSFER_BASE64 };

const char *transfer_name(enum transfer t);

/* The one that suits a text of \n or CRLF lines: 7bit where it may stand as it is, else what is
 * shorter. */
enum transfer transfer_choose(const char *text, size_t len);

/* A text: \r\n, \n and \r are line ends, each comes out as CRLF, and the last line is ended. */
void transfer_write_text(struct buf *out, enum transfer t, const char *text, size_t len);

/* Bytes as they are, in base64. */
void transfer_write_bytes(struct buf *out, const char *data, size_t len);

#endif
